from __future__ import annotations

import hashlib

import pytest

from afterlaunch.artifacts import Report
from afterlaunch.ledger import Ledger, LedgerRow, RunStatus
from afterlaunch.lock import sign_of_life
from afterlaunch.notebook_file import read_notebook
from afterlaunch.publish import is_published, keep_evidence, publish, run_folder, tidy_after_killed_runs
from tiny_project import make_project, tree


@pytest.fixture
def report(tmp_path):
    make_project(tmp_path)
    return Report(stem="tiny", model="desk", period="2013-09", root=tmp_path)


@pytest.fixture
def folder(report):
    folder = run_folder(report.outputs, "r1")
    folder.mkdir(parents=True)
    for suffix in (".ipynb", ".json", ".html"):
        (folder / f"tiny{suffix}").write_text(suffix, encoding="utf-8")
    return folder


def running(run_id: str) -> LedgerRow:
    return LedgerRow(
        run_id=run_id,
        stem="tiny",
        model="desk",
        period="2013-09",
        status=RunStatus.RUNNING,
        started_at="2013-10-01T06:00:00+00:00",
    )


def test_the_files_of_a_run_take_the_place_of_the_old_ones(report, folder):
    report.folder.mkdir(parents=True)
    report.published(".html").write_text("old", encoding="utf-8")
    hashes = publish(report, folder)
    assert tree(report.folder) == {"tiny.html": b".html", "tiny.ipynb": b".ipynb", "tiny.json": b".json"}
    assert hashes["tiny.html"] == hashlib.sha256(b".html").hexdigest()
    assert list(folder.iterdir()) == []


def test_published_files_are_recognised_until_one_is_changed_or_gone(report, folder):
    hashes = publish(report, folder)
    assert is_published(report, hashes)
    report.published(".json").write_text("changed", encoding="utf-8")
    assert not is_published(report, hashes)
    report.published(".json").unlink()
    assert not is_published(report, hashes)


def test_a_run_with_a_file_missing_publishes_none(report, folder):
    (folder / "tiny.html").unlink()
    with pytest.raises(Exception, match=r"^There is no data at .*tiny\.html"):
        publish(report, folder)
    assert not report.folder.exists()


def test_evidence_is_the_notebook_with_the_reason_first_and_the_log(report, folder):
    (folder / "kernel.log").write_text("Segmentation fault", encoding="utf-8")
    path = keep_evidence(report, "r1", folder=folder, notebook=None, problem="<b>It broke.</b>")
    first = read_notebook(path).cells[0]
    assert (first.cell_type, first.source) == ("raw", "This run failed. <b>It broke.</b>")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["kernel.log", "tiny.ipynb"]


def test_the_newest_five_failures_of_a_report_are_kept(report, folder):
    other = report.folder / "failed" / "r0" / "drift.ipynb"
    other.parent.mkdir(parents=True)
    other.touch()
    for i in range(1, 8):
        keep_evidence(report, f"r{i}", folder=folder, notebook=None, problem="It broke.")
    assert sorted(path.name for path in (report.folder / "failed").iterdir()) == [
        "r0",
        "r3",
        "r4",
        "r5",
        "r6",
        "r7",
    ]


def test_a_run_that_was_killed_is_marked_and_tidied_away_and_a_living_one_left_alone(
    report, folder, tmp_path
):
    ledger = Ledger(report.outputs / "ledger.sqlite")
    ledger.record(running("r1"))
    ledger.record(running("r2"))
    alive = run_folder(report.outputs, "r2")
    alive.mkdir()
    with sign_of_life(report.outputs, "r2"):
        dead = tidy_after_killed_runs(report.outputs, ledger)
        assert [row.run_id for row in dead] == ["r1"]
        assert {row.run_id: row.status for row in ledger.runs(report)} == {"r1": "died", "r2": "running"}
        assert (folder.exists(), alive.exists()) == (False, True)
    assert tidy_after_killed_runs(report.outputs, ledger)[0].run_id == "r2"


def test_only_the_sockets_of_a_kernel_are_removed_with_a_killed_run(report, folder, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (folder / "sockets").write_text(str(precious), encoding="utf-8")
    tidy_after_killed_runs(report.outputs, Ledger(report.outputs / "ledger.sqlite"))
    assert precious.exists()
    assert not folder.exists()
