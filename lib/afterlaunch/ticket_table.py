"""The support tickets of a model's users, and what people later said of some of them, held to a contract.

A :class:`TicketTable` names a view in an engine whose columns carry names of our own: ``ticket_id``, ``received_at``
(local time), ``case_id`` (NULL where a ticket names no case of the log), ``case_at`` (when that case was scored),
``text``, and the labels ``about_ai`` (0, 1 or NULL), ``theme`` and ``weight``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from afterlaunch.contract import (
    FLAGS,
    IDS,
    INSTANTS,
    NUMBERS,
    Check,
    ContractError,
    Failure,
    in_table,
    missing,
    row_failures,
    schema_failures,
    too_early,
    typed_column,
    zero_or_one,
)
from afterlaunch.engine import Engine, Source, text_literal
from afterlaunch.scoring_log import ScoringLog, instant_literal
from afterlaunch.ticket_wording import ENGLISH, OTHER_THEME, Wording


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelTable:
    """What people said of tickets that they read: one row a ticket.

    Parameters
    ----------
    about_ai : str
        Column with 1 when the ticket says that the AI misbehaved, else 0.
    theme : str, optional
        Column with its theme; may be empty.
    weight : str, optional
        Column with the number of tickets that a labelled one stands for, as ``afterlaunch audit`` writes it. Without
        one, tickets must have been drawn with equal chances.
    """

    source: Source
    id: str
    about_ai: str
    theme: str | None = None
    weight: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TicketSetup:
    """Where the tickets are and what their columns mean.

    Parameters
    ----------
    id, received_at, text : str
        Columns of the ticket.
    case : str, optional
        Column with the id of the case it is about; may be empty.
    labels : LabelTable, optional
        Without it tickets are told apart by words alone.
    wording : Wording
        The words people use.
    """

    source: Source
    id: str
    received_at: str
    text: str
    case: str | None = None
    labels: LabelTable | None = None
    wording: Wording = ENGLISH

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every table that is read."""
        return (self.source, *((self.labels.source,) if self.labels else ()))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TicketTable:
    """Tickets that keep their contract, as they were known at the start of the scoring log's day.

    Made only by :meth:`validated`. ``view`` is its name in the engine.
    """

    engine: Engine
    setup: TicketSetup
    view: str

    @classmethod
    def validated(cls, setup: TicketSetup, *, beside: ScoringLog, root: Path) -> TicketTable:
        """Read the tickets and their labels and hold them to their contract.

        Parameters
        ----------
        setup : TicketSetup
            Where they are.
        beside : ScoringLog
            The scoring log of the same model, whose cases they name.
        root : pathlib.Path
            Folder at which relative paths start.

        Raises
        ------
        ContractError
            With every failure in one table.
        """
        engine = beside.engine
        failures = [*_read_tickets(setup, beside, root), *_read_labels(setup, engine, root)]
        if failures:
            raise ContractError(setup.source.title, tuple(failures))
        seen = f"received_at < {instant_literal(beside.as_of)}"
        engine.create_view(
            "tickets",
            "SELECT beside.ticket_id, received_at, case_at, CASE WHEN case_at IS NOT NULL THEN case_id END AS case_id, "
            "text, about_ai, theme, weight FROM tickets_beside_log AS beside "
            f"LEFT JOIN ticket_labels ON beside.ticket_id = ticket_labels.ticket_id WHERE {seen}",
        )
        return cls(engine=engine, setup=setup, view="tickets")


