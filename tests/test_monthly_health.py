import dataclasses
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from afterlaunch.engine import DuckDB, Source
from afterlaunch.errors import DataError, ParameterError
from afterlaunch.findings import Direction, Severity
from afterlaunch.health_counts import Amounts, read_health_counts
from afterlaunch.health_measures import Resampling
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import HealthReport, Labels
from afterlaunch.kpis import Kpi
from afterlaunch.model_version import ModelVersion
from afterlaunch.monthly_health import Sources, monthly_health
from afterlaunch.ranges import Range
from afterlaunch.records import from_plain, to_plain
from afterlaunch.scoring_log import ScoringLog, ShadowTable
from afterlaunch.windows import Window
from toy_logs import World, toy_setup, write_toy

V1 = ModelVersion(
    name="v1", threshold=0.5, trained_from=dt.date(2022, 10, 1), trained_until=dt.date(2022, 12, 31)
)
MONEY = Amounts(
    kpis=(
        Kpi(
            name="net_saving",
            title="Net saving per 1,000 claims",
            numerator="gain * decision * outcome - cost * decision",
            denominator="1",
            per=1000,
            unit="USD",
            direction=Direction.HIGHER,
            decimals=0,
        ),
    ),
    amounts={"gain": 60.0, "cost": 8.0},
)
POLICY = HealthPolicy(main_kpi="business.net_saving")
LABELS = Labels(model="toy", title="Toy screening", case_noun="claims", outcome_noun="frauds")


def report_on(folder, log, *, period="2024-01", policy=POLICY, money=MONEY, as_of=None, **setup):
    write_toy(folder, log)
    engine = DuckDB(threads=2)
    given = {"versions": {"v1": V1}} | setup
    opened = ScoringLog.validated(toy_setup(**given), engine=engine, root=folder, as_of=as_of)
    report = monthly_health(
        Sources(log=opened),
        window=Window.parse(period),
        money=money,
        policy=policy,
        labels=LABELS,
        resampling=Resampling(n_resamples=300, seed=1),
    )
    engine.close()
    return report


def by_title(report):
    return {comparison.title: comparison.current for comparison in report.performance}


def test_every_number_equals_what_scikit_learn_gives_on_the_rows(tmp_path):
    log = World(seed=3).log()
    report = report_on(tmp_path, log)
    month = log[log["at"] >= "2024-01-01"]
    y, score, alert = month["outcome"], month["risk"], month["alert"]
    found = by_title(report)
    assert report.n_rows == report.n_judged == len(month)
    expected = {
        "Ranking quality (ROC AUC)": metrics.roc_auc_score(y, score),
        "Average precision": metrics.average_precision_score(y, score),
        "Precision at the alert threshold": metrics.precision_score(y, alert),
        "Recall at the alert threshold": metrics.recall_score(y, alert),
        "Brier score": metrics.brier_score_loss(y, score),
        "Log loss": metrics.log_loss(y, score),
        "Outcome share": y.mean(),
    }
    for title, value in expected.items():
        assert found[title].value == pytest.approx(value, abs=1e-8), title
    assert (
        report.indicator("model.roc_auc").finding.measurement.value
        == found["Ranking quality (ROC AUC)"].value
    )
    gap = report.indicator("model.calibration_gap").finding.measurement
    assert gap.value == pytest.approx(100 * (y.mean() - score.mean()), abs=1e-6)
    assert report.indicator("model.alert_share").finding.measurement.value == pytest.approx(
        alert.mean(), abs=1e-12
    )
    saving = 1000 * (60 * (alert & (y == 1)) - 8 * alert).mean()
    assert report.indicator("business.net_saving").finding.measurement.value == pytest.approx(
        saving, abs=1e-6
    )
    for measurement in found.values():
        assert measurement.ci_lower < measurement.value < measurement.ci_upper


def test_quiet_months_stay_quiet(tmp_path):
    above_ok, n_judged, n_worse_segments = 0, 0, 0
    for seed in range(10):
        report = report_on(tmp_path, World(seed=seed, n_per_day=15).log())
        known = [i for i in report.indicators if i.severity is not Severity.UNKNOWN]
        n_judged += len(known)
        above_ok += sum(i.severity is not Severity.OK for i in known)
        n_worse_segments += report.segments.n_worse
    assert n_judged == 40
    assert above_ok <= 3
    assert n_worse_segments == 0


