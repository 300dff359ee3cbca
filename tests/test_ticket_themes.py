import math
import re
import unicodedata

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.ticket_themes import PLACEHOLDERS, ThemeQuotes, Themes, masked, quotes, theme_of
from afterlaunch.ticket_wording import ENGLISH, OTHER_THEME, Wording
from afterlaunch.tickets import classify
from ticket_examples import ABOUT_AI, OTHER

modest = settings(deadline=None, max_examples=150, derandomize=True)
TEXTS = [text for texts in ABOUT_AI.values() for text in texts]
THEMES = [theme for theme, texts in ABOUT_AI.items() for _ in texts]
HOSTILE = (
    "<script>alert(1)</script> the score is wrong",
    "=cmd|'/c calc'!A1",
    "@SUM(A1:A9) is wrong",
    "null\0byte and \x1b[31mred\x1b[0m",
    "gnp.exe\u202etxt.pdf",
    "emoji 👩‍⚖️ 🇨🇭 1️⃣",
    "スコアが間違っている 田中",
    "النتيجة خاطئة ٠١٢٣٤٥٦٧",
    "# heading\n- *bold* [x](javascript:alert(1))",
    "lone \ud800 surrogate",
)


def refused(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


# --- themes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "theme"),
    [
        ("The score is wrong", "wrong verdict"),
        ("It changed its mind", "contradictory answers"),
        ("I wait a minute for the score", "too slow"),
        ("No reason is shown", "unexplained"),
        ("It is biased against people from there", "unfair to a group"),
        ("It summarised the attachment", "wrong document"),
        ("It is rude", "other"),
        ("Wrong, and no reason, nobody explains anything", "unexplained"),
        ("wrong, rejected, and slow", "wrong verdict"),
        ("wrong and slow", "too slow"),
        (None, "other"),
        ("", "other"),
    ],
)
def test_a_ticket_has_the_theme_whose_words_it_holds_most_of_and_the_first_of_several(text, theme):
    assert theme_of([text]).theme == (theme,)


def test_the_same_word_twice_counts_once():
    assert theme_of(["wrong, wrong, wrong, and no minute, no second"]).theme == ("too slow",)


def test_without_labels_there_is_a_reason_and_no_agreement():
    found = theme_of(["Red dot", "So slow"])
    assert found.theme == ("other", "too slow")
    assert (found.method, found.n_labelled) == ("words", 0)
    assert found.reason == (
        "learning needs 40 different labelled texts of two or more themes with 10 each, and there are 0 of 0"
    )
    assert math.isnan(found.agreement)


def test_no_tickets_have_no_themes():
    assert theme_of([]).theme == ()


def test_a_theme_that_people_gave_stays_and_tells_what_the_words_are_worth():
    found = theme_of(["So slow", "So slow", "Red dot", "Wrong"], ["unexplained", "too slow", None, pd.NA])
    assert found.theme == ("unexplained", "too slow", "other", "wrong verdict")
    assert (found.agreement, found.n_labelled) == (0.5, 2)


def test_a_team_may_have_themes_of_its_own():
    wording = Wording(theme_words={"Ampel": ("rot", "grün"), "Wartezeit": ("Minute*",)})
    found = theme_of(["Immer ROT", "Fünf Minuten", "Grun", "Red dot"], wording=wording)
    assert found.theme == ("Ampel", "Wartezeit", "Ampel", "other")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["too slow"], "There are 1 labels for 2 tickets. Give one a ticket, and None for one without."),
        (
            ["to slow", None],
            (
                "A ticket has the theme 'to slow'. Themes are contradictory answers, too slow, "
                "unfair to a group, wrong document, unexplained, wrong verdict, other. Did you mean 'too slow'? "
                "Rename it, or add it to the wording."
            ),
        ),
    ],
)
def test_labels_that_are_no_themes_are_refused(labels, message):
    with refused(DataError, message):
        theme_of(["one", "two"], labels)


def test_most_examples_have_the_theme_that_was_meant_by_their_words():
    assert theme_of(TEXTS, THEMES).agreement > 0.8


