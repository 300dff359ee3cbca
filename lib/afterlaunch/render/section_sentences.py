"""The sentence of each section of the monthly health report, and the titles that say what a plot found."""

from __future__ import annotations

from afterlaunch.findings import Direction
from afterlaunch.health_report import (
    Area,
    Calibration,
    CalibrationBin,
    Change,
    Comparison,
    HealthReport,
    Indicator,
    ModelAgainstBusiness,
    QualityCheck,
    Segment,
    Step,
)
from afterlaunch.render.fact_sentences import segment_format
from afterlaunch.render.grammar import cases, counted, listed, month_beside, moved
from afterlaunch.render.indicator_sentences import (
    against_usual,
    number_format,
    state_reason,
    statement,
    target_outlook,
)
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import NumberFormat, bare_reason, count, plain
from afterlaunch.render.version_sentences import across_versions

AS_PREDICTED = "as predicted"
BETTER, WORSE, CHANGED, UNCLEAR = "better", "worse", "changed", "no clear change"
# Within this of one, a calibration slope is not worth a sentence.
SLOPE_MARGIN = 0.1
_SIGNALS = {
    "both": "Both left their usual range (both signals): find out why before trusting either.",
    "kpi_only": "Only the business number left its usual range (KPI signal only): look beyond the model.",
    "model_only": "Only the model's number left its usual range (model signal only): no business signal yet.",
    "routine": "Both stayed within their usual ranges (both routine): mention it, do not act.",
}


def performance(report: HealthReport) -> Text:
    """Say how well the model did on rows it had never seen, and which measures clearly changed."""
    main = main_indicator(report)
    if main is None or not report.n_judged:
        why = bare_reason(main.finding.measurement) if main else "no measure of the model is configured"
        return Text(f"Performance in {report.judged_window.title} is unknown: {why}.")
    judged = f"the {cases(report.n_judged, report.case_noun)} of {report.judged_window.title}"
    parts = [
        _why_earlier(report),
        f"These numbers rest on {judged} with a known outcome that their version never saw in training.",
        statement(main, report),
        _changed_measures(report),
        across_versions(report) if report.judged_window == report.window else "",
    ]
    return Text(" ".join(part for part in parts if part))


def _why_earlier(report: HealthReport) -> str:
    if report.judged_window == report.window:
        return ""
    judged = f"the model is judged on {report.judged_window.title}"
    return f"The outcomes of {report.window.title} are still to come: {judged}."


def _changed_measures(report: HealthReport) -> str:
    known = [row for row in report.performance if row.current.is_known]
    compared = [row for row in known if row.previous is not None and row.previous.is_known]
    month = month_beside(report.judged_window.previous(), report.judged_window)
    if not compared:
        return f"There is nothing to compare with: no measure is known for {month}."
    clear = [row for row in compared if reading(row) != UNCLEAR]
    if not clear:
        return f"Since {month}, no measure changed by more than the 95 % intervals allow."
    told = listed(row.title if reading(row) == CHANGED else f"{row.title} ({reading(row)})" for row in clear)
    who = "one measure" if len(clear) == 1 else counted(len(clear), "measure")
    return f"Since {month}, {who} changed by more than the 95 % intervals allow: {told}."


def reading(comparison: Comparison) -> str:
    """Read a comparison: ``better``, ``worse``, ``changed`` (neither way is better) or ``no clear change``.

    A paired difference is clear when its interval leaves out zero; two separate numbers differ clearly when
    their intervals do not overlap.
    """
    step = _clear_step(comparison)
    if step == 0:
        return UNCLEAR
    if comparison.direction == Direction.INSIDE.value:
        return CHANGED
    return BETTER if (step > 0) is (comparison.direction == Direction.HIGHER.value) else WORSE


def _clear_step(comparison: Comparison) -> int:
    """Return 1 or -1 for a clear rise or fall, 0 where the intervals leave it open or are missing."""
    if comparison.difference is not None:
        lower, upper = comparison.difference.ci_lower, comparison.difference.ci_upper
        if lower is None or upper is None:
            return 0
        return (lower > 0) - (upper < 0)
    now, before = comparison.current, comparison.previous
    if before is None or now.ci_lower is None or now.ci_upper is None:
        return 0
    if before.ci_lower is None or before.ci_upper is None:
        return 0
    return (now.ci_lower > before.ci_upper) - (now.ci_upper < before.ci_lower)


