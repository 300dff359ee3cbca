"""What the long simulations share: each study says figures and returns whether they are as documented."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

say = sys.stdout.write


def run(studies: Mapping[str, Callable[[], bool]], names: list[str]) -> int:
    """Run the studies named, or all, and return how many contradict the documentation."""
    n_wrong = 0
    for name in names or studies:
        holds = studies[name]()
        n_wrong += not holds
        say(f"  {name}: {'as documented' if holds else 'NOT as documented'}\n\n")
    return n_wrong
