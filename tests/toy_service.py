"""Small reports on all tables of a model: the toy scoring log with requests, tickets and values of decisions."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd

from afterlaunch.engine import DuckDB, Source
from afterlaunch.health_counts import Amounts
from afterlaunch.health_measures import Resampling
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import Labels
from afterlaunch.kpis import DecisionValues
from afterlaunch.monthly_health import Sources, monthly_health
from afterlaunch.request_log import RequestLog
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.ticket_table import LabelTable, TicketSetup, TicketTable
from afterlaunch.windows import Window
from toy_logs import toy_log, toy_setup, write_toy
from toy_requests import request_setup, write_requests

LABELS = Labels(model="toy", title="Toy screening", case_noun="claims", outcome_noun="frauds")
VALUES = DecisionValues(unit="CHF", true_positive="60", false_positive="-8")
ABOUT_AI = "the score is wrong"
ABOUT_SPEED = "the suggestion is too slow and wrong"
ABOUT_TONER = "no toner in the printer"


def plain_requests(at, **columns) -> pd.DataFrame:
    """Return requests that arrived then: each by another person on another case, answered and seen after 300 ms."""
    arrived = pd.Series(pd.to_datetime(pd.Index(at))).astype("datetime64[us]")
    n = len(arrived)
    given = {
        "request": [f"r{place}" for place in range(n)],
        "at": arrived,
        "took": 300.0,
        "ended": "ok",
        "page": "/score",
        "clerk": [f"clerk {place}" for place in range(n)],
        "claim": np.arange(100_000, 100_000 + n),
        "answer": 0,
        "version": "v1",
        "place": "production",
        "watched": 400.0,
        "seen": True,
        "fetch": 100.0,
        "model": 100.0,
        "host": "h1",
        "document": "pdf",
    }
    return pd.DataFrame(given).assign(**columns)


def toy_tickets(log: pd.DataFrame, *, every: int = 4, delay_days: float = 1.0) -> pd.DataFrame:
    """Return a ticket about every so many cases, a day later: half of them say that the score is wrong."""
    cases = log.iloc[::every]
    n = len(cases)
    return pd.DataFrame(
        {
            "number": np.arange(1_000, 1_000 + n),
            "came": (cases["at"] + pd.Timedelta(days=delay_days)).to_numpy(),
            "about": cases["claim"].to_numpy(),
            "words": [ABOUT_AI if place % 2 == 0 else ABOUT_TONER for place in range(n)],
        }
    )


def toy_labels(tickets: pd.DataFrame, *, every: int = 3) -> pd.DataFrame:
    """Return what people found in every so many tickets: what the words say."""
    read = tickets.iloc[::every]
    return pd.DataFrame(
        {
            "ticket": read["number"],
            "blames_ai": read["words"].str.contains("score|suggestion").astype("int64"),
        }
    )


def ticket_setup(*, labelled: bool = True, **changed) -> TicketSetup:
    given = {
        "source": Source(path="tickets.parquet"),
        "id": "number",
        "received_at": "came",
        "text": "words",
        "case": "about",
        "labels": LabelTable(source=Source(path="labels.parquet"), id="ticket", about_ai="blames_ai")
        if labelled
        else None,
    }
    return TicketSetup(**(given | changed))


@contextlib.contextmanager
def opened(
    folder,
    *,
    log=None,
    requests=None,
    tickets=None,
    labels=None,
    as_of=None,
    setup=None,
    ticket_columns=None,
    **changed,
):
    """Give the validated tables of a model; ``changed`` are fields of the request setup."""
    write_toy(folder, toy_log() if log is None else log)
    engine = DuckDB(memory_limit="500MB", threads=2)
    try:
        scoring = ScoringLog.validated(toy_setup(**(setup or {})), engine=engine, root=folder, as_of=as_of)
        asked = written = None
        if requests is not None:
            write_requests(folder, requests)
            asked = RequestLog.validated(request_setup(**changed), beside=scoring, root=folder)
        if tickets is not None:
            tickets.to_parquet(folder / "tickets.parquet", index=False)
            if labels is not None:
                labels.to_parquet(folder / "labels.parquet", index=False)
            columns = ticket_setup(labelled=labels is not None, **(ticket_columns or {}))
            written = TicketTable.validated(columns, beside=scoring, root=folder)
        yield Sources(log=scoring, requests=asked, tickets=written)
    finally:
        engine.close()


def report_on(folder, *, period="2024-04", policy=None, values=VALUES, **tables):
    """Judge one month of the toy model; see :func:`opened` for its tables."""
    with opened(folder, **tables) as sources:
        return monthly_health(
            sources,
            window=Window.parse(period),
            money=Amounts(decision_values=values),
            policy=policy or HealthPolicy(),
            labels=LABELS,
            resampling=Resampling(n_resamples=200, seed=1),
        )
