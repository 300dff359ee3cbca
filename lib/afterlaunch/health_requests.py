"""What the monthly health report reads from a request log: counts by day and latency bucket, and this month's detail.

Latencies are counted in the buckets of :data:`LATENCY_GRID`, so that days and months add up and memory stays bounded
whatever the traffic. Load is arrivals: the busiest windows are found by counting who came, never who was waiting.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.aggregates import Cut, Key, Total, aggregate, count_where, exact_sum
from afterlaunch.contract import number_literal
from afterlaunch.request_log import RequestLog
from afterlaunch.response_time import (
    MIN_A_WINDOW,
    PEAK_SHARE,
    WINDOW_MINUTES,
    LatencyGrid,
    quantile_of_counts,
)
from afterlaunch.scoring_log import instant_literal
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
LATENCY_GRID = LatencyGrid()
REPEAT_WITHIN_MS = 10_000
"""A click on the same case by the same person within this time of the last one is a repeat."""
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
    ``n_mixed`` those of them that different versions answered. ``n_after_slow`` are groups whose first answer was slow.
    """

    n_retries: Floats
    n_groups: Floats
    n_extra: Floats
    n_inconsistent: Floats
    n_mixed: Floats
    n_after_slow: Floats


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
    """All months, oldest first, the length of a window, and the detail of the last month."""

    months: tuple[RequestMonth, ...]
    window_minutes: int
    detail: RequestDetail

    @property
    def current(self) -> RequestMonth:
        """The month that the report is about."""
        return self.months[-1]


def read_request_counts(log: RequestLog, *, months: tuple[Window, ...]) -> RequestCounts:
    """Read the months, oldest first, and the detail of the last one."""
    where = _inside(Window.of_months(months[0], months[-1]))
    minutes = _mark_peak(log, months)
    totals, buckets = aggregate(
        log.engine,
        "requests_by_load",
        (
            Cut(keys=(_DAY,), totals=_day_totals(log)),
            Cut(keys=(_DAY, _AT_PEAK, _BUCKET), totals=(_N,)),
        ),
        where=where,
    )
    groups = _repeat_groups(log, where) if log.has_clicks else None
    counted = tuple(_month(month, totals, buckets, groups) for month in months)
    return RequestCounts(
        months=counted, window_minutes=minutes, detail=_detail(log, months[-1], _typical_ms(counted[-1]))
    )


def _typical_ms(month: RequestMonth) -> tuple[float, float]:
    """Return the latencies between which the requests around the median lie."""
    counts = month.by_bucket.sum(axis=0)
    lower, upper = (
        float(quantile_of_counts(counts, q, LATENCY_GRID, first_bucket=month.first_bucket)) for q in TYPICAL
    )
    return (lower, upper) if counts.sum() else (0.0, 0.0)


def bucket_sql(milliseconds: str) -> str:
    """Return the SQL of a latency's bucket in :data:`LATENCY_GRID`; the same rule as its ``index``."""
    grid = LATENCY_GRID
    steps = (
        f"floor(ln(greatest({milliseconds}, {number_literal(grid.lowest_ms)}) / {number_literal(grid.lowest_ms)}) / "
        f"ln({number_literal(grid.ratio)}))"
    )
    return f"CAST(least({steps}, {grid.n_buckets - 1}) AS INT)"


_N = Total(name="n", sql="count(*)")
_DAY = Key(name="day", sql="CAST(arrived_at AS DATE)")
_AT_PEAK = Key(name="at_peak", sql="is_at_peak")
_BUCKET = Key(name="bucket", sql=bucket_sql("latency_ms"))


def _inside(window: Window, column: str = "arrived_at") -> str:
    return f"{column} >= {instant_literal(window.start)} AND {column} < {instant_literal(window.end)}"


def _mark_peak(log: RequestLog, months: tuple[Window, ...]) -> int:
    """Create the view ``requests_by_load`` that marks requests in their month's busiest windows; return their length.

    The length is the shortest whose busiest windows hold enough requests in every month, the same for all months.
    """
    log.engine.keep("request_minutes", _minutes(log.view, months))
    for length in WINDOW_MINUTES:
        log.engine.keep("peak_windows", _peak_windows(length))
        busy = log.engine.query(
            "SELECT min(mean_n) AS n FROM (SELECT avg(n) AS mean_n FROM peak_windows GROUP BY month) AS m"
        )
        if float(busy["n"].iloc[0] or 0) >= MIN_A_WINDOW:
            break
    log.engine.create_view(
        "requests_by_load",
        f"SELECT {log.view}.*, CASE WHEN peak_windows.place IS NULL THEN 0 ELSE 1 END AS is_at_peak FROM {log.view} "
        f"LEFT JOIN peak_windows ON CAST(floor({log.view}.minute / {length}e0) AS BIGINT) = peak_windows.place "
        f"AND {_month_sql(months, f'{log.view}.minute')} = peak_windows.month",
    )
    return length


def _minutes(view: str, months: tuple[Window, ...]) -> str:
    """Return the SQL of the requests of every minute, with the month it lies in.

    The month is told from the minute, of which there are few, and not from every request.
    """
    where = _inside(Window.of_months(months[0], months[-1]))
    by_minute = f"SELECT minute, count(*) AS n FROM {view} WHERE {where} GROUP BY minute"
    return f"SELECT {_month_sql(months, 'minute')} AS month, minute, n FROM ({by_minute}) AS by_minute"


