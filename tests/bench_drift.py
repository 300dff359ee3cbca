"""What the drift report of two months costs, against a process that only scans the same columns in the same run.

Run with ``make bench``; ``ROWS=50`` adds a log of 50 million rows (130 MB of disk a million), ``PEERS=1`` the same
work done by Evidently in an environment of its own. The log is made up: 20 number inputs, half of them with missing
values, 8 text inputs, and scores that follow some of them. Every figure is that of a whole process, imports and
all: processor seconds, the least of several runs by turns, and its most memory.
"""

# Only what every process needs stands here: the floor pays for nothing that is ours.
from __future__ import annotations

import json
import resource
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from afterlaunch.engine import DuckDB
    from afterlaunch.scoring_log import LogSetup, ScoringLog

NUMBERS = tuple(f"number_{i:02d}" for i in range(20))
TEXTS = tuple(f"text_{i}" for i in range(8))
N_TEXTS = (3, 5, 8, 12, 20, 40, 100, 300)
MONTHS = ("2024-01", "2024-02")
THREADS = 2
MILLION = 1_000_000
FLOOR, OURS, KEPT = "scan of the columns", "drift report", "with the reference kept"
CHECKED = "with the contract checked"
MOST_TIMES_THE_FLOOR = {OURS: 2.0, KEPT: 1.2}
MOST_TIMES_THE_SCAN = 3.0
# By rows a month, where something is promised.
MOST_MEMORY_GB = {1: 0.6, 10: 1.0}
PEER_PACKAGES = ("evidently==0.7.*", "pandas<3", "pyarrow")
PEER_WORK = """
import resource, sys, time
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

columns = sys.argv[2].split()
reference, current = (pd.read_parquet(f"{sys.argv[1]}/log/{month}.parquet", columns=columns) for month in sys.argv[3:])
Report([DataDriftPreset()]).run(current, reference).save_html(f"{sys.argv[1]}/evidently.html")
print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    import tempfile
    from pathlib import Path

    given = parsed_options()
    if given.once:
        sys.stdout.write(json.dumps(run_here(given.once, given.folder, given.rows_a_month)) + "\n")
        return
    costs = {}
    for millions in given.millions:
        with tempfile.TemporaryDirectory(prefix="afterlaunch-bench-") as folder:
            root, n = Path(folder), millions * MILLION // 2
            run_apart("write", root, n)
            found = measured(root, n)
            say_result(n, found)
            costs[n] = found[OURS]["process_s"] / n
            if millions == min(given.millions):
                compare_with_peer(root, found[OURS], is_asked=given.peers)
    say_growth(costs)


def parsed_options() -> argparse.Namespace:
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--millions", type=int, nargs="+", default=[2, 20], help="rows of both months, in millions"
    )
    parser.add_argument(
        "--peers", action="store_true", help="compare with Evidently, in an environment of its own"
    )
    parser.add_argument("--once", choices=tuple(WORK), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows-a-month", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(root: Path, n: int) -> dict[str, dict[str, float]]:
    """Run every piece of work by turns; of each keep the run of the least processor seconds."""
    run_apart("keep", root, n)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in (FLOOR, OURS, KEPT, CHECKED)}
    for _ in range(5 if n <= MILLION else 2 if n <= 10 * MILLION else 1):
        for name, found in runs.items():
            found.append(run_apart(name, root, n))
    return {name: min(found, key=lambda run: run["process_s"]) for name, found in runs.items()}


def run_apart(name: str, root: Path, n: int) -> dict[str, float]:
    """Do a piece of work in a process of its own."""
    import os
    import subprocess

    command = [sys.executable, __file__, "--once", name, "--folder", str(root), "--rows-a-month", str(n)]
    # Only a first run compiles the library's modules, unless Python may not keep them.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(root / "compiled")
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    return json.loads(done.stdout)


def run_here(name: str, root: Path, n: int) -> dict[str, float]:
    query_s = WORK[name](root, n)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "linux" else 1 / 1024
    )
    return {"process_s": time.process_time(), "query_s": query_s, "memory_gb": peak_kb * 1024 / 1e9}


def scan(root: Path, n: int) -> float:
    """Read the 29 columns of both months, and do nothing with them."""
    import duckdb

    columns = [f"max({name})" for name in (*NUMBERS, "score")] + [f"max(strlen({name}))" for name in TEXTS]
    engine = duckdb.connect(config={"threads": THREADS})
    start = time.process_time()
    engine.sql(f"SELECT {', '.join(columns)} FROM read_parquet('{root}/log/*.parquet')").fetchall()
    return time.process_time() - start


def report(root: Path, n: int) -> float:
    """Make the report without asking whether the log keeps the contract, which every analysis asks."""
    return report_on(unchecked_log(root, n), root)


def checked_report(root: Path, n: int) -> float:
    from afterlaunch.scoring_log import ScoringLog

    return report_on(ScoringLog.validated(setup(), engine=timed_engine(), root=root), root)


def report_with_kept_reference(root: Path, n: int) -> float:
    return report_on(unchecked_log(root, n), root, kept=root / "kept")


def report_on(log: ScoringLog, root: Path, kept: Path | None = None) -> float:
    from afterlaunch.drift import drift
    from afterlaunch.drift_evidence import evidence_of
    from afterlaunch.drift_policy import DriftPolicy
    from afterlaunch.health_measures import Resampling
    from afterlaunch.health_report import Labels
    from afterlaunch.profile_store import ProfileStore
    from afterlaunch.windows import Window

    profiles = ProfileStore(root=root, folder=kept).profiles(log, tuple(map(Window.parse, MONTHS)))
    if kept is not None:  # the next run finds the reference alone again
        (kept / f"{MONTHS[1]}.npz").unlink()
    made = drift(
        evidence_of(log, None, profiles),
        policy=DriftPolicy(),
        labels=Labels(model="bench", title="Bench"),
        resampling=Resampling(),
    )
    assert made.n_rows + made.n_reference == log.n_rows
    return sum(log.engine.seconds)


def keep_reference(root: Path, n: int) -> float:
    from afterlaunch.profile_store import ProfileStore
    from afterlaunch.windows import Window

    ProfileStore(root=root, folder=root / "kept").profiles(unchecked_log(root, n), (Window.parse(MONTHS[0]),))
    return 0.0


def timed_engine() -> DuckDB:
    """Return an engine that keeps the processor seconds of the queries behind profiles."""
    from afterlaunch.engine import DuckDB

    class TimedDuckDB(DuckDB):
        def __init__(self) -> None:
            super().__init__(threads=THREADS)
            self.seconds: list[float] = []

        def rows(self, sql: str) -> list[tuple]:
            start = time.process_time()
            found = super().rows(sql)
            self.seconds.append(time.process_time() - start)
            return found

    return TimedDuckDB()


def setup() -> LogSetup:
    import datetime as dt

    from afterlaunch.engine import Source
    from afterlaunch.model_version import ModelVersion
    from afterlaunch.scoring_log import Columns, LogSetup

    columns = Columns(
        id="case_id",
        scored_at="scored_at",
        score="score",
        decision="alert",
        model_version="version",
        features=NUMBERS + TEXTS,
    )
    trained = dt.date(2023, 1, 1)
    v1 = ModelVersion(name="v1", threshold=0.5, trained_from=trained, trained_until=trained)
    return LogSetup(source=Source(path="log"), columns=columns, versions={"v1": v1})


def unchecked_log(root: Path, n: int) -> ScoringLog:
    import datetime as dt

    from afterlaunch.scoring_log import ScoringLog, _log_rows
    from afterlaunch.windows import Window

    made, engine = setup(), timed_engine()
    kinds = engine.read(made.source, "log_arriving", root=root)
    engine.create_view("scored_rows", _log_rows(made, engine, kinds, keep_nan=True))
    reference, current = map(Window.parse, MONTHS)
    return ScoringLog(
        engine=engine,
        setup=made,
        view="scored_rows",
        rows="scored_rows",
        features={name: f"f_{i}" for i, name in enumerate(made.columns.features)},
        feature_kinds={name: kinds[name] for name in made.columns.features},
        as_of=current.end,
        n_rows=2 * n,
        first_on=reference.start,
        last_on=current.end - dt.timedelta(days=1),
        has_outcomes=False,
        id_type="BIGINT",
    )


def write_log(root: Path, n: int) -> float:
    """Write one file a month, in order of time."""
    import pyarrow.parquet as pq

    (root / "log").mkdir()
    for place, month in enumerate(MONTHS):
        parts = (made_rows(place, start, min(MILLION, n - start), n) for start in range(0, n, MILLION))
        first = next(parts)
        path = root / "log" / f"{month}.parquet"
        with pq.ParquetWriter(path, first.schema, compression="zstd") as file:
            file.write_table(first, row_group_size=122_880)
            for part in parts:
                file.write_table(part, row_group_size=122_880)
    return 0.0


def made_rows(place: int, start: int, n: int, n_all: int) -> pa.Table:
    """Make rows of a month; in the second one an input moves, another one goes missing, a text becomes common."""
    import numpy as np
    import pyarrow as pa

    from afterlaunch.windows import Window

    month = Window.parse(MONTHS[place])
    generator = np.random.default_rng([place, start])
    numbers = {name: drawn(i, n, generator) for i, name in enumerate(NUMBERS)}
    numbers[NUMBERS[0]] += 0.3 * place
    codes = {name: text_codes(k, n, generator) for name, k in zip(TEXTS, N_TEXTS, strict=True)}
    codes[TEXTS[2]][: n // 10 * place] = 0
    logit = numbers[NUMBERS[0]] + 0.3 * numbers[NUMBERS[5]] + 0.4 * (codes[TEXTS[2]] == 0) - 1.8
    score = 1 / (1 + np.exp(-logit - generator.normal(0, 0.5, n)))
    length_us = (month.end - month.start).days * 86_400_000_000
    at_us = ((start + np.arange(n)) * (length_us / n_all)).astype(np.int64)
    columns = {"case_id": np.arange(start, start + n) + place * 100 * MILLION}
    columns["scored_at"] = np.datetime64(month.start, "us") + at_us.astype("timedelta64[us]")
    for i, (name, values) in enumerate(numbers.items()):
        share = 0.01 + 0.0161 * i + 0.1 * place * (i == 4) if i % 2 == 0 else 0.0
        columns[name] = pa.array(values, mask=generator.random(n) < share) if share else values
    for name, k in zip(TEXTS, N_TEXTS, strict=True):
        texts = pa.array([f"value_{code}" for code in range(k)])
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes[name]), texts).cast(pa.string())
    columns |= {"score": score, "alert": score >= 0.5, "version": pa.array(["v1"] * n)}
    return pa.table(columns)


def drawn(i: int, n: int, generator: np.random.Generator) -> np.ndarray:
    if i % 5 == 1:
        return generator.lognormal(3, 1, n)
    if i % 5 == 2:
        return generator.gamma(2, 100, n)
    if i % 5 == 3:
        return generator.integers(0, 60, n).astype(float)
    if i % 5 == 4:
        return generator.normal(1013, 8, n).round(1)
    return generator.normal(0, 1, n)


def text_codes(k: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Draw texts whose frequencies fall as 1/rank."""
    import numpy as np

    until = np.cumsum(1 / np.arange(1, k + 1))
    return np.searchsorted(until / until[-1], generator.random(n)).astype(np.int32)


