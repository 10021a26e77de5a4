"""One group on its way into its page: what is asked of `lua/commit.lua`, and what follows from
its answer. The first attempt hopes that nobody else has written; from then on in turn."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.model import Position
from ..redis_client.servers import Command
from .abc import Failed, Group, LogEvent, Outcome, Revise, new_epoch
from .redis_page import (
    Keys,
    Word,
    changes,
    counted,
    events_of,
    head_of,
    known_of,
    unstorable,
)
from .turn import Head, Known, Placed, Turn, last_changes

__all__ = ["Bid"]

TURN_MS = 500
"""Who has the turn and says nothing for so long loses it to the next in line."""


class Bid:
    """Repeat until `outcomes` are there: `command` → the server → `hear`.

    `wants_listing`: the page is to be put into the index before the next command.
    `waits`: it is somebody else's turn. `holds_turn`: to be given back with `leave`.
    """

    def __init__(self, group: Group, keys: Keys, *, keeps_all: bool) -> None:
        self.group = group
        self.outcomes: Mapping[str, Outcome] | None = None
        self.wants_listing = group.expected.seq == 0
        self.waits = False
        self.holds_turn = False
        self._keys = keys
        self._keeps_all = keeps_all
        self._me = secrets.token_hex(8)
        self._is_listed = False
        self._failed: dict[str, Failed] = unstorable(group.page, group.entries)
        self._found: dict[str, Known | None] = {}
        """What the page remembers of the ids that were looked up, as of `_version`."""
        self._version = ""
        self._events: Sequence[LogEvent] = ()
        self._turn = self._fresh_turn(Head(_as_head(group.expected)))
        self._before_placing = self._turn.head, self._turn.outcomes
        self._placed: list[Placed] = []
        self._asked: list[str] = []
        self._writes = 0
        if not self._failed:
            self._place()

    def _fresh_turn(self, head: Head) -> Turn:
        return Turn(self.group, head, self._failed)

    def command(self, now_ms: int) -> Command:
        """What to ask of the page now."""
        expected = self.group.expected
        ids = self._ids()
        words: list[Word] = [self._me, TURN_MS, expected.epoch, expected.seq]
        words += ["ask" if self._failed and not self._version else "write", self._version]
        words += ["listed" if self._is_listed else "", "keeps all" if self._keeps_all else ""]
        words += [new_epoch(), self._writes, len(ids) - self._writes, *ids]
        words += [*self._turn.head.position, *self._changes(now_ms)]
        return self._keys.call("commit", *words)

    def listed(self) -> None:
        self.wants_listing, self._is_listed = False, True

    def leave(self) -> Command:
        return self._keys.call("leave", self._me, TURN_MS)

    def hear(self, answer: Sequence[Any], revise: Revise) -> None:
        word, *rest = answer
        self.waits = word == b"wait"
        if word == b"list":
            self.wants_listing = True
        elif word == b"done":
            self.holds_turn = False
            self._written(*rest)
        elif word == b"lost":
            self.holds_turn = True
            self._lost(revise, *rest)

    def _ids(self) -> list[str]:
        """Those that are written, then the others."""
        writes = [entry.broadcast_id for entry, _ in self._placed]
        others = [e.broadcast_id for e in self._turn.entries if e.broadcast_id not in set(writes)]
        self._writes = len(writes)
        storable = [name for name in others if name not in self._failed]
        self._asked = [*writes, *storable]
        return self._asked

    def _changes(self, now_ms: int) -> list[Word]:
        puts, deletes = last_changes(entry for entry, _ in self._placed)
        return counted([*changes(self._placed, puts, now_ms), deletes])

    def _written(self, found: Sequence[bytes | None]) -> None:
        told = self._told(found)
        answers = {
            entry.broadcast_id: known.answer(entry)
            for entry in self._turn.entries
            if (known := told.get(entry.broadcast_id)) is not None
        }
        self.outcomes = self._turn.outcomes | answers

    def _lost(
        self,
        revise: Revise,
        epoch: bytes,
        seq: int,
        trimmed: int,
        version: bytes,
        found: Sequence[bytes | None],
        events: Sequence[bytes | None],
    ) -> None:
        head = head_of(epoch, seq, trimmed)
        if version.decode() == self._version:
            self._turn.head, self._turn.outcomes = self._before_placing
            self._found |= self._told(found)
        else:
            self._version = version.decode()
            self._found = self._told(found)
            self._events = events_of(self.group.page, self.group.expected.seq, events)
            self._turn = self._fresh_turn(head)
        self._settle(revise)
        while guilty := unstorable(self.group.page, self._turn.entries):
            self._failed |= guilty
            self._turn = self._fresh_turn(head)
            self._settle(revise)
        self._place()
        if not self._placed and not set(self._ids()) - self._found.keys():
            self.outcomes = self._turn.outcomes

    def _told(self, found: Sequence[bytes | None]) -> dict[str, Known | None]:
        pairs = zip(self._asked, found, strict=True)
        return {name: None if packed is None else known_of(packed) for name, packed in pairs}

    def _settle(self, revise: Revise) -> None:
        turn = self._turn
        while True:
            turn.learn({name: known for name, known in self._found.items() if known})
            if not turn.wants_tail or turn.is_lost():
                return
            turn.revise(revise, self._events)

    def _place(self) -> None:
        self._before_placing = self._turn.head, dict(self._turn.outcomes)
        self._placed = self._turn.place()


def _as_head(expected: Position) -> Position:
    return expected if expected.seq else Position("", 0)
