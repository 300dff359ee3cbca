import dataclasses
import hashlib
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afterlaunch.errors import DataError, ParameterError
from afterlaunch.ticket_audit import (
    AUDIT_ALPHA,
    Audit,
    AuditComparison,
    AuditSample,
    NoAuditedCount,
    Stratum,
    audit_disagrees,
    audit_sample,
    audited_count,
)
from afterlaunch.uncertainty import holm
from study_tickets import AuditWorld, audit_coverage, audited, audited_months, disagreement_share

modest = settings(deadline=None, max_examples=60, derandomize=True)


def refused(error, message):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


# --- the audit's sample ---------------------------------------------------------------

ids_and_flags = st.dictionaries(st.text(max_size=8), st.booleans(), max_size=40)


def test_the_sample_is_that_of_the_lowest_salted_hashes():
    names = [f"t{number}" for number in range(100)]
    flags = [number % 4 == 0 for number in range(100)]
    by_hash = sorted(names, key=lambda name: hashlib.sha256(f"2013-09\0{name}".encode()).hexdigest())
    sample = audit_sample(names, flags, n_each=10, salt="2013-09")
    is_flagged = dict(zip(names, flags, strict=True))
    assert sample.flagged == tuple(name for name in by_hash if is_flagged[name])[:10]
    assert sample.unflagged == tuple(name for name in by_hash if not is_flagged[name])[:10]
    assert sample.ids == tuple(name for name in by_hash if name in {*sample.flagged, *sample.unflagged})


def test_a_sample_is_the_same_on_any_machine():
    assert audit_sample(
        range(1000), [number < 100 for number in range(1000)], n_each=3, salt="2013-09"
    ) == AuditSample(flagged=("77", "60", "54"), unflagged=("616", "759", "656"), salt="2013-09")


@modest
@given(ids_and_flags, ids_and_flags, st.integers(1, 12))
def test_later_tickets_push_some_out_and_bring_back_none(first, later, n_each):
    both = {**later, **first}
    before = audit_sample(first, first.values(), n_each=n_each)
    after = audit_sample(both, both.values(), n_each=n_each)
    assert set(after.ids) & set(first) <= set(before.ids)
    shuffled = audit_sample(reversed(both), reversed(both.values()), n_each=n_each)
    assert shuffled == after


@modest
@given(ids_and_flags, st.integers(1, 12))
def test_a_sample_holds_as_many_of_either_kind_as_asked_or_all(flags, n_each):
    sample = audit_sample(flags, flags.values(), n_each=n_each)
    n_flagged = sum(flags.values())
    assert len(sample.flagged) == min(n_each, n_flagged)
    assert len(sample.unflagged) == min(n_each, len(flags) - n_flagged)
    assert all(flags[name] for name in sample.flagged)
    assert not any(flags[name] for name in sample.unflagged)


def test_another_salt_draws_others_and_every_ticket_has_the_same_chance():
    times = np.zeros(40)
    for salt in range(1_000):
        sample = audit_sample(range(40), [False] * 40, n_each=10, salt=str(salt))
        times[[int(name) for name in sample.unflagged]] += 1
    # 250 of 1,000 with a standard error of 14.
    assert times.min() > 190
    assert times.max() < 310


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: audit_sample(["a"], [True], n_each=0),
            ParameterError,
            "n_each is 0. Give 1 or more; 50 is usual.",
        ),
        (lambda: audit_sample(["a"], []), DataError, "There are 0 flags for 1 tickets. Give one a ticket."),
        (
            lambda: audit_sample(["a", "b", "a", 1, "1"], [True] * 5),
            DataError,
            "Ticket ids come more than once: 2, such as 'a'. Give each once.",
        ),
    ],
)
def test_samples_that_cannot_be_drawn_are_refused(call, error, message):
    with refused(error, message):
        call()


# --- the audited count ------------------------------------------------------------------


def stratum(n_tickets, n_labelled=0, n_true=0):
    return Stratum(n_tickets=n_tickets, n_labelled=n_labelled, n_true=n_true)


