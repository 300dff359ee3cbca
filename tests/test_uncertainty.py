import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.performance import roc_auc
from afterlaunch.uncertainty import (
    MIN_BLOCKS,
    MIN_RESAMPLES,
    Interval,
    NoInterval,
    benjamini_hochberg,
    block_interval,
    block_p_value,
    block_weights,
    holm,
    resample_counts,
    wilson_interval,
)
from study_measures import World, coverage, false_alarms_of_differences

modest = settings(deadline=None, max_examples=60, derandomize=True)
DRAWS = np.random.default_rng(1).normal(0.7, 0.02, 1_000)


def test_each_draw_holds_as_many_blocks_as_there_are():
    weights = block_weights(20, 500, seed=1)
    assert weights.shape == (500, 20)
    assert weights.dtype == np.int64
    assert (weights.sum(axis=1) == 20).all()
    assert (weights >= 0).all()


def test_every_block_comes_as_often_as_any_other():
    weights = block_weights(10, 20_000, seed=2)
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.03)
    assert weights.var(axis=0) == pytest.approx(np.full(10, 0.9), abs=0.05)


def test_the_seed_fixes_the_draws():
    np.testing.assert_array_equal(block_weights(5, 9, seed=3), block_weights(5, 9, seed=3))
    assert (block_weights(5, 9, seed=3) != block_weights(5, 9, seed=4)).any()


