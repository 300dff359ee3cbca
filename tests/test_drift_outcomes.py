"""Ranking and calibration against the months before, and segments against themselves: by hand, limits included."""

import dataclasses
import math

import numpy as np
import pytest

from afterlaunch.drift_evidence import OutcomeMonth
from afterlaunch.drift_outcomes import (
    MIN_POSITIVE,
    N_SHOWN,
    outcome_findings,
    reference_outcomes,
    segment_outcomes,
)
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.findings import Severity
from afterlaunch.month_to_month import Against, usual_change
from afterlaunch.since_when import OnsetKind
from toy_profiles import (
    RESAMPLING,
    WOBBLE,
    load_months,
    outcome_month,
    toy_evidence,
    toy_outcomes,
    toy_segment,
    windows,
)

DAYS = np.array([1.3, 0.7] * 10) / 20


def wobbling(*last, n_reference=12, **given):
    """Return months that differ a little, and then these."""
    all_windows = windows(n_reference + len(last))
    before = [
        outcome_month(window, better=better, **given)
        for window, better in zip(all_windows, WOBBLE, strict=False)
    ]
    return [
        *before[:n_reference],
        *(make(w) for make, w in zip(last, all_windows[-len(last) :], strict=True)),
    ]


def worse(by, **given):
    return lambda window: outcome_month(window, better=-by, **given)


def judged(outcomes, policy=None):
    """Return the findings on ranking and on calibration."""
    evidence = toy_evidence(load_months([500, 500]), outcomes)
    return outcome_findings(evidence, policy=policy or DriftPolicy(), resampling=RESAMPLING)


# --- ranking ------------------------------------------------------------------------------------------------------


def test_ranking_by_hand():
    ranking, _ = judged(wobbling(worse(100)))
    assert ranking.before == pytest.approx(0.7)
    assert ranking.after.value == pytest.approx(0.7 - 100 / 1600)
    assert ranking.finding.code == "drift.ranking"
    assert ranking.finding.measurement.value == pytest.approx(100 / 1600)
    assert ranking.finding.measurement.n == 1200
    assert ranking.severity is Severity.ACT
    assert ranking.against is Against.OTHER_MONTHS
    assert (ranking.onset.kind, ranking.onset.since) == (OnsetKind.LAST_MONTH, "2024-01")
    assert not ranking.is_estimate


def test_better_ranking_is_no_finding_however_much_better():
    ranking, _ = judged(wobbling(worse(-150)))
    assert ranking.after.value > 0.79
    assert ranking.finding.measurement.value == 0
    assert ranking.severity is Severity.OK


def test_the_limits_of_a_fall_are_inclusive():
    months = wobbling(worse(100))
    fall = judged(months)[0].finding.measurement.value
    for watch, act, severity in (
        (fall, 1.0, Severity.OK),
        (math.nextafter(fall, 0), 1.0, Severity.WATCH),
        (0.01, fall, Severity.WATCH),
        (0.01, math.nextafter(fall, 0), Severity.ACT),
    ):
        ranking, _ = judged(months, DriftPolicy(ranking=Limits(watch=watch, act=act)))
        assert ranking.severity is severity


def test_the_usual_fall_is_each_month_against_the_others_without_itself():
    policy = DriftPolicy(ranking=Limits(watch=1e-9, act=1.0))
    ranking, _ = judged(wobbling(worse(3)), policy)
    values = 0.7 + np.array(WOBBLE) / 1600
    months = [value - np.delete(values, place).mean() for place, value in enumerate(values)]
    # Equal days leave the month's own sampling error at 0.
    slow = usual_change(np.array(months)[:, None], [-3 / 1600], se=[0.0])
    assert ranking.finding.threshold.usual_range.upper == pytest.approx(-slow.lower[0], rel=1e-6)
    assert ranking.severity is Severity.OK


def test_a_fall_as_in_other_months_is_usual():
    swings = [outcome_month(w, better=better) for w, better in zip(windows(12), [100, -100] * 6, strict=True)]
    ranking, _ = judged([*swings, outcome_month(windows(1)[0], better=-100)])
    assert ranking.finding.measurement.value == pytest.approx(0.0625)
    assert ranking.severity is Severity.OK


