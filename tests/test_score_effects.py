import dataclasses
import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.linear_model import Ridge

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.score_effects import PENALTIES, ScoreEffects, fit_score_effects

modest = settings(deadline=None, max_examples=40, derandomize=True)
SCORE, DECISION = 0, 1

# Two inputs, each combination once: the first adds 0.4 to the score, the second 0.1; the first alone decides.
TOY_CODES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
TOY_TARGETS = np.array([[0.1, 0], [0.2, 0], [0.5, 1], [0.6, 1]])


def toy(*, penalty_rows=2.0):
    return fit_score_effects(TOY_CODES, [2, 2], targets=TOY_TARGETS, penalty_rows=penalty_rows)


def one_hot(codes, n_bins):
    return np.hstack([np.eye(n)[codes[:, j]] for j, n in enumerate(n_bins)])


def counts(codes, n_bins):
    return one_hot(codes, n_bins).sum(axis=0)


def targets_of(score, *, threshold=0.5):
    return np.stack([score, score >= threshold], axis=1).astype(float)


def random_rows(seed, *, n_rows=60, n_bins=(3, 4, 2)):
    """Inputs that go together, one of their bins without rows, and a score with noise."""
    generator = np.random.default_rng(seed)
    first = generator.integers(0, n_bins[0], n_rows)
    others = [
        (first * generator.integers(0, 2, n_rows) + generator.integers(0, n, n_rows)) % n for n in n_bins
    ]
    codes = np.stack([first, *others[1:]], axis=1)
    codes[codes[:, 1] == n_bins[1] - 1, 1] = 0
    score = special.expit(0.7 * codes[:, 0] - codes[:, 1] + generator.normal(size=n_rows))
    return codes, targets_of(score)


def slow_anchor(codes, n_bins):
    """Return, input by input, what takes the mean effect over the rows off each bin."""
    anchor = np.zeros((sum(n_bins), sum(n_bins)))
    start = 0
    for j, n in enumerate(n_bins):
        shares = np.bincount(codes[:, j], minlength=n) / len(codes)
        anchor[start : start + n, start : start + n] = np.eye(n) - shares
        start += n
    return anchor


def slow_fit(codes, n_bins, targets, penalty, *, anchor):
    """Return mean and coefficients by least squares on written-out indicators with rows for the penalty."""
    rows = np.hstack([np.ones((len(codes), 1)), one_hot(codes, n_bins)])
    extra = np.hstack([np.zeros((len(anchor), 1)), np.sqrt(penalty) * anchor])
    zeros = np.zeros((len(anchor), targets.shape[1]))
    return np.linalg.lstsq(np.vstack([rows, extra]), np.vstack([targets, zeros]), rcond=1e-11)[0]


def slow_left_out(codes, n_bins, targets, penalty):
    """Return what a fit without a row gets wrong in it, row by row; and what the mean of the others does."""
    anchor, errors, of_mean = slow_anchor(codes, n_bins), [], []
    for row in range(len(codes)):
        kept = np.arange(len(codes)) != row
        found = slow_fit(codes[kept], n_bins, targets[kept], penalty, anchor=anchor)
        errors.append(targets[row] - found[0] - one_hot(codes[[row]], n_bins)[0] @ found[1:])
        of_mean.append(targets[row] - targets[kept].mean(axis=0))
    return np.array(errors), np.array(of_mean)


# --- toy cases and second implementations -----------------------------------------


def test_a_toy_case_gives_what_was_worked_by_hand():
    # Each bin has 2 rows, as many as the penalty: effects are half of what the bins differ from the mean.
    found = toy()

    assert found.coefficients[:, SCORE] == pytest.approx([-0.1, 0.1, -0.025, 0.025])
    assert found.coefficients[:, DECISION] == pytest.approx([-0.25, 0.25, 0, 0], abs=1e-15)
    assert found.rows_by_bin.tolist() == [2, 2, 2, 2]
    # A quarter for the mean, an eighth for each input: leverage 1/2 doubles the residuals 0.125 and 0.075, while
    # the mean without a row is off by 4/3 of 0.25 and 0.15.
    assert found.fidelity[SCORE] == pytest.approx(
        1 - 4 / (16 / 9) * (0.125**2 + 0.075**2) / (0.25**2 + 0.15**2)
    )
    assert (found.n_rows, found.penalty_rows) == (4, 2.0)


