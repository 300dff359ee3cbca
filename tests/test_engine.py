import sqlite3

import duckdb
import pandas as pd
import pytest

from afterlaunch.engine import DuckDB, Source, source_files, source_kind
from afterlaunch.errors import DataError, ParameterError

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
