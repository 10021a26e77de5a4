"""A storage as a child would write it, to compare real ones with: random steps, same answers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.model import NOWHERE, PageKey, Position
from ..storage.abc import (
    Committed,
    Entry,
    Group,
    LogEvent,
    Outcome,
    Reason,
    Record,
    Reset,
    Reused,
    Storage,
    Tail,
    Unknown,
)

FAR_AHEAD = 2**50
KEYS = ("a", "b", "c")
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"user_id": "mallory"},
    {"fingerprint": b"?" * 16},
    {"lookup": True},
)
"""How an operation that is known may come again."""


@dataclass
class _Page:
    epoch: str = ""
    log: list[Entry] = field(default_factory=list)
    dropped: int = 0
    records: dict[str, Record] = field(default_factory=dict)
    known: dict[str, tuple[Entry, Position]] = field(default_factory=dict)

    @property
    def head(self) -> Position:
        return Position(self.epoch, len(self.log))

    def events(self, after: int) -> list[LogEvent]:
        return [self.event(seq) for seq in range(after + 1, len(self.log) + 1)]

    def event(self, seq: int) -> LogEvent:
        entry = self.log[seq - 1]
        record = self.records.get(entry.body_key or "")
        body = record.body if record and record.body_seq == seq else ""
        return LogEvent(seq, entry.event or b"", body, entry.broadcast_id)

    def is_astray(self, group: Group) -> bool:
        """Whether the log holds another event where the group has seen `last`."""
        seq = group.expected.seq
        held = self.dropped < seq <= len(self.log) and group.expected.epoch == self.epoch
        return bool(group.last) and held and self.log[seq - 1].broadcast_id != group.last

    def reason(self, after: Position) -> str | None:
        if after.seq and after.epoch != self.epoch:
            return Reason.EPOCH
        if after.seq > len(self.log):
            return Reason.AHEAD
        return Reason.TRUNCATED if after.seq < self.dropped else None

    def answers(self, entries: Sequence[Entry]) -> dict[str, Committed | Reused]:
        answers: dict[str, Committed | Reused] = {}
        for entry in entries:
            if entry.broadcast_id in self.known:
                first, position = self.known[entry.broadcast_id]
                same = (first.user_id, first.fingerprint) == (entry.user_id, entry.fingerprint)
                answers[entry.broadcast_id] = (
                    Committed(position, first.receipt, again=True) if same else Reused()
                )
        return answers


class Model:
    """Does every step to the storages and to itself, and asserts that nobody can tell them apart.

    Give it storages on the same data; each step picks one of them.
    """

    def __init__(
        self, dice: random.Random, pages: Sequence[PageKey], *, refuses_strays: bool
    ) -> None:
        self._dice = dice
        self._refuses_strays = refuses_strays
        self._pages = {page: _Page() for page in pages}
        self._made = 0

    async def step(self, storages: Sequence[Storage]) -> None:
        storage = self._dice.choice(storages)
        page = self._dice.choice(list(self._pages))
        steps = (
            *(self._commit, self._check, self._erase, self._renew, self._trim, self._reopen),
            self._move,
        )
        [step] = self._dice.choices(steps, weights=(60, 25, 2, 3, 5, 1, 3))
        await step(storage, page)

    async def _commit(self, storage: Storage, page: PageKey) -> None:
        pages = self._dice.sample(list(self._pages), self._dice.randint(1, len(self._pages)))
        groups = [self._group(page) for page in pages]
        tails: dict[PageKey, Tail] = {}

        def revise(page: PageKey, tail: Tail) -> Sequence[Entry]:
            tails[page] = tail
            [group] = [g for g in groups if g.page == page]
            return _revised(group, tail)

        answers = await storage.commit(groups, revise)
        for group, outcomes in zip(groups, answers, strict=True):
            self._compare(group, outcomes, tails.get(group.page))

    def _group(self, key: PageKey) -> Group:
        page = self._pages[key]
        entries = {e.broadcast_id: e for e in (self._entry(page) for _ in range(4))}
        older = Position(page.epoch, self._dice.randint(0, len(page.log) + 1))
        strange = Position("strange", self._dice.randint(0, 3))
        [expected] = self._dice.choices((page.head, older, strange), weights=(6, 3, 1))
        return Group(key, expected, list(entries.values()), self._last(page, expected.seq))

    def _last(self, page: _Page, seq: int) -> str:
        right = page.log[seq - 1].broadcast_id if 0 < seq <= len(page.log) else ""
        # A note has the number of the event before it.
        noted = [name for name, (_, position) in page.known.items() if position.seq == seq]
        another = self._dice.choice(noted or list(page.known) or ["lost"])
        [last] = self._dice.choices((right, "", another, "lost"), weights=(16, 4, 2, 1))
        return str(last)

    def _entry(self, page: _Page) -> Entry:
        dice = self._dice
        if page.known and dice.random() < 0.2:
            entry, _ = page.known[dice.choice(list(page.known))]
            changes: tuple[dict[str, Any], ...] = (
                {},
                {"user_id": "mallory"},
                {"fingerprint": b"?" * 16},
                {"lookup": True},
            )
            return replace(entry, **dice.choice(changes))
        self._made += 1
        return Entry(
            broadcast_id=f"id-{self._made}",
            user_id=dice.choice(("ann", "bob")),
            fingerprint=dice.randbytes(16),
            receipt=dice.randbytes(3),
            event=dice.choice((None, b"", dice.randbytes(5), dice.randbytes(50))),
            body_key=dice.choice((None, *KEYS)),
            puts=[
                Record(key, dice.randbytes(4), f"text {self._made}", len(page.log) + 1)
                for key in KEYS
                if dice.random() < 0.3
            ],
            deletes=["d", *dice.sample(KEYS, 1)] if dice.random() < 0.1 else [],
            lookup=dice.random() < 0.1,
        )

    def _compare(self, group: Group, outcomes: Mapping[str, Outcome], tail: Tail | None) -> None:
        page = self._pages[group.page]
        known = page.answers(group.entries)
        entries = group.entries
        if self._refuses_strays and page.is_astray(group):
            assert outcomes == {e.broadcast_id: Reset(page.head) for e in entries}
            return
        at_head = group.expected == page.head or group.expected.seq == page.head.seq == 0
        if not at_head or any(e.broadcast_id in known and not e.lookup for e in entries):
            if page.reason(group.expected):
                assert outcomes == {e.broadcast_id: Reset(page.head) for e in entries}
                return
            assert tail == Tail(page.head, page.events(group.expected.seq), known)
            entries = _revised(group, tail)
        else:
            assert tail is None
        expected: dict[str, Outcome] = {e.broadcast_id: Unknown() for e in group.entries}
        for entry in entries:
            if not entry.lookup:
                expected[entry.broadcast_id] = self._append(page, entry, outcomes)
        assert outcomes == expected | known

    def _append(self, page: _Page, entry: Entry, outcomes: Mapping[str, Outcome]) -> Committed:
        if entry.event is not None:
            if not page.log:
                first = outcomes[entry.broadcast_id]
                assert isinstance(first, Committed)
                page.epoch = first.position.epoch
                assert page.epoch
            page.log.append(entry)
        page.known[entry.broadcast_id] = (entry, page.head)
        page.records.update((record.key, record) for record in entry.puts)
        for key in entry.deletes:
            page.records.pop(key, None)
        return Committed(page.head, entry.receipt)

    async def _check(self, storage: Storage, key: PageKey) -> None:
        page = self._pages[key]
        loaded = await storage.load(key)
        assert loaded.position == page.head
        assert {r.key: r for r in loaded.records} == page.records
        assert len(loaded.records) == len(page.records)
        after = Position(page.epoch, self._dice.randint(0, len(page.log) + 1))
        limit = self._dice.choice((1, 3, 1000))
        expected = page.reason(after) or Tail(page.head, page.events(after.seq)[:limit])
        assert await storage.read(key, after, limit) == expected
        assert await storage.heads(self._pages) == {k: p.head for k, p in self._pages.items()}

    async def _erase(self, storage: Storage, key: PageKey) -> None:
        await storage.erase(key)
        self._pages[key] = _Page()

    async def _move(self, storage: Storage, key: PageKey) -> None:
        """Out of the storage and back into it: nothing has happened."""
        page = self._pages[key]
        copy = await storage.dump(key)
        assert (copy.position, copy.trimmed) == (page.head, page.dropped)
        assert {record.key: record for record in copy.records} == page.records
        assert {one.broadcast_id: one.position for one in copy.kept} == {
            name: position for name, (_, position) in page.known.items()
        }
        if self._dice.random() < 0.5:
            await storage.erase(key)
        assert await storage.restore(key, copy)

    async def _renew(self, storage: Storage, key: PageKey) -> None:
        page = self._pages[key]
        seen = Position(page.epoch, len(page.log) + self._dice.randint(-1, 2))
        position = await storage.renew(key, seen)
        if page.log and seen.seq > len(page.log):
            assert position.epoch not in (page.epoch, "")
            page.epoch = position.epoch
        assert position == page.head

    async def _trim(self, storage: Storage, key: PageKey) -> None:
        keep = self._dice.randint(0, 30)
        dropped = 0
        while more := await storage.trim(before_ms=FAR_AHEAD, keep_events=keep):
            dropped += more
        for page in self._pages.values():
            last = max(page.dropped, len(page.log) - keep)
            dropped -= last - page.dropped
            page.dropped = last
            page.known = {n: e for n, e in page.known.items() if e[1].seq > last}
        assert dropped == 0

    async def _reopen(self, storage: Storage, key: PageKey) -> None:
        await storage.close()
        await storage.open()
        assert await storage.heads([NO_PAGE]) == {NO_PAGE: NOWHERE}


NO_PAGE = PageKey("nobody", "nothing")


def _revised(group: Group, tail: Tail) -> list[Entry]:
    """Drops what is known and what the tail made invalid, and says so in the bytes."""
    return [
        replace(entry, event=entry.event and entry.event + b" after %d" % tail.position.seq)
        for place, entry in enumerate(group.entries)
        if entry.broadcast_id not in tail.known and (place + len(tail.events)) % 4
    ]
