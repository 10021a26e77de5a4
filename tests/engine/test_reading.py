"""How far people have read: on every device of theirs, never backwards, and cheap."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Collection, Mapping

import pytest

from collabchat_asgi.core.model import PageKey, Position
from collabchat_asgi.engine.people import reading
from collabchat_asgi.storage.abc import ReadBy, Storage
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import create_chat, new_id

from .conftest import Start
from .harness import KEY, PAGE, Client, Server, TroubledBus, TroubledStorage, turns, until


def has_read(client: Client, seq: int) -> None:
    client.say({"type": "read", "urlId": PAGE, "seq": seq})


async def written(server: Server, name: str, seq: int, key: PageKey = KEY) -> None:
    by = ReadBy(key, name)

    async def known() -> int | None:
        await server.services.reading.store()
        assert isinstance(server.storage, TroubledStorage)
        return (await server.storage.inner.read_up_to([by])).get(by)

    async with asyncio.timeout(10):
        while await known() != seq:  # noqa: ASYNC110  # the storage has no event to wait for
            await asyncio.sleep(0)


async def a_page_of(server: Server, events: int) -> Client:
    writer = await server.join("writer")
    for _ in range(events):
        await writer.do(create_chat())
    return writer


async def test_a_position_is_told_to_the_same_persons_other_connections_alone(
    start: Start,
) -> None:
    server = await start(TroubledStorage())
    writer = await a_page_of(server, 3)
    ann, tab = await server.join("ann"), await server.join("ann")
    has_read(ann, 2)
    assert await tab.expect("read") == {"type": "read", "urlId": PAGE, "seq": 2}
    await turns()
    assert not ann.of("read")
    assert not writer.of("read")


async def test_it_never_goes_back_and_never_beyond_the_head(start: Start) -> None:
    server = await start(TroubledStorage())
    await a_page_of(server, 3)
    ann, tab = await server.join("ann"), await server.join("ann")
    for seq in (2, 1, 2, 99, 3):
        has_read(ann, seq)
    await turns()
    assert [frame["seq"] for frame in tab.of("read")] == [2, 3]
    await written(server, "ann", 3)
    assert (await server.connect("ann").subscribe())["read"] == 3


async def test_who_has_never_read_is_told_nothing(start: Start) -> None:
    server = await start(TroubledStorage())
    await a_page_of(server, 1)
    assert "read" not in await server.connect("ann").subscribe()


async def test_what_is_not_written_yet_is_told_all_the_same(start: Start) -> None:
    """The answer of the storage is older than what this process knows."""
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 3)
    ann = await server.join("ann")
    writing = storage.hold("keep_read")
    has_read(ann, 2)
    await until(lambda: writing.waiting)
    ann.leave()
    again = server.connect("ann")
    assert (await again.subscribe())["read"] == 2
    has_read(again, 3)
    again.leave()
    assert (await server.connect("ann").subscribe())["read"] == 3
    answering = storage.hold("read_up_to", answer=True)
    last = server.connect("ann")
    last.ask_for_page()
    await until(lambda: answering.waiting)
    writing.open()
    await written(server, "ann", 3)
    answering.open()
    assert (await last.expect("subscribed"))["read"] == 3


async def test_who_was_here_when_the_page_was_empty_finds_its_first_events_unread(
    start: Start,
) -> None:
    server = await start(TroubledStorage())
    ann = await server.join("ann")
    has_read(ann, 0)
    await server.services.reading.store()
    await a_page_of(server, 2)
    ann.leave()
    await written(server, "ann", 0)
    assert (await server.connect("ann").subscribe())["read"] == 0


async def test_another_process_knows_it_and_tells_it(start: Start) -> None:
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, TroubledBus(bus))
    other = await start(TroubledStorage(storage.inner), TroubledBus(bus))
    await a_page_of(one, 3)
    here, there = await one.join("ann"), await other.join("ann")
    bob = await other.join("bob")
    await until(lambda: one.services.gossip.peers)
    has_read(here, 2)
    await there.expect("read", seq=2)
    has_read(there, 1)
    await turns()
    assert not here.of("read")
    assert not bob.of("read")
    await written(one, "ann", 2)
    assert (await other.connect("ann").subscribe())["read"] == 2


async def test_many_positions_are_one_write(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 40)
    people = [await server.join(f"user-{number}") for number in range(50)]
    before = storage.calls["keep_read"]
    for seq in range(1, 41):
        for client in people:
            has_read(client, seq)
    for number in range(50):
        await written(server, f"user-{number}", 40)
    # Those of the first turn, and everything that came while that was written.
    assert storage.calls["keep_read"] - before <= 3


async def test_those_who_join_together_are_one_question(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 2)
    before = storage.calls["read_up_to"]
    gate = storage.hold("read_up_to")
    clients = [server.connect(f"user-{number}") for number in range(40)]
    for client in clients:
        client.ask_for_page()
    await until(lambda: gate.waiting)
    await turns()
    gate.open()
    for client in clients:
        await client.expect("subscribed")
    assert storage.calls["read_up_to"] - before <= 2


async def test_it_needs_a_subscription(start: Start) -> None:
    server = await start(TroubledStorage())
    client = server.connect("ann")
    has_read(client, 1)
    error = await client.expect("error")
    assert (error["code"], error["field"], error["urlId"]) == ("invalid", "urlId", PAGE)
    assert "subscribe" in error["message"]


async def test_pages_are_served_while_nobody_can_say_what_was_read(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 2)
    ann = await server.join("ann")
    storage.break_before.extend(["keep_read", "read_up_to"])
    has_read(ann, 2)
    ann.leave()
    await until(lambda: "failed" in caplog.text)
    again = server.connect("ann")
    # It waits here until the storage takes it.
    assert (await again.subscribe())["read"] == 2
    await written(server, "ann", 2)


class Odd(TroubledStorage):
    """Of somebody's own, with a fault of its own."""

    faults = 1

    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        raise ValueError("this was not foreseen")

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        if self.faults:
            self.faults -= 1
            raise ValueError("nor was this")
        await super().keep_read(read)


