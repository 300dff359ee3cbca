"""A monitored model: its model.yaml and policy.yaml, read strictly, and its log opened."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from afterlaunch.artifacts import Report, read_json
from afterlaunch.drift import drift
from afterlaunch.drift_evidence import evidence_of
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_report import SCHEMA_VERSION, DriftReport
from afterlaunch.engine import Engine, Source, engine_from
from afterlaunch.engine_settings import EngineSettings
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.health_counts import Amounts, read_health_counts
from afterlaunch.health_measures import Resampling
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import HealthReport, Labels
from afterlaunch.kpi_table import KpiTable, read_kpis
from afterlaunch.kpis import DecisionValues, Kpi, formula_sql
from afterlaunch.monthly_health import Sources, known_codes, monthly_health
from afterlaunch.params import (
    DriftParameters,
    MonthlyHealthParameters,
    MonthParameters,
    load,
    project_root,
)
from afterlaunch.profile_store import ProfileStore
from afterlaunch.records import from_plain
from afterlaunch.request_log import RequestLog, RequestSetup
from afterlaunch.scoring_log import LogSetup, ScoringLog
from afterlaunch.ticket_table import TicketSetup, TicketTable
from afterlaunch.windows import Window


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelFile:
    """What ``params/<model>/model.yaml`` holds.

    Parameters
    ----------
    title, case_noun, outcome_noun : str
        What the model, its cases and its outcomes are called, the latter two in the plural.
    log : LogSetup
        The scoring log.
    requests, tickets : optional
        The request log and the support tickets.
    kpi_tables : mapping of str to KpiTable
        Tables that the SQL of KPIs reads.
    kpis : mapping of str to Kpi
        Business numbers.
    amounts : mapping of str to float
        Named amounts in formulas.
    decision_values : DecisionValues, optional
        What decisions are worth.
    simulated : bool
        Whether the data are made up: every report says so.
    engine : EngineSettings
        What reads the data: ``{name: duckdb, memory_limit: 2GB, threads: 0}``, as when it is left out, or
        ``{name: spark, master: "local[2]"}``; the master may be ``spark://host:port`` or ``sc://host:port`` as well.
    """

    title: str
    log: LogSetup
    case_noun: str = "cases"
    outcome_noun: str = "outcomes"
    requests: RequestSetup | None = None
    tickets: TicketSetup | None = None
    kpi_tables: Mapping[str, KpiTable] = dataclasses.field(default_factory=dict)
    amounts: Mapping[str, float] = dataclasses.field(default_factory=dict)
    kpis: Mapping[str, Kpi] = dataclasses.field(default_factory=dict)
    decision_values: DecisionValues | None = None
    simulated: bool = False
    engine: EngineSettings = dataclasses.field(default_factory=EngineSettings)

    def __post_init__(self) -> None:
        columns = {name: name for name in self.log.columns.features}
        formulas = [
            formula
            for kpi in self.kpis.values()
            if not kpi.sql
            for formula in (kpi.numerator, kpi.denominator)
        ]
        formulas += self.decision_values.formulas.values() if self.decision_values else []
        for formula in formulas:
            formula_sql(formula, amounts=self.amounts, columns=columns)
        if not self.kpi_tables and any(kpi.sql for kpi in self.kpis.values()):
            raise ParameterError(
                "A KPI has sql, but there are no kpi_tables to read. Add the tables it reads."
            )

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every table that is read."""
        found = [*self.log.sources]
        found += [self.requests.source] if self.requests else []
        found += self.tickets.sources if self.tickets else []
        return (*found, *(table.source for table in self.kpi_tables.values()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolicyFile:
    """What ``params/<model>/policy.yaml`` holds: one part a use."""

    drift: DriftPolicy = dataclasses.field(default_factory=DriftPolicy)
    monthly_health: HealthPolicy = dataclasses.field(default_factory=HealthPolicy)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonitoredModel:
    """A model under care: its files, and where its project is."""

    name: str
    root: Path
    file: ModelFile
    policy: PolicyFile

    @property
    def labels(self) -> Labels:
        """What the model, its cases and its outcomes are called."""
        file = self.file
        return Labels(
            model=self.name,
            title=file.title,
            case_noun=file.case_noun,
            outcome_noun=file.outcome_noun,
            simulated=file.simulated,
        )

    @property
    def money(self) -> Amounts:
        """The KPIs, the amounts in their formulas, and what decisions are worth."""
        return Amounts(
            kpis=tuple(self.file.kpis.values()),
            amounts=self.file.amounts,
            decision_values=self.file.decision_values,
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Every path or URL that a report of this model reads, absolute where it is a file."""
        return tuple(source.resolved(self.root) for source in self.file.sources)

    def monthly_health(self, given: MonthlyHealthParameters) -> HealthReport:
        """Judge one month of the model.

        Raises
        ------
        DataError
            When the data breaks its contract, or has no row of the month.
        """
        log = self.open_log(as_of=given.as_of)
        try:
            return monthly_health(
                dataclasses.replace(self.open_beside(log), drift=self.published_drift(given)),
                window=Window.parse(given.period),
                money=self.money,
                policy=self.policy.monthly_health,
                labels=self.labels,
                resampling=Resampling(n_resamples=given.n_resamples, seed=given.seed),
            )
        finally:
            log.engine.close()

    def published_drift(self, given: MonthParameters) -> DriftReport | None:
        """Return the published drift report on a month; none when there is none that can be read."""
        path = Report(stem="drift", model=self.name, period=given.period, root=self.root).published(".json")
        try:
            found = from_plain(DriftReport, read_json(path)["report"], where=path.name)
        except (DataError, ParameterError, KeyError, TypeError):
            return None  # not there, or of another shape: the next drift run makes it anew
        return found if found.schema_version == SCHEMA_VERSION else None

    def drift(self, given: DriftParameters) -> DriftReport:
        """Judge what changed in one month by what it does to the model.

        Profiles of months are kept in ``outputs/.profiles``, so that a new month reads only its own rows.

        Raises
        ------
        DataError
            When the data breaks its contract, has no row of the month, or none of a month before it.
        """
        log = self.open_log(as_of=given.as_of)
        try:
            window, policy = Window.parse(given.period), self.policy.drift
            log.check_covers(window)
            first = log.first_month(window.previous(max(policy.reference_months, 12)))
            store = ProfileStore(root=self.root, folder=self.root / "outputs" / ".profiles" / self.name)
            profiles = store.profiles(log, first.months_until(window))
            counts = (
                read_health_counts(log, first=first, last=window, money=Amounts())
                if log.has_outcomes
                else None
            )
            return drift(
                evidence_of(log, counts, profiles),
                policy=policy,
                labels=self.labels,
                resampling=Resampling(n_resamples=given.n_resamples, seed=given.seed),
            )
        finally:
            log.engine.close()

    def open_log(self, *, as_of: str = "", engine: Engine | None = None) -> ScoringLog:
        """Open the scoring log, held to its contract, with outcomes known before ``as_of`` ("" for all).

        Raises
        ------
        ContractError
            When the data breaks the contract.
        """
        day = dt.date.fromisoformat(as_of) if as_of else None
        chosen = engine or engine_from(self.file.engine)
        try:
            return ScoringLog.validated(self.file.log, engine=chosen, root=self.root, as_of=day)
        except BaseException:
            if engine is None:
                chosen.close()
            raise

    def open_beside(self, log: ScoringLog) -> Sources:
        """Open everything that stands beside the scoring log, each table held to its contract.

        Raises
        ------
        ContractError
            When a table breaks its contract.
        """
        file, root = self.file, self.root
        return Sources(
            log=log,
            requests=RequestLog.validated(file.requests, beside=log, root=root) if file.requests else None,
            tickets=TicketTable.validated(file.tickets, beside=log, root=root) if file.tickets else None,
            kpis=read_kpis(file.kpi_tables, tuple(file.kpis.values()), beside=log, root=root),
        )


def load_model(name: str, *, root: Path | None = None) -> MonitoredModel:
    """Read a model's files from ``params/<name>/``.

    Raises
    ------
    ParameterError
        With everything that is wrong in a file.
    """
    folder = root or project_root()
    model = MonitoredModel(
        name=name,
        root=folder,
        file=load(ModelFile, name, "model.yaml", folder),
        policy=load(PolicyFile, name, "policy.yaml", folder),
    )
    model.policy.monthly_health.check_names(known_codes(model.money))
    return model


def check(name: str, *, root: Path | None = None) -> str:
    """Read a model's files, hold its data to the contract and say in words what was found.

    Raises
    ------
    ParameterError, ContractError
        With everything that is wrong.
    """
    model = load_model(name, root=root)
    log = model.open_log()
    try:
        model.open_beside(log)
    finally:
        log.engine.close()
    versions = ", ".join(model.file.log.versions)
    return (
        f"{model.file.title} ({name}): {log.n_rows:,} {model.file.case_noun} from {log.first_on} to {log.last_on} keep "
        f"the contract; versions {versions}; {len(model.file.kpis)} KPIs; outcomes complete until "
        f"{log.outcomes_complete_until}."
    )
