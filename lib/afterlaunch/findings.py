"""Judgement: a measured number, the bounds it is held against, and what that makes of it.

There is one grading function, :func:`grade`. A number is held against two ranges, its *usual range* and its
*target range*: outside both is ``act``, outside one is ``watch``, inside both is ``ok``. Bounds are inclusive.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable, Mapping

from afterlaunch.errors import ParameterError
from afterlaunch.ranges import Range


class Severity(enum.StrEnum):
    """How much a finding matters: ``ok < watch < act``, and ``unknown`` beside them."""

    OK = "ok"
    WATCH = "watch"
    ACT = "act"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Place in the order of concern; ``unknown`` sorts between ``ok`` and ``watch``."""
        return ("ok", "unknown", "watch", "act").index(self.value)


class Direction(enum.StrEnum):
    """Which way a number gets better."""

    HIGHER = "higher_is_better"
    LOWER = "lower_is_better"
    INSIDE = "inside_is_better"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number with its unit, its size of sample and its interval.

    Parameters
    ----------
    measure : str
        The field's name of the measure, such as ``roc_auc``.
    subject : str
        What was measured: a window, a segment, a column.
    value : float
        nan only together with ``reason``.
    unit : str
        Such as ``"share"``, ``"per 1,000"``, ``"ms"``; never empty. ``"score"`` for plain numbers without a unit.
    n : int
        Rows that the number rests on.
    ci_lower, ci_upper : float or None
        95 % interval; ``None`` when there is none.
    reference_value : float or None
        The same measure on the reference window.
    reason : str
        Why the value, or its interval, could not be computed; empty otherwise.
    """

    measure: str
    subject: str
    value: float
    unit: str
    n: int
    ci_lower: float | None = None
    ci_upper: float | None = None
    reference_value: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.unit:
            raise ValueError(f"Measurement {self.measure!r} of {self.subject!r} has no unit. Give one.")
        if math.isnan(self.value) and not self.reason:
            raise ValueError(
                f"Measurement {self.measure!r} of {self.subject!r} is nan without a reason. Say why."
            )

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threshold:
    """The two ranges a measurement is held against, and the rows it must rest on.

    A side that is not known (``None``) is not judged; with only one of them known, the worst grade is ``watch``.
    """

    direction: Direction
    usual_range: Range | None = None
    target_range: Range | None = None
    min_n: int = 0

    @classmethod
    def limits(cls, *, watch: float, act: float, direction: Direction, min_n: int = 0) -> Threshold:
        """Return the threshold of two one-sided limits, ``act`` being the worse one.

        Examples
        --------
        >>> psi = Threshold.limits(watch=0.1, act=0.2, direction=Direction.LOWER)
        >>> grade(Measurement(measure="psi", subject="age", value=0.15, unit="score", n=9), psi)
        <Severity.WATCH: 'watch'>
        """
        if direction is Direction.INSIDE or (act < watch if direction is Direction.LOWER else act > watch):
            raise ParameterError(
                f"Limits watch={watch} and act={act} do not fit {direction.value}: act must be the worse of the two."
            )
        side = "upper" if direction is Direction.LOWER else "lower"
        return cls(
            direction=direction,
            usual_range=Range(**{side: watch}),
            target_range=Range(**{side: act}),
            min_n=min_n,
        )

    def leaves_usual_range(self, value: float) -> bool:
        """Tell whether a value lies outside the usual range for the worse."""
        if self.usual_range is None:
            return False
        lower = None if self.direction is Direction.LOWER else self.usual_range.lower
        upper = None if self.direction is Direction.HIGHER else self.usual_range.upper
        return not Range(lower=lower, upper=upper).contains(value)

    def misses_target(self, value: float) -> bool:
        """Tell whether a value misses its target."""
        return self.target_range is not None and not self.target_range.contains(value)


def grade(measurement: Measurement, threshold: Threshold) -> Severity:
    """Grade a measurement: outside both of its ranges is ``act``, outside one ``watch``, inside ``ok``.

    A value that is not known, or rests on fewer than ``min_n`` rows, is ``unknown``; so is one with no range at all.
    """
    nothing_to_hold_against = threshold.usual_range is None and threshold.target_range is None
    if not measurement.is_known or measurement.n < threshold.min_n or nothing_to_hold_against:
        return Severity.UNKNOWN
    misses = threshold.leaves_usual_range(measurement.value) + threshold.misses_target(measurement.value)
    return (Severity.OK, Severity.WATCH, Severity.ACT)[misses]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A measurement that was judged; its severity is always the grade of the one by the other."""

    code: str
    measurement: Measurement
    threshold: Threshold

    @property
    def severity(self) -> Severity:
        """``grade(measurement, threshold)``."""
        return grade(self.measurement, self.threshold)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The worst severity among deciding findings, and the findings that decided it."""

    severity: Severity
    deciding: tuple[str, ...]
    n_by_severity: Mapping[Severity, int]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Verdict:
        """Return the verdict over findings; with none known it is ``unknown``."""
        judged = tuple(findings)
        counts = {severity: sum(f.severity is severity for f in judged) for severity in Severity}
        known = [f for f in judged if f.severity is not Severity.UNKNOWN]
        worst = max((f.severity for f in known), key=lambda s: s.rank, default=Severity.UNKNOWN)
        deciding = tuple(f.code for f in judged if f.severity is worst)
        return cls(severity=worst, deciding=deciding, n_by_severity=counts)
