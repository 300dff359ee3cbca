"""Analyses declare the sums they need; one SQL text returns all that are wanted alike.

A :class:`Cut` says which sums are wanted by which keys. :func:`aggregate` merges all cuts that want the same sums
into one query with grouping sets, in the subset of SQL that DuckDB and Spark run alike. Everything that comes back
adds up over partitions: counts, and sums in fixed point, so that no order of rows or threads changes a digit.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from afterlaunch.engine import Engine

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """Something to group by: a name of ours and the SQL of its value over the view's columns."""

    name: str
    sql: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Total:
    """Something to add up: a name of ours and the SQL of an aggregate over the view's columns."""

    name: str
    sql: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cut:
    """The totals wanted by one combination of keys.

    Rows whose key is NULL belong to no group.
    """

    keys: tuple[Key, ...]
    totals: tuple[Total, ...]


_Part = TypeVar("_Part", Key, Total)


def count_where(name: str, condition: str) -> Total:
    """Return a count of the rows that meet a condition; a NULL condition does not.

    Examples
    --------
    >>> count_where("n_alerts", "decision = 1").sql
    'CAST(coalesce(count_if(decision = 1), 0) AS BIGINT)'
    """
    return Total(name=name, sql=f"CAST(coalesce(count_if({condition}), 0) AS BIGINT)")


def exact_sum(name: str, value: str, *, where: str = "1 = 1", digits: int = 9) -> Total:
    """Return a sum in fixed point: the same to the last bit whatever the order of the rows.

    Each value is rounded to ``digits`` decimals first; NULL adds nothing.
    """
    precision = 38 if digits < 9 else 18
    decimal = f"CAST(CASE WHEN {where} THEN {value} END AS DECIMAL({precision}, {digits}))"
    return Total(name=name, sql=f"CAST(coalesce(sum({decimal}), 0) AS DOUBLE)")


def aggregate(
    engine: Engine, view: str, cuts: tuple[Cut, ...], *, where: str = "1 = 1"
) -> tuple[pd.DataFrame, ...]:
    """Return one frame a cut: its keys, then its totals, sorted by the keys.

    Cuts that want the same totals share one reading of the view. Others do not: a few wide sums by day beside narrow
    ones by score cost 2.4 times as much in one text as in two, since every grouping set pays for every sum.

    Parameters
    ----------
    engine : Engine
        Runs the query.
    view : str
        A view or table of the engine.
    cuts : tuple of Cut
        What is wanted. A key that two cuts share must have the same SQL in both; so must a total.
    where : str
        Rows to read.

    Returns
    -------
    tuple of pandas.DataFrame
        In the order of the cuts.
    """
    frames: dict[int, pd.DataFrame] = {}
    for totals in dict.fromkeys(cut.totals for cut in cuts):
        together = {i: cut for i, cut in enumerate(cuts) if cut.totals == totals}
        keys = _merged(key for cut in together.values() for key in cut.keys)
        rows = engine.query(query_text(view, tuple(together.values()), where=where))
        frames |= {i: _frame(rows, cut, keys) for i, cut in together.items()}
    return tuple(frames[i] for i in range(len(cuts)))


def query_text(view: str, cuts: tuple[Cut, ...], *, where: str = "1 = 1") -> str:
    """Return the one SQL text of several cuts."""
    keys = _merged(key for cut in cuts for key in cut.keys)
    totals = _merged(total for cut in cuts for total in cut.totals)
    keyed = ", ".join(["*", *(f"{key.sql} AS key_{key.name}" for key in keys)])
    shown = [f"key_{key.name} AS {key.name}" for key in keys]
    flags = [f"grouping(key_{key.name}) AS off_{key.name}" for key in keys]
    sums = [f"{total.sql} AS {total.name}" for total in totals]
    sets = ", ".join(dict.fromkeys(f"({', '.join(f'key_{key.name}' for key in cut.keys)})" for cut in cuts))
    return (
        f"SELECT {', '.join([*shown, *flags, *sums])} FROM (SELECT {keyed} FROM {view} WHERE {where}) AS keyed "
        f"GROUP BY GROUPING SETS ({sets})"
    )


def _merged(parts: Iterable[_Part]) -> tuple[_Part, ...]:
    by_name: dict[str, _Part] = {}
    for part in parts:
        if by_name.setdefault(part.name, part) != part:
            raise ValueError(
                f"{part.name!r} is declared twice, as {by_name[part.name].sql} and as {part.sql}."
            )
    return tuple(by_name.values())


def _frame(rows: pd.DataFrame, cut: Cut, keys: tuple[Key, ...]) -> pd.DataFrame:
    own = {key.name for key in cut.keys}
    belongs = _all(rows[f"off_{key.name}"] == (0 if key.name in own else 1) for key in keys)
    names = [*(key.name for key in cut.keys), *(total.name for total in cut.totals)]
    frame = rows.loc[belongs, names].dropna(subset=[key.name for key in cut.keys])
    return frame.sort_values([key.name for key in cut.keys], ignore_index=True)


def _all(conditions: Iterable[pd.Series[bool]]) -> pd.Series[bool]:
    return functools.reduce(operator.and_, conditions)
