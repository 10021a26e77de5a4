from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given

from collabchat_asgi.core.model import NOWHERE, DeletedTextChat, Event, Mark, Position, User
from collabchat_asgi.core.sequencer import MAX_WAITING, Sequencer

from .histories import Tape, catches, many, tapes, uid

OURS, THEIRS = User("us", "ours"), User("them", "foreign")


def event(seq: int, user: User = OURS) -> Event:
    return DeletedTextChat(seq, uid(seq), seq, user, uid(0))


def seqs(events: Iterable[Event]) -> list[int]:
    return [each.seq for each in events]


def check_delivery(make: type[Sequencer], data: bytes) -> None:
    """Any order, loss and repetition in; every event once and in order out; nothing foreign."""
    tape = Tape(data)
    log = [event(n) for n in range(1, 2 + tape.below(30))]
    start = tape.below(2) * tape.below(len(log))
    sequencer = make(Position("e", start) if start else NOWHERE)
    out: list[Event] = []
    heard = start
    while tape:
        first = tape.below(len(log))
        some = log[first : first + 1 + tape.below(4)]
        match tape.below(8):
            case 0:
                some = some[::-1]
            case 1:
                some = some + some[:2]
            case 2:
                # Events of another history. Those that could be a page's first ones are left out:
                # on an empty page nobody can tell.
                ahead = sequencer.position.seq + 2
                foreign = [event(n, THEIRS) for n in range(ahead, ahead + 3)]
                assert sequencer.push("other", foreign) == []
                assert sequencer.behind
                if ahead == 2:
                    heard = start  # an empty page watches one epoch at a time
                continue
            case 3:
                out += sequencer.push("e", log[sequencer.position.seq :][: tape.below(9)])
                continue
            case 4:
                sequencer.head_is(Position("e", some[0].seq))
                some = []
        out += sequencer.push("e", some)
        heard = max([heard, *seqs(some)])
        assert sequencer.position == Position("e", start + len(out))
        assert sequencer.behind or sequencer.position.seq >= heard
    sequencer.head_is(Position("e", len(log)))
    assert sequencer.behind or start + len(out) == len(log)
    out += sequencer.push("e", log[sequencer.position.seq :])
    assert out == log[start:]
    assert not sequencer.behind


@many
@given(tapes)
def test_each_event_once_and_in_order(data: bytes) -> None:
    check_delivery(Sequencer, data)


class LetsGapsPass(Sequencer):
    def push(self, epoch: str, events: Iterable[Event]) -> list[Event]:
        ready = [each for each in events if each.seq > self.position.seq]
        if ready:
            self.position = Position(epoch, ready[-1].seq)
        return ready


class Repeats(Sequencer):
    def push(self, epoch: str, events: Iterable[Event]) -> list[Event]:
        events = list(events)
        return [each for each in events if each.seq == self.position.seq][:1] + super().push(
            epoch, events
        )


class TakesForeign(Sequencer):
    def push(self, epoch: str, events: Iterable[Event]) -> list[Event]:
        return super().push(self.position.epoch or epoch, events)


class KeepsWaiting(Sequencer):
    """Does not drop what waits when the page's first event brings another epoch."""

    def _begin(self, epoch: str) -> None:
        self.position = Position(epoch, 0)


class Deaf(Sequencer):
    def head_is(self, head: Position) -> None:
        pass


@pytest.mark.parametrize("mutant", [LetsGapsPass, Repeats, TakesForeign, KeepsWaiting, Deaf])
def test_a_wrong_sequencer_is_noticed(mutant: type[Sequencer]) -> None:
    assert catches(lambda data: check_delivery(mutant, data))


def test_a_gap_waits_and_closes() -> None:
    sequencer = Sequencer(Position("e", 5))
    assert sequencer.push("e", [event(7), event(8)]) == []
    assert sequencer.behind
    assert seqs(sequencer.push("e", [event(6)])) == [6, 7, 8]
    assert not sequencer.behind
    assert sequencer.position == Position("e", 8)


def test_the_first_event_brings_the_epoch() -> None:
    sequencer = Sequencer(NOWHERE)
    assert seqs(sequencer.push("e", [event(1)])) == [1]
    assert sequencer.position == Position("e", 1)


