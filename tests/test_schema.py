import contextlib
import dataclasses
import datetime as dt
import enum
from collections.abc import Mapping
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import ParameterError
from afterlaunch.schema import FieldsError, converted, parse


class Direction(enum.StrEnum):
    HIGHER = "higher_is_better"
    LOWER = "lower_is_better"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Version:
    name: str
    threshold: float
    since: dt.date | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ParameterError(f"threshold {self.threshold} is not in 0 to 1.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    title: str
    versions: Mapping[str, Version]
    features: tuple[str, ...] = ()
    limits: tuple[float, float] = (0.0, 1.0)
    n_rows: int = 0
    is_live: bool = False
    direction: Direction = Direction.HIGHER
    kind: Literal["tree", "linear"] = "tree"
    cost: int | str | None = None


GOOD = {
    "title": "Claims",
    "versions": {"v1": {"threshold": 0.5, "since": "2013-01-01"}, "v2": {"threshold": 1}},
    "features": ["age", "amount"],
    "limits": [0, 0.5],
    "n_rows": 3,
    "is_live": True,
    "direction": "lower_is_better",
    "kind": "linear",
    "cost": 8,
}


def refusal_of(mapping: object, cls: type = Model) -> list[str]:
    with pytest.raises(ParameterError) as caught:
        parse(cls, mapping, where="model.yaml")
    first, *problems, last = str(caught.value).split("\n")
    assert (first, last) == ("model.yaml cannot be used:", "Correct it and run again.")
    return [problem.removeprefix("  ") for problem in problems]


def with_value(**changes: object) -> dict[str, object]:
    return {**GOOD, **changes}


def test_nested_keys_and_values_become_frozen_objects_of_the_declared_types():
    assert parse(Model, GOOD, where="model.yaml") == Model(
        title="Claims",
        versions={
            "v1": Version(name="v1", threshold=0.5, since=dt.date(2013, 1, 1)),
            "v2": Version(name="v2", threshold=1.0),
        },
        features=("age", "amount"),
        limits=(0.0, 0.5),
        n_rows=3,
        is_live=True,
        direction=Direction.LOWER,
        kind="linear",
        cost=8,
    )


def test_a_whole_number_given_for_a_number_becomes_a_float():
    threshold = parse(Model, GOOD, where="model.yaml").versions["v2"].threshold
    assert type(threshold) is float


def test_every_problem_is_told_at_once_with_its_dotted_path():
    mapping = {
        "versions": {"v1": {"threshold": "high"}, "v2": {"treshold": 0.2}},
        "features": ["age", 3],
        "limits": [0],
        "n_rows": True,
        "is_live": "true",
        "direction": "higher",
        "kind": "trees",
        "cost": 1.5,
    }
    assert refusal_of(mapping) == [
        "title: missing, allowed is text.",
        "versions.v1.threshold: got 'high', allowed is a number.",
        "versions.v2.treshold: unknown key. Did you mean 'threshold'? Known keys: name, threshold, since.",
        'features[1]: got 3, allowed is text. Put it in quotes: "3".',
        "limits: got [0], allowed is a list of 2: a number, a number.",
        "n_rows: got True, allowed is a whole number.",
        "is_live: got 'true', allowed is true or false. Write true, without quotes.",
        "direction: got 'higher', allowed is one of 'higher_is_better', 'lower_is_better'.",
        "kind: got 'trees', allowed is one of 'tree', 'linear'. Did you mean 'tree'?",
        "cost: got 1.5, allowed is a whole number or text or null.",
    ]


@pytest.mark.parametrize(
    ("given_value", "problem"),
    [
        ("1e-3", "got '1e-3', allowed is a number. Write 0.001, without quotes."),
        ("0.5", "got '0.5', allowed is a number. Write 0.5, without quotes."),
        ("1_000", "got '1_000', allowed is a number."),
        (True, "got True, allowed is a number."),
        (None, "got None, allowed is a number."),
        (float("inf"), "got inf, allowed is a number."),
        (float("nan"), "got nan, allowed is a number."),
    ],
)
def test_nothing_is_cast_to_a_number(given_value, problem):
    mapping = with_value(versions={"v1": {"threshold": given_value}})
    assert refusal_of(mapping) == [f"versions.v1.threshold: {problem}"]


@pytest.mark.parametrize(
    "given_value", ["20130901", "2013-W35-7", "2013-9-1", "2013-02-30", 20130901, True, None]
)
def test_only_one_way_to_write_a_day_is_a_day(given_value):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Training:
        until: dt.date

    problem = f'until: got {given_value!r}, allowed is a day written "2013-09-01".'
    assert refusal_of({"until": given_value}, Training) == [problem]


@pytest.mark.parametrize(("given_value", "quoted"), [(False, "false"), (83, "83"), (1.1, "1.1")])
def test_a_value_that_yaml_read_as_something_else_is_asked_for_in_quotes(given_value, quoted):
    problem = f'title: got {given_value!r}, allowed is text. Put it in quotes: "{quoted}".'
    assert refusal_of(with_value(title=given_value)) == [problem]


def test_a_refusal_of_the_object_itself_becomes_one_of_the_lines():
    mapping = with_value(versions={"v1": {"threshold": 2.0}}, title=1)
    assert refusal_of(mapping) == [
        'title: got 1, allowed is text. Put it in quotes: "1".',
        "versions.v1: threshold 2.0 is not in 0 to 1.",
    ]


def test_a_refusal_of_several_fields_names_each_with_its_path():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Span:
        first: int = 0
        last: int = 0

        def __post_init__(self) -> None:
            raise FieldsError({"first": "is odd.", "last": "is late."})

    assert refusal_of({}, Span) == ["first: is odd.", "last: is late."]
    with pytest.raises(FieldsError, match=r"^first: is odd\.\nlast: is late\.$"):
        Span()


def test_a_name_that_contradicts_its_key_is_refused():
    mapping = with_value(versions={"v1": {"name": "v2", "threshold": 0.5}})
    assert refusal_of(mapping) == [
        "versions.v1.name: got 'v2', allowed is 'v1': the key is the name. Leave it out."
    ]


def test_a_key_that_is_no_text_is_refused():
    assert refusal_of(with_value(versions={2013: {"threshold": 0.5}})) == [
        'versions.2013: got 2013, allowed is text. Put it in quotes: "2013".',
    ]


@pytest.mark.parametrize("mapping", [None, [], "text", 3])
def test_what_holds_no_keys_is_refused(mapping):
    names = "title, versions, features, limits, n_rows, is_live, direction, kind, cost"
    assert refusal_of(mapping) == [f"(top): got {mapping!r}, allowed is the keys {names}."]


def test_a_long_value_is_cut_in_the_message():
    (problem,) = refusal_of(with_value(n_rows="x" * 1000))
    assert problem == f"n_rows: got '{'x' * 58}…, allowed is a whole number."


def test_a_field_type_that_no_file_can_hold_is_a_mistake_in_the_class():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Odd:
        value: complex

    with pytest.raises(TypeError, match=r"Fields of type <class 'complex'> cannot be read from a file"):
        parse(Odd, {"value": 1}, where="odd.yaml")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), JSON))
def test_whatever_a_file_holds_it_is_read_or_refused_but_never_crashes(changes):
    with contextlib.suppress(ParameterError):
        assert isinstance(parse(Model, {**GOOD, **changes}, where="model.yaml"), Model)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "400", 400),
        (int, "-1", -1),
        (int, "007", "007"),
        (int, "4.0", "4.0"),
        (int, "٤", "٤"),
        (float, "1e-3", 0.001),
        (float, "inf", "inf"),
        (float, "1e999", "1e999"),
        (bool, "true", True),
        (bool, "True", "True"),
        (bool, "yes", "yes"),
        (str, "007", "007"),
        (list[str], "JFK, LGA", ["JFK", "LGA"]),
        (list[str], "", []),
        (None, "x", "x"),
    ],
)
def test_text_from_the_command_line_is_read_by_its_type_or_left_to_be_refused(kind, text, value):
    read = converted(kind, text)
    assert (read, type(read)) == (value, type(value))
