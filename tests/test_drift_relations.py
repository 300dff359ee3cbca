"""Relations between inputs: told when unusual in all or far beyond habit, a finding when the model uses both."""

import dataclasses
import math

import numpy as np
import pytest

from afterlaunch.drift_counts import beside_each_other
from afterlaunch.drift_effects import model_use
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.drift_relations import changed_relations
from afterlaunch.findings import Severity
from afterlaunch.relations import MIN_ROWS, relation_change
from toy_profiles import toy_profile, windows


def related_month(window, rho, *, seed, n=800, uses_b=True, version="v1", texts=False, names=("a", "b", "c")):
    """Return rows in which ``a`` and ``b`` correlate by rho, ``c`` with neither; scores rise with ``a`` (and ``b``)."""
    random = np.random.default_rng(seed)
    a, c = random.normal(size=n), random.normal(size=n)
    b = rho * a + math.sqrt(1 - rho**2) * random.normal(size=n)
    score = np.round(1 / (1 + np.exp(-(a + (b if uses_b else 0)))), 6)
    inputs = dict(zip(names, (np.round(a * 50), np.round(b * 50), np.round(c * 50)), strict=True))
    kind = {"kind": [("low", "middle", "high")[i] for i in np.digitize(b, [-0.5, 0.5])]} if texts else {}
    if texts:
        del inputs[names[1]]
    return toy_profile(window, score=score, numbers=inputs, texts=kind, version=version)


def related(rho_by_month, **given):
    return [
        related_month(window, rho, seed=place, **given)
        for place, (window, rho) in enumerate(zip(windows(len(rho_by_month)), rho_by_month, strict=True))
    ]


def judged(months, *, policy=None, use=None, scored=None):
    beside = beside_each_other(months, n_reference=12)
    scored = beside.reference if scored is None else scored
    use = use or model_use(beside, version="v1", scored=scored)
    return changed_relations(beside, use, scored=scored, policy=policy or DriftPolicy(), seed=1)


def pairs_of(found):
    return {(pair.first, pair.second) for pair in found.changed}


# --- what is found ------------------------------------------------------------------------------------------------


def test_relations_that_stay_are_no_finding():
    found = judged(related([0.5] * 7))
    assert found.changed == ()
    assert (found.finding.severity, found.finding.measurement.value) == (Severity.OK, 0)
    assert not found.is_harmless
    # Three inputs and the score.
    assert found.n_pairs == 6
    assert (found.n_reference, found.n_current, found.reason) == (4800, 800, "")


def test_a_relation_that_turned_is_found_with_its_size():
    found = judged(related([0.5] * 6 + [-0.3]))
    assert ("a", "b") in pairs_of(found)
    assert not {pair for pair in pairs_of(found) if "c" in pair}
    assert found.finding.severity is Severity.ACT
    assert found.finding.measurement.value == pytest.approx(0.8, abs=0.08)
    assert not found.is_harmless


def test_the_change_is_that_of_normal_scores_in_pooled_months():
    months = related([0.5] * 6 + [-0.3])
    tables = [np.stack([*month.sample.inputs.values(), month.sample.score], axis=1) for month in months]
    slow = relation_change(tables[:-1], tables[-1], names=["a", "b", "c", "score"], seed=1)
    (change,) = [pair.change for pair in slow.pairs if {pair.first, pair.second} == {"a", "b"}]
    assert judged(months).finding.measurement.value == pytest.approx(abs(change))


def test_the_limits_are_inclusive():
    months = related([0.5] * 6 + [0.2])
    size = judged(months).finding.measurement.value
    for watch, act, severity in (
        (size, 1.0, Severity.OK),
        (math.nextafter(size, 0), 1.0, Severity.WATCH),
        (0.1, size, Severity.WATCH),
        (0.1, math.nextafter(size, 0), Severity.ACT),
    ):
        found = judged(months, policy=DriftPolicy(relation=Limits(watch=watch, act=act)))
        assert found.finding.severity is severity


def test_a_relation_between_inputs_that_the_model_does_not_use_is_harmless():
    found = judged(related([0.5] * 6 + [-0.3], uses_b=False))
    assert ("a", "b") in pairs_of(found)
    assert found.is_harmless
    assert found.finding.severity is Severity.OK
    assert found.finding.measurement.value == 0


def test_a_shift_of_one_input_alone_is_no_change_of_relations():
    months = related([0.5] * 7)
    inputs = dict(months[-1].sample.inputs)
    moved = dataclasses.replace(months[-1].sample, inputs=inputs | {"a": inputs["a"] * 3 + 500})
    assert judged([*months[:-1], dataclasses.replace(months[-1], sample=moved)]).changed == ()


