import dataclasses
import itertools
import math
import re

import numpy as np
import pytest
import shewhart
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.ranges import Range
from afterlaunch.rates import (
    LANEY_FACTOR,
    MEAN_MOVING_RANGE,
    MIN_MONTHS,
    XMR_FACTOR,
    DetectableChange,
    NoRatio,
    NoUsualRange,
    RateRatio,
    RiskRatio,
    UsualRange,
    detectable_change,
    laney_usual_range,
    rate_ratio,
    risk_ratio,
    run_of_eight,
    usual_range,
)
from study_measures import false_alarms, mean_moving_ranges, outside_share, xmr_factors
from study_rates import Months, outside_shares, ratio_coverage, risk_coverage, seen_shares

modest = settings(deadline=None, max_examples=60, derandomize=True)
numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
counted_months = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 5_000)), min_size=4, max_size=14)
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


# --- Laney's u' --------------------------------------------------------------------

TICKETS = [180, 275, 190, 215, 340, 221, 260, 175, 301, 215, 262, 158]
DECISIONS = [
    100_000,
    121_000,
    99_000,
    90_500,
    130_000,
    118_000,
    101_000,
    97_000,
    125_000,
    111_000,
    102_000,
    95_000,
]


def ends(limits):
    return [limits.lower, limits.centre, limits.upper]


def test_laneys_limits_of_a_toy_case_are_what_was_worked_by_hand():
    # 20 events of 1,000 units: centre 0.02, by chance sqrt(0.02 / 100) = 0.01414 and half of that for 400
    # units. Rates 0.04, 0.01, 0.04, 0.02 lie 1.414, -1.414, 1.414 and 0 of those from the centre, so they move
    # by 2.828, 2.828 and 1.414. A month of 200 units has sqrt(0.02 / 200) = 0.01 by chance.
    limits = laney_usual_range([4, 4, 4, 8], [100, 400, 100, 400], n_units_now=200, per=100)
    beyond_chance = 5 * 2**0.5 / 3 / (2 / math.pi**0.5)
    assert ends(limits) == pytest.approx([0, 2, 2 + 100 * 5.39 * beyond_chance * 0.01])
    assert limits.n_months == 4


@pytest.mark.parametrize("units_now", [20_000, 103_000, 400_000])
def test_laneys_limits_equal_those_of_another_library(units_now):
    # 250,000 events more do not move the limits: they are frozen on the months before.
    baseline = shewhart.laney_u(TICKETS, size=DECISIONS, rules=None).baseline
    oracle = shewhart.laney_u([*TICKETS, 250_000], size=[*DECISIONS, units_now], rules=None, limits=baseline)
    lower, upper = oracle.table[["lcl", "ucl"]].iloc[-1]
    limits = laney_usual_range(TICKETS, DECISIONS, n_units_now=units_now, per=1)
    assert ends(limits) == pytest.approx([lower, baseline.stats["u_center"], upper], rel=1e-9)
    assert baseline.stats["sigma_z"] > 1.5


@pytest.mark.parametrize("n_months", [4, 7, 11])
def test_fewer_months_widen_laneys_limits_by_their_factor(n_months):
    tickets, decisions = TICKETS[:n_months], DECISIONS[:n_months]
    sigma_z = shewhart.laney_u(tickets, size=decisions, rules=None).stats["sigma_z"]
    limits = laney_usual_range(tickets, decisions, n_units_now=9_000)
    sigma = 1_000 * (limits.centre / 1_000 / 9_000) ** 0.5
    assert limits.upper - limits.centre == pytest.approx(LANEY_FACTOR[n_months] * sigma_z * sigma)


def slow_laney(events, units, units_now):
    centre = sum(events) / sum(units)
    z = [(x / n - centre) / math.sqrt(centre / n) for x, n in zip(events, units, strict=True)]
    moves = [abs(after - before) for before, after in itertools.pairwise(z)]
    sigma_z = sum(moves) / len(moves) / (2 / math.sqrt(math.pi))
    reach = LANEY_FACTOR[min(len(events), 12)] * sigma_z * math.sqrt(centre / units_now)
    return [1_000 * max(0, centre - reach), 1_000 * centre, 1_000 * (centre + reach)]


