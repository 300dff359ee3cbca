"""Profiles on disk: what is kept equals what was read, and is used only as long as it is true."""

import dataclasses
import datetime as dt
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from afterlaunch import profile_store
from afterlaunch.engine import DuckDB, Source
from afterlaunch.profile_store import ProfileStore
from afterlaunch.scoring_log import Columns, ScoringLog
from afterlaunch.windows import Window
from test_profiles import FEATURES, rich_log
from toy_logs import toy_setup, write_toy

MONTHS = Window.parse("2024-01").months_until(Window.parse("2024-03"))


@pytest.fixture
def folder(tmp_path):
    """Return a project whose log has one file a month."""
    frame = rich_log()
    write_toy(tmp_path, frame)
    (tmp_path / "log").mkdir()
    for month, part in frame.drop(columns=["outcome", "known_at"]).groupby(frame["at"].dt.strftime("%Y-%m")):
        part.to_parquet(tmp_path / "log" / f"{month}.parquet", index=False)
    return tmp_path


def opened(folder, *, source="log", features=FEATURES, as_of=None):
    roles = Columns(
        id="claim", scored_at="at", score="risk", decision="alert", model_version="version", features=features
    )
    setup = toy_setup(columns=roles, source=Source(path=source))
    return ScoringLog.validated(setup, engine=DuckDB(memory_limit="500MB"), root=folder, as_of=as_of)


@pytest.fixture
def reads(monkeypatch):
    """Return the months that were read from the log, in order."""
    seen = []
    read = profile_store.read_profile

    def noted(log, month, grids):
        seen.append(month.label)
        return read(log, month, grids)

    monkeypatch.setattr(profile_store, "read_profile", noted)
    return seen


def store(folder):
    return ProfileStore(root=folder, folder=folder / "kept")


def plain(value):
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.astype(str).tolist() if isinstance(value, np.ndarray) else value


def touch(path: Path):
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))


def test_what_is_kept_equals_what_was_read(folder, reads):
    log = opened(folder)
    read = store(folder).profiles(log, MONTHS)
    kept = store(folder).profiles(log, MONTHS)
    assert plain(kept[1]) == plain(read[1])
    assert reads == ["2024-01", "2024-02", "2024-03"]


def test_a_new_month_reads_its_own_rows_only(folder, reads):
    store(folder).profiles(opened(folder), MONTHS[:2])
    store(folder).profiles(opened(folder), MONTHS)
    assert reads == ["2024-01", "2024-02", "2024-03"]


def test_a_changed_file_is_read_again_and_its_neighbours_are_not(folder, reads):
    store(folder).profiles(opened(folder), MONTHS)
    touch(folder / "log" / "2024-03.parquet")
    store(folder).profiles(opened(folder), MONTHS)
    assert reads[3:] == ["2024-03"]


def test_a_change_of_the_first_month_reads_everything_again(folder, reads):
    store(folder).profiles(opened(folder), MONTHS)
    touch(folder / "log" / "2024-01.parquet")
    store(folder).profiles(opened(folder), MONTHS)
    assert reads[3:] == ["2024-01", "2024-02", "2024-03"]


def test_other_inputs_are_another_profile(folder, reads):
    store(folder).profiles(opened(folder), MONTHS[:1])
    store(folder).profiles(opened(folder, features=("amount",)), MONTHS[:1])
    assert reads == ["2024-01", "2024-01"]


def test_a_month_that_goes_on_is_not_kept(folder, reads):
    log = opened(folder, as_of=dt.date(2024, 3, 15))
    store(folder).profiles(log, MONTHS)
    store(folder).profiles(log, MONTHS)
    assert reads == ["2024-01", "2024-02", "2024-03", "2024-03"]


def test_a_new_month_is_counted_in_the_cells_of_the_kept_ones(folder):
    def without_amounts(month, factor=np.nan):
        path = folder / "log" / f"{month}.parquet"
        frame = pd.read_parquet(path)
        frame["amount"] = frame["amount"].where(np.isfinite(frame["amount"])) * factor
        return path, frame

    files = [without_amounts("2024-01"), without_amounts("2024-02", 1.0), without_amounts("2024-03", 1e6)]
    for path in (folder / "log").iterdir():
        path.unlink()
    for path, frame in files[:2]:
        frame.to_parquet(path, index=False)
    first = store(folder).profiles(opened(folder), MONTHS[:2])
    files[2][1].to_parquet(files[2][0], index=False)
    months = store(folder).profiles(opened(folder), MONTHS)
    assert all(month.grids == first[0].grids for month in months)


@pytest.mark.parametrize("spoil", [b"", b"PK\x03\x04 cut short", None])
def test_a_spoiled_file_is_read_anew(folder, reads, spoil):
    store(folder).profiles(opened(folder), MONTHS[:1])
    path = folder / "kept" / "2024-01.npz"
    path.write_bytes(path.read_bytes()[:200] if spoil is None else spoil)
    store(folder).profiles(opened(folder), MONTHS[:1])
    assert reads == ["2024-01", "2024-01"]


def test_a_pickle_among_the_arrays_is_never_loaded(folder, reads):
    store(folder).profiles(opened(folder), MONTHS[:1])
    np.savez(folder / "kept" / "2024-01.npz", key=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    store(folder).profiles(opened(folder), MONTHS[:1])
    assert reads == ["2024-01", "2024-01"]


def test_csv_files_are_kept_by_their_state_as_a_whole(folder, reads):
    rich_log().drop(columns=["outcome", "known_at"]).to_csv(folder / "log.csv", index=False)
    store(folder).profiles(opened(folder, source="log.csv"), MONTHS)
    store(folder).profiles(opened(folder, source="log.csv"), MONTHS)
    touch(folder / "log.csv")
    store(folder).profiles(opened(folder, source="log.csv"), MONTHS)
    assert reads == [month.label for month in MONTHS] * 2


def test_without_a_folder_nothing_is_kept(folder, reads):
    bare = ProfileStore(root=folder)
    bare.profiles(opened(folder), MONTHS[:1])
    bare.profiles(opened(folder), MONTHS[:1])
    assert reads == ["2024-01", "2024-01"]
    assert not (folder / "kept").exists()


def test_months_without_rows_are_left_out(folder):
    found = store(folder).profiles(opened(folder), Window.parse("2023-12").months_until(MONTHS[0]))
    assert [profile.window.label for profile in found] == ["2024-01"]
