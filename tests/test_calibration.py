import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn import calibration as sklearn_calibration
from sklearn.linear_model import LogisticRegression

from afterlaunch.bins import ScoreGrid
from afterlaunch.calibration import (
    NoRecalibration,
    Recalibration,
    calibration_curve,
    calibration_gap,
    expected_calibration_error,
    observed_expected_ratio,
    recalibration,
)
from afterlaunch.errors import ParameterError
from afterlaunch.performance import ScoreCounts
from afterlaunch.uncertainty import wilson_interval
from study_measures import ece_of_perfect_scores

modest = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def any_counts(draw):
    """Counts over up to 12 score values, some without rows of one class or of both."""
    k = draw(st.integers(1, 12))
    score = draw(st.lists(st.integers(0, 50), min_size=k, max_size=k, unique=True).map(sorted))
    counts = st.lists(st.integers(0, 30), min_size=k, max_size=k)
    negative, positive = draw(counts), draw(counts)
    return ScoreCounts(
        score=np.array(score) / 50,
        n_negative=np.array(negative, np.int64),
        n_positive=np.array(positive, np.int64),
    )


def rows(seed, *, slope=1.0, intercept=0.0, n=4_000):
    """Rows whose outcomes follow intercept + slope times the log-odds of their score."""
    generator = np.random.default_rng(seed)
    logit = -2 + 1.2 * generator.normal(size=n)
    y_true = generator.random(n) < special.expit(intercept + slope * logit)
    return y_true.astype(int), special.expit(logit)


def test_the_gap_is_observed_minus_predicted_and_takes_days_at_once():
    assert calibration_gap(30, 20.0, 100) == pytest.approx(0.1)
    np.testing.assert_allclose(calibration_gap([3, 0], [2.0, 1.0], [10, 10]), [0.1, -0.1])
    assert np.isnan(calibration_gap(0, 0.0, 0))


def test_the_ratio_is_observed_per_expected_and_takes_days_at_once():
    assert observed_expected_ratio(30, 20.0) == 1.5
    np.testing.assert_array_equal(observed_expected_ratio([3, 1], [2.0, 0.0]), [1.5, np.nan])


def test_gap_and_ratio_agree_on_which_side_the_outcomes_lie():
    y_true, score = rows(1, intercept=0.5)
    assert calibration_gap(y_true.sum(), score.sum(), y_true.size) == pytest.approx((y_true - score).mean())
    assert observed_expected_ratio(y_true.sum(), score.sum()) > 1


def test_the_curve_of_a_toy_case_is_what_was_worked_by_hand():
    # Six rows in three bins of two: (0.1, 0.2), (0.3, 0.3), (0.6, 0.8).
    curve = calibration_curve(
        ScoreCounts.from_rows([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.3, 0.6, 0.8]), n_bins=3
    )
    assert curve.n.tolist() == [2, 2, 2]
    assert curve.n_positive.tolist() == [0, 1, 2]
    assert curve.mean_score.tolist() == pytest.approx([0.15, 0.3, 0.7])
    assert curve.outcome_share.tolist() == [0.0, 0.5, 1.0]
    middle = wilson_interval(1, 2)
    assert (curve.ci_lower[1], curve.ci_upper[1]) == (middle.lower, middle.upper)
    assert curve.n_bins == 3


