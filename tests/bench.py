"""Where the time of a report goes, against an empty notebook through the same path.

Run with ``make bench``. The empty notebook takes the same parameters, imports the very modules that the
report has loaded by its end, and writes a result. The rest is the same: a process of its own, the runner,
the kernel, the page, the publishing. A copy of the report that imports everything at once and keeps the
engine's time shows the phases. All run by turns, for a busy machine slows all; figures are medians.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
PHASES = ("start and checks", "imports", "kernel start", "read", "compute", "render", "convert", "publish")
RUNNER_PHASES = {
    "imports": "imports",
    "kernel start": "kernel start",
    "render": "convert",
    "publish": "publish",
}
ENGINE_FILE = "engine_s.json"
TIMED_ENGINE = """
import functools, time
from afterlaunch.engine import DuckDB

seconds = []
nested = []

def timed(method):
    @functools.wraps(method)
    def timing(*arguments, **options):
        start = time.perf_counter()
        nested.append(method)
        try:
            return method(*arguments, **options)
        finally:
            nested.pop()
            if not nested:
                seconds.append(time.perf_counter() - start)
    return timing

for name in ("__init__", "read", "create_view", "query"):
    setattr(DuckDB, name, timed(getattr(DuckDB, name)))
"""
KEPT_ENGINE_TIME = f"""
import json, os, pathlib
_ = pathlib.Path(os.environ["AFTERLAUNCH_ROOT"], "{ENGINE_FILE}").write_text(json.dumps(sum(seconds)))
"""
MOST_TIMES_THE_EMPTY_ONE = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    stem: str
    model: str
    period: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    wall_s: float
    cpu_s: float
    phases_s: dict[str, float]


def main() -> None:
    options = parsed_options()
    job = Job(stem=options.stem, model=options.model, period=options.period)
    if options.once:
        run_here(job, options.once)
        return
    import nbformat

    notebook = nbformat.read(ROOT / "notebooks" / f"{job.stem}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory(prefix="afterlaunch-bench-") as folder:
        scratch = Path(folder)
        loaded = scratch / "loaded.json"
        # The first run also warms the caches of the files and of the compiled modules.
        run_apart(job, make_root(scratch / "warm-up", job, with_list_of_modules(notebook, loaded)))
        notebooks = {
            "report": notebook,
            "phases": with_phases(notebook, loaded),
            "empty": empty_notebook(notebook, job, loaded),
        }
        roots = {kind: make_root(scratch / kind, job, made) for kind, made in notebooks.items()}
        timings = {kind: [] for kind in roots}
        for repetition in range(options.repetitions):
            for kind in sorted(roots, reverse=repetition % 2 == 0):
                timings[kind].append(run_apart(job, roots[kind]))
    say_result(job, timings)


def parsed_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stem", default="monthly_health")
    parser.add_argument("--model", default="flight_claims")
    parser.add_argument("--period", default="2013-09")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_root(root: Path, job: Job, notebook: NotebookNode) -> Path:
    """Make a project around a notebook: everything but notebooks and outputs is the real one's."""
    import nbformat

    (root / "notebooks").mkdir(parents=True)
    for name in ("params", "data", "lib", "pyproject.toml", "requirements.lock"):
        (root / name).symlink_to(ROOT / name)
    nbformat.write(notebook, root / "notebooks" / f"{job.stem}.ipynb")
    return root


def with_list_of_modules(notebook: NotebookNode, path: Path) -> NotebookNode:
    """Return the notebook with a last cell that writes which modules came from files, in their order."""
    import nbformat

    source = (
        "import json, pathlib, sys\n"
        "specs = {name: getattr(module, '__spec__', None) for name, module in sys.modules.copy().items()}\n"
        "found = [name for name, spec in specs.items() if getattr(spec, 'has_location', False)]\n"
        f"_ = pathlib.Path({str(path)!r}).write_text(json.dumps(found))"
    )
    return nbformat.v4.new_notebook(
        cells=[*notebook.cells, nbformat.v4.new_code_cell(source)], metadata=notebook.metadata
    )


def with_phases(notebook: NotebookNode, loaded: Path) -> NotebookNode:
    """Return the notebook with all its imports before the cells that work, and a clock on the engine."""
    import nbformat

    setup = next(place for place, cell in enumerate(notebook.cells) if "setup" in tags(cell))
    before, after = notebook.cells[: setup + 1], notebook.cells[setup + 1 :]
    clock = nbformat.v4.new_code_cell(TIMED_ENGINE, metadata={"tags": ["setup"]})
    last = nbformat.v4.new_code_cell(KEPT_ENGINE_TIME, metadata={"tags": ["setup"]})
    return nbformat.v4.new_notebook(
        cells=[*before, imports_cell(loaded), clock, *after, last], metadata=notebook.metadata
    )


