"""What the simulated desk books every day: money saved, minutes of review, claims paid untouched, complaints upheld."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from afterlaunch.examples.desk_claims import Columns, Floats, Size
from afterlaunch.examples.desk_events import Plan
from afterlaunch.examples.desk_requests import Answers

SAVED_SHARE: Final = 0.6
MOST_SAVED_CHF: Final = 12_000.0
REVIEW_MINUTES: Final = 14.0
COST_PER_MINUTE: Final = 1.2


def draw_days(claims: Columns, answers: Answers, plan: Plan, size: Size, *, place: int) -> Columns:
    """Return one row a day and region."""
    random = size.generator(5, place)
    n = len(claims["scored_at"])
    everything = np.arange(n)
    day = claims["scored_at"].astype("datetime64[us]").astype("datetime64[D]")
    month = str(day[:1].astype("datetime64[M]")[0])
    decision = np.select(
        [answers.logged == name for name in answers.scores],
        [answers.decision(v, everything) for v in answers.scores],
    )
    slower = 1.35 if plan.has("habits", month) else 1.0
    minutes = (
        decision
        * REVIEW_MINUTES
        * np.exp(random.normal(0, 0.4, n))
        * np.where(answers.logged == "v2", slower, 1.0)
    )
    overridden = (decision == 0) & (random.random(n) < 0.015)
    minutes = minutes + overridden * 9.0
    caught = decision * claims["irregular"]
    delayed = decision * (1 - claims["irregular"])
    complaint = random.random(n) < 0.0012 + 0.012 * delayed
    key, place_of = np.unique(
        np.char.add(np.char.add(day.astype("U10"), "|"), claims["region"].astype("U16")), return_inverse=True
    )
    parts = np.char.partition(key, "|")

    def total(values: npt.ArrayLike) -> Floats:
        return np.bincount(place_of, weights=np.asarray(values, dtype=np.float64), minlength=len(key)).astype(
            np.float64
        )

    return {
        "day": parts[:, 0].astype("datetime64[D]"),
        "region": parts[:, 2],
        "n_claims": total(np.ones(n)).astype(np.int64),
        "saved_chf": np.round(
            total(caught * SAVED_SHARE * np.minimum(claims["claim_amount"], MOST_SAVED_CHF)), 2
        ),
        "review_minutes": np.round(total(minutes), 1),
        "n_straight_through": total((decision == 0) & ~overridden).astype(np.int64),
        "n_complaints_upheld": total(complaint).astype(np.int64),
    }
