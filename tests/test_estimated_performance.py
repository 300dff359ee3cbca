import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats
from sklearn.isotonic import IsotonicRegression

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.estimated_performance import (
    MIN_EXPECTED,
    MIN_MONTHS,
    CurrentMonth,
    Estimate,
    PastEstimate,
    ReferenceMonth,
    estimate_performance,
)
from afterlaunch.expected_measures import MEASURES, OutcomeCurve, RowsByBin, measured, slopes
from afterlaunch.past_errors import PastErrors
from study_estimated_performance import SCORE, World, realised, simulated

modest = settings(deadline=None, max_examples=60, derandomize=True)
TWO_BINS = np.array([0.2, 0.7])


def month(label="2024-01", *, negative=(900, 300), positive=(100, 200), alerted=(0, 1)):
    """A month on a few bins; ``alerted`` is the share of alerts by bin, None where they were not counted."""
    down, up = np.array(negative), np.array(positive)
    share = None if alerted is None else np.array(alerted)
    return ReferenceMonth(
        label=label,
        n_negative=down,
        n_positive=up,
        n_alert_negative=None if share is None else down * share,
        n_alert_positive=None if share is None else up * share,
    )


def half_year(**options):
    """Six months whose levels differ a little."""
    return [
        month(f"2024-0{i}", negative=(900 - d, 300 + d), positive=(100 + d, 200 - d), **options)
        for i, d in enumerate((-9, 4, 0, 7, -3, 1), start=1)
    ]


def now(n=(1_000, 1_500), alerted=(0, 1)):
    return CurrentMonth(n=n, n_alerts=None if alerted is None else np.multiply(n, alerted))


def estimated(reference=None, current=None, **options):
    return estimate_performance(
        half_year() if reference is None else reference, current or now(), score=TWO_BINS, **options
    )


def drawn(seed, n_bins=12, n_months=3):
    """Months of counts over bins, with alerts among them, some bins empty."""
    generator = np.random.default_rng(seed)
    shape = (n_months, n_bins)
    n = generator.integers(0, 40, shape) * (generator.random(shape) < 0.8)
    n_alerts = generator.binomial(n, np.linspace(0.1, 0.9, n_bins))
    share = np.sort(generator.uniform(0.05, 0.95, n_bins))
    score = np.sort(generator.random(n_bins))
    return score, RowsByBin.expected(n.astype(float), n_alerts.astype(float), share), share


# --- what is expected ----------------------------------------------------------------


def test_expected_measures_are_those_worked_by_hand():
    # The outcome happens in 10 % and 40 % of rows, so in 100 of 1,000 and in 600 of 1,500.
    found = estimated([month(f"2024-{i}") for i in range(1, 7)])
    by_hand = {
        "roc_auc": (600 * (900 + 900 / 2) + 100 * 900 / 2) / (700 * 1_800),
        "average_precision": (600 * 0.4 + 100 * 0.28) / 700,
        "precision": 0.4,
        "recall": 600 / 700,
        "f1": 2 * 600 / (1_500 + 700),
        "brier_score": (900 * 0.04 + 100 * 0.64 + 900 * 0.49 + 600 * 0.09) / 2_500,
        "outcome_share": 0.28,
    }
    assert {e.measure: e.value for e in found.estimates} == pytest.approx(by_hand)
    assert tuple(e.measure for e in found.estimates) == MEASURES
    assert found.n_reference_months == 6


@pytest.mark.parametrize("seed", range(5))
def test_the_outcome_curve_is_scikit_learns_isotonic_regression(seed):
    generator = np.random.default_rng(seed)
    n = generator.integers(0, 9, 60)
    positive = generator.binomial(n, np.linspace(0.1, 0.7, 60))
    seen = n > 0
    theirs = IsotonicRegression().fit(np.flatnonzero(seen), positive[seen] / n[seen], sample_weight=n[seen])
    curve = OutcomeCurve.fitted(n - positive, positive)
    np.testing.assert_allclose(curve.share[seen], theirs.predict(np.flatnonzero(seen)))
    assert (np.diff(curve.share) >= 0).all()
    assert (curve.n.sum(), curve.n_positive.sum()) == (n.sum(), positive.sum())


