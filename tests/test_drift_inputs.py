"""Each input's state, by the smallest case that has it; limits at, just below and just above."""

import dataclasses
import math

import numpy as np
import pytest

from afterlaunch.divergence import adjusted_psi
from afterlaunch.drift_counts import beside_each_other
from afterlaunch.drift_effects import model_use
from afterlaunch.drift_inputs import input_rows
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.drift_report import InputState
from afterlaunch.findings import Severity
from afterlaunch.month_to_month import Against, QuantityKind, usual_change
from afterlaunch.ranges import Range
from afterlaunch.since_when import OnsetKind
from toy_profiles import HIGH, LOW, load_month, load_months, text_counts, toy_profile, windows

QUIET = [500, 510, 490, 505, 495, 500, 510, 490, 505, 495, 500, 500]
KIND = {"a": 500, "b": 300, "c": 200}
OUT_OF_REACH = Limits(watch=100.0, act=200.0)


def judged(months, policy=None, *, last_year=None, use=None, allowed=None):
    """Return the rows by input, in their order."""
    policy = policy or DriftPolicy()
    beside = beside_each_other(months, n_reference=policy.reference_months)
    use = use or model_use(beside, version="v1", scored=beside.reference)
    rows = input_rows(beside, use, last_year=last_year, policy=policy, allowed=allowed or {})
    return {row.name: row for row in rows}


def then(month, *, before=QUIET, **given):
    """Return quiet months, and a last one."""
    return [*load_months([*before, 500], **given)[:-1], month]


def kind_month(kind):
    return load_month(windows(1)[0], 500, kind=kind)


def loads(values):
    """Return a last month with these values of ``load``; it scores as if all but 1 were 0."""
    load = np.asarray(values, np.float64)
    return toy_profile(windows(1)[0], score=np.where(load == 1, HIGH, LOW), numbers={"load": load})


def with_odd(n_odd, odd=99.0):
    """Return a last month in which so many of the 1,000 values are odd."""
    return loads(np.repeat([0.0, 1.0, odd], [500, 500 - n_odd, n_odd]))


# --- states -------------------------------------------------------------------------------------------------------


def test_an_input_that_did_not_move_is_still_and_has_neither_onset_nor_bins():
    row = judged(load_months([*QUIET, 500], kind=KIND))["load"]
    assert row.state is InputState.STILL
    assert row.severity is Severity.OK
    assert (row.onset, row.bins, row.changes) == (None, (), ())


def test_an_input_that_moves_as_much_in_other_months_is_usual():
    row = judged(load_months([*[400, 600] * 6, 650]))["load"]
    assert row.state is InputState.USUAL
    assert row.severity is Severity.OK
    assert row.distances.psi >= DriftPolicy().moved_psi
    assert row.finding.measurement.value == pytest.approx(0.3, rel=1e-2)


def test_an_input_that_was_like_this_last_year_is_the_seasons():
    months = load_months([700, *QUIET[1:], 700])
    row = judged(months, DriftPolicy(reference_months=11), last_year=0)["load"]
    assert row.state is InputState.LAST_YEAR
    assert row.severity is Severity.OK
    assert row.effect.against is Against.LAST_YEAR
    assert row.finding.measurement.value == 0
    assert judged(months, DriftPolicy(reference_months=11))["load"].state is InputState.MATTERS


def test_an_unused_input_that_looks_as_it_did_last_year_is_the_seasons():
    december = {"a": 300, "b": 450, "c": 250}
    year_ago = load_month(windows(13)[0], 500, kind=december)
    months = [year_ago, *load_months([*QUIET, 500], kind=KIND)[1:-1], kind_month(december)]
    row = judged(months, DriftPolicy(reference_months=11), last_year=0)["kind"]
    assert row.state is InputState.LAST_YEAR


def test_an_unused_input_that_moved_is_harmless():
    row = judged(then(kind_month({"a": 350, "b": 400, "c": 250}), kind=KIND))["kind"]
    assert row.state is InputState.HARMLESS
    assert row.severity is Severity.OK
    assert [change.kind for change in row.changes] == ["mix"]


def test_a_used_input_that_moved_beyond_the_usual_matters():
    row = judged(load_months([*QUIET, 600]))["load"]
    assert row.state is InputState.MATTERS
    assert row.severity is Severity.WATCH
    assert row.finding.code == "drift.input.load"
    assert row.finding.measurement.measure == "effect_on_alerts"
    assert row.finding.measurement.value == pytest.approx(0.2, rel=1e-3)
    assert judged(load_months([*QUIET, 700]))["load"].severity is Severity.ACT


