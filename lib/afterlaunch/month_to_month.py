"""Is this month's change beyond the usual month-to-month change? For many quantities at once.

With enough rows every month differs from every other, and a test against chance calls all of them changed.
What matters is how much months differ anyway: each reference month against the *other* reference months
pooled, never against a pool that holds it. :func:`usual_change` makes limits and p-values of that for one
further month; :func:`deciding_comparisons` takes back what the same month last year was like as well.

Months are taken for independent of each other and of one kind: a trend or a season widens the limits.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.uncertainty import benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Mapping

# Distributions come from scipy.special: importing scipy.stats takes most of a second.
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MIN_MONTHS = 4
"""With fewer reference months a quantity's limits need spreads that other quantities share."""
MIN_SHARING = 8
"""With fewer quantities than this there is no telling how alike their spreads are."""
MAX_DEGREES = 5
"""Student's t has 1 + k / 2 degrees of freedom and never more than this: months have heavier tails than a normal.

With k - 1, 20 % of quiet worlds of 28 quantities and 12 months with t5 tails raise an alarm, with this 2 to 4 %.
"""
_MIN_DEGREES = MIN_MONTHS - 1
_ROUNDING = 1e-9  # of a quantity's largest value: a smaller spread is no spread
_ALIKE_DEGREES = 1e6  # more degrees of freedom than this say the same as infinitely many


class QuantityKind(enum.StrEnum):
    """What the numbers are, which says on which scale months are about normal.

    ``signed``: effects around 0, as they are. ``distance``: 0 or more, as long as the change is large
    (Jensen-Shannon distance, Wasserstein, KS), on the scale of their square root. ``squared_distance``: 0 or
    more, four times as large for twice the change (PSI), on the scale of their fourth root: on that of their
    square root, up to 25 % of quiet worlds raise an alarm where months move mostly in one direction.
    """

    SIGNED = "signed"
    DISTANCE = "distance"
    SQUARED_DISTANCE = "squared_distance"


_POWER: Mapping[QuantityKind, float] = MappingProxyType(
    {QuantityKind.SIGNED: 1.0, QuantityKind.DISTANCE: 0.5, QuantityKind.SQUARED_DISTANCE: 0.25}
)
# Two months lie equally far from each other, so that two distances have no spread at all.
_FEWEST_MONTHS: Mapping[QuantityKind, int] = MappingProxyType(
    {QuantityKind.SIGNED: 2, QuantityKind.DISTANCE: 3, QuantityKind.SQUARED_DISTANCE: 3}
)


