"""What the drift report says, as data: every table, plot and sentence is rendered from these types."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math

from afterlaunch.findings import Finding, Measurement, Severity, Verdict
from afterlaunch.input_changes import InputChange
from afterlaunch.month_to_month import Against
from afterlaunch.relations import PairChange
from afterlaunch.since_when import Onset
from afterlaunch.windows import Window

SCHEMA_VERSION = 1


class InputState(enum.StrEnum):
    """What an input's change comes to.

    ``matters``: it changes the model's decisions beyond the usual and the policy's floor. ``broken``: part of its
    values is something that the model has not met (a new unit, a relabelled category, one value only) and the model
    uses it. ``harmless``: it moved, and the model hardly minds. ``usual``: it moves as much in other months.
    ``last_year``: it was like this in the same month last year. ``still``: it did not move.
    """

    MATTERS = "matters"
    BROKEN = "broken"
    HARMLESS = "harmless"
    USUAL = "usual"
    LAST_YEAR = "last_year"
    STILL = "still"


@dataclasses.dataclass(frozen=True, kw_only=True)
class BinShare:
    """One bin of an input: its share of the reference and of the current rows, and what it adds to the score.

    ``effect_score`` is the bin's own part of the score in score points, 0 being the reference's average.
    """

    label: str
    reference_share: float
    current_share: float
    effect_score: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distances:
    """How far an input's current distribution lies from the reference's.

    ``psi`` is without its sampling bias, and ``psi_usual`` is up to where it comes in the reference months, each
    against the others. KS, Wasserstein and the shift of the mean are for numbers; Wasserstein and the shift are in
    units of the reference's standard deviation. ``None``: it has no value.
    """

    psi: float
    psi_usual: float | None
    jensen_shannon: float
    ks: float | None = None
    wasserstein_sd: float | None = None
    mean_shift_sd: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelEffect:
    """What an input's shift does to the model.

    Parameters
    ----------
    score : float
        Score points by which it moves the mean score.
    alerts_per_1000, se_alerts_per_1000 : float
        Alerts per 1,000 cases by which it moves the alerts, with its standard error.
    relative : float
        The larger of the two, as a share of the usual mean score or of the usual alerts.
    usual : float or None
        Up to where ``relative`` comes in other months.
    last_year : float or None
        ``relative`` against the same month last year.
    p_adjusted : float or None
        Chance of such an effect in a usual month, adjusted over all inputs (false-discovery rate).
    weight : float
        Share of the score's spread that the input carries, 0 to 1.
    against : Against
        Which comparison decided.
    """

    score: float
    alerts_per_1000: float
    se_alerts_per_1000: float
    relative: float
    usual: float | None
    last_year: float | None
    p_adjusted: float | None
    weight: float
    against: Against


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputDrift:
    """One input: how it moved, what that does to the model, and what to make of it.

    Parameters
    ----------
    name : str
        The column.
    changes : tuple of InputChange
        What its change looks like, the most specific first; empty when there is none.
    missing_share, missing_share_reference : float
        Share of rows without a value.
    onset : Onset or None
        Since when; ``None`` for an input that did not move.
    bins : tuple of BinShare
        Its distribution, where it moved.
    """

    name: str
    changes: tuple[InputChange, ...]
    distances: Distances
    missing_share: float
    missing_share_reference: float
    effect: ModelEffect
    state: InputState
    finding: Finding
    onset: Onset | None
    bins: tuple[BinShare, ...] = ()

    @property
    def severity(self) -> Severity:
        """Severity of the finding."""
        return self.finding.severity


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelDrift:
    """A number of the model's as a whole against the reference: performance, calibration, alerts, scores.

    Parameters
    ----------
    finding : Finding
        Its measurement is the size of the change: for ranking a fall in points, for calibration a factor of 1 or more,
        for alerts and scores a share of what is usual.
    before : float
        The mean of the reference months.
    after : Measurement
        The value of ``month``, with its interval.
    is_estimate : bool
        Whether it was estimated before outcomes were known.
    """

    finding: Finding
    title: str
    decimals: int
    before: float
    after: Measurement
    month: str
    against: Against = Against.OTHER_MONTHS
    onset: Onset | None = None
    is_estimate: bool = False

    @property
    def severity(self) -> Severity:
        """Severity of the finding."""
        return self.finding.severity


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreDecomposition:
    """The change of the mean score and of the alerts in parts that add up: inputs one at a time, and the rest.

    In score points and in alerts per 1,000. ``fidelity`` is the share of the variance that inputs one at a time
    explain on rows that were left out; ``None`` where all rows are alike.
    """

    total_score: float
    total_alerts_per_1000: float
    inputs_score: float
    inputs_alerts_per_1000: float
    unexplained_score: float
    unexplained_alerts_per_1000: float
    fidelity_score: float | None
    fidelity_alerts: float | None
    n_sample: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relations:
    """Whether inputs belong together as they did, apart from each one's own distribution.

    ``changed`` are the pairs whose relation changed by more than chance, habit and the floor; ``is_harmless`` when the
    model uses none of them together. ``finding.measurement`` is the largest change of a correlation among them.
    """

    finding: Finding
    changed: tuple[PairChange, ...]
    is_harmless: bool
    n_pairs: int
    n_reference: int
    n_current: int
    p_value: float | None
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentOutcome:
    """A segment whose outcomes changed at equal score: observed per expected outcome, before and after."""

    column: str
    value: str
    n: int
    n_positive: int
    before: float
    after: float
    factor: float
    p_adjusted: float | None
    is_changed: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentMix:
    """A segment column whose mix changed, and how much of the change of the calibration gap that alone explains.

    ``value`` is the segment that explains most of it; ``gap_pp`` is by how much outcomes exceeded scores there in the
    reference months. ``explained_pp`` is of the whole column, ``change_pp`` what there is to explain, both in
    percentage points of all cases.
    """

    column: str
    value: str
    share_before: float
    share_after: float
    gap_pp: float
    explained_pp: float
    change_pp: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentOutcomes:
    """Segments held against themselves, apart from what changed for all cases; the largest changes first.

    ``mix`` holds the columns whose changed mix explains a good part of a changed calibration, the largest part first.
    """

    finding: Finding
    shown: tuple[SegmentOutcome, ...]
    n_compared: int
    mix: tuple[SegmentMix, ...] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerformanceMonth:
    """One month: what was estimated before outcomes were known, and what came out.

    nan where there is none: estimates need other months, results need outcomes. ``outcome_share`` is the share of
    judged rows whose outcome happened.
    """

    label: str
    n: int
    roc_auc: float
    observed_expected: float
    estimated_roc_auc: float
    ci_lower: float | None
    ci_upper: float | None
    outcome_share: float = math.nan


@dataclasses.dataclass(frozen=True, kw_only=True)
class Performance:
    """Realised and estimated performance by month, and how well past estimates did.

    ``n_inside`` of ``n_past`` realised values lay inside the interval of their estimate. ``estimate_reason`` says why
    there is no estimate of the current month.
    """

    months: tuple[PerformanceMonth, ...]
    n_inside: int
    n_past: int
    estimate_reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DriftReport:
    """Everything that the drift report on one month says.

    Parameters
    ----------
    window, judged_window : Window
        The month, and the month whose outcomes can be judged.
    reference : tuple of str
        The months that it is held against, oldest first.
    score_reference : tuple of str
        Those of them that the version scored as well.
    last_year : str
        The same month a year ago, when its rows are there; empty otherwise.
    version, other_versions : str, tuple of str
        The version that scored most of the month's rows, and the others.
    inputs : tuple of InputDrift
        All inputs, by what their shift does to the model.
    model_findings : tuple of ModelDrift
        Performance first, then calibration, alerts and scores.
    """

    model: str
    title: str
    case_noun: str
    outcome_noun: str
    window: Window
    reference: tuple[str, ...]
    score_reference: tuple[str, ...]
    last_year: str
    version: str
    other_versions: tuple[str, ...]
    n_rows: int
    n_reference: int
    as_of: dt.date
    outcomes_complete_until: dt.date | None
    judged_window: Window
    verdict: Verdict
    model_findings: tuple[ModelDrift, ...]
    inputs: tuple[InputDrift, ...]
    decomposition: ScoreDecomposition | None
    decomposition_reason: str
    relations: Relations
    segments: SegmentOutcomes
    performance: Performance
    simulated: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding that takes part in the verdict, the model's before the inputs'."""
        model = (row.finding for row in self.model_findings)
        inputs = (row.finding for row in self.inputs)
        return (*model, *inputs, self.relations.finding, self.segments.finding)

    @property
    def moved(self) -> tuple[InputDrift, ...]:
        """The inputs that moved."""
        return tuple(row for row in self.inputs if row.state is not InputState.STILL)

    @property
    def are_outcomes_in(self) -> bool:
        """Whether outcomes of the month itself could be judged."""
        complete = self.outcomes_complete_until
        return complete is not None and complete > self.window.start and self.judged_window == self.window
