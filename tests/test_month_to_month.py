import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.month_to_month import (
    MAX_DEGREES,
    MIN_MONTHS,
    MIN_SHARING,
    Against,
    QuantityKind,
    deciding_comparisons,
    from_the_others,
    usual_change,
)

modest = settings(deadline=None, max_examples=40, derandomize=True)
DISTANCES = (QuantityKind.DISTANCE, QuantityKind.SQUARED_DISTANCE)
TOO_FEW = "needs at least 4 reference months, and there are {}"
ALL_THE_SAME = "is the same in every reference month, so there is no telling what is usual"


def against_the_others(months):
    """Return each month's change against the mean of all other months."""
    return np.array([months[i] - np.delete(months, i, axis=0).mean(axis=0) for i in range(len(months))])


def quiet_world(seed, n_months, *, n_quantities=28, tails=math.inf, spreads=0.7, n_directions=None):
    """Return reference and current changes of months that differ by chance only (lengths, with directions)."""
    generator = np.random.default_rng(seed)
    shape = (n_months + 1, n_quantities) + ((n_directions,) if n_directions else ())
    months = generator.normal(size=shape) if math.isinf(tails) else generator.standard_t(tails, shape)
    scale = np.exp(spreads * generator.normal(size=n_quantities))
    months *= scale[:, None] if n_directions else scale
    changes = [against_the_others(months[1:]), months[0] - months[1:].mean(axis=0)]
    return [np.linalg.norm(change, axis=-1) for change in changes] if n_directions else changes


# --- limits and p-values ----------------------------------------------------------


def test_limits_of_one_effect_worked_by_hand():
    # Mean 0, sum of squares 10 over 4: sd 1.5811. Months spread 4 / 5 of it, a further change against all five
    # sqrt(1 + 1 / 5) times that: 1.3856. Student's t with 1 + 5 / 2 degrees of freedom: 2.9401.
    usual = usual_change([[1.0], [-1.0], [2.0], [-2.0], [0.0]], [1.3856])
    assert usual.upper[0] == pytest.approx(1.38564 * 2.94009, abs=1e-4)
    assert usual.lower[0] == pytest.approx(-1.38564 * 2.94009, abs=1e-4)
    assert usual.p_value[0] == pytest.approx(2 * stats.t.sf(1, 3.5), abs=1e-4)
    assert (usual.n_months[0], usual.level, usual.reasons) == (5, 0.95, ("",))


def test_limits_of_a_distance_worked_by_hand():
    # Roots 1, 2, 3, 2: mean 2, variance 2 / 3; times sqrt(1 + 1 / 4) a spread of 0.91287. One-sided t with 3
    # degrees of freedom: 2.35336. So the upper limit is (2 + 2.14832) squared.
    usual = usual_change([[1.0], [4.0], [9.0], [4.0]], [16.0], kind=QuantityKind.DISTANCE)
    assert usual.upper[0] == pytest.approx(4.14832**2, abs=1e-3)
    assert usual.lower[0] == 0
    assert usual.p_value[0] == pytest.approx(stats.t.sf(2 / 0.91287, 3), abs=1e-5)


def test_a_squared_distance_is_judged_as_its_root():
    distance, now = quiet_world(1, 6, n_directions=3)
    one = usual_change(distance, now, kind=QuantityKind.DISTANCE)
    other = usual_change(distance**2, now**2, kind=QuantityKind.SQUARED_DISTANCE)
    np.testing.assert_allclose(other.p_value, one.p_value, rtol=1e-9)
    np.testing.assert_allclose(other.upper, one.upper**2, rtol=1e-9)


def slow_p_values(reference, current):
    """Moderate variances and judge effects in loops: limma's formulas, solved by root finding."""
    n, m = reference.shape
    d = n - 1
    variance = [np.var(reference[:, j], ddof=1) * ((n - 1) / n) ** 2 for j in range(m)]
    logs = [math.log(v) - special.digamma(d / 2) + math.log(d / 2) for v in variance]
    beyond = np.var(logs, ddof=1) - special.polygamma(1, d / 2)
    if beyond <= 0:
        moderated = [math.exp(np.mean(logs))] * m
    else:
        half = optimize.brentq(lambda x: special.polygamma(1, x) - beyond, 1e-6, 1e7)
        common = math.exp(np.mean(logs) + special.digamma(half) - math.log(half))
        moderated = [(2 * half * common + d * v) / (2 * half + d) for v in variance]
    spread = np.sqrt(np.array(moderated) * (1 + 1 / n))
    return 2 * stats.t.sf(np.abs(current - reference.mean(axis=0)) / spread, min(1 + n / 2, 5))


