"""The same SQL text on Spark: every count and sum of a report is what DuckDB gives. Skipped without pyspark."""

import contextlib
import dataclasses
import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import types
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed (pip install 'afterlaunch[spark]')")

import pyspark

from afterlaunch import profiles
from afterlaunch.contract import ContractError
from afterlaunch.engine import DuckDB, Source, Spark, engine_from
from afterlaunch.engine_settings import EngineSettings, check_answers
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.health_measures import Resampling
from afterlaunch.health_requests import QUANTILES, exact_quantiles, read_request_counts
from afterlaunch.health_tickets import read_ticket_counts
from afterlaunch.kpi_table import read_kpis
from afterlaunch.monitored import load_model
from afterlaunch.monthly_health import Sources, monthly_health
from afterlaunch.params import DriftParameters
from afterlaunch.profiles import number_grids, read_profile
from afterlaunch.records import to_plain
from afterlaunch.repeat_clicks import came_back
from afterlaunch.request_log import RequestLog
from afterlaunch.scoring_log import Columns, OutcomeTable, ScoringLog
from afterlaunch.ticket_table import TicketTable
from afterlaunch.windows import Window
from test_engine import INSTANTS, WHOLE_BELOW, check_plain_rows, check_text_literals, instant, whole_below
from test_kpi_table import kpi, kpi_days, toy_days
from test_monthly_health import LABELS, MONEY, POLICY, V1
from test_ticket_table import toy_tickets, write_tickets
from toy_logs import World, toy_log, toy_setup, write_toy
from toy_requests import FEW_COLUMNS, request_setup, toy_requests, write_requests

# pyspark leaves the sockets by which rows arrive to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

MONTHS = (Window.parse("2024-02"), Window.parse("2024-03"))


@pytest.fixture(scope="module")
def spark():
    engine = Spark()
    yield engine
    engine.close()


@pytest.fixture
def engines(spark):
    duckdb = DuckDB(memory_limit="500MB", threads=2)
    yield (duckdb, spark)
    duckdb.close()


def plain(value):
    """Return counts as nested lists that can be compared, whatever the engine calls its types."""
    if isinstance(value, pd.DataFrame):
        return {name: plain(value[name]) for name in value.columns}
    if isinstance(value, pd.Series):
        return [_plain_cell(cell) for cell in value.tolist()]
    if isinstance(value, np.ndarray):
        return plain(pd.Series(value.ravel())), value.shape
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    return _plain_cell(value)


def _plain_cell(cell):
    if isinstance(cell, dt.date):
        return None if pd.isna(cell) else pd.Timestamp(cell)
    return None if pd.isna(cell) else cell


def test_a_report_on_spark_equals_the_report_on_duckdb(engines, tmp_path):
    write_toy(tmp_path, World(seed=3, n_months=5, n_per_day=30).log())
    reports = []
    for engine in engines:
        log = ScoringLog.validated(toy_setup(versions={"v1": V1}), engine=engine, root=tmp_path)
        reports.append(
            monthly_health(
                Sources(log=log),
                window=Window.parse("2023-05"),
                money=MONEY,
                policy=POLICY,
                labels=LABELS,
                resampling=Resampling(n_resamples=200),
            )
        )
    assert to_plain(reports[0]) == to_plain(reports[1])


def test_the_contract_on_spark_tells_the_failures_that_duckdb_tells(engines, tmp_path):
    toy = toy_log()
    toy.loc[[3, 5], "risk"] = [1.5, float("nan")]
    toy.loc[9, "claim"] = 8
    write_toy(tmp_path, toy)
    told = []
    for engine in engines:
        with pytest.raises(ContractError) as refused:
            ScoringLog.validated(toy_setup(), engine=engine, root=tmp_path)
        told.append(str(refused.value))
    assert told[0] == told[1]


# --- requests and tickets -----------------------------------------------------------------------------------------


@pytest.fixture
def beside(engines, tmp_path):
    """Return the toy scoring log of each engine."""
    write_toy(tmp_path, toy_log())
    return tuple(ScoringLog.validated(toy_setup(), engine=engine, root=tmp_path) for engine in engines)


