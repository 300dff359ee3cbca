"""A change of unit, seen from counts: amounts in cents, distances in kilometres, degrees Fahrenheit.

A change is named when undoing it makes the current window look like the reference, not because an average
moved by about that much: a drift that multiplies every value by a factor on the list and keeps the shape is
taken for one. In part of the rows a change is seen only where values in the two units hardly overlap.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

MIN_PART_SHARE = 0.05
"""A unit change is looked for in this share of the rows or more."""
_MIN_SEPARATION = 0.9  # of the cumulated shares of rows in the old and the new unit, for a part to be seen
_MODEL_ERROR = 0.003  # of cumulated shares: no two months are alike, however many rows they have
_MIN_DISTINCT = 3  # different values, below which there is no shape to recognise
_MAX_UNDONE_DISTANCE = 0.08  # of the cumulated shares, after the change of unit is undone
_MIN_GAIN = 4.0  # undoing must make the distance this many times smaller
_LEVELS = np.arange(1, 10) / 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnitChange:
    """A change of unit: current = factor x reference + offset, for a share of the rows.

    Attributes
    ----------
    factor, offset : float
        Exact, as the units are defined. The offset is 0 for all but temperatures.
    unit : str
        What the change could be, such as "inches to centimetres"; empty for powers of ten.
    share : float
        Current rows so changed, 0 to 1; where zero is common, those with another value than zero tell it.
    reference_level, current_level : float
        Medians, in the reference and of the current rows so changed, in the value's own unit; without zeros
        and signs unless there is an offset.
    distance, undone_distance : float
        Largest difference of cumulated shares (0 to 1) between the windows, as they are and with the change undone.
    """

    factor: float
    offset: float
    unit: str
    share: float
    reference_level: float
    current_level: float
    distance: float
    undone_distance: float


def unit_change(values: Floats, reference: Floats, current: Floats) -> UnitChange | None:
    """Find the factor (or the two temperature scales) that makes the current rows look like the reference's.

    The factors are 10, 100, 1,000 and 1,000,000, 2.54, 2.205, 1.609, 3.281, 60 and 3,600, each both ways. The
    quantiles must agree within 4 % (8 % and chance for powers of ten and times), and the distance between windows
    must fall to a quarter or less. Where few rows that lie far apart leave the factor open, none is named.

    Parameters
    ----------
    values : ndarray, shape (n_cells,)
        Midpoints of the cells of a fine grid, strictly increasing; cells without rows may be left out. Cells
        are taken to have one width or one ratio. Whole numbers that follow each other are taken as cells of one
        number each. What falls in the cell that holds zero says nothing: where a new unit is so much larger that
        most rows do, there is no change to see.
    reference, current : ndarray, shape (n_cells,)
        Rows per cell, 0 or more; rows without a value are left out.

    Returns
    -------
    UnitChange or None
        The change that leaves the smallest distance. None when none fits, or with fewer than three different
        values other than zero in either window.

    References
    ----------
    Massey (1951), doi 10.1080/01621459.1951.10500769 (the distance).

    Examples
    --------
    >>> values, rows = np.array([1.0, 2, 3, 100, 200, 300]), np.array([300.0, 500, 200])
    >>> none = np.zeros(3)
    >>> found = unit_change(values, np.append(rows, none), np.append(none, rows))
    >>> found.factor, found.share, found.reference_level, found.current_level
    (100.0, 1.0, 2.0, 200.0)
    """
    grid, found = _grid(values), []
    is_sized = np.abs(values) > grid.width(values) * (0.5 + 1e-9)
    sizes = _curves(np.abs(values[is_sized]), reference[is_sized], current[is_sized], grid)
    if sizes is not None:
        found += _fitting(sizes, _FACTORS)
    whole = _curves(values, reference, current, grid)
    if whole is not None:
        coldest, hottest = _quantiles(whole, whole.reference, np.array([0.01, 0.99]))
        degrees = [
            unit
            for unit, (lowest, highest) in zip(_DEGREES, _WEATHER, strict=True)
            if lowest <= coldest and hottest <= highest
        ]
        found += _fitting(whole, degrees) if degrees else []
    return min(found, key=lambda change: change.undone_distance, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Unit:
    """A change to look for, and by how much (of the logarithm, or of the spread) quantiles may miss it."""

    factor: float
    name: str = ""
    offset: float = 0.0
    tolerance: float = 0.03
    slack: float = 0.01


def _units() -> tuple[_Unit, ...]:
    tens = [_Unit(factor=10.0**power, tolerance=0.08, slack=0.1) for power in (-6, -3, -2, -1, 1, 2, 3, 6)]
    named = {
        2.54: "inches to centimetres",
        1 / 2.54: "centimetres to inches",
        0.45359237: "pounds to kilograms",
        1 / 0.45359237: "kilograms to pounds",
        1.609344: "miles to kilometres",
        1 / 1.609344: "kilometres to miles",
        0.3048: "feet to metres",
        1 / 0.3048: "metres to feet",
    }
    times = {
        60.0: "minutes to seconds, or hours to minutes",
        1 / 60: "seconds to minutes, or minutes to hours",
        3600.0: "hours to seconds",
        1 / 3600: "seconds to hours",
    }
    return (
        *tens,
        *(_Unit(factor=factor, name=name) for factor, name in named.items()),
        *(_Unit(factor=factor, name=name, tolerance=0.08, slack=0.1) for factor, name in times.items()),
    )


_FACTORS = _units()
_DEGREES = (
    _Unit(factor=1 / 1.8, offset=-32 / 1.8, name="degrees Fahrenheit to Celsius", tolerance=0.1, slack=0.1),
    _Unit(factor=1.8, offset=32.0, name="degrees Celsius to Fahrenheit", tolerance=0.1, slack=0.1),
)
_WEATHER = (
    (-76.0, 140.0),
    (-60.0, 60.0),
)  # what temperatures can be, in the unit that each change starts from


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Grid:
    """How wide cells are: all the same, or in proportion to their value; or of one whole number each."""

    step: float
    ratio: float
    is_whole: bool

    def width(self, values: Floats) -> Floats:
        if self.is_whole:
            return np.zeros_like(values)
        return np.maximum(self.step, self.ratio * np.abs(values))


def _grid(values: Floats) -> _Grid:
    """Read the grid off the listed cells that lie nearest to each other."""
    steps = np.diff(values)
    if not steps.size:
        return _Grid(step=0.0, ratio=0.0, is_whole=True)
    step, places = float(steps.min()), (values - values[0]) / float(steps.min())
    if np.allclose(places, np.round(places), rtol=0, atol=1e-3):
        return _Grid(step=step, ratio=0.0, is_whole=step == 1 and not np.any(values % 1))
    ratio = float((steps / np.maximum(np.abs(values[:-1]), np.abs(values[1:]))).min())
    return _Grid(step=step, ratio=ratio, is_whole=False)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Curves:
    """Cumulated shares of both windows over the same rising values."""

    values: Floats
    reference: Floats
    current: Floats
    n_reference: float
    n_current: float
    grid: _Grid


def _curves(values: Floats, reference: Floats, current: Floats, grid: _Grid) -> _Curves | None:
    """Return the cumulated shares, or None where too few different values carry no shape."""
    if min(np.count_nonzero(reference), np.count_nonzero(current)) < _MIN_DISTINCT:
        return None
    order = np.argsort(values, kind="stable")
    n_reference, n_current = float(reference.sum()), float(current.sum())
    return _Curves(
        values=values[order],
        reference=np.minimum(np.cumsum(reference[order]) / n_reference, 1.0),
        current=np.minimum(np.cumsum(current[order]) / n_current, 1.0),
        n_reference=n_reference,
        n_current=n_current,
        grid=grid,
    )


def _quantiles(curves: _Curves, cumulated: Floats, levels: Floats) -> Floats:
    """Return quantiles, between the edges of a cell where it holds more than one number."""
    places = np.minimum(np.searchsorted(cumulated, levels), cumulated.size - 1)
    below = np.where(places > 0, cumulated[places - 1], 0.0)
    inside = np.clip((levels - below) / np.maximum(cumulated[places] - below, 1e-300), 0.0, 1.0)
    values = curves.values[places]
    return np.asarray(values + (inside - 0.5) * curves.grid.width(values), np.float64)


def _fitting(curves: _Curves, units: Sequence[_Unit]) -> list[UnitChange]:
    """Return the changes of unit that bring the windows together when they are undone."""
    before = float(np.abs(curves.current - curves.reference).max())
    # Where chance alone gives a distance like this, undoing it says nothing.
    if before < max(0.9 * MIN_PART_SHARE, 1.95 * math.sqrt(1 / curves.n_reference + 1 / curves.n_current)):
        return []
    part, left = _undone(curves, units)
    good = (left <= min(_MAX_UNDONE_DISTANCE, before / _MIN_GAIN)) & (part >= MIN_PART_SHARE)
    fits = (
        _if_factor_fits(curves, units[place], part=float(part[place]), distances=(before, float(left[place])))
        for place in np.flatnonzero(good).tolist()
    )
    return [change for change in fits if change is not None]


def _undone(curves: _Curves, units: Sequence[_Unit]) -> tuple[Floats, Floats]:
    """Return the share of rows in each new unit that fits best, and the distance left when it is undone."""
    levels = (np.arange(64) + 0.5) / 64
    places = np.unique(
        np.concatenate([np.searchsorted(cdf, levels) for cdf in (curves.current, curves.reference)])
    )
    places = places[places < curves.values.size]
    factor, offset = (np.array([[getattr(unit, name)] for unit in units]) for name in ("factor", "offset"))
    low, high = _reference_below(curves, curves.values[places], factor=factor, offset=offset)
    now, then = curves.current[places], curves.reference[places]
    noise = np.sqrt(then * (1 - then) / curves.n_reference + now * (1 - now) / curves.n_current)
    gain = (low + high) / 2 - then
    weight = gain / (noise**2 + _MODEL_ERROR**2)
    part = np.clip((weight @ (now - then)) / np.maximum((weight * gain).sum(axis=1), 1e-300), 0.0, 1.0)
    # Rows in the old and the new unit can be told apart only where the two hardly overlap.
    is_part = (np.abs(gain).max(axis=1) >= _MIN_SEPARATION) & (part < 0.95)
    part = np.where(is_part, np.maximum(part, 1e-9), 1.0)
    moved = (now - (1 - part[:, None]) * then) / part[:, None]
    left = part[:, None] * np.abs(moved - np.clip(moved, low, high))
    # The rows that stayed are no evidence against a part that moved, as far as chance moves them.
    return part, np.maximum(left - np.where(is_part[:, None], 2 * noise, 0.0), 0.0).max(axis=1)


def _reference_below(
    curves: _Curves, values: Floats, *, factor: Floats, offset: Floats
) -> tuple[Floats, Floats]:
    """Return the least and the largest share of reference rows that a cell and those below held in the old unit."""
    if curves.grid.is_whole:
        # A whole number is what is left of one with decimals: all below the next one are in it.
        edge = (values + 1 - offset) / factor
        half = -1e-9 * np.abs(edge)
    else:
        # Cells of the two units do not meet edge to edge: the cell where the edge falls may be on either side.
        edge = (values + curves.grid.width(values) / 2 - offset) / factor
        half = curves.grid.width(edge) * (0.5 - 1e-9)
    ends = (edge - np.abs(half), edge + half)
    cumulated = np.append(0.0, curves.reference)
    low, high = (cumulated[np.searchsorted(curves.values, end, "right")] for end in ends)
    return low, high


def _if_factor_fits(
    curves: _Curves, unit: _Unit, *, part: float, distances: tuple[float, float]
) -> UnitChange | None:
    """Return the change if the quantiles of the rows concerned are the reference's, changed by this factor."""
    middle = float(_quantiles(curves, curves.reference, np.array([0.5]))[0])
    moved = (curves.current - (1 - part) * curves.reference) / part
    # Chance among the many rows that stayed is large against few that moved: cumulate from the far side.
    if unit.factor * middle + unit.offset > middle:
        moved = np.minimum.accumulate(moved[::-1])[::-1]
    else:
        moved = np.maximum.accumulate(moved)
    levels = _LEVELS if part == 1 else _LEVELS[2:-2]
    before, after = (_quantiles(curves, cumulated, levels) for cumulated in (curves.reference, moved))
    if unit.offset:
        scale = max(float(np.std(before)), 1e-300)
        spread, miss = 1.0, float(np.mean((after - unit.offset) / unit.factor - before)) / scale
    else:
        spread, miss = float(np.std(np.log(before))), float(np.mean(np.log(after / before / unit.factor)))
    error = spread * math.sqrt(1 / curves.n_reference + 1 / (part * curves.n_current))
    # With few rows that lie far apart, a factor of 1.6 is as good as one of 1.5: none is named.
    if error > 0.8 * unit.tolerance or abs(miss) > unit.tolerance + min(2 * error, unit.slack):
        return None
    return UnitChange(
        factor=unit.factor,
        offset=unit.offset,
        unit=unit.name,
        share=part,
        reference_level=float(before[levels.size // 2]),
        current_level=float(after[levels.size // 2]),
        distance=distances[0],
        undone_distance=distances[1],
    )
