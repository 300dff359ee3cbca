"""The model as a whole: its alerts and scores against the reference months, and what each input has to do with it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.drift_counts import MonthsBeside, beside_each_other
from afterlaunch.drift_effects import ModelUse
from afterlaunch.drift_evidence import DriftEvidence
from afterlaunch.drift_policy import WIDE, DriftPolicy, Limits
from afterlaunch.drift_report import ModelDrift, ScoreDecomposition
from afterlaunch.errors import DataError
from afterlaunch.findings import Finding, Measurement
from afterlaunch.health_measures import unknown
from afterlaunch.month_to_month import Against, deciding_comparisons, from_the_others, usual_change
from afterlaunch.profiles import MonthProfile, VersionScores
from afterlaunch.since_when import Onset, since_when
from afterlaunch.uncertainty import wilson_interval

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class JudgedMonths:
    """The months beside each other, and what is what among them.

    ``version`` scored most rows of the current month; ``scored`` are the places of the reference months that it scored,
    ``last_year`` that of the same month a year ago.
    """

    beside: MonthsBeside
    version: str
    scored: tuple[int, ...]
    last_year: int | None

    @classmethod
    def of(cls, evidence: DriftEvidence, policy: DriftPolicy) -> JudgedMonths:
        """Put the months of some evidence beside each other.

        Raises
        ------
        DataError
            When there is no month to compare with.
        """
        profiles = evidence.profiles
        if len(profiles) < 2:
            raise DataError(
                f"There is no month before {evidence.window.title} to compare it with. Give a later period."
            )
        beside = beside_each_other(profiles, n_reference=policy.reference_months)
        scores = profiles[-1].scores
        version = max(scores, key=lambda name: (scores[name].n_rows, name))
        year_ago = evidence.window.previous(12)
        found = [i for i, month in enumerate(profiles) if month.window == year_ago]
        return cls(
            beside=beside,
            version=version,
            scored=tuple(
                i for i in beside.reference if _n_scored(profiles[i], version) >= max(policy.min_n, 1)
            ),
            last_year=found[0] if found else None,
        )

    def scores(self, places: Sequence[int]) -> list[VersionScores]:
        """Return the version's scores in some months."""
        return [self.beside.months[place].scores[self.version] for place in places]

    @property
    def current(self) -> VersionScores:
        """The version's scores in the current month."""
        return self.beside.current.scores[self.version]


def _n_scored(month: MonthProfile, version: str) -> int:
    return month.scores[version].n_rows if version in month.scores else 0


# --- alerts and scores --------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ScoreMeasure:
    code: str
    measure: str
    title: str
    unit: str
    decimals: int


_MEASURES = (
    _ScoreMeasure(
        code="drift.alerts", measure="alert_share", title="Share of alerts", unit="share", decimals=1
    ),
    _ScoreMeasure(code="drift.score", measure="mean_score", title="Mean score", unit="score", decimals=4),
)


def score_findings(months: JudgedMonths, policy: DriftPolicy) -> tuple[ModelDrift, ...]:
    """Hold the share of alerts and the mean score of the version against the reference months that it scored."""
    return tuple(
        _score_finding(months, measure, limits, policy)
        for measure, limits in zip(_MEASURES, (policy.alerts, policy.score), strict=True)
    )


def _score_finding(
    months: JudgedMonths, measure: _ScoreMeasure, limits: Limits, policy: DriftPolicy
) -> ModelDrift:
    subject = months.beside.current.window.title
    now = float(getattr(months.current, measure.measure))
    after = _with_interval(measure, subject, months.current)
    earlier = np.array([getattr(scores, measure.measure) for scores in months.scores(months.scored)])
    before = float(earlier.mean()) if earlier.size else math.nan
    reason = _why_not_compared(months, measure, before=before, now=now)
    if reason:
        return ModelDrift(
            finding=Finding(
                code=measure.code,
                measurement=unknown(f"change_of_{measure.measure}", "share", subject, reason=reason),
                threshold=limits.threshold(min_n=policy.min_n),
            ),
            title=measure.title,
            decimals=measure.decimals,
            before=before,
            after=after,
            month=months.beside.current.window.label,
            against=Against.FLOOR_ONLY,
        )
    change = _relative(now, before)
    usual_months = from_the_others(earlier[:, None]) / (before or 1.0)
    error, chance = _errors(measure, months, before)
    usual = usual_change(usual_months, np.array([change]), se=np.array([error]))
    year = math.nan
    if months.last_year is not None and months.version in months.beside.months[months.last_year].scores:
        year = _relative(now, float(getattr(months.scores([months.last_year])[0], measure.measure)))
    (against,) = deciding_comparisons([change], [year], usual=usual, floor=limits.watch)
    judged = year if against is Against.LAST_YEAR else change
    return ModelDrift(
        finding=Finding(
            code=measure.code,
            measurement=Measurement(
                measure=f"change_of_{measure.measure}",
                subject=subject,
                value=abs(judged),
                unit="share",
                n=months.current.n_rows,
            ),
            threshold=limits.threshold(usual=float(usual.size[0]), chance=chance, min_n=policy.min_n),
        ),
        title=measure.title,
        decimals=measure.decimals,
        before=before,
        after=after,
        month=months.beside.current.window.label,
        against=against,
        onset=_onset(months, measure),
    )