def test_a_used_input_with_values_that_the_model_has_not_met_is_broken():
    row = judged(then(with_odd(50)))["load"]
    assert row.state is InputState.BROKEN
    assert row.severity is Severity.WATCH
    assert [change.kind for change in row.changes] == ["out_of_range"]
    assert row.finding.measurement.measure == "unmet_share"
    assert row.finding.measurement.value == pytest.approx(0.05)
    assert abs(row.effect.relative) < 0.01


def test_an_unused_input_with_values_that_the_model_has_not_met_is_harmless():
    row = judged(then(kind_month({"new": 300, "a": 400, "b": 200, "c": 100}), kind=KIND))["kind"]
    assert "new_category" in [change.kind for change in row.changes]
    assert row.state is InputState.HARMLESS


# --- limits -------------------------------------------------------------------------------------------------------


def test_the_floor_of_an_effect_is_inclusive():
    months = load_months([*QUIET, 600])
    size = judged(months)["load"].finding.measurement.value
    for watch, severity in (
        (math.nextafter(size, 1), Severity.OK),
        (size, Severity.OK),
        (math.nextafter(size, 0), Severity.WATCH),
    ):
        row = judged(months, DriftPolicy(alerts=Limits(watch=watch, act=1.0), score=OUT_OF_REACH))["load"]
        assert row.severity is severity
        assert (row.state is InputState.MATTERS) == (severity is Severity.WATCH)
    at = DriftPolicy(alerts=Limits(watch=0.01, act=size), score=OUT_OF_REACH)
    below = DriftPolicy(alerts=Limits(watch=0.01, act=math.nextafter(size, 0)), score=OUT_OF_REACH)
    assert judged(months, at)["load"].severity is Severity.WATCH
    assert judged(months, below)["load"].severity is Severity.ACT


def test_with_one_reference_month_limits_are_doubled():
    months = load_months([500, 600])
    size = judged(months)["load"].finding.measurement.value

    def severity(act):
        policy = DriftPolicy(alerts=Limits(watch=1e-3, act=act), score=OUT_OF_REACH)
        return judged(months, policy)["load"].severity

    assert severity(size) is Severity.OK
    assert severity(math.nextafter(size, 0)) is Severity.WATCH
    assert severity(size / 2) is Severity.WATCH
    assert severity(math.nextafter(size / 2, 0)) is Severity.ACT


def test_the_share_of_unmet_values_is_held_to_inclusive_limits():
    months = then(with_odd(50))
    share = judged(months)["load"].finding.measurement.value
    for watch, act, severity in (
        (share, 1.0, Severity.OK),
        (math.nextafter(share, 0), 1.0, Severity.WATCH),
        (0.01, share, Severity.WATCH),
        (0.01, math.nextafter(share, 0), Severity.ACT),
    ):
        row = judged(months, DriftPolicy(broken_rows=Limits(watch=watch, act=act)))["load"]
        assert row.severity is severity


def test_an_input_is_used_from_the_policys_weight_on():
    months = then(with_odd(50))
    weight = judged(months)["load"].effect.weight
    assert judged(months, DriftPolicy(used_weight=weight))["load"].state is InputState.BROKEN
    above = DriftPolicy(used_weight=math.nextafter(weight, 2))
    assert judged(months, above)["load"].state is InputState.HARMLESS


def test_an_input_moved_from_the_policys_psi_on():
    months = then(kind_month({"a": 350, "b": 400, "c": 250}), kind=KIND)
    psi = judged(months)["kind"].distances.psi
    assert judged(months, DriftPolicy(moved_psi=psi))["kind"].state is InputState.HARMLESS
    assert judged(months, DriftPolicy(moved_psi=math.nextafter(psi, 1)))["kind"].state is InputState.STILL


def test_a_month_of_too_few_rows_is_not_judged():
    months = load_months([*QUIET, 700])
    assert judged(months, DriftPolicy(min_n=1000))["load"].severity is Severity.ACT
    assert judged(months, DriftPolicy(min_n=1001))["load"].severity is Severity.UNKNOWN


# --- values that the model has not met ----------------------------------------------------------------------------


def text_months(current):
    """Return months of a model that looks at ``kind`` alone, where two of four are alerts, and a last one."""
    kinds = [f"k{i}" for i in range(4) for _ in range(250)]

    def month(window, texts):
        score = [HIGH if text in {"k1", "k3"} else LOW for text in texts]
        return toy_profile(window, score=score, texts={"kind": texts})

    *before, last = windows(8)
    return [*(month(window, kinds) for window in before), month(last, current)]


def texts_of(n_by_text):
    return [text for text, n in n_by_text.items() for _ in range(n)]


