"""The sections about speed, people and complaints in words, and what decisions are worth."""

from __future__ import annotations

import math

from afterlaunch.health_report import Complaints, DecisionWorth, HealthReport, MeanSplit, People, Speed
from afterlaunch.health_speed import MIN_SLOW
from afterlaunch.render.fact_sentences import (
    budget_in_words,
    part_of_extra_time,
    shared_in_words,
    stage_in_words,
    times_in_words,
)
from afterlaunch.render.grammar import cases, counted, listed, month_beside, sentence
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import NumberFormat, bare_reason, count, percent, plain

SECONDS = NumberFormat(unit="s", decimals=2)
MILLISECONDS = NumberFormat(unit="ms", decimals=0)
# A threshold that loses less than this part of what the best one brings is about as good.
AS_GOOD_SHARE = 0.02
# A counted p95 is known to a bucket's width: so near to the time limit, it is the limit.
AT_LIMIT_SHARE = 0.99


def speed(report: HealthReport) -> Text:
    """Say how long answers took, where the time went, and what slow requests share."""
    found = report.speed
    if found is None:
        return Text(_not_measured(report, "speed."))
    paragraphs = (
        f"{_under_load(found)} {_late(found)}",
        " ".join(part for part in (_slow(found), _mean_moved(found.mean_split, report)) if part),
    )
    return Text("\n".join(part for part in paragraphs if part))


def _not_measured(report: HealthReport, prefix: str) -> str:
    rows = [row for row in report.indicators if row.code.startswith(prefix)]
    reason = rows[0].finding.measurement.reason if rows else "not measured: nothing is configured"
    return sentence(f"{reason}.")


def _under_load(found: Speed) -> str:
    elsewhere = "" if math.isnan(found.elsewhere_p95_ms) else _answered(found, found.elsewhere_p95_ms)
    if math.isnan(found.p95_at_peak_ms):
        return (
            f"{_too_few_at_peak(found)} At other times {elsewhere}." if elsewhere else _too_few_at_peak(found)
        )
    length = counted(found.window_minutes, "minute")
    windows = (
        f"the busiest windows of {length}, which together carry a twentieth of the {count(found.n)} requests"
    )
    peak = f"Under peak load {_answered(found, found.p95_at_peak_ms, of_requests=' of the requests')} ({windows})"
    return f"{peak}, at other times {elsewhere}." if elsewhere else f"{peak}."


def _too_few_at_peak(found: Speed) -> str:
    there = f"There {'was' if found.n == 1 else 'were'} {cases(found.n, 'requests')}"
    if found.n_at_peak < found.n:
        there += f", {count(found.n_at_peak)} of them in the busiest windows"
    return f"{there}: too few to say within which time 95 % are answered under peak load."


def _answered(found: Speed, p95_ms: float, *, of_requests: str = "") -> str:
    """Say within which time most requests were answered; a p95 at the time limit means that too many never were."""
    if p95_ms >= AT_LIMIT_SHARE * found.time_limit_ms:
        return f"more than 5 %{of_requests} got no answer within {promised(found.time_limit_ms)}"
    return f"95 %{of_requests} were answered within {_seconds(p95_ms)}"


def _late(found: Speed) -> str:
    if not found.n_slow:
        return f"Every request was answered within {promised(found.threshold_ms)}: {budget_in_words(found.budget)}."
    slow = cases(found.n_slow, "requests")
    late = f"{slow} took longer than {promised(found.threshold_ms)} or got no answer"
    unanswered = f" ({count(found.n_unanswered)} got none)" if found.n_unanswered else ""
    return sentence(f"{late}{unanswered}: {budget_in_words(found.budget)}.")


def _slow(found: Speed) -> str:
    parts = []
    if found.shared is not None:
        parts.append(sentence(f"{shared_in_words(found.shared)}."))
    elif found.n_slow >= MIN_SLOW:
        parts.append("Slow requests share no weekday, hour or other attribute by more than chance.")
    elif found.n_slow:
        parts.append("Too few requests were slow to say what they share.")
    if found.stages:
        extra = [(stage.slow_ms - stage.typical_ms, stage) for stage in found.stages]
        most, stage = max(extra, key=lambda pair: pair[0])
        total = sum(gap for gap, _ in extra)
        if total > 0:
            of_that = f"{MILLISECONDS.short(most)} of that" if most < total else "all of that"
            parts.append(
                f"Slow answers take {MILLISECONDS.short(total)} more than typical ones; "
                f"{of_that} is {stage_in_words(stage.stage)}."
            )
    return " ".join(parts)


def _mean_moved(split: MeanSplit | None, report: HealthReport) -> str:
    if split is None or abs(split.after_ms - split.before_ms) < 1:
        return ""
    month = month_beside(report.previous_window, report.window)
    moved = (
        f"went from {MILLISECONDS.short(split.before_ms)} in {month} to {MILLISECONDS.short(split.after_ms)}"
    )
    if MILLISECONDS.number(split.mix_ms) == "0":
        return f"The mean latency of answered requests {moved}."
    mix, within = MILLISECONDS.signed(split.mix_ms), MILLISECONDS.signed(split.within_ms)
    became = "slower" if split.within_ms > 0 else "faster"
    told = f"{within} because endpoints became {became}, {mix} because other endpoints were asked"
    return f"The mean latency of answered requests {moved}: {told}."


