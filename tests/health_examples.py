"""Monthly health reports written by hand, for everything that renders one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from afterlaunch.findings import Direction, Finding, Measurement, Severity, Threshold, Verdict
from afterlaunch.health_report import (
    Area,
    Calibration,
    CalibrationBin,
    Change,
    Comparison,
    HealthReport,
    Indicator,
    Limits,
    ModelAgainstBusiness,
    MonthPoint,
    QualityCheck,
    SameRows,
    Segment,
    Segments,
    Step,
    VersionUse,
)
from afterlaunch.ranges import Range
from afterlaunch.rates import UsualRange
from afterlaunch.windows import Window

NAN = math.nan
TRAINING_V1 = Window(start=dt.date(2013, 1, 1), end=dt.date(2013, 4, 1), label="2013-01-01 to 2013-03-31")
TRAINING_V2 = Window(start=dt.date(2013, 6, 1), end=dt.date(2013, 9, 1), label="2013-06-01 to 2013-08-31")
HOSTILE_TAG = "<script>alert(1)</script>"
HOSTILE_IMAGE = "<img src=x onerror=alert(2)>"
HOSTILE_FORMULA = "=1+1"
HOSTILE_MARKDOWN = "**bold** | [x](javascript:alert(3))"


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
    ``owner``, ``versions``.
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
        history=months_until(window, values, half=half, versions=options.get("versions", ("v1",))),
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
    "hostile": hostile,
}
