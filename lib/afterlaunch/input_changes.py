"""What happened to one input between two windows, by name: another unit, new labels, a default value.

Seen from counts alone: :class:`NumberCounts` or :class:`CategoryCounts` in, :class:`InputChange` out. A
distance such as PSI says that an input moved; :func:`input_changes` says what it looks like, so that someone
knows where to look. Whether it matters to the model is decided elsewhere.

Everything named is beyond sampling (:data:`afterlaunch.relabelling.MIN_Z` standard errors) and has a size worth a
name. Rows count as independent; what keeps ordinary differences between days out are the floors on size.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from afterlaunch.bins import OTHER_LABEL
from afterlaunch.errors import ParameterError
from afterlaunch.input_windows import CategoryCounts, NumberCounts
from afterlaunch.relabelling import (
    MIN_Z,
    CategoryShares,
    Relabelling,
    new_names,
    relabellings,
    share_z,
    swapped,
)
from afterlaunch.unit_changes import unit_change

__all__ = [
    "CategoryCounts",
    "ChangeKind",
    "InputChange",
    "NotCompared",
    "NumberCounts",
    "input_changes",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
ChangeKind: TypeAlias = Literal[
    "all_missing",
    "missing_jump",
    "relabelled",
    "swapped",
    "unit_change",
    "constant",
    "new_category",
    "gone_category",
    "spike",
    "out_of_range",
    "shifted",
    "spread",
    "mix",
]
"""What a change can be called, the most specific first."""

MIN_SPIKE_SHARE = 0.10
"""A value is a spike when its share rose by this much (10 percentage points) or more."""
MIN_MOVE = 0.1
"""Shifts below this many standard deviations, and spreads that change by less than this share, have no name."""
MAX_TAIL_SHARE = 0.05
"""Up to this share of rows far outside is left out when the rest is described."""
MIN_OUTSIDE_SHARE = 0.001
"""Rows outside of a range are named from this share on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputChange:
    """What a change of an input looks like, and the numbers that a sentence about it needs.

    Attributes
    ----------
    kind : str
        One of :data:`ChangeKind`.
    share : float
        Current rows concerned, 0 to 1: of all rows for missing values, of those with a value otherwise. The
        current share of a category that is gone is (nearly) 0.
    reference_share : float or None
        The same in the reference; None where the whole distribution changed.
    name : str
        The category of ``new_category``, ``gone_category``, ``mix`` and ``constant``.
    pairs : tuple of Relabelling
        Of ``relabelled``, the largest first, and of ``swapped`` (two, there and back).
    value : float or None
        The number of ``constant`` and ``spike``: its cell's midpoint, exact only where a cell is one number.
    factor, offset : float or None
        Of ``unit_change``: current = factor x reference + offset.
    unit : str
        What a change by that factor could be, such as "inches to centimetres"; empty for powers of ten.
    reference_level, current_level : float or None
        ``unit_change``: typical (median) values, of the rows so changed and without sign unless the change has an
        offset; ``shifted``: means; ``spread``: mean distances from the median; ``out_of_range``: the limit
        and the value furthest outside.
    change_sd : float or None
        Of ``shifted``: the mean's change over the reference's standard deviation; its sign says up or down.
    """

    kind: ChangeKind
    share: float
    reference_share: float | None = None
    name: str = ""
    pairs: tuple[Relabelling, ...] = ()
    value: float | None = None
    factor: float | None = None
    offset: float | None = None
    unit: str = ""
    reference_level: float | None = None
    current_level: float | None = None
    change_sd: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotCompared:
    """Two windows could not be compared, and why, in words that can follow a colon."""

    reason: str


