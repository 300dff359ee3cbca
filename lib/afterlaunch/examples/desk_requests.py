"""The requests of the simulated desk: who clicks when, how long the answer takes, who clicks again and who leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from afterlaunch.examples.desk_claims import HOUR_US, Columns, Floats, Size
from afterlaunch.examples.desk_events import Plan

TIME_LIMIT_MS: Final = 10_000.0
TARGET_MS: Final = 1_000.0
HOSTS: Final = ("scorer-05", "scorer-06", "scorer-07", "scorer-08")
SLOW_HOST: Final = "scorer-07"
N_REVIEWERS: Final = 60
MICROCOPY_FROM: Final = np.datetime64("2025-11-03")
STAGES: Final = ("queue", "feature_fetch", "model", "network", "render")
REPEAT_WITHIN_MS: Final = 10_000.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What one endpoint is asked for: how often for each claim, and how its stages compare with the triage's."""

    per_claim: float
    feature_fetch: float
    model: float


# Nearly every request is for the triage.
ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "triage": Endpoint(per_claim=1.0, feature_fetch=1.0, model=1.0),
    "document": Endpoint(per_claim=0.22, feature_fetch=1.25, model=1.7),
    "similar": Endpoint(per_claim=0.08, feature_fetch=1.5, model=1.2),
}
# Median milliseconds of a triage in production, and how much single requests spread around it (log scale).
_MEDIANS_MS: Final = {"queue": 18.0, "feature_fetch": 130.0, "model": 70.0, "network": 45.0, "render": 75.0}
_SPREADS: Final = {"queue": 0.9, "feature_fetch": 0.44, "model": 0.3, "network": 0.45, "render": 0.35}
_STAGING_MEDIANS_MS: Final = {
    "queue": 1.0,
    "feature_fetch": 50.0,
    "model": 65.0,
    "network": 6.0,
    "render": 70.0,
}
# Load by hour of the day, as a share of what the service can take.
_LOAD: Final = {
    7: 0.3,
    8: 0.5,
    9: 0.72,
    10: 0.68,
    11: 0.55,
    12: 0.4,
    13: 0.5,
    14: 0.6,
    15: 0.55,
    16: 0.45,
    17: 0.3,
    18: 0.2,
}
N_STAGING_A_DAY: Final = 60


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What the versions would answer for each claim, and whose answer the log holds."""

    scores: Mapping[str, Floats]
    thresholds: Mapping[str, float]
    logged: npt.NDArray[Any]

    def decision(self, version: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return a version's decision on some claims."""
        return (self.scores[version][rows] >= self.thresholds[version]).astype(np.int64)

    def nearness(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Return 1 for claims at the threshold of the logged version, falling to 0 away from it (log-odds)."""
        score = np.select(
            [self.logged[rows] == name for name in self.scores], [s[rows] for s in self.scores.values()]
        )
        cut = np.select([self.logged[rows] == name for name in self.scores], list(self.thresholds.values()))
        distance = np.abs(_logit(score) - _logit(cut))
        return np.exp(-((distance / 0.5) ** 2))


def _logit(share: Floats) -> Floats:
    inside = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def draw_requests(claims: Columns, answers: Answers, plan: Plan, size: Size, place: int) -> Columns:
    """Draw the production requests for some claims of one month, with repeats and retries, sorted by time."""
    random = size.generator(2, place)
    first = _first_clicks(random, claims)
    _answer(random, first, claims, answers, plan)
    _wait(random, first, plan)
    again = _second_clicks(random, first, answers, plan)
    _answer(random, again, claims, answers, plan, is_repeat=True)
    _wait(random, again, plan)
    clicks = {name: np.concatenate([first[name], again[name]]) for name in first}
    clicks = _with_retries(random, clicks)
    order = np.argsort(clicks["arrived_at"], kind="stable")
    return {name: values[order] for name, values in clicks.items()}


def _first_clicks(random: np.random.Generator, claims: Columns) -> Columns:
    n = len(claims["scored_at"])
    parts = []
    for endpoint, asked in ENDPOINTS.items():
        rows = np.arange(n) if asked.per_claim >= 1 else np.flatnonzero(random.random(n) < asked.per_claim)
        # The triage comes first; whoever asks for more does so within the next minutes.
        later = 0 if asked.per_claim >= 1 else random.integers(20_000_000, 400_000_000, len(rows))
        parts.append(
            {
                "claim": rows,
                "arrived_at": claims["scored_at"][rows] + later,
                "endpoint": np.full(len(rows), endpoint),
            }
        )
    clicks: Columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    reviewer = random.integers(0, N_REVIEWERS, n)
    clicks["user"] = reviewer[clicks["claim"]]
    clicks["is_logged"] = clicks["endpoint"] == "triage"
    return clicks


def _answer(
    random: np.random.Generator,
    clicks: Columns,
    claims: Columns,
    answers: Answers,
    plan: Plan,
    *,
    is_repeat: bool = False,
) -> None:
    """Add who answers, what is answered and how long each stage takes."""
    n, rows = len(clicks["claim"]), clicks["claim"]
    clicks["host"] = random.choice(np.array(HOSTS), n)
    clicks["model_version"] = np.where(
        clicks["is_logged"], answers.logged[rows], _any_version(random, clicks, answers, plan)
    )
    versions = list(answers.scores)
    is_by = [clicks["model_version"] == name for name in versions]
    clicks["score"] = np.select(is_by, [answers.scores[name][rows] for name in versions])
    clicks["decision"] = np.select(is_by, [answers.decision(name, rows) for name in versions])
    if is_repeat:
        # Now and then a document arrived in between, and the answer is another one.
        other = random.random(n) < 0.02
        clicks["score"] = np.where(other, np.round(1 - clicks["score"], 6), clicks["score"])
        clicks["decision"] = np.where(other, 1 - clicks["decision"], clicks["decision"])
    _take_time(random, clicks, claims, plan)


def _any_version(
    random: np.random.Generator, clicks: Columns, answers: Answers, plan: Plan
) -> npt.NDArray[Any]:
    """Draw the version of each request: mixed while a rollout does not hold on to the first one."""
    logged = answers.logged[clicks["claim"]]
    month = _month(clicks)
    if not plan.has("mixed_versions", month):
        return logged
    return np.where(random.random(len(logged)) < MIXED_SHARE, "v2", "v1")


MIXED_SHARE: Final = 0.4


def _month(clicks: Columns) -> str:
    at = clicks["arrived_at"]
    return str(at[:1].astype("datetime64[us]").astype("datetime64[M]")[0]) if len(at) else ""


def _take_time(random: np.random.Generator, clicks: Columns, claims: Columns, plan: Plan) -> None:
    n, month = len(clicks["claim"]), _month(clicks)
    day, hour = clicks["arrived_at"] // (24 * HOUR_US), clicks["arrived_at"] // HOUR_US % 24
    is_monday = (day + 3) % 7 == 0
    load = np.select([hour == h for h in _LOAD], list(_LOAD.values()), 0.2) * np.where(is_monday, 1.08, 1.0)
    pace = _pace_of_the_day(random, day) * _pace_of_the_hour(random, clicks["arrived_at"] // HOUR_US)
    is_edge = claims["document_type"][clicks["claim"]] == "complex"
    stages = {name: _MEDIANS_MS[name] * np.exp(random.normal(0, _SPREADS[name], n)) * pace for name in STAGES}
    stages["queue"] *= load / (1 - load)
    stages["feature_fetch"] *= (
        _by_endpoint(clicks, "feature_fetch") * (1 + 0.5 * load) * np.where(is_edge, 1.25, 1.0)
    )
    stages["model"] *= _by_endpoint(clicks, "model") * np.where(clicks["model_version"] == "v2", 0.8, 1.0)
    if plan.has("monday_rush", month):
        is_rush = is_monday & np.isin(hour, (9, 10)) & (clicks["host"] == SLOW_HOST)
        stages["feature_fetch"] = np.where(
            is_rush, 2_000 * np.exp(random.normal(0, 0.15, n)), stages["feature_fetch"]
        )
    for name in STAGES:
        clicks[f"{name}_ms"] = np.round(stages[name], 1)
    unexplained = 4 * np.exp(random.normal(0, 0.5, n))
    latency = np.round(sum(stages.values()) + unexplained, 1)
    share = np.full(n, 0.0012)
    if plan.has("time_outs", month):
        share = np.where(clicks["endpoint"] == "document", 0.33, share)
    is_out = (random.random(n) < share) | (latency > TIME_LIMIT_MS)
    clicks["status"] = np.where(is_out, "timeout", "ok")
    clicks["latency_ms"] = np.where(is_out, np.nan, latency)
    for name in STAGES:
        clicks[f"{name}_ms"] = np.where(is_out, np.nan, clicks[f"{name}_ms"])
    clicks["first_feedback_ms"] = np.round(120 * np.exp(random.normal(0, 0.3, n)), 1)


def _by_endpoint(clicks: Columns, stage: str) -> Floats:
    factors = [getattr(endpoint, stage) for endpoint in ENDPOINTS.values()]
    return np.asarray(np.select([clicks["endpoint"] == name for name in ENDPOINTS], factors, 1.0))


def _pace_of_the_day(random: np.random.Generator, day: npt.NDArray[np.int64]) -> Floats:
    return _shared(random, day, 0.03)


def _pace_of_the_hour(random: np.random.Generator, hour: npt.NDArray[np.int64]) -> Floats:
    return _shared(random, hour, 0.04)


def _shared(random: np.random.Generator, group: npt.NDArray[np.int64], spread: float) -> Floats:
    """Return a factor that all requests of a day (or an hour) share."""
    _, place = np.unique(group, return_inverse=True)
    return np.asarray(np.exp(random.normal(0, spread, int(place.max(initial=-1)) + 1))[place])


def _wait(random: np.random.Generator, clicks: Columns, plan: Plan) -> None:
    """Add how long people looked at the screen, and whether they saw the answer."""
    n = len(clicks["claim"])
    has_copy = _has_microcopy(clicks, plan)
    # Nobody leaves at once; without an answer 4 % would by 1 s, a quarter by 3 s.
    patience_ms = 6_000 * random.weibull(1.8, n) * np.where(has_copy, 1.7, 1.0)
    total = np.where(np.isnan(clicks["latency_ms"]), TIME_LIMIT_MS, clicks["latency_ms"])
    is_shown = (patience_ms >= total) & (clicks["status"] == "ok")
    clicks["was_shown"] = is_shown.astype(np.int64)
    clicks["waited_ms"] = np.round(np.minimum(patience_ms, total), 1)
    clicks["first_feedback_ms"] = np.minimum(clicks["first_feedback_ms"], clicks["waited_ms"])


def _has_microcopy(clicks: Columns, plan: Plan) -> npt.NDArray[np.bool_]:
    if "microcopy" not in plan.names:
        return np.zeros(len(clicks["claim"]), dtype=bool)
    since = int(MICROCOPY_FROM.astype("datetime64[us]").astype(np.int64))
    return np.asarray(clicks["arrived_at"] >= since)


def _second_clicks(random: np.random.Generator, first: Columns, answers: Answers, plan: Plan) -> Columns:
    """Draw who clicks again: the longer the wait, the likelier, and out of doubt near the threshold."""
    total_s = np.where(np.isnan(first["latency_ms"]), TIME_LIMIT_MS, first["latency_ms"]) / 1000
    impatience = 0.45 / (1 + np.exp(-(total_s - 1.9) / 0.25))
    share = (0.002 + impatience) * np.where(_has_microcopy(first, plan), 0.33, 1.0)
    share = share + 0.02 * answers.nearness(first["claim"]) * np.where(_has_microcopy(first, plan), 0.33, 1.0)
    rows = np.flatnonzero(random.random(len(share)) < share)
    again: Columns = {name: first[name][rows] for name in ("claim", "endpoint", "user")}
    waited_ms = np.minimum(total_s[rows] * 1000, 6_000)
    gap_ms = np.minimum(
        waited_ms * random.uniform(0.5, 1.0, len(rows)) + random.exponential(900, len(rows)), 9_500
    )
    again["arrived_at"] = first["arrived_at"][rows] + (1000 * np.maximum(gap_ms, 300)).astype(np.int64)
    again["is_logged"] = np.zeros(len(rows), dtype=bool)
    return again


def _with_retries(random: np.random.Generator, clicks: Columns) -> Columns:
    """Give each click an id of its own, and send some of them twice: the network's doing, not a person's."""
    n = len(clicks["claim"])
    clicks["click"] = np.arange(n)
    share = np.where(clicks["status"] == "timeout", 0.15, 0.004)
    rows = np.flatnonzero(random.random(n) < share)
    retries = {name: values[rows] for name, values in clicks.items()}
    retries["arrived_at"] = retries["arrived_at"] + random.integers(200_000, 2_500_000, len(rows))
    retries["is_logged"] = np.zeros(len(rows), dtype=bool)
    return {name: np.concatenate([clicks[name], retries[name]]) for name in clicks}


def draw_staging(days: npt.NDArray[np.datetime64], size: Size, place: int) -> Columns:
    """Draw the requests of the staging environment: few, from testers, with nobody else on the machines."""
    random = size.generator(3, place)
    n = N_STAGING_A_DAY * len(days)
    day = np.repeat(days.astype("datetime64[us]").astype(np.int64), N_STAGING_A_DAY)
    at = np.sort(day + random.integers(8 * HOUR_US, 18 * HOUR_US, n))
    endpoint = random.choice(np.array(list(ENDPOINTS)), n)
    drawn: Columns = {"arrived_at": at, "endpoint": endpoint}
    total = np.zeros(n)
    for name in STAGES:
        stage = _STAGING_MEDIANS_MS[name] * np.exp(random.normal(0, 0.2, n))
        drawn[f"{name}_ms"] = np.round(stage, 1)
        total += stage
    drawn["latency_ms"] = np.round(total + 2, 1)
    return drawn
