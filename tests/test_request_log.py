import dataclasses
import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest

from afterlaunch.contract import ContractError, Failure
from afterlaunch.errors import ParameterError
from afterlaunch.health_requests import read_request_counts
from afterlaunch.request_log import RequestColumns, RequestLog, RequestSetup, ServiceLevel
from afterlaunch.scoring_log import ScoringLog
from afterlaunch.windows import Window
from toy_logs import toy_log, toy_setup, write_toy
from toy_requests import (
    ALL_COLUMNS,
    FEW_COLUMNS,
    THRESHOLD_MS,
    TIME_LIMIT_MS,
    request_setup,
    toy_requests,
    write_requests,
)

FEW = {"columns": FEW_COLUMNS, "environment": ""}


@pytest.fixture
def folder(tmp_path):
    write_toy(tmp_path, toy_log())
    return tmp_path


def validated(engine, folder, log, *, as_of=None, time_zone="UTC", **changed):
    """Return the request log beside the toy scoring log."""
    beside = ScoringLog.validated(toy_setup(time_zone=time_zone), engine=engine, root=folder, as_of=as_of)
    write_requests(folder, log)
    return RequestLog.validated(request_setup(**changed), beside=beside, root=folder)


def rows_of(log, columns="*"):
    return log.engine.query(f"SELECT {columns} FROM {log.view} ORDER BY request_id, arrived_at")


def refused(engine, folder, log, **changed):
    with pytest.raises(ContractError) as error:
        validated(engine, folder, log, **changed)
    return error.value


def few(latencies, *, status=None, **columns):
    """Return a log of so many requests, a minute apart, with these latencies."""
    rows = pd.DataFrame(
        {
            "request": [f"r{place}" for place in range(len(latencies))],
            "at": pd.Timestamp("2024-03-05 09:00") + pd.to_timedelta(np.arange(len(latencies)), unit="min"),
            "took": pd.array(latencies, dtype="float64"),
            **columns,
        }
    )
    return rows if status is None else rows.assign(ended=status)


def message(*lines, n_checks="1 check"):
    return "\n".join(
        [
            f"The data of 'requests.parquet' breaks its contract in {n_checks}:",
            *lines,
            "Mend the data, or correct the roles and ranges in the model's model.yaml, and run again.",
        ]
    )


# --- a sound log ------------------------------------------------------------------------------------------------


def test_a_sound_log_becomes_a_view_with_names_of_our_own(engine, folder):
    log = validated(engine, folder, toy_requests())
    assert log.stages == {"fetch": "s_0", "model": "s_1"}
    assert log.attributes == {"host": "a_0", "document": "a_1"}
    assert (log.has_clicks, log.has_waits) == (True, True)
    rows = rows_of(log)
    assert set(rows.columns) == {
        "request_id",
        "arrived_at",
        "minute",
        "latency_ms",
        "is_slow",
        "is_unanswered",
        "endpoint",
        "user_id",
        "case_id",
        "decision",
        "model_version",
        "waited_ms",
        "was_shown",
        "s_0",
        "s_1",
        "a_0",
        "a_1",
    }


def test_every_value_of_the_view_is_that_of_the_log(engine, folder):
    toy = toy_requests()
    rows = rows_of(validated(engine, folder, toy))
    own = toy[toy["place"] == "production"].sort_values(["request", "at"], ignore_index=True)
    kept = {
        "request_id": "request",
        "arrived_at": "at",
        "endpoint": "page",
        "user_id": "clerk",
        "case_id": "claim",
        "decision": "answer",
        "model_version": "version",
        "waited_ms": "watched",
        "s_0": "fetch",
        "s_1": "model",
        "a_0": "host",
        "a_1": "document",
    }
    expected = own[list(kept.values())].set_axis(list(kept), axis="columns")
    pd.testing.assert_frame_equal(rows[list(kept)], expected, check_dtype=False)
    assert rows["was_shown"].tolist() == own["seen"].astype(int).tolist()
    minutes = (own["at"] - pd.Timestamp("1970-01-01")) // pd.Timedelta(minutes=1)
    assert rows["minute"].tolist() == minutes.tolist()


