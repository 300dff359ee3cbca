"""Performance first: whether ranking and calibration changed, for all cases and for segments at equal score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.drift_evidence import DriftEvidence, OutcomeMonth, SegmentMonths
from afterlaunch.drift_policy import WIDE, DriftPolicy
from afterlaunch.drift_report import ModelDrift, SegmentMix, SegmentOutcome, SegmentOutcomes
from afterlaunch.findings import Finding, Measurement
from afterlaunch.health_measures import Resampling, known, unknown
from afterlaunch.month_to_month import Against, UsualChange, from_the_others, usual_change
from afterlaunch.performance import roc_auc
from afterlaunch.since_when import since_when
from afterlaunch.uncertainty import Interval, NoInterval, block_interval, block_weights

Floats: TypeAlias = npt.NDArray[np.float64]
# Of counts by bin, without and with the outcome, and sums of scores; days or draws are on the first axis.
_Measure: TypeAlias = Callable[[Floats, Floats, Floats], Floats]

MIN_POSITIVE = 30
"""Outcomes that happened, and that did not, without which neither ranking nor calibration is judged."""
N_SHOWN = 8
# A change of the gap that is worth explaining, in percentage points, and the part of it that is worth telling.
_FEWEST_PP, _GOOD_PART = 0.5, 0.25


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Series:
    """A number of each outcome month, its sampling error, and the interval of the last one; changes are differences."""

    values: Floats
    errors: Floats
    interval: Interval | NoInterval


def outcome_findings(
    evidence: DriftEvidence, *, policy: DriftPolicy, resampling: Resampling
) -> tuple[ModelDrift, ...]:
    """Return ranking and calibration of the month whose outcomes can be judged, against the months before it.

    Ranking is ROC AUC; calibration is outcomes per expected outcome. Both are held against the mean of the reference
    months, each of which says by its distance from the others what is usual. Where too few months say so, calibration
    is held against what scores promise: as many outcomes as expected.
    """
    months = reference_outcomes(evidence, policy)
    if len(months) < 2:
        return tuple(_not_known(name, evidence, policy) for name in ("roc_auc", "observed_expected_ratio"))
    ranking = _series(months, _ranking, resampling)
    calibration = _series(months, _log_calibration, resampling)
    return (
        _ranking_finding(months, ranking, policy),
        _calibration_finding(months, calibration, policy),
    )


def reference_outcomes(evidence: DriftEvidence, policy: DriftPolicy) -> tuple[OutcomeMonth, ...]:
    """Return the reference months with enough outcomes and, last, the month that is judged; none without it.

    Months that the same versions scored are the reference; where there are none, those of other versions say at least
    how well the model did before.
    """
    if not evidence.outcomes or not _is_enough(evidence.outcomes[-1], policy):
        return ()
    judged = evidence.outcomes[-1]
    earlier = [month for month in evidence.outcomes[:-1] if _is_enough(month, policy)]
    alike = [month for month in earlier if _is_of_the_same_versions(month, judged)]
    return (*(alike or earlier)[-policy.reference_months :], judged)


def _is_of_the_same_versions(month: OutcomeMonth, other: OutcomeMonth) -> bool:
    return set(month.versions) == set(other.versions)


def _is_enough(month: OutcomeMonth, policy: DriftPolicy) -> bool:
    n_positive = month.n_positive.sum()
    return month.n >= policy.min_n and min(n_positive, month.n - n_positive) >= MIN_POSITIVE


def _ranking(negative: Floats, positive: Floats, _: Floats) -> Floats:
    return np.asarray(roc_auc(negative, positive), dtype=np.float64)


def _log_calibration(_: Floats, positive: Floats, sum_score: Floats) -> Floats:
    # A draw may hold no outcome that happened, or no row at all.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(positive.sum(axis=-1) / sum_score))


def _series(months: Sequence[OutcomeMonth], measure: _Measure, resampling: Resampling) -> _Series:
    values, errors = np.zeros(len(months)), np.zeros(len(months))
    interval: Interval | NoInterval = NoInterval(reason="")
    for i, month in enumerate(months):
        n_days = month.sum_score.size
        sums = (month.n_negative, month.n_positive, month.sum_score)
        values[i] = measure(*(each.sum(axis=0) for each in sums))
        weights = block_weights(n_days, resampling.n_resamples, seed=resampling.seed).astype(np.float64)
        used = np.flatnonzero(month.n_negative.sum(axis=0) + month.n_positive.sum(axis=0))
        draws = measure(
            weights @ month.n_negative[:, used],
            weights @ month.n_positive[:, used],
            weights @ month.sum_score,
        )
        errors[i] = float(np.nanstd(draws[np.isfinite(draws)]))
        interval = block_interval(float(values[i]), draws, n_days)
    return _Series(values=values, errors=errors, interval=interval)


def _changes(series: _Series) -> tuple[float, UsualChange]:
    """Return the last month's change against the mean of the others, and what is usual among those."""
    earlier = series.values[:-1]
    change = float(series.values[-1] - earlier.mean())
    usual = usual_change(from_the_others(earlier[:, None]), np.array([change]), se=series.errors[-1:])
    return change, usual


