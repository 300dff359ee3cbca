"""Which support tickets say that the AI misbehaved, by the words people use or by what they labelled.

A classifier flags, and it misses and errs: its raw count is biased. How many tickets there really are is told by
:mod:`afterlaunch.ticket_audit`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from afterlaunch.errors import DataError
from afterlaunch.ticket_wording import ENGLISH, Wording, holds_word, parts_of_entry

Scores: TypeAlias = npt.NDArray[np.float64]
Flagged: TypeAlias = npt.NDArray[np.bool_]
Label = TypeVar("Label")

MIN_LABELLED, MIN_OF_A_KIND = 40, 10
"""With fewer different labelled texts, or fewer of one kind, nothing is learned from them."""
_READ_LENGTH = 4_000  # a pasted log adds time and no meaning
_BATCH = 5_000  # texts whose features are in memory at a time
_N_FOLDS = 5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Flags:
    """Which tickets are flagged as "the AI misbehaved", and what the flags are worth.

    Parameters
    ----------
    about_ai : ndarray of bool, shape (n,)
        Whether a ticket is flagged: its score reaches the threshold.
    score : ndarray of float64, shape (n,)
        Between 0 and 1; by rules 0, 0.5 or 1. A learned score is never that of a classifier which saw the
        ticket's label, or that of a ticket with the same words.
    threshold : float
        Inclusive.
    method : {"rules", "learned"}
        Words alone, or a classifier learned from labels.
    reason : str
        Why words alone decide; empty otherwise.
    precision, recall : float
        Shares of the labelled tickets, the classifier and its threshold made without them. nan when none is
        flagged or none is about the AI. Where labelled tickets were picked and not drawn, these are not the
        month's: the audit tells those.
    n_labelled, n_labelled_about_ai : int
        Tickets with a label, and those among them that are about the AI.
    n_without_words : int
        Tickets without a word to read: they are not flagged.
    """

    about_ai: Flagged
    score: Scores
    threshold: float
    method: Literal["rules", "learned"]
    reason: str
    precision: float
    recall: float
    n_labelled: int
    n_labelled_about_ai: int
    n_without_words: int

    @property
    def n_flagged(self) -> int:
        """Flagged tickets; :func:`afterlaunch.ticket_audit.audited_count` tells how many are about the AI."""
        return int(self.about_ai.sum())


def classify(
    texts: Iterable[object],
    labels: Iterable[object] | None = None,
    *,
    wording: Wording = ENGLISH,
    seed: int = 0,
) -> Flags:
    """Flag the tickets that say the AI misbehaved.

    By rules (a subject word and a complaint word), or, with enough labels, by a logistic regression on
    TF-IDF of words and of characters and on the rules, at the threshold of the best F1. On 126 hand-written
    tickets the rules have a precision of .95 and a recall of .34, the learned classifier .76 and .79, and the
    bare words AI, model, algorithm and bot .29 and .07: people who are let down by the AI seldom name it.

    Give all months of a series at once, with the labels of their audits: another classifier breaks a series.

    Parameters
    ----------
    texts : iterable of str, length n
        What is no text (``None``, nan) or holds no word is not flagged. The first 4,000 characters are read.
    labels : iterable of bool, length n, optional
        Whether people found the ticket to be about the AI; ``None`` or nan where nobody looked.
    wording : Wording
        What people call the AI and how they complain.
    seed : int
        Which labelled texts are held out together. The order of the tickets changes nothing.

    Raises
    ------
    DataError
        When there are more or fewer labels than texts, or a label is something else.

    Examples
    --------
    >>> flags = classify(["The score is wrong again", "Invoice for the AI add-on", None])
    >>> flags.about_ai.tolist(), flags.method, flags.n_without_words
    ([True, False, False], 'rules', 1)
    """
    read = [folded(text) for text in texts]
    target = _targets(labels, len(read))
    label_of = labels_of_texts(read, target)
    reason = _why_rules(label_of)
    if reason:
        score = np.array([_rule_score(text, wording) for text in read], dtype=np.float64)
        threshold, expected = 1.0, score >= 1
    else:
        score, threshold, expected = _learned_flags(read, label_of, wording, seed)
    label = np.array([-1 if label is None else label for label in target], dtype=np.int64)
    n_true, n_right = int((label == 1).sum()), int((expected & (label == 1)).sum())
    return Flags(
        about_ai=score >= threshold,
        score=score,
        threshold=threshold,
        method="rules" if reason else "learned",
        reason=reason,
        precision=_share(n_right, int((expected & (label >= 0)).sum())),
        recall=_share(n_right, n_true),
        n_labelled=int((label >= 0).sum()),
        n_labelled_about_ai=n_true,
        n_without_words=read.count(""),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def folded(text: object) -> str:
    """Return the first 4,000 characters without case and accents; ``""`` when they hold no word.

    Examples
    --------
    >>> folded("The SCORE is Übertrieben"), folded("?!"), folded(None)
    ('the score is ubertrieben', '', '')
    """
    if not isinstance(text, str):
        return ""
    start = text[:_READ_LENGTH]
    if not start.isascii():
        parts = unicodedata.normalize("NFKD", start)
        start = "".join(part for part in parts if not unicodedata.combining(part)).replace("’", "'")
    return start.casefold() if holds_word(start) else ""


@functools.lru_cache(maxsize=64)
def word_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds the words, as :class:`Wording` has them, in a :func:`folded` text.

    Examples
    --------
    >>> word_pattern(("score", "add-on", "contradict*")).findall("scored it as an add on: contradictory")
    ['scored', 'add on', 'contradictory']
    """
    entries = [r"[\s‐-]+".join(map(_inflected, parts_of_entry(folded(entry)))) for entry in words]
    return re.compile(rf"(?<!\w)(?:{'|'.join(entries)})(?!\w)" if entries else r"(?!)")


