"""Months beside each other: no row is lost, bins rest on the reference alone, and no month is held against itself."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.drift_counts import N_BINS, N_CATEGORIES, beside_each_other, sampled_rows
from toy_profiles import load_months, text_counts, toy_profile, windows


def months_of(*, numbers=None, texts=None, n_reference=12):
    """Return one input's months, given as rows by month."""
    name, by_month = next(iter((numbers or texts).items()))
    kind = "numbers" if numbers else "texts"
    months = [
        toy_profile(window, score=np.full(len(rows), 0.2), **{kind: {name: rows}})
        for window, rows in zip(windows(len(by_month)), by_month, strict=True)
    ]
    return beside_each_other(months, n_reference=n_reference)


NUMBERS = months_of(numbers={"delay": [[1, 1, 2, np.nan], [2, 5, np.nan, np.nan], [5, 9, 9, 9, np.nan, -3]]})
TEXTS = months_of(texts={"kind": [["a", "a", "b", None], ["b", "c", "a"], ["a", "new", "new", "new", None]]})


# --- alignment ----------------------------------------------------------------------------------------------------


def test_numbers_of_months_with_different_cells_stand_on_one_support():
    (one,) = NUMBERS.inputs
    assert one.is_number
    assert one.values.tolist() == [-3, 1, 2, 5, 9]
    assert one.counts.tolist() == [[0, 2, 1, 0, 0], [0, 0, 1, 1, 0], [1, 0, 0, 1, 3]]
    assert one.n_missing.tolist() == [1, 2, 1]
    assert one.n_other.tolist() == [0, 0, 0]


def test_number_bins_are_those_of_the_reference_and_the_last_one_is_missing():
    # The reference has 1, 2 and 5: what lies below or above falls in its end bins.
    (one,) = NUMBERS.inputs
    assert one.bins.edges == (2, 5)
    assert one.binned.tolist() == [[2, 1, 0, 1], [0, 1, 1, 2], [1, 0, 4, 1]]


def test_number_bins_do_not_depend_on_the_current_month():
    before = [[1, 2, 3] * 20, [4, 5, 6] * 20]
    with_one, with_other = (
        months_of(numbers={"delay": [*before, current]}) for current in ([1000, -50], [3, 3])
    )
    assert with_one.inputs[0].bins == with_other.inputs[0].bins


def test_a_number_with_many_values_has_at_most_the_bins_it_may():
    (one,) = months_of(numbers={"delay": [list(range(200)), [5]]}).inputs
    assert one.bins.n_bins == N_BINS + 1
    assert np.ptp(one.binned[0, :-1]) <= 1


def test_categories_stand_side_by_side_the_commonest_of_all_months_first():
    (one,) = TEXTS.inputs
    assert not one.is_number
    assert one.values == ("a", "new", "b", "c")
    assert one.counts.tolist() == [[2, 0, 1, 0], [1, 0, 1, 1], [1, 3, 0, 0]]


def test_a_category_that_is_new_in_the_current_month_falls_in_other():
    (one,) = TEXTS.inputs
    assert one.bins.labels == ("a", "b", "c", "(other)", "(missing)")
    assert one.binned.tolist() == [[2, 1, 0, 0, 1], [1, 1, 1, 0, 0], [1, 0, 0, 3, 1]]


def test_rare_categories_of_the_reference_fall_in_other():
    rows = ["a"] * 1998 + ["rare"] + ["b"] * 1
    (one,) = months_of(texts={"kind": [rows, ["a", "rare"]]}).inputs
    # 1 of 2,000 rows is less than a thousandth.
    assert one.bins.categories == ("a",)
    assert one.binned.tolist() == [[1998, 2, 0], [1, 1, 0]]


def test_no_more_categories_than_allowed_have_a_bin_of_their_own():
    rows = [f"c{i:03d}" for i in range(100) for _ in range(100 - i)]
    (one,) = months_of(texts={"kind": [rows, rows]}).inputs
    assert one.bins.categories == tuple(f"c{i:03d}" for i in range(N_CATEGORIES))
    assert one.binned[0, -2:].tolist() == [sum(range(1, 71)), 0]


def test_what_profiles_do_not_name_is_counted_as_other():
    before, now = months_of(texts={"kind": [["a", "b"], ["a", "b"]]}).months
    now = dataclasses.replace(now, n=9, texts={"kind": text_counts({"a": 2, None: 3}, n_other=4)})
    (one,) = beside_each_other([before, now], n_reference=12).inputs
    assert one.n_other.tolist() == [0, 4]
    assert one.binned[-1].tolist() == [2, 0, 4, 3]


@pytest.mark.parametrize("rows", [[np.nan] * 3, [7, 7, 7]])
def test_an_input_without_values_or_with_one_value_has_bins_all_the_same(rows):
    (one,) = months_of(numbers={"delay": [rows, rows, [1, 7, 99]]}).inputs
    assert one.binned.sum(axis=1).tolist() == [3, 3, 3]
    assert one.binned[-1, -1] == 0


def test_a_text_without_values_in_the_reference_has_only_other_and_missing():
    (one,) = months_of(texts={"kind": [[None] * 3, ["a", "b", None]]}).inputs
    assert one.bins.labels == ("(other)", "(missing)")
    assert one.binned.tolist() == [[0, 3], [2, 1]]


