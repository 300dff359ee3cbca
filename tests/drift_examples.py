"""Drift reports written by hand, for everything that renders one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from afterlaunch.drift_report import (
    BinShare,
    Distances,
    DriftReport,
    InputDrift,
    InputState,
    ModelDrift,
    ModelEffect,
    Performance,
    PerformanceMonth,
    Relations,
    ScoreDecomposition,
    SegmentMix,
    SegmentOutcome,
    SegmentOutcomes,
)
from afterlaunch.findings import Direction, Finding, Measurement, Threshold, Verdict
from afterlaunch.input_changes import InputChange
from afterlaunch.month_to_month import Against
from afterlaunch.relabelling import Relabelling
from afterlaunch.relations import PairChange
from afterlaunch.since_when import Onset, OnsetKind
from afterlaunch.windows import Window
from health_examples import (
    HOSTILE_FORMULA,
    HOSTILE_IMAGE,
    HOSTILE_LENGTH,
    HOSTILE_MARKDOWN,
    HOSTILE_MATH,
    HOSTILE_TAG,
    RIGHT_TO_LEFT,
)

NAN = math.nan
MARCH = Window.parse("2025-03")
YEAR = tuple(MARCH.previous(k).label for k in range(12, 0, -1))
UNCLEAR = Onset(kind=OnsetKind.CANNOT_TELL, reason="the months differ too much among themselves")
THIS_MONTH = Onset(kind=OnsetKind.LAST_MONTH, since="2025-03", before=0.01, after=0.12)


def limits(watch, act, *, min_n=500):
    return Threshold.limits(watch=watch, act=act, direction=Direction.LOWER, min_n=min_n)


def measured(measure, value, *, unit="share", n=19_221, half=None, reason="", subject="March 2025"):
    """A measurement; ``half`` is half the width of its interval."""
    low, high = (None, None) if half is None else (value - half, value + half)
    return Measurement(
        measure=measure,
        subject=subject,
        value=value,
        unit=unit,
        n=n,
        ci_lower=low,
        ci_upper=high,
        reason=reason,
    )


# --- inputs ------------------------------------------------------------------------


def bins(*shares, labels=("low", "middle", "high")):
    return tuple(
        BinShare(label=label, reference_share=before, current_share=after, effect_score=effect)
        for label, (before, after, effect) in zip(labels, shares, strict=True)
    )


MOVED_BINS = bins((0.4, 0.1, -0.02), (0.3, 0.3, 0.0), (0.3, 0.6, 0.03))
CATEGORY_BINS = bins(
    (0.24, 0.21, 0.001), (0.16, 0.14, -0.001), (0.01, 0.124, 0.0), labels=("collision", "water", "battery")
)


def effect(alerts=0.0, *, score=None, usual=0.2, base=96.0, weight=0.06, against="other_months", **parts):
    return ModelEffect(
        **{
            "score": alerts / 2000 if score is None else score,
            "alerts_per_1000": alerts,
            "se_alerts_per_1000": 1.5,
            "relative": alerts / base,
            "usual": usual,
            "last_year": None,
            "p_adjusted": 0.8,
            "weight": weight,
            "against": Against(against),
        }
        | parts
    )


UNKNOWN_EFFECT = effect(
    NAN,
    score=NAN,
    usual=None,
    weight=NAN,
    against="floor_only",
    se_alerts_per_1000=NAN,
    relative=NAN,
    p_adjusted=None,
)


def an_input(name, state, *changes, found=None, unmet=None, min_n=500, n=19_221, **parts):
    """One input; ``unmet`` is the share of values that the model has not met."""
    of = found or effect()
    if unmet is not None:
        measurement, threshold = (
            measured("unmet_share", unmet, n=n, subject=name),
            limits(0.02, 0.1, min_n=min_n),
        )
    elif math.isnan(of.relative):
        measurement = measured("effect_on_score", NAN, reason="what the model makes of it is not known", n=n)
        threshold = limits(0.1, 0.25, min_n=min_n)
    else:
        measurement = measured("effect_on_alerts", abs(of.relative), n=n, subject=name)
        # What is usual is no alarm, nor is what last year shows as well.
        calm = abs(of.relative) if state not in {"matters", "broken"} else 0.0
        usual = max(of.usual or 0.0, calm)
        threshold = limits(max(0.1, usual), max(0.25, usual), min_n=min_n)
    moved = state != "still"
    return InputDrift(
        **{
            "name": name,
            "changes": changes,
            "distances": Distances(
                psi=0.3 if moved else 0.001,
                psi_usual=0.05,
                jensen_shannon=0.2,
                ks=0.15,
                wasserstein_sd=0.4,
                mean_shift_sd=0.35,
            ),
            "missing_share": 0.02,
            "missing_share_reference": 0.021,
            "effect": of,
            "state": InputState(state),
            "finding": Finding(code=f"drift.input.{name}", measurement=measurement, threshold=threshold),
            "onset": UNCLEAR if moved else None,
            "bins": MOVED_BINS if moved else (),
        }
        | parts
    )


def categories(**parts):
    """Parts of an input whose values are categories."""
    distances = Distances(psi=0.297, psi_usual=0.001, jensen_shannon=0.209)
    return {"distances": distances, "bins": CATEGORY_BINS, "onset": THIS_MONTH} | parts


STILL = tuple(
    an_input(name, "still", found=effect(alerts))
    for name, alerts in (("claim_amount", 0.7), ("n_photos", -0.2))
)
SHIFTED = InputChange(kind="shifted", share=1.0, reference_level=46.5, current_level=73.9, change_sd=1.97)
SPREAD = InputChange(kind="spread", share=1.0, reference_level=12.8, current_level=6.45)
BATTERY = InputChange(kind="mix", share=0.124, reference_share=0.0103, name="battery")
CENTS = InputChange(
    kind="unit_change", share=1.0, factor=100.0, offset=0.0, reference_level=123.0, current_level=12_300.0
)
KINDS = (
    InputChange(kind="all_missing", share=1.0, reference_share=0.021),
    InputChange(kind="missing_jump", share=0.25, reference_share=0.021),
    InputChange(kind="missing_jump", share=0.25, reference_share=0.0),
    InputChange(
        kind="relabelled",
        share=0.12,
        reference_share=0.121,
        pairs=(
            Relabelling(
                before="AA",
                after="American",
                reference_share=0.121,
                share=0.12,
                similarity=0.3,
                is_only_fit=True,
            ),
        ),
    ),
    InputChange(
        kind="relabelled",
        share=0.2,
        reference_share=0.21,
        pairs=(
            Relabelling(
                before="AA", after="Am", reference_share=0.11, share=0.1, similarity=0.5, is_only_fit=False
            ),
            Relabelling(
                before="B", after="b", reference_share=0.1, share=0.1, similarity=1.0, is_only_fit=False
            ),
        ),
    ),
    InputChange(
        kind="swapped",
        share=0.4,
        reference_share=0.4,
        pairs=(
            Relabelling(
                before="web", after="phone", reference_share=0.3, share=0.301, similarity=0, is_only_fit=True
            ),
            Relabelling(
                before="phone", after="web", reference_share=0.1, share=0.1, similarity=0, is_only_fit=True
            ),
        ),
    ),
    CENTS,
    InputChange(
        kind="unit_change", share=0.3, factor=0.001, offset=0.0, reference_level=5_400.0, current_level=5.4
    ),
    InputChange(
        kind="unit_change",
        share=1.0,
        factor=2.54,
        offset=0.0,
        unit="inches to centimetres",
        reference_level=10.0,
        current_level=25.4,
    ),
    InputChange(
        kind="unit_change",
        share=1.0,
        factor=1.8,
        offset=32.0,
        unit="degrees Celsius to Fahrenheit",
        reference_level=20.0,
        current_level=68.0,
    ),
    InputChange(kind="constant", share=1.0, reference_share=0.12, value=0.0),
    InputChange(kind="constant", share=0.997, reference_share=0.3, name="web"),
    InputChange(kind="new_category", share=0.124, reference_share=0.0, name="battery"),
    InputChange(kind="new_category", share=0.124, reference_share=0.0004, name=""),
    InputChange(kind="gone_category", share=0.0, reference_share=0.08, name="fax"),
    InputChange(kind="spike", share=0.3, reference_share=0.02, value=-999.0),
    InputChange(
        kind="out_of_range", share=0.005, reference_share=0.0, reference_level=120.0, current_level=250.0
    ),
    InputChange(
        kind="out_of_range", share=0.005, reference_share=0.001, reference_level=0.0, current_level=-5.0
    ),
    SHIFTED,
    InputChange(kind="shifted", share=1.0, reference_level=0.01231, current_level=0.00504, change_sd=-0.29),
    SPREAD,
    InputChange(kind="spread", share=1.0, reference_level=6.45, current_level=12.8),
    BATTERY,
    InputChange(kind="mix", share=0.05, reference_share=0.02, name="(other)"),
)


# --- the model's own numbers -------------------------------------------------------


def ranking(now=0.870, before=0.869, *, bounds=(0.02, 0.05), onset=UNCLEAR, **parts):
    return ModelDrift(
        **{
            "finding": Finding(
                code="drift.ranking",
                measurement=measured("fall_of_roc_auc", max(0.0, before - now), unit="score"),
                threshold=limits(*bounds),
            ),
            "title": "Ranking quality (ROC AUC)",
            "decimals": 3,
            "before": before,
            "after": measured("roc_auc", now, unit="score", half=0.01),
            "month": "2025-03",
            "onset": onset,
        }
        | parts
    )


def calibration(now=1.02, before=1.03, *, bounds=(1.15, 1.3), onset=UNCLEAR, half=0.05, **parts):
    factor = max(now / before, before / now)
    return ModelDrift(
        **{
            "finding": Finding(
                code="drift.calibration",
                measurement=measured("factor_of_observed_expected_ratio", factor, unit="ratio"),
                threshold=limits(*bounds),
            ),
            "title": "Observed per expected outcome",
            "decimals": 2,
            "before": before,
            "after": measured("observed_expected_ratio", now, unit="ratio", half=half),
            "month": "2025-03",
            "onset": onset,
        }
        | parts
    )


def alerts(now=0.0963, before=0.0964, *, bounds=(0.1, 0.25), **parts):
    return ModelDrift(
        **{
            "finding": Finding(
                code="drift.alerts",
                measurement=measured("change_of_alert_share", abs(now / before - 1)),
                threshold=limits(*bounds),
            ),
            "title": "Share of alerts",
            "decimals": 1,
            "before": before,
            "after": measured("alert_share", now, half=0.004),
            "month": "2025-03",
            "onset": UNCLEAR,
        }
        | parts
    )


def mean_score(now=0.0827, before=0.0827, *, bounds=(0.1, 0.25), **parts):
    return ModelDrift(
        **{
            "finding": Finding(
                code="drift.score",
                measurement=measured("change_of_mean_score", abs(now / before - 1)),
                threshold=limits(*bounds),
            ),
            "title": "Mean score",
            "decimals": 4,
            "before": before,
            "after": measured("mean_score", now, unit="score", half=0.0017),
            "month": "2025-03",
            "onset": UNCLEAR,
        }
        | parts
    )


def estimated(now=0.870, before=0.869, *, bounds=(0.02, 0.05)):
    return ModelDrift(
        finding=Finding(
            code="drift.estimated_ranking",
            measurement=measured("fall_of_estimated_roc_auc", max(0.0, before - now), unit="score"),
            threshold=limits(*bounds),
        ),
        title="Estimated ranking quality (ROC AUC)",
        decimals=3,
        before=before,
        after=measured("roc_auc", now, unit="score", half=0.012),
        month="2025-03",
        is_estimate=True,
    )


def not_known(row, reason):
    """One of the model's numbers without a value."""
    nothing = measured(row.after.measure, NAN, unit=row.after.unit, n=0, reason=reason)
    finding = dataclasses.replace(row.finding, measurement=dataclasses.replace(nothing, measure="change"))
    return dataclasses.replace(
        row, finding=finding, after=nothing, before=NAN, onset=None, against=Against.FLOOR_ONLY
    )


