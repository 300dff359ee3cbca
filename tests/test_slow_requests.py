import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.slow_requests import (
    NOT_MEASURED,
    Anatomy,
    Concentration,
    ErrorBudget,
    concentration,
    mix_and_within,
    stage_differences,
    stage_means,
)

modest = settings(deadline=None, max_examples=80, derandomize=True)
counts = st.integers(0, 50)
milliseconds = st.floats(0, 1e5)
groups = st.lists(st.tuples(counts, milliseconds, counts, milliseconds), min_size=1, max_size=6)


# --- error budget -------------------------------------------------------------------------------------------


def test_the_budget_of_a_toy_month_is_what_was_worked_by_hand():
    month = ErrorBudget(n=1_000, n_slow=60, target_share=0.95)
    assert (month.within_share, month.n_allowed, month.used_share) == (0.94, 50.0, 1.2)


@pytest.mark.parametrize(("n", "is_too_small"), [(199, True), (200, False), (201, False)])
def test_a_budget_below_ten_requests_is_too_small(n, is_too_small):
    assert ErrorBudget(n=n, n_slow=0, target_share=0.95).is_too_small is is_too_small


@pytest.mark.parametrize("target", [0.5, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("n", [1_000, 40_000, 123_000])
def test_a_whole_budget_is_shown_as_a_whole_number(n, target):
    allowed = ErrorBudget(n=n, n_slow=0, target_share=target).n_allowed
    assert allowed == round(allowed)


@modest
@given(st.integers(1, 10**6), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99, 0.999]))
def test_the_budget_is_used_up_where_the_target_is_missed(n, slow_share, target):
    month = ErrorBudget(n=n, n_slow=int(slow_share * n), target_share=target)
    assert month.used_share == pytest.approx((1 - month.within_share) / (1 - target), rel=1e-3, abs=1e-9)
    if abs(month.n_slow - month.n_allowed) > 1e-3:
        assert (month.used_share > 1) == (month.within_share < target)


def test_without_requests_nothing_is_used_and_nothing_is_within():
    nothing = ErrorBudget(n=0, n_slow=0, target_share=0.95)
    assert math.isnan(nothing.within_share)
    assert math.isnan(nothing.used_share)
    assert nothing.is_too_small


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        (
            {"n_slow": 11},
            DataError,
            "11 of 10 requests were slow. Give a number between 0 and that of all requests.",
        ),
        (
            {"n_slow": -1},
            DataError,
            "-1 of 10 requests were slow. Give a number between 0 and that of all requests.",
        ),
        (
            {"target_share": 1},
            ParameterError,
            (
                "The target is a share of 1. Give a number between 0 and 1, such as 0.95; "
                "a target of 1 leaves no budget."
            ),
        ),
        (
            {"target_share": 95},
            ParameterError,
            (
                "The target is a share of 95. Give a number between 0 and 1, such as 0.95; "
                "a target of 1 leaves no budget."
            ),
        ),
    ],
)
def test_budgets_that_cannot_be_are_refused(fields, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        ErrorBudget(**({"n": 10, "n_slow": 1, "target_share": 0.95} | fields))


# --- where the budget went ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_slow", "share", "windows", "n_held"),
    [
        ([2, 0, 7, 1], 0.5, (2,), 7),
        ([2, 0, 7, 1], 0.7, (2,), 7),
        ([2, 0, 7, 1], 0.71, (2, 0), 9),
        ([2, 0, 7, 1], 1, (2, 0, 3), 10),
        ([3, 3, 3], 0.6, (0, 1), 6),
        ([0, 0], 0.5, (), 0),
    ],
)
def test_the_fewest_windows_that_hold_a_share_are_named_worst_first(n_slow, share, windows, n_held):
    assert concentration(n_slow, share) == Concentration(
        windows=windows, n_windows=len(n_slow), n_held=n_held, n_slow=sum(n_slow)
    )