@modest
@given(counted_months, st.integers(1, 9_000))
def test_laneys_limits_equal_a_slow_second_implementation(months, units_now):
    events, units = ([month[part] for month in months] for part in (0, 1))
    limits = laney_usual_range(events, units, n_units_now=units_now, max_months=14)
    if len({x / n for x, n in months}) == 1:
        assert isinstance(limits, NoUsualRange)
    else:
        assert ends(limits) == pytest.approx(slow_laney(events, units, units_now))
        assert 0 <= limits.lower <= limits.centre <= limits.upper


@modest
@given(counted_months, st.integers(1, 9_000))
def test_laneys_limits_do_not_mind_what_a_unit_is(months, units_now):
    events, units = (np.array([month[part] for month in months]) for part in (0, 1))
    one = laney_usual_range(events, units, n_units_now=units_now)
    other = laney_usual_range(events, 12 * units, n_units_now=12 * units_now, per=12_000)
    if isinstance(one, NoUsualRange):
        assert other == one
    else:
        assert ends(other) == pytest.approx(ends(one))


@pytest.mark.parametrize("n_months", [4, 8, 12])
def test_for_months_of_one_size_laneys_limits_are_those_of_xmr(n_months):
    limits = laney_usual_range(TICKETS[:n_months], [50_000] * n_months, n_units_now=50_000)
    xmr = usual_range(np.array(TICKETS[:n_months]) / 50)
    assert ends(limits) == pytest.approx([max(0, xmr.lower), xmr.centre, xmr.upper], abs=0.01)


def test_a_month_of_fewer_units_has_wider_limits():
    def reach(units_now):
        limits = laney_usual_range(TICKETS, DECISIONS, n_units_now=units_now)
        return limits.upper - limits.centre

    assert reach(25_000) == pytest.approx(2 * reach(100_000))


def test_laneys_range_rests_on_the_latest_known_months_and_names_them():
    labels = [f"2013-{month:02d}" for month in range(1, 8)]
    events, units = [9, 2, np.nan, 3, 4, 5, 6], [10, 10, 10, np.nan, 10, 10, 10]
    limits = laney_usual_range(events, units, n_units_now=10, max_months=6, months=labels)
    assert limits.months == ("2013-02", "2013-05", "2013-06", "2013-07")
    assert ends(limits) == ends(laney_usual_range([2, 4, 5, 6], [10] * 4, n_units_now=10))


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "a usual range needs at least 4 earlier months, and there is none"),
        ([5, np.nan, 6, 7], "a usual range needs at least 4 earlier months, and there are 3"),
        ([0, 0, 0, 0, 0], "the 5 earlier months have no event"),
        (
            [3, 3, 3, 3],
            "the 4 earlier months all have the same rate, which says nothing about its spread",
        ),
    ],
)
def test_without_known_spread_there_is_a_reason_instead_of_laneys_range(events, reason):
    n_known = int(np.sum(~np.isnan(events)))
    found = laney_usual_range(events, [100] * len(events), n_units_now=100)
    assert found == NoUsualRange(reason=reason, n_months=n_known)


def test_laneys_factors_are_those_of_xmr_in_another_unit():
    assert pytest.approx(XMR_FACTOR, abs=0.005) == {
        n: factor / MEAN_MOVING_RANGE for n, factor in LANEY_FACTOR.items()
    }
    assert np.abs(np.diff(np.random.default_rng(1).standard_normal(10**6))).mean() == pytest.approx(
        MEAN_MOVING_RANGE, abs=0.003
    )
    assert LANEY_FACTOR[12] == 3


