import dataclasses
import datetime as dt
import enum
import json
import math

import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.records import from_plain, to_plain


class Colour(enum.StrEnum):
    RED = "red"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    value: float
    lower: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    on: dt.date
    colour: Colour
    parts: tuple[Inner, ...]
    extra: Inner | None = None
    by_colour: dict[Colour, int] = dataclasses.field(default_factory=dict)


THING = Outer(
    on=dt.date(2013, 9, 1),
    colour=Colour.RED,
    parts=(Inner(value=1.5, lower=0.5), Inner(value=math.nan)),
    extra=Inner(value=math.nan, lower=2.0),
    by_colour={Colour.RED: 3},
)


def test_a_record_survives_json():
    plain = json.loads(json.dumps(to_plain(THING), allow_nan=False))
    back = from_plain(Outer, plain, where="thing")
    assert back.parts[0] == THING.parts[0]
    assert math.isnan(back.parts[1].value)
    assert (back.parts[1].lower, back.extra.lower) == (None, 2.0)
    assert math.isnan(back.extra.value)
    assert (back.on, back.colour, back.by_colour) == (THING.on, Colour.RED, {Colour.RED: 3})


def test_what_does_not_fit_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"parts\[0\]\.value: got 'much', allowed is a number"):
        from_plain(Outer, to_plain(THING) | {"parts": [{"value": "much"}]}, where="thing")
