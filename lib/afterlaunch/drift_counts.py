"""Profiles of several months side by side: every input on one support and in bins fixed on the reference months."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.bins import Bins
from afterlaunch.profiles import MonthProfile, NumberGrid

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

N_BINS = 16
"""Bins of a number input at most, beside the missing one."""
N_CATEGORIES = 30
"""Categories of a text input with a bin of their own at most."""
_FEWEST_SHARE = 0.001


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class InputMonths:
    """One input over all months; the last one is the current month.

    Parameters
    ----------
    name : str
        The column.
    values : ndarray, shape (n_values,), or tuple of str
        Numbers: the middle of each cell, rising. Texts: the categories, the commonest of all months first.
    counts : ndarray, shape (n_months, n_values)
        Rows of each value.
    n_other, n_missing : ndarray, shape (n_months,)
        Rows of categories that a profile does not name, and rows without a value.
    bins : Bins
        Fixed on the reference months.
    binned : ndarray, shape (n_months, bins.n_bins)
        Rows in each bin.
    """

    name: str
    values: Floats | tuple[str, ...]
    counts: Integers
    n_other: Integers
    n_missing: Integers
    bins: Bins
    binned: Integers

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.bins.kind == "numbers"

    def text_codes(self, sampled: npt.NDArray[np.generic]) -> Integers:
        """Return the bins of a text input's sampled values (:class:`afterlaunch.profiles.RowSample`)."""
        texts, places = np.unique(sampled, return_inverse=True)
        codes = self.bins.assign([str(text)[1:] if text else None for text in texts])
        return np.asarray(codes[places], dtype=np.int64)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MonthsBeside:
    """Months beside each other.

    ``reference`` holds the places of the reference months among ``months``; the current one is the last.
    """

    months: tuple[MonthProfile, ...]
    reference: tuple[int, ...]
    inputs: tuple[InputMonths, ...]

    @property
    def current(self) -> MonthProfile:
        """The month that is judged."""
        return self.months[-1]

    @property
    def n_reference(self) -> int:
        """Rows of the reference months."""
        return sum(self.months[place].n for place in self.reference)

    @property
    def offsets(self) -> Integers:
        """Where each input's bins begin in :attr:`binned`, and where the last one's end."""
        return np.cumsum([0, *(one.bins.n_bins for one in self.inputs)])

    @property
    def binned(self) -> Integers:
        """Rows in the bins of all inputs, shape (n_months, all bins)."""
        if not self.inputs:
            return np.zeros((len(self.months), 0), dtype=np.int64)
        return np.concatenate([one.binned for one in self.inputs], axis=1)

    def pooled(self, counts: Integers) -> Integers:
        """Add up the reference months' counts; ``counts`` has the months on its first axis."""
        return np.asarray(counts[list(self.reference)].sum(axis=0))

    def pooled_without(self, counts: Integers) -> Integers:
        """Add up, for each reference month, the counts of the others: no month is held against itself."""
        return np.asarray(self.pooled(counts)[None] - counts[list(self.reference)])


def beside_each_other(months: Sequence[MonthProfile], *, n_reference: int) -> MonthsBeside:
    """Put months beside each other, oldest first; the last one is judged.

    Parameters
    ----------
    months : sequence of MonthProfile
        All on the same grids.
    n_reference : int
        How many months before the judged one are its reference, at most.
    """
    last = len(months) - 1
    reference = tuple(range(max(0, last - n_reference), last))
    names = list(months[-1].sample.inputs)
    is_number = {name: name in months[-1].numbers for name in names}
    inputs = [(_numbers if is_number[name] else _texts)(name, months, reference) for name in names]
    return MonthsBeside(months=tuple(months), reference=reference, inputs=tuple(inputs))


