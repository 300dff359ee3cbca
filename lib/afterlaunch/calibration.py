"""Whether scores mean what they say: predicted shares against observed ones.

Everything here works on counts per score value as well as on bins, each with the mean score of its rows
(:meth:`afterlaunch.performance.ScoreCounts.from_bins`).
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.bins import LIMIT_LOGIT
from afterlaunch.errors import ParameterError
from afterlaunch.performance import ScoreCounts, ratio
from afterlaunch.uncertainty import wilson_interval

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]


def calibration_gap(n_positive: npt.ArrayLike, sum_score: npt.ArrayLike, n: npt.ArrayLike) -> Floats | float:
    """Return the observed share of outcomes minus the mean score.

    Parameters
    ----------
    n_positive, sum_score, n : float or array_like
        Rows whose outcome happened, sum of the scores, rows. They broadcast: one entry a day, group or
        resample.

    Returns
    -------
    float or ndarray
        Share between -1 and 1; above 0 the outcome happened more often than predicted. nan without rows.

    Examples
    --------
    >>> calibration_gap(30, 20.0, 100)
    0.1
    """
    return ratio(np.asarray(n_positive, np.float64) - np.asarray(sum_score, np.float64), n)


def observed_expected_ratio(n_positive: npt.ArrayLike, sum_score: npt.ArrayLike) -> Floats | float:
    """Return how many outcomes happened for each one that the scores add up to.

    Parameters
    ----------
    n_positive, sum_score : float or array_like
        Rows whose outcome happened, and sum of the scores. They broadcast.

    Returns
    -------
    float or ndarray
        0 or more; 1 is as predicted. nan where the scores add up to nothing.

    Examples
    --------
    >>> observed_expected_ratio(30, 20.0)
    1.5
    """
    return ratio(n_positive, sum_score)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CalibrationCurve:
    """Bins of scores with what was predicted and what happened; lowest scores first, no bin without rows.

    Parameters
    ----------
    n, n_positive : ndarray of int64, shape (n_bins,)
        Rows, and rows whose outcome happened.
    mean_score, outcome_share : ndarray of float64, shape (n_bins,)
        Predicted and observed share.
    ci_lower, ci_upper : ndarray of float64, shape (n_bins,)
        95 % interval of the observed share for independent rows (Wilson); days that differ make it too
        narrow.
    """

    n: Integers
    n_positive: Integers
    mean_score: Floats
    outcome_share: Floats
    ci_lower: Floats
    ci_upper: Floats

    @property
    def n_bins(self) -> int:
        """Bins."""
        return int(self.n.size)


def calibration_curve(counts: ScoreCounts, *, n_bins: int = 10) -> CalibrationCurve:
    """Return predicted and observed shares in bins of equal numbers of rows.

    Rows of one score value are never split: a value goes to the bin that the middle of its rows falls in,
    so ties make bins uneven, and fewer.

    Parameters
    ----------
    counts : ScoreCounts
        Without rows the curve has no bins.
    n_bins : int
        Bins at most, 1 or more.

    Raises
    ------
    ParameterError
        When ``n_bins`` is below 1.

    Examples
    --------
    >>> counts = ScoreCounts.from_rows([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8])
    >>> curve = calibration_curve(counts, n_bins=2)
    >>> curve.mean_score.round(2).tolist(), curve.outcome_share.tolist()
    ([0.15, 0.7], [0.0, 1.0])
    """
    if n_bins < 1:
        raise ParameterError(f"n_bins is {n_bins}. Give 1 or more.")
    rows = counts.n_negative + counts.n_positive
    middle = np.cumsum(rows) - rows / 2
    place = np.minimum(middle * n_bins // max(counts.n, 1), n_bins - 1).astype(np.int64)
    n = _added_by(place, rows, n_bins)
    filled = n > 0
    n_positive = _added_by(place, counts.n_positive, n_bins)[filled]
    sum_score = _added_by(place, counts.score * rows, n_bins)[filled]
    intervals = [wilson_interval(float(k), float(m)) for k, m in zip(n_positive, n[filled], strict=True)]
    return CalibrationCurve(
        n=n[filled].astype(np.int64),
        n_positive=n_positive.astype(np.int64),
        mean_score=sum_score / n[filled],
        outcome_share=n_positive / n[filled],
        ci_lower=np.array([interval.lower for interval in intervals]),
        ci_upper=np.array([interval.upper for interval in intervals]),
    )


def expected_calibration_error(counts: ScoreCounts, *, n_bins: int = 10) -> float:
    """Return the mean distance between predicted and observed share over bins of equal numbers of rows.

    It is above 0 even for perfect scores: of about sqrt(2 / pi) times sqrt(n_bins * share * (1 - share) /
    n). Compare months of similar size, and read small values as "none to be seen".

    Parameters
    ----------
    counts : ScoreCounts
        Without rows the error is nan.
    n_bins : int
        Bins at most, 1 or more; see :func:`calibration_curve`.

    Returns
    -------
    float
        Between 0 and 1; at least the absolute calibration gap.

    Raises
    ------
    ParameterError
        When ``n_bins`` is below 1.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), doi 10.1609/aaai.v29i1.9602; equal-mass bins as in Roelofs et al.
    (2022), "Mitigating bias in calibration error estimation".

    Examples
    --------
    >>> counts = ScoreCounts.from_rows([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8])
    >>> round(expected_calibration_error(counts, n_bins=2), 3)
    0.225
    """
    curve = calibration_curve(counts, n_bins=n_bins)
    distance = np.abs(curve.outcome_share - curve.mean_score)
    return float(ratio(np.sum(curve.n * distance), counts.n))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recalibration:
    """The logistic curve through outcomes over scores: ``logit(outcome) = intercept + slope * logit(score)``.

    A slope below 1 means scores too extreme, above 1 too cautious. With slope 1 the intercept is the shift
    of all log-odds, above 0 where outcomes happen more often than predicted.
    """

    slope: float
    intercept: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoRecalibration:
    """There is no such curve, and why, in words that can follow a colon."""

    reason: str


def recalibration(counts: ScoreCounts) -> Recalibration | NoRecalibration:
    """Fit outcomes on the scores' log-odds by maximum likelihood.

    Parameters
    ----------
    counts : ScoreCounts
        Counts per score value or per bin. Log-odds are kept within 16 on either side, so that scores of 0
        and 1 have a place on the curve.

    Returns
    -------
    Recalibration or NoRecalibration
        No curve without both outcomes, with one score value only, or when scores separate the outcomes
        completely.

    References
    ----------
    Cox (1958), "Two further applications of a model for binary regression", doi 10.1093/biomet/45.3-4.562.

    Examples
    --------
    Scores of 0.2 and 0.8 whose outcomes happen in 1 of 3 and 2 of 3 rows are too extreme by half:

    >>> fitted = recalibration(ScoreCounts.from_rows([0, 0, 1, 0, 1, 1], [0.2] * 3 + [0.8] * 3))
    >>> round(fitted.slope, 3), round(fitted.intercept, 3) + 0.0
    (0.5, 0.0)
    """
    if counts.why_undefined is not None:
        return NoRecalibration(reason=counts.why_undefined)
    seen = counts.n_negative + counts.n_positive > 0
    logits = _limited_logit(counts.score[seen])
    n_negative, n_positive = (n[seen].astype(np.float64) for n in (counts.n_negative, counts.n_positive))
    if np.ptp(logits) == 0:
        return NoRecalibration(reason="all scores are the same")
    if _touch(logits[n_negative > 0], logits[n_positive > 0]):
        return NoRecalibration(reason="the scores separate the outcomes completely")
    rows = n_negative + n_positive
    centre = float(np.average(logits, weights=rows))
    scale = float(np.sqrt(np.average((logits - centre) ** 2, weights=rows)))
    level, slope = _maximum_likelihood((logits - centre) / scale, rows, n_positive)
    return Recalibration(slope=slope / scale, intercept=level - slope * centre / scale)


def _added_by(place: Integers, values: Floats | Integers, n_places: int) -> Floats:
    return np.bincount(place, weights=values, minlength=n_places).astype(np.float64)


def _limited_logit(score: Floats) -> Floats:
    from scipy import special

    return np.asarray(np.clip(special.logit(score), -LIMIT_LOGIT, LIMIT_LOGIT), np.float64)


def _touch(negative: Floats, positive: Floats) -> bool:
    """Tell whether one class lies wholly above the other, or just touches it: then no slope fits best."""
    return bool(negative.max() <= positive.min() or positive.max() <= negative.min())


def _maximum_likelihood(x: Floats, rows: Floats, n_positive: Floats) -> tuple[float, float]:
    """Return intercept and slope of a logistic regression on standardised ``x``, by damped Newton steps."""
    from scipy import special

    design = np.stack([np.ones_like(x), x])
    fitted = np.array([float(special.logit(n_positive.sum() / rows.sum())), 0.0])
    loss = _negative_log_likelihood(fitted @ design, rows, n_positive)
    damping = 1e-3
    while True:
        share = special.expit(fitted @ design)
        gradient = design @ (n_positive - rows * share)
        information = (design * (rows * share * (1 - share))) @ design.T
        # Damping shortens steps that overshoot, and keeps the equations solvable where one bin outweighs all.
        while True:
            step = np.linalg.solve(information + damping * np.diag(np.diag(information)), gradient)
            tried = _negative_log_likelihood((fitted + step) @ design, rows, n_positive)
            if tried <= loss:
                break
            damping *= 10
        fitted = fitted + step
        if loss - tried <= 1e-15 * loss:
            return float(fitted[0]), float(fitted[1])
        loss, damping = tried, max(damping / 10, 1e-10)


def _negative_log_likelihood(logits: Floats, rows: Floats, n_positive: Floats) -> float:
    return float(np.sum(rows * np.logaddexp(0.0, logits) - n_positive * logits))