def test_with_few_months_a_fall_must_exceed_what_days_explain():
    # Days that rank differently: all outcomes of good ranking on one half of them.
    def uneven(window, better):
        good, bad = outcome_month(window, better=150), outcome_month(window, better=better)
        half = np.arange(20)[:, None] < 10
        return dataclasses.replace(
            good,
            n_negative=np.where(half, good.n_negative, bad.n_negative),
            n_positive=np.where(half, good.n_positive, bad.n_positive),
        )

    *_, before, last = windows(2)
    ranking, _ = judged([uneven(before, -100), uneven(last, -160)])
    assert ranking.against is Against.FLOOR_ONLY
    limit = ranking.finding.threshold.usual_range.upper
    assert limit > DriftPolicy().ranking.watch
    # The standard error itself, by drawing the days another way.
    random = np.random.default_rng(5)
    draws = [auc_of(uneven(last, -160), random.integers(0, 20, 20)) for _ in range(400)]
    assert limit == pytest.approx(2.6 * np.std(draws), rel=0.2)


def auc_of(outcomes, days):
    negative, positive = outcomes.n_negative[days].sum(axis=0), outcomes.n_positive[days].sum(axis=0)
    below = np.cumsum(negative) - negative / 2
    return positive @ below / (negative.sum() * positive.sum())


# --- calibration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1.5, 1 / 1.5])
def test_calibration_by_hand_in_both_directions(factor):
    # 400 outcomes where 0.2 x 800 + 0.6 x 400 are expected; now so many more or fewer, with their own scores.
    _, calibration = judged(wobbling(lambda window: outcome_month(window, factor=factor)))
    expected = 400 * factor / (0.2 * (640 + 160 * factor) + 0.6 * (160 + 240 * factor))
    assert calibration.after.value == pytest.approx(expected)
    assert calibration.before == pytest.approx(1, abs=1e-3)
    factor_of_change = calibration.finding.measurement.value
    assert factor_of_change == pytest.approx(max(expected, 1 / expected), rel=1e-3)
    assert factor_of_change > 1.15
    assert calibration.severity is Severity.WATCH
    assert calibration.finding.code == "drift.calibration"


def test_the_limits_of_calibration_are_inclusive():
    months = wobbling(lambda window: outcome_month(window, factor=1.5))
    factor = judged(months)[1].finding.measurement.value
    for watch, act, severity in (
        (factor, 9.0, Severity.OK),
        (math.nextafter(factor, 0), 9.0, Severity.WATCH),
        (1.01, factor, Severity.WATCH),
        (1.01, math.nextafter(factor, 0), Severity.ACT),
    ):
        _, calibration = judged(months, DriftPolicy(calibration=Limits(watch=watch, act=act)))
        assert calibration.severity is severity


def test_a_model_that_was_always_off_has_not_drifted():
    off = [outcome_month(w, better=b, factor=2.0) for w, b in zip(windows(13), (*WOBBLE, 0), strict=True)]
    _, calibration = judged(off)
    assert calibration.before == pytest.approx(calibration.after.value, rel=1e-3)
    assert calibration.after.value > 1.3
    assert calibration.severity is Severity.OK


@pytest.mark.parametrize(
    ("n_reference", "against"), [(1, "floor_only"), (3, "floor_only"), (4, "other_months")]
)
def test_with_too_few_months_calibration_is_held_against_what_scores_promise(n_reference, against):
    off = [
        outcome_month(w, better=b, factor=2.0)
        for w, b in zip(windows(n_reference + 1), (*WOBBLE[:n_reference], 0), strict=True)
    ]
    _, calibration = judged(off)
    assert calibration.against is Against(against)
    if against == "floor_only":
        assert calibration.before == 1
        assert calibration.finding.measurement.value == pytest.approx(calibration.after.value)
        assert calibration.severity is Severity.ACT
    else:
        assert calibration.finding.measurement.value == pytest.approx(1, abs=0.01)
        assert calibration.severity is Severity.OK


def test_intervals_hold_their_values_on_days_that_differ():
    ranking, calibration = judged(wobbling(worse(0, by_day=DAYS), by_day=DAYS))
    assert ranking.after.ci_lower is None
    assert ranking.after.reason.startswith("every draw of days gives the same value")
    last = outcome_month(windows(1)[0])
    # Outcomes come on other days than rows without them.
    last = dataclasses.replace(last, n_positive=last.n_positive * 20 * DAYS[:, None])
    _, calibration = judged([*wobbling(worse(0))[:-1], last])
    assert calibration.after.ci_lower < calibration.after.value < calibration.after.ci_upper


def test_outcomes_of_one_day_have_no_interval_and_do_not_fail():
    one_day = [1.0] + [0.0] * 19
    for row in judged([outcome_month(window, by_day=one_day) for window in windows(2)]):
        assert row.after.ci_lower is None
        assert row.after.reason.startswith("too few rows carry the measure")
        assert row.severity is Severity.OK


