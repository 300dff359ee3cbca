"""Every sentence of the monthly health report, each a function of the report alone.

The top of the report and its limits are written here, the sections in
:mod:`afterlaunch.render.section_sentences`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

from afterlaunch.findings import Severity
from afterlaunch.health_report import Change, HealthReport, Indicator
from afterlaunch.rates import MIN_MONTHS
from afterlaunch.render.fact_sentences import change_in_words, fact_in_words, is_telling, is_unusual
from afterlaunch.render.grammar import (
    cases,
    counted,
    day_in_words,
    listed,
    month_beside,
    months_in_words,
    sentence,
)
from afterlaunch.render.indicator_sentences import in_short, reason, state_reason
from afterlaunch.render.markup import Points, Text
from afterlaunch.render.numbers import NumberFormat, count
from afterlaunch.render.section_sentences import (
    better_version,
    business,
    calibration,
    contradiction,
    is_contradiction,
    model_against_business,
    performance,
    quality,
    same_rows,
    segments,
)
from afterlaunch.render.service_sentences import complaints, decision_worth, people, speed
from afterlaunch.render.version_sentences import scored_by, version_change

__all__ = [
    "Decision",
    "business",
    "calibration",
    "cannot_tell",
    "changes",
    "complaints",
    "decision_worth",
    "decisions",
    "headline",
    "model_against_business",
    "people",
    "performance",
    "quality",
    "same_rows",
    "segments",
    "speed",
    "state_reason",
    "title_line",
    "verdict_counts",
    "verdict_story",
]

VERDICT_WORDS = {
    Severity.ACT: "Needs action",
    Severity.WATCH: "Worth watching",
    Severity.OK: "Healthy",
    Severity.UNKNOWN: "Cannot be judged",
}
MAX_NAMED_IN_STORY = 2
MAX_TOLD = 2
SIMULATED = "Simulated data"
FEW_MONTHS = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What the team should decide, why, and who decides (empty when nobody is named)."""

    indicator: Indicator
    question: str
    reason: str
    owner: str


def headline(report: HealthReport) -> Text:
    """Say the verdict: how many indicators are in which state, and the story in one sentence."""
    marked = f"{SIMULATED}. " if report.simulated else ""
    return Text(
        f"{marked}{VERDICT_WORDS[report.verdict.severity]}: {verdict_counts(report)}. {verdict_story(report)}"
    )


def verdict_counts(report: HealthReport) -> str:
    """Count the indicators by state, leaving out states that none is in."""
    by_severity = report.verdict.n_by_severity
    n_unmeasured = sum(not row.finding.measurement.is_known for row in report.indicators)
    parts = {
        "to act on": by_severity[Severity.ACT],
        "to watch": by_severity[Severity.WATCH],
        "as usual": by_severity[Severity.OK],
        "not judged": by_severity[Severity.UNKNOWN] - n_unmeasured,
        "not measured": n_unmeasured,
    }
    return ", ".join(f"{n} {words}" for words, n in parts.items() if n)


def verdict_story(report: HealthReport) -> str:
    """Tell what is behind the verdict, naming the worst indicators with now against usual and target."""
    severity = report.verdict.severity
    if severity is Severity.UNKNOWN:
        return "Nothing could be held against a usual range or a target."
    beside = _contradiction(report)
    if severity is Severity.OK:
        calm = "Nothing that was measured left its usual range for the worse or missed a target."
        return f"{calm} {beside}".strip()
    worst = [row for row in report.indicators if row.severity is severity]
    named = "; ".join(
        within_sentence(in_short(row, report), i) for i, row in enumerate(worst[:MAX_NAMED_IN_STORY])
    )
    n_more = len(worst) - MAX_NAMED_IN_STORY
    more = f"; and {n_more} more in the table" if n_more > 0 else ""
    return f"{named}{more}. {beside}".strip()


def within_sentence(text: str, place: int) -> str:
    """Begin a clause with a small letter when it is not the first of its sentence and not an acronym."""
    is_word = len(text) > 1 and text[1].islower()
    return text[0].lower() + text[1:] if place and is_word else text


def _contradiction(report: HealthReport) -> str:
    pair = report.model_against_business
    if pair is None or pair.signal == "routine" or not is_contradiction(pair):
        return ""
    return f"{contradiction(pair)}: see the business section."


def title_line(report: HealthReport) -> Text:
    """Say what the report rests on: version, rows, and until when outcomes are complete."""
    until = report.outcomes_complete_until
    complete = (
        f"outcomes complete until {day_in_words(until - dt.timedelta(days=1))}"
        if until
        else "no outcomes known"
    )
    if until is not None and until <= report.window.start:
        complete = f"no outcomes of {report.window.title} complete yet"
        if report.judged_window != report.window:
            complete += f", so the model is judged on {report.judged_window.title}"
    as_of = f"as known on {day_in_words(report.as_of)}" if report.as_of else ""
    parts = [scored_by(report), cases(report.n_rows, report.case_noun), complete, as_of]
    return Text(" · ".join(part for part in parts if part))


def decisions(report: HealthReport) -> tuple[Decision, ...]:
    """Return what needs a decision, worst first: the policy's question, or one that fits the state."""
    rows = [report.indicator(code) for code in report.decisions]
    return tuple(
        Decision(
            indicator=row,
            question=row.question or _question(row),
            reason=" ".join(
                part for part in (reason(row, report, named=bool(row.question)), _unusual_behind(row)) if part
            ),
            owner=row.owner,
        )
        for row in rows
    )


def _question(row: Indicator) -> str:
    if row.severity is Severity.ACT:
        return f"{row.title}: what do we change?"
    return f"{row.title}: look closer?"


