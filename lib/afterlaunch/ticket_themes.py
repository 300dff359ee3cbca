"""What the tickets about the AI are about, and what people wrote, with names and numbers masked.

Masking is for a report that colleagues read. It makes a text less personal, not anonymous.
"""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from afterlaunch.errors import DataError, ParameterError, did_you_mean
from afterlaunch.ticket_wording import ENGLISH, OTHER_THEME, Wording
from afterlaunch.tickets import (
    MIN_LABELLED,
    MIN_OF_A_KIND,
    folded,
    labels_of_texts,
    learned_scores,
    text_key,
    word_pattern,
)

PLACEHOLDERS = ("[name]", "[number]", "[e-mail]", "[link]", "[date]")
"""What stands for what was masked."""
_N_LOOKED_AT = 200  # the clearest tickets of a theme that may become quotes
_ALIKE_SHARE = 0.6  # of the words of two quotes that are the same


@dataclasses.dataclass(frozen=True, kw_only=True)
class Themes:
    """The theme of each ticket, and how it was found.

    Parameters
    ----------
    theme : tuple of str, length n
        A key of :attr:`~afterlaunch.tickets.Wording.theme_words`, or ``other``. A ticket that people gave a
        theme keeps it.
    method : {"words", "learned"}
        Words alone, or a classifier learned from labels.
    reason : str
        Why words alone decide; empty otherwise.
    agreement : float
        Share of the labelled tickets for which the method, not knowing the label, gives the same theme; nan
        without a label.
    n_labelled : int
        Tickets with a label.
    """

    theme: tuple[str, ...]
    method: Literal["words", "learned"]
    reason: str
    agreement: float
    n_labelled: int


def theme_of(
    texts: Iterable[object],
    labels: Iterable[str | None] | None = None,
    *,
    wording: Wording = ENGLISH,
    seed: int = 0,
) -> Themes:
    """Give each ticket about the AI one theme.

    By the theme whose words it holds most of, or, with enough labels, by the classifier of
    :func:`afterlaunch.tickets.classify`, one theme against the rest. Themes with too few labels to learn
    are still given by their words.

    Parameters
    ----------
    texts : iterable of str, length n
        Tickets that are about the AI. Without a text, and without a theme's words, the theme is ``other``.
    labels : iterable of str, length n, optional
        Themes that people gave; ``None`` where nobody looked.
    wording : Wording
        The themes and their words.
    seed : int
        Which labelled texts are held out together.

    Raises
    ------
    DataError
        When there are more or fewer labels than texts, or a label is no theme.

    Examples
    --------
    >>> found = theme_of(["I wait a minute for the score", "No reason is shown", "Red dot"])
    >>> found.theme, found.method
    (('too slow', 'unexplained', 'other'), 'words')
    """
    read = [folded(text) for text in texts]
    given = _given_themes(labels, len(read), wording)
    by_words = [_theme_by_words(text, wording) for text in read]
    label_of = labels_of_texts(read, given)
    counts = Counter(label_of.values())
    taught = {theme for theme, n in counts.items() if n >= MIN_OF_A_KIND}
    reason = ""
    if sum(counts[theme] for theme in taught) < MIN_LABELLED or len(taught) < 2:
        reason = (
            f"learning needs {MIN_LABELLED} different labelled texts of two or more themes with "
            f"{MIN_OF_A_KIND} each, and there are {sum(counts[theme] for theme in taught)} of {len(taught)}"
        )
    learnable = {text: theme for text, theme in label_of.items() if theme in taught}
    found = by_words if reason else _learned_themes(read, learnable, by_words, wording, seed)
    is_same = [theme == label for theme, label in zip(found, given, strict=True) if label is not None]
    return Themes(
        theme=tuple(theme if label is None else label for theme, label in zip(found, given, strict=True)),
        method="words" if reason else "learned",
        reason=reason,
        agreement=sum(is_same) / len(is_same) if is_same else math.nan,
        n_labelled=len(is_same),
    )


