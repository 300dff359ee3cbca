from __future__ import annotations

import dataclasses
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from afterlaunch.artifacts import Report
from afterlaunch.errors import RunError
from afterlaunch.ledger import Ledger, LedgerRow, RunStatus


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "outputs" / "ledger.sqlite")


def row(run_id: str = "r1", **changes) -> LedgerRow:
    base = LedgerRow(
        run_id=run_id,
        stem="monthly_health",
        model="desk",
        period="2013-09",
        status=RunStatus.OK,
        exit_code=0,
        started_at="2013-10-01T06:00:00+00:00",
        ended_at="2013-10-01T06:01:00+00:00",
        duration_s=60.0,
        parameters={"n": 1, "name": "é"},
        data_fingerprints={"data/log.csv": "ab"},
        versions={"python": "3.11", "git_dirty": False},
        input_hash="cd",
        output_hashes={"monthly_health.html": "ef"},
        headline="All well.",
        severity="ok",
        message="",
    )
    return dataclasses.replace(base, **changes)


def report(tmp_path, **changes) -> Report:
    return Report(
        **{"stem": "monthly_health", "model": "desk", "period": "2013-09", **changes}, root=tmp_path
    )


def test_a_row_comes_back_as_it_was_written(ledger, tmp_path):
    ledger.record(row())
    assert ledger.runs(report(tmp_path)) == (row(),)


def test_a_run_has_one_row_from_start_to_end(ledger, tmp_path):
    ledger.record(row(status=RunStatus.RUNNING, exit_code=None, ended_at="", duration_s=None))
    assert [found.run_id for found in ledger.running()] == ["r1"]
    ledger.record(row())
    assert ledger.running() == ()
    assert ledger.runs(report(tmp_path)) == (row(),)


def test_the_last_published_run_is_the_last_good_one_of_this_report(ledger, tmp_path):
    ledger.record(row("r1"))
    ledger.record(row("r2", ended_at="2013-10-02T06:01:00+00:00"))
    ledger.record(row("r3", ended_at="2013-10-03T06:01:00+00:00", status=RunStatus.FAILED))
    ledger.record(row("r4", ended_at="2013-10-04T06:01:00+00:00", period="2013-10"))
    assert ledger.last_published(report(tmp_path)).run_id == "r2"
    assert ledger.last_published(report(tmp_path, period="2013-11")) is None


def test_published_reports_come_newest_first_one_run_each(ledger):
    ledger.record(row("r1"))
    ledger.record(row("r2", ended_at="2013-10-05T06:01:00+00:00"))
    ledger.record(row("r3", ended_at="2013-10-04T06:01:00+00:00", period="2013-10"))
    assert [found.run_id for found in ledger.published()] == ["r2", "r3"]


def test_a_hash_is_remembered_for_exactly_one_state_of_a_file(ledger):
    assert ledger.recall("/data/a.csv", size=1, mtime_ns=2) is None
    ledger.remember("/data/a.csv", "ab", size=1, mtime_ns=2)
    assert ledger.recall("/data/a.csv", size=1, mtime_ns=2) == "ab"
    assert ledger.recall("/data/a.csv", size=2, mtime_ns=2) is None
    assert ledger.recall("/data/a.csv", size=1, mtime_ns=3) is None
    ledger.remember("/data/a.csv", "cd", size=1, mtime_ns=3)
    assert ledger.recall("/data/a.csv", size=1, mtime_ns=2) is None


def test_looking_makes_no_file(ledger, tmp_path):
    assert (ledger.running(), ledger.published(), ledger.runs(report(tmp_path))) == ((), (), ())
    assert list(tmp_path.iterdir()) == []


def test_many_writers_lose_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: Ledger(path).record(row(f"r{i:02}")), range(40)))
    assert [found.run_id for found in Ledger(path).runs(report(tmp_path))] == [f"r{i:02}" for i in range(40)]


def test_a_file_that_is_no_ledger_is_told(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_text("not a database, but long enough to look at" * 100, encoding="utf-8")
    with pytest.raises(RunError) as caught:
        Ledger(path).record(row())
    assert str(caught.value) == (
        f"The ledger {path} cannot be used: file is not a database. "
        "Free it, or move it away: the next run makes a new one, and every report runs again once."
    )


def test_a_ledger_of_a_newer_library_is_left_alone(ledger, tmp_path):
    ledger.record(row())
    path = tmp_path / "outputs" / "ledger.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunError, match=r"has version 99, this library knows up to 1\. Use the newer library"):
        ledger.record(row("r2"))
