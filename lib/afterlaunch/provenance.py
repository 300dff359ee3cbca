"""Where a report comes from: the data's fingerprints, the code's version, the packages and the parameters."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping

from afterlaunch.artifacts import fingerprint
from afterlaunch.engine import Source
from afterlaunch.monitored import MonitoredModel
from afterlaunch.params import ReportParameters, as_injected
from afterlaunch.run_inputs import code_version, package_versions, without_password


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a reader needs to make the same report again.

    ``data`` holds a SHA-256 by source; a database or a table of Spark's catalogue, which have none, say so.
    """

    parameters: Mapping[str, str]
    data: Mapping[str, str]
    code: Mapping[str, str]
    packages: Mapping[str, str]

    @property
    def tables(self) -> Mapping[str, Mapping[str, str]]:
        """The four of them by title."""
        return {
            "Parameters": self.parameters,
            "Data (SHA-256)": self.data,
            "Code": self.code,
            "Packages": self.packages,
        }


def provenance(subject: MonitoredModel, parameters: ReportParameters) -> Provenance:
    """Return where a report on a model comes from."""
    data = {without_password(source.title): _fingerprint(source, subject) for source in subject.file.sources}
    return Provenance(
        parameters={name: str(value) for name, value in as_injected(parameters).items()},
        data=data,
        code={name: str(value) for name, value in code_version(subject.root).items()},
        packages={"python": platform.python_version(), **dict(package_versions())},
    )


def _fingerprint(source: Source, subject: MonitoredModel) -> str:
    if source.is_catalogued:
        return "a table of Spark's catalogue, which has no fingerprint"
    if source.is_url:
        return "a database, which has no fingerprint"
    return fingerprint(subject.root / source.path)
