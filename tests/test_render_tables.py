"""The report's HTML tables."""

from __future__ import annotations

import dataclasses
import re

import pytest
from bs4 import BeautifulSoup

import health_examples as examples
from afterlaunch.render import tables
from afterlaunch.render.clean_html import clean_html

BLOCKS = (
    tables.title_block,
    tables.decisions_and_changes,
    tables.indicators,
    tables.performance,
    tables.calibration,
    tables.segments,
    tables.quality,
    tables.same_rows,
    tables.versions,
    tables.model_against_business,
    tables.speed,
    tables.complaints,
    tables.decision_worth,
)


def soup_of(markup):
    return BeautifulSoup(markup._repr_html_(), "html.parser")


def rows_of(markup):
    """The body rows of a table as lists of cell texts."""
    return [
        [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])]
        for row in soup_of(markup).select("tbody tr")
    ]


@pytest.mark.parametrize("name", list(examples.EXAMPLES))
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_nothing_from_data_becomes_a_tag(name, block):
    html = re.sub(r"<style>.*?</style>", "", block(examples.EXAMPLES[name]()).html, flags=re.DOTALL)
    soup = BeautifulSoup(html, "html.parser")
    assert not soup.find_all(["script", "iframe", "a"])
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in soup.find_all("img"))
    assert not [tag for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]


@pytest.mark.parametrize("name", ["troubled", "served"])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_cleaning_takes_nothing_from_a_table_but_the_style_for_notebooks(block, name):
    html = re.sub(r"<style>.*?</style>", "", block(examples.EXAMPLES[name]()).html, flags=re.DOTALL)
    cleaned = BeautifulSoup(clean_html(html), "html.parser")
    given = BeautifulSoup(html, "html.parser")
    assert [(tag.name, tag.attrs) for tag in cleaned.find_all(True)] == [
        (tag.name, tag.attrs) for tag in given.find_all(True)
    ]
    assert cleaned.get_text() == given.get_text()


def test_hostile_names_are_shown_as_they_are():
    shown = soup_of(tables.segments(examples.hostile())).get_text()
    assert f"{examples.HOSTILE_IMAGE}: {examples.HOSTILE_TAG}" in shown
    assert f"origin: {examples.HOSTILE_FORMULA}" in shown
    assert examples.HOSTILE_MARKDOWN in soup_of(tables.decisions_and_changes(examples.hostile())).get_text()


def test_indicators_stand_in_their_fixed_order():
    areas = [cell.get_text() for cell in soup_of(tables.indicators(examples.troubled())).select(".al-area")]
    assert areas == ["Speed", "People", "Complaints", "Business", "Model"]


def test_an_indicator_row_says_now_then_usual_target_state_and_what_is_behind():
    row = next(
        row
        for row in rows_of(tables.indicators(examples.troubled()))
        if row[0] == "Net saving USD per 1,000 flights"
    )
    assert row == [
        "Net saving USD per 1,000 flights",
        "689 593 to 785",
        "1,217",
        "840 – 1,690 5 months",
        "≥ 800",
        "",
        "▲ ACT below usual range, misses target",
        (
            "share of flights with claims 9.2 % → 7.6 % share of claims caught 31.8 % → 25.9 % (unusual) "
            "share of alerts that were right 31.8 % → 24.1 % (unusual)"
        ),
    ]


def test_what_is_not_measured_says_why_across_its_row():
    speed = rows_of(tables.indicators(examples.healthy()))[0]
    assert speed == [
        "Speed",
        "p95 under peak load",
        "Not measured: no request log configured",
        "○ not measured",
        "",
    ]


def test_no_cell_of_a_measured_indicator_is_empty():
    body = soup_of(tables.indicators(examples.troubled())).select("tbody tr")
    for row in body:
        cells = [cell for cell in row.find_all("td") if "al-behind" not in cell.get("class", [])]
        if len(cells) > 3:
            assert all(cell.get_text(strip=True) or cell.img for cell in cells)


