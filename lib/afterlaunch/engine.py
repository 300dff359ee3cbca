"""The only module that knows an engine: DuckDB inside the process, Spark where one machine is too small.

Both run the same SQL text. What differs between them (reading files, quoting a user's column names, session
settings) is behind the small protocol :class:`Engine`; everything above writes plain SQL over views whose columns
carry names of our own.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from afterlaunch.engine_settings import EngineSettings, check_answers
from afterlaunch.errors import AfterlaunchError, DataError, ParameterError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

_FILE_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".gz": "csv", ".duckdb": "duckdb"}
_DATABASES = {"sqlite": "adbc_driver_sqlite", "postgresql": "adbc_driver_postgresql"}
_CATALOGUE = "catalogue://"
_SPELLED_OUT = re.compile(r"(['\\])")
_SPELLED = {sign: f"chr({ord(sign)})" for sign in ("'", "\\")}
_SPARKS_OWN = re.compile(r"\[[A-Z][A-Z_.]+\] .*")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where a table is: a Parquet or CSV file, folder or glob, a DuckDB file, a database, or Spark's catalogue.

    Parameters
    ----------
    path : str
        A path (relative paths start at the project's folder), ``sqlite:///file.db`` or
        ``postgresql://user@host/database``. ``${NAME}`` is replaced by the environment variable NAME, so that no
        password stands in a file. Empty for a table of Spark's catalogue.
    table : str
        The table's name in a database; in Spark's catalogue, ``schema.table``.
    """

    path: str = ""
    table: str = ""

    def __post_init__(self) -> None:
        if not (self.path or self.table):
            raise ParameterError(
                "A source has neither path nor table. Give the path of its data, or with the engine spark the table "
                "in Spark's catalogue."
            )

    @property
    def is_url(self) -> bool:
        """Whether this is a database behind a URL."""
        return "://" in self.path

    @property
    def is_catalogued(self) -> bool:
        """Whether this is a table of Spark's catalogue."""
        return self.title.startswith(_CATALOGUE)

    @property
    def title(self) -> str:
        """What messages and reports call it: its path as it was given, or ``catalogue://`` and its table."""
        return self.path or f"{_CATALOGUE}{self.table}"

    def resolved(self, root: Path) -> str:
        """Return the path or URL with environment variables filled in, absolute below ``root``.

        That of a table of Spark's catalogue is its title: not a file, and without a fingerprint.

        Raises
        ------
        ParameterError
            When an environment variable is not set.
        """
        text = _VARIABLE.sub(_environment_variable, self.title)
        if "://" in text:
            scheme, rest = text.split("://", 1)
            is_relative_file = scheme == "sqlite" and not rest.startswith("//")
            return f"sqlite:///{root / rest.lstrip('/')}" if is_relative_file else text
        return str(root / text)


def _environment_variable(match: re.Match[str]) -> str:
    value = os.environ.get(match[1])
    if value is None:
        raise ParameterError(
            f"The environment variable {match[1]!r}, which the data source names, is not set. Set it and run again."
        )
    return value