@pytest.mark.parametrize("spreads", [0.0, 0.4, 1.5])
@pytest.mark.parametrize("n_months", [4, 5, 12])
def test_p_values_are_those_of_a_slow_second_way(n_months, spreads):
    reference, current = quiet_world(2, n_months, spreads=spreads)
    usual = usual_change(reference, current)
    expected = slow_p_values(reference, current)
    np.testing.assert_allclose(usual.p_value, expected, rtol=1e-6)
    np.testing.assert_allclose(usual.p_adjusted, stats.false_discovery_control(expected), rtol=1e-6)


def test_without_moderation_the_correction_for_the_smaller_pool_is_exact():
    # In units of the months' own spread a further month's change against all of five has 4 degrees of freedom.
    worlds = [quiet_world(seed, 5, n_quantities=MIN_SHARING - 1) for seed in range(400)]
    p_values = np.concatenate([usual_change(*world).p_value for world in worlds])
    in_spreads = stats.t.isf(p_values / 2, 1 + 5 / 2)
    assert stats.kstest(2 * stats.t.sf(in_spreads, 4), "uniform").pvalue > 0.01
    assert (2 * stats.t.sf(in_spreads, 4) <= 0.05).mean() == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("kind", QuantityKind)
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_a_change_at_its_limit_has_the_p_value_of_the_level(kind, level):
    distance, now = quiet_world(3, 7, n_directions=2)
    at_limit = usual_change(distance, now, kind=kind, level=level).upper
    p_value = usual_change(distance, at_limit, kind=kind).p_value
    np.testing.assert_allclose(p_value, 1 - level, rtol=1e-6)


def test_t_has_never_more_degrees_of_freedom_than_heavy_tails_allow():
    reference, _ = quiet_world(4, 30, n_quantities=1)
    upper = [usual_change(reference, [0.0], level=level).upper[0] for level in (0.95, 0.99)]
    t = [stats.t.isf(tail, MAX_DEGREES) for tail in (0.025, 0.005)]
    centre = reference.mean()
    assert (upper[1] - centre) / (upper[0] - centre) == pytest.approx(t[1] / t[0], rel=1e-9)


def widest_over_narrowest(usual):
    width = usual.upper - usual.lower
    return width.max() / width.min()


def test_quantities_that_are_alike_share_their_spread():
    reference, current = quiet_world(5, 5, spreads=0.0)
    own = reference.std(axis=0)
    assert own.max() / own.min() > 3
    assert widest_over_narrowest(usual_change(reference, current)) < 1.5


def test_where_spreads_differ_the_widest_is_kept_and_the_narrowest_is_widened():
    reference, current = quiet_world(5, 5, spreads=6.0)
    among_others = usual_change(reference, current).upper
    by_spread = np.argsort(reference.std(axis=0))
    alone = [usual_change(reference[:, [place]], current[[place]]).upper[0] for place in by_spread]
    assert among_others[by_spread[-1]] == pytest.approx(alone[-1], rel=0.05)
    assert among_others[by_spread[0]] > 2 * alone[0]


def test_sampling_error_is_a_floor_of_the_spread():
    reference = [[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0], [-2.0, -2.0], [0.0, 0.0]]
    usual = usual_change(reference, [20.0, 20.0], se=[10.0, 0.1])
    plain = usual_change(reference, [20.0, 20.0])
    assert usual.upper[0] == pytest.approx(10 * stats.t.isf(0.025, 3.5))
    assert usual.p_value[0] == pytest.approx(2 * stats.t.sf(2, 3.5))
    assert usual.upper[1] == plain.upper[1]
    unknown = usual_change(reference, [20.0, 20.0], se=[math.nan, math.nan])
    np.testing.assert_array_equal(unknown.upper, plain.upper)