def test_a_toy_shift_adds_up_as_worked_by_hand():
    # A quarter of the rows moves to the bin that adds 0.4: 0.1 more, of which the penalty leaves a half.
    parts = toy().decompose([2, 2, 2, 2], [1, 3, 2, 2], mean_change=[0.1, 0.25])

    assert parts.effects.values[:, SCORE] == pytest.approx([0.05, 0.0], abs=1e-15)
    assert parts.effects.values[:, DECISION] == pytest.approx([0.125, 0.0], abs=1e-15)
    assert parts.unexplained == pytest.approx([0.05, 0.125])


def test_a_toy_standard_error_is_what_was_worked_by_hand():
    # The coefficient of the first input is the sum of signed scores over 8; left-out errors are 0.25 and 0.15.
    sampling = 2 * (0.25**2 + 0.15**2) / 64
    spread = np.sqrt(0.1**2 - sampling)
    # Half of the effect is gone; an effect drawn with that spread on either side of 0 would have lost this much.
    shrinking = spread**2 / 8
    found = toy()

    assert found.input_spread[0, SCORE] == pytest.approx(spread)
    moved = found.effects([2, 2, 2, 2], [1, 3, 2, 2]).standard_errors[:, SCORE]
    assert moved == pytest.approx([0.5 * np.sqrt(sampling + shrinking), 0.0])


@pytest.mark.parametrize("seed", range(3))
def test_coefficients_equal_least_squares_on_written_out_indicators(seed):
    n_bins = (3, 4, 2)
    codes, targets = random_rows(seed)
    found = fit_score_effects(codes, n_bins, targets=targets, penalty_rows=4.0)
    slow = slow_fit(codes, n_bins, targets, 4.0, anchor=slow_anchor(codes, n_bins))[1:]
    slow = slow_anchor(codes, n_bins) @ slow

    np.testing.assert_allclose(found.coefficients, slow, atol=1e-10)


