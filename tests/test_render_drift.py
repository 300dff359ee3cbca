"""Every word, table and key of the drift report.

The expected texts lie in ``tests/golden``. After a wanted change of words, run this module once with
``AFTERLAUNCH_GOLDEN=write`` and read the diff.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import typing
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import drift_examples as examples
from afterlaunch.drift_report import DriftReport, Performance
from afterlaunch.errors import ParameterError
from afterlaunch.findings import Severity
from afterlaunch.input_changes import ChangeKind
from afterlaunch.records import to_plain
from afterlaunch.render import drift_sections, drift_sentences, drift_tables, performance_sentences
from afterlaunch.render.clean_html import clean_html
from afterlaunch.render.drift_result import DriftResult
from afterlaunch.render.harm_sentences import explained_part, suspects
from afterlaunch.render.input_sentences import (
    change_in_words,
    input_state,
    levels,
    since_in_words,
    state_reason,
)
from afterlaunch.since_when import Onset, OnsetKind
from afterlaunch.windows import Window

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(set(examples.EXAMPLES) - {"hostile"})
SENTENCES = (
    drift_sentences.headline,
    drift_sentences.what_to_do,
    drift_sentences.title_line,
    drift_sentences.inputs,
    drift_sentences.stood_still,
    drift_sentences.adds_up,
    drift_sentences.performance,
    drift_sentences.segments,
    drift_sentences.relations,
    drift_sentences.comparison,
    drift_sentences.cannot_tell,
    drift_sentences.health_section,
    drift_sections.effects_title,
    performance_sentences.ranking_title,
    performance_sentences.calibration_title,
)
TABLES = (
    drift_tables.title_block,
    drift_tables.inputs,
    drift_tables.brief,
    drift_tables.adds_up,
    drift_tables.model,
    drift_tables.segments,
    drift_tables.relations,
    drift_tables.distances,
)


def lines_of(told):
    return list(told) if isinstance(told, tuple) else told.split("\n")


def without_style(markup):
    return re.sub(r"<style>.*?</style>", "", markup._repr_html_(), flags=re.DOTALL)


def soup_of(markup):
    return BeautifulSoup(without_style(markup), "html.parser")


def text_of(tag):
    return " ".join(tag.get_text(" ").split())


def table_lines(markup):
    """A block as text: a line a row, cells apart."""
    soup = soup_of(markup)
    rows = [" | ".join(text_of(cell) for cell in row.find_all(["th", "td"])) for row in soup.find_all("tr")]
    beside = [text_of(one) for one in soup.select("h1, header p, caption, summary, .al-note")]
    return [*beside, *rows]


def row_of(markup, name):
    """The cells of the row with a name, as texts."""
    found = [row for row in soup_of(markup).select("tbody tr") if text_of(row.find("th")) == name]
    return [text_of(cell) for cell in found[0].find_all(["th", "td"])]


def every_word(report):
    """All generated words of a report, under the name of the function that wrote them."""
    blocks = {made.__name__: lines_of(made(report)) for made in SENTENCES}
    blocks |= {f"table {made.__name__}": table_lines(made(report)) for made in TABLES}
    return "".join(
        "\n".join((f"{name}:", *(f"  {line}" for line in lines))) + "\n\n" for name, lines in blocks.items()
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_word_of_a_report_is_as_expected(name):
    words = every_word(examples.EXAMPLES[name]())
    path = GOLDEN / f"drift_{name}.txt"
    if os.environ.get("AFTERLAUNCH_GOLDEN") == "write":
        path.write_text(words, encoding="utf-8", newline="\n")
    assert words == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_has_a_slip_of_the_pen(name):
    words = every_word(examples.EXAMPLES[name]())
    slips = (
        r"\bnan\b|\binf\b|\bNone\b(?! of)|\w  \w|\.\.|,,|;;| ,| ;| \.(?!\d)|−0\.0+\b|\b1 \w+s (?:were|are)\b"
    )
    assert re.findall(rf"{slips}|\(\)|: \.|\bAll [12]\b", words) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_plain_part_of_the_page_uses_no_jargon(name):
    report = examples.EXAMPLES[name]()
    plain = " ".join(str(made(report)) for made in SENTENCES)
    plain += " ".join(
        " ".join(table_lines(made(report))) for made in TABLES if made is not drift_tables.distances
    )
    assert re.findall(r"PSI|\bKS\b|Wasserstein|Jensen|\bECE\b|FDR|covariate", plain) == []


# --- the verdict ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "severity", "start"),
    [
        ("quiet", Severity.OK, "All quiet: nothing moved that matters to this model. "),
        ("harm_with_mix", Severity.ACT, "Simulated data. Act: the model sorts claims worse than before "),
        (
            "harm_with_weather",
            Severity.ACT,
            "Act: irregularities came 1.51 times as often as the scores promise; ",
        ),
        (
            "unit_change",
            Severity.ACT,
            "Act: the model raises 129 alerts per 1,000 claims, 96 in the months before; ",
        ),
        ("no_outcomes", Severity.WATCH, "Watch: decisions change because of n_contacts ("),
        ("late_outcomes", Severity.OK, "All quiet: so far nothing moved that matters to this model. "),
        ("nothing_judged", Severity.UNKNOWN, "Cannot be judged: "),
    ],
)
def test_the_headline_begins_with_the_verdict_and_who_suffers_what(name, severity, start):
    report = examples.EXAMPLES[name]()
    assert report.verdict.severity is severity
    assert drift_sentences.headline(report).startswith(start)


@pytest.mark.parametrize("name", NAMES)
def test_what_to_do_is_said_exactly_when_something_is_to_be_done(name):
    report = examples.EXAMPLES[name]()
    told = drift_sentences.what_to_do(report)
    assert bool(told) is (report.verdict.severity in {Severity.WATCH, Severity.ACT})
    assert "\n" not in told
    assert ("What to do: " in text_of(soup_of(drift_tables.title_block(report)))) is bool(told)


@pytest.mark.parametrize(
    "name", ["harm_with_mix", "harm_with_weather", "harm_without_suspects", "estimated_fall"]
)
def test_while_performance_suffers_nothing_that_moved_is_called_harmless(name):
    assert "harmless" not in every_word(examples.EXAMPLES[name]())


def test_suspects_moved_in_the_month_in_which_performance_changed_used_or_not():
    assert [row.name for row in suspects(examples.harm_with_mix())] == ["cause", "product"]


def test_without_unusual_inputs_those_that_moved_most_are_looked_at():
    assert [row.name for row in suspects(examples.harm_with_weather())] == ["temp", "dewp"]


def test_what_moved_after_performance_changed_is_no_suspect():
    assert suspects(examples.harm_without_suspects()) == ()
    assert [row.name for row in suspects(examples.late_harm())] == ["channel"]


def test_nothing_is_suspected_while_performance_holds():
    assert suspects(examples.unit_change()) == ()


def test_an_input_that_the_model_hardly_uses_cannot_be_behind_an_estimate_from_scores():
    assert suspects(examples.estimated_fall()) == ()


@pytest.mark.parametrize(
    ("explained", "words"),
    [
        (3.51, "all of"),
        (2.9, "all of"),
        (2.2, "most of"),
        (1.77, "about half of"),
        (0.9, "part of"),
        (-1.0, "part of"),
    ],
)
def test_a_mix_explains_all_most_half_or_part(explained, words):
    assert explained_part(dataclasses.replace(examples.BATTERY_MIX, explained_pp=explained)) == words


def test_a_mix_that_makes_outcomes_rarer_is_told_the_other_way_round():
    mix = dataclasses.replace(
        examples.BATTERY_MIX,
        share_before=0.124,
        share_after=0.01,
        change_pp=-3.2,
        explained_pp=-3.5,
        gap_pp=30.0,
    )
    report = examples.harm_with_mix()
    report = dataclasses.replace(report, segments=dataclasses.replace(report.segments, mix=(mix,)))
    assert drift_sentences.headline(report).endswith(
        "Claims with cause “battery” fell from 12.4 % to 1.0 % of all; the model expects too little there, which "
        "alone explains all of the missing irregularities."
    )


def test_outcomes_far_from_promised_are_told_even_when_months_differ_as_much():
    told = drift_sentences.headline(examples.far_from_promised())
    assert "But irregularities came only 0.57 times as often as the scores promise" in told
    wide = examples.report(
        model_findings=(examples.ranking(), examples.calibration(0.76, 1.33, bounds=(2.5, 2.5), half=0.4))
    )
    assert "not clearly less often than the scores promise (0.76 times, 95 % interval 0.36 to 1.16)" in (
        drift_sentences.headline(wide)
    )


def test_an_estimate_that_missed_without_a_fall_is_not_called_concept_drift():
    report = examples.report(
        performance=Performance(
            months=(*examples.EARLIER, examples.month("2025-03", 0.90)), n_inside=11, n_past=12
        )
    )
    told = drift_sentences.performance(report)
    assert "outside that interval, though by no more than is usual between months" in told
    assert "concept drift" not in told


def test_how_often_the_outcome_came_is_told_apart_from_scores():
    report = examples.harm_with_mix()
    *earlier, now = report.performance.months
    months = [dataclasses.replace(month, outcome_share=0.08, n=1_000) for month in earlier[1:]]
    months.insert(0, dataclasses.replace(earlier[0], outcome_share=0.10, n=1_000))
    months.append(dataclasses.replace(now, outcome_share=0.123))
    performance = dataclasses.replace(report.performance, months=tuple(months))
    told = drift_sentences.performance(dataclasses.replace(report, performance=performance))
    usual = 100 * (0.08 * len(earlier) + 0.02) / len(earlier)
    expected = f"irregularities came in 12.3 % of claims, in {usual:.1f} % in the months before."
    assert f"Whatever the scores: {expected}" in told
    assert "Whatever the scores" not in drift_sentences.performance(report)


def test_the_health_report_tells_the_same_verdict():
    report = examples.harm_with_mix()
    told = drift_sentences.health_section(report)
    assert drift_sentences.verdict_story(report) in told
    assert told.endswith(f"What to do: {drift_sentences.what_to_do(report)}")
    assert drift_sentences.health_section(None) == (
        "What moved in the inputs was not looked at: that is the drift report's work (afterlaunch run drift)."
    )


# --- inputs --------------------------------------------------------------------------------------------------------


def test_every_kind_of_change_has_its_words():
    assert {change.kind for change in examples.KINDS} == set(typing.get_args(ChangeKind))
    told = "".join(f"{one.kind}: {change_in_words(one, case_noun='claims')}\n" for one in examples.KINDS)
    path = GOLDEN / "drift_change_kinds.txt"
    if os.environ.get("AFTERLAUNCH_GOLDEN") == "write":
        path.write_text(told, encoding="utf-8", newline="\n")
    assert told == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ((62.345, 45.1), ("62.3", "45.1")),
        ((12_300.0, 123.0), ("12,300", "123")),
        ((0.01231, 0.00504), ("0.0123", "0.0050")),
        ((1_018.4, 1_018.1), ("1,018.4", "1,018.1")),
        ((-999.0,), ("−999",)),
        ((0.0,), ("0",)),
        ((2.0, 3.0), ("2", "3")),
        ((1e-9, 0.0), ("0.000000", "0.000000")),
    ],
)
def test_levels_keep_three_digits_and_look_different_where_they_are(values, written):
    assert levels(*values) == written


@pytest.mark.parametrize(
    ("onset", "words"),
    [
        (None, ""),
        (Onset(kind=OnsetKind.CANNOT_TELL, reason="x"), ""),
        (Onset(kind=OnsetKind.LAST_MONTH, since="2025-03"), "new in March"),
        (Onset(kind=OnsetKind.STEP, since="2024-11"), "since November 2024"),
        (Onset(kind=OnsetKind.DRIFT, since="2025-01"), "gradually since January"),
    ],
)
def test_since_when_is_told_as_step_drift_or_news(onset, words):
    assert since_in_words(onset, Window.parse("2025-03")) == words


@pytest.mark.parametrize(
    ("row", "word", "reason"),
    [
        (examples.STILL[0], "stood still", "did not move"),
        (examples.harm_with_weather().inputs[0], "as usual", "hardly more than in other months: chance among 5 inputs"),
        (examples.harm_with_weather().inputs[1], "as usual", "no more than in other months"),
        (examples.season().inputs[0], "as last year", "the same as in March 2024: the season's"),
        (examples.season().inputs[1], "as last year", "as it was in March 2024"),
        (
            examples.harmless().inputs[0],
            "moved, hardly used",
            "the model hardly uses it (0.2 % of what sets scores apart)",
        ),
        (examples.harmless().inputs[1], "moved, harmless", "it hardly moves decisions"),
        (
            examples.unit_change().inputs[0],
            "ACT",
            "the model has not met such values (100.0 % of claims), and uses this input",
        ),
        (examples.no_outcomes().inputs[0], "WATCH", "beyond the usual, and worth 15 % of the usual alerts"),
        (examples.unknown_effects().inputs[0], "not judged", "what the model makes of it is not known"),
        (examples.unknown_effects().inputs[2], "not judged", "rests on 300 claims, 500 are needed"),
        (
            examples.new_version().inputs[0],
            "moved, below the limit",
            "too few months say what is usual; below the limit for that case",
        ),
    ],
)  # fmt: skip
def test_an_input_has_a_state_and_a_reason(row, word, reason):
    report = dataclasses.replace(examples.harm_with_weather(), last_year="2024-03")
    assert input_state(row).word == word
    assert state_reason(row, report) == reason


def test_an_input_row_says_what_happened_its_effect_what_is_usual_since_when_and_its_state():
    assert row_of(drift_tables.inputs(examples.harm_with_weather()), "temp") == [
        "temp",
        "73.9 on average, up from 46.5; closer together",
        "+44.2 41.3 to 47.1",
        "+2.21 pp",
        "+46 % alerts usual up to ±45 %",
        "gradually since January",
        "● as usual hardly more than in other months: chance among 5 inputs look here first",
    ]


def test_inputs_that_stood_still_are_named_in_one_line_and_have_no_row():
    report = examples.harm_with_weather()
    assert drift_sentences.stood_still(report) == "2 inputs stood still: claim_amount, n_photos."
    assert names_of(drift_tables.inputs(report)) == ["temp", "humid", "dewp"]


def test_more_than_a_dozen_moved_inputs_are_folded_away():
    soup = soup_of(drift_tables.inputs(examples.every_kind()))
    assert len(soup.find("tbody").find_all("tr")) == 12
    assert text_of(soup.find("summary")) == "13 more inputs that moved"
    assert len(soup.find("details").select("tbody tr")) == 13


def names_of(markup):
    return [text_of(row.find("th")) for row in soup_of(markup).select("tbody tr")]


def test_the_health_reports_table_holds_five_inputs_suspects_first():
    assert len(names_of(drift_tables.brief(examples.every_kind()))) == 5
    assert names_of(drift_tables.brief(examples.harm_with_weather())) == ["temp", "dewp", "humid"]


def test_an_effect_that_is_not_known_is_no_zero():
    assert row_of(drift_tables.inputs(examples.unknown_effects()), "cause")[2] == "Not known"


# --- the sum -------------------------------------------------------------------------------------------------------


def test_parts_add_up_to_the_whole_change():
    soup = soup_of(drift_tables.adds_up(examples.harm_with_weather()))
    rows = [[text_of(cell) for cell in row.find_all(["th", "td"])] for row in soup.select("tbody tr")]
    numbers = [float(row[1].replace("−", "-").replace("+", "")) for row in rows]
    assert rows[-1][0] == "change together"
    assert math.fsum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.3)


def test_inputs_are_no_parts_where_their_effects_are_over_other_months():
    rows = soup_of(drift_tables.adds_up(examples.new_version())).select("tbody tr")
    assert [text_of(row.find("th")) for row in rows] == [
        "all inputs, one at a time",
        "unexplained",
        "change together",
    ]


@pytest.mark.parametrize(
    ("score", "alerts", "words"),
    [
        (0.95, 0.92, "closely"),
        (0.95, 0.8, "fairly well"),
        (0.95, 0.3, "only roughly"),
        (0.95, -0.1, "only roughly"),
    ],
)
def test_how_well_inputs_explain_the_model_is_said_in_words(score, alerts, words):
    made = dataclasses.replace(examples.DECOMPOSITION, fidelity_score=score, fidelity_alerts=alerts)
    assert f"explain the model {words}: " in drift_sentences.adds_up(examples.report(decomposition=made))


def test_scores_that_are_all_alike_leave_nothing_to_explain():
    made = dataclasses.replace(examples.DECOMPOSITION, fidelity_score=None, fidelity_alerts=None)
    assert "Scores hardly differ" in drift_sentences.adds_up(examples.report(decomposition=made))


# --- relations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relations", "ending"),
    [
        (
            examples.related(examples.pair("a", "b", 0.6, 0.1), value=0.5),
            "The model may meet combinations that it has not learnt.",
        ),
        (
            examples.related(examples.pair("a", "b", 0.6, 0.1, usual=None)),
            "Too few months say how much that changes anyway, so it is no alarm.",
        ),
        (
            examples.related(examples.pair("a", "b", 0.6, 0.1), is_harmless=True),
            "The model hardly uses them together.",
        ),
        (
            examples.related(examples.pair("a", "b", 0.6, 0.48), value=0.12),
            "That is too little for an alarm.",
        ),
    ],
)
def test_a_changed_relation_is_an_alarm_only_where_the_finding_is_one(relations, ending):
    told = drift_sentences.relations(examples.report(relations=relations))
    assert told.startswith("1 of 325 pairs no longer belongs together as before: a and b (correlation ")
    assert told.endswith(ending)


# --- tables: nothing from data becomes a tag -----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
@pytest.mark.parametrize("block", TABLES, ids=lambda block: block.__name__)
def test_cleaning_takes_nothing_from_a_table_and_nothing_from_data_becomes_a_tag(block, name):
    html = without_style(block(examples.EXAMPLES[name]()))
    given, cleaned = BeautifulSoup(html, "html.parser"), BeautifulSoup(clean_html(html), "html.parser")
    assert not given.find_all(["script", "iframe", "a", "img"])
    assert [(tag.name, tag.attrs) for tag in cleaned.find_all(True)] == [
        (tag.name, tag.attrs) for tag in given.find_all(True)
    ]


def test_hostile_names_are_shown_as_they_are():
    report = examples.hostile()
    shown = soup_of(drift_tables.inputs(report)).get_text()
    assert examples.HOSTILE_TAG in shown
    assert f"new category “{examples.HOSTILE_IMAGE}”" in shown
    assert (
        f"{examples.HOSTILE_TAG} and {examples.HOSTILE_IMAGE}"
        in soup_of(drift_tables.relations(report)).get_text()
    )
    for made in (drift_sentences.headline, drift_sentences.what_to_do, drift_sentences.segments):
        assert "<script>" in made(report) or made is drift_sentences.what_to_do
        assert "<script>" not in made(report)._repr_html_()


# --- JSON ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_a_result_comes_back_from_json_as_it_was(name):
    result = DriftResult(report=examples.EXAMPLES[name](), data={"log.parquet": "ab" * 32})
    text = json.dumps(result.to_json(), allow_nan=False)
    back = DriftResult.from_json(json.loads(text))
    assert back.to_json() == result.to_json()
    assert back.report.verdict == result.report.verdict
    assert back.data == result.data


def test_a_result_says_verdict_findings_inputs_suspects_and_limits():
    made = DriftResult(report=examples.harm_with_mix(), data={}).to_json()
    report = examples.harm_with_mix()
    assert (made["schema_version"], made["model"], made["period"], made["severity"]) == (
        1,
        "claims_screening",
        "2025-03",
        "act",
    )
    assert made["headline"] == drift_sentences.headline(report)
    assert made["suspects"] == ["cause", "product"]
    assert [one["code"] for one in made["findings"]][:2] == ["drift.ranking", "drift.calibration"]
    assert len(made["findings"]) == len(report.findings)
    assert made["moved_inputs"][0] == {
        "name": "cause",
        "state": "harmless",
        "severity": "ok",
        "what_happened": "“battery” in 12.4 % of claims, 1.0 % before",
        "state_in_words": "moved, hardly used",
        "reason": "the model hardly uses it (0.0 % of what sets scores apart)",
        "alerts_per_1000": -1.3,
        "mean_score": -0.00065,
    }
    assert made["cannot_tell"] == list(drift_sentences.cannot_tell(report))


def test_a_result_of_another_schema_is_refused():
    made = DriftResult(report=examples.quiet(), data={}).to_json()
    del made["report"]["inputs"]
    with pytest.raises(ParameterError, match="inputs"):
        DriftResult.from_json(made)


def test_the_examples_show_every_part_of_a_report():
    """Every field of the report has a value that is not empty in one example at least."""
    seen = [to_plain(made()) for made in examples.EXAMPLES.values()]
    empty = [
        field.name
        for field in dataclasses.fields(DriftReport)
        if not any(one[field.name] not in (None, "", [], False) for one in seen)
    ]
    assert empty == []
