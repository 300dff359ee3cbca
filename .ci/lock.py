"""Write requirements.lock: one universal lock file, cut into the sections that the Makefile installs.

Every extra is resolved together once, so that no two sections can disagree about a version. Then each section
gets what its stage adds to `[run]`. Lines carry hashes and no address; the newest allowed versions win.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
BASE = "run"
STAGES = ("test", "lab", "lock")
HEADER = """\
# Made by `make lock` from pyproject.toml: do not edit by hand.
# For Python 3.11 to 3.13 on Linux and on Macs with Apple silicon.
# A section holds what its stage adds to [run].
"""

# Where the lock must hold. A condition that is true in all these places says nothing and is
# left out; a package that none of them needs is left out too.
PLATFORMS = (
    {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"},
    {"sys_platform": "linux", "platform_machine": "aarch64", "platform_system": "Linux"},
    {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin"},
)
PYTHONS = ("3.11.0", "3.11.4", "3.11.5", "3.11.14", "3.12.0", "3.12.12", "3.13.0", "3.13.9")
PLACES = [
    {
        **platform,
        "os_name": "posix",
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    for python in PYTHONS
    for platform in PLATFORMS
]


def main() -> int:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print("lock: uv is not installed; run this through `make lock`, which installs it", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.txt"
        whole.write_text(resolve(uv, STAGES, constraints=None), encoding="utf-8")
        base = entries(resolve(uv, (), constraints=whole))
        added = {
            stage: [line for line in entries(resolve(uv, (stage,), constraints=whole)) if line not in base]
            for stage in STAGES
        }
    sections = {f"[{BASE}]": base, **shared_once(added)}
    text = HEADER + "".join(f"\n# {title}\n" + "".join(lines) for title, lines in sections.items())
    LOCK.write_text(text, encoding="utf-8")
    for title, lines in sections.items():
        print(f"{title}: {len(lines)} packages")
    return 0


def resolve(uv: str, extras: tuple[str, ...], *, constraints: Path | None) -> str:
    """Resolve the project with some extras, and what builds it, for every supported Python and platform."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    command = [uv, "pip", "compile", "pyproject.toml", "-", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--quiet"]
    command += [part for extra in extras for part in ("--extra", extra)]
    command += ["--constraint", str(constraints)] if constraints else []
    builders = "\n".join(project["build-system"]["requires"])
    return subprocess.run(
        command, cwd=ROOT, input=builders, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def entries(text: str) -> list[str]:
    """Return one string per requirement that is ever used: its line, with a simple marker, and its hashes."""
    found = []
    for entry in re.findall(r"^\S.*\n(?: +--hash=.*\n)+", text, flags=re.MULTILINE):
        requirement, hashes = entry.split(" \\\n", 1)
        pinned, _, marker = requirement.partition(" ; ")
        if marker and not any(Marker(marker).evaluate(place) for place in PLACES):
            continue
        kept = simple_marker(marker)
        found.append(pinned + (f" ; {kept}" if kept else "") + " \\\n" + hashes)
    return found


def simple_marker(marker: str) -> str:
    """Leave out the conditions that hold wherever the lock is used."""
    parts = [
        condition
        for condition in conditions(marker)
        if not all(Marker(condition).evaluate(place) for place in PLACES)
    ]
    return " and ".join(parts)


def conditions(marker: str) -> list[str]:
    """Split a marker at its outermost `and`; one with an outermost `or` stays whole."""
    parts, depth = [""], 0
    for piece in re.split(r"(\(|\)| and | or )", marker):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0 and piece == " or ":
            return [marker]
        if depth == 0 and piece == " and ":
            parts.append("")
        else:
            parts[-1] += piece
    return [part for part in parts if part]


def shared_once(added: dict[str, list[str]]) -> dict[str, list[str]]:
    """Give every entry one place: under its stage, or under the names of all the stages that need it."""
    users: dict[str, list[str]] = {}
    for stage, lines in added.items():
        for line in lines:
            users.setdefault(line, []).append(f"[{stage}]")
    sections: dict[str, list[str]] = {}
    for line, names in users.items():
        sections.setdefault(" ".join(names), []).append(line)
    return {title: sorted(lines) for title, lines in sections.items()}


if __name__ == "__main__":
    raise SystemExit(main())
