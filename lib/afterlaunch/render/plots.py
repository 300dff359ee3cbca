"""The monthly health report as plots, drawn from the report's numbers: each title states what was found.

Nothing here touches matplotlib's global state, so plots look the same in every kernel and with every backend, and the
same numbers give the same bytes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from afterlaunch.findings import Severity
from afterlaunch.health_report import Area, Calibration, HealthReport, Indicator, MonthPoint, Segment
from afterlaunch.render import section_sentences as sections
from afterlaunch.render.fact_sentences import segment_format
from afterlaunch.render.figures import (
    BAND,
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    RED,
    RULE,
    SOFT,
    Plot,
    blank_figure,
    shortened,
    show,
    wrapped,
)
from afterlaunch.render.grammar import counted
from afterlaunch.render.indicator_sentences import number_format
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import NumberFormat, plain
from afterlaunch.render.scale import limits_without_far_months
from afterlaunch.render.service_plots import decision_worth, stages
from afterlaunch.render.sparkline import in_words
from afterlaunch.windows import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = [
    "Plot",
    "business",
    "calibration",
    "complaints",
    "decision_worth",
    "segments",
    "service",
    "show",
    "stages",
    "trend",
]

MAX_NAME_LENGTH = 34
_MARKERS = ("o", "s", "D", "^", "v", "P")
_VERSION_COLOURS = (BLUE, PURPLE, GREEN, ORANGE, RED, INK)
_STATE_COLOURS = {Severity.ACT: RED, Severity.WATCH: ORANGE, Severity.OK: GREEN, Severity.UNKNOWN: SOFT}
_STATE_MARKERS = {Severity.ACT: "^", Severity.WATCH: "D", Severity.OK: "o", Severity.UNKNOWN: "o"}


def trend(report: HealthReport) -> Plot | Text:
    """Plot the model's main measure over all months: intervals, usual range, target and versions."""
    main = sections.main_indicator(report)
    if main is None or not _known(main.history):
        return Text("There is no trend to plot: the model's main measure is not known for any month.")
    with blank_figure(height=3.6) as figure:
        axes = figure.subplots()
        _draw_course(axes, main, report, by_version=True)
        _title(axes, sections.trend_title(report))
        axes.set_ylabel(_axis_label(main))
        figure.legend(loc="outside lower left", ncols=5, handletextpad=0.4, columnspacing=1.4)
        alt = f"{sections.trend_title(report)}. {in_words(main)}"
        return show(figure, alt=alt)


def business(report: HealthReport) -> Plot | Text:
    """Plot each business number over all months, with its usual range and target, side by side."""
    return _courses(report, (Area.BUSINESS,)) or Text("There is no business number to plot.")


def complaints(report: HealthReport) -> Plot | Text:
    """Plot the rate of tickets about the AI over all months."""
    if report.complaints is None:
        return Text("")
    return _courses(report, (Area.COMPLAINTS,)) or Text("There is no rate of tickets to plot.")


def service(report: HealthReport) -> Plot | Text:
    """Plot each number about speed and people over all months, side by side."""
    if report.speed is None and report.people is None:
        return Text("")
    return _courses(report, (Area.SPEED, Area.PEOPLE)) or Text(
        "There is no number about speed or people to plot."
    )


def _courses(report: HealthReport, areas: Sequence[Area]) -> Plot | None:
    rows = [row for row in report.indicators if row.area in areas and _known(row.history)]
    if not rows:
        return None
    n_columns = min(2, len(rows))
    n_lines = math.ceil(len(rows) / n_columns)
    with blank_figure(height=0.5 + 2.3 * n_lines) as figure:
        panels = figure.subplots(n_lines, n_columns, squeeze=False)
        for axes, row in zip(panels.flat, rows, strict=False):
            _draw_course(axes, row, report, by_version=False)
            _title(axes, sections.kpi_title(row), width=40 if n_columns == 2 else 90, size=9.5)
            axes.set_ylabel(_axis_label(row))
        free = list(panels.flat)[len(rows) :]
        for axes in free:
            _explain_marks(axes, report)
        if not free:
            figure.supxlabel("; ".join(_MARKS), x=0.01, ha="left", fontsize=8, color=SOFT)
        alt = " ".join(f"{sections.kpi_title(row)}. {in_words(row)}" for row in rows)
        return show(figure, alt=alt)


