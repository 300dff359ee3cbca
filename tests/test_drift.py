"""The drift report as a whole, and how it is made, kept, found again and shown."""

import dataclasses
import datetime as dt
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from afterlaunch.artifacts import Report, read_json, write_json
from afterlaunch.drift import drift
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_report import DriftReport, InputState
from afterlaunch.errors import DataError
from afterlaunch.findings import Severity, Verdict
from afterlaunch.health_measures import Resampling
from afterlaunch.ledger import Ledger
from afterlaunch.monitored import load_model
from afterlaunch.monthly_health import Sources, _drift_of_the_same
from afterlaunch.params import DriftParameters, MonthlyHealthParameters
from afterlaunch.records import from_plain, to_plain
from afterlaunch.run_inputs import READS, run_inputs
from afterlaunch.windows import Window
from tiny_project import make_project
from toy_logs import World, write_toy
from toy_profiles import (
    LABELS,
    RESAMPLING,
    WOBBLE,
    load_month,
    load_months,
    outcome_month,
    toy_evidence,
    toy_profile,
    toy_segment,
    windows,
)

QUIET = [500, 510, 490, 505, 495, 500, 510, 490, 505, 495, 500, 500]
KIND = {"a": 500, "b": 300, "c": 200}


def reported(profiles, outcomes=(), segments=(), *, policy=None, resampling=RESAMPLING, **changed):
    evidence = dataclasses.replace(toy_evidence(profiles, outcomes, segments), **changed)
    return drift(evidence, policy=policy or DriftPolicy(), labels=LABELS, resampling=resampling)


def outcomes_of(n_months, *, last=0):
    better = (*WOBBLE, 0)[-n_months:-1]
    return [
        outcome_month(window, better=b) for window, b in zip(windows(n_months), (*better, last), strict=True)
    ]


def segments_of(n_months):
    return [
        toy_segment(name, n_positive=[133] * n_months, sum_score=[133] * n_months)
        for name in ("north", "south", "west")
    ]


def full_report():
    """Return a report in which nearly every part has something in it."""
    last = load_month(windows(1)[0], 650, kind={"new": 300, "a": 400, "b": 200, "c": 100})
    profiles = [*load_months([*QUIET, 500], kind=KIND)[:-1], last]
    return reported(profiles, outcomes_of(13, last=-100), segments_of(13))


FULL = full_report()


# --- the report as a whole ----------------------------------------------------------------------------------------


def test_a_quiet_month_is_well():
    report = reported(load_months([*QUIET, 500], kind=KIND), outcomes_of(13), segments_of(13))
    assert report.verdict.severity is Severity.OK
    assert report.moved == ()
    assert report.reference == tuple(window.label for window in windows(13)[:-1])
    assert report.score_reference == report.reference
    assert (report.window, report.judged_window) == (windows(1)[0], windows(1)[0])
    assert (report.last_year, report.version, report.other_versions) == ("2023-01", "v1", ())
    assert (report.n_rows, report.n_reference) == (1000, 12_000)
    assert report.are_outcomes_in
    assert (report.model, report.title) == (LABELS.model, LABELS.title)


def test_the_verdict_is_that_of_all_findings():
    assert FULL.verdict == Verdict.of(FULL.findings)
    assert FULL.verdict.severity is Severity.ACT
    assert "drift.ranking" in FULL.verdict.deciding
    assert [finding.code for finding in FULL.findings] == [
        "drift.ranking",
        "drift.calibration",
        "drift.alerts",
        "drift.score",
        "drift.input.load",
        "drift.input.kind",
        "drift.relations",
        "drift.segments",
    ]
    assert [row.name for row in FULL.moved] == ["load", "kind"]


def test_what_a_report_says_of_inputs_adds_up_to_its_decomposition():
    assert sum(row.effect.score for row in FULL.inputs) == pytest.approx(
        FULL.decomposition.inputs_score, abs=1e-9
    )
    assert sum(row.effect.alerts_per_1000 for row in FULL.inputs) == pytest.approx(
        FULL.decomposition.inputs_alerts_per_1000, abs=1e-9
    )


def test_one_month_alone_has_nothing_to_be_compared_with():
    with pytest.raises(DataError, match="There is no month before January 2024 to compare it with"):
        reported(load_months([500]))


@pytest.mark.parametrize("n_months", [2, 3, 4])
def test_few_months_make_a_report_without_false_alarms(n_months):
    report = reported(
        load_months([500, 505, 495, 500][-n_months:], kind=KIND), outcomes_of(n_months), segments_of(n_months)
    )
    assert report.verdict.severity is Severity.OK
    assert len(report.reference) == n_months - 1


