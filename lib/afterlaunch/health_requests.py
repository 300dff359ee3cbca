"""What the monthly health report reads from a request log: counts by day and latency bucket, and this month's detail.

Latencies are counted in the buckets of :data:`LATENCY_GRID`, so that days and months add up and memory stays bounded
whatever the traffic. Load is arrivals: the busiest windows are found by counting who came, never who was waiting.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, Total, aggregate, count_where, exact_sum
from afterlaunch.contract import number_literal
from afterlaunch.engine import Engine
from afterlaunch.repeat_clicks import UNKNOWN, ClickGroups, Requests, click_groups
from afterlaunch.request_log import RequestLog
from afterlaunch.response_time import (
    WINDOW_MINUTES,
    LatencyGrid,
    NoPeak,
    peak_windows,
    quantile_of_counts,
    window_minutes,
)
from afterlaunch.scoring_log import inside
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
LATENCY_GRID = LatencyGrid()
MAX_ATTRIBUTE_VALUES = 40
TYPICAL = (0.40, 0.60)
"""The requests around the median of all: what is typical."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RequestMonth:
    """One month of a request log, by day; days without a request are left out.

    ``by_bucket`` and ``at_peak_by_bucket`` have the buckets from ``first_bucket`` on as their last axis: all requests,
    and those of the busiest windows. ``n_lost`` counts requests whose answer nobody saw although they waited longer
    than the threshold; ``groups`` counts repeat clicks and is None without users and cases.
    """

    window: Window
    by_bucket: Floats
    at_peak_by_bucket: Floats
    first_bucket: int
    n_slow: Floats
    n_unanswered: Floats
    n_left: Floats
    n_lost: Floats
    groups: RepeatGroups | None

    @property
    def n_by_day(self) -> Floats:
        """Requests of each day."""
        return np.asarray(self.by_bucket.sum(axis=-1))

    @property
    def n(self) -> int:
        """Requests of the month."""
        return int(self.by_bucket.sum())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RepeatGroups:
    """Repeat clicks by day of the first click.

    ``n_retries`` are rows that the network sent again: no clicks. ``n_groups`` are groups of two clicks or more,
    ``n_extra`` the clicks behind the first; ``n_inconsistent`` are groups that got different decisions, and
    ``n_mixed`` those of them that different versions answered. ``n_after_slow`` are groups whose first answer was slow;
    ``n_firsts`` and ``n_slow_firsts`` count all clicks that are no repeats, and those that got a slow answer.
    """

    n_retries: Floats
    n_groups: Floats
    n_extra: Floats
    n_inconsistent: Floats
    n_mixed: Floats
    n_after_slow: Floats
    n_firsts: Floats
    n_slow_firsts: Floats


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RequestDetail:
    """What is read of the last month only.

    ``cells`` counts requests by day, hour and attributes; ``by_hour`` by day and hour; ``by_endpoint`` and
    ``by_endpoint_hour`` hold exact quantiles. ``bands`` adds up the stages of slow and of typical requests, ``means``
    the latencies by endpoint of this month and the last; ``waits`` counts who left and who saw the answer (or waited
    for nothing) by how long they waited.
    """

    cells: pd.DataFrame
    by_hour: pd.DataFrame
    by_endpoint: pd.DataFrame
    by_endpoint_hour: pd.DataFrame
    bands: pd.DataFrame
    means: pd.DataFrame
    waits: pd.DataFrame


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RequestCounts:
    """All months, oldest first, the length of a window, and the detail of the last month.

    ``groups`` are the last month's groups of clicks, and None where clicks cannot be told.
    """

    months: tuple[RequestMonth, ...]
    window_minutes: int
    groups: ClickGroups | None
    detail: RequestDetail

    @property
    def current(self) -> RequestMonth:
        """The month that the report is about."""
        return self.months[-1]


def read_request_counts(log: RequestLog, *, months: tuple[Window, ...]) -> RequestCounts:
    """Read the months, oldest first, and the detail of the last one."""
    arrivals = [_read_arrivals(log, month) for month in months]
    minutes = _mark_peak(log, months, [n_by_minute for n_by_minute, _ in arrivals])
    totals, buckets = aggregate(
        log.engine,
        "requests_by_load",
        (
            Cut(keys=(_DAY,), totals=_day_totals(log)),
            Cut(keys=(_DAY, _AT_PEAK, _BUCKET), totals=(_N,)),
        ),
        where=inside(_ARRIVED, Window.of_months(months[0], months[-1])),
    )
    counted = tuple(
        _month(month, totals, buckets, groups) for month, (_, groups) in zip(months, arrivals, strict=True)
    )
    return RequestCounts(
        months=counted,
        window_minutes=minutes,
        groups=arrivals[-1][1],
        detail=_detail(log, months[-1], _typical_ms(counted[-1])),
    )