def main_indicator(report: HealthReport) -> Indicator | None:
    """Return the model's main measure: the one held against the business, or else the first of its rows."""
    if report.model_against_business is not None:
        return report.indicator(report.model_against_business.model.code)
    return next((row for row in report.indicators if row.area is Area.MODEL), None)


def trend_title(report: HealthReport) -> str:
    """Say where the main measure stands, as the title of its trend."""
    main = main_indicator(report)
    if main is None or not main.finding.measurement.is_known:
        return "No trend of the model's main measure yet"
    now = number_format(main).full(main.finding.measurement.value)
    return f"{main.title} is {now}: {state_reason(main, case_noun=report.case_noun)}"


def calibration(report: HealthReport) -> Text:
    """Say whether scores mean what they say."""
    found = report.calibration
    if found is None or not found.gap.is_known:
        return Text(
            "Whether scores mean what they say is unknown: there are not enough known outcomes of both kinds."
        )
    parts = (f"{calibration_title(report)}: {_gap(found)}.", _score_by_score(found), _slope(found.slope))
    return Text(" ".join(part for part in parts if part))


def _gap(found: Calibration) -> str:
    written = NumberFormat(unit=found.gap.unit, decimals=1)
    value = written.signed(found.gap.value).removesuffix(" pp")
    interval = written.interval(found.gap.ci_lower, found.gap.ci_upper).removesuffix(" pp")
    told = f"the share that happened minus the share predicted is {value} percentage points"
    told += f" (95 % interval {interval})" if interval else ""
    if found.observed_expected.is_known:
        told += f", or {plain(found.observed_expected.value, decimals=2)} outcomes for each one expected"
    return told


def _score_by_score(found: Calibration) -> str:
    judged = [one for one in found.bins if one.ci_lower is not None and one.ci_upper is not None]
    if not judged or not found.expected_calibration_error.is_known:
        return ""
    off = plain(found.expected_calibration_error.value, decimals=1)
    n_off = sum(bin_reading(one) != AS_PREDICTED for one in judged)
    bins = f"in {n_off or 'none'} of {counted(len(judged), 'bin')} the difference is beyond chance"
    return f"Score by score, the two differ by {off} percentage points on average; {bins}."


def calibration_title(report: HealthReport) -> str:
    """Say whether scores are right on average, too low or too high."""
    found = report.calibration
    if found is None or found.gap.ci_lower is None or found.gap.ci_upper is None:
        return "Predicted and observed shares"
    if found.gap.ci_lower > 0:
        return "Scores are too low on average"
    return (
        "Scores are too high on average"
        if found.gap.ci_upper < 0
        else "Scores are not clearly off on average"
    )


def bin_reading(one: CalibrationBin) -> str:
    """Read one bin: ``as predicted``, ``more`` or ``less often than predicted``; empty if unknown."""
    if one.ci_lower is None or one.ci_upper is None:
        return ""
    if one.ci_lower <= one.mean_score <= one.ci_upper:
        return AS_PREDICTED
    return "more often than predicted" if one.outcome_share > one.mean_score else "less often than predicted"


def _slope(slope: float | None) -> str:
    if slope is None or abs(slope - 1) <= SLOPE_MARGIN:
        return ""
    told = f"(slope {plain(slope, decimals=2)}, ideal 1)"
    if slope < 1:
        return f"Scores are too extreme {told}: high ones too high, low ones too low."
    return f"Scores are too cautious {told}: high ones too low, low ones too high."


