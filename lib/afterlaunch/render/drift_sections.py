"""The sentence of each section of the drift report, and the titles that say what a plot found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from afterlaunch.drift_report import (
    DriftReport,
    InputDrift,
    InputState,
    Relations,
    ScoreDecomposition,
    SegmentMix,
    SegmentOutcome,
)
from afterlaunch.relations import PairChange
from afterlaunch.render.grammar import counted, listed, sentence
from afterlaunch.render.harm_sentences import (
    case_group,
    is_performance_harmed,
    is_serious,
    mix_in_words,
    moved_how,
    serious_inputs,
    suspects,
    why_not_judged,
)
from afterlaunch.render.input_sentences import (
    ALERTS,
    POINTS,
    effect_in_words,
    is_chance_among_many,
    is_effect_known,
    is_hardly_used,
    is_too_few,
    is_without_usual,
)
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import percent, plain
from afterlaunch.windows import Window

MOST_NAMED = 4
# Effects below this share of the usual alerts are none worth naming in a title.
SMALL_EFFECT = 0.02
MOST_TOLD = 2
_FIDELITY = ((0.9, "closely"), (0.7, "fairly well"))


# --- what moved, and does it matter --------------------------------------------------------------------------------


def inputs(report: DriftReport) -> Text:
    """Say how many inputs moved, what that does to the model, and which of them to suspect."""
    if not report.inputs:
        return Text("There are no inputs to look at: the log holds none.")
    parts = [inputs_in_short(report, named=MOST_NAMED), _suspected(report), _unknown_effects(report)]
    return Text(" ".join(part for part in parts if part))


def inputs_in_short(report: DriftReport, *, named: int = 2) -> str:
    """Count the inputs that moved, by what to make of them."""
    n = len(report.inputs)
    if not report.moved:
        return f"{_all_inputs(n)} stood still." if n else ""
    usual, harmless = _calm(report, InputState.USUAL), _calm(report, InputState.HARMLESS)
    parts = [
        _group(_serious(report, InputState.BROKEN), "with values that the model has not met", named),
        _group(_serious(report, InputState.MATTERS), "in a way that changes decisions", named),
        _group([row for row in usual if not is_without_usual(row)], "as much as in other months", named),
        _group([row for row in usual if is_without_usual(row)], "by less than the limit", named),
        _group(_calm(report, InputState.LAST_YEAR), _as_last_year(report), named),
        _group([row for row in harmless if is_effect_known(row)], _harmless_words(harmless, report), named),
        _group([row for row in harmless if not is_effect_known(row)], "with unknown effect", named),
        _group([row for row in report.moved if is_too_few(row)], "on too few rows to be judged", named),
    ]
    which = _all_inputs(n) if len(report.moved) == n else f"{len(report.moved)} of {counted(n, 'input')}"
    return f"{which} moved: {'; '.join(part for part in parts if part)}."


def _all_inputs(n: int) -> str:
    return {1: "The only input", 2: "Both inputs"}.get(n, f"All {n} inputs")


def _as_last_year(report: DriftReport) -> str:
    return (
        f"to where they were in {Window.parse(report.last_year).title}"
        if report.last_year
        else "as last year"
    )


def _group(rows: Sequence[InputDrift], how: str, named: int) -> str:
    if not rows:
        return ""
    names = [row.name for row in rows]
    return (
        f"{listed([*names[:named], f'{len(names) - named} more'] if len(names) > named + 1 else names)} {how}"
    )


def _serious(report: DriftReport, state: InputState) -> list[InputDrift]:
    return [row for row in serious_inputs(report) if row.state is state]


def _calm(report: DriftReport, state: InputState) -> list[InputDrift]:
    calm = [row for row in report.moved if row.state is state and not is_serious(row.severity)]
    return [row for row in calm if not is_too_few(row)]


def _harmless_words(harmless: Sequence[InputDrift], report: DriftReport) -> str:
    known = [row for row in harmless if is_effect_known(row)]
    if known and all(is_hardly_used(row) for row in known):
        them = "it" if len(known) == 1 else "them"
        return f"more than usual, but the model hardly uses {them}{_until_outcomes(them, report)}"
    return "without much effect on decisions"


def _until_outcomes(them: str, report: DriftReport) -> str:
    """Say that what the model does not see may still change outcomes, as long as these are to come."""
    if report.judged_window == report.window and not why_not_judged(report):
        return ""
    return f" (whether outcomes depend on {them} will show when those of {report.window.title} are known)"


def _suspected(report: DriftReport) -> str:
    if not is_performance_harmed(report):
        return ""
    found = suspects(report)
    if not found:
        return "None of them moved in a way that would explain what performance suffers."
    names = listed(row.name for row in found)
    if all(is_hardly_used(row) for row in found):
        return (
            f"Still, look at {names}: because the model hardly uses {'it' if len(found) == 1 else 'them'}, it does "
            "not see what changed there, and outcomes may depend on it."
        )
    how = moved_how(found)
    return f"As performance suffers, look first at {names}{f', which moved {how}' if how else ''}."


def _unknown_effects(report: DriftReport) -> str:
    if all(is_effect_known(row) for row in report.inputs):
        return ""
    return (
        f"What inputs do to decisions is not known: {report.decomposition_reason or 'it was not measured'}."
    )


def stood_still(report: DriftReport) -> Text:
    """Say in one line which inputs did not move."""
    names = [row.name for row in report.inputs if row.state is InputState.STILL]
    if not names:
        return Text("No input stood still." if report.inputs else "")
    return Text(f"{sentence(counted(len(names), 'input'))} stood still: {', '.join(names)}.")


def leading_input(report: DriftReport) -> InputDrift | None:
    """Return the input that moves the alerts the most."""
    known = [row for row in report.moved if is_effect_known(row)]
    return max(known, key=lambda row: abs(row.effect.alerts_per_1000), default=None)


def effects_title(report: DriftReport) -> str:
    """Say which input moves the alerts the most, and whether that is usual."""
    row = leading_input(report)
    if row is None:
        return "No input moves the alerts"
    if abs(row.effect.relative) < SMALL_EFFECT:
        return f"No input moves the alerts by much: {effect_in_words(row, report)} at most"
    beyond = "beyond the usual" if row.effect.usual is not None else "and no months say what is usual"
    calm = {
        InputState.USUAL: "no more than in other months",
        InputState.LAST_YEAR: "as last year",
        InputState.HARMLESS: "too little to matter",
    }
    how = beyond if is_serious(row.severity) else calm.get(row.state, "too little to matter")
    if is_chance_among_many(row):
        how = f"hardly more than in other months, chance among {len(report.inputs)} inputs"
    if is_without_usual(row):
        how = "too few months say whether that is usual"
    return f"{row.name} moves the alerts most, {effect_in_words(row, report)}: {how}"


# --- the sum -------------------------------------------------------------------------------------------------------


def adds_up(report: DriftReport) -> Text:
    """Say how the change of the mean score and of the alerts adds up, and how well inputs one at a time explain it."""
    found = report.decomposition
    if found is None:
        return Text(
            f"How the change adds up is not known: {report.decomposition_reason or 'it was not measured'}."
        )
    alerts = (
        f"Alerts changed by {ALERTS.signed(found.total_alerts_per_1000)} per 1,000 {report.case_noun}: "
        f"{ALERTS.signed(found.inputs_alerts_per_1000)} through inputs one at a time, "
        f"{ALERTS.signed(found.unexplained_alerts_per_1000)} unexplained."
    )
    score = (
        f"The mean score changed by {POINTS.signed(found.total_score)}: {POINTS.signed(found.inputs_score)} through "
        f"inputs, {POINTS.signed(found.unexplained_score)} unexplained."
    )
    return Text(f"{alerts} {score} {_fidelity(found)}")


def _fidelity(found: ScoreDecomposition) -> str:
    score, alerts = found.fidelity_score, found.fidelity_alerts
    if score is None or alerts is None:
        return "Scores hardly differ, so there is no telling how well inputs explain them."
    words = next((words for least, words in _FIDELITY if min(score, alerts) >= least), "only roughly")
    share_score, share_alerts = (percent(max(share, 0.0)) for share in (score, alerts))
    return (
        f"One at a time, inputs explain the model {words}: {share_score} of what sets scores apart and "
        f"{share_alerts} of what sets alerts apart; the rest is in how they act together."
    )


# --- segments and relations ----------------------------------------------------------------------------------------


def segments(report: DriftReport) -> Text:
    """Say which segments' outcomes changed at equal score, and what a changed mix of segments explains."""
    found = report.segments
    changed = [row for row in found.shown if row.is_changed]
    if not found.n_compared:
        told = f"No segment was compared: {found.reason or 'none is configured'}."
    else:
        told = _changed_segments(changed, report) if changed else _steady_segments(report)
    return Text("\n".join(part for part in (told, _mixes(report)) if part))


