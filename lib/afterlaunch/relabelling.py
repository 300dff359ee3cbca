"""Categories that came, went, changed their name or changed places, seen from counts of two windows."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

MIN_Z = 4.5
"""Nothing nearer to no change than this many standard errors is named: once in 150,000 comparisons."""
MIN_CATEGORY_SHARE = 0.01
"""A category below this share of the rows is neither new nor gone."""
GONE_FACTOR = 20.0
"""A category is gone (new) when the other window has more than this many times its share."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relabelling:
    """One name that seems to have become another.

    Attributes
    ----------
    before, after : str
        The name in the reference and that in the current window.
    reference_share, share : float
        Reference rows of the one and current rows of the other, 0 to 1.
    similarity : float
        Of the spellings, 0 to 1; 1 when only case, spaces, punctuation or the writing of a number differ.
    is_only_fit : bool
        Whether no other name came into question for either.
    """

    before: str
    after: str
    reference_share: float
    share: float
    similarity: float
    is_only_fit: bool


def share_z(
    reference: npt.ArrayLike, current: npt.ArrayLike, *, n_reference: float, n_current: float
) -> Floats:
    """Return how far shares of rows rose (+) or fell (−), in standard errors.

    The signed root of the likelihood ratio G, which stays honest for the few rows of rare categories, where
    the usual z of two shares takes chance for a change.

    Parameters
    ----------
    reference, current : array_like
        Rows that count, of one shape.
    n_reference, n_current : float
        All rows of each window, above 0. Rows count as independent.

    Returns
    -------
    ndarray of float64, shape of ``reference``
        About standard normal where nothing changed; 0 for equal shares.

    References
    ----------
    Dunning (1993), "Accurate methods for the statistics of surprise and coincidence", Comput. Linguist. 19.

    Examples
    --------
    >>> share_z([10, 0], [10, 20], n_reference=100, n_current=100).round(2).tolist()
    [0.0, 5.47]
    """
    before, after = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    pooled = (before + after) / (n_reference + n_current)
    total = np.zeros_like(pooled)
    for rows, n in ((before, n_reference), (after, n_current)):
        for observed, expected in ((rows, n * pooled), (n - rows, n * (1 - pooled))):
            is_there = (observed > 0) & (expected > 0)
            ratio = np.divide(observed, expected, out=np.ones_like(total), where=is_there)
            total += 2 * observed * np.log(ratio)
    sign = np.sign(after / n_current - before / n_reference)
    return np.asarray(np.sqrt(np.maximum(total, 0.0)) * sign, np.float64)


def new_names(reference: npt.ArrayLike, current: npt.ArrayLike, *, reference_other: float = 0.0) -> Mask:
    """Tell which names the current window has and the reference (nearly) has not.

    Sampling and size are not looked at. Turned round it tells which names are gone.

    Parameters
    ----------
    reference, current : array_like, shape (n_names,)
        Rows per name, 0 or more.
    reference_other : float
        Reference rows of names that are not listed. Any listed name without reference rows may hide there,
        with as many rows as the rarest listed one, and is new only if that would not change it.

    Returns
    -------
    ndarray of bool, shape (n_names,)

    Examples
    --------
    >>> new_names([99, 1, 0], [70, 10, 20]).tolist()
    [False, False, True]
    """
    before, after = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    n_reference, n_current = float(before.sum()) + reference_other, float(after.sum())
    hidden = min(reference_other, float(before[before > 0].min(initial=math.inf)))
    rows = np.where(before == 0, hidden, before)
    # Shares compared crosswise: no division, so a window without rows needs no case of its own.
    return np.asarray((after > 0) & (GONE_FACTOR * rows * n_current < after * n_reference), np.bool_)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CategoryShares:
    """Shares of the categories of one input in two windows, and what can be said of each.

    Attributes
    ----------
    names : tuple of str, n long
    reference, current : ndarray, shape (n,)
        Shares of the rows with a value, 0 to 1; they add up to 1 together with those of unlisted names.
    n_reference, n_current : float
        Rows with a value.
    z : ndarray, shape (n,)
        From :func:`share_z`.
    is_new, is_gone : ndarray of bool, shape (n,)
        From :func:`new_names`, the windows turned round for those gone.
    """

    names: tuple[str, ...]
    reference: Floats
    current: Floats
    n_reference: float
    n_current: float
    z: Floats
    is_new: Mask
    is_gone: Mask

    @property
    def is_clear(self) -> Mask:
        """Whether a name is large enough in one window, and its change beyond sampling, to call it new or gone."""
        return (np.maximum(self.reference, self.current) >= MIN_CATEGORY_SHARE) & (np.abs(self.z) >= MIN_Z)


