"""What the tests ask of `dump` and `restore`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..core.model import NOWHERE, Position
from ..storage.abc import Committed, Entry, PageCopy, Reason, Record, Reused, Storage
from ..storage.memory import MemoryStorage
from .storage_acts import (
    FAR_AHEAD,
    LONG_AGO,
    OTHER,
    PAGE,
    a_lookup,
    a_note,
    an_event,
    committed,
    grow,
    log_of,
    never,
    put,
)


def in_order(copy: PageCopy) -> PageCopy:
    """The same copy as every other storage would order it."""
    return replace(
        copy,
        records=sorted(copy.records, key=lambda record: record.key),
        kept=sorted(copy.kept, key=lambda one: one.broadcast_id),
    )


class Copying:
    """A page that moves is the same page, in whichever storage it was and will be."""

    async def test_a_restored_page_is_the_page_that_was(
        self, storage: Storage, second: Storage
    ) -> None:
        entries = await a_page_with_everything(storage)
        head, records = (loaded := await storage.load(PAGE)).position, loaded.records
        log = await log_of(storage, after=Position(head.epoch, 2))
        answers = await put(storage, head, *map(asked, entries), revise=never)
        copy = await storage.dump(PAGE)
        await storage.erase(PAGE)
        assert await storage.restore(PAGE, copy)
        loaded = await second.load(PAGE)
        assert loaded.position == head
        assert by_key(loaded.records) == by_key(records)
        assert await log_of(second, after=Position(head.epoch, 2)) == log
        assert await second.read(PAGE, Position(head.epoch, 1), 9) == Reason.TRUNCATED
        assert await put(second, head, *map(asked, entries), revise=never) == answers
        stolen = a_lookup("note", user_id="mallory")
        assert (await put(second, head, stolen))["note"] == Reused()
        assert in_order(await second.dump(PAGE)) == in_order(copy)

    async def test_a_restored_page_goes_on(self, storage: Storage) -> None:
        await a_page_with_everything(storage)
        copy = await storage.dump(PAGE)
        await storage.erase(PAGE)
        await storage.restore(PAGE, copy)
        epoch, seq = copy.position
        assert await grow(storage, 2) == Position(epoch, seq + 2)
        assert PAGE in await storage.pages(None, None, 9)

    async def test_a_page_moves_between_storages(self, storage: Storage) -> None:
        await a_page_with_everything(storage)
        copy = await storage.dump(PAGE)
        elsewhere = MemoryStorage()
        assert await elsewhere.restore(OTHER, copy)
        there = await elsewhere.dump(OTHER)
        assert in_order(there) == in_order(copy)
        assert await storage.restore(OTHER, there)
        assert in_order(await storage.dump(OTHER)) == in_order(copy)
        assert in_order(await storage.dump(PAGE)) == in_order(copy)

    async def test_a_renewed_page_keeps_what_it_told_before(self, storage: Storage) -> None:
        entry = an_event()
        before = committed((await put(storage, NOWHERE, entry))[entry.broadcast_id]).position
        after = await storage.renew(PAGE, Position(before.epoch, before.seq + 1))
        copy = await storage.dump(PAGE)
        await storage.erase(PAGE)
        await storage.restore(PAGE, copy)
        [answer] = (await put(storage, after, asked(entry))).values()
        assert answer == Committed(before, entry.receipt, again=True)
        assert await storage.heads([PAGE]) == {PAGE: after}

    async def test_a_page_that_went_on_is_not_replaced(self, storage: Storage) -> None:
        await grow(storage, 2)
        older = await storage.dump(PAGE)
        head = await grow(storage, 1)
        assert not await storage.restore(PAGE, older)
        strange = replace(older, position=Position("strange", 9))
        assert not await storage.restore(PAGE, strange)
        assert not await storage.restore(PAGE, PageCopy(NOWHERE, 0, (), ()))
        assert await storage.heads([PAGE]) == {PAGE: head}
        assert len((await log_of(storage)).events) == 3

    async def test_an_older_state_is_replaced_whole(self, storage: Storage) -> None:
        await put(storage, NOWHERE, an_event("kept", puts=[Record("gone", b"1")]))
        older = await storage.dump(PAGE)
        await put(storage, older.position, an_event(puts=[Record("new", b"2")], deletes=["gone"]))
        newer = await storage.dump(PAGE)
        await storage.erase(PAGE)
        for copy in (older, newer, newer):
            assert await storage.restore(PAGE, copy)
            assert in_order(await storage.dump(PAGE)) == in_order(copy)

    async def test_restored_operations_are_as_old_as_they_were(self, storage: Storage) -> None:
        await grow(storage, 2)
        await put(storage, NOWHERE, a_note())
        copy = await storage.dump(PAGE)
        await storage.erase(PAGE)
        kept = [replace(one, created_ms=LONG_AGO) for one in copy.kept]
        await storage.restore(PAGE, replace(copy, kept=kept))
        young = await grow(storage, 1)
        while await storage.trim(before_ms=LONG_AGO + 1, keep_events=0):
            pass
        left = await storage.dump(PAGE)
        assert (left.position, left.trimmed) == (young, 2)
        assert [one.position for one in left.kept] == [young]

    async def test_an_unknown_page_and_one_without_events(self, storage: Storage) -> None:
        assert in_order(await storage.dump(PAGE)) == PageCopy(NOWHERE, 0, [], [])
        note = a_note()
        await put(storage, NOWHERE, note)
        copy = await storage.dump(PAGE)
        assert (copy.position, len(copy.kept)) == (NOWHERE, 1)
        await storage.erase(PAGE)
        await storage.restore(PAGE, copy)
        [answer] = (await put(storage, NOWHERE, asked(note))).values()
        assert answer == Committed(NOWHERE, note.receipt, again=True)


async def a_page_with_everything(storage: Storage) -> list[Entry]:
    """Events, notes, texts, records, and a log that was trimmed; the entries that it remembers."""
    await put(
        storage,
        NOWHERE,
        an_event(puts=[Record("c:1", b"chat"), Record("m:1", b"first", "first text", 1)]),
        an_event(body_key="m:1"),
        page=PAGE,
    )
    while await storage.trim(before_ms=FAR_AHEAD, keep_events=0):
        pass
    entries = [
        an_event("note", event=None),
        an_event(body_key="m:2", puts=[Record("m:2", b"\0\xff", "text 🎉 \u202e", 3)]),
        an_event(event=b"", user_id="bob", fingerprint=bytes(16), receipt=b""),
        an_event(body_key="m:1", puts=[Record("m:1", b"again", "other text", 5)]),
        a_note(user_id="bob"),
    ]
    [head] = (await storage.heads([PAGE])).values()
    await put(storage, head, *entries, revise=never)
    return entries


def asked(entry: Entry) -> Entry:
    return replace(entry, lookup=True, event=None, puts=())


def by_key(records: Sequence[Record]) -> dict[str, Record]:
    return {record.key: record for record in records}
