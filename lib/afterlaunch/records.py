"""Our frozen types as plain mappings, such as JSON holds."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from typing import Any


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
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value
