import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from afterlaunch.divergence import (
    HALF_ROW,
    adjusted_psi,
    jensen_shannon_distance,
    mean_shift_in_sd,
    population_stability_index,
    psi_sampling_bias,
    wasserstein_in_sd,
)
from afterlaunch.errors import DataError
from afterlaunch.performance import ks_statistic

OF_BINS = (population_stability_index, psi_sampling_bias, adjusted_psi, jensen_shannon_distance)
OF_VALUES = (wasserstein_in_sd, mean_shift_in_sd)
modest = settings(deadline=None, max_examples=60, derandomize=True)


def on_bins(measure):
    """Return a measure of two windows; where it needs values, bin k stands for k squared."""
    if measure in OF_BINS:
        return measure
    return lambda reference, current: measure(np.arange(np.shape(reference)[-1]) ** 2.0, reference, current)


@st.composite
def two_windows(draw, *, least=0):
    """Counts of two windows with rows, in bins that are often empty unless told otherwise."""
    n_bins = draw(st.integers(2, 8))
    counts = st.lists(st.integers(least, 30), min_size=n_bins, max_size=n_bins).filter(any)
    return np.array(draw(counts)), np.array(draw(counts))


def slow_psi(reference, current):
    """Return the index bin by bin, as a risk analyst would in a spreadsheet."""
    pairs = [(r, c) for r, c in zip(reference, current, strict=True) if r or c]
    pairs = [(r or 0.5, c or 0.5) for r, c in pairs]
    n_reference, n_current = sum(r for r, _ in pairs), sum(c for _, c in pairs)
    shares = [(r / n_reference, c / n_current) for r, c in pairs]
    return sum((now - before) * math.log(now / before) for before, now in shares)


def no_drift(*, n_bins, n, n_draws, seed):
    return np.random.default_rng(seed).multinomial(n, np.full(n_bins, 1 / n_bins), (2, n_draws))


# Shares 1/2, 1/2, 0 against 1/5, 4/5, 0. Around 10 and 30 (sd 10) a row is at 20, then at 26; three rows of
# ten move by two sd.
REFERENCE, CURRENT = [50, 50, 0], [20, 80, 0]
SUPPORT = [10, 30, 1_000]


@pytest.mark.parametrize(
    ("measured", "by_hand"),
    [
        (population_stability_index(REFERENCE, CURRENT), 0.3 * math.log(5 / 2) + 0.3 * math.log(8 / 5)),
        (psi_sampling_bias(REFERENCE, CURRENT), (2 - 1) * (1 / 100 + 1 / 100)),
        (adjusted_psi(REFERENCE, CURRENT), 0.3 * math.log(4) - 0.02),
        (
            jensen_shannon_distance(REFERENCE, CURRENT) ** 2,
            (
                0.5 * math.log2(0.5 / 0.35)
                + 0.5 * math.log2(0.5 / 0.65)
                + 0.2 * math.log2(0.2 / 0.35)
                + 0.8 * math.log2(0.8 / 0.65)
            )
            / 2,
        ),
        (wasserstein_in_sd(SUPPORT, REFERENCE, CURRENT), 0.3 * 20 / 10),
        (mean_shift_in_sd(SUPPORT, REFERENCE, CURRENT), (26 - 20) / 10),
        (mean_shift_in_sd(SUPPORT, CURRENT, REFERENCE), -6 / 8),
        (ks_statistic(REFERENCE, CURRENT), 0.3),
    ],
)
def test_a_toy_case_gives_what_was_worked_by_hand(measured, by_hand):
    assert type(measured) is float
    assert measured == pytest.approx(by_hand, abs=1e-12)


def test_rows_that_spread_both_ways_move_without_a_shift_of_the_mean():
    # All eight rows but the outer two leave the middle; sd sqrt(1 / 4), six eighths move by one.
    assert mean_shift_in_sd([1, 2, 3], [1, 6, 1], [4, 0, 4]) == 0.0
    assert wasserstein_in_sd([1, 2, 3], [1, 6, 1], [4, 0, 4]) == pytest.approx(0.75 / 0.5)


@modest
@given(two_windows())
def test_the_stability_index_equals_a_slow_second_implementation(windows):
    assert population_stability_index(*windows) == pytest.approx(slow_psi(*windows), rel=1e-12, abs=1e-13)


