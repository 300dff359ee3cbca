"""Where the slow requests lie: in which hours, in which stage, in which groups of requests.

A slow request is one that took longer than the target latency or got no answer.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.performance import ratio
from afterlaunch.response_time import peak_windows

Floats: TypeAlias = npt.NDArray[np.float64]

MIN_ALLOWED = 10
"""An error budget of fewer requests than this is spent by chance."""
NOT_MEASURED = "not measured"
"""The stage that holds the time which no measured stage explains."""
MAX_OVERLAP = 0.01
"""Stages may add up to this share more than the total: clocks of two stages differ a little."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ErrorBudget:
    """How many requests may be slow, and how many were: counts, which add up over anything.

    Parameters
    ----------
    n, n_slow : int
        Requests, and those of them that took longer than the target latency or got no answer.
    target_share : float
        Share of the requests that is to be answered within the target latency, between 0 and 1, exclusive.

    Raises
    ------
    DataError
        When ``n_slow`` is not between 0 and ``n``.
    ParameterError
        When the target is outside its range.

    Examples
    --------
    >>> month = ErrorBudget(n=58_000, n_slow=1_922, target_share=0.95)
    >>> month.n_allowed, round(month.used_share, 2), round(month.within_share, 3), month.is_too_small
    (2900.0, 0.66, 0.967, False)
    """

    n: int
    n_slow: int
    target_share: float

    def __post_init__(self) -> None:
        if not 0 < self.target_share < 1:
            raise ParameterError(
                f"The target is a share of {self.target_share:g}. Give a number between 0 and 1, such as "
                "0.95; a target of 1 leaves no budget."
            )
        if not 0 <= self.n_slow <= self.n:
            raise DataError(
                f"{self.n_slow:,} of {self.n:,} requests were slow. Give a number between 0 and that of all "
                "requests."
            )

    @property
    def within_share(self) -> float:
        """Share of the requests answered within the target latency; nan without a request."""
        return float(ratio(self.n - self.n_slow, self.n))

    @property
    def n_allowed(self) -> float:
        """Requests that may be slow; not necessarily whole."""
        # A share like 0.95 is not exact: without rounding, 50 allowed requests would be 50.00000000000004.
        return round(self.n * (1 - self.target_share), 6)

    @property
    def used_share(self) -> float:
        """Slow requests as a share of those allowed, above 1 when the target is missed; nan without a request."""
        return float(ratio(self.n_slow, self.n_allowed))

    @property
    def is_too_small(self) -> bool:
        """Whether so few requests may be slow that chance decides: take a longer window or a lower target."""
        return self.n_allowed < MIN_ALLOWED


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concentration:
    """The fewest windows that hold a share of the slow requests: "4 of 672 hours hold 66 % of them".

    Parameters
    ----------
    windows : tuple of int
        Places of the windows, most slow requests first.
    n_windows : int
        All windows.
    n_held, n_slow : int
        Slow requests in those windows, and in all.
    """

    windows: tuple[int, ...]
    n_windows: int
    n_held: int
    n_slow: int

    @property
    def held_share(self) -> float:
        """Share of the slow requests that the windows hold; nan without a slow request."""
        return float(ratio(self.n_held, self.n_slow))