WORK: dict[str, Callable[[Path, int], float]] = {
    "write": write_log,
    "keep": keep_reference,
    FLOOR: scan,
    OURS: report,
    KEPT: report_with_kept_reference,
    CHECKED: checked_report,
}


def compare_with_peer(root: Path, ours: dict[str, float], *, is_asked: bool) -> None:
    """Let Evidently judge the same columns of the same files and save its page, in an environment of its own."""
    import subprocess

    if not is_asked:
        say(
            "Evidently on the same files: ask for it by make bench PEERS=1 (it is installed apart, and removed)"
        )
        return
    python = root / "peer" / "bin" / "python"
    install = ["-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-input", *PEER_PACKAGES]
    subprocess.run([sys.executable, "-m", "venv", str(root / "peer")], check=True)
    subprocess.run([str(python), *install], check=True)
    columns = " ".join((*NUMBERS, *TEXTS, "score"))
    command = [str(python), "-W", "ignore", "-c", PEER_WORK, str(root), columns, *MONTHS]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    process_s, peak_kb = map(float, done.stdout.split()[-2:])
    say(
        f"{'Evidently, its page saved':40}{process_s:8.2f} s{process_s / ours['process_s']:8.2f} times ours"
        f"{peak_kb * 1024 / 1e9:8.2f} GB"
    )