def test_only_outcomes_of_the_judged_month_leave_performance_open():
    report = reported(load_months([*QUIET, 500]), outcomes_of(2)[-1:])
    ranking = report.model_findings[0]
    assert ranking.severity is Severity.UNKNOWN
    assert report.verdict.severity is Severity.OK


def test_without_outcomes_alerts_scores_and_inputs_are_judged_all_the_same():
    report = reported(load_months([*QUIET, 700]))
    assert report.verdict.severity is Severity.ACT
    assert set(report.verdict.deciding) == {"drift.alerts", "drift.input.load"}
    assert report.segments.reason == "no outcomes are known"
    assert report.judged_window == report.window
    assert not report.are_outcomes_in


def test_outcomes_that_are_all_to_come_are_not_in():
    # The log will have outcomes, and none of them is complete yet.
    report = reported(load_months([*QUIET, 500]), outcomes_complete_until=dt.date(2022, 12, 20))
    assert report.judged_window == report.window
    assert not report.are_outcomes_in


def test_late_outcomes_judge_an_earlier_month_and_the_estimate_this_one():
    report = reported(load_months([*QUIET, 500]), outcomes_of(13)[:-2])
    assert report.judged_window.label == "2023-11"
    assert not report.are_outcomes_in
    codes = [row.finding.code for row in report.model_findings]
    assert codes == [
        "drift.ranking",
        "drift.calibration",
        "drift.estimated_ranking",
        "drift.alerts",
        "drift.score",
    ]


def test_a_log_without_inputs_is_judged_by_its_scores():
    load = np.repeat([0.2, 0.6], 500)
    report = reported([toy_profile(window, score=load) for window in windows(6)])
    assert report.inputs == ()
    assert report.decomposition is None
    assert report.decomposition_reason == "the log has no inputs"
    assert report.relations.reason == "there are fewer than two inputs to compare"
    assert report.verdict.severity is Severity.OK


def test_a_model_without_any_alert_is_told_so():
    report = reported(load_months([0] * 6, kind=KIND))
    assert report.decomposition_reason == "v1 raised no alert in the reference months"
    assert {row.severity for row in report.inputs} == {Severity.UNKNOWN}
    assert report.verdict.severity is Severity.OK


def test_a_new_version_is_compared_by_its_inputs_alone():
    profiles = [*load_months([*QUIET, 500])[:-1], load_month(windows(1)[0], 600, version="v2")]
    report = reported(profiles)
    assert (report.version, report.other_versions, report.score_reference) == ("v2", (), ())
    assert report.decomposition is None
    assert report.decomposition_reason == "no reference month was scored by v2"
    # A sixth of the alerts is more than usual, and inputs have all twelve months.
    (load,) = report.inputs
    assert load.state is InputState.MATTERS
    assert len(report.reference) == 12


def test_a_month_of_two_versions_names_both():
    version = np.repeat(["v2", "v1"], [300, 700])
    report = reported([*load_months([*QUIET, 500])[:-1], load_month(windows(1)[0], 500, version=version)])
    assert (report.version, report.other_versions) == ("v1", ("v2",))


def test_the_reference_is_no_longer_than_the_policy_says():
    report = reported(load_months([*QUIET, 500]), policy=DriftPolicy(reference_months=3))
    assert report.reference == ("2023-10", "2023-11", "2023-12")
    assert report.last_year == "2023-01"


# --- the same again -----------------------------------------------------------------------------------------------


def plain(report):
    return json.dumps(to_plain(report), sort_keys=True)


def test_the_same_evidence_and_seed_give_the_same_report():
    assert plain(full_report()) == plain(FULL)


def test_another_seed_changes_intervals_and_chance_only():
    def findings(seed):
        report = reported(
            load_months([*QUIET, 650], kind=KIND),
            outcomes_of(13, last=-100),
            segments_of(13),
            resampling=Resampling(n_resamples=200, seed=seed),
        )
        return [(finding.code, finding.severity, finding.measurement.value) for finding in report.findings]

    assert findings(1) == findings(2)


def with_inputs_turned(profile, seed):
    names = np.random.default_rng(seed).permutation(list(profile.sample.inputs)).tolist()
    inputs = {name: profile.sample.inputs[name] for name in names}
    return dataclasses.replace(profile, sample=dataclasses.replace(profile.sample, inputs=inputs))


