"""Monthly health reports written by hand, for everything that renders one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from afterlaunch.findings import Direction, Finding, Measurement, Severity, Threshold, Verdict
from afterlaunch.health_report import (
    Area,
    BudgetUse,
    Calibration,
    CalibrationBin,
    Change,
    Comparison,
    Complaints,
    DecisionCell,
    DecisionWorth,
    Detectable,
    EndpointSpeed,
    Estimate,
    HealthReport,
    HourSpeed,
    Indicator,
    Limits,
    MeanSplit,
    ModelAgainstBusiness,
    MonthPoint,
    Part,
    PatiencePoint,
    People,
    QualityCheck,
    SameRows,
    Segment,
    Segments,
    Shared,
    Speed,
    StageGap,
    StageTime,
    Step,
    ThresholdValue,
    TicketRisk,
    TicketTheme,
    Times,
    VersionUse,
    WorstSegment,
)
from afterlaunch.ranges import Range
from afterlaunch.rates import UsualRange
from afterlaunch.slow_requests import NOT_MEASURED
from afterlaunch.subgroups import Condition, SharedBy
from afterlaunch.windows import Window

NAN = math.nan
TRAINING_V1 = Window(start=dt.date(2013, 1, 1), end=dt.date(2013, 4, 1), label="2013-01-01 to 2013-03-31")
TRAINING_V2 = Window(start=dt.date(2013, 6, 1), end=dt.date(2013, 9, 1), label="2013-06-01 to 2013-08-31")
HOSTILE_TAG = "<script>alert(1)</script>"
HOSTILE_IMAGE = "<img src=x onerror=alert(2)>"
HOSTILE_FORMULA = "=1+1"
HOSTILE_MARKDOWN = "**bold** | [x](javascript:alert(3))"
HOSTILE_MATH = "$x$ and $\\frac$"
HOSTILE_LENGTH = "no end " * 40 + "w" * 120
RIGHT_TO_LEFT = "התשובה איטית מדי"


def known(name, value, *, unit="score", n=26_903, half=None):
    """A measurement; ``half`` is half the width of its interval."""
    low, high = (None, None) if half is None else (value - half, value + half)
    return Measurement(
        measure=name, subject="month", value=value, unit=unit, n=n, ci_lower=low, ci_upper=high
    )


def missing(name, reason, *, unit="score"):
    return Measurement(measure=name, subject="month", value=NAN, unit=unit, n=0, reason=reason)


def usual(lower, upper, n_months=5):
    return UsualRange(lower=lower, centre=(lower + upper) / 2, upper=upper, n_months=n_months)


def months_until(last, values, *, half, versions=("v1",), n_training=3):
    """History ending with ``last``: the first ``n_training`` months lie in training."""
    labels = [last.previous(k).label for k in range(len(values) + n_training - 1, 0, -1)] + [last.label]
    training = [
        MonthPoint(
            label=label,
            value=NAN,
            n=0,
            versions=("v1",),
            in_usual_range=False,
            reason=f"{Window.parse(label).title} lies in the training window of v1",
        )
        for label in labels[:n_training]
    ]
    scored_by = [("v1",)] * (len(values) - 1) + [versions]
    fresh = [
        MonthPoint(
            label=label,
            value=value,
            n=26_000,
            versions=names,
            in_usual_range=label != last.label,
            ci_lower=value - half,
            ci_upper=value + half,
        )
        for label, value, names in zip(labels[n_training:], values, scored_by, strict=True)
    ]
    return (*training, *fresh)


def indicator(area, code, title, values, *, bounds, target=None, window, **options):
    """An indicator whose last two values are last month's and this month's.

    ``options``: ``unit``, ``half`` (of intervals), ``decimals``, ``direction``, ``behind``, ``question``,
    ``owner``, ``versions``, ``n_training`` (months before the values).
    """
    unit, half = options.get("unit", "score"), options.get("half", 0.012)
    usual_range = usual(*bounds, n_months=len(values) - 1) if bounds else None
    threshold = Threshold(
        direction=options.get("direction", Direction.HIGHER),
        usual_range=Range(lower=bounds[0], upper=bounds[1]) if bounds else None,
        target_range=target,
        min_n=options.get("min_n", 0),
    )
    name = code.split(".")[1]
    return Indicator(
        area=area,
        title=title,
        finding=Finding(
            code=code, measurement=known(name, values[-1], unit=unit, half=half), threshold=threshold
        ),
        previous=known(name, values[-2], unit=unit, half=half) if len(values) > 1 else None,
        usual_range=usual_range,
        usual_range_reason="" if bounds else "a usual range needs at least 4 earlier months, and there are 2",
        history=months_until(
            window,
            values,
            half=half,
            versions=options.get("versions", ("v1",)),
            n_training=options.get("n_training", 3),
        ),
        behind=options.get("behind", ()),
        decimals=options.get("decimals", 3),
        question=options.get("question", ""),
        owner=options.get("owner", ""),
    )


def unmeasured(area, code, title, unit, reason):
    return Indicator(
        area=area,
        title=title,
        finding=Finding(
            code=code,
            measurement=missing(code.split(".")[1], f"not measured: {reason}", unit=unit),
            threshold=Threshold(direction=Direction.LOWER),
        ),
    )


UNMEASURED = (
    unmeasured(
        Area.SPEED, "speed.p95_under_peak_load", "p95 under peak load", "ms", "no request log configured"
    ),
    unmeasured(
        Area.PEOPLE, "people.repeat_clicks", "Repeat clicks", "per 1,000", "no request log configured"
    ),
    unmeasured(
        Area.COMPLAINTS,
        "complaints.ai_tickets",
        "Tickets about the AI",
        "per 1,000",
        "no ticket table configured",
    ),
)


def change(code, title, before, after, *, unit="share", bounds=None, decimals=1):
    return Change(
        code=code,
        title=title,
        unit=unit,
        before=before,
        after=after,
        usual_range=usual(*bounds) if bounds else None,
        decimals=decimals,
    )


def since_last_month(row):
    return Change(
        code=row.code,
        title=row.title,
        unit=row.finding.measurement.unit,
        before=row.previous.value,
        after=row.finding.measurement.value,
        usual_range=row.usual_range,
        decimals=row.decimals,
    )


def indicators_of(window, *, auc, caught, reviews, saving, gap, alerts, versions=("v1",)):
    """The six measured rows from their monthly values, and the three without a source."""
    behind = (
        change("model.outcome_share", "share of flights with claims", 0.092, 0.076, bounds=(0.055, 0.171)),
        change("model.recall", "share of claims caught", caught[-2], caught[-1], bounds=(0.262, 0.391)),
        change("model.precision", "share of alerts that were right", 0.318, 0.241, bounds=(0.255, 0.402)),
    )
    common = {"window": window, "versions": versions}
    return (
        *UNMEASURED,
        indicator(
            Area.BUSINESS,
            "business.claims_caught",
            "Claims caught",
            caught,
            bounds=(0.262, 0.391),
            target=Range(lower=0.25),
            unit="share",
            half=0.021,
            decimals=1,
            behind=behind[:1],
            **common,
        ),
        indicator(
            Area.BUSINESS,
            "business.reviews_per_claim",
            "Reviews per caught claim",
            reviews,
            bounds=(2.4, 3.9),
            target=Range(upper=4.0),
            unit="ratio",
            half=0.18,
            decimals=2,
            direction=Direction.LOWER,
            behind=behind[2:],
            **common,
        ),
        indicator(
            Area.BUSINESS,
            "business.net_saving",
            "Net saving",
            saving,
            bounds=(840.0, 1_690.0),
            target=Range(lower=800.0),
            unit="USD per 1,000 flights",
            half=96.0,
            decimals=0,
            behind=behind,
            question="Lower the alert threshold for the autumn?",
            owner="claims operations",
            **common,
        ),
        indicator(
            Area.MODEL,
            "model.roc_auc",
            "Ranking quality (ROC AUC)",
            auc,
            bounds=(0.701, 0.772),
            target=Range(lower=0.70),
            half=0.011,
            behind=(
                change(
                    "model.average_precision", "average precision", 0.287, 0.291, unit="score", decimals=3
                ),
            ),
            **common,
        ),
        indicator(
            Area.MODEL,
            "model.calibration_gap",
            "Calibration gap",
            gap,
            bounds=(-2.9, 2.4),
            target=Range(lower=-2.0, upper=2.0),
            unit="pp",
            half=0.9,
            decimals=1,
            direction=Direction.INSIDE,
            behind=(
                change("model.mean_score", "mean score", 0.101, 0.099),
                change("model.outcome_share", "share of flights with claims", 0.092, 0.076),
            ),
            **common,
        ),
        indicator(
            Area.MODEL,
            "model.alert_share",
            "Share of flights that raise an alert",
            alerts,
            bounds=(0.071, 0.126),
            unit="share",
            half=0.014,
            decimals=1,
            direction=Direction.INSIDE,
            **common,
        ),
    )


def comparisons(*, worse=False):
    """Performance measures of two months."""
    step = 0.06 if worse else 0.004

    def row(name, title, now, before, half, **options):
        unit = options.get("unit", "score")
        return Comparison(
            title=title,
            current=known(name, now, unit=unit, half=half),
            previous=known(name, before, unit=unit, half=half),
            direction=options.get("direction", "higher_is_better"),
            decimals=options.get("decimals", 3),
        )

    return (
        row("roc_auc", "Ranking quality (ROC AUC)", 0.741, 0.736, 0.011),
        row("average_precision", "Average precision", 0.291, 0.287, 0.021),
        row(
            "precision",
            "Precision at the alert threshold",
            0.318 - step,
            0.318,
            0.02,
            unit="share",
            decimals=1,
        ),
        row("recall", "Recall at the alert threshold", 0.318 - step, 0.318, 0.02, unit="share", decimals=1),
        row("brier_score", "Brier score", 0.0752, 0.0791, 0.0041, direction="lower_is_better", decimals=4),
        row(
            "outcome_share",
            "Outcome share",
            0.076,
            0.092,
            0.006,
            unit="share",
            direction="inside_is_better",
            decimals=1,
        ),
    )


def calibration(*, shift=0.0, slope=1.02):
    means = (0.018, 0.031, 0.042, 0.054, 0.067, 0.083, 0.103, 0.131, 0.178, 0.312)
    bins = tuple(
        CalibrationBin(
            n=2_690,
            mean_score=mean,
            outcome_share=max(mean * (1.0 + 0.04 * (-1) ** place) + shift, 0.001),
            ci_lower=max(mean * 0.9 + shift - 0.004, 0.0),
            ci_upper=max(mean * 1.1 + shift + 0.004, 0.002),
        )
        for place, mean in enumerate(means)
    )
    return Calibration(
        bins=bins,
        gap=known("calibration_gap", 100 * shift + 0.2, unit="pp", half=0.6),
        observed_expected=known("observed_expected_ratio", 1.02 + 10 * shift, unit="ratio", half=0.05),
        expected_calibration_error=known("expected_calibration_error", 0.6 + 100 * abs(shift), unit="pp"),
        slope=slope,
        intercept=0.03,
    )


def segment(column, value, *, difference, half, is_worse=False, measure="roc_auc", p_holm=1.0, n=3_120):
    title, unit, rest = {
        "roc_auc": ("Ranking quality (ROC AUC)", "score", 0.742),
        "calibration_gap": ("Observed minus predicted share", "pp", 0.1),
    }[measure]
    return Segment(
        column=column,
        value=value,
        n=n,
        n_positive=round(0.08 * n),
        measure=measure,
        title=title,
        unit=unit,
        segment_value=rest + difference,
        rest_value=rest,
        difference=difference,
        ci_lower=difference - half,
        ci_upper=difference + half,
        p_holm=p_holm,
        is_worse=is_worse,
    )


CALM_SEGMENTS = Segments(
    shown=(
        segment("origin", "LGA", difference=-0.021, half=0.022, p_holm=0.61, n=8_802),
        segment("carrier", "EV", difference=-0.017, half=0.024, p_holm=1.0, n=4_412),
        segment("carrier", "UA", difference=1.1, half=1.3, measure="calibration_gap", n=4_702),
        segment("carrier", "DL", difference=0.024, half=0.031, n=3_876),
    ),
    n_compared=38,
    n_worse=0,
    n_too_small=9,
    min_n=300,
    min_days=10,
)
WORSE_SEGMENTS = Segments(
    shown=(
        segment("carrier", "EV", difference=-0.071, half=0.028, is_worse=True, p_holm=0.0004, n=4_412),
        segment(
            "origin",
            "LGA",
            difference=3.4,
            half=1.6,
            measure="calibration_gap",
            is_worse=True,
            p_holm=0.012,
            n=8_802,
        ),
        segment("carrier", "UA", difference=-0.017, half=0.024, n=4_702),
        segment("carrier", "DL", difference=1.1, half=1.9, measure="calibration_gap", n=3_876),
    ),
    n_compared=38,
    n_worse=2,
    n_too_small=1,
    min_n=300,
    min_days=10,
)


def check(code, title, now, before, *, bounds, unit="share", is_unusual=False, decimals=1):
    return QualityCheck(
        code=code,
        title=title,
        current=known(code, now, unit=unit),
        previous=before,
        usual_range=usual(*bounds) if bounds else None,
        is_unusual=is_unusual,
        decimals=decimals,
    )


def checks(*, missing_wind=0.021):
    return (
        check(
            "rows_per_day",
            "Rows per day",
            897.0,
            930.0,
            bounds=(850.0, 990.0),
            unit="rows per day",
            decimals=0,
        ),
        check("days_without_rows", "Days without rows", 0.0, 0.0, bounds=(0.0, 0.0), unit="days", decimals=0),
        check("outcome_missing_share", "Rows whose outcome is overdue", 0.0, 0.0, bounds=(-0.001, 0.002)),
        check(
            "missing_share.wind_gust",
            "Missing values in wind_gust",
            missing_wind,
            0.019,
            bounds=(0.004, 0.038),
            is_unusual=missing_wind > 0.038,
        ),
    )


V1 = VersionUse(
    name="v1",
    n=26_903,
    share=1.0,
    first_on=dt.date(2013, 9, 1),
    last_on=dt.date(2013, 9, 30),
    trained=TRAINING_V1,
)


def report_of(indicators, **parts):
    """A report of September 2013 around its indicators; ``parts`` replaces any field."""
    window = parts.get("window", Window.parse("2013-09"))
    open_codes = sorted(
        (row for row in indicators if row.severity in {Severity.ACT, Severity.WATCH}),
        key=lambda row: -row.severity.rank,
    )
    moved = [
        since_last_month(row)
        for row in indicators
        if row.usual_range and not row.usual_range.contains(row.finding.measurement.value)
    ]
    fields = {
        "model": "flight_claims",
        "title": "Flight claims screening",
        "case_noun": "flights",
        "window": window,
        "previous_window": window.previous(),
        "judged_window": window,
        "as_of": None,
        "outcomes_complete_until": window.end,
        "n_rows": 26_903,
        "n_judged": 26_903,
        "versions": (V1,),
        "previous_versions": (dataclasses.replace(V1, n=28_756),),
        "indicators": indicators,
        "verdict": Verdict.of(row.finding for row in indicators),
        "decisions": tuple(row.code for row in open_codes[:3]),
        "changes": tuple(moved[:4]),
        "performance": comparisons(),
        "calibration": calibration(),
        "segments": CALM_SEGMENTS,
        "quality": checks(),
        "same_rows": None,
        "model_against_business": None,
        "limits": Limits(
            not_measured=tuple(row.title for row in UNMEASURED),
            n_maturing=0,
            n_without_outcome=0,
            n_days_judged=30,
            n_days=30,
            usual_range_months=5,
            usual_range_versions=("v1",),
            left_out_months=("2013-01", "2013-02", "2013-03"),
            comparison_across_versions=False,
        ),
    }
    return HealthReport(**(fields | parts))


SEPTEMBER = Window.parse("2013-09")


def healthy():
    """September with everything measured as usual."""
    rows = indicators_of(
        SEPTEMBER,
        auc=(0.729, 0.742, 0.748, 0.731, 0.736, 0.741),
        caught=(0.341, 0.322, 0.309, 0.334, 0.318, 0.327),
        reviews=(3.02, 3.21, 2.94, 3.11, 3.14, 3.09),
        saving=(1_180.0, 1_310.0, 1_402.0, 1_269.0, 1_217.0, 1_190.0),
        gap=(0.4, -0.7, 0.9, -0.3, 0.1, 0.2),
        alerts=(0.094, 0.101, 0.109, 0.098, 0.096, 0.092),
    )
    caught, auc = rows[3], rows[6]
    pair = ModelAgainstBusiness(
        model=since_last_month(auc),
        kpi=since_last_month(caught),
        model_step=Step.BETTER,
        kpi_step=Step.BETTER,
        signal="routine",
    )
    return report_of(rows, model_against_business=pair)


def troubled():
    """September with one indicator to act on, two to watch, worse segments and unusual data."""
    rows = indicators_of(
        SEPTEMBER,
        auc=(0.729, 0.742, 0.748, 0.731, 0.736, 0.741),
        caught=(0.341, 0.322, 0.309, 0.334, 0.318, 0.259),
        reviews=(3.02, 3.21, 2.94, 3.11, 3.14, 3.09),
        saving=(1_180.0, 1_310.0, 1_402.0, 1_269.0, 1_217.0, 689.0),
        gap=(0.4, -0.7, 0.9, -0.3, 0.1, -2.2),
        alerts=(0.094, 0.101, 0.109, 0.098, 0.096, 0.092),
    )
    saving, auc = rows[5], rows[6]
    pair = ModelAgainstBusiness(
        model=since_last_month(auc),
        kpi=since_last_month(saving),
        model_step=Step.BETTER,
        kpi_step=Step.WORSE,
        signal="kpi_only",
    )
    limits = dataclasses.replace(
        report_of(rows).limits, n_maturing=412, n_without_outcome=37, n_days_judged=26
    )
    return report_of(
        rows,
        performance=comparisons(worse=True),
        calibration=calibration(shift=-0.024, slope=0.83),
        segments=WORSE_SEGMENTS,
        quality=checks(missing_wind=0.124),
        model_against_business=pair,
        limits=limits,
        n_judged=26_491,
        outcomes_complete_until=dt.date(2013, 9, 27),
        as_of=dt.date(2013, 10, 2),
    )


def version_change():
    """October, the first month of v2; v1 scored the same rows in its shadow."""
    october = Window.parse("2013-10")
    rows = indicators_of(
        october,
        auc=(0.729, 0.742, 0.748, 0.731, 0.736, 0.741, 0.758),
        caught=(0.341, 0.322, 0.309, 0.334, 0.318, 0.327, 0.361),
        reviews=(3.02, 3.21, 2.94, 3.11, 3.14, 3.09, 2.98),
        saving=(1_180.0, 1_310.0, 1_402.0, 1_269.0, 1_217.0, 1_190.0, 1_251.0),
        gap=(0.4, -0.7, 0.9, -0.3, 0.1, 0.2, -3.3),
        alerts=(0.094, 0.101, 0.109, 0.098, 0.096, 0.092, 0.104),
        versions=("v2",),
    )
    v2 = VersionUse(
        name="v2",
        n=28_661,
        share=1.0,
        first_on=dt.date(2013, 10, 1),
        last_on=dt.date(2013, 10, 31),
        trained=TRAINING_V2,
    )

    def paired(name, title, champion, other, *, half, unit="score", direction="higher_is_better", decimals=3):
        return Comparison(
            title=title,
            current=known(name, champion, unit=unit, half=0.011),
            previous=known(name, other, unit=unit, half=0.011),
            direction=direction,
            decimals=decimals,
            difference=known(name, champion - other, unit=unit, half=half),
        )

    same_rows = SameRows(
        champion="v2",
        other="v1",
        window="October 2013",
        n=28_661,
        measures=(
            paired("roc_auc", "Ranking quality (ROC AUC)", 0.758, 0.744, half=0.006),
            paired(
                "brier_score",
                "Brier score",
                0.0651,
                0.0655,
                half=0.0009,
                direction="lower_is_better",
                decimals=4,
            ),
        ),
    )
    limits = dataclasses.replace(
        report_of(rows).limits,
        n_days=31,
        n_days_judged=31,
        usual_range_months=6,
        comparison_across_versions=True,
    )
    return report_of(
        rows,
        window=october,
        previous_window=SEPTEMBER,
        n_rows=28_661,
        n_judged=28_661,
        versions=(v2,),
        previous_versions=(V1,),
        calibration=calibration(shift=-0.035, slope=1.17),
        same_rows=same_rows,
        limits=limits,
    )


SLOW_ON_MONDAYS = Shared(
    events="slow requests",
    rows="requests",
    found=SharedBy(
        conditions=(
            Condition(attribute="weekday", labels=("Monday",)),
            Condition(attribute="hour", labels=("09", "10")),
            Condition(attribute="host", labels=("scorer-07",)),
        ),
        n_events_inside=388,
        n_events=545,
        n_inside=348,
        n=26_739,
    ),
)
TOLD_AFTER_ALERTS = Shared(
    events="tickets about the AI",
    rows="cases",
    found=SharedBy(
        conditions=(Condition(attribute="an alert", labels=("yes",)),),
        n_events_inside=21,
        n_events=43,
        n_inside=1_981,
        n=20_425,
    ),
)
SPEED = Speed(
    threshold_ms=1_000.0,
    target_share=0.95,
    time_limit_ms=10_000.0,
    n=26_739,
    n_slow=545,
    n_unanswered=52,
    window_minutes=15,
    n_at_peak=1_352,
    p95_at_peak_ms=2_410.0,
    elsewhere_p95_ms=670.0,
    budget=BudgetUse(
        n_slow=545, n_allowed=1_336.95, used_share=0.4076, n_hours=5, n_hours_all=744, n_held=279
    ),
    endpoints=(
        EndpointSpeed(
            endpoint="score",
            n=24_880,
            n_unanswered=52,
            within_share=0.9786,
            p50_ms=441.0,
            p95_ms=702.0,
            p99_ms=2_655.0,
        ),
        EndpointSpeed(
            endpoint="document",
            n=1_742,
            n_unanswered=0,
            within_share=0.9937,
            p50_ms=612.0,
            p95_ms=880.0,
            p99_ms=1_210.0,
        ),
        EndpointSpeed(
            endpoint="similar",
            n=117,
            n_unanswered=0,
            within_share=0.9829,
            p50_ms=390.0,
            p95_ms=640.0,
            p99_ms=None,
        ),
    ),
    hours=(
        HourSpeed(endpoint="score", hour=9, n=2_911, p95_ms=2_388.0),
        HourSpeed(endpoint="score", hour=14, n=2_204, p95_ms=695.0),
        HourSpeed(endpoint="document", hour=9, n=214, p95_ms=1_000.0),
    ),
    stages=(
        StageTime(stage="queue_ms", typical_ms=33.0, slow_ms=120.0),
        StageTime(stage="feature_fetch_ms", typical_ms=188.0, slow_ms=1_714.0),
        StageTime(stage="model_ms", typical_ms=83.0, slow_ms=86.0),
        StageTime(stage=NOT_MEASURED, typical_ms=137.0, slow_ms=139.0),
    ),
    n_typical=5_338,
    n_slow_answered=493,
    mean_split=MeanSplit(before_ms=443.0, after_ms=468.0, mix_ms=-1.4, within_ms=26.4),
    shared=SLOW_ON_MONDAYS,
)
PEOPLE = People(
    n_clicks=26_607,
    n_groups=311,
    n_extra=324,
    n_retries=132,
    n_inconsistent=12,
    n_mixed=9,
    after_slow_share=0.233,
    after_fast_share=0.0081,
    n_left=403,
    n_lost=99,
    patience=(
        PatiencePoint(wait_ms=1_000.0, left_share=0.036),
        PatiencePoint(wait_ms=2_000.0, left_share=0.118),
        PatiencePoint(wait_ms=5_000.0, left_share=0.4071),
    ),
)
COMPLAINTS = Complaints(
    n_tickets=418,
    n_flagged=43,
    estimated=59.4,
    ci_lower=45.2,
    ci_upper=73.8,
    n_reported=54.1,
    n_outstanding=5.3,
    completeness=0.911,
    joined_share=0.93,
    n_unjoined=702,
    method="learned",
    method_reason="",
    precision=0.98,
    recall=0.89,
    n_labelled=2_301,
    n_audited=92,
    audit_differs=False,
    times=Times(ratio=1.5, ci_lower=1.2, ci_upper=1.9, n_months=12),
    themes=(
        TicketTheme(
            theme="too slow",
            n=26,
            share=26 / 43,
            usual_share=0.22,
            quotes=("The wheel turned for two minutes on claim [number].", "We click on without it, [name]."),
        ),
        TicketTheme(theme="unexplained", n=17, share=17 / 43, usual_share=None, quotes=()),
    ),
    themes_method="learned",
    risks=(
        TicketRisk(
            circumstance="a slow answer", n_tickets=18, n_cases=498, ratio=28.8, ci_lower=15.9, ci_upper=52.3
        ),
        TicketRisk(
            circumstance="a repeat click",
            n_tickets=6,
            n_cases=6,
            ratio=None,
            ci_lower=None,
            ci_upper=None,
            reason="every case with it brought one",
        ),
    ),
    shared=TOLD_AFTER_ALERTS,
)
DECISION_WORTH = DecisionWorth(
    version="v2",
    unit="CHF",
    n=19_285,
    cells=(
        DecisionCell(is_alert=True, is_positive=True, n=958, n_per_1000=49.7, value_per_1000=79_620.0),
        DecisionCell(is_alert=True, is_positive=False, n=810, n_per_1000=42.0, value_per_1000=-1_344.0),
        DecisionCell(is_alert=False, is_positive=True, n=720, n_per_1000=37.3, value_per_1000=0.0),
        DecisionCell(is_alert=False, is_positive=False, n=16_797, n_per_1000=871.0, value_per_1000=0.0),
    ),
    curve=tuple(
        ThresholdValue(threshold=threshold, value=value, alert_share=share)
        for threshold, value, share in (
            (0.02, 130_910.0, 0.497),
            (0.03, 132_171.0, 0.395),
            (0.09, 125_300.0, 0.202),
            (0.31, 78_276.0, 0.0917),
            (0.62, 31_480.0, 0.031),
            (0.97, 1_120.0, 0.002),
        )
    ),
    present=ThresholdValue(threshold=0.31, value=78_276.0, alert_share=0.0917),
    best=ThresholdValue(threshold=0.03, value=132_171.0, alert_share=0.395),
    gain=Measurement(
        measure="decision_value_gain",
        subject="September 2025",
        value=53_895.0,
        unit="CHF",
        n=19_285,
        ci_lower=48_108.0,
        ci_upper=59_096.0,
    ),
)
DECEMBER = Window.parse("2025-12")
JUDGED = Window.parse("2025-09")


def served_indicators():
    """The rows of December 2025: those that need outcomes are about September."""
    lower = {"direction": Direction.LOWER, "window": DECEMBER, "n_training": 0, "versions": ("v2",)}
    rate = lower | {"unit": "per 1,000"}
    judged = {"window": JUDGED, "n_training": 0, "versions": ("v2",)}
    part = Part(title="were answered by different versions", n=9, n_of=12, noun="such repeats")
    return (
        indicator(
            Area.SPEED,
            "speed.p95_under_peak_load",
            "p95 under peak load",
            (0.78, 0.76, 0.79, 0.77, 0.80, 2.41),
            bounds=(0.71, 0.85),
            target=Range(upper=1.0),
            unit="s",
            half=0.31,
            decimals=2,
            behind=(
                SLOW_ON_MONDAYS,
                StageGap(stage="feature_fetch_ms", slow_ms=1_714.0, typical_ms=188.0, share=0.94),
            ),
            question="What slows the busiest hours down?",
            owner="platform",
            **lower,
        ),
        indicator(
            Area.SPEED,
            "speed.within_slo_share",
            "Requests answered within 1 s",
            (0.994, 0.995, 0.993, 0.994, 0.994, 0.9796),
            bounds=(0.991, 0.997),
            target=Range(lower=0.95),
            unit="share",
            half=0.002,
            decimals=1,
            behind=(SPEED.budget,),
            **(lower | {"direction": Direction.HIGHER}),
        ),
        indicator(
            Area.SPEED,
            "speed.p95",
            "p95 of all requests",
            # Once, long ago, more than a twentieth of the requests timed out.
            (0.70, 10.0, 0.71, 0.69, 0.676, 0.681),
            bounds=(0.682, 0.73),
            target=Range(upper=1.0),
            unit="s",
            half=0.01,
            decimals=2,
            behind=(
                Estimate(title="under peak load", value=2.41, unit="s", decimals=2),
                Estimate(title="at other times", value=0.67, unit="s", decimals=2),
            ),
            **lower,
        ),
        indicator(
            Area.PEOPLE,
            "people.repeat_clicks",
            "Repeat clicks",
            (7.4, 6.9, 7.2, 8.1, 7.5, 11.7),
            bounds=(5.3, 9.3),
            target=Range(upper=9.5),
            half=1.3,
            decimals=1,
            behind=(
                Estimate(title="clicked again after a slow answer", value=0.233, unit="share"),
                Estimate(
                    title="after a fast one", value=0.0081, unit="share", ci_lower=0.007, ci_upper=0.0092
                ),
            ),
            owner="product",
            **rate,
        ),
        indicator(
            Area.PEOPLE,
            "people.inconsistent_repeats",
            "Repeats with two different answers",
            (0.18, 0.11, 0.04, 0.17, 0.15, 0.14),
            bounds=(0.0, 0.291),
            target=Range(upper=0.4),
            half=0.12,
            decimals=2,
            behind=(part, Detectable(value=0.44, times=4.4, unit="per 1,000", decimals=2)),
            **rate,
        ),
        indicator(
            Area.COMPLAINTS,
            "complaints.ai_tickets",
            "Tickets about the AI",
            (2.1, 1.9, 2.2, 1.7, 2.0, 2.9),
            bounds=(1.2, 2.7),
            target=Range(upper=6.0),
            half=0.7,
            decimals=1,
            behind=(
                Estimate(title="tickets still to come", value=5.3, unit="count", decimals=0),
                COMPLAINTS.times,
                Part(title="are about “too slow”", n=26, n_of=43, noun="flagged tickets", usual_share=0.22),
                TOLD_AFTER_ALERTS,
            ),
            **rate,
        ),
        indicator(
            Area.BUSINESS,
            "business.net_saving",
            "Net saving per 1,000 claims",
            (92_116.0, 99_277.0, 91_480.0, 73_666.0, 73_970.0, 75_011.0),
            bounds=(76_283.0, 117_569.0),
            target=Range(lower=80_000.0),
            unit="CHF",
            half=4_100.0,
            decimals=0,
            behind=(
                change(
                    "model.alert_worth", "worth of a right alert", 1_623.0, 1_603.0, unit="CHF", decimals=0
                ),
                change("model.recall", "share of irregularities caught", 0.581, 0.5812, bounds=(0.47, 0.55)),
            ),
            window=DECEMBER,
            n_training=0,
        ),
        indicator(
            Area.MODEL,
            "model.f1",
            "F1 at the alert threshold",
            (0.484, 0.497, 0.490, 0.553, 0.556),
            bounds=(0.461, 0.514),
            target=Range(lower=0.40),
            behind=(
                WorstSegment(segment=WORSE_SEGMENTS.shown[0], n_more=1),
                change("model.precision", "share of alerts that were right", 0.527, 0.542),
            ),
            **judged,
        ),
        indicator(
            Area.MODEL,
            "model.calibration_gap",
            "Calibration gap",
            (0.1, -0.3, 0.4, 0.2, -2.6),
            bounds=(-0.8, 1.4),
            target=Range(lower=-2.0, upper=2.0),
            unit="pp",
            half=0.4,
            decimals=1,
            direction=Direction.INSIDE,
            **judged,
        ),
    )


def served():
    """December 2025 of a simulated service whose outcomes are still to come: speed, people, complaints and values."""
    rows = served_indicators()
    f1, saving = rows[7], rows[6]
    v2 = VersionUse(
        name="v2",
        n=20_425,
        share=1.0,
        first_on=dt.date(2025, 12, 1),
        last_on=dt.date(2025, 12, 31),
        trained=Window(start=dt.date(2024, 12, 1), end=dt.date(2025, 4, 1), label="2024-12-01 to 2025-03-31"),
    )
    pair = ModelAgainstBusiness(
        model=since_last_month(f1),
        kpi=dataclasses.replace(since_last_month(saving), before=91_480.0, after=73_666.0),
        model_step=Step.BETTER,
        kpi_step=Step.WORSE,
        signal="both",
    )
    limits = Limits(
        not_measured=(),
        n_maturing=20_383,
        n_without_outcome=0,
        n_days_judged=0,
        n_days=31,
        usual_range_months=12,
        usual_range_versions=("v1",),
        left_out_months=("2025-01", "2025-02", "2025-03"),
        comparison_across_versions=True,
    )
    return report_of(
        rows,
        model="claims_screening",
        title="Claims screening",
        case_noun="claims",
        window=DECEMBER,
        previous_window=DECEMBER.previous(),
        judged_window=JUDGED,
        as_of=dt.date(2026, 1, 6),
        outcomes_complete_until=dt.date(2025, 10, 8),
        n_rows=20_425,
        n_judged=19_285,
        versions=(v2,),
        previous_versions=(v2,),
        quality=checks()[:2],
        model_against_business=pair,
        limits=limits,
        changes=tuple(since_last_month(row) for row in rows[:3]),
        speed=SPEED,
        people=PEOPLE,
        complaints=COMPLAINTS,
        decision_worth=DECISION_WORTH,
        simulated=True,
    )


def hostile_served():
    """The served month with names and texts that try to be something else, are far too long or run to the left."""
    names = (HOSTILE_TAG, HOSTILE_MARKDOWN, HOSTILE_MATH, HOSTILE_LENGTH, RIGHT_TO_LEFT)
    rows = tuple(
        dataclasses.replace(row, title=names[place % len(names)])
        for place, row in enumerate(served_indicators())
    )
    endpoints = tuple(dataclasses.replace(SPEED.endpoints[0], endpoint=name) for name in names)
    hosts = tuple(
        Condition(attribute=HOSTILE_MATH, labels=(name,)) for name in (HOSTILE_TAG, HOSTILE_MARKDOWN)
    )
    stages = zip(SPEED.stages, (HOSTILE_TAG, HOSTILE_MATH, HOSTILE_LENGTH, RIGHT_TO_LEFT), strict=True)
    quotes = (HOSTILE_IMAGE, HOSTILE_MARKDOWN, HOSTILE_MATH, HOSTILE_LENGTH, RIGHT_TO_LEFT, HOSTILE_FORMULA)
    shared = dataclasses.replace(
        SLOW_ON_MONDAYS, found=dataclasses.replace(SLOW_ON_MONDAYS.found, conditions=hosts)
    )
    return dataclasses.replace(
        served(),
        indicators=rows,
        changes=tuple(since_last_month(row) for row in rows),
        speed=dataclasses.replace(
            SPEED,
            endpoints=endpoints,
            hours=tuple(dataclasses.replace(SPEED.hours[0], endpoint=name) for name in names),
            stages=tuple(dataclasses.replace(stage, stage=name) for stage, name in stages),
            shared=shared,
        ),
        complaints=dataclasses.replace(
            COMPLAINTS,
            themes=(
                dataclasses.replace(COMPLAINTS.themes[0], theme=HOSTILE_TAG, quotes=quotes),
                dataclasses.replace(COMPLAINTS.themes[1], theme=HOSTILE_LENGTH),
            ),
            risks=(dataclasses.replace(COMPLAINTS.risks[0], circumstance=HOSTILE_IMAGE),),
            shared=shared,
        ),
        decision_worth=dataclasses.replace(DECISION_WORTH, unit=HOSTILE_TAG, version=HOSTILE_MARKDOWN),
    )


def hostile():
    """The troubled report with names and values that try to be markup, Markdown or a formula."""
    report = troubled()
    worse = dataclasses.replace(WORSE_SEGMENTS.shown[0], column=HOSTILE_IMAGE, value=HOSTILE_TAG)
    formula = dataclasses.replace(WORSE_SEGMENTS.shown[1], value=HOSTILE_FORMULA)
    rows = tuple(
        dataclasses.replace(
            row, title=f"{row.title} {HOSTILE_TAG}", question=HOSTILE_MARKDOWN, owner=HOSTILE_IMAGE
        )
        for row in report.indicators
    )
    quality = tuple(
        dataclasses.replace(row, title=f"Missing values in {HOSTILE_TAG}") for row in report.quality
    )
    return dataclasses.replace(
        report,
        title=f"Claims {HOSTILE_TAG}",
        case_noun=f"flights {HOSTILE_IMAGE}",
        indicators=rows,
        segments=dataclasses.replace(WORSE_SEGMENTS, shown=(worse, formula)),
        quality=quality,
        versions=(dataclasses.replace(V1, name=HOSTILE_MARKDOWN),),
    )


def unjudged():
    """A month in training: nothing about performance is measured, nothing is known of August."""
    reason = "September 2013 lies in the training window of v1"
    rows = tuple(
        dataclasses.replace(
            row,
            finding=dataclasses.replace(
                row.finding, measurement=missing("m", reason, unit=row.finding.measurement.unit)
            ),
            previous=None,
            usual_range=None,
            usual_range_reason="a usual range needs at least 4 earlier months, and there is none",
            history=(),
            behind=(),
        )
        for row in healthy().indicators
    )
    limits = dataclasses.replace(
        healthy().limits,
        not_measured=tuple(row.title for row in rows),
        n_days_judged=0,
        usual_range_months=0,
        usual_range_versions=(),
        left_out_months=(),
    )
    return report_of(
        rows,
        n_judged=0,
        previous_versions=(),
        performance=(),
        calibration=None,
        segments=Segments(
            shown=(), n_compared=0, n_worse=0, n_too_small=0, min_n=300, min_days=10, reason="no judged rows"
        ),
        quality=(
            check("rows_per_day", "Rows per day", 897.0, None, bounds=None, unit="rows per day", decimals=0),
        ),
        limits=limits,
    )


EXAMPLES = {
    "healthy": healthy,
    "troubled": troubled,
    "version_change": version_change,
    "unjudged": unjudged,
    "served": served,
    "hostile": hostile,
    "hostile_served": hostile_served,
}
