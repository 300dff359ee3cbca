"""Tickets that say "the AI misbehaved": how many there will have been, whether that is unusual, and what they share.

The classifier's flags are biased, and biased alike in all months. What people found in the audits of all months
corrects them: of the flagged tickets a share is right, of the others a share was missed. Where this month's own audit
differs from the earlier ones beyond chance, it is taken alone.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.findings import Direction, Measurement
from afterlaunch.health_history import MonthValue, Yardstick, course_of
from afterlaunch.health_judging import IndicatorKind, judged, not_measured
from afterlaunch.health_measures import Resampling, known, unknown
from afterlaunch.health_people import detectable
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import (
    Complaints,
    Estimate,
    Fact,
    Indicator,
    Part,
    Shared,
    TicketRisk,
    TicketTheme,
    Times,
)
from afterlaunch.health_tickets import CIRCUMSTANCES, TicketCounts
from afterlaunch.nowcast import NoNowcast, nowcast, tickets_by_delay
from afterlaunch.ranges import Range
from afterlaunch.rates import NoRatio, RateRatio, RiskRatio, rate_ratio, risk_ratio
from afterlaunch.subgroups import Attribute, shared_by
from afterlaunch.ticket_audit import (
    Audit,
    AuditComparison,
    AuditedCount,
    NoAuditedCount,
    Stratum,
    audit_disagrees,
    audited_count,
)
from afterlaunch.ticket_themes import quotes
from afterlaunch.uncertainty import Interval, NoInterval, block_interval, block_weights
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
PER = 1000.0
N_DELAYS = 60
"""Tickets that come later than this after their case are not waited for."""
MIN_THEME_RISE = 1.5
"""A theme with so many times its usual share is named."""
MIN_THEME_TICKETS = 15
MIN_RISK_TICKETS = 5
"""A circumstance of fewer tickets than this is not told."""

TICKETS = IndicatorKind(
    code="complaints.ai_tickets",
    title="Tickets about the AI",
    unit="per 1,000",
    direction=Direction.LOWER,
    decimals=1,
    bounds=Range(lower=0),
)
KINDS = (TICKETS,)


def no_complaints_rows() -> tuple[Indicator, ...]:
    """Return the row that says that nothing tells about complaints."""
    return (not_measured(TICKETS, "no ticket table configured"),)


def complaints_of(
    counts: TicketCounts, *, policy: HealthPolicy, resampling: Resampling, case_noun: str = "cases"
) -> tuple[tuple[Indicator, ...], Complaints]:
    """Return the row about complaints and what its section shows."""
    months = [_Month.of(window, counts) for window in counts.months]
    correction = _Correction.of(months)
    values = [
        MonthValue(
            window=month.window,
            measurement=_rate(month, correction, counts, resampling),
            is_usual=month.n_decisions > 0,
            n_units=month.n_decisions * month.completeness,
        )
        for month in months
    ]
    held_to = policy.indicators.get(TICKETS.code, IndicatorPolicy())
    course = course_of(
        values,
        Yardstick(
            code=TICKETS.code,
            policy=policy.usual_range,
            bounds=TICKETS.bounds,
            limits=held_to.limits,
            per=PER,
        ),
    )
    usual = [value for value in values if value.window.label in course.usual_months]
    times, shared = _times(values[-1], usual), _shared(counts, case_noun)
    section = _section(counts, months, correction, course.current, times=times, shared=shared)
    behind = (*_explained(section), *detectable(course, TICKETS))
    return (judged(TICKETS, course, policy, behind=behind),), section


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Month:
    """The tickets of one month, by strata and by day, and how complete they are."""

    window: Window
    audit: Audit
    flagged_by_day: Floats
    unflagged_by_day: Floats
    decisions_by_day: Floats
    completeness: float
    late_error_share: float
    why_incomplete: str

    @property
    def n_decisions(self) -> int:
        return int(self.decisions_by_day.sum())

    @classmethod
    def of(cls, window: Window, counts: TicketCounts) -> _Month:
        rows = counts.tickets[counts.tickets["month"] == window.label]
        day = (rows["day"] - np.datetime64(window.start)).dt.days.to_numpy(np.int64)
        flagged = rows["flagged"].to_numpy(bool)
        label, weight = (rows[name].to_numpy(np.float64, na_value=np.nan) for name in ("about_ai", "weight"))
        late = _Lateness.of(window, counts)
        return cls(
            window=window,
            audit=Audit(
                flagged=_stratum(label[flagged], weight[flagged]),
                unflagged=_stratum(label[~flagged], weight[~flagged]),
            ),
            flagged_by_day=np.bincount(day[flagged], minlength=window.n_days).astype(np.float64),
            unflagged_by_day=np.bincount(day[~flagged], minlength=window.n_days).astype(np.float64),
            decisions_by_day=_decisions_by_day(counts, window.start, window.n_days),
            completeness=late.completeness,
            late_error_share=late.error_share,
            why_incomplete=late.reason,
        )


def _stratum(labels: Floats, weights: Floats) -> Stratum:
    """Return the labelled tickets of a stratum as so many with equal chances as are worth as much.

    Labels that other flags drew stand for more or fewer tickets than those that today's flags would have drawn: their
    weights keep the share unbiased, and Kish's effective number keeps the interval honest.
    """
    known = np.isfinite(labels)
    if not known.any():
        return Stratum(n_tickets=len(labels))
    weight, label = weights[known], labels[known]
    n_labelled = max(1, round(float(weight.sum() ** 2 / (weight**2).sum())))
    n_true = round(n_labelled * float((weight * label).sum() / weight.sum()))
    return Stratum(n_tickets=len(labels), n_labelled=n_labelled, n_true=n_true)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Lateness:
    """How much of a month's tickets is reported by now."""

    completeness: float
    error_share: float
    reason: str

    @classmethod
    def of(cls, window: Window, counts: TicketCounts) -> _Lateness:
        """Estimate it from how late tickets came before; after N_DELAYS days all are there."""
        if (counts.as_of - window.end).days >= N_DELAYS:
            return cls(completeness=1.0, error_share=0.0, reason="")
        start = counts.months[0].start
        n_days = (min(window.end, counts.as_of) - start).days
        rows = counts.tickets
        day = (rows["day"] - np.datetime64(start)).dt.days.to_numpy(np.int64)
        # All tickets, not only the flagged ones: they come as late, and there are more of them to learn from.
        inside = day < n_days
        found = nowcast(
            tickets_by_delay(
                day[inside], rows["delay_days"].to_numpy(np.int64)[inside], n_days=n_days, n_delays=N_DELAYS
            ),
            np.array([(counts.as_of - start).days - i for i in range(n_days)]),
            window=slice((window.start - start).days, n_days),
            n_units=_decisions_by_day(counts, start, n_days),
        )
        if isinstance(found, NoNowcast):
            return cls(completeness=1.0, error_share=0.0, reason=found.reason)
        half_width = (found.upper - found.lower) / 2 / max(found.n_expected, 1.0)
        return cls(
            completeness=found.completeness,
            error_share=half_width if found.completeness < 1 else 0.0,
            reason="",
        )


