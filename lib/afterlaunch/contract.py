"""Checks that a table must pass: compiled to one SQL scan, every failure told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from afterlaunch.engine import Engine
from afterlaunch.errors import DataError, did_you_mean
from afterlaunch.ranges import Range

IDS = ("integer", "text")
NUMBERS = ("integer", "number")
FLAGS = ("integer", "boolean")
INSTANTS = ("instant", "zoned_instant", "date")
_N_EXAMPLES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """One way in which the data breaks the contract, with what would be allowed."""

    check: str
    column: str
    n_rows: int | None
    share: float | None
    examples: tuple[str, ...]
    allowed: str


class ContractError(DataError):
    """A table that breaks the contract; ``failures`` holds every failure."""

    def __init__(self, source: str, failures: tuple[Failure, ...]) -> None:
        self.failures = failures
        super().__init__(_failure_table(source, failures))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """A check of one column: the SQL condition of a bad row, the SQL of the value to show, and what is allowed."""

    check: str
    column: str
    bad: str
    value: str
    allowed: str


def schema_failures(kinds: Mapping[str, str], wanted: Mapping[str, tuple[str, ...]]) -> Iterator[Failure]:
    """Yield what is wrong with a table's columns: missing, or of another kind than their role allows."""
    for column, allowed in wanted.items():
        if column not in kinds:
            hint = did_you_mean(column, kinds).strip() or f"The table has: {', '.join(kinds)}."
            yield Failure(
                check="column is missing", column=column, n_rows=None, share=None, examples=(), allowed=hint
            )
        elif kinds[column] not in allowed:
            yield Failure(
                check=f"column holds {_words(kinds[column])}",
                column=column,
                n_rows=None,
                share=None,
                examples=(),
                allowed=" or ".join(_words(kind) for kind in allowed),
            )


def _words(kind: str) -> str:
    names = {
        "integer": "whole numbers",
        "number": "numbers",
        "boolean": "true/false",
        "instant": "times",
        "zoned_instant": "times with a zone",
        "date": "dates",
        "other": "nested values",
    }
    return names.get(kind, kind)


def typed_column(
    engine: Engine,
    name: str | None,
    kinds: Mapping[str, str],
    sql_type: str,
    *,
    time_zone: str = "UTC",
    keep_nan: bool = False,
) -> str:
    """Return the SQL of a user's column as a type of ours: NaN is NULL there, times are local ones.

    A column that is not there, or has no role, is NULL. ``keep_nan`` leaves NaN as it is, for readers that mind the
    time which looking for it takes.
    """
    if name is None or name not in kinds:
        return f"CAST(NULL AS {sql_type})"
    quoted = engine.quote(name)
    if kinds[name] == "number" and not keep_nan:
        quoted = f"CASE WHEN isnan({quoted}) THEN NULL ELSE {quoted} END"
    if kinds[name] == "zoned_instant":
        quoted = engine.local_time(quoted, time_zone)
    if kinds[name] == "boolean":
        quoted = f"CAST({quoted} AS INT)"
    cast = "TRY_CAST" if kinds[name] == "text" and sql_type == "BIGINT" else "CAST"
    return f"{cast}({quoted} AS {sql_type})"


def missing(column: str, name: str) -> tuple[Check, ...]:
    """Return the check that every row has a value."""
    return (
        Check(
            check="missing", column=column, bad=f"{name} IS NULL", value=name, allowed="a value in every row"
        ),
    )


def zero_or_one(column: str, name: str) -> Check:
    """Return the check that a column holds 0 and 1 only."""
    return Check(check="not 0 or 1", column=column, bad=f"{name} NOT IN (0, 1)", value=name, allowed="0 or 1")


def outcome_checks(column: str, at_column: str, name: str, at: str) -> list[Check]:
    """Return the checks of an outcome and of the time at which it became known."""
    without_time = f"{name} IS NOT NULL AND {at} IS NULL"
    return [
        zero_or_one(column, name),
        Check(
            check="missing beside an outcome", column=at_column, bad=without_time, value=at, allowed="a time"
        ),
    ]


def too_early(column: str, bad: str, value: str) -> Check:
    """Return the check that nothing is known before its case was scored."""
    return Check(
        check="before the case was scored", column=column, bad=bad, value=value, allowed="scored_at or later"
    )


def range_check(column: str, name: str, allowed: Range) -> Check:
    """Return the check that a column stays in its allowed range."""
    bounds = []
    if allowed.lower is not None:
        bounds.append(f"{name} < {number_literal(allowed.lower)}")
    if allowed.upper is not None:
        bounds.append(f"{name} > {number_literal(allowed.upper)}")
    shown = f"{'−∞' if allowed.lower is None else f'{allowed.lower:g}'} to " + (
        "∞" if allowed.upper is None else f"{allowed.upper:g}"
    )
    return Check(
        check="out of range", column=column, bad=" OR ".join(bounds) or "1 = 0", value=name, allowed=shown
    )