class Against(enum.StrEnum):
    """Which comparison speaks: the other months, the same month last year, or only the smallest size that matters."""

    OTHER_MONTHS = "other_months"
    LAST_YEAR = "last_year"
    FLOOR_ONLY = "floor_only"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class UsualChange:
    """Up to where changes usually come, and how unusual this month's are; arrays of shape (n_quantities,).

    Parameters
    ----------
    lower, upper : ndarray of float
        Limits for one further month, in the quantity's own unit, included in the usual. ``lower`` of a distance
        is 0: no distance is unusually small. nan without limits.
    p_value, p_adjusted : ndarray of float
        Chance of a change as large in a further usual month (two-sided for signed effects), and adjusted for the
        number of quantities. nan without limits or without a value this month.
    n_months : ndarray of int
        Reference months with a value.
    level : float
        Share of further usual months inside the limits.
    reasons : tuple of str
        Why there is no p-value, in words that can follow a colon; empty where there is one.
    """

    lower: Floats
    upper: Floats
    p_value: Floats
    p_adjusted: Floats
    n_months: Ints
    level: float
    reasons: tuple[str, ...]

    @property
    def size(self) -> Floats:
        """Up to where changes usually come in either direction, 0 or more; nan without limits."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))


def from_the_others(values: npt.ArrayLike) -> Floats:
    """Return each month's distance from the mean of the other months: no month is held against itself.

    Parameters
    ----------
    values : array_like, shape (n_months, n_quantities)
        A number a month.

    Returns
    -------
    ndarray, shape (n_months, n_quantities)
        For :func:`usual_change`. Of a single month nothing can be told: shape (0, n_quantities).

    Examples
    --------
    >>> from_the_others([[1.0], [2.0], [6.0]]).tolist()
    [[-3.0], [-1.5], [4.5]]
    """
    months = np.asarray(values, np.float64)
    n = months.shape[0]
    if n < 2:
        return np.zeros((0, *months.shape[1:]))
    return np.asarray(months - (months.sum(axis=0) - months) / (n - 1))


def usual_change(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    kind: QuantityKind = QuantityKind.SIGNED,
    level: float = 0.95,
    se: npt.ArrayLike | None = None,
) -> UsualChange:
    """Return the usual month-to-month change of each quantity, and this month's p-values.

    Prediction limits for one further month: mean +- t x spread x sqrt(1 + 1 / k) over k reference months, on
    the scale of the kind. The spread is moderated: drawn towards those of the other quantities, the more, the
    more alike they are; one that hardly ever moves gets limits wide for itself and narrow on the common scale.
    Changes against a pool of k - 1 months spread more than those against all k; for signed effects that is
    undone exactly (times (k - 1) / k, in pools of equally large months), for distances it is left: it makes
    limits a little too wide. t has 1 + k / 2 degrees of freedom, at least 3 (with a spread that others
    support) and at most :data:`MAX_DEGREES`.

    In simulated quiet worlds of 28 quantities at most 3 % have an adjusted p-value at or below 0.05 with normal
    months; with t5 tails up to 5 % with 4, 5, 12 and 24 months, and 7 % with 6 to 8. One change of 6
    standard deviations among the 28 is found in 1 to 27 % with 5 months, in 7 to 35 % with 6 and in about
    half from 8 on: the price of those tails.

    Parameters
    ----------
    reference : array_like, shape (n_months, n_quantities)
        Each reference month's change against the other reference months pooled. nan is a month without a
        value: it is left out for that quantity.
    current : array_like, shape (n_quantities,)
        This month's change against all reference months pooled. nan has limits and no p-value.
    kind : QuantityKind
        What the quantities are; all of one kind and on a common scale (such as alerts per 1,000).
    level : float
        Between 0 and 1, exclusive.
    se : array_like, shape (n_quantities,), optional
        Sampling error of ``current``, in its unit, 0 or more: the spread is never taken for less. nan is
        unknown.

    Returns
    -------
    UsualChange
        No limits with fewer than :data:`MIN_MONTHS` months unless spreads are alike, for quantities without
        any spread, and with less than 2 months (3 for distances).

    Raises
    ------
    DataError
        When shapes do not fit, a value is infinite, or a distance or ``se`` is negative.
    ParameterError
        When the level is not between 0 and 1.

    References
    ----------
    Smyth (2004), "Linear models and empirical Bayes methods", doi 10.2202/1544-6115.1027. Benjamini and
    Hochberg (1995), doi 10.1111/j.2517-6161.1995.tb02031.x. Fourth roots: Hawkins and Wixley (1986), "A note
    on the transformation of chi-squared variables to normality", The American Statistician 40, 296-298.

    Examples
    --------
    >>> usual = usual_change([[1.0], [-1.0], [2.0], [-2.0], [0.0]], [1.5])
    >>> usual.upper.round(2).tolist(), usual.p_value.round(2).tolist()
    ([4.07], [0.35])
    >>> usual_change([[1.0], [-1.0]], [1.5]).reasons
    ('needs at least 4 reference months, and there are 2',)
    """
    if not 0 < level < 1:
        raise ParameterError(f"Level is {level}. Give a number between 0 and 1, such as 0.95.")
    months, now = _checked(reference, current, kind)
    n_months = np.count_nonzero(~np.isnan(months), axis=0).astype(np.int64)
    centre, variance = _centre_and_variance(months ** _POWER[kind], n_months)
    if kind is QuantityKind.SIGNED:
        variance = variance * ((n_months - 1) / np.maximum(n_months, 1)) ** 2
    variance, prior_degrees = _moderated(variance, n_months - 1)
    spread = np.sqrt(variance * (1 + 1 / np.maximum(n_months, 1)))
    if se is not None:
        spread = np.fmax(spread, _sampling_floor(_checked_se(se, now), centre, _POWER[kind]))
    limits = [
        _why_no_limits(int(n), float(wide), fewest=_FEWEST_MONTHS[kind], prior_degrees=prior_degrees)
        for n, wide in zip(n_months, spread, strict=True)
    ]
    spread = np.where([not reason for reason in limits], spread, np.nan)
    return _judged(
        _Months(now=now, centre=centre, spread=spread, n_months=n_months), limits, kind=kind, level=level
    )


def deciding_comparisons(
    current: npt.ArrayLike,
    against_last_year: npt.ArrayLike,
    *,
    usual: UsualChange,
    floor: npt.ArrayLike,
    usual_last_year: UsualChange | None = None,
) -> tuple[Against, ...]:
    """Say for each quantity which comparison speaks.

    A change beyond the usual that is absent against the same month last year is the season's: it lies below
    the floor or inside its own usual limits there, and is smaller than the change against the other months
    (wide limits alone are no season). Then last year speaks, and there is no alarm. Otherwise the other
    months speak; without limits of theirs only the floor does.

    It takes last year's month for a good one: trouble that came in that month, too, is called a season.

    Parameters
    ----------
    current : array_like, shape (n_quantities,)
        This month's change against the reference months pooled. nan is no change.
    against_last_year : array_like, shape (n_quantities,)
        This month's change against the same month last year. nan where there is none: last year cannot speak.
    usual : UsualChange
        Of ``current``.
    floor : float or array_like, shape (n_quantities,)
        The smallest size of a change that matters, in the quantities' unit, 0 or more.
    usual_last_year : UsualChange, optional
        Of earlier changes from one year to the next.

    Returns
    -------
    tuple of Against
        One a quantity.

    Raises
    ------
    DataError
        When shapes do not fit or a floor is negative or missing.

    Examples
    --------
    >>> usual = usual_change([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0], [-2.0, -2.0], [0.0, 0.0]], [9.0, 9.0])
    >>> [str(against) for against in deciding_comparisons([9.0, 9.0], [0.2, 8.0], usual=usual, floor=0.5)]
    ['last_year', 'other_months']
    """
    now, year = np.asarray(current, np.float64), np.asarray(against_last_year, np.float64)
    _check_same_shape(now, year, usual, usual_last_year)
    smallest = np.asarray(floor, np.float64)
    if smallest.shape not in {(), now.shape} or not (smallest >= 0).all():
        raise DataError(
            f"Floor is {smallest.tolist()}. Give one size for all {now.size} quantities or one each, 0 or more."
        )
    is_absent = np.abs(year) < smallest
    if usual_last_year is not None:
        is_absent |= (usual_last_year.lower <= year) & (year <= usual_last_year.upper)
    is_usual = (usual.lower <= now) & (now <= usual.upper)
    is_change = (np.abs(now) >= smallest) & ~is_usual
    is_season = is_change & is_absent & (np.abs(year) < np.abs(now))
    otherwise = np.where(np.isfinite(usual.upper), Against.OTHER_MONTHS, Against.FLOOR_ONLY)
    return tuple(Against(against) for against in np.where(is_season, Against.LAST_YEAR, otherwise))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Months:
    """The month in the quantities' unit, and what a further month is held against, on the scale of the kind."""

    now: Floats
    centre: Floats
    spread: Floats
    n_months: Ints