PARTS = {
    "too slow": ("the wheel turns", "nothing comes", "we sit here", "hours go by", "coffee is cold"),
    "wrong document": ("it took the letter", "another form", "the old sheet", "a blank one", "upside down"),
}
TAILS = ("on monday", "in basel", "at the desk", "for huber", "once more", "as before")


def many(theme, n):
    return [f"{part} {tail}" for part in PARTS[theme] for tail in TAILS][:n]


def test_with_enough_labels_themes_are_learned():
    slow, wrong = many("too slow", 24), many("wrong document", 24)
    known = [*["too slow"] * 20, *[None] * 4, *["wrong document"] * 20, *[None] * 4]
    found = theme_of([*slow, *wrong, "???", "we sit here again"], [*known, None, None])
    expected = [*["too slow"] * 24, *["wrong document"] * 24, OTHER_THEME, "too slow"]
    assert (found.method, found.reason, found.n_labelled) == ("learned", "", 40)
    assert found.theme == tuple(expected)
    assert found.agreement > 0.9
    assert theme_of(slow + wrong).theme == (OTHER_THEME,) * 48


def test_themes_with_too_few_labels_are_still_given_by_their_words():
    texts = [*many("too slow", 24), *many("wrong document", 24), "no reason is shown", "it is biased"]
    labels = [*["too slow"] * 24, *["wrong document"] * 24, "unexplained", None]
    assert theme_of(texts, labels).theme[-2:] == ("unexplained", "unfair to a group")


@pytest.mark.parametrize(
    ("n_slow", "n_wrong", "method", "told"),
    [(30, 10, "learned", ""), (30, 9, "words", "30 of 1"), (29, 10, "words", "39 of 2")],
)
def test_learning_themes_starts_with_forty_labels_and_two_themes_of_ten(n_slow, n_wrong, method, told):
    texts = [*many("too slow", n_slow), *many("wrong document", n_wrong)]
    found = theme_of(texts, ["too slow"] * n_slow + ["wrong document"] * n_wrong)
    assert found.method == method
    assert found.reason.rpartition("there are ")[2] == told


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_the_order_of_tickets_changes_no_theme(chance):
    labelled = list(zip(TEXTS, THEMES, strict=True))
    labelled += [(text, None) for text in OTHER]
    labelled += [(text, "too slow") for text in many("too slow", 20)]
    shuffled = chance.sample(labelled, len(labelled))
    one = dict(zip([t for t, _ in labelled], theme_of(*zip(*labelled, strict=True)).theme, strict=True))
    other = dict(zip([t for t, _ in shuffled], theme_of(*zip(*shuffled, strict=True)).theme, strict=True))
    assert one == other


