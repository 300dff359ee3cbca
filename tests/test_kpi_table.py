import datetime as dt
import math
import re

import numpy as np
import pandas as pd
import pytest

from afterlaunch.contract import ContractError, Failure
from afterlaunch.engine import DuckDB, Source
from afterlaunch.errors import ParameterError
from afterlaunch.findings import Direction
from afterlaunch.kpi_table import KpiMonths, KpiTable, read_kpis
from afterlaunch.kpis import Kpi
from afterlaunch.ranges import Range
from afterlaunch.scoring_log import ScoringLog
from toy_logs import toy_log, toy_setup, write_toy

MONTH = "date_trunc('month', booked)"
ONE_A_MONTH = f"SELECT {MONTH} AS month, {{value}} AS value, {{n}} AS n FROM kpi_days GROUP BY 1 ORDER BY 1"


def toy_days():
    """Return the days of January and February 2024 in two regions, each booked two days later."""
    day = np.repeat(pd.date_range("2024-01-01", "2024-02-29"), 2)
    place = np.arange(day.size)
    return pd.DataFrame(
        {
            "booked": day,
            "n_claims": 50 + place % 7,
            "saved": 1_000.0 + 2.5 * (place % 11),
            "region": np.where(place % 2 == 0, "north", "south"),
            "entered": day + pd.Timedelta(days=2),
        }
    )


def kpi_days(**changed):
    given = {
        "name": "kpi_days",
        "source": Source(path="days.parquet"),
        "day": "booked",
        "numbers": ("n_claims", "saved"),
        "texts": ("region",),
    }
    return KpiTable(**(given | changed))


def kpi(sql, name="saving"):
    return Kpi(name=name, title="Saving", unit="CHF", direction=Direction.HIGHER, sql=sql)


@pytest.fixture
def read(tmp_path):
    """Return what reads KPIs from a table of days beside the toy log, each time in an engine of its own."""
    write_toy(tmp_path, toy_log())
    engines = []

    def kpis_of(*sql, days=None, as_of=None, time_zone="UTC", **changed):
        engines.append(DuckDB(memory_limit="500MB", threads=2))
        beside = ScoringLog.validated(
            toy_setup(time_zone=time_zone), engine=engines[-1], root=tmp_path, as_of=as_of
        )
        (toy_days() if days is None else days).to_parquet(tmp_path / "days.parquet", index=False)
        table = kpi_days(**changed)
        kpis = tuple(kpi(text, name) for name, text in zip(("saving", "reach", "load"), sql, strict=False))
        return read_kpis({table.name: table}, kpis, beside=beside, root=tmp_path)

    yield kpis_of
    for engine in engines:
        engine.close()


@pytest.fixture
def refused(read):
    def failures_of(*sql, **changed):
        with pytest.raises(ContractError) as error:
            read(*sql, **changed)
        return error.value

    return failures_of


def failure(check, column, *examples, allowed, n_rows=None):
    return Failure(
        check=check,
        column=column,
        n_rows=len(examples) or None if n_rows is None else n_rows,
        share=None,
        examples=examples,
        allowed=allowed,
    )


def message(source, *lines, n_checks):
    return "\n".join(
        [
            f"The data of {source} breaks its contract in {n_checks} checks:",
            *lines,
            "Mend the data, or correct the roles and ranges in the model's model.yaml, and run again.",
        ]
    )


# --- what SQL takes from a table --------------------------------------------------------------------------------


def test_a_kpi_is_taken_from_the_teams_table_by_month(read):
    (found,) = read(ONE_A_MONTH.format(value="sum(saved)", n="sum(n_claims)"))
    days = toy_days().assign(month=lambda days: days["booked"].dt.strftime("%Y-%m"))
    assert found == KpiMonths(
        kpi=found.kpi,
        by_month=days.groupby("month")["saved"].sum().to_dict(),
        counts=days.groupby("month")["n_claims"].sum().to_dict(),
    )
    assert list(found.by_month) == ["2024-01", "2024-02"]


