"""Where the time of slow answers goes, and what decisions are worth over the threshold, as plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afterlaunch.health_report import DecisionWorth, HealthReport, Speed
from afterlaunch.render import service_sentences as sections
from afterlaunch.render.fact_sentences import stage_in_words
from afterlaunch.render.figures import (
    BLUE,
    INK,
    ORANGE,
    RED,
    SOFT,
    Plot,
    blank_figure,
    shortened,
    show,
    wrapped,
)
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import NumberFormat, percent, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MILLISECONDS = NumberFormat(unit="ms", decimals=0)
MAX_NAME_LENGTH = 34


def stages(report: HealthReport) -> Plot | Text:
    """Plot the mean time of each stage in typical and in slow requests."""
    found = report.speed
    if found is None:
        return Text("")
    if not found.stages:
        return Text("There are no stages to plot: the request log has none, or no answer was slow.")
    with blank_figure(height=1.3 + 0.42 * len(found.stages)) as figure:
        title = sections.speed_title(report)
        # Above the whole figure: names of stages may be long, and would push a title of the axes off the page.
        figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
        _draw_stages(figure.subplots(), found)
        told = "; ".join(
            f"{stage_in_words(stage.stage)} {_MILLISECONDS.short(stage.typical_ms)} and "
            f"{_MILLISECONDS.short(stage.slow_ms)}"
            for stage in found.stages
        )
        return show(figure, alt=f"{title}. Typical and slow requests by stage: {told}.")


def _draw_stages(axes: Axes, found: Speed) -> None:
    names = [shortened(stage_in_words(stage.stage), MAX_NAME_LENGTH) for stage in found.stages]
    places = range(len(names))
    typical, slow = [s.typical_ms for s in found.stages], [s.slow_ms for s in found.stages]
    axes.hlines(places, typical, slow, color=SOFT, linewidth=1.4, zorder=1)
    axes.scatter(
        typical,
        places,
        color=BLUE,
        marker="o",
        s=36,
        zorder=2,
        label=_band("typical requests", found.n_typical),
    )
    axes.scatter(
        slow,
        places,
        color=RED,
        marker="D",
        s=36,
        zorder=2,
        label=_band("slow answers", found.n_slow_answered),
    )
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("mean time, ms")
    axes.xaxis.set_major_formatter(lambda value, _: plain(value, decimals=0))
    axes.grid(axis="x")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.legend(loc="lower right")


def _band(name: str, n: int) -> str:
    return f"{name} ({plain(n, decimals=0)})"


def decision_worth(report: HealthReport) -> Plot | Text:
    """Plot what all decisions would have been worth over the share of alerts, with the present threshold marked."""
    found = report.decision_worth
    if found is None or len(found.curve) < 3:
        return Text("There is no curve of values to plot.")
    with blank_figure(height=3.4) as figure:
        axes = figure.subplots()
        month = sections.month_of_worth(report)
        _draw_worth(axes, found, month)
        axes.set_ylabel(f"{found.unit} per 1,000 {report.case_noun}")
        title = sections.decision_worth_title(report)
        axes.set_title(wrapped(title, 90), loc="left", fontsize=11, fontweight="bold", color=INK)
        written = NumberFormat(unit=found.unit, decimals=0)
        ends = "; ".join(
            f"{name}, {plain(point.threshold, decimals=2)}: {written.full(point.value)} per 1,000 "
            f"{report.case_noun} at {percent(point.alert_share, decimals=1)} alerts"
            for name, point in (("Present threshold", found.present), (f"best of {month}", found.best))
        )
        return show(figure, alt=f"{title}. {ends}.")


def _draw_worth(axes: Axes, found: DecisionWorth, month: str) -> None:
    axes.plot([p.alert_share for p in found.curve], [p.value for p in found.curve], color=BLUE, linewidth=1.8)
    marks = ((found.present, "o", ORANGE, "present threshold"), (found.best, "^", RED, f"best of {month}"))
    for point, marker, colour, label in marks:
        axes.scatter(
            [point.alert_share],
            [point.value],
            marker=marker,
            color=colour,
            s=60,
            zorder=3,
            label=f"{label}, {plain(point.threshold, decimals=2)}",
        )
    axes.xaxis.set_major_formatter(lambda value, _: percent(value))
    axes.yaxis.set_major_formatter(lambda value, _: plain(value, decimals=0))
    axes.set_xlabel("share of alerts (a lower threshold to the right)")
    axes.set_xlim(left=0)
    axes.grid(axis="y")
    axes.tick_params(length=0)
    axes.legend(loc="lower right")
