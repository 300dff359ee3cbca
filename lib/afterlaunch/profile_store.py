"""Profiles of months, kept on disk: a new month reads its own rows only.

A kept profile is used as long as the files that hold the month's rows are the same, and so is what is counted in
them; otherwise the month is read anew. Files hold arrays only; nothing in them is ever run.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from afterlaunch.engine import source_files, source_kind
from afterlaunch.profiles import (
    MonthProfile,
    NumberCounts,
    NumberGrid,
    RowSample,
    TextCounts,
    VersionScores,
    number_grids,
    read_profile,
)
from afterlaunch.windows import Window

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from afterlaunch.scoring_log import ScoringLog

_FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfileStore:
    """A folder with a model's profiles, one file a month; without a folder nothing is kept.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Made when it is not there.
    root : pathlib.Path
        The project's folder, at which relative paths of the log start.
    """

    root: Path
    folder: Path | None = None

    def profiles(self, log: ScoringLog, months: tuple[Window, ...]) -> tuple[MonthProfile, ...]:
        """Return the profiles of the months that have rows, from disk where they are kept, else from the log.

        Raises
        ------
        DataError
            When a file of the log's has gone.
        """
        # Only what is kept has to be recognised; looking into the files takes as long as an input of a million rows.
        files = _files_by_days(log, self.root) if self.folder is not None else ()
        keys = [_key(log, month, files) for month in months]
        kept = [self._kept(month, key) for month, key in zip(months, keys, strict=True)]
        # Months lie beside each other in the same cells: those that the first kept month was counted in.
        grids = next((profile.grids for profile in kept if profile is not None), None)
        found: list[MonthProfile | None] = []
        for month, key, before in zip(months, keys, kept, strict=True):
            if before is not None and before.grids == grids:
                found.append(before)
                continue
            grids = number_grids(log) if grids is None else grids
            found.append(read_profile(log, month, grids))
            self._keep(found[-1], key)
        return tuple(profile for profile in found if profile is not None)

    def _kept(self, month: Window, key: str) -> MonthProfile | None:
        if self.folder is None or not key:
            return None
        path = self.folder / f"{month.label}.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _from_arrays(month, arrays) if str(arrays["key"]) == key else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # not there, or cut short: the month is read anew

    def _keep(self, profile: MonthProfile | None, key: str) -> None:
        if self.folder is None or not key or profile is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{profile.window.label}.npz"
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **_to_arrays(profile), key=np.array(key))
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _DatedFile:
    """A file of the log's, in the state it is in, and the days of its rows; ``None`` where it does not say."""

    state: str
    first_on: dt.date | None
    last_on: dt.date | None

    def may_hold(self, month: Window) -> bool:
        if self.first_on is None or self.last_on is None:
            return True
        return self.first_on < month.end and self.last_on >= month.start


