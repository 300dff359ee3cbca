"""What the health report counts of a request log, held against plain second implementations."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from afterlaunch.engine import Source
from afterlaunch.health_requests import (
    LATENCY_GRID,
    TYPICAL,
    bucket_counts,
    bucket_sql,
    exact_quantiles,
    read_request_counts,
)
from afterlaunch.repeat_clicks import REPEAT_WITHIN_MS, RETRY_WITHIN_MS
from afterlaunch.response_time import peak_windows, quantile, window_minutes
from afterlaunch.windows import Window
from toy_requests import FEW_COLUMNS, THRESHOLD_MS, TIME_LIMIT_MS, toy_requests
from toy_service import opened, plain_requests

MONTHS = Window.parse("2024-02").months_until(Window.parse("2024-04"))
REQUESTS = toy_requests(4_000, seed=5)
REPEAT, RETRY = (pd.Timedelta(milliseconds=ms) for ms in (REPEAT_WITHIN_MS, RETRY_WITHIN_MS))
COUNTS = ("n_slow", "n_unanswered", "n_left", "n_lost")


def as_read(log):
    """The rows that are judged, each with what counts about it, in pandas."""
    rows = log[log["place"] == "production"].copy()
    answered = (rows["ended"] == "ok") & rows["took"].notna()
    rows["latency"] = np.where(answered, np.minimum(rows["took"], TIME_LIMIT_MS), TIME_LIMIT_MS)
    rows["n_slow"] = rows["latency"] > THRESHOLD_MS
    rows["n_unanswered"] = ~answered
    rows["n_left"] = ~rows["seen"].astype(bool)
    rows["n_lost"] = rows["n_left"] & (rows["watched"] > THRESHOLD_MS)
    rows["bucket"] = LATENCY_GRID.index(rows["latency"])
    rows["day"] = rows["at"].dt.normalize()
    return rows


def in_month(rows, month):
    return rows[(rows["at"] >= pd.Timestamp(month.start)) & (rows["at"] < pd.Timestamp(month.end))]


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("toy"), requests=REQUESTS) as sources:
        return read_request_counts(sources.requests, months=MONTHS)


def read(folder, log, *, months=MONTHS, **changed):
    with opened(folder, requests=log, **changed) as sources:
        return read_request_counts(sources.requests, months=months)


def few(*rows):
    """Requests of (id, arrival in March, clerk, claim, answer, version), answered and seen after 300 ms."""
    names = ["request", "at", "clerk", "claim", "answer", "version"]
    given = pd.DataFrame(rows, columns=names)
    return plain_requests("2024-03-" + given["at"], **given.drop(columns="at").to_dict("list"))


# --- the grid -----------------------------------------------------------------------


def test_sql_finds_the_buckets_of_the_grid(engine, tmp_path):
    edges = LATENCY_GRID.lower(np.arange(LATENCY_GRID.n_buckets))
    beside = [np.nextafter(edges, 0), edges, np.nextafter(edges, np.inf)]
    wide = np.geomspace(1e-6, 1e9, 20_001)
    latencies = np.unique(np.concatenate([*beside, wide, np.round(wide, 3), [0.0, 0.1, 1e7, 1e12]]))
    pd.DataFrame({"latency_ms": latencies}).to_parquet(tmp_path / "latencies.parquet")
    engine.read(Source(path="latencies.parquet"), "latencies", root=tmp_path)
    found = engine.query(f"SELECT {bucket_sql('latency_ms')} AS bucket FROM latencies ORDER BY latency_ms")
    assert found["bucket"].tolist() == LATENCY_GRID.index(latencies).tolist()


def test_counts_by_bucket_begin_with_the_first_one_that_is_used():
    frame = pd.DataFrame({"bucket": [7, 9, 9, 5], "n": [1, 2, 3, 4], "kind": ["a", "a", "a", "b"]})
    counted, first = bucket_counts(frame, "n")
    assert (counted.tolist(), first) == ([4.0, 0.0, 1.0, 0.0, 5.0], 5)
    counted, first = bucket_counts(frame, "n", by={"kind": "a"})
    assert (counted.tolist(), first) == ([1.0, 0.0, 5.0], 7)
    counted, first = bucket_counts(frame, "n", by={"kind": "c"})
    assert (counted.tolist(), first) == ([0.0], 0)


# --- months -------------------------------------------------------------------------


def test_every_month_counts_what_pandas_counts_day_by_day(counts):
    for month, found in zip(MONTHS, counts.months, strict=True):
        rows = in_month(as_read(REQUESTS), month)
        by_day = rows.groupby("day")
        assert found.window == month
        assert found.n == len(rows)
        assert found.n_by_day.tolist() == by_day.size().tolist()
        for name in COUNTS:
            assert getattr(found, name).tolist() == by_day[name].sum().tolist(), name
        buckets = rows.groupby("bucket").size()
        counted = found.by_bucket.sum(axis=0)
        assert {found.first_bucket + i: n for i, n in enumerate(counted) if n} == buckets.to_dict()


def test_the_peak_is_the_busiest_windows_of_each_month_by_arrivals(counts):
    length = counts.window_minutes
    needed = []
    for month, found in zip(MONTHS, counts.months, strict=True):
        rows = in_month(as_read(REQUESTS), month)
        minute = ((rows["at"] - pd.Timestamp(month.start)) // pd.Timedelta(minutes=1)).to_numpy()
        n_by_minute = np.bincount(minute, minlength=month.n_days * 1440)
        needed.append(window_minutes(n_by_minute))
        is_peak = peak_windows(n_by_minute.reshape(-1, length).sum(axis=1))
        at_peak = rows[is_peak[minute // length]]
        by_day = at_peak.groupby("day").size().reindex(sorted(rows["day"].unique()), fill_value=0)
        assert found.at_peak_by_bucket.sum(axis=1).tolist() == by_day.tolist()
        assert (found.at_peak_by_bucket <= found.by_bucket).all()
    # Four thousand requests in four months have no busy hour: then a window is an hour, the longest.
    assert length == 60
    assert not any(isinstance(one, int) for one in needed)


def test_windows_are_as_long_as_the_month_that_needs_the_longest(tmp_path):
    busy = few(*((f"r{i}", f"05 09:00:{i % 60:02d}", "ann", i, 0, "v1") for i in range(400)))
    counts = read(tmp_path, busy, months=(MONTHS[1],))
    assert counts.window_minutes == 1
    assert counts.current.at_peak_by_bucket.sum() == 400
    with_calm_month = pd.concat([busy, busy.head(5).assign(at=pd.Timestamp("2024-02-10 12:00"))])
    assert read(tmp_path, with_calm_month, months=MONTHS[:2]).window_minutes == 60


def test_requests_in_flight_are_no_load(tmp_path):
    # From 9 to 10 one request a minute, each a minute long; from 14 to 15 a hundred at once, each a moment long.
    slow = [(f"s{i}", f"05 09:{i:02d}:00", "ann", i, 0, "v1") for i in range(60)]
    rush = [(f"r{i}", f"05 14:00:{i % 60:02d}", "bob", 100 + i, 0, "v1") for i in range(100)]
    log = few(*slow, *rush)
    log = log.assign(took=np.where(log["request"].str.startswith("s"), 9_999.0, 1.0), fetch=0.0, model=0.0)
    counts = read(tmp_path, log, months=(MONTHS[1],))
    at_peak = counts.current.at_peak_by_bucket.sum(axis=0)
    assert (counts.window_minutes, int(at_peak.sum())) == (1, 100)
    assert counts.current.first_bucket == int(LATENCY_GRID.index([1.0])[0])
    assert at_peak[1:].sum() == 0


def test_requests_that_ended_together_did_not_come_together(tmp_path):
    # One came each half minute from 13:45 on, and all were answered at 14:00.
    rows = [(f"r{i}", "05 14:00:00", "ann", i, 0, "v1") for i in range(30)]
    log = few(*rows).assign(took=[1_000.0 * 30 * (i + 1) for i in range(30)], fetch=0.0, model=0.0)
    log = log.assign(at=log["at"] + pd.to_timedelta(np.arange(30) * 20, unit="ms"))
    ended = read(tmp_path, log, months=(MONTHS[1],), arrived_at_is="end", time_limit_ms=1e6)
    started = read(tmp_path, log, months=(MONTHS[1],), arrived_at_is="start", time_limit_ms=1e6)
    assert (started.window_minutes, ended.window_minutes) == (1, 15)


# --- repeat clicks ------------------------------------------------------------------


def plain_groups(rows):
    """Count groups of clicks row by row, by day of the first click."""
    names = ("n_retries", "n_groups", "n_extra", "n_inconsistent", "n_mixed", "n_after_slow")
    days = sorted(rows["day"].unique())
    counts = {name: dict.fromkeys(days, 0) for name in names}
    for _, own in rows.groupby(["clerk", "claim"]):
        records = own.sort_values("at").to_dict("records")
        near = [
            one
            for i, one in enumerate(records)
            if any(abs(one["at"] - other["at"]) <= RETRY for j, other in enumerate(records) if i != j)
        ]
        clicks = {}
        for one in near:
            clicks.setdefault(one["request"], []).append(one)
        groups, last = [], None
        for click in sorted(clicks.values(), key=lambda click: click[0]["at"]):
            at = click[0]["at"]
            if last is None or at - last > REPEAT:
                groups.append([])
            groups[-1].append(click)
            last = at
        for group in groups:
            members = list(itertools.chain(*group))
            day = group[0][0]["day"]
            is_group = len(group) > 1
            differ = is_group and len({one["answer"] for one in members}) > 1
            counts["n_retries"][day] += len(members) - len(group)
            counts["n_groups"][day] += is_group
            counts["n_extra"][day] += len(group) - 1
            counts["n_inconsistent"][day] += differ
            counts["n_mixed"][day] += differ and len({one["version"] for one in members}) > 1
            counts["n_after_slow"][day] += is_group and any(one["n_slow"] for one in group[0])
    return {name: [by_day[day] for day in days] for name, by_day in counts.items()}


def test_repeat_clicks_are_those_of_a_plain_count_row_by_row(counts):
    totals = dict.fromkeys(
        ("n_retries", "n_groups", "n_extra", "n_inconsistent", "n_mixed", "n_after_slow"), 0
    )
    for month, found in zip(MONTHS, counts.months, strict=True):
        expected = plain_groups(in_month(as_read(REQUESTS), month))
        assert {name: getattr(found.groups, name).tolist() for name in expected} == expected
        totals = {name: totals[name] + sum(values) for name, values in expected.items()}
    # The toy log has some of each kind, or this would say little.
    assert min(totals.values()) > 10


def test_a_group_that_runs_into_the_next_month_is_cut_there(tmp_path):
    log = few(("r1", "31 23:59:58", "ann", 1, 0, "v1"), ("r2", "31 23:59:59", "ann", 1, 0, "v1"))
    late = log.tail(1).assign(request="r3", at=pd.Timestamp("2024-04-01 00:00:01"))
    again = late.assign(request="r4", at=pd.Timestamp("2024-04-01 00:00:02"))
    counts = read(tmp_path, pd.concat([log, late, again]), months=MONTHS[1:])
    assert [month.groups.n_extra.sum() for month in counts.months] == [1, 1]


def test_the_same_person_on_another_case_and_another_person_on_the_same_case_are_no_repeats(tmp_path):
    log = few(
        ("r1", "05 09:00:00", "ann", 1, 0, "v1"),
        ("r2", "05 09:00:01", "ann", 2, 0, "v1"),
        ("r3", "05 09:00:02", "bob", 1, 0, "v1"),
        # Put together, person and case are not one text: "an" and "n1" are nobody that "ann" and "1" are.
        ("r4", "05 09:00:03", "an", 11, 0, "v1"),
        ("r5", "05 09:00:04", "an1", 1, 0, "v1"),
    )
    counts = read(tmp_path, log, months=(MONTHS[1],))
    assert counts.current.groups.n_groups.sum() == 0


def test_transport_retries_are_counted_and_are_no_clicks(tmp_path):
    log = few(
        ("r1", "05 09:00:00", "ann", 1, 0, "v1"),
        ("r1", "05 09:00:01", "ann", 1, 0, "v1"),
        ("r1", "05 09:00:40", "ann", 1, 0, "v1"),
        ("r2", "05 10:00:00", "ann", 2, 0, "v1"),
    )
    groups = read(tmp_path, log, months=(MONTHS[1],)).current.groups
    assert (groups.n_retries.sum(), groups.n_groups.sum(), groups.n_extra.sum()) == (2, 0, 0)


def test_a_log_without_users_has_no_groups(tmp_path):
    counts = read(tmp_path, REQUESTS, columns=FEW_COLUMNS, environment="")
    assert counts.groups is None
    assert [month.groups for month in counts.months] == [None, None, None]


# --- this month's detail --------------------------------------------------------------


def test_exact_quantiles_are_those_of_numpy_with_time_outs_as_the_time_limit(tmp_path):
    april = in_month(as_read(REQUESTS), MONTHS[-1]).assign(hour=lambda rows: rows["at"].dt.hour)
    with opened(tmp_path, requests=REQUESTS) as sources:
        where = "arrived_at >= TIMESTAMP '2024-04-01' AND arrived_at < TIMESTAMP '2024-05-01'"
        by_endpoint = exact_quantiles(sources.requests, where, by=("endpoint",))
        by_hour = exact_quantiles(sources.requests, where, by=("endpoint", "hour"))
    assert april["n_unanswered"].sum() > 20
    for found, keys in ((by_endpoint, ["page"]), (by_hour, ["page", "hour"])):
        expected = [
            (
                *(key if isinstance(key, tuple) else (key,)),
                len(part),
                part["n_slow"].sum(),
                part["n_unanswered"].sum(),
                *np.quantile(part["latency"], [0.5, 0.95, 0.99]),
            )
            for key, part in april.groupby(keys if len(keys) > 1 else keys[0], sort=True)
        ]
        for row, wanted in zip(found.itertuples(index=False), expected, strict=True):
            assert tuple(row)[: len(keys) + 3] == wanted[: len(keys) + 3]
            assert tuple(row)[len(keys) + 3 :] == pytest.approx(wanted[len(keys) + 3 :], abs=1e-6)


def test_the_p95_of_a_month_is_not_the_mean_of_its_days(tmp_path):
    # Nine calm days of a hundred requests, and one on which all are slow.
    calm = [
        (f"r{day}-{i}", f"{day:02d} 09:00:00", "ann", i, 0, "v1") for day in range(1, 11) for i in range(100)
    ]
    log = few(*calm)
    log = log.assign(took=np.where(log["at"].dt.day == 10, 5_000.0, 300.0), fetch=0.0, model=0.0)
    with opened(tmp_path, requests=log) as sources:
        of_month = exact_quantiles(sources.requests, "1 = 1", by=("endpoint",))["p95_ms"].iloc[0]
    mean_of_days = log.groupby(log["at"].dt.day)["took"].quantile(0.95).mean()
    assert (of_month, mean_of_days) == (5_000.0, 770.0)


def test_slow_and_typical_requests_spend_their_time_where_pandas_finds_it(counts):
    april = in_month(as_read(REQUESTS), MONTHS[-1])
    lower, upper = (quantile(april["latency"], q) for q in TYPICAL)
    answered = april[~april["n_unanswered"]]
    slow = answered[answered["n_slow"]]
    bands = counts.detail.bands.set_index("band")
    assert bands.loc["slow", "n"] == len(slow)
    for name, column in (("sum_s_0", "fetch"), ("sum_s_1", "model"), ("sum_latency_ms", "latency")):
        assert bands.loc["slow", name] == pytest.approx(slow[column].sum(), abs=0.01)
    # Around the median, in whole buckets: each end is within a bucket's width of the exact quantile.
    inner = answered["latency"].between(1.01 * lower, upper / 1.01)
    outer = answered["latency"].between(lower / 1.02, 1.02 * upper)
    assert inner.sum() <= bands.loc["typical", "n"] <= outer.sum()


def test_requests_that_all_take_the_same_time_are_typical(tmp_path):
    calm = few(*((f"r{i}", f"05 09:00:{i % 60:02d}", "ann", i, 0, "v1") for i in range(400)))
    slow = calm.head(10).assign(took=2_500.0, request=lambda rows: rows["request"] + " slow")
    bands = read(tmp_path, pd.concat([calm, slow]), months=(MONTHS[1],)).detail.bands.set_index("band")
    assert bands["n"].dropna().to_dict() == {"slow": 10, "typical": 400}


def test_means_are_those_of_answered_requests_this_month_and_last(counts):
    rows = as_read(REQUESTS)
    for is_current, month in ((1, MONTHS[-1]), (0, MONTHS[-2])):
        answered = (
            in_month(rows, month).query("not n_unanswered").groupby("page")["latency"].agg(["size", "sum"])
        )
        found = (
            counts.detail.means[counts.detail.means["is_current"] == is_current]
            .set_index("endpoint")
            .sort_index()
        )
        assert found["n"].tolist() == answered["size"].tolist()
        assert found["sum_latency_ms"].tolist() == pytest.approx(answered["sum"].tolist(), abs=0.01)


def test_waits_tell_those_who_left_from_those_who_saw_the_answer_or_waited_for_none(counts):
    april = in_month(as_read(REQUESTS), MONTHS[-1])
    left = april["n_left"] & ~april["n_unanswered"]
    buckets = LATENCY_GRID.index(april["watched"])
    for name, is_one in (("n_left", left), ("n_shown", ~left)):
        expected = pd.Series(buckets[is_one]).value_counts().to_dict()
        found = counts.detail.waits.set_index("bucket")[name]
        assert found[found > 0].to_dict() == expected


def test_slow_requests_are_counted_by_day_hour_and_attribute(counts):
    april = in_month(as_read(REQUESTS), MONTHS[-1]).assign(hour=lambda rows: rows["at"].dt.hour)
    by_hour = april.groupby(["day", "hour"])[["n_slow", "n_unanswered"]].sum()
    found = counts.detail.by_hour.assign(day=pd.to_datetime(counts.detail.by_hour["day"])).set_index(
        ["day", "hour"]
    )
    assert found.sort_index()["n_slow"].tolist() == by_hour["n_slow"].tolist()
    by_host = april.groupby("host")["n_slow"].sum()
    cells = counts.detail.cells.groupby("a_0")["n_slow"].sum()
    assert cells.to_dict() == by_host.to_dict()
    missing = counts.detail.cells.groupby("a_1")["n"].sum()["(missing)"]
    assert missing == april["document"].isna().sum()