@pytest.mark.parametrize(
    "month",
    [
        MONTH,
        f"CAST({MONTH} AS DATE)",
        f"CAST({MONTH} AS TIMESTAMP)",
        f"CAST({MONTH} + INTERVAL 14 DAY AS DATE)",
        "strftime(booked, '%Y-%m')",
    ],
)
def test_a_month_is_a_day_a_time_or_a_text(read, month):
    (found,) = read(f"SELECT {month} AS month, sum(saved) AS value, count(*) AS n FROM kpi_days GROUP BY 1")
    assert sorted(found.by_month) == ["2024-01", "2024-02"]
    assert found.counts == {"2024-01": 62, "2024-02": 58}


def test_only_kpis_with_sql_are_read_in_their_order(read, tmp_path):
    found = read(*[ONE_A_MONTH.format(value=value, n="count(*)") for value in ("1", "2e0", "3")])
    assert [(months.kpi.name, months.by_month["2024-01"]) for months in found] == [
        ("saving", 1.0),
        ("reach", 2.0),
        ("load", 3.0),
    ]
    formula = Kpi(
        name="k", title="K", numerator="1", denominator="1", unit="share", direction=Direction.HIGHER
    )
    assert read_kpis({}, (formula,), beside=None, root=tmp_path) == ()


def test_sql_sees_the_named_columns_in_our_types_and_no_others(read):
    (found,) = read(
        "SELECT '2024-01' AS month, count(*) AS value, count(*) AS n FROM "
        "(DESCRIBE SELECT * FROM kpi_days) WHERE (column_name, column_type) IN "
        "(('booked', 'TIMESTAMP'), ('n_claims', 'DOUBLE'), ('saved', 'DOUBLE'), ('region', 'VARCHAR'))"
    )
    assert found.by_month == {"2024-01": 4.0}
    with pytest.raises(ParameterError, match=r"^KPI 'saving' in model\.yaml holds SQL .*entered.* again\.$"):
        read(ONE_A_MONTH.format(value="max(entered)", n="1"))


def test_nan_is_missing_for_sql(read):
    days = toy_days()
    days.loc[:9, "saved"] = np.nan
    (found,) = read(ONE_A_MONTH.format(value="count(*) - count(saved)", n="count(saved)"), days=days)
    assert (found.by_month["2024-01"], found.counts["2024-01"]) == (10.0, 52)


def test_sql_may_end_with_a_semicolon_and_begin_with_with(read):
    sql = "\n  WITH days AS (SELECT * FROM kpi_days) SELECT '2024-01' AS month, 1 AS value, 2 AS n ; \n"
    (found,) = read(sql)
    assert (found.by_month, found.counts) == ({"2024-01": 1.0}, {"2024-01": 2})


@pytest.mark.parametrize(
    "value",
    [
        "CASE WHEN min(month(booked)) = 1 THEN NULL ELSE 2e0 END",
        "CASE WHEN min(month(booked)) = 1 THEN 'nan' :: DOUBLE ELSE 2e0 END",
        "CASE WHEN min(month(booked)) = 1 THEN NULL ELSE 2 END",
        "CAST(CASE WHEN min(month(booked)) = 1 THEN NULL ELSE 2 END AS DECIMAL(9, 2))",
    ],
)
def test_a_month_where_sql_gives_null_has_no_value(read, value):
    (found,) = read(ONE_A_MONTH.format(value=value, n="count(*)"))
    assert math.isnan(found.by_month["2024-01"])
    assert found.by_month["2024-02"] == 2.0
    assert found.counts == {"2024-01": 62, "2024-02": 58}


def test_a_kpi_without_a_value_in_any_month_is_known_to_have_none(read):
    (found,) = read(ONE_A_MONTH.format(value="NULL", n="0"))
    assert all(math.isnan(value) for value in found.by_month.values())
    assert found.counts == {"2024-01": 0, "2024-02": 0}


def test_columns_beside_the_three_are_not_looked_at(read):
    (found,) = read(f"SELECT region, {MONTH} AS month, 1 AS n, 2 AS value FROM kpi_days LIMIT 1")
    assert (found.by_month, found.counts) == ({"2024-01": 2.0}, {"2024-01": 1})


