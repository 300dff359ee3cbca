"""The report's plots."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import xml.etree.ElementTree as ET

import pytest

import health_examples as examples
from afterlaunch.render import plots, section_sentences
from afterlaunch.render.markup import Text

PLOTS = (plots.trend, plots.business, plots.calibration, plots.segments)


def words_of(plot):
    """All text in a plot, in the order it is drawn."""
    tree = ET.fromstring(plot.svg)  # noqa: S314 - our own drawing
    return [
        " ".join("".join(node.itertext()).split()) for node in tree.iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_the_same_numbers_give_the_same_bytes(plot):
    assert plot(examples.troubled()).svg == plot(examples.troubled()).svg


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_without_numbers_the_reader_is_told_so(plot):
    told = plot(examples.unjudged())
    assert isinstance(told, Text)
    assert told.startswith("There is no ")


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_a_notebook_gets_the_drawing_and_its_description_whatever_the_backend(plot):
    made = plot(examples.troubled())
    contents, metadata = made._repr_mimebundle_()
    assert contents == {"image/svg+xml": made.svg, "text/plain": made.alt}
    assert metadata == {"image/svg+xml": {"alt": made.alt}}
    assert len(made.alt) > 60


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_hostile_names_stay_text(plot):
    made = plot(examples.hostile())
    tags = {node.tag.rsplit("}", 1)[-1] for node in ET.fromstring(made.svg).iter()}  # noqa: S314 - our own drawing
    assert not tags & {"script", "a", "image", "foreignObject"}
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", made.svg)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_every_colour_has_a_partner_in_dark_mode(plot):
    svg = plot(examples.version_change()).svg
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
    words = words_of(plots.business(examples.troubled()))
    assert [word for word in words if word.endswith("usual range") and ":" in word] == [
        "Claims caught: below usual range",
        "Reviews per caught claim: within usual range",
        "Net saving: below usual range",
    ]


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
    report = examples.healthy()
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
