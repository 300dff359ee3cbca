"""Alerts and scores as a whole, which months count for them, and parts that add up."""

import dataclasses
import math

import numpy as np
import pytest

from afterlaunch.drift_effects import model_use
from afterlaunch.drift_policy import DriftPolicy, Limits
from afterlaunch.drift_scores import JudgedMonths, decomposition, score_findings, why_no_decomposition
from afterlaunch.errors import DataError
from afterlaunch.findings import Severity
from afterlaunch.month_to_month import Against, usual_change
from afterlaunch.since_when import OnsetKind
from toy_profiles import HIGH, LOW, load_month, load_months, toy_evidence, toy_profile, windows

QUIET = [500, 510, 490, 505, 495, 500, 510, 490, 505, 495, 500, 500]


def months_of(profiles, policy=None):
    return JudgedMonths.of(toy_evidence(profiles), policy or DriftPolicy())


def judged(profiles, policy=None):
    """Return the findings on alerts and on scores."""
    policy = policy or DriftPolicy()
    return score_findings(months_of(profiles, policy), policy)


def parts_of(profiles):
    months = months_of(profiles)
    use = model_use(months.beside, version=months.version, scored=months.scored)
    return decomposition(months, use)


# --- which months -------------------------------------------------------------------------------------------------


def test_without_a_month_before_it_there_is_nothing_to_compare_with():
    with pytest.raises(
        DataError,
        match=r"^There is no month before January 2024 to compare it with\. Give a later period\.$",
    ):
        months_of(load_months([500]))


def test_the_version_of_most_rows_is_judged():
    versions = np.repeat(["v1", "v2"], [400, 600])
    months = months_of([*load_months([500, 500, 500])[:-1], load_month(windows(1)[0], 500, version=versions)])
    assert months.version == "v2"
    assert months.scored == ()
    assert months.current.n_rows == 600


@pytest.mark.parametrize(("n_of_version", "is_scored"), [(500, True), (499, False)])
def test_a_month_counts_as_scored_from_the_policys_rows_on(n_of_version, is_scored):
    mixed = np.repeat(["v2", "v1"], [1000 - n_of_version, n_of_version])
    before, last = windows(2)
    found = [load_month(before, 500, version=mixed), load_month(last, 500)]
    assert months_of(found).scored == ((0,) if is_scored else ())
    assert JudgedMonths.of(toy_evidence(found), DriftPolicy(min_n=499)).scored == (0,)


@pytest.mark.parametrize("n_reference", [1, 2, 3])
def test_after_a_small_roll_out_chance_alone_is_no_alarm(n_reference):
    n_alarms = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        rows = [*[500] * n_reference, 10_000]
        parts = zip(windows(n_reference + 1), random.binomial(rows, 0.1).tolist(), rows, strict=True)
        months = [load_month(window, n_high, n=n) for window, n_high, n in parts]
        n_alarms += any(row.severity in {Severity.WATCH, Severity.ACT} for row in judged(months))
    assert n_alarms <= 4


@pytest.mark.parametrize(("n_months", "n_reference", "place"), [(13, 12, 0), (13, 6, 0), (12, 12, None)])
def test_last_year_is_the_same_month_whether_it_is_in_the_reference_or_not(n_months, n_reference, place):
    months = months_of(load_months([500] * n_months), DriftPolicy(reference_months=n_reference))
    assert months.last_year == place


def test_last_year_is_found_by_its_month_where_months_are_missing():
    profiles = load_months([500] * 13)
    assert months_of([profiles[0], *profiles[5:]]).last_year == 0
    assert months_of(profiles[1:]).last_year is None


# --- alerts and scores --------------------------------------------------------------------------------------------


def test_alerts_and_scores_by_hand():
    alerts, score = judged(load_months([*QUIET, 600]))
    assert alerts.finding.code == "drift.alerts"
    assert (alerts.before, alerts.after.value) == pytest.approx((0.5, 0.6))
    assert alerts.finding.measurement.value == pytest.approx(0.2)
    assert alerts.severity is Severity.WATCH
    # 0.2 + 0.4 x 0.5 becomes 0.2 + 0.4 x 0.6: a tenth more, which is the floor and still no finding.
    assert score.finding.code == "drift.score"
    assert (score.before, score.after.value) == pytest.approx((0.4, 0.44))
    assert score.finding.measurement.value == pytest.approx(0.1)
    assert (alerts.onset.kind, alerts.onset.since) == (OnsetKind.LAST_MONTH, "2024-01")


