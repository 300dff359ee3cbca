"""The command line: run a report, check a model's files and data, list what there is.

Exit codes
----------
==== =====================================================================
0    done, or up to date
1    the notebook failed
2    a parameter, a setting or a file of the model is not usable
3    the data cannot carry the analysis
75   the same report is being made by another process
124  the time limit of the whole run was reached
130  ended by Ctrl-C (SIGINT)
138  the kernel died or did not start
143  ended by SIGTERM
==== =====================================================================

Standard output gets the path of the report and its one sentence; everything else goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DESCRIPTION = "Looks after a scoring model after launch."
_EXIT_CODES = """\
exit codes:
  0    done, or up to date
  1    the notebook failed
  2    a parameter, a setting or a file of the model is not usable
  3    the data cannot carry the analysis
  75   the same report is being made by another process
  124  the time limit of the whole run was reached
  130  ended by Ctrl-C (SIGINT)
  138  the kernel died or did not start
  143  ended by SIGTERM
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)

    from afterlaunch.errors import AfterlaunchError
    from afterlaunch.interruption import Interrupted
    from afterlaunch.notebook_file import leave_out_slow_grammar

    leave_out_slow_grammar()
    try:
        return int(options.command(options))
    except AfterlaunchError as error:
        _tell(str(error))
        return error.exit_code
    except Interrupted as ended:
        _tell(f"The run {ended} before it began. Nothing changed.")
        return ended.exit_code
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    from afterlaunch.monitored import load_model
    from afterlaunch.params import load_parameters, project_root
    from afterlaunch.run import RunOptions, run

    root = project_root()
    overrides = {**_assignments(options.set), "period": options.period}
    parameters = load_parameters(options.stem, options.model, overrides, root)
    outcome = run(
        options.stem,
        parameters,
        root=root,
        sources=load_model(options.model, root=root).sources,
        options=RunOptions(force=options.force, timeout_s=options.timeout),
    )
    if outcome.html_path is None:
        _tell(outcome.message)
        return outcome.exit_code
    if outcome.status == "up_to_date":
        sys.stderr.write("Up to date: nothing changed since it was made. Use --force to make it again.\n")
    _say(_short(outcome.html_path), outcome.message)
    return outcome.exit_code


def _check(options: argparse.Namespace) -> int:
    from afterlaunch.monitored import check
    from afterlaunch.params import project_root

    _say(check(options.model, root=project_root()))
    return 0


def _audit(options: argparse.Namespace) -> int:
    from afterlaunch.monitored import load_model
    from afterlaunch.params import project_root
    from afterlaunch.ticket_sample import audit_csv

    subject = load_model(options.model, root=project_root())
    sys.stdout.write(audit_csv(subject, options.period, n_each=options.each))
    return 0


def _list(options: argparse.Namespace) -> int:
    del options
    from afterlaunch.index_page import published_rows, verdict_words
    from afterlaunch.ledger import Ledger
    from afterlaunch.params import model_names, project_root

    root = project_root()
    outputs = root / "outputs"
    notebooks = [
        f"  {path.stem:<18} {_question(path)}" for path in sorted((root / "notebooks").glob("*.ipynb"))
    ]
    models = [f"  {name}" for name in model_names(root)]
    rows = published_rows(outputs, Ledger(outputs / "ledger.sqlite"))
    reports = [
        f"  {_short(row.report(root).published('.html'))}  {verdict_words(row.severity)}: {row.headline}"
        for row in rows
    ]
    _say("Notebooks", *(notebooks or ["  none yet"]))
    _say("Models", *(models or ["  none yet"]))
    _say("Published reports", *(reports or ["  none yet"]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="afterlaunch",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="make a report and publish it",
        description="Make a report and publish it; with unchanged inputs, say that it is up to date.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("stem", metavar="NOTEBOOK", help="such as monthly_health; see `afterlaunch list`")
    run.add_argument("--model", required=True, help="the model's folder under params/")
    run.add_argument("--period", required=True, help="the month, such as 2013-09")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another parameter's value; may be repeated",
    )
    run.add_argument("--force", action="store_true", help="run even when nothing changed")
    run.add_argument(
        "--timeout",
        type=_seconds,
        default=3600.0,
        metavar="SECONDS",
        help="time limit of the whole run (%(default)g)",
    )
    run.set_defaults(command=_run)
    check = commands.add_parser("check", help="check a model's files and data")
    check.add_argument("model", metavar="MODEL", help="the model's folder under params/")
    check.set_defaults(command=_check)
    audit = commands.add_parser(
        "audit",
        help="draw the month's tickets that people should label, as CSV",
        description="Draw flagged and unflagged tickets of a month for people to label. Fill in about_ai (1 or 0) and "
        "theme, keep the file, and name it under tickets.labels of the model's file, with weight: weight.",
    )
    audit.add_argument("model", metavar="MODEL", help="the model's folder under params/")
    audit.add_argument("--period", required=True, help="the month of the cases, such as 2025-01")
    audit.add_argument(
        "--each", type=_count, default=50, metavar="N", help="tickets of either kind (%(default)d)"
    )
    audit.set_defaults(command=_audit)
    listing = commands.add_parser("list", help="list notebooks, models and published reports")
    listing.set_defaults(command=_list)
    return parser


def _assignments(texts: Iterable[str]) -> dict[str, str]:
    from afterlaunch.errors import ParameterError

    assignments: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError(f"--set: got {text!r}, allowed is NAME=VALUE, such as n_resamples=1000.")
        if name in assignments or name in ("model", "period"):
            instead = f"Use --{name}." if name in ("model", "period") else "Give it once."
            raise ParameterError(f"--set: got {text!r}, but {name} is given elsewhere. {instead}")
        assignments[name] = value
    return assignments


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, allowed is a number of seconds above 0, such as 3600"
        )
    return seconds


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"got {text!r}, allowed is a whole number from 1 to 10,000")
    return int(text)


def _question(notebook: Path) -> str:
    """Return the first heading of a notebook, without reading more than its JSON."""
    import json

    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError):
        return "(not a notebook)"
    lines = ("".join(cell["source"]).splitlines() for cell in cells if cell.get("cell_type") == "markdown")
    headings = [line.lstrip("# ").strip() for text in lines for line in text if line.startswith("#")]
    return headings[0] if headings else "(no heading)"


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _tell(text: str) -> None:
    sys.stderr.write(f"afterlaunch: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