@modest
@given(two_windows())
def test_the_jensen_shannon_distance_equals_scipys(windows):
    # scipy loses half of its digits near 0, where rounding can even leave it without a value.
    oracle = np.nan_to_num(distance.jensenshannon(*windows, base=2))
    assert jensen_shannon_distance(*windows) == pytest.approx(oracle, abs=1e-7)


@modest
@given(two_windows(), st.floats(0.01, 100), st.floats(-100, 100))
def test_the_wasserstein_distance_equals_scipys(windows, unit, start):
    reference, current = windows
    values = start + unit * np.arange(reference.size) ** 1.5
    sd = math.sqrt(np.cov(values, fweights=reference, ddof=0))
    oracle = stats.wasserstein_distance(values, values, reference, current)
    if np.count_nonzero(reference) > 1:
        assert wasserstein_in_sd(values, *windows) == pytest.approx(oracle / sd, rel=1e-7, abs=1e-10)


@modest
@given(two_windows())
def test_the_mean_shift_equals_the_difference_of_the_means_of_rows(windows):
    reference, current = (np.repeat(np.arange(counts.size) ** 2, counts) for counts in windows)
    if np.ptp(reference):
        expected = (current.mean() - reference.mean()) / reference.std()
        assert on_bins(mean_shift_in_sd)(*windows) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@modest
@given(two_windows())
def test_the_largest_distance_of_cumulative_shares_is_the_ks_statistic_of_the_two_windows(windows):
    rows = [np.repeat(np.arange(counts.size), counts) for counts in windows]
    assert ks_statistic(*windows) == pytest.approx(stats.ks_2samp(*rows).statistic, abs=1e-12)


@modest
@given(two_windows())
def test_distances_of_bins_do_not_know_which_window_came_first(windows):
    for measure in OF_BINS:
        assert measure(*windows) == measure(*windows[::-1])


@modest
@given(two_windows(), st.integers(1, 5))
def test_a_window_of_the_same_shares_is_at_no_distance_whatever_its_size(windows, factor):
    reference, _ = windows
    for measure in (population_stability_index, adjusted_psi, jensen_shannon_distance, *OF_VALUES):
        assert on_bins(measure)(reference, factor * reference) == 0.0


@modest
@given(two_windows())
def test_measures_stay_within_their_bounds(windows):
    shift, moved = (on_bins(measure)(*windows) for measure in (mean_shift_in_sd, wasserstein_in_sd))
    assert 0 <= adjusted_psi(*windows) <= population_stability_index(*windows) < math.inf
    assert psi_sampling_bias(*windows) >= 0
    assert 0 <= jensen_shannon_distance(*windows) <= 1
    assert abs(shift) <= moved
    # No row can cross more than the whole range.
    sd = np.repeat(np.arange(windows[0].size) ** 2, windows[0]).std()
    assert moved * sd <= (windows[0].size - 1) ** 2 or not sd


@modest
@given(two_windows(least=1), st.floats(0.01, 1_000), st.floats(0.01, 1_000))
def test_sizes_of_the_windows_do_not_matter_while_no_bin_is_empty(windows, one, other):
    reference, current = windows
    for measure in (population_stability_index, jensen_shannon_distance, *OF_VALUES):
        expected = on_bins(measure)(reference, current)
        assert on_bins(measure)(one * reference, other * current) == pytest.approx(
            expected, rel=1e-9, abs=1e-7
        )


@modest
@given(two_windows(least=1), st.data())
def test_bins_whose_shares_changed_alike_can_be_merged(windows, data):
    # Each bin is cut into two equal parts; together they say what the whole one said.
    place = data.draw(st.integers(0, windows[0].size - 1))
    cut = [np.insert(2 * counts, place, counts[place]) for counts in windows]
    for counts, whole in zip(cut, windows, strict=True):
        counts[place + 1] = whole[place]
    for measure in (population_stability_index, jensen_shannon_distance):
        expected = measure(2 * windows[0], 2 * windows[1])
        assert measure(*cut) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@modest
@given(two_windows(least=1))
def test_coarser_bins_never_show_more(windows):
    merged = [np.append(counts[:-2], counts[-2:].sum()) for counts in windows]
    for measure in (population_stability_index, jensen_shannon_distance):
        assert measure(*merged) <= measure(*windows) + 1e-9


