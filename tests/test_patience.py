import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterlaunch.errors import DataError
from afterlaunch.patience import left_after, left_by, lost_to_waiting, share_left_by
from study_response_time import GRID, PatienceWorld, excess_over_fast_bin, wait_counts

modest = settings(deadline=None, max_examples=80, derandomize=True)
buckets = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)
TARGET = int(GRID.index(1_000.0))
TARGET_MS = float(GRID.upper(TARGET))


def columns(pairs):
    return np.array(pairs).T


def slow_left_by(n_left, n_shown):
    """Let people go one bucket after the other: first those who leave, then those who are shown an answer."""
    still_there, stayed = sum(n_left) + sum(n_shown), 1.0
    for left, shown in zip(n_left, n_shown, strict=True):
        stayed *= 1 - left / still_there if still_there else 1
        still_there -= left + shown
        yield 1 - stayed


# --- the curve ----------------------------------------------------------------------------------------------


def test_the_curve_of_a_toy_case_is_what_was_worked_by_hand():
    # 10 there, 2 leave; 5 there, 1 leaves; 2 there, 1 leaves: 1 - .8, 1 - .8 x .8, 1 - .8 x .8 x .5.
    assert left_by([2, 1, 0, 1], [3, 1, 1, 1]) == pytest.approx([0.2, 0.36, 0.36, 0.68])
    assert share_left_by([2, 1, 0, 1], [3, 1, 1, 1], 3) == pytest.approx(0.68)


@modest
@given(buckets)
def test_the_curve_equals_a_slow_second_implementation(pairs):
    left, shown = columns(pairs)
    if not (left + shown).sum():
        assert np.isnan(left_by(left, shown)).all()
        return
    np.testing.assert_allclose(left_by(left, shown), list(slow_left_by(left, shown)), atol=1e-12)


@modest
@given(buckets.filter(lambda pairs: any(left for left, _ in pairs)))
def test_the_curve_equals_scipys_kaplan_meier(pairs):
    left, shown = columns(pairs)
    place = np.arange(left.size)
    waits = stats.CensoredData(uncensored=np.repeat(place, left), right=np.repeat(place, shown))
    oracle = 1 - stats.ecdf(waits).sf.evaluate(place)
    np.testing.assert_allclose(left_by(left, shown), oracle, atol=1e-12)


@modest
@given(buckets, st.integers(1, 9), st.integers(0, 4))
def test_the_curve_never_falls_and_does_not_mind_the_number_of_people_or_empty_buckets(
    pairs, factor, n_empty
):
    left, shown = columns([*pairs, (0, 1)])
    curve = left_by(left, shown)
    assert (np.diff(curve) >= 0).all()
    assert 0 <= curve[0] <= curve[-1] <= 1
    np.testing.assert_allclose(left_by(factor * left, factor * shown), curve, atol=1e-12)
    spaced = left_by(*(np.insert(counts, 1, [0] * n_empty) for counts in (left, shown)))
    np.testing.assert_allclose(np.delete(spaced, range(1, 1 + n_empty)), curve, atol=1e-12)


@modest
@given(buckets.filter(lambda pairs: any(left for left, _ in pairs)))
def test_where_everybody_leaves_the_curve_is_the_share_that_has_left(pairs):
    left, _ = columns(pairs)
    np.testing.assert_allclose(left_by(left, 0 * left), np.cumsum(left) / left.sum(), atol=1e-12)
    assert not left_by(0 * left, left).any()


def test_in_one_bucket_people_leave_before_others_are_shown_their_answer():
    assert left_by([1], [1]).tolist() == [0.5]
    assert left_by([0, 1], [1, 0]).tolist() == [0, 1]


def test_beyond_the_longest_wait_the_curve_stays_as_it_was():
    assert left_by([1, 0, 0], [3, 4, 0]).tolist() == [0.125, 0.125, 0.125]


def test_leading_axes_are_curves_of_their_own():
    generator = np.random.default_rng(1)
    left, shown = generator.integers(0, 9, (2, 3, 4, 6))
    left[0, 1], shown[0, 1] = 0, 0
    curve = left_by(left, shown)
    for i, j in np.ndindex(3, 4):
        np.testing.assert_array_equal(curve[i, j], left_by(left[i, j], shown[i, j]))
    assert np.isnan(curve[0, 1]).all()
    np.testing.assert_array_equal(share_left_by(left, shown, 2), curve[..., 2])
    np.testing.assert_array_equal(left_by(left, shown[:1]), left_by(left, np.repeat(shown[:1], 3, axis=0)))


def test_the_curve_is_the_patience_of_people_whose_waits_are_cut_short():
    world = PatienceWorld(n=200_000)
    left, shown = wait_counts(*world.waits(np.random.default_rng(2)))
    for wait_ms in (300, 1_000, 2_000, 4_000):
        bucket = int(GRID.index(wait_ms))
        truth = world.true_share(float(GRID.upper(bucket)))
        assert share_left_by(left, shown, bucket) == pytest.approx(truth, rel=0.04)


def test_the_counts_swapped_are_the_latency_that_those_who_left_would_flatter():
    world = PatienceWorld(n=100_000, at_once_share=0, patience_ms=4_000)
    wait_ms, has_left = world.waits(np.random.default_rng(3))
    left, shown = wait_counts(wait_ms, has_left)
    true_p95 = world.median_ms * np.exp(1.645 * world.sd_latency)
    answered_by = left_by(shown, left)
    assert GRID.lower(int(np.searchsorted(answered_by, 0.95))) == pytest.approx(true_p95, rel=0.05)
    assert np.quantile(wait_ms[~has_left], 0.95) < 0.8 * true_p95


