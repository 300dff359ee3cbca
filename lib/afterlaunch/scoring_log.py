"""The data contract: a scoring log is read, checked in one scan, and refused with every failure at once.

A :class:`ScoringLog` names a view in an engine whose columns carry names of our own: ``case_id``, ``scored_at``
(local time), ``score``, ``decision`` (0 or 1), ``model_version``, the features ``f_0``, ``f_1``, … and, from the
outcomes as they were known on a day, ``outcome`` (0, 1 or NULL). NaN has become NULL there.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
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
    number_literal,
    outcome_checks,
    range_check,
    row_failures,
    schema_failures,
    too_early,
    typed_column,
    zero_or_one,
)
from afterlaunch.engine import Engine, Source
from afterlaunch.errors import DataError, ParameterError, did_you_mean
from afterlaunch.model_version import ModelVersion
from afterlaunch.ranges import Range
from afterlaunch.windows import Window


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column of the log plays which role.

    ``outcome`` and ``outcome_at`` are given only when outcomes stand in the log itself. ``allowed`` holds the range of
    numbers that a feature may take.
    """

    id: str
    scored_at: str
    score: str
    decision: str
    model_version: str
    features: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    outcome: str | None = None
    outcome_at: str | None = None
    allowed: Mapping[str, Range] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ("segments", "allowed"):
            for name in getattr(self, role):
                if name not in self.features:
                    raise ParameterError(
                        f"{role} names {name!r}, which is not among the features."
                        f"{did_you_mean(name, self.features)} Add it to features or take it out."
                    )
        if (self.outcome is None) != (self.outcome_at is None):
            raise ParameterError("outcome and outcome_at go together: give both columns, or neither.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutcomeTable:
    """A table of outcomes that arrive later: one row an event, the latest one known counts."""

    source: Source
    id: str
    outcome: str
    outcome_at: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShadowTable:
    """Scores that another version gave to the same cases, without anybody acting on them."""

    source: Source
    id: str
    model_version: str
    score: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogSetup:
    """Where a model's log is, what its columns mean and which versions wrote it.

    Parameters
    ----------
    time_zone : str
        Zone of the calendar months; instants with a zone are turned into its local time, instants without one are
        taken as local.
    outcome_delay_days : int
        Days after scoring by which an outcome is normally known. Younger rows without one are *maturing*.
    """

    source: Source
    columns: Columns
    versions: Mapping[str, ModelVersion]
    outcomes: OutcomeTable | None = None
    shadow_scores: ShadowTable | None = None
    time_zone: str = "UTC"
    outcome_delay_days: int = 0

    def __post_init__(self) -> None:
        if not self.versions:
            raise ParameterError("versions is empty: name at least one version of the model.")
        if self.outcomes is not None and self.columns.outcome is not None:
            raise ParameterError("Outcomes are given twice, as a column and as a table. Keep one of the two.")
        if self.outcome_delay_days < 0:
            raise ParameterError(f"outcome_delay_days is {self.outcome_delay_days}; give 0 or more.")
        if self.time_zone not in zoneinfo.available_timezones():
            near = did_you_mean(self.time_zone, zoneinfo.available_timezones())
            raise ParameterError(
                f"time_zone {self.time_zone!r} is not a time zone.{near} Write it as Europe/Zurich."
            )

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every table that is read."""
        extra = (self.outcomes, self.shadow_scores)
        return (self.source, *(table.source for table in extra if table is not None))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoringLog:
    """A scoring log that keeps the contract, with outcomes as they were known before ``as_of``.

    Made only by :meth:`validated`. ``view`` is its name in the engine; ``rows`` that of the same rows without outcomes,
    which no join makes dear, and in which NaN is still NaN. ``features`` maps a user's column names to the view's, and
    ``feature_kinds`` to what they hold (``integer``, ``number``, ``boolean`` or ``text``). ``first_on`` and ``last_on``
    are the days of its first and last row; ``id_type`` is the SQL type of ``case_id``, which tables beside the log are
    joined by.
    """

    engine: Engine
    setup: LogSetup
    view: str
    rows: str
    features: Mapping[str, str]
    feature_kinds: Mapping[str, str]
    as_of: dt.date
    n_rows: int
    first_on: dt.date
    last_on: dt.date
    has_outcomes: bool
    id_type: str

    @classmethod
    def validated(
        cls, setup: LogSetup, *, engine: Engine, root: Path, as_of: dt.date | None = None
    ) -> ScoringLog:
        """Read a log, check it against the contract and join the outcomes known before ``as_of``.

        Parameters
        ----------
        setup : LogSetup
            Where the log is and what its columns mean.
        engine : Engine
            Reads and scans it.
        root : pathlib.Path
            Folder at which relative paths start.
        as_of : datetime.date, optional
            Rows and outcomes are seen as they were at the start of this day. Without it everything is known.

        Raises
        ------
        ContractError
            When the log, or a table beside it, breaks the contract: one table of all failures.
        """
        kinds = engine.read(setup.source, "log_arriving", root=root)
        failures = list(_read_log(setup, engine, kinds))
        failures += _read_outcomes(setup, engine, root, kinds)
        failures += _read_shadow_scores(setup, engine, root, kinds)
        if failures:
            raise ContractError(setup.source.title, tuple(failures))
        known_until = as_of or _day_after_last_outcome(setup, engine)
        engine.create_view(
            "scored_rows",
            f"SELECT * FROM ({_log_rows(setup, engine, kinds, keep_nan=True)}) AS arrived "
            f"WHERE scored_at < {instant_literal(known_until)}",
        )
        engine.create_view("cases", _cases(setup, known_until))
        facts = engine.query(
            "SELECT count(*) AS n, min(scored_at) AS first, max(scored_at) AS last FROM log_rows "
            f"WHERE scored_at < {instant_literal(known_until)}"
        ).iloc[0]
        if not facts["n"]:
            raise DataError(
                f"The log {setup.source.title!r} has no rows before {known_until}. Give a later as_of date."
            )
        return cls(
            engine=engine,
            setup=setup,
            view="cases",
            rows="scored_rows",
            features={name: f"f_{i}" for i, name in enumerate(setup.columns.features)},
            feature_kinds={name: kinds[name] for name in setup.columns.features},
            as_of=known_until,
            n_rows=int(facts["n"]),
            first_on=facts["first"].date(),
            last_on=facts["last"].date(),
            has_outcomes=setup.outcomes is not None or setup.columns.outcome is not None,
            id_type=_id_type(setup, kinds),
        )

    @property
    def outcomes_complete_until(self) -> dt.date:
        """First day whose outcomes are not all known yet; never after the day behind the last row."""
        mature = self.as_of - dt.timedelta(days=self.setup.outcome_delay_days)
        return min(mature, self.last_on + dt.timedelta(days=1))

    def first_month(self, wanted: Window) -> Window:
        """Return a month, or the log's first one when that is later: the log has nothing before it."""
        return max(Window.month_of(self.first_on), wanted, key=lambda month: month.start)

    def judged_month(self, month: Window) -> Window:
        """Return the month whose outcomes a report on ``month`` can judge.

        That is the month itself as soon as outcomes of some of its days are complete, and before that the last month
        all of whose outcomes are: a model whose outcomes take 90 days is judged on what it did three months ago.
        """
        complete = self.outcomes_complete_until
        if not self.has_outcomes or complete > month.start:
            return month
        begun = Window.month_of(complete)
        last = begun if begun.end <= complete else begun.previous()
        return last if last.end > self.first_on else month

    def check_covers(self, window: Window) -> None:
        """Refuse a window that the log has no day of.

        Raises
        ------
        DataError
            With the period that the log does cover.
        """
        covered = Window(start=self.first_on, end=self.last_on + dt.timedelta(days=1), label="log")
        if not covered.overlaps(window):
            raise DataError(
                f"There are no rows in {window.title}: {self.setup.source.title!r} covers {self.first_on} to "
                f"{self.last_on}. Give a period inside it."
            )


def _read_log(setup: LogSetup, engine: Engine, kinds: Mapping[str, str]) -> Iterator[Failure]:
    roles = setup.columns
    wanted = {
        roles.id: IDS,
        roles.scored_at: INSTANTS,
        roles.score: NUMBERS,
        roles.decision: FLAGS,
        roles.model_version: ("text",),
        **dict.fromkeys(roles.features, ("integer", "number", "text", "boolean")),
        **dict.fromkeys(roles.allowed, NUMBERS),
    }
    if roles.outcome is not None and roles.outcome_at is not None:
        wanted |= {roles.outcome: FLAGS, roles.outcome_at: INSTANTS}
    failures = tuple(schema_failures(kinds, wanted))
    yield from failures
    sound = {name: kind for name, kind in kinds.items() if name not in {f.column for f in failures}}
    engine.create_view("log_rows", _log_rows(setup, engine, sound))
    yield from row_failures(
        engine, "log_rows", _log_checks(setup, sound), unique=roles.id if roles.id in sound else ""
    )


def _log_rows(setup: LogSetup, engine: Engine, kinds: Mapping[str, str], *, keep_nan: bool = False) -> str:
    roles, zone = setup.columns, setup.time_zone
    types = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "INT", "text": "STRING"}
    columns = {
        "case_id": typed_column(engine, roles.id, kinds, _id_type(setup, kinds)),
        "scored_at": typed_column(engine, roles.scored_at, kinds, "TIMESTAMP", time_zone=zone),
        "score": typed_column(engine, roles.score, kinds, "DOUBLE"),
        "decision": typed_column(engine, roles.decision, kinds, "BIGINT"),
        "model_version": typed_column(engine, roles.model_version, kinds, "STRING"),
        "own_outcome": typed_column(engine, roles.outcome, kinds, "BIGINT"),
        "own_outcome_at": typed_column(engine, roles.outcome_at, kinds, "TIMESTAMP", time_zone=zone),
    }
    for i, name in enumerate(roles.features):
        columns[f"f_{i}"] = typed_column(
            engine, name, kinds, types.get(kinds.get(name, ""), "STRING"), keep_nan=keep_nan
        )
    return "SELECT " + ", ".join(f"{sql} AS {name}" for name, sql in columns.items()) + " FROM log_arriving"


