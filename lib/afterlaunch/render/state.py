"""The states of indicators, checks and comparisons as symbol, word and colour: never colour alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from afterlaunch.findings import Severity
from afterlaunch.render.markup import Markup, element, joined, typeset


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """A symbol, a word, and the class name that gives both their colour."""

    symbol: str
    word: str
    class_: str

    def markup(self, reason: str = "") -> Markup:
        """Return symbol and word, and the reason in small letters below."""
        sign = element("span", self.symbol, aria_hidden="true")
        told = element("span", sign, f" {self.word}", class_=f"al-state al-{self.class_}")
        return joined(told, element("small", typeset(reason))) if reason else told


ACT = State(symbol="▲", word="ACT", class_="act")
WATCH = State(symbol="◆", word="WATCH", class_="watch")
OK = State(symbol="●", word="OK", class_="ok")
NOT_MEASURED = State(symbol="○", word="not measured", class_="unknown")
NOT_JUDGED = State(symbol="○", word="not judged", class_="unknown")
BY_SEVERITY: Mapping[Severity, State] = {
    Severity.ACT: ACT,
    Severity.WATCH: WATCH,
    Severity.OK: OK,
    Severity.UNKNOWN: NOT_JUDGED,
}


def state_of(severity: Severity, *, is_known: bool = True) -> State:
    """Return the state of a severity; what has no value is not measured."""
    return BY_SEVERITY[severity] if is_known else NOT_MEASURED