def calibration(report: HealthReport) -> Plot | Text:
    """Plot predicted against observed shares with intervals, and how many rows each bin holds."""
    found = report.calibration
    if found is None:
        return Text("There is no calibration to plot: there are not enough known outcomes of both kinds.")
    with blank_figure(height=4.4) as figure:
        curve, rows = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        _draw_calibration(curve, found)
        _title(curve, sections.calibration_title(report))
        n = sum(one.n for one in found.bins)
        rows.vlines(
            [one.mean_score for one in found.bins],
            0,
            [one.n / n for one in found.bins],
            color=BLUE,
            linewidth=5,
        )
        rows.set_ylabel("share of rows")
        rows.set_xlabel("predicted share (mean score of the bin)")
        rows.set_ylim(bottom=0)
        _as_percent(curve.yaxis, rows.yaxis, rows.xaxis)
        return show(figure, alt=f"{sections.calibration_title(report)}. {_calibration_in_words(found)}")


def segments(report: HealthReport) -> Plot | Text:
    """Plot how far each shown segment lies from the rest, with intervals, one panel a measure."""
    found = report.segments
    if not found.shown:
        return Text("There is no segment to plot.")
    groups = {row.measure: [one for one in found.shown if one.measure == row.measure] for row in found.shown}
    tallest = max(len(rows) for rows in groups.values())
    with blank_figure(height=1.5 + 0.32 * tallest) as figure:
        figure.suptitle(
            wrapped(sections.segments_title(report), 90), x=0.01, ha="left", fontsize=11, fontweight="bold"
        )
        panels = figure.subplots(1, len(groups), squeeze=False)
        for axes, rows in zip(panels.flat, groups.values(), strict=True):
            _draw_forest(axes, rows, n_lines=tallest)
        told = "; ".join(sections.segment_in_words(row) for row in found.shown)
        return show(figure, alt=f"{sections.segments_title(report)}. {told}.")


def _title(axes: Axes, text: str, *, width: int = 90, size: float = 11) -> None:
    axes.set_title(wrapped(text, width), loc="left", fontsize=size, fontweight="bold", color=INK)


def _axis_label(row: Indicator) -> str:
    unit = row.finding.measurement.unit
    return {"share": "share, %", "pp": "percentage points", "score": row.title}.get(unit, unit)


def _known(points: Iterable[MonthPoint]) -> list[MonthPoint]:
    return [point for point in points if not math.isnan(point.value)]


def _draw_course(axes: Axes, row: Indicator, report: HealthReport, *, by_version: bool) -> None:
    """Draw a measure over its months on the numbers as shown, so that shares stand in per cent."""
    factor = 100.0 if row.finding.measurement.unit == "share" else 1.0
    places = {point.label: place for place, point in enumerate(row.history)}
    known = _known(row.history)
    _draw_bounds(axes, row, factor)
    _draw_gaps(axes, row.history, report)
    values = [factor * point.value for point in row.history]
    axes.plot(range(len(values)), values, color=SOFT, linewidth=1.1, zorder=2)
    for style, points in _styled(known, row, by_version=by_version):
        _draw_points(axes, points, places, style, factor)
    axes.set_xlim(-0.5, len(row.history) - 0.5)
    lowest, highest = _value_limits(row, factor)
    axes.set_ylim(lowest, highest)
    _mark_far_months(axes, row, factor, (lowest, highest))
    if max(abs(lowest), abs(highest)) >= 1000:
        axes.yaxis.set_major_formatter(lambda value, _: plain(value, decimals=0))
    axes.set_xticks(*_month_ticks(row.history, narrow=not by_version))
    axes.grid(axis="y")
    axes.tick_params(length=0)


def _mark_far_months(axes: Axes, row: Indicator, factor: float, limits: tuple[float, float]) -> None:
    """Write the value of each month beyond the edge, beside an arrow that points there."""
    written = number_format(row)
    for place, point in enumerate(row.history):
        value = factor * point.value
        if math.isnan(value) or limits[0] <= value <= limits[1]:
            continue
        is_above = value > limits[1]
        axes.annotate(
            f"{'▲' if is_above else '▼'} {written.short(point.value)}",
            (place, limits[1] if is_above else limits[0]),
            xytext=(4, -4 if is_above else 4),
            textcoords="offset points",
            va="top" if is_above else "bottom",
            color=SOFT,
            fontsize=8,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
        )


