"""How long requests took, and when the load was at its peak, from counts that add up.

Two habits hold throughout. A request without an answer (a time-out, an error) is a slow one: it counts with
the time limit as its latency and is never left out. And percentiles are never averaged: where some hours are
slow, the mean of hourly 95th percentiles lies far below that of the month. Counts in the buckets of a
:class:`LatencyGrid` are added up instead, and the quantile is taken of the sum. Where the slow requests lie
is the matter of :mod:`afterlaunch.slow_requests`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

PEAK_SHARE = 0.05
"""The busiest windows that together carry this share of the requests are the peak."""
WINDOW_MINUTES = (1, 5, 15, 60)
"""Lengths a window can have, in minutes; each divides an hour."""
MIN_A_WINDOW = 30
"""Peak windows with fewer requests than this on average were not busy, but lucky."""
MIN_SPREAD = 20
"""Fewer requests than this do not spread over their bucket evenly enough to look inside it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatencyGrid:
    """Logarithmic buckets of latencies, each a fixed ratio wide, the same for every day, endpoint and version.

    The bucket of a latency is ``least(floor(ln(greatest(ms, lowest_ms) / lowest_ms) / ln(ratio)),
    n_buckets - 1)``, in SQL as here: what is faster than ``lowest_ms`` or slower than ``highest_ms`` shares
    the end buckets. (Without ``greatest``, a latency of 0 has no logarithm.) Counts in these buckets add up
    over hours, days and partitions.

    Parameters
    ----------
    ratio : float
        Upper edge of a bucket over its lower one, above 1.
    lowest_ms, highest_ms : float
        Latencies between these have buckets of their own, in milliseconds; ``0 < lowest_ms < highest_ms``.

    Raises
    ------
    ParameterError
        When a number is outside its range.

    References
    ----------
    Masson, Rim and Lee (2019), "DDSketch", doi 10.14778/3352063.3352135: the same buckets.

    Examples
    --------
    >>> grid = LatencyGrid()
    >>> grid.n_buckets, grid.index([0.0, 200.0, 2_300.0]).tolist()
    (1852, [0, 763, 1009])
    >>> round(float(grid.lower(763)), 1), round(float(grid.upper(763)), 1)
    (198.2, 200.2)
    """

    ratio: float = 1.01
    lowest_ms: float = 0.1
    highest_ms: float = 1e7

    def __post_init__(self) -> None:
        if not 1 < self.ratio < math.inf or not 0 < self.lowest_ms < self.highest_ms < math.inf:
            raise ParameterError(
                f"A latency grid from {self.lowest_ms:g} to {self.highest_ms:g} ms in steps of "
                f"{self.ratio:g} has no buckets. Give a ratio above 1, such as 1.01, and two latencies above "
                "0 that rise."
            )

    @property
    def n_buckets(self) -> int:
        """Buckets, the two for what lies beyond the ends included."""
        # A highest latency on an edge opens no bucket of its own, however its logarithm is rounded.
        return math.ceil(math.log(self.highest_ms / self.lowest_ms) / math.log(self.ratio) - 1e-9)

    def index(self, latency_ms: npt.ArrayLike) -> Integers:
        """Return the bucket of each latency.

        Parameters
        ----------
        latency_ms : array_like
            Milliseconds, 0 or more; the time limit for a request without an answer.

        Returns
        -------
        ndarray of int64, shape of ``latency_ms``
            Between 0 and ``n_buckets - 1``, never falling while the latency rises.

        Raises
        ------
        DataError
            When a latency is missing, negative or infinite.
        """
        latencies = _checked_latencies(latency_ms)
        # Not log1p, nor a difference of logarithms: SQL takes this very formula, and the two must agree.
        steps = np.log(np.maximum(latencies, self.lowest_ms) / self.lowest_ms) / math.log(self.ratio)
        return np.asarray(np.minimum(np.floor(steps), self.n_buckets - 1), dtype=np.int64)

    def lower(self, index: npt.ArrayLike) -> Floats:
        """Return the lower edge of each bucket in milliseconds; the first one also holds what is faster.

        Raises
        ------
        DataError
            When an index is outside the grid.
        """
        places = np.asarray(index)
        outside = places[(places < 0) | (places >= self.n_buckets)]
        if outside.size:
            raise DataError(f"Bucket {outside[0]} is not on the grid. Give 0 to {self.n_buckets - 1}.")
        return self._edge(places)

    def upper(self, index: npt.ArrayLike) -> Floats:
        """Return the upper edge of each bucket in milliseconds; the last one also holds what is slower.

        Raises
        ------
        DataError
            When an index is outside the grid.
        """
        return self.lower(index) * self.ratio

    def _edge(self, steps: npt.ArrayLike) -> Floats:
        return np.asarray(self.lowest_ms * self.ratio ** np.asarray(steps, np.float64), np.float64)


