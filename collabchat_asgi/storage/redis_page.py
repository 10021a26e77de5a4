"""How a page lies in Redis: the names of its keys, and its values as bytes. `lua/page.lua` reads
the same, so a number or a length that Lua needs stands in front, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Any, NamedTuple, TypeAlias

import msgspec

from ..core.model import Mark, PageKey, Position, Record
from ..core.text import ANONYMOUS
from ..errors import StorageError
from ..redis_client.servers import Command, Script
from .abc import Entry, Failed, Kept, LogEvent, PageCopy
from .turn import Head, Known

__all__ = ["Keys", "Names", "script"]

Word: TypeAlias = str | bytes | int

PARTS = ("head", "log", "records", "ids", "notes", "turn", "line", "read", "moved")


@cache
def script(name: str, *, of_page: bool = True) -> Script:
    """A script from `lua/`, behind what all scripts of a page have in common."""
    folder = resources.files(__package__).joinpath("lua")
    common = folder.joinpath("page.lua").read_text("utf-8") if of_page else ""
    return Script(common + folder.joinpath(f"{name}.lua").read_text("utf-8"))


class Keys(NamedTuple):
    """Those of one page, all in one slot."""

    head: str
    log: str
    records: str
    ids: str
    notes: str
    turn: str
    line: str
    read: str
    moved: str

    def call(self, name: str, *args: Word) -> Command:
        return Command(self.head, (len(self), *self, *args), script(name))


class Names:
    """Every key in Redis. What users chose is hashed, with its length in front: no two are one."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.index = f"{prefix}:pages"
        self.key = f"{prefix}:key"
        self.schema = f"{prefix}:schema"

    def page(self, page: PageKey) -> Keys:
        stem = f"{self._prefix}:{{{_digest(*page)}}}:"
        return Keys(*(stem + part for part in PARTS))

    def usage_days(self, tenant_id: str) -> str:
        return f"{self._prefix}:{{{_digest(tenant_id)}}}:days"

    def usage_rows(self, tenant_id: str, day: str) -> str:
        return f"{self._prefix}:{{{_digest(tenant_id)}}}:rows:{_digest(day)}"

    def usage_seen(self, tenant_id: str, day: str) -> str:
        return f"{self._prefix}:{{{_digest(tenant_id)}}}:seen:{_digest(day)}"


def _digest(*texts: str) -> str:
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    sizes = ",".join(str(len(part)) for part in parts)
    return blake2b(b"".join((sizes.encode(), b":", *parts)), digest_size=16).hexdigest()


def pack_event(entry: Entry | Kept, now_ms: int) -> bytes:
    key = (entry.body_key or "").encode()
    name = entry.broadcast_id.encode()
    return b"%c%b%d:%d:%b%b" % (len(key), key, now_ms, len(name), name, entry.event or b"")


def events_of(page: PageKey, after: int, flat: Sequence[bytes | None]) -> list[LogEvent]:
    """From what `tail` in Lua gives: each event, then its text."""
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [_event(page, seq, *pair) for seq, pair in enumerate(pairs, after + 1)]


def _event(page: PageKey, seq: int, packed: bytes | None, body: bytes | None) -> LogEvent:
    if packed is None:
        raise StorageError(f"the log of {page} lacks number {seq}: somebody deleted from it")
    _, length, rest = packed[1 + packed[0] :].split(b":", 2)
    size = int(length)
    return LogEvent(seq, rest[size:], (body or b"").decode(), rest[:size].decode())


def pack_record(record: Record) -> bytes:
    body = record.body.encode()
    return b"%d:%d:%b%b" % (record.body_seq, len(body), body, record.value)


