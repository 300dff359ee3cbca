import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

from afterlaunch.contract import ContractError
from afterlaunch.engine import DuckDB, Source
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.ranges import Range
from afterlaunch.scoring_log import Columns, LogSetup, ScoringLog
from afterlaunch.windows import Window
from toy_logs import toy_log, toy_setup, write_toy


def failures_of(setup, engine, folder):
    with pytest.raises(ContractError) as refused:
        ScoringLog.validated(setup, engine=engine, root=folder)
    return refused.value


def test_a_sound_log_becomes_a_view_with_names_of_our_own(engine, tmp_path):
    log = ScoringLog.validated(write_toy(tmp_path, toy_log()), engine=engine, root=tmp_path)
    assert log.n_rows == 600
    assert log.features == {"amount": "f_0", "region": "f_1"}
    columns = engine.query(f"SELECT * FROM {log.view} LIMIT 1").columns.tolist()
    assert columns == ["case_id", "scored_at", "score", "decision", "model_version", "f_0", "f_1", "outcome"]


def test_nan_becomes_null(engine, tmp_path):
    toy = toy_log()
    log = ScoringLog.validated(write_toy(tmp_path, toy), engine=engine, root=tmp_path)
    n_null = engine.query(f"SELECT count(*) - count(f_0) AS n FROM {log.view}")["n"].iloc[0]
    assert n_null == toy["amount"].isna().sum() > 0


def test_three_defects_at_once_are_told_in_one_table(engine, tmp_path):
    toy = toy_log()
    toy.loc[[3, 5], "risk"] = [1.5, np.nan]
    toy.loc[9, "claim"] = 8
    setup = write_toy(tmp_path, toy)
    pd.read_parquet(tmp_path / "log.parquet").rename(columns={"region": "regoin"}).to_parquet(
        tmp_path / "log.parquet"
    )
    error = failures_of(setup, engine, tmp_path)
    assert [(f.check, f.column, f.n_rows) for f in error.failures] == [
        ("column is missing", "region", None),
        ("missing", "risk", 1),
        ("out of range", "risk", 1),
        ("differs from score >= threshold", "alert", 1),
        ("repeated", "claim", 1),
    ]
    assert str(error) == (
        "The data of 'log.parquet' breaks its contract in 5 checks:\n"
        "  check                            column  rows  share  first examples (id: value)  allowed\n"
        "  -------------------------------  ------  ----  -----  --------------------------  "
        "----------------------------------------------------------------------------------\n"
        "  column is missing                region                                           "
        "Did you mean 'regoin'?\n"
        "  missing                          risk    1     0.17%  5: (missing)                a value in every row\n"
        "  out of range                     risk    1     0.17%  3: 1.5                      0 to 1\n"
        "  differs from score >= threshold  alert   1     0.17%  3: 0                        "
        "1 when the score is at or above the version's threshold (v1: 0.5, v2: 0.6), else 0\n"
        "  repeated                         claim   1     0.17%  8: 2 times                  each id once\n"
        "Mend the data, or correct the roles and ranges in the model's model.yaml, and run again."
    )


@pytest.mark.parametrize(
    ("column", "values", "check"),
    [
        ("claim", None, "missing"),
        ("at", None, "missing"),
        ("version", None, "missing"),
        ("version", "v9", "unknown version"),
        ("risk", -0.1, "out of range"),
    ],
)
def test_each_kind_of_bad_value_is_found_and_counted(engine, tmp_path, column, values, check):
    toy = toy_log()
    toy[column] = toy[column].astype("Int64" if column == "claim" else toy[column].dtype)
    toy.loc[[1, 2], column] = values
    setup = write_toy(tmp_path, toy_log())
    toy.drop(columns=["outcome", "known_at"]).to_parquet(tmp_path / "log.parquet")
    assert (check, column, 2) in [
        (f.check, f.column, f.n_rows) for f in failures_of(setup, engine, tmp_path).failures
    ]


def test_a_decision_that_does_not_follow_from_score_and_threshold_is_refused(engine, tmp_path):
    toy = toy_log()
    toy.loc[[10, 20], "alert"] = ~toy.loc[[10, 20], "alert"]
    (failure,) = failures_of(write_toy(tmp_path, toy), engine, tmp_path).failures
    assert (failure.check, failure.column, failure.n_rows) == ("differs from score >= threshold", "alert", 2)