def of_december(row):
    return dataclasses.replace(row, month="2024-12")


def month(label, auc=0.870, ratio=1.03, *, estimate=0.871):
    half = None if math.isnan(estimate) else 0.012
    return PerformanceMonth(
        label=label,
        n=19_000,
        roc_auc=auc,
        observed_expected=ratio,
        estimated_roc_auc=estimate,
        ci_lower=None if half is None else estimate - half,
        ci_upper=None if half is None else estimate + half,
    )


EARLIER = tuple(month(label, 0.86 + 0.002 * i, 1.0 + 0.01 * i) for i, label in enumerate(YEAR))
DECOMPOSITION = ScoreDecomposition(
    total_score=0.016,
    total_alerts_per_1000=30.0,
    inputs_score=0.0133,
    inputs_alerts_per_1000=12.2,
    unexplained_score=0.0027,
    unexplained_alerts_per_1000=17.8,
    fidelity_score=0.62,
    fidelity_alerts=0.38,
    n_sample=48_194,
)


def decomposed(inputs):
    """The sum of the inputs' effects, and the rest of a given change."""
    score = math.fsum(row.effect.score for row in inputs)
    alerts_of_inputs = math.fsum(row.effect.alerts_per_1000 for row in inputs)
    return dataclasses.replace(
        DECOMPOSITION,
        inputs_score=score,
        inputs_alerts_per_1000=alerts_of_inputs,
        unexplained_score=DECOMPOSITION.total_score - score,
        unexplained_alerts_per_1000=DECOMPOSITION.total_alerts_per_1000 - alerts_of_inputs,
    )


