"""The business in the monthly report: KPIs from the team's own tables, and what decisions are worth in money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, Total, aggregate, count_where, exact_sum
from afterlaunch.decision_value import value_curve
from afterlaunch.findings import Measurement
from afterlaunch.health_counts import SCORE_GRID, Amounts, grid_sql, judged_view
from afterlaunch.health_history import MonthValue, Yardstick, course_of
from afterlaunch.health_judging import IndicatorKind, judged
from afterlaunch.health_measures import SHARE, Resampling, known
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import DecisionCell, DecisionWorth, Fact, Indicator, ThresholdValue
from afterlaunch.kpi_table import KpiMonths
from afterlaunch.kpis import DecisionValues, formula_sql
from afterlaunch.scoring_log import ScoringLog, inside
from afterlaunch.uncertainty import block_interval, block_weights
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
PER = 1000.0
ALERT_SHARES_SHOWN = (0.002, 0.5)
"""The curve over the threshold is shown where this share of the cases raises an alert."""


def kpi_rows(
    kpis: Sequence[KpiMonths],
    *,
    months: Sequence[Window],
    policy: HealthPolicy,
    behind: Mapping[str, tuple[Fact, ...]],
) -> tuple[Indicator, ...]:
    """Return the rows of the KPIs that SQL takes from the team's own tables; ``behind`` explains some by their code."""
    rows = []
    for found in kpis:
        kpi = found.kpi
        kind = IndicatorKind(
            code=f"business.{kpi.name}",
            title=kpi.title,
            unit=kpi.unit,
            direction=kpi.direction,
            decimals=kpi.decimals,
            bounds=SHARE if kpi.unit == "share" else kpi.bounds,
        )
        values = [
            MonthValue(
                window=month,
                measurement=_month_value(kind, found, month),
                is_usual=month.label in found.by_month,
            )
            for month in months
        ]
        course = course_of(values, Yardstick(code=kind.code, policy=policy.usual_range, bounds=kind.bounds))
        rows.append(judged(kind, course, policy, behind=behind.get(kind.code, ())))
    return tuple(rows)


def _month_value(kind: IndicatorKind, found: KpiMonths, month: Window) -> Measurement:
    value = found.by_month.get(month.label, float("nan"))
    reason = "its SQL gives one number a month, which has no interval"
    if month.label not in found.by_month:
        reason = f"its SQL returned no row for {month.title}"
    elif math.isnan(value):
        reason = f"its SQL returned no value for {month.title}"
    return Measurement(
        measure=kind.name,
        subject=month.title,
        value=value,
        unit=kind.unit,
        n=found.counts.get(month.label, 0),
        reason=reason,
    )


def decision_worth_of(
    log: ScoringLog, window: Window, values: DecisionValues, *, money: Amounts, resampling: Resampling
) -> DecisionWorth | None:
    """Return what the decisions of the month's main version were worth, and would have been at other thresholds.

    Returns
    -------
    DecisionWorth or None
        None when no row of the month can be judged.
    """
    version = _main_version(log, window)
    if version is None:
        return None
    where = f"{inside('scored_at', window)} AND judged = 1 AND model_version = '{version}'"
    day = Key(name="day", sql="CAST(scored_at AS DATE)")
    totals = _value_totals(log, values, money)
    by_cell, by_bin = aggregate(
        log.engine,
        judged_view(log),
        (
            Cut(
                keys=(Key(name="decision", sql="decision"), Key(name="outcome", sql="outcome")), totals=totals
            ),
            Cut(keys=(day, Key(name="score_bin", sql=grid_sql("score"))), totals=totals),
        ),
        where=where,
    )
    threshold = log.setup.versions[version].threshold
    return _worth(by_cell, by_bin, version, threshold, unit=values.unit, window=window, resampling=resampling)


def _main_version(log: ScoringLog, window: Window) -> str | None:
    """Return the version of most judged rows of the month; None without any."""
    key = Key(name="version", sql="model_version")
    cut = Cut(keys=(key,), totals=(count_where("n", "judged = 1"),))
    (rows,) = aggregate(log.engine, judged_view(log), (cut,), where=inside("scored_at", window))
    rows = rows[rows["n"] > 0].sort_values(["n", "version"], ascending=[False, True])
    return str(rows["version"].iloc[0]) if len(rows) else None


