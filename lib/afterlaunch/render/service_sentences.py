"""The sections about speed, people and complaints in words, and what decisions are worth."""

from __future__ import annotations

from afterlaunch.health_report import Complaints, DecisionWorth, HealthReport, MeanSplit, People, Speed
from afterlaunch.render.fact_sentences import (
    budget_in_words,
    shared_in_words,
    times_in_words,
    words_of_column,
)
from afterlaunch.render.grammar import cases, counted, listed, month_beside, sentence
from afterlaunch.render.markup import Text
from afterlaunch.render.numbers import NumberFormat, count, percent, plain

SECONDS = NumberFormat(unit="s", decimals=2)
MILLISECONDS = NumberFormat(unit="ms", decimals=0)
# A busiest hour that is slower than the rest by less than this part is not slower because it is busy.
LOAD_EFFECT = 1.25


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
    length = counted(found.window_minutes, "minute")
    peak = f"Under peak load 95 % of the requests were answered within {_seconds(found.p95_at_peak_ms)}"
    elsewhere = f"at other times within {_seconds(found.elsewhere_p95_ms)}"
    windows = (
        f"the busiest windows of {length}, which together carry a twentieth of the {count(found.n)} requests"
    )
    return f"{peak} ({windows}), {elsewhere}."


def _late(found: Speed) -> str:
    late = (
        f"{cases(found.n_slow, 'requests')} took longer than {_seconds(found.threshold_ms)} or got no answer"
    )
    unanswered = f" ({count(found.n_unanswered)} got none)" if found.n_unanswered else ""
    return sentence(f"{late}{unanswered}: {budget_in_words(found.budget)}.")


def _slow(found: Speed) -> str:
    parts = []
    if found.shared is not None:
        parts.append(sentence(f"{shared_in_words(found.shared)}."))
    elif found.n_slow:
        parts.append("Slow requests share no weekday, hour or other attribute by more than chance.")
    if found.stages:
        extra = [(stage.slow_ms - stage.typical_ms, stage) for stage in found.stages]
        most, stage = max(extra, key=lambda pair: pair[0])
        total = sum(gap for gap, _ in extra)
        if total > 0:
            parts.append(
                f"Slow answers take {MILLISECONDS.short(total)} more than typical ones; "
                f"{MILLISECONDS.short(most)} of that is {words_of_column(stage.stage)}."
            )
    return " ".join(parts)


def _mean_moved(split: MeanSplit | None, report: HealthReport) -> str:
    if split is None or abs(split.after_ms - split.before_ms) < 1:
        return ""
    month = month_beside(report.previous_window, report.window)
    moved = (
        f"went from {MILLISECONDS.short(split.before_ms)} in {month} to {MILLISECONDS.short(split.after_ms)}"
    )
    mix, within = MILLISECONDS.signed(split.mix_ms), MILLISECONDS.signed(split.within_ms)
    told = f"{within} because endpoints took another time, {mix} because others were asked"
    return f"The mean latency of answered requests {moved}: {told}."


def _seconds(milliseconds: float) -> str:
    return SECONDS.short(milliseconds / 1000)


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
    share = percent(gaps[worst] / total)
    return f"{sentence(words_of_column(worst))} holds {share} of the time that slow answers take longer"


def people(report: HealthReport) -> Text:
    """Say who clicked again, who got two answers, and who left before the answer came."""
    found = report.people
    if found is None:
        return Text(_not_measured(report, "people."))
    parts = (_repeats(found), _two_answers(found), _left(found, report), _patience(found))
    return Text(" ".join(part for part in parts if part))


def _repeats(found: People) -> str:
    if found.n_groups is None or found.n_extra is None or found.n_retries is None:
        return "Repeat clicks are not known: the request log does not say who asked about which case."
    told = (
        f"{cases(found.n_groups, 'times')} somebody clicked again on the same case within 10 s, "
        f"{cases(found.n_extra, 'clicks')} more than needed; {cases(found.n_retries, 'transport retries')} "
        f"{'is' if found.n_retries == 1 else 'are'} not among them."
    )
    if found.after_slow_share is None or found.after_fast_share is None:
        return told
    slow, fast = percent(found.after_slow_share, decimals=1), percent(found.after_fast_share, decimals=1)
    return f"{told} After a slow answer {slow} clicked again, after a fast one {fast}."


def _two_answers(found: People) -> str:
    n = found.n_inconsistent
    if n is None:
        return ""
    if not n:
        return "Nobody got two different answers."
    told = f"{count(n)} of these repeats got two different answers"
    if found.n_mixed is None:
        return f"{told}."
    same = n - found.n_mixed
    if not found.n_mixed:
        return f"{told}, always from the same version: its inputs had changed, or it does not always answer alike."
    mixed = f"{count(found.n_mixed)} because different versions answered"
    return f"{told}, {mixed}{f', {count(same)} from one and the same version' if same else ''}."