@pytest.mark.parametrize(
    ("kind", "root"), [(QuantityKind.DISTANCE, 0.5), (QuantityKind.SQUARED_DISTANCE, 0.25)]
)
def test_one_sampling_error_of_a_distance_lies_one_spread_above_its_centre(kind, root):
    usual = usual_change(np.full((5, 1), 0.16), [0.16 + 0.05], kind=kind, se=[0.05])
    assert usual.p_value[0] == pytest.approx(stats.t.sf(1, 3.5))
    assert usual.upper[0] ** root == pytest.approx(
        0.16**root + stats.t.isf(0.05, 3.5) * (0.21**root - 0.16**root)
    )
    # Also at a distance of 0, where a slope would be infinite.
    assert usual_change(np.zeros((5, 1)), [0.05], kind=kind, se=[0.05]).p_value[0] == pytest.approx(
        stats.t.sf(1, 3.5)
    )


@modest
@given(st.floats(0.01, 100), st.integers(0, 1_000), st.sampled_from(QuantityKind))
def test_p_values_do_not_mind_the_unit_or_the_order_of_months_and_quantities(factor, seed, kind):
    reference, current = quiet_world(seed, 6, n_quantities=10, n_directions=2)
    order = np.random.default_rng(seed).permutation(10)
    one = usual_change(reference, current, kind=kind)
    other = usual_change(factor * reference[::-1, order], factor * current[order], kind=kind)
    np.testing.assert_allclose(other.p_value, one.p_value[order], rtol=1e-6)
    np.testing.assert_allclose(other.upper, factor * one.upper[order], rtol=1e-6)


# --- where there is nothing to say ------------------------------------------------


