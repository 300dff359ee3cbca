"""A monitored model: its model.yaml and policy.yaml, read strictly, and its log opened."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from afterlaunch.engine import DuckDB, Engine
from afterlaunch.health_counts import Amounts
from afterlaunch.health_indicators import known_codes
from afterlaunch.health_measures import Resampling
from afterlaunch.health_policy import HealthPolicy
from afterlaunch.health_report import HealthReport, Labels
from afterlaunch.kpis import Kpi, formula_sql
from afterlaunch.monthly_health import monthly_health
from afterlaunch.params import MonthlyHealthParameters, load, project_root
from afterlaunch.scoring_log import LogSetup, ScoringLog
from afterlaunch.windows import Window


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """How much of the machine the engine may take."""

    memory_limit: str = "2GB"
    threads: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelFile:
    """What ``params/<model>/model.yaml`` holds."""

    title: str
    log: LogSetup
    case_noun: str = "cases"
    outcome_noun: str = "outcomes"
    amounts: Mapping[str, float] = dataclasses.field(default_factory=dict)
    kpis: Mapping[str, Kpi] = dataclasses.field(default_factory=dict)
    engine: EngineSettings = dataclasses.field(default_factory=EngineSettings)

    def __post_init__(self) -> None:
        columns = {name: name for name in self.log.columns.features}
        for kpi in self.kpis.values():
            for formula in (kpi.numerator, kpi.denominator):
                formula_sql(formula, amounts=self.amounts, columns=columns)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PolicyFile:
    """What ``params/<model>/policy.yaml`` holds: one part a use."""

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
            model=self.name, title=file.title, case_noun=file.case_noun, outcome_noun=file.outcome_noun
        )

    @property
    def money(self) -> Amounts:
        """The KPIs and the amounts in their formulas."""
        return Amounts(kpis=tuple(self.file.kpis.values()), amounts=self.file.amounts)

    @property
    def sources(self) -> tuple[str, ...]:
        """Every path or URL that a report of this model reads, absolute where it is a file."""
        return tuple(source.resolved(self.root) for source in self.file.log.sources)

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
                log,
                window=Window.parse(given.period),
                money=self.money,
                policy=self.policy.monthly_health,
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
        settings = self.file.engine
        chosen = engine or DuckDB(memory_limit=settings.memory_limit, threads=settings.threads)
        return ScoringLog.validated(self.file.log, engine=chosen, root=self.root, as_of=day)


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
    log.engine.close()
    versions = ", ".join(model.file.log.versions)
    return (
        f"{model.file.title} ({name}): {log.n_rows:,} {model.file.case_noun} from {log.first_on} to {log.last_on} keep "
        f"the contract; versions {versions}; {len(model.file.kpis)} KPIs; outcomes complete until "
        f"{log.outcomes_complete_until}."
    )
