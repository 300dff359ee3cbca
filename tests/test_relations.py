import dataclasses
import itertools
import math
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.relations import (
    MIN_PERMUTATIONS,
    MIN_ROWS,
    MIN_VARYING,
    NoRelationChange,
    RelationChange,
    relation_change,
)

NAMES = ("age", "amount", "distance", "n_pages", "score", "weekday")
few = settings(deadline=None, max_examples=10, derandomize=True)


def rows(generator, n, *, correlation=0.6, n_inputs=6):
    """Return normal inputs of which the first two correlate and all others do not."""
    values = generator.normal(size=(n, n_inputs))
    values[:, 1] = correlation * values[:, 0] + math.sqrt(1 - correlation**2) * values[:, 1]
    return values


def months(generator, *, n=1_000, k=3, correlation=0.6):
    return [rows(generator, n, correlation=correlation) for _ in range(k)]


def compared(reference, current, **options):
    options = {"names": NAMES[: np.shape(current)[1]], "seed": 1} | options
    return relation_change(reference, current, **options)


def pair_of(found, first, second):
    return next(pair for pair in found.pairs if {pair.first, pair.second} == {first, second})


def table_of(cells):
    """Return rows of two flags: both, only the first, only the second, neither."""
    return np.repeat([[1.0, 1], [1, 0], [0, 1], [0, 0]], cells, axis=0)


# --- what the numbers are -------------------------------------------------------------


def test_two_flags_are_what_was_worked_by_hand():
    # Agreeing in 160 of 200 rows, half of them set: (0.8 - 0.2) = 0.6. Agreeing in half: 0. atanh(0.6) = log(2).
    found = compared([table_of([80, 20, 20, 80])], table_of([50, 50, 50, 50]), n_permutations=999)
    (pair,) = found.pairs
    assert (pair.first, pair.second) == ("age", "amount")
    assert (pair.before, pair.expected, pair.after, pair.change) == pytest.approx((0.6, 0.6, 0.0, -0.6))
    assert found.overall.statistic == pytest.approx(math.log(2))
    # All rows agree in 260 of 400, a correlation of 0.3; normal theory has z vary by 1 / 200 on either side.
    assert found.overall.sampling == pytest.approx(math.sqrt(2 / 200), rel=0.15)
    assert found.overall.p_value == 1 / 1_000
    assert pair.p_value == pair.adjusted_p_value < 1e-8
    assert (pair.usual, pair.weight_share, found.overall.usual, found.weighted) == (None, 1.0, (), None)
    assert (found.n_reference, found.n_current) == (200, 200)


def slow_scores(window):
    """Return the normal scores of each column among the rows that have it, with mean 0 and variance 1."""
    scores = np.full(window.shape, np.nan)
    for column in range(window.shape[1]):
        has = ~np.isnan(window[:, column])
        ranked = stats.norm.ppf((stats.rankdata(window[has, column]) - 0.5) / has.sum())
        scores[has, column] = (ranked - ranked.mean()) / ranked.std()
    return scores


def slow_correlation(scores, first, second):
    both = ~np.isnan(scores[:, [first, second]]).any(axis=1)
    return np.corrcoef(scores[both, first], scores[both, second])[0, 1]


@pytest.mark.parametrize("missing_share", [0.0, 0.2])
def test_correlations_equal_a_slow_second_implementation(missing_share):
    generator = np.random.default_rng(2)
    reference, current = months(generator, n=400), rows(generator, 500, correlation=0.1)
    for window in (*reference, current):
        window[generator.random(window.shape) < missing_share] = np.nan
        window[:, 5] = np.round(window[:, 5])
    found = compared(reference, current)
    pooled, now = np.concatenate([slow_scores(month) for month in reference]), slow_scores(current)
    z_changes = []
    for first, second in itertools.combinations(range(6), 2):
        pair = pair_of(found, NAMES[first], NAMES[second])
        before, after = (slow_correlation(scores, first, second) for scores in (pooled, now))
        assert (pair.before, pair.after) == pytest.approx((before, after), abs=1e-9)
        z_changes.append(math.atanh(after) - math.atanh(before))
    # Missing values and rounding are spread alike, so that they hardly matter here.
    assert found.overall.statistic == pytest.approx(math.sqrt(np.mean(np.square(z_changes))), rel=0.02)


