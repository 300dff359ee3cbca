"""Who suffers what, and what moved with it: the model's own numbers first, inputs as what may be behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from afterlaunch.drift_report import DriftReport, InputDrift, InputState, ModelDrift, SegmentMix
from afterlaunch.findings import Severity
from afterlaunch.month_to_month import Against
from afterlaunch.render.fact_sentences import words_of_column
from afterlaunch.render.grammar import cases, listed
from afterlaunch.render.input_sentences import HARDLY_USED, quoted
from afterlaunch.render.numbers import NumberFormat, bare_reason, percent, plain
from afterlaunch.since_when import OnsetKind
from afterlaunch.windows import Window

RANKING, CALIBRATION, ESTIMATE = "drift.ranking", "drift.calibration", "drift.estimated_ranking"
ALERTS, SCORE = "drift.alerts", "drift.score"
PERFORMANCE = frozenset({RANKING, CALIBRATION, ESTIMATE})
MOST_SUSPECTS = 3
MOST_MOVED = 2
# Outcomes this many times as often as promised, or as rarely, are told even where months differ as much.
FAR_FROM_PROMISED = 1.15
CLEARLY_FEWER = 0.95
_PARTS = ((0.9, "all of"), (0.65, "most of"), (0.4, "about half of"), (0.0, "part of"))


def is_serious(severity: Severity) -> bool:
    """Tell whether a finding is to be watched or acted on."""
    return severity in {Severity.WATCH, Severity.ACT}


def harms(report: DriftReport) -> tuple[ModelDrift, ...]:
    """Return the model's numbers that suffer, the worst first."""
    found = [row for row in report.model_findings if is_serious(row.severity)]
    return tuple(sorted(found, key=lambda row: -row.severity.rank))


def is_performance_harmed(report: DriftReport) -> bool:
    """Tell whether performance itself suffers, and not only alerts or scores moved."""
    return any(row.finding.code in PERFORMANCE for row in harms(report))


def finding_of(report: DriftReport, code: str) -> ModelDrift | None:
    """Return one of the model's numbers."""
    return next((row for row in report.model_findings if row.finding.code == code), None)


def number_format(row: ModelDrift) -> NumberFormat:
    """Return how one of the model's numbers is written; a mean score as the percentage that it promises."""
    if row.after.measure == "mean_score":
        return NumberFormat(unit="share", decimals=max(row.decimals - 2, 0))
    return NumberFormat(unit=row.after.unit, decimals=row.decimals)


# --- who suffers what ----------------------------------------------------------------------------------------------


def harm_in_words(row: ModelDrift, report: DriftReport) -> str:
    """Write what became of one of the model's numbers as a clause, with the months before it."""
    return _WORDS[row.finding.code](row, report) + _of_month(row, report)


def _of_month(row: ModelDrift, report: DriftReport) -> str:
    return "" if row.month == report.window.label else f" in {Window.parse(row.month).title}"


def before(report: DriftReport) -> str:
    """Name what the month is held against: the months before it, or only one."""
    return "in the months before" if len(report.reference) > 1 else "the month before"


def now_and_before(row: ModelDrift, report: DriftReport) -> str:
    """Write a number beside that of the months before."""
    written = number_format(row)
    return f"{written.short(row.after.value)}, {written.short(row.before)} {before(report)}"


def _ranking(row: ModelDrift, report: DriftReport) -> str:
    return f"the model sorts {report.case_noun} worse than before (ROC AUC {now_and_before(row, report)})"


def _estimate(row: ModelDrift, report: DriftReport) -> str:
    told = f"ROC AUC estimated at {now_and_before(row, report)}"
    return f"the model is expected to sort {report.case_noun} worse than before ({told}; outcomes are still to come)"


def promised(row: ModelDrift, report: DriftReport) -> str:
    """Say how often outcomes came, measured by what the scores promise."""
    only = "only " if row.after.value < CLEARLY_FEWER else ""
    times = number_format(row).short(row.after.value)
    return f"{report.outcome_noun} came {only}{times} times as often as the scores promise"


