from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from afterlaunch import cli
from tiny_project import ENVIRONMENT, write_notebook

ROOT = Path(__file__).resolve().parents[1]
PARAMETERS_CELL = """\
model: str = "flight_claims"  # the model
period: str = "2013-09"  # the month
as_of: str = ""  # a day
n_resamples: int = 400  # draws
seed: int = 0  # of the draws"""
RESULT_CELL = """\
import types
from afterlaunch.artifacts import export
result = {"headline": f"All well in {period}.", "severity": "watch", "schema_version": 1}
export(types.SimpleNamespace(to_json=lambda: result), "monthly_health")"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The shipped model with a notebook that takes what the real one takes and does next to nothing."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "data").symlink_to(ROOT / "data")
    (tmp_path / "notebooks").mkdir()
    write_notebook(
        tmp_path / "notebooks" / "monthly_health.ipynb", parameters=PARAMETERS_CELL, result=RESULT_CELL
    )
    monkeypatch.setenv("AFTERLAUNCH_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    return code, *capsys.readouterr()


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


MONTH = ("--model", "flight_claims", "--period", "2013-09")


def test_a_run_prints_its_page_and_its_one_sentence_then_says_that_it_is_up_to_date(project, capsys):
    page = "outputs/flight_claims/2013-09/monthly_health.html"
    said = f"{page}\nAll well in 2013-09.\n"
    assert call(capsys, "run", "monthly_health", *MONTH) == (0, said, "")
    assert (project / page).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    up_to_date = "Up to date: nothing changed since it was made. Use --force to make it again.\n"
    assert call(capsys, "run", "monthly_health", *MONTH) == (0, said, up_to_date)
    assert call(capsys, "list")[1].endswith(f"Published reports\n  {page}  ◆ WATCH: All well in 2013-09.\n")


def test_a_run_that_fails_says_so_on_standard_error_alone(project, capsys):
    write_notebook(project / "notebooks" / "monthly_health.ipynb", "1 / 0", parameters=PARAMETERS_CELL)
    code, out, err = call(capsys, "run", "monthly_health", *MONTH)
    assert (code, out) == (1, "")
    assert re.fullmatch(
        r"afterlaunch: monthly_health for flight_claims 2013-09: the cell under 'Compute' raised "
        r"ZeroDivisionError: division by zero\. Nothing was published\. The notebook is kept: "
        r"outputs/flight_claims/2013-09/failed/\S+/monthly_health\.ipynb\n",
        err,
    )


UNUSABLE = "afterlaunch: params/flight_claims/monthly_health.yaml with"
UNKNOWN_MODEL = (
    "There is no model 'flight_claim'. Did you mean 'flight_claims'? "
    "Known models: claims_screening, flight_claims."
)
NAME_VALUE = "allowed is NAME=VALUE, such as n_resamples=1000."
REFUSED = {
    "a misspelt parameter": (
        ("run", "monthly_health", *MONTH, "--set", "n_resample=200"),
        (
            f"{UNUSABLE} n_resample=200, period=2013-09 cannot be used:\n"
            "  n_resample: unknown key. Did you mean 'n_resamples'? "
            "Known keys: model, period, as_of, n_resamples, seed.\n"
            "Correct it and run again.\n"
        ),
    ),
    "a month that is none": (
        ("run", "monthly_health", "--model", "flight_claims", "--period", "2013-13"),
        (
            f"{UNUSABLE} period=2013-13 cannot be used:\n"
            "  period: Period '2013-13' is not a month. "
            'Write the year and the month as YYYY-MM, such as "2013-09".\n'
            "Correct it and run again.\n"
        ),
    ),
    "an unknown notebook": (
        ("run", "monthly_helth", *MONTH),
        (
            "afterlaunch: There is no notebook 'monthly_helth'. Did you mean 'monthly_health'? "
            "Known notebooks: drift, monthly_health.\n"
        ),
    ),
    "an unknown model": (
        ("run", "monthly_health", "--model", "flight_claim", "--period", "2013-09"),
        f"afterlaunch: {UNKNOWN_MODEL}\n",
    ),
    "a value without a name": (
        ("run", "monthly_health", *MONTH, "--set", "200"),
        f"afterlaunch: --set: got '200', {NAME_VALUE}\n",
    ),
    "code for a name": (
        ("run", "monthly_health", *MONTH, "--set", "x; import os; y=1"),
        f"afterlaunch: --set: got 'x; import os; y=1', {NAME_VALUE}\n",
    ),
    "a value given twice": (
        ("run", "monthly_health", *MONTH, "--set", "seed=1", "--set", "seed=2"),
        "afterlaunch: --set: got 'seed=2', but seed is given elsewhere. Give it once.\n",
    ),
    "a period by the side door": (
        ("run", "monthly_health", *MONTH, "--set", "period=2013-10"),
        "afterlaunch: --set: got 'period=2013-10', but period is given elsewhere. Use --period.\n",
    ),
    "an unknown model to check": (("check", "flight_claim"), f"afterlaunch: {UNKNOWN_MODEL}\n"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_gives_one_clear_message_and_changes_nothing(project, capsys, arguments, message):
    before = everything(project)
    assert call(capsys, *arguments) == (2, "", message)
    assert everything(project) == before


def test_the_list_shows_notebooks_with_their_question_models_and_reports(project, capsys):
    notebooks = "Notebooks\n  monthly_health     Is it well?\n"
    rest = "Models\n  claims_screening\n  flight_claims\nPublished reports\n  none yet\n"
    assert call(capsys, "list") == (0, notebooks + rest, "")


def test_a_check_says_what_was_found(project, capsys):
    code, out, err = call(capsys, "check", "flight_claims")
    assert (code, err) == (0, "")
    assert out.startswith("Flight-delay cover screening (flight_claims): 335,601 flights")


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "inf", "nan"])
def test_a_time_limit_that_is_none_is_refused(project, capsys, seconds):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "monthly_health", *MONTH, f"--timeout={seconds}"])
    assert caught.value.code == 2
    message = f"argument --timeout: got '{seconds}', allowed is a number of seconds above 0, such as 3600\n"
    assert capsys.readouterr().err.endswith(message)


def test_the_documented_exit_codes_are_the_same_everywhere(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    lines = re.compile(r"^ *(\d+) +(\w.*)$", re.MULTILINE)
    in_help = lines.findall(capsys.readouterr().out)
    assert in_help == lines.findall(cli.__doc__)
    assert [int(code) for code, _ in in_help] == [0, 1, 2, 3, 75, 124, 130, 138, 143]


def test_help_is_there_at_once():
    def seconds_of_processor() -> float:
        before = os.times()
        subprocess.run(
            [sys.executable, "-m", "afterlaunch.cli", "--help"],
            check=True,
            capture_output=True,
            env=ENVIRONMENT,
        )
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds_of_processor() for _ in range(3)) < 0.3