def _usual_size(usual: UsualChange, error: float, *, downwards: bool) -> float:
    """Return up to where a change is usual; where months do not say, what sampling alone explains."""
    size = max(0.0, -float(usual.lower[0])) if downwards else float(usual.size[0])
    return WIDE * error if _against(usual) is Against.FLOOR_ONLY else size


def _against(usual: UsualChange) -> Against:
    return Against.FLOOR_ONLY if math.isnan(usual.upper[0]) else Against.OTHER_MONTHS


def _ranking_finding(months: Sequence[OutcomeMonth], series: _Series, policy: DriftPolicy) -> ModelDrift:
    change, usual = _changes(series)
    month = months[-1]
    fall = Measurement(
        measure="fall_of_roc_auc",
        subject=month.window.title,
        value=max(0.0, -change),
        unit="score",
        n=month.n,
    )
    limit = _usual_size(usual, float(series.errors[-1]), downwards=True)
    return ModelDrift(
        finding=Finding(
            code="drift.ranking",
            measurement=fall,
            threshold=policy.ranking.threshold(usual=limit, min_n=policy.min_n),
        ),
        title="Ranking quality (ROC AUC)",
        decimals=3,
        before=float(series.values[:-1].mean()),
        after=known(
            "roc_auc",
            "score",
            month.window.title,
            value=float(series.values[-1]),
            interval=series.interval,
            n=month.n,
        ),
        month=month.window.label,
        against=_against(usual),
        onset=since_when([m.window.label for m in months], series.values, se=series.errors),
    )


def _calibration_finding(months: Sequence[OutcomeMonth], series: _Series, policy: DriftPolicy) -> ModelDrift:
    change, usual = _changes(series)
    month = months[-1]
    before = math.exp(float(series.values[:-1].mean()))
    if _against(usual) is Against.FLOOR_ONLY:
        # Too few months to say what is usual: scores promise that outcomes happen as often as expected.
        change, before = float(series.values[-1]), 1.0
    factor = Measurement(
        measure="factor_of_observed_expected_ratio",
        subject=month.window.title,
        value=math.exp(abs(change)),
        unit="ratio",
        n=month.n,
    )
    limit = math.exp(_usual_size(usual, float(series.errors[-1]), downwards=False))
    interval = series.interval
    if isinstance(interval, Interval):
        interval = Interval(lower=math.exp(interval.lower), upper=math.exp(interval.upper))
    return ModelDrift(
        finding=Finding(
            code="drift.calibration",
            measurement=factor,
            threshold=policy.calibration.threshold(usual=limit, min_n=policy.min_n),
        ),
        title="Observed per expected outcome",
        decimals=2,
        before=before,
        after=known(
            "observed_expected_ratio",
            "ratio",
            month.window.title,
            value=math.exp(float(series.values[-1])),
            interval=interval,
            n=month.n,
        ),
        month=month.window.label,
        against=_against(usual),
        onset=since_when([m.window.label for m in months], np.exp(series.values)),
    )


