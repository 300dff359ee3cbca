from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest

from afterlaunch.index_page import index_html, rebuild_index
from afterlaunch.ledger import Ledger, LedgerRow, RunStatus


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.tags, self.rows = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data):
        if self.rows and data.strip():
            self.rows[-1].append(data.strip())


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def row(
    run_id="r1", *, model="desk", period="2013-09", day=1, headline="All well.", severity="ok"
) -> LedgerRow:
    return LedgerRow(
        run_id=run_id,
        stem="monthly_health",
        model=model,
        period=period,
        status=RunStatus.OK,
        started_at=f"2013-10-{day:02}T06:00:00+00:00",
        ended_at=f"2013-10-{day:02}T06:01:00.000+00:00",
        headline=headline,
        severity=severity,
    )


@pytest.fixture
def outputs(tmp_path):
    return tmp_path / "outputs"


def publish(outputs, ledger, entry: LedgerRow) -> None:
    page = entry.report(outputs.parent).published(".html")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.touch()
    ledger.record(entry)


def test_each_published_report_is_a_line_with_verdict_sentence_and_link_newest_first(outputs):
    ledger = Ledger(outputs / "ledger.sqlite")
    publish(outputs, ledger, row(day=1, severity="act", headline="Not healthy."))
    publish(outputs, ledger, row("r2", period="2013-10", day=2))
    page = read(rebuild_index(outputs, ledger).read_text(encoding="utf-8"))
    assert page.rows == [
        ["Model", "Period", "Report", "Verdict", "In one sentence", "Made"],
        ["desk", "2013-10", "monthly health", "● OK", "All well.", "2013-10-02 06:01 UTC"],
        ["desk", "2013-09", "monthly health", "▲ ACT", "Not healthy.", "2013-10-01 06:01 UTC"],
    ]
    assert page.links == ["desk/2013-10/monthly_health.html", "desk/2013-09/monthly_health.html"]
    assert all((outputs / link).is_file() for link in page.links)


def test_a_report_whose_page_is_gone_is_left_out(outputs):
    ledger = Ledger(outputs / "ledger.sqlite")
    publish(outputs, ledger, row())
    row().report(outputs.parent).published(".html").unlink()
    assert "<p>Nothing is published yet.</p>" in rebuild_index(outputs, ledger).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("severity", "words"),
    [
        ("ok", "● OK"),
        ("watch", "◆ WATCH"),
        ("act", "▲ ACT"),
        ("unknown", "○ not judged"),
        ("<b>", "○ not judged"),
    ],
)
def test_a_verdict_is_a_symbol_and_a_word(severity, words):
    assert read(index_html([row(severity=severity)])).rows[1][3] == words


def test_data_never_becomes_markup():
    html = index_html([row(headline='<img src=x onerror="alert(1)">{style}</td>', severity='"><script>')])
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;{style}&lt;/td&gt;" in html


def test_the_page_asks_no_host_and_runs_no_script():
    html = index_html([row()])
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|@import|url\(|<script|<link|<img", html)
    assert read(html).tags.count("h1") == 1


def test_rebuilding_at_once_loses_no_report(outputs):
    ledger = Ledger(outputs / "ledger.sqlite")

    def publish_and_rebuild(month: int) -> None:
        publish(outputs, ledger, row(f"r{month}", period=f"2013-{month:02}", day=month))
        rebuild_index(outputs, ledger)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(publish_and_rebuild, range(1, 13)))
    assert len(read((outputs / "index.html").read_text(encoding="utf-8")).links) == 12
