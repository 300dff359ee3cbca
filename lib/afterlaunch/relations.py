"""Whether the relation between inputs has changed, apart from each input's own distribution, and between which ones.

Two inputs can each look as they always did while what goes with what has changed: long trips used to be expensive,
and no longer are. Each window's columns become normal scores of their own ranks, which takes their distributions out;
what is left are correlations. :func:`relation_change` compares those of the current window with the reference's, by
three yardsticks: chance (rows re-split at random), habit (each reference month against the others) and size.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.uncertainty import benjamini_hochberg

Floats: TypeAlias = npt.NDArray[np.float64]
AnyFloats: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]

MIN_ROWS = 200
"""With fewer rows than this on either side, of a window or of two inputs seen together, nothing is compared."""
MIN_VARYING = 20
"""An input must differ from its most common value in this many rows, or it counts as constant."""
MIN_PERMUTATIONS = 99
"""With fewer random splits than this no p-value can be 0.01."""
LIMIT_CORRELATION = 0.99
"""Correlations beyond this count as this much: both inputs say the same, and Fisher's z would run away."""

# Steps that a column's distribution is read at, powers of the correlation that are kept, and correlations at which
# the effect of ties is worked out: finer ones move the expected correlation by less than 0.005.
N_STEPS = 2_000
N_POWERS = 40
LATENT = np.concatenate([[-1.0], np.linspace(-0.95, 0.95, 39), [1.0]])


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairChange:
    """How the correlation of two inputs changed.

    Parameters
    ----------
    first, second : str
        The inputs.
    before, after : float
        Correlation of their normal scores in the reference and the current window, -1 to 1.
    expected : float
        What ``before`` would be with the distributions of the current window. It differs from ``before`` only where
        an input has ties and these changed: a flag that became rare correlates less with everything.
    p_value, adjusted_p_value : float
        That the change is chance, alone and controlled for the false discovery rate over all pairs.
    usual : float or None
        The largest absolute change of this pair when one reference month is compared with the others; None when
        fewer than two months can be.
    weight_share : float
        Share of the pair in the weight of all compared pairs; all the same without weights, 0 where no compared
        pair has any.
    """

    first: str
    second: str
    before: float
    expected: float
    after: float
    p_value: float
    adjusted_p_value: float
    usual: float | None
    weight_share: float

    @property
    def change(self) -> float:
        """Correlation now minus the one expected."""
        return self.after - self.expected


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverallChange:
    """How much all relations together changed.

    Parameters
    ----------
    statistic : float
        Root mean square over pairs of the change of Fisher's z, 0 or more; for small correlations z is the
        correlation. Pairs that are less certain than between random splits, because missing values are not evenly
        spread or ties changed, count less to the same degree.
    sampling : float
        What it comes to by chance alone, with windows of this size.
    p_value : float
        Share of random splits of the rows that show as much, in the statistic or in the largest single pair.
    usual : tuple of float
        The statistic of each reference month against the others, brought to windows of this size; empty when fewer
        than two months can be compared.
    """

    statistic: float
    sampling: float
    p_value: float
    usual: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelationChange:
    """What became of the relations between inputs.

    Parameters
    ----------
    overall : OverallChange
        Every pair counts the same.
    weighted : OverallChange or None
        Pairs count as much as the product of their inputs' weights; None without weights, or where every compared
        pair has the weight 0.
    pairs : tuple of PairChange
        Every compared pair, the largest change first.
    n_reference, n_current : int
        Rows.
    """

    overall: OverallChange
    weighted: OverallChange | None
    pairs: tuple[PairChange, ...]
    n_reference: int
    n_current: int

    def changed_pairs(self, *, level: float = 0.05, floor: float = 0.1) -> tuple[PairChange, ...]:
        """Return the pairs that changed by more than chance, more than usual and at least the floor.

        Parameters
        ----------
        level : float
            Largest adjusted p-value, inclusive.
        floor : float
            Smallest absolute change of the correlation, inclusive.
        """
        return tuple(
            pair
            for pair in self.pairs
            if pair.adjusted_p_value <= level
            and abs(pair.change) >= floor
            and (pair.usual is None or abs(pair.change) > pair.usual)
        )

    def is_changed(self, *, level: float = 0.05, floor: float = 0.1) -> bool:
        """Return whether the overall p-value is at or below the level and some pair is called changed.

        Parameters
        ----------
        level, floor : float
            See :meth:`changed_pairs`.
        """
        return self.overall.p_value <= level and bool(self.changed_pairs(level=level, floor=floor))


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoRelationChange:
    """Relations cannot be compared, and why, in words that can follow a colon."""

    reason: str
    n_reference: int
    n_current: int


