"""What is forgotten by age, beside what comes back meanwhile: no retry is unknown too early, and
nobody is told a part."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi import Tuning
from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.clock import FakeClock
from collabchat_asgi.testing.operations import (
    create_chat,
    delete_chat,
    delete_comment,
    new_id,
    reopen_chat,
    resolve_chat,
)

from .conftest import Start
from .harness import TroubledBus, TroubledStorage, turns, until

DAY = 86_400
DEDUPE_MS = 7 * DAY * 1_000
LONG = "😀" * 2_000
"""Some thirty of them are one part of a replay."""


class Timed(MemoryStorage):
    """It has a clock of its own, as a database server has."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock.now_ms)
        self.there = clock

    async def now_ms(self) -> int | None:
        return self.there.now_ms()


class Cut(TroubledStorage):
    """Its log loses its beginning just before the read of this number."""

    def __init__(self, inner: Storage, at: int) -> None:
        super().__init__(inner)
        self.at = at

    async def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        if name == "read":
            self.at -= 1
            if self.at == 0:
                assert await self.inner.trim(before_ms=2**50, keep_events=1)
        return await super()._call(name, *arguments, **named)


@pytest.mark.parametrize("at", [1, 2])
async def test_a_log_that_is_trimmed_under_a_resume(start: Start, at: int) -> None:
    """Whoever was told `recovered: true` and cannot be told the rest gets the whole page."""
    inner = MemoryStorage()
    one = await start(inner, TroubledBus(bus := new_id()))
    ann = await one.join("ann")
    for _ in range(40):
        ack = await ann.do(create_chat(LONG))
    cut = Cut(inner, at)
    two = await start(cut, TroubledBus(bus), tuning=Tuning(ring_frames=2, snapshot_bytes=2**22))
    bob = two.connect("bob")
    bob.ask_for_page(bob.stand_at(ack["epoch"], 3))
    await until(lambda: bob.closed or bob.page.seq == 40, "the page")
    assert cut.at <= 0, "it was read so often"
    if bob.closed:
        assert bob.closed[0] in (4509, 4510)
        bob = await bob.come_back(two)
        await bob.at(40)
    told = bob.of("subscribed")
    assert told[-1]["recovered"] is False
    parts = bob.numbers
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(parts)), parts
    assert bob.page.outline() == ann.page.outline()


@pytest.mark.parametrize("order", list(itertools.permutations(["trim", "resume", "retry"])))
async def test_a_retry_is_known_beside_a_trim_and_a_resume(
    start: Start, storages: Callable[[], Storage], order: tuple[str, ...]
) -> None:
    """An answer got lost, and its operation comes again at the last moment of its promise: what
    was said first is said again, however much the log has lost meanwhile. What would be done a
    second time where it is not known is not: the discussion was opened again in between."""
    one = await start(TroubledStorage(storages()), TroubledBus(bus := new_id()))
    ann = await one.join("ann")
    chat = create_chat()
    await ann.do(chat)
    resolve = resolve_chat(chat["chat"]["id"])
    storage: Any = one.storage
    storage.break_after.append("commit")
    ann.operate(resolve)
    await until(lambda: not storage.break_after, "the commit whose answer got lost")
    ann.leave()
    eve = await one.join("eve")
    await eve.do(reopen_chat(chat["chat"]["id"]))
    for _ in range(4):
        last = await eve.do(create_chat())
    before_ms = one.services.storage_time.now_ms() + 10_000 - DEDUPE_MS
    two = await start(TroubledStorage(storages()), TroubledBus(bus))
    held = two.storage.hold("commit") if order[0] == "retry" else None  # type: ignore[attr-defined]
    back = two.connect("ann", history=ann.history, page=ann.page)
    for act in order:
        if act == "trim":
            while await two.storage.trim(before_ms=before_ms, keep_events=0):
                pass
        elif act == "resume":
            back.ask_for_page(back.stand_at(last["epoch"], 1))
        else:
            back.operate(resolve)
        await turns()
    if held is not None:
        held.open()
    ack = await back.answer(resolve["broadcastId"])
    assert (ack["type"], ack["seq"]) == ("ack", 2)
    await eve.at(last["seq"])
    assert (await two.page()).position.seq == last["seq"]


@pytest.mark.parametrize("from_the_start", [True, False])
async def test_a_process_ahead_of_the_storage_forgets_no_deleted_id(
    start: Start, from_the_start: bool
) -> None:
    """An id is not accepted again for `dedupeMs` after its deletion, by the storage's time."""
    there, clock = FakeClock(), FakeClock()
    storage, bus = Timed(there), new_id()
    right = await start(storage, TroubledBus(bus), clock=there)
    if from_the_start:
        clock.skew(10 * DAY * 1_000)
    ahead = await start(storage, TroubledBus(bus), clock=clock)
    ann, bob = await right.join("ann"), await ahead.join("bob")
    chat = create_chat()
    await ann.do(chat)
    await ann.do(delete_chat(chat["chat"]["id"]))
    await bob.at(2)
    page = ahead.open_page()
    if not from_the_start:
        clock.skew(10 * DAY * 1_000)
    await ticks(clock, 12)
    assert chat["chat"]["id"] in page.state.deleted
    again = await bob.refused(create_chat(id=chat["chat"]["id"]), "conflict")
    assert again["retry"] is False
    there.advance(7 * DAY)
    clock.advance(7 * DAY)
    await ticks(clock, 12)
    eve = await ahead.join("eve")
    await eve.do(create_chat(id=chat["chat"]["id"]))


async def test_a_process_behind_the_storage_stamps_no_deletion_old(start: Start) -> None:
    """The others would forget its id early, and an old message could come again under it."""
    there, clock = FakeClock(), FakeClock()
    storage, bus = Timed(there), new_id()
    clock.skew(-10 * DAY * 1_000)
    right = await start(storage, TroubledBus(bus), clock=there)
    behind = await start(storage, TroubledBus(bus), clock=clock)
    ann, bob = await right.join("ann"), await behind.join("bob")
    chat, other = create_chat(), create_chat()
    for one in (chat, other):
        await bob.do(one)
    await bob.do(delete_chat(chat["chat"]["id"]))
    comment = other["chat"]["comment"]["id"]
    await bob.do(delete_comment(other["chat"]["id"], comment))
    await ann.at(4)
    for clock_of, server in ((there, right), (clock, behind)):
        await ticks(clock_of, 12)
        deleted = server.open_page().state.deleted
        assert {chat["chat"]["id"], other["chat"]["id"], comment} <= {
            id for id, _ in deleted.items()
        }
    await ann.refused(create_chat(id=chat["chat"]["id"]), "conflict")


async def test_a_new_file_stamps_no_deletion_old(start: Start, tmp_path: Path) -> None:
    """SQLite's time is no later than its newest entry, and a process asks it at start: at 0, in a
    file without any. A deletion that was stamped with it would be of 1970, and forgotten as soon as
    it is asked again."""
    clock = FakeClock()
    storage = SqliteStorage(tmp_path / "new.db", clock=clock.now_ms)
    one = await start(storage, TroubledBus(new_id()), clock=clock)
    ann = await one.join("ann")
    chat = create_chat()
    created = await ann.do(chat)
    deleted = await ann.do(delete_chat(chat["chat"]["id"]))
    assert deleted["ts"] >= created["ts"]
    await one.services.storage_time.ask()
    await ticks(clock, 12)
    await ann.refused(create_chat(id=chat["chat"]["id"]), "conflict")


async def ticks(clock: FakeClock, count: int) -> None:
    for _ in range(count):
        clock.advance(1.0)
        await turns()
