"""HTML that is escaped when it is made."""

from __future__ import annotations

import pytest

from afterlaunch.render.markup import Markup, Points, Text, element, joined, svg_image, typeset

HOSTILE = "<script>alert(1)</script>&\"'"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;"


def test_text_is_escaped_and_markup_is_not():
    assert element("p", HOSTILE, Markup("<b>ours</b>")).html == f"<p>{ESCAPED}<b>ours</b></p>"
    assert joined(HOSTILE).html == ESCAPED
    assert typeset(HOSTILE).html == ESCAPED


def test_attributes_are_escaped_and_absent_ones_left_out():
    made = element("img", alt=HOSTILE, width=None, aria_label="x", class_="al-x")
    assert made.html == f'<img class="al-x" alt="{ESCAPED}" aria-label="x">'


def test_elements_of_svg_are_closed():
    assert element("rect", x=1).html == '<rect x="1"></rect>'


@pytest.mark.parametrize(
    "text", ["a 5.0 % b", "5 pp", "1,234 ms", "26.2 – 39.1 %", "31.8 % → 25.9 %", "−2.2 pp"]
)
def test_numbers_stay_with_their_units_on_one_line(text):
    number = text.removeprefix("a ").removesuffix(" b")
    assert f'<span class="al-nb">{number}</span>' in typeset(text).html


def test_words_after_a_number_may_move_to_the_next_line():
    assert typeset("5 months, 3 persons").html == "5 months, 3 persons"


def test_text_is_shown_as_paragraphs_in_a_notebook():
    assert Text("a < b\nc")._repr_html_() == '<p class="al-text">a &lt; b</p><p class="al-text">c</p>'


def test_text_is_still_a_string_for_every_other_use():
    assert f"{Text('plain')}!" == "plain!"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("**bold** | [x](javascript:1)", r"\*\*bold\*\* \| \[x\]\(javascript\:1\)"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("=1+1 `$x$`", r"\=1\+1 \`\$x\$\`"),
    ],
)
def test_text_stands_for_itself_in_markdown(text, markdown):
    assert Text(text)._repr_markdown_() == markdown


def test_points_are_lists():
    points = Points((Text("a & b"), Text("c_d")))
    assert points._repr_html_() == '<ul class="al-points"><li>a &amp; b</li><li>c_d</li></ul>'
    assert points._repr_markdown_() == "- a & b\n- c\\_d".replace("&", "&amp;")


def test_markup_does_not_repeat_itself_in_plain_text():
    assert repr(element("p", "x" * 5_000)) == "Markup of 5,007 characters"


def test_an_svg_becomes_an_image_that_carries_its_data():
    image = svg_image("<svg/>", alt=HOSTILE, class_="al-spark", width=3, height=4).html
    assert image == (
        f'<img class="al-spark" src="data:image/svg+xml;base64,PHN2Zy8+" alt="{ESCAPED}" width="3" height="4">'
    )