def counted_only(counts):
    """Return the counts without quantiles, which are compared by themselves, and without each engine's own hashes."""
    left = {
        name: getattr(counts.detail, name).drop(columns=list(QUANTILES))
        for name in ("by_endpoint", "by_endpoint_hour")
    }
    groups = counts.groups and dataclasses.replace(counts.groups, subject=np.arange(0))
    return dataclasses.replace(counts, groups=groups, detail=dataclasses.replace(counts.detail, **left))


@pytest.mark.parametrize("arrived_at_is", ["start", "end"])
def test_request_counts_on_spark_equal_those_on_duckdb(beside, tmp_path, arrived_at_is):
    write_requests(tmp_path, toy_requests(3_000, n_days=92))
    counted = []
    for log in beside:
        setup = request_setup(arrived_at_is=arrived_at_is)
        requests = RequestLog.validated(setup, beside=log, root=tmp_path)
        counted.append(read_request_counts(requests, months=MONTHS))
    on_duckdb, on_spark = counted
    assert on_duckdb.current.n > 1_000
    assert on_duckdb.current.groups.n_groups.sum() > 50
    assert on_duckdb.current.groups.n_retries.sum() > 20
    assert len(on_duckdb.detail.cells) > 500
    assert plain(counted_only(on_duckdb)) == plain(counted_only(on_spark))


def test_exact_quantiles_on_spark_equal_those_on_duckdb_to_the_last_digit(beside, tmp_path):
    write_requests(tmp_path, toy_requests(3_000, n_days=92))
    requests = [RequestLog.validated(request_setup(), beside=log, root=tmp_path) for log in beside]
    on_duckdb, on_spark = (
        exact_quantiles(log, "arrived_at IS NOT NULL", by=("endpoint", "hour")) for log in requests
    )
    assert len(on_duckdb) == 48
    assert plain(on_duckdb) == plain(on_spark)


def test_counts_of_a_log_with_few_columns_are_equal_too(beside, tmp_path):
    write_requests(tmp_path, toy_requests(800, n_days=92))
    setup = request_setup(columns=FEW_COLUMNS, environment="")
    requests = [RequestLog.validated(setup, beside=log, root=tmp_path) for log in beside]
    on_duckdb, on_spark = (read_request_counts(log, months=MONTHS) for log in requests)
    assert on_duckdb.current.groups is None
    assert plain(counted_only(on_duckdb)) == plain(counted_only(on_spark))


def test_the_view_of_requests_on_spark_equals_that_on_duckdb(beside, tmp_path):
    write_requests(tmp_path, toy_requests())
    requests = [RequestLog.validated(request_setup(), beside=log, root=tmp_path) for log in beside]
    on_duckdb, on_spark = (
        log.engine.query(f"SELECT * FROM {log.view} ORDER BY request_id, arrived_at") for log in requests
    )
    assert plain(on_duckdb) == plain(on_spark)


def test_ticket_counts_on_spark_equal_those_on_duckdb(beside, tmp_path):
    requests = toy_requests(3_000, n_days=92)
    setup = write_tickets(tmp_path, toy_tickets(toy_log()))
    write_requests(tmp_path, requests)
    counted = []
    for log in beside:
        asked = RequestLog.validated(request_setup(), beside=log, root=tmp_path)
        groups = read_request_counts(asked, months=MONTHS).groups
        table = TicketTable.validated(setup, beside=log, root=tmp_path)
        counted.append(read_ticket_counts(log, table, asked, groups, months=MONTHS))
    on_duckdb, on_spark = counted
    assert len(on_duckdb.tickets) > 20
    assert on_duckdb.tickets[["slow", "clicked_again"]].to_numpy().any()
    assert plain(on_duckdb) == plain(on_spark)


def test_ticket_counts_without_requests_and_labels_are_equal_too(beside, tmp_path):
    setup = dataclasses.replace(write_tickets(tmp_path, toy_tickets(toy_log())), labels=None)
    tables = [TicketTable.validated(setup, beside=log, root=tmp_path) for log in beside]
    on_duckdb, on_spark = (
        read_ticket_counts(log, table, None, None, months=MONTHS)
        for log, table in zip(beside, tables, strict=True)
    )
    assert plain(on_duckdb) == plain(on_spark)