@pytest.mark.parametrize(
    "months",
    [
        Months(n_base=4, n_events=50),
        Months(n_base=8, differ=0.15),
        Months(n_base=12, sizes=0.3, n_events=5),
    ],
    ids=["chance alone", "months differ", "few events, sizes differ"],
)
def test_a_quiet_month_is_called_unusual_by_laney_two_times_in_a_hundred(months):
    # Of 4,000 quiet months 80 are expected outside, plus or minus 27 for three standard errors.
    shares = outside_shares(months, ratios=(1,), n_series=4_000, seed=1)
    assert shares["Laney", 1] == pytest.approx(0.020, abs=0.0075)


def test_poisson_limits_cry_wolf_where_months_differ_and_those_of_laney_and_xmr_do_not():
    shares = outside_shares(Months(differ=0.15), ratios=(1, 1.6, 2), n_series=3_000, seed=2)
    assert shares["u-chart", 1] > 0.2
    assert max(shares["Laney", 1], shares["XmR", 1]) < 0.03
    # What they still see:
    assert [shares["Laney", 1.6], shares["Laney", 2]] == pytest.approx([0.64, 0.94], abs=0.03)


def test_month_against_last_month_is_noise_that_a_test_calls_news():
    events, _, _, expected = Months(differ=0.15).draw(np.random.default_rng(3), 1_500)
    this_month = np.random.default_rng(4).poisson(expected)
    p_values = [
        stats.binomtest(int(x), int(x + y)).pvalue for x, y in zip(this_month, events[:, -1], strict=True)
    ]
    assert np.mean(np.array(p_values) <= 0.05) > 0.35


def test_a_month_of_another_size_is_judged_by_its_own_limits_where_chance_is_all_there_is():
    shares = outside_shares(Months(size_now=0.25), ratios=(1,), n_series=3_000, seed=5)
    assert shares["XmR", 1] > 0.12
    assert shares["Laney", 1] < 0.03


# --- what would have been seen ----------------------------------------------------

AROUND_TEN = UsualRange(lower=4.0, centre=10.0, upper=16.0, n_months=12)
Z = stats.norm.ppf(0.8)


def test_the_detectable_change_of_a_toy_case_is_what_was_worked_by_hand():
    # Three standard deviations are 6; four times in five is 0.8416 of them beyond a limit.
    found = detectable_change(AROUND_TEN)
    assert dataclasses.astuple(found) == pytest.approx(
        (0.8, 16 + 2 * Z, 1.6 + 0.2 * Z, 4 - 2 * Z, 0.4 - 0.2 * Z)
    )


@pytest.mark.parametrize("n_events", [25, 100, 10_000, 10**9])
def test_a_rate_that_changes_spreads_as_much_as_its_own_events_say(n_events):
    # Of the variance of 4, 100 / n_events is chance and grows with the rate, the rest with its square.
    by_chance = min(100 / n_events, 4)

    def spread(rate):
        return math.sqrt(by_chance * rate / 10 + (4 - by_chance) * (rate / 10) ** 2)

    found = detectable_change(AROUND_TEN, n_events=n_events)
    assert found.rise == pytest.approx(optimize.brentq(lambda rate: rate - Z * spread(rate) - 16, 16, 99))
    assert found.fall == pytest.approx(optimize.brentq(lambda rate: rate + Z * spread(rate) - 4, 0, 4))
    assert found.rise > detectable_change(AROUND_TEN).rise
    assert found.fall > detectable_change(AROUND_TEN).fall


def test_fewer_months_reach_further_from_the_same_spread():
    few = UsualRange(lower=10 - 2 * LANEY_FACTOR[5], centre=10, upper=10 + 2 * LANEY_FACTOR[5], n_months=5)
    assert detectable_change(few).rise == pytest.approx(few.upper + 2 * Z)
    many = dataclasses.replace(AROUND_TEN, n_months=24)
    assert detectable_change(many) == detectable_change(AROUND_TEN)