@pytest.mark.parametrize(
    ("planted", "code"),
    [
        ({"noise": 2.0}, "model.roc_auc"),
        ({"shift": -0.8}, "model.calibration_gap"),
        ({"shift": -0.8}, "business.net_saving"),
    ],
)
def test_what_is_planted_is_found(tmp_path, planted, code):
    report = report_on(tmp_path, World(seed=5, **planted).log())
    assert report.indicator(code).severity is Severity.WATCH
    assert code in report.decisions
    assert code in [change.code for change in report.changes]


def test_missing_the_target_as_well_makes_it_act(tmp_path):
    policy = dataclasses.replace(
        POLICY, indicators={"model.roc_auc": IndicatorPolicy(target=Range(lower=0.75), owner="data science")}
    )
    report = report_on(tmp_path, World(seed=5, noise=2.0).log(), policy=policy)
    auc = report.indicator("model.roc_auc")
    assert (auc.severity, auc.owner) == (Severity.ACT, "data science")
    assert report.verdict.severity is Severity.ACT
    assert report.verdict.deciding == ("model.roc_auc",)
    assert report.decisions[0] == "model.roc_auc"


def test_spoilt_data_shows_in_volume_and_quality(tmp_path):
    report = report_on(tmp_path, World(seed=2, missing_share=0.3, kept_share=0.5).log())
    unusual = {check.code for check in report.quality if check.is_unusual}
    assert unusual == {"rows_per_day", "missing_share.amount"}
    assert {"quality.rows_per_day", "quality.missing_share.amount"} <= {
        change.code for change in report.changes
    }


def test_a_segment_that_is_served_worse_is_named_and_only_that(tmp_path):
    report = report_on(
        tmp_path, World(seed=4, n_per_day=150, n_months=6, bad_region="east").log(), period="2023-06"
    )
    worse = {(s.column, s.value, s.measure) for s in report.segments.shown if s.is_worse}
    assert worse == {("region", "east", "roc_auc")}
    east = report.segments.shown[0]
    assert east.ci_lower <= east.difference <= east.ci_upper < 0


def test_training_months_are_never_judged_and_never_part_of_a_usual_range(tmp_path):
    log = World(seed=1, n_months=8).log()
    trained = dataclasses.replace(V1, trained_from=dt.date(2023, 1, 1), trained_until=dt.date(2023, 3, 31))
    report = report_on(tmp_path, log, period="2023-08", versions={"v1": trained})
    history = report.indicator("model.roc_auc").history
    assert [(p.label, p.in_usual_range) for p in history] == [
        *((f"2023-0{m}", False) for m in (1, 2, 3)),
        *((f"2023-0{m}", True) for m in (4, 5, 6, 7)),
        ("2023-08", False),
    ]
    assert np.isnan([p.value for p in history[:3]]).all()
    assert history[0].reason == "January 2023 lies in the training window of v1"
    assert report.indicator("model.alert_share").usual_range.n_months == 4
    assert report.limits.left_out_months == ("2023-01", "2023-02", "2023-03")
    in_training = report_on(tmp_path, log, period="2023-02", versions={"v1": trained})
    assert in_training.verdict.severity is Severity.UNKNOWN
    assert in_training.calibration is None


def test_outcomes_still_maturing_are_counted_and_left_out(tmp_path):
    log = World(seed=1, n_months=6).log()
    report = report_on(tmp_path, log, period="2023-06", as_of=dt.date(2023, 6, 21))
    assert report.outcomes_complete_until == dt.date(2023, 6, 19)
    assert report.n_rows == (20 * 40)
    assert report.n_judged == 18 * 40
    assert report.limits.n_maturing == 2 * 40
    assert report.limits.n_days_judged == 18


