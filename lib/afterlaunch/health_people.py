"""What waiting did to people: who clicked again, who got two answers, who left before the answer came."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from afterlaunch.findings import Direction, Measurement
from afterlaunch.health_history import Course, MonthValue, Yardstick, course_of
from afterlaunch.health_judging import IndicatorKind, judged, not_measured
from afterlaunch.health_measures import Resampling, known, unknown
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import Detectable, Estimate, Fact, Indicator, Part, PatiencePoint, People
from afterlaunch.health_requests import LATENCY_GRID, RequestCounts, RequestMonth, bucket_counts
from afterlaunch.patience import left_by
from afterlaunch.ranges import Range
from afterlaunch.rates import detectable_change
from afterlaunch.request_log import RequestLog
from afterlaunch.uncertainty import block_interval, block_weights

Floats = npt.NDArray[np.float64]
PER = 1000.0
WAITS_MS = (1_000.0, 2_000.0, 3_000.0, 5_000.0)
"""Waits at which the patience curve is told."""
MIN_WAITING = 50
"""With fewer people still waiting the curve says little."""

REPEATS = IndicatorKind(
    code="people.repeat_clicks",
    title="Repeat clicks",
    unit="per 1,000",
    direction=Direction.LOWER,
    decimals=1,
    bounds=Range(lower=0, upper=PER),
)
INCONSISTENT = dataclasses.replace(
    REPEATS, code="people.inconsistent_repeats", title="Repeats with two different answers", decimals=2
)
LOST = dataclasses.replace(
    REPEATS, code="people.lost_suggestions", title="Suggestions lost to waiting", decimals=2
)
KINDS = (REPEATS, INCONSISTENT, LOST)


def no_people_rows(reason: str = "no request log configured") -> tuple[Indicator, ...]:
    """Return the row that says that nothing tells what waiting did to people."""
    return (not_measured(REPEATS, reason),)


def people_rows(
    counts: RequestCounts, section: People, log: RequestLog, *, policy: HealthPolicy, resampling: Resampling
) -> tuple[Indicator, ...]:
    """Return the rows about people, each judged against its months and its target."""
    has_source = {
        REPEATS.code: log.has_clicks,
        INCONSISTENT.code: _has_answers(log),
        LOST.code: log.has_waits,
    }
    why_not = {
        REPEATS.code: "the request log has no user and case",
        INCONSISTENT.code: "the request log has no user, case and decision",
        LOST.code: "the request log has no waits",
    }
    rows = []
    for kind, events in ((REPEATS, _n_groups), (INCONSISTENT, _n_inconsistent), (LOST, _n_lost)):
        if not has_source[kind.code]:
            rows.append(not_measured(kind, why_not[kind.code]))
            continue
        course = _course(kind, events, counts, policy, resampling)
        behind = (*_explained(kind, section), *detectable(course, kind))
        rows.append(judged(kind, course, policy, behind=behind))
    return tuple(rows)


def _has_answers(log: RequestLog) -> bool:
    return log.has_clicks and log.setup.columns.decision is not None


def _course(
    kind: IndicatorKind,
    events: Callable[[RequestMonth], Floats],
    counts: RequestCounts,
    policy: HealthPolicy,
    resampling: Resampling,
) -> Course:
    values = [
        MonthValue(
            window=month.window,
            measurement=_rate(kind, month, events(month), resampling)
            if month.n
            else _no_requests(kind, month),
            is_usual=month.n > 0,
            n_units=float(_n_clicks(month).sum()),
        )
        for month in counts.months
    ]
    held_to = policy.indicators.get(kind.code, IndicatorPolicy())
    yardstick = Yardstick(
        code=kind.code, policy=policy.usual_range, bounds=kind.bounds, limits=held_to.limits, per=PER
    )
    return course_of(values, yardstick)


def _rate(kind: IndicatorKind, month: RequestMonth, events: Floats, resampling: Resampling) -> Measurement:
    by_day = np.column_stack([events, _n_clicks(month)])
    weights = block_weights(len(by_day), resampling.n_resamples, seed=resampling.seed).astype(np.float64)
    draws = weights @ by_day
    value = PER * float(by_day[:, 0].sum() / by_day[:, 1].sum())
    interval = block_interval(value, PER * draws[:, 0] / draws[:, 1], len(by_day))
    n = int(by_day[:, 1].sum())
    return known(kind.name, kind.unit, month.window.title, value=value, interval=interval, n=n)


def _no_requests(kind: IndicatorKind, month: RequestMonth) -> Measurement:
    return unknown(kind.name, kind.unit, month.window.title, reason=f"no requests in {month.window.title}")


def _n_clicks(month: RequestMonth) -> Floats:
    """Return the clicks of each day: requests that people made, without what the network sent again."""
    return month.n_by_day - (month.groups.n_retries if month.groups is not None else 0.0)


def _n_groups(month: RequestMonth) -> Floats:
    return month.groups.n_groups if month.groups is not None else np.zeros_like(month.n_by_day)


def _n_inconsistent(month: RequestMonth) -> Floats:
    return month.groups.n_inconsistent if month.groups is not None else np.zeros_like(month.n_by_day)


def _n_lost(month: RequestMonth) -> Floats:
    return month.n_lost


def detectable(course: Course, kind: IndicatorKind) -> tuple[Fact, ...]:
    """Return the rise that would have shown, where a rate gave no signal: what the calm is worth."""
    usual, now = course.usual_range, course.current
    if usual is None or not now.is_known or not usual.contains(now.value) or not usual.centre > 0:
        return ()
    n_events = usual.centre * now.n / PER
    found = detectable_change(usual, bounds=kind.bounds, n_events=n_events)
    if found.rise is None or found.rise_ratio is None:
        return ()
    return (Detectable(value=found.rise, times=found.rise_ratio, unit=kind.unit, decimals=kind.decimals),)


def _explained(kind: IndicatorKind, section: People) -> tuple[Fact, ...]:
    facts: dict[str, tuple[Fact, ...]] = {
        REPEATS.code: _after_slow(section),
        INCONSISTENT.code: _mixed(section),
        LOST.code: _lost(section),
    }
    return facts[kind.code]


def _after_slow(section: People) -> tuple[Fact, ...]:
    if section.after_slow_share is None or section.after_fast_share is None:
        return ()
    return (
        Estimate(title="clicked again after a slow answer", value=section.after_slow_share, unit="share"),
        Estimate(title="after a fast one", value=section.after_fast_share, unit="share"),
    )


def _mixed(section: People) -> tuple[Fact, ...]:
    """Return how many repeats got two answers from two versions, or that none did."""
    n, n_mixed = section.n_inconsistent, section.n_mixed
    if not n or n_mixed is None:
        return ()
    title = "were answered by different versions" if n_mixed else "were answered by one and the same version"
    return (Part(title=title, n=n_mixed or n, n_of=n, noun="such repeats"),)


def _lost(section: People) -> tuple[Fact, ...]:
    if section.n_lost is None or not section.n_left:
        return ()
    return (
        Part(
            title="had taken longer than promised",
            n=section.n_lost,
            n_of=section.n_left,
            noun="answers that nobody saw",
        ),
    )


def people_of(counts: RequestCounts, log: RequestLog) -> People:
    """Return what the section about people shows of this month."""
    month = counts.current
    groups = month.groups
    shares = _repeat_shares(month) if groups is not None else (None, None)

    def total(values: Floats | None) -> int | None:
        return None if values is None else int(values.sum())

    return People(
        n_clicks=int(_n_clicks(month).sum()),
        n_groups=total(groups.n_groups) if groups else None,
        n_extra=total(groups.n_extra) if groups else None,
        n_retries=total(groups.n_retries) if groups else None,
        n_inconsistent=total(groups.n_inconsistent) if groups and _has_answers(log) else None,
        n_mixed=total(groups.n_mixed) if groups and log.setup.columns.model_version else None,
        after_slow_share=shares[0],
        after_fast_share=shares[1],
        n_left=int(month.n_left.sum()) if log.has_waits else None,
        n_lost=int(month.n_lost.sum()) if log.has_waits else None,
        patience=_patience(counts) if log.has_waits else (),
    )


def _repeat_shares(month: RequestMonth) -> tuple[float | None, float | None]:
    """Return the shares of slow and of fast first answers that were followed by another click."""
    assert month.groups is not None  # noqa: S101 - its caller has looked
    n_slow, n = month.groups.n_slow_firsts.sum(), month.groups.n_firsts.sum()
    again_slow = month.groups.n_after_slow.sum()
    again_fast = month.groups.n_groups.sum() - again_slow
    if n_slow <= 0 or n <= n_slow:
        return None, None
    return float(again_slow / n_slow), float(again_fast / (n - n_slow))


def _patience(counts: RequestCounts) -> tuple[PatiencePoint, ...]:
    """Return the share of people who would have left by some waits, had the answer not come before."""
    left, first_left = bucket_counts(counts.detail.waits, "n_left")
    shown, first_shown = bucket_counts(counts.detail.waits, "n_shown")
    first = min(first_left, first_shown)
    size = max(first_left + len(left), first_shown + len(shown)) - first
    both = np.zeros((2, size))
    both[0, first_left - first : first_left - first + len(left)] = left
    both[1, first_shown - first : first_shown - first + len(shown)] = shown
    curve = left_by(both[0], both[1])
    points = []
    for wait_ms in WAITS_MS:
        place = int(LATENCY_GRID.index([wait_ms])[0]) - first
        if 0 <= place < size and both[:, place:].sum() >= MIN_WAITING:
            points.append(PatiencePoint(wait_ms=wait_ms, left_share=float(curve[place])))
    return tuple(points)
