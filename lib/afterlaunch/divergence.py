"""How far apart a reference and a current distribution are, from counts per bin.

All measures take counts whose last axis runs over the same bins; a missing bin and an other bin are bins like
any other. Leading axes are features, months or segments and broadcast, so that many windows are compared in
one call. A window without rows has no distribution: whatever compares it is nan.

The largest distance between two cumulative distributions needs no function of its own: it is
:func:`afterlaunch.performance.ks_statistic` of ``(reference, current)``. That one and the two in standard
deviations rest on the order of the bins, so leave the missing bin out of them.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError
from afterlaunch.performance import ratio

Floats: TypeAlias = npt.NDArray[np.float64]

HALF_ROW = 0.5
"""What a bin without rows counts in the population stability index, where the other window has rows in it."""
# Sums of some thousand bins are exact to this share of what is summed.
_ROUNDING = 1e-12


def population_stability_index(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats | float:
    """Return the sum over bins of the change of the share times the change of its logarithm.

    A bin that is empty in one window counts as half a row there (:data:`HALF_ROW`), as if the next row could
    as well fall into it as not; the shares still add up to 1. So a bin that appears or disappears costs the
    more, the more rows the window without it has, and never infinitely much. A bin that is empty in both adds
    nothing.

    Parameters
    ----------
    reference, current : array_like, shape (..., n_bins)
        Rows per bin, 0 or more.

    Returns
    -------
    float or ndarray, shape (...)
        In nats, 0 or more; the same with the windows swapped. nan where a window has no rows. It is above 0
        without any drift: see :func:`psi_sampling_bias`.

    Raises
    ------
    DataError
        When the shapes do not fit, or a count is negative, infinite or missing.

    References
    ----------
    The divergence: Jeffreys (1946), doi 10.1098/rspa.1946.0056. Its use for scores: Yurdakul and Naranjo
    (2020), doi 10.21314/JRMV.2020.227. Half a row: Anscombe (1956), doi 10.1093/biomet/43.3-4.461.

    Examples
    --------
    >>> round(population_stability_index([50, 50], [20, 80]), 4)
    0.4159
    >>> population_stability_index([50, 50, 0], [[10, 10, 0], [0, 0, 0]])
    array([ 0., nan])
    """
    before, now = _checked_windows(reference, current)
    has_rows = before + now > 0
    before_share = _shares(np.where(has_rows & (before == 0), HALF_ROW, before))
    now_share = _shares(np.where(has_rows & (now == 0), HALF_ROW, now))
    # Swapped, a difference of logarithms only changes its sign; a logarithm of the ratio may round otherwise.
    logs = np.log(np.where(has_rows, now_share, 1.0)) - np.log(np.where(has_rows, before_share, 1.0))
    return _where_both_have_rows(np.sum((now_share - before_share) * logs, axis=-1), before, now)


def psi_sampling_bias(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats | float:
    """Return the population stability index to expect of two samples of one distribution.

    ``(bins - 1) * (1 / n_reference + 1 / n_current)``, where bins have rows in either window: to first order
    the index is a chi-squared variable with ``bins - 1`` degrees of freedom, times the bracket. Rows are
    taken for independent; days that differ from each other add to it.

    Parameters
    ----------
    reference, current : array_like, shape (..., n_bins)
        Rows per bin, 0 or more.

    Returns
    -------
    float or ndarray, shape (...)
        In nats, 0 or more. nan where a window has no rows. In simulations the index averages up to 12 % more
        where the rarest bins expect 3 to 10 rows, and as little as 40 % of it where many bins expect about
        half a row: put such bins into the other bin.

    Raises
    ------
    DataError
        When the shapes do not fit, or a count is negative, infinite or missing.

    References
    ----------
    Yurdakul and Naranjo (2020), "Statistical properties of the population stability index", doi
    10.21314/JRMV.2020.227.

    Examples
    --------
    >>> psi_sampling_bias([100, 100, 200, 0], [90, 110, 200, 0])
    0.01
    """
    before, now = _checked_windows(reference, current)
    n_bins = np.count_nonzero(before + now > 0, axis=-1)
    one_row = ratio(1.0, before.sum(axis=-1)) + ratio(1.0, now.sum(axis=-1))
    return _plain(np.asarray((n_bins - 1) * one_row, np.float64))


def adjusted_psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats | float:
    """Return the population stability index less what sampling alone makes of it, at least 0.

    Without drift it is 0 about half of the time and small otherwise, so that one threshold can serve features
    and segments of all sizes. It is no test: what is left still varies with the numbers of bins and rows.

    Parameters
    ----------
    reference, current : array_like, shape (..., n_bins)
        Rows per bin, 0 or more.

    Returns
    -------
    float or ndarray, shape (...)
        In nats, 0 or more. nan where a window has no rows.

    Raises
    ------
    DataError
        When the shapes do not fit, or a count is negative, infinite or missing.

    References
    ----------
    Yurdakul and Naranjo (2020), doi 10.21314/JRMV.2020.227. See :func:`psi_sampling_bias` for its limits.

    Examples
    --------
    >>> round(adjusted_psi([50, 50], [20, 80]), 4), adjusted_psi([50, 50], [48, 52])
    (0.3959, 0.0)
    """
    excess = population_stability_index(reference, current) - psi_sampling_bias(reference, current)
    return _plain(np.asarray(np.maximum(0.0, excess), np.float64))


def jensen_shannon_distance(reference: npt.ArrayLike, current: npt.ArrayLike) -> Floats | float:
    """Return the square root of the Jensen-Shannon divergence to base 2.

    Empty bins need no care. Sampling makes it positive too: without drift its square is, on average,
    :func:`psi_sampling_bias` divided by ``8 * log(2)``.

    Parameters
    ----------
    reference, current : array_like, shape (..., n_bins)
        Rows (or weights) per bin, 0 or more.

    Returns
    -------
    float or ndarray, shape (...)
        Between 0 (the same distribution) and 1 (no bin in common); the same with the windows swapped. nan
        where a window has no rows.

    Raises
    ------
    DataError
        When the shapes do not fit, or a count is negative, infinite or missing.

    References
    ----------
    Lin (1991), doi 10.1109/18.61115; a metric: Endres and Schindelin (2003), doi 10.1109/TIT.2003.813506.

    Examples
    --------
    >>> jensen_shannon_distance([1, 1, 0, 0], [[2, 2, 0, 0], [0, 0, 3, 1]])
    array([0., 1.])
    """
    from scipy import special

    before, now = _checked_windows(reference, current)
    before_share, now_share = _shares(before), _shares(now)
    both = before_share + now_share
    contrast = np.divide(now_share - before_share, both, out=np.zeros_like(both), where=both > 0)
    # Bin by bin this is 0 or more, where the usual sums of two signs leave 1e-8 of a distance that is none.
    terms = special.xlog1py(1 + contrast, contrast) + special.xlog1py(1 - contrast, -contrast)
    divergence = np.sum(both * terms, axis=-1) / (4 * math.log(2))
    return _where_both_have_rows(np.sqrt(np.clip(divergence, 0.0, 1.0)), before, now)


def wasserstein_in_sd(
    values: npt.ArrayLike, reference: npt.ArrayLike, current: npt.ArrayLike
) -> Floats | float:
    """Return how far a row moved on average, in standard deviations of the reference.

    The 1-Wasserstein distance: the least that rows must be moved to turn one distribution into the other.

    Parameters
    ----------
    values : array_like, shape (n_bins,) or (..., n_bins)
        What each bin stands for, such as its midpoint, in the feature's unit; finite, strictly increasing.
    reference, current : array_like, shape (..., n_bins)
        Rows (or weights) per bin, 0 or more. Leave the missing bin out.

    Returns
    -------
    float or ndarray, shape (...)
        0 or more, never below the size of :func:`mean_shift_in_sd`. When all rows of the reference lie in one
        bin there is no unit to measure in: infinity when the current ones lie elsewhere, else 0. nan where a
        window has no rows.

    Raises
    ------
    DataError
        When the shapes do not fit, a count is negative, infinite or missing, or values are not finite and
        strictly increasing.

    References
    ----------
    Vallender (1974), "Calculation of the Wasserstein distance between probability distributions on the line",
    doi 10.1137/1118101.

    Examples
    --------
    Half of the rows lie at 10 and half at 30, 10 from their mean; then a quarter moves by 20:

    >>> wasserstein_in_sd([10, 30], [50, 50], [25, 75])
    0.5
    """
    before, now = _checked_windows(reference, current)
    position = _positions(values, before.shape)
    distance = np.sum(np.abs(_moved_up(before, now)) * np.diff(position, axis=-1), axis=-1)
    return _where_both_have_rows(_in_sd(distance, position, before), before, now)


def mean_shift_in_sd(
    values: npt.ArrayLike, reference: npt.ArrayLike, current: npt.ArrayLike
) -> Floats | float:
    """Return the current mean less the reference's, in standard deviations of the reference.

    Parameters
    ----------
    values : array_like, shape (n_bins,) or (..., n_bins)
        What each bin stands for, such as its midpoint, in the feature's unit; finite, strictly increasing.
    reference, current : array_like, shape (..., n_bins)
        Rows (or weights) per bin, 0 or more. Leave the missing bin out.

    Returns
    -------
    float or ndarray, shape (...)
        Above 0 the values have become larger. When all rows of the reference lie in one bin there is no unit
        to measure in: infinity of the shift's sign, or 0 without a shift. nan where a window has no rows.

    Raises
    ------
    DataError
        When the shapes do not fit, a count is negative, infinite or missing, or values are not finite and
        strictly increasing.

    References
    ----------
    Glass (1976), "Primary, secondary, and meta-analysis of research", doi 10.3102/0013189X005010003.

    Examples
    --------
    >>> mean_shift_in_sd([10, 30], [50, 50], [75, 25])
    -0.5
    """
    before, now = _checked_windows(reference, current)
    position = _positions(values, before.shape)
    terms = _moved_up(before, now) * np.diff(position, axis=-1)
    shift = np.sum(terms, axis=-1)
    # Moves up and down that cancel leave rounding, which over a spread of 0 would be an infinite shift.
    is_none = np.abs(shift) <= _ROUNDING * np.sum(np.abs(terms), axis=-1)
    shift = np.where(is_none, 0.0, shift)
    return _where_both_have_rows(_in_sd(shift, position, before), before, now)


def _moved_up(before: Floats, now: Floats) -> Floats:
    """Return the share of rows that crossed from each bin to the next, upwards less downwards."""
    below_before, below_now = (np.cumsum(counts, axis=-1)[..., :-1] for counts in (before, now))
    before_share = ratio(below_before, before.sum(axis=-1, keepdims=True))
    return np.asarray(before_share - ratio(below_now, now.sum(axis=-1, keepdims=True)), np.float64)


def _in_sd(distance: Floats, position: Floats, before: Floats) -> Floats:
    share = _shares(before)
    mean = np.sum(share * position, axis=-1, keepdims=True)
    sd = np.sqrt(np.sum(share * (position - mean) ** 2, axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = distance / sd
    return np.where(distance == 0, 0.0, quotient)


def _positions(values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return where values lie between the first and the last, 0 to 1: no unit can overflow a square."""
    support = np.asarray(values, np.float64)
    if support.ndim == 0 or support.shape[-1] != shape[-1] or not _broadcast(support.shape, shape):
        raise DataError(
            f"Values have shape {support.shape} for counts of shape {shape}. Give one value per bin on the "
            "last axis, and leading axes that are equal or 1."
        )
    wrong = support[~np.isfinite(support)]
    if wrong.size:
        raise DataError(
            f"Values hold {wrong[0]:g}. Give a finite value per bin, such as the mean of the rows in an "
            "open-ended bin, and leave the missing bin out."
        )
    falls = np.argwhere(support[..., 1:] <= support[..., :-1])
    if falls.size:
        *leading, first = falls[0].tolist()
        lower, upper = support[(*leading, slice(first, first + 2))]
        raise DataError(
            f"Values hold {lower:g} followed by {upper:g}. Values rise strictly from bin to bin; sort them "
            "and their counts, and add up bins of one value."
        )
    offset = support - support[..., :1]
    span = offset[..., -1:]
    return np.asarray(np.divide(offset, span, out=np.zeros_like(offset), where=span > 0), np.float64)


