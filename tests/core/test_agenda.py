from __future__ import annotations

import random

from collabchat_asgi.core.agenda import Agenda


def test_what_is_due_comes_in_its_order_and_once() -> None:
    agenda: Agenda[str] = Agenda()
    for item, at in (("late", 3.0), ("early", 1.0), ("middle", 2.0), ("far", 9.0)):
        agenda.put(item, at)
    assert list(agenda.due(0.5)) == []
    assert list(agenda.due(3.0)) == ["early", "middle", "late"]
    assert list(agenda.due(3.0)) == []
    assert len(agenda) == 1


def test_the_earlier_moment_counts_and_who_was_looked_at_begins_anew() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put("ann", 5.0)
    agenda.put("ann", 2.0)
    agenda.put("ann", 8.0)
    assert list(agenda.due(2.0)) == ["ann"]
    assert list(agenda.due(10.0)) == [], "not once more for each time that it was put"
    agenda.put("ann", 20.0)
    assert list(agenda.due(20.0)) == ["ann"]


def test_what_was_dropped_is_not_looked_at_and_keeps_no_room() -> None:
    agenda: Agenda[int] = Agenda()
    for item in range(1_000):
        agenda.put(item, float(item))
    for item in range(10, 1_000):
        agenda.drop(item)
    agenda.drop(5_000)
    assert len(agenda._heap) <= 2 * 10 + 17
    assert list(agenda.due(10_000.0)) == list(range(10))


def test_it_is_what_a_scan_of_all_would_find() -> None:
    rng, agenda = random.Random(3), Agenda[int]()
    plain: dict[int, float] = {}
    for step in range(3_000):
        item, at = rng.randrange(50), step + rng.uniform(0, 40)
        match rng.randrange(4):
            case 0:
                agenda.drop(item)
                plain.pop(item, None)
            case 1:
                due = sorted(item for item, at in plain.items() if at <= step)
                assert sorted(agenda.due(step)) == due
                plain = {item: at for item, at in plain.items() if at > step}
            case _:
                agenda.put(item, at)
                plain[item] = min(at, plain.get(item, at))
        assert agenda.next_at == min(plain.values(), default=None)
    assert len(agenda) == len(plain)