def test_bins_without_rows_take_the_share_of_the_step_below_and_the_first_ones_that_above():
    assert OutcomeCurve.fitted([0, 3, 0, 1, 0], [0, 1, 0, 1, 0]).share.tolist() == [
        0.25,
        0.25,
        0.25,
        0.5,
        0.5,
    ]


def test_without_rows_the_outcome_never_happens():
    assert OutcomeCurve.fitted([0, 0], [0, 0]).share.tolist() == [0, 0]


def test_the_curves_own_error_is_that_of_curves_fitted_again_and_again():
    n, share = np.array([400, 300, 300, 200]), np.array([0.1, 0.25, 0.4, 0.6])
    weight = np.array([2.0, -1.0, 3.0, 1.0])
    positive = np.random.default_rng(1).binomial(n, share, (4_000, 4))
    again = [OutcomeCurve.fitted(n - drawn_up, drawn_up).share @ weight for drawn_up in positive]
    assert OutcomeCurve.fitted(n * (1 - share), n * share).variance(weight) == pytest.approx(
        np.var(again), rel=0.1
    )


def test_measures_of_counts_are_those_of_known_outcomes():
    generator = np.random.default_rng(2)
    reference, _, _ = World(n_rows=3_000, n_months=2).draw(generator)
    negative, positive, down, up = (
        np.array([getattr(m, name) for m in reference])
        for name in ("n_negative", "n_positive", "n_alert_negative", "n_alert_positive")
    )
    rows = RowsByBin(n=negative + positive, n_alerts=down + up, n_positive=positive, n_alert_positive=up)
    slow = [realised(m.n_negative, m.n_positive) for m in reference]
    np.testing.assert_allclose(measured(SCORE, rows), np.transpose(slow))


@modest
@given(st.integers(0, 10_000), st.integers(0, 11))
def test_slopes_are_what_a_little_more_of_the_outcome_does(seed, place):
    score, rows, _ = drawn(seed)
    step, has_rows = 1e-4, rows.n[:, place] > 0
    at = slopes(score, rows)
    for slope, of_alerts in ((at.passed, 0), (at.alerted, 1)):
        sides = []
        for change in (-step * has_rows, step * has_rows):
            up, up_alerted = rows.n_positive.copy(), rows.n_alert_positive.copy()
            up[:, place] += change
            up_alerted[:, place] += change * of_alerts
            sides.append(
                measured(score, dataclasses.replace(rows, n_positive=up, n_alert_positive=up_alerted))
            )
        rise = (sides[1] - sides[0]) / (2 * step)
        np.testing.assert_allclose(slope[:, has_rows, place], rise[:, has_rows], rtol=1e-4, atol=1e-7)


def test_the_variance_of_drawn_outcomes_is_that_of_draws():
    score, rows, share = drawn(3, n_months=1)
    rows = RowsByBin.expected(30 * rows.n, 30 * rows.n_alerts, share)
    generator = np.random.default_rng(3)
    alerted = generator.binomial(rows.n_alerts.astype(int), share, (6_000, 12))
    passed = generator.binomial((rows.n - rows.n_alerts).astype(int), share, (6_000, 12))
    shape = alerted.shape
    draws = measured(
        score,
        RowsByBin(
            n=np.broadcast_to(rows.n, shape),
            n_alerts=np.broadcast_to(rows.n_alerts, shape),
            n_positive=alerted + passed,
            n_alert_positive=alerted,
        ),
    )
    found = slopes(score, rows).variance(rows, np.broadcast_to(share, rows.n.shape))
    np.testing.assert_allclose(found[:, 0], draws.var(axis=1), rtol=0.1)


# --- how far off -----------------------------------------------------------------------


