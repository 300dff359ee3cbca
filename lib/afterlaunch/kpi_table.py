"""The team's own KPI tables, held to a contract, and the KPIs that SQL takes from them.

A KPI table keeps its own column names, since the team writes SQL over them; only those that its setup names are
there. Its view has the table's own name, which begins with ``kpi_``, so that it cannot be taken for one of ours.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from afterlaunch.contract import (
    INSTANTS,
    NUMBERS,
    ContractError,
    Failure,
    in_table,
    missing,
    range_check,
    row_failures,
    schema_failures,
    typed_column,
)
from afterlaunch.engine import Engine, Source
from afterlaunch.errors import ParameterError
from afterlaunch.kpis import Kpi
from afterlaunch.ranges import Range
from afterlaunch.scoring_log import ScoringLog, instant_literal
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"kpi_[a-z0-9_]+")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")
_WANTED = ("month", "value", "n")


@dataclasses.dataclass(frozen=True, kw_only=True)
class KpiTable:
    """A table that KPIs are taken from.

    Parameters
    ----------
    name : str
        Its name in SQL: small letters, digits and ``_``, beginning with ``kpi_``.
    day : str
        Column with the day a row belongs to; every row has one.
    numbers, texts : tuple of str
        Columns that SQL may use. Their names are small letters, digits and ``_``.
    allowed : mapping of str to Range
        Ranges that numbers must lie in.
    known_at : str, optional
        Column with the time a row was booked: rows booked later than the report's day are not seen.
    """

    name: str
    source: Source
    day: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...] = ()
    allowed: Mapping[str, Range] = dataclasses.field(default_factory=dict)
    known_at: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ParameterError(
                f"Table {self.name!r} must be called kpi_ and small letters, digits or _, such as kpi_days. Rename it."
            )
        wrong = [name for name in self.columns if not _COLUMN.fullmatch(name)]
        if wrong:
            raise ParameterError(
                f"Column {wrong[0]!r} is no plain name: small letters, digits and _ only, so that SQL can use it."
            )
        if self.known_at is not None and "known_at" in self.columns:
            raise ParameterError(
                "A column is called known_at, which is the name of the time that a row was booked. Rename the column."
            )
        for name in self.allowed:
            if name not in self.numbers:
                raise ParameterError(
                    f"allowed names {name!r}, which is not among the numbers. Add it or take it out."
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that SQL may use."""
        return (self.day, *self.numbers, *self.texts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KpiMonths:
    """A KPI by month: ``by_month`` and ``counts`` hold value and n by label; a value is nan where SQL gave NULL."""

    kpi: Kpi
    by_month: Mapping[str, float]
    counts: Mapping[str, int]


def read_kpis(
    tables: Mapping[str, KpiTable], kpis: tuple[Kpi, ...], *, beside: ScoringLog, root: Path
) -> tuple[KpiMonths, ...]:
    """Hold the KPI tables to their contracts and take the KPIs of SQL from them.

    Parameters
    ----------
    tables : mapping of str to KpiTable
        By name.
    kpis : tuple of Kpi
        Those without SQL are left out.
    beside : ScoringLog
        The scoring log of the same model: its engine reads, and rows are seen as of its day.
    root : pathlib.Path
        Folder at which relative paths start.

    Raises
    ------
    ContractError
        When a table, or what a KPI's SQL returns, breaks its contract: all failures at once.
    ParameterError
        When SQL cannot be run.
    """
    failures = [failure for table in tables.values() for failure in _read(table, beside, root)]
    if failures:
        raise ContractError(", ".join(table.source.title for table in tables.values()), tuple(failures))
    found, failures = [], []
    for kpi in kpis:
        if kpi.sql:
            rows = beside.engine.query_of_user(
                kpi.sql.strip().rstrip(";"), what=f"KPI {kpi.name!r} in model.yaml"
            )
            problems = list(in_table(f"kpis.{kpi.name}", _result_failures(rows)))
            failures += problems
            found += [] if problems else [_by_month(kpi, rows, beside)]
    if failures:
        raise ContractError("the SQL of kpis in model.yaml", tuple(failures))
    return tuple(found)


def _read(table: KpiTable, beside: ScoringLog, root: Path) -> Iterator[Failure]:
    engine = beside.engine
    kinds = engine.read(table.source, f"{table.name}_arriving", root=root)
    wanted = {
        table.day: INSTANTS,
        **dict.fromkeys(table.numbers, NUMBERS),
        **dict.fromkeys(table.texts, ("text",)),
        **({table.known_at: INSTANTS} if table.known_at else {}),
    }
    wrong = tuple(schema_failures(kinds, wanted))
    yield from in_table(table.name, wrong)
    if wrong:
        return
    engine.create_view(f"{table.name}_rows", _typed_rows(table, engine, kinds, beside))
    checks = [
        *missing(table.day, engine.quote(table.day)),
        *(range_check(name, engine.quote(name), allowed) for name, allowed in table.allowed.items()),
        *(missing(table.known_at, "known_at") if table.known_at else ()),
    ]
    yield from in_table(
        table.name, row_failures(engine, f"{table.name}_rows", checks, id_name=engine.quote(table.day))
    )
    now = instant_literal(beside.as_of)
    seen = f"{engine.quote(table.day)} < {now}" + (f" AND known_at < {now}" if table.known_at else "")
    shown = ", ".join(map(engine.quote, table.columns))
    engine.create_view(table.name, f"SELECT {shown} FROM {table.name}_rows WHERE {seen}")


def _typed_rows(table: KpiTable, engine: Engine, kinds: Mapping[str, str], beside: ScoringLog) -> str:
    zone = beside.setup.time_zone
    columns = {table.day: typed_column(engine, table.day, kinds, "TIMESTAMP", time_zone=zone)}
    columns |= {name: typed_column(engine, name, kinds, "DOUBLE") for name in table.numbers}
    columns |= {name: typed_column(engine, name, kinds, "STRING") for name in table.texts}
    if table.known_at:
        columns["known_at"] = typed_column(engine, table.known_at, kinds, "TIMESTAMP", time_zone=zone)
    return (
        "SELECT "
        + ", ".join(f"{sql} AS {engine.quote(name)}" for name, sql in columns.items())
        + f" FROM {table.name}_arriving"
    )


def _result_failures(rows: pd.DataFrame) -> Iterator[Failure]:
    lacking = [name for name in _WANTED if name not in rows.columns]
    if lacking:
        yield _failure(
            "column is missing", ", ".join(lacking), (), f"month, value and n; got {', '.join(rows.columns)}"
        )
        return
    labels = [_label(value) for value in rows["month"].tolist()]
    wrong = [str(value) for value, label in zip(rows["month"].tolist(), labels, strict=True) if not label]
    if wrong:
        yield _failure("is no month", "month", tuple(wrong), 'a day, or text such as "2025-01"')
    twice = sorted({label for label in labels if label and labels.count(label) > 1})
    if twice:
        yield _failure("repeated", "month", tuple(twice), "one row a month")
    for name in ("value", "n"):
        bad = [
            str(value) for value in rows[name].tolist() if not _is_number(value, may_be_empty=name == "value")
        ]
        if bad:
            yield _failure(
                "is no number",
                name,
                tuple(bad),
                "a number" if name == "value" else "a whole number, 0 or more",
            )


def _failure(check: str, column: str, examples: tuple[str, ...], allowed: str) -> Failure:
    return Failure(
        check=check,
        column=column,
        n_rows=len(examples) or None,
        share=None,
        examples=tuple(text[:40] for text in examples[:3]),
        allowed=allowed,
    )


def _label(value: object) -> str:
    """Return the month of a day or a text; empty when it is none."""
    import pandas as pd

    if isinstance(value, dt.date):
        return "" if pd.isna(value) else f"{value.year:04d}-{value.month:02d}"
    try:
        return Window.parse(value).label if isinstance(value, str) else ""
    except ParameterError:
        return ""


def _is_number(value: object, *, may_be_empty: bool) -> bool:
    import pandas as pd

    if isinstance(value, (bool, str)):
        return False
    if value is None or value is pd.NA:
        return may_be_empty
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    if math.isnan(number):
        return may_be_empty
    return math.isfinite(number) and (may_be_empty or (number >= 0 and number.is_integer()))


def _by_month(kpi: Kpi, rows: pd.DataFrame, beside: ScoringLog) -> KpiMonths:
    import pandas as pd

    labels = [_label(value) for value in rows["month"].tolist()]
    until = f"{beside.as_of.year:04d}-{beside.as_of.month:02d}"
    known = [(label, i) for i, label in enumerate(labels) if label <= until]
    values, counts = rows["value"].tolist(), rows["n"].tolist()
    return KpiMonths(
        kpi=kpi,
        by_month={label: math.nan if pd.isna(values[i]) else float(values[i]) for label, i in known},
        counts={label: int(counts[i]) for label, i in known},
    )
