"""How much of a change in the mean score, and in the share of alerts, the shift of each input explains.

The model itself is not asked. :func:`fit_score_effects` learns from logged rows what each bin of each input adds
to the score and to the decision, other inputs held equal; :meth:`ScoreEffects.decompose` multiplies that by what
each bin's share of the rows changed between two windows. What inputs taken one at a time do not explain is kept
as a part of its own: interactions, inputs that go together in another way than before, another model.

Three things the numbers cannot tell. Inputs that always move together (two columns of one source, missing on the
same rows) share their effect. Where a bin is wide, what a used input does inside of it goes in part to inputs
correlated with it, used or not, and standard errors do not know: with 16 bins an unused input that shifts along gets
2 to 3 % of the used one's effect at a correlation of 0.8 and 7 % at 0.95, with 10 bins 4 % and 11 %. And what the
model does with values it was never shown in the reference is not known: those bins count as average, and
:meth:`ScoreEffects.sparse_share` says how many rows they hold.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError

Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]

TARGETS = ("score", "decision")
"""What the last axis of every array of effects holds: score points, and the share of cases decided 1."""
PENALTIES = (1.0, 3.0, 10.0, 30.0)
"""Penalties to choose from, in rows: a bin with that many rows is taken half way to its input's mean effect."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class InputEffects:
    """What the shifts of single inputs did to the mean score and to the share of alerts.

    Attributes
    ----------
    values : ndarray, shape (..., n_inputs, 2)
        Score points, and shares of cases (times 1,000: decisions per 1,000 cases).
    standard_errors : ndarray, shape (..., n_inputs, 2)
        How sure the effects are, seen from the rows they were learned on: what those rows leave open, and what
        the penalty may have taken away. The counts of the two windows are taken as they are.
    """

    values: Floats
    standard_errors: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Decomposition:
    """A change of the mean score and of the share of alerts in parts that add up to it.

    Attributes
    ----------
    mean_change : ndarray, shape (..., 2)
        Current less reference: score points, and share of cases.
    effects : InputEffects
        The parts of the inputs.
    unexplained : ndarray, shape (..., 2)
        What inputs taken one at a time do not explain.
    """

    mean_change: Floats
    effects: InputEffects
    unexplained: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoreEffects:
    """What each bin of each input adds to the score and to the decision, as learned from reference rows.

    Bins of all inputs stand one after the other (``total_bins`` in all); the two targets stand on the last axis.

    Parameters
    ----------
    n_bins : tuple of int
        Bins of each input.
    coefficients : array_like, shape (total_bins, 2)
        Effect of each bin, in score points and share of cases; 0 on average over the reference rows of an input.
    rows_by_bin : array_like, shape (total_bins,)
        Reference rows of each bin. A bin without rows has the effect 0.
    covariances : array_like, shape (sum of n_bins squared, 2)
        Of the coefficients within each input, input after input, row by row.
    input_spread : array_like, shape (n_inputs, 2)
        Standard deviation of an input's effect over the reference rows, less what chance adds to it.
    fidelity : tuple of (float or None)
        Share of each target's variance (R squared) that the effects explain in rows left out one at a time, at
        most 1, negative when they are worse than the mean. None: see :attr:`why_no_fidelity`.
    n_rows : int
        Reference rows.
    penalty_rows : float
        The penalty used, in rows.

    Raises
    ------
    ParameterError
        When shapes do not fit each other.
    """

    n_bins: tuple[int, ...]
    coefficients: Floats
    rows_by_bin: Floats
    covariances: Floats
    input_spread: Floats
    fidelity: tuple[float | None, ...]
    n_rows: int
    penalty_rows: float

    def __post_init__(self) -> None:
        total_bins, n_targets = sum(self.n_bins), len(TARGETS)
        expected = {
            "coefficients": (total_bins, n_targets),
            "rows_by_bin": (total_bins,),
            "covariances": (sum(n * n for n in self.n_bins), n_targets),
            "input_spread": (len(self.n_bins), n_targets),
        }
        for name, shape in expected.items():
            array = np.asarray(getattr(self, name), np.float64)
            if array.shape != shape:
                raise ParameterError(
                    f"{name} of score effects has shape {array.shape}, and bins {self.n_bins} need {shape}. "
                    "Fit the effects on the reference again."
                )
            object.__setattr__(self, name, array)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ScoreEffects:
        """Take effects that :meth:`to_json` wrote.

        Raises
        ------
        ParameterError
            When a field is missing or unknown, or shapes do not fit.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if set(fields) != known:
            raise ParameterError(
                f"Score effects were stored with the fields {sorted(fields)}. Needed are {sorted(known)}; "
                "fit the effects on the reference again."
            )
        tuples = {"n_bins": tuple(fields["n_bins"]), "fidelity": tuple(fields["fidelity"])}
        return cls(**{**fields, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return the effects as JSON fields; :meth:`from_json` gives back the same numbers."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: value.tolist() for name, value in fields.items() if isinstance(value, np.ndarray)}
        return {**fields, **plain, "n_bins": list(self.n_bins), "fidelity": list(self.fidelity)}

    @property
    def offsets(self) -> Places:
        """Place of each input's first bin, and at the end ``total_bins``."""
        return _offsets(self.n_bins)

    @property
    def input_weights(self) -> Floats:
        """Weight of each input in the model: its share of the spread of all inputs' effects.

        Shape (n_inputs, 2). Each target's weights add up to 1, or are all 0 when no input matters. An input
        that the model ignores has about 0: chance is taken off, and leaves up to 0.02 or so with some 10,000 rows.

        Examples
        --------
        >>> codes = [[0, 0], [0, 1], [1, 0], [1, 1]] * 50
        >>> targets = [[0.1, 0], [0.1, 0], [0.6, 1], [0.6, 1]] * 50
        >>> fit_score_effects(codes, [2, 2], targets=targets).input_weights[:, 0].round(3).tolist()
        [1.0, 0.0]
        """
        total = self.input_spread.sum(axis=0)
        return np.asarray(self.input_spread / np.where(total > 0, total, 1.0), np.float64)

    @property
    def why_no_fidelity(self) -> tuple[str, ...]:
        """For each target, why it has no fidelity, in words that can follow a colon; empty where it has one."""
        return tuple(
            f"the {name} is the same in all reference rows" if known is None else ""
            for name, known in zip(TARGETS, self.fidelity, strict=True)
        )

    def effects(self, reference_counts: npt.ArrayLike, current_counts: npt.ArrayLike) -> InputEffects:
        """Return what the shift of each input did between two windows.

        The effect of an input is the sum over its bins of (current share less reference share) times the bin's
        coefficient.

        Parameters
        ----------
        reference_counts, current_counts : array_like, shape (total_bins,) or (n_windows, total_bins)
            Rows per bin, 0 or more, input after input as :attr:`offsets` says. One window may be compared with many.

        Raises
        ------
        DataError
            When shapes do not fit, a count is negative or not finite, a window has no rows, or the inputs of a
            window do not all count the same number of rows.

        Examples
        --------
        >>> learned = fit_score_effects([[0], [1]] * 500, [2], targets=[[0.2, 0], [0.4, 1]] * 500)
        >>> found = learned.effects([500, 500], [[500, 500], [250, 750]])
        >>> found.values[:, 0, 0].round(3).tolist()
        [0.0, 0.05]
        """
        shares = (
            self._shares(reference_counts, "reference"),
            self._shares(current_counts, "current"),
        )
        try:
            moved = np.subtract(*shares[::-1])
        except ValueError:
            raise DataError(
                f"{len(shares[0])} reference windows cannot be compared with {len(shares[1])} current ones. "
                "Give one of either, or as many of both."
            ) from None
        starts = self.offsets[:-1]
        values = np.add.reduceat(moved[..., None] * self.coefficients, starts, axis=-2)
        variances = [
            np.einsum("...a,abt,...b->...t", moved[..., place], block, moved[..., place], optimize=True)
            for place, block in zip(_slices(self.n_bins), self._blocks(), strict=True)
        ]
        errors = np.sqrt(np.maximum(np.stack(variances, axis=-2), 0.0))
        return InputEffects(values=values, standard_errors=errors)

    def decompose(
        self, reference_counts: npt.ArrayLike, current_counts: npt.ArrayLike, *, mean_change: npt.ArrayLike
    ) -> Decomposition:
        """Split a change of the mean score and of the share of alerts into what each input did, and the rest.

        Parameters
        ----------
        reference_counts, current_counts : array_like, shape (total_bins,) or (n_windows, total_bins)
            As in :meth:`effects`.
        mean_change : array_like, shape (2,) or (n_windows, 2)
            Mean score of the current window less that of the reference, and the same for the share of cases
            decided 1.

        Returns
        -------
        Decomposition
            Its effects and ``unexplained`` add up to ``mean_change``.

        Raises
        ------
        DataError
            As in :meth:`effects`, and when ``mean_change`` has another shape or is not finite.

        Examples
        --------
        >>> learned = fit_score_effects([[0], [1]] * 500, [2], targets=[[0.2, 0], [0.4, 1]] * 500)
        >>> parts = learned.decompose([500, 500], [250, 750], mean_change=[0.08, 0.25])
        >>> parts.effects.values[0].round(2).tolist(), parts.unexplained.round(2).tolist()
        ([0.05, 0.25], [0.03, 0.0])
        """
        effects = self.effects(reference_counts, current_counts)
        change, explained = np.asarray(mean_change, np.float64), effects.values.sum(axis=-2)
        if change.shape != explained.shape or not np.isfinite(change).all():
            raise DataError(
                f"mean_change has shape {change.shape} or is not finite. Give finite numbers of shape "
                f"{explained.shape}: the change of the mean score and that of the share decided 1."
            )
        return Decomposition(mean_change=change, effects=effects, unexplained=change - explained)

    def sparse_share(self, counts: npt.ArrayLike, *, min_rows: int = 30) -> Floats:
        """Return the share of a window's rows in bins of which too little is known, for each input.

        Parameters
        ----------
        counts : array_like, shape (total_bins,) or (n_windows, total_bins)
            Rows per bin of one window, or of several.
        min_rows : int
            A bin with fewer reference rows is one of which too little is known.

        Returns
        -------
        ndarray, shape (n_inputs,) or (n_windows, n_inputs)
            0 to 1.

        Raises
        ------
        DataError
            As in :meth:`effects`.

        Examples
        --------
        >>> learned = fit_score_effects([[0], [1]] * 500, [3], targets=[[0.2, 0], [0.4, 1]] * 500)
        >>> learned.sparse_share([100, 60, 40]).tolist()
        [0.2]
        """
        sparse = self._shares(counts, "given") * (self.rows_by_bin < min_rows)
        return np.asarray(np.add.reduceat(sparse, self.offsets[:-1], axis=-1), np.float64)

    def _blocks(self) -> Iterator[Floats]:
        """Yield each input's covariances, of shape (bins, bins, 2)."""
        ends = np.cumsum([n * n for n in self.n_bins])
        for n, end in zip(self.n_bins, ends, strict=True):
            yield self.covariances[end - n * n : end].reshape(n, n, len(TARGETS))

    def _shares(self, counts: npt.ArrayLike, window: str) -> Floats:
        """Return shares of rows by bin, which add up to 1 in each input."""
        rows = np.asarray(counts, np.float64)
        if rows.ndim not in (1, 2) or rows.shape[-1] != sum(self.n_bins):
            raise DataError(
                f"Counts of the {window} window have shape {rows.shape}. Give {sum(self.n_bins)} bins on the last "
                "axis, input after input, of one window or of several."
            )
        if not (np.isfinite(rows) & (rows >= 0)).all():
            raise DataError(
                f"A count of the {window} window is negative or not finite. Give numbers of rows."
            )
        n_rows = np.add.reduceat(rows, self.offsets[:-1], axis=-1)
        if (n_rows == 0).any():
            raise DataError(f"The {window} window has no rows. Leave windows without rows out.")
        if not np.allclose(n_rows, n_rows[..., :1], rtol=1e-9, atol=0):
            raise DataError(
                f"Inputs of the {window} window count {n_rows.min():g} to {n_rows.max():g} rows. Every row falls in "
                "one bin of each input, so all must count the same; are the bins in the order of the fit?"
            )
        return np.asarray(rows / np.repeat(n_rows, self.n_bins, axis=-1), np.float64)