def segments(report: HealthReport) -> Text:
    """Say which segments the model serves worse than the rest, and how many comparisons that rests on."""
    found = report.segments
    small = _too_small(report)
    if not found.n_compared:
        return Text(f"No segment was compared: {found.reason or 'none is configured'}.{small}")
    worse = [segment for segment in found.shown if segment.is_worse]
    if not worse:
        were = "comparison was" if found.n_compared == 1 else "comparisons were"
        return Text(
            f"{segments_title(report)}: {count(found.n_compared)} {were} made, and none differs by more than "
            f"chance among so many.{small}"
        )
    told = "; ".join(segment_in_words(segment) for segment in worse[:2])
    more = f" The table names {count(found.n_worse - 2)} more." if found.n_worse > 2 else ""
    return Text(f"{segments_title(report)}, allowing for how many were made: {told}.{more}{small}")


def _too_small(report: HealthReport) -> str:
    n = report.segments.n_too_small
    if not n:
        return ""
    rows, days = cases(report.segments.min_n, report.case_noun), counted(report.segments.min_days, "day")
    were = f"{counted(n, 'segment')} {'was' if n == 1 else 'were'} not compared"
    return f" {were}: fewer than {rows}, seen on fewer than {days}, or too few outcomes of one kind."


def segments_title(report: HealthReport) -> str:
    """Say how many comparisons found a segment worse than the rest."""
    found = report.segments
    if not found.n_worse:
        return "No segment is clearly worse than the rest"
    shows = "shows" if found.n_worse == 1 else "show"
    return (
        f"{found.n_worse} of {counted(found.n_compared, 'comparison')} {shows} a segment worse than the rest"
    )


def segment_in_words(segment: Segment) -> str:
    """Name a segment with its number, the rest's and the interval of the difference."""
    written = segment_format(segment)
    interval = written.of_differences.interval(segment.ci_lower, segment.ci_upper)
    beside = f", difference {written.signed(segment.difference)}" + (f" ({interval})" if interval else "")
    return (
        f"{segment.column} {segment.value}: {segment.title} {written.short(segment.segment_value)} against "
        f"{written.short(segment.rest_value)} in the rest{beside}"
    )


def quality(report: HealthReport) -> Text:
    """Say whether volume and data quality are as usual, naming what is not."""
    checks = report.quality
    if not checks:
        return Text("No volume or data quality was checked.")
    unusual = [check for check in checks if check.is_unusual]
    young = sum(check.usual_range is None for check in checks)
    waiting = (
        f" {count(young)} of them {'has' if young == 1 else 'have'} no usual range yet." if young else ""
    )
    if young == len(checks):
        return Text("No check of volume or data quality can be judged: there is no usual range yet.")
    if not unusual:
        made = counted(len(checks) - young, "check")
        return Text(f"Volume and data quality are as usual in all {made} made.{waiting}")
    told = "; ".join(_unusual_check(check) for check in unusual[:3])
    more = f"; and {count(len(unusual) - 3)} more in the table" if len(unusual) > 3 else ""
    are = "is" if len(unusual) == 1 else "are"
    return Text(f"{len(unusual)} of {counted(len(checks), 'check')} {are} unusual: {told}{more}.{waiting}")


def _unusual_check(check: QualityCheck) -> str:
    written = NumberFormat(unit=check.current.unit, decimals=check.decimals)
    usual = f" (usual range {written.usual(check.usual_range)})" if check.usual_range else ""
    return f"{check.title} {written.full(check.current.value)}{usual}"


def business(report: HealthReport) -> Text:
    """Say where each business number stands, one paragraph each, and whether usual months meet its target."""
    rows = [row for row in report.indicators if row.area is Area.BUSINESS]
    told = [" ".join(part for part in (statement(row, report), target_outlook(row)) if part) for row in rows]
    return Text("\n".join(told) if told else "No business KPI is configured.")


def kpi_title(indicator: Indicator) -> str:
    """Say where a KPI stands, as the title of its chart."""
    if not indicator.finding.measurement.is_known:
        return f"{indicator.title}: not measured"
    if indicator.usual_range is None:
        return f"{indicator.title}: no usual range yet"
    return f"{indicator.title}: {against_usual(indicator)} usual range"


