"""What decisions are worth: the cost-weighted confusion, and how its sum moves with the threshold."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ValueCurve:
    """The value of all decisions at every threshold.

    Parameters
    ----------
    value : ndarray of float64, shape (..., k + 1)
        Sum over all cases when those from bin ``i`` on raise an alert; at ``k`` nobody does.
    alert_share : ndarray of float64, shape (..., k + 1)
        Share of the cases that raise an alert there.
    """

    value: Floats
    alert_share: Floats


def value_curve(
    value_if_alert: npt.ArrayLike, value_if_passed: npt.ArrayLike, n: npt.ArrayLike
) -> ValueCurve:
    """Return what all decisions would have been worth at each threshold, outcomes being as they were.

    Parameters
    ----------
    value_if_alert, value_if_passed : array_like, shape (..., k)
        What the cases of each score bin are worth when they raise an alert, and when they pass; lowest scores first.
        Leading axes are days or resamples.
    n : array_like, shape (..., k)
        Cases of each bin.

    Returns
    -------
    ValueCurve
        With the thresholds at the lower ends of the bins, and one above all.

    Raises
    ------
    DataError
        When the shapes differ or a value is missing.

    References
    ----------
    Elkan (2001), "The foundations of cost-sensitive learning", IJCAI 2001.

    Examples
    --------
    Reviews cost 8, a caught claim saves 60: it pays to review the two upper bins.

    >>> curve = value_curve([-80.0, 22.0, 100.0], [0.0, 0.0, 0.0], [10, 6, 4])
    >>> curve.value.tolist(), curve.alert_share.tolist()
    ([42.0, 122.0, 100.0, 0.0], [1.0, 0.5, 0.2, 0.0])
    """
    alert, passed, cases = (np.asarray(part, np.float64) for part in (value_if_alert, value_if_passed, n))
    if not alert.shape == passed.shape == cases.shape or alert.ndim == 0:
        raise DataError(
            f"Values have shapes {alert.shape} and {passed.shape}, counts {cases.shape}. Give all three one entry a "
            "score bin on the last axis."
        )
    if np.isnan(alert + passed + cases).any():
        raise DataError("A value or a count is missing. Give 0 for bins without cases.")
    from_here, before = _summed_from(alert), _summed_before(passed)
    n_alerts, n_all = _summed_from(cases), cases.sum(axis=-1, keepdims=True)
    share = np.divide(n_alerts, n_all, out=np.full(n_alerts.shape, np.nan), where=n_all > 0)
    return ValueCurve(value=from_here + before, alert_share=share)


def _summed_from(by_bin: Floats) -> Floats:
    """Return the sum from each bin on, and 0 behind the last."""
    upward = np.cumsum(by_bin[..., ::-1], axis=-1)[..., ::-1]
    return np.concatenate([upward, np.zeros((*by_bin.shape[:-1], 1))], axis=-1)


def _summed_before(by_bin: Floats) -> Floats:
    """Return the sum below each bin, and that of all behind the last."""
    return np.concatenate([np.zeros((*by_bin.shape[:-1], 1)), np.cumsum(by_bin, axis=-1)], axis=-1)