def test_the_p_value_equals_that_of_splits_that_are_ranked_anew():
    generator = np.random.default_rng(3)
    reference, current = rows(generator, 300, n_inputs=2), rows(generator, 300, n_inputs=2, correlation=0.5)

    def size(one, other):
        return abs(
            math.atanh(slow_correlation(slow_scores(one), 0, 1))
            - math.atanh(slow_correlation(slow_scores(other), 0, 1))
        )

    everything, splits = np.concatenate([reference, current]), []
    for _ in range(400):
        order = generator.permutation(600)
        splits.append(size(everything[order[:300]], everything[order[300:]]))
    slow = np.mean([split >= size(reference, current) for split in splits])
    found = compared([reference], current, n_permutations=2_000)
    assert found.overall.p_value == pytest.approx(slow, abs=0.04)
    assert found.pairs[0].p_value == pytest.approx(slow, abs=0.04)


def test_each_month_is_compared_with_the_others_and_never_with_itself():
    generator = np.random.default_rng(4)
    reference = [rows(generator, 600, correlation=c)[:, :2] for c in (0.6, 0.6, 0.3)]
    found = compared(reference, rows(generator, 600)[:, :2])
    correlations = [slow_correlation(slow_scores(month), 0, 1) for month in reference]
    changes = [
        correlations[place] - np.mean([c for other, c in enumerate(correlations) if other != place])
        for place in range(3)
    ]
    assert found.pairs[0].usual == pytest.approx(max(np.abs(changes)), abs=1e-9)
    assert found.overall.usual[2] == max(found.overall.usual) > 2 * found.overall.usual[0]


def test_usual_changes_do_not_hold_it_against_months_that_they_are_small():
    generator = np.random.default_rng(5)
    small, large = months(generator, n=300, k=8), months(generator, n=3_000, k=8)
    current = rows(generator, 3_000)
    usual_small, usual_large = (compared(reference, current).overall for reference in (small, large))
    # The noise of 300 rows alone would be 0.062.
    assert np.median(usual_small.usual) < 0.04
    assert np.median(usual_large.usual) == pytest.approx(usual_large.sampling, rel=0.2)


def test_the_pair_that_changed_most_comes_first_and_shares_add_up():
    generator = np.random.default_rng(6)
    found = compared(months(generator), rows(generator, 1_000, correlation=0.0), weights=[3, 1, 1, 0, 2, 1])
    sizes = [abs(pair.change) for pair in found.pairs]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 15
    assert sum(pair.weight_share for pair in found.pairs) == pytest.approx(1.0)
    # Products over pairs: ((3 + 1 + 1 + 0 + 2 + 1)^2 - (9 + 1 + 1 + 0 + 4 + 1)) / 2 = 24.
    assert pair_of(found, "age", "score").weight_share == pytest.approx(6 / 24)


# --- what is found, and what is not ---------------------------------------------------


def test_no_change_is_called_one_in_at_most_one_of_twenty_worlds():
    alarms, p_values = [], []
    for seed in range(100):
        generator = np.random.default_rng([7, seed])
        found = compared(months(generator, n=400, k=2), rows(generator, 400), n_permutations=99)
        alarms.append(found.is_changed())
        p_values.append(found.overall.p_value)
    assert np.mean(alarms) <= 0.05
    # 100 worlds know a share of 20 % to 8 points (two standard errors).
    assert 0.12 <= np.mean(np.array(p_values) <= 0.2) <= 0.28


def to_other_scales(values):
    return np.column_stack([np.exp(2 * values[:, :2]), values[:, 2:4] ** 3 + 40, 7 - values[:, 4:] * 1e6])


def test_margins_that_shift_strongly_are_not_a_change_of_relations():
    generator = np.random.default_rng(8)
    reference, current = months(generator), rows(generator, 1_000)
    moved = to_other_scales(current)
    moved[:, 4:] *= -1
    found, plain = compared(reference, moved), compared(reference, current)
    assert not found.is_changed()
    assert found == plain


