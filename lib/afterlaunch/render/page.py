"""An executed notebook as one HTML page that opens offline: no script, no request, code there to open."""

from __future__ import annotations

import base64
import datetime as dt
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afterlaunch.errors import RunError
from afterlaunch.render.clean_html import clean_html
from afterlaunch.render.grammar import day_in_words
from afterlaunch.render.markup import element
from afterlaunch.render.tables import run as run_table

if TYPE_CHECKING:
    from nbformat import NotebookNode

_TITLE_MARK = "al-title"
_MADE_MARK = re.compile(r'<span class="al-made"></span>')
_HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.DOTALL)
_ONLY_A_HEADING = re.compile(r"\s*#{1,6} [^\n]*\s*")
_DISPLAY_PRIORITY = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/plain")
_PLACES = {"about": "How it was made", "code": "The code of this report"}
_RUN = {"run": "This run"}
_SHORT = {"code": "Code"}


def write_page(
    notebook_path: Path,
    html_path: Path,
    *,
    made_at: dt.datetime,
    run_id: str,
    parameters: Mapping[str, object],
) -> None:
    """Write the page of an executed notebook.

    Parameters
    ----------
    notebook_path, html_path : pathlib.Path
        The executed notebook, and the page to write.
    made_at : datetime.datetime
        When the report was made; with a time zone.
    run_id : str
        The run, as the ledger names it.
    parameters : mapping of str to object
        What the notebook ran with.

    Raises
    ------
    RunError
        When a cell of the notebook ended in an error.
    """
    _skip_slow_import()
    import nbformat

    notebook = nbformat.read(notebook_path, as_version=4)  # type: ignore[no-untyped-call]
    html = page(notebook, made_at=made_at, run_id=run_id, parameters=parameters)
    html_path.write_text(html, encoding="utf-8", newline="\n")


def page(
    notebook: NotebookNode, *, made_at: dt.datetime, run_id: str, parameters: Mapping[str, object]
) -> str:
    """Return the page of an executed notebook; see :func:`write_page`.

    The report's title block comes first, whatever ran before it: what the notebook says and shows before that
    block goes to the section "How it was made", as do cells tagged ``appendix``. Cells without visible output
    go to "The code of this report". Cells tagged ``remove-cell`` are left out.
    """
    _refuse_errors(notebook)
    arranged = _arranged(notebook)
    made = f"{day_in_words(made_at.date())} at {made_at:%H:%M %Z}".strip()
    html = _exported(
        arranged,
        {
            "made": made,
            "run_id": run_id,
            "contents": _contents(arranged),
            "run": run_table(made=made, run_id=run_id, parameters=parameters).html,
            "title": _page_title(arranged),
        },
    )
    return _MADE_MARK.sub(lambda _: escape(f" · made {made}"), html)


def _skip_slow_import() -> None:
    """Keep jsonschema from building a grammar for internationalised addresses, which costs over a second."""
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _refuse_errors(notebook: NotebookNode) -> None:
    for place, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                raise RunError(
                    f"Cell {place} of the notebook ended in {output.ename}: {output.evalue}. Only a notebook "
                    "without errors becomes a page; correct the cause and run the report again."
                )


def _arranged(notebook: NotebookNode) -> NotebookNode:
    """Return a copy whose cells stand in the page's order, each with its place and its finished prose."""
    from nbformat import from_dict

    by_place: dict[str, list[NotebookNode]] = {"main": [], "about": [], "code": []}
    for place, cell in _placed([cell for cell in notebook.cells if "remove-cell" not in _tags(cell)]):
        by_place[place].append(cell)
    ids = _Ids()
    needs_title = not any(_holds_title(cell) for cell in notebook.cells)
    cells: list[dict[str, Any]] = []
    for place, found in by_place.items():
        for i, cell in enumerate(found):
            is_prose = cell.cell_type == "markdown"
            prose = _prose(cell.source, lower=place == "about", titled=needs_title) if is_prose else ""
            needs_title = needs_title and _TITLE_MARK not in prose
            own = {
                "place": place,
                "opens": i == 0,
                "closes": i == len(found) - 1,
                "html": ids.given_to(prose),
            }
            cells.append({**cell, "metadata": {**cell.metadata, "afterlaunch": own}})
    return from_dict({**notebook, "cells": cells})  # type: ignore[no-untyped-call, no-any-return]


def _placed(cells: Sequence[NotebookNode]) -> Iterable[tuple[str, NotebookNode]]:
    title_at = next((i for i, cell in enumerate(cells) if _holds_title(cell)), 0)
    for i, cell in enumerate(cells):
        is_early = i < title_at
        if cell.cell_type == "raw" or (is_early and _is_bare_heading(cell)):
            continue
        if cell.cell_type == "code" and not _is_visible(cell):
            yield "code", cell
        else:
            yield "about" if is_early or "appendix" in _tags(cell) else "main", cell


def _holds_title(cell: NotebookNode) -> bool:
    return any(
        _TITLE_MARK in "".join(output.get("data", {}).get("text/html", ""))
        for output in cell.get("outputs", ())
    )


