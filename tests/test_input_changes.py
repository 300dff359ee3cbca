import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.input_changes import CategoryCounts, InputChange, NotCompared, NumberCounts, input_changes
from afterlaunch.ranges import Range
from afterlaunch.relabelling import new_names, share_z
from afterlaunch.unit_changes import unit_change

modest = settings(deadline=None, max_examples=40, derandomize=True)
N = 20_000
SEEDS = [1, 2, 3]
# Cells 2 % wide, mirrored around a cell of zero: what a stored profile of numbers looks like.
EDGE, RATIO = 1e-3, 1.02
DESCRIPTIONS = {"shifted", "spread", "mix"}


def cells_of(rows):
    steps = 1 + np.floor(np.log(np.maximum(np.abs(rows), EDGE) / EDGE) / np.log(RATIO))
    return np.where(np.abs(rows) < EDGE, 0, np.sign(rows) * steps).astype(int)


def values_of(cells):
    return np.sign(cells) * EDGE * RATIO ** (np.abs(cells) - 0.5)


def on_grid(reference, current, **options):
    before, after = cells_of(np.asarray(reference)), cells_of(np.asarray(current))
    lowest, highest = min(before.min(), after.min()), max(before.max(), after.max())
    return NumberCounts(
        values=values_of(np.arange(lowest, highest + 1)),
        reference=np.bincount(before - lowest, minlength=highest - lowest + 1),
        current=np.bincount(after - lowest, minlength=highest - lowest + 1),
        **options,
    )


def exactly(reference, current, **options):
    values, place = np.unique(np.concatenate([reference, current]), return_inverse=True)
    before, after = place[: len(reference)], place[len(reference) :]
    return NumberCounts(
        values=values,
        reference=np.bincount(before, minlength=values.size),
        current=np.bincount(after, minlength=values.size),
        **options,
    )


def categories(reference, current, **options):
    names = list(dict.fromkeys([*reference, *current]))
    return CategoryCounts(
        names=names,
        reference=[reference.get(name, 0) for name in names],
        current=[current.get(name, 0) for name in names],
        **options,
    )


def kinds(counts, **options):
    return [change.kind for change in input_changes(counts, **options)]


def only(counts):
    (change,) = input_changes(counts)
    return change


def lognormal(generator, n=N, spread=0.6):
    return generator.lognormal(4.0, spread, n)


# Missing values.


def test_a_rise_of_missing_values_is_named_with_both_shares():
    counts = on_grid(np.full(900, 5.0), np.full(800, 5.0), reference_missing=100, current_missing=200)
    assert only(counts) == InputChange(
        kind="missing_jump", share=pytest.approx(0.2), reference_share=pytest.approx(0.1)
    )


def test_a_fall_of_missing_values_is_named_too():
    counts = categories({"a": 800}, {"a": 900}, reference_missing=200, current_missing=100)
    assert (only(counts).kind, only(counts).share) == ("missing_jump", pytest.approx(0.1))


@pytest.mark.parametrize(("n_missing", "named"), [(1_500, True), (1_499, False)])
def test_the_floor_of_missing_values_is_inclusive(n_missing, named):
    counts = categories(
        {"a": 9_000}, {"a": 10_000 - n_missing}, reference_missing=1_000, current_missing=n_missing
    )
    assert (kinds(counts) == ["missing_jump"]) == named
    assert kinds(counts, min_missing_share=0.04) == ["missing_jump"]


def test_few_rows_make_no_jump_of_missing_values():
    assert kinds(categories({"a": 18}, {"a": 14}, reference_missing=2, current_missing=6)) == []


def test_nothing_but_missing_values_is_a_name_of_its_own():
    counts = NumberCounts(
        values=[1, 2, 3],
        reference=[100, 100, 100],
        current=[0, 0, 0],
        reference_missing=10,
        current_missing=300,
    )
    change = only(counts)
    assert (change.kind, change.share, change.reference_share) == (
        "all_missing",
        1.0,
        pytest.approx(10 / 310),
    )


