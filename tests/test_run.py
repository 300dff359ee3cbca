from __future__ import annotations

import dataclasses
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tiny_project
from afterlaunch.artifacts import Report, read_json
from afterlaunch.contract import ContractError
from afterlaunch.errors import BusyError, DataError, ParameterError
from afterlaunch.ledger import Ledger
from afterlaunch.notebook_file import read_notebook
from afterlaunch.run import RunOptions, own_exit_codes, run
from afterlaunch.schema import FieldsError
from tiny_project import ENVIRONMENT, TinyParameters, is_gone, make_project, run_tiny, tree, write_notebook

TELL_PID = (
    "import os, pathlib; _ = pathlib.Path(os.environ['AFTERLAUNCH_ROOT'], 'pid').write_text(str(os.getpid()))"
)
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def root(tmp_path):
    return make_project(tmp_path / "project")


@pytest.fixture(scope="module")
def published_once(tmp_path_factory):
    root = make_project(tmp_path_factory.mktemp("published") / "project")
    assert run_tiny(root).status == "ok"
    return root


@pytest.fixture
def published(published_once, tmp_path):
    """A project of its own in which the report is published."""
    return shutil.copytree(published_once, tmp_path / "published")


def rows_of(root: Path, period: str = "2013-09"):
    report = Report(stem="tiny", model="desk", period=period, root=root)
    return Ledger(root / "outputs" / "ledger.sqlite").runs(report)


def page(root: Path) -> Path:
    return root / "outputs" / "desk" / "2013-09" / "tiny.html"


def everything_but_evidence(root: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(root / "outputs").items() if "/failed/" not in name}


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, tiny_project.__file__, str(root), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )


def kernel_pid(root: Path) -> int:
    for _ in range(400):
        if (root / "pid").exists() and (root / "pid").read_text(encoding="utf-8"):
            return int((root / "pid").read_text(encoding="utf-8"))
        time.sleep(0.05)
    pytest.fail("The kernel did not come up within 20 s.")


def test_a_good_run_publishes_its_page_result_and_notebook_and_enters_the_ledger(root):
    outcome = run_tiny(root, n=7)
    assert (outcome.status, outcome.exit_code, outcome.headline, outcome.severity) == (
        "ok",
        0,
        "All well: 7.",
        "ok",
    )
    assert outcome.html_path == page(root)
    assert sorted(tree(root / "outputs")) == [
        "desk/2013-09/tiny.html",
        "desk/2013-09/tiny.ipynb",
        "desk/2013-09/tiny.json",
        "index.html",
    ]
    assert page(root).read_text(encoding="utf-8") == "<!DOCTYPE html><title>5 cells, n=7</title>"
    assert read_json(page(root).with_suffix(".json"))["n"] == 7
    assert 'href="desk/2013-09/tiny.html"' in (root / "outputs" / "index.html").read_text(encoding="utf-8")
    assert list(outcome.seconds_by_phase) == [
        "checks",
        "imports",
        "kernel start",
        "notebook",
        "render",
        "publish",
    ]
    (row,) = rows_of(root)
    assert (row.run_id, row.status, row.exit_code, row.headline) == (outcome.run_id, "ok", 0, "All well: 7.")
    assert row.parameters == {"model": "desk", "period": "2013-09", "n": 7}
    assert list(row.data_fingerprints) == ["data/log.csv"]
    assert row.versions["papermill"].startswith("2.7.")
    assert sorted(row.output_hashes) == ["tiny.html", "tiny.ipynb", "tiny.json"]
    assert row.started_at < row.ended_at
    assert row.duration_s > 0


def test_the_published_notebook_names_no_folder_of_this_machine(published_once):
    text = page(published_once).with_suffix(".ipynb").read_text(encoding="utf-8")
    assert str(published_once) not in text
    notebook = read_notebook(page(published_once).with_suffix(".ipynb"))
    assert notebook.metadata.papermill.output_path == "outputs/desk/2013-09/tiny.ipynb"


def test_a_run_does_not_touch_the_notebook_it_runs(published_once, root):
    names = ("notebooks", "tiny.ipynb")
    assert published_once.joinpath(*names).read_bytes() == root.joinpath(*names).read_bytes()


def test_unchanged_inputs_are_up_to_date_wherever_the_project_stands(published):
    before = everything_but_evidence(published)
    (row,) = rows_of(published)
    outcome = run_tiny(published)
    assert (outcome.status, outcome.exit_code, outcome.run_id) == ("up_to_date", 0, row.run_id)
    assert (outcome.headline, outcome.severity, outcome.html_path) == ("All well: 1.", "ok", page(published))
    assert everything_but_evidence(published) == before
    assert rows_of(published) == (row,)


def test_a_report_is_made_again_when_its_page_is_gone_or_a_parameter_changed(published):
    page(published).unlink()
    assert run_tiny(published).status == "ok"
    assert run_tiny(published, n=2).status == "ok"
    assert run_tiny(published, n=2).status == "up_to_date"
    assert [row.headline for row in rows_of(published)] == ["All well: 1.", "All well: 1.", "All well: 2."]


