"""The rows of the health table about the business and the model, each measured, judged and explained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from afterlaunch.findings import Direction
from afterlaunch.health_counts import ALERT_WORTH, Amounts, DaySums
from afterlaunch.health_history import History
from afterlaunch.health_judging import IndicatorKind, change_of, judged, not_measured
from afterlaunch.health_measures import (
    CALIBRATION_GAP,
    PERFORMANCE,
    SHARE,
    Floats,
    HealthMeasure,
    kpi_measure,
)
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import (
    Change,
    Fact,
    Indicator,
    Labels,
    ModelAgainstBusiness,
    Segments,
    Step,
    WorstSegment,
)
from afterlaunch.kpis import Kpi
from afterlaunch.performance import ratio
from afterlaunch.ranges import Range
from afterlaunch.windows import Window

# A step since last month of less than this part of the usual range's half-width is no step.
MIN_STEP = 0.1
ALWAYS = ("roc_auc", "calibration_gap", "alert_share")
"""Rows about the model that every report has; other performance measures are added where the policy names them."""
_BY_NAME = {measure.name: measure for measure in (*PERFORMANCE, CALIBRATION_GAP)}


def model_codes() -> tuple[str, ...]:
    """Return the codes that a policy may name for rows about the model."""
    return tuple(f"model.{name}" for name in dict.fromkeys((*_BY_NAME, *ALWAYS)))


def business_rows(
    history: History, *, money: Amounts, policy: HealthPolicy, labels: Labels
) -> tuple[Indicator, ...]:
    """Return the rows of the KPIs that are formulas over cases."""
    rows = []
    for place, kpi in enumerate(money.formula_kpis):
        measure = kpi_measure(kpi, place)
        kind = _kind(f"business.{kpi.name}", measure)
        behind = _explain_kpi(kpi, history, labels)
        rows.append(judged(kind, history.course(measure, code=kind.code), policy, behind=behind))
    return tuple(rows)


def kpi_background(history: History, *, money: Amounts, labels: Labels) -> tuple[Fact, ...]:
    """Return what may be behind a KPI of the team's own tables: how many outcomes were caught, and their worth."""
    worth = [
        change_of(
            f"model.{kpi.name}", kpi.title, history.course(kpi_measure(kpi, place), code=""), decimals=0
        )
        for place, kpi in enumerate(money.counted)
        if kpi.name == ALERT_WORTH
    ]
    if not worth:
        return ()
    caught = measure_change(history, "recall", f"share of {labels.outcome_noun} caught")
    right = measure_change(history, "precision", "share of alerts that were right")
    return tuple(_with_month(change, history) for change in (*worth, caught, right))


def _with_month(change: Change, history: History) -> Change:
    """Name the month of a change whose outcomes are those of an earlier month than the report's."""
    judged_window = history.judged.month.window
    if judged_window == history.current.month.window:
        return change
    return dataclasses.replace(change, title=f"{change.title} in {judged_window.title}")


def no_business_row() -> Indicator:
    """Return the row that says that no KPI is configured."""
    kind = IndicatorKind(code="business.kpi", title="Business KPIs", unit="share", direction=Direction.HIGHER)
    return not_measured(kind, "no KPI configured")


def model_rows(
    history: History, *, policy: HealthPolicy, labels: Labels, segments: Segments
) -> tuple[Indicator, ...]:
    """Return the rows about the model: ranking, calibration, alerts, and what else the policy names."""
    observed = f"share of {labels.case_noun} with {labels.outcome_noun}"
    explained: Mapping[str, tuple[Fact, ...]] = {
        "roc_auc": (
            measure_change(history, "average_precision", "average precision"),
            *_worst_segment(segments, "roc_auc"),
        ),
        "calibration_gap": (
            mean_score_change(history),
            measure_change(history, "outcome_share", observed),
            *_worst_segment(segments, "calibration_gap"),
        ),
        "f1": (
            measure_change(history, "precision", "share of alerts that were right"),
            measure_change(history, "recall", f"share of {labels.outcome_noun} caught"),
        ),
    }
    named = {*policy.indicators, policy.main_model_measure}
    rows = []
    for name in dict.fromkeys((*_BY_NAME, *ALWAYS)):
        if name == "alert_share":
            rows.append(_alert_share(history, policy, labels))
        elif name in ALWAYS or f"model.{name}" in named:
            kind = _kind(f"model.{name}", _BY_NAME[name])
            course = history.course(_BY_NAME[name], code=kind.code)
            rows.append(judged(kind, course, policy, behind=explained.get(name, ())))
    return tuple(rows)


