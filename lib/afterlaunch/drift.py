"""What changed in the world, and does it matter to this model? Profiles of months in, a :class:`DriftReport` out."""

from __future__ import annotations

from afterlaunch.drift_effects import model_use
from afterlaunch.drift_estimates import estimated_performance
from afterlaunch.drift_evidence import DriftEvidence
from afterlaunch.drift_inputs import input_rows
from afterlaunch.drift_outcomes import outcome_findings, segment_outcomes
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_relations import changed_relations
from afterlaunch.drift_report import DriftReport
from afterlaunch.drift_scores import JudgedMonths, decomposition, score_findings, why_no_decomposition
from afterlaunch.findings import Verdict
from afterlaunch.health_measures import Resampling
from afterlaunch.health_report import Labels


def drift(
    evidence: DriftEvidence, *, policy: DriftPolicy, labels: Labels, resampling: Resampling
) -> DriftReport:
    """Judge what changed in a month by what it does to the model.

    Performance and calibration come first, then alerts and scores, then the inputs as what may be behind them. Every
    change is held against the usual change between the reference months, each compared with the others, and must
    exceed the policy's floor; the same month last year excuses what is a season's.

    Parameters
    ----------
    evidence : DriftEvidence
        Profiles of the months, and outcomes where they are known.
    policy : DriftPolicy
        Floors of effect size.
    labels : Labels
        What the model and its cases are called.
    resampling : Resampling
        Draws behind intervals, and their seed.

    Raises
    ------
    DataError
        When there is no month to compare with.
    """
    months = JudgedMonths.of(evidence, policy)
    use = model_use(months.beside, version=months.version, scored=months.scored)
    rows = input_rows(months.beside, use, last_year=months.last_year, policy=policy, allowed=evidence.allowed)
    relations = changed_relations(
        months.beside, use, scored=months.scored, policy=policy, seed=resampling.seed
    )
    segments = segment_outcomes(evidence, policy=policy)
    estimated, performance = estimated_performance(evidence, version=months.version, policy=policy)
    model_findings = (
        *outcome_findings(evidence, policy=policy, resampling=resampling),
        *estimated,
        *score_findings(months, policy),
    )
    findings = [row.finding for row in model_findings] + [row.finding for row in rows]
    current = months.beside.current
    reference = [months.beside.months[place] for place in months.beside.reference]
    return DriftReport(
        model=labels.model,
        title=labels.title,
        case_noun=labels.case_noun,
        outcome_noun=labels.outcome_noun,
        window=evidence.window,
        reference=tuple(month.window.label for month in reference),
        score_reference=tuple(months.beside.months[place].window.label for place in months.scored),
        last_year=evidence.window.previous(12).label if months.last_year is not None else "",
        version=months.version,
        other_versions=tuple(name for name in current.scores if name != months.version),
        n_rows=current.n,
        n_reference=months.beside.n_reference,
        as_of=evidence.as_of,
        outcomes_complete_until=evidence.outcomes_complete_until,
        judged_window=evidence.outcomes[-1].window if evidence.outcomes else evidence.window,
        verdict=Verdict.of([*findings, relations.finding, segments.finding]),
        model_findings=model_findings,
        inputs=rows,
        decomposition=decomposition(months, use),
        decomposition_reason=why_no_decomposition(months, use),
        relations=relations,
        segments=segments,
        performance=performance,
        simulated=labels.simulated,
    )
