import dataclasses
import datetime as dt
import decimal
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.metrics import roc_auc_score

from afterlaunch.bins import MISSING_LABEL, OTHER_LABEL, Bins, ScoreGrid
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.performance import roc_auc
from study_measures import grid_errors

modest = settings(deadline=None, max_examples=80, derandomize=True)
numbers = st.floats() | st.integers(-(10**9), 10**9) | st.booleans() | st.none()
things = (
    numbers | st.text(max_size=3) | st.sampled_from([MISSING_LABEL, OTHER_LABEL, "a", "b", pd.NA, pd.NaT])
)


def test_numbers_with_few_values_have_a_bin_each():
    bins = Bins.of_numbers([3, 1, 2, 1, 1, 1, np.nan])
    assert bins == Bins(kind="numbers", edges=(2.0, 3.0), whole=True)
    assert bins.labels == ("≤ 1", "2", "≥ 3", "(missing)")
    assert bins.assign([0, 1, 2, 3, 4, None]).tolist() == [0, 0, 1, 2, 2, 3]


def test_few_values_have_a_bin_each_however_uneven():
    reference = [0] * 9_998 + [1, 2]
    assert Bins.of_numbers(reference, n_bins=3).edges == (1.0, 2.0)
    assert Bins.of_numbers(reference, n_bins=2).edges == (1.0,)


def test_of_two_cuts_as_near_the_upper_is_made():
    assert Bins.of_numbers([0] * 4 + [1] * 2 + [2] * 4, n_bins=2).edges == (2.0,)


def test_even_numbers_without_ties_make_even_bins():
    bins = Bins.of_numbers(np.random.default_rng(1).permutation(np.linspace(0, 1, 1_000)), n_bins=10)
    assert np.bincount(bins.assign(np.linspace(0, 1, 1_000))).tolist() == [100] * 10


def test_a_value_with_many_rows_keeps_a_bin_to_itself():
    reference = np.concatenate([np.zeros(800), np.linspace(0.5, 20, 200)])
    bins = Bins.of_numbers(reference, n_bins=10)
    counts = np.bincount(bins.assign(reference), minlength=bins.n_bins)
    assert bins.edges[0] == 0.5
    assert counts.tolist() == [800, 100, 100, 0]


@pytest.mark.parametrize("n_bins", [2, 5, 10])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "hours", "spike at the top"])
def test_no_cut_between_values_lies_nearer_to_equal_shares(n_bins, shape):
    generator = np.random.default_rng(2)
    reference = {
        "normal": generator.normal(size=500),
        "lognormal": np.round(generator.lognormal(size=500), 1),
        "hours": generator.integers(0, 24, 500).astype(float),
        "spike at the top": np.concatenate([np.full(400, 99.0), generator.normal(size=100)]),
    }[shape]
    values = np.unique(reference)
    share_below = {float(value): np.mean(reference < value) for value in values[1:]}
    nearest = {
        min(share_below, key=lambda value, wanted=wanted: (abs(share_below[value] - wanted), -value))
        for wanted in np.arange(1, n_bins) / n_bins
    }
    assert set(Bins.of_numbers(reference, n_bins=n_bins).edges) == nearest


@pytest.mark.parametrize(
    ("reference", "labels"),
    [
        ([5, 5, 5], ("≤ 4", "5", "≥ 6", "(missing)")),
        ([0.5, 0.5, np.nan], ("< 0.5", "0.5", "> 0.5", "(missing)")),
        (
            [1e17 + 16] * 3,
            ("< 1.0000000000000002e+17", "1.0000000000000002e+17", "> 1.0000000000000002e+17", "(missing)"),
        ),
    ],
)
def test_a_constant_has_a_bin_and_what_is_new_falls_beside_it(reference, labels):
    bins = Bins.of_numbers(reference)
    constant = reference[0]
    assert bins.labels == labels
    assert bins.assign([constant]).tolist() == [1]
    assert bins.assign([constant * 0.5, constant * 1.5]).tolist() == [0, 2]