def _judged(months: _Months, limits: list[str], *, kind: QuantityKind, level: float) -> UsualChange:
    from scipy import special

    # A spread that others support is surer than its own months say, but their tails stay as heavy.
    degrees = np.clip(1 + months.n_months / 2, _MIN_DEGREES, MAX_DEGREES)
    power, is_signed = _POWER[kind], kind is QuantityKind.SIGNED
    reach = special.stdtrit(degrees, (1 + level) / 2 if is_signed else level) * months.spread
    beyond = (months.now**power - months.centre) / months.spread
    p_value = 2 * special.stdtr(degrees, -np.abs(beyond)) if is_signed else special.stdtr(degrees, -beyond)
    lowest = months.centre - reach if is_signed else np.where(np.isnan(reach), np.nan, 0.0)
    no_value = np.isnan(months.now)
    return UsualChange(
        lower=lowest,
        # Low levels can ask for less than nothing, of which there is no root.
        upper=months.centre + reach if is_signed else np.maximum(months.centre + reach, 0.0) ** (1 / power),
        p_value=p_value,
        p_adjusted=benjamini_hochberg(p_value),
        n_months=months.n_months,
        level=level,
        reasons=tuple(
            reason or ("this month has no value" if missing else "")
            for reason, missing in zip(limits, no_value, strict=True)
        ),
    )


def _why_no_limits(n_months: int, spread: float, *, fewest: int, prior_degrees: float) -> str:
    # As sure as with MIN_MONTHS months of its own.
    is_supported = n_months >= fewest and prior_degrees + n_months - 1 >= _MIN_DEGREES
    if n_months < MIN_MONTHS and not is_supported:
        return f"needs at least {MIN_MONTHS} reference months, and there are {n_months}"
    return "" if spread > 0 else "is the same in every reference month, so there is no telling what is usual"