def test_new_categories_add_up():
    # 15 new ones of 1.5 % each: none is a fiftieth of the rows, all together more than a fifth.
    new = {f"new{i}": 15 for i in range(15)}
    current = texts_of({"k0": 194, "k1": 194, "k2": 194, "k3": 193} | new)
    row = judged(text_months(current))["kind"]
    assert [change.kind for change in row.changes] == ["new_category"] * 15
    assert row.finding.measurement.value == pytest.approx(0.225)
    assert (row.state, row.severity) == (InputState.BROKEN, Severity.ACT)


def test_a_category_that_arrives_under_another_name_is_broken():
    current = texts_of({"K0": 250, "k1": 250, "k2": 250, "k3": 250})
    row = judged(text_months(current))["kind"]
    assert [change.kind for change in row.changes] == ["relabelled"]
    assert (row.state, row.severity) == (InputState.BROKEN, Severity.ACT)
    assert row.finding.measurement.value == pytest.approx(0.25)
    assert row.onset.since == "2024-01"


def test_one_value_only_is_broken():
    row = judged(then(loads([1.0] * 1000)))["load"]
    assert row.changes[0].kind == "constant"
    assert row.finding.measurement.measure == "unmet_share"
    assert (row.state, row.severity) == (InputState.BROKEN, Severity.ACT)


def test_an_input_without_any_value_is_broken():
    row = judged(then(loads([math.nan] * 1000)))["load"]
    assert [change.kind for change in row.changes] == ["all_missing"]
    assert (row.state, row.finding.measurement.value) == (InputState.BROKEN, 1.0)
    assert (row.missing_share, row.missing_share_reference) == (1.0, 0.0)
    assert (row.onset.kind, row.onset.since) == (OnsetKind.LAST_MONTH, "2024-01")
    assert row.distances.ks is None
    assert row.distances.jensen_shannon == pytest.approx(1.0)


def test_values_missing_that_never_were_are_what_the_model_has_not_met():
    # No reference row shows what the model makes of them, so their effect is 0 as far as it can be told.
    row = judged(then(with_odd(300, odd=math.nan)))["load"]
    assert row.changes[0].kind == "missing_jump"
    assert (row.state, row.severity) == (InputState.BROKEN, Severity.ACT)
    assert row.finding.measurement.value == pytest.approx(0.3)


