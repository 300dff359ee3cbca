import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from afterlaunch import tickets
from afterlaunch.errors import DataError
from afterlaunch.schema import FieldsError, parse
from afterlaunch.ticket_wording import ENGLISH, Wording
from afterlaunch.tickets import (
    MIN_LABELLED,
    MIN_OF_A_KIND,
    classify,
    folded,
    labels_of_texts,
    text_key,
    word_pattern,
)
from study_tickets import (
    agreement,
    bare_words,
    learned_rates,
)
from ticket_examples import LABELS, OTHER, TEXTS, THEMES

modest = settings(deadline=None, max_examples=60, derandomize=True)
few = settings(deadline=None, max_examples=6, derandomize=True)
HOSTILE = (
    "<script>alert('the score is wrong')</script>",
    "=cmd|'/c calc'!A1 the AI is wrong",
    "the score\0is\0wrong",
    "the AI is wrong " + "x" * 1_000_000,
    "🤖 the bot is wrong 😡",
    "الذكاء الاصطناعي مخطئ",
    "スコアが間違っている",
    "the score is wrong \ud800",
    "wrong\u202escore",
    "# score\n- *wrong* [x](javascript:y)",
)
NOTHING_TO_READ = (None, math.nan, pd.NA, "", "   ", "?!", "🙄", 12.5, "___")


def refused(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


# --- words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "The score is wrong",
        "SCORES ARE WRONG",
        "it was scored wrongly",
        "Scoring: always slow",
        "I was waiting for the suggestions",
        "Why did it get flagged?",
        "the traffic\nlight contradicts itself",
        "the traffic-light contradicts itself",
        "AI's answers are unfair",
        "the AIs are biased",
        "Àn ÁI that is wröng",
        "the recommendation changed its mind",
        "the score and the AI add-on are wrong",
    ],
)
def test_a_subject_and_a_complaint_are_flagged_however_they_are_written(text):
    assert classify([text]).about_ai.tolist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "The score",
        "This is wrong",
        "Please send the invoice for the AI add-on",
        "The invoice for the AI add-ons is wrong",
        "The AI training was moved, why?",
        "We cannot wait for legal aid",
        "a said thing is wrong",
        "The underscored line is wrong",
        "wrong credit score",
        "I have a suggestion, the colours are confusing",
    ],
)
def test_one_of_the_two_or_a_decoy_is_not_flagged(text):
    assert classify([text]).about_ai.tolist() == [False]


def test_a_subject_or_a_complaint_alone_scores_half():
    scores = classify(["The score", "This is wrong", "The score is wrong", "toner"]).score
    assert scores.tolist() == [0.5, 0.5, 1.0, 0.0]


@pytest.mark.parametrize(
    ("word", "found", "not_found"),
    [
        ("ai", "ai ais ai's", "aid aim said paid aiding"),
        ("bot", "bot bots bot's botted", "both bottle robot"),
        ("flag", "flag flags flagged flagging", "flagship"),
        ("score", "score scores scored scoring score's", "scorn underscore scoreboard"),
        ("deny", "deny denies denied denying", "den density"),
        ("wrong", "wrong wrongly wrongs wronged", "wrongful"),
        ("contradict*", "contradict contradicts contradictory contradiction", "contrary"),
    ],
)
def test_an_entry_finds_simple_inflections_and_nothing_longer(word, found, not_found):
    pattern = word_pattern((word,))
    assert [text for text in found.split() if not pattern.fullmatch(text)] == []
    assert [text for text in not_found.split() if pattern.search(text)] == []


def test_a_phrase_is_found_across_spaces_lines_and_hyphens_and_in_its_inflections():
    pattern = word_pattern(("time-out", "black box"))
    assert pattern.findall("time out, time-outs, black\n boxes, timeout, blackbox") == [
        "time out",
        "time-outs",
        "black\n boxes",
    ]


def test_no_words_find_nothing():
    assert word_pattern(()).search("any words at all") is None


