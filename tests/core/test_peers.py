"""No hint counts twice, none out of the past, and no two clocks need agree."""

from __future__ import annotations

import random

import pytest

from collabchat_asgi.core.peers import ECHO_MS, WINDOW, Peers, Verdict

OLDEST = 40_000
FRESH, REPEATED, DOUBTFUL = Verdict.FRESH, Verdict.REPEATED, Verdict.DOUBTFUL


def acquainted(*, number: int = 1, said_ms: int = 0, now_ms: int = 1_000) -> Peers:
    peers = Peers(OLDEST)
    assert peers.met("other", number, said_ms, now_ms, now_ms)
    return peers


def test_who_was_not_met_is_doubted() -> None:
    assert Peers(OLDEST).judge("other", 1, 0, 0) is DOUBTFUL


def test_the_hint_that_introduces_is_the_first_that_counts() -> None:
    peers = acquainted(number=7)
    assert [peers.judge("other", n, 0, 1_000) for n in (7, 7, 6, 8)] == [
        FRESH,
        REPEATED,
        REPEATED,
        FRESH,
    ]


@pytest.mark.parametrize("late_ms", [-1, ECHO_MS + 1])
def test_an_echo_that_is_old_or_of_the_future_proves_nothing(late_ms: int) -> None:
    peers = Peers(OLDEST)
    assert not peers.met("other", 1, 0, 50_000 - late_ms, 50_000)
    assert peers.judge("other", 1, 0, 50_000) is DOUBTFUL


def test_an_echo_of_just_now_proves() -> None:
    peers = Peers(OLDEST)
    assert peers.met("other", 1, 0, 50_000 - ECHO_MS, 50_000)
    assert peers.judge("other", 1, 0, 50_000) is FRESH


def test_each_number_counts_once_in_any_order() -> None:
    rng = random.Random(4)
    peers = acquainted()
    numbers = [n for n in range(2, 5_000) for _ in range(rng.choice([1, 1, 2, 3]))]
    # Nothing is moved by as much as a window.
    numbers = [n for _, n in sorted((n + rng.randrange(WINDOW - 1), n) for n in numbers)]
    taken = [n for n in numbers if peers.judge("other", n, 0, 1_000) is FRESH]
    assert sorted(taken) == list(range(2, 5_000))


def test_what_lies_behind_the_window_is_doubted() -> None:
    peers = acquainted()
    assert peers.judge("other", 2 + WINDOW, 0, 1_000) is FRESH
    assert peers.judge("other", 3, 0, 1_000) is FRESH
    assert peers.judge("other", 2, 0, 1_000) is DOUBTFUL
    assert peers.judge("other", 3, 0, 1_000) is REPEATED


def test_a_leap_forgets_nothing_that_may_still_come() -> None:
    peers = acquainted()
    assert peers.judge("other", 10**6, 0, 1_000) is FRESH
    assert peers.judge("other", 10**6 - WINDOW + 1, 0, 1_000) is FRESH
    assert peers.judge("other", 10**6 - WINDOW, 0, 1_000) is DOUBTFUL


@pytest.mark.parametrize("days", [-10, 0, 10])
def test_age_is_told_whatever_the_clocks_say(days: int) -> None:
    theirs = 10**12 + days * 86_400_000
    peers = acquainted(said_ms=theirs, now_ms=1_000)
    assert peers.judge("other", 2, theirs + 5_000, 1_000 + 5_000 + OLDEST) is FRESH
    assert peers.judge("other", 3, theirs + 5_000, 1_000 + 5_000 + OLDEST + 1) is DOUBTFUL
    assert peers.judge("other", 4, theirs + 5_000 + ECHO_MS, 6_000) is FRESH
    assert peers.judge("other", 5, theirs + 5_001 + ECHO_MS, 6_000) is DOUBTFUL


def test_what_was_doubted_for_its_age_may_still_count_once() -> None:
    """The other machine slept: the two meet again, and nothing that was heard comes twice."""
    peers = acquainted()
    assert peers.judge("other", 2, 0, 1_000) is FRESH
    assert peers.judge("other", 3, 100, 10**7) is DOUBTFUL
    assert not peers.met("other", 4, 200, 10**7, 10**7)
    assert [peers.judge("other", n, 200, 10**7) for n in (3, 2, 4)] == [FRESH, REPEATED, FRESH]


def test_who_is_gone_must_introduce_itself_again() -> None:
    peers = acquainted()
    peers.forget("other")
    peers.forget("nobody")
    assert peers.judge("other", 2, 0, 1_000) is DOUBTFUL
    assert not peers.knows("other")