def test_fewer_than_fourteen_days_give_numbers_without_intervals_and_say_why(tmp_path):
    report = report_on(
        tmp_path, World(seed=1, n_months=6).log(), period="2023-06", as_of=dt.date(2023, 6, 11)
    )
    auc = by_title(report)["Ranking quality (ROC AUC)"]
    assert (auc.ci_lower, auc.ci_upper) == (None, None)
    assert auc.reason == "an interval needs at least 14 days with rows, and there are 8"


def test_overdue_outcomes_are_counted_apart_from_maturing_ones(tmp_path):
    log = World(seed=1, n_months=6).log()
    lost = log["claim"].isin(log.loc[log["at"] >= "2023-06-01", "claim"].head(200))
    write_toy(tmp_path, log)
    report = report_on_files(tmp_path, log, lost)
    assert (report.limits.n_without_outcome, report.limits.n_maturing) == (200, 0)
    assert report.n_judged == report.n_rows - 200


def report_on_files(folder, log, lost):
    engine = DuckDB()
    setup = toy_setup(versions={"v1": V1})
    log.loc[~lost, ["claim", "outcome", "known_at"]].to_parquet(folder / "outcomes.parquet")
    opened = ScoringLog.validated(setup, engine=engine, root=folder)
    return monthly_health(
        Sources(log=opened),
        window=Window.parse("2023-06"),
        money=MONEY,
        policy=POLICY,
        labels=LABELS,
        resampling=Resampling(n_resamples=300),
    )


def test_a_change_of_version_is_told_and_both_versions_are_compared_on_the_same_rows(tmp_path):
    log = World(seed=9, n_months=7).log()
    new = log["at"] >= "2023-07-01"
    random = np.random.default_rng(0)
    logit = np.log(log["risk"] / (1 - log["risk"]))
    blurred = np.round(1 / (1 + np.exp(-(logit + random.normal(0, 2, len(log))))), 6)
    shadow = log.loc[new, ["claim"]].assign(version="v1", risk=log.loc[new, "risk"])
    log = log.assign(risk=np.where(new, blurred, log["risk"]), version=np.where(new, "v2", "v1"))
    log["alert"] = log["risk"] >= 0.5
    shadow.to_parquet(tmp_path / "shadow.parquet")
    v2 = dataclasses.replace(V1, name="v2")
    report = report_on(
        tmp_path,
        log,
        period="2023-07",
        versions={"v1": V1, "v2": v2},
        shadow_scores=ShadowTable(
            source=Source(path="shadow.parquet"), id="claim", model_version="version", score="risk"
        ),
    )
    assert [use.name for use in report.versions] == ["v2"]
    assert [use.name for use in report.previous_versions] == ["v1"]
    assert report.limits.comparison_across_versions
    same = report.same_rows
    assert (same.champion, same.other, same.n) == ("v2", "v1", report.n_rows)
    saving, auc = same.measures[:2]
    y = log.loc[new, "outcome"]
    assert auc.current.value == pytest.approx(metrics.roc_auc_score(y, log.loc[new, "risk"]), abs=1e-9)
    assert auc.previous.value == pytest.approx(metrics.roc_auc_score(y, shadow["risk"]), abs=1e-9)
    assert auc.difference.ci_upper < 0
    would_alert = shadow["risk"] >= 0.5
    assert saving.previous.value == pytest.approx(
        1000 * (60 * (would_alert & (y == 1)) - 8 * would_alert).mean()
    )
    assert saving.current.value == report.indicator("business.net_saving").finding.measurement.value
    assert saving.difference.value == pytest.approx(saving.current.value - saving.previous.value)


def test_a_month_without_rows_is_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"^There are no rows in May 2025: 'log\.parquet' covers 2023-01-01 to 2023-03-"
    ):
        report_on(tmp_path, World(n_months=3).log(), period="2025-05")


def test_a_policy_for_an_unknown_indicator_is_refused(tmp_path):
    policy = dataclasses.replace(POLICY, indicators={"model.roc_acu": IndicatorPolicy()})
    with pytest.raises(
        ParameterError, match=r"'model\.roc_acu' is not an indicator\. Did you mean 'model\.roc_auc'\?"
    ):
        report_on(tmp_path, World(n_months=3).log(), period="2023-03", policy=policy)


