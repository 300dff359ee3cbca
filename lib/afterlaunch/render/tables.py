"""The monthly health report as HTML: its head, its tables, and where it came from."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources

from afterlaunch.findings import Measurement
from afterlaunch.health_report import Area, Comparison, HealthReport, Indicator, QualityCheck, Segment
from afterlaunch.render import section_sentences as sections
from afterlaunch.render import sentences
from afterlaunch.render.grammar import cases, counted, month_beside, sentence
from afterlaunch.render.indicator_sentences import number_format, state_reason
from afterlaunch.render.markup import Markup, Points, element, joined, typeset
from afterlaunch.render.numbers import NumberFormat, count, p_value, percent, why_not_measured
from afterlaunch.render.sparkline import sparkline
from afterlaunch.render.state import NOT_JUDGED, NOT_MEASURED, OK, State, state_of

UNUSUAL = State(symbol="◆", word="unusual", class_="watch")
NO_RANGE = State(symbol="○", word="no usual range yet", class_="unknown")
_READINGS = {
    sections.WORSE: State(symbol="✗", word="worse", class_="act"),
    sections.BETTER: State(symbol="✓", word="better", class_="ok"),
    sections.CHANGED: State(symbol="◆", word="changed", class_="watch"),
    sections.UNCLEAR: State(symbol="●", word="no clear change", class_="unknown"),
}
_LEGEND = (
    "Grey band: usual range, learnt from the months named. Dashed: target. Last mark: {month}. "
    "ACT: outside its usual range for the worse and misses its target. WATCH: one of the two. OK: neither."
)


def title_block(report: HealthReport) -> Markup:
    """Return the report's title, what it rests on, and the verdict."""
    severity = report.verdict.severity
    state = state_of(severity)
    made = element("span", class_="al-made")
    title = element("h1", f"{report.title}: health in {report.window.title}", class_="al-title")
    line = element("p", typeset(sentences.title_line(report)), made, class_="al-title-line")
    sign = element("span", state.symbol, aria_hidden="true")
    counts = element(
        "strong",
        element("span", sign, f" {sentences.VERDICT_WORDS[severity]}", class_=f"al-{state.class_}"),
        f": {sentences.verdict_counts(report)}.",
    )
    story = sentences.verdict_story(report)
    verdict = element("p", counts, " ", typeset(story), class_=f"al-verdict al-verdict-{state.class_}")
    return joined(_style(), element("header", title, line, verdict, class_="al-head"))


@functools.cache
def _style() -> Markup:
    """Return the look of all blocks of a report, for notebooks; the page has it already and drops this."""
    css = resources.files(__package__).joinpath("template/report.css").read_text(encoding="utf-8")
    return Markup(f"<style>{css}</style>")


def decisions_and_changes(report: HealthReport) -> Markup:
    """Return what needs a decision beside what changed since last month."""
    month = month_beside(report.previous_window, report.window)
    left = element("section", element("h2", "Needs a decision"), _decisions(report), class_="al-decisions")
    right = element(
        "section",
        element("h2", f"What changed since {month}"),
        Markup(Points(sentences.changes(report))._repr_html_()),
        class_="al-changes",
    )
    return element("div", left, right, class_="al-columns")


def _decisions(report: HealthReport) -> Markup:
    found = sentences.decisions(report)
    if not found:
        return element("p", "Nothing needs a decision this month.")
    items = (
        element(
            "li",
            element("strong", _sign(one.indicator), " ", typeset(one.question)),
            " ",
            typeset(one.reason),
            *((" ", element("small", f"Owner: {one.owner}")) if one.owner else ()),
        )
        for one in found
    )
    return element("ol", *items)


def _sign(row: Indicator) -> Markup:
    state = state_of(row.severity)
    return element("span", state.symbol, class_=f"al-{state.class_}", aria_hidden="true")


