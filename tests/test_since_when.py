import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import DataError
from afterlaunch.since_when import MIN_MONTHS, Onset, OnsetKind, since_when

modest = settings(deadline=None, max_examples=60, derandomize=True)
NAN = math.nan
STEP, DRIFT, LAST_MONTH, CANNOT_TELL = OnsetKind


def labels(n):
    return [f"{2020 + i // 12}-{i % 12 + 1:02d}" for i in range(n)]


def onset(values, **options):
    return since_when(labels(len(values)), values, **options)


def parts(found):
    return found.kind, found.since, pytest.approx(found.before), pytest.approx(found.after), found.reason


def place(found):
    year, month = found.since.split("-")
    return 12 * (int(year) - 2020) + int(month) - 1


def kinds_and_misses(n, plant, n_worlds=100):
    """Return the answers to worlds of normal months with a change planted, and by how many months they miss it."""
    found, misses = [], []
    for seed in range(n_worlds):
        generator = np.random.default_rng(seed)
        course, first = plant(n, generator)
        answer = onset(course + generator.normal(size=n))
        found.append(answer.kind)
        misses.append(abs(place(answer) - first) if answer.since else n)
    return found, np.array(misses)


def step(height):
    def plant(n, generator):
        first = int(generator.integers(2, n - 1))
        return height * (np.arange(n) >= first), first

    return plant


def ramp(slope):
    def plant(n, generator):
        first = int(generator.integers(3, n - 5))
        return slope * np.maximum(np.arange(n) - first + 1, 0.0), first

    return plant


# --- series worked by hand --------------------------------------------------------


def test_a_step_is_dated_by_the_first_month_of_the_new_level():
    assert parts(onset([1, 1, 1, 5, 5, 5])) == (STEP, "2020-04", 1.0, 5.0, "")
    assert parts(onset([5, 5, 5, 5, 1, 1])) == (STEP, "2020-05", 5.0, 1.0, "")


def test_a_step_has_the_means_of_both_sides():
    found = onset([1.0, 1.2, 0.8, 1.1, 5.0, 5.4])
    assert (found.kind, found.since) == (STEP, "2020-05")
    assert (found.before, found.after) == pytest.approx((1.025, 5.2))


def test_a_drift_is_dated_by_the_first_month_off_the_level():
    found = onset([2, 2, 2, 2, 3, 4, 5, 6])
    assert (found.kind, found.since, found.reason) == (DRIFT, "2020-05", "")
    assert (found.before, found.after) == pytest.approx((2.0, 6.0))


def test_a_straight_line_drifts_from_its_second_month_on():
    found = onset([10, 9, 8, 7, 6, 5])
    assert (found.kind, found.since) == (DRIFT, "2020-02")
    assert (found.before, found.after) == pytest.approx((10.0, 5.0))


def test_a_change_of_the_last_month_only_is_called_that():
    assert parts(onset([1, 1, 1, 1, 9])) == (LAST_MONTH, "2020-05", 1.0, 9.0, "")
    assert onset([1.0, 1.1, 0.9, 9.0]).kind is LAST_MONTH


def test_two_months_off_the_level_are_a_step_not_a_slope():
    assert onset([1.0, 1.1, 0.9, 1.0, 1.1, 4.0, 4.6]).kind is STEP


# --- months without a value -------------------------------------------------------


def test_months_without_a_value_are_left_out():
    assert parts(onset([1, NAN, 1, 1, NAN, 5, NAN, 5])) == (STEP, "2020-06", 1.0, 5.0, "")
    assert parts(onset([NAN, NAN, 1, 1, 1, 9])) == (LAST_MONTH, "2020-06", 1.0, 9.0, "")


def test_months_without_a_value_take_their_time_on_a_slope():
    found = onset([2, 2, 2, 3, NAN, 5, NAN, NAN, 8])
    assert (found.kind, found.since) == (DRIFT, "2020-04")
    assert (found.before, found.after) == pytest.approx((2.0, 8.0))


# --- no telling -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "needs at least 4 months with a value, and there are 0"),
        ([1.0, 1.0, 9.0], "needs at least 4 months with a value, and there are 3"),
        ([1.0, NAN, 1.0, NAN, 9.0], "needs at least 4 months with a value, and there are 3"),
        ([1.0, 1.0, 1.0, 9.0, NAN], "the last month has no value"),
        ([0.1, 0.1, 0.1, 0.1, 0.1], "all months are alike"),
        ([0.0, 0.0, 0.0, 0.0], "all months are alike"),
        ([1.0, 5.0, 1.0, 5.0, 1.0, 5.0], "the months differ too much among themselves"),
        (
            [1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 2.0],
            "the last month is not like those since the largest change",
        ),
    ],
)
def test_no_telling_comes_with_a_reason(values, reason):
    assert onset(values) == Onset(kind=CANNOT_TELL, reason=reason)


@pytest.mark.parametrize(("n", "most"), [(MIN_MONTHS, 35), (6, 25), (12, 15), (36, 10)])
def test_noise_is_mostly_no_telling(n, most):
    kinds, _ = kinds_and_misses(n, lambda n, _: (np.zeros(n), 0))
    assert sum(kind is not CANNOT_TELL for kind in kinds) <= most


# --- planted changes --------------------------------------------------------------


@pytest.mark.parametrize(("n", "height"), [(6, 6), (12, 4), (12, -4), (36, 4)])
def test_a_planted_step_is_found_within_a_month(n, height):
    kinds, misses = kinds_and_misses(n, step(height))
    assert np.mean([kind is STEP for kind in kinds]) >= 0.85
    assert np.mean(misses <= 1) >= 0.9


