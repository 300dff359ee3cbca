"""Limits of drift: what is usual lifts them, not knowing what is usual doubles them, and bounds are inclusive."""

import math

import pytest

from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.errors import ParameterError
from afterlaunch.findings import Finding, Measurement, Severity
from afterlaunch.records import from_plain, to_plain

LIMITS = Limits(watch=0.1, act=0.25)


def severity(value, *, limits=LIMITS, n=1000, **given):
    measured = Measurement(measure="effect", subject="load", value=value, unit="share", n=n)
    return Finding(code="x", measurement=measured, threshold=limits.threshold(**given)).severity


@pytest.mark.parametrize(
    ("value", "usual", "expected"),
    [
        (0.1, 0.0, Severity.OK),
        (math.nextafter(0.1, 1), 0.0, Severity.WATCH),
        (0.25, 0.0, Severity.WATCH),
        (math.nextafter(0.25, 1), 0.0, Severity.ACT),
        # The usual lies between both: it lifts the lower one.
        (0.2, 0.2, Severity.OK),
        (math.nextafter(0.2, 1), 0.2, Severity.WATCH),
        (math.nextafter(0.25, 1), 0.2, Severity.ACT),
        # The usual lies above both: what is beyond it is beyond everything.
        (0.4, 0.4, Severity.OK),
        (math.nextafter(0.4, 1), 0.4, Severity.ACT),
        # What is usual is below the floor: the floor holds.
        (0.1, 0.02, Severity.OK),
    ],
)
def test_a_change_must_exceed_the_floor_and_the_usual(value, usual, expected):
    assert severity(value, usual=usual) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, Severity.OK),
        (math.nextafter(0.25, 1), Severity.WATCH),
        (0.5, Severity.WATCH),
        (math.nextafter(0.5, 1), Severity.ACT),
    ],
)
def test_not_knowing_what_is_usual_asks_for_more(value, expected):
    assert severity(value, usual=math.nan) is expected


def test_too_few_rows_are_not_judged():
    assert severity(0.9, n=499, min_n=500) is Severity.UNKNOWN
    assert severity(0.9, n=500, min_n=500) is Severity.ACT


@pytest.mark.parametrize(("watch", "act"), [(0.0, 0.1), (0.2, 0.1), (-1.0, 1.0), (math.nan, 1.0)])
def test_limits_are_in_order(watch, act):
    with pytest.raises(ParameterError, match=r"are not in order\. Give 0 < watch <= act\."):
        Limits(watch=watch, act=act)


def test_both_limits_may_be_the_same():
    same = Limits(watch=0.1, act=0.1)
    assert severity(0.1, limits=same) is Severity.OK
    assert severity(0.11, limits=same) is Severity.ACT


@pytest.mark.parametrize("n_months", [0, 37])
def test_the_reference_has_one_to_36_months(n_months):
    with pytest.raises(ParameterError, match=f"reference_months is {n_months}; give 1 to 36."):
        DriftPolicy(reference_months=n_months)
    assert DriftPolicy(reference_months=1) != DriftPolicy(reference_months=36)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_of_false_names_lies_between_0_and_1(share):
    with pytest.raises(
        ParameterError, match=f"max_false_discovery is {share:g}; give a share between 0 and 1"
    ):
        DriftPolicy(max_false_discovery=share)


@pytest.mark.parametrize("name", ["calibration", "segment_calibration"])
def test_factors_are_above_1(name):
    with pytest.raises(ParameterError, match=rf"{name}\.watch is 1; give a factor above 1, such as 1\.15\."):
        DriftPolicy(**{name: Limits(watch=1.0, act=2.0)})


def test_a_policy_is_read_back_as_it_was_written():
    policy = DriftPolicy(reference_months=6, alerts=Limits(watch=0.2, act=0.3))
    assert from_plain(DriftPolicy, to_plain(policy), where="policy.yaml") == policy