def _month_sql(months: tuple[Window, ...], minute: str) -> str:
    """Return the SQL of the place of the month that a minute lies in, 0 for the first."""
    epoch = dt.date(1970, 1, 1)
    ends = " ".join(
        f"WHEN {minute} < {(month.end - epoch).days * 1440} THEN {place}"
        for place, month in enumerate(months)
    )
    return f"CASE {ends} END"


def _peak_windows(minutes: int) -> str:
    """Return the SQL of the busiest windows that together carry the peak's share; the rule of ``peak_windows``."""
    by_window = (
        f"SELECT month, CAST(floor(minute / {minutes}e0) AS BIGINT) AS place, CAST(sum(n) AS BIGINT) AS n "
        f"FROM request_minutes GROUP BY month, CAST(floor(minute / {minutes}e0) AS BIGINT)"
    )
    running = (
        "SELECT month, place, n, sum(n) OVER (PARTITION BY month ORDER BY n DESC, place "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS up_to, sum(n) OVER (PARTITION BY month) AS n_month "
        f"FROM ({by_window}) AS by_window"
    )
    share = number_literal(PEAK_SHARE)
    return f"SELECT month, place, n FROM ({running}) AS running WHERE up_to - n < {share} * n_month"


def _day_totals(log: RequestLog) -> tuple[Total, ...]:
    threshold = number_literal(log.setup.slo.threshold_ms)
    return (
        count_where("n_slow", "is_slow = 1"),
        count_where("n_unanswered", "is_unanswered = 1"),
        count_where("n_left", "was_shown = 0"),
        count_where("n_lost", f"was_shown = 0 AND waited_ms > {threshold}"),
    )


def _repeat_groups(log: RequestLog, where: str) -> pd.DataFrame:
    """Return repeat clicks by day of the first one.

    A transport retry has the id of its click: the rows of one id are one click, at the time of the first of them.
    """
    engine = log.engine
    needed = "user_id, case_id, request_id, arrived_at, decision, model_version, is_slow"
    engine.create_view("requests_of_period", f"SELECT {needed} FROM {log.view} WHERE {where}")
    engine.keep_repeated("requests_again", "requests_of_period", ("user_id", "case_id"))
    engine.create_view(
        "clicks_again",
        "SELECT user_id, case_id, request_id, min(arrived_at) AS arrived_at, count(*) AS n_rows, "
        "min(decision) AS lowest, max(decision) AS highest, min(model_version) AS first_version, "
        "max(model_version) AS last_version, max(is_slow) AS is_slow FROM requests_again "
        "GROUP BY user_id, case_id, request_id",
    )
    clicked_ms = engine.milliseconds("arrived_at")
    order = "OVER (PARTITION BY user_id, case_id ORDER BY arrived_at, request_id)"
    engine.create_view(
        "clicks_in_turn",
        f"SELECT *, CASE WHEN {clicked_ms} - lag({clicked_ms}) {order} <= {REPEAT_WITHIN_MS} THEN 0 ELSE 1 END "
        "AS starts FROM clicks_again",
    )
    engine.create_view("clicks_in_groups", f"SELECT *, sum(starts) {order} AS place FROM clicks_in_turn")
    engine.create_view("click_groups", _click_groups())
    (by_day,) = aggregate(engine, "click_groups", (Cut(keys=(_DAY,), totals=_GROUP_TOTALS),))
    return by_day


def _click_groups() -> str:
    return (
        "SELECT user_id, case_id, place, min(arrived_at) AS arrived_at, count(*) AS n_clicks, sum(n_rows) AS n_rows, "
        "CASE WHEN min(lowest) <> max(highest) THEN 1 ELSE 0 END AS is_inconsistent, "
        "CASE WHEN min(first_version) <> max(last_version) THEN 1 ELSE 0 END AS is_mixed, "
        "max(CASE WHEN starts = 1 THEN is_slow ELSE 0 END) AS is_after_slow "
        "FROM clicks_in_groups GROUP BY user_id, case_id, place"
    )


_GROUP_TOTALS = (
    Total(name="n_retries", sql="CAST(sum(n_rows - n_clicks) AS BIGINT)"),
    count_where("n_groups", "n_clicks > 1"),
    Total(name="n_extra", sql="CAST(sum(n_clicks - 1) AS BIGINT)"),
    count_where("n_inconsistent", "n_clicks > 1 AND is_inconsistent = 1"),
    count_where("n_mixed", "n_clicks > 1 AND is_inconsistent = 1 AND is_mixed = 1"),
    count_where("n_after_slow", "n_clicks > 1 AND is_after_slow = 1"),
)


def _month(
    month: Window, totals: pd.DataFrame, buckets: pd.DataFrame, groups: pd.DataFrame | None
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
    return RequestMonth(
        window=month,
        by_bucket=grid.sum(axis=0)[days],
        at_peak_by_bucket=grid[1][days],
        first_bucket=first,
        groups=_groups_of(groups, month, days) if groups is not None else None,
        **{name: _by_day(own, name, month)[days] for name in ("n_slow", "n_unanswered", "n_left", "n_lost")},
    )


def _groups_of(groups: pd.DataFrame, month: Window, days: npt.NDArray[np.int64]) -> RepeatGroups:
    own = _rows_of(groups, month)
    return RepeatGroups(**{total.name: _by_day(own, total.name, month)[days] for total in _GROUP_TOTALS})


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
    where = _inside(month)
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
        log.engine, "requests_by_load", (_mean_cut(month),), where=_inside(_with_previous(month))
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
    values = np.array([list(row) for row in found.pop("quantiles")], dtype=np.float64).reshape(
        -1, len(QUANTILES)
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
    is_current = f"CASE WHEN {_inside(month)} THEN 1 ELSE 0 END"
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
