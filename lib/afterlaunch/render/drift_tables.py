"""The drift report as HTML: its head, its tables, and its short form for the health report."""

from __future__ import annotations

from afterlaunch.drift_report import DriftReport, InputDrift, ModelDrift, SegmentOutcome
from afterlaunch.month_to_month import Against
from afterlaunch.relations import PairChange
from afterlaunch.render import drift_sentences
from afterlaunch.render import harm_sentences as harm
from afterlaunch.render.cells import head_row, number_cell, number_head, table, value_cell
from afterlaunch.render.fact_sentences import words_of_column
from afterlaunch.render.grammar import cases, counted, sentence
from afterlaunch.render.harm_sentences import number_format
from afterlaunch.render.input_sentences import ALERTS, POINTS, is_effect_known, signed_percent, since_in_words
from afterlaunch.render.input_table import brief, distances, inputs
from afterlaunch.render.markup import Markup, element, joined, typeset
from afterlaunch.render.numbers import count, p_value, percent, plain
from afterlaunch.render.performance_sentences import judgement
from afterlaunch.render.sentences import SIMULATED
from afterlaunch.render.state import State, state_of
from afterlaunch.render.tables import parameters, provenance, style
from afterlaunch.windows import Window

__all__ = [
    "adds_up",
    "brief",
    "distances",
    "inputs",
    "model",
    "parameters",
    "provenance",
    "relations",
    "segments",
    "title_block",
]

MOST_PARTS = 5
MOST_PAIRS = 10
_CHANGED = State(symbol="◆", word="changed", class_="watch")
_STEADY = State(symbol="●", word="not clearly changed", class_="ok")


def title_block(report: DriftReport) -> Markup:
    """Return the report's title, what it rests on, the verdict, and what to do."""
    state = state_of(report.verdict.severity)
    marked = f" ({SIMULATED.lower()})" if report.simulated else ""
    title = element("h1", f"{report.title}{marked}: drift in {report.window.title}", class_="al-title")
    made = element("span", class_="al-made")
    line = element("p", typeset(drift_sentences.title_line(report)), made, class_="al-title-line")
    sign = element("span", state.symbol, aria_hidden="true")
    word = drift_sentences.VERDICT_WORDS[report.verdict.severity]
    lead = element("strong", element("span", sign, f" {word}", class_=f"al-{state.class_}"), ":")
    told = (lead, " ", typeset(drift_sentences.verdict_story(report)))
    verdict = element("p", *told, class_=f"al-verdict al-verdict-{state.class_}")
    return joined(style(), element("header", title, line, verdict, _to_do(report), class_="al-head"))


def _to_do(report: DriftReport) -> Markup:
    told = drift_sentences.what_to_do(report)
    if not told:
        return Markup("")
    return element("p", element("strong", "What to do:"), " ", typeset(told), class_="al-to-do")


# --- the sum -------------------------------------------------------------------------------------------------------


def adds_up(report: DriftReport) -> Markup:
    """Return how the change of alerts and of the mean score adds up; nothing where that is not known."""
    found = report.decomposition
    if found is None:
        return Markup("")
    head = head_row("Part", number_head(f"Alerts per 1,000 {report.case_noun}"), number_head("Mean score"))
    parts = _parts(report)
    shown_alerts = sum(row.effect.alerts_per_1000 for row in parts)
    shown_score = sum(row.effect.score for row in parts)
    rows = [_part_row(row.name, row.effect.alerts_per_1000, row.effect.score) for row in parts]
    rest = f"{len(report.inputs) - len(parts)} other inputs" if parts else "all inputs, one at a time"
    if len(report.inputs) > len(parts):
        rows.append(
            _part_row(rest, found.inputs_alerts_per_1000 - shown_alerts, found.inputs_score - shown_score)
        )
    rows.append(_part_row("unexplained", found.unexplained_alerts_per_1000, found.unexplained_score))
    rows.append(_part_row("change together", found.total_alerts_per_1000, found.total_score, strong=True))
    note = (
        f"Learnt from a sample of {cases(found.n_sample, report.case_noun)}. Parts are rounded one by one, so a sum "
        "may differ in its last digit."
    )
    return table(head, [element("tbody", *rows)], caption="How the change adds up", note=note)


def _parts(report: DriftReport) -> list[InputDrift]:
    """Return the inputs with the largest effects, where their effects are over the same months as the sum."""
    if report.score_reference != report.reference:
        return []
    known = [row for row in report.inputs if is_effect_known(row)]
    if len(known) < len(report.inputs):
        return []
    return sorted(known, key=lambda row: -abs(row.effect.alerts_per_1000))[:MOST_PARTS]


def _part_row(name: str, alerts: float, score: float, *, strong: bool = False) -> Markup:
    told = (ALERTS.signed(alerts), POINTS.signed(score))
    if not strong:
        return element("tr", element("th", name, scope="row"), *(number_cell(text) for text in told))
    cells = (element("td", element("strong", text), class_="al-number") for text in told)
    return element("tr", element("th", element("strong", name), scope="row"), *cells)


# --- the model's own numbers ---------------------------------------------------------------------------------------


def model(report: DriftReport) -> Markup:
    """Return performance, alerts and scores beside the months before."""
    if not report.model_findings:
        return Markup("")
    head = head_row(
        "Measure",
        number_head("Before"),
        number_head("Now"),
        number_head("Change"),
        number_head("Watch beyond"),
        number_head("Act beyond"),
        "Since",
        "State",
    )
    rows = (_model_row(row, report) for row in report.model_findings)
    note = (
        "Before: mean of the reference months. Small numbers: 95 % interval. A limit is the larger of what the policy "
        "minds and what is usual between months."
    )
    return table(
        head,
        [element("tbody", *rows)],
        caption="Performance, alerts and scores",
        class_="al-drift",
        note=note,
    )


