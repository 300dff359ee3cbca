from __future__ import annotations

import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.yaml_file import read_yaml


@pytest.fixture
def read(tmp_path):
    def read_text(text: str) -> dict[str, object]:
        path = tmp_path / "model.yaml"
        path.write_text(text, encoding="utf-8")
        return read_yaml(path, where="model.yaml")

    return read_text


def refusal_of(read, text: str) -> str:
    with pytest.raises(ParameterError) as caught:
        read(text)
    return str(caught.value)


def test_plain_values_are_what_they_look_like(read):
    text = """
    text: claims screening
    quoted: "no"
    whole: -12
    number: 0.25
    exponent: 1.5e-3
    yes_or_no: true
    nothing: null
    empty:
    day: 2013-09-01
    list: [a, 1]
    """
    assert read(text) == {
        "text": "claims screening",
        "quoted": "no",
        "whole": -12,
        "number": 0.25,
        "exponent": 0.0015,
        "yes_or_no": True,
        "nothing": None,
        "empty": None,
        "day": "2013-09-01",
        "list": ["a", 1],
    }


@pytest.mark.parametrize(
    ("written", "reading"),
    [
        ("no", "false"),
        ("NO", "false"),
        ("on", "true"),
        ("0123", "83"),
        ("12:30", "750"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("+5", "5"),
        (".inf", "inf"),
        (".nan", "nan"),
        ("1:30.5", "90.5"),
    ],
)
def test_a_value_that_yaml_reads_as_another_is_refused_with_its_line(read, written, reading):
    assert refusal_of(read, f"first: 1\nvalue: {written}\n") == (
        "model.yaml cannot be used:\n"
        f"  line 2: {written} without quotes is read as {reading}. "
        f'Write "{written}" for text, or the value that is meant.\n'
        "Correct it and run again."
    )


@pytest.mark.parametrize("written", ["1e-3", "08", "1.2.3", "2013-09", "yess"])
def test_what_yaml_keeps_as_text_stays_text(read, written):
    assert read(f"value: {written}") == {"value": written}


def test_every_problem_of_a_file_is_told_at_once(read):
    text = "a: 1\nb: {c: yes, c: 2}\na: 3\n2013: x\nd: !!set {x}\n"
    assert refusal_of(read, text) == (
        "model.yaml cannot be used:\n"
        "  line 3: the key 'a' stands on line 1 already. Keep one.\n"
        "  line 4: the key 2013 is not text. Put it in quotes.\n"
        "  line 2: the key 'c' stands on line 2 already. Keep one.\n"
        '  line 2: yes without quotes is read as true. Write "yes" for text, or the value that is meant.\n'
        "  line 5: the tag 'tag:yaml.org,2002:set' is not allowed. "
        "Write plain keys, lists, text and numbers.\n"
        "Correct it and run again."
    )


def test_a_tag_that_would_make_an_object_is_refused(read):
    text = 'value: !!python/object/apply:os.system ["true"]'
    assert "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed" in refusal_of(
        read, text
    )


def test_broken_yaml_is_told_with_its_line(read):
    assert refusal_of(read, "a: 1\nb: [1, 2\nc: 3\n") == (
        "model.yaml, line 3, column 2: while parsing a flow sequence, expected ',' or ']', but got ':'. "
        "Correct the YAML."
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_file_is_refused(read, text):
    assert refusal_of(read, text) == "model.yaml is empty. Give it keys and values."


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text"])
def test_a_file_without_keys_is_refused(read, text):
    assert "(top): allowed are keys and values, one `key: value` a line." in refusal_of(read, text)


def test_several_documents_in_one_file_are_refused(read):
    assert refusal_of(read, "a: 1\n---\nb: 2\n") == (
        "model.yaml, line 2, column 1: expected a single document in the stream, "
        "but found another document. Correct the YAML."
    )


def test_control_characters_are_refused(read):
    assert refusal_of(read, "a: \x07").startswith("model.yaml is not YAML: unacceptable character")


def test_anchors_and_merged_keys_are_read(read):
    text = "base: &base {n: 1}\nmore: {<<: *base, m: 2}\nagain: *base\n"
    assert read(text) == {"base": {"n": 1}, "more": {"n": 1, "m": 2}, "again": {"n": 1}}


def test_a_structure_that_holds_itself_does_not_hang(read):
    assert refusal_of(read, "a: &a [*a, no]").count("without quotes is read as false") == 1


def test_a_missing_file_names_those_that_are_there(tmp_path):
    for name in ("model.yaml", "policy.yaml"):
        (tmp_path / name).touch()
    with pytest.raises(ParameterError) as caught:
        read_yaml(tmp_path / "polcy.yaml", where="params/desk/polcy.yaml")
    assert str(caught.value) == (
        "There is no params/desk/polcy.yaml. Did you mean 'policy.yaml'? "
        "The folder holds: model.yaml, policy.yaml."
    )


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(ParameterError, match=r"^There is no x\.yaml\. Its folder holds no YAML file\.$"):
        read_yaml(tmp_path / "none" / "x.yaml", where="x.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParameterError, match=r"^x\.yaml is not UTF-8 text\. Save it as UTF-8\.$"):
        read_yaml(tmp_path / "x.yaml", where="x.yaml")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(ParameterError, match=r"^x\.yaml cannot be read: Is a directory\."):
        read_yaml(tmp_path / "x.yaml", where="x.yaml")
