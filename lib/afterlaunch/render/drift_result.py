"""The drift report as JSON: its words beside its numbers, so that neither can say another thing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from afterlaunch.drift_report import DriftReport, InputDrift
from afterlaunch.records import from_plain, to_plain
from afterlaunch.render import drift_sentences
from afterlaunch.render.harm_sentences import is_performance_harmed, suspects
from afterlaunch.render.input_sentences import input_state, state_reason, what_happened


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftResult:
    """What a run leaves for machines: headline, severity, findings, the whole report and the data it rests on.

    ``data`` holds a fingerprint by source.
    """

    report: DriftReport
    data: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return plain keys and values; the same report gives the same ones."""
        report = self.report
        return {
            "schema_version": report.schema_version,
            "model": report.model,
            "period": report.window.label,
            "severity": report.verdict.severity.value,
            "headline": str(drift_sentences.headline(report)),
            "what_to_do": str(drift_sentences.what_to_do(report)),
            "findings": [
                {"code": finding.code, "severity": finding.severity.value} | to_plain(finding.measurement)
                for finding in report.findings
            ],
            "moved_inputs": [_moved(row, report) for row in report.moved],
            "suspects": [row.name for row in suspects(report)],
            "cannot_tell": [str(limit) for limit in drift_sentences.cannot_tell(report)],
            "data": dict(self.data),
            "report": to_plain(report),
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> DriftResult:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ParameterError
            When the mapping is not a report of this schema.
        """
        return cls(
            report=from_plain(DriftReport, mapping["report"], where="report"), data=dict(mapping["data"])
        )


def _moved(row: InputDrift, report: DriftReport) -> dict[str, Any]:
    in_harm = is_performance_harmed(report)
    return {
        "name": row.name,
        "state": row.state.value,
        "severity": row.severity.value,
        "what_happened": what_happened(row, report),
        "state_in_words": input_state(row, in_harm=in_harm).word,
        "reason": state_reason(row, report, in_harm=in_harm),
        "alerts_per_1000": to_plain(row.effect.alerts_per_1000),
        "mean_score": to_plain(row.effect.score),
    }
