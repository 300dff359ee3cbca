"""One month of a log as counts that add up: what its inputs and scores looked like, and a small sample of its rows.

A profile is read once, in one scan, and kept; months are compared by their profiles alone. Numbers are counted in
cells whose width is a power of two (:class:`NumberGrid`), so that no rounding of any engine moves a value to another
cell; texts are counted as they are. The sample is chosen by the MD5 of the case's id, so that every engine
and every run chooses the same rows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import exact_sum
from afterlaunch.contract import number_literal
from afterlaunch.engine import Engine
from afterlaunch.health_counts import SCORE_GRID, grid_sql
from afterlaunch.scoring_log import ScoringLog, inside
from afterlaunch.windows import Window

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Texts: TypeAlias = npt.NDArray[np.str_]

SAMPLE_ROWS = 4_000
"""Rows of a month's sample, about."""
MAX_CATEGORIES = 300
"""Categories that a profile keeps by name; the others are counted together."""
# Above this many rows a month, MD5 is asked of the rows of some quarter hours only: of all rows it would cost as much
# as reading them.
_MANY_ROWS = 100_000
_FEWEST_QUARTERS = 160
# The cells of number inputs are fixed on the days of the log that hold as many rows as this.
_FIRST_ROWS = 50_000
_KEYS_A_QUERY = 40
# Ends the fields of a sampled row: no text of people's holds it, and where one does, it is taken out.
_END = "chr(31)"
_CELLS_A_DECILE = 4
_MOST_CELLS = 4_096
_LARGEST_EXPONENT = 200
# Places of what is counted beside the inputs, which have places from 0 on.
_SCORES, _SAMPLE = -1, -2
_MS_A_QUARTER = 900_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberGrid:
    """Cells of equal width for one number input: cell ``c`` holds ``c * width <= value < (c + 1) * width``.

    Parameters
    ----------
    exponent : int
        The width is two to this power, exactly.
    whole : bool
        Whether each cell holds one whole number.
    """

    exponent: int
    whole: bool = False

    @classmethod
    def fitting(cls, values: npt.ArrayLike) -> NumberGrid:
        """Return the grid that resolves some values: about four cells between neighbouring deciles, or finer.

        Parameters
        ----------
        values : array_like, shape (n,)
            Numbers; those that are missing or infinite do not count. Without any the width is 1.

        Examples
        --------
        >>> NumberGrid.fitting([0, 1, 5, 23])
        NumberGrid(exponent=0, whole=True)
        >>> NumberGrid.fitting([0.5 + i / 1000 for i in range(1000)]).exponent
        -6
        """
        numbers = np.asarray(values, np.float64)
        numbers = np.unique(numbers[np.isfinite(numbers)])
        if not numbers.size:
            return cls(exponent=0)
        spread = float(numbers[-1] - numbers[0])
        if bool(np.all(numbers % 1 == 0)) and spread <= _MOST_CELLS:
            return cls(exponent=0, whole=True)
        if spread == 0:
            return cls(exponent=_exponent(abs(float(numbers[0])) / 64))
        given = np.asarray(values, np.float64)
        gaps = np.diff(np.unique(np.quantile(given[np.isfinite(given)], np.linspace(0.05, 0.95, 10))))
        finest = float(gaps.min()) / _CELLS_A_DECILE if gaps.size else spread / 256
        low, high = np.quantile(numbers, [0.01, 0.99])
        coarse_enough = max(float(high - low), spread / 64) / _MOST_CELLS
        return cls(exponent=_exponent(max(finest, coarse_enough)))

    @property
    def width(self) -> float:
        """Width of a cell."""
        return 2.0**self.exponent

    def sql(self, engine: Engine, column: str) -> str:
        """Return the SQL of a value's cell; NULL for a value that is missing or infinite."""
        steps = column if self.exponent == 0 else f"{column} * {number_literal(2.0**-self.exponent)}"
        return engine.whole_below(steps)

    def midpoint(self, cells: npt.ArrayLike) -> Floats:
        """Return the value in the middle of each cell; of a whole number's cell that number."""
        return np.asarray((np.asarray(cells, np.float64) + (0.0 if self.whole else 0.5)) * self.width)