async def test_pages_are_served_also_where_the_storage_fails_in_a_way_of_its_own(
    start: Start,
) -> None:
    server = await start(Odd())
    for name in ("ann", "bob"):
        assert "read" not in await server.connect(name).subscribe()


async def test_what_a_storage_does_not_take_for_a_reason_of_its_own_is_written_later(
    start: Start,
) -> None:
    server = await start(Odd())
    await a_page_of(server, 2)
    ann = await server.join("ann")
    has_read(ann, 2)
    await written(server, "ann", 2)


async def test_what_waits_is_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_WAITING", 1)
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 2)
    ann, bob = await server.join("ann"), await server.join("bob")
    has_read(ann, 1)
    has_read(bob, 1)
    has_read(ann, 2)
    await server.services.reading.store()
    found = await storage.read_up_to([ReadBy(KEY, "ann"), ReadBy(KEY, "bob")])
    assert found == {ReadBy(KEY, "ann"): 2}


async def test_an_erased_page_is_unread(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    writer = await a_page_of(server, 3)
    ann = await server.join("ann")
    has_read(ann, 3)
    await written(server, "ann", 3)
    await storage.erase(KEY)
    await server.heal()
    told = await ann.expect("subscribed", recovered=False)
    assert told.get("read", 0) == 0
    await writer.do(create_chat())
    tab = await server.join("ann")
    has_read(ann, 1)
    await tab.expect("read", seq=1)


async def test_what_was_read_of_an_erased_page_is_not_read_of_what_comes_in_its_place(
    start: Start,
) -> None:
    """The storage was away when it was to be written down."""
    storage = TroubledStorage()
    server = await start(storage)
    writer = await a_page_of(server, 3)
    ann = await server.join("ann")
    storage.away = True
    has_read(ann, 3)
    await turns()
    storage.away = False
    await storage.erase(KEY)
    await server.heal()
    await ann.expect("subscribed", recovered=False)
    for _ in range(2):
        await writer.do(create_chat())
    assert (await server.connect("ann").subscribe()).get("read", 0) == 0
    await server.services.reading.store()
    assert (await storage.read_up_to([ReadBy(KEY, "ann")])).get(ReadBy(KEY, "ann"), 0) == 0
    has_read(ann, 1)
    await written(server, "ann", 1)


async def test_what_was_read_stays_read_where_a_history_goes_on(start: Start) -> None:
    """A new epoch of the same discussions, as after a failover."""
    storage = TroubledStorage()
    server = await start(storage)
    writer = await a_page_of(server, 3)
    ann = await server.join("ann")
    has_read(ann, 2)
    await storage.renew(KEY, Position(writer.page.epoch, 4))
    await server.heal()
    assert (await ann.expect("subscribed", recovered=False))["read"] == 2
    await writer.do(create_chat())
    await written(server, "ann", 2)


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("told", [1, 2])
async def test_what_stands_in_the_place_of_what_a_failover_lost_is_unread(
    start: Start, told: int, swept: bool
) -> None:
    """Also where another process was the first to find out, and has drawn the new epoch; and where
    a sweep had seen the lost end, of which no more than the last name is known then."""
    inner = MemoryStorage()
    servers = [await start(TroubledStorage(inner), TroubledBus(new_id())) for _ in range(3)]
    writer = await a_page_of(servers[0], 2)
    ann, there = [await server.join("ann") for server in servers[:2]]
    saved = copy.deepcopy(inner._data.pages)
    lost = 1 if swept else 2
    for _ in range(lost):
        await writer.do(create_chat("lost"))
    await servers[1].page()
    if swept:
        for server in servers:
            await server.heal()
    for tab in (ann, there):
        await tab.at(2 + lost)
        has_read(tab, 2 + lost)
    inner._data.pages = saved
    bob = await servers[2].join("bob")
    for _ in range(told):
        await bob.do(create_chat("told"))
    for server, tab in zip(servers, (ann, there), strict=False):
        await server.heal()
        subscribed = await tab.expect("subscribed", recovered=False)
        assert (subscribed["seq"], subscribed["read"]) == (2 + told, 2)


async def test_who_has_not_heard_yet_that_a_page_was_erased_tells_nothing_of_it(
    start: Start,
) -> None:
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, TroubledBus(bus))
    other = await start(TroubledStorage(storage.inner), TroubledBus(bus))
    writer = await a_page_of(one, 3)
    here, there = await one.join("ann"), await other.join("ann")
    await until(lambda: other.services.gossip.peers)
    await storage.erase(KEY)
    await one.heal()
    await here.expect("subscribed", recovered=False)
    has_read(there, 3)
    await other.services.reading.store()
    await turns()
    assert not here.of("read")
    for _ in range(2):
        await writer.do(create_chat())
    await there.at(2)
    await until(lambda: there.page.epoch == here.page.epoch)
    assert not here.of("read")
    assert (await other.connect("ann").subscribe()).get("read", 0) == 0
    has_read(there, 1)
    await other.services.reading.store()
    await here.expect("read", seq=1)


