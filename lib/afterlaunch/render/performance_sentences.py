"""Whether performance suffers, what scores alone say of it, and how well that went before, in words."""

from __future__ import annotations

import math

from afterlaunch.drift_report import DriftReport, ModelDrift, PerformanceMonth
from afterlaunch.findings import Severity
from afterlaunch.month_to_month import Against
from afterlaunch.render.grammar import counted, sentence
from afterlaunch.render.harm_sentences import (
    CALIBRATION,
    ESTIMATE,
    RANKING,
    before,
    finding_of,
    is_serious,
    now_and_before,
    number_format,
    promised,
    why_not_judged,
)
from afterlaunch.render.input_sentences import since_in_words
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import percent, plain
from afterlaunch.windows import Window


def performance(report: DriftReport) -> Text:
    """Say whether performance suffers, what estimates said, how well past ones did, and what none can know."""
    estimates = " ".join(part for part in (_estimated(report), _past_estimates(report)) if part)
    return Text("\n".join(part for part in (_statements(report), estimates) if part))


def _statements(report: DriftReport) -> str:
    earlier = ""
    if report.judged_window != report.window:
        earlier = (
            f"Outcomes of {report.window.title} are still to come: this is {report.judged_window.title}."
        )
    why = why_not_judged(report)
    if why:
        return f"{earlier} Performance cannot be judged: {why}.".strip()
    rows = [finding_of(report, code) for code in (RANKING, CALIBRATION)]
    told = [sentence(f"{_statement(row, report)}.") for row in rows if row is not None and row.after.is_known]
    return " ".join(part for part in (earlier, *told, _outcomes(report)) if part)


def _outcomes(report: DriftReport) -> str:
    """Say how often the outcome happened, apart from any score; empty where only one month is known."""
    known = [month for month in report.performance.months if not math.isnan(month.outcome_share)]
    months = [month for month in known if month.label <= report.judged_window.label]
    if len(months) < 2:
        return ""
    *before_it, now = months
    share = sum(month.outcome_share * month.n for month in before_it) / sum(month.n for month in before_it)
    now_share, usual_share = (percent(one, decimals=1) for one in (now.outcome_share, share))
    came = f"{report.outcome_noun} came in {now_share} of {report.case_noun}"
    return f"Whatever the scores: {came}, in {usual_share} {before(report)}."


def _statement(row: ModelDrift, report: DriftReport) -> str:
    written = number_format(row)
    value, earlier = written.short(row.after.value), written.short(row.before)
    interval = written.interval(row.after.ci_lower, row.after.ci_upper)
    beside = f" (95 % interval {interval})" if interval else ""
    since = since_in_words(row.onset, report.window) if is_serious(row.severity) else ""
    ending = f"{judgement(row)}, {since}" if since else judgement(row)
    if row.finding.code == RANKING:
        return f"ranking, by ROC AUC, is {value}{beside}, {earlier} {before(report)}: {ending}"
    told = f"{promised(row, report)}{beside}"
    if row.against is Against.FLOOR_ONLY:
        return f"{told}: {ending}"
    return f"{told}, {earlier} times {before(report)}: {ending}"


def judgement(row: ModelDrift) -> str:
    """Say in a few words what to make of one of the model's numbers."""
    if row.severity is Severity.UNKNOWN:
        return "not judged"
    if is_serious(row.severity):
        return "more than chance explains" if row.against is Against.FLOOR_ONLY else "beyond the usual"
    if row.against is Against.LAST_YEAR:
        return "as in the same month last year"
    if row.finding.code in {RANKING, ESTIMATE}:
        return "it holds" if row.after.value >= row.before else "no unusual fall"
    return "no unusual change"


# --- estimates -----------------------------------------------------------------------------------------------------


def estimate_of(report: DriftReport) -> PerformanceMonth | None:
    """Return the month itself where it has an estimate."""
    months = report.performance.months
    if not months or months[-1].label != report.window.label or math.isnan(months[-1].estimated_roc_auc):
        return None
    return months[-1]


def _estimated(report: DriftReport) -> str:
    month = estimate_of(report)
    if month is None:
        why = report.performance.estimate_reason
        return f"There is no estimate from scores alone: {why}." if why else ""
    value = f"{plain(month.estimated_roc_auc, decimals=3)}{_interval(month)}"
    if math.isnan(month.roc_auc):
        return (
            f"From scores alone, ROC AUC of {report.window.title} is estimated at {value}, if each score means what it "
            "meant before. If it does not (concept drift), no estimate can see it: only outcomes can."
        )
    realised = plain(month.roc_auc, decimals=3)
    told = f"From scores alone, ROC AUC had been estimated at {value}; it came out at {realised}"
    return f"{told}, {_came_out(month, report)}."


def _interval(month: PerformanceMonth) -> str:
    if month.ci_lower is None or month.ci_upper is None:
        return ""
    return f" (95 % interval {plain(month.ci_lower, decimals=3)} to {plain(month.ci_upper, decimals=3)})"


def _came_out(month: PerformanceMonth, report: DriftReport) -> str:
    lower = -math.inf if month.ci_lower is None else month.ci_lower
    upper = math.inf if month.ci_upper is None else month.ci_upper
    if lower <= month.roc_auc <= upper:
        return "inside that interval"
    row = finding_of(report, RANKING)
    if month.roc_auc < lower and row is not None and is_serious(row.severity):
        return (
            "below that interval: scores no longer mean what they meant before (concept drift), which no estimate can "
            "see"
        )
    return "outside that interval, though by no more than is usual between months"


def _past_estimates(report: DriftReport) -> str:
    found = report.performance
    if not found.n_past:
        return ""
    if found.n_past == 1:
        where = "inside" if found.n_inside else "outside"
        return f"The one earlier month with known outcomes came out {where} the interval of its estimate."
    if found.n_inside == found.n_past:
        return f"All {found.n_past} earlier months with known outcomes came out inside the interval of their estimate."
    return (
        f"Of {counted(found.n_past, 'earlier month')} with known outcomes, {found.n_inside} came out inside the "
        "interval of the estimate."
    )


# --- titles of plots -----------------------------------------------------------------------------------------------


def ranking_title(report: DriftReport) -> str:
    """Say how ranking stands, as the title of its months."""
    row, estimate = finding_of(report, RANKING), finding_of(report, ESTIMATE)
    if estimate is not None and estimate.after.is_known:
        value = number_format(estimate).short(estimate.after.value)
        return f"Ranking, {_how_it_stands(estimate)}: ROC AUC estimated at {value}"
    if row is None or not row.after.is_known:
        return "Ranking in this month is not known"
    return f"Ranking, {_how_it_stands(row)}: ROC AUC {now_and_before(row, report)}"


def _how_it_stands(row: ModelDrift) -> str:
    if row.severity is Severity.UNKNOWN:
        return "not judged"
    return "worse than before" if is_serious(row.severity) else "as before"


def calibration_title(report: DriftReport) -> str:
    """Say how often outcomes came, as the title of their months."""
    row = finding_of(report, CALIBRATION)
    if row is None or not row.after.is_known:
        return f"How often {report.outcome_noun} came in this month is not known"
    month = "" if row.month == report.window.label else f" in {Window.parse(row.month).title}"
    return sentence(f"{promised(row, report)}{month}")
