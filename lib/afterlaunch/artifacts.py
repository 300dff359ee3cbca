"""The files of a report: their names, their fingerprints, and JSON that is the same for the same content."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from afterlaunch.errors import DataError
from afterlaunch.params import safe_name

if TYPE_CHECKING:
    from afterlaunch.render.markup import Text

RUN_FOLDER_VARIABLE = "AFTERLAUNCH_RUN_DIR"
_CHUNK_BYTES = 1 << 20
# A file changed twice within one tick of the clock can keep its time: only older times are trusted.
_SETTLED_NS = 2_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """One report: a notebook's stem, a model and a period, and where its files are.

    Raises
    ------
    ParameterError
        When the model, the period or the stem is not safe in a file name.
    """

    stem: str
    model: str
    period: str
    root: Path

    def __post_init__(self) -> None:
        for what in ("stem", "model", "period"):
            safe_name(getattr(self, what), what=what)

    @property
    def outputs(self) -> Path:
        """The folder of all reports."""
        return self.root / "outputs"

    @property
    def folder(self) -> Path:
        """The folder of this model and period."""
        return self.outputs / self.model / self.period

    @property
    def notebook(self) -> Path:
        """The notebook that makes the report."""
        return self.root / "notebooks" / f"{self.stem}.ipynb"

    @property
    def name(self) -> str:
        """The report in words, such as ``monthly_health for flight_claims 2013-09``."""
        return f"{self.stem} for {self.model} {self.period}"

    def published(self, suffix: str) -> Path:
        """Return the published file with a suffix such as ``".html"``."""
        return self.folder / f"{self.stem}{suffix}"


class Exportable(Protocol):
    """Anything with a ``to_json``: the report types."""

    def to_json(self) -> dict[str, Any]:
        """Return plain keys and values."""


class HashMemory(Protocol):
    """Remembers the hash of a file by its path, size and time of change."""

    def recall(self, path: str, *, size: int, mtime_ns: int) -> str | None:
        """Return the hash remembered for exactly this state of the file."""

    def remember(self, path: str, sha256: str, *, size: int, mtime_ns: int) -> None:
        """Remember the hash of this state of the file."""


def export(report: Exportable, stem: str) -> Text:
    """Write ``<stem>.json`` into the folder of the run, and say in a sentence what was done.

    A notebook calls this in its last cell. Without a run (in JupyterLab, or under plain Papermill) nothing is
    written, and the sentence says how to publish.

    Parameters
    ----------
    report : Exportable
        The report; its ``to_json`` holds ``headline``, ``severity`` and ``schema_version``.
    stem : str
        The notebook's stem.

    Returns
    -------
    Text
        The sentence to show.
    """
    from afterlaunch.render.markup import Text

    folder = os.environ.get(RUN_FOLDER_VARIABLE)
    file_name = f"{safe_name(stem, what='stem')}.json"
    if not folder:
        return Text(
            f"Nothing was written: {file_name} is written by a run of its own. "
            f"To publish this report: afterlaunch run {stem} --model MODEL --period YYYY-MM"
        )
    write_json(Path(folder) / file_name, report.to_json())
    return Text(f"The result was written to {file_name}.")


def write_json(path: Path, mapping: Mapping[str, object]) -> None:
    """Write keys and values as JSON: the same bytes for the same content, in full or not at all.

    Keys are sorted, text is kept as it is, the file ends with a new line.

    Raises
    ------
    DataError
        When a value is nan or infinite, or of a type that JSON does not have; the message names its place.
    """
    unfit = next(_unfit(mapping, ""), None)
    if unfit:
        raise DataError(f"{path.name} cannot be written: {unfit}")
    text = json.dumps(mapping, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file in full or not at all: a reader sees the old file or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of keys and values.

    Raises
    ------
    DataError
        When the file is missing, is not JSON (NaN and Infinity are not), or does not hold keys and values.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise DataError(f"There is no {path.name} in {path.parent}. Run its notebook to the end.") from None
    except ValueError as error:
        raise DataError(f"{path.name} is not JSON: {error}. Write it with artifacts.write_json.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path.name} holds {type(content).__name__}, allowed are keys and values.")
    return content


def fingerprint(source: str | Path, *, memory: HashMemory | None = None) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's or glob's files.

    Parameters
    ----------
    source : str or pathlib.Path
        A file, a folder (with all folders in it, without hidden files) or a glob such as ``"log/*.parquet"``.
    memory : HashMemory, optional
        Saves reading a file again that has not changed since.

    Returns
    -------
    str
        64 hexadecimal digits. Renaming, adding or changing any file gives another.

    Raises
    ------
    DataError
        When nothing is there.
    """
    path = Path(source)
    if path.is_file():
        return _file_hash(path, memory)
    base, files = _files_of(path)
    if not files:
        raise DataError(f"There is no data at {str(source)!r}. Correct the path, or bring the data there.")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(base).as_posix()}\0{_file_hash(file, memory)}\n".encode())
    return digest.hexdigest()


def _files_of(path: Path) -> tuple[Path, list[Path]]:
    if path.is_dir():
        return path, sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
    fixed = [part for part in path.parents if not glob.has_magic(str(part))]
    found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - any absolute glob
    return fixed[0], [file for file in found if file.is_file()]


def _is_hidden(file: Path, base: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(base).parts)


def _file_hash(path: Path, memory: HashMemory | None) -> str:
    state = path.stat()
    name = str(path.absolute())
    if memory:
        known = memory.recall(name, size=state.st_size, mtime_ns=state.st_mtime_ns)
        if known:
            return known
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    if memory and time.time_ns() - state.st_mtime_ns > _SETTLED_NS:
        memory.remember(name, digest.hexdigest(), size=state.st_size, mtime_ns=state.st_mtime_ns)
    return digest.hexdigest()


def _unfit(value: object, path: str) -> Iterator[str]:
    """Yield what JSON cannot hold as it stands, each with its place."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{path or '(top)'} has the key {key!r}, allowed is text. Write the key as text."
            yield from _unfit(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, str | bool | int | None):
        return
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{path} is {float(value)}, allowed is a finite number or null. Give null with a reason."
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _unfit(item, f"{path}[{i}]")
    else:
        kind = type(value).__name__
        yield f"{path} is of type {kind}. Allowed are text, numbers, true/false, null, lists and mappings."


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")
