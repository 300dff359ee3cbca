"""Two versions on the same rows: the one in charge, and the one that scored them in its shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, aggregate, count_where, exact_sum
from afterlaunch.findings import Direction, Measurement
from afterlaunch.health_counts import (
    DaySums,
    grid_sql,
    judged_view,
    month_scores,
    sums_by_day,
    trained_on_sql,
    used_bins,
)
from afterlaunch.health_measures import (
    CALIBRATION_GAP,
    PERFORMANCE,
    HealthMeasure,
    Resampling,
    known,
)
from afterlaunch.health_report import Comparison, SameRows
from afterlaunch.performance import ScoreCounts
from afterlaunch.scoring_log import ScoringLog, instant_literal
from afterlaunch.uncertainty import block_interval, block_weights
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

_NAMES = ("roc_auc", "brier_score")
CALIBRATION_DISTANCE = HealthMeasure(
    name="calibration_distance",
    title="Distance of the mean score from the outcome share",
    unit="pp",
    direction=Direction.LOWER,
    decimals=1,
    of_sums=lambda sums: np.abs(CALIBRATION_GAP.of_sums(sums)),
)
MEASURES = (*(measure for measure in PERFORMANCE if measure.name in _NAMES), CALIBRATION_DISTANCE)


def compare_same_rows(log: ScoringLog, window: Window, *, resampling: Resampling) -> SameRows | None:
    """Compare the version in charge of a month with the one that scored most of the same rows in its shadow.

    Only rows count that are judged and that neither version saw in training. The differences are paired: both
    versions are resampled with the same days.

    Returns
    -------
    SameRows or None
        None when there are no shadow scores of judged rows of the month.
    """
    pair = _most_frequent_pair(log, window)
    if pair is None:
        return None
    champion, other = pair
    (champion_days, champion_scores), (other_days, other_scores) = _read_pair(log, window, champion, other)
    weights = block_weights(champion_days.n_days, resampling.n_resamples, seed=resampling.seed)
    sides = (
        _Side(days=champion_days, scores=champion_scores, weights=weights),
        _Side(days=other_days, scores=other_scores, weights=weights),
    )
    return SameRows(
        champion=champion,
        other=other,
        window=window.title,
        n=int(champion_days.n.sum()),
        measures=tuple(_compare(measure, *sides, subjects=(champion, other)) for measure in MEASURES),
    )


class _Side:
    """One version's sums over the common rows, once and resampled."""

    def __init__(self, *, days: DaySums, scores: ScoreCounts, weights: npt.NDArray[np.int64]) -> None:
        self.scores = scores
        self.n_days = days.n_days
        self.n = int(days.n.sum())
        self.once = days.weighted(np.ones((1, days.n_days), dtype=np.int64))
        self.resampled = days.weighted(weights)

    def value(self, measure: HealthMeasure) -> float:
        return measure.of_scores(self.scores) if measure.of_scores else float(measure.of_sums(self.once)[0])


def _compare(
    measure: HealthMeasure, champion: _Side, other: _Side, *, subjects: tuple[str, str]
) -> Comparison:
    resampled = [measure.of_sums(side.resampled) for side in (champion, other)]
    values = [side.value(measure) for side in (champion, other)]
    measured: list[Measurement] = [
        _measured(measure, subject, value, draws, champion)
        for subject, value, draws in zip(subjects, values, resampled, strict=True)
    ]
    difference = values[0] - values[1]
    return Comparison(
        title=measure.title,
        current=measured[0],
        previous=measured[1],
        direction=measure.direction.value,
        decimals=measure.decimals,
        difference=_measured(
            measure, f"{subjects[0]} minus {subjects[1]}", difference, resampled[0] - resampled[1], champion
        ),
    )


def _measured(
    measure: HealthMeasure, subject: str, value: float, draws: npt.NDArray[np.float64], side: _Side
) -> Measurement:
    interval = block_interval(value, draws, side.n_days)
    return known(measure.name, measure.unit, subject, value=value, interval=interval, n=side.n)


def _most_frequent_pair(log: ScoringLog, window: Window) -> tuple[str, str] | None:
    if log.setup.shadow_scores is None:
        return None
    log.engine.create_view(
        "shadowed_cases",
        "SELECT judged_cases.*, shadow_rows.model_version AS other_version, shadow_rows.score AS other_score "
        f"FROM {judged_view(log)} JOIN shadow_rows ON judged_cases.case_id = shadow_rows.case_id "
        "WHERE judged = 1 AND judged_cases.model_version <> shadow_rows.model_version "
        f"AND NOT ({trained_on_sql(log.setup, 'shadow_rows.model_version')})",
    )
    keys = (Key(name="champion", sql="model_version"), Key(name="other", sql="other_version"))
    n_rows = (count_where("n", "judged = 1"),)
    (pairs,) = aggregate(
        log.engine, "shadowed_cases", (Cut(keys=keys, totals=n_rows),), where=_inside(window)
    )
    if pairs.empty:
        return None
    most = pairs.sort_values(["n", "champion", "other"], ascending=[False, True, True]).iloc[0]
    return str(most["champion"]), str(most["other"])


def _inside(window: Window) -> str:
    return f"scored_at >= {instant_literal(window.start)} AND scored_at < {instant_literal(window.end)}"


def _read_pair(
    log: ScoringLog, window: Window, champion: str, other: str
) -> tuple[tuple[DaySums, ScoreCounts], tuple[DaySums, ScoreCounts]]:
    day = Key(name="day", sql="CAST(scored_at AS DATE)")
    counts = (count_where("n_judged", "judged = 1"), count_where("n_positive", "outcome = 1"))
    cuts: list[Cut] = []
    for score in ("score", "other_score"):
        sums = (
            *counts,
            exact_sum(f"sum_of_{score}", score),
            exact_sum(f"sum_squared_error_of_{score}", f"({score} - outcome) * ({score} - outcome)"),
        )
        cuts += [
            Cut(keys=(day, Key(name=f"bin_of_{score}", sql=grid_sql(score))), totals=sums),
            Cut(keys=(Key(name=f"value_of_{score}", sql=score),), totals=counts),
        ]
    where = f"{_inside(window)} AND model_version = '{champion}' AND other_version = '{other}'"
    frames = aggregate(log.engine, "shadowed_cases", tuple(cuts), where=where)
    return _side(frames[0], frames[1], "score", window), _side(frames[2], frames[3], "other_score", window)


def _side(
    bins: pd.DataFrame, values: pd.DataFrame, score: str, window: Window
) -> tuple[DaySums, ScoreCounts]:
    named = bins.rename(
        columns={
            "day": "judged_day",
            f"bin_of_{score}": "score_bin",
            f"sum_of_{score}": "sum_score_judged",
            f"sum_squared_error_of_{score}": "sum_squared_error",
        }
    )
    per_day = named.groupby("judged_day", as_index=False)[
        ["n_judged", "sum_score_judged", "sum_squared_error"]
    ].sum()
    return sums_by_day(
        per_day.rename(columns={"judged_day": "day"}), named, window, used=used_bins(named)
    ), month_scores(values.rename(columns={f"value_of_{score}": "score_value"}))
