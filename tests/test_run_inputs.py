from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import afterlaunch
from afterlaunch.artifacts import Report
from afterlaunch.errors import DataError
from afterlaunch.ledger import Ledger
from afterlaunch.run_inputs import PACKAGES, code_version, package_versions, run_inputs
from tiny_project import make_project, write_notebook


@pytest.fixture
def report(tmp_path):
    make_project(tmp_path)
    return Report(stem="tiny", model="desk", period="2013-09", root=tmp_path)


def inputs_of(report, *, sources=("data/log.csv",), **parameters):
    memory = Ledger(report.outputs / "ledger.sqlite")
    return run_inputs(report, parameters={"n": 1, **parameters}, sources=sources, memory=memory)


def test_nothing_changed_gives_the_same_hash(report):
    assert inputs_of(report) == inputs_of(report)
    assert re.fullmatch("[0-9a-f]{64}", inputs_of(report).input_hash)


@pytest.mark.parametrize(
    "change", ["notebook", "parameter", "model file", "data", "another source", "period"]
)
def test_any_change_of_what_a_report_depends_on_changes_the_hash(report, tmp_path, change):
    before = inputs_of(report).input_hash
    sources, parameters = ("data/log.csv",), {}
    if change == "notebook":
        write_notebook(tmp_path / "notebooks" / "tiny.ipynb", "x = 1")
    elif change == "parameter":
        parameters = {"n": 2}
    elif change == "model file":
        (tmp_path / "params" / "desk" / "policy.yaml").write_text("limit: 1\n", encoding="utf-8")
    elif change == "data":
        (tmp_path / "data" / "log.csv").write_text("id,score\n1,0.6\n", encoding="utf-8")
    elif change == "another source":
        (tmp_path / "data" / "more.csv").touch()
        sources = ("data/log.csv", "data/more.csv")
    else:
        report = Report(stem="tiny", model="desk", period="2013-10", root=tmp_path)
    assert inputs_of(report, sources=sources, **parameters).input_hash != before


def test_a_file_touched_but_not_changed_changes_nothing(report, tmp_path):
    before = inputs_of(report).input_hash
    os.utime(tmp_path / "data" / "log.csv", (1, 1))
    assert inputs_of(report).input_hash == before


def test_an_absolute_source_in_the_project_is_named_from_the_project(report, tmp_path):
    assert inputs_of(report, sources=(str(tmp_path / "data" / "log.csv"),)) == inputs_of(report)


def test_a_database_has_no_fingerprint_and_its_password_is_not_kept(report):
    inputs = inputs_of(report, sources=("postgresql://reader:secret@host/claims", "data/log.csv"))
    assert not inputs.is_complete
    assert inputs.data_fingerprints["postgresql://reader:***@host/claims"] == ""
    assert "secret" not in repr(inputs)


def test_missing_data_is_refused(report):
    with pytest.raises(DataError, match=r"^There is no data at '.*/data/none\.csv'\. Correct the path"):
        inputs_of(report, sources=("data/none.csv",))


def test_the_packages_are_those_the_project_depends_on():
    project = tomllib.loads(
        (Path(afterlaunch.__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    )
    named = {re.match(r"[A-Za-z0-9-]+", entry)[0] for entry in project["project"]["dependencies"]}
    assert set(PACKAGES) == named
    assert package_versions()["papermill"].startswith("2.7.")


def test_the_code_version_names_the_commit_and_whether_anything_changed_since(tmp_path):
    make_project(tmp_path)
    assert "git_commit" not in code_version(tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    version = code_version(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", version["git_commit"])
    assert version["git_dirty"] is False
    write_notebook(tmp_path / "notebooks" / "tiny.ipynb", "x = 1")
    assert code_version(tmp_path)["git_dirty"] is True
