"""Lines in table cells."""

from __future__ import annotations

import base64
import dataclasses
import math
import xml.etree.ElementTree as ET

import pytest
from bs4 import BeautifulSoup

import health_examples as examples
from afterlaunch.render.sparkline import HEIGHT, WIDTH, sparkline

SVG = "{http://www.w3.org/2000/svg}"


def drawn(indicator):
    """The image's SVG as an XML tree."""
    image = BeautifulSoup(sparkline(indicator).html, "html.parser").img
    return ET.fromstring(base64.b64decode(image["src"].split(",", 1)[1]))  # noqa: S314 - our own drawing


def marks(tree, class_):
    return [node for node in tree.iter() if node.get("class") == class_]


@pytest.mark.parametrize(
    ("name", "code", "shape", "class_"),
    [
        ("healthy", "business.net_saving", "circle", "ok"),
        ("troubled", "business.claims_caught", "polygon", "watch"),
        ("troubled", "business.net_saving", "polygon", "act"),
    ],
)
def test_this_month_has_the_shape_and_colour_of_its_state(name, code, shape, class_):
    (mark,) = marks(drawn(examples.EXAMPLES[name]().indicator(code)), class_)
    assert mark.tag == f"{SVG}{shape}"


def test_band_target_and_line_are_drawn_inside_the_image():
    tree = drawn(examples.troubled().indicator("business.net_saving"))
    (band,), (target,), (line,) = marks(tree, "band"), marks(tree, "target"), marks(tree, "line")
    assert float(band.get("y")) >= 0
    assert float(band.get("y")) + float(band.get("height")) <= HEIGHT
    assert 0 <= float(target.get("y1")) <= HEIGHT
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert len(points) == 6
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_higher_value_is_drawn_higher():
    indicator = examples.troubled().indicator("business.net_saving")
    (line,) = marks(drawn(indicator), "line")
    heights = [-float(point.split(",")[1]) for point in line.get("points").split()]
    values = [point.value for point in indicator.history if not math.isnan(point.value)]
    assert sorted(range(6), key=heights.__getitem__) == sorted(range(6), key=values.__getitem__)


def test_a_month_without_value_leaves_a_gap():
    indicator = examples.healthy().indicator("model.roc_auc")
    gap = dataclasses.replace(indicator.history[5], value=math.nan, reason="none")
    history = (*indicator.history[:5], gap, *indicator.history[6:])
    tree = drawn(dataclasses.replace(indicator, history=history))
    assert [len(line.get("points").split()) for line in marks(tree, "line")] == [2, 3]


def test_a_lone_month_is_a_dot():
    indicator = examples.healthy().indicator("model.roc_auc")
    history = (
        indicator.history[4],
        dataclasses.replace(indicator.history[5], value=math.nan, reason="none"),
        indicator.history[6],
    )
    assert len(marks(drawn(dataclasses.replace(indicator, history=history)), "lone")) == 2


def test_a_new_version_is_marked():
    assert len(marks(drawn(examples.version_change().indicator("model.roc_auc")), "version")) == 1
    assert not marks(drawn(examples.healthy().indicator("model.roc_auc")), "version")


def test_without_a_value_there_is_nothing_to_draw():
    assert sparkline(examples.healthy().indicators[0]) == ""


def test_equal_values_are_a_flat_line():
    indicator = examples.healthy().indicator("model.roc_auc")
    threshold = dataclasses.replace(indicator.finding.threshold, target_range=None, usual_range=None)
    flat = dataclasses.replace(
        indicator,
        usual_range=None,
        finding=dataclasses.replace(indicator.finding, threshold=threshold),
        history=tuple(dataclasses.replace(point, value=0.5) for point in indicator.history),
    )
    (line,) = marks(drawn(flat), "line")
    assert len({point.split(",")[1] for point in line.get("points").split()}) == 1


def test_the_alternative_text_tells_the_course():
    image = BeautifulSoup(
        sparkline(examples.troubled().indicator("business.net_saving")).html, "html.parser"
    ).img
    assert image["alt"] == (
        "Net saving by month: April 2013 1,180 USD per 1,000 flights, September 2013 689 USD per 1,000 flights; "
        "lowest 689 in September 2013, highest 1,402 in June 2013."
    )


def heights_of(row):
    (line,) = marks(drawn(row), "line")
    return [float(point.split(",")[1]) for point in line.get("points").split()]


def test_a_month_far_beyond_is_drawn_at_the_edge_and_leaves_the_others_where_they_would_be():
    row = examples.served().indicator("speed.p95")
    near = dataclasses.replace(row.history[1], value=1.0)
    beside = dataclasses.replace(row, history=(row.history[0], near, *row.history[2:]))
    first, far, *others = heights_of(row)
    assert 0 <= far < min(first, *others)
    assert [first, *others] == [heights_of(beside)[0], *heights_of(beside)[2:]]


def test_a_month_far_beyond_is_told_in_words():
    image = BeautifulSoup(sparkline(examples.served().indicator("speed.p95")).html, "html.parser").img
    assert image["alt"].endswith("highest 10.00 s in August 2025.")
