"""The simulated claims desk in a project of its own, and reports on it: for the tests that hold them to its answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from afterlaunch.examples.claims_screening import World, write
from afterlaunch.findings import Severity
from afterlaunch.health_report import Change, HealthReport
from afterlaunch.monitored import load_model
from afterlaunch.params import MonthlyHealthParameters
from afterlaunch.render import sentences
from afterlaunch.render.fact_sentences import fact_in_words, is_unusual

ROOT = Path(__file__).resolve().parent.parent
MODEL = "claims_screening"


def make_desk(root: Path, world: World) -> Path:
    """Write a world into a project whose notebooks and parameters are the real ones."""
    for name in ("params", "notebooks"):
        (root / name).symlink_to(ROOT / name)
    write(world, root / "data" / MODEL)
    return root


def report_on(root: Path, period: str, *, n_resamples: int = 200, **given) -> HealthReport:
    parameters = MonthlyHealthParameters(model=MODEL, period=period, n_resamples=n_resamples, **given)
    return load_model(MODEL, root=root).monthly_health(parameters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """What a report names: findings above ``ok``, numbers better than usual, and the words beside them by area."""

    above: frozenset[str]
    better: frozenset[str]
    n_findings: int
    words: dict[str, str]

    @classmethod
    def of(cls, report: HealthReport) -> Named:
        rows = [row for row in report.indicators if row.severity is not Severity.UNKNOWN]
        above = {row.code for row in rows if row.severity in {Severity.WATCH, Severity.ACT}}
        better = {row.code for row in rows if _is_better(row)}
        unusual = {f"quality.{check.code}" for check in report.quality if check.is_unusual}
        areas = {row.area.value.lower() for row in rows}
        return cls(
            above=frozenset(above | unusual),
            better=frozenset(better),
            n_findings=len(rows) + len(report.quality),
            words={area: _words(report, area) for area in areas} | {"quality": sentences.quality(report)},
        )

    def names(self, event) -> bool:
        """Tell whether an event's finding stands out and its words are said."""
        told = self.words.get(event.finding.split(".")[0], "")
        return event.finding in self.above | self.better and all(word in told for word in event.words)


def _is_better(row) -> bool:
    usual, value = row.usual_range, row.finding.measurement.value
    return (
        usual is not None
        and not usual.contains(value)
        and not row.finding.threshold.leaves_usual_range(value)
    )


def _words(report: HealthReport, area: str) -> str:
    rows = [row for row in report.indicators if row.area.value.lower() == area]
    facts = [fact for row in rows for fact in row.behind]
    return " ".join(f"{fact_in_words(fact)}{' (unusual)' * _is_unusual_change(fact)}" for fact in facts)


def _is_unusual_change(fact) -> bool:
    return isinstance(fact, Change) and is_unusual(fact)