def test_a_column_of_the_wrong_kind_is_named_with_what_is_allowed(engine, tmp_path):
    toy = toy_log().astype({"risk": "str"})
    (failure,) = failures_of(write_toy(tmp_path, toy), engine, tmp_path).failures
    assert (failure.check, failure.column, failure.allowed) == (
        "column holds text",
        "risk",
        "whole numbers or numbers",
    )


def test_features_outside_their_allowed_range_are_counted(engine, tmp_path):
    toy = toy_log()
    toy.loc[[4, 7, 8], "amount"] = [-5.0, -6.0, 1e6]
    write_toy(tmp_path, toy)
    columns = dataclasses.replace(toy_setup().columns, allowed={"amount": Range(lower=0, upper=1e5)})
    (failure,) = failures_of(toy_setup(columns=columns), engine, tmp_path).failures
    assert (failure.n_rows, failure.allowed) == (3, "0 to 100000")
    assert failure.examples == ("4: -5.0", "7: -6.0", "8: 1000000.0")


def test_outcomes_are_held_to_the_contract_too(engine, tmp_path):
    toy = toy_log()
    toy["outcome"] = toy["outcome"].astype("Int64")
    toy.loc[1, "outcome"] = 3
    toy.loc[2, "outcome"] = None
    toy.loc[3, "known_at"] = toy.loc[3, "at"] - pd.Timedelta(days=1)
    toy.loc[4, "known_at"] = None
    found = failures_of(write_toy(tmp_path, toy), engine, tmp_path).failures
    assert [(f.check, f.column) for f in found] == [
        ("missing", "outcomes.outcome"),
        ("not 0 or 1", "outcomes.outcome"),
        ("missing beside an outcome", "outcomes.known_at"),
        ("before the case was scored", "outcomes.known_at"),
    ]


def test_an_empty_log_is_refused(engine, tmp_path):
    setup = write_toy(tmp_path, toy_log())
    toy_log().iloc[:0].to_parquet(tmp_path / "log.parquet")
    assert "table is empty" in [f.check for f in failures_of(setup, engine, tmp_path).failures]


def test_a_past_day_is_seen_as_it_looked_then(engine, tmp_path):
    toy = toy_log()
    setup = write_toy(tmp_path, toy)
    as_of = dt.date(2024, 3, 1)
    log = ScoringLog.validated(setup, engine=engine, root=tmp_path, as_of=as_of)
    seen = engine.query(
        f"SELECT count(*) AS n, count(outcome) AS n_outcomes, sum(outcome) AS k FROM {log.view}"
    ).iloc[0]
    then = toy[toy["at"] < "2024-03-01"]
    known = then[then["known_at"] < "2024-03-01"]
    assert (seen["n"], seen["n_outcomes"], seen["k"]) == (len(then), len(known), known["outcome"].sum())
    assert len(known) < len(then)
    assert log.outcomes_complete_until == dt.date(2024, 2, 28)


def test_of_several_events_the_latest_known_one_counts(engine, tmp_path):
    toy = toy_log()
    setup = write_toy(tmp_path, toy)
    outcomes = toy[["claim", "outcome", "known_at"]]
    overturned = outcomes.assign(outcome=1 - outcomes["outcome"], known_at=pd.Timestamp("2024-06-01"))
    pd.concat([overturned, outcomes]).to_parquet(tmp_path / "outcomes.parquet")
    before = ScoringLog.validated(setup, engine=engine, root=tmp_path, as_of=dt.date(2024, 6, 1))
    total = engine.query(f"SELECT sum(outcome) AS k FROM {before.view}")["k"].iloc[0]
    assert total == toy["outcome"].sum()
    other = DuckDB()
    after = ScoringLog.validated(setup, engine=other, root=tmp_path)
    assert (
        other.query(f"SELECT sum(outcome) AS k FROM {after.view}")["k"].iloc[0] == 600 - toy["outcome"].sum()
    )
    other.close()


def test_outcomes_may_stand_in_the_log_itself(engine, tmp_path):
    toy = toy_log()
    toy.to_parquet(tmp_path / "log.parquet")
    columns = dataclasses.replace(toy_setup().columns, outcome="outcome", outcome_at="known_at")
    log = ScoringLog.validated(
        toy_setup(columns=columns, outcomes=None), engine=engine, root=tmp_path, as_of=dt.date(2024, 3, 1)
    )
    known = toy[(toy["at"] < "2024-03-01") & (toy["known_at"] < "2024-03-01")]
    assert engine.query(f"SELECT sum(outcome) AS k FROM {log.view}")["k"].iloc[0] == known["outcome"].sum()


