"""Pages in this process's memory: the reference of what a storage does, and the one for tests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_bytes
from threading import Lock
from typing import ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

from ..core.model import NOWHERE, Mark, PageKey, Position
from ..core.text import ANONYMOUS
from ..errors import ConfigError
from .abc import (
    Entry,
    Failed,
    Group,
    Kept,
    Loaded,
    LogEvent,
    Outcome,
    PageCopy,
    ReadBy,
    Record,
    Revise,
    Rewrite,
    Storage,
    Tail,
    UsageDelta,
    UsageRow,
    new_epoch,
)
from .turn import Head, Known, Turn, check_groups

__all__ = ["MemoryStorage"]

_TRIM_AT_ONCE = 10_000
_DAY_MS = 86_400_000


class _Logged(msgspec.Struct, frozen=True, gc=False):
    event: bytes
    body_key: str | None
    broadcast_id: str
    created_ms: int


class _Remembered(msgspec.Struct, frozen=True, gc=False):
    """A `Known` in parts: a position in each would be visited by the collector for ever."""

    user_id: str
    fingerprint: bytes
    epoch: str
    seq: int
    receipt: bytes
    created_ms: int

    @property
    def known(self) -> Known:
        return Known(self.user_id, self.fingerprint, Position(self.epoch, self.seq), self.receipt)


@dataclass(slots=True)
class _Page:
    head: Head = field(default_factory=Head)
    log: dict[int, _Logged] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    remembered: dict[str, _Remembered] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    """The day on which an anonymous visitor's position moved last."""

    def events(self, after: int, limit: int | None = None) -> list[LogEvent]:
        numbers = islice(range(after + 1, self.head.position.seq + 1), limit)
        return [self._event(seq, self.log[seq]) for seq in numbers]

    def _event(self, seq: int, logged: _Logged) -> LogEvent:
        record = self.records.get(logged.body_key) if logged.body_key is not None else None
        body = record.body if record is not None and record.body_seq == seq else ""
        return LogEvent(seq, logged.event, body, logged.broadcast_id)

    def write(self, turn: Turn, now_ms: int) -> bool:
        placed = turn.place()
        self.head = turn.head
        for entry, position in placed:
            if entry.event is not None:
                self.log[position.seq] = _Logged(
                    entry.event, entry.body_key, entry.broadcast_id, now_ms
                )
            self.remembered[entry.broadcast_id] = _Remembered(
                entry.user_id, entry.fingerprint, *position, entry.receipt, now_ms
            )
            for record in entry.puts:
                self.records[record.key] = record
            for key in entry.deletes:
                self.records.pop(key, None)
        return bool(placed)

    def strays(self, mark: Mark) -> bool:
        """Whether another event stands where `mark` saw one."""
        logged = self.log.get(mark.position.seq)
        same_epoch = mark.position.epoch == self.head.position.epoch
        return same_epoch and logged is not None and logged.broadcast_id != mark.broadcast_id

    def copy(self) -> PageCopy:
        logged = {one.broadcast_id: one for one in self.log.values()}
        kept = []
        for broadcast_id, remembered in self.remembered.items():
            one = logged.get(broadcast_id)
            kept.append(
                Kept(
                    Position(remembered.epoch, remembered.seq),
                    broadcast_id,
                    remembered.user_id,
                    remembered.fingerprint,
                    remembered.receipt,
                    one.event if one else None,
                    one.body_key if one else None,
                    remembered.created_ms,
                )
            )
        records = list(self.records.values())
        return PageCopy(self.head.position, self.head.trimmed, records, kept, dict(self.read))

    @classmethod
    def of(cls, copy: PageCopy, now_ms: int) -> Self:
        page = cls(Head(copy.position, copy.trimmed))
        page.records = {record.key: record for record in copy.records}
        for user_id, seq in copy.read.items():
            page.move(user_id, seq, now_ms)
        for one in copy.kept:
            page.remembered[one.broadcast_id] = _Remembered(
                one.user_id, one.fingerprint, *one.position, one.receipt, one.created_ms
            )
            if one.event is not None:
                page.log[one.position.seq] = _Logged(
                    one.event, one.body_key, one.broadcast_id, one.created_ms
                )
        return page

    def move(self, user_id: str, seq: int, now_ms: int) -> None:
        if seq > self.read.get(user_id, -1):
            self.read[user_id] = seq
            if user_id.startswith(ANONYMOUS):
                self.moved[user_id] = now_ms // _DAY_MS

    def forget(self, user_id: str) -> bool:
        self.moved.pop(user_id, None)
        return self.read.pop(user_id, None) is not None

    def trim(self, before_ms: int, keep_events: int, most: int) -> int:
        head, trimmed = self.head.position.seq, self.head.trimmed
        last = min(head - keep_events, trimmed + most)
        seq = trimmed
        while seq < last and self.log[seq + 1].created_ms < before_ms:
            seq += 1
            del self.log[seq]
        self.head = Head(self.head.position, seq)
        for broadcast_id, one in list(self.remembered.items()):
            if one.created_ms < before_ms and one.seq <= seq:
                del self.remembered[broadcast_id]
        return seq - trimmed