@modest
@given(st.lists(counts, min_size=1, max_size=30), st.floats(0.01, 1))
def test_no_fewer_windows_would_hold_the_share(n_slow, share):
    found = concentration(n_slow, share)
    by_size = sorted(n_slow, reverse=True)
    assert [n_slow[window] for window in found.windows] == by_size[: len(found.windows)]
    if found.n_slow:
        assert found.held_share >= share - 1e-9
        assert sum(by_size[: len(found.windows) - 1]) < share * found.n_slow
    else:
        assert math.isnan(found.held_share)


def test_four_hours_of_a_month_hold_two_thirds_of_the_slow_requests():
    n_slow = np.ones(672, dtype=int)
    n_slow[[34, 202, 370, 538]] = 330
    found = concentration(n_slow, 0.66)
    assert (sorted(found.windows), found.n_windows) == ([34, 202, 370, 538], 672)
    assert found.held_share == pytest.approx(0.664, abs=0.001)


# --- stages -------------------------------------------------------------------------------------------------


def test_what_no_stage_explains_is_a_stage_of_its_own():
    anatomy = stage_means({"queue": 10.0, "model": 50.0}, sum_total=100.0, n=4)
    assert anatomy == Anatomy(
        stages=("queue", "model", NOT_MEASURED), stage_ms=(2.5, 12.5, 10.0), total_ms=25.0
    )
    assert anatomy.shares == (0.1, 0.5, 0.4)


def test_a_stage_that_only_one_side_has_stands_under_not_measured_in_the_other():
    before = stage_means({"model": 50.0}, sum_total=80.0, n=1)
    after = stage_means({"queue": 40.0, "model": 60.0}, sum_total=120.0, n=1)
    assert stage_differences(before, after) == Anatomy(
        stages=("model", "queue", NOT_MEASURED), stage_ms=(10.0, 40.0, -10.0), total_ms=40.0
    )


@modest
@given(
    st.dictionaries(st.sampled_from("abcd"), milliseconds, max_size=4),
    st.dictionaries(st.sampled_from("abcd"), milliseconds, max_size=4),
    milliseconds,
    st.integers(1, 900),
    st.integers(1, 900),
)
def test_stages_add_up_to_the_total_and_differences_to_that_of_the_totals(before, after, rest, n0, n1):
    anatomies = [
        stage_means(sums, sum_total=math.fsum(sums.values()) + rest, n=n)
        for sums, n in ((before, n0), (after, n1))
    ]
    gap = stage_differences(*anatomies)
    for anatomy in (*anatomies, gap):
        assert math.fsum(anatomy.stage_ms) == pytest.approx(anatomy.total_ms, rel=1e-9, abs=1e-9)
    assert gap.total_ms == pytest.approx(anatomies[1].total_ms - anatomies[0].total_ms, abs=1e-9)
    back = stage_differences(*reversed(anatomies))
    there = dict(zip(gap.stages, gap.stage_ms, strict=True))
    assert dict(zip(back.stages, back.stage_ms, strict=True)) == {name: -ms for name, ms in there.items()}


def test_a_band_without_requests_has_no_anatomy():
    anatomy = stage_means({"model": 0.0}, sum_total=0.0, n=0)
    assert np.isnan([*anatomy.stage_ms, anatomy.total_ms, *anatomy.shares]).all()