@modest
@given(two_windows(), two_windows())
def test_the_jensen_shannon_distance_of_a_detour_is_no_shorter(windows, others):
    n_bins = min(windows[0].size, others[0].size)
    # One more row keeps every window from being empty.
    first, second, third = (
        counts[:n_bins] + 1 * (np.arange(n_bins) == 0) for counts in (*windows, others[0])
    )
    detour = jensen_shannon_distance(first, third) + jensen_shannon_distance(third, second)
    assert jensen_shannon_distance(first, second) <= detour + 1e-12


@modest
@given(two_windows(), st.floats(0.001, 1_000), st.integers(-1_000, 1_000))
def test_distances_in_standard_deviations_do_not_know_the_unit(windows, unit, start):
    values = np.arange(windows[0].size) ** 2
    for measure in OF_VALUES:
        expected = measure(values, *windows)
        assert measure(start + unit * values, *windows) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_mirrored_values_turn_the_shift_and_keep_the_distance():
    values, reference, current = np.array([1, 2, 5, 9]), np.array([4, 3, 2, 1]), np.array([1, 5, 1, 8])
    mirrored = (-values[::-1], reference[::-1], current[::-1])
    assert mean_shift_in_sd(*mirrored) == pytest.approx(-mean_shift_in_sd(values, reference, current))
    assert wasserstein_in_sd(*mirrored) == pytest.approx(wasserstein_in_sd(values, reference, current))


def test_values_of_any_magnitude_have_a_distance():
    for unit in (1e-300, 1e-160, 1.0, 1e160, 1e300):
        assert wasserstein_in_sd(np.multiply([10, 30], unit), [50, 50], [25, 75]) == pytest.approx(0.5)
    assert mean_shift_in_sd(1e9 + np.array([10, 30]), [50, 50], [25, 75]) == 0.5


def test_an_empty_bin_counts_as_half_a_row_on_its_side_only():
    assert HALF_ROW == 0.5
    expected = (0.5 / 100.5 - 0.1) * math.log(0.5 / 100.5 / 0.1) + (100 / 100.5 - 0.9) * math.log(
        100 / 100.5 / 0.9
    )
    assert population_stability_index([90, 10], [100, 0]) == pytest.approx(expected, rel=1e-12)
    assert population_stability_index([100, 0], [90, 10]) == pytest.approx(expected, rel=1e-12)


def test_a_bin_that_empties_costs_more_than_one_that_nearly_does_and_more_the_more_rows_there_are():
    costs = [population_stability_index([900, 100], [1_000 - left, left]) for left in (20, 5, 1, 0)]
    assert costs == sorted(costs)
    by_rows = [population_stability_index([900, 100], [n, 0]) for n in (10, 100, 1_000, 100_000)]
    assert by_rows == sorted(by_rows)


@pytest.mark.parametrize("measure", [*OF_BINS, *OF_VALUES])
def test_a_bin_that_is_empty_in_both_windows_says_nothing(measure):
    reference, current = np.array([5, 0, 3, 9, 0]), np.array([7, 2, 0, 4, 0])
    values = np.array([0, 1, 4, 9, 16])
    filled = slice(None, 4)
    if measure in OF_BINS:
        assert measure(reference, current) == pytest.approx(measure(reference[filled], current[filled]))
    else:
        expected = measure(values[filled], reference[filled], current[filled])
        assert measure(values, reference, current) == pytest.approx(expected)


def test_no_bin_in_common_is_the_largest_jensen_shannon_distance():
    assert jensen_shannon_distance([3, 1, 0, 0], [0, 0, 9, 2]) == pytest.approx(1.0, abs=1e-15)
    assert jensen_shannon_distance([3, 1, 0, 0], [0, 0, 9, 2]) <= 1.0


