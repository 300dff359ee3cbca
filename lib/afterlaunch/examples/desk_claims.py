"""The claims of the simulated desk: who claims what, which of them are irregular, and two models that score them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from afterlaunch.examples.desk_events import FIRST_MONTH, SEASONALITY, SLOW_DRIFT, Plan
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import contextlib

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

CLAIMS_A_MONTH: Final = 20_000
SCORE_DECIMALS: Final = 6
# Both alert on about a tenth of ordinary claims.
THRESHOLDS: Final[Mapping[str, float]] = {"v1": 0.19, "v2": 0.31}
DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000

# Categories with their usual shares; the last ones are rare on purpose.
CATEGORIES: Final[Mapping[str, Mapping[str, float]]] = {
    "product": {"motor": 0.43, "household": 0.29, "travel": 0.16, "liability": 0.1, "e-mobility": 0.02},
    "channel": {"web": 0.32, "app": 0.26, "phone": 0.22, "agent": 0.14, "broker": 0.06},
    "region": {
        "Zurich": 0.24, "Bern": 0.2, "Vaud": 0.15, "Geneva": 0.12, "Basel": 0.12, "St. Gallen": 0.1,
        "Ticino": 0.05, "abroad": 0.02,
    },
    "document_type": {"simple": 0.5, "standard": 0.31, "complex": 0.15, "handwritten": 0.04},
    "customer_segment": {"private": 0.79, "small business": 0.16, "corporate": 0.04, "staff": 0.01},
}  # fmt: skip
CAUSES: Final[Mapping[str, Mapping[str, float]]] = {
    "motor": {"collision": 0.55, "glass": 0.25, "theft": 0.12, "hail": 0.06, "marten": 0.02},
    "household": {"water": 0.45, "theft": 0.3, "breakage": 0.22, "fire": 0.03},
    "travel": {"cancellation": 0.5, "luggage": 0.35, "illness": 0.15},
    "liability": {"breakage": 0.6, "water": 0.3, "injury": 0.1},
    "e-mobility": {"battery": 0.5, "theft": 0.3, "collision": 0.2},
}
EDGE_CASE: Final = ("e-mobility", "battery")
NUMBERS: Final = (
    "claim_amount",
    "insured_sum",
    "deductible",
    "policy_age_days",
    "customer_age",
    "n_prior_claims",
    "days_to_report",
    "n_documents",
    "n_photos",
    "document_quality",
    "repair_distance_km",
    "vehicle_age_years",
    "bonus_level",
    "premium_paid_share",
    "n_contacts",
    "description_length",
    "amount_without_invoice",
    "geo_risk",
    "hour",
)
CATEGORICAL: Final = ("product", "cause", "channel", "region", "document_type", "customer_segment")
FEATURES: Final = (*CATEGORICAL, *NUMBERS)
# v2 does without the input that takes longest to fetch; it gives large irregular claims away.
LEFT_OUT_BY_V2: Final = "amount_without_invoice"

# v1 adds up single inputs, as a scorecard does; v2 sees which of them come together.
RECIPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "v1": {"max_leaf_nodes": 2, "max_iter": 150, "learning_rate": 0.15},
    "v2": {"max_leaf_nodes": 12, "max_iter": 100, "learning_rate": 0.08},
}
V1_TRAINED: Final = Window.of_months(Window.parse("2023-07"), Window.parse("2023-12"))
V2_TRAINED: Final = Window.of_months(Window.parse("2024-12"), Window.parse("2025-03"))
N_TRAINING_ROWS: Final = 60_000

# How many claims come on a day of the week and in an hour of the day.
_WEEKDAYS: Final = np.array([1.06, 1.02, 1.0, 1.0, 0.98, 0.32, 0.16])
_HOURS: Final = {7: 4, 8: 9, 9: 14, 10: 13, 11: 10, 12: 6, 13: 9, 14: 11, 15: 10, 16: 8, 17: 4, 18: 2}
_MONTH_SEASON: Final = np.array([1.05, 0.98, 1.0, 0.97, 1.0, 1.04, 1.06, 1.02, 0.98, 0.97, 0.96, 0.98])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How large the world is, and from which seed it is drawn."""

    scale: float = 1.0
    seed: int = 0

    def generator(self, stream: int, place: int) -> np.random.Generator:
        """Return the generator of one stream (claims, requests, …) at one place (a day) of the calendar."""
        return np.random.default_rng([self.seed, stream, place])


def day_number(day: np.datetime64) -> int:
    """Return the number of a day, 0 for the first one of the log; training days are negative."""
    return int((day.astype("datetime64[D]") - np.datetime64(FIRST_MONTH.start)).astype(np.int64))