def _why_not_compared(months: JudgedMonths, measure: _ScoreMeasure, *, before: float, now: float) -> str:
    """Say why there is no change to tell as a share of what is usual; empty where there is one."""
    if not months.scored:
        return f"no reference month was scored by {months.version}"
    if before == 0 and now > 0:
        return f"the {measure.title.lower()} of {months.version} was 0 in all reference months"
    return ""


def _relative(now: float, before: float) -> float:
    return now / before - 1 if before else math.copysign(math.inf, now) if now else 0.0


def _standard_error(measure: _ScoreMeasure, scores: VersionScores) -> float:
    """Return the sampling error of rows that are independent."""
    share = scores.alert_share
    spread = share * (1 - share) if measure.measure == "alert_share" else scores.score_variance
    return math.sqrt(spread / scores.n_rows)


def _errors(measure: _ScoreMeasure, months: JudgedMonths, before: float) -> tuple[float, float]:
    """Return the sampling error of the current value, and what chance explains of its change; as shares of before."""
    if not before:
        return math.nan, 0.0
    error = _standard_error(measure, months.current)
    earlier = [_standard_error(measure, scores) for scores in months.scores(months.scored)]
    return error / before, WIDE * math.hypot(error, math.hypot(*earlier) / len(earlier)) / before


def _with_interval(measure: _ScoreMeasure, subject: str, scores: VersionScores) -> Measurement:
    n = scores.n_rows
    if measure.measure == "alert_share":
        interval = wilson_interval(float(scores.n_alerts.sum()), n)
        lower, upper = interval.lower, interval.upper
    else:
        reach = 1.96 * _standard_error(measure, scores)
        lower, upper = max(0.0, scores.mean_score - reach), min(1.0, scores.mean_score + reach)
    value = float(getattr(scores, measure.measure))
    return Measurement(
        measure=measure.measure,
        subject=subject,
        value=value,
        unit=measure.unit,
        n=n,
        ci_lower=lower,
        ci_upper=upper,
    )


def _onset(months: JudgedMonths, measure: _ScoreMeasure) -> Onset:
    places = [*months.scored, len(months.beside.months) - 1]
    labels = [months.beside.months[place].window.label for place in places]
    values = [getattr(scores, measure.measure) for scores in months.scores(places)]
    return since_when(labels, values)


# --- what adds up -------------------------------------------------------------------------------------------------


def decomposition(months: JudgedMonths, use: ModelUse | str) -> ScoreDecomposition | None:
    """Split the change of the mean score and of the alerts into what inputs did one at a time, and the rest."""
    if isinstance(use, str) or not months.scored:
        return None
    before = np.zeros(2)
    n = 0
    for scores in months.scores(months.scored):
        before += [scores.sum_score, float(scores.n_alerts.sum())]
        n += scores.n_rows
    change = np.array([months.current.mean_score, months.current.alert_share]) - before / n
    binned = months.beside.binned
    parts = use.effects.decompose(binned[list(months.scored)].sum(axis=0), binned[-1], mean_change=change)
    inputs = parts.effects.values.sum(axis=0)
    return ScoreDecomposition(
        total_score=float(change[0]),
        total_alerts_per_1000=1000 * float(change[1]),
        inputs_score=float(inputs[0]),
        inputs_alerts_per_1000=1000 * float(inputs[1]),
        unexplained_score=float(parts.unexplained[0]),
        unexplained_alerts_per_1000=1000 * float(parts.unexplained[1]),
        fidelity_score=use.effects.fidelity[0],
        fidelity_alerts=use.effects.fidelity[1],
        n_sample=use.effects.n_rows,
    )


def why_no_decomposition(months: JudgedMonths, use: ModelUse | str) -> str:
    """Say why the change cannot be split; empty where it can."""
    if isinstance(use, str):
        return use
    return "" if months.scored else f"no reference month was scored by {months.version}"
