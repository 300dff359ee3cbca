"""The worlds that drift analysis must be right in, and what a person who cares about the model would say of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from threadpoolctl import threadpool_limits

from afterlaunch.drift import drift
from afterlaunch.drift_evidence import DriftEvidence
from afterlaunch.drift_policy import DriftPolicy
from afterlaunch.drift_report import DriftReport
from afterlaunch.health_measures import Resampling
from drift_worlds import LABELS, LAST_MONTH, DriftWorld, Planted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expected:
    """What a person who cares about the model would have the report say.

    Parameters
    ----------
    severities : tuple of str
        Verdicts that are right.
    states : mapping of str to tuple of str
        Inputs, and the states of theirs that are right.
    moved : tuple of str
        The only inputs that may be called ``matters``, ``broken`` or ``harmless``.
    first : str
        The input that ranks first.
    changes : mapping of str to mapping
        Inputs, and the fields of one of their changes.
    pair : tuple of str
        Inputs whose relation is named.
    measure : str
        A part of the measure's name (or its finding's code) that must be above ok.
    last_year : bool
        Whether it says that the same month last year was looked at.
    outcomes_of : str
        The month whose outcomes it says it can judge, where that is not the month itself.
    """

    severities: tuple[str, ...]
    states: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    moved: tuple[str, ...] = ()
    first: str = ""
    changes: Mapping[str, Mapping[str, object]] = dataclasses.field(default_factory=dict)
    pair: tuple[str, ...] = ()
    measure: tuple[str, ...] = ()
    last_year: bool = False
    outcomes_of: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """A world and what is to be said of it; ``as_counts`` draws months as counts, which a million rows need."""

    world: DriftWorld
    expected: Expected
    as_counts: bool = False

    def evidence(self, seed: int) -> DriftEvidence:
        """Return the evidence of one seed."""
        world = dataclasses.replace(self.world, seed=seed)
        return world.drawn_evidence() if self.as_counts else world.evidence()


NAMED = ("matters", "broken", "harmless")
ALARMS = ("watch", "act")
TINY = ("amount", "distance", "speed", "temperature", "tenure", "humidity", "age", "pressure", "volume")
SCENARIOS: dict[str, Scenario] = {
    # 1: a million rows and nothing happens. Whoever is called for it stops looking: ok, and no input is named.
    "no drift": Scenario(
        world=DriftWorld(n_rows=1_000_000), as_counts=True, expected=Expected(severities=("ok",))
    ),
    # 2: nine inputs move by 0.015 sd, 15 standard errors each, and months do not differ otherwise. Alerts rise by 3 %:
    # no reason to do anything, so ok.
    "tiny drift": Scenario(
        world=DriftWorld(n_rows=1_000_000, wobble=0.0, planted=Planted(shifts=dict.fromkeys(TINY, 0.015))),
        as_counts=True,
        expected=Expected(severities=("ok",)),
    ),
    # 3: an input that the model ignores moves by 1.5 sd. The decisions stay as they are: ok, listed as harmless.
    "unimportant shift": Scenario(
        world=DriftWorld(planted=Planted(shifts={"pressure": 1.5})),
        expected=Expected(severities=("ok",), states={"pressure": ("harmless",)}, moved=("pressure",)),
    ),
    # 4: an important input moves by 0.3 sd, which one hardly sees in a plot. Alerts rise by 17 %: people downstream
    # notice, and the outcomes bear the scores out. Watch; it ranks first.
    "important slight shift": Scenario(
        world=DriftWorld(planted=Planted(shifts={"distance": 0.3})),
        expected=Expected(
            severities=("watch",), states={"distance": ("matters",)}, moved=("distance",), first="distance"
        ),
    ),
    # 5: speed and load, which the model uses together, come apart (0.6 to 0), each one's distribution unchanged. The
    # scores spread less and alerts fall. Nobody can see it input by input: watch at least, naming the pair.
    "correlation only": Scenario(
        world=DriftWorld(planted=Planted(rho={"load": 0.0})),
        expected=Expected(severities=ALARMS, pair=("speed", "load")),
    ),
    # 6: an important input arrives empty for 25 % of the rows rather than 2 %. The model takes empty ones for risky:
    # alerts rise by 30 % for no reason. Watch or act.
    "missing jump": Scenario(
        world=DriftWorld(planted=Planted(lost={"distance": 0.25})),
        expected=Expected(
            severities=ALARMS,
            moved=("distance",),
            first="distance",
            changes={"distance": {"kind": "missing_jump"}},
        ),
    ),
    # 7: 12 % of the rows are of a product that the model has not met, and whose outcomes come more often. Watch or act.
    "new category": Scenario(
        world=DriftWorld(planted=Planted(new_category=("product", "bundle", 0.12))),
        expected=Expected(
            severities=ALARMS,
            moved=("product",),
            first="product",
            changes={"product": {"kind": "new_category", "name": "bundle"}},
        ),
    ),
    # 8: an important input arrives in another unit. Nearly everything is an alert: act.
    "unit x100": Scenario(
        world=DriftWorld(planted=Planted(factor={"amount": 100.0})),
        expected=Expected(
            severities=("act",),
            states={"amount": ("broken",)},
            # Its twin's relation with it is as it was, and its twin did not move.
            moved=("amount",),
            first="amount",
            changes={"amount": {"kind": "unit_change", "factor": 100.0}},
        ),
    ),
    # 9: the riskiest channel, a fifth of the rows, arrives under another name, which tells the model nothing. Half of
    # their alerts are lost. Watch or act.
    "relabelled": Scenario(
        world=DriftWorld(planted=Planted(renamed={"channel": ("phone", "call_centre")})),
        expected=Expected(
            severities=ALARMS,
            states={"channel": ("broken",)},
            moved=("channel",),
            first="channel",
            changes={"channel": {"kind": "relabelled", "pairs": (("phone", "call_centre"),)}},
        ),
    ),
    # 10: the outcome comes 1.3 times as often at equal score; inputs and scores are as ever. Every score is too low:
    # watch or act by calibration, and no input is to blame.
    "label shift": Scenario(
        world=DriftWorld(planted=Planted(outcome_shift=0.35)),
        expected=Expected(severities=ALARMS, measure=("calibration",)),
    ),
    # 10, outcomes not in: no number can show it. Ok, and it says whose outcomes it judged.
    "label shift, outcomes late": Scenario(
        world=DriftWorld(planted=Planted(outcome_shift=0.35), outcomes_in=False),
        expected=Expected(severities=("ok",), outcomes_of="2023-11"),
    ),
    # 11: income works the other way round in the outcome; inputs and scores are as ever. The model ranks worse (ROC
    # AUC falls by 0.07): watch or act by ranking, and no input is to blame.
    "concept drift": Scenario(
        world=DriftWorld(planted=Planted(reversed_input="income")),
        expected=Expected(severities=ALARMS, measure=("auc", "ranking")),
    ),
    # 12: three important inputs swing by 0.8 sd over the year, and this is the month of the year in which they are
    # highest, as they were a year ago. Alerts are twice their average, as a year ago: ok, and it says so.
    "seasonality": Scenario(
        world=DriftWorld(
            n_months=25, planted=Planted(season={"distance": 0.8, "speed": 0.8, "temperature": -0.8})
        ),
        expected=Expected(
            severities=("ok",),
            states=dict.fromkeys(("distance", "speed", "temperature"), ("last_year", "usual")),
            last_year=True,
        ),
    ),
    # 3 once more, harder: the input that the model ignores goes with one that it uses (correlation 0.8), so that scores
    # differ along it. It moves alone and scores stay: harmless still.
    "unimportant twin": Scenario(
        world=DriftWorld(planted=Planted(shifts={"invoice": 1.5})),
        expected=Expected(severities=("ok",), states={"invoice": ("harmless",)}, moved=("invoice",)),
    ),
}


def judged(evidence: DriftEvidence) -> DriftReport:
    """Return the report on evidence, under the policy that a user starts with."""
    # Threads that wait for each other cost five times the work.
    with threadpool_limits(limits=1):
        return drift(evidence, policy=DriftPolicy(), labels=LABELS, resampling=Resampling())


def unmet(report, expected: Expected) -> list[str]:
    """Return what a drift report says otherwise than expected, in words; nothing when it is right."""
    by_name = {one.name: one for one in report.inputs}
    found = []
    if report.verdict.severity not in expected.severities:
        found.append(f"verdict {report.verdict.severity} by {', '.join(report.verdict.deciding)}")
    found += [
        f"{one.name} is {one.state}"
        for one in report.inputs
        if one.state in NAMED and one.name not in expected.moved
    ]
    found += [
        f"{name} is {by_name[name].state}"
        for name, states in expected.states.items()
        if by_name[name].state not in states
    ]
    if expected.first and report.inputs[0].name != expected.first:
        found.append(f"{report.inputs[0].name} ranks first")
    for name, fields in expected.changes.items():
        changes = by_name[name].changes
        if not any(_has(change, fields) for change in changes):
            found.append(f"{name} is called {', '.join(change.kind for change in changes) or 'nothing'}")
    pairs = [{pair.first, pair.second} for pair in report.relations.changed]
    if expected.pair and set(expected.pair) not in pairs[:1]:
        found.append(f"relations name {pairs}")
    if expected.measure and not any(_is_alarm_of(finding, expected.measure) for finding in report.findings):
        found.append(f"no alarm of {expected.measure[0]}")
    if expected.last_year and report.last_year != LAST_MONTH.previous(12).label:
        found.append(f"last year is {report.last_year!r}")
    if expected.outcomes_of and report.judged_window.label != expected.outcomes_of:
        found.append(f"outcomes are judged of {report.judged_window.label}")
    if report.are_outcomes_in == bool(expected.outcomes_of):
        found.append(f"outcomes {'are' if report.are_outcomes_in else 'are not'} in")
    return found


def _has(change, fields) -> bool:
    given = {name: getattr(change, name) for name in fields}
    if "pairs" in given:
        given["pairs"] = tuple((pair.before, pair.after) for pair in given["pairs"])
    return given == dict(fields)


def _is_alarm_of(finding, words) -> bool:
    name = f"{finding.code} {finding.measurement.measure}"
    return finding.severity in ALARMS and any(word in name for word in words)


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuietSeries:
    """Months in which nothing happens, each judged by the twelve before it.

    Up to 100,000 rows a month are drawn; larger months are drawn as counts.
    """

    n_rows: int
    n_judged: int
    wobble: float = 1.0
    seed: int = 0

    def evidences(self) -> Iterator[DriftEvidence]:
        """Yield the evidence on each judged month, oldest first."""
        world = DriftWorld(
            seed=self.seed, n_rows=self.n_rows, n_months=12 + self.n_judged, wobble=self.wobble
        )
        draw = world.counted_month if self.n_rows <= 100_000 else world.drawn_month
        months = [draw(month) for month in world.months]
        for last in range(12, len(months)):
            yield world.evidence_of(*zip(*months[last - 12 : last + 1], strict=True))
