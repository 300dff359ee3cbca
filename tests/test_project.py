"""What holds for the project as a whole: its files, its lock, its layers, its README."""

from __future__ import annotations

import ast
import functools
import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from afterlaunch import cli

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "lib" / "afterlaunch"

# From the ground up: a module imports from its own layer and from lower ones, never from a higher one.
LAYERS = {
    "errors": ["errors"],
    "what came in": [
        "aggregates",
        "contract",
        "engine",
        "engine_settings",
        "model_version",
        "ranges",
        "records",
        "registry",
        "request_log",
        "schema",
        "scoring_log",
        "ticket_table",
        "ticket_wording",
        "windows",
    ],
    "measures": [
        "attribution",
        "bins",
        "calibration",
        "churn",
        "decision_value",
        "divergence",
        "estimated_performance",
        "expected_measures",
        "input_changes",
        "input_windows",
        "month_to_month",
        "nowcast",
        "past_errors",
        "patience",
        "performance",
        "rates",
        "relabelling",
        "relations",
        "repeat_clicks",
        "response_time",
        "score_effects",
        "since_when",
        "slow_requests",
        "subgroups",
        "ticket_audit",
        "ticket_themes",
        "tickets",
        "uncertainty",
        "unit_changes",
    ],
    "judgement": ["baselines", "findings", "kpi_table", "kpis"],
    "analyses": [
        "ab_test",
        "drift",
        "drift_counts",
        "drift_effects",
        "drift_estimates",
        "drift_evidence",
        "drift_inputs",
        "drift_outcomes",
        "drift_policy",
        "drift_relations",
        "drift_report",
        "drift_scores",
        "health_business",
        "health_calibration",
        "health_complaints",
        "health_counts",
        "health_history",
        "health_indicators",
        "health_judging",
        "health_measures",
        "health_people",
        "health_policy",
        "health_quality",
        "health_report",
        "health_requests",
        "health_speed",
        "health_tickets",
        "latency",
        "monthly_health",
        "profiles",
        "retraining",
        "same_rows",
        "score_shift",
        "segments",
    ],
    "rendering": [
        "render",
        "render.cells",
        "render.change_note",
        "render.clean_html",
        "render.drift_limits",
        "render.drift_plots",
        "render.drift_result",
        "render.drift_sections",
        "render.drift_sentences",
        "render.drift_tables",
        "render.fact_sentences",
        "render.figures",
        "render.grammar",
        "render.harm_sentences",
        "render.indicator_sentences",
        "render.indicator_table",
        "render.input_sentences",
        "render.input_table",
        "render.markup",
        "render.numbers",
        "render.page",
        "render.performance_sentences",
        "render.plots",
        "render.result",
        "render.scale",
        "render.section_sentences",
        "render.sentences",
        "render.service_plots",
        "render.service_sentences",
        "render.service_tables",
        "render.sparkline",
        "render.state",
        "render.tables",
        "render.version_sentences",
    ],
    "shell": [
        "artifacts",
        "cli",
        "index_page",
        "interruption",
        "kernel",
        "ledger",
        "lock",
        "monitored",
        "notebook_file",
        "params",
        "profile_store",
        "provenance",
        "publish",
        "run",
        "run_inputs",
        "ticket_sample",
        "yaml_file",
    ],
}
# Worlds to try the library on: they may use anything below the shell, and nothing in the library uses them.
EXAMPLES = "examples"

VAGUE = {"base", "common", "core", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}
HEAVY = {"matplotlib", "nbconvert", "nbformat", "pandas", "papermill", "scipy", "seaborn", "shap", "sklearn"}
TOP_LEVEL = {
    ".ci",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "Makefile",
    "README.md",
    "data",
    "lib",
    "notebooks",
    "outputs",
    "params",
    "pyproject.toml",
    "requirements.lock",
    "tests",
}


# --- files ----------------------------------------------------------------------


def test_git_ignores_no_part_of_the_library():
    ignored = git("check-ignore", "--no-index", "lib/afterlaunch/__init__.py", "data/flight_claims/x.parquet")

    assert (ignored.returncode, ignored.stdout) == (1, "")


@pytest.mark.parametrize(
    "path", [".venv/bin/python", "outputs/flight_claims/2013-09/x.html", "data/claims_screening/x.parquet"]
)
def test_git_ignores_what_is_made_here(path):
    assert git("check-ignore", "--no-index", path).stdout.strip() == path


def test_an_empty_outputs_folder_is_part_of_the_project():
    assert [name for name in project_files() if name.startswith("outputs/")] == ["outputs/.gitkeep"]


def test_the_top_level_holds_only_what_the_design_allows():
    assert sorted({name.split("/")[0] for name in project_files()} - TOP_LEVEL) == []