@st.composite
def strata(draw, most=300):
    n_tickets = draw(st.integers(0, most))
    n_labelled = draw(st.integers(min(n_tickets, 1), min(n_tickets, 60)))
    return stratum(n_tickets, n_labelled, draw(st.integers(0, n_labelled)))


audits = st.builds(lambda f, u: Audit(flagged=f, unflagged=u), strata(), strata())


def test_a_count_is_what_was_worked_by_hand():
    # 100 x 45 / 50 flagged and 900 x 1 / 50 unflagged tickets are true.
    found = audited_count(Audit(flagged=stratum(100, 50, 45), unflagged=stratum(900, 50, 1)))
    assert found.count == 90 + 18
    assert found.interval.lower < 108 < found.interval.upper
    assert found.interval.level == 0.95


def test_tickets_that_were_all_labelled_are_counted_and_not_estimated():
    found = audited_count(Audit(flagged=stratum(30, 30, 21), unflagged=stratum(40, 40, 2)))
    assert (found.count, found.interval.lower, found.interval.upper) == (23, 23, 23)


def slow_range(n_tickets, n_labelled, n_true, level=0.95):
    """Return the numbers of true tickets that the labels do not speak against, one by one."""
    likely = []
    for total in range(n_true, n_tickets - n_labelled + n_true + 1):
        drawn = stats.hypergeom(n_tickets, total, n_labelled)
        below = drawn.cdf(n_true) - drawn.pmf(n_true) / 2
        if min(below, 1 - below) > (1 - level) / 2:
            likely.append(total)
    return min(likely), max(likely)


@pytest.mark.parametrize(("n_labelled", "n_true"), [(20, 0), (20, 1), (20, 13), (20, 20), (1, 0), (60, 3)])
def test_the_interval_of_one_stratum_equals_a_slow_second_implementation(n_labelled, n_true):
    found = audited_count(Audit(flagged=stratum(61, n_labelled, n_true), unflagged=stratum(0)))
    expected = slow_range(61, n_labelled, n_true)
    assert (found.interval.lower, found.interval.upper) == pytest.approx(expected, abs=1e-9)


def test_two_strata_are_put_together_by_their_distances_from_the_estimate():
    flagged, unflagged = (80, 50, 40), (300, 50, 2)
    found = audited_count(Audit(flagged=stratum(*flagged), unflagged=stratum(*unflagged)))
    (low_f, high_f), (low_u, high_u) = slow_range(*flagged), slow_range(*unflagged)
    assert found.interval.lower == pytest.approx(76 - math.hypot(64 - low_f, 12 - low_u))
    assert found.interval.upper == pytest.approx(76 + math.hypot(high_f - 64, high_u - 12))


def test_many_labels_of_many_tickets_give_the_interval_of_the_textbook():
    found = audited_count(Audit(flagged=stratum(40_000, 4_000, 2_800), unflagged=stratum(60_000, 4_000, 400)))
    variance = sum(n**2 * p * (1 - p) / 4_000 * (1 - 4_000 / n) for n, p in ((40_000, 0.7), (60_000, 0.1)))
    assert (found.interval.upper - found.interval.lower) / 2 == pytest.approx(1.96 * variance**0.5, rel=0.01)


def test_none_of_fifty_leaves_room_for_some():
    found = audited_count(Audit(flagged=stratum(60, 50, 50), unflagged=stratum(1_000, 50, 0)))
    assert found.count == 60
    assert 110 < found.interval.upper < 130
    assert found.interval.lower >= 59


@modest
@given(audits)
def test_a_count_stays_within_what_people_saw(audit):
    found = audited_count(audit)
    both = (audit.flagged, audit.unflagged)
    least = sum(s.n_true for s in both)
    most = sum(s.n_tickets - s.n_labelled + s.n_true for s in both)
    ends = found.interval
    assert least - 1e-9 <= ends.lower <= found.count + 1e-9
    assert found.count - 1e-9 <= ends.upper <= most + 1e-9