def test_the_contract_of_requests_and_tickets_on_spark_tells_what_duckdb_tells(beside, tmp_path):
    requests, tickets = toy_requests(), toy_tickets(toy_log())
    requests["place"] = "production"
    requests.loc[3, ["ended", "took"]] = ["lost", -3.0]
    requests.loc[4, ["fetch", "watched"]] = [1e6, np.nan]
    tickets.loc[[3, 4], "words"] = None
    tickets.loc[7, "number"] = 1_006
    write_requests(tmp_path, requests)
    setup = write_tickets(tmp_path, tickets)
    told = []
    for log in beside:
        with pytest.raises(ContractError) as of_requests:
            RequestLog.validated(request_setup(), beside=log, root=tmp_path)
        with pytest.raises(ContractError) as of_tickets:
            TicketTable.validated(setup, beside=log, root=tmp_path)
        told.append((str(of_requests.value), str(of_tickets.value)))
    assert told[0] == told[1]


# --- KPI tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "month",
    [
        "date_trunc('month', booked)",
        "CAST(date_trunc('month', booked) AS DATE)",
        "substr(CAST(booked AS STRING), 1, 7)",
    ],
)
def test_kpis_on_spark_equal_those_on_duckdb(beside, tmp_path, month):
    toy_days().to_parquet(tmp_path / "days.parquet")
    saving = kpi(
        f"SELECT {month} AS month, sum(saved) / 2 AS value, count(*) AS n FROM kpi_days "
        "WHERE region = 'north' GROUP BY 1;"
    )
    tables = {"kpi_days": kpi_days(known_at="entered")}
    found = [read_kpis(tables, (saving,), beside=log, root=tmp_path) for log in beside]
    ((on_duckdb,), (on_spark,)) = found
    assert dict(on_duckdb.counts) == {"2024-01": 31, "2024-02": 29}
    assert (on_duckdb.by_month, on_duckdb.counts) == (on_spark.by_month, on_spark.counts)


def test_sql_that_spark_cannot_run_is_refused_in_one_line(spark):
    told = r"^KPI 'a' holds SQL that cannot be run: .*kpi_weeks.* Correct it and run again\.$"
    with pytest.raises(ParameterError, match=told):
        spark.query_of_user("SELECT month FROM kpi_weeks", what="KPI 'a'")


# --- what each engine says in its own way -------------------------------------------------------------------------


@pytest.mark.parametrize("text", INSTANTS)
def test_milliseconds_and_earlier_instants_on_spark_equal_those_on_duckdb(engines, text):
    on_duckdb, on_spark = (
        engine.query(
            f"SELECT {engine.milliseconds(instant(text))} AS ms, {engine.earlier(instant(text), '1500e0')} AS came, "
            f"{engine.earlier(instant(text), '1500.7e0')} AS came_to_the_microsecond"
        )
        for engine in engines
    )
    assert plain(on_duckdb) == plain(on_spark)


@pytest.mark.parametrize("keys", [("user_id",), ("user_id", "case_id")])
def test_rows_that_come_again_on_spark_are_those_on_duckdb(engines, tmp_path, keys):
    random = np.random.default_rng(4)
    users = random.choice([f"u{place}" for place in range(300)], 400)
    rows = pd.DataFrame(
        {
            "user_id": np.where(random.random(400) < 0.1, None, users),
            "case_id": pd.array(random.integers(0, 3, 400), dtype="Int64"),
            "place": np.arange(400),
        }
    )
    rows.loc[::9, "case_id"] = None
    rows.to_parquet(tmp_path / "rows.parquet")
    found = []
    for engine in engines:
        engine.read(Source(path="rows.parquet"), "some_rows", root=tmp_path)
        known = " AND ".join(f"{key} IS NOT NULL" for key in keys)
        numbers = engine.numbers(
            f"SELECT place, {engine.hash_of(*keys)} AS subject FROM some_rows WHERE {known}"
        )
        again = came_back(numbers["subject"], np.zeros(numbers["place"].size, np.int64))
        found.append(sorted(numbers["place"][again].tolist()))
    by = list(keys)
    expected = rows.dropna(subset=by)[lambda kept: kept.duplicated(by, keep=False)]["place"].tolist()
    assert 20 < len(expected) < 380
    assert found == [expected, expected]


