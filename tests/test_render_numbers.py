"""How numbers become text."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.findings import Measurement
from afterlaunch.ranges import Range
from afterlaunch.rates import UsualRange
from afterlaunch.render.numbers import (
    NumberFormat,
    bare_reason,
    count,
    p_value,
    percent,
    plain,
    why_not_measured,
)

AUC = NumberFormat(unit="score", decimals=3)
SHARE = NumberFormat(unit="share", decimals=1)
GAP = NumberFormat(unit="pp", decimals=1)
EUROS = NumberFormat(unit="EUR per 1,000 claims", decimals=0)


def usual(lower, upper):
    return UsualRange(lower=lower, centre=(lower + upper) / 2, upper=upper, n_months=5)


@pytest.mark.parametrize(
    ("unit", "decimals", "value", "short", "full"),
    [
        ("share", 1, 0.1234, "12.3 %", "12.3 %"),
        ("share", 0, 1.0, "100 %", "100 %"),
        ("pp", 1, -1.24, "−1.2 pp", "−1.2 pp"),
        ("ms", 0, 2_310.4, "2,310 ms", "2,310 ms"),
        ("s", 2, 0.4, "0.40 s", "0.40 s"),
        ("score", 3, 0.7415, "0.742", "0.742"),
        ("ratio", 2, 1.0, "1.00", "1.00"),
        ("count", 0, 58_093, "58,093", "58,093"),
        ("per 1,000", 1, 5.06, "5.1", "5.1 per 1,000"),
        ("EUR", 0, -1_234.5, "−1,234", "−1,234 EUR"),
        ("days", 0, 2, "2", "2 days"),
        ("days", 0, 1, "1", "1 day"),
    ],
)
def test_each_unit_is_written_its_own_way(unit, decimals, value, short, full):
    written = NumberFormat(unit=unit, decimals=decimals)
    assert (written.short(value), written.full(value)) == (short, full)


@pytest.mark.parametrize("written", [AUC, SHARE, GAP, EUROS])
def test_nan_is_said_in_words_and_has_no_unit(written):
    assert {written.number(math.nan), written.short(math.nan), written.full(math.nan)} == {"not measured"}


@pytest.mark.parametrize("value", [-0.0, -0.0004, 0.0004])
def test_what_rounds_to_zero_has_no_sign(value):
    assert AUC.short(value) == "0.000"
    assert AUC.signed(value) == "0.000"


def test_differences_carry_their_sign_and_shares_differ_by_percentage_points():
    assert AUC.signed(0.0149) == "+0.015"
    assert AUC.signed(-0.0149) == "−0.015"
    assert SHARE.signed(0.012) == "+1.2 pp"
    assert SHARE.of_differences.interval(-0.01, 0.02) == "−1.0 to 2.0 pp"


def test_ranges_name_their_unit_once():
    assert AUC.span(0.62, 0.71) == "0.620 – 0.710"
    assert SHARE.span(0.262, 0.391) == "26.2 – 39.1 %"
    assert EUROS.span(840, 1_690) == "840 – 1,690"


def test_a_dash_beside_a_minus_would_not_be_read_so_it_becomes_a_word():
    assert GAP.span(-2.9, 2.4) == "−2.9 to 2.4 pp"


def test_usual_ranges_stop_where_no_value_can_be():
    assert SHARE.usual(usual(-0.1, 1.2)) == "0.0 – 100.0 %"
    assert NumberFormat(unit="days", decimals=0).usual(usual(-2, 3)) == "0 – 3"
    assert EUROS.usual(usual(-20, 30)) == "−20 to 30"


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (Range(lower=0.25), "at least 25.0 %"),
        (Range(upper=0.05), "at most 5.0 %"),
        (Range(lower=0.08, upper=0.12), "8.0 – 12.0 %"),
        (Range(), "any"),
    ],
)
def test_targets_say_which_side_they_bound(bounds, words):
    assert SHARE.target(bounds) == words


def test_a_measurement_is_written_with_its_interval():
    auc = Measurement(
        measure="auc", subject="May", value=0.714, unit="score", n=9, ci_lower=0.7, ci_upper=0.722
    )
    assert NumberFormat(unit="score", decimals=2).measured(auc) == "0.71 (95 % interval 0.70 to 0.72)"


def test_a_measurement_without_interval_or_value_says_what_there_is():
    known = Measurement(measure="auc", subject="May", value=0.7, unit="score", n=9)
    unknown = Measurement(
        measure="auc", subject="May", value=math.nan, unit="score", n=0, reason="no outcome yet"
    )
    assert AUC.measured(known) == "0.700"
    assert AUC.measured(unknown) == "not measured: no outcome yet"
    assert AUC.interval(None, 0.7) == AUC.interval(0.6, None) == AUC.interval(math.nan, 0.7) == ""


def test_a_reason_is_not_said_twice():
    twice = Measurement(
        measure="m", subject="s", value=math.nan, unit="ms", n=0, reason="not measured: no log"
    )
    assert (why_not_measured(twice), bare_reason(twice)) == ("not measured: no log", "no log")


def test_infinity_is_a_sign():
    assert (plain(math.inf, decimals=2), plain(-math.inf, decimals=2)) == ("∞", "−∞")


def test_a_share_is_never_rounded_to_all_or_nothing():
    assert [percent(share) for share in (0.0, 0.001, 0.5, 0.999, 1.0)] == [
        "0 %",
        "under 1 %",
        "50 %",
        "over 99 %",
        "100 %",
    ]


def test_p_values_below_a_thousandth_are_not_shown_as_zero():
    assert [p_value(p) for p in (0.0, 0.00099, 0.001, 0.0316, 1.0)] == [
        "under 0.001",
        "under 0.001",
        "0.001",
        "0.032",
        "1.000",
    ]


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.floats(min_value=-1e12, max_value=1e12), st.integers(min_value=0, max_value=4))
def test_what_is_written_reads_back_as_the_rounded_number(value, decimals):
    text = plain(value, decimals=decimals)
    assert re.fullmatch(r"−?\d{1,3}(,\d{3})*(\.\d+)?", text)
    read_back = float(text.replace("−", "-").replace(",", ""))
    assert abs(read_back - value) <= 0.5 * 10.0**-decimals + 1e-3 * (abs(value) > 1e9)
    assert text.startswith("−") == (read_back < 0)


def test_counts_have_thousands_separators():
    assert count(1_000_000) == "1,000,000"