def test_instants_with_a_zone_become_local_time(engine, tmp_path):
    toy = toy_log()
    toy["at"] = toy["at"].dt.tz_localize("UTC")
    toy["known_at"] = toy["known_at"].dt.tz_localize("UTC")
    setup = dataclasses.replace(write_toy(tmp_path, toy), time_zone="America/New_York")
    log = ScoringLog.validated(setup, engine=engine, root=tmp_path)
    first = engine.query(f"SELECT min(scored_at) AS first FROM {log.view}")["first"].iloc[0]
    assert first == toy["at"].min().tz_convert("America/New_York").tz_localize(None)


def test_ids_that_are_text_in_one_table_and_numbers_in_the_other_still_meet(engine, tmp_path):
    toy = toy_log()
    setup = write_toy(tmp_path, toy)
    toy[["claim", "outcome", "known_at"]].astype({"claim": "str"}).to_parquet(tmp_path / "outcomes.parquet")
    log = ScoringLog.validated(setup, engine=engine, root=tmp_path)
    assert engine.query(f"SELECT count(outcome) AS n FROM {log.view}")["n"].iloc[0] == 600


def test_hostile_column_names_are_only_names(engine, tmp_path):
    evil = 'amount"; DROP VIEW log_arriving; --'
    toy = toy_log().rename(columns={"amount": evil})
    toy.to_parquet(tmp_path / "log.parquet")
    toy[["claim", "outcome", "known_at"]].to_parquet(tmp_path / "outcomes.parquet")
    columns = dataclasses.replace(toy_setup().columns, features=(evil, "region"))
    log = ScoringLog.validated(toy_setup(columns=columns), engine=engine, root=tmp_path)
    assert log.features[evil] == "f_0"
    assert engine.query("SELECT count(*) AS n FROM log_arriving")["n"].iloc[0] == 600


def test_a_window_without_rows_is_refused_with_the_period_that_has_some(engine, tmp_path):
    toy = toy_log()
    log = ScoringLog.validated(write_toy(tmp_path, toy), engine=engine, root=tmp_path)
    with pytest.raises(DataError) as refused:
        log.check_covers(Window.parse("2025-01"))
    assert str(refused.value) == (
        f"There are no rows in January 2025: 'log.parquet' covers {toy['at'].min():%Y-%m-%d} to "
        f"{toy['at'].max():%Y-%m-%d}. Give a period inside it."
    )


def test_a_date_before_the_first_row_is_refused(engine, tmp_path):
    setup = write_toy(tmp_path, toy_log())
    with pytest.raises(
        DataError, match=r"^The log 'log\.parquet' has no rows before 2020-01-01\. Give a later as_of"
    ):
        ScoringLog.validated(setup, engine=engine, root=tmp_path, as_of=dt.date(2020, 1, 1))


def test_setups_that_contradict_themselves_are_refused():
    columns = toy_setup().columns
    with pytest.raises(ParameterError, match=r"^segments names 'regon', .* Did you mean 'region'\?"):
        dataclasses.replace(columns, segments=("regon",))
    with pytest.raises(ParameterError, match=r"^outcome and outcome_at go together"):
        dataclasses.replace(columns, outcome="outcome")
    with pytest.raises(ParameterError, match=r"^Outcomes are given twice"):
        toy_setup(columns=dataclasses.replace(columns, outcome="outcome", outcome_at="known_at"))
    with pytest.raises(
        ParameterError, match=r"^time_zone 'Europe/Zurch' is not a time zone\. Did you mean 'Europe/Zurich'"
    ):
        toy_setup(time_zone="Europe/Zurch")
    with pytest.raises(ParameterError, match=r"^versions is empty"):
        toy_setup(versions={})
    with pytest.raises(ParameterError, match=r"^outcome_delay_days is -1; give 0 or more\.$"):
        toy_setup(outcome_delay_days=-1)


def test_a_log_needs_no_features(engine, tmp_path):
    setup = write_toy(tmp_path, toy_log())
    bare = Columns(id="claim", scored_at="at", score="risk", decision="alert", model_version="version")
    log = ScoringLog.validated(
        LogSetup(source=Source(path="log.parquet"), columns=bare, versions=setup.versions),
        engine=engine,
        root=tmp_path,
    )
    assert not log.has_outcomes
