"""Two versions on the same rows: the one in charge, and the one that scored them in its shadow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, aggregate, count_where
from afterlaunch.contract import number_literal
from afterlaunch.findings import Direction
from afterlaunch.health_counts import Amounts, count_months, judged_view, trained_on_sql
from afterlaunch.health_measures import (
    CALIBRATION_GAP,
    PERFORMANCE,
    HealthMeasure,
    MonthMeasures,
    Resampling,
    known,
    kpi_measure,
)
from afterlaunch.health_report import Comparison, SameRows
from afterlaunch.scoring_log import ScoringLog, inside
from afterlaunch.uncertainty import block_interval
from afterlaunch.windows import Window

_NAMES = ("roc_auc", "brier_score")
CALIBRATION_DISTANCE = HealthMeasure(
    name="calibration_distance",
    title="Distance of the mean score from the outcome share",
    unit="pp",
    direction=Direction.LOWER,
    decimals=1,
    of_sums=lambda sums: np.abs(CALIBRATION_GAP.of_sums(sums)),
)
MODEL_MEASURES = (*(measure for measure in PERFORMANCE if measure.name in _NAMES), CALIBRATION_DISTANCE)


def compare_same_rows(
    log: ScoringLog, window: Window, *, money: Amounts, resampling: Resampling
) -> SameRows | None:
    """Compare the version in charge of a month with the one that scored most of the same rows in its shadow.

    Only rows count that are judged and that neither version saw in training. Business KPIs are what they would have
    been had the other version decided, at its own threshold, with the outcomes as they were. The differences are
    paired: both versions are resampled with the same days.

    Returns
    -------
    SameRows or None
        None when there are no shadow scores of judged rows of the month.
    """
    pair = _most_frequent_pair(log, window)
    if pair is None:
        return None
    measured = [
        MonthMeasures.of(
            count_months(log, view, first=window, last=window, money=money, by_segment=False).months[0],
            resampling,
        )
        for view in _side_views(log, *pair)
    ]
    kpis = tuple(kpi_measure(kpi, place) for place, kpi in enumerate(money.formula_kpis))
    return SameRows(
        champion=pair[0],
        other=pair[1],
        window=window.title,
        n=measured[0].month.n_judged,
        measures=tuple(_compare(measure, *measured) for measure in (*kpis, *MODEL_MEASURES)),
    )


def _most_frequent_pair(log: ScoringLog, window: Window) -> tuple[str, str] | None:
    if log.setup.shadow_scores is None:
        return None
    where = inside("scored_at", window)
    log.engine.keep(
        "shadowed_cases",
        "SELECT judged_cases.*, shadow_rows.model_version AS other_version, shadow_rows.score AS other_score "
        f"FROM {judged_view(log)} JOIN shadow_rows ON judged_cases.case_id = shadow_rows.case_id "
        "WHERE judged = 1 AND judged_cases.model_version <> shadow_rows.model_version "
        f"AND {where} AND NOT ({trained_on_sql(log.setup, 'shadow_rows.model_version')})",
    )
    keys = (Key(name="champion", sql="model_version"), Key(name="other", sql="other_version"))
    n_rows = (count_where("n", "judged = 1"),)
    (pairs,) = aggregate(log.engine, "shadowed_cases", (Cut(keys=keys, totals=n_rows),))
    if pairs.empty:
        return None
    most = pairs.sort_values(["n", "champion", "other"], ascending=[False, True, True]).iloc[0]
    return str(most["champion"]), str(most["other"])


def _side_views(log: ScoringLog, champion: str, other: str) -> tuple[str, str]:
    """Create two views of the same rows: with the score and decision of the one version, and of the other."""
    same = ["case_id", "scored_at", "outcome", "fresh", "judged", "mature", *log.features.values()]
    threshold = number_literal(log.setup.versions[other].threshold)
    sides = {
        "champion_rows": "score, decision, model_version",
        "other_rows": f"other_score AS score, CASE WHEN other_score >= {threshold} THEN 1 ELSE 0 END AS decision, "
        "other_version AS model_version",
    }
    where = f"model_version = '{champion}' AND other_version = '{other}'"
    for view, own in sides.items():
        log.engine.create_view(view, f"SELECT {', '.join(same)}, {own} FROM shadowed_cases WHERE {where}")
    return "champion_rows", "other_rows"


def _compare(measure: HealthMeasure, champion: MonthMeasures, other: MonthMeasures) -> Comparison:
    current, previous = champion.measure(measure), other.measure(measure)
    difference = None
    if current.is_known and previous.is_known:
        n_days = champion.month.days.n_days
        value = current.value - previous.value
        difference = known(
            measure.name,
            measure.unit,
            f"{', '.join(champion.month.versions)} minus {', '.join(other.month.versions)}",
            value=value,
            interval=block_interval(value, _draws(measure, champion) - _draws(measure, other), n_days),
            n=current.n,
        )
    return Comparison(
        title=measure.title,
        current=current,
        previous=previous,
        direction=measure.direction.value,
        decimals=measure.decimals,
        difference=difference,
    )


def _draws(measure: HealthMeasure, months: MonthMeasures) -> npt.NDArray[np.float64]:
    return np.array([]) if months.resamples is None else measure.of_sums(months.resamples)
