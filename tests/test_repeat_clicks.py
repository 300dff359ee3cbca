import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterlaunch.errors import DataError
from afterlaunch.repeat_clicks import (
    REPEAT_WITHIN_MS,
    RETRY_WITHIN_MS,
    UNKNOWN,
    ClickGroups,
    Requests,
    came_back,
    click_groups,
)

modest = settings(deadline=None, max_examples=150, derandomize=True)
# Few subjects, ids and times around the limits, so that every rule is met.
TIMES = st.one_of(
    st.integers(0, 200_000),
    st.sampled_from([0, REPEAT_WITHIN_MS, REPEAT_WITHIN_MS + 1, RETRY_WITHIN_MS, RETRY_WITHIN_MS + 1]),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([UNKNOWN, 1, 2, 2**63 - 1, -(2**63)]),
        st.integers(1, 4),
        st.integers(0, 2),
        TIMES,
        st.integers(-1, 1),
        st.booleans(),
    ),
    max_size=14,
)


def requests(*rows):
    """Rows of (subject, request, version, at_ms, decision, is_slow)."""
    subject, request, version, at_ms, decision, is_slow = zip(*rows, strict=True) if rows else ([],) * 6
    return Requests(
        subject=np.array(subject, np.int64),
        request=np.array(request, np.int64),
        version=np.array(version, np.int64),
        at_ms=np.array(at_ms, np.int64),
        decision=np.array(decision, np.int64),
        is_slow=np.array(is_slow, np.bool_),
    )


def listed(found: ClickGroups):
    """The groups of two clicks or more, and those with a retry, as plain tuples."""
    columns = (
        found.first_at_ms,
        found.n_clicks,
        found.n_retries,
        found.n_slow,
        found.is_inconsistent,
        found.is_mixed,
        found.is_after_slow,
    )
    return [tuple(map(int, group)) for group in zip(*columns, strict=True) if group[1] > 1 or group[2]]


def slow_groups(rows):
    """Find the groups row by row."""
    by_subject = {}
    for row in rows:
        if row[0] != UNKNOWN:
            by_subject.setdefault(row[0], []).append(row)
    found = []
    for own in by_subject.values():
        near = [
            row
            for place, row in enumerate(own)
            if any(
                place != other and abs(row[3] - own[other][3]) <= RETRY_WITHIN_MS for other in range(len(own))
            )
        ]
        clicks = {}
        for row in near:
            clicks.setdefault(row[1], []).append(row)
        in_turn = sorted(clicks.values(), key=lambda click: (min(row[3] for row in click), click[0][1]))
        groups, last = [], None
        for click in in_turn:
            at = min(row[3] for row in click)
            if last is None or at - last > REPEAT_WITHIN_MS:
                groups.append([])
            groups[-1].append(click)
            last = at
        for group in groups:
            members = [row for click in group for row in click]
            decisions = {row[4] for row in members if row[4] >= 0}
            versions = {row[2] for row in members if row[2] != UNKNOWN}
            is_slow = any(row[5] for row in group[0])
            start, n_retries = min(row[3] for row in group[0]), len(members) - len(group)
            n_slow = sum(row[5] for row in members)
            found.append(
                (start, len(group), n_retries, n_slow, len(decisions) > 1, len(versions) > 1, is_slow)
            )
    return sorted(tuple(map(int, group)) for group in found if group[1] > 1 or group[2])


def test_groups_of_a_case_worked_by_hand():
    rows = requests(
        # One person clicks three times within seconds, and the last answer differs; another version gave it.
        (7, 1, 5, 0, 0, True),
        (7, 2, 5, 4_000, 0, False),
        (7, 3, 6, 13_000, 1, False),
        # Half a minute later she looks again: no repeat.
        (7, 4, 6, 43_000, 1, False),
        # Somebody else asked once.
        (8, 5, 5, 1_000, 0, False),
    )
    assert listed(click_groups(rows)) == [(0, 3, 0, 1, True, True, True)]


def test_a_click_within_ten_seconds_is_a_repeat_and_one_a_millisecond_later_is_not():
    both = requests((7, 1, 5, 0, 0, False), (7, 2, 5, REPEAT_WITHIN_MS, 0, False))
    assert click_groups(both).n_clicks.tolist() == [2]
    late = requests((7, 1, 5, 0, 0, False), (7, 2, 5, REPEAT_WITHIN_MS + 1, 0, False))
    assert click_groups(late).n_clicks.tolist() == [1, 1]


