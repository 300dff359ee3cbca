"""The page of an executed notebook."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from bs4 import BeautifulSoup
from nbformat import v4, write

import health_examples as examples
import health_notebook
from afterlaunch.errors import RunError
from afterlaunch.render.page import page, write_page

MADE_AT = dt.datetime(2013, 10, 1, 6, 0, tzinfo=dt.UTC)
PARAMETERS = {"model": "flight_claims", "period": "2013-09", "note": examples.HOSTILE_TAG}


def made_from(*cells):
    """The page of a notebook with these cells."""
    return page(v4.new_notebook(cells=list(cells)), made_at=MADE_AT, run_id="run-1", parameters=PARAMETERS)


@pytest.fixture(scope="module")
def report_page():
    """The page of the troubled month."""
    notebook = health_notebook.executed_notebook(examples.troubled())
    return page(notebook, made_at=MADE_AT, run_id="run-1", parameters=PARAMETERS)


@pytest.fixture(scope="module")
def report_soup(report_page):
    return BeautifulSoup(report_page, "html.parser")


def test_the_page_holds_nothing_that_runs_or_asks_for_anything(report_soup):
    assert not report_soup.find_all(["script", "iframe", "object", "embed", "form"])
    links = [link["href"] for link in report_soup.find_all("link")]
    assert links == ["data:,"]
    assert all(image["src"].startswith("data:image/") for image in report_soup.find_all("img"))
    assert "url(" not in report_soup.style.string
    assert "@import" not in report_soup.style.string


def test_a_policy_forbids_what_is_not_there_anyway(report_soup):
    policy = report_soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def test_the_page_has_a_language_a_title_and_one_heading_of_the_first_level(report_soup):
    assert report_soup.html["lang"] == "en"
    assert report_soup.title.string == "Flight claims screening: health in September 2013"
    assert [heading.get_text() for heading in report_soup.find_all("h1")] == [report_soup.title.string]


def test_title_verdict_decisions_and_table_come_first_whatever_ran_before_them(report_soup):
    main = report_soup.main
    firsts = [main.select_one(name) for name in (".al-title", ".al-verdict", ".al-columns", ".al-indicators")]
    everything = list(main.descendants)
    places = [everything.index(first) for first in firsts]
    assert places == sorted(places)
    prose_before = [prose for prose in main.select(".al-prose") if everything.index(prose) < places[2]]
    assert prose_before == []


def test_what_ran_before_the_title_is_told_in_how_it_was_made(report_soup):
    about = report_soup.find(id="about")
    after = " ".join(about.find_next("div", class_="al-prose").get_text().split())
    assert after.startswith("Monthly health Question. Is the model still useful")
    assert about.find_next("caption").get_text() == "Who scored September 2013"


def test_cells_that_show_nothing_stand_in_the_code_section_only(report_soup):
    code = report_soup.select_one("details.al-all-code").get_text()
    assert 'period: str = "2013-09"' in code
    assert "from afterlaunch.render import plots, sentences, tables" in code
    assert "tables.indicators(report)" not in code
    assert "write_result" not in report_soup.select_one(".al-source").get_text()


def test_the_code_of_what_is_shown_stands_beside_it_closed(report_soup):
    sources = report_soup.select("details.al-source")
    assert any("tables.indicators(report)" in source.get_text() for source in sources)
    assert not any(details.has_attr("open") for details in report_soup.find_all("details"))


def test_the_contents_lead_to_every_section(report_soup):
    links = {link.get_text(): link["href"] for link in report_soup.nav.find_all("a")}
    assert list(links) == [
        "All indicators",
        "Speed and people",
        "Complaints",
        "Performance",
        "Calibration",
        "Segments",
        "Volume and data quality",
        "Business",
        "What this cannot tell you",
        "Provenance",
        "How it was made",
        "Code",
        "This run",
    ]
    assert all(report_soup.find(id=target.removeprefix("#")) for target in links.values())


def test_images_carry_the_words_that_the_notebook_gave_them(report_soup):
    images = report_soup.find_all("img")
    assert all(image["alt"] for image in images)
    plots = [image["alt"] for image in images if "al-plot" in image["class"]]
    assert len(plots) == 4
    assert plots[0].startswith("Ranking quality (ROC AUC) is 0.741: within usual range, meets target.")


def test_the_page_says_when_by_which_run_and_with_what_it_was_made(report_soup):
    line = report_soup.select_one(".al-title-line").get_text()
    assert line.endswith("made 1 October 2013 at 06:00 UTC")
    assert report_soup.footer.get_text() == "Made 1 October 2013 at 06:00 UTC · run run-1"
    rows = [row.get_text(" ") for row in report_soup.find(id="run").find_next("table").select("tbody tr")]
    assert rows == [
        "made 1 October 2013 at 06:00 UTC",
        "run run-1",
        "model flight_claims",
        "period 2013-09",
        f"note {examples.HOSTILE_TAG}",
    ]


def test_the_page_is_small(report_page):
    assert len(report_page.encode()) < 400_000


def test_the_same_notebook_gives_the_same_bytes(report_page):
    notebook = health_notebook.executed_notebook(examples.troubled())
    assert page(notebook, made_at=MADE_AT, run_id="run-1", parameters=PARAMETERS) == report_page


def test_the_notebook_itself_is_left_as_it_was():
    notebook = health_notebook.executed_notebook(examples.healthy())
    before = str(notebook)
    page(notebook, made_at=MADE_AT, run_id="run-1", parameters=PARAMETERS)
    assert str(notebook) == before


@pytest.mark.parametrize("name", list(examples.EXAMPLES))
def test_every_kind_of_month_makes_a_page(name):
    notebook = health_notebook.executed_notebook(examples.EXAMPLES[name]())
    soup = BeautifulSoup(page(notebook, made_at=MADE_AT, run_id="r", parameters={}), "html.parser")
    assert len(soup.find_all("h1")) == 1
    assert not soup.find_all("script")


def test_a_notebook_without_a_title_block_keeps_its_order_and_its_own_title():
    html = made_from(
        v4.new_markdown_cell("# Drift & shift"),
        health_notebook.showing(text_html="<p>one</p>"),
        v4.new_markdown_cell("# Second\n\ntwo"),
    )
    soup = BeautifulSoup(html, "html.parser")
    assert [heading.get_text() for heading in soup.find_all("h1")] == ["Drift & shift"]
    assert soup.title.string == "Drift & shift"
    assert soup.main.get_text().index("one") < soup.main.get_text().index("two")


def test_headings_of_the_same_words_get_places_of_their_own():
    cells = [
        v4.new_markdown_cell("## Über *results*!"),
        v4.new_markdown_cell("## Ber results"),
        v4.new_markdown_cell("## Code\n## code"),
    ]
    soup = BeautifulSoup(made_from(*cells), "html.parser")
    ids = [heading["id"] for heading in soup.main.find_all("h2")]
    assert len(set(ids)) == len(ids)
    assert ids[:2] == ["ber-results", "ber-results-2"]
    assert [link.get_text() for link in soup.nav.find_all("a")][:2] == ["Über results!", "Ber results"]


def test_tags_move_a_cell_to_the_appendix_or_off_the_page():
    moved = health_notebook.showing(text_html="<p>aside</p>")
    moved.metadata["tags"] = ["appendix"]
    gone = health_notebook.showing(text_html="<p>secret</p>")
    gone.metadata["tags"] = ["remove-cell"]
    html = made_from(moved, health_notebook.showing(text_html="<p>main part</p>"), gone)
    assert html.index("main part") < html.index('id="about"') < html.index("aside")
    assert "secret" not in html


def test_messages_of_a_cell_are_folded_away():
    stderr = v4.new_output("stream", name="stderr", text="FutureWarning: <soon>\n")
    soup = BeautifulSoup(made_from(v4.new_code_cell("f()", outputs=[stderr])), "html.parser")
    details = soup.select_one("details.al-messages")
    assert details.pre.get_text() == "FutureWarning: <soon>\n"
    assert not details.has_attr("open")


def test_an_image_without_words_says_so_rather_than_nothing():
    html = made_from(
        health_notebook.showing(image_png="iVBORw0KGgo=\n"),
        health_notebook.showing(image_png="iVBORw0KGgo=", text_plain="<Figure size>"),
    )
    images = BeautifulSoup(html, "html.parser").select("img.al-plot")
    assert [image["alt"] for image in images] == ["Image without a description", "<Figure size>"]
    assert images[0]["src"] == "data:image/png;base64,iVBORw0KGgo="


def test_a_notebook_that_failed_is_refused():
    error = v4.new_output("error", ename="ValueError", evalue="no rows", traceback=[])
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# T"), v4.new_code_cell("f()", outputs=[error])])
    message = (
        "Cell 2 of the notebook ended in ValueError: no rows. Only a notebook without errors becomes a page; "
        "correct the cause and run the report again."
    )
    with pytest.raises(RunError, match=f"^{re.escape(message)}$"):
        page(notebook, made_at=MADE_AT, run_id="r", parameters={})


def test_hostile_outputs_are_shown_as_text_or_not_at_all():
    soup = BeautifulSoup(made_from(*health_notebook.hostile_cells()), "html.parser")
    assert not soup.find_all(["script", "svg"])
    assert not [tag for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert not [link for link in soup.find_all("a") if "javascript" in link.get("href", "")]
    assert sum(health_notebook.PAYLOAD in pre.get_text() for pre in soup.find_all("pre")) >= 3


def test_a_page_is_written_from_a_file(tmp_path):
    source, target = tmp_path / "report.ipynb", tmp_path / "report.html"
    write(health_notebook.executed_notebook(examples.healthy()), source)
    write_page(source, target, made_at=MADE_AT, run_id="run-1", parameters=PARAMETERS)
    html = target.read_text(encoding="utf-8")
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert html.rstrip().endswith("</html>")
