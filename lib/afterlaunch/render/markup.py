"""HTML built from parts: what is not markup already is escaped, so nothing from data becomes a tag."""

from __future__ import annotations

import base64
import dataclasses
import re
from html import escape

_VOID_TAGS = ("img", "br", "hr")
_ASCII_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:/=@^\"'])")
# A number with its unit, a range, a number before and after: never broken over two lines.
_NUMBER = r"[−+]?\d[\d,.]*"
_UNIT = r"(?: %| (?:pp|ms|s)\b)"
_AMOUNT = rf"{_NUMBER}{_UNIT}?"
_KEPT_TOGETHER = re.compile(rf"{_AMOUNT}(?: [–→] {_AMOUNT})|{_NUMBER}{_UNIT}")


@dataclasses.dataclass(frozen=True, repr=False)
class Markup:
    """A piece of finished HTML; a notebook shows it as such."""

    html: str

    def __repr__(self) -> str:
        """Tell the size only: notebooks store this beside the HTML."""
        return f"Markup of {len(self.html):,} characters"

    def _repr_html_(self) -> str:
        return self.html


class Text(str):
    """Sentences that a notebook shows as a paragraph; every character stands for itself in HTML and Markdown.

    Examples
    --------
    >>> Text("5 < 6 & *so on*")._repr_html_()
    '<p class="al-text">5 &lt; 6 &amp; *so on*</p>'
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        paragraphs = (part for part in self.split("\n") if part)
        return "".join(element("p", typeset(part), class_="al-text").html for part in paragraphs)

    def _repr_markdown_(self) -> str:
        return "\n\n".join(_markdown(part) for part in self.split("\n"))


class Points(tuple[Text, ...]):
    """Sentences that a notebook shows as a list."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return element("ul", *(element("li", typeset(point)) for point in self), class_="al-points").html

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {_markdown(point)}" for point in self)


def element(tag: str, *children: Markup | str, class_: str = "", **attributes: object) -> Markup:
    """Return an element with escaped children and attributes.

    Parameters
    ----------
    tag : str
        From this package, never from data.
    *children : Markup or str
        Markup goes in as it is, text is escaped.
    class_ : str
        Class names, from this package.
    **attributes : object
        ``None`` leaves one out; ``_`` in a name becomes ``-``.

    Examples
    --------
    >>> element("td", "<script>", colspan=2).html
    '<td colspan="2">&lt;script&gt;</td>'
    """
    named = {"class": class_ or None, **attributes}
    written = "".join(
        f' {name.replace("_", "-")}="{escape(str(value))}"'
        for name, value in named.items()
        if value is not None
    )
    inside = joined(*children).html
    return Markup(
        f"<{tag}{written}>" if tag in _VOID_TAGS and not inside else f"<{tag}{written}>{inside}</{tag}>"
    )


def joined(*children: Markup | str) -> Markup:
    """Return children one after the other, text escaped."""
    return Markup("".join(child.html if isinstance(child, Markup) else escape(child) for child in children))


def typeset(text: str) -> Markup:
    """Return escaped text that keeps numbers with their units, and the two ends of a range, on one line.

    Examples
    --------
    >>> typeset("from 5 % & more").html
    'from <span class="al-nb">5 %</span> &amp; more'
    """
    return Markup(_KEPT_TOGETHER.sub(lambda found: f'<span class="al-nb">{found[0]}</span>', escape(text)))


def svg_image(svg: str, *, alt: str, class_: str, width: int, height: int) -> Markup:
    """Return an image that carries its SVG in itself; as an image it cannot run anything."""
    encoded = base64.b64encode(svg.encode()).decode()
    source = f"data:image/svg+xml;base64,{encoded}"
    return element("img", class_=class_, src=source, alt=alt, width=width, height=height)


def _markdown(text: str) -> str:
    return _ASCII_PUNCTUATION.sub(r"\\\1", escape(text, quote=False))