@modest
@given(audits)
def test_an_interval_minds_neither_the_strata_nor_what_is_called_true(audit):
    found = audited_count(audit)
    swapped = audited_count(Audit(flagged=audit.unflagged, unflagged=audit.flagged))
    assert (swapped.count, swapped.interval.lower, swapped.interval.upper) == pytest.approx(
        (found.count, found.interval.lower, found.interval.upper)
    )
    mirrored = audited_count(
        Audit(
            **{
                name: dataclasses.replace(s, n_true=s.n_labelled - s.n_true)
                for name, s in (("flagged", audit.flagged), ("unflagged", audit.unflagged))
            }
        )
    )
    n_tickets = audit.flagged.n_tickets + audit.unflagged.n_tickets
    assert (mirrored.interval.lower, mirrored.interval.upper) == pytest.approx(
        (n_tickets - found.interval.upper, n_tickets - found.interval.lower)
    )


@modest
@given(audits)
def test_a_higher_level_gives_a_wider_interval(audit):
    narrow, wide = (audited_count(audit, level=level).interval for level in (0.8, 0.99))
    assert wide.lower <= narrow.lower + 1e-9
    assert narrow.upper <= wide.upper + 1e-9


@pytest.mark.parametrize(
    ("flagged", "unflagged", "reason"),
    [
        (stratum(80), stratum(1_920, 50, 1), "of 80 flagged tickets none was labelled by people"),
        (stratum(80, 50, 40), stratum(1_920), "of 1,920 unflagged tickets none was labelled by people"),
        (
            stratum(80),
            stratum(1_920),
            "of 80 flagged tickets and of 1,920 unflagged tickets none was labelled by people",
        ),
    ],
)
def test_without_an_audit_there_is_a_reason_instead_of_a_count(flagged, unflagged, reason):
    assert audited_count(Audit(flagged=flagged, unflagged=unflagged)) == NoAuditedCount(reason=reason)


def test_a_stratum_without_tickets_needs_no_audit():
    found = audited_count(Audit(flagged=stratum(0), unflagged=stratum(50, 50, 3)))
    assert (found.count, found.interval.lower, found.interval.upper) == (3, 3, 3)
    assert audited_count(Audit(flagged=stratum(0), unflagged=stratum(0))).count == 0


@pytest.mark.parametrize(
    ("n_tickets", "n_labelled", "n_true"), [(10, 11, 0), (10, 5, 6), (10, 5, -1), (-1, -1, -1)]
)
def test_a_stratum_that_cannot_be_is_refused(n_tickets, n_labelled, n_true):
    message = (
        f"{n_true} true of {n_labelled} labelled of {n_tickets} tickets cannot be. "
        "Give three numbers that do not fall: true, labelled, all."
    )
    with refused(DataError, message):
        stratum(n_tickets, n_labelled, n_true)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_no_share_is_refused(level):
    with refused(ParameterError, f"Level is {level}. Give a number between 0 and 1, such as 0.95."):
        audited_count(Audit(flagged=stratum(2, 1), unflagged=stratum(2, 1)), level=level)


@pytest.mark.parametrize(
    "world",
    [
        AuditWorld(n_flagged=150, n_unflagged=1_000, precision=0.8, missed_share=0.02),
        AuditWorld(n_flagged=60, n_unflagged=300, precision=0.5, missed_share=0.05),
        AuditWorld(n_flagged=600, n_unflagged=10_000, precision=0.95, missed_share=0.1),
    ],
)
def test_intervals_cover_the_truth_as_often_as_they_say(world):
    covered, _, bias = audit_coverage(world)
    assert 0.93 <= covered <= 0.985
    assert bias == pytest.approx(0, abs=0.01)


def test_the_sample_and_the_count_together_cover_the_truth():
    generator = np.random.default_rng(5)
    flagged = generator.random(1_000) < 0.12
    is_true = generator.random(1_000) < np.where(flagged, 0.8, 0.03)
    found = [audited(flagged, is_true, salt=str(month)) for month in range(400)]
    covered = [month.interval.lower <= is_true.sum() <= month.interval.upper for month in found]
    assert np.mean(covered) == pytest.approx(0.965, abs=0.03)
    error = np.std([month.count for month in found]) / 400**0.5
    assert np.mean([month.count for month in found]) == pytest.approx(is_true.sum(), abs=4 * error)