def quantile(latency_ms: npt.ArrayLike, q: float) -> float:
    """Return the exact quantile, linear between two latencies, as numpy and SQL's percentile_cont have it.

    Parameters
    ----------
    latency_ms : array_like, shape (n,)
        Milliseconds, 0 or more; the time limit for a request without an answer.
    q : float
        Between 0 and 1, such as 0.95.

    Returns
    -------
    float
        Milliseconds; nan without a request. See :func:`why_no_quantile` for too few.

    Raises
    ------
    DataError
        When a latency is missing, negative or infinite.
    ParameterError
        When ``q`` is not between 0 and 1.

    Examples
    --------
    >>> quantile([100, 200, 300, 2_300], 0.5)
    250.0
    """
    _check_q(q)
    latencies = _checked_latencies(latency_ms)
    return float(np.quantile(latencies, q)) if latencies.size else math.nan


def quantile_of_counts(
    counts: npt.ArrayLike, q: float, grid: LatencyGrid, *, first_bucket: int = 0
) -> Floats | float:
    """Return the quantile of counted latencies; leading axes are hours, groups or resamples.

    The requests of a bucket are taken to lie in it at equal ratios, and fewer than :data:`MIN_SPREAD` in its
    middle. With buckets 1 % wide the result is within 0.5 % of :func:`quantile`, and on average within 0.1 %
    for 100,000 requests. Only where many have the very same latency, such as a time limit, can it be off by
    more: up to the width of a bucket, 1 %.

    For an interval give the resampled days of :func:`afterlaunch.uncertainty.resample_counts` to
    :func:`afterlaunch.uncertainty.block_interval`. A nominal 95 % then covers the 95th percentile in 93 to
    97 % of simulated months of 14 to 31 days, where intervals that take requests for independent cover it in
    20 to 84 % as soon as days and hours differ. Days that follow each other (correlation 0.5) leave 77 %.

    Parameters
    ----------
    counts : array_like, shape (..., k)
        Requests per bucket, 0 or more, not necessarily whole.
    q : float
        Between 0 and 1, such as 0.95.
    grid : LatencyGrid
        The grid that the requests were counted in.
    first_bucket : int
        Index of the first bucket that ``counts`` hold, so that only the used stretch has to be passed.

    Returns
    -------
    float or ndarray, shape (...)
        Milliseconds; nan where there is no request. Requests in the end buckets count as inside them.

    Raises
    ------
    DataError
        When a count is negative or missing, or there are counts for buckets outside the grid.
    ParameterError
        When ``q`` is not between 0 and 1.

    Examples
    --------
    A quiet hour and a slow one, each with its 95th percentile, and that of both, which is not their mean:

    >>> grid = LatencyGrid()
    >>> quiet = np.bincount(grid.index(np.linspace(100, 300, 900)), minlength=grid.n_buckets)
    >>> slow = np.bincount(grid.index(np.linspace(2_000, 3_000, 100)), minlength=grid.n_buckets)
    >>> quantile_of_counts([quiet, slow], 0.95, grid).round(-1).tolist()
    [290.0, 2950.0]
    >>> round(quantile_of_counts(quiet + slow, 0.95, grid), -2)
    2500.0
    """
    _check_q(q)
    requests = _checked_bucket_counts(counts, grid, first_bucket)
    up_to = np.cumsum(requests, axis=-1)
    n = up_to[..., -1:]
    rank = np.maximum((n - 1) * q, 0.0)
    whole = np.floor(rank)
    following = np.clip(whole + 1, whole, np.maximum(n - 1, whole))
    below, above = (grid._edge(first_bucket + _position(requests, up_to, k)) for k in (whole, following))
    latency = np.where(n > 0, below + (rank - whole) * (above - below), np.nan)[..., 0]
    return float(latency) if latency.ndim == 0 else latency