def past_errors(error, chance, *, to_level=None):
    """Errors of one measure over months of equal size."""
    k = len(error)
    return PastErrors(
        error=np.array([error], float),
        is_checked=np.ones((1, k), bool),
        chance=np.broadcast_to(np.asarray(chance, float), (1, k + 1)),
        spread=1 + np.append(np.full(k, 1 / (k - 1)), 1 / k),
        to_level=np.ones((1, k + 1)) if to_level is None else np.array([to_level], float),
        level_place=0,
    )


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_where_months_differ_far_more_than_by_chance_the_reach_is_students(level):
    # Each error is k / (k - 1) times a month's distance from the mean of all.
    distance = np.array([0.3, -0.5, 0.1, 0.4, -0.3])
    found = past_errors(distance * 5 / 4, 1e-8).reach(level)[0, -1]
    expected = stats.t.ppf((1 + level) / 2, 4) * distance.std(ddof=1) * math.sqrt(1 + 1 / 5)
    assert found == pytest.approx(expected, rel=1e-3)


def test_where_many_months_differ_by_chance_alone_the_reach_is_that_of_chance():
    error = np.random.default_rng(4).normal(size=400)
    assert past_errors(error - error.mean(), 1.0).reach(0.95)[0, -1] == pytest.approx(1.96, rel=0.05)


def test_the_reach_is_the_quantile_of_a_posterior_integrated_slowly():
    error, chance = np.array([0.3, -0.6, 0.2, 0.25]), np.array([0.1, 0.05, 0.1, 0.2, 0.02])

    def unscaled(between):
        variance = chance[:4] + between**2 * 4 / 3
        fit = np.exp(-np.sum(np.log(variance) + error**2 / variance) / 2 * 3 / 4)
        return fit * np.sqrt(np.sum(1 / variance))

    def held(half):
        def integrand(b):
            return unscaled(b) * (2 * stats.norm.cdf(half / np.sqrt(chance[4] + b**2 * 5 / 4)) - 1)

        return sum(integrate.quad(integrand, *ends)[0] for ends in ((0, 1), (1, np.inf)))

    whole = sum(integrate.quad(unscaled, *ends)[0] for ends in ((0, 1), (1, np.inf)))
    slow = optimize.brentq(lambda half: held(half) / whole - 0.95, 0.01, 20)
    assert past_errors(error, chance).reach(0.95)[0, -1] == pytest.approx(slow, rel=2e-3)


def test_a_months_own_error_does_not_widen_its_interval_but_that_of_the_others():
    calm = past_errors([0.1, -0.1, 0.1, -0.1], 0.01).reach(0.95)[0]
    torn = past_errors([5.0, -0.1, 0.1, -0.1], 0.01).reach(0.95)[0]
    assert torn[0] == pytest.approx(calm[0], rel=0.01)
    assert (torn[1:] > 3 * calm[1:]).all()


def test_a_measure_that_minds_the_level_more_than_before_reaches_further():
    error, places = [0.3, -0.5, 0.1, 0.4, -0.3], np.ones(6)
    less = past_errors(error, 0.001, to_level=places * [1, 1, 1, 1, 1, 0.5]).reach(0.95)[0, -1]
    same = past_errors(error, 0.001, to_level=places).reach(0.95)[0, -1]
    more = past_errors(error, 0.001, to_level=places * [1, 1, 1, 1, 1, 2]).reach(0.95)[0, -1]
    # Levels differ with a variance of (0.12 - 0.001) / 1.25; it counts 4 - 1 times on top, and for the mean.
    added = (2**2 - 1) * (0.12 - 0.001) / 1.25 * 1.2
    assert less == same
    assert more == pytest.approx(math.hypot(same, stats.t.ppf(0.975, 4) * math.sqrt(added)))


def test_months_that_were_not_checked_tell_nothing():
    whole = past_errors([0.3, -0.5, 0.1, 0.4], [0.1] * 5)
    longer = past_errors([0.3, -0.5, 0.1, 0.4, 9.0], [0.1, 0.1, 0.1, 0.1, np.nan, 0.1])
    longer = dataclasses.replace(
        longer,
        is_checked=np.array([[True] * 4 + [False]]),
        spread=np.insert(whole.spread, 4, 1.0),
    )
    reach = longer.reach(0.95)[0]
    np.testing.assert_allclose(reach[[0, 1, 2, 3, 5]], whole.reach(0.95)[0])
    assert math.isnan(reach[4])


