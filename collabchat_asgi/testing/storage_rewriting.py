"""What the tests ask of `rewrite` and `purge`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

import pytest

from ..core.model import NOWHERE, Position
from ..core.text import anonymous_id
from ..errors import StorageError
from ..storage.abc import (
    PageCopy,
    ReadBy,
    Reason,
    Record,
    Reset,
    Storage,
    Tail,
    UsageDelta,
    new_epoch,
)
from .storage_acts import FAR_AHEAD, PAGE, a_note, an_event, committed, grow, log_of, put
from .storage_copying import a_page_with_everything, in_order


class Rewriting:
    """A page is made another under its lock, and nobody reads again what was left out."""

    purges: ClassVar[bool] = True
    """False where this instance cannot write its files anew: it says so then."""

    async def test_a_page_is_what_was_made_of_it(self, storage: Storage, second: Storage) -> None:
        await a_page_with_everything(storage)
        before = await storage.dump(PAGE)
        made = replace(
            before,
            position=Position(new_epoch(), before.position.seq),
            records=[Record("c:1", b"another"), *before.records[2:]],
            kept=[replace(one, user_id="") for one in before.kept if one.event is not None],
        )
        seen: list[PageCopy] = []

        def rewrite(page: PageCopy) -> PageCopy:
            seen.append(page)
            return made

        assert await storage.rewrite(PAGE, rewrite)
        assert in_order(seen[-1]) == in_order(before)
        for one in (storage, second):
            assert in_order(await one.dump(PAGE)) == in_order(made)
            assert await one.heads([PAGE]) == {PAGE: made.position}
            assert await one.read(PAGE, before.position, 9) == Reason.EPOCH

    async def test_none_leaves_it_alone(self, storage: Storage) -> None:
        head = await grow(storage, 2)
        before = await storage.dump(PAGE)
        assert not await storage.rewrite(PAGE, lambda _: None)
        assert in_order(await storage.dump(PAGE)) == in_order(before)
        assert await storage.heads([PAGE]) == {PAGE: head}

    async def test_an_error_leaves_it_alone_and_is_raised(self, storage: Storage) -> None:
        await grow(storage, 2)
        before = await storage.dump(PAGE)

        def fails(_: PageCopy) -> PageCopy:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await storage.rewrite(PAGE, fails)
        assert in_order(await storage.dump(PAGE)) == in_order(before)
        await grow(storage, 1)

    async def test_an_unknown_page_stays_unknown(self, storage: Storage) -> None:
        assert not await storage.rewrite(PAGE, lambda page: page if page.kept else None)
        assert await storage.heads([PAGE]) == {PAGE: NOWHERE}

    async def test_who_expects_the_old_page_is_told(self, storage: Storage) -> None:
        head = await grow(storage, 2)
        await storage.rewrite(PAGE, renewed)
        entry = an_event()
        [outcome] = (await put(storage, head, entry)).values()
        [now] = (await storage.heads([PAGE])).values()
        assert outcome == Reset(now)
        assert now.epoch != head.epoch
        assert await grow(storage, 1) == Position(now.epoch, 3)

    async def test_no_commit_is_lost_between_reading_and_writing(
        self, storage: Storage, second: Storage
    ) -> None:
        await grow(storage, 1)

        async def write(number: int) -> None:
            one = second if number % 2 else storage
            entry, position = an_event(f"w{number}"), NOWHERE
            while True:
                outcome = (await put(one, position, entry))[entry.broadcast_id]
                if not isinstance(outcome, Reset):
                    committed(outcome)
                    return
                position = outcome.position

        async def rewrite(one: Storage) -> None:
            assert await one.rewrite(PAGE, appended)

        work = [write(number) for number in range(6)]
        await asyncio.gather(*work, rewrite(storage), rewrite(second))
        names = [event.broadcast_id for event in (await log_of(storage)).events]
        assert len(names) == len(set(names)) == 9
        assert {f"w{number}" for number in range(6)} <= set(names)

    async def test_no_reading_is_lost_between_reading_and_writing(
        self, storage: Storage, second: Storage
    ) -> None:
        await grow(storage, 3)
        readers = [ReadBy(PAGE, f"reader {number}") for number in range(40)]
        ended = asyncio.Event()

        async def rewrite() -> None:
            while not ended.is_set():
                assert await storage.rewrite(PAGE, renewed)
                await asyncio.sleep(0)

        async def read() -> None:
            for reader in readers:
                await second.keep_read({reader: 1})
                await second.keep_read({reader: 2})
            ended.set()

        await asyncio.gather(rewrite(), read())
        assert await storage.read_up_to(readers) == dict.fromkeys(readers, 2)

    async def test_whose_reading_is_left_out_has_read_nothing(self, storage: Storage) -> None:
        await grow(storage, 3)
        people = ("ann", "bob", "cid", anonymous_id("acme", "a browser"))
        ann, bob, cid, visitor = (ReadBy(PAGE, user_id) for user_id in people)
        await storage.keep_read({ann: 1, bob: 1, visitor: 1})

        def others_read(page: PageCopy) -> PageCopy:
            return replace(page, read={bob.user_id: 2, cid.user_id: 3})

        assert await storage.rewrite(PAGE, others_read)
        assert await storage.read_up_to([ann, bob, cid, visitor]) == {bob: 2, cid: 3}
        assert await storage.trim_read(before_ms=FAR_AHEAD) == 0

    async def test_notes_are_kept_as_they_are_given(self, storage: Storage) -> None:
        note = a_note()
        await put(storage, await grow(storage, 1), note)
        await storage.rewrite(PAGE, renewed)
        [head] = (await storage.heads([PAGE])).values()
        asked = replace(note, lookup=True)
        assert committed((await put(storage, head, asked))[note.broadcast_id]).again

    async def test_purging_changes_nothing_that_is_there(
        self, storage: Storage, second: Storage
    ) -> None:
        await a_page_with_everything(storage)
        before = await storage.dump(PAGE)
        if self.purges:
            await storage.purge()
        else:
            with pytest.raises(StorageError):
                await storage.purge()
        assert in_order(await second.dump(PAGE)) == in_order(before)
        head = await grow(second, 1)
        tail = await storage.read(PAGE, Position(head.epoch, head.seq - 1), 9)
        assert isinstance(tail, Tail)
        assert len(tail.events) == 1

    async def test_usage_of_days_before_is_forgotten(
        self, storage: Storage, second: Storage
    ) -> None:
        days = ["2026-11-01", "2026-11-02", "2026-11-03"]
        rows = [(tenant, day) for tenant in ("acme", "acme 2") for day in days]
        await storage.add_usage(
            [
                UsageDelta("run", serial, tenant, "", day, {"operationCount": serial})
                for serial, (tenant, day) in enumerate(rows, 1)
            ]
        )
        await second.forget_usage("acme", "2026-11-03")
        left = await storage.usage("acme", "2026-01-01", "2026-12-31")
        assert [(row.day, row.counters) for row in left] == [("2026-11-03", {"operationCount": 3})]
        assert len(await second.usage("acme 2", "2026-01-01", "2026-12-31")) == 3
        await storage.forget_usage("unknown", "9999-12-31")


def renewed(page: PageCopy) -> PageCopy:
    return replace(page, position=Position(new_epoch(), page.position.seq))


def appended(page: PageCopy) -> PageCopy:
    """With one number more, in the same history."""
    position = Position(page.position.epoch, page.position.seq + 1)
    one = replace(page.kept[0], position=position, broadcast_id=f"made at {position.seq}")
    return replace(page, position=position, kept=[*page.kept, one])
