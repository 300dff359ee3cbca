"""The claims desk, and its answer key: every planted event is named by the report of its months and by no other's."""

import json

import duckdb
import pytest

from afterlaunch.errors import ParameterError
from afterlaunch.examples import claims_screening
from afterlaunch.examples.claims_screening import World, months_of, write
from afterlaunch.examples.desk_events import EVENTS, Plan
from afterlaunch.health_report import Step
from afterlaunch.monitored import check, load_model
from afterlaunch.monthly_health import known_codes
from afterlaunch.render import sentences, tables
from afterlaunch.render.result import HealthResult
from desk import MODEL, Named, make_desk, report_on

MONTHS = ("2024-12", *(f"2025-{month:02d}" for month in range(1, 13)))
# Of findings that nothing was planted for, so many may be above ok: the usual ranges' own false alarms.
MAX_UNEXPLAINED_SHARE = 0.05
SMALL = World(scale=0.02, n_months=2)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return make_desk(tmp_path_factory.mktemp("desk"), World())


@pytest.fixture(scope="module")
def reports(desk):
    return {month: report_on(desk, month) for month in MONTHS}


@pytest.fixture(scope="module")
def named(reports):
    return {month: Named.of(report) for month, report in reports.items()}


# --- the answer key -----------------------------------------------------------------


@pytest.mark.parametrize("event", [event for event in EVENTS if event.finding], ids=lambda event: event.name)
def test_an_event_is_named_by_the_report_of_its_months_and_by_no_other(event, named):
    naming = {month for month in MONTHS if named[month].names(event)}
    moved_by_others = {
        month
        for other in EVENTS
        if other is not event and event.finding in other.also
        for month in other.months
    }

    assert set(event.months) <= naming
    # What has words of its own is told apart by them; a bare number may be moved by another event as well.
    assert naming - set(event.months) <= (set() if event.words else moved_by_others)


@pytest.mark.parametrize(
    "event", [event for event in EVENTS if not event.finding], ids=lambda event: event.name
)
def test_what_harms_nobody_is_no_finding(event, named):
    assert {month: named[month].above for month in event.months} == {
        month: frozenset() for month in event.months
    }


def test_hardly_anything_is_reported_that_nobody_planted(named):
    unexplained = [
        (month, code)
        for month in MONTHS
        for code in sorted(named[month].above)
        if not any(month in event.months and code in (event.finding, *event.also) for event in EVENTS)
    ]

    assert len(unexplained) <= MAX_UNEXPLAINED_SHARE * sum(named[month].n_findings for month in MONTHS), (
        unexplained
    )


def test_the_month_before_the_first_event_is_healthy(reports):
    report = reports["2024-12"]

    assert sentences.headline(report).startswith("Simulated data. Healthy: 15 as usual.")


def test_a_better_f1_beside_a_worse_saving_is_a_flag_of_its_own(reports):
    report = reports["2025-08"]
    pair = report.model_against_business

    assert (pair.model.code, pair.model_step) == ("model.f1", Step.BETTER)
    assert (pair.kpi.code, pair.kpi_step) == ("business.net_saving", Step.WORSE)
    assert "Model better, business worse" in sentences.model_against_business(report)
    assert "Model better, business worse" in sentences.headline(report)


def test_the_slow_rush_is_told_by_where_it_was_and_what_it_cost(reports):
    told = sentences.speed(reports["2025-01"])

    assert "came on Mondays, 09–11, with host scorer-07" in told
    assert "is feature fetch" in told
    assert "clicked again" in sentences.people(reports["2025-01"])


def test_a_month_whose_outcomes_are_still_to_come_is_judged_on_the_last_complete_one(reports):
    report = reports["2025-12"]

    assert report.judged_window.label == "2025-09"
    assert report.indicator("model.roc_auc").history[-1].label == "2025-09"
    assert report.indicator("speed.p95").history[-1].label == "2025-12"
    assert "the model is judged on September 2025" in sentences.performance(report)
    assert "of September 2025, the last month with complete outcomes" in tables.indicators(report).html
    behind = report.indicator("business.net_saving").behind
    assert len(behind) == 3
    assert all(change.title.endswith(" in September 2025") for change in behind)


def test_tickets_still_to_come_are_estimated_and_said(reports):
    complaints = reports["2025-12"].complaints

    assert 0.8 < complaints.completeness < 1
    assert complaints.n_outstanding > 1
    assert "still to come" in sentences.complaints(reports["2025-12"])
    assert reports["2025-09"].complaints.completeness == 1


def test_every_report_says_that_nothing_is_real(reports):
    for report in reports.values():
        result = HealthResult(report=report, data={}).to_json()
        assert result["headline"].startswith("Simulated data. ")
        assert "Claims screening (simulated data): health in " in tables.title_block(report).html


def test_a_report_on_the_desk_survives_json(reports):
    plain = HealthResult(report=reports["2025-07"], data={}).to_json()

    assert HealthResult.from_json(json.loads(json.dumps(plain))).to_json() == plain


def test_every_finding_of_the_answer_key_exists():
    codes = known_codes(load_model(MODEL).money)
    named = {code for event in EVENTS for code in (event.finding, *event.also) if code}

    assert sorted(code for code in named if code not in codes and not code.startswith("quality.")) == []


# --- a quiet world --------------------------------------------------------------------


