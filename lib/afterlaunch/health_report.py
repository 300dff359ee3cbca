"""What the monthly health report says, as data: every table, plot and sentence is rendered from these types."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from typing import TypeAlias

from afterlaunch.drift_report import DriftReport
from afterlaunch.findings import Finding, Measurement, Severity, Verdict
from afterlaunch.rates import UsualRange
from afterlaunch.subgroups import SharedBy
from afterlaunch.windows import Window

SCHEMA_VERSION = 3


class Area(enum.StrEnum):
    """The fixed order of the indicator table."""

    SPEED = "Speed"
    PEOPLE = "People"
    COMPLAINTS = "Complaints"
    BUSINESS = "Business"
    MODEL = "Model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """What a model, its cases and its outcomes are called.

    ``case_noun`` and ``outcome_noun`` are plurals: ``"flights"``, ``"claims"``.
    """

    model: str
    title: str
    case_noun: str = "cases"
    outcome_noun: str = "outcomes"
    simulated: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonthPoint:
    """One month of an indicator's history.

    ``value`` is nan when the month has none (``reason`` says why); ``in_usual_range`` tells whether the month is one
    of those that the usual range rests on.
    """

    label: str
    value: float
    n: int
    versions: tuple[str, ...]
    in_usual_range: bool
    ci_lower: float | None = None
    ci_upper: float | None = None
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """A number before and after: last month and this one, unless the title says otherwise."""

    code: str
    title: str
    unit: str
    before: float
    after: float
    usual_range: UsualRange | None = None
    decimals: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segment:
    """One segment against the rest of the month's rows.

    ``difference`` is the segment minus the rest; ``p_holm`` is adjusted over all comparisons that were made.
    """

    column: str
    value: str
    n: int
    n_positive: int
    measure: str
    title: str
    unit: str
    segment_value: float
    rest_value: float
    difference: float
    ci_lower: float | None
    ci_upper: float | None
    p_holm: float
    is_worse: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shared:
    """What the events behind a number share: "323 of the 484 slow requests came on Mondays from 09 to 11".

    ``events`` names them in the plural, ``rows`` all rows they are among.
    """

    events: str
    rows: str
    found: SharedBy


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageGap:
    """How much longer one stage takes in slow requests than in the others, and its share of all extra time."""

    stage: str
    slow_ms: float
    typical_ms: float
    share: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a count: ``n`` of ``n_of`` things (``noun``) of which ``title`` is true.

    ``usual_share`` is the part's share in the months before, where that is known.
    """

    title: str
    n: int
    n_of: int
    noun: str
    usual_share: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BudgetUse:
    """How much of the error budget is used, and the fewest hours that hold half of the slow requests."""

    n_slow: int
    n_allowed: float
    used_share: float
    n_hours: int
    n_hours_all: int
    n_held: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number that explains another one, with its interval where there is one."""

    title: str
    value: float
    unit: str
    decimals: int = 1
    ci_lower: float | None = None
    ci_upper: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Times:
    """How many times as high a rate is as in the usual months, with its interval."""

    ratio: float
    ci_lower: float
    ci_upper: float
    n_months: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detectable:
    """The change that four such months in five would have shown: what "no signal" is worth."""

    value: float
    times: float
    unit: str
    decimals: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorstSegment:
    """The segment that the model serves clearly worse than the rest, and how many more there are."""

    segment: Segment
    n_more: int


Fact: TypeAlias = Change | Shared | StageGap | Part | BudgetUse | Estimate | Times | Detectable | WorstSegment
"""Something behind a number."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Indicator:
    """One row of the health table.

    Parameters
    ----------
    finding : Finding
        This month's measurement and what it is held against; ``finding.code`` is the indicator's stable name.
    previous : Measurement or None
        The same measure last month.
    usual_range : UsualRange or None
        Limits from the months before; ``usual_range_reason`` says why there is none.
    history : tuple of MonthPoint
        All months up to and including this one, oldest first.
    behind : tuple of Fact
        What explains this number.
    decimals : int
        Digits after the point when shown.
    question : str
        What the team should decide when the state is ``act`` or ``watch``, from the policy; may be empty.
    """

    area: Area
    title: str
    finding: Finding
    previous: Measurement | None = None
    usual_range: UsualRange | None = None
    usual_range_reason: str = ""
    history: tuple[MonthPoint, ...] = ()
    behind: tuple[Fact, ...] = ()
    run_of_eight: bool = False
    decimals: int = 3
    question: str = ""
    owner: str = ""

    @property
    def code(self) -> str:
        """Stable name, such as ``model.roc_auc``."""
        return self.finding.code

    @property
    def severity(self) -> Severity:
        """The grade of the finding."""
        return self.finding.severity

    def is_of(self, window: Window) -> bool:
        """Tell whether the number is about a month; one without a value is about no other."""
        measurement = self.finding.measurement
        return not measurement.is_known or not self.history or self.history[-1].label == window.label