def input_changes(
    counts: NumberCounts | CategoryCounts, *, min_missing_share: float = 0.05
) -> tuple[InputChange, ...] | NotCompared:
    """Name what changed in one input, the most specific name first.

    Parameters
    ----------
    counts : NumberCounts or CategoryCounts
        One input in two windows.
    min_missing_share : float
        The share of missing values must change by this much to be named, above 0 and at most 1.

    Returns
    -------
    tuple of InputChange, or NotCompared
        Empty when nothing is beyond sampling. ``shifted``, ``spread`` and ``mix`` only describe what no
        other name explains. A reason instead when a window has no rows.

    Raises
    ------
    ParameterError
        When ``min_missing_share`` is not above 0 and at most 1.

    References
    ----------
    Dunning (1993), "Accurate methods for the statistics of surprise and coincidence", Comput. Linguist. 19.

    Examples
    --------
    >>> counts = CategoryCounts(
    ...     names=["AA", "UA", "aa"], reference=[300, 700, 0], current=[0, 710, 290]
    ... )
    >>> change, = input_changes(counts)
    >>> change.kind, change.pairs[0].before, change.pairs[0].after, change.share
    ('relabelled', 'AA', 'aa', 0.29)
    """
    if not 0 < min_missing_share <= 1:
        raise ParameterError(
            f"min_missing_share is {min_missing_share:g}. Give a share above 0 and at most 1, such as 0.05."
        )
    sides = _sides(counts)
    for window, n_rows in (("reference", sides.n_reference_rows), ("current", sides.n_current_rows)):
        if n_rows == 0:
            return NotCompared(reason=f"the {window} window has no rows")
    found = _missing_changes(sides, min_missing_share)
    if sides.n_reference and sides.n_current:
        if isinstance(counts, NumberCounts):
            found += _number_changes(counts, sides)
        else:
            found += _category_changes(counts, sides)
    order = get_args(ChangeKind)
    return tuple(sorted(found, key=lambda change: order.index(change.kind)))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Sides:
    """Rows of both windows in the same cells; categories have a last cell for all others."""

    reference: Floats
    current: Floats
    n_reference: float
    n_current: float
    n_reference_rows: float
    n_current_rows: float

    @property
    def reference_shares(self) -> Floats:
        return self.reference / self.n_reference

    @property
    def current_shares(self) -> Floats:
        return self.current / self.n_current

    @property
    def z(self) -> Floats:
        return share_z(self.reference, self.current, n_reference=self.n_reference, n_current=self.n_current)

    def only(self, cells: Mask) -> _Sides:
        return _sides_of(np.where(cells, self.reference, 0.0), np.where(cells, self.current, 0.0))


def _sides(counts: NumberCounts | CategoryCounts) -> _Sides:
    reference, current = np.asarray(counts.reference), np.asarray(counts.current)
    if isinstance(counts, CategoryCounts):
        reference = np.append(reference, counts.reference_other)
        current = np.append(current, counts.current_other)
    return _sides_of(reference, current, missing=(counts.reference_missing, counts.current_missing))


def _sides_of(reference: Floats, current: Floats, *, missing: tuple[float, float] = (0, 0)) -> _Sides:
    n_reference, n_current = float(reference.sum()), float(current.sum())
    return _Sides(
        reference=reference,
        current=current,
        n_reference=n_reference,
        n_current=n_current,
        n_reference_rows=n_reference + missing[0],
        n_current_rows=n_current + missing[1],
    )


def _missing_changes(sides: _Sides, min_missing_share: float) -> list[InputChange]:
    n_rows = (sides.n_reference_rows, sides.n_current_rows)
    before, after = 1 - sides.n_reference / n_rows[0], 1 - sides.n_current / n_rows[1]
    # Rounded, so that from 10 % to 15 % is a change of 5 percentage points.
    is_large = round(abs(after - before), 12) >= min_missing_share
    if not is_large or abs(_z_of((sides.n_reference, sides.n_current), n_rows)) < MIN_Z:
        return []
    kind: ChangeKind = "missing_jump" if sides.n_current else "all_missing"
    return [InputChange(kind=kind, share=after, reference_share=before)]


def _z_of(counted: tuple[float, float], n: tuple[float, float]) -> float:
    return float(share_z(counted[0], counted[1], n_reference=n[0], n_current=n[1]))


def _category_changes(counts: CategoryCounts, sides: _Sides) -> list[InputChange]:
    names, shares = counts.names, _category_shares(counts, sides)
    pairs = relabellings(shares)
    swap = () if pairs else swapped(shares)
    constant = [] if pairs else _constant(sides, names=names)
    renamed = {name for pair in (*pairs, *swap) for name in (pair.before, pair.after)}
    free = np.array([name not in renamed for name in names], np.bool_)
    new, gone = (cells & shares.is_clear & free for cells in (shares.is_new, shares.is_gone))
    found = _paired("relabelled", pairs) + _paired("swapped", swap) + constant
    found += _by_share("new_category", names, sides, new)
    if constant:
        return found
    found += _by_share("gone_category", names, sides, gone)
    return found + _mix(names, sides, np.append(free & ~new & ~gone, True))


def _category_shares(counts: CategoryCounts, sides: _Sides) -> CategoryShares:
    before, after = sides.reference[:-1], sides.current[:-1]
    return CategoryShares(
        names=counts.names,
        reference=sides.reference_shares[:-1],
        current=sides.current_shares[:-1],
        n_reference=sides.n_reference,
        n_current=sides.n_current,
        z=sides.z[:-1],
        is_new=new_names(before, after, reference_other=counts.reference_other),
        is_gone=new_names(after, before, reference_other=counts.current_other),
    )


