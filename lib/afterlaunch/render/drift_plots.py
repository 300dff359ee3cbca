"""The drift report as plots, drawn from the report's numbers: each title states what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from afterlaunch.drift_report import BinShare, DriftReport, InputDrift, PerformanceMonth
from afterlaunch.render import drift_sections as sections
from afterlaunch.render.figures import (
    BAND,
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
from afterlaunch.render.harm_sentences import is_performance_harmed, suspects
from afterlaunch.render.input_sentences import (
    change_in_words,
    effect_in_words,
    input_state,
    is_effect_known,
    judged_on,
    what_happened,
)
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import plain
from afterlaunch.render.performance_sentences import calibration_title, ranking_title
from afterlaunch.windows import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 10
MOST_PANELS = 4
MOST_CATEGORIES = 6
MAX_NAME_LENGTH = 30
_MAX_BIN_LENGTH = 18
_MOST_TICKS = 5
_Z = 1.96
_MANY = 100
_COLOURS = {"act": RED, "watch": ORANGE, "ok": BLUE, "unknown": SOFT}


# --- effects -------------------------------------------------------------------------------------------------------


def effects(report: DriftReport) -> Plot | Text:
    """Plot by how much each input that moved moves the alerts, with interval and what is usual."""
    known = [row for row in report.moved if is_effect_known(row)]
    rows = sorted(known, key=lambda row: -abs(row.effect.alerts_per_1000))[:MOST_BARS]
    if not rows:
        return Text("There is no effect on the model to plot.")
    title = sections.effects_title(report)
    with blank_figure(height=1.5 + 0.36 * len(rows)) as figure:
        figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
        axes = figure.subplots()
        _draw_effects(axes, rows)
        in_harm = is_performance_harmed(report)
        axes.set_xlabel(f"change of alerts per 1,000 {report.case_noun} through this input alone")
        figure.legend(loc="outside lower left", ncols=3, handletextpad=0.5, columnspacing=1.4)
        told = "; ".join(
            f"{row.name} {effect_in_words(row, report)}, {input_state(row, in_harm=in_harm).word}"
            for row in rows
        )
        return show(figure, alt=f"{title}. {told}.")


def _draw_effects(axes: Axes, rows: Sequence[InputDrift]) -> None:
    for place, row in enumerate(rows):
        state, effect = input_state(row), row.effect
        usual = _usual_alerts(row)
        if usual is not None:
            axes.barh([place], [2 * usual], left=[-usual], height=0.82, color=BAND, zorder=0)
        axes.barh([place], [effect.alerts_per_1000], height=0.42, color=_COLOURS[state.class_], zorder=2)
        reach = _Z * effect.se_alerts_per_1000
        axes.errorbar([effect.alerts_per_1000], [place], xerr=[[reach], [reach]], fmt="none", color=INK,
                      elinewidth=1.1, capsize=3, zorder=3)  # fmt: skip
    axes.barh([0], [0], color=BAND, label="usual between months")
    axes.errorbar([], [], xerr=[], fmt="none", color=INK, elinewidth=1.1, capsize=3, label="95 % interval")
    axes.axvline(0, color=INK, linewidth=1, zorder=1)
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)


def _usual_alerts(row: InputDrift) -> float | None:
    """Return up to where an input's effect on the alerts usually comes; None where it is known of scores only."""
    effect = row.effect
    if effect.usual is None or judged_on(row) != "alerts" or not effect.relative:
        return None
    return abs(effect.usual * effect.alerts_per_1000 / effect.relative)


def _name(row: InputDrift) -> str:
    state = input_state(row)
    mark = f" {state.symbol}"
    return shortened(row.name, MAX_NAME_LENGTH - len(mark)) + mark


# --- distributions -------------------------------------------------------------------------------------------------


