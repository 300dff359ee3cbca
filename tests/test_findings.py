import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import ParameterError
from afterlaunch.findings import Direction, Finding, Measurement, Severity, Threshold, Verdict, grade
from afterlaunch.ranges import Range


def measured(value, n=1000, reason=""):
    return Measurement(measure="roc_auc", subject="September", value=value, unit="score", n=n, reason=reason)


HIGHER = Threshold(
    direction=Direction.HIGHER,
    usual_range=Range(lower=0.70, upper=0.80),
    target_range=Range(lower=0.75),
    min_n=100,
)


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        (0.75, Severity.OK),
        (math.nextafter(0.75, 0), Severity.WATCH),
        (0.70, Severity.WATCH),
        (math.nextafter(0.70, 0), Severity.ACT),
        (0.99, Severity.OK),
    ],
)
def test_bounds_are_inclusive_at_just_below_and_just_above(value, severity):
    assert grade(measured(value), HIGHER) is severity


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        (-2.0, Severity.OK),
        (-2.5, Severity.WATCH),
        (-3.5, Severity.ACT),
        (2.5, Severity.WATCH),
        (3.5, Severity.ACT),
    ],
)
def test_a_number_that_should_lie_inside_is_judged_on_both_sides(value, severity):
    inside = Threshold(
        direction=Direction.INSIDE,
        usual_range=Range(lower=-3, upper=3),
        target_range=Range(lower=-2, upper=2),
    )
    assert grade(measured(value), inside) is severity


def test_in_the_gap_between_usual_range_and_target_both_are_missed():
    apart = Threshold(
        direction=Direction.INSIDE, usual_range=Range(lower=0, upper=1), target_range=Range(lower=2, upper=3)
    )
    assert grade(measured(1.5), apart) is Severity.ACT


def test_better_than_usual_is_not_held_against_a_model():
    assert grade(measured(0.85), HIGHER) is Severity.OK
    lower = Threshold(direction=Direction.LOWER, usual_range=Range(lower=4, upper=6))
    assert grade(measured(1.0), lower) is Severity.OK


def test_with_one_range_only_the_worst_grade_is_watch():
    usual_only = Threshold(direction=Direction.HIGHER, usual_range=Range(lower=0.7, upper=0.8))
    assert grade(measured(0.1), usual_only) is Severity.WATCH


def test_too_few_rows_no_value_and_no_ranges_are_unknown():
    assert grade(measured(0.1, n=99), HIGHER) is Severity.UNKNOWN
    assert grade(measured(0.1, n=100), HIGHER) is Severity.ACT
    assert grade(measured(math.nan, reason="no outcome"), HIGHER) is Severity.UNKNOWN
    assert grade(measured(0.1), Threshold(direction=Direction.HIGHER)) is Severity.UNKNOWN


def test_limits_are_the_same_function_with_two_one_sided_ranges():
    psi = Threshold.limits(watch=0.1, act=0.2, direction=Direction.LOWER)
    graded = [grade(measured(value), psi).value for value in (0.1, 0.1000001, 0.2, 0.2000001)]
    assert graded == ["ok", "watch", "watch", "act"]


def test_limits_in_the_wrong_order_are_refused():
    with pytest.raises(
        ParameterError, match=r"^Limits watch=0\.2 and act=0\.1 do not fit lower_is_better: act must"
    ):
        Threshold.limits(watch=0.2, act=0.1, direction=Direction.LOWER)


def test_a_nan_without_a_reason_and_a_number_without_a_unit_cannot_be_made():
    with pytest.raises(
        ValueError, match=r"^Measurement 'roc_auc' of 'September' is nan without a reason\. Say why\.$"
    ):
        measured(math.nan)
    with pytest.raises(ValueError, match=r"^Measurement 'x' of 'y' has no unit\. Give one\.$"):
        Measurement(measure="x", subject="y", value=1.0, unit="", n=1)


def test_the_verdict_is_the_worst_known_finding_and_names_it():
    good, bad = (
        Finding(code="a", measurement=measured(0.8), threshold=HIGHER),
        Finding(code="b", measurement=measured(0.6), threshold=HIGHER),
    )
    unclear = Finding(code="c", measurement=measured(math.nan, reason="not measured"), threshold=HIGHER)
    verdict = Verdict.of([good, unclear, bad])
    assert (verdict.severity, verdict.deciding) == (Severity.ACT, ("b",))
    assert verdict.n_by_severity == {Severity.OK: 1, Severity.WATCH: 0, Severity.ACT: 1, Severity.UNKNOWN: 1}
    assert Verdict.of([good, unclear]).severity is Severity.OK
    assert Verdict.of([unclear]).severity is Severity.UNKNOWN


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-10, 10))
def test_getting_worse_never_lightens_the_grade(value, usual, target):
    threshold = Threshold(
        direction=Direction.LOWER, usual_range=Range(upper=usual), target_range=Range(upper=target)
    )
    assert grade(measured(value + 1), threshold).rank >= grade(measured(value), threshold).rank