def test_transport_retries_are_no_clicks():
    # The network sends the one click three times, after two seconds and again after twenty.
    rows = requests((7, 1, 5, 0, 0, True), (7, 1, 5, 2_000, 0, True), (7, 1, 5, 20_000, 1, True))
    assert listed(click_groups(rows)) == [(0, 1, 2, 3, True, False, True)]
    # A click after a retry is counted from the click that was retried, not from the retry.
    rows = requests((7, 1, 5, 0, 0, True), (7, 1, 5, 20_000, 0, True), (7, 2, 5, 21_000, 0, False))
    assert listed(click_groups(rows)) == [(0, 1, 1, 2, False, False, True)]


def test_the_same_id_on_another_case_is_another_click():
    rows = requests((7, 1, 5, 0, 0, False), (8, 1, 5, 100, 1, False))
    assert listed(click_groups(rows)) == []


def test_decisions_are_compared_and_an_answer_without_one_differs_from_nothing():
    unanswered = requests((7, 1, 5, 0, -1, True), (7, 2, 5, 3_000, 1, False))
    assert listed(click_groups(unanswered)) == [(0, 2, 0, 1, False, False, True)]
    different = requests((7, 1, 5, 0, 0, True), (7, 2, 5, 3_000, 1, False))
    assert listed(click_groups(different)) == [(0, 2, 0, 1, True, False, True)]


def test_a_request_of_nobody_known_is_no_repeat_and_an_unknown_version_differs_from_none():
    assert listed(click_groups(requests((UNKNOWN, 1, 5, 0, 0, False), (UNKNOWN, 2, 5, 9, 1, False)))) == []
    unknown = requests((7, 1, UNKNOWN, 0, 0, False), (7, 2, 6, 9, 1, False))
    assert listed(click_groups(unknown)) == [(0, 2, 0, 0, True, False, False)]


def test_no_requests_make_no_groups():
    found = click_groups(requests())
    assert [getattr(found, name).shape for name in ("first_at_ms", "n_clicks", "is_mixed")] == [(0,)] * 3
    assert click_groups(requests((7, 1, 5, 0, 0, False))).n_clicks.tolist() == []


@modest
@given(ROWS)
def test_groups_are_those_of_a_slow_second_implementation(rows):
    assert sorted(listed(click_groups(requests(*rows)))) == slow_groups(rows)


@modest
@given(ROWS, st.randoms(use_true_random=False), st.integers(-(10**12), 10**12))
def test_the_order_of_the_rows_and_the_day_that_time_is_counted_from_change_nothing(rows, random, shift):
    shuffled = random.sample(rows, len(rows))
    moved = [(*row[:3], row[3] + shift, *row[4:]) for row in shuffled]
    plain = [(start + shift, *rest) for start, *rest in listed(click_groups(requests(*rows)))]
    assert sorted(listed(click_groups(requests(*moved)))) == sorted(plain)


@pytest.mark.parametrize("span_ms", [10**5, 10**9, 6 * 10**10, 3 * 10**13])
def test_rows_that_come_back_are_found_among_many_over_a_day_or_a_thousand_years(span_ms):
    random = np.random.default_rng(span_ms % 1_000)
    n = 40_000
    subject = random.integers(1, 2**63, n)
    at_ms = random.integers(0, span_ms, n)
    again = random.choice(n, 500, replace=False)
    subject[again[:250]], at_ms[again[:250]] = subject[again[250:]], at_ms[again[250:]] + 60_000
    # Half of them are one millisecond too late.
    at_ms[again[:125]] += 1
    found = came_back(subject, at_ms, within_ms=60_000)
    assert found.tolist() == sorted([*again[125:250].tolist(), *again[375:].tolist()])


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(DataError, match=r"different lengths: subject 2, request 1, .*Give one value a row"):
        Requests(
            subject=np.array([1, 2]),
            request=np.array([1]),
            version=np.array([1]),
            at_ms=np.array([1]),
            decision=np.array([1]),
            is_slow=np.array([True]),
        )
