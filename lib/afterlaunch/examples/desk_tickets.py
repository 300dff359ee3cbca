"""The support tickets of the simulated desk: who writes, when, about what, and which of them people label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from afterlaunch.examples import desk_ticket_texts as texts
from afterlaunch.examples.desk_claims import DAY_US, Columns, Floats, Size
from afterlaunch.examples.desk_events import Plan
from afterlaunch.examples.desk_requests import TARGET_MS, Answers

OTHER_PER_CLAIM: Final = 0.021
N_LABELLED_A_MONTH: Final = 110
LABEL_ERROR_SHARE: Final = 0.02
_GAP: Final = re.compile(r"\{(\w+)\}")


def draw_tickets(
    claims: Columns, requests: Columns, answers: Answers, plan: Plan, size: Size, *, place: int, first_id: int
) -> Columns:
    """Draw the tickets about some claims of one month: most about anything, some because the AI let people down."""
    random = size.generator(4, place)
    month = str(claims["scored_at"][:1].astype("datetime64[us]").astype("datetime64[M]")[0])
    shares = _shares_by_theme(claims, requests, answers, plan, month)
    parts = [_about_ai(random, theme, share) for theme, share in shares.items()]
    n = len(claims["scored_at"])
    parts.append(_rows(random, texts.OTHER, random.random(n) < OTHER_PER_CLAIM, texts.NOT_ABOUT_AI))
    if plan.has("portal_outage", month):
        parts.append(_rows(random, texts.OTHER, random.random(n) < OTHER_PER_CLAIM, texts.PORTAL_OUTAGE))
    tickets: Columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    delay_days = random.gamma(1.5, 4.0, len(tickets["claim"]))
    tickets["received_at"] = claims["scored_at"][tickets["claim"]] + (delay_days * DAY_US).astype(np.int64)
    tickets["claim_id"] = np.where(random.random(len(delay_days)) < 0.93, first_id + tickets["claim"], -1)
    tickets["text"] = _written(random, tickets, first_id)
    tickets["is_labelled"] = random.random(len(delay_days)) < _label_share(n)
    tickets["label"] = (tickets["theme"] != texts.OTHER) ^ (
        random.random(len(delay_days)) < LABEL_ERROR_SHARE
    )
    return tickets


def _label_share(n_claims: int) -> float:
    """Return the share of tickets that people label: about a hundred a month of 20,000 claims, and no more later."""
    return min(1.0, N_LABELLED_A_MONTH / (0.026 * max(n_claims, 20_000)))


def _shares_by_theme(
    claims: Columns, requests: Columns, answers: Answers, plan: Plan, month: str
) -> Mapping[str, Floats]:
    """Return how likely a claim brings a ticket of each theme."""
    n = len(claims["scored_at"])
    everything = np.arange(n)
    near = answers.nearness(everything)
    is_slow, is_contradicted = _experienced(requests, n)
    decision = np.select(
        [answers.logged == name for name in answers.scores],
        [answers.decision(v, everything) for v in answers.scores],
    )
    is_wrong = decision != claims["irregular"]
    is_new = (answers.logged == "v2") & (month == "2025-08")
    shares = {
        texts.WRONG_VERDICT: 0.0006 + 0.0028 * is_wrong + 0.004 * near + 0.002 * is_new,
        texts.CONTRADICTORY: 0.0003 + 0.35 * is_contradicted,
        texts.TOO_SLOW: 0.0003 + 0.012 * is_slow,
        texts.UNEXPLAINED: 0.0003 + 0.004 * decision + 0.001 * is_new,
        texts.UNFAIR: np.full(n, 0.00025),
        texts.WRONG_DOCUMENT: 0.0004 + 0.0012 * (claims["document_type"] == "handwritten"),
    }
    if plan.has("wrong_documents", month):
        shares[texts.WRONG_DOCUMENT] = shares[texts.WRONG_DOCUMENT] + 0.0042
    return {theme: np.asarray(share, dtype=np.float64) for theme, share in shares.items()}


def _experienced(requests: Columns, n: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Tell for each claim whether an answer was slow, and whether two answers contradicted each other."""
    claim, decision = requests["claim"], requests["decision"]
    slow = np.isnan(requests["latency_ms"]) | (requests["latency_ms"] > 1.5 * TARGET_MS)
    is_slow = np.bincount(claim, weights=slow, minlength=n) > 0
    n_yes = np.bincount(claim, weights=decision, minlength=n)
    n_all = np.bincount(claim, minlength=n)
    return is_slow, (n_yes > 0) & (n_yes < n_all)


def _about_ai(random: np.random.Generator, theme: str, share: Floats) -> Columns:
    return _rows(random, theme, random.random(len(share)) < share, texts.ABOUT_AI[theme])


def _rows(
    random: np.random.Generator, theme: str, is_chosen: npt.NDArray[np.bool_], sentences: Sequence[str]
) -> Columns:
    rows = np.flatnonzero(is_chosen)
    return {
        "claim": rows,
        "theme": np.full(len(rows), theme, dtype="U24"),
        "sentence": np.array(sentences, dtype=object)[random.integers(0, len(sentences), len(rows))],
    }


def _written(random: np.random.Generator, tickets: Columns, first_id: int) -> npt.NDArray[np.object_]:
    picks = random.integers(0, 1 << 30, (len(tickets["claim"]), 14))
    return np.array(
        [
            _text(str(sentence), f"CH-{first_id + claim}", pick)
            for sentence, claim, pick in zip(
                tickets["sentence"], tickets["claim"].tolist(), picks.tolist(), strict=True
            )
        ],
        dtype=object,
    )


def _text(sentence: str, number: str, picks: list[int]) -> str:
    remaining = iter(picks)

    def fill(gap: re.Match[str]) -> str:
        if gap[1] == "number":
            return number
        choices = texts.GAPS[gap[1]]
        return choices[next(remaining) % len(choices)]

    main = _GAP.sub(fill, sentence)
    main = f"{main[0].upper()}{main[1:]}."
    greeting, feeling, ending = (fill(gap) for gap in _GAP.finditer("{greet}{feel}{bye}"))
    aside = (
        _GAP.sub(fill, texts.ASIDES[next(remaining) % len(texts.ASIDES)]) if next(remaining) % 3 == 0 else ""
    )
    body = f"{main} {feeling} {aside[:1].upper()}{aside[1:]}"
    body = body.replace(" .", ".").replace(" ,", ",").replace("  ", " ").strip()
    return "\n".join(part for part in (greeting, body, ending) if part)