def _value_totals(log: ScoringLog, values: DecisionValues, money: Amounts) -> tuple[Total, ...]:
    sql = {
        name: formula_sql(formula, amounts=money.amounts, columns=log.features)
        for name, formula in values.formulas.items()
    }
    if_alert = f"CASE WHEN outcome = 1 THEN {sql['true_positive']} ELSE {sql['false_positive']} END"
    if_passed = f"CASE WHEN outcome = 1 THEN {sql['false_negative']} ELSE {sql['true_negative']} END"
    return (
        Total(name="n", sql="count(*)"),
        exact_sum("value_if_alert", if_alert, digits=6),
        exact_sum("value_if_passed", if_passed, digits=6),
        exact_sum(
            "value_as_decided", f"CASE WHEN decision = 1 THEN {if_alert} ELSE {if_passed} END", digits=6
        ),
    )


def _worth(
    by_cell: pd.DataFrame,
    by_bin: pd.DataFrame,
    version: str,
    threshold: float,
    *,
    unit: str,
    window: Window,
    resampling: Resampling,
) -> DecisionWorth:
    n = int(by_cell["n"].sum())
    first = int(by_bin["score_bin"].min())
    by_day = _by_day_and_bin(by_bin, first)
    curve = value_curve(*by_day.sum(axis=1)[:3])
    cells = _cells(by_cell, n)
    # The bin that the present threshold cuts through would count whole: what was decided is counted as it was.
    present = ThresholdValue(
        threshold=threshold,
        value=sum(cell.value_per_1000 for cell in cells),
        alert_share=sum(cell.n for cell in cells if cell.is_alert) / n,
    )
    now = min(max(int(SCORE_GRID.index([threshold])[0]) - first, 0), curve.value.size - 1)
    best = int(curve.value.argmax())
    best = best if PER * curve.value[best] / n > present.value else now
    scores = SCORE_GRID.lower(np.arange(first, first + curve.value.size))

    def at(place: int) -> ThresholdValue:
        if place == now:
            return present
        return ThresholdValue(
            threshold=float(scores[place]),
            value=PER * float(curve.value[place]) / n,
            alert_share=float(curve.alert_share[place]),
        )

    low, high = ALERT_SHARES_SHOWN
    shown = [i for i in range(curve.value.size) if low <= curve.alert_share[i] <= high or i in (now, best)]
    return DecisionWorth(
        version=version,
        unit=unit,
        n=n,
        cells=cells,
        curve=tuple(at(place) for place in shown),
        present=present,
        best=at(best),
        gain=_gain(by_day, now, best, unit=unit, window=window, resampling=resampling),
    )


def _by_day_and_bin(by_bin: pd.DataFrame, first: int) -> Floats:
    """Return value if alert, value if passed, count and value as decided, shape (4, days, bins)."""
    days, day = np.unique(by_bin["day"].to_numpy(), return_inverse=True)
    place = by_bin["score_bin"].to_numpy(np.int64) - first
    laid_out = np.zeros((4, len(days), int(place.max()) + 1))
    for i, name in enumerate(("value_if_alert", "value_if_passed", "n", "value_as_decided")):
        laid_out[i, day, place] = by_bin[name].to_numpy(np.float64)
    return laid_out


def _cells(by_cell: pd.DataFrame, n: int) -> tuple[DecisionCell, ...]:
    rows = {(int(row["decision"]), int(row["outcome"])): row for _, row in by_cell.iterrows()}
    cells = []
    for decision, outcome in ((1, 1), (1, 0), (0, 1), (0, 0)):
        row = rows.get((decision, outcome))
        count = int(row["n"]) if row is not None else 0
        value = float(row["value_if_alert" if decision else "value_if_passed"]) if row is not None else 0.0
        cells.append(
            DecisionCell(
                is_alert=bool(decision),
                is_positive=bool(outcome),
                n=count,
                n_per_1000=PER * count / n,
                value_per_1000=PER * value / n,
            )
        )
    return tuple(cells)


def _gain(
    by_day: Floats, now: int, best: int, *, unit: str, window: Window, resampling: Resampling
) -> Measurement:
    """Return the best threshold's value minus the present one's, per 1,000 cases, with its interval over days."""
    n_days = by_day.shape[1]
    weights = block_weights(n_days, resampling.n_resamples, seed=resampling.seed).astype(np.float64)

    def difference(sums: Floats) -> Floats:
        decided = sums[3].sum(axis=-1)
        other = decided if best == now else value_curve(*sums[:3]).value[..., best]
        return np.asarray(PER * (other - decided) / sums[2].sum(axis=-1), dtype=np.float64)

    value = float(difference(by_day.sum(axis=1)))
    draws = difference(np.einsum("rd,kdb->krb", weights, by_day, optimize=True))
    return known(
        "decision_value_gain",
        unit,
        window.title,
        value=value,
        interval=block_interval(value, draws, n_days),
        n=int(by_day[2].sum()),
    )
