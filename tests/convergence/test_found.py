"""What the proof has found in the engine: each of these failed before it was mended."""

from __future__ import annotations

import asyncio

from collabchat_asgi.core.model import Position
from collabchat_asgi.core.state import State
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import create_chat
from tests.engine.harness import KEY, PAGE, Server, TroubledBus, TroubledStorage, until


async def test_nothing_of_an_erased_history_is_replayed_into_the_next() -> None:
    """Replays were kept by number alone. Two histories have the same numbers."""
    server = await Server.start()
    try:
        ann = await server.join("ann")
        await ann.do(create_chat("erased"))
        nothing = {"epoch": "", "seq": 0}
        bob = await server.join("bob", nothing)
        await bob.at(1)
        await server.storage.erase(KEY)
        await server.heal()
        answer = await ann.do(create_chat("the first of the next history"))
        cid = await server.join("cid", nothing)
        told = await cid.expect("events", urlId=PAGE)
        assert told["epoch"] == answer["epoch"]
        assert [event["broadcastId"] for event in told["events"]] == [answer["broadcastId"]]
    finally:
        await server.stop()


async def test_a_late_read_does_not_take_a_page_back_to_what_was_erased_before() -> None:
    """It took the living history for one that was over; the next read of the log never ended, and
    the process with it."""
    shared, bus = MemoryStorage(), "late-read"
    late = TroubledStorage(shared)
    one = await Server.start(late, TroubledBus(bus))
    two = await Server.start(TroubledStorage(shared), TroubledBus(bus))
    try:
        await (await one.join("ann")).do(create_chat("erased"))
        page = one.open_page()
        await shared.erase(KEY)
        gate = late.hold("load", answer=True)
        reading = asyncio.create_task(one.engine.reader.load(page))
        await until(lambda: gate.waiting)
        del late.after["load"]
        await one.engine.reader.load(page)
        bob = await two.join("bob")
        ack = await bob.do(create_chat("the first of the next history"))
        await until(lambda: page.position.epoch == ack["epoch"])
        gate.open()
        await reading
        assert (page.position.epoch, page.position.seq) == (ack["epoch"], 1)
        assert (await one.page()).position.seq == 1
    finally:
        await one.stop()
        await two.stop()


async def test_a_log_that_goes_on_in_a_history_taken_for_over_is_believed() -> None:
    server = await Server.start()
    try:
        ack = await (await server.join("ann")).do(create_chat("here"))
        page = server.open_page()
        page.restore(State())
        page.sequencer.told(Position(ack["epoch"], 1))
        assert (await server.page()).position.seq == 1
    finally:
        await server.stop()
