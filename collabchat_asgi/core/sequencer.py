"""Events in any order, with losses and repeats, in; each event once and in order, out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .model import Event, Mark, Position

MAX_MARKS = 512
"""Events remembered by name. More are thinned out, the older the thinner: of a piece of the log
that was exchanged for another, one is enough."""
MARKS_PER_DOUBLING = 16
MAX_WAITING = 1_000
"""Events kept for a gap to close. More are dropped: whoever reads the log gets them again."""


class Sequencer:
    """Watches one page's log from `position` on."""

    __slots__ = ("_highest", "_marks", "_waiting", "behind", "position")

    def __init__(self, position: Position) -> None:
        self.position = position
        self.behind = False
        """Whether the log must be read: an event is missing, or of another history."""
        self._highest = position.seq
        """The highest number of this history that is known to exist."""
        self._waiting: dict[int, Event] = {}
        self._marks: dict[int, str] = {}
        """Number to broadcast id, ascending."""

    def push(self, epoch: str, events: Iterable[Event]) -> list[Event]:
        """Take what has been heard of the log and return what comes next, in order.

        The first event of a page brings its epoch. Events of another epoch are not taken.
        """
        if epoch != self.position.epoch:
            if self.position.seq > 0:
                self.behind = True
                return []
            self._begin(epoch)
        ready: list[Event] = []
        seq = self.position.seq
        waiting = self._waiting
        for event in events:
            if event.seq == seq + 1:
                seq += 1
                ready.append(event)
            elif event.seq > seq:
                self._highest = max(self._highest, event.seq)
                if len(waiting) < MAX_WAITING:
                    waiting[event.seq] = event
        while waiting and seq + 1 in waiting:
            seq += 1
            ready.append(waiting.pop(seq))
        if waiting:
            waiting = self._waiting = {n: event for n, event in waiting.items() if n > seq}
        self.behind = self._highest > seq
        self.position = Position(epoch, seq)
        marks = self._marks
        for event in ready:
            marks[event.seq] = event.broadcast_id
        if len(marks) > MAX_MARKS:
            self._thin_out()
        return ready

    @property
    def marks(self) -> list[Mark]:
        """What tells this history from another of the same epoch, as the storage may have one that
        went back and was written on. `confirmed` takes them back."""
        epoch = self.position.epoch
        return [Mark(Position(epoch, seq), name) for seq, name in self._marks.items()]

    @property
    def last(self) -> str:
        """The broadcast id of the event at `position`, or "" where it is not known."""
        return self._marks.get(self.position.seq, "")

    def before(self, epoch: str, event: Event) -> str:
        """The broadcast id of the event that this one of `epoch` follows, or "" where it is not
        known."""
        return self._marks.get(event.seq - 1, "") if epoch == self.position.epoch else ""

    def contradicts(self, events: Sequence[Event], after: str = "") -> bool:
        """Whether another event is known at the number of one of these, of the same epoch; or, in
        front of the first, than `after`, where that is known."""
        if after and events and self._marks.get(events[0].seq - 1, after) != after:
            return True
        return any(
            event.seq <= self.position.seq
            and self._marks.get(event.seq, event.broadcast_id) != event.broadcast_id
            for event in events
        )

    def confirmed(self, marks: Iterable[Mark]) -> None:
        """The storage knows these. The newest of them stands for all before it."""
        known = [mark.position.seq for mark in marks if mark.position.epoch == self.position.epoch]
        newest = max(known, default=0)
        self._marks = {seq: name for seq, name in self._marks.items() if seq >= newest}

    def _thin_out(self) -> None:
        """Between two that stay lies at most the 16th part of the way to the end."""
        first, end = next(iter(self._marks)), self.position.seq

        def stays(seq: int) -> bool:
            apart = max(1, (end - seq) // MARKS_PER_DOUBLING)
            return seq == first or seq % (1 << (apart.bit_length() - 1)) == 0

        self._marks = {seq: name for seq, name in self._marks.items() if stays(seq)}

    def head_is(self, head: Position) -> None:
        """A head that somebody has read from the storage."""
        if self.position.continues(head):
            return
        if self.position.seq == 0 and head.epoch != self.position.epoch:
            self._begin(head.epoch)
        if head.epoch == self.position.epoch:
            self._highest = max(self._highest, head.seq)
        self.behind = True

    def _begin(self, epoch: str) -> None:
        self.position = Position(epoch, 0)
        self._waiting.clear()
        self._marks.clear()
        self._highest = 0

    def waiting(self) -> frozenset[int]:
        """Numbers that wait for others: to be given to `caught_up` after a read that begins now."""
        return frozenset(self._waiting)

    def caught_up(self, waited: frozenset[int]) -> None:
        """The log has been read to its end. What was heard before that read and is not in it was
        never committed, or was lost with a rollback: it is not waited for."""
        for seq in waited:
            self._waiting.pop(seq, None)
        self._highest = max(self._waiting, default=self.position.seq)
        self.behind = bool(self._waiting)

    def reset(self, position: Position, last: str = "") -> None:
        """Start anew from a page that was loaded; `last` is the broadcast id of its last event,
        where that is known."""
        self.position = position
        self._marks = {position.seq: last} if last else {}
        self.behind = False
        self._highest = position.seq
        self._waiting.clear()
