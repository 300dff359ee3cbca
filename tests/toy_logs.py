"""Small scoring logs for the tests: a sound one, and ways to spoil it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from afterlaunch.engine import Source
from afterlaunch.model_version import ModelVersion
from afterlaunch.scoring_log import Columns, LogSetup, OutcomeTable

VERSIONS = {
    "v1": ModelVersion(
        name="v1", threshold=0.5, trained_from=dt.date(2024, 1, 1), trained_until=dt.date(2024, 1, 31)
    ),
    "v2": ModelVersion(
        name="v2", threshold=0.6, trained_from=dt.date(2024, 2, 1), trained_until=dt.date(2024, 2, 29)
    ),
}


def toy_log(n: int = 600, *, start: str = "2024-01-01", n_days: int = 120, seed: int = 7) -> pd.DataFrame:
    """Return a sound log: scores that mean something, v1 until the end of March and v2 from April on."""
    random = np.random.default_rng(seed)
    day = np.sort(random.integers(0, n_days, n))
    scored_at = pd.Timestamp(start) + pd.to_timedelta(day * 24 * 60 + random.integers(0, 24 * 60, n), unit="min")
    score = np.round(random.beta(2, 5, n), 6)
    version = np.where(scored_at >= pd.Timestamp("2024-04-01"), "v2", "v1")
    threshold = np.where(version == "v2", 0.6, 0.5)
    amount = random.gamma(2, 100, n)
    amount[::17] = np.nan
    return pd.DataFrame(
        {
            "claim": np.arange(n),
            "at": scored_at.astype("datetime64[us]"),
            "risk": score,
            "alert": score >= threshold,
            "version": version,
            "amount": amount,
            "region": random.choice(["north", "south", "<script>alert(1)</script>"], n),
            "outcome": (random.random(n) < score).astype("int64"),
            "known_at": (scored_at + pd.Timedelta(days=2)).astype("datetime64[us]"),
        }
    )


def write_toy(folder, log: pd.DataFrame) -> LogSetup:
    """Write a log and its outcomes as Parquet files and return how to read them."""
    log.drop(columns=["outcome", "known_at"]).to_parquet(folder / "log.parquet", index=False)
    log[["claim", "outcome", "known_at"]].to_parquet(folder / "outcomes.parquet", index=False)
    return toy_setup()


def toy_setup(**changed) -> LogSetup:
    """Return the roles of the toy log's columns."""
    given = {
        "source": Source(path="log.parquet"),
        "columns": Columns(
            id="claim",
            scored_at="at",
            score="risk",
            decision="alert",
            model_version="version",
            features=("amount", "region"),
            segments=("region",),
        ),
        "versions": VERSIONS,
        "outcomes": OutcomeTable(
            source=Source(path="outcomes.parquet"), id="claim", outcome="outcome", outcome_at="known_at"
        ),
        "outcome_delay_days": 2,
    }
    return LogSetup(**(given | changed))
