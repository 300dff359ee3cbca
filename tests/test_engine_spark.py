"""The same SQL text on Spark: every count and sum of a report is what DuckDB gives. Skipped without pyspark."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed (pip install 'afterlaunch[spark]')")

from afterlaunch.contract import ContractError
from afterlaunch.engine import DuckDB, Source, Spark
from afterlaunch.errors import ParameterError
from afterlaunch.health_measures import Resampling
from afterlaunch.health_requests import QUANTILES, exact_quantiles, read_request_counts
from afterlaunch.health_tickets import read_ticket_counts
from afterlaunch.kpi_table import read_kpis
from afterlaunch.monthly_health import Sources, monthly_health
from afterlaunch.records import to_plain
from afterlaunch.repeat_clicks import came_back
from afterlaunch.request_log import RequestLog
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.ticket_table import TicketTable
from afterlaunch.windows import Window
from test_engine import INSTANTS, instant
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
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
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