def test_a_quiet_world_is_quiet(tmp_path):
    n_above = n_findings = 0
    for seed in range(20):
        world = World(scale=0.25, seed=seed + 1, n_months=13, plan=Plan.of(no_plant=["all"]))
        root = make_desk_anew(tmp_path / str(seed), world)
        found = Named.of(report_on(root, "2025-01"))
        n_above, n_findings = n_above + len(found.above), n_findings + found.n_findings

    assert n_findings >= 20 * 15
    assert n_above <= MAX_UNEXPLAINED_SHARE * n_findings


def make_desk_anew(root, world):
    root.mkdir()
    return make_desk(root, world)


# --- the generator ----------------------------------------------------------------------


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    def first(world):
        return {name: table.to_pydict() for name, table in next(months_of(world))[1].items()}

    assert repr(first(SMALL)) == repr(first(SMALL))
    assert repr(first(SMALL)) != repr(first(World(scale=0.02, n_months=2, seed=1)))


def test_the_tables_keep_their_contracts(desk):
    assert check(MODEL, root=desk).startswith("Claims screening (claims_screening): 4")


def test_it_has_what_the_story_needs(desk):
    data = desk / "data" / MODEL
    facts = (
        duckdb.sql(
            "SELECT count(DISTINCT endpoint) AS endpoints, count(DISTINCT model_version) AS versions, "
            "count(*) - count(DISTINCT request_id) AS retries, count_if(status = 'timeout') AS time_outs, "
            "count_if(environment = 'staging') AS staging, count_if(was_shown = 0) AS left, "
            "median(latency_ms) FILTER (environment = 'staging') AS staging_ms, "
            "median(latency_ms) FILTER (environment = 'production') AS production_ms "
            f"FROM '{data}/requests/*.parquet'"
        )
        .df()
        .iloc[0]
    )
    delays = (
        duckdb.sql(
            "SELECT min(date_diff('day', scored_at, known_at)) AS least, "
            "max(date_diff('day', scored_at, known_at)) AS most "
            f"FROM '{data}/scoring_log/*.parquet' JOIN '{data}/outcomes.parquet' USING (claim_id)"
        )
        .df()
        .iloc[0]
    )
    features = load_model(MODEL).file.log.columns.features

    assert (facts["endpoints"], facts["versions"], len(features)) == (3, 2, 25)
    assert min(facts["retries"], facts["time_outs"], facts["staging"], facts["left"]) > 500
    assert 180 < facts["staging_ms"] < 220
    assert facts["production_ms"] > 2 * facts["staging_ms"]
    assert (delays["least"], delays["most"]) == (30, 90)


def test_what_came_after_the_snapshot_is_not_there(desk):
    data = desk / "data" / MODEL
    latest = (
        duckdb.sql(
            f"SELECT (SELECT max(known_at) FROM '{data}/outcomes.parquet') AS outcome, "
            f"(SELECT max(received_at) FROM '{data}/tickets.parquet') AS ticket"
        )
        .df()
        .iloc[0]
    )

    assert max(latest) < claims_screening.SEEN_FROM


def test_events_are_switched_one_by_one():
    assert [event.name for event in Plan.of(plant=["time_outs"]).events] == ["time_outs"]
    assert "time_outs" not in [event.name for event in Plan.of(no_plant=["time_outs"]).events]
    assert Plan.of(no_plant=["all"]).events == ()
    assert Plan.of(no_plant=["all"]).has("seasonality", "2024-05")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--plant", "monday_rash"],
            "There is no event 'monday_rash'. Did you mean 'monday_rush'? There are: ",
        ),
        (["--scale", "0"], "scale is 0.0; give a number above 0, at most 100.\n"),
        (["--months", "25"], "months is 25; give 1 to 24.\n"),
        (["--seed", "-1"], "seed is -1; give 0 or more.\n"),
    ],
)
def test_a_world_that_cannot_be_is_refused_before_anything_is_written(arguments, message, tmp_path, capsys):
    code = claims_screening.main(["--out", str(tmp_path / "desk"), *arguments])

    assert code == ParameterError.exit_code
    assert capsys.readouterr().err.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_tables_and_the_answer_key(tmp_path, capsys):
    code = claims_screening.main(["--out", str(tmp_path / "desk"), "--scale", "0.02", "--months", "1"])

    assert code == 0
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"wrote {tmp_path / 'desk'}: simulated, with the answer key in answer_key.json"
    )
    assert sorted(path.name for path in (tmp_path / "desk").iterdir()) == [
        "answer_key.json",
        "kpi_days.parquet",
        "outcomes.parquet",
        "requests",
        "scoring_log",
        "shadow_scores.parquet",
        "ticket_labels.parquet",
        "tickets.parquet",
    ]
    key = json.loads((tmp_path / "desk" / "answer_key.json").read_text(encoding="utf-8"))
    assert (key["simulated"], key["events"], key["background"]) == (True, [], ["seasonality", "slow_drift"])


def test_a_world_that_breaks_off_leaves_the_old_one(tmp_path, monkeypatch):
    write(SMALL, tmp_path / "desk")
    before = {path: path.read_bytes() for path in (tmp_path / "desk").rglob("*.parquet")}

    def broken(world):
        yield next(months_of(world))
        raise RuntimeError("power cut")

    monkeypatch.setattr(claims_screening, "months_of", broken)
    with pytest.raises(RuntimeError, match=r"^power cut$"):
        write(SMALL, tmp_path / "desk")
    assert {path: path.read_bytes() for path in (tmp_path / "desk").rglob("*.parquet")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["desk"]