@pytest.mark.parametrize(("n", "slope"), [(9, 3), (12, 3), (12, -3), (36, 2)])
def test_a_planted_slope_is_found_within_a_month(n, slope):
    kinds, misses = kinds_and_misses(n, ramp(slope))
    assert np.mean([kind is DRIFT for kind in kinds]) >= 0.9
    assert np.mean(misses <= 1) >= 0.85


@pytest.mark.parametrize("n", [5, 12, 36])
def test_a_change_planted_in_the_last_month_is_found_there(n):
    kinds, _ = kinds_and_misses(n, lambda n, _: (7.0 * (np.arange(n) == n - 1), n - 1))
    assert np.mean([kind is LAST_MONTH for kind in kinds]) >= 0.9


# --- the same another way ---------------------------------------------------------


def slow_onset(values):
    """Fit every step and every slope by numpy's own least squares, and choose by BIC written out."""
    n = len(values)
    months = np.arange(n)

    def bic(course):
        design = np.column_stack([np.ones(n), *course])
        left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        return n * math.log(left @ left) + (1 + 2 * len(course)) * math.log(n)

    steps = {first: bic([months >= first]) for first in range(2, n)}
    slopes = {first: bic([np.maximum(months - first + 1, 0)]) for first in range(1, n - 2)}
    step, slope = min(steps, key=steps.get), min(slopes, key=slopes.get)
    is_drift = slopes[slope] <= steps[step] - 2
    first, best = (slope, slopes[slope]) if is_drift else (step, steps[step])
    if best > bic([]) - 4:
        return CANNOT_TELL, None
    return (DRIFT if is_drift else LAST_MONTH if first == n - 1 else STEP), first


def test_the_choice_is_that_of_a_slow_second_way():
    seen = set()
    for seed, (n, height) in enumerate(itertools.product([6, 9, 13], [0, 2, 4] * 8)):
        generator = np.random.default_rng(seed)
        course, _ = step(height)(n, generator) if seed % 2 or n == 6 else ramp(height / 2)(n, generator)
        values = course + generator.normal(size=n)
        values[-1] += 8 * (seed % 5 == 0)
        found, (kind, first) = onset(values), slow_onset(values)
        if found.reason != "the last month is not like those since the largest change":
            assert (found.kind, place(found) if found.since else None) == (kind, first)
            seen.add(kind)
    assert seen == set(OnsetKind)


@modest
@given(st.integers(0, 10_000), st.integers(4, 20), st.floats(0.01, 100), st.floats(-10, 10))
def test_the_unit_decides_nothing(seed, n, factor, shift):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=n) + 4 * (np.arange(n) >= n // 2)
    one, other = onset(values), onset(-factor * values + shift)
    assert (other.kind, other.since, other.reason) == (one.kind, one.since, one.reason)
    if one.since:
        expected = (-factor * one.before + shift, -factor * one.after + shift)
        assert (other.before, other.after) == pytest.approx(expected, abs=1e-6)


@modest
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(NAN)), max_size=36))
def test_every_series_has_an_answer_or_a_reason(values):
    found = onset(values)
    assert (found.kind is CANNOT_TELL) == bool(found.reason) == (found.since == "") == (found.before is None)
    if found.since:
        assert math.isfinite(found.before)
        assert math.isfinite(found.after)
        assert not math.isnan(values[place(found)])


# --- sampling errors --------------------------------------------------------------


def test_equal_errors_change_nothing():
    values = [1.0, 1.3, 0.9, 4.0, 4.2, 3.7]
    with_errors, without = onset(values, se=np.full(6, 0.2)), onset(values)
    assert (with_errors.kind, with_errors.since) == (without.kind, without.since)
    assert (with_errors.before, with_errors.after) == pytest.approx((without.before, without.after))


def test_an_unsure_month_counts_less():
    values, se = [1.0, 1.1, 0.9, 1.0, 9.0, 5.0, 5.1, 4.9], [0.1, 0.1, 0.1, 0.1, 4.0, 0.1, 0.1, 0.1]
    assert onset(values, se=se).after == pytest.approx(5.0, abs=0.2)
    assert onset(values).after == pytest.approx(6.0, abs=0.2)


def test_a_month_without_error_does_not_decide_alone():
    found = onset([1.0, 1.2, 0.8, 1.0, 5.0, 5.2], se=[0.0, 0.2, 0.2, 0.2, 0.2, 0.2])
    assert (found.kind, found.since) == (STEP, "2020-05")
    assert found.before == pytest.approx(1.0, abs=0.05)


def test_errors_of_months_without_a_value_do_not_matter():
    values = [1.0, NAN, 1.1, 0.9, 5.0, 5.1]
    assert onset(values, se=[0.1, NAN, 0.1, 0.1, 0.1, 0.1]) == onset(values, se=[0.1, -1, 0.1, 0.1, 0.1, 0.1])


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "values", "se", "message"),
    [
        (
            ["2020-01"],
            [1.0, 2.0],
            None,
            "There are 1 labels, values of shape (2,) and errors of shape (2,). Give one of each a month.",
        ),
        (
            ["2020-01", "2020-02"],
            [1.0, 2.0],
            [1.0],
            "There are 2 labels, values of shape (2,) and errors of shape (1,). Give one of each a month.",
        ),
        (
            ["2020-01"],
            [math.inf],
            None,
            "A value is infinite. Give finite values, and nan for a month without one.",
        ),
        (
            ["2020-01"],
            [1.0],
            [NAN],
            (
                "A sampling error is negative, infinite or missing. Give one of 0 or more for each month with a "
                "value."
            ),
        ),
        (
            ["2020-01"],
            [1.0],
            [-0.1],
            (
                "A sampling error is negative, infinite or missing. Give one of 0 or more for each month with a "
                "value."
            ),
        ),
    ],
)
def test_series_that_make_no_sense_are_refused(names, values, se, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        since_when(names, values, se=se)