# --- relations and segments --------------------------------------------------------


def related(*pairs, is_harmless=False, value=0.0, reason=""):
    measurement = measured(
        "change_of_correlation", NAN if reason else value, unit="score", subject="relations", reason=reason
    )
    return Relations(
        finding=Finding(
            code="drift.relations", measurement=measurement, threshold=limits(0.15, 0.6, min_n=0)
        ),
        changed=pairs,
        is_harmless=is_harmless,
        n_pairs=0 if reason else 325,
        n_reference=12_000,
        n_current=3_903,
        p_value=None if reason else 0.005,
        reason=reason,
    )


def pair(first, second, before, after, *, usual=0.05):
    return PairChange(
        first=first,
        second=second,
        before=before,
        expected=before,
        after=after,
        p_value=0.0001,
        adjusted_p_value=0.0008,
        usual=usual,
        weight_share=0.01,
    )


def segment(column, value, *, before=1.04, after=0.89, factor=0.87, p=1.0, is_changed=False, n=2_429):
    return SegmentOutcome(
        column=column,
        value=value,
        n=n,
        n_positive=n // 12,
        before=before,
        after=after,
        factor=factor,
        p_adjusted=p,
        is_changed=is_changed,
    )


def segmented(*shown, mix=(), value=1.0, reason="", n_compared=32):
    measurement = measured(
        "factor_of_observed_expected_ratio",
        NAN if reason else value,
        unit="ratio",
        subject="segments",
        reason=reason,
    )
    return SegmentOutcomes(
        finding=Finding(code="drift.segments", measurement=measurement, threshold=limits(1.3, 2.0)),
        shown=shown,
        n_compared=0 if reason else n_compared,
        mix=mix,
        reason=reason,
    )