def _numbers(name: str, months: Sequence[MonthProfile], reference: Sequence[int]) -> InputMonths:
    by_month = [month.numbers[name] for month in months]
    grid: NumberGrid = months[-1].grids[name]
    cells = np.unique(np.concatenate([one.cells for one in by_month]))
    counts = np.zeros((len(months), cells.size), dtype=np.int64)
    for i, one in enumerate(by_month):
        counts[i, np.searchsorted(cells, one.cells)] = one.n
    lower = cells * grid.width
    bins = Bins.of_counts(lower, counts[list(reference)].sum(axis=0), n_bins=N_BINS)
    n_missing = np.array([one.n_missing for one in by_month])
    binned = np.concatenate([_added(counts, bins.assign(lower), bins.n_bins - 1), n_missing[:, None]], axis=1)
    return InputMonths(
        name=name,
        values=grid.midpoint(cells),
        counts=counts,
        n_other=np.zeros(len(months), dtype=np.int64),
        n_missing=n_missing,
        bins=bins,
        binned=binned,
    )


def _texts(name: str, months: Sequence[MonthProfile], reference: Sequence[int]) -> InputMonths:
    by_month = [
        dict(zip(month.texts[name].texts, month.texts[name].n.tolist(), strict=True)) for month in months
    ]
    n_all: dict[str, int] = {}
    for one in by_month:
        for text, n in one.items():
            n_all[text] = n_all.get(text, 0) + n
    texts = tuple(sorted(n_all, key=lambda text: (-n_all[text], text)))
    counts = np.array([[one.get(text, 0) for text in texts] for one in by_month], dtype=np.int64)
    counts = counts.reshape(len(months), len(texts))
    pooled = counts[list(reference)].sum(axis=0)
    enough = pooled >= max(1, _FEWEST_SHARE * pooled.sum())
    known = {text: int(n) for text, n, is_enough in zip(texts, pooled, enough, strict=True) if is_enough}
    bins = Bins.of_categories(known, top=N_CATEGORIES)
    n_other = np.array([month.texts[name].n_other for month in months], dtype=np.int64)
    n_missing = np.array([month.texts[name].n_missing for month in months], dtype=np.int64)
    binned = _added(counts, bins.assign(texts), bins.n_bins)
    binned[:, len(bins.categories)] += n_other
    binned[:, bins.missing_code] += n_missing
    return InputMonths(
        name=name, values=texts, counts=counts, n_other=n_other, n_missing=n_missing, bins=bins, binned=binned
    )


def _added(counts: Integers, codes: Integers, n_bins: int) -> Integers:
    """Add up the columns that share a bin."""
    added = np.zeros((n_bins, counts.shape[0]), dtype=np.int64)
    np.add.at(added, codes, counts.T)
    return added.T.copy()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SampledRows:
    """The sampled rows of some months: their bins, scores and decisions.

    ``codes`` has shape (n_rows, n_inputs); ``month`` is the place of each row's month.
    """

    codes: Integers
    score: Floats
    decision: Floats
    month: Integers


def sampled_rows(beside: MonthsBeside, places: Sequence[int], *, version: str = "") -> SampledRows:
    """Return the sampled rows of months, of one version's rows only when it is named."""
    parts = []
    for place in places:
        sample = beside.months[place].sample
        kept = sample.version == version if version else np.ones(sample.n_rows, dtype=np.bool_)
        columns = [_codes(one, beside.months[place], kept) for one in beside.inputs]
        parts.append(
            SampledRows(
                codes=np.stack(columns, axis=1) if columns else np.zeros((int(kept.sum()), 0), np.int64),
                score=sample.score[kept],
                decision=sample.decision[kept],
                month=np.full(int(kept.sum()), place),
            )
        )
    fields = [field.name for field in dataclasses.fields(SampledRows)]
    return SampledRows(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields})


def _codes(one: InputMonths, month: MonthProfile, kept: npt.NDArray[np.bool_]) -> Integers:
    values = month.sample.inputs[one.name][kept]
    if one.is_number:
        return one.bins.assign(np.asarray(values, np.float64) * month.grids[one.name].width)
    return one.text_codes(values)
