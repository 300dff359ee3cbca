"""One run of a report: checked, locked, executed, rendered, published by renames and written into the ledger.

A run that does not end well publishes nothing: it keeps its notebook as evidence, says in one message what
happened, and leaves the last good report where it is. Exit codes are those of ``afterlaunch --help``.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import datetime as dt
import secrets
import shutil
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from afterlaunch import errors
from afterlaunch.artifacts import RUN_FOLDER_VARIABLE, Report, read_json
from afterlaunch.errors import AfterlaunchError, ParameterError, RunError, did_you_mean
from afterlaunch.findings import Severity
from afterlaunch.index_page import rebuild_index
from afterlaunch.interruption import Interrupted, Interruption
from afterlaunch.kernel import CellError, Execution, NotebookJob, execute
from afterlaunch.ledger import Ledger, LedgerRow, RunStatus
from afterlaunch.lock import report_lock, sign_of_life
from afterlaunch.notebook_file import write_notebook
from afterlaunch.params import ROOT_VARIABLE, ReportParameters, as_injected, check_notebook_takes
from afterlaunch.publish import is_published, keep_evidence, publish, run_folder, tidy_after_killed_runs
from afterlaunch.run_inputs import RunInputs, code_version, run_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbformat import NotebookNode

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_KERNEL_DIED = 138
_SEVERITIES = tuple(str(severity) for severity in Severity)
_LONGEST_PROBLEM = 400


class Render(Protocol):
    """Writes the page of an executed notebook."""

    def __call__(
        self,
        notebook_path: Path,
        html_path: Path,
        *,
        made_at: dt.datetime,
        run_id: str,
        parameters: Mapping[str, object],
    ) -> None:
        """Write ``html_path`` from the notebook at ``notebook_path``."""


def _page(
    notebook_path: Path,
    html_path: Path,
    *,
    made_at: dt.datetime,
    run_id: str,
    parameters: Mapping[str, object],
) -> None:
    from afterlaunch.render.page import write_page

    write_page(notebook_path, html_path, made_at=made_at, run_id=run_id, parameters=parameters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run, whatever the report.

    Parameters
    ----------
    force : bool
        Run even when nothing changed since the last good run.
    timeout_s : float
        Seconds that the whole run may take.
    render : Render
        Writes the page.
    """

    force: bool = False
    timeout_s: float = 3600.0
    render: Render = _page


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run went.

    Parameters
    ----------
    status : RunStatus
        ``ok`` and ``up_to_date`` are good; nothing else is.
    exit_code : int
        For the shell; see ``afterlaunch --help``.
    run_id : str
        The run; for ``up_to_date`` the run that made what is published.
    html_path : pathlib.Path or None
        The published page; ``None`` unless good.
    headline, severity : str
        The report's own sentence and verdict; empty unless good.
    message : str
        What to tell people: the headline, or what went wrong and what to do.
    evidence_path : pathlib.Path or None
        The notebook of a run that failed.
    duration_s : float
        Seconds from start to end.
    seconds_by_phase : Mapping
        Seconds of each phase, in order: checks, imports, kernel start, notebook, render, publish.
    """

    status: RunStatus
    exit_code: int
    run_id: str
    html_path: Path | None = None
    headline: str = ""
    severity: str = ""
    message: str = ""
    evidence_path: Path | None = None
    duration_s: float = 0.0
    seconds_by_phase: Mapping[str, float] = dataclasses.field(default_factory=dict)


def run(
    stem: str,
    parameters: ReportParameters,
    *,
    root: Path,
    sources: tuple[str, ...] = (),
    options: RunOptions | None = None,
) -> RunOutcome:
    """Run a notebook and publish its report, or say why not.

    Parameters
    ----------
    stem : str
        The notebook ``notebooks/<stem>.ipynb``.
    parameters : ReportParameters
        An instance of the notebook's parameters class: checked by construction.
    root : pathlib.Path
        The project's folder.
    sources : tuple of str
        What the report reads: files, folders and globs (relative ones start at ``root``), or database URLs,
        which have no fingerprint, so that a report on a database is never up to date.
    options : RunOptions, optional
        Force, time limit, page.

    Returns
    -------
    RunOutcome
        Also for a run that failed or was ended by a signal, which ends the run and not the process: only what
        keeps a run from beginning is raised.

    Raises
    ------
    ParameterError, DataError
        When there is no such notebook, it does not take the parameters, or a source holds nothing.
    BusyError
        When the same report is being made by another process.
    """
    options = options or RunOptions()
    report = _checked_report(stem, parameters, root)
    run_id = _new_run_id()
    with (
        Interruption(options.timeout_s) as interruption,
        report_lock(report),
        sign_of_life(report.outputs, run_id),
    ):
        trial = _Trial(report, parameters, run_id=run_id, interruption=interruption)
        try:
            trial.check(sources)
            if not options.force and trial.is_up_to_date():
                return trial.up_to_date()
            trial.begin()
            trial.execute()
            trial.render(options.render)
            return trial.publish()
        except Interrupted as ended:
            return trial.failed(_interrupted(str(ended), interruption))
        except _FailureError as failure:
            return trial.failed(failure)
        except Exception as error:
            if not trial.has_begun:
                raise
            return trial.failed(trial.unexpected(error))


class _FailureError(RunError):
    """A run that has begun did not end well."""

    def __init__(
        self, problem: str, *, status: RunStatus, exit_code: int, is_told_as_is: bool = False
    ) -> None:
        self.status = status
        self.exit_code = exit_code
        self.is_told_as_is = is_told_as_is
        super().__init__(problem)


class _Trial:
    """One attempt at a report, phase by phase."""

    def __init__(
        self, report: Report, parameters: ReportParameters, *, run_id: str, interruption: Interruption
    ) -> None:
        self._report = report
        self._parameters = parameters
        self._interruption = interruption
        self._ledger = Ledger(report.outputs / "ledger.sqlite")
        self._folder = run_folder(report.outputs, run_id)
        self._started = time.monotonic()
        self._seconds: dict[str, float] = {}
        self._inputs: RunInputs | None = None
        self._notebook: NotebookNode | None = None
        self.has_begun = False
        self._row = LedgerRow(
            run_id=run_id,
            stem=report.stem,
            model=report.model,
            period=report.period,
            status=RunStatus.RUNNING,
            started_at=_now().isoformat(timespec="seconds"),
            parameters=as_injected(parameters),
        )

    def check(self, sources: tuple[str, ...]) -> None:
        with self._phase("checks"):
            tidy_after_killed_runs(self._report.outputs, self._ledger)
            self._inputs = run_inputs(
                self._report, parameters=self._row.parameters, sources=sources, memory=self._ledger
            )

    def is_up_to_date(self) -> bool:
        last = self._ledger.last_published(self._report)
        inputs = self._inputs
        if last is None or inputs is None or not inputs.is_complete:
            return False
        return last.input_hash == inputs.input_hash and is_published(self._report, last.output_hashes)

    def up_to_date(self) -> RunOutcome:
        last = self._ledger.last_published(self._report)
        assert last is not None  # noqa: S101 - is_up_to_date() has said so
        return self._outcome(
            status=RunStatus.UP_TO_DATE,
            run_id=last.run_id,
            html_path=self._report.published(".html"),
            headline=last.headline,
            severity=last.severity,
            message=last.headline,
        )

    def begin(self) -> None:
        """Refuse a notebook that does not take the parameters; from here on, the run is in the ledger."""
        with self._phase("imports"):
            check_notebook_takes(self._report.notebook, self._parameters)
        with self._phase("checks"):
            inputs = self._inputs
            if inputs is not None:
                self._update(
                    data_fingerprints=inputs.data_fingerprints,
                    versions={**code_version(self._report.root), **inputs.versions},
                    input_hash=inputs.input_hash,
                )
            self._ledger.record(self._row)
            self.has_begun = True
            self._folder.mkdir(parents=True)

    def execute(self) -> None:
        job = NotebookJob(
            notebook=self._report.notebook,
            parameters=self._row.parameters,
            folder=self._folder,
            environment={RUN_FOLDER_VARIABLE: str(self._folder), ROOT_VARIABLE: str(self._report.root)},
        )
        execution = execute(job, self._interruption)
        self._notebook = execution.notebook
        self._seconds |= {"kernel start": execution.kernel_start_s, "notebook": execution.cells_s}
        if self._interruption.is_asked:
            raise _interrupted(execution.problem, self._interruption)
        if execution.problem:
            raise _failure_of(execution)
        self._save_notebook()
        result = _checked_result(self._file(".json"))
        self._update(headline=result.headline, severity=result.severity)

    def render(self, render: Render) -> None:
        with self._phase("render"):
            render(
                self._file(".ipynb"),
                self._file(".html"),
                made_at=_now(),
                run_id=self._row.run_id,
                parameters=self._row.parameters,
            )
            if not self._file(".html").is_file():
                raise RunError("The page was not written.")

    def publish(self) -> RunOutcome:
        self._interruption.check()
        self._interruption.stop_listening()
        with self._phase("publish"):
            output_hashes = publish(self._report, self._folder)
            self._end(status=RunStatus.OK, exit_code=EXIT_OK, output_hashes=output_hashes)
            rebuild_index(self._report.outputs, self._ledger)
            shutil.rmtree(self._folder, ignore_errors=True)
        return self._outcome(
            status=RunStatus.OK,
            html_path=self._report.published(".html"),
            headline=self._row.headline,
            severity=self._row.severity,
            message=self._row.headline,
        )

    def failed(self, failure: _FailureError) -> RunOutcome:
        """Keep the evidence, write the ledger and say what happened."""
        self._interruption.stop_listening()
        problem = str(failure) if failure.is_told_as_is else _one_line(f"{self._report.name}: {failure}")
        evidence, where = self._kept(problem)
        message = f"{problem}\n{where}" if "\n" in problem else f"{problem} {where}"
        self._end(
            status=failure.status, exit_code=failure.exit_code, headline="", severity="", message=message
        )
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._outcome(
            status=failure.status, exit_code=failure.exit_code, message=message, evidence_path=evidence
        )

    def unexpected(self, error: Exception) -> _FailureError:
        """Return an error of our own making, its traceback kept for whoever mends it."""
        with contextlib.suppress(OSError):
            (self._folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        is_ours = isinstance(error, AfterlaunchError)
        problem = str(error) if is_ours else f"{type(error).__name__}: {error}"
        exit_code = error.exit_code if isinstance(error, AfterlaunchError) else EXIT_FAILED
        return _FailureError(problem, status=RunStatus.FAILED, exit_code=exit_code)

    def _kept(self, problem: str) -> tuple[Path | None, str]:
        last_good = self._report.published(".html").is_file()
        untouched = "The last good report is untouched." if last_good else "Nothing was published."
        if not self.has_begun:
            return None, untouched
        try:
            path = keep_evidence(
                self._report, self._row.run_id, folder=self._folder, notebook=self._notebook, problem=problem
            )
        except OSError as error:
            return None, f"{untouched} The notebook could not be kept: {error}."
        return path, f"{untouched} The notebook is kept: {path.relative_to(self._report.root)}"

    def _save_notebook(self) -> None:
        notebook = self._notebook
        assert notebook is not None  # noqa: S101 - an execution without a problem has one
        notebook.metadata.papermill["input_path"] = f"notebooks/{self._report.stem}.ipynb"
        notebook.metadata.papermill["output_path"] = (
            self._report.published(".ipynb").relative_to(self._report.root).as_posix()
        )
        write_notebook(notebook, self._file(".ipynb"))

    def _file(self, suffix: str) -> Path:
        return self._folder / f"{self._report.stem}{suffix}"

    def _update(self, **changes: object) -> None:
        self._row = dataclasses.replace(self._row, **changes)  # type: ignore[arg-type]

    def _end(self, **changes: object) -> None:
        ended_at = _now().isoformat(timespec="milliseconds")
        self._update(**changes, ended_at=ended_at, duration_s=round(time.monotonic() - self._started, 3))
        self._ledger.record(self._row)

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.monotonic() - start

    def _outcome(self, *, status: RunStatus, exit_code: int = EXIT_OK, **fields: object) -> RunOutcome:
        fields.setdefault("run_id", self._row.run_id)
        return RunOutcome(
            status=status,
            exit_code=exit_code,
            duration_s=time.monotonic() - self._started,
            seconds_by_phase=dict(self._seconds),
            **fields,  # type: ignore[arg-type]
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Result:
    headline: str
    severity: str


def _checked_report(stem: str, parameters: ReportParameters, root: Path) -> Report:
    report = Report(stem=stem, model=parameters.model, period=parameters.period, root=root.resolve())
    if not report.notebook.is_file():
        there = sorted(path.stem for path in report.notebook.parent.glob("*.ipynb"))
        known = f"Known notebooks: {', '.join(there)}." if there else "The folder notebooks/ holds none yet."
        raise ParameterError(f"There is no notebook {stem!r}.{did_you_mean(stem, there)} {known}")
    return report


def _checked_result(path: Path) -> _Result:
    """Read what the last cell wrote; a run without it has not ended well, whatever its cells say."""
    how = f"Its last cell must call export(report, {path.stem!r})."
    if not path.is_file():
        raise _failed(f"it ended without writing {path.name}. {how}")
    try:
        result = read_json(path)
    except AfterlaunchError as error:
        raise _failed(f"{error} {how}") from None
    headline, severity = result.get("headline"), result.get("severity")
    if not isinstance(headline, str) or not headline.strip() or severity not in _SEVERITIES:
        raise _failed(
            f"{path.name} has headline {headline!r} and severity {severity!r}; "
            f"allowed are a sentence and one of {', '.join(_SEVERITIES)}. {how}"
        )
    return _Result(headline=headline, severity=severity)


def _failed(problem: str) -> _FailureError:
    return _FailureError(problem, status=RunStatus.FAILED, exit_code=EXIT_FAILED)


def _interrupted(problem: str, interruption: Interruption) -> _FailureError:
    status = RunStatus.TIMED_OUT if interruption.is_timeout else RunStatus.INTERRUPTED
    return _FailureError(f"it {problem}", status=status, exit_code=interruption.exit_code)


def _failure_of(execution: Execution) -> _FailureError:
    if execution.is_kernel_dead:
        return _FailureError(execution.problem, status=RunStatus.KERNEL_DIED, exit_code=EXIT_KERNEL_DIED)
    own_exit_code = _own_exit_code(execution.error)
    if execution.error and own_exit_code is not None:
        return _FailureError(
            execution.error.text, status=RunStatus.FAILED, exit_code=own_exit_code, is_told_as_is=True
        )
    return _failed(execution.problem)


def _own_exit_code(error: CellError | None) -> int | None:
    """Return the exit code of one of our own errors; ``None`` for any other exception.

    A kernel tells the name of an exception's class, not the class.
    """
    if error is None or not error.is_ours:
        return None
    return own_exit_codes().get(error.name)


def own_exit_codes() -> dict[str, int]:
    """Return the exit code of every subclass of :class:`AfterlaunchError`, read from the library's source.

    Read, not imported: importing every module of the library for one failure takes seconds.
    """
    bases: dict[str, list[str]] = {}
    for path in Path(__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
    known = {
        name: cls.exit_code
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, AfterlaunchError)
    }
    n_known = 0
    while len(known) > n_known:
        n_known = len(known)
        for name, parents in bases.items():
            inherited = [known[parent] for parent in parents if parent in known]
            if inherited:
                known.setdefault(name, inherited[0])
    return known


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST_PROBLEM else line[: _LONGEST_PROBLEM - 1] + "…"
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."


def _new_run_id() -> str:
    return f"{_now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