@pytest.mark.parametrize("reference", [[], [None, np.nan], [np.inf, -np.inf]])
def test_without_reference_values_there_is_one_bin_for_all_numbers(reference):
    bins = Bins.of_numbers(reference)
    assert bins == Bins(kind="numbers")
    assert bins.labels == ("any number", "(missing)")
    assert bins.assign([-np.inf, 3, np.nan]).tolist() == [0, 0, 1]


def test_infinite_reference_values_do_not_move_the_edges():
    assert Bins.of_numbers([1, 2, 3, np.inf, -np.inf]) == Bins.of_numbers([1, 2, 3])


def test_a_value_on_an_edge_falls_above_it():
    bins = Bins(kind="numbers", edges=(0.1, 0.2))
    just_below, just_above = np.nextafter(0.2, 0), np.nextafter(0.2, 1)
    assert bins.assign([0.1, just_below, 0.2, just_above]).tolist() == [1, 1, 2, 2]


@modest
@given(st.lists(numbers, max_size=60), st.lists(numbers, max_size=30), st.integers(2, 12))
def test_every_number_falls_in_exactly_one_bin_and_greater_ones_never_in_a_lower(reference, values, n_bins):
    bins = Bins.of_numbers(reference, n_bins=n_bins)
    codes = bins.assign(values)
    assert ((codes >= 0) & (codes < bins.n_bins)).all()
    assert len(bins.labels) == len(set(bins.labels)) == bins.n_bins <= max(n_bins, 3) + 1
    as_floats = np.array([math.nan if v is None else float(v) for v in values])
    missing = np.isnan(as_floats)
    assert (codes[missing] == bins.missing_code).all()
    assert (codes[~missing] < bins.missing_code).all()
    assert (np.diff(codes[~missing][np.argsort(as_floats[~missing], kind="stable")]) >= 0).all()


def test_the_largest_number_of_all_has_a_bin():
    largest = np.finfo(np.float64).max
    bins = Bins.of_numbers([largest])
    assert bins.assign([0.0, largest, np.inf]).tolist() == [0, 1, 1]


@modest
@given(st.lists(st.integers(0, 20), min_size=2, max_size=60).filter(lambda v: len(set(v)) > 1))
def test_no_bin_is_empty_on_the_reference(reference):
    bins = Bins.of_numbers(reference, n_bins=5)
    assert (np.bincount(bins.assign(reference), minlength=bins.n_bins)[:-1] > 0).all()


def test_labels_show_as_many_digits_as_keep_bins_apart():
    assert Bins(kind="numbers", edges=(0.12345, 0.5)).labels[:2] == ("< 0.1235", "0.1235 to < 0.5")
    close = Bins(kind="numbers", edges=(1.000001, 1.000002))
    assert close.labels[:3] == ("< 1.000001", "1.000001 to < 1.000002", "≥ 1.000002")
    assert len(set(Bins(kind="numbers", edges=(0.1, np.nextafter(0.1, 1), 0.3)).labels)) == 5


