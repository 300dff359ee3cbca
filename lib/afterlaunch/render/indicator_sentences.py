"""One indicator in words: where it stands, how it moved, and what its state rests on."""

from __future__ import annotations

from afterlaunch.findings import Severity
from afterlaunch.health_report import HealthReport, Indicator
from afterlaunch.render.grammar import cases, month_beside, moved, sentence
from afterlaunch.render.numbers import NumberFormat, bare_reason, why_not_measured
from afterlaunch.windows import Window

EIGHT_IN_A_ROW = "eight months in a row on the same side of the usual middle"


def number_format(indicator: Indicator) -> NumberFormat:
    """Return how an indicator's numbers are written."""
    return NumberFormat(unit=indicator.finding.measurement.unit, decimals=indicator.decimals)


def statement(indicator: Indicator, report: HealthReport) -> str:
    """Say how an indicator moved since last month and where that puts it, in one or two sentences."""
    measurement = indicator.finding.measurement
    if not measurement.is_known:
        return f"{indicator.title}: not measured ({bare_reason(measurement)})."
    told = f"{indicator.title} {_moved_to(indicator, report)}. {_standing(indicator)}."
    if indicator.run_of_eight:
        told += f" It has been {EIGHT_IN_A_ROW}: small, but no longer chance."
    return told


def reason(indicator: Indicator, report: HealthReport, *, named: bool) -> str:
    """Say in one sentence why an indicator is up for decision.

    Parameters
    ----------
    named : bool
        Whether to start with its title; not where the title stands just before.
    """
    written, finding = number_format(indicator), indicator.finding
    usual, target = indicator.usual_range, finding.threshold.target_range
    beside = [
        f"{against_usual(indicator)} its usual range ({written.usual(usual)})"
        if usual
        else "no usual range yet"
    ]
    beside += [f"{_verb(indicator)} its target ({written.target(target)})"] if target else []
    moved_to = _moved_to(indicator, report)
    return f"{indicator.title + ' ' + moved_to if named else sentence(moved_to)}: {', '.join(beside)}."


def in_short(indicator: Indicator, report: HealthReport) -> str:
    """Name an indicator with its number now, its usual range and its target, to be part of a sentence."""
    written = number_format(indicator)
    now, before = indicator.finding.measurement.value, indicator.previous
    verb = "is at"
    if before is not None and before.is_known and written.number(before.value) != written.number(now):
        verb = "rose to" if now > before.value else "fell to"
    target = indicator.finding.threshold.target_range
    usual = indicator.usual_range
    beside = [f"usual range {written.usual(usual)}" if usual else "no usual range yet"]
    beside += [f"target {written.target(target)}"] if target else []
    now_of = f"{written.full(now)}{_of_earlier_month(indicator, report)}"
    return f"{indicator.title} {verb} {now_of} ({', '.join(beside)})"


def state_reason(indicator: Indicator, *, case_noun: str) -> str:
    """Say what an indicator's state rests on, in few words.

    Parameters
    ----------
    case_noun : str
        What the rows are called, in the plural.
    """
    finding = indicator.finding
    if not finding.measurement.is_known:
        return why_not_measured(finding.measurement)
    n, min_n = finding.measurement.n, finding.threshold.min_n
    if n < min_n:
        return f"rests on {cases(n, case_noun)}, {min_n:,} are needed"
    usual = f"{against_usual(indicator)} usual range" if indicator.usual_range else "no usual range yet"
    words = [usual, f"{_verb(indicator)} target" if finding.threshold.target_range else "no target set"]
    if indicator.severity is Severity.OK and not finding.threshold.target_range:
        words = words[:1]
    if indicator.run_of_eight:
        words.append(EIGHT_IN_A_ROW)
    return ", ".join(words)


def against_usual(indicator: Indicator) -> str:
    """Return ``below``, ``above`` or ``within`` the usual range, or ``better than`` it."""
    value, usual = indicator.finding.measurement.value, indicator.usual_range
    if usual is None or usual.contains(value):
        return "within"
    if not indicator.finding.threshold.leaves_usual_range(value):
        return "better than"
    return "below" if value < usual.lower else "above"


def target_outlook(indicator: Indicator) -> str:
    """Say whether usual months can meet the target at all; empty when there is nothing to say."""
    target, usual = indicator.finding.threshold.target_range, indicator.usual_range
    if target is None or usual is None:
        return ""
    if _lies_beyond(target.lower, usual.upper) or _lies_beyond(usual.lower, target.upper):
        return "Usual months do not reach the target: it stays missed until something is changed."
    value = indicator.finding.measurement.value
    is_usual_miss = usual.contains(value) and indicator.finding.threshold.misses_target(value)
    if is_usual_miss:
        return "Some usual months miss the target, so one miss alone says little."
    return ""


def outlook_in_short(indicator: Indicator) -> str:
    """Say in few words whether usual months meet the target; empty without a target or a usual range."""
    target, usual = indicator.finding.threshold.target_range, indicator.usual_range
    if target is None or usual is None:
        return ""
    if _lies_beyond(target.lower, usual.upper) or _lies_beyond(usual.lower, target.upper):
        return "usual months do not reach the target"
    if target.contains(usual.lower) and target.contains(usual.upper):
        return "all usual months meet the target"
    return "some usual months miss the target"


def _lies_beyond(higher: float | None, lower: float | None) -> bool:
    return higher is not None and lower is not None and higher > lower


def months_of(indicator: Indicator, report: HealthReport) -> tuple[Window, Window]:
    """Return the month before and the month that an indicator's numbers are about."""
    if indicator.is_of(report.window):
        return report.previous_window, report.window
    return report.judged_window.previous(), report.judged_window


def _moved_to(indicator: Indicator, report: HealthReport) -> str:
    written = number_format(indicator)
    now, before = indicator.finding.measurement.value, indicator.previous
    told = f"{written.full(now)}{_of_earlier_month(indicator, report)}"
    if before is None or not before.is_known:
        return f"is at {told}"
    previous, current = months_of(indicator, report)
    when = month_beside(previous, current)
    if written.number(before.value) == written.number(now):
        return moved(told, told, rose=False, when=when)
    return moved(written.short(before.value), told, rose=now > before.value, when=when)


def _of_earlier_month(indicator: Indicator, report: HealthReport) -> str:
    """Name the month of a number that is not about the report's own."""
    if indicator.is_of(report.window):
        return ""
    return f" in {month_beside(report.judged_window, report.window)}"


def _standing(indicator: Indicator) -> str:
    finding, written = indicator.finding, number_format(indicator)
    usual, target = indicator.usual_range, finding.threshold.target_range
    held = f"{_verb(indicator)} its target of {written.target(target)}" if target else ""
    if usual is None:
        return (
            f"That {held}; there is no usual range yet"
            if held
            else "There is neither a usual range nor a target yet"
        )
    where = against_usual(indicator)
    inside = f"That is {where} its usual range of {written.usual(usual)}"
    if not held:
        return inside
    is_outside, is_missed = (
        where in {"below", "above"},
        finding.threshold.misses_target(finding.measurement.value),
    )
    return f"{inside} {'and' if is_outside is is_missed else 'but'} {held}"


def _verb(indicator: Indicator) -> str:
    finding = indicator.finding
    return "misses" if finding.threshold.misses_target(finding.measurement.value) else "meets"
