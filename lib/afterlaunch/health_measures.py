"""The measures of the monthly health report: each a function of a month's sums, with its interval over days."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from afterlaunch import performance
from afterlaunch.calibration import calibration_gap, observed_expected_ratio
from afterlaunch.findings import Direction, Measurement
from afterlaunch.health_counts import DaySums, MonthCounts
from afterlaunch.kpis import ANYWHERE, Kpi
from afterlaunch.performance import ScoreCounts
from afterlaunch.ranges import Range
from afterlaunch.uncertainty import Interval, NoInterval, block_interval, block_weights

Floats = npt.NDArray[np.float64]
SHARE = Range(lower=0, upper=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resampling:
    """How intervals are made: whole days drawn ``n_resamples`` times from a fixed seed."""

    n_resamples: int = 1000
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class HealthMeasure:
    """A measure of a month: its name, unit, better direction and its formula over :class:`DaySums`.

    ``of_scores`` gives the exact value from counts per score value where sums by bin are only near it; ``bounds``
    are where values can lie at all.
    """

    name: str
    title: str
    unit: str
    direction: Direction
    decimals: int
    of_sums: Callable[[DaySums], Floats]
    of_scores: Callable[[ScoreCounts], float] | None = None
    bounds: Range = ANYWHERE


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.asarray(performance.ratio(numerator, denominator), dtype=np.float64)


def _ranking(
    function: Callable[[npt.ArrayLike, npt.ArrayLike], Floats | float],
) -> Callable[[DaySums], Floats]:
    return lambda sums: np.asarray(function(sums.n_negative_by_bin, sums.n_positive_by_bin), dtype=np.float64)


def _exact(
    function: Callable[[npt.ArrayLike, npt.ArrayLike], Floats | float],
) -> Callable[[ScoreCounts], float]:
    return lambda counts: float(function(counts.n_negative, counts.n_positive))


PERFORMANCE: tuple[HealthMeasure, ...] = (
    HealthMeasure(
        name="roc_auc",
        title="Ranking quality (ROC AUC)",
        unit="score",
        direction=Direction.HIGHER,
        decimals=3,
        of_sums=_ranking(performance.roc_auc),
        of_scores=_exact(performance.roc_auc),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="average_precision",
        title="Average precision",
        unit="score",
        direction=Direction.HIGHER,
        decimals=3,
        of_sums=_ranking(performance.average_precision),
        of_scores=_exact(performance.average_precision),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="ks_statistic",
        title="Separation (KS)",
        unit="score",
        direction=Direction.HIGHER,
        decimals=3,
        of_sums=_ranking(performance.ks_statistic),
        of_scores=_exact(performance.ks_statistic),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="precision",
        title="Precision at the alert threshold",
        unit="share",
        direction=Direction.HIGHER,
        decimals=1,
        of_sums=lambda sums: _ratio(sums.n_true_positive, sums.n_true_positive + sums.n_false_positive),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="recall",
        title="Recall at the alert threshold",
        unit="share",
        direction=Direction.HIGHER,
        decimals=1,
        of_sums=lambda sums: _ratio(sums.n_true_positive, sums.n_positive),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="f1",
        title="F1 at the alert threshold",
        unit="score",
        direction=Direction.HIGHER,
        decimals=3,
        of_sums=lambda sums: _ratio(
            2 * sums.n_true_positive, sums.n_true_positive + sums.n_false_positive + sums.n_positive
        ),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="brier_score",
        title="Brier score",
        unit="score",
        direction=Direction.LOWER,
        decimals=4,
        of_sums=lambda sums: _ratio(sums.sum_squared_error, sums.n),
        bounds=SHARE,
    ),
    HealthMeasure(
        name="log_loss",
        title="Log loss",
        unit="score",
        direction=Direction.LOWER,
        decimals=4,
        of_sums=lambda sums: _ratio(sums.sum_log_loss, sums.n),
        bounds=Range(lower=0),
    ),
    HealthMeasure(
        name="outcome_share",
        title="Outcome share",
        unit="share",
        direction=Direction.INSIDE,
        decimals=1,
        of_sums=lambda sums: _ratio(sums.n_positive, sums.n),
        bounds=SHARE,
    ),
)
CALIBRATION_GAP = HealthMeasure(
    name="calibration_gap",
    title="Calibration gap",
    unit="pp",
    direction=Direction.INSIDE,
    decimals=1,
    of_sums=lambda sums: 100 * np.asarray(calibration_gap(sums.n_positive, sums.sum_score, sums.n)),
)
OBSERVED_EXPECTED = HealthMeasure(
    name="observed_expected_ratio",
    title="Observed per expected outcome",
    unit="ratio",
    direction=Direction.INSIDE,
    decimals=2,
    of_sums=lambda sums: np.asarray(observed_expected_ratio(sums.n_positive, sums.sum_score)),
)


def kpi_measure(kpi: Kpi, place: int) -> HealthMeasure:
    """Return the measure of the KPI that stands at ``place`` in the KPI sums."""

    def of_sums(sums: DaySums) -> Floats:
        return kpi.per * _ratio(sums.kpi_numerators[..., place], sums.kpi_denominators[..., place])

    return HealthMeasure(
        name=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        direction=kpi.direction,
        decimals=kpi.decimals,
        of_sums=of_sums,
        bounds=SHARE if kpi.unit == "share" else kpi.bounds,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MonthMeasures:
    """Measures one month: the value over its judged rows and an interval over its days, drawn once for all."""

    month: MonthCounts
    resamples: DaySums | None
    fresh_weights: Floats
    _known: dict[HealthMeasure, Measurement] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, month: MonthCounts, resampling: Resampling) -> MonthMeasures:
        """Draw the month's days again and again and keep the sums of each draw."""

        def weights(n_days: int) -> npt.NDArray[np.int64]:
            return block_weights(n_days, resampling.n_resamples, seed=resampling.seed)

        n_days, n_fresh_days = month.days.n_days, len(month.fresh.n)
        return cls(
            month=month,
            resamples=month.days.weighted(weights(n_days)) if n_days else None,
            fresh_weights=weights(n_fresh_days).astype(np.float64) if n_fresh_days else np.zeros((0, 0)),
        )

    def measure(self, measure: HealthMeasure) -> Measurement:
        """Return a measure of the month with its n and interval, or the reason why there is none."""
        if measure not in self._known:
            self._known[measure] = self._measured(measure)
        return self._known[measure]

    def _measured(self, measure: HealthMeasure) -> Measurement:
        month = self.month
        if month.n_judged == 0 or self.resamples is None:
            return unknown(measure.name, measure.unit, month.window.title, reason=why_not_judged(month))
        everything = month.days.weighted(np.ones((1, month.days.n_days), dtype=np.int64))
        value = (
            measure.of_scores(month.scores) if measure.of_scores else float(measure.of_sums(everything)[0])
        )
        if math.isnan(value):
            reason = month.scores.why_undefined or "there is nothing to divide by"
            return unknown(measure.name, measure.unit, month.window.title, reason=reason, n=month.n_judged)
        interval = block_interval(value, measure.of_sums(self.resamples), month.days.n_days)
        return known(
            measure.name, measure.unit, month.window.title, value=value, interval=interval, n=month.n_judged
        )

    def fresh_mean(self, name: str, unit: str, sums_by_day: Floats) -> Measurement:
        """Return a sum over the fresh rows, given by day, divided by their number; it needs no outcome."""
        subject, n_by_day = self.month.window.title, self.month.fresh.n
        if not len(n_by_day):
            return unknown(name, unit, subject, reason=why_not_judged(self.month))
        value = float(sums_by_day.sum() / n_by_day.sum())
        draws = _ratio(self.fresh_weights @ sums_by_day, self.fresh_weights @ n_by_day)
        interval = block_interval(value, draws, len(n_by_day))
        return known(name, unit, subject, value=value, interval=interval, n=int(n_by_day.sum()))


def known(
    name: str, unit: str, subject: str, *, value: float, interval: Interval | NoInterval, n: int
) -> Measurement:
    """Return a measurement; an interval that could not be made leaves its reason instead."""
    found = interval if isinstance(interval, Interval) else None
    return Measurement(
        measure=name,
        subject=subject,
        value=float(value),
        unit=unit,
        n=n,
        ci_lower=found.lower if found else None,
        ci_upper=found.upper if found else None,
        reason="" if isinstance(interval, Interval) else interval.reason,
    )


def unknown(name: str, unit: str, subject: str, *, reason: str, n: int = 0) -> Measurement:
    """Return a measurement without a value and the reason why."""
    return Measurement(measure=name, subject=subject, value=math.nan, unit=unit, n=n, reason=reason)


def why_not_judged(month: MonthCounts) -> str:
    """Say why a month has no judged rows."""
    if month.n == 0:
        return f"no rows in {month.window.title}"
    if month.n_fresh == 0:
        return f"{month.window.title} lies in the training window of {' and '.join(month.versions)}"
    if month.n_maturing:
        return f"the outcomes of {month.window.title} are not complete yet"
    return f"no outcome is known for {month.window.title}"
