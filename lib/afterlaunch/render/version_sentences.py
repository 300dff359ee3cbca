"""Which model versions scored the month, and what that means for comparing it with others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from afterlaunch.health_report import HealthReport, VersionUse
from afterlaunch.render.grammar import cases, day_of_month, listed, month_beside
from afterlaunch.render.numbers import percent

MIN_SHARE_MOVE = 0.05


def scored_by(report: HealthReport) -> str:
    """Name the versions of the month, the busiest first.

    Returns
    -------
    str
        Such as ``scored by v2 (v3 on 10 % since 18 March)``; empty without rows.
    """
    if not report.versions:
        return ""
    main, *others = report.versions
    beside = [f"{use.name} on {percent(use.share)} {_from_to(use, report)}" for use in others]
    return f"scored by {main.name}" + (f" ({listed(beside)})" if beside else "")


def version_change(report: HealthReport) -> str:
    """Say in one sentence how the versions differ from last month's; empty when they do not."""
    before, now = report.previous_versions, report.versions
    if not before or not now:
        return ""
    month = month_beside(report.previous_window, report.window)
    new = [use for use in now if use.name not in _names(before)]
    if len(now) == len(before) == len(new) == 1:
        all_cases = cases(now[0].n, report.case_noun)
        return f"{now[0].name} took over from {before[0].name} and scored all {all_cases}."
    if new:
        came = listed(
            f"{use.name} ({cases(use.n, report.case_noun)}, {percent(use.share)}, {_from_to(use, report)})"
            for use in new
        )
        return f"New this month: {came}. {month} was scored by {listed(_names(before))}."
    gone = [name for name in _names(before) if name not in _names(now)]
    if gone:
        left = listed(_names(now))
        return f"{listed(gone)} no longer scored any {report.case_noun}; all were scored by {left}."
    return _moved_shares(before, now, month)


def across_versions(report: HealthReport) -> str:
    """Warn that this month and last month were scored by different versions; empty when they were not."""
    if not report.previous_versions or not version_change(report):
        return ""
    month = month_beside(report.previous_window, report.window)
    was, now = listed(_names(report.previous_versions)), listed(_names(report.versions))
    if was == now:
        return ""
    this_month = month_beside(report.window, report.previous_window)
    return f"{month} was scored by {was}, {this_month} by {now}: any change can be the version's."


def _moved_shares(before: Sequence[VersionUse], now: Sequence[VersionUse], month: str) -> str:
    old = {use.name: use.share for use in before}
    moves = [use for use in now if abs(use.share - old[use.name]) >= MIN_SHARE_MOVE]
    if not moves:
        return ""
    told = listed(
        f"{use.name} {percent(use.share)} (was {percent(old[use.name])} in {month})" for use in moves
    )
    return f"The versions share the work differently: {told}."


def _from_to(use: VersionUse, report: HealthReport) -> str:
    starts = use.first_on == report.window.start
    ends = use.last_on == report.window.end - dt.timedelta(days=1)
    first, last = day_of_month(use.first_on), day_of_month(use.last_on)
    if starts and ends:
        return "all month"
    if starts:
        return f"until {last}"
    return f"since {first}" if ends else f"from {first} to {last}"


def _names(uses: Sequence[VersionUse]) -> list[str]:
    return [use.name for use in uses]
