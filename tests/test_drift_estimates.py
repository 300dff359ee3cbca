"""Estimated ranking: a finding only while outcomes are out, taught only by months of one version."""

import dataclasses
import math

import numpy as np
import pytest

from afterlaunch.drift_estimates import estimated_performance
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.findings import Severity
from toy_profiles import (
    HIGH,
    LOW,
    WOBBLE,
    load_month,
    load_months,
    outcome_month,
    toy_evidence,
    toy_outcomes,
    toy_profile,
    windows,
)

PROFILES = load_months([333] * 13)
KNOWN = [outcome_month(w, better=b) for w, b in zip(windows(13)[:-1], WOBBLE, strict=True)]


def estimated(outcomes, *, profiles=PROFILES, policy=None, version="v1"):
    return estimated_performance(
        toy_evidence(profiles, outcomes), version=version, policy=policy or DriftPolicy()
    )


# --- when it is a finding -----------------------------------------------------------------------------------------


def test_the_estimate_is_a_finding_while_outcomes_are_out():
    (finding,), performance = estimated(KNOWN)
    assert finding.is_estimate
    assert finding.finding.code == "drift.estimated_ranking"
    assert finding.before == pytest.approx(0.7, abs=1e-3)
    # The scores are those of the months before, and so are the outcomes to expect.
    assert finding.after.value == pytest.approx(0.7, abs=2e-3)
    assert finding.after.ci_lower < 0.7 < finding.after.ci_upper
    assert finding.severity is Severity.OK
    assert (performance.n_past, performance.estimate_reason) == (12, "")


def test_the_estimate_stands_beside_the_outcomes_once_they_are_in():
    findings, performance = estimated([*KNOWN, outcome_month(windows(1)[0], better=-40)])
    assert findings == ()
    last = performance.months[-1]
    assert last.label == "2024-01"
    assert last.roc_auc == pytest.approx(0.7 - 40 / 1600)
    assert last.estimated_roc_auc == pytest.approx(0.7, abs=2e-3)
    assert last.observed_expected == pytest.approx(400 / (0.2 * 760 + 0.6 * 440))
    assert last.n == 1200


def test_a_few_outcomes_of_the_month_do_not_replace_the_estimate():
    few = toy_outcomes(windows(1)[0], negative={0.2: 20, 0.6: 10}, positive={0.6: 10})
    (finding,), performance = estimated([*KNOWN, few])
    assert finding.severity is Severity.OK
    assert finding.after.value == pytest.approx(0.7, abs=2e-3)
    assert performance.months[-1].n == 40


def test_without_any_outcome_there_is_nothing_to_estimate_from():
    findings, performance = estimated([])
    assert findings == ()
    assert performance.estimate_reason == "estimates need at least 3 reference months, and there are 0"
    (only,) = performance.months
    assert (only.label, only.n) == ("2024-01", 1000)
    assert math.isnan(only.roc_auc)
    assert (only.ci_lower, only.ci_upper) == (None, None)


def test_too_few_months_with_outcomes_say_so():
    (finding,), performance = estimated(KNOWN[-2:])
    reason = "estimates need at least 3 reference months, and there are 2"
    assert finding.severity is Severity.UNKNOWN
    assert finding.finding.measurement.reason == reason
    assert finding.after.reason == reason
    assert performance.estimate_reason == reason
    assert [month.label for month in performance.months] == ["2023-11", "2023-12", "2024-01"]


# --- what it says -------------------------------------------------------------------------------------------------


def test_scores_that_no_longer_separate_are_a_fall():
    # 20 of 1,000 rows have the high score: with the shares of outcomes seen before, few pairs are told apart.
    (finding,), _ = estimated(KNOWN, profiles=[*PROFILES[:-1], load_month(windows(1)[0], 20)])
    at_low, at_high = 160 / 800, 240 / 400
    positive = np.array([980 * at_low, 20 * at_high])
    negative = np.array([980 * (1 - at_low), 20 * (1 - at_high)])
    by_hand = (positive[1] * negative[0] + positive @ negative / 2) / (positive.sum() * negative.sum())
    assert finding.after.value == pytest.approx(by_hand, abs=1e-3)
    assert finding.finding.measurement.value == pytest.approx(0.7 - by_hand, abs=2e-3)
    assert finding.severity is Severity.ACT


