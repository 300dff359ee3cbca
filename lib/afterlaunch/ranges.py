"""Closed intervals of numbers, as policies and contracts state them."""

from __future__ import annotations

import dataclasses

from afterlaunch.errors import ParameterError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """A closed interval; ``None`` leaves a side open.

    Examples
    --------
    >>> Range(lower=0.7).contains(0.7)
    True
    """

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ParameterError(
                f"Range from {self.lower} to {self.upper} is empty. Give a lower bound that is not above the upper one."
            )

    def contains(self, value: float) -> bool:
        """Tell whether a value lies in the range, bounds included."""
        return (self.lower is None or value >= self.lower) and (self.upper is None or value <= self.upper)