def test_a_log_needs_three_columns_only(engine, folder):
    log = validated(engine, folder, few([100.0, np.nan]), **FEW)
    assert (log.has_clicks, log.has_waits, log.stages, log.attributes) == (False, False, {}, {})
    (row, _) = rows_of(log).to_dict("records")
    empty = ("endpoint", "user_id", "case_id", "decision", "model_version", "waited_ms", "was_shown")
    assert all(pd.isna(row[name]) for name in empty)


@pytest.mark.parametrize(("user", "case"), [("clerk", None), (None, "claim")])
def test_repeat_clicks_need_both_the_person_and_the_case(engine, folder, user, case):
    columns = dataclasses.replace(ALL_COLUMNS, user=user, case=case)
    assert not validated(engine, folder, toy_requests(), columns=columns).has_clicks


def test_an_attribute_may_have_another_role_too(engine, folder):
    columns = dataclasses.replace(ALL_COLUMNS, attributes=("page", "version", "seen", "claim"))
    rows = rows_of(validated(engine, folder, toy_requests(), columns=columns))
    assert rows["a_0"].tolist() == rows["endpoint"].tolist()
    assert rows["a_1"].tolist() == rows["model_version"].tolist()
    assert rows["a_2"].tolist() == rows["was_shown"].astype(str).tolist()
    assert rows["a_3"].tolist() == rows["case_id"].astype(str).tolist()


def test_hostile_column_names_and_values_are_only_names_and_values(engine, folder):
    evil = 'host"; DROP VIEW requests_arriving; --'
    toy = toy_requests().rename(columns={"host": evil})
    toy["ended"] = toy["ended"].where(toy["ended"] == "ok", "time'out")
    toy["place"] = "it's production"
    columns = dataclasses.replace(ALL_COLUMNS, attributes=(evil,))
    log = validated(
        engine,
        folder,
        toy,
        columns=columns,
        answered=("ok",),
        unanswered=("time'out",),
        environment="it's production",
    )
    assert log.attributes == {evil: "a_0"}
    assert len(rows_of(log)) == len(toy)


# --- effective latency ------------------------------------------------------------------------------------------


def test_a_request_without_an_answer_is_as_slow_as_the_time_limit(engine, folder):
    toy = few(
        [200.0, 999.0, 1_000.0, 1_000.1, 25_000.0, np.nan, 80.0, 9_000.0],
        status=["ok", "ok", "ok", "ok", "ok", "timeout", "error", "timeout"],
    )
    columns = dataclasses.replace(FEW_COLUMNS, status="ended")
    rows = rows_of(validated(engine, folder, toy, columns=columns, environment=""))
    limit = TIME_LIMIT_MS
    assert rows["latency_ms"].tolist() == [200.0, 999.0, 1_000.0, 1_000.1, limit, limit, limit, limit]
    assert rows["is_unanswered"].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert rows["is_slow"].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_without_a_status_a_latency_is_an_answer(engine, folder):
    rows = rows_of(validated(engine, folder, few([200.0, np.nan, 1_500.0]), **FEW))
    assert rows["latency_ms"].tolist() == [200.0, TIME_LIMIT_MS, 1_500.0]
    assert rows["is_unanswered"].tolist() == [0, 1, 0]


def test_no_row_is_dropped_and_latencies_are_those_of_a_second_implementation(engine, folder):
    toy = toy_requests()
    rows = rows_of(validated(engine, folder, toy))
    own = toy[toy["place"] == "production"].sort_values(["request", "at"], ignore_index=True)
    assert own["took"].isna().sum() > 0
    effective = [
        min(took, TIME_LIMIT_MS) if ended == "ok" else TIME_LIMIT_MS
        for took, ended in zip(own["took"], own["ended"], strict=True)
    ]
    assert rows["latency_ms"].tolist() == effective
    assert rows["is_slow"].tolist() == [int(latency > THRESHOLD_MS) for latency in effective]
    assert rows["is_unanswered"].tolist() == (own["ended"] != "ok").astype(int).tolist()


def test_a_log_without_any_answer_is_sound_and_all_slow(engine, folder):
    rows = rows_of(validated(engine, folder, few([np.nan] * 3), **FEW))
    assert rows["is_slow"].tolist() == [1, 1, 1]
    assert rows["latency_ms"].tolist() == [TIME_LIMIT_MS] * 3


