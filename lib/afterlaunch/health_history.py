"""The months of a report in a row: this one, the last one, and those that a usual range may rest on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from afterlaunch.findings import Measurement
from afterlaunch.health_counts import MonthCounts
from afterlaunch.health_measures import HealthMeasure, MonthMeasures, Resampling
from afterlaunch.health_report import MonthPoint
from afterlaunch.ranges import Range
from afterlaunch.rates import NoUsualRange, UsualRange, run_of_eight, usual_range

MonthMeasure = Callable[[MonthMeasures], Measurement]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """One measure over all months: its points, and its usual range before this month."""

    current: Measurement
    previous: Measurement | None
    points: tuple[MonthPoint, ...]
    usual_range: UsualRange | None
    usual_range_reason: str
    run_of_eight: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """All months up to this one, oldest first.

    ``usual_months`` are the ones that a usual range rests on: every row of theirs is fresh, so no training month of
    the version that scored it is among them. ``left_out`` are the months with rows before this one that are not.
    """

    months: tuple[MonthMeasures, ...]
    n_months: int

    @classmethod
    def of(cls, months: tuple[MonthCounts, ...], *, resampling: Resampling, n_months: int) -> History:
        """Return the history of counted months."""
        return cls(months=tuple(MonthMeasures.of(month, resampling) for month in months), n_months=n_months)

    @property
    def current(self) -> MonthMeasures:
        """The month that the report is about."""
        return self.months[-1]

    @property
    def previous(self) -> MonthMeasures | None:
        """Last month, when it has rows."""
        return self.months[-2] if len(self.months) > 1 and self.months[-2].month.n else None

    @property
    def usual_months(self) -> tuple[MonthMeasures, ...]:
        """Months before this one, of fresh rows only."""
        fresh = [m for m in self.months[:-1] if m.month.n and m.month.n_fresh == m.month.n]
        return tuple(fresh[-self.n_months :])

    @property
    def left_out(self) -> tuple[MonthMeasures, ...]:
        """Months before this one that have rows but do not belong to the usual range."""
        usual = {m.month.window.label for m in self.usual_months}
        return tuple(m for m in self.months[:-1] if m.month.n and m.month.window.label not in usual)

    def course(self, measured: MonthMeasure | HealthMeasure, *, bounds: Range | None = None) -> Course:
        """Follow one measure over the months; its usual range is kept within ``bounds``, where values can lie."""
        function = measured if callable(measured) else _of(measured)
        within = measured.bounds if isinstance(measured, HealthMeasure) else bounds or Range()
        usual = {m.month.window.label for m in self.usual_months}
        measurements = [(m.month, function(m)) for m in self.months]
        points = tuple(
            _point(month, value, in_range=month.window.label in usual) for month, value in measurements
        )
        base = np.array([p.value for p in points[:-1] if p.in_usual_range and not math.isnan(p.value)])
        found = usual_range(base, max_months=self.n_months)
        known_range = _within(found, within) if isinstance(found, UsualRange) else None
        series = np.append(base, points[-1].value)
        return Course(
            current=measurements[-1][1],
            previous=measurements[-2][1] if self.previous else None,
            points=points,
            usual_range=known_range,
            usual_range_reason=found.reason if isinstance(found, NoUsualRange) else "",
            run_of_eight=known_range is not None and bool(run_of_eight(series, known_range.centre)),
        )


def _within(usual: UsualRange, bounds: Range) -> UsualRange:
    lower = usual.lower if bounds.lower is None else max(usual.lower, bounds.lower)
    upper = usual.upper if bounds.upper is None else min(usual.upper, bounds.upper)
    return dataclasses.replace(usual, lower=lower, upper=upper)


def _of(measure: HealthMeasure) -> MonthMeasure:
    return lambda month: month.measure(measure)


def _point(month: MonthCounts, measurement: Measurement, *, in_range: bool) -> MonthPoint:
    return MonthPoint(
        label=month.window.label,
        value=measurement.value,
        n=measurement.n,
        versions=tuple(month.versions),
        in_usual_range=in_range,
        ci_lower=measurement.ci_lower,
        ci_upper=measurement.ci_upper,
        reason=measurement.reason,
    )
