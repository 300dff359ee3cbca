"""The rows of the health table: each measured, held against its usual range and its target, and explained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from afterlaunch.findings import Direction, Finding, Measurement, Threshold
from afterlaunch.health_counts import Amounts, DaySums
from afterlaunch.health_history import Course, History
from afterlaunch.health_measures import (
    CALIBRATION_GAP,
    PERFORMANCE,
    SHARE,
    Floats,
    HealthMeasure,
    kpi_measure,
)
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import (
    Area,
    Change,
    Indicator,
    Labels,
    ModelAgainstBusiness,
    Step,
)
from afterlaunch.kpis import Kpi
from afterlaunch.performance import ratio
from afterlaunch.ranges import Range

# A step since last month of less than this part of the usual range's half-width is no step.
MIN_STEP = 0.1
_AREAS = {"business": Area.BUSINESS, "model": Area.MODEL}
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
        behind = _explain_kpi(kpi, history, labels)
        rows.append(_judged(f"business.{kpi.name}", measure, history.course(measure), policy, behind=behind))
    if not money.kpis:
        rows.append(
            _missing_indicator("business.kpi", Area.BUSINESS, "Business KPIs", "share", "no KPI configured")
        )
    auc = _BY_NAME["roc_auc"]
    ranking = (measure_change(history, "average_precision", "average precision"),)
    rows.append(_judged("model.roc_auc", auc, history.course(auc), policy, behind=ranking))
    observed = measure_change(
        history, "outcome_share", f"share of {labels.case_noun} with {labels.outcome_noun}"
    )
    gap = (mean_score_change(history), observed)
    rows.append(
        _judged("model.calibration_gap", CALIBRATION_GAP, history.course(CALIBRATION_GAP), policy, behind=gap)
    )
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


def _judged(
    code: str, measure: HealthMeasure, course: Course, policy: HealthPolicy, *, behind: tuple[Change, ...]
) -> Indicator:
    held_to = policy.indicators.get(code, IndicatorPolicy())
    usual = course.usual_range
    threshold = Threshold(
        direction=measure.direction,
        usual_range=Range(lower=usual.lower, upper=usual.upper) if usual else None,
        target_range=held_to.target,
        min_n=held_to.min_n,
    )
    return Indicator(
        area=_AREAS[code.partition(".")[0]],
        title=measure.title,
        finding=Finding(code=code, measurement=course.current, threshold=threshold),
        previous=course.previous,
        usual_range=usual,
        usual_range_reason=course.usual_range_reason,
        history=course.points,
        behind=behind,
        run_of_eight=course.run_of_eight,
        decimals=measure.decimals,
        question=held_to.question,
        owner=held_to.owner,
    )


def _alert_share(history: History, policy: HealthPolicy, labels: Labels) -> Indicator:
    """Judge the alert share over all fresh rows: it needs no outcome."""
    course = history.course(
        lambda m: m.fresh_mean("alert_share", "share", m.month.fresh.n_alerts), bounds=SHARE
    )
    behind = (
        mean_score_change(history),
        measure_change(history, "outcome_share", f"share of {labels.case_noun} with {labels.outcome_noun}"),
    )
    kind = HealthMeasure(
        name="alert_share",
        title=f"Share of {labels.case_noun} that raise an alert",
        unit="share",
        direction=Direction.INSIDE,
        decimals=1,
        of_sums=lambda sums: sums.n_true_positive + sums.n_false_positive,
    )
    return _judged("model.alert_share", kind, course, policy, behind=behind)


def mean_score_change(history: History) -> Change:
    """Return how the mean score moved, over all fresh rows."""
    course = history.course(
        lambda m: m.fresh_mean("mean_score", "share", m.month.fresh.sum_score), bounds=SHARE
    )
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


def _explain_kpi(kpi: Kpi, history: History, labels: Labels) -> tuple[Change, ...]:
    """Explain a KPI by what it is made of.

    A ratio of things that can be counted (cases, outcomes, alerts, alerts that were right) is explained by these two
    counts; any other KPI by how many outcomes there were, how many of them were caught and how many alerts held.
    """
    parts = [_count_per_1000(formula, history, labels) for formula in (kpi.numerator, kpi.denominator)]
    counts = tuple(part for part in parts if part is not None)
    if len(counts) == 2:
        return counts
    return (
        measure_change(history, "outcome_share", f"share of {labels.case_noun} with {labels.outcome_noun}"),
        measure_change(history, "recall", f"share of {labels.outcome_noun} caught"),
        measure_change(history, "precision", "share of alerts that were right"),
    )


def _count_per_1000(formula: str, history: History, labels: Labels) -> Change | None:
    """Return how a count that people know moved, per 1,000 cases; None for any other formula."""
    counted: Mapping[str, tuple[str, Callable[[DaySums], Floats]]] = {
        "outcome": (labels.outcome_noun, lambda sums: sums.n_positive),
        "decision": ("alerts", lambda sums: sums.n_true_positive + sums.n_false_positive),
        "decision*outcome": (f"{labels.outcome_noun} caught", lambda sums: sums.n_true_positive),
    }
    found = counted.get("*".join(sorted(formula.replace(" ", "").split("*"))))
    if found is None:
        return None
    title, count = found
    measure = HealthMeasure(
        name=f"n_{title}",
        title=f"{title} per 1,000 {labels.case_noun}",
        unit=f"per 1,000 {labels.case_noun}",
        direction=Direction.INSIDE,
        decimals=1,
        of_sums=lambda sums: 1000 * np.asarray(ratio(count(sums), sums.n)),
        bounds=Range(lower=0),
    )
    return _as_change(f"count.{title}", measure.title, history.course(measure), decimals=1)


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
        model_step=_step(model),
        kpi_step=_step(kpi),
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


def _step(indicator: Indicator) -> Step:
    """Tell whether an indicator got better or worse since last month, or stayed about the same."""
    change = _since_last_month(indicator)
    usual = indicator.usual_range
    half_width = (usual.upper - usual.lower) / 2 if usual else 0.0
    if abs(change.after - change.before) <= MIN_STEP * half_width:
        return Step.SAME
    direction = indicator.finding.threshold.direction
    if direction is Direction.INSIDE:
        return Step.BETTER if abs(change.after) < abs(change.before) else Step.WORSE
    rose = change.after > change.before
    return Step.BETTER if rose is (direction is Direction.HIGHER) else Step.WORSE
