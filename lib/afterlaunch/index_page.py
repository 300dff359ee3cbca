"""The index page: every published report with its verdict, in one file that opens offline."""

from __future__ import annotations

import datetime as dt
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from afterlaunch.artifacts import write_text
from afterlaunch.findings import Severity
from afterlaunch.lock import index_lock
from afterlaunch.render.state import BY_SEVERITY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from afterlaunch.ledger import Ledger, LedgerRow

_STYLE = """
:root { color-scheme: light dark;
  --ink: #1f2328; --soft: #57606a; --line: #d0d7de; --paper: #ffffff;
  --act: #b02018; --watch: #8a5a00; --ok: #1a7f37; --unknown: #57606a; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e6edf3; --soft: #9aa4ae; --line: #3d444d; --paper: #0d1117;
  --act: #ff8f85; --watch: #e3b341; --ok: #56d364; --unknown: #9aa4ae; --link: #79b8ff; } }
body { font: 16px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td.when, td.verdict { white-space: nowrap; }
td.when { color: var(--soft); font-variant-numeric: tabular-nums; }
a { color: var(--link); }
.act { color: var(--act); font-weight: 600; } .watch { color: var(--watch); font-weight: 600; }
.ok { color: var(--ok); font-weight: 600; } .unknown { color: var(--unknown); font-weight: 600; }
@media print { body { margin: 0; max-width: none; } }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Published reports</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Published reports</h1>
{body}
</main>
</body>
</html>
"""


def rebuild_index(outputs: Path, ledger: Ledger) -> Path:
    """Write ``outputs/index.html`` anew from the ledger: what is published now, newest first.

    Returns
    -------
    pathlib.Path
        The page.
    """
    path = outputs / "index.html"
    with index_lock(outputs):
        write_text(path, index_html(published_rows(outputs, ledger)))
    return path


def published_rows(outputs: Path, ledger: Ledger) -> tuple[LedgerRow, ...]:
    """Return the newest good run of every report whose page is still there, newest first."""
    root = outputs.parent
    return tuple(row for row in ledger.published() if row.report(root).published(".html").is_file())


def index_html(rows: Iterable[LedgerRow]) -> str:
    """Return the page for published reports; every value is escaped."""
    lines = "\n".join(_line(row) for row in rows)
    table = (
        "<table>\n<thead><tr><th>Model</th><th>Period</th><th>Report</th><th>Verdict</th>"
        f"<th>In one sentence</th><th>Made</th></tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>"
    )
    return _PAGE.format(style=_STYLE, body=table if lines else "<p>Nothing is published yet.</p>")


def verdict_words(severity: str) -> str:
    """Return a verdict as symbol and word, so that it never rests on colour alone.

    Examples
    --------
    >>> verdict_words("watch")
    '◆ WATCH'
    """
    state = BY_SEVERITY[_severity(severity)]
    return f"{state.symbol} {state.word}"


def _severity(text: str) -> Severity:
    return Severity(text) if text in [severity.value for severity in Severity] else Severity.UNKNOWN


def _line(row: LedgerRow) -> str:
    link = quote(f"{row.model}/{row.period}/{row.stem}.html")
    made = dt.datetime.fromisoformat(row.ended_at)
    severity = _severity(row.severity)
    return (
        f"<tr><td>{escape(row.model)}</td><td>{escape(row.period)}</td>"
        f'<td><a href="{escape(link)}">{escape(row.stem.replace("_", " "))}</a></td>'
        f'<td class="verdict {severity}">{verdict_words(severity)}</td><td>{escape(row.headline)}</td>'
        f'<td class="when"><time datetime="{escape(row.ended_at)}">{made:%Y-%m-%d %H:%M} UTC</time></td></tr>'
    )
