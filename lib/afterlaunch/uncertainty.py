"""How sure a number is: intervals and p-values over whole days, shares of independent rows, many comparisons.

Rows of one day share their weather, their campaign and their outage; an interval that takes them for
independent is far too narrow. So whole days (or other blocks) are drawn again with replacement:
:func:`block_weights` draws, :func:`resample_counts` adds up, a measure turns the sums into one value a
draw, and :func:`block_interval` makes the interval. Days themselves are taken for independent of each
other: good and bad weeks make it too narrow.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError

# Distributions come from scipy.special: importing scipy.stats takes most of a second.
MIN_BLOCKS = 14
"""With fewer days than this no interval is given: their spread is too uncertain itself."""
MIN_RESAMPLES = 200
"""With fewer draws than this the ends of an interval rest on a handful of them."""
MAX_UNDEFINED_SHARE = 0.05
"""Up to this share of draws without a value is left out; beyond it there is no interval."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval, ends included."""

    lower: float
    upper: float
    level: float = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoInterval:
    """There is no interval, and why, in words that can follow a colon."""

    reason: str


def block_weights(n_blocks: int, n_resamples: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Draw blocks with replacement, again and again, and say how often each came.

    Parameters
    ----------
    n_blocks : int
        Blocks (days), 1 or more. Days on which nothing was observed are no blocks.
    n_resamples : int
        Draws, 1 or more; an interval wants 1,000 or more, and at least :data:`MIN_RESAMPLES`.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    ndarray of int64, shape (n_resamples, n_blocks)
        Each row adds up to ``n_blocks``.

    Raises
    ------
    ParameterError
        When a number is below 1.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", doi 10.1201/9780429246593.

    Examples
    --------
    >>> block_weights(4, 2, seed=1).sum(axis=1).tolist()
    [4, 4]
    """
    if n_blocks < 1 or n_resamples < 1:
        raise ParameterError(
            f"Cannot draw {n_resamples} times from {n_blocks} blocks. Give 1 or more of both; "
            "a window without rows has nothing to draw from."
        )
    generator = np.random.default_rng(seed)
    return generator.multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks), size=n_resamples)


def resample_counts(block_counts: npt.ArrayLike, weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Add up the counts (or sums) of the blocks that each draw holds.

    Parameters
    ----------
    block_counts : array_like, shape (n_blocks, ...)
        One entry per block on the first axis, no missing values.
    weights : array_like, shape (n_resamples, n_blocks)
        From :func:`block_weights`.

    Returns
    -------
    ndarray of float64, shape (n_resamples, ...)
        Whole counts stay whole (up to 2**53).

    Raises
    ------
    DataError
        When the number of blocks differs.

    Examples
    --------
    >>> resample_counts([[1, 10], [2, 20]], [[2, 0], [1, 1]]).tolist()
    [[2.0, 20.0], [3.0, 30.0]]
    """
    # float64 on purpose: its matrix product runs in BLAS, that of int64 does not.
    counts, drawn = np.asarray(block_counts, np.float64), np.asarray(weights, np.float64)
    if drawn.ndim != 2 or counts.ndim == 0 or drawn.shape[1] != counts.shape[0]:
        raise DataError(
            f"Counts have shape {counts.shape} and weights {drawn.shape}. Give one count per block on the "
            "first axis and weights of shape (resamples, blocks)."
        )
    return np.asarray(np.tensordot(drawn, counts, axes=1), np.float64)


def block_interval(
    estimate: float, resampled: npt.ArrayLike, n_blocks: int, *, level: float = 0.95
) -> Interval | NoInterval:
    """Return the interval of a measure over whole blocks, or why there is none.

    The expanded percentile interval: quantiles of the resampled values, taken further out than the level
    says, which makes up for the bootstrap's narrowness with few blocks (by sqrt(n / (n - 1)) and Student's
    t with n - 1 degrees of freedom). It stays inside the measure's own bounds. A nominal 95 % covers 94 to
    95 % for shares and ROC AUC with 14 to 31 days that differ from each other, where plain percentiles
    cover 91 to 94 %. With about 10 positives in all it covers 93 % for a share and 89 to 93 % for ROC AUC.

    Parameters
    ----------
    estimate : float
        The measure over all blocks.
    resampled : array_like, shape (n_resamples,)
        The measure of each draw. Draws without a value (nan, such as one without a positive) are left out up
        to a share of :data:`MAX_UNDEFINED_SHARE`; with more there is no interval.
    n_blocks : int
        Blocks with rows. Below :data:`MIN_BLOCKS` there is no interval.
    level : float
        Between 0 and 1, exclusive.

    Raises
    ------
    ParameterError
        When the level is not between 0 and 1, or there are fewer draws than :data:`MIN_RESAMPLES`.

    References
    ----------
    Hesterberg (2015), "What teachers should know about the bootstrap", doi 10.1080/00031305.2015.1089789.

    Examples
    --------
    >>> daily = np.tile([0.0, 1.0], 15)
    >>> draws = resample_counts(daily, block_weights(30, 2_000, seed=1)) / 30
    >>> interval = block_interval(0.5, draws, 30)
    >>> interval.lower < 0.5 < interval.upper
    True
    >>> block_interval(0.5, draws, 9)
    NoInterval(reason='an interval needs at least 14 days with rows, and there are 9')
    """
    from scipy import special

    _check_level(level)
    values = _defined(estimate, resampled, n_blocks)
    if isinstance(values, NoInterval):
        return values
    reach = math.sqrt(n_blocks / (n_blocks - 1)) * float(special.stdtrit(n_blocks - 1, (1 + level) / 2))
    tail = float(special.ndtr(-reach))
    lower, upper = np.quantile(values, [tail, 1 - tail])
    return Interval(lower=float(lower), upper=float(upper), level=level)


def block_p_value(estimate: float, resampled: npt.ArrayLike, n_blocks: int) -> float:
    """Return the two-sided p-value that a measure, such as a difference, is zero.

    From the standard error over whole blocks and Student's t with ``n_blocks - 1`` degrees of freedom, so
    it can be smaller than one in the number of draws.

    Parameters
    ----------
    estimate : float
        The measure over all blocks.
    resampled : array_like, shape (n_resamples,)
        The measure of each draw; see :func:`block_interval` for those without a value.
    n_blocks : int
        Blocks with rows.

    Returns
    -------
    float
        Between 0 and 1; nan wherever :func:`block_interval` gives none.

    Raises
    ------
    ParameterError
        When there are fewer draws than :data:`MIN_RESAMPLES`.

    References
    ----------
    Hesterberg (2015), doi 10.1080/00031305.2015.1089789.

    Examples
    --------
    >>> draws = np.linspace(-2.0, 2.0, 201)
    >>> block_p_value(0.0, draws, 20), block_p_value(5.0, draws, 20) < 0.001
    (1.0, True)
    """
    from scipy import special

    values = _defined(estimate, resampled, n_blocks)
    if isinstance(values, NoInterval):
        return math.nan
    standard_error = float(values.std(ddof=1)) * math.sqrt(n_blocks / (n_blocks - 1))
    return float(2 * special.stdtr(n_blocks - 1, -abs(estimate) / standard_error))


def wilson_interval(n_success: float, n: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's interval of a share of independent rows.

    Parameters
    ----------
    n_success, n : float
        Rows that count, of all rows; 0 <= n_success <= n. Without rows every share is possible: [0, 1].
    level : float
        Between 0 and 1, exclusive.

    Raises
    ------
    DataError
        When ``n_success`` is not between 0 and ``n``.
    ParameterError
        When the level is not between 0 and 1.

    References
    ----------
    Wilson (1927), doi 10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> interval = wilson_interval(0, 10)
    >>> round(interval.lower, 3), round(interval.upper, 3)
    (0.0, 0.278)
    """
    from scipy import special

    _check_level(level)
    if not 0 <= n_success <= n:
        raise DataError(
            f"{n_success:g} of {n:g} rows is no share. Give a number of rows between 0 and that of all rows."
        )
    z_squared = float(special.ndtri((1 + level) / 2)) ** 2
    centre = (n_success + z_squared / 2) / (n + z_squared)
    spread = n_success * (n - n_success) / n if n else 0.0
    half = math.sqrt(z_squared * (spread + z_squared / 4)) / (n + z_squared)
    # At 0 and n of n the bound is exactly 0 and 1; rounding must not push it beyond.
    lower = 0.0 if n_success == 0 else centre - half
    upper = 1.0 if n_success == n else centre + half
    return Interval(lower=lower, upper=upper, level=level)


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Adjust p-values for the number of comparisons, by Holm's step-down method.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        Between 0 and 1. nan is a comparison that was not made: it stays nan and does not count.

    Returns
    -------
    ndarray, shape (n,)
        In the order given, at most 1. Calling those at or below 0.05 real is wrong even once at most 5 % of
        the time.

    Raises
    ------
    DataError
        When a p-value lies outside [0, 1].

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6, 65-70.

    Examples
    --------
    >>> holm([0.01, float("nan"), 0.04, 0.03]).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    p, order = _made_in_order(p_values)
    adjusted = np.full(p.shape, np.nan)
    n_left = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * n_left))
    return adjusted


def benjamini_hochberg(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Adjust p-values for the false discovery rate, by Benjamini and Hochberg's step-up method.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        Between 0 and 1. nan is a comparison that was not made: it stays nan and does not count.

    Returns
    -------
    ndarray, shape (n,)
        In the order given, at most 1, never above :func:`holm`'s. Of those at or below 0.05 at most 5 % are
        wrong on average, when tests are independent or depend positively on each other.

    Raises
    ------
    DataError
        When a p-value lies outside [0, 1].

    References
    ----------
    Benjamini and Hochberg (1995), doi 10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> benjamini_hochberg([0.01, float("nan"), 0.04, 0.03]).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    p, order = _made_in_order(p_values)
    adjusted = np.full(p.shape, np.nan)
    ranks = np.arange(1, order.size + 1)
    scaled = p[order] * order.size / ranks
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return adjusted


def _made_in_order(p_values: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the p-values, checked, and the places of those that were made, smallest first."""
    p = np.asarray(p_values, dtype=np.float64)
    made = np.flatnonzero(~np.isnan(p))
    outside = p[(p < 0) | (p > 1)]
    if outside.size:
        raise DataError(f"A p-value is {outside[0]:g}. p-values lie in [0, 1]; give nan for a test not made.")
    return p, made[np.argsort(p[made], kind="stable")]


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParameterError(f"Level is {level}. Give a number between 0 and 1, such as 0.95.")


def _defined(
    estimate: float, resampled: npt.ArrayLike, n_blocks: int
) -> npt.NDArray[np.float64] | NoInterval:
    """Return the draws that have a value, or why they cannot carry an interval."""
    values = np.asarray(resampled, dtype=np.float64)
    if values.ndim != 1 or values.size < MIN_RESAMPLES:
        raise ParameterError(
            f"Resampled values have shape {values.shape}. Give one axis of {MIN_RESAMPLES} draws or more; "
            "1,000 or more are better."
        )
    if not math.isfinite(estimate):
        return NoInterval(reason="the measure itself has no value")
    if n_blocks < MIN_BLOCKS:
        return NoInterval(
            reason=f"an interval needs at least {MIN_BLOCKS} days with rows, and there are {n_blocks}"
        )
    defined = values[np.isfinite(values)]
    undefined_share = (values.size - defined.size) / values.size
    if undefined_share > MAX_UNDEFINED_SHARE:
        return NoInterval(
            reason=f"too few rows carry the measure: {undefined_share:.0%} of the draws of days give no value"
        )
    if np.ptp(defined) <= 1e-12 * np.abs(defined).max():
        return NoInterval(
            reason="every draw of days gives the same value, so they say nothing about its spread"
        )
    return defined