def test_numbers_come_into_spark_as_a_table(spark):
    spark.keep_numbers("places", "place", np.array([7, 3, 7], np.int64))
    assert spark.query("SELECT * FROM places ORDER BY place").to_dict("list") == {"place": [3, 7, 7]}
    spark.keep_numbers("places", "place", np.array([], np.int64))
    assert spark.query("SELECT count(*) AS n FROM places")["n"].tolist() == [0]


def test_rows_of_spark_are_tuples_of_plain_values(spark):
    check_plain_rows(spark)


def test_texts_with_quotes_and_backslashes_are_read_by_spark_as_they_stand(spark):
    check_text_literals(spark)


def test_the_whole_number_below_on_spark_is_that_on_duckdb(spark):
    assert whole_below(spark) == list(WHOLE_BELOW.values())
    wide = spark.whole_below("CAST(9007199254740993 AS BIGINT)")
    assert spark.rows(f"SELECT {wide} AS whole") == [(9_007_199_254_740_992,)]


# --- files and tables ---------------------------------------------------------------------------------------------


def read_by_both(engines, root, path):
    """Return the kinds and rows that each engine finds."""
    found = []
    for engine in engines:
        kinds = engine.read(Source(path=path), "given_rows", root=root)
        columns = ", ".join(engine.quote(name) for name in sorted(kinds))
        found.append((kinds, engine.rows(f"SELECT {columns} FROM given_rows ORDER BY id")))
    return found


def test_quoted_texts_of_a_csv_are_read_as_duckdb_reads_them(engines, tmp_path):
    lines = ("id,name,note", '1,"a ""b"", c",""', '2,"new\nline",', "3,Zürich,=x", "4,' ,x")
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    on_duckdb, on_spark = read_by_both(engines, tmp_path, "rows.csv")
    assert on_duckdb == on_spark
    assert on_spark[1][0] == (1, 'a "b", c', None)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_of_several_files_are_put_together_by_their_names(engines, tmp_path, kind):
    (tmp_path / "parts").mkdir()
    first = pd.DataFrame({"id": [1, 2], "amount": [2.5, 3.5]})
    second = pd.DataFrame({"amount": [4.5, None], "region": ["x", "y"], "id": [3, 4]})
    for part, frame in enumerate((first, second)):
        place = tmp_path / "parts" / f"{part}.{kind}"
        frame.to_csv(place, index=False) if kind == "csv" else frame.to_parquet(place)
    on_duckdb, on_spark = read_by_both(engines, tmp_path, "parts")
    assert on_duckdb == on_spark
    assert on_spark[1] == [(2.5, 1, None), (3.5, 2, None), (4.5, 3, "x"), (None, 4, "y")]


def test_instants_with_a_zone_become_local_time_on_both(engines, tmp_path):
    toy = toy_log()
    local = toy.assign(at=toy["at"].dt.tz_localize("UTC"), known_at=toy["known_at"].dt.tz_localize("UTC"))
    write_toy(tmp_path, local)
    told = []
    for engine in engines:
        log = ScoringLog.validated(toy_setup(time_zone="America/New_York"), engine=engine, root=tmp_path)
        told.append(engine.rows(f"SELECT case_id, scored_at FROM {log.rows} ORDER BY case_id"))
    assert told[0] == told[1]
    assert told[1][0][1] == toy["at"][0].to_pydatetime() - dt.timedelta(hours=5)


