"""The drift report's plots."""

from __future__ import annotations

import dataclasses
import functools
import math
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import drift_examples as examples
from afterlaunch.render import drift_plots, drift_sections, figures, performance_sentences
from afterlaunch.render.figures import Plot
from afterlaunch.render.markup import Text

GOLDEN = Path(__file__).parent / "golden"
PLOTS = (drift_plots.effects, drift_plots.distributions, drift_plots.performance)


@functools.cache
def drawn(plot, name):
    """A plot of an example: drawn once, looked at by several tests."""
    return plot(examples.EXAMPLES[name]())


def words_of(plot):
    """All text in a plot, in the order it is drawn."""
    tree = ET.fromstring(plot.svg)  # noqa: S314 - our own drawing
    return [
        " ".join("".join(node.itertext()).split()) for node in tree.iter("{http://www.w3.org/2000/svg}text")
    ]


def test_every_plot_is_described_in_words_as_expected():
    told = "".join(
        f"{name} {plot.__name__}:\n  {getattr(made, 'alt', made)}\n\n"
        for name in sorted(set(examples.EXAMPLES) - {"hostile"})
        for plot in PLOTS
        for made in [drawn(plot, name)]
    )
    path = GOLDEN / "drift_plots.txt"
    if os.environ.get("AFTERLAUNCH_GOLDEN") == "write":
        path.write_text(told, encoding="utf-8", newline="\n")
    assert told == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_the_same_numbers_give_the_same_bytes(plot):
    assert plot(examples.harm_with_mix()).svg == drawn(plot, "harm_with_mix").svg


@pytest.mark.parametrize(
    ("plot", "name"),
    [
        (drift_plots.effects, "quiet"),
        (drift_plots.distributions, "quiet"),
        (drift_plots.performance, "no_outcomes"),
        (drift_plots.performance, "new_version"),
    ],
)
def test_without_numbers_the_reader_is_told_so(plot, name):
    told = drawn(plot, name)
    assert isinstance(told, Text)
    assert told.startswith("There is no ")


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_every_plot_of_every_report_is_safe_described_and_follows_the_readers_colours(plot, name):
    made = drawn(plot, name)
    if isinstance(made, Text):
        return
    assert made._repr_mimebundle_()[1] == {"image/svg+xml": {"alt": made.alt}}
    assert len(made.alt) > 60
    assert not re.search(r"\bnan\b|\bNone\b", made.alt)
    tags = {node.tag.rsplit("}", 1)[-1] for node in ET.fromstring(made.svg).iter()}  # noqa: S314 - our own drawing
    assert not tags & {"script", "a", "image", "foreignObject"}
    body = re.sub(r"<style>svg\{.*?\}\}</style>", "", made.svg, flags=re.DOTALL)
    assert set(re.findall(r"#[0-9a-f]{6}", body)) == set()


@pytest.mark.parametrize(
    "name", ["harm_with_mix", "harm_with_weather", "unit_change", "season", "new_version"]
)
def test_the_title_of_the_effects_states_what_was_found(name):
    report = examples.EXAMPLES[name]()
    made, title = drawn(drift_plots.effects, name), drift_sections.effects_title(report)
    assert figures.wrapped(title, 90).replace("\n", " ") in " ".join(words_of(made))
    assert made.alt.startswith(f"{title}. ")


@pytest.mark.parametrize("name", ["harm_with_mix", "late_outcomes", "estimated_fall", "far_from_promised"])
def test_both_panels_of_performance_state_what_was_found(name):
    report = examples.EXAMPLES[name]()
    made = drawn(drift_plots.performance, name)
    for title in (
        performance_sentences.ranking_title(report),
        performance_sentences.calibration_title(report),
    ):
        assert title in words_of(made)
        assert title in made.alt


def test_each_panel_of_the_distributions_states_what_happened():
    words = " ".join(words_of(drawn(drift_plots.distributions, "harm_with_mix")))
    assert "cause: “battery” in 12.4 % of claims, 1.0 % before" in words
    assert "product: spread differently" in words


@pytest.mark.parametrize(
    ("plot", "labels"),
    [
        (
            drift_plots.effects,
            {
                "change of alerts per 1,000 claims through this input alone",
                "usual between months",
                "95 % interval",
            },
        ),
        (
            drift_plots.distributions,
            {"share of claims, %", "reference months", "March 2025", "battery", "low"},
        ),
        (
            drift_plots.performance,
            {
                "ROC AUC",
                "came out",
                "this month",
                "as the scores promise",
                "estimated from scores alone (95 % interval)",
                "Mar",
            },
        ),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_axes_and_marks_name_their_units_and_meaning(plot, labels):
    assert labels <= set(words_of(drawn(plot, "harm_with_mix")))


def test_states_are_told_by_symbol_beside_the_name_and_not_by_colour_alone():
    words = words_of(drift_plots.effects(examples.unit_change()))
    assert "claim_amount ▲" in words
    words = words_of(drift_plots.effects(examples.harmless()))
    assert {"cause ◇", "hour ◇"} <= set(words)


def test_inputs_with_unknown_effects_have_no_bar():
    words = words_of(drift_plots.effects(examples.unknown_effects()))
    assert [word for word in words if word.startswith(("cause", "amount"))] == []


def test_at_most_four_inputs_are_drawn_and_suspects_come_first():
    made = drift_plots.distributions(examples.every_kind())
    assert made.alt.startswith("How the values moved: input_00, input_01, input_02, input_03. ")
    suspected = drift_plots.distributions(examples.harm_with_weather())
    assert suspected.alt.startswith("How the values moved: temp, dewp, humid. ")


def test_of_many_categories_those_that_changed_most_are_drawn_in_their_order():
    labels = [f"kind {i}" for i in range(12)]
    shares = [(0.08, 0.08 + 0.002 * i, 0.0) for i in range(12)]
    row = dataclasses.replace(
        examples.harm_with_mix().inputs[0], bins=examples.bins(*shares, labels=labels), state="harmless"
    )
    words = words_of(drift_plots.distributions(examples.report(inputs=(row, *examples.STILL))))
    assert [word for word in words if word.startswith("kind")] == [f"kind {i}" for i in range(6, 12)]


def test_months_without_outcomes_are_left_open():
    report = examples.late_outcomes()
    assert math.isnan(report.performance.months[-1].roc_auc)
    words = words_of(drift_plots.performance(report))
    assert "this month" not in words
    assert "estimated from scores alone (95 % interval)" in words


def test_an_input_with_one_bin_only_has_no_distribution():
    row = dataclasses.replace(examples.unit_change().inputs[0], bins=examples.MOVED_BINS[:1])
    told = drift_plots.distributions(examples.report(inputs=(row,)))
    assert isinstance(told, Text)


def test_three_years_of_months_keep_readable_names():
    report = examples.harm_with_mix()
    labels = [examples.MARCH.previous(k).label for k in range(35, -1, -1)]
    months = tuple(dataclasses.replace(report.performance.months[-1], label=label) for label in labels)
    performance = dataclasses.replace(report.performance, months=months)
    made = drift_plots.performance(dataclasses.replace(report, performance=performance))
    assert isinstance(made, Plot)
    names = [word for word in words_of(made) if re.fullmatch(r"[A-Z][a-z]{2}( \d{4})?", word)]
    assert len(names) <= 14
    assert names[-1] == "Mar"
