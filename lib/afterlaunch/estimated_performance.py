"""How well a month is likely to do before its outcomes arrive: confidence-based estimates, with intervals.

Earlier months teach how often the outcome happens at each score; the current month's scores then say how
many positives to expect where, and with them every measure. Each earlier month is estimated from the others
in the same way and compared with what it really was: how far those estimates were off sets the interval.

Two things are assumed and can't be seen here. The outcome happens as often at the same score as before: a
concept drift that changes it leaves the estimates where they were. And calibration in the large: the
estimated outcome share follows from the scores, so that there is no estimate of the calibration gap.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.expected_measures import (
    MEASURES,
    OF_ALERTS,
    OutcomeCurve,
    RowsByBin,
    measured,
    slopes,
)
from afterlaunch.past_errors import PastErrors

# Distributions come from scipy.special: importing scipy.stats takes most of a second.
Floats: TypeAlias = npt.NDArray[np.float64]

MIN_MONTHS = 3
"""With fewer reference months there are no estimates: nothing says how far off they are."""
MIN_REFERENCE = 50
"""With fewer positive or negative outcomes in all reference months there are no estimates."""
MIN_EXPECTED = 20
"""With fewer positives, negatives or alerts expected in the current month, measures that rest on them have none."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceMonth:
    """A month whose outcomes are known and complete: its rows by score bin.

    Parameters
    ----------
    label : str
        Such as "2013-09".
    n_negative, n_positive : array_like, shape (n_bins,)
        Rows by outcome, 0 or more. Leave rows out whose outcome is not known.
    n_alert_negative, n_alert_positive : array_like or None, shape (n_bins,)
        Those of them that got an alert; None where alerts were not counted. Thresholds may differ between
        months and versions.
    """

    label: str
    n_negative: npt.ArrayLike
    n_positive: npt.ArrayLike
    n_alert_negative: npt.ArrayLike | None = None
    n_alert_positive: npt.ArrayLike | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CurrentMonth:
    """A month whose outcomes are not known yet: all its scored rows by score bin.

    Parameters
    ----------
    n : array_like, shape (n_bins,)
        Rows, 0 or more.
    n_alerts : array_like or None, shape (n_bins,)
        Those that got an alert; None where alerts were not counted.
    """

    n: npt.ArrayLike
    n_alerts: npt.ArrayLike | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PastEstimate:
    """A reference month's measure as estimated from the other months, and as it really was.

    The interval leaves the month's own error out, so that it can miss. With three reference months it rests
    on two errors, and is so wide that it hardly ever does.
    """

    label: str
    estimated: float
    realised: float
    ci_lower: float
    ci_upper: float

    @property
    def inside(self) -> bool:
        """Whether the realised value lies in the interval, ends included."""
        return self.ci_lower <= self.realised <= self.ci_upper


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a measure of the current month is likely to be once its outcomes are known.

    Parameters
    ----------
    measure : str
        One of :data:`afterlaunch.expected_measures.MEASURES`.
    value : float
        Between 0 and 1; nan without an estimate.
    ci_lower, ci_upper : float
        Prediction interval of the realised value; nan without an estimate.
    reason : str or None
        Why there is no estimate, in words that can follow a colon; None where there is one.
    past : tuple of PastEstimate
        Reference months that the measure could be estimated for and was known of, in the order given; none
        without an estimate.
    """

    measure: str
    value: float
    ci_lower: float
    ci_upper: float
    reason: str | None = None
    past: tuple[PastEstimate, ...] = ()

    @property
    def n_past(self) -> int:
        """Reference months that the estimate was checked on."""
        return len(self.past)

    @property
    def n_inside(self) -> int:
        """Those whose realised value lay in the interval of its own estimate."""
        return sum(past.inside for past in self.past)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EstimatedPerformance:
    """Estimates of the current month, one a measure.

    Parameters
    ----------
    estimates : tuple of Estimate
        In the order of :data:`afterlaunch.expected_measures.MEASURES`.
    n_reference_months : int
        Months given.
    unseen_share : float
        Share of the current rows with a score below or above all of the reference's: of these the estimates
        know nothing, and take the nearest score's share. nan without current rows.
    """

    estimates: tuple[Estimate, ...]
    n_reference_months: int
    unseen_share: float

    def of(self, measure: str) -> Estimate:
        """Return the estimate of a measure.

        Raises
        ------
        ParameterError
            When there is no such measure.
        """
        for estimate in self.estimates:
            if estimate.measure == measure:
                return estimate
        raise ParameterError(f"There is no estimate of {measure!r}. Give one of {', '.join(MEASURES)}.")


def estimate_performance(
    reference: Sequence[ReferenceMonth], current: CurrentMonth, *, score: npt.ArrayLike, level: float = 0.95
) -> EstimatedPerformance:
    """Estimate the current month's measures from its scores, with prediction intervals.

    How often the outcome happens at each score is learned from all reference months by isotonic regression,
    which needs no calibrated scores. An interval allows for the chance in the current month's outcomes, for
    the error of what was learned, and for what the errors of past estimates show beyond these: months that
    differ. How much they differ has a posterior distribution (prior flat in the logarithm of a past error's
    standard deviation, like that behind Student's t, but never below what chance alone gives). Intervals lie
    between 0 and 1 (they are made on the log-odds of a measure). With days or groups that differ inside a
    month, past errors show that too.

    What can't be known from scores: a concept drift (outcomes that change at the same score) leaves the
    estimate where it was, and its interval does not allow for it. Calibration in the large is assumed, not
    measured: the expected outcome share is the scores' own, so there is no estimate of a calibration gap.

    Parameters
    ----------
    reference : sequence of ReferenceMonth
        Without the current month. :data:`MIN_MONTHS` or more; with fewer than 6 intervals are wide.
    current : CurrentMonth
    score : array_like, shape (n_bins,)
        The score of each bin (its middle), in [0, 1], rising; the same bins for all months.
    level : float
        Between 0 and 1, exclusive. A nominal 95 % covers 96 to 98 % with 12 reference months and 97 to 100 %
        with 3, over months that differ and scores that shift or are miscalibrated (about 90 % in the worst).
        Against an interval that knows its error's spread it is 1.2 times as wide with 12 months, 1.4 times
        with 6 and 2.3 times with 3.

    Raises
    ------
    DataError
        When bins do not fit each other, a count is negative or missing, there are more alerts than rows, or
        scores do not rise from 0 to 1.
    ParameterError
        When the level is not between 0 and 1.

    References
    ----------
    Kivimäki et al. (2025), "Performance estimation in binary classification using calibrated confidence",
    arXiv 2505.05295.
    Higgins, Thompson and Spiegelhalter (2009), doi 10.1111/j.1467-985X.2008.00552.x (prediction intervals
    where studies, here months, differ).

    Examples
    --------
    >>> month = {"n_negative": [900, 300], "n_positive": [100, 200]}
    >>> earlier = [ReferenceMonth(label=f"2024-{i}", **month) for i in range(1, 7)]
    >>> now = estimate_performance(earlier, CurrentMonth(n=[1_000, 1_500]), score=[0.2, 0.7])
    >>> now.of("outcome_share").value, round(now.of("roc_auc").value, 3)
    (0.28, 0.679)
    >>> now.of("precision").reason
    'alerts were not counted in the current month'
    """
    if not 0 < level < 1:
        raise ParameterError(f"Level is {level}. Give a number between 0 and 1, such as 0.95.")
    months = _Months.checked(reference, current, score)
    reason = months.why_unknown
    if reason is not None:
        estimates = [_no_estimate(measure, reason) for measure in MEASURES]
    else:
        found = _Found.of(months, level)
        estimates = [_estimate(months, found, place) for place in range(len(MEASURES))]
    return EstimatedPerformance(
        estimates=tuple(estimates),
        n_reference_months=len(reference),
        unseen_share=months.unseen_share,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Months:
    """Reference months and, last, the current one, on the bins that hold rows."""

    labels: tuple[str, ...]
    score: Floats
    n: Floats
    n_alerts: Floats
    n_positive: Floats  # of the reference months
    n_alert_positive: Floats

    @classmethod
    def checked(
        cls, reference: Sequence[ReferenceMonth], current: CurrentMonth, score: npt.ArrayLike
    ) -> _Months:
        scores = np.asarray(score, np.float64)
        if scores.ndim != 1 or not (np.all(np.diff(scores) > 0) and np.all((scores >= 0) & (scores <= 1))):
            raise DataError(
                f"Scores of the bins have shape {scores.shape} and do not rise strictly within [0, 1]. "
                "Give one score a bin, lowest first, such as ScoreGrid().midpoint(...)."
            )
        rows = [_counts(m.label, "n_negative", m.n_negative, scores.size) for m in reference]
        positive = [_counts(m.label, "n_positive", m.n_positive, scores.size) for m in reference]
        n = [a + b for a, b in zip(rows, positive, strict=True)]
        n.append(_counts("the current month", "n", current.n, scores.size))
        alerts, alert_positive = [], []
        for month, negative, n_up in zip(reference, rows, positive, strict=True):
            n_down = _alerts(month.label, "n_alert_negative", month.n_alert_negative, negative)
            alert_positive.append(_alerts(month.label, "n_alert_positive", month.n_alert_positive, n_up))
            alerts.append(n_down + alert_positive[-1])
        alerts.append(_alerts("the current month", "n_alerts", current.n_alerts, n[-1]))
        used = np.sum(n, axis=0) > 0
        empty = np.empty((0, scores.size))
        return cls(
            labels=tuple(month.label for month in reference),
            score=scores[used],
            n=np.stack(n)[:, used],
            n_alerts=np.stack(alerts)[:, used],
            n_positive=np.concatenate([empty, *(a[None] for a in positive)])[:, used],
            n_alert_positive=np.concatenate([empty, *(a[None] for a in alert_positive)])[:, used],
        )

    @property
    def n_reference(self) -> int:
        return len(self.labels)

    @property
    def others(self) -> Floats:
        """Which reference months (columns) a month (row) is estimated from: never from itself."""
        k = self.n_reference
        return np.vstack([1.0 - np.eye(k), np.ones(k)])

    @property
    def realised(self) -> Floats:
        k = self.n_reference
        known = RowsByBin(
            n=self.n[:k],
            n_alerts=self.n_alerts[:k],
            n_positive=self.n_positive,
            n_alert_positive=self.n_alert_positive,
        )
        return measured(self.score, known)

    @property
    def unseen_share(self) -> float:
        seen = np.flatnonzero(self.n[:-1].sum(axis=0) > 0)
        all_rows = float(self.n[-1].sum())
        if not all_rows:
            return math.nan
        known = float(self.n[-1, seen[0] : seen[-1] + 1].sum()) if seen.size else 0.0
        return 1.0 - known / all_rows

    @property
    def why_unknown(self) -> str | None:
        k = self.n_reference
        if k < MIN_MONTHS:
            there = "there is 1" if k == 1 else f"there are {k}"
            return f"estimates need at least {MIN_MONTHS} reference months, and {there}"
        n_positive = self.n_positive.sum()
        for name, n in (("positive", n_positive), ("negative", self.n[:k].sum() - n_positive)):
            if n < MIN_REFERENCE:
                return (
                    f"the reference months hold {n:,.0f} {name} outcomes, and estimates need {MIN_REFERENCE}"
                )
        return None


def _counts(label: str, name: str, counts: npt.ArrayLike, n_bins: int) -> Floats:
    by_bin = np.asarray(counts, np.float64)
    if by_bin.shape != (n_bins,):
        raise DataError(
            f"{name} of {label} has shape {by_bin.shape} for {n_bins} bins. Give one count a bin, on the same "
            "bins for all months."
        )
    wrong = by_bin[~((by_bin >= 0) & np.isfinite(by_bin))]
    if wrong.size:
        raise DataError(f"{name} of {label} holds {wrong[0]:g}. Counts are 0 or more.")
    return by_bin


def _alerts(label: str, name: str, alerts: npt.ArrayLike | None, rows: Floats) -> Floats:
    if alerts is None:
        return np.full(rows.size, np.nan)
    by_bin = _counts(label, name, alerts, rows.size)
    more = np.flatnonzero(by_bin > rows)
    if more.size:
        raise DataError(
            f"{name} of {label} is {by_bin[more[0]]:g} in bin {more[0]}, of {rows[more[0]]:g} rows. Count "
            "alerts among the rows that are counted, with the same outcome."
        )
    return by_bin


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """Estimates and realised values by measure and month; the current month last."""

    value: Floats
    lower: Floats
    upper: Floats
    realised: Floats
    is_checked: npt.NDArray[np.bool_]
    n_positive: float  # expected in the current month

    @classmethod
    def of(cls, months: _Months, level: float) -> _Found:
        from scipy import special

        n_negative = months.n[:-1] - months.n_positive
        curves = [OutcomeCurve.fitted(used @ n_negative, used @ months.n_positive) for used in months.others]
        rows = RowsByBin.expected(months.n, months.n_alerts, np.stack([curve.share for curve in curves]))
        value, realised = measured(months.score, rows), months.realised
        errors = _past_errors(months, rows, curves, value=value, realised=realised)
        reach = errors.reach(level)
        with np.errstate(divide="ignore"):
            log_odds = special.logit(value)
        return cls(
            value=value,
            lower=special.expit(log_odds - reach),
            upper=special.expit(log_odds + reach),
            realised=realised,
            is_checked=errors.is_checked,
            n_positive=float(rows.n_positive[-1].sum()),
        )


def _past_errors(
    months: _Months, rows: RowsByBin, curves: list[OutcomeCurve], *, value: Floats, realised: Floats
) -> PastErrors:
    """Return the errors and what chance explains of them, as log-odds of each measure."""
    share = np.stack([curve.share for curve in curves])
    at = slopes(months.score, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_log_odds = 1 / (value * (1 - value))
        of_share = at.of_share(rows) * to_log_odds[..., None]
        of_curve = np.stack([curve.variance(of_share[:, m]) for m, curve in enumerate(curves)], axis=1)
        chance = at.variance(rows, share) * to_log_odds**2 + of_curve
        error = (realised - value[:, :-1]) * to_log_odds[:, :-1]
        to_level = np.sum(of_share * share * (1 - share), axis=-1)
    has_chance = np.isfinite(chance) & (chance > 0)
    is_checked = np.isfinite(error) & has_chance[:, :-1]
    weight = months.others * months.n[:-1].sum(axis=-1)
    return PastErrors(
        error=np.where(is_checked, error, 0.0),
        is_checked=is_checked,
        chance=np.where(has_chance, chance, np.nan),
        spread=1 + np.sum(weight**2, axis=1) / np.maximum(np.sum(weight, axis=1), 1.0) ** 2,
        to_level=to_level,
        level_place=MEASURES.index("outcome_share"),
    )


def _estimate(months: _Months, found: _Found, place: int) -> Estimate:
    measure, is_checked = MEASURES[place], found.is_checked[place]
    reason = _why_none(months, found, place)
    if reason is not None:
        return _no_estimate(measure, reason)
    return Estimate(
        measure=measure,
        value=float(found.value[place, -1]),
        ci_lower=float(found.lower[place, -1]),
        ci_upper=float(found.upper[place, -1]),
        past=tuple(
            PastEstimate(
                label=months.labels[m],
                estimated=float(found.value[place, m]),
                realised=float(found.realised[place, m]),
                ci_lower=float(found.lower[place, m]),
                ci_upper=float(found.upper[place, m]),
            )
            for m in np.flatnonzero(is_checked)
        ),
    )


def _why_none(months: _Months, found: _Found, place: int) -> str | None:
    n, n_alerts = float(months.n[-1].sum()), float(months.n_alerts[-1].sum())
    for name, n_expected in (("positive", found.n_positive), ("negative", n - found.n_positive)):
        if n_expected < MIN_EXPECTED:
            return (
                f"about {n_expected:,.0f} {name} outcomes are to be expected in the current month, and "
                f"estimates need {MIN_EXPECTED}"
            )
    if MEASURES[place] in OF_ALERTS:
        if math.isnan(n_alerts):
            return "alerts were not counted in the current month"
        if n_alerts < MIN_EXPECTED:
            return f"the current month has {n_alerts:,.0f} alerts, and the estimate needs {MIN_EXPECTED}"
    n_checked = int(found.is_checked[place].sum())
    if n_checked < MIN_MONTHS:
        return (
            f"it is known of {n_checked} of the {months.n_reference} reference months, and estimates need "
            f"{MIN_MONTHS} to be checked on"
        )
    if math.isnan(found.lower[place, -1]):
        return f"it seems certain to be {found.value[place, -1]:.4g}, and how sure that is cannot be told"
    return None


def _no_estimate(measure: str, reason: str) -> Estimate:
    return Estimate(measure=measure, value=math.nan, ci_lower=math.nan, ci_upper=math.nan, reason=reason)