def _calibration(row: ModelDrift, report: DriftReport) -> str:
    told = promised(row, report)
    if row.against is Against.FLOOR_ONLY:
        return told
    return f"{told} ({number_format(row).short(row.before)} times {before(report)})"


def _alerts(row: ModelDrift, report: DriftReport) -> str:
    now, earlier = (plain(1000 * share, decimals=0) for share in (row.after.value, row.before))
    return f"the model raises {now} alerts per 1,000 {report.case_noun}, {earlier} {before(report)}"


def _score(row: ModelDrift, report: DriftReport) -> str:
    higher = "higher" if row.after.value > row.before else "lower"
    written = number_format(row)
    now, earlier = written.short(row.after.value), written.short(row.before)
    return f"scores are {higher}: {now} on average, {earlier} {before(report)}"


_WORDS: Mapping[str, Callable[[ModelDrift, DriftReport], str]] = {
    RANKING: _ranking,
    CALIBRATION: _calibration,
    ESTIMATE: _estimate,
    ALERTS: _alerts,
    SCORE: _score,
}


def what_holds(report: DriftReport, *, names_month: bool = True) -> str:
    """Say what about performance holds, and in which month if it is an earlier one; empty where nothing is known."""
    told = listed(part for part in (_holding_ranking(report), _holding_calibration(report)) if part)
    if not told or report.judged_window == report.window or not names_month:
        return told
    return f"in {report.judged_window.title}, the last month with complete outcomes, {told}"


def _holding_ranking(report: DriftReport) -> str:
    row = finding_of(report, RANKING)
    if row is None or row.severity is not Severity.OK:
        return ""
    holds = "holds" if report.judged_window == report.window else "held"
    return f"ranking {holds} (ROC AUC {now_and_before(row, report)})"


def _holding_calibration(report: DriftReport) -> str:
    row = finding_of(report, CALIBRATION)
    if row is None or row.severity is not Severity.OK or is_far_from_promised(report):
        return ""
    written = number_format(row)
    times, noun = written.short(row.after.value), report.outcome_noun
    if 1 / FAR_FROM_PROMISED < row.after.value < FAR_FROM_PROMISED:
        return f"{noun} came about as often as the scores promise ({times} times)"
    often = "more" if row.after.value > 1 else "less"
    interval = written.interval(row.after.ci_lower, row.after.ci_upper)
    beside = f", 95 % interval {interval}" if interval else ""
    return f"{noun} came not clearly {often} often than the scores promise ({times} times{beside})"


def is_far_from_promised(report: DriftReport) -> bool:
    """Tell whether outcomes came clearly more or less often than promised, although months differ as much."""
    row = finding_of(report, CALIBRATION)
    if row is None or row.severity is not Severity.OK or not row.after.value > 0:
        return False
    lower, upper = row.after.ci_lower, row.after.ci_upper
    includes_promised = lower is not None and upper is not None and lower <= 1 <= upper
    size = max(row.after.value, 1 / row.after.value)
    return size >= FAR_FROM_PROMISED and not includes_promised


def why_not_judged(report: DriftReport) -> str:
    """Say why performance cannot be judged; empty where it can."""
    row = finding_of(report, RANKING)
    if row is None or row.severity is not Severity.UNKNOWN:
        return ""
    measurement = row.finding.measurement
    if measurement.is_known:
        needed = plain(row.finding.threshold.min_n, decimals=0)
        return f"it rests on {cases(measurement.n, report.case_noun)}, {needed} are needed"
    return bare_reason(measurement)


# --- what may be behind it -----------------------------------------------------------------------------------------


def serious_inputs(report: DriftReport) -> tuple[InputDrift, ...]:
    """Return the inputs that matter or are broken, the worst first."""
    return tuple(row for row in report.inputs if is_serious(row.severity))


