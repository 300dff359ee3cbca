"""What the drift report is made from: profiles of months, and what came out of the scores where that is known."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, aggregate, count_where, exact_sum
from afterlaunch.health_counts import SCORE_GRID, HealthCounts, MonthCounts, judged_view, segment_sql
from afterlaunch.profiles import MonthProfile
from afterlaunch.ranges import Range
from afterlaunch.scoring_log import ScoringLog, inside
from afterlaunch.windows import Window

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OutcomeMonth:
    """A month's judged rows by day and bin of the score grid, and the sums of their scores by day.

    ``n_negative`` and ``n_positive`` have shape (n_days, bins of the grid), ``sum_score`` has shape (n_days,).
    ``versions`` names the versions that scored the month.
    """

    window: Window
    versions: tuple[str, ...]
    n_negative: Floats
    n_positive: Floats
    sum_score: Floats

    @classmethod
    def of(cls, month: MonthCounts) -> OutcomeMonth:
        """Take a month of the health report's counts."""

        def on_grid(counts: Floats) -> Floats:
            spread = np.zeros((counts.shape[0], SCORE_GRID.n_bins))
            spread[:, month.bins.start : month.bins.stop] = counts
            return spread

        return cls(
            window=month.window,
            versions=tuple(month.versions),
            n_negative=on_grid(month.days.n_negative_by_bin),
            n_positive=on_grid(month.days.n_positive_by_bin),
            sum_score=month.days.sum_score,
        )

    @property
    def n(self) -> int:
        """Judged rows."""
        return int(self.n_negative.sum() + self.n_positive.sum())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SegmentMonths:
    """Judged rows of one value of a segment column, by month: rows, outcomes that happened, and the sum of the scores.

    The arrays have shape (n_months,), in the order of the outcome months.
    """

    column: str
    value: str
    n: Floats
    n_positive: Floats
    sum_score: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DriftEvidence:
    """What is known of a month and of those before it.

    Parameters
    ----------
    window : Window
        The month that is judged.
    profiles : tuple of MonthProfile
        Months with rows, oldest first; the last one is the judged month.
    outcomes : tuple of OutcomeMonth
        Months with judged rows, oldest first; the last one is the month whose outcomes can be judged: the judged month
        itself, or an earlier one whose outcomes are complete. Empty without outcomes.
    segments : tuple of SegmentMonths
        The values of the segment columns over the outcome months.
    as_of : datetime.date
        The day before which everything was known.
    outcomes_complete_until : datetime.date or None
        First day whose outcomes are not complete.
    allowed : mapping of str to Range
        Ranges that inputs are allowed to take.
    """

    window: Window
    profiles: tuple[MonthProfile, ...]
    outcomes: tuple[OutcomeMonth, ...] = ()
    segments: tuple[SegmentMonths, ...] = ()
    as_of: dt.date
    outcomes_complete_until: dt.date | None = None
    allowed: Mapping[str, Range] = dataclasses.field(default_factory=dict)

    @property
    def are_outcomes_in(self) -> bool:
        """Whether the judged month's own outcomes are known, at least of some of its days."""
        return bool(self.outcomes) and self.outcomes[-1].window == self.window


def evidence_of(
    log: ScoringLog, counts: HealthCounts | None, profiles: tuple[MonthProfile, ...]
) -> DriftEvidence:
    """Collect the evidence on the last of some profiled months.

    Parameters
    ----------
    log : ScoringLog
        The log.
    counts : HealthCounts or None
        Its counts by day over the same months; ``None`` without outcomes.
    profiles : tuple of MonthProfile
        Months with rows, oldest first.
    """
    window = profiles[-1].window
    judged = log.judged_month(window)
    months = [month for month in counts.months if month.n_judged] if counts is not None else []
    months = [month for month in months if month.window.start <= judged.start]
    outcomes = tuple(OutcomeMonth.of(month) for month in months)
    return DriftEvidence(
        window=window,
        profiles=profiles,
        outcomes=outcomes,
        segments=_segments(log, outcomes),
        as_of=log.as_of,
        outcomes_complete_until=min(log.outcomes_complete_until, window.end) if log.has_outcomes else None,
        allowed=log.setup.columns.allowed,
    )


def _segments(log: ScoringLog, outcomes: tuple[OutcomeMonth, ...]) -> tuple[SegmentMonths, ...]:
    columns = log.setup.columns.segments
    if not columns or not outcomes:
        return ()
    month = Key(name="month", sql="CAST(CAST(date_trunc('month', scored_at) AS DATE) AS STRING)")
    totals = (
        count_where("n", "judged = 1"),
        count_where("n_positive", "judged = 1 AND outcome = 1"),
        exact_sum("sum_score", "score", where="judged = 1"),
    )
    cuts = [
        Cut(keys=(Key(name=f"segment_{i}", sql=segment_sql(log, column)), month), totals=totals)
        for i, column in enumerate(columns)
    ]
    read = Window.of_months(outcomes[0].window, outcomes[-1].window)
    frames = aggregate(log.engine, judged_view(log), tuple(cuts), where=inside("scored_at", read))
    places = {outcome.window.start.isoformat(): i for i, outcome in enumerate(outcomes)}
    found = []
    for i, column in enumerate(columns):
        rows = frames[i][frames[i]["month"].isin(places)]
        for value, part in rows.groupby(f"segment_{i}"):
            place = [places[label] for label in part["month"]]
            sums = np.zeros((3, len(outcomes)))
            sums[:, place] = part[["n", "n_positive", "sum_score"]].to_numpy(np.float64).T
            found.append(
                SegmentMonths(
                    column=column, value=str(value), n=sums[0], n_positive=sums[1], sum_score=sums[2]
                )
            )
    return tuple(found)