def _typical_ms(month: RequestMonth) -> tuple[float, float]:
    """Return the latencies between which the requests around the median lie: the ends of whole buckets.

    Latencies that many requests share, such as rounded ones, would otherwise lie beside a quantile within their bucket.
    """
    counts = month.by_bucket.sum(axis=0)
    lower, upper = (
        float(quantile_of_counts(counts, q, LATENCY_GRID, first_bucket=month.first_bucket)) for q in TYPICAL
    )
    if not counts.sum():
        return 0.0, 0.0
    first, last = LATENCY_GRID.index([lower, upper])
    return float(LATENCY_GRID.lower(first)), float(LATENCY_GRID.upper(last))


def bucket_sql(milliseconds: str) -> str:
    """Return the SQL of a latency's bucket in :data:`LATENCY_GRID`; the same rule as its ``index``."""
    grid = LATENCY_GRID
    steps = (
        f"floor(ln(greatest({milliseconds}, {number_literal(grid.lowest_ms)}) / {number_literal(grid.lowest_ms)}) / "
        f"ln({number_literal(grid.ratio)}))"
    )
    return f"CAST(least({steps}, {grid.n_buckets - 1}) AS INT)"


_ARRIVED = "arrived_at"
_N = Total(name="n", sql="count(*)")
_DAY = Key(name="day", sql="CAST(arrived_at AS DATE)")
_AT_PEAK = Key(name="at_peak", sql="is_at_peak")
_BUCKET = Key(name="bucket", sql=bucket_sql("latency_ms"))


