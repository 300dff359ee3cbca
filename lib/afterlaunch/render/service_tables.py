"""The sections about speed, complaints and the worth of decisions as tables."""

from __future__ import annotations

from afterlaunch.health_report import (
    Complaints,
    DecisionCell,
    EndpointSpeed,
    HealthReport,
    Speed,
    TicketRisk,
    TicketTheme,
)
from afterlaunch.render.cells import head_row, number_cell, number_head, table
from afterlaunch.render.grammar import cases, sentence
from afterlaunch.render.markup import Markup, element, joined, typeset
from afterlaunch.render.numbers import NumberFormat, count, percent, plain
from afterlaunch.render.service_sentences import promised

_MILLISECONDS = NumberFormat(unit="ms", decimals=0)


def speed(report: HealthReport) -> Markup:
    """Return how fast each endpoint was; nothing without a request log."""
    found = report.speed
    if found is None:
        return Markup("")
    head = head_row(
        "Endpoint",
        number_head("Requests"),
        number_head("p50"),
        number_head("p95"),
        number_head("p99"),
        number_head("No answer"),
        number_head("In time"),
    )
    note = (
        f"A request without an answer counts with the time limit of {promised(found.time_limit_ms)}; in time is within "
        f"{promised(found.threshold_ms)}. Too few: so few requests cannot show that quantile."
    )
    rows = (_endpoint_row(row) for row in found.endpoints)
    return joined(
        table(head, [element("tbody", *rows)], caption="Speed by endpoint", note=note), _hours(found)
    )


def _hours(found: Speed) -> Markup:
    """Return the p95 by endpoint and hour of the day; nothing where too few requests show one."""
    p95_ms = {(row.endpoint, row.hour): row.p95_ms for row in found.hours}
    hours = sorted({hour for _, hour in p95_ms})
    if not hours:
        return Markup("")
    head = head_row("Endpoint", *(number_head(f"{hour:02d} h") for hour in hours))
    rows = (
        element(
            "tr",
            element("th", row.endpoint, scope="row"),
            *(_hour_cell(p95_ms.get((row.endpoint, hour)), found.threshold_ms) for hour in hours),
        )
        for row in found.endpoints
    )
    promised = plain(found.threshold_ms, decimals=0)
    note = f"Milliseconds; ◆ above the promised {promised} ms. All days of the month together."
    return table(head, [element("tbody", *rows)], caption="p95 by hour of the day", note=note)


def _hour_cell(p95_ms: float | None, threshold_ms: float) -> Markup:
    if p95_ms is None:
        return number_cell("–")
    is_slow = p95_ms > threshold_ms
    return number_cell(
        f"{'◆ ' if is_slow else ''}{plain(p95_ms, decimals=0)}", class_="al-watch" if is_slow else ""
    )


def _endpoint_row(row: EndpointSpeed) -> Markup:
    def quantile(value: float | None) -> Markup:
        return number_cell("too few" if value is None else _MILLISECONDS.short(value))

    return element(
        "tr",
        element("th", row.endpoint, scope="row"),
        number_cell(count(row.n)),
        quantile(row.p50_ms),
        quantile(row.p95_ms),
        quantile(row.p99_ms),
        number_cell(count(row.n_unanswered)),
        number_cell(percent(row.within_share, decimals=1)),
    )


def complaints(report: HealthReport) -> Markup:
    """Return the themes of the flagged tickets with quotes, and what such tickets follow; nothing without tickets."""
    found = report.complaints
    if found is None:
        return Markup("")
    return joined(_themes(found), _risks(found, report))


def _themes(found: Complaints) -> Markup:
    if not found.themes:
        return element("p", "No ticket was flagged.", class_="al-text")
    head = head_row(
        "Theme", number_head("Tickets"), number_head("Share"), number_head("Usually"), "In their words"
    )
    told = "learned from labelled tickets" if found.themes_method == "learned" else "told by words"
    note = f"Flagged tickets only; themes are {told}. Names and numbers are masked."
    rows = (_theme_row(row) for row in found.themes)
    return table(
        head, [element("tbody", *rows)], caption="What people write about", class_="al-themes", note=note
    )


def _theme_row(row: TicketTheme) -> Markup:
    return element(
        "tr",
        element("th", row.theme, scope="row"),
        number_cell(count(row.n)),
        number_cell(percent(row.share)),
        number_cell("unknown" if row.usual_share is None else percent(row.usual_share)),
        element("td", *(element("div", f"“{quote}”", class_="al-quote") for quote in row.quotes)),
    )


def _risks(found: Complaints, report: HealthReport) -> Markup:
    if not found.risks:
        return Markup("")
    head = head_row(
        f"{sentence(report.case_noun)} with",
        number_head(sentence(report.case_noun)),
        number_head("Flagged tickets"),
        number_head("Times as often as the others"),
    )
    rows = (_risk_row(row) for row in found.risks)
    note = "One circumstance at a time: they overlap, and none of them need be the cause."
    return table(head, [element("tbody", *rows)], caption="What such tickets follow", note=note)


def _risk_row(row: TicketRisk) -> Markup:
    times = sentence(row.reason) if row.ratio is None else f"× {plain(row.ratio, decimals=1)}"
    interval = ""
    if row.ci_lower is not None and row.ci_upper is not None:
        interval = f"{plain(row.ci_lower, decimals=1)} to {plain(row.ci_upper, decimals=1)}"
    return element(
        "tr",
        element("th", row.circumstance, scope="row"),
        number_cell(count(row.n_cases)),
        number_cell(count(row.n_tickets)),
        number_cell(times, interval),
    )


def decision_worth(report: HealthReport) -> Markup:
    """Return the cost-weighted confusion per 1,000 cases; nothing where decisions have no value."""
    found = report.decision_worth
    if found is None:
        return Markup("")
    written = NumberFormat(unit=found.unit, decimals=0)
    head = head_row(
        "Decision",
        number_head(f"Per 1,000 {report.case_noun}"),
        number_head(f"Each, {found.unit}"),
        number_head(f"Together, {found.unit}"),
    )
    rows = [_cell_row(cell, written) for cell in found.cells]
    total = sum(cell.value_per_1000 for cell in found.cells)
    rows.append(
        element(
            "tr",
            element("th", element("strong", "all"), scope="row"),
            number_cell("1,000"),
            number_cell(""),
            element("td", element("strong", written.number(total)), class_="al-number"),
        )
    )
    judged = cases(found.n, report.case_noun)
    caption = (
        f"What the decisions about {judged} of {report.judged_window.title} with a known outcome were worth"
    )
    return table(head, [element("tbody", *rows)], caption=caption, note="Scored by " + found.version + ".")


_CELL_TITLES = {
    (True, True): "alert, and right",
    (True, False): "alert, and wrong",
    (False, True): "passed, and wrong",
    (False, False): "passed, and right",
}


def _cell_row(cell: DecisionCell, written: NumberFormat) -> Markup:
    each = written.number(cell.value_per_1000 / cell.n_per_1000) if cell.n_per_1000 else "–"
    return element(
        "tr",
        element("th", typeset(_CELL_TITLES[cell.is_alert, cell.is_positive]), scope="row"),
        number_cell(plain(cell.n_per_1000, decimals=1)),
        number_cell(each),
        number_cell(written.number(cell.value_per_1000)),
    )
