"""How well scores rank and predict outcomes, from counts per score value.

All measures take counts whose last axis runs over the score values (or bins of them) in increasing order.
Leading axes are resamples, days or groups and broadcast, so that a bootstrap is one call. Counts add up over
partitions, so the rows can stay where they are.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""Scores nearer to 0 or 1 than this count as that near in the log loss, as they do in scikit-learn."""


def roc_auc(n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> Floats | float:
    """Return the chance that a positive row scores above a negative one, ties counting half.

    Parameters
    ----------
    n_negative, n_positive : array_like, shape (..., k)
        Rows (or weights, 0 or more) per score value, score rising along the last axis.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and 1; 0.5 is no better than chance. nan where one of the two classes has no rows.

    Raises
    ------
    DataError
        When the last axes differ, or a count is negative or missing.

    References
    ----------
    Hanley and McNeil (1982), doi 10.1148/radiology.143.1.7063747.

    Examples
    --------
    Of the four pairs, the positive row wins three and ties one:

    >>> roc_auc([1, 1, 0], [0, 1, 1])
    0.875
    """
    negative, positive = _checked_counts(n_negative, n_positive)
    below = np.cumsum(negative, axis=-1) - negative
    won = np.sum(positive * (below + negative / 2), axis=-1)
    return ratio(won, positive.sum(axis=-1) * negative.sum(axis=-1))


def average_precision(n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> Floats | float:
    """Return the precision averaged over the positives, each at the threshold of its own score.

    Parameters
    ----------
    n_negative, n_positive : array_like, shape (..., k)
        Rows (or weights, 0 or more) per score value, score rising along the last axis.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and 1; chance gives the share of positives. nan where one of the two classes has no rows.

    Raises
    ------
    DataError
        When the last axes differ, or a count is negative or missing.

    References
    ----------
    Zhu (2004), "Recall, precision and average precision". The step form, without interpolation.

    Examples
    --------
    >>> round(average_precision([1, 1, 0], [0, 1, 1]), 4)
    0.8333
    """
    negative, positive = _checked_counts(n_negative, n_positive)
    true_alerts = np.cumsum(positive[..., ::-1], axis=-1)[..., ::-1]
    alerts = true_alerts + np.cumsum(negative[..., ::-1], axis=-1)[..., ::-1]
    precision = np.divide(true_alerts, alerts, out=np.zeros_like(alerts), where=alerts > 0)
    has_negatives = negative.sum(axis=-1) > 0
    return ratio(np.sum(positive * precision, axis=-1), np.where(has_negatives, positive.sum(axis=-1), 0.0))


def ks_statistic(n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> Floats | float:
    """Return the largest distance between the score distributions of the two classes.

    Parameters
    ----------
    n_negative, n_positive : array_like, shape (..., k)
        Rows (or weights, 0 or more) per score value, score rising along the last axis.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 (the same distribution) and 1 (no overlap). nan where one of the two classes has no rows.

    Raises
    ------
    DataError
        When the last axes differ, or a count is negative or missing.

    References
    ----------
    Kolmogorov-Smirnov, two samples: Hodges (1958), doi 10.1007/BF02589501.

    Examples
    --------
    >>> ks_statistic([1, 1, 0], [0, 1, 1])
    0.5
    """
    negative, positive = _checked_counts(n_negative, n_positive)
    all_negative, all_positive = negative.sum(axis=-1, keepdims=True), positive.sum(axis=-1, keepdims=True)
    gaps = np.cumsum(positive, axis=-1) * all_negative - np.cumsum(negative, axis=-1) * all_positive
    return ratio(np.max(np.abs(gaps), axis=-1, initial=0.0), (all_negative * all_positive)[..., 0])


def brier_score(score: npt.ArrayLike, n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> Floats | float:
    """Return the mean squared distance between score and outcome.

    Parameters
    ----------
    score : array_like, shape (k,) or (..., k)
        Score values in [0, 1].
    n_negative, n_positive : array_like, shape (..., k)
        Rows (or weights, 0 or more) per score value.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and 1, less is better. nan where there are no rows.

    Raises
    ------
    DataError
        When the last axes differ, a count is negative or missing, or a score is missing or outside [0, 1].

    References
    ----------
    Brier (1950), doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

    Examples
    --------
    >>> brier_score([0.0, 0.5, 1.0], [1, 1, 0], [0, 1, 1])
    0.125
    """
    negative, positive = _checked_counts(n_negative, n_positive)
    scores = _checked_scores(score, n_values=negative.shape[-1])
    loss = np.sum(negative * scores**2 + positive * (1.0 - scores) ** 2, axis=-1)
    return ratio(loss, np.sum(negative + positive, axis=-1))


def log_loss(score: npt.ArrayLike, n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> Floats | float:
    """Return the mean negative log-likelihood of the outcomes, in nats.

    Parameters
    ----------
    score : array_like, shape (k,) or (..., k)
        Score values in [0, 1]. They are clipped to [eps, 1 - eps] with eps = 2.2e-16
        (:data:`SMALLEST_PROBABILITY`): a score of 0 or 1 that turns out wrong costs 36 and not infinity.
    n_negative, n_positive : array_like, shape (..., k)
        Rows (or weights, 0 or more) per score value.

    Returns
    -------
    float or ndarray, shape (...)
        0 or more, less is better. nan where there are no rows.

    Raises
    ------
    DataError
        When the last axes differ, a count is negative or missing, or a score is missing or outside [0, 1].

    References
    ----------
    Good (1952), "Rational decisions", doi 10.1111/j.2517-6161.1952.tb00104.x.

    Examples
    --------
    >>> round(log_loss([0.5], [1], [1]), 4)
    0.6931
    """
    negative, positive = _checked_counts(n_negative, n_positive)
    scores = _checked_scores(score, n_values=negative.shape[-1])
    clipped = np.clip(scores, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    loss = -np.sum(positive * np.log(clipped) + negative * np.log1p(-clipped), axis=-1)
    return ratio(loss, np.sum(negative + positive, axis=-1))


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats | float:
    """Divide, giving nan where there is nothing to divide by.

    Parameters
    ----------
    numerator, denominator : array_like
        Broadcast against each other.

    Returns
    -------
    float or ndarray
        A plain float for two plain numbers.

    Examples
    --------
    >>> ratio([1, 1], [2, 0])
    array([0.5, nan])
    """
    above, below = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    quotient = np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
    return float(quotient) if quotient.ndim == 0 else quotient


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Confusion:
    """Rows by decision and outcome at one threshold; numbers, or arrays of one shape.

    Every share is nan where it has no rows to rest on.

    Parameters
    ----------
    n_true_positive, n_false_positive : float or ndarray
        Alerts whose outcome happened, and alerts whose outcome did not.
    n_false_negative, n_true_negative : float or ndarray
        The same for rows without an alert.

    Examples
    --------
    >>> at_threshold = Confusion(
    ...     n_true_positive=3, n_false_positive=1, n_false_negative=3, n_true_negative=13
    ... )
    >>> at_threshold.precision, at_threshold.recall, at_threshold.alert_rate_share
    (0.75, 0.5, 0.2)
    """

    n_true_positive: Floats | float
    n_false_positive: Floats | float
    n_false_negative: Floats | float
    n_true_negative: Floats | float

    @property
    def n_alerts(self) -> Floats | float:
        """Rows with an alert."""
        return self.n_true_positive + self.n_false_positive

    @property
    def n(self) -> Floats | float:
        """All rows."""
        return self.n_alerts + self.n_false_negative + self.n_true_negative

    @property
    def precision(self) -> Floats | float:
        """Share of the alerts whose outcome happened."""
        return ratio(self.n_true_positive, self.n_alerts)

    @property
    def recall(self) -> Floats | float:
        """Share of the outcomes that got an alert."""
        return ratio(self.n_true_positive, self.n_true_positive + self.n_false_negative)

    @property
    def alert_rate_share(self) -> Floats | float:
        """Share of the rows with an alert."""
        return ratio(self.n_alerts, self.n)

    @property
    def false_positive_rate(self) -> Floats | float:
        """Share of the rows without the outcome that got an alert."""
        return ratio(self.n_false_positive, self.n_false_positive + self.n_true_negative)

    @property
    def f1(self) -> Floats | float:
        """Harmonic mean of precision and recall; nan without alerts and outcomes alike."""
        twice = 2 * self.n_true_positive
        return ratio(twice, twice + self.n_false_positive + self.n_false_negative)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoreCounts:
    """Negatives and positives per score value: all that ranking, loss and calibration need of the rows.

    Parameters
    ----------
    score : ndarray of float64, shape (k,)
        Score values in [0, 1], strictly increasing. For bins of scores: the mean score of each bin.
    n_negative, n_positive : ndarray of int64, shape (k,)
        Rows with that score, by outcome.

    Raises
    ------
    DataError
        When the arrays do not fit this description.

    Examples
    --------
    >>> counts = ScoreCounts.from_rows([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    >>> counts.score.tolist(), counts.n_positive.tolist(), counts.roc_auc()
    ([0.1, 0.4, 0.8], [0, 1, 1], 0.875)
    """

    score: Floats
    n_negative: Integers
    n_positive: Integers

    def __post_init__(self) -> None:
        _check_score_counts(self.score, self.n_negative, self.n_positive)

    @classmethod
    def from_rows(cls, y_true: npt.ArrayLike, score: npt.ArrayLike) -> ScoreCounts:
        """Count rows.

        Parameters
        ----------
        y_true : array_like of bool, 0 or 1, shape (n,)
            Outcomes. Leave rows without an outcome out first.
        score : array_like of float, shape (n,)
            Scores in [0, 1].

        Raises
        ------
        DataError
            When the two differ in length, an outcome is not 0 or 1, or a score is missing or outside [0, 1].
        """
        outcomes, scores = np.asarray(y_true), np.asarray(score, dtype=np.float64)
        _check_rows(outcomes, scores)
        positive = outcomes.astype(np.int64)
        return _added_up(scores, 1 - positive, positive)

    @classmethod
    def from_bins(
        cls, sum_score: npt.ArrayLike, n_negative: npt.ArrayLike, n_positive: npt.ArrayLike
    ) -> ScoreCounts:
        """Take bins that are counted already, each with the sum of its scores; empty bins are left out.

        Parameters
        ----------
        sum_score, n_negative, n_positive : array_like, shape (k,)
            Per bin, in any order.

        Raises
        ------
        DataError
            When the arrays differ in length, a count is negative, missing or not whole, or a mean score lies
            outside [0, 1].
        """
        negative, positive = _checked_counts(n_negative, n_positive)
        total = np.asarray(sum_score, dtype=np.float64)
        if not total.shape == negative.shape == positive.shape:
            raise DataError(
                f"Binned scores have {total.size} sums for {negative.size} and {positive.size} counts. "
                "Give one sum and two counts a bin."
            )
        n = negative + positive
        filled = n > 0
        mean = _checked_scores(total[filled] / n[filled], n_values=int(filled.sum()))
        return _added_up(mean, _whole(negative[filled]), _whole(positive[filled]))

    @classmethod
    def merge(cls, *parts: ScoreCounts) -> ScoreCounts:
        """Add up the counts of several parts, such as days or partitions; of none, there are no rows."""
        return _added_up(
            np.concatenate([np.empty(0), *(part.score for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part.n_negative for part in parts)]),
            np.concatenate([np.empty(0, np.int64), *(part.n_positive for part in parts)]),
        )

    @property
    def n(self) -> int:
        """Rows."""
        return self.n_outcomes_negative + self.n_outcomes_positive

    @property
    def n_outcomes_negative(self) -> int:
        """Rows whose outcome did not happen."""
        return int(self.n_negative.sum())

    @property
    def n_outcomes_positive(self) -> int:
        """Rows whose outcome happened."""
        return int(self.n_positive.sum())

    @property
    def outcome_share(self) -> float:
        """Share of rows whose outcome happened; nan without rows."""
        return float(ratio(self.n_outcomes_positive, self.n))

    @property
    def mean_score(self) -> float:
        """Mean score; nan without rows."""
        return float(ratio(np.sum(self.score * (self.n_negative + self.n_positive)), self.n))

    @property
    def why_undefined(self) -> str | None:
        """Why ranking measures cannot be computed, in words; ``None`` when they can."""
        if self.n_outcomes_negative and self.n_outcomes_positive:
            return None
        if not self.n:
            return "no outcome is known"
        side = "positive" if self.n_outcomes_positive else "negative"
        return f"the only outcome is {side}" if self.n == 1 else f"all {self.n:,} outcomes are {side}"

    def confusion(self, threshold: float) -> Confusion:
        """Return the rows by decision (score >= threshold) and outcome."""
        alerts = self.score >= threshold
        return Confusion(
            n_true_positive=float(self.n_positive[alerts].sum()),
            n_false_positive=float(self.n_negative[alerts].sum()),
            n_false_negative=float(self.n_positive[~alerts].sum()),
            n_true_negative=float(self.n_negative[~alerts].sum()),
        )

    def roc_auc(self) -> float:
        """Return :func:`roc_auc` of these counts."""
        return float(roc_auc(self.n_negative, self.n_positive))

    def average_precision(self) -> float:
        """Return :func:`average_precision` of these counts."""
        return float(average_precision(self.n_negative, self.n_positive))

    def ks_statistic(self) -> float:
        """Return :func:`ks_statistic` of these counts."""
        return float(ks_statistic(self.n_negative, self.n_positive))

    def brier_score(self) -> float:
        """Return :func:`brier_score` of these counts."""
        return float(brier_score(self.score, self.n_negative, self.n_positive))

    def log_loss(self) -> float:
        """Return :func:`log_loss` of these counts."""
        return float(log_loss(self.score, self.n_negative, self.n_positive))


def _checked_counts(n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> tuple[Floats, Floats]:
    negative, positive = np.asarray(n_negative, np.float64), np.asarray(n_positive, np.float64)
    if negative.ndim == 0 or positive.ndim == 0 or negative.shape[-1] != positive.shape[-1]:
        raise DataError(
            f"Counts of negatives have shape {negative.shape} and counts of positives {positive.shape}. "
            "Give both one count per score value on the last axis."
        )
    for name, counts in (("negatives", negative), ("positives", positive)):
        wrong = counts[~(counts >= 0)]
        if wrong.size:
            raise DataError(
                f"Counts of {name} hold {wrong[0]:g}. Counts and weights are 0 or more; "
                "give 0 where there are no rows."
            )
    return negative, positive


def _checked_scores(score: npt.ArrayLike, *, n_values: int) -> Floats:
    scores = np.asarray(score, np.float64)
    if scores.ndim == 0 or scores.shape[-1] != n_values:
        raise DataError(
            f"Scores have shape {scores.shape} for counts of {n_values} score values. "
            "Give one score per count."
        )
    outside = scores[~((scores >= 0) & (scores <= 1))]
    if outside.size:
        raise DataError(
            f"{outside.size:,} of {scores.size:,} scores are missing or outside [0, 1], the first is "
            f"{outside[0]:g}. Leave rows without a score out, and turn other scores into probabilities first."
        )
    return scores


def _added_up(score: Floats, n_negative: Integers, n_positive: Integers) -> ScoreCounts:
    values, place = np.unique(score, return_inverse=True)
    negative, positive = np.zeros((2, values.size), dtype=np.int64)
    np.add.at(negative, place, n_negative)
    np.add.at(positive, place, n_positive)
    return ScoreCounts(score=values, n_negative=negative, n_positive=positive)


def _whole(counts: Floats) -> Integers:
    broken = counts[counts % 1 != 0]
    if broken.size:
        raise DataError(
            f"ScoreCounts got a bin with {broken[0]:g} rows. Give whole rows; for weights call the measures "
            "with arrays."
        )
    return counts.astype(np.int64)


def _check_score_counts(score: Floats, n_negative: Integers, n_positive: Integers) -> None:
    shapes = {score.shape, n_negative.shape, n_positive.shape}
    if len(shapes) > 1 or score.ndim != 1:
        raise DataError(
            f"ScoreCounts got scores of shape {score.shape}, negatives of {n_negative.shape} and positives "
            f"of {n_positive.shape}. Give three arrays of one shape (k,)."
        )
    if n_negative.dtype != np.int64 or n_positive.dtype != np.int64:
        raise DataError(
            f"ScoreCounts got counts of type {n_negative.dtype} and {n_positive.dtype}. Give whole rows as "
            "int64; for weights call the measures with arrays."
        )
    _checked_counts(n_negative, n_positive)
    _checked_scores(score, n_values=score.size)
    falls = np.flatnonzero(np.diff(score) <= 0)
    if falls.size:
        first = falls[0]
        raise DataError(
            f"ScoreCounts got {score[first]:g} followed by {score[first + 1]:g}. Score values rise strictly; "
            "ScoreCounts.from_rows, from_bins and merge sort them and add up."
        )


def _check_rows(outcomes: npt.NDArray[np.generic], scores: Floats) -> None:
    if outcomes.ndim != 1 or outcomes.shape != scores.shape:
        raise DataError(
            f"Outcomes have shape {outcomes.shape} and scores {scores.shape}. "
            "Give one outcome and one score a row."
        )
    wrong = outcomes[~np.isin(outcomes, (0, 1))]
    if wrong.size:
        raise DataError(
            f"{wrong.size:,} of {outcomes.size:,} outcomes are not 0 or 1, the first is {wrong[0]}. "
            "Leave rows without an outcome out, and code the others as 0 and 1."
        )
    _checked_scores(scores, n_values=scores.size)
