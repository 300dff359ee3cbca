"""Model and business held against each other, month by month."""

from __future__ import annotations

import dataclasses
import math

import pytest

import health_examples as examples
from afterlaunch.health_indicators import MIN_STEP, model_against_business
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import Step

POLICY = HealthPolicy(main_model_measure="model.f1", main_kpi="business.net_saving")


def rows_with(**values):
    """The rows of the served month, with these values of August and September in some of them, by code."""
    rows = []
    for row in examples.served().indicators:
        before, after = values.get(row.code.partition(".")[2], (None, None))
        history = tuple(
            dataclasses.replace(
                point, value={"2025-08": before, "2025-09": after}.get(point.label, point.value)
            )
            if before is not None
            else point
            for point in row.history
        )
        rows.append(dataclasses.replace(row, history=history))
    return tuple(rows)


def test_f1_up_and_kpi_down_is_a_contradiction_in_the_month_that_can_be_judged():
    pair = model_against_business(rows_with(), POLICY)
    # December's saving is known; it is September's that stands beside September's F1.
    assert (pair.model.before, pair.model.after, pair.model_step) == (0.553, 0.556, Step.BETTER)
    assert (pair.kpi.before, pair.kpi.after, pair.kpi_step) == (99_277.0, 91_480.0, Step.WORSE)
    assert pair.disagree
    assert pair.signal == "model_only"


@pytest.mark.parametrize(
    ("f1", "saving", "signal", "disagree"),
    [
        ((0.48, 0.50), (99_000.0, 91_000.0), "routine", True),
        ((0.48, 0.50), (99_000.0, 70_000.0), "kpi_only", True),
        ((0.50, 0.44), (91_000.0, 99_000.0), "model_only", True),
        ((0.50, 0.44), (99_000.0, 70_000.0), "both", False),
        ((0.48, 0.50), (91_000.0, 99_000.0), "routine", False),
    ],
)
def test_what_left_its_usual_range_is_the_signal_and_opposite_ways_are_the_flag(f1, saving, signal, disagree):
    pair = model_against_business(rows_with(f1=f1, net_saving=saving), POLICY)
    assert (pair.signal, pair.disagree) == (signal, disagree)


def test_a_step_within_a_tenth_of_the_usual_range_is_none():
    half_width = (0.514 - 0.461) / 2
    for step, expected in ((0.99 * MIN_STEP, Step.SAME), (1.01 * MIN_STEP, Step.BETTER)):
        pair = model_against_business(rows_with(f1=(0.48, 0.48 + step * half_width)), POLICY)
        assert pair.model_step is expected


def test_a_month_without_a_value_is_held_against_nothing():
    assert model_against_business(rows_with(net_saving=(math.nan, 91_000.0)), POLICY) is None
    assert model_against_business(rows_with(f1=(0.5, math.nan)), POLICY) is None
    assert model_against_business(rows_with(), HealthPolicy(main_model_measure="model.f1")) is None