@pytest.mark.parametrize("n_months", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", QuantityKind)
def test_few_months_of_few_quantities_have_no_limits_and_say_why(n_months, kind):
    reference = np.abs(quiet_world(6, 4, n_quantities=2)[0][:n_months])
    usual = usual_change(reference, [1.0, 2.0], kind=kind, se=[1.0, 1.0])
    assert usual.reasons == (TOO_FEW.format(n_months),) * 2
    for name in ("lower", "upper", "p_value", "p_adjusted"):
        assert np.isnan(getattr(usual, name)).all()


def test_three_months_do_when_many_quantities_are_alike_and_do_not_when_they_differ():
    assert set(usual_change(*quiet_world(7, 3, spreads=0.0)).reasons) == {""}
    assert set(usual_change(*quiet_world(7, 2, spreads=0.0)).reasons) == {""}
    assert set(usual_change(*quiet_world(7, 3, spreads=3.0)).reasons) == {TOO_FEW.format(3)}
    assert set(usual_change(*quiet_world(7, MIN_MONTHS, spreads=3.0)).reasons) == {""}


@pytest.mark.parametrize("kind", DISTANCES)
def test_two_months_are_equally_far_from_each_other_and_so_never_do_for_distances(kind):
    reference, current = quiet_world(8, 2, spreads=0.0, n_directions=2)
    assert set(usual_change(reference, current, kind=kind).reasons) == {TOO_FEW.format(2)}


def test_a_quantity_that_never_moved_has_no_limits_unless_others_or_its_error_give_a_spread():
    still = np.full((6, 1), 0.1)
    assert usual_change(still, [5.0]).reasons == (ALL_THE_SAME,)
    assert usual_change(still, [5.0], se=[0.0]).reasons == (ALL_THE_SAME,)
    assert usual_change(still, [5.0], se=[0.2]).reasons == ("",)
    reference, current = quiet_world(9, 6)
    among_others = usual_change(np.hstack([still, reference]), np.append(5.0, current))
    assert among_others.reasons[0] == ""
    assert among_others.upper[0] < np.median(among_others.upper)


def test_a_month_without_a_value_is_left_out_for_its_quantity_only():
    reference, current = quiet_world(10, 6, n_quantities=3)
    gap = reference.copy()
    gap[2, 1] = math.nan
    found, full = usual_change(gap, current), usual_change(reference, current)
    alone = usual_change(np.delete(reference, 2, axis=0)[:, [1]], current[[1]])
    assert found.n_months.tolist() == [6, 5, 6]
    assert found.p_value[[0, 2]] == pytest.approx(full.p_value[[0, 2]])
    assert found.p_value[1] == pytest.approx(alone.p_value[0])


def test_a_quantity_without_a_value_this_month_has_limits_and_counts_for_no_comparison():
    reference, current = quiet_world(11, 6, n_quantities=3)
    current[1] = math.nan
    usual = usual_change(reference, current)
    rest = usual_change(reference[:, [0, 2]], current[[0, 2]])
    assert usual.reasons == ("", "this month has no value", "")
    assert math.isfinite(usual.upper[1])
    assert math.isnan(usual.p_adjusted[1])
    assert usual.p_adjusted[[0, 2]] == pytest.approx(rest.p_adjusted)


def test_no_quantities_are_no_trouble():
    usual = usual_change(np.empty((5, 0)), [])
    assert (usual.reasons, usual.upper.shape) == ((), (0,))


@pytest.mark.parametrize(
    ("reference", "current", "options", "message"),
    [
        (
            [1.0, 2.0],
            [1.0],
            {},
            (
                "Reference has shape (2,) and current (1,). Give reference as (months, quantities), also without "
                "any month, and current as (quantities,)."
            ),
        ),
        (
            [[1.0], [math.inf]],
            [1.0],
            {},
            "A change is infinite. Give finite changes, and nan where there is no value.",
        ),
        (
            [[1.0], [-2.0]],
            [1.0],
            {"kind": QuantityKind.DISTANCE},
            "A distance is -2. Distances are 0 or more; give kind=QuantityKind.SIGNED for effects with a sign.",
        ),
        (
            [[1.0], [2.0]],
            [1.0],
            {"se": [-1.0]},
            (
                "Sampling errors have shape (1,), or one is negative or infinite. Give one a quantity, shape (1,), "
                "0 or more, and nan where it is unknown."
            ),
        ),
    ],
)
def test_changes_that_make_no_sense_are_refused(reference, current, options, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        usual_change(reference, current, **options)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_none_is_refused(level):
    message = f"Level is {level}. Give a number between 0 and 1, such as 0.95."
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        usual_change([[1.0]], [1.0], level=level)


# --- false alarms and found changes -----------------------------------------------


@pytest.mark.parametrize("tails", [math.inf, 5])
@pytest.mark.parametrize("n_months", [5, 12])
@pytest.mark.parametrize("spreads", [0.0, 0.7])
def test_quiet_worlds_raise_an_alarm_in_at_most_six_of_a_hundred(n_months, tails, spreads):
    worlds = [usual_change(*quiet_world(seed, n_months, tails=tails, spreads=spreads)) for seed in range(200)]
    assert np.mean([(world.p_adjusted <= 0.05).any() for world in worlds]) <= 0.06
    inside = [usual.p_value > 0.05 for usual in worlds]
    assert 0.94 <= np.mean(inside) <= 1.0


@pytest.mark.parametrize("n_directions", [1, 5])
@pytest.mark.parametrize("tails", [math.inf, 5])
@pytest.mark.parametrize("n_months", [5, 12])
def test_quiet_worlds_of_distances_raise_an_alarm_in_at_most_six_of_a_hundred(n_months, tails, n_directions):
    n_alarms = 0
    for seed in range(200):
        reference, current = quiet_world(seed, n_months, tails=tails, n_directions=n_directions)
        usual = usual_change(reference**2, current**2, kind=QuantityKind.SQUARED_DISTANCE)
        n_alarms += (usual.p_adjusted <= 0.05).any()
    assert n_alarms / 200 <= 0.06


def test_a_planted_change_is_found_and_only_that():
    n_found = n_false = 0
    for seed in range(60):
        reference, current = quiet_world(seed, 12, spreads=0.3)
        current[3] = 15 * reference[:, 3].std()
        p_adjusted = usual_change(reference, current).p_adjusted
        n_found += p_adjusted[3] <= 0.05
        n_false += (np.delete(p_adjusted, 3) <= 0.05).any()
    assert (n_found, n_false <= 4) == (60, True)


# --- the same month last year -----------------------------------------------------

USUAL = usual_change(np.tile([[1.0], [-1.0], [2.0], [-2.0], [0.0]], 6), np.zeros(6))  # limits at 4.07


def decided(current, against_last_year, **options):
    options = {"usual": USUAL, "floor": 0.5} | options
    now, year = np.full(6, current), np.full(6, against_last_year)
    (found,) = set(deciding_comparisons(now, year, **options))
    return found


@pytest.mark.parametrize(
    ("current", "against_last_year", "expected"),
    [
        (9.0, 0.49, Against.LAST_YEAR),
        (-9.0, -0.49, Against.LAST_YEAR),
        (9.0, 0.5, Against.OTHER_MONTHS),
        (9.0, 8.0, Against.OTHER_MONTHS),
        (9.0, math.nan, Against.OTHER_MONTHS),
        (3.0, 0.0, Against.OTHER_MONTHS),
        (math.nan, 0.0, Against.OTHER_MONTHS),
    ],
    ids=[
        "season",
        "season down",
        "at the floor",
        "changed",
        "no last year",
        "usual anyway",
        "no value this month",
    ],
)
def test_last_year_speaks_for_a_change_that_is_absent_against_it(current, against_last_year, expected):
    assert decided(current, against_last_year) is expected


def test_a_change_below_the_floor_is_left_to_the_other_months():
    assert decided(9.0, 0.0, floor=9.0) is Against.LAST_YEAR
    assert decided(9.0, 0.0, floor=9.1) is Against.OTHER_MONTHS


def test_limits_from_year_to_year_say_what_is_absent_unless_the_change_grew():
    yearly = usual_change(5 * np.tile([[1.0], [-1.0], [2.0], [-2.0], [0.0]], 6), np.zeros(6))
    limit = yearly.upper[0]
    assert decided(25.0, limit, usual_last_year=yearly) is Against.LAST_YEAR
    assert decided(25.0, limit + 0.01, usual_last_year=yearly) is Against.OTHER_MONTHS
    assert decided(9.0, -9.5, usual_last_year=yearly) is Against.OTHER_MONTHS


def test_without_limits_last_year_may_speak_and_else_only_the_floor_does():
    none = usual_change(np.empty((0, 6)), np.zeros(6))
    assert decided(9.0, 0.1, usual=none) is Against.LAST_YEAR
    assert decided(9.0, 9.0, usual=none) is Against.FLOOR_ONLY
    assert decided(9.0, math.nan, usual=none, usual_last_year=none) is Against.FLOOR_ONLY


def test_each_quantity_has_its_own_floor():
    found = deciding_comparisons(
        np.full(6, 9.0), np.full(6, 1.0), usual=USUAL, floor=[0.5, 0.5, 0.5, 2, 2, 2]
    )
    assert found == (Against.OTHER_MONTHS,) * 3 + (Against.LAST_YEAR,) * 3


def test_comparisons_of_other_shapes_and_floors_that_are_none_are_refused():
    message = "Changes and limits have shapes (2,), (6,), (6,). Give one of each a quantity."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        deciding_comparisons([1.0, 2.0], np.zeros(6), usual=USUAL, floor=1.0)
    message = "Floor is -1.0. Give one size for all 6 quantities or one each, 0 or more."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        deciding_comparisons(np.zeros(6), np.zeros(6), usual=USUAL, floor=-1.0)


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'level'"):
        USUAL.level = 0.5


def test_a_month_is_held_against_the_mean_of_the_others():
    values = np.random.default_rng(3).normal(size=(6, 4))
    by_hand = [row - np.delete(values, i, axis=0).mean(axis=0) for i, row in enumerate(values)]
    assert from_the_others(values) == pytest.approx(np.array(by_hand), abs=1e-12)
    assert from_the_others(values[:1]).shape == (0, 4)


def test_the_size_of_what_is_usual_is_the_larger_limit():
    usual = usual_change([[1.0], [2.0], [1.5], [1.2], [1.8]], [1.0])
    assert usual.size.tolist() == [max(-usual.lower[0], usual.upper[0])]
    assert np.isnan(usual_change([[1.0]], [1.0]).size).all()
