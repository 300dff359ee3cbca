"""What events share: the group of rows, by a few attributes, that holds many of them and little else.

Slow requests by weekday, hour, endpoint and host; complaints by product and version. The search looks at
shares of events, never at their number alone: a busy hour holds many slow requests at the same speed.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.performance import ratio

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

MIN_GAIN = 0.10
"""A further condition has to raise F1 by this much, relative to F1 without it."""
MIN_STEP_Z = 3.5
"""A condition's share of events has to lie more standard deviations than this above the rest of its group."""
MIN_Z = 5.0
"""The share of events of the whole group has to lie more standard deviations than this above all others."""
MIN_EXPLAINED_SHARE = 0.10
"""The events that a group has beyond the share of the other rows have to be this share of all or more."""
MAX_TRAFFIC_SHARE = 0.80
"""A value with a greater share of the rows than this is where everything is, and explains nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attribute:
    """Something that rows differ in, and the values it can have.

    Parameters
    ----------
    name : str
        Such as "hour".
    labels : tuple of str
        One for each code from 0 on.
    ordered : bool
        Whether neighbouring codes make sense together, such as hours of the day. Values without an order are
        looked at one by one.
    max_length : int, optional
        Most neighbouring codes that a condition may span, for ordered attributes; a quarter of the codes
        (and at least 1) unless given.

    Raises
    ------
    ParameterError
        When the attribute has no labels, or ``max_length`` is below 1.
    """

    name: str
    labels: tuple[str, ...]
    ordered: bool = False
    max_length: int | None = None

    def __post_init__(self) -> None:
        if not self.labels:
            raise ParameterError(f"Attribute {self.name!r} has no labels. Give one for each code from 0 on.")
        if self.max_length is not None and self.max_length < 1:
            raise ParameterError(
                f"Attribute {self.name!r} may span {self.max_length} codes. Give 1 or more, or leave it out "
                "for a quarter of them."
            )

    @property
    def longest(self) -> int:
        """Most neighbouring codes that a condition on this attribute may span."""
        if not self.ordered:
            return 1
        return min(self.max_length or max(1, len(self.labels) // 4), len(self.labels))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition:
    """One attribute has one of these values.

    Parameters
    ----------
    attribute : str
        Its name.
    labels : tuple of str
        The value, or the neighbouring values from the first to the last.
    """

    attribute: str
    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedBy:
    """The group of rows that holds many of the events and little else.

    Parameters
    ----------
    conditions : tuple of Condition
        All of them hold for every row of the group; in the order of the attributes.
    n_events_inside, n_inside : int
        Events and rows of the group.
    n_events, n : int
        All events and all rows.
    """

    conditions: tuple[Condition, ...]
    n_events_inside: int
    n_events: int
    n_inside: int
    n: int

    @property
    def held_share(self) -> float:
        """Share of all events that lie in the group."""
        return float(ratio(self.n_events_inside, self.n_events))

    @property
    def traffic_share(self) -> float:
        """Share of all rows that lie in the group."""
        return float(ratio(self.n_inside, self.n))

    @property
    def event_share_inside(self) -> float:
        """Share of the group's rows that are events."""
        return float(ratio(self.n_events_inside, self.n_inside))

    @property
    def event_share_outside(self) -> float:
        """Share of the other rows that are events; nan when there are none."""
        return float(ratio(self.n_events - self.n_events_inside, self.n - self.n_inside))