def relabellings(shares: CategoryShares) -> tuple[Relabelling, ...]:
    """Pair names that are gone with new ones of about the same share.

    Shares may differ by 20 % of the larger one, or by 2.5 standard errors. Names that differ in writing only
    come first, then the nearest shares and spellings. Where one name is only written in another way, others too
    rare to be seen alone go along if theirs is too.

    Parameters
    ----------
    shares : CategoryShares
        One input.

    Returns
    -------
    tuple of Relabelling
        The largest first; empty when nothing fits. No name comes twice.

    Examples
    --------
    >>> before, after = np.array([0.3, 0.7, 0.0]), np.array([0.0, 0.71, 0.29])
    >>> shares = CategoryShares(
    ...     names=("AA", "UA", "aa"), reference=before, current=after, n_reference=1e3, n_current=1e3,
    ...     z=share_z(1e3 * before, 1e3 * after, n_reference=1e3, n_current=1e3),
    ...     is_new=new_names(before, after), is_gone=new_names(after, before),
    ... )
    >>> [(pair.before, pair.after, pair.similarity) for pair in relabellings(shares)]
    [('AA', 'aa', 1.0)]
    """
    old = np.flatnonzero(shares.is_gone & shares.is_clear).tolist()
    new = np.flatnonzero(shares.is_new & shares.is_clear).tolist()
    places = _same_writing(shares, old, new)
    if places:
        all_old, all_new = (np.flatnonzero(cells).tolist() for cells in (shares.is_gone, shares.is_new))
        places = _same_writing(shares, all_old, all_new)
    pairs = [_relabelling(shares, i, j) for i, j in places]
    used_old, used_new = {i for i, _ in places}, {j for _, j in places}
    left = [i for i in old if i not in used_old], [j for j in new if j not in used_new]
    pairs += _nearest(shares, *left)
    return tuple(sorted(pairs, key=lambda pair: (-pair.reference_share, pair.before)))


def swapped(shares: CategoryShares) -> tuple[Relabelling, ...]:
    """Find two names that seem to have changed places while all others stayed.

    Their shares must differ by 5 percentage points and by half of the smaller one, each must have taken the
    other's share up to a tenth of that difference (or 3 standard errors), and all others together must have
    moved by less than a tenth of it beyond sampling.

    Parameters
    ----------
    shares : CategoryShares
        One input.

    Returns
    -------
    tuple of Relabelling
        Two, there and back; or empty. Two names that together are all rows trade shares whenever one rises
        by as much: a suspicion, no more.

    Examples
    --------
    >>> before, after = np.array([0.3, 0.12, 0.58]), np.array([0.12, 0.3, 0.58])
    >>> shares = CategoryShares(
    ...     names=("AA", "UA", "WN"), reference=before, current=after, n_reference=1e3, n_current=1e3,
    ...     z=share_z(1e3 * before, 1e3 * after, n_reference=1e3, n_current=1e3),
    ...     is_new=new_names(before, after), is_gone=new_names(after, before),
    ... )
    >>> [(pair.before, pair.after) for pair in swapped(shares)]
    [('AA', 'UA'), ('UA', 'AA')]
    """
    before, after = shares.reference, shares.current
    error = np.sqrt((before + after) / 2 * (1 / shares.n_reference + 1 / shares.n_current))
    moves = np.abs(after - before)
    candidates = (np.abs(shares.z) >= MIN_Z) & (before > 0) & (after > 0) & (moves >= 0.04)
    for i, j in itertools.combinations(np.flatnonzero(candidates).tolist(), 2):
        small, large = sorted((before[i], before[j]))
        gap = large - small
        places = [i, j]
        misses = np.abs(after[places] - before[places[::-1]])
        # Half of what moved in all others, and half of what independent rows move a share by (0.8 errors).
        others = (moves.sum() - moves[places].sum()) / 2
        noise = 0.8 * (error.sum() - error[places].sum())
        is_swap = (misses <= np.maximum(0.1 * gap, 3 * error[places])).all()
        if gap >= 0.05 and large >= 1.5 * small and is_swap and others <= 0.1 * gap + noise:
            return _relabelling(shares, i, j), _relabelling(shares, j, i)
    return ()


