"""What happened to an input, since when, and what to make of it, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from afterlaunch.bins import OTHER_LABEL
from afterlaunch.drift_report import DriftReport, InputDrift, InputState
from afterlaunch.findings import Severity
from afterlaunch.input_changes import InputChange
from afterlaunch.month_to_month import Against
from afterlaunch.relabelling import Relabelling
from afterlaunch.render.grammar import cases, month_beside
from afterlaunch.render.numbers import NumberFormat, percent, plain
from afterlaunch.render.state import NOT_JUDGED, State, state_of
from afterlaunch.since_when import Onset, OnsetKind
from afterlaunch.windows import Window

ALERTS = NumberFormat(unit="per 1,000", decimals=1)
POINTS = NumberFormat(unit="difference of shares", decimals=2)
MOST_CHANGES = 3
# Below this share of the score's spread a model hardly uses an input.
HARDLY_USED = 0.03
_SHARE_DECIMALS = 1
_SIGNIFICANT = 3
_MOST_DECIMALS = 6
# Values that differ by more than this factor are written each with digits of its own.
_FAR_APART = 50.0


# --- what happened -------------------------------------------------------------------------------------------------


def what_happened(row: InputDrift, report: DriftReport) -> str:
    """Write what an input's change looks like, the most specific first."""
    kinds = [change.kind for change in row.changes]
    told = [
        _closer_or_further(change)
        if change.kind == "spread" and "shifted" in kinds
        else change_in_words(change, case_noun=report.case_noun)
        for change in row.changes[:MOST_CHANGES]
    ]
    n_more = len(row.changes) - MOST_CHANGES
    if n_more > 0:
        told.append(f"{n_more} more {'change' if n_more == 1 else 'changes'}")
    return "; ".join(told) or "its values are spread differently"


def first_change(row: InputDrift, report: DriftReport) -> str:
    """Write what an input's change looks like in the fewest words."""
    if not row.changes:
        return what_happened(row, report)
    return change_in_words(row.changes[0], case_noun=report.case_noun)


def change_in_words(change: InputChange, *, case_noun: str) -> str:
    """Write one change as a clause, without a capital and without a full stop.

    Examples
    --------
    >>> change_in_words(InputChange(kind="missing_jump", share=0.25, reference_share=0.021), case_noun="claims")
    'missing in 25.0 % of claims, 2.1 % before'
    """
    return _KINDS[change.kind](change, case_noun)


def _share(share: float) -> str:
    return percent(share, decimals=_SHARE_DECIMALS)


def _now_and_before(change: InputChange, noun: str) -> str:
    before = change.reference_share
    told = f"in {_share(change.share)} of {noun}"
    if before is None:
        return told
    return f"{told}, {_share(before) if before else 'never'} before"


def _all_missing(change: InputChange, noun: str) -> str:
    return f"always missing, {_share(change.reference_share or 0.0)} of {noun} before"


def _missing(change: InputChange, noun: str) -> str:
    return f"missing {_now_and_before(change, noun)}"


def _relabelled(change: InputChange, noun: str) -> str:
    first, *others = change.pairs
    sure = first.is_only_fit or first.similarity >= 1
    told = f"{quoted(first.before)} is now {'' if sure else 'probably '}called {quoted(first.after)}"
    told += f", {_share(first.share)} of {noun}"
    if not others:
        return told
    return f"{told}, and {len(others)} more {'name' if len(others) == 1 else 'names'} changed"


def _swapped(change: InputChange, noun: str) -> str:
    first: Relabelling = change.pairs[0]
    return (
        f"a suspicion: {quoted(first.before)} and {quoted(first.after)} have changed places, with "
        f"{quoted(first.after)} in {_share(first.share)} of {noun} as {quoted(first.before)} was before"
    )