def _given_themes(labels: Iterable[object] | None, n: int, wording: Wording) -> list[str | None]:
    import pandas as pd

    given = [None] * n if labels is None else list(labels)
    if len(given) != n:
        raise DataError(
            f"There are {len(given)} labels for {n} tickets. Give one a ticket, and None for one without."
        )
    known = [None if missing else str(label) for label, missing in zip(given, pd.isna(given), strict=True)]
    themes = (*wording.theme_words, OTHER_THEME)
    wrong = [label for label in known if label is not None and label not in themes]
    if wrong:
        raise DataError(
            f"A ticket has the theme {wrong[0]!r}. Themes are {', '.join(themes)}."
            f"{did_you_mean(wrong[0], themes)} Rename it, or add it to the wording."
        )
    return known


def _theme_by_words(text: str, wording: Wording) -> str:
    n_found = {
        theme: len(set(word_pattern(words).findall(text))) for theme, words in wording.theme_words.items()
    }
    best = max(n_found, key=n_found.__getitem__, default=OTHER_THEME)
    return best if n_found.get(best) else OTHER_THEME


def _learned_themes(
    read: Sequence[str], label_of: Mapping[str, str], by_words: Sequence[str], wording: Wording, seed: int
) -> list[str]:
    """Return the likeliest theme of those that can be learned, and by words those that cannot."""

    def hits(text: str) -> list[bool]:
        return [word_pattern(words).search(text) is not None for words in wording.theme_words.values()]

    learned = learned_scores(read, label_of, hits, seed=seed)
    likeliest = [learned.classes[place] for place in learned.score.argmax(axis=1)]
    unlearned = set(wording.theme_words) - set(learned.classes)
    return [
        words if words in unlearned or not text else theme
        for text, words, theme in zip(read, by_words, likeliest, strict=True)
    ]


def masked(text: object) -> str:
    """Replace names, numbers that identify, addresses and dates by what they are.

    Masked are e-mail addresses, links, whole dates, IBANs, telephone, claim, policy and ticket numbers (five
    digits or more, three after a word such as "claim", or with letters), and names: after titles, greetings
    and introductions, in signatures, and every other word with a capital inside a sentence, so that towns and
    products go, too. Amounts of money stay. Control and invisible characters are taken out.

    A name can stay when it is written small, all in capitals, or alone at the start of a sentence, and in
    scripts without capitals. Masking a masked text changes nothing.

    Examples
    --------
    >>> masked("Mr Keller waits for CHF 1,200 on claim CLM-2024-0817. Regards, Anna Meier")
    'Mr [name] waits for CHF 1,200 on claim [number]. Regards, [name]'
    """
    now = _visible(text) if isinstance(text, str) else ""
    before = None
    # A mask can be the neighbour that gives another name away; every round that changes something masks more.
    while now != before:
        before, now = now, _collapsed(_names_masked(_numbers_masked(now)))
    return now


def _visible(text: str) -> str:
    """Put spaces for control characters, and take out what has no width or no place in a file."""
    instead = {"Cc": " ", "Cf": "", "Cs": ""}
    return "".join(c if c in "\n\t" else instead.get(unicodedata.category(c), c) for c in text)


_SEPARATOR = r"[\s./()'’‘‐-―-]"
_CURRENCY = r"(?:CHF|EUR|USD|GBP|Fr\.|[€$£])"
_AMOUNT = r"(?:\d{1,3}(?:[,.'’]\d{3}){1,2}|\d{1,4})(?:[.,]\d{1,2})?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_NOT_GONE_ON = rf"(?!{_SEPARATOR}{{0,2}},?\d)"
# In the order of preference: what is first in a text, and then first here, is taken whole.
_NUMBERS = re.compile(
    rf"""
    (?P<kept>{_CURRENCY}\s?{_AMOUNT}{_NOT_GONE_ON}|{_AMOUNT}\s?(?:{_CURRENCY}|francs|euros|dollars|pounds)(?!\w))
    |(?P<link>(?:https?://|www\.)\S+)
    |(?P<iban>(?<!\w)[A-Za-z]{{2}}\d\d(?:[ -]?(?:[A-Z]{{4}}|(?=\w{{0,3}}\d)\w{{1,4}})){{2,8}}(?!\w))
    |(?P<date>(?:\d{{1,2}}(?P<dot>[./-])\d{{1,2}}(?P=dot)\d{{2,4}}|\d{{4}}-\d\d-\d\d
        |\d{{1,2}}(?:\.|st|nd|rd|th)?[ ]{_MONTH}[ ]\d{{4}})(?!\w){_NOT_GONE_ON})
    |(?P<key>(?<!\w)(?i:claim|policy|ticket|case|file|invoice|customer|contract|ref(?:erence)?|account|user|id
        |no\.|nr|number)[\s.:\#]{{1,3}}|\#)\d{{3,4}}(?!\w){_NOT_GONE_ON}
    |(?P<long>\+?\d(?:(?:{_SEPARATOR}{{0,2}}|,)\d){{4,}})
    |(?P<plate>(?<!\w)[A-Z]{{2,4}}[ ]\d{{3,4}}(?!\w){_NOT_GONE_ON})
    |(?P<token>\w+(?:[-/.]\w+)*)
    """,
    re.VERBOSE,
)
_MEASURE = re.compile(r"\d{1,4}(?:ms|s|min|h|km|kb|mb|gb|px|k|x|th|st|nd|rd|er)", re.IGNORECASE)