def smallest_n(q: float) -> int:
    """Return the fewest requests from which a quantile has a two-sided 95 % interval without any assumption.

    That is where the largest (or smallest) of them lies beyond the quantile with a chance of 97.5 %.

    Parameters
    ----------
    q : float
        Between 0 and 1, exclusive.

    Raises
    ------
    ParameterError
        When ``q`` is not between 0 and 1.

    References
    ----------
    David and Nagaraja (2003), "Order Statistics", 3rd edition, section 7.1, doi 10.1002/0471722162.

    Examples
    --------
    >>> smallest_n(0.95), smallest_n(0.99), smallest_n(0.999)
    (72, 368, 3688)
    """
    if not 0 < q < 1:
        raise ParameterError(f"The quantile is {q:g}. Give a number between 0 and 1, such as 0.95.")
    return math.ceil(math.log(0.025) / math.log(max(q, 1 - q)))


def why_no_quantile(n: int, q: float) -> str | None:
    """Say why so few requests show no quantile, in words that can follow a colon; ``None`` when they do.

    Examples
    --------
    >>> why_no_quantile(120, 0.99)
    'p99 needs at least 368 requests, and there are 120'
    """
    needed = smallest_n(q)
    if n >= needed:
        return None
    there_are = {0: "there is none", 1: "there is 1"}.get(n, f"there are {n:,}")
    return f"p{100 * q:g} needs at least {needed:,} requests, and {there_are}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoPeak:
    """There is no peak load to speak of, and why, in words that can follow a colon."""

    reason: str


def window_minutes(n_by_minute: npt.ArrayLike) -> int | NoPeak:
    """Return how long the windows of :func:`peak_windows` have to be to show load and not luck.

    Parameters
    ----------
    n_by_minute : array_like, shape (n_minutes,)
        Requests that *arrived* in each minute, in order, minutes without one included; whole hours from a
        full hour on. Arrivals, and not requests in flight: those rise where the answers are slow, whatever
        the load, so that by them every slow hour looks like an overload. In a log that is written at the
        end of a request, subtract the latency first.

    Returns
    -------
    int or NoPeak
        The shortest of :data:`WINDOW_MINUTES` whose peak windows hold :data:`MIN_A_WINDOW` requests or more
        on average; no peak when not even hours do.

    Raises
    ------
    DataError
        When a count is negative or missing, or the minutes make no whole hours.

    Examples
    --------
    >>> window_minutes([12] * 10 + [1] * 50)
    5
    >>> window_minutes([0] * 59 + [7])
    NoPeak(reason='the busiest hours, which carry 5% of the requests, hold 7 each, and a peak needs 30')
    """
    arrivals = _checked_by_window(n_by_minute)
    if arrivals.size % 60:
        raise DataError(
            f"There are {arrivals.size:,} minutes of arrivals. Give whole hours, with 0 for a minute without "
            "a request."
        )
    mean = 0.0
    for minutes in WINDOW_MINUTES:
        n_by_window = arrivals.reshape(-1, minutes).sum(axis=1)
        is_peak = peak_windows(n_by_window)
        mean = float(n_by_window[is_peak].mean()) if is_peak.any() else 0.0
        if mean >= MIN_A_WINDOW:
            return minutes
    if not mean:
        return NoPeak(reason="no request arrived")
    return NoPeak(
        reason=f"the busiest hours, which carry {PEAK_SHARE:.0%} of the requests, hold {mean:.3g} each, and a "
        f"peak needs {MIN_A_WINDOW}"
    )