def _model_row(row: ModelDrift, report: DriftReport) -> Markup:
    written = number_format(row)
    measured = row.finding.measurement
    month = "" if row.month == report.window.label else f"of {Window.parse(row.month).title}"
    title = element("th", row.title, element("small", month) if month else "", scope="row")
    if not row.after.is_known or not measured.is_known:
        why = element(
            "td", sentence(f"not known: {row.after.reason or measured.reason}"), class_="al-why", colspan=6
        )
        return element("tr", title, why, element("td", state_of(row.severity, is_known=False).markup()))
    is_promise = row.finding.code == harm.CALIBRATION and row.against is Against.FLOOR_ONLY
    since = since_in_words(row.onset, report.window)
    return element(
        "tr",
        title,
        number_cell(
            written.short(row.before), "what scores promise" if is_promise else "", class_="al-before"
        ),
        value_cell(row.after, written, strong=True, class_="al-now"),
        number_cell(_change(row), class_="al-change"),
        *_limit_cells(row),
        element("td", since or "–", class_="al-since"),
        element("td", state_of(row.severity).markup(judgement(row)), class_="al-state-cell"),
    )


def _change(row: ModelDrift) -> str:
    """Write the change as it is judged: a difference, a factor, or a share of what was before."""
    now, earlier = row.after.value, row.before
    if row.finding.code == harm.CALIBRATION:
        return f"× {plain(now / earlier, decimals=2)}" if earlier else "–"
    if row.finding.code in {harm.ALERTS, harm.SCORE}:
        return signed_percent(now / earlier - 1) if earlier else "–"
    return number_format(row).signed(now - earlier)


def _limit_cells(row: ModelDrift) -> tuple[Markup, Markup]:
    threshold = row.finding.threshold
    watch = threshold.usual_range.upper if threshold.usual_range else None
    act = threshold.target_range.upper if threshold.target_range else None
    return (
        number_cell(_limit(row, watch), class_="al-watch-limit"),
        number_cell(_limit(row, act), class_="al-act-limit"),
    )


def _limit(row: ModelDrift, bound: float | None) -> str:
    if bound is None:
        return "–"
    if row.finding.code == harm.CALIBRATION:
        return f"× or ÷ {plain(bound, decimals=2)}"
    if row.finding.code in {harm.ALERTS, harm.SCORE}:
        return f"±{percent(bound)}"
    return f"a fall of {number_format(row).short(bound)}"


# --- segments and relations ----------------------------------------------------------------------------------------


def segments(report: DriftReport) -> Markup:
    """Return the segments whose outcomes changed most at equal score; nothing where none was compared."""
    found = report.segments
    if not found.shown:
        return Markup("")
    head = head_row(
        "Segment",
        number_head(sentence(report.case_noun)),
        number_head(sentence(report.outcome_noun)),
        number_head("Before"),
        number_head("Now"),
        number_head("Beside all others"),
        number_head("p, adjusted"),
        "Reading",
    )
    note = (
        f"{count(len(found.shown))} of {counted(found.n_compared, 'segment')}, the largest changes first. Before and "
        "now: outcomes for each one that scores promise. p is adjusted for the number of segments: how often a usual "
        "month would show so much."
    )
    rows = (_segment_row(row) for row in found.shown)
    return table(head, [element("tbody", *rows)], caption="Segments at equal score", note=note)


def _segment_row(row: SegmentOutcome) -> Markup:
    return element(
        "tr",
        element("th", f"{words_of_column(row.column)}: {row.value}", scope="row"),
        number_cell(count(row.n)),
        number_cell(count(row.n_positive)),
        number_cell(plain(row.before, decimals=2)),
        number_cell(plain(row.after, decimals=2)),
        number_cell(f"× {plain(row.factor, decimals=2)}"),
        number_cell("too few months" if row.p_adjusted is None else p_value(row.p_adjusted)),
        element("td", (_CHANGED if row.is_changed else _STEADY).markup()),
    )


def relations(report: DriftReport) -> Markup:
    """Return the pairs of inputs that no longer belong together as before; nothing without any."""
    found = report.relations
    if not found.changed:
        return Markup("")
    head = head_row(
        "Inputs",
        number_head("Correlation before"),
        number_head("Now"),
        number_head("Change"),
        number_head("Usual up to"),
        number_head("p, adjusted"),
    )
    rows = (_pair_row(pair) for pair in found.changed[:MOST_PAIRS])
    n_more = len(found.changed) - MOST_PAIRS
    more = f" {n_more} more are not shown." if n_more > 0 else ""
    note = (
        "Correlation: 1 where two inputs rise together, −1 where one falls as the other rises, 0 where neither says "
        f"anything about the other. Samples of {count(found.n_reference)} and {count(found.n_current)} rows.{more}"
    )
    return table(head, [element("tbody", *rows)], caption="Pairs of inputs whose relation changed", note=note)


def _pair_row(pair: PairChange) -> Markup:
    change = plain(pair.change, decimals=2)
    return element(
        "tr",
        element("th", f"{pair.first} and {pair.second}", scope="row"),
        number_cell(plain(pair.expected, decimals=2)),
        number_cell(plain(pair.after, decimals=2)),
        number_cell(f"+{change}" if pair.change > 0 else change),
        number_cell("too few months" if pair.usual is None else f"±{plain(pair.usual, decimals=2)}"),
        number_cell(p_value(pair.adjusted_p_value)),
    )
