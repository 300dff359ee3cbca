import math
import re
import time

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.response_time import (
    MIN_A_WINDOW,
    MIN_SPREAD,
    LatencyGrid,
    NoPeak,
    peak_windows,
    quantile,
    quantile_of_counts,
    smallest_n,
    why_no_quantile,
    window_minutes,
)
from study_response_time import LATENCY_SHAPES, SPREAD_OUT, LatencyWorld, grid_errors, latency_coverage

modest = settings(deadline=None, max_examples=80, derandomize=True)
GRID = LatencyGrid()
latencies = st.floats(GRID.lowest_ms, 1e6)
bucket_counts = st.lists(st.integers(0, 60), min_size=1, max_size=12)
arrivals = st.lists(st.integers(0, 40), max_size=40)


def counted(latency_ms):
    return np.bincount(GRID.index(latency_ms), minlength=GRID.n_buckets)


# --- the grid -----------------------------------------------------------------------------------------------


def test_the_grid_of_a_toy_case_is_what_was_worked_by_hand():
    grid = LatencyGrid(ratio=10, lowest_ms=1, highest_ms=1_000)
    assert grid.n_buckets == 3
    assert grid.index([0, 0.5, 1, 9.99, 10, 99, 100, 1e9]).tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    assert grid.lower([0, 1, 2]).tolist() == [1, 10, 100]
    assert grid.upper([0, 1, 2]).tolist() == [10, 100, 1_000]


def test_a_bucket_is_one_per_cent_wide_and_holds_what_lies_between_its_edges():
    every = np.arange(GRID.n_buckets)
    np.testing.assert_allclose(GRID.upper(every) / GRID.lower(every), 1.01)
    np.testing.assert_allclose(GRID.upper(every[:-1]), GRID.lower(every[1:]))
    np.testing.assert_array_equal(GRID.index(np.sqrt(GRID.lower(every) * GRID.upper(every))), every)
    assert GRID.lower(0) == 0.1
    assert GRID.lower(GRID.n_buckets - 1) < 1e7 <= GRID.upper(GRID.n_buckets - 1)


@pytest.mark.parametrize(
    ("lowest", "highest", "n_buckets"),
    [(1, 10, 1), (1, 1e3, 3), (1, 1.001e3, 4), (1e-3, 1e3, 6), (1, 999, 3)],
)
def test_a_highest_latency_on_an_edge_opens_no_bucket_of_its_own(lowest, highest, n_buckets):
    assert LatencyGrid(ratio=10, lowest_ms=lowest, highest_ms=highest).n_buckets == n_buckets


@modest
@given(
    st.lists(st.floats(0, 1e12), min_size=1, max_size=50).map(sorted),
    st.floats(1.001, 4),
    st.floats(1e-3, 10),
    st.floats(11, 1e9),
)
def test_a_longer_latency_never_falls_in_a_lower_bucket(latency_ms, ratio, lowest, highest):
    grid = LatencyGrid(ratio=ratio, lowest_ms=lowest, highest_ms=highest)
    index = grid.index(latency_ms)
    assert (np.diff(index) >= 0).all()
    assert 0 <= index[0] <= index[-1] < grid.n_buckets


def test_the_grid_keeps_the_shape_of_its_latencies():
    assert GRID.index(np.full((2, 3), 200.0)).shape == (2, 3)
    assert GRID.index(200) == 763
    assert GRID.index([]).size == 0


def test_sql_finds_the_buckets_that_python_finds():
    generator = np.random.default_rng(1)
    latency_ms = np.concatenate(
        [[0.0, 0.05, 0.1, 1, 30, 100, 200, 1_000, 2_300, 30_000, 1e7, 1e9], generator.lognormal(6, 2, 20_000)]
    )
    bucket = (
        f"least(floor(ln(greatest(ms, {GRID.lowest_ms!r}::DOUBLE) / {GRID.lowest_ms!r}::DOUBLE) "
        f"/ ln({GRID.ratio!r}::DOUBLE)), {GRID.n_buckets} - 1)::BIGINT"
    )
    found = duckdb.execute(f"SELECT {bucket} FROM (SELECT unnest(?) AS ms)", [latency_ms.tolist()]).fetchall()
    assert [row[0] for row in found] == GRID.index(latency_ms).tolist()


