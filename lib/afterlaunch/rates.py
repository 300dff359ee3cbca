"""What is usual for a monthly number: process behaviour limits (XmR), so that noise is not taken for news."""

from __future__ import annotations

import dataclasses
import math
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

RUN_LENGTH = 8


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
        there_are = {0: "there is none", 1: "there is 1"}.get(n_months, f"there are {n_months}")
        return NoUsualRange(
            reason=f"a usual range needs at least {MIN_MONTHS} earlier months, and {there_are}",
            n_months=n_months,
        )
    # The mean of equal numbers can differ from them in the last digit: they would leave their own range.
    centre = min(max(math.fsum(known) / n_months, float(known.min())), float(known.max()))
    reach = XMR_FACTOR[min(n_months, 12)] * float(np.abs(np.diff(known)).mean())
    labels = (
        [label for label, kept in zip(months[-max_months:], is_known, strict=True) if kept] if months else []
    )
    return UsualRange(
        lower=centre - reach, centre=centre, upper=centre + reach, n_months=n_months, months=tuple(labels)
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


def _checked_history(
    values: npt.ArrayLike, max_months: int, months: Sequence[str]
) -> npt.NDArray[np.float64]:
    history = np.asarray(values, dtype=np.float64)
    if max_months < MIN_MONTHS:
        raise ParameterError(f"max_months is {max_months}. Give {MIN_MONTHS} or more; 12 is Wheeler's habit.")
    if history.ndim != 1 or np.isinf(history).any():
        raise ParameterError(
            f"The months before have shape {history.shape} and {int(np.isinf(history).sum())} infinite "
            "values. Give one finite number a month, and nan for a month without one."
        )
    if months and len(months) != history.size:
        raise ParameterError(
            f"There are {len(months)} labels for {history.size} months. Give one a month, or none."
        )
    return history