def test_an_indicator_without_usual_range_says_why():
    report = examples.healthy()
    row = dataclasses.replace(
        report.indicators[-1], usual_range=None, usual_range_reason="there are 2 earlier months"
    )
    shown = rows_of(tables.indicators(dataclasses.replace(report, indicators=(row,))))
    assert shown[0][4] == "none yet there are 2 earlier months"


def test_last_months_number_names_its_version_when_another_one_scored_it():
    row = rows_of(tables.indicators(examples.version_change()))[-1]
    assert row[2] == "9.2 % scored by v1"


@pytest.mark.parametrize(
    ("name", "words", "look"),
    [
        ("healthy", "● Healthy", "al-verdict-ok"),
        ("troubled", "▲ Needs action", "al-verdict-act"),
        ("unjudged", "○ Cannot be judged", "al-verdict-unknown"),
    ],
)
def test_the_verdict_has_a_symbol_a_word_and_a_colour(name, words, look):
    verdict = soup_of(tables.title_block(examples.EXAMPLES[name]())).select_one(".al-verdict")
    assert verdict.get_text().startswith(words)
    assert look in verdict["class"]


def test_there_is_one_title():
    assert [h.get_text() for h in soup_of(tables.title_block(examples.healthy())).find_all("h1")] == [
        "Flight claims screening: health in September 2013"
    ]


def test_decisions_name_who_decides():
    first = soup_of(tables.decisions_and_changes(examples.troubled())).select_one("ol li")
    assert first.find("strong").get_text() == "▲ Lower the alert threshold for the autumn?"
    assert first.find("small").get_text() == "Owner: claims operations"


def test_no_decision_is_said_in_words():
    assert (
        "Nothing needs a decision this month."
        in soup_of(tables.decisions_and_changes(examples.healthy())).get_text()
    )


def test_what_cannot_be_shown_leaves_nothing_behind():
    report = examples.unjudged()
    empty = [block.__name__ for block in BLOCKS if not block(report).html]
    assert empty == [
        "performance",
        "calibration",
        "segments",
        "same_rows",
        "speed",
        "complaints",
        "decision_worth",
    ]


def test_the_same_rows_table_reads_the_difference():
    assert rows_of(tables.same_rows(examples.version_change()))[0] == [
        "Ranking quality (ROC AUC)",
        "0.758 0.747 to 0.769",
        "0.744 0.733 to 0.755",
        "+0.014 0.008 to 0.020",
        "✓ better",
    ]


def test_the_performance_table_reads_each_change():
    readings = {row[0]: row[-1] for row in rows_of(tables.performance(examples.troubled()))}
    assert readings["Precision at the alert threshold"] == "✗ worse"
    assert readings["Ranking quality (ROC AUC)"] == "● no clear change"
    assert readings["Outcome share"] == "◆ changed"


def test_a_check_without_usual_range_is_not_called_usual():
    assert rows_of(tables.quality(examples.unjudged())) == [
        ["Rows per day", "897", "no rows", "none yet", "○ no usual range yet"]
    ]


def test_a_contradiction_is_set_apart_as_a_flag():
    flag = soup_of(tables.model_against_business(examples.troubled())).p
    assert "al-flag" in flag["class"]
    assert flag.get_text().startswith("◆ Model better, business worse: ")
    assert "al-flag" not in soup_of(tables.model_against_business(examples.healthy())).p["class"]


def test_provenance_becomes_one_table_a_group():
    made = tables.provenance({"run": "r1", "packages": {"duckdb": "2.0.0"}, "data": {"a<b": "f00"}})
    assert [caption.get_text() for caption in soup_of(made).find_all("caption")] == [
        "Run",
        "Packages",
        "Data",
    ]
    assert rows_of(made) == [["run", "r1"], ["duckdb", "2.0.0"], ["a<b", "f00"]]


