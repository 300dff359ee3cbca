"""A line of months small enough for a table cell, with usual range, target and this month's state."""

from __future__ import annotations

import dataclasses
import math

from afterlaunch.findings import Severity
from afterlaunch.health_report import Indicator, MonthPoint
from afterlaunch.render.indicator_sentences import number_format
from afterlaunch.render.markup import Markup, element, joined, svg_image
from afterlaunch.render.scale import limits_without_far_months
from afterlaunch.windows import Window

WIDTH, HEIGHT = 156, 38
MARGIN_X, MARGIN_Y = 7, 7
# Room that the values keep to the edges of their own spread, as a share of it.
PADDING_SHARE = 0.06
_STYLE = (
    ".band{fill:#dfe5ec}.line{fill:none;stroke:#3b6fb5;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}"
    ".lone{fill:#3b6fb5}"
    ".target{stroke:#59636e;stroke-dasharray:3 3}.version{stroke:#8c959f;stroke-dasharray:1 2}"
    ".act{fill:#b42318}.watch{fill:#8a5a00}.ok{fill:#1a7f37}.unknown{fill:#59636e}"
    "@media (prefers-color-scheme: dark){.band{fill:#2b3440}.line{stroke:#79b0f2}.lone{fill:#79b0f2}"
    ".target{stroke:#9aa4af}.version{stroke:#6e7781}"
    ".act{fill:#ff8a80}.watch{fill:#e3b341}.ok{fill:#57d364}.unknown{fill:#9aa4af}}"
)


def sparkline(indicator: Indicator) -> Markup | str:
    """Draw an indicator's months; with no month measured there is nothing to draw.

    Months without a value leave a gap. A thin dotted line stands where another version took over.
    """
    points = indicator.history
    if not any(not math.isnan(point.value) for point in points):
        return ""
    scale = _Scale.of(indicator)
    parts = joined(
        _band(indicator, scale),
        _target(indicator, scale),
        _version_steps(points, scale),
        _line(points, scale),
        _now(indicator, scale),
    )
    style = Markup(f"<style>{_STYLE}</style>")
    svg = element(
        "svg",
        style,
        parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
    )
    return svg_image(svg.html, alt=in_words(indicator), class_="al-spark", width=WIDTH, height=HEIGHT)


def in_words(indicator: Indicator) -> str:
    """Describe the line for readers who cannot see it: first, last, lowest and highest month."""
    written = number_format(indicator)
    known = [point for point in indicator.history if not math.isnan(point.value)]
    first, last = known[0], known[-1]
    lowest, highest = min(known, key=lambda p: p.value), max(known, key=lambda p: p.value)
    course = f"{_month(first)} {written.full(first.value)}"
    if len(known) > 1:
        course += f", {_month(last)} {written.full(last.value)}"
    if len(known) > 2:
        course += (
            f"; lowest {written.short(lowest.value)} in {_month(lowest)}, "
            f"highest {written.short(highest.value)} in {_month(highest)}"
        )
    return f"{indicator.title} by month: {course}."


def _month(point: MonthPoint) -> str:
    return Window.parse(point.label).title


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Scale:
    """Places of months and values in the image."""

    n_months: int
    lowest: float
    highest: float

    @classmethod
    def of(cls, indicator: Indicator) -> _Scale:
        target, usual = indicator.finding.threshold.target_range, indicator.usual_range
        shown = [indicator.history[-1].value]
        if usual is not None:
            shown += [usual.lower, usual.upper]
        if target is not None:
            shown += [bound for bound in (target.lower, target.upper) if bound is not None]
        lowest, highest = limits_without_far_months((p.value for p in indicator.history[:-1]), shown)
        room = PADDING_SHARE * (highest - lowest) or 1.0
        return cls(n_months=len(indicator.history), lowest=lowest - room, highest=highest + room)

    def x(self, place: float) -> float:
        step = (WIDTH - 2 * MARGIN_X) / max(1, self.n_months - 1)
        return round(MARGIN_X + place * step if self.n_months > 1 else WIDTH / 2, 1)

    def y(self, value: float) -> float:
        share = (min(max(value, self.lowest), self.highest) - self.lowest) / (self.highest - self.lowest)
        return round(HEIGHT - MARGIN_Y - share * (HEIGHT - 2 * MARGIN_Y), 1)


def _band(indicator: Indicator, scale: _Scale) -> Markup:
    usual = indicator.usual_range
    if usual is None:
        return Markup("")
    top, bottom = scale.y(usual.upper), scale.y(usual.lower)
    return element("rect", class_="band", x=0, y=top, width=WIDTH, height=round(max(bottom - top, 1.0), 1))


def _target(indicator: Indicator, scale: _Scale) -> Markup:
    target = indicator.finding.threshold.target_range
    bounds = [bound for bound in (target.lower, target.upper) if bound is not None] if target else []
    lines = (
        element("line", class_="target", x1=0, x2=WIDTH, y1=scale.y(bound), y2=scale.y(bound))
        for bound in bounds
    )
    return joined(*lines)


def _version_steps(points: tuple[MonthPoint, ...], scale: _Scale) -> Markup:
    places = [i for i in range(1, len(points)) if _is_version_step(points[i - 1], points[i])]
    lines = (
        element("line", class_="version", x1=scale.x(i - 0.5), x2=scale.x(i - 0.5), y1=0, y2=HEIGHT)
        for i in places
    )
    return joined(*lines)


def _is_version_step(before: MonthPoint, after: MonthPoint) -> bool:
    return bool(before.versions and after.versions) and set(before.versions) != set(after.versions)


def _line(points: tuple[MonthPoint, ...], scale: _Scale) -> Markup:
    runs: list[list[tuple[float, float]]] = [[]]
    for place, point in enumerate(points):
        if math.isnan(point.value):
            runs.append([])
        else:
            runs[-1].append((scale.x(place), scale.y(point.value)))
    drawn = [
        element("polyline", class_="line", points=" ".join(f"{x},{y}" for x, y in run))
        for run in runs
        if len(run) > 1
    ]
    alone = [
        element("circle", class_="lone", cx=run[0][0], cy=run[0][1], r=1.8) for run in runs if len(run) == 1
    ]
    return joined(*drawn, *alone)


def _now(indicator: Indicator, scale: _Scale) -> Markup:
    place = len(indicator.history) - 1
    value = indicator.history[-1].value
    if math.isnan(value):
        return Markup("")
    x, y, severity = scale.x(place), scale.y(value), indicator.severity
    corners = {
        Severity.ACT: ((0, -5), (5, 4), (-5, 4)),
        Severity.WATCH: ((0, -5), (5, 0), (0, 5), (-5, 0)),
    }.get(severity)
    if corners is None:
        return element("circle", class_=severity.value, cx=x, cy=y, r=3.6)
    drawn = " ".join(f"{round(x + dx, 1)},{round(y + dy, 1)}" for dx, dy in corners)
    return element("polygon", class_=severity.value, points=drawn)