def _unit_change(change: InputChange, noun: str) -> str:
    name = f", such as {change.unit}" if change.unit else ""
    share = "" if change.share >= 1 - 1e-9 else f" in {_share(change.share)} of {noun}"
    told = f"another unit{name}{share}: values"
    if change.offset:
        return f"{told} are {_levels_told(change)}"
    factor = change.factor or 1.0
    times = f"{times_in_digits(factor)} times as large" if factor >= 1 else _times_smaller(factor)
    return f"{told} about {times}, {_levels_told(change)}"


def _times_smaller(factor: float) -> str:
    return f"{times_in_digits(1 / factor)} times smaller"


def _levels_told(change: InputChange) -> str:
    now, before = levels(change.current_level, change.reference_level)
    return f"typically {now} instead of {before}"


def _constant(change: InputChange, noun: str) -> str:
    what = quoted(change.name) if change.value is None else f"about {levels(change.value)[0]}"
    before = _share(change.reference_share or 0.0)
    if change.share >= 1:
        return f"nothing but {what}, {before} of {noun} before"
    return f"hardly anything but {what}, in {_share(change.share)} of {noun} and {before} before"


def _new_category(change: InputChange, noun: str) -> str:
    return f"new category {quoted(change.name)} {_now_and_before(change, noun)}"


def _gone_category(change: InputChange, noun: str) -> str:
    before = _share(change.reference_share or 0.0)
    return f"category {quoted(change.name)} is gone, {before} of {noun} before"


def _spike(change: InputChange, noun: str) -> str:
    return f"the value {levels(change.value)[0]} or so {_now_and_before(change, noun)}: perhaps a default"


def _out_of_range(change: InputChange, noun: str) -> str:
    furthest, limit = levels(change.current_level, change.reference_level)
    is_above = (change.current_level or 0.0) > (change.reference_level or 0.0)
    where, reach = ("above", "up to") if is_above else ("below", "down to")
    return f"values {where} {limit}, {reach} {furthest}, {_now_and_before(change, noun)}"


def _shifted(change: InputChange, _: str) -> str:
    now, before = levels(change.current_level, change.reference_level)
    return f"{now} on average, {'up' if (change.change_sd or 0.0) > 0 else 'down'} from {before}"


def _spread(change: InputChange, _: str) -> str:
    now, before = levels(change.current_level, change.reference_level)
    return f"values {_closer_or_further(change)}, {now} from the middle on average, {before} before"


def _closer_or_further(change: InputChange) -> str:
    is_wider = (change.current_level or 0.0) > (change.reference_level or 0.0)
    return "further apart" if is_wider else "closer together"


def _mix(change: InputChange, noun: str) -> str:
    name = "rarer categories" if change.name == OTHER_LABEL else quoted(change.name)
    return f"{name} {_now_and_before(change, noun)}"


_KINDS: Mapping[str, Callable[[InputChange, str], str]] = {
    "all_missing": _all_missing,
    "missing_jump": _missing,
    "relabelled": _relabelled,
    "swapped": _swapped,
    "unit_change": _unit_change,
    "constant": _constant,
    "new_category": _new_category,
    "gone_category": _gone_category,
    "spike": _spike,
    "out_of_range": _out_of_range,
    "shifted": _shifted,
    "spread": _spread,
    "mix": _mix,
}


def quoted(name: str) -> str:
    """Write a category as what it is: a name from the data.

    Examples
    --------
    >>> quoted("battery"), quoted("")
    ('“battery”', '“” (empty)')
    """
    return f"“{name}”" if name else "“” (empty)"


def times_in_digits(factor: float) -> str:
    """Write a factor without needless zeros.

    Examples
    --------
    >>> times_in_digits(1000.0), times_in_digits(2.54), times_in_digits(2.5)
    ('1,000', '2.54', '2.5')
    """
    return _without_zeros(plain(factor, decimals=2))


def signed_percent(share: float) -> str:
    """Write a relative change.

    Examples
    --------
    >>> signed_percent(0.457), signed_percent(-0.0021)
    ('+46 %', '0 %')
    """
    text = plain(100 * share, decimals=0)
    return f"{'+' if share > 0 and text != '0' else ''}{text} %"