def test_coefficients_equal_those_of_sklearns_ridge_when_bins_have_equally_many_rows():
    generator = np.random.default_rng(1)
    codes = np.stack([generator.permutation(np.arange(300) % n) for n in (3, 5, 2)], axis=1)
    targets = targets_of(special.expit(codes @ [0.5, -0.4, 1] + generator.normal(size=300)))
    oracle = Ridge(alpha=7.0).fit(one_hot(codes, (3, 5, 2)), targets).coef_.T

    found = fit_score_effects(codes, [3, 5, 2], targets=targets, penalty_rows=7.0)

    np.testing.assert_allclose(found.coefficients, oracle, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_fidelity_equals_fits_that_leave_out_one_row_after_the_other(seed):
    n_bins = (3, 4, 2)
    codes, targets = random_rows(seed, n_rows=40)
    errors, of_mean = slow_left_out(codes, n_bins, targets, 3.0)

    found = fit_score_effects(codes, n_bins, targets=targets, penalty_rows=3.0)

    assert found.fidelity == pytest.approx(1 - (errors**2).sum(axis=0) / (of_mean**2).sum(axis=0))


@pytest.mark.parametrize("seed", range(2))
def test_standard_errors_equal_a_slow_sandwich(seed):
    n_bins = (3, 4, 2)
    codes, targets = random_rows(seed, n_rows=40)
    found = fit_score_effects(codes, n_bins, targets=targets, penalty_rows=3.0)
    anchor, errors = slow_anchor(codes, n_bins), slow_left_out(codes, n_bins, targets, 3.0)[0]
    centred = one_hot(codes, n_bins) - one_hot(codes, n_bins).mean(axis=0)
    bread = anchor @ np.linalg.pinv(centred.T @ centred + 3.0 * anchor.T @ anchor, rcond=1e-11)
    reference = counts(codes, n_bins)
    current = reference[[1, 2, 0, 3, 0, 1, 2, 8, 7]]
    current[3:7] *= current[:3].sum() / current[3:7].sum()
    moved = (current - reference) / len(codes)

    slow = np.zeros((3, 2))
    for target in (SCORE, DECISION):
        sampling = bread @ (centred.T * errors[:, target] ** 2) @ centred @ bread.T
        by_bin = np.repeat(found.input_spread[:, target] ** 2, n_bins)
        taken = 3.0 * bread @ anchor.T @ anchor
        total = sampling + taken @ np.diag(by_bin) @ taken.T
        for j, end in enumerate(np.cumsum(n_bins)):
            place = slice(end - n_bins[j], end)
            slow[j, target] = np.sqrt(moved[place] @ total[place, place] @ moved[place])

    np.testing.assert_allclose(found.effects(reference, current).standard_errors, slow, rtol=1e-7, atol=1e-12)


def test_the_penalty_is_the_one_with_the_least_cross_validation_error():
    n_bins = (3, 4, 2)
    codes, targets = random_rows(5)
    centred = one_hot(codes, n_bins) - one_hot(codes, n_bins).mean(axis=0)
    anchor, off_mean = slow_anchor(codes, n_bins), targets - targets.mean(axis=0)

    def error(penalty):
        hat = centred @ np.linalg.pinv(centred.T @ centred + penalty * anchor.T @ anchor) @ centred.T
        residual = off_mean - hat @ off_mean
        n_free = 1 - (1 + np.trace(hat)) / len(codes)
        return ((residual**2).sum(axis=0) / (off_mean**2).sum(axis=0)).sum() / n_free**2

    found = fit_score_effects(codes, n_bins, targets=targets)

    assert found.penalty_rows == min(PENALTIES, key=error)
    noise = np.random.default_rng(1).permutation(targets)
    assert fit_score_effects(codes, n_bins, targets=noise).penalty_rows == PENALTIES[-1]


# --- properties -------------------------------------------------------------------


@st.composite
def worlds(draw):
    """Rows of a few inputs, and counts of two groups of windows in their bins."""
    n_bins = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_rows = draw(st.integers(2, 30))
    codes = np.stack([generator.integers(0, n, n_rows) for n in n_bins], axis=1)
    windows = np.concatenate([generator.multinomial(50, np.ones(n) / n, (2, 3)) for n in n_bins], axis=-1)
    return n_bins, codes, targets_of(generator.random(n_rows)), windows


@modest
@given(worlds(), st.floats(-1, 1), st.floats(-1, 1))
def test_parts_add_up_to_the_change_of_every_window(world, score_change, decision_change):
    n_bins, codes, targets, (reference, current) = world
    change = np.array([[score_change, decision_change]] * 3)
    parts = fit_score_effects(codes, n_bins, targets=targets).decompose(
        reference, current, mean_change=change
    )

    total = parts.effects.values.sum(axis=1) + parts.unexplained
    np.testing.assert_allclose(total, change, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(parts.mean_change, change)
    assert np.isfinite(parts.effects.standard_errors).all()


@modest
@given(worlds())
def test_effects_are_0_on_average_over_the_reference_rows_of_each_input(world):
    n_bins, codes, targets, _ = world
    found = fit_score_effects(codes, n_bins, targets=targets)
    weighted = found.rows_by_bin[:, None] * found.coefficients

    np.testing.assert_allclose(np.add.reduceat(weighted, found.offsets[:-1], axis=0), 0, atol=1e-9)
    assert found.rows_by_bin.tolist() == counts(codes, n_bins).tolist()


@modest
@given(worlds())
def test_many_windows_at_once_give_what_each_gives_alone(world):
    n_bins, codes, targets, (reference, current) = world
    found = fit_score_effects(codes, n_bins, targets=targets)
    together, one_reference = found.effects(reference, current), found.effects(reference[0], current)

    for k in range(3):
        alone = found.effects(reference[k], current[k])
        np.testing.assert_allclose(together.values[k], alone.values, atol=1e-12)
        np.testing.assert_allclose(together.standard_errors[k], alone.standard_errors, atol=1e-9)
    np.testing.assert_array_equal(one_reference.values[0], together.values[0])


@modest
@given(worlds())
def test_effects_survive_being_stored(world):
    n_bins, codes, targets, (reference, current) = world
    found = fit_score_effects(codes, n_bins, targets=targets)
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    again = ScoreEffects.from_json(stored)

    assert again.to_json() == found.to_json() == stored
    before, after = found.effects(reference, current), again.effects(reference, current)
    np.testing.assert_array_equal(before.values, after.values)
    np.testing.assert_array_equal(before.standard_errors, after.standard_errors)


def test_a_target_that_never_varies_has_no_effects_and_no_fidelity_and_says_why():
    codes, targets = random_rows(1)
    found = fit_score_effects(codes, [3, 4, 2], targets=np.stack([targets[:, 0], np.full(60, 0.3)], axis=1))

    assert found.fidelity[DECISION] is None
    assert found.why_no_fidelity == ("", "the decision is the same in all reference rows")
    assert not found.coefficients[:, DECISION].any()
    assert not found.input_weights[:, DECISION].any()
    assert found.coefficients[:, SCORE].any()


# --- planted effects --------------------------------------------------------------

# Six normal inputs in 16 bins of equally many rows; the model uses the first two.
EDGES = special.ndtri(np.arange(1, 16) / 16)
N_BINS = (16,) * 6


def normal_inputs(n_rows, *, seed, correlation=0.0):
    """Return six inputs; the third goes with the first."""
    inputs = np.random.default_rng(seed).normal(size=(n_rows, 6))
    inputs[:, 2] = correlation * inputs[:, 0] + np.sqrt(1 - correlation**2) * inputs[:, 2]
    return inputs


def shifted(inputs, steps):
    """Add a step to some inputs, by place."""
    return inputs + np.array([steps.get(j, 0.0) for j in range(inputs.shape[1])])


def planted_model(inputs):
    return targets_of(special.expit(inputs[:, 0] + 0.7 * inputs[:, 1] - 1.5))


def codes_of(inputs):
    return np.searchsorted(EDGES, inputs, side="right")


def shift_found(before, after, *, model=planted_model):
    """Learn from the rows before and decompose what the model makes of the rows after."""
    found = fit_score_effects(codes_of(before), N_BINS, targets=model(before))
    change = model(after).mean(axis=0) - model(before).mean(axis=0)
    windows = (counts(codes_of(before), N_BINS), counts(codes_of(after), N_BINS))
    return found, found.decompose(*windows, mean_change=change)


def test_a_shift_of_one_input_has_the_effect_that_scoring_both_populations_shows():
    before = normal_inputs(20_000, seed=1)
    after = shifted(before, {0: 0.3})
    found, parts = shift_found(before, after)

    # Rows that move within a bin, and the interaction through the logistic curve, are what is missing.
    np.testing.assert_allclose(parts.effects.values[0], parts.mean_change, rtol=0.06)
    np.testing.assert_allclose(parts.effects.values[1:], 0.0, atol=1e-12)
    assert (parts.mean_change > 0.04).all()
    assert found.fidelity[SCORE] == pytest.approx(0.93, abs=0.02)


def test_two_shifts_at_once_are_told_apart():
    before = normal_inputs(20_000, seed=1)
    _, parts = shift_found(before, shifted(before, {0: 0.3, 1: -0.3}))
    alone = [planted_model(shifted(before, step)).mean(axis=0) for step in ({0: 0.3}, {1: -0.3})]
    truth = np.array(alone) - planted_model(before).mean(axis=0)

    np.testing.assert_allclose(parts.effects.values[:2], truth, rtol=0.1)


def test_an_unused_input_that_goes_with_a_used_one_has_nearly_no_effect():
    before, after = (normal_inputs(20_000, seed=seed, correlation=0.8) for seed in (1, 2))
    found, parts = shift_found(before, shifted(after, {0: 0.3, 2: 0.24}))
    by_itself = fit_score_effects(codes_of(before)[:, [2]], [16], targets=planted_model(before))

    assert abs(parts.effects.values[2, SCORE]) < 0.04 * parts.mean_change[SCORE]
    assert parts.effects.values[0, SCORE] > 0.9 * parts.mean_change[SCORE]
    assert (found.input_weights[2] < 0.05).all()
    # Looked at alone, it would seem to matter.
    assert by_itself.fidelity[SCORE] > 0.3


def test_wide_bins_leave_part_of_a_used_inputs_effect_to_what_goes_with_it():
    # Not wanted, but so: what the first input does inside its 4 bins is seen in the unused third.
    before, after = (normal_inputs(20_000, seed=seed, correlation=0.8) for seed in (1, 2))
    after = shifted(after, {0: 0.3, 2: 0.24})
    wide = [codes_of(inputs) // 4 for inputs in (before, after)]
    found = fit_score_effects(wide[0], (4,) * 6, targets=planted_model(before))
    effects = found.effects(counts(wide[0], (4,) * 6), counts(wide[1], (4,) * 6))

    assert (
        0.08 < effects.values[2, SCORE] / (planted_model(after) - planted_model(before)).mean(axis=0)[0] < 0.3
    )
    assert effects.values[2, SCORE] > 3 * effects.standard_errors[2, SCORE]


def test_an_ignored_input_that_shifts_strongly_stays_within_its_standard_errors():
    distances = []
    for seed in range(40):
        before = normal_inputs(3_000, seed=seed)
        _, parts = shift_found(before, shifted(before, {3: 1.0}))
        distances.append(np.abs(parts.effects.values[3] / parts.effects.standard_errors[3]))

    # Of 80: about 4 beyond 2 standard errors are expected, and hardly one beyond 3.5.
    assert np.mean(np.array(distances) > 2) <= 0.125
    assert np.max(distances) < 3.5


def test_standard_errors_cover_the_effect_of_a_used_input_about_as_often_as_they_say():
    steps = np.random.default_rng(5).normal(0, 0.8, (2, 8))
    score = special.expit(steps[0][:, None] + steps[1] - 1)
    tilted = np.linspace(1, 3, 8) / 16
    truth = [(tilted - 1 / 8) @ each.mean(axis=1) for each in (score, score >= 0.4)]
    even = np.full(8, 1 / 8)

    is_covered = []
    for seed in range(60):
        codes = np.random.default_rng(seed).integers(0, 8, (2_000, 3))
        targets = targets_of(score[codes[:, 0], codes[:, 1]], threshold=0.4)
        found = fit_score_effects(codes, (8, 8, 8), targets=targets)
        effects = found.effects(np.tile(even, 3), np.concatenate([tilted, even, even]))
        is_covered.append(np.abs(effects.values[0] - truth) <= 2 * effects.standard_errors[0])

    assert 0.88 <= np.mean(is_covered) <= 1.0


def test_a_jump_of_missing_values_has_the_effect_of_the_models_default():
    # The model takes a missing first input for 2; the last of the 17 bins holds missing values.
    before = normal_inputs(20_000, seed=3)
    generator = np.random.default_rng(4)
    n_bins = (17, 16, 16, 16, 16, 16)

    def seen(missing_share):
        is_missing = generator.random(20_000) < missing_share
        filled, codes = before.copy(), codes_of(before)
        filled[is_missing, 0], codes[is_missing, 0] = 2.0, 16
        return counts(codes, n_bins), codes, planted_model(filled)

    reference, codes, targets = seen(0.02)
    current, _, targets_after = seen(0.15)
    parts = fit_score_effects(codes, n_bins, targets=targets).decompose(
        reference, current, mean_change=(targets_after - targets).mean(axis=0)
    )

    np.testing.assert_allclose(parts.effects.values[0], parts.mean_change, rtol=0.05)
    assert (parts.mean_change > 0.03).all()


@pytest.mark.parametrize(("n_rows_before", "kept"), [(0, 0.0), (1, 0.5), (2, 2 / 3), (99, 0.99)])
def test_a_category_with_few_rows_counts_as_average_until_more_is_known(n_rows_before, kept):
    # Scores are 0.3 on average without the other bin, whose cases score 0.9.
    codes = np.append(np.tile([0, 1], 3_000), np.full(n_rows_before, 2))
    score = np.array([0.2, 0.4, 0.9])[codes]
    found = fit_score_effects(codes[:, None], [3], targets=targets_of(score), penalty_rows=1.0)
    mean = score.mean()

    assert found.rows_by_bin.tolist() == [3_000, 3_000, n_rows_before]
    assert found.coefficients[2, SCORE] == pytest.approx(kept * (0.9 - mean), abs=1e-4)
    assert found.sparse_share([30, 30, 40]).tolist() == [0.4 if n_rows_before < 30 else 0.0]


def test_a_new_category_is_sure_only_where_the_input_never_mattered():
    generator = np.random.default_rng(7)
    codes = generator.integers(0, 4, (4_000, 2))
    targets = targets_of(special.expit(codes[:, 0] - 1.5 + 0.3 * generator.normal(size=4_000)))
    found = fit_score_effects(codes, [5, 5], targets=targets)
    effects = found.effects([1, 1, 1, 1, 0] * 2, [0.8, 0.8, 0.8, 0.8, 0.8] * 2)

    # A fifth of the rows is in a bin of which only the input's spread over its other bins is known; their mean,
    # too, is one of four bins only.
    np.testing.assert_allclose(effects.values, 0.0, atol=0.002)
    np.testing.assert_allclose(
        effects.standard_errors[0], 0.2 * np.sqrt(1 + 1 / 4) * found.input_spread[0], rtol=0.01
    )
    assert (effects.standard_errors[1] < 0.1 * effects.standard_errors[0]).all()
    assert found.sparse_share([1, 1, 1, 1, 1] * 2).tolist() == [0.2, 0.2]


def test_an_interaction_ends_up_unexplained():
    # High when both inputs agree: neither says anything alone, and none of them shifts.
    agree, differ = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 0]])
    codes = np.tile(np.vstack([agree, differ]), (500, 1))
    targets = targets_of(np.where(codes[:, 0] == codes[:, 1], 0.8, 0.2))
    parts = fit_score_effects(codes, [2, 2], targets=targets).decompose(
        [500] * 4, [500] * 4, mean_change=[0.3, 0.5]
    )

    np.testing.assert_allclose(parts.effects.values, 0.0, atol=1e-12)
    np.testing.assert_allclose(parts.unexplained, [0.3, 0.5], atol=1e-12)