def test_one_checked_month_gives_no_reach():
    alone = dataclasses.replace(past_errors([0.3, 0.0], 0.1), is_checked=np.array([[True, False]]))
    assert np.isnan(alone.reach(0.95)).all()


# --- estimates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"n_months": 3, "sd_level": 0.1},
        {"n_months": 6, "n_rows": 2_000},
        {"n_months": 6, "n_rows": 100_000, "sd_level": 0.1, "curve": "too extreme", "shift": 0.5},
        {"n_months": 12, "curve": "flat at the top", "shift": 0.5},
    ],
)
def test_intervals_hold_what_turns_out_without_a_concept_drift(options):
    held, width, error, past = simulated(World(**options), n_worlds=40, seed=5)
    assert held.mean(axis=0).min() >= 0.9
    assert past.mean() >= 0.93
    ideal = 3.92 * error.std(axis=0)
    assert (width.mean(axis=0) < {3: 3.2, 6: 2.2, 12: 1.8}[options["n_months"]] * ideal).all()


def test_a_miscalibrated_score_is_estimated_without_bias_where_scores_shift():
    _, _, error, _ = simulated(World(n_rows=100_000, curve="flat at the top", shift=0.7), n_worlds=20, seed=6)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=0.004)


def test_a_concept_drift_cannot_be_seen():
    held, _, error, _ = simulated(World(n_rows=100_000, drift=0.5), n_worlds=10, seed=7)
    assert held[:, MEASURES.index("outcome_share")].sum() == 0
    assert error[:, MEASURES.index("outcome_share")].mean() == pytest.approx(-0.06, abs=0.01)


def test_each_past_month_is_estimated_from_the_others_alone():
    reference = half_year()
    found = estimated(reference)
    for place, label in enumerate(f"2024-0{i}" for i in range(1, 7)):
        others, own = reference[:place] + reference[place + 1 :], reference[place]
        n_alerts = own.n_alert_negative + own.n_alert_positive
        alone = estimated(others, CurrentMonth(n=own.n_negative + own.n_positive, n_alerts=n_alerts))
        for measure in MEASURES:
            past = found.of(measure).past[place]
            assert past.label == label
            assert past.estimated == pytest.approx(alone.of(measure).value)
        assert found.of("outcome_share").past[place].realised == own.n_positive.sum() / 1_500
        assert found.of("precision").past[place].realised == own.n_positive[1] / 500


def test_a_past_estimate_can_miss():
    odd = month("odd", negative=(600, 100), positive=(400, 400))
    found = estimated([*(month(f"month {i}") for i in range(8)), odd]).of("outcome_share")
    assert [past.label for past in found.past if not past.inside] == ["odd"]
    assert (found.n_inside, found.n_past) == (8, 9)


def test_a_realised_value_at_an_end_of_the_interval_is_inside():
    past = PastEstimate(label="2024-01", estimated=0.5, realised=0.6, ci_lower=0.4, ci_upper=0.6)
    assert past.inside
    assert not dataclasses.replace(past, realised=0.61).inside
    assert dataclasses.replace(past, realised=0.4).inside


@modest
@given(st.integers(0, 10_000))
def test_estimates_lie_within_their_intervals_and_these_within_0_and_1(seed):
    generator = np.random.default_rng(seed)
    reference = [
        month(str(i), negative=generator.integers(50, 500, 2), positive=generator.integers(50, 500, 2))
        for i in range(generator.integers(3, 7))
    ]
    found = estimated(reference, now(generator.integers(50, 2_000, 2)))
    for e in found.estimates:
        assert 0 <= e.ci_lower < e.value < e.ci_upper <= 1
        assert e.reason is None


def test_intervals_widen_with_the_level_and_narrow_with_the_rows():
    def width(found):
        return np.array([e.ci_upper - e.ci_lower for e in found.estimates])

    assert (width(estimated(level=0.99)) > width(estimated())).all()
    assert (width(estimated()) > width(estimated(level=0.8))).all()
    assert (width(estimated(current=now((100, 150)))) > width(estimated())).all()