@pytest.mark.parametrize(("total", "is_refused"), [(101.0, False), (100.0, False), (99.0, True)])
def test_stages_may_exceed_the_total_by_a_hundredth_and_no_more(total, is_refused):
    sums = {"fetch": 60.0, "model": 40.5}
    if not is_refused:
        assert math.fsum(stage_means(sums, sum_total=total, n=1).stage_ms) == pytest.approx(total)
        return
    message = (
        "The stages fetch, model add up to 100 ms, and the total to 99 ms. Give stages that follow one "
        "another, of parallel ones the slowest, in the unit of the total."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        stage_means(sums, sum_total=total, n=1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"sum_by_stage": {"model": math.nan}},
            DataError,
            "The 'model' of a band is nan. Give sums over its requests, 0 or more each.",
        ),
        (
            {"sum_total": -1.0},
            DataError,
            "The 'total' of a band is -1. Give sums over its requests, 0 or more each.",
        ),
        (
            {"n": -1},
            DataError,
            "The 'number of requests' of a band is -1. Give sums over its requests, 0 or more each.",
        ),
        (
            {"sum_by_stage": {NOT_MEASURED: 1.0}},
            ParameterError,
            (
                "A stage is called 'not measured', which stands for the time of no stage. "
                "Give it another name."
            ),
        ),
    ],
)
def test_bands_that_cannot_be_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        stage_means(**({"sum_by_stage": {"model": 1.0}, "sum_total": 2.0, "n": 1} | arguments))


# --- mix and within -----------------------------------------------------------------------------------------


def test_mix_and_within_of_a_toy_case_are_what_was_worked_by_hand():
    # Shares .5, .5 become .25, .75; means 100, 300 become 100, 340. The overall means are 200 and 280, so M = 240.
    split = mix_and_within([10, 10], [100, 300], [10, 30], [100, 340])
    np.testing.assert_allclose(split.mix_by_group, [-0.25 * (100 - 240), 0.25 * (320 - 240)])
    np.testing.assert_allclose(split.within_by_group, [0, 0.625 * 40])
    assert (split.mix, split.within) == pytest.approx((55.0, 25.0))


@modest
@given(groups)
def test_mix_and_within_add_up_to_the_change_of_the_mean(rows):
    n0, m0, n1, m1 = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    split = mix_and_within(n0, m0, n1, m1)
    if not n0.sum() or not n1.sum():
        assert math.isnan(split.mix + split.within)
        return
    change = np.average(m1, weights=n1) - np.average(m0, weights=n0)
    assert split.mix + split.within == pytest.approx(change, abs=1e-9 * max(1.0, m0.max(), m1.max()))
    # The formula as it is written in books, without M.
    w0, w1 = n0 / n0.sum(), n1 / n1.sum()
    known0, known1 = (
        np.where(n0 > 0, m0, np.where(n1 > 0, m1, 0)),
        np.where(n1 > 0, m1, np.where(n0 > 0, m0, 0)),
    )
    assert split.mix == pytest.approx(np.sum((w1 - w0) * (known0 + known1) / 2), abs=1e-6)
    assert split.within == pytest.approx(np.sum((w0 + w1) / 2 * (known1 - known0)), abs=1e-6)


@modest
@given(groups, st.integers(1, 9), st.integers(-100, 100))
def test_mix_and_within_do_not_mind_the_number_of_requests_or_a_shift(rows, factor, shift):
    n0, m0, n1, m1 = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    split, other = mix_and_within(n0, m0, n1, m1), mix_and_within(factor * n0, m0 + shift, n1, m1 + shift)
    backwards = mix_and_within(n1, m1, n0, m0)
    for name in ("mix_by_group", "within_by_group"):
        np.testing.assert_allclose(getattr(other, name), getattr(split, name), atol=1e-7)
        np.testing.assert_allclose(getattr(backwards, name), -getattr(split, name), atol=1e-7)


def test_groups_that_are_new_or_gone_count_as_mix():
    split = mix_and_within([50, 50, 0], [100, 200, math.nan], [50, 0, 50], [100, math.nan, 600])
    assert split.within == 0
    assert split.mix == pytest.approx(350 - 150)
    assert split.within_by_group.tolist() == [0, 0, 0]


def test_a_growing_fast_group_counts_as_a_mix_that_got_faster():
    split = mix_and_within([50, 50], [100, 500], [90, 10], [100, 500])
    assert (split.mix_by_group < 0).all()