@pytest.mark.parametrize(("share_before", "share_now"), [(0.1, 0.4), (0.5, 0.04), (0.03, 0.5)])
def test_a_flag_that_becomes_more_or_less_frequent_is_not_a_change_of_relations(share_before, share_now):
    alarms = []
    for seed in range(40):
        generator = np.random.default_rng([9, seed])
        reference, current = months(generator, n=600, k=2), rows(generator, 600)
        for window, share in (
            (reference[0], share_before),
            (reference[1], share_before),
            (current, share_now),
        ):
            window[:, [0, 2, 3]] = window[:, [0, 2, 3]] > stats.norm.isf(share)
        alarms.append(compared(reference, current, n_permutations=99).is_changed())
    assert sum(alarms) <= 3


def test_the_expected_correlation_of_a_rarer_flag_is_the_biserial_one():
    generator = np.random.default_rng(10)
    reference, current = rows(generator, 20_000, n_inputs=2), rows(generator, 20_000, n_inputs=2)
    for window, share in ((reference, 0.5), (current, 0.05)):
        # Exact shares, so that nothing but the formula is tested.
        window[:, 0] = stats.rankdata(window[:, 0]) > 20_000 * (1 - share)
    (pair,) = compared([reference], current, n_permutations=99).pairs

    def seen_as_flag(share):
        return stats.norm.pdf(stats.norm.isf(share)) / math.sqrt(share * (1 - share))

    assert pair.expected == pytest.approx(pair.before * seen_as_flag(0.05) / seen_as_flag(0.5), abs=0.005)
    assert pair.before - pair.expected > 0.15
    assert abs(pair.change) < 0.02


@pytest.mark.parametrize("correlation", [-0.8, 0.3, 0.9])
def test_the_expected_correlation_of_two_flags_is_that_of_cut_normals(correlation):
    def flags(share):
        cut = stats.norm.isf(share)
        both = stats.multivariate_normal.cdf([-cut, -cut], cov=[[1, correlation], [correlation, 1]])
        cells = np.array([both, share - both, share - both, 1 - 2 * share + both])
        n_each = np.round(40_000 * cells).astype(int)
        return table_of(n_each), (both - share**2) / (share * (1 - share))

    (reference, before), (current, after) = flags(0.5), flags(0.2)
    (pair,) = compared([reference], current, n_permutations=99).pairs
    assert (pair.before, pair.after) == pytest.approx((before, after), abs=0.001)
    assert pair.expected == pytest.approx(after, abs=0.01)


def test_a_relation_that_is_lost_is_found_and_named():
    generator = np.random.default_rng(11)
    found = compared(months(generator), rows(generator, 1_000, correlation=0.0))
    assert found.is_changed()
    assert [(pair.first, pair.second) for pair in found.changed_pairs()] == [("age", "amount")]
    assert found.pairs[0].before == pytest.approx(0.6, abs=0.05)
    assert found.pairs[0].after == pytest.approx(0.0, abs=0.07)
    assert found.overall.statistic > 3 * max(found.overall.usual)


def test_one_lost_relation_among_many_inputs_is_found():
    generator = np.random.default_rng(12)
    names = [f"input {place}" for place in range(30)]
    windows = [rows(generator, 2_000, correlation=c, n_inputs=30) for c in (0.6, 0.6, 0.6, 0.4)]
    found = compared(windows[:3], windows[3], names=names)
    assert found.is_changed()
    assert [(pair.first, pair.second) for pair in found.changed_pairs()] == [("input 0", "input 1")]


def test_a_change_below_the_floor_is_quiet_however_sure_it_is():
    generator = np.random.default_rng(13)
    found = compared(months(generator, n=6_000), rows(generator, 6_000, correlation=0.55))
    assert pair_of(found, "age", "amount").adjusted_p_value < 0.01
    assert found.overall.p_value < 0.05
    assert not found.is_changed()
    assert found.is_changed(floor=0.02)