def test_parameters_are_shown_as_they_were_given():
    assert rows_of(tables.parameters({"period": "2013-09", "as_of": "", "n": 5, "flag": True})) == [
        ["period", "2013-09"],
        ["as_of", "(empty)"],
        ["n", "5"],
        ["flag", "True"],
    ]


def test_every_table_can_be_scrolled_and_named_by_keyboard_and_screen_reader():
    for block in BLOCKS:
        for box in soup_of(block(examples.served())).select("div.al-scroll"):
            assert box["role"] == "region"
            assert box["tabindex"] == "0"
            assert box["aria-label"] == box.caption.get_text()


# --- speed, complaints, decision worth ----------------------------------------------


def tables_of(markup):
    """Each table's heads, rows of cell texts and note, by its caption."""
    found = {}
    for box in soup_of(markup).select("div.al-scroll"):
        heads = [head.get_text() for head in box.select("thead th")]
        rows = [
            [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])]
            for row in box.select("tbody tr")
        ]
        note = box.find_next_sibling("p")
        found[box.caption.get_text()] = (heads, rows, note.get_text() if note else "")
    return found


def test_the_speed_tables_have_a_row_an_endpoint_with_its_requests_and_units():
    found = tables_of(tables.speed(examples.served()))
    assert found["Speed by endpoint"] == (
        ["Endpoint", "Requests", "p50", "p95", "p99", "No answer", "In time"],
        [
            ["score", "24,880", "441 ms", "702 ms", "2,655 ms", "52", "97.9 %"],
            ["document", "1,742", "612 ms", "880 ms", "1,210 ms", "0", "99.4 %"],
            ["similar", "117", "390 ms", "640 ms", "too few", "0", "98.3 %"],
        ],
        (
            "A request without an answer counts with the time limit of 10 s; in time is within 1 s. "
            "Too few: so few requests cannot show that quantile."
        ),
    )
    assert found["p95 by hour of the day"] == (
        ["Endpoint", "09 h", "14 h"],
        [["score", "◆ 2,388", "695"], ["document", "1,000", "–"], ["similar", "–", "–"]],
        "Milliseconds; ◆ above the promised 1,000 ms. All days of the month together.",
    )


def test_hours_with_too_few_requests_leave_no_table():
    report = examples.served()
    report = dataclasses.replace(report, speed=dataclasses.replace(report.speed, hours=()))
    assert list(tables_of(tables.speed(report))) == ["Speed by endpoint"]


def test_the_complaint_tables_show_themes_with_quotes_and_what_tickets_follow():
    found = tables_of(tables.complaints(examples.served()))
    assert found["What people write about"] == (
        ["Theme", "Tickets", "Share", "Usually", "In their words"],
        [
            [
                "too slow",
                "26",
                "60 %",
                "22 %",
                "“The wheel turned for two minutes on claim [number].” “We click on without it, [name].”",
            ],
            ["unexplained", "17", "40 %", "unknown", ""],
        ],
        "Flagged tickets only; themes are learned from labelled tickets. Names and numbers are masked.",
    )
    assert found["What such tickets follow"] == (
        ["Claims with", "Claims", "Flagged tickets", "Times as often as the others"],
        [
            ["a slow answer", "498", "18", "× 28.8 15.9 to 52.3"],
            ["a repeat click", "6", "6", "Every case with it brought one"],
        ],
        "One circumstance at a time: they overlap, and none of them need be the cause.",
    )


def test_a_month_without_a_flagged_ticket_says_so_instead_of_a_table():
    report = examples.served()
    calm = dataclasses.replace(report.complaints, themes=(), risks=(), themes_method="words")
    shown = soup_of(tables.complaints(dataclasses.replace(report, complaints=calm)))
    assert shown.get_text() == "No ticket was flagged."