async def test_what_was_read_elsewhere_of_a_history_that_is_not_known_here_yet_is_heard(
    start: Start,
) -> None:
    """The first event of a page is still being read here, or was not told at all."""
    name, storage = new_id(), TroubledStorage()
    bus = TroubledBus(name)
    one = await start(storage, bus)
    slow = TroubledStorage(storage.inner)
    other = await start(slow, TroubledBus(name))
    here, there = await one.join("ann"), await other.join("ann")
    await until(lambda: one.services.gossip.peers and other.services.gossip.peers)
    gate = slow.hold("read")
    await here.do(create_chat())
    has_read(here, 1)
    await written(one, "ann", 1)
    await turns()
    gate.open()
    await there.expect("read", seq=1)
    await storage.erase(KEY)
    await one.heal()
    await here.expect("subscribed", recovered=False)
    bus.deaf, told = True, bus.hits["dropped"]
    await here.do(create_chat())
    await until(lambda: bus.hits["dropped"] > told)
    bus.deaf = False
    has_read(here, 1)
    await one.services.reading.store()
    await there.expect("read", seq=1)


async def test_a_stop_writes_what_waits(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 2)
    ann = await server.join("ann")
    has_read(ann, 2)
    await server.engine.stop()
    await storage.open()
    assert await storage.read_up_to([ReadBy(KEY, "ann")]) == {ReadBy(KEY, "ann"): 2}


async def test_a_stop_writes_also_what_came_while_something_was_written(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    await a_page_of(server, 2)
    ann, bob = await server.join("ann"), await server.join("bob")
    gate = storage.hold("keep_read")
    has_read(ann, 1)
    await until(lambda: gate.waiting)
    has_read(ann, 2)
    has_read(bob, 2)
    stopping = asyncio.create_task(server.engine.stop())
    await turns()
    gate.open()
    await stopping
    asked = [ReadBy(KEY, "ann"), ReadBy(KEY, "bob")]
    assert await storage.inner.read_up_to(asked) == dict.fromkeys(asked, 2)


class Older(TroubledStorage):
    """Of somebody's own, written before there were read positions."""

    keep_read = Storage.keep_read
    read_up_to = Storage.read_up_to


async def test_an_older_storage_serves_and_keeps_none(start: Start) -> None:
    server = await start(Older())
    await a_page_of(server, 2)
    ann, tab = await server.join("ann"), await server.join("ann")
    has_read(ann, 2)
    await tab.expect("read", seq=2)
    await server.services.reading.store()
    for client in (ann, tab):
        client.leave()
    assert "read" not in await server.connect("ann").subscribe()