def peak_windows(n_by_window: npt.ArrayLike, *, share: float = PEAK_SHARE) -> npt.NDArray[np.bool_]:
    """Say which windows are the peak: the busiest ones that together carry a share of all requests.

    Parameters
    ----------
    n_by_window : array_like, shape (n_windows,)
        Requests that arrived in each window of equal length; see :func:`window_minutes`.
    share : float
        Above 0, at most 1.

    Returns
    -------
    ndarray of bool, shape (n_windows,)
        The window that reaches the share is the last one; of windows alike, the earlier ones come first. A
        window without a request is never part of the peak.

    Raises
    ------
    DataError
        When a count is negative or missing.
    ParameterError
        When the share is outside its range.

    Examples
    --------
    >>> peak_windows([10, 40, 10, 40], share=0.5).tolist()
    [False, True, False, True]
    """
    arrivals = _checked_by_window(n_by_window)
    is_peak = np.zeros(arrivals.size, dtype=np.bool_)
    is_peak[_fewest_that_hold(arrivals, share)] = True
    return is_peak


def _position(requests: Floats, up_to: Floats, k: Floats) -> Floats:
    """Return where the k-th request (from 0) lies, in buckets: whole ones before it, and a part of its own."""
    place = np.minimum(np.sum(up_to <= k, axis=-1, keepdims=True), requests.shape[-1] - 1)
    inside = np.take_along_axis(requests, place, axis=-1)
    before = np.take_along_axis(up_to, place, axis=-1) - inside
    part = np.divide(k - before + 0.5, inside, out=np.full_like(inside, 0.5), where=inside >= MIN_SPREAD)
    return np.asarray(place + np.clip(part, 0.0, 1.0), np.float64)


def _fewest_that_hold(counts: Floats, share: float) -> Integers:
    """Return the places of the largest counts that together reach a share of the sum, largest first."""
    if not 0 < share <= 1:
        raise ParameterError(f"The share is {share:g}. Give a number above 0, at most 1, such as 0.05.")
    largest_first = np.argsort(-counts, kind="stable")
    held = np.cumsum(counts[largest_first])
    # The product with a share like 0.07 can be the least bit too large, and would then ask for one more.
    wanted = share * counts.sum() * (1 - 1e-12)
    n_needed = int(np.searchsorted(held, wanted)) + 1 if wanted > 0 else 0
    return largest_first[:n_needed].astype(np.int64)


def _check_q(q: float) -> None:
    if not 0 <= q <= 1:
        raise ParameterError(f"The quantile is {q:g}. Give a number between 0 and 1, such as 0.95.")


def _checked_latencies(latency_ms: npt.ArrayLike) -> Floats:
    latencies = np.asarray(latency_ms, dtype=np.float64)
    wrong = latencies[~((latencies >= 0) & (latencies < math.inf))]
    if wrong.size:
        raise DataError(
            f"{wrong.size:,} of {latencies.size:,} latencies are missing, negative or infinite, the first is "
            f"{wrong[0]:g}. Give a request without an answer the time limit as its latency: it was a slow "
            "one, and without it the others look faster."
        )
    return latencies


def _checked_bucket_counts(counts: npt.ArrayLike, grid: LatencyGrid, first_bucket: int) -> Floats:
    requests = np.asarray(counts, dtype=np.float64)
    n_given = requests.shape[-1] if requests.ndim else 0
    if not n_given or first_bucket < 0 or first_bucket + n_given > grid.n_buckets:
        raise DataError(
            f"Counts have shape {requests.shape} from bucket {first_bucket} on, and the grid has "
            f"{grid.n_buckets} buckets. Give counts of buckets on the grid on the last axis."
        )
    return _checked_counts(requests)


def _checked_by_window(counts: npt.ArrayLike) -> Floats:
    by_window = np.asarray(counts, dtype=np.float64)
    if by_window.ndim != 1:
        raise DataError(
            f"Requests by window have shape {by_window.shape}. Give one count a window, in order, with 0 for "
            "a window without a request."
        )
    return _checked_counts(by_window)


def _checked_counts(counts: Floats) -> Floats:
    wrong = counts[~((counts >= 0) & (counts < math.inf))]
    if wrong.size:
        raise DataError(
            f"Counts of requests hold {wrong[0]:g}. Counts are 0 or more; give 0 where there are no requests."
        )
    return counts