def _exponent(width: float) -> int:
    if not (width > 0 and math.isfinite(width)):
        return 0
    return min(max(math.floor(math.log2(width)), -_LARGEST_EXPONENT), _LARGEST_EXPONENT)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NumberCounts:
    """A month's values of one number input: ``n`` rows in each of ``cells``, which rise, and those without a value."""

    cells: Integers
    n: Integers
    n_missing: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TextCounts:
    """A month's values of one text input: ``n`` rows of each of ``texts``, all others, and those without a value.

    ``texts`` are the commonest :data:`MAX_CATEGORIES`, the commonest first.
    """

    texts: tuple[str, ...]
    n: Integers
    n_other: int
    n_missing: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VersionScores:
    """Scores of one version in a month: rows and alerts by bin of the score grid, and the sum of the scores.

    ``bins`` are the bins with rows, rising; ``n`` and ``n_alerts`` have their shape.
    """

    bins: Integers
    n: Integers
    n_alerts: Integers
    sum_score: float

    @property
    def n_rows(self) -> int:
        """Rows that the version scored."""
        return int(self.n.sum())

    @property
    def alert_share(self) -> float:
        """Share of them that were alerts."""
        return float(self.n_alerts.sum() / self.n.sum())

    @property
    def mean_score(self) -> float:
        """Their mean score."""
        return self.sum_score / self.n_rows

    @property
    def score_variance(self) -> float:
        """Variance of the scores, each taken for the middle of its bin."""
        middle = SCORE_GRID.midpoint(self.bins)
        mean = float(self.n @ middle) / self.n_rows
        return float(self.n @ (middle - mean) ** 2) / self.n_rows

    def by_bin(self, counts: Integers) -> Floats:
        """Spread counts over all bins of the score grid."""
        spread = np.zeros(SCORE_GRID.n_bins)
        spread[self.bins] = counts
        return spread


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RowSample:
    """Rows of a month, chosen by the MD5 of their ids: score, decision, version, and each input's cell or text.

    ``inputs`` holds, by name, cells as float64 (nan where a value is missing) or texts (an empty one where it is
    missing, any other behind an equals sign); all have shape (n_rows,).
    """

    score: Floats
    decision: Floats
    version: Texts
    inputs: Mapping[str, Floats | Texts]

    @property
    def n_rows(self) -> int:
        """Rows of the sample."""
        return int(self.score.size)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MonthProfile:
    """One month: its rows, its inputs, its scores by version, and a sample of its rows."""

    window: Window
    n: int
    grids: Mapping[str, NumberGrid]
    numbers: Mapping[str, NumberCounts]
    texts: Mapping[str, TextCounts]
    scores: Mapping[str, VersionScores]
    sample: RowSample


def number_grids(log: ScoringLog) -> dict[str, NumberGrid]:
    """Return the grid of every number input, fixed on the first days of the log: the same whatever month is judged.

    An input with fewer than two values on those days takes its grid from the range of all its values.
    """
    names = [name for name, kind in log.feature_kinds.items() if kind != "text"]
    if not names:
        return {}
    columns = ", ".join(f"CAST({log.features[name]} AS DOUBLE) AS v_{i}" for i, name in enumerate(names))
    seen = log.engine.rows(f"SELECT {columns} FROM {log.rows} WHERE {_first_days(log)}")
    values = np.array(seen, dtype=np.float64).reshape(-1, len(names))
    unseen = [
        name for i, name in enumerate(names) if np.unique(values[np.isfinite(values[:, i]), i]).size < 2
    ]
    ranges = _ranges(log, unseen)
    return {name: NumberGrid.fitting(ranges.get(name, values[:, i])) for i, name in enumerate(names)}


def _first_days(log: ScoringLog) -> str:
    """Return the SQL condition of a sample of the log's first days, which other days cannot change."""
    first = Window.month_of(log.first_on)
    by_day = log.engine.rows(
        f"SELECT day(scored_at) AS day, count(*) AS n FROM {log.rows} WHERE {inside('scored_at', first)} "
        "GROUP BY day(scored_at) ORDER BY day"
    )
    n_until = np.cumsum([int(n) for _, n in by_day])
    place = min(int(np.searchsorted(n_until, _FIRST_ROWS)), len(by_day) - 1)
    first_days = Window.of_days(first.start, first.start.replace(day=int(by_day[place][0])))
    return f"{inside('scored_at', first_days)} AND {_is_sampled(int(n_until[place]))}"


def _ranges(log: ScoringLog, names: Sequence[str]) -> dict[str, Floats]:
    if not names:
        return {}
    ends = ", ".join(
        f"CAST(min({log.features[name]}) AS DOUBLE) AS low_{i}, CAST(max({log.features[name]}) AS DOUBLE) AS high_{i}"
        for i, name in enumerate(names)
    )
    row = np.array(log.engine.rows(f"SELECT {ends} FROM {log.rows}")[0], dtype=np.float64).reshape(-1, 2)
    known = np.isfinite(row[:, 0]) & np.isfinite(row[:, 1])
    return {name: np.linspace(row[i, 0], row[i, 1], 257) for i, name in enumerate(names) if known[i]}