def suspects(report: DriftReport) -> tuple[InputDrift, ...]:
    """Return the inputs that may be behind suffering performance, whether the model uses them or not.

    First those that matter; then those that moved beyond the usual in the month in which performance changed (where
    both months are known); without any, those that moved the most. None while performance does not suffer.
    """
    if not is_performance_harmed(report):
        return ()
    moved = [row for row in report.moved if _is_in_time(row, report) and _can_be_seen(row, report)]
    serious = [row for row in moved if is_serious(row.severity)]
    unusual = [row for row in moved if row.state is InputState.HARMLESS and _is_beyond_usual(row)]
    by_distance = sorted(unusual, key=lambda row: -row.distances.psi)
    if serious or unusual:
        return (*serious, *by_distance)[:MOST_SUSPECTS]
    return tuple(sorted(moved, key=lambda row: -row.distances.psi)[:MOST_MOVED])


def _can_be_seen(row: InputDrift, report: DriftReport) -> bool:
    """Tell whether an input can be behind the harm: behind an estimate from scores only if the model uses it."""
    is_estimate_only = all(
        one.finding.code == ESTIMATE for one in harms(report) if one.finding.code in PERFORMANCE
    )
    return not is_estimate_only or not row.effect.weight < HARDLY_USED


def is_month_of_harm_known(report: DriftReport) -> bool:
    """Tell whether the month is known in which performance began to suffer."""
    harmed = [row for row in harms(report) if row.finding.code in PERFORMANCE]
    return any(row.onset is not None and row.onset.since for row in harmed)


def _is_beyond_usual(row: InputDrift) -> bool:
    return row.distances.psi_usual is None or row.distances.psi > row.distances.psi_usual


def _is_in_time(row: InputDrift, report: DriftReport) -> bool:
    """Tell whether an input moved in time to be behind what performance suffers."""
    since = row.onset.since if row.onset is not None else ""
    harmed = [one for one in harms(report) if one.finding.code in PERFORMANCE]
    if all(one.month != report.window.label for one in harmed):
        # Performance is that of an earlier month: what moved later cannot be behind it.
        return bool(since) and since <= harmed[0].month
    starts = {one.onset.since for one in harmed if one.onset is not None and one.onset.since}
    if not starts:
        return True
    is_serious_input = is_serious(row.severity)
    is_gradual = row.onset is not None and row.onset.kind is OnsetKind.DRIFT
    return since in starts or is_serious_input or is_gradual


def moved_how(rows: Sequence[InputDrift]) -> str:
    """Say how much inputs moved for what is usual, and that the model hardly uses them where that is so."""
    if all(row.state is InputState.USUAL for row in rows):
        return "as much as in other months"
    if all(row.state is InputState.LAST_YEAR for row in rows):
        return "as in the same month last year"
    if all(row.effect.weight < HARDLY_USED for row in rows):
        return f"though the model hardly uses {'it' if len(rows) == 1 else 'them'}"
    return ""


def case_group(column: str, value: str, noun: str) -> str:
    """Name the cases of a segment, such as ``claims with cause “battery”``."""
    return f"{noun} with {words_of_column(column)} {quoted(value)}"


def mix_in_words(mix: SegmentMix, report: DriftReport) -> str:
    """Say which segment's share changed, and how much of the change of calibration that alone explains."""
    before, after = (percent(share, decimals=1) for share in (mix.share_before, mix.share_after))
    verb = "rose" if mix.share_after > mix.share_before else "fell"
    group = case_group(mix.column, mix.value, report.case_noun)
    much = "little" if mix.gap_pp > 0 else "much"
    extra = "extra" if mix.change_pp > 0 else "missing"
    return (
        f"{group} {verb} from {before} to {after} of all; the model expects too {much} there, "
        f"which alone explains {explained_part(mix)} the {extra} {report.outcome_noun}"
    )


def explained_part(mix: SegmentMix) -> str:
    """Say how much of a change a changed mix explains: ``all of``, ``most of``, ``about half of`` or ``part of``."""
    part = mix.explained_pp / mix.change_pp if mix.change_pp else 0.0
    return next(words for least, words in _PARTS if part >= least or least == 0.0)
