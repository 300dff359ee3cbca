"""Parameters: where the project is, its YAML files read strictly, and what each notebook may be given."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import typing
from pathlib import Path
from typing import Any, TypeVar

from afterlaunch.errors import ParameterError, did_you_mean
from afterlaunch.notebook_file import notebook_parameters
from afterlaunch.schema import FieldsError, allowed, converted, parse, refusal, shown
from afterlaunch.windows import Window
from afterlaunch.yaml_file import read_yaml

if typing.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


__all__ = [
    "PARAMETERS",
    "DriftParameters",
    "MonthParameters",
    "MonthlyHealthParameters",
    "ReportParameters",
    "load",
    "load_parameters",
    "model_names",
    "notebook_parameters",
    "parameters_class",
    "parse",
    "project_root",
    "read_yaml",
    "safe_name",
]

T = TypeVar("T")

ROOT_VARIABLE = "AFTERLAUNCH_ROOT"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class ReportParameters(typing.Protocol):
    """What the parameters of every report have: a frozen dataclass with a model and a period."""

    @property
    def model(self) -> str:
        """Name of the model: its folder under ``params/``."""

    @property
    def period(self) -> str:
        """The month, such as ``"2013-09"``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonthParameters:
    """What every report on a month of a model may be given.

    Parameters
    ----------
    model : str
        Name of the model: its folder under ``params/``.
    period : str
        The month to report on, such as ``"2013-09"``.
    as_of : str
        A day such as ``"2013-10-01"``: only outcomes known before it are used. Empty: all that are known.
    n_resamples : int
        Draws behind each interval, 200 to 10,000.
    seed : int
        Seed of the draws, 0 or more.
    """

    model: str
    period: str
    as_of: str = ""
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        problems = {
            "model": _name_problem(self.model),
            "period": _month_problem(self.period),
            "as_of": _day_problem(self.as_of),
            "n_resamples": _bounds_problem(self.n_resamples, lower=200, upper=10_000),
            "seed": _bounds_problem(self.seed, lower=0, upper=2**32 - 1),
        }
        if any(problems.values()):
            raise FieldsError({name: text for name, text in problems.items() if text})


class MonthlyHealthParameters(MonthParameters):
    """What ``notebooks/monthly_health.ipynb`` may be given."""


class DriftParameters(MonthParameters):
    """What ``notebooks/drift.ipynb`` may be given."""


PARAMETERS: Mapping[str, type[Any]] = {"drift": DriftParameters, "monthly_health": MonthlyHealthParameters}
"""The parameters class of every notebook, by the notebook's stem."""


def project_root() -> Path:
    """Return the project's folder: the one that holds ``params/`` and ``notebooks/``.

    The environment variable ``AFTERLAUNCH_ROOT`` decides. Without it, the folder is looked for upwards from
    the current one, then upwards from this file.

    Raises
    ------
    ParameterError
        When no such folder is found, or the variable names a folder that is none.
    """
    named = os.environ.get(ROOT_VARIABLE)
    if named:
        root = Path(named).absolute()
        if not _is_project(root):
            raise ParameterError(
                f"{ROOT_VARIABLE} is {named!r}, which does not hold both params/ and notebooks/. "
                "Set it to the project's folder, or unset it and work inside that folder."
            )
        return root
    here = Path.cwd()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if _is_project(folder):
            return folder
    raise ParameterError(
        f"No project was found in {str(here)!r} or above it: its folder holds params/ and notebooks/. "
        f"Work inside one, or set {ROOT_VARIABLE} to it."
    )


def load(cls: type[T], model: str, file_name: str, root: Path) -> T:
    """Read one of a model's files, ``params/<model>/<file_name>``, into a dataclass.

    Raises
    ------
    ParameterError
        When there is no such model or file, or the file is not usable, with everything that is wrong.
    """
    return parse(cls, _read_model_file(model, file_name, root), where=_shown_path(model, file_name))


def load_parameters(stem: str, model: str, overrides: Mapping[str, object], root: Path) -> ReportParameters:
    """Read ``params/<model>/<stem>.yaml`` and put the given values over the file's.

    Parameters
    ----------
    stem : str
        The notebook's stem, one of ``PARAMETERS``.
    model : str
        The model's name.
    overrides : Mapping
        Values by name. Text is read by the field's type, strictly: ``"400"`` for a whole number, ``"true"``,
        ``"a,b"`` for a list.
    root : pathlib.Path
        The project's folder.

    Raises
    ------
    ParameterError
        Naming every unusable name and value of the file and of the overrides at once.
    """
    cls = parameters_class(stem)
    given = _read_model_file(model, f"{stem}.yaml", root)
    hints = typing.get_type_hints(cls)
    values = {
        name: converted(hints.get(name), value) if isinstance(value, str) else value
        for name, value in overrides.items()
    }
    where = _shown_path(model, f"{stem}.yaml") + (f" with {_assignments(overrides)}" if overrides else "")
    parameters = parse(cls, {**given, **values}, where=where)
    if parameters.model != model:
        problem = f"model: got {shown(parameters.model)}, allowed is {model!r}, the folder's name."
        raise refusal(where, [problem])
    return typing.cast("ReportParameters", parameters)