def read_profile(log: ScoringLog, month: Window, grids: Mapping[str, NumberGrid]) -> MonthProfile | None:
    """Read one month's profile from its own rows; a month without rows has none.

    Parameters
    ----------
    log : ScoringLog
        A log that keeps the contract.
    month : Window
        The month.
    grids : mapping of str to NumberGrid
        From :func:`number_grids`.
    """
    quarters = log.engine.rows(
        f"SELECT {_quarter(log)} AS quarter, model_version, count(*) AS n, {exact_sum('sum_score', 'score').sql} "
        f"AS sum_score FROM {log.rows} WHERE {inside('scored_at', month)} GROUP BY {_quarter(log)}, model_version"
    )
    if not quarters:
        return None
    n_by_quarter: Counter[int] = Counter()
    for quarter, _, n, _ in quarters:
        n_by_quarter[int(quarter)] += int(n)
    found: dict[int, list[tuple[int | None, str | None, int]]] = {}
    for query in _queries(log, month, grids, _sampled_row(log, grids, n_by_quarter)):
        for place, cell, text, n in log.engine.rows(query):
            found.setdefault(place, []).append((cell, text, int(n)))
    versions = {version for _, version, _, _ in quarters}
    sums = {str(version): math.fsum(s for _, v, _, s in quarters if v == version) for version in versions}
    places = {name: found.get(i, []) for i, name in enumerate(log.features)}
    return MonthProfile(
        window=month,
        n=n_by_quarter.total(),
        grids=grids,
        numbers={name: _number_counts(values) for name, values in places.items() if name in grids},
        texts={name: _text_counts(values) for name, values in places.items() if name not in grids},
        scores=_version_scores(found[_SCORES], sums),
        sample=_row_sample(
            [text for _, text, _ in found.get(_SAMPLE, []) if text], tuple(log.features), grids
        ),
    )


def _queries(
    log: ScoringLog, month: Window, grids: Mapping[str, NumberGrid], sampled_row: str
) -> Iterator[str]:
    """Yield the SQL of a month: one text, or several where there are very many inputs."""
    columns = list(log.features.items())
    keys = [
        _Key(
            place=i,
            sql=grids[name].sql(log.engine, column) if name in grids else column,
            is_text=name not in grids,
        )
        for i, (name, column) in enumerate(columns)
    ]
    scores = _Key(place=_SCORES, sql=f"({grid_sql('score')}) * 2 + decision", beside="model_version")
    sample = _Key(place=_SAMPLE, sql=sampled_row, is_text=True)
    for start in range(0, len(keys) + 2, _KEYS_A_QUERY):
        chosen = [scores, sample, *keys][start : start + _KEYS_A_QUERY]
        yield _query(log.rows, inside("scored_at", month), chosen)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Key:
    """What rows are counted by: a number, a text, or a number ``beside`` a text."""

    place: int
    sql: str
    is_text: bool = False
    beside: str = ""

    @property
    def name(self) -> str:
        return f"k_{self.place}" if self.place >= 0 else f"own_{-self.place}"


def _query(view: str, where: str, keys: Sequence[_Key]) -> str:
    """Compile grouping sets: a row a value, with the place of its key, its number (``cell``) or text, and ``n``."""
    inner = [f"{key.sql} AS {key.name}" for key in keys] + [key.beside for key in keys if key.beside]
    sets = [f"({', '.join(filter(None, (key.name, key.beside)))})" for key in keys]
    places = [f"WHEN grouping({key.name}) = 0 THEN {key.place}" for key in keys]
    cells = [key.name for key in keys if not key.is_text]
    texts = [key.name for key in keys if key.is_text] + [key.beside for key in keys if key.beside]
    return (
        f"SELECT CASE {' '.join(places)} END AS place, {_first_of(cells, 'BIGINT')} AS cell, "
        f"{_first_of(texts, 'STRING')} AS text, count(*) AS n FROM (SELECT {', '.join(inner)} FROM {view} "
        f"WHERE {where}) AS keyed GROUP BY GROUPING SETS ({', '.join(sets)})"
    )


def _first_of(columns: Iterable[str], sql_type: str) -> str:
    return f"coalesce({', '.join([*columns, f'CAST(NULL AS {sql_type})'])})"


def _quarter(log: ScoringLog) -> str:
    """Return the SQL of the number of quarter hours from 1970 to a row's time."""
    return f"floor({log.engine.milliseconds('scored_at')} / {number_literal(_MS_A_QUARTER)})"


