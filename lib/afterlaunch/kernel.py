"""Executes one notebook with Papermill in a kernel of our own, and says what really happened.

Papermill's own account cannot be relied on: after a killed kernel, a time-out or ``sys.exit(0)`` it marks
cells as completed that never ran. Here a cell has completed when the kernel answered "ok" for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from afterlaunch.notebook_file import literal_path

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from nbformat import NotebookNode
    from tqdm import tqdm

    from afterlaunch.interruption import Interruption

_POLL_S = 0.1
_TIDY_S = 20.0
_START_TIMEOUT_S = 60
# The name of a Unix socket may have 107 bytes on Linux and 103 on macOS.
_LONGEST_SOCKET_FOLDER = 80
SOCKET_FOLDER_PREFIX = "afterlaunch-kernel-"
_FRAME = re.compile(r"^File (.+?):\d+", re.MULTILINE)
_TEXT_START = 80


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotebookJob:
    """A notebook to execute.

    Parameters
    ----------
    notebook : pathlib.Path
        The notebook; it is only read.
    parameters : Mapping
        Values to inject, by name; both already checked.
    folder : pathlib.Path
        The run's own folder: the kernel works there and keeps its log there.
    environment : Mapping
        Variables for the kernel alone.
    """

    notebook: Path
    parameters: Mapping[str, object]
    folder: Path
    environment: Mapping[str, str]

    @property
    def kernel_log(self) -> Path:
        """What the kernel's process wrote outside the notebook."""
        return self.folder / "kernel.log"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellError:
    """An exception that a cell raised: its class name, its text, and whether our package raised it."""

    name: str
    text: str
    is_ours: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Execution:
    """What became of a job.

    Parameters
    ----------
    notebook : NotebookNode or None
        The notebook with its outputs; ``None`` when no kernel ever answered.
    problem : str
        Why it did not end well; empty when every code cell completed.
    error : CellError or None
        The exception of the cell that raised.
    is_kernel_dead : bool
        Whether the kernel died, or never came up.
    kernel_start_s, cells_s : float
        Seconds until the kernel was ready, and from there to the end.
    """

    notebook: NotebookNode | None
    problem: str
    error: CellError | None = None
    is_kernel_dead: bool = False
    kernel_start_s: float = 0.0
    cells_s: float = 0.0


def execute(job: NotebookJob, interruption: Interruption) -> Execution:
    """Execute a notebook in a kernel, which is gone when this returns.

    A kernel that fails to start is started a second time; a cell that ran is never run twice. When
    ``interruption`` is asked for, the kernel is killed and the notebook returned as far as it came.
    """
    with _socket_folder(job) as sockets, interruption.held():
        attempt = _attempt(job, sockets / "1", interruption)
        if attempt.execution is None and not interruption.is_asked:
            attempt = _attempt(job, sockets / "2", interruption)
    return _judged(attempt, interruption)


class _Attempt:
    """One try at a job: its kernel process, and what Papermill tells while it works in its thread."""

    def __init__(self, job: NotebookJob) -> None:
        self.job = job
        self.process: subprocess.Popen[bytes] | None = None
        self.is_stopped = False
        self.started = time.monotonic()
        self.ready: float | None = None
        self.ended = self.started
        self.notebook: NotebookNode | None = None
        self.section = ""
        self.current = -1
        self.completed: set[int] = set()
        self.reply: Mapping[str, Any] = {}
        self.failure: BaseException | None = None

    def launched(self, process: subprocess.Popen[bytes]) -> None:
        """Remember the kernel's process; one that comes too late is killed at once."""
        self.process = process
        if self.is_stopped:
            self.kill()

    def stop(self) -> None:
        """Kill the kernel and whatever it started, and let no other start."""
        self.is_stopped = True
        self.kill()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def execution(self) -> Execution | None:
        """What is known of the cells; ``None`` when the kernel never answered."""
        if self.ready is None:
            return None
        return Execution(
            notebook=self.notebook,
            problem="",
            kernel_start_s=self.ready - self.started,
            cells_s=self.ended - self.ready,
        )