def test_the_curve_equals_scikit_learn_where_bins_come_out_even():
    y_true, score = rows(2)
    curve = calibration_curve(ScoreCounts.from_rows(y_true, score), n_bins=10)
    shares, means = sklearn_calibration.calibration_curve(y_true, score, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(curve.outcome_share, shares, atol=1e-12)
    np.testing.assert_allclose(curve.mean_score, means, atol=1e-12)
    assert curve.n.tolist() == [400] * 10


@modest
@given(any_counts(), st.integers(1, 12))
def test_bins_of_the_curve_hold_every_row_once_and_rise(counts, n_bins):
    curve = calibration_curve(counts, n_bins=n_bins)
    assert (curve.n.sum(), curve.n_positive.sum()) == (counts.n, counts.n_outcomes_positive)
    assert curve.n_bins <= n_bins
    assert (curve.n > 0).all()
    assert (np.diff(curve.mean_score) > 0).all()
    assert (curve.ci_lower <= curve.outcome_share).all()
    assert (curve.outcome_share <= curve.ci_upper).all()


@modest
@given(any_counts())
def test_rows_of_one_score_value_share_a_bin(counts):
    curve = calibration_curve(counts, n_bins=3)
    rows_of_value = counts.n_negative + counts.n_positive
    assert set(np.cumsum(curve.n)) <= set(np.cumsum(rows_of_value))


def test_a_score_with_one_value_makes_one_bin():
    curve = calibration_curve(ScoreCounts.from_rows([0, 1, 0, 0], [0.2] * 4))
    assert (curve.n.tolist(), curve.outcome_share.tolist()) == ([4], [0.25])


def test_without_rows_the_curve_is_empty_and_the_error_nan():
    nothing = ScoreCounts.merge()
    assert calibration_curve(nothing).n_bins == 0
    assert np.isnan(expected_calibration_error(nothing))


def test_a_curve_without_bins_is_refused():
    with pytest.raises(ParameterError, match=r"^n_bins is 0\. Give 1 or more\.$"):
        calibration_curve(ScoreCounts.merge(), n_bins=0)


def test_the_calibration_error_of_a_toy_case_is_what_was_worked_by_hand():
    counts = ScoreCounts.from_rows([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.3, 0.6, 0.8])
    assert expected_calibration_error(counts, n_bins=3) == pytest.approx((0.15 + 0.2 + 0.3) / 3)


def test_the_calibration_error_equals_a_slow_one_over_sorted_rows():
    y_true, score = rows(3, slope=0.6)
    order = np.argsort(score)
    parts = zip(np.split(y_true[order], 10), np.split(score[order], 10), strict=True)
    slow = np.mean([abs(y.mean() - s.mean()) for y, s in parts])
    assert expected_calibration_error(ScoreCounts.from_rows(y_true, score)) == pytest.approx(slow, abs=1e-12)


@modest
@given(any_counts().filter(lambda counts: counts.n > 0), st.integers(1, 12))
def test_the_calibration_error_is_at_least_the_gap_and_equals_it_in_one_bin(counts, n_bins):
    gap = abs(counts.outcome_share - counts.mean_score)
    assert gap - 1e-12 <= expected_calibration_error(counts, n_bins=n_bins) <= 1
    assert expected_calibration_error(counts, n_bins=1) == pytest.approx(gap, abs=1e-12)


def test_perfect_scores_have_about_the_error_that_the_documentation_states():
    error, variance = ece_of_perfect_scores(5_000, n_worlds=40, seed=1)
    assert error == pytest.approx((2 / np.pi * 10 * variance / 5_000) ** 0.5, rel=0.12)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -0.7), (1.6, 0.4), (-0.5, 0.0)])
def test_recalibration_equals_a_logistic_regression_on_rows(slope, intercept):
    y_true, score = rows(4, slope=slope, intercept=intercept)
    fitted = recalibration(ScoreCounts.from_rows(y_true, score))
    oracle = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        special.logit(score)[:, None], y_true
    )
    assert fitted.slope == pytest.approx(oracle.coef_[0, 0], abs=1e-6)
    assert fitted.intercept == pytest.approx(oracle.intercept_[0], abs=1e-6)


def test_recalibration_finds_what_was_planted():
    fitted = recalibration(ScoreCounts.from_rows(*rows(5, slope=0.6, intercept=-0.4, n=200_000)))
    assert fitted.slope == pytest.approx(0.6, abs=0.02)
    assert fitted.intercept == pytest.approx(-0.4, abs=0.04)


def test_recalibration_of_binned_counts_is_close_to_that_of_rows():
    y_true, score = rows(6, slope=0.8, intercept=0.3)
    grid = ScoreGrid(steps_per_logit=10)
    place = grid.index(score)
    sums = [np.bincount(place, weights, grid.n_bins) for weights in (score, 1 - y_true, y_true)]
    exact = recalibration(ScoreCounts.from_rows(y_true, score))
    binned = recalibration(ScoreCounts.from_bins(*sums))
    assert (binned.slope, binned.intercept) == pytest.approx((exact.slope, exact.intercept), abs=2e-3)