@modest
@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99), st.floats(0.1, 10**4) | st.none())
def test_a_change_that_is_seen_more_often_is_larger(one, other, n_events):
    less, more = (
        detectable_change(AROUND_TEN, power=power, n_events=n_events) for power in sorted((one, other))
    )
    assert 16 <= less.rise <= more.rise
    assert less.fall is None or (more.fall or 0) <= less.fall <= 4


def test_half_of_the_months_at_a_limit_lie_beyond_it():
    assert dataclasses.astuple(detectable_change(AROUND_TEN, power=0.5)) == (0.5, 16.0, 1.6, 4.0, 0.4)
    counts = dataclasses.astuple(detectable_change(AROUND_TEN, power=0.5, n_events=100))
    assert counts == pytest.approx((0.5, 16.0, 1.6, 4.0, 0.4))


@pytest.mark.parametrize("lower", [0.0, -2.0])
@pytest.mark.parametrize("n_events", [None, 40])
def test_there_is_no_fall_below_where_values_can_lie(lower, n_events):
    at_zero = UsualRange(lower=lower, centre=10.0, upper=22.0, n_months=12)
    found = detectable_change(at_zero, n_events=n_events)
    assert (found.fall, found.fall_ratio) == (None, None)
    # A rate cannot fall below 0 whatever the bounds; another number can.
    anywhere = detectable_change(at_zero, n_events=n_events, bounds=Range())
    assert anywhere.fall == (None if n_events else pytest.approx(lower - 4 * Z))
    # The limit was moved in; the spread is still that of the upper one.
    if n_events is None:
        assert found.rise == pytest.approx(22 + 4 * Z)


def test_a_fall_that_would_have_to_lie_below_0_is_none():
    low = UsualRange(lower=1.0, centre=10.0, upper=19.0, n_months=12)
    assert detectable_change(low).fall is None
    assert detectable_change(low, bounds=Range()).fall == pytest.approx(1 - 3 * Z)
    assert detectable_change(low, n_events=40).fall == pytest.approx(0.637, abs=0.001)


def test_there_is_no_rise_above_where_values_can_lie():
    share = UsualRange(lower=0.85, centre=0.94, upper=1.0, n_months=12)
    found = detectable_change(share, bounds=Range(lower=0.0, upper=1.0))
    assert (found.rise, found.rise_ratio) == (None, None)
    assert found.fall == pytest.approx(0.85 - 0.03 * Z)
    close = dataclasses.replace(share, upper=0.99)
    assert detectable_change(close, bounds=Range(lower=0.0, upper=1.0)).rise is None
    assert detectable_change(close).rise == pytest.approx(0.99 + 0.03 * Z)


def test_months_that_differ_too_much_let_no_rise_be_seen_so_often():
    wild = UsualRange(lower=0.0, centre=1.0, upper=3.1, n_months=12)
    # At 0.7 of its rate a month's spread outgrows any rise: 2.33 of it never lie above 3.1.
    assert detectable_change(wild, power=0.99, n_events=1e6).rise is None
    assert detectable_change(wild, power=0.9, n_events=1e6).rise == pytest.approx(30.1, abs=0.1)


def test_around_0_a_change_has_no_ratio():
    gap = UsualRange(lower=-3.0, centre=0.0, upper=3.0, n_months=12)
    assert detectable_change(gap, bounds=Range()) == DetectableChange(
        power=0.8, rise=3 + Z, rise_ratio=None, fall=-3 - Z, fall_ratio=None
    )
    # A rate whose earlier months had no event: any event shows.
    nothing = usual_range([0.0] * 5)
    found = detectable_change(nothing, n_events=0)
    assert (found.rise, found.rise_ratio, found.fall) == (0.0, None, None)


def test_between_months_that_are_alike_any_change_shows():
    assert dataclasses.astuple(detectable_change(usual_range([5.0] * 6))) == (0.8, 5.0, 1.0, 5.0, 1.0)