@pytest.mark.parametrize("window", ["reference", "current"])
def test_an_empty_window_is_a_reason_and_no_error(window):
    rows = {"reference": {"a": 5}, "current": {"a": 5}, window: {}}
    assert input_changes(categories(**rows)) == NotCompared(reason=f"the {window} window has no rows")


# Categories.

CARRIERS = {"AA": 3_000, "UA": 2_500, "WN": 2_000, "DL": 1_500, "B6": 940, "HA": 60}


def drawn(generator, rows, n=N):
    shares = np.array(list(rows.values()), float)
    return dict(zip(rows, generator.multinomial(n, shares / shares.sum()).tolist(), strict=True))


def renamed(rows, **new):
    return {new.get(name, name): n for name, n in rows.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_category_is_named_and_the_others_are_not_blamed(seed):
    generator = np.random.default_rng(seed)
    change = only(categories(drawn(generator, CARRIERS), drawn(generator, {**CARRIERS, "NK": 2_500})))
    assert (change.kind, change.name, change.reference_share) == ("new_category", "NK", 0.0)
    assert change.share == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("n_now", "named"), [(100, True), (99, False)])
def test_a_new_category_has_one_percent_of_the_rows(n_now, named):
    assert (kinds(categories({"a": 10_000}, {"a": 10_000 - n_now, "b": n_now})) == ["new_category"]) == named


@pytest.mark.parametrize(("n_before", "named"), [(19, True), (20, False)])
def test_a_category_with_a_twentieth_of_its_share_before_is_not_new(n_before, named):
    before, after = {"a": 10_000 - n_before, "b": n_before}, {"a": 9_600, "b": 400}
    assert ("new_category" in kinds(categories(before, after))) == named


@pytest.mark.parametrize("seed", SEEDS)
def test_a_category_that_is_gone_is_named(seed):
    generator = np.random.default_rng(seed)
    left = {name: n for name, n in CARRIERS.items() if name != "DL"}
    change = only(categories(drawn(generator, CARRIERS), drawn(generator, left)))
    assert (change.kind, change.name, change.share) == ("gone_category", "DL", 0.0)
    assert change.reference_share == pytest.approx(0.15, abs=0.01)


def test_a_name_that_may_hide_among_the_others_is_not_called_new():
    # Up to 30 of the 500 other rows may have been "new": as many as the rarest listed name had.
    before, after = {"a": 900, "b": 30}, {"a": 900, "b": 30, "new": 200}
    assert new_names(np.array([900.0, 30, 0]), np.array([900.0, 30, 200])).tolist() == [False, False, True]
    assert "new_category" in kinds(categories(before, after))
    assert kinds(categories(before, after, reference_other=500, current_other=300)) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("new_name", "similarity"), [("aa", 1.0), ("A-A", 1.0), ("American", 0.0)])
def test_an_old_name_and_a_new_one_of_the_same_share_are_one_relabelling(new_name, similarity, seed):
    generator = np.random.default_rng(seed)
    change = only(categories(drawn(generator, CARRIERS), renamed(drawn(generator, CARRIERS), AA=new_name)))
    (pair,) = change.pairs
    assert change.kind == "relabelled"
    assert (pair.before, pair.after, pair.is_only_fit) == ("AA", new_name, True)
    assert (pair.similarity == 1) == (similarity == 1)
    assert (change.reference_share, change.share) == (pair.reference_share, pair.share)
    assert change.share == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_names_in_another_case_are_one_relabelling_with_the_rare_ones(seed):
    generator = np.random.default_rng(seed)
    after = {name.lower(): n for name, n in drawn(generator, CARRIERS).items()}
    change = only(categories(drawn(generator, CARRIERS), after))
    assert change.kind == "relabelled"
    assert {(pair.before, pair.after) for pair in change.pairs} == {(name, name.lower()) for name in CARRIERS}
    assert change.share == pytest.approx(1.0)


