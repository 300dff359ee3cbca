"""The monthly health report as HTML: its head, its tables, and where it came from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources

from afterlaunch.health_report import Comparison, HealthReport, Indicator, QualityCheck, Segment
from afterlaunch.render import section_sentences as sections
from afterlaunch.render import sentences
from afterlaunch.render.cells import head_row, key_values, number_cell, number_head, table, value_cell
from afterlaunch.render.fact_sentences import segment_format
from afterlaunch.render.grammar import cases, counted, month_beside, sentence
from afterlaunch.render.indicator_table import indicators
from afterlaunch.render.markup import Markup, Points, element, joined, typeset
from afterlaunch.render.numbers import NumberFormat, count, p_value, percent
from afterlaunch.render.service_tables import complaints, decision_worth, speed
from afterlaunch.render.state import NOT_JUDGED, NOT_MEASURED, OK, State, state_of

__all__ = [
    "calibration",
    "complaints",
    "decision_worth",
    "decisions_and_changes",
    "indicators",
    "model_against_business",
    "parameters",
    "performance",
    "provenance",
    "quality",
    "run",
    "same_rows",
    "segments",
    "speed",
    "title_block",
    "versions",
]

UNUSUAL = State(symbol="◆", word="unusual", class_="watch")
NO_RANGE = State(symbol="○", word="no usual range yet", class_="unknown")
_READINGS = {
    sections.WORSE: State(symbol="✗", word="worse", class_="act"),
    sections.BETTER: State(symbol="✓", word="better", class_="ok"),
    sections.CHANGED: State(symbol="◆", word="changed", class_="watch"),
    sections.UNCLEAR: State(symbol="●", word="no clear change", class_="unknown"),
}
_SAME_ROWS_READINGS = _READINGS | {
    sections.CHANGED: State(symbol="◆", word="different", class_="watch"),
    sections.UNCLEAR: State(symbol="●", word="not clearly different", class_="unknown"),
}


def title_block(report: HealthReport) -> Markup:
    """Return the report's title, what it rests on, and the verdict."""
    severity = report.verdict.severity
    state = state_of(severity)
    made = element("span", class_="al-made")
    marked = f" ({sentences.SIMULATED.lower()})" if report.simulated else ""
    title = element("h1", f"{report.title}{marked}: health in {report.window.title}", class_="al-title")
    line = element("p", typeset(sentences.title_line(report)), made, class_="al-title-line")
    sign = element("span", state.symbol, aria_hidden="true")
    counts = element(
        "strong",
        element("span", sign, f" {sentences.VERDICT_WORDS[severity]}", class_=f"al-{state.class_}"),
        f": {sentences.verdict_counts(report)}.",
    )
    story = sentences.verdict_story(report)
    verdict = element("p", counts, " ", typeset(story), class_=f"al-verdict al-verdict-{state.class_}")
    return joined(style(), element("header", title, line, verdict, class_="al-head"))


@functools.cache
def style() -> Markup:
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


def performance(report: HealthReport) -> Markup:
    """Return the performance measures of this month beside last month's; nothing without any."""
    if not report.performance:
        return Markup("")
    judged = report.judged_window
    month = month_beside(judged.previous(), judged)
    head = head_row(
        "Measure",
        number_head(f"{judged.start:%B}"),
        number_head(month),
        "Better when",
        f"Since {month}",
    )
    rows = (_comparison_row(row) for row in report.performance)
    note = (
        "Small numbers: 95 % interval, from drawing whole days again and again. A change is clear when the "
        "intervals of the two months do not overlap."
    )
    return table(head, [element("tbody", *rows)], caption="Performance on fresh rows", note=note)


_BETTER_WHEN = {"higher_is_better": "higher", "lower_is_better": "lower", "inside_is_better": "steady"}


