"""What is usual for a monthly number, so that noise is not taken for news; and ratios of rates.

:func:`usual_range` (XmR) needs nothing but the numbers; :func:`laney_usual_range` (u') knows how many events
and units stand behind each month, and so judges a month of another size, or an incomplete one, fairly. Both
call a quiet month unusual two times in a hundred. :func:`detectable_change` says what they could have seen.
"""

from __future__ import annotations

import dataclasses
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Distributions come from scipy.special: importing scipy.stats takes most of a second.
Floats: TypeAlias = npt.NDArray[np.float64]

MIN_MONTHS = 4
"""With fewer months than this there is no usual range."""

XMR_FACTOR: Mapping[int, float] = MappingProxyType(
    {4: 4.78, 5: 3.94, 6: 3.50, 7: 3.23, 8: 3.04, 9: 2.90, 10: 2.80, 11: 2.72, 12: 2.66}
)
"""Mean moving ranges on either side of the centre, by months the range rests on; from 12 on Wheeler's 2.66.

With 12 normal, independent months a further month of the same kind falls outside 2.66 mean moving ranges
1.9 % of the time; with 8 it would be 3.1 %, with 5 already 5.7 %, because both centre and spread are
guessed from few months. The factors for 4 to 11 months keep the 1.9 %.
"""

LANEY_FACTOR: Mapping[int, float] = MappingProxyType(
    {4: 5.39, 5: 4.45, 6: 3.95, 7: 3.64, 8: 3.43, 9: 3.27, 10: 3.16, 11: 3.07, 12: 3.0}
)
"""Standard deviations on either side of the centre, by months the range rests on; from 12 on Laney's 3.

These are :data:`XMR_FACTOR` in another unit: a standard deviation is guessed as the mean moving range over
2 / sqrt(pi).
"""

MEAN_MOVING_RANGE = 2 / math.sqrt(math.pi)
"""Mean absolute change between independent months of normal numbers with standard deviation 1."""

RUN_LENGTH = 8

