"""What the monthly health report reads from a scoring log: counts and sums by day.

A row is *judged* when its outcome is known, all outcomes of its day are complete, and its version did not see it in
training. Everything about how well the model did rests on judged rows only.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, Total, aggregate, count_where, exact_sum
from afterlaunch.bins import ScoreGrid
from afterlaunch.contract import number_literal
from afterlaunch.findings import Direction
from afterlaunch.kpis import DecisionValues, Kpi, formula_sql
from afterlaunch.performance import SMALLEST_PROBABILITY, ScoreCounts
from afterlaunch.scoring_log import LogSetup, ScoringLog, inside, instant_literal
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
SCORE_GRID = ScoreGrid()
ALERT_WORTH = "alert_worth"
# Above this many rows in a month, scores are counted on a fine grid, so that memory stays bounded.
MAX_EXACT_ROWS = 250_000
# Segment values beyond the largest ones of a column are not compared one by one.
MAX_SEGMENT_VALUES = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class Amounts:
    """The KPIs of a model, the named amounts that formulas use, and what decisions are worth."""

    kpis: tuple[Kpi, ...] = ()
    amounts: Mapping[str, float] = dataclasses.field(default_factory=dict)
    decision_values: DecisionValues | None = None

    @property
    def formula_kpis(self) -> tuple[Kpi, ...]:
        """The KPIs that are formulas over cases."""
        return tuple(kpi for kpi in self.kpis if not kpi.sql)

    @property
    def counted(self) -> tuple[Kpi, ...]:
        """What is summed by day: the formulas, and behind them what an alert that was right is worth on average."""
        values = self.decision_values
        if values is None:
            return self.formula_kpis
        worth = Kpi(
            name=ALERT_WORTH,
            title="worth of a right alert",
            numerator=f"decision * outcome * ({values.true_positive})",
            denominator="decision * outcome",
            unit=values.unit,
            direction=Direction.HIGHER,
            decimals=0,
        )
        return (*self.formula_kpis, worth)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DaySums:
    """Sums over judged rows with days (or resamples of days) on the first axis.

    ``n_negative_by_bin`` and ``n_positive_by_bin`` have the bins of :data:`SCORE_GRID` in use on their last axis; the
    KPI sums have the KPIs there. All others have one number a day.
    """

    n_negative_by_bin: Floats
    n_positive_by_bin: Floats
    n_true_positive: Floats
    n_false_positive: Floats
    sum_score: Floats
    sum_squared_error: Floats
    sum_log_loss: Floats
    kpi_numerators: Floats
    kpi_denominators: Floats

    @property
    def n_days(self) -> int:
        """Number of days (or resamples)."""
        return len(self.sum_score)

    @property
    def n_positive(self) -> Floats:
        """Rows whose outcome happened."""
        return np.asarray(self.n_positive_by_bin.sum(axis=-1))

    @property
    def n(self) -> Floats:
        """Judged rows."""
        return np.asarray(self.n_positive + self.n_negative_by_bin.sum(axis=-1))

    def weighted(self, weights: npt.NDArray[np.int64]) -> DaySums:
        """Return the sums of each resample: ``weights`` has shape (resamples, days)."""
        by_resample = weights.astype(np.float64)
        return DaySums(
            **{field.name: by_resample @ getattr(self, field.name) for field in dataclasses.fields(self)}
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MonthCounts:
    """One month of a log.

    ``fresh`` holds rows by day that need no outcome; ``days`` holds judged rows by day; ``scores`` counts judged rows
    per score value; ``n_missing`` counts missing values per feature over all rows; ``bins`` is the stretch of
    :data:`SCORE_GRID` that ``days`` covers, and ``judged_days`` numbers its days from 0, the first of the month.
    """

    window: Window
    n: int
    n_fresh: int
    n_judged: int
    n_maturing: int
    n_without_outcome: int
    n_days_with_rows: int
    judged_days: npt.NDArray[np.int64]
    versions: Mapping[str, VersionDays]
    n_missing: Mapping[str, int]
    fresh: FreshDays
    days: DaySums
    scores: ScoreCounts
    bins: range


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FreshDays:
    """Rows that their version did not see in training, by day, whether their outcome is known or not."""

    n: Floats
    n_alerts: Floats
    sum_score: Floats


@dataclasses.dataclass(frozen=True, kw_only=True)
class VersionDays:
    """How many rows of a month a version scored, and from when to when."""

    n: int
    first_on: dt.date
    last_on: dt.date


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SegmentDays:
    """Judged rows of the month by day and score bin, for one value of a segment column."""

    column: str
    value: str
    n_negative_by_bin: Floats
    n_positive_by_bin: Floats
    sum_score: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HealthCounts:
    """All months, oldest first, and the segments of the month whose outcomes can be judged."""

    months: tuple[MonthCounts, ...]
    segments: tuple[SegmentDays, ...]


def read_health_counts(log: ScoringLog, *, first: Window, last: Window, money: Amounts) -> HealthCounts:
    """Read the months from ``first`` to ``last`` and the segments of the one whose outcomes can be judged.

    Raises
    ------
    ParameterError
        When a KPI's formula names something that is not there.
    """
    return count_months(log, judged_view(log), first=first, last=last, money=money)


def count_months(
    log: ScoringLog, view: str, *, first: Window, last: Window, money: Amounts, by_segment: bool = True
) -> HealthCounts:
    """Count a view that has the columns of :func:`judged_view`; see :func:`read_health_counts`."""
    segment_columns = log.setup.columns.segments if by_segment else ()
    features = tuple(log.features.items())
    totals = (*_row_totals(), *_judged_totals(), *_kpi_totals(money, log), *_missing_totals(features))
    day = Key(name="day", sql="CAST(scored_at AS DATE)")
    version = Key(name="version", sql="model_version")
    judged_day = Key(name="judged_day", sql="CASE WHEN judged = 1 THEN CAST(scored_at AS DATE) END")
    month = Key(
        name="month", sql="CASE WHEN judged = 1 THEN CAST(date_trunc('month', scored_at) AS DATE) END"
    )
    grid = Key(name="score_bin", sql=grid_sql("score"))
    value = Key(name="score_value", sql=f"CASE WHEN judged = 1 THEN {_score_value(log, first, last)} END")
    counts = (
        count_where("n_judged", "judged = 1"),
        count_where("n_positive", "judged = 1 AND outcome = 1"),
        exact_sum("sum_score_judged", "score", where="judged = 1"),
    )
    judged = log.judged_month(last)
    is_judged = f"{inside('scored_at', judged)} AND judged = 1"
    cuts = [
        Cut(keys=(day, version), totals=totals),
        Cut(keys=(judged_day, grid), totals=counts),
        Cut(keys=(month, value), totals=counts),
    ]
    for i, column in enumerate(segment_columns):
        segment = Key(name=f"segment_{i}", sql=f"CASE WHEN {is_judged} THEN {segment_sql(log, column)} END")
        cuts.append(Cut(keys=(segment, judged_day, grid), totals=counts))
    where = inside("scored_at", Window.of_months(first, last))
    by_day, by_day_bin, by_month_score, *by_segment_frames = aggregate(
        log.engine, view, tuple(cuts), where=where
    )
    months, used = first.months_until(last), _used_bins(by_day_bin)
    return HealthCounts(
        months=tuple(
            _month_counts(
                month, by_day, by_day_bin, by_month_score, features=features, money=money, used=used
            )
            for month in months
        ),
        segments=tuple(
            segment
            for i, column in enumerate(segment_columns)
            for segment in _segments(column, by_segment_frames[i], f"segment_{i}", judged, used)
        ),
    )


def judged_view(log: ScoringLog) -> str:
    """Create the view of a log's rows with ``fresh`` and ``judged`` (0 or 1) and return its name."""
    complete = instant_literal(log.outcomes_complete_until)
    log.engine.create_view(
        "fresh_cases",
        f"SELECT *, CASE WHEN {trained_on_sql(log.setup)} THEN 0 ELSE 1 END AS fresh FROM {log.view}",
    )
    log.engine.create_view(
        "judged_cases",
        f"SELECT *, CASE WHEN fresh = 1 AND outcome IS NOT NULL AND scored_at < {complete} THEN 1 ELSE 0 END "
        f"AS judged, CASE WHEN scored_at < {complete} THEN 1 ELSE 0 END AS mature FROM fresh_cases",
    )
    return "judged_cases"


