"""Performance by month: what came out, and what scores say of it while outcomes are still to come."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from afterlaunch.drift_evidence import DriftEvidence, OutcomeMonth
from afterlaunch.drift_outcomes import reference_outcomes
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_report import ModelDrift, Performance, PerformanceMonth
from afterlaunch.estimated_performance import (
    CurrentMonth,
    Estimate,
    PastEstimate,
    ReferenceMonth,
    estimate_performance,
)
from afterlaunch.findings import Finding, Measurement
from afterlaunch.health_counts import SCORE_GRID
from afterlaunch.month_to_month import Against
from afterlaunch.performance import roc_auc

MEASURE = "roc_auc"


def estimated_performance(
    evidence: DriftEvidence, *, version: str, policy: DriftPolicy
) -> tuple[tuple[ModelDrift, ...], Performance]:
    """Estimate the ranking of the current month from its scores, and say how well past estimates did.

    Only months that the version alone scored teach how often outcomes happen at each score. The estimate is a finding
    as long as outcomes of the month itself do not judge it; afterwards it stands beside what came out.

    Parameters
    ----------
    evidence : DriftEvidence
        Profiles and outcomes.
    version : str
        The version whose scores are used.
    policy : DriftPolicy
        Floors, and how many months the reference has.
    """
    months = [
        month
        for month in evidence.outcomes
        if month.versions == (version,) and month.window.start < evidence.window.start
    ][-policy.reference_months :]
    estimate = _estimate(evidence, version, months)
    current = _current_month(evidence, estimate)
    past = {one.label: one for one in estimate.past}
    earlier = [m for m in evidence.outcomes if m.window.start < evidence.window.start]
    performance = Performance(
        months=(*(_month(month, past.get(month.window.label)) for month in earlier), current),
        n_inside=estimate.n_inside,
        n_past=estimate.n_past,
        estimate_reason=estimate.reason or "",
    )
    # A few outcomes of the month itself do not judge it yet, and the estimate still does.
    is_judged = evidence.are_outcomes_in and len(reference_outcomes(evidence, policy)) > 1
    if is_judged or not evidence.outcomes:
        return (), performance
    return (_finding(evidence, estimate, policy),), performance


def _estimate(evidence: DriftEvidence, version: str, months: Sequence[OutcomeMonth]) -> Estimate:
    scores = evidence.profiles[-1].scores[version]
    reference = [
        ReferenceMonth(
            label=month.window.label,
            n_negative=month.n_negative.sum(axis=0),
            n_positive=month.n_positive.sum(axis=0),
        )
        for month in months
    ]
    grid = SCORE_GRID.midpoint(np.arange(SCORE_GRID.n_bins))
    found = estimate_performance(reference, CurrentMonth(n=scores.by_bin(scores.n)), score=grid)
    return found.of(MEASURE)


def _current_month(evidence: DriftEvidence, estimate: Estimate) -> PerformanceMonth:
    """Return the current month's estimate, beside what came out where that is known."""
    guess = PastEstimate(
        label=evidence.window.label,
        estimated=estimate.value,
        realised=math.nan,
        ci_lower=estimate.ci_lower,
        ci_upper=estimate.ci_upper,
    )
    known = guess if math.isfinite(estimate.value) else None
    if evidence.are_outcomes_in:
        return _month(evidence.outcomes[-1], known)
    return PerformanceMonth(
        label=evidence.window.label,
        n=evidence.profiles[-1].n,
        roc_auc=math.nan,
        observed_expected=math.nan,
        estimated_roc_auc=estimate.value,
        ci_lower=known.ci_lower if known else None,
        ci_upper=known.ci_upper if known else None,
    )


def _month(month: OutcomeMonth, past: PastEstimate | None) -> PerformanceMonth:
    negative, positive = month.n_negative.sum(axis=0), month.n_positive.sum(axis=0)
    expected = float(month.sum_score.sum())
    return PerformanceMonth(
        label=month.window.label,
        n=month.n,
        roc_auc=float(np.asarray(roc_auc(negative, positive))),
        observed_expected=float(positive.sum()) / expected if expected else math.nan,
        estimated_roc_auc=past.estimated if past else math.nan,
        ci_lower=past.ci_lower if past else None,
        ci_upper=past.ci_upper if past else None,
        outcome_share=float(positive.sum()) / month.n if month.n else math.nan,
    )


def _finding(evidence: DriftEvidence, estimate: Estimate, policy: DriftPolicy) -> ModelDrift:
    """Judge the estimate: a fall that its interval does not cover."""
    n = evidence.profiles[-1].n
    subject = evidence.window.title
    realised = [one.realised for one in estimate.past]
    before = float(np.mean(realised)) if realised else math.nan
    fall = max(0.0, before - estimate.value)
    is_known = math.isfinite(fall) and estimate.reason is None
    reason = estimate.reason or ("" if is_known else "there is no month to compare it with")
    return ModelDrift(
        finding=Finding(
            code="drift.estimated_ranking",
            measurement=Measurement(
                measure="fall_of_estimated_roc_auc",
                subject=subject,
                value=fall if is_known else math.nan,
                unit="score",
                n=n,
                reason=reason,
            ),
            threshold=policy.ranking.threshold(
                usual=estimate.ci_upper - estimate.value if is_known else 0.0, min_n=policy.min_n
            ),
        ),
        title="Estimated ranking quality (ROC AUC)",
        decimals=3,
        before=before,
        after=Measurement(
            measure=MEASURE,
            subject=subject,
            value=estimate.value,
            unit="score",
            n=n,
            ci_lower=estimate.ci_lower if is_known else None,
            ci_upper=estimate.ci_upper if is_known else None,
            reason="" if is_known else reason,
        ),
        month=evidence.window.label,
        against=Against.OTHER_MONTHS if is_known else Against.FLOOR_ONLY,
        is_estimate=True,
    )