def indicators(report: HealthReport) -> Markup:
    """Return the table of all indicators, in their fixed order."""
    head = _head_row(
        "",
        "Indicator",
        _number_head(f"{report.window.start:%B}"),
        _number_head(month_beside(report.previous_window, report.window)),
        _number_head("Usual range"),
        _number_head("Target"),
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
    return _table(head, bodies, class_="al-indicators", caption="All indicators", note=legend)


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
        "th", row.title, element("small", unit) if unit and measurement.is_known else "", scope="row"
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
        _value_cell(measurement, number_format(row), strong=True, class_="al-now"),
        _previous_cell(row, report),
        _usual_cell(row),
        _number_cell(_target(row), class_="al-target"),
        element("td", sparkline(row), class_="al-trend"),
        element("td", state.markup(state_reason(row, case_noun=report.case_noun)), class_="al-state-cell"),
        element("td", _behind(row), class_="al-behind"),
    )


def _value_cell(
    measurement: Measurement, written: NumberFormat, *, strong: bool = False, class_: str = ""
) -> Markup:
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


def _previous_cell(row: Indicator, report: HealthReport) -> Markup:
    if row.previous is None:
        return _number_cell("no rows", class_="al-previous")
    if not row.previous.is_known:
        return element("td", "not measured", class_="al-number al-why al-previous")
    written = number_format(row).short(row.previous.value)
    return _number_cell(written, _previous_version(report), class_="al-previous")


def _previous_version(report: HealthReport) -> str:
    was, now = {use.name for use in report.previous_versions}, {use.name for use in report.versions}
    return f"scored by {', '.join(sorted(was))}" if was and was != now else ""


def _usual_cell(row: Indicator) -> Markup:
    if row.usual_range is None:
        return element(
            "td", "none yet", element("small", row.usual_range_reason), class_="al-number al-why al-usual"
        )
    written = number_format(row).usual(row.usual_range)
    return _number_cell(written, counted(row.usual_range.n_months, "month"), class_="al-usual")


def _target(row: Indicator) -> str:
    target = row.finding.threshold.target_range
    signs = {"at least ": "≥ ", "at most ": "≤ "}
    written = number_format(row).target(target) if target else "none"
    for words, sign in signs.items():
        written = written.replace(words, sign)
    return written


def _behind(row: Indicator) -> Markup:
    lines = (
        element(
            "div",
            typeset(sentences.change_in_words(change)),
            element("span", " (unusual)", class_="al-watch") if sentences.is_unusual(change) else "",
        )
        for change in row.behind
    )
    return joined(*lines)


def performance(report: HealthReport) -> Markup:
    """Return the performance measures of this month beside last month's; nothing without any."""
    if not report.performance:
        return Markup("")
    month = month_beside(report.previous_window, report.window)
    head = _head_row(
        "Measure",
        _number_head(f"{report.window.start:%B}"),
        _number_head(month),
        "Better when",
        f"Since {month}",
    )
    rows = (_comparison_row(row) for row in report.performance)
    note = (
        "Small numbers: 95 % interval, from drawing whole days again and again. A change is clear when the "
        "intervals of the two months do not overlap."
    )
    return _table(head, [element("tbody", *rows)], caption="Performance on fresh rows", note=note)


_BETTER_WHEN = {"higher_is_better": "higher", "lower_is_better": "lower", "inside_is_better": "steady"}


def _comparison_row(row: Comparison) -> Markup:
    written = NumberFormat(unit=row.current.unit, decimals=row.decimals)
    previous = (
        _value_cell(row.previous, written)
        if row.previous
        else element("td", "no rows", class_="al-number al-why")
    )
    can_compare = row.current.is_known and row.previous is not None and row.previous.is_known
    read = _READINGS[sections.reading(row)].markup() if can_compare else NOT_MEASURED.markup()
    return element(
        "tr",
        element("th", row.title, scope="row"),
        _value_cell(row.current, written, strong=True),
        previous,
        element("td", _BETTER_WHEN.get(row.direction, row.direction)),
        element("td", read),
    )


