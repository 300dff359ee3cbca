import socket
import sqlite3
import sys

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.engine import DuckDB, Source, engine_from, source_files, source_kind, text_literal
from afterlaunch.engine_settings import EngineSettings, check_answers
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.repeat_clicks import UNKNOWN, came_back
from afterlaunch.schema import FieldsError

ROWS = pd.DataFrame({"id": [1, 2, 3], "name": ["a", "b", None], "x": [0.5, None, 1.5]})


def read(engine, root, path, table=""):
    kinds = engine.read(Source(path=path, table=table), "arriving", root=root)
    return kinds, engine.query("SELECT * FROM arriving ORDER BY id")


def write_sqlite(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE claims (id INTEGER, name TEXT, x REAL)")
        connection.executemany(
            "INSERT INTO claims VALUES (?, ?, ?)", [(1, "a", 0.5), (2, "b", None), (3, None, 1.5)]
        )
    connection.close()


@pytest.mark.parametrize("kind", ["file", "folder", "glob", "csv", "duckdb", "sqlite"])
def test_every_kind_of_source_gives_the_same_rows(engine, tmp_path, kind):
    table = ""
    if kind in {"file", "folder", "glob"}:
        (tmp_path / "parts").mkdir()
        ROWS.iloc[:2].to_parquet(tmp_path / "parts" / "p1.parquet")
        ROWS.iloc[2:].to_parquet(tmp_path / "parts" / "p2.parquet")
        ROWS.to_parquet(tmp_path / "all.parquet")
        path = {"file": "all.parquet", "folder": "parts", "glob": "parts/p*.parquet"}[kind]
    elif kind == "csv":
        ROWS.to_csv(tmp_path / "rows.csv", index=False)
        path = "rows.csv"
    elif kind == "duckdb":
        with duckdb.connect(str(tmp_path / "it's.duckdb")) as connection:
            connection.register("frame", ROWS)
            connection.execute("CREATE TABLE claims AS SELECT * FROM frame")
        path, table = "it's.duckdb", "claims"
    else:
        write_sqlite(tmp_path / "rows.db")
        path, table = "sqlite:///rows.db", "claims"
    kinds, rows = read(engine, tmp_path, path, table)
    assert kinds == {"id": "integer", "name": "text", "x": "number"}
    assert rows["id"].tolist() == [1, 2, 3]
    assert rows["x"].tolist()[::2] == [0.5, 1.5]
    assert rows.isna().sum().to_dict() == {"id": 0, "name": 1, "x": 1}


def test_a_missing_file_is_refused_with_the_closest_name(engine, tmp_path):
    ROWS.to_parquet(tmp_path / "scoring_log.parquet")
    with pytest.raises(DataError) as refused:
        engine.read(Source(path="scorin_log.parquet"), "arriving", root=tmp_path)
    assert str(refused.value).startswith(
        f"No data at '{tmp_path}/scorin_log.parquet'. Did you mean 'scoring_log.parquet'? Check `path` in the model's"
    )


def test_a_missing_table_is_refused_with_the_tables_there_are(engine, tmp_path):
    write_sqlite(tmp_path / "rows.db")
    with pytest.raises(
        DataError, match=r"^Table 'claim' is not in .*; there are: claims\. Did you mean 'claims'\? Set"
    ):
        engine.read(Source(path="sqlite:///rows.db", table="claim"), "arriving", root=tmp_path)


def test_a_broken_file_is_refused_in_one_line(engine, tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 this is no parquet PAR1")
    with pytest.raises(DataError, match=r"could not be read: .* Check that the file is complete"):
        engine.read(Source(path="log.parquet"), "arriving", root=tmp_path)


@pytest.mark.parametrize(
    ("path", "match"), [("log.xlsx", "ends with '.xlsx'"), ("mysql://h/d", "scheme 'mysql'")]
)
def test_an_unknown_kind_of_source_is_refused(path, match):
    with pytest.raises(DataError, match=match):
        source_kind(path)


def test_passwords_stay_out_of_files_and_messages(engine, tmp_path, monkeypatch):
    source = Source(path="postgresql://reader:${SECRET}@localhost:1/claims", table="log")
    monkeypatch.delenv("SECRET", raising=False)
    with pytest.raises(
        ParameterError, match=r"^The environment variable 'SECRET', which the data source names, is not"
    ):
        source.resolved(tmp_path)
    monkeypatch.setenv("SECRET", "hunter2")
    assert "hunter2" in source.resolved(tmp_path)
    with pytest.raises(
        DataError, match=r"^The database 'postgresql://…@localhost:1/claims' did not answer"
    ) as refused:
        engine.read(source, "arriving", root=tmp_path)
    assert "hunter2" not in str(refused.value)


def test_hidden_files_of_a_folder_are_not_data(tmp_path):
    ROWS.to_parquet(tmp_path / "a.parquet")
    ROWS.to_parquet(tmp_path / ".part.parquet")
    ROWS.to_parquet(tmp_path / "_metadata.parquet")
    assert source_files(str(tmp_path)) == (tmp_path / "a.parquet",)


def test_what_is_spilled_is_removed(tmp_path):
    engine = DuckDB()
    spill = engine._spill
    assert spill.is_dir()
    engine.close()
    assert not spill.exists()


# --- times --------------------------------------------------------------------------------------------------------

INSTANTS = (
    "1969-12-31 23:59:59.000000",
    "1970-01-01 00:00:00.000000",
    "1970-01-01 00:00:00.001999",
    "2024-02-29 12:00:00.123456",
    "2024-03-31 01:30:00.500000",
    "2024-12-31 23:59:59.999400",
    "2024-12-31 23:59:59.999999",
)


def instant(text):
    return f"CAST('{text}' AS TIMESTAMP)"


@pytest.mark.parametrize("text", INSTANTS)
def test_milliseconds_are_the_whole_ones_since_1970(engine, text):
    found = engine.query(f"SELECT {engine.milliseconds(instant(text))} AS ms")["ms"].iloc[0]
    assert found == (pd.Timestamp(text) - pd.Timestamp("1970-01-01")) // pd.Timedelta(milliseconds=1)


def test_milliseconds_of_nothing_are_nothing(engine):
    found = engine.query(f"SELECT {engine.milliseconds('CAST(NULL AS TIMESTAMP)')} AS ms")
    assert found["ms"].isna().all()


@pytest.mark.parametrize("sql_type", ["DOUBLE", "BIGINT"])
@pytest.mark.parametrize("n", [0, 1, 999, 86_400_000, 2_592_000_000])
def test_an_earlier_instant_lies_so_many_milliseconds_before(engine, n, sql_type):
    for text in INSTANTS:
        sql = engine.earlier(instant(text), f"CAST({n} AS {sql_type})")
        (found,) = engine.query(f"SELECT {sql} AS instant")["instant"]
        assert found == pd.Timestamp(text) - pd.Timedelta(milliseconds=n)


def test_an_earlier_instant_is_taken_row_by_row_and_without_milliseconds_there_is_none(engine):
    values = f"({instant('2024-03-01 00:00:01')}, 1500e0), ({instant('2024-03-02 00:00:00')}, NULL)"
    rows = f"SELECT * FROM (VALUES {values}) AS given (ended_at, ms)"
    found = engine.query(f"SELECT {engine.earlier('ended_at', 'ms')} AS came FROM ({rows}) ORDER BY ended_at")
    assert found["came"].iloc[0] == pd.Timestamp("2024-02-29 23:59:59.500")
    assert found["came"].isna().tolist() == [False, True]


# --- numbers that leave an engine, and numbers that come in --------------------------------------------------------


def test_numbers_leave_with_their_names_and_come_in_as_a_table(engine):
    found = engine.numbers("SELECT CAST(i AS BIGINT) AS i, CAST(10 * i AS INT) AS ten FROM range(5) AS t(i)")
    assert {name: sorted(values.tolist()) for name, values in found.items()} == {
        "i": [0, 1, 2, 3, 4],
        "ten": [0, 10, 20, 30, 40],
    }
    assert all(values.dtype.kind == "i" for values in found.values())
    engine.keep_numbers("places", "place", np.array([7, 3, 7], np.int64))
    assert engine.query("SELECT * FROM places ORDER BY place").to_dict("list") == {"place": [3, 7, 7]}


def test_numbers_may_be_none_and_may_be_kept_again_under_the_same_name(engine):
    assert engine.numbers("SELECT CAST(1 AS BIGINT) AS i WHERE 1 = 0")["i"].tolist() == []
    engine.keep_numbers("places", "place", np.array([1], np.int64))
    engine.keep_numbers("places", "place", np.array([], np.int64))
    assert engine.query("SELECT count(*) AS n FROM places")["n"].tolist() == [0]


def test_a_hash_is_alike_for_like_values_only(engine):
    rows = "(VALUES ('a', 1), ('a', 2), ('b', 1), ('a', 1), ('1', 1), ('', 1)) AS t (name, number)"
    found = engine.numbers(f"SELECT {engine.hash_of('name', 'number')} AS h FROM {rows}")["h"]
    assert found.itemsize == 8
    assert len(set(found.tolist())) == 5
    assert len(set(engine.numbers(f"SELECT {engine.hash_of('number')} AS h FROM {rows}")["h"].tolist())) == 2


def rows_that_come_again(engine, rows, keys):
    """Return the places of rows that share their hashed keys, and of those that a plain GROUP BY finds."""
    engine._connection.register("frame", rows.assign(place=np.arange(len(rows))))
    engine.create_view("rows", "SELECT * FROM frame")
    is_missing = " OR ".join(f"{key} IS NULL" for key in keys)
    subject = f"CASE WHEN {is_missing} THEN {UNKNOWN} ELSE {engine.hash_of(*keys)} END"
    found = engine.numbers(f"SELECT place, {subject} AS subject FROM rows")
    again = came_back(found["subject"], np.zeros(len(rows), np.int64))
    by = ", ".join(keys)
    same = " AND ".join(f"rows.{key} = twice.{key}" for key in keys)
    slow = f"SELECT place FROM rows JOIN (SELECT {by} FROM rows GROUP BY {by} HAVING count(*) > 1) AS twice ON {same}"
    expected = engine.query(f"{slow} ORDER BY place")["place"].tolist()
    engine._connection.unregister("frame")
    return sorted(found["place"][again].tolist()), expected


def test_rows_that_share_all_their_keys_come_again_and_no_others(engine):
    rows = pd.DataFrame(
        {
            "user_id": ["a", "a", "a", "b", None, None, "b", "c"],
            "case_id": pd.array([1, 2, 1, 1, 3, 3, None, 2], dtype="Int64"),
        }
    )
    assert rows_that_come_again(engine, rows, ("user_id", "case_id")) == ([0, 2], [0, 2])


@pytest.mark.parametrize("n_different", [1, 30, 3_000, 10**12])
@pytest.mark.parametrize("kinds", [("int64", "int64"), ("str",), ("int64", "str"), ("str", "int64", "str")])
def test_rows_that_come_again_are_those_that_a_slow_group_by_finds(engine, n_different, kinds):
    random = np.random.default_rng(len(kinds))
    keys = tuple(f"key_{place}" for place in range(len(kinds)))
    rows = {}
    for key, kind in zip(keys, kinds, strict=True):
        values = random.integers(0, n_different ** (1 / len(kinds)) + 1, 3_000)
        texts = [f"k{value}" for value in values]
        own = pd.array(values, dtype="Int64") if kind == "int64" else pd.array(texts, dtype="str")
        own[random.random(3_000) < 0.1] = None
        rows[key] = own
    again, expected = rows_that_come_again(engine, pd.DataFrame(rows), keys)
    assert again == expected
    if n_different in {1, 30}:
        assert again


@pytest.mark.parametrize("keys", [[], ["x"], [None, None, None]])
def test_few_rows_and_rows_without_keys_do_not_come_again(engine, keys):
    rows = pd.DataFrame({"key": pd.array(keys, dtype="str")})
    assert rows_that_come_again(engine, rows, ("key",)) == ([], [])


# Many that share their last bits, and some that are the same.
numbers = st.lists(
    st.tuples(
        st.builds(lambda high, low: (high << 40) | low, st.integers(-3, 3), st.integers(0, 3)),
        st.integers(0, 200_000),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(numbers, st.sampled_from([0, 60_000, 10**6]))
def test_numbers_that_come_again_in_time_are_found_among_many_with_the_same_last_bits(pairs, within_ms):
    subject, at_ms = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    expected = [
        place
        for place, (number, at) in enumerate(pairs)
        if number != UNKNOWN
        and any(
            number == other and abs(at - then) <= within_ms
            for k, (other, then) in enumerate(pairs)
            if k != place
        )
    ]
    assert came_back(subject, at_ms, within_ms=within_ms).tolist() == expected


# --- SQL of a user ------------------------------------------------------------------------------------------------


def test_sql_of_a_user_gives_its_rows(engine):
    engine.create_view("kpi_days", "SELECT 1 AS month, 2.5e0 AS value")
    found = engine.query_of_user("SELECT * FROM kpi_days", what="KPI 'a'")
    pd.testing.assert_frame_equal(found, pd.DataFrame({"month": [1], "value": [2.5]}), check_dtype=False)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT * FROM kpi_dys", "kpi_dys"),
        ("SELECT mnth FROM kpi_days", "mnth"),
        ("SELEC 1", "syntax error"),
        ("WITH a AS (SELECT 1 AS x) INSERT INTO kpi_days SELECT * FROM a", "syntax error"),
        ("SELECT CAST('x' AS INT) AS value", "'x'"),
        ("SELECT 1 AS value, sum(month) FROM kpi_days GROUP BY 2", "aggregate"),
    ],
)
def test_sql_of_a_user_that_cannot_run_is_refused_in_one_line(engine, sql, problem):
    engine.create_view("kpi_days", "SELECT 1 AS month")
    told = rf"^KPI 'a' in model\.yaml holds SQL that cannot be run: .*{problem}.* Correct it and run again\.$"
    with pytest.raises(ParameterError, match=told) as refused:
        engine.query_of_user(sql, what="KPI 'a' in model.yaml")
    assert "\n" not in str(refused.value)


# --- rows as plain Python values ------------------------------------------------------------------------------------

PLAIN_ROWS = (
    "SELECT CAST(1 AS BIGINT) AS big, CAST(2 AS INT) AS small, count(*) AS n, sum(x) AS total, 1.5e0 AS half, "
    "CAST('NaN' AS DOUBLE) AS nothing, 'Zürich, =x' AS place, '' AS empty, CAST(NULL AS STRING) AS no_text, "
    "CAST(NULL AS BIGINT) AS no_number, 1 = 1 AS yes FROM (VALUES (1), (2), (4)) AS given (x)"
)
PLAIN_TYPES = [int, int, int, int, float, float, str, str, type(None), type(None), bool]


def check_plain_rows(engine):
    """Hold an engine's rows to their plain values and types."""
    ((*found,),) = engine.rows(PLAIN_ROWS)
    assert [type(value) for value in found] == PLAIN_TYPES
    assert np.isnan(found.pop(5))
    assert found == [1, 2, 3, 7, 1.5, "Zürich, =x", "", None, None, True]


def test_rows_are_tuples_of_plain_values(engine):
    check_plain_rows(engine)
    assert engine.rows("SELECT x FROM (VALUES (2), (1)) AS given (x) ORDER BY x") == [(1,), (2,)]
    assert engine.rows("SELECT 1 AS x WHERE 1 = 0") == []


WHOLE_BELOW = {
    "CAST(3 AS INT)": 3,
    "2.75e0": 2,
    "-0.5e0": -1,
    "-7e0": -7,
    "CAST(9007199254740993 AS BIGINT)": 9_007_199_254_740_992,  # as a DOUBLE, which holds no odd number there
    "9.22e18": 9_220_000_000_000_000_000,
    "-9223372036854775808e0": -(2**63),
    "9223372036854775808e0": None,
    "CAST(9223372036854775807 AS BIGINT)": None,
    "CAST('NaN' AS DOUBLE)": None,
    "CAST('Infinity' AS DOUBLE)": None,
    "CAST('-Infinity' AS DOUBLE)": None,
    "CAST(NULL AS DOUBLE)": None,
}


def whole_below(engine):
    """Return what an engine makes of each number of :data:`WHOLE_BELOW`, each in a row of its own."""
    rows = " UNION ALL ".join(
        f"SELECT {place} AS place, CAST({number} AS DOUBLE) AS number"
        for place, number in enumerate(WHOLE_BELOW)
    )
    found = engine.rows(f"SELECT place, {engine.whole_below('number')} AS whole FROM ({rows}) AS given")
    return [whole for _, whole in sorted(found)]


def test_the_whole_number_below_is_none_for_what_64_bits_do_not_hold(engine):
    assert whole_below(engine) == list(WHOLE_BELOW.values())
    ((whole,),) = engine.rows(f"SELECT {engine.whole_below('CAST(9007199254740993 AS BIGINT)')} AS whole")
    assert whole == 9_007_199_254_740_992


TEXTS = ("north", "", "it's", "''", "a\\nb", "\\'", "Zürich", "x'--")


def check_text_literals(engine):
    """Hold an engine to reading every text as it stands."""
    ((*found,),) = engine.rows(
        "SELECT " + ", ".join(f"{text_literal(text)} AS t_{i}" for i, text in enumerate(TEXTS))
    )
    assert found == list(TEXTS)
    listed = ", ".join(map(text_literal, TEXTS))
    assert engine.rows(f"SELECT 1 AS x WHERE {text_literal(TEXTS[2])} IN ({listed})") == [(1,)]


def test_texts_with_quotes_and_backslashes_are_read_as_they_stand(engine):
    check_text_literals(engine)


# --- which engine ---------------------------------------------------------------------------------------------------


def test_duckdb_is_started_with_its_settings():
    made = engine_from(EngineSettings(memory_limit="300MB", threads=1))
    ((threads, limit),) = made.rows(
        "SELECT current_setting('threads') AS t, current_setting('memory_limit') AS m"
    )
    made.close()
    assert isinstance(made, DuckDB)
    assert (threads, limit) == (1, "286.1 MiB")


def test_duckdb_takes_two_gigabytes_when_nothing_is_said():
    made = engine_from(EngineSettings())
    assert made.rows("SELECT current_setting('memory_limit') AS m") == [("1.8 GiB",)]
    made.close()


@pytest.mark.parametrize(
    "master",
    [
        "local",
        "local[4]",
        "local[*]",
        "spark://desk:7077",
        "spark://one:7077,two:7077",
        "spark://[::1]:7077",
        "sc://desk",
        "sc://desk:15002",
        "sc://${HOST}:${PORT}/;token=${TOKEN}",
    ],
)
def test_masters_that_spark_knows_are_taken(master):
    assert EngineSettings(name="spark", master=master).master == master


@pytest.mark.parametrize(
    ("master", "hint"),
    [
        ("locl[2]", " Did you mean 'local[2]'?"),
        ("local[0]", ""),
        ("spork://desk:7077", " Did you mean 'spark://desk:7077'?"),
        ("spark://desk", ""),
        ("SC://desk:15002", " Did you mean 'sc://desk:15002'?"),
        ("yarn", ""),
        ("", ""),
    ],
)
def test_other_masters_are_refused_with_the_closest(master, hint):
    with pytest.raises(ParameterError) as refused:
        EngineSettings(name="spark", master=master)
    assert str(refused.value) == (
        f'master: got {master!r}, allowed is local, "local[2]", "local[*]", spark://host:port or sc://host:port.{hint}'
    )


def test_a_token_stays_out_of_messages():
    with pytest.raises(FieldsError) as refused:
        EngineSettings(name="spark", master="cs://desk:15002/;token=hunter2")
    assert "hunter2" not in str(refused.value)
    assert "Did you mean 'sc://desk:15002/'?" in str(refused.value)


@pytest.mark.parametrize("scheme", ["spark", "sc"])
def test_a_spark_that_does_not_answer_is_told_within_seconds(scheme):
    with pytest.raises(
        DataError, match=rf"^Spark at '{scheme}://localhost:1' did not answer: .* Check that it runs"
    ):
        check_answers(f"{scheme}://localhost:1")


def test_a_spark_that_answers_at_one_of_its_addresses_is_enough():
    with socket.create_server(("localhost", 0)) as listening:
        port = listening.getsockname()[1]
        check_answers(f"spark://localhost:1,localhost:{port}")
        check_answers(f"sc://localhost:{port}/;user_id=me")
    check_answers("local[2]")


def test_spark_without_pyspark_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ParameterError, match=r"needs pyspark.*pip install 'afterlaunch\[spark\]'$"):
        engine_from(EngineSettings(name="spark"))


def test_a_table_of_sparks_catalogue_is_not_for_duckdb(engine, tmp_path):
    told = (
        r"^'catalogue://desk\.claims' is a table of Spark's catalogue, which DuckDB cannot read\. Set `path`"
    )
    with pytest.raises(DataError, match=told):
        engine.read(Source(table="desk.claims"), "arriving", root=tmp_path)


def test_a_source_without_path_and_table_is_refused():
    with pytest.raises(ParameterError, match=r"^A source has neither path nor table\. Give the path of its"):
        Source(path="")