class Engine(Protocol):
    """What the library asks of an engine."""

    def read(self, source: Source, view: str, *, root: Path) -> dict[str, str]:
        """Make a source readable as ``view`` and return its columns with their kinds.

        Kinds are ``integer``, ``number``, ``text``, ``boolean``, ``instant`` (a time without a zone),
        ``zoned_instant``, ``date`` and ``other``.
        """
        ...

    def quote(self, name: str) -> str:
        """Quote a user's column name for this engine's SQL."""
        ...

    def local_time(self, expression: str, time_zone: str) -> str:
        """Return SQL that turns a zoned instant into the local time of a zone."""
        ...

    def milliseconds(self, instant: str) -> str:
        """Return SQL of the whole milliseconds from 1970 to an instant without a zone."""
        ...

    def whole_below(self, number: str) -> str:
        """Return SQL of the largest whole number at or below a number; NULL for NaN, infinity and beyond 64 bits."""
        ...

    def earlier(self, instant: str, milliseconds: str) -> str:
        """Return SQL of the instant that lies so many milliseconds before another."""
        ...

    def quantiles(self, value: str, shares: Sequence[float]) -> str:
        """Return SQL of a list: the exact quantiles of a number, linear between two values.

        All values of a group are held in memory, which no spilling relieves.
        """
        ...

    def create_view(self, name: str, select: str) -> None:
        """Name a SELECT, so that later queries can read it."""
        ...

    def keep(self, name: str, select: str) -> None:
        """Name a SELECT and keep its rows, which several queries will read."""
        ...

    def keep_numbers(self, name: str, column: str, values: npt.NDArray[np.int64]) -> None:
        """Name a table of one column of whole numbers."""
        ...

    def hash_of(self, *columns: str) -> str:
        """Return SQL of a number of 64 bits that is alike for like values; each engine has numbers of its own."""
        ...

    def numbers(self, sql: str) -> dict[str, npt.NDArray[Any]]:
        """Run a SELECT of whole numbers without NULL and return its columns, in the order of the engine's choice."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a SELECT and return its rows as plain Python values."""
        ...

    def query(self, sql: str) -> pd.DataFrame:
        """Run a SELECT and return its rows: int64, float64, bool, str or datetime64 columns."""
        ...

    def query_of_user(self, sql: str, *, what: str) -> pd.DataFrame:
        """Run a SELECT that a user wrote; ``what`` says where it stands, for the message when it cannot run."""
        ...

    def close(self) -> None:
        """Give back what the engine holds."""
        ...


def source_kind(path: str) -> str:
    """Return how a path is read: ``parquet``, ``csv``, ``duckdb``, ``sqlite``, ``postgresql`` or ``catalogue``.

    Raises
    ------
    DataError
        When the ending or the URL's scheme is not one of these.
    """
    if "://" in path:
        scheme = path.split("://", 1)[0]
        if scheme in _DATABASES or path.startswith(_CATALOGUE):
            return scheme
        raise DataError(
            f"Data source {_without_password(path)!r} has the scheme {scheme!r}; allowed are {', '.join(_DATABASES)}."
            f"{did_you_mean(scheme, _DATABASES)}"
        )
    suffix = _suffix_of_files(Path(path))
    if suffix in _FILE_SUFFIXES:
        return _FILE_SUFFIXES[suffix]
    raise DataError(
        f"Data source {path!r} ends with {suffix!r}; allowed are {', '.join(_FILE_SUFFIXES)}, a folder or glob of "
        f"them, sqlite:///file.db and postgresql://…"
    )


def source_files(path: str) -> tuple[Path, ...]:
    """Return the files that a resolved path, folder or glob stands for, sorted.

    Raises
    ------
    DataError
        When there is none.
    """
    place = Path(path)
    if place.is_dir():
        found = [
            p for p in place.rglob("*") if p.suffix in _FILE_SUFFIXES and not p.name.startswith((".", "_"))
        ]
    elif any(sign in place.name for sign in "*?["):
        found = list(place.parent.glob(place.name))
    else:
        found = [place] if place.exists() else []
    if not found:
        near = [p.name for p in place.parent.iterdir()] if place.parent.is_dir() else []
        raise DataError(
            f"No data at {path!r}.{did_you_mean(place.name, near)} Check `path` in the model's model.yaml: a file, a "
            f"folder or a glob of Parquet or CSV files, a DuckDB file, sqlite:///file.db or postgresql://…"
        )
    return tuple(sorted(found))


def _suffix_of_files(place: Path) -> str:
    return source_files(str(place))[0].suffix.lower() if place.is_dir() else place.suffix.lower()


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)[^@/]*@", "…@", url)