def test_no_file_names_a_path_of_one_machine_or_the_address_of_a_registry():
    # Put together from parts, so that this file does not find itself.
    folders = ["work", "root", "opt/" + "wheels", "opt/" + "pypi", "tmp/" + "bash", "tmp/" + "venv"]
    hosts = ["pypi" + r"\.org", "python" + r"hosted\.org"]
    pattern = re.compile(rf"(?<![\w.*}}])/(?:{'|'.join(folders)})/|{'|'.join(hosts)}")
    found = [
        f"{name}: {match[0]}" for name in project_files() for match in pattern.finditer(text_of(ROOT / name))
    ]

    assert found == []


# --- the library's shape ---------------------------------------------------------


def test_every_module_has_its_place_in_a_layer():
    placed = {name for modules in LAYERS.values() for name in modules}

    assert sorted(set(module_imports()) - placed - example_modules()) == []


def test_no_module_has_a_vague_name():
    assert [name for name in module_imports() if VAGUE & set(re.split(r"[._]", name))] == []


def test_imports_go_one_way():
    rank = {name: layer for layer, modules in enumerate(LAYERS.values()) for name in modules}
    below_shell = len(LAYERS) - 2
    wrong = [
        f"{importer} imports {imported}"
        for importer, targets in module_imports().items()
        for imported in sorted(targets)
        if rank.get(imported, len(LAYERS)) > rank.get(importer, below_shell)
        and not {importer, imported} <= example_modules()
    ]

    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    imports = {name: set(targets) for name, targets in module_imports().items()}
    while free := {name for name, targets in imports.items() if not targets & set(imports)}:
        imports = {name: targets for name, targets in imports.items() if name not in free}

    assert sorted(imports) == []


@pytest.mark.parametrize("module", ["afterlaunch", "afterlaunch.cli", "afterlaunch.params"])
def test_importing_loads_nothing_heavy(module):
    command = f"import {module}, sys; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    imported = subprocess.run(
        [sys.executable, "-W", "error", "-c", command],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (imported.stdout.split(), imported.stderr) == ([], "")


# --- the lock ---------------------------------------------------------------------


def test_the_lock_holds_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert re.findall(r"\w+://\S+|^\s*--(?:index|extra|find|trusted)\S*", text, flags=re.MULTILINE) == []


def test_every_line_of_the_lock_is_one_version_with_hashes():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entry = r"[a-z0-9][a-z0-9.-]*==\S+(?: ; [^\\\n]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64} \\\n)*"
    rest = re.sub(rf"^{entry}    --hash=sha256:[0-9a-f]{{64}}\n", "", text, flags=re.MULTILINE)

    assert [line for line in rest.splitlines() if line and not line.startswith("#")] == []


@pytest.mark.parametrize("stage", ["run", "test", "lab", "lock"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_stage_of_the_lock_covers_what_the_project_asks_for(stage, python, platform):
    place = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": platform}
    locked = {}
    for title, requirement in lock_entries():
        if {f"[{stage}]", "[run]"} & set(title.split()) and holds(requirement, place):
            locked.setdefault(canonicalize_name(requirement.name), []).append(str(requirement.specifier)[2:])
    missing = [
        str(wanted)
        for wanted in asked_for(stage)
        if not any(
            wanted.specifier.contains(version) for version in locked.get(canonicalize_name(wanted.name), [])
        )
    ]

    assert missing == []
    assert {name: versions for name, versions in locked.items() if len(versions) > 1} == {}


def test_a_report_installs_neither_the_packages_of_the_tests_nor_those_of_the_lab():
    plan = make("--dry-run", "--always-make", "report")

    assert plan.returncode == 0, plan.stderr
    assert re.findall(r"\[(\w+)\]\"", plan.stdout) == ["run"]


def test_make_takes_the_first_python_that_works(tmp_path):
    shim = tmp_path / "shim"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    candidates = f"missing-python {shim} {sys.executable}"

    made = make("--directory", str(tmp_path), f"PYTHON={candidates}", ".venv/bin/python")

    assert made.returncode == 0, made.stderr
    assert f"({sys.executable})" in made.stdout
    assert subprocess.run([tmp_path / ".venv/bin/python", "-c", "import pip"], check=False).returncode == 0


def test_make_says_what_to_do_when_no_python_works(tmp_path):
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")

    made = make("--directory", str(tmp_path), "PYTHON=missing-python false", ".venv/bin/python")

    assert made.returncode == 2
    assert made.stderr.splitlines()[:2] == [
        "make: no Python 3.11, 3.12 or 3.13 with its venv module among: missing-python false.",
        "make: install one (Debian: python3 and python3-venv), or name yours: make PYTHON=/path/to/python3",
    ]
    assert not (tmp_path / ".venv").exists()


def test_the_workflow_tests_every_python_that_the_project_names():
    classifiers = project()["classifiers"]
    named = [text.rpartition(" ")[2] for text in classifiers if re.search(r":: 3\.\d+$", text)]
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))

    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == named


