"""One input in two windows, as counts: how often each number or category came in the reference and now."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError
from afterlaunch.ranges import Range

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NumberCounts:
    """How often a number input took each value, in two windows.

    Parameters
    ----------
    values : array_like, shape (n_cells,)
        Midpoints of the cells of a fine grid that both windows share, finite and strictly increasing; exact
        values where there are few. A value counts as its cell's midpoint everywhere.
    reference, current : array_like, shape (n_cells,)
        Rows per cell, 0 or more.
    reference_missing, current_missing : float
        Rows without a value; they are no cell.
    allowed : Range
        What the input may be; open on both sides when nothing is known.

    Raises
    ------
    DataError
        When shapes differ, values do not rise or a count is negative or not finite.

    Examples
    --------
    >>> NumberCounts(values=[0, 1], reference=[9, 1], current=[8, 2]).current.tolist()
    [8.0, 2.0]
    """

    values: Floats
    reference: Floats
    current: Floats
    reference_missing: float = 0
    current_missing: float = 0
    allowed: Range = dataclasses.field(default_factory=Range)

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise DataError(
                f"Cell values have shape {values.shape} and do not rise strictly, or are not finite. Give the "
                "midpoints of the cells in rising order, each once."
            )
        object.__setattr__(self, "values", values)
        for name in ("reference", "current"):
            object.__setattr__(self, name, _as_counts(getattr(self, name), name, n_cells=values.size))
        _check_extra_counts(self, ("reference_missing", "current_missing"))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CategoryCounts:
    """How often a category input took each name, in two windows.

    Parameters
    ----------
    names : sequence of str
        Each once. Those with the most rows of either window; the rest counts as other.
    reference, current : array_like, shape (n_names,)
        Rows per name, 0 or more.
    reference_other, current_other : float
        Rows of names that are not listed. A listed name without rows may hide in there, with at most as many
        rows as the rarest listed one: it is called new or gone only if that would not change the name.
    reference_missing, current_missing : float
        Rows without a value.

    Raises
    ------
    DataError
        When shapes differ, a name comes twice or a count is negative or not finite.

    Examples
    --------
    >>> CategoryCounts(names=["AA", "UA"], reference=[7, 3], current=[6, 4]).names
    ('AA', 'UA')
    """

    names: tuple[str, ...]
    reference: Floats
    current: Floats
    reference_other: float = 0
    current_other: float = 0
    reference_missing: float = 0
    current_missing: float = 0

    def __post_init__(self) -> None:
        names = tuple(self.names)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"Category {twice!r} is counted twice. Give each name once, its rows added up.")
        object.__setattr__(self, "names", names)
        for name in ("reference", "current"):
            object.__setattr__(self, name, _as_counts(getattr(self, name), name, n_cells=len(names)))
        _check_extra_counts(
            self, ("reference_other", "current_other", "reference_missing", "current_missing")
        )


def _as_counts(counts: npt.ArrayLike, name: str, *, n_cells: int) -> Floats:
    rows = np.asarray(counts, np.float64)
    if rows.shape != (n_cells,):
        raise DataError(
            f"The {name} counts have shape {rows.shape}. Give one count for each of the {n_cells} cells."
        )
    wrong = rows[~(np.isfinite(rows) & (rows >= 0))]
    if wrong.size:
        raise DataError(f"A {name} count is {wrong[0]:g}. Give finite numbers of rows, 0 or more.")
    return rows


def _check_extra_counts(counts: NumberCounts | CategoryCounts, names: Sequence[str]) -> None:
    for name in names:
        n_rows = getattr(counts, name)
        if not (math.isfinite(n_rows) and n_rows >= 0):
            raise DataError(f"{name} is {n_rows:g}. Give a finite number of rows, 0 or more.")
