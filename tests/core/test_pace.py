from __future__ import annotations

from itertools import pairwise

import pytest

from collabchat_asgi.core.batch import Batch
from collabchat_asgi.core.pace import COMPANY, EASY, HARD, REST, Pace

from .test_batch import some_events

LONGEST = 0.1


def busy(share: float, cost: float = 0.01) -> tuple[Pace, float]:
    """A pace whose process spends so much of its time on flushes, and when its last one ended."""
    pace, now = Pace(LONGEST), 100.0
    for _ in range(500):
        pace.flushed(now - cost, now)
        now += cost / share
    return pace, now - cost / share


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
def test_the_share_of_flushes_is_what_it_was_lately(share: float) -> None:
    pace, now = busy(share)
    middle = now + 0.01 / share / 2 - 0.005  # between two flushes it falls, by a little
    assert pace.share(middle) == pytest.approx(share, rel=0.05)
    assert pace.share(now + 2.0) < 0.01, "what was long ago counts no more"


def test_nobody_waits_as_long_as_the_process_keeps_up() -> None:
    pace, now = busy(EASY * 0.9)
    assert pace.wait(0.01, 0.00001, now) == 0.0
    assert Pace(LONGEST).wait(10.0, 0.0, now) == 0.0


def test_the_wait_grows_smoothly_with_the_load() -> None:
    shares = [EASY + (HARD - EASY) * part / 20 for part in range(25)]
    waits = []
    for share in shares:
        pace, now = busy(share)
        waits.append(pace.wait(0.01, 0.0, now))
    assert waits == sorted(waits)
    assert max(b - a for a, b in pairwise(waits)) < 0.1 * 0.01
    assert waits[-1] == pytest.approx(0.01 * REST)


def test_it_never_waits_longer_than_the_longest() -> None:
    pace, now = busy(0.99)
    assert pace.wait(5.0, 0.0, now) == LONGEST
    assert Pace(0.0).wait(5.0, 0.0, now) == 0.0


def test_no_wait_where_it_would_gather_no_company() -> None:
    pace, now = busy(0.99)
    assert pace.wait(0.01, 0.01 * REST / COMPANY * 0.99, now) > 0.0
    assert pace.wait(0.01, 0.01 * REST / COMPANY * 1.01, now) == 0.0


def test_who_sends_when_all_have_the_last_never_waits() -> None:
    """However little of its time the process has left for anything but flushes."""
    pace, batch, now = Pace(LONGEST), Batch(), 0.0
    for turn in range(1_000):
        batch.add(some_events(), now)
        if turn:
            assert batch.due(now, pace) <= now
        batch.take()
        batch.flushed(now, now + 0.006)
        pace.flushed(now, now + 0.006)
        now += 0.0061
    assert pace.share(now) > HARD


def test_one_page_under_pressure_leaves_time_for_everything_else() -> None:
    """A thousand viewers, a flush of 10 ms, and an event every millisecond; what comes meanwhile is
    committed together."""
    pace, batch = Pace(LONGEST), Batch()
    flush, gap = 0.010, 0.001
    now, spent, oldest, slowest, arrived = 0.0, 0.0, 0.0, 0.0, 0
    while now < 10.0:
        come = int(now / gap) - arrived
        if come:
            oldest = oldest if batch.events else (arrived + 1) * gap
            arrived += come
            batch.add(some_events(come), now)
        if batch.events and batch.due(now, pace) <= now:
            batch.take()
            batch.flushed(now, now + flush)
            pace.flushed(now, now + flush)
            spent += flush
            now += flush
            slowest = max(slowest, now - oldest)
        now += gap / 10
    assert 0.5 < spent / 10.0 < 0.75
    assert slowest < 3 * flush