def test_raw_counts_of_a_classifier_are_biased_and_the_audit_is_not():
    # Of 400 tickets 80 are about the AI. Raw counts say 21, 45, 78 and 88, depending on the classifier.
    widths = []
    for precision, recall, said in ((0.46, 0.12, 21), (0.96, 0.54, 45), (0.70, 0.68, 78), (0.82, 0.90, 88)):
        raw, count, half, covered = audited_months(precision, recall, n_months=200, seed=6).mean(axis=0)
        assert raw == pytest.approx(said, abs=1.5)
        assert count == pytest.approx(80, abs=4)
        assert covered >= 0.91
        widths.append(half)
    # A better classifier buys a narrower interval, and nothing else.
    assert widths == pytest.approx([38, 28, 23, 15], abs=2)


# --- audits that disagree -----------------------------------------------------------------


def month(n_flagged_true, n_missed, n_labelled=50):
    return Audit(
        flagged=stratum(90, n_labelled, n_flagged_true), unflagged=stratum(900, n_labelled, n_missed)
    )


@modest
@given(st.lists(audits, min_size=1, max_size=4), audits)
def test_the_p_values_are_fishers_adjusted_by_holm(earlier, now):
    expected = []
    for name in ("flagged", "unflagged"):
        before = [getattr(audit, name) for audit in earlier]
        table = [
            [getattr(now, name).n_true, getattr(now, name).n_labelled - getattr(now, name).n_true],
            [sum(s.n_true for s in before), sum(s.n_labelled - s.n_true for s in before)],
        ]
        is_made = all(sum(row) for row in table)
        expected.append(stats.fisher_exact(table).pvalue if is_made else math.nan)
    found = audit_disagrees(now, earlier)
    np.testing.assert_allclose([found.p_flagged, found.p_unflagged], holm(expected), rtol=1e-6)
    assert bool(found) == found.disagrees == (np.nanmin([*holm(expected), 1.0]) <= AUDIT_ALPHA)


def test_an_audit_differs_when_either_share_does():
    earlier = [month(45, 1), month(44, 0), month(46, 1)]
    assert not audit_disagrees(month(45, 1), earlier)
    assert not audit_disagrees(month(41, 1), earlier)
    assert audit_disagrees(month(32, 1), earlier)
    assert audit_disagrees(month(45, 9), earlier)
    assert audit_disagrees(month(50, 0), [month(30, 10), month(31, 9)])


@pytest.mark.parametrize(
    ("now", "earlier", "reason"),
    [
        (month(45, 1), [], "there is no earlier audit"),
        (month(0, 0, n_labelled=0), [month(45, 1)], "no tickets were labelled, now or earlier"),
        (month(45, 1), [month(0, 0, n_labelled=0)], "no tickets were labelled, now or earlier"),
    ],
)
def test_without_labels_to_compare_nothing_differs_and_a_reason_is_given(now, earlier, reason):
    found = audit_disagrees(now, earlier)
    assert (bool(found), found.reason) == (False, reason)
    assert math.isnan(found.p_flagged)
    assert math.isnan(found.p_unflagged)


def test_bounds_of_a_disagreement_are_inclusive():
    p = AUDIT_ALPHA
    assert AuditComparison(p_flagged=p, p_unflagged=1.0).disagrees
    assert AuditComparison(p_flagged=math.nan, p_unflagged=p).disagrees
    assert not AuditComparison(p_flagged=math.nextafter(p, 1), p_unflagged=math.nextafter(p, 1)).disagrees


def test_months_that_are_alike_seldom_disagree_and_those_that_drifted_do():
    assert disagreement_share(0.85, 0.02, n_months=300, seed=7) <= 0.02
    assert disagreement_share(0.55, 0.02, n_months=60, seed=8) > 0.8
