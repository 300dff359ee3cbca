"""Small request logs for the tests, beside the toy scoring log: a sound one, and how to read it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from afterlaunch.engine import Source
from afterlaunch.request_log import RequestColumns, RequestSetup, ServiceLevel

TIME_LIMIT_MS = 10_000.0
THRESHOLD_MS = 1_000.0


def toy_requests(
    n: int = 500, *, start: str = "2024-01-01", n_days: int = 120, seed: int = 11
) -> pd.DataFrame:
    """Return a sound log: answers of half a second, some slow ones, time-outs and errors.

    Every tenth request is clicked again within ten seconds, and every twenty-fifth is sent again by the network. A
    hundredth of the rows is of another environment. Who waited less than the answer took has not seen it.
    """
    random = np.random.default_rng(seed)
    at = pd.Timestamp(start) + pd.to_timedelta(np.sort(random.integers(0, n_days * 86_400_000, n)), unit="ms")
    took = np.round(random.lognormal(6.2, 0.6, n), 3)
    waited = np.round(np.minimum(took, random.lognormal(8.5, 0.9, n)), 1)
    ended = random.choice(["ok", "timeout", "error"], n, p=[0.95, 0.03, 0.02])
    log = pd.DataFrame(
        {
            "request": [f"r{place:05d}" for place in range(n)],
            "at": at.astype("datetime64[us]"),
            "took": np.where(ended == "timeout", np.nan, took),
            "ended": ended,
            "page": random.choice(["/score", "/explain"], n, p=[0.8, 0.2]),
            "clerk": random.choice(["ann", "bob", "it's me"], n),
            "claim": random.integers(0, 600, n),
            "answer": random.integers(0, 2, n),
            "version": np.where(at >= pd.Timestamp("2024-04-01"), "v2", "v1"),
            "place": np.where(random.random(n) < 0.99, "production", "staging"),
            "watched": waited,
            "seen": (waited >= np.round(took, 1)) & (ended == "ok"),
            "fetch": np.round(0.5 * took, 3),
            "model": np.round(0.3 * took, 3),
            "host": random.choice(["h1", "h2", "<b>h3</b>"], n),
            "document": np.where(random.random(n) < 0.1, None, random.choice(["pdf", "scan"], n)),
        }
    )
    return pd.concat([log, _clicked_again(log.iloc[::10]), _sent_again(log.iloc[::25])], ignore_index=True)


def _clicked_again(log: pd.DataFrame) -> pd.DataFrame:
    """Return a second click by the same person on the same case four seconds later, with a later version's answer."""
    return log.assign(
        request=log["request"] + "-again",
        at=log["at"] + pd.Timedelta(seconds=4),
        answer=np.arange(len(log)) % 2,
        version=np.where(np.arange(len(log)) % 4 == 0, "v2", log["version"]),
    )


def _sent_again(log: pd.DataFrame) -> pd.DataFrame:
    """Return the same request a second later: a transport retry has the id of its click."""
    return log.assign(at=log["at"] + pd.Timedelta(seconds=1))


def write_requests(folder, log: pd.DataFrame) -> RequestSetup:
    """Write a request log as a Parquet file and return how to read it."""
    log.to_parquet(folder / "requests.parquet", index=False)
    return request_setup()


ALL_COLUMNS = RequestColumns(
    id="request",
    arrived_at="at",
    latency="took",
    status="ended",
    endpoint="page",
    user="clerk",
    case="claim",
    decision="answer",
    model_version="version",
    environment="place",
    waited="watched",
    was_shown="seen",
    stages=("fetch", "model"),
    attributes=("host", "document"),
)
FEW_COLUMNS = RequestColumns(id="request", arrived_at="at", latency="took")


def request_setup(**changed) -> RequestSetup:
    """Return the roles of the toy request log's columns."""
    given = {
        "source": Source(path="requests.parquet"),
        "columns": ALL_COLUMNS,
        "slo": ServiceLevel(threshold_ms=THRESHOLD_MS, share=0.95),
        "time_limit_ms": TIME_LIMIT_MS,
        "environment": "production",
    }
    return RequestSetup(**(given | changed))