E_MOBILITY = segment(
    "product", "e-mobility", before=3.04, after=4.82, factor=1.65, p=0.036, is_changed=True, n=2_548
)
STEADY = segmented(
    segment("cause", "theft"), segment("channel", "agent", before=1.04, after=1.29, factor=0.88)
)
BATTERY_MIX = SegmentMix(
    column="cause",
    value="battery",
    share_before=0.0103,
    share_after=0.124,
    gap_pp=30.7,
    explained_pp=3.51,
    change_pp=3.21,
)
E_MOBILITY_MIX = SegmentMix(
    column="product",
    value="e-mobility",
    share_before=0.0199,
    share_after=0.133,
    gap_pp=15.7,
    explained_pp=1.77,
    change_pp=3.21,
)


# --- reports -----------------------------------------------------------------------


def report(**parts):
    """A report in which all is quiet but what is given; its verdict follows from its findings."""
    given = {
        "model": "claims_screening",
        "title": "Claims screening",
        "case_noun": "claims",
        "outcome_noun": "irregularities",
        "window": MARCH,
        "reference": YEAR,
        "score_reference": YEAR,
        "last_year": "2024-03",
        "version": "v1",
        "other_versions": (),
        "n_rows": 19_221,
        "n_reference": 242_364,
        "as_of": dt.date(2026, 1, 6),
        "outcomes_complete_until": dt.date(2025, 4, 1),
        "judged_window": MARCH,
        "model_findings": (ranking(), calibration(), alerts(), mean_score()),
        "inputs": STILL,
        "decomposition": decomposed(parts.get("inputs", STILL)),
        "decomposition_reason": "",
        "relations": related(),
        "segments": STEADY,
        "performance": Performance(months=(*EARLIER, month("2025-03")), n_inside=12, n_past=12),
        "verdict": Verdict.of([]),
    } | parts
    made = DriftReport(**given)
    return dataclasses.replace(made, verdict=Verdict.of(made.findings))