class _Data:
    """What outlives an instance. Locked: a host may run several loops in several threads."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.pages: dict[PageKey, _Page] = {}
        self.usage: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self.deltas: set[tuple[str, int]] = set()
        self.key = token_bytes(32)


_named: defaultdict[str, _Data] = defaultdict(_Data)


class MemoryStorage(Storage):
    """`memory://`: a store of this instance's own, which survives close and open.

    `memory://name`: one store for all instances of that name in this process.
    `clock` gives the Unix time in milliseconds.
    """

    shared: ClassVar[bool] = False

    def __init__(
        self, name: str = "", *, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._name = name
        self._clock = clock
        self._data = _named[name] if name else _Data()

    def __repr__(self) -> str:
        return f"MemoryStorage('memory://{self._name}')"

    @classmethod
    def from_url(cls, url: str) -> Self:
        parts = urlsplit(url)
        if parts.query or "@" in parts.netloc:
            # Their names only: a value may be a password that belongs to another URL.
            options = ", ".join(dict(parse_qsl(parts.query, keep_blank_values=True)))
            raise ConfigError(f"storage: memory://name has no options, and no {options or 'user'}")
        return cls(parts.netloc + parts.path)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        check_groups(groups)
        # A storage that never suspends would let a busy committer starve the loop.
        await asyncio.sleep(0)
        with self._data.lock:
            return [self._commit(group, revise) for group in groups]

    def _commit(self, group: Group, revise: Revise) -> Mapping[str, Outcome]:
        page = self._data.pages.get(group.page) or _Page()
        failed: dict[str, Failed] = {}
        turn = self._take(page, Turn(group, page.head, failed, group.last), revise)
        while guilty := _refused(group.page, turn.entries):
            failed |= guilty
            turn = self._take(page, Turn(group, page.head, failed, group.last), revise)
        if page.write(turn, self._clock()):
            self._data.pages[group.page] = page
        return turn.outcomes

    def _take(self, page: _Page, turn: Turn, revise: Revise) -> Turn:
        if turn.last and page.log[turn.expected.seq].broadcast_id != turn.last:
            turn.astray()
        while True:
            found: dict[str, Known] = {}
            for broadcast_id in turn.unasked:
                if broadcast_id in page.remembered:
                    found[broadcast_id] = page.remembered[broadcast_id].known
            turn.learn(found)
            if not turn.wants_tail or turn.is_lost():
                return turn
            turn.revise(revise, page.events(turn.expected.seq))

    async def load(self, page: PageKey) -> Loaded:
        with self._data.lock:
            found = self._data.pages.get(page) or _Page()
            end = found.log.get(found.head.position.seq)
            last = end.broadcast_id if end else ""
            return Loaded(found.head.position, list(found.records.values()), last)

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        with self._data.lock:
            found = self._data.pages.get(page) or _Page()
            reason = found.head.why_no_tail(after)
            return reason or Tail(found.head.position, found.events(after.seq, limit))

    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        with self._data.lock:
            known = self._data.pages
            return {key: known[key].head.position if key in known else NOWHERE for key in pages}

    async def renew(self, page: PageKey, seen: Position) -> Position:
        with self._data.lock:
            found = self._data.pages.get(page) or _Page()
            epoch, seq = found.head.position
            if seq and epoch == seen.epoch and seq < seen.seq:
                found.head = Head(Position(new_epoch(), seq), found.head.trimmed)
            return found.head.position

    async def strays(self, marks: Mapping[PageKey, Sequence[Mark]]) -> Collection[PageKey]:
        with self._data.lock:
            known = self._data.pages
            return [
                key for key in marks if key in known and any(map(known[key].strays, marks[key]))
            ]

    async def renew_stray(self, page: PageKey, marks: Sequence[Mark]) -> Position:
        with self._data.lock:
            found = self._data.pages.get(page) or _Page()
            if any(map(found.strays, marks)):
                seq = found.head.position.seq
                found.head = Head(Position(new_epoch(), seq), found.head.trimmed)
            return found.head.position

    async def erase(self, page: PageKey) -> None:
        with self._data.lock:
            self._data.pages.pop(page, None)

    async def dump(self, page: PageKey) -> PageCopy:
        with self._data.lock:
            return (self._data.pages.get(page) or _Page()).copy()

    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        with self._data.lock:
            found = self._data.pages.get(page) or _Page()
            if not copy.position.continues(found.head.position):
                return False
            self._data.pages[page] = _Page.of(copy, self._clock())
            return True

    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        with self._data.lock:
            made = rewrite((self._data.pages.get(page) or _Page()).copy())
            if made is not None:
                self._data.pages[page] = _Page.of(made, self._clock())
            return made is not None

    async def purge(self) -> None:
        """What was deleted is gone."""

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        with self._data.lock:
            for (key, user_id), seq in read.items():
                page = self._data.pages.get(key)
                if page is not None:
                    page.move(user_id, min(seq, page.head.position.seq), self._clock())

    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        with self._data.lock:
            known = self._data.pages
            return {
                one: known[one.page].read[one.user_id]
                for one in asked
                if one.page in known and one.user_id in known[one.page].read
            }

    async def forget_read(self, tenant_id: str, user_id: str) -> int:
        with self._data.lock:
            pages = [page for key, page in self._data.pages.items() if key.tenant_id == tenant_id]
            return sum(page.forget(user_id) for page in pages)

    async def trim_read(self, *, before_ms: int) -> int:
        with self._data.lock:
            old = (
                (page, user_id)
                for page in self._data.pages.values()
                for user_id, day in page.moved.items()
                if day < before_ms // _DAY_MS
            )
            dropped = list(islice(old, _TRIM_AT_ONCE))
            return sum(page.forget(user_id) for page, user_id in dropped)

    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        with self._data.lock:
            left = _TRIM_AT_ONCE
            for page in self._data.pages.values():
                left -= page.trim(before_ms, keep_events, left)
            return _TRIM_AT_ONCE - left

    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        with self._data.lock:
            keys = sorted(
                key
                for key in self._data.pages
                if (tenant_id is None or key.tenant_id == tenant_id)
                and (after is None or key > after)
            )
            return keys[:limit]

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        with self._data.lock:
            for delta in deltas:
                name = (delta.run_id, delta.serial)
                if name not in self._data.deltas:
                    self._data.deltas.add(name)
                    row = (delta.tenant_id, delta.day, delta.url_id)
                    self._data.usage[row].update(delta.counters)

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        with self._data.lock:
            return [
                UsageRow(tenant, url_id, day, dict(counters))
                for (tenant, day, url_id), counters in sorted(self._data.usage.items())
                if tenant == tenant_id and first_day <= day <= last_day
            ]

    async def forget_usage(self, tenant_id: str, before_day: str) -> None:
        with self._data.lock:
            for row in list(self._data.usage):
                if row[0] == tenant_id and row[1] < before_day:
                    del self._data.usage[row]

    async def key(self) -> bytes:
        return self._data.key

    async def rotate_key(self) -> None:
        self._data.key = token_bytes(32)


def _refused(page: PageKey, entries: Sequence[Entry]) -> dict[str, Failed]:
    """Entries with text that no database stores: lone halves of a surrogate pair."""
    failed = {}
    for entry in entries:
        texts = [*page, entry.broadcast_id, entry.user_id, *[put.body for put in entry.puts]]
        try:
            "".join(texts).encode()
        except UnicodeEncodeError as error:
            failed[entry.broadcast_id] = Failed(error)
    return failed