def parameters_class(stem: str) -> type[Any]:
    """Return the parameters class of a notebook.

    Raises
    ------
    ParameterError
        When there is no such notebook.

    Examples
    --------
    >>> parameters_class("monthly_helth")
    Traceback (most recent call last):
    afterlaunch.errors.ParameterError: There is no notebook 'monthly_helth'. Did you mean 'monthly_health'? \
Known notebooks: drift, monthly_health.
    """
    if stem not in PARAMETERS:
        raise ParameterError(
            f"There is no notebook {stem!r}.{did_you_mean(stem, PARAMETERS)} "
            f"Known notebooks: {', '.join(sorted(PARAMETERS))}."
        )
    return PARAMETERS[stem]


def model_names(root: Path) -> tuple[str, ...]:
    """Return the models that have a folder under ``params/``, in order."""
    folders = (root / "params").glob("*/")
    return tuple(sorted(folder.name for folder in folders if _SAFE_NAME.fullmatch(folder.name)))


def safe_name(text: str, *, what: str) -> str:
    """Return a name that is safe in a path; refuse any other.

    Raises
    ------
    ParameterError
        When the text holds anything but letters, digits, ``-`` and ``_``, or is longer than 64.

    Examples
    --------
    >>> safe_name("flight_claims", what="model")
    'flight_claims'
    >>> safe_name("../x", what="model")
    Traceback (most recent call last):
    afterlaunch.errors.ParameterError: model: got '../x', allowed is a name of letters, digits, - and _, \
at most 64, a letter or digit first.
    """
    problem = _name_problem(text)
    if problem:
        raise ParameterError(f"{what}: {problem}")
    return text


def check_notebook_takes(path: Path, parameters: ReportParameters) -> None:
    """Refuse a notebook whose parameters cell and parameters class name different parameters.

    Raises
    ------
    ParameterError
        Naming what each side lacks: Papermill would run such a notebook on its defaults without a word.
    """
    in_class = [field.name for field in dataclasses.fields(typing.cast("Any", parameters))]
    in_cell = [parameter.name for parameter in notebook_parameters(path)]
    class_name = type(parameters).__name__
    problems = [f"{name}: in {class_name}, not in the cell." for name in in_class if name not in in_cell]
    problems += [f"{name}: in the cell, not in {class_name}." for name in in_cell if name not in in_class]
    problems += [f"{name}: is not a Python name." for name in in_class if not name.isidentifier()]
    if problems:
        raise refusal(f"The parameters cell of {path.name}", problems)


def as_injected(parameters: ReportParameters) -> dict[str, object]:
    """Return the parameters as Papermill can inject them: names that the class allows, plain values.

    Raises
    ------
    TypeError
        When a field holds anything but text, numbers, true/false or lists of text: a mistake in the class.
    """
    values = dataclasses.asdict(typing.cast("Any", parameters))
    for name, value in values.items():
        items: Sequence[object] = value if isinstance(value, list) else [value]
        if not all(type(item) in (str, int, float, bool) for item in items):
            raise TypeError(f"Parameter {name!r} holds {value!r}. Use str, int, float, bool or list[str].")
    return values


def _is_project(folder: Path) -> bool:
    return (folder / "params").is_dir() and (folder / "notebooks").is_dir()


def _read_model_file(model: str, file_name: str, root: Path) -> dict[str, object]:
    models = model_names(root)
    if model not in models:
        known = f"Known models: {', '.join(models)}." if models else "The folder params/ holds no model yet."
        raise ParameterError(f"There is no model {model!r}.{did_you_mean(model, models)} {known}")
    return read_yaml(root / "params" / model / file_name, where=_shown_path(model, file_name))


def _shown_path(model: str, file_name: str) -> str:
    return f"params/{model}/{file_name}"


def _assignments(overrides: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in overrides.items())


def _name_problem(text: str) -> str:
    if _SAFE_NAME.fullmatch(text):
        return ""
    rule = "a name of letters, digits, - and _, at most 64, a letter or digit first"
    return f"got {shown(text)}, allowed is {rule}."


def _month_problem(text: str) -> str:
    try:
        Window.parse(text)
    except ParameterError as error:
        return str(error)
    return ""


def _day_problem(text: str) -> str:
    try:
        is_day = not text or dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_day = False
    return "" if is_day else f"got {shown(text)}, allowed is {allowed(dt.date)}, or empty text."


def _bounds_problem(value: int, *, lower: int, upper: int) -> str:
    if lower <= value <= upper:
        return ""
    return f"got {value}, allowed is a whole number from {lower:,} to {upper:,}."