def test_counts_of_days_add_up_to_those_of_the_month():
    latency_ms = np.random.default_rng(2).lognormal(6, 1, 3_000)
    np.testing.assert_array_equal(sum(map(counted, np.split(latency_ms, 30))), counted(latency_ms))


@pytest.mark.parametrize(
    "fields",
    [{"ratio": 1.0}, {"ratio": math.inf}, {"ratio": math.nan}, {"lowest_ms": 0}, {"highest_ms": 0.1}],
)
def test_a_grid_without_buckets_is_refused(fields):
    shown = {"lowest_ms": 0.1, "highest_ms": 1e7, "ratio": 1.01} | fields
    message = (
        f"A latency grid from {shown['lowest_ms']:g} to {shown['highest_ms']:g} ms in steps of "
        f"{shown['ratio']:g} has no buckets. Give a ratio above 1, such as 1.01, and two latencies above 0 "
        "that rise."
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        LatencyGrid(**fields)


@pytest.mark.parametrize("edge", ["lower", "upper"])
@pytest.mark.parametrize("index", [-1, 1852])
def test_buckets_off_the_grid_are_refused(edge, index):
    with pytest.raises(DataError, match=rf"^Bucket {index} is not on the grid\. Give 0 to 1851\.$"):
        getattr(GRID, edge)([3, index])


@pytest.mark.parametrize("measure", [GRID.index, lambda latency_ms: quantile(latency_ms, 0.5)])
@pytest.mark.parametrize(
    ("latency", "first"), [(math.nan, "nan"), (-1.0, "-1"), (math.inf, "inf"), (None, "nan")]
)
def test_requests_without_a_latency_are_refused_with_what_to_do(measure, latency, first):
    message = (
        f"1 of 2 latencies are missing, negative or infinite, the first is {first}. Give a request without an "
        "answer the time limit as its latency: it was a slow one, and without it the others look faster."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        measure([200.0, latency])


# --- quantiles ----------------------------------------------------------------------------------------------


@modest
@given(st.lists(latencies, min_size=1, max_size=60), st.floats(0, 1))
def test_the_exact_quantile_is_that_of_sql(latency_ms, q):
    by_sql = duckdb.execute(
        f"SELECT percentile_cont({q!r}::DOUBLE) WITHIN GROUP (ORDER BY ms) FROM (SELECT unnest(?) AS ms)",
        [latency_ms],
    ).fetchall()[0][0]
    assert quantile(latency_ms, q) == pytest.approx(by_sql, rel=1e-12)


def test_quantiles_of_a_toy_case_are_what_was_worked_by_hand():
    # Rank 0.95 x 3 = 2.85: 300, and 85 % of the way from there to 2,300.
    assert quantile([2_300, 100, 300, 200], 0.95) == pytest.approx(2_000)
    # Buckets 1 to 10, 10 to 100: rank 0.5 lies halfway between the middles of the two.
    grid = LatencyGrid(ratio=10, lowest_ms=1, highest_ms=1_000)
    assert quantile_of_counts([1, 1, 0], 0.5, grid) == pytest.approx((10**0.5 + 10**1.5) / 2)
    # Of 100 in one bucket, the one of rank 99 x 0.5 = 49.5 lies between the places 49.5 and 50.5 of 100.
    assert quantile_of_counts([0, 100, 0], 0.5, grid) == pytest.approx((10**1.495 + 10**1.505) / 2)


def laid_out(counts, grid, first_bucket):
    """Lay the requests of each bucket out at equal ratios, or in its middle when they are few."""
    for bucket, n in enumerate(counts, start=first_bucket):
        lower, upper = float(grid.lower(bucket)), float(grid.upper(bucket))
        for place in range(n):
            yield lower * (upper / lower) ** ((place + 0.5) / n if n >= MIN_SPREAD else 0.5)


@modest
@given(bucket_counts, st.floats(0, 1), st.integers(0, 1_800))
def test_quantiles_of_counts_equal_those_of_requests_laid_out_one_by_one(counts, q, first_bucket):
    one_by_one = quantile(list(laid_out(counts, GRID, first_bucket)), q)
    found = quantile_of_counts(counts, q, GRID, first_bucket=first_bucket)
    assert found == pytest.approx(one_by_one, rel=1e-9, nan_ok=True)


@modest
@given(st.lists(latencies, min_size=1, max_size=MIN_SPREAD - 1), st.floats(0, 1))
def test_quantiles_of_few_requests_are_within_half_a_per_cent_whatever_they_are(latency_ms, q):
    assert quantile_of_counts(counted(latency_ms), q, GRID) == pytest.approx(
        quantile(latency_ms, q), rel=0.005
    )


@modest
@given(st.lists(st.tuples(latencies, st.integers(1, 90)), min_size=1, max_size=9), st.floats(0, 1))
def test_quantiles_are_never_off_by_more_than_the_width_of_a_bucket(repeated, q):
    latency_ms = np.repeat(*map(list, zip(*repeated, strict=True)))
    exact = quantile(latency_ms, q)
    assert abs(quantile_of_counts(counted(latency_ms), q, GRID) / exact - 1) <= 0.01 + 1e-9


@pytest.mark.parametrize("shape", LATENCY_SHAPES)
def test_quantiles_of_a_month_are_within_half_a_per_cent_where_latencies_spread(shape):
    errors = grid_errors(shape, n=100_000, n_worlds=3, seed=3)
    assert errors.max() <= (0.005 if shape in SPREAD_OUT else 0.01)
    assert errors.mean() <= (0.001 if shape in SPREAD_OUT else 0.005)


@modest
@given(bucket_counts, st.lists(st.floats(0, 1), min_size=2, max_size=5).map(sorted))
def test_a_higher_quantile_is_never_shorter(counts, shares):
    found = [quantile_of_counts([*counts, 1], q, GRID) for q in shares]
    assert found == sorted(found)


@modest
@given(bucket_counts, st.floats(0, 1), st.integers(0, 1_000), st.integers(0, 800))
def test_latencies_that_all_stretch_stretch_their_quantile(counts, q, first_bucket, steps):
    before = quantile_of_counts([*counts, 1], q, GRID, first_bucket=first_bucket)
    after = quantile_of_counts([*counts, 1], q, GRID, first_bucket=first_bucket + steps)
    assert after == pytest.approx(before * GRID.ratio**steps, rel=1e-9)


@modest
@given(bucket_counts, st.floats(0, 1), st.integers(0, 20))
def test_empty_buckets_on_either_side_change_nothing(counts, q, n_empty):
    around = [0] * n_empty + counts + [0] * n_empty
    assert quantile_of_counts(around, q, GRID, first_bucket=100) == pytest.approx(
        quantile_of_counts(counts, q, GRID, first_bucket=100 + n_empty), rel=1e-12, nan_ok=True
    )


def test_leading_axes_are_quantiles_of_their_own():
    counts = np.random.default_rng(4).poisson(3, (2, 3, 50)) * [[[1], [0], [20]]]
    found = quantile_of_counts(counts, 0.95, GRID, first_bucket=600)
    slow = [[quantile_of_counts(row, 0.95, GRID, first_bucket=600) for row in side] for side in counts]
    np.testing.assert_array_equal(found, slow)
    assert np.isnan(found).tolist() == [[False, True, False]] * 2


def test_counts_that_are_not_whole_have_quantiles_near_those_of_whole_ones():
    latency_ms = np.random.default_rng(5).lognormal(6, 0.5, 10_000)
    reweighted = counted(latency_ms) * np.linspace(0.5, 2, GRID.n_buckets)
    exact = quantile(
        np.repeat(
            latency_ms,
            np.round(100 * np.linspace(0.5, 2, GRID.n_buckets)[GRID.index(latency_ms)]).astype(int),
        ),
        0.95,
    )
    assert quantile_of_counts(reweighted, 0.95, GRID) == pytest.approx(exact, rel=0.005)
    assert quantile_of_counts([0.2, 0.2], 0.5, GRID) == pytest.approx(0.1, rel=0.011)


def test_a_thousand_draws_take_a_fraction_of_a_second():
    counts = np.random.default_rng(6).poisson(20.0, (1_000, 1_500)).astype(float)
    started = time.perf_counter()
    quantile_of_counts(counts, 0.95, GRID)
    assert time.perf_counter() - started < 0.2


def test_without_requests_there_is_no_quantile():
    assert math.isnan(quantile([], 0.95))
    assert math.isnan(quantile_of_counts([0, 0], 0.95, GRID))


@pytest.mark.parametrize("q", [-0.01, 1.01, 95, math.nan])
@pytest.mark.parametrize(
    "measure", [lambda q: quantile([1.0], q), lambda q: quantile_of_counts([1], q, GRID), smallest_n]
)
def test_a_quantile_that_is_none_is_refused(measure, q):
    message = f"The quantile is {q:g}. Give a number between 0 and 1, such as 0.95."
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        measure(q)


@pytest.mark.parametrize(
    ("counts", "first_bucket", "message"),
    [
        (
            [1, -2],
            0,
            "Counts of requests hold -2. Counts are 0 or more; give 0 where there are no requests.",
        ),
        (
            [1, math.nan],
            0,
            "Counts of requests hold nan. Counts are 0 or more; give 0 where there are no requests.",
        ),
        (
            [1, 2],
            1_851,
            (
                "Counts have shape (2,) from bucket 1851 on, and the grid has 1852 buckets. "
                "Give counts of buckets on the grid on the last axis."
            ),
        ),
        (
            [1, 2],
            -1,
            (
                "Counts have shape (2,) from bucket -1 on, and the grid has 1852 buckets. "
                "Give counts of buckets on the grid on the last axis."
            ),
        ),
        (
            7,
            0,
            (
                "Counts have shape () from bucket 0 on, and the grid has 1852 buckets. "
                "Give counts of buckets on the grid on the last axis."
            ),
        ),
    ],
)
def test_counts_that_cannot_be_are_refused(counts, first_bucket, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        quantile_of_counts(counts, 0.5, GRID, first_bucket=first_bucket)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
def test_the_smallest_n_is_the_first_with_an_interval_of_order_statistics(q):
    def has_interval(n):
        return max(stats.binom.pmf(0, n, q), stats.binom.pmf(n, n, q)) <= 0.025

    n = smallest_n(q)
    assert has_interval(n)
    assert not has_interval(n - 1)


@pytest.mark.parametrize("q", [0.0, 1.0])
def test_the_shortest_and_the_longest_latency_never_have_an_interval(q):
    message = f"The quantile is {q:g}. Give a number between 0 and 1, such as 0.95."
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        smallest_n(q)


@pytest.mark.parametrize(
    ("n", "q", "reason"),
    [
        (120, 0.99, "p99 needs at least 368 requests, and there are 120"),
        (3_687, 0.999, "p99.9 needs at least 3,688 requests, and there are 3,687"),
        (3_688, 0.999, None),
        (1, 0.95, "p95 needs at least 72 requests, and there is 1"),
        (0, 0.5, "p50 needs at least 6 requests, and there is none"),
        (72, 0.95, None),
    ],
)
def test_too_few_requests_have_a_reason_instead_of_a_quantile(n, q, reason):
    assert why_no_quantile(n, q) == reason


# --- peak load ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_by_window", "share", "expected"),
    [
        ([5, 1, 9, 5], 0.05, [2]),
        ([5, 1, 9, 5], 0.45, [2]),
        ([5, 1, 9, 5], 0.46, [0, 2]),
        ([5, 1, 9, 5], 0.70, [0, 2]),
        ([5, 1, 9, 5], 0.71, [0, 2, 3]),
        ([5, 1, 9, 5], 1, [0, 1, 2, 3]),
        ([3, 3, 3], 0.05, [0]),
        ([1] * 100, 0.07, list(range(7))),
        ([0, 4, 0], 1, [1]),
        ([0, 0], 0.5, []),
        ([], 0.5, []),
    ],
)
def test_the_peak_is_the_busiest_windows_up_to_the_one_that_reaches_the_share(n_by_window, share, expected):
    assert np.flatnonzero(peak_windows(n_by_window, share=share)).tolist() == expected


@modest
@given(arrivals, st.floats(0.01, 1), st.integers(2, 9))
def test_the_peak_is_as_small_as_it_can_be_and_holds_the_busiest(n_by_window, share, factor):
    n, is_peak = np.array(n_by_window, dtype=float), peak_windows(n_by_window, share=share)
    np.testing.assert_array_equal(peak_windows(factor * n, share=share), is_peak)
    if not n.sum():
        assert not is_peak.any()
        return
    assert n[is_peak].sum() >= share * n.sum() * (1 - 1e-9)
    assert n[is_peak].sum() - n[is_peak].min() < share * n.sum()
    assert n[is_peak].min() >= n[~is_peak].max(initial=0)
    assert n[is_peak].min() > 0


def slow_window_minutes(n_by_minute):
    """Take the busiest windows one by one, for one length after the other."""
    for minutes in (1, 5, 15, 60):
        starts = range(0, len(n_by_minute), minutes)
        windows = sorted((sum(n_by_minute[start : start + minutes]) for start in starts), reverse=True)
        peak = []
        while sum(peak) < 0.05 * sum(windows):
            peak.append(windows[len(peak)])
        if peak and sum(peak) / len(peak) >= 30:
            return minutes
    return None


@modest
@given(st.integers(1, 6), st.sampled_from([0.02, 0.2, 0.6, 2, 8, 40]), st.integers(0, 10**6))
def test_windows_are_as_short_as_their_requests_allow(n_hours, a_minute, seed):
    generator = np.random.default_rng(seed)
    by_hour = generator.gamma(2, a_minute / 2, n_hours)
    n_by_minute = generator.poisson(np.repeat(by_hour, 60)).tolist()
    found, expected = window_minutes(n_by_minute), slow_window_minutes(n_by_minute)
    assert isinstance(found, NoPeak) if expected is None else found == expected


@pytest.mark.parametrize(
    ("n_by_minute", "minutes"),
    [
        ([MIN_A_WINDOW] * 60, 1),
        ([MIN_A_WINDOW - 1] * 60, 5),
        ([*[MIN_A_WINDOW] * 3, *[1] * 57], 1),
        ([6] * 60, 5),
        ([2] * 60, 15),
        ([1] * 30 + [0] * 30, 60),
    ],
)
def test_windows_of_a_toy_case_are_what_was_worked_by_hand(n_by_minute, minutes):
    assert window_minutes(n_by_minute) == minutes


@pytest.mark.parametrize(
    ("n_by_minute", "reason"),
    [
        ([0] * 120, "no request arrived"),
        ([], "no request arrived"),
        (
            [0] * 59 + [29],
            "the busiest hours, which carry 5% of the requests, hold 29 each, and a peak needs 30",
        ),
        (
            [0] * 59 + [7] + [0] * 59 + [0],
            "the busiest hours, which carry 5% of the requests, hold 7 each, and a peak needs 30",
        ),
    ],
)
def test_without_busy_hours_there_is_a_reason_instead_of_a_peak(n_by_minute, reason):
    assert window_minutes(n_by_minute) == NoPeak(reason=reason)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: window_minutes([1] * 61),
            DataError,
            ("There are 61 minutes of arrivals. Give whole hours, with 0 for a minute without a request."),
        ),
        (
            lambda: peak_windows([[1, 2], [3, 4]]),
            DataError,
            (
                "Requests by window have shape (2, 2). "
                "Give one count a window, in order, with 0 for a window without a request."
            ),
        ),
        (
            lambda: peak_windows([1, math.nan]),
            DataError,
            "Counts of requests hold nan. Counts are 0 or more; give 0 where there are no requests.",
        ),
        (
            lambda: peak_windows([1], share=0),
            ParameterError,
            "The share is 0. Give a number above 0, at most 1, such as 0.05.",
        ),
        (
            lambda: peak_windows([1], share=5),
            ParameterError,
            "The share is 5. Give a number above 0, at most 1, such as 0.05.",
        ),
    ],
)
def test_arrivals_that_cannot_be_are_refused(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()


# --- traps --------------------------------------------------------------------------------------------------


def test_averaged_percentiles_are_far_off_where_counts_that_add_up_are_not():
    # 720 hours, of which the 5 busy ones of each day take up to four times as long.
    generator = np.random.default_rng(7)
    is_busy = np.isin(np.arange(720) % 24, [9, 10, 11, 14, 15])
    n = generator.poisson(np.where(is_busy, 400, 150))
    hours = [
        generator.lognormal(np.log(220 * (1 + 3 * busy * generator.random())), 0.4, size)
        for busy, size in zip(is_busy, n, strict=True)
    ]
    truth = quantile(np.concatenate(hours), 0.95)
    hourly = np.array([quantile(hour, 0.95) for hour in hours])
    assert hourly.mean() < 0.75 * truth
    assert np.average(hourly, weights=n) < 0.9 * truth
    assert quantile_of_counts(sum(map(counted, hours)), 0.95, GRID) == pytest.approx(truth, rel=0.005)


def test_rows_without_latency_are_the_slow_ones_and_a_month_that_drops_them_looks_better():
    generator = np.random.default_rng(8)
    limit_ms = 5_000.0
    usual = np.minimum(generator.lognormal(6, 0.6, 20_000), limit_ms)
    overloaded = generator.lognormal(6, 0.6, 20_000)
    gets_no_answer = generator.random(20_000) < 0.16 * (stats.rankdata(overloaded) / overloaded.size)
    assert gets_no_answer.mean() == pytest.approx(0.08, abs=0.005)
    dropped = quantile(overloaded[~gets_no_answer], 0.95)
    with_limit = quantile(np.where(gets_no_answer, limit_ms, overloaded), 0.95)
    assert dropped < quantile(usual, 0.95)
    assert with_limit == limit_ms > 3 * quantile(usual, 0.95)


def test_requests_in_flight_as_load_make_every_slow_hour_look_overloaded():
    # Forty requests a minute all day long; the upstream is slow in a quarter of the hours, for its own reasons.
    generator = np.random.default_rng(9)
    arrived = np.sort(generator.uniform(0, 100 * 60, 100 * 2_400))  # minutes
    is_slow = np.isin((arrived // 60).astype(int), generator.choice(100, 25, replace=False))
    latency_ms = generator.lognormal(np.log(np.where(is_slow, 6_000, 2_000)), 0.5)
    answered = np.sort(arrived + latency_ms / 60_000)
    in_flight = np.arange(arrived.size) - np.searchsorted(answered, arrived)
    minute = arrived.astype(int)
    n_by_minute = np.bincount(minute, minlength=100 * 60)

    by_flight, by_arrivals = (
        stats.spearmanr(load, latency_ms).statistic for load in (in_flight, n_by_minute[minute])
    )
    assert by_flight > 0.3
    assert abs(by_arrivals) < 0.02

    minutes = window_minutes(n_by_minute)
    assert minutes == 1
    window = minute // minutes
    n_by_window = np.bincount(window)
    in_peak = peak_windows(n_by_window)[window]
    crowded = in_flight >= np.quantile(in_flight, 0.95)
    assert quantile(latency_ms[crowded], 0.95) > 1.5 * quantile(latency_ms[~crowded], 0.95)
    assert quantile(latency_ms[in_peak], 0.95) == pytest.approx(quantile(latency_ms[~in_peak], 0.95), rel=0.1)


def test_per_request_intervals_miss_the_truth_that_intervals_over_days_cover():
    # 200 months know a coverage of 95 % to 3 points (two standard errors); the study draws 500.
    world = LatencyWorld(n_days=28, a_day=600, sd_hour=0.15, sd_day=0.10)
    days, rows, half = latency_coverage(world, 0.95, n_months=200, n_resamples=400, seed=10)
    assert days >= 0.90
    assert rows < 0.65
    assert 0.03 < half < 0.06