def _log_checks(setup: LogSetup, sound: Mapping[str, str]) -> list[Check]:
    roles = setup.columns
    names = ", ".join(f"'{name}'" for name in setup.versions)
    cut = " ".join(f"WHEN '{v.name}' THEN {number_literal(v.threshold)}" for v in setup.versions.values())
    thresholds = ", ".join(f"{v.name}: {v.threshold:g}" for v in setup.versions.values())
    checks = [
        *missing(roles.id, "case_id"),
        *missing(roles.scored_at, "scored_at"),
        *missing(roles.score, "score"),
        _score_in_range(roles.score),
        *missing(roles.decision, "decision"),
        zero_or_one(roles.decision, "decision"),
        *missing(roles.model_version, "model_version"),
        _known_version(roles.model_version, setup),
    ]
    if {roles.score, roles.decision, roles.model_version} <= set(sound):
        checks.append(
            Check(
                check="differs from score >= threshold",
                column=roles.decision,
                bad=f"decision <> CASE WHEN score >= CASE model_version {cut} END THEN 1 ELSE 0 END "
                f"AND decision IN (0, 1) AND model_version IN ({names})",
                value="decision",
                allowed=f"1 when the score is at or above the version's threshold ({thresholds}), else 0",
            )
        )
    if roles.outcome is not None and roles.outcome_at is not None:
        checks += outcome_checks(roles.outcome, roles.outcome_at, "own_outcome", "own_outcome_at")
        checks.append(too_early(roles.outcome_at, "own_outcome_at < scored_at", "own_outcome_at"))
    for name, allowed in roles.allowed.items():
        checks.append(range_check(name, f"f_{roles.features.index(name)}", allowed))
    return [check for check in checks if check.column in sound]