def trained_on_sql(setup: LogSetup, version: str = "model_version") -> str:
    """Return the SQL condition that a row lies in the training window of a version."""
    return " OR ".join(
        f"({version} = '{v.name}' AND {inside('scored_at', v.trained)})" for v in setup.versions.values()
    )


def segment_sql(log: ScoringLog, column: str) -> str:
    """Return the SQL of a segment column's value as a text, which is never NULL."""
    return f"coalesce(CAST({log.features[column]} AS STRING), '(missing)')"


def grid_sql(score: str) -> str:
    """Return the SQL of a score's bin in :data:`SCORE_GRID`; the same rule as its ``index``."""
    steps, limit = SCORE_GRID.steps_per_logit, SCORE_GRID.limit_logit
    lowest, highest = -int(limit * steps), int(limit * steps) - 1
    bin_of_logit = f"floor(ln({score} / (1e0 - {score})) * {number_literal(steps)})"
    return (
        f"CAST(CASE WHEN {score} <= 0 THEN {lowest} WHEN {score} >= 1 THEN {highest} "
        f"ELSE greatest({lowest}, least({highest}, {bin_of_logit})) END AS INT) - ({lowest})"
    )


def _score_value(log: ScoringLog, first: Window, last: Window) -> str:
    """Return the SQL of the score that rows are counted by: exact, or in steps of 0.001 log-odds for many rows.

    Such steps are at most 32,000 values a month, which moves ROC AUC by a few millionths.
    """
    n_months = len(first.months_until(last))
    if log.n_rows / n_months <= MAX_EXACT_ROWS:
        return "score"
    step = "1e0 / (1e0 + exp(-round(ln(score / (1e0 - score)), 3)))"
    return f"CASE WHEN score <= 0 OR score >= 1 THEN score ELSE {step} END"


