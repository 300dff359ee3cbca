"""What every measure must not mind, in one table; a public measure without a row fails here."""

import dataclasses
import inspect

import numpy as np
import pytest

from afterlaunch import (
    bins,
    calibration,
    decision_value,
    divergence,
    estimated_performance,
    expected_measures,
    input_changes,
    input_windows,
    month_to_month,
    nowcast,
    past_errors,
    patience,
    performance,
    rates,
    relabelling,
    relations,
    response_time,
    score_effects,
    since_when,
    slow_requests,
    subgroups,
    ticket_audit,
    ticket_themes,
    tickets,
    uncertainty,
    unit_changes,
)
from afterlaunch.performance import Confusion, ScoreCounts
from afterlaunch.ranges import Range
from afterlaunch.slow_requests import ErrorBudget
from afterlaunch.subgroups import Attribute
from afterlaunch.ticket_audit import Audit, Stratum
from ticket_examples import TEXTS

MODULES = (
    bins,
    calibration,
    decision_value,
    input_changes,
    input_windows,
    divergence,
    estimated_performance,
    expected_measures,
    month_to_month,
    nowcast,
    past_errors,
    patience,
    performance,
    rates,
    relabelling,
    relations,
    response_time,
    score_effects,
    since_when,
    slow_requests,
    subgroups,
    ticket_audit,
    ticket_themes,
    tickets,
    uncertainty,
    unit_changes,
)

