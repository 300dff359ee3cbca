"""The rows of the health table: each measured, held against its usual range and its target, and explained."""

from __future__ import annotations

import math

from afterlaunch.findings import Direction, Finding, Measurement, Threshold
from afterlaunch.health_counts import Amounts
from afterlaunch.health_history import Course, History
from afterlaunch.health_measures import (
    CALIBRATION_GAP,
    PERFORMANCE,
    SHARE,
    HealthMeasure,
    MonthMeasures,
    kpi_measure,
)
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import (
    Area,
    Change,
    Indicator,
    Labels,
    ModelAgainstBusiness,
)
from afterlaunch.ranges import Range

_BY_NAME = {measure.name: measure for measure in PERFORMANCE}
# Areas whose sources are other tables than the scoring log: what is missing to measure them.
_OTHER_SOURCES = {
    "speed.p95_under_peak_load": (Area.SPEED, "p95 under peak load", "ms", "no request log configured"),
    "people.repeat_clicks": (Area.PEOPLE, "Repeat clicks", "per 1,000", "no request log configured"),
    "complaints.ai_tickets": (
        Area.COMPLAINTS,
        "Tickets about the AI",
        "per 1,000",
        "no ticket table configured",
    ),
}


def known_codes(money: Amounts) -> tuple[str, ...]:
    """Return the codes of all indicators that a report on these KPIs has."""
    kpis = tuple(f"business.{kpi.name}" for kpi in money.kpis)
    return (*_OTHER_SOURCES, *kpis, "model.roc_auc", "model.calibration_gap", "model.alert_share")


def indicators_of(
    history: History, *, money: Amounts, policy: HealthPolicy, labels: Labels
) -> tuple[Indicator, ...]:
    """Return the health table's rows in their fixed order: Speed, People, Complaints, Business, Model."""
    rows = [_not_measured(code) for code in _OTHER_SOURCES]
    for place, kpi in enumerate(money.kpis):
        measure = kpi_measure(kpi, place)
        behind = _explain_kpi(history, labels)
        rows.append(_indicator(f"business.{kpi.name}", Area.BUSINESS, measure, history, policy, behind))
    if not money.kpis:
        rows.append(
            _missing_indicator("business.kpi", Area.BUSINESS, "Business KPIs", "share", "no KPI configured")
        )
    ranking = (measure_change(history, "average_precision", "average precision"),)
    rows.append(_indicator("model.roc_auc", Area.MODEL, _BY_NAME["roc_auc"], history, policy, ranking))
    observed = measure_change(
        history, "outcome_share", f"share of {labels.case_noun} with {labels.outcome_noun}"
    )
    gap = (mean_score_change(history), observed)
    rows.append(_indicator("model.calibration_gap", Area.MODEL, CALIBRATION_GAP, history, policy, gap))
    rows.append(_alert_share(history, policy, labels))
    return tuple(rows)


def _not_measured(code: str) -> Indicator:
    area, title, unit, reason = _OTHER_SOURCES[code]
    return _missing_indicator(code, area, title, unit, reason)


def _missing_indicator(code: str, area: Area, title: str, unit: str, reason: str) -> Indicator:
    measurement = Measurement(
        measure=code.split(".", 1)[1],
        subject=title,
        value=math.nan,
        unit=unit,
        n=0,
        reason=f"not measured: {reason}",
    )
    threshold = Threshold(direction=Direction.LOWER)
    return Indicator(
        area=area, title=title, finding=Finding(code=code, measurement=measurement, threshold=threshold)
    )


def _indicator(
    code: str,
    area: Area,
    measure: HealthMeasure,
    history: History,
    policy: HealthPolicy,
    behind: tuple[Change, ...],
) -> Indicator:
    course = history.course(measure)
    return _judged(code, area, measure, course, policy.indicators.get(code, IndicatorPolicy()), behind)


def _judged(
    code: str,
    area: Area,
    measure: HealthMeasure,
    course: Course,
    policy: IndicatorPolicy,
    behind: tuple[Change, ...],
) -> Indicator:
    usual = course.usual_range
    threshold = Threshold(
        direction=measure.direction,
        usual_range=Range(lower=usual.lower, upper=usual.upper) if usual else None,
        target_range=policy.target,
        min_n=policy.min_n,
    )
    return Indicator(
        area=area,
        title=measure.title,
        finding=Finding(code=code, measurement=course.current, threshold=threshold),
        previous=course.previous,
        usual_range=usual,
        usual_range_reason=course.usual_range_reason,
        history=course.points,
        behind=behind,
        run_of_eight=course.run_of_eight,
        decimals=measure.decimals,
        question=policy.question,
        owner=policy.owner,
    )