def quiet():
    return report()


def harm_with_mix():
    """A product that the model hardly sees became frequent: harm, and inputs that moved without an effect."""
    rows = (
        an_input("cause", "harmless", BATTERY, found=effect(-1.3, usual=0.04, weight=0.0), **categories()),
        an_input("product", "harmless", found=effect(0.0, usual=0.03, weight=0.0), **categories()),
        an_input(
            "vehicle_age",
            "harmless",
            KINDS[1],
            found=effect(0.0, weight=0.004),
            onset=Onset(kind=OnsetKind.STEP, since="2024-06", before=0.02, after=0.25),
        ),
        *STILL,
    )
    months = (*EARLIER, month("2025-03", 0.713, 1.42))
    return report(
        model_findings=(
            ranking(0.713, 0.870, onset=THIS_MONTH),
            calibration(1.42, 1.03, onset=THIS_MONTH),
            alerts(),
            mean_score(),
        ),
        inputs=rows,
        segments=segmented(E_MOBILITY, *STEADY.shown, mix=(BATTERY_MIX, E_MOBILITY_MIX), value=1.65),
        performance=Performance(months=months, n_inside=12, n_past=12),
        simulated=True,
    )


def harm_with_weather():
    """Outcomes came more often than promised, ranking holds, and what moved most moves in other months, too."""
    rows = (
        an_input(
            "temp",
            "usual",
            SHIFTED,
            SPREAD,
            found=effect(44.2, usual=0.448),
            distances=Distances(psi=7.68, psi_usual=8.16, jensen_shannon=0.8, ks=0.77),
            onset=Onset(kind=OnsetKind.DRIFT, since="2025-01", before=40.0, after=73.9),
        ),
        an_input("humid", "usual", found=effect(14.1, usual=0.52)),
        an_input(
            "dewp",
            "usual",
            SHIFTED,
            found=effect(-12.1, usual=0.46),
            distances=Distances(psi=6.78, psi_usual=7.0, jensen_shannon=0.76, ks=0.76),
        ),
        *STILL,
    )
    return report(
        model_findings=(
            ranking(0.760, 0.751, bounds=(0.0487, 0.05), against=Against.FLOOR_ONLY),
            calibration(1.51, 1.0, bounds=(1.37, 1.37), half=0.37, against=Against.FLOOR_ONLY),
            alerts(0.122, 0.0924, bounds=(0.77, 0.77)),
            mean_score(0.1153, 0.0997, bounds=(0.5, 0.5)),
        ),
        inputs=rows,
        reference=YEAR[-5:],
        score_reference=YEAR[-5:],
        last_year="",
        relations=related(pair("dewp", "humid", 0.81, 0.58), value=0.23),
        performance=Performance(
            months=tuple(month(label, estimate=NAN) for label in ("2025-01", "2025-02", "2025-03")),
            n_inside=0,
            n_past=0,
            estimate_reason="estimates need at least 3 reference months, and there are 2",
        ),
    )


