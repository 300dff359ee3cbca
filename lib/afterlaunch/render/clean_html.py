"""HTML that a page may hold: an allow-list, so that no output of a notebook can run or ask for anything."""

from __future__ import annotations

import re

import nh3

_TAGS = (
    {
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
    }
    | {
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "s",
    }
    | {"section", "small", "span", "strong", "sub", "summary", "sup", "u", "ul"}
    | {"caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
)
_ATTRIBUTES = {
    "*": {"class", "aria-hidden", "aria-label", "role", "tabindex", "title"},
    "a": {"href"},
    "col": {"span"},
    "colgroup": {"span"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
# Their content is no text for readers, so it goes with them.
_DROPPED_WITH_CONTENT = {
    "script",
    "style",
    "title",
    "iframe",
    "object",
    "svg",
    "math",
    "template",
    "noscript",
}
_OWN_CLASS_PREFIX = "al-"
_CARRIED_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")


def clean_html(html: str) -> str:
    """Return HTML with what the allow-list knows: no script, style, handler, form or outside image.

    Images must carry their data in themselves. Class names are kept when they are this package's. Headings
    of the first level, other than a report's own title, become headings of the second.

    Examples
    --------
    >>> clean_html('<p onclick="x()">Hi<script>alert(1)</script><img src="http://x.test/a.png" alt="a"></p>')
    '<p>Hi<img alt="a"></p>'
    """
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=_filtered,
        url_schemes={"data", "https", "http", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer",
    )
    return _with_one_title(cleaned)


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class":
        own = [name for name in value.split() if name.startswith(_OWN_CLASS_PREFIX)]
        return " ".join(own) or None
    if tag == "img" and attribute == "src":
        return value if _CARRIED_IMAGE.fullmatch(value) else None
    if tag == "a" and attribute == "href":
        return None if value.lower().startswith("data:") else value
    if attribute == "tabindex":
        return "0"
    return value


def _with_one_title(html: str) -> str:
    """Turn headings of the first level into the second, but for the report's own title."""
    parts = re.split(r"(<h1[^>]*>.*?</h1>)", html, flags=re.DOTALL)
    return "".join(
        part if "al-title" in part.split(">", 1)[0] else re.sub(r"<(/?)h1\b", r"<\1h2", part)
        for part in parts
    )