def _not_known(measure: str, evidence: DriftEvidence, policy: DriftPolicy) -> ModelDrift:
    is_ranking = measure == "roc_auc"
    subject = evidence.window.title
    reason = _why_no_outcomes(evidence)
    if evidence.outcomes:
        reason = (
            f"{evidence.outcomes[-1].window.title} and a month before it need {policy.min_n} judged rows each, "
            f"{MIN_POSITIVE} of either outcome"
        )
    unit = "score" if is_ranking else "ratio"
    limits = policy.ranking if is_ranking else policy.calibration
    return ModelDrift(
        finding=Finding(
            code="drift.ranking" if is_ranking else "drift.calibration",
            measurement=unknown(measure, unit, subject, reason=reason),
            threshold=limits.threshold(min_n=policy.min_n),
        ),
        title="Ranking quality (ROC AUC)" if is_ranking else "Observed per expected outcome",
        decimals=3 if is_ranking else 2,
        before=math.nan,
        after=unknown(measure, unit, subject, reason=reason),
        month=evidence.outcomes[-1].window.label if evidence.outcomes else evidence.window.label,
        against=Against.FLOOR_ONLY,
    )


def _why_no_outcomes(evidence: DriftEvidence) -> str:
    if evidence.outcomes_complete_until is None:
        return "no outcomes are known"
    return "no outcomes are known of rows that the model was not trained on"


# --- segments at equal score --------------------------------------------------------------------------------------


def segment_outcomes(evidence: DriftEvidence, *, policy: DriftPolicy) -> SegmentOutcomes:
    """Hold each segment's outcomes per expected outcome against its own months before, apart from what changed for all.

    A segment is compared when it has :data:`MIN_POSITIVE` outcomes in the judged month and in the reference months.
    """
    months = reference_outcomes(evidence, policy)
    places = [i for i, month in enumerate(evidence.outcomes) if month in months]
    # Another version's scores do not mean the same, so nothing is at equal score.
    is_comparable = len(places) > 1 and _is_of_the_same_versions(months[0], months[-1])
    large = [one for one in evidence.segments if is_comparable and _is_large(one, places)]
    if not large:
        return _no_segments(evidence, policy)
    positive = np.stack([one.n_positive[places] for one in large], axis=1)
    expected = np.stack([one.sum_score[places] for one in large], axis=1)
    log_ratio = np.log((positive + 0.5) / (expected + 0.5))
    overall = np.array([math.log(m.n_positive.sum() / m.sum_score.sum()) for m in months])
    pooled = np.log((positive[:-1].sum(axis=0) + 0.5) / (expected[:-1].sum(axis=0) + 0.5))
    earlier = log_ratio[:-1] - overall[:-1, None]
    change = log_ratio[-1] - pooled
    columns = np.array([one.column for one in large])
    for column in np.unique(columns):
        same = columns == column
        change[same] -= _middle(change[same], expected[-1, same])
    errors = np.sqrt(1 / (positive[-1] + 0.5) + 1 / (positive[:-1].sum(axis=0) + 0.5))
    usual = usual_change(from_the_others(earlier), change, se=errors)
    rows = [
        _segment_row(
            one, places, i, change=float(change[i]), usual=usual, error=float(errors[i]), policy=policy
        )
        for i, one in enumerate(large)
    ]
    rows.sort(key=lambda row: (not row.is_changed, -abs(math.log(row.factor)), row.column, row.value))
    changed = [row for row in rows if row.is_changed]
    largest = max((max(row.factor, 1 / row.factor) for row in changed), default=1.0)
    measurement = Measurement(
        measure="factor_of_observed_expected_ratio",
        subject="segments",
        value=largest,
        unit="ratio",
        n=months[-1].n,
    )
    return SegmentOutcomes(
        finding=Finding(
            code="drift.segments",
            measurement=measurement,
            threshold=policy.segment_calibration.threshold(min_n=policy.min_n),
        ),
        shown=tuple(rows[: max(N_SHOWN, len(changed))]),
        n_compared=len(rows),
        mix=_mix(evidence.segments, months, places),
    )