def test_a_column_may_be_called_what_sql_calls_its_own(read):
    days = toy_days().rename(columns={"saved": "order", "region": "case"})
    (found,) = read(
        ONE_A_MONTH.format(value='sum("order")', n='count("case")'),
        days=days,
        numbers=("order",),
        texts=("case",),
        allowed={"order": Range(lower=0)},
    )
    assert found.by_month["2024-01"] == toy_days()["saved"].iloc[:62].sum()


# --- as it was known then ---------------------------------------------------------------------------------------


def test_rows_that_were_booked_later_are_not_seen(read):
    sql = ONE_A_MONTH.format(value="sum(saved)", n="count(*)")
    as_of = dt.date(2024, 2, 1)
    (then,) = read(sql, as_of=as_of, known_at="entered")
    seen = toy_days().query("entered < '2024-02-01'")
    assert then.by_month == {"2024-01": seen["saved"].sum()}
    assert then.counts == {"2024-01": len(seen)}
    (now,) = read(sql, known_at="entered")
    assert now.counts == {"2024-01": 62, "2024-02": 58}


def test_rows_of_days_that_had_not_begun_are_not_seen(read):
    (then,) = read(ONE_A_MONTH.format(value="sum(saved)", n="count(*)"), as_of=dt.date(2024, 2, 11))
    assert then.counts == {"2024-01": 62, "2024-02": 20}


def test_months_after_the_day_of_the_report_are_left_out(read):
    sql = "SELECT * FROM (VALUES ('2024-01', 1, 1), ('2024-02', 2, 2), ('2024-03', 3, 3)) AS t (month, value, n)"
    (then,) = read(sql, as_of=dt.date(2024, 2, 11))
    assert (then.by_month, then.counts) == ({"2024-01": 1.0, "2024-02": 2.0}, {"2024-01": 1, "2024-02": 2})


def test_days_with_a_zone_become_local_ones(read):
    days = toy_days().iloc[62:63]
    days = days.assign(booked=days["booked"].dt.tz_localize("UTC"))
    sql = ONE_A_MONTH.format(value="1", n="1")
    assert list(read(sql, days=days)[0].by_month) == ["2024-02"]
    assert list(read(sql, days=days, time_zone="America/New_York")[0].by_month) == ["2024-01"]


# --- the contract of a table ------------------------------------------------------------------------------------


def test_all_failures_of_a_table_are_told_at_once(refused):
    days = toy_days().astype({"booked": "datetime64[us]"})
    days.loc[3, "booked"] = None
    days.loc[[5, 6], "saved"] = [-1.0, 1e7]
    days.loc[8, "n_claims"] = -1
    days.loc[[10, 11], "entered"] = None
    error = refused(
        days=days,
        known_at="entered",
        allowed={"saved": Range(lower=0, upper=50_000), "n_claims": Range(lower=0)},
    )
    assert str(error) == message(
        "'days.parquet'",
        "  check         column             rows  share  first examples (id: value)                  "
        "                    allowed",
        "  ------------  -----------------  ----  -----  "
        "--------------------------------------------------------------  --------------------",
        "  missing       kpi_days.booked    1     0.83%  (missing): (missing)                        "
        "                    a value in every row",
        "  out of range  kpi_days.saved     2     1.67%  "
        "2024-01-03 00:00:00: -1.0; 2024-01-04 00:00:00: 10000000.0      0 to 50000",
        "  out of range  kpi_days.n_claims  1     0.83%  2024-01-05 00:00:00: -1.0                   "
        "                    0 to ∞",
        "  missing       kpi_days.entered   2     1.67%  "
        "2024-01-06 00:00:00: (missing); 2024-01-06 00:00:00: (missing)  a value in every row",
        n_checks=4,
    )


def test_columns_that_are_missing_or_of_the_wrong_kind_are_named(refused):
    days = toy_days().rename(columns={"region": "regoin"}).assign(saved="much", booked="today")
    assert refused(days=days, known_at="enterd").failures == (
        failure("column holds text", "kpi_days.booked", allowed="times or times with a zone or dates"),
        failure("column holds text", "kpi_days.saved", allowed="whole numbers or numbers"),
        failure("column is missing", "kpi_days.region", allowed="Did you mean 'regoin'?"),
        failure("column is missing", "kpi_days.enterd", allowed="Did you mean 'entered'?"),
    )