def _sampled_row(log: ScoringLog, grids: Mapping[str, NumberGrid], n_by_quarter: Counter[int]) -> str:
    """Compile the text of a sampled row, NULL for all other rows."""
    quarters, n = _asked_quarters(n_by_quarter)
    fields = ["CAST(case_id AS STRING)", "CAST(score AS STRING)", "CAST(decision AS STRING)", "model_version"]
    for name, column in log.features.items():
        if name in grids:
            fields.append(f"coalesce(CAST({grids[name].sql(log.engine, column)} AS STRING), '')")
        else:
            fields.append(f"coalesce('=' || replace({column}, {_END}, ' '), '')")
    row = f"CASE WHEN {_is_sampled(n)} THEN concat_ws({_END}, {', '.join(fields)}) END"
    # Nested, so that no engine asks for the MD5 of rows outside of these quarter hours.
    return (
        f"CASE WHEN {_quarter(log)} IN ({', '.join(map(str, quarters))}) THEN {row} END" if quarters else row
    )


def _asked_quarters(n_by_quarter: Counter[int]) -> tuple[list[int], int]:
    """Return the quarter hours whose rows may be sampled (none named: all of them), and their number of rows.

    Taken in the order of their own MD5, they are no particular ones; a month of few rows is asked as a whole.
    """
    n_all = n_by_quarter.total()
    if n_all <= _MANY_ROWS:
        return [], n_all
    in_order = sorted(n_by_quarter, key=lambda quarter: hashlib.md5(str(quarter).encode()).digest())  # noqa: S324 - no secret
    n_until = np.cumsum([n_by_quarter[quarter] for quarter in in_order])
    last = max(int(np.searchsorted(n_until, _MANY_ROWS / 2)), _FEWEST_QUARTERS - 1)
    if last >= len(in_order) - 1:
        return [], n_all
    return sorted(in_order[: last + 1]), int(n_until[last])


def _is_sampled(n: int) -> str:
    """Return the SQL condition that a row is one of about :data:`SAMPLE_ROWS` among ``n``."""
    limit = min(round(16**6 * SAMPLE_ROWS / n), 16**6) - 1
    return f"substring(md5(CAST(case_id AS STRING)), 1, 6) <= '{limit:06x}'"


def _number_counts(values: Iterable[tuple[int | None, str | None, int]]) -> NumberCounts:
    by_cell = {cell: n for cell, _, n in values}
    n_missing = by_cell.pop(None, 0)
    cells = np.array(sorted(cell for cell in by_cell if cell is not None), dtype=np.int64)
    n_by_cell = np.array([by_cell[cell] for cell in cells.tolist()], dtype=np.int64)
    return NumberCounts(cells=cells, n=n_by_cell, n_missing=n_missing)


def _text_counts(values: Iterable[tuple[int | None, str | None, int]]) -> TextCounts:
    by_text = {text: n for _, text, n in values}
    n_missing = by_text.pop(None, 0)
    commonest = sorted(((-n, text) for text, n in by_text.items() if text is not None))
    named, others = commonest[:MAX_CATEGORIES], commonest[MAX_CATEGORIES:]
    return TextCounts(
        texts=tuple(text for _, text in named),
        n=np.array([-n for n, _ in named], dtype=np.int64),
        n_other=-sum(n for n, _ in others),
        n_missing=n_missing,
    )


def _version_scores(
    values: Iterable[tuple[int | None, str | None, int]], sums: Mapping[str, float]
) -> dict[str, VersionScores]:
    by_version: dict[str, Counter[tuple[int, int]]] = {}
    for cell, version, n in values:
        score_bin, decision = divmod(int(cell or 0), 2)
        by_version.setdefault(str(version), Counter())[score_bin, decision] += n
    found = {}
    for version, counts in sorted(by_version.items()):
        bins = sorted({score_bin for score_bin, _ in counts})
        n_alerts = np.array([counts[score_bin, 1] for score_bin in bins], dtype=np.int64)
        found[version] = VersionScores(
            bins=np.array(bins, dtype=np.int64),
            n=n_alerts + np.array([counts[score_bin, 0] for score_bin in bins], dtype=np.int64),
            n_alerts=n_alerts,
            sum_score=sums[version],
        )
    return found


def _row_sample(texts: list[str], names: tuple[str, ...], grids: Mapping[str, NumberGrid]) -> RowSample:
    """Take sampled rows apart; in the order of their texts, so that every engine gives the same."""
    rows = sorted(text.split("\x1f") for text in texts)
    columns = list(zip(*rows, strict=True)) if rows else [()] * (4 + len(names))
    _, score, decision, version, *values = columns
    return RowSample(
        score=np.array(score, dtype=np.float64),
        decision=np.array(decision, dtype=np.float64),
        version=np.array(version, dtype=np.str_),
        inputs={
            name: np.array([cell or "nan" for cell in column], dtype=np.float64)
            if name in grids
            else np.array(column, dtype=np.str_)
            for name, column in zip(names, values, strict=True)
        },
    )
