from __future__ import annotations

import enum
import hashlib
import json
import os
import stat
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.artifacts import Report, export, fingerprint, read_json, write_json
from afterlaunch.errors import DataError, ParameterError


class Severity(enum.StrEnum):
    OK = "ok"


class TinyReport:
    def to_json(self):
        return {"headline": "All well.", "severity": "ok", "schema_version": 1}


class Memory:
    def __init__(self):
        self.known = {}
        self.n_recalled = 0

    def recall(self, path, *, size, mtime_ns):
        found = self.known.get((path, size, mtime_ns))
        self.n_recalled += found is not None
        return found

    def remember(self, path, sha256, *, size, mtime_ns):
        self.known[path, size, mtime_ns] = sha256


def test_a_run_writes_the_result_into_its_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AFTERLAUNCH_RUN_DIR", str(tmp_path))
    assert export(TinyReport(), "monthly_health") == "The result was written to monthly_health.json."
    assert read_json(tmp_path / "monthly_health.json") == TinyReport().to_json()


def test_without_a_run_nothing_is_written_and_the_sentence_says_how_to_publish(tmp_path, monkeypatch):
    monkeypatch.delenv("AFTERLAUNCH_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert export(TinyReport(), "monthly_health") == (
        "Nothing was written: monthly_health.json is written by a run of its own. To publish this report: "
        "afterlaunch run monthly_health --model MODEL --period YYYY-MM"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_same_content_gives_the_same_bytes(tmp_path):
    write_json(
        tmp_path / "a.json", {"b": 1, "a": [1.5, "é", None, True, Severity.OK], "c": {"y": (1,), "x": {}}}
    )
    write_json(tmp_path / "b.json", {"c": {"x": {}, "y": [1]}, "a": [1.5, "é", None, True, "ok"], "b": 1})
    text = '{"a":[1.5,"é",null,true,"ok"],"b":1,"c":{"x":{},"y":[1]}}'
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    written = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "".join(written.split()) == text
    assert written.endswith("}\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_what_is_written_is_what_is_read(tmp_path_factory, mapping):
    path = tmp_path_factory.mktemp("json") / "x.json"
    write_json(path, mapping)
    assert read_json(path) == mapping


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (
            {"a": {"b": [1.0, float("nan")]}},
            "a.b[1] is nan, allowed is a finite number or null. Give null with a reason.",
        ),
        ({"a": float("-inf")}, "a is -inf, allowed is a finite number or null. Give null with a reason."),
        ({"a": {1: "x"}}, "a has the key 1, allowed is text. Write the key as text."),
        (
            {"a": np.int64(3)},
            "a is of type int64. Allowed are text, numbers, true/false, null, lists and mappings.",
        ),
        ({"a": {3}}, "a is of type set. Allowed are text, numbers, true/false, null, lists and mappings."),
        ({"a": b"x"}, "a is of type bytes. Allowed are text, numbers, true/false, null, lists and mappings."),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_place(tmp_path, mapping, problem):
    with pytest.raises(DataError) as caught:
        write_json(tmp_path / "x.json", mapping)
    assert str(caught.value) == f"x.json cannot be written: {problem}"
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(UnicodeEncodeError):
        write_json(tmp_path / "x.json", {"a": "\ud800"})
    assert read_json(tmp_path / "x.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_written_file_can_be_read_by_a_web_server(tmp_path):
    before = os.umask(0o022)
    try:
        write_json(tmp_path / "x.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.json").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "x.json is not JSON: Expecting property name"),
        ('{"a": NaN}', "x.json is not JSON: NaN is not a JSON number. Write it with artifacts.write_json."),
        ("[]", "x.json holds list, allowed are keys and values."),
    ],
)
def test_what_is_no_json_of_keys_and_values_is_refused(tmp_path, text, problem):
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_json(tmp_path / "x.json")
    assert str(caught.value).startswith(problem)


def test_a_missing_json_file_is_told(tmp_path):
    with pytest.raises(DataError, match=r"^There is no x\.json in .*\. Run its notebook to the end\.$"):
        read_json(tmp_path / "x.json")