def _read_arrivals(log: RequestLog, month: Window) -> tuple[Integers, ClickGroups | None]:
    """Return a month's requests of every minute, and its groups of clicks where clicks can be told.

    Only numbers leave the engine, some 40 bytes a request, one month at a time. A group that runs on past midnight
    into the next month is cut there, so that a month's report reads no other month.
    """
    engine = log.engine
    start_ms = _epoch_ms(month.start)
    columns = {"at_ms": engine.milliseconds("arrived_at")}
    if log.has_clicks:
        columns |= {
            "subject": subject_sql(engine),
            "request": engine.hash_of("request_id"),
            "version": _unless_missing(engine, "model_version"),
            "decision": "CAST(coalesce(decision, -1) AS TINYINT)",
            "is_slow": "CAST(is_slow AS TINYINT)",
        }
    found = engine.numbers(
        f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM {log.view} "
        f"WHERE {inside(_ARRIVED, month)}"
    )
    at_ms = found["at_ms"]
    n_by_minute = np.bincount((at_ms - start_ms) // 60_000, minlength=month.n_days * 1440)
    if not log.has_clicks:
        return n_by_minute, None
    return n_by_minute, click_groups(
        Requests(
            subject=found["subject"],
            request=found["request"],
            version=found["version"],
            at_ms=at_ms,
            decision=found["decision"].astype(np.int64),
            is_slow=found["is_slow"].astype(np.bool_),
        )
    )


def subject_sql(engine: Engine) -> str:
    """Return SQL of the number that stands for a person and a case in :class:`Requests`."""
    return _unless_missing(engine, "user_id", "case_id")


def _unless_missing(engine: Engine, *columns: str) -> str:
    """Return SQL of a hash that is :data:`UNKNOWN` where one of the columns is missing."""
    missing = " OR ".join(f"{column} IS NULL" for column in columns)
    return f"CASE WHEN {missing} THEN {UNKNOWN} ELSE {engine.hash_of(*columns)} END"


def _epoch_ms(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * 86_400_000


def _mark_peak(log: RequestLog, months: tuple[Window, ...], n_by_minute: Sequence[Integers]) -> int:
    """Create the view ``requests_by_load`` that marks requests in their month's busiest windows; return their length.

    The length is the longest that any month needs, the same for all months.
    """
    needed = [window_minutes(n) for n in n_by_minute if n.any()]
    length = max((WINDOW_MINUTES[-1] if isinstance(n, NoPeak) else n for n in needed), default=1)
    places = [
        _epoch_ms(month.start) // (60_000 * length)
        + np.flatnonzero(peak_windows(n.reshape(-1, length).sum(axis=1)))
        for month, n in zip(months, n_by_minute, strict=True)
    ]
    log.engine.keep_numbers("peak_windows", "place", np.concatenate(places))
    log.engine.create_view(
        "requests_by_load",
        f"SELECT {log.view}.*, CASE WHEN peak_windows.place IS NULL THEN 0 ELSE 1 END AS is_at_peak FROM {log.view} "
        f"LEFT JOIN peak_windows ON CAST(floor({log.view}.minute / {length}e0) AS BIGINT) = peak_windows.place",
    )
    return length


def _day_totals(log: RequestLog) -> tuple[Total, ...]:
    threshold = number_literal(log.setup.slo.threshold_ms)
    return (
        count_where("n_slow", "is_slow = 1"),
        count_where("n_unanswered", "is_unanswered = 1"),
        count_where("n_left", "was_shown = 0"),
        count_where("n_lost", f"was_shown = 0 AND waited_ms > {threshold}"),
    )


def _month(
    month: Window, totals: pd.DataFrame, buckets: pd.DataFrame, groups: ClickGroups | None
) -> RequestMonth:
    own, own_buckets = _rows_of(totals, month), _rows_of(buckets, month)
    days = np.unique(_place(own, month))
    used = buckets["bucket"]
    first = int(used.min()) if len(used) else 0
    n_buckets = int(used.max()) - first + 1 if len(used) else 0
    grid = np.zeros((2, month.n_days, n_buckets))
    np.add.at(
        grid,
        (
            own_buckets["at_peak"].to_numpy(np.int64),
            _place(own_buckets, month),
            own_buckets["bucket"].to_numpy() - first,
        ),
        own_buckets["n"].to_numpy(np.float64),
    )
    by_bucket = grid.sum(axis=0)[days]
    n_slow = _by_day(own, "n_slow", month)[days]
    return RequestMonth(
        window=month,
        by_bucket=by_bucket,
        at_peak_by_bucket=grid[1][days],
        first_bucket=first,
        n_slow=n_slow,
        groups=_groups_of(groups, month, days, n=by_bucket.sum(axis=-1), n_slow=n_slow)
        if groups is not None
        else None,
        **{name: _by_day(own, name, month)[days] for name in ("n_unanswered", "n_left", "n_lost")},
    )


def _groups_of(
    groups: ClickGroups, month: Window, days: Integers, *, n: Floats, n_slow: Floats
) -> RepeatGroups:
    """Count the groups by the day of their first click, beside all requests and the slow ones of each day."""
    day = (groups.first_at_ms - _epoch_ms(month.start)) // 86_400_000
    is_group = groups.n_clicks > 1

    def by_day(numbers: npt.NDArray[np.generic]) -> Floats:
        counts = np.bincount(day, weights=numbers.astype(np.float64), minlength=month.n_days)
        return counts[days].astype(np.float64)

    return RepeatGroups(
        n_retries=by_day(groups.n_retries),
        n_groups=by_day(is_group),
        n_extra=by_day(groups.n_clicks - 1),
        n_inconsistent=by_day(is_group & groups.is_inconsistent),
        n_mixed=by_day(is_group & groups.is_inconsistent & groups.is_mixed),
        n_after_slow=by_day(is_group & groups.is_after_slow),
        # What is in no group is a first click of its own.
        n_firsts=n - by_day(groups.n_clicks + groups.n_retries - 1),
        n_slow_firsts=n_slow - by_day(groups.n_slow - groups.is_after_slow),
    )


def _rows_of(frame: pd.DataFrame, month: Window) -> pd.DataFrame:
    import pandas as pd

    day = pd.to_datetime(frame["day"])
    return frame[(day >= pd.Timestamp(month.start)) & (day < pd.Timestamp(month.end))]


def _place(frame: pd.DataFrame, month: Window) -> npt.NDArray[np.int64]:
    import pandas as pd

    return np.asarray((pd.to_datetime(frame["day"]) - pd.Timestamp(month.start)).dt.days, dtype=np.int64)


def _by_day(frame: pd.DataFrame, name: str, month: Window) -> Floats:
    weights = frame[name].to_numpy(np.float64)
    return np.bincount(_place(frame, month), weights=weights, minlength=month.n_days).astype(np.float64)


def _detail(log: RequestLog, month: Window, typical_ms: tuple[float, float]) -> RequestDetail:
    where = inside(_ARRIVED, month)
    cells, by_hour = aggregate(
        log.engine,
        "requests_by_load",
        (
            Cut(keys=(_DAY, _HOUR, *_attribute_keys(log)), totals=_SLOW),
            Cut(keys=(_DAY, _HOUR), totals=_SLOW),
        ),
        where=where,
    )
    (bands,) = aggregate(log.engine, "requests_by_load", (_band_cut(log, typical_ms),), where=where)
    (means,) = aggregate(
        log.engine, "requests_by_load", (_mean_cut(month),), where=inside(_ARRIVED, _with_previous(month))
    )
    (waits,) = aggregate(
        log.engine, "requests_by_load", (_WAITS,), where=f"{where} AND waited_ms IS NOT NULL"
    )
    return RequestDetail(
        cells=cells,
        by_hour=by_hour,
        by_endpoint=exact_quantiles(log, where, by=("endpoint",)),
        by_endpoint_hour=exact_quantiles(log, where, by=("endpoint", "hour")),
        bands=bands,
        means=means,
        waits=waits,
    )


_HOUR = Key(name="hour", sql="CAST(floor(minute / 60e0) AS BIGINT) % 24")
_ENDPOINT = Key(name="endpoint", sql="coalesce(endpoint, 'all')")
_SLOW = (_N, count_where("n_slow", "is_slow = 1"), count_where("n_unanswered", "is_unanswered = 1"))
_WAITS = Cut(
    keys=(Key(name="bucket", sql=bucket_sql("waited_ms")),),
    totals=(
        count_where("n_left", "was_shown = 0 AND is_unanswered = 0"),
        count_where("n_shown", "NOT (was_shown = 0 AND is_unanswered = 0)"),
    ),
)


QUANTILES: Mapping[str, float] = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
_GROUPS: Mapping[str, str] = {
    "endpoint": "coalesce(endpoint, 'all')",
    "hour": "CAST(hour(arrived_at) AS INT)",
}


def exact_quantiles(log: RequestLog, where: str, *, by: tuple[str, ...]) -> pd.DataFrame:
    """Return requests and exact latency quantiles by endpoint, or by endpoint and hour of the day.

    Parameters
    ----------
    log : RequestLog
        The log.
    where : str
        Rows to read.
    by : tuple of str
        ``endpoint``, ``hour`` or both.

    Returns
    -------
    pandas.DataFrame
        The keys, ``n``, ``n_slow``, ``n_unanswered`` and the :data:`QUANTILES` in milliseconds, sorted by the keys.
    """
    keys = ", ".join(f"{_GROUPS[name]} AS {name}" for name in by)
    sums = ", ".join(f"{total.sql} AS {total.name}" for total in _SLOW)
    quantiles = log.engine.quantiles("latency_ms", tuple(QUANTILES.values()))
    found = log.engine.query(
        f"SELECT {keys}, {sums}, {quantiles} AS quantiles FROM {log.view} WHERE {where} "
        f"GROUP BY {', '.join(_GROUPS[name] for name in by)}"
    )
    values = (
        np.array([list(row) for row in found.pop("quantiles")], dtype=np.float64)
        .reshape(-1, len(QUANTILES))
        .round(6)
    )
    named = {name: values[:, place] for place, name in enumerate(QUANTILES)}
    return found.assign(**named).sort_values(list(by), ignore_index=True)


def _attribute_keys(log: RequestLog) -> tuple[Key, ...]:
    return tuple(Key(name=name, sql=f"coalesce({name}, '(missing)')") for name in log.attributes.values())


def _with_previous(month: Window) -> Window:
    return Window.of_months(month.previous(), month)


def _band_cut(log: RequestLog, typical_ms: tuple[float, float]) -> Cut:
    """Return the sums of the stages over answered requests: the slow ones, and those around the median."""
    lower, upper = map(number_literal, typical_ms)
    band = (
        "CASE WHEN is_unanswered = 1 THEN NULL WHEN is_slow = 1 THEN 'slow' "
        f"WHEN latency_ms >= {lower} AND latency_ms <= {upper} THEN 'typical' END"
    )
    sums = [exact_sum(f"sum_{name}", f"coalesce({name}, 0e0)", digits=3) for name in log.stages.values()]
    return Cut(keys=(Key(name="band", sql=band),), totals=(_N, _SUM_LATENCY, *sums))


_SUM_LATENCY = exact_sum("sum_latency_ms", "latency_ms", digits=3)


def _mean_cut(month: Window) -> Cut:
    """Return the sums of the latencies of answered requests by endpoint, this month and last month."""
    is_current = f"CASE WHEN {inside(_ARRIVED, month)} THEN 1 ELSE 0 END"
    answered = Key(name="is_current", sql=f"CASE WHEN is_unanswered = 0 THEN {is_current} END")
    return Cut(keys=(answered, _ENDPOINT), totals=(_N, _SUM_LATENCY))


def bucket_counts(
    frame: pd.DataFrame, name: str, *, by: Mapping[str, object] | None = None
) -> tuple[Floats, int]:
    """Return a frame's counts by bucket as an array, and the bucket it begins with.

    ``by`` picks rows by the values of other columns.
    """
    rows = frame
    for column, value in (by or {}).items():
        rows = rows[rows[column] == value]
    places = rows["bucket"].to_numpy(np.int64)
    if not len(places):
        return np.zeros(1), 0
    first = int(places.min())
    return np.bincount(places - first, weights=rows[name].to_numpy(np.float64)).astype(np.float64), first