NOT_NEGATIVE = Range(lower=0.0)
"""Where rates can lie."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UsualRange:
    """Where a further month of the same kind is expected to fall.

    Parameters
    ----------
    lower, centre, upper : float
        In the unit of the values. A limit can lie where no value can, such as a share below 0.
    n_months : int
        Months the range rests on.
    months : tuple of str
        Their labels, when given.
    """

    lower: float
    centre: float
    upper: float
    n_months: int
    months: tuple[str, ...] = ()

    def contains(self, value: float) -> bool:
        """Tell whether a value lies in the range, limits included; nan does not."""
        return self.lower <= value <= self.upper


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoUsualRange:
    """There is no usual range, and why, in words that can follow a colon."""

    reason: str
    n_months: int


def usual_range(
    values: npt.ArrayLike, *, max_months: int = 12, months: Sequence[str] = ()
) -> UsualRange | NoUsualRange:
    """Return the XmR limits of the months before, or why there are none.

    The centre is their mean; the limits lie :data:`XMR_FACTOR` times the mean moving range (the absolute
    change from one month to the next) on either side. The range takes months for independent: a trend or a
    season widens it.

    Parameters
    ----------
    values : array_like, shape (n,)
        One number a month, oldest first, all *before* the month that is judged. nan is a month without a
        value: it is left out, and the change is taken from the known month before it to the known month
        after it. (So every number of known months has the changes its factor was made for, and a shift
        across a gap widens the range instead of raising an alarm.)
    max_months : int
        Only so many of the latest months are looked at, with a value or not; 2 or more.
    months : sequence of str
        Labels of the months, one a value, to say which ones the range rests on.

    Returns
    -------
    UsualRange or NoUsualRange
        No range with fewer than :data:`MIN_MONTHS` known months.

    Raises
    ------
    ParameterError
        When ``max_months`` is below :data:`MIN_MONTHS`, a value is infinite, or labels are given for some
        months only.

    References
    ----------
    Wheeler (2000), "Understanding Variation: the Key to Managing Chaos", 2nd edition, SPC Press.

    Examples
    --------
    >>> limits = usual_range([10, 12, 10, 12, 10, 12, 10, 12, 10, 12, 10, 12])
    >>> round(limits.lower, 2), limits.centre, round(limits.upper, 2)
    (5.68, 11.0, 16.32)
    >>> usual_range([10, 12, float("nan"), 11])
    NoUsualRange(reason='a usual range needs at least 4 earlier months, and there are 3', n_months=3)
    """
    history = _checked_history(values, max_months, months)
    latest = history[-max_months:]
    is_known = ~np.isnan(latest)
    known = latest[is_known]
    n_months = int(known.size)
    if n_months < MIN_MONTHS:
        return NoUsualRange(reason=_too_few_months("a usual range", n_months), n_months=n_months)
    # The mean of equal numbers can differ from them in the last digit: they would leave their own range.
    centre = min(max(math.fsum(known) / n_months, float(known.min())), float(known.max()))
    reach = XMR_FACTOR[min(n_months, 12)] * float(np.abs(np.diff(known)).mean())
    return UsualRange(
        lower=centre - reach,
        centre=centre,
        upper=centre + reach,
        n_months=n_months,
        months=_known_labels(months, max_months, is_known),
    )


def laney_usual_range(
    n_events: npt.ArrayLike,
    n_units: npt.ArrayLike,
    *,
    n_units_now: float,
    per: float = 1000.0,
    max_months: int = 12,
    months: Sequence[str] = (),
) -> UsualRange | NoUsualRange:
    """Return Laney's u' limits of a rate for the month that is judged, or why there are none.

    Months of few units vary more by chance than months of many: a month is held against the limits for its
    own size. How much months vary beyond chance is taken from the months themselves. Limits for chance alone
    (Poisson, a u-chart) call 25 % of quiet months unusual when months of 240 events differ by 15 %; these
    keep 1.7 to 2.5 % for 240, 50 and 5 events, 4 to 12 months, of one size or of sizes that differ by 30 %.
    With 12 months of 240 events that differ by 15 %, 64 % of months at 1.6 times the rate are called
    unusual, and 94 % at twice; with 50 events 47 and 83 %, with 5 only 15 and 32 %.

    Laney lets all of a month's spread shrink with its units. Where months differ beyond chance, a quiet
    month of twice the size of the others is therefore called unusual in 6 %, of half the size in 0.4 %.
    :func:`usual_range` has the opposite fault: where chance is all there is, 0.4 and 7 %.

    Parameters
    ----------
    n_events, n_units : array_like, shape (n,)
        Events (tickets) and what they can happen to (decisions shown to people), one a month, oldest first,
        all *before* the month that is judged. 0 or more events, above 0 units. nan in either is a month
        without a value: it is left out.
    n_units_now : float
        Units of the month that is judged, above 0. For a nowcast, times its completeness: limits widen by
        just what is still unknown (:func:`afterlaunch.nowcast.nowcast`).
    per : float
        The range is in events per so many units.
    max_months : int
        Only so many of the latest months are looked at, with a value or not; 4 or more.
    months : sequence of str
        Labels of the months, one a value, to say which ones the range rests on.

    Returns
    -------
    UsualRange or NoUsualRange
        The lower limit is 0 or above. No range with fewer than :data:`MIN_MONTHS` known months, without any
        event, or when all months have the same rate.

    Raises
    ------
    DataError
        When a number lies outside of what is allowed above, or events and units differ in number.
    ParameterError
        When ``max_months`` is below :data:`MIN_MONTHS`, ``per`` is not above 0, or labels are given for some
        months only.

    References
    ----------
    Laney (2002), "Improved control charts for attributes", doi 10.1081/QEN-120003555.

    Examples
    --------
    >>> events, units = [9, 14, 8, 13, 11], [5000, 6000, 5000, 6000, 5000]
    >>> limits = laney_usual_range(events, units, n_units_now=5000)
    >>> round(limits.lower, 2), round(limits.centre, 2), round(limits.upper, 2)
    (0.14, 2.04, 3.93)
    >>> limits = laney_usual_range(events, units, n_units_now=500)
    >>> round(limits.lower, 2), round(limits.centre, 2), round(limits.upper, 2)
    (0.0, 2.04, 8.03)
    """
    _check_latest(max_months)
    if not (math.isfinite(per) and per > 0):
        raise ParameterError(f"per is {per:g}. Give a number above 0, such as 1000 for a rate per 1,000.")
    events, units = _checked_counts(n_events, n_units)
    _check_labels(months, events.size)
    _check_units_now(n_units_now)
    is_known = ~np.isnan(events[-max_months:] + units[-max_months:])
    events, units = events[-max_months:][is_known], units[-max_months:][is_known]
    found = _rate_limits(events, units, n_units_now)
    if isinstance(found, NoUsualRange):
        return found
    centre, reach = found
    return UsualRange(
        lower=per * max(centre - reach, 0.0),
        centre=per * centre,
        upper=per * (centre + reach),
        n_months=int(events.size),
        months=_known_labels(months, max_months, is_known),
    )


def run_of_eight(values: npt.ArrayLike, centre: float) -> bool:
    """Tell whether the last eight values all lie on one side of the centre: a shift too small for the limits.

    Parameters
    ----------
    values : array_like, shape (n,)
        One number a month, oldest first, ending with the month that is judged. nan is left out, but a last
        month without a value ends no run. A value on the centre is on neither side.
    centre : float
        Centre of the usual range.

    References
    ----------
    Wheeler (2000), "Understanding Variation: the Key to Managing Chaos", 2nd edition, SPC Press.

    Examples
    --------
    >>> run_of_eight([9, 11, 12, 11, 13, 11, 12, 11, 12], centre=10), run_of_eight([9, 11, 12], centre=10)
    (True, False)
    """
    history = np.asarray(values, dtype=np.float64)
    if history.size == 0 or np.isnan(history[-1]):
        return False
    last = history[~np.isnan(history)][-RUN_LENGTH:]
    return bool(last.size == RUN_LENGTH and (np.all(last > centre) or np.all(last < centre)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectableChange:
    """The smallest changes that a usual range would have shown with a stated probability.

    Parameters
    ----------
    power : float
        That probability.
    rise, fall : float or None
        Long-run value of a month, in the unit of the range, that falls outside with this probability; above
        the upper and below the lower limit. ``None`` when no possible value does.
    rise_ratio, fall_ratio : float or None
        The same over the centre; ``None`` also where the centre is not above 0.
    """

    power: float
    rise: float | None
    rise_ratio: float | None
    fall: float | None
    fall_ratio: float | None


def detectable_change(
    limits: UsualRange,
    *,
    power: float = 0.8,
    bounds: Range = NOT_NEGATIVE,
    n_events: float | None = None,
) -> DetectableChange:
    """Return the changes that would have fallen outside the usual range four times in five.

    To stand beside each "nothing unusual": a rise to less than this may well have gone unseen. The spread of
    a month is recovered from the limits. A rate that rises also spreads more. With ``n_events`` that is
    taken into account, and the rises named are seen in 76 to 83 % of months at the default power (240, 50
    and 5 events, 4 to 12 months before, months that differ by 0 or 15 %), the falls in 65 to 83 %; without,
    the rises in 60 to 79 % only.

    Parameters
    ----------
    limits : UsualRange
        From :func:`usual_range` or :func:`laney_usual_range`. A limit may have been moved in to where values
        can lie, but not both.
    power : float
        At least 0.5 and below 1.
    bounds : Range
        Where values can lie at all. There is no fall when the lower limit is at or below the lower bound.
    n_events : float or None
        For rates: the events that a month of the size judged has at the centre of its range, 0 or more.
        ``None``, or 0, takes the spread of a changed month for that of a usual one.

    Raises
    ------
    ParameterError
        When a number lies outside of what is allowed above, or the range rests on fewer than
        :data:`MIN_MONTHS` months.

    References
    ----------
    Hoenig and Heisey (2001), "The abuse of power", doi 10.1198/000313001300339897: a change that could have
    been seen depends on the limits only, never on what was observed.

    Examples
    --------
    >>> change = detectable_change(usual_range([10, 12, 10, 12, 10, 12, 10, 12, 10, 12, 10, 12]))
    >>> round(change.rise, 1), round(change.rise_ratio, 2), round(change.fall, 1), round(change.fall_ratio, 2)
    (17.8, 1.62, 4.2, 0.38)
    """
    from scipy import special

    _check_power(power, limits, n_events)
    beyond = float(special.ndtri(power))
    lower, upper = bounds.lower, bounds.upper
    rise = _rise(limits, beyond, n_events) if upper is None or limits.upper < upper else None
    fall = _fall(limits, beyond, n_events) if lower is None or limits.lower > lower else None
    rise = rise if rise is not None and bounds.contains(rise) else None
    fall = fall if fall is not None and bounds.contains(fall) else None
    return DetectableChange(
        power=power,
        rise=rise,
        rise_ratio=_over_centre(rise, limits),
        fall=fall,
        fall_ratio=_over_centre(fall, limits),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RateRatio:
    """A month's rate over that of the months before, with its confidence interval.

    Parameters
    ----------
    ratio, lower, upper : float
        Above 0; 1 is no change.
    level : float
        Of the interval.
    dispersion : float
        How many times the variance of the earlier months is what chance alone (Poisson) makes; at least 1.
    n_months : int
        Earlier months that the ratio rests on.
    """

    ratio: float
    lower: float
    upper: float
    level: float = 0.95
    dispersion: float
    n_months: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class RiskRatio:
    """A share inside a group over the share outside, with its confidence interval; 1 is no difference."""

    ratio: float
    lower: float
    upper: float
    level: float = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoRatio:
    """There is no ratio with an interval, and why, in words that can follow a colon."""

    reason: str


def rate_ratio(
    n_events: float,
    n_units: float,
    base_events: npt.ArrayLike,
    base_units: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> RateRatio | NoRatio:
    """Return a month's rate over the rate of all months before it, or why there is none.

    The interval counts three things: chance in the month, chance in the months before, and how much months
    differ beyond chance, which is guessed from the months before (their Pearson dispersion, as in a
    quasi-Poisson model; Student's t makes up for few months). That difference is taken for relative: it
    neither averages out in a month of more units nor shrinks when the rate rises. (Plain quasi-Poisson,
    equal to this for an unchanged month of the same size, says it does, and then covers 91 % at a true ratio
    of 1.6, and 82 % in a month three times as large.) A nominal 95 % covers 92 to 98 % for months of 240 and 50
    events that differ by 15 or 30 %, with 12 months before; 93 to 99.9 % with 4; and 94 to 99.9 % for
    months of 5 events or where chance is all there is, as the dispersion is never taken below 1.

    Parameters
    ----------
    n_events, n_units : float
        Events and units of the month that is judged; 0 or more, above 0.
    base_events, base_units : array_like, shape (n,)
        The same of the months before. nan in either is a month without a value: it is left out.
    level : float
        Between 0 and 1, exclusive.

    Returns
    -------
    RateRatio or NoRatio
        No ratio without an event in the month, without any before it, or with fewer than
        :data:`MIN_MONTHS` known months before it.

    Raises
    ------
    DataError
        When a number lies outside of what is allowed above, or events and units differ in number.
    ParameterError
        When the level is not between 0 and 1.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", 2nd edition, doi 10.1201/9780203753736;
    DerSimonian and Laird (1986), doi 10.1016/0197-2456(86)90046-2, for the relative difference.

    Examples
    --------
    >>> found = rate_ratio(30, 10_000, [20, 24, 16, 20, 20], [10_000] * 5)
    >>> found.ratio, round(found.lower, 2), round(found.upper, 2), found.dispersion, found.n_months
    (1.5, 0.84, 2.67, 1.0, 5)
    >>> rate_ratio(30, 10_000, [20, 24, 16], [10_000] * 3)
    NoRatio(reason='a rate ratio needs at least 4 earlier months, and there are 3')
    """
    from scipy import special

    _check_level(level)
    _check_month_now(n_events, n_units)
    events, units = _checked_counts(base_events, base_units)
    is_known = ~np.isnan(events + units)
    events, units = events[is_known], units[is_known]
    if reason := _why_no_rate_ratio(n_events, events):
        return NoRatio(reason=reason)
    base = _Base.of(events, units)
    variance = 1 / n_events + 1 / base.n_events + base.relative_variance
    reach = float(special.stdtrit(events.size - 1, (1 + level) / 2)) * math.sqrt(variance)
    ratio = n_events / n_units / base.rate
    return RateRatio(
        ratio=ratio,
        lower=ratio * math.exp(-reach),
        upper=ratio * math.exp(reach),
        level=level,
        dispersion=base.dispersion,
        n_months=int(events.size),
    )


def risk_ratio(
    n_events_inside: float,
    n_inside: float,
    n_events_outside: float,
    n_outside: float,
    *,
    level: float = 0.95,
) -> RiskRatio | NoRatio:
    """Return the share of rows with an event inside a group over the share outside it, or why there is none.

    With Katz's interval on the log scale, for independent rows. A nominal 95 % covers 94 to 97 % with 3 or
    more events expected inside.

    Parameters
    ----------
    n_events_inside, n_events_outside : float
        Rows with an event.
    n_inside, n_outside : float
        All rows inside and outside: at least those with an event.
    level : float
        Between 0 and 1, exclusive.

    Returns
    -------
    RiskRatio or NoRatio
        No ratio when either side has no event, or when every row has one.

    Raises
    ------
    DataError
        When the rows with an event are not between 0 and all rows.
    ParameterError
        When the level is not between 0 and 1.

    References
    ----------
    Katz, Baptista, Azen and Pike (1978), doi 10.2307/2530610.

    Examples
    --------
    >>> found = risk_ratio(12, 400, 60, 8000)
    >>> round(found.ratio, 2), round(found.lower, 2), round(found.upper, 2)
    (4.0, 2.17, 7.37)
    >>> risk_ratio(0, 400, 60, 8000)
    NoRatio(reason='no row inside has an event')
    """
    from scipy import special

    _check_level(level)
    sides = {"inside": (n_events_inside, n_inside), "outside": (n_events_outside, n_outside)}
    for side, (n_events, n) in sides.items():
        if not 0 <= n_events <= n < math.inf:
            raise DataError(
                f"{n_events:g} of {n:g} rows {side} have an event. "
                "Give a number of rows between 0 and that of all rows."
            )
    for side, (n_events, _) in sides.items():
        if not n_events:
            return NoRatio(reason=f"no row {side} has an event")
    variance = 1 / n_events_inside - 1 / n_inside + 1 / n_events_outside - 1 / n_outside
    if variance <= 0:
        return NoRatio(reason="every row inside and outside has an event")
    ratio = n_events_inside / n_inside / (n_events_outside / n_outside)
    reach = float(special.ndtri((1 + level) / 2)) * math.sqrt(variance)
    return RiskRatio(ratio=ratio, lower=ratio * math.exp(-reach), upper=ratio * math.exp(reach), level=level)


def _why_no_rate_ratio(n_events: float, base_events: Floats) -> str:
    n_months = int(base_events.size)
    if n_months < MIN_MONTHS:
        return _too_few_months("a rate ratio", n_months)
    if not base_events.sum():
        return f"the {n_months} earlier months have no event"
    return "" if n_events else "the month itself has no event"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Base:
    """Months that a rate is compared with: their rate, and how much they differ beyond chance."""

    rate: float
    n_events: float
    dispersion: float
    relative_variance: float

    @classmethod
    def of(cls, events: Floats, units: Floats) -> _Base:
        n_events = math.fsum(events)
        rate = n_events / math.fsum(units)
        expected = rate * units
        more_months = events.size - 1
        dispersion = max(float(((events - expected) ** 2 / expected).sum()) / more_months, 1.0)
        squared = float((expected**2).sum())
        # The moment estimate of the variance between months relative to their rate; then of one month and of the
        # mean of them all.
        between = (dispersion - 1) * more_months / (n_events - squared / n_events)
        return cls(
            rate=rate,
            n_events=n_events,
            dispersion=dispersion,
            relative_variance=between * (1 + squared / n_events**2),
        )


def _rate_limits(events: Floats, units: Floats, n_units_now: float) -> tuple[float, float] | NoUsualRange:
    """Return the centre of a rate per unit and how far its limits lie from it."""
    n_months = int(events.size)
    if n_months < MIN_MONTHS:
        return NoUsualRange(reason=_too_few_months("a usual range", n_months), n_months=n_months)
    if not events.sum():
        return NoUsualRange(reason=f"the {n_months} earlier months have no event", n_months=n_months)
    rate = events / units
    if np.ptp(rate) == 0:
        return NoUsualRange(
            reason=f"the {n_months} earlier months all have the same rate, which says nothing about its spread",
            n_months=n_months,
        )
    centre = math.fsum(events) / math.fsum(units)
    standardised = (rate - centre) * np.sqrt(units / centre)
    beyond_chance = float(np.abs(np.diff(standardised)).mean()) / MEAN_MOVING_RANGE
    return centre, LANEY_FACTOR[min(n_months, 12)] * beyond_chance * math.sqrt(centre / n_units_now)


def _sigma(limits: UsualRange) -> float:
    """Return the standard deviation of a month that the limits were made from."""
    # A limit that was moved in to where values can lie is the nearer one.
    reach = max(limits.upper - limits.centre, limits.centre - limits.lower)
    return reach / LANEY_FACTOR[min(limits.n_months, 12)]


def _variance_by_level(limits: UsualRange, n_events: float) -> tuple[float, float]:
    """Return how the variance of a rate grows with the rate and with its square.

    What chance makes of so many events grows with the rate (Poisson); how much months differ beyond it is
    relative, so it grows with the square.
    """
    variance = _sigma(limits) ** 2
    by_chance = min(limits.centre**2 / n_events, variance)
    return by_chance / limits.centre, (variance - by_chance) / limits.centre**2


def _rise(limits: UsualRange, beyond: float, n_events: float | None) -> float | None:
    """Return the value that lies ``beyond`` of its own standard deviations above the upper limit."""
    if not n_events or limits.centre <= 0:
        return limits.upper + beyond * _sigma(limits)
    linear, square = _variance_by_level(limits, n_events)
    # The larger root of (value - upper)**2 = beyond**2 * (linear * value + square * value**2).
    leading, middle = 1 - beyond**2 * square, 2 * limits.upper + beyond**2 * linear
    if leading <= 0:
        return None
    return (middle + math.sqrt(middle**2 - 4 * leading * limits.upper**2)) / (2 * leading)


def _fall(limits: UsualRange, beyond: float, n_events: float | None) -> float | None:
    """Return the value that lies ``beyond`` of its own standard deviations below the lower limit."""
    if not n_events or limits.centre <= 0:
        return limits.lower - beyond * _sigma(limits)
    if limits.lower <= 0:
        return None
    linear, square = _variance_by_level(limits, n_events)
    # The smaller root, written so that it holds for every sign of the leading coefficient.
    leading, middle = 1 - beyond**2 * square, 2 * limits.lower + beyond**2 * linear
    return 2 * limits.lower**2 / (middle + math.sqrt(middle**2 - 4 * leading * limits.lower**2))


def _over_centre(value: float | None, limits: UsualRange) -> float | None:
    return None if value is None or limits.centre <= 0 else value / limits.centre


def _too_few_months(what: str, n_months: int) -> str:
    there_are = {0: "there is none", 1: "there is 1"}.get(n_months, f"there are {n_months}")
    return f"{what} needs at least {MIN_MONTHS} earlier months, and {there_are}"


def _known_labels(months: Sequence[str], max_months: int, is_known: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    if not months:
        return ()
    return tuple(label for label, kept in zip(months[-max_months:], is_known, strict=True) if kept)


def _checked_history(values: npt.ArrayLike, max_months: int, months: Sequence[str]) -> Floats:
    history = np.asarray(values, dtype=np.float64)
    _check_latest(max_months)
    if history.ndim != 1 or np.isinf(history).any():
        raise ParameterError(
            f"The months before have shape {history.shape} and {int(np.isinf(history).sum())} infinite "
            "values. Give one finite number a month, and nan for a month without one."
        )
    _check_labels(months, history.size)
    return history


def _checked_counts(n_events: npt.ArrayLike, n_units: npt.ArrayLike) -> tuple[Floats, Floats]:
    events, units = np.asarray(n_events, np.float64), np.asarray(n_units, np.float64)
    if events.ndim != 1 or events.shape != units.shape:
        raise DataError(
            f"The months before have events of shape {events.shape} and units of shape {units.shape}. "
            "Give one number of both a month, and nan for a month without one."
        )
    # Written so that nan passes.
    cannot_be = (events < 0) | (units <= 0) | np.isinf(events) | np.isinf(units)
    if cannot_be.any():
        first = int(np.argmax(cannot_be))
        raise DataError(
            f"Month {first + 1} of {events.size} has {events[first]:g} events and {units[first]:g} units. "
            "Give 0 or more events and more than 0 units, and nan for a month without a value."
        )
    return events, units


def _check_month_now(n_events: float, n_units: float) -> None:
    if not (0 <= n_events < math.inf and 0 < n_units < math.inf):
        raise DataError(
            f"The month that is judged has {n_events:g} events and {n_units:g} units. "
            "Give 0 or more events and more than 0 units."
        )


def _check_units_now(n_units_now: float) -> None:
    if not 0 < n_units_now < math.inf:
        raise DataError(
            f"n_units_now is {n_units_now:g}. Give the units of the month that is judged, above 0."
        )


def _check_latest(max_months: int) -> None:
    if max_months < MIN_MONTHS:
        raise ParameterError(f"max_months is {max_months}. Give {MIN_MONTHS} or more; 12 is Wheeler's habit.")


def _check_labels(months: Sequence[str], n_months: int) -> None:
    if months and len(months) != n_months:
        raise ParameterError(
            f"There are {len(months)} labels for {n_months} months. Give one a month, or none."
        )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParameterError(f"Level is {level}. Give a number between 0 and 1, such as 0.95.")


def _check_power(power: float, limits: UsualRange, n_events: float | None) -> None:
    if not 0.5 <= power < 1:
        raise ParameterError(f"Power is {power}. Give a number of at least 0.5 and below 1, such as 0.8.")
    if limits.n_months < MIN_MONTHS:
        raise ParameterError(
            f"The usual range rests on {limits.n_months} months. Give one from usual_range or "
            f"laney_usual_range, which need at least {MIN_MONTHS}."
        )
    if n_events is not None and not 0 <= n_events < math.inf:
        raise ParameterError(
            f"n_events is {n_events:g}. Give the events of a month at the centre of its range, 0 or more, "
            "or leave it out."
        )