def _changed_segments(changed: Sequence[SegmentOutcome], report: DriftReport) -> str:
    n, of = len(changed), counted(report.segments.n_compared, "segment")
    told = "; ".join(segment_in_words(row, report) for row in changed[:MOST_TOLD])
    return f"{n} of {of} ended otherwise than before at equal score, beyond what changed for all: {told}."


def segment_in_words(row: SegmentOutcome, report: DriftReport) -> str:
    """Name a segment with how often outcomes came there, by what scores promise, now and before."""
    now, earlier = plain(row.after, decimals=2), plain(row.before, decimals=2)
    group = case_group(row.column, row.value, report.case_noun)
    return f"for {group}, {report.outcome_noun} came {now} times as often as promised, {earlier} times before"


def _steady_segments(report: DriftReport) -> str:
    n = report.segments.n_compared
    which = "The one segment that is" if n == 1 else f"All {n} segments that are"
    return f"{which} large enough ended as before at equal score, apart from what changed for all."


def _mixes(report: DriftReport) -> str:
    """Say what changed mixes explain, each column by itself."""
    told = [
        sentence(f"{mix_in_words(mix, report)} ({_points(mix)}).") for mix in report.segments.mix[:MOST_TOLD]
    ]
    overlap = ["The two overlap, so their parts do not add up."] if len(told) > 1 else []
    return " ".join([*told, *overlap])