@dataclasses.dataclass(frozen=True, kw_only=True)
class VersionUse:
    """A model version that scored rows of a month."""

    name: str
    n: int
    share: float
    first_on: dt.date
    last_on: dt.date
    trained: Window


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """One measure this month and last month (or of two versions), each with its interval.

    ``difference`` is current minus previous with a paired interval, where the two were measured on the same rows.
    """

    title: str
    current: Measurement
    previous: Measurement | None
    direction: str
    decimals: int = 3
    difference: Measurement | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """One equal-mass bin of scores: what was predicted and what happened, with an interval over whole days."""

    n: int
    mean_score: float
    outcome_share: float
    ci_lower: float | None
    ci_upper: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """How well scores say how often the outcome happens.

    ``slope`` and ``intercept`` are those of the logistic recalibration (1 and 0 are ideal), ``None`` where it has none.
    """

    bins: tuple[CalibrationBin, ...]
    gap: Measurement
    observed_expected: Measurement
    expected_calibration_error: Measurement
    slope: float | None
    intercept: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segments:
    """Segments compared with the rest, worst first, and how many comparisons were made."""

    shown: tuple[Segment, ...]
    n_compared: int
    n_worse: int
    n_too_small: int
    min_n: int
    min_days: int
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class QualityCheck:
    """One measure of volume or data quality against its usual range."""

    code: str
    title: str
    current: Measurement
    previous: float | None
    usual_range: UsualRange | None
    is_unusual: bool
    decimals: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class SameRows:
    """Two versions on the same rows, which neither of them saw in training."""

    champion: str
    other: str
    window: str
    n: int
    measures: tuple[Comparison, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointSpeed:
    """How fast one endpoint was; a quantile that so few requests cannot show is None."""

    endpoint: str
    n: int
    n_unanswered: int
    within_share: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class HourSpeed:
    """The p95 of one endpoint in one hour of the day, over all days of the month."""

    endpoint: str
    hour: int
    n: int
    p95_ms: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageTime:
    """Mean time of one stage in typical and in slow requests."""

    stage: str
    typical_ms: float
    slow_ms: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanSplit:
    """Why the mean latency changed since last month: other requests, or the same kind taking longer."""

    before_ms: float
    after_ms: float
    mix_ms: float
    within_ms: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speed:
    """How long answers took this month, and where the time went.

    Parameters
    ----------
    threshold_ms, target_share, time_limit_ms : float
        The promise, and the latency that a request without an answer counts with.
    n, n_slow, n_unanswered : int
        Requests of the month.
    window_minutes, n_at_peak : int
        Length of a window, and the requests in the busiest ones, which together carry a twentieth of all.
    p95_at_peak_ms, elsewhere_p95_ms : float
        p95 in the busiest windows and outside of them; nan where so few requests cannot show one.
    endpoints : tuple of EndpointSpeed
        The busiest first.
    hours : tuple of HourSpeed
        By endpoint and hour of the day, where there are enough requests.
    stages : tuple of StageTime
        Stages that follow each other; what none of them explains is the last one. Empty without stages.
    n_typical, n_slow_answered : int
        Requests that the stages rest on.
    """

    threshold_ms: float
    target_share: float
    time_limit_ms: float
    n: int
    n_slow: int
    n_unanswered: int
    window_minutes: int
    n_at_peak: int
    p95_at_peak_ms: float
    elsewhere_p95_ms: float
    budget: BudgetUse
    endpoints: tuple[EndpointSpeed, ...]
    hours: tuple[HourSpeed, ...]
    stages: tuple[StageTime, ...]
    n_typical: int
    n_slow_answered: int
    mean_split: MeanSplit | None
    shared: Shared | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatiencePoint:
    """Share of the people who would have left by a wait, had no answer come before."""

    wait_ms: float
    left_share: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class People:
    """What waiting did to people this month.

    ``after_slow_share`` and ``after_fast_share`` are the shares of clicks that were followed by another one, by whether
    the first answer was slow; counts are None where the log does not say who asked or who saw the answer.
    """

    n_clicks: int
    n_groups: int | None
    n_extra: int | None
    n_retries: int | None
    n_inconsistent: int | None
    n_mixed: int | None
    after_slow_share: float | None
    after_fast_share: float | None
    n_left: int | None
    n_lost: int | None
    patience: tuple[PatiencePoint, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TicketTheme:
    """One theme of the flagged tickets: how many, its share in the months before, and what people wrote, masked."""

    theme: str
    n: int
    share: float
    usual_share: float | None
    quotes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TicketRisk:
    """How much oftener cases with a circumstance bring a ticket about the AI than the other cases of the month."""

    circumstance: str
    n_tickets: int
    n_cases: int
    ratio: float | None
    ci_lower: float | None
    ci_upper: float | None
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Complaints:
    """What people wrote about the AI this month.

    Parameters
    ----------
    n_tickets, n_flagged : int
        Tickets about cases of the month, and those that the classifier flags.
    estimated, ci_lower, ci_upper : float or None
        Tickets about the AI once all are reported, after the audit; None where that is not known.
    n_reported, n_outstanding : float
        Of them reported by now, and still expected.
    completeness : float
        Share of the month's tickets that is reported.
    joined_share : float
        Share of all tickets that name a case of the log; the others are counted in proportion.
    method, method_reason : str
        ``rules`` or ``learned``, and why rules.
    precision, recall : float or None
        Of the flags, on labelled tickets that the classifier did not learn from.
    n_labelled : int
        Tickets that people labelled, in all months read.
    n_audited, audit_differs : int, bool
        Labelled tickets of this month, and whether they differ from those of the months before beyond chance.
    """

    n_tickets: int
    n_flagged: int
    estimated: float | None
    ci_lower: float | None
    ci_upper: float | None
    n_reported: float | None
    n_outstanding: float | None
    completeness: float
    joined_share: float
    n_unjoined: int
    method: str
    method_reason: str
    precision: float | None
    recall: float | None
    n_labelled: int
    n_audited: int
    audit_differs: bool
    times: Times | None
    themes: tuple[TicketTheme, ...]
    themes_method: str
    risks: tuple[TicketRisk, ...]
    shared: Shared | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecisionCell:
    """One field of the confusion table: how many cases, and what their decisions were worth, per 1,000 cases."""

    is_alert: bool
    is_positive: bool
    n: int
    n_per_1000: float
    value_per_1000: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdValue:
    """What all decisions would have been worth per 1,000 cases at a threshold, and the share of alerts there."""

    threshold: float
    value: float
    alert_share: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecisionWorth:
    """The cost-weighted confusion of the month's main version, and its value over the threshold.

    ``gain`` is the best threshold's value minus the present one's, with an interval over whole days; the best is found
    and measured on the same month, which flatters it.
    """

    version: str
    unit: str
    n: int
    cells: tuple[DecisionCell, ...]
    curve: tuple[ThresholdValue, ...]
    present: ThresholdValue
    best: ThresholdValue
    gain: Measurement


class Step(enum.StrEnum):
    """Which way a number went since last month."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelAgainstBusiness:
    """Whether the model's main measure and the main business KPI tell the same story.

    ``signal`` is ``both``, ``kpi_only``, ``model_only`` or ``routine``: which of the two left its usual range.
    ``disagree`` is true when one got better and the other worse since last month.
    """

    model: Change
    kpi: Change
    model_step: Step
    kpi_step: Step
    signal: str

    @property
    def disagree(self) -> bool:
        """Whether one got better while the other got worse."""
        return {self.model_step, self.kpi_step} == {Step.BETTER, Step.WORSE}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What bounds the report's knowledge; the section "What this cannot tell you" is made from it."""

    not_measured: tuple[str, ...]
    n_maturing: int
    n_without_outcome: int
    n_days_judged: int
    n_days: int
    usual_range_months: int
    usual_range_versions: tuple[str, ...]
    left_out_months: tuple[str, ...]
    comparison_across_versions: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class HealthReport:
    """The monthly health report of one model.

    Parameters
    ----------
    model, title, case_noun : str
        Folder name, title for people, and what one row is called in the plural (``"flights"``).
    window, previous_window : Window
        This month and the one before.
    judged_window : Window
        The month that numbers resting on outcomes are about: this one, or the last whose outcomes are complete.
    outcomes_complete_until : datetime.date or None
        First day whose outcomes are not complete yet; all days before it are.
    versions, previous_versions : tuple of VersionUse
        Who scored this month and last month.
    decisions : tuple of str
        Codes of the indicators that need a decision, worst first, at most three.
    changes : tuple of Change
        What moved since last month, at most four.
    drift : DriftReport or None
        What the drift report of this month found, if there is one of the same data.
    """

    model: str
    title: str
    case_noun: str
    window: Window
    previous_window: Window
    judged_window: Window
    as_of: dt.date | None
    outcomes_complete_until: dt.date | None
    n_rows: int
    n_judged: int
    versions: tuple[VersionUse, ...]
    previous_versions: tuple[VersionUse, ...]
    indicators: tuple[Indicator, ...]
    verdict: Verdict
    decisions: tuple[str, ...]
    changes: tuple[Change, ...]
    performance: tuple[Comparison, ...]
    calibration: Calibration | None
    segments: Segments
    quality: tuple[QualityCheck, ...]
    same_rows: SameRows | None
    model_against_business: ModelAgainstBusiness | None
    limits: Limits
    speed: Speed | None = None
    people: People | None = None
    complaints: Complaints | None = None
    decision_worth: DecisionWorth | None = None
    drift: DriftReport | None = None
    simulated: bool = False
    schema_version: int = SCHEMA_VERSION

    def indicator(self, code: str) -> Indicator:
        """Return the indicator with this code.

        Raises
        ------
        KeyError
            When there is none.
        """
        for indicator in self.indicators:
            if indicator.code == code:
                return indicator
        raise KeyError(f"No indicator {code!r}; there are: {', '.join(i.code for i in self.indicators)}.")
