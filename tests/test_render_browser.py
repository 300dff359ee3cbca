"""What a reader's browser makes of the page."""

from __future__ import annotations

import datetime as dt
import shutil

import pytest

import health_examples as examples
import health_notebook
from afterlaunch.render.page import page

MADE_AT = dt.datetime(2013, 10, 1, 6, 0, tzinfo=dt.UTC)
CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
# Texts whose contrast to their background is below 4.5 to 1 (WCAG 2.2, 1.4.3), as the browser draws them.
_WEAK_CONTRASTS = """() => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const background = node => {
    for (let n = node; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll('main *, nav *, footer')) {
    const own = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const style = getComputedStyle(node);
    const [a, b] = [luminance(parse(style.color)), luminance(background(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) weak.push([node.textContent.trim().slice(0, 40), contrast.toFixed(2)]);
  }
  return weak;
}"""


@pytest.fixture(scope="module")
def report_page():
    """The page of the troubled month."""
    notebook = health_notebook.executed_notebook(examples.troubled())
    return page(notebook, made_at=MADE_AT, run_id="run-1", parameters={"period": "2013-09"})


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens HTML from a file; gives the tab and every address that it asked for."""
    tabs = []

    def open_page(html, **options):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        tab = browser.new_page(**options)
        tabs.append(tab)
        requests = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(path.as_uri(), wait_until="load")
        tab.wait_for_timeout(200)
        return tab, [url for url in requests if url != path.as_uri() and not url.startswith("data:")]

    yield open_page
    for tab in tabs:
        tab.close()


def test_the_report_asks_nobody_for_anything(opened, report_page):
    _, requests = opened(report_page)
    assert requests == []


def test_nothing_planted_runs(opened):
    notebook = health_notebook.executed_notebook(examples.hostile(), *health_notebook.hostile_cells())
    tab, requests = opened(page(notebook, made_at=MADE_AT, run_id="r", parameters={}))
    assert requests == []
    assert tab.evaluate("window.ran") is None
    assert tab.evaluate("document.querySelectorAll('script, [onerror], [onload]').length") == 0


def test_every_image_is_drawn_and_described(opened, report_page):
    tab, _ = opened(report_page)
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth || !i.alt).length"
    assert tab.evaluate("document.images.length") == 10
    assert tab.evaluate(broken) == 0


def test_there_is_one_title_and_every_link_of_the_contents_leads_somewhere(opened, report_page):
    tab, _ = opened(report_page)
    assert tab.evaluate("document.querySelectorAll('h1').length") == 1
    lost = "[...document.querySelectorAll('nav a')].filter(a => !document.querySelector(a.hash)).length"
    assert tab.evaluate(lost) == 0


@pytest.mark.parametrize("width", [400, 800, 1366])
def test_nothing_makes_the_page_wider_than_the_screen(opened, report_page, width):
    tab, _ = opened(report_page, viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [400, 1366])
def test_the_table_of_indicators_needs_no_sideways_scrolling(opened, report_page, width):
    tab, _ = opened(report_page, viewport={"width": width, "height": 900})
    box = "document.querySelector('.al-indicators').parentElement"
    assert tab.evaluate(f"{box}.scrollWidth - {box}.clientWidth") <= 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(opened, report_page, scheme):
    tab, _ = opened(report_page, color_scheme=scheme)
    assert tab.evaluate(_WEAK_CONTRASTS) == []


def test_the_first_screen_holds_verdict_decisions_and_the_start_of_the_table(opened, report_page):
    tab, _ = opened(report_page, viewport={"width": 1366, "height": 900})
    top = "document.querySelector('.al-indicators .al-number strong').getBoundingClientRect().bottom"
    assert tab.evaluate(top) < 900