def test_intervals_of_alerts_and_scores_by_hand():
    alerts, score = judged(load_months([*QUIET, 600]))
    # Wilson's interval of 600 of 1,000.
    z = 1.959964
    centre, reach = (0.6 + z**2 / 2000), z * math.sqrt(0.24 / 1000 + z**2 / 4e6)
    by_hand = [(centre - reach) / (1 + z**2 / 1000), (centre + reach) / (1 + z**2 / 1000)]
    assert [alerts.after.ci_lower, alerts.after.ci_upper] == pytest.approx(by_hand, abs=1e-6)
    error = 0.4 * math.sqrt(0.24 / 1000)
    assert score.after.ci_upper == pytest.approx(0.44 + 1.96 * error, rel=1e-3)
    assert score.after.ci_lower == pytest.approx(0.44 - 1.96 * error, rel=1e-3)


def test_fewer_alerts_count_as_well():
    alerts, _ = judged(load_months([*QUIET, 400]))
    assert alerts.finding.measurement.value == pytest.approx(0.2)
    assert alerts.severity is Severity.WATCH


def test_the_limits_are_inclusive():
    profiles = load_months([*QUIET, 600])
    size = judged(profiles)[0].finding.measurement.value
    for watch, act, severity in (
        (size, 1.0, Severity.OK),
        (math.nextafter(size, 0), 1.0, Severity.WATCH),
        (0.1, size, Severity.WATCH),
        (0.1, math.nextafter(size, 0), Severity.ACT),
    ):
        alerts, _ = judged(profiles, DriftPolicy(alerts=Limits(watch=watch, act=act)))
        assert alerts.severity is severity


def test_the_usual_is_each_month_against_the_others_without_itself():
    n_high = [400, 600, 450, 550, 480, 520]
    alerts, _ = judged(load_months([*n_high, 500]))
    shares = np.array(n_high) / 1000
    others = [np.delete(shares, place).mean() for place in range(shares.size)]
    months = (shares - others) / shares.mean()
    slow = usual_change(months[:, None], [0.0], se=[math.sqrt(0.25 / 1000) / 0.5])
    limit = max(-slow.lower[0], slow.upper[0])
    assert alerts.finding.threshold.usual_range.upper == pytest.approx(limit)


def test_one_reference_month_doubles_the_limits():
    profiles = load_months([500, 600])
    size = judged(profiles)[0].finding.measurement.value
    for act, severity in (
        (size, Severity.OK),
        (math.nextafter(size, 0), Severity.WATCH),
        (size / 2, Severity.WATCH),
        (math.nextafter(size / 2, 0), Severity.ACT),
    ):
        alerts, _ = judged(profiles, DriftPolicy(alerts=Limits(watch=0.01, act=act)))
        assert alerts.against is Against.FLOOR_ONLY
        assert alerts.severity is severity


def test_a_season_is_held_against_last_year():
    profiles = load_months([700, *QUIET[1:], 710])
    alerts, _ = judged(profiles, DriftPolicy(reference_months=11))
    assert alerts.against is Against.LAST_YEAR
    assert alerts.finding.measurement.value == pytest.approx(710 / 700 - 1)
    assert alerts.severity is Severity.OK


def test_last_year_of_another_version_says_nothing():
    year_ago = load_month(windows(13)[0], 700, version="v0")
    profiles = [year_ago, *load_months([*QUIET, 700])[1:]]
    alerts, _ = judged(profiles, DriftPolicy(reference_months=11))
    assert alerts.against is Against.OTHER_MONTHS
    assert alerts.severity is Severity.ACT


def test_too_few_rows_are_not_judged():
    profiles = load_months([*QUIET, 700])
    assert judged(profiles, DriftPolicy(min_n=1000))[0].severity is Severity.ACT
    assert judged(profiles, DriftPolicy(min_n=1001))[0].severity is Severity.UNKNOWN


def test_only_rows_of_the_version_are_judged():
    # v1 scores all rows high, v2 all rows low, in all months alike: neither changes when their shares do.
    def month(window, n_of_v2):
        version = np.repeat(["v2", "v1"], [n_of_v2, 1000 - n_of_v2])
        score = np.where(version == "v1", HIGH, LOW)
        return toy_profile(window, score=score, numbers={"load": np.arange(1000) % 2}, version=version)

    profiles = [
        month(window, n) for window, n in zip(windows(6), (100, 200, 300, 100, 200, 400), strict=True)
    ]
    for row in judged(profiles):
        assert row.finding.measurement.value == pytest.approx(0)
        assert row.finding.measurement.n == 600


def test_a_version_without_a_month_before_it_is_not_judged_and_says_why():
    profiles = [*load_months([500] * 4)[:-1], load_month(windows(1)[0], 900, version="v2")]
    for row in judged(profiles):
        assert row.severity is Severity.UNKNOWN
        assert row.finding.measurement.reason == "no reference month was scored by v2"
        assert math.isnan(row.before)
        assert row.after.value > 0.5
        assert row.onset is None