def test_a_changed_model_shows_as_score_against_inputs():
    generator = np.random.default_rng(14)

    def scored(n, weights):
        values = rows(generator, n, correlation=0.0)
        values[:, 4] = 1 / (1 + np.exp(-values @ weights))
        return values

    old, new = [1.0, 0, 1, 0, 0, 0], [1.0, 0, 0, 1, 0, 0]
    found = compared([scored(1_000, old) for _ in range(3)], scored(1_000, new))
    named = {frozenset((pair.first, pair.second)) for pair in found.changed_pairs()}
    assert named == {frozenset(("distance", "score")), frozenset(("n_pages", "score"))}


def test_categories_in_the_order_of_their_score_can_be_related():
    generator = np.random.default_rng(15)

    def trips(n, *, is_related, shares):
        means = np.array([0.11, 0.18, 0.4])
        place = np.searchsorted(np.cumsum(shares)[:-1], generator.random(n))
        other = 1.5 * place * is_related + generator.normal(size=n)
        return np.column_stack([means[place], other])

    even = [0.3, 0.4, 0.3]
    reference = [trips(1_000, is_related=True, shares=even) for _ in range(3)]
    lost = compared(reference, trips(1_000, is_related=False, shares=even))
    moved = compared(reference, trips(1_000, is_related=True, shares=[0.1, 0.3, 0.6]))
    assert lost.is_changed()
    assert not moved.is_changed()


def test_more_missing_values_are_not_a_change_of_relations():
    alarms = []
    for seed in range(40):
        generator = np.random.default_rng([16, seed])
        reference, current = months(generator, n=600, k=2), rows(generator, 600)
        current[generator.random(current.shape) < 0.4] = np.nan
        alarms.append(compared(reference, current, n_permutations=99).is_changed())
    assert sum(alarms) <= 4


def test_a_lost_relation_is_found_through_missing_values():
    generator = np.random.default_rng(17)
    reference, current = months(generator), rows(generator, 1_000, correlation=0.0)
    for window in (*reference, current):
        window[generator.random(window.shape) < 0.3] = np.nan
    found = compared(reference, current)
    assert found.is_changed()
    assert found.pairs[0].before == pytest.approx(0.6, abs=0.06)


def test_what_changes_as_much_every_month_is_not_called_changed():
    generator = np.random.default_rng(18)
    restless = [rows(generator, 1_000, correlation=c) for c in (0.1, 0.7, 0.1, 0.7)]
    found = compared(restless, rows(generator, 1_000, correlation=0.7))
    pair = pair_of(found, "age", "amount")
    assert pair.adjusted_p_value < 0.001
    assert abs(pair.change) > 0.2
    assert pair.usual > abs(pair.change)
    assert not found.is_changed()


def test_a_changed_relation_between_ignored_inputs_weighs_nothing():
    generator = np.random.default_rng(19)
    reference, current = months(generator), rows(generator, 1_000, correlation=0.0)
    ignored = compared(reference, current, weights=[0, 0, 1, 1, 1, 1])
    used = compared(reference, current, weights=[1, 1, 0.1, 0.1, 0.1, 0.1])
    assert ignored.weighted.p_value > 0.05
    assert ignored.weighted.statistic < ignored.overall.statistic / 3
    assert used.weighted.p_value <= 0.01
    assert used.weighted.statistic > 2 * used.overall.statistic
    assert ignored.overall == used.overall


def test_weights_that_are_all_alike_weigh_as_none_do():
    generator = np.random.default_rng(20)
    found = compared(months(generator), rows(generator, 1_000), weights=np.full(6, 0.7))
    for field in ("statistic", "sampling", "p_value", "usual"):
        assert getattr(found.weighted, field) == pytest.approx(getattr(found.overall, field))


def test_weights_that_leave_no_pair_leave_no_weighted_change():
    generator = np.random.default_rng(21)
    found = compared(months(generator), rows(generator, 1_000), weights=[1, 0, 0, 0, 0, 0])
    assert found.weighted is None
    assert {pair.weight_share for pair in found.pairs} == {0.0}


