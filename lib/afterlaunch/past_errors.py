"""How far an estimate may be off, from how far estimates of earlier months were: prediction intervals."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

# Variances between months that are weighed, from a thousandth to a thousand times an error's size.
_GRID = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 120)])
_HALVINGS = 50


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PastErrors:
    """Errors of the estimates of earlier months, each estimated from the others, and what chance explains.

    All on a scale on which errors are about normal, such as a measure's log-odds. The last target is the
    month to come; the others are the earlier months themselves, each by what the others' errors tell.

    Parameters
    ----------
    error : ndarray, shape (n_measures, n_months)
        Realised minus estimated; ignored where a month was not checked.
    is_checked : ndarray of bool, shape (n_measures, n_months)
        Whether the month had an estimate and a realised value.
    chance : ndarray, shape (n_measures, n_months + 1)
        Variance of each target's error if months did not differ, above 0: its own outcomes are drawn, and
        so were those that its estimate was learned from. nan where a month is not checked, or where the
        month to come cannot be told of.
    spread : ndarray, shape (n_months + 1,)
        How often the variance between months is in a target's error: once for itself, and a little for the
        months that its estimate was learned from.
    to_level : ndarray, shape (n_measures, n_months + 1)
        By how much the measure moves when the log-odds of all outcomes rise by 1.
    level_place : int
        The measure that tells how much the level of outcomes differs between months.
    """

    error: Floats
    is_checked: npt.NDArray[np.bool_]
    chance: Floats
    spread: Floats
    to_level: Floats
    level_place: int

    def reach(self, level: float) -> Floats:
        """Return how far a prediction interval reaches to either side.

        Parameters
        ----------
        level : float
            Between 0 and 1, exclusive.

        Returns
        -------
        ndarray, shape (n_measures, n_months + 1)
            nan where fewer than two checked months tell of a target, and where its chance is nan.

        References
        ----------
        Gelman et al. (2013), "Bayesian Data Analysis", third edition, doi 10.1201/b16018, section 5.4: the
        normal model of groups that differ.

        Examples
        --------
        Six months were off by 1 each way, chance being far less: much like Student's t with 5 degrees of
        freedom.

        >>> past = PastErrors(
        ...     error=np.array([[1.0, -1, 1, -1, 1, -1]]),
        ...     is_checked=np.ones((1, 6), bool),
        ...     chance=np.full((1, 7), 0.01),
        ...     spread=np.append(np.full(6, 1.2), 1 + 1 / 6),
        ...     to_level=np.ones((1, 7)),
        ...     level_place=0,
        ... )
        >>> round(float(past.reach(0.95)[0, -1]), 1)
        2.5
        """
        from scipy import special

        used = self._used()
        n_used = used.sum(axis=-1)
        between, weight = self._between(used)
        deviation = np.sqrt(self.chance[..., None] + between**2 * self.spread[:, None])
        low, high = np.zeros(n_used.shape), 10 * deviation[..., -1]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_short = np.sum(weight * special.ndtr(middle[..., None] / deviation), axis=-1) < (1 + level) / 2
            low, high = np.where(is_short, middle, low), np.where(is_short, high, middle)
        times = special.stdtrit(np.maximum(n_used - 1, 1), (1 + level) / 2)
        return np.where(n_used > 1, np.sqrt(high**2 + times**2 * self._more_by_level(used)), np.nan)

    def _used(self) -> Floats:
        """Return which months' errors (last axis) tell of each target: never its own."""
        k = self.error.shape[1]
        others = np.vstack([1.0 - np.eye(k), np.ones(k)])
        return np.asarray(self.is_checked[:, None, :] * others, np.float64)

    def _of_checked(self, by_month: Floats) -> Floats:
        """Return past months' values, with 1 (of no weight) for those that were not checked."""
        return np.where(self.is_checked, by_month[:, : self.error.shape[1]], 1.0)

    def _between(self, used: Floats) -> tuple[Floats, Floats]:
        """Return standard deviations between months, shape (n_measures, 1, n), and each target's weights."""
        squared, chance = self._of_checked(self.error**2), self._of_checked(self.chance)
        n_checked = np.maximum(self.is_checked.sum(axis=1), 1)
        size = np.sqrt(np.sum(self.is_checked * (squared + chance), axis=1) / n_checked)
        between = np.maximum(size, 1e-12)[:, None] * _GRID
        variance = chance[..., None] + between[:, None, :] ** 2 * self.spread[:-1, None]
        fit = -(np.log(variance) + squared[..., None] / variance) / 2
        n_used = np.maximum(used.sum(axis=-1), 1.0)[..., None]
        # Errors add up to about 0, since each month was estimated from the others: one tells nothing new.
        log_weight = used @ fit * (n_used - 1) / n_used
        # The prior: flat in the logarithm of an error's standard deviation.
        log_weight += np.log(np.maximum(used @ (1 / variance), 1e-300)) / 2
        log_weight += np.log(np.gradient(between, axis=1))[:, None, :]
        weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
        return between[:, None, :], weight / weight.sum(axis=-1, keepdims=True)

    def _more_by_level(self, used: Floats) -> Floats:
        """Return the variance that months' levels add where a target minds the level more than past months did.

        A shift of the scores can make a measure mind it that did not before: F1 where precision and recall
        no longer move against each other.
        """
        place, n_used = self.level_place, np.maximum(used.sum(axis=-1), 1.0)
        to_level = self._of_checked(self.to_level)
        beyond_chance = self._of_checked(self.error**2) - self._of_checked(self.chance)
        by_month = beyond_chance[place] / self.spread[:-1] / to_level[place] ** 2
        of_levels = np.maximum(used[place] @ by_month / n_used[place], 0.0)
        minded = np.sum(used * to_level[:, None, :] ** 2, axis=-1) / n_used
        return np.asarray(np.maximum(self.to_level**2 - minded, 0.0) * of_levels * self.spread, np.float64)
