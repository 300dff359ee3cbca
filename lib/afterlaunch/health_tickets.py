"""What the monthly health report reads from the tickets: which are about the AI, how many by month, what they share.

Texts leave the engine, for a classifier has to see them; everything else stays there. A ticket belongs to the month of
its case, for that is when the AI misbehaved; one that names no case of the log is counted in proportion.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from afterlaunch.contract import number_literal
from afterlaunch.health_requests import subject_sql
from afterlaunch.repeat_clicks import ClickGroups
from afterlaunch.request_log import RequestLog
from afterlaunch.scoring_log import ScoringLog, inside, instant_literal
from afterlaunch.ticket_table import TicketTable
from afterlaunch.ticket_themes import Themes, theme_of
from afterlaunch.tickets import Flags, classify
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
NEAR_LOGIT = 0.5
"""A score within this of the threshold, in log-odds, is near it."""
FIRST_DAYS = 7
"""A version is new for so many days."""
CIRCUMSTANCES: Mapping[str, str] = {
    "near_threshold": "a score near the threshold",
    "alert": "an alert",
    "new_version": "a version in its first week",
    "slow": "a slow answer",
    "clicked_again": "a repeat click",
    "two_answers": "two different answers",
}
"""What may have happened to a case before somebody wrote about it, as a column and in words."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TicketCounts:
    """The tickets of some months, oldest first, read and told apart.

    Parameters
    ----------
    tickets : pandas.DataFrame
        One row a ticket that names a case of the months: ``month``, ``day`` (of the case), ``delay_days``, ``text``,
        ``about_ai`` (label or missing) and the ``weight`` of that label, ``flagged``, ``score``, ``theme`` of flagged
        ones and, for cases of the last month, the :data:`CIRCUMSTANCES` (0 or 1).
    decisions : pandas.DataFrame
        ``day`` and ``n``: the cases of every day.
    cells : pandas.DataFrame
        The cases of the last month by ``day`` and their circumstances: ``n``.
    joined_share : float
        Share of all tickets that name a case of the log.
    """

    months: tuple[Window, ...]
    tickets: pd.DataFrame
    decisions: pd.DataFrame
    cells: pd.DataFrame
    joined_share: float
    n_unjoined: int
    flags: Flags
    themes: Themes
    circumstances: tuple[str, ...]
    as_of: dt.date


def read_ticket_counts(
    log: ScoringLog,
    table: TicketTable,
    requests: RequestLog | None,
    groups: ClickGroups | None,
    *,
    months: tuple[Window, ...],
) -> TicketCounts:
    """Read the tickets of some months, oldest first, and tell which ones are about the AI.

    Parameters
    ----------
    log, table, requests
        What is read; without a request log nothing is said of what was slow or asked again.
    groups : ClickGroups or None
        The last month's groups of clicks; see :func:`~afterlaunch.health_requests.read_request_counts`.
    months : tuple of Window
        Oldest first.
    """
    engine = log.engine
    circumstances = _create_circumstances(log, requests, groups, months[-1])
    period = Window.of_months(months[0], months[-1])
    facts = ", ".join(f"coalesce(facts.{name}, 0) AS {name}" for name in circumstances)
    tickets = engine.query(
        "SELECT ticket_id, tickets.case_id AS case_id, received_at, case_at, text, about_ai, theme, weight, "
        f"{facts} FROM {table.view} AS tickets LEFT JOIN case_circumstances AS facts "
        f"ON tickets.case_id = facts.case_id WHERE {inside('case_at', period)} ORDER BY case_at, ticket_id"
    )
    flags, themes = _told_apart(tickets, table)
    joined = engine.query(f"SELECT count(*) AS n, count(case_at) AS n_joined FROM {table.view}").iloc[0]
    return TicketCounts(
        months=months,
        tickets=_with_days(tickets, flags, themes),
        decisions=engine.query(
            f"SELECT CAST(scored_at AS DATE) AS day, count(*) AS n FROM {log.view} "
            f"WHERE {inside('scored_at', period)} GROUP BY CAST(scored_at AS DATE)"
        ).sort_values("day", ignore_index=True),
        cells=_cells(log, circumstances),
        joined_share=float(joined["n_joined"] / joined["n"]) if joined["n"] else float("nan"),
        n_unjoined=int(joined["n"] - joined["n_joined"]),
        flags=flags,
        themes=themes,
        circumstances=circumstances,
        as_of=log.as_of,
    )


def _told_apart(tickets: pd.DataFrame, table: TicketTable) -> tuple[Flags, Themes]:
    """Flag the tickets and give each a theme; all months at once, for another classifier breaks a series."""
    wording = table.setup.wording
    flags = classify(tickets["text"].tolist(), tickets["about_ai"].tolist(), wording=wording)
    flagged = tickets[flags.about_ai]
    return flags, theme_of(flagged["text"].tolist(), flagged["theme"].tolist(), wording=wording)


