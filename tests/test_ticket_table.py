import datetime as dt

import numpy as np
import pandas as pd
import pytest

from afterlaunch.contract import ContractError, Failure
from afterlaunch.engine import DuckDB, Source
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.ticket_table import LabelTable, TicketSetup, TicketTable
from afterlaunch.ticket_wording import ENGLISH, Wording
from toy_logs import toy_log, toy_setup, write_toy

TEXTS = ("the score is wrong", "no toner", "the suggestion is too slow", "<script>alert('score')</script>")


def toy_tickets(toy, n=60):
    """Return a ticket about every tenth case, a day later; the last two name no case of the log."""
    cases = toy.iloc[: 10 * n : 10]
    return pd.DataFrame(
        {
            "number": np.arange(1_000, 1_000 + n),
            "came": (cases["at"] + pd.Timedelta(days=1)).to_numpy(),
            "about": pd.array([*cases["claim"].tolist()[:-2], None, 999_999], dtype="Int64"),
            "words": [TEXTS[place % len(TEXTS)] for place in range(n)],
        }
    )


def toy_labels(tickets):
    """Return labels of every third ticket: what people said, the theme of some, and what each stands for."""
    read = tickets.iloc[::3]
    is_about_ai = read["words"].str.contains("score|suggestion").astype("int64")
    return pd.DataFrame(
        {
            "ticket": read["number"].to_numpy(),
            "blames_ai": is_about_ai.to_numpy(),
            "kind": np.where(read["words"].str.contains("slow"), "too slow", None),
            "stands_for": np.where(is_about_ai == 1, 1.0, 4.5),
        }
    )


LABELS = LabelTable(
    source=Source(path="labels.parquet"), id="ticket", about_ai="blames_ai", theme="kind", weight="stands_for"
)
UNWEIGHTED = LabelTable(source=Source(path="labels.parquet"), id="ticket", about_ai="blames_ai")


def ticket_setup(**changed):
    given = {
        "source": Source(path="tickets.parquet"),
        "id": "number",
        "received_at": "came",
        "text": "words",
        "case": "about",
        "labels": LABELS,
    }
    return TicketSetup(**(given | changed))


def write_tickets(folder, tickets, labelled=None):
    """Write tickets and what people said of them as Parquet files and return how to read them."""
    tickets.to_parquet(folder / "tickets.parquet", index=False)
    (toy_labels(tickets) if labelled is None else labelled).to_parquet(folder / "labels.parquet", index=False)
    return ticket_setup()


@pytest.fixture
def toy(tmp_path):
    log = toy_log()
    write_toy(tmp_path, log)
    return log


@pytest.fixture
def validated(tmp_path, toy):
    """Return what validates tickets beside the toy log, each time in an engine of its own."""
    engines = []

    def validate(tickets, labelled=None, *, as_of=None, time_zone="UTC", **changed):
        engines.append(DuckDB(memory_limit="500MB", threads=2))
        beside = ScoringLog.validated(
            toy_setup(time_zone=time_zone), engine=engines[-1], root=tmp_path, as_of=as_of
        )
        write_tickets(tmp_path, tickets, labelled)
        return TicketTable.validated(ticket_setup(**changed), beside=beside, root=tmp_path)

    yield validate
    for engine in engines:
        engine.close()


@pytest.fixture
def refused(validated):
    def validate(*tables, **changed):
        with pytest.raises(ContractError) as error:
            validated(*tables, **changed)
        return error.value

    return validate


def rows_of(table):
    return table.engine.query(f"SELECT * FROM {table.view} ORDER BY received_at, ticket_id")


def message(*lines, n_checks):
    return "\n".join(
        [
            f"The data of 'tickets.parquet' breaks its contract in {n_checks} checks:",
            *lines,
            "Mend the data, or correct the roles and ranges in the model's model.yaml, and run again.",
        ]
    )