def test_the_order_of_inputs_changes_nothing():
    last = load_month(windows(1)[0], 650, kind={"new": 300, "a": 400, "b": 200, "c": 100})
    profiles = [*load_months([*QUIET, 500], kind=KIND)[:-1], last]
    one, other = (reported([with_inputs_turned(p, seed) for p in profiles]) for seed in (0, 3))
    assert [row.name for row in one.inputs] == [row.name for row in other.inputs]
    for first, second in zip(one.inputs, other.inputs, strict=True):
        assert (first.state, first.severity) == (second.state, second.severity)
        assert first.effect.relative == pytest.approx(second.effect.relative, abs=1e-9)
    assert one.verdict == other.verdict


def test_a_report_is_read_back_from_json_as_it_was(tmp_path):
    empty = reported([toy_profile(window, score=[0.2, 0.6] * 300) for window in windows(2)])
    estimate = reported(load_months([*QUIET, 500]), outcomes_of(13)[:-1])
    first_alerts = reported(load_months([0, 0, 0, 100], kind=KIND))
    for report in (FULL, empty, estimate, first_alerts):
        write_json(tmp_path / "drift.json", {"report": to_plain(report)})
        read = from_plain(DriftReport, read_json(tmp_path / "drift.json")["report"], where="drift.json")
        assert plain(read) == plain(report)
        assert read.findings == report.findings or plain(read.findings) == plain(report.findings)
        assert read.verdict.severity is report.verdict.severity


# --- a model's drift, from its log --------------------------------------------------------------------------------

MODEL_FILE = """
title: Toy screening
case_noun: claims
outcome_noun: frauds
log:
  source: {path: data/log.parquet}
  outcome_delay_days: 2
  columns:
    id: claim
    scored_at: at
    score: risk
    decision: alert
    model_version: version
    features: [amount, region]
    segments: [region]
  outcomes:
    source: {path: data/outcomes.parquet}
    id: claim
    outcome: outcome
    outcome_at: known_at
  versions:
    v1: {threshold: 0.5, trained_from: "2022-01-01", trained_until: "2022-06-30"}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a project with a model whose log has five months."""
    root = tmp_path_factory.mktemp("project")
    write_params(root)
    (root / "data").mkdir()
    write_toy(root / "data", World(n_months=5, n_per_day=25, seed=4).log())
    return root


def write_params(root):
    (root / "notebooks").mkdir(parents=True)
    (root / "params" / "toy").mkdir(parents=True)
    (root / "params" / "toy" / "model.yaml").write_text(MODEL_FILE, encoding="utf-8")
    (root / "params" / "toy" / "policy.yaml").write_text("drift: {reference_months: 12}\n", encoding="utf-8")


GIVEN = {"model": "toy", "period": "2023-05", "n_resamples": 200}


def drift_of(project, **changed):
    return load_model("toy", root=project).drift(DriftParameters(**(GIVEN | changed)))


def publish(root, report):
    path = Report(stem="drift", model="toy", period="2023-05", root=root).published(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"report": to_plain(report)})
    return path


@pytest.fixture
def own(tmp_path):
    """Return a project without data and with a published drift report, to be spoilt."""
    write_params(tmp_path)
    return SimpleNamespace(root=tmp_path, path=publish(tmp_path, FULL))


def test_a_models_drift_is_made_from_its_log(project):
    report = drift_of(project)
    assert report.title == "Toy screening"
    assert report.reference == ("2023-01", "2023-02", "2023-03", "2023-04")
    assert {row.name for row in report.inputs} == {"amount", "region"}
    assert report.n_rows == 31 * 25
    assert report.segments.n_compared == 4
    assert report.are_outcomes_in


def test_profiles_are_kept_and_give_the_same_report_again(project):
    first = drift_of(project)
    folder = project / "outputs" / ".profiles" / "toy"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"2023-{month:02d}.npz" for month in range(1, 6)
    ]
    assert plain(drift_of(project)) == plain(first)
    shutil.rmtree(folder)
    assert plain(drift_of(project)) == plain(first)


def test_the_first_month_of_a_log_has_no_drift(project):
    with pytest.raises(DataError, match="There is no month before January 2023 to compare it with"):
        drift_of(project, period="2023-01")


def test_a_month_that_the_log_has_not_is_refused(project):
    with pytest.raises(DataError, match="There are no rows in June 2023"):
        drift_of(project, period="2023-06")


def test_later_rows_do_not_change_an_earlier_month(project):
    early = drift_of(project, period="2023-03", as_of="2023-04-05")
    assert early.reference == ("2023-01", "2023-02")
    assert early.as_of == dt.date(2023, 4, 5)