def _row_totals() -> tuple[Total, ...]:
    return (
        Total(name="n", sql="count(*)"),
        count_where("n_fresh", "fresh = 1"),
        count_where("n_maturing", "outcome IS NULL AND mature = 0"),
        count_where("n_without_outcome", "outcome IS NULL AND mature = 1"),
        count_where("n_mature", "mature = 1"),
        count_where("n_fresh_alerts", "fresh = 1 AND decision = 1"),
        exact_sum("sum_fresh_score", "score", where="fresh = 1"),
    )


def _judged_totals() -> tuple[Total, ...]:
    probability = "CASE WHEN outcome = 1 THEN score ELSE 1e0 - score END"
    surprise = f"-ln(greatest({probability}, {number_literal(SMALLEST_PROBABILITY)}))"
    return (
        count_where("n_judged", "judged = 1"),
        count_where("n_positive", "judged = 1 AND outcome = 1"),
        count_where("n_true_positive", "judged = 1 AND outcome = 1 AND decision = 1"),
        count_where("n_false_positive", "judged = 1 AND outcome = 0 AND decision = 1"),
        exact_sum("sum_score_judged", "score", where="judged = 1"),
        exact_sum("sum_squared_error", "(score - outcome) * (score - outcome)", where="judged = 1"),
        exact_sum("sum_log_loss", surprise, where="judged = 1"),
    )


def _kpi_totals(money: Amounts, log: ScoringLog) -> tuple[Total, ...]:
    totals = []
    for i, kpi in enumerate(money.counted):
        for role in ("numerator", "denominator"):
            value = formula_sql(getattr(kpi, role), amounts=money.amounts, columns=log.features)
            totals.append(exact_sum(f"kpi_{i}_{role}", value, where="judged = 1", digits=6))
    return tuple(totals)


def _missing_totals(features: tuple[tuple[str, str], ...]) -> tuple[Total, ...]:
    return tuple(count_where(f"n_missing_{column}", f"{column} IS NULL") for _, column in features)


def _month_counts(
    month: Window,
    by_day: pd.DataFrame,
    by_day_bin: pd.DataFrame,
    by_month_score: pd.DataFrame,
    *,
    features: tuple[tuple[str, str], ...],
    money: Amounts,
    used: range,
) -> MonthCounts:
    rows = _inside(by_day, "day", month)
    versions = {
        str(name): VersionDays(
            n=int(part["n"].sum()), first_on=_day(part["day"].min()), last_on=_day(part["day"].max())
        )
        for name, part in rows.groupby("version", sort=True)
    }
    return MonthCounts(
        window=month,
        n=int(rows["n"].sum()),
        n_fresh=int(rows["n_fresh"].sum()),
        n_judged=int(rows["n_judged"].sum()),
        n_maturing=int(rows["n_maturing"].sum()),
        n_without_outcome=int(rows["n_without_outcome"].sum()),
        n_days_with_rows=int(rows["day"].nunique()),
        judged_days=np.unique(_place(rows.loc[rows["n_judged"] > 0, "day"], month)),
        versions=versions,
        n_missing={name: int(rows[f"n_missing_{column}"].sum()) for name, column in features},
        fresh=_fresh_days(rows, month),
        days=_sums_by_day(
            rows, _inside(by_day_bin, "judged_day", month), month, used=used, n_kpis=len(money.counted)
        ),
        scores=_month_scores(_inside(by_month_score, "month", month)),
        bins=used,
    )