def levels(*values: float | None) -> tuple[str, ...]:
    """Write values of an input beside each other: three digits, and more where they would look the same.

    Examples
    --------
    >>> levels(62.345, 45.1), levels(0.01231, 0.00504), levels(1018.4, 1018.1), levels(5.4, 5400.0)
    (('62.3', '45.1'), ('0.0123', '0.0050'), ('1,018.4', '1,018.1'), ('5.4', '5,400'))
    """
    known = [0.0 if value is None else value for value in values]
    sizes = [abs(value) for value in known if value]
    if len(sizes) > 1 and max(sizes) > _FAR_APART * min(sizes):
        # Digits that tell the small one apart mean nothing for the large one.
        return tuple(levels(value)[0] for value in known)
    decimals = _decimals(max(sizes, default=0.0))
    if all(math.isfinite(value) and value == round(value) for value in known):
        decimals = 0
    elif len(known) == 1:
        return (_without_zeros(plain(known[0], decimals=decimals)),)
    while True:
        told = tuple(plain(value, decimals=decimals) for value in known)
        if len(set(told)) == len(set(known)) or decimals >= _MOST_DECIMALS:
            return told
        decimals += 1


def _decimals(size: float) -> int:
    if not 0 < size < math.inf:
        return 0
    return min(max(0, _SIGNIFICANT - 1 - math.floor(math.log10(size))), _MOST_DECIMALS)


def _without_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- what it does to the model -------------------------------------------------------------------------------------


def effect_in_words(row: InputDrift, report: DriftReport) -> str:
    """Write an effect as alerts per 1,000 cases, with its sign."""
    if math.isnan(row.effect.alerts_per_1000):
        return "an effect that is not known"
    return f"{ALERTS.signed(row.effect.alerts_per_1000)} alerts per 1,000 {report.case_noun}"


def judged_on(row: InputDrift) -> str:
    """Name what an input's effect is judged on: ``alerts`` or ``mean score``."""
    return "mean score" if row.finding.measurement.measure == "effect_on_score" else "alerts"


def is_effect_known(row: InputDrift) -> bool:
    """Tell whether it is known what the model makes of an input."""
    return not math.isnan(row.effect.relative)


def is_hardly_used(row: InputDrift) -> bool:
    """Tell whether the model hardly uses an input."""
    return row.effect.weight < HARDLY_USED


def is_unmet(row: InputDrift) -> bool:
    """Tell whether an input is judged by values that the model has not met."""
    return row.finding.measurement.measure == "unmet_share"


# --- what to make of it --------------------------------------------------------------------------------------------


def input_state(row: InputDrift, *, in_harm: bool = False) -> State:
    """Return an input's state as symbol and word; while performance suffers nothing that moved is harmless."""
    if is_too_few(row):
        return NOT_JUDGED
    if row.severity in {Severity.ACT, Severity.WATCH}:
        return state_of(row.severity)
    if row.state in _CALM:
        return State(symbol="●", word=_CALM[row.state], class_="ok")
    if not is_effect_known(row):
        return NOT_JUDGED
    if row.state is InputState.USUAL and not is_without_usual(row):
        return State(symbol="●", word="as usual", class_="ok")
    word = "moved, small effect" if in_harm else "moved, harmless"
    word = "moved, hardly used" if is_hardly_used(row) else word
    word = "moved, below the limit" if is_without_usual(row) else word
    return State(symbol="◇", word=word, class_="unknown")


_CALM: Mapping[InputState, str] = {InputState.STILL: "stood still", InputState.LAST_YEAR: "as last year"}


def is_too_few(row: InputDrift) -> bool:
    """Tell whether a month has too few rows for an input to be judged."""
    measurement = row.finding.measurement
    return measurement.is_known and measurement.n < row.finding.threshold.min_n


def is_chance_among_many(row: InputDrift) -> bool:
    """Tell whether an effect just beyond the usual is what chance shows among so many inputs."""
    effect = row.effect
    return row.state is InputState.USUAL and effect.usual is not None and abs(effect.relative) > effect.usual


