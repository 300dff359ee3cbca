import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from afterlaunch.errors import DataError
from afterlaunch.performance import (
    SMALLEST_PROBABILITY,
    Confusion,
    ScoreCounts,
    average_precision,
    brier_score,
    ks_statistic,
    log_loss,
    ratio,
    roc_auc,
)

RANKING = (roc_auc, average_precision, ks_statistic)
LOSSES = (brier_score, log_loss)
modest = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def two_classes(draw):
    """Rows of both classes whose scores tie often."""
    y_true = draw(st.lists(st.integers(0, 1), min_size=2, max_size=40).filter(lambda y: 0 < sum(y) < len(y)))
    score = draw(st.lists(st.integers(0, 8), min_size=len(y_true), max_size=len(y_true)))
    return np.array(y_true), np.array(score) / 8


def rows(seed, *, n=3_000, decimals=None):
    generator = np.random.default_rng(seed)
    score = generator.beta(0.6, 3.0, n)
    y_true = (generator.random(n) < score).astype(int)
    return y_true, score if decimals is None else np.round(score, decimals)


def weighted_counts(y_true, score, weight):
    values, place = np.unique(score, return_inverse=True)
    sums = [np.bincount(place[y_true == side], weight[y_true == side], values.size) for side in (0, 1)]
    return values, *sums


# Two negatives (0.1, 0.4) and three positives (0.4, 0.8, 0.8), worked by hand. Pairs: 0.4 wins one and ties
# one, each 0.8 wins two. Recall rises by 2/3 at precision 1, by 1/3 at 3/4. Up to 0.4 lie 2/2 against 1/3.
TOY = ScoreCounts.from_rows([0, 0, 1, 1, 1], [0.1, 0.4, 0.4, 0.8, 0.8])


@pytest.mark.parametrize(
    ("measured", "by_hand"),
    [
        (TOY.roc_auc(), 5.5 / 6),
        (TOY.average_precision(), 2 / 3 * 1 + 1 / 3 * 3 / 4),
        (TOY.ks_statistic(), 1 - 1 / 3),
        (TOY.brier_score(), (0.01 + 0.16 + 0.36 + 0.04 + 0.04) / 5),
        (TOY.log_loss(), -(np.log(0.9) + np.log(0.6) + np.log(0.4) + 2 * np.log(0.8)) / 5),
        (TOY.outcome_share, 0.6),
        (TOY.mean_score, 0.5),
    ],
)
def test_a_toy_case_gives_what_was_worked_by_hand(measured, by_hand):
    assert measured == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("decimals", [None, 2, 1, 0])
def test_measures_equal_scikit_learn_and_scipy_on_rows(seed, decimals):
    y_true, score = rows(seed, decimals=decimals)
    counts = ScoreCounts.from_rows(y_true, score)
    expected = {
        "roc_auc": metrics.roc_auc_score(y_true, score),
        "average_precision": metrics.average_precision_score(y_true, score),
        "ks_statistic": stats.ks_2samp(score[y_true == 0], score[y_true == 1]).statistic,
        "brier_score": metrics.brier_score_loss(y_true, score),
        "log_loss": metrics.log_loss(y_true, score),
    }
    assert {name: getattr(counts, name)() for name in expected} == pytest.approx(expected, abs=1e-9)


def test_measures_equal_scikit_learn_with_weights():
    y_true, score = rows(3, decimals=2)
    weight = np.random.default_rng(3).gamma(1.0, 1.0, y_true.size)
    values, negative, positive = weighted_counts(y_true, score, weight)
    expected = [
        metrics.roc_auc_score(y_true, score, sample_weight=weight),
        metrics.average_precision_score(y_true, score, sample_weight=weight),
        metrics.brier_score_loss(y_true, score, sample_weight=weight),
        metrics.log_loss(y_true, score, sample_weight=weight),
    ]
    measured = [
        roc_auc(negative, positive),
        average_precision(negative, positive),
        brier_score(values, negative, positive),
        log_loss(values, negative, positive),
    ]
    assert measured == pytest.approx(expected, abs=1e-9)


def test_a_certain_score_that_is_wrong_costs_what_scikit_learn_says():
    y_true, score = [1, 0, 1], [0.0, 1.0, 1.0]
    assert ScoreCounts.from_rows(y_true, score).log_loss() == pytest.approx(metrics.log_loss(y_true, score))
    assert log_loss([0.0], [0], [1]) == pytest.approx(-np.log(SMALLEST_PROBABILITY))


