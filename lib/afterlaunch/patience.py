"""How long people wait for an answer before they leave, and how many suggestions that costs.

Who leaves stops the clock: the recorded wait is the shorter of the person's patience and the answer's
latency. So the share that left must not be read off by bins of the recorded wait. The short bins are full
of people who left *early*, long waits are over before they can be long, and the sign comes out wrong: where
1,330 of 20,000 people more left than would have after 1 s, "the excess over the fast bin" is −12,700. The
estimate of Kaplan and Meier asks instead, wait by wait, how many of those *still there* left now, and gives
1,330 ± 40. Being shown the answer ends what can be known of a person's patience; it is no sign of it.

It takes patience and latency for independent within a stratum: who waits for a slow answer must not be more
or less patient for it. Complex documents are slow *and* their answers less useful; pooled with simple ones
they make everybody look less patient than they are. Count such kinds apart, as strata on a leading axis, and
add up.

With the two counts swapped the same estimate is the distribution of the answers' latency, which those who
left would otherwise flatter: they leave the slow ones.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float64]


def left_by(n_left: npt.ArrayLike, n_shown: npt.ArrayLike) -> Floats:
    """Return the chance of having left by the end of each bucket, had the answer not come before.

    Within a bucket people leave before others are shown their answer, so that those shown one count as
    still there: the convention for ties of Kaplan and Meier, and nothing that matters in narrow buckets.

    Parameters
    ----------
    n_left, n_shown : array_like, shape (..., k)
        People by recorded wait in rising buckets: those who left without an answer, and those who were
        shown one. Leading axes (strata, resamples) broadcast.

    Returns
    -------
    ndarray of float64, shape (..., k)
        Between 0 and 1, never falling; nan where nobody waited at all. Beyond the longest wait it stays as
        it was: there nobody can tell, and it is too low.

    Raises
    ------
    DataError
        When the last axes differ, or a count is negative or missing.

    References
    ----------
    Kaplan and Meier (1958), doi 10.1080/01621459.1958.10501452.

    Examples
    --------
    Of four people one leaves in the first bucket; of the two still there in the second, one more:

    >>> left_by([1, 1], [1, 1]).tolist()
    [0.25, 0.625]
    """
    left, shown = _checked_waits(n_left, n_shown)
    n = left + shown
    still_there = np.cumsum(n[..., ::-1], axis=-1)[..., ::-1]
    stay = 1.0 - np.divide(left, still_there, out=np.zeros_like(still_there), where=still_there > 0)
    return np.where(still_there[..., :1] > 0, 1.0 - np.cumprod(stay, axis=-1), np.nan)


def share_left_by(n_left: npt.ArrayLike, n_shown: npt.ArrayLike, bucket: int) -> Floats | float:
    """Return the chance of having left by the end of one bucket: a point of the curve :func:`left_by`.

    Parameters
    ----------
    n_left, n_shown : array_like, shape (..., k)
        People by recorded wait, as for :func:`left_by`.
    bucket : int
        Place on the last axis, from 0 on.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 and 1; nan where nobody waited at all.

    Raises
    ------
    DataError
        When the last axes differ, a count is negative or missing, or there is no such bucket.

    Examples
    --------
    >>> share_left_by([2, 1, 0], [6, 1, 6], 1)
    0.234375
    """
    curve = left_by(n_left, n_shown)
    _check_bucket(bucket, curve.shape[-1])
    share = curve[..., bucket]
    return float(share) if share.ndim == 0 else share


def left_after(n_left: npt.ArrayLike, bucket: int) -> Floats | float:
    """Return how many left after a longer wait than a bucket: had no answer taken longer, they had stayed.

    It is a count and rests on no estimate and no independence: a person who was still there at the end of
    the bucket, and left later, would have been shown an answer that came by then.

    Parameters
    ----------
    n_left : array_like, shape (..., k)
        People who left without an answer, by recorded wait in rising buckets.
    bucket : int
        Place on the last axis of the longest wait that is allowed, from 0 on.

    Returns
    -------
    float or ndarray, shape (...)
        0 or more.

    Raises
    ------
    DataError
        When a count is negative or missing, or there is no such bucket.

    Examples
    --------
    >>> left_after([10, 20, 5], 0)
    25.0
    """
    left, _ = _checked_waits(n_left, n_left)
    _check_bucket(bucket, left.shape[-1])
    after = left[..., bucket + 1 :].sum(axis=-1)
    return float(after) if after.ndim == 0 else after


def lost_to_waiting(n_left: npt.ArrayLike, n_shown: npt.ArrayLike, target_bucket: int) -> Floats | float:
    """Return how many more left than would have, had every answer come exactly at the target.

    Those who left, minus n times the chance of having left by the target. It compares the month with one
    kept waiting until the target throughout: where most answers came sooner it is negative, although some
    waited long and left. For those take :func:`left_after`.

    Parameters
    ----------
    n_left, n_shown : array_like, shape (..., k)
        People by recorded wait, as for :func:`left_by`. Strata on a leading axis: sum over it afterwards.
    target_bucket : int
        Place on the last axis of the target wait, from 0 on.

    Returns
    -------
    float or ndarray, shape (...)
        People; 0 where nobody waited at all, so that strata add up.

    Raises
    ------
    DataError
        When the last axes differ, a count is negative or missing, or there is no such bucket.

    Examples
    --------
    Of 100 people 10 leave in the first bucket; of the 50 still there in the second 20 do, and 5 of the last:

    >>> lost_to_waiting([10, 20, 5], [40, 20, 5], 0)
    25.0
    """
    left, shown = _checked_waits(n_left, n_shown)
    n = np.sum(left + shown, axis=-1)
    expected = n * np.nan_to_num(np.asarray(share_left_by(left, shown, target_bucket)))
    lost = left.sum(axis=-1) - expected
    return float(lost) if lost.ndim == 0 else lost


def _check_bucket(bucket: int, n_buckets: int) -> None:
    if not 0 <= bucket < n_buckets:
        raise DataError(f"There is no bucket {bucket} of waits. Give 0 to {n_buckets - 1}.")


def _checked_waits(n_left: npt.ArrayLike, n_shown: npt.ArrayLike) -> tuple[Floats, Floats]:
    left, shown = np.asarray(n_left, np.float64), np.asarray(n_shown, np.float64)
    if left.ndim == 0 or shown.ndim == 0 or left.shape[-1] != shown.shape[-1]:
        raise DataError(
            f"Those who left have shape {left.shape} and those shown an answer {shown.shape}. Give both one "
            "count per bucket of the wait on the last axis."
        )
    for what, counts in (("left", left), ("were shown an answer", shown)):
        wrong = counts[~((counts >= 0) & (counts < np.inf))]
        if wrong.size:
            raise DataError(
                f"Of those who {what} a bucket holds {wrong[0]:g}. Give counts of 0 or more, and 0 for a "
                "bucket without anyone."
            )
    return left, shown