def _left(found: People, report: HealthReport) -> str:
    if found.n_left is None or found.n_lost is None:
        return "Who left before the answer is not known: the request log has no waits."
    threshold = _seconds(report.speed.threshold_ms) if report.speed else "the promised time"
    return (
        f"{cases(found.n_left, 'answers')} nobody saw; for {count(found.n_lost)} of them people had waited longer than "
        f"{threshold}: those suggestions were lost to waiting."
    )


def _patience(found: People) -> str:
    if not found.patience:
        return ""
    points = listed(
        f"{percent(point.left_share, decimals=1)} by {plain(point.wait_ms / 1000, decimals=0)} s"
        for point in found.patience
    )
    return f"Had no answer come before, {points} would have left."


def complaints(report: HealthReport) -> Text:
    """Say how many tickets are about the AI, how that is known, and whether it is more than usual."""
    found = report.complaints
    if found is None:
        return Text(_not_measured(report, "complaints."))
    parts = (_flagged(found, report), _estimated(found), _audit(found))
    return Text(" ".join(part for part in parts if part))


def _flagged(found: Complaints, report: HealthReport) -> str:
    tickets = (
        f"{count(found.n_flagged)} of the {cases(found.n_tickets, 'tickets')} about {report.case_noun} of "
    )
    tickets += f"{report.window.title} are flagged as being about the AI"
    if found.method == "rules":
        return f"{tickets}, by words alone: {found.method_reason}."
    learned = f"by a classifier that learned from {count(found.n_labelled)} labelled tickets"
    if found.precision is None or found.recall is None:
        return f"{tickets}, {learned}."
    checked = f"on labels it had not seen, {percent(found.precision)} of its flags were right"
    return f"{tickets}, {learned} ({checked} and it found {percent(found.recall)} of all)."


def _estimated(found: Complaints) -> str:
    if found.estimated is None:
        return "How many there really are is not known."
    interval = ""
    if found.ci_lower is not None and found.ci_upper is not None:
        lower, upper = (plain(end, decimals=0) for end in (found.ci_lower, found.ci_upper))
        interval = f" (95 % interval {lower} to {upper})"
    about = plain(found.estimated, decimals=0)
    told = f"Corrected by what people found when they read a sample, that is about {about}{interval}"
    extra = []
    if found.n_outstanding:
        extra.append(f"{plain(found.n_outstanding, decimals=0)} that are still to come")
    if found.n_unjoined:
        extra.append(f"the {percent(1 - found.joined_share)} of all tickets that name no case")
    told += f", including {listed(extra)}." if extra else "."
    return f"{told} {sentence(times_in_words(found.times))}." if found.times else told


def _audit(found: Complaints) -> str:
    if not found.n_audited:
        return "No ticket of this month has been read and labelled: the correction rests on earlier months."
    read = f"The {cases(found.n_audited, 'tickets')} of this month that people labelled"
    if found.audit_differs:
        return f"{read} differ from earlier ones beyond chance: words have changed, so only this month's labels count."
    return f"{read} agree with those of earlier months."


def decision_worth(report: HealthReport) -> Text:
    """Say what the decisions were worth, and what another threshold would have brought."""
    found = report.decision_worth
    if found is None:
        return Text(
            "What decisions are worth is not known: no values are configured, or no outcome is known yet."
        )
    written = NumberFormat(unit=found.unit, decimals=0)
    present = (
        f"At the threshold of {plain(found.present.threshold, decimals=2)} the decisions of {found.version} were worth "
        f"{written.full(found.present.value)} per 1,000 {report.case_noun}."
    )
    return Text(f"{present} {_best_threshold(found, written)}")


def _best_threshold(found: DecisionWorth, written: NumberFormat) -> str:
    gain, best = found.gain, found.best
    if gain.value <= 0 or best.threshold == found.present.threshold:
        return "No other threshold would have been worth more."
    interval = written.interval(gain.ci_lower, gain.ci_upper)
    beside = f"95 % interval {interval}; " if interval else ""
    told = (
        f"The best one for this month, {plain(best.threshold, decimals=2)}, would have brought "
        f"{written.full(gain.value)} more ({beside}{percent(best.alert_share, decimals=1)} alerts)"
    )
    return f"{told}: it was chosen and measured on the same month, which flatters it."


def decision_worth_title(report: HealthReport) -> str:
    """Say where the present threshold lies on the curve of values, as its title."""
    found = report.decision_worth
    if found is None:
        return "No values of decisions"
    best = abs(found.best.value)
    loss = found.best.value - found.present.value
    if best and loss / best < 0.02:
        return "The present threshold is about as good as any"
    way = "lower" if found.best.threshold < found.present.threshold else "higher"
    return f"A {way} threshold would have been worth more this month"