@pytest.mark.parametrize("kind", ["Laney", "XmR"])
@pytest.mark.parametrize(
    ("months", "rise"),
    [(Months(differ=0.15), 1.70), (Months(n_events=50, n_base=6), 1.69), (Months(n_events=5), 2.95)],
    ids=["240 that differ", "50", "5"],
)
def test_a_change_called_detectable_is_seen_about_four_times_in_five(kind, months, rise):
    found, median = seen_shares(months, kind=kind, with_events=True, n_series=1_500, seed=6)
    assert median == pytest.approx(rise, abs=0.05)
    assert found["rise"][0] == pytest.approx(0.8, abs=0.045)
    assert found["fall"][1] < 400 or found["fall"][0] == pytest.approx(0.8, abs=0.06)


def test_the_spread_of_a_usual_month_promises_too_much_of_a_rate_that_rises():
    found, _ = seen_shares(Months(differ=0.15), kind="Laney", with_events=False, n_series=1_500, seed=7)
    assert found["rise"][0] < 0.73


# --- ratios ------------------------------------------------------------------------


def test_the_rate_ratio_of_a_toy_case_is_what_was_worked_by_hand():
    # 30 of 10,000 against 100 of 50,000. The earlier months differ less than by chance.
    found = rate_ratio(30, 10_000, [20, 24, 16, 20, 20], [10_000] * 5)
    reach = stats.t.ppf(0.975, 4) * (1 / 30 + 1 / 100) ** 0.5
    assert dataclasses.astuple(found) == pytest.approx(
        (1.5, 1.5 * math.exp(-reach), 1.5 * math.exp(reach), 0.95, 1.0, 5)
    )


def test_for_an_unchanged_month_of_the_same_size_the_interval_is_the_quasi_poisson_one():
    # Expected 20 each, and 10 off: four times 100 / 20 over three degrees of freedom.
    found = rate_ratio(20, 10_000, [10, 30, 10, 30], [10_000] * 4, level=0.8)
    assert (found.ratio, found.dispersion) == pytest.approx((1.0, 20 / 3))
    reach = stats.t.ppf(0.9, 3) * (20 / 3 * (1 / 20 + 1 / 80)) ** 0.5
    assert (found.lower, found.upper) == pytest.approx((math.exp(-reach), math.exp(reach)))
    assert found.level == 0.8


@modest
@given(counted_months, st.integers(1, 500), st.integers(1, 5_000), st.integers(2, 50))
def test_the_rate_ratio_minds_neither_the_order_of_months_nor_what_a_unit_is(months, events, units, factor):
    base_events, base_units = (np.array([month[part] for month in months]) for part in (0, 1))
    one = rate_ratio(events, units, base_events, base_units)
    other = rate_ratio(events, factor * units, base_events[::-1], factor * base_units[::-1])
    if isinstance(one, NoRatio):
        assert other == one
    else:
        assert dataclasses.astuple(other) == pytest.approx(dataclasses.astuple(one))
        assert 0 < one.lower < one.ratio < one.upper
        assert one.dispersion >= 1


def test_months_without_a_value_are_left_out_of_the_rate_ratio():
    with_gaps = rate_ratio(30, 10, [20, np.nan, 24, 16, 99, 20], [9, 9, 9, 8, np.nan, 9])
    assert with_gaps == rate_ratio(30, 10, [20, 24, 16, 20], [9, 9, 8, 9])
    assert isinstance(with_gaps, RateRatio)


@pytest.mark.parametrize(
    ("events", "base", "reason"),
    [
        (9, [], "a rate ratio needs at least 4 earlier months, and there is none"),
        (9, [5, 6, np.nan, 7], "a rate ratio needs at least 4 earlier months, and there are 3"),
        (9, [0, 0, 0, 0], "the 4 earlier months have no event"),
        (0, [5, 6, 5, 7], "the month itself has no event"),
    ],
)
def test_without_events_or_months_there_is_a_reason_instead_of_a_rate_ratio(events, base, reason):
    assert rate_ratio(events, 100, base, [100] * len(base)) == NoRatio(reason=reason)


