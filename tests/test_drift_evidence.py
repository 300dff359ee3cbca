"""The evidence is what the log's rows say: counted a second time with pandas."""

import datetime as dt

import numpy as np
import pytest

from afterlaunch.drift_evidence import OutcomeMonth, evidence_of
from afterlaunch.engine import DuckDB
from afterlaunch.health_counts import SCORE_GRID, Amounts, read_health_counts
from afterlaunch.model_version import ModelVersion
from afterlaunch.profiles import number_grids, read_profile
from afterlaunch.ranges import Range
from afterlaunch.scoring_log import Columns, ScoringLog
from afterlaunch.windows import Window
from toy_logs import World, toy_setup, write_toy
from toy_profiles import load_months, toy_evidence

V1 = ModelVersion(
    name="v1", threshold=0.5, trained_from=dt.date(2022, 1, 1), trained_until=dt.date(2022, 6, 30)
)
MONTHS = Window.parse("2023-01").months_until(Window.parse("2023-04"))


def log_of(**changed):
    return World(n_months=4, n_per_day=20, seed=3, **changed).log()


def evidence(folder, log, *, period="2023-04", as_of=None, segments=("region",), has_outcomes=True, **more):
    """Read the evidence on a month, as a drift run does."""
    write_toy(folder, log)
    roles = Columns(
        id="claim",
        scored_at="at",
        score="risk",
        decision="alert",
        model_version="version",
        features=("amount", "region"),
        segments=segments,
        **more,
    )
    setup = toy_setup(columns=roles, versions={"v1": V1}, **({} if has_outcomes else {"outcomes": None}))
    engine = DuckDB(memory_limit="500MB", threads=1)
    try:
        opened = ScoringLog.validated(setup, engine=engine, root=folder, as_of=as_of)
        window = Window.parse(period)
        grids = number_grids(opened)
        profiles = [read_profile(opened, month, grids) for month in MONTHS if month.start <= window.start]
        counts = (
            read_health_counts(opened, first=MONTHS[0], last=window, money=Amounts())
            if has_outcomes
            else None
        )
        return evidence_of(opened, counts, tuple(profiles))
    finally:
        engine.close()


def rows_of(log, window):
    return log[(log["at"].dt.date >= window.start) & (log["at"].dt.date < window.end)]


def test_outcomes_are_counted_by_day_and_score(tmp_path):
    log = log_of()
    found = evidence(tmp_path, log)
    assert [month.window for month in found.outcomes] == list(MONTHS)
    for month in found.outcomes:
        rows = rows_of(log, month.window)
        assert month.versions == ("v1",)
        assert month.n == len(rows)
        for counts, outcome in ((month.n_negative, 0), (month.n_positive, 1)):
            by_bin = np.bincount(
                SCORE_GRID.index(rows.loc[rows["outcome"] == outcome, "risk"]), minlength=SCORE_GRID.n_bins
            )
            assert counts.sum(axis=0).tolist() == by_bin.tolist()
        assert month.sum_score.sum() == pytest.approx(rows["risk"].sum())
        assert month.sum_score.shape == (month.window.n_days,)
    assert found.are_outcomes_in
    assert found.window == Window.parse("2023-04")


def test_segments_are_counted_by_month(tmp_path):
    log = log_of()
    log.loc[log["region"] == "east", "region"] = None
    found = evidence(tmp_path, log)
    by_value = {one.value: one for one in found.segments}
    assert set(by_value) == {"(missing)", "north", "south", "west"}
    for value, one in by_value.items():
        assert one.column == "region"
        for place, window in enumerate(MONTHS):
            rows = rows_of(log, window)
            own = rows[rows["region"].fillna("(missing)") == value]
            assert one.n[place] == len(own)
            assert one.n_positive[place] == own["outcome"].sum()
            assert one.sum_score[place] == pytest.approx(own["risk"].sum())


def test_a_segment_that_is_not_there_in_a_month_has_no_rows_in_it(tmp_path):
    log = log_of()
    log = log[(log["region"] != "north") | (log["at"] >= "2023-03-01")]
    north = next(one for one in evidence(tmp_path, log).segments if one.value == "north")
    assert (north.n > 0).tolist() == [False, False, True, True]
    assert north.n_positive[:2].tolist() == [0, 0]


def test_a_log_without_segments_has_none(tmp_path):
    assert evidence(tmp_path, log_of(), segments=()).segments == ()


def test_a_log_without_outcomes_has_profiles_only(tmp_path):
    found = evidence(tmp_path, log_of(), has_outcomes=False)
    assert (found.outcomes, found.segments) == ((), ())
    assert found.outcomes_complete_until is None
    assert not found.are_outcomes_in
    assert [profile.window for profile in found.profiles] == list(MONTHS)


def test_late_outcomes_end_with_the_last_month_that_is_complete(tmp_path):
    log = log_of()
    log["known_at"] = log["at"] + np.timedelta64(45, "D")
    # Declared as complete after two days, so that it is for as_of to say what was known.
    found = evidence(tmp_path, log, as_of=dt.date(2023, 5, 1))
    known = [rows_of(log, window) for window in MONTHS]
    n_known = [int((rows["known_at"] < "2023-05-01").sum()) for rows in known]
    assert [month.n for month in found.outcomes] == [n for n in n_known if n]
    assert found.as_of == dt.date(2023, 5, 1)
    assert found.outcomes_complete_until == dt.date(2023, 4, 29)


def test_an_earlier_month_is_judged_while_outcomes_are_to_come(tmp_path):
    log = log_of()
    write_toy(tmp_path, log)
    found = evidence(tmp_path, log, as_of=dt.date(2023, 4, 2))
    # Complete until the last day of March: not yet all of March, and nothing of April.
    assert found.outcomes_complete_until == dt.date(2023, 3, 31)
    assert [month.window.label for month in found.outcomes] == ["2023-01", "2023-02"]
    assert not found.are_outcomes_in
    assert [one.n.size for one in found.segments] == [2] * 4


def test_outcomes_of_some_days_of_the_month_are_in(tmp_path):
    found = evidence(tmp_path, log_of(), as_of=dt.date(2023, 4, 12))
    assert found.are_outcomes_in
    last = found.outcomes[-1]
    by_day = last.n_negative.sum(axis=1) + last.n_positive.sum(axis=1)
    assert last.n == by_day[:9].sum()
    assert found.outcomes_complete_until == dt.date(2023, 4, 10)


def test_outcomes_are_complete_until_the_end_of_the_month_at_most(tmp_path):
    assert evidence(tmp_path, log_of(), period="2023-02").outcomes_complete_until == dt.date(2023, 3, 1)


def test_allowed_ranges_come_with_it(tmp_path):
    allowed = {"amount": Range(lower=0)}
    assert evidence(tmp_path, log_of(), allowed=allowed).allowed == allowed


def test_counts_that_begin_at_a_later_score_stand_at_their_place_in_the_grid(tmp_path):
    log = log_of()
    log["risk"] = np.clip(log["risk"], 0.4, 0.9)
    log["alert"] = log["risk"] >= 0.5
    month = evidence(tmp_path, log).outcomes[0]
    occupied = np.flatnonzero(month.n_negative.sum(axis=0))
    assert isinstance(month, OutcomeMonth)
    assert occupied[0] == SCORE_GRID.index([0.4])[0]
    assert occupied[-1] <= SCORE_GRID.index([0.9])[0]


def test_without_outcomes_none_are_in():
    assert not toy_evidence(load_months([500, 500])).are_outcomes_in
