"""What a run depends on: when none of it changed since the last good run, the report is up to date."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from afterlaunch.artifacts import HashMemory, Report, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = (
    "duckdb",
    "ipykernel",
    "jupyter-client",
    "matplotlib",
    "nbclient",
    "nbconvert",
    "nbformat",
    "nh3",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "pyyaml",
    "scikit-learn",
    "scipy",
    "seaborn",
    "shap",
    "tqdm",
)
"""The packages whose versions a run depends on."""
OPTIONAL_PACKAGES = ("pyspark",)
"""Packages of extras that a run may depend on, where they are installed."""

READS: Mapping[str, tuple[str, ...]] = {"monthly_health": ("drift",)}
"""Reports that show parts of other reports of the same model and period."""

_NOT_INSTALLED = "not installed"
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")
_GIT_TIMEOUT_S = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunInputs:
    """Everything that can change a report.

    Parameters
    ----------
    input_hash : str
        One hash over all of it.
    data_fingerprints : Mapping
        Hash by data source; ``""`` for a database, which has none.
    versions : Mapping
        Of Python and the packages.
    """

    input_hash: str
    data_fingerprints: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether everything could be fingerprinted; a database cannot."""
        return all(self.data_fingerprints.values())


def run_inputs(
    report: Report, *, parameters: Mapping[str, object], sources: tuple[str, ...], memory: HashMemory
) -> RunInputs:
    """Return what a run of a report depends on.

    Parameters
    ----------
    report : Report
        The report.
    parameters : Mapping
        What the notebook is given.
    sources : tuple of str
        Files, folders and globs (relative ones start at the project's folder), or database URLs.
    memory : HashMemory
        Hashes of files seen before.

    Raises
    ------
    DataError
        When a file, folder or glob holds nothing.
    """
    data = {
        _source_name(source, report.root): _source_fingerprint(source, report.root, memory)
        for source in sources
    }
    versions = {"python": platform.python_version(), **package_versions()}
    parts = {
        "report": [report.stem, report.model, report.period],
        "notebook": fingerprint(report.notebook),
        "parameters": dict(parameters),
        "model_files": _text_hashes(report.root / "params" / report.model, "*.yaml"),
        "library": _text_hashes(Path(__file__).resolve().parent, "**/*"),
        "versions": versions,
        "data": data,
        "reports": _reports_read(report),
    }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return RunInputs(
        input_hash=hashlib.sha256(text.encode()).hexdigest(), data_fingerprints=data, versions=versions
    )


def _reports_read(report: Report) -> dict[str, str]:
    """Return the hashes of the published reports that this one shows parts of."""
    found = {}
    for stem in READS.get(report.stem, ()):
        path = dataclasses.replace(report, stem=stem).published(".json")
        found[stem] = fingerprint(path) if path.is_file() else ""
    return found


def code_version(root: Path) -> dict[str, object]:
    """Return the library's version and, in a git checkout, its commit and whether anything was changed."""
    version: dict[str, object] = {"afterlaunch": _version("afterlaunch")}
    commit = _git(root, "rev-parse", "HEAD")
    if commit:
        version["git_commit"] = commit
        version["git_dirty"] = bool(_git(root, "status", "--porcelain", "--", "lib", "notebooks", "params"))
    return version


def _source_fingerprint(source: str, root: Path, memory: HashMemory) -> str:
    return "" if "://" in source else fingerprint(root / source, memory=memory)


def _source_name(source: str, root: Path) -> str:
    """Return the name under which a source is remembered: the same wherever the project stands."""
    path = Path(source)
    inside = "://" not in source and path.is_absolute() and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else without_password(source)


def without_password(source: str) -> str:
    """Return a database URL without the password in it; any other text as it is.

    Examples
    --------
    >>> without_password("postgresql://reader:secret@host/claims")
    'postgresql://reader:***@host/claims'
    """
    return _PASSWORD.sub(r"\1:***@", source)


def _text_hashes(folder: Path, pattern: str) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file() and path.suffix != ".pyc"
    }


def package_versions() -> dict[str, str]:
    """Return the version of every package that a run depends on, by name."""
    installed = [name for name in OPTIONAL_PACKAGES if _version(name) != _NOT_INSTALLED]
    return {name: _version(name) for name in (*PACKAGES, *installed)}


def _version(package: str) -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return _NOT_INSTALLED


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), *arguments]
    try:
        ended = subprocess.run(  # noqa: S603 - fixed words and our own folder
            command,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
            env=_git_environment(),
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ended.stdout.strip()


def _git_environment() -> dict[str, str]:
    # Looking must not disturb somebody's git command next door.
    return {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