def _checked_windows(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Floats, Floats]:
    before, now = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    is_scalar = before.ndim == 0 or now.ndim == 0
    if is_scalar or before.shape[-1] != now.shape[-1] or not _broadcast(before.shape, now.shape):
        raise DataError(
            f"Reference counts have shape {before.shape} and current counts {now.shape}. Give both the same "
            "bins on the last axis, and leading axes that are equal or 1."
        )
    for name, counts in (("Reference", before), ("Current", now)):
        wrong = counts[~((counts >= 0) & np.isfinite(counts))]
        if wrong.size:
            raise DataError(
                f"{name} counts hold {wrong[0]:g}. Counts are finite and 0 or more; give 0 where there are "
                "no rows."
            )
    before, now = np.broadcast_arrays(before, now)
    return before, now


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def _shares(counts: Floats) -> Floats:
    return np.asarray(ratio(counts, counts.sum(axis=-1, keepdims=True)), np.float64)


def _where_both_have_rows(measured: Floats, before: Floats, now: Floats) -> Floats | float:
    have_rows = (before.sum(axis=-1) > 0) & (now.sum(axis=-1) > 0)
    return _plain(np.where(have_rows, measured, np.nan))


def _plain(measured: Floats) -> Floats | float:
    return float(measured) if measured.ndim == 0 else measured