def test_words_of_a_team_replace_ours():
    german = Wording(
        subject_words=("Ampel", "Prüfung"),
        complaint_words=("falsch",),
        not_subject_words=("Prüfung der Fahrer",),
    )
    texts = [
        "Die Ampel ist FALSCH",
        "die prufung war falsch",
        "Prüfung der Fahrer falsch",
        "The score is wrong",
    ]
    assert classify(texts, wording=german).about_ai.tolist() == [True, True, False, False]


def test_a_wording_can_be_read_from_a_file_and_keeps_what_is_not_named():
    read = parse(
        Wording, {"subject_words": ["Ampel"], "theme_words": {"slow": ["langsam"]}}, where="policy.yaml"
    )
    assert (read.subject_words, read.theme_words) == (("Ampel",), {"slow": ("langsam",)})
    assert read.complaint_words == ENGLISH.complaint_words


def test_every_list_that_cannot_be_used_is_told_at_once():
    message = (
        "subject_words: holds no words. Give one or more.\n"
        "theme_words.slow: holds no words. Give one or more.\n"
        "complaint_words: got '*', allowed are words of letters or digits, such as 'score'.\n"
        "not_subject_words: got 'AI -', allowed are words of letters or digits, such as 'score'.\n"
        "theme_words.other: is what no theme's words fit. Leave it out, or rename it."
    )
    with refused(FieldsError, message):
        Wording(
            subject_words=(),
            complaint_words=("wrong", "*"),
            not_subject_words=("AI -",),
            theme_words={"slow": (), "other": ("x",)},
        )


@modest
@given(st.text(max_size=60))
def test_case_and_accents_do_not_matter(text):
    assert folded(folded(text)) == folded(text)
    assert classify([text]).score == classify([folded(text)]).score


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_read_like_any_other(text):
    flags = classify([text, "The score is wrong"])
    assert flags.about_ai.tolist() == [not text.startswith(("ال", "ス")), True]


# --- classification ----------------------------------------------------------------


def test_texts_without_words_are_no_and_are_counted():
    flags = classify([*NOTHING_TO_READ, "The score is wrong"])
    assert flags.about_ai.tolist() == [False] * len(NOTHING_TO_READ) + [True]
    assert (flags.n_without_words, flags.n_flagged) == (len(NOTHING_TO_READ), 1)


def test_no_tickets_are_no_trouble():
    flags = classify([])
    assert (flags.about_ai.size, flags.score.size, flags.n_flagged, flags.n_labelled) == (0, 0, 0, 0)
    assert math.isnan(flags.precision)


def test_only_the_beginning_of_a_long_text_is_read():
    assert classify(["x " * 2_000 + "the score is wrong"]).n_flagged == 0
    assert classify(["x " * 1_900 + "the score is wrong"]).n_flagged == 1


def test_without_labels_the_rules_decide_and_say_why():
    flags = classify(TEXTS)
    assert (flags.method, flags.threshold) == ("rules", 1.0)
    assert flags.reason == (
        "learning needs 40 different labelled texts, 10 of either kind, and there are 0 (0 about the AI, 0 not)"
    )
    assert (flags.n_labelled, flags.n_labelled_about_ai) == (0, 0)
    assert math.isnan(flags.precision)
    assert math.isnan(flags.recall)


def test_a_few_labels_tell_what_the_rules_are_worth():
    texts = ["The score is wrong", "Wrong score, says the bank", "Red again", "No toner", "Unfair bot"]
    flags = classify(texts, [True, False, True, False, None])
    # Two labelled tickets are flagged, one of them rightly; one of two true ones is found.
    assert (flags.method, flags.precision, flags.recall) == ("rules", 0.5, 0.5)
    assert (flags.n_labelled, flags.n_labelled_about_ai, flags.n_flagged) == (4, 2, 3)


@pytest.mark.parametrize(
    ("n_true", "n_false", "method"),
    [(10, 30, "learned"), (9, 31, "rules"), (10, 29, "rules"), (30, 10, "learned"), (31, 9, "rules")],
)
def test_learning_starts_with_forty_labels_and_ten_of_either_kind(n_true, n_false, method):
    assert (MIN_LABELLED, MIN_OF_A_KIND) == (40, 10)
    chosen = np.r_[np.flatnonzero(LABELS)[:n_true], np.flatnonzero(~np.array(LABELS))[:n_false]]
    labels = [label if place in chosen else None for place, label in enumerate(LABELS)]
    flags = classify(TEXTS, labels)
    assert flags.method == method
    assert bool(flags.reason) == (method == "rules")
    assert (flags.n_labelled, flags.n_labelled_about_ai) == (n_true + n_false, n_true)


