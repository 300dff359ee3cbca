"""Notebook files: read, written, and their parameters cell as Papermill sees it."""

from __future__ import annotations

import ast
import dataclasses
import sys
import typing
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from nbformat import NotebookNode


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotebookParameter:
    """One line of a notebook's parameters cell, as Papermill reads it.

    ``type_name`` is ``"None"`` where the line names no type; ``default`` is the value, or its text where that
    is no plain value.
    """

    name: str
    type_name: str
    default: object
    help: str


def notebook_parameters(path: Path) -> tuple[NotebookParameter, ...]:
    """Return the parameters that Papermill finds in a notebook's parameters cell, in order.

    A line that Papermill cannot read (a second ``=``, a type other than ``str int float bool list``) is left
    out, as Papermill leaves it out.
    """
    leave_out_slow_grammar()
    import papermill

    found = papermill.inspect_notebook(literal_path(path))
    return tuple(
        NotebookParameter(
            name=entry["name"],
            type_name=entry["inferred_type_name"],
            default=_literal(entry["default"]),
            help=entry["help"],
        )
        for entry in found.values()
    )


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook."""
    return cast("NotebookNode", _nbformat().read(path, as_version=4))


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook."""
    _nbformat().write(notebook, path)


def put_note_first(notebook: NotebookNode, text: str) -> None:
    """Put a note before all cells, as text that nothing renders: it may quote data, and data is no markup."""
    notebook.cells.insert(0, _nbformat().v4.new_raw_cell(text))


def literal_path(path: Path) -> str:
    """Return a path in which Papermill finds no ``{fields}`` to fill in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def leave_out_slow_grammar() -> None:
    """Let jsonschema do without a grammar that takes 1.3 s to build and checks addresses no notebook holds.

    It works when called before anything imports nbformat, and does nothing afterwards.
    """
    sys.modules.setdefault("rfc3987_syntax", cast("Any", None))


def _nbformat() -> ModuleType:
    leave_out_slow_grammar()
    import nbformat

    return nbformat


def _literal(text: str) -> object:
    try:
        return typing.cast("object", ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text