def text_literal(text: str) -> str:
    """Return a text as SQL that every engine reads alike.

    Quotes and backslashes are spelled out: to Spark 4.0 two quotes are none, and a backslash changes what follows it.

    Examples
    --------
    >>> text_literal("north"), text_literal("it's")
    ("'north'", "('it' || chr(39) || 's')")
    """
    if not _SPELLED_OUT.search(text):
        return f"'{text}'"
    parts = [part for part in _SPELLED_OUT.split(text) if part]
    return "(" + " || ".join(_SPELLED.get(part, f"'{part}'") for part in parts) + ")"


def _duckdb_text(text: str) -> str:
    """Return a text as DuckDB wants it where nothing but a literal may stand."""
    return "'" + text.replace("'", "''") + "'"


class DuckDB:
    """The default engine: embedded, out of core, bounded in memory.

    Parameters
    ----------
    memory_limit : str
        Such as ``"2GB"``; what does not fit is spilled to a folder of its own that is removed at the end.
    threads : int
        0 leaves the choice to DuckDB.
    """

    def __init__(self, *, memory_limit: str = "2GB", threads: int = 0) -> None:
        import duckdb

        self._spill = Path(tempfile.mkdtemp(prefix="afterlaunch-"))
        self._remove_spill = weakref.finalize(self, shutil.rmtree, self._spill, ignore_errors=True)
        settings: dict[str, Any] = {
            "memory_limit": memory_limit,
            "temp_directory": str(self._spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if threads:
            settings["threads"] = threads
        self._connection = duckdb.connect(config=settings)

    def read(self, source: Source, view: str, *, root: Path) -> dict[str, str]:
        """Make a source readable as ``view``; see :meth:`Engine.read`."""
        if source.is_catalogued:
            raise DataError(
                f"{source.title!r} is a table of Spark's catalogue, which DuckDB cannot read. Set `path` of this "
                "source in the model's model.yaml, or `engine: {name: spark}`."
            )
        path = source.resolved(root)
        kind = source_kind(path)
        if kind in _DATABASES:
            self._copy_from_database(path, source.table, view)
        elif kind == "duckdb":
            self._attach(path, source.table, view)
        else:
            files = "[" + ", ".join(_duckdb_text(str(f)) for f in source_files(path)) + "]"
            options = ", union_by_name = true" + (", sample_size = -1" if kind == "csv" else "")
            self._try(f"CREATE TEMP VIEW {view} AS SELECT * FROM read_{kind}({files}{options})", path)
        described = self._try(f"DESCRIBE {view}", path)
        return {str(name): _kind(str(column_type)) for name, column_type, *_ in described}

    def quote(self, name: str) -> str:
        """Quote a column name."""
        return '"' + name.replace('"', '""') + '"'

    def local_time(self, expression: str, time_zone: str) -> str:
        """Return SQL that turns a zoned instant into local time."""
        return f"timezone({text_literal(time_zone)}, {expression})"

    def milliseconds(self, instant: str) -> str:
        """Return SQL of the milliseconds since 1970."""
        return f"CAST(floor(epoch_us({instant}) / 1000e0) AS BIGINT)"

    def whole_below(self, number: str) -> str:
        """Return SQL of the whole number at or below; see :meth:`Engine.whole_below`."""
        return f"TRY_CAST(floor({number}) AS BIGINT)"

    def earlier(self, instant: str, milliseconds: str) -> str:
        """Return SQL of an earlier instant."""
        return f"{instant} - to_milliseconds({milliseconds})"

    def quantiles(self, value: str, shares: Sequence[float]) -> str:
        """Return SQL of exact quantiles; see :meth:`Engine.quantiles`."""
        return f"quantile_cont({value}, [{', '.join(f'{share!r}e0' for share in shares)}])"

    def create_view(self, name: str, select: str) -> None:
        """Name a SELECT."""
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {select}")

    def keep(self, name: str, select: str) -> None:
        """Name a SELECT and keep its rows; what does not fit into memory is spilled."""
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    def keep_numbers(self, name: str, column: str, values: npt.NDArray[np.int64]) -> None:
        """Name a table of one column of whole numbers."""
        self._connection.register("arriving_numbers", _as_table(column, values))
        self.keep(name, "SELECT * FROM arriving_numbers")
        self._connection.unregister("arriving_numbers")

    def hash_of(self, *columns: str) -> str:
        """Return SQL of a hash; see :meth:`Engine.hash_of`."""
        return f"CAST(hash('', {', '.join(columns)}) >> 1 AS BIGINT)"

    def numbers(self, sql: str) -> dict[str, npt.NDArray[Any]]:
        """Run a SELECT of whole numbers; see :meth:`Engine.numbers`."""
        return _columns(self._connection.sql(sql).to_arrow_table())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a SELECT; see :meth:`Engine.rows`."""
        return self._connection.sql(sql).fetchall()

    def query(self, sql: str) -> pd.DataFrame:
        """Run a SELECT; see :meth:`Engine.query`."""
        frame: pd.DataFrame = self._connection.sql(sql).df()
        return frame

    def query_of_user(self, sql: str, *, what: str) -> pd.DataFrame:
        """Run a user's SELECT; see :meth:`Engine.query_of_user`."""
        import duckdb

        try:
            return self.query(_only_a_select(sql))
        except duckdb.Error as error:
            raise _unusable_sql(what, error) from error

    def close(self) -> None:
        """Close the connection and remove what was spilled."""
        self._connection.close()
        self._remove_spill()

    def _attach(self, path: str, table: str, view: str) -> None:
        source_files(path)
        self._try(f"ATTACH IF NOT EXISTS {_duckdb_text(path)} AS {self.quote(path)} (READ_ONLY)", path)
        rows = self._connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ? UNION ALL "
            "SELECT view_name FROM duckdb_views() WHERE database_name = ? AND NOT internal",
            [path, path],
        ).fetchall()
        _check_table(table, (str(name) for (name,) in rows), path)
        self._connection.execute(
            f"CREATE TEMP VIEW {view} AS SELECT * FROM {self.quote(path)}.main.{self.quote(table)}"
        )

    def _copy_from_database(self, url: str, table: str, view: str) -> None:
        with _adbc_connection(url) as connection:
            names = _database_tables(connection, url)
            _check_table(table, names, _without_password(url))
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {self.quote(table)}")
                rows = cursor.fetch_record_batch()
                self._connection.register("arriving_rows", rows)
                self._connection.execute(f"CREATE TEMP TABLE {view} AS SELECT * FROM arriving_rows")
                self._connection.unregister("arriving_rows")

    def _try(self, sql: str, path: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> DataError:
    return DataError(
        f"Data source {path!r} could not be read: {_told(error)} Check that the file is complete and of the kind its "
        "ending says."
    )


def _only_a_select(sql: str) -> str:
    """Put a user's SQL where nothing but a SELECT can stand; a comment at its end does not swallow the bracket."""
    return f"SELECT * FROM (\n{sql}\n) AS of_user"


def _told(error: Exception) -> str:
    """Return one line of an engine's error: Spark's own, which may stand below Java's, or the first."""
    text = str(error).strip() or type(error).__name__
    own = _SPARKS_OWN.search(text)
    line = (own[0] if own else text.splitlines()[0]).strip()
    return line if line.endswith(".") else f"{line}."


def _unusable_sql(what: str, error: Exception) -> ParameterError:
    first_line = str(error).splitlines()[0].rstrip(".")
    return ParameterError(f"{what} holds SQL that cannot be run: {first_line}. Correct it and run again.")


def _as_table(name: str, values: npt.NDArray[np.int64]) -> Any:  # noqa: ANN401  # pyarrow has no types
    import pyarrow as pa

    return pa.table({name: values})


def _columns(table: Any) -> dict[str, npt.NDArray[Any]]:  # noqa: ANN401  # pyarrow has no types
    return {name: table.column(name).to_numpy() for name in table.column_names}


def _adbc_connection(url: str) -> Any:  # noqa: ANN401  # ADBC's connections have no common type
    import importlib

    scheme = url.split("://", 1)[0]
    extra = {"sqlite": "sqlite", "postgresql": "postgres"}[scheme]
    try:
        driver = importlib.import_module(f"{_DATABASES[scheme]}.dbapi")
    except ImportError as error:
        raise ParameterError(
            f"Reading {scheme} needs a driver that is not installed. "
            f"Install it with: pip install 'afterlaunch[{extra}]'"
        ) from error
    if scheme == "sqlite":
        path = url.removeprefix("sqlite:///")
        source_files(path)
        return driver.connect(f"file:{path}?mode=ro")
    try:
        return driver.connect(url)
    except Exception as error:
        raise DataError(
            f"The database {_without_password(url)!r} did not answer: {str(error).splitlines()[0]} "
            "Check that it runs and that the user may read it."
        ) from error


def _database_tables(connection: Any, url: str) -> list[str]:  # noqa: ANN401
    listing = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
        "postgresql": "SELECT table_name::text FROM information_schema.tables "
        "WHERE table_schema = ANY (current_schemas(false))",
    }[url.split("://", 1)[0]]
    with connection.cursor() as cursor:
        cursor.execute(listing)
        return [str(row[0]) for row in cursor.fetchall()]


def _check_table(table: str, names: Iterable[str], path: str) -> None:
    known = sorted(names)
    if table not in known:
        raise DataError(
            f"Table {table!r} is not in {path!r}; there are: {', '.join(known) or 'none'}."
            f"{did_you_mean(table, known)} Set `table` of this source in the model's model.yaml."
        )


def _kind(column_type: str) -> str:
    name = column_type.upper().split("(")[0].strip()
    if "[" in column_type or name.startswith(("STRUCT", "MAP", "UNION", "ARRAY")):
        return "other"
    kinds: Mapping[str, tuple[str, ...]] = {
        "integer": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                    "UBIGINT", "UHUGEINT", "BYTE", "SHORT", "INT", "LONG"),
        "number": ("FLOAT", "DOUBLE", "DECIMAL", "REAL"),
        "text": ("VARCHAR", "STRING", "CHAR", "UUID", "ENUM"),
        "boolean": ("BOOLEAN",),
        "date": ("DATE",),
        "instant": ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP_NTZ"),
        "zoned_instant": ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMP_LTZ"),
    }  # fmt: skip
    return next((kind for kind, names in kinds.items() if name in names), "other")