def test_a_time_limit_just_above_the_promise_leaves_slow_requests_slow(engine, folder):
    log = validated(engine, folder, few([np.nan, 5_000.0, 1_000.0]), **FEW, time_limit_ms=THRESHOLD_MS + 0.5)
    rows = rows_of(log)
    assert rows["latency_ms"].tolist() == [1_000.5, 1_000.5, 1_000.0]
    assert rows["is_slow"].tolist() == [1, 1, 0]


def test_latencies_in_seconds_are_turned_into_milliseconds(engine, folder):
    toy = few([0.2, 1.5, np.nan, 30.0], fetch=[150.0, 1_200.0, 9_999.0, 5_000.0])
    columns = dataclasses.replace(FEW_COLUMNS, stages=("fetch",))
    log = validated(engine, folder, toy, columns=columns, environment="", latency_unit="s")
    rows = rows_of(log)
    assert rows["latency_ms"].tolist() == pytest.approx([200.0, 1_500.0, TIME_LIMIT_MS, TIME_LIMIT_MS])
    assert rows["s_0"].tolist() == [150.0, 1_200.0, 9_999.0, 5_000.0]


@pytest.mark.parametrize("kind", ["int64", "float32", "float64"])
def test_latencies_may_be_whole_numbers_or_numbers(engine, folder, kind):
    toy = few([200.0, 1_500.0]).astype({"took": kind})
    assert rows_of(validated(engine, folder, toy, **FEW))["latency_ms"].tolist() == [200.0, 1_500.0]


# --- counts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attributes", [("document", "host"), ("page", "document"), ("host",), ()])
def test_every_request_of_a_month_is_in_each_of_its_counts_once(engine, folder, attributes):
    toy = toy_requests()
    toy.loc[toy.index[::7], "page"] = "/other"
    assert toy["document"].isna().any()
    columns = dataclasses.replace(ALL_COLUMNS, attributes=attributes)
    log = validated(engine, folder, toy, columns=columns)
    counts = read_request_counts(log, months=(Window.parse("2024-02"), Window.parse("2024-03")))
    own = toy[(toy["place"] == "production") & (toy["at"].dt.strftime("%Y-%m") == "2024-03")]
    detail = counts.detail
    assert counts.current.n == len(own)
    assert {
        name: int(getattr(detail, name)["n"].sum())
        for name in ("cells", "by_hour", "by_endpoint", "by_endpoint_hour")
    } == dict.fromkeys(("cells", "by_hour", "by_endpoint", "by_endpoint_hour"), len(own))
    assert detail.means.query("is_current == 1")["n"].sum() == (own["ended"] == "ok").sum()


def test_a_request_of_the_last_microsecond_of_a_month_is_counted_in_it(engine, folder):
    toy = few([100.0, 100.0])
    toy["at"] = pd.to_datetime(["2024-03-31 12:00:00.000000", "2024-03-31 23:59:59.999999"])
    log = validated(engine, folder, toy, **FEW)
    counts = read_request_counts(log, months=(Window.parse("2024-03"),))
    assert counts.current.n == 2
    by_hour = counts.detail.by_hour.assign(day=counts.detail.by_hour["day"].astype(str))
    assert by_hour[["day", "hour", "n"]].to_dict("list") == {
        "day": ["2024-03-31", "2024-03-31"],
        "hour": [12, 23],
        "n": [1, 1],
    }


def test_a_log_without_endpoints_has_one_that_holds_all(engine, folder):
    toy = toy_requests()
    log = validated(engine, folder, toy, **FEW)
    counts = read_request_counts(log, months=(Window.parse("2024-03"),))
    n = int((toy["at"].dt.strftime("%Y-%m") == "2024-03").sum())
    assert counts.detail.by_endpoint[["endpoint", "n"]].to_dict("records") == [{"endpoint": "all", "n": n}]
    assert counts.detail.means["endpoint"].unique().tolist() == ["all"]


# --- times ------------------------------------------------------------------------------------------------------