def _by_share(kind: ChangeKind, names: Sequence[str], sides: _Sides, chosen: Mask) -> list[InputChange]:
    before, after = sides.reference_shares, sides.current_shares
    places = np.flatnonzero(chosen).tolist()
    return [
        InputChange(
            kind=kind, name=names[place], share=float(after[place]), reference_share=float(before[place])
        )
        for place in sorted(places, key=lambda place: -max(before[place], after[place]))
    ]


def _paired(kind: ChangeKind, pairs: Sequence[Relabelling]) -> list[InputChange]:
    if not pairs:
        return []
    return [
        InputChange(
            kind=kind,
            pairs=tuple(pairs),
            share=math.fsum(pair.share for pair in pairs),
            reference_share=math.fsum(pair.reference_share for pair in pairs),
        )
    ]


def _constant(sides: _Sides, *, names: Sequence[str] = (), values: Floats | None = None) -> list[InputChange]:
    place = int(np.argmax(sides.current))
    before, after = float(sides.reference_shares[place]), float(sides.current_shares[place])
    was_spread = 1 - before >= (0.005 if after == 1 else 0.05)
    if after <= 0.99 or not was_spread or sides.z[place] < MIN_Z or (values is None and place == len(names)):
        return []
    name, value = (names[place], None) if values is None else ("", float(values[place]))
    return [InputChange(kind="constant", share=after, reference_share=before, name=name, value=value)]


def _mix(names: Sequence[str], sides: _Sides, cells: Mask) -> list[InputChange]:
    """Describe what moved the most among the categories that no other name explains."""
    rest = _pooled(sides).only(cells)
    if not rest.n_reference or not rest.n_current:
        return []
    # Among themselves: a new category alone makes the shares of all others fall.
    change = np.abs(rest.current_shares - rest.reference_shares)
    place = int(np.argmax(np.where(np.abs(rest.z) >= MIN_Z, change, 0.0)))
    if abs(rest.z[place]) < MIN_Z or change[place] < 0.01:
        return []
    return _by_share("mix", [*names, OTHER_LABEL], sides, np.arange(cells.size) == place)


def _pooled(sides: _Sides) -> _Sides:
    """Count names as others that one window does not list: their rows may be among its others."""
    hidden = (sides.reference == 0) & (sides.reference[-1] > 0) | (sides.current == 0) & (
        sides.current[-1] > 0
    )
    rows = []
    for counts in (sides.reference, sides.current):
        pooled = np.where(hidden, 0.0, counts)
        pooled[-1] += counts[hidden].sum()
        rows.append(pooled)
    return _sides_of(rows[0], rows[1])


def _number_changes(counts: NumberCounts, sides: _Sides) -> list[InputChange]:
    values = counts.values
    constant = _constant(sides, values=values)
    unit = [] if constant else _unit(values, sides)
    spikes = [] if constant or unit else _spikes(values, sides)
    found, outside = constant + unit + spikes, _outside_allowed(counts, sides)
    if unit:
        return found + outside
    told = np.isin(values, [change.value for change in found if change.value is not None])
    far, outside_seen = _far_outside(values, sides, told)
    found += outside or outside_seen
    if constant or spikes:
        return found
    # A few rows far outside would decide every mean; many of them are what happened.
    is_tail = sides.current[far].sum() <= MAX_TAIL_SHARE * sides.n_current
    return found + _described(values, sides.only(~far) if is_tail else sides)


def _unit(values: Floats, sides: _Sides) -> list[InputChange]:
    change = unit_change(values, sides.reference, sides.current)
    if change is None:
        return []
    return [
        InputChange(
            kind="unit_change",
            share=change.share,
            factor=change.factor,
            offset=change.offset,
            unit=change.unit,
            reference_level=change.reference_level,
            current_level=change.current_level,
        )
    ]


def _outside_allowed(counts: NumberCounts, sides: _Sides) -> list[InputChange]:
    values, allowed = counts.values, counts.allowed
    below = values < (-math.inf if allowed.lower is None else allowed.lower)
    above = values > (math.inf if allowed.upper is None else allowed.upper)
    before = float(sides.reference[below | above].sum()) / sides.n_reference
    n_after = float(sides.current[below | above].sum())
    z = _z_of((before * sides.n_reference, n_after), (sides.n_reference, sides.n_current))
    # One impossible value where there was none needs no test; more of what was there before does.
    if n_after < MIN_OUTSIDE_SHARE * sides.n_current or (before > 0 and z < MIN_Z):
        return []
    return _out_of_range(values, sides, below, above, limits=(allowed.lower, allowed.upper))