def _attempt(job: NotebookJob, sockets: Path, interruption: Interruption) -> _Attempt:
    """Run Papermill in a thread, so that this one can hear signals and keep the time."""
    attempt = _Attempt(job)
    sockets.mkdir()
    thread = threading.Thread(target=_work, args=(attempt, sockets), name="papermill", daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not interruption.is_asked:
            thread.join(_POLL_S)
    finally:
        if thread.is_alive():
            attempt.stop()
            # nbclient looks once a second whether the kernel lives.
            thread.join(_TIDY_S)
        attempt.kill()
        attempt.ended = time.monotonic()
    return attempt


def _work(attempt: _Attempt, sockets: Path) -> None:
    import asyncio
    import logging

    from jupyter_core.utils import ensure_event_loop

    # Everything that goes wrong is told once, by us.
    logging.getLogger("papermill").addHandler(logging.NullHandler())
    try:
        with _progress_bar(attempt.job) as bar:
            _papermill(attempt, sockets, bar)
    except BaseException as failure:  # noqa: BLE001 - judged by the main thread
        attempt.failure = failure
    finally:
        ensure_event_loop().close()
        asyncio.set_event_loop(None)


def _papermill(attempt: _Attempt, sockets: Path, bar: tqdm[Any]) -> None:
    import papermill

    job = attempt.job
    papermill.execute_notebook(
        literal_path(job.notebook),
        None,
        parameters=dict(job.parameters),
        kernel_name="python3",
        language="python",
        progress_bar=False,
        log_output=False,
        request_save_on_cell_execute=False,
        autosave_cell_every=0,
        start_timeout=_START_TIMEOUT_S,
        kernel_manager_class=_kernel_manager_class(attempt, sockets),
        force_raise_errors=True,
        skip_cells_with_tag="",
        **_hooks(attempt, bar),
    )


def _hooks(attempt: _Attempt, bar: tqdm[Any]) -> dict[str, Any]:
    def on_notebook_start(notebook: NotebookNode) -> None:
        attempt.ready = time.monotonic()
        attempt.notebook = notebook
        bar.reset(total=len(notebook.cells))

    def on_cell_start(cell: NotebookNode, cell_index: int) -> None:
        attempt.current = cell_index
        heading = _heading(cell)
        if heading:
            attempt.section = heading
            bar.set_description_str(heading, refresh=False)
        bar.update(1)

    def on_cell_executed(cell: NotebookNode, cell_index: int, execute_reply: Mapping[str, Any]) -> None:
        del cell
        if execute_reply["content"]["status"] == "ok":
            attempt.completed.add(cell_index)
        else:
            attempt.reply = execute_reply["content"]

    return {
        "on_notebook_start": on_notebook_start,
        "on_cell_start": on_cell_start,
        "on_cell_executed": on_cell_executed,
    }


def _kernel_manager_class(attempt: _Attempt, sockets: Path) -> type[Any]:
    """Return a manager of kernels that talk over files, run our own Python and are known to ``attempt``.

    Files, because kernels over TCP that start together race for ports. nbclient takes a class, not an object,
    so what belongs to the attempt is bound here.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    spec = KernelSpec(
        argv=[sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        display_name="Python 3 (ipykernel)",
        language="python",
    )

    class RunKernelManager(AsyncKernelManager):
        def __init__(self, **options: object) -> None:
            super().__init__(**options, transport="ipc", connection_file=str(sockets / "kernel.json"))
            self.ip = str(sockets / "k")

        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: object) -> None:
            if attempt.is_stopped:
                raise RuntimeError("The run was ended before its kernel started.")
            environment = {
                **cast("dict[str, str]", options.pop("env")),
                **_kernel_environment(attempt.job, sockets),
            }
            with attempt.job.kernel_log.open("ab") as log:
                await super()._async_launch_kernel(
                    kernel_cmd,
                    **{
                        **options,
                        "env": environment,
                        "cwd": str(attempt.job.folder),
                        "stdout": log,
                        "stderr": log,
                    },
                )
            attempt.launched(cast("Any", self.provisioner).process)

        async def _async_interrupt_kernel(self) -> None:
            """Do nothing: a kernel is shut down when idle, or killed; it would only log an interrupt."""

    return RunKernelManager


def _kernel_environment(job: NotebookJob, sockets: Path) -> dict[str, str]:
    package_parent = Path(__file__).resolve().parents[1]
    inherited = [
        str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
    ]
    own = [] if package_parent.name in ("site-packages", "dist-packages") else [str(package_parent)]
    return {
        # Several runs share a machine's cores better than several thread pools do, and one row scored by ten
        # threads waits for the slowest.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # The same inputs give the same result, whatever order a set happens to have.
        "PYTHONHASHSEED": "0",
        # The kernel imports the library that started it, from whatever folder.
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([*own, *inherited])),
        # A scheduled run must not depend on anybody's start-up files, nor on a home it can write to.
        "IPYTHONDIR": str(sockets / "ipython"),
        # What a killed kernel leaves behind goes with the rest of the run.
        "TMPDIR": str(sockets),
        **job.environment,
    }


@contextlib.contextmanager
def _socket_folder(job: NotebookJob) -> Iterator[Path]:
    base = tempfile.gettempdir()
    short = base if len(base) < _LONGEST_SOCKET_FOLDER else "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it
    folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=short))
    # A later run finds it there, should this one be killed.
    (job.folder / "sockets").write_text(str(folder), encoding="utf-8")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _progress_bar(job: NotebookJob) -> Iterator[tqdm[Any]]:
    from tqdm import tqdm

    # Its thread would outlive the bar, and only helps bars that stand still.
    tqdm.monitor_interval = 0
    layout = "{percentage:3.0f} % {bar:30} {elapsed}  {desc}"
    with tqdm(desc=job.notebook.stem, disable=None, bar_format=layout, leave=False) as bar:
        yield bar


def _heading(cell: NotebookNode) -> str:
    if cell.cell_type != "markdown":
        return ""
    lines = [line for line in cell.source.splitlines() if line.startswith("#")]
    return lines[0].lstrip("#").strip() if lines else ""


def _judged(attempt: _Attempt, interruption: Interruption) -> Execution:
    """Say how an attempt ended, by our own rule."""
    execution = attempt.execution
    if interruption.is_asked:
        _mark_unfinished(attempt)
        at = f" in {attempt.section!r}" if attempt.section else ""
        stopped = f"{interruption.reason}{at}"
        return dataclasses.replace(execution or _NO_KERNEL, problem=stopped)
    if execution is None:
        return dataclasses.replace(_NO_KERNEL, problem=f"its kernel did not start: {_last_words(attempt)}")
    error = _cell_error(attempt)
    if error:
        raised = f"{error.name}: {error.text}" if error.text else error.name
        return dataclasses.replace(execution, problem=f"{_place(attempt)} raised {raised}", error=error)
    if type(attempt.failure).__name__ == "DeadKernelError":
        _mark_unfinished(attempt)
        dead = f"its kernel died in {_place(attempt)}: {_last_words(attempt)}"
        return dataclasses.replace(execution, problem=dead, is_kernel_dead=True)
    if attempt.failure is not None:
        _mark_unfinished(attempt)
        return dataclasses.replace(
            execution,
            problem=f"{_place(attempt)} failed with {type(attempt.failure).__name__}: {attempt.failure}",
        )
    return dataclasses.replace(execution, problem=_incompleteness(attempt))


_NO_KERNEL = Execution(notebook=None, problem="", is_kernel_dead=True)


def _place(attempt: _Attempt) -> str:
    return f"the cell under {attempt.section!r}" if attempt.section else f"cell {attempt.current + 1}"


def _cell_error(attempt: _Attempt) -> CellError | None:
    if not attempt.reply:
        return None
    from papermill.exceptions import strip_color

    name, text = str(attempt.reply.get("ename", "")), str(attempt.reply.get("evalue", ""))
    trace = strip_color("\n".join(attempt.reply.get("traceback") or []))
    # The exception's text ends the traceback and may hold anything: only what stands before it is frames.
    frames = _FRAME.findall(trace.rpartition(f"{name}: {text}"[:_TEXT_START])[0])
    raised_in = Path(frames[-1]).expanduser().resolve() if frames else Path()
    return CellError(name=name, text=text, is_ours=raised_in.is_relative_to(Path(__file__).resolve().parent))


def _incompleteness(attempt: _Attempt) -> str:
    notebook = attempt.notebook
    if notebook is None:
        return "no notebook came back"
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and cell.source.strip() and i not in attempt.completed:
            return f"cell {i + 1} did not run to its end"
    return ""


def _mark_unfinished(attempt: _Attempt) -> None:
    """Correct what Papermill wrote on cells that did not complete."""
    for i, cell in enumerate(attempt.notebook.cells if attempt.notebook else []):
        if i not in attempt.completed and i >= attempt.current and "papermill" in cell.metadata:
            cell.metadata.papermill["status"] = "failed" if i == attempt.current else "pending"


def _last_words(attempt: _Attempt) -> str:
    """Say what is known of the end of a kernel's process."""
    code = attempt.process.poll() if attempt.process else None
    if code is None:
        return f"{type(attempt.failure).__name__}: {attempt.failure}."
    if code == -signal.SIGKILL:
        return "it was killed (SIGKILL), which is what happens when memory runs out."
    how = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    try:
        lines = attempt.job.kernel_log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    last = [line.strip() for line in lines if line.strip()][-1:]
    return f"{how}, its last words were {last[0]!r}." if last else f"{how}."
