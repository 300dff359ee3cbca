"""Which months a usual range rests on: the latest ones, or the first ones of a baseline that somebody has dated.

A range that is learnt anew each month slowly takes trouble for normal. A frozen one rests on the first months of its
baseline and stays; when the world has changed for good, a new baseline is begun by hand, with a date and a reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from afterlaunch.errors import ParameterError
from afterlaunch.rates import MIN_MONTHS
from afterlaunch.windows import Window

MAX_MONTHS = 36


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baseline:
    """A new beginning: usual ranges look back to this month and no further.

    Parameters
    ----------
    since : str
        Its first month, such as ``"2025-08"``.
    reason : str
        Why usual is something else since then.
    indicators : tuple of str
        Codes of the indicators it holds for; all of them when none is named.
    """

    since: str
    reason: str
    indicators: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Window.parse(self.since)
        if not self.reason.strip():
            raise ParameterError(f"The baseline since {self.since} has no reason. Say what changed for good.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class UsualRangePolicy:
    """How far back usual ranges look.

    Parameters
    ----------
    months : int
        Most months that a range rests on; 4 to 36.
    frozen : bool
        Whether a range rests on the first months of its baseline instead of the latest before the judged one.
    baselines : tuple of Baseline
        New beginnings. Of those that hold for an indicator the latest one before (or in) the judged month counts.
    """

    months: int = 12
    frozen: bool = False
    baselines: tuple[Baseline, ...] = ()

    def __post_init__(self) -> None:
        if not MIN_MONTHS <= self.months <= MAX_MONTHS:
            raise ParameterError(f"months is {self.months}; give {MIN_MONTHS} to {MAX_MONTHS}.")
        if self.frozen and not any(not baseline.indicators for baseline in self.baselines):
            raise ParameterError(
                "A frozen usual range needs a baseline for all indicators. Add one to baselines, such as "
                '{since: "2024-01", reason: first year in production}.'
            )

    def baseline(self, code: str, month: Window) -> Baseline | None:
        """Return the baseline in force for an indicator in a month, if there is one."""
        begun = [
            baseline
            for baseline in self.baselines
            if baseline.since <= month.label and (not baseline.indicators or code in baseline.indicators)
        ]
        return max(begun, key=lambda baseline: baseline.since, default=None)

    def usual_months(self, code: str, month: Window, earlier: Sequence[str]) -> tuple[str, ...]:
        """Return the months among ``earlier`` that an indicator's usual range rests on.

        Parameters
        ----------
        code : str
            The indicator.
        month : Window
            The month that is judged.
        earlier : sequence of str
            Months before it that may be used at all, oldest first.

        Examples
        --------
        >>> policy = UsualRangePolicy(months=4, baselines=(Baseline(since="2024-02", reason="launch"),), frozen=True)
        >>> months = [f"2024-{m:02d}" for m in range(1, 9)]
        >>> policy.usual_months("speed.p95", Window.parse("2024-09"), months)
        ('2024-02', '2024-03', '2024-04', '2024-05')
        >>> UsualRangePolicy(months=4).usual_months("speed.p95", Window.parse("2024-09"), months)
        ('2024-05', '2024-06', '2024-07', '2024-08')
        """
        baseline = self.baseline(code, month)
        since = [label for label in earlier if baseline is None or label >= baseline.since]
        return tuple(since[: self.months] if self.frozen else since[-self.months :])

    def first_month(self, month: Window) -> Window:
        """Return the oldest month that any usual range may rest on."""
        rolling = month.previous(self.months)
        if not self.frozen:
            return rolling
        in_force = [self.baseline("", month)] + [
            self.baseline(code, month) for baseline in self.baselines for code in baseline.indicators
        ]
        starts = [Window.parse(baseline.since) for baseline in in_force if baseline is not None]
        return min([rolling, *starts], key=lambda window: window.start)
