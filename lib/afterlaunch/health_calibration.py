"""How well a month's scores say how often the outcome happens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from afterlaunch.calibration import (
    CalibrationCurve,
    Recalibration,
    calibration_curve,
    expected_calibration_error,
    recalibration,
)
from afterlaunch.findings import Measurement
from afterlaunch.health_counts import SCORE_GRID, MonthCounts
from afterlaunch.health_measures import CALIBRATION_GAP, OBSERVED_EXPECTED, MonthMeasures
from afterlaunch.health_report import Calibration, CalibrationBin
from afterlaunch.performance import ScoreCounts, ratio
from afterlaunch.uncertainty import Interval, block_interval

Floats = npt.NDArray[np.float64]


def calibration_of(months: MonthMeasures) -> Calibration | None:
    """Return how well this month's scores say how often the outcome happens; None without two classes of rows."""
    scores = months.month.scores
    if not months.month.n_judged or scores.why_undefined:
        return None
    fitted = recalibration(scores)
    return Calibration(
        bins=_bins(months),
        gap=months.measure(CALIBRATION_GAP),
        observed_expected=months.measure(OBSERVED_EXPECTED),
        expected_calibration_error=Measurement(
            measure="expected_calibration_error",
            subject=months.month.window.title,
            value=100 * expected_calibration_error(scores),
            unit="pp",
            n=months.month.n_judged,
            reason="drawing days again inflates it, so it has no interval",
        ),
        slope=fitted.slope if isinstance(fitted, Recalibration) else None,
        intercept=fitted.intercept if isinstance(fitted, Recalibration) else None,
    )


def _bins(months: MonthMeasures) -> tuple[CalibrationBin, ...]:
    """Cut the score grid into ten stretches of equal numbers of rows, each with an interval over whole days."""
    by_bin, filled = _on_grid(months.month)
    curve = calibration_curve(by_bin, n_bins=10)
    starts = _starts(curve, by_bin)
    intervals = _intervals(months, curve, filled, starts)
    return tuple(
        CalibrationBin(
            n=int(curve.n[i]),
            mean_score=float(curve.mean_score[i]),
            outcome_share=float(curve.outcome_share[i]),
            ci_lower=interval.lower if interval else None,
            ci_upper=interval.upper if interval else None,
        )
        for i, interval in enumerate(intervals)
    )


def _on_grid(month: MonthCounts) -> tuple[ScoreCounts, npt.NDArray[np.int64]]:
    """Gather exact scores into the grid's bins, each with its mean score; and which bins have rows."""
    index = SCORE_GRID.index(month.scores.score) - month.bins.start
    rows = month.scores.n_negative + month.scores.n_positive
    n = np.bincount(index, weights=rows)
    filled = np.flatnonzero(n)
    return (
        ScoreCounts(
            score=np.bincount(index, weights=month.scores.score * rows)[filled] / n[filled],
            n_negative=np.bincount(index, weights=month.scores.n_negative)[filled].astype(np.int64),
            n_positive=np.bincount(index, weights=month.scores.n_positive)[filled].astype(np.int64),
        ),
        filled,
    )


def _starts(curve: CalibrationCurve, by_bin: ScoreCounts) -> npt.NDArray[np.int64]:
    """Return the place of the first grid bin of each stretch."""
    rows_before = np.concatenate([[0], np.cumsum(by_bin.n_negative + by_bin.n_positive)[:-1]])
    return np.searchsorted(rows_before, np.concatenate([[0], np.cumsum(curve.n)[:-1]]))


def _intervals(
    months: MonthMeasures,
    curve: CalibrationCurve,
    filled: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
) -> list[Interval | None]:
    draws = months.resamples
    if draws is None:
        return [None] * curve.n_bins
    positive = np.add.reduceat(draws.n_positive_by_bin[:, filled], starts, axis=1)
    negative = np.add.reduceat(draws.n_negative_by_bin[:, filled], starts, axis=1)
    shares = np.asarray(ratio(positive, positive + negative))
    found = (
        block_interval(float(share), shares[:, i], months.month.days.n_days)
        for i, share in enumerate(curve.outcome_share)
    )
    return [interval if isinstance(interval, Interval) else None for interval in found]