@pytest.mark.parametrize(("n_blocks", "n_resamples"), [(0, 10), (3, 0)])
def test_nothing_to_draw_is_refused(n_blocks, n_resamples):
    message = (
        f"Cannot draw {n_resamples} times from {n_blocks} blocks. Give 1 or more of both; "
        "a window without rows has nothing to draw from."
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        block_weights(n_blocks, n_resamples, seed=1)


def test_counts_of_a_draw_are_those_of_its_blocks_laid_end_to_end():
    counts = np.random.default_rng(4).integers(0, 9, (6, 2, 3))
    weights = block_weights(6, 5, seed=4)
    slow = [np.repeat(counts, row, axis=0).sum(axis=0) for row in weights]
    np.testing.assert_array_equal(resample_counts(counts, weights), slow)
    assert resample_counts(counts[:, 0, 0], weights).shape == (5,)


@pytest.mark.parametrize(
    ("counts", "weights"),
    [(np.ones((3, 2)), np.ones((5, 4))), (np.ones(3), np.ones(3)), (1, np.ones((2, 1)))],
)
def test_counts_and_weights_of_different_blocks_are_refused(counts, weights):
    message = (
        f"Counts have shape {np.shape(counts)} and weights {np.shape(weights)}. "
        "Give one count per block on the first axis and weights of shape (resamples, blocks)."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        resample_counts(counts, weights)


def test_the_interval_takes_hesterbergs_quantiles():
    # For 14 blocks t is 2.1604, times sqrt(14 / 13) is 2.2419, below which a normal has 1.2484 %.
    interval = block_interval(0.7, DRAWS, 14)
    expected = np.quantile(DRAWS, [0.012484, 1 - 0.012484])
    assert (interval.lower, interval.upper, interval.level) == pytest.approx((*expected, 0.95), abs=1e-6)


def test_the_interval_narrows_with_blocks_to_plain_percentiles_and_widens_with_the_level():
    def width(n_blocks, level):
        interval = block_interval(0.7, DRAWS, n_blocks, level=level)
        return interval.upper - interval.lower

    plain = np.diff(np.quantile(DRAWS, [0.025, 0.975]))[0]
    assert width(14, 0.95) > width(31, 0.95) > width(365, 0.95) > plain
    assert width(10_000_000, 0.95) == pytest.approx(plain, rel=1e-4)
    assert width(31, 0.99) > width(31, 0.95) > width(31, 0.8)


@modest
@given(st.floats(0.1, 100), st.floats(-10, 10))
def test_the_interval_moves_and_stretches_with_the_unit(factor, shift):
    interval = block_interval(0.7, DRAWS, 20)
    moved = block_interval(0.7 * factor + shift, DRAWS * factor + shift, 20)
    expected = (interval.lower * factor + shift, interval.upper * factor + shift)
    assert (moved.lower, moved.upper) == pytest.approx(expected, abs=1e-9)


def test_an_interval_needs_two_weeks():
    assert isinstance(block_interval(0.7, DRAWS, MIN_BLOCKS), Interval)
    assert block_interval(0.7, DRAWS, MIN_BLOCKS - 1) == NoInterval(
        reason="an interval needs at least 14 days with rows, and there are 13"
    )


def test_a_few_draws_without_a_value_are_left_out_and_many_leave_no_interval():
    few, many = DRAWS.copy(), DRAWS.copy()
    few[:50], many[:51] = np.nan, np.nan
    assert block_interval(0.7, few, 20) == block_interval(0.7, few[50:], 20)
    assert block_interval(0.7, many, 20) == NoInterval(
        reason="too few rows carry the measure: 5% of the draws of days give no value"
    )
    assert math.isnan(block_p_value(0.7, many, 20))


def test_a_month_with_positives_on_one_day_only_has_no_interval_for_auc():
    negative, positive = np.full((20, 3), 50), np.zeros((20, 3))
    positive[0] = [1, 2, 3]
    weights = block_weights(20, 1_000, seed=5)
    resampled = roc_auc(resample_counts(negative, weights), resample_counts(positive, weights))
    # That day is left out of (1 - 1 / 20) ** 20 = 36 % of the draws.
    assert np.isnan(resampled).mean() == pytest.approx(0.36, abs=0.04)
    assert isinstance(block_interval(0.6, resampled, 20), NoInterval)


def test_a_measure_without_a_value_has_no_interval():
    assert block_interval(math.nan, DRAWS, 20) == NoInterval(reason="the measure itself has no value")


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_days_that_are_all_alike_say_nothing_about_the_spread(value):
    draws = np.full(1_000, value)
    assert block_interval(value, draws, 20) == NoInterval(
        reason="every draw of days gives the same value, so they say nothing about its spread"
    )
    assert math.isnan(block_p_value(value, draws, 20))


@pytest.mark.parametrize("measure", [block_interval, block_p_value])
def test_too_few_draws_are_refused(measure):
    message = (
        "Resampled values have shape (199,). Give one axis of 200 draws or more; 1,000 or more are better."
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        measure(0.7, DRAWS[: MIN_RESAMPLES - 1], 20)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level):
    message = f"^{re.escape(f'Level is {level}. Give a number between 0 and 1, such as 0.95.')}$"
    with pytest.raises(ParameterError, match=message):
        block_interval(0.7, DRAWS, 20, level=level)
    with pytest.raises(ParameterError, match=message):
        wilson_interval(1, 2, level=level)


@pytest.mark.parametrize("n_days", [14, 30])
def test_intervals_over_days_cover_the_truth_where_those_over_rows_do_not(n_days):
    # 500 months know a coverage of 95 % to 2 points (two standard errors); the study draws 2,000.
    found = coverage(World(n_days=n_days, rows_a_day=300), n_months=500, n_resamples=400, seed=6)
    for measure, most_over_rows in (("share", 0.65), ("roc_auc", 0.80)):
        days, percentile, rows = (found[measure, way][0] for way in ("days", "percentile", "rows"))
        assert 0.92 <= days <= 0.975
        assert rows < most_over_rows < days
        assert percentile <= days


def test_the_p_value_is_that_of_a_t_test_over_days():
    daily = np.random.default_rng(7).normal(0.3, 1.0, 25)
    draws = resample_counts(daily, block_weights(25, 40_000, seed=7)) / 25
    oracle = stats.ttest_1samp(daily, 0.0).pvalue
    assert block_p_value(daily.mean(), draws, 25) == pytest.approx(oracle, abs=0.005)


def test_the_p_value_does_not_know_the_sign_and_falls_with_the_distance():
    centred = DRAWS - 0.7
    p_values = [block_p_value(distance, centred, 20) for distance in (0.0, 0.02, 0.05, 0.2)]
    assert p_values[0] == 1.0
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[-1] < 1 / centred.size
    assert block_p_value(-0.05, centred, 20) == p_values[2]


def test_a_difference_that_is_none_is_called_one_at_most_as_often_as_stated():
    share = false_alarms_of_differences(World(n_days=20), n_months=400, n_resamples=400, seed=8)
    assert 0.02 <= share <= 0.075


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (37, 1_000)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilsons_interval_equals_scipys(k, n, level):
    oracle = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    interval = wilson_interval(k, n, level=level)
    assert (interval.lower, interval.upper) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_without_rows_every_share_is_possible():
    assert wilson_interval(0, 0) == Interval(lower=0.0, upper=1.0, level=0.95)


@modest
@given(st.integers(0, 500), st.integers(0, 500))
def test_wilsons_interval_holds_the_share_and_stays_a_share(k, rest):
    interval = wilson_interval(k, k + rest)
    share = k / (k + rest) if k + rest else 0.5
    assert 0 <= interval.lower <= share <= interval.upper <= 1


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (math.nan, 3)])
def test_a_share_that_is_none_is_refused(k, n):
    message = f"{k:g} of 3 rows is no share. Give a number of rows between 0 and that of all rows."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        wilson_interval(k, n)


