"""Publishing by renames, keeping the evidence of failures, and tidying up after runs that were killed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from afterlaunch.artifacts import Report, fingerprint
from afterlaunch.kernel import SOCKET_FOLDER_PREFIX
from afterlaunch.ledger import Ledger, LedgerRow, RunStatus
from afterlaunch.lock import clear_sign_of_life, is_alive
from afterlaunch.notebook_file import put_note_first, read_notebook, write_notebook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbformat import NotebookNode

PUBLISHED_SUFFIXES = (".ipynb", ".json", ".html")
"""In the order of publishing: the page is the pointer, and comes last."""

_N_FAILED_KEPT = 5


def publish(report: Report, folder: Path) -> dict[str, str]:
    """Move the finished files of a run to where people look, each by one rename, the page last.

    Returns
    -------
    dict
        The hash of each file by its name.
    """
    files = {suffix: folder / f"{report.stem}{suffix}" for suffix in PUBLISHED_SUFFIXES}
    hashes = {path.name: fingerprint(path) for path in files.values()}
    report.folder.mkdir(parents=True, exist_ok=True)
    for path in files.values():
        _to_disk(path)
    for suffix, path in files.items():
        path.replace(report.published(suffix))
    _to_disk(report.folder)
    return hashes


def is_published(report: Report, output_hashes: Mapping[str, str]) -> bool:
    """Tell whether the published files are there and are the ones that were published."""
    paths = [report.published(suffix) for suffix in PUBLISHED_SUFFIXES]
    return all(path.is_file() and fingerprint(path) == output_hashes.get(path.name) for path in paths)


def keep_evidence(
    report: Report, run_id: str, *, folder: Path, notebook: NotebookNode | None, problem: str
) -> Path:
    """Keep the notebook of a run that failed, with the reason in its first cell, and what was logged.

    The newest five failures of a report are kept.

    Returns
    -------
    pathlib.Path
        The notebook that was kept.
    """
    kept = report.folder / "failed" / run_id
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / f"{report.stem}.ipynb"
    evidence = notebook if notebook is not None else read_notebook(report.notebook)
    put_note_first(evidence, f"This run failed. {problem}")
    write_notebook(evidence, path)
    for told in (folder / "kernel.log", folder / "error.txt"):
        if told.is_file() and told.stat().st_size:
            told.replace(kept / told.name)
    for old in sorted(path.parent for path in report.folder.glob(f"failed/*/{report.stem}.ipynb"))[
        :-_N_FAILED_KEPT
    ]:
        shutil.rmtree(old)
    return path


def run_folder(outputs: Path, run_id: str) -> Path:
    """Return the folder that a run works in until it publishes."""
    return outputs / ".runs" / run_id


def tidy_after_killed_runs(outputs: Path, ledger: Ledger) -> tuple[LedgerRow, ...]:
    """Mark runs that ended without a word as died, and remove what they left behind.

    Returns
    -------
    tuple of LedgerRow
        The runs that died.
    """
    dead = [row for row in ledger.running() if not is_alive(outputs, row.run_id)]
    for row in dead:
        ledger.record(
            dataclasses.replace(
                row,
                status=RunStatus.DIED,
                message="The process ended without a word: killed, or the machine went down.",
            )
        )
    for folder in (outputs / ".runs").glob("*/"):
        if not is_alive(outputs, folder.name):
            _remove_sockets(folder)
            shutil.rmtree(folder, ignore_errors=True)
            clear_sign_of_life(outputs, folder.name)
    return tuple(dead)


def _remove_sockets(folder: Path) -> None:
    with contextlib.suppress(OSError):
        sockets = Path((folder / "sockets").read_text(encoding="utf-8"))
        is_temporary = sockets.parent in (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - where kernel.py makes it
        if is_temporary and sockets.name.startswith(SOCKET_FOLDER_PREFIX):
            shutil.rmtree(sockets)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