def _seconds(milliseconds: float) -> str:
    return SECONDS.short(milliseconds / 1000)


def promised(milliseconds: float) -> str:
    """Write a time that somebody has set, with no more digits than it has.

    Examples
    --------
    >>> promised(1000.0), promised(1500.0), promised(300.0)
    ('1 s', '1.5 s', '0.3 s')
    """
    return f"{milliseconds / 1000:g} s"


def speed_title(report: HealthReport) -> str:
    """Say which stage makes slow answers slow, as the title of the plot of stages."""
    found = report.speed
    if found is None or not found.stages:
        return "No stages were measured"
    gaps = {stage.stage: stage.slow_ms - stage.typical_ms for stage in found.stages}
    worst = max(gaps, key=lambda stage: gaps[stage])
    total = sum(gaps.values())
    if total <= 0:
        return "No stage takes longer in slow requests"
    share = part_of_extra_time(gaps[worst] / total)
    return f"{sentence(stage_in_words(worst))} holds {share} of the time that slow answers take longer"


def people(report: HealthReport) -> Text:
    """Say who clicked again, who got two answers, and who left before the answer came."""
    found = report.people
    if found is None:
        # Both come from the request log: what is said of speed is not said again.
        return Text("" if report.speed is None else _not_measured(report, "people."))
    parts = (_repeats(found), _two_answers(found), _left(found, report), _patience(found))
    return Text(" ".join(part for part in parts if part))


def _repeats(found: People) -> str:
    if found.n_groups is None or found.n_extra is None or found.n_retries is None:
        return "Repeat clicks are not known: the request log does not say who asked about which case."
    retries = (
        f"; {cases(found.n_retries, 'transport retries')} {'is' if found.n_retries == 1 else 'are'} not among them"
        if found.n_retries
        else ""
    )
    if not found.n_groups:
        return f"Nobody clicked again on the same case within 10 s{retries}."
    times = "once" if found.n_groups == 1 else f"{count(found.n_groups)} times"
    told = (
        f"{sentence(times)} somebody clicked again on the same case within 10 s, "
        f"{cases(found.n_extra, 'clicks')} more than needed{retries}."
    )
    if found.after_slow_share is None or found.after_fast_share is None:
        return told
    slow, fast = percent(found.after_slow_share, decimals=1), percent(found.after_fast_share, decimals=1)
    return f"{told} After a slow answer {slow} clicked again, after a fast one {fast}."


def _two_answers(found: People) -> str:
    n = found.n_inconsistent
    if n is None or not found.n_groups:
        return ""
    if not n:
        return "Nobody got two different answers."
    these = "That repeat" if found.n_groups == 1 else f"{count(n)} of these repeats"
    told = f"{these} got two different answers"
    if found.n_mixed is None:
        return f"{told}."
    same = n - found.n_mixed
    if not found.n_mixed:
        always = "" if n == 1 else "always "
        why = "its inputs had changed, or it does not always answer alike"
        return f"{told}, {always}from one and the same version: {why}."
    if not same:
        return f"{told}, {'' if n == 1 else 'each time '}because different versions answered."
    mixed = f"{count(found.n_mixed)} because different versions answered"
    return f"{told}, {mixed}, {count(same)} from one and the same version."


def _left(found: People, report: HealthReport) -> str:
    if found.n_left is None or found.n_lost is None:
        return "Who left before the answer is not known: the request log has no waits."
    if not found.n_left:
        return "Every answer was seen."
    threshold = promised(report.speed.threshold_ms) if report.speed else "the promised time"
    unseen = f"{cases(found.n_left, 'answers')} nobody saw"
    if not found.n_lost:
        return f"{unseen}; in no case had people waited longer than {threshold}, so none was lost to waiting."
    lost = "that suggestion was" if found.n_lost == 1 else "those suggestions were"
    of_them = f"for {count(found.n_lost)} of them people" if found.n_left > 1 else "people"
    return f"{unseen}; {of_them} had waited longer than {threshold}: {lost} lost to waiting."


def _patience(found: People) -> str:
    if not found.patience:
        return ""
    first, *others = (
        (percent(point.left_share, decimals=1), promised(point.wait_ms)) for point in found.patience
    )
    points = listed(
        [f"{first[0]} would have left by {first[1]}", *(f"{left} by {by}" for left, by in others)]
    )
    return f"Had no answer come before, {points}."


def complaints(report: HealthReport) -> Text:
    """Say how many tickets are about the AI, how that is known, and whether it is more than usual."""
    found = report.complaints
    if found is None:
        return Text(_not_measured(report, "complaints."))
    if not found.n_tickets:
        none = f"No ticket is about {report.case_noun} of {report.window.title}."
        return Text(none if found.estimated is not None else f"{none} {_estimated(found, report)}")
    parts = (_flagged(found, report), _estimated(found, report), _audit(found))
    return Text(" ".join(part for part in parts if part))


