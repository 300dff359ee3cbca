"""Bins that are fixed once, so that what is counted in them adds up and compares over time.

:class:`Bins` cuts one feature the way its reference window looked. :class:`ScoreGrid` cuts scores the same
way for every model and month.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError

Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int64]

MISSING_LABEL = "(missing)"
OTHER_LABEL = "(other)"
LIMIT_LOGIT = 16
"""Scores whose log-odds lie further out (nearer than 1.1e-7 to 0 or 1) share the end bins."""
_LARGEST_COUNTED = 2.0**53  # beyond it, float64 steps over whole numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bins:
    """How the values of one feature are sorted into bins: every value falls in exactly one.

    Numbers fall in the bin whose lower edge is the last one at or below them (``value >= edge``): the first
    bin is open downwards, the last one upwards, so infinities have a bin too. Categories have a bin each,
    then comes one for every other category. The last bin of either kind is for missing values (``None``,
    NaN, NaT, NA).

    Parameters
    ----------
    kind : {"numbers", "categories"}
        What the feature holds.
    edges : tuple of float
        Inner edges, finite and strictly increasing; numbers only.
    whole : bool
        Whether the reference held whole numbers only; words the labels.
    categories : tuple of str
        Categories with a bin of their own; categories only.

    Raises
    ------
    ParameterError
        When the fields contradict each other.

    Examples
    --------
    >>> hours = Bins(kind="numbers", edges=(6.0, 12.0), whole=True)
    >>> hours.assign([5, 6, 23, None]).tolist()
    [0, 1, 2, 3]
    >>> hours.labels
    ('≤ 5', '6 to 11', '≥ 12', '(missing)')
    """

    kind: Literal["numbers", "categories"]
    edges: tuple[float, ...] = ()
    whole: bool = False
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("numbers", "categories"):
            raise ParameterError(f"Bins are of kind {self.kind!r}. Allowed are 'numbers' and 'categories'.")
        if self.kind == "numbers" and self.categories:
            raise ParameterError("Bins of numbers name categories. Give numbers their edges only.")
        if self.kind == "categories" and self.edges:
            raise ParameterError("Bins of categories have edges. Give categories their names only.")
        rises = all(a < b for a, b in itertools.pairwise(self.edges))
        if not rises or not all(map(math.isfinite, self.edges)):
            raise ParameterError(f"Bin edges are {self.edges}. Give finite numbers that rise strictly.")
        twice = [name for name, n in Counter(self.categories).items() if n > 1]
        if twice:
            raise ParameterError(f"Category {twice[0]!r} has two bins. Name each category once.")

    @classmethod
    def of_numbers(cls, reference: npt.ArrayLike, *, n_bins: int = 10) -> Bins:
        """Fix bins of a number feature on its reference values.

        With at most ``n_bins`` distinct values each has a bin. With more, cuts are made between values
        where they come nearest to equal shares of the rows: a value with many rows keeps a bin to itself,
        and there may be fewer bins. A constant gets a bin, with one on either side for what is new.

        Parameters
        ----------
        reference : array_like, shape (n,)
            Numbers; missing and infinite ones do not move the edges. All missing: one bin for all numbers.
        n_bins : int
            Bins for numbers at most, 2 or more; the missing bin comes on top.

        Raises
        ------
        DataError
            When a value is not a number.
        ParameterError
            When ``n_bins`` is below 2.

        Examples
        --------
        >>> Bins.of_numbers([0] * 8 + [1.5, 2.5], n_bins=2).edges
        (1.5,)
        """
        numbers = _as_numbers(reference)
        values, n_rows = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
        return cls.of_counts(values, n_rows, n_bins=n_bins)

    @classmethod
    def of_counts(cls, values: npt.ArrayLike, n_rows: npt.ArrayLike, *, n_bins: int = 10) -> Bins:
        """Fix bins of a number feature on counted values; see :meth:`of_numbers`.

        Parameters
        ----------
        values : array_like, shape (n,)
            Different finite numbers, rising.
        n_rows : array_like, shape (n,)
            Rows of each, 0 or more; values without rows do not move the edges.
        n_bins : int
            Bins for numbers at most, 2 or more; the missing bin comes on top.

        Raises
        ------
        ParameterError
            When ``n_bins`` is below 2.

        Examples
        --------
        >>> Bins.of_counts([0, 1.5, 2.5], [8, 1, 1], n_bins=2).edges
        (1.5,)
        """
        if n_bins < 2:
            raise ParameterError(f"n_bins is {n_bins}. Give 2 or more.")
        n_by_value = np.asarray(n_rows, dtype=np.int64)
        counted = np.asarray(values, dtype=np.float64)[n_by_value > 0]
        n_by_value = n_by_value[n_by_value > 0]
        whole = counted.size > 0 and bool(np.all((counted % 1 == 0) & (np.abs(counted) < _LARGEST_COUNTED)))
        if counted.size == 1:
            only = float(counted[0])
            above = only + 1.0 if whole else math.nextafter(only, math.inf)
            edges = [only, above] if math.isfinite(above) else [only]
        elif counted.size <= n_bins:
            edges = counted[1:].tolist()
        else:
            edges = counted[_equal_cuts(n_by_value, n_bins)].tolist()
        return cls(kind="numbers", edges=tuple(edges), whole=whole)

    @classmethod
    def of_categories(cls, reference: Iterable[object] | Mapping[object, int], *, top: int = 20) -> Bins:
        """Fix bins of a category feature on its reference values.

        Parameters
        ----------
        reference : iterable, or mapping of value to number of rows
            Values of any kind; each counts under its text (3 and 3.0 are one). Missing values get no
            category.
        top : int
            Categories with a bin of their own at most, 1 or more: the commonest, by name where they tie.

        Raises
        ------
        ParameterError
            When ``top`` is below 1.

        Examples
        --------
        >>> Bins.of_categories(["AA", "UA", "AA", None, "WN"], top=2).labels
        ('AA', 'UA', '(other)', '(missing)')
        """
        if top < 1:
            raise ParameterError(f"top is {top}. Give 1 or more categories a bin.")
        rows_of = reference if isinstance(reference, Mapping) else Counter(map(_category, reference))
        counts: Counter[str] = Counter()
        for value, n_rows in rows_of.items():
            name = _category(value)
            if name is not None and n_rows > 0:
                counts[name] += n_rows
        commonest = sorted(counts, key=lambda name: (-counts[name], name))
        return cls(kind="categories", categories=tuple(commonest[:top]))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Bins:
        """Take bins that :meth:`to_json` wrote.

        Raises
        ------
        ParameterError
            When a field is missing, unknown or of the wrong kind.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if set(fields) != known:
            raise ParameterError(
                f"Bins were stored with the fields {sorted(fields)}. Needed are {sorted(known)}; "
                "fix the bins on the reference again."
            )
        return cls(
            kind=fields["kind"],
            edges=tuple(float(edge) for edge in fields["edges"]),
            whole=bool(fields["whole"]),
            categories=tuple(str(category) for category in fields["categories"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the bins as JSON fields; :meth:`from_json` gives back an equal object."""
        return {
            "kind": self.kind,
            "edges": list(self.edges),
            "whole": self.whole,
            "categories": list(self.categories),
        }

    @property
    def n_bins(self) -> int:
        """Bins, those for missing values and other categories included."""
        return len(self.edges) + 2 if self.kind == "numbers" else len(self.categories) + 2

    @property
    def missing_code(self) -> int:
        """Code of the bin for missing values: the last one."""
        return self.n_bins - 1

    @property
    def labels(self) -> tuple[str, ...]:
        """What falls in each bin, in words; all different."""
        if self.kind == "categories":
            special = {MISSING_LABEL, OTHER_LABEL}
            own = (repr(name) if name in special else name for name in self.categories)
            return (*own, OTHER_LABEL, MISSING_LABEL)
        return (*_number_labels(self.edges, whole=self.whole), MISSING_LABEL)

    def assign(self, values: Iterable[object] | npt.ArrayLike) -> Codes:
        """Return the code of each value's bin.

        Parameters
        ----------
        values : array_like, shape (n,)
            Values of any kind for categories, numbers (and missing) for numbers.

        Returns
        -------
        ndarray of int64, shape (n,)
            Between 0 and ``n_bins - 1``, places in :attr:`labels`.

        Raises
        ------
        DataError
            When a value of a number feature is not a number.
        """
        if self.kind == "numbers":
            numbers = _as_numbers(values)
            codes = np.searchsorted(np.asarray(self.edges), numbers, side="right").astype(np.int64)
            return np.where(np.isnan(numbers), self.missing_code, codes)
        code_of: dict[str | None, int] = {name: code for code, name in enumerate(self.categories)}
        code_of[None] = self.missing_code
        other = len(self.categories)
        return np.array([code_of.get(_category(v), other) for v in _as_objects(values)], dtype=np.int64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreGrid:
    """Bins of scores in equal steps of log-odds, the same for every model and month.

    The bin of a score is ``floor(ln(score / (1 - score)) * steps_per_logit)``, kept within the limit and
    shifted to begin at 0; scores of 0 and 1 go to the end bins. Counts in these bins add up over days,
    months and partitions.

    Rows of one bin count as ties. With 40 steps this moves ROC AUC by less than 1e-4 for 30,000 scores or
    more whose log-odds spread with a standard deviation of 1 or more (20 steps: 2e-4; 10 steps: 6e-4).
    Scores that lie closer together, or fewer rows, move it by up to 2e-3: still a small part of ROC AUC's
    own interval.

    Parameters
    ----------
    steps_per_logit : int
        Bins per unit of log-odds, 1 or more.
    limit_logit : int
        Largest absolute log-odds with a bin of their own, 1 or more.

    Raises
    ------
    ParameterError
        When a number is below 1.

    Examples
    --------
    >>> grid = ScoreGrid()
    >>> grid.n_bins, grid.index([0.0, 0.5, 1.0]).tolist()
    (1280, [0, 640, 1279])
    """

    steps_per_logit: int = 40
    limit_logit: int = LIMIT_LOGIT

    def __post_init__(self) -> None:
        if self.steps_per_logit < 1 or self.limit_logit < 1:
            raise ParameterError(
                f"A score grid of {self.steps_per_logit} steps up to log-odds of {self.limit_logit} has no "
                "bins. Give 1 or more of both."
            )

    @property
    def n_bins(self) -> int:
        """Bins on both sides of even odds."""
        return 2 * self.limit_logit * self.steps_per_logit

    def index(self, score: npt.ArrayLike) -> Codes:
        """Return the bin of each score.

        Parameters
        ----------
        score : array_like
            In [0, 1].

        Returns
        -------
        ndarray of int64, shape of ``score``
            Between 0 and ``n_bins - 1``, never falling while the score rises.

        Raises
        ------
        DataError
            When a score is missing or outside [0, 1].
        """
        scores = np.asarray(score, dtype=np.float64)
        outside = scores[~((scores >= 0) & (scores <= 1))]
        if outside.size:
            raise DataError(
                f"{outside.size:,} of {scores.size:,} scores are missing or outside [0, 1], the first is "
                f"{outside[0]:g}. Leave rows without a score out, and turn other scores into probabilities "
                "first."
            )
        # Not log1p: the grid is computed in SQL by this very formula, and the two must agree.
        with np.errstate(divide="ignore"):
            step = np.floor(np.log(scores / (1.0 - scores)) * self.steps_per_logit)
        lowest = -self.n_bins // 2
        return np.asarray(np.clip(step, lowest, -lowest - 1), dtype=np.int64) - lowest

    def lower(self, index: npt.ArrayLike) -> Floats:
        """Return the score at the lower end of each bin; at ``n_bins``, that at the upper end of the last one.

        Examples
        --------
        >>> ScoreGrid().lower([640]).tolist()
        [0.5]
        """
        from scipy import special

        return np.asarray(
            special.expit(np.asarray(index) / self.steps_per_logit - self.limit_logit), np.float64
        )

    def midpoint(self, index: npt.ArrayLike) -> Floats:
        """Return the score in the middle (of log-odds) of each bin.

        Parameters
        ----------
        index : array_like of int
            Between 0 and ``n_bins - 1``.

        Raises
        ------
        DataError
            When an index is outside the grid.
        """
        from scipy import special

        places = np.asarray(index)
        outside = places[(places < 0) | (places >= self.n_bins)]
        if outside.size:
            raise DataError(f"Bin {outside[0]} is not on the grid. Give 0 to {self.n_bins - 1}.")
        return np.asarray(special.expit((places + 0.5) / self.steps_per_logit - self.limit_logit), np.float64)


def _equal_cuts(n_rows: npt.NDArray[np.int64], n_bins: int) -> npt.NDArray[np.intp]:
    """Return the places of the values that begin a new bin, for shares as equal as whole values allow."""
    rows_below = np.cumsum(n_rows)[:-1]
    wanted = np.arange(1, n_bins) * (n_rows.sum() / n_bins)
    right = np.clip(np.searchsorted(rows_below, wanted), 0, rows_below.size - 1)
    left = np.maximum(right - 1, 0)
    is_left_nearer = wanted - rows_below[left] < rows_below[right] - wanted
    return np.unique(np.where(is_left_nearer, left, right)) + 1


def _number_labels(edges: tuple[float, ...], *, whole: bool) -> list[str]:
    if not edges:
        return ["any number"]
    texts = _distinct_texts(edges)
    if whole and all(edge % 1 == 0 for edge in edges):
        return _whole_labels(edges)
    between = []
    for (a, text_a), (b, text_b) in itertools.pairwise(zip(edges, texts, strict=True)):
        between.append(text_a if b == math.nextafter(a, math.inf) else f"{text_a} to < {text_b}")
    last = f"≥ {texts[-1]}"
    if len(edges) > 1 and edges[-1] == math.nextafter(edges[-2], math.inf):
        last = f"> {texts[-2]}"
    return [f"< {texts[0]}", *between, last]


def _whole_labels(edges: tuple[float, ...]) -> list[str]:
    between = [f"{a:.0f}" if b - a == 1 else f"{a:.0f} to {b - 1:.0f}" for a, b in itertools.pairwise(edges)]
    return [f"≤ {edges[0] - 1:.0f}", *between, f"≥ {edges[-1]:.0f}"]


def _distinct_texts(edges: tuple[float, ...]) -> list[str]:
    """Return the edges with as few digits as keep them apart."""
    for digits in range(4, 17):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(edges):
            return texts
    return [repr(edge) for edge in edges]


def _as_numbers(values: Iterable[object] | npt.ArrayLike) -> Floats:
    objects = _as_objects(values)
    if objects.dtype.kind in "biuf":
        return objects.astype(np.float64)
    try:
        return np.array([math.nan if _is_missing(v) else _number(v) for v in objects], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"A number feature holds something that is no number: {error}. "
            "Give numbers, or make it a category feature."
        ) from error


def _number(value: Any) -> float:  # noqa: ANN401  # whatever a column may hold
    if isinstance(value, (str, bytes)):
        raise TypeError(f"the text {value!r}")
    return float(value)


def _as_objects(values: Iterable[object] | npt.ArrayLike) -> npt.NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    items = list(values)  # type: ignore[arg-type]
    column = np.empty(len(items), dtype=object)
    column[:] = items
    return column


def _category(value: object) -> str | None:
    if _is_missing(value):
        return None
    if isinstance(value, (float, np.floating)) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_missing(value: object) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  # what NaN and NaT have in common
    except TypeError:
        return True  # an NA, which will not say whether it differs from itself
