from __future__ import annotations

import os
import subprocess
import sys

import pytest

from afterlaunch.artifacts import Report
from afterlaunch.errors import BusyError
from afterlaunch.lock import clear_sign_of_life, is_alive, report_lock, sign_of_life
from tiny_project import ENVIRONMENT

HOLD = """
import sys
from pathlib import Path
from afterlaunch.artifacts import Report
from afterlaunch.lock import report_lock, sign_of_life
report = Report(stem="tiny", model="desk", period="2013-09", root=Path(sys.argv[1]))
with report_lock(report), sign_of_life(report.outputs, "r1"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def report(tmp_path):
    return Report(stem="tiny", model="desk", period="2013-09", root=tmp_path)


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_held_by_another_process_says_which_and_since_when(report, holder):
    pattern = (
        rf"^tiny for desk 2013-09 is being made by process {holder.pid} "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. "
        r"Wait for it to end, then run again\.$"
    )
    with pytest.raises(BusyError, match=pattern), report_lock(report):
        pass
    assert is_alive(report.outputs, "r1")


def test_another_report_is_free(report, holder, tmp_path):
    with report_lock(Report(stem="tiny", model="desk", period="2013-10", root=tmp_path)):
        assert holder.poll() is None


def test_the_lock_of_a_killed_process_is_free(report, holder):
    holder.kill()
    holder.wait()
    assert not is_alive(report.outputs, "r1")
    with report_lock(report):
        pass


def test_a_lock_can_be_taken_again_and_holds_nobody_after_its_end(report):
    with report_lock(report):
        path = report.outputs / ".locks" / "desk.2013-09.tiny"
        assert path.read_text(encoding="utf-8").startswith(f"process {os.getpid()} since ")
    assert path.read_text(encoding="utf-8") == ""
    with report_lock(report):
        pass


def test_a_sign_of_life_ends_with_its_run(report):
    assert not is_alive(report.outputs, "r1")
    with sign_of_life(report.outputs, "r1"):
        assert is_alive(report.outputs, "r1")
    assert not is_alive(report.outputs, "r1")
    assert list((report.outputs / ".locks").iterdir()) == []
    clear_sign_of_life(report.outputs, "r1")