def test_in_a_log_of_ends_the_latency_is_taken_off_again(engine, folder):
    toy = few([1_500.0, np.nan, 20_000.0], status=["ok", "timeout", "error"])
    columns = dataclasses.replace(FEW_COLUMNS, status="ended")
    rows = rows_of(validated(engine, folder, toy, columns=columns, environment="", arrived_at_is="end"))
    # An answer was waited for as long as the log says, and without a latency as long as the limit.
    expected = toy["at"] - pd.to_timedelta([1_500, TIME_LIMIT_MS, 20_000], unit="ms")
    assert rows["arrived_at"].tolist() == expected.tolist()
    assert rows["minute"].tolist() == [
        int((at - pd.Timestamp("1970-01-01")) // pd.Timedelta(minutes=1)) for at in expected
    ]


def test_a_request_that_ended_after_midnight_belongs_to_the_day_it_came(engine, folder):
    toy = few([4_000.0, 100.0])
    toy["at"] = pd.to_datetime(["2024-03-06 00:00:02", "2024-03-06 00:00:03"])
    rows = rows_of(validated(engine, folder, toy, **FEW, arrived_at_is="end", as_of=dt.date(2024, 3, 6)))
    assert rows["arrived_at"].tolist() == [pd.Timestamp("2024-03-05 23:59:58")]


def test_instants_with_a_zone_become_local_time(engine, folder):
    toy = few([100.0, 100.0])
    toy["at"] = pd.to_datetime(["2024-03-05 02:30:30", "2024-04-05 02:30:30"]).tz_localize("UTC")
    rows = rows_of(validated(engine, folder, toy, **FEW, time_zone="America/New_York"))
    # Summer time begins on 10 March there.
    assert rows["arrived_at"].tolist() == [
        pd.Timestamp("2024-03-04 21:30:30"),
        pd.Timestamp("2024-04-04 22:30:30"),
    ]
    assert rows["minute"].diff().iloc[1] == 31 * 24 * 60 + 60


def test_the_minute_is_the_one_in_which_a_request_came_to_the_last_microsecond(engine, folder):
    toy = few([100.0, 100.0])
    toy["at"] = pd.to_datetime(["2024-03-05 23:59:59.999400", "2024-03-05 23:59:59.999900"])
    rows = rows_of(validated(engine, folder, toy, **FEW))
    midnight = (pd.Timestamp("2024-03-06") - pd.Timestamp("1970-01-01")) // pd.Timedelta(minutes=1)
    assert rows["minute"].tolist() == [midnight - 1, midnight - 1]


def test_a_past_day_is_seen_as_it_looked_then(engine, folder):
    toy = toy_requests()
    rows = rows_of(validated(engine, folder, toy, as_of=dt.date(2024, 3, 1)))
    then = toy[(toy["place"] == "production") & (toy["at"] < "2024-03-01")]
    assert 0 < len(rows) == len(then)
    assert rows["arrived_at"].max() == then["at"].max()


# --- what is missing, ids, environment --------------------------------------------------------------------------


def test_nan_is_missing_in_every_number(engine, folder):
    toy = few([np.nan, 300.0], fetch=[np.nan, 20.0])
    columns = dataclasses.replace(FEW_COLUMNS, stages=("fetch",))
    rows = rows_of(validated(engine, folder, toy, columns=columns, environment=""))
    assert rows["s_0"].isna().tolist() == [True, False]
    n_null = engine.query("SELECT count(*) - count(s_0) AS n FROM requests")["n"].iloc[0]
    assert n_null == 1


@pytest.mark.parametrize("kind", ["str", "int64"])
def test_ids_are_text_or_whole_numbers(engine, folder, kind):
    toy = few([100.0] * 3, clerk=[7, 8, 9], claim=[1, 2, 599])
    toy = toy.assign(request=[10, 11, 12]).astype({"request": kind, "clerk": kind, "claim": kind})
    columns = dataclasses.replace(FEW_COLUMNS, user="clerk", case="claim")
    rows = rows_of(validated(engine, folder, toy, columns=columns, environment=""))
    own = {"str": str, "int64": int}[kind]
    assert rows["request_id"].tolist() == [own(10), own(11), own(12)]
    assert rows["user_id"].tolist() == [own(7), own(8), own(9)]
    # Cases have the type of the scoring log's ids, so that the two tables meet.
    assert rows["case_id"].tolist() == [1, 2, 599]


def test_cases_meet_a_scoring_log_whose_ids_are_text(engine, folder):
    write_toy(folder, toy_log().astype({"claim": "str"}))
    toy = few([100.0] * 2, claim=[1, 599])
    columns = dataclasses.replace(FEW_COLUMNS, case="claim")
    log = validated(engine, folder, toy, columns=columns, environment="")
    met = engine.query(f"SELECT count(*) AS n FROM {log.view} JOIN cases USING (case_id)")
    assert met["n"].iloc[0] == 2


def test_case_ids_that_are_no_numbers_beside_a_log_whose_ids_are_break_the_contract(engine, folder):
    toy = few([100.0] * 2, claim=["1", "C-2"])
    columns = dataclasses.replace(FEW_COLUMNS, case="claim")
    error = refused(engine, folder, toy, columns=columns, environment="")
    assert [(failure.column, failure.n_rows, failure.examples) for failure in error.failures] == [
        ("claim", 1, ("r1: C-2",))
    ]


def test_only_the_rows_of_the_environment_are_seen(engine, folder):
    toy = toy_requests()
    others = toy["place"] == "staging"
    assert 0 < others.sum() < len(toy)
    # What the other environments hold is not held to the contract either.
    toy.loc[others, "took"] = -1.0
    toy.loc[others, "ended"] = "whatever"
    assert len(rows_of(validated(engine, folder, toy))) == (~others).sum()


def test_an_environment_without_rows_is_refused(engine, folder):
    error = refused(engine, folder, toy_requests(), environment="prod")
    assert str(error) == message(
        "  check                      column  rows  share  first examples (id: value)  allowed",
        "  -------------------------  ------  ----  -----  --------------------------  ----------------",
        "  no row of the environment  place   0                                        rows with 'prod'",
    )


def test_a_missing_environment_column_hides_no_other_failure(engine, folder):
    toy = toy_requests().rename(columns={"place": "places"})
    toy.loc[5, "ended"] = "lost"
    found = refused(engine, folder, toy).failures
    assert [(failure.check, failure.column, failure.n_rows) for failure in found] == [
        ("column is missing", "place", None),
        ("unknown status", "ended", 1),
    ]


def test_an_empty_log_is_refused(engine, folder):
    error = refused(engine, folder, few([100.0]).iloc[:0], **FEW)
    assert str(error) == message(
        "  check           column  rows  share  first examples (id: value)  allowed",
        "  --------------  ------  ----  -----  --------------------------  --------------",
        "  table is empty  (all)   0                                        at least 1 row",
    )


# --- the contract -----------------------------------------------------------------------------------------------


def test_all_failures_are_told_at_once_in_one_table(engine, folder):
    toy = toy_requests()
    toy["place"] = "production"
    toy["seen"] = toy["seen"].astype("int64")
    toy.loc[[3, 4], "ended"] = ["lost", None]
    toy.loc[7, ["ended", "took"]] = ["ok", np.nan]
    toy.loc[5, "took"] = -3.0
    toy.loc[9, "seen"] = 2
    toy.loc[11, "fetch"] = 1e6
    toy.loc[12, "model"] = -1.0
    toy.loc[[13, 14], "watched"] = [-1.0, np.nan]
    toy.loc[15, "request"] = None
    toy.loc[16, "page"] = None
    toy.loc[17, "answer"] = 3
    toy.loc[18, "at"] = None
    error = refused(engine, folder, toy.rename(columns={"clerk": "clerks"}).astype({"document": "category"}))
    assert str(error) == message(
        "  check                     column   rows  share  first examples (id: value)     allowed",
        "  ------------------------  -------  ----  -----  -----------------------------  "
        "--------------------------------------------------------------------",
        "  column is missing         clerk                                                Did you mean 'clerks'?",
        "  missing                   request  1     0.18%  (missing): (missing)           a value in every row",
        "  missing                   at       1     0.18%  r00018: (missing)              a value in every row",
        "  negative                  took     1     0.18%  r00005: -3.0                   "
        "0 or more, or empty where no answer came",
        "  missing                   ended    1     0.18%  r00004: (missing)              a value in every row",
        "  unknown status            ended    1     0.18%  r00003: lost                   "
        "ok, timeout, error (answered and unanswered in model.yaml)",
        "  missing beside an answer  took     1     0.18%  r00007: ok                     "
        "a latency for every answered request",
        "  missing                   page     1     0.18%  r00016: (missing)              a value in every row",
        "  not 0 or 1                answer   1     0.18%  r00017: 3                      0 or 1",
        "  not 0 or 1                seen     1     0.18%  r00009: 2                      0 or 1",
        "  missing                   watched  1     0.18%  r00014: (missing)              a value in every row",
        "  negative                  watched  1     0.18%  r00013: -1.0                   0 ms or more",
        "  negative                  model    1     0.18%  r00012: -1.0                   0 ms or more",
        "  less than its stages      took     2     0.35%  r00005: -3.0; r00011: 764.855  "
        "at least the sum of the stages: parallel stages must not be added up",
        n_checks="14 checks",
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("request", "Did you mean 'requests'?"),
        ("at", "The table has: "),
        ("took", "Did you mean 'tooks'?"),
        ("ended", "Did you mean 'endeds'?"),
        ("watched", "Did you mean 'watcheds'?"),
        ("fetch", "Did you mean 'fetchs'?"),
        ("document", "Did you mean 'documents'?"),
    ],
)
def test_a_missing_column_is_named_with_the_closest_one(engine, folder, name, hint):
    toy = toy_requests().rename(columns={name: name + "s" if name != "at" else "zzzzzz"})
    (failure,) = refused(engine, folder, toy).failures
    listed = f"{hint}{', '.join(toy.columns)}." if hint.endswith(": ") else hint
    assert failure == Failure(
        check="column is missing", column=name, n_rows=None, share=None, examples=(), allowed=listed
    )


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (("request", 1.5), ("numbers", "whole numbers or text")),
        (("at", "2024-03-05"), ("text", "times or times with a zone")),
        (("took", "fast"), ("text", "whole numbers or numbers")),
        (("ended", 3), ("whole numbers", "text")),
        (("clerk", True), ("true/false", "whole numbers or text")),
        (("seen", "yes"), ("text", "whole numbers or true/false or numbers")),
        (("watched", "long"), ("text", "whole numbers or numbers")),
        (("model", "long"), ("text", "whole numbers or numbers")),
        (("host", pd.Timestamp("2024-01-01")), ("times", "whole numbers or numbers or text or true/false")),
    ],
)
def test_a_column_of_the_wrong_kind_is_named_with_what_is_allowed(engine, folder, column, told):
    (name, values), (holds, allowed) = column, told
    toy = toy_requests()
    toy[name] = values
    (failure,) = refused(engine, folder, toy).failures
    assert failure == Failure(
        check=f"column holds {holds}", column=name, n_rows=None, share=None, examples=(), allowed=allowed
    )