def _flagged(found: Complaints, report: HealthReport) -> str:
    n, month = found.n_flagged, report.window.title
    about = f"about {report.case_noun} of {month}"
    tickets = f"{count(n) if n else 'None'} of the {count(found.n_tickets)} tickets {about} {'is' if n <= 1 else 'are'}"
    if found.n_tickets == 1:
        tickets = f"The only ticket {about} is{'' if n else ' not'}"
    tickets += " flagged as being about the AI"
    if found.method == "rules":
        return f"{tickets}, by words alone: {found.method_reason}."
    learned = f"by a classifier that learned from {count(found.n_labelled)} labelled tickets"
    if found.precision is None or found.recall is None:
        return f"{tickets}, {learned}."
    checked = f"on labels it had not seen, {percent(found.precision)} of its flags were right"
    return f"{tickets}, {learned} ({checked} and it found {percent(found.recall)} of all)."


def _estimated(found: Complaints, report: HealthReport) -> str:
    if found.estimated is None:
        rows = [row.finding.measurement for row in report.indicators if row.code.startswith("complaints.")]
        why = f": {bare_reason(rows[0])}" if rows and rows[0].reason else ""
        return f"How many there really are is not known{why}."
    interval = ""
    if found.ci_lower is not None and found.ci_upper is not None:
        lower, upper = (plain(end, decimals=0) for end in (found.ci_lower, found.ci_upper))
        interval = f" (95 % interval {lower} to {upper})"
    about = plain(found.estimated, decimals=0)
    told = (
        f"Corrected by what people found when they read a sample, that is about {about}{interval}"
        if found.n_labelled
        else f"Nobody has read and labelled a sample, so the flags are taken for right: about {about}{interval}"
    )
    extra = []
    n_to_come = round(found.n_outstanding or 0)
    if n_to_come:
        extra.append(f"{count(n_to_come)} that {'is' if n_to_come == 1 else 'are'} still to come")
    if found.n_unjoined:
        extra.append(f"the {percent(1 - found.joined_share)} of all tickets that name no case")
    told += f", including {listed(extra)}." if extra else "."
    return f"{told} That is {times_in_words(found.times)}." if found.times else told


def _audit(found: Complaints) -> str:
    if not found.n_labelled:
        return ""
    if not found.n_audited:
        return "No ticket of this month has been read and labelled: the correction rests on earlier months."
    is_one = found.n_audited == 1
    read = f"The {'one ticket' if is_one else cases(found.n_audited, 'tickets')} of this month that people labelled"
    if found.audit_differs:
        differ = "differs" if is_one else "differ"
        why = "words have changed, so only this month's labels count"
        return f"{read} {differ} from earlier ones beyond chance: {why}."
    if found.n_audited >= found.n_labelled:
        return f"{read} {'is' if is_one else 'are'} the first: no earlier month has any to compare with."
    return f"{read} {'agrees' if is_one else 'agree'} with those of earlier months."


def decision_worth(report: HealthReport) -> Text:
    """Say what the decisions were worth, and what another threshold would have brought."""
    found = report.decision_worth
    if found is None:
        return Text(
            "What decisions are worth is not known: no values are configured, or no outcome is known yet."
        )
    written = NumberFormat(unit=found.unit, decimals=0)
    judged = report.judged_window
    is_earlier = judged != report.window
    earlier = f" in {judged.title}, the last month with complete outcomes," if is_earlier else ""
    present = (
        f"At the threshold of {plain(found.present.threshold, decimals=2)} the decisions of {found.version}{earlier} "
        f"were worth {written.full(found.present.value)} per 1,000 {report.case_noun}."
    )
    month = "that month" if is_earlier else "this month"
    return Text(f"{present} {_best_threshold(found, written, month)}")


def month_of_worth(report: HealthReport) -> str:
    """Name the month whose decisions are valued: this one, or an earlier one with complete outcomes."""
    return "this month" if report.judged_window == report.window else report.judged_window.title


def _best_threshold(found: DecisionWorth, written: NumberFormat, month: str) -> str:
    gain, best = found.gain, found.best
    if gain.value <= 0 or best.threshold == found.present.threshold:
        return "No other threshold would have been worth more."
    interval = written.interval(gain.ci_lower, gain.ci_upper)
    beside = f"95 % interval {interval}; " if interval else ""
    told = (
        f"The best one for {month}, {plain(best.threshold, decimals=2)}, would have brought "
        f"{written.full(gain.value)} more ({beside}{percent(best.alert_share, decimals=1)} alerts)"
    )
    return f"{told}: it was chosen and measured on the same month, which flatters it."


def decision_worth_title(report: HealthReport) -> str:
    """Say where the present threshold lies on the curve of values, as its title."""
    found = report.decision_worth
    if found is None:
        return "No values of decisions"
    loss = found.best.value - found.present.value
    if loss <= AS_GOOD_SHARE * abs(found.best.value):
        return "The present threshold is about as good as any"
    way = "lower" if found.best.threshold < found.present.threshold else "higher"
    month = month_of_worth(report)
    return f"A {way} threshold would have been worth more {month if month == 'this month' else f'in {month}'}"
