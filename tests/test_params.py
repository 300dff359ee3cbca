from __future__ import annotations

import dataclasses
import typing

import pytest

import afterlaunch
from afterlaunch.errors import ParameterError
from afterlaunch.params import (
    PARAMETERS,
    MonthlyHealthParameters,
    as_injected,
    check_notebook_takes,
    load,
    load_parameters,
    model_names,
    project_root,
    safe_name,
)
from afterlaunch.windows import Window
from tiny_project import TinyParameters, write_notebook


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    limit: float


@pytest.fixture
def root(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for model in ("desk", "flight_claims"):
        (tmp_path / "params" / model).mkdir(parents=True)
    (tmp_path / "params" / "desk" / "policy.yaml").write_text("limit: 0.5\n", encoding="utf-8")
    (tmp_path / "params" / "desk" / "monthly_health.yaml").write_text(
        'model: desk\nperiod: "2013-09"\nn_resamples: 200\n', encoding="utf-8"
    )
    return tmp_path


def message_of(function, *arguments) -> str:
    with pytest.raises(ParameterError) as caught:
        function(*arguments)
    return str(caught.value)


def test_the_project_is_found_from_any_folder_in_it(root, monkeypatch):
    monkeypatch.delenv("AFTERLAUNCH_ROOT", raising=False)
    monkeypatch.chdir(root / "params" / "desk")
    assert project_root() == root


def test_the_environment_variable_decides(root, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("AFTERLAUNCH_ROOT", str(root))
    assert project_root() == root


def test_a_variable_that_names_no_project_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("AFTERLAUNCH_ROOT", str(tmp_path))
    assert message_of(project_root) == (
        f"AFTERLAUNCH_ROOT is {str(tmp_path)!r}, which does not hold both params/ and notebooks/. "
        "Set it to the project's folder, or unset it and work inside that folder."
    )


def test_outside_any_project_the_one_around_the_package_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("AFTERLAUNCH_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert (project_root() / "lib" / "afterlaunch" / "__init__.py").samefile(afterlaunch.__file__)


def test_a_file_of_a_model_is_read_into_its_class(root):
    assert load(Policy, "desk", "policy.yaml", root) == Policy(limit=0.5)


def test_an_unknown_model_names_the_known_ones(root):
    assert message_of(load, Policy, "flight_claim", "policy.yaml", root) == (
        "There is no model 'flight_claim'. Did you mean 'flight_claims'? Known models: desk, flight_claims."
    )


def test_a_model_name_cannot_leave_its_folder(root):
    assert message_of(load, Policy, "../params/desk", "policy.yaml", root).startswith(
        "There is no model '../params/desk'."
    )


def test_folders_with_unsafe_names_are_no_models(root):
    (root / "params" / ".hidden").mkdir()
    (root / "params" / "a b").mkdir()
    (root / "params" / "note.txt").touch()
    assert model_names(root) == ("desk", "flight_claims")


def test_parameters_come_from_the_file_and_the_command_line_goes_over_it(root):
    overrides = {"period": "2013-10", "seed": "7"}
    assert load_parameters("monthly_health", "desk", overrides, root) == MonthlyHealthParameters(
        model="desk", period="2013-10", n_resamples=200, seed=7
    )


def test_every_bad_parameter_of_file_and_command_line_is_told_at_once(root):
    overrides = {"perod": "2013-10", "seed": "1e3", "n_resamples": "many"}
    assert message_of(load_parameters, "monthly_health", "desk", overrides, root) == (
        "params/desk/monthly_health.yaml with perod=2013-10, seed=1e3, n_resamples=many cannot be used:\n"
        "  perod: unknown key. Did you mean 'period'? "
        "Known keys: model, period, as_of, n_resamples, seed.\n"
        "  n_resamples: got 'many', allowed is a whole number.\n"
        "  seed: got '1e3', allowed is a whole number. Write 1000, without quotes.\n"
        "Correct it and run again."
    )


def test_values_out_of_bounds_are_all_told_at_once(root):
    overrides = {"period": "2013-13", "as_of": "soon", "n_resamples": "99", "seed": "-1"}
    assert message_of(load_parameters, "monthly_health", "desk", overrides, root).split("\n")[1:-1] == [
        f"  period: {message_of(Window.parse, '2013-13')}",
        "  as_of: got 'soon', allowed is a day written \"2013-09-01\", or empty text.",
        "  n_resamples: got 99, allowed is a whole number from 200 to 10,000.",
        "  seed: got -1, allowed is a whole number from 0 to 4,294,967,295.",
    ]


def test_the_model_of_the_file_is_the_model_of_the_folder(root):
    path = root / "params" / "flight_claims" / "monthly_health.yaml"
    path.write_text('model: desk\nperiod: "2013-09"\n', encoding="utf-8")
    assert message_of(load_parameters, "monthly_health", "flight_claims", {}, root) == (
        "params/flight_claims/monthly_health.yaml cannot be used:\n"
        "  model: got 'desk', allowed is 'flight_claims', the folder's name.\n"
        "Correct it and run again."
    )


def test_an_unknown_notebook_is_refused_with_a_suggestion(root):
    assert message_of(load_parameters, "monthly_helth", "desk", {}, root) == (
        "There is no notebook 'monthly_helth'. Did you mean 'monthly_health'? "
        f"Known notebooks: {', '.join(sorted(PARAMETERS))}."
    )


@pytest.mark.parametrize("n_resamples", [200, 10_000])
def test_bounds_are_inclusive(n_resamples):
    parameters = MonthlyHealthParameters(model="desk", period="2013-09", n_resamples=n_resamples)
    assert parameters.n_resamples == n_resamples


@pytest.mark.parametrize("n_resamples", [199, 10_001])
def test_just_outside_the_bounds_is_refused(n_resamples):
    with pytest.raises(
        ParameterError, match=rf"^n_resamples: got {n_resamples}, allowed is a whole number from"
    ):
        MonthlyHealthParameters(model="desk", period="2013-09", n_resamples=n_resamples)


@pytest.mark.parametrize("name", ["a", "flight_claims", "2013-09", "A" * 64])
def test_safe_names_pass(name):
    assert safe_name(name, what="model") == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-a", "_a", "a.b", "a\n", "é", "A" * 65])
def test_names_that_could_do_harm_in_a_path_are_refused(name):
    assert message_of(lambda: safe_name(name, what="model")).startswith("model: got ")


def test_every_parameters_class_mirrors_what_a_parameters_cell_can_hold():
    for cls in PARAMETERS.values():
        hints = typing.get_type_hints(cls)
        assert set(hints.values()) <= {str, int, float, bool, list[str]}
        assert {"model", "period"} <= set(hints)


def test_a_notebook_that_takes_other_parameters_than_its_class_is_refused(tmp_path):
    path = tmp_path / "tiny.ipynb"
    write_notebook(path, parameters='model: str = "desk"\nperiod: str = "2013-09"\nm: int = 1')
    assert message_of(check_notebook_takes, path, TinyParameters()) == (
        "The parameters cell of tiny.ipynb cannot be used:\n"
        "  n: in TinyParameters, not in the cell.\n"
        "  m: in the cell, not in TinyParameters.\n"
        "Correct it and run again."
    )


def test_a_notebook_that_takes_its_parameters_passes(tmp_path):
    write_notebook(tmp_path / "tiny.ipynb")
    check_notebook_takes(tmp_path / "tiny.ipynb", TinyParameters())


def test_only_plain_values_are_injected():
    assert as_injected(TinyParameters(n=3)) == {"model": "desk", "period": "2013-09", "n": 3}
    with pytest.raises(
        TypeError, match=r"^Parameter 'n' holds \(1, 2\)\. Use str, int, float, bool or list\[str\]"
    ):
        as_injected(TinyParameters(n=(1, 2)))