def test_a_policy_file_decides_on_limits(project, tmp_path):
    shutil.copytree(project, tmp_path / "own")
    policy = "drift:\n  reference_months: 2\n  alerts: {watch: 0.5, act: 0.9}\n"
    (tmp_path / "own" / "params" / "toy" / "policy.yaml").write_text(policy, encoding="utf-8")
    report = drift_of(tmp_path / "own")
    assert report.reference == ("2023-03", "2023-04")
    alerts = next(row for row in report.model_findings if row.finding.code == "drift.alerts")
    # Two months do not say what is usual.
    assert alerts.finding.threshold.usual_range.upper == pytest.approx(0.9)


def found_in(root, **changed):
    given = MonthlyHealthParameters(**(GIVEN | changed))
    return load_model("toy", root=root).published_drift(given)


def test_the_published_report_is_found(own):
    assert plain(found_in(own.root)) == plain(FULL)
    assert found_in(own.root, period="2023-04") is None


SPOILT = {
    "cut short": b'{"report": {"model"',
    "not JSON": b"drift",
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "no report in it": b"{}",
    "nothing in it": b'{"report": null}',
    "a text in it": b'{"report": "well"}',
    "a list in it": b'{"report": [1, 2]}',
    "another schema": b'{"report": {"model": "toy"}}',
}


@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT)
def test_a_report_that_cannot_be_read_is_none(own, content):
    own.path.write_bytes(content)
    assert found_in(own.root) is None


CHANGES = {
    "more": lambda plain: plain.update(unknown_field=1),
    "less": lambda plain: plain.pop("inputs"),
    "order": lambda plain: plain["window"].update(start="2023-05-31", end="2023-05-01"),
    "nan": lambda plain: plain["model_findings"][0]["after"].update(value=None, reason=""),
    "state": lambda plain: plain["inputs"][0].update(state="odd"),
    "kind": lambda plain: plain["relations"].update(changed=3),
    "schema": lambda plain: plain.update(schema_version=2),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_report_of_another_shape_is_none(own, change):
    content = json.loads(own.path.read_text(encoding="utf-8"))
    change(content["report"])
    own.path.write_text(json.dumps(content), encoding="utf-8")
    assert found_in(own.root) is None


# --- shown in the monthly report ----------------------------------------------------------------------------------


def test_the_monthly_report_shows_the_drift_of_the_same_rows(project):
    model = load_model("toy", root=project)
    report = drift_of(project)
    path = publish(project, report)
    try:
        shown = model.monthly_health(MonthlyHealthParameters(**GIVEN)).drift
        earlier = model.monthly_health(MonthlyHealthParameters(**(GIVEN | {"as_of": "2023-06-01"}))).drift
    finally:
        path.unlink()
    assert plain(shown) == plain(report)
    # Made from what was known on another day.
    assert earlier is None


@pytest.mark.parametrize(
    ("changed", "is_shown"),
    [
        ({}, True),
        ({"as_of": dt.date(2024, 2, 3)}, False),
        ({"n_rows": 999}, False),
        ({"window": Window.parse("2023-12")}, False),
    ],
)
def test_a_stale_drift_report_is_not_shown(changed, is_shown):
    log = SimpleNamespace(as_of=FULL.as_of)
    sources = Sources(log=log, drift=dataclasses.replace(FULL, **changed))
    found = _drift_of_the_same(sources, FULL.window, n_rows=FULL.n_rows)
    assert (found is not None) == is_shown
    assert _drift_of_the_same(Sources(log=log), FULL.window, n_rows=FULL.n_rows) is None


def test_a_new_drift_report_makes_the_monthly_report_out_of_date(tmp_path):
    make_project(tmp_path)
    report = Report(stem="monthly_health", model="desk", period="2013-09", root=tmp_path)
    shutil.copy(tmp_path / "notebooks" / "tiny.ipynb", report.notebook)

    def hash_of(stem):
        one = dataclasses.replace(report, stem=stem)
        memory = Ledger(report.outputs / "ledger.sqlite")
        return run_inputs(one, parameters={}, sources=("data/log.csv",), memory=memory).input_hash

    assert READS == {"monthly_health": ("drift",)}
    path = dataclasses.replace(report, stem="drift").published(".json")
    path.parent.mkdir(parents=True)
    hashes = [hash_of("monthly_health")]
    alone = hash_of("tiny")
    for text in ("{}", '{"report": 1}'):
        path.write_text(text, encoding="utf-8")
        hashes.append(hash_of("monthly_health"))
        assert hash_of("monthly_health") == hashes[-1]
    assert len(set(hashes)) == 3
    assert hash_of("tiny") == alone
    path.unlink()
    assert hash_of("monthly_health") == hashes[0]
