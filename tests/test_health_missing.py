"""What a report says when something is missing: in words, and without falling over."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from afterlaunch.render import plots, sentences, tables
from afterlaunch.render.fact_sentences import fact_in_words
from afterlaunch.render.result import HealthResult
from toy_logs import toy_log
from toy_requests import ALL_COLUMNS, FEW_COLUMNS, toy_requests
from toy_service import ABOUT_TONER, report_on, toy_labels, toy_tickets

SECTIONS = (
    "headline",
    "title_line",
    "speed",
    "people",
    "complaints",
    "decision_worth",
    "business",
    "model_against_business",
    "performance",
    "same_rows",
    "calibration",
    "segments",
    "quality",
)
TABLES = (
    tables.title_block,
    tables.decisions_and_changes,
    tables.indicators,
    tables.speed,
    tables.complaints,
    tables.decision_worth,
    tables.performance,
    tables.quality,
)
PLOTS = (plots.stages, plots.service, plots.complaints, plots.decision_worth)
REQUESTS = toy_requests(2_000)
TICKETS = toy_tickets(toy_log())


def text_of(html):
    return BeautifulSoup(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL), "html.parser").get_text(
        " "
    )


def all_told(report):
    """Render everything there is of a report, and see that nothing in it is a hole."""
    told = [str(getattr(sentences, name)(report)) for name in SECTIONS]
    told += [*sentences.changes(report), *sentences.cannot_tell(report)]
    told += [fact_in_words(fact) for row in report.indicators for fact in row.behind]
    told += [text_of(block(report).html) for block in TABLES]
    told += [getattr(drawn, "alt", str(drawn)) for drawn in (plot(report) for plot in PLOTS)]
    words = "\n".join(told)
    assert re.findall(r"\bnan\b|\bNone\b(?! of the )|\b0 of 0\b(?!\.)|within not measured|∞", words) == []
    plain = HealthResult(report=report, data={}).to_json()
    assert HealthResult.from_json(json.loads(json.dumps(plain, allow_nan=False))).to_json() == plain
    return words


def reasons(report):
    """Why each row without a value has none."""
    return {
        row.code: row.finding.measurement.reason
        for row in report.indicators
        if not row.finding.measurement.is_known and row.area in {"Speed", "People", "Complaints"}
    }


def without(columns, **roles):
    """The request log's columns without some roles."""
    return {"columns": dataclasses.replace(columns, **roles)}


def test_with_everything_nothing_is_called_unmeasured_but_what_too_few_requests_cannot_show(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, tickets=TICKETS, labels=toy_labels(TICKETS))
    assert reasons(report) == {
        "speed.p95_under_peak_load": "p95 needs at least 72 requests, and there are 27",
    }
    assert "not known" not in all_told(report)


def test_without_any_other_table_each_part_says_what_is_not_configured(tmp_path):
    report = report_on(tmp_path, values=None)
    assert reasons(report) == {
        "speed.p95_under_peak_load": "not measured: no request log configured",
        "people.repeat_clicks": "not measured: no request log configured",
        "complaints.ai_tickets": "not measured: no ticket table configured",
    }
    told = all_told(report)
    assert "Not measured: no request log configured." in told
    assert "Not measured: no ticket table configured." in told
    assert "What decisions are worth is not known: no values are configured" in told
    assert (
        "Anything about p95 under peak load, Repeat clicks, Tickets about the AI and Business KPIs: "
        "they were not measured."
    ) in told
    assert (report.speed, report.people, report.complaints, report.decision_worth) == (None,) * 4


def test_tickets_without_requests_are_told_without_what_was_slow(tmp_path):
    report = report_on(tmp_path, tickets=TICKETS, labels=toy_labels(TICKETS))
    assert reasons(report) == {
        "speed.p95_under_peak_load": "not measured: no request log configured",
        "people.repeat_clicks": "not measured: no request log configured",
    }
    followed = {risk.circumstance for risk in report.complaints.risks}
    assert not followed & {"a slow answer", "a repeat click", "two different answers"}
    all_told(report)


def test_requests_without_users_tell_nothing_of_clicks(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, **without(ALL_COLUMNS, user=None))
    assert reasons(report) | {"speed.p95_under_peak_load": ""} == {
        "speed.p95_under_peak_load": "",
        "people.repeat_clicks": "not measured: the request log has no user and case",
        "people.inconsistent_repeats": "not measured: the request log has no user, case and decision",
        "complaints.ai_tickets": "not measured: no ticket table configured",
    }
    assert (
        "Repeat clicks are not known: the request log does not say who asked about which case."
        in all_told(report)
    )
    assert "different answers" not in sentences.people(report)


