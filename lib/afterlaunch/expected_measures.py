"""What measures to expect of scored rows whose outcomes are not known, and how far chance moves them.

Rows are counts by score bin. A curve learned from rows with outcomes says how often the outcome happens in
each bin; so many of a bin's rows are then expected to be positive. Arrays run over months and then bins, so
that many months are one call.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.performance import Confusion, average_precision, brier_score, ratio, roc_auc

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

MEASURES = ("roc_auc", "average_precision", "precision", "recall", "f1", "brier_score", "outcome_share")
"""In this order on the first axis of all that is said of each measure."""
OF_ALERTS = ("precision", "recall", "f1")
"""Those that rest on alerts."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OutcomeCurve:
    """How often the outcome happens at each score: steps that never fall while the score rises.

    Parameters
    ----------
    first_bin : ndarray of int64, shape (n_steps,)
        Where each step begins; the first at 0.
    n, n_positive : ndarray of float64, shape (n_steps,)
        Rows that each step was learned from, above 0, and those of them whose outcome happened.
    n_bins : int
        Bins of the scores.
    """

    first_bin: Integers
    n: Floats
    n_positive: Floats
    n_bins: int

    @classmethod
    def fitted(cls, n_negative: npt.ArrayLike, n_positive: npt.ArrayLike) -> OutcomeCurve:
        """Return the rising steps that fit the outcomes best (isotonic regression).

        Parameters
        ----------
        n_negative, n_positive : array_like, shape (n_bins,)
            Rows by outcome, score rising. Bins without rows belong to the step below them; those below all
            rows to the first step. Without any rows the outcome never happens.

        References
        ----------
        Barlow and Brunk (1972), doi 10.1080/01621459.1972.10481216 (pool adjacent violators); Zadrozny and
        Elkan (2002), doi 10.1145/775047.775151 (for scores).

        Examples
        --------
        The second bin's share lies below the first one's, so that the two become one step:

        >>> OutcomeCurve.fitted([7, 8, 1], [3, 2, 3]).share.tolist()
        [0.25, 0.25, 0.75]
        """
        positive = np.asarray(n_positive, np.float64)
        rows = np.asarray(n_negative, np.float64) + positive
        steps: list[tuple[int, float, float]] = []
        for place in np.flatnonzero(rows > 0):
            first, n, n_up = int(place), float(rows[place]), float(positive[place])
            while steps and steps[-1][2] * n >= n_up * steps[-1][1]:
                first, n_below, up_below = steps.pop()
                n, n_up = n + n_below, n_up + up_below
            steps.append((first, n, n_up))
        first_bin, n_rows, n_of_step = zip(*(steps or [(0, 1.0, 0.0)]), strict=True)
        return cls(
            first_bin=np.array([0, *first_bin[1:]], np.int64),
            n=np.array(n_rows),
            n_positive=np.array(n_of_step),
            n_bins=rows.size,
        )

    @property
    def share(self) -> Floats:
        """Share of rows whose outcome happens, by bin; shape (n_bins,)."""
        return np.repeat(self.n_positive / self.n, np.diff(self.first_bin, append=self.n_bins))

    def variance(self, slope: Floats) -> Floats:
        """Return the variance that the curve's own error gives to something that depends on it.

        Parameters
        ----------
        slope : ndarray, shape (..., n_bins)
            By how much that rises with the share of each bin.

        Returns
        -------
        ndarray, shape (...)
            For independent rows; steps count as fixed. Steps on which the outcome always or never happened
            count as certain.
        """
        by_step = np.add.reduceat(slope, self.first_bin, axis=-1)
        share = self.n_positive / self.n
        return np.asarray(np.sum(by_step**2 * share * (1 - share) / self.n, axis=-1), np.float64)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RowsByBin:
    """Rows of months by score bin, with and without an alert.

    Parameters
    ----------
    n, n_alerts : ndarray of float64, shape (n_months, n_bins)
        All rows, and those with an alert; the latter are nan in a month whose alerts were not counted.
    n_positive, n_alert_positive : ndarray of float64, shape (n_months, n_bins)
        Those whose outcome happened, or is expected to: these need not be whole.
    """

    n: Floats
    n_alerts: Floats
    n_positive: Floats
    n_alert_positive: Floats

    @classmethod
    def expected(cls, n: Floats, n_alerts: Floats, share: Floats) -> RowsByBin:
        """Expect the outcome in a share of each bin's rows, whether they got an alert or not."""
        return cls(n=n, n_alerts=n_alerts, n_positive=n * share, n_alert_positive=n_alerts * share)