def test_leading_axes_are_splits_of_their_own():
    generator = np.random.default_rng(1)
    n = generator.integers(1, 50, (2, 5, 3))
    m = generator.gamma(2, 100, (2, 5, 3))
    split = mix_and_within(n[0], m[0], n[1], m[1])
    for row in range(5):
        alone = mix_and_within(n[0, row], m[0, row], n[1, row], m[1, row])
        assert (split.mix[row], split.within[row]) == pytest.approx((alone.mix, alone.within))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([1, 2], [1.0, 2.0], [1], [1.0]),
            (
                "There are 2 groups before and 1 after. Give every group of either side on both, with 0 requests "
                "where it has none."
            ),
        ),
        (
            ([1, 2], [1.0], [1], [1.0]),
            "Counts have shape (2,) and means (1,). Give both one entry per group on the last axis.",
        ),
        (
            (1, 1.0, 1, 1.0),
            "Counts have shape () and means (). Give both one entry per group on the last axis.",
        ),
        (
            ([1, -2], [1.0, 2.0], [1, 1], [1.0, 1.0]),
            "A group has -2 requests. Give 0 or more, and 0 where a group has none on a side.",
        ),
        (
            ([1, 2], [1.0, math.nan], [1, 1], [1.0, 1.0]),
            "1 of 2 groups have requests and no mean. Give each group with requests its mean.",
        ),
    ],
)
def test_groups_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        mix_and_within(*arguments)


# --- traps --------------------------------------------------------------------------------------------------


def test_stage_medians_do_not_add_up_where_means_of_bands_do():
    # Every request fetches features; one in eight waits for a cold cache, another one in eight for the model.
    generator = np.random.default_rng(2)
    stages = {
        "features": np.where(generator.random(20_000) < 0.125, 4_000, 100)
        * generator.lognormal(0, 0.5, 20_000),
        "model": np.where(generator.random(20_000) < 0.125, 3_000, 150) * generator.lognormal(0, 0.5, 20_000),
        "network": generator.lognormal(4, 0.8, 20_000),
    }
    total = sum(stages.values()) + 5.0

    def band(lower, upper):
        inside = (total >= np.quantile(total, lower)) & (total <= np.quantile(total, upper))
        sums = {name: ms[inside].sum() for name, ms in stages.items()}
        return stage_means(sums, sum_total=total[inside].sum(), n=int(inside.sum()))

    typical, slow = band(0.40, 0.60), band(0.95, 1.0)
    p95_of_stages = {name: np.quantile(ms, 0.95) for name, ms in stages.items()}
    assert sum(p95_of_stages.values()) > 1.4 * np.quantile(total, 0.95)
    assert sum(np.median(ms) for ms in stages.values()) < 0.9 * np.median(total)

    gap = stage_differences(typical, slow)
    assert math.fsum(gap.stage_ms) == pytest.approx(
        slow.total_ms - typical.total_ms, abs=1e-9 * slow.total_ms
    )
    assert slow.stage_ms[-1] == pytest.approx(5.0)
    assert gap.shares[0] > 0.6


def test_a_month_with_five_mondays_is_slower_by_its_mix_alone():
    # Mondays are busy and slow, every month the same way. February has four of each day, March 2027 five Mondays.
    generator = np.random.default_rng(3)
    a_day, mean_ms = (
        np.array([900, 400, 400, 400, 400, 100, 100]),
        np.array([700, 300, 300, 300, 300, 200, 200]),
    )
    n_days = {"february": np.array([4] * 7), "march": np.array([5, 5, 5, 4, 4, 4, 4])}
    n = {month: generator.poisson(a_day * days) for month, days in n_days.items()}
    mean = {month: generator.normal(mean_ms, 300 / np.sqrt(n[month])) for month in n_days}
    change = np.average(mean["march"], weights=n["march"]) - np.average(
        mean["february"], weights=n["february"]
    )
    split = mix_and_within(n["february"], mean["february"], n["march"], mean["march"])
    assert change > 8
    assert split.mix > 8
    assert abs(split.within) < 5