@pytest.mark.parametrize(("share", "is_refused"), [(1.0, False), (1.02, False), (1.06, True)])
def test_stages_may_add_up_to_a_little_more_than_the_latency(engine, folder, share, is_refused):
    toy = few([1_000.0], fetch=[500.0 * share], model=[500.0 * share])
    columns = dataclasses.replace(FEW_COLUMNS, stages=("fetch", "model"))
    given = {"columns": columns, "environment": ""}
    if not is_refused:
        assert len(rows_of(validated(engine, folder, toy, **given))) == 1
        return
    assert refused(engine, folder, toy, **given).failures == (
        Failure(
            check="less than its stages",
            column="took",
            n_rows=1,
            share=1.0,
            examples=("r0: 1000.0",),
            allowed="at least the sum of the stages: parallel stages must not be added up",
        ),
    )


@pytest.mark.parametrize("latency", [np.nan, 500.0])
def test_a_stage_that_was_not_measured_adds_nothing(engine, folder, latency):
    toy = few([latency, 700.0], fetch=[np.nan, 100.0], model=[499.0, np.nan])
    columns = dataclasses.replace(FEW_COLUMNS, stages=("fetch", "model"))
    assert len(rows_of(validated(engine, folder, toy, columns=columns, environment=""))) == 2