def failure_of_rows(check, column, *examples, n=60, allowed):
    return Failure(
        check=check,
        column=column,
        n_rows=len(examples),
        share=len(examples) / n,
        examples=examples,
        allowed=allowed,
    )


def failure_of_column(check, column, allowed):
    return Failure(check=check, column=column, n_rows=None, share=None, examples=(), allowed=allowed)


# --- a sound table ----------------------------------------------------------------------------------------------


def test_sound_tickets_become_a_view_with_names_of_our_own(validated, toy):
    rows = rows_of(validated(toy_tickets(toy)))
    assert set(rows.columns) == {
        "ticket_id",
        "received_at",
        "case_at",
        "case_id",
        "text",
        "about_ai",
        "theme",
        "weight",
    }


def test_every_value_of_the_view_is_that_of_the_tables(validated, toy):
    tickets = toy_tickets(toy)
    rows = rows_of(validated(tickets))
    labels = toy_labels(tickets).rename(columns={"ticket": "number"})
    expected = tickets.merge(labels, on="number", how="left").merge(
        toy[["claim", "at"]], left_on="about", right_on="claim", how="left"
    )
    assert len(rows) == len(tickets)
    assert rows["ticket_id"].tolist() == expected["number"].astype(str).tolist()
    assert rows["received_at"].tolist() == expected["came"].tolist()
    assert rows["text"].tolist() == expected["words"].tolist()
    for name, own in {
        "case_at": "at",
        "case_id": "claim",
        "about_ai": "blames_ai",
        "theme": "kind",
        "weight": "stands_for",
    }.items():
        pd.testing.assert_series_equal(rows[name], expected[own], check_dtype=False, check_names=False)
    assert 0 < rows["about_ai"].notna().sum() < len(rows)


def test_a_ticket_without_a_case_of_the_log_is_kept_and_has_none(validated, toy):
    last = rows_of(validated(toy_tickets(toy))).iloc[-2:]
    assert last["ticket_id"].tolist() == ["1058", "1059"]
    assert last["case_id"].isna().all()
    assert last["case_at"].isna().all()


def test_the_case_column_may_be_left_out(validated, toy):
    rows = rows_of(validated(toy_tickets(toy).drop(columns="about"), case=None))
    assert len(rows) == 60
    assert rows["case_id"].isna().all()


def test_without_labels_no_ticket_has_one(validated, toy):
    table = validated(toy_tickets(toy), labels=None)
    rows = rows_of(table)
    assert len(rows) == 60
    assert rows[["about_ai", "theme", "weight"]].isna().all(axis=None)
    assert table.setup.sources == (Source(path="tickets.parquet"),)


def test_labels_without_weights_stand_for_one_ticket_each(validated, toy):
    table = validated(toy_tickets(toy), labels=UNWEIGHTED)
    labelled = rows_of(table).dropna(subset="about_ai")
    assert labelled["weight"].tolist() == [1.0] * 20
    assert labelled["theme"].isna().all()
    assert table.setup.sources == (Source(path="tickets.parquet"), Source(path="labels.parquet"))


# --- ids, times, themes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["str", "int64"])
def test_ids_of_tickets_and_labels_meet_whatever_their_type(validated, toy, kind):
    tickets = toy_tickets(toy)
    labelled = toy_labels(tickets)
    rows = rows_of(validated(tickets.astype({"number": kind}), labelled.astype({"ticket": "str"})))
    assert rows["about_ai"].notna().sum() == len(labelled)


def test_case_ids_that_are_text_meet_a_log_whose_ids_are_numbers(validated, toy):
    rows = rows_of(validated(toy_tickets(toy).astype({"about": "str"})))
    assert rows["case_at"].notna().sum() == 58
    assert rows["case_id"].dropna().tolist() == toy["claim"].iloc[:580:10].tolist()


