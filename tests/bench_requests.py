"""What millions of requests cost, as ratios to a scan of the same columns by the same engine in the same run.

Run with ``make bench``. The log is made up: request ids as tracers write them, half of the cases asked about more than
once, one click in 250 repeated within seconds. Figures are processor seconds, the least of several runs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np

from afterlaunch.engine import DuckDB, Source
from afterlaunch.health_requests import LATENCY_GRID, _mark_peak, _read_arrivals, exact_quantiles
from afterlaunch.model_version import ModelVersion
from afterlaunch.request_log import RequestColumns, RequestLog, RequestSetup, ServiceLevel
from afterlaunch.response_time import quantile_of_counts
from afterlaunch.scoring_log import Columns, LogSetup, ScoringLog
from afterlaunch.uncertainty import block_interval, block_weights
from afterlaunch.windows import Window

MOST_TIMES_THE_SCAN = 3.0
MOST_MEMORY_GB = 2.0
MOST_BOOTSTRAP_S = 2.0
MONTHS = tuple(Window.parse(f"2024-{month:02d}") for month in range(1, 7))
EVERYTHING = "arrived_at >= TIMESTAMP '2024-01-01' AND arrived_at < TIMESTAMP '2024-07-01'"
# Every third row asks about an earlier row's case, some twenty minutes later; one in 250 is the last click again.
LOG = """
COPY (
    WITH drawn AS (
        SELECT i, hash(i) AS h, hash(i + 1000000007) AS g, 182.0 * 86400e6 * i / {n} AS at_us
        FROM range({first}, {end}) AS r(i)
    ), asked AS (
        SELECT *, CASE WHEN h % 250 = 0 THEN i - 1 WHEN i % 3 = 2 THEN i - 400 ELSE i END AS asked_by,
            h % 250 = 0 AS is_repeat FROM drawn
    )
    SELECT
        lpad(to_hex(h), 16, '0') || lpad(to_hex(g), 16, '0') AS request_id,
        TIMESTAMP '2024-01-01' + to_microseconds(CAST(at_us + CASE WHEN is_repeat THEN 2e6 ELSE 0 END AS BIGINT))
            AS arrived_at,
        CASE WHEN i % 3 = 2 THEN 'document' WHEN h % 12 = 0 THEN 'similar' ELSE 'triage' END AS endpoint,
        CASE WHEN g % 500 = 0 THEN 'timeout' ELSE 'ok' END AS status,
        CASE WHEN g % 500 = 0 THEN NULL ELSE round(300 * exp(0.6 * sqrt(-2 * ln((h % 999983 + 1) / 999984.0))
            * cos(2 * pi() * (g % 999983) / 999983.0)), 1) END AS latency_ms,
        'reviewer-' || CAST(asked_by % 300 AS VARCHAR) AS user_id,
        'C-' || CAST(10000000 + asked_by AS VARCHAR) AS claim_id,
        CAST(h % 10 = 0 AS INT) AS decision,
        CASE WHEN i % 10 = 0 THEN 'v2' ELSE 'v1' END AS model_version
    FROM asked
) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 250000)
"""
SCAN = (
    "SELECT max(strlen(request_id)), max(arrived_at + INTERVAL 1 SECOND), max(strlen(endpoint)), max(strlen(status)), "
    "max(latency_ms + 1), max(strlen(user_id)), max(strlen(claim_id)), max(decision + 1), max(strlen(model_version)) "
    "FROM log_of_requests"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=5_000_000)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="afterlaunch-bench-") as folder:
        root = Path(folder)
        write_log(root / "requests", given.requests)
        before_gb = memory_gb()
        seconds = read(root, given.repetitions)
        say_result(given.requests, seconds, before_gb)
    bootstrap_s = least(bootstrap, given.repetitions)
    say(
        f"day-block bootstrap of p95, 1,000,000 requests: {bootstrap_s:.2f} s (allowed: {MOST_BOOTSTRAP_S:g})"
    )


def write_log(folder: Path, n: int) -> None:
    """Write the log as one file a month, in order of time."""
    folder.mkdir()
    first_day, n_days = MONTHS[0].start, (MONTHS[-1].end - MONTHS[0].start).days
    for month in MONTHS:
        first, end = (n * (day - first_day).days // n_days for day in (month.start, month.end))
        duckdb.sql(LOG.format(n=n, first=first, end=end, path=folder / f"{month.start}.parquet"))


def read(root: Path, repetitions: int) -> dict[str, float]:
    log = opened(root)
    log.engine.create_view(
        "log_of_requests", f"SELECT * FROM read_parquet('{root / 'requests' / '*.parquet'}')"
    )
    work: dict[str, Callable[[], object]] = {
        "scan of the columns": lambda: log.engine.query(SCAN),
        "exact quantiles by endpoint and hour": lambda: exact_quantiles(
            log, EVERYTHING, by=("endpoint", "hour")
        ),
        "peak windows and repeat clicks": lambda: _mark_peak(
            log, MONTHS, [_read_arrivals(log, month)[0] for month in MONTHS]
        ),
    }
    seconds = {name: least(task, repetitions) for name, task in work.items()}
    log.engine.close()
    return seconds


def opened(root: Path) -> RequestLog:
    """Open the log beside a scoring log of one row, which only says how cases are named and when now is."""
    (root / "cases.csv").write_text(
        "claim,at,risk,alert,version\nC-1,2024-07-01 00:00:00,0.5,1,v1\n", encoding="utf-8"
    )
    columns = Columns(id="claim", scored_at="at", score="risk", decision="alert", model_version="version")
    trained = dt.date(2023, 1, 1)
    v1 = ModelVersion(name="v1", threshold=0.5, trained_from=trained, trained_until=trained)
    setup = LogSetup(source=Source(path="cases.csv"), columns=columns, versions={"v1": v1})
    beside = ScoringLog.validated(setup, engine=DuckDB(memory_limit="1500MB", threads=2), root=root)
    roles = RequestColumns(
        id="request_id",
        arrived_at="arrived_at",
        latency="latency_ms",
        status="status",
        endpoint="endpoint",
        user="user_id",
        case="claim_id",
        decision="decision",
        model_version="model_version",
    )
    promise = ServiceLevel(threshold_ms=1000.0, share=0.95)
    requests = RequestSetup(source=Source(path="requests"), columns=roles, slo=promise)
    return RequestLog.validated(requests, beside=beside, root=root)


def bootstrap() -> object:
    """Count a month of a million latencies by day and bucket, and draw its days 1,000 times."""
    generator = np.random.default_rng(0)
    day = np.arange(1_000_000) % 30
    bucket = LATENCY_GRID.index(np.exp(generator.normal(6, 0.6, 1_000_000)))
    by_day = np.bincount(day * LATENCY_GRID.n_buckets + bucket, minlength=30 * LATENCY_GRID.n_buckets)
    counts = by_day.reshape(30, LATENCY_GRID.n_buckets).astype(np.float64)
    draws = block_weights(30, 1000, seed=0).astype(np.float64) @ counts
    estimate = float(quantile_of_counts(counts.sum(axis=0), 0.95, LATENCY_GRID))
    return block_interval(estimate, quantile_of_counts(draws, 0.95, LATENCY_GRID), 30)


def least(task: Callable[[], object], repetitions: int) -> float:
    """Return the least processor seconds of several runs: what a busy machine adds is not the task's."""
    found = []
    for _ in range(repetitions):
        start = time.process_time()
        task()
        found.append(time.process_time() - start)
    return min(found)


def memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1024 if sys.platform == "linux" else 1) / 1e9


def say_result(n: int, seconds: dict[str, float], before_gb: float) -> None:
    floor = seconds["scan of the columns"]
    say(f"{n:,} requests: processor seconds, and times the scan")
    for name, value in seconds.items():
        say(f"{name:40}{value:8.2f}{value / floor:8.2f}")
    together = sum(seconds.values()) - floor
    say(f"{'all together':40}{together:8.2f}{together / floor:8.2f}  (allowed: {MOST_TIMES_THE_SCAN:g})")
    say(f"most memory: {memory_gb():.2f} GB ({before_gb:.2f} before; allowed: {MOST_MEMORY_GB:g})")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