def test_a_change_of_one_row_in_a_billion_still_has_a_distance():
    n = 1_000_000_000
    # Of so small a change the divergence is the sum of (change of the share) ** 2 / share, by 8, in nats.
    expected = math.sqrt(2 * (1 / (2 * n)) ** 2 / 0.5 / 8 / math.log(2))
    assert jensen_shannon_distance([n, n], [n - 1, n + 1]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("measure", [*OF_BINS, *OF_VALUES])
@pytest.mark.parametrize(
    ("reference", "current"), [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([0, 0], [0, 0]), ([], [])]
)
def test_a_window_without_rows_is_at_no_known_distance(measure, reference, current):
    assert math.isnan(on_bins(measure)(reference, current))


@pytest.mark.parametrize("measure", [*OF_BINS, *OF_VALUES])
def test_a_month_without_rows_leaves_the_others_alone(measure):
    reference, months = [4, 5, 6], [[7, 1, 2], [0, 0, 0], [3, 3, 3]]
    measured = on_bins(measure)(reference, months)
    assert np.isnan(measured).tolist() == [False, True, False]
    assert measured[[0, 2]].tolist() == [on_bins(measure)(reference, months[k]) for k in (0, 2)]


@pytest.mark.parametrize("measure", OF_VALUES)
def test_a_reference_in_one_bin_is_at_no_distance_or_an_infinite_one(measure):
    assert measure([1, 2, 3], [0, 8, 0], [0, 3, 0]) == 0.0
    assert measure([1, 2, 3], [0, 8, 0], [0, 3, 1]) == math.inf
    assert measure([5], [8], [3]) == 0.0
    assert measure([0.1, 0.7], [[0, 8], [4, 4], [0, 8]], [[0, 3], [3, 5], [1, 3]])[1] < math.inf


def test_a_shift_away_from_a_reference_in_one_bin_keeps_its_sign():
    assert mean_shift_in_sd([1, 2, 3], [0, 8, 0], [1, 3, 0]) == -math.inf
    # Rows move either way and the mean stays: that is a distance, and no shift.
    assert mean_shift_in_sd([1, 2, 3], [0, 8, 0], [1, 3, 1]) == 0.0
    assert wasserstein_in_sd([1, 2, 3], [0, 8, 0], [1, 3, 1]) == math.inf


@pytest.mark.parametrize("measure", [*OF_BINS, *OF_VALUES])
def test_features_and_months_are_compared_in_one_call(measure):
    generator = np.random.default_rng(1)
    reference = generator.integers(0, 4, (4, 1, 6))
    months = generator.integers(0, 4, (4, 3, 6))
    one_by_one = [[on_bins(measure)(reference[i, 0], months[i, j]) for j in range(3)] for i in range(4)]
    np.testing.assert_allclose(on_bins(measure)(reference, months), one_by_one, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("measure", OF_VALUES)
def test_each_feature_can_bring_values_of_its_own(measure):
    generator = np.random.default_rng(2)
    reference, months = generator.integers(1, 9, (4, 1, 6)), generator.integers(1, 9, (4, 3, 6))
    values = np.cumsum(generator.random((4, 1, 6)), axis=-1)
    one_by_one = [[measure(values[i, 0], reference[i, 0], months[i, j]) for j in range(3)] for i in range(4)]
    np.testing.assert_allclose(measure(values, reference, months), one_by_one, rtol=1e-12)


def test_two_samples_of_one_distribution_have_the_expected_index():
    # 2 x 15 / 2,000. One draw varies by sqrt(2 / 15) of it, 300 of them by 0.0003; three times that is
    # allowed.
    draws = no_drift(n_bins=16, n=2_000, n_draws=300, seed=3)
    assert psi_sampling_bias(*draws) == pytest.approx(np.full(300, 0.015), rel=1e-12)
    assert population_stability_index(*draws).mean() == pytest.approx(0.015, abs=0.001)


@pytest.mark.parametrize(("n_bins", "n"), [(5, 200), (16, 2_000), (40, 2_000)])
def test_sampling_alone_makes_what_is_stated_of_index_and_distance(n_bins, n):
    reference, current = no_drift(n_bins=n_bins, n=n, n_draws=4_000, seed=4)
    # The reference is often several months: twice the rows leave three quarters of the bias.
    for before, of_equal in ((reference, 1.0), (reference + reference[::-1], 0.75)):
        bias = psi_sampling_bias(before, current).mean()
        assert bias == pytest.approx(of_equal * 2 * (n_bins - 1) / n)
        assert population_stability_index(before, current).mean() == pytest.approx(bias, rel=0.03)
        squared = jensen_shannon_distance(before, current) ** 2
        assert squared.mean() == pytest.approx(bias / (8 * math.log(2)), rel=0.03)


@pytest.mark.parametrize(
    ("expected_rows", "lowest", "highest"), [(0.5, 0.38, 0.6), (3, 1.0, 1.06), (5, 1.05, 1.12)]
)
def test_rare_bins_move_the_index_away_from_its_expectation_by_what_is_stated(expected_rows, lowest, highest):
    n = 2_000
    rare = np.full(40, expected_rows / n)
    shares = np.append(rare, np.full(5, (1 - rare.sum()) / 5))
    draws = np.random.default_rng(5).multinomial(n, shares, (2, 1_000))
    relative = population_stability_index(*draws).mean() / psi_sampling_bias(*draws).mean()
    assert lowest <= relative <= highest


def test_the_adjusted_index_is_none_half_of_the_time_without_drift_and_keeps_a_drift():
    reference, current = no_drift(n_bins=16, n=2_000, n_draws=2_000, seed=6)
    adjusted = adjusted_psi(reference, current)
    assert (adjusted == 0).mean() == pytest.approx(0.54, abs=0.04)
    assert np.quantile(adjusted, 0.95) < 0.012
    tilted = np.linspace(0.5, 1.5, 16) / 16
    drifted = np.random.default_rng(7).multinomial(2_000, tilted, 2_000)
    truth = np.sum((tilted - 1 / 16) * np.log(tilted * 16))
    assert adjusted_psi(reference, drifted).mean() == pytest.approx(truth, rel=0.03)


@pytest.mark.parametrize("measure", [*OF_BINS, *OF_VALUES])
@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (np.ones(3), np.ones(2)),
        (np.ones(1), np.ones(4)),
        (np.float64(1), np.ones(2)),
        (np.ones((2, 3)), np.ones((4, 3))),
    ],
)
def test_windows_of_different_bins_are_refused(measure, reference, current):
    message = (
        f"Reference counts have shape {reference.shape} and current counts {current.shape}. Give both the same "
        "bins on the last axis, and leading axes that are equal or 1."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        measure(reference, current) if measure in OF_BINS else measure([1, 2, 3], reference, current)


@pytest.mark.parametrize("measure", [*OF_BINS, *OF_VALUES])
@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf])
def test_counts_that_are_none_are_refused(measure, wrong):
    message = "counts hold {:g}. Counts are finite and 0 or more; give 0 where there are no rows.".format
    with pytest.raises(DataError, match=f"^{re.escape('Reference ' + message(wrong))}$"):
        on_bins(measure)([1, wrong], [1, 2])
    with pytest.raises(DataError, match=f"^{re.escape('Current ' + message(wrong))}$"):
        on_bins(measure)([1, 2], [[1, 2], [3, wrong]])