# --- outcomes that are missing, late or too few -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "reason", "label"),
    [
        ([], "no outcomes are known", "2024-01"),
        (
            [outcome_month(windows(1)[0])],
            "January 2024 and a month before it need 500 judged rows each, 30 of either outcome",
            "2024-01",
        ),
        (
            [toy_outcomes(windows(1)[0], negative={0.2: 900}, positive={0.6: 29})],
            "January 2024 and a month before it need 500 judged rows each, 30 of either outcome",
            "2024-01",
        ),
        (
            [outcome_month(windows(3)[0])],
            "November 2023 and a month before it need 500 judged rows each, 30 of either outcome",
            "2023-11",
        ),
    ],
)
def test_why_outcomes_do_not_judge(outcomes, reason, label):
    for row, code in zip(judged(outcomes), ("drift.ranking", "drift.calibration"), strict=True):
        assert row.finding.code == code
        assert row.severity is Severity.UNKNOWN
        assert row.finding.measurement.reason == reason
        assert row.after.reason == reason
        assert math.isnan(row.before)
        assert row.month == label


def test_late_outcomes_judge_the_last_month_that_has_them():
    *outcomes, _, _ = wobbling(worse(0), worse(0), worse(0))
    ranking, _ = judged([*outcomes[:-1], outcome_month(windows(3)[0], better=-100)])
    assert ranking.month == "2023-11"
    assert ranking.after.subject == "November 2023"
    assert ranking.severity is Severity.ACT


@pytest.mark.parametrize(
    ("negative", "positive", "is_enough"),
    [
        (470, MIN_POSITIVE, True),
        (471, MIN_POSITIVE - 1, False),
        (MIN_POSITIVE, 470, True),
        (MIN_POSITIVE - 1, 471, False),
        (469, MIN_POSITIVE, False),
    ],
)
def test_months_count_from_enough_rows_of_either_outcome_on(negative, positive, is_enough):
    few = toy_outcomes(windows(2)[0], negative={0.2: negative}, positive={0.6: positive})
    evidence = toy_evidence(load_months([500, 500]), [few, outcome_month(windows(1)[0])])
    months = reference_outcomes(evidence, DriftPolicy())
    assert [one.window.label for one in months] == (["2023-12"] if is_enough else []) + ["2024-01"]


def test_months_with_too_few_outcomes_are_passed_over_and_the_rest_limited():
    outcomes = wobbling(worse(0))
    few = toy_outcomes(outcomes[-2].window, negative={0.2: 10}, positive={0.6: 5})
    evidence = toy_evidence(load_months([500, 500]), [*outcomes[:-2], few, outcomes[-1]])
    months = reference_outcomes(evidence, DriftPolicy(reference_months=3))
    assert [one.window.label for one in months] == ["2023-09", "2023-10", "2023-11", "2024-01"]


def test_counts_twice_as_large_rank_and_calibrate_alike():
    outcomes = wobbling(worse(60))
    twice = [
        OutcomeMonth(
            window=one.window,
            versions=one.versions,
            n_negative=2 * one.n_negative,
            n_positive=2 * one.n_positive,
            sum_score=2 * one.sum_score,
        )
        for one in outcomes
    ]
    for before, after in zip(judged(outcomes), judged(twice), strict=True):
        assert after.finding.measurement.value == pytest.approx(before.finding.measurement.value)
        assert after.severity is before.severity


# --- segments at equal score --------------------------------------------------------------------------------------


def segments_judged(segments, policy=None, *, n_months=6, outcomes=None):
    outcomes = outcomes or [outcome_month(window) for window in windows(n_months)]
    evidence = toy_evidence(load_months([500, 500]), outcomes, segments)
    return segment_outcomes(evidence, policy=policy or DriftPolicy())


def steady(value, last, *, column="region", expected=100, n_months=6):
    return toy_segment(
        value,
        column=column,
        n_positive=[expected] * (n_months - 1) + [last],
        sum_score=[expected] * n_months,
    )


def test_a_segment_by_hand():
    found = segments_judged([steady("north", 200), steady("south", 100), steady("west", 100)])
    first = found.shown[0]
    assert (first.column, first.value, first.is_changed) == ("region", "north", True)
    assert (first.before, first.after, first.n_positive) == (1.0, 2.0, 200)
    # Half an outcome is added to either side.
    assert first.factor == pytest.approx(200.5 / 100.5)
    assert [row.is_changed for row in found.shown[1:]] == [False, False]
    assert [row.factor for row in found.shown[1:]] == pytest.approx([1, 1])
    assert found.finding.measurement.value == pytest.approx(first.factor)
    assert found.finding.severity is Severity.WATCH
    assert found.n_compared == 3
    assert found.reason == ""