class Spark:
    """The same queries on a Spark session, for logs that one machine cannot scan.

    Parameters
    ----------
    session : pyspark.sql.SparkSession or None
        A session of yours, which is left running at the end.
    master : str
        Without a session: where to start one (:class:`~afterlaunch.engine_settings.EngineSettings`). Empty: beside
        the session that runs in this process, or ``local[2]``.
    """

    def __init__(self, session: Any = None, *, master: str = "") -> None:  # noqa: ANN401  # pyspark is an extra
        self._session, self._own = (session, False) if session is not None else _spark_session(master)
        self._kept: dict[str, Any] = {}
        for key, value in {
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.ansi.enabled": "true",
        }.items():
            self._set(key, value)

    def _set(self, key: str, value: str) -> None:
        """Set what the SQL relies on; a server that forbids it may still have the value."""
        try:
            if str(self._session.conf.get(key)).lower() != value.lower():
                self._session.conf.set(key, value)
        except Exception as error:
            raise ParameterError(
                f"Spark does not take {key} = {value}, without which its numbers would differ: "
                f"{_told(error)} Set it where this Spark is started, or use another."
            ) from error

    def read(self, source: Source, view: str, *, root: Path) -> dict[str, str]:
        """Make a source readable as ``view``; files of Parquet or CSV, or a table of the catalogue."""
        path = source.resolved(root)
        kind = source_kind(path)
        if kind not in {"parquet", "csv", "catalogue"}:
            raise DataError(
                f"Spark reads Parquet and CSV here, not {kind} ({source.path!r}). Use DuckDB for it."
            )
        try:
            frame = (
                self._catalogued(path.removeprefix(_CATALOGUE))
                if kind == "catalogue"
                else self._of_files(path)
            )
            frame.createOrReplaceTempView(view)
            # Spark's TIMESTAMP is an instant on the world's clock, whatever the word means in SQL.
            kinds = {
                name: "zoned_instant" if kind == "timestamp" else _kind(kind) for name, kind in frame.dtypes
            }
        except AfterlaunchError:
            raise
        # What Java throws and pyspark does not know arrives as an error of py4j's, which Spark Connect does without.
        except Exception as error:
            raise _unreadable(path, error) from error
        return kinds

    def _catalogued(self, table: str) -> Any:  # noqa: ANN401
        if not self._session.catalog.tableExists(table):
            schema = table.rpartition(".")[0]
            listed = self._session.catalog.listTables(schema or None)
            names = [f"{schema}.{found.name}" if schema else found.name for found in listed]
            _check_table(table, names, "Spark's catalogue")
        return self._session.table(table)

    def _of_files(self, path: str) -> Any:  # noqa: ANN401
        """Read files as DuckDB does: columns by their names, and CSV's quotes doubled inside of quotes."""
        files = [str(f) for f in source_files(path)]
        if source_kind(path) == "parquet":
            return self._session.read.option("mergeSchema", "true").parquet(*files)
        reader = self._session.read.options(header=True, inferSchema=True, escape='"', multiLine=True)
        # One by one, because Spark takes the columns of several files by their places.
        frames = [reader.csv(file) for file in files]
        return functools.reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)

    def quote(self, name: str) -> str:
        """Quote a column name."""
        return "`" + name.replace("`", "``") + "`"

    def local_time(self, expression: str, time_zone: str) -> str:
        """Return SQL that turns a zoned instant into local time."""
        return f"CAST(from_utc_timestamp({expression}, {text_literal(time_zone)}) AS TIMESTAMP_NTZ)"

    def milliseconds(self, instant: str) -> str:
        """Return SQL of the milliseconds since 1970; the session's zone is UTC."""
        return f"unix_millis(CAST({instant} AS TIMESTAMP_LTZ))"

    def whole_below(self, number: str) -> str:
        """Return SQL of the whole number at or below; Spark's own floor makes 0 of NaN and a number of infinity."""
        given = f"CAST({number} AS DOUBLE)"
        in_64_bits = f"{given} >= -9223372036854775808e0 AND {given} < 9223372036854775808e0"
        return f"CASE WHEN {in_64_bits} THEN floor({given}) END"

    def earlier(self, instant: str, milliseconds: str) -> str:
        """Return SQL of an earlier instant."""
        return f"timestampadd(MICROSECOND, -CAST(round(1000e0 * ({milliseconds})) AS BIGINT), {instant})"

    def quantiles(self, value: str, shares: Sequence[float]) -> str:
        """Return SQL of exact quantiles; see :meth:`Engine.quantiles`."""
        return f"percentile({value}, array({', '.join(f'{share!r}D' for share in shares)}))"

    def create_view(self, name: str, select: str) -> None:
        """Name a SELECT."""
        self._session.sql(select).createOrReplaceTempView(name)

    def keep(self, name: str, select: str) -> None:
        """Name a SELECT and keep its rows in the cluster's memory and on its disks."""
        before = self._kept.get(name)
        self._kept[name] = self._session.sql(select).persist()
        self._kept[name].createOrReplaceTempView(name)
        if before is not None:
            before.unpersist()

    def keep_numbers(self, name: str, column: str, values: npt.NDArray[np.int64]) -> None:
        """Name a table of one column of whole numbers."""
        self._session.createDataFrame(_as_table(column, values)).createOrReplaceTempView(name)

    def hash_of(self, *columns: str) -> str:
        """Return SQL of a hash; see :meth:`Engine.hash_of`."""
        return f"xxhash64({', '.join(columns)})"

    def numbers(self, sql: str) -> dict[str, npt.NDArray[Any]]:
        """Run a SELECT of whole numbers; see :meth:`Engine.numbers`."""
        return _columns(self._session.sql(sql).toArrow())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a SELECT; see :meth:`Engine.rows`."""
        return [tuple(row) for row in self._session.sql(sql).collect()]

    def query_of_user(self, sql: str, *, what: str) -> pd.DataFrame:
        """Run a user's SELECT; see :meth:`Engine.query_of_user`."""
        from pyspark.errors import PySparkException

        try:
            return self.query(_only_a_select(sql))
        except PySparkException as error:
            raise _unusable_sql(what, error) from error

    def query(self, sql: str) -> pd.DataFrame:
        """Run a SELECT; see :meth:`Engine.query`."""
        # By way of Arrow: pyspark's own way to pandas warns about every pandas from 3.0 on.
        frame: pd.DataFrame = self._session.sql(sql).toArrow().to_pandas()
        return frame

    def close(self) -> None:
        """Stop the session when it is ours; of another's, give back what was kept in it."""
        if self._own:
            self._session.stop()
            return
        while self._kept:
            self._kept.popitem()[1].unpersist()


