"""Repeat clicks: the same person asks about the same case again within seconds, and may get another answer.

A click is a request with an id of its own. What a client, a proxy or a queue sends again by itself carries the id of
the click it belongs to: a transport retry, and no click. Clicks of one person on one case of which each follows the
last within :data:`REPEAT_WITHIN_MS` are a group.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

REPEAT_WITHIN_MS = 10_000
"""A click on the same case by the same person within this time of the last one is a repeat."""
RETRY_WITHIN_MS = 60_000
"""A row with the id of a click is seen to be its retry when it comes within this time of a row on the same case."""
UNKNOWN = 0
"""The subject of a request whose person or case is unknown, and the version of an answer whose version is."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Requests:
    """Requests in any order, one row each; every array has shape (n_requests,).

    Parameters
    ----------
    subject, request, version : ndarray of int64
        Well spread numbers (such as hashes) that are alike for the same person and case, for the same request id and
        for the same version. :data:`UNKNOWN` subjects are never repeats, unknown versions never differ.
    at_ms : ndarray of int64
        Arrival, in milliseconds from any day.
    decision : ndarray of int64
        0 or 1; below 0 where there was none, which differs from nothing.
    is_slow : ndarray of bool
        Whether the answer took too long.
    """

    subject: Integers
    request: Integers
    version: Integers
    at_ms: Integers
    decision: Integers
    is_slow: Booleans

    def __post_init__(self) -> None:
        sizes = {field.name: len(getattr(self, field.name)) for field in dataclasses.fields(self)}
        if len(set(sizes.values())) > 1:
            given = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
            raise DataError(f"The requests have columns of different lengths: {given}. Give one value a row.")

    def at(self, rows: Integers | Booleans) -> Requests:
        """Return some of the requests."""
        return Requests(**{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ClickGroups:
    """Groups of clicks, sorted by the arrival of the first; every array has shape (n_groups,).

    Groups of one click are among them only where the click's subject came back within :data:`RETRY_WITHIN_MS`.

    ``n_clicks`` counts a group's clicks, ``n_retries`` its rows that the network sent again, ``n_slow`` its slow rows.
    ``is_inconsistent``
    says that different decisions were given, ``is_mixed`` that different versions answered, ``is_after_slow`` that the
    first answer was slow.
    """

    subject: Integers
    first_at_ms: Integers
    n_clicks: Integers
    n_retries: Integers
    n_slow: Integers
    is_inconsistent: Booleans
    is_mixed: Booleans
    is_after_slow: Booleans


def click_groups(requests: Requests) -> ClickGroups:
    """Find the groups of clicks.

    Parameters
    ----------
    requests : Requests
        What arrived. The work is that of one sort of the rows.

    Returns
    -------
    ClickGroups
        Decisions are compared, and not scores: two scores may differ in their last digit with nothing behind it.

    Examples
    --------
    Two clicks on one case two seconds apart, the first sent twice by the network:

    >>> rows = Requests(
    ...     subject=np.array([7, 7, 7]), request=np.array([1, 1, 2]),
    ...     version=np.array([5, 5, 6]), at_ms=np.array([0, 300, 2000]),
    ...     decision=np.array([0, 0, 1]), is_slow=np.array([True, False, False]),
    ... )
    >>> found = click_groups(rows)
    >>> found.n_clicks.tolist(), found.n_retries.tolist(), found.is_inconsistent.tolist()
    ([2], [1], [True])
    """
    near = requests.at(came_back(requests.subject, requests.at_ms))
    first, n_rows, clicks = _clicks(near)
    order = np.lexsort((near.request[first], near.at_ms[first], near.subject[first]))
    subject, at_ms = near.subject[first][order], near.at_ms[first][order]
    starts = np.ones(order.size, dtype=np.bool_)
    starts[1:] = (subject[1:] != subject[:-1]) | (np.diff(at_ms) > REPEAT_WITHIN_MS)
    begins = np.flatnonzero(starts)
    n_clicks = np.diff(np.append(begins, order.size))
    found = ClickGroups(
        subject=subject[begins],
        first_at_ms=at_ms[begins],
        n_clicks=n_clicks,
        n_retries=_sum_of(n_rows[order], begins) - n_clicks,
        n_slow=_sum_of(clicks.n_slow[order], begins),
        is_inconsistent=clicks.decision.differs(order, begins),
        is_mixed=clicks.version.differs(order, begins),
        is_after_slow=clicks.n_slow[order][begins] > 0,
    )
    in_time = np.argsort(found.first_at_ms, kind="stable")
    return ClickGroups(**{f.name: getattr(found, f.name)[in_time] for f in dataclasses.fields(found)})


def came_back(subject: Integers, at_ms: Integers, *, within_ms: int = RETRY_WITHIN_MS) -> Integers:
    """Return the rows whose subject has another row within some time.

    Parameters
    ----------
    subject : ndarray of int64, shape (n_rows,)
        Well spread numbers, such as hashes; :data:`UNKNOWN` never comes back.
    at_ms : ndarray of int64, shape (n_rows,)
        When each row arrived.
    within_ms : int
        The longest time between two rows.

    Returns
    -------
    ndarray of int64
        The places of the rows, ascending.

    Notes
    -----
    One sort of subject and time packed into one small number rules out nearly all rows, whose neighbours are far; the
    few others are compared exactly.
    """
    maybe = _maybe_near(subject, at_ms, within_ms) if subject.size > 1 else np.arange(0)
    maybe = maybe[subject[maybe] != UNKNOWN]
    order = np.lexsort((at_ms[maybe], subject[maybe]))
    rows = maybe[order]
    close = (subject[rows][1:] == subject[rows][:-1]) & (np.diff(at_ms[rows]) <= within_ms)
    is_near = np.zeros(rows.size, dtype=np.bool_)
    is_near[1:] |= close
    is_near[:-1] |= close
    return np.sort(rows[is_near])


def _maybe_near(subject: Integers, at_ms: Integers, within_ms: int) -> Integers:
    """Return rows among which are all whose subject has another row within some time, and few others.

    Each row becomes one number of 32 bits: the subject's last bits before the time, in steps of an eighth of the
    longest time between two rows.
    """
    since = at_ms - at_ms.min()
    coarser = max((within_ms >> 3).bit_length(), int(since.max()).bit_length() - _TIME_BITS)
    n_time_bits = max(1, (int(since.max()) >> coarser).bit_length())
    packed = (subject << n_time_bits).astype(np.uint32)
    packed |= (since >> coarser).astype(np.uint32)
    ordered = np.sort(packed)
    close = np.flatnonzero(ordered[1:] - ordered[:-1] <= (within_ms >> coarser) + 1)
    is_wanted = np.zeros(1 << _SLOT_BITS, dtype=np.bool_)
    is_wanted[_slot(ordered[close])] = True
    is_wanted[_slot(ordered[close + 1])] = True
    return np.flatnonzero(is_wanted[_slot(packed)])


# Leaves the subject 8 of the 32 bits where the rows span many years.
_TIME_BITS = 24
_SLOT_BITS = 22


def _slot(packed: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Spread numbers over few slots: the first bits of the product with the golden ratio's."""
    return (packed * np.uint32(2654435769)) >> np.uint32(32 - _SLOT_BITS)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Spread:
    """The lowest and the highest value of every click's rows; a lowest above the highest where none is known."""

    lowest: npt.NDArray[np.generic]
    highest: npt.NDArray[np.generic]

    def differs(self, order: Integers, begins: Integers) -> Booleans:
        """Say which groups hold two different values; a group is the clicks in order from one beginning to the next."""
        if not begins.size:
            return np.zeros(0, dtype=np.bool_)
        lowest = np.minimum.reduceat(self.lowest[order], begins)
        return np.asarray(lowest < np.maximum.reduceat(self.highest[order], begins), dtype=np.bool_)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Answers:
    """What the rows of each click answered."""

    decision: _Spread
    version: _Spread
    n_slow: Integers


def _clicks(rows: Requests) -> tuple[Integers, Integers, _Answers]:
    """Return each click's first row, how many rows it has, and what they answered."""
    order = np.lexsort((rows.at_ms, rows.request, rows.subject))
    sorted_rows = rows.at(order)
    starts = np.ones(order.size, dtype=np.bool_)
    for key in (sorted_rows.subject, sorted_rows.request):
        starts[1:] = starts[1:] & (key[1:] == key[:-1])
    starts[1:] = ~starts[1:]
    begins = np.flatnonzero(starts)
    n_rows = np.diff(np.append(begins, order.size))
    answers = _Answers(
        decision=_spread(sorted_rows.decision, sorted_rows.decision >= 0, begins),
        version=_spread(sorted_rows.version, sorted_rows.version != UNKNOWN, begins),
        n_slow=_sum_of(sorted_rows.is_slow.astype(np.int64), begins),
    )
    return order[begins], n_rows, answers


def _spread(values: Integers, is_known: Booleans, begins: Integers) -> _Spread:
    limits = np.iinfo(values.dtype)
    if not begins.size:
        return _Spread(lowest=values, highest=values)
    return _Spread(
        lowest=np.minimum.reduceat(np.where(is_known, values, limits.max), begins),
        highest=np.maximum.reduceat(np.where(is_known, values, limits.min), begins),
    )


def _sum_of(values: Integers, begins: Integers) -> Integers:
    return np.add.reduceat(values, begins) if begins.size else np.zeros(0, dtype=np.int64)
