"""Volume and data quality month by month, and what moved since last month."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from afterlaunch.findings import Measurement
from afterlaunch.health_history import Course, History
from afterlaunch.health_measures import SHARE, MonthMeasures
from afterlaunch.health_report import Change, Indicator, QualityCheck
from afterlaunch.ranges import Range

MAX_CHANGES = 4
MIN_CHANGES = 2
# A share of missing values must leave its usual range by this much before it is called unusual.
MIN_SHARE_MOVE = 0.005


def quality_of(history: History) -> tuple[QualityCheck, ...]:
    """Check volume, days without rows, late outcomes and missing values against their usual ranges."""
    month = history.current.month
    checks = [
        _check(history, "rows_per_day", "Rows per day", _rows_per_day, decimals=0),
        _check(history, "days_without_rows", "Days without rows", _days_without_rows, decimals=0),
        _check(history, "outcome_missing_share", "Rows whose outcome is overdue", _overdue_share),
    ]
    ever_missing = [name for name in month.n_missing if any(m.month.n_missing[name] for m in history.months)]
    for name in ever_missing:
        title = f"Missing values in {name}"
        checks.append(_check(history, f"missing_share.{name}", title, _missing_share(name)))
    return tuple(checks)


def _check(
    history: History,
    code: str,
    title: str,
    measured: Callable[[MonthMeasures], Measurement],
    *,
    decimals: int = 1,
) -> QualityCheck:
    bounds = SHARE if code.endswith("share") or code.startswith("missing_share") else Range(lower=0)
    course = history.course(measured, code=f"quality.{code}", bounds=bounds)
    return QualityCheck(
        code=code,
        title=title,
        current=course.current,
        previous=course.previous.value if course.previous else None,
        usual_range=course.usual_range,
        is_unusual=_is_unusual(course),
        decimals=decimals,
    )


def _is_unusual(course: Course) -> bool:
    usual, value = course.usual_range, course.current.value
    if usual is None or math.isnan(value) or usual.contains(value):
        return False
    beyond = max(usual.lower - value, value - usual.upper)
    return beyond >= MIN_SHARE_MOVE if course.current.unit == "share" else True


def _plain(measure: str, unit: str, value: float, months: MonthMeasures) -> Measurement:
    month = months.month
    if not month.n:
        reason = f"no rows in {month.window.title}"
        return Measurement(
            measure=measure, subject=month.window.title, value=math.nan, unit=unit, n=0, reason=reason
        )
    return Measurement(measure=measure, subject=month.window.title, value=value, unit=unit, n=month.n)


def _rows_per_day(months: MonthMeasures) -> Measurement:
    return _plain("rows_per_day", "rows per day", months.month.n / months.month.window.n_days, months)


def _days_without_rows(months: MonthMeasures) -> Measurement:
    value = months.month.window.n_days - months.month.n_days_with_rows
    return _plain("days_without_rows", "days", float(value), months)


def _overdue_share(months: MonthMeasures) -> Measurement:
    share = months.month.n_without_outcome / max(1, months.month.n)
    return _plain("outcome_missing_share", "share", share, months)


def _missing_share(name: str) -> Callable[[MonthMeasures], Measurement]:
    def measured(months: MonthMeasures) -> Measurement:
        return _plain("missing_share", "share", months.month.n_missing[name] / max(1, months.month.n), months)

    return measured


def changes_of(
    indicators: Sequence[Indicator], quality: tuple[QualityCheck, ...], background: Sequence[Change]
) -> tuple[Change, ...]:
    """Return what left its usual range this month, the furthest out first, at most four.

    Where fewer than two did, the background (how often the outcome happened, how high the scores were) is added as
    context although it stayed within its usual range.
    """
    candidates = [_indicator_change(indicator) for indicator in indicators]
    candidates += [_quality_change(check) for check in quality if check.is_unusual]
    candidates += list(background)
    unusual = [change for change in candidates if change is not None and _distance(change) > 0]
    furthest = sorted(unusual, key=lambda change: (-_distance(change), change.code))[:MAX_CHANGES]
    context = [
        c for c in background if c not in furthest and not math.isnan(c.before) and not math.isnan(c.after)
    ]
    return (*furthest, *context[: max(0, MIN_CHANGES - len(furthest))])


def _indicator_change(indicator: Indicator) -> Change | None:
    now = indicator.finding.measurement
    if not now.is_known or indicator.usual_range is None:
        return None
    return Change(
        code=indicator.code,
        title=indicator.title,
        unit=now.unit,
        before=indicator.previous.value if indicator.previous else math.nan,
        after=now.value,
        usual_range=indicator.usual_range,
        decimals=indicator.decimals,
    )


def _quality_change(check: QualityCheck) -> Change:
    return Change(
        code=f"quality.{check.code}",
        title=check.title,
        unit=check.current.unit,
        before=math.nan if check.previous is None else check.previous,
        after=check.current.value,
        usual_range=check.usual_range,
        decimals=check.decimals,
    )


def _distance(change: Change) -> float:
    """Return how many half-widths of its usual range a number lies outside of it; 0 inside."""
    usual = change.usual_range
    if usual is None or math.isnan(change.after):
        return 0.0
    beyond = max(usual.lower - change.after, change.after - usual.upper, 0.0)
    half_width = max((usual.upper - usual.lower) / 2, 1e-12)
    return beyond / half_width
