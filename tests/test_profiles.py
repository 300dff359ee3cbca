"""Profiles: counts that equal what pandas counts, cells of exact width, a sample that is the same every time."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterlaunch import profiles
from afterlaunch.bins import Bins
from afterlaunch.engine import DuckDB
from afterlaunch.health_counts import SCORE_GRID
from afterlaunch.profiles import NumberGrid, number_grids, read_profile
from afterlaunch.scoring_log import Columns, ScoringLog
from afterlaunch.windows import Window
from toy_logs import toy_log, toy_setup, write_toy

MARCH = Window.parse("2024-03")
FEATURES = ("amount", "region", "n_items", "is_new")


def rich_log(n=900):
    """Return the toy log with whole numbers, a flag, missing and infinite values, and texts of all sorts."""
    log = toy_log(n)
    random = np.random.default_rng(1)
    log["n_items"] = random.integers(0, 7, n)
    log["is_new"] = random.random(n) < 0.3
    log.loc[::50, "amount"] = math.inf
    log.loc[::31, "amount"] = -7.25
    log["region"] = random.choice(["=north", "", "sou'th", "a,b\x1fc", "Zürich", None], n)
    return log


@pytest.fixture
def engine():
    made = DuckDB(memory_limit="500MB", threads=2)
    yield made
    made.close()


@pytest.fixture
def log(engine, tmp_path):
    return opened(rich_log(), engine, tmp_path)


def opened(frame, engine, folder, *, features=FEATURES, as_of=None):
    write_toy(folder, frame)
    roles = Columns(
        id="claim", scored_at="at", score="risk", decision="alert", model_version="version", features=features
    )
    return ScoringLog.validated(toy_setup(columns=roles), engine=engine, root=folder, as_of=as_of)


def in_march(frame):
    return frame[(frame["at"] >= "2024-03-01") & (frame["at"] < "2024-04-01")]


# --- cells --------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 9)), min_size=1, max_size=200))
def test_every_value_lies_in_its_cell(values):
    grid = NumberGrid.fitting(values)
    cells = np.floor(np.array(values) * 2.0**-grid.exponent)
    assert np.all(cells * grid.width <= values)
    assert np.all((cells + 1) * grid.width > values) or grid.whole


def test_a_grid_resolves_deciles():
    values = np.random.default_rng(2).lognormal(3, 1, 5_000)
    cells = np.unique(
        np.floor(np.quantile(values, np.linspace(0.1, 0.9, 9)) / NumberGrid.fitting(values).width)
    )
    assert cells.size == 9


def test_a_grid_of_heavy_tails_stays_small():
    values = np.random.default_rng(3).standard_cauchy(5_000)
    grid = NumberGrid.fitting(values)
    assert np.ptp(np.quantile(values, [0.01, 0.99])) / grid.width <= 2 * 4_096


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], NumberGrid(exponent=0)),
        ([math.nan, math.inf], NumberGrid(exponent=0)),
        ([3, 8, 3], NumberGrid(exponent=0, whole=True)),
        ([640.5], NumberGrid(exponent=3)),
        ([0.0], NumberGrid(exponent=0, whole=True)),
    ],
)
def test_grids_of_few_values(values, expected):
    assert NumberGrid.fitting(values) == expected


def test_the_middle_of_a_whole_number_is_the_number():
    assert NumberGrid(exponent=0, whole=True).midpoint([3]).tolist() == [3.0]
    assert NumberGrid(exponent=1).midpoint([3]).tolist() == [7.0]


def test_grids_do_not_depend_on_later_months(engine, tmp_path):
    frame = rich_log(2_000)
    later = frame[frame["at"] >= "2024-02-01"].index
    frame.loc[later, "amount"] = 1e6
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = number_grids(opened(rich_log(2_000), engine, tmp_path / "a"))
    other_engine = DuckDB(memory_limit="500MB")
    assert one == number_grids(opened(frame, other_engine, tmp_path / "b"))
    other_engine.close()


def test_an_input_without_values_at_first_takes_the_range_of_all(engine, tmp_path):
    frame = rich_log()
    frame.loc[frame["at"] < "2024-02-01", "amount"] = math.nan
    frame["amount"] = frame["amount"].where(np.isfinite(frame["amount"]))
    grid = number_grids(opened(frame, engine, tmp_path))["amount"]
    assert 1 <= np.ptp(frame["amount"].dropna()) / grid.width <= 2_048


# --- counts -------------------------------------------------------------------------------------------------------


def test_number_counts_are_those_of_pandas(log):
    grids = number_grids(log)
    profile = read_profile(log, MARCH, grids)
    frame = in_march(rich_log())
    for name in ("amount", "n_items", "is_new"):
        values = frame[name].astype("float64").to_numpy()
        finite = np.isfinite(values)
        cells, n = np.unique(np.floor(values[finite] / grids[name].width), return_counts=True)
        counted = profile.numbers[name]
        assert counted.cells.tolist() == cells.tolist()
        assert counted.n.tolist() == n.tolist()
        assert counted.n_missing == (~finite).sum()


def test_text_counts_are_those_of_pandas(log):
    counted = read_profile(log, MARCH, number_grids(log)).texts["region"]
    expected = in_march(rich_log())["region"].value_counts(dropna=True)
    assert dict(zip(counted.texts, counted.n.tolist(), strict=True)) == expected.to_dict()
    assert counted.n_missing == in_march(rich_log())["region"].isna().sum()
    assert counted.n_other == 0


def test_categories_beyond_the_commonest_are_counted_together(log, monkeypatch):
    monkeypatch.setattr(profiles, "MAX_CATEGORIES", 2)
    counted = read_profile(log, MARCH, number_grids(log)).texts["region"]
    expected = in_march(rich_log())["region"].value_counts()
    assert sorted(counted.n.tolist(), reverse=True) == expected.tolist()[:2]
    assert counted.n_other == expected.tolist()[2:][0] + sum(expected.tolist()[3:])


def test_scores_are_counted_by_version_bin_and_decision(log):
    april = Window.parse("2024-04")
    profile = read_profile(log, april, number_grids(log))
    frame = rich_log()
    rows = frame[frame["at"] >= "2024-04-01"]
    assert list(profile.scores) == ["v2"]
    scores = profile.scores["v2"]
    bins, n = np.unique(SCORE_GRID.index(rows["risk"]), return_counts=True)
    assert (scores.bins.tolist(), scores.n.tolist()) == (bins.tolist(), n.tolist())
    assert scores.n_alerts.sum() == rows["alert"].sum()
    assert scores.mean_score == pytest.approx(rows["risk"].mean(), abs=1e-9)
    assert scores.alert_share == pytest.approx(rows["alert"].mean())
    assert scores.by_bin(scores.n).sum() == profile.n == len(rows)


def test_months_add_up_to_the_log(log):
    grids = number_grids(log)
    months = Window.parse("2024-01").months_until(Window.parse("2024-04"))
    found = [read_profile(log, month, grids) for month in months]
    assert sum(profile.n for profile in found) == 900
    assert sum(profile.numbers["n_items"].n.sum() for profile in found) == 900


def test_a_month_without_rows_has_no_profile(log):
    assert read_profile(log, Window.parse("2025-01"), number_grids(log)) is None


def test_rows_after_the_day_of_knowledge_are_not_seen(engine, tmp_path):
    log = opened(rich_log(), engine, tmp_path, as_of=dt.date(2024, 3, 11))
    frame = rich_log()
    expected = ((frame["at"] >= "2024-03-01") & (frame["at"] < "2024-03-11")).sum()
    assert read_profile(log, MARCH, number_grids(log)).n == expected


def test_many_inputs_are_read_in_several_queries(log, monkeypatch):
    grids = number_grids(log)
    whole = read_profile(log, MARCH, grids)
    monkeypatch.setattr(profiles, "_KEYS_A_QUERY", 2)
    parts = read_profile(log, MARCH, grids)
    assert parts.n == whole.n
    assert parts.numbers["amount"].n.tolist() == whole.numbers["amount"].n.tolist()
    assert parts.texts["region"].texts == whole.texts["region"].texts
    assert parts.sample.score.tolist() == whole.sample.score.tolist()


def test_a_log_without_inputs_has_scores(engine, tmp_path):
    log = opened(rich_log(), engine, tmp_path, features=())
    profile = read_profile(log, MARCH, number_grids(log))
    assert (profile.numbers, profile.texts) == ({}, {})
    assert profile.scores["v1"].n_rows == profile.n


# --- the sample ---------------------------------------------------------------------------------------------------


def test_a_small_month_is_sampled_whole_and_row_by_row(log):
    grids = number_grids(log)
    sample = read_profile(log, MARCH, grids).sample
    frame = in_march(rich_log()).sort_values("claim", key=lambda ids: ids.astype(str))
    assert sample.score.tolist() == frame["risk"].tolist()
    assert sample.decision.tolist() == frame["alert"].astype(float).tolist()
    amounts = frame["amount"].where(np.isfinite(frame["amount"]))
    assert np.array_equal(sample.inputs["amount"], np.floor(amounts / grids["amount"].width), equal_nan=True)
    texts = ["" if pd.isna(text) else "=" + text.replace("\x1f", " ") for text in frame["region"]]
    assert sample.inputs["region"].tolist() == texts


def test_a_large_month_is_sampled_by_the_md5_of_ids_in_some_hours(log, monkeypatch):
    grids = number_grids(log)
    whole = read_profile(log, MARCH, grids)
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 60)
    some = read_profile(log, MARCH, grids).sample
    assert 30 <= some.n_rows <= 95
    monkeypatch.setattr(profiles, "_MANY_ROWS", 100)
    monkeypatch.setattr(profiles, "_FEWEST_QUARTERS", 20)
    few_hours = read_profile(log, MARCH, grids).sample
    assert 30 <= few_hours.n_rows <= 75
    assert set(few_hours.score.tolist()) <= set(whole.sample.score.tolist())
    again = read_profile(log, MARCH, grids).sample
    assert again.score.tolist() == few_hours.score.tolist()


def test_the_sample_is_like_the_month(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "SAMPLE_ROWS", 1_500)
    log = opened(rich_log(12_000), engine, tmp_path)
    profile = read_profile(log, MARCH, number_grids(log))
    share = profile.sample.n_rows / profile.n
    assert 0.4 < share < 0.6
    assert profile.sample.score.mean() == pytest.approx(profile.scores["v1"].mean_score, abs=0.012)


def test_bins_of_counts_are_those_of_the_rows():
    values = np.random.default_rng(5).integers(0, 40, 3_000)
    counted, n = np.unique(values, return_counts=True)
    assert Bins.of_counts(counted, n) == Bins.of_numbers(values)
