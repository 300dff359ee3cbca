"""The rows and the section about speed, on months that can be worked out by hand."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from afterlaunch.findings import Severity
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import BudgetUse, Estimate, MeanSplit, Shared, Speed, StageGap
from afterlaunch.health_speed import MAX_ATTRIBUTE_VALUES, OTHER, coded
from afterlaunch.ranges import Range
from afterlaunch.rates import usual_range
from afterlaunch.records import from_plain, to_plain
from afterlaunch.request_log import ServiceLevel
from afterlaunch.slow_requests import NOT_MEASURED, mix_and_within
from toy_logs import World
from toy_service import plain_requests, report_on

MARCH = [f"2024-03-{day:02d} {hour:02d}:30" for day in range(1, 32) for hour in range(20)]
MONDAYS = ("2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25")


def rush(day, *, n=100, n_slow=40, at="09:00", **columns):
    """So many requests within a minute, of which the last ones fetch features for more than two seconds."""
    is_slow = np.arange(n) >= n - n_slow
    return plain_requests(
        pd.Timestamp(f"{day} {at}") + pd.to_timedelta(np.arange(n) * 500, unit="ms"),
        request=[f"{day}-{place}" for place in range(n)],
        took=np.where(is_slow, 2_500.0, 300.0),
        fetch=np.where(is_slow, 2_250.0, 100.0),
        host=np.where(is_slow, "h7", "h1"),
        **columns,
    )


def month_of_rushes():
    """March: 20 calm requests a day, on Mondays at 9 a rush of 100, 40 of them slow; February: 100 calm requests."""
    calm = plain_requests(MARCH)
    before = plain_requests(["2024-02-10 12:00"] * 100, request=[f"f{i}" for i in range(100)], took=250.0)
    return pd.concat([before, calm, *(rush(day) for day in MONDAYS)], ignore_index=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return report_on(tmp_path_factory.mktemp("toy"), requests=month_of_rushes(), period="2024-03")


def test_the_numbers_of_a_month_are_what_was_worked_by_hand(report):
    # 31 days of 20 requests and 4 rushes of 100; 160 of 1,020 are slow.
    speed = report.speed
    assert (speed.n, speed.n_slow, speed.n_unanswered) == (1_020, 160, 0)
    # A twentieth is 51 requests: one rush is more than enough, and a minute long.
    assert (speed.window_minutes, speed.n_at_peak) == (1, 100)
    assert speed.p95_at_peak_ms == pytest.approx(2_500, rel=0.006)
    within = report.indicator("speed.within_slo_share").finding.measurement
    assert (within.value, within.n, within.unit) == (pytest.approx(860 / 1_020), 1_020, "share")
    at_peak = report.indicator("speed.p95_under_peak_load").finding.measurement
    assert (at_peak.value, at_peak.n, at_peak.unit) == (pytest.approx(2.5, rel=0.006), 100, "s")
    of_all = report.indicator("speed.p95").finding.measurement
    assert (of_all.value, of_all.n) == (pytest.approx(2.5, rel=0.006), 1_020)
    assert within.ci_lower <= within.value <= within.ci_upper


def test_the_error_budget_is_used_where_the_slow_requests_were(report):
    # A twentieth of 1,020 may be slow; two of the four rushes hold half of the 160 that were.
    assert report.indicator("speed.within_slo_share").behind == (
        BudgetUse(
            n_slow=160,
            n_allowed=51.0,
            used_share=pytest.approx(160 / 51),
            n_hours=2,
            n_hours_all=744,
            n_held=80,
        ),
    )


def test_what_slow_requests_share_and_where_their_time_goes_is_behind_the_peak(report):
    shared, gap = report.indicator("speed.p95_under_peak_load").behind
    assert isinstance(shared, Shared)
    found = shared.found
    assert {condition.attribute: condition.labels for condition in found.conditions} == {"host": ("h7",)}
    assert (found.n_events_inside, found.n_events, found.n_inside, found.n) == (160, 160, 160, 1_020)
    # 2,150 of the 2,200 ms that slow requests take longer are spent fetching features.
    assert gap == StageGap(
        stage="fetch", slow_ms=2_250.0, typical_ms=100.0, share=pytest.approx(2_150 / 2_200)
    )


def test_without_hosts_slow_requests_share_their_weekday_and_hour(tmp_path):
    calm_rushes = [rush(f"2024-03-{day:02d}", n_slow=0) for day in (5, 6, 7, 12, 13, 14)]
    calm_rushes += [rush(day, n_slow=0, at="14:00") for day in MONDAYS]
    log = pd.concat([month_of_rushes(), *calm_rushes]).assign(host="h1")
    shared = report_on(tmp_path, requests=log, period="2024-03").speed.shared
    assert {condition.attribute: condition.labels for condition in shared.found.conditions} == {
        "weekday": ("Monday",),
        "hour": ("09",),
    }


def test_stages_are_means_that_add_up_to_those_of_all_requests_of_the_band(report):
    stages = {stage.stage: (stage.typical_ms, stage.slow_ms) for stage in report.speed.stages}
    assert stages == {"fetch": (100.0, 2_250.0), "model": (100.0, 100.0), NOT_MEASURED: (100.0, 150.0)}
    assert (report.speed.n_typical, report.speed.n_slow_answered) == (860, 160)


def test_stage_means_add_up_where_stage_medians_do_not(tmp_path):
    # Each slow request is slow in one stage only, a different one each time: no median shows any of it.
    rows = rush(MONDAYS[0], n=120, n_slow=60)
    slow = rows["took"] > 1_000
    kind = np.arange(120) % 3
    fetch = np.where(slow & (kind == 0), 2_300.0, 100.0)
    model = np.where(slow & (kind == 1), 2_300.0, 100.0)
    rows = rows.assign(fetch=fetch, model=model)
    speed = report_on(tmp_path, requests=rows, period="2024-03").speed
    slow_ms = {stage.stage: stage.slow_ms for stage in speed.stages}
    rest = rows["took"] - rows["fetch"] - rows["model"]
    medians = [float(part[slow].median()) for part in (rows["fetch"], rows["model"], rest)]
    assert sum(slow_ms.values()) == pytest.approx(2_500)
    assert slow_ms["fetch"] == pytest.approx(rows["fetch"][slow].mean())
    assert sum(medians) == 300.0


def test_the_mean_moved_since_last_month_by_what_the_parts_add_up_to(report):
    mean = (620 * 300 + 240 * 300 + 160 * 2_500) / 1_020
    split = report.speed.mean_split
    assert split == MeanSplit(
        before_ms=250.0, after_ms=pytest.approx(mean), mix_ms=0.0, within_ms=pytest.approx(mean - 250)
    )


def test_the_mean_moves_by_its_mix_when_another_endpoint_is_asked_more(tmp_path):
    def month(first, n_fast, n_slow):
        took = np.array([200.0] * n_fast + [800.0] * n_slow)
        return plain_requests(
            [first] * len(took),
            took=took,
            page=np.where(took > 500, "/document", "/score"),
            request=[f"{first}{i}" for i in range(len(took))],
        )

    log = pd.concat([month("2024-02-05 10:00", 150, 50), month("2024-03-05 10:00", 100, 100)])
    split = report_on(tmp_path, requests=log, period="2024-03").speed.mean_split
    by_hand = mix_and_within([50, 150], [800, 200], [100, 100], [800, 200])
    assert (split.before_ms, split.after_ms) == (350.0, 500.0)
    assert (split.mix_ms, split.within_ms) == (by_hand.mix, by_hand.within) == (150.0, 0.0)


def test_endpoints_stand_by_their_traffic_and_show_no_quantile_of_a_few(tmp_path):
    log = pd.concat([rush(MONDAYS[0], page="/score"), rush(MONDAYS[1], n=71, n_slow=0, page="/document")])
    first, second = report_on(tmp_path, requests=log, period="2024-03").speed.endpoints
    assert (first.endpoint, first.n, first.within_share) == ("/score", 100, 0.6)
    assert (first.p50_ms, first.p95_ms, first.p99_ms) == (300.0, 2_500.0, None)
    assert (second.endpoint, second.n, second.p50_ms, second.p95_ms) == ("/document", 71, 300.0, None)


def test_hours_show_a_p95_only_of_enough_requests(tmp_path):
    log = pd.concat([rush(MONDAYS[0]), rush(MONDAYS[1], n=71, at="10:00")])
    hours = report_on(tmp_path, requests=log, period="2024-03").speed.hours
    assert [(row.endpoint, row.hour, row.n, row.p95_ms) for row in hours] == [("/score", 9, 100, 2_500.0)]


def test_requests_without_a_latency_are_slow_and_dropping_them_would_look_better(tmp_path):
    log = rush(MONDAYS[0], n=200, n_slow=0)
    log.loc[:29, ["took", "ended", "seen"]] = [np.nan, "timeout", False]
    report = report_on(tmp_path, requests=log, period="2024-03")
    dropped = report_on(tmp_path, requests=log[log["took"].notna()], period="2024-03")
    assert (report.speed.n_slow, report.speed.n_unanswered) == (30, 30)
    values = [
        (
            one.indicator("speed.within_slo_share").finding.measurement.value,
            one.indicator("speed.p95").finding.measurement.value,
        )
        for one in (report, dropped)
    ]
    assert values == [
        (pytest.approx(0.85), pytest.approx(10.0, rel=0.006)),
        (1.0, pytest.approx(0.3, rel=0.006)),
    ]
    # The time limit itself, and not what its bucket reaches beyond it.
    assert values[0][1] <= 10.0


def test_a_p95_beside_its_peak_is_explained_by_both(report):
    peak, elsewhere = report.indicator("speed.p95").behind
    assert (peak, elsewhere) == (
        Estimate(title="under peak load", value=report.speed.p95_at_peak_ms / 1_000, unit="s", decimals=2),
        Estimate(title="at other times", value=report.speed.elsewhere_p95_ms / 1_000, unit="s", decimals=2),
    )


def test_a_p95_of_too_few_requests_is_neither_shown_nor_behind_another(tmp_path):
    log = pd.concat([plain_requests(MARCH), rush(MONDAYS[0], n=60, n_slow=30)])
    report = report_on(tmp_path, requests=log, period="2024-03")
    assert np.isnan(report.speed.p95_at_peak_ms)
    assert report.indicator("speed.p95_under_peak_load").finding.measurement.reason == (
        "p95 needs at least 72 requests, and there are 60"
    )
    assert [fact.title for fact in report.indicator("speed.p95").behind] == ["at other times"]


def test_a_few_slow_requests_share_nothing_and_no_stage_is_blamed(tmp_path):
    log = pd.concat([plain_requests(MARCH), rush(MONDAYS[0], n=100, n_slow=29)])
    report = report_on(tmp_path, requests=log, period="2024-03")
    assert (report.speed.shared, report.indicator("speed.p95_under_peak_load").behind) == (None, ())
    # The means themselves are shown, with the number of requests that they rest on.
    assert report.speed.n_slow_answered == 29


def test_the_share_within_the_promise_names_it_in_its_title(tmp_path):
    log = rush(MONDAYS[0])
    report = report_on(
        tmp_path, requests=log, period="2024-03", slo=ServiceLevel(threshold_ms=2_600.0, share=0.99)
    )
    row = report.indicator("speed.within_slo_share")
    assert row.title == "Requests answered within 2.6 s"
    assert row.finding.measurement.value == 1.0
    assert (report.speed.threshold_ms, report.speed.target_share) == (2_600.0, 0.99)


def test_more_values_of_an_attribute_than_can_be_told_are_one():
    values = np.array([f"host {i:02d}" for i in range(MAX_ATTRIBUTE_VALUES + 5)], dtype=object)
    attribute, code = coded("host", values, np.arange(len(values), dtype=float))
    assert len(attribute.labels) == MAX_ATTRIBUTE_VALUES + 1
    assert attribute.labels[-1] == OTHER
    # The five with the fewest requests are the others.
    assert [attribute.labels[i] for i in code[:6]] == [*[OTHER] * 5, "host 05"]


def test_a_section_about_speed_survives_json(report):
    plain = json.loads(json.dumps(to_plain(report.speed), allow_nan=False))
    assert from_plain(Speed, plain, where="speed") == report.speed
    few = dataclasses.replace(report.speed, p95_at_peak_ms=float("nan"), shared=None, mean_split=None)
    back = from_plain(Speed, json.loads(json.dumps(to_plain(few), allow_nan=False)), where="speed")
    assert to_plain(back) == to_plain(few)
    assert np.isnan(back.p95_at_peak_ms)


# --- months in a row ----------------------------------------------------------------


def months_of_rushes(n_slow_a_rush):
    """Seven months of 2023 with 20 calm requests a day and a rush of 100 on every Monday."""
    hours = pd.date_range("2023-01-01", "2023-07-31 19:00", freq="h")
    calm = plain_requests(hours[hours.hour < 20])
    mondays = pd.date_range("2023-01-02", "2023-07-31", freq="7D")
    rushes = [rush(f"{day:%Y-%m-%d}", n_slow=n_slow_a_rush[day.month - 1]) for day in mondays]
    return pd.concat([calm, *rushes], ignore_index=True)


def row_of(folder, n_slow_a_rush):
    policy = HealthPolicy(indicators={"speed.within_slo_share": IndicatorPolicy(target=Range(lower=0.9))})
    report = report_on(
        folder,
        log=World(n_months=7, n_per_day=5).log(),
        requests=months_of_rushes(n_slow_a_rush),
        period="2023-07",
        policy=policy,
    )
    return report.indicator("speed.within_slo_share")


# Mondays and days of each month of 2023 up to July.
CALENDAR = ((5, 31), (4, 28), (4, 31), (4, 30), (5, 31), (4, 30), (5, 31))


def test_a_month_with_five_mondays_of_the_same_rush_is_no_news(tmp_path):
    row = row_of(tmp_path, [20] * 7)
    by_hand = [1 - 20 * mondays / (20 * days + 100 * mondays) for mondays, days in CALENDAR]
    assert [point.value for point in row.history] == pytest.approx(by_hand)
    expected = usual_range(by_hand[:-1], max_months=12)
    assert (row.usual_range.lower, row.usual_range.upper) == pytest.approx(
        (expected.lower, min(expected.upper, 1))
    )
    assert by_hand[-1] < by_hand[-2]
    assert row.severity is Severity.OK


def test_a_month_whose_rushes_are_slower_is_news(tmp_path):
    row = row_of(tmp_path, [20, 22, 18, 21, 19, 20, 45])
    assert row.severity is Severity.ACT
    assert row.finding.measurement.value < row.usual_range.lower