@modest
@given(any_counts())
def test_recalibration_leaves_no_better_curve_or_says_why_there_is_none(counts):
    fitted = recalibration(counts)
    if isinstance(fitted, NoRecalibration):
        assert counts.why_undefined or touches(counts)
        return
    logit = np.clip(special.logit(counts.score), -16, 16)
    predicted = special.expit(fitted.intercept + fitted.slope * logit)
    residual = counts.n_positive - (counts.n_negative + counts.n_positive) * predicted
    # At the maximum of the likelihood residuals add up to nothing, plain and weighted by the log-odds.
    assert residual.sum() == pytest.approx(0, abs=1e-5)
    assert (residual * logit).sum() == pytest.approx(0, abs=1e-4)


def touches(counts):
    negative, positive = counts.score[counts.n_negative > 0], counts.score[counts.n_positive > 0]
    return negative.max() <= positive.min() or positive.max() <= negative.min()


@pytest.mark.parametrize(
    ("y_true", "score", "reason"),
    [
        ([], [], "no outcome is known"),
        ([0, 0], [0.1, 0.2], "all 2 outcomes are negative"),
        ([0, 1], [0.2, 0.2], "all scores are the same"),
        ([0, 0, 1], [0.1, 0.2, 0.3], "the scores separate the outcomes completely"),
        ([1, 1, 0], [0.1, 0.2, 0.3], "the scores separate the outcomes completely"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.3], "the scores separate the outcomes completely"),
    ],
)
def test_recalibration_says_why_there_is_no_curve(y_true, score, reason):
    assert recalibration(ScoreCounts.from_rows(y_true, score)) == NoRecalibration(reason=reason)


def test_score_values_without_rows_do_not_hide_that_all_scores_are_the_same():
    counts = ScoreCounts(score=np.array([0.2, 0.4]), n_negative=np.array([3, 0]), n_positive=np.array([2, 0]))
    assert recalibration(counts) == NoRecalibration(reason="all scores are the same")


def test_scores_of_0_and_1_have_a_place_on_the_curve():
    counts = ScoreCounts.from_rows([0, 1, 0, 1], [0.0, 0.0, 1.0, 1.0])
    fitted = recalibration(counts)
    assert isinstance(fitted, Recalibration)
    assert (fitted.slope, fitted.intercept) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_recalibration_survives_one_surprise_among_a_billion_rows():
    counts = ScoreCounts(
        score=np.array([1e-6, 0.5, 1 - 1e-6]),
        n_negative=np.array([1_000_000_000, 1, 1]),
        n_positive=np.array([1, 1, 1_000_000_000]),
    )
    fitted = recalibration(counts)
    assert fitted.slope == pytest.approx(np.log(1e9) / -special.logit(1e-6), rel=1e-6)
    assert fitted.intercept == pytest.approx(0.0, abs=1e-6)


def test_recalibration_survives_bins_that_outweigh_all_others():
    generator = np.random.default_rng(7)
    for _ in range(200):
        score = np.sort(special.expit(generator.uniform(-15, 15, 4)))
        negative, positive = np.floor(10 ** generator.uniform(-1, 9, (2, 4))).astype(np.int64)
        fitted = recalibration(ScoreCounts(score=score, n_negative=negative, n_positive=positive))
        if isinstance(fitted, Recalibration):
            logit, n = special.logit(score), negative + positive
            predicted = special.expit(fitted.intercept + fitted.slope * logit)
            # The score test of a further step, in squared standard errors: nothing is left to gain.
            gradient = np.array(
                [np.sum(positive - n * predicted), np.sum(logit * (positive - n * predicted))]
            )
            weight = n * predicted * (1 - predicted)
            information = np.array([[np.sum(weight * logit ** (i + j)) for i in (0, 1)] for j in (0, 1)])
            assert gradient @ np.linalg.solve(information, gradient) < 1e-4


def test_a_first_step_that_overshoots_by_far_is_taken_back():
    counts = ScoreCounts(
        score=np.array([1e-6, 0.4, 0.5, 1 - 1e-6]),
        n_negative=np.array([10, 0, 1, 0]),
        n_positive=np.array([0, 1, 0, 10_000_000]),
    )
    fitted = recalibration(counts)
    predicted = special.expit(fitted.intercept + fitted.slope * special.logit(counts.score))
    assert predicted @ (counts.n_negative + counts.n_positive) == pytest.approx(10_000_001, abs=1e-4)


def test_reasons_can_follow_a_colon():
    reason = recalibration(ScoreCounts.from_rows([1], [0.5])).reason
    assert re.fullmatch(r"[a-z][^.]*", reason)