def test_the_limits_of_an_estimated_fall_are_inclusive():
    profiles = [*PROFILES[:-1], load_month(windows(1)[0], 20)]
    (finding,), _ = estimated(KNOWN, profiles=profiles)
    fall = finding.finding.measurement.value
    for watch, act, severity in (
        (fall, 1.0, Severity.OK),
        (math.nextafter(fall, 0), 1.0, Severity.WATCH),
        (0.02, fall, Severity.WATCH),
        (0.02, math.nextafter(fall, 0), Severity.ACT),
    ):
        (row,), _ = estimated(
            KNOWN, profiles=profiles, policy=DriftPolicy(ranking=Limits(watch=watch, act=act))
        )
        assert row.severity is severity


def test_a_fall_inside_its_interval_is_none():
    profiles = [*PROFILES[:-1], load_month(windows(1)[0], 280)]
    policy = DriftPolicy(ranking=Limits(watch=1e-6, act=1e-6))
    (finding,), _ = estimated(KNOWN, profiles=profiles, policy=policy)
    fall, reach = finding.finding.measurement.value, finding.after.ci_upper - finding.after.value
    assert 0 < fall < reach
    assert finding.finding.threshold.usual_range.upper == pytest.approx(reach)
    assert finding.severity is Severity.OK


def test_better_separation_is_no_finding():
    better = load_month(windows(1)[0], 500)
    policy = DriftPolicy(ranking=Limits(watch=1e-6, act=1e-6))
    (finding,), _ = estimated(KNOWN, profiles=[*PROFILES[:-1], better], policy=policy)
    assert finding.finding.measurement.value == 0
    assert finding.severity is Severity.OK


# --- what teaches it ----------------------------------------------------------------------------------------------


def of_versions(*versions):
    return [
        dataclasses.replace(month, versions=names)
        for month, names in zip(KNOWN[-len(versions) :], versions, strict=True)
    ]


@pytest.mark.parametrize(
    ("versions", "n_past"),
    [
        ([("v1",)] * 4, 4),
        ([("v1",), ("v1", "v2"), ("v1",), ("v1",)], 3),
        ([("v1", "v2"), ("v1",), ("v1",), ("v2",)], 0),
        ([("v2",)] * 4, 0),
    ],
)
def test_a_month_of_several_versions_teaches_no_estimate(versions, n_past):
    (finding,), performance = estimated(of_versions(*versions))
    assert performance.n_past == n_past
    assert finding.finding.measurement.is_known == (n_past >= 3)
    # It is shown all the same.
    assert len(performance.months) == 5


def test_no_more_months_teach_than_the_policy_says():
    _, performance = estimated(KNOWN, policy=DriftPolicy(reference_months=4))
    assert performance.n_past == 4
    is_estimated = [math.isfinite(month.estimated_roc_auc) for month in performance.months]
    assert is_estimated == [False] * 8 + [True] * 5


def test_the_month_itself_never_teaches():
    odd = outcome_month(windows(1)[0], better=-150)
    with_it, without = (estimated(outcomes)[1].months[-1] for outcomes in ([*KNOWN, odd], KNOWN))
    assert with_it.estimated_roc_auc == without.estimated_roc_auc


def test_only_rows_of_the_version_are_estimated():
    # 500 rows of v1 as in the month without v2, and 500 rows of v2 with the high score.
    load = np.repeat([0.0, 1.0], [400, 600])
    version = np.repeat(["v1", "v2"], [500, 500])
    mixed = toy_profile(
        windows(1)[0], score=np.where(load == 1, HIGH, LOW), numbers={"load": load}, version=version
    )
    alone = load_month(windows(1)[0], 100, n=500)
    found = [estimated(KNOWN, profiles=[*PROFILES[:-1], last])[0][0] for last in (mixed, alone)]
    assert found[0].after.value == found[1].after.value


def test_past_estimates_are_counted_by_whether_they_held():
    _, performance = estimated(KNOWN)
    past = performance.months[:-1]
    inside = [month.ci_lower <= month.roc_auc <= month.ci_upper for month in past]
    assert performance.n_inside == sum(inside)
    odd = [*KNOWN[:5], outcome_month(KNOWN[5].window, better=-250), *KNOWN[6:]]
    assert estimated(odd)[1].n_inside < 12


def test_each_month_says_how_often_the_outcome_came():
    months = [toy_outcomes(window, negative={0.2: 75}, positive={0.2: 25}) for window in windows(2)]
    evidence = toy_evidence(load_months([500, 500]), months)
    _, performance = estimated_performance(evidence, version="v1", policy=DriftPolicy())
    assert [month.outcome_share for month in performance.months] == pytest.approx([0.25, 0.25])
