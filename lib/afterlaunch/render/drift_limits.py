"""What the drift report held a month against, and what it cannot tell, in words."""

from __future__ import annotations

from collections import Counter

from afterlaunch.drift_report import DriftReport
from afterlaunch.month_to_month import MIN_MONTHS, Against
from afterlaunch.render.grammar import counted, day_in_words, listed, months_in_words
from afterlaunch.render.harm_sentences import why_not_judged
from afterlaunch.render.input_sentences import ALERTS, POINTS, is_effect_known
from afterlaunch.render.markup import Points, Text
from afterlaunch.render.performance_sentences import estimate_of
from afterlaunch.windows import Window

_MONTHS_OF_A_YEAR = 12


def comparison(report: DriftReport) -> Text:
    """Say what the month was held against, and which comparison decided for how many numbers."""
    words = months_in_words(report.reference)
    n = len(report.reference)
    months = f"{counted(n, 'month')}, {words}" if n > 1 else f"{words} only"
    used = Counter(row.effect.against for row in report.inputs if is_effect_known(row))
    used += Counter(row.against for row in report.model_findings if row.after.is_known)
    parts = (
        f"{report.window.title} was held against {months}.",
        _used(used, report),
        _version_months(report),
    )
    return Text(" ".join(part for part in parts if part))


def _used(used: Counter[Against], report: DriftReport) -> str:
    year_ago = Window.parse(report.last_year).title if report.last_year else "the same month last year"
    words = {
        Against.OTHER_MONTHS: "by the usual change between those months",
        Against.LAST_YEAR: f"by {year_ago}, because they change with the season",
        Against.FLOOR_ONLY: "by the smallest change that matters alone, as too few months say what is usual",
    }
    told = [(used[against], how) for against, how in words.items() if used[against]]
    if not told:
        return ""
    numbers = f"{counted(sum(used.values()), 'number')} about inputs and model"
    if len(told) == 1:
        return f"All {numbers} were judged {told[0][1]}."
    (n_first, how_first), *others = told
    were = "was" if n_first == 1 else "were"
    parts = [f"{n_first} {were} judged {how_first}", *(f"{n_others} {how}" for n_others, how in others)]
    return f"Of {numbers}, {listed(parts)}."


def _version_months(report: DriftReport) -> str:
    missing = [label for label in report.reference if label not in report.score_reference]
    if not missing:
        return ""
    if not report.score_reference:
        return (
            f"{report.version} is new and scored none of them: nothing to hold its scores and alerts against."
        )
    scored = months_in_words(report.score_reference)
    return f"{report.version} scored {scored} only: its scores and alerts are held against that alone."


def cannot_tell(report: DriftReport) -> Points:
    """Say what this report cannot tell, from how it was made."""
    told = (
        _outcomes_to_come(report),
        _not_judged(report),
        _season(report),
        _few_months(report),
        _new_version(report),
        _estimates(report),
        _unexplained(report),
        _effects_not_known(report),
        _not_compared(report),
        "Which of several inputs that move together is behind an effect: they share it.",
        "Why an input moved: the report shows what moved together, not what caused what.",
        f"Anything about real {report.case_noun}: these data are simulated." if report.simulated else "",
    )
    return Points(Text(one) for one in told if one)


def _outcomes_to_come(report: DriftReport) -> str:
    until = report.outcomes_complete_until
    if until is None:
        return "Whether performance suffers: no outcomes are known."
    if until >= report.window.end:
        return ""
    return (
        f"How {report.window.title} ended: outcomes are complete only for days before {day_in_words(until)}."
    )


def _not_judged(report: DriftReport) -> str:
    why = why_not_judged(report)
    if not why or report.outcomes_complete_until is None:
        return ""
    return f"Whether performance suffers: {why}."


def _season(report: DriftReport) -> str:
    if report.last_year:
        return ""
    year_ago = report.window.previous(_MONTHS_OF_A_YEAR).title
    return f"Whether it is the season: there are no rows of {year_ago} that would tell."


def _few_months(report: DriftReport) -> str:
    n = len(report.reference)
    if n >= MIN_MONTHS:
        return ""
    are = "is" if n == 1 else "are"
    return f"What is usual: {counted(n, 'earlier month')} {are} too few to learn it from, so only large changes count."


def _new_version(report: DriftReport) -> str:
    n = len(report.score_reference)
    if n == len(report.reference) or n >= MIN_MONTHS:
        return ""
    scored = f"only {counted(n, 'month')}" if n else "no month"
    return f"What scores of {report.version} usually do: it scored {scored} of the reference."


def _estimates(report: DriftReport) -> str:
    if not report.are_outcomes_in and estimate_of(report) is not None:
        return (
            "Whether a score still means what it meant: an estimate from scores alone takes that for granted."
        )
    if report.performance.estimate_reason:
        return f"How performance looks before outcomes are known: {report.performance.estimate_reason}."
    return ""


def _unexplained(report: DriftReport) -> str:
    found = report.decomposition
    if found is None:
        return ""
    part = f"{ALERTS.signed(found.unexplained_alerts_per_1000)} alerts per 1,000 {report.case_noun}"
    score = POINTS.signed(found.unexplained_score)
    return f"Where {part} and {score} of the mean score come from: inputs one at a time do not explain them."


def _effects_not_known(report: DriftReport) -> str:
    unknown = [row.name for row in report.inputs if not is_effect_known(row)]
    if not unknown:
        return ""
    inputs = "inputs" if len(unknown) == len(report.inputs) else listed(unknown)
    return f"What the change of {inputs} does to decisions: {report.decomposition_reason or 'it was not measured'}."


def _not_compared(report: DriftReport) -> str:
    if not report.relations.reason:
        return ""
    return f"Whether inputs still belong together as before: {report.relations.reason}."
