"""What every measure must not mind, in one table; a public measure without a row fails here."""

import dataclasses
import inspect

import numpy as np
import pytest

from afterlaunch import bins, calibration, performance, rates, uncertainty
from afterlaunch.performance import Confusion, ScoreCounts

MODULES = (bins, calibration, performance, rates, uncertainty)

# What is public and no measure, and why it needs no row.
NOT_MEASURES = {
    "ratio": "a division",
    "confusion": "counts, tested at the threshold in test_performance",
    "from_rows": "a constructor",
    "from_bins": "a constructor",
    "merge": "a constructor",
    "block_weights": "draws, not a measure of anything",
    "of_numbers": "a constructor",
    "of_categories": "a constructor",
    "from_json": "a constructor",
    "to_json": "an export",
    "midpoint": "the inverse of the grid's index",
    "contains": "a comparison",
    "n": "a count",
    "n_alerts": "a count",
    "n_bins": "a count",
    "n_outcomes_negative": "a count",
    "n_outcomes_positive": "a count",
    "missing_code": "a constant of the bins",
    "labels": "words",
    "why_undefined": "words",
}


def at_threshold(name):
    return lambda counts: getattr(counts.confusion(0.3), name)


def sum_score(counts):
    return float(np.sum(counts.score * (counts.n_negative + counts.n_positive)))


def curve(counts):
    found = calibration.calibration_curve(counts)
    return np.concatenate([found.mean_score, found.outcome_share])


