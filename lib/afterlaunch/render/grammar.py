"""Pieces of sentences: lists, plurals, days, months, and how a number moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from afterlaunch.render.numbers import count
from afterlaunch.windows import Window

MAX_NAMED = 6


def listed(words: Iterable[str], *, last: str = "and") -> str:
    """Join words as a sentence does; a long list ends in how many more there are.

    Examples
    --------
    >>> listed(["speed", "people", "complaints"])
    'speed, people and complaints'
    >>> listed("abcdefgh")
    'a, b, c, d, e, f and 2 more'
    """
    every = list(words)
    if len(every) > MAX_NAMED + 1:
        every = [*every[:MAX_NAMED], f"{len(every) - MAX_NAMED} more"]
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {last} {every[-1]}"


def counted(n: int, noun: str) -> str:
    """Write how many there are of a noun given in the singular.

    Examples
    --------
    >>> counted(1, "month"), counted(5, "month")
    ('1 month', '5 months')
    """
    return f"{count(n)} {noun if n == 1 else noun + 's'}"


def cases(n: int, plural: str) -> str:
    """Write how many cases there are; their noun is known in the plural.

    Examples
    --------
    >>> cases(26903, "flights"), cases(1, "flights"), cases(1, "policies")
    ('26,903 flights', '1 flight', '1 policy')
    """
    return f"{count(n)} {singular(plural) if n == 1 else plural}"


def singular(plural: str) -> str:
    """Return the singular of a regular plural."""
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    return plural.removesuffix("s")


def sentence(text: str) -> str:
    """Write the first letter large, unless it is part of a name like p95; nothing else changes.

    Examples
    --------
    >>> sentence("mean score and ROC AUC"), sentence("p95 under peak load")
    ('Mean score and ROC AUC', 'p95 under peak load')
    """
    return text if text[1:2].isdigit() else text[:1].upper() + text[1:]


def day_in_words(day: dt.date) -> str:
    """Write a day.

    Examples
    --------
    >>> day_in_words(dt.date(2013, 9, 30))
    '30 September 2013'
    """
    return f"{day.day} {day:%B} {day.year}"


def day_of_month(day: dt.date) -> str:
    """Write a day of a year that is known.

    Examples
    --------
    >>> day_of_month(dt.date(2013, 9, 18))
    '18 September'
    """
    return f"{day.day} {day:%B}"


def month_beside(month: Window, other: Window) -> str:
    """Write a month; its year is left out when the other month, which stands near, shares it.

    Examples
    --------
    >>> month_beside(Window.parse("2013-08"), Window.parse("2013-09"))
    'August'
    >>> month_beside(Window.parse("2012-12"), Window.parse("2013-01"))
    'December 2012'
    """
    return f"{month.start:%B}" if month.start.year == other.start.year else month.title


def months_in_words(labels: Sequence[str]) -> str:
    """Write months given as ``YYYY-MM``; three or more in a row become a span.

    Examples
    --------
    >>> months_in_words(["2013-01", "2013-02", "2013-03", "2013-06"])
    'January to March 2013 and June 2013'
    """
    runs: list[list[Window]] = []
    for month in sorted(Window.parse(label) for label in labels):
        if runs and month.previous() == runs[-1][-1]:
            runs[-1].append(month)
        else:
            runs.append([month])
    words: list[str] = []
    for run in runs:
        words += (
            [f"{month_beside(run[0], run[-1])} to {run[-1].title}"]
            if len(run) > 2
            else [month.title for month in run]
        )
    return listed(words)


def months_in_short(labels: Sequence[str]) -> str:
    """Write months given as ``YYYY-MM`` for a table: a whole year, or the first and the last.

    Examples
    --------
    >>> months_in_short([f"2024-{month:02d}" for month in range(1, 13)]), months_in_short(["2024-11", "2025-02"])
    ('2024', 'Nov 2024 – Feb 2025')
    """
    if not labels:
        return ""
    first, last = Window.parse(min(labels)), Window.parse(max(labels))
    if len(set(labels)) == 12 and (first.start.month, last.start.year) == (1, first.start.year):
        return str(first.start.year)
    if first == last:
        return f"{first.start:%b} {first.start.year}"
    year = "" if first.start.year == last.start.year else f" {first.start.year}"
    return f"{first.start:%b}{year} – {last.start:%b} {last.start.year}"


def moved(before: str, after: str, *, rose: bool, when: str) -> str:
    """Write how a shown number moved; numbers that look the same stayed.

    Examples
    --------
    >>> moved("0.74", "0.71", rose=False, when="August")
    'fell from 0.74 in August to 0.71'
    >>> moved("0.74", "0.74", rose=False, when="August")
    'stayed at 0.74'
    """
    if before == after:
        return f"stayed at {after}"
    return f"{'rose' if rose else 'fell'} from {before} in {when} to {after}"
