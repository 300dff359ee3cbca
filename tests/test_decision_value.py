import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.decision_value import value_curve
from afterlaunch.errors import DataError

modest = settings(deadline=None, max_examples=80, derandomize=True)
worth = st.integers(-1_000, 1_000)
bins = st.lists(st.tuples(worth, worth, st.integers(0, 50)), min_size=1, max_size=12)


def curve_of(pairs):
    if_alert, if_passed, n = np.array(pairs).T
    return value_curve(if_alert, if_passed, n)


def slow_curve(if_alert, if_passed, n):
    """Decide anew at each threshold, bin by bin."""
    values, shares = [], []
    for threshold in range(len(n) + 1):
        value, n_alerts = 0.0, 0
        for place, cases in enumerate(n):
            if place >= threshold:
                value += if_alert[place]
                n_alerts += cases
            else:
                value += if_passed[place]
        values.append(value)
        shares.append(n_alerts / sum(n) if sum(n) else np.nan)
    return values, shares


# --- worked by hand ---------------------------------------------------------------------------------------------


def test_the_curve_of_a_toy_case_is_what_was_worked_by_hand():
    # Reviews cost 8 and a caught claim saves 60; a missed one costs nothing more. Of 10, 6 and 4 cases 0, 1 and 3
    # are claims. Reviewing all: -160 + 240; all but the lowest: -80 + 240; the highest: -32 + 180; none: 0.
    curve = value_curve([-80, 60 - 48, 180 - 32], [0, 0, 0], [10, 6, 4])
    assert curve.value.tolist() == [80.0, 160.0, 148.0, 0.0]
    assert curve.alert_share.tolist() == [1.0, 0.5, 0.2, 0.0]


def test_cases_that_pass_have_a_value_too():
    # The same claims, 25 lost for each that passes: 0, 1 and 3 of them in the bins below.
    curve = value_curve([-80, 12, 148], [0, -25, -75], [10, 6, 4])
    assert curve.value.tolist() == [80.0, 160.0, 148.0 - 25.0, -100.0]


def test_one_bin_is_all_or_nothing():
    curve = value_curve([5.0], [-2.0], [3])
    assert (curve.value.tolist(), curve.alert_share.tolist()) == ([5.0, -2.0], [1.0, 0.0])


def test_a_bin_without_cases_changes_nothing():
    curve = value_curve([-80, 0, 12], [0, 0, -1], [10, 0, 6])
    assert curve.value.tolist() == [-68.0, 12.0, 12.0, -1.0]
    assert curve.alert_share.tolist() == [1.0, 0.375, 0.375, 0.0]


def test_without_cases_no_share_raises_an_alert():
    curve = value_curve([0.0, 0.0], [0.0, 0.0], [0, 0])
    assert curve.value.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(curve.alert_share).all()


def test_days_without_cases_have_no_share_beside_others_that_have():
    curve = value_curve([[1.0, 2.0], [0.0, 0.0]], np.zeros((2, 2)), [[1, 3], [0, 0]])
    assert curve.alert_share[0].tolist() == [1.0, 0.75, 0.0]
    assert np.isnan(curve.alert_share[1]).all()


def test_without_bins_there_is_nothing_to_decide():
    curve = value_curve([], [], [])
    assert curve.value.tolist() == [0.0]
    assert np.isnan(curve.alert_share).tolist() == [True]


# --- a second implementation ------------------------------------------------------------------------------------


@modest
@given(bins)
def test_the_curve_equals_a_slow_second_implementation(pairs):
    curve = curve_of(pairs)
    values, shares = slow_curve(*zip(*pairs, strict=True))
    assert curve.value.tolist() == values
    np.testing.assert_allclose(curve.alert_share, shares, rtol=1e-12)