def test_the_limits_of_segments_are_inclusive():
    segments = [steady("north", 200), steady("south", 100), steady("west", 100)]
    factor = segments_judged(segments).shown[0].factor
    for watch, act, severity in (
        (factor * (1 + 1e-12), 9.0, Severity.OK),
        (factor * (1 - 1e-12), 9.0, Severity.WATCH),
        (1.1, factor, Severity.WATCH),
        (1.1, factor * (1 - 1e-12), Severity.ACT),
    ):
        policy = DriftPolicy(segment_calibration=Limits(watch=watch, act=act))
        assert segments_judged(segments, policy).finding.severity is severity


def test_fewer_outcomes_than_expected_are_a_change_as_well():
    found = segments_judged([steady("north", 40), steady("south", 100), steady("west", 100)])
    assert found.shown[0].factor == pytest.approx(40.5 / 100.5)
    assert found.finding.measurement.value == pytest.approx(100.5 / 40.5)
    assert found.finding.severity is Severity.ACT


def test_what_changed_for_all_segments_is_none_of_theirs():
    found = segments_judged([steady(value, 180) for value in ("north", "south", "west")])
    assert not any(row.is_changed for row in found.shown)
    assert [row.factor for row in found.shown] == pytest.approx([1, 1, 1])
    assert found.finding.measurement.value == 1
    assert found.finding.severity is Severity.OK


def test_what_changed_for_all_is_told_apart_for_each_column():
    # One value of the second column changed; in the first one, of which all values share it, none did.
    found = segments_judged(
        [steady(value, 150) for value in ("north", "south", "west")]
        + [steady("old", 240, column="age", expected=120), steady("young", 120, column="age", expected=120)]
        + [steady("middle", 130, column="age", expected=130)]
    )
    assert [row.value for row in found.shown if row.is_changed] == ["old"]
    by_value = {row.value: row.factor for row in found.shown}
    assert by_value["north"] == pytest.approx(1)
    assert by_value["old"] == pytest.approx(240.5 / 120.5)


def test_the_middle_is_weighted_by_expected_outcomes():
    # Two small segments doubled; the large one, which holds most of the outcomes, is the middle.
    found = segments_judged(
        [steady("a", 80, expected=40), steady("b", 80, expected=40), steady("large", 500, expected=500)]
    )
    assert {row.value: row.is_changed for row in found.shown} == {"a": True, "b": True, "large": False}


def test_the_only_segment_of_a_column_cannot_differ_from_all():
    found = segments_judged([steady("north", 300)])
    assert found.shown[0].factor == pytest.approx(1)
    assert not found.shown[0].is_changed


def test_a_segment_that_swings_in_other_months_too_is_usual():
    swinging = toy_segment("north", n_positive=[200, 50, 200, 50, 200, 200], sum_score=[100] * 6)
    found = segments_judged([swinging, steady("south", 100), steady("west", 100)])
    assert found.shown[0].value == "north"
    assert not found.shown[0].is_changed


@pytest.mark.parametrize(
    ("before", "now", "is_compared"),
    [(6, 30, True), (6, 29, False), (5.8, 30, False)],
)
def test_segments_count_from_enough_outcomes_on(before, now, is_compared):
    small = toy_segment("small", n_positive=[before] * 5 + [now], sum_score=[6] * 5 + [30])
    found = segments_judged([small, steady("large", 100)])
    assert ("small" in [row.value for row in found.shown]) == is_compared


@pytest.mark.parametrize(
    ("segments", "outcomes", "reason"),
    [
        ([], None, "model.yaml names no segments"),
        ([steady("small", 5, expected=5)], None, "no segment has enough outcomes"),
    ],
)
def test_why_segments_are_not_compared(segments, outcomes, reason):
    found = segments_judged(segments, outcomes=outcomes)
    assert found.reason == reason
    assert found.finding.severity is Severity.UNKNOWN
    assert (found.shown, found.n_compared, found.mix) == ((), 0, ())


def test_segments_without_outcomes_say_so():
    found = segment_outcomes(toy_evidence(load_months([500, 500])), policy=DriftPolicy())
    assert found.reason == "no outcomes are known"


def test_the_largest_changes_are_shown_and_all_that_are_findings():
    segments = [steady(f"s{i:02d}", 100 + i) for i in range(20)]
    found = segments_judged(segments)
    assert len(found.shown) == N_SHOWN
    assert found.n_compared == 20
    many = [steady(f"up{i}", 250) for i in range(10)] + [steady(f"s{i:02d}", 100) for i in range(20)]
    assert [row.value for row in segments_judged(many).shown] == [f"up{i}" for i in range(10)]


