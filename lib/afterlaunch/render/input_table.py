"""Inputs as tables: those that moved, by their effect on the model, in full and in short, and all their distances."""

from __future__ import annotations

from collections.abc import Sequence

from afterlaunch.drift_report import DriftReport, InputDrift
from afterlaunch.month_to_month import Against
from afterlaunch.render.cells import head_row, number_cell, number_head, table
from afterlaunch.render.grammar import counted
from afterlaunch.render.harm_sentences import is_performance_harmed, suspects
from afterlaunch.render.input_sentences import (
    ALERTS,
    POINTS,
    input_state,
    is_effect_known,
    judged_on,
    reasons_for_no_onset,
    signed_percent,
    since_in_words,
    state_reason,
    what_happened,
)
from afterlaunch.render.markup import Markup, element, joined, typeset
from afterlaunch.render.numbers import p_value, percent, plain

MOST_ROWS = 12
MOST_BRIEF = 5
_Z = 1.96


def inputs(report: DriftReport) -> Markup:
    """Return the inputs that moved, by what that does to the model; nothing where none did."""
    moved = report.moved
    if not moved:
        return Markup("")
    shown = _input_table(report, moved[:MOST_ROWS], caption="Inputs that moved, by their effect on the model")
    if len(moved) <= MOST_ROWS:
        return shown
    rest = _input_table(report, moved[MOST_ROWS:], caption="Inputs that moved, with smaller effects")
    summary = element("summary", f"{counted(len(moved) - MOST_ROWS, 'more input')} that moved")
    return joined(shown, element("details", summary, rest, class_="al-more"))


def _input_table(report: DriftReport, rows: Sequence[InputDrift], *, caption: str) -> Markup:
    head = head_row(
        "Input",
        "What happened",
        number_head(f"Alerts per 1,000 {report.case_noun}"),
        number_head("Mean score"),
        number_head("Relative change"),
        "Since",
        "State",
    )
    suspected = {row.name for row in suspects(report)}
    body = element("tbody", *(_input_row(row, report, is_suspect=row.name in suspected) for row in rows))
    return table(head, [body], caption=caption, class_="al-drift", note=_note(rows))


def _note(rows: Sequence[InputDrift]) -> str:
    note = (
        "By how much the input's change alone moves the model's alerts and its mean score. Small numbers: 95 % "
        "interval, and up to where such effects come in other months."
    )
    unclear = reasons_for_no_onset([row.onset for row in rows])
    return f"{note} Unclear since when: {'; '.join(unclear)}." if unclear else note


def _input_row(row: InputDrift, report: DriftReport, *, is_suspect: bool) -> Markup:
    first = element("small", element("span", "look here first", class_="al-watch")) if is_suspect else ""
    return element(
        "tr",
        element("th", row.name, scope="row"),
        element("td", typeset(what_happened(row, report)), class_="al-happened"),
        *_effect_cells(row),
        element("td", since_in_words(row.onset, report.window) or "unclear", class_="al-since"),
        element("td", _state(row, report), first, class_="al-state-cell"),
    )


def _state(row: InputDrift, report: DriftReport) -> Markup:
    in_harm = is_performance_harmed(report)
    return input_state(row, in_harm=in_harm).markup(state_reason(row, report, in_harm=in_harm))


def _effect_cells(row: InputDrift) -> tuple[Markup, ...]:
    if not is_effect_known(row):
        return (element("td", "Not known", class_="al-why", colspan=3),)
    effect = row.effect
    reach = _Z * effect.se_alerts_per_1000
    interval = ALERTS.interval(effect.alerts_per_1000 - reach, effect.alerts_per_1000 + reach)
    return (
        number_cell(
            ALERTS.signed(effect.alerts_per_1000).removesuffix(" per 1,000"), interval, class_="al-effect"
        ),
        number_cell(POINTS.signed(effect.score), class_="al-score"),
        number_cell(f"{signed_percent(effect.relative)} {judged_on(row)}", _usual(row), class_="al-size"),
    )


def _usual(row: InputDrift) -> str:
    effect = row.effect
    if effect.against is Against.LAST_YEAR and effect.last_year is not None:
        return f"{signed_percent(effect.last_year)} against last year"
    if effect.usual is None:
        return "too few months"
    return f"usual up to ±{percent(effect.usual)}"


def brief(report: DriftReport | None) -> Markup:
    """Return the few inputs that moved the most, for the health report; nothing where none did."""
    if report is None:
        return Markup("")
    chosen = list(dict.fromkeys((*suspects(report), *report.moved)))[:MOST_BRIEF]
    if not chosen:
        return Markup("")
    head = head_row("Input", "What happened", number_head(f"Alerts per 1,000 {report.case_noun}"), "State")
    rows = (
        element(
            "tr",
            element("th", row.name, scope="row"),
            element("td", typeset(what_happened(row, report))),
            _effect_cells(row)[0] if is_effect_known(row) else element("td", "Not known", class_="al-why"),
            element("td", _state(row, report)),
        )
        for row in chosen
    )
    n_more = len(report.moved) - len(chosen)
    note = f"{counted(n_more, 'more input')} moved; see the drift report." if n_more > 0 else ""
    return table(head, [element("tbody", *rows)], caption="Inputs that moved", note=note)


# --- for the technically minded ------------------------------------------------------------------------------------


def distances(report: DriftReport) -> Markup:
    """Return how far each input's distribution lies from the reference's, by the measures of the field."""
    if not report.inputs:
        return Markup("")
    head = head_row(
        "Input",
        number_head("PSI"),
        number_head("Usual PSI"),
        number_head("Jensen-Shannon"),
        number_head("KS"),
        number_head("Wasserstein, SD"),
        number_head("Shift of mean, SD"),
        number_head("Missing before"),
        number_head("Missing now"),
        number_head("Part of score"),
        number_head("p, adjusted"),
    )
    rows = (_distance_row(row) for row in report.inputs)
    note = (
        "PSI without its sampling bias; usual PSI: up to where it comes between months. SD: standard deviations of the "
        "reference. Part of score: share of what sets scores apart that the input carries. p: chance of such an effect "
        "in a usual month, adjusted for the number of inputs (false-discovery rate)."
    )
    whole = table(head, [element("tbody", *rows)], caption="Distances between the distributions", note=note)
    summary = element(
        "summary", f"Distances of {counted(len(report.inputs), 'input')} in numbers (PSI, KS and others)"
    )
    return element("details", summary, whole, class_="al-more")


def _distance_row(row: InputDrift) -> Markup:
    found, effect = row.distances, row.effect
    weight = percent(effect.weight, decimals=1) if is_effect_known(row) else "–"
    return element(
        "tr",
        element("th", row.name, scope="row"),
        *(
            number_cell(_number(value))
            for value in (found.psi, found.psi_usual, found.jensen_shannon, found.ks)
        ),
        *(number_cell(_number(value, decimals=2)) for value in (found.wasserstein_sd, found.mean_shift_sd)),
        number_cell(percent(row.missing_share_reference, decimals=1)),
        number_cell(percent(row.missing_share, decimals=1)),
        number_cell(weight),
        number_cell("–" if effect.p_adjusted is None else p_value(effect.p_adjusted)),
    )


def _number(value: float | None, *, decimals: int = 3) -> str:
    return "–" if value is None else plain(value, decimals=decimals)
