"""The tickets of a month that people should read and label: drawn by the classifier's own flags, as a CSV file."""

from __future__ import annotations

import csv
import io
import re

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.health_tickets import read_ticket_counts
from afterlaunch.monitored import MonitoredModel
from afterlaunch.monthly_health import first_month
from afterlaunch.ticket_audit import audit_sample
from afterlaunch.windows import Window

COLUMNS = ("ticket_id", "weight", "about_ai", "theme", "text")
# A spreadsheet takes a cell that begins with one of these for a formula; some take the wide signs for the plain ones.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def audit_csv(subject: MonitoredModel, period: str, *, n_each: int = 50) -> str:
    """Return the month's audit sample as CSV, with ``about_ai`` and ``theme`` left for people to fill in.

    Parameters
    ----------
    subject : MonitoredModel
        A model with tickets.
    period : str
        The month of the cases, such as ``"2025-01"``.
    n_each : int
        Flagged and unflagged tickets to draw, fewer where there are no more.

    Returns
    -------
    str
        One row a ticket; ``weight`` is the number of tickets that it stands for. The same month gives the same
        tickets. Kept with its labels and named in the model's file, it corrects the next report.

    Raises
    ------
    ParameterError
        When the model has no tickets.
    DataError
        When the month has none.
    """
    window = Window.parse(period)
    if subject.file.tickets is None:
        raise ParameterError(
            f"Model {subject.name!r} has no tickets. Add `tickets` to params/{subject.name}/model.yaml."
        )
    log = subject.open_log()
    try:
        sources = subject.open_beside(log)
        assert sources.tickets is not None  # noqa: S101 - the file names them
        first = first_month(log, window, subject.policy.monthly_health)
        tickets = read_ticket_counts(
            log, sources.tickets, None, None, months=first.months_until(window)
        ).tickets
    finally:
        log.engine.close()
    rows = tickets[tickets["month"] == window.label].set_index("ticket_id")
    if rows.empty:
        raise DataError(f"No ticket is about a case of {window.title}. Give a month with tickets.")
    sample = audit_sample(rows.index, rows["flagged"], n_each=n_each, salt=window.label)
    n_flagged = int(rows["flagged"].sum())
    weights = {
        **dict.fromkeys(sample.flagged, n_flagged / max(1, len(sample.flagged))),
        **dict.fromkeys(sample.unflagged, (len(rows) - n_flagged) / max(1, len(sample.unflagged))),
    }
    return _csv([(name, f"{weights[name]:.6g}", "", "", str(rows.at[name, "text"])) for name in sample.ids])


def _csv(rows: list[tuple[str, ...]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return sink.getvalue()


def _harmless(cell: str) -> str:
    """Mark what a spreadsheet would compute as text; a number, such as a ticket's id, is none."""
    is_formula = cell.startswith(_FORMULA_SIGNS) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell
