"""The tickets of a month that people should read: drawn, written as CSV, and read back with their labels."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from afterlaunch import cli
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.monitored import load_model
from afterlaunch.params import MonthlyHealthParameters
from afterlaunch.ticket_sample import COLUMNS, audit_csv
from toy_logs import toy_log, write_toy
from toy_service import ABOUT_AI, ABOUT_TONER, toy_tickets

MODEL = """\
title: Toy screening
case_noun: claims
log:
  source: {path: data/log.parquet}
  outcome_delay_days: 2
  columns: {id: claim, scored_at: at, score: risk, decision: alert, model_version: version, features: [amount]}
  outcomes: {source: {path: data/outcomes.parquet}, id: claim, outcome: outcome, outcome_at: known_at}
  versions:
    v1: {threshold: 0.5, trained_from: "2023-01-01", trained_until: "2023-01-31"}
    v2: {threshold: 0.6, trained_from: "2023-02-01", trained_until: "2023-02-28"}
"""
TICKETS = """\
tickets:
  source: {path: data/tickets.parquet}
  id: number
  received_at: came
  case: about
  text: words
"""
LABELS = """\
  labels: {source: {path: data/labels.csv}, id: ticket_id, about_ai: about_ai, theme: theme, weight: weight}
"""
LOG = toy_log(n=1_200)
# A ticket about every third case, of which every third is about the AI; none about a case of February.
ALL_TICKETS = toy_tickets(LOG, every=3).assign(
    words=lambda rows: [
        ABOUT_AI if place % 3 == 0 else f"{ABOUT_TONER} {place}" for place in range(len(rows))
    ]
)
CASE_AT = LOG.set_index("claim")["at"].reindex(ALL_TICKETS["about"]).set_axis(ALL_TICKETS.index)
TOY_TICKETS = ALL_TICKETS[CASE_AT.dt.month != 2]


def project_of(root, tickets=TOY_TICKETS, *, model=MODEL + TICKETS):
    """Write a project with one model, ``toy``, and return where it is."""
    for name in ("data", "notebooks", "params/toy"):
        (root / name).mkdir(parents=True, exist_ok=True)
    write_toy(root / "data", LOG)
    tickets.to_parquet(root / "data" / "tickets.parquet", index=False)
    (root / "params" / "toy" / "model.yaml").write_text(model, encoding="utf-8")
    (root / "params" / "toy" / "policy.yaml").write_text("monthly_health: {}\n", encoding="utf-8")
    return root


def drawn(root, period="2024-04", **options):
    """The sample as it is written, and its rows."""
    text = audit_csv(load_model("toy", root=root), period, **options)
    return text, list(csv.DictReader(io.StringIO(text)))


def of_month(month):
    """The tickets about cases of a month, as they are told apart by their words."""
    own = ALL_TICKETS[CASE_AT.dt.month == month]
    return own[own["words"] == ABOUT_AI], own[own["words"] != ABOUT_AI]


@pytest.fixture(scope="module")
def toy_project(tmp_path_factory):
    return project_of(tmp_path_factory.mktemp("project"))


# --- what is drawn ----------------------------------------------------------------------


@pytest.mark.parametrize(("n_each", "n_flagged", "n_unflagged"), [(5, 5, 5), (50, 35, 50), (500, 35, 69)])
def test_so_many_of_either_kind_are_drawn_or_all_there_are(toy_project, n_each, n_flagged, n_unflagged):
    flagged, others = of_month(4)
    assert (len(flagged), len(others)) == (35, 69)
    _, rows = drawn(toy_project, n_each=n_each)
    ids = {row["ticket_id"] for row in rows}
    assert len(ids) == len(rows) == n_flagged + n_unflagged
    assert len(ids & set(flagged["number"].astype(str))) == n_flagged
    assert len(ids & set(others["number"].astype(str))) == n_unflagged


def test_weights_say_how_many_tickets_each_one_stands_for_and_add_up_to_all(toy_project):
    flagged, others = of_month(4)
    _, rows = drawn(toy_project, n_each=10)
    is_flagged = set(flagged["number"].astype(str))
    weights = {row["ticket_id"]: float(row["weight"]) for row in rows}
    assert {name: weight for name, weight in weights.items() if name in is_flagged} == dict.fromkeys(
        is_flagged & set(weights), 3.5
    )
    assert sum(weights.values()) == pytest.approx(len(flagged) + len(others))
    _, every = drawn(toy_project, n_each=500)
    assert {row["weight"] for row in every} == {"1"}


def test_the_columns_are_those_that_people_fill_in_and_the_text_that_they_read(toy_project):
    text, rows = drawn(toy_project, n_each=3)
    assert text.splitlines()[0] == '"ticket_id","weight","about_ai","theme","text"'
    assert tuple(rows[0]) == COLUMNS
    assert {(row["about_ai"], row["theme"]) for row in rows} == {("", "")}
    words = TOY_TICKETS.set_index(TOY_TICKETS["number"].astype(str))["words"]
    assert {row["ticket_id"]: row["text"] for row in rows} == {
        row["ticket_id"]: words[row["ticket_id"]] for row in rows
    }


def test_the_same_month_gives_the_same_bytes_and_another_month_others(toy_project, tmp_path):
    text, rows = drawn(toy_project)
    assert drawn(toy_project)[0] == text
    shuffled = project_of(tmp_path, TOY_TICKETS.sample(frac=1, random_state=3))
    assert drawn(shuffled)[0] == text
    march = {row["ticket_id"] for row in drawn(toy_project, "2024-03")[1]}
    assert march
    assert not march & {row["ticket_id"] for row in rows}


def test_the_order_does_not_give_away_which_tickets_are_flagged(toy_project):
    flagged, _ = of_month(4)
    _, rows = drawn(toy_project)
    kinds = [row["ticket_id"] in set(flagged["number"].astype(str)) for row in rows]
    n_changes = sum(one != other for one, other in zip(kinds[1:], kinds[:-1], strict=True))
    assert n_changes > 15


def test_a_larger_sample_holds_the_smaller_one(toy_project):
    small, large = ({row["ticket_id"] for row in drawn(toy_project, n_each=n)[1]} for n in (8, 20))
    assert small < large


# --- what a spreadsheet makes of it -----------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        '=HYPERLINK("http://x","score")',
        "+1+1 the score is wrong",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "＝1+1",
    ],
)
def test_no_text_becomes_a_formula(tmp_path, words):
    _, rows = drawn(project_of(tmp_path, TOY_TICKETS.assign(words=words)), n_each=2)
    assert {row["text"] for row in rows} == {f"'{words}"}


def test_a_text_with_quotes_commas_and_lines_stays_one_cell(tmp_path):
    words = 'She said: "wrong, again"\nand left; a 10 % = b'
    _, rows = drawn(project_of(tmp_path, TOY_TICKETS.assign(words=words)), n_each=2)
    assert {row["text"] for row in rows} == {words}
    assert all(None not in row for row in rows)


def test_a_ticket_whose_number_is_negative_keeps_its_id(tmp_path):
    root = project_of(tmp_path, TOY_TICKETS.assign(number=-TOY_TICKETS["number"]))
    _, rows = drawn(root, n_each=2)
    assert {row["ticket_id"] for row in rows} <= set((-TOY_TICKETS["number"]).astype(str))


# --- what comes back ----------------------------------------------------------------------------


def test_the_labelled_sample_corrects_the_next_report(tmp_path):
    root = project_of(tmp_path)
    _, rows = drawn(root, n_each=10)
    labels = pd.DataFrame(rows)
    is_flagged = labels["text"] == ABOUT_AI
    # People find that four of ten flags are right, and one of ten others missed; a theme may stay empty.
    labels["about_ai"] = np.where(is_flagged, is_flagged.cumsum() <= 4, (~is_flagged).cumsum() <= 1).astype(
        int
    )
    labels["theme"] = np.where(labels["about_ai"] == 1, "wrong verdict", "")
    labels.to_csv(root / "data" / "labels.csv", index=False, quoting=csv.QUOTE_ALL)
    (root / "params" / "toy" / "model.yaml").write_text(MODEL + TICKETS + LABELS, encoding="utf-8")
    given = MonthlyHealthParameters(model="toy", period="2024-04", n_resamples=200, as_of="2024-08-01")
    found = load_model("toy", root=root).monthly_health(given).complaints
    assert (found.n_tickets, found.n_flagged, found.n_audited) == (104, 35, 20)
    assert found.estimated == pytest.approx(35 * 0.4 + 69 * 0.1)


# --- what is refused ------------------------------------------------------------------------------


def test_a_model_without_tickets_is_told_what_to_add(tmp_path):
    root = project_of(tmp_path, model=MODEL)
    with pytest.raises(
        ParameterError, match=r"^Model 'toy' has no tickets\. Add `tickets` to params/toy/model\.yaml\.$"
    ):
        drawn(root)


@pytest.mark.parametrize(
    ("period", "title"),
    [("2024-02", "February 2024"), ("2030-01", "January 2030"), ("2020-01", "January 2020")],
)
def test_a_month_without_tickets_is_refused(toy_project, period, title):
    with pytest.raises(
        DataError, match=rf"^No ticket is about a case of {title}\. Give a month with tickets\.$"
    ):
        drawn(toy_project, period)


def test_a_period_that_is_none_is_refused_before_anything_is_read(toy_project):
    with pytest.raises(ParameterError, match=r"^Period '2024-13' is not a month\. Write the year"):
        drawn(toy_project, "2024-13")


# --- the command ------------------------------------------------------------------------------------


def call(capsys, *arguments):
    code = cli.main(arguments)
    return code, *capsys.readouterr()


def test_the_command_writes_the_sample_to_standard_output(toy_project, monkeypatch, capsys):
    monkeypatch.setenv("AFTERLAUNCH_ROOT", str(toy_project))
    text, _ = drawn(toy_project, n_each=7)
    assert call(capsys, "audit", "toy", "--period", "2024-04", "--each", "7") == (0, text, "")
    usual, _ = drawn(toy_project, n_each=50)
    assert call(capsys, "audit", "toy", "--period", "2024-04") == (0, usual, "")


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (
            ("tory", "--period", "2024-04"),
            (2, "", "afterlaunch: There is no model 'tory'. Did you mean 'toy'? Known models: toy.\n"),
        ),
        (
            ("toy", "--period", "2024-02"),
            (3, "", "afterlaunch: No ticket is about a case of February 2024. Give a month with tickets.\n"),
        ),
        (
            ("toy", "--period", "soon"),
            (
                2,
                "",
                (
                    "afterlaunch: Period 'soon' is not a month. Write the year and the month as YYYY-MM, such as "
                    '"2013-09".\n'
                ),
            ),
        ),
    ],
)
def test_what_cannot_be_drawn_gives_one_clear_message_and_no_output(
    toy_project, monkeypatch, capsys, arguments, refusal
):
    monkeypatch.setenv("AFTERLAUNCH_ROOT", str(toy_project))
    assert call(capsys, "audit", *arguments) == refusal


@pytest.mark.parametrize("each", ["0", "-1", "1.5", "many", "10001", "１０"])
def test_a_number_of_tickets_that_is_none_is_refused(toy_project, monkeypatch, capsys, each):
    monkeypatch.setenv("AFTERLAUNCH_ROOT", str(toy_project))
    with pytest.raises(SystemExit) as caught:
        cli.main(["audit", "toy", "--period", "2024-04", f"--each={each}"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(
        f"argument --each: got '{each}', allowed is a whole number from 1 to 10,000\n"
    )


def test_drawing_a_sample_leaves_no_file_behind(toy_project):
    before = {path: path.stat().st_mtime_ns for path in toy_project.rglob("*")}
    drawn(toy_project)
    assert {path: path.stat().st_mtime_ns for path in toy_project.rglob("*")} == before
