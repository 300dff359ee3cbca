from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from afterlaunch.interruption import Interruption
from afterlaunch.kernel import NotebookJob, execute
from tiny_project import is_gone, make_project

ENDS = "import os, pathlib; _ = pathlib.Path('pid').write_text(str(os.getpid()))"


@pytest.fixture
def job_of(tmp_path):
    def job(*cells: str, result: str = "x = 1", **parameters) -> NotebookJob:
        make_project(tmp_path, *cells, result=result)
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        return NotebookJob(
            notebook=tmp_path / "notebooks" / "tiny.ipynb",
            parameters={"n": 1, **parameters},
            folder=folder,
            environment={"AFTERLAUNCH_RUN_DIR": str(folder)},
        )

    return job


def run(job: NotebookJob, timeout_s: float = 60.0):
    with Interruption(timeout_s) as interruption:
        return execute(job, interruption)


def texts(execution) -> str:
    outputs = [output for cell in execution.notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def sockets(job: NotebookJob) -> Path:
    return Path((job.folder / "sockets").read_text(encoding="utf-8"))


def test_a_notebook_runs_in_our_own_python_and_library_untouched_by_anybodys_start_up_files(
    job_of, monkeypatch, tmp_path, capfd
):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("theirs = 1", encoding="utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    before = dict(os.environ)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED")
    cell = (
        "import os, sys, afterlaunch\n"
        f"print(sys.executable, os.path.dirname(afterlaunch.__file__), os.getcwd(), "
        f"*(os.environ[name] for name in {names}), n, 'theirs' in globals())"
    )
    execution = run(job_of(cell, n=7))
    package = str(Path(sys.modules["afterlaunch"].__file__).parent)
    assert execution.problem == ""
    assert texts(execution).split() == [
        sys.executable,
        package,
        f"{tmp_path}/run",
        "1",
        "1",
        "0",
        "7",
        "False",
    ]
    assert dict(os.environ) == before
    assert min(execution.kernel_start_s, execution.cells_s) > 0
    assert capfd.readouterr() == ("", "")


def test_kernels_talk_over_files_that_are_gone_afterwards(job_of):
    job = job_of("import os; print(sorted(os.listdir(os.environ['TMPDIR'])))", ENDS)
    execution = run(job)
    assert "'k-1', 'k-2', 'k-3', 'k-4', 'k-5', 'kernel.json'" in texts(execution)
    assert not sockets(job).exists()
    assert is_gone(int((job.folder / "pid").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("cell", "raised"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("import sys; sys.exit(0)", "SystemExit: 0")],
)
def test_a_cell_that_raises_is_named_with_its_section(job_of, cell, raised):
    execution = run(job_of(cell))
    assert execution.problem == f"the cell under 'Compute' raised {raised}"
    assert (execution.is_kernel_dead, execution.error.is_ours) == (False, False)


def test_an_error_of_ours_is_told_from_one_of_the_same_name(job_of):
    ours = run(job_of("from afterlaunch.windows import Window\nWindow.parse('2013-9')")).error
    assert (ours.name, ours.is_ours) == ("ParameterError", True)
    assert ours.text.startswith("Period '2013-9' is not a month.")
    other = run(job_of("class ParameterError(Exception): ...\nraise ParameterError('File /x.py:3')")).error
    assert (other.name, other.text, other.is_ours) == ("ParameterError", "File /x.py:3", False)


def test_a_killed_kernel_is_told_and_cells_that_never_ran_are_not_called_completed(job_of):
    job = job_of("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    execution = run(job)
    assert execution.problem == (
        "its kernel died in the cell under 'Compute': "
        "it was killed (SIGKILL), which is what happens when memory runs out."
    )
    assert execution.is_kernel_dead
    assert [cell.metadata.papermill.status for cell in execution.notebook.cells] == [
        *["completed"] * 4,
        "failed",
        "pending",
    ]
    assert not sockets(job).exists()


def test_a_kernel_that_ends_itself_is_told_with_its_exit_code(job_of):
    problem = run(job_of("import os; os._exit(3)")).problem
    assert problem == "its kernel died in the cell under 'Compute': exit code 3."


def test_what_ends_a_run_ends_its_kernel_with_all_it_started(job_of):
    cell = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "_ = pathlib.Path('child').write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    job = job_of(ENDS, cell)

    def end_it() -> None:
        while not (job.folder / "child").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGALRM)

    threading.Thread(target=end_it, daemon=True).start()
    execution = run(job)
    assert execution.problem == "was ended by its time limit of 60 s in 'Compute'"
    for name in ("pid", "child"):
        assert is_gone(int((job.folder / name).read_text(encoding="utf-8")))
    assert [cell.metadata.papermill.status for cell in execution.notebook.cells] == [
        *["completed"] * 5,
        "failed",
        "pending",
    ]


@pytest.mark.parametrize("tag", ["raises-exception", "skip-execution"])
def test_no_tag_lets_a_broken_cell_pass(job_of, tag):
    job = job_of("1 / 0")
    text = job.notebook.read_text(encoding="utf-8")
    marked = text.replace(
        '"id": "cell-3", "metadata": {}', f'"id": "cell-3", "metadata": {{"tags": ["{tag}"]}}'
    )
    assert marked != text
    job.notebook.write_text(marked, encoding="utf-8")
    assert "ZeroDivisionError" in run(job).problem


def test_a_kernel_that_does_not_start_is_tried_twice_and_told(job_of, monkeypatch, tmp_path):
    fake = tmp_path / "python"
    fake.write_text(
        f"#!/bin/sh\necho tried >> {tmp_path}/tries\necho no such module >&2\nexit 4\n", encoding="utf-8"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    execution = run(job_of())
    assert execution.problem == "its kernel did not start: exit code 4, its last words were 'no such module'."
    assert execution.is_kernel_dead
    assert execution.notebook is None
    assert (tmp_path / "tries").read_text(encoding="utf-8") == "tried\ntried\n"


def test_a_kernel_that_starts_at_the_second_try_does_its_work(job_of, monkeypatch, tmp_path):
    fake = tmp_path / "python"
    first = f"if [ ! -e {tmp_path}/tried ]; then touch {tmp_path}/tried; exit 1; fi"
    fake.write_text(f'#!/bin/sh\n{first}\nexec {sys.executable} "$@"\n', encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    assert run(job_of()).problem == ""
    assert (tmp_path / "tried").exists()