def _spark_session(master: str) -> tuple[Any, bool]:
    """Return a session, and whether it is ours to stop."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ParameterError(
            "The Spark engine needs pyspark, which is not installed. Install it with: pip install 'afterlaunch[spark]'"
        ) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    address = _VARIABLE.sub(_environment_variable, master)
    running = SparkSession.getActiveSession()
    if running is not None and not address.startswith("sc://"):
        return _beside(running, address), False
    check_answers(address)
    try:
        return _started(SparkSession.builder, address or "local[2]"), True
    except ImportError as error:
        raise ParameterError(
            f"Spark Connect needs packages that are not installed: {_told(error)} Install them with: "
            "pip install 'pyspark[connect]'"
        ) from error
    except Exception as error:
        raise DataError(
            f"Spark did not start: {_told(error)} Check Java and `engine.master` in the model's model.yaml."
        ) from error


def _started(builder: Any, address: str) -> Any:  # noqa: ANN401
    if address.startswith("sc://"):
        # Not getOrCreate, which would hand out a session that is connected elsewhere.
        return builder.remote(address).create()
    builder = builder.master(address).appName("afterlaunch")
    if address.startswith("local"):
        builder = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4")
    return builder.getOrCreate()


def _beside(running: Any, address: str) -> Any:  # noqa: ANN401
    """Return a session with settings and views of its own on the Spark that runs in this process already."""
    found = running.conf.get("spark.master", "")
    if address and found != address:
        raise ParameterError(
            f"Spark runs in this process already, with the master {found!r}, and the one asked for is {address!r}. "
            "Stop that session, or leave out `engine.master` in the model's model.yaml to work beside it."
        )
    # Spark Connect has no sessions beside a session.
    return running.newSession() if hasattr(running, "newSession") else running


def engine_from(settings: EngineSettings) -> DuckDB | Spark:
    """Start the engine that settings name.

    Raises
    ------
    ParameterError, DataError
        When pyspark is not installed, or nobody answers at the master's address.
    """
    if settings.name == "spark":
        return Spark(master=settings.master or "")
    return DuckDB(memory_limit=settings.memory_limit or "2GB", threads=settings.threads or 0)
