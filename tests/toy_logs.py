"""Small scoring logs for the tests: a sound one, and ways to spoil it."""

from __future__ import annotations

import dataclasses
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
    scored_at = pd.Timestamp(start) + pd.to_timedelta(
        day * 24 * 60 + random.integers(0, 24 * 60, n), unit="min"
    )
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """A year of a scoring model in which nothing happens but what is planted in the last month.

    ``noise`` is added to the score's log-odds, ``shift`` to the outcome's, ``missing_share`` empties ``amount`` and
    ``kept_share`` thins the rows out, each in the last month only; ``bad_region`` is a region whose outcomes do not
    follow the score there.
    """

    n_months: int = 13
    n_per_day: int = 40
    seed: int = 0
    noise: float = 0.0
    shift: float = 0.0
    missing_share: float = 0.02
    kept_share: float = 1.0
    bad_region: str = ""

    def log(self) -> pd.DataFrame:
        """Return the rows, with their outcomes known after two days."""
        random = np.random.default_rng(self.seed)
        n_days = sum(_days_in_month(2023 + m // 12, m % 12 + 1) for m in range(self.n_months))
        n = self.n_per_day * n_days
        at = pd.Timestamp("2023-01-01") + pd.to_timedelta(
            np.arange(n) * (24 * 3600 // self.n_per_day), unit="s"
        )
        last = at >= pd.Timestamp(2023 + (self.n_months - 1) // 12, (self.n_months - 1) % 12 + 1, 1)
        day_effect = random.normal(0, 0.15, n_days)[np.arange(n) // self.n_per_day]
        logit = random.normal(-1.2, 1.3, n)
        region = random.choice(["north", "south", "east", "west"], n)
        truth = logit + day_effect + np.where(last, self.shift, 0.0)
        truth = np.where(last & (region == self.bad_region), random.permutation(logit), truth)
        seen = logit + np.where(last, random.normal(0, 1, n) * self.noise, 0.0)
        score = np.round(1 / (1 + np.exp(-seen)), 6)
        amount = random.gamma(2, 100, n)
        amount[random.random(n) < np.where(last, self.missing_share, 0.02)] = np.nan
        kept = ~last | (random.random(n) < self.kept_share)
        return pd.DataFrame(
            {
                "claim": np.arange(n),
                "at": at.astype("datetime64[us]"),
                "risk": score,
                "alert": score >= 0.5,
                "version": "v1",
                "amount": amount,
                "region": region,
                "outcome": (random.random(n) < 1 / (1 + np.exp(-truth))).astype("int64"),
                "known_at": (at + pd.Timedelta(days=2)).astype("datetime64[us]"),
            }
        )[kept]


def _days_in_month(year: int, month: int) -> int:
    return pd.Timestamp(year, month, 1).days_in_month
