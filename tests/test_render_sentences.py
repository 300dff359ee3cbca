"""Every word of the monthly health report.

The expected texts lie in ``tests/golden``. After a wanted change of words, run this module once with
``AFTERLAUNCH_GOLDEN=write`` and read the diff.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import typing
from pathlib import Path

import pytest

import health_examples as examples
from afterlaunch.findings import Severity, Verdict
from afterlaunch.health_report import (
    BudgetUse,
    Detectable,
    Estimate,
    Fact,
    MeanSplit,
    Part,
    Shared,
    StageGap,
    ThresholdValue,
    Times,
)
from afterlaunch.render import section_sentences, sentences, service_sentences
from afterlaunch.render.fact_sentences import fact_in_words, is_telling
from afterlaunch.render.indicator_sentences import statement
from afterlaunch.slow_requests import NOT_MEASURED
from afterlaunch.subgroups import Condition, SharedBy

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("healthy", "troubled", "version_change", "unjudged", "served")


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
        "speed": sentences.speed(report).split("\n"),
        "people": [sentences.people(report)],
        "complaints": [sentences.complaints(report)],
        "decision_worth": [sentences.decision_worth(report)],
        "behind": [f"{row.title}: {fact_in_words(fact)}" for row in report.indicators for fact in row.behind],
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
        "kpi_title": [section_sentences.kpi_title(row) for row in report.indicators if row.area != "Model"],
        "speed_title": [service_sentences.speed_title(report)],
        "decision_worth_title": [service_sentences.decision_worth_title(report)],
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


# --- what is behind a number ------------------------------------------------------


def shared(*conditions, events="slow requests", n_inside=2, n_events=2):
    found = SharedBy(
        conditions=tuple(Condition(attribute=name, labels=labels) for name, labels in conditions),
        n_events_inside=n_inside,
        n_events=n_events,
        n_inside=10,
        n=1_000,
    )
    return Shared(events=events, rows="requests", found=found)


def use_of(n_slow, n_allowed, *, n_hours=1):
    return BudgetUse(
        n_slow=n_slow,
        n_allowed=n_allowed,
        used_share=n_slow / n_allowed,
        n_hours=n_hours,
        n_hours_all=744,
        n_held=n_slow,
    )


FACTS = (
    (examples.change("x", "mean score", 0.1, 0.12), "mean score 10.0 % → 12.0 %"),
    (examples.change("x", "mean score", 0.1, 0.10001), "mean score stayed at 10.0 %"),
    (examples.change("x", "worth", -0.001, 0.0, unit="CHF", decimals=0), "worth stayed at 0 CHF"),
    (examples.change("x", "mean score", examples.NAN, 0.12), "mean score 12.0 %"),
    (examples.change("x", "mean score", 0.1, examples.NAN), "mean score not measured"),
    (
        shared(("weekday", ("Monday",)), ("hour", ("09", "10")), ("host", ("h1",))),
        "2 of the 2 slow requests came on Mondays, 09–11, with host h1 (1.0 % of all requests)",
    ),
    (shared(("hour", ("23",))), "2 of the 2 slow requests came at 23–24 (1.0 % of all requests)"),
    (
        shared(("hour", ("07",)), ("document_type", ("scan",))),
        "2 of the 2 slow requests came at 07–08, with document type scan (1.0 % of all requests)",
    ),
    (
        shared(("an alert", ("yes",)), n_inside=1),
        "1 of the 2 slow requests came with an alert (1.0 % of all requests)",
    ),
    (shared(("an alert", ("no",))), "2 of the 2 slow requests came without an alert (1.0 % of all requests)"),
    (
        StageGap(stage="feature_fetch_ms", slow_ms=1_714.0, typical_ms=188.0, share=0.94),
        "in slow requests feature fetch takes 1,714 ms instead of 188 ms, 94 % of the extra time",
    ),
    (
        StageGap(stage="feature_fetch_ms", slow_ms=1_714.0, typical_ms=188.0, share=1.04),
        "in slow requests feature fetch takes 1,714 ms instead of 188 ms, all of the extra time",
    ),
    (
        StageGap(stage=NOT_MEASURED, slow_ms=900.0, typical_ms=5.0, share=0.5),
        "in slow requests the unmeasured rest takes 900 ms instead of 5 ms, 50 % of the extra time",
    ),
    (
        Part(title="were answered by different versions", n=1, n_of=1, noun="such repeats"),
        "1 of 1 such repeats was answered by different versions",
    ),
    (
        Part(title="had taken longer than promised", n=0, n_of=7, noun="answers that nobody saw"),
        "0 of 7 answers that nobody saw had taken longer than promised",
    ),
    (
        Part(title="are about “too slow”", n=26, n_of=43, noun="flagged tickets", usual_share=0.004),
        "26 of 43 flagged tickets are about “too slow” (usually under 1 %)",
    ),
    (
        use_of(545, 1_336.95, n_hours=5),
        "41 % of the error budget used (545 of 1,337); half of it in 5 of 744 hours",
    ),
    (use_of(1, 0.4), "250 % of the error budget used (1 of 0.4); half of it in 1 of 744 hours"),
    (use_of(1, 2.0), "50 % of the error budget used (1 of 2); half of it in 1 of 744 hours"),
    (use_of(0, 1_336.95, n_hours=0), "0 % of the error budget used (0 of 1,337)"),
    (Estimate(title="ticket still to come", value=1, unit="count", decimals=0), "1 ticket still to come"),
    (
        Estimate(title="after a fast one", value=0.0004, unit="share", ci_lower=0.0, ci_upper=0.001),
        "0.0 % after a fast one (0.0 to 0.1 %)",
    ),
    (
        Times(ratio=1.54, ci_lower=1.2, ci_upper=2.04, n_months=12),
        "1.5 times the usual rate (95 % interval 1.2 to 2.0)",
    ),
    (
        Detectable(value=0.44, times=4.4, unit="per 1,000", decimals=2),
        "a rise to 0.44 (4.4 times the usual) would have been seen 4 times in 5",
    ),
    (
        examples.WorstSegment(segment=examples.WORSE_SEGMENTS.shown[0], n_more=0),
        "carrier EV: Ranking quality (ROC AUC) 0.671 against 0.742 in the rest",
    ),
    (
        examples.WorstSegment(segment=examples.WORSE_SEGMENTS.shown[1], n_more=2),
        "origin LGA: Observed minus predicted share 3.5 pp against 0.1 pp in the rest; 2 more segments are worse",
    ),
)


@pytest.mark.parametrize(("fact", "words"), FACTS, ids=[words[:40] for _, words in FACTS])
def test_a_fact_is_one_clause(fact, words):
    assert fact_in_words(fact) == words


def test_every_kind_of_fact_has_words_and_an_example():
    kinds = set(typing.get_args(Fact))
    assert {type(fact) for fact, _ in FACTS} == kinds
    assert {type(fact) for row in examples.served().indicators for fact in row.behind} == kinds


def test_a_decision_is_told_where_it_went_wrong_and_not_that_it_did():
    told = {
        type(fact).__name__ for row in examples.served().indicators for fact in row.behind if is_telling(fact)
    }
    assert told == {"Part", "Shared", "StageGap", "WorstSegment"}


# --- speed, people, complaints, decision worth --------------------------------------


def served(part, **parts):
    """The report of a served month with some fields of one of its parts changed."""
    report = examples.served()
    return dataclasses.replace(report, **{part: dataclasses.replace(getattr(report, part), **parts)})


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"n": 1, "n_at_peak": 1, "p95_at_peak_ms": examples.NAN, "elsewhere_p95_ms": examples.NAN},
            "There was 1 request: too few to say within which time 95 % are answered under peak load. ",
        ),
        (
            {"n": 900, "n_at_peak": 45, "p95_at_peak_ms": examples.NAN},
            (
                "There were 900 requests, 45 of them in the busiest windows: too few to say within which time 95 % are "
                "answered under peak load. At other times 95 % were answered within 0.67 s. "
            ),
        ),
        (
            {"elsewhere_p95_ms": examples.NAN, "window_minutes": 1},
            (
                "Under peak load 95 % of the requests were answered within 2.41 s (the busiest windows of 1 minute, "
                "which together carry a twentieth of the 26,739 requests). "
            ),
        ),
        (
            {"p95_at_peak_ms": 10_000.0},
            (
                "Under peak load more than 5 % of the requests got no answer within 10 s (the busiest windows of 15 "
                "minutes, which together carry a twentieth of the 26,739 requests), at other times 95 % were answered "
                "within 0.67 s. "
            ),
        ),
    ],
    ids=["one request", "few requests", "all of them at the peak", "time-outs at the peak"],
)
def test_what_peak_load_did_is_told_of_any_number_of_requests(parts, words):
    assert sentences.speed(served("speed", **parts)).startswith(words)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"n_slow": 0, "n_unanswered": 0, "budget": use_of(0, 1_336.95, n_hours=0), "shared": None},
            "Every request was answered within 1 s: 0 % of the error budget used (0 of 1,337).",
        ),
        (
            {"n_slow": 1, "n_unanswered": 1, "budget": use_of(1, 1_336.95), "shared": None},
            (
                "1 request took longer than 1 s or got no answer (1 got none): under 1 % of the error budget used "
                "(1 of 1,337); half of it in 1 of 744 hours.\nToo few requests were slow to say what they share."
            ),
        ),
        (
            {"n_slow": 545, "shared": None, "threshold_ms": 1_500.0},
            (
                "545 requests took longer than 1.5 s or got no answer (52 got none): 41 % of the error budget used "
                "(545 of 1,337); half of it in 5 of 744 hours.\n"
                "Slow requests share no weekday, hour or other attribute by more than chance."
            ),
        ),
    ],
    ids=["none", "one", "many"],
)
def test_slow_requests_are_told_whatever_their_number(parts, words):
    assert words in sentences.speed(served("speed", **parts))


def test_without_slow_requests_nothing_is_said_of_what_they_share_or_where_their_time_went():
    calm = {"n_slow": 0, "n_unanswered": 0, "budget": use_of(0, 1_336.95, n_hours=0), "shared": None}
    told = sentences.speed(served("speed", **calm, stages=(), mean_split=None))
    assert told.endswith("(0 of 1,337).")


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ((443.0, 443.9, 0.0, 0.9), None),
        ((443.0, 468.0, 0.0, 25.0), "went from 443 ms in November to 468 ms."),
        (
            (443.0, 400.0, 12.0, -55.0),
            (
                "went from 443 ms in November to 400 ms: −55 ms because endpoints became faster, +12 ms because other "
                "endpoints were asked."
            ),
        ),
    ],
    ids=["hardly moved", "one endpoint", "two reasons"],
)
def test_why_the_mean_latency_moved_is_told_when_it_did(split, words):
    before, after, mix, within = split
    moved = MeanSplit(before_ms=before, after_ms=after, mix_ms=mix, within_ms=within)
    told = sentences.speed(served("speed", mean_split=moved))
    assert ("The mean latency" in told) is (words is not None)
    assert told.endswith(words or "is feature fetch.")


def test_a_stage_with_more_than_all_of_the_extra_time_has_all_of_it():
    faster_model = [
        dataclasses.replace(stage, slow_ms=stage.typical_ms - 20) for stage in examples.SPEED.stages[2:]
    ]
    report = served("speed", stages=(*examples.SPEED.stages[:2], *faster_model), mean_split=None)
    assert sentences.speed(report).endswith(
        "Slow answers take 1,573 ms more than typical ones; 1,526 ms of that is feature fetch."
    )
    alone = served("speed", stages=(examples.SPEED.stages[1], *faster_model), mean_split=None)
    assert sentences.speed(alone).endswith(
        "Slow answers take 1,486 ms more than typical ones; all of that is feature fetch."
    )
    assert service_sentences.speed_title(alone) == (
        "Feature fetch holds all of the time that slow answers take longer"
    )


def test_time_that_no_stage_explains_is_called_so():
    rest = dataclasses.replace(examples.SPEED.stages[3], slow_ms=4_000.0)
    report = served("speed", stages=(*examples.SPEED.stages[:3], rest))
    assert "3,863 ms of that is the unmeasured rest." in sentences.speed(report)
    assert service_sentences.speed_title(report) == (
        "The unmeasured rest holds 71 % of the time that slow answers take longer"
    )


def test_stages_that_take_no_longer_are_no_reason():
    even = tuple(dataclasses.replace(stage, slow_ms=stage.typical_ms) for stage in examples.SPEED.stages)
    report = served("speed", stages=even)
    assert "Slow answers take" not in sentences.speed(report)
    assert service_sentences.speed_title(report) == "No stage takes longer in slow requests"


NOBODY_ASKED = {
    "n_groups": None,
    "n_extra": None,
    "n_retries": None,
    "n_inconsistent": None,
    "n_mixed": None,
    "after_slow_share": None,
    "after_fast_share": None,
}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            NOBODY_ASKED,
            "Repeat clicks are not known: the request log does not say who asked about which case. 403 answers",
        ),
        (
            {
                "n_groups": 0,
                "n_extra": 0,
                "n_inconsistent": 0,
                "n_mixed": 0,
                "n_retries": 0,
                "after_slow_share": None,
            },
            "Nobody clicked again on the same case within 10 s. 403 answers",
        ),
        (
            {
                "n_groups": 1,
                "n_extra": 1,
                "n_inconsistent": 1,
                "n_mixed": 0,
                "n_retries": 1,
                "after_slow_share": None,
            },
            (
                "Once somebody clicked again on the same case within 10 s, 1 click more than needed; 1 transport "
                "retry is not among them. That repeat got two different answers, from one and the same version: its "
                "inputs had changed, or it does not always answer alike. 403 answers"
            ),
        ),
        (
            {"n_inconsistent": 1, "n_mixed": 1},
            "1 of these repeats got two different answers, because different versions answered. 403",
        ),
        (
            {"n_inconsistent": 4, "n_mixed": 4},
            "4 of these repeats got two different answers, each time because different versions answered. 403",
        ),
        ({"n_inconsistent": 4, "n_mixed": 0}, "different answers, always from one and the same version: its"),
        ({"n_inconsistent": 4, "n_mixed": None}, "4 of these repeats got two different answers. 403 answers"),
        (
            {"n_inconsistent": 0, "n_mixed": 0},
            "after a fast one 0.8 %. Nobody got two different answers. 403 answers",
        ),
        ({"n_inconsistent": None, "n_mixed": None}, "after a fast one 0.8 %. 403 answers"),
        ({"n_left": 0, "n_lost": 0}, "Every answer was seen. Had no answer"),
        (
            {"n_left": 1, "n_lost": 1},
            "1 answer nobody saw; people had waited longer than 1 s: that suggestion was lost to waiting. Had",
        ),
        (
            {"n_left": 2, "n_lost": 0},
            "2 answers nobody saw; in no case had people waited longer than 1 s, so none was lost to waiting. Had",
        ),
        (
            {"n_left": None, "n_lost": None, "patience": ()},
            "Who left before the answer is not known: the request log has no waits.",
        ),
        (
            {"patience": examples.PEOPLE.patience[:1]},
            "lost to waiting. Had no answer come before, 3.6 % would have left by 1 s.",
        ),
    ],
)
def test_what_people_did_is_told_whatever_its_number(parts, words):
    told = sentences.people(served("people", **parts))
    assert words in told
    assert not re.search(r"\b0 (?:times|clicks|answers|transport)|None|nan", told)


NOT_LABELLED = {"n_labelled": 0, "n_audited": 0, "precision": None, "recall": None, "times": None}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"n_tickets": 0, "n_flagged": 0}, "No ticket is about claims of December 2025."),
        (
            {"n_tickets": 1, "n_flagged": 1},
            "The only ticket about claims of December 2025 is flagged as being about the AI, by a classifier",
        ),
        (
            {"n_tickets": 1, "n_flagged": 0},
            "The only ticket about claims of December 2025 is not flagged as being about the AI, by a classifier",
        ),
        (
            {"n_flagged": 1},
            "1 of the 418 tickets about claims of December 2025 is flagged as being about the AI, by",
        ),
        (
            {"n_flagged": 0},
            "None of the 418 tickets about claims of December 2025 is flagged as being about the AI, by",
        ),
        (
            {"method": "rules", "method_reason": "learning needs 60 different labelled texts"} | NOT_LABELLED,
            (
                "are flagged as being about the AI, by words alone: learning needs 60 different labelled texts. "
                "Nobody has read and labelled a sample, so the flags are taken for right: about 59 (95 % interval 45 "
                "to 74), including 5 that are still to come and the 7 % of all tickets that name no case."
            ),
        ),
        (
            {"estimated": None, "times": None},
            "it found 89 % of all). How many there really are is not known. The 92 tickets",
        ),
        (
            {"n_outstanding": 1.2, "n_unjoined": 0},
            "45 to 74), including 1 that is still to come. That is 1.5 times",
        ),
        (
            {"n_outstanding": 0.3, "n_unjoined": 0},
            "that is about 59 (95 % interval 45 to 74). That is 1.5 times",
        ),
        ({"ci_lower": None, "ci_upper": None}, "when they read a sample, that is about 59, including 5"),
        (
            {"n_audited": 0},
            "No ticket of this month has been read and labelled: the correction rests on earlier months.",
        ),
        (
            {"n_audited": 1},
            "The one ticket of this month that people labelled agrees with those of earlier months.",
        ),
        (
            {"audit_differs": True},
            (
                "The 92 tickets of this month that people labelled differ from earlier ones beyond chance: words have "
                "changed, so only this month's labels count."
            ),
        ),
        (
            {"n_labelled": 92},
            "of this month that people labelled are the first: no earlier month has any to compare with.",
        ),
    ],
)
def test_tickets_are_told_whatever_their_number(parts, words):
    assert words in sentences.complaints(served("complaints", **parts))


def test_why_the_number_of_tickets_is_not_known_is_told():
    report = served("complaints", estimated=None, ci_lower=None, ci_upper=None, times=None)
    row = report.indicator("complaints.ai_tickets")
    unknown = examples.missing("ai_tickets", "no ticket names a case of the log", unit="per 1,000")
    report = changed(report, row.code, finding=dataclasses.replace(row.finding, measurement=unknown))
    assert (
        "How many there really are is not known: no ticket names a case of the log."
        in sentences.complaints(report)
    )


def value_at(threshold, value):
    return ThresholdValue(threshold=threshold, value=value, alert_share=0.09)


@pytest.mark.parametrize(
    ("present", "best", "title"),
    [
        (
            value_at(0.31, 90.0),
            value_at(0.03, 100.0),
            "A lower threshold would have been worth more in September 2025",
        ),
        (
            value_at(0.31, 90.0),
            value_at(0.53, 100.0),
            "A higher threshold would have been worth more in September 2025",
        ),
        (value_at(0.31, 98.0), value_at(0.53, 100.0), "The present threshold is about as good as any"),
        (
            value_at(0.31, 97.9),
            value_at(0.53, 100.0),
            "A higher threshold would have been worth more in September 2025",
        ),
        (
            value_at(0.31, -90.0),
            value_at(0.53, 0.0),
            "A higher threshold would have been worth more in September 2025",
        ),
        (value_at(0.31, 0.0), value_at(0.31, 0.0), "The present threshold is about as good as any"),
        (value_at(0.31, -100.0), value_at(0.31, -100.0), "The present threshold is about as good as any"),
    ],
)
def test_the_title_says_whether_another_threshold_would_have_been_worth_more(present, best, title):
    report = served("decision_worth", present=present, best=best)
    assert service_sentences.decision_worth_title(report) == title


def test_no_better_threshold_is_said_in_words():
    gain = dataclasses.replace(examples.DECISION_WORTH.gain, value=0.0)
    report = served("decision_worth", gain=gain, best=examples.DECISION_WORTH.present)
    assert sentences.decision_worth(report).endswith("No other threshold would have been worth more.")


def test_the_worth_of_decisions_of_this_month_is_called_so():
    report = dataclasses.replace(examples.served(), judged_window=examples.DECEMBER)
    assert sentences.decision_worth(report).startswith(
        "At the threshold of 0.31 the decisions of v2 were worth 78,276 CHF per 1,000 claims. "
        "The best one for this month, 0.03, would have brought 53,895 CHF more"
    )
    assert (
        service_sentences.decision_worth_title(report)
        == "A lower threshold would have been worth more this month"
    )


# --- outcomes that are still to come --------------------------------------------------


def test_a_number_of_an_earlier_month_names_that_month_wherever_it_is_told():
    report = examples.served()
    gap = report.indicator("model.calibration_gap")
    alone = dataclasses.replace(
        report,
        indicators=(gap,),
        verdict=Verdict.of([gap.finding]),
        decisions=(gap.code,),
        model_against_business=None,
    )
    assert sentences.verdict_story(alone) == (
        "Calibration gap fell to −2.6 pp in September (usual range −0.8 to 1.4 pp, target −2.0 to 2.0 pp)."
    )
    assert sentences.decisions(alone)[0].reason.startswith(
        "Fell from 0.2 pp in August to −2.6 pp in September: below"
    )
    assert statement(gap, alone).startswith(
        "Calibration gap fell from 0.2 pp in August to −2.6 pp in September. "
    )


def test_a_number_of_an_earlier_year_names_the_year_too():
    window = examples.Window.parse("2026-01")
    report = dataclasses.replace(examples.served(), window=window, previous_window=window.previous())
    told = statement(report.indicator("model.f1"), report)
    assert told.startswith("F1 at the alert threshold rose from 0.553 in August to 0.556 in September 2025. ")


def test_a_report_on_simulated_data_says_so_first():
    assert sentences.headline(examples.served()).startswith("Simulated data. Needs action: ")
    assert "imulated" not in sentences.headline(examples.troubled())
