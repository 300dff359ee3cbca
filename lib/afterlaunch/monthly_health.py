"""Is the model still useful, fast and trusted? One month of a scoring log in, a :class:`HealthReport` out."""

from __future__ import annotations

from afterlaunch.findings import Severity, Verdict
from afterlaunch.health_calibration import calibration_of
from afterlaunch.health_counts import Amounts, MonthCounts, read_health_counts
from afterlaunch.health_history import History
from afterlaunch.health_indicators import (
    indicators_of,
    known_codes,
    mean_score_change,
    measure_change,
    model_against_business,
)
from afterlaunch.health_measures import PERFORMANCE, Resampling
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_quality import changes_of, quality_of
from afterlaunch.health_report import Comparison, HealthReport, Indicator, Labels, Limits, VersionUse
from afterlaunch.same_rows import compare_same_rows
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.segments import compare_segments
from afterlaunch.windows import Window

MAX_DECISIONS = 3


def monthly_health(
    log: ScoringLog,
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
    log : ScoringLog
        The validated log, with outcomes as they were known on a day.
    window : Window
        The month.
    money : Amounts
        The KPIs and the amounts in their formulas.
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
    policy.check_names(known_codes(money))
    log.check_covers(window)
    counts = read_health_counts(log, first=first_month(log, window, policy), last=window, money=money)
    history = History.of(counts.months, resampling=resampling, n_months=policy.usual_range_months)
    indicators = indicators_of(history, money=money, policy=policy, labels=labels)
    quality = quality_of(history)
    outcome_title = f"share of {labels.case_noun} with {labels.outcome_noun}"
    background = (mean_score_change(history), measure_change(history, "outcome_share", outcome_title))
    return HealthReport(
        model=labels.model,
        title=labels.title,
        case_noun=labels.case_noun,
        window=window,
        previous_window=window.previous(),
        as_of=log.as_of,
        outcomes_complete_until=min(log.outcomes_complete_until, window.end) if log.has_outcomes else None,
        n_rows=history.current.month.n,
        n_judged=history.current.month.n_judged,
        versions=versions_of(log, history.current.month),
        previous_versions=versions_of(log, history.previous.month) if history.previous else (),
        indicators=indicators,
        verdict=Verdict.of(indicator.finding for indicator in indicators),
        decisions=decisions_of(indicators),
        changes=changes_of(indicators, quality, background),
        performance=performance_of(history),
        calibration=calibration_of(history.current),
        segments=compare_segments(
            history.current.month, counts.segments, policy=policy.segments, resampling=resampling
        ),
        quality=quality,
        same_rows=compare_same_rows(log, window, money=money, resampling=resampling),
        model_against_business=model_against_business(indicators, policy),
        limits=limits_of(history, indicators),
    )


def first_month(log: ScoringLog, window: Window, policy: HealthPolicy) -> Window:
    """Return the oldest month to read: as far back as the usual range may look, and the log goes."""
    earliest = Window.month(log.first_on.year, log.first_on.month)
    return max(earliest, window.previous(policy.usual_range_months), key=lambda month: month.start)


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
            current=history.current.measure(measure),
            previous=history.previous.measure(measure) if history.previous else None,
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