def _inflected(word: str) -> str:
    if word.endswith("*"):
        return rf"{re.escape(word[:-1])}\w*"
    if len(word) < 3:  # "ai" must not find "aid"
        return rf"{re.escape(word)}(?:'?s)?"
    if len(word) > 3 and word[-1] in "ey":
        endings = {"e": "e|e?'?s|ed|ing|ely", "y": "y|y's|ies|ied|ying"}[word[-1]]
        return rf"{re.escape(word[:-1])}(?:{endings})"
    return rf"{re.escape(word)}(?:'?s|es|ly|{re.escape(word[-1])}?(?:ed|ing))?"


def _rule_score(text: str, wording: Wording) -> float:
    """Return half for a subject and half for a complaint."""
    own = word_pattern(wording.not_subject_words).sub(" ", text)
    has_subject = word_pattern(wording.subject_words).search(own) is not None
    return (has_subject + (word_pattern(wording.complaint_words).search(text) is not None)) / 2


def _targets(labels: Iterable[object] | None, n: int) -> list[bool | None]:
    import pandas as pd

    given = [None] * n if labels is None else list(labels)
    if len(given) != n:
        raise DataError(
            f"There are {len(given)} labels for {n} tickets. Give one a ticket, and None for one without."
        )
    known = [None if missing else label for label, missing in zip(given, pd.isna(given), strict=True)]
    wrong = [label for label in known if label is not None and label not in (0, 1)]
    if wrong:
        raise DataError(f"A label is {wrong[0]!r}. Give True, False, or None for a ticket without a label.")
    return [None if label is None else bool(label) for label in known]


def _why_rules(label_of: Mapping[str, bool]) -> str:
    n_true = sum(label_of.values())
    n_false = len(label_of) - n_true
    if len(label_of) >= MIN_LABELLED and min(n_true, n_false) >= MIN_OF_A_KIND:
        return ""
    return (
        f"learning needs {MIN_LABELLED} different labelled texts, {MIN_OF_A_KIND} of either kind, and there "
        f"are {len(label_of)} ({n_true} about the AI, {n_false} not)"
    )


def _learned_flags(
    read: Sequence[str], label_of: Mapping[str, bool], wording: Wording, seed: int
) -> tuple[Scores, float, Flagged]:
    """Return the scores, the threshold, and the flags at thresholds chosen without the labelled texts."""
    learned = learned_scores(read, label_of, lambda text: [_rule_score(text, wording) == 1], seed=seed)
    score, fold = learned.score[:, learned.classes.index(True)], learned.fold
    true_texts = {key for key, label in label_of.items() if label}
    is_true = np.array([text_key(text) in true_texts for text in read])
    expected = np.zeros(score.size, dtype=bool)
    for held_out in range(_N_FOLDS):
        others = (fold >= 0) & (fold != held_out)
        best = _best_threshold(score[others], is_true[others])
        expected[fold == held_out] = score[fold == held_out] >= best
    return score, _best_threshold(score[fold >= 0], is_true[fold >= 0]), expected


