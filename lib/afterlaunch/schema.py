"""Strict reading of keys and values into dataclasses: nothing is cast, every problem is told at once."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime as dt
import enum
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, TypeAlias, TypeVar

from afterlaunch.errors import ParameterError, did_you_mean

T = TypeVar("T")
Kind: TypeAlias = Any
"""A type as an annotation gives it: ``int``, ``tuple[str, ...]``, ``float | None``."""

_SHOWN_LENGTH = 60
_UNUSABLE = object()


class FieldsError(ParameterError):
    """Several fields of one object are not usable; ``by_field`` holds what is wrong with each.

    A ``__post_init__`` raises it so that :func:`parse` can name the full path of every field.
    """

    def __init__(self, by_field: Mapping[str, str]) -> None:
        self.by_field = dict(by_field)
        super().__init__("\n".join(f"{name}: {text}" for name, text in by_field.items()))


def parse(cls: type[T], mapping: object, *, where: str, allow_nan: bool = False) -> T:
    """Read keys and values into a frozen dataclass, without casting anything silently.

    Parameters
    ----------
    cls : type
        A dataclass. Its fields may be text, whole numbers, numbers, true/false, dates (``"2013-09-01"``),
        string enumerations, ``Literal``, nested dataclasses, ``tuple[X, ...]``, ``list[X]``, ``dict[str, X]``
        and ``X | None``. Where a ``dict`` holds dataclasses with a ``name``, the key is the name.
    mapping : Mapping
        What came from a file. A key that is absent takes the field's default.
    where : str
        What the mapping is, for the message: a file's name.
    allow_nan : bool
        Whether a number may be nan or infinite; what people write may not.

    Returns
    -------
    object
        An instance of ``cls``.

    Raises
    ------
    ParameterError
        Naming every unknown key, missing key and unusable value at once, each with its dotted path.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Version:
    ...     name: str
    ...     threshold: float
    >>> parse(Version, {"name": "v1", "threshold": 0.5}, where="model.yaml")
    Version(name='v1', threshold=0.5)
    >>> parse(Version, {"name": "v1", "treshold": "0.5"}, where="model.yaml")
    Traceback (most recent call last):
    afterlaunch.errors.ParameterError: model.yaml cannot be used:
      treshold: unknown key. Did you mean 'threshold'? Known keys: name, threshold.
    Correct it and run again.
    """
    reader = _Reader(allow_nan=allow_nan)
    value = reader.read(cls, mapping, "")
    if reader.problems:
        raise refusal(where, reader.problems)
    return typing.cast("T", value)


def refusal(where: str, problems: Iterable[str]) -> ParameterError:
    """Return the one error that tells every problem of one file or command."""
    lines = "".join(f"  {problem}\n" for problem in problems)
    return ParameterError(f"{where} cannot be used:\n{lines}Correct it and run again.")


def converted(kind: Kind, text: str) -> object:
    """Return the value that a text typed on the command line stands for, by the type it is meant for.

    A text that stands for no value of that type is returned as it is, so that :func:`parse` refuses it.

    Examples
    --------
    >>> converted(int, "400"), converted(bool, "true"), converted(list[str], "JFK,LGA"), converted(int, "4e2")
    (400, True, ['JFK', 'LGA'], '4e2')
    """
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if kind is int:
        return int(text) if _is_whole(text) else text
    if kind is float:
        number = _number(text)
        return text if number is None else float(number)
    if _origin(kind) is list:
        return [converted(typing.get_args(kind)[0], item.strip()) for item in text.split(",") if item.strip()]
    return text


class _Reader:
    """Walks a type and what was given for it side by side, remembering every problem."""

    def __init__(self, *, allow_nan: bool) -> None:
        self.problems: list[str] = []
        self.allow_nan = allow_nan

    def read(self, kind: Kind, given: object, path: str) -> object:
        if kind is Any or kind is object:
            return given
        by_origin = _Reader._BY_ORIGIN.get(_origin(kind))
        if by_origin:
            return by_origin(self, kind, given, path)
        if dataclasses.is_dataclass(kind):
            return self._record(kind, given, path)
        if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
            return self._enumeration(kind, given, path)
        return self._scalar(kind, given, path)

    def _refuse(self, path: str, given: object, kind: Kind, hint: str = "") -> object:
        self.problems.append(f"{path or '(top)'}: got {shown(given)}, allowed is {allowed(kind)}.{hint}")
        return _UNUSABLE

    def _union(self, kind: Kind, given: object, path: str) -> object:
        kinds = typing.get_args(kind)
        if given is None and types.NoneType in kinds:
            return None
        others = [other for other in kinds if other is not types.NoneType]
        if len(others) == 1:
            return self.read(others[0], given, path)
        for other in others:
            attempt = _Reader(allow_nan=self.allow_nan)
            value = attempt.read(other, given, path)
            if not attempt.problems:
                return value
        return self._refuse(path, given, kind)

    def _choice(self, kind: Kind, given: object, path: str) -> object:
        options = typing.get_args(kind)
        if any(given == option and type(given) is type(option) for option in options):
            return given
        hint = did_you_mean(given, [str(option) for option in options]) if isinstance(given, str) else ""
        return self._refuse(path, given, kind, hint)

    def _enumeration(self, kind: type[enum.StrEnum], given: object, path: str) -> object:
        values = [member.value for member in kind]
        if isinstance(given, str) and given in values:
            return kind(given)
        return self._refuse(path, given, kind, did_you_mean(given, values) if isinstance(given, str) else "")

    def _sequence(self, kind: Kind, given: object, path: str) -> object:
        origin, kinds = _origin(kind), typing.get_args(kind)
        is_open = origin is list or kinds[1:] == (Ellipsis,)
        if not isinstance(given, list | tuple) or (not is_open and len(given) != len(kinds)):
            return self._refuse(path, given, kind)
        each = [kinds[0]] * len(given) if is_open else list(kinds)
        return origin(
            self.read(item_kind, item, f"{path}[{i}]")
            for i, (item_kind, item) in enumerate(zip(each, given, strict=True))
        )

    def _mapping(self, kind: Kind, given: object, path: str) -> object:
        if not isinstance(given, Mapping):
            return self._refuse(path, given, kind)
        key_kind, value_kind = typing.get_args(kind)
        values = {}
        for key, item in given.items():
            inner = _joined(path, str(key))
            key_read = self.read(key_kind, key, inner)
            if key_read is not _UNUSABLE:
                values[key_read] = self.read(value_kind, self._with_name(value_kind, key, item, inner), inner)
        return values

    def _with_name(self, kind: Kind, key: object, item: object, path: str) -> object:
        """Give a record in a mapping its key as its name."""
        is_named = dataclasses.is_dataclass(kind) and any(f.name == "name" for f in dataclasses.fields(kind))
        if not is_named or not isinstance(item, Mapping):
            return item
        if item.get("name", key) != key:
            self.problems.append(
                f"{path}.name: got {shown(item['name'])}, allowed is {shown(key)}: the key is the name. "
                "Leave it out."
            )
        return {**item, "name": key}

    def _record(self, cls: Kind, given: object, path: str) -> object:
        if not isinstance(given, Mapping):
            return self._refuse(path, given, cls)
        n_before = len(self.problems)
        self._check_keys(cls, given, path)
        hints = typing.get_type_hints(cls)
        values = {
            field.name: self.read(hints[field.name], given[field.name], _joined(path, field.name))
            for field in dataclasses.fields(cls)
            if field.init and field.name in given
        }
        if len(self.problems) > n_before:
            return _UNUSABLE
        return self._built(cls, values, path)

    def _check_keys(self, cls: Kind, given: Mapping[Any, Any], path: str) -> None:
        hints = typing.get_type_hints(cls)
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        absent = [name for name in fields if name not in given]
        missing = [name for name in absent if _is_needed(fields[name])]
        for key in given:
            if key not in fields:
                hint = did_you_mean(str(key), absent) or did_you_mean(str(key), fields)
                # One slip of the pen is one problem: the key it was meant for is not told as missing as well.
                missing = [name for name in missing if f"'{name}'" not in hint]
                known = f"Known keys: {', '.join(fields)}."
                self.problems.append(f"{_joined(path, str(key))}: unknown key.{hint} {known}")
        self.problems.extend(
            f"{_joined(path, name)}: missing, allowed is {allowed(hints[name])}." for name in missing
        )

    def _built(self, cls: Kind, values: dict[str, Any], path: str) -> object:
        try:
            return cls(**values)
        except FieldsError as error:
            self.problems.extend(f"{_joined(path, name)}: {text}" for name, text in error.by_field.items())
        except (ParameterError, ValueError) as error:
            self.problems.append(f"{path}: {error}" if path else str(error))
        return _UNUSABLE

    def _scalar(self, kind: Kind, given: object, path: str) -> object:
        if kind is dt.date:
            return self._date(given, path)
        if kind not in _SCALARS:
            raise TypeError(
                f"Fields of type {kind!r} cannot be read from a file. Use one that `parse` names."
            )
        if kind is float and type(given) is int:
            return float(given)
        is_finite = self.allow_nan or not isinstance(given, float) or math.isfinite(given)
        if type(given) is not kind or not is_finite:
            return self._refuse(path, given, kind, _quoting_hint(kind, given))
        return given

    def _date(self, given: object, path: str) -> object:
        if type(given) is dt.date:
            return given
        try:
            day = dt.date.fromisoformat(given) if isinstance(given, str) else None
        except ValueError:
            day = None
        # Python also reads "20130901" and "2013-W35-7" as dates; a file has one way to write them.
        return day if day and day.isoformat() == given else self._refuse(path, given, dt.date)

    _BY_ORIGIN: ClassVar[Mapping[Any, Callable[[_Reader, Kind, object, str], object]]] = {
        typing.Union: _union,
        types.UnionType: _union,
        typing.Literal: _choice,
        tuple: _sequence,
        list: _sequence,
        dict: _mapping,
        collections.abc.Mapping: _mapping,
    }


def shown(value: object) -> str:
    """Return a value as a message shows it: as Python writes it, cut to one short line.

    Examples
    --------
    >>> shown("half"), len(shown("x" * 1000))
    ("'half'", 60)
    """
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def allowed(kind: Kind) -> str:
    """Return what a type allows, in words.

    Examples
    --------
    >>> allowed(float), allowed(tuple[str, ...]), allowed(int | None)
    ('a number', 'a list of text', 'a whole number or null')
    """
    if _origin(kind):
        return _allowed_within(_origin(kind), typing.get_args(kind))
    if dataclasses.is_dataclass(kind):
        return "the keys " + ", ".join(field.name for field in dataclasses.fields(kind) if field.init)
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return "one of " + ", ".join(repr(member.value) for member in kind)
    return _SCALARS.get(kind, str(kind))


def _allowed_within(origin: Kind, kinds: tuple[Kind, ...]) -> str:
    if origin in (typing.Union, types.UnionType):
        return " or ".join(allowed(kind) for kind in kinds)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in kinds)
    if origin is list or (origin is tuple and kinds[1:] == (Ellipsis,)):
        return f"a list of {allowed(kinds[0])}"
    if origin is tuple:
        return f"a list of {len(kinds)}: {', '.join(allowed(kind) for kind in kinds)}"
    return "keys and values"


_SCALARS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dt.date: 'a day written "2013-09-01"',
    types.NoneType: "null",
}


def _quoting_hint(kind: type, given: object) -> str:
    if kind is str and isinstance(given, bool | int | float):
        return f' Put it in quotes: "{str(given).lower() if isinstance(given, bool) else given}".'
    if not isinstance(given, str):
        return ""
    if kind is bool and given.lower() in ("true", "false"):
        return f" Write {given.lower()}, without quotes."
    number = _number(given)
    if number is not None and (kind is float or (kind is int and number == number.to_integral_value())):
        return f" Write {number:f}, without quotes."
    return ""


def _number(text: str) -> Decimal | None:
    """Return the finite number a text stands for; ``1_000`` and ``Infinity`` stand for none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    is_plain = text.isascii() and "_" not in text
    return number if number.is_finite() and is_plain and abs(number.adjusted()) < 300 else None


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and (digits == "0" or not digits.startswith("0"))


def _origin(kind: Kind) -> Kind:
    return typing.get_origin(kind)


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
