"""Every word of the monthly health report.

The expected texts lie in ``tests/golden``. After a wanted change of words, run this module once with
``AFTERLAUNCH_GOLDEN=write`` and read the diff.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
from pathlib import Path

import pytest

import health_examples as examples
from afterlaunch.findings import Severity, Verdict
from afterlaunch.render import section_sentences, sentences
from afterlaunch.render.indicator_sentences import statement

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("healthy", "troubled", "version_change", "unjudged")


def every_word(report):
    """All generated sentences of a report, under the name of the function that wrote them."""
    blocks = {
        "headline": [sentences.headline(report)],
        "title_line": [sentences.title_line(report)],
        "decisions": [f"{d.question} {d.reason} [{d.owner}]" for d in sentences.decisions(report)],
        "changes": list(sentences.changes(report)),
        "state_reason": [
            f"{row.title}: {sentences.state_reason(row, case_noun=report.case_noun)}"
            for row in report.indicators
        ],
        "performance": [sentences.performance(report)],
        "same_rows": [sentences.same_rows(report)],
        "calibration": [sentences.calibration(report)],
        "segments": [sentences.segments(report)],
        "quality": [sentences.quality(report)],
        "business": sentences.business(report).split("\n"),
        "model_against_business": [sentences.model_against_business(report)],
        "cannot_tell": list(sentences.cannot_tell(report)),
        "trend_title": [section_sentences.trend_title(report)],
        "calibration_title": [section_sentences.calibration_title(report)],
        "segments_title": [section_sentences.segments_title(report)],
        "kpi_title": [
            section_sentences.kpi_title(row) for row in report.indicators if row.area == "Business"
        ],
    }
    return (
        "\n\n".join(
            "\n".join((f"{name}:", *(f"  {line}" for line in lines))) for name, lines in blocks.items()
        )
        + "\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_word_of_a_report_is_as_expected(name):
    words = every_word(examples.EXAMPLES[name]())
    path = GOLDEN / f"health_{name}.txt"
    if os.environ.get("AFTERLAUNCH_GOLDEN") == "write":
        path.write_text(words, encoding="utf-8", newline="\n")
    assert words == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_has_a_slip_of_the_pen(name):
    words = every_word(examples.EXAMPLES[name]())
    slips = re.findall(r"nan\b|None|  \w+ +  |\.\.|,,| ,| \.(?!\d)|-0\.0|\b1 \w+s were\b|sigma", words)
    assert slips == []


def changed(report, code, **parts):
    """The report with one indicator changed, its verdict and decisions following."""
    rows = tuple(dataclasses.replace(row, **parts) if row.code == code else row for row in report.indicators)
    return dataclasses.replace(report, indicators=rows, verdict=Verdict.of(row.finding for row in rows))


def test_counts_leave_out_states_that_no_indicator_is_in():
    assert sentences.verdict_counts(examples.healthy()) == "6 as usual, 3 not measured"


def test_an_indicator_with_a_value_but_nothing_to_hold_it_against_is_not_judged():
    report = examples.healthy()
    row = report.indicator("model.alert_share")
    threshold = dataclasses.replace(row.finding.threshold, usual_range=None)
    report = changed(
        report, row.code, finding=dataclasses.replace(row.finding, threshold=threshold), usual_range=None
    )
    assert sentences.verdict_counts(report) == "5 as usual, 1 not judged, 3 not measured"
    assert statement(report.indicator(row.code), report).endswith(
        "There is neither a usual range nor a target yet."
    )
    assert (
        sentences.state_reason(report.indicator(row.code), case_noun="flights")
        == "no usual range yet, no target set"
    )


def test_too_few_rows_are_the_reason_when_an_indicator_is_not_judged():
    row = examples.healthy().indicator("model.roc_auc")
    threshold = dataclasses.replace(row.finding.threshold, min_n=100_000)
    row = dataclasses.replace(row, finding=dataclasses.replace(row.finding, threshold=threshold))
    assert row.severity is Severity.UNKNOWN
    assert sentences.state_reason(row, case_noun="flights") == "rests on 26,903 flights, 100,000 are needed"


def test_better_than_usual_is_said_and_is_no_reason_to_act():
    report = examples.healthy()
    row = report.indicator("model.roc_auc")
    measurement = dataclasses.replace(row.finding.measurement, value=0.81)
    row = dataclasses.replace(row, finding=dataclasses.replace(row.finding, measurement=measurement))
    assert row.severity is Severity.OK
    assert sentences.state_reason(row, case_noun="flights") == "better than usual range, meets target"
    assert statement(row, report) == (
        "Ranking quality (ROC AUC) rose from 0.736 in August to 0.810. That is better than its usual range of "
        "0.701 – 0.772 and meets its target of at least 0.700."
    )


def test_eight_months_on_one_side_are_told():
    report = changed(examples.healthy(), "model.roc_auc", run_of_eight=True)
    row = report.indicator("model.roc_auc")
    assert statement(row, report).endswith(
        "It has been eight months in a row on the same side of the usual middle: small, but no longer chance."
    )


def test_a_number_that_looks_the_same_stayed():
    row = examples.healthy().indicator("model.roc_auc")
    report = changed(
        examples.healthy(), row.code, previous=dataclasses.replace(row.finding.measurement, value=0.7412)
    )
    assert statement(report.indicator(row.code), report).startswith(
        "Ranking quality (ROC AUC) stayed at 0.741. "
    )


def test_a_target_that_usual_months_do_not_reach_is_called_so():
    report = examples.troubled()
    row = report.indicator("business.net_saving")
    threshold = dataclasses.replace(row.finding.threshold, target_range=examples.Range(lower=2_000.0))
    report = changed(report, row.code, finding=dataclasses.replace(row.finding, threshold=threshold))
    assert (
        sentences.business(report)
        .split("\n")[2]
        .endswith("Usual months do not reach the target: it stays missed until something is changed.")
    )


def test_a_miss_within_the_usual_range_is_put_in_proportion():
    report = examples.healthy()
    row = report.indicator("business.net_saving")
    threshold = dataclasses.replace(row.finding.threshold, target_range=examples.Range(lower=1_200.0))
    report = changed(report, row.code, finding=dataclasses.replace(row.finding, threshold=threshold))
    assert (
        sentences.business(report)
        .split("\n")[2]
        .endswith(
            "That is within its usual range of 840 – 1,690 but misses its target of at least 1,200. "
            "Some usual months miss the target, so one miss alone says little."
        )
    )


@pytest.mark.parametrize(
    ("signal", "ending"),
    [
        ("both", "Both left their usual range (both signals): find out why before trusting either."),
        (
            "kpi_only",
            "Only the business number left its usual range (KPI signal only): look beyond the model.",
        ),
        (
            "model_only",
            "Only the model's number left its usual range (model signal only): no business signal yet.",
        ),
        ("routine", "Both stayed within their usual ranges (both routine): mention it, do not act."),
    ],
)
@pytest.mark.parametrize("is_reverse", [False, True])
def test_model_and_business_going_opposite_ways_is_a_flag(signal, ending, is_reverse):
    report = examples.troubled()
    pair = dataclasses.replace(report.model_against_business, signal=signal)
    if is_reverse:
        pair = dataclasses.replace(pair, model_step=pair.kpi_step, kpi_step=pair.model_step)
    told = sentences.model_against_business(dataclasses.replace(report, model_against_business=pair))
    start = "Model worse, business better: " if is_reverse else "Model better, business worse: "
    assert told.startswith(start)
    assert told.endswith(ending)


@pytest.mark.parametrize(("signal", "is_told"), [("kpi_only", True), ("routine", False)])
def test_the_headline_tells_of_a_contradiction_only_when_it_is_no_routine(signal, is_told):
    report = examples.troubled()
    pair = dataclasses.replace(report.model_against_business, signal=signal)
    told = sentences.headline(dataclasses.replace(report, model_against_business=pair))
    assert ("Model better, business worse" in told) is is_told


def test_a_move_too_small_to_be_seen_is_no_contradiction():
    report = examples.troubled()
    pair = report.model_against_business
    still = dataclasses.replace(pair, model=dataclasses.replace(pair.model, before=pair.model.after - 1e-6))
    told = sentences.model_against_business(dataclasses.replace(report, model_against_business=still))
    assert told.startswith(
        "Model and business do not contradict each other: Ranking quality (ROC AUC) stayed at 0.741;"
    )


def test_a_month_of_another_year_is_named_with_its_year():
    january = examples.Window.parse("2014-01")
    report = dataclasses.replace(
        examples.healthy(), window=january, judged_window=january, previous_window=january.previous()
    )
    assert "rose from 0.736 in December 2013 to 0.741" in statement(report.indicator("model.roc_auc"), report)


def test_what_else_moved_is_counted_when_it_is_not_named():
    report = dataclasses.replace(examples.troubled(), changes=())
    assert sentences.changes(report)[-1] == "3 more numbers lie outside of their usual range; see the tables."


def test_a_change_within_its_usual_range_is_called_so_and_nothing_left_it():
    background = examples.change("model.mean_score", "mean score", 0.101, 0.099, bounds=(0.08, 0.12))
    report = dataclasses.replace(examples.healthy(), changes=(background,))
    assert sentences.changes(report) == (
        "Mean score 10.1 % → 9.9 %, within its usual range (8.0 – 12.0 %).",
        "Nothing left its usual range.",
    )


def test_a_title_that_names_its_unit_is_not_followed_by_it():
    told = sentences.change_in_words(
        examples.change("x.alerts", "alerts per 1,000 flights", 50.5, 91.3, unit="per 1,000 flights")
    )
    assert told == "alerts per 1,000 flights 50.5 → 91.3"


def use(name, *, n=1_000, share=1.0, first=1, last=30):
    return dataclasses.replace(
        examples.V1,
        name=name,
        n=n,
        share=share,
        first_on=dt.date(2013, 9, first),
        last_on=dt.date(2013, 9, last),
    )


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ([use("v1")], [use("v1")], ""),
        ([use("v1")], [use("v2", n=1)], "v2 took over from v1 and scored all 1 flight."),
        (
            [use("v1")],
            [use("v1", share=0.9), use("v2", n=120, share=0.1, first=18)],
            "New this month: v2 (120 flights, 10 %, since 18 September). August was scored by v1.",
        ),
        (
            [use("v1", share=0.6), use("v2", share=0.4)],
            [use("v2")],
            "v1 no longer scored any flights; all were scored by v2.",
        ),
        (
            [use("v1", share=0.9), use("v2", share=0.1)],
            [use("v1", share=0.5), use("v2", share=0.5)],
            "The versions share the work differently: v1 50 % (was 90 % in August) and v2 50 % (was 10 % in August).",
        ),
        ([use("v1", share=0.52), use("v2", share=0.48)], [use("v1", share=0.5), use("v2", share=0.5)], ""),
    ],
)
def test_a_change_of_versions_is_told_before_anything_else(before, now, told):
    report = dataclasses.replace(examples.healthy(), previous_versions=tuple(before), versions=tuple(now))
    assert sentences.changes(report)[0] == (told or "Nothing left its usual range.")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (use("v2", share=0.1), "v2 on 10 % all month"),
        (use("v2", share=0.1, first=18), "v2 on 10 % since 18 September"),
        (use("v2", share=0.1, last=12), "v2 on 10 % until 12 September"),
        (use("v2", share=0.001, first=3, last=4), "v2 on under 1 % from 3 September to 4 September"),
    ],
)
def test_the_title_line_says_which_versions_scored_when(other, words):
    report = dataclasses.replace(examples.healthy(), versions=(use("v1", share=0.9), other))
    assert sentences.title_line(report).startswith(f"scored by v1 ({words}) · ")


def test_the_title_line_says_when_no_outcome_of_the_month_is_complete():
    report = dataclasses.replace(examples.healthy(), outcomes_complete_until=dt.date(2013, 9, 1))
    assert "no outcomes of September 2013 complete yet" in sentences.title_line(report)
    report = dataclasses.replace(examples.healthy(), outcomes_complete_until=None)
    assert "no outcomes known" in sentences.title_line(report)


def compared(now, before, *, direction="higher_is_better", half=0.01, difference=None):
    return examples.Comparison(
        title="measure",
        current=examples.known("m", now, half=half),
        previous=None if before is None else examples.known("m", before, half=half),
        direction=direction,
        difference=difference,
    )


@pytest.mark.parametrize(
    ("row", "reading"),
    [
        (compared(0.75, 0.72), "better"),
        (compared(0.72, 0.75), "worse"),
        (compared(0.72, 0.75, direction="lower_is_better"), "better"),
        (compared(0.75, 0.72, direction="inside_is_better"), "changed"),
        (compared(0.75, 0.735), "no clear change"),
        (compared(0.75, None), "no clear change"),
        (compared(0.75, 0.72, half=None), "no clear change"),
        (compared(0.75, 0.745, difference=examples.known("m", 0.005, half=0.002)), "better"),
        (compared(0.75, 0.70, difference=examples.known("m", 0.05, half=0.06)), "no clear change"),
        (compared(0.75, 0.70, difference=examples.known("m", 0.05)), "no clear change"),
    ],
)
def test_a_difference_is_clear_only_beyond_its_interval(row, reading):
    assert section_sentences.reading(row) == reading


def test_a_calibration_without_intervals_is_not_judged():
    report = examples.healthy()
    bins = tuple(dataclasses.replace(one, ci_lower=None, ci_upper=None) for one in report.calibration.bins)
    gap = dataclasses.replace(report.calibration.gap, ci_lower=None, ci_upper=None)
    found = dataclasses.replace(report.calibration, bins=bins, gap=gap, slope=None)
    told = sentences.calibration(dataclasses.replace(report, calibration=found))
    assert told == (
        "Predicted and observed shares: the share that happened minus the share predicted is +0.2 percentage points, "
        "or 1.02 outcomes for each one expected."
    )


def test_more_than_two_worse_segments_are_left_to_the_table():
    report = examples.troubled()
    worst = report.segments.shown[0]
    found = dataclasses.replace(report.segments, shown=(worst,) * 4, n_worse=4)
    told = sentences.segments(dataclasses.replace(report, segments=found))
    assert told.count("carrier EV") == 2
    assert " The table names 2 more." in told


def test_not_every_unusual_check_is_spelled_out():
    report = examples.troubled()
    unusual = report.quality[-1]
    told = sentences.quality(dataclasses.replace(report, quality=(unusual,) * 5))
    assert told.startswith("5 of 5 checks are unusual: ")
    assert told.endswith("; and 2 more in the table.")
