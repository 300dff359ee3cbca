import dataclasses
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.nowcast import MIN_PAST_DAYS, NoNowcast, Nowcast, nowcast, tickets_by_delay
from study_rates import Desk, nowcast_figures, nowcasts

modest = settings(deadline=None, max_examples=40, derandomize=True)


def observable(n_days, days_since=0):
    """Days that each of so many days has been observable, when the last one ended so many days ago."""
    return np.arange(n_days + days_since, days_since, -1)


def as_reported(tickets, days_since=0):
    return np.where(np.arange(tickets.shape[1]) < observable(len(tickets), days_since)[:, None], tickets, 0)


def regular(n_days=60, by_delay=(4, 2, 2)):
    """Days that are all alike, as they are reported when the last one ends."""
    return as_reported(np.tile(by_delay, (n_days, 1)))


def random_tickets(seed, n_days=90, n_delays=12):
    generator = np.random.default_rng(seed)
    return as_reported(generator.poisson(2.5 * 0.7 ** np.arange(n_delays), (n_days, n_delays)))


# --- worked by hand ----------------------------------------------------------------


def test_a_toy_case_is_what_was_worked_by_hand():
    # Half the tickets come at once, three quarters within a day. The last three days have shown 8, 6 and 4
    # of 8: 18 tickets over a completeness of (1 + 3/4 + 1/2) / 3 are 24.
    found = nowcast(regular(), observable(60), window=slice(-3, None))
    assert (found.n_reported, found.completeness) == (18, 0.75)
    assert (found.n_expected, found.n_outstanding) == pytest.approx((24, 6))
    assert found.reported_by_day.tolist() == [8, 6, 4]
    assert found.completeness_by_day.tolist() == [1, 0.75, 0.5]
    assert found.expected_by_day.tolist() == pytest.approx([8, 8, 8])
    # As-of days 3 to 58 have a complete window of three days, and days alike give no error.
    assert (found.n_past_days, found.past_error_share) == (60 - 3 - 3 + 2, 0.0)


def test_the_interval_of_a_toy_case_is_what_was_worked_by_hand():
    found = nowcast(regular(), observable(60), window=slice(-3, None))
    # Half a ticket more than 18, so 24.667 and 6.1667 of them outstanding. Of 464 tickets on 58 days that show
    # it, a quarter has the longest delay; of 354 with less on 59 days, a third the one before. The shares of the
    # last two days (3/4, 1/2) move with the longest delay, that of the last day with the one before, and all
    # three add up to 2.25.
    greenwood = (1.25 / 2.25) ** 2 * (1 / 4) / (3 / 4 * 464) + (0.5 / 2.25) ** 2 * (1 / 3) / (2 / 3 * 354)
    mean, final = 18.5 / 0.75 * 0.25, 18.5 / 0.75
    # The mean delay is 0.75 days: all 56 checks count.
    widening = stats.t.ppf(0.975, 56) / stats.norm.ppf(0.975)
    variance = widening**2 * (mean / 0.75 + final**2 * greenwood)
    expected = stats.nbinom.ppf([0.025, 0.975], mean**2 / (variance - mean), mean / variance)
    assert [found.lower - 18, found.upper - 18] == expected.tolist()


def test_the_shares_are_those_that_make_the_counts_most_likely():
    tickets = random_tickets(1, n_days=80, n_delays=6)
    seen = np.arange(6) < observable(80)[:, None]
    share = np.full(6, 1 / 6)
    for _ in range(500):  # the EM algorithm of counts that are cut off: fill in what is not seen, count again
        reported_share = np.where(seen, share, 0).sum(axis=1, keepdims=True)
        filled = np.where(seen, tickets, tickets.sum(axis=1, keepdims=True) / reported_share * share)
        share = filled.sum(axis=0) / filled.sum()
    found = nowcast(tickets, observable(80), window=slice(-6, None))
    assert found.completeness_by_day[::-1] == pytest.approx(np.cumsum(share), abs=1e-9)


def slow_shares(tickets):
    """Return the share of tickets by longest delay, one delay and one day at a time."""
    n_days, n_delays = tickets.shape
    shares = [1.0]
    for delay in range(n_delays - 1, 0, -1):
        days = [day for day in range(n_days) if n_days - day > delay]
        up_to = sum(tickets[day, : delay + 1].sum() for day in days)
        shares.append(shares[-1] * (1 - sum(tickets[day, delay] for day in days) / up_to))
    return shares[::-1]


