import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.baselines import MAX_MONTHS, Baseline, UsualRangePolicy
from afterlaunch.errors import ParameterError
from afterlaunch.rates import MIN_MONTHS
from afterlaunch.windows import Window

modest = settings(deadline=None, max_examples=100, derandomize=True)
LABELS = tuple(f"{year}-{month:02d}" for year in range(2020, 2026) for month in range(1, 13))
CODES = ("speed.p95", "people.left", "model.recall")
baselines = st.builds(
    Baseline,
    since=st.sampled_from(LABELS),
    reason=st.just("a new world"),
    indicators=st.sampled_from([subset for n in range(4) for subset in itertools.combinations(CODES, n)]),
)


def since(month, *indicators):
    return Baseline(since=month, reason="a new world", indicators=indicators)


def policy(*baselines, months=4, frozen=False):
    return UsualRangePolicy(months=months, frozen=frozen, baselines=baselines)


def months(first, last):
    return LABELS[LABELS.index(first) : LABELS.index(last) + 1]


def usual(found, month, *, code="speed.p95", earlier=None):
    """Return the months of a range, when all of ``LABELS`` before the month may be used."""
    before = LABELS[: LABELS.index(month)] if earlier is None else earlier
    return found.usual_months(code, Window.parse(month), before)


def refused(message):
    return pytest.raises(ParameterError, match=f"^{re.escape(message)}$")


# --- rolling ----------------------------------------------------------------------------------------------------


def test_a_range_rests_on_the_latest_months():
    assert usual(policy(), "2024-09") == months("2024-05", "2024-08")
    assert usual(policy(months=12), "2024-01") == months("2023-01", "2023-12")
    assert UsualRangePolicy() == policy(months=12)


def test_a_range_never_looks_back_behind_a_baseline_that_has_begun():
    new_world = policy(since("2024-07"))
    assert usual(new_world, "2024-09") == months("2024-07", "2024-08")
    assert usual(new_world, "2024-08") == ("2024-07",)
    assert usual(new_world, "2025-09") == months("2025-05", "2025-08")


def test_the_month_in_which_a_baseline_begins_is_its_first_and_has_no_month_before_it():
    new_world = policy(since("2024-07"))
    assert usual(new_world, "2024-07") == ()
    assert usual(new_world, "2024-06") == months("2024-02", "2024-05")


def test_months_that_may_not_be_used_are_not_made_up_for():
    gap = ("2024-01", "2024-02", "2024-06", "2024-08")
    assert usual(policy(since("2024-02")), "2024-09", earlier=gap) == gap[1:]
    assert usual(policy(since("2024-02")), "2024-09", earlier=()) == ()


# --- frozen -----------------------------------------------------------------------------------------------------


def test_a_frozen_range_rests_on_the_first_months_of_its_baseline():
    frozen = policy(since("2023-02"), frozen=True)
    assert usual(frozen, "2024-09") == months("2023-02", "2023-05")
    assert usual(frozen, "2025-12") == months("2023-02", "2023-05")


def test_a_frozen_range_grows_until_it_has_its_months():
    frozen = policy(since("2023-02"), frozen=True)
    grown = [usual(frozen, month) for month in months("2023-02", "2023-08")]
    assert [len(found) for found in grown] == [0, 1, 2, 3, 4, 4, 4]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in itertools.pairwise(grown))


def test_a_frozen_range_takes_the_first_months_that_may_be_used():
    gap = ("2023-02", "2023-04", "2023-05", "2023-07", "2023-08", "2023-09")
    assert usual(policy(since("2023-01"), frozen=True), "2024-01", earlier=gap) == gap[:4]


def test_a_new_baseline_moves_a_frozen_range_from_its_month_on():
    frozen = policy(since("2023-01"), since("2024-03"), frozen=True)
    assert usual(frozen, "2024-02") == months("2023-01", "2023-04")
    assert usual(frozen, "2024-03") == ()
    assert usual(frozen, "2025-01") == months("2024-03", "2024-06")


# --- several baselines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(["2023-01", "2023-08", "2024-06"])))
@pytest.mark.parametrize(
    ("month", "in_force"),
    [
        ("2022-12", None),
        ("2023-01", "2023-01"),
        ("2023-07", "2023-01"),
        ("2023-08", "2023-08"),
        ("2024-05", "2023-08"),
        ("2024-06", "2024-06"),
        ("2025-12", "2024-06"),
    ],
)
def test_the_latest_baseline_that_has_begun_counts_in_whatever_order_they_are_given(order, month, in_force):
    found = policy(*map(since, order)).baseline("speed.p95", Window.parse(month))
    assert (found and found.since) == in_force


