"""What the monthly health report says, as data: every table, plot and sentence is rendered from these types."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum

from afterlaunch.findings import Finding, Measurement, Severity, Verdict
from afterlaunch.rates import UsualRange
from afterlaunch.windows import Window

SCHEMA_VERSION = 1


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
    behind : tuple of Change
        The numbers that explain this one.
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
    behind: tuple[Change, ...] = ()
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
    outcomes_complete_until : datetime.date or None
        First day whose outcomes are not complete yet; all days before it are.
    versions, previous_versions : tuple of VersionUse
        Who scored this month and last month.
    decisions : tuple of str
        Codes of the indicators that need a decision, worst first, at most three.
    changes : tuple of Change
        What moved since last month, at most four.
    """

    model: str
    title: str
    case_noun: str
    window: Window
    previous_window: Window
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