def slow_nowcast(tickets, length, units):
    """Return expected count and interval of the last days, by plain loops and scipy's distributions."""
    n_days, n_delays = tickets.shape
    shares = slow_shares(tickets)

    def pooled(end):
        days = range(end - length, end)
        shown = [min(end - day, n_delays) for day in days]
        reported = sum(tickets[day, :n].sum() for day, n in zip(days, shown, strict=True))
        seen = sum(units[day] * shares[n - 1] for day, n in zip(days, shown, strict=True))
        return reported, seen / sum(units[day] for day in days)

    reported, share = pooled(n_days)
    squared = by_chance = sizes = n_past = 0
    for end in range(length, n_days - n_delays + 2):
        past, past_share = pooled(end)
        expected, final = past / past_share, tickets[end - length : end].sum()
        squared, sizes, n_past = squared + (expected - final) ** 2, sizes + expected**2, n_past + 1
        by_chance += expected * (1 - past_share) / past_share
    relative = max(0, squared - by_chance) / sizes
    total = sum(units[n_days - length :])
    for delay in range(1, n_delays):
        up_to = sum(tickets[day, : delay + 1].sum() for day in range(n_days - delay))
        newest = sum(tickets[day, delay] for day in range(n_days - delay)) / up_to
        moved = sum(units[n_days - 1 - d] * shares[d] for d in range(min(delay, length))) / total / share
        relative += moved**2 * newest / (1 - newest) / up_to
    mean = (reported + 0.5) * (1 - share) / share
    degrees = max(n_past / max(sum(1 - s for s in shares), 1), 4)
    widening = stats.t.ppf(0.975, degrees) / stats.norm.ppf(0.975)
    variance = widening**2 * (mean / share + ((reported + 0.5) / share) ** 2 * relative)
    ends = stats.nbinom.ppf([0.025, 0.975], mean**2 / (variance - mean), mean / variance)
    return reported / share, reported + ends[0], reported + ends[1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("length", [1, 5, 30])
def test_the_nowcast_equals_a_slow_second_implementation(seed, length):
    tickets = random_tickets(seed)
    units = np.random.default_rng(seed).uniform(0.2, 2.0, 90)
    found = nowcast(tickets, observable(90), window=slice(-length, None), n_units=units)
    expected, lower, upper = slow_nowcast(tickets, length, units)
    assert found.n_expected == pytest.approx(expected, rel=1e-9)
    assert (found.lower, found.upper) == (lower, upper)


# --- what it must and must not mind ------------------------------------------------


@modest
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_the_days_add_up_and_nothing_reported_is_lost(seed, length):
    found = nowcast(random_tickets(seed), observable(90), window=slice(-length, None))
    assert found.expected_by_day.sum() == pytest.approx(found.n_expected)
    assert found.reported_by_day.sum() == found.n_reported
    assert (found.expected_by_day >= found.reported_by_day).all()
    assert found.n_reported <= found.lower <= found.upper
    assert 0 < found.completeness <= 1
    assert (np.diff(found.completeness_by_day) <= 0).all()


@modest
@given(st.integers(0, 10**6), st.floats(0.001, 1000))
def test_the_nowcast_does_not_mind_the_scale_of_units(seed, factor):
    units = np.random.default_rng(seed).uniform(0.2, 2.0, 90)
    tickets = random_tickets(seed)
    one, other = (
        nowcast(tickets, observable(90), window=slice(-30, None), n_units=scale * units)
        for scale in (1, factor)
    )
    assert other.n_expected == pytest.approx(one.n_expected)
    assert other.expected_by_day == pytest.approx(one.expected_by_day)
    assert (other.lower, other.upper) == (one.lower, one.upper)


@modest
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_more_tickets_of_the_same_kind_are_known_more_surely(seed, factor):
    one, many = (
        nowcast(times * random_tickets(seed), observable(90), window=slice(-30, None))
        for times in (1, factor)
    )
    assert many.n_expected == pytest.approx(factor * one.n_expected)
    assert many.completeness == pytest.approx(one.completeness)
    assert many.past_error_share == pytest.approx(one.past_error_share)


def test_equal_units_are_no_units():
    tickets = random_tickets(2)
    without = nowcast(tickets, observable(90), window=slice(-30, None))
    equal = nowcast(tickets, observable(90), window=slice(-30, None), n_units=np.full(90, 7.0))
    assert (without.n_expected, without.lower) == (pytest.approx(equal.n_expected), equal.lower)


def test_a_day_without_units_expects_nothing_more():
    units = np.ones(60)
    units[-1] = 0
    found = nowcast(regular(), observable(60), window=slice(-3, None), n_units=units)
    # 8 + 6 + 4 tickets stand for 1 + 3/4 days; the last day had no decisions, and keeps its 4 tickets.
    assert found.n_expected == pytest.approx(18 / 0.875)
    assert found.expected_by_day[-1] == 4


def test_a_window_may_be_truth_values_and_may_end_before_the_last_day():
    tickets = random_tickets(3)
    chosen = np.zeros(90, bool)
    chosen[70:85] = True
    one = nowcast(tickets, observable(90), window=slice(70, 85))
    other = nowcast(tickets, observable(90), window=chosen)
    assert one.n_expected == other.n_expected
    assert one.expected_by_day.tolist() == other.expected_by_day.tolist()
    assert one.reported_by_day.tolist() == tickets[70:85].sum(axis=1).tolist()
    # Five days have passed since.
    until_now = nowcast(tickets, observable(90), window=slice(70, None))
    assert one.completeness_by_day.tolist() == until_now.completeness_by_day[:15].tolist()


def test_days_after_the_window_change_nothing():
    tickets = random_tickets(4)
    with_them = nowcast(tickets, observable(90), window=slice(60, 85))
    without = nowcast(tickets[:85], observable(90)[:85], window=slice(60, 85))
    # What they tell of is delays that every day of the window has already seen.
    assert dataclasses.asdict(with_them).keys() == dataclasses.asdict(without).keys()
    for name, value in dataclasses.asdict(without).items():
        np.testing.assert_array_equal(getattr(with_them, name), value, err_msg=name)


def test_the_whole_history_is_a_window_that_leaves_nothing_to_check_on():
    found = nowcast(regular(), observable(60))
    assert found == NoNowcast(
        reason="a nowcast has to be checked on at least 28 earlier days whose tickets are complete by now, "
        "which takes 29 more days of history",
        n_days_needed=29,
    )


def test_a_window_that_is_complete_is_final_whatever_the_history():
    tickets = np.array([[1, 0], [0, 2], [1, 1]])
    found = nowcast(tickets, observable(3, days_since=1))
    assert (found.n_reported, found.n_expected, found.lower, found.upper) == (5, 5.0, 5, 5)
    assert (found.completeness, found.n_outstanding) == (1.0, 0.0)
    assert nowcast(0 * tickets, observable(3, days_since=1)).upper == 0


def test_no_ticket_yet_does_not_mean_that_none_will_come():
    tickets = regular()
    tickets[-3:] = 0
    found = nowcast(tickets, observable(60), window=slice(-3, None))
    assert (found.n_reported, found.n_expected, found.lower) == (0, 0.0, 0)
    assert found.upper == 2


# --- when there is none ------------------------------------------------------------


@pytest.mark.parametrize(("n_delays", "length"), [(3, 1), (3, 3), (20, 14), (45, 30)])
def test_the_days_of_history_that_are_missing_are_counted(n_delays, length):
    def of_history(n_days):
        tickets = as_reported(np.ones((n_days, n_delays), int))
        return nowcast(tickets, observable(n_days), window=slice(-length, None))

    enough = length + n_delays + MIN_PAST_DAYS - 2
    assert of_history(enough).n_past_days == MIN_PAST_DAYS
    assert of_history(enough - 1) == NoNowcast(
        reason="a nowcast has to be checked on at least 28 earlier days whose tickets are complete by now, "
        "which takes 1 more day of history",
        n_days_needed=1,
    )
    assert of_history(length + 1).n_days_needed == enough - length - 1


@pytest.mark.parametrize(
    ("n_tickets", "there_are"), [(19, "there are 19"), (1, "there is 1"), (0, "there is none")]
)
def test_a_few_tickets_teach_no_delays(n_tickets, there_are):
    tickets = np.zeros((60, 3), int)
    tickets[10, 0] = n_tickets
    tickets[-1, 0] = 50
    assert nowcast(tickets, observable(60), window=slice(-3, None)) == NoNowcast(
        reason=f"a nowcast needs at least 20 tickets on days whose every delay has been seen, and {there_are}"
    )
    tickets[10, 0] = 20
    assert isinstance(nowcast(tickets, observable(60), window=slice(-3, None)), Nowcast)


def test_days_of_which_nothing_can_be_known_yet_have_no_nowcast():
    tickets = regular(by_delay=(0, 0, 4))
    assert nowcast(tickets, observable(60), window=slice(-2, None)) == NoNowcast(
        reason="no ticket of these days can have been reported yet"
    )
    # With a day that shows something, it counts for all.
    assert nowcast(tickets, observable(60), window=slice(-3, None)).n_expected == pytest.approx(12)


def call(tickets=None, days=None, **more):
    tickets = regular() if tickets is None else tickets
    return lambda: nowcast(tickets, observable(len(tickets)) if days is None else days, **more)


def changed(place, value):
    tickets = regular().astype(float)
    tickets[place] = value
    return tickets


EVERY_DAY = (
    "Give one row for every calendar day, oldest first, with zeros where there was no ticket; "
    "then observable days fall by one from row to row."
)


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (
            call(np.ones(3), observable(3)),
            DataError,
            (
                "Tickets have shape (3,) and observable days (3,). Give one row of tickets a case day, one column "
                "a delay, and one number of observable days a case day."
            ),
        ),
        (
            call(regular(), observable(59)),
            DataError,
            (
                "Tickets have shape (60, 3) and observable days (59,). Give one row of tickets a case day, one "
                "column a delay, and one number of observable days a case day."
            ),
        ),
        (
            call(regular(), observable(60)[::-1]),
            DataError,
            f"Day 2 of 60 has been observable for 2 days, the row before it for 1. {EVERY_DAY}",
        ),
        (
            call(regular(), observable(60, days_since=-1)),
            DataError,
            "The last day has been observable for 0 days. Give whole days, and leave out those that are not over.",
        ),
        (
            call(regular(), observable(60) + 0.5),
            DataError,
            "The last day has been observable for 1.5 days. Give whole days, and leave out those that are not over.",
        ),
        (
            call(changed((4, 1), -2)),
            DataError,
            (
                "Day 5 of 60 has -2 tickets with a delay of 1 days, and has been observable for 56. "
                "Give 0 or more tickets, and 0 for delays that the as-of day has not reached."
            ),
        ),
        (
            call(changed((4, 1), np.nan)),
            DataError,
            (
                "Day 5 of 60 has nan tickets with a delay of 1 days, and has been observable for 56. "
                "Give 0 or more tickets, and 0 for delays that the as-of day has not reached."
            ),
        ),
        (
            call(changed((59, 1), 3)),
            DataError,
            (
                "Day 60 of 60 has 3 tickets with a delay of 1 days, and has been observable for 1. "
                "Give 0 or more tickets, and 0 for delays that the as-of day has not reached."
            ),
        ),
        (
            call(n_units=np.ones(59)),
            DataError,
            (
                "Units have shape (59,) and 0 values below 0 or missing. "
                "Give one finite number of 0 or more for each of the 60 days, or leave them out."
            ),
        ),
        (
            call(n_units=np.append(np.ones(58), [-1, np.nan])),
            DataError,
            (
                "Units have shape (60,) and 2 values below 0 or missing. "
                "Give one finite number of 0 or more for each of the 60 days, or leave them out."
            ),
        ),
        (
            call(window=[57, 58, 59]),
            ParameterError,
            (
                "The window has values of type int64 and shape (3,). "
                "Give a slice, or one True or False for each of the 60 days."
            ),
        ),
        (
            call(window=slice(60, 70)),
            ParameterError,
            "The window holds 0 of 60 days and 0 units. Choose at least one day with units.",
        ),
        (
            call(window=slice(0, 9), n_units=np.append(np.zeros(9), np.ones(51))),
            ParameterError,
            "The window holds 9 of 60 days and 0 units. Choose at least one day with units.",
        ),
    ],
)
def test_counts_that_cannot_be_are_refused(attempt, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        attempt()


# --- counting tickets --------------------------------------------------------------


@modest
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 3)), max_size=20))
def test_tickets_are_counted_by_day_and_delay_and_every_day_has_a_row(entries):
    day, delay, n = (np.array([entry[part] for entry in entries], int) for part in range(3))
    slow = Counter()
    for entry in entries:
        slow[entry[:2]] += entry[2]
    counts = tickets_by_delay(day, delay, n, n_days=5, n_delays=4)
    assert counts.dtype == np.int64
    assert counts.tolist() == [[slow[d, late] for late in range(4)] for d in range(5)]