def test_numbers_written_another_way_are_relabelled():
    before = {"1": 5_000, "2": 3_000, "3": 2_000}
    change = only(categories(before, {f"{name}.0": n for name, n in before.items()}))
    assert [(pair.before, pair.after) for pair in change.pairs] == [("1", "1.0"), ("2", "2.0"), ("3", "3.0")]


def test_spelling_decides_between_names_of_the_same_share_and_the_doubt_is_told():
    before = {"rest": 6_000, "repair shop": 2_000, "doctor": 2_000}
    after = {"rest": 6_000, "doctors": 2_010, "repair": 1_990}
    change = only(categories(before, after))
    assert {(pair.before, pair.after) for pair in change.pairs} == {
        ("repair shop", "repair"),
        ("doctor", "doctors"),
    }
    assert not any(pair.is_only_fit for pair in change.pairs)


def test_signs_are_part_of_a_name():
    change = only(categories({"A+": 3_000, "B": 7_000}, {"A-": 3_000, "B": 7_000}))
    assert change.pairs[0].similarity < 1


def test_an_old_and_a_new_name_of_other_shares_are_no_relabelling():
    found = input_changes(categories({"a": 8_000, "b": 2_000}, {"a": 8_500, "c": 1_500}))
    assert {(change.kind, change.name) for change in found} == {("new_category", "c"), ("gone_category", "b")}


@pytest.mark.parametrize("seed", SEEDS)
def test_two_names_that_exchanged_their_shares_are_a_suspected_swap(seed):
    generator = np.random.default_rng(seed)
    before = {"A": 3_000, "B": 1_200, "C": 4_000, "D": 1_800}
    change = only(categories(drawn(generator, before), drawn(generator, {**before, "A": 1_200, "B": 3_000})))
    assert change.kind == "swapped"
    assert {(pair.before, pair.after) for pair in change.pairs} == {("A", "B"), ("B", "A")}
    assert change.share == pytest.approx(0.42, abs=0.02)


@pytest.mark.parametrize(
    "after",
    [
        {"A": 2_000, "B": 2_200, "C": 4_000, "D": 1_800},
        {"A": 1_200, "B": 3_000, "C": 2_500, "D": 3_300},
        {"A": 1_200, "B": 2_000, "C": 5_000, "D": 1_800},
    ],
    ids=["half way", "the others moved", "a third took the rows"],
)
def test_other_moves_of_two_names_are_no_swap(after):
    assert kinds(categories({"A": 3_000, "B": 1_200, "C": 4_000, "D": 1_800}, after)) == ["mix"]


def test_shares_that_hardly_differ_are_not_swapped():
    assert kinds(categories({"A": 53_000, "B": 47_000}, {"A": 47_000, "B": 53_000})) == ["mix"]


def test_the_mix_names_the_category_that_moved_the_most():
    change = only(categories({"a": 5_000, "b": 3_000, "c": 2_000}, {"a": 4_000, "b": 3_200, "c": 2_800}))
    assert (change.kind, change.name, change.reference_share, change.share) == ("mix", "a", 0.5, 0.4)


def test_a_category_that_is_all_there_is_left_is_constant():
    change = only(categories(CARRIERS, {"UA": 10_000}))
    assert (change.kind, change.name, change.share, change.reference_share) == ("constant", "UA", 1.0, 0.25)


# Changes of unit.