def records_of(flat: Sequence[bytes]) -> list[Record]:
    return [_record(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]


def _record(key: bytes, packed: bytes) -> Record:
    body_seq, length, rest = packed.split(b":", 2)
    size = int(length)
    return Record(key.decode(), rest[size:], rest[:size].decode(), int(body_seq))


def pack_known(entry: Entry | Kept, position: Position, now_ms: int) -> bytes:
    rest = (entry.user_id, entry.fingerprint, position.epoch, entry.receipt)
    # A note has the number of the event before it; older releases read `+5` as 5.
    note = b"+" if entry.event is None else b""
    return b"%d:%b%d:%b" % (now_ms, note, position.seq, msgspec.msgpack.encode(rest))


def known_of(packed: bytes) -> Known:
    _, seq, rest = packed.split(b":", 2)
    user_id, fingerprint, epoch, receipt = _decode_known(rest)
    return Known(user_id, fingerprint, Position(epoch, int(seq)), receipt)


_decode_known = msgspec.msgpack.Decoder(tuple[str, bytes, str, bytes]).decode


def changes(
    placed: Iterable[tuple[Entry | Kept, Position]], puts: Iterable[Record], now_ms: int | None
) -> list[list[Word]]:
    """What goes into LOG, IDS, NOTES and RECORDS. Without a time: each has its own."""
    log: list[Word] = []
    ids: list[Word] = []
    notes: list[Word] = []
    for entry, position in placed:
        made_ms = entry.created_ms if isinstance(entry, Kept) else now_ms or 0
        ids += (entry.broadcast_id, pack_known(entry, position, made_ms))
        if entry.event is None:
            notes += (position.seq, entry.broadcast_id)
        else:
            log += (position.seq, pack_event(entry, made_ms))
    return [log, ids, notes, [word for put in puts for word in (put.key, pack_record(put))]]


def counted(lists: Iterable[Sequence[Word]]) -> list[Word]:
    """One flat list, each with its length in front, as `give` in Lua takes them."""
    return [word for words in lists for word in (len(words), *words)]


def kept_of(page: PageKey, log: Sequence[bytes], ids: Sequence[bytes]) -> list[Kept]:
    """From both hashes, whole."""
    events = {}
    for packed in log[1::2]:
        key, rest = packed[1 : 1 + packed[0]], packed[1 + packed[0] :]
        _, length, rest = rest.split(b":", 2)
        events[rest[: int(length)]] = (rest[int(length) :], key.decode() or None)
    kept = []
    for name, packed in zip(ids[::2], ids[1::2], strict=True):
        known, (event, key_or_none) = known_of(packed), events.get(name, (None, None))
        made_ms = int(packed.partition(b":")[0])
        facts = known.user_id, known.fingerprint, known.receipt
        kept.append(Kept(known.position, name.decode(), *facts, event, key_or_none, made_ms))
    return kept


def copy_of(page: PageKey, answer: Sequence[Any]) -> PageCopy:
    """From what `dump` in Lua gives."""
    epoch, seq, trimmed, records, log, ids, read, _ = answer
    position = head_of(epoch, seq).position
    kept = kept_of(page, log, ids)
    return PageCopy(position, trimmed, records_of(records), kept, read_of(read))


def copied(copy: PageCopy, now_ms: int) -> list[Word]:
    """As `become` in Lua takes it."""
    placed = [(one, one.position) for one in copy.kept]
    read: list[Word] = [word for pair in copy.read.items() for word in pair]
    strangers = [who for who in copy.read if who.startswith(ANONYMOUS)]
    moved: list[Word] = [word for who in strangers for word in (day_of(now_ms), who)]
    lists = counted([*changes(placed, copy.records, None), read, moved])
    return [*copy.position, copy.trimmed, *lists]


def recopied(whole: PageCopy, made: PageCopy, now_ms: int) -> list[Word]:
    """As `lua/rewrite.lua` takes what was made of a page."""
    moved = dict(made.read.items() - whole.read.items())
    gone = list(whole.read.keys() - made.read.keys())
    return [*copied(replace(made, read=moved), now_ms), *counted([gone, gone])]


def marked(marks: Sequence[Mark]) -> list[Word]:
    """As `strays` in Lua takes them."""
    return [len(marks), *(word for mark in marks for word in (*mark.position, mark.broadcast_id))]


def stands(marks: Sequence[Mark], known: Sequence[bytes | None]) -> bool:
    """Whether each of them is remembered, in IDS, as the event of its number."""
    return all(
        packed is not None and packed.split(b":", 2)[1] == b"%d" % mark.position.seq
        for mark, packed in zip(marks, known, strict=True)
    )


def day_of(now_ms: int) -> int:
    """Since 1970, in UTC."""
    return now_ms // 86_400_000


def read_of(flat: Sequence[bytes]) -> dict[str, int]:
    """How far each user has read."""
    return {who.decode(): int(seq) for who, seq in zip(flat[::2], flat[1::2], strict=True)}


def head_of(epoch: bytes, seq: int, trimmed: int = 0) -> Head:
    return Head(Position(epoch.decode(), seq), trimmed)


def unstorable(page: PageKey, entries: Iterable[Entry]) -> dict[str, Failed]:
    """Entries with text that no UTF-8 has (lone halves of a surrogate pair), or a key that is no
    key."""
    failed = {}
    for entry in entries:
        names = (*entry.deletes, *(put.key for put in entry.puts), entry.body_key or "")
        texts = (*page, entry.broadcast_id, entry.user_id, *(put.body for put in entry.puts))
        try:
            "".join((*texts, *names)).encode()
            if len((entry.body_key or "").encode()) > 255:
                raise ValueError("a body_key of more than 255 bytes")
        except ValueError as error:
            failed[entry.broadcast_id] = Failed(error)
    return failed