def test_bounds_of_the_judgement_are_inclusive_except_for_what_is_usual():
    generator = np.random.default_rng(22)
    found = compared(months(generator), rows(generator, 1_000, correlation=0.0))
    pair, level = found.pairs[0], found.overall.p_value
    assert found.is_changed(level=level, floor=abs(pair.change))
    assert not found.is_changed(level=np.nextafter(level, 0), floor=abs(pair.change))
    assert not found.is_changed(level=level, floor=np.nextafter(abs(pair.change), 1))
    assert found.changed_pairs(level=pair.adjusted_p_value) == (pair,)
    assert found.changed_pairs(level=np.nextafter(pair.adjusted_p_value, 0)) == ()
    as_usual = dataclasses.replace(pair, usual=abs(pair.change))
    assert dataclasses.replace(found, pairs=(as_usual,)).changed_pairs() == ()


# --- odd inputs -----------------------------------------------------------------------


def test_constant_and_empty_columns_are_left_out():
    generator = np.random.default_rng(23)
    reference, current = months(generator), rows(generator, 1_000)
    for window in (*reference, current):
        window[:, 3], window[:, 5] = 4.0, np.nan
    current[:, 2] = 1.0
    found = compared(reference, current)
    assert {name for pair in found.pairs for name in (pair.first, pair.second)} == {"age", "amount", "score"}


@pytest.mark.parametrize(("n_set", "n_pairs"), [(MIN_VARYING, 1), (MIN_VARYING - 1, 0)])
def test_a_flag_must_be_set_in_a_few_rows_to_be_compared(n_set, n_pairs):
    generator = np.random.default_rng(24)
    reference, current = generator.normal(size=(2, 1_000, 2))
    reference[:, 0], current[:, 0] = np.arange(1_000) < 300, np.arange(1_000) < n_set
    found = compared([reference], current)
    assert isinstance(found, RelationChange) == bool(n_pairs)


@pytest.mark.parametrize(("n_together", "n_pairs"), [(MIN_ROWS, 3), (MIN_ROWS - 1, 2)])
def test_two_inputs_must_be_seen_together_to_be_compared(n_together, n_pairs):
    generator = np.random.default_rng(25)
    reference, current = generator.normal(size=(2, 1_000, 3))
    current[:400, 0] = np.nan
    current[400 + n_together :, 1] = np.nan
    found = compared([reference], current)
    assert len(found.pairs) == n_pairs


def test_an_input_that_a_reference_month_lacks_is_compared_with_the_others():
    generator = np.random.default_rng(26)
    reference, current = months(generator), rows(generator, 1_000)
    with_month = compared([*reference, np.where(np.arange(6) == 0, np.nan, reference[0])], current)
    pair = pair_of(with_month, "age", "amount")
    alone = pair_of(compared(reference, current), "age", "amount")
    assert (pair.before, pair.expected, pair.usual) == pytest.approx(
        (alone.before, alone.expected, alone.usual), abs=1e-9
    )
    assert all(map(math.isfinite, with_month.overall.usual))


def test_an_input_and_its_copy_stay_one_and_the_same():
    generator = np.random.default_rng(27)
    reference, current = months(generator), rows(generator, 1_000)
    for window in (*reference, current):
        window[:, 2] = window[:, 0] ** 3
    found = compared(reference, current)
    pair = pair_of(found, "age", "distance")
    assert (pair.before, pair.after, pair.p_value) == pytest.approx((1.0, 1.0, 1.0))
    assert not found.is_changed()


def test_infinities_are_the_lowest_and_highest_values():
    generator = np.random.default_rng(28)
    reference, current = months(generator), rows(generator, 1_000)
    largest = current[:, 0] == current[:, 0].max()
    with_infinity = np.where(largest[:, None] & (np.arange(6) == 0), np.inf, current)
    assert compared(reference, with_infinity) == compared(reference, current)


def test_one_reference_month_has_no_usual_change():
    generator = np.random.default_rng(29)
    found = compared(months(generator, k=1), rows(generator, 1_000))
    assert found.overall.usual == ()
    assert {pair.usual for pair in found.pairs} == {None}


def test_months_that_are_too_small_are_pooled_but_not_compared():
    generator = np.random.default_rng(30)
    reference = [
        *months(generator, n=MIN_ROWS, k=2),
        *months(generator, n=MIN_ROWS - 1, k=1),
        np.empty((0, 6)),
    ]
    found = compared(reference, rows(generator, 300))
    assert found.n_reference == 3 * MIN_ROWS - 1
    assert len(found.overall.usual) == 2


