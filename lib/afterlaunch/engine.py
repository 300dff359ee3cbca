"""The only module that knows an engine: DuckDB inside the process, Spark where one machine is too small.

Both run the same SQL text. What differs between them (reading files, quoting a user's column names, session
settings) is behind the small protocol :class:`Engine`; everything above writes plain SQL over views whose columns
carry names of our own.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from afterlaunch.errors import DataError, ParameterError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

_FILE_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".gz": "csv", ".duckdb": "duckdb"}
_DATABASES = {"sqlite": "adbc_driver_sqlite", "postgresql": "adbc_driver_postgresql"}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where a table is: a Parquet or CSV file, folder or glob, a DuckDB file, or a database.

    Parameters
    ----------
    path : str
        A path (relative paths start at the project's folder), ``sqlite:///file.db`` or
        ``postgresql://user@host/database``. ``${NAME}`` is replaced by the environment variable NAME, so that no
        password stands in a file.
    table : str
        The table's name, for databases only.
    """

    path: str
    table: str = ""

    @property
    def is_url(self) -> bool:
        """Whether this is a database behind a URL."""
        return "://" in self.path

    def resolved(self, root: Path) -> str:
        """Return the path or URL with environment variables filled in, absolute below ``root``.

        Raises
        ------
        ParameterError
            When an environment variable is not set.
        """
        text = _VARIABLE.sub(_environment_variable, self.path)
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
    """Return how a resolved path is read: ``parquet``, ``csv``, ``duckdb``, ``sqlite`` or ``postgresql``.

    Raises
    ------
    DataError
        When the ending or the URL's scheme is not one of these.
    """
    if "://" in path:
        scheme = path.split("://", 1)[0]
        if scheme in _DATABASES:
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
    """Return a text as SQL.

    Examples
    --------
    >>> text_literal("it's")
    "'it''s'"
    """
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
        path = source.resolved(root)
        kind = source_kind(path)
        if kind in _DATABASES:
            self._copy_from_database(path, source.table, view)
        elif kind == "duckdb":
            self._attach(path, source.table, view)
        else:
            files = "[" + ", ".join(text_literal(str(f)) for f in source_files(path)) + "]"
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
        self._try(f"ATTACH IF NOT EXISTS {text_literal(path)} AS {self.quote(path)} (READ_ONLY)", path)
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
            first_line = str(error).splitlines()[0]
            raise DataError(
                f"Data source {path!r} could not be read: {first_line} Check that the file is complete and of the kind "
                "its ending says."
            ) from error


def _only_a_select(sql: str) -> str:
    """Put a user's SQL where nothing but a SELECT can stand; a comment at its end does not swallow the bracket."""
    return f"SELECT * FROM (\n{sql}\n) AS of_user"


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
        A session of yours; without one a local session is started.
    """

    def __init__(self, session: Any = None) -> None:  # noqa: ANN401  # pyspark is an extra
        self._own = session is None
        self._session = session or _local_spark()
        for key, value in {
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.ansi.enabled": "true",
        }.items():
            self._session.conf.set(key, value)

    def read(self, source: Source, view: str, *, root: Path) -> dict[str, str]:
        """Make a source readable as ``view``; files of Parquet or CSV, or a table of the catalogue."""
        if source.table and not source.path:
            frame = self._session.table(source.table)
        else:
            path = source.resolved(root)
            kind = source_kind(path)
            if kind not in {"parquet", "csv"}:
                raise DataError(
                    f"Spark reads Parquet and CSV here, not {kind} ({source.path!r}). Use DuckDB for it."
                )
            files = [str(f) for f in source_files(path)]
            reader = self._session.read
            frame = (
                reader.parquet(*files)
                if kind == "parquet"
                else reader.csv(files, header=True, inferSchema=True)
            )
        frame.createOrReplaceTempView(view)
        return {name: _kind(column_type) for name, column_type in frame.dtypes}

    def quote(self, name: str) -> str:
        """Quote a column name."""
        return "`" + name.replace("`", "``") + "`"

    def local_time(self, expression: str, time_zone: str) -> str:
        """Return SQL that turns a zoned instant into local time."""
        return f"CAST(from_utc_timestamp({expression}, {text_literal(time_zone)}) AS TIMESTAMP_NTZ)"

    def milliseconds(self, instant: str) -> str:
        """Return SQL of the milliseconds since 1970; the session's zone is UTC."""
        return f"unix_millis(CAST({instant} AS TIMESTAMP_LTZ))"

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
        self._session.sql(select).persist().createOrReplaceTempView(name)

    def keep_numbers(self, name: str, column: str, values: npt.NDArray[np.int64]) -> None:
        """Name a table of one column of whole numbers."""
        self._session.createDataFrame(_as_table(column, values)).createOrReplaceTempView(name)

    def hash_of(self, *columns: str) -> str:
        """Return SQL of a hash; see :meth:`Engine.hash_of`."""
        return f"xxhash64({', '.join(columns)})"

    def numbers(self, sql: str) -> dict[str, npt.NDArray[Any]]:
        """Run a SELECT of whole numbers; see :meth:`Engine.numbers`."""
        return _columns(self._session.sql(sql).toArrow())

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
        """Stop the session when it is ours."""
        if self._own:
            self._session.stop()


def _local_spark() -> Any:  # noqa: ANN401
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ParameterError(
            "The Spark engine needs pyspark, which is not installed. Install it with: pip install 'afterlaunch[spark]'"
        ) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[2]").appName("afterlaunch")
    return (
        builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4").getOrCreate()
    )