def test_a_file_that_spark_cannot_read_is_refused_in_one_line(spark, tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 this is no parquet PAR1")
    with pytest.raises(DataError, match=r"could not be read: .* Check that the file is complete") as refused:
        spark.read(Source(path="log.parquet"), "arriving", root=tmp_path)
    assert "\n" not in str(refused.value)


@pytest.fixture
def catalogue(spark, tmp_path):
    """Return a log whose rows and outcomes are tables of Spark's catalogue."""
    write_toy(tmp_path, toy_log())
    for name in ("log", "outcomes"):
        frame = spark._session.read.parquet(str(tmp_path / f"{name}.parquet"))
        frame.createOrReplaceTempView(f"desk_{name}")
    known = OutcomeTable(
        source=Source(table="desk_outcomes"), id="claim", outcome="outcome", outcome_at="known_at"
    )
    return toy_setup(source=Source(path="", table="desk_log"), outcomes=known)


def test_a_log_in_sparks_catalogue_is_the_log_in_files(spark, catalogue, tmp_path):
    counted = []
    for setup in (catalogue, toy_setup()):
        log = ScoringLog.validated(setup, engine=spark, root=tmp_path)
        cases = f"SELECT count(*) AS n, sum(outcome) AS outcomes, max(scored_at) AS latest FROM {log.view}"
        counted.append((log.n_rows, spark.rows(cases)))
    assert counted[0] == counted[1]
    assert counted[0][0] == 600


def test_a_table_that_is_not_in_the_catalogue_is_refused_with_the_closest(spark, catalogue, tmp_path):
    told = r"^Table 'desk_lg' is not in \"Spark's catalogue\"; there are: .*\. Did you mean 'desk_log'\? Set `table`"
    with pytest.raises(DataError, match=told):
        spark.read(Source(table="desk_lg"), "arriving", root=tmp_path)
    with pytest.raises(DataError, match=r"^Data source 'catalogue://nowhere\.log' could not be read: "):
        spark.read(Source(table="nowhere.log"), "arriving", root=tmp_path)


# --- profiles -----------------------------------------------------------------------------------------------------

MIXED = ("amount", "region", "n_items", "is_new", "wide", "tiny", "late", "code")
NAMES = (
    "=north",
    "",
    " ",
    "it's",
    'a "b"',
    "a\\b",
    "a,b\x1fc",
    "Zürich",
    "日本",
    "é",
    "e\u0301",
    "ß",
    "new\nline",
    None,
)


def mixed_log(n=1_500):
    """Return the toy log with inputs of every kind, and everything in them that could part two engines."""
    log, random = toy_log(n), np.random.default_rng(5)
    log.loc[::50, "amount"], log.loc[1::50, "amount"] = np.inf, -np.inf
    log.loc[::31, "amount"], log.loc[::29, "amount"] = -7.25, -0.0
    log["region"] = random.choice(np.array(NAMES, dtype=object), n)
    log["n_items"] = pd.array(random.integers(-4, 9, n), dtype="Int64")
    log.loc[::23, "n_items"] = None
    log["is_new"] = pd.array(random.random(n) < 0.3, dtype="boolean")
    log.loc[::37, "is_new"] = None
    log["wide"] = np.exp(random.normal(0, 30, n)) * random.choice([-1, 1], n)
    log.loc[::41, "wide"] = 1e300
    log["tiny"] = random.normal(0, 1e-9, n).astype("float32")
    # Of the rows of later days only, so that its cells come from the range of all.
    log["late"] = np.where(log["at"] >= pd.Timestamp("2024-03-10"), random.gamma(2, 3, n), np.nan)
    log["code"] = (2**53 + random.integers(0, 5, n)) * random.choice([1, 3], n)
    return log


def profiles_of(engines, folder, frame, features, months=("2024-01", "2024-03", "2024-04", "2025-01")):
    """Return what each engine gives: the cells of number inputs, and the profile of each month."""
    write_toy(folder, frame)
    roles = Columns(
        id="claim", scored_at="at", score="risk", decision="alert", model_version="version", features=features
    )
    found = []
    for engine in engines:
        log = ScoringLog.validated(toy_setup(columns=roles), engine=engine, root=folder)
        grids = number_grids(log)
        found.append((grids, [read_profile(log, Window.parse(month), grids) for month in months]))
    return found


@pytest.mark.parametrize("id_is", ["number", "text"])
def test_profiles_on_spark_equal_those_on_duckdb(engines, tmp_path, id_is):
    frame = mixed_log()
    if id_is == "text":
        frame["claim"] = [f"é-'{i}\\" for i in frame["claim"]]
    on_duckdb, on_spark = profiles_of(engines, tmp_path, frame, MIXED)
    assert on_duckdb[0] == on_spark[0]
    assert plain(on_duckdb[1][0]) == plain(on_spark[1][0])
    for one, other in zip(on_duckdb[1], on_spark[1], strict=True):
        assert plain(one) == plain(other)
    january, _, april, empty = on_spark[1]
    assert empty is None
    assert january.sample.n_rows == january.n > 300
    assert set(january.texts["region"].texts) == set(NAMES) - {None}
    assert january.texts["region"].n_missing > 10
    assert january.numbers["late"].n_missing == january.n
    assert april.numbers["late"].n_missing == 0
    assert min(january.numbers["amount"].cells) < 0
    assert set(april.scores) == {"v2"}


def test_profiles_of_many_inputs_on_spark_equal_those_on_duckdb(engines, tmp_path):
    frame, random = toy_log(900), np.random.default_rng(6)
    names = [f"input_{i}" for i in range(85)]
    columns = {
        name: random.choice(["a", "b", "c"], len(frame))
        if i % 5 == 0
        else random.normal(i, 1 + i, len(frame))
        for i, name in enumerate(names)
    }
    frame = pd.concat([frame, pd.DataFrame(columns)], axis=1)
    on_duckdb, on_spark = profiles_of(engines, tmp_path, frame, tuple(names), months=("2024-03",))
    assert on_duckdb[0] == on_spark[0]
    assert plain(on_duckdb[1][0]) == plain(on_spark[1][0])
    assert len(on_spark[1][0].numbers) == 68
    assert len(on_spark[1][0].texts) == 17


def test_profiles_whose_rows_are_sampled_in_some_hours_are_equal_too(engines, tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "_MANY_ROWS", 200)
    monkeypatch.setattr(profiles, "_FEWEST_QUARTERS", 12)
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 60)
    on_duckdb, on_spark = profiles_of(engines, tmp_path, mixed_log(), MIXED, months=("2024-01", "2024-04"))
    assert on_duckdb[0] == on_spark[0]
    for one, other in zip(on_duckdb[1], on_spark[1], strict=True):
        assert plain(one) == plain(other)
        assert 20 < other.sample.n_rows < 120 < other.n