def harm_without_suspects():
    """Ranking fell in August, and what moved did so in March."""
    rows = (
        an_input("cause", "harmless", BATTERY, found=effect(-1.3), **categories()),
        *STILL,
    )
    return report(
        model_findings=(
            ranking(0.82, 0.869, onset=Onset(kind=OnsetKind.STEP, since="2024-08", before=0.87, after=0.82)),
            calibration(),
            alerts(),
            mean_score(),
        ),
        inputs=rows,
    )


def unit_change():
    """An amount comes in cents: the model has not met such values and its alerts soar."""
    rows = (
        an_input(
            "claim_amount",
            "broken",
            CENTS,
            InputChange(
                kind="out_of_range",
                share=0.9,
                reference_share=0.0,
                reference_level=50_000.0,
                current_level=4_950_000.0,
            ),
            found=effect(33.2, p_adjusted=0.0001, weight=0.21),
            unmet=1.0,
            onset=THIS_MONTH,
        ),
        STILL[1],
    )
    return report(inputs=rows, model_findings=(ranking(), calibration(), alerts(0.129, 0.0964), mean_score()))


def every_kind():
    """Inputs that changed in every way that has a name."""
    changed = [
        an_input(
            f"input_{i:02d}", "matters" if i < 4 else "harmless", change, found=effect(30.0 - i, usual=0.1)
        )
        for i, change in enumerate(KINDS)
    ]
    everything = an_input("everything", "harmless", *KINDS[:5], found=effect(1.0))
    return report(inputs=(*changed, everything, *STILL))


def harmless():
    """Three inputs moved: one that the model hardly uses, one with a small effect, one only spread differently."""
    rows = (
        an_input("cause", "harmless", BATTERY, found=effect(-1.3, weight=0.002), **categories()),
        an_input("hour", "harmless", SHIFTED, found=effect(4.0, weight=0.08)),
        an_input("region", "harmless", found=effect(1.0, weight=0.04), **categories(onset=UNCLEAR)),
        *STILL,
    )
    return report(inputs=rows)


def season():
    """Alerts rise each March, and so do what they rest on."""
    as_in_march = effect(28.8, against="last_year", last_year=0.012)
    rows = (
        an_input("temp", "last_year", SHIFTED, found=as_in_march),
        an_input("visibility", "last_year", found=effect(2.0)),
        an_input("humid", "usual", found=effect(22.0, usual=0.18)),
        *STILL,
    )
    seasonal = alerts(0.125, 0.0964, against=Against.LAST_YEAR)
    finding = dataclasses.replace(seasonal.finding, measurement=measured("change_of_alert_share", 0.012))
    return report(
        inputs=rows,
        model_findings=(
            ranking(),
            calibration(),
            dataclasses.replace(seasonal, finding=finding),
            mean_score(),
        ),
    )


def far_from_promised():
    """Outcomes came half as often as promised, and months differ as much."""
    return report(
        model_findings=(
            ranking(0.718, 0.749, bounds=(0.077, 0.077)),
            calibration(0.57, 1.08, bounds=(3.4, 3.4), half=0.09),
            alerts(),
            mean_score(),
        )
    )