def test_requests_without_cases_tell_nothing_of_clicks_and_tickets_nothing_of_what_was_slow(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, tickets=TICKETS, **without(ALL_COLUMNS, case=None))
    assert "people.repeat_clicks" in reasons(report)
    assert report.people.n_groups is None
    assert {risk.circumstance for risk in report.complaints.risks} <= {
        "a score near the threshold",
        "an alert",
        "a version in its first week",
    }
    all_told(report)


def test_requests_without_decisions_cannot_tell_whether_answers_differed(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, **without(ALL_COLUMNS, decision=None))
    assert reasons(report)["people.inconsistent_repeats"] == (
        "not measured: the request log has no user, case and decision"
    )
    assert (report.people.n_inconsistent, report.people.n_groups > 0) == (None, True)
    assert "different answers" not in sentences.people(report)
    all_told(report)


def test_requests_without_waits_cannot_tell_who_left(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, **without(ALL_COLUMNS, waited=None, was_shown=None))
    assert reasons(report)["people.lost_suggestions"] == "not measured: the request log has no waits"
    assert (report.people.n_left, report.people.n_lost, report.people.patience) == (None, None, ())
    assert "Who left before the answer is not known: the request log has no waits." in all_told(report)


def test_requests_without_a_version_cannot_tell_which_one_answered(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, **without(ALL_COLUMNS, model_version=None))
    assert (report.people.n_mixed, report.people.n_inconsistent > 0) == (None, True)
    told = all_told(report)
    assert re.search(r"\d+ of these repeats got two different answers\. ", told)
    assert "version" not in sentences.people(report)


def test_requests_without_endpoints_and_stages_are_one_endpoint(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, columns=FEW_COLUMNS, environment="")
    assert [(row.endpoint, row.n) for row in report.speed.endpoints] == [("all", report.speed.n)]
    assert (report.speed.stages, report.speed.n_typical) == ((), 0)
    told = all_told(report)
    assert "There are no stages to plot: the request log has none, or no answer was slow." in told
    assert "because other endpoints were asked" not in told


def test_a_month_without_a_request_is_not_measured_and_the_months_before_stay(tmp_path):
    before = REQUESTS[REQUESTS["at"] < "2024-04-01"]
    report = report_on(tmp_path, requests=before, tickets=TICKETS)
    reason = "not measured: the request log has no request in April 2024"
    assert reasons(report) == {"speed.p95_under_peak_load": reason, "people.repeat_clicks": reason}
    assert (report.speed, report.people) == (None, None)
    told = all_told(report)
    assert "Not measured: the request log has no request in April 2024." in told


def test_a_month_without_a_request_among_others_is_a_gap_and_not_a_zero(tmp_path):
    gap = REQUESTS[(REQUESTS["at"] < "2024-03-01") | (REQUESTS["at"] >= "2024-04-01")]
    report = report_on(tmp_path, requests=gap, tickets=TICKETS)
    for code in ("speed.within_slo_share", "speed.p95", "people.repeat_clicks", "people.lost_suggestions"):
        row = report.indicator(code)
        march = {point.label: point for point in row.history}["2024-03"]
        assert (math.isnan(march.value), march.n, march.reason) == (True, 0, "no requests in March 2024")
        assert not march.in_usual_range
        assert not row.previous.is_known
    assert report.speed.mean_split is None
    all_told(report)


def test_a_first_month_has_nothing_before_it(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, tickets=TICKETS, period="2024-01")
    assert report.indicator("speed.within_slo_share").previous is None
    assert report.complaints.times is None
    assert all(theme.usual_share is None for theme in report.complaints.themes)
    all_told(report)


def one_request(**values):
    """Requests of March, and a single one of April."""
    april = REQUESTS[REQUESTS["at"] >= "2024-04-01"].query("place == 'production'").head(1).assign(**values)
    return pd.concat([REQUESTS[REQUESTS["at"] < "2024-04-01"], april])