def calibration(report: HealthReport) -> Markup:
    """Return what was predicted and what happened, by bin of scores; nothing where that is not known."""
    found = report.calibration
    if found is None:
        return Markup("")
    share = NumberFormat(unit="share", decimals=1)
    head = _head_row(
        "Scores",
        _number_head(sentence(report.case_noun)),
        _number_head("Predicted"),
        _number_head("Happened"),
        "Reading",
    )
    rows = (
        element(
            "tr",
            element("th", f"bin {place}", scope="row"),
            _number_cell(count(one.n)),
            _number_cell(share.short(one.mean_score)),
            _number_cell(share.short(one.outcome_share), share.interval(one.ci_lower, one.ci_upper)),
            element("td", _bin_state(sections.bin_reading(one)).markup()),
        )
        for place, one in enumerate(found.bins, start=1)
    )
    table = _table(
        head, [element("tbody", *rows)], caption="Predicted and observed shares, lowest scores first"
    )
    return element(
        "details",
        element("summary", f"The {counted(len(found.bins), 'bin')} in numbers"),
        table,
        class_="al-more",
    )


def model_against_business(report: HealthReport) -> Markup:
    """Return whether model and business tell the same story, set apart as a flag where they do not."""
    pair = report.model_against_business
    is_flag = pair is not None and pair.signal != "routine" and sections.is_contradiction(pair)
    told = typeset(sections.model_against_business(report))
    if not is_flag:
        return element("p", told, class_="al-text")
    sign = element("span", "◆ ", class_="al-watch", aria_hidden="true")
    return element("p", sign, told, class_="al-verdict al-verdict-watch al-flag")


def _bin_state(reading: str) -> State:
    if not reading:
        return NOT_JUDGED
    if reading == sections.AS_PREDICTED:
        return State(symbol="●", word=reading, class_="ok")
    return State(symbol="◆", word=reading, class_="watch")


def segments(report: HealthReport) -> Markup:
    """Return the segments that stand out most from the rest of the month; nothing where none was compared."""
    found = report.segments
    if not found.shown:
        return Markup("")
    head = _head_row(
        "Segment",
        _number_head(sentence(report.case_noun)),
        "Measure",
        _number_head("Segment"),
        _number_head("Rest"),
        _number_head("Difference"),
        _number_head("p, adjusted"),
        "Reading",
    )
    note = (
        f"{count(len(found.shown))} of {counted(found.n_compared, 'comparison')}, worst first. p is adjusted "
        "for the number of comparisons (Holm): how often chance alone would show so much."
    )
    return _table(
        head,
        [element("tbody", *map(_segment_row, found.shown))],
        caption="Segments against the rest",
        note=note,
    )


def _segment_row(row: Segment) -> Markup:
    written = sections.segment_format(row)
    worse = State(symbol="✗", word="worse than the rest", class_="act")
    unclear = State(symbol="●", word="not clearly worse", class_="unknown")
    return element(
        "tr",
        element("th", f"{row.column}: {row.value}", scope="row"),
        _number_cell(count(row.n)),
        element("td", row.title),
        _number_cell(written.short(row.segment_value)),
        _number_cell(written.short(row.rest_value)),
        _number_cell(
            written.signed(row.difference), written.of_differences.interval(row.ci_lower, row.ci_upper)
        ),
        _number_cell(p_value(row.p_holm)),
        element("td", (worse if row.is_worse else unclear).markup()),
    )


def quality(report: HealthReport) -> Markup:
    """Return the checks of volume and data quality."""
    month = month_beside(report.previous_window, report.window)
    head = _head_row(
        "Check",
        _number_head(f"{report.window.start:%B}"),
        _number_head(month),
        _number_head("Usual range"),
        "State",
    )
    rows = (_quality_row(check) for check in report.quality)
    return _table(head, [element("tbody", *rows)], caption="Volume and data quality")


def _quality_row(check: QualityCheck) -> Markup:
    written = NumberFormat(unit=check.current.unit, decimals=check.decimals)
    usual = check.usual_range
    known_state = UNUSUAL if check.is_unusual else State(symbol=OK.symbol, word="as usual", class_=OK.class_)
    state = known_state if usual else NO_RANGE
    before = check.previous
    return element(
        "tr",
        element("th", check.title, scope="row"),
        _value_cell(check.current, written, strong=True),
        _number_cell("no rows" if before is None else written.short(before)),
        _number_cell(
            written.usual(usual) if usual else "none yet", counted(usual.n_months, "month") if usual else ""
        ),
        element("td", state.markup()),
    )