def measured(score: Floats, rows: RowsByBin) -> Floats:
    """Return the measures of each month.

    Parameters
    ----------
    score : ndarray, shape (n_bins,)
        Of each bin, in [0, 1], rising.
    rows : RowsByBin
        Counted or expected.

    Returns
    -------
    ndarray, shape (n_measures, n_months)
        Between 0 and 1, in the order of :data:`MEASURES`. nan where a month has no rows that the measure
        rests on, or its alerts were not counted.

    Raises
    ------
    DataError
        When a count is negative or missing, or a score is missing or outside [0, 1].

    Examples
    --------
    >>> rows = RowsByBin.expected(np.array([[2.0, 2.0]]), np.array([[0.0, 2.0]]), np.array([0.25, 0.75]))
    >>> measured(np.array([0.2, 0.8]), rows)[MEASURES.index("precision")].tolist()
    [0.75]
    """
    n_negative = rows.n - rows.n_positive
    n_positive, n_alerts = rows.n_positive.sum(axis=-1), rows.n_alerts.sum(axis=-1)
    true_positive = rows.n_alert_positive.sum(axis=-1)
    decided = Confusion(
        n_true_positive=true_positive,
        n_false_positive=n_alerts - true_positive,
        n_false_negative=n_positive - true_positive,
        n_true_negative=n_negative.sum(axis=-1) - (n_alerts - true_positive),
    )
    by_name = {
        "roc_auc": roc_auc(n_negative, rows.n_positive),
        "average_precision": average_precision(n_negative, rows.n_positive),
        "precision": decided.precision,
        "recall": decided.recall,
        "f1": decided.f1,
        "brier_score": brier_score(score, n_negative, rows.n_positive),
        "outcome_share": ratio(n_positive, rows.n.sum(axis=-1)),
    }
    return np.stack([np.asarray(by_name[name], np.float64) for name in MEASURES])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Slopes:
    """By how much each measure rises with one more positive among a bin's rows, which stay as many.

    Parameters
    ----------
    passed, alerted : ndarray, shape (n_measures, n_months, n_bins)
        For one more among the rows without an alert, and among those with one; nan or infinite where the
        measure has no value.
    """

    passed: Floats
    alerted: Floats

    def of_share(self, rows: RowsByBin) -> Floats:
        """Return by how much each measure rises with a bin's share of positives; shaped as ``passed``."""
        n_alerts = np.nan_to_num(rows.n_alerts)
        return np.asarray((rows.n - n_alerts) * self.passed + n_alerts * self.alerted, np.float64)

    def variance(self, rows: RowsByBin, share: Floats) -> Floats:
        """Return the variance of each measure when every row's outcome is drawn by its bin's share.

        Parameters
        ----------
        rows : RowsByBin
            Those that the slopes were taken at.
        share : ndarray, shape (n_months, n_bins)
            Of positives.

        Returns
        -------
        ndarray, shape (n_measures, n_months)
            To first order (delta method): too small where a measure rests on a handful of rows.
        """
        n_alerts = np.nan_to_num(rows.n_alerts)
        squared = (rows.n - n_alerts) * self.passed**2 + n_alerts * self.alerted**2
        return np.asarray(np.sum(share * (1 - share) * squared, axis=-1), np.float64)


def slopes(score: Floats, rows: RowsByBin) -> Slopes:
    """Return by how much each measure rises with one more positive.

    Parameters
    ----------
    score : ndarray, shape (n_bins,)
        Of each bin, in [0, 1], rising.
    rows : RowsByBin
        Counted or expected.

    Raises
    ------
    DataError
        As in :func:`measured`.

    Examples
    --------
    >>> n = np.array([[2.0, 2.0]])
    >>> at = slopes(np.array([0.2, 0.8]), RowsByBin.expected(n, n * [0, 1], np.array([0.25, 0.75])))
    >>> at.alerted[MEASURES.index("precision"), 0].tolist()
    [0.5, 0.5]
    """
    auc, ap, _, recall, f1, _, _ = (value[:, None] for value in measured(score, rows))
    n, n_positive, n_alerts = (
        a.sum(axis=-1, keepdims=True) for a in (rows.n, rows.n_positive, rows.n_alerts)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        passed = {
            "roc_auc": _auc_slope(rows, auc),
            "average_precision": _ap_slope(rows, ap),
            "precision": 0 * n_alerts,
            "recall": -recall / n_positive,
            "f1": -f1 / (n_alerts + n_positive),
            "brier_score": (1 - 2 * score) / n,
            "outcome_share": 1 / n,
        }
        more = {"precision": 1 / n_alerts, "recall": 1 / n_positive, "f1": 2 / (n_alerts + n_positive)}
    shape = rows.n.shape
    return Slopes(
        passed=np.stack([np.broadcast_to(passed[name], shape) for name in MEASURES]),
        alerted=np.stack([np.broadcast_to(passed[name] + more.get(name, 0.0), shape) for name in MEASURES]),
    )


def _auc_slope(rows: RowsByBin, auc: Floats) -> Floats:
    n_negative = rows.n - rows.n_positive
    all_negative, all_positive = n_negative.sum(-1, keepdims=True), rows.n_positive.sum(-1, keepdims=True)
    negative_below = np.cumsum(n_negative, axis=-1) - n_negative / 2
    positive_above = all_positive - np.cumsum(rows.n_positive, axis=-1) + rows.n_positive / 2
    # The new positive wins against negatives below it; the negative that it was lost to positives above it.
    won = negative_below - positive_above
    return np.asarray((won - auc * (all_negative - all_positive)) / (all_negative * all_positive), np.float64)


def _ap_slope(rows: RowsByBin, ap: Floats) -> Floats:
    at_or_above, positive_at_or_above = (
        np.cumsum(a[..., ::-1], axis=-1)[..., ::-1] for a in (rows.n, rows.n_positive)
    )
    precision = ratio(positive_at_or_above, at_or_above)
    # It also raises the precision at the thresholds of all positives below it.
    lifted = np.cumsum(np.nan_to_num(ratio(rows.n_positive, at_or_above)), axis=-1)
    slope = (np.nan_to_num(precision) + lifted - ap) / rows.n_positive.sum(-1, keepdims=True)
    return np.asarray(slope, np.float64)