def test_case_ids_that_are_numbers_meet_a_log_whose_ids_are_text(validated, tmp_path, toy):
    write_toy(tmp_path, toy.astype({"claim": "str"}))
    rows = rows_of(validated(toy_tickets(toy)))
    assert rows["case_id"].dropna().tolist() == toy["claim"].iloc[:580:10].astype(str).tolist()


@pytest.mark.parametrize("written", ["C-17", "none", ""])
def test_a_case_that_people_wrote_as_no_number_is_none_of_a_log_whose_ids_are(validated, toy, written):
    tickets = toy_tickets(toy).astype({"about": "str"})
    tickets.loc[0, "about"] = written
    rows = rows_of(validated(tickets))
    assert rows["case_id"].isna().tolist() == [True, *[False] * 57, True, True]


def test_instants_with_a_zone_become_local_time(validated, toy):
    tickets = toy_tickets(toy)
    local = tickets["came"]
    tickets["came"] = local.dt.tz_localize("UTC")
    rows = rows_of(validated(tickets, time_zone="Asia/Tokyo"))
    assert rows["received_at"].tolist() == (local + pd.Timedelta(hours=9)).tolist()


def test_tickets_may_have_days_instead_of_times(validated, toy):
    tickets = toy_tickets(toy)
    tickets["came"] = (tickets["came"] + pd.Timedelta(days=1)).dt.date
    rows = rows_of(validated(tickets))
    assert rows["received_at"].tolist() == pd.to_datetime(tickets["came"]).tolist()


def test_a_past_day_is_seen_as_it_looked_then(validated, toy):
    tickets = toy_tickets(toy)
    rows = rows_of(validated(tickets, as_of=dt.date(2024, 3, 1)))
    then = tickets[tickets["came"] < "2024-03-01"]
    assert 0 < len(rows) == len(then) < len(tickets)
    assert rows["received_at"].max() == then["came"].max()


def test_labels_of_tickets_that_are_not_there_change_nothing(validated, toy):
    tickets = toy_tickets(toy)
    labelled = toy_labels(tickets)
    more = pd.concat([labelled, labelled.assign(ticket=labelled["ticket"] + 50_000)])
    rows = rows_of(validated(tickets, labelled))
    assert len(rows) == 60
    pd.testing.assert_frame_equal(rows_of(validated(tickets, more)), rows)


def test_themes_are_those_of_the_teams_own_words(validated, refused, toy):
    tickets = toy_tickets(toy)
    labelled = toy_labels(tickets).assign(kind="it's late")
    wording = Wording(theme_words={"it's late": ("late",)})
    rows = rows_of(validated(tickets, labelled, wording=wording))
    assert set(rows["theme"].dropna()) == {"it's late"}
    (failure,) = refused(tickets, toy_labels(tickets), wording=wording).failures
    assert (failure.check, failure.column) == ("unknown theme", "labels.kind")
    assert failure.allowed == "empty, or one of it's late, other"


# --- the contract -----------------------------------------------------------------------------------------------