@modest
@given(two_classes())
def test_ranking_measures_equal_their_definitions_pair_by_pair_and_threshold_by_threshold(given_rows):
    y_true, score = given_rows
    counts = ScoreCounts.from_rows(y_true, score)
    below, above = score[y_true == 0], score[y_true == 1]
    pairs = [(p > n) + (p == n) / 2 for p in above for n in below]
    precision_at = [np.mean(y_true[score >= p]) for p in above]
    gaps = [abs(np.mean(below <= s) - np.mean(above <= s)) for s in score]
    assert counts.roc_auc() == pytest.approx(np.mean(pairs), abs=1e-12)
    assert counts.average_precision() == pytest.approx(np.mean(precision_at), abs=1e-12)
    assert counts.ks_statistic() == pytest.approx(max(gaps), abs=1e-12)


@modest
@given(two_classes())
def test_measures_stay_within_their_bounds_and_auc_within_ks(given_rows):
    counts = ScoreCounts.from_rows(*given_rows)
    assert 0 <= counts.roc_auc() <= 1
    assert 0 < counts.average_precision() <= 1
    assert 0 <= counts.brier_score() <= 1
    assert counts.log_loss() >= 0
    # A curve that is never further than KS from the diagonal encloses at most this area.
    ks = counts.ks_statistic()
    assert abs(counts.roc_auc() - 0.5) <= ks - ks**2 / 2 + 1e-12
    assert 0 <= ks <= 1