def test_what_waited_in_one_epoch_is_not_taken_in_another() -> None:
    sequencer = Sequencer(NOWHERE)
    assert sequencer.push("old", [event(2, THEIRS)]) == []
    assert seqs(sequencer.push("new", [event(1)])) == [1]
    assert sequencer.position == Position("new", 1)


def test_a_told_head_is_not_forgotten_over_an_old_hint() -> None:
    sequencer = Sequencer(Position("e", 5))
    sequencer.head_is(Position("e", 7))
    sequencer.push("e", [event(3)])
    assert sequencer.behind


def test_a_head_told_to_an_empty_page_is_not_forgotten() -> None:
    sequencer = Sequencer(NOWHERE)
    sequencer.head_is(Position("e", 3))
    assert seqs(sequencer.push("e", [event(1)])) == [1]
    assert sequencer.behind


def test_an_old_head_changes_nothing() -> None:
    sequencer = Sequencer(Position("e", 5))
    for head in (NOWHERE, Position("e", 4), Position("e", 5)):
        sequencer.head_is(head)
    assert not sequencer.behind


def test_a_head_of_another_epoch_asks_for_the_log() -> None:
    sequencer = Sequencer(Position("e", 5))
    sequencer.head_is(Position("f", 5))
    assert sequencer.behind


def test_what_waits_is_bounded_and_what_is_dropped_is_missed() -> None:
    sequencer = Sequencer(Position("e", 0))
    beyond = range(2, MAX_WAITING + 4)
    sequencer.push("e", map(event, beyond))
    ready = sequencer.push("e", [event(1)])
    assert len(ready) == MAX_WAITING + 1
    assert sequencer.behind
    rest = sequencer.push("e", map(event, range(MAX_WAITING + 2, beyond.stop)))
    assert seqs(ready + rest) == list(range(1, beyond.stop))
    assert not sequencer.behind


def test_reset_starts_anew() -> None:
    sequencer = Sequencer(Position("e", 5))
    sequencer.push("e", [event(9)])
    sequencer.reset(Position("f", 2))
    assert not sequencer.behind
    assert seqs(sequencer.push("f", [event(3)])) == [3]
    assert not sequencer.behind


def test_what_the_log_does_not_have_is_not_waited_for() -> None:
    sequencer = Sequencer(Position("e", 5))
    sequencer.push("e", [event(9)])
    before_the_read = sequencer.waiting()
    sequencer.push("e", [event(8)])
    sequencer.caught_up(before_the_read)
    assert sequencer.behind, "8 was heard after the read began"
    sequencer.caught_up(sequencer.waiting())
    assert not sequencer.behind
    assert seqs(sequencer.push("e", [event(6)])) == [6]
    assert not sequencer.behind


def test_the_newest_mark_that_is_known_stands_for_all_before_it() -> None:
    sequencer = Sequencer(Position("e", 0))
    sequencer.push("e", map(event, range(1, 6)))
    marks = sequencer.marks
    assert marks == [Mark(Position("e", seq), uid(seq)) for seq in range(1, 6)]
    sequencer.confirmed([])
    sequencer.confirmed([Mark(Position("f", 5), uid(5))])
    assert sequencer.marks == marks, "of another history it says nothing"
    sequencer.confirmed(marks[:3])
    assert sequencer.marks == marks[2:]


def test_another_event_in_a_known_place_is_told_and_so_is_one_that_follows_it() -> None:
    sequencer = Sequencer(Position("e", 0))
    sequencer.push("e", map(event, range(1, 4)))
    assert not sequencer.contradicts([event(2), event(3), event(4)], after=uid(1))
    assert sequencer.contradicts([event(4)], after=uid(9))
    assert sequencer.contradicts([event(2)], after=uid(9))
    assert not sequencer.contradicts([event(4)]), "who tells it need not know what it follows"
    assert not sequencer.contradicts([event(5)], after=uid(9)), "4 is not known here"
    assert not sequencer.contradicts([], after=uid(9))
    assert sequencer.before("e", event(4)) == uid(3)
    assert sequencer.before("e", event(2)) == uid(1)
    assert sequencer.before("f", event(4)) == sequencer.before("e", event(5)) == ""
