"""Our frozen types as plain mappings, such as JSON holds, and back."""

from __future__ import annotations

import dataclasses
import enum
import math
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from afterlaunch.schema import parse

T = TypeVar("T")


def to_plain(value: Any) -> Any:  # noqa: ANN401  # any of our types in, JSON's types out
    """Turn (nested) dataclasses, enums, dates and tuples into what JSON can hold; nan becomes ``None``.

    Examples
    --------
    >>> to_plain({"share": float("nan"), "months": ("2013-08",)})
    {'share': None, 'months': ['2013-08']}
    """
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def from_plain(cls: type[T], mapping: Mapping[str, Any], *, where: str) -> T:
    """Read what :func:`to_plain` made of a dataclass: the way back, with nan where a number is ``None``.

    Raises
    ------
    ParameterError
        Naming every key and value that does not fit; see :func:`afterlaunch.schema.parse`.
    """
    return parse(cls, _with_nan(cls, mapping), where=where, allow_nan=True)


def _with_nan(kind: Any, plain: Any) -> Any:  # noqa: ANN401
    """Put nan back where a field that must be a number holds ``None``."""
    if kind is float:
        return math.nan if plain is None else plain
    if dataclasses.is_dataclass(kind) and isinstance(plain, Mapping):
        hints = typing.get_type_hints(kind)
        return {name: _with_nan(hints.get(name), value) for name, value in plain.items()}
    arguments = typing.get_args(kind)
    if isinstance(plain, list) and arguments:
        return [_with_nan(arguments[0], item) for item in plain]
    inner = [
        argument
        for argument in arguments
        if dataclasses.is_dataclass(argument) and _has_keys(argument, plain)
    ]
    return _with_nan(inner[0], plain) if inner else plain


def _has_keys(kind: Any, plain: Any) -> bool:  # noqa: ANN401
    """Tell which of several dataclasses a mapping was made of: the one whose fields it names."""
    return isinstance(plain, Mapping) and {field.name for field in dataclasses.fields(kind)} == set(plain)
