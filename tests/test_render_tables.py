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


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_cleaning_takes_nothing_from_a_table_but_the_style_for_notebooks(block):
    html = re.sub(r"<style>.*?</style>", "", block(examples.troubled()).html, flags=re.DOTALL)
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
    assert empty == ["performance", "calibration", "segments", "same_rows"]


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
    for block in (tables.indicators, tables.performance, tables.segments, tables.quality):
        box = soup_of(block(examples.troubled())).select_one("div.al-scroll")
        assert box["role"] == "region"
        assert box["tabindex"] == "0"
        assert box["aria-label"] == box.caption.get_text()