def _unusual_behind(row: Indicator) -> str:
    changes = (fact for fact in row.behind if isinstance(fact, Change) and is_unusual(fact))
    told = listed(f"{change_in_words(change)}{_usually(change)}" for change in changes)
    why = [sentence(f"{fact_in_words(fact)}.") for fact in row.behind if is_telling(fact)][:MAX_TOLD]
    return " ".join([f"Behind it: {told}."] * bool(told) + why)


def changes(report: HealthReport) -> Points:
    """Say what changed since last month, a new version first, and that nothing else did."""
    month = month_beside(report.previous_window, report.window)
    told = (
        [one for one in (version_change(report), better_version(report)) if one]
        if version_change(report)
        else []
    )
    if not report.previous_versions:
        told.append(f"There are no rows of {month} to compare with.")
    told += [sentence(f"{change_in_words(change)}{_against_usual(change)}.") for change in report.changes]
    return Points(Text(one) for one in (*told, _nothing_else(report)))


def _usually(change: Change) -> str:
    usual = change.usual_range
    return (
        f" (usually {NumberFormat(unit=change.unit, decimals=change.decimals).usual(usual)})" if usual else ""
    )


def _against_usual(change: Change) -> str:
    usual = change.usual_range
    if usual is None or math.isnan(change.after):
        return ""
    where = "within" if usual.contains(change.after) else "below" if change.after < usual.lower else "above"
    written = NumberFormat(unit=change.unit, decimals=change.decimals)
    return f", {where} its usual range ({written.usual(usual)})"


def _nothing_else(report: HealthReport) -> str:
    ranges = [row.usual_range for row in report.indicators] + [check.usual_range for check in report.quality]
    if not any(ranges):
        return "What else moved cannot be told from chance: there is no usual range yet."
    named = {change.code for change in report.changes}
    n_more = sum(code not in named for code in _outside(report))
    if n_more:
        lie = "number lies outside of its" if n_more == 1 else "numbers lie outside of their"
        return f"{count(n_more)} more {lie} usual range; see the tables."
    has_unusual = any(is_unusual(change) for change in report.changes)
    return "Nothing else left its usual range." if has_unusual else "Nothing left its usual range."


def _outside(report: HealthReport) -> list[str]:
    rows = [
        row.code
        for row in report.indicators
        if row.usual_range
        and row.finding.measurement.is_known
        and not row.usual_range.contains(row.finding.measurement.value)
    ]
    return rows + [f"quality.{check.code}" for check in report.quality if check.is_unusual]


def cannot_tell(report: HealthReport) -> Points:
    """Say what this report cannot tell, from how it was made."""
    told = (
        _not_measured(report),
        _outcomes_to_come(report),
        _outcomes_overdue(report),
        _days_left_out(report),
        _usual_months(report),
        _left_out_months(report),
        _other_versions(report),
        "Why a number moved: the report shows what moved together, not what caused what.",
        "What would have happened without the model: its decisions may have changed the outcomes.",
    )
    return Points(Text(one) for one in told if one)


def _not_measured(report: HealthReport) -> str:
    titles = report.limits.not_measured
    if not titles:
        return ""
    return f"Anything about {listed(titles)}: {'it was' if len(titles) == 1 else 'they were'} not measured."


def _outcomes_to_come(report: HealthReport) -> str:
    n = report.limits.n_maturing
    if not n:
        return ""
    return (
        f"How the {cases(n, report.case_noun)} ended whose outcome is still to come: "
        f"{'it is' if n == 1 else 'they are'} in no number about performance."
    )


def _outcomes_overdue(report: HealthReport) -> str:
    n = report.limits.n_without_outcome
    if not n:
        return ""
    overdue = f"How the {cases(n, report.case_noun)} ended whose outcome is overdue"
    return f"{overdue}: if {'it differs' if n == 1 else 'they differ'} from the rest, performance does too."


def _days_left_out(report: HealthReport) -> str:
    limits = report.limits
    if limits.n_days_judged >= limits.n_days:
        return ""
    if not limits.n_days_judged:
        return "How the model performed this month: no day of it can be judged yet."
    days = f"{limits.n_days_judged} of {counted(limits.n_days, 'day')}"
    return f"The whole month's performance: it rests on {days}."


def _usual_months(report: HealthReport) -> str:
    n = report.limits.usual_range_months
    if not n:
        return "What is usual: there is no earlier month to learn it from."
    if n < MIN_MONTHS:
        return f"What is usual: {counted(n, 'earlier month')} {'is' if n == 1 else 'are'} too few to learn it from."
    if n >= FEW_MONTHS:
        return ""
    rests = (
        f"usual ranges rest on {counted(n, 'month')}, so a season that comes back each year looks like news"
    )
    return f"What is usual over a whole year: {rests}."


def _left_out_months(report: HealthReport) -> str:
    labels = report.limits.left_out_months
    if not labels:
        return ""
    one = len(labels) == 1
    why = "it holds rows" if one else "they hold rows"
    why += " that a version was trained on, or lies" if one else " that a version was trained on, or lie"
    why += " outside of the months that usual ranges are learnt from"
    whether = f"Whether {months_in_words(labels)} {'was' if one else 'were'} as usual"
    return f"{whether}: no usual range rests on {'it' if one else 'them'}, because {why}."


def _other_versions(report: HealthReport) -> str:
    limits = report.limits
    if not limits.comparison_across_versions:
        return ""
    now = listed(use.name for use in report.versions)
    return (
        f"Whether a step comes from the world or from the version: the usual ranges rest on "
        f"{listed(limits.usual_range_versions)}, this month was scored by {now}."
    )
