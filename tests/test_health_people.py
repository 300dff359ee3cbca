"""The rows and the section about people, on months that can be worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from afterlaunch.findings import Direction, Measurement, Severity
from afterlaunch.health_history import Course
from afterlaunch.health_people import REPEATS, detectable
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import Detectable, Estimate, Part, PatiencePoint, People
from afterlaunch.rates import UsualRange, detectable_change, laney_usual_range, usual_range
from afterlaunch.records import from_plain, to_plain
from toy_logs import World
from toy_service import plain_requests, report_on

CALM = [f"2024-03-{day:02d} {hour:02d}:30" for day in range(1, 32) for hour in range(10)]


def again(log, place, *, after_s, **columns):
    """The same person clicks on the same case once more, some seconds after."""
    row = log.iloc[[place]]
    return row.assign(
        request=row["request"] + f" again {after_s}", at=row["at"] + pd.Timedelta(seconds=after_s), **columns
    )


def month_of_clicks():
    """310 calm requests of March with 5 groups of repeats and 3 transport retries; three people left.

    Worked out: clicks 310 + 6 repeats; 5 groups, of which one has three clicks; three of them got two answers, two
    of these from two versions; the first answer of two groups was slow. Ten requests are slow in all.
    """
    log = plain_requests(CALM)
    log.loc[:9, ["took", "fetch"]] = [2_000.0, 1_800.0]
    log.loc[:2, ["watched", "seen"]] = [1_500.0, False]
    log.loc[100:101, ["watched", "seen"]] = [200.0, False]
    repeats = [
        again(log, 0, after_s=3, answer=1, took=300.0, fetch=100.0, watched=400.0, seen=True),
        again(log, 5, after_s=9, answer=1, version="v2", took=300.0, fetch=100.0),
        again(log, 50, after_s=2, answer=1, version="v2"),
        again(log, 60, after_s=4),
        again(log, 60, after_s=8),
        again(log, 70, after_s=10),
        # Too late, or on another case: no repeats.
        again(log, 80, after_s=11),
        again(log, 90, after_s=1, claim=999_999),
    ]
    retries = [
        log.iloc[[place]].assign(at=log["at"].iloc[place] + pd.Timedelta(seconds=1)) for place in (20, 21, 22)
    ]
    return pd.concat([log, *repeats, *retries], ignore_index=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return report_on(tmp_path_factory.mktemp("toy"), requests=month_of_clicks(), period="2024-03")


def measured(report, code):
    measurement = report.indicator(code).finding.measurement
    return measurement.value, measurement.n, measurement.unit


def test_rates_are_per_thousand_clicks_and_retries_are_no_clicks(report):
    # 310 first clicks and 8 more; the 3 rows that the network sent again are none.
    assert report.people.n_clicks == 318
    assert report.speed.n == 321
    assert measured(report, "people.repeat_clicks") == (pytest.approx(1_000 * 5 / 318), 318, "per 1,000")
    assert measured(report, "people.inconsistent_repeats") == (
        pytest.approx(1_000 * 3 / 318),
        318,
        "per 1,000",
    )
    assert measured(report, "people.lost_suggestions") == (pytest.approx(1_000 * 3 / 318), 318, "per 1,000")


def test_the_section_counts_what_was_worked_by_hand(report):
    assert report.people == People(
        n_clicks=318,
        n_groups=5,
        n_extra=6,
        n_retries=3,
        n_inconsistent=3,
        n_mixed=2,
        after_slow_share=pytest.approx(2 / 10),
        after_fast_share=pytest.approx(3 / 308, rel=0.02),
        n_left=5,
        n_lost=3,
        patience=report.people.patience,
    )


def test_each_row_is_explained_by_its_own_facts(report):
    again_slow, again_fast = report.indicator("people.repeat_clicks").behind
    assert again_slow == Estimate(title="clicked again after a slow answer", value=0.2, unit="share")
    assert (again_fast.title, again_fast.value) == ("after a fast one", report.people.after_fast_share)
    assert report.indicator("people.inconsistent_repeats").behind == (
        Part(title="were answered by different versions", n=2, n_of=3, noun="such repeats"),
    )
    assert report.indicator("people.lost_suggestions").behind == (
        Part(title="had taken longer than promised", n=3, n_of=5, noun="answers that nobody saw"),
    )


def test_a_section_about_people_survives_json(report):
    plain = json.loads(json.dumps(to_plain(report.people), allow_nan=False))
    assert from_plain(People, plain, where="people") == report.people


def one_group(folder, **second):
    log = plain_requests(CALM)
    rows = pd.concat([log, again(log, 0, after_s=3, **second)], ignore_index=True)
    return report_on(folder, requests=rows, period="2024-03")


def test_different_decisions_make_a_repeat_inconsistent_and_different_versions_alone_do_not(tmp_path):
    assert one_group(tmp_path, answer=1).people.n_inconsistent == 1
    other_version = one_group(tmp_path, version="v2").people
    assert (other_version.n_groups, other_version.n_inconsistent, other_version.n_mixed) == (1, 0, 0)


def test_scores_are_never_read_so_that_their_last_digit_makes_no_difference(tmp_path):
    # The log may hold a score; what is compared is the decision that the person was given.
    people = one_group(tmp_path, score=0.1 + 0.2).people
    assert (people.n_groups, people.n_inconsistent) == (1, 0)


def test_an_inconsistent_repeat_of_one_version_is_told_as_such(tmp_path):
    report = one_group(tmp_path, answer=1)
    assert report.indicator("people.inconsistent_repeats").behind == (
        Part(title="were answered by one and the same version", n=1, n_of=1, noun="such repeats"),
    )


def test_without_an_unseen_answer_nothing_is_said_of_those_lost(tmp_path):
    report = report_on(tmp_path, requests=plain_requests(CALM), period="2024-03")
    assert (report.people.n_left, report.indicator("people.lost_suggestions").behind) == (0, ())
    assert measured(report, "people.lost_suggestions")[0] == 0.0


def test_without_slow_answers_nobody_is_compared_with_those_who_had_one(tmp_path):
    report = report_on(tmp_path, requests=plain_requests(CALM), period="2024-03")
    assert (report.people.after_slow_share, report.people.after_fast_share) == (None, None)
    assert report.indicator("people.repeat_clicks").behind == ()


# --- patience -------------------------------------------------------------------------


def asked(n, first, **columns):
    at = pd.Timestamp(first) + pd.to_timedelta(np.arange(n) * 5, unit="min")
    return plain_requests(
        at, request=[f"{first} {place}" for place in range(n)], fetch=0.0, model=0.0, **columns
    )


def test_waits_that_leaving_cut_short_still_tell_how_patient_people_are(tmp_path):
    # 200 people are shown their answer after half a second. Of 200 others, who would have to wait 3 s, half leave
    # after 1.5 s. By recorded wait nobody who waited 2 s has left: the sign is wrong, they had left before.
    fast = asked(200, "2024-03-02 00:00", took=500.0, watched=500.0)
    left = asked(100, "2024-03-05 00:00", took=3_000.0, watched=1_500.0, seen=False)
    stayed = asked(100, "2024-03-08 00:00", took=3_000.0, watched=3_000.0)
    log = pd.concat([fast, left, stayed], ignore_index=True)
    people = report_on(tmp_path, requests=log, period="2024-03").people
    assert (people.n_left, people.n_lost) == (100, 100)
    assert people.patience == (
        PatiencePoint(wait_ms=1_000.0, left_share=0.0),
        PatiencePoint(wait_ms=2_000.0, left_share=0.5),
        PatiencePoint(wait_ms=3_000.0, left_share=0.5),
    )
    waited_long = log["watched"] >= 2_000
    assert (~log["seen"].astype(bool))[waited_long].mean() == 0.0
    assert (~log["seen"].astype(bool)).mean() == 0.25


def test_who_waits_for_an_answer_that_never_comes_has_not_lost_patience(tmp_path):
    answered = asked(100, "2024-03-02 00:00", took=4_000.0, watched=4_000.0)
    dead = asked(100, "2024-03-05 00:00", took=np.nan, ended="timeout", watched=2_500.0, seen=False)
    people = report_on(tmp_path, requests=pd.concat([answered, dead]), period="2024-03").people
    assert {point.left_share for point in people.patience} == {0.0}


def test_nothing_is_said_of_waits_that_hardly_anybody_reached(tmp_path):
    fast = asked(200, "2024-03-02 00:00", took=500.0, watched=np.where(np.arange(200) < 100, 900.0, 1_100.0))
    long = asked(49, "2024-03-05 00:00", took=3_000.0, watched=2_600.0, seen=False)
    people = report_on(tmp_path, requests=pd.concat([fast, long]), period="2024-03").people
    assert people.patience == (PatiencePoint(wait_ms=1_000.0, left_share=0.0),)


# --- months in a row --------------------------------------------------------------------


def months_of_repeats(n_groups):
    """Seven months of 2023 with ten clicks a day, and so many repeats in each."""
    log = plain_requests(
        pd.date_range("2023-01-01", "2023-07-31 09:00", freq="h").to_series().loc[lambda at: at.dt.hour < 10]
    )
    repeats = [
        again(log, int(place), after_s=5)
        for month, n in enumerate(n_groups, start=1)
        for place in np.flatnonzero(log["at"].dt.month == month)[:n]
    ]
    return pd.concat([log, *repeats], ignore_index=True)


DAYS = np.array([31, 28, 31, 30, 31, 30, 31])


@pytest.mark.parametrize("limits", ["xmr", "laney"])
def test_the_usual_range_of_a_rate_rests_on_the_months_before_it(tmp_path, limits):
    n_groups = np.array([9, 11, 10, 12, 8, 10, 11])
    policy = HealthPolicy(indicators={"people.repeat_clicks": IndicatorPolicy(limits=limits)})
    report = report_on(
        tmp_path,
        log=World(n_months=7, n_per_day=5).log(),
        requests=months_of_repeats(n_groups),
        period="2023-07",
        policy=policy,
    )
    row = report.indicator("people.repeat_clicks")
    n_clicks = 10 * DAYS + n_groups
    rates = 1_000 * n_groups / n_clicks
    assert [point.value for point in row.history] == pytest.approx(rates.tolist())
    expected = (
        usual_range(rates[:-1])
        if limits == "xmr"
        else laney_usual_range(n_groups[:-1], n_clicks[:-1], n_units_now=n_clicks[-1], per=1_000)
    )
    assert (row.usual_range.lower, row.usual_range.upper) == pytest.approx(
        (max(expected.lower, 0.0), expected.upper)
    )
    assert row.severity is Severity.OK
    # A calm month says what it is worth: the rise that four such months in five would have shown.
    found = row.behind[-1]
    assert isinstance(found, Detectable)
    assert (found.value > row.usual_range.upper, found.times) == (
        True,
        pytest.approx(found.value / row.usual_range.centre),
    )


def course(value, *, usual, n=10_000):
    reason = "none known" if np.isnan(value) else ""
    now = Measurement(
        measure="repeat_clicks", subject="March", value=value, unit="per 1,000", n=n, reason=reason
    )
    return Course(
        current=now,
        previous=None,
        points=(),
        usual_months=(),
        usual_range=usual,
        usual_range_reason="",
        run_of_eight=False,
    )


USUAL = UsualRange(lower=5.0, centre=7.0, upper=9.0, n_months=12)


def test_the_rise_that_would_have_been_seen_is_that_of_the_usual_number_of_events():
    (found,) = detectable(course(7.5, usual=USUAL), REPEATS)
    expected = detectable_change(USUAL, bounds=REPEATS.bounds, n_events=70.0)
    assert (found.value, found.times) == (expected.rise, expected.rise_ratio)
    assert (found.unit, found.decimals) == ("per 1,000", 1)


@pytest.mark.parametrize(
    ("value", "usual"),
    [
        (9.5, USUAL),
        (4.5, USUAL),
        (float("nan"), USUAL),
        (7.0, None),
        (0.0, UsualRange(lower=0.0, centre=0.0, upper=0.0, n_months=12)),
    ],
    ids=["above", "below", "unknown", "no range", "never any"],
)
def test_only_a_calm_month_says_what_it_is_worth(value, usual):
    assert detectable(course(value, usual=usual), REPEATS) == ()


def test_fewer_is_better_in_every_row_about_people(report):
    rows = [row for row in report.indicators if row.code.startswith("people.")]
    assert [row.finding.threshold.direction for row in rows] == [Direction.LOWER] * 3
