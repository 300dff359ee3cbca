from __future__ import annotations

import subprocess
import sys

from afterlaunch.notebook_file import (
    NotebookParameter,
    notebook_parameters,
    put_note_first,
    read_notebook,
)
from afterlaunch.notebook_file import write_notebook as save
from tiny_project import ENVIRONMENT, write_notebook


def test_the_parameters_of_a_cell_are_names_types_values_and_help(tmp_path):
    lines = (
        'model: str = "desk"  # the model',
        "n: int = 3",
        "share: float = 0.5",
        'carriers: list = ["AA", "UA"]',
        "bare = None",
    )
    write_notebook(tmp_path / "x.ipynb", parameters="\n".join(lines))
    assert notebook_parameters(tmp_path / "x.ipynb") == (
        NotebookParameter(name="model", type_name="str", default="desk", help="the model"),
        NotebookParameter(name="n", type_name="int", default=3, help=""),
        NotebookParameter(name="share", type_name="float", default=0.5, help=""),
        NotebookParameter(name="carriers", type_name="list", default=["AA", "UA"], help=""),
        NotebookParameter(name="bare", type_name="None", default=None, help=""),
    )


def test_lines_that_papermill_cannot_read_are_left_out(tmp_path):
    cell = 'ok: int = 1\nurl: str = "a?b=c"\nunion: "str | None" = None\nderived: int = ok + 1'
    write_notebook(tmp_path / "x.ipynb", parameters=cell)
    found = notebook_parameters(tmp_path / "x.ipynb")
    assert [(entry.name, entry.default) for entry in found] == [("ok", 1), ("derived", "ok + 1")]


def test_braces_in_a_path_are_no_template(tmp_path):
    folder = tmp_path / "{model}"
    folder.mkdir()
    write_notebook(folder / "x.ipynb")
    assert [entry.name for entry in notebook_parameters(folder / "x.ipynb")] == ["model", "period", "n"]


def test_a_note_is_text_that_nothing_renders(tmp_path):
    write_notebook(tmp_path / "x.ipynb")
    notebook = read_notebook(tmp_path / "x.ipynb")
    put_note_first(notebook, "<script>alert(1)</script>")
    save(notebook, tmp_path / "y.ipynb")
    first = read_notebook(tmp_path / "y.ipynb").cells[0]
    assert (first.cell_type, first.source) == ("raw", "<script>alert(1)</script>")


def test_the_slow_grammar_is_not_built():
    program = (
        "import sys; from afterlaunch.notebook_file import leave_out_slow_grammar as leave_out; leave_out();"
        "import nbformat, papermill; print(sys.modules['rfc3987_syntax'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    assert ended.stdout == "None\n"