def _mix(
    segments: Sequence[SegmentMonths], months: Sequence[OutcomeMonth], places: Sequence[int]
) -> tuple[SegmentMix, ...]:
    """Say which columns' changed mix explains a good part of the change of the calibration gap.

    A segment's gap in the reference months, times what its share of the cases changed, is what it brings about if the
    model does neither better nor worse on it than before.
    """
    gaps = [(m.n_positive.sum() - m.sum_score.sum()) / m.n for m in months]
    change = 100 * float(gaps[-1] - np.average(gaps[:-1], weights=[m.n for m in months[:-1]]))
    found = []
    for column in dict.fromkeys(one.column for one in segments):
        own = [one for one in segments if one.column == column]
        n = np.stack([one.n[list(places)] for one in own])
        before, after = n[:, :-1].sum(axis=1), n[:, -1]
        excess = np.stack([(one.n_positive - one.sum_score)[list(places[:-1])].sum() for one in own])
        gap = excess / np.maximum(before, 1)
        part = 100 * gap * (after / after.sum() - before / before.sum())
        largest = int(np.argmax(part * math.copysign(1.0, change)))
        mix = SegmentMix(
            column=column,
            value=own[largest].value,
            share_before=float(before[largest] / before.sum()),
            share_after=float(after[largest] / after.sum()),
            gap_pp=100 * float(gap[largest]),
            explained_pp=float(part.sum()),
            change_pp=change,
        )
        if abs(change) >= _FEWEST_PP and mix.explained_pp / change >= _GOOD_PART:
            found.append(mix)
    return tuple(sorted(found, key=lambda mix: -abs(mix.explained_pp)))


def _middle(changes: Floats, weights: Floats) -> float:
    """Return the weighted median over one column's segments: what changed for all, whatever a single one did."""
    order = np.argsort(changes)
    place = int(np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2))
    return float(changes[order[min(place, order.size - 1)]])


def _is_large(one: SegmentMonths, places: Sequence[int]) -> bool:
    positive = one.n_positive[list(places)]
    return bool(positive[-1] >= MIN_POSITIVE and positive[:-1].sum() >= MIN_POSITIVE)


def _segment_row(
    one: SegmentMonths,
    places: Sequence[int],
    i: int,
    *,
    change: float,
    usual: UsualChange,
    error: float,
    policy: DriftPolicy,
) -> SegmentOutcome:
    before, now = list(places[:-1]), places[-1]
    p_adjusted = float(usual.p_adjusted[i])
    limit = float(usual.size[i])
    if math.isnan(limit):
        limit = (WIDE + 1) * error  # many segments, and no months that say what is usual
    is_unusual = abs(change) > limit and not p_adjusted > policy.max_false_discovery
    is_large = abs(change) > math.log(policy.segment_calibration.watch)
    return SegmentOutcome(
        column=one.column,
        value=one.value,
        n=int(one.n[now]),
        n_positive=int(one.n_positive[now]),
        before=float(one.n_positive[before].sum() / one.sum_score[before].sum()),
        after=float(one.n_positive[now] / one.sum_score[now]),
        factor=math.exp(change),
        p_adjusted=None if math.isnan(p_adjusted) else p_adjusted,
        is_changed=bool(is_unusual and is_large),
    )


def _no_segments(evidence: DriftEvidence, policy: DriftPolicy) -> SegmentOutcomes:
    reason = "no segment has enough outcomes" if evidence.outcomes else _why_no_outcomes(evidence)
    if evidence.outcomes and not evidence.segments:
        reason = "model.yaml names no segments"
    elif evidence.outcomes and not any(
        _is_of_the_same_versions(m, evidence.outcomes[-1]) for m in evidence.outcomes[:-1]
    ):
        reason = f"no month before {evidence.outcomes[-1].window.title} was scored by the same versions alone"
    measurement = unknown("factor_of_observed_expected_ratio", "ratio", "segments", reason=reason)
    return SegmentOutcomes(
        finding=Finding(
            code="drift.segments",
            measurement=measurement,
            threshold=policy.segment_calibration.threshold(min_n=policy.min_n),
        ),
        shown=(),
        n_compared=0,
        reason=reason,
    )