def empty_notebook(notebook: NotebookNode, job: Job, loaded: Path) -> NotebookNode:
    import nbformat

    parameters = next(cell for cell in notebook.cells if "parameters" in tags(cell))
    result = nbformat.v4.new_code_cell(
        "import os, pathlib\n"
        "from afterlaunch.artifacts import write_json\n"
        "result = {'headline': 'Nothing was looked at.', 'severity': 'unknown', 'schema_version': 1}\n"
        f"write_json(pathlib.Path(os.environ['AFTERLAUNCH_RUN_DIR'], '{job.stem}.json'), result)"
    )
    title = nbformat.v4.new_markdown_cell("# What does nothing cost?")
    return nbformat.v4.new_notebook(
        cells=[title, parameters, imports_cell(loaded), result], metadata=notebook.metadata
    )


def imports_cell(loaded: Path) -> NotebookNode:
    import nbformat

    return nbformat.v4.new_code_cell(
        "import contextlib, importlib, json, pathlib\n"
        f"for name in json.loads(pathlib.Path({str(loaded)!r}).read_text()):\n"
        "    with contextlib.suppress(ImportError):\n"
        "        importlib.import_module(name)",
        metadata={"tags": ["setup"]},
    )


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def run_apart(job: Job, root: Path) -> Timing:
    """Run a report in a process of its own; CPU seconds include those of its kernel."""
    command = [sys.executable, __file__, "--stem", job.stem, "--model", job.model, "--period", job.period]
    environment = {**os.environ, "AFTERLAUNCH_ROOT": str(root)}
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, "--once", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        told, problems = process.communicate()
    wall_s = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"bench: the run in {root.name} failed.\n{problems}")
    measured = json.loads(told.splitlines()[-1])
    phases_s = measured["phases_s"]
    phases_s["start and checks"] = wall_s - sum(phases_s.values())
    return Timing(wall_s=wall_s, cpu_s=measured["cpu_s"], phases_s=phases_s)


def run_here(job: Job, root: Path) -> None:
    """Do what the command does, and print the phases as JSON."""
    from afterlaunch.notebook_file import leave_out_slow_grammar

    leave_out_slow_grammar()
    from afterlaunch.monitored import load_model
    from afterlaunch.params import load_parameters
    from afterlaunch.run import RunOptions, run

    parameters = load_parameters(job.stem, job.model, {"period": job.period}, root)
    sources = load_model(job.model, root=root).sources
    outcome = run(job.stem, parameters, root=root, sources=sources, options=RunOptions(force=True))
    if outcome.html_path is None:
        sys.exit(outcome.message)
    kept = root / ENGINE_FILE
    engine_s = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else 0.0
    phases_s = {
        phase: outcome.seconds_by_phase.get(name, 0.0) for name, phase in RUNNER_PHASES.items()
    } | cell_seconds(
        outcome.html_path.with_suffix(".ipynb"),
        runner_imports_s=outcome.seconds_by_phase["imports"],
        engine_s=engine_s,
    )
    times = os.times()
    cpu_s = times.user + times.system + times.children_user + times.children_system
    sys.stdout.write(json.dumps({"phases_s": phases_s, "cpu_s": cpu_s}) + "\n")


def cell_seconds(path: Path, *, runner_imports_s: float, engine_s: float) -> dict[str, float]:
    """Add up the cells' seconds: what a cell keeps in a name is computed, what it shows is rendered."""
    import nbformat

    seconds = {"imports": runner_imports_s, "read": engine_s, "compute": -engine_s, "render": 0.0}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            kinds = {type(statement) for statement in ast.parse(cell.source).body}
            phase = "imports" if "setup" in tags(cell) else "render" if ast.Expr in kinds else "compute"
            seconds[phase] += cell.metadata.get("papermill", {}).get("duration") or 0.0
    return {phase: max(value, 0.0) for phase, value in seconds.items()}


def say_result(job: Job, timings: dict[str, list[Timing]]) -> None:
    report, phases, empty = timings["report"], timings["phases"], timings["empty"]
    rows = [
        (phase, *(middle(timing.phases_s.get(phase, 0.0) for timing in side) for side in (phases, empty)))
        for phase in PHASES
    ]
    wall = [middle(timing.wall_s for timing in side) for side in (report, empty)]
    cpu = [middle(timing.cpu_s for timing in side) for side in (report, empty)]
    say(f"{job.stem}, {job.model} {job.period}: median seconds of {len(report)} runs each, by turns")
    say(f"{'':24}{'report':>10}{'empty':>10}")
    for name, *seconds in (*rows, ("whole run", *wall), ("processor time", *cpu)):
        say(f"{name:24}" + "".join(f"{value:10.2f}" for value in seconds))
    times = [middle(ratios(report, empty, what)) for what in ("wall_s", "cpu_s")]
    say(
        f"the report takes {times[0]:.2f} times the empty one, by processor time {times[1]:.2f} (medians of pairs)"
    )
    say(f"allowed: {MOST_TIMES_THE_EMPTY_ONE:g}")


def ratios(report: list[Timing], empty: list[Timing], what: str) -> list[float]:
    """Divide each run by the one beside it, which met the same load of the machine."""
    return [getattr(own, what) / getattr(other, what) for own, other in zip(report, empty, strict=True)]


def middle(seconds) -> float:
    return statistics.median(seconds)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
