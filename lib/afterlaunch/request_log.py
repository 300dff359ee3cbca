"""The request log: who asked the model when, how long the answer took, and whether it was seen.

A :class:`RequestLog` names a view in an engine whose columns carry names of our own: ``request_id``, ``arrived_at``
(local time of the arrival), ``minute`` (whole minutes since 1970), ``latency_ms`` (a request without an answer has the
time limit), ``is_slow`` and ``is_unanswered`` (0 or 1), ``endpoint``, ``user_id``, ``case_id``, ``decision``,
``model_version``, ``waited_ms``, ``was_shown``, the stages ``s_0``, … and the attributes ``a_0``, ….
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from afterlaunch.contract import (
    FLAGS,
    IDS,
    NUMBERS,
    Check,
    ContractError,
    Failure,
    missing,
    number_literal,
    row_failures,
    schema_failures,
    typed_column,
    zero_or_one,
)
from afterlaunch.engine import Engine, Source, text_literal
from afterlaunch.errors import ParameterError
from afterlaunch.scoring_log import ScoringLog, instant_literal

_VALUES = ("integer", "number", "text", "boolean")
# A typical latency between these is more likely one in seconds than one in milliseconds.
_LIKE_SECONDS = (0.02, 20.0)
# Stages may add up to a little more than the whole: each is rounded by itself.
_ROUNDING_MS = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceLevel:
    """What the team has promised: this share of the requests is answered within the threshold."""

    threshold_ms: float
    share: float

    def __post_init__(self) -> None:
        if not self.threshold_ms > 0:
            raise ParameterError(
                f"threshold_ms is {self.threshold_ms}; give a number of milliseconds above 0."
            )
        if not 0 < self.share < 1:
            raise ParameterError(f"share is {self.share}; give a share between 0 and 1, such as 0.95.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequestColumns:
    """Which column of the request log plays which role; what has no role is left out of the report.

    Parameters
    ----------
    id, arrived_at, latency : str
        One id a click: a row with an id that came before is a transport retry. ``latency`` is empty where no answer
        came.
    status : str, optional
        How the request ended; see :class:`RequestSetup`.
    user, case : str, optional
        Who asked about which case: without both there are no repeat clicks.
    waited, was_shown : str, optional
        How long the person looked at the screen (ms) and whether the answer was seen.
    stages : tuple of str
        Milliseconds of stages that follow each other; what runs in parallel must not be given twice.
    attributes : tuple of str
        What slow requests may have in common: host, document type, …
    """

    id: str
    arrived_at: str
    latency: str
    status: str | None = None
    endpoint: str | None = None
    user: str | None = None
    case: str | None = None
    decision: str | None = None
    model_version: str | None = None
    environment: str | None = None
    waited: str | None = None
    was_shown: str | None = None
    stages: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.waited is None) != (self.was_shown is None):
            raise ParameterError("waited and was_shown go together: give both columns, or neither.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequestSetup:
    """Where the request log is, what its columns mean and what counts as slow.

    Parameters
    ----------
    slo : ServiceLevel
        The promise.
    time_limit_ms : float
        How long a request is waited for. One without an answer counts as this slow.
    environment : str
        The value of the environment column that is judged, such as ``"production"``.
    answered, unanswered : tuple of str
        The values of ``status``. Any other one breaks the contract.
    arrived_at_is : {"start", "end"}
        Access logs write when an answer is sent: with ``"end"`` the latency is taken off again.
    latency_unit : {"ms", "s"}, optional
        Unit of ``latency``; stages and waits are in milliseconds. Without it latencies are milliseconds, and such as
        look like seconds are refused.
    """

    source: Source
    columns: RequestColumns
    slo: ServiceLevel
    time_limit_ms: float = 10_000.0
    environment: str = ""
    answered: tuple[str, ...] = ("ok",)
    unanswered: tuple[str, ...] = ("timeout", "error")
    arrived_at_is: Literal["start", "end"] = "start"
    latency_unit: Literal["ms", "s"] | None = None

    def __post_init__(self) -> None:
        if self.time_limit_ms <= self.slo.threshold_ms:
            raise ParameterError(
                f"time_limit_ms is {self.time_limit_ms:g}, not above the promised {self.slo.threshold_ms:g} ms. Give "
                "the time after which nobody waits for an answer any more."
            )
        if bool(self.environment) != (self.columns.environment is not None):
            raise ParameterError("environment and columns.environment go together: give both, or neither.")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RequestLog:
    """A request log that keeps its contract, with the requests that had arrived before ``as_of``.

    Made only by :meth:`validated`. ``view`` is its name in the engine; ``stages`` and ``attributes`` map a user's
    column names to the view's.
    """

    engine: Engine
    setup: RequestSetup
    view: str
    stages: Mapping[str, str]
    attributes: Mapping[str, str]

    @classmethod
    def validated(cls, setup: RequestSetup, *, beside: ScoringLog, root: Path) -> RequestLog:
        """Read a request log and hold it to its contract.

        Parameters
        ----------
        setup : RequestSetup
            Where the log is and what its columns mean.
        beside : ScoringLog
            The scoring log of the same model: its engine reads, and requests are seen as of its day, in its time
            zone, with case ids of its type.
        root : pathlib.Path
            Folder at which relative paths start.

        Raises
        ------
        ContractError
            With every failure in one table.
        """
        engine = beside.engine
        kinds = engine.read(setup.source, "requests_arriving", root=root)
        failures = list(schema_failures(kinds, _wanted(setup)))
        sound = {name: kind for name, kind in kinds.items() if name not in {f.column for f in failures}}
        engine.create_view("request_rows", _request_rows(setup, sound, beside))
        none = _no_rows_of_environment(setup, engine) if setup.columns.environment in sound else []
        checks = [check for check in _checks(setup) if check.column in sound]
        failures += none or row_failures(engine, "request_rows", checks, id_name="request_id")
        failures += [] if failures else _unit_failure(setup, engine)
        if failures:
            raise ContractError(setup.source.title, tuple(failures))
        engine.create_view("requests", _requests(setup, engine, beside.as_of))
        return cls(
            engine=engine,
            setup=setup,
            view="requests",
            stages={name: f"s_{i}" for i, name in enumerate(setup.columns.stages)},
            attributes={name: f"a_{i}" for i, name in enumerate(setup.columns.attributes)},
        )

    @property
    def has_clicks(self) -> bool:
        """Whether repeat clicks can be told: the log says who asked about which case."""
        return self.setup.columns.user is not None and self.setup.columns.case is not None

    @property
    def has_waits(self) -> bool:
        """Whether the log says how long people waited and whether they saw the answer."""
        return self.setup.columns.waited is not None


def _wanted(setup: RequestSetup) -> dict[str, tuple[str, ...]]:
    roles = setup.columns
    optional = {
        roles.status: ("text",),
        roles.endpoint: ("text",),
        roles.user: IDS,
        roles.case: IDS,
        roles.decision: (*FLAGS, "number"),
        roles.model_version: ("text",),
        roles.environment: ("text",),
        roles.waited: NUMBERS,
        roles.was_shown: (*FLAGS, "number"),
    }
    return {
        roles.id: IDS,
        roles.arrived_at: ("instant", "zoned_instant"),
        roles.latency: NUMBERS,
        **{name: kinds for name, kinds in optional.items() if name is not None},
        **dict.fromkeys(roles.stages, NUMBERS),
        **dict.fromkeys((a for a in roles.attributes if a not in optional), _VALUES),
    }


def _request_rows(setup: RequestSetup, kinds: Mapping[str, str], beside: ScoringLog) -> str:
    roles = setup.columns

    def of_type(name: str | None, sql_type: str) -> str:
        return typed_column(beside.engine, name, kinds, sql_type, time_zone=beside.setup.time_zone)

    def of_own_type(name: str | None) -> str:
        return of_type(name, "BIGINT" if kinds.get(name or "") == "integer" else "STRING")

    def of_flag_type(name: str | None) -> str:
        return of_type(name, "DOUBLE" if kinds.get(name or "") == "number" else "BIGINT")

    latency = of_type(roles.latency, "DOUBLE")
    columns = {
        "request_id": of_own_type(roles.id),
        "logged_at": of_type(roles.arrived_at, "TIMESTAMP"),
        "logged_latency_ms": f"1000e0 * {latency}" if setup.latency_unit == "s" else latency,
        "status": of_type(roles.status, "STRING"),
        "endpoint": of_type(roles.endpoint, "STRING"),
        "user_id": of_own_type(roles.user),
        "case_id": of_type(roles.case, beside.id_type),
        "written_case": of_type(roles.case, "STRING"),
        "decision": of_flag_type(roles.decision),
        "model_version": of_type(roles.model_version, "STRING"),
        "waited_ms": of_type(roles.waited, "DOUBLE"),
        "was_shown": of_flag_type(roles.was_shown),
        **{f"s_{i}": of_type(name, "DOUBLE") for i, name in enumerate(roles.stages)},
        **{f"a_{i}": of_type(name, "STRING") for i, name in enumerate(roles.attributes)},
    }
    select = (
        "SELECT " + ", ".join(f"{sql} AS {name}" for name, sql in columns.items()) + " FROM requests_arriving"
    )
    if roles.environment not in kinds:
        return select
    return f"{select} WHERE {of_type(roles.environment, 'STRING')} = {text_literal(setup.environment)}"


def _no_rows_of_environment(setup: RequestSetup, engine: Engine) -> list[Failure]:
    column = setup.columns.environment
    if (
        column is None
        or engine.query("SELECT count(*) AS n FROM (SELECT * FROM request_rows LIMIT 1) AS one")["n"][0]
    ):
        return []
    return [
        Failure(
            check="no row of the environment",
            column=column,
            n_rows=0,
            share=None,
            examples=(),
            allowed=f"rows with {setup.environment!r}",
        )
    ]


def _checks(setup: RequestSetup) -> list[Check]:
    roles = setup.columns
    checks = [
        *missing(roles.id, "request_id"),
        *missing(roles.arrived_at, "logged_at"),
        Check(
            check="negative",
            column=roles.latency,
            bad="logged_latency_ms < 0",
            value="logged_latency_ms",
            allowed="0 or more, or empty where no answer came",
        ),
    ]
    if roles.status is not None:
        checks += _status_checks(setup, roles.status)
    if roles.endpoint is not None:
        checks += missing(roles.endpoint, "endpoint")
    if roles.case is not None:
        checks.append(_case_check(roles.case))
    if roles.decision is not None:
        checks.append(zero_or_one(roles.decision, "decision"))
    if roles.waited is not None and roles.was_shown is not None:
        checks += _wait_checks(roles.waited, roles.was_shown)
    return checks + _stage_checks(roles)


def _case_check(column: str) -> Check:
    return Check(
        check="is no id of the log",
        column=column,
        bad="case_id IS NULL AND written_case IS NOT NULL",
        value="written_case",
        allowed="a whole number, as in the scoring log",
    )


def _status_checks(setup: RequestSetup, column: str) -> list[Check]:
    names = (*setup.answered, *setup.unanswered)
    answered = ", ".join(map(text_literal, setup.answered))
    return [
        *missing(column, "status"),
        Check(
            check="unknown status",
            column=column,
            bad=f"status NOT IN ({', '.join(map(text_literal, names))})",
            value="status",
            allowed=f"{', '.join(names)} (answered and unanswered in model.yaml)",
        ),
        Check(
            check="missing beside an answer",
            column=setup.columns.latency,
            bad=f"status IN ({answered}) AND logged_latency_ms IS NULL",
            value="status",
            allowed="a latency for every answered request",
        ),
    ]


def _wait_checks(waited: str, was_shown: str) -> list[Check]:
    return [
        *missing(was_shown, "was_shown"),
        zero_or_one(was_shown, "was_shown"),
        *missing(waited, "waited_ms"),
        Check(
            check="negative", column=waited, bad="waited_ms < 0", value="waited_ms", allowed="0 ms or more"
        ),
    ]


def _stage_checks(roles: RequestColumns) -> list[Check]:
    checks = [
        Check(check="negative", column=name, bad=f"s_{i} < 0", value=f"s_{i}", allowed="0 ms or more")
        for i, name in enumerate(roles.stages)
    ]
    if roles.stages:
        total = " + ".join(f"coalesce(s_{i}, 0e0)" for i in range(len(roles.stages)))
        longest = f"1.02e0 * logged_latency_ms + {number_literal(_ROUNDING_MS)}"
        checks.append(
            Check(
                check="less than its stages",
                column=roles.latency,
                bad=f"{total} > {longest}",
                value="logged_latency_ms",
                allowed="at least the sum of the stages: parallel stages must not be added up",
            )
        )
    return checks


def _unit_failure(setup: RequestSetup, engine: Engine) -> list[Failure]:
    """Refuse latencies that look like seconds: a thousandfold error is not to be guessed away."""
    if setup.latency_unit is not None:
        return []
    mean_log = "avg(CASE WHEN logged_latency_ms > 0 THEN ln(logged_latency_ms) END)"
    found = engine.query(f"SELECT exp({mean_log}) AS typical_ms FROM request_rows")["typical_ms"].iloc[0]
    typical_ms = float(found) if found is not None else float("nan")
    if not _LIKE_SECONDS[0] <= typical_ms <= _LIKE_SECONDS[1]:
        return []
    return [
        Failure(
            check="looks like seconds",
            column=setup.columns.latency,
            n_rows=None,
            share=None,
            examples=(f"geometric mean {typical_ms:.3g}",),
            allowed="milliseconds; or set latency_unit in model.yaml: s or ms",
        )
    ]


def _requests(setup: RequestSetup, engine: Engine, as_of: dt.date) -> str:
    roles = setup.columns
    limit = number_literal(setup.time_limit_ms)
    has_answer = "logged_latency_ms IS NOT NULL"
    if roles.status is not None:
        has_answer += f" AND status IN ({', '.join(map(text_literal, setup.answered))})"
    latency = f"CASE WHEN {has_answer} THEN least(logged_latency_ms, {limit}) ELSE {limit} END"
    arrived = "logged_at"
    if setup.arrived_at_is == "end":
        arrived = engine.earlier("logged_at", f"coalesce(logged_latency_ms, {limit})")
    named = [
        "request_id",
        "endpoint",
        "user_id",
        "case_id",
        "CAST(decision AS BIGINT) AS decision",
        "model_version",
        "waited_ms",
        "CAST(was_shown AS BIGINT) AS was_shown",
    ]
    named += [f"s_{i}" for i in range(len(roles.stages))] + [f"a_{i}" for i in range(len(roles.attributes))]
    inner = (
        f"SELECT {', '.join(named)}, {arrived} AS arrived_at, {latency} AS latency_ms, "
        f"CASE WHEN {has_answer} THEN 0 ELSE 1 END AS is_unanswered FROM request_rows"
    )
    return (
        f"SELECT *, CAST(floor({engine.milliseconds('arrived_at')} / 60000e0) AS BIGINT) AS minute, "
        f"CASE WHEN latency_ms > {number_literal(setup.slo.threshold_ms)} THEN 1 ELSE 0 END AS is_slow "
        f"FROM ({inner}) AS answered WHERE arrived_at < {instant_literal(as_of)}"
    )