def test_a_month_of_one_class_says_so_instead_of_a_number(tmp_path):
    log = World(seed=1, n_months=2).log()
    log.loc[log["at"] >= "2023-02-01", "outcome"] = 0
    report = report_on(tmp_path, log, period="2023-02")
    auc = report.indicator("model.roc_auc").finding.measurement
    assert np.isnan(auc.value)
    assert "negative" in auc.reason


def test_without_outcomes_only_what_needs_none_is_judged(tmp_path):
    report = report_on(tmp_path, World(seed=1, n_months=6).log(), period="2023-06", outcomes=None)
    known = {i.code for i in report.indicators if i.finding.measurement.is_known}
    assert known == {"model.alert_share"}
    assert report.outcomes_complete_until is None


def test_the_same_log_in_another_order_gives_the_same_report(tmp_path):
    log = World(seed=8, n_months=6).log()
    first = report_on(tmp_path, log, period="2023-06")
    second = report_on(tmp_path, log.sample(frac=1, random_state=1), period="2023-06")
    assert to_plain(first) == to_plain(second)


def test_hostile_segment_values_are_only_text(tmp_path):
    log = World(seed=8, n_months=2, n_per_day=100).log()
    log["region"] = log["region"].replace("east", "x'); DROP TABLE cases; --").where(log["claim"] % 7 > 0)
    report = report_on(tmp_path, log, period="2023-02")
    assert {s.value for s in report.segments.shown} >= {"x'); DROP TABLE cases; --", "(missing)"}
    assert isinstance(pd.DataFrame([dataclasses.asdict(s) for s in report.segments.shown]), pd.DataFrame)


def test_calibration_bins_hold_every_judged_row_and_their_exact_shares(tmp_path):
    log = World(seed=3, n_months=3).log()
    report = report_on(tmp_path, log, period="2023-03")
    month = log[log["at"] >= "2023-03-01"]
    bins = report.calibration.bins
    assert len(bins) == 10
    assert sum(b.n for b in bins) == len(month)
    ordered = month.sort_values("risk")
    start = 0
    for one in bins:
        rows = ordered.iloc[start : start + one.n]
        assert one.mean_score == pytest.approx(rows["risk"].mean(), abs=1e-9)
        assert one.outcome_share == pytest.approx(rows["outcome"].mean(), abs=1e-12)
        assert one.ci_lower <= one.outcome_share <= one.ci_upper
        start += one.n


def test_a_report_survives_json(tmp_path):
    report = report_on(tmp_path, World(seed=3, n_months=6).log(), period="2023-06")
    plain = to_plain(report)
    text = json.dumps(plain, allow_nan=False)
    assert to_plain(from_plain(HealthReport, json.loads(text), where="report")) == plain


def test_very_many_rows_are_counted_on_a_fine_grid_of_log_odds(tmp_path, monkeypatch):
    log = World(seed=3, n_months=2, n_per_day=300).log()
    exact = by_title(report_on(tmp_path, log, period="2023-02"))["Ranking quality (ROC AUC)"].value
    monkeypatch.setattr("afterlaunch.health_counts.MAX_EXACT_ROWS", 10)
    engine = DuckDB()
    opened = ScoringLog.validated(toy_setup(versions={"v1": V1}), engine=engine, root=tmp_path)
    month = Window.parse("2023-02")
    (counted,) = read_health_counts(opened, first=month, last=month, money=MONEY).months
    engine.close()
    assert counted.scores.n == counted.n_judged == 28 * 300
    assert counted.scores.score.size < 0.6 * counted.scores.n
    assert counted.scores.roc_auc() == pytest.approx(exact, abs=1e-5)


def test_a_day_that_only_rare_segment_values_have_is_no_obstacle(tmp_path):
    log = World(seed=8, n_months=2, n_per_day=60).log()
    log["region"] = "region " + (log["claim"] % 50).astype("str")
    lonely = log["at"].dt.date == dt.date(2023, 2, 10)
    log.loc[lonely, "region"] = "seen on one day only"
    log = log[~lonely | (log["claim"] % 60 == 0)]
    report = report_on(tmp_path, log, period="2023-02")
    assert report.limits.n_days_judged == 28
    assert report.segments.n_compared == 0
    assert report.segments.n_too_small > 0