def test_all_failures_of_both_tables_are_told_at_once(refused, toy):
    tickets = toy_tickets(toy)
    labelled = toy_labels(tickets)
    tickets.loc[[3, 4], "words"] = None
    tickets.loc[5, "came"] = None
    tickets.loc[7, "number"] = 1_006
    tickets = tickets.rename(columns={"about": "abaut"})
    labelled["blames_ai"] = labelled["blames_ai"].astype("Int64")
    labelled.loc[0, "blames_ai"] = None
    labelled.loc[1, "blames_ai"] = 2
    labelled.loc[2, "kind"] = "too sloow"
    labelled.loc[3, "stands_for"] = 0.99
    labelled.loc[4, "stands_for"] = np.nan
    labelled.loc[6, "ticket"] = 1_015
    wording = Wording(theme_words={"too slow": ("slow",)})
    assert str(refused(tickets, labelled, wording=wording)) == message(
        "  check              column             rows  share  first examples (id: value)        allowed",
        "  -----------------  -----------------  ----  -----  --------------------------------  "
        "---------------------------------------------------",
        "  column is missing  about                                                             "
        "Did you mean 'abaut'?",
        "  missing            came               1     1.67%  1005: (missing)                   "
        "a value in every row",
        "  missing            words              2     3.33%  1003: (missing); 1004: (missing)  "
        "a value in every row",
        "  repeated           number             1     1.67%  1006: 2 times                     each id once",
        "  missing            labels.blames_ai   1     5.00%  1000: (missing)                   "
        "a value in every row",
        "  not 0 or 1         labels.blames_ai   1     5.00%  1003: 2                           0 or 1",
        "  unknown theme      labels.kind        1     5.00%  1006: too sloow                   "
        "empty, or one of too slow, other",
        "  missing            labels.stands_for  1     5.00%  1012: (missing)                   "
        "a value in every row",
        "  below 1            labels.stands_for  1     5.00%  1009: 0.99                        "
        "the number of tickets that it stands for, 1 or more",
        "  repeated           labels.ticket      1     5.00%  1015: 2 times                     each id once",
        n_checks=10,
    )


def test_a_ticket_before_its_case_is_refused(refused, toy):
    tickets = toy_tickets(toy)
    tickets.loc[5, "came"] = early = toy.loc[50, "at"] - pd.Timedelta(seconds=1)
    tickets.loc[6, "came"] = toy.loc[60, "at"]
    assert refused(tickets).failures == (
        failure_of_rows("before the case was scored", "came", f"1005: {early}", allowed="scored_at or later"),
    )


def test_repeated_tickets_are_refused_and_counted(refused, toy):
    tickets = toy_tickets(toy)
    tickets.loc[[7, 8, 9], "number"] = [1_006, 1_006, 1_010]
    (failure,) = refused(tickets, toy_labels(toy_tickets(toy))).failures
    assert failure == Failure(
        check="repeated",
        column="number",
        n_rows=3,
        share=3 / 60,
        examples=("1006: 3 times", "1010: 2 times"),
        allowed="each id once",
    )


def test_repeated_labels_are_refused(refused, toy):
    labelled = toy_labels(toy_tickets(toy))
    labelled.loc[6, "ticket"] = 1_015
    (failure,) = refused(toy_tickets(toy), labelled).failures
    assert failure == Failure(
        check="repeated",
        column="labels.ticket",
        n_rows=1,
        share=1 / 20,
        examples=("1015: 2 times",),
        allowed="each id once",
    )


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("number", None, ("missing", "(missing): (missing)", "a value in every row")),
        ("came", None, ("missing", "1005: (missing)", "a value in every row")),
        ("words", None, ("missing", "1005: (missing)", "a value in every row")),
    ],
)
def test_every_ticket_has_an_id_a_time_and_a_text(refused, toy, column, value, told):
    tickets = toy_tickets(toy).astype({"number": "Int64"})
    labelled = toy_labels(tickets)
    tickets.loc[5, column] = value
    check, example, allowed = told
    assert refused(tickets, labelled).failures == (failure_of_rows(check, column, example, allowed=allowed),)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("ticket", None, ("missing", "(missing): (missing)", "a value in every row")),
        ("blames_ai", None, ("missing", "1015: (missing)", "a value in every row")),
        ("blames_ai", 2, ("not 0 or 1", "1015: 2", "0 or 1")),
        ("blames_ai", -1, ("not 0 or 1", "1015: -1", "0 or 1")),
        (
            "kind",
            "Too slow",
            ("unknown theme", "1015: Too slow", f"empty, or one of {', '.join(ENGLISH.theme_words)}, other"),
        ),
        (
            "stands_for",
            0.99,
            ("below 1", "1015: 0.99", "the number of tickets that it stands for, 1 or more"),
        ),
        (
            "stands_for",
            -3.0,
            ("below 1", "1015: -3.0", "the number of tickets that it stands for, 1 or more"),
        ),
        ("stands_for", np.nan, ("missing", "1015: (missing)", "a value in every row")),
    ],
)
def test_each_kind_of_bad_label_is_found_and_counted(refused, toy, column, value, told):
    labelled = toy_labels(toy_tickets(toy)).astype({"ticket": "Int64", "blames_ai": "Int64"})
    labelled.loc[5, column] = value
    check, example, allowed = told
    assert refused(toy_tickets(toy), labelled).failures == (
        failure_of_rows(check, f"labels.{column}", example, n=20, allowed=allowed),
    )