def test_the_failures_of_all_tables_are_told_at_once(tmp_path, engine):
    beside = ScoringLog.validated(write_toy(tmp_path, toy_log()), engine=engine, root=tmp_path)
    toy_days().to_parquet(tmp_path / "days.parquet")
    toy_days().iloc[:0].to_parquet(tmp_path / "weeks.parquet")
    tables = {
        "kpi_days": kpi_days(allowed={"saved": Range(upper=1_000)}),
        "kpi_weeks": kpi_days(name="kpi_weeks", source=Source(path="weeks.parquet")),
    }
    with pytest.raises(ContractError) as error:
        read_kpis(tables, (kpi("SELECT nonsense"),), beside=beside, root=tmp_path)
    assert str(error.value).startswith(
        "The data of 'days.parquet, weeks.parquet' breaks its contract in 2 checks:\n"
    )
    assert [(f.check, f.column, f.n_rows) for f in error.value.failures] == [
        ("out of range", "kpi_days.saved", 109),
        ("table is empty", "kpi_weeks.(all)", 0),
    ]


@pytest.mark.parametrize("value", [0.0, 1e6])
def test_the_bounds_of_a_range_belong_to_it(read, value):
    days = toy_days().assign(saved=value)
    assert read(days=days, allowed={"saved": Range(lower=0, upper=1e6)}) == ()


@pytest.mark.parametrize(
    "name", ["days", "Kpi_days", "kpi_", "kpi_Days", "kpi-days", "kpi_days;", "", "cases"]
)
def test_a_table_is_called_kpi_and_something(name):
    told = f"Table {name!r} must be called kpi_ and small letters, digits or _, such as kpi_days. Rename it."
    with pytest.raises(ParameterError, match=f"^{re.escape(told)}$"):
        kpi_days(name=name)


@pytest.mark.parametrize("role", ["day", "numbers", "texts"])
@pytest.mark.parametrize("name", ["Saved", "saved chf", "2nd", 'x"; DROP VIEW cases; --', ""])
def test_columns_have_plain_names(role, name):
    told = f"Column {name!r} is no plain name: small letters, digits and _ only, so that SQL can use it."
    with pytest.raises(ParameterError, match=f"^{re.escape(told)}$"):
        kpi_days(**{role: name if role == "day" else (name,)})


def test_no_column_is_called_what_the_time_of_booking_is_called():
    told = (
        "A column is called known_at, which is the name of the time that a row was booked. Rename the column."
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(told)}$"):
        kpi_days(numbers=("known_at",), known_at="entered")


def test_ranges_are_of_numbers_that_are_read():
    told = "allowed names 'region', which is not among the numbers. Add it or take it out."
    with pytest.raises(ParameterError, match=f"^{re.escape(told)}$"):
        kpi_days(allowed={"saved": Range(lower=0), "region": Range(lower=0)})


# --- the contract of what SQL returns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "lacking"),
    [
        ("1 AS value, 1 AS n", "month"),
        ("'2024-01' AS month, 1 AS n", "value"),
        ("'2024-01' AS month, 1 AS value", "n"),
        ("'2024-01' AS month", "value, n"),
        ("1 AS x", "month, value, n"),
        ("'2024-01' AS MONTH, 1 AS value, 1 AS n", "month"),
    ],
)
def test_columns_that_sql_does_not_return_are_named(refused, columns, lacking):
    got = ", ".join(re.findall(r"AS (\w+)", columns))
    assert refused(f"SELECT {columns}").failures == (
        failure("column is missing", f"kpis.saving.{lacking}", allowed=f"month, value and n; got {got}"),
    )