@pytest.mark.parametrize("measure", OF_VALUES)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [1, 2],
            (
                "Values have shape (2,) for counts of shape (2, 3). Give one value per bin on the last axis, and "
                "leading axes that are equal or 1."
            ),
        ),
        (
            np.ones((5, 3)),
            (
                "Values have shape (5, 3) for counts of shape (2, 3). Give one value per bin on the last axis, "
                "and leading axes that are equal or 1."
            ),
        ),
        (
            1,
            (
                "Values have shape () for counts of shape (2, 3). Give one value per bin on the last axis, and "
                "leading axes that are equal or 1."
            ),
        ),
        (
            [1, 2, math.inf],
            (
                "Values hold inf. Give a finite value per bin, such as the mean of the rows in an open-ended bin, "
                "and leave the missing bin out."
            ),
        ),
        (
            [math.nan, 2, 3],
            (
                "Values hold nan. Give a finite value per bin, such as the mean of the rows in an open-ended bin, "
                "and leave the missing bin out."
            ),
        ),
        (
            [[1, 2, 3], [1, 3, 3]],
            (
                "Values hold 3 followed by 3. Values rise strictly from bin to bin; sort them and their counts, "
                "and add up bins of one value."
            ),
        ),
    ],
)
def test_values_that_do_not_fit_the_bins_are_refused(measure, values, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        measure(values, [1, 2, 3], [[1, 2, 3], [3, 2, 1]])