def test_latencies_that_look_like_seconds_are_refused(engine, folder):
    error = refused(engine, folder, few([0.2, 0.8, np.nan, 0.0]), **FEW)
    assert str(error) == message(
        "  check               column  rows  share  first examples (id: value)  allowed",
        "  ------------------  ------  ----  -----  --------------------------  "
        "--------------------------------------------------------",
        "  looks like seconds  took                 geometric mean 0.4          "
        "milliseconds; or set latency_unit in model.yaml: s or ms",
    )


def test_a_service_that_answers_within_milliseconds_says_so(engine, folder):
    rows = rows_of(validated(engine, folder, few([8.0, 3.0]), **FEW, latency_unit="ms"))
    assert rows["latency_ms"].tolist() == [8.0, 3.0]


def test_a_decision_may_be_missing_so_that_pandas_writes_it_as_a_number(engine, folder):
    toy = few([200.0, np.nan, 300.0], decision=[1.0, np.nan, 0.0])
    columns = dataclasses.replace(FEW_COLUMNS, decision="decision")
    rows = rows_of(validated(engine, folder, toy, columns=columns, environment=""))
    assert rows["decision"].fillna(-1).tolist() == [1, -1, 0]


def test_a_decision_between_no_and_yes_is_refused(engine, folder):
    half = few([200.0, np.nan, 300.0], decision=[1.0, np.nan, 0.4])
    columns = dataclasses.replace(FEW_COLUMNS, decision="decision")
    (failure,) = refused(engine, folder, half, columns=columns, environment="").failures
    assert (failure.check, failure.examples) == ("not 0 or 1", ("r2: 0.4",))


