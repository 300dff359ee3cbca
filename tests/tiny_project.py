"""A project with one tiny notebook, and a program that runs it: what the tests of the runner work on.

``python tiny_project.py ROOT [PERIOD]`` runs it in a process of its own, which can be signalled.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import afterlaunch
from afterlaunch.run import RunOptions, RunOutcome, run

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(afterlaunch.__file__).parents[1])}
if TYPE_CHECKING:
    import datetime as dt

PARAMETERS_CELL = (
    'model: str = "desk"  # the model\nperiod: str = "2013-09"  # the month\nn: int = 1  # any number'
)
RESULT_CELL = """
import json, os, pathlib
result = {"headline": f"All well: {n}.", "severity": "ok", "schema_version": 1, "n": n}
_ = pathlib.Path(os.environ["AFTERLAUNCH_RUN_DIR"], "tiny.json").write_text(json.dumps(result))
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TinyParameters:
    model: str = "desk"
    period: str = "2013-09"
    n: int = 1


def make_project(root: Path, *cells: str, result: str = RESULT_CELL) -> Path:
    """Write a project whose notebook ``tiny`` has the given code cells between parameters and result."""
    (root / "notebooks").mkdir(parents=True, exist_ok=True)
    (root / "params" / "desk").mkdir(parents=True, exist_ok=True)
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "log.csv").write_text("id,score\n1,0.5\n", encoding="utf-8")
    write_notebook(root / "notebooks" / "tiny.ipynb", *cells, result=result)
    return root


def write_notebook(
    path: Path, *cells: str, result: str = RESULT_CELL, parameters: str = PARAMETERS_CELL
) -> None:
    sources = [("markdown", "# Is it well?"), ("code", parameters), ("markdown", "## Compute")]
    sources += [("code", cell) for cell in (*cells, result)]
    notebook = {
        "cells": [_cell(kind, source, i) for i, (kind, source) in enumerate(sources)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    notebook["cells"][1]["metadata"]["tags"] = ["parameters"]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def _cell(kind: str, source: str, i: int) -> dict:
    cell = {"cell_type": kind, "id": f"cell-{i}", "metadata": {}, "source": source}
    return cell | {"outputs": [], "execution_count": None} if kind == "code" else cell


def render(
    notebook_path: Path, html_path: Path, *, made_at: dt.datetime, run_id: str, parameters: dict[str, object]
) -> None:
    assert made_at.tzinfo
    assert run_id
    n_cells = len(json.loads(notebook_path.read_text(encoding="utf-8"))["cells"])
    html_path.write_text(
        f"<!DOCTYPE html><title>{n_cells} cells, n={parameters['n']}</title>", encoding="utf-8"
    )


def run_tiny(root: Path, *, n: int = 1, period: str = "2013-09", **options) -> RunOutcome:
    return run(
        "tiny",
        TinyParameters(n=n, period=period),
        root=root,
        sources=("data/log.csv",),
        options=RunOptions(**{"timeout_s": 60.0, "render": render, **options}),
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under a folder and its content, but for locks and the ledger."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".locks" not in path.parts and not path.name.startswith("ledger.sqlite")
    }


def is_gone(pid: int, *, within_s: float = 5.0) -> bool:
    """Tell whether a process ends in time; one that only waits to be collected has ended."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    from afterlaunch.errors import AfterlaunchError

    try:
        outcome = run_tiny(Path(sys.argv[1]), period=sys.argv[2] if len(sys.argv) > 2 else "2013-09")
    except AfterlaunchError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    sys.stderr.write(f"{outcome.message}\n")
    sys.exit(outcome.exit_code)
