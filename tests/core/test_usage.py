from __future__ import annotations

from collabchat_asgi.core.usage import COUNTERS, ConnectionTime, Tally, add


def test_a_frame_to_many_viewers_counts_for_each() -> None:
    tally = Tally()
    tally.delivered(1_000, 500, 10)
    assert tally.take() == {
        "pubSubMessageCount": 1_000,
        "pubSubBandwidth": 500_000,
        "eventDeliveryCount": 10_000,
    }
    assert tally.take() == {}


def test_an_operation_counts_once_with_what_it_makes() -> None:
    tally = Tally()
    tally.operated(300, chats=1, comments=1)
    tally.operated(100, chats=0, comments=0)
    counted = tally.take()
    assert counted == {
        "pubSubMessageCount": 2,
        "pubSubBandwidth": 400,
        "operationCount": 2,
        "chatCreateCount": 1,
        "commentCreateCount": 1,
    }
    assert set(counted) < set(COUNTERS)


def test_seconds_of_connections_are_taken_whole_and_none_is_lost() -> None:
    time = ConnectionTime(100.0)
    time.change(+2, 100.0)
    taken = [time.take(100.0 + n * 0.75) for n in range(1, 9)]
    assert sum(taken) == 12
    time.change(-2, 106.0)
    assert time.take(1_000.0) == 0


def test_counters_add_up() -> None:
    into = {"a": 1}
    add(into, {"a": 2, "b": 3})
    assert into == {"a": 3, "b": 3}


def test_it_says_when_there_is_something_to_take() -> None:
    begun: list[bool] = []
    tally = Tally(lambda: begun.append(True))
    tally.delivered(3, 10, 1)
    tally.delivered(3, 10, 1)
    tally.operated(5, 0, 1)
    assert begun == [True]
    tally.take()
    tally.operated(5, 0, 1)
    assert begun == [True, True]