def _read_tickets(setup: TicketSetup, beside: ScoringLog, root: Path) -> Iterator[Failure]:
    engine = beside.engine
    kinds = engine.read(setup.source, "tickets_arriving", root=root)
    wanted = {
        setup.id: IDS,
        setup.received_at: INSTANTS,
        setup.text: ("text",),
        **({setup.case: IDS} if setup.case else {}),
    }
    wrong = tuple(schema_failures(kinds, wanted))
    yield from wrong
    sound = {name: kind for name, kind in kinds.items() if name not in {failure.column for failure in wrong}}
    engine.create_view("ticket_rows", _ticket_rows(setup, sound, beside))
    engine.create_view(
        "tickets_beside_log",
        "SELECT ticket_rows.*, log_rows.scored_at AS case_at FROM ticket_rows LEFT JOIN log_rows "
        "ON ticket_rows.case_id = log_rows.case_id",
    )
    checks = [
        *missing(setup.id, "ticket_id"),
        *missing(setup.received_at, "received_at"),
        *missing(setup.text, "text"),
        too_early(setup.received_at, "received_at < case_at", "received_at"),
    ]
    yield from row_failures(
        engine,
        "tickets_beside_log",
        [check for check in checks if check.column in sound],
        unique=setup.id if setup.id in sound else "",
        id_name="ticket_id",
    )


def _ticket_rows(setup: TicketSetup, kinds: Mapping[str, str], beside: ScoringLog) -> str:
    def of_type(name: str | None, sql_type: str) -> str:
        return typed_column(beside.engine, name, kinds, sql_type, time_zone=beside.setup.time_zone)

    columns = {
        "ticket_id": of_type(setup.id, "STRING"),
        "received_at": of_type(setup.received_at, "TIMESTAMP"),
        "text": of_type(setup.text, "STRING"),
        "case_id": of_type(setup.case, beside.id_type),
    }
    return (
        "SELECT " + ", ".join(f"{sql} AS {name}" for name, sql in columns.items()) + " FROM tickets_arriving"
    )


def _read_labels(setup: TicketSetup, engine: Engine, root: Path) -> Iterator[Failure]:
    table = setup.labels
    if table is None:
        nothing = (
            "CAST(NULL AS STRING) AS ticket_id, CAST(NULL AS BIGINT) AS about_ai, CAST(NULL AS STRING) AS theme, "
            "CAST(NULL AS DOUBLE) AS weight"
        )
        engine.create_view("ticket_labels", f"SELECT {nothing} WHERE 1 = 0")
        return
    kinds = engine.read(table.source, "labels_arriving", root=root)
    wanted = {
        table.id: IDS,
        table.about_ai: FLAGS,
        **({table.theme: ("text",)} if table.theme else {}),
        **({table.weight: NUMBERS} if table.weight else {}),
    }
    wrong = tuple(schema_failures(kinds, wanted))
    yield from in_table("labels", wrong)
    if wrong:
        return
    columns = {
        "ticket_id": typed_column(engine, table.id, kinds, "STRING"),
        "about_ai": typed_column(engine, table.about_ai, kinds, "BIGINT"),
        "theme": typed_column(engine, table.theme, kinds, "STRING"),
        "weight": typed_column(engine, table.weight, kinds, "DOUBLE") if table.weight else "1e0",
    }
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    engine.create_view("ticket_labels", f"SELECT {selected} FROM labels_arriving")
    checks = [
        *missing(table.id, "ticket_id"),
        *missing(table.about_ai, "about_ai"),
        zero_or_one(table.about_ai, "about_ai"),
        *([_known_theme(table.theme, setup.wording)] if table.theme else []),
        *(_weight_checks(table.weight) if table.weight else []),
    ]
    yield from in_table(
        "labels", row_failures(engine, "ticket_labels", checks, unique=table.id, id_name="ticket_id")
    )


def _weight_checks(column: str) -> tuple[Check, ...]:
    too_small = Check(
        check="below 1",
        column=column,
        bad="weight < 1",
        value="weight",
        allowed="the number of tickets that it stands for, 1 or more",
    )
    return (*missing(column, "weight"), too_small)


def _known_theme(column: str, wording: Wording) -> Check:
    themes = (*wording.theme_words, OTHER_THEME)
    listed = ", ".join(map(text_literal, themes))
    return Check(
        check="unknown theme",
        column=column,
        bad=f"theme NOT IN ({listed})",
        value="theme",
        allowed=f"empty, or one of {', '.join(themes)}",
    )
