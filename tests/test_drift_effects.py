"""What an input's shift does to the model: by hand, against the other months, against last year, and among many."""

import dataclasses
import math

import numpy as np
import pytest

from afterlaunch.drift_counts import beside_each_other
from afterlaunch.drift_effects import ModelUse, finite_or_none, judged_effects, model_use
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.month_to_month import Against, usual_change
from toy_profiles import HIGH, LOW, load_month, load_months, toy_profile, windows

QUIET = [500, 510, 490, 505, 495, 500, 510, 490, 505, 495, 500, 500]
NO_FLOOR = Limits(watch=1e-6, act=1.0)
OUT_OF_REACH = Limits(watch=100.0, act=200.0)


def effects_of(months, policy=None, *, last_year=None, version="v1"):
    """Return the judged effects by input, and what the model makes of its inputs."""
    policy = policy or DriftPolicy()
    beside = beside_each_other(months, n_reference=policy.reference_months)
    scored = [place for place in beside.reference if version in months[place].scores]
    use = model_use(beside, version=version, scored=scored)
    found = judged_effects(beside, use, last_year=last_year, policy=policy)
    return {one.name: effect for one, effect in zip(beside.inputs, found, strict=True)}, use


# --- what the model makes of its inputs ---------------------------------------------------------------------------


def test_the_base_is_the_mean_score_and_the_share_of_alerts_of_the_reference():
    _, use = effects_of(load_months([400, 600, 900]))
    assert use.base == pytest.approx([(LOW + HIGH) / 2, 0.5])
    assert use.version == "v1"


def test_effects_of_bins_are_what_the_scores_say():
    _, use = effects_of(load_months([*QUIET, 500]))
    assert use.effects.coefficients[:2, 0] == pytest.approx([-0.2, 0.2], abs=1e-3)
    assert use.effects.coefficients[:2, 1] == pytest.approx([-0.5, 0.5], abs=1e-3)
    assert use.effects.input_weights[0].tolist() == [1, 1]


def test_the_current_month_teaches_nothing_while_there_are_others():
    same = [effects_of([*load_months([*QUIET, 500])[:-1], month])[1] for month in spoilt_months()]
    assert same[0].base.tolist() == same[1].base.tolist()
    assert same[0].effects.coefficients.tolist() == same[1].effects.coefficients.tolist()


def spoilt_months():
    """Return the last month as it is, and one whose scores are the other way round."""
    month = load_month(windows(1)[0], 500)
    sample = dataclasses.replace(month.sample, score=month.sample.score[::-1])
    return month, dataclasses.replace(month, sample=sample)


def test_a_version_without_reference_months_is_learned_from_the_current_month():
    months = [*load_months([*QUIET, 500])[:-1], load_month(windows(1)[0], 600, version="v2")]
    effects, use = effects_of(months, version="v2")
    assert use.version == "v2"
    assert use.base == pytest.approx([0.2 + 0.4 * 0.6, 0.6])
    # Half of the rows became six of ten; a share of the alerts now.
    assert effects["load"].told.alerts_per_1000 == pytest.approx(100, rel=0.01)
    assert effects["load"].told.relative == pytest.approx(100 / 600, rel=0.01)


def test_only_rows_of_the_version_teach_in_a_month_of_two_versions():
    # v1 looks at load, v2 gives everybody the same score.
    load = np.tile([0.0, 1.0], 500)
    is_new = np.arange(1000) >= 500
    score = np.where(is_new, 0.3, np.where(load == 1, HIGH, LOW))
    mixed = [
        toy_profile(
            window, score=score, numbers={"load": load}, version=np.where(is_new, "v2", "v1").astype(str)
        )
        for window in windows(3)
    ]
    _, old = effects_of(mixed, version="v1")
    assert old.base == pytest.approx([0.4, 0.5])
    assert old.effects.n_rows == 1000
    assert old.effects.coefficients[1, 0] == pytest.approx(0.2, abs=1e-3)


