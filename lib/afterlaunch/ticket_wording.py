"""The words people use when they write about the AI: what they call it, and how they complain."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from afterlaunch.schema import FieldsError

OTHER_THEME = "other"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(","))


def parts_of_entry(entry: str) -> list[str]:
    """Return the words of an entry, which spaces or hyphens part."""
    return re.split(r"[\s‐-]+", entry.strip())


def holds_word(text: str) -> bool:
    """Tell whether a text holds a letter or a digit."""
    return re.search(r"[^\W_]", text) is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wording:
    """The words people use, in English; a team gives its own.

    An entry is a word or a phrase. Case, accents and hyphens do not matter, simple inflections are included
    (``score``: scores, scored, scoring), and a final ``*`` stands for any ending.

    Parameters
    ----------
    subject_words : tuple of str
        What people call the AI.
    complaint_words : tuple of str
        What they say when it lets them down.
    not_subject_words : tuple of str
        Phrases that hold a subject word and mean something else: they are not read.
    theme_words : mapping of str to tuple of str
        Words of each theme. Where two themes have as many, the first one wins: put general ones last.

    Raises
    ------
    FieldsError
        When a list is empty, an entry holds no letters or digits, or a theme is called ``other``.
    """

    subject_words: tuple[str, ...] = _listed(
        "AI, artificial intelligence, algorithm, model, machine, robot, bot, assistant, black box, suggest*, "
        "recommend*, predict*, assess*, verdict, score, scoring, rating, risk level, risk result, flag, traffic light, "
        "screening, automatic*, automated, system decided, system says, system said, system thinks, system rejected, "
        "system refused, system declined, by the system, it says, it said, it thinks"
    )
    complaint_words: tuple[str, ...] = _listed(
        "wrong, incorrect, mistake, false, nonsense, no sense, gibberish, ridiculous, absurd, useless, contradict*, "
        "inconsistent, opposite, different, changed its mind, changed their mind, unfair, bias*, discriminat*, "
        "always, never, slow, wait, forever, hang, timed out, takes too long, no reason, explain, understand, "
        "unclear, unexplained, why, how is that possible, trust, mixed up, confuse, misread, reject, refuse, "
        "decline, turned down, overrid*, overrul*, ignore, nobody"
    )
    not_subject_words: tuple[str, ...] = _listed(
        "AI add-on, AI module, AI licence, AI license, AI contract, AI invoice, AI training, AI course, AI webinar, "
        "AI workshop, AI newsletter, credit score, satisfaction score, a suggestion, letter of recommendation, "
        "coffee machine, washing machine, model year, answering machine"
    )
    theme_words: Mapping[str, tuple[str, ...]] = dataclasses.field(
        default_factory=lambda: {
            "contradictory answers": _listed(
                "contradict*, inconsistent, opposite, changed its mind, two answers, answers differ, same file, "
                "same claim, identical, twice, first, yesterday, today it says, different result, then red"
            ),
            "too slow": _listed(
                "slow, wait, second, minute, forever, hang, timed out, time-out, timeout, freez*, loading, patient, "
                "takes too long, so long, stuck, half an hour"
            ),
            "unfair to a group": _listed(
                "unfair, bias*, discriminat*, racis*, sexis*, foreign*, nationality, women, men, older, elderly, "
                "younger, postcode, people who, people from, people without, everyone from, crook, honest people"
            ),
            "wrong document": _listed(
                "wrong document, wrong attachment, attachment, mixed up, misread, read the, took from, "
                "recogni*, summar*, handwrit*, page, scan, swapped, extract*, different invoice"
            ),
            "unexplained": _listed(
                "no reason, reason, explain, unexplained, understand, why, black box, unclear, because of what, "
                "only says, gibberish, what moves, tell us what, makes no sense"
            ),
            "wrong verdict": _listed(
                "wrong, incorrect, mistake, false alarm, nonsense, reject, refuse, decline, turned down, let through, "
                "fraud, suspicious, implausible, duplicate, overrid*, overrul*, cannot be, flagged, red label"
            ),
        }
    )

    def __post_init__(self) -> None:
        lists = {"subject_words": self.subject_words, "complaint_words": self.complaint_words}
        lists |= {f"theme_words.{theme}": words for theme, words in self.theme_words.items()}
        problems = {name: "holds no words. Give one or more." for name, words in lists.items() if not words}
        for name, words in {**lists, "not_subject_words": self.not_subject_words}.items():
            blank = [entry for entry in words if not all(map(holds_word, parts_of_entry(entry)))]
            if blank:
                problems[name] = f"got {blank[0]!r}, allowed are words of letters or digits, such as 'score'."
        if OTHER_THEME in self.theme_words:
            problems[f"theme_words.{OTHER_THEME}"] = (
                "is what no theme's words fit. Leave it out, or rename it."
            )
        if problems:
            raise FieldsError(problems)


ENGLISH = Wording()