def _far_outside(values: Floats, sides: _Sides, told: Mask) -> tuple[Mask, list[InputChange]]:
    """Find rows beyond the reference's smallest and largest value by more than its whole range."""
    seen = values[sides.reference > 0]
    lowest, highest = float(seen[0]), float(seen[-1])
    reach = highest - lowest
    below, above = (values < lowest - reach) & ~told, (values > highest + reach) & ~told
    n_rows = float(sides.current[below | above].sum())
    z = _z_of((0.0, n_rows), (sides.n_reference, sides.n_current))
    if n_rows < MIN_OUTSIDE_SHARE * sides.n_current or z < MIN_Z:
        return np.zeros(values.size, np.bool_), []
    return below | above, _out_of_range(values, sides, below, above, limits=(lowest, highest))


def _out_of_range(
    values: Floats,
    sides: _Sides,
    below: Mask,
    above: Mask,
    *,
    limits: tuple[float | None, float | None],
) -> list[InputChange]:
    outside = below | above
    is_above = sides.current[above].sum() >= sides.current[below].sum()
    hit = values[(above if is_above else below) & (sides.current > 0)]
    return [
        InputChange(
            kind="out_of_range",
            share=float(sides.current[outside].sum()) / sides.n_current,
            reference_share=float(sides.reference[outside].sum()) / sides.n_reference,
            reference_level=limits[1] if is_above else limits[0],
            current_level=float(hit[-1] if is_above else hit[0]),
        )
    ]


def _spikes(values: Floats, sides: _Sides) -> list[InputChange]:
    """Find values that took rows from all others alike, as a default value does."""
    rise = sides.current_shares - sides.reference_shares
    is_spike = (np.round(rise, 12) >= MIN_SPIKE_SHARE) & (sides.z >= MIN_Z)
    rest = sides.only(~is_spike)
    if not is_spike.any() or (rest.reference > 0).sum() < 4 or not rest.n_current:
        return []
    noise = 1.95 * math.sqrt(1 / rest.n_reference + 1 / rest.n_current)
    # A whole distribution that moves also piles up rows somewhere, but the rest of it moves too.
    if np.abs(np.cumsum(rest.current_shares - rest.reference_shares)).max() > 0.1 + noise:
        return []
    before, after = sides.reference_shares, sides.current_shares
    return [
        InputChange(
            kind="spike",
            value=float(values[place]),
            share=float(after[place]),
            reference_share=float(before[place]),
        )
        for place in sorted(np.flatnonzero(is_spike), key=lambda place: -rise[place])
    ]


def _described(values: Floats, sides: _Sides) -> list[InputChange]:
    """Describe a distribution that moved, or became wider or narrower."""
    before = _shape(values, sides.reference, sides.n_reference)
    after = _shape(values, sides.current, sides.n_current)
    found = []
    if before.sd > 0:
        change_sd = (after.mean - before.mean) / before.sd
        z_mean = (after.mean - before.mean) / math.hypot(before.mean_error, after.mean_error)
        # Ranks see what a few huge values hide from the mean.
        z = max((z_mean, _rank_z(sides)), key=lambda one: one * math.copysign(1, change_sd))
        if abs(change_sd) >= MIN_MOVE and z * change_sd > 0 and abs(z) >= MIN_Z:
            found.append(_levels("shifted", before.mean, after.mean, change_sd=change_sd))
    if before.spread > 0 and after.spread > 0:
        widening = math.log(after.spread / before.spread)
        z = abs(widening) / max(math.hypot(before.log_spread_error, after.log_spread_error), 1e-300)
        if abs(widening) >= MIN_MOVE and z >= MIN_Z:
            found.append(_levels("spread", before.spread, after.spread))
    return found


def _levels(kind: ChangeKind, before: float, after: float, *, change_sd: float | None = None) -> InputChange:
    return InputChange(kind=kind, share=1.0, reference_level=before, current_level=after, change_sd=change_sd)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Shape:
    """Where a window's values lie and how far apart; spread is the mean distance from the median."""

    mean: float
    sd: float
    mean_error: float
    spread: float
    log_spread_error: float


def _shape(values: Floats, rows: Floats, n: float) -> _Shape:
    shares = rows / n
    mean = float(shares @ values)
    variance = float(shares @ (values - mean) ** 2)
    distance = np.abs(values - values[np.searchsorted(np.cumsum(rows), n / 2)])
    spread = float(shares @ distance)
    spread_variance = max(float(shares @ distance**2) - spread**2, 0.0)
    return _Shape(
        mean=mean,
        sd=math.sqrt(variance),
        mean_error=math.sqrt(variance / n),
        spread=spread,
        log_spread_error=math.sqrt(spread_variance / n) / max(spread, 1e-300),
    )


def _rank_z(sides: _Sides) -> float:
    """Return how far current rows rank above reference rows, in standard errors (Mann-Whitney)."""
    below = np.cumsum(sides.reference_shares) - sides.reference_shares / 2
    wins = float(sides.current_shares @ below)
    return (wins - 0.5) / math.sqrt((1 / sides.n_reference + 1 / sides.n_current) / 12)