def quiet(version="v1", **given):
    return [load_month(window, 500, version=version, **given) for window in windows(2)]


def without_inputs():
    return [toy_profile(window, score=[LOW, HIGH] * 50) for window in windows(2)]


def without_alerts():
    return [load_month(window, 0) for window in windows(2)]


@pytest.mark.parametrize(
    ("months", "scored", "reason"),
    [
        (without_inputs(), (0,), "the log has no inputs"),
        (quiet(n=1000)[:1] * 2, (), None),
        (without_alerts(), (0,), "v1 raised no alert in the reference months"),
        (without_alerts(), (), "v1 raised no alert in this month"),
        ([*quiet()[:1], toy_profile(windows(1)[0], score=[HIGH] * 7, numbers={"load": [1] * 7})], (), "few"),
    ],
)
def test_why_it_is_not_known_what_the_model_makes_of_its_inputs(months, scored, reason):
    use = model_use(beside_each_other(months, n_reference=12), version="v1", scored=scored)
    if reason is None:
        assert isinstance(use, ModelUse)
    elif reason == "few":
        # Bins of load: 0, 1 and missing; two rows each.
        months = [months[0], toy_profile(windows(1)[0], score=[HIGH] * 5, numbers={"load": [1] * 5})]
        beside = beside_each_other(months, n_reference=12)
        found = model_use(beside, version="v1", scored=())
        assert found == "v1 scored only 5 of the sampled rows, and 6 are needed"
        assert isinstance(use, ModelUse)
    else:
        assert use == reason


def test_few_rows_for_many_bins_teach_nothing():
    # 64 rows for some 500 bins take nine tenths of every effect away.
    random = np.random.default_rng(3)
    months = [
        toy_profile(
            window,
            score=random.choice([LOW, HIGH], 64),
            numbers={f"x{i}": random.integers(0, 16, 64) for i in range(30)},
        )
        for window in windows(2)
    ]
    found = model_use(beside_each_other(months, n_reference=12), version="v1", scored=(0,))
    assert isinstance(found, str)
    assert found.startswith("v1 scored only 64 of the sampled rows, and ")


def test_without_knowing_the_model_effects_are_not_known():
    beside = beside_each_other(load_months([500, 900]), n_reference=12)
    (effect,) = judged_effects(beside, "nobody knows", last_year=None, policy=DriftPolicy())
    assert math.isnan(effect.judged)
    assert math.isnan(effect.told.weight)
    assert not effect.is_beyond
    assert not effect.is_false_discovery


# --- by hand ------------------------------------------------------------------------------------------------------


def test_an_effect_by_hand():
    # Half of the rows were 1, now 60 %: 100 more alerts per 1,000, a fifth of the usual 500; 0.4 x 0.1 score points.
    effects, _ = effects_of(load_months([*QUIET, 600]))
    told = effects["load"].told
    assert told.alerts_per_1000 == pytest.approx(100, rel=1e-3)
    assert told.score == pytest.approx(0.04, rel=1e-3)
    assert told.relative == pytest.approx(0.2, rel=1e-3)
    assert told.weight == 1
    # As a share of the mean score of 0.4 it is half of that, so alerts decide.
    assert effects["load"].target == "alerts"
    assert effects["load"].judged == told.relative


def test_score_decides_where_alerts_are_within_their_limit():
    policy = DriftPolicy(alerts=OUT_OF_REACH)
    effects, _ = effects_of(load_months([*QUIET, 650]), policy)
    assert effects["load"].target == "score"
    assert effects["load"].told.relative == pytest.approx(0.4 * 0.15 / 0.4, rel=1e-3)
    assert effects["load"].limits == policy.score


def test_an_effect_downwards_counts_as_well():
    effects, _ = effects_of(load_months([*QUIET, 400]))
    assert effects["load"].judged == pytest.approx(-0.2, rel=1e-3)
    assert effects["load"].is_beyond