@pytest.mark.parametrize(("ratio", "size_now"), [(1.6, 1), (1, 3)])
def test_the_rate_ratio_covers_where_plain_quasi_poisson_does_not(ratio, size_now):
    months = Months(differ=0.15, size_now=size_now)
    generator = np.random.default_rng(8)
    plain = []
    for events, units, units_now, expected in zip(*months.draw(generator, 1_500), strict=True):
        x = generator.poisson(ratio * expected)
        found = rate_ratio(x, units_now, events, units)
        reach = stats.t.ppf(0.975, 11) * (found.dispersion * (1 / x + 1 / events.sum())) ** 0.5
        plain.append(abs(math.log(found.ratio / ratio)) <= reach)
    assert np.mean(plain) < 0.925
    share, none = ratio_coverage(months, ratio=ratio, n_series=1_500, seed=8)
    assert share > 0.925
    assert none == 0


@pytest.mark.parametrize(
    ("inside", "n_inside", "outside", "n_outside"),
    [(12, 400, 60, 8_000), (1, 5, 1, 5), (3, 3, 1, 9), (2, 900, 700, 901)],
)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_risk_ratio_equals_scipys(inside, n_inside, outside, n_outside, level):
    oracle = stats.contingency.relative_risk(inside, n_inside, outside, n_outside)
    ends = oracle.confidence_interval(level)
    found = risk_ratio(inside, n_inside, outside, n_outside, level=level)
    assert isinstance(found, RiskRatio)
    assert dataclasses.astuple(found) == pytest.approx((oracle.relative_risk, ends.low, ends.high, level))


@modest
@given(st.integers(1, 50), st.integers(0, 500), st.integers(1, 50), st.integers(1, 500))
def test_the_risk_ratio_seen_from_outside_is_its_inverse(inside, rest_inside, outside, rest_outside):
    one = risk_ratio(inside, inside + rest_inside, outside, outside + rest_outside)
    other = risk_ratio(outside, outside + rest_outside, inside, inside + rest_inside)
    assert (1 / one.ratio, 1 / one.upper, 1 / one.lower) == pytest.approx(
        (other.ratio, other.lower, other.upper)
    )


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((0, 400, 60, 8_000), "no row inside has an event"),
        ((0, 0, 60, 8_000), "no row inside has an event"),
        ((3, 400, 0, 8_000), "no row outside has an event"),
        ((4, 4, 9, 9), "every row inside and outside has an event"),
    ],
)
def test_without_events_there_is_a_reason_instead_of_a_risk_ratio(counts, reason):
    assert risk_ratio(*counts) == NoRatio(reason=reason)


def test_the_risk_ratio_covers_as_often_as_stated():
    share, none = risk_coverage(n_inside=300, share_outside=0.01, ratio=2, n_series=2_000, seed=9)
    assert 0.94 <= share <= 0.98
    assert none < 0.01


# --- what cannot be ----------------------------------------------------------------

COUNTS_WANTED = "Give 0 or more events and more than 0 units, and nan for a month without a value."


