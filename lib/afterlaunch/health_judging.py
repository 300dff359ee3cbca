"""One row of the health table: a measured course held against its usual range and its target."""

from __future__ import annotations

import dataclasses
import math

from afterlaunch.findings import Direction, Finding, Measurement, Threshold
from afterlaunch.health_history import Course
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import Area, Change, Fact, Indicator
from afterlaunch.ranges import Range

_AREAS = {
    "speed": Area.SPEED,
    "people": Area.PEOPLE,
    "complaints": Area.COMPLAINTS,
    "business": Area.BUSINESS,
    "model": Area.MODEL,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndicatorKind:
    """What an indicator is, whatever its value.

    Parameters
    ----------
    code : str
        Stable name; its first word is the area.
    title, unit : str
        What people read.
    direction : Direction
        Which way is better.
    decimals : int
        Digits after the point when shown.
    bounds : Range
        Where values can lie at all.
    """

    code: str
    title: str
    unit: str
    direction: Direction
    decimals: int = 1
    bounds: Range = dataclasses.field(default_factory=Range)

    @property
    def area(self) -> Area:
        """The group of the table it stands in."""
        return _AREAS[self.code.partition(".")[0]]

    @property
    def name(self) -> str:
        """The measure's name: the code without its area."""
        return self.code.partition(".")[2]


def judged(
    kind: IndicatorKind, course: Course, policy: HealthPolicy, *, behind: tuple[Fact, ...] = ()
) -> Indicator:
    """Return the indicator of a course, held to what the policy says."""
    held_to = policy.indicators.get(kind.code, IndicatorPolicy())
    usual = course.usual_range
    threshold = Threshold(
        direction=kind.direction,
        usual_range=Range(lower=usual.lower, upper=usual.upper) if usual else None,
        target_range=held_to.target,
        min_n=held_to.min_n,
    )
    return Indicator(
        area=kind.area,
        title=kind.title,
        finding=Finding(code=kind.code, measurement=course.current, threshold=threshold),
        previous=course.previous,
        usual_range=usual,
        usual_range_reason=course.usual_range_reason,
        history=course.points,
        behind=behind,
        run_of_eight=course.run_of_eight,
        decimals=kind.decimals,
        question=held_to.question,
        owner=held_to.owner,
    )


def not_measured(kind: IndicatorKind, reason: str) -> Indicator:
    """Return the indicator of something that has no source, and say what is missing."""
    measurement = Measurement(
        measure=kind.name,
        subject=kind.title,
        value=math.nan,
        unit=kind.unit,
        n=0,
        reason=f"not measured: {reason}",
    )
    threshold = Threshold(direction=Direction.LOWER)
    finding = Finding(code=kind.code, measurement=measurement, threshold=threshold)
    return Indicator(area=kind.area, title=kind.title, finding=finding)


def change_of(code: str, title: str, course: Course, *, decimals: int) -> Change:
    """Return how a number moved since last month."""
    return Change(
        code=code,
        title=title,
        unit=course.current.unit,
        before=course.previous.value if course.previous else math.nan,
        after=course.current.value,
        usual_range=course.usual_range,
        decimals=decimals,
    )