# --- masking ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Titles, greetings, introductions, signatures.
        ("Mr Keller waits", "Mr [name] waits"),
        ("for mr keller and dr. brunner", "for mr [name] and dr. [name]"),
        ("Dr. Brunner's bill", "Dr. [name] bill"),
        ("my colleague Ms. Rossi gets", "my colleague Ms. [name] gets"),
        ("Frau KELLER-MEIER is right", "Frau [name] is right"),
        ("Hi Anna, it is slow", "Hi [name], it is slow"),
        ("hi anna, it is slow", "hi [name], it is slow"),
        ("Dear Sir or Madam, it is slow", "Dear Sir or Madam, it is slow"),
        ("Hello team, it is slow", "Hello team, it is slow"),
        ("this is Peter from the Basel desk", "this is [name] from the [name] desk"),
        ("this is peter from the desk", "this is [name] from the desk"),
        ("my name is peter.\nit is slow", "my name is [name].\nit is slow"),
        ("I'm told it is slow. This is wrong", "I'm told it is slow. This is wrong"),
        ("my name is peter, it is slow", "my name is [name], it is slow"),
        ("Slow. Regards, Anna Meier", "Slow. Regards, [name]"),
        ("slow. kind regards anna meier", "slow. kind regards [name]"),
        ("Slow.\nThanks\nPeter", "Slow.\nThanks\n[name]"),
        ("Slow, thank you, peter", "Slow, thank you, [name]"),
        ("Thanks for your help", "Thanks for your help"),
        ("Slow.\n\nPeter Muster\nClaims", "Slow.\n\n[name]"),
        ("Best, tom", "Best, [name]"),
        ("It works best tomorrow", "It works best tomorrow"),
        (
            "Slow, thanks red box blue box grey box",
            "Slow, thanks red box blue box grey box",
        ),  # Inside and at the start of sentences.
        ("I asked Peter about it", "I asked [name] about it"),
        ("Anna Meier was refused", "[name] was refused"),
        ("Peter told me", "[name] told me"),
        ("Keller was refused. Keller is angry", "[name] was refused. [name] is angry"),
        ("Ask J. K. O'Brien-McDonald", "Ask [name]"),
        ("Ask me, said A. Meier", "Ask me, said A. [name]"),
        ("Ask Jean-Luc von der Leyen", "Ask [name] von der [name]"),
        (
            "Screening was slow. Claim is red. Login is slow",
            "Screening was slow. Claim is red. Login is slow",
        ),
        (
            "On Monday the AI said no, in March the PDFs did",
            "On Monday the AI said no, in March the PDFs did",
        ),
        ("It only says 'Please wait'. Why?", "It only says 'Please wait'. Why?"),
        ("Our Romanian office, I'm told", "Our Romanian office, I'm told"),
        # Numbers.
        ("claim CLM-2024-00817 and policy KV-88213-A", "claim [number] and policy [number]"),
        (
            "claim 4471, policy no. 881, ref: 123, #456",
            "claim [number], policy no. [number], ref: [number], #[number]",
        ),
        ("unlock 2024/118 or 88213", "unlock [number] or [number]"),
        ("call +41 44 123 45 67 or (044) 123-4567", "call [number] or ([number]"),
        ("IBAN CH93 0076 2011 6238 5295 7 is right", "IBAN [number] is right"),
        ("to GB82 WEST 1234 5698 7654 32 please", "to [number] please"),
        ("plate ZH 8712 and ZH123456", "plate [number] and [number]"),
        ("born 12.03.1961, 3 March 1961, 1961-03-12", "born [date], [date], [date]"),
        ("fullwidth ４４７１２ and ٤٤٧١٢", "fullwidth [number] and [number]"),
        ("4\u200b4\u200b7\u200b1\u200b2", "[number]"),
        # Addresses.
        ("write to anna.meier@example.com", "write to [e-mail]"),
        ("see https://x.example/claims?id=3 now", "see [link] now"),
        # What may stay.
        ("CHF 1,200.50, €500, 12'500 francs, 1.200 EUR", "CHF 1,200.50, €500, 12'500 francs, 1.200 EUR"),
        ("CHF 079 123 45 67 and 88213 EUR", "CHF [number] and [number] EUR"),
        (
            "120 files at 10:30, 200ms, 3rd, 2.3 s, 12 %, 1967",
            "120 files at 10:30, 200ms, 3rd, 2.3 s, 12 %, 1967",
        ),
        ("feature_12 high", "feature_12 high"),
        ("[name] said [number]", "[name] said [number]"),
    ],
)
def test_what_tells_who_it_is_about_is_masked_and_the_rest_stays(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize("text", [None, math.nan, pd.NA, 12, ""])
def test_what_is_no_text_is_empty(text):
    assert masked(text) == ""


def test_the_examples_keep_their_sense_and_lose_their_names():
    shown = "\n".join(map(masked, [*TEXTS, *OTHER]))
    names = (
        "Brunner",
        "Rossi",
        "Keller",
        "Weber",
        "Huber",
        "Sandra",
        "Frei",
        "Anna",
        "Meier",
        "Tobias",
        "Lang",
    )
    assert [name for name in names if name in shown] == []
    assert re.findall(r"\d{5, }|CLM|KV-|CH93", shown) == []
    assert sum(masked(text) == text for text in TEXTS) >= 45


fragments = st.sampled_from(
    [
        *(
            "Mr",
            "mrs.",
            "Dr.",
            "Hi",
            "dear",
            "Regards, ",
            "thanks",
            "this is",
            "my name is",
            "Best",
            "from",
            "said",
        ),
        *(
            "Anna",
            "Keller",
            "O'Brien",
            "peter",
            "A.",
            "McDonald",
            "The",
            "claim",
            "no.",
            "#",
            "CHF",
            "EUR",
            "€",
        ),
        *(
            "[name]",
            "[number]",
            "[",
            "]",
            "@",
            "https://",
            "www.",
            "1",
            "12",
            "4471",
            "0",
            "CH93",
            "WEST",
            "ms",
            "\n",
        ),
        *(
            ".",
            ",",
            "-",
            "/",
            "'",
            "’",
            ":",
            "(",
            "\u200b",
            "\ufe0f",
            "é",
            "ß",
            "٤",
            "²",
            "🙂",
            "\0",
            "March",
            "a@b",
        ),
    ]
)
messy = st.lists(fragments | st.text(max_size=4), max_size=14).flatmap(
    lambda parts: st.sampled_from(["", " "]).map(lambda gap: gap.join(parts))
)


@modest
@given(messy)
def test_masking_a_masked_text_changes_nothing(text):
    once = masked(text)
    assert masked(once) == once


@modest
@given(messy)
def test_no_long_number_gets_through_and_no_digit_is_made(text):
    shown = masked(text)
    assert re.search(r"\d{5}", shown) is None
    left = iter(re.findall(r"\d", text))
    assert all(digit in left for digit in re.findall(r"\d", shown))


@modest
@given(messy)
def test_what_is_not_masked_is_verbatim(text):
    def squeezed(part):
        return "".join(
            c for c in part if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf", "Cs")
        )

    rest = re.split("|".join(map(re.escape, PLACEHOLDERS)), masked(text))
    assert [part for part in map(squeezed, rest) if part not in squeezed(text)] == []


@modest
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_can_be_masked_and_written(text):
    masked(text).encode("utf-8")


@pytest.mark.parametrize(
    "text", ["a", "1 ", "A. ", "Anna ", "a@", "GB82 ", "1, ", "a-", "CHF 1", "thanks\n", "(", "Mr "]
)
def test_long_texts_take_no_time_to_speak_of(text):
    # A pattern that backtracks would not come back at all.
    assert masked(masked(text * 50_000)) == masked(text * 50_000)


# --- quotes -------------------------------------------------------------------------


def test_quotes_of_a_toy_case_are_what_was_worked_by_hand():
    tickets = [
        ("It is slow, says Mrs Huber", "too slow", 0.9),
        ("I wait and wait", "too slow", 0.95),
        ("Slow again today", "too slow", 0.7),
        ("No reason given at all", "unexplained", 0.6),
        ("I wait, and wait!", "too slow", 0.94),
        ("Half a minute each", "too slow", 0.8),
    ]
    found = quotes(*zip(*tickets, strict=True))
    assert found == (
        ThemeQuotes(
            theme="too slow",
            n_tickets=5,
            quotes=("I wait and wait", "It is slow, says Mrs [name]", "Half a minute each"),
        ),
        ThemeQuotes(theme="unexplained", n_tickets=1, quotes=("No reason given at all",)),
    )


def test_themes_with_as_many_tickets_stand_in_alphabetical_order():
    found = quotes(["one", "two", "three"], ["b", "a", "c"], [1, 1, 1])
    assert [theme.theme for theme in found] == ["a", "b", "c"]


def test_tickets_that_differ_in_their_numbers_or_names_only_are_quoted_once():
    texts = [
        f"Claim {number} is red and nobody tells Mr {name} why"
        for number, name in ((12, "Ott"), (13, "Frei"))
    ]
    assert quotes(texts, ["other"] * 2, [0.5, 0.5])[0].quotes == (
        "Claim 12 is red and nobody tells Mr [name] why",
    )


def test_tickets_without_words_are_counted_and_not_quoted():
    assert quotes([None, "?!", "so slow"], ["other"] * 3, [1, 1, 0.2]) == (
        ThemeQuotes(theme="other", n_tickets=3, quotes=("so slow",)),
    )
    assert quotes([None], ["other"], [1])[0].quotes == ()
    assert quotes([], [], []) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two three four", "one two three four"),
        ("one two three four five", "one two three four…"),
        ("one two three, four five six", "one two three, four…"),
        ("one two threes, fourteen", "one two threes…"),
        ("one two three four-five", "one two three…"),
        ("x" * 30, "x" * 19 + "…"),
        ("one\n\n two\tthree", "one two three"),
        ("xxxxxxxxxxxxxxxx@a-b.example:y", "[e-mail]"),
        ("wait(((((((((((a@b.example", "wait(((((((((((…"),
    ],
)
def test_a_long_quote_ends_at_a_word_with_an_ellipsis(text, expected):
    assert quotes([text], ["other"], [1], max_length=20)[0].quotes == (expected,)


