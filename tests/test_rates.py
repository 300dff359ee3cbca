import re

import numpy as np
import pytest
import shewhart
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import ParameterError
from afterlaunch.rates import MIN_MONTHS, XMR_FACTOR, NoUsualRange, UsualRange, run_of_eight, usual_range
from study_measures import false_alarms, mean_moving_ranges, outside_share, xmr_factors

modest = settings(deadline=None, max_examples=60, derandomize=True)
numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
YEAR = [10.2, 11.0, 9.7, 10.4, 10.1, 11.6, 9.9, 10.8, 10.3, 10.0, 9.5, 10.9]


def test_limits_of_a_toy_case_are_what_was_worked_by_hand():
    # Mean 3.5; moving ranges 2, 2, 4, so 8 / 3 on average; four months have the factor 4.78.
    limits = usual_range([2, 4, 2, 6])
    reach = 4.78 * 8 / 3
    assert (limits.lower, limits.centre, limits.upper) == pytest.approx((3.5 - reach, 3.5, 3.5 + reach))
    assert limits.n_months == 4


def test_limits_of_a_year_equal_those_of_another_library():
    oracle = shewhart.imr(YEAR, rules="none").stats
    limits = usual_range(YEAR)
    assert limits.centre == pytest.approx(oracle["i_center"], abs=1e-12)
    # The other one has three standard deviations of d2 = 2 / sqrt(pi) moving ranges; 2.66 is that, rounded.
    rounding = 2.66 / (3 * np.pi**0.5 / 2)
    assert limits.upper - limits.centre == pytest.approx(
        rounding * (oracle["i_ucl"] - oracle["i_center"]), abs=1e-6
    )
    assert limits.centre - limits.lower == pytest.approx(
        rounding * (oracle["i_center"] - oracle["i_lcl"]), abs=1e-6
    )
    assert rounding == pytest.approx(1, abs=1e-3)


def test_the_latest_months_count_and_no_others():
    assert usual_range([99.0, 1e9, *YEAR]) == usual_range(YEAR)
    assert usual_range(YEAR, max_months=6) == usual_range(YEAR[-6:])
    assert usual_range(YEAR + YEAR, max_months=24).n_months == 24


def test_a_month_without_a_value_is_left_out_and_its_neighbours_are_compared():
    with_gap = usual_range([*YEAR[:3], np.nan, *YEAR[3:8]])
    assert with_gap == usual_range(YEAR[:8])


def test_months_without_a_value_use_up_the_window():
    limits = usual_range([*YEAR[:8], *[np.nan] * 8], max_months=12)
    assert limits == usual_range(YEAR[4:8])


def test_the_months_that_the_range_rests_on_are_named():
    labels = [f"2013-{month:02d}" for month in range(1, 8)]
    limits = usual_range([1, 2, np.nan, 3, 4, 5, 6], max_months=5, months=labels)
    assert limits.months == ("2013-04", "2013-05", "2013-06", "2013-07")
    assert limits.n_months == 4


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "a usual range needs at least 4 earlier months, and there is none"),
        ([1.0], "a usual range needs at least 4 earlier months, and there is 1"),
        ([1.0, np.nan, 2.0, 3.0], "a usual range needs at least 4 earlier months, and there are 3"),
    ],
)
def test_with_few_months_there_is_a_reason_instead_of_a_range(values, reason):
    n_known = int(np.sum(~np.isnan(values)))
    assert usual_range(values) == NoUsualRange(reason=reason, n_months=n_known)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: usual_range(YEAR, max_months=3),
            "max_months is 3. Give 4 or more; 12 is Wheeler's habit.",
        ),
        (
            lambda: usual_range([*YEAR, np.inf]),
            (
                "The months before have shape (13,) and 1 infinite values. "
                "Give one finite number a month, and nan for a month without one."
            ),
        ),
        (
            lambda: usual_range([YEAR, YEAR]),
            (
                "The months before have shape (2, 12) and 0 infinite values. "
                "Give one finite number a month, and nan for a month without one."
            ),
        ),
        (
            lambda: usual_range(YEAR, months=["2013-01"]),
            "There are 1 labels for 12 months. Give one a month, or none.",
        ),
    ],
)
def test_histories_that_cannot_be_are_refused(call, message):
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        call()


