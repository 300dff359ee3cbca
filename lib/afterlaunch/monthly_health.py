"""Is the model still useful, fast and trusted? One month of a model's tables in, a :class:`HealthReport` out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from afterlaunch import health_complaints, health_people, health_speed
from afterlaunch.drift_report import DriftReport
from afterlaunch.findings import Severity, Verdict
from afterlaunch.health_business import decision_worth_of, kpi_rows
from afterlaunch.health_calibration import calibration_of
from afterlaunch.health_counts import Amounts, MonthCounts, read_health_counts
from afterlaunch.health_history import History
from afterlaunch.health_indicators import (
    business_rows,
    kpi_background,
    mean_score_change,
    measure_change,
    model_against_business,
    model_codes,
    model_rows,
    no_business_row,
)
from afterlaunch.health_measures import PERFORMANCE, Resampling
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_quality import changes_of, quality_of
from afterlaunch.health_report import (
    Comparison,
    Complaints,
    HealthReport,
    Indicator,
    Labels,
    Limits,
    People,
    Speed,
    VersionUse,
)
from afterlaunch.health_requests import RequestCounts, read_request_counts
from afterlaunch.health_tickets import read_ticket_counts
from afterlaunch.kpi_table import KpiMonths
from afterlaunch.repeat_clicks import ClickGroups
from afterlaunch.request_log import RequestLog
from afterlaunch.same_rows import compare_same_rows
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.segments import compare_segments
from afterlaunch.ticket_table import TicketTable
from afterlaunch.windows import Window

MAX_DECISIONS = 3


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sources:
    """What a report on a month is made from; all but the scoring log may be missing.

    ``drift`` is the drift report on the same month; it is shown as long as it saw the same rows on the same day.
    """

    log: ScoringLog
    requests: RequestLog | None = None
    tickets: TicketTable | None = None
    kpis: tuple[KpiMonths, ...] = ()
    drift: DriftReport | None = None


def known_codes(money: Amounts) -> tuple[str, ...]:
    """Return the codes of all indicators that a report on these KPIs can have."""
    kinds = (*health_speed.KINDS, *health_people.KINDS, *health_complaints.KINDS)
    return (*(kind.code for kind in kinds), *(f"business.{kpi.name}" for kpi in money.kpis), *model_codes())


def monthly_health(
    sources: Sources,
    *,
    window: Window,
    money: Amounts,
    policy: HealthPolicy,
    labels: Labels,
    resampling: Resampling,
) -> HealthReport:
    """Judge one month of a model against its usual range and its targets.

    Parameters
    ----------
    sources : Sources
        The validated tables, as they were known on a day.
    window : Window
        The month.
    money : Amounts
        The KPIs, the amounts in their formulas, and what decisions are worth.
    policy : HealthPolicy
        Targets and how far back the usual range looks.
    labels : Labels
        What the model and its cases are called.
    resampling : Resampling
        How intervals over days are drawn.

    Raises
    ------
    DataError
        When the log has no row of the month.
    ParameterError
        When policy or KPIs name something that does not exist.
    """
    log = sources.log
    policy.check_names(known_codes(money))
    log.check_covers(window)
    first = first_month(log, window, policy)
    counts = read_health_counts(log, first=first, last=window, money=money)
    judged = log.judged_month(window)
    history = History.of(
        counts.months, resampling=resampling, policy=policy.usual_range, judged_window=judged
    )
    months = tuple(month.window for month in counts.months)
    segments = compare_segments(
        history.judged.month, counts.segments, policy=policy.segments, resampling=resampling
    )
    asked = read_request_counts(sources.requests, months=months) if sources.requests is not None else None
    speed_rows, speed, people = _speed_and_people(sources, asked, policy, resampling)
    groups = asked.groups if asked is not None else None
    complaint_rows, complaints = _complaints(
        sources, groups, months, policy, resampling, case_noun=labels.case_noun
    )
    business = _business_rows(sources, history, months, money=money, policy=policy, labels=labels)
    model = model_rows(history, policy=policy, labels=labels, segments=segments)
    indicators = (*speed_rows, *complaint_rows, *business, *model)
    quality = quality_of(history)
    outcome_title = f"share of {labels.case_noun} with {labels.outcome_noun}"
    background = [mean_score_change(history)]
    if judged == window:
        background.append(measure_change(history, "outcome_share", outcome_title))
    values = money.decision_values
    return HealthReport(
        model=labels.model,
        title=labels.title,
        case_noun=labels.case_noun,
        window=window,
        previous_window=window.previous(),
        as_of=log.as_of,
        outcomes_complete_until=min(log.outcomes_complete_until, window.end) if log.has_outcomes else None,
        n_rows=history.current.month.n,
        judged_window=judged,
        n_judged=history.judged.month.n_judged,
        versions=versions_of(log, history.current.month),
        previous_versions=versions_of(log, history.previous.month) if history.previous else (),
        indicators=indicators,
        verdict=Verdict.of(indicator.finding for indicator in indicators),
        decisions=decisions_of(indicators),
        changes=changes_of([row for row in indicators if row.is_of(window)], quality, background),
        performance=performance_of(history),
        calibration=calibration_of(history.judged),
        segments=segments,
        quality=quality,
        same_rows=compare_same_rows(log, judged, money=money, resampling=resampling),
        model_against_business=model_against_business(indicators, policy),
        limits=limits_of(history, indicators),
        speed=speed,
        people=people,
        complaints=complaints,
        decision_worth=decision_worth_of(log, judged, values, money=money, resampling=resampling)
        if values
        else None,
        drift=_drift_of_the_same(sources, window, n_rows=history.current.month.n),
        simulated=labels.simulated,
    )


def _drift_of_the_same(sources: Sources, window: Window, *, n_rows: int) -> DriftReport | None:
    """Return the drift report if it saw what this report sees."""
    found = sources.drift
    if found is None or (found.window, found.as_of, found.n_rows) != (window, sources.log.as_of, n_rows):
        return None
    return found


def _speed_and_people(
    sources: Sources, counts: RequestCounts | None, policy: HealthPolicy, resampling: Resampling
) -> tuple[tuple[Indicator, ...], Speed | None, People | None]:
    log = sources.requests
    if log is None or counts is None:
        return (*health_speed.no_speed_rows(), *health_people.no_people_rows()), None, None
    if not counts.current.n:
        reason = f"the request log has no request in {counts.current.window.title}"
        return (*health_speed.no_speed_rows(reason), *health_people.no_people_rows(reason)), None, None
    speed = health_speed.speed_of(counts, log)
    people = health_people.people_of(counts, log)
    rows = (
        *health_speed.speed_rows(counts, speed, policy=policy, resampling=resampling),
        *health_people.people_rows(counts, people, log, policy=policy, resampling=resampling),
    )
    return rows, speed, people


def _complaints(
    sources: Sources,
    groups: ClickGroups | None,
    months: tuple[Window, ...],
    policy: HealthPolicy,
    resampling: Resampling,
    *,
    case_noun: str,
) -> tuple[tuple[Indicator, ...], Complaints | None]:
    if sources.tickets is None:
        return health_complaints.no_complaints_rows(), None
    counts = read_ticket_counts(sources.log, sources.tickets, sources.requests, groups, months=months)
    return health_complaints.complaints_of(counts, policy=policy, resampling=resampling, case_noun=case_noun)


def _business_rows(
    sources: Sources,
    history: History,
    months: tuple[Window, ...],
    *,
    money: Amounts,
    policy: HealthPolicy,
    labels: Labels,
) -> tuple[Indicator, ...]:
    """Return the rows of the KPIs in the order of the model's file."""
    rows: Iterable[Indicator] = (
        *business_rows(history, money=money, policy=policy, labels=labels),
        *kpi_rows(
            sources.kpis,
            months=months,
            policy=policy,
            behind={policy.main_kpi: kpi_background(history, money=money, labels=labels)},
        ),
    )
    by_code = {row.code: row for row in rows}
    if not by_code:
        return (no_business_row(),)
    return tuple(by_code[f"business.{kpi.name}"] for kpi in money.kpis)


