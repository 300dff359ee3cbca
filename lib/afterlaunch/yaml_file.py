"""YAML files, read so that nothing in them silently turns into something else."""

from __future__ import annotations

import re
import typing

from afterlaunch.errors import ParameterError, did_you_mean
from afterlaunch.schema import refusal

if typing.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import yaml


def read_yaml(path: Path, *, where: str = "") -> dict[str, object]:
    """Read a YAML file of keys and values, refusing what YAML would silently turn into something else.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    where : str
        What to call the file in messages; its path when empty.

    Returns
    -------
    dict
        Days stay text. Whole numbers, numbers, true/false and null are what they look like: ``no``, ``0123``,
        ``12:30`` and the like must be written in quotes, or as the value that is meant.

    Raises
    ------
    ParameterError
        When the file is missing, is not YAML, repeats a key or holds a value that reads as another.
    """
    import yaml

    name = where or str(path)
    text = _file_text(path, name)
    try:
        return _document(text, name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        told = ", ".join(part for part in (error.context, error.problem) if part)
        raise ParameterError(f"{name}{line}: {told}. Correct the YAML.") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{name} is not YAML: {' '.join(str(error).split())}. Correct it.") from None


def _document(text: str, name: str) -> dict[str, object]:
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ParameterError(f"{name} is empty. Give it keys and values.")
        problems = list(_node_problems(node, seen=set()))
        if not isinstance(node, yaml.MappingNode):
            problems = ["(top): allowed are keys and values, one `key: value` a line."]
        if problems:
            raise refusal(name, problems)
        _keep_days_as_text(node, seen=set())
        return typing.cast("dict[str, object]", loader.construct_document(node))
    finally:
        loader.dispose()


def _file_text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        there = sorted(entry.name for entry in path.parent.glob("*.yaml"))
        known = f"The folder holds: {', '.join(there)}." if there else "Its folder holds no YAML file."
        raise ParameterError(f"There is no {name}.{did_you_mean(path.name, there)} {known}") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{name} is not UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise ParameterError(
            f"{name} cannot be read: {error.strerror}. Give a file that can be read."
        ) from None


def _node_problems(node: yaml.Node, *, seen: set[int]) -> Iterator[str]:
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        problem = _scalar_problem(node)
        if problem:
            yield f"line {line}: {problem}"
    elif isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        for item in node.value:
            yield from _node_problems(item, seen=seen)
    elif isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        yield from _key_problems(node)
        for key, value in node.value:
            yield from _node_problems(key, seen=seen)
            yield from _node_problems(value, seen=seen)
    else:
        yield f"line {line}: the tag {node.tag!r} is not allowed. Write plain keys, lists, text and numbers."


def _key_problems(node: yaml.MappingNode) -> Iterator[str]:
    first_line: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag not in (_TAG + "str", _TAG + "merge"):
            yield f"line {line}: the key {_written(key)} is not text. Put it in quotes."
        elif key.value in first_line:
            before = first_line[key.value]
            yield f"line {line}: the key {key.value!r} stands on line {before} already. Keep one."
        else:
            first_line[key.value] = line


_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    "int": re.compile(r"-?(0|[1-9][0-9]*)"),
    "float": re.compile(r"-?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?"),
    "bool": re.compile(r"[Tt]rue|TRUE|[Ff]alse|FALSE"),
    "null": re.compile(r"~|null|Null|NULL|"),
}


def _scalar_problem(node: yaml.ScalarNode) -> str:
    """Tell when YAML 1.1 makes something else of a scalar than most readers see."""
    import yaml

    kind = node.tag.removeprefix(_TAG)
    if kind in ("str", "timestamp", "merge"):
        return ""
    if kind not in _PLAIN:
        return f"the tag {node.tag!r} is not allowed. Write plain text or a number."
    if _PLAIN[kind].fullmatch(node.value):
        return ""
    try:
        reading = repr(yaml.SafeLoader("").construct_object(node)).lower()
    except ValueError:
        reading = f"a broken {kind}"
    return (
        f"{_written(node)} without quotes is read as {reading}. "
        f'Write "{node.value}" for text, or the value that is meant.'
    )


def _written(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node.value, str) else "(a list or mapping)"


def _keep_days_as_text(node: yaml.Node, *, seen: set[int]) -> None:
    import yaml

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _TAG + "timestamp":
            node.tag = _TAG + "str"
        return
    for entry in node.value:
        for part in entry if isinstance(entry, tuple) else (entry,):
            _keep_days_as_text(part, seen=seen)