def _value_limits(row: Indicator, factor: float) -> tuple[float, float]:
    """Return limits that hold usual range, target and all months but those far beyond, with some room around them."""
    target, usual = row.finding.threshold.target_range, row.usual_range
    now = row.history[-1]
    ends = [now.value, now.ci_lower, now.ci_upper]
    ends += [target.lower, target.upper] if target else []
    ends += [usual.lower, usual.upper] if usual else []
    earlier: list[float | None] = []
    for point in row.history[:-1]:
        earlier += [point.value, point.ci_lower, point.ci_upper]
    lowest, highest = limits_without_far_months(
        (factor * end for end in earlier if end is not None),
        [factor * end for end in ends if end is not None],
    )
    room = 0.07 * (highest - lowest) or 1.0
    return lowest - room, highest + room


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Style:
    marker: str
    colour: str
    label: str = ""
    size: float = 6


def _styled(
    known: Sequence[MonthPoint], row: Indicator, *, by_version: bool
) -> list[tuple[_Style, list[MonthPoint]]]:
    if not by_version:
        now = _Style(marker=_STATE_MARKERS[row.severity], colour=_STATE_COLOURS[row.severity], size=8)
        before = [point for point in known if point is not row.history[-1]]
        last = [point for point in known if point is row.history[-1]]
        return [(_Style(marker="o", colour=BLUE, size=5), before), (now, last)]
    names = list(dict.fromkeys(" and ".join(point.versions) for point in known))
    return [
        (
            _Style(
                marker=_MARKERS[i % 6],
                colour=_VERSION_COLOURS[i % 6],
                label=f"scored by {name}" if name else "months",
            ),
            [point for point in known if " and ".join(point.versions) == name],
        )
        for i, name in enumerate(names)
    ]


def _draw_points(
    axes: Axes, points: Sequence[MonthPoint], places: Mapping[str, int], style: _Style, factor: float
) -> None:
    if not points:
        return
    x = [places[point.label] for point in points]
    y = [factor * point.value for point in points]
    down = [_reach(point.value, point.ci_lower) * factor for point in points]
    up = [_reach(point.ci_upper, point.value) * factor for point in points]
    axes.errorbar(
        x,
        y,
        yerr=(down, up),
        fmt=style.marker,
        color=style.colour,
        markersize=style.size,
        elinewidth=1.3,
        capsize=3,
        label=style.label or None,
        zorder=3,
    )


def _reach(higher: float | None, lower: float | None) -> float:
    return 0.0 if higher is None or lower is None else max(higher - lower, 0.0)


def _draw_bounds(axes: Axes, row: Indicator, factor: float) -> None:
    usual, target = row.usual_range, row.finding.threshold.target_range
    if usual is not None:
        months = counted(usual.n_months, "month")
        axes.axhspan(
            factor * usual.lower,
            factor * usual.upper,
            color=BAND,
            linewidth=0,
            label=f"usual range ({months})",
            zorder=0,
        )
        axes.axhline(factor * usual.centre, color=RULE, linewidth=1, zorder=1)
    bounds = [bound for bound in (target.lower, target.upper) if bound is not None] if target else []
    for i, bound in enumerate(bounds):
        axes.axhline(
            factor * bound,
            color=INK,
            linewidth=1,
            linestyle=(0, (4, 3)),
            label=None if i else "target",
            zorder=1,
        )


def _draw_gaps(axes: Axes, points: Sequence[MonthPoint], report: HealthReport) -> None:
    """Hatch months without a value: those left out as training months, and others."""
    left_out = set(report.limits.left_out_months)
    labelled: set[str] = set()
    for place, point in enumerate(points):
        if not math.isnan(point.value):
            continue
        label = "training months" if point.label in left_out else "not measured"
        axes.axvspan(
            place - 0.5,
            place + 0.5,
            facecolor=PAPER,
            edgecolor=RULE,
            hatch="///",
            linewidth=0,
            label=None if label in labelled else label,
            zorder=1,
        )
        labelled.add(label)