def test_whole_numbers_are_labelled_by_those_they_hold():
    assert Bins.of_numbers(np.arange(24), n_bins=3).labels == ("≤ 7", "8 to 15", "≥ 16", "(missing)")


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 2], dtype=np.int16),
        np.array([1.0, 2.0], dtype=np.float32),
        pd.Series([1, 2], dtype="Int64"),
        [decimal.Decimal(1), 2],
        np.array([1, 2], dtype=object),
    ],
    ids=lambda values: type(values).__name__,
)
def test_numbers_come_in_many_forms(values):
    assert Bins(kind="numbers", edges=(2.0,)).assign(values).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1.5", "the text '1.5'"),
        (dt.date(2013, 9, 1), "float() argument must be a string or a real number, not 'datetime.date'"),
    ],
)
def test_what_is_no_number_is_refused(value, said):
    message = (
        f"A number feature holds something that is no number: {said}. "
        "Give numbers, or make it a category feature."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Bins.of_numbers([1.0, value])


def test_the_commonest_categories_have_a_bin_each_and_ties_go_by_name():
    bins = Bins.of_categories(["z", "c", "b", "a", "b", None, "c"], top=3)
    assert bins.labels == ("b", "c", "a", "(other)", "(missing)")
    assert bins.assign(["a", "z", "never seen", None, np.nan, pd.NaT, pd.NA, ""]).tolist() == [
        2,
        3,
        3,
        4,
        4,
        4,
        4,
        3,
    ]


def test_categories_come_from_counts_as_from_rows():
    from_counts = Bins.of_categories({"UA": 2, "AA": 3, None: 9, "gone": 0})
    assert from_counts == Bins.of_categories(["AA", "UA", "AA", "UA", "AA"])
    assert from_counts.categories == ("AA", "UA")


def test_whole_numbers_are_one_category_whether_or_not_missing_ones_made_them_floats():
    bins = Bins.of_categories([3, 3, 4])
    assert bins.assign([3.0, np.float64(4.0), np.int64(3), 3.5, math.inf]).tolist() == [0, 1, 0, 2, 2]


def test_a_category_that_is_called_missing_is_not_missing():
    bins = Bins.of_categories([MISSING_LABEL, MISSING_LABEL, OTHER_LABEL])
    assert bins.labels == ("'(missing)'", "'(other)'", "(other)", "(missing)")
    assert bins.assign([MISSING_LABEL, OTHER_LABEL, "x", None]).tolist() == [0, 1, 2, 3]


@modest
@given(st.lists(things, max_size=40), st.lists(things, max_size=20), st.integers(1, 6))
def test_every_thing_falls_in_exactly_one_bin_of_categories(reference, values, top):
    bins = Bins.of_categories(reference, top=top)
    codes = bins.assign(values)
    assert ((codes >= 0) & (codes < bins.n_bins)).all()
    assert len(bins.categories) <= top
    assert [code == bins.missing_code for code in codes] == [bool(pd.isna(value)) for value in values]


@modest
@given(st.lists(numbers, max_size=40), st.lists(things, max_size=40))
def test_bins_come_back_from_json_as_they_went(reference, categories):
    for bins in (Bins.of_numbers(reference), Bins.of_categories(categories)):
        assert Bins.from_json(json.loads(json.dumps(bins.to_json()))) == bins


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Bins(kind="words"),
            "Bins are of kind 'words'. Allowed are 'numbers' and 'categories'.",
        ),
        (
            lambda: Bins(kind="numbers", edges=(1.0,), categories=("a",)),
            "Bins of numbers name categories. Give numbers their edges only.",
        ),
        (
            lambda: Bins(kind="categories", edges=(1.0,), categories=("a",)),
            "Bins of categories have edges. Give categories their names only.",
        ),
        (
            lambda: Bins(kind="numbers", edges=(2.0, 2.0)),
            "Bin edges are (2.0, 2.0). Give finite numbers that rise strictly.",
        ),
        (
            lambda: Bins(kind="numbers", edges=(2.0, math.inf)),
            "Bin edges are (2.0, inf). Give finite numbers that rise strictly.",
        ),
        (
            lambda: Bins(kind="categories", categories=("a", "b", "a")),
            "Category 'a' has two bins. Name each category once.",
        ),
        (lambda: Bins.of_numbers([1, 2], n_bins=1), "n_bins is 1. Give 2 or more."),
        (lambda: Bins.of_categories(["a"], top=0), "top is 0. Give 1 or more categories a bin."),
        (
            lambda: Bins.from_json({"kind": "numbers", "edge": [1.0]}),
            (
                "Bins were stored with the fields ['edge', 'kind']. Needed are "
                "['categories', 'edges', 'kind', 'whole']; fix the bins on the reference again."
            ),
        ),
        (
            lambda: ScoreGrid(steps_per_logit=0),
            "A score grid of 0 steps up to log-odds of 16 has no bins. Give 1 or more of both.",
        ),
    ],
)
def test_bins_that_cannot_be_are_refused(build, message):
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        build()


