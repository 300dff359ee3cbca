"""What the shift of each input does to the model, as far as logged rows show it, and whether that is unusual."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.drift_counts import MonthsBeside, sampled_rows
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.drift_report import ModelEffect
from afterlaunch.month_to_month import Against, UsualChange, deciding_comparisons, usual_change
from afterlaunch.score_effects import ScoreEffects, fit_score_effects

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ModelUse:
    """What the model makes of its inputs: the effects of their bins, and the level that changes are held against.

    ``base`` holds the usual mean score and share of alerts; ``version`` is the one whose rows were used.
    """

    effects: ScoreEffects
    base: Floats
    version: str

    def of_bins(self, place: int) -> Floats:
        """Return what each bin of the input at a place adds to the score, in score points."""
        start, end = self.effects.offsets[place : place + 2]
        return self.effects.coefficients[start:end, 0]


def model_use(beside: MonthsBeside, *, version: str, scored: Sequence[int]) -> ModelUse | str:
    """Learn from sampled rows what each bin of each input adds to a version's scores, or say why not.

    Parameters
    ----------
    beside : MonthsBeside
        The months.
    version : str
        The version; its rows only are used.
    scored : sequence of int
        Places of the reference months that it scored; with none the current month itself teaches.
    """
    places = list(scored) or [len(beside.months) - 1]
    rows = sampled_rows(beside, places, version=version)
    if not beside.inputs:
        return "the log has no inputs"
    # With fewer rows the penalty takes most of every effect away, and all inputs look harmless.
    needed = 2 * int(beside.offsets[-1])
    if rows.score.size < needed:
        return f"{version} scored only {rows.score.size} of the sampled rows, and {needed} are needed"
    sums = np.zeros(3)
    for place in places:
        scores = beside.months[place].scores[version]
        sums += [scores.sum_score, float(scores.n_alerts.sum()), scores.n_rows]
    if not sums[1]:
        return f"{version} raised no alert in {'the reference months' if scored else 'this month'}"
    n_bins = [one.bins.n_bins for one in beside.inputs]
    targets = np.stack([rows.score, rows.decision], axis=1)
    return ModelUse(
        effects=fit_score_effects(rows.codes, n_bins, targets=targets),
        base=sums[:2] / sums[2],
        version=version,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgedEffect:
    """An input's effect on the model, and what decides: the share of what is usual, with the limits it is held to.

    ``judged`` is against the other months, or against last year where that decides; ``target`` is ``score`` or
    ``alerts``, whichever the input moves further.
    """

    told: ModelEffect
    judged: float
    usual_limit: float
    limits: Limits
    target: str
    is_false_discovery: bool

    @property
    def is_beyond(self) -> bool:
        """Whether it is larger than usual, than the floor, and than chance among so many inputs."""
        threshold = self.limits.threshold(usual=self.usual_limit)
        is_larger = not math.isnan(self.judged) and threshold.leaves_usual_range(abs(self.judged))
        return is_larger and not self.is_false_discovery


_UNKNOWN_EFFECT = ModelEffect(
    score=math.nan,
    alerts_per_1000=math.nan,
    se_alerts_per_1000=math.nan,
    relative=math.nan,
    usual=None,
    last_year=None,
    p_adjusted=None,
    weight=math.nan,
    against=Against.FLOOR_ONLY,
)


def judged_effects(
    beside: MonthsBeside, use: ModelUse | str, *, last_year: int | None, policy: DriftPolicy
) -> list[JudgedEffect]:
    """Return each input's effect, judged by whichever of score and alerts it moves further beyond its limit."""
    if isinstance(use, str):
        unknown = JudgedEffect(
            told=_UNKNOWN_EFFECT,
            judged=math.nan,
            usual_limit=0.0,
            limits=policy.score,
            target="score",
            is_false_discovery=False,
        )
        return [unknown] * len(beside.inputs)
    compared = _compared(beside, use, last_year, policy)
    return [_judged_effect(i, compared, use, policy) for i in range(len(beside.inputs))]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Compared:
    """Effects as shares of what is usual; the targets (score, alerts) on the last axis, flat ones target by target."""

    values: Floats
    errors: Floats
    relative: Floats
    last_year: Floats
    usual: UsualChange
    against: tuple[Against, ...]


def _compared(beside: MonthsBeside, use: ModelUse, last_year: int | None, policy: DriftPolicy) -> _Compared:
    binned = beside.binned
    now = use.effects.effects(beside.pooled(binned), binned[-1])
    relative = now.values / use.base
    n_inputs = len(beside.inputs)
    months = np.zeros((0, 2 * n_inputs))
    if len(beside.reference) > 1:
        others = use.effects.effects(beside.pooled_without(binned), binned[list(beside.reference)])
        months = _flat(others.values / use.base)
    year = np.full_like(relative, np.nan)
    if last_year is not None:
        year = use.effects.effects(binned[last_year], binned[-1]).values / use.base
    usual = usual_change(months, _flat(relative), se=_flat(now.standard_errors / use.base))
    floors = np.repeat([policy.score.watch, policy.alerts.watch], n_inputs)
    against = deciding_comparisons(_flat(relative), _flat(year), usual=usual, floor=floors)
    return _Compared(
        values=now.values,
        errors=now.standard_errors,
        relative=relative,
        last_year=year,
        usual=usual,
        against=against,
    )


def _flat(by_target: Floats) -> Floats:
    """Lay (..., n_inputs, 2) out as (..., 2 * n_inputs): all inputs of the one target, then of the other."""
    return np.concatenate([by_target[..., 0], by_target[..., 1]], axis=-1)


def _judged_effect(place: int, compared: _Compared, use: ModelUse, policy: DriftPolicy) -> JudgedEffect:
    n_inputs = len(compared.values)
    weight = float(use.effects.input_weights[place, 0])
    candidates = []
    for target, limits in enumerate((policy.score, policy.alerts)):
        flat = place + target * n_inputs
        usual = float(compared.usual.size[flat])
        against = compared.against[flat]
        is_year = against is Against.LAST_YEAR
        judged = float((compared.last_year if is_year else compared.relative)[place, target])
        p_adjusted = finite_or_none(float(compared.usual.p_adjusted[flat]))
        candidates.append(
            JudgedEffect(
                told=ModelEffect(
                    score=float(compared.values[place, 0]),
                    alerts_per_1000=1000 * float(compared.values[place, 1]),
                    se_alerts_per_1000=1000 * float(compared.errors[place, 1]),
                    relative=float(compared.relative[place, target]),
                    usual=finite_or_none(usual),
                    last_year=finite_or_none(float(compared.last_year[place, target])),
                    p_adjusted=p_adjusted,
                    weight=weight,
                    against=against,
                ),
                judged=judged,
                usual_limit=usual,
                # What an input that the model hardly uses seems to do is mostly another's, which it goes with.
                limits=limits if weight >= policy.used_weight else limits.doubled,
                target=("score", "alerts")[target],
                is_false_discovery=p_adjusted is not None and p_adjusted > policy.max_false_discovery,
            )
        )
    return max(candidates, key=lambda one: (one.is_beyond, abs(one.judged), abs(one.told.relative)))


def finite_or_none(value: float) -> float | None:
    """Return a number, or ``None`` for nan and infinity, which a report does not show."""
    return float(value) if math.isfinite(value) else None