def _month_ticks(points: Sequence[MonthPoint], *, narrow: bool) -> tuple[list[int], list[str]]:
    step = math.ceil(len(points) / (7 if narrow else 14))
    # Counted from the end, so that this month always has its name.
    places = list(range(len(points) - 1, -1, -step))[::-1]
    months = [Window.parse(points[place].label) for place in places]
    names = [
        f"{month.start:%b}\n{month.start.year}"
        if i == 0 or month.start.month <= step
        else f"{month.start:%b}"
        for i, month in enumerate(months)
    ]
    return places, names


_MARKS = (
    "usual range: grey band",
    "target: dashed line",
    "95 % interval: whiskers",
    "a month beyond the edge: arrow with its number",
)


def _explain_marks(axes: Axes, report: HealthReport) -> None:
    """Use an empty panel to say what the marks of its neighbours mean."""
    axes.axis("off")
    lines = (
        "How to read these charts",
        f"last mark: {report.window.title}, its shape is its state",
        "▲ act   ◆ watch   ● as usual",
        "hatched: months without fresh rows",
        *_MARKS,
    )
    for place, line in enumerate(lines):
        axes.text(
            0.0,
            0.98 - 0.14 * place,
            line,
            transform=axes.transAxes,
            color=INK if place == 0 else SOFT,
            va="top",
            fontsize=9,
        )


def _draw_calibration(axes: Axes, found: Calibration) -> None:
    predicted = [one.mean_score for one in found.bins]
    happened = [one.outcome_share for one in found.bins]
    down = [_reach(one.outcome_share, one.ci_lower) for one in found.bins]
    up = [_reach(one.ci_upper, one.outcome_share) for one in found.bins]
    limit = 1.06 * max(*predicted, *(share + reach for share, reach in zip(happened, up, strict=True)))
    axes.plot((0, limit), (0, limit), color=SOFT, linewidth=1, linestyle=(0, (4, 3)), label="as predicted")
    axes.errorbar(
        predicted,
        happened,
        yerr=(down, up),
        fmt="o-",
        color=BLUE,
        markersize=5,
        capsize=3,
        label="happened (95 % interval)",
    )
    axes.set_ylabel("observed share")
    axes.set_ylim(0, limit)
    axes.set_xlim(0, limit)
    axes.grid(axis="both")
    axes.tick_params(length=0)
    axes.legend(loc="upper left")


def _calibration_in_words(found: Calibration) -> str:
    lowest, highest = found.bins[0], found.bins[-1]
    share = NumberFormat(unit="share", decimals=1)
    ends = (
        f"{share.short(one.mean_score)} predicted, {share.short(one.outcome_share)} happened"
        for one in (lowest, highest)
    )
    return f"Lowest and highest scores: {'; '.join(ends)}."


def _as_percent(*sides: Axis) -> None:
    from matplotlib.ticker import PercentFormatter

    for side in sides:
        side.set_major_formatter(PercentFormatter(xmax=1, decimals=0, symbol=" %"))


def _draw_forest(axes: Axes, rows: Sequence[Segment], *, n_lines: int) -> None:
    """Draw one line a segment, the worst on top; filled diamonds are worse than the rest."""
    written = segment_format(rows[0])
    factor = 100.0 if written.unit == "share" else 1.0
    for place, row in enumerate(rows):
        colour, marker = (RED, "D") if row.is_worse else (SOFT, "o")
        down, up = _reach(row.difference, row.ci_lower), _reach(row.ci_upper, row.difference)
        axes.errorbar(
            [factor * row.difference],
            [place],
            xerr=([factor * down], [factor * up]),
            fmt=marker,
            color=colour,
            markerfacecolor=colour if row.is_worse else PAPER,
            markersize=6,
            capsize=3,
        )
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), [_segment_name(row) for row in rows])
    axes.set_ylim(n_lines - 0.5, -0.5)
    axes.set_xlabel(_forest_label(written, rows[0]))
    axes.grid(axis="x")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def _segment_name(row: Segment) -> str:
    worse = " ◆ worse" if row.is_worse else ""
    return shortened(f"{row.column}: {row.value}", MAX_NAME_LENGTH - len(worse)) + worse


def _forest_label(written: NumberFormat, row: Segment) -> str:
    unit = {"score": "", "share": ", percentage points", "pp": ", percentage points"}.get(
        written.unit, f", {row.unit}"
    )
    return f"{row.title}\nsegment minus rest{unit}"
