"""One group in front of its page: everything about a commit that is decided, not stored.

A backend holds the page's lock, tells a `Turn` what it found and does what the turn asks for; so
the rules of `Storage.commit` are written once, without I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ..core.model import NOWHERE, PageKey, Position
from ..errors import MisuseError
from .abc import (
    Committed,
    Entry,
    Failed,
    Group,
    LogEvent,
    Outcome,
    Reason,
    Record,
    Reset,
    Reused,
    Revise,
    Tail,
    Unknown,
    new_epoch,
)

_UNKNOWN = Unknown()


class Head(NamedTuple):
    """Where a page's log ends, and the last number that was trimmed from its beginning."""

    position: Position = NOWHERE
    trimmed: int = 0

    def why_no_tail(self, after: Position) -> str | None:
        """The `Reason` why there is no tail after `after`, if there is none."""
        if after.seq and after.epoch != self.position.epoch:
            return Reason.EPOCH
        if after.seq > self.position.seq:
            return Reason.AHEAD
        if after.seq < self.trimmed:
            return Reason.TRUNCATED
        return None


class Known(msgspec.Struct, frozen=True, gc=False):
    """What a page remembers of an operation."""

    user_id: str
    fingerprint: bytes
    position: Position
    receipt: bytes

    def answer(self, entry: Entry) -> Committed | Reused:
        if (self.user_id, self.fingerprint) != (entry.user_id, entry.fingerprint):
            return Reused()
        return Committed(self.position, self.receipt, again=True)


class Placed(NamedTuple):
    """An entry with the position it is written at."""

    entry: Entry
    position: Position


class Turn:
    """Takes one group from what was asked to what is to be written, and to its outcomes.

    The backend repeats: `unasked` → look up → `learn`; if `wants_tail`, read it and `revise`;
    until neither is left. Then `place` says what to write, and `outcomes` what to answer.
    """

    def __init__(
        self, group: Group, head: Head, failed: Mapping[str, Failed], last: str = ""
    ) -> None:
        """`last` is the group's, where the backend looks at it."""
        self.page = group.page
        self.expected = group.expected
        self.head = head
        self.entries = group.entries
        self.outcomes: dict[str, Outcome] = {}
        for entry in group.entries:
            self.outcomes[entry.broadcast_id] = _UNKNOWN
        self._known: dict[str, Committed | Reused | Failed] = dict(failed)
        self._asked: set[str] = set(failed)
        self._last = last
        self._strayed = False
        self._revised = False
        self._over = False

    @property
    def unasked(self) -> list[str]:
        """Ids that nobody has looked up yet."""
        return [e.broadcast_id for e in self.entries if e.broadcast_id not in self._asked]

    def learn(self, found: Mapping[str, Known]) -> None:
        """What the page remembers of the ids that were `unasked`."""
        for entry in self.entries:
            self._asked.add(entry.broadcast_id)
            known = found.get(entry.broadcast_id)
            if known is not None and entry.broadcast_id not in self._known:
                self._known[entry.broadcast_id] = known.answer(entry)

    @property
    def last(self) -> str:
        """The id that the event at `expected` has to have, or else the turn is `astray`; "" where
        it is not known, or the log does not hold that number."""
        held = self.expected.seq > self.head.trimmed and not self.head.why_no_tail(self.expected)
        return self._last if held else ""

    def astray(self) -> None:
        """The entries build on another event than the one at `expected`."""
        self._strayed = True

    @property
    def wants_tail(self) -> bool:
        """Whether the entries do not fit as they are, so that `revise` has to be asked."""
        if self._over:
            return False
        if self._strayed:
            return True
        if self._known and any(
            not e.lookup and e.broadcast_id in self._known for e in self.entries
        ):
            return True
        return not self._revised and self.has_moved

    @property
    def has_moved(self) -> bool:
        """Whether the head is no longer where the entries were made for."""
        head = self.head.position
        return self.expected != head and (self.expected.seq or head.seq) != 0

    def is_lost(self) -> bool:
        """Whether no tail can be given; every outcome is `Reset` then."""
        if not self._strayed and self.head.why_no_tail(self.expected) is None:
            return False
        self.outcomes = dict.fromkeys(self.outcomes, Reset(self.head.position))
        self._end()
        return True

    def revise(self, revise: Revise, events: Sequence[LogEvent]) -> None:
        """Ask for the entries again. Whatever `revise` raises is the outcome of this group only."""
        try:
            again = tuple(revise(self.page, Tail(self.head.position, events, dict(self._known))))
            self._check(again)
        except Exception as error:
            self.fail(error)
            return
        self._revised = True
        self.entries = again
        self.outcomes.update((e.broadcast_id, _UNKNOWN) for e in again)

    def _check(self, entries: Sequence[Entry]) -> None:
        check_ids(entries)
        if back := [e.broadcast_id for e in entries if e.broadcast_id in self._known]:
            raise MisuseError(f"revise gave back entries that are known: {back}")

    def fail(self, error: Exception) -> None:
        """Nothing is written; what was known before stays true."""
        self.outcomes = dict.fromkeys(self.outcomes, Failed(error))
        self.outcomes.update(self._known)
        self._end()

    def _end(self) -> None:
        self.entries = ()
        self._over = True

    def place(self) -> list[Placed]:
        """What to write, in order. Moves the head and completes `outcomes`."""
        placed = []
        position = self.head.position
        for entry in self.entries:
            if entry.lookup:
                continue
            if entry.event is not None:
                position = Position(position.epoch or new_epoch(), position.seq + 1)
            placed.append(Placed(entry, position))
            self.outcomes[entry.broadcast_id] = Committed(position, entry.receipt)
        self.head = Head(position, self.head.trimmed)
        if not self._over:
            self.outcomes.update(self._known)
        return placed


def last_changes(entries: Iterable[Entry]) -> tuple[list[Record], list[str]]:
    """Records to put and keys to delete that leave the same as all entries' changes in order."""
    last: dict[str, Record | None] = {}
    for entry in entries:
        for record in entry.puts:
            last[record.key] = record
        for key in entry.deletes:
            last[key] = None
    puts: list[Record] = []
    deletes: list[str] = []
    for key, put in last.items():
        if put is None:
            deletes.append(key)
        else:
            puts.append(put)
    return puts, deletes


def check_groups(groups: Sequence[Group]) -> None:
    """Raise `MisuseError` on two groups for one page, or one id twice in a group."""
    pages: set[PageKey] = set()
    for group in groups:
        if group.page in pages:
            raise MisuseError(f"two groups for one page in one commit: {group.page}")
        pages.add(group.page)
        check_ids(group.entries)


def check_ids(entries: Sequence[Entry]) -> None:
    """Raise `MisuseError` if two entries have the same `broadcast_id`."""
    if len(entries) > 1 and len({e.broadcast_id for e in entries}) != len(entries):
        raise MisuseError("the same broadcast_id twice in one group")