def test_copies_of_a_text_are_one_text_to_learn_from():
    texts = [f"The score of claim {number} is wrong" for number in range(50)] + [
        f"No toner on floor {n}" for n in range(50)
    ]
    flags = classify(texts, [True] * 50 + [False] * 50)
    assert flags.reason == (
        "learning needs 40 different labelled texts, 10 of either kind, and there are 2 (1 about the AI, 1 not)"
    )


def test_labels_may_come_as_any_column():
    column = [True if n % 2 else False if n % 3 else None for n in range(len(TEXTS))]
    ways = [
        column,
        pd.Series(column, dtype="boolean"),
        np.array([math.nan if label is None else float(label) for label in column]),
        iter(column),
    ]
    found = [classify(TEXTS, labels) for labels in ways]
    for other in found[1:]:
        np.testing.assert_array_equal(other.score, found[0].score)
        assert other.n_labelled == found[0].n_labelled


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([True], "There are 1 labels for 2 tickets. Give one a ticket, and None for one without."),
        (["yes", None], "A label is 'yes'. Give True, False, or None for a ticket without a label."),
        ([2, True], "A label is 2. Give True, False, or None for a ticket without a label."),
    ],
)
def test_labels_that_are_none_are_refused(labels, message):
    with refused(DataError, message):
        classify(["one", "two"], labels)


def test_the_comparison_of_the_research_holds_here():
    bare, rules, learned = (
        agreement(bare_words()),
        agreement(classify(TEXTS).about_ai),
        learned_rates(range(3)),
    )
    assert bare[1] < 0.25
    assert rules[0] > 0.85
    assert learned[1] > rules[1] + 0.2
    assert learned[2] > rules[2] > bare[2]


def test_no_invoice_for_the_ai_is_flagged_by_the_rules():
    flags = classify(OTHER)
    assert [text for text, flag in zip(OTHER, flags.about_ai, strict=True) if flag and "AI" in text] == []


def test_a_labelled_ticket_is_never_scored_by_a_classifier_that_saw_it():
    # Each text is one word that no other text has: what is learned from it says nothing about the others.
    generator = np.random.default_rng(1)
    words = ["".join(generator.choice(list("abcdefghijklmnopqrstuvwxyz"), 12)) for _ in range(200)]
    labels = generator.random(200) < 0.5
    flags = classify(words, labels)
    assert flags.method == "learned"
    rank = stats.mannwhitneyu(flags.score[labels], flags.score[~labels]).statistic / (
        labels.sum() * (~labels).sum()
    )
    assert rank == pytest.approx(0.5, abs=0.12)
    assert flags.precision == pytest.approx(0.5, abs=0.12)
    # One that saw them knows them all.
    saw = tickets._classifier(lambda _: [False]).fit(words, labels)
    assert (saw.predict(words) == labels).all()


def test_a_copy_of_a_labelled_ticket_has_the_same_score():
    copies = [
        "Timed out waiting for the recommendation, AGAIN. We have a queue of people here.",
        "I left my badge at home",
    ]
    flags = classify([*TEXTS, *copies], [*LABELS, None, None])
    original = next(place for place, text in enumerate(TEXTS) if text.startswith("Timed out"))
    assert flags.score[len(TEXTS)] == flags.score[original]
    assert flags.score[len(TEXTS) + 1] != flags.score[original]


@few
@given(st.permutations(range(len(TEXTS))), st.integers(0, 3))
def test_the_order_of_tickets_does_not_matter(order, seed):
    labels = [label if place % 4 else None for place, label in enumerate(LABELS)]
    plain = classify(TEXTS, labels, seed=seed)
    shuffled = classify([TEXTS[place] for place in order], [labels[place] for place in order], seed=seed)
    np.testing.assert_array_equal(shuffled.score, plain.score[list(order)])
    np.testing.assert_array_equal(shuffled.about_ai, plain.about_ai[list(order)])
    assert (shuffled.threshold, shuffled.precision, shuffled.recall) == (
        plain.threshold,
        plain.precision,
        plain.recall,
    )


