"""What the proof has found in the engine: each of these failed before it was mended."""

from __future__ import annotations

import asyncio

from collabchat_asgi.core.model import PageKey, Position
from collabchat_asgi.core.state import State
from collabchat_asgi.engine.pages.log import CHUNK
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import Tail
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
        reading = asyncio.create_task(one.engine.services.reader.load(page))
        await until(lambda: gate.waiting)
        del late.after["load"]
        await one.engine.services.reader.load(page)
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
        page.sequencer.head_is(Position(ack["epoch"], 1))
        assert (await server.page()).position.seq == 1
    finally:
        await server.stop()


async def test_a_replay_from_the_log_does_not_run_ahead_of_the_page() -> None:
    """Whoever resumed from the log was given what the page had not heard of yet, then nothing came
    after it in the ring, and the screen was sent back to an older snapshot."""
    shared = MemoryStorage()
    two = await Server.start(TroubledStorage(shared), MemoryPubSub("deaf-two"))
    ann = await two.join("ann")

    class Overtaken(TroubledStorage):
        overtaken = False

        async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
            if limit == CHUNK and after.seq == 2 and not self.overtaken:
                self.overtaken = True
                await ann.do(create_chat("4, just now"))
            return await super().read(page, after, limit)

    one = await Server.start(Overtaken(shared), MemoryPubSub("deaf-one"))
    try:
        for body in ("1", "2"):
            await ann.do(create_chat(body))
        await shared.trim(before_ms=2**60, keep_events=0)
        epoch = (await ann.do(create_chat("3")))["epoch"]
        bob = one.connect("bob")
        subscribed = await bob.subscribe(bob.stand_at(epoch, 2))
        assert (subscribed["recovered"], subscribed["seq"]) == (True, 3)
        await bob.at(3)
        await one.heal()
        await bob.at(4)
        assert not bob.of("subscribed")
        assert bob.numbers == [(3, 3), (4, 4)]
    finally:
        await one.stop()
        await two.stop()
