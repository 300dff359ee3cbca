"""What is behind a number, in words: each kind of fact as one clause."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from afterlaunch.health_report import (
    BudgetUse,
    Change,
    Detectable,
    Estimate,
    Fact,
    Part,
    Segment,
    Shared,
    StageGap,
    Times,
    WorstSegment,
)
from afterlaunch.render.grammar import counted
from afterlaunch.render.numbers import NumberFormat, count, percent, plain
from afterlaunch.slow_requests import NOT_MEASURED
from afterlaunch.subgroups import Condition

_MILLISECONDS = NumberFormat(unit="ms", decimals=0)
# A budget of fewer requests than this is written with a digit after the point.
_SMALL_BUDGET = 10
_VERB_OF_ONE = {"are": "is", "were": "was", "have": "has"}


def fact_in_words(fact: Fact) -> str:
    """Write a fact as a clause, without a capital and without a full stop."""
    return _WORDS[type(fact)](fact)


def is_telling(fact: Fact) -> bool:
    """Tell whether a fact says why: where things went wrong, not only that they did."""
    return isinstance(fact, Shared | StageGap | Part | WorstSegment)


def is_unusual(change: Change) -> bool:
    """Tell whether a number after lies outside of its usual range."""
    return change.usual_range is not None and not (
        math.isnan(change.after) or change.usual_range.contains(change.after)
    )


def change_in_words(change: Change) -> str:
    """Write a number before and after; one that looks the same stayed."""
    written = NumberFormat(unit=change.unit, decimals=change.decimals)
    says_its_unit = bool(written.long_unit) and change.title.endswith(written.long_unit)
    after = written.short(change.after) if says_its_unit else written.full(change.after)
    if math.isnan(change.before) or math.isnan(change.after):
        return f"{change.title} {after}"
    if written.number(change.before) == written.number(change.after):
        return f"{change.title} stayed at {after}"
    return f"{change.title} {written.short(change.before)} → {after}"


def shared_in_words(shared: Shared) -> str:
    """Say what events share, such as ``323 of the 484 slow requests came on Mondays, 09–11, with host scorer-07``."""
    found = shared.found
    where = ", ".join(_condition_in_words(condition) for condition in found.conditions)
    if found.conditions[0].attribute == "hour":
        where = f"at {where}"
    of_all = f"{percent(found.traffic_share, decimals=1)} of all {shared.rows}"
    return f"{count(found.n_events_inside)} of the {count(found.n_events)} {shared.events} came {where} ({of_all})"


def _condition_in_words(condition: Condition) -> str:
    first, last = condition.labels[0], condition.labels[-1]
    if condition.attribute == "weekday":
        return f"on {first}s"
    if condition.attribute == "hour":
        return f"{first}–{(int(last) + 1):02d}"
    if condition.labels in {("yes",), ("no",)}:
        have = "with" if condition.labels == ("yes",) else "without"
        return f"{have} {words_of_column(condition.attribute)}"
    return f"with {words_of_column(condition.attribute)} {first if first == last else f'{first} to {last}'}"


def words_of_column(name: str) -> str:
    """Return a column's name as words: without its unit and its underscores.

    Examples
    --------
    >>> words_of_column("feature_fetch_ms")
    'feature fetch'
    """
    return name.removesuffix("_ms").replace("_", " ")


def stage_in_words(stage: str) -> str:
    """Name a stage; the time that no stage explains is one, too.

    Examples
    --------
    >>> stage_in_words("model_ms"), stage_in_words("not measured")
    ('model', 'the unmeasured rest')
    """
    return "the unmeasured rest" if stage == NOT_MEASURED else words_of_column(stage)


def part_of_extra_time(share: float) -> str:
    """Write a stage's share of the time that slow requests take longer; others may take less time in them."""
    return percent(share) if share < 1 else "all"


def stage_gap_in_words(gap: StageGap) -> str:
    """Say which stage holds the time that slow requests take longer."""
    slow, typical = _MILLISECONDS.short(gap.slow_ms), _MILLISECONDS.short(gap.typical_ms)
    stage, share = stage_in_words(gap.stage), part_of_extra_time(gap.share)
    return f"in slow requests {stage} takes {slow} instead of {typical}, {share} of the extra time"


def _part(part: Part) -> str:
    usual = "" if part.usual_share is None else f" (usually {percent(part.usual_share)})"
    title = _of_one(part.title) if part.n == 1 else part.title
    return f"{count(part.n)} of {count(part.n_of)} {part.noun} {title}{usual}"


def _of_one(title: str) -> str:
    verb, space, rest = title.partition(" ")
    return _VERB_OF_ONE.get(verb, verb) + space + rest


def budget_in_words(use: BudgetUse) -> str:
    """Say how much of the error budget is used, and in how few hours half of it went."""
    decimals = 1 if use.n_allowed < _SMALL_BUDGET and use.n_allowed % 1 else 0
    slow = f"{count(use.n_slow)} of {plain(use.n_allowed, decimals=decimals)}"
    told = f"{percent(use.used_share)} of the error budget used ({slow})"
    if not use.n_slow:
        return told
    return f"{told}; half of it in {count(use.n_hours)} of {count(use.n_hours_all)} hours"


def _estimate(estimate: Estimate) -> str:
    written = NumberFormat(unit=estimate.unit, decimals=estimate.decimals)
    interval = written.interval(estimate.ci_lower, estimate.ci_upper)
    return f"{written.short(estimate.value)} {estimate.title}" + (f" ({interval})" if interval else "")


def times_in_words(times: Times) -> str:
    """Say how many times the usual rate a rate is."""
    interval = f"{plain(times.ci_lower, decimals=1)} to {plain(times.ci_upper, decimals=1)}"
    return f"{plain(times.ratio, decimals=1)} times the usual rate (95 % interval {interval})"


def _detectable(found: Detectable) -> str:
    written = NumberFormat(unit=found.unit, decimals=found.decimals)
    times = f"{plain(found.times, decimals=1)} times the usual"
    return f"a rise to {written.short(found.value)} ({times}) would have been seen 4 times in 5"


def _worst_segment(worst: WorstSegment) -> str:
    more = (
        f"; {counted(worst.n_more, 'more segment')} {'is' if worst.n_more == 1 else 'are'} worse"
        if worst.n_more
        else ""
    )
    segment = worst.segment
    written = segment_format(segment)
    now, rest = written.short(segment.segment_value), written.short(segment.rest_value)
    return f"{segment.column} {segment.value}: {segment.title} {now} against {rest} in the rest{more}"


def segment_format(segment: Segment) -> NumberFormat:
    """Return how a segment's numbers are written."""
    return NumberFormat(unit=segment.unit, decimals=1 if segment.unit in {"pp", "share"} else 3)


_WORDS: Mapping[type, Callable[[Any], str]] = {
    Change: change_in_words,
    Shared: shared_in_words,
    StageGap: stage_gap_in_words,
    Part: _part,
    BudgetUse: budget_in_words,
    Estimate: _estimate,
    Times: times_in_words,
    Detectable: _detectable,
    WorstSegment: _worst_segment,
}
