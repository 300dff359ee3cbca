"""What decisions are worth, on toy logs whose every row can be valued by hand."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from afterlaunch.health_report import DecisionWorth
from afterlaunch.kpis import DecisionValues
from afterlaunch.model_version import ModelVersion
from afterlaunch.records import from_plain, to_plain
from afterlaunch.render import sentences, tables
from toy_logs import World, toy_log
from toy_service import report_on

LOG = World(n_months=3, n_per_day=30, seed=4).log()
MARCH = LOG[LOG["at"] >= "2023-03-01"]
VALUES = DecisionValues(unit="CHF", true_positive="60", false_positive="-8")


def worth_by_hand(rows, threshold, *, caught=60.0, false_alarm=-8.0):
    """What the decisions about some rows would have been worth per 1,000 of them."""
    alert = rows["risk"] >= threshold
    value = np.where(alert, np.where(rows["outcome"] == 1, caught, false_alarm), 0.0)
    return 1_000 * value.mean()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return report_on(tmp_path_factory.mktemp("toy"), log=LOG, period="2023-03", values=VALUES)


def test_the_present_threshold_is_worth_what_the_decisions_were(report):
    worth = report.decision_worth
    assert (worth.version, worth.unit, worth.n, worth.present.threshold) == ("v1", "CHF", len(MARCH), 0.5)
    assert worth.present.value == pytest.approx(worth_by_hand(MARCH, 0.5))
    assert worth.present.alert_share == pytest.approx((MARCH["risk"] >= 0.5).mean())


def test_the_cells_are_the_confusion_of_the_rows_and_add_up(report):
    cells = {(cell.is_alert, cell.is_positive): cell for cell in report.decision_worth.cells}
    for (is_alert, is_positive), cell in cells.items():
        n = int(((MARCH["alert"] == is_alert) & (MARCH["outcome"] == int(is_positive))).sum())
        assert (cell.n, cell.n_per_1000) == (n, pytest.approx(1_000 * n / len(MARCH)))
        each = {(True, True): 60.0, (True, False): -8.0}.get((is_alert, is_positive), 0.0)
        assert cell.value_per_1000 == pytest.approx(1_000 * n * each / len(MARCH))
    assert sum(cell.n for cell in cells.values()) == len(MARCH)


def test_the_sentence_and_the_table_tell_the_same_sum(report):
    total = f"{sum(cell.value_per_1000 for cell in report.decision_worth.cells):,.0f}"
    assert f"were worth {total} CHF per 1,000 claims" in sentences.decision_worth(report)
    assert f"<strong>{total}</strong>" in tables.decision_worth(report).html


def test_every_other_point_of_the_curve_is_worth_what_its_threshold_would_have_brought(report):
    worth = report.decision_worth
    others = [point for point in worth.curve if point != worth.present]
    assert len(others) > 50
    for point in others:
        assert point.value == pytest.approx(worth_by_hand(MARCH, point.threshold)), point.threshold
        assert point.alert_share == pytest.approx((MARCH["risk"] >= point.threshold).mean())
    assert worth.present in worth.curve
    shares = [point.alert_share for point in worth.curve]
    assert shares == sorted(shares, reverse=True)


def test_the_best_threshold_is_the_best_of_all_and_its_gain_is_held_against_what_was_decided(report):
    worth = report.decision_worth
    assert worth.best.value == max(point.value for point in worth.curve)
    assert worth.gain.value == pytest.approx(worth.best.value - worth.present.value)
    assert worth.gain.ci_lower < worth.gain.value < worth.gain.ci_upper
    assert (worth.gain.unit, worth.gain.n) == ("CHF", len(MARCH))


def test_where_no_threshold_would_have_been_better_the_present_one_is_the_best(tmp_path):
    # Catching is worth as much as a false alarm costs: a case should raise an alert where its score says so.
    random = np.random.default_rng(0)
    score = np.where(random.random(len(LOG)) < 0.5, 0.2, 0.8)
    log = LOG.assign(risk=score, alert=score >= 0.5, outcome=(score > 0.5).astype(int))
    values = DecisionValues(unit="CHF", true_positive="10", false_positive="-10")
    worth = report_on(tmp_path, log=log, period="2023-03", values=values).decision_worth
    assert worth.best == worth.present
    assert worth.gain.value == 0.0
    assert worth.best.value == pytest.approx(10_000 * (score[LOG["at"] >= "2023-03-01"] > 0.5).mean())


def test_a_threshold_amid_a_bin_is_worth_what_was_decided_on_either_side_of_it(tmp_path):
    # All scores lie in one bin of the grid, and the threshold between them.
    log = LOG.assign(risk=np.where(LOG["outcome"] == 1, 0.5005, 0.4995))
    log = log.assign(risk=log["risk"] + 0.003, alert=log["risk"] >= 0.5)
    setup = {"versions": {"v1": _version(0.503)}}
    worth = report_on(tmp_path, log=log, period="2023-03", values=VALUES, setup=setup).decision_worth
    assert worth.present.value == pytest.approx(60_000 * MARCH["outcome"].mean())
    assert worth.present.alert_share == pytest.approx(MARCH["outcome"].mean())


def _version(threshold):
    return ModelVersion(
        name="v1", threshold=threshold, trained_from=dt.date(2022, 1, 1), trained_until=dt.date(2022, 6, 30)
    )


def test_values_of_a_month_whose_outcomes_are_to_come_are_those_of_the_last_complete_one(tmp_path):
    report = report_on(tmp_path, log=LOG, period="2023-03", values=VALUES, as_of=dt.date(2023, 3, 3))
    february = LOG[(LOG["at"] >= "2023-02-01") & (LOG["at"] < "2023-03-01")]
    assert report.judged_window.label == "2023-02"
    assert report.decision_worth.n == len(february)
    assert report.decision_worth.present.value == pytest.approx(worth_by_hand(february, 0.5))
    assert "in February 2023, the last month with complete outcomes," in sentences.decision_worth(report)
    assert "of February 2023 with a known outcome" in tables.decision_worth(report).html


def test_of_two_versions_the_busier_one_is_valued(tmp_path):
    log = toy_log(n=1_200, n_days=121)
    mixed = (log["at"] >= "2024-04-01") & (log["claim"] % 3 == 0)
    log = log.assign(version=np.where(mixed, "v1", log["version"]))
    log["alert"] = log["risk"] >= np.where(log["version"] == "v2", 0.6, 0.5)
    worth = report_on(tmp_path, log=log, period="2024-04", values=VALUES).decision_worth
    april = log[(log["at"] >= "2024-04-01") & (log["at"] < "2024-05-01") & (log["version"] == "v2")]
    judged = april[april["at"] < pd.Timestamp(log["at"].max().date()) - pd.Timedelta(days=1)]
    assert (worth.version, worth.present.threshold) == ("v2", 0.6)
    assert len(judged) - 15 <= worth.n <= len(april)


def test_a_section_about_decisions_survives_json(report):
    plain = json.loads(json.dumps(to_plain(report.decision_worth), allow_nan=False))
    assert from_plain(DecisionWorth, plain, where="decision_worth") == report.decision_worth