def say_result(n: int, found: dict[str, dict[str, float]]) -> None:
    floor = found[FLOOR]
    say(f"{n:,} + {n:,} rows: processor seconds of the process, times the floor, most memory in GB")
    for name, run in found.items():
        times = run["process_s"] / floor["process_s"]
        allowed = [f"{MOST_TIMES_THE_FLOOR[name]:g} times"] if name in MOST_TIMES_THE_FLOOR else []
        if name == OURS and n // MILLION in MOST_MEMORY_GB:
            allowed.append(f"{MOST_MEMORY_GB[n // MILLION]:g} GB")
        note = f"  (allowed: {', '.join(allowed)})" if allowed else ""
        say(f"{name:40}{run['process_s']:8.2f}{times:8.2f}{run['memory_gb']:8.2f}{note}")
    queries = found[OURS]["query_s"]
    say(f"{'the scan alone':40}{floor['query_s']:8.2f}{1:8.2f}")
    say(
        f"{'the queries of both profiles alone':40}{queries:8.2f}{queries / floor['query_s']:8.2f}"
        f"  (allowed: {MOST_TIMES_THE_SCAN:g} times the scan)"
    )


def say_growth(costs: dict[int, float]) -> None:
    if len(costs) > 1:
        least, *others = costs
        for n in others:
            say(f"a row of {n:,} a month costs {costs[n] / costs[least]:.2f} times one of {least:,}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
