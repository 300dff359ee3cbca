"""Pieces of sentences."""

from __future__ import annotations

import pytest

from afterlaunch.render.grammar import cases, counted, listed, months_in_words, moved, singular


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdefg"), "a, b, c, d, e, f and g"),
        (list("abcdefgh"), "a, b, c, d, e, f and 2 more"),
    ],
)
def test_words_are_joined_as_a_sentence_does(words, text):
    assert listed(words) == text


def test_one_is_singular_and_none_is_plural():
    assert [counted(n, "check") for n in (0, 1, 2)] == ["0 checks", "1 check", "2 checks"]
    assert [cases(n, "claims") for n in (0, 1, 2)] == ["0 claims", "1 claim", "2 claims"]


@pytest.mark.parametrize(
    ("plural", "one"), [("flights", "flight"), ("policies", "policy"), ("cases", "case"), ("staff", "staff")]
)
def test_regular_plurals_have_a_singular(plural, one):
    assert singular(plural) == one


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (["2013-01"], "January 2013"),
        (["2013-02", "2013-01"], "January 2013 and February 2013"),
        (["2013-01", "2013-02", "2013-03"], "January to March 2013"),
        (["2012-11", "2012-12", "2013-01"], "November 2012 to January 2013"),
        (["2013-01", "2013-03", "2013-04", "2013-05"], "January 2013 and March to May 2013"),
    ],
)
def test_months_in_a_row_become_a_span(labels, text):
    assert months_in_words(labels) == text


def test_a_number_rises_falls_or_stays():
    assert moved("1", "2", rose=True, when="May") == "rose from 1 in May to 2"
    assert moved("2", "1", rose=False, when="May") == "fell from 2 in May to 1"
    assert moved("2", "2", rose=True, when="May") == "stayed at 2"
