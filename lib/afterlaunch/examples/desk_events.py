"""What is planted in the simulated claims desk: every event with its months, its size and the finding it belongs to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from afterlaunch.errors import ParameterError, did_you_mean
from afterlaunch.windows import Window

FIRST_MONTH: Final = Window.parse("2024-01")
EVERYTHING: Final = "all"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens at the desk in some months and in no other.

    Parameters
    ----------
    name : str
        Its name, for ``--plant`` and ``--no-plant``.
    months : tuple of str
        The months it lasts, such as ``"2025-01"``.
    size : str
        What was planted, in words and units.
    finding : str
        Code of the finding that should name it; empty for what must not be reported as a finding.
    words : tuple of str
        What the explanation of that finding should say.
    also : tuple of str
        Findings that may move with it: its consequences.
    """

    name: str
    months: tuple[str, ...]
    size: str
    finding: str
    words: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


_SPEED: Final = ("speed.p95_under_peak_load", "speed.p95", "speed.within_slo_share")
_PEOPLE: Final = ("people.repeat_clicks", "people.inconsistent_repeats", "people.lost_suggestions")
_BUSINESS: Final = (
    "business.net_saving",
    "business.reviewer_minutes",
    "business.straight_through_share",
    "business.complaints_upheld",
)
_MODEL: Final = ("model.roc_auc", "model.f1", "model.calibration_gap", "model.alert_share")
_SINCE_V2: Final = ("2025-08", "2025-09", "2025-10", "2025-11", "2025-12")

EVENTS: Final = (
    Event(
        name="monday_rush",
        months=("2025-01",),
        size="on Mondays from 09 to 11 the feature fetch of scorer-07 takes 2 s instead of 0.1 s",
        finding="speed.p95_under_peak_load",
        words=("Monday", "09–11", "scorer-07", "feature fetch"),
        also=(*_SPEED, *_PEOPLE, "complaints.ai_tickets"),
    ),
    Event(
        name="edge_cases",
        months=("2025-03",),
        size="claims about burnt batteries are 12 % of all instead of 1 %, and a third of them is irregular",
        finding="model.roc_auc",
        words=("battery",),
        also=(*_MODEL, *_BUSINESS, "complaints.ai_tickets", "quality.missing_share.vehicle_age_years"),
    ),
    Event(
        name="wrong_documents",
        months=("2025-04",),
        size="a new document reader mixes up documents: 4 more tickets about the AI per 1,000 claims",
        finding="complaints.ai_tickets",
        words=("wrong document",),
        also=("business.complaints_upheld",),
    ),
    Event(
        name="time_outs",
        months=("2025-05",),
        size="a third of the requests to the endpoint document time out after 10 s",
        finding="speed.within_slo_share",
        words=("document",),
        also=(*_SPEED, *_PEOPLE, "complaints.ai_tickets"),
    ),
    Event(
        name="portal_outage",
        months=("2025-06",),
        size="the customer portal fails: twice the tickets, none of the additional ones about the AI",
        finding="",
    ),
    Event(
        name="mixed_versions",
        months=("2025-07",),
        size="v2 answers 40 % of the requests, drawn anew for each request",
        finding="people.inconsistent_repeats",
        words=("different versions",),
        also=("complaints.ai_tickets", *_BUSINESS, *_MODEL),
    ),
    Event(
        name="large_claims_missed",
        months=_SINCE_V2,
        size="v2 lacks an input: better F1, but it misses two thirds of the large irregular claims that v1 caught",
        finding="business.net_saving",
        words=("worth of a right alert", "(unusual)"),
        also=(*_BUSINESS, *_MODEL, "complaints.ai_tickets"),
    ),
    Event(
        name="habits",
        months=("2025-08", "2025-09"),
        size="reviewers whose habits fit v1 take 35 % longer for each alert of v2",
        finding="business.reviewer_minutes",
        also=(*_BUSINESS, "complaints.ai_tickets"),
    ),
    Event(
        name="empty_field",
        months=("2025-10",),
        size="a new form leaves the distance to the repair shop empty in 70 % of the claims instead of 35 %",
        finding="quality.missing_share.repair_distance_km",
        also=(*_MODEL, *_BUSINESS),
    ),
    Event(
        name="microcopy",
        months=("2025-11", "2025-12"),
        size="from 3 November people read 'AI is reviewing your document…': a third as many click again",
        finding="people.repeat_clicks",
        also=_PEOPLE,
    ),
)

SEASONALITY: Final = "seasonality"
SLOW_DRIFT: Final = "slow_drift"
BACKGROUND: Final = (SEASONALITY, SLOW_DRIFT)
"""What goes on all the time and is no finding: busy and quiet months, and inputs that change slowly."""
NAMES: Final = (*(event.name for event in EVENTS), *BACKGROUND)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Which events happen."""

    names: frozenset[str]

    @classmethod
    def of(cls, *, plant: Iterable[str] = (), no_plant: Iterable[str] = ()) -> Plan:
        """Return the plan of everything, of some things only, or of all but some.

        Parameters
        ----------
        plant : iterable of str
            Only these events happen (and the background). Without any, all of them do.
        no_plant : iterable of str
            These do not; ``"all"`` leaves the background only.

        Raises
        ------
        ParameterError
            When a name is unknown.

        Examples
        --------
        >>> quiet = Plan.of(no_plant=["all"])
        >>> quiet.has("monday_rush", "2025-01"), quiet.has("slow_drift", "2025-01")
        (False, True)
        """
        wanted, unwanted = tuple(plant), tuple(no_plant)
        for name in (*wanted, *unwanted):
            if name not in (*NAMES, EVERYTHING):
                raise ParameterError(
                    f"There is no event {name!r}.{did_you_mean(name, NAMES)} There are: {', '.join(NAMES)}, and "
                    f"{EVERYTHING}."
                )
        names = set(NAMES) if not wanted or EVERYTHING in wanted else {*wanted, *BACKGROUND}
        if EVERYTHING in unwanted:
            names = set(BACKGROUND)
        return cls(names=frozenset(names - set(unwanted)))

    def has(self, name: str, month: str) -> bool:
        """Tell whether something happens in a month."""
        return name in self.names and (name in BACKGROUND or month in _MONTHS[name])

    @property
    def events(self) -> tuple[Event, ...]:
        """The events that happen, in the order of their months."""
        return tuple(event for event in EVENTS if event.name in self.names)


_MONTHS: Final = {event.name: event.months for event in EVENTS}
