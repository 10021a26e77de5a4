"""What a page's history is told by, however long it is."""

from __future__ import annotations

from itertools import pairwise

from collabchat_asgi.core.model import NOWHERE, Position
from collabchat_asgi.core.sequencer import MAX_MARKS, Sequencer

from .test_sequencer import event


def numbers(sequencer: Sequencer) -> list[int]:
    return [mark.position.seq for mark in sequencer.marks]


def test_what_was_taken_is_marked_until_it_is_confirmed() -> None:
    sequencer = Sequencer(NOWHERE)
    sequencer.push("e", [event(1), event(2), event(4)])
    assert numbers(sequencer) == [1, 2], "what waits is not of the history yet"
    asked = sequencer.marks
    sequencer.push("e", [event(3)])
    sequencer.confirmed(asked)
    assert numbers(sequencer) == [2, 3, 4]
    assert {mark.position.epoch for mark in sequencer.marks} == {"e"}


def test_a_page_that_was_loaded_is_marked_by_its_last_event() -> None:
    sequencer = Sequencer(NOWHERE)
    sequencer.push("e", [event(1)])
    sequencer.reset(Position("f", 9), "nine")
    assert [(m.position, m.broadcast_id) for m in sequencer.marks] == [(Position("f", 9), "nine")]
    sequencer.confirmed(sequencer.marks)
    assert numbers(sequencer) == [9]


def test_of_a_long_history_no_stretch_goes_unmarked() -> None:
    sequencer = Sequencer(NOWHERE)
    for seq in range(1, 10_001):
        sequencer.push("e", [event(seq)])
        assert len(sequencer.marks) <= MAX_MARKS
    marked = numbers(sequencer)
    assert marked[0] == 1
    assert marked[-1] == 10_000
    for older, newer in pairwise(marked):
        assert newer - older <= max(1, (10_000 - older) // 16), "the newer the denser"