def _key(log: ScoringLog, month: Window, files: tuple[_DatedFile, ...]) -> str:
    """Return what a month's profile depends on as one hash; empty when that cannot be told."""
    if not files or month.end > log.as_of or month.end > log.last_on + dt.timedelta(days=1):
        return ""
    setup = log.setup
    first = Window.month_of(log.first_on)
    parts = {
        "format": _FORMAT,
        "columns": dataclasses.asdict(setup.columns),
        "kinds": dict(log.feature_kinds),
        "id_type": log.id_type,
        "time_zone": setup.time_zone,
        # The first month fixes the cells in which all months are counted.
        "files": [file.state for file in files if file.may_hold(month) or file.may_hold(first)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _files_by_days(log: ScoringLog, root: Path) -> tuple[_DatedFile, ...]:
    """Return the log's files with the days of their rows; none for a database, which cannot say what changed."""
    path = log.setup.source.resolved(root)
    kind = source_kind(path)
    if kind not in ("parquet", "csv"):
        return ()
    return tuple(_dated(file, log.setup.columns.scored_at, kind) for file in source_files(path))


def _dated(file: Path, scored_at: str, kind: str) -> _DatedFile:
    state = file.stat()
    ends = _days_in_parquet(file, scored_at) if kind == "parquet" else (None, None)
    text = f"{file.name} {state.st_size} {state.st_mtime_ns}"
    return _DatedFile(state=text, first_on=ends[0], last_on=ends[1])


def _days_in_parquet(file: Path, column: str) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and last day of a column by what the file says of itself, without reading a row."""
    import pyarrow.parquet as pq

    about = pq.ParquetFile(file).metadata
    names = [about.schema.column(i).path for i in range(about.num_columns)]
    if column not in names or not about.num_row_groups:
        return None, None
    place = names.index(column)
    found = [about.row_group(i).column(place).statistics for i in range(about.num_row_groups)]
    if not all(one is not None and one.has_min_max and hasattr(one.min, "isoformat") for one in found):
        return None, None
    first, last = min(one.min for one in found), max(one.max for one in found)
    # Months are those of the log's own zone, which may be most of a day away from the file's.
    slack = dt.timedelta(days=1 if getattr(first, "tzinfo", None) else 0)
    return _day(first) - slack, _day(last) + slack


def _day(moment: Any) -> dt.date:  # noqa: ANN401  # a date or a datetime, as the file has it
    day: dt.date = moment.date() if hasattr(moment, "date") else moment
    return day


def _to_arrays(profile: MonthProfile) -> dict[str, npt.NDArray[Any]]:
    """Lay a profile out as arrays by name."""
    sample = profile.sample
    arrays: dict[str, npt.NDArray[Any]] = {
        "n": np.array(profile.n),
        "number_names": np.array(list(profile.numbers), dtype=np.str_),
        "text_names": np.array(list(profile.texts), dtype=np.str_),
        "versions": np.array(list(profile.scores), dtype=np.str_),
        "exponents": np.array([profile.grids[name].exponent for name in profile.numbers], dtype=np.int64),
        "wholes": np.array([profile.grids[name].whole for name in profile.numbers], dtype=np.bool_),
        "sample_score": sample.score,
        "sample_decision": sample.decision,
        "sample_version": sample.version,
    }
    for i, (name, numbers) in enumerate(profile.numbers.items()):
        arrays |= {f"cells_{i}": numbers.cells, f"cells_n_{i}": numbers.n}
        arrays |= {
            f"cells_missing_{i}": np.array(numbers.n_missing),
            f"sample_number_{i}": sample.inputs[name],
        }
    for i, (name, texts) in enumerate(profile.texts.items()):
        arrays |= {f"texts_{i}": np.array(texts.texts, dtype=np.str_), f"texts_n_{i}": texts.n}
        arrays |= {f"texts_rest_{i}": np.array([texts.n_other, texts.n_missing])}
        arrays |= {f"sample_text_{i}": sample.inputs[name]}
    for i, scores in enumerate(profile.scores.values()):
        arrays |= {f"bins_{i}": scores.bins, f"bins_n_{i}": scores.n, f"bins_alerts_{i}": scores.n_alerts}
        arrays |= {f"sum_score_{i}": np.array(scores.sum_score)}
    return arrays


def _from_arrays(month: Window, arrays: Mapping[str, npt.NDArray[Any]]) -> MonthProfile:
    """Read what :func:`_to_arrays` laid out."""
    number_names, text_names, versions = (
        [str(name) for name in arrays[key]] for key in ("number_names", "text_names", "versions")
    )
    values = {name: arrays[f"sample_number_{i}"] for i, name in enumerate(number_names)}
    values |= {name: arrays[f"sample_text_{i}"] for i, name in enumerate(text_names)}
    pairs = zip(number_names, arrays["exponents"], arrays["wholes"], strict=True)
    return MonthProfile(
        window=month,
        n=int(arrays["n"]),
        grids={name: NumberGrid(exponent=int(power), whole=bool(whole)) for name, power, whole in pairs},
        numbers={
            name: NumberCounts(
                cells=arrays[f"cells_{i}"],
                n=arrays[f"cells_n_{i}"],
                n_missing=int(arrays[f"cells_missing_{i}"]),
            )
            for i, name in enumerate(number_names)
        },
        texts={name: _texts(arrays, i) for i, name in enumerate(text_names)},
        scores={name: _scores(arrays, i) for i, name in enumerate(versions)},
        sample=RowSample(
            score=arrays["sample_score"],
            decision=arrays["sample_decision"],
            version=arrays["sample_version"],
            inputs=values,
        ),
    )


def _texts(arrays: Mapping[str, npt.NDArray[Any]], place: int) -> TextCounts:
    n_other, n_missing = arrays[f"texts_rest_{place}"].tolist()
    texts = tuple(str(text) for text in arrays[f"texts_{place}"])
    return TextCounts(texts=texts, n=arrays[f"texts_n_{place}"], n_other=n_other, n_missing=n_missing)


def _scores(arrays: Mapping[str, npt.NDArray[Any]], place: int) -> VersionScores:
    return VersionScores(
        bins=arrays[f"bins_{place}"],
        n=arrays[f"bins_n_{place}"],
        n_alerts=arrays[f"bins_alerts_{place}"],
        sum_score=float(arrays[f"sum_score_{place}"]),
    )