def test_an_input_that_the_model_ignores_has_no_effect_however_it_moves():
    months = load_months([*QUIET, 500], kind={"a": 500, "b": 500})
    months = [*months[:-1], load_month(windows(1)[0], 500, kind={"a": 100, "b": 900})]
    effects, _ = effects_of(months)
    assert abs(effects["kind"].told.relative) < 0.01
    assert effects["kind"].told.weight < 0.01
    assert not effects["kind"].is_beyond


def test_counts_twice_as_large_have_the_same_effects():
    months = load_months([*QUIET, 620])
    doubled = [doubled_counts(month) for month in months]
    (one, _), (twice, _) = effects_of(months), effects_of(doubled)
    assert twice["load"].told == one["load"].told
    assert twice["load"].usual_limit == one["load"].usual_limit


def doubled_counts(month):
    def twice(counts, *names):
        changed = {name: 2 * getattr(counts, name) for name in names}
        return dataclasses.replace(counts, **changed)

    return dataclasses.replace(
        month,
        n=2 * month.n,
        numbers={name: twice(one, "n", "n_missing") for name, one in month.numbers.items()},
        texts={name: twice(one, "n", "n_other", "n_missing") for name, one in month.texts.items()},
        scores={name: twice(one, "n", "n_alerts", "sum_score") for name, one in month.scores.items()},
    )


def test_rows_that_stand_there_twice_change_effects_hardly():
    (one, _), (twice, _) = (effects_of(load_months([*QUIET, 620], scale=scale)) for scale in (1, 2))
    assert twice["load"].told.relative == pytest.approx(one["load"].told.relative, rel=1e-3)
    assert twice["load"].usual_limit == pytest.approx(one["load"].usual_limit, rel=1e-3)


def test_order_of_inputs_changes_nothing():
    def months(names):
        return [
            toy_profile(
                window,
                score=(rows := rows_of(window, n_high))["load"] * 0.4 + 0.2,
                numbers={name: rows[name] for name in names},
            )
            for window, n_high in zip(windows(13), [*QUIET, 600], strict=True)
        ]

    one, other = effects_of(months(["load", "noise"]))[0], effects_of(months(["noise", "load"]))[0]
    for name, effect in one.items():
        assert other[name].told.relative == pytest.approx(effect.told.relative, abs=1e-9)
        assert other[name].usual_limit == pytest.approx(effect.usual_limit, abs=1e-9)


def rows_of(window, n_high):
    random = np.random.default_rng(window.start.toordinal())
    return {"load": np.repeat([0.0, 1.0], [1000 - n_high, n_high]), "noise": random.integers(0, 5, 1000)}


# --- against the other months -------------------------------------------------------------------------------------


def test_the_usual_is_each_month_against_the_others_without_itself():
    n_high = [400, 600, 450, 550, 480, 520]
    effects, use = effects_of(load_months([*n_high, 500]))
    shares = np.array(n_high) / 1000
    slope = float(np.subtract(*use.effects.coefficients[1::-1, 1])) / 0.5
    months = [slope * (shares[m] - np.delete(shares, m).mean()) for m in range(6)]
    slow = usual_change(np.array(months)[:, None], [0.0])
    assert effects["load"].told.usual is not None
    of_alerts = effects_of(load_months([*n_high, 500]), DriftPolicy(score=OUT_OF_REACH, alerts=NO_FLOOR))[0]
    by_hand = max(-slow.lower[0], slow.upper[0])
    # Here the current month's own effect is 0, so both targets tie; the limit of alerts is twice that of scores.
    limit = {"alerts": by_hand, "score": by_hand / 2}[of_alerts["load"].target]
    assert of_alerts["load"].usual_limit == pytest.approx(limit, rel=1e-3)


def test_a_month_like_others_before_it_is_usual():
    effects, _ = effects_of(load_months([*[400, 600] * 6, 650]))
    assert abs(effects["load"].judged) > DriftPolicy().alerts.act
    assert not effects["load"].is_beyond