def _known_version(column: str, setup: LogSetup) -> Check:
    names = ", ".join(f"'{name}'" for name in setup.versions)
    bad = f"model_version NOT IN ({names})"
    return Check(
        check="unknown version",
        column=column,
        bad=bad,
        value="model_version",
        allowed=", ".join(setup.versions),
    )


def _score_in_range(column: str) -> Check:
    return Check(
        check="out of range", column=column, bad="score < 0 OR score > 1", value="score", allowed="0 to 1"
    )


def _read_outcomes(
    setup: LogSetup, engine: Engine, root: Path, log_kinds: Mapping[str, str]
) -> Iterator[Failure]:
    table = setup.outcomes
    if table is None:
        return
    kinds = engine.read(table.source, "outcomes_arriving", root=root)
    wanted = {table.id: IDS, table.outcome: ("integer", "boolean", "number"), table.outcome_at: INSTANTS}
    failures = tuple(schema_failures(kinds, wanted))
    yield from in_table("outcomes", failures)
    if failures:
        return
    engine.create_view(
        "outcome_rows",
        f"SELECT {_id(engine, table.id, kinds, setup, log_kinds)} AS case_id, "
        f"{typed_column(engine, table.outcome, kinds, 'DOUBLE')} AS outcome, "
        f"{typed_column(engine, table.outcome_at, kinds, 'TIMESTAMP', time_zone=setup.time_zone)} AS outcome_at "
        "FROM outcomes_arriving",
    )
    engine.create_view(
        "outcomes_beside_log",
        "SELECT outcome_rows.case_id, outcome, outcome_at, scored_at FROM outcome_rows "
        "LEFT JOIN log_rows ON outcome_rows.case_id = log_rows.case_id",
    )
    checks = [
        *missing(table.id, "case_id"),
        *missing(table.outcome, "outcome"),
        *outcome_checks(table.outcome, table.outcome_at, "outcome", "outcome_at"),
        too_early(table.outcome_at, "outcome_at < scored_at", "outcome_at"),
    ]
    yield from in_table("outcomes", row_failures(engine, "outcomes_beside_log", checks))