def test_thresholds_may_differ_inside_a_bin():
    found = estimated(current=now(alerted=(0.5, 1)))
    assert found.of("precision").value == pytest.approx((500 * 0.1 + 1_500 * 0.4) / 2_000, rel=0.01)
    assert found.of("recall").value == pytest.approx((500 * 0.1 + 1_500 * 0.4) / 700, rel=0.01)


def test_scores_beyond_all_of_the_reference_are_counted():
    five = [
        month(str(i), negative=(0, 90, 0, 30, 0), positive=(0, 10, 0, 20, 0), alerted=None) for i in range(3)
    ]
    bins = [0.1, 0.2, 0.3, 0.4, 0.5]

    def unseen(n):
        return estimate_performance(five, CurrentMonth(n=n), score=bins).unseen_share

    assert unseen([10, 60, 20, 70, 40]) == 0.25
    assert unseen([0, 60, 20, 70, 0]) == 0
    assert math.isnan(unseen([0, 0, 0, 0, 0]))


# --- where there is none -------------------------------------------------------------------


def reasons(found):
    return {e.measure: e.reason for e in found.estimates}


def test_too_few_months_are_said_in_words():
    found = estimated(half_year()[: MIN_MONTHS - 1])
    reason = "estimates need at least 3 reference months, and there are 2"
    assert reasons(found) == dict.fromkeys(MEASURES, reason)
    roc_auc = found.of("roc_auc")
    assert (roc_auc.past, roc_auc.n_past, roc_auc.n_inside) == ((), 0, 0)
    assert all(math.isnan(value) for value in (roc_auc.value, roc_auc.ci_lower, roc_auc.ci_upper))
    assert estimated([]).of("f1").reason == "estimates need at least 3 reference months, and there are 0"
    assert estimated(half_year()[:MIN_MONTHS]).of("f1").reason is None


@pytest.mark.parametrize(
    ("negative", "positive", "reason"),
    [
        ((90, 90), (6, 10), "the reference months hold 48 positive outcomes, and estimates need 50"),
        ((6, 10), (90, 90), "the reference months hold 48 negative outcomes, and estimates need 50"),
        ((0, 0), (0, 0), "the reference months hold 0 positive outcomes, and estimates need 50"),
    ],
)
def test_too_few_known_outcomes_are_said_in_words(negative, positive, reason):
    found = estimated([month(str(i), negative=negative, positive=positive) for i in range(3)])
    assert reasons(found) == dict.fromkeys(MEASURES, reason)


def test_too_few_expected_outcomes_are_said_in_words():
    found = estimated([month(str(i)) for i in range(3)], now((20, 44)))
    reason = "about 20 positive outcomes are to be expected in the current month, and estimates need 20"
    assert MIN_EXPECTED > 20 * 0.1 + 44 * 0.4
    assert reasons(found) == dict.fromkeys(MEASURES, reason)
    assert estimated([month(str(i)) for i in range(3)], now((20, 46))).of("roc_auc").reason is None
    empty = "about 0 positive outcomes are to be expected in the current month, and estimates need 20"
    assert reasons(estimated(current=now((0, 0)))) == dict.fromkeys(MEASURES, empty)


def test_alerts_that_were_not_counted_or_are_few_leave_the_other_measures_their_estimates():
    of_alerts = ("precision", "recall", "f1")
    for current, reason in (
        (now(alerted=None), "alerts were not counted in the current month"),
        (now(alerted=(0.019, 0)), "the current month has 19 alerts, and the estimate needs 20"),
    ):
        found = reasons(estimated(current=current))
        assert found == {name: reason if name in of_alerts else None for name in MEASURES}
    assert estimated(current=now(alerted=(0.02, 0))).of("f1").reason is None


def test_reference_months_without_alerts_are_left_out_of_those_checked():
    mixed = [*half_year()[:3], *half_year(alerted=None)[3:]]
    found = estimated(mixed)
    assert [past.label for past in found.of("recall").past] == ["2024-01", "2024-02", "2024-03"]
    assert found.of("roc_auc").n_past == 6
    fewer = estimated([*half_year()[:2], *half_year(alerted=None)[2:]]).of("recall")
    assert fewer.reason == (
        "it is known of 2 of the 6 reference months, and estimates need 3 to be checked on"
    )