def shared_by(
    codes: npt.ArrayLike,
    attributes: Sequence[Attribute],
    *,
    n: npt.ArrayLike,
    n_events: npt.ArrayLike,
    days: npt.ArrayLike | None = None,
) -> SharedBy | None:
    """Return what the events share, as a conjunction of values, or ``None`` when they share nothing.

    Greedy: of the values (or ranges of neighbouring ones) of the attributes not yet used, the one that gives
    the highest F1 narrows the group; F1 is the harmonic mean of the share of the group that are events and
    the share of the events that lie in the group. It has to raise F1 by :data:`MIN_GAIN`, to lie
    :data:`MIN_STEP_Z` standard deviations above the rest of the group, to explain
    :data:`MIN_EXPLAINED_SHARE` of all events and to hold at most :data:`MAX_TRAFFIC_SHARE` of the group's
    rows, and of all. In the end each condition is chosen once more, given the others, and the whole group has
    to lie :data:`MIN_Z` above all other rows: a cause on few rows is faint in each attribute by itself.

    z is the signed root of the likelihood ratio, which holds for a handful of events too, over the square
    root of the dispersion between days: days differ in speed without a cause, and to a search that takes
    rows for independent the slowest one of an ordinary month looks like one.

    In 1,600 simulated months without a cause, of days that are alike, it names none. Where days and hours
    differ by chance (by 10 and 15 %) it names one in 0.5 to 2.5 % of the months, mostly the slowest day, and
    in 8 % where they differ twice as much; without ``days`` that would be 29 to 64 %, and 99 %. A planted
    cause that holds a quarter of the slow requests or more, such as Mondays from 9 to 10 on one of eight
    hosts, is found exactly in 999 of 1,000 months of 60,000 requests.

    Parameters
    ----------
    codes : array_like of int, shape (n_cells, n_attributes)
        Values of each cell: places in the attribute's labels. Cells may repeat.
    attributes : sequence of Attribute
        One for each column of ``codes``; of values that do equally well, that of the earliest is named.
    n, n_events : array_like, shape (n_cells,)
        Rows of each cell, and those of them that are events.
    days : array_like of int, shape (n_cells,), optional
        Day of each cell, from 0 on. Without it rows are taken for independent.

    Raises
    ------
    DataError
        When the shapes do not fit, a code has no label, a day is negative, or a cell has more events than
        rows.
    ParameterError
        When two attributes have one name.

    References
    ----------
    Herrera, Carmona, González and del Jesus (2011), "An overview on subgroup discovery", doi
    10.1007/s10115-010-0356-2. McCullagh and Nelder (1989), "Generalized Linear Models", on dispersion.

    Examples
    --------
    >>> weekday = Attribute(name="weekday", labels=("Mon", "Tue"))
    >>> host = Attribute(name="host", labels=("a", "b", "c"))
    >>> cells = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    >>> found = shared_by(cells, [weekday, host], n=[100] * 6, n_events=[1, 60, 1, 1, 2, 1])
    >>> found.conditions
    (Condition(attribute='weekday', labels=('Mon',)), Condition(attribute='host', labels=('b',)))
    >>> found.n_events_inside, found.n_events, found.n_inside, found.n
    (60, 66, 100, 600)
    """
    table = _checked_table(codes, attributes, n, n_events, days)
    if not table.n_events.any():
        return None
    spans = _grown(table, _chosen_again(table, _grown(table, ())))
    is_inside = table.is_inside(spans)
    if not spans or _z_of(table, is_inside) <= MIN_Z:
        return None
    return SharedBy(
        conditions=tuple(_condition(attributes, span) for span in sorted(spans, key=lambda s: s.place)),
        n_events_inside=int(table.n_events[is_inside].sum()),
        n_events=int(table.n_events.sum()),
        n_inside=int(table.n[is_inside].sum()),
        n=int(table.n.sum()),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Span:
    """Neighbouring codes of the attribute at one place, both ends included."""

    place: int
    first: int
    last: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Table:
    """The cells, column by column, and the spans of each attribute that may be named."""

    columns: tuple[Integers, ...]
    candidates: tuple[tuple[_Span, ...], ...]
    n: Floats
    n_events: Floats
    days: Integers

    def is_inside(self, spans: tuple[_Span, ...]) -> npt.NDArray[np.bool_]:
        inside = np.ones(self.n.size, dtype=np.bool_)
        for span in spans:
            column = self.columns[span.place]
            inside &= (column >= span.first) & (column <= span.last)
        return inside

    def by_day(self, counts: Floats, spans: Sequence[_Span]) -> Floats:
        """Add up counts, one a cell, over each span; all of one attribute. Shape (days, spans)."""
        column, n_days = self.columns[spans[0].place], int(self.days.max(initial=0)) + 1
        first, last = np.array([(span.first, span.last) for span in spans]).T
        n_codes = max(int(column.max(initial=0)), int(last.max())) + 1
        sums = np.bincount(self.days * n_codes + column, weights=counts, minlength=n_days * n_codes)
        up_to = np.pad(np.cumsum(sums.reshape(n_days, n_codes), axis=1), ((0, 0), (1, 0)))
        return np.asarray(up_to[:, last + 1] - up_to[:, first], np.float64)


def _grown(table: _Table, spans: tuple[_Span, ...]) -> tuple[_Span, ...]:
    while (found := _best_span(table, spans)) is not None:
        spans = (*spans, found)
    return spans


def _chosen_again(table: _Table, spans: tuple[_Span, ...]) -> tuple[_Span, ...]:
    """Choose each condition once more, given the others: what led to them may not be the best with them."""
    chosen = spans
    for span in spans:
        others = tuple(other for other in chosen if other != span)
        again = _best_span(table, others)
        chosen = others if again is None else (*others, again)
    return chosen or spans


def _best_span(table: _Table, spans: tuple[_Span, ...]) -> _Span | None:
    """Return the span of an attribute not yet used that narrows the group best, if one does well enough."""
    is_inside = table.is_inside(spans)
    used = {span.place for span in spans}
    best, best_f1 = None, 0.0
    for candidates in table.candidates:
        if not candidates or candidates[0].place in used:
            continue
        f1 = _f1_of_allowed(table, is_inside, candidates)
        # Of equals the first attribute stays, and of its spans the shortest.
        if f1.max() > best_f1:
            best, best_f1 = candidates[int(f1.argmax())], float(f1.max())
    return best


def _f1_of_allowed(table: _Table, is_inside: npt.NDArray[np.bool_], spans: Sequence[_Span]) -> Floats:
    """Return the F1 of each span within the group; 0 where it must not be named."""
    n_group, events_group = table.n * is_inside, table.n_events * is_inside
    n_by_day, events_by_day = table.by_day(n_group, spans), table.by_day(events_group, spans)
    rest_n, rest_events = (
        np.bincount(table.days, weights=counts)[:, np.newaxis] - inside
        for counts, inside in ((n_group, n_by_day), (events_group, events_by_day))
    )
    n, n_events = n_by_day.sum(axis=0), events_by_day.sum(axis=0)
    all_n, all_events = table.n.sum(), table.n_events.sum()
    explained = n_events - n * np.asarray(ratio(all_events - n_events, all_n - n))
    f1, f1_before = 2 * n_events / (n + all_events), 2 * events_group.sum() / (n_group.sum() + all_events)
    is_allowed = (
        (n <= MAX_TRAFFIC_SHARE * n_group.sum())
        & (f1 >= (1 + MIN_GAIN) * f1_before)
        & (explained >= MIN_EXPLAINED_SHARE * all_events)
        & (_z(events_by_day, n_by_day, rest_events, rest_n) > MIN_STEP_Z)
    )
    return np.where(is_allowed, f1, 0.0)


def _z_of(table: _Table, is_inside: npt.NDArray[np.bool_]) -> float:
    events, n, rest_events, rest_n = (
        np.bincount(table.days, weights=counts * side)[:, np.newaxis].astype(np.float64)
        for side in (is_inside, ~is_inside)
        for counts in (table.n_events, table.n)
    )
    return float(_z(events, n, rest_events, rest_n)[0])


def _z(events: Floats, n: Floats, rest_events: Floats, rest_n: Floats) -> Floats:
    """Return how far the share of events lies above that of the rest; all of shape (days, spans)."""
    from scipy import special

    e, rows, rest_e, rest_rows = (counts.sum(axis=0) for counts in (events, n, rest_events, rest_n))
    cells = (e, rows - e, rest_e, rest_rows - rest_e)
    margins = (e + rest_e, rows - e + rest_rows - rest_e, rows, rest_rows)
    # As sums of x ln x, which need no division and are 0 in an empty cell.
    in_cells, in_margins = (sum(special.xlogy(x, x) for x in counts) for counts in (cells, margins))
    surplus = in_cells - in_margins + special.xlogy(rows + rest_rows, rows + rest_rows)
    z_squared = 2 * np.maximum(surplus, 0.0) / _dispersion(((events, n), (rest_events, rest_n)))
    return np.asarray(np.sign(e * rest_rows - rest_e * rows) * np.sqrt(z_squared), np.float64)


def _dispersion(sides: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return the variance between the days of each side over that of independent rows, 1 or more.

    Both sides have their own share of events: a cause that comes on some days only is no dispersion.
    """
    found, expected = np.zeros((2, sides[0][0].shape[1]))
    for events, n in sides:
        rows = n.sum(axis=0)
        share = events.sum(axis=0) / np.maximum(rows, 1.0)
        found += np.sum((events - n * share) ** 2, axis=0)
        expected += share * (1 - share) * (rows - np.sum(n**2, axis=0) / np.maximum(rows, 1.0))
    return np.maximum(np.divide(found, expected, out=np.ones_like(expected), where=expected > 0), 1.0)


def _candidates(attribute: Attribute, place: int, table: _Table) -> tuple[_Span, ...]:
    """Return the spans that may be named; short ones first, so that they win where spans tie."""
    n_codes = len(attribute.labels)
    spans = [
        _Span(place=place, first=first, last=first + length - 1)
        for length in range(1, attribute.longest + 1)
        for first in range(n_codes - length + 1)
    ]
    n = table.by_day(table.n, spans).sum(axis=0)
    return tuple(
        span for span, rows in zip(spans, n, strict=True) if rows <= MAX_TRAFFIC_SHARE * table.n.sum()
    )


def _condition(attributes: Sequence[Attribute], span: _Span) -> Condition:
    attribute = attributes[span.place]
    return Condition(attribute=attribute.name, labels=attribute.labels[span.first : span.last + 1])


def _checked_table(
    codes: npt.ArrayLike,
    attributes: Sequence[Attribute],
    n: npt.ArrayLike,
    n_events: npt.ArrayLike,
    days: npt.ArrayLike | None,
) -> _Table:
    cells, rows, events = np.asarray(codes), np.asarray(n, np.float64), np.asarray(n_events, np.float64)
    day = np.zeros(rows.shape, np.int64) if days is None else np.asarray(days, np.int64)
    shapes = {rows.shape, events.shape, day.shape}
    if rows.ndim != 1 or cells.shape != (rows.size, len(attributes)) or len(shapes) > 1:
        raise DataError(
            f"Codes have shape {cells.shape}, rows {rows.shape}, events {events.shape} and days {day.shape} "
            f"for {len(attributes)} attributes. Give each cell a code for every attribute, and one of the "
            "others."
        )
    _check_cells(rows, events, day)
    _check_codes(cells, attributes)
    columns = tuple(np.ascontiguousarray(column, np.int64) for column in cells.T)
    table = _Table(columns=columns, candidates=(), n=rows, n_events=events, days=day)
    candidates = tuple(_candidates(attribute, place, table) for place, attribute in enumerate(attributes))
    return dataclasses.replace(table, candidates=candidates)


def _check_cells(rows: Floats, events: Floats, day: Integers) -> None:
    wrong = np.flatnonzero(~((events >= 0) & (events <= rows) & (rows < math.inf)))
    if wrong.size:
        raise DataError(
            f"A cell has {events[wrong[0]]:g} events of {rows[wrong[0]]:g} rows. Give a number between 0 and "
            "that of the cell's rows."
        )
    if (day < 0).any():
        raise DataError(f"A cell is of day {day.min()}. Number the days from 0 on.")


def _check_codes(cells: npt.NDArray[np.generic], attributes: Sequence[Attribute]) -> None:
    twice = [name for name, count in Counter(a.name for a in attributes).items() if count > 1]
    if twice:
        raise ParameterError(f"Attribute {twice[0]!r} is given twice. Give each attribute its own name.")
    for column, attribute in zip(cells.T, attributes, strict=True):
        n_labels = len(attribute.labels)
        outside = column[~np.isin(column, np.arange(n_labels))]
        if outside.size:
            raise DataError(
                f"Attribute {attribute.name!r} has the code {outside[0]}, and labels for 0 to {n_labels - 1}. "
                "Give each code a label."
            )