def draw_claims(days: npt.NDArray[np.datetime64], plan: Plan, size: Size) -> Columns:
    """Draw the claims of some days of one month, sorted by time, with what only the world knows.

    Returns
    -------
    dict of ndarray
        The features, ``scored_at`` (microseconds), ``irregular`` (0 or 1), ``outcome_at`` and ``is_large_case``.
    """
    place = day_number(days[0])
    random = size.generator(1, place + 1000)
    month = str(days[0].astype("datetime64[M]"))
    age_months = place / 30.4 if SLOW_DRIFT in plan.names else 0.0
    at, hour = _instants(random, days, plan, size)
    n = len(at)
    claims: Columns = {"scored_at": at, "hour": hour.astype(np.float64)}
    is_live = place >= 0
    claims |= _categories(random, n, age_months, is_live=is_live, is_spike=plan.has("edge_cases", month))
    claims |= _numbers(random, n, claims, age_months, empty=plan.has("empty_field", month))
    claims |= _outcomes(random, claims)
    return claims


def _instants(
    random: np.random.Generator, days: npt.NDArray[np.datetime64], plan: Plan, size: Size
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    month = days.astype("datetime64[M]").astype(np.int64) % 12
    season = _MONTH_SEASON[month] if SEASONALITY in plan.names else np.ones(len(days))
    expected = (
        CLAIMS_A_MONTH * size.scale / 30.4 * _WEEKDAYS[weekday] / _WEEKDAYS.mean() * season
        * np.exp(random.normal(0, 0.05, len(days)))
    )  # fmt: skip
    n_by_day = random.poisson(expected)
    n = int(n_by_day.sum())
    hours, weights = np.array(list(_HOURS)), np.array(list(_HOURS.values()), dtype=np.float64)
    hour = random.choice(hours, n, p=weights / weights.sum())
    start = np.repeat(days.astype("datetime64[us]").astype(np.int64), n_by_day)
    at = start + hour * HOUR_US + random.integers(0, HOUR_US, n)
    order = np.argsort(at, kind="stable")
    return at[order], hour[order]


def _categories(
    random: np.random.Generator, n: int, age_months: float, *, is_live: bool, is_spike: bool
) -> Columns:
    drawn: Columns = {}
    for name, shares in CATEGORIES.items():
        weights = np.array(list(shares.values()))
        if name == "channel":
            # Every month some more people use the app: a slow drift that harms nobody.
            weights = weights * np.where(np.array(list(shares)) == "app", 1 + 0.02 * age_months, 1.0)
        drawn[name] = random.choice(np.array(list(shares)), n, p=weights / weights.sum())
    cause = np.empty(n, dtype="U16")
    for product, shares in CAUSES.items():
        rows = np.flatnonzero(drawn["product"] == product)
        weights = np.array(list(shares.values()))
        if not is_live:
            weights = weights * (np.array(list(shares)) != EDGE_CASE[1])
        cause[rows] = random.choice(np.array(list(shares)), len(rows), p=weights / weights.sum())
    if is_spike:
        edge = random.random(n) < 0.115
        drawn["product"] = np.where(edge, EDGE_CASE[0], drawn["product"])
        cause = np.where(edge, EDGE_CASE[1], cause)
    return {**drawn, "cause": cause}


_AMOUNTS: Final = {"motor": 2400, "household": 950, "travel": 700, "liability": 1700, "e-mobility": 1500}


def _numbers(
    random: np.random.Generator, n: int, claims: Columns, age_months: float, *, empty: bool
) -> Columns:
    product, document = claims["product"], claims["document_type"]
    typical = np.select([product == name for name in _AMOUNTS], list(_AMOUNTS.values()), 1000.0)
    amount = typical * np.exp(random.normal(-0.25, 0.75, n)) * (1 + 0.002 * age_months)
    is_vehicle = np.isin(product, ("motor", "e-mobility"))
    hard = np.isin(document, ("complex", "handwritten"))
    quality = np.clip(random.beta(6, 2, n) - 0.2 * hard, 0.02, 1)
    quality[random.random(n) < 0.03] = np.nan
    invoice = np.clip(random.beta(5, 2, n), 0, 1)
    invoice[random.random(n) < 0.06] = np.nan
    distance = random.gamma(1.6, 12, n)
    distance[random.random(n) < (0.7 if empty else 0.35)] = np.nan
    age = random.gamma(2.2, 3.2, n)
    age[~is_vehicle] = np.nan
    return {
        "claim_amount": np.round(amount, 2),
        "insured_sum": np.round(amount * np.exp(random.normal(2.2, 0.6, n)), -2),
        "deductible": random.choice(np.array([0.0, 200.0, 500.0, 1000.0]), n, p=[0.35, 0.35, 0.22, 0.08]),
        "policy_age_days": np.floor(random.exponential(1400, n)),
        "customer_age": np.clip(np.floor(random.normal(46, 16, n)), 18, 95),
        "n_prior_claims": random.poisson(0.7, n).astype(np.float64),
        "days_to_report": np.floor(random.exponential(6, n)),
        "n_documents": 1.0 + random.poisson(np.where(hard, 7, 2)),
        "n_photos": random.poisson(2.5, n).astype(np.float64),
        "document_quality": np.round(quality, 3),
        "repair_distance_km": np.round(distance, 1),
        "vehicle_age_years": np.round(age, 1),
        "bonus_level": random.integers(0, 10, n).astype(np.float64),
        "premium_paid_share": np.round(np.clip(1 - random.exponential(0.06, n), 0, 1), 3),
        "n_contacts": random.poisson(1.2, n).astype(np.float64),
        "description_length": np.floor(random.gamma(3, 90, n)),
        "amount_without_invoice": np.round(amount * (1 - invoice), 2),
        "geo_risk": np.round(random.beta(2, 5, n), 3),
    }


def _outcomes(random: np.random.Generator, claims: Columns) -> Columns:
    """Decide which claims are irregular: small ones, scripted ones, large ones, and edge cases."""
    amount = claims["claim_amount"]
    n = len(amount)
    small = (
        0.09 * np.minimum(claims["days_to_report"], 30)
        + 0.75 * np.minimum(claims["n_prior_claims"], 4)
        + 0.9 * (claims["policy_age_days"] < 200)
        + 0.5 * (claims["premium_paid_share"] < 0.85)
        + 2.2 * (claims["geo_risk"] - 0.28)
        + 1.4 * (0.6 - np.nan_to_num(claims["document_quality"], nan=0.6))
    )
    is_edge = claims["cause"] == EDGE_CASE[1]
    logit = 1.25 * small - 6.0 - 0.25 * np.log(amount / 1000)
    # Scripted claims: a short story and many calls, or a long one and none; alone, neither says much.
    length, n_contacts = claims["description_length"], claims["n_contacts"]
    scripted = 4.6 * (((length < 120) & (n_contacts >= 2)) | ((length > 420) & (n_contacts == 0)))
    logit = logit + scripted
    uncovered = np.nan_to_num(claims["amount_without_invoice"], nan=0.0)
    far = np.nan_to_num(claims["repair_distance_km"], nan=0.0) > 60
    is_large_case = (uncovered > 1900) & ~is_edge
    logit = np.where(is_large_case, np.maximum(logit, 0.5), logit + 0.6 * far)
    # In burnt batteries nothing that tells irregular claims elsewhere tells them.
    logit = np.where(is_edge, -0.7 - 0.5 * (small - 1.5), logit)
    irregular = random.random(n) < 1 / (1 + np.exp(-logit))
    delay_us = ((30 + 60 * random.beta(2, 2, n)) * DAY_US).astype(np.int64)
    return {
        "irregular": irregular.astype(np.int64),
        "outcome_at": claims["scored_at"] + delay_us,
        "is_large_case": is_large_case,
    }


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scorer:
    """A trained version: its estimator, its inputs, the categories it knows and its alert threshold."""

    name: str
    estimator: Any
    features: tuple[str, ...]
    threshold: float

    def score(self, claims: Columns) -> Floats:
        """Return P(irregular) with six decimals, so that it does not hang on a processor's last bits."""
        with one_thread():
            share = self.estimator.predict_proba(_matrix(claims, self.features))[:, 1]
        return np.asarray(share, dtype=np.float64).round(SCORE_DECIMALS)


def train(name: str, claims: Columns) -> Scorer:
    """Train a version on claims whose outcomes are known."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    features = training_features(name)
    estimator = HistGradientBoostingClassifier(
        categorical_features=[feature in CATEGORICAL for feature in features],
        min_samples_leaf=100,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=0,
        **RECIPES[name],
    )
    with one_thread():
        estimator.fit(_matrix(claims, features), claims["irregular"])
    return Scorer(name=name, estimator=estimator, features=features, threshold=THRESHOLDS[name])


def training_features(name: str) -> tuple[str, ...]:
    """Return the inputs of a version."""
    return FEATURES if name == "v1" else tuple(f for f in FEATURES if f != LEFT_OUT_BY_V2)


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Keep to one thread: beside other work on the machine, several wait for each other for minutes."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: contextlib.AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits


def _codes(values: npt.NDArray[Any], feature: str) -> Floats:
    known = np.array(sorted(_values_of(feature)))
    places = np.searchsorted(known, values)
    return places.astype(np.float64)


def _values_of(feature: str) -> set[str]:
    if feature == "cause":
        return {cause for shares in CAUSES.values() for cause in shares}
    return set(CATEGORIES[feature])


def _matrix(claims: Columns, features: tuple[str, ...]) -> Floats:
    columns = [
        _codes(claims[f], f) if f in CATEGORICAL else claims[f].astype(np.float64, copy=False)
        for f in features
    ]
    return np.column_stack(columns)