@modest
@given(st.lists(messy, max_size=6), st.integers(20, 60))
def test_quotes_are_short_and_masked(texts, max_length):
    found = quotes(texts, ["other"] * len(texts), [0.5] * len(texts), max_length=max_length)
    for theme in found:
        assert len(theme.quotes) <= 3
        for quote in theme.quotes:
            assert 0 < len(quote) <= max_length
            assert re.search(r"\d{5}|[\n\t\0]", quote) is None
            assert quote.count("[name") == quote.count("[name]")


@modest
@given(st.randoms(use_true_random=False))
def test_the_order_of_tickets_changes_no_quote(chance):
    themes = theme_of(TEXTS).theme
    tickets = list(zip(TEXTS, themes, classify(TEXTS).score, strict=True))
    assert quotes(*zip(*chance.sample(tickets, len(tickets)), strict=True)) == quotes(
        *zip(*tickets, strict=True)
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_text_that_can_be_written(text):
    (found,) = quotes([text], ["other"], [1])
    assert found.n_tickets == 1
    for quote in found.quotes:
        assert quote.encode("utf-8").decode("utf-8") == quote
        assert not {"\0", "\x1b", "\u202e", "\n"} & set(quote)
        # No markup is made or taken away here: whoever shows a quote escapes it.
        assert ("<script>" in quote) == ("<script>" in text)
        assert "&lt;" not in quote


def test_a_ticket_of_a_million_characters_is_cut():
    (found,) = quotes(["the score is wrong " * 50_000], ["other"], [1])
    assert len(found.quotes[0]) <= 240
    assert found.quotes[0].endswith("…")


def test_what_is_read_for_a_quote_ends_before_half_a_number():
    # All but the end is masked and shrinks, so that the end of what is read would be shown.
    text = "see " + "Anna " * 79 + "4471 8821 3000"
    (found,) = quotes([text], ["other"], [1], max_length=20)
    assert found.quotes == ("see [name]",)


def test_many_copies_of_one_ticket_make_one_quote():
    texts = [f"{'Wrong' if n % 3 else 'wrong'} score for claim {n}" for n in range(3_000)]
    (found,) = quotes(texts, ["wrong verdict"] * 3_000, [1.0] * 3_000)
    assert len(found.quotes) == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: quotes(["a"], ["other"], [1], n=0),
            ParameterError,
            "Quotes are 0 a theme of 240 characters. Give 1 or more, and 20 characters or more.",
        ),
        (
            lambda: quotes(["a"], ["other"], [1], max_length=19),
            ParameterError,
            "Quotes are 3 a theme of 19 characters. Give 1 or more, and 20 characters or more.",
        ),
        (
            lambda: quotes(["a"], ["other", "other"], []),
            DataError,
            "There are 1 texts, 2 themes and 0 scores. Give one of each a ticket.",
        ),
        (
            lambda: quotes(["a"], ["other"], [math.nan]),
            DataError,
            "A score is nan. Give the scores of `classify`.",
        ),
    ],
)
def test_quotes_that_cannot_be_chosen_are_refused(call, error, message):
    with refused(error, message):
        call()


def test_flags_themes_and_quotes_go_together():
    flags = classify(TEXTS)
    about = [text for text, flag in zip(TEXTS, flags.about_ai, strict=True) if flag]
    themes = theme_of(about)
    found = quotes(about, themes.theme, flags.score[flags.about_ai])
    assert isinstance(themes, Themes)
    assert sum(theme.n_tickets for theme in found) == flags.n_flagged
    assert {theme.theme for theme in found} <= {*ENGLISH.theme_words, OTHER_THEME}