@pytest.mark.parametrize(
    ("values", "words", "seen"),
    [
        (
            {"took": 500.0, "ended": "ok", "watched": 600.0, "seen": True, "fetch": 1.0, "model": 1.0},
            (
                "There was 1 request: too few to say within which time 95 % are answered under peak load. "
                "Every request was answered within 1 s: 0 % of the error budget used (0 of 0.1)."
            ),
            "Every answer was seen.",
        ),
        (
            {"took": 2_500.0, "ended": "ok", "watched": 1_600.0, "seen": False},
            (
                "1 request took longer than 1 s or got no answer: 2,000 % of the error budget used (1 of 0.1); half "
                "of it in 1 of 720 hours."
            ),
            "1 answer nobody saw; people had waited longer than 1 s: that suggestion was lost to waiting.",
        ),
        (
            {"took": None, "ended": "timeout", "watched": 700.0, "seen": False},
            "1 request took longer than 1 s or got no answer (1 got none): 2,000 % of the error budget used",
            "1 answer nobody saw; in no case had people waited longer than 1 s, so none was lost to waiting.",
        ),
    ],
    ids=["fast", "slow", "unanswered"],
)
def test_a_single_request_of_the_month_is_told_as_one(tmp_path, values, words, seen):
    report = report_on(tmp_path, requests=one_request(**values), tickets=TICKETS)
    assert reasons(report) == {
        "speed.p95_under_peak_load": "p95 needs at least 72 requests, and there is 1",
        "speed.p95": "p95 needs at least 72 requests, and there is 1",
    }
    told = all_told(report)
    assert words in told
    assert seen in told
    assert "Nobody clicked again on the same case within 10 s." in told


def test_requests_that_were_never_answered_have_no_mean_and_no_stages(tmp_path):
    dead = REQUESTS.assign(took=float("nan"), ended="timeout", seen=False)
    report = report_on(tmp_path, requests=dead)
    assert report.speed.mean_split is None
    assert report.speed.stages == ()
    assert report.indicator("speed.within_slo_share").finding.measurement.value == 0.0
    told = all_told(report)
    assert "more than 5 % got no answer within 10 s" in told
    assert "answered within 10.00 s" not in told


def test_a_month_without_a_ticket_has_none_and_says_so(tmp_path):
    before = TICKETS[TICKETS["came"] < "2024-03-25"]
    report = report_on(tmp_path, requests=REQUESTS, tickets=before, labels=toy_labels(before))
    assert (report.complaints.n_tickets, report.complaints.estimated) == (0, 0.0)
    assert report.indicator("complaints.ai_tickets").finding.measurement.value == 0.0
    told = all_told(report)
    assert "No ticket is about claims of April 2024." in told
    assert "No ticket was flagged." in told


def test_tickets_that_are_never_about_the_ai_are_told_as_none(tmp_path):
    report = report_on(tmp_path, tickets=TICKETS.assign(words=ABOUT_TONER))
    assert report.complaints.n_flagged == 0
    assert (
        "None of the 39 tickets about claims of April 2024 is flagged as being about the AI, by words alone"
        in (all_told(report))
    )


def test_tickets_without_labels_are_not_called_corrected(tmp_path):
    report = report_on(tmp_path, tickets=TICKETS)
    told = sentences.complaints(report)
    assert "Nobody has read and labelled a sample, so the flags are taken for right: about 19" in told
    assert "orrect" not in told
    assert (report.complaints.n_labelled, report.complaints.precision, report.complaints.recall) == (
        0,
        None,
        None,
    )
    all_told(report)


def test_tickets_that_name_no_case_cannot_be_counted(tmp_path):
    report = report_on(tmp_path, tickets=TICKETS, ticket_columns={"case": None})
    assert reasons(report)["complaints.ai_tickets"] == "no ticket names a case of the log"
    assert (
        "No ticket is about claims of April 2024. How many there really are is not known: no ticket names a case of "
        "the log."
    ) in all_told(report)


def test_months_whose_tickets_are_still_to_come_and_that_are_too_few_to_foresee_are_not_counted(tmp_path):
    report = report_on(tmp_path, tickets=toy_tickets(toy_log(), every=50), as_of=dt.date(2024, 5, 2))
    reason = reasons(report)["complaints.ai_tickets"]
    assert reason.startswith("how many tickets are still to come cannot be estimated: a nowcast ")
    assert f"How many there really are is not known: {reason}." in all_told(report)


def test_without_outcomes_decisions_have_no_known_worth(tmp_path):
    report = report_on(tmp_path, requests=REQUESTS, setup={"outcomes": None})
    assert report.decision_worth is None
    assert "What decisions are worth is not known" in all_told(report)
