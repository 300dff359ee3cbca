"""Limits of an axis that a month long gone cannot flatten."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.render.scale import FAR, limits_without_far_months

NAN = math.nan
modest = settings(deadline=None, max_examples=200, derandomize=True)
VALUES = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), max_size=13)
SHOWN = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("earlier", "shown", "limits"),
    [
        ([0.7, 0.8, 10.0, 0.7], [0.75, 0.6, 1.0], (0.6, 1.0)),
        ([0.7, 0.8, -10.0, 0.7], [0.75, 0.6, 1.0], (0.6, 1.0)),
        # Twice the height of what has to be seen away from it is still near; a little more is not.
        ([0.0, 0.0, 0.0, 3.0], [0.0, 1.0], (0.0, 3.0)),
        ([0.0, 0.0, 0.0, 3.001], [0.0, 1.0], (0.0, 1.0)),
        ([0.0, 0.0, 0.0, -2.0], [0.0, 1.0], (-2.0, 1.0)),
        ([0.0, 0.0, 0.0, -2.001], [0.0, 1.0], (0.0, 1.0)),
        # Months without a value, and a history of one month.
        ([NAN, 0.7, NAN], [0.75, 0.6, 1.0], (0.6, 1.0)),
        ([], [0.75, 0.6, 1.0], (0.6, 1.0)),
        ([NAN], [0.75], (0.75, 0.75)),
        # Half of the months are seen where nothing else sets a scale, and a single far one sets none.
        ([5.0, 6.0, 7.0, 8.0, 500.0], [6.5], (5.0, 8.0)),
        ([5.0, 5.0, 5.0], [5.0], (5.0, 5.0)),
        # Where all are alike there is no height to be far in.
        ([5.0, 5.0, 5.0, 500.0], [5.0], (5.0, 500.0)),
    ],
)
def test_limits_of_toy_cases_are_what_was_worked_by_hand(earlier, shown, limits):
    assert limits_without_far_months(earlier, shown) == limits


def test_this_month_is_seen_whole_however_far_it_lies():
    assert limits_without_far_months([0.7, 0.8, 0.7], [50.0, 0.6, 1.0]) == (0.6, 50.0)


@modest
@given(VALUES, SHOWN)
def test_what_has_to_be_seen_and_half_of_the_months_are_inside_and_no_limit_lies_beyond_all_values(
    earlier, shown
):
    lowest, highest = limits_without_far_months(earlier, shown)
    assert all(lowest <= value <= highest for value in shown)
    assert sum(lowest <= value <= highest for value in earlier) >= len(earlier) / 2 - 1
    assert lowest == min([*earlier, *shown]) or lowest in {*earlier, *shown}
    assert highest == max([*earlier, *shown]) or highest in {*earlier, *shown}


@modest
@given(VALUES, SHOWN, st.sampled_from([1.0, 100.0, -3.0]))
def test_limits_stretch_with_the_unit_and_turn_with_the_sign(earlier, shown, factor):
    ends = [factor * end for end in limits_without_far_months(earlier, shown)]
    stretched = limits_without_far_months(
        [factor * value for value in earlier], [factor * value for value in shown]
    )
    assert stretched == pytest.approx((min(ends), max(ends)), rel=1e-9)


@modest
@given(VALUES, SHOWN)
def test_the_axis_is_at_most_a_few_times_as_high_as_what_has_to_be_seen(earlier, shown):
    lowest, highest = limits_without_far_months(earlier, shown)
    middle = sorted(earlier)[len(earlier) // 4 : max(1, len(earlier) - len(earlier) // 4)]
    seen = [*shown, *middle]
    height = max(seen) - min(seen)
    if height:
        assert highest - lowest <= (1 + 2 * FAR) * height * (1 + 1e-9)