def test_categories_past_the_most_that_are_named_are_the_same_on_both(engines, tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "MAX_CATEGORIES", 5)
    on_duckdb, on_spark = profiles_of(engines, tmp_path, mixed_log(), ("region",), months=("2024-02",))
    assert plain(on_duckdb[1][0]) == plain(on_spark[1][0])
    assert on_spark[1][0].texts["region"].n_other > 0


# --- sessions -----------------------------------------------------------------------------------------------------


def test_an_engine_beside_a_running_session_leaves_it_as_it_was(spark):
    before = spark._session.conf.get("spark.sql.session.timeZone")
    beside = engine_from(EngineSettings(name="spark", master="local[2]"))
    beside.create_view("own_rows", "SELECT 1 AS x")
    beside.keep("kept_rows", "SELECT x FROM own_rows")
    beside.keep("kept_rows", "SELECT x + 1 AS x FROM own_rows")
    assert beside.rows("SELECT * FROM kept_rows") == [(2,)]
    beside.close()
    beside.close()
    assert spark.rows("SELECT 3 AS x") == [(3,)]
    assert not spark._session.catalog.tableExists("own_rows")
    assert spark._session.conf.get("spark.sql.session.timeZone") == before


def test_another_master_than_the_running_one_is_refused(spark):
    told = r"^Spark runs in this process already, with the master 'local\[2\]', and the one asked for is 'local\[1\]'\."
    with pytest.raises(ParameterError, match=told):
        Spark(master="local[1]")


def test_a_session_that_refuses_a_setting_says_which():
    def refuse(*_):
        raise RuntimeError("[CANNOT_MODIFY_CONFIG] Not here")

    class Stubborn:
        conf = types.SimpleNamespace(get=lambda _: "Europe/Zurich", set=refuse)

    told = (
        r"^Spark does not take spark\.sql\.session\.timeZone = UTC, without which its numbers would differ: "
        r"\[CANNOT_MODIFY_CONFIG\] Not here\. Set it where this Spark is started"
    )
    with pytest.raises(ParameterError, match=told):
        Spark(Stubborn())


# In processes of their own: a process holds one Spark, or talks to one.
PROJECT = """
import sys
from pathlib import Path
from afterlaunch.engine_settings import EngineSettings
from afterlaunch.engine import Spark, engine_from
from afterlaunch.monitored import check
from pyspark.sql import SparkSession
"""