def _points(mix: SegmentMix) -> str:
    explained, change = (plain(abs(points), decimals=1) for points in (mix.explained_pp, mix.change_pp))
    return f"worth {explained} percentage points; the gap between outcomes and scores moved by {change}"


def relations(report: DriftReport) -> Text:
    """Say which inputs no longer belong together as they did."""
    found = report.relations
    if found.reason:
        return Text(f"Relations between inputs were not compared: {found.reason}.")
    if not found.changed:
        return Text(f"All {counted(found.n_pairs, 'pair')} that were compared belong together as before.")
    n = len(found.changed)
    belong = "no longer belongs" if n == 1 else "no longer belong"
    pair = pair_in_words(leading_pair(found))
    more = "" if n == 1 else f", and {n - 1} more in the table"
    told = f"{n} of {counted(found.n_pairs, 'pair')} {belong} together as before: {pair}{more}."
    if is_serious(found.finding.severity):
        return Text(f"{told} The model may meet combinations that it has not learnt.")
    if all(one.usual is None for one in found.changed):
        return Text(f"{told} Too few months say how much that changes anyway, so it is no alarm.")
    them = "The model hardly uses them together." if found.is_harmless else "That is too little for an alarm."
    return Text(f"{told} {them}")


def leading_pair(found: Relations) -> PairChange:
    """Return the pair that decides: the one whose change is the finding's, else the first."""
    value = found.finding.measurement.value
    return next((one for one in found.changed if math.isclose(abs(one.change), value)), found.changed[0])


def pair_in_words(pair: PairChange) -> str:
    """Write a pair with its correlation before and now, and how much it changes in other months."""
    earlier, now = plain(pair.expected, decimals=2), plain(pair.after, decimals=2)
    usual = (
        "" if pair.usual is None else f"; in other months it moved by up to {plain(pair.usual, decimals=2)}"
    )
    return f"{pair.first} and {pair.second} (correlation {now}, {earlier} before{usual})"