def test_forced_the_same_inputs_give_the_same_result_to_the_byte(published):
    before = page(published).with_suffix(".json").read_bytes()
    assert run_tiny(published, force=True).status == "ok"
    assert page(published).with_suffix(".json").read_bytes() == before
    assert len(rows_of(published)) == 2


def test_a_report_on_a_database_is_never_up_to_date(root):
    options = RunOptions(render=tiny_project.render)
    for _ in range(2):
        outcome = run("tiny", TinyParameters(), root=root, sources=("sqlite:///log.db",), options=options)
        assert outcome.status == "ok"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failing:
    cell: str
    exit_code: int
    status: str
    message: str
    result: str = tiny_project.RESULT_CELL


FAILING = {
    "any exception": Failing(
        cell="{}['x']",
        exit_code=1,
        status="failed",
        message="tiny for desk 2013-09: the cell under 'Compute' raised KeyError: 'x'.",
    ),
    "an error of ours": Failing(
        cell="from afterlaunch.artifacts import fingerprint\nfingerprint('/none')",
        exit_code=3,
        status="failed",
        message="There is no data at '/none'. Correct the path, or bring the data there.",
    ),
    "a dead kernel": Failing(
        cell="import os; os._exit(9)",
        exit_code=138,
        status="kernel_died",
        message="tiny for desk 2013-09: its kernel died in the cell under 'Compute': exit code 9.",
    ),
    "no result": Failing(
        cell="x = 1",
        result="x = 2",
        exit_code=1,
        status="failed",
        message="tiny for desk 2013-09: it ended without writing tiny.json. "
        "Its last cell must call export(report, 'tiny').",
    ),
}


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_a_run_that_fails_publishes_nothing_keeps_its_notebook_and_says_so(published, case):
    root = published
    before = everything_but_evidence(root)
    write_notebook(root / "notebooks" / "tiny.ipynb", case.cell, result=case.result)
    outcome = run_tiny(root)
    kept = f"outputs/desk/2013-09/failed/{outcome.run_id}/tiny.ipynb"
    assert (outcome.status, outcome.exit_code, outcome.html_path) == (case.status, case.exit_code, None)
    assert (
        outcome.message == f"{case.message} The last good report is untouched. The notebook is kept: {kept}"
    )
    assert outcome.evidence_path == root / kept
    assert read_notebook(root / kept).cells[0].source == f"This run failed. {case.message}"
    assert everything_but_evidence(root) == before
    row = rows_of(root)[-1]
    assert (row.status, row.exit_code, row.message) == (case.status, case.exit_code, outcome.message)
    assert row.headline == ""


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            '{"headline": "", "severity": "ok"}',
            "tiny.json has headline '' and severity 'ok'; allowed are a sentence",
        ),
        (
            '{"headline": "x", "severity": "red"}',
            "tiny.json has headline 'x' and severity 'red'; allowed are a",
        ),
        ('{"headline": "x", "severity": NaN}', "tiny.json is not JSON: NaN is not a JSON number."),
    ],
)
def test_a_result_that_says_nothing_is_a_failure(root, result, message):
    cell = f"import pathlib; _ = pathlib.Path('tiny.json').write_text({result!r})"
    write_notebook(root / "notebooks" / "tiny.ipynb", result=cell)
    outcome = run_tiny(root)
    assert outcome.exit_code == 1
    assert outcome.message.startswith(f"tiny for desk 2013-09: {message}")
    assert not page(root).exists()


def test_a_page_that_cannot_be_made_publishes_nothing_and_keeps_the_traceback(root):
    def broken(*paths, **facts):
        raise ValueError("no template")

    outcome = run_tiny(root, render=broken)
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    assert outcome.message.startswith(
        "tiny for desk 2013-09: ValueError: no template. Nothing was published."
    )
    error = outcome.evidence_path.with_name("error.txt").read_text(encoding="utf-8")
    assert 'raise ValueError("no template")' in error
    assert list(everything_but_evidence(root)) == []


def test_every_error_of_ours_has_the_exit_code_of_its_kind():
    codes = own_exit_codes()
    for error in (ParameterError, DataError, BusyError, ContractError, FieldsError):
        assert codes[error.__name__] == error.exit_code
    assert "Interrupted" not in codes


def test_what_keeps_a_run_from_beginning_is_raised_and_changes_nothing(root):
    with pytest.raises(
        ParameterError, match=r"^There is no notebook 'tny'\. Did you mean 'tiny'\? Known notebooks: tiny\.$"
    ):
        run("tny", TinyParameters(), root=root)
    assert not (root / "outputs").exists()
    with pytest.raises(ParameterError, match=r"^period: got '\.\./x', allowed is a name"):
        run_tiny(root, period="../x")
    assert not (root / "outputs").exists()
    write_notebook(root / "notebooks" / "tiny.ipynb", parameters='model: str = "desk"')
    with pytest.raises(
        ParameterError, match=r"^The parameters cell of tiny\.ipynb cannot be used:\n  period: in Tiny"
    ):
        run_tiny(root)
    (root / "data" / "log.csv").unlink()
    with pytest.raises(DataError, match=r"^There is no data at "):
        run_tiny(root)
    assert tree(root / "outputs") == {}
    assert rows_of(root) == ()


