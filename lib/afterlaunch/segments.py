"""Segments against the rest of the month: which ones the model serves worse, beyond chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from afterlaunch.calibration import calibration_gap
from afterlaunch.health_counts import MonthCounts, SegmentDays
from afterlaunch.health_measures import Resampling
from afterlaunch.health_report import Segment, Segments
from afterlaunch.performance import roc_auc
from afterlaunch.uncertainty import MIN_BLOCKS, Interval, block_interval, block_p_value, block_weights, holm

Floats = npt.NDArray[np.float64]
N_SHOWN = 8
_TITLES = {
    "roc_auc": ("Ranking quality (ROC AUC)", "score"),
    "calibration_gap": ("Observed minus predicted share", "pp"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentPolicy:
    """When a segment is compared, and when it counts as worse than the rest.

    Parameters
    ----------
    min_n, min_positive : int
        Judged rows, and rows whose outcome happened, that a segment needs (and the rest as well).
    max_p : float
        Largest p-value, adjusted over all comparisons (Holm).
    min_difference : mapping of str to float
        Smallest difference worth a word, by measure: ``roc_auc`` in points of AUC, ``calibration_gap`` in percentage
        points.
    """

    min_n: int = 300
    min_positive: int = 30
    max_p: float = 0.05
    min_difference: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"roc_auc": 0.03, "calibration_gap": 2.0}
    )


def compare_segments(
    month: MonthCounts, segments: tuple[SegmentDays, ...], *, policy: SegmentPolicy, resampling: Resampling
) -> Segments:
    """Compare each large enough segment with the rest of the month's judged rows.

    Two measures are compared: ROC AUC, and the calibration gap (observed minus predicted share). p-values come from
    the standard error over whole days and are adjusted by Holm's method over all comparisons of the report.
    """
    if not month.n_judged:
        return Segments(
            shown=(),
            n_compared=0,
            n_worse=0,
            n_too_small=0,
            min_n=policy.min_n,
            min_days=MIN_BLOCKS,
            reason="no judged rows",
        )
    seen = month_days(month, segments)
    large = [s for s in seen if _is_large(s, policy) and _is_large(s.rest, policy)]
    n_days = month.days.n_days
    weights = block_weights(n_days, resampling.n_resamples, seed=resampling.seed).astype(np.float64)
    compared = [row for pair in large for row in _compare(pair, weights, n_days)]
    adjusted = holm(np.array([row.p_holm for row in compared])) if compared else np.array([])
    judged = [_judge(row, float(p), policy) for row, p in zip(compared, adjusted, strict=True)]
    order = sorted(
        judged, key=lambda row: (not row.is_worse, row.p_holm, -abs(row.difference), row.column, row.value)
    )
    return Segments(
        shown=tuple(order[: max(N_SHOWN, sum(row.is_worse for row in order))]),
        n_compared=len(order),
        n_worse=sum(row.is_worse for row in order),
        n_too_small=len(seen) - len(large),
        min_n=policy.min_n,
        min_days=MIN_BLOCKS,
        reason="" if large else "no segment is large enough to be compared",
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Side:
    """Counts by day and score bin of a segment or of the rest."""

    negative: Floats
    positive: Floats
    sum_score: Floats

    @property
    def n(self) -> float:
        return float(self.negative.sum() + self.positive.sum())

    @property
    def n_positive(self) -> float:
        return float(self.positive.sum())

    @property
    def n_days(self) -> int:
        """Days with rows: on fewer than :data:`MIN_BLOCKS` an interval over days means nothing."""
        return int(np.count_nonzero((self.positive + self.negative).sum(axis=-1)))

    def coarse(self) -> _Side:
        """Join every four bins: fine enough for the spread of ROC AUC over draws, at a quarter of the cost."""
        starts = np.arange(0, self.negative.shape[1], 4)
        return _Side(
            negative=np.add.reduceat(self.negative, starts, axis=1),
            positive=np.add.reduceat(self.positive, starts, axis=1),
            sum_score=self.sum_score,
        )

    def weighted(self, weights: Floats) -> _Side:
        return _Side(
            negative=weights @ self.negative,
            positive=weights @ self.positive,
            sum_score=weights @ self.sum_score,
        )

    def measures(self) -> dict[str, Floats]:
        n_positive = self.positive.sum(axis=-1)
        n = n_positive + self.negative.sum(axis=-1)
        return {
            "roc_auc": np.asarray(roc_auc(self.negative, self.positive)),
            "calibration_gap": 100 * np.asarray(calibration_gap(n_positive, self.sum_score, n)),
        }


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Pair(_Side):
    column: str
    value: str
    rest: _Side


def month_days(month: MonthCounts, segments: tuple[SegmentDays, ...]) -> list[_Pair]:
    """Pair each segment with the rest of the month, on the days that have judged rows."""
    seen = month.judged_days
    pairs = []
    for segment in segments:
        negative, positive = segment.n_negative_by_bin[seen], segment.n_positive_by_bin[seen]
        rest = _Side(
            negative=month.days.n_negative_by_bin - negative,
            positive=month.days.n_positive_by_bin - positive,
            sum_score=month.days.sum_score - segment.sum_score[seen],
        )
        pairs.append(
            _Pair(
                column=segment.column,
                value=segment.value,
                negative=negative,
                positive=positive,
                sum_score=segment.sum_score[seen],
                rest=rest,
            )
        )
    return pairs


def _is_large(side: _Side, policy: SegmentPolicy) -> bool:
    enough_of_each = min(side.n_positive, side.n - side.n_positive) >= policy.min_positive
    return side.n >= policy.min_n and enough_of_each and side.n_days >= MIN_BLOCKS


def _compare(pair: _Pair, weights: Floats, n_days: int) -> list[Segment]:
    once = np.ones((1, n_days))
    segment, rest = pair.weighted(once).measures(), pair.rest.weighted(once).measures()
    resampled, resampled_rest = (side.coarse().weighted(weights).measures() for side in (pair, pair.rest))
    rows = []
    for name, (title, unit) in _TITLES.items():
        difference = float(segment[name][0] - rest[name][0])
        differences = resampled[name] - resampled_rest[name]
        interval = block_interval(difference, differences, n_days)
        has_interval = isinstance(interval, Interval)
        rows.append(
            Segment(
                column=pair.column,
                value=pair.value,
                n=int(pair.n),
                n_positive=int(pair.n_positive),
                measure=name,
                title=title,
                unit=unit,
                segment_value=float(segment[name][0]),
                rest_value=float(rest[name][0]),
                difference=difference,
                ci_lower=interval.lower if isinstance(interval, Interval) else None,
                ci_upper=interval.upper if isinstance(interval, Interval) else None,
                p_holm=float(block_p_value(difference, differences, n_days))
                if has_interval
                else float("nan"),
                is_worse=False,
            )
        )
    return rows


def _judge(row: Segment, p_holm: float, policy: SegmentPolicy) -> Segment:
    is_ranking = row.measure == "roc_auc"
    harm = -row.difference if is_ranking else abs(row.segment_value) - abs(row.rest_value)
    beyond_chance = p_holm <= policy.max_p
    large_enough = harm >= policy.min_difference.get(row.measure, 0.0)
    return dataclasses.replace(row, p_holm=p_holm, is_worse=bool(beyond_chance and large_enough))