def relation_change(
    reference: Sequence[npt.ArrayLike],
    current: npt.ArrayLike,
    *,
    names: Sequence[str],
    seed: int,
    weights: npt.ArrayLike | None = None,
    n_permutations: int = 200,
) -> RelationChange | NoRelationChange:
    """Compare the correlations between inputs of a current window with those of reference months.

    Per window each column becomes normal scores of its ranks among the rows that have it, so that a shift of an
    input alone changes nothing. Where ties change (flags, categories), the reference correlation is first brought to
    the current distributions, as if a normal variable lay behind each input. Only rows that have both inputs count
    for a pair. A relation that goes up and down again (an arch) has no correlation and is not seen.

    Parameters
    ----------
    reference : sequence of array_like, each of shape (n_rows, n_inputs)
        One entry a month. Months are pooled after each has been ranked on its own. Months below :data:`MIN_ROWS`
        rows are pooled, but not compared with the others.
    current : array_like, shape (n_rows, n_inputs)
        The window in question. Values of any unit whose order means something (give a category its mean score on
        the reference); nan is missing, infinities are the lowest and highest values.
    names : sequence of str
        The inputs, two or more, in the order of the columns. The score may be one of them.
    seed : int
        The same seed gives the same p-values.
    weights : array_like, shape (n_inputs,), optional
        0 or more: how much the model uses each input.
    n_permutations : int
        Random splits, :data:`MIN_PERMUTATIONS` or more.

    Returns
    -------
    RelationChange or NoRelationChange
        Inputs that hardly vary (:data:`MIN_VARYING`) and pairs seldom seen together (:data:`MIN_ROWS`), in the
        pooled reference or the current window, are left out. Rows are taken for independent: where they are not,
        p-values are too small, and the usual change between months is the yardstick to trust. Random splits are not
        ranked anew: simulated, the noise of a pair was within a fifth of theirs, bent relations included.

    Raises
    ------
    DataError
        When a window is no table with one column a name, or names are fewer than two or not distinct.
    ParameterError
        When weights are not one number of 0 or more an input, or there are too few permutations.

    References
    ----------
    Normal scores: van der Waerden (1952), "Order tests for the two-sample problem and their power". The z: Fisher
    (1921), "On the probable error of a coefficient of correlation". Splits at random: Phipson and Smyth (2010), doi
    10.2202/1544-6115.1585. Ties: Olsson, Drasgow and Dorans (1982), doi 10.1007/BF02294164.

    Examples
    --------
    >>> generator = np.random.default_rng(1)
    >>> age, miles, noise = generator.normal(size=(3, 2_000))
    >>> together, apart = np.column_stack([age, age + noise]), np.column_stack([age, miles])
    >>> found = relation_change([together[:1_000]], together[1_000:], names=["age", "miles"], seed=1)
    >>> found.is_changed()
    False
    >>> found = relation_change([together[:1_000]], apart[1_000:], names=["age", "miles"], seed=1)
    >>> found.is_changed(), round(found.pairs[0].before, 1), round(abs(found.pairs[0].after), 1)
    (True, 0.7, 0.0)
    """
    months, now = [_table(window, names) for window in reference], _table(current, names)
    input_weights = _checked_weights(weights, names)
    if n_permutations < MIN_PERMUTATIONS:
        raise ParameterError(
            f"n_permutations is {n_permutations}. Give {MIN_PERMUTATIONS} or more; 200 are usual."
        )
    n_reference, n_current = sum(len(month) for month in months), len(now)
    not_compared = functools.partial(NoRelationChange, n_reference=n_reference, n_current=n_current)
    for n_rows, window in ((n_reference, "reference"), (n_current, "current window")):
        if n_rows < MIN_ROWS:
            return not_compared(
                reason=f"relations need at least {MIN_ROWS} rows, and the {window} has {n_rows}"
            )
    ranked, ranked_now = [_ranked(month) for month in months if len(month)], _ranked(now)
    comparison = _Comparison.of(names, ranked, ranked_now)
    if not comparison.first.size:
        return not_compared(
            reason=f"no two inputs vary and are seen together in at least {MIN_ROWS} rows of both windows"
        )
    by_chance = _by_chance([*ranked, ranked_now], comparison, seed=seed, n_permutations=n_permutations)
    return _told(comparison, by_chance, _by_month(ranked, comparison), input_weights)