def test_the_worth_of_decisions_adds_up_and_names_its_month_and_version():
    assert tables_of(tables.decision_worth(examples.served())) == {
        "What the decisions about 19,285 claims of September 2025 with a known outcome were worth": (
            ["Decision", "Per 1,000 claims", "Each, CHF", "Together, CHF"],
            [
                ["alert, and right", "49.7", "1,602", "79,620"],
                ["alert, and wrong", "42.0", "−32", "−1,344"],
                ["passed, and wrong", "37.3", "0", "0"],
                ["passed, and right", "871.0", "0", "0"],
                ["all", "1,000", "", "78,276"],
            ],
            "Scored by v2.",
        )
    }


def test_a_kind_of_decision_that_nobody_made_is_worth_nothing_each():
    report = examples.served()
    right, *others = report.decision_worth.cells
    none = dataclasses.replace(right, n=0, n_per_1000=0.0, value_per_1000=0.0)
    report = dataclasses.replace(
        report, decision_worth=dataclasses.replace(report.decision_worth, cells=(none, *others))
    )
    assert rows_of(tables.decision_worth(report))[0] == ["alert, and right", "0.0", "–", "0"]


def test_a_number_of_an_earlier_month_names_it_in_the_table_of_indicators():
    cells = [cell for row in rows_of(tables.indicators(examples.served())) for cell in row]
    assert [cell for cell in cells if "complete outcomes" in cell] == [
        "F1 at the alert threshold of September 2025, the last month with complete outcomes",
        "Calibration gap of September 2025, the last month with complete outcomes",
    ]


def test_only_numbers_outside_of_their_usual_range_are_marked_as_unusual():
    shown = soup_of(tables.indicators(examples.served()))
    marked = [span.parent.get_text() for span in shown.select("td.al-behind span.al-watch")]
    assert marked == ["share of irregularities caught stayed at 58.1 % (unusual)"]


@pytest.mark.parametrize("name", ["troubled", "version_change", "served", "hostile_served"])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_numbers_stand_in_columns_of_numbers(block, name):
    for table in soup_of(block(examples.EXAMPLES[name]())).find_all("table"):
        heads = ["al-number" in head.get("class", []) for head in table.select("thead th")]
        for row in table.select("tbody tr"):
            # Areas span several rows, and what is not measured spans columns.
            cells = [cell for cell in row.find_all(["th", "td"]) if "al-area" not in cell.get("class", [])]
            if any(cell.get("colspan") for cell in cells) or not heads:
                continue
            own = heads[-len(cells) :]
            for is_number, cell in zip(own, cells, strict=True):
                assert is_number == bool({"al-number", "al-why"} & set(cell.get("class", []))), cell


@pytest.mark.parametrize(
    "block", [tables.speed, tables.complaints, tables.decision_worth], ids=lambda block: block.__name__
)
def test_every_head_of_a_table_says_something(block):
    for heads, rows, _ in tables_of(block(examples.served())).values():
        assert all(heads)
        assert {len(row) for row in rows} == {len(heads)}


@pytest.mark.parametrize(
    "text",
    [
        examples.HOSTILE_TAG,
        examples.HOSTILE_MARKDOWN,
        examples.HOSTILE_MATH,
        examples.HOSTILE_LENGTH,
        examples.RIGHT_TO_LEFT,
    ],
    ids=["tag", "Markdown", "mathematics", "far too long", "right to left"],
)
def test_whatever_an_endpoint_or_a_ticket_is_called_stands_in_its_cell_as_it_is(text):
    report = examples.hostile_served()
    heads = [cell.get_text() for cell in soup_of(tables.speed(report)).select("tbody th")]
    assert heads.count(text) == 2
    shown = soup_of(tables.complaints(report))
    said = [cell.get_text() for cell in shown.select(".al-quote")] + [
        f"“{cell.get_text()}”" for cell in shown.select("tbody th")
    ]
    assert f"“{text}”" in said


def test_a_unit_and_a_version_of_decisions_are_only_text():
    shown = soup_of(tables.decision_worth(examples.hostile_served()))
    assert shown.find_all("th")[2].get_text() == f"Each, {examples.HOSTILE_TAG}"
    assert shown.p.get_text() == f"Scored by {examples.HOSTILE_MARKDOWN}."