def _centre_and_variance(months: Floats, n_months: Ints) -> tuple[Floats, Floats]:
    """Return mean and variance over months; 0 without any month, and where nothing but rounding differs."""
    known = np.nan_to_num(months, nan=0.0)
    centre = known.sum(axis=0) / np.maximum(n_months, 1)
    squares = np.where(np.isnan(months), 0.0, (known - centre) ** 2).sum(axis=0)
    variance = squares / np.maximum(n_months - 1, 1)
    largest = np.abs(known).max(axis=0, initial=0.0)
    return centre, np.where(variance > (_ROUNDING * largest) ** 2, variance, 0.0)


def _moderated(variance: Floats, degrees: Ints) -> tuple[Floats, float]:
    """Draw variances towards a common one, by how alike they are; and return what that adds in degrees of freedom."""
    prior, prior_degrees = _common_variance(variance[variance > 0], degrees[variance > 0])
    if math.isinf(prior_degrees):
        return np.full_like(variance, prior), prior_degrees
    own = np.maximum(degrees, 0)
    # Where neither months nor other quantities say anything, there is no variance.
    total = np.maximum(prior_degrees + own, 1e-300)
    return (prior_degrees * prior + own * variance) / total, prior_degrees


def _common_variance(variance: Floats, degrees: Ints) -> tuple[float, float]:
    """Return the common variance and its degrees of freedom, from the mean and the variance of logarithms."""
    from scipy import special

    if variance.size < MIN_SHARING:
        return 0.0, 0.0
    half = degrees / 2
    logs = np.log(variance) - special.digamma(half) + np.log(half)
    beyond_chance = float(logs.var(ddof=1) - special.polygamma(1, half).mean())
    if beyond_chance <= 2 / _ALIKE_DEGREES:
        return float(np.exp(logs.mean())), math.inf
    half_prior = _inverse_trigamma(beyond_chance)
    log_prior = logs.mean() + special.digamma(half_prior) - math.log(half_prior)
    return float(np.exp(log_prior)), 2 * half_prior


def _inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = value by Newton's method on 1 / trigamma, which is nearly straight (Smyth 2004)."""
    from scipy import special

    found = 0.5 + 1 / value
    for _ in range(20):
        trigamma = float(special.polygamma(1, found))
        found += trigamma * (1 - trigamma / value) / float(special.polygamma(2, found))
    return found


def _sampling_floor(se: Floats, centre: Floats, power: float) -> Floats:
    """Return the sampling error on the scale of the kind: how far one error above the centre lies from it."""
    # A slope would be infinite at a distance of 0.
    return np.asarray((np.maximum(centre, 0.0) ** (1 / power) + se) ** power - np.maximum(centre, 0.0))


def _checked(reference: npt.ArrayLike, current: npt.ArrayLike, kind: QuantityKind) -> tuple[Floats, Floats]:
    months, now = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    if months.ndim != 2 or now.shape != months.shape[1:]:
        raise DataError(
            f"Reference has shape {months.shape} and current {now.shape}. Give reference as (months, "
            "quantities), also without any month, and current as (quantities,)."
        )
    both = np.vstack([months, now])
    if np.isinf(both).any():
        raise DataError("A change is infinite. Give finite changes, and nan where there is no value.")
    if kind is not QuantityKind.SIGNED and (both < 0).any():
        raise DataError(
            f"A distance is {np.nanmin(both):g}. Distances are 0 or more; give kind=QuantityKind.SIGNED for "
            "effects with a sign."
        )
    return months, now


def _checked_se(se: npt.ArrayLike, now: Floats) -> Floats:
    errors = np.asarray(se, np.float64)
    if errors.shape != now.shape or (errors < 0).any() or np.isinf(errors).any():
        raise DataError(
            f"Sampling errors have shape {errors.shape}, or one is negative or infinite. Give one a quantity, "
            f"shape {now.shape}, 0 or more, and nan where it is unknown."
        )
    return errors


def _check_same_shape(
    now: Floats, year: Floats, usual: UsualChange, usual_last_year: UsualChange | None
) -> None:
    shapes = [now.shape, year.shape, usual.upper.shape]
    shapes += [usual_last_year.upper.shape] if usual_last_year is not None else []
    if now.ndim != 1 or len(set(shapes)) > 1:
        raise DataError(
            f"Changes and limits have shapes {', '.join(map(str, shapes))}. Give one of each a quantity."
        )