def first_month(log: ScoringLog, window: Window, policy: HealthPolicy) -> Window:
    """Return the oldest month to read: as far back as usual ranges may look, and the log goes."""
    return log.first_month(policy.usual_range.first_month(window))


def versions_of(log: ScoringLog, month: MonthCounts) -> tuple[VersionUse, ...]:
    """Return the versions that scored a month, the busiest first."""
    uses = [
        VersionUse(
            name=name,
            n=days.n,
            share=days.n / month.n,
            first_on=days.first_on,
            last_on=days.last_on,
            trained=log.setup.versions[name].trained,
        )
        for name, days in month.versions.items()
    ]
    return tuple(sorted(uses, key=lambda use: (-use.n, use.name)))


def decisions_of(indicators: tuple[Indicator, ...]) -> tuple[str, ...]:
    """Return the codes of what needs a decision: ``act`` before ``watch``, in the table's order, at most three."""
    open_ones = [i for i in indicators if i.severity in {Severity.ACT, Severity.WATCH}]
    worst_first = sorted(open_ones, key=lambda indicator: -indicator.severity.rank)
    return tuple(indicator.code for indicator in worst_first[:MAX_DECISIONS])


def performance_of(history: History) -> tuple[Comparison, ...]:
    """Return the performance measures of this month beside last month's."""
    return tuple(
        Comparison(
            title=measure.title,
            current=history.judged.measure(measure),
            previous=history.previous_judged.measure(measure) if history.previous_judged else None,
            direction=measure.direction.value,
            decimals=measure.decimals,
        )
        for measure in PERFORMANCE
    )


def limits_of(history: History, indicators: tuple[Indicator, ...]) -> Limits:
    """Collect what bounds the report's knowledge."""
    month = history.current.month
    base = history.usual_months
    return Limits(
        not_measured=tuple(i.title for i in indicators if not i.finding.measurement.is_known),
        n_maturing=month.n_maturing,
        n_without_outcome=month.n_without_outcome,
        n_days_judged=month.days.n_days,
        n_days=month.window.n_days,
        usual_range_months=len(base),
        usual_range_versions=tuple(dict.fromkeys(name for m in base for name in m.month.versions)),
        left_out_months=tuple(m.month.window.label for m in history.left_out),
        comparison_across_versions=any(set(m.month.versions) != set(month.versions) for m in base),
    )