def test_values_missing_as_the_model_knows_them_are_judged_by_their_effect():
    def month(window, n_missing):
        load = np.repeat([math.nan, 0.0, 1.0], [n_missing, 450 - n_missing // 2, 550 - n_missing // 2])
        return toy_profile(window, score=np.where(load == 1, HIGH, LOW), numbers={"load": load})

    *before, last = windows(13)
    months = [month(window, 100 + 2 * (place % 5)) for place, window in enumerate(before)]
    row = judged([*months, month(last, 200)])["load"]
    assert row.changes[0].kind == "missing_jump"
    assert row.finding.measurement.measure == "effect_on_alerts"


def test_what_is_not_allowed_is_out_of_range():
    months = then(with_odd(20, odd=2.0))
    assert judged(months, allowed={"load": Range(lower=0, upper=2)})["load"].changes == ()
    row = judged(months, allowed={"load": Range(lower=0, upper=1)})["load"]
    assert [change.kind for change in row.changes] == ["out_of_range"]
    assert row.changes[0].share == pytest.approx(0.02)


# --- without knowing the model ------------------------------------------------------------------------------------


def test_without_knowing_the_model_no_effect_is_judged():
    rows = judged(load_months([*QUIET, 900], kind=KIND), use="nobody knows")
    assert {row.severity for row in rows.values()} == {Severity.UNKNOWN}
    assert rows["load"].finding.measurement.reason == "what the model makes of this input is not known"
    assert [bin_.effect_score for bin_ in rows["load"].bins] == pytest.approx([math.nan] * 2, nan_ok=True)


def test_without_knowing_the_model_broken_values_are_found_and_the_rest_stands_by_distance():
    months = [*load_months([*QUIET, 500], kind=KIND)[:-1]]
    last = load_month(windows(1)[0], 500, kind={"new": 300, "a": 400, "b": 200, "c": 100})
    rows = judged([*months, last], use="nobody knows")
    assert rows["kind"].state is InputState.BROKEN
    moved = load_months([*QUIET, 900], kind=KIND)
    for names in (("load", "kind"), ("kind", "load")):
        turned = [dataclasses.replace(month, sample=turned_sample(month, names)) for month in moved]
        assert list(judged(turned, use="nobody knows")) == ["load", "kind"]


def turned_sample(month, names):
    return dataclasses.replace(month.sample, inputs={name: month.sample.inputs[name] for name in names})


# --- distances ----------------------------------------------------------------------------------------------------


def test_distances_by_hand():
    # 500 of 1,000 are 1 in the reference, 600 now: the mean moves by 0.1, a fifth of the standard deviation of 0.5.
    row = judged(load_months([500, 500, 600]))["load"]
    distances = row.distances
    assert distances.ks == pytest.approx(0.1)
    assert distances.mean_shift_sd == pytest.approx(0.2)
    assert distances.wasserstein_sd == pytest.approx(0.2)
    bias = 1 / 2000 + 1 / 1000
    assert distances.psi == pytest.approx(0.1 * math.log(0.6 / 0.4) - bias)
    assert distances.psi_usual is None


def test_the_usual_psi_is_each_month_against_the_others_without_itself():
    n_high = [400, 600, 450, 550, 480, 520]
    row = judged(load_months([*n_high, 500]))["load"]
    months = []
    for place, n in enumerate(n_high):
        others = np.delete(n_high, place)
        months.append([adjusted_psi([5000 - others.sum(), others.sum()], [1000 - n, n])])
    slow = usual_change(months, [row.distances.psi], kind=QuantityKind.SQUARED_DISTANCE)
    assert row.distances.psi_usual == pytest.approx(slow.upper[0])


def test_texts_have_no_distances_that_need_an_order():
    distances = judged(load_months([*QUIET, 500], kind=KIND))["kind"].distances
    assert (distances.ks, distances.wasserstein_sd, distances.mean_shift_sd) == (None, None, None)


@pytest.mark.parametrize("values", [[math.nan] * 1000, [7.0] * 1000])
def test_inputs_that_are_empty_or_constant_in_all_months_are_still(values):
    months = [load_month(window, 500, more={"odd": values}) for window in windows(5)]
    row = judged(months)["odd"]
    assert (row.state, row.severity) == (InputState.STILL, Severity.OK)
    assert row.effect.relative == pytest.approx(0, abs=1e-9)


def test_a_constant_that_takes_other_values_has_no_shift_in_standard_deviations():
    months = [load_month(window, 500, more={"odd": [7.0] * 1000}) for window in windows(13)]
    months[-1] = load_month(windows(1)[0], 500, more={"odd": [7.0] * 900 + [8.0] * 100})
    row = judged(months)["odd"]
    assert row.distances.mean_shift_sd is None
    assert row.distances.psi > 0.05
    assert row.state is InputState.HARMLESS


# --- what is shown of it ------------------------------------------------------------------------------------------


def test_bins_of_a_moved_input_hold_its_shares_and_effects():
    bins = judged(load_months([*QUIET, 600]))["load"].bins
    assert [bin_.reference_share for bin_ in bins] == pytest.approx([0.5, 0.5])
    assert [bin_.current_share for bin_ in bins] == pytest.approx([0.4, 0.6])
    assert [bin_.effect_score for bin_ in bins] == pytest.approx([-0.2, 0.2], abs=1e-3)


def test_since_when_an_input_is_different():
    onset = judged(load_months([*QUIET[:9], 640, 650, 645, 655]))["load"].onset
    assert (onset.kind, onset.since) == (OnsetKind.STEP, "2023-10")
    assert (onset.before, onset.after) == pytest.approx((0.5, 0.6475), abs=0.01)


def test_months_without_any_value_have_no_level():
    months = load_months([*QUIET, 900])
    # A small one: of many rows the reference would miss so many that a month with all of them is a change.
    lost = toy_profile(months[3].window, score=[LOW] * 300, numbers={"load": [math.nan] * 300})
    row = judged([*months[:3], lost, *months[4:]])["load"]
    assert (row.onset.kind, row.onset.since) == (OnsetKind.LAST_MONTH, "2024-01")
    assert row.onset.before == pytest.approx(0.5, abs=0.01)


def test_what_matters_most_comes_first():
    months = then(load_month(windows(1)[0], 700, kind={"a": 100, "b": 700, "c": 200}), kind=KIND)
    assert list(judged(months)) == ["load", "kind"]
    assert judged(months)["kind"].distances.psi > judged(months)["load"].distances.psi


def test_a_log_without_inputs_has_no_rows():
    months = [toy_profile(window, score=[LOW, HIGH] * 50) for window in windows(3)]
    assert judged(months) == {}


def test_categories_that_profiles_do_not_name_are_not_new():
    # One of the 20 others of the reference may be the one that is named now.
    months = list(load_months([*QUIET, 500], kind=KIND))
    hidden = [
        dataclasses.replace(
            month, texts={"kind": text_counts({"a": 500, "b": 300, "c": 100, None: 0}, n_other=100)}
        )
        for month in months[:-1]
    ]
    last = kind_month({"rare": 20, "a": 500, "b": 300, "c": 180})
    kinds = [change.kind for change in judged([*hidden, last])["kind"].changes]
    assert "new_category" not in kinds