FACTORS = {
    1_000.0: "",
    100.0: "",
    10.0: "",
    0.1: "",
    0.01: "",
    0.001: "",
    2.54: "inches to centimetres",
    1 / 2.54: "centimetres to inches",
    0.45359237: "pounds to kilograms",
    1 / 0.45359237: "kilograms to pounds",
    1.609344: "miles to kilometres",
    1 / 1.609344: "kilometres to miles",
    0.3048: "feet to metres",
    1 / 0.3048: "metres to feet",
    60.0: "minutes to seconds, or hours to minutes",
    1 / 60: "seconds to minutes, or minutes to hours",
    3_600.0: "hours to seconds",
    1 / 3_600: "seconds to hours",
}


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_a_change_of_unit_is_named_with_its_factor(factor, spread):
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        counts = on_grid(lognormal(generator, spread=spread), factor * lognormal(generator, spread=spread))
        change = only(counts)
        assert (change.kind, change.factor, change.offset, change.share) == (
            "unit_change",
            pytest.approx(factor),
            0.0,
            1.0,
        )
        assert change.unit == FACTORS[factor]
        assert change.current_level / change.reference_level == pytest.approx(factor, rel=0.06)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("factor", "share", "n"),
    [(100.0, 0.3, 2_000), (100.0, 0.3, N), (1_000.0, 0.1, N), (0.01, 0.5, N), (10.0, 0.6, N), (60.0, 0.2, N)],
)
def test_a_part_of_the_rows_in_another_unit_is_named_with_its_share(factor, share, n, seed):
    generator = np.random.default_rng(seed)
    current = lognormal(generator, n)
    current[generator.random(n) < share] *= factor
    change = only(on_grid(lognormal(generator, n), current))
    assert (change.kind, change.factor) == ("unit_change", factor)
    assert change.share == pytest.approx(share, abs=0.04)
    assert change.current_level / change.reference_level == pytest.approx(factor, rel=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_two_temperature_scales_are_told_apart(seed):
    generator = np.random.default_rng(seed)
    fahrenheit, other = generator.normal(60, 14, (2, N))
    to_celsius, to_fahrenheit = (
        only(on_grid(fahrenheit, (other - 32) / 1.8)),
        only(on_grid((fahrenheit - 32) / 1.8, other)),
    )
    assert to_celsius.unit == "degrees Fahrenheit to Celsius"
    assert (to_celsius.factor, to_celsius.offset) == pytest.approx((1 / 1.8, -32 / 1.8))
    assert (to_fahrenheit.unit, to_fahrenheit.factor, to_fahrenheit.offset) == (
        "degrees Celsius to Fahrenheit",
        1.8,
        32.0,
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share_of_zeros", [0.0, 0.6])
def test_a_change_of_unit_is_seen_beside_zeros_and_on_both_sides_of_zero(share_of_zeros, seed):
    generator = np.random.default_rng(seed)
    before, after = np.where(generator.random((2, N)) < share_of_zeros, 0, generator.normal(0, 20, (2, N)))
    change = only(on_grid(before, 100 * after))
    assert (change.kind, change.factor) == ("unit_change", 100.0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_whole_numbers_change_their_unit_too(factor, seed):
    before, after = np.random.default_rng(seed).poisson(3, (2, N))
    change = only(exactly(before, np.round(factor * after, 6)))
    assert (change.kind, change.factor) == ("unit_change", factor)


def in_equal_cells(reference, current, *, width):
    """Return counts in cells of one width; those without rows are left out."""
    before, after = (np.floor(rows / width).astype(int) for rows in (reference, current))
    cells, place = np.unique(np.concatenate([before, after]), return_inverse=True)
    return NumberCounts(
        values=(cells + 0.5) * width,
        reference=np.bincount(place[: before.size], minlength=cells.size),
        current=np.bincount(place[before.size :], minlength=cells.size),
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_cells_of_one_width_show_the_same_change_of_unit(width, seed):
    generator = np.random.default_rng(seed)
    for factor in (0.1, 1 / 2.54, 1.609344, 100.0):
        before, after = lognormal(generator), factor * lognormal(generator)
        change = only(in_equal_cells(before, after, width=width))
        assert (change.kind, change.factor) == ("unit_change", pytest.approx(factor))
        # In coarse cells a tenth is as good as a twelfth.
        near_misses = [] if factor == 0.1 else [in_equal_cells(before, 0.85 * after, width=width)]
        assert all("unit_change" not in kinds(counts) for counts in near_misses)


def test_a_unit_so_large_that_all_rows_share_the_cell_of_zero_cannot_be_seen():
    generator = np.random.default_rng(16)
    counts = in_equal_cells(lognormal(generator), 0.001 * lognormal(generator), width=2.0)
    assert kinds(counts) == ["constant"]


@pytest.mark.parametrize("factor", [2.54, 0.1, 1.609344])
def test_whole_numbers_in_another_unit_are_found_with_their_decimals_cut_off(factor):
    before, after = np.floor(np.random.default_rng(17).gamma(4, 200, (2, N)))
    assert only(exactly(before, np.floor(factor * after))).factor == pytest.approx(factor)


@pytest.mark.parametrize(
    "factor", [1.2, 1.5, 1.8, 2.0, 2.36, 2.9, 4.0, 5.0, 7.0, 8.0, 13.0, 30.0, 80.0, 130.0]
)
@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_other_factors_are_no_change_of_unit(factor, spread):
    for seed in SEEDS[:2]:
        generator = np.random.default_rng(seed)
        for one in (factor, 1 / factor):
            counts = on_grid(lognormal(generator, spread=spread), one * lognormal(generator, spread=spread))
            assert set(kinds(counts)) <= {"shifted", "spread", "out_of_range"}
            assert "shifted" in kinds(counts)


@pytest.mark.parametrize("factor", [1.2, 3.0, 7.0, 80.0])
def test_a_part_moved_by_another_factor_is_no_change_of_unit(factor):
    for seed in SEEDS:
        generator = np.random.default_rng(seed)
        current = lognormal(generator, spread=0.5)
        current[generator.random(N) < 0.3] *= factor
        assert "unit_change" not in kinds(on_grid(lognormal(generator, spread=0.5), current))


def test_the_ratio_of_means_alone_is_no_change_of_unit():
    generator = np.random.default_rng(4)
    before = generator.normal(100, 10, N)
    for after in (
        generator.normal(160.9, 10, N),
        generator.normal(254, 10, N),
        generator.normal(100, 25.4, N),
    ):
        assert "unit_change" not in kinds(on_grid(before, after))


def test_factors_that_few_scattered_rows_cannot_tell_apart_are_not_named():
    generator = np.random.default_rng(5)
    found = kinds(
        on_grid(lognormal(generator, 500, spread=1.5), 1.609 * lognormal(generator, 500, spread=1.5))
    )
    assert "unit_change" not in found


def test_the_distances_are_those_of_two_samples_before_and_after_undoing():
    generator = np.random.default_rng(6)
    before, after = 1 + generator.poisson(30, (2, N))
    counts = exactly(before, 100 * after)
    found = unit_change(counts.values, counts.reference, counts.current)
    assert found.distance == pytest.approx(stats.ks_2samp(before, 100 * after).statistic)
    assert found.undone_distance == pytest.approx(stats.ks_2samp(before, after).statistic, abs=0.005)
    assert (found.reference_level, found.current_level) == (np.median(before), 100 * np.median(after))


# Other changes of numbers.


@pytest.mark.parametrize("seed", SEEDS)
def test_one_value_in_all_rows_is_constant(seed):
    change = only(on_grid(lognormal(np.random.default_rng(seed)), np.full(500, 55.0)))
    assert (change.kind, change.share) == ("constant", 1.0)
    assert change.value == pytest.approx(55, rel=RATIO - 1)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [((50, 50), (995, 5), True), ((50, 50), (990, 10), False), ((980, 20), (995, 5), False)],
    ids=["beyond 99 %", "at 99 %", "was nearly constant before"],
)
def test_constant_takes_more_than_99_percent_and_a_reference_with_spread(before, after, named):
    counts = NumberCounts(values=[0, 1], reference=100 * np.array(before), current=np.array(after))
    assert ("constant" in kinds(counts)) == named


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("default", [0.0, -1.0, 99_999.0])
def test_a_default_value_is_a_spike(default, seed):
    generator = np.random.default_rng(seed)
    current = lognormal(generator)
    current[generator.random(N) < 0.15] = default
    change = only(on_grid(lognormal(generator), current))
    assert (change.kind, change.reference_share) == ("spike", 0.0)
    assert change.value == pytest.approx(default, rel=RATIO - 1)
    assert change.share == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize(("n_zeros", "named"), [(1_500, True), (1_499, False)])
def test_a_spike_rose_by_ten_percentage_points(n_zeros, named):
    values, rest = np.arange(11), np.full(10, 1_000)
    counts = NumberCounts(
        values=values,
        reference=np.append([500], 0.95 * rest),
        current=np.append([n_zeros], (10_000 - n_zeros) / 10 * np.ones(10)),
    )
    assert ("spike" in kinds(counts)) == named


@pytest.mark.parametrize("mean", [1.0, 1.5, 2.0, 5.0])
def test_whole_numbers_that_fell_or_rose_have_no_spike(mean):
    generator = np.random.default_rng(7)
    assert set(kinds(exactly(generator.poisson(3, N), generator.poisson(mean, N)))) <= DESCRIPTIONS


def test_a_flag_that_is_set_more_often_has_no_spike():
    counts = NumberCounts(values=[0, 1], reference=[7_000, 3_000], current=[5_000, 5_000])
    assert set(kinds(counts)) <= DESCRIPTIONS


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_far_outside_of_what_was_seen_are_named_and_do_not_move_the_rest(seed):
    generator = np.random.default_rng(seed)
    current = lognormal(generator)
    current[:400] = -generator.uniform(5_000, 9_000, 400)
    change = only(on_grid(lognormal(generator), current))
    assert (change.kind, change.share, change.reference_share) == ("out_of_range", 0.02, 0.0)
    assert change.reference_level > 0
    assert change.current_level == pytest.approx(current.min(), rel=RATIO - 1)


def test_a_little_outside_of_what_was_seen_is_not_out_of_range():
    generator = np.random.default_rng(8)
    assert kinds(on_grid(generator.uniform(10, 20, N), generator.uniform(10, 29, N))) == ["shifted", "spread"]


@pytest.mark.parametrize(("n_outside", "named"), [(10, True), (9, False)])
def test_an_allowed_range_is_broken_from_one_in_a_thousand(n_outside, named):
    counts = NumberCounts(
        values=[-1, 0, 1, 2],
        reference=[0, 5_000, 3_000, 2_000],
        current=[n_outside, 5_000, 3_000, 2_000 - n_outside],
        allowed=Range(lower=0),
    )
    found = input_changes(counts)
    assert [change.kind for change in found] == (["out_of_range"] if named else [])
    if named:
        assert (found[0].share, found[0].reference_level, found[0].current_level) == (0.001, 0.0, -1.0)


def test_rows_outside_of_the_allowed_range_as_many_as_ever_are_no_change():
    rows = [60, 5_000, 3_000, 1_940]
    counts = NumberCounts(values=[-1, 0, 1, 2], reference=rows, current=rows, allowed=Range(lower=0))
    assert kinds(counts) == []


def test_a_shift_and_a_spread_are_described_by_what_rows_give():
    generator = np.random.default_rng(9)
    before, after = generator.poisson(20, N), 5 + generator.poisson(30, N)
    shifted, spread = input_changes(exactly(before, after))
    assert (shifted.kind, spread.kind) == ("shifted", "spread")
    assert (shifted.reference_level, shifted.current_level) == pytest.approx((before.mean(), after.mean()))
    assert shifted.change_sd == pytest.approx((after.mean() - before.mean()) / before.std())
    assert (spread.reference_level, spread.current_level) == pytest.approx(
        [np.abs(rows - np.median(rows)).mean() for rows in (before, after)]
    )


def test_a_worked_shift():
    # Means 1 and 2; the reference lies 0, 1, 1, 2 with variance 0.5.
    counts = NumberCounts(values=[0, 1, 2, 3], reference=[250, 500, 250, 0], current=[0, 250, 500, 250])
    assert only(counts) == InputChange(
        kind="shifted", share=1.0, reference_level=1.0, current_level=2.0, change_sd=pytest.approx(2**0.5)
    )


def test_a_shift_below_a_tenth_of_a_standard_deviation_has_no_name():
    generator = np.random.default_rng(10)
    assert kinds(on_grid(generator.normal(50, 10, 200_000), generator.normal(50.8, 10, 200_000))) == []


def test_several_changes_come_with_the_most_specific_first():
    generator = np.random.default_rng(11)
    current = lognormal(generator)
    current[:3_000], current[3_000:3_200] = 0, 1e6
    counts = on_grid(lognormal(generator), current, current_missing=5_000)
    assert kinds(counts) == ["missing_jump", "spike", "out_of_range"]


# What holds for all.


def test_the_standard_errors_are_the_root_of_scipys_likelihood_ratio():
    counts = np.array([[30, 970], [60, 1_940 + 400]])
    expected = stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood").statistic
    z = share_z([30], [60], n_reference=1_000, n_current=2_400)
    assert z[0] == pytest.approx(-(expected**0.5))


@modest
@given(st.integers(0, 50), st.integers(0, 50), st.integers(51, 500), st.integers(51, 500))
def test_the_standard_errors_turn_round_with_the_windows(before, after, n_before, n_after):
    z = share_z([before], [after], n_reference=n_before, n_current=n_after)
    turned = share_z([after], [before], n_reference=n_after, n_current=n_before)
    assert z == pytest.approx(-turned, abs=1e-9)


@modest
@given(st.lists(st.integers(0, 400), min_size=2, max_size=12).filter(any))
def test_a_window_against_itself_has_no_change(rows):
    numbers = NumberCounts(values=np.arange(len(rows)), reference=rows, current=rows)
    names = CategoryCounts(names=[str(place) for place in range(len(rows))], reference=rows, current=rows)
    assert input_changes(numbers) == input_changes(names) == ()


@modest
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=12),
    st.integers(0, 400),
    st.integers(0, 400),
)
def test_any_counts_are_answered(rows, reference_missing, current_missing):
    before, after = np.array(rows).T
    missing = {"reference_missing": reference_missing, "current_missing": current_missing}
    numbers = NumberCounts(values=np.arange(len(rows)) - 3.5, reference=before, current=after, **missing)
    names = CategoryCounts(names=[*"abcdefghijkl"][: len(rows)], reference=before, current=after, **missing)
    for counts in (numbers, names):
        found = input_changes(counts)
        for change in found if isinstance(found, tuple) else ():
            assert -1e-9 <= change.share <= 1 + 1e-9


# What unchanged inputs are drawn from: values of numbers, places of categories.
WORLDS = {
    "normal": lambda generator, n: generator.normal(2, 3, n),
    "lognormal": lambda generator, n: generator.lognormal(4, 1, n),
    "heavy tail": lambda generator, n: 1 + generator.pareto(1.2, n),
    "zero-inflated": lambda generator, n: np.where(
        generator.random(n) < 0.6, 0, generator.lognormal(4, 1, n)
    ),
    "integers": lambda generator, n: generator.poisson(4, n),
    "rare levels": lambda generator, n: np.minimum(generator.zipf(1.5, n), 150),
    "many levels": lambda generator, n: generator.integers(0, 200, n),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("n", [2_000, 200_000])
def test_an_unchanged_input_gets_no_name(world, n):
    rows = WORLDS[world](np.random.default_rng(12), 200_000)
    is_category, is_whole = world.endswith("levels"), rows.dtype.kind == "i"
    values, n_rows = np.unique(rows if is_whole else cells_of(rows), return_counts=True)
    values, shares = values if is_whole else values_of(values), n_rows / n_rows.sum()
    generator = np.random.default_rng(13)
    names, n_named = [f"name {place}" for place in range(shares.size)], 0
    for _ in range(300):
        before, after = generator.multinomial(n, shares, 2)
        missing = dict(
            zip(("reference_missing", "current_missing"), generator.poisson(n * 0.05, 2), strict=True)
        )
        if is_category:
            counts = CategoryCounts(names=names, reference=before, current=after, **missing)
        else:
            counts = NumberCounts(values=values, reference=before, current=after, **missing)
        n_named += len(input_changes(counts))
    assert n_named <= 1


def test_names_cut_off_in_either_window_are_no_change():
    generator = np.random.default_rng(14)
    for _ in range(50):
        before, after = generator.multinomial(N, np.full(400, 1 / 400), 2)
        kept = [set(np.argsort(-rows)[:100].tolist()) for rows in (before, after)]
        listed = [
            {str(place): int(rows[place]) for place in places}
            for rows, places in zip((before, after), kept, strict=True)
        ]
        others = {
            f"{window}_other": N - sum(rows.values())
            for window, rows in zip(("reference", "current"), listed, strict=True)
        }
        assert kinds(categories(*listed, **others)) == []


def test_thirty_inputs_take_well_below_50_ms():
    generator = np.random.default_rng(15)
    inputs = [on_grid(lognormal(generator), factor * lognormal(generator)) for factor in (1, 1.3, 100)]
    names = [f"name {place}" for place in range(200)]
    inputs.append(CategoryCounts(names=names, reference=[50] * 200, current=[50] * 100 + [0] * 100))
    durations = []
    for _ in range(5):
        begin = time.process_time()
        for place in range(30):
            input_changes(inputs[place % len(inputs)])
        durations.append(time.process_time() - begin)
    assert min(durations) < 0.05


def test_hundreds_of_names_that_all_changed_are_paired_quickly():
    old, new = ([f"{prefix}-{place:03}" for place in range(90)] for prefix in ("old", "new"))
    counts = CategoryCounts(
        names=[*old, *new], reference=[500] * 90 + [0] * 90, current=[0] * 90 + [500] * 90
    )
    begin = time.process_time()
    change = only(counts)
    assert time.process_time() - begin < 1.0
    assert {pair.before[3:] == pair.after[3:] for pair in change.pairs} == {True}


# What is refused.


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"values": [1, 1]},
            (
                "Cell values have shape (2,) and do not rise strictly, or are not finite. "
                "Give the midpoints of the cells in rising order, each once."
            ),
        ),
        (
            {"current": [1]},
            "The current counts have shape (1,). Give one count for each of the 2 cells.",
        ),
        ({"reference": [1, -2]}, "A reference count is -2. Give finite numbers of rows, 0 or more."),
        ({"current_missing": -1}, "current_missing is -1. Give a finite number of rows, 0 or more."),
    ],
)
def test_counts_that_cannot_be_are_refused(fields, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        NumberCounts(**{"values": [1, 2], "reference": [1, 2], "current": [1, 2], **fields})


def test_a_category_counted_twice_is_refused():
    message = "Category 'a' is counted twice. Give each name once, its rows added up."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        CategoryCounts(names=["a", "b", "a"], reference=[1, 2, 3], current=[1, 2, 3])


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_a_floor_that_is_no_share_is_refused(share):
    message = f"min_missing_share is {share:g}. Give a share above 0 and at most 1, such as 0.05."
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        input_changes(categories({"a": 1}, {"a": 1}), min_missing_share=share)
