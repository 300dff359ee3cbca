"""One version of a scoring model: its name, its alert threshold and the rows it was trained on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

from afterlaunch.errors import ParameterError
from afterlaunch.windows import Window

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """A version of the model as the scoring log names it.

    Parameters
    ----------
    name : str
        Letters, digits and ``. _ + -``.
    threshold : float
        A score at or above it is an alert; in [0, 1].
    trained_from, trained_until : datetime.date
        First and last day of the rows it was trained on. Rows of these days are never fresh for this version.
    """

    name: str
    threshold: float
    trained_from: dt.date
    trained_until: dt.date

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ParameterError(
                f"Version name {self.name!r} may hold letters, digits and . _ + - only. Rename it."
            )
        if not 0 <= self.threshold <= 1:
            raise ParameterError(
                f"Version {self.name!r} has threshold {self.threshold}; scores lie in 0 to 1, so give a threshold "
                "there."
            )
        if self.trained_until < self.trained_from:
            raise ParameterError(
                f"Version {self.name!r} was trained until {self.trained_until}, before it began on "
                f"{self.trained_from}. Swap the two dates."
            )

    @property
    def trained(self) -> Window:
        """The training window, half-open."""
        return Window.of_days(self.trained_from, self.trained_until)
