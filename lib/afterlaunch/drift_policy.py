"""When drift is worth a word: the part ``drift`` of policy.yaml."""

from __future__ import annotations

import dataclasses
import math

from afterlaunch.baselines import MAX_MONTHS
from afterlaunch.errors import ParameterError
from afterlaunch.findings import Direction, Threshold

WIDE = 2.6
"""Standard errors that a change must exceed where too few months say what is usual."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on a change is watched, and from where on it needs action; a change that is usual is neither."""

    watch: float
    act: float

    def __post_init__(self) -> None:
        if not 0 < self.watch <= self.act:
            raise ParameterError(
                f"Limits watch={self.watch:g} and act={self.act:g} are not in order. Give 0 < watch <= act."
            )

    @property
    def doubled(self) -> Limits:
        """Where more doubt is in place: watched from where action was needed, action at twice that."""
        return Limits(watch=self.act, act=2 * self.act)

    def threshold(self, *, usual: float = 0.0, chance: float = 0.0, min_n: int = 0) -> Threshold:
        """Return the threshold that no usual change crosses.

        Where it is not known what is usual (nan), the limits are doubled, and at least what ``chance`` explains.
        """
        if math.isnan(usual):
            return self.doubled.threshold(usual=chance, min_n=min_n)
        watch, act = max(self.watch, usual), max(self.act, usual)
        return Threshold.limits(watch=watch, act=act, direction=Direction.LOWER, min_n=min_n)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftPolicy:
    """Floors of effect size: a smaller change is never reported as drift, however certain it is.

    Parameters
    ----------
    reference_months : int
        Months before the judged one that it is held against, at most; 1 to 36.
    alerts : Limits
        Change of the alerts, for all cases or through one input, as a share of the usual alerts.
    score : Limits
        Change of the mean score, as a share of the usual mean score.
    ranking : Limits
        Fall of ROC AUC, in points.
    calibration : Limits
        Factor (in either direction) by which observed per expected outcome changed; above 1.
    broken_rows : Limits
        Share of rows with values that the model has not met, in an input that it uses.
    used_weight : float
        Share of the score's spread from which on an input counts as used.
    relation : Limits
        Change of a rank correlation between two inputs.
    segment_calibration : Limits
        Factor by which a segment's observed per expected outcome changed, apart from what changed for all; above 1.
    moved_psi : float
        PSI (without its sampling bias) from which on an input counts as moved, whether that matters or not.
    max_false_discovery : float
        Share of false names among the inputs named, at most; between 0 and 1.
    min_n : int
        Rows that a month must have to be judged.
    """

    reference_months: int = 12
    alerts: Limits = dataclasses.field(default_factory=lambda: Limits(watch=0.10, act=0.25))
    score: Limits = dataclasses.field(default_factory=lambda: Limits(watch=0.10, act=0.25))
    ranking: Limits = dataclasses.field(default_factory=lambda: Limits(watch=0.02, act=0.05))
    calibration: Limits = dataclasses.field(default_factory=lambda: Limits(watch=1.15, act=1.30))
    broken_rows: Limits = dataclasses.field(default_factory=lambda: Limits(watch=0.02, act=0.10))
    used_weight: float = 0.03
    relation: Limits = dataclasses.field(default_factory=lambda: Limits(watch=0.15, act=0.60))
    segment_calibration: Limits = dataclasses.field(default_factory=lambda: Limits(watch=1.30, act=2.0))
    moved_psi: float = 0.05
    max_false_discovery: float = 0.05
    min_n: int = 500

    def __post_init__(self) -> None:
        if not 1 <= self.reference_months <= MAX_MONTHS:
            raise ParameterError(f"reference_months is {self.reference_months}; give 1 to {MAX_MONTHS}.")
        if not 0 < self.max_false_discovery < 1:
            raise ParameterError(
                f"max_false_discovery is {self.max_false_discovery:g}; give a share between 0 and 1, such as 0.05."
            )
        for name in ("calibration", "segment_calibration"):
            factor = getattr(self, name).watch
            if factor <= 1:
                raise ParameterError(f"{name}.watch is {factor:g}; give a factor above 1, such as 1.15.")
