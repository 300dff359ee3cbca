"""Since when a monthly number is different, and how it came: at once, gradually, or only this month.

For a series whose last month was found to be changed. One change is looked for: a level that gives way to
another, or a level that gives way to a straight slope, fitted by least squares at every month in turn.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError

Floats: TypeAlias = npt.NDArray[np.float64]

MIN_MONTHS = 4
"""With fewer months with a value there is no telling since when."""
MIN_BEFORE = 2
"""A level before a step rests on this many months or more."""
MIN_SLOPE = 3
"""A slope rests on this many months or more: two months off the level are a step, or its beginning."""
MIN_GAIN = 4.0
"""A change must be better than none by this much BIC; a difference of 2 to 6 is positive evidence."""
MIN_DRIFT_GAIN = 2.0
"""A drift must be better than the simpler step by this much BIC."""
_PARAMETERS_OF_A_CHANGE = 2  # beside the level before it: its height or slope, and its month
_EXACT = 1e-10  # of the spread of all months: a closer fit is as good as exact


class OnsetKind(enum.StrEnum):
    """How a change came: a new level, gradually, in the last month only so far, or there is no telling."""

    STEP = "step"
    DRIFT = "drift"
    LAST_MONTH = "last_month"
    CANNOT_TELL = "cannot_tell"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Onset:
    """Since when a number is different.

    Parameters
    ----------
    kind : OnsetKind
        ``last_month`` may be the first month of a step or of a drift: later months will tell.
    since : str
        Label of the first month that is different; empty when there is no telling. Months without a value just
        before it may be different as well.
    before, after : float or None
        In the unit of the values: the level before, and the level since then (``step``), the slope's height in
        the last month (``drift``) or the last month's value (``last_month``).
    reason : str
        Why there is no telling, in words that can follow a colon; empty otherwise.
    """

    kind: OnsetKind
    since: str = ""
    before: float | None = None
    after: float | None = None
    reason: str = ""


def since_when(labels: Sequence[str], values: npt.ArrayLike, *, se: npt.ArrayLike | None = None) -> Onset:
    """Say since when a series whose last month is changed is different, and how the change came.

    The best of one step and one slope, at any month, by the residual sum of squares; against no change, and
    against each other by BIC, where the simpler wins unless it is clearly worse (:data:`MIN_GAIN`,
    :data:`MIN_DRIFT_GAIN`). It does not say whether there is a change; that has been found before. Several
    changes, or one that was undone in between, are not looked for. Of series of nothing but noise, 22 % with 4
    months, 17 % with 6, 6 % with 12 and 2 % with 24 are given a month.

    Parameters
    ----------
    labels : sequence of str
        Labels of consecutive months, oldest first.
    values : array_like, shape (n_months,)
        One number a month. nan is a month without a value: it is left out, and takes its time on a slope.
    se : array_like, shape (n_months,), optional
        Sampling errors of the values, 0 or more, in their unit: surer months count more. What months differ by
        beyond that counts for all of them alike.

    Returns
    -------
    Onset
        ``cannot_tell`` with fewer than :data:`MIN_MONTHS` known months, without a value in the last one, when
        no change fits better than none, and when the last month does not lie with the months since the change.

    Raises
    ------
    DataError
        When the numbers of labels, values and errors differ, a value is infinite, or an error is negative, or
        missing for a month with a value.

    References
    ----------
    Bai and Perron (2003), "Computation and analysis of multiple structural change models", doi
    10.1002/jae.659. Differences of BIC: Kass and Raftery (1995), doi 10.1080/01621459.1995.10476572.

    Examples
    --------
    >>> months = ["2013-03", "2013-04", "2013-05", "2013-06", "2013-07", "2013-08"]
    >>> onset = since_when(months, [10.0, 11.0, 10.0, 20.0, 21.0, 20.5])
    >>> str(onset.kind), onset.since, round(onset.before, 2), onset.after
    ('step', '2013-06', 10.33, 20.5)
    >>> since_when(months[:3], [10.0, 11.0, 20.0]).reason
    'needs at least 4 months with a value, and there are 3'
    """
    series = _checked(labels, values, se)
    reason = _why_not(series, len(labels))
    if reason:
        return _cannot_tell(reason)
    step = min(_steps(series), key=lambda fit: fit.residual)
    drift = min(_drifts(series), key=lambda fit: fit.residual)
    is_drift = _bic(step.residual, series) - _bic(drift.residual, series) >= MIN_DRIFT_GAIN
    chosen = drift if is_drift else step
    price = _PARAMETERS_OF_A_CHANGE * math.log(series.n)
    if _bic(series.total, series) - _bic(chosen.residual, series) - price < MIN_GAIN:
        return _cannot_tell("the months differ too much among themselves")
    last = float(series.values[-1])
    if abs(last - chosen.after) >= abs(last - chosen.before):
        return _cannot_tell("the last month is not like those since the largest change")
    kind = OnsetKind.DRIFT if is_drift else OnsetKind.STEP
    if chosen.first == series.n - 1:
        kind = OnsetKind.LAST_MONTH
    return Onset(kind=kind, since=series.labels[chosen.first], before=chosen.before, after=chosen.after)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Series:
    """The months with a value: labels, places in the calendar, values, weights with mean 1."""

    labels: tuple[str, ...]
    places: Floats
    values: Floats
    weights: Floats

    @property
    def n(self) -> int:
        """Months."""
        return self.values.size

    @property
    def total(self) -> float:
        """Squares around the mean."""
        return float(self.weights @ (self.values - np.average(self.values, weights=self.weights)) ** 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Fit:
    """A change at a month (its place among those with a value), the levels, and the squares it leaves."""

    first: int
    before: float
    after: float
    residual: float


def _cannot_tell(reason: str) -> Onset:
    return Onset(kind=OnsetKind.CANNOT_TELL, reason=reason)


def _steps(series: _Series) -> list[_Fit]:
    months = np.arange(series.n)
    return [_fit(series, first, months >= first) for first in range(MIN_BEFORE, series.n)]


def _drifts(series: _Series) -> list[_Fit]:
    """Fit slopes that leave the level in the month before their first one; the first of all can be the level."""
    places = series.places
    return [
        _fit(series, first, np.maximum(places - places[first] + 1, 0.0))
        for first in range(1, series.n - MIN_SLOPE + 1)
    ]


def _fit(series: _Series, first: int, course: npt.ArrayLike) -> _Fit:
    """Fit before + height x course, where course is 0 before the change and 1 in the last month."""
    along = np.asarray(course, np.float64)
    along = along / along[-1]
    away = along - np.average(along, weights=series.weights)
    height = float((series.weights * away) @ series.values / ((series.weights * away) @ away))
    before = float(np.average(series.values - height * along, weights=series.weights))
    residual = float(series.weights @ (series.values - before - height * along) ** 2)
    return _Fit(first=first, before=before, after=before + height, residual=residual)


def _bic(residual: float, series: _Series) -> float:
    """Return the part of BIC that the fit decides; the caller adds the price of parameters."""
    return series.n * math.log(max(residual, _EXACT * series.total))


def _checked(labels: Sequence[str], values: npt.ArrayLike, se: npt.ArrayLike | None) -> _Series:
    numbers = np.asarray(values, np.float64)
    errors = np.zeros(numbers.shape) if se is None else np.asarray(se, np.float64)
    if numbers.ndim != 1 or errors.shape != numbers.shape or len(labels) != numbers.size:
        raise DataError(
            f"There are {len(labels)} labels, values of shape {numbers.shape} and errors of shape "
            f"{errors.shape}. Give one of each a month."
        )
    is_known = ~np.isnan(numbers)
    if np.isinf(numbers).any():
        raise DataError("A value is infinite. Give finite values, and nan for a month without one.")
    if not ((errors[is_known] >= 0) & np.isfinite(errors[is_known])).all():
        raise DataError(
            "A sampling error is negative, infinite or missing. Give one of 0 or more for each month with a value."
        )
    return _Series(
        labels=tuple(label for label, known in zip(labels, is_known, strict=True) if known),
        places=np.flatnonzero(is_known).astype(np.float64),
        values=numbers[is_known],
        weights=_weights(numbers[is_known], errors[is_known]),
    )


def _weights(values: Floats, errors: Floats) -> Floats:
    """Return one over what each month can differ by: its sampling error, and what all of them differ by beyond it."""
    if values.size < MIN_MONTHS or not errors.any():
        return np.ones(values.size)
    # The median does not mind the one change that is looked for; 0.6745 is that of a normal's size.
    between = (float(np.median(np.abs(np.diff(values)))) / 0.6745) ** 2 / 2
    squares = errors**2
    variance = squares + max(between - float(np.median(squares)), 0.0)
    # A month without any error must not decide alone.
    weights = 1 / np.maximum(variance, float(variance.mean()) / 10)
    return np.asarray(weights / weights.mean(), np.float64)


def _why_not(series: _Series, n_months: int) -> str:
    if series.n < MIN_MONTHS:
        return f"needs at least {MIN_MONTHS} months with a value, and there are {series.n}"
    if series.places[-1] != n_months - 1:
        return "the last month has no value"
    if np.ptp(series.values) <= 1e-9 * np.abs(series.values).max():
        return "all months are alike"
    return ""