def _with_days(tickets: pd.DataFrame, flags: Flags, themes: Themes) -> pd.DataFrame:
    import pandas as pd

    case_day = pd.to_datetime(tickets["case_at"]).dt.normalize()
    received_day = pd.to_datetime(tickets["received_at"]).dt.normalize()
    theme = np.full(len(tickets), "", dtype=object)
    theme[flags.about_ai] = themes.theme
    return tickets.assign(
        month=case_day.dt.strftime("%Y-%m"),
        day=case_day,
        delay_days=(received_day - case_day).dt.days,
        flagged=flags.about_ai,
        score=flags.score,
        theme=theme,
    )


def _create_circumstances(
    log: ScoringLog, requests: RequestLog | None, groups: ClickGroups | None, month: Window
) -> tuple[str, ...]:
    """Create the view of what happened to each case of the month, and return what it tells."""
    thresholds = " ".join(
        f"WHEN '{v.name}' THEN {number_literal(v.threshold)}" for v in log.setup.versions.values()
    )
    log.engine.create_view(
        "cases_of_month",
        f"SELECT case_id, scored_at, score, decision, model_version, CASE model_version {thresholds} END AS cut "
        f"FROM {log.view} WHERE {inside('scored_at', month)}",
    )
    known = {
        "near_threshold": _near_threshold(),
        "alert": "decision",
        "new_version": _new_version(log),
    }
    joins = ""
    if requests is not None and requests.setup.columns.case is not None:
        known["slow"] = "coalesce(asked.is_slow, 0)"
        log.engine.create_view(
            "cases_asked_about",
            f"SELECT case_id, max(is_slow) AS is_slow FROM {requests.view} WHERE case_id IS NOT NULL GROUP BY case_id",
        )
        joins = " LEFT JOIN cases_asked_about AS asked ON cases_of_month.case_id = asked.case_id"
    if requests is not None and groups is not None:
        known |= {
            "clicked_again": "coalesce(again.clicked_again, 0)",
            "two_answers": "coalesce(again.two_answers, 0)",
        }
        _create_clicked_again(requests, groups, month)
        joins += " LEFT JOIN cases_clicked_again AS again ON cases_of_month.case_id = again.case_id"
    columns = ", ".join(f"{sql} AS {name}" for name, sql in known.items())
    log.engine.create_view(
        "case_circumstances",
        f"SELECT cases_of_month.case_id AS case_id, CAST(scored_at AS DATE) AS day, {columns} "
        f"FROM cases_of_month{joins}",
    )
    return tuple(known)


def _create_clicked_again(requests: RequestLog, groups: ClickGroups, month: Window) -> None:
    """Create the view of the month's cases that somebody clicked on again, and whether the answers differed."""
    engine = requests.engine
    is_group = groups.n_clicks > 1
    engine.keep_numbers("subjects_again", "subject", np.unique(groups.subject[is_group]))
    engine.keep_numbers(
        "subjects_two_answers", "subject", np.unique(groups.subject[is_group & groups.is_inconsistent])
    )
    engine.create_view(
        "cases_clicked_again",
        "SELECT case_id, 1 AS clicked_again, max(CASE WHEN two.subject IS NULL THEN 0 ELSE 1 END) AS two_answers "
        f"FROM (SELECT case_id, {subject_sql(engine)} AS subject FROM {requests.view} "
        f"WHERE {inside('arrived_at', month)}) AS asked "
        "INNER JOIN subjects_again AS again ON asked.subject = again.subject "
        "LEFT JOIN subjects_two_answers AS two ON asked.subject = two.subject GROUP BY case_id",
    )


def _near_threshold() -> str:
    clipped = "least(greatest({0}, 1e-6), 1e0 - 1e-6)"
    score, cut = clipped.format("score"), clipped.format("cut")
    distance = f"ln({score} / (1e0 - {score})) - ln({cut} / (1e0 - {cut}))"
    return f"CASE WHEN abs({distance}) <= {number_literal(NEAR_LOGIT)} THEN 1 ELSE 0 END"


def _new_version(log: ScoringLog) -> str:
    """Return the SQL that a case fell into its version's first days; the log's own first version was never new."""
    first = log.engine.query(
        f"SELECT model_version, min(scored_at) AS first FROM {log.view} GROUP BY model_version"
    )
    begun = {
        str(row["model_version"]): row["first"].date()
        for _, row in first.iterrows()
        if row["first"].date() > log.first_on
    }
    new = [
        f"(model_version = '{name}' AND scored_at < {instant_literal(day + dt.timedelta(days=FIRST_DAYS))})"
        for name, day in sorted(begun.items())
    ]
    return f"CASE WHEN {' OR '.join(new)} THEN 1 ELSE 0 END" if new else "0"


def _cells(log: ScoringLog, circumstances: tuple[str, ...]) -> pd.DataFrame:
    by = ", ".join(("day", *circumstances))
    return log.engine.query(f"SELECT {by}, count(*) AS n FROM case_circumstances GROUP BY {by} ORDER BY {by}")