def test_another_model_ends_up_unexplained():
    before = normal_inputs(5_000, seed=1)
    found = fit_score_effects(codes_of(before), N_BINS, targets=planted_model(before))
    rows = counts(codes_of(before), N_BINS)
    parts = found.decompose(rows, rows, mean_change=[0.05, 0.08])

    assert parts.unexplained.tolist() == [0.05, 0.08]


def test_weights_say_what_the_model_uses():
    before = normal_inputs(10_000, seed=1)
    weights = fit_score_effects(codes_of(before), N_BINS, targets=planted_model(before)).input_weights

    np.testing.assert_allclose(weights.sum(axis=0), 1.0)
    assert weights[0, SCORE] / weights[1, SCORE] == pytest.approx(1 / 0.7, rel=0.1)
    assert (weights[2:, SCORE] < 0.02).all()
    assert (weights[2:, DECISION] < 0.03).all()


def test_twins_share_their_effect():
    before = normal_inputs(5_000, seed=1)
    codes = codes_of(before)[:, [0, 0, 1]]
    found = fit_score_effects(codes, (16,) * 3, targets=planted_model(before))

    np.testing.assert_allclose(found.coefficients[:16], found.coefficients[16:32], atol=1e-9)


def test_forty_thousand_rows_of_28_inputs_take_less_than_a_second():
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 16, (40_000, 28))
    targets = targets_of(special.expit(generator.normal(0, 0.5, 16)[codes].sum(axis=1) / 3))

    started = time.thread_time()
    found = fit_score_effects(codes, (16,) * 28, targets=targets)

    # A quarter of a second alone; a busy machine gets four times that.
    assert time.thread_time() - started < 1.0
    assert found.coefficients.shape == (448, 2)