# --- what was given -----------------------------------------------------------------


def _table(window: npt.ArrayLike, names: Sequence[str]) -> Floats:
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(f"Inputs are {list(names)}. Give two or more distinct names, one a column.")
    rows = np.asarray(window, np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(names):
        raise DataError(
            f"A window has shape {rows.shape}, and there are {len(names)} names. Give rows by inputs, one column a "
            "name."
        )
    return rows


def _checked_weights(weights: npt.ArrayLike | None, names: Sequence[str]) -> Floats | None:
    if weights is None:
        return None
    given = np.asarray(weights, np.float64)
    if given.shape != (len(names),) or not (np.isfinite(given) & (given >= 0)).all():
        raise ParameterError(
            f"Weights are {given.tolist()} for {len(names)} inputs. Give one number of 0 or more for each input."
        )
    return given


# --- one window ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Relations:
    """The relations within one window, or several that were ranked each on their own.

    ``sums`` is what :func:`_sums` gives; ``curves[:, i, j]`` is the correlation of the normal scores that each of
    :data:`LATENT` would show.
    """

    sums: Floats
    curves: Floats
    n_varying: Integers
    n_rows: int

    @classmethod
    def pooled(cls, relations: Sequence[_Relations]) -> _Relations:
        sums = np.sum([each.sums for each in relations], axis=0)
        # A month that lacks an input says nothing about its ties.
        curves = np.sum([each.n_together * each.curves for each in relations], axis=0)
        return cls(
            sums=sums,
            curves=curves / np.maximum(sums[0], 1.0),
            n_varying=np.sum([each.n_varying for each in relations], axis=0),
            n_rows=sum(each.n_rows for each in relations),
        )

    @property
    def n_together(self) -> Floats:
        """Rows that have both inputs, for each pair."""
        return np.asarray(self.sums[0], np.float64)

    def is_comparable(self) -> Booleans:
        varies = self.n_varying >= MIN_VARYING
        enough = (self.n_together >= MIN_ROWS) & np.isfinite(_correlations(self.sums))
        return np.asarray(enough & varies & varies[:, None], np.bool_)


def _sums(scores: AnyFloats, seen: Booleans) -> Floats:
    """Return what correlations are made of, (4, n_inputs, n_inputs), each over the rows that have both inputs.

    They are rows, the sum of the first input, of its squares, and of the products.
    """
    sums = np.empty((4, scores.shape[1], scores.shape[1]))
    sums[3] = scores.T @ scores
    if seen.all():
        sums[0] = len(scores)
        sums[1] = scores.sum(axis=0, dtype=np.float64)[:, None]
        sums[2] = np.diagonal(sums[3])[:, None]
    else:
        has = seen.astype(np.float32)
        sums[0], sums[1], sums[2] = has.T @ has, scores.T @ has, (scores * scores).T @ has
    return sums


def _correlations(sums: Floats) -> Floats:
    """Return them, nan where an input does not vary."""
    mean, square, product = sums[1:] / np.maximum(sums[0], 1.0)
    variance = square - mean * mean
    # Below this a variance is the rounding error of float32 sums.
    varies = (variance > 1e-5) & (variance.T > 1e-5)
    scale = np.sqrt(np.where(varies, variance * variance.T, 1.0))
    return np.where(varies, (product - mean * mean.T) / scale, np.nan)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Ranked:
    """The normal scores of one window (0 where missing), which were seen, and its relations."""

    scores: Floats
    seen: Booleans
    relations: _Relations


def _ranked(rows: Floats) -> _Ranked:
    scores = np.zeros(rows.shape)
    stairs = np.zeros((rows.shape[1], N_STEPS))
    n_varying = np.zeros(rows.shape[1], np.int64)
    seen = ~np.isnan(rows)
    for column, is_seen in enumerate(seen.T):
        values = rows[is_seen, column]
        if not values.size:
            continue
        of_rows, ordered, n_varying[column] = _normal_scores(values)
        scores[is_seen, column] = of_rows
        stairs[column] = ordered[(np.arange(N_STEPS) * values.size + values.size // 2) // N_STEPS]
    relations = _Relations(
        sums=_sums(scores, seen), curves=_curves(stairs), n_varying=n_varying, n_rows=len(rows)
    )
    return _Ranked(scores=scores, seen=seen, relations=relations)


def _normal_scores(values: Floats) -> tuple[Floats, Floats, int]:
    """Return the scores of the values and of the sorted values, and how many are not the most common one.

    They have mean 0 and variance 1, so that months with other ties pool without a relation of their own.
    """
    from scipy import special

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    n_tied = np.diff(np.r_[starts, values.size])
    of_ties = special.ndtri((starts + n_tied / 2) / values.size)
    centred = of_ties - np.average(of_ties, weights=n_tied)
    spread = math.sqrt(np.average(centred**2, weights=n_tied))
    in_order = np.repeat(centred / spread if starts.size > 1 else centred, n_tied)
    of_rows = np.empty(values.size)
    of_rows[order] = in_order
    return of_rows, in_order, int(values.size - n_tied.max())


@functools.cache
def _hermite_steps() -> Floats:
    """Return what a step of 1 at each border of :data:`N_STEPS` adds to each Hermite coefficient."""
    from scipy import special

    border = special.ndtri(np.arange(1, N_STEPS) / N_STEPS)
    density = np.exp(-(border**2) / 2) / math.sqrt(2 * math.pi)
    polynomials = [np.ones_like(border), border]
    for k in range(1, N_POWERS - 1):
        following = border * polynomials[k] - math.sqrt(k) * polynomials[k - 1]
        polynomials.append(following / math.sqrt(k + 1))
    power = np.arange(1, N_POWERS + 1)
    return np.asarray(density[:, None] * np.stack(polynomials, axis=1) / np.sqrt(power), np.float64)


def _curves(stairs: Floats) -> Floats:
    """Return the correlation that two columns show when normal variables of each :data:`LATENT` lie behind them.

    Mehler's series: normal variables that correlate by r, seen through functions with Hermite coefficients a and b,
    have the covariance sum of a_k b_k r**k. It converges too slowly at 1 and -1, where it is known without it.
    """
    centred = stairs - stairs.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    standard = centred / np.where(spread > 0, spread, 1.0)
    coefficients = np.diff(standard, axis=1) @ _hermite_steps()
    powers = LATENT[1:-1, None] ** np.arange(1, N_POWERS + 1)
    between = (coefficients * powers[:, None, :]) @ coefficients.T
    lowest, highest = standard @ standard[:, ::-1].T / N_STEPS, standard @ standard.T / N_STEPS
    return np.maximum.accumulate(np.concatenate([lowest[None], between, highest[None]]), axis=0)


# --- two windows --------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """Two windows' correlations of the compared pairs, each of shape (n_pairs,); nan where not comparable.

    ``noise`` is the variance of the difference of two means, in variances of a row.
    """

    before: Floats
    expected: Floats
    after: Floats
    z_change: Floats
    noise: float

    @property
    def change(self) -> Floats:
        return self.after - self.expected


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Comparison:
    """The pairs to compare (columns ``first`` and ``second``) and the windows' relations."""

    names: Sequence[str]
    reference: _Relations
    current: _Relations
    first: Integers
    second: Integers

    @classmethod
    def of(cls, names: Sequence[str], ranked: list[_Ranked], ranked_now: _Ranked) -> _Comparison:
        reference, current = _Relations.pooled([month.relations for month in ranked]), ranked_now.relations
        first, second = np.nonzero(np.triu(reference.is_comparable() & current.is_comparable(), 1))
        return cls(names=names, reference=reference, current=current, first=first, second=second)

    def seen(self, reference: _Relations, current: _Relations) -> _Seen:
        """Compare two windows; ``z_change`` is shrunk where it is less certain than between splits."""
        comparable = reference.is_comparable() & current.is_comparable()
        before, after = (
            np.where(comparable, _correlations(side.sums), np.nan)[self.first, self.second]
            for side in (reference, current)
        )
        expected, slope = self._expected(before, reference.curves, current.curves)
        z_change = (_fisher_z(after) - _fisher_z(expected)) / self._uncertainty(reference, current, slope)
        return _Seen(
            before=before,
            expected=expected,
            after=after,
            z_change=z_change,
            noise=1 / reference.n_rows + 1 / current.n_rows,
        )

    def _uncertainty(self, reference: _Relations, current: _Relations, slope: Floats) -> Floats:
        """Return each pair's noise as a multiple of that of rows split at random.

        Splits share missing values out evenly; the windows themselves may not, and ties can stretch the reference.
        """
        n_before, n_now = (
            np.maximum(side.n_together[self.first, self.second], 1.0) for side in (reference, current)
        )
        n_rows = reference.n_rows + current.n_rows
        of_splits = (1 / reference.n_rows + 1 / current.n_rows) * n_rows / (n_before + n_now)
        return np.asarray(np.sqrt((slope**2 / n_before + 1 / n_now) / of_splits), np.float64)

    def _expected(self, before: Floats, curves: Floats, curves_now: Floats) -> tuple[Floats, Floats]:
        """Return the reference correlations at the current distributions, and how much z is stretched (1 or more)."""
        expected, slope = before.copy(), np.ones_like(before)
        was, now = (each[:, self.first, self.second] for each in (curves, curves_now))
        # Columns without ties differ by less, and stay what they are.
        moved = (np.abs(was - now).max(axis=0) > 0.002) & np.isfinite(before)
        for pair in np.flatnonzero(moved):
            around = before[pair] + np.array([-0.02, 0.0, 0.02])
            below, expected[pair], above = np.interp(around, was[:, pair], now[:, pair])
            slope[pair] = (above - below) / 0.04
        room, room_now = (1 - np.minimum(each**2, LIMIT_CORRELATION**2) for each in (before, expected))
        return expected, np.maximum(1.0, slope * room / room_now)


def _fisher_z(correlations: Floats) -> Floats:
    return np.arctanh(np.clip(correlations, -LIMIT_CORRELATION, LIMIT_CORRELATION))


def _by_chance(ranked: list[_Ranked], comparison: _Comparison, *, seed: int, n_permutations: int) -> Floats:
    """Return the change of z of every pair when all rows are split at random, (n_permutations, n_pairs)."""
    # float32 takes half the time; what was found itself is computed in float64.
    scores = np.concatenate([window.scores for window in ranked]).astype(np.float32)
    seen = np.concatenate([window.seen for window in ranked])
    total = comparison.reference.sums + comparison.current.sums
    # The other side follows by subtraction, so only the smaller one is drawn; signs do not matter.
    n_drawn = min(comparison.reference.n_rows, comparison.current.n_rows)
    generator = np.random.default_rng(seed)
    changes = np.empty((n_permutations, comparison.first.size))
    for split in range(n_permutations):
        rows = generator.choice(len(scores), n_drawn, replace=False, shuffle=False)
        drawn = _sums(scores[rows], seen[rows])
        z_change = _fisher_z(_correlations(drawn)) - _fisher_z(_correlations(total - drawn))
        changes[split] = np.nan_to_num(z_change[comparison.first, comparison.second])
    return changes


def _by_month(ranked: list[_Ranked], comparison: _Comparison) -> list[_Seen]:
    """Return each reference month against the others; nothing when fewer than two can be compared."""
    relations = [month.relations for month in ranked]
    months = [
        # Never against a reference that contains it: that would hide part of the change.
        comparison.seen(_Relations.pooled(relations[:place] + relations[place + 1 :]), month)
        for place, month in enumerate(relations)
        if min(month.n_rows, comparison.reference.n_rows - month.n_rows) >= MIN_ROWS
    ]
    return months if len(months) > 1 else []


# --- what to tell -------------------------------------------------------------------


def _told(
    comparison: _Comparison, by_chance: Floats, months: list[_Seen], input_weights: Floats | None
) -> RelationChange:
    seen = comparison.seen(comparison.reference, comparison.current)
    share = even = np.full(comparison.first.size, 1 / comparison.first.size)
    if input_weights is not None:
        weight = input_weights[comparison.first] * input_weights[comparison.second]
        share = weight / (weight.sum() or 1.0)
    has_weights = input_weights is not None and share.any()
    return RelationChange(
        overall=_overall(seen, by_chance, months, even),
        weighted=_overall(seen, by_chance, months, share) if has_weights else None,
        pairs=_pair_changes(comparison, seen, by_chance, months, share),
        n_reference=comparison.reference.n_rows,
        n_current=comparison.current.n_rows,
    )


def _pair_changes(
    comparison: _Comparison, seen: _Seen, by_chance: Floats, months: list[_Seen], share: Floats
) -> tuple[PairChange, ...]:
    p_values = _pair_p_values(seen.z_change, by_chance)
    adjusted = benjamini_hochberg(p_values)
    usual = _usual_by_pair(months, p_values.size)
    return tuple(
        PairChange(
            first=comparison.names[comparison.first[pair]],
            second=comparison.names[comparison.second[pair]],
            before=float(seen.before[pair]),
            expected=float(seen.expected[pair]),
            after=float(seen.after[pair]),
            p_value=float(p_values[pair]),
            adjusted_p_value=float(adjusted[pair]),
            usual=usual[pair],
            weight_share=float(share[pair]),
        )
        for pair in np.argsort(-np.abs(seen.change), kind="stable")
    )


def _spread(by_chance: Floats) -> Floats:
    """Return the standard deviation of each pair's change of z by chance; it is 0 on average."""
    return np.asarray(np.maximum(np.sqrt(np.mean(by_chance**2, axis=0)), 1e-6), np.float64)


def _pair_p_values(z_change: Floats, by_chance: Floats) -> Floats:
    from scipy import special

    n_splits = len(by_chance)
    p_normal = 2 * special.stdtr(n_splits, -np.abs(z_change) / _spread(by_chance))
    # Rare flags are less normal than that: where splits themselves went as far, their share is the p-value.
    n_as_far = np.count_nonzero(np.abs(by_chance) >= np.abs(z_change), axis=0)
    at_least = np.where(n_as_far > 0, (n_as_far + 1) / (n_splits + 1), 0.0)
    return np.asarray(np.maximum(p_normal, at_least), np.float64)


def _usual_by_pair(months: list[_Seen], n_pairs: int) -> list[float | None]:
    if not months:
        return [None] * n_pairs
    changes = np.abs([month.change for month in months])
    largest = np.max(np.where(np.isnan(changes), 0.0, changes), axis=0)
    enough = np.count_nonzero(~np.isnan(changes), axis=0) > 1
    return [float(value) if known else None for value, known in zip(largest, enough, strict=True)]


def _overall(seen: _Seen, by_chance: Floats, months: list[_Seen], share: Floats) -> OverallChange:
    changes = np.vstack([seen.z_change, by_chance])
    statistic = np.sqrt(changes**2 @ share)
    # A change of one pair drowns in the mean of many, so the largest counts too; weights mean the same for both.
    largest = (np.abs(changes) / _spread(by_chance) * np.sqrt(share)).max(axis=1)
    sampling = math.sqrt(float(np.mean(statistic[1:] ** 2)))
    return OverallChange(
        statistic=float(statistic[0]),
        sampling=sampling,
        p_value=_smaller_of_both(statistic, largest),
        usual=tuple(
            _usual(month, share, sampling, noise_ratio=month.noise / seen.noise)
            for month in months
            if share[~np.isnan(month.z_change)].sum() > 0
        ),
    )


def _smaller_of_both(statistic: Floats, largest: Floats) -> float:
    """Return the p-value of the first entry by whichever of two statistics is more extreme.

    The smaller of two p-values is compared with that of every split, which makes up for having two.
    """
    n_as_far = [len(each) - np.searchsorted(np.sort(each), each) for each in (statistic, largest)]
    smaller = np.minimum(*n_as_far)
    return float(np.mean(smaller <= smaller[0]))


def _usual(month: _Seen, share: Floats, sampling: float, *, noise_ratio: float) -> float:
    """Return a month's statistic with the sampling noise of its own rows replaced by that of the windows compared."""
    known = ~np.isnan(month.z_change)
    squared = float(np.average(month.z_change[known] ** 2, weights=share[known]))
    return math.sqrt(max(0.0, squared - sampling**2 * noise_ratio) + sampling**2)