@pytest.mark.parametrize("n_reference", [1, 6])
def test_the_first_alerts_ever_are_no_share_of_what_was_usual(n_reference):
    alerts, score = judged(load_months([0] * n_reference + [100]))
    assert alerts.severity is Severity.UNKNOWN
    reason = "the share of alerts of v1 was 0 in all reference months"
    assert alerts.finding.measurement.reason == reason
    assert (alerts.before, alerts.after.value) == (0, 0.1)
    assert score.finding.measurement.is_known


def test_a_model_that_never_alerts_has_not_changed():
    alerts, _ = judged(load_months([0, 0, 0, 0, 0]))
    assert alerts.finding.measurement.value == 0
    assert alerts.severity is Severity.OK


def test_scores_that_were_all_0_are_no_usual_either():
    zero, some = (
        [toy_profile(window, score=np.full(600, value), numbers={"load": [1] * 600}) for window in windows(3)]
        for value in (0.0, 0.2)
    )
    _, score = judged([*zero[:-1], some[-1]])
    assert score.finding.measurement.reason == "the mean score of v1 was 0 in all reference months"
    _, score = judged(zero)
    assert score.finding.measurement.value == 0


def test_months_without_any_alert_are_months_like_others():
    # Shares of 0, 0, 0, 0 and 0.5: this month's 0.1 is their mean, and even three times that would be nothing unusual.
    for n_high, size in ((100, 0.0), (300, 2.0)):
        alerts, _ = judged(load_months([0, 0, 0, 0, 500, n_high]))
        assert alerts.finding.measurement.value == pytest.approx(size)
        assert alerts.against is Against.OTHER_MONTHS
        assert alerts.severity is Severity.OK


# --- parts that add up --------------------------------------------------------------------------------------------


def test_parts_add_up():
    random = np.random.default_rng(4)
    profiles = []
    for window in windows(7):
        a, b = random.integers(0, 6, 900), random.choice(["x", "y", None], 900)
        score = np.round(1 / (1 + np.exp(-(a - 3) * np.where(b == "x", 1, 0.3))), 6)
        profiles.append(toy_profile(window, score=score, numbers={"a": a}, texts={"b": list(b)}))
    parts = parts_of(profiles)
    assert parts.inputs_score + parts.unexplained_score == pytest.approx(parts.total_score, abs=1e-9)
    assert parts.inputs_alerts_per_1000 + parts.unexplained_alerts_per_1000 == pytest.approx(
        parts.total_alerts_per_1000, abs=1e-9
    )
    scores = [profile.scores["v1"] for profile in profiles]
    before = sum(one.sum_score for one in scores[:-1]) / sum(one.n_rows for one in scores[:-1])
    assert parts.total_score == pytest.approx(scores[-1].mean_score - before, abs=1e-12)
    alerts = sum(one.n_alerts.sum() for one in scores[:-1]) / sum(one.n_rows for one in scores[:-1])
    assert parts.total_alerts_per_1000 == pytest.approx(1000 * (scores[-1].alert_share - alerts), abs=1e-9)
    assert parts.n_sample == 5400


def test_what_inputs_do_is_explained_and_another_model_is_not():
    explained = parts_of(load_months([*QUIET, 600]))
    assert explained.inputs_alerts_per_1000 == pytest.approx(100, rel=1e-3)
    assert explained.unexplained_alerts_per_1000 == pytest.approx(0, abs=0.1)
    assert explained.fidelity_score == pytest.approx(1, abs=1e-6)
    # The same inputs, and every score 0.1 higher.
    load = np.repeat([0.0, 1.0], 500)
    other = toy_profile(windows(1)[0], score=0.3 + 0.4 * load, numbers={"load": load})
    unexplained = parts_of([*load_months([*QUIET, 500])[:-1], other])
    assert unexplained.inputs_score == pytest.approx(0, abs=1e-9)
    assert unexplained.unexplained_score == pytest.approx(0.1)


def test_why_a_change_cannot_be_split():
    months = months_of([*load_months([500] * 3)[:-1], load_month(windows(1)[0], 500, version="v2")])
    use = model_use(months.beside, version="v2", scored=())
    assert decomposition(months, use) is None
    assert why_no_decomposition(months, use) == "no reference month was scored by v2"
    assert decomposition(months, "nobody knows") is None
    assert why_no_decomposition(months, "nobody knows") == "nobody knows"
    known = months_of(load_months([500, 500]))
    assert why_no_decomposition(known, model_use(known.beside, version="v1", scored=(0,))) == ""


def test_order_of_versions_changes_nothing():
    profiles = list(load_months([*QUIET, 600]))
    mixed = load_month(windows(1)[0], 600, version=np.repeat(["v2", "v1"], [300, 700]))
    turned = dataclasses.replace(mixed, scores=dict(reversed(mixed.scores.items())))
    assert judged([*profiles[:-1], mixed]) == judged([*profiles[:-1], turned])