def distributions(report: DriftReport) -> Plot | Text:
    """Plot the values of the inputs that moved the most, the reference months beside this month."""
    rows = _shown(report)
    if not rows:
        return Text("There is no distribution to plot: no input moved.")
    n_columns = min(2, len(rows))
    n_lines = math.ceil(len(rows) / n_columns)
    title = f"How the values moved: {', '.join(shortened(row.name, MAX_NAME_LENGTH) for row in rows)}"
    with blank_figure(height=1.1 + 2.5 * n_lines) as figure:
        figure.suptitle(wrapped(title, 90), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
        panels = figure.subplots(n_lines, n_columns, squeeze=False)
        for axes, row in zip(panels.flat, rows, strict=False):
            _draw_distribution(axes, row, report)
        for axes in list(panels.flat)[len(rows) :]:
            axes.axis("off")
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, handletextpad=0.5)
        told = " ".join(f"{row.name}: {what_happened(row, report)}." for row in rows)
        return show(figure, alt=f"{title}. {told}")


def _shown(report: DriftReport) -> list[InputDrift]:
    chosen = dict.fromkeys(row.name for row in (*suspects(report), *report.moved))
    by_name = {row.name: row for row in report.moved}
    return [by_name[name] for name in chosen if len(by_name[name].bins) > 1][:MOST_PANELS]


def _draw_distribution(axes: Axes, row: InputDrift, report: DriftReport) -> None:
    bins, is_number = row.bins, row.distances.ks is not None
    shown = bins if is_number else _most_changed(bins)
    before = [_MANY * one.reference_share for one in shown]
    now = [_MANY * one.current_share for one in shown]
    month = report.window.title
    if is_number:
        places = range(len(shown))
        axes.bar(
            places, before, width=0.9, color=BAND, edgecolor=SOFT, linewidth=0.6, label="reference months"
        )
        axes.plot(places, now, color=BLUE, marker="o", markersize=4, linewidth=1.4, label=month)
        axes.set_xticks(*_bin_ticks(shown))
        axes.set_ylabel(f"share of {report.case_noun}, %")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
    else:
        _draw_categories(axes, shown, before, now, month)
        axes.set_xlabel(f"share of {report.case_noun}, %")
    axes.tick_params(length=0)
    axes.set_title(
        wrapped(_panel_title(row, report), 44), loc="left", fontsize=9.5, fontweight="bold", color=INK
    )


def _panel_title(row: InputDrift, report: DriftReport) -> str:
    told = (
        change_in_words(row.changes[0], case_noun=report.case_noun) if row.changes else "spread differently"
    )
    return f"{shortened(row.name, MAX_NAME_LENGTH)}: {told}"


def _most_changed(bins: Sequence[BinShare]) -> list[BinShare]:
    """Return the categories that changed the most, in their own order."""
    by_change = sorted(bins, key=lambda one: -abs(one.current_share - one.reference_share))[:MOST_CATEGORIES]
    chosen = {one.label for one in by_change}
    return [one for one in bins if one.label in chosen]


