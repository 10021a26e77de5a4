"""What the proof has found in the engine: each of these failed before it was mended."""

from __future__ import annotations

from collabchat_asgi.testing.operations import create_chat
from tests.engine.harness import KEY, PAGE, Server


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
