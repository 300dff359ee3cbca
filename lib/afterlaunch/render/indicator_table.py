"""The table of all indicators: now, last month, usual range, target, course, state and what is behind it."""

from __future__ import annotations

from collections.abc import Sequence

from afterlaunch.health_report import Area, Change, HealthReport, Indicator
from afterlaunch.render.cells import head_row, number_cell, number_head, table, value_cell
from afterlaunch.render.fact_sentences import fact_in_words, is_unusual
from afterlaunch.render.grammar import counted, month_beside, months_in_short, sentence
from afterlaunch.render.indicator_sentences import number_format, outlook_in_short, state_reason
from afterlaunch.render.markup import Markup, element, joined, typeset
from afterlaunch.render.numbers import why_not_measured
from afterlaunch.render.sparkline import sparkline
from afterlaunch.render.state import state_of

_LEGEND = (
    "Grey band: usual range, learnt from the months named. Dashed: target. Last mark: {month}. "
    "ACT: outside its usual range for the worse and misses its target. WATCH: one of the two. OK: neither."
)


def indicators(report: HealthReport) -> Markup:
    """Return the table of all indicators, in their fixed order."""
    head = head_row(
        "",
        "Indicator",
        number_head(f"{report.window.start:%B}"),
        number_head(month_beside(report.previous_window, report.window)),
        number_head("Usual range"),
        number_head("Target"),
        f"{_n_months_shown(report)} months" if _n_months_shown(report) > 1 else "Trend",
        "State",
        "What is behind it",
    )
    bodies = []
    for area in Area:
        rows = [row for row in report.indicators if row.area is area]
        if rows:
            bodies.append(element("tbody", *(_indicator_row(row, report, _area(rows, row)) for row in rows)))
    legend = _LEGEND.format(month=report.window.title)
    return table(head, bodies, class_="al-indicators", caption="All indicators", note=legend)


def _n_months_shown(report: HealthReport) -> int:
    return max((len(row.history) for row in report.indicators), default=0)


def _area(rows: Sequence[Indicator], row: Indicator) -> Markup:
    if row is not rows[0]:
        return Markup("")
    span = len(rows) if len(rows) > 1 else None
    return element("th", row.area.value, class_="al-area", scope="rowgroup", rowspan=span)


def _indicator_row(row: Indicator, report: HealthReport, area: Markup) -> Markup:
    unit = number_format(row).long_unit
    measurement = row.finding.measurement
    title = element(
        "th",
        typeset(row.title),
        element("small", unit) if unit and measurement.is_known else "",
        element("small", typeset(_of_month(row, report)), class_="al-watch")
        if _of_month(row, report)
        else "",
        scope="row",
    )
    state = state_of(row.severity, is_known=measurement.is_known)
    if not measurement.is_known:
        why = element("td", sentence(why_not_measured(measurement)), class_="al-why al-behind", colspan=5)
        return element(
            "tr", area, title, why, element("td", state.markup(), class_="al-state-cell"), element("td")
        )
    return element(
        "tr",
        area,
        title,
        value_cell(measurement, number_format(row), strong=True, class_="al-now"),
        _previous_cell(row, report),
        _usual_cell(row),
        number_cell(_target(row), class_="al-target"),
        element("td", sparkline(row), class_="al-trend"),
        element("td", state.markup(state_reason(row, case_noun=report.case_noun)), class_="al-state-cell"),
        element("td", _behind(row), class_="al-behind"),
    )


def _of_month(row: Indicator, report: HealthReport) -> str:
    """Name the month of a number that is not about the report's own."""
    if row.is_of(report.window):
        return ""
    return f"of {report.judged_window.title}, the last month with complete outcomes"


def _previous_cell(row: Indicator, report: HealthReport) -> Markup:
    if row.previous is None:
        return number_cell("no rows", class_="al-previous")
    if not row.previous.is_known:
        return element("td", "not measured", class_="al-number al-why al-previous")
    written = number_format(row).short(row.previous.value)
    scored_by = _previous_version(report) if row.area is Area.MODEL else ""
    return number_cell(written, scored_by, class_="al-previous")


def _previous_version(report: HealthReport) -> str:
    was, now = {use.name for use in report.previous_versions}, {use.name for use in report.versions}
    return f"scored by {', '.join(sorted(was))}" if was and was != now else ""


def _usual_cell(row: Indicator) -> Markup:
    if row.usual_range is None:
        return element(
            "td", "none yet", element("small", row.usual_range_reason), class_="al-number al-why al-usual"
        )
    written = number_format(row).usual(row.usual_range)
    rests_on = months_in_short(row.usual_range.months) or counted(row.usual_range.n_months, "month")
    return number_cell(written, rests_on, class_="al-usual")


def _target(row: Indicator) -> str:
    target = row.finding.threshold.target_range
    signs = {"at least ": "≥ ", "at most ": "≤ "}
    written = number_format(row).target(target) if target else "none"
    for words, sign in signs.items():
        written = written.replace(words, sign)
    return written


def _behind(row: Indicator) -> Markup:
    lines = [
        element(
            "div",
            typeset(fact_in_words(fact)),
            element("span", " (unusual)", class_="al-watch")
            if isinstance(fact, Change) and is_unusual(fact)
            else "",
        )
        for fact in row.behind
    ]
    if not row.behind:
        lines.append(element("div", typeset(outlook_in_short(row))))
    return joined(*lines)