p_lists = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12)


def slow_holm(p_values):
    """Return the smallest level at which each comparison is called, one step-down at a time."""
    made = [p for p in p_values if not math.isnan(p)]
    adjusted = []
    for p in p_values:
        steps = [(len(made) - sum(o < other for o in made)) * other for other in made if other <= p]
        adjusted.append(min(1.0, max(steps)) if steps else math.nan)
    return adjusted


@modest
@given(p_lists)
def test_holm_equals_a_slow_second_implementation(p_values):
    np.testing.assert_allclose(holm(p_values), slow_holm(p_values), rtol=1e-12)


def test_holm_of_a_toy_case_is_what_was_worked_by_hand():
    # Sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.5 x 1.
    assert holm([0.5, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([]).size == 0


@modest
@given(p_lists)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    p = np.array(p_values)
    adjusted = holm(p)
    made = ~np.isnan(p)
    assert np.isnan(adjusted[~made]).all()
    assert (adjusted[made] >= p[made]).all()
    assert (np.diff(adjusted[made][np.argsort(p[made])]) >= 0).all()


def test_holm_calls_a_false_alarm_in_one_family_of_twenty():
    generator = np.random.default_rng(9)
    alarms = [holm(generator.random(20)).min() <= 0.05 for _ in range(2_000)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.015)


@modest
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_benjamini_hochberg_equals_scipys(p_values):
    oracle = stats.false_discovery_control(p_values, method="bh")
    np.testing.assert_allclose(benjamini_hochberg(p_values), oracle, rtol=1e-12)


def test_benjamini_hochberg_of_a_toy_case_is_what_was_worked_by_hand():
    # Sorted 0.01 x 4 / 1, 0.02 x 4 / 2, 0.03 x 4 / 3, 0.5 x 4 / 4.
    assert benjamini_hochberg([0.5, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.5, 0.04, 0.04, 0.04])
    assert benjamini_hochberg([]).size == 0


@modest
@given(p_lists)
def test_benjamini_hochberg_lies_between_the_p_values_and_holm(p_values):
    p, adjusted = np.array(p_values), benjamini_hochberg(p_values)
    made = ~np.isnan(p)
    assert np.isnan(adjusted[~made]).all()
    assert (adjusted[made] >= p[made] * (1 - 1e-12)).all()
    assert (adjusted[made] <= holm(p)[made] * (1 + 1e-12)).all()
    assert (np.diff(adjusted[made][np.argsort(p[made])]) >= 0).all()


def test_benjamini_hochberg_is_wrong_in_one_discovery_of_twenty_at_most():
    # 20 comparisons, 10 of them real: 5 % of the half without a change, so 2.5 % of discoveries, are wrong.
    generator = np.random.default_rng(9)
    wrong_shares = []
    for _ in range(1_000):
        z = generator.normal(size=20) + np.repeat([0.0, 3.5], 10)
        called = benjamini_hochberg(2 * stats.norm.sf(np.abs(z))) <= 0.05
        wrong_shares.append(called[:10].sum() / max(called.sum(), 1))
    assert np.mean(wrong_shares) == pytest.approx(0.025, abs=0.006)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_p_values_that_are_none_are_refused(adjust):
    message = "A p-value is 1.2. p-values lie in [0, 1]; give nan for a test not made."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        adjust([0.1, 1.2])