def test_months_without_one_of_the_outcomes_are_left_out_of_those_checked():
    odd = month("odd", negative=(900, 300), positive=(0, 0))
    found = estimated([*half_year(), odd])
    assert [past.label for past in found.of("roc_auc").past] == [f"2024-0{i}" for i in range(1, 7)]
    assert found.of("outcome_share").past[-1].label == "odd"


def test_what_seems_certain_has_no_interval():
    apart = [month(str(i), negative=(900, 0), positive=(0, 100)) for i in range(4)]
    assert estimated(apart).of("roc_auc").reason == (
        "it is known of 0 of the 4 reference months, and estimates need 3 to be checked on"
    )
    always = [month(str(i), negative=(900 - i, 0), positive=(100 + i, 300)) for i in range(4)]
    found = estimated(always, now((1_000, 100)))
    assert found.of("outcome_share").reason is None
    assert math.isnan(found.of("precision").value)
    assert "it is known of 0 of the 4" in found.of("precision").reason


def test_an_alert_on_certain_rows_only_seems_certain_itself():
    spread = [
        month(str(i), negative=(900 - i, 0), positive=(100 + i, 300), alerted=(0.5, 1)) for i in range(4)
    ]
    found = estimated(spread, now((1_000, 100), alerted=(0, 1)))
    assert found.of("precision").reason == "it seems certain to be 1, and how sure that is cannot be told"
    assert isinstance(found.of("recall"), Estimate)
    assert found.of("recall").reason is None


# --- what is refused -----------------------------------------------------------------------


def test_an_unknown_measure_is_refused():
    message = (
        "There is no estimate of 'auc'. Give one of roc_auc, average_precision, precision, recall, f1, "
        "brier_score, outcome_share."
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        estimated().of("auc")


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_outside_0_and_1_is_refused(level):
    message = f"Level is {level}. Give a number between 0 and 1, such as 0.95."
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        estimated(level=level)


@pytest.mark.parametrize(
    "score", [[0.7, 0.2], [0.2, 0.2], [0.2, 1.2], [-0.1, 0.2], [[0.2, 0.7]], [0.2, np.nan]]
)
def test_scores_that_do_not_rise_within_0_and_1_are_refused(score):
    message = (
        f"Scores of the bins have shape {np.shape(score)} and do not rise strictly within [0, 1]. "
        "Give one score a bin, lowest first, such as ScoreGrid().midpoint(...)."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        estimate_performance(half_year(), now(), score=score)


def test_months_on_other_bins_are_refused():
    message = "n_negative of 2024-07 has shape (3,) for 2 bins. Give one count a bin, on the same bins for all months."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        estimated([*half_year(), month("2024-07", negative=(1, 2, 3), positive=(1, 2, 3), alerted=None)])


@pytest.mark.parametrize("wrong", [-1, np.nan, np.inf])
def test_counts_that_are_none_are_refused(wrong):
    message = f"n of the current month holds {wrong:g}. Counts are 0 or more."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        estimated(current=now((1_000, wrong), alerted=None))


def test_more_alerts_than_rows_are_refused():
    message = (
        "n_alert_positive of 2024-07 is 400 in bin 1, of 200 rows. Count alerts among the rows that are "
        "counted, with the same outcome."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        estimated([*half_year(), dataclasses.replace(month("2024-07"), n_alert_positive=[0, 400])])


def test_log_odds_keep_an_interval_near_1_inside():
    sharp = [month(str(i), negative=(990, 10), positive=(2 + i, 60)) for i in range(3)]
    found = estimated(sharp, now((300, 40)))
    auc = found.of("roc_auc")
    assert 0.9 < auc.value < auc.ci_upper < 1
    assert special.logit(auc.ci_upper) - special.logit(auc.value) == pytest.approx(
        special.logit(auc.value) - special.logit(auc.ci_lower)
    )
