"""Months in a row: one measure over all of them, and the usual range that the earlier ones give."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from afterlaunch.baselines import UsualRangePolicy
from afterlaunch.findings import Measurement
from afterlaunch.health_counts import MonthCounts
from afterlaunch.health_measures import HealthMeasure, MonthMeasures, Resampling
from afterlaunch.health_report import MonthPoint
from afterlaunch.ranges import Range
from afterlaunch.rates import NoUsualRange, UsualRange, laney_usual_range, run_of_eight, usual_range
from afterlaunch.windows import Window

MonthMeasure = Callable[[MonthMeasures], Measurement]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonthValue:
    """One measure in one month.

    Parameters
    ----------
    is_usual : bool
        Whether a usual range may rest on the month: it has rows, and none of them was used in training.
    n_units : float
        Cases that a rate's events are counted among; nan for anything that is no rate.
    """

    window: Window
    measurement: Measurement
    versions: tuple[str, ...] = ()
    is_usual: bool = True
    n_units: float = math.nan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Yardstick:
    """How the usual range of one indicator is made.

    Parameters
    ----------
    code : str
        The indicator.
    policy : UsualRangePolicy
        How far back it looks.
    bounds : Range
        Where values can lie at all.
    limits : {"xmr", "laney"}
        Limits from the months' values alone, or Laney's for rates whose months differ much in size.
    per : float
        What a rate is given per, for Laney's limits.
    """

    code: str
    policy: UsualRangePolicy
    bounds: Range = dataclasses.field(default_factory=Range)
    limits: str = "xmr"
    per: float = 1000.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """One measure over all months: its points, and its usual range before this month.

    ``usual_months`` are the labels of those that the range rests on, or would.
    """

    current: Measurement
    previous: Measurement | None
    points: tuple[MonthPoint, ...]
    usual_months: tuple[str, ...]
    usual_range: UsualRange | None
    usual_range_reason: str
    run_of_eight: bool


def course_of(values: Sequence[MonthValue], yardstick: Yardstick) -> Course:
    """Follow one measure over months, oldest first; the last one is judged."""
    now = values[-1]
    eligible = [value.window.label for value in values[:-1] if value.is_usual]
    labels = yardstick.policy.usual_months(yardstick.code, now.window, eligible)
    base = [value for value in values[:-1] if value.window.label in labels]
    found = _found_range(base, now, yardstick)
    known_range = _within(found, yardstick.bounds) if isinstance(found, UsualRange) else None
    points = tuple(_point(value, in_range=value.window.label in labels) for value in values)
    # Also the months behind a frozen range: a run is of months in a row.
    in_a_row = [
        v.measurement.value
        for v in values
        if v is now or (v.is_usual and v.window.label >= min(labels, default=""))
    ]
    return Course(
        current=now.measurement,
        previous=values[-2].measurement if len(values) > 1 else None,
        points=points[-(yardstick.policy.months + 1) :],
        usual_months=labels,
        usual_range=known_range,
        usual_range_reason=_why_none(found, now.window, yardstick) if isinstance(found, NoUsualRange) else "",
        run_of_eight=known_range is not None and bool(run_of_eight(np.array(in_a_row), known_range.centre)),
    )


def _found_range(
    base: Sequence[MonthValue], now: MonthValue, yardstick: Yardstick
) -> UsualRange | NoUsualRange:
    months = yardstick.policy.months
    rates = np.array([value.measurement.value for value in base])
    labels = [value.window.label for value in base] if yardstick.policy.frozen else []
    if yardstick.limits == "laney" and not math.isnan(now.n_units):
        units = np.array([value.n_units for value in base])
        return laney_usual_range(
            rates * units / yardstick.per,
            units,
            n_units_now=now.n_units,
            per=yardstick.per,
            max_months=months,
            months=labels,
        )
    return usual_range(rates, max_months=months, months=labels)


def _why_none(found: NoUsualRange, month: Window, yardstick: Yardstick) -> str:
    baseline = yardstick.policy.baseline(yardstick.code, month)
    if baseline is None or (not yardstick.policy.frozen and not found.n_months):
        return found.reason
    return f"{found.reason} since {Window.parse(baseline.since).title} ({baseline.reason})"


def _within(usual: UsualRange, bounds: Range) -> UsualRange:
    lower = usual.lower if bounds.lower is None else max(usual.lower, bounds.lower)
    upper = usual.upper if bounds.upper is None else min(usual.upper, bounds.upper)
    return dataclasses.replace(usual, lower=lower, upper=upper)


def _point(value: MonthValue, *, in_range: bool) -> MonthPoint:
    measurement = value.measurement
    return MonthPoint(
        label=value.window.label,
        value=measurement.value,
        n=measurement.n,
        versions=value.versions,
        in_usual_range=in_range,
        ci_lower=measurement.ci_lower,
        ci_upper=measurement.ci_upper,
        reason=measurement.reason,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """All months of a scoring log up to this one, oldest first.

    ``usual_months`` are the ones that a usual range rests on: every row of theirs is fresh, so no training month of
    the version that scored it is among them. ``left_out`` are the months with rows before this one that are not.
    """

    months: tuple[MonthMeasures, ...]
    policy: UsualRangePolicy
    judged_window: Window

    @classmethod
    def of(
        cls,
        months: tuple[MonthCounts, ...],
        *,
        resampling: Resampling,
        policy: UsualRangePolicy,
        judged_window: Window,
    ) -> History:
        """Return the history of counted months."""
        measured = tuple(MonthMeasures.of(month, resampling) for month in months)
        return cls(months=measured, policy=policy, judged_window=judged_window)

    @property
    def judged_months(self) -> tuple[MonthMeasures, ...]:
        """All months up to the one whose outcomes can be judged."""
        return tuple(m for m in self.months if m.month.window.start <= self.judged_window.start)

    @property
    def judged(self) -> MonthMeasures:
        """The month whose outcomes are judged: this month, or an earlier one whose outcomes are complete."""
        return self.judged_months[-1]

    @property
    def previous_judged(self) -> MonthMeasures | None:
        """The month before the judged one, when it has rows."""
        before = self.judged_months[:-1]
        return before[-1] if before and before[-1].month.n else None

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
        fresh = {m.month.window.label: m for m in self.months[:-1] if _is_fresh(m)}
        labels = self.policy.usual_months("", self.current.month.window, tuple(fresh))
        return tuple(fresh[label] for label in labels)

    @property
    def left_out(self) -> tuple[MonthMeasures, ...]:
        """Months before this one that have rows but do not belong to the usual range."""
        usual = {m.month.window.label for m in self.usual_months}
        return tuple(m for m in self.months[:-1] if m.month.n and m.month.window.label not in usual)

    def course(
        self, measured: MonthMeasure | HealthMeasure, *, code: str, bounds: Range | None = None
    ) -> Course:
        """Follow one measure over the months; its usual range is kept within ``bounds``, where values can lie.

        A :class:`HealthMeasure` rests on outcomes: its last month is the judged one.
        """
        needs_outcomes = isinstance(measured, HealthMeasure)
        months = self.judged_months if needs_outcomes else self.months
        function = measured if callable(measured) else _of(measured)
        within = measured.bounds if isinstance(measured, HealthMeasure) else bounds or Range()
        values = tuple(
            MonthValue(
                window=m.month.window,
                measurement=function(m),
                versions=tuple(m.month.versions),
                is_usual=_is_fresh(m),
            )
            for m in months
        )
        course = course_of(values, Yardstick(code=code, policy=self.policy, bounds=within))
        has_previous = self.previous_judged if needs_outcomes else self.previous
        return course if has_previous else dataclasses.replace(course, previous=None)


def _is_fresh(months: MonthMeasures) -> bool:
    return bool(months.month.n) and months.month.n_fresh == months.month.n


def _of(measure: HealthMeasure) -> MonthMeasure:
    return lambda month: month.measure(measure)
