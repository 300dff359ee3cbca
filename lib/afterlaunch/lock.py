"""File locks, freed by the system on a crash: one run of a report at a time, a sign of life of every run."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from typing import IO, TYPE_CHECKING

from afterlaunch.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from afterlaunch.artifacts import Report


@contextlib.contextmanager
def report_lock(report: Report) -> Iterator[None]:
    """Hold the lock of a report while a run makes it.

    Raises
    ------
    BusyError
        When another process holds it; the message says which and since when.
    """
    path = locks_folder(report.outputs) / f"{report.model}.{report.period}.{report.stem}"
    with _opened(path) as file:
        if not _locked(file):
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BusyError(f"{report.name} is being made by {holder}. Wait for it to end, then run again.")
        _write_holder(file)
        try:
            yield
        finally:
            file.truncate(0)


@contextlib.contextmanager
def sign_of_life(outputs: Path, run_id: str) -> Iterator[None]:
    """Hold a lock that tells other runs that this one is alive."""
    path = _life_path(outputs, run_id)
    with _opened(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_alive(outputs: Path, run_id: str) -> bool:
    """Tell whether the process of a run still lives."""
    try:
        with _life_path(outputs, run_id).open(encoding="utf-8") as file:
            return not _locked(file)
    except FileNotFoundError:
        return False


def clear_sign_of_life(outputs: Path, run_id: str) -> None:
    """Remove what a run that died has left among the locks."""
    _life_path(outputs, run_id).unlink(missing_ok=True)


@contextlib.contextmanager
def index_lock(outputs: Path) -> Iterator[None]:
    """Wait for the lock under which the index page is read together and written."""
    with _opened(locks_folder(outputs) / "index") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def locks_folder(outputs: Path) -> Path:
    """Return the folder of the lock files."""
    return outputs / ".locks"


def _life_path(outputs: Path, run_id: str) -> Path:
    return locks_folder(outputs) / f"run.{run_id}"


def _opened(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+", encoding="utf-8")


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(file: IO[str]) -> None:
    since = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    file.truncate(0)
    file.write(f"process {os.getpid()} since {since}\n")
    file.flush()