def test_the_curve_of_single_cases_is_the_value_of_their_decisions():
    random = np.random.default_rng(5)
    score = random.permutation(40) / 40
    outcome = random.random(40) < score
    gain, cost, loss = 60.0, 8.0, 25.0
    order = np.argsort(score)
    curve = value_curve(
        np.where(outcome, gain - cost, -cost)[order], np.where(outcome, -loss, 0.0)[order], np.ones(40)
    )
    for place, threshold in enumerate([*score[order], 1.1]):
        decision = score >= threshold
        right, wrong = np.sum(decision & outcome), np.sum(decision & ~outcome)
        missed = np.sum(~decision & outcome)
        assert curve.value[place] == pytest.approx((gain - cost) * right - cost * wrong - loss * missed)
        assert curve.alert_share[place] == pytest.approx(decision.mean())


@modest
@given(st.lists(bins.filter(lambda pairs: len(pairs) == 3), min_size=1, max_size=5))
def test_leading_axes_are_curves_of_their_own(days):
    if_alert, if_passed, n = np.moveaxis(np.array(days), -1, 0)
    together = value_curve(if_alert, if_passed, n)
    for place, pairs in enumerate(days):
        alone = curve_of(pairs)
        assert together.value[place].tolist() == alone.value.tolist()
        np.testing.assert_array_equal(together.alert_share[place], alone.alert_share)


# --- properties -------------------------------------------------------------------------------------------------


@modest
@given(bins)
def test_the_ends_are_the_value_of_alerting_on_all_and_on_nobody(pairs):
    if_alert, if_passed, n = np.array(pairs).T
    curve = curve_of(pairs)
    assert (curve.value[0], curve.value[-1]) == (if_alert.sum(), if_passed.sum())
    if n.sum():
        assert (curve.alert_share[0], curve.alert_share[-1]) == (1.0, 0.0)
        assert (np.diff(curve.alert_share) <= 0).all()


@modest
@given(bins)
def test_a_step_costs_what_the_cases_between_are_worth_more_as_alerts(pairs):
    if_alert, if_passed, _ = np.array(pairs).T
    assert np.diff(curve_of(pairs).value).tolist() == (if_passed - if_alert).tolist()


@modest
@given(bins.filter(lambda pairs: len(pairs) > 1), st.integers(0, 11))
def test_bins_that_are_put_together_leave_the_other_thresholds_alone(pairs, place):
    at = place % (len(pairs) - 1)
    merged = [*pairs[:at], tuple(map(sum, zip(*pairs[at : at + 2], strict=True))), *pairs[at + 2 :]]
    kept = np.delete(np.arange(len(pairs) + 1), at + 1)
    assert curve_of(merged).value.tolist() == curve_of(pairs).value[kept].tolist()
    np.testing.assert_array_equal(curve_of(merged).alert_share, curve_of(pairs).alert_share[kept])


@modest
@given(bins, worth)
def test_what_every_case_is_worth_either_way_moves_the_whole_curve(pairs, extra):
    if_alert, if_passed, n = np.array(pairs).T
    moved = value_curve(if_alert + extra * n, if_passed + extra * n, n).value
    assert moved.tolist() == (curve_of(pairs).value + extra * n.sum()).tolist()


@modest
@given(bins)
def test_where_the_sides_are_worth_the_same_no_threshold_matters(pairs):
    if_alert, _, n = np.array(pairs).T
    assert len(set(value_curve(if_alert, if_alert, n).value.tolist())) == 1


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_values", "shapes"),
    [
        (([1.0], [1.0, 2.0], [1]), "(1,) and (2,), counts (1,)"),
        (([1.0], [1.0], [1, 2]), "(1,) and (1,), counts (2,)"),
        (([[1.0]], [1.0], [1]), "(1, 1) and (1,), counts (1,)"),
        ((1.0, 1.0, 1), "() and (), counts ()"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(given_values, shapes):
    told = f"Values have shapes {shapes}. Give all three one entry a score bin on the last axis."
    with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
        value_curve(*given_values)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_missing_values_and_counts_are_refused(place):
    parts = [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]
    parts[place][1] = np.nan
    told = "A value or a count is missing. Give 0 for bins without cases."
    with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
        value_curve(*parts)
