"""Every sentence of the drift report, each a function of the report alone.

The top of the report and its short form for the health report are written here, the sections in
:mod:`afterlaunch.render.drift_sections`, :mod:`afterlaunch.render.performance_sentences` and
:mod:`afterlaunch.render.drift_limits`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from afterlaunch.drift_report import DriftReport, InputDrift, InputState
from afterlaunch.findings import Severity
from afterlaunch.render.drift_limits import cannot_tell, comparison
from afterlaunch.render.drift_sections import (
    adds_up,
    inputs,
    inputs_in_short,
    leading_pair,
    relations,
    segments,
    stood_still,
)
from afterlaunch.render.grammar import cases, day_in_words, listed, months_in_words, sentence
from afterlaunch.render.harm_sentences import (
    ALERTS,
    CALIBRATION,
    ESTIMATE,
    RANKING,
    SCORE,
    before,
    case_group,
    finding_of,
    harm_in_words,
    harms,
    is_far_from_promised,
    is_month_of_harm_known,
    is_performance_harmed,
    is_serious,
    mix_in_words,
    moved_how,
    number_format,
    promised,
    serious_inputs,
    suspects,
    what_holds,
    why_not_judged,
)
from afterlaunch.render.input_sentences import effect_in_words, first_change, is_effect_known
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import plain
from afterlaunch.render.performance_sentences import performance
from afterlaunch.render.sentences import SIMULATED

__all__ = [
    "adds_up",
    "cannot_tell",
    "comparison",
    "headline",
    "health_section",
    "inputs",
    "performance",
    "relations",
    "segments",
    "stood_still",
    "title_line",
    "verdict_story",
    "what_to_do",
]

VERDICT_WORDS = {
    Severity.ACT: "Act",
    Severity.WATCH: "Watch",
    Severity.OK: "All quiet",
    Severity.UNKNOWN: "Cannot be judged",
}
MOST_HARMS = 2
MOST_NAMED = 3


def headline(report: DriftReport) -> Text:
    """Say the verdict: who suffers what, and what moved with it."""
    marked = f"{SIMULATED}. " if report.simulated else ""
    return Text(f"{marked}{VERDICT_WORDS[report.verdict.severity]}: {verdict_story(report)}")


def verdict_story(report: DriftReport) -> str:
    """Tell what is behind the verdict: harm first, then what moved as its explanation."""
    severity = report.verdict.severity
    if severity is Severity.UNKNOWN:
        return "nothing could be held against the months before."
    if severity is Severity.OK:
        return _quiet(report)
    if is_performance_harmed(report):
        return f"{_harm(report)} {_behind_harm(report)}".strip()
    return f"{_change(report)} {_so_far(report)}".strip()


# --- harm first ----------------------------------------------------------------------------------------------------


def _harm(report: DriftReport) -> str:
    worst = harms(report)[:MOST_HARMS]
    told = [harm_in_words(row, report) for row in worst]
    holding = what_holds(report, names_month=all(row.month != report.judged_window.label for row in worst))
    return f"{', and '.join(told)}{f'; {holding}' if holding else ''}."


def _behind_harm(report: DriftReport) -> str:
    if report.segments.mix:
        return sentence(f"{mix_in_words(report.segments.mix[0], report)}.")
    found = suspects(report)
    if not found and report.moved:
        return "No input moved in a way that would explain it."
    if not found:
        return "No input moved with it: outcomes changed, not what the model sees."
    names = listed(row.name for row in found)
    if any(is_serious(row.severity) for row in found):
        return f"Behind it may be {_serious_in_words(found[:1], report)}."
    if all(row.state is InputState.HARMLESS for row in found):
        return _unusual_suspects(found, report)
    how = moved_how(found)
    return f"What moved most {'is' if len(found) == 1 else 'are'} {names}{f', {how}' if how else ''}."


def _unusual_suspects(found: Sequence[InputDrift], report: DriftReport) -> str:
    names, how = listed(row.name for row in found), moved_how(found)
    beside = f", {how}" if how else ""
    if is_month_of_harm_known(report):
        return f"At the same time {names} changed{beside}: look there first."
    are = "is" if len(found) == 1 else "are"
    return f"What moved beyond the usual {are} {names}{beside}: look there first."


# --- change without harm, or before harm is known ------------------------------------------------------------------


def _change(report: DriftReport) -> str:
    """Tell of alerts and scores, then inputs, relations or segments: whichever stands out."""
    told = [harm_in_words(row, report) for row in harms(report)[:1]]
    serious = serious_inputs(report)
    if serious:
        told.append(f"{_lead(serious, is_alone=not told)} {_serious_in_words(serious, report)}")
    if is_serious(report.relations.finding.severity) and not told:
        told.append(_relations_in_short(report))
    if is_serious(report.segments.finding.severity) and not told:
        told.append(_segments_in_short(report))
    return f"{'; '.join(told)}."


def _lead(rows: Sequence[InputDrift], *, is_alone: bool) -> str:
    if not is_alone:
        return "behind it is" if len(rows) == 1 else "behind it are"
    if rows[0].state is InputState.BROKEN:
        return "the model meets values that it has not learnt from in"
    return "decisions change because of"


def _serious_in_words(rows: Sequence[InputDrift], report: DriftReport) -> str:
    told = "; ".join(
        f"{row.name} ({first_change(row, report)}; {effect_in_words(row, report)})"
        if is_effect_known(row)
        else f"{row.name} ({first_change(row, report)})"
        for row in rows[:MOST_NAMED]
    )
    n_more = len(rows) - MOST_NAMED
    return f"{told}; and {n_more} more in the table" if n_more > 0 else told


def _relations_in_short(report: DriftReport) -> str:
    pair = leading_pair(report.relations)
    n_more = len(report.relations.changed) - 1
    more = f" (and {n_more} more {'pair' if n_more == 1 else 'pairs'})" if n_more else ""
    return f"{pair.first} and {pair.second}{more} no longer belong together as they did"


def _segments_in_short(report: DriftReport) -> str:
    row = report.segments.shown[0]
    often = "more" if row.factor > 1 else "less"
    group = case_group(row.column, row.value, report.case_noun)
    return f"{report.outcome_noun} came {often} often at equal score for {group}"


def _so_far(report: DriftReport) -> str:
    """Say what is known of performance while other things moved."""
    told = _performance_so_far(report)
    return f"{told} {_off_promise(report)}".strip()


def _performance_so_far(report: DriftReport) -> str:
    why = why_not_judged(report)
    if why:
        return f"Whether performance suffers cannot be said yet: {why}."
    parts = [part for part in (_still_to_come(report), _holding(report)) if part]
    return " ".join(parts)


def _holding(report: DriftReport) -> str:
    holding = what_holds(report)
    return sentence(f"{holding}.") if holding else ""


def _still_to_come(report: DriftReport) -> str:
    row = finding_of(report, ESTIMATE)
    if row is None:
        return ""
    month = report.window.title
    if not row.after.is_known or row.severity is Severity.UNKNOWN:
        return f"Outcomes of {month} are still to come."
    written = number_format(row)
    interval = written.interval(row.after.ci_lower, row.after.ci_upper)
    value = f"{written.short(row.after.value)}, 95 % interval {interval}"
    return (
        f"Outcomes of {month} are still to come; what scores say of ranking is as before (ROC AUC {value})."
    )


def _off_promise(report: DriftReport) -> str:
    row = finding_of(report, CALIBRATION)
    if row is None or not is_far_from_promised(report):
        return ""
    earlier = f"{number_format(row).short(row.before)} times {before(report)}"
    month = "" if report.judged_window == report.window else f" in {report.judged_window.title}"
    return (
        f"But {promised(row, report)}{month} ({earlier}): months differ as much here, so this is no alarm, "
        "and no all-clear either."
    )


# --- all quiet -----------------------------------------------------------------------------------------------------


def _quiet(report: DriftReport) -> str:
    is_known = report.judged_window == report.window and not why_not_judged(report)
    calm = f"{'' if is_known else 'so far '}nothing moved that matters to this model."
    parts = (calm, _so_far(report), inputs_in_short(report))
    return " ".join(part for part in parts if part)


# --- what to do ----------------------------------------------------------------------------------------------------


def what_to_do(report: DriftReport) -> Text:
    """Say in one line what to do next; empty when all is quiet."""
    if not is_serious(report.verdict.severity):
        return Text("")
    told = _about_inputs(report, InputState.BROKEN) or _about_harm(report) or _about_drift(report)
    return Text(told)


def _about_inputs(report: DriftReport, state: InputState) -> str:
    rows = [row for row in serious_inputs(report) if row.state is state]
    if not rows:
        return ""
    names = listed(row.name for row in rows)
    it = "it" if len(rows) == 1 else "they"
    if state is InputState.BROKEN:
        comes = "comes" if len(rows) == 1 else "come"
        return (
            f"Ask those who deliver {names} what they changed, and have it put right where {it} {comes} from; until "
            f"then do not rely on scores of the {report.case_noun} concerned."
        )
    return (
        f"Find out whether the change of {names} is real: if it is an error, have it put right; if it is real, "
        "watch performance as outcomes arrive."
    )


def _about_harm(report: DriftReport) -> str:
    codes = [row.finding.code for row in harms(report)]
    if report.segments.mix and {RANKING, CALIBRATION} & set(codes):
        mix = report.segments.mix[0]
        group = case_group(mix.column, mix.value, report.case_noun)
        return f"Let people decide on {group} for now, and have the next version learn from them."
    if RANKING in codes:
        first = listed(row.name for row in suspects(report))
        look = f"Look first at {first}; then try" if first else "Try"
        return f"{look} whether a model trained on recent months sorts {report.case_noun} better."
    if CALIBRATION in codes:
        return (
            "Go by the order of the scores, not by their size, until they are recalibrated on recent months; check "
            "whether the threshold still fits."
        )
    if ESTIMATE in codes:
        return f"Get outcomes of a sample of {report.window.title} early: only they can confirm the estimate."
    return ""


def _about_drift(report: DriftReport) -> str:
    codes = {row.finding.code for row in harms(report)}
    alerts = finding_of(report, ALERTS)
    told = _about_inputs(report, InputState.MATTERS)
    if told:
        return told
    if alerts is not None and ALERTS in codes:
        n = plain(1000 * alerts.after.value, decimals=0)
        return (
            f"Check that {n} alerts per 1,000 {report.case_noun} are what the team wants to handle; if not, move the "
            "threshold."
        )
    if SCORE in codes:
        return "Check whether the threshold still fits; watch performance as outcomes arrive."
    if is_serious(report.segments.finding.severity):
        row = report.segments.shown[0]
        group = case_group(row.column, row.value, report.case_noun)
        return f"Look at some {group} together with those who decide on them: what is new about them?"
    pair = leading_pair(report.relations)
    return (
        f"Ask those who deliver {pair.first} and {pair.second} whether both are still taken as before; if they are, "
        "watch performance as outcomes arrive."
    )


# --- the title, and the short form for the health report -----------------------------------------------------------


def title_line(report: DriftReport) -> Text:
    """Say what the report rests on: version, rows, the months it is held against, and how far outcomes are known."""
    others = f" (also {listed(report.other_versions)})" if report.other_versions else ""
    parts = (
        f"scored by {report.version}{others}",
        cases(report.n_rows, report.case_noun),
        f"held against {months_in_words(report.reference)}",
        _outcomes(report),
        f"as known on {day_in_words(report.as_of)}",
    )
    return Text(" · ".join(parts))


def _outcomes(report: DriftReport) -> str:
    until = report.outcomes_complete_until
    if until is None:
        return "no outcomes known"
    if until <= report.window.start:
        told = f"no outcomes of {report.window.title} complete yet"
        if report.judged_window != report.window:
            told += f", so performance is that of {report.judged_window.title}"
        return told
    return f"outcomes complete until {day_in_words(until - dt.timedelta(days=1))}"


def health_section(report: DriftReport | None) -> Text:
    """Say in a short paragraph of the health report what moved, and whether it matters."""
    if report is None:
        return Text(
            "What moved in the inputs was not looked at: that is the drift report's work (afterlaunch run drift)."
        )
    word, story = VERDICT_WORDS[report.verdict.severity], verdict_story(report)
    to_do = what_to_do(report)
    return Text(f"{word}: {story}{f' What to do: {to_do}' if to_do else ''}")