def _comparison_row(row: Comparison) -> Markup:
    written = NumberFormat(unit=row.current.unit, decimals=row.decimals)
    previous = (
        value_cell(row.previous, written)
        if row.previous
        else element("td", "no rows", class_="al-number al-why")
    )
    can_compare = row.current.is_known and row.previous is not None and row.previous.is_known
    read = _READINGS[sections.reading(row)].markup() if can_compare else NOT_MEASURED.markup()
    return element(
        "tr",
        element("th", row.title, scope="row"),
        value_cell(row.current, written, strong=True),
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
    head = head_row(
        "Scores",
        number_head(sentence(report.case_noun)),
        number_head("Predicted"),
        number_head("Happened"),
        "Reading",
    )
    rows = (
        element(
            "tr",
            element("th", f"bin {place}", scope="row"),
            number_cell(count(one.n)),
            number_cell(share.short(one.mean_score)),
            number_cell(share.short(one.outcome_share), share.interval(one.ci_lower, one.ci_upper)),
            element("td", _bin_state(sections.bin_reading(one)).markup()),
        )
        for place, one in enumerate(found.bins, start=1)
    )
    bins = table(
        head, [element("tbody", *rows)], caption="Predicted and observed shares, lowest scores first"
    )
    return element(
        "details",
        element("summary", f"The {counted(len(found.bins), 'bin')} in numbers"),
        bins,
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
    head = head_row(
        "Segment",
        number_head(sentence(report.case_noun)),
        "Measure",
        number_head("Segment"),
        number_head("Rest"),
        number_head("Difference"),
        number_head("p, adjusted"),
        "Reading",
    )
    note = (
        f"{count(len(found.shown))} of {counted(found.n_compared, 'comparison')}, worst first. p is adjusted "
        "for the number of comparisons (Holm): how often chance alone would show so much."
    )
    return table(
        head,
        [element("tbody", *map(_segment_row, found.shown))],
        caption="Segments against the rest",
        note=note,
    )


def _segment_row(row: Segment) -> Markup:
    written = segment_format(row)
    worse = State(symbol="✗", word="worse than the rest", class_="act")
    unclear = State(symbol="●", word="not clearly worse", class_="unknown")
    return element(
        "tr",
        element("th", f"{row.column}: {row.value}", scope="row"),
        number_cell(count(row.n)),
        element("td", row.title),
        number_cell(written.short(row.segment_value)),
        number_cell(written.short(row.rest_value)),
        number_cell(
            written.signed(row.difference), written.of_differences.interval(row.ci_lower, row.ci_upper)
        ),
        number_cell(p_value(row.p_holm)),
        element("td", (worse if row.is_worse else unclear).markup()),
    )


def quality(report: HealthReport) -> Markup:
    """Return the checks of volume and data quality."""
    month = month_beside(report.previous_window, report.window)
    head = head_row(
        "Check",
        number_head(f"{report.window.start:%B}"),
        number_head(month),
        number_head("Usual range"),
        "State",
    )
    rows = (_quality_row(check) for check in report.quality)
    return table(head, [element("tbody", *rows)], caption="Checks against their usual ranges")


def _quality_row(check: QualityCheck) -> Markup:
    written = NumberFormat(unit=check.current.unit, decimals=check.decimals)
    usual = check.usual_range
    known_state = UNUSUAL if check.is_unusual else State(symbol=OK.symbol, word="as usual", class_=OK.class_)
    state = known_state if usual else NO_RANGE
    before = check.previous
    return element(
        "tr",
        element("th", check.title, scope="row"),
        value_cell(check.current, written, strong=True),
        number_cell("no rows" if before is None else written.short(before)),
        number_cell(
            written.usual(usual) if usual else "none yet", counted(usual.n_months, "month") if usual else ""
        ),
        element("td", state.markup()),
    )


def same_rows(report: HealthReport) -> Markup:
    """Return two versions' measures on the same rows; nothing where no second version scored them."""
    pair = report.same_rows
    if pair is None:
        return Markup("")
    head = head_row(
        "Measure",
        number_head(pair.champion),
        number_head(pair.other),
        number_head("Difference"),
        f"{pair.champion} is",
    )
    rows = (_same_rows_row(row) for row in pair.measures)
    caption = f"{pair.champion} and {pair.other} on the same {cases(pair.n, report.case_noun)}"
    return table(head, [element("tbody", *rows)], caption=caption)


def _same_rows_row(row: Comparison) -> Markup:
    written = NumberFormat(unit=row.current.unit, decimals=row.decimals)
    difference = row.difference
    interval = written.of_differences.interval(difference.ci_lower, difference.ci_upper) if difference else ""
    return element(
        "tr",
        element("th", row.title, scope="row"),
        value_cell(row.current, written, strong=True),
        value_cell(row.previous, written) if row.previous else number_cell("not measured"),
        number_cell(written.signed(difference.value) if difference else "not measured", interval),
        element("td", _SAME_ROWS_READINGS[sections.reading(row)].markup()),
    )


def versions(report: HealthReport) -> Markup:
    """Return who scored how much of the month, and what each version was trained on."""
    head = head_row(
        "Version",
        number_head(sentence(report.case_noun)),
        number_head("Share"),
        "First to last day",
        "Trained on",
    )
    rows = (
        element(
            "tr",
            element("th", use.name, scope="row"),
            number_cell(count(use.n)),
            number_cell(percent(use.share)),
            element("td", f"{use.first_on} to {use.last_on}"),
            element("td", use.trained.label),
        )
        for use in report.versions
    )
    return table(head, [element("tbody", *rows)], caption=f"Who scored {report.window.title}")


def provenance(sources: Mapping[str, Mapping[str, str] | str]) -> Markup:
    """Return where a report came from: one table of its own for each mapping, and one for the rest."""
    plain = {key: value for key, value in sources.items() if isinstance(value, str)}
    nested = {key: value for key, value in sources.items() if not isinstance(value, str)}
    groups = ([("Run", plain)] if plain else []) + [(sentence(key), value) for key, value in nested.items()]
    return joined(*(key_values(caption, pairs) for caption, pairs in groups))


def parameters(values: Mapping[str, object]) -> Markup:
    """Return a run's parameters as a table."""
    return key_values("Parameters", {name: str(value) for name, value in values.items()})


def run(*, made: str, run_id: str, parameters: Mapping[str, object]) -> Markup:
    """Return when a report was made, by which run and with which parameters."""
    of_run = {"made": made, "run": run_id}
    return key_values(
        "Made, run and parameters", of_run | {name: str(value) for name, value in parameters.items()}
    )