def test_a_baseline_may_hold_for_some_indicators_only():
    some = policy(since("2023-01"), since("2024-03", "speed.p95", "people.left"))
    month = Window.parse("2024-06")
    assert some.baseline("speed.p95", month) == since("2024-03", "speed.p95", "people.left")
    assert some.baseline("people.left", month).since == "2024-03"
    assert some.baseline("model.recall", month) == since("2023-01")
    assert usual(some, "2024-06", code="speed.p95") == months("2024-03", "2024-05")
    assert usual(some, "2024-06", code="model.recall") == months("2024-02", "2024-05")


def test_a_later_baseline_of_all_indicators_ends_that_of_one():
    ended = policy(since("2023-01", "speed.p95"), since("2024-03"))
    assert ended.baseline("speed.p95", Window.parse("2024-06")) == since("2024-03")
    assert ended.baseline("speed.p95", Window.parse("2024-02")) == since("2023-01", "speed.p95")
    assert ended.baseline("model.recall", Window.parse("2024-02")) is None


# --- the first month --------------------------------------------------------------------------------------------


def test_the_first_month_of_a_rolling_range_is_so_many_months_before():
    assert policy(months=12).first_month(Window.parse("2024-09")).label == "2023-09"
    assert policy(since("2020-01")).first_month(Window.parse("2024-09")).label == "2024-05"


def test_the_first_month_of_frozen_ranges_is_that_of_the_oldest_baseline_in_force():
    frozen = policy(since("2022-05"), since("2023-06"), since("2021-01", "speed.p95"), frozen=True)
    assert frozen.first_month(Window.parse("2024-09")).label == "2023-06"
    assert frozen.first_month(Window.parse("2023-01")).label == "2022-05"
    one = policy(since("2022-05"), since("2023-06", "speed.p95"), frozen=True)
    assert one.first_month(Window.parse("2024-09")).label == "2022-05"


def test_the_first_month_is_never_later_than_the_months_a_range_takes():
    assert policy(since("2024-08"), frozen=True).first_month(Window.parse("2024-09")).label == "2024-05"


# --- properties -------------------------------------------------------------------------------------------------


@modest
@given(
    st.lists(baselines, max_size=4),
    st.integers(MIN_MONTHS, 12),
    st.booleans(),
    st.sampled_from(LABELS[12:]),
    st.sampled_from(CODES),
)
def test_months_are_those_of_a_second_implementation(given_baselines, n, frozen, month, code):
    found = policy(*given_baselines, since("2020-06"), months=n, frozen=frozen)
    own = ["2020-06"] + [b.since for b in given_baselines if not b.indicators or code in b.indicators]
    begun = max(start for start in own if start <= month)
    inside = [label for label in LABELS if begun <= label < month]
    expected = inside[:n] if frozen else inside[::-1][:n][::-1]
    assert list(usual(found, month, code=code)) == expected
    assert len(expected) <= n
    first = found.first_month(Window.parse(month)).label
    assert all(first <= label < month for label in expected)


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("month", ["2024-13", "2024", "2024-1", "January 2024", "", "2024-01-01"])
def test_a_baseline_begins_with_a_month(month):
    with refused(
        f'Period {month!r} is not a month. Write the year and the month as YYYY-MM, such as "2013-09".'
    ):
        Baseline(since=month, reason="launch")


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_baseline_has_a_reason(reason):
    with refused("The baseline since 2024-01 has no reason. Say what changed for good."):
        Baseline(since="2024-01", reason=reason)


@pytest.mark.parametrize(("n", "is_allowed"), [(3, False), (4, True), (36, True), (37, False), (0, False)])
def test_a_range_rests_on_four_months_to_three_years(n, is_allowed):
    assert (MIN_MONTHS, MAX_MONTHS) == (4, 36)
    if is_allowed:
        assert policy(months=n).months == n
        return
    with refused(f"months is {n}; give 4 to 36."):
        policy(months=n)


@pytest.mark.parametrize("some", [(), (since("2024-01", "speed.p95"),)])
def test_a_frozen_range_needs_a_baseline_for_all_indicators(some):
    with refused(
        "A frozen usual range needs a baseline for all indicators. Add one to baselines, such as "
        '{since: "2024-01", reason: first year in production}.'
    ):
        policy(*some, frozen=True)
    assert policy(*some).frozen is False
