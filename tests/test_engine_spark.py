"""The same SQL text on Spark: every count and sum of a report is what DuckDB gives. Skipped without pyspark."""

import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed (pip install 'afterlaunch[spark]')")

from afterlaunch.contract import ContractError
from afterlaunch.engine import DuckDB, Spark
from afterlaunch.health_measures import Resampling
from afterlaunch.monthly_health import monthly_health
from afterlaunch.records import to_plain
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.windows import Window
from test_monthly_health import LABELS, MONEY, POLICY, V1
from toy_logs import World, toy_log, toy_setup, write_toy


@pytest.fixture(scope="module")
def spark():
    engine = Spark()
    yield engine
    engine.close()


def test_a_report_on_spark_equals_the_report_on_duckdb(spark, tmp_path):
    write_toy(tmp_path, World(seed=3, n_months=5, n_per_day=30).log())
    duckdb = DuckDB()
    reports = []
    for engine in (duckdb, spark):
        log = ScoringLog.validated(toy_setup(versions={"v1": V1}), engine=engine, root=tmp_path)
        reports.append(
            monthly_health(
                log,
                window=Window.parse("2023-05"),
                money=MONEY,
                policy=POLICY,
                labels=LABELS,
                resampling=Resampling(n_resamples=200),
            )
        )
    duckdb.close()
    assert to_plain(reports[0]) == to_plain(reports[1])


def test_the_contract_on_spark_tells_the_failures_that_duckdb_tells(spark, tmp_path):
    toy = toy_log()
    toy.loc[[3, 5], "risk"] = [1.5, float("nan")]
    toy.loc[9, "claim"] = 8
    write_toy(tmp_path, toy)
    duckdb = DuckDB()
    told = []
    for engine in (duckdb, spark):
        with pytest.raises(ContractError) as refused:
            ScoringLog.validated(toy_setup(), engine=engine, root=tmp_path)
        told.append(str(refused.value))
    duckdb.close()
    assert told[0] == told[1]