# Measures of scores and outcomes: one number (or array) of counted rows.
OF_SCORES = {
    "roc_auc": ScoreCounts.roc_auc,
    "average_precision": ScoreCounts.average_precision,
    "ks_statistic": ScoreCounts.ks_statistic,
    "brier_score": ScoreCounts.brier_score,
    "log_loss": ScoreCounts.log_loss,
    "precision": at_threshold("precision"),
    "recall": at_threshold("recall"),
    "alert_rate_share": at_threshold("alert_rate_share"),
    "false_positive_rate": at_threshold("false_positive_rate"),
    "f1": at_threshold("f1"),
    "outcome_share": lambda counts: counts.outcome_share,
    "mean_score": lambda counts: counts.mean_score,
    "calibration_gap": lambda c: calibration.calibration_gap(c.n_outcomes_positive, sum_score(c), c.n),
    "observed_expected_ratio": lambda c: calibration.observed_expected_ratio(
        c.n_outcomes_positive, sum_score(c)
    ),
    "calibration_curve": curve,
    "expected_calibration_error": calibration.expected_calibration_error,
    "recalibration": lambda counts: dataclasses.astuple(calibration.recalibration(counts)),
}
ALL = frozenset(OF_SCORES)
RANKING = frozenset({"roc_auc", "average_precision", "ks_statistic"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """A way to change rows; ``unmoved`` names the measures that give the same, all others must not."""

    apply: object
    unmoved: frozenset


def shuffled(y_true, score):
    order = np.random.default_rng(1).permutation(y_true.size)
    return ScoreCounts.from_rows(y_true[order], score[order])


def in_parts(y_true, score):
    places = np.array_split(np.arange(y_true.size), 7)
    return ScoreCounts.merge(*(ScoreCounts.from_rows(y_true[part], score[part]) for part in places))


def as_bins_of_one_value(y_true, score):
    counts = ScoreCounts.from_rows(y_true, score)
    sums = counts.score * (counts.n_negative + counts.n_positive)
    return ScoreCounts.from_bins(sums[::-1], counts.n_negative[::-1], counts.n_positive[::-1])


def three_times(y_true, score):
    return ScoreCounts.from_rows(np.tile(y_true, 3), np.tile(score, 3))


def negatives_twice(y_true, score):
    extra = y_true == 0
    return ScoreCounts.from_rows(np.append(y_true, y_true[extra]), np.append(score, score[extra]))


CHANGES = {
    "rows in another order": Change(apply=shuffled, unmoved=ALL),
    "counted in parts and merged": Change(apply=in_parts, unmoved=ALL),
    "given as bins": Change(apply=as_bins_of_one_value, unmoved=ALL),
    "every row three times": Change(apply=three_times, unmoved=ALL),
    "scores squared": Change(
        apply=lambda y_true, score: ScoreCounts.from_rows(y_true, score**2),
        unmoved=RANKING | {"outcome_share"},
    ),
    "classes and scores mirrored": Change(
        apply=lambda y_true, score: ScoreCounts.from_rows(1 - y_true, 1 - score),
        unmoved=frozenset(
            {"roc_auc", "ks_statistic", "brier_score", "log_loss", "expected_calibration_error"}
        ),
    ),
    "classes swapped": Change(
        apply=lambda y_true, score: ScoreCounts.from_rows(1 - y_true, score),
        unmoved=frozenset({"ks_statistic", "alert_rate_share", "mean_score"}),
    ),
    "every negative twice": Change(
        apply=negatives_twice,
        unmoved=frozenset({"roc_auc", "ks_statistic", "recall", "false_positive_rate"}),
    ),
    "scores moved without leaving their side of the threshold": Change(
        apply=lambda y_true, score: ScoreCounts.from_rows(y_true, np.where(score >= 0.3, 0.9, 0.05)),
        unmoved=frozenset(
            {"precision", "recall", "alert_rate_share", "false_positive_rate", "f1", "outcome_share"}
        ),
    ),
}


def rows(seed):
    # An odd number of rows, so that no score value lies on the border of two calibration bins.
    generator = np.random.default_rng(seed)
    score = np.round(generator.beta(1.0, 3.0, 997), 3)
    return (generator.random(997) < score**1.3).astype(int), score


@pytest.mark.parametrize("name", OF_SCORES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_measure_of_scores_minds_what_it_should_and_nothing_else(change, name):
    measure, unmoved = OF_SCORES[name], CHANGES[change].unmoved
    assert unmoved <= ALL
    for seed in (1, 2):
        before = np.asarray(measure(ScoreCounts.from_rows(*rows(seed))))
        after = np.asarray(measure(CHANGES[change].apply(*rows(seed))))
        is_same = before.shape == after.shape and np.allclose(before, after, rtol=1e-9, atol=1e-12)
        assert is_same == (name in unmoved)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "ks_statistic"])
@pytest.mark.parametrize("factor", [0.001, 7.5])
def test_ranking_does_not_mind_the_scale_of_weights(name, factor):
    counts = ScoreCounts.from_rows(*rows(3))
    measure = getattr(performance, name)
    scaled = measure(counts.n_negative * factor, counts.n_positive * factor)
    assert scaled == pytest.approx(measure(counts.n_negative, counts.n_positive), rel=1e-12)


@pytest.mark.parametrize("name", ["brier_score", "log_loss"])
@pytest.mark.parametrize("factor", [0.001, 7.5])
def test_losses_do_not_mind_the_scale_of_weights(name, factor):
    counts = ScoreCounts.from_rows(*rows(3))
    measure = getattr(performance, name)
    scaled = measure(counts.score, counts.n_negative * factor, counts.n_positive * factor)
    assert scaled == pytest.approx(measure(counts.score, counts.n_negative, counts.n_positive), rel=1e-12)


YEAR = np.random.default_rng(4).normal(5.0, 1.0, 12)
DRAWS = np.random.default_rng(5).normal(0.4, 0.1, 999)
P_VALUES = np.array([0.3, 0.004, 0.02, np.nan, 0.004, 0.9])
COUNTS = np.random.default_rng(6).integers(0, 50, (20, 3))
WEIGHTS = uncertainty.block_weights(20, 30, seed=6)
ORDER = np.random.default_rng(7).permutation(20)
GRID = bins.ScoreGrid()
NUMBERS = np.append(np.random.default_rng(8).normal(size=200), [np.nan, np.inf, 0.0])


def limits(values):
    found = rates.usual_range(values)
    return np.array([found.lower, found.centre, found.upper])


def ends(interval):
    return np.array([interval.lower, interval.upper])


def interval_of(estimate, draws):
    return ends(uncertainty.block_interval(estimate, draws, 20))


# Measures of other things: pairs that must be equal, each with what it says.
SAME = {
    "usual_range": {
        "months in reverse": (limits(YEAR[::-1]), limits(YEAR)),
        "mirrored": (limits(-YEAR), -limits(YEAR)[::-1]),
        "another unit": (limits(100 * YEAR - 3), 100 * limits(YEAR) - 3),
    },
    "run_of_eight": {
        "mirrored": (rates.run_of_eight(-YEAR, -3.0), rates.run_of_eight(YEAR, 3.0)),
        "another unit": (rates.run_of_eight(100 * YEAR, 300.0), rates.run_of_eight(YEAR, 3.0)),
        "older months": (rates.run_of_eight(np.append(-YEAR, YEAR), 3.0), rates.run_of_eight(YEAR, 3.0)),
    },
    "resample_counts": {
        "blocks in another order": (
            uncertainty.resample_counts(COUNTS[ORDER], WEIGHTS[:, ORDER]),
            uncertainty.resample_counts(COUNTS, WEIGHTS),
        ),
        "parts added up": (
            uncertainty.resample_counts(COUNTS, WEIGHTS) + uncertainty.resample_counts(2 * COUNTS, WEIGHTS),
            uncertainty.resample_counts(3 * COUNTS, WEIGHTS),
        ),
    },
    "block_interval": {
        "draws in another order": (interval_of(0.4, DRAWS[::-1]), interval_of(0.4, DRAWS)),
        "mirrored": (interval_of(-0.4, -DRAWS), -interval_of(0.4, DRAWS)[::-1]),
        "another unit": (interval_of(40.0, 100 * DRAWS), 100 * interval_of(0.4, DRAWS)),
    },
    "block_p_value": {
        "draws in another order": (
            uncertainty.block_p_value(0.15, DRAWS[::-1], 20),
            uncertainty.block_p_value(0.15, DRAWS, 20),
        ),
        "mirrored": (
            uncertainty.block_p_value(-0.15, -DRAWS, 20),
            uncertainty.block_p_value(0.15, DRAWS, 20),
        ),
        "another unit": (
            uncertainty.block_p_value(15.0, 100 * DRAWS, 20),
            uncertainty.block_p_value(0.15, DRAWS, 20),
        ),
    },
    "wilson_interval": {
        "classes swapped": (
            ends(uncertainty.wilson_interval(7, 40)),
            1 - ends(uncertainty.wilson_interval(33, 40))[::-1],
        ),
    },
    "holm": {
        "in another order": (uncertainty.holm(P_VALUES[::-1]), uncertainty.holm(P_VALUES)[::-1]),
        "without those not made": (
            uncertainty.holm(P_VALUES[~np.isnan(P_VALUES)]),
            uncertainty.holm(P_VALUES)[~np.isnan(P_VALUES)],
        ),
        "one alone": (uncertainty.holm([0.04]), [0.04]),
    },
    "assign": {
        "reference in another order": (
            bins.Bins.of_numbers(NUMBERS[::-1]).assign(NUMBERS),
            bins.Bins.of_numbers(NUMBERS).assign(NUMBERS),
        ),
        "values in another order": (
            bins.Bins.of_numbers(NUMBERS).assign(NUMBERS[::-1]),
            bins.Bins.of_numbers(NUMBERS).assign(NUMBERS)[::-1],
        ),
        "another unit": (
            bins.Bins.of_numbers(8 * NUMBERS).assign(8 * NUMBERS),
            bins.Bins.of_numbers(NUMBERS).assign(NUMBERS),
        ),
        "reference three times": (
            bins.Bins.of_numbers(np.tile(NUMBERS, 3)).assign(NUMBERS),
            bins.Bins.of_numbers(NUMBERS).assign(NUMBERS),
        ),
    },
    "index": {
        "mirrored": (
            GRID.index(1 - np.array([0.1, 0.33, 0.9])),
            GRID.n_bins - 1 - GRID.index([0.1, 0.33, 0.9]),
        ),
        "in another order": (GRID.index([0.9, 0.1]), GRID.index([0.1, 0.9])[::-1]),
    },
}


@pytest.mark.parametrize(
    ("measure", "what"), [(measure, what) for measure, pairs in SAME.items() for what in pairs]
)
def test_a_measure_gives_the_same_seen_another_way(measure, what):
    one_way, other_way = SAME[measure][what]
    np.testing.assert_allclose(one_way, other_way, rtol=1e-9, atol=1e-12)


def public_names():
    """Functions of the measure modules, and methods and properties of their classes."""
    for module in MODULES:
        for name, member in vars(module).items():
            if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(member):
                yield name
            elif inspect.isclass(member):
                yield from (
                    name
                    for name, part in vars(member).items()
                    if not name.startswith("_")
                    and isinstance(part, (property, classmethod, type(public_names)))
                )


def test_every_public_measure_has_a_row():
    named = set(OF_SCORES) | set(SAME) | set(NOT_MEASURES)
    assert set(public_names()) == named


def test_no_name_is_both_a_measure_and_none():
    assert not (set(OF_SCORES) | set(SAME)) & set(NOT_MEASURES)
    assert not set(OF_SCORES) & set(SAME)


def test_the_register_sees_what_is_added():
    names = set(public_names())
    assert {"roc_auc", "precision", "usual_range", "assign", "from_json", "why_undefined"} <= names
    assert "did_you_mean" not in names
    assert Confusion.__name__ not in names