# --- what waiting costs -------------------------------------------------------------------------------------


@modest
@given(buckets, st.integers(0, 11))
def test_those_lost_are_those_who_left_less_the_share_that_would_have(pairs, place):
    left, shown = columns(pairs)
    bucket = min(place, left.size - 1)
    lost = lost_to_waiting(left, shown, bucket)
    by_target = list(slow_left_by(left, shown))[bucket]
    assert lost == pytest.approx(left.sum() - (left + shown).sum() * by_target, abs=1e-9)
    assert lost <= left_after(left, bucket) + 1e-9
    assert left_after(left, bucket) == sum(left[bucket + 1 :])


@modest
@given(st.lists(buckets.map(lambda pairs: (pairs * 12)[:12]), min_size=1, max_size=4))
def test_strata_are_counted_each_by_its_own_and_add_up(strata):
    left, shown = (np.array(side) for side in zip(*map(columns, strata), strict=True))
    lost, after = lost_to_waiting(left, shown, 3), left_after(left, 3)
    assert lost.sum() == pytest.approx(
        sum(lost_to_waiting(a, b, 3) for a, b in zip(left, shown, strict=True))
    )
    assert after.tolist() == [left_after(row, 3) for row in left]


def test_an_empty_stratum_loses_nobody():
    assert lost_to_waiting([[1, 2], [0, 0]], [[3, 4], [0, 0]], 0).tolist() == [
        lost_to_waiting([1, 2], [3, 4], 0),
        0,
    ]


def test_those_who_left_after_the_target_are_those_whom_faster_answers_had_kept():
    generator = np.random.default_rng(4)
    latency, patience = generator.lognormal(7, 1, 5_000), generator.lognormal(8, 1, 5_000)
    left, _ = wait_counts(np.minimum(latency, patience), patience < latency)
    still_leave = patience < np.minimum(latency, TARGET_MS)
    assert left_after(left, TARGET) == left.sum() - still_leave.sum()
    # Here most answers beat the target: against answers that all come at the target, nobody was lost.
    fast_left, fast_shown = wait_counts(np.minimum(latency / 8, patience), patience < latency / 8)
    assert lost_to_waiting(fast_left, fast_shown, TARGET) < 0 < left_after(fast_left, TARGET)


# --- traps --------------------------------------------------------------------------------------------------


def test_recorded_waits_that_leaving_cut_short_give_the_wrong_sign_when_they_are_binned():
    world = PatienceWorld(n=100_000)
    wait_ms, has_left = world.waits(np.random.default_rng(5))
    truth = has_left.sum() - world.n * world.true_share(TARGET_MS)
    share_by_bin = [has_left[(wait_ms >= a) & (wait_ms < b)].mean() for a, b in ((0, 300), (300, 1_000))]
    assert share_by_bin[0] > 2 * share_by_bin[1]
    assert excess_over_fast_bin(wait_ms, has_left) < 0 < truth
    assert lost_to_waiting(*wait_counts(wait_ms, has_left), TARGET) == pytest.approx(truth, rel=0.05)


def test_kinds_that_are_slow_and_useless_are_counted_apart():
    # Within a kind patience does not depend on latency; complex documents are slow, and few wait for them.
    kinds = (
        PatienceWorld(n=60_000, median_ms=500, patience_ms=60_000, at_once_share=0),
        PatienceWorld(n=60_000, median_ms=3_000, patience_ms=6_000, at_once_share=0),
    )
    waits = [kind.waits(np.random.default_rng(seed)) for seed, kind in enumerate(kinds)]
    left, shown = (np.array(side) for side in zip(*(wait_counts(*pair) for pair in waits), strict=True))
    bucket = int(GRID.index(2_000.0))
    end_ms = float(GRID.upper(bucket))
    n_left, n_expected = left.sum(), sum(kind.n * kind.true_share(end_ms) for kind in kinds)
    truth = n_left - n_expected
    by_kind = lost_to_waiting(left, shown, bucket).sum()
    pooled = lost_to_waiting(left.sum(axis=0), shown.sum(axis=0), bucket)
    assert by_kind == pytest.approx(truth, rel=0.05)
    assert pooled < 0.85 * truth


# --- refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: left_by([1, 2], [1]),
            (
                "Those who left have shape (2,) and those shown an answer (1,). "
                "Give both one count per bucket of the wait on the last axis."
            ),
        ),
        (
            lambda: left_by(1, 2),
            (
                "Those who left have shape () and those shown an answer (). "
                "Give both one count per bucket of the wait on the last axis."
            ),
        ),
        (
            lambda: lost_to_waiting([1, -2], [1, 1], 0),
            (
                "Of those who left a bucket holds -2. "
                "Give counts of 0 or more, and 0 for a bucket without anyone."
            ),
        ),
        (
            lambda: share_left_by([1, 2], [1, math.nan], 0),
            (
                "Of those who were shown an answer a bucket holds nan. "
                "Give counts of 0 or more, and 0 for a bucket without anyone."
            ),
        ),
        (
            lambda: share_left_by([1, 2], [1, 1], 2),
            "There is no bucket 2 of waits. Give 0 to 1.",
        ),
        (
            lambda: left_after([1, 2], -1),
            "There is no bucket -1 of waits. Give 0 to 1.",
        ),
        (
            lambda: lost_to_waiting([1, 2], [1, 1], 5),
            "There is no bucket 5 of waits. Give 0 to 1.",
        ),
    ],
)
def test_waits_that_cannot_be_are_refused(call, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        call()
