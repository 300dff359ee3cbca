"""The ledger: one row a run, in ``outputs/ledger.sqlite``, and the hashes of files seen before."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import sqlite3
from typing import TYPE_CHECKING, cast

from afterlaunch.artifacts import Report
from afterlaunch.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VERSION = 1
_BUSY_S = 15.0
_JSON_COLUMNS = ("parameters", "data_fingerprints", "versions", "output_hashes")


class RunStatus(enum.StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    KERNEL_DIED = "kernel_died"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"
    DIED = "died"
    """The process that ran it ended without a word; found by a later run."""
    UP_TO_DATE = "up_to_date"
    """Nothing had changed, so nothing ran; such a call leaves no row."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One run. Times are ISO 8601 in UTC; hashes are SHA-256."""

    run_id: str
    stem: str
    model: str
    period: str
    status: RunStatus
    started_at: str
    exit_code: int | None = None
    ended_at: str = ""
    duration_s: float | None = None
    parameters: Mapping[str, object] = dataclasses.field(default_factory=dict)
    data_fingerprints: Mapping[str, str] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, object] = dataclasses.field(default_factory=dict)
    input_hash: str = ""
    output_hashes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headline: str = ""
    severity: str = ""
    message: str = ""

    def report(self, root: Path) -> Report:
        """Return the report that the run made, or tried to make."""
        return Report(stem=self.stem, model=self.model, period=self.period, root=root)


_COLUMNS = tuple(field.name for field in dataclasses.fields(LedgerRow))
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, {", ".join(f"{column}" for column in _COLUMNS[1:])}
);
CREATE INDEX IF NOT EXISTS runs_by_report ON runs (model, period, stem, status);
CREATE TABLE IF NOT EXISTS file_hashes (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
);
PRAGMA user_version = {_VERSION};
"""


class Ledger:
    """Reads and writes the ledger in short transactions, so that several runs can share it.

    Parameters
    ----------
    path : pathlib.Path
        The SQLite file; made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def record(self, row: LedgerRow) -> None:
        """Write a run's row, in place of an earlier row of the same run."""
        values = [_stored(column, getattr(row, column)) for column in _COLUMNS]
        places = ", ".join("?" for _ in _COLUMNS)
        with self._connection() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO runs ({', '.join(_COLUMNS)}) VALUES ({places})",  # noqa: S608 - our own names
                values,
            )

    def running(self) -> tuple[LedgerRow, ...]:
        """Return the runs that have not ended, or never said so."""
        return self._rows("WHERE status = ?", RunStatus.RUNNING)

    def runs(self, report: Report) -> tuple[LedgerRow, ...]:
        """Return every run of a report, oldest first."""
        return self._rows(
            "WHERE stem = ? AND model = ? AND period = ?", report.stem, report.model, report.period
        )

    def last_published(self, report: Report) -> LedgerRow | None:
        """Return the run whose files are the published ones."""
        good = [row for row in self.runs(report) if row.status is RunStatus.OK]
        return good[-1] if good else None

    def published(self) -> tuple[LedgerRow, ...]:
        """Return the newest good run of every report, newest first."""
        by_report = {
            (row.stem, row.model, row.period): row for row in self._rows("WHERE status = ?", RunStatus.OK)
        }
        return tuple(sorted(by_report.values(), key=lambda row: (row.ended_at, row.run_id), reverse=True))

    def recall(self, path: str, *, size: int, mtime_ns: int) -> str | None:
        """Return the hash of a file when it is known for exactly this size and time of change."""
        if not self._path.exists():
            return None
        with self._connection() as connection:
            found = connection.execute(
                "SELECT sha256 FROM file_hashes WHERE path = ? AND size = ? AND mtime_ns = ?",
                (path, size, mtime_ns),
            ).fetchone()
        return str(found[0]) if found else None

    def remember(self, path: str, sha256: str, *, size: int, mtime_ns: int) -> None:
        """Remember the hash of a file for this size and time of change."""
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO file_hashes (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)",
                (path, size, mtime_ns, sha256),
            )

    def _rows(self, condition: str, *values: object) -> tuple[LedgerRow, ...]:
        if not self._path.exists():
            return ()
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM runs {condition} ORDER BY ended_at, started_at, run_id",  # noqa: S608 - our own names
                values,
            ).fetchall()
        return tuple(_row(entry) for entry in found)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_S)
        try:
            self._prepare(connection)
            with connection:
                yield connection
        except sqlite3.Error as error:
            raise RunError(
                f"The ledger {self._path} cannot be used: {error}. "
                "Free it, or move it away: the next run makes a new one, and every report runs again once."
            ) from error
        finally:
            connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise RunError(
                f"The ledger {self._path} has version {version}, this library knows up to {_VERSION}. "
                "Use the newer library that wrote it."
            )
        if version < _VERSION:
            connection.executescript(_SCHEMA)


def _stored(column: str, value: object) -> object:
    if column in _JSON_COLUMNS:
        return json.dumps(dict(cast("Mapping[str, object]", value)), sort_keys=True, ensure_ascii=False)
    return str(value) if isinstance(value, enum.StrEnum) else value


def _row(entry: sqlite3.Row) -> LedgerRow:
    values = {
        column: json.loads(entry[column]) if column in _JSON_COLUMNS else entry[column] for column in _COLUMNS
    }
    return LedgerRow(**{**values, "status": RunStatus(values["status"])})
