"""Each input: how far it moved, what it looks like, what that does to the model, and whether it is unusual."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.divergence import (
    adjusted_psi,
    jensen_shannon_distance,
    mean_shift_in_sd,
    wasserstein_in_sd,
)
from afterlaunch.drift_counts import InputMonths, MonthsBeside
from afterlaunch.drift_effects import JudgedEffect, ModelUse, finite_or_none, judged_effects
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_report import BinShare, Distances, InputDrift, InputState, ModelEffect
from afterlaunch.findings import Finding, Measurement, Severity
from afterlaunch.input_changes import CategoryCounts, InputChange, NotCompared, NumberCounts, input_changes
from afterlaunch.month_to_month import (
    Against,
    QuantityKind,
    usual_change,
)
from afterlaunch.performance import ks_statistic
from afterlaunch.ranges import Range
from afterlaunch.since_when import Onset, since_when

Floats: TypeAlias = npt.NDArray[np.float64]

UNMET = frozenset(
    {"all_missing", "constant", "new_category", "out_of_range", "relabelled", "swapped", "unit_change"}
)
"""Kinds of change after which a model meets values that mean something else, or nothing, to it."""
_ONLY_DESCRIBED = frozenset({"shifted", "spread", "mix"})
_MOVED_SD = 0.2
_HARDLY_MISSING = 0.001


def input_rows(
    beside: MonthsBeside,
    use: ModelUse | str,
    *,
    last_year: int | None,
    policy: DriftPolicy,
    allowed: Mapping[str, Range],
) -> tuple[InputDrift, ...]:
    """Return a row an input, what matters most first.

    Parameters
    ----------
    beside : MonthsBeside
        The months; with at least one reference month.
    use : ModelUse or str
        What the model makes of its inputs, or why that is not known.
    last_year : int or None
        Place of the same month a year ago.
    policy : DriftPolicy
        Floors.
    allowed : mapping of str to Range
        Ranges that inputs may take.
    """
    distances = _distances(beside)
    effects = judged_effects(beside, use, last_year=last_year, policy=policy)
    rows = []
    for place, one in enumerate(beside.inputs):
        changes = _changes(beside, one, allowed=allowed.get(one.name, Range()), last_year=last_year)
        psi_last_year = _psi_between(one, last_year) if last_year is not None else math.inf
        seen = _Seen(
            one=one,
            changes=changes,
            distances=distances[place],
            effect=effects[place],
            is_like_last_year=psi_last_year < policy.moved_psi,
        )
        finding = _finding(seen, beside, policy)
        state = _state(seen, finding, policy)
        moved = state is not InputState.STILL
        rows.append(
            InputDrift(
                name=one.name,
                changes=changes,
                distances=seen.distances,
                missing_share=float(one.n_missing[-1] / beside.current.n),
                missing_share_reference=float(beside.pooled(one.n_missing) / max(1, beside.n_reference)),
                effect=seen.effect.told,
                state=state,
                finding=finding,
                onset=_onset(beside, seen, place, use) if moved else None,
                bins=_bins(beside, one, place, use) if moved else (),
            )
        )
    return tuple(sorted(rows, key=_rank))


def _rank(row: InputDrift) -> tuple[float, ...]:
    unmet = row.finding.measurement.value if row.finding.measurement.measure == "unmet_share" else 0.0
    # Where it is not known what the model makes of its inputs, it may make all of each.
    is_known = not math.isnan(row.effect.weight)
    size = max(abs(row.effect.relative), unmet * row.effect.weight) if is_known else unmet
    return (-row.severity.rank, -size, -row.distances.psi)


# --- distances ----------------------------------------------------------------------------------------------------


def _distances(beside: MonthsBeside) -> list[Distances]:
    if not beside.inputs:
        return []
    psi = np.array([float(adjusted_psi(beside.pooled(one.binned), one.binned[-1])) for one in beside.inputs])
    months = np.stack(
        [
            np.asarray(adjusted_psi(beside.pooled_without(one.binned), one.binned[list(beside.reference)]))
            if len(beside.reference) > 1
            else np.zeros(0)
            for one in beside.inputs
        ],
        axis=1,
    )
    usual = usual_change(months, psi, kind=QuantityKind.SQUARED_DISTANCE)
    return [
        _distances_of(beside, one, psi=float(psi[i]), psi_usual=finite_or_none(usual.upper[i]))
        for i, one in enumerate(beside.inputs)
    ]


def _distances_of(
    beside: MonthsBeside, one: InputMonths, *, psi: float, psi_usual: float | None
) -> Distances:
    distance = float(jensen_shannon_distance(beside.pooled(one.binned), one.binned[-1]))
    reference, current = beside.pooled(one.counts), one.counts[-1]
    if not one.is_number or not reference.sum() or not current.sum():
        return Distances(psi=psi, psi_usual=psi_usual, jensen_shannon=distance)
    values = np.asarray(one.values)
    return Distances(
        psi=psi,
        psi_usual=psi_usual,
        jensen_shannon=distance,
        ks=float(ks_statistic(reference, current)),
        wasserstein_sd=finite_or_none(float(wasserstein_in_sd(values, reference, current))),
        mean_shift_sd=finite_or_none(float(mean_shift_in_sd(values, reference, current))),
    )


def _psi_between(one: InputMonths, place: int) -> float:
    return float(adjusted_psi(one.binned[place], one.binned[-1]))


# --- what it looks like -------------------------------------------------------------------------------------------


def _changes(
    beside: MonthsBeside, one: InputMonths, *, allowed: Range, last_year: int | None
) -> tuple[InputChange, ...]:
    """Name what changed against all reference months.

    A name that says that values mean something else must hold against most single months as well, and against the same
    month last year: a season's month beside a year's mixture can look like another unit.
    """
    found = _changes_against(one, beside.reference, allowed)
    if not any(change.kind in UNMET for change in found):
        return found
    single = [{change.kind for change in _changes_against(one, [i], allowed)} for i in beside.reference]
    year = (
        {c.kind for c in _changes_against(one, [last_year], allowed)} if last_year is not None else set(UNMET)
    )

    def is_confirmed(change: InputChange) -> bool:
        n_months = sum(change.kind in kinds for kinds in single)
        return change.kind not in UNMET or (change.kind in year and 2 * n_months >= len(single))

    return tuple(change for change in found if is_confirmed(change))


def _changes_against(one: InputMonths, places: Sequence[int], allowed: Range) -> tuple[InputChange, ...]:
    before = list(places)
    missing = {
        "reference_missing": float(one.n_missing[before].sum()),
        "current_missing": float(one.n_missing[-1]),
    }
    counts: NumberCounts | CategoryCounts
    if one.is_number:
        counts = NumberCounts(
            values=np.asarray(one.values),
            reference=one.counts[before].sum(axis=0).astype(np.float64),
            current=one.counts[-1].astype(np.float64),
            allowed=allowed,
            **missing,
        )
    else:
        counts = CategoryCounts(
            names=tuple(str(text) for text in one.values),
            reference=one.counts[before].sum(axis=0).astype(np.float64),
            current=one.counts[-1].astype(np.float64),
            reference_other=float(one.n_other[before].sum()),
            current_other=float(one.n_other[-1]),
            **missing,
        )
    found = input_changes(counts)
    return () if isinstance(found, NotCompared) else found


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Seen:
    """One input with everything that was found out about it."""

    one: InputMonths
    changes: tuple[InputChange, ...]
    distances: Distances
    effect: JudgedEffect
    is_like_last_year: bool


# --- judgement ----------------------------------------------------------------------------------------------------


def _finding(seen: _Seen, beside: MonthsBeside, policy: DriftPolicy) -> Finding:
    """Judge an input by its effect on the model, or by the share of values that the model has not met."""
    name, n = seen.one.name, beside.current.n
    found = [_effect_finding(seen, n, policy)]
    share = _unmet_share(seen.changes)
    if share and _is_used(seen.effect.told, policy):
        found.append(
            Finding(
                code=f"drift.input.{name}",
                measurement=Measurement(measure="unmet_share", subject=name, value=share, unit="share", n=n),
                threshold=policy.broken_rows.threshold(min_n=policy.min_n),
            )
        )
    return max(
        found, key=lambda finding: (finding.severity.rank, finding.measurement.measure == "unmet_share")
    )


def _unmet_share(changes: Sequence[InputChange]) -> float:
    """Return the share of values that the model has not met: categories add up, other changes may share rows."""
    shares: dict[str, float] = {}
    for change in changes:
        if change.kind in UNMET or _is_newly_missing(change):
            shares[change.kind] = shares.get(change.kind, 0.0) + change.share
    return min(1.0, max(shares.values(), default=0.0))


def _is_newly_missing(change: InputChange) -> bool:
    """Tell whether values are missing that hardly ever were: then nobody saw what the model makes of that."""
    return change.kind == "missing_jump" and (change.reference_share or 0.0) < _HARDLY_MISSING < change.share


def _is_used(effect: ModelEffect, policy: DriftPolicy) -> bool:
    """Tell whether the model uses an input; where that is not known, it may."""
    return math.isnan(effect.weight) or effect.weight >= policy.used_weight


def _effect_finding(seen: _Seen, n: int, policy: DriftPolicy) -> Finding:
    effect = seen.effect
    measure = f"effect_on_{effect.target}"
    if math.isnan(effect.judged):
        reason = "what the model makes of this input is not known"
        measurement = Measurement(
            measure=measure, subject=seen.one.name, value=math.nan, unit="share", n=n, reason=reason
        )
    else:
        measurement = Measurement(
            measure=measure, subject=seen.one.name, value=abs(effect.judged), unit="share", n=n
        )
    usual = max(effect.usual_limit, abs(effect.judged)) if effect.is_false_discovery else effect.usual_limit
    return Finding(
        code=f"drift.input.{seen.one.name}",
        measurement=measurement,
        threshold=effect.limits.threshold(usual=usual, min_n=policy.min_n),
    )


def _state(seen: _Seen, finding: Finding, policy: DriftPolicy) -> InputState:
    if finding.severity in {Severity.WATCH, Severity.ACT}:
        is_unmet = finding.measurement.measure == "unmet_share"
        return InputState.BROKEN if is_unmet else InputState.MATTERS
    distances = seen.distances
    is_named = any(change.kind not in _ONLY_DESCRIBED for change in seen.changes)
    is_moved = distances.psi >= policy.moved_psi or abs(distances.mean_shift_sd or 0.0) >= _MOVED_SD
    if not (is_moved or is_named):
        return InputState.STILL
    if seen.effect.told.against is Against.LAST_YEAR or (is_moved and seen.is_like_last_year):
        return InputState.LAST_YEAR
    is_unmet = any(change.kind in UNMET for change in seen.changes)
    is_usual = not is_unmet and distances.psi_usual is not None and distances.psi <= distances.psi_usual
    # A large effect of an input that the model uses, and yet no finding, is one that other months show as well.
    has_effect = abs(seen.effect.judged) >= seen.effect.limits.watch and _is_used(seen.effect.told, policy)
    return InputState.USUAL if is_usual or has_effect else InputState.HARMLESS


# --- since when, and what it looks like ---------------------------------------------------------------------------


def _onset(beside: MonthsBeside, seen: _Seen, place: int, use: ModelUse | str) -> Onset:
    labels = [month.window.label for month in beside.months]
    return since_when(labels, _series(beside, seen, place, use))


def _series(beside: MonthsBeside, seen: _Seen, place: int, use: ModelUse | str) -> Floats:
    """Return one number a month that shows the change: a share where a name says which, else a level."""
    one = seen.one
    n = np.array([month.n for month in beside.months], dtype=np.float64)
    kinds = {change.kind: change for change in seen.changes}
    if kinds.keys() & {"missing_jump", "all_missing"}:
        return np.asarray(one.n_missing / n)
    # A month without any value has no level.
    n_known = np.where(n > one.n_missing, n - one.n_missing, np.nan)
    if one.is_number:
        return np.asarray(one.counts @ np.asarray(one.values) / n_known)
    name = next((_category(change) for change in seen.changes if _category(change)), "")
    texts = [str(text) for text in one.values]
    if name in texts:
        return np.asarray(one.counts[:, texts.index(name)] / n_known)
    if isinstance(use, str):
        return np.asarray(one.binned[:, 0] / n)
    return np.asarray(one.binned @ use.of_bins(place) / n)


def _category(change: InputChange) -> str:
    return change.pairs[0].after if change.pairs else change.name


def _bins(beside: MonthsBeside, one: InputMonths, place: int, use: ModelUse | str) -> tuple[BinShare, ...]:
    reference, current = beside.pooled(one.binned), one.binned[-1]
    effects = np.full(one.bins.n_bins, np.nan) if isinstance(use, str) else use.of_bins(place)
    shares = zip(one.bins.labels, reference / reference.sum(), current / current.sum(), effects, strict=True)
    return tuple(
        BinShare(
            label=label,
            reference_share=float(before),
            current_share=float(after),
            effect_score=float(effect),
        )
        for label, before, after, effect in shares
        if before or after
    )