def same_rows(report: HealthReport) -> Markup:
    """Return two versions' measures on the same rows; nothing where no second version scored them."""
    pair = report.same_rows
    if pair is None:
        return Markup("")
    head = _head_row(
        "Measure",
        _number_head(pair.champion),
        _number_head(pair.other),
        _number_head("Difference"),
        f"{pair.champion} is",
    )
    rows = (_same_rows_row(row) for row in pair.measures)
    caption = f"{pair.champion} and {pair.other} on the same {cases(pair.n, report.case_noun)}"
    return _table(head, [element("tbody", *rows)], caption=caption)


def _same_rows_row(row: Comparison) -> Markup:
    written = NumberFormat(unit=row.current.unit, decimals=row.decimals)
    difference = row.difference
    interval = written.of_differences.interval(difference.ci_lower, difference.ci_upper) if difference else ""
    return element(
        "tr",
        element("th", row.title, scope="row"),
        _value_cell(row.current, written, strong=True),
        _value_cell(row.previous, written) if row.previous else _number_cell("not measured"),
        _number_cell(written.signed(difference.value) if difference else "not measured", interval),
        element("td", _READINGS[sections.reading(row)].markup()),
    )


def versions(report: HealthReport) -> Markup:
    """Return who scored how much of the month, and what each version was trained on."""
    head = _head_row(
        "Version",
        _number_head(sentence(report.case_noun)),
        _number_head("Share"),
        "First to last day",
        "Trained on",
    )
    rows = (
        element(
            "tr",
            element("th", use.name, scope="row"),
            _number_cell(count(use.n)),
            _number_cell(percent(use.share)),
            element("td", f"{use.first_on} to {use.last_on}"),
            element("td", use.trained.label),
        )
        for use in report.versions
    )
    return _table(head, [element("tbody", *rows)], caption=f"Who scored {report.window.title}")


def provenance(sources: Mapping[str, Mapping[str, str] | str]) -> Markup:
    """Return where a report came from: one table of its own for each mapping, and one for the rest."""
    plain = {key: value for key, value in sources.items() if isinstance(value, str)}
    nested = {key: value for key, value in sources.items() if not isinstance(value, str)}
    groups = ([("Run", plain)] if plain else []) + [(sentence(key), value) for key, value in nested.items()]
    return joined(*(_key_values(caption, pairs) for caption, pairs in groups))


def parameters(values: Mapping[str, object]) -> Markup:
    """Return a run's parameters as a table."""
    return _key_values("Parameters", {name: str(value) for name, value in values.items()})


def run(*, made: str, run_id: str, parameters: Mapping[str, object]) -> Markup:
    """Return when a report was made, by which run and with which parameters."""
    of_run = {"made": made, "run": run_id}
    return _key_values(
        "Made, run and parameters", of_run | {name: str(value) for name, value in parameters.items()}
    )


def _key_values(caption: str, pairs: Mapping[str, str]) -> Markup:
    rows = (
        element("tr", element("th", name, scope="row"), element("td", value, class_="al-code"))
        for name, value in pairs.items()
    )
    return _table(Markup(""), [element("tbody", *rows)], class_="al-keys", caption=caption)


def _table(
    head: Markup, bodies: Iterable[Markup], *, caption: str, class_: str = "", note: str = ""
) -> Markup:
    table = element(
        "table",
        element("caption", caption),
        element("thead", head) if head.html else "",
        *bodies,
        class_=f"al-table {class_}".strip(),
    )
    box = element("div", table, class_="al-scroll", tabindex=0, role="region", aria_label=caption)
    return joined(box, element("p", typeset(note), class_="al-note") if note else "")


def _head_row(*cells: Markup | str) -> Markup:
    return element(
        "tr", *(cell if isinstance(cell, Markup) else element("th", cell, scope="col") for cell in cells)
    )


def _number_head(text: str) -> Markup:
    return element("th", text, class_="al-number", scope="col")


def _number_cell(text: str, beside: str = "", *, class_: str = "") -> Markup:
    return element(
        "td", text, element("small", beside) if beside else "", class_=f"al-number {class_}".strip()
    )