def test_order_of_segments_changes_nothing():
    segments = [steady("north", 200), steady("south", 100), steady("west", 110)]
    assert segments_judged(segments) == segments_judged(segments[::-1])


# --- the mix of segments ------------------------------------------------------------------------------------------


def mixed(n_risky, *, positive_share=0.5, n_months=6):
    """Return months in which a tenth of the rows are risky, then ``n_risky`` of 1,000.

    Scores say 0.3 for everybody; of risky rows half have the outcome, of the others three tenths.
    """
    n = np.array([100] * (n_months - 1) + [n_risky], np.float64)
    risky = toy_segment("risky", n=n, n_positive=positive_share * n, sum_score=0.3 * n)
    other = toy_segment("other", n=1000 - n, n_positive=0.3 * (1000 - n), sum_score=0.3 * (1000 - n))
    outcomes = [
        toy_outcomes(
            window,
            negative={0.3: 1000 - (a + b)},
            positive={0.3: a + b},
        )
        for window, a, b in zip(windows(n_months), risky.n_positive, other.n_positive, strict=True)
    ]
    return [risky, other], outcomes


def test_a_mix_by_hand():
    # From 10 % to 40 % risky rows, whose outcomes exceed their scores by 20 points: 0.3 x 20 = 6 points more.
    segments, outcomes = mixed(400)
    (mix,) = segments_judged(segments, outcomes=outcomes).mix
    assert (mix.column, mix.value) == ("region", "risky")
    assert (mix.share_before, mix.share_after) == pytest.approx((0.1, 0.4))
    assert mix.gap_pp == pytest.approx(20)
    assert mix.explained_pp == pytest.approx(6)
    assert mix.change_pp == pytest.approx(6)


def test_a_mix_that_did_not_change_explains_nothing():
    segments, outcomes = mixed(100)
    assert segments_judged(segments, outcomes=outcomes).mix == ()


def test_a_small_change_of_the_gap_needs_no_explanation():
    # 0.5 points are 25 risky rows more; one row fewer is not enough.
    for n_risky, is_told in ((126, True), (124, False)):
        segments, outcomes = mixed(n_risky)
        assert bool(segments_judged(segments, outcomes=outcomes).mix) == is_told


def test_a_column_without_a_part_in_it_is_not_named():
    segments, outcomes = mixed(400)
    even = [
        toy_segment(value, column="age", n=[500] * 6, n_positive=[160] * 5 + [190], sum_score=[150] * 6)
        for value in ("old", "young")
    ]
    assert [mix.column for mix in segments_judged([*segments, *even], outcomes=outcomes).mix] == ["region"]


# --- another version ----------------------------------------------------------------------------------------------


def with_versions(months, versions):
    return [dataclasses.replace(m, versions=(v,)) for m, v in zip(months, versions, strict=True)]


def test_a_version_is_held_against_its_own_months():
    months = [outcome_month(window) for window in windows(6)]
    evidence = toy_evidence(load_months([500, 500]), with_versions(months, ["v1"] * 3 + ["v2"] * 3))
    found = reference_outcomes(evidence, DriftPolicy())
    assert [month.window for month in found] == [month.window for month in months[3:]]


def test_a_month_of_two_versions_is_no_reference_for_one_of_them():
    months = [outcome_month(window) for window in windows(6)]
    mixed = [dataclasses.replace(months[4], versions=("v1", "v2"))]
    outcomes = [*with_versions(months[:4], ["v2"] * 4), *mixed, *with_versions(months[5:], ["v2"])]
    found = reference_outcomes(toy_evidence(load_months([500, 500]), outcomes), DriftPolicy())
    assert [month.window for month in found] == [month.window for month in (*months[:4], months[5])]


def test_the_first_month_of_a_version_is_held_against_the_model_before():
    months = [outcome_month(window) for window in windows(6)]
    evidence = toy_evidence(load_months([500, 500]), with_versions(months, ["v1"] * 5 + ["v2"]))
    assert len(reference_outcomes(evidence, DriftPolicy())) == 6


def test_segments_of_another_versions_months_are_not_at_equal_score():
    outcomes = with_versions([outcome_month(window) for window in windows(6)], ["v1"] * 5 + ["v2"])
    found = segments_judged(
        [steady("north", 40), steady("south", 100), steady("west", 100)], outcomes=outcomes
    )
    assert found.shown == ()
    assert found.reason == "no month before January 2024 was scored by the same versions alone"
    assert found.finding.severity is Severity.UNKNOWN