@pytest.mark.parametrize(
    ("typical", "is_refused"), [(0.0199, False), (0.0201, True), (19.9, True), (20.1, False)]
)
def test_seconds_are_told_from_milliseconds_by_the_typical_latency(engine, folder, typical, is_refused):
    toy = few([typical / 2, typical * 2])
    if is_refused:
        (failure,) = refused(engine, folder, toy, **FEW).failures
        assert failure.examples == (f"geometric mean {typical:.3g}",)
    else:
        assert len(rows_of(validated(engine, folder, toy, **FEW))) == 2


# --- setups -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: ServiceLevel(threshold_ms=0, share=0.95),
            "threshold_ms is 0; give a number of milliseconds above 0.",
        ),
        (
            lambda: ServiceLevel(threshold_ms=float("nan"), share=0.95),
            "threshold_ms is nan; give a number of milliseconds above 0.",
        ),
        (
            lambda: ServiceLevel(threshold_ms=1_000, share=1),
            "share is 1; give a share between 0 and 1, such as 0.95.",
        ),
        (
            lambda: ServiceLevel(threshold_ms=1_000, share=0),
            "share is 0; give a share between 0 and 1, such as 0.95.",
        ),
        (
            lambda: ServiceLevel(threshold_ms=1_000, share=95),
            "share is 95; give a share between 0 and 1, such as 0.95.",
        ),
        (
            lambda: RequestColumns(id="a", arrived_at="b", latency="c", waited="d"),
            "waited and was_shown go together: give both columns, or neither.",
        ),
        (
            lambda: RequestColumns(id="a", arrived_at="b", latency="c", was_shown="d"),
            "waited and was_shown go together: give both columns, or neither.",
        ),
        (
            lambda: request_setup(columns=FEW_COLUMNS),
            "environment and columns.environment go together: give both, or neither.",
        ),
        (
            lambda: request_setup(environment=""),
            "environment and columns.environment go together: give both, or neither.",
        ),
    ],
)
def test_setups_that_contradict_themselves_are_refused(make, told):
    with pytest.raises(ParameterError, match=f"^{re.escape(told)}$"):
        make()


@pytest.mark.parametrize("limit", [999, 1_000])
def test_a_time_limit_at_which_nothing_would_be_slow_is_refused(limit):
    # With a limit at the promise, a request without an answer would count as one that kept it.
    told = (
        f"time_limit_ms is {limit}, not above the promised 1000 ms. Give the time after which nobody waits for an "
        "answer any more."
    )
    with pytest.raises(ParameterError, match=f"^{re.escape(told)}$"):
        request_setup(time_limit_ms=limit)


def test_a_setup_says_what_it_takes_for_granted():
    setup = RequestSetup(
        source=request_setup().source,
        columns=FEW_COLUMNS,
        slo=ServiceLevel(threshold_ms=THRESHOLD_MS, share=0.95),
    )
    assert (setup.time_limit_ms, setup.arrived_at_is, setup.latency_unit) == (10_000.0, "start", None)
    assert (setup.answered, setup.unanswered) == (("ok",), ("timeout", "error"))