def test_the_fingerprint_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"x" * 3_000_000)
    assert fingerprint(tmp_path / "a.csv") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_the_fingerprint_of_a_folder_is_that_of_its_names_and_contents(tmp_path):
    (tmp_path / "year=2013").mkdir()
    (tmp_path / "b.csv").write_bytes(b"1")
    (tmp_path / "year=2013" / "a.csv").write_bytes(b"2")
    (tmp_path / ".hidden").write_bytes(b"3")
    one, two = (hashlib.sha256(content).hexdigest() for content in (b"1", b"2"))
    expected = hashlib.sha256(f"b.csv\0{one}\nyear=2013/a.csv\0{two}\n".encode()).hexdigest()
    assert fingerprint(tmp_path) == expected


@pytest.mark.parametrize("change", ["content", "name", "new file", "fewer files"])
def test_any_change_to_a_folder_changes_its_fingerprint(tmp_path, change):
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "b.csv").write_bytes(b"2")
    before = fingerprint(tmp_path)
    if change == "content":
        (tmp_path / "a.csv").write_bytes(b"3")
    elif change == "name":
        (tmp_path / "a.csv").rename(tmp_path / "c.csv")
    elif change == "new file":
        (tmp_path / "c.csv").touch()
    else:
        (tmp_path / "a.csv").unlink()
    assert fingerprint(tmp_path) != before


def test_a_glob_reads_what_it_matches_and_does_not_depend_on_where_the_project_is(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder / "log").mkdir(parents=True)
        (tmp_path / folder / "log" / "a.csv").write_bytes(b"1")
        (tmp_path / folder / "log" / "a.txt").write_text(folder, encoding="utf-8")
    one, two = (fingerprint(f"{tmp_path}/{folder}/**/*.csv") for folder in ("one", "two"))
    assert one == two
    (tmp_path / "one" / "log" / "b.csv").touch()
    assert fingerprint(f"{tmp_path}/one/**/*.csv") != two


@pytest.mark.parametrize("name", ["none.csv", "none/*.csv", "empty"])
def test_a_source_without_data_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    source = str(tmp_path / name)
    with pytest.raises(DataError) as caught:
        fingerprint(source)
    assert str(caught.value) == f"There is no data at {source!r}. Correct the path, or bring the data there."


def test_a_file_that_did_not_change_is_not_read_again(tmp_path):
    path, memory = tmp_path / "a.csv", Memory()
    path.write_bytes(b"1")
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    assert fingerprint(path, memory=memory) == fingerprint(path, memory=memory) == fingerprint(path)
    assert memory.n_recalled == 1


def test_a_file_changed_a_moment_ago_is_read_again(tmp_path):
    path, memory = tmp_path / "a.csv", Memory()
    path.write_bytes(b"1")
    fingerprint(path, memory=memory)
    assert memory.known == {}


def test_a_report_knows_where_its_files_are(tmp_path):
    report = Report(stem="monthly_health", model="flight_claims", period="2013-09", root=tmp_path)
    assert report.published(".html") == tmp_path / "outputs/flight_claims/2013-09/monthly_health.html"
    assert report.notebook == tmp_path / "notebooks/monthly_health.ipynb"
    assert report.name == "monthly_health for flight_claims 2013-09"


@pytest.mark.parametrize("what", ["stem", "model", "period"])
def test_a_report_cannot_be_outside_its_folder(tmp_path, what):
    names = {"stem": "a", "model": "b", "period": "c", what: "../up"}
    with pytest.raises(ParameterError, match=rf"^{what}: got '\.\./up', allowed is a name of letters"):
        Report(**names, root=tmp_path)


def test_a_stem_cannot_write_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("AFTERLAUNCH_RUN_DIR", str(tmp_path / "run"))
    with pytest.raises(ParameterError, match=r"^stem: got '\.\./x'"):
        export(TinyReport(), "../x")


def test_json_written_here_is_json_everywhere(tmp_path):
    write_json(tmp_path / "x.json", {"share": np.float64(0.25)})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"share": 0.25}