def _decisions_by_day(counts: TicketCounts, start: dt.date, n_days: int) -> Floats:
    """Return the cases of each of ``n_days`` days from ``start`` on, 0 where there is none."""
    place = (counts.decisions["day"].astype("datetime64[us]") - np.datetime64(start)).dt.days.to_numpy(
        np.int64
    )
    inside = (place >= 0) & (place < n_days)
    n = counts.decisions["n"].to_numpy(np.float64)[inside]
    return np.bincount(place[inside], weights=n, minlength=n_days).astype(np.float64)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Correction:
    """What flagged and unflagged tickets are worth, by the audits of all months; the flags themselves without any."""

    right_share: float
    missed_share: float
    right_error: float
    missed_error: float
    last: AuditComparison

    @classmethod
    def of(cls, months: list[_Month]) -> _Correction:
        flagged, unflagged = (
            [getattr(month.audit, name) for month in months] for name in ("flagged", "unflagged")
        )
        right, right_error = _pooled(flagged, without=1.0)
        missed, missed_error = _pooled(unflagged, without=0.0)
        return cls(
            right_share=right,
            missed_share=missed,
            right_error=right_error,
            missed_error=missed_error,
            last=audit_disagrees(months[-1].audit, [month.audit for month in months[:-1]]),
        )


def _pooled(strata: list[Stratum], *, without: float) -> tuple[float, float]:
    """Return the share that is true among labelled tickets and its standard error."""
    n, n_true = sum(s.n_labelled for s in strata), sum(s.n_true for s in strata)
    if not n:
        return without, 0.0
    # One more of each kind, so that none of many is not taken for certain.
    smoothed = (n_true + 1) / (n + 2)
    return n_true / n, math.sqrt(smoothed * (1 - smoothed) / n)