def test_other_tickets_change_no_score():
    labels = [label if place % 4 else None for place, label in enumerate(LABELS)]
    alone = classify(TEXTS, labels)
    among = classify([*TEXTS, *HOSTILE, None], [*labels, *[None] * (len(HOSTILE) + 1)])
    np.testing.assert_array_equal(among.score[: len(TEXTS)], alone.score)
    assert among.score[-1] == 0
    assert ((among.score >= 0) & (among.score <= 1)).all()


def test_the_seed_draws_other_folds_and_leaves_unlabelled_scores_alone():
    labels = [label if place % 4 else None for place, label in enumerate(LABELS)]
    is_unlabelled = np.array([label is None for label in labels])
    one, other = classify(TEXTS, labels, seed=1), classify(TEXTS, labels, seed=2)
    np.testing.assert_array_equal(one.score[is_unlabelled], other.score[is_unlabelled])
    assert (one.score[~is_unlabelled] != other.score[~is_unlabelled]).any()


def test_scores_equal_those_of_a_slow_second_implementation():
    is_known = np.arange(len(TEXTS)) % 4 > 0
    flags = classify(TEXTS, [label if known else None for label, known in zip(LABELS, is_known, strict=True)])
    by_rules = classify(TEXTS).about_ai.astype(float)
    read = [re.sub(r"\b\d+\b", "0", folded(text)) for text in TEXTS]
    readers = [
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True),  # noqa: S106
        TfidfVectorizer(ngram_range=(3, 4), analyzer="char_wb", sublinear_tf=True),
    ]
    taught = [text for text, known in zip(read, is_known, strict=True) if known]
    parts = [reader.fit(taught).transform(read) for reader in readers]
    features = sparse.hstack([*parts, by_rules[:, None]]).tocsr()
    model = LogisticRegression(C=10, class_weight="balanced", solver="liblinear", tol=1e-8)
    model.fit(features[is_known], np.array(LABELS)[is_known])
    slow = model.predict_proba(features[~is_known])[:, 1]
    np.testing.assert_allclose(flags.score[~is_known], slow, atol=2e-3)


def test_the_threshold_belongs_to_the_flagged():
    flags = classify(TEXTS, LABELS)
    np.testing.assert_array_equal(flags.about_ai, flags.score >= flags.threshold)
    assert 0 < flags.threshold < 1
    assert flags.n_flagged == flags.about_ai.sum() > 0


@modest
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=20))
def test_the_threshold_is_the_one_of_the_best_f1(tickets_given):
    score = np.array([score / 8 for score, _ in tickets_given])
    is_true = np.array([label for _, label in tickets_given])

    def f1(threshold):
        flagged = score >= threshold
        return 2 * (flagged & is_true).sum() / max(flagged.sum() + is_true.sum(), 1)

    threshold = tickets._best_threshold(score, is_true)
    assert f1(threshold) == pytest.approx(max(f1(other) for other in score))
    higher = [
        other for other in score if other > threshold and (score >= other).sum() < (score >= threshold).sum()
    ]
    assert all(f1(other) < f1(threshold) for other in higher)


def test_numbers_alone_do_not_tell_texts_apart():
    assert text_key("claim 12 of 2024-01, v2, area51") == "claim 0 of 0-0, v2, area51"
    read = ["case 1", "case 2", "case 3", "case 4", "toner", ""]
    assert labels_of_texts(read, ["a", "b", "b", None, None, "a"]) == {"case 0": "b"}


def test_every_example_has_a_label_and_those_about_the_ai_a_theme():
    assert len(TEXTS) == len(LABELS) == len(THEMES) == len(set(TEXTS))
    assert sum(LABELS) >= 48
    assert LABELS.count(False) >= 60
    assert [theme is not None for theme in THEMES] == list(LABELS)