def _best_threshold(score: Scores, is_true: Flagged) -> float:
    """Return the threshold of the best F1, halfway to the next lower score; the highest of several."""
    order = np.argsort(-score, kind="stable")
    falling, n_flagged = score[order], np.arange(1, score.size + 1)
    f1 = 2 * np.cumsum(is_true[order]) / (n_flagged + is_true.sum())
    f1[:-1][falling[1:] == falling[:-1]] = -1.0  # equal scores are flagged together
    best = int(np.argmax(f1))
    return float(falling[best : best + 2].mean())


def text_key(text: str) -> str:
    """Return what two texts have in common that differ in their numbers only.

    Examples
    --------
    >>> text_key("claim clm-2024-00817 waits, v2")
    'claim clm-0-0 waits, v2'
    """
    return re.sub(r"(?<!\w)\d+(?!\w)", "0", text)


def labels_of_texts(read: Sequence[str], labels: Sequence[Label | None]) -> dict[str, Label]:
    """Return the commonest label of each text that has one, by :func:`text_key` and in its order.

    Examples
    --------
    >>> labels_of_texts(["case 1 waits", "case 2 waits", "no toner"], [True, None, False])
    {'case 0 waits': True, 'no toner': False}
    """
    votes: defaultdict[str, Counter[Label]] = defaultdict(Counter)
    for text, label in zip(read, labels, strict=True):
        if text and label is not None:
            votes[text_key(text)][label] += 1
    return {key: max(sorted(votes[key], key=str), key=votes[key].__getitem__) for key in sorted(votes)}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LearnedScores:
    """Scores of n tickets, shape (n, n_classes), and the fold each was held out in (-1: it has no label)."""

    classes: tuple[Any, ...]
    score: Scores
    fold: npt.NDArray[np.int64]


def learned_scores(
    read: Sequence[str], label_of: Mapping[str, Any], hits: Callable[[str], Sequence[bool]], *, seed: int
) -> LearnedScores:
    """Score each ticket for each class, one against the rest, by a classifier that did not see its label.

    Parameters
    ----------
    read : sequence of str, length n
        Folded texts. Those without a word have scores of 0.
    label_of : mapping
        From :func:`labels_of_texts`; two classes or more, five texts of each or more.
    hits : callable
        What the words of a :class:`Wording` say of a text: features beside it.
    seed : int
        Which texts are held out together.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    # By text, in alphabetical order: neither copies nor the order of tickets may change a score.
    keys = [text_key(text) if text else "" for text in read]
    known = list(label_of)
    asked = sorted(set(keys) - set(known) - {""})
    labels = np.array([label_of[key] for key in known])
    classifier = _classifier(hits)
    folds = list(StratifiedKFold(_N_FOLDS, shuffle=True, random_state=seed).split(known, labels))
    held_out = cross_val_predict(classifier, known, labels, cv=folds, method="predict_proba")
    classifier.fit(known, labels)
    batches = [asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH)]
    score_of = dict(zip(known, held_out, strict=True))
    for batch in batches:
        score_of.update(zip(batch, classifier.predict_proba(batch), strict=True))
    score_of[""] = np.zeros(len(classifier.classes_))
    fold_of = {known[place]: number for number, (_, places) in enumerate(folds) for place in places}
    return LearnedScores(
        classes=tuple(classifier.classes_.tolist()),
        score=np.array([score_of[key] for key in keys]),
        fold=np.array([fold_of.get(key, -1) for key in keys], dtype=np.int64),
    )


def _classifier(hits: Callable[[str], Sequence[bool]]) -> Any:  # noqa: ANN401  # scikit-learn has no types
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import FunctionTransformer

    shared = {"sublinear_tf": True, "dtype": np.float32, "max_features": 50_000, "lowercase": False}
    features = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", **shared)),  # noqa: S106
            ("characters", TfidfVectorizer(ngram_range=(3, 4), analyzer="char_wb", **shared)),
            ("hits", FunctionTransformer(lambda texts: np.array([hits(text) for text in texts], np.float32))),
        ]
    )
    # Balanced, so that scores use the whole scale where few tickets are of a kind.
    model = LogisticRegression(C=10.0, class_weight="balanced", solver="liblinear", random_state=0)
    return Pipeline([("features", features), ("model", OneVsRestClassifier(model))])