def new_version():
    """A version that scored one of two reference months; alerts rose, and nobody knows what is usual."""
    few = Onset(kind=OnsetKind.CANNOT_TELL, reason="needs at least 4 months with a value, and there are 3")
    no_usual = Distances(psi=0.6, psi_usual=None, jensen_shannon=0.3, ks=0.37)
    rows = (
        an_input(
            "pressure",
            "usual",
            SHIFTED,
            found=effect(22.7, usual=None, against="floor_only", p_adjusted=None),
            distances=no_usual,
            onset=few,
        ),
        an_input(
            "wind",
            "harmless",
            found=effect(-3.0, usual=None, against="floor_only", p_adjusted=None),
            distances=no_usual,
            onset=few,
        ),
        *STILL,
    )
    reason = "March 2025 and a month before it need 500 judged rows each, 30 of either outcome"
    return report(
        reference=YEAR[-2:],
        score_reference=YEAR[-1:],
        last_year="",
        version="v2",
        other_versions=("v1",),
        inputs=rows,
        model_findings=(
            not_known(ranking(), reason),
            not_known(calibration(), reason),
            alerts(0.132, 0.0964, bounds=(0.25, 0.5), against=Against.FLOOR_ONLY),
            mean_score(bounds=(0.25, 0.5), against=Against.FLOOR_ONLY),
        ),
        relations=related(
            pair("temp", "wind", 0.17, -0.19, usual=None),
            pair("wind", "pressure", 0.10, 0.31, usual=None),
            is_harmless=True,
        ),
        segments=segmented(reason="no segment has enough outcomes"),
        performance=Performance(
            months=(month("2025-03", NAN, NAN, estimate=NAN),),
            n_inside=0,
            n_past=0,
            estimate_reason="estimates need at least 3 reference months, and there are 1",
        ),
    )


def late_outcomes(now=0.870):
    """Outcomes of March are not known yet: performance is December's, beside an estimate for March."""
    rows = (
        an_input("cause", "harmless", BATTERY, found=effect(-1.3, weight=0.0), **categories()),
        *STILL,
    )
    months = (*EARLIER[:10], month("2025-03", NAN, NAN, estimate=now))
    return report(
        as_of=dt.date(2025, 4, 2),
        outcomes_complete_until=dt.date(2025, 1, 2),
        judged_window=Window.parse("2024-12"),
        inputs=rows,
        model_findings=(
            of_december(ranking()),
            of_december(calibration()),
            estimated(now),
            alerts(),
            mean_score(),
        ),
        performance=Performance(months=months, n_inside=9, n_past=10),
    )


def estimated_fall():
    return late_outcomes(now=0.79)


def late_harm():
    """December's outcomes came more often than promised; an input that moved since October may be behind it."""
    before = late_outcomes()
    rows = (
        an_input("cause", "harmless", BATTERY, found=effect(-1.3, weight=0.0), **categories()),
        an_input(
            "channel",
            "harmless",
            KINDS[12],
            found=effect(2.0, weight=0.08),
            **categories(onset=Onset(kind=OnsetKind.STEP, since="2024-10", before=0.0, after=0.12)),
        ),
        *STILL,
    )
    findings = (of_december(ranking()), of_december(calibration(1.25, 1.03)), *before.model_findings[2:])
    made = dataclasses.replace(before, inputs=rows, model_findings=findings)
    return dataclasses.replace(made, verdict=Verdict.of(made.findings))


def no_outcomes():
    """Nobody knows any outcome, and an input changes decisions."""
    reason = "no outcomes are known"
    rows = (
        an_input(
            "n_contacts",
            "matters",
            SHIFTED,
            found=effect(14.4, usual=0.05, p_adjusted=0.001),
            onset=Onset(kind=OnsetKind.DRIFT, since="2024-11", before=1.0, after=2.0),
        ),
        *STILL,
    )
    return report(
        outcomes_complete_until=None,
        inputs=rows,
        model_findings=(
            not_known(ranking(), reason),
            not_known(calibration(), reason),
            alerts(),
            mean_score(),
        ),
        segments=segmented(reason=reason),
        performance=Performance(months=(), n_inside=0, n_past=0, estimate_reason=""),
    )