@pytest.mark.parametrize(
    ("number", "exit_code", "reason"),
    [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "SIGINT")],
)
def test_a_signal_ends_the_run_with_its_kernel_and_is_recorded(published, number, exit_code, reason):
    root = published
    before = everything_but_evidence(root)
    make_project(root, TELL_PID, SLEEP)
    with start(root) as process:
        pid = kernel_pid(root)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == exit_code
    row = rows_of(root)[-1]
    assert (row.status, row.exit_code) == ("interrupted", exit_code)
    assert (out, err) == ("", f"{row.message}\n")
    assert row.message == (
        f"tiny for desk 2013-09: it was ended by {reason} in 'Compute'. The last good report is untouched. "
        f"The notebook is kept: outputs/desk/2013-09/failed/{row.run_id}/tiny.ipynb"
    )
    assert is_gone(pid)
    assert everything_but_evidence(root) == before
    cells = read_notebook(root / "outputs" / "desk" / "2013-09" / "failed" / row.run_id / "tiny.ipynb").cells
    assert [cell.metadata.papermill.status for cell in cells[1:]] == [*["completed"] * 5, "failed", "pending"]


def test_the_time_limit_of_the_whole_run_is_recorded(root):
    make_project(root, *["import time; time.sleep(0.5)"] * 60)
    outcome = run_tiny(root, timeout_s=2.0)
    assert (outcome.status, outcome.exit_code) == ("timed_out", 124)
    assert outcome.message.startswith("tiny for desk 2013-09: it was ended by its time limit of 2 s")
    assert "Nothing was published." in outcome.message
    assert rows_of(root)[-1].status == "timed_out"
    assert outcome.duration_s < 25


def test_a_run_can_be_ended_while_it_reads_its_data(root):
    with (root / "data" / "log.csv").open("wb") as log:
        log.truncate(200 << 30)
    outcome = run_tiny(root, timeout_s=1.0)
    assert (outcome.status, outcome.exit_code, outcome.evidence_path) == ("timed_out", 124, None)
    assert outcome.message == (
        "tiny for desk 2013-09: it was ended by its time limit of 1 s. Nothing was published."
    )
    assert [(row.status, row.exit_code) for row in rows_of(root)] == [("timed_out", 124)]
    assert tree(root / "outputs") == {}


def test_a_second_run_of_the_same_report_is_refused_while_another_month_runs(root):
    make_project(root, TELL_PID, SLEEP)
    with start(root) as process:
        pid = kernel_pid(root)
        with pytest.raises(
            BusyError, match=rf"^tiny for desk 2013-09 is being made by process {process.pid} since "
        ):
            run_tiny(root)
        make_project(root)
        assert run_tiny(root, period="2013-10").status == "ok"
        assert rows_of(root)[-1].status == "running"
        process.terminate()
        process.communicate(timeout=30)
    assert is_gone(pid)
    assert rows_of(root)[-1].status == "interrupted"


def test_after_a_killed_runner_its_kernel_is_gone_and_the_next_run_tidies_up(root):
    make_project(root, TELL_PID, SLEEP)
    with start(root) as process:
        pid = kernel_pid(root)
        (folder,) = (root / "outputs" / ".runs").iterdir()
        sockets = Path((folder / "sockets").read_text(encoding="utf-8"))
        process.kill()
    assert is_gone(pid)
    assert (rows_of(root)[-1].status, sockets.exists()) == ("running", True)
    make_project(root)
    assert run_tiny(root).status == "ok"
    died, good = rows_of(root)
    assert (died.status, died.message) == (
        "died",
        "The process ended without a word: killed, or the machine went down.",
    )
    assert good.status == "ok"
    assert not sockets.exists()
    assert list((root / "outputs" / ".runs").iterdir()) == []
    assert sorted(path.name for path in (root / "outputs" / ".locks").iterdir()) == [
        "desk.2013-09.tiny",
        "index",
    ]


def test_two_months_at_once_are_both_published_and_listed(root):
    processes = [start(root, period) for period in ("2013-09", "2013-10")]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "All well: 1.\n")
    index = (root / "outputs" / "index.html").read_text(encoding="utf-8")
    assert all(f'href="desk/{period}/tiny.html"' in index for period in ("2013-09", "2013-10"))


def test_a_run_works_from_any_folder_and_in_a_project_with_an_awkward_name(tmp_path, monkeypatch):
    root = make_project(tmp_path / "a {model} $HOME é" / "project")
    monkeypatch.chdir(tmp_path)
    before = Path.cwd()
    assert run_tiny(root).status == "ok"
    assert Path.cwd() == before