def model_against_business(report: HealthReport) -> Text:
    """Say whether the model's main measure and the main KPI tell the same story since last month."""
    pair = report.model_against_business
    if pair is None:
        return Text(
            "The model's main measure and the main business number are not held against each other: that "
            "needs both of them, this month and last month."
        )
    month = month_beside(report.judged_window.previous(), report.judged_window)
    told = f"{_change_in_words(pair.model, month)}; {_change_in_words(pair.kpi, month)}{_both_of(report)}."
    if is_contradiction(pair):
        return Text(f"{contradiction(pair)}: {told} {_SIGNALS[pair.signal]}")
    if pair.model_step is pair.kpi_step and _visibly_moved(pair.model) and _visibly_moved(pair.kpi):
        return Text(f"Model and business tell the same story, both got {pair.kpi_step.value}: {told}")
    return Text(f"Model and business do not contradict each other: {told}")


def _both_of(report: HealthReport) -> str:
    """Name the month in which model and business are held against each other, where it is an earlier one."""
    if report.judged_window == report.window:
        return ""
    return f", both in {report.judged_window.title}, the last month with complete outcomes"


def is_contradiction(pair: ModelAgainstBusiness) -> bool:
    """Tell whether model and business went opposite ways, by enough to be seen in the numbers as shown."""
    return pair.disagree and _visibly_moved(pair.model) and _visibly_moved(pair.kpi)


def contradiction(pair: ModelAgainstBusiness) -> str:
    """Name the way in which model and business contradict each other."""
    if pair.model_step is Step.BETTER:
        return "Model better, business worse"
    return "Model worse, business better"


def _change_in_words(change: Change, month: str) -> str:
    written = NumberFormat(unit=change.unit, decimals=change.decimals)
    if not _visibly_moved(change):
        return f"{change.title} stayed at {written.full(change.after)}"
    return f"{change.title} " + moved(
        written.short(change.before),
        written.full(change.after),
        rose=change.after > change.before,
        when=month,
    )


def _visibly_moved(change: Change) -> bool:
    written = NumberFormat(unit=change.unit, decimals=change.decimals)
    return written.number(change.before) != written.number(change.after)


def same_rows(report: HealthReport) -> Text:
    """Compare two versions on the same rows, or say that it cannot be done."""
    pair = report.same_rows
    if pair is None:
        return Text(
            "No second version scored the same rows in parallel, so no two versions can be compared fairly."
        )
    clear = [row for row in pair.measures if reading(row) != UNCLEAR]
    common = f"{cases(pair.n, report.case_noun)} of {pair.window}"
    basis = f"{pair.champion} and {pair.other} both scored the same {common}, which neither saw in training."
    if not clear:
        return Text(f"{basis} No measure separates them beyond its 95 % interval.")
    told = "; ".join(_same_rows_difference(row) for row in clear)
    return Text(f"{basis} Clearly different, {pair.champion} against {pair.other}: {told}.")


def _same_rows_difference(row: Comparison) -> str:
    written = NumberFormat(unit=row.current.unit, decimals=row.decimals)
    difference = row.difference
    if difference is None or row.previous is None:
        return f"{row.title}: {reading(row)}"
    interval = written.of_differences.interval(difference.ci_lower, difference.ci_upper)
    both = f"{written.short(row.current.value)} against {written.full(row.previous.value)}"
    apart = f"difference {written.signed(difference.value)}, 95 % interval {interval}"
    return f"{row.title} {both}, {reading(row)} ({apart})"


def better_version(report: HealthReport) -> str:
    """Say which of two versions did clearly better on the same rows, by the first measure that shows it; else empty."""
    pair = report.same_rows
    clear = [row for row in pair.measures if reading(row) in {BETTER, WORSE}] if pair else []
    if pair is None or not clear or clear[0].previous is None:
        return ""
    row, previous = clear[0], clear[0].previous
    written = NumberFormat(unit=row.current.unit, decimals=row.decimals)
    now, other = written.full(row.current.value), written.full(previous.value)
    if reading(row) == WORSE:
        told = f"{pair.other} would have done better: {row.title} {other} instead of {now}"
    else:
        told = (
            f"{pair.champion} did better than {pair.other} would have: {row.title} {now} instead of {other}"
        )
    return f"On the same {report.case_noun} {told}."