def test_a_build_server_can_start_its_scripts():
    assert [name for name in ("run", "lowest") if not os.access(ROOT / ".ci" / name, os.X_OK)] == []


# --- the README -------------------------------------------------------------------


def test_the_readme_is_short():
    assert len(readme().split()) <= 700


def test_every_make_command_in_the_readme_exists():
    named = {match[1] for line in readme_code() if (match := re.match(r"make ([a-z]+)", line))}
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )

    assert {"report", "test"} <= named
    assert sorted(named - targets) == []


def test_every_afterlaunch_command_in_the_readme_is_understood():
    commands = [line.split() for line in readme_code() if re.match(r"(\S*/)?afterlaunch ", line)]

    assert commands
    for _, *words in commands:
        options = cli._parser().parse_args(words)
        if hasattr(options, "stem"):
            assert (ROOT / "notebooks" / f"{options.stem}.ipynb").is_file(), words
        if hasattr(options, "model"):
            assert (ROOT / "params" / options.model / "model.yaml").is_file(), words


def test_the_readme_tells_every_exit_code():
    told = re.search(r"^Exit codes: (.*?)\n\n", readme(), flags=re.MULTILINE | re.DOTALL)
    documented = re.findall(r"^ +(\d+) ", cli._parser().format_help(), flags=re.MULTILINE)

    assert re.findall(r"`(\d+)`", told[1]) == documented


def test_every_path_in_the_readme_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", readme())
    paths = re.findall(r"(?<![\w/])(?:notebooks|params|lib|tests|data)/[\w./-]*\w", " ".join(readme_code()))

    assert [path for path in (*links, *paths) if not (ROOT / path).exists()] == []


# --- reading ----------------------------------------------------------------------


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def make(*arguments):
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON", "ARGS"}
    inherited = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={**inherited, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )


def project_files():
    """The files of the project: what git tracks, and what it would track."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate")
    assert listed.returncode == 0, f"These tests need the project's git repository: {listed.stderr}"
    return sorted(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def text_of(path):
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8")


@functools.cache
def module_imports():
    """Every module of the library, with the modules of the library that it imports anywhere."""
    paths = {module_name(path): path for path in sorted(LIB.rglob("*.py"))}
    return {name: imported_by(path, name, set(paths)) - {name} for name, path in paths.items() if name}


def module_name(path):
    parts = path.relative_to(LIB).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path, name, known):
    package = ["afterlaunch", *name.split(".")]
    if path.name != "__init__.py":
        package.pop()
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            inner = {f"{source}.{alias.name}" for alias in node.names}
            modules = {whole for whole in inner if whole.removeprefix("afterlaunch.") in known}
            named |= modules or {source}
    inside = {whole.removeprefix("afterlaunch.") for whole in named if whole.startswith("afterlaunch.")}
    return inside & known


def example_modules():
    return {name for name in module_imports() if name.split(".")[0] == EXAMPLES}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def asked_for(stage):
    """The requirements of a stage as pyproject.toml has them, its own extras spelled out."""
    extras = project()["optional-dependencies"]
    if stage == "run":
        build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"][
            "requires"
        ]
        return [Requirement(text) for text in (*project()["dependencies"], *build)]
    wanted = [Requirement(text) for text in extras[stage]]
    own = {
        extra for requirement in wanted if requirement.name == "afterlaunch" for extra in requirement.extras
    }
    inner = itertools.chain.from_iterable(extras[extra] for extra in own)
    return [requirement for requirement in wanted if requirement.name != "afterlaunch"] + [
        Requirement(text) for text in inner
    ]


def lock_entries():
    title = ""
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line.startswith("# ["):
            title = line.removeprefix("# ")
        elif line and line[0].isalnum():
            yield title, Requirement(line.removesuffix("\\"))


def holds(requirement, place):
    machine = "arm64" if place["sys_platform"] == "darwin" else "x86_64"
    return requirement.marker is None or requirement.marker.evaluate(
        {**place, "platform_machine": machine, "os_name": "posix", "implementation_name": "cpython"}
    )


def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def readme_code():
    """Every line of a code block and every code span, without prompts and comments."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme(), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", readme())
    lines = [line for block in blocks for line in block.splitlines()] + spans
    return [re.sub(r"\s+#.*", "", line).removeprefix("$ ").strip() for line in lines]