def number_literal(value: float) -> str:
    """Return a number as SQL that every engine reads as a DOUBLE (``1.5e0``), never as a decimal.

    Examples
    --------
    >>> number_literal(1.5), number_literal(-0.000012)
    ('1.5e0', '-1.2e-05')
    """
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def row_failures(
    engine: Engine, view: str, checks: list[Check], *, unique: str = "", id_name: str = "case_id"
) -> Iterator[Failure]:
    """Scan a view once and yield every check that rows fail.

    ``id_name`` is the view's id, which examples show; ``unique`` names the user's id column when each may come once.
    """
    counts = [
        f"CAST(coalesce(count_if({check.bad}), 0) AS BIGINT) AS bad_{i}" for i, check in enumerate(checks)
    ]
    scan = engine.query(f"SELECT {', '.join(['count(*) AS n_rows', *counts])} FROM {view}").iloc[0]
    n_rows = int(scan["n_rows"])
    if not n_rows:
        yield Failure(
            check="table is empty",
            column="(all)",
            n_rows=0,
            share=None,
            examples=(),
            allowed="at least 1 row",
        )
        return
    for i, check in enumerate(checks):
        n_bad = int(scan[f"bad_{i}"])
        if n_bad:
            examples = _examples(
                engine, f"SELECT {id_name} AS id, {check.value} AS bad_value FROM {view} WHERE {check.bad}"
            )
            yield Failure(
                check=check.check,
                column=check.column,
                n_rows=n_bad,
                share=n_bad / n_rows,
                examples=examples,
                allowed=check.allowed,
            )
    # Grouped, because what does not fit of many groups is spilled, unlike distinct values.
    repeated = (
        f"SELECT {id_name} AS id, count(*) AS bad_value FROM {view} WHERE {id_name} IS NOT NULL "
        f"GROUP BY {id_name} HAVING count(*) > 1"
    )
    n_repeated = _n_repeated(engine, repeated) if unique else 0
    if n_repeated:
        yield Failure(
            check="repeated",
            column=unique,
            n_rows=n_repeated,
            share=n_repeated / n_rows,
            examples=tuple(f"{text} times" for text in _examples(engine, repeated)),
            allowed="each id once",
        )


def _n_repeated(engine: Engine, repeated: str) -> int:
    """Count the rows whose id came before, from the ids that come more than once and their rows."""
    counted = f"SELECT CAST(coalesce(sum(bad_value - 1), 0) AS BIGINT) FROM ({repeated}) AS repeated"
    return int(engine.rows(counted)[0][0])


def _examples(engine: Engine, select: str) -> tuple[str, ...]:
    rows = engine.query(
        f"SELECT CAST(id AS STRING) AS id, CAST(bad_value AS STRING) AS bad_value FROM ({select}) AS bad "
        f"ORDER BY id LIMIT {_N_EXAMPLES}"
    )
    pairs = zip(rows["id"].tolist(), rows["bad_value"].tolist(), strict=True)
    return tuple(f"{_shown(row_id)}: {_shown(value)}" for row_id, value in pairs)


def _shown(value: object) -> str:
    return str(value)[:40] if isinstance(value, str) else "(missing)"


def in_table(table: str, failures: Iterable[Failure]) -> Iterator[Failure]:
    """Yield failures with the table's name before the column."""
    for failure in failures:
        yield dataclasses.replace(failure, column=f"{table}.{failure.column}")


def _failure_table(source: str, failures: tuple[Failure, ...]) -> str:
    header = ("check", "column", "rows", "share", "first examples (id: value)", "allowed")
    rows = [header] + [
        (
            failure.check,
            failure.column,
            "" if failure.n_rows is None else f"{failure.n_rows:,}",
            _share(failure.share),
            "; ".join(failure.examples),
            failure.allowed,
        )
        for failure in failures
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  " + "  ".join("-" * width for width in widths))
    count = "1 check" if len(failures) == 1 else f"{len(failures)} checks"
    return "\n".join(
        [
            f"The data of {source!r} breaks its contract in {count}:",
            *lines,
            "Mend the data, or correct the roles and ranges in the model's model.yaml, and run again.",
        ]
    )


def _share(share: float | None) -> str:
    if share is None:
        return ""
    return "<0.01%" if 0 < share < 0.0001 else f"{share:.2%}"
