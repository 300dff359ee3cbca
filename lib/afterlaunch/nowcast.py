"""Late tickets: how many there will be once everybody has reported.

A ticket belongs to the day of its case, and often comes days later. Counted by case day, the last weeks
always seem to have fewer. The nowcast learns from earlier days how late tickets come, and adds those to be
expected: a chain ladder on daily delays.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError

# Distributions come from scipy.special: importing scipy.stats takes most of a second.
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Window: TypeAlias = slice | npt.ArrayLike | None

LEVEL = 0.95
"""Of the interval of a nowcast."""
MIN_PAST_DAYS = 28
"""With fewer earlier days to check the estimate on, there is none."""
MIN_TICKETS = 20
"""With fewer tickets on days whose every delay has been seen, there is no nowcast."""
TAIL_DAYS = 7
"""The last delays, in which hardly a ticket should come."""
MIN_DEGREES = 4.0
"""Degrees of freedom that a handful of checks are given at least: below, intervals say nothing at all."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Nowcast:
    """What the tickets of a window will have become once all of them are reported.

    Parameters
    ----------
    n_reported : int
        Tickets reported until the as-of day.
    n_expected : float
        Expected final count, over the whole window.
    lower, upper : int
        95 % prediction interval of the final count; never below what is reported.
    completeness : float
        Share of the window's final tickets that is reported by now, above 0 and up to 1.
    past_error_share : float
        How far this very estimate, made on earlier days whose final counts are known, was off: root mean
        square error over root mean square count. 0 without such days.
    n_past_days : int
        Earlier days that it was checked on; at least :data:`MIN_PAST_DAYS` unless the window is complete.
    tail_share : float
        Share of the tickets that come in the last :data:`TAIL_DAYS` delays that were counted. Well above 0
        means that more come later still, which nothing here can know: count more delays.
    reported_by_day : ndarray of int64, shape (n_window_days,)
        Tickets reported, by case day.
    completeness_by_day : ndarray of float64, shape (n_window_days,)
        Share of a day's final tickets that is reported by now, 0 to 1.
    expected_by_day : ndarray of float64, shape (n_window_days,)
        Expected final count: those reported, and the window's rate for those that are not. Adds up to
        ``n_expected``.
    """

    n_reported: int
    n_expected: float
    lower: int
    upper: int
    completeness: float
    past_error_share: float
    n_past_days: int
    tail_share: float
    reported_by_day: Integers
    completeness_by_day: Floats
    expected_by_day: Floats

    @property
    def n_outstanding(self) -> float:
        """Tickets still expected."""
        return self.n_expected - self.n_reported


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoNowcast:
    """There is no nowcast, and why, in words that can follow a colon.

    ``n_days_needed`` is how many further days of history would do, 0 where days are not what is missing.
    """

    reason: str
    n_days_needed: int = 0


def tickets_by_delay(
    case_day: npt.ArrayLike,
    delay_days: npt.ArrayLike,
    n_tickets: npt.ArrayLike = 1,
    *,
    n_days: int,
    n_delays: int,
) -> Integers:
    """Count tickets by case day and delay; a day without a ticket is a row of zeros, not a missing row.

    Grouping tickets by day loses the days without any, and what is left looks like fewer and busier days.

    Parameters
    ----------
    case_day : array_like of int, shape (n,)
        Number of the case's day, from 0 to ``n_days - 1``.
    delay_days : array_like of int, shape (n,)
        Whole days from case to ticket, 0 or more. Tickets later than ``n_delays - 1`` are left out: count
        the months that a nowcast is compared with in the same way.
    n_tickets : array_like of int, shape (n,)
        Tickets of each pair, 0 or more; one each when left out.
    n_days, n_delays : int
        Calendar days, and delays counted; 1 or more.

    Returns
    -------
    ndarray of int64, shape (n_days, n_delays)

    Raises
    ------
    DataError
        When a number lies outside of what is allowed above, or shapes differ.
    ParameterError
        When ``n_days`` or ``n_delays`` is below 1.

    Examples
    --------
    >>> tickets_by_delay([0, 2, 2], [1, 0, 0], n_days=3, n_delays=2).tolist()
    [[0, 1], [0, 0], [2, 0]]
    """
    if n_days < 1 or n_delays < 1:
        raise ParameterError(f"Cannot count {n_delays} delays of {n_days} days. Give 1 or more of both.")
    day, delay = np.asarray(case_day, np.int64), np.asarray(delay_days, np.int64)
    count = np.asarray(n_tickets, np.int64)
    if day.ndim != 1 or delay.shape != day.shape or count.shape not in {(), day.shape}:
        raise DataError(
            f"Days have shape {day.shape}, delays {delay.shape} and tickets {count.shape}. "
            "Give one of each an entry; tickets may be left out."
        )
    count = np.broadcast_to(count, day.shape)
    cannot_be = (day < 0) | (day >= n_days) | (delay < 0) | (count < 0)
    if cannot_be.any():
        first = int(np.argmax(cannot_be))
        raise DataError(
            f"Entry {first + 1} of {day.size} has day {day[first]}, delay {delay[first]} and "
            f"{count[first]} tickets. Give days from 0 to {n_days - 1}, delays and tickets of 0 or more."
        )
    counts = np.zeros((n_days, n_delays), np.int64)
    is_counted = delay < n_delays
    np.add.at(counts, (day[is_counted], delay[is_counted]), count[is_counted])
    return counts