def _rate(
    month: _Month, correction: _Correction, counts: TicketCounts, resampling: Resampling
) -> Measurement:
    title = month.window.title
    reason = _why_unknown(month, counts)
    if reason:
        return unknown(TICKETS.name, TICKETS.unit, title, reason=reason)
    own = _own_count(month, correction, counts)
    n_flagged, n_unflagged = float(month.flagged_by_day.sum()), float(month.unflagged_by_day.sum())
    counted = n_flagged * correction.right_share + n_unflagged * correction.missed_share
    error = 1.96 * math.hypot(n_flagged * correction.right_error, n_unflagged * correction.missed_error)
    audited = own or AuditedCount(
        count=counted, interval=Interval(lower=counted - error, upper=counted + error)
    )
    scale = PER / month.completeness / counts.joined_share / month.n_decisions
    by_days = _over_days(month, correction, resampling)
    interval = (
        by_days if isinstance(by_days, NoInterval) else _combined(audited, by_days, month.late_error_share)
    )
    if isinstance(interval, Interval):
        interval = Interval(lower=scale * interval.lower, upper=scale * interval.upper)
    return known(
        TICKETS.name, TICKETS.unit, title, value=scale * audited.count, interval=interval, n=month.n_decisions
    )


def _why_unknown(month: _Month, counts: TicketCounts) -> str:
    if not month.n_decisions:
        return f"no rows in {month.window.title}"
    if not counts.joined_share > 0:
        return "no ticket names a case of the log"
    if month.why_incomplete:
        return f"how many tickets are still to come cannot be estimated: {month.why_incomplete}"
    return ""


def _own_count(month: _Month, correction: _Correction, counts: TicketCounts) -> AuditedCount | None:
    """Return what the last month's own audit says, where it differs from the earlier ones."""
    if month.window != counts.months[-1] or not correction.last.disagrees:
        return None
    found = audited_count(month.audit)
    return None if isinstance(found, NoAuditedCount) else found


def _over_days(month: _Month, correction: _Correction, resampling: Resampling) -> Interval | NoInterval:
    """Return the interval of the corrected count over whole days, relative to the count."""
    corrected = (
        month.flagged_by_day * correction.right_share + month.unflagged_by_day * correction.missed_share
    )
    by_day = np.column_stack([corrected, month.decisions_by_day])[month.decisions_by_day > 0]
    weights = block_weights(len(by_day), resampling.n_resamples, seed=resampling.seed).astype(np.float64)
    drawn = weights @ by_day
    rate = float(by_day[:, 0].sum() / by_day[:, 1].sum())
    found = block_interval(rate, drawn[:, 0] / drawn[:, 1], len(by_day))
    if isinstance(found, NoInterval) or not rate:
        return found
    return Interval(lower=found.lower / rate, upper=found.upper / rate)


def _combined(audited: AuditedCount, over_days: Interval, late_error_share: float) -> Interval:
    """Combine three independent doubts about a count: days that differ, the audit, and tickets still to come."""
    count = audited.count
    below = (count * (1 - over_days.lower), count - audited.interval.lower, count * late_error_share)
    above = (count * (over_days.upper - 1), audited.interval.upper - count, count * late_error_share)
    return Interval(lower=max(0.0, count - math.hypot(*below)), upper=count + math.hypot(*above))


def _times(now: MonthValue, usual: list[MonthValue]) -> Times | None:
    """Return how many times the usual months' rate this month's is."""
    if not now.measurement.is_known or not usual:
        return None

    def n_events(value: MonthValue) -> float:
        return value.measurement.value * value.n_units / PER

    found: RateRatio | NoRatio = rate_ratio(
        n_events(now), now.n_units, [n_events(value) for value in usual], [value.n_units for value in usual]
    )
    if isinstance(found, NoRatio):
        return None
    return Times(ratio=found.ratio, ci_lower=found.lower, ci_upper=found.upper, n_months=found.n_months)


def _section(
    counts: TicketCounts,
    months: list[_Month],
    correction: _Correction,
    current: Measurement,
    *,
    times: Times | None,
    shared: Shared | None,
) -> Complaints:
    month, flags = months[-1], counts.flags
    rows = counts.tickets[counts.tickets["month"] == month.window.label]
    to_count = month.n_decisions / PER

    def number(per_1000: float | None) -> float | None:
        return None if per_1000 is None or math.isnan(per_1000) else per_1000 * to_count

    estimated = number(current.value)
    return Complaints(
        n_tickets=len(rows),
        n_flagged=int(rows["flagged"].sum()),
        estimated=estimated,
        ci_lower=number(current.ci_lower),
        ci_upper=number(current.ci_upper),
        n_reported=None if estimated is None else estimated * month.completeness,
        n_outstanding=None if estimated is None else estimated * (1 - month.completeness),
        completeness=month.completeness,
        joined_share=counts.joined_share,
        n_unjoined=counts.n_unjoined,
        method=flags.method,
        method_reason=flags.reason,
        precision=None if math.isnan(flags.precision) else flags.precision,
        recall=None if math.isnan(flags.recall) else flags.recall,
        n_labelled=flags.n_labelled,
        n_audited=int(rows["about_ai"].notna().sum()),
        audit_differs=correction.last.disagrees,
        times=times,
        themes=_themes(counts, month.window),
        themes_method=counts.themes.method,
        risks=_risks(counts),
        shared=shared,
    )