@pytest.mark.parametrize("measure", RANKING)
def test_ranking_measures_take_all_leading_axes_in_one_call(measure):
    negative, positive = np.random.default_rng(4).integers(0, 5, (2, 3, 4, 6))
    one_by_one = [[measure(negative[i, j], positive[i, j]) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(measure(negative, positive), one_by_one, rtol=1e-14)


@pytest.mark.parametrize("measure", LOSSES)
def test_losses_take_all_leading_axes_in_one_call(measure):
    score = np.linspace(0.05, 0.95, 6)
    negative, positive = np.random.default_rng(5).integers(0, 5, (2, 3, 4, 6))
    one_by_one = [[measure(score, negative[i, j], positive[i, j]) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(measure(score, negative, positive), one_by_one, rtol=1e-14)


@pytest.mark.parametrize("measure", RANKING)
def test_one_side_without_leading_axes_broadcasts(measure):
    negative, positive = np.random.default_rng(6).integers(1, 5, (2, 4, 6))
    expected = [measure(row, positive[0]) for row in negative]
    np.testing.assert_allclose(measure(negative, positive[0]), expected, rtol=1e-14)


@pytest.mark.parametrize("measure", RANKING)
@pytest.mark.parametrize(
    ("negative", "positive"), [([1, 2], [0, 0]), ([0, 0], [1, 2]), ([0, 0], [0, 0]), ([], [])]
)
def test_ranking_without_both_classes_is_nan(measure, negative, positive):
    assert np.isnan(measure(negative, positive))


@pytest.mark.parametrize("measure", LOSSES)
def test_losses_need_rows_but_not_both_classes(measure):
    assert measure([0.5], [3], [0]) > 0
    assert np.isnan(measure([0.5], [0], [0]))
    assert np.isnan(measure([], [], []))


@pytest.mark.parametrize("measure", RANKING)
def test_undefined_entries_leave_the_others_alone(measure):
    measured = measure([[1, 1], [1, 1]], [[0, 0], [0, 2]])
    assert np.isnan(measured).tolist() == [True, False]


def test_auc_of_scores_is_not_the_auc_of_decisions():
    y_true, score = rows(7)
    decisions = (score >= 0.5).astype(float)
    assert (
        ScoreCounts.from_rows(y_true, score).roc_auc()
        > 0.05 + ScoreCounts.from_rows(y_true, decisions).roc_auc()
    )


def test_counts_of_a_large_month_stay_exact():
    half_a_billion = 500_000_000
    assert roc_auc([half_a_billion, 0], [0, half_a_billion]) == 1.0
    assert roc_auc([half_a_billion, half_a_billion], [half_a_billion, half_a_billion]) == 0.5


def test_ratio_is_a_plain_float_for_plain_numbers_and_nan_over_nothing():
    assert type(ratio(1, 2)) is float
    assert np.isnan(ratio(1, 0))
    np.testing.assert_array_equal(ratio([[1.0], [2.0]], [2.0, 0.0]), [[0.5, np.nan], [1.0, np.nan]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: roc_auc([1, 2], [1, 2, 3]),
            (
                "Counts of negatives have shape (2,) and counts of positives (3,). "
                "Give both one count per score value on the last axis."
            ),
        ),
        (
            lambda: roc_auc(1, 2),
            (
                "Counts of negatives have shape () and counts of positives (). "
                "Give both one count per score value on the last axis."
            ),
        ),
        (
            lambda: ks_statistic([1, -2], [1, 2]),
            "Counts of negatives hold -2. Counts and weights are 0 or more; give 0 where there are no rows.",
        ),
        (
            lambda: average_precision([1, 2], [1, np.nan]),
            "Counts of positives hold nan. Counts and weights are 0 or more; give 0 where there are no rows.",
        ),
        (
            lambda: brier_score([0.1], [1, 2], [1, 2]),
            "Scores have shape (1,) for counts of 2 score values. Give one score per count.",
        ),
        (
            lambda: log_loss([0.1, 1.2], [1, 2], [1, 2]),
            (
                "1 of 2 scores are missing or outside [0, 1], the first is 1.2. "
                "Leave rows without a score out, and turn other scores into probabilities first."
            ),
        ),
    ],
)
def test_counts_that_are_none_are_refused(call, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        call()


def test_rows_are_counted_by_score_value():
    assert TOY.score.tolist() == [0.1, 0.4, 0.8]
    assert TOY.n_negative.tolist() == [1, 1, 0]
    assert TOY.n_positive.tolist() == [0, 1, 2]
    assert (TOY.n, TOY.n_outcomes_negative, TOY.n_outcomes_positive) == (5, 2, 3)


@modest
@given(two_classes(), st.integers(0, 40))
def test_merged_parts_equal_the_whole(given_rows, place):
    y_true, score = given_rows
    whole = ScoreCounts.from_rows(y_true, score)
    merged = ScoreCounts.merge(
        ScoreCounts.from_rows(y_true[:place], score[:place]),
        ScoreCounts.from_rows(y_true[place:], score[place:]),
    )
    assert_same_counts(merged, whole)


def test_nothing_merged_has_no_rows():
    nothing = ScoreCounts.merge()
    assert nothing.n == 0
    assert np.isnan(
        [nothing.outcome_share, nothing.mean_score, nothing.roc_auc(), nothing.brier_score()]
    ).all()


def test_bins_count_at_their_mean_score_in_any_order_and_empty_ones_drop_out():
    binned = ScoreCounts.from_bins([1.2, 0.0, 0.6, 0.3], [1, 0, 2, 1], [1, 0, 0, 0])
    assert_same_counts(
        binned,
        ScoreCounts(score=np.array([0.3, 0.6]), n_negative=np.array([3, 1]), n_positive=np.array([0, 1])),
    )


def test_bins_keep_the_mean_score_of_their_rows():
    y_true, score = rows(8)
    place = (score * 20).astype(int)
    sums = [np.bincount(place, weights, 20) for weights in (score, 1 - y_true, y_true)]
    assert ScoreCounts.from_bins(*sums).mean_score == pytest.approx(score.mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("y_true", "reason"),
    [
        ([], "no outcome is known"),
        ([0], "the only outcome is negative"),
        ([1], "the only outcome is positive"),
        ([0] * 1312, "all 1,312 outcomes are negative"),
        ([1, 1], "all 2 outcomes are positive"),
        ([0, 1], None),
    ],
)
def test_why_ranking_is_undefined_is_said_in_words(y_true, reason):
    counts = ScoreCounts.from_rows(y_true, np.full(len(y_true), 0.5))
    assert counts.why_undefined == reason
    assert np.isnan(counts.roc_auc()) == (reason is not None)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: ScoreCounts.from_rows([0, 1], [0.5]),
            "Outcomes have shape (2,) and scores (1,). Give one outcome and one score a row.",
        ),
        (
            lambda: ScoreCounts.from_rows([0, 1, np.nan, 2], [0.5] * 4),
            (
                "2 of 4 outcomes are not 0 or 1, the first is nan. "
                "Leave rows without an outcome out, and code the others as 0 and 1."
            ),
        ),
        (
            lambda: ScoreCounts.from_rows(np.array([0, 1, None]), [0.5] * 3),
            (
                "1 of 3 outcomes are not 0 or 1, the first is None. "
                "Leave rows without an outcome out, and code the others as 0 and 1."
            ),
        ),
        (
            lambda: ScoreCounts.from_rows([0, 1], [0.5, np.nan]),
            (
                "1 of 2 scores are missing or outside [0, 1], the first is nan. "
                "Leave rows without a score out, and turn other scores into probabilities first."
            ),
        ),
        (
            lambda: counts_of([0.2, 0.2]),
            (
                "ScoreCounts got 0.2 followed by 0.2. Score values rise strictly; "
                "ScoreCounts.from_rows, from_bins and merge sort them and add up."
            ),
        ),
        (
            lambda: counts_of([0.2]),
            (
                "ScoreCounts got scores of shape (1,), negatives of (2,) and positives of (2,). "
                "Give three arrays of one shape (k,)."
            ),
        ),
        (
            lambda: dataclasses.replace(counts_of([0.2, 0.3]), n_positive=np.array([1.5, 1.0])),
            (
                "ScoreCounts got counts of type int64 and float64. Give whole rows as int64; "
                "for weights call the measures with arrays."
            ),
        ),
        (
            lambda: ScoreCounts.from_bins([0.5], [1.5], [1]),
            (
                "ScoreCounts got a bin with 1.5 rows. Give whole rows; "
                "for weights call the measures with arrays."
            ),
        ),
        (
            lambda: ScoreCounts.from_bins([0.5, 0.1, 0.2], [1, 2], [1, 2]),
            "Binned scores have 3 sums for 2 and 2 counts. Give one sum and two counts a bin.",
        ),
    ],
)
def test_score_counts_that_cannot_be_are_refused(build, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        build()


def test_boolean_outcomes_count_as_0_and_1():
    assert_same_counts(
        ScoreCounts.from_rows([False, True, True], [0.1, 0.4, 0.1]),
        ScoreCounts.from_rows([0, 1, 1], [0.1, 0.4, 0.1]),
    )


@pytest.mark.parametrize("threshold", [0.0, 0.3999, 0.4, 0.4001, 0.8, 0.9])
def test_a_score_at_the_threshold_is_an_alert(threshold):
    y_true, score = [0, 0, 1, 1, 1], [0.1, 0.4, 0.4, 0.8, 0.8]
    (tn, fp), (fn, tp) = metrics.confusion_matrix(y_true, np.array(score) >= threshold, labels=[False, True])
    assert dataclasses.asdict(TOY.confusion(threshold)) == {
        "n_true_positive": tp,
        "n_false_positive": fp,
        "n_false_negative": fn,
        "n_true_negative": tn,
    }


def test_shares_at_a_threshold_equal_scikit_learn():
    y_true, score = rows(9, decimals=2)
    decision = score >= 0.3
    at_threshold = ScoreCounts.from_rows(y_true, score).confusion(0.3)
    measured = [at_threshold.precision, at_threshold.recall, at_threshold.f1, at_threshold.alert_rate_share]
    expected = [
        metrics.precision_score(y_true, decision),
        metrics.recall_score(y_true, decision),
        metrics.f1_score(y_true, decision),
        decision.mean(),
    ]
    assert measured == pytest.approx(expected, abs=1e-12)
    assert at_threshold.false_positive_rate == pytest.approx(decision[y_true == 0].mean(), abs=1e-12)
    assert (at_threshold.n, at_threshold.n_alerts) == (3_000, decision.sum())


def test_shares_without_rows_to_rest_on_are_nan():
    no_alerts = Confusion(n_true_positive=0, n_false_positive=0, n_false_negative=0, n_true_negative=9)
    shares = [no_alerts.precision, no_alerts.recall, no_alerts.f1]
    assert np.isnan(shares).all()
    assert (no_alerts.alert_rate_share, no_alerts.false_positive_rate) == (0.0, 0.0)


def test_a_confusion_of_arrays_has_arrays_of_shares():
    days = Confusion(
        n_true_positive=np.array([3.0, 0.0]),
        n_false_positive=np.array([1.0, 0.0]),
        n_false_negative=np.array([1.0, 0.0]),
        n_true_negative=np.array([5.0, 7.0]),
    )
    np.testing.assert_array_equal(days.precision, [0.75, np.nan])
    np.testing.assert_array_equal(days.recall, [0.75, np.nan])
    np.testing.assert_array_equal(days.alert_rate_share, [0.4, 0.0])
    np.testing.assert_array_equal(days.f1, [0.75, np.nan])


def counts_of(score):
    return ScoreCounts(score=np.array(score), n_negative=np.array([1, 1]), n_positive=np.array([1, 1]))


def assert_same_counts(got, expected):
    assert got.score.tolist() == pytest.approx(expected.score.tolist(), abs=1e-15)
    assert got.n_negative.tolist() == expected.n_negative.tolist()
    assert got.n_positive.tolist() == expected.n_positive.tolist()