def _draw_categories(
    axes: Axes, shown: Sequence[BinShare], before: Sequence[float], now: Sequence[float], month: str
) -> None:
    places = range(len(shown))
    axes.barh(places, before, height=0.8, color=BAND, edgecolor=SOFT, linewidth=0.6, label="reference months")
    axes.plot(now, places, color=BLUE, marker="o", linestyle="none", markersize=6, label=month)
    axes.set_yticks(places, [shortened(one.label, _MAX_BIN_LENGTH) for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def _bin_ticks(bins: Sequence[BinShare]) -> tuple[list[int], list[str]]:
    """Name a few bins by where they begin, so that names stay apart."""
    step = max(1, math.ceil(len(bins) / _MOST_TICKS))
    places = list(range(0, len(bins), step))
    return places, [_begin(bins[place].label) for place in places]


def _begin(label: str) -> str:
    return shortened(label.partition(" to ")[0], _MAX_BIN_LENGTH)


# --- performance by month ------------------------------------------------------------------------------------------


def performance(report: DriftReport) -> Plot | Text:
    """Plot ranking and how often outcomes came by month: what came out, and what scores alone said."""
    months = report.performance.months
    if not any(_is_known(month) for month in months):
        return Text("There is no performance by month to plot: neither outcomes nor estimates are known.")
    with blank_figure(height=4.6) as figure:
        ranking, calibration = figure.subplots(2, 1, sharex=True)
        _draw_ranking(ranking, months)
        _draw_calibration(calibration, months, report)
        for axes, title in ((ranking, ranking_title(report)), (calibration, calibration_title(report))):
            axes.set_title(wrapped(title, 90), loc="left", fontsize=10, fontweight="bold", color=INK)
            axes.grid(axis="y")
            axes.tick_params(length=0)
        calibration.set_xticks(*_month_ticks(months))
        calibration.set_xlim(-0.5, len(months) - 0.5)
        figure.legend(loc="outside lower left", ncols=3, handletextpad=0.4, columnspacing=1.4)
        alt = f"{ranking_title(report)}. {calibration_title(report)}. {_months_in_words(months)}"
        return show(figure, alt=alt)


def _is_known(month: PerformanceMonth) -> bool:
    return not (math.isnan(month.roc_auc) and math.isnan(month.estimated_roc_auc))


def _draw_ranking(axes: Axes, months: Sequence[PerformanceMonth]) -> None:
    label = "estimated from scores alone (95 % interval)"
    for place, month in enumerate(months):
        if month.ci_lower is None or month.ci_upper is None:
            continue
        axes.vlines(
            [place],
            month.ci_lower,
            month.ci_upper,
            color=SOFT,
            linewidth=9,
            alpha=0.35,
            label=label,
            zorder=1,
        )
        axes.plot([place], [month.estimated_roc_auc], marker="_", markersize=10, color=SOFT, zorder=2)
        label = ""
    _draw_realised(axes, [month.roc_auc for month in months], label="came out")
    axes.set_ylabel("ROC AUC")


def _draw_realised(axes: Axes, values: Sequence[float], *, label: str = "") -> None:
    axes.plot(range(len(values)), values, color=BLUE, linewidth=1.1, zorder=3)
    axes.plot(range(len(values)), values, color=BLUE, marker="o", markersize=5, linestyle="none", label=label or None,
              zorder=3)  # fmt: skip
    if values and not math.isnan(values[-1]):
        axes.plot([len(values) - 1], [values[-1]], color=ORANGE, marker="D", markersize=7, linestyle="none",
                  label="this month" if label else None, zorder=4)  # fmt: skip


def _draw_calibration(axes: Axes, months: Sequence[PerformanceMonth], report: DriftReport) -> None:
    axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="as the scores promise", zorder=1)
    _draw_realised(axes, [month.observed_expected for month in months])
    axes.set_ylabel(f"{shortened(report.outcome_noun, 20)}\nper one promised")


def _month_ticks(months: Sequence[PerformanceMonth]) -> tuple[list[int], list[str]]:
    step = math.ceil(len(months) / 14)
    places = list(range(len(months) - 1, -1, -step))[::-1]
    windows = [Window.parse(months[place].label) for place in places]
    names = [
        f"{month.start:%b}\n{month.start.year}"
        if i == 0 or month.start.month <= step
        else f"{month.start:%b}"
        for i, month in enumerate(windows)
    ]
    return places, names


def _months_in_words(months: Sequence[PerformanceMonth]) -> str:
    known = [month for month in months if not math.isnan(month.roc_auc)]
    if not known:
        return "No outcomes are known yet."
    values = [month.roc_auc for month in known]
    first, last = Window.parse(known[0].label).title, Window.parse(known[-1].label).title
    span = f"{plain(min(values), decimals=3)} to {plain(max(values), decimals=3)}"
    return f"ROC AUC by month from {first} to {last}: {span}."