def _themes(counts: TicketCounts, window: Window) -> tuple[TicketTheme, ...]:
    flagged = counts.tickets[counts.tickets["flagged"]]
    now, before = flagged[flagged["month"] == window.label], flagged[flagged["month"] < window.label]
    quoted = quotes(now["text"].tolist(), now["theme"].tolist(), now["score"].tolist())
    words = {one.theme: one.quotes for one in quoted}
    rows = [
        TicketTheme(
            theme=str(theme),
            n=len(part),
            share=len(part) / len(now),
            usual_share=float((before["theme"] == theme).mean()) if len(before) else None,
            quotes=words.get(str(theme), ()),
        )
        for theme, part in now.groupby("theme", sort=True)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.n, row.theme)))


def _events(counts: TicketCounts) -> pd.DataFrame:
    """Return the cases of the last month that brought a flagged ticket, each once, with their circumstances."""
    rows = counts.tickets
    now = rows[(rows["month"] == counts.months[-1].label) & rows["flagged"]]
    return now.drop_duplicates("case_id")


def _risks(counts: TicketCounts) -> tuple[TicketRisk, ...]:
    events, cells = _events(counts), counts.cells
    n_all, n_events = float(cells["n"].sum()), len(events)
    rows = []
    for name in counts.circumstances:
        n_inside = float(cells.loc[cells[name] == 1, "n"].sum())
        n_events_inside = float(events[name].sum())
        if n_events_inside < MIN_RISK_TICKETS or n_inside == n_all:
            continue
        found = risk_ratio(n_events_inside, n_inside, n_events - n_events_inside, n_all - n_inside)
        known_ratio = found if isinstance(found, RiskRatio) else None
        rows.append(
            TicketRisk(
                circumstance=CIRCUMSTANCES[name],
                n_tickets=int(n_events_inside),
                n_cases=int(n_inside),
                ratio=known_ratio.ratio if known_ratio else None,
                ci_lower=known_ratio.lower if known_ratio else None,
                ci_upper=known_ratio.upper if known_ratio else None,
                reason=found.reason if isinstance(found, NoRatio) else "",
            )
        )
    return tuple(sorted(rows, key=lambda row: -(row.ci_lower or 0.0)))


def _shared(counts: TicketCounts, case_noun: str) -> Shared | None:
    """Return the circumstances that tickets about the AI share."""
    events, cells = _events(counts), counts.cells
    if cells.empty or events.empty:
        return None
    keys = ["day", *counts.circumstances]
    by_case = events.groupby(keys).size().rename("n_events").reset_index()
    joined = cells.assign(day=cells["day"].astype("datetime64[us]")).merge(by_case, on=keys, how="left")
    day = joined["day"].to_numpy("datetime64[D]").astype(np.int64)
    found = shared_by(
        joined[list(counts.circumstances)].to_numpy(np.int64),
        [Attribute(name=CIRCUMSTANCES[name], labels=("no", "yes")) for name in counts.circumstances],
        n=joined["n"].to_numpy(np.float64),
        n_events=joined["n_events"].fillna(0).to_numpy(np.float64),
        days=day - day.min(),
    )
    return Shared(events="tickets about the AI", rows=case_noun, found=found) if found else None


def _explained(section: Complaints) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    n_to_come = round(section.n_outstanding or 0.0)
    if n_to_come:
        tickets = "ticket" if n_to_come == 1 else "tickets"
        facts.append(Estimate(title=f"{tickets} still to come", value=n_to_come, unit="count", decimals=0))
    if section.times is not None:
        facts.append(section.times)
    facts += _risen_themes(section)
    facts += [section.shared] if section.shared else []
    return tuple(facts)


def _risen_themes(section: Complaints) -> list[Fact]:
    risen = [
        theme
        for theme in section.themes
        if theme.usual_share is not None
        and theme.n >= MIN_THEME_TICKETS
        and theme.share >= MIN_THEME_RISE * theme.usual_share
    ]
    return [
        Part(
            title=f"are about “{theme.theme}”",
            n=theme.n,
            n_of=section.n_flagged,
            noun="flagged tickets",
            usual_share=theme.usual_share,
        )
        for theme in sorted(risen, key=lambda theme: -(theme.share - (theme.usual_share or 0.0)))[:2]
    ]
