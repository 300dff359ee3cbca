"""The row and the section about complaints, on months that can be worked out by hand."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from afterlaunch.engine import Source
from afterlaunch.findings import Severity
from afterlaunch.health_complaints import MIN_THEME_TICKETS
from afterlaunch.health_policy import HealthPolicy, IndicatorPolicy
from afterlaunch.health_report import Complaints, Detectable, Estimate, Part, Times
from afterlaunch.rates import laney_usual_range, rate_ratio, risk_ratio
from afterlaunch.records import from_plain, to_plain
from afterlaunch.ticket_table import LabelTable
from toy_logs import World
from toy_service import ABOUT_AI, ABOUT_SPEED, ABOUT_TONER, plain_requests, report_on, toy_tickets

# Seven months of 2023 with 20 cases a day; every fifth brings a ticket, every other one of them about the AI.
LOG = World(n_months=7, n_per_day=20).log()
TICKETS = toy_tickets(LOG, every=5)
JULY = TICKETS["came"] >= pd.Timestamp("2023-07-02")
N_JULY = 31 * 20
LONG_AFTER = dt.date(2023, 10, 15)


def judged(folder, tickets=TICKETS, *, as_of=LONG_AFTER, **given):
    return report_on(folder, log=LOG, tickets=tickets, period="2023-07", as_of=as_of, **given)


def row_of(report):
    return report.indicator("complaints.ai_tickets")


def value_of(report):
    return row_of(report).finding.measurement.value


def labels_of(tickets, *, n_true_flagged, n_true_unflagged, n_each=40, weights=None):
    """Labels of the first so many tickets of either kind, of which the first ones are about the AI."""
    is_flagged = tickets["words"] == ABOUT_AI
    parts = [
        pd.DataFrame(
            {
                "ticket": tickets["number"][kind][:n_each],
                "blames_ai": (np.arange(n_each) < n_true).astype(int),
            }
        )
        for kind, n_true in ((is_flagged, n_true_flagged), (~is_flagged, n_true_unflagged))
    ]
    labels = pd.concat(parts, ignore_index=True)
    return labels if weights is None else labels.assign(weight=weights)


# --- how many -------------------------------------------------------------------------


def test_flags_without_labels_are_counted_per_thousand_decisions(tmp_path):
    report = judged(tmp_path)
    # A ticket every fifth case, half of them about the AI: 62 of 620 cases.
    found = report.complaints
    assert (found.n_tickets, found.n_flagged, found.estimated) == (124, 62, pytest.approx(62.0))
    assert value_of(report) == pytest.approx(1_000 * 62 / N_JULY)
    assert row_of(report).finding.measurement.n == N_JULY
    assert (found.method, found.completeness, found.joined_share) == ("rules", 1.0, 1.0)
    assert [(theme.theme, theme.n, theme.share) for theme in found.themes] == [("wrong verdict", 62, 1.0)]


def test_what_people_found_corrects_the_flags(tmp_path):
    labels = labels_of(TICKETS, n_true_flagged=30, n_true_unflagged=4)
    # One of the other tickets of July is taken away, so that its days are not all alike.
    last_other = TICKETS.index[TICKETS["words"] == ABOUT_TONER][-1]
    report = judged(tmp_path, TICKETS.drop(index=last_other), labels=labels)
    # Three of four flags are right, and a tenth of the other tickets is missed: 46.5 and 6.1 of 123.
    assert report.complaints.estimated == pytest.approx(62 * 0.75 + 61 * 0.1)
    assert value_of(report) == pytest.approx(1_000 * 52.6 / N_JULY)
    measurement = row_of(report).finding.measurement
    assert measurement.ci_lower < measurement.value < measurement.ci_upper
    assert (report.complaints.n_labelled, report.complaints.n_audited) == (80, 0)


def test_tickets_that_name_no_case_are_counted_in_proportion(tmp_path):
    nameless = TICKETS.assign(about=TICKETS["about"].astype("Int64"))
    nameless.loc[nameless.index[::4], "about"] = pd.NA
    report = judged(tmp_path, nameless)
    # Each fourth ticket names none; the flagged ones are every other: so half of the flagged are left in July.
    found = report.complaints
    assert found.joined_share == pytest.approx(0.75)
    assert found.n_unjoined == len(TICKETS) // 4
    assert found.estimated == pytest.approx(found.n_flagged / 0.75)
    assert value_of(report) == pytest.approx(1_000 * found.n_flagged / 0.75 / N_JULY)


def test_a_labelled_ticket_counts_as_many_as_it_stands_for(tmp_path):
    # Of 40 labels of flagged tickets the first 10 stand for three each and are right: half of all by weight.
    weights = np.concatenate([np.where(np.arange(40) < 10, 3.0, 1.0), np.ones(40)])
    labels = labels_of(TICKETS, n_true_flagged=10, n_true_unflagged=0, weights=weights)
    columns = {"labels": label_table("weight")}
    report = judged(tmp_path, labels=labels, ticket_columns=columns)
    # Kish: (30 + 30)² / (90 + 30) = 30 labels with equal chances are worth as much, and 15 of them are right.
    assert report.complaints.estimated == pytest.approx(62 * 15 / 30)
    unweighted = judged(tmp_path, labels=labels, ticket_columns={"labels": label_table(None)})
    assert unweighted.complaints.estimated == pytest.approx(62 * 10 / 40)


def label_table(weight):
    return LabelTable(source=Source(path="labels.parquet"), id="ticket", about_ai="blames_ai", weight=weight)


def test_labelled_tickets_of_the_month_are_counted_as_people_labelled_them(tmp_path):
    labels = pd.concat(
        [
            labels_of(TICKETS, n_true_flagged=36, n_true_unflagged=2),
            labels_of(TICKETS[JULY], n_true_flagged=27, n_true_unflagged=2, n_each=30),
        ]
    ).assign(weight=lambda rows: 1.0 + np.arange(len(rows)) % 4)
    report = judged(tmp_path, labels=labels, ticket_columns={"labels": label_table("weight")})
    assert report.complaints.n_audited == 60
    assert not report.complaints.audit_differs


def test_an_audit_that_differs_from_the_earlier_ones_is_taken_alone(tmp_path):
    earlier = labels_of(TICKETS, n_true_flagged=38, n_true_unflagged=1)
    now = labels_of(TICKETS[JULY], n_true_flagged=15, n_true_unflagged=3, n_each=30)
    report = judged(tmp_path, labels=pd.concat([earlier, now]))
    assert report.complaints.audit_differs
    assert report.complaints.estimated == pytest.approx(62 * 15 / 30 + 62 * 3 / 30)
    # The months before keep what all labels say.
    june = {point.label: point.value for point in row_of(report).history}["2023-06"]
    assert june == pytest.approx(1_000 * (60 * 53 / 70 + 60 * 4 / 70) / 600)


def test_days_without_a_ticket_are_zeros_and_not_missing(tmp_path):
    one_day = TICKETS[~JULY | (TICKETS["came"].dt.day == 11)]
    report = judged(tmp_path, one_day)
    assert report.complaints.n_tickets == 4
    assert value_of(report) == pytest.approx(1_000 * 2 / N_JULY)
    measurement = row_of(report).finding.measurement
    # Days differ as much as they can, and the interval knows it.
    assert measurement.ci_lower == 0.0
    assert measurement.ci_upper > 2 * measurement.value


# --- tickets that come late -------------------------------------------------------------


def late_tickets():
    """The same tickets, each up to 29 days after its case."""
    delay = pd.to_timedelta(np.arange(len(TICKETS)) * 7 % 30, unit="D")
    return TICKETS.assign(came=TICKETS["came"] - pd.Timedelta(days=1) + delay)


def test_tickets_by_case_date_seem_to_fall_in_the_last_month_and_the_nowcast_does_not(tmp_path):
    report = judged(tmp_path, late_tickets(), as_of=dt.date(2023, 8, 1))
    found = report.complaints
    assert 0.4 < found.completeness < 0.7
    # By 1 August about half of the 62 have come.
    assert found.n_reported == pytest.approx(found.n_flagged)
    assert found.n_reported < 0.7 * 62
    assert found.estimated == pytest.approx(62, rel=0.2)
    assert found.n_reported + found.n_outstanding == pytest.approx(found.estimated)
    assert found.ci_lower < 62 < found.ci_upper
    assert row_of(report).behind[0] == Estimate(
        title="tickets still to come", value=round(found.n_outstanding), unit="count", decimals=0
    )


def test_a_month_that_is_long_over_waits_for_nothing(tmp_path):
    report = judged(tmp_path, late_tickets(), as_of=LONG_AFTER)
    assert (report.complaints.completeness, report.complaints.n_outstanding) == (1.0, 0.0)
    assert report.complaints.estimated == pytest.approx(62.0)
    assert not any(isinstance(fact, Estimate) for fact in row_of(report).behind)


def test_sixty_days_after_its_end_a_month_is_final(tmp_path):
    completeness = {
        day: judged(tmp_path, late_tickets(), as_of=day).complaints.completeness
        for day in (dt.date(2023, 9, 1), dt.date(2023, 9, 29), dt.date(2023, 9, 30))
    }
    assert completeness[dt.date(2023, 9, 1)] == pytest.approx(1.0, abs=0.02)
    assert completeness[dt.date(2023, 9, 30)] == 1.0


def test_a_ticket_that_comes_after_half_a_year_is_counted_where_its_case_was(tmp_path):
    tickets = TICKETS.copy()
    first = tickets.index[~JULY][0]
    tickets.loc[first, "came"] = pd.Timestamp("2023-07-30")
    report = judged(tmp_path, tickets, as_of=dt.date(2023, 8, 20))
    history = {point.label: point.value for point in row_of(report).history}
    assert history["2023-01"] == pytest.approx(100.0)


# --- what is behind it --------------------------------------------------------------------


def more_in_july(words):
    """The same tickets, and one more about each tenth case of July."""
    july = LOG[LOG["at"] >= "2023-07-01"].iloc[1::10]
    more = pd.DataFrame(
        {
            "number": np.arange(9_000, 9_000 + len(july)),
            "came": (july["at"] + pd.Timedelta(days=1)).to_numpy(),
            "about": july["claim"].to_numpy(),
            "words": words,
        }
    )
    return pd.concat([TICKETS, more], ignore_index=True)


def test_a_month_with_twice_as_many_is_told_as_that_many_times_the_usual_rate(tmp_path):
    report = judged(tmp_path, more_in_july(ABOUT_AI))
    assert report.complaints.n_flagged == 124
    n_days = np.array([31, 28, 31, 30, 31, 30])
    usual = rate_ratio(124.0, 620.0, 2.0 * n_days, 20.0 * n_days)
    assert report.complaints.times == Times(
        ratio=pytest.approx(usual.ratio),
        ci_lower=pytest.approx(usual.lower),
        ci_upper=pytest.approx(usual.upper),
        n_months=6,
    )
    assert report.complaints.times.ratio == pytest.approx(2.0, rel=0.01)
    assert report.complaints.times in row_of(report).behind
    assert row_of(report).severity is Severity.WATCH


def test_a_theme_that_has_risen_is_named_with_its_usual_share(tmp_path):
    report = judged(tmp_path, more_in_july(ABOUT_SPEED))
    (part,) = [fact for fact in row_of(report).behind if isinstance(fact, Part)]
    assert part == Part(title="are about “too slow”", n=62, n_of=124, noun="flagged tickets", usual_share=0.0)
    assert [(theme.theme, theme.n, theme.usual_share) for theme in report.complaints.themes] == [
        ("too slow", 62, 0.0),
        ("wrong verdict", 62, 1.0),
    ]


@pytest.mark.parametrize(("n", "is_named"), [(MIN_THEME_TICKETS - 1, False), (MIN_THEME_TICKETS, True)])
def test_a_theme_of_a_few_tickets_is_not_named(tmp_path, n, is_named):
    tickets = pd.concat([TICKETS, more_in_july(ABOUT_SPEED).tail(n)])
    parts = [fact for fact in row_of(judged(tmp_path, tickets)).behind if isinstance(fact, Part)]
    assert bool(parts) is is_named


def test_a_calm_month_says_which_rise_it_would_have_shown(tmp_path):
    policy = HealthPolicy(indicators={"complaints.ai_tickets": IndicatorPolicy(limits="laney")})
    # A few more or less each month, or the usual range would be a line.
    dropped = [
        place
        for month, n in enumerate((3, 9, 5, 12, 7, 2, 6), start=1)
        for place in np.flatnonzero(
            (LOG["at"].iloc[::5].dt.month == month) & (TICKETS["words"] == ABOUT_AI).to_numpy()
        )[:n]
    ]
    report = judged(tmp_path, TICKETS.drop(index=TICKETS.index[dropped]), policy=policy)
    row = row_of(report)
    n_days = np.array([31, 28, 31, 30, 31, 30, 31])
    n_flagged = 2.0 * n_days - (3, 9, 5, 12, 7, 2, 6)
    assert [point.value for point in row.history] == pytest.approx(
        (1_000 * n_flagged / (20 * n_days)).tolist()
    )
    expected = laney_usual_range(n_flagged[:-1], 20.0 * n_days[:-1], n_units_now=620.0, per=1_000)
    assert (row.usual_range.lower, row.usual_range.upper) == pytest.approx((expected.lower, expected.upper))
    assert row.severity is Severity.OK
    found = row.behind[-1]
    assert isinstance(found, Detectable)
    assert found.value > row.usual_range.upper


# --- what such tickets follow ---------------------------------------------------------------


def test_how_much_oftener_a_ticket_follows_an_alert_is_the_risk_ratio_of_the_cases(tmp_path):
    july = LOG[LOG["at"] >= "2023-07-01"]
    alerts, others = july[july["alert"]], july[~july["alert"]]
    about = pd.concat([alerts.iloc[:30], others.iloc[:20]])
    tickets = pd.DataFrame(
        {
            "number": np.arange(len(about)),
            "came": (about["at"] + pd.Timedelta(days=1)).to_numpy(),
            "about": about["claim"].to_numpy(),
            "words": ABOUT_AI,
        }
    )
    # A case that brought three tickets is one case.
    tickets = pd.concat([tickets, tickets.head(1).assign(number=900), tickets.head(1).assign(number=901)])
    report = judged(tmp_path, tickets)
    risks = {risk.circumstance: risk for risk in report.complaints.risks}
    found = risks["an alert"]
    expected = risk_ratio(30, len(alerts), 20, len(others))
    assert (found.n_tickets, found.n_cases) == (30, len(alerts))
    assert (found.ratio, found.ci_lower, found.ci_upper) == pytest.approx(
        (expected.ratio, expected.lower, expected.upper)
    )
    assert report.complaints.n_flagged == 52


def test_what_was_slow_and_clicked_again_is_known_from_the_requests(tmp_path):
    july = LOG[LOG["at"] >= "2023-07-01"].iloc[:100]
    asked = plain_requests(
        july["at"],
        claim=july["claim"].to_numpy(),
        took=np.where(np.arange(100) < 20, 2_000.0, 300.0),
        fetch=0.0,
    )
    clicked = asked.iloc[10:20].assign(
        request=lambda rows: rows["request"] + " again",
        at=lambda rows: rows["at"] + pd.Timedelta(seconds=3),
        answer=1,
    )
    tickets = pd.DataFrame(
        {
            "number": np.arange(20),
            "came": (july["at"].iloc[:20] + pd.Timedelta(days=1)).to_numpy(),
            "about": july["claim"].iloc[:20].to_numpy(),
            "words": ABOUT_AI,
        }
    )
    report = judged(tmp_path, tickets, requests=pd.concat([asked, clicked]))
    found = {risk.circumstance: (risk.n_tickets, risk.n_cases) for risk in report.complaints.risks}
    assert found["a slow answer"] == (20, 20)
    assert found["a repeat click"] == (10, 10)
    assert found["two different answers"] == (10, 10)
    assert "a slow answer" in {condition.attribute for condition in report.complaints.shared.found.conditions}


def test_a_circumstance_of_a_few_tickets_is_not_told(tmp_path):
    july = LOG[(LOG["at"] >= "2023-07-01") & LOG["alert"]].iloc[:4]
    tickets = toy_tickets(july, every=1).assign(words=ABOUT_AI)
    assert "an alert" not in {risk.circumstance for risk in judged(tmp_path, tickets).complaints.risks}


def test_themes_quote_what_people_wrote_masked(tmp_path):
    tickets = TICKETS.assign(
        words=np.where(
            JULY & (TICKETS["words"] == ABOUT_AI),
            "Ms Keller says that the score of claim 4711 is wrong",
            ABOUT_TONER,
        )
    )
    quoted = judged(tmp_path, tickets).complaints.themes[0].quotes
    assert quoted
    assert not any("Keller" in quote or "4711" in quote for quote in quoted)


def test_a_section_about_complaints_survives_json(tmp_path):
    labels = labels_of(TICKETS, n_true_flagged=30, n_true_unflagged=4)
    found = judged(tmp_path, more_in_july(ABOUT_SPEED), labels=labels).complaints
    plain = json.loads(json.dumps(to_plain(found), allow_nan=False))
    assert from_plain(Complaints, plain, where="complaints") == found
