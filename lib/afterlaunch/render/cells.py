"""Parts of tables: heads, number cells, and a box that scrolls on a narrow screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from afterlaunch.findings import Measurement
from afterlaunch.render.grammar import sentence
from afterlaunch.render.markup import Markup, element, joined, typeset
from afterlaunch.render.numbers import NumberFormat, why_not_measured


def table(
    head: Markup, bodies: Iterable[Markup], *, caption: str, class_: str = "", note: str = ""
) -> Markup:
    """Return a table in a box of its own, and a note below it."""
    whole = element(
        "table",
        element("caption", caption),
        element("thead", head) if head.html else "",
        *bodies,
        class_=f"al-table {class_}".strip(),
    )
    box = element("div", whole, class_="al-scroll", tabindex=0, role="region", aria_label=caption)
    return joined(box, element("p", typeset(note), class_="al-note") if note else "")


def head_row(*cells: Markup | str) -> Markup:
    """Return a row of column heads."""
    return element(
        "tr", *(cell if isinstance(cell, Markup) else element("th", cell, scope="col") for cell in cells)
    )


def number_head(text: str) -> Markup:
    """Return the head of a column of numbers."""
    return element("th", text, class_="al-number", scope="col")


def number_cell(text: str, beside: str = "", *, class_: str = "") -> Markup:
    """Return a cell with a number as it is written, and something small below it."""
    return element(
        "td", text, element("small", beside) if beside else "", class_=f"al-number {class_}".strip()
    )


def value_cell(
    measurement: Measurement, written: NumberFormat, *, strong: bool = False, class_: str = ""
) -> Markup:
    """Return a cell with a measurement and its interval, or the reason why there is none."""
    if not measurement.is_known:
        return element("td", sentence(why_not_measured(measurement)), class_="al-why")
    value = written.short(measurement.value)
    interval = written.interval(measurement.ci_lower, measurement.ci_upper)
    return element(
        "td",
        element("strong", value) if strong else value,
        element("small", interval) if interval else "",
        class_=f"al-number {class_}".strip(),
    )


def key_values(caption: str, pairs: Mapping[str, str]) -> Markup:
    """Return a table of names and values."""
    rows = (
        element("tr", element("th", name, scope="row"), element("td", value or "(empty)", class_="al-code"))
        for name, value in pairs.items()
    )
    return table(Markup(""), [element("tbody", *rows)], class_="al-keys", caption=caption)