# What is public and no measure, and why it needs no row.
NOT_MEASURES = {
    "ratio": "a division",
    "confusion": "counts, tested at the threshold in test_performance",
    "from_rows": "a constructor",
    "from_bins": "a constructor",
    "merge": "a constructor",
    "fitted": "a constructor",
    "expected": "a constructor",
    "inside": "a comparison",
    "n_past": "a count",
    "n_inside": "a count",
    "of": "a look-up by name",
    "block_weights": "draws, not a measure of anything",
    "of_numbers": "a constructor",
    "of_counts": "a constructor",
    "from_the_others": "differences, tested by hand in test_month_to_month",
    "size": "the larger of two limits, tested in test_month_to_month",
    "of_categories": "a constructor",
    "from_json": "a constructor",
    "to_json": "an export",
    "midpoint": "the inverse of the grid's index",
    "lower": "edges, the inverse of the grid's index",
    "upper": "edges, the inverse of the grid's index",
    "contains": "a comparison",
    "change": "a difference of fields",
    "changed_pairs": "comparisons",
    "is_changed": "comparisons",
    "is_too_small": "a comparison",
    "is_clear": "a comparison",
    "disagrees": "a comparison",
    "n": "a count",
    "n_buckets": "a count",
    "n_flagged": "a count",
    "tickets_by_delay": "counts",
    "n_outstanding": "a difference",
    "n_allowed": "a product of fields",
    "held_share": "a division of fields",
    "traffic_share": "a division of fields",
    "event_share_inside": "a division of fields",
    "event_share_outside": "a division of fields",
    "shares": "divisions of fields",
    "smallest_n": "a constant of q",
    "longest": "a setting",
    "audit_sample": "a draw",
    "ids": "the order of a draw",
    "folded": "a text made plain",
    "text_key": "a text made plain",
    "labels_of_texts": "votes by text",
    "learned_scores": "a classifier's output, seen by classify and theme_of",
    "masked": "a text made less personal",
    "quotes": "a choice of texts",
    "n_alerts": "a count",
    "n_bins": "a count",
    "n_outcomes_negative": "a count",
    "n_outcomes_positive": "a count",
    "missing_code": "a constant of the bins",
    "labels": "words",
    "why_no_quantile": "words",
    "why_undefined": "words",
    "why_no_fidelity": "words",
    "offsets": "places of the bins",
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
LATENCIES = np.random.default_rng(9).lognormal(6.5, 0.8, 400)
LATENCY_GRID = response_time.LatencyGrid()
BUCKETS = np.bincount(LATENCY_GRID.index(LATENCIES), minlength=LATENCY_GRID.n_buckets)
USED = slice(int(BUCKETS.nonzero()[0][0]), int(BUCKETS.nonzero()[0][-1]) + 1)
# No two windows are alike, so that their order decides nothing.
BUSY = 1 + np.random.default_rng(10).permutation(60) ** 2
BUSY_ORDER = np.random.default_rng(11).permutation(60)
BY_HOUR = np.random.default_rng(12).poisson(np.repeat([0.5, 9.0, 2.0, 1.0], 60)).reshape(4, 60)
SIZES = np.arange(1.0, 26.0)
SIZE_ROWS = 100 * np.random.default_rng(17).integers(5, 50, (1, 25)).repeat(2, axis=0) // np.arange(1, 26)
CATEGORIES = [3_000, 0, 2_500, 1_000, 3_500], [0, 6_100, 2_000, 5_000, 7_000]
LEFT, SHOWN = np.random.default_rng(13).integers(0, 30, (2, 3, 8))
EVENTS, UNITS = np.array([9, 14, 8, 13, 11, 16]), np.array([5000, 6000, 5500, 6000, 5000, 7000])
GROUPS = (
    np.array([90.0, 10, 25]),
    np.array([100.0, 1e3, 40]),
    np.array([60.0, 40, 30]),
    np.array([90.0, 980, 55]),
)
STAGES = {"features": 600.0, "model": 300.0, "queue": 20.0}
SLOW_DAY = slow_requests.stage_means(STAGES, sum_total=1_000.0, n=2)
QUICK_DAY = slow_requests.stage_means({"model": 120.0, "features": 90.0}, sum_total=260.0, n=3)
FLAGGED = Stratum(n_tickets=80, n_labelled=50, n_true=40)
UNFLAGGED = Stratum(n_tickets=920, n_labelled=60, n_true=2)
MONTHLY = [
    Audit(flagged=Stratum(n_tickets=90, n_labelled=n, n_true=n - 9), unflagged=UNFLAGGED)
    for n in (40, 50, 60)
]
RELATED = np.random.default_rng(21).normal(size=(3, 300, 3)).cumsum(axis=2)
IF_ALERT, IF_PASSED = np.random.default_rng(14).normal(size=(2, 5, 12))
CASES = np.random.default_rng(15).integers(1, 20, (5, 12))
BINNED = np.random.default_rng(17).integers(1, 90, (2, 8))
BIN_VALUES = np.arange(8.0) ** 2
EARLIER = np.random.default_rng(22).normal(size=(6, 12)) * np.arange(1, 13)
THIS_MONTH = np.append(np.random.default_rng(23).normal(size=11), 30.0) * np.arange(1, 13)
SINCE_MAY = np.random.default_rng(24).normal(size=9) + 6 * (np.arange(9) >= 4)

BY_SCORE = np.random.default_rng(25).integers(100, 400, (5, 10))
PAST_ERRORS = np.random.default_rng(26).normal(size=(3, 8))
LEVELS = np.repeat([[1.0] * 8 + [2.0]], 3, axis=0)
CODED = np.random.default_rng(18).integers(0, 4, (120, 3))
EXPLAINED = np.random.default_rng(19).random((120, 1)) / 4 + CODED[:, [0, 1]] * [0.1, 0.05]
BY_BIN = np.random.default_rng(20).multinomial(90, [0.1, 0.2, 0.3, 0.4], (2, 3))


def learned(codes=CODED, n_bins=(4, 4, 4), targets=EXPLAINED):
    return score_effects.fit_score_effects(codes, n_bins, targets=targets)


def effects_of(found, by_bin=BY_BIN):
    """Return effects and their standard errors between two windows, given by input and bin."""
    effects = found.effects(*(window.ravel() for window in by_bin))
    return np.array([effects.values, effects.standard_errors])


def unexplained(change, by_bin=BY_BIN):
    windows = (window.ravel() for window in by_bin)
    return learned().decompose(*windows, mean_change=change).unexplained


def limits(values):
    return ends_and_centre(rates.usual_range(values))


def laney_limits(n_events, n_units, *, n_units_now=5_200.0, per=1_000.0):
    return ends_and_centre(rates.laney_usual_range(n_events, n_units, n_units_now=n_units_now, per=per))


def ends_and_centre(found):
    return np.array([found.lower, found.centre, found.upper])


def change(values, **options):
    """Return the rise and the fall that could have been seen, and both over the centre."""
    found = rates.detectable_change(rates.usual_range(values), **options)
    return np.array([found.rise, found.fall, found.rise_ratio, found.fall_ratio], np.float64)


def rate_ratio(n_units, base_events, base_units):
    return np.array(dataclasses.astuple(rates.rate_ratio(30, n_units, base_events, base_units)))


def risk_ratio(*counts):
    found = rates.risk_ratio(*counts)
    return np.array([found.lower, found.ratio, found.upper])


def expected_tickets(*, until=80, **options):
    """Return what a nowcast of a fortnight says, when the days behind ``until`` are not looked at."""
    by_delay = np.random.default_rng(16).poisson(3.0 * 0.6 ** np.arange(8), (80, 8))
    days_seen = np.arange(80, 0, -1)
    by_delay = np.where(np.arange(8) < days_seen[:, None], by_delay, 0)
    found = nowcast.nowcast(by_delay[:until], days_seen[:until], window=slice(63, 77), **options)
    return np.hstack(
        [found.n_expected, found.lower, found.upper, found.completeness, found.completeness_by_day]
    )


def budget(factor, *, target_share=0.95):
    return ErrorBudget(n=58_000 * factor, n_slow=1_922 * factor, target_share=target_share)


def split(*groups):
    found = slow_requests.mix_and_within(*groups)
    return np.array([found.mix_by_group, found.within_by_group])


def totals_of_split(*groups):
    found = slow_requests.mix_and_within(*groups)
    return np.array([found.mix, found.within])


def in_unit(groups, factor, shift=0.0):
    n_before, before, n_after, after = groups
    return n_before, factor * before + shift, n_after, factor * after + shift


def mean_of(n, means):
    return np.average(means, weights=n)


def stages_by_name(anatomy):
    return [anatomy.total_ms, *(ms for _, ms in sorted(zip(anatomy.stages, anatomy.stage_ms, strict=True)))]


def slow_group(order=slice(None), *, places=(0, 1, 2), parts=1):
    """Return the first label of each attribute and the counts of what slow requests share: Tuesdays on host b."""
    labels = {"day": ("Mon", "Tue"), "host": ("a", "b", "c"), "hour": ("8", "9", "10", "11")}
    attributes = [Attribute(name=name, labels=values) for name, values in labels.items()]
    codes = np.stack(np.meshgrid([0, 1], [0, 1, 2], [0, 1, 2, 3], indexing="ij"), axis=-1).reshape(-1, 3)
    n_events = np.where((codes[:, 0] == 1) & (codes[:, 1] == 1), 60, 2 + codes[:, 2] % 2)
    found = subgroups.shared_by(
        np.tile(codes[:, list(places)][order], (parts, 1)),
        [attributes[place] for place in places],
        n=np.tile(np.full(len(codes), 200 / parts)[order], parts),
        n_events=np.tile(n_events[order] / parts, parts),
    )
    named = {condition.attribute: condition.labels[0] for condition in found.conditions}
    codes_named = [labels[name].index(named[name]) if name in named else -1 for name in labels]
    return [*codes_named, found.n_events_inside, found.n_events, found.n_inside, found.n]


def audited(flagged, unflagged):
    found = ticket_audit.audited_count(Audit(flagged=flagged, unflagged=unflagged))
    return np.array([found.interval.lower, found.count, found.interval.upper])


def audit_p_values(earlier, *, swapped=False):
    """Return the p-values of a month against earlier ones, of flagged tickets first."""
    now = Audit(flagged=FLAGGED, unflagged=Stratum(n_tickets=920, n_labelled=60, n_true=9))
    if swapped:
        now, *earlier = (Audit(flagged=a.unflagged, unflagged=a.flagged) for a in (now, *earlier))
    found = ticket_audit.audit_disagrees(now, earlier)
    return np.array([found.p_flagged, found.p_unflagged])


def merged_audit(audits):
    def added(name):
        strata = [dataclasses.astuple(getattr(audit, name)) for audit in audits]
        n_tickets, n_labelled, n_true = np.sum(strata, axis=0)
        return Stratum(n_tickets=n_tickets, n_labelled=n_labelled, n_true=n_true)

    return Audit(flagged=added("flagged"), unflagged=added("unflagged"))


def related(*windows, names="abc"):
    """Return what became of the relations of three inputs; the last two depend on the random splits."""
    found = relations.relation_change(windows[:-1], windows[-1], names=list(names), seed=1)
    by_name = sorted(found.pairs, key=lambda pair: sorted([pair.first, pair.second]))
    numbers = [[pair.before, pair.expected, pair.after, pair.usual] for pair in by_name]
    return [found.overall.statistic, *np.ravel(numbers), found.overall.p_value, found.overall.sampling]


def theme_codes(texts):
    names = sorted(set(ticket_themes.theme_of(TEXTS).theme))
    return np.array([names.index(theme) for theme in ticket_themes.theme_of(texts).theme])


def values_and_shares(if_alert, if_passed, n):
    curve = decision_value.value_curve(if_alert, if_passed, n)
    return np.array([curve.value, curve.alert_share])


def category_shares(before, after, order=slice(None)):
    before, after = np.array(before, float)[order], np.array(after, float)[order]
    n_before, n_after = before.sum(), after.sum()
    return relabelling.CategoryShares(
        names=tuple(np.array(["AA", "aa", "UA", "WN", "DL"])[order].tolist()),
        reference=before / n_before,
        current=after / n_after,
        n_reference=n_before,
        n_current=n_after,
        z=relabelling.share_z(before, after, n_reference=n_before, n_current=n_after),
        is_new=relabelling.new_names(before, after),
        is_gone=relabelling.new_names(after, before),
    )


def of_pairs(pairs):
    names = ["AA", "aa", "UA", "WN", "DL"]
    return [[names.index(p.before), names.index(p.after), p.reference_share, p.share] for p in pairs]


def of_unit(factor=1.0, *, first=0.5, empty=()):
    values = np.append(SIZES + first, 100 * (SIZES + first))
    before = np.append(SIZE_ROWS[0], 0 * SIZE_ROWS[0])
    after = np.append(0.7 * SIZE_ROWS[1], 0.3 * SIZE_ROWS[1])
    places = np.searchsorted(values, empty)
    found = unit_changes.unit_change(
        np.insert(values, places, empty) * factor, np.insert(before, places, 0), np.insert(after, places, 0)
    )
    levels = np.array([found.reference_level, found.current_level]) / factor
    return [found.factor, found.share, found.distance, *levels]


def of_input(before=SIZE_ROWS[0], after=SIZE_ROWS[1][::-1], *, factor=1.0, shift=0.0):
    found = input_changes.input_changes(
        input_windows.NumberCounts(values=SIZES * factor + shift, reference=before, current=after)
    )
    levels = [[c.reference_level - shift, c.current_level - shift] for c in found if c.kind == "shifted"]
    levels += [[c.reference_level, c.current_level] for c in found if c.kind == "spread"]
    return np.array(levels) / factor


def expected_rows(times=1, *, empty=False, order=slice(None)):
    """Return scores, expected rows by bin, and how often the outcome happens, of four months."""
    n, share, score = times * BY_SCORE[:4][order], np.linspace(0.1, 0.6, 10), np.linspace(0.05, 0.95, 10)
    if empty:
        n, share, score = np.insert(n, 3, 0, axis=1), np.insert(share, 3, 0.9), np.insert(score, 3, 0.3)
    return score, expected_measures.RowsByBin.expected(n, n * (score > 0.5), share), share


def estimates_of(*, empty=False, order=slice(None), power=1):
    """Return values and ends of intervals, by measure."""
    score, rows, _ = expected_rows(empty=empty, order=order)
    down, up = np.round(rows.n - rows.n_positive), np.round(rows.n_positive)
    months = [
        estimated_performance.ReferenceMonth(label="", n_negative=a, n_positive=b)
        for a, b in zip(down, up, strict=True)
    ]
    now = estimated_performance.CurrentMonth(n=np.insert(BY_SCORE[4], 3, 0) if empty else BY_SCORE[4])
    found = estimated_performance.estimate_performance(months, now, score=score**power)
    return np.array([(e.value, e.ci_lower, e.ci_upper) for e in found.estimates])


def reach_of(factor=1.0, *, order=slice(None)):
    """Return how far the interval of the month to come reaches, in the unit."""
    error, chance, to_level = (
        factor * PAST_ERRORS[:, order],
        np.full((3, 9), 0.5 * factor**2),
        factor * LEVELS,
    )
    return past_errors.PastErrors(
        error=error,
        is_checked=np.ones((3, 8), bool),
        chance=chance,
        spread=np.full(9, 1.125),
        to_level=to_level,
        level_place=2,
    ).reach(0.9)[:, -1]


def ends(interval):
    return np.array([interval.lower, interval.upper])


def interval_of(estimate, draws):
    return ends(uncertainty.block_interval(estimate, draws, 20))


def usual_changes(earlier=EARLIER, now=THIS_MONTH, *, kind="signed"):
    """Return limits (as widths, which do not mind a sign) and p-values, one column a quantity."""
    found = month_to_month.usual_change(earlier, now, kind=month_to_month.QuantityKind(kind))
    return np.array([found.upper - found.lower, found.p_value, found.p_adjusted])


def compared_with(factor=1.0, order=slice(None)):
    usual = month_to_month.usual_change(factor * EARLIER[:, order], factor * THIS_MONTH[order])
    year = np.where(np.arange(12) % 2, 0.1, 50.0)[order]
    now = np.full(12, factor * 99.0)
    found = month_to_month.deciding_comparisons(now, factor * year, usual=usual, floor=abs(factor))
    return np.array([list(month_to_month.Against).index(against) for against in found])


def onset(values):
    """Return the month, and the levels before and since it."""
    found = since_when.since_when([str(i) for i in range(len(values))], values)
    return np.array([float(found.since), found.before, found.after])


# Measures of other things: pairs that must be equal, each with what it says.
SAME = {
    "usual_range": {
        "months in reverse": (limits(YEAR[::-1]), limits(YEAR)),
        "mirrored": (limits(-YEAR), -limits(YEAR)[::-1]),
        "another unit": (limits(100 * YEAR - 3), 100 * limits(YEAR) - 3),
    },
    "laney_usual_range": {
        "months in reverse": (laney_limits(EVENTS[::-1], UNITS[::-1]), laney_limits(EVENTS, UNITS)),
        "another unit": (
            laney_limits(EVENTS, 12 * UNITS, n_units_now=12 * 5_200.0, per=12_000.0),
            laney_limits(EVENTS, UNITS),
        ),
        "another base": (laney_limits(EVENTS, UNITS, per=1.0), laney_limits(EVENTS, UNITS) / 1_000),
    },
    "detectable_change": {
        "mirrored": (
            change(-YEAR, bounds=Range())[:2],
            -change(YEAR, bounds=Range())[1::-1],
        ),
        "another unit": (change(100 * YEAR), change(YEAR) * [100, 100, 1, 1]),
        "another unit of a rate": (
            change(100 * YEAR, n_events=40),
            change(YEAR, n_events=40) * [100, 100, 1, 1],
        ),
    },
    "rate_ratio": {
        "months in another order": (
            rate_ratio(6_000, EVENTS[::-1], UNITS[::-1]),
            rate_ratio(6_000, EVENTS, UNITS),
        ),
        "another unit": (rate_ratio(72_000, EVENTS, 12 * UNITS), rate_ratio(6_000, EVENTS, UNITS)),
        "with a month without a value": (
            rate_ratio(6_000, np.append(EVENTS, 9) * 1.0, np.append(UNITS, np.nan)),
            rate_ratio(6_000, EVENTS, UNITS),
        ),
    },
    "risk_ratio": {
        "sides swapped": (risk_ratio(60, 8_000, 12, 400), 1 / risk_ratio(12, 400, 60, 8_000)[::-1]),
    },
    "nowcast": {
        "equal units against none": (expected_tickets(n_units=np.full(80, 7.0)), expected_tickets()),
        "another unit": (
            expected_tickets(n_units=12 * BUSY[np.arange(80) % 60]),
            expected_tickets(n_units=BUSY[np.arange(80) % 60]),
        ),
        "days after the window": (expected_tickets(), expected_tickets(until=77)),
    },
    "quantile": {
        "in another order": (
            response_time.quantile(LATENCIES[::-1], 0.95),
            response_time.quantile(LATENCIES, 0.95),
        ),
        "another unit": (
            response_time.quantile(LATENCIES / 1_000, 0.95),
            response_time.quantile(LATENCIES, 0.95) / 1_000,
        ),
    },
    "quantile_of_counts": {
        "without the empty ends": (
            response_time.quantile_of_counts(BUCKETS[USED], 0.95, LATENCY_GRID, first_bucket=USED.start),
            response_time.quantile_of_counts(BUCKETS, 0.95, LATENCY_GRID),
        ),
        "every bucket ten further": (
            response_time.quantile_of_counts(BUCKETS[USED], 0.95, LATENCY_GRID, first_bucket=USED.start + 10),
            response_time.quantile_of_counts(BUCKETS, 0.95, LATENCY_GRID) * LATENCY_GRID.ratio**10,
        ),
        "by days": (
            response_time.quantile_of_counts([BUCKETS, 2 * BUCKETS], 0.95, LATENCY_GRID),
            [response_time.quantile_of_counts(k * BUCKETS, 0.95, LATENCY_GRID) for k in (1, 2)],
        ),
    },
    "peak_windows": {
        "windows in another order": (
            response_time.peak_windows(BUSY[BUSY_ORDER], share=0.3),
            response_time.peak_windows(BUSY, share=0.3)[BUSY_ORDER],
        ),
        "every request seven times": (
            response_time.peak_windows(7 * BUSY, share=0.3),
            response_time.peak_windows(BUSY, share=0.3),
        ),
        "with empty windows": (
            response_time.peak_windows(np.append(BUSY, [0, 0]), share=0.3)[:-2],
            response_time.peak_windows(BUSY, share=0.3),
        ),
    },
    "window_minutes": {
        "hours in another order": (
            response_time.window_minutes(BY_HOUR[::-1].ravel()),
            response_time.window_minutes(BY_HOUR.ravel()),
        ),
        "with empty hours": (
            response_time.window_minutes(np.append(np.zeros(120), BY_HOUR)),
            response_time.window_minutes(BY_HOUR.ravel()),
        ),
    },
    "within_share": {
        "every request three times": (budget(3).within_share, budget(1).within_share),
        "another target": (budget(1, target_share=0.9).within_share, budget(1).within_share),
    },
    "used_share": {
        "every request three times": (budget(3).used_share, budget(1).used_share),
        "twice the budget": (budget(1, target_share=0.9).used_share, budget(1).used_share / 2),
    },
    "concentration": {
        "windows in another order": (
            BUSY_ORDER[list(slow_requests.concentration(BUSY[BUSY_ORDER], 0.3).windows)],
            slow_requests.concentration(BUSY, 0.3).windows,
        ),
        "every request seven times": (
            dataclasses.astuple(slow_requests.concentration(7 * BUSY, 0.3))[1:],
            dataclasses.astuple(slow_requests.concentration(BUSY, 0.3))[1:] * np.array([1, 7, 7]),
        ),
    },
    "stage_means": {
        "stages in another order": (
            stages_by_name(slow_requests.stage_means(dict(reversed(STAGES.items())), sum_total=1_000.0, n=2)),
            stages_by_name(SLOW_DAY),
        ),
        "every request three times": (
            stages_by_name(
                slow_requests.stage_means({k: 3 * v for k, v in STAGES.items()}, sum_total=3_000.0, n=6)
            ),
            stages_by_name(SLOW_DAY),
        ),
    },
    "stage_differences": {
        "sides swapped": (
            stages_by_name(slow_requests.stage_differences(SLOW_DAY, QUICK_DAY)),
            -np.array(stages_by_name(slow_requests.stage_differences(QUICK_DAY, SLOW_DAY))),
        ),
    },
    "mix_and_within": {
        "sides swapped": (split(*GROUPS[2:], *GROUPS[:2]), -split(*GROUPS)),
        "groups in another order": (split(*(part[::-1] for part in GROUPS)), split(*GROUPS)[:, ::-1]),
        "every request three times": (
            split(3 * GROUPS[0], GROUPS[1], 3 * GROUPS[2], GROUPS[3]),
            split(*GROUPS),
        ),
        "another unit": (split(*in_unit(GROUPS, 8.0)), 8 * split(*GROUPS)),
        "every request longer by as much": (split(*in_unit(GROUPS, 1.0, 25.0)), split(*GROUPS)),
    },
    "mix": {
        "sides swapped": (totals_of_split(*GROUPS[2:], *GROUPS[:2])[0], -totals_of_split(*GROUPS)[0]),
        "mix and within": (totals_of_split(*GROUPS).sum(), mean_of(*GROUPS[2:]) - mean_of(*GROUPS[:2])),
    },
    "within": {
        "sides swapped": (totals_of_split(*GROUPS[2:], *GROUPS[:2])[1], -totals_of_split(*GROUPS)[1]),
        "groups in another order": (
            totals_of_split(*(part[::-1] for part in GROUPS))[1],
            totals_of_split(*GROUPS)[1],
        ),
    },
    "shared_by": {
        "cells in another order": (slow_group(slice(None, None, -1)), slow_group()),
        "attributes in another order": (slow_group(places=(2, 1, 0)), slow_group()),
        "cells in two parts": (slow_group(parts=2), slow_group()),
    },
    "left_by": {
        "every person three times": (patience.left_by(3 * LEFT, 3 * SHOWN), patience.left_by(LEFT, SHOWN)),
        "with an empty bucket": (
            np.delete(patience.left_by(np.insert(LEFT, 2, 0, -1), np.insert(SHOWN, 2, 0, -1)), 2, -1),
            patience.left_by(LEFT, SHOWN),
        ),
        "strata one by one": (
            [patience.left_by(left, shown) for left, shown in zip(LEFT, SHOWN, strict=True)],
            patience.left_by(LEFT, SHOWN),
        ),
    },
    "share_left_by": {
        "every person three times": (
            patience.share_left_by(3 * LEFT, 3 * SHOWN, 4),
            patience.share_left_by(LEFT, SHOWN, 4),
        ),
        "as a point of the curve": (
            patience.share_left_by(LEFT, SHOWN, 4),
            patience.left_by(LEFT, SHOWN)[:, 4],
        ),
    },
    "left_after": {
        "strata added up": (patience.left_after(LEFT.sum(axis=0), 2), patience.left_after(LEFT, 2).sum()),
        "short waits in another order": (
            patience.left_after(LEFT[:, [2, 0, 1, *range(3, 8)]], 2),
            patience.left_after(LEFT, 2),
        ),
    },
    "lost_to_waiting": {
        "every person three times": (
            patience.lost_to_waiting(3 * LEFT, 3 * SHOWN, 2),
            3 * patience.lost_to_waiting(LEFT, SHOWN, 2),
        ),
        "with an empty bucket": (
            patience.lost_to_waiting(np.insert(LEFT, 2, 0, -1), np.insert(SHOWN, 2, 0, -1), 3),
            patience.lost_to_waiting(LEFT, SHOWN, 2),
        ),
    },
    "classify": {
        "in another order": (tickets.classify(TEXTS[::-1]).score, tickets.classify(TEXTS).score[::-1]),
        "in capitals": (
            tickets.classify([text.upper() for text in TEXTS]).score,
            tickets.classify(TEXTS).score,
        ),
    },
    "theme_of": {
        "in another order": (theme_codes(TEXTS[::-1]), theme_codes(TEXTS)[::-1]),
        "in capitals": (theme_codes([text.upper() for text in TEXTS]), theme_codes(TEXTS)),
    },
    "estimate": {
        "twice the labels, as many of them true": (
            Stratum(n_tickets=200, n_labelled=100, n_true=80).estimate,
            Stratum(n_tickets=200, n_labelled=50, n_true=40).estimate,
        ),
        "twice the tickets": (
            Stratum(n_tickets=160, n_labelled=50, n_true=40).estimate,
            2 * FLAGGED.estimate,
        ),
        "classes swapped": (80 - Stratum(n_tickets=80, n_labelled=50, n_true=10).estimate, FLAGGED.estimate),
    },
    "audited_count": {
        "strata swapped": (audited(UNFLAGGED, FLAGGED), audited(FLAGGED, UNFLAGGED)),
        "with an empty stratum": (
            audited(FLAGGED, Stratum(n_tickets=0)),
            80 - audited(Stratum(n_tickets=80, n_labelled=50, n_true=10), Stratum(n_tickets=0))[::-1],
        ),
    },
    "audit_disagrees": {
        "earlier months in another order": (audit_p_values(MONTHLY[::-1]), audit_p_values(MONTHLY)),
        "earlier months added up": (audit_p_values([merged_audit(MONTHLY)]), audit_p_values(MONTHLY)),
        "strata swapped": (audit_p_values(MONTHLY, swapped=True), audit_p_values(MONTHLY)[::-1]),
    },
    "value_curve": {
        "another unit": (
            values_and_shares(100 * IF_ALERT, 100 * IF_PASSED, CASES)[0],
            100 * values_and_shares(IF_ALERT, IF_PASSED, CASES)[0],
        ),
        "every case three times": (
            values_and_shares(IF_ALERT, IF_PASSED, 3 * CASES)[1],
            values_and_shares(IF_ALERT, IF_PASSED, CASES)[1],
        ),
        "mirrored": (
            values_and_shares(IF_PASSED[:, ::-1], IF_ALERT[:, ::-1], CASES[:, ::-1])[0],
            values_and_shares(IF_ALERT, IF_PASSED, CASES)[0][:, ::-1],
        ),
        "days added up": (
            values_and_shares(IF_ALERT.sum(axis=0), IF_PASSED.sum(axis=0), CASES.sum(axis=0))[0],
            values_and_shares(IF_ALERT, IF_PASSED, CASES)[0].sum(axis=0),
        ),
    },
    "run_of_eight": {
        "mirrored": (rates.run_of_eight(-YEAR, -3.0), rates.run_of_eight(YEAR, 3.0)),
        "another unit": (rates.run_of_eight(100 * YEAR, 300.0), rates.run_of_eight(YEAR, 3.0)),
        "older months": (rates.run_of_eight(np.append(-YEAR, YEAR), 3.0), rates.run_of_eight(YEAR, 3.0)),
    },
    "share_z": {
        "windows swapped": (
            relabelling.share_z([9, 40], [0, 55], n_reference=500, n_current=700),
            -relabelling.share_z([0, 55], [9, 40], n_reference=700, n_current=500),
        ),
        "the other rows counted": (
            relabelling.share_z([491, 460], [700, 645], n_reference=500, n_current=700),
            -relabelling.share_z([9, 40], [0, 55], n_reference=500, n_current=700),
        ),
        "every row four times": (
            relabelling.share_z([36, 160], [0, 220], n_reference=2_000, n_current=2_800),
            2 * relabelling.share_z([9, 40], [0, 55], n_reference=500, n_current=700),
        ),
    },
    "new_names": {
        "every row three times": (
            relabelling.new_names(3 * BUSY, 3 * BUSY[::-1]),
            relabelling.new_names(BUSY, BUSY[::-1]),
        ),
        "names in another order": (
            relabelling.new_names(BUSY[BUSY_ORDER], BUSY[::-1][BUSY_ORDER]),
            relabelling.new_names(BUSY, BUSY[::-1])[BUSY_ORDER],
        ),
    },
    "relabellings": {
        "names in another order": (
            of_pairs(relabelling.relabellings(category_shares(*CATEGORIES, [4, 1, 3, 0, 2]))),
            of_pairs(relabelling.relabellings(category_shares(*CATEGORIES))),
        ),
        "windows swapped": (
            of_pairs(relabelling.relabellings(category_shares(*CATEGORIES[::-1]))),
            np.array(of_pairs(relabelling.relabellings(category_shares(*CATEGORIES))))[:, [1, 0, 3, 2]],
        ),
    },
    "swapped": {
        "windows swapped": (
            of_pairs(relabelling.swapped(category_shares([9, 0, 90, 20, 50], [9, 0, 20, 90, 50])))[0][2:],
            of_pairs(relabelling.swapped(category_shares([9, 0, 20, 90, 50], [9, 0, 90, 20, 50])))[1][2:],
        ),
    },
    "unit_change": {
        "another unit": (of_unit(8.0), of_unit()),
        "with empty cells": (of_unit(first=0, empty=[30, 31, 2_001]), of_unit(first=0)),
    },
    "input_changes": {
        "every row three times": (of_input(3 * SIZE_ROWS[0], 3 * SIZE_ROWS[1][::-1]), of_input()),
        "another unit": (of_input(factor=8.0), of_input()),
        "another zero": (of_input(shift=-50.0), of_input()),
        "windows swapped": (of_input(SIZE_ROWS[1][::-1], SIZE_ROWS[0])[:, ::-1], of_input()),
    },
    "share": {
        "every row three times": (
            expected_measures.OutcomeCurve.fitted(*(3 * BY_SCORE[:2])).share,
            expected_measures.OutcomeCurve.fitted(*BY_SCORE[:2]).share,
        ),
        "classes swapped, mirrored": (
            expected_measures.OutcomeCurve.fitted(*BY_SCORE[1::-1, ::-1]).share,
            1 - expected_measures.OutcomeCurve.fitted(*BY_SCORE[:2]).share[::-1],
        ),
    },
    "measured": {
        "every row three times": (
            expected_measures.measured(*expected_rows(3)[:2]),
            expected_measures.measured(*expected_rows()[:2]),
        ),
        "with an empty bin": (
            expected_measures.measured(*expected_rows(empty=True)[:2]),
            expected_measures.measured(*expected_rows()[:2]),
        ),
        "months in another order": (
            expected_measures.measured(*expected_rows(order=slice(None, None, -1))[:2]),
            expected_measures.measured(*expected_rows()[:2])[:, ::-1],
        ),
    },
    "slopes": {
        "every row three times": (
            expected_measures.slopes(*expected_rows(3)[:2]).alerted,
            expected_measures.slopes(*expected_rows()[:2]).alerted / 3,
        ),
    },
    "of_share": {
        "every row three times": (
            expected_measures.slopes(*expected_rows(3)[:2]).of_share(expected_rows(3)[1]),
            expected_measures.slopes(*expected_rows()[:2]).of_share(expected_rows()[1]),
        ),
    },
    "variance": {
        "every row three times": (
            expected_measures.slopes(*expected_rows(3)[:2]).variance(*expected_rows(3)[1:]),
            expected_measures.slopes(*expected_rows()[:2]).variance(*expected_rows()[1:]) / 3,
        ),
        "with an empty bin": (
            expected_measures.slopes(*expected_rows(empty=True)[:2]).variance(*expected_rows(empty=True)[1:]),
            expected_measures.slopes(*expected_rows()[:2]).variance(*expected_rows()[1:]),
        ),
    },
    "reach": {
        "another unit": (reach_of(8.0), 8 * reach_of()),
        "mirrored": (reach_of(-1.0), reach_of()),
        "months in another order": (reach_of(order=slice(None, None, -1)), reach_of()),
    },
    "estimate_performance": {
        "months in another order": (estimates_of(order=[2, 0, 3, 1]), estimates_of()),
        "with an empty bin": (estimates_of(empty=True), estimates_of()),
        "scores squared": (estimates_of(power=2)[[0, 1, 6]], estimates_of()[[0, 1, 6]]),
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
    **{
        measure.__name__: {
            "windows swapped": (measure(*BINNED[::-1]), measure(*BINNED)),
            "bins in another order": (measure(*BINNED[:, ::-1]), measure(*BINNED)),
            "with an empty bin": (measure(*np.insert(BINNED, 3, 0, axis=1)), measure(*BINNED)),
            "every row three times": (
                measure(*(3 * BINNED)) + of_sampling * divergence.psi_sampling_bias(*(3 * BINNED)),
                measure(*BINNED) + of_sampling * divergence.psi_sampling_bias(*BINNED),
            ),
        }
        for measure, of_sampling in (
            (divergence.population_stability_index, 0),
            (divergence.adjusted_psi, 1),
            (divergence.jensen_shannon_distance, 0),
        )
    },
    "psi_sampling_bias": {
        "windows swapped": (
            divergence.psi_sampling_bias(*BINNED[::-1]),
            divergence.psi_sampling_bias(*BINNED),
        ),
        "with an empty bin": (
            divergence.psi_sampling_bias(*np.insert(BINNED, 3, 0, axis=1)),
            divergence.psi_sampling_bias(*BINNED),
        ),
        "every row three times": (
            divergence.psi_sampling_bias(*(3 * BINNED)),
            divergence.psi_sampling_bias(*BINNED) / 3,
        ),
    },
    **{
        measure.__name__: {
            "another unit": (measure(100 * BIN_VALUES - 3, *BINNED), measure(BIN_VALUES, *BINNED)),
            "mirrored": (
                measure(-BIN_VALUES[::-1], *BINNED[:, ::-1]),
                sign * measure(BIN_VALUES, *BINNED),
            ),
            "every row three times": (measure(BIN_VALUES, *(3 * BINNED)), measure(BIN_VALUES, *BINNED)),
            "with an empty bin": (
                measure(np.insert(BIN_VALUES, 3, 5.0), *np.insert(BINNED, 3, 0, axis=1)),
                measure(BIN_VALUES, *BINNED),
            ),
        }
        for measure, sign in ((divergence.wasserstein_in_sd, 1), (divergence.mean_shift_in_sd, -1))
    },
    "benjamini_hochberg": {
        "in another order": (
            uncertainty.benjamini_hochberg(P_VALUES[::-1]),
            uncertainty.benjamini_hochberg(P_VALUES)[::-1],
        ),
        "without those not made": (
            uncertainty.benjamini_hochberg(P_VALUES[~np.isnan(P_VALUES)]),
            uncertainty.benjamini_hochberg(P_VALUES)[~np.isnan(P_VALUES)],
        ),
        "every one twice": (
            uncertainty.benjamini_hochberg(np.tile(P_VALUES, 2)),
            np.tile(uncertainty.benjamini_hochberg(P_VALUES), 2),
        ),
    },
    "relation_change": {
        "rows in another order": (related(*RELATED[:, ::-1])[:-2], related(*RELATED)[:-2]),
        "reference months in another order": (related(*RELATED[[1, 0, 2]])[:-2], related(*RELATED)[:-2]),
        "inputs in another order": (related(*RELATED[:, :, ::-1], names="cba")[:-2], related(*RELATED)[:-2]),
        "another unit every month": (
            related(*(np.exp(place * month) for place, month in enumerate(RELATED, start=1))),
            related(*RELATED),
        ),
        "mirrored": (related(*-RELATED), related(*RELATED)),
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
    "fit_score_effects": {
        "rows in another order": (
            learned(CODED[::-1], targets=EXPLAINED[::-1]).coefficients,
            learned().coefficients,
        ),
        "another unit": (learned(targets=8 * EXPLAINED - 3).coefficients, 8 * learned().coefficients),
        "bins in another order": (
            learned(3 - CODED).coefficients.reshape(3, 4, 2)[:, ::-1],
            learned().coefficients.reshape(3, 4, 2),
        ),
        "inputs in another order": (
            learned(CODED[:, ::-1]).coefficients.reshape(3, 4, 2)[::-1],
            learned().coefficients.reshape(3, 4, 2),
        ),
        "with an empty bin": (
            learned(n_bins=(5, 5, 5)).coefficients.reshape(3, 5, 2)[:, :4],
            learned().coefficients.reshape(3, 4, 2),
        ),
        "with an input of one bin": (
            learned(np.insert(CODED, 0, 0, axis=1), (1, 4, 4, 4)).coefficients[1:],
            learned().coefficients,
        ),
    },
    "input_weights": {
        "another unit": (learned(targets=8 * EXPLAINED - 3).input_weights, learned().input_weights),
        "inputs in another order": (learned(CODED[:, ::-1]).input_weights[::-1], learned().input_weights),
        "bins in another order": (learned(3 - CODED).input_weights, learned().input_weights),
    },
    "effects": {
        "windows swapped": (effects_of(learned(), BY_BIN[::-1])[0], -effects_of(learned())[0]),
        "every row three times": (effects_of(learned(), 3 * BY_BIN), effects_of(learned())),
        "another unit": (effects_of(learned(targets=8 * EXPLAINED - 3)), 8 * effects_of(learned())),
        "bins in another order": (
            effects_of(learned(3 - CODED), BY_BIN[:, :, ::-1]),
            effects_of(learned()),
        ),
        "inputs in another order": (
            effects_of(learned(CODED[:, ::-1]), BY_BIN[:, ::-1])[:, ::-1],
            effects_of(learned()),
        ),
        "with an empty bin": (
            effects_of(learned(n_bins=(5, 5, 5)), np.insert(BY_BIN, 4, 0, axis=-1)),
            effects_of(learned()),
        ),
    },
    "decompose": {
        "windows swapped": (
            unexplained([-0.1, -0.2], BY_BIN[::-1]),
            -unexplained([0.1, 0.2]),
        ),
        "a further change": (unexplained([0.4, 0.1]) - unexplained([0.1, 0.2]), [0.3, -0.1]),
    },
    "sparse_share": {
        "every row three times": (
            learned().sparse_share(3 * BY_BIN[0].ravel()),
            learned().sparse_share(BY_BIN[0].ravel()),
        ),
        "windows one by one": (
            [learned().sparse_share(window) for window in BY_BIN.reshape(2, 12)],
            learned().sparse_share(BY_BIN.reshape(2, 12)),
        ),
    },
    "usual_change": {
        "months in reverse": (usual_changes(EARLIER[::-1]), usual_changes()),
        "quantities in another order": (
            usual_changes(EARLIER[:, ::-1], THIS_MONTH[::-1]),
            usual_changes()[:, ::-1],
        ),
        "mirrored": (usual_changes(-EARLIER, -THIS_MONTH), usual_changes()),
        "another unit": (
            usual_changes(100 * EARLIER, 100 * THIS_MONTH),
            usual_changes() * [[100], [1], [1]],
        ),
        "distances and their squares": (
            usual_changes(EARLIER**2, THIS_MONTH**2, kind="squared_distance")[1:],
            usual_changes(abs(EARLIER), abs(THIS_MONTH), kind="distance")[1:],
        ),
    },
    "deciding_comparisons": {
        "quantities in another order": (compared_with(order=slice(None, None, -1)), compared_with()[::-1]),
        "another unit": (compared_with(100.0), compared_with()),
        "mirrored": (compared_with(-1.0), compared_with()),
    },
    "since_when": {
        "another unit": (onset(100 * SINCE_MAY - 3), onset(SINCE_MAY) * [1, 100, 100] - [0, 3, 3]),
        "mirrored": (onset(-SINCE_MAY), onset(SINCE_MAY) * [1, -1, -1]),
        "with months without a value before": (
            onset(np.append([np.nan, np.nan], SINCE_MAY)) - [2, 0, 0],
            onset(SINCE_MAY),
        ),
        "first months of the new level in another order": (
            onset(SINCE_MAY[[0, 1, 2, 3, 6, 5, 4, 7, 8]]),
            onset(SINCE_MAY),
        ),
    },
    "index": {
        "mirrored": (
            GRID.index(1 - np.array([0.1, 0.33, 0.9])),
            GRID.n_bins - 1 - GRID.index([0.1, 0.33, 0.9]),
        ),
        "in another order": (GRID.index([0.9, 0.1]), GRID.index([0.1, 0.9])[::-1]),
        "latencies ten buckets further": (
            LATENCY_GRID.index(LATENCIES * LATENCY_GRID.ratio**10),
            LATENCY_GRID.index(LATENCIES) + 10,
        ),
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
    assert {"laney_usual_range", "used_share", "shared_by", "nowcast", "value_curve"} <= names
    assert "did_you_mean" not in names
    assert Confusion.__name__ not in names
