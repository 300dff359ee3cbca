"""The monthly health report as JSON: its words beside its numbers, so that neither can say another thing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from afterlaunch.health_report import HealthReport
from afterlaunch.records import from_plain, to_plain
from afterlaunch.render import drift_sentences, sentences


@dataclasses.dataclass(frozen=True, kw_only=True)
class HealthResult:
    """What a run leaves for machines: headline, severity, findings, the whole report and the data it rests on.

    ``data`` holds a fingerprint by source.
    """

    report: HealthReport
    data: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return plain keys and values; the same report gives the same ones."""
        report = self.report
        return {
            "schema_version": report.schema_version,
            "model": report.model,
            "period": report.window.label,
            "severity": report.verdict.severity.value,
            "headline": str(sentences.headline(report)),
            "decisions": [
                f"{decision.question} {decision.reason}" for decision in sentences.decisions(report)
            ],
            "changes": [str(change) for change in sentences.changes(report)],
            "cannot_tell": [str(limit) for limit in sentences.cannot_tell(report)],
            "findings": [
                {"code": indicator.code, "severity": indicator.severity.value, "title": indicator.title}
                | to_plain(indicator.finding.measurement)
                for indicator in report.indicators
            ],
            "drift": None
            if report.drift is None
            else {
                "severity": report.drift.verdict.severity.value,
                "headline": str(drift_sentences.headline(report.drift)),
            },
            "data": dict(self.data),
            "report": to_plain(report),
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> HealthResult:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ParameterError
            When the mapping is not a report of this schema.
        """
        return cls(
            report=from_plain(HealthReport, mapping["report"], where="report"), data=dict(mapping["data"])
        )