def test_tickets_one_by_one_count_as_one():
    one_by_one = tickets_by_delay([0, 0, 2], [1, 1, 0], n_days=3, n_delays=2)
    assert one_by_one.tolist() == [[0, 2], [0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    [
        (
            lambda: tickets_by_delay([0, 5], [0, 0], n_days=5, n_delays=4),
            DataError,
            "Entry 2 of 2 has day 5, delay 0 and 1 tickets. Give days from 0 to 4, delays and tickets of 0 or more.",
        ),
        (
            lambda: tickets_by_delay([0, 1], [0, -1], n_days=5, n_delays=4),
            DataError,
            (
                "Entry 2 of 2 has day 1, delay -1 and 1 tickets. "
                "Give days from 0 to 4, delays and tickets of 0 or more."
            ),
        ),
        (
            lambda: tickets_by_delay([0, 1], [0, 0], [1, -3], n_days=5, n_delays=4),
            DataError,
            (
                "Entry 2 of 2 has day 1, delay 0 and -3 tickets. "
                "Give days from 0 to 4, delays and tickets of 0 or more."
            ),
        ),
        (
            lambda: tickets_by_delay([0, 1], [0], n_days=5, n_delays=4),
            DataError,
            (
                "Days have shape (2,), delays (1,) and tickets (). "
                "Give one of each an entry; tickets may be left out."
            ),
        ),
        (
            lambda: tickets_by_delay([0], [0], n_days=5, n_delays=0),
            ParameterError,
            "Cannot count 0 delays of 5 days. Give 1 or more of both.",
        ),
    ],
)
def test_tickets_that_cannot_be_are_refused(attempt, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        attempt()


# --- traps -------------------------------------------------------------------------

FORTNIGHT = Desk(tickets_a_day=12, window=14)


def test_late_tickets_counted_by_case_date_always_fall_and_the_nowcast_rarely():
    quiet = nowcast_figures(FORTNIGHT, n_runs=300, seed=1)
    assert quiet["raw low"] > 0.85
    assert quiet["low"] + quiet["high"] < 0.04
    assert abs(quiet["bias"]) < 0.015
    assert quiet["error"] == pytest.approx(0.06, abs=0.012)
    # A real rise of 60 % hides behind the late tickets, too.
    risen = nowcast_figures(dataclasses.replace(FORTNIGHT, ratio=1.6), n_runs=300, seed=2)
    assert risen["high"] > 0.95
    assert risen["raw high"] < 0.06


def grouped(reported, desk):
    """Return the nowcast of a fortnight whose days without a ticket were lost in a groupby."""
    share = np.array(slow_shares(reported))
    by_day = reported.sum(axis=1)
    kept = by_day > 0
    shown = share[np.minimum(desk.n_observable, desk.n_delays) - 1]
    is_window = kept & (np.arange(desk.n_days) >= desk.n_days - desk.window)
    usual = by_day[kept & (desk.n_observable > desk.n_delays)].mean()
    return by_day[is_window].sum() / shown[is_window].mean(), usual


def test_days_without_tickets_are_zeros_and_leaving_them_out_biases_both_sides():
    desk = dataclasses.replace(FORTNIGHT, tickets_a_day=1.0, history=150, n_days=150)
    generator = np.random.default_rng(3)
    ours, without, usual, true = [], [], [], []
    for _ in range(150):
        tickets, reported, _ = desk.draw(generator)
        total, day = grouped(reported, desk)
        without.append(total)
        usual.append(day)
        ours.append(nowcast(reported, desk.n_observable, window=slice(-14, None)).n_expected)
        true.append(tickets[-14:].sum())
    # What is "usual" on a day comes out far too high, and the fortnight too low: together, a fall by 40 %.
    assert np.mean(usual) > 1.5
    assert np.mean(without) / 14 < 0.65 * np.mean(usual)
    assert np.mean(without) < 0.97 * np.mean(true)
    assert np.mean(ours) == pytest.approx(np.mean(true), rel=0.05)


def test_a_lost_day_is_noticed():
    kept = np.delete(np.arange(60), 40)
    message = f"Day 41 of 59 has been observable for 19 days, the row before it for 21. {EVERY_DAY}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        nowcast(regular()[kept], observable(60)[kept])


def test_dividing_day_by_day_is_noisier_than_pooling_the_window():
    generator = np.random.default_rng(4)
    pooled, by_day = [], []
    for _ in range(200):
        tickets, reported, _ = FORTNIGHT.draw(generator)
        found = nowcast(reported, FORTNIGHT.n_observable, window=slice(-14, None))
        true = tickets[-14:].sum()
        pooled.append(found.n_expected - true)
        by_day.append((found.reported_by_day / found.completeness_by_day).sum() - true)
    assert np.std(by_day) > 1.3 * np.std(pooled)


@pytest.mark.parametrize(("rate", "window"), [(12, 30), (3, 14), (1, 30)])
def test_the_interval_covers_the_final_count_as_often_as_stated(rate, window):
    # 300 runs know a coverage of 96.5 % to 2 points (two standard errors); the study draws 1,000.
    found = nowcast_figures(Desk(tickets_a_day=rate, window=window), n_runs=300, seed=5)
    assert 0.94 <= found["coverage"] <= 0.995
    assert abs(found["bias"]) < 0.025


def test_desks_that_are_closed_on_weekends_are_covered_where_chance_alone_is_not():
    desk = Desk(tickets_a_day=12, window=30, is_closed_on_weekends=True)
    ours, by_chance = [], []
    for true, found, _ in nowcasts(desk, n_runs=250, seed=6):
        ours.append(found.lower <= true <= found.upper)
        spread = special.ndtri(0.975) * (found.n_outstanding / found.completeness) ** 0.5
        by_chance.append(abs(found.n_expected - true) <= spread)
    assert np.mean(ours) > 0.92
    assert np.mean(by_chance) < 0.87


def test_what_comes_later_than_the_longest_delay_is_missed_and_the_tail_tells():
    generator = np.random.default_rng(7)
    desk = Desk(tickets_a_day=12, window=30, mean_delay=15.0, n_delays=90)
    ratios, tails = [], []
    for _ in range(30):
        tickets, reported, _ = desk.draw(generator)
        found = [
            nowcast(reported[:, :n_delays], desk.n_observable, window=slice(-30, None))
            for n_delays in (20, 90)
        ]
        ratios.append([one.n_expected / tickets[-30:].sum() for one in found])
        tails.append([one.tail_share for one in found])
    # A quarter of the tickets is later than 19 days.
    assert np.mean(ratios, axis=0) == pytest.approx([1 - np.exp(-20 / 15), 1], abs=0.02)
    assert np.min(tails, axis=0)[0] > 0.15
    assert np.max(tails, axis=0)[1] < 0.01


def test_delays_that_change_make_the_nowcast_wrong_as_its_documentation_says():
    generator = np.random.default_rng(8)
    faster = dataclasses.replace(FORTNIGHT, mean_delay=3.0)
    ratios = []
    for _ in range(40):
        (_, before, _), (after, new, _) = FORTNIGHT.draw(generator), faster.draw(generator)
        reported = np.concatenate([before[:-14], new[-14:]])
        found = nowcast(reported, FORTNIGHT.n_observable, window=slice(-14, None))
        ratios.append(found.n_expected / after[-14:].sum())
    assert np.mean(ratios) > 1.2


def test_the_tail_is_the_last_week_of_delays():
    counts = np.tile([10, 0, 0, 0, 0, 0, 0, 0, 5, 5], (80, 1))
    found = nowcast(as_reported(counts), observable(80), window=slice(-5, None))
    assert found.tail_share == pytest.approx(0.5)
    # With seven delays or fewer all of them are the last.
    assert nowcast(regular(), observable(60), window=slice(-3, None)).tail_share == 1.0


def test_past_errors_are_those_of_the_same_estimate_on_earlier_days():
    tickets = random_tickets(8)
    found = nowcast(tickets, observable(90), window=slice(-14, None))
    share = slow_shares(tickets)
    errors, finals = [], []
    for end in range(14, 90 - 12 + 2):
        reported = sum(tickets[day, : end - day].sum() for day in range(end - 14, end))
        completeness = np.mean([share[min(end - day, 12) - 1] for day in range(end - 14, end)])
        finals.append(tickets[end - 14 : end].sum())
        errors.append(reported / completeness - finals[-1])
    assert found.n_past_days == len(errors)
    assert found.past_error_share == pytest.approx(
        (np.sum(np.square(errors)) / np.sum(np.square(finals))) ** 0.5
    )