def _fresh_days(rows: pd.DataFrame, month: Window) -> FreshDays:
    place = _place(rows["day"], month)
    n, n_alerts, sum_score = (
        _added_by_day(place, rows[name], month) for name in ("n_fresh", "n_fresh_alerts", "sum_fresh_score")
    )
    return FreshDays(n=n[n > 0], n_alerts=n_alerts[n > 0], sum_score=sum_score[n > 0])


def _inside(frame: pd.DataFrame, column: str, window: Window) -> pd.DataFrame:
    import pandas as pd

    instants = pd.to_datetime(frame[column])
    return frame[(instants >= pd.Timestamp(window.start)) & (instants < pd.Timestamp(window.end))]


def _day(value: object) -> dt.date:
    import pandas as pd

    day: dt.date = pd.Timestamp(value).date()  # type: ignore[arg-type]
    return day


def _place(days: pd.Series[pd.Timestamp], month: Window) -> npt.NDArray[np.int64]:
    """Return the number of each day, 0 for the first of the month."""
    import pandas as pd

    numbers = (pd.to_datetime(days) - pd.Timestamp(month.start)).dt.days
    return np.asarray(numbers, dtype=np.int64)


def _added_by_day(place: npt.NDArray[np.int64], values: object, month: Window) -> Floats:
    weights = np.asarray(values, dtype=np.float64)
    return np.bincount(place, weights=weights, minlength=month.n_days).astype(np.float64)


def _month_scores(frame: pd.DataFrame) -> ScoreCounts:
    """Return the counts per score value of a frame with ``score_value``, ``n_judged`` and ``n_positive``."""
    return ScoreCounts(
        score=frame["score_value"].to_numpy(np.float64),
        n_negative=(frame["n_judged"] - frame["n_positive"]).to_numpy(np.int64),
        n_positive=frame["n_positive"].to_numpy(np.int64),
    )


def _used_bins(bins: pd.DataFrame) -> range:
    """Return the stretch of the grid in which there are scores."""
    index = bins["score_bin"]
    return range(int(index.min()), int(index.max()) + 1) if len(index) else range(0)


def _sums_by_day(
    rows: pd.DataFrame, bins: pd.DataFrame, month: Window, *, used: range, n_kpis: int = 0
) -> DaySums:
    """Lay sums out by day; days without a judged row are left out, since nothing was observed on them."""
    place = _place(rows["day"], month)

    def by_day(name: str) -> Floats:
        return _added_by_day(place, rows[name], month)

    def by_kpi(role: str) -> Floats:
        columns = [by_day(f"kpi_{i}_{role}") for i in range(n_kpis)]
        return np.stack(columns, axis=-1) if columns else np.zeros((month.n_days, 0))

    negative, positive = _by_day_and_bin(bins, month, used)
    sums = {
        "n_negative_by_bin": negative,
        "n_positive_by_bin": positive,
        "n_true_positive": by_day("n_true_positive"),
        "n_false_positive": by_day("n_false_positive"),
        "sum_score": by_day("sum_score_judged"),
        "sum_squared_error": by_day("sum_squared_error"),
        "sum_log_loss": by_day("sum_log_loss"),
        "kpi_numerators": by_kpi("numerator"),
        "kpi_denominators": by_kpi("denominator"),
    }
    seen = by_day("n_judged") > 0
    return DaySums(**{name: values[seen] for name, values in sums.items()})


def _by_day_and_bin(bins: pd.DataFrame, month: Window, used: range) -> tuple[Floats, Floats]:
    shape = (month.n_days, len(used))
    negative, positive = np.zeros(shape), np.zeros(shape)
    place = _place(bins["judged_day"], month)
    index = bins["score_bin"].to_numpy(np.int64) - used.start
    n_positive = bins["n_positive"].to_numpy(np.float64)
    np.add.at(positive, (place, index), n_positive)
    np.add.at(negative, (place, index), bins["n_judged"].to_numpy(np.float64) - n_positive)
    return negative, positive


def _segments(column: str, frame: pd.DataFrame, key: str, month: Window, used: range) -> list[SegmentDays]:
    largest = (
        frame.groupby(key)["n_judged"]
        .sum()
        .sort_values(ascending=False, kind="stable")
        .index[:MAX_SEGMENT_VALUES]
    )
    segments = []
    for value, part in frame[frame[key].isin(largest)].groupby(key, sort=True):
        negative, positive = _by_day_and_bin(part, month, used)
        place = _place(part["judged_day"], month)
        sums = _added_by_day(place, part["sum_score_judged"], month)
        segments.append(
            SegmentDays(
                column=column,
                value=str(value),
                n_negative_by_bin=negative,
                n_positive_by_bin=positive,
                sum_score=sums,
            )
        )
    return segments