def test_what_is_beyond_is_told_at_and_just_beside_the_usual_limit():
    effect = effects_of(load_months([*QUIET, 600]))[0]["load"]
    limits = NO_FLOOR
    at, above = (
        dataclasses.replace(effect, limits=limits, judged=judged)
        for judged in (effect.usual_limit, math.nextafter(effect.usual_limit, 1))
    )
    assert not at.is_beyond
    assert above.is_beyond
    assert not dataclasses.replace(above, is_false_discovery=True).is_beyond


def test_one_reference_month_says_nothing_of_what_is_usual_and_doubles_the_limits():
    effect = effects_of(load_months([500, 600]))[0]["load"]
    size = abs(effect.judged)
    assert effect.told.usual is None
    assert effect.told.p_adjusted is None
    assert effect.told.against is Against.FLOOR_ONLY
    at, below = (Limits(watch=size / 9, act=act) for act in (size, math.nextafter(size, 0)))
    assert not dataclasses.replace(effect, limits=at).is_beyond
    assert dataclasses.replace(effect, limits=below).is_beyond


# --- against last year --------------------------------------------------------------------------------------------


def test_a_season_that_was_there_last_year_decides():
    months = load_months([700, *QUIET[1:], 700])
    effect = effects_of(months, DriftPolicy(reference_months=11), last_year=0)[0]["load"]
    assert effect.told.against is Against.LAST_YEAR
    assert effect.told.last_year == 0
    assert effect.told.relative == pytest.approx(0.4, rel=1e-2)
    assert effect.judged == 0
    assert not effect.is_beyond


def test_last_year_does_not_excuse_what_was_not_there():
    months = load_months([300, *QUIET[1:], 700])
    effect = effects_of(months, DriftPolicy(reference_months=11), last_year=0)[0]["load"]
    assert effect.told.against is Against.OTHER_MONTHS
    assert effect.judged == effect.told.relative
    assert effect.told.last_year == pytest.approx(0.8, rel=1e-2)
    assert effect.is_beyond


# --- among many ---------------------------------------------------------------------------------------------------

SHARES = (460, 540, 470, 530, 480, 520, 490, 510, 495, 505, 500, 500)


def many_inputs(n_inputs, n_current):
    """Return months of flags that all count the same and whose shares wander alike; the first one moves now."""
    months = []
    for place, window in enumerate(windows(13)):
        random = np.random.default_rng(place)
        flags = {}
        for i in range(n_inputs):
            n_high = SHARES[(place + 5 * i) % 12] if place < 12 else n_current if i == 0 else 500
            flags[f"x{i}"] = random.permutation(np.repeat([1.0, 0.0], [n_high, 1000 - n_high]))
        score = 0.2 + 0.3 * np.mean(list(flags.values()), axis=0)
        months.append(toy_profile(window, score=score, numbers=flags, alert=score >= 0.35))
    return months


def test_among_thirty_inputs_one_beyond_its_own_limit_is_not_significant():
    policy = DriftPolicy(score=NO_FLOOR, alerts=OUT_OF_REACH)
    moved = effects_of(many_inputs(30, 565), policy)[0]["x0"]
    assert abs(moved.judged) > moved.usual_limit
    assert moved.told.p_adjusted > policy.max_false_discovery
    assert moved.is_false_discovery
    assert not moved.is_beyond
    alone = effects_of(many_inputs(1, 565), policy)[0]["x0"]
    assert alone.told.p_adjusted <= policy.max_false_discovery
    assert alone.is_beyond


def test_among_thirty_inputs_a_large_effect_is_found_and_no_other_one():
    effects, _ = effects_of(many_inputs(30, 700), DriftPolicy(score=NO_FLOOR, alerts=OUT_OF_REACH))
    assert [name for name, effect in effects.items() if effect.is_beyond] == ["x0"]


@pytest.mark.parametrize(
    ("value", "expected"), [(1.5, 1.5), (math.nan, None), (math.inf, None), (-math.inf, None)]
)
def test_only_finite_numbers_are_told(value, expected):
    assert finite_or_none(value) == expected