def unknown_effects():
    """What the model makes of its inputs is not known."""
    rows = (
        an_input("cause", "harmless", BATTERY, found=UNKNOWN_EFFECT, **categories()),
        an_input("amount", "broken", CENTS, found=UNKNOWN_EFFECT, unmet=1.0),
        an_input("rare", "harmless", SHIFTED, found=effect(1.0), n=300),
    )
    return report(
        inputs=rows,
        decomposition=None,
        decomposition_reason="v1 raised no alert in the reference months",
        relations=related(reason="there are fewer than two inputs to compare"),
    )


def relations_only():
    """Two inputs no longer rise and fall together, and nothing else happened."""
    return report(
        relations=related(
            pair("n_photos", "hour", 0.02, 0.21), pair("claim_amount", "insured_sum", 0.62, 0.11), value=0.51
        )
    )


def segments_only():
    """One product's outcomes changed at equal score, and nothing else happened."""
    return report(segments=segmented(E_MOBILITY, *STEADY.shown, value=1.65))


def scores_only():
    """Scores fell, and no input explains it."""
    return report(model_findings=(ranking(), calibration(), alerts(), mean_score(0.0602, 0.0827)))


def nothing_judged():
    """Too few rows for anything."""
    reason = "no outcomes are known"
    few = tuple(
        dataclasses.replace(
            row,
            finding=dataclasses.replace(
                row.finding, measurement=dataclasses.replace(row.finding.measurement, n=40)
            ),
        )
        for row in (alerts(), mean_score())
    )
    return report(
        n_rows=40,
        inputs=(an_input("hour", "harmless", found=effect(1.0), n=40),),
        outcomes_complete_until=None,
        model_findings=(not_known(ranking(), reason), not_known(calibration(), reason), *few),
        relations=related(reason="the current month has too few rows"),
        segments=segmented(reason=reason),
        performance=Performance(months=(), n_inside=0, n_past=0),
    )


def hostile():
    """Names from data that try to be markup, formulas or endless."""
    rows = (
        an_input(
            HOSTILE_TAG,
            "matters",
            InputChange(kind="new_category", share=0.12, reference_share=0.0, name=HOSTILE_IMAGE),
            found=effect(30.0),
            **categories(bins=bins((0.9, 0.5, 0.0), (0.1, 0.5, 0.0), labels=(HOSTILE_IMAGE, HOSTILE_MATH))),
        ),
        an_input(
            HOSTILE_LENGTH,
            "harmless",
            InputChange(kind="mix", share=0.12, reference_share=0.0, name=HOSTILE_LENGTH),
            found=effect(2.0),
        ),
        an_input(RIGHT_TO_LEFT, "harmless", found=effect(1.0)),
        an_input(HOSTILE_MATH, "still"),
    )
    return report(
        title=HOSTILE_MARKDOWN,
        case_noun=HOSTILE_FORMULA,
        outcome_noun=HOSTILE_MATH,
        inputs=rows,
        model_findings=(ranking(0.7), calibration(1.42), alerts(0.2), mean_score()),
        relations=related(pair(HOSTILE_TAG, HOSTILE_IMAGE, 0.8, 0.1), value=0.7),
        segments=segmented(
            dataclasses.replace(E_MOBILITY, column=HOSTILE_IMAGE, value=HOSTILE_TAG),
            mix=(dataclasses.replace(BATTERY_MIX, column=HOSTILE_TAG, value=HOSTILE_FORMULA),),
            value=1.65,
        ),
    )


EXAMPLES = {
    made.__name__: made
    for made in (
        quiet,
        harm_with_mix,
        harm_with_weather,
        harm_without_suspects,
        unit_change,
        every_kind,
        harmless,
        season,
        far_from_promised,
        new_version,
        late_outcomes,
        estimated_fall,
        late_harm,
        no_outcomes,
        unknown_effects,
        relations_only,
        segments_only,
        scores_only,
        nothing_judged,
        hostile,
    )
}