def _kind(code: str, measure: HealthMeasure) -> IndicatorKind:
    return IndicatorKind(
        code=code,
        title=measure.title,
        unit=measure.unit,
        direction=measure.direction,
        decimals=measure.decimals,
        bounds=measure.bounds,
    )


def _worst_segment(segments: Segments, measure: str) -> tuple[Fact, ...]:
    worse = [segment for segment in segments.shown if segment.is_worse and segment.measure == measure]
    return (WorstSegment(segment=worse[0], n_more=len(worse) - 1),) if worse else ()


def _alert_share(history: History, policy: HealthPolicy, labels: Labels) -> Indicator:
    """Judge the alert share over all fresh rows: it needs no outcome."""
    kind = IndicatorKind(
        code="model.alert_share",
        title=f"Share of {labels.case_noun} that raise an alert",
        unit="share",
        direction=Direction.INSIDE,
        bounds=SHARE,
    )
    course = history.course(
        lambda m: m.fresh_mean("alert_share", "share", m.month.fresh.n_alerts), code=kind.code, bounds=SHARE
    )
    behind = (
        mean_score_change(history),
        measure_change(history, "outcome_share", f"share of {labels.case_noun} with {labels.outcome_noun}"),
    )
    return judged(kind, course, policy, behind=behind)


def mean_score_change(history: History) -> Change:
    """Return how the mean score moved, over all fresh rows."""
    code = "model.mean_score"
    course = history.course(
        lambda m: m.fresh_mean("mean_score", "share", m.month.fresh.sum_score), code=code, bounds=SHARE
    )
    return change_of(code, "mean score", course, decimals=1)


def measure_change(history: History, name: str, title: str) -> Change:
    """Return how a performance measure moved."""
    measure = _BY_NAME[name]
    code = f"model.{name}"
    return change_of(code, title, history.course(measure, code=code), decimals=measure.decimals)


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
    code = f"count.{title}"
    return change_of(code, measure.title, history.course(measure, code=code), decimals=1)


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
    if kpi is None or not model.history:
        return None
    month = model.history[-1].label
    pair = (_since_month_before(model, month), _since_month_before(kpi, month))
    if any(math.isnan(change.before) or math.isnan(change.after) for change in pair):
        return None
    signals = (_leaves_usual_range(pair[0]), _leaves_usual_range(pair[1]))
    return ModelAgainstBusiness(
        model=pair[0],
        kpi=pair[1],
        model_step=_step(model, pair[0]),
        kpi_step=_step(kpi, pair[1]),
        signal={(True, True): "both", (False, True): "kpi_only", (True, False): "model_only"}.get(
            signals, "routine"
        ),
    )


def _leaves_usual_range(change: Change) -> bool:
    return change.usual_range is not None and not change.usual_range.contains(change.after)


def _since_month_before(indicator: Indicator, month: str) -> Change:
    """Return how an indicator moved into a month: the one that the model was judged on."""
    by_label = {point.label: point.value for point in indicator.history}
    return Change(
        code=indicator.code,
        title=indicator.title,
        unit=indicator.finding.measurement.unit,
        before=by_label.get(Window.parse(month).previous().label, math.nan),
        after=by_label.get(month, math.nan),
        usual_range=indicator.usual_range,
        decimals=indicator.decimals,
    )


def _step(indicator: Indicator, change: Change) -> Step:
    """Tell whether an indicator got better or worse since the month before, or stayed about the same."""
    usual = indicator.usual_range
    half_width = (usual.upper - usual.lower) / 2 if usual else 0.0
    if abs(change.after - change.before) <= MIN_STEP * half_width:
        return Step.SAME
    direction = indicator.finding.threshold.direction
    if direction is Direction.INSIDE:
        return Step.BETTER if abs(change.after) < abs(change.before) else Step.WORSE
    rose = change.after > change.before
    return Step.BETTER if rose is (direction is Direction.HIGHER) else Step.WORSE