def test_months_without_inputs_have_no_bins():
    months = [toy_profile(window, score=[0.2, 0.6]) for window in windows(3)]
    beside = beside_each_other(months, n_reference=12)
    assert beside.inputs == ()
    assert beside.binned.shape == (3, 0)
    assert beside.offsets.tolist() == [0]
    assert sampled_rows(beside, [0, 1]).codes.shape == (4, 0)


@given(
    by_month=st.lists(
        st.lists(st.one_of(st.integers(-5, 30), st.none()), min_size=1, max_size=40), min_size=2, max_size=5
    )
)
@settings(max_examples=50, deadline=None)
def test_every_row_lies_in_exactly_one_bin(by_month):
    as_numbers = [[np.nan if one is None else one for one in rows] for rows in by_month]
    as_texts = [[None if one is None else f"{one}" for one in rows] for rows in by_month]
    n_rows = [len(rows) for rows in by_month]
    for beside in (months_of(numbers={"x": as_numbers}), months_of(texts={"x": as_texts})):
        (one,) = beside.inputs
        assert one.binned.sum(axis=1).tolist() == n_rows
        assert (one.counts.sum(axis=1) + one.n_other + one.n_missing).tolist() == n_rows
        assert one.binned[:, -1].tolist() == one.n_missing.tolist()
        # A slow second way: each row's own bin.
        for place, rows in enumerate(as_numbers if one.is_number else as_texts):
            codes = one.bins.assign(rows)
            assert np.bincount(codes, minlength=one.bins.n_bins).tolist() == one.binned[place].tolist()


# --- which months are the reference -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_reference", "expected"), [(1, (3,)), (2, (2, 3)), (4, (0, 1, 2, 3)), (36, (0, 1, 2, 3))]
)
def test_the_reference_is_at_most_so_many_months_before_the_last(n_reference, expected):
    beside = beside_each_other(load_months([5, 6, 7, 8, 9], n=10), n_reference=n_reference)
    assert beside.reference == expected
    assert beside.current is beside.months[-1]


def test_a_value_from_before_the_reference_has_no_bin_of_its_own():
    beside = months_of(texts={"kind": [["old"], ["a", "b"], ["a", "old"]]}, n_reference=1)
    assert beside.inputs[0].bins.categories == ("a", "b")
    assert beside.pooled(beside.inputs[0].binned).tolist() == [1, 1, 0, 0]


def test_pooled_counts_add_up_the_reference_months_alone():
    (one,) = NUMBERS.inputs
    assert NUMBERS.pooled(one.counts).tolist() == [0, 2, 2, 1, 0]


def test_a_reference_month_is_never_among_those_it_is_held_against():
    # Each month has a value of its own, so that its rows can be told apart.
    beside = months_of(numbers={"x": [[1] * 10, [2] * 20, [3] * 30, [1]]})
    (one,) = beside.inputs
    without = beside.pooled_without(one.counts)
    assert without.tolist() == [[0, 20, 30], [10, 0, 30], [10, 20, 0]]
    for place, month in enumerate(beside.reference):
        assert (without[place][one.counts[month] > 0] == 0).all()


def test_the_only_reference_month_has_no_others():
    beside = months_of(numbers={"x": [[1, 2], [1]]})
    assert beside.pooled_without(beside.inputs[0].counts).tolist() == [[0, 0]]


def test_offsets_tell_where_each_input_begins():
    months = [
        toy_profile(window, score=[0.2] * 3, numbers={"x": [1, 2, 3]}, texts={"kind": ["a", "b", None]})
        for window in windows(2)
    ]
    beside = beside_each_other(months, n_reference=12)
    assert beside.offsets.tolist() == [0, 4, 8]
    assert beside.binned[0].tolist() == [1, 1, 1, 0, 1, 1, 0, 1]


# --- sampled rows -------------------------------------------------------------------------------------------------


def test_sampled_rows_lie_in_the_bins_their_counts_lie_in():
    (number,), (text,) = NUMBERS.inputs, TEXTS.inputs
    for beside, one in ((NUMBERS, number), (TEXTS, text)):
        rows = sampled_rows(beside, [0, 2])
        for place in (0, 2):
            codes = rows.codes[rows.month == place, 0]
            assert np.bincount(codes, minlength=one.bins.n_bins).tolist() == one.binned[place].tolist()


def test_an_empty_text_is_a_category_and_not_missing():
    beside = months_of(texts={"kind": [["", "", None, "a"], ["", None]]})
    (one,) = beside.inputs
    assert one.bins.categories == ("", "a")
    assert sampled_rows(beside, [0]).codes[:, 0].tolist() == [0, 0, 3, 1]


def test_only_rows_of_the_named_version_are_sampled():
    versions = np.array(["v1", "v2", "v1", "v2"])
    months = [
        toy_profile(window, score=[0.1, 0.2, 0.6, 0.7], numbers={"x": [1, 2, 3, 4]}, version=versions)
        for window in windows(2)
    ]
    beside = beside_each_other(months, n_reference=12)
    rows = sampled_rows(beside, [0, 1], version="v2")
    assert rows.score.tolist() == [0.2, 0.7, 0.2, 0.7]
    assert rows.decision.tolist() == [0, 1, 0, 1]
    assert rows.codes[:, 0].tolist() == [1, 3, 1, 3]
    assert rows.month.tolist() == [0, 0, 1, 1]
    assert sampled_rows(beside, [0, 1]).score.size == 8
    assert sampled_rows(beside, [0], version="v3").score.size == 0
