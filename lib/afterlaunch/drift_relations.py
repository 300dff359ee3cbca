"""Whether inputs, and the score, belong together as they did, apart from each one's own distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.drift_counts import InputMonths, MonthsBeside
from afterlaunch.drift_effects import ModelUse
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_report import Relations
from afterlaunch.findings import Finding, Measurement
from afterlaunch.month_to_month import QuantityKind, usual_change
from afterlaunch.profiles import MonthProfile
from afterlaunch.relations import NoRelationChange, PairChange, RelationChange, relation_change

Floats: TypeAlias = npt.NDArray[np.float64]

SCORE = "score"
_N_REFERENCE_ROWS = 12_000
_FAR_BEYOND = 4.0
_FEWEST_MONTHS = 3


def changed_relations(
    beside: MonthsBeside, use: ModelUse | str, *, scored: Sequence[int], policy: DriftPolicy, seed: int
) -> Relations:
    """Compare the correlations between inputs, and between inputs and score, with those of the reference months.

    Categories take the place that the model gives them (its mean effect on the score). The score is left out when
    fewer than three reference months were scored by the same version.

    Parameters
    ----------
    beside : MonthsBeside
        The months.
    use : ModelUse or str
        What the model makes of its inputs; without it relations between numbers only are compared.
    scored : sequence of int
        Places of the reference months that the version scored.
    policy : DriftPolicy
        Floors.
    seed : int
        Of the permutations.
    """
    version = use.version if not isinstance(use, str) and len(scored) >= _FEWEST_MONTHS else ""
    inputs = [(i, one) for i, one in enumerate(beside.inputs) if one.is_number or not isinstance(use, str)]
    names = [one.name for _, one in inputs]
    weights = np.array([1.0 if isinstance(use, str) else use.effects.input_weights[i, 0] for i, _ in inputs])
    if version:
        names, weights = [*names, _score_name(names)], np.append(weights, 1.0)
    if len(names) < 2:
        return _not_compared(policy, "there are fewer than two inputs to compare")
    tables = {
        place: _table(beside.months[place], inputs, use, version)
        for place in (*beside.reference, len(beside.months) - 1)
    }
    each = max(1, _N_REFERENCE_ROWS // max(1, len(beside.reference)))
    reference = [tables[place][:each] for place in beside.reference]
    current = tables[len(beside.months) - 1]
    found = relation_change(reference, current, names=names, seed=seed, weights=weights)
    if isinstance(found, NoRelationChange):
        return _not_compared(policy, found.reason, n_reference=found.n_reference, n_current=found.n_current)
    changed = _unusual_pairs(found, policy)
    used = {name for name, weight in zip(names, weights, strict=True) if weight >= policy.used_weight}
    # Without other months nobody knows how much relations change anyway.
    of_used = [pair for pair in changed if {pair.first, pair.second} <= used]
    serious = [pair for pair in of_used if pair.usual is not None]
    largest = max((abs(pair.change) for pair in serious), default=0.0)
    return Relations(
        finding=_finding(largest, found.n_current, policy),
        changed=changed,
        is_harmless=bool(changed) and not of_used,
        n_pairs=len(found.pairs),
        n_reference=found.n_reference,
        n_current=found.n_current,
        p_value=found.overall.p_value,
    )


def _unusual_pairs(found: RelationChange, policy: DriftPolicy) -> tuple[PairChange, ...]:
    """Return the pairs that changed, if all relations together changed unusually; otherwise those far beyond habit.

    Of few months and many pairs, the largest change seen before is soon surpassed by chance.
    """
    level, floor = policy.max_false_discovery, policy.relation.watch
    if not found.is_changed(level=level, floor=floor):
        return ()
    changed = found.changed_pairs(level=level, floor=floor)
    for overall in (found.overall, found.weighted):
        if overall is None:
            continue
        usual = usual_change(
            np.array(overall.usual)[:, None], np.array([overall.statistic]), kind=QuantityKind.DISTANCE
        )
        if float(usual.p_value[0]) <= level:
            return changed
    return tuple(pair for pair in changed if abs(pair.change) > _FAR_BEYOND * (pair.usual or 0.0))


def _score_name(names: Sequence[str]) -> str:
    """Return what the score is called beside inputs, one of which may have taken the name."""
    name = SCORE
    while name in names:
        name = f"model {name}"
    return name


def _table(
    month: MonthProfile,
    inputs: Sequence[tuple[int, InputMonths]],
    use: ModelUse | str,
    version: str,
) -> Floats:
    """Lay the sampled rows of a month out as numbers whose order means something."""
    sample = month.sample
    kept = sample.version == version if version else np.ones(sample.n_rows, dtype=np.bool_)
    columns = []
    for place, one in inputs:
        values = sample.inputs[one.name][kept]
        if one.is_number:
            columns.append(np.asarray(values, dtype=np.float64))
        elif not isinstance(use, str):
            effects = use.of_bins(place).copy()
            effects[one.bins.missing_code] = np.nan
            columns.append(effects[one.text_codes(values)])
    if version:
        columns.append(sample.score[kept])
    return np.stack(columns, axis=1) if columns else np.zeros((int(kept.sum()), 0))


def _finding(largest: float, n: int, policy: DriftPolicy) -> Finding:
    measurement = Measurement(
        measure="change_of_correlation", subject="relations", value=largest, unit="score", n=n
    )
    return Finding(code="drift.relations", measurement=measurement, threshold=policy.relation.threshold())


def _not_compared(policy: DriftPolicy, reason: str, *, n_reference: int = 0, n_current: int = 0) -> Relations:
    measurement = Measurement(
        measure="change_of_correlation",
        subject="relations",
        value=float("nan"),
        unit="score",
        n=n_current,
        reason=reason,
    )
    return Relations(
        finding=Finding(
            code="drift.relations", measurement=measurement, threshold=policy.relation.threshold()
        ),
        changed=(),
        is_harmless=False,
        n_pairs=0,
        n_reference=n_reference,
        n_current=n_current,
        p_value=None,
        reason=reason,
    )