def fit_score_effects(
    codes: npt.ArrayLike,
    n_bins: Sequence[int],
    *,
    targets: npt.ArrayLike,
    penalty_rows: float | None = None,
) -> ScoreEffects:
    """Learn what each bin of each input adds to the score and to the decision.

    Score and decision are regressed on indicators of all bins of all inputs. A penalty on squared distances from
    the input's mean effect over the rows takes a bin's effect towards that mean, by the share
    penalty / (rows + penalty) when inputs are independent: rare bins move far, empty ones all the way. The penalty
    is the one of :data:`PENALTIES` with the least generalised cross-validation error, that of both targets added
    up in units of their variances. They end at 30 rows, because what the penalty takes from a large bin would be
    missing in its effect. Standard errors do not ask for equal variances (the HC3 form of the sandwich); what the
    penalty may have taken is added, an effect in an input having that input's spread.

    Parameters
    ----------
    codes : array_like of int, shape (n_rows, n_inputs)
        Bin of each input, 0 to ``n_bins - 1``; missing and other values have ordinary bins. Rows of one model
        version, drawn from the reference: 10,000 or more are good, 40,000 take a quarter of a second.
    n_bins : sequence of int
        Bins of each input, 1 or more.
    targets : array_like, shape (n_rows, 2)
        Score and decision (0 or 1), no missing values.
    penalty_rows : float, optional
        A penalty in rows, above 0, instead of the chosen one.

    Raises
    ------
    DataError
        When shapes do not fit, a code has no bin, a target is missing, or there are fewer than 2 rows.
    ParameterError
        When there is no input, an input has no bin, or the penalty is not above 0.

    References
    ----------
    Golub, Heath and Wahba (1979), doi 10.1080/00401706.1979.10489751 (generalised cross-validation).
    MacKinnon and White (1985), doi 10.1016/0304-4076(85)90158-7 (HC3).
    Nychka (1988), doi 10.1080/01621459.1988.10478711 (intervals that allow for what smoothing takes away).

    Examples
    --------
    >>> learned = fit_score_effects([[0], [1]] * 500, [2], targets=[[0.2, 0], [0.4, 1]] * 500)
    >>> learned.coefficients[:, 0].round(3).tolist(), learned.penalty_rows
    ([-0.1, 0.1], 1.0)
    """
    bins = tuple(int(n) for n in n_bins)
    design = _Design(codes=_checked_codes(codes, bins), n_bins=bins)
    values = _checked_targets(targets, design.n_rows)
    if penalty_rows is not None and not 0 < penalty_rows < np.inf:
        raise ParameterError(f"penalty_rows is {penalty_rows:g}. Give a finite number of rows above 0.")
    penalties = PENALTIES if penalty_rows is None else (float(penalty_rows),)
    moments = _moments(design, values)
    ridge = min((_ridge(moments, penalty) for penalty in penalties), key=lambda fit: fit.error)
    left_out = _left_out_errors(design, ridge, values)
    sampling = _sampling_covariances(design, ridge, moments.shares, left_out**2)
    spread = _spread(ridge.coefficients, sampling, moments.shares, bins)
    shrinking = _shrinking_covariances(ridge, moments.roughness, spread**2, bins)
    covariances = [(a + b).reshape(-1, len(TARGETS)) for a, b in zip(sampling, shrinking, strict=True)]
    return ScoreEffects(
        n_bins=bins,
        coefficients=ridge.coefficients,
        rows_by_bin=np.rint(moments.shares * design.n_rows),
        covariances=np.concatenate(covariances),
        input_spread=spread,
        fidelity=_fidelity(left_out, values),
        n_rows=design.n_rows,
        penalty_rows=ridge.penalty,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Design:
    """Bin indicators of all inputs, never written out: codes have shape (n_inputs, n_rows)."""

    codes: Places
    n_bins: tuple[int, ...]

    @property
    def n_rows(self) -> int:
        return int(self.codes.shape[1])

    def sums(self, weights: Floats) -> Floats:
        """Add up weights by bin."""
        pairs = zip(self.codes, self.n_bins, strict=True)
        return np.concatenate([np.bincount(code, weights, minlength=n) for code, n in pairs])

    def pair_sums(self, weights: Floats | None = None) -> Floats:
        """Add up weights (rows, without any) by pairs of bins: what indicators times indicators give."""
        # Counting pairs of inputs is several times faster than products of indicators, and holds one pair at a time.
        total = sum(self.n_bins)
        sums = np.empty((total, total))
        for first, second, cells, shape in self._pairs():
            block = np.bincount(cells, weights, minlength=shape[0] * shape[1]).reshape(shape)
            sums[first, second], sums[second, first] = block, block.T
        return sums

    def quadratic(self, matrix: Floats) -> Floats:
        """Return each row's indicators times a symmetric matrix times the indicators."""
        found = np.zeros(self.n_rows)
        for first, second, cells, _ in self._pairs():
            once = matrix[first, second].ravel()[cells]
            found += once if first == second else 2 * once
        return found

    def fitted(self, coefficients: Floats) -> Floats:
        """Add up the coefficients of each row's bins."""
        starts = _offsets(self.n_bins)
        found = np.zeros((self.n_rows, coefficients.shape[1]))
        for code, start in zip(self.codes, starts[:-1], strict=True):
            found += coefficients[start + code]
        return found

    def _pairs(self) -> Iterator[tuple[slice, slice, Places, tuple[int, int]]]:
        """Yield pairs of inputs: their places, the cell of each row, and how many cells there are."""
        places = list(_slices(self.n_bins))
        for i, first in enumerate(places):
            for j, second in enumerate(places[: i + 1]):
                cells = self.codes[i] * self.n_bins[j] + self.codes[j]
                yield first, second, cells, (self.n_bins[i], self.n_bins[j])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Moments:
    """All that the regression needs of the rows: products of centred indicators, and of those with the targets.

    A constant added to all bins of an input changes nothing, so ``gram`` also holds, input by input, what makes
    the coefficients 0 on average over the rows. ``roughness`` gives squared distances from that average.
    """

    n_rows: int
    shares: Floats
    gram: Floats
    roughness: Floats
    products: Floats
    sum_squares: Floats
    n_inputs: int


def _moments(design: _Design, targets: Floats) -> _Moments:
    n_rows, centred = design.n_rows, targets - targets.mean(axis=0)
    pairs = design.pair_sums()
    shares = np.diag(pairs) / n_rows
    by_chance = n_rows * np.outer(shares, shares)
    gram, roughness = pairs - by_chance, np.eye(len(shares))
    for place in _slices(design.n_bins):
        gram[place, place] += by_chance[place, place]
        own = shares[place]
        roughness[place, place] -= np.add.outer(own, own) - own.size * np.outer(own, own)
    return _Moments(
        n_rows=n_rows,
        shares=shares,
        gram=gram,
        roughness=roughness,
        products=np.stack([design.sums(column) for column in centred.T], axis=1),
        # Exactly 0 for a target that does not vary, whatever rounding left of it.
        sum_squares=np.where(np.ptp(targets, axis=0) > 0, (centred**2).sum(axis=0), 0.0),
        n_inputs=len(design.n_bins),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Ridge:
    """The regression at one penalty, and its generalised cross-validation error."""

    penalty: float
    inverse: Floats
    coefficients: Floats
    error: float


def _ridge(moments: _Moments, penalty: float) -> _Ridge:
    inverse = np.linalg.inv(moments.gram + penalty * moments.roughness)
    inverse = (inverse + inverse.T) / 2
    varies = moments.sum_squares > 0
    coefficients = np.where(varies, inverse @ moments.products, 0.0)
    explained = (coefficients * moments.products).sum(axis=0) + penalty * (coefficients**2).sum(axis=0)
    residual_share = 1 - explained[varies] / moments.sum_squares[varies]
    # One parameter for the mean; of each input's bins one is free of any meaning.
    n_parameters = 1 + len(inverse) - moments.n_inputs - penalty * float((inverse * moments.roughness).sum())
    error = float(residual_share.sum()) / (1 - n_parameters / moments.n_rows) ** 2
    return _Ridge(penalty=penalty, inverse=inverse, coefficients=coefficients, error=error)


def _left_out_errors(design: _Design, ridge: _Ridge, targets: Floats) -> Floats:
    """Return what the regression without a row gets wrong in that row, from the one regression with all rows."""
    n_rows, n_inputs = design.n_rows, len(design.n_bins)
    # With centred indicators it would be the quadratic form; the mean's own 1 / n_rows comes on top.
    leverage = design.quadratic(ridge.inverse) + (1 - n_inputs) / n_rows
    residuals = targets - targets.mean(axis=0) - design.fitted(ridge.coefficients)
    return np.asarray(residuals / (1 - leverage)[:, None], np.float64)


def _sampling_covariances(design: _Design, ridge: _Ridge, shares: Floats, squares: Floats) -> list[Floats]:
    """Return the covariances within each input, of shape (bins, bins, 2), that other rows would have brought."""
    by_target = []
    for weights in squares.T:
        cross = np.outer(design.sums(weights), shares)
        meat = design.pair_sums(weights) - cross - cross.T + weights.sum() * np.outer(shares, shares)
        half = ridge.inverse @ meat
        by_target.append([half[place] @ ridge.inverse[:, place] for place in _slices(design.n_bins)])
    return [np.stack(blocks, axis=-1) for blocks in zip(*by_target, strict=True)]


def _spread(
    coefficients: Floats, covariances: Sequence[Floats], shares: Floats, n_bins: tuple[int, ...]
) -> Floats:
    """Return the standard deviation of each input's effect over the rows, less what chance adds."""
    by_chance = np.concatenate([np.einsum("aat->at", block) for block in covariances])
    squares = shares[:, None] * (coefficients**2 - by_chance)
    variances = np.add.reduceat(squares, _offsets(n_bins)[:-1], axis=0)
    return np.asarray(np.sqrt(np.maximum(variances, 0.0)), np.float64)


def _shrinking_covariances(
    ridge: _Ridge, roughness: Floats, variances: Floats, n_bins: tuple[int, ...]
) -> list[Floats]:
    """Return what the penalty may have taken, were a bin's effect drawn with its input's variance."""
    taken = ridge.penalty * (ridge.inverse @ roughness)
    by_bin = np.repeat(variances, n_bins, axis=0)
    return [
        np.stack([(taken[place] * column) @ taken[place].T for column in by_bin.T], axis=-1)
        for place in _slices(n_bins)
    ]


def _fidelity(left_out: Floats, targets: Floats) -> tuple[float | None, ...]:
    # The mean, too, has to do without the row that it is compared with.
    of_mean = (targets - targets.mean(axis=0)) * len(targets) / (len(targets) - 1)
    return tuple(
        1 - float(errors @ errors) / float(spread @ spread) if np.ptp(target) > 0 else None
        for errors, spread, target in zip(left_out.T, of_mean.T, targets.T, strict=True)
    )


def _offsets(n_bins: Sequence[int]) -> Places:
    return np.concatenate([[0], np.cumsum(n_bins)]).astype(np.intp)


def _slices(n_bins: Sequence[int]) -> Iterator[slice]:
    return (slice(start, end) for start, end in itertools.pairwise(_offsets(n_bins).tolist()))


def _checked_codes(codes: npt.ArrayLike, n_bins: tuple[int, ...]) -> Places:
    """Return the codes, one row an input."""
    if not n_bins or min(n_bins) < 1:
        raise ParameterError(f"Inputs have {n_bins} bins. Give one input or more, each with 1 bin or more.")
    given = np.asarray(codes)
    if given.ndim != 2 or given.shape[1] != len(n_bins) or not np.issubdtype(given.dtype, np.integer):
        raise DataError(
            f"Codes have shape {given.shape} and type {given.dtype}. Give whole numbers of shape (rows, inputs), "
            f"here with {len(n_bins)} inputs."
        )
    if given.shape[0] < 2:
        raise DataError(
            f"There are {given.shape[0]} reference rows. Give 2 or more; 10,000 or more are good."
        )
    for place in np.flatnonzero((given.min(axis=0) < 0) | (given.max(axis=0) >= n_bins)).tolist():
        column = given[:, place]
        outside = column[(column < 0) | (column >= n_bins[place])]
        raise DataError(
            f"Input {place} has {outside.size:,} codes without a bin, the first is {outside[0]}. "
            f"Give 0 to {n_bins[place] - 1}; missing and other values have bins of their own."
        )
    return np.ascontiguousarray(given.T, dtype=np.intp)


def _checked_targets(targets: npt.ArrayLike, n_rows: int) -> Floats:
    given = np.asarray(targets, np.float64)
    if given.shape != (n_rows, len(TARGETS)):
        raise DataError(
            f"Targets have shape {given.shape}. Give {(n_rows, len(TARGETS))}: score and decision of each row."
        )
    n_missing = int((~np.isfinite(given)).any(axis=1).sum())
    if n_missing:
        raise DataError(
            f"{n_missing:,} of {n_rows:,} rows have no finite score or decision. Leave those rows out."
        )
    return given