@pytest.mark.parametrize(
    "measure",
    [
        lambda events, units: laney_usual_range(events, units, n_units_now=10),
        lambda events, units: rate_ratio(5, 10, events, units),
    ],
    ids=["laney_usual_range", "rate_ratio"],
)
@pytest.mark.parametrize(
    ("events", "units", "message"),
    [
        (
            [1, 2, -3, 4],
            [9, 9, 9, 9],
            f"Month 3 of 4 has -3 events and 9 units. {COUNTS_WANTED}",
        ),
        ([1, 2, 3, 4], [9, 0, 9, 9], f"Month 2 of 4 has 2 events and 0 units. {COUNTS_WANTED}"),
        (
            [1, 2, np.nan, np.inf],
            [9, 9, 9, 9],
            f"Month 4 of 4 has inf events and 9 units. {COUNTS_WANTED}",
        ),
        (
            [1, 2, 3, np.nan],
            [9, 9, 9, -1],
            f"Month 4 of 4 has nan events and -1 units. {COUNTS_WANTED}",
        ),
        (
            [1, 2, 3, 4],
            [9, 9, 9],
            (
                "The months before have events of shape (4,) and units of shape (3,). "
                "Give one number of both a month, and nan for a month without one."
            ),
        ),
        (
            5,
            5,
            (
                "The months before have events of shape () and units of shape (). "
                "Give one number of both a month, and nan for a month without one."
            ),
        ),
    ],
)
def test_counts_that_cannot_be_are_refused(measure, events, units, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        measure(events, units)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: laney_usual_range(TICKETS, DECISIONS, n_units_now=0),
            DataError,
            "n_units_now is 0. Give the units of the month that is judged, above 0.",
        ),
        (
            lambda: laney_usual_range(TICKETS, DECISIONS, n_units_now=math.nan),
            DataError,
            "n_units_now is nan. Give the units of the month that is judged, above 0.",
        ),
        (
            lambda: laney_usual_range(TICKETS, DECISIONS, n_units_now=9, per=0),
            ParameterError,
            "per is 0. Give a number above 0, such as 1000 for a rate per 1,000.",
        ),
        (
            lambda: laney_usual_range(TICKETS, DECISIONS, n_units_now=9, max_months=3),
            ParameterError,
            "max_months is 3. Give 4 or more; 12 is Wheeler's habit.",
        ),
        (
            lambda: laney_usual_range(TICKETS, DECISIONS, n_units_now=9, months=["2013-01"]),
            ParameterError,
            "There are 1 labels for 12 months. Give one a month, or none.",
        ),
        (
            lambda: rate_ratio(-1, 10, TICKETS, DECISIONS),
            DataError,
            "The month that is judged has -1 events and 10 units. Give 0 or more events and more than 0 units.",
        ),
        (
            lambda: rate_ratio(math.nan, 10, TICKETS, DECISIONS),
            DataError,
            "The month that is judged has nan events and 10 units. Give 0 or more events and more than 0 units.",
        ),
        (
            lambda: rate_ratio(1, 0, TICKETS, DECISIONS),
            DataError,
            "The month that is judged has 1 events and 0 units. Give 0 or more events and more than 0 units.",
        ),
        (
            lambda: rate_ratio(1, 9, TICKETS, DECISIONS, level=95),
            ParameterError,
            "Level is 95. Give a number between 0 and 1, such as 0.95.",
        ),
        (
            lambda: risk_ratio(1, 9, 1, 9, level=0),
            ParameterError,
            "Level is 0. Give a number between 0 and 1, such as 0.95.",
        ),
        (
            lambda: risk_ratio(5, 4, 1, 9),
            DataError,
            "5 of 4 rows inside have an event. Give a number of rows between 0 and that of all rows.",
        ),
        (
            lambda: risk_ratio(1, 4, math.nan, 9),
            DataError,
            "nan of 9 rows outside have an event. Give a number of rows between 0 and that of all rows.",
        ),
        (
            lambda: detectable_change(AROUND_TEN, power=1),
            ParameterError,
            "Power is 1. Give a number of at least 0.5 and below 1, such as 0.8.",
        ),
        (
            lambda: detectable_change(dataclasses.replace(AROUND_TEN, n_months=3)),
            ParameterError,
            (
                "The usual range rests on 3 months. Give one from usual_range or laney_usual_range, "
                "which need at least 4."
            ),
        ),
        (
            lambda: detectable_change(AROUND_TEN, n_events=-2),
            ParameterError,
            (
                "n_events is -2. Give the events of a month at the centre of its range, 0 or more, "
                "or leave it out."
            ),
        ),
    ],
)
def test_what_a_rate_cannot_be_asked_is_refused(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()