def is_without_usual(row: InputDrift) -> bool:
    """Tell whether an input has an effect of some size that no months say is usual or not."""
    return row.state is InputState.USUAL and row.effect.usual is None and row.distances.psi_usual is None


def state_reason(row: InputDrift, report: DriftReport, *, in_harm: bool = False) -> str:
    """Say in a few words why an input is in its state.

    Parameters
    ----------
    row : InputDrift
        The input.
    report : DriftReport
        Where it stands.
    in_harm : bool
        Whether performance suffers: then nothing that moved is called harmless.
    """
    if is_too_few(row):
        n, needed = row.finding.measurement.n, plain(row.finding.threshold.min_n, decimals=0)
        return f"rests on {cases(n, report.case_noun)}, {needed} are needed"
    if row.state is InputState.HARMLESS:
        return _why_it_is_harmless(row, in_harm=in_harm)
    return _REASONS[row.state](row, report)


def _why_it_matters(row: InputDrift, _: DriftReport) -> str:
    size = percent(abs(row.finding.measurement.value))
    if row.effect.usual is None:
        return f"worth {size} of the usual {judged_on(row)}; no months say what is usual"
    return f"beyond the usual, and worth {size} of the usual {judged_on(row)}"


def _why_it_is_broken(row: InputDrift, report: DriftReport) -> str:
    share = _share(row.finding.measurement.value)
    uses = "and uses this input" if is_effect_known(row) else "and may use this input"
    return f"the model has not met such values ({share} of {report.case_noun}), {uses}"


def _why_it_is_harmless(row: InputDrift, *, in_harm: bool) -> str:
    if not is_effect_known(row):
        return "what the model makes of it is not known"
    if is_hardly_used(row):
        carries = percent(row.effect.weight, decimals=1)
        return f"the model hardly uses it ({carries} of what sets scores apart)"
    return "it hardly moves decisions" + (", which is no all-clear" if in_harm else "")


def _why_it_is_usual(row: InputDrift, report: DriftReport) -> str:
    if is_without_usual(row):
        return "too few months say what is usual; below the limit for that case"
    if is_chance_among_many(row):
        return f"hardly more than in other months: chance among {len(report.inputs)} inputs"
    return "no more than in other months"


def _why_last_year(row: InputDrift, report: DriftReport) -> str:
    month = Window.parse(report.last_year).title if report.last_year else "last year"
    if row.effect.against is Against.LAST_YEAR:
        return f"the same as in {month}: the season's"
    return f"as it was in {month}"


def _why_still(_: InputDrift, __: DriftReport) -> str:
    return "did not move"


_REASONS: Mapping[InputState, Callable[[InputDrift, DriftReport], str]] = {
    InputState.MATTERS: _why_it_matters,
    InputState.BROKEN: _why_it_is_broken,
    InputState.USUAL: _why_it_is_usual,
    InputState.LAST_YEAR: _why_last_year,
    InputState.STILL: _why_still,
}


# --- since when ----------------------------------------------------------------------------------------------------


def since_in_words(onset: Onset | None, window: Window) -> str:
    """Write since when something is different; empty where there is no telling.

    Examples
    --------
    >>> since_in_words(Onset(kind=OnsetKind.STEP, since="2013-04"), Window.parse("2013-06"))
    'since April'
    """
    if onset is None or onset.kind is OnsetKind.CANNOT_TELL:
        return ""
    month = Window.parse(onset.since)
    if onset.kind is OnsetKind.LAST_MONTH:
        return f"new in {month_beside(month, window)}"
    how = "since" if onset.kind is OnsetKind.STEP else "gradually since"
    return f"{how} {month_beside(month, window)}"


def reasons_for_no_onset(onsets: Sequence[Onset | None]) -> tuple[str, ...]:
    """Return why there is no telling since when, each reason once."""
    return tuple(dict.fromkeys(onset.reason for onset in onsets if onset is not None and onset.reason))