# --- what is refused --------------------------------------------------------------


def refused_fit(codes=TOY_CODES, n_bins=(2, 2), targets=TOY_TARGETS, penalty_rows=2.0):
    return lambda: fit_score_effects(codes, n_bins, targets=targets, penalty_rows=penalty_rows)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            refused_fit(n_bins=()),
            ParameterError,
            r"^Inputs have \(\) bins. Give one input or more, each with 1",
        ),
        (refused_fit(n_bins=(2, 0)), ParameterError, r"^Inputs have \(2, 0\) bins. Give one input or more"),
        (
            refused_fit(penalty_rows=0),
            ParameterError,
            r"^penalty_rows is 0. Give a finite number of rows above 0",
        ),
        (refused_fit(penalty_rows=np.nan), ParameterError, r"^penalty_rows is nan."),
        (
            refused_fit(n_bins=(2, 2, 2)),
            DataError,
            r"^Codes have shape \(4, 2\) and type int64. .* 3 inputs.$",
        ),
        (refused_fit(TOY_CODES + 0.5), DataError, r"^Codes have shape \(4, 2\) and type float64. Give whole"),
        (
            refused_fit(TOY_CODES + np.array([0, 1])),
            DataError,
            r"^Input 1 has 2 codes without a bin, the first is 2. Give 0 to 1; missing and other",
        ),
        (
            refused_fit(TOY_CODES - np.array([1, 0])),
            DataError,
            r"^Input 0 has 2 codes without a bin, the first is -1.",
        ),
        (refused_fit(TOY_CODES[:1]), DataError, r"^There are 1 reference rows. Give 2 or more"),
        (
            refused_fit(targets=TOY_TARGETS[:, :1]),
            DataError,
            r"^Targets have shape \(4, 1\). Give \(4, 2\): score",
        ),
        (
            refused_fit(targets=np.where(TOY_TARGETS == 0.2, np.nan, TOY_TARGETS)),
            DataError,
            r"^1 of 4 rows have no finite score or decision. Leave those rows out.$",
        ),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("reference", "current", "message"),
    [
        (
            [1, 1, 1],
            [1, 1, 1, 1],
            r"^Counts of the reference window have shape \(3,\). Give 4 bins on the last axis",
        ),
        ([1, 1, 1, 1], [[[1, 1, 1, 1]]], r"^Counts of the current window have shape \(1, 1, 4\)."),
        ([1, 1, 1, 1], [2, -1, 1, 0], r"^A count of the current window is negative or not finite."),
        ([1, 1, np.nan, 1], [1, 1, 1, 1], r"^A count of the reference window is negative or not finite."),
        ([1, 1, 1, 1], [0, 0, 0, 0], r"^The current window has no rows. Leave windows without rows out.$"),
        (
            [1, 1, 1, 2],
            [1, 1, 1, 1],
            r"^Inputs of the reference window count 2 to 3 rows. Every row falls in one",
        ),
        (
            [[1] * 4] * 2,
            [[1] * 4] * 3,
            r"^2 reference windows cannot be compared with 3 current ones. Give one",
        ),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(reference, current, message):
    with pytest.raises(DataError, match=message):
        toy().effects(reference, current)


@pytest.mark.parametrize("change", [0.1, [0.1, 0.2, 0.3], [[0.1, 0.2]], [0.1, np.nan]])
def test_a_change_of_another_shape_is_refused(change):
    with pytest.raises(
        DataError, match=r"^mean_change has shape .* or is not finite. Give finite numbers of shape \(2,\)"
    ):
        toy().decompose([2, 2, 2, 2], [1, 3, 2, 2], mean_change=change)


def test_stored_effects_with_other_fields_or_shapes_are_refused():
    stored = toy().to_json()

    with pytest.raises(
        ParameterError, match=r"^Score effects were stored with the fields \['n_bins'\]. Needed are"
    ):
        ScoreEffects.from_json({"n_bins": [2, 2]})
    with pytest.raises(
        ParameterError, match=r"^coefficients of score effects has shape \(4, 2\), and bins \(2, 3\)"
    ):
        ScoreEffects.from_json({**stored, "n_bins": [2, 3]})
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy().n_rows = 5
