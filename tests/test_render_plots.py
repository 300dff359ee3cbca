"""The report's plots."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import health_examples as examples
from afterlaunch.health_report import Area
from afterlaunch.render import figures, plots, section_sentences, service_sentences
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import plain

GOLDEN = Path(__file__).parent / "golden"
SERVICE = (plots.stages, plots.service, plots.complaints, plots.decision_worth)
PLOTS = (plots.trend, plots.business, plots.calibration, plots.segments, *SERVICE)


def words_of(plot):
    """All text in a plot, in the order it is drawn."""
    tree = ET.fromstring(plot.svg)  # noqa: S314 - our own drawing
    return [
        " ".join("".join(node.itertext()).split()) for node in tree.iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_the_same_numbers_give_the_same_bytes(plot):
    assert plot(examples.served()).svg == plot(examples.served()).svg


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_without_numbers_the_reader_is_told_so(plot):
    told = plot(examples.unjudged())
    assert isinstance(told, Text)
    # What no table tells of is said once, in the words above: the plot says nothing.
    assert re.match(r"There (is|are) no ", told) or (plot in SERVICE[:3] and not told)
    assert ("<p" in told._repr_html_()) is bool(told)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_a_notebook_gets_the_drawing_and_its_description_whatever_the_backend(plot):
    made = plot(examples.served())
    contents, metadata = made._repr_mimebundle_()
    assert contents == {"image/svg+xml": made.svg, "text/plain": made.alt}
    assert metadata == {"image/svg+xml": {"alt": made.alt}}
    assert len(made.alt) > 60


@pytest.mark.parametrize(
    "report", [examples.hostile, examples.hostile_served], ids=lambda report: report.__name__
)
@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_hostile_names_stay_text(plot, report):
    made = plot(report())
    if isinstance(made, Text):
        assert report is examples.hostile
        assert plot in SERVICE
        return
    tags = {node.tag.rsplit("}", 1)[-1] for node in ET.fromstring(made.svg).iter()}  # noqa: S314 - our own drawing
    assert not tags & {"script", "a", "image", "foreignObject"}
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", made.svg)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_every_colour_has_a_partner_in_dark_mode(plot):
    svg = plot(examples.served()).svg
    drawn = re.sub(r"<style>svg\{.*?\}\}</style>", "", svg, flags=re.DOTALL)
    assert set(re.findall(r"#[0-9a-f]{6}", drawn)) == set()
    assert "@media (prefers-color-scheme: dark)" in svg


@pytest.mark.parametrize(
    ("plot", "title"),
    [
        (plots.trend, section_sentences.trend_title),
        (plots.calibration, section_sentences.calibration_title),
        (plots.segments, section_sentences.segments_title),
    ],
    ids=["trend", "calibration", "segments"],
)
def test_the_title_states_what_was_found(plot, title):
    report = examples.troubled()
    made = plot(report)
    assert title(report) in words_of(made)
    assert made.alt.startswith(title(report))


def test_each_business_chart_states_what_was_found():
    made = plots.business(examples.troubled())
    titles = [
        "Claims caught: below usual range",
        "Reviews per caught claim: within usual range",
        "Net saving: below usual range",
    ]
    assert [title for title in titles if f"{title}." in made.alt] == titles
    drawn = " ".join(words_of(made))
    assert [title for title in titles if title in drawn] == titles


def test_the_trend_tells_versions_training_months_usual_range_and_target_apart():
    words = words_of(plots.trend(examples.version_change()))
    assert {"usual range (6 months)", "target", "training months", "scored by v1", "scored by v2"} <= set(
        words
    )
    assert [word for word in words if word in {"Jan", "Oct"}] == ["Jan", "Oct"]


def test_a_month_without_value_that_is_no_training_month_is_called_not_measured():
    report = examples.healthy()
    row = report.indicator("model.roc_auc")
    lost = dataclasses.replace(row.history[5], value=math.nan, reason="no outcome is known")
    row = dataclasses.replace(row, history=(*row.history[:5], lost, *row.history[6:]))
    rows = tuple(row if one.code == row.code else one for one in report.indicators)
    words = words_of(plots.trend(dataclasses.replace(report, indicators=rows)))
    assert {"training months", "not measured"} <= set(words)


def test_axes_name_their_units():
    assert "Ranking quality (ROC AUC)" in words_of(plots.trend(examples.healthy()))
    words = words_of(plots.business(examples.healthy()))
    assert {"share, %", "ratio", "USD per 1,000 flights", "1,200"} <= set(words)
    assert {"observed share", "share of rows", "predicted share (mean score of the bin)"} <= set(
        words_of(plots.calibration(examples.healthy()))
    )


def test_segments_worse_than_the_rest_are_marked_by_shape_and_word():
    words = words_of(plots.segments(examples.troubled()))
    assert [word for word in words if "worse" in word and ":" in word] == [
        "carrier: EV ◆ worse",
        "origin: LGA ◆ worse",
    ]


def test_names_in_any_script_and_dollar_signs_are_drawn_without_warning():
    report = examples.troubled()
    shown = tuple(dataclasses.replace(row, value="東京 $x$ \\frac") for row in report.segments.shown)
    made = plots.segments(
        dataclasses.replace(report, segments=dataclasses.replace(report.segments, shown=shown))
    )
    assert "carrier: 東京 $x$ \\frac ◆ worse" in words_of(made)


def test_missing_intervals_and_unknown_bounds_are_drawn_as_points():
    report = examples.served()
    bins = tuple(dataclasses.replace(one, ci_lower=None, ci_upper=None) for one in report.calibration.bins)
    bare = dataclasses.replace(
        report,
        calibration=dataclasses.replace(report.calibration, bins=bins),
        segments=dataclasses.replace(
            report.segments,
            shown=tuple(
                dataclasses.replace(row, ci_lower=None, ci_upper=None) for row in report.segments.shown
            ),
        ),
        indicators=tuple(
            dataclasses.replace(
                row,
                usual_range=None,
                history=tuple(dataclasses.replace(p, ci_lower=None, ci_upper=None) for p in row.history),
            )
            for row in report.indicators
        ),
    )
    for plot in PLOTS:
        assert isinstance(plot(bare), plots.Plot)


@pytest.mark.parametrize("n_kpis", [1, 2, 3, 4])
def test_any_number_of_business_charts_fits(n_kpis):
    report = examples.healthy()
    kpi = report.indicator("business.net_saving")
    rows = tuple(dataclasses.replace(kpi, title=f"KPI {i}") for i in range(n_kpis))
    words = words_of(plots.business(dataclasses.replace(report, indicators=rows)))
    assert [word for word in words if word.startswith("KPI")] == [
        f"KPI {i}: within usual range" for i in range(n_kpis)
    ]


def test_three_years_of_months_keep_readable_names():
    report = examples.healthy()
    row = report.indicator("model.roc_auc")
    labels = [examples.SEPTEMBER.previous(k).label for k in range(35, -1, -1)]
    history = tuple(dataclasses.replace(row.history[-1], label=label) for label in labels)
    rows = (dataclasses.replace(row, history=history),)
    words = words_of(plots.trend(dataclasses.replace(report, indicators=rows)))
    months = [word for word in words if re.fullmatch(r"[A-Z][a-z]{2}( \d{4})?", word)]
    assert len(months) <= 14
    assert months[-1] == "Sep"


def test_plots_leave_matplotlibs_global_state_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.trend(examples.healthy())
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


# --- speed, people, complaints, decision worth --------------------------------------


def test_every_plot_is_described_in_words_as_expected():
    told = "".join(f"{plot.__name__}:\n  {plot(examples.served()).alt}\n\n" for plot in PLOTS)
    path = GOLDEN / "plots_served.txt"
    if os.environ.get("AFTERLAUNCH_GOLDEN") == "write":
        path.write_text(told, encoding="utf-8", newline="\n")
    assert told == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("plot", "title"),
    [
        (plots.stages, service_sentences.speed_title),
        (plots.decision_worth, service_sentences.decision_worth_title),
    ],
    ids=["stages", "decision_worth"],
)
def test_the_title_of_a_service_plot_states_what_was_found(plot, title):
    made = plot(examples.served())
    assert title(examples.served()) in words_of(made)
    assert made.alt.startswith(f"{title(examples.served())}. ")


@pytest.mark.parametrize("plot", [plots.service, plots.complaints], ids=lambda plot: plot.__name__)
def test_each_panel_of_a_service_plot_states_what_was_found(plot):
    made = plot(examples.served())
    areas = {"Speed", "People"} if plot is plots.service else {"Complaints"}
    titles = [section_sentences.kpi_title(row) for row in examples.served().indicators if row.area in areas]
    drawn = " ".join(words_of(made))
    for title in titles:
        assert figures.wrapped(title, 46).replace("\n", " ") in drawn
        assert title in made.alt


@pytest.mark.parametrize(
    ("plot", "labels"),
    [
        (plots.stages, {"mean time, ms", "typical requests (5,338)", "slow answers (493)", "1,600"}),
        (plots.service, {"s", "share, %", "per 1,000"}),
        (plots.complaints, {"per 1,000"}),
        (
            plots.decision_worth,
            {
                "CHF per 1,000 claims",
                "share of alerts (a lower threshold to the right)",
                "present threshold, 0.31",
                "best of September 2025, 0.03",
                "100,000",
                "40 %",
            },
        ),
    ],
    ids=["stages", "service", "complaints", "decision_worth"],
)
def test_axes_and_marks_of_a_service_plot_name_their_units_and_numbers(plot, labels):
    assert labels <= set(words_of(plot(examples.served())))


def test_stages_are_named_as_in_the_sentence():
    words = words_of(plots.stages(examples.served()))
    assert [word for word in words if word in {"queue", "feature fetch", "model", "the unmeasured rest"}] == [
        "queue",
        "feature fetch",
        "model",
        "the unmeasured rest",
    ]


def test_a_long_name_is_cut_and_keeps_its_mark():
    report = examples.troubled()
    shown = tuple(dataclasses.replace(row, value="w" * 200) for row in report.segments.shown)
    made = plots.segments(
        dataclasses.replace(report, segments=dataclasses.replace(report.segments, shown=shown))
    )
    names = [word for word in words_of(made) if word.startswith(("carrier", "origin"))]
    assert names[0] == "carrier: wwwwwwwwwwwwwwww… ◆ worse"
    assert {len(name) for name in names} == {34}
    assert "w" * 200 in made.alt


def test_a_title_that_is_too_long_is_cut_after_three_lines():
    lines = figures.wrapped(examples.HOSTILE_LENGTH, 60).split("\n")
    assert len(lines) == 3
    assert lines[-1].endswith(" …")
    assert all(len(line) <= 60 for line in lines)


@pytest.mark.parametrize("plot", SERVICE, ids=lambda plot: plot.__name__)
def test_whatever_a_case_a_unit_or_a_kpi_is_called_is_drawn_without_a_warning(plot):
    for text in (examples.HOSTILE_MATH, examples.HOSTILE_LENGTH, examples.RIGHT_TO_LEFT):
        rows = tuple(dataclasses.replace(row, title=text) for row in examples.served().indicators)
        worth = dataclasses.replace(examples.DECISION_WORTH, unit=text)
        report = dataclasses.replace(examples.served(), case_noun=text, indicators=rows, decision_worth=worth)
        assert isinstance(plot(report), plots.Plot)


def test_a_slow_answer_that_was_never_measured_by_stages_leaves_no_plot():
    report = examples.served()
    report = dataclasses.replace(report, speed=dataclasses.replace(report.speed, stages=()))
    assert plots.stages(report) == (
        "There are no stages to plot: the request log has none, or no answer was slow."
    )


def test_a_curve_of_two_points_is_none():
    worth = dataclasses.replace(examples.DECISION_WORTH, curve=examples.DECISION_WORTH.curve[:2])
    told = plots.decision_worth(dataclasses.replace(examples.served(), decision_worth=worth))
    assert told == "There is no curve of values to plot."


# --- months far beyond the others ----------------------------------------------------


def with_history(values, *, code="speed.p95"):
    """The served month with these numbers of earlier months in one of its rows."""
    report = examples.served()
    row = report.indicator(code)
    history = tuple(
        dataclasses.replace(point, value=value, ci_lower=None, ci_upper=None)
        for point, value in zip(row.history, [*values, row.history[-1].value], strict=True)
    )
    rows = tuple(
        dataclasses.replace(row, history=history) if one.code == code else one for one in report.indicators
    )
    return dataclasses.replace(report, indicators=tuple(one for one in rows if one.code == code))


def test_a_month_far_beyond_is_drawn_at_the_edge_with_its_number_and_told_in_words():
    made = plots.service(with_history([0.70, 10.0, 0.71, 0.69, 0.70]))
    words = words_of(made)
    assert "▲ 10.00 s" in words
    ticks = [float(word) for word in words if re.fullmatch(r"\d+\.\d+", word)]
    assert 1.0 <= max(ticks) < 1.5
    assert "highest 10.00 s in August 2025" in made.alt


def test_a_month_far_below_points_down():
    words = words_of(plots.service(with_history([0.70, -20.0, 0.71, 0.69, 0.70])))
    assert "▼ −20.00 s" in words


def test_a_month_that_is_not_far_is_drawn_where_it_is():
    words = words_of(plots.service(with_history([0.70, 1.2, 0.71, 0.69, 0.70])))
    assert [word for word in words if "▲" in word or "▼" in word] == []
    assert "1.2" in words


def test_an_empty_panel_says_what_an_arrow_with_a_number_means():
    words = words_of(plots.service(examples.served()))
    assert "a month beyond the edge: arrow with its number" in words
    assert "last mark: December 2025, its shape is its state" in words


def test_without_an_empty_panel_a_line_below_says_what_the_marks_mean():
    report = examples.served()
    shown = [row for row in report.indicators if row.area in {Area.SPEED, Area.PEOPLE} and row.history]
    fewer = tuple(row for row in report.indicators if row is not shown[-1])
    even = report if len(shown) % 2 == 0 else dataclasses.replace(report, indicators=fewer)
    (line,) = [word for word in words_of(plots.service(even)) if "arrow with its number" in word]
    assert line == (
        "usual range: grey band; target: dashed line; 95 % interval: whiskers; "
        "a month beyond the edge: arrow with its number"
    )


def test_big_numbers_on_an_axis_have_their_thousands_apart():
    words = words_of(plots.stages(examples.served()))
    assert plain(1_600, decimals=0) in words
    assert "1600" not in words