def concentration(n_slow_by_window: npt.ArrayLike, share: float) -> Concentration:
    """Return the fewest windows that together hold a share of the slow requests or more.

    It says where an error budget went, not why: busy windows hold more slow requests at the same speed. For
    causes compare shares, with :func:`afterlaunch.subgroups.shared_by`.

    Parameters
    ----------
    n_slow_by_window : array_like of int, shape (n_windows,)
        Slow requests in each window (hour, day).
    share : float
        Above 0, at most 1.

    Returns
    -------
    Concentration
        Of windows alike, the earlier ones come first; without a slow request it has no windows.

    Raises
    ------
    DataError
        When a count is negative or missing.
    ParameterError
        When the share is outside its range.

    Examples
    --------
    >>> concentration([0, 6, 1, 3, 0], 0.66)
    Concentration(windows=(1, 3), n_windows=5, n_held=9, n_slow=10)
    """
    # The peak's rule, with slow requests instead of all: the largest counts that together reach a share.
    is_needed = peak_windows(n_slow_by_window, share=share)
    n_slow = np.asarray(n_slow_by_window, np.float64)
    largest_first = np.argsort(-n_slow, kind="stable")
    windows = largest_first[is_needed[largest_first]]
    return Concentration(
        windows=tuple(windows.tolist()),
        n_windows=n_slow.size,
        n_held=int(n_slow[windows].sum()),
        n_slow=int(n_slow.sum()),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Where the time of some requests went on average, stage by stage; or where two such means differ.

    Parameters
    ----------
    stages : tuple of str
        Names; the last one is :data:`NOT_MEASURED`.
    stage_ms : tuple of float
        Milliseconds of each stage; they add up to the total.
    total_ms : float
        Milliseconds in all.
    """

    stages: tuple[str, ...]
    stage_ms: tuple[float, ...]
    total_ms: float

    @property
    def shares(self) -> tuple[float, ...]:
        """Each stage as a share of the total; nan without a total."""
        return tuple(float(ratio(ms, self.total_ms)) for ms in self.stage_ms)


def stage_means(sum_by_stage: Mapping[str, float], *, sum_total: float, n: int) -> Anatomy:
    """Return the mean time of each stage over a band of requests, and what no stage explains.

    Compare two bands by the *total*: the typical requests (from its 40th to its 60th percentile) and the
    slow ones (from its 95th on). Their means add up to the total exactly. Medians of stages do not: the
    request with the median feature fetch is not the one with the median model time, and a stage that is
    slow one time in ten has a median that shows nothing.

    Parameters
    ----------
    sum_by_stage : mapping of str to float
        Milliseconds that the band's requests spent in each stage, added up. Stages follow one another; of
        parallel ones give the slowest.
    sum_total : float
        Total latency of the same requests, added up.
    n : int
        Requests of the band. Without one the anatomy is nan.

    Raises
    ------
    DataError
        When a sum is missing, negative or infinite, ``n`` is negative, or the stages add up to more than the
        total (by more than :data:`MAX_OVERLAP`).
    ParameterError
        When a stage is called :data:`NOT_MEASURED`.

    Examples
    --------
    >>> slow = stage_means({"features": 600.0, "model": 300.0}, sum_total=1_000.0, n=2)
    >>> slow.stages, slow.stage_ms, slow.total_ms
    (('features', 'model', 'not measured'), (300.0, 150.0, 50.0), 500.0)
    """
    measured = _checked_stages(sum_by_stage, sum_total, n)
    sums = (*sum_by_stage.values(), sum_total - measured)
    return Anatomy(
        stages=(*sum_by_stage, NOT_MEASURED),
        stage_ms=tuple(float(ratio(total, n)) for total in sums),
        total_ms=float(ratio(sum_total, n)),
    )


def stage_differences(before: Anatomy, after: Anatomy) -> Anatomy:
    """Return by how much each stage takes longer afterwards; it adds up to the difference of the totals.

    Parameters
    ----------
    before, after : Anatomy
        From :func:`stage_means`: staging and production, two months, typical and slow requests. A stage that
        only one of them has counts as 0 in the other, whose time for it stands under :data:`NOT_MEASURED`.

    Examples
    --------
    >>> staging = stage_means({"features": 20.0, "model": 110.0}, sum_total=200.0, n=1)
    >>> production = stage_means({"features": 2_036.0, "model": 137.0}, sum_total=2_300.0, n=1)
    >>> gap = stage_differences(staging, production)
    >>> gap.stage_ms, [round(share, 3) for share in gap.shares]
    ((2016.0, 27.0, 57.0), [0.96, 0.013, 0.027])
    """
    ms_before, ms_after = (dict(zip(a.stages, a.stage_ms, strict=True)) for a in (before, after))
    measured = [stage for stage in {**ms_before, **ms_after} if stage != NOT_MEASURED]
    stages = (*measured, NOT_MEASURED)
    return Anatomy(
        stages=stages,
        stage_ms=tuple(ms_after.get(stage, 0.0) - ms_before.get(stage, 0.0) for stage in stages),
        total_ms=after.total_ms - before.total_ms,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MixAndWithin:
    """Why a mean changed: other requests, or the same kind of requests taking longer.

    Parameters
    ----------
    mix_by_group, within_by_group : ndarray of float64, shape (..., k)
        In the unit of the means. Over all groups both together add up to the change of the mean.
    """

    mix_by_group: Floats
    within_by_group: Floats

    @property
    def mix(self) -> Floats | float:
        """Change because the groups' shares of the requests changed."""
        return _scalar(self.mix_by_group.sum(axis=-1))

    @property
    def within(self) -> Floats | float:
        """Change because the groups themselves changed."""
        return _scalar(self.within_by_group.sum(axis=-1))


def mix_and_within(
    n_before: npt.ArrayLike, mean_before: npt.ArrayLike, n_after: npt.ArrayLike, mean_after: npt.ArrayLike
) -> MixAndWithin:
    """Split the change of a mean into what the mix of groups and what the groups themselves explain.

    With shares w and means m, ``mix = (w1 - w0) ((m0 + m1) / 2 - M)`` and ``within = (w0 + w1) / 2
    (m1 - m0)``. M, the mean of the two overall means, changes no sum: it only makes a fast group that
    grows count as a mix that got faster. Split by one attribute at a time; splits by several do not add up.

    Parameters
    ----------
    n_before, n_after : array_like, shape (..., k)
        Requests of each group, 0 or more.
    mean_before, mean_after : array_like, shape (..., k)
        Mean latency (or any mean) of each group. Where a group has no request it is not looked at: a group
        that is new or has gone counts as mix only.

    Returns
    -------
    MixAndWithin
        nan where all groups together have no request on a side.

    Raises
    ------
    DataError
        When the shapes differ, a count is negative or missing, or a group with requests has no mean.

    References
    ----------
    Kitagawa (1955), "Components of a Difference Between Two Rates", doi 10.1080/01621459.1955.10501299.

    Examples
    --------
    >>> split = mix_and_within([90, 10], [100.0, 1_000.0], [60, 40], [90.0, 980.0])
    >>> round(split.mix, 2), round(split.within, 2)
    (268.5, -12.5)
    """
    sides = [_checked_group(n, mean) for n, mean in ((n_before, mean_before), (n_after, mean_after))]
    (n0, known0), (n1, known1) = sides
    if n0.shape[-1] != n1.shape[-1]:
        raise DataError(
            f"There are {n0.shape[-1]} groups before and {n1.shape[-1]} after. Give every group of either "
            "side on both, with 0 requests where it has none."
        )
    w0, w1 = (np.asarray(ratio(n, n.sum(axis=-1, keepdims=True))) for n in (n0, n1))
    m0, m1 = np.where(n0 > 0, known0, known1), np.where(n1 > 0, known1, known0)
    overall = np.sum((w0 * m0 + w1 * m1) / 2, axis=-1, keepdims=True)
    return MixAndWithin(
        mix_by_group=(w1 - w0) * ((m0 + m1) / 2 - overall), within_by_group=(w0 + w1) / 2 * (m1 - m0)
    )


def _scalar(values: Floats) -> Floats | float:
    return float(values) if np.ndim(values) == 0 else values


def _checked_stages(sum_by_stage: Mapping[str, float], sum_total: float, n: int) -> float:
    """Return the sum over the stages."""
    if NOT_MEASURED in sum_by_stage:
        raise ParameterError(
            f"A stage is called {NOT_MEASURED!r}, which stands for the time of no stage. Give it another name."
        )
    for name, total in (*sum_by_stage.items(), ("total", sum_total), ("number of requests", n)):
        if not 0 <= total < math.inf:
            raise DataError(
                f"The {name!r} of a band is {total:g}. Give sums over its requests, 0 or more each."
            )
    measured = math.fsum(sum_by_stage.values())
    if measured > sum_total * (1 + MAX_OVERLAP):
        raise DataError(
            f"The stages {', '.join(sum_by_stage)} add up to {measured:,.0f} ms, and the total to "
            f"{sum_total:,.0f} ms. Give stages that follow one another, of parallel ones the slowest, in the "
            "unit of the total."
        )
    return measured


def _checked_group(n: npt.ArrayLike, mean: npt.ArrayLike) -> tuple[Floats, Floats]:
    requests, means = np.asarray(n, np.float64), np.asarray(mean, np.float64)
    if requests.ndim == 0 or means.ndim == 0 or requests.shape[-1] != means.shape[-1]:
        raise DataError(
            f"Counts have shape {requests.shape} and means {means.shape}. Give both one entry per group on "
            "the last axis."
        )
    wrong = requests[~((requests >= 0) & (requests < math.inf))]
    if wrong.size:
        raise DataError(
            f"A group has {wrong[0]:g} requests. Give 0 or more, and 0 where a group has none on a side."
        )
    requests, means = np.broadcast_arrays(requests, means)
    missing = np.isnan(means) & (requests > 0)
    if missing.any():
        raise DataError(
            f"{int(missing.sum())} of {missing.size} groups have requests and no mean. Give each group with "
            "requests its mean."
        )
    return requests, np.where(requests > 0, means, 0.0)