def test_limits_are_part_of_the_range():
    limits = UsualRange(lower=1.0, centre=2.0, upper=3.0, n_months=12)
    inside = [limits.contains(x) for x in (0.999, 1.0, 2.0, 3.0, 3.001, np.nan)]
    assert inside == [False, True, True, True, False, False]


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 1e-9, 1234.5678])
@pytest.mark.parametrize("n_months", [4, 7, 11, 12])
def test_equal_months_make_a_range_that_holds_their_value_and_nothing_else(value, n_months):
    limits = usual_range([value] * n_months)
    assert (limits.lower, limits.upper) == (value, value)
    assert limits.contains(value)
    assert not limits.contains(np.nextafter(value, np.inf))


@modest
@given(st.lists(numbers, min_size=MIN_MONTHS, max_size=14), st.integers(-100, 100), st.integers(1, 50))
def test_the_range_moves_and_stretches_with_the_unit(values, shift, factor):
    limits, moved = usual_range(values), usual_range(np.array(values) * factor + shift)
    expected = [edge * factor + shift for edge in (limits.lower, limits.centre, limits.upper)]
    assert [moved.lower, moved.centre, moved.upper] == pytest.approx(expected, rel=1e-9, abs=1e-6)


@modest
@given(st.lists(numbers, min_size=MIN_MONTHS, max_size=12))
def test_the_range_is_symmetric_and_holds_its_centre(values):
    limits = usual_range(values)
    assert limits.lower <= limits.centre <= limits.upper
    assert limits.upper - limits.centre == pytest.approx(limits.centre - limits.lower, rel=1e-6, abs=1e-6)
    assert min(values) <= limits.centre <= max(values)


def test_a_factor_for_every_size_falls_to_wheelers():
    assert sorted(XMR_FACTOR) == list(range(MIN_MONTHS, 13))
    factors = [XMR_FACTOR[n] for n in sorted(XMR_FACTOR)]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] == 2.66


def test_the_factors_are_those_that_keep_the_false_alarms_of_a_year():
    share, factors = xmr_factors(200_000, seed=1)
    assert share == pytest.approx(0.0188, abs=0.0002)
    assert {n: XMR_FACTOR[n] for n in factors} == pytest.approx(factors, abs=0.03)


@pytest.mark.parametrize("n_months", [5, 8, 12])
def test_a_quiet_month_raises_a_false_alarm_two_times_in_a_hundred(n_months):
    # Of 6,000 quiet months 113 are expected outside, plus or minus 32 for three standard errors.
    assert false_alarms(n_months, n_series=6_000, seed=2) == pytest.approx(0.0188, abs=0.0053)


def test_with_five_months_the_plain_factor_would_raise_three_times_as_many():
    ranges = mean_moving_ranges(5, 100_000, np.random.default_rng(3))
    assert outside_share(2.66, ranges, 5) == pytest.approx(0.057, abs=0.002)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([11] * 8, True),
        ([9] * 8, True),
        ([11] * 7, False),
        ([9, *[11] * 8], True),
        ([*[11] * 8, 9], False),
        ([*[11] * 4, 9, *[11] * 7], False),
        ([*[11] * 7, 10], False),
        ([11, 11, np.nan, *[11] * 6], True),
        ([*[11] * 8, np.nan], False),
        ([np.nan] * 9, False),
        ([], False),
    ],
)
def test_eight_months_on_one_side_up_to_the_last_are_a_run(values, expected):
    assert run_of_eight(values, centre=10.0) is expected


@modest
@given(st.lists(numbers, min_size=1, max_size=12), numbers)
def test_a_run_is_the_same_seen_in_the_mirror(values, centre):
    assert run_of_eight(values, centre) == run_of_eight(-np.array(values), -centre)