@pytest.mark.parametrize("weight", [1, 1.0, 1e6])
def test_a_weight_of_one_or_more_is_sound(validated, toy, weight):
    labelled = toy_labels(toy_tickets(toy)).assign(stands_for=weight)
    rows = rows_of(validated(toy_tickets(toy), labelled))
    assert rows["weight"].dropna().tolist() == [float(weight)] * 20


@pytest.mark.parametrize("theme", ["other", "wrong verdict", None])
def test_a_theme_may_be_empty_or_other(validated, toy, theme):
    labelled = toy_labels(toy_tickets(toy))
    labelled["kind"] = pd.array([theme] * 20, dtype="str")
    assert len(rows_of(validated(toy_tickets(toy), labelled))) == 60


@pytest.mark.parametrize(
    ("renamed", "told"),
    [
        ({"number": "numbers"}, ("number", "Did you mean 'numbers'?")),
        ({"came": "camee"}, ("came", "Did you mean 'camee'?")),
        ({"words": "sentences"}, ("words", "The table has: number, came, about, sentences.")),
        ({"about": "abouts"}, ("about", "Did you mean 'abouts'?")),
    ],
)
def test_a_missing_column_is_named_with_the_closest_one(refused, toy, renamed, told):
    column, hint = told
    found = refused(toy_tickets(toy).rename(columns=renamed), toy_labels(toy_tickets(toy))).failures
    assert found == (failure_of_column("column is missing", column, hint),)


def test_missing_columns_of_the_labels_are_named(refused, toy):
    labelled = toy_labels(toy_tickets(toy)).rename(columns={"blames_ai": "blames", "stands_for": "weight"})
    assert refused(toy_tickets(toy), labelled).failures == (
        failure_of_column("column is missing", "labels.blames_ai", "Did you mean 'blames'?"),
        failure_of_column(
            "column is missing", "labels.stands_for", "The table has: ticket, blames, kind, weight."
        ),
    )


def test_columns_of_the_wrong_kind_are_named_with_what_is_allowed(refused, toy):
    tickets, labelled = toy_tickets(toy), toy_labels(toy_tickets(toy))
    tickets = tickets.assign(number=tickets["number"] + 0.5, came="today", words=7)
    labelled = labelled.assign(blames_ai="yes", kind=3, stands_for="many")
    assert refused(tickets, labelled).failures == (
        failure_of_column("column holds numbers", "number", "whole numbers or text"),
        failure_of_column("column holds text", "came", "times or times with a zone or dates"),
        failure_of_column("column holds whole numbers", "words", "text"),
        failure_of_column("column holds text", "labels.blames_ai", "whole numbers or true/false"),
        failure_of_column("column holds whole numbers", "labels.kind", "text"),
        failure_of_column("column holds text", "labels.stands_for", "whole numbers or numbers"),
    )


def test_empty_tables_are_refused(refused, toy):
    tickets = toy_tickets(toy)
    empty = Failure(
        check="table is empty", column="(all)", n_rows=0, share=None, examples=(), allowed="at least 1 row"
    )
    assert refused(tickets.iloc[:0], toy_labels(tickets)).failures == (empty,)
    (failure,) = refused(tickets, toy_labels(tickets).iloc[:0]).failures
    assert (failure.check, failure.column) == ("table is empty", "labels.(all)")
