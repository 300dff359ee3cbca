"""What a page lets through."""

from __future__ import annotations

import pytest

from afterlaunch.render.clean_html import clean_html

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>"),
        ("<style>p{color:red}</style><p>a</p>", "<p>a</p>"),
        ("<svg><script>alert(1)</script></svg>a", "a"),
        ('<p onclick="x()" style="color:red" id="top">a</p>', "<p>a</p>"),
        ('<img src="x" onerror="alert(1)" alt="a">', '<img alt="a">'),
        ('<img src="https://x.test/a.png" alt="a">', '<img alt="a">'),
        ('<img src="data:text/html;base64,PGI+" alt="a">', '<img alt="a">'),
        (f'<img src="{PIXEL}" alt="a">', f'<img src="{PIXEL}" alt="a">'),
        ('<a href="javascript:alert(1)">a</a>', '<a rel="noopener noreferrer">a</a>'),
        ('<a href="data:text/html,x">a</a>', '<a rel="noopener noreferrer">a</a>'),
        ('<a href="https://doi.org/1">a</a>', '<a href="https://doi.org/1" rel="noopener noreferrer">a</a>'),
        ('<a href="/etc">a</a>', '<a rel="noopener noreferrer">a</a>'),
        ('<p class="al-text danger">a</p>', '<p class="al-text">a</p>'),
        ('<p class="danger">a</p>', "<p>a</p>"),
        ("<form><input><button>a</button></form>", "a"),
        ('<iframe src="https://x.test"></iframe>a', "a"),
        ('<meta http-equiv="refresh" content="0;url=https://x.test">a', "a"),
        ('<base href="https://x.test">a', "a"),
        ("<details><summary>s</summary>t</details>", "<details><summary>s</summary>t</details>"),
        ('<div tabindex="9">a</div>', '<div tabindex="0">a</div>'),
        ("<!-- c -->a", "a"),
    ],
)
def test_only_what_is_on_the_list_stays(given, kept):
    assert clean_html(given) == kept


def test_a_table_keeps_its_structure():
    table = (
        '<table><caption>c</caption><tbody><tr><th scope="row" rowspan="2">h</th><td colspan="3">d</td></tr>'
        "</tbody></table>"
    )
    assert clean_html(table) == table


def test_only_the_reports_own_title_is_of_the_first_level():
    title = '<h1 class="al-title">Report</h1>'
    assert clean_html(f"{title}<h1>other</h1>") == f"{title}<h2>other</h2>"


def test_cleaning_again_changes_nothing():
    given = (
        f'<h1>t</h1><img src="{PIXEL}" alt="&lt;x&gt;"><p class="al-text">5 &lt; 6</p>'
        '<a href="https://x.test/?a=1&b=2">l</a>'
    )
    assert clean_html(clean_html(given)) == clean_html(given)