# --- gates --------------------------------------------------------------------------------------------------------


def test_a_relation_that_swings_in_other_months_too_is_usual():
    assert judged(related([0.0, 0.5] * 3 + [0.5])).changed == ()
    assert judged(related([0.25] * 6 + [0.6])).changed != ()


def test_one_reference_month_lists_what_changed_and_judges_nothing():
    found = judged(related([0.5, -0.3]))
    assert pairs_of(found) == {("a", "b")}
    assert found.changed[0].usual is None
    assert found.finding.severity is Severity.OK
    # The model does use both: that nothing is usual yet does not make it harmless.
    assert not found.is_harmless


def test_two_reference_months_tell_only_what_is_far_beyond_habit():
    # 0.14 is beyond the floor given here and beyond what was seen before, but not four times that.
    policy = DriftPolicy(relation=Limits(watch=0.05, act=1.0))
    assert judged(related([0.5, 0.5, 0.36]), policy=policy).changed == ()
    far = judged(related([0.5, 0.5, -0.3]))
    assert pairs_of(far) == {("a", "b")}
    assert abs(far.changed[0].change) > 4 * far.changed[0].usual
    assert far.finding.severity is Severity.ACT


@pytest.mark.parametrize(("n_scored", "n_pairs"), [(2, 3), (3, 6)])
def test_the_score_takes_part_from_three_months_of_its_version_on(n_scored, n_pairs):
    months = related([0.5] * 5)
    found = judged(months, scored=tuple(range(4 - n_scored, 4)))
    assert found.n_pairs == n_pairs


def test_only_rows_of_the_version_take_part_where_the_score_does():
    months = [
        related_month(window, 0.5, seed=place, version="v0" if place < 2 else "v1")
        for place, window in enumerate(windows(7))
    ]
    found = judged(months, scored=(2, 3, 4, 5))
    assert (found.n_reference, found.n_current) == (4 * 800, 800)


def test_an_input_called_score_is_told_from_the_score():
    found = judged(related([0.5] * 6 + [-0.3], names=("a", "score", "c")))
    assert ("a", "score") in pairs_of(found)
    assert ("a", "model score") in pairs_of(found)


# --- texts, and not knowing the model -----------------------------------------------------------------------------


def test_texts_take_the_place_that_the_model_gives_them():
    found = judged(related([0.5] * 6 + [-0.3], texts=True))
    assert {frozenset(pair) for pair in pairs_of(found)} >= {frozenset({"a", "kind"})}
    assert found.finding.severity is Severity.ACT


def test_without_knowing_the_model_only_numbers_are_compared():
    months = related([0.5] * 6 + [-0.3], texts=True)
    found = judged(months, use="nobody knows")
    assert found.n_pairs == 1
    assert judged(related([0.5] * 6 + [-0.3]), use="nobody knows").finding.severity is Severity.ACT


# --- why not ------------------------------------------------------------------------------------------------------


def test_fewer_than_two_inputs_cannot_be_compared():
    months = [
        toy_profile(window, score=[0.2, 0.6] * 50, texts={"kind": ["x", "y"] * 50}) for window in windows(3)
    ]
    found = judged(months, use="nobody knows")
    assert found.reason == "there are fewer than two inputs to compare"
    assert found.finding.severity is Severity.UNKNOWN
    assert (found.changed, found.n_pairs, found.p_value) == ((), 0, None)


def test_a_small_month_cannot_be_compared():
    months = [*related([0.5] * 6), related_month(windows(1)[0], 0.5, seed=9, n=MIN_ROWS - 1)]
    months = [dataclasses.replace(month, window=w) for month, w in zip(months, windows(7), strict=True)]
    found = judged(months)
    assert (
        found.reason == f"relations need at least {MIN_ROWS} rows, and the current window has {MIN_ROWS - 1}"
    )
    assert found.finding.severity is Severity.UNKNOWN
    assert found.n_current == MIN_ROWS - 1


@pytest.mark.parametrize("values", [math.nan, 7.0])
def test_inputs_without_values_or_with_one_value_are_left_out(values):
    months = []
    for month in related([0.5] * 7):
        inputs = dict(month.sample.inputs) | {"c": np.full(month.n, values)}
        months.append(dataclasses.replace(month, sample=dataclasses.replace(month.sample, inputs=inputs)))
    assert judged(months).n_pairs == 3


def test_the_same_seed_gives_the_same_answer():
    months = related([0.5] * 6 + [0.2])
    assert judged(months) == judged(months)
