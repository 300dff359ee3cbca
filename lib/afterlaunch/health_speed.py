"""How fast the answers came: p95 under peak load, the share within the promise, and where the time went."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.findings import Direction, Measurement
from afterlaunch.health_history import MonthValue, Yardstick, course_of
from afterlaunch.health_judging import IndicatorKind, judged, not_measured
from afterlaunch.health_measures import SHARE, Resampling, known, unknown
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import (
    BudgetUse,
    EndpointSpeed,
    Estimate,
    Fact,
    HourSpeed,
    Indicator,
    MeanSplit,
    Shared,
    Speed,
    StageGap,
    StageTime,
)
from afterlaunch.health_requests import (
    LATENCY_GRID,
    MAX_ATTRIBUTE_VALUES,
    QUANTILES,
    RequestCounts,
    RequestDetail,
    RequestMonth,
)
from afterlaunch.ranges import Range
from afterlaunch.request_log import RequestLog
from afterlaunch.response_time import quantile_of_counts, why_no_quantile
from afterlaunch.slow_requests import (
    ErrorBudget,
    concentration,
    mix_and_within,
    stage_means,
)
from afterlaunch.subgroups import Attribute, shared_by
from afterlaunch.uncertainty import block_interval, block_weights

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# 1 January 1970, the day that dates count from, was one.
THURSDAY = 3
# A stage with less than this part of the extra time is not what makes requests slow.
MIN_STAGE_SHARE = 0.3
# Fewer slow requests than this share nothing worth a sentence.
MIN_SLOW = 30
OTHER = "(other)"

PEAK = IndicatorKind(
    code="speed.p95_under_peak_load",
    title="p95 under peak load",
    unit="s",
    direction=Direction.LOWER,
    decimals=2,
    bounds=Range(lower=0),
)
ALL = dataclasses.replace(PEAK, code="speed.p95", title="p95 of all requests")
WITHIN = IndicatorKind(
    code="speed.within_slo_share",
    title="Requests answered in time",
    unit="share",
    direction=Direction.HIGHER,
    decimals=1,
    bounds=SHARE,
)
KINDS = (PEAK, WITHIN, ALL)


def no_speed_rows(reason: str = "no request log configured") -> tuple[Indicator, ...]:
    """Return the row that says that nothing measures speed."""
    return (not_measured(PEAK, reason),)


def speed_rows(
    counts: RequestCounts, section: Speed, *, policy: HealthPolicy, resampling: Resampling
) -> tuple[Indicator, ...]:
    """Return the rows about speed, each judged against its months and its target."""
    slow = (section.shared,) if section.shared else ()
    behind: dict[str, tuple[Fact, ...]] = {
        PEAK.code: (*slow, *_stage_gap(section)),
        WITHIN.code: (section.budget,),
        ALL.code: _by_load(section),
    }
    within = dataclasses.replace(WITHIN, title=f"Requests answered within {_seconds(section.threshold_ms)}")
    rows = []
    for kind, measured in ((PEAK, _peak_p95), (within, _within_share), (ALL, _p95)):
        values = [
            MonthValue(
                window=month.window, measurement=measured(month, section, resampling), is_usual=month.n > 0
            )
            for month in counts.months
        ]
        course = course_of(values, Yardstick(code=kind.code, policy=policy.usual_range, bounds=kind.bounds))
        rows.append(judged(kind, course, policy, behind=behind[kind.code]))
    return tuple(rows)


def _by_load(section: Speed) -> tuple[Fact, ...]:
    p95_ms = {"under peak load": section.p95_at_peak_ms, "at other times": section.elsewhere_p95_ms}
    return tuple(
        Estimate(title=title, value=value / 1000, unit="s", decimals=2)
        for title, value in p95_ms.items()
        if not math.isnan(value)
    )


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:g} s"


def _peak_p95(month: RequestMonth, section: Speed, resampling: Resampling) -> Measurement:
    return _quantile(PEAK, month, month.at_peak_by_bucket, section, resampling)


def _p95(month: RequestMonth, section: Speed, resampling: Resampling) -> Measurement:
    return _quantile(ALL, month, month.by_bucket, section, resampling)


def _quantile(
    kind: IndicatorKind, month: RequestMonth, by_bucket: Floats, section: Speed, resampling: Resampling
) -> Measurement:
    n = int(by_bucket.sum())
    reason = f"no requests in {month.window.title}" if not month.n else why_no_quantile(n, 0.95)
    if reason:
        return unknown(kind.name, kind.unit, month.window.title, reason=reason, n=n)

    def p95_s(counts: Floats) -> Floats:
        found = quantile_of_counts(counts, 0.95, LATENCY_GRID, first_bucket=month.first_bucket)
        return np.asarray(np.minimum(found, section.time_limit_ms) / 1000, dtype=np.float64)

    return _with_interval(kind, month, by_bucket, p95_s, resampling, n=n)


def _within_share(month: RequestMonth, section: Speed, resampling: Resampling) -> Measurement:
    del section
    if not month.n:
        reason = f"no requests in {month.window.title}"
        return unknown(WITHIN.name, WITHIN.unit, month.window.title, reason=reason)
    by_day = np.column_stack([month.n_by_day, month.n_slow])
    return _with_interval(
        WITHIN,
        month,
        by_day,
        lambda sums: np.asarray(1 - sums[..., 1] / sums[..., 0], dtype=np.float64),
        resampling,
        n=month.n,
    )


def _with_interval(
    kind: IndicatorKind,
    month: RequestMonth,
    by_day: Floats,
    measure: Callable[[Floats], Floats],
    resampling: Resampling,
    *,
    n: int,
) -> Measurement:
    """Measure sums by day, and draw whole days again and again for the interval."""
    value = float(measure(by_day.sum(axis=0)))
    weights = block_weights(len(by_day), resampling.n_resamples, seed=resampling.seed).astype(np.float64)
    n_days = int(np.count_nonzero(by_day.sum(axis=-1)))
    with np.errstate(invalid="ignore"):
        draws = measure(weights @ by_day)
    interval = block_interval(value, draws, n_days)
    return known(kind.name, kind.unit, month.window.title, value=value, interval=interval, n=n)


def speed_of(counts: RequestCounts, log: RequestLog) -> Speed:
    """Return what the section about speed shows of this month."""
    month, detail, setup = counts.current, counts.detail, log.setup
    stages, n_typical, n_slow_answered = _stages(detail, log)
    elsewhere = month.by_bucket - month.at_peak_by_bucket
    return Speed(
        threshold_ms=setup.slo.threshold_ms,
        target_share=setup.slo.share,
        time_limit_ms=setup.time_limit_ms,
        n=month.n,
        n_slow=int(month.n_slow.sum()),
        n_unanswered=int(month.n_unanswered.sum()),
        window_minutes=counts.window_minutes,
        n_at_peak=int(month.at_peak_by_bucket.sum()),
        p95_at_peak_ms=_p95_ms(month, month.at_peak_by_bucket, setup.time_limit_ms),
        elsewhere_p95_ms=_p95_ms(month, elsewhere, setup.time_limit_ms),
        budget=_budget(month, detail, setup.slo.share),
        endpoints=_endpoints(detail),
        hours=_hours(detail),
        stages=stages,
        n_typical=n_typical,
        n_slow_answered=n_slow_answered,
        mean_split=_mean_split(detail),
        shared=_shared(detail, log),
    )


def _p95_ms(month: RequestMonth, by_bucket: Floats, time_limit_ms: float) -> float:
    if why_no_quantile(int(by_bucket.sum()), 0.95):
        return math.nan
    found = quantile_of_counts(by_bucket.sum(axis=0), 0.95, LATENCY_GRID, first_bucket=month.first_bucket)
    return min(float(found), time_limit_ms)


def _budget(month: RequestMonth, detail: RequestDetail, target_share: float) -> BudgetUse:
    budget = ErrorBudget(n=month.n, n_slow=int(month.n_slow.sum()), target_share=target_share)
    hours = concentration(detail.by_hour["n_slow"].to_numpy(np.float64), 0.5)
    return BudgetUse(
        n_slow=budget.n_slow,
        n_allowed=budget.n_allowed,
        used_share=budget.used_share,
        n_hours=len(hours.windows),
        n_hours_all=month.window.n_days * 24,
        n_held=hours.n_held,
    )


def _endpoints(detail: RequestDetail) -> tuple[EndpointSpeed, ...]:
    rows = [_endpoint(row) for _, row in detail.by_endpoint.iterrows()]
    return tuple(sorted(rows, key=lambda row: (-row.n, row.endpoint)))


def _endpoint(row: pd.Series[float]) -> EndpointSpeed:
    n = int(row["n"])
    quantiles = {
        name: None if why_no_quantile(n, share) else float(row[name]) for name, share in QUANTILES.items()
    }
    return EndpointSpeed(
        endpoint=str(row["endpoint"]),
        n=n,
        n_unanswered=int(row["n_unanswered"]),
        within_share=1 - float(row["n_slow"]) / n,
        **quantiles,
    )


def _hours(detail: RequestDetail) -> tuple[HourSpeed, ...]:
    """Return the p95 of each endpoint in each hour of the day that shows one."""
    return tuple(
        HourSpeed(
            endpoint=str(row["endpoint"]), hour=int(row["hour"]), n=int(row["n"]), p95_ms=float(row["p95_ms"])
        )
        for _, row in detail.by_endpoint_hour.iterrows()
        if not why_no_quantile(int(row["n"]), 0.95)
    )


def _stages(detail: RequestDetail, log: RequestLog) -> tuple[tuple[StageTime, ...], int, int]:
    bands = {str(row["band"]): row for _, row in detail.bands.iterrows()}
    if not log.stages or set(bands) != {"slow", "typical"}:
        return (), 0, 0
    typical, slow = (
        stage_means(
            {name: float(bands[band][f"sum_{column}"]) for name, column in log.stages.items()},
            sum_total=float(bands[band]["sum_latency_ms"]),
            n=int(bands[band]["n"]),
        )
        for band in ("typical", "slow")
    )
    stages = tuple(
        StageTime(stage=name, typical_ms=a, slow_ms=b)
        for name, a, b in zip(typical.stages, typical.stage_ms, slow.stage_ms, strict=True)
    )
    return stages, int(bands["typical"]["n"]), int(bands["slow"]["n"])


def _stage_gap(section: Speed) -> tuple[Fact, ...]:
    """Return the stage that holds most of what slow requests take longer, where one stands out."""
    if section.n_slow_answered < MIN_SLOW:
        return ()
    extra = {stage.stage: stage.slow_ms - stage.typical_ms for stage in section.stages}
    total = sum(extra.values())
    worst = max(section.stages, key=lambda stage: extra[stage.stage])
    share = extra[worst.stage] / total if total > 0 else 0.0
    if share < MIN_STAGE_SHARE:
        return ()
    return (StageGap(stage=worst.stage, slow_ms=worst.slow_ms, typical_ms=worst.typical_ms, share=share),)


def _mean_split(detail: RequestDetail) -> MeanSplit | None:
    endpoints = sorted(detail.means["endpoint"].unique())
    sides = []
    for is_current in (0, 1):
        rows = detail.means[detail.means["is_current"] == is_current].set_index("endpoint")
        n = np.array([float(rows["n"].get(endpoint, 0)) for endpoint in endpoints])
        total = np.array([float(rows["sum_latency_ms"].get(endpoint, 0.0)) for endpoint in endpoints])
        if not n.sum():
            return None
        sides.append((n, np.divide(total, n, out=np.zeros_like(total), where=n > 0), total.sum() / n.sum()))
    (n0, mean0, before), (n1, mean1, after) = sides
    split = mix_and_within(n0, mean0, n1, mean1)
    return MeanSplit(
        before_ms=float(before), after_ms=float(after), mix_ms=float(split.mix), within_ms=float(split.within)
    )


def _shared(detail: RequestDetail, log: RequestLog) -> Shared | None:
    """Return what the slow requests share: weekday, hour, and what the log tells of each request."""
    cells = detail.cells
    if int(cells["n_slow"].sum()) < MIN_SLOW:
        return None
    hours = tuple(f"{hour:02d}" for hour in range(24))
    attributes = [
        Attribute(name="weekday", labels=WEEKDAYS),
        Attribute(name="hour", labels=hours, ordered=True),
    ]
    day = cells["day"].to_numpy("datetime64[D]").astype(np.int64)
    codes = [(day + THURSDAY) % 7, cells["hour"].to_numpy(np.int64)]
    for name, column in log.attributes.items():
        attribute, code = coded(name, cells[column].astype(str).to_numpy(), cells["n"].to_numpy(np.float64))
        attributes.append(attribute)
        codes.append(code)
    found = shared_by(
        np.column_stack(codes),
        attributes,
        n=cells["n"].to_numpy(),
        n_events=cells["n_slow"].to_numpy(),
        days=day - day.min(),
    )
    return Shared(events="slow requests", rows="requests", found=found) if found else None


def coded(name: str, values: npt.NDArray[np.object_], n: Floats) -> tuple[Attribute, npt.NDArray[np.int64]]:
    """Return an attribute of texts and the code of each cell; beyond the largest values all are one."""
    labels, code = np.unique(values.astype(str), return_inverse=True)
    sizes = np.bincount(code, weights=n, minlength=len(labels))
    if len(labels) > MAX_ATTRIBUTE_VALUES:
        kept = np.sort(np.argsort(-sizes, kind="stable")[:MAX_ATTRIBUTE_VALUES])
        place = np.full(len(labels), len(kept), dtype=np.int64)
        place[kept] = np.arange(len(kept))
        labels, code = np.append(labels[kept], OTHER), place[code]
    return Attribute(name=name, labels=tuple(str(label) for label in labels)), code.astype(np.int64)