def _read_shadow_scores(
    setup: LogSetup, engine: Engine, root: Path, log_kinds: Mapping[str, str]
) -> Iterator[Failure]:
    table = setup.shadow_scores
    if table is None:
        return
    kinds = engine.read(table.source, "shadow_arriving", root=root)
    wanted = {table.id: IDS, table.model_version: ("text",), table.score: NUMBERS}
    failures = tuple(schema_failures(kinds, wanted))
    yield from in_table("shadow_scores", failures)
    if failures:
        return
    engine.create_view(
        "shadow_rows",
        f"SELECT {_id(engine, table.id, kinds, setup, log_kinds)} AS case_id, "
        f"{typed_column(engine, table.model_version, kinds, 'STRING')} AS model_version, "
        f"{typed_column(engine, table.score, kinds, 'DOUBLE')} AS score FROM shadow_arriving",
    )
    checks = [
        *missing(table.id, "case_id"),
        *missing(table.model_version, "model_version"),
        _known_version(table.model_version, setup),
        *missing(table.score, "score"),
        _score_in_range(table.score),
    ]
    yield from in_table("shadow_scores", row_failures(engine, "shadow_rows", checks))


def _id(
    engine: Engine, name: str, kinds: Mapping[str, str], setup: LogSetup, log_kinds: Mapping[str, str]
) -> str:
    """Cast a table's id to the type of the log's id, so that the two can be joined."""
    return typed_column(engine, name, kinds, _id_type(setup, log_kinds))


def _id_type(setup: LogSetup, log_kinds: Mapping[str, str]) -> str:
    return "BIGINT" if log_kinds.get(setup.columns.id) == "integer" else "STRING"


def _day_after_last_outcome(setup: LogSetup, engine: Engine) -> dt.date:
    """Return the first day on which everything in the tables is known."""
    latest = "SELECT max(scored_at) AS latest FROM log_rows"
    if setup.outcomes is not None:
        latest += " UNION ALL SELECT max(outcome_at) AS latest FROM outcome_rows"
    if setup.columns.outcome is not None:
        latest += " UNION ALL SELECT max(own_outcome_at) AS latest FROM log_rows"
    moments = engine.query(latest)["latest"].dropna()
    day: dt.date = moments.max().date()
    return day + dt.timedelta(days=1)


def _cases(setup: LogSetup, as_of: dt.date) -> str:
    """Compile the view of the log with outcomes as they were known at the start of ``as_of``."""
    cutoff = instant_literal(as_of)
    features = [f"log_rows.f_{i}" for i in range(len(setup.columns.features))]
    columns = ["case_id", "scored_at", "score", "decision", "model_version"]
    shown = ", ".join([*(f"log_rows.{name}" for name in columns), *features])
    if setup.outcomes is not None:
        return (
            f"SELECT {shown}, latest.outcome AS outcome FROM log_rows LEFT JOIN ("
            "SELECT case_id, CAST(outcome AS BIGINT) AS outcome FROM ("
            "SELECT case_id, outcome, row_number() OVER (PARTITION BY case_id ORDER BY outcome_at DESC, outcome DESC) "
            f"AS place FROM outcome_rows WHERE outcome_at < {cutoff}) AS known WHERE place = 1"
            f") AS latest ON log_rows.case_id = latest.case_id WHERE scored_at < {cutoff}"
        )
    own = f"CASE WHEN own_outcome_at < {cutoff} THEN own_outcome END AS outcome"
    return f"SELECT {shown}, {own} FROM log_rows WHERE scored_at < {cutoff}"


def instant_literal(day: dt.date) -> str:
    """Return the start of a day as SQL.

    Examples
    --------
    >>> instant_literal(dt.date(2013, 9, 1))
    "CAST('2013-09-01 00:00:00' AS TIMESTAMP)"
    """
    return f"CAST('{day.isoformat()} 00:00:00' AS TIMESTAMP)"


def inside(column: str, window: Window) -> str:
    """Return the SQL condition that a time lies in a window.

    Examples
    --------
    >>> inside("day", Window.parse("2013-09"))
    "day >= CAST('2013-09-01 00:00:00' AS TIMESTAMP) AND day < CAST('2013-10-01 00:00:00' AS TIMESTAMP)"
    """
    return f"{column} >= {instant_literal(window.start)} AND {column} < {instant_literal(window.end)}"