def test_the_grid_of_a_toy_case_is_what_was_worked_by_hand():
    # Two steps a unit up to 3: twelve bins. Log-odds of 0.75 are 1.0986, so step 2, so bin 2 + 6.
    grid = ScoreGrid(steps_per_logit=2, limit_logit=3)
    assert grid.n_bins == 12
    assert grid.index([0.0, 0.25, 0.4999, 0.5, 0.75, 0.9999, 1.0]).tolist() == [0, 3, 5, 6, 8, 11, 11]
    assert grid.midpoint(8) == pytest.approx(special.expit(1.25))


@modest
@given(st.lists(st.floats(0, 1), min_size=1, max_size=50).map(sorted), st.integers(1, 50), st.integers(1, 30))
def test_a_greater_score_never_falls_in_a_lower_bin(scores, steps, limit):
    grid = ScoreGrid(steps_per_logit=steps, limit_logit=limit)
    index = grid.index(scores)
    assert (np.diff(index) >= 0).all()
    assert 0 <= index[0] <= index[-1] < grid.n_bins


def test_the_middle_of_a_bin_lies_in_it_and_no_further_than_half_a_step_from_its_scores():
    grid = ScoreGrid()
    every = np.arange(grid.n_bins)
    np.testing.assert_array_equal(grid.index(grid.midpoint(every)), every)
    scores = np.random.default_rng(3).beta(0.5, 2, 10_000)
    inside = np.abs(special.logit(scores)) < grid.limit_logit
    distance = special.logit(grid.midpoint(grid.index(scores))) - special.logit(scores)
    assert np.abs(distance[inside]).max() <= 0.5 / grid.steps_per_logit + 1e-9


def test_the_grid_keeps_the_shape_of_its_scores():
    assert ScoreGrid().index(np.full((2, 3), 0.5)).shape == (2, 3)
    assert ScoreGrid().index(0.5) == 640


def test_grid_counts_of_days_add_up_to_those_of_the_month():
    grid, scores = ScoreGrid(), np.random.default_rng(4).beta(1, 9, 3_000)
    month = np.bincount(grid.index(scores), minlength=grid.n_bins)
    days = [np.bincount(grid.index(day), minlength=grid.n_bins) for day in np.split(scores, 30)]
    np.testing.assert_array_equal(np.sum(days, axis=0), month)


@pytest.mark.parametrize("shape", ["log-odds sd 1.3", "rare, sd 1.5", "beta(0.5, 0.5)", "rounded to 0.01"])
def test_the_grid_moves_auc_by_less_than_a_ten_thousandth(shape):
    errors = grid_errors(shape, n=30_000, steps=(10, 40), n_worlds=2, seed=5)
    assert errors[40] < 1e-4
    assert errors[10] < 6e-4


def test_auc_from_the_grid_is_that_of_the_bins_as_scores():
    generator = np.random.default_rng(6)
    scores = generator.beta(1, 9, 2_000)
    y_true = generator.random(2_000) < scores
    grid = ScoreGrid(steps_per_logit=5)
    place = grid.index(scores)
    negative, positive = (np.bincount(place[y_true == side], minlength=grid.n_bins) for side in (False, True))
    assert roc_auc(negative, positive) == pytest.approx(roc_auc_score(y_true, place), abs=1e-12)


@pytest.mark.parametrize(("score", "first"), [(1.2, "1.2"), (-0.1, "-0.1"), (np.nan, "nan")])
def test_scores_off_the_grid_are_refused(score, first):
    message = (
        f"1 of 2 scores are missing or outside [0, 1], the first is {first}. "
        "Leave rows without a score out, and turn other scores into probabilities first."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        ScoreGrid().index([0.5, score])


@pytest.mark.parametrize("index", [-1, 1280])
def test_bins_off_the_grid_are_refused(index):
    with pytest.raises(DataError, match=rf"^Bin {index} is not on the grid\. Give 0 to 1279\.$"):
        ScoreGrid().midpoint([3, index])


def test_bins_are_values_that_nobody_changes():
    bins = Bins(kind="numbers", edges=(1.0,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        bins.edges = (2.0,)
    assert hash(bins) == hash(Bins(kind="numbers", edges=(1.0,)))