def test_too_few_rows_are_a_reason_and_no_error():
    generator = np.random.default_rng(31)
    enough, short = rows(generator, MIN_ROWS), rows(generator, MIN_ROWS - 1)
    assert isinstance(compared([enough], enough), RelationChange)
    assert compared([enough], short) == NoRelationChange(
        reason="relations need at least 200 rows, and the current window has 199",
        n_reference=200,
        n_current=199,
    )
    assert compared([], enough) == NoRelationChange(
        reason="relations need at least 200 rows, and the reference has 0", n_reference=0, n_current=200
    )
    assert compared([np.ones((300, 2))], np.ones((300, 2))) == NoRelationChange(
        reason="no two inputs vary and are seen together in at least 200 rows of both windows",
        n_reference=300,
        n_current=300,
    )


# --- the seed, properties, refusals ---------------------------------------------------


def test_the_seed_fixes_the_p_values_and_only_them():
    generator = np.random.default_rng(32)
    reference, current = months(generator), rows(generator, 1_000)
    assert compared(reference, current, seed=3) == compared(reference, current, seed=3)
    one, other = compared(reference, current, seed=3), compared(reference, current, seed=4)
    assert one.overall.sampling != other.overall.sampling
    assert one.overall.statistic == other.overall.statistic


@few
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_numbers_stay_within_their_bounds(seed, n_levels):
    generator = np.random.default_rng(seed)
    windows = [np.round(rows(generator, 250) * n_levels) / n_levels for _ in range(3)]
    for window in windows:
        window[generator.random(window.shape) < 0.1] = np.nan
    found = compared(windows[:2], windows[2], n_permutations=MIN_PERMUTATIONS)
    if isinstance(found, NoRelationChange):
        return
    assert 0 < found.overall.p_value <= 1
    assert min(found.overall.statistic, found.overall.sampling, *found.overall.usual) >= 0
    for pair in found.pairs:
        assert max(abs(pair.before), abs(pair.expected), abs(pair.after)) <= 1 + 1e-9
        assert 0 <= pair.p_value <= pair.adjusted_p_value + 1e-12 <= 1 + 2e-12


def test_what_cannot_be_compared_is_refused():
    good = np.ones((300, 2))
    cases = [
        (
            DataError,
            "A window has shape (300, 3), and there are 2 names. Give rows by inputs, one column a name.",
            [np.ones((300, 3))],
            {},
        ),
        (
            DataError,
            "A window has shape (300,), and there are 2 names. Give rows by inputs, one column a name.",
            [np.ones(300)],
            {},
        ),
        (
            DataError,
            "Inputs are ['age', 'age']. Give two or more distinct names, one a column.",
            [good],
            {"names": ["age", "age"]},
        ),
        (
            DataError,
            "Inputs are ['age']. Give two or more distinct names, one a column.",
            [good],
            {"names": ["age"]},
        ),
        (
            ParameterError,
            "Weights are [1.0, -1.0] for 2 inputs. Give one number of 0 or more for each input.",
            [good],
            {"weights": [1, -1]},
        ),
        (
            ParameterError,
            "Weights are [1.0] for 2 inputs. Give one number of 0 or more for each input.",
            [good],
            {"weights": [1]},
        ),
        (
            ParameterError,
            "Weights are [1.0, nan] for 2 inputs. Give one number of 0 or more for each input.",
            [good],
            {"weights": [1, math.nan]},
        ),
        (
            ParameterError,
            "n_permutations is 98. Give 99 or more; 200 are usual.",
            [good],
            {"n_permutations": MIN_PERMUTATIONS - 1},
        ),
    ]
    for error, message, reference, options in cases:
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            compared(reference, good, **options)


def test_a_usual_comparison_is_quick():
    generator = np.random.default_rng(33)
    windows = [rows(generator, 5_000, n_inputs=30) for _ in range(2)]
    seconds = []
    for _ in range(3):
        before = time.process_time()
        compared(windows[:1], windows[1], names=[f"input {place}" for place in range(30)])
        seconds.append(time.process_time() - before)
    # About 0.15 s of one thread; process time adds those of the matrix products, which may wait for each other.
    assert min(seconds) < 0.6