def _alert_share(history: History, policy: HealthPolicy, labels: Labels) -> Indicator:
    """Judge the alert share over all fresh rows: it needs no outcome."""
    course = history.course(lambda m: m.fresh_mean("alert_share", "share", m.month.fresh.n_alerts), bounds=SHARE)
    behind = (
        mean_score_change(history),
        measure_change(history, "outcome_share", f"share of {labels.outcome_noun}"),
    )
    code = "model.alert_share"
    kind = HealthMeasure(
        name="alert_share",
        title=f"Share of {labels.case_noun} that raise an alert",
        unit="share",
        direction=Direction.INSIDE,
        decimals=1,
        of_sums=lambda sums: sums.n_true_positive + sums.n_false_positive,
    )
    return _judged(code, Area.MODEL, kind, course, policy.indicators.get(code, IndicatorPolicy()), behind)


def mean_score_change(history: History) -> Change:
    """Return how the mean score moved, over all fresh rows."""
    course = history.course(lambda m: m.fresh_mean("mean_score", "share", m.month.fresh.sum_score), bounds=SHARE)
    return _as_change("model.mean_score", "mean score", course, decimals=1)


def measure_change(history: History, name: str, title: str) -> Change:
    """Return how a performance measure moved."""
    measure = _BY_NAME[name]
    return _as_change(f"model.{name}", title, history.course(measure), decimals=measure.decimals)


def _as_change(code: str, title: str, course: Course, *, decimals: int) -> Change:
    return Change(
        code=code,
        title=title,
        unit=course.current.unit,
        before=course.previous.value if course.previous else math.nan,
        after=course.current.value,
        usual_range=course.usual_range,
        decimals=decimals,
    )


def _explain_kpi(history: History, labels: Labels) -> tuple[Change, ...]:
    """Explain a KPI by what it is made of: how many outcomes there were, how many were caught, how many alerts held."""
    return (
        measure_change(history, "outcome_share", f"share of {labels.case_noun} with {labels.outcome_noun}"),
        measure_change(history, "recall", f"share of {labels.outcome_noun} caught"),
        measure_change(history, "precision", "share of alerts that were right"),
    )


def model_against_business(
    indicators: tuple[Indicator, ...], policy: HealthPolicy
) -> ModelAgainstBusiness | None:
    """Tell whether the model's main measure and the main KPI tell the same story since last month.

    Returns
    -------
    ModelAgainstBusiness or None
        None when no main KPI is named, or either of the two is not known in both months.
    """
    by_code = {indicator.code: indicator for indicator in indicators}
    model, kpi = by_code[policy.main_model_measure], by_code.get(policy.main_kpi)
    if kpi is None or not (_is_known_twice(model) and _is_known_twice(kpi)):
        return None
    signals = (_leaves_usual_range(model), _leaves_usual_range(kpi))
    return ModelAgainstBusiness(
        model=_since_last_month(model),
        kpi=_since_last_month(kpi),
        model_is_better=_is_better(model),
        kpi_is_better=_is_better(kpi),
        signal={(True, True): "both", (False, True): "kpi_only", (True, False): "model_only"}.get(
            signals, "routine"
        ),
    )


def _is_known_twice(indicator: Indicator) -> bool:
    previous = indicator.previous
    return indicator.finding.measurement.is_known and previous is not None and previous.is_known


def _leaves_usual_range(indicator: Indicator) -> bool:
    usual = indicator.usual_range
    return usual is not None and not usual.contains(indicator.finding.measurement.value)


def _since_last_month(indicator: Indicator) -> Change:
    now, before = indicator.finding.measurement, indicator.previous
    return Change(
        code=indicator.code,
        title=indicator.title,
        unit=now.unit,
        before=before.value if before else math.nan,
        after=now.value,
        usual_range=indicator.usual_range,
        decimals=indicator.decimals,
    )


def _is_better(indicator: Indicator) -> bool:
    change = _since_last_month(indicator)
    direction = indicator.finding.threshold.direction
    if direction is Direction.INSIDE:
        return abs(change.after) < abs(change.before)
    return (change.after > change.before) is (direction is Direction.HIGHER)