@pytest.mark.parametrize(
    ("month", "shown"),
    [
        ("202401", "202401"),
        ("'January'", "January"),
        ("'2024-13'", "2024-13"),
        ("'2024-01-01'", "2024-01-01"),
        ("NULL", "None"),
        ("CAST(NULL AS DATE)", "NaT"),
        ("[1]", "[1]"),
        ("2024.01e0", "2024.01"),
    ],
)
def test_what_is_no_month_is_refused(refused, month, shown):
    assert refused(f"SELECT {month} AS month, 1 AS value, 1 AS n").failures == (
        failure("is no month", "kpis.saving.month", shown, allowed='a day, or text such as "2025-01"'),
    )


def test_a_month_comes_once(refused):
    sql = "SELECT booked AS month, 1 AS value, 1 AS n FROM kpi_days"
    assert refused(sql).failures == (
        failure("repeated", "kpis.saving.month", "2024-01", "2024-02", allowed="one row a month"),
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'much'", "much"),
        ("''", ""),
        ("true", "True"),
        ("1e0 / 0e0", "inf"),
        ("-1e0 / 0e0", "-inf"),
        ("[1]", "[1]"),
        ("DATE '2024-01-01'", "2024-01-01 00:00:00"),
    ],
)
def test_a_value_is_a_number(refused, value, shown):
    assert refused(f"SELECT '2024-01' AS month, {value} AS value, 1 AS n").failures == (
        failure("is no number", "kpis.saving.value", shown, allowed="a number"),
    )


@pytest.mark.parametrize("value", ["-5", "0", "1.5e0", "CAST(1.25 AS DECIMAL(9, 2))", "CAST(7 AS HUGEINT)"])
def test_a_value_may_be_any_number(read, value):
    (found,) = read(f"SELECT '2024-01' AS month, {value} AS value, 0 AS n")
    number = float(re.search(r"-?[\d.]+", value)[0])
    assert (found.by_month, found.counts) == ({"2024-01": number}, {"2024-01": 0})


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        ("-1", "-1"),
        ("NULL", "None"),
        ("'many'", "many"),
        ("1e0 / 0e0", "inf"),
        ("true", "True"),
        ("2.5e0", "2.5"),
        ("'5'", "5"),
    ],
)
def test_n_is_a_count(refused, n, shown):
    assert refused(f"SELECT '2024-01' AS month, 1 AS value, {n} AS n").failures == (
        failure("is no number", "kpis.saving.n", shown, allowed="a whole number, 0 or more"),
    )


def test_the_failures_of_all_kpis_are_told_at_once_in_one_table(refused):
    error = refused(
        "SELECT '2024-01' AS month, 'much' AS value, -1 AS n UNION ALL SELECT 'May', 'little', 1 "
        "UNION ALL SELECT '2024-01', 'little', 1",
        ONE_A_MONTH.format(value="1", n="1"),
        "SELECT 1 AS value",
    )
    assert str(error) == message(
        "'the SQL of kpis in model.yaml'",
        "  check              column              rows  share  first examples (id: value)  allowed",
        "  -----------------  ------------------  ----  -----  --------------------------  "
        "--------------------------------",
        "  is no month        kpis.saving.month   1            May                         "
        'a day, or text such as "2025-01"',
        "  repeated           kpis.saving.month   1            2024-01                     one row a month",
        "  is no number       kpis.saving.value   3            much; little; little        a number",
        "  is no number       kpis.saving.n       1            -1                          "
        "a whole number, 0 or more",
        "  column is missing  kpis.load.month, n                                           "
        "month, value and n; got value",
        n_checks=5,
    )


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT month, value, n FROM kpi_weeks", "kpi_weeks"),
        ("SELECT month, value, n FROM kpi_days", "month"),
        ("SELECT '2024-01' AS month 1 AS value", "syntax error"),
        ("SELECT '2024-01' AS month, CAST('x' AS INT) AS value, 1 AS n", "'x'"),
        ("SELECTED", "syntax error"),
    ],
)
def test_sql_that_cannot_run_is_refused_with_the_name_of_its_kpi(read, sql, problem):
    told = rf"^KPI 'saving' in model\.yaml holds SQL that cannot be run: .*{problem}.* Correct it and run again\.$"
    with pytest.raises(ParameterError, match=told):
        read(sql)