def nowcast(
    n_tickets: npt.ArrayLike,
    n_observable_days: npt.ArrayLike,
    *,
    window: Window = None,
    n_units: npt.ArrayLike | None = None,
) -> Nowcast | NoNowcast:
    """Return how many tickets a window will have once all are reported, or why that cannot be said.

    How late tickets come is learned from all days, each as far as it could be observed (the chain ladder,
    which is the maximum likelihood estimate for delays that are cut off). The window is pooled: its reported
    tickets over its completeness. Dividing day by day would blow up the last days, of which hardly anything
    is known yet. Delays are taken for unchanged: a new support tool or a holiday at the end of the window
    makes the estimate wrong, and nothing in these counts can show it.

    The interval counts chance in what is still to come, in the rate and in the delays, and whatever else
    made this very estimate miss on earlier days: desks that are closed on weekends, busy days. With tickets 6
    days late on average, a month is off by 3 %, 5 % and 9 % (standard deviation) when its last day ends, for
    12, 3 and 1 tickets a day; a fortnight by 6 %, 12 % and 20 %; none is biased. A nominal 95 % covers 95 to
    98 % with 14 months of history, 98 to 99.9 % with the 3 months that it takes at least, and 92 to 99 % for desks
    that are closed on weekends, follow busy days or have months and days that differ.

    To judge the window, give :func:`afterlaunch.rates.laney_usual_range` its units times ``completeness``,
    and hold ``n_expected`` over all its units against the range, which then counts what is still unknown.
    Of quiet fortnights 1 to 2 % are called high or low; those counted by case day without a nowcast are
    called low in 91 %, 34 % and 7 % (12, 3 and 1 tickets a day). At 1.6 times the rate 99 %, 54 % and 22 %
    are called high; without a nowcast 1 to 3 %.

    Parameters
    ----------
    n_tickets : array_like, shape (n_days, n_delays)
        Tickets by case day and delay in days, from :func:`tickets_by_delay`: one row for every calendar
        day. Delays longer than these are a known limit: they are not estimated (see
        ``Nowcast.tail_share``).
    n_observable_days : array_like of int, shape (n_days,)
        Days that each case day has been observed until the as-of day: the as-of day minus the case day, so
        they fall by one from row to row. A delay is observable when it is smaller.
    window : slice, or array_like of bool of shape (n_days,)
        Days to estimate, such as a month; all when left out. Days after it may be there, and change nothing.
    n_units : array_like, shape (n_days,)
        What tickets can happen to on each day (decisions), 0 or more; equal days when left out. Without it,
        a fortnight that ends on a quiet weekend is taken for less complete than it is.

    Returns
    -------
    Nowcast or NoNowcast
        No nowcast with fewer than :data:`MIN_PAST_DAYS` earlier days to check it on (the history has to be
        as long as window, delays and these together), with fewer than :data:`MIN_TICKETS` tickets to learn
        from, or before any ticket of the window can have been reported. A window that is complete needs none
        of these: its count is final.

    Raises
    ------
    DataError
        When tickets are negative or lie beyond the as-of day, days are missing or not over, or shapes differ.
    ParameterError
        When the window is neither a slice nor one truth value a day, or selects no day.

    References
    ----------
    Mack (1993), doi 10.2143/AST.23.2.2005092; Lawless (1994), "Adjustments for reporting delays and the
    prediction of occurred but not reported events", Canadian Journal of Statistics 22, 15-31.

    Examples
    --------
    Four tickets a day, half of them a day late; the last day has seen its first half only:

    >>> tickets = np.full((40, 2), 2)
    >>> tickets[-1, 1] = 0
    >>> found = nowcast(tickets, np.arange(40, 0, -1), window=slice(-2, None))
    >>> found.n_reported, round(found.n_expected, 1), found.lower, found.upper
    (6, 8.0, 6, 12)
    >>> found.completeness_by_day.round(2).tolist(), found.expected_by_day.round(1).tolist()
    ([1.0, 0.5], [4.0, 4.0])
    """
    tickets = _Tickets.checked(n_tickets, n_observable_days, n_units)
    days = _window_days(window, tickets)
    if refused := _too_little(tickets, days):
        return refused
    delays = _Delays.learned(tickets)
    now = _Pooled.of(tickets, delays, days, tickets.n_observable[days])
    if not now.completeness:
        return NoNowcast(reason="no ticket of these days can have been reported yet")
    past = _PastErrors.of(tickets, delays, days)
    lower, upper = _interval(now, delays, past)
    return Nowcast(
        n_reported=int(now.n_reported),
        n_expected=float(now.n_expected),
        lower=lower,
        upper=upper,
        completeness=float(now.completeness),
        past_error_share=past.error_share,
        n_past_days=past.n_days,
        tail_share=delays.tail_share,
        reported_by_day=now.reported_by_day.astype(np.int64),
        completeness_by_day=now.share_by_day,
        expected_by_day=now.expected_by_day,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Tickets:
    """Counts by case day, added up over delays: column d holds the tickets with a delay of d or less."""

    cumulative: Floats
    n_observable: Integers
    n_units: Floats

    @classmethod
    def checked(
        cls, n_tickets: npt.ArrayLike, n_observable_days: npt.ArrayLike, n_units: npt.ArrayLike | None
    ) -> _Tickets:
        counts = np.asarray(n_tickets, np.float64)
        observable = np.asarray(n_observable_days, np.float64)
        if counts.ndim != 2 or 0 in counts.shape or observable.shape != counts.shape[:1]:
            raise DataError(
                f"Tickets have shape {counts.shape} and observable days {observable.shape}. Give one row of "
                "tickets a case day, one column a delay, and one number of observable days a case day."
            )
        _check_days(observable)
        _check_counts(counts, observable)
        return cls(
            cumulative=np.cumsum(counts, axis=1),
            n_observable=observable.astype(np.int64),
            n_units=_checked_units(n_units, counts.shape[0]),
        )

    @property
    def n_delays(self) -> int:
        return int(self.cumulative.shape[1])

    @property
    def n_complete(self) -> float:
        """Tickets on days whose every delay has been seen."""
        return float(self.cumulative[self.n_observable >= self.n_delays, -1].sum())

    def n_past_days(self, days: Integers) -> int:
        """Return on how many earlier as-of days a window like this has all its final counts by now.

        Below 0 it says how many days of history the first one is away.
        """
        observable = self.n_observable[days]
        return int(self.n_observable[0] - self.n_delays - np.ptp(observable) + 1)


def _check_days(observable: Floats) -> None:
    fall = -np.diff(observable)
    if (fall != 1).any():
        after = int(np.argmax(fall != 1)) + 1
        raise DataError(
            f"Day {after + 1} of {observable.size} has been observable for {observable[after]:g} days, the row "
            f"before it for {observable[after - 1]:g}. Give one row for every calendar day, oldest first, with "
            "zeros where there was no ticket; then observable days fall by one from row to row."
        )
    if observable[-1] < 1 or observable[-1] % 1:
        raise DataError(
            f"The last day has been observable for {observable[-1]:g} days. "
            "Give whole days, and leave out those that are not over."
        )


def _check_counts(counts: Floats, observable: Floats) -> None:
    is_seen = np.arange(counts.shape[1]) < observable[:, None]
    cannot_be = ~(np.isfinite(counts) & (counts >= 0)) | (~is_seen & (counts != 0))
    if cannot_be.any():
        day, delay = (int(index) for index in np.argwhere(cannot_be)[0])
        raise DataError(
            f"Day {day + 1} of {counts.shape[0]} has {counts[day, delay]:g} tickets with a delay of {delay} "
            f"days, and has been observable for {observable[day]:g}. Give 0 or more tickets, and 0 for delays "
            "that the as-of day has not reached."
        )


def _checked_units(n_units: npt.ArrayLike | None, n_days: int) -> Floats:
    if n_units is None:
        return np.ones(n_days)
    units = np.asarray(n_units, np.float64)
    if units.shape != (n_days,) or not (np.isfinite(units) & (units >= 0)).all():
        raise DataError(
            f"Units have shape {units.shape} and {int((~(units >= 0)).sum())} values below 0 or missing. "
            f"Give one finite number of 0 or more for each of the {n_days} days, or leave them out."
        )
    return units


def _window_days(window: Window, tickets: _Tickets) -> Integers:
    every_day = np.arange(tickets.n_observable.size)
    if window is None or isinstance(window, slice):
        days = every_day[window if isinstance(window, slice) else slice(None)]
    else:
        chosen = np.asarray(window)
        if chosen.dtype != np.bool_ or chosen.shape != every_day.shape:
            raise ParameterError(
                f"The window has values of type {chosen.dtype} and shape {chosen.shape}. "
                f"Give a slice, or one True or False for each of the {every_day.size} days."
            )
        days = every_day[chosen]
    if not days.size or not tickets.n_units[days].sum():
        raise ParameterError(
            f"The window holds {days.size} of {every_day.size} days and {tickets.n_units[days].sum():g} units. "
            "Choose at least one day with units."
        )
    return days


def _too_little(tickets: _Tickets, days: Integers) -> NoNowcast | None:
    if tickets.n_observable[days].min() >= tickets.n_delays:
        return None  # the counts are final
    n_past_days = tickets.n_past_days(days)
    if n_past_days < MIN_PAST_DAYS:
        n_needed = MIN_PAST_DAYS - n_past_days
        more_days = "1 more day" if n_needed == 1 else f"{n_needed} more days"
        return NoNowcast(
            reason=f"a nowcast has to be checked on at least {MIN_PAST_DAYS} earlier days whose tickets are "
            f"complete by now, which takes {more_days} of history",
            n_days_needed=n_needed,
        )
    n_tickets = int(tickets.n_complete)
    if n_tickets < MIN_TICKETS:
        there_are = {0: "there is none", 1: "there is 1"}.get(n_tickets, f"there are {n_tickets}")
        return NoNowcast(
            reason=f"a nowcast needs at least {MIN_TICKETS} tickets on days whose every delay has been seen, "
            f"and {there_are}"
        )
    return None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Delays:
    """How late tickets come.

    ``share`` is the share of all tickets with a delay of d or less; ``log_variance`` is what each delay adds
    to the variance of the logarithm of all shares before it (Greenwood's formula, backwards).
    """

    share: Floats
    log_variance: Floats

    @classmethod
    def learned(cls, tickets: _Tickets) -> _Delays:
        is_seen = np.arange(tickets.n_delays) < tickets.n_observable[:, None]
        by_delay = np.diff(tickets.cumulative, axis=1, prepend=0.0)
        n_with = np.sum(by_delay, axis=0, where=is_seen)
        n_up_to = np.sum(tickets.cumulative, axis=0, where=is_seen)
        # Of the tickets with a delay of d or less, on days that show it: the share with a delay of just d.
        newest = _over(n_with, n_up_to)
        log_variance = _over(newest, (1 - newest) * n_up_to)
        return cls(share=np.append(np.cumprod((1 - newest)[:0:-1])[::-1], 1.0), log_variance=log_variance)

    @property
    def mean_days(self) -> float:
        return float((1 - self.share).sum())

    @property
    def tail_share(self) -> float:
        n_before = self.share.size - TAIL_DAYS
        return float(1 - self.share[n_before - 1]) if n_before > 0 else 1.0

    def relative_variance(self, pooled: _Pooled) -> float:
        """Return the relative variance of a completeness that comes from having learned these delays."""
        weighted = pooled.units_by_day * pooled.share_by_day
        # A delay moves the shares of the days that have not seen it.
        moved = np.array([weighted[pooled.last_delay < delay].sum() for delay in range(self.share.size)])
        return float((moved**2 * self.log_variance).sum() / weighted.sum() ** 2)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Pooled:
    """A window taken as a whole, or the same window on many as-of days; its case days lie on the last axis."""

    reported_by_day: Floats
    share_by_day: Floats
    units_by_day: Floats
    last_delay: Integers

    @classmethod
    def of(cls, tickets: _Tickets, delays: _Delays, days: Integers, n_observable: Integers) -> _Pooled:
        """Return days as they stood when they had been observable for so long."""
        last_delay = np.minimum(n_observable, tickets.n_delays) - 1
        return cls(
            reported_by_day=tickets.cumulative[days, last_delay],
            share_by_day=delays.share[last_delay],
            units_by_day=tickets.n_units[days],
            last_delay=last_delay,
        )

    @property
    def n_reported(self) -> Floats:
        return np.asarray(self.reported_by_day.sum(axis=-1))

    @property
    def units_seen(self) -> Floats:
        """Units that the reported tickets stand for."""
        return np.asarray((self.units_by_day * self.share_by_day).sum(axis=-1))

    @property
    def completeness(self) -> Floats:
        return _over(self.units_seen, self.units_by_day.sum(axis=-1))

    @property
    def n_expected(self) -> Floats:
        return _over(self.n_reported, self.completeness)

    @property
    def expected_by_day(self) -> Floats:
        units_unseen = self.units_by_day * (1 - self.share_by_day)
        rate = _over(self.n_reported, self.units_seen)
        return np.asarray(self.reported_by_day + rate[..., None] * units_unseen)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _PastErrors:
    """How far the estimate was off on earlier as-of days: in all, and beyond what chance makes (relative variance)."""

    n_days: int
    error_share: float
    beyond_chance: float

    @classmethod
    def of(cls, tickets: _Tickets, delays: _Delays, days: Integers) -> _PastErrors:
        observable = tickets.n_observable[days]
        n_days = max(tickets.n_past_days(days), 0)
        past_days = np.arange(n_days)[:, None] + observable.max() - observable
        past = _Pooled.of(tickets, delays, past_days, observable)
        final = tickets.cumulative[past_days, -1].sum(axis=1)
        expected, share = past.n_expected, past.completeness
        squared = float(((expected - final) ** 2)[share > 0].sum())
        by_chance = float(_over(expected * (1 - share), share).sum())
        return cls(
            n_days=n_days,
            error_share=math.sqrt(squared / max(float((final**2).sum()), 1.0)),
            beyond_chance=max(squared - by_chance, 0.0) / max(float((expected**2).sum()), 1.0),
        )


def _interval(now: _Pooled, delays: _Delays, past: _PastErrors) -> tuple[int, int]:
    """Return the interval of the final count, from a negative binomial for the tickets still to come."""
    from scipy import special

    n_reported, share = int(now.n_reported), float(now.completeness)
    # Half a ticket more (Jeffreys), so that no ticket yet does not mean none to come.
    final = (n_reported + 0.5) / share
    mean = final * (1 - share)
    if mean <= 0:
        return n_reported, n_reported
    # Checks closer together than tickets are late share most of those tickets.
    degrees = max(past.n_days / max(delays.mean_days, 1.0), MIN_DEGREES)
    quantile = (1 + LEVEL) / 2
    widening = float(special.stdtrit(degrees, quantile) / special.ndtri(quantile))
    variance = mean / share + final**2 * (delays.relative_variance(now) + past.beyond_chance)
    lower, upper = (_quantile(tail, mean, variance * widening**2) for tail in (1 - quantile, quantile))
    return n_reported + lower, n_reported + upper


def _quantile(share: float, mean: float, variance: float) -> int:
    """Return the quantile of a negative binomial with ``variance > mean``; ``share`` below 0.99."""
    from scipy import special

    size, chance = mean**2 / (variance - mean), mean / variance
    # Of any distribution less than 1 % lies ten standard deviations above the mean (Cantelli).
    counts = np.arange(2 + math.ceil(mean + 10 * math.sqrt(variance)))
    return int(np.searchsorted(special.betainc(size, counts + 1, chance), share))


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Return the ratio, and 0 where there is nothing to divide by."""
    zeros = np.zeros(np.broadcast_shapes(numerator.shape, denominator.shape))
    return np.divide(numerator, denominator, out=zeros, where=denominator > 0)