def _is_bare_heading(cell: NotebookNode) -> bool:
    """Tell whether a cell is nothing but a heading, of cells that stand elsewhere on the page."""
    return cell.cell_type == "markdown" and bool(_ONLY_A_HEADING.fullmatch(cell.source))


def _is_visible(cell: NotebookNode) -> bool:
    return any(
        (output.output_type in {"display_data", "execute_result"} and _shows_something(output.data))
        or (output.output_type == "stream" and output.name == "stdout" and output.text.strip())
        for output in cell.outputs
    )


def _shows_something(contents: Mapping[str, Any]) -> bool:
    return any("".join(contents[mime]).strip() for mime in _best_of(contents))


def _best_of(contents: Mapping[str, Any]) -> list[str]:
    """Return the one mime type of an output that the page shows; none when it knows none of them."""
    return [mime for mime in _DISPLAY_PRIORITY if mime in contents][:1]


def _tags(cell: NotebookNode) -> Sequence[str]:
    tags: Sequence[str] = cell.metadata.get("tags", ())
    return tags


def _prose(markdown: str, *, lower: bool, titled: bool = False) -> str:
    """Return a Markdown cell as clean HTML.

    ``lower`` makes its headings fit below a section's own; ``titled`` keeps a first-level heading as the page's title.
    """
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    raw = MarkdownWithMath(renderer=renderer).render(markdown)
    if titled:
        raw = re.sub(r"<h1\b[^>]*>", f'<h1 class="{_TITLE_MARK}">', raw, count=1)
    html = clean_html(raw)
    return re.sub(r"<(/?)h[12]>", r"<\1h3>", html) if lower else html


class _Ids:
    """Gives each heading an id of its own, made from its words."""

    def __init__(self) -> None:
        self._taken = {"top", "report", *_PLACES, *_RUN}

    def given_to(self, html: str) -> str:
        return _HEADING.sub(self._with_id, html)

    def _with_id(self, heading: re.Match[str]) -> str:
        level, inside = heading[1], heading[2]
        words = re.findall(r"[a-z0-9]+", _words(inside).lower())
        stem = "-".join(words) or "section"
        name = stem
        number = 2
        while name in self._taken:
            name, number = f"{stem}-{number}", number + 1
        self._taken.add(name)
        return f'<h{level} id="{name}">{inside}</h{level}>'


def _words(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html)).strip()


def _contents(notebook: NotebookNode) -> str:
    """Return links to the page's sections."""
    places = [cell.metadata.afterlaunch.place for cell in notebook.cells]
    prose = "".join(cell.metadata.afterlaunch.html for cell in notebook.cells)
    links = [
        (name, _words(inside))
        for name, inside in re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', prose, re.DOTALL)
    ]
    links += [(place, _SHORT.get(place, title)) for place, title in _PLACES.items() if place in places]
    links += list(_RUN.items())
    return "".join(element("a", title, href=f"#{name}").html for name, title in links)


def _page_title(notebook: NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pieces = [clean_html("".join(output.get("data", {}).get("text/html", ""))) for output in outputs]
    pieces += [cell.metadata.afterlaunch.html for cell in notebook.cells]
    for piece in pieces:
        found = re.search(r"<h1[^>]*>(.*?)</h1>", piece, re.DOTALL)
        if found:
            return _words(found[1])
    return "Report"


def _exported(notebook: NotebookNode, shown: Mapping[str, str]) -> str:
    from nbconvert.exporters.templateexporter import TemplateExporter
    from nbconvert.filters.highlight import Highlight2HTML

    highlight = Highlight2HTML(pygments_lexer="python3")  # type: ignore[no-untyped-call]
    exporter = TemplateExporter(  # type: ignore[no-untyped-call]
        template_name="template",
        template_file="index.html.j2",
        extra_template_basedirs=[str(Path(__file__).parent)],
        filters={
            "clean_html": clean_html,
            "clean_markdown": _clean_markdown,
            "filter_data_type": _best_of,
            "image": _image,
            "highlight_code": highlight,
        },
    )
    html, _ = exporter.from_notebook_node(
        notebook, resources={"afterlaunch": {**shown, "places": _PLACES | _RUN}}
    )
    return str(html)


def _clean_markdown(markdown: str) -> str:
    return _prose(markdown, lower=True)


def _image(output: Mapping[str, Any], mime: str) -> str:
    """Return an output's image; as an image, an SVG cannot run anything."""
    content = "".join(output["data"][mime])
    encoded = (
        base64.b64encode(content.encode()).decode() if mime == "image/svg+xml" else "".join(content.split())
    )
    image = element(
        "img", src=f"data:{mime};base64,{encoded}", alt=_description(output, mime), class_="al-plot"
    )
    return element("div", image, class_="al-figure").html


def _description(output: Mapping[str, Any], mime: str) -> str:
    """Return an image's alternative text: from its metadata, else its plain-text form."""
    metadata: Mapping[str, Any] = output.get("metadata", {})
    of_mime = metadata.get(mime, {})
    alt = of_mime.get("alt") if isinstance(of_mime, Mapping) else None
    return str(
        alt
        or metadata.get("alt")
        or output.get("data", {}).get("text/plain")
        or "Image without a description"
    )