def _numbers_masked(text: str) -> str:
    if "@" in text or "＠" in text:
        text = re.sub(r"[^\s@＠\[\]<>()]{0,64}[@＠][^\s@＠\[\]<>()]+", "[e-mail]", text)
    return _NUMBERS.sub(_number_mask, text)


def _number_mask(found: re.Match[str]) -> str:
    kind, whole = found.lastgroup, found[0]
    if kind in ("link", "date"):
        return f"[{kind}]"
    if kind == "key":
        return f"{found['key']}[number]"
    is_mixed = sum(map(str.isdecimal, whole)) >= 3 and any(map(str.isalpha, whole))
    is_left = kind == "kept" or (kind == "token" and (not is_mixed or _MEASURE.fullmatch(whole)))
    return whole if is_left else "[number]"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words(
    "mr mrs ms miss mx dr prof professor sir madam herr frau mme madame monsieur mlle sig signor signora"
)
_GREETINGS = _words("dear hi hello hey hallo liebe lieber bonjour salut ciao morning afternoon evening")
_CLOSINGS = _words(
    "regards thanks cheers greetings sincerely yours best rgds br mfg lg vg gruss grüsse merci saluti"
)
_SAID = _words(
    "said says told tells asked asks called calls wrote writes thinks wants phoned insists here speaking"
)
_IS = _words("is was has had got gets from and")
_NO_NAMES = _words(
    """
    i i'm i've i'd i'll a an the this that these those it its it's he she we you they my our your his her their me us
    him them who whom whose which what when where why how if as at by for from in into of off on onto or and but nor so
    to up with without after before since until while during about above below under over between through against is
    isn't am are aren't was wasn't were be been being do does doesn't did didn't don't have has had can can't cannot
    could will won't would should may might must not no yes please thanks thank regards dear hi hello hey again also
    always any anyone anything each either every everyone everything everybody few first here just last later less
    many maybe more most much nearly never next nobody none nothing now often once one only other others perhaps
    same second several some someone something soon still such than then there third three today tomorrow too twice
    two very well yesterday yet all both another because else even ever like it'd that's there's what's who's let's
    sorry hope see note advance help lot sir madam team support colleague colleagues all everybody folks both
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december jan feb mar apr jun jul aug sep sept oct nov dec
    english german french italian spanish portuguese romanian polish turkish swiss austrian albanian serbian
    croatian european american asian african excel outlook word windows chrome edge firefox teams ai
    """
)
_NO_NAMES_IN_FRONT = _words(
    """
    add answer app ask assistant attachment branch broker button bank call car case check claim client code colour
    customer damage dashboard date desk document email error everybody export fax field file form garage hotline image
    insurer invoice label laptop letter list log login mail manager model money mouse network number nurse office page
    paper password people person phone police policy portal premium printer problem process program reading reason
    report result scanner score screen search see send server site software storm suggestion system table tell text
    thing ticket time tool traffic update user verdict version video water website wheel woman women work worker
    """
)
_WORD = re.compile(r"\[(?:name|number|e-mail|link|date)\]|[^\W\d_](?:[\w'’-]*\w)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Word:
    """A word or a placeholder, and what stands between the last one and it."""

    text: str
    gap: str
    is_initial: bool

    @property
    def small(self) -> str:
        return self.text.lower().replace("’", "'")

    @property
    def can_be_name(self) -> bool:
        return self.text[0] != "[" and self.small not in _NO_NAMES and self.small not in _TITLES

    @property
    def is_capital(self) -> bool:
        """Whether it is written like a name, as Anna, O'Brien and McDonald are, and PDFs are not."""
        return (
            self.can_be_name and self.text[0].isupper() and (self.is_initial or not self.text[1:2].isupper())
        )


def _names_masked(text: str) -> str:
    found = list(_WORD.finditer(text))
    ends = [0, *(word.end() for word in found)]
    words = [
        _Word(
            text=word[0],
            gap=text[end : word.start()],
            is_initial=len(word[0]) == 1 and text[word.end() : word.end() + 1] == ".",
        )
        for word, end in zip(found, ends, strict=False)
    ]
    names = _signatures(words) | {place for place in range(len(words)) if _is_name(words, place)}
    parts = [word.gap + ("[name]" if place in names else word.text) for place, word in enumerate(words)]
    return "".join(parts) + text[ends[-1] :]


def _is_name(words: Sequence[_Word], place: int) -> bool:
    word = words[place]
    before = words[place - 1] if place else None
    after = words[place + 1] if place + 1 < len(words) else None
    if not word.can_be_name or (len(word.text) == 1 and not word.is_initial):
        return False
    if before is not None and _is_introduced(words, place, before, after):
        return True
    if not word.is_capital:
        return False
    return not _starts_sentence(word, before) or (after is not None and _is_subject(word, after))


def _is_introduced(words: Sequence[_Word], place: int, before: _Word, after: _Word | None) -> bool:
    """Tell whether the words before say that a name follows, however it is written."""
    word = words[place]
    if before.small in _TITLES and word.gap in (" ", ".", ". "):
        return before.text[0].isupper() or before.small not in ("ms", "miss", "sir")
    if before.small in _GREETINGS and word.gap == " ":
        return after is None or after.gap[:1] in (",", "!", "\n")
    said = " ".join(earlier.small for earlier in words[max(0, place - 3) : place])
    if said.endswith("name is") and (after is None or after.gap[:1] != " "):
        return True
    is_told = re.search(r"\b(?:this is|i am|i'm|it's|name is)$", said) is not None
    return is_told and after is not None and after.small in ("from", "here", "speaking")


def _starts_sentence(word: _Word, before: _Word | None) -> bool:
    if before is None or "\n" in word.gap or word.gap[-1:] in ("'", '"', "‘", "“", "«", "„"):
        return True
    is_abbreviation = word.gap[:1] == "." and (before.is_initial or before.small in _TITLES)
    return re.search(r"[.!?…•]", word.gap) is not None and not is_abbreviation


def _is_subject(word: _Word, after: _Word) -> bool:
    """Tell whether a capital at the start of a sentence is a name: by what follows, unless it is a common word."""
    if word.small in _NO_NAMES_IN_FRONT or after.gap not in (" ", ". ", ".", "-"):
        return False
    if after.is_capital or after.text == "[name]" or after.small in _SAID:
        return True
    is_noun = re.search(r"(?:ing|tion|sion|ment|ness|ity|ance|ence|ed|ly|s)$", word.small) is not None
    return after.small in _IS and not is_noun


def _signatures(words: Sequence[_Word]) -> set[int]:
    """Return the places of names at the end of a line: after a closing formula, or alone on their line."""
    names: set[int] = set()
    for place, word in enumerate(words):
        is_after_closing = place > 0 and _closes(words[place - 1], word.gap)
        if not is_after_closing and (place == 0 or "\n" not in word.gap):
            continue
        last = place
        while last + 1 < len(words) and words[last + 1].gap in (" ", ". ", "."):
            last += 1
            if last - place > 3:
                break
        line = words[place : last + 1]
        is_written_so = all(part.can_be_name if is_after_closing else part.is_capital for part in line)
        if len(line) <= (4 if is_after_closing else 3) and is_written_so:
            names.update(range(place, last + 1))
    return names


def _closes(word: _Word, gap: str) -> bool:
    is_closing = word.small in _CLOSINGS or word.small == "you"
    return (
        is_closing
        and re.fullmatch(r"[\s,.!;:–-]+", gap) is not None
        and (gap != " " or word.small not in ("best", "you"))
    )


def _collapsed(text: str) -> str:
    return re.sub(r"\[(name|number)\](?:[\s.,'’/-]{0,2}\[\1\])+", r"[\1]", text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThemeQuotes:
    """A theme, how many tickets have it, and what people wrote."""

    theme: str
    n_tickets: int
    quotes: tuple[str, ...]


def quotes(
    texts: Iterable[object],
    themes: Iterable[str],
    scores: Iterable[float],
    *,
    n: int = 3,
    max_length: int = 240,
) -> tuple[ThemeQuotes, ...]:
    """Return the clearest tickets of each theme in their own words, masked, the commonest theme first.

    Quotes are text from data: whoever shows them has to escape them.

    Parameters
    ----------
    texts : iterable of str, length n_tickets
        Tickets that are about the AI.
    themes : iterable of str, length n_tickets
        Of :func:`theme_of`.
    scores : iterable of float, length n_tickets
        Of :func:`afterlaunch.tickets.classify`; the highest are quoted, in the order of texts where they tie.
    n : int
        Quotes a theme at most, 1 or more. One that says nearly the same as another is left out.
    max_length : int
        Characters of a quote at most, 20 or more; a longer one ends with an ellipsis.

    Raises
    ------
    DataError
        When there is not one theme and one score a text, or a score is no number.
    ParameterError
        When ``n`` or ``max_length`` is too small.

    Examples
    --------
    >>> quotes(["Red dot!", "So slow, says Mrs Huber"], ["other", "too slow"], [0.5, 1.0])[1].quotes
    ('So slow, says Mrs [name]',)
    """
    tickets = _checked_tickets(list(texts), list(themes), list(scores), n, max_length)
    n_tickets = Counter(theme for theme, _, _ in tickets)
    order = sorted(n_tickets, key=lambda theme: (-n_tickets[theme], theme))
    return tuple(
        ThemeQuotes(
            theme=theme,
            n_tickets=n_tickets[theme],
            quotes=_clearest([ticket for ticket in tickets if ticket[0] == theme], n, max_length),
        )
        for theme in order
    )


def _checked_tickets(
    texts: list[object], themes: list[str], scores: list[float], n: int, max_length: int
) -> list[tuple[str, float, str]]:
    """Return theme, score and text of each ticket."""
    if n < 1 or max_length < 20:
        raise ParameterError(
            f"Quotes are {n} a theme of {max_length} characters. Give 1 or more, and 20 characters or more."
        )
    if not len(texts) == len(themes) == len(scores):
        raise DataError(
            f"There are {len(texts)} texts, {len(themes)} themes and {len(scores)} scores. Give one of each a ticket."
        )
    if np.isnan(np.asarray(scores, dtype=np.float64)).any():
        raise DataError("A score is nan. Give the scores of `classify`.")
    read = [text if isinstance(text, str) and folded(text) else "" for text in texts]
    return [(theme, float(score), text) for theme, score, text in zip(themes, scores, read, strict=True)]


def _clearest(tickets: Sequence[tuple[str, float, str]], n: int, max_length: int) -> tuple[str, ...]:
    different = {text_key(folded(text)): (-score, text) for _, score, text in sorted(tickets) if text}
    chosen: dict[str, frozenset[str]] = {}
    for _, text in sorted(different.values())[:_N_LOOKED_AT]:
        # What is masked shrinks, so much more is read than is shown; half a word or number is not read.
        start = text if len(text) <= 20 * max_length else re.sub(r"\S*\Z", "", text[: 20 * max_length])
        quote = _shortened(" ".join(masked(start or text[: 2 * max_length]).split()), max_length)
        said = frozenset(re.findall(r"\w+", folded(quote)))
        if said and all(len(said & other) < _ALIKE_SHARE * len(said | other) for other in chosen.values()):
            chosen[quote] = said
        if len(chosen) == n:
            break
    return tuple(chosen)


def _shortened(text: str, max_length: int) -> str:
    """Cut a text at the end of a word, never within a placeholder."""
    if len(text) <= max_length:
        return text
    cut = text[: max_length - 1]
    if text[max_length - 1] != " " and " " in cut:
        cut = cut[: cut.rfind(" ")]
    elif cut.rfind("[") > cut.rfind("]"):
        cut = cut[: cut.rfind("[")]
    return cut.rstrip(" ,;:-–") + "…"