def _same_writing(shares: CategoryShares, old: Sequence[int], new: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places of names of about the same share that differ in writing only."""
    by_writing = {_folded(shares.names[j]): j for j in new}
    pairs = [(i, by_writing.pop(_folded(shares.names[i]), None)) for i in old]
    return [(i, j) for i, j in pairs if j is not None and _distance(shares, i, j) <= 1]


def _nearest(shares: CategoryShares, old: Sequence[int], new: Sequence[int]) -> list[Relabelling]:
    fits = []
    for i, j in itertools.product(old, new):
        distance = _distance(shares, i, j)
        if distance <= 1:
            fits.append((distance - _similarity(shares.names[i], shares.names[j]), i, j))
    n_old, n_new = Counter(i for _, i, _ in fits), Counter(j for _, _, j in fits)
    pairs, used_old, used_new = [], set(), set()
    for _, i, j in sorted(fits):
        if i not in used_old and j not in used_new:
            pairs.append(_relabelling(shares, i, j, is_only_fit=n_old[i] == n_new[j] == 1))
            used_old.add(i)
            used_new.add(j)
    return pairs


def _distance(shares: CategoryShares, old: int, new: int) -> float:
    """Return how far the shares of two names are apart; up to 1 they are about the same."""
    before, after = float(shares.reference[old]), float(shares.current[new])
    error = math.sqrt(before / shares.n_reference + after / shares.n_current)
    return abs(before - after) / max(0.2 * before, 0.2 * after, 2.5 * error)


def _relabelling(shares: CategoryShares, old: int, new: int, *, is_only_fit: bool = True) -> Relabelling:
    return Relabelling(
        before=shares.names[old],
        after=shares.names[new],
        reference_share=float(shares.reference[old]),
        share=float(shares.current[new]),
        similarity=_similarity(shares.names[old], shares.names[new]),
        is_only_fit=is_only_fit,
    )


def _similarity(one: str, other: str) -> float:
    """Return the share of pairs of letters that two names have in common (Dice), 1 when folded alike."""
    # Not difflib: it would take seconds for hundreds of names on each side.
    if _folded(one) == _folded(other):
        return 1.0
    of_one, of_other = _letter_pairs(one), _letter_pairs(other)
    # One more below the line: names with the same pairs in another order are not the same.
    return 2 * len(of_one & of_other) / (len(of_one) + len(of_other) + 1)


@functools.lru_cache(maxsize=1_024)
def _letter_pairs(name: str) -> frozenset[str]:
    return frozenset(a + b for a, b in itertools.pairwise(f"^{_folded(name)}$"))


def _folded(name: str) -> str:
    """Return a name without what a change of format changes: case, spaces, punctuation, 3.0 for 3."""
    text = name.strip()
    if re.fullmatch(r"[+-]?[0-9]+([.][0-9]*)?", text):
        return f"{float(text):.15g}"
    # A sign at an end stays: A+ and A-, <5 and >5 are different things.
    return re.sub(r"[\s_.,/'\"]|(?<=\w)-(?=\w)", "", text.casefold()) or name