def in_own_process(script, *arguments):
    """Run a script and return what it printed."""
    ended = subprocess.run(
        [sys.executable, "-c", PROJECT + textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 0, ended.stderr[-3_000:]
    return ended.stdout.splitlines()


def write_project(root, engine):
    """Write a project whose one model is the toy log, read by an engine; return its folder."""
    (root / "notebooks").mkdir()
    (root / "params" / "desk").mkdir(parents=True)
    write_toy(root, toy_log())
    (root / "params" / "desk" / "policy.yaml").write_text("{}\n", encoding="utf-8")
    (root / "params" / "desk" / "model.yaml").write_text(
        f"""
title: Desk
engine: {engine}
log:
  source: {{path: log.parquet}}
  outcome_delay_days: 2
  columns: {{id: claim, scored_at: at, score: risk, decision: alert, model_version: version, features: [amount]}}
  outcomes: {{source: {{path: outcomes.parquet}}, id: claim, outcome: outcome, outcome_at: known_at}}
  versions:
    v1: {{threshold: 0.5, trained_from: "2024-01-01", trained_until: "2024-01-31"}}
    v2: {{threshold: 0.6, trained_from: "2024-02-01", trained_until: "2024-02-29"}}
""",
        encoding="utf-8",
    )
    return root


CHECKED = "Desk (desk): 600 cases from 2024-01-01 to 2024-04-29 keep the contract; versions v1, v2; 0 KPIs; "


def test_a_model_that_names_spark_is_read_by_spark_and_the_session_ends(tmp_path):
    root = write_project(tmp_path, '{name: spark, master: "local[2]"}')
    told = in_own_process(
        """
        print(check("desk", root=Path(sys.argv[1])))
        print(SparkSession.getActiveSession())
        """,
        root,
    )
    assert told[0].startswith(CHECKED)
    assert told[1] == "None"


def test_a_log_that_breaks_the_contract_leaves_no_session_behind(tmp_path):
    root = write_project(tmp_path, "{name: spark}")
    spoilt = toy_log()
    spoilt.loc[3, "risk"] = 1.5
    write_toy(root, spoilt)
    told = in_own_process(
        """
        try:
            check("desk", root=Path(sys.argv[1]))
        except Exception as error:
            print(type(error).__name__)
        print(SparkSession.getActiveSession())
        """,
        root,
    )
    assert told == ["ContractError", "None"]


@pytest.fixture(scope="module")
def connect_server(tmp_path_factory):
    """Return the address of a Spark Connect server of our own."""
    pytest.importorskip(
        "grpc", reason="Spark Connect's packages are not installed (pip install 'pyspark[connect]')"
    )
    pytest.importorskip("grpc_status", reason="as above")
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    home = Path(pyspark.__file__).parent
    log = tmp_path_factory.mktemp("connect") / "server.log"
    command = [
        home / "bin" / "spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master", "local[2]", "--name", "connect-of-the-tests", "--conf", "spark.ui.enabled=false",
        "--conf", f"spark.connect.grpc.binding.port={port}", "--conf", "spark.sql.shuffle.partitions=4",
        "--conf", f"spark.sql.warehouse.dir={log.parent}",
    ]  # fmt: skip
    with log.open("w") as told, subprocess.Popen(command, stdout=told, stderr=told, cwd=log.parent) as server:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end and server.poll() is None:
                with contextlib.suppress(DataError):
                    check_answers(f"sc://localhost:{port}")
                    break
                time.sleep(0.5)
            else:
                pytest.fail(log.read_text()[-2_000:])
            yield f"sc://localhost:{port}"
        finally:
            server.terminate()


def test_a_model_behind_spark_connect_is_read_there(connect_server, tmp_path):
    root = write_project(tmp_path, f'{{name: spark, master: "{connect_server}"}}')
    told = in_own_process(
        """
        print(check("desk", root=Path(sys.argv[1])))
        print(SparkSession.getActiveSession())
        one, other = (Spark(master=sys.argv[2]) for _ in range(2))
        print(type(one._session).__module__, one._session is other._session)
        one.keep("kept", "SELECT 1 AS x")
        one.keep("kept", "SELECT x + 1 AS x FROM kept")
        one.close()
        print(other.rows("SELECT 5 AS x, CAST(NULL AS STRING) AS y, 0.5e0 AS z"))
        print({name: str(v.dtype) for name, v in other.numbers("SELECT CAST(1 AS BIGINT) AS x").items()})
        other.close()
        running = SparkSession.builder.remote(sys.argv[2]).getOrCreate()
        beside = Spark()
        print(beside.query("SELECT 1.5e0 AS x")["x"].tolist())
        beside.close()
        print(running.sql("SELECT 2 AS x").collect())
        """,
        root,
        connect_server,
    )
    assert told[0].startswith(CHECKED)
    assert told[1:] == [
        "None",
        "pyspark.sql.connect.session False",
        "[(5, None, 0.5)]",
        "{'x': 'int64'}",
        "[1.5]",
        "[Row(x=2)]",
    ]


# --- drift --------------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[1]
DRIFT = ROOT / "notebooks" / "drift.ipynb"
ENGINES = {
    "duckdb": "{name: duckdb, memory_limit: 500MB, threads: 2}",
    "spark": '{name: spark, master: "local[2]"}',
}


def flights_project(root, engine):
    """Write the shipped model with every eighth flight of three months, read by an engine; return its folder."""
    shutil.copytree(ROOT / "params" / "flight_claims", root / "params" / "flight_claims")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    data, shipped = root / "data" / "flight_claims", ROOT / "data" / "flight_claims"
    data.mkdir(parents=True)
    log = pd.read_parquet(shipped / "scoring_log.parquet")
    log = log[
        (log["scored_at"] >= "2013-04-01") & (log["scored_at"] < "2013-07-01") & (log["flight_id"] % 8 == 0)
    ]
    log.to_parquet(data / "scoring_log.parquet", index=False)
    for name in ("outcomes", "shadow_scores"):
        beside = pd.read_parquet(shipped / f"{name}.parquet")
        if name == "outcomes":  # the shadow scores are of later months
            beside = beside[beside["flight_id"].isin(log["flight_id"])]
        beside.to_parquet(data / f"{name}.parquet", index=False)
    with (root / "params" / "flight_claims" / "model.yaml").open("a", encoding="utf-8") as model:
        model.write(f"\nengine: {ENGINES[engine]}\n")
    return root


def assert_alike(one, other, place="report"):
    """Hold two plain values to each other: numbers with a point to 1e-12, everything else exactly."""
    if isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-12, nan_ok=True), place
    elif isinstance(one, dict) and isinstance(other, dict):
        assert list(one) == list(other), place
        for name in one:
            assert_alike(one[name], other[name], f"{place}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), place
        for i, (part, its_like) in enumerate(zip(one, other, strict=True)):
            assert_alike(part, its_like, f"{place}[{i}]")
    else:
        assert (type(one), one) == (type(other), other), place


@pytest.mark.usefixtures("spark")
def test_drift_on_spark_is_the_drift_on_duckdb(tmp_path):
    given = DriftParameters(model="flight_claims", period="2013-06", n_resamples=200)
    reports = [
        to_plain(load_model("flight_claims", root=flights_project(tmp_path / name, name)).drift(given))
        for name in ENGINES
    ]
    assert reports[0]["n_rows"] > 3_000
    assert len(reports[0]["inputs"]) == 15
    assert_alike(*reports)


@pytest.mark.e2e
@pytest.mark.skipif(not DRIFT.exists(), reason="there is no notebooks/drift.ipynb")
def test_the_drift_notebook_on_spark_finds_what_it_finds_on_duckdb(tmp_path):
    pytest.importorskip("papermill", reason="papermill is not installed beside pyspark")
    from afterlaunch.artifacts import Report, read_json
    from afterlaunch.run import run

    given = DriftParameters(model="flight_claims", period="2013-06", n_resamples=200, seed=0)
    results = []
    for name in ENGINES:
        root = flights_project(tmp_path / name, name)
        outcome = run("drift", given, root=root, sources=load_model("flight_claims", root=root).sources)
        assert outcome.exit_code == 0, outcome.message
        results.append(
            read_json(
                Report(stem="drift", model=given.model, period=given.period, root=root).published(".json")
            )
        )
    on_duckdb, on_spark = results
    assert on_duckdb["findings"]
    for key in ("findings", "report"):
        assert_alike(on_duckdb[key], on_spark[key], key)
