"""A Redis that cuts, freezes, floods or lies: what was missed is told, and nobody stays deaf."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from collabchat_asgi.errors import PubSubError, PubSubUnavailable
from collabchat_asgi.pubsub.abc import Gap, Message
from collabchat_asgi.pubsub.redis import MAX_PAYLOAD, RedisPubSub
from collabchat_asgi.pubsub.redis_ear import LARGEST
from collabchat_asgi.testing.proxy import FaultProxy
from collabchat_asgi.testing.pubsub_bench import Listener
from collabchat_asgi.testing.services_redis import RedisCluster, RedisServer

SECONDS = 20.0
CHANNEL = "collabchat:0:"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def hearing(url: str, *topics: str) -> AsyncIterator[Listener]:
    pubsub = RedisPubSub.from_url(url)
    await pubsub.open()
    await pubsub.subscribe(topics)
    ear = Listener(pubsub, SECONDS)
    try:
        yield ear
    finally:
        await ear.stop()
        await pubsub.close()


async def heard_again(ear: Listener, topic: str, text: bytes) -> None:
    """The next thing is a Gap, and then everything published is heard."""
    assert await ear.next() == Gap()
    published = False
    while not published:
        with suppress(PubSubUnavailable):
            await ear.pubsub.publish(topic, text)
            published = True
    while (heard := await ear.next()) != Message(topic, text):
        assert heard == Gap()


async def test_killed_connections(server: RedisServer) -> None:
    async with hearing(server.url, "t", "other") as ear:
        for n in range(10):
            assert server.ask("CLIENT", "KILL", "TYPE", "pubsub") == 1
            await heard_again(ear, ("t", "other")[n % 2], b"%d" % n)


async def test_a_restart_under_load(server: RedisServer) -> None:
    topics = [f"t{n}" for n in range(2_000)]
    async with hearing(server.url, *topics) as ear:
        await asyncio.to_thread(server.kill)
        with pytest.raises(PubSubUnavailable):
            await ear.pubsub.publish("t1", b"lost")
        with pytest.raises(PubSubUnavailable):
            await ear.pubsub.subscribe(["while it was away"])
        await ear.pubsub.unsubscribe(["t0"])
        await asyncio.to_thread(server.start)
        await heard_again(ear, "t1999", b"last")
        await heard_all_the_same(ear, "while it was away")
        assert not server.ask("PUBLISH", f"{CHANNEL}t0", b"dropped meanwhile")


async def heard_all_the_same(ear: Listener, topic: str) -> None:
    await ear.pubsub.publish(topic, b"!")
    while await ear.next() != Message(topic, b"!"):
        pass


async def test_a_frozen_server_is_noticed_though_nothing_is_cut(server: RedisServer) -> None:
    async with hearing(f"{server.url}?timeout=0.5", "t") as ear:
        server.freeze()
        try:
            with pytest.raises(PubSubUnavailable):
                await ear.pubsub.publish("t", b"who knows")
            with pytest.raises(PubSubUnavailable):
                await ear.pubsub.subscribe(["more"])
            await asyncio.sleep(2.5)  # the freeze itself, longer than any patience
        finally:
            server.thaw()
        while await ear.next() != Gap():
            pass
        marked = [task for task in asyncio.all_tasks() if task.cancelling()]
        assert not marked, "CPython 3.11.2 has no timeouts in these"
        await heard_all_the_same(ear, "t")
        await heard_all_the_same(ear, "more")


async def test_a_half_open_network_is_noticed(server: RedisServer) -> None:
    async with (
        FaultProxy("127.0.0.1", server.port) as proxy,
        hearing(f"redis://127.0.0.1:{proxy.port}?timeout=0.5", "t") as ear,
    ):
        proxy.half_open()
        with pytest.raises(PubSubUnavailable):
            await ear.pubsub.publish("t", b"into the void")
        before = proxy.connections
        async with asyncio.timeout(SECONDS):
            while proxy.connections <= before:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.02)
        proxy.heal()
        proxy.reset()
        await heard_again(ear, "t", b"back")


async def test_idle_for_longer_than_any_timeout_of_the_driver(server: RedisServer) -> None:
    async with hearing(f"{server.url}?timeout=0.2", "t") as ear:
        await asyncio.sleep(1.5)
        await ear.pubsub.publish("t", b"still there")
        assert await ear.messages(1) == [Message("t", b"still there")]


async def test_a_connection_killed_for_its_full_buffer(server: RedisServer) -> None:
    server.ask("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 100kb 0")
    async with hearing(server.url, "t") as ear:
        server.ask("PUBLISH", f"{CHANNEL}t", bytes(16 * 1024 * 1024))
        await heard_again(ear, "t", b"after the flood")


async def test_what_others_publish_changes_nothing(server: RedisServer) -> None:
    async with hearing(server.url, "t") as ear:
        for channel in ("t", "0:t", f"{CHANNEL}other", f"{CHANNEL}t2", CHANNEL, "\udcff"):
            server.ask("PUBLISH", channel.encode("utf-8", "surrogateescape"), b"foreign")
        for garbage in (b"\xff\0{", b"", b"*3\r\n$7\r\nmessage\r\n"):
            server.ask("PUBLISH", f"{CHANNEL}t", garbage)
            assert await ear.messages(1) == [Message("t", garbage)]
        server.ask("PUBLISH", f"{CHANNEL}t", bytes(LARGEST + 1))
        assert await ear.messages(1) == [Message("t", b"")]


async def test_a_payload_that_is_too_large(server: RedisServer) -> None:
    async with hearing(server.url, "t") as ear:
        with pytest.raises(PubSubError, match="262145 bytes"):
            await ear.pubsub.publish("t", bytes(MAX_PAYLOAD + 1))
        await ear.pubsub.publish("t", b"fits")
        assert await ear.messages(1) == [Message("t", b"fits")]


async def test_it_opens_before_its_broker(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.kill()
    pubsub = RedisPubSub.from_url(f"{server.url}?timeout=0.2")
    with pytest.raises(PubSubUnavailable, match="cannot be reached"):
        await pubsub.open()
    with pytest.raises(PubSubUnavailable):
        await pubsub.subscribe(["t"])
    ear = Listener(pubsub, SECONDS)
    await asyncio.to_thread(server.start)
    await heard_again(ear, "t", b"at last")
    await ear.stop()
    await pubsub.close()
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


async def test_a_topic_that_the_server_forbids(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "app", "on", ">secret", "~*", "resetchannels", "+@all")
    url = server.url.replace("redis://", "redis://app:secret@") + "?timeout=0.5"
    pubsub = RedisPubSub.from_url(url)
    await pubsub.open()
    with pytest.raises(PubSubError, match="ACL") as error:
        await pubsub.publish("t", b"")
    assert "secret" not in str(error.value)
    with pytest.raises(PubSubUnavailable):
        await pubsub.subscribe(["t"])
    server.ask("ACL", "SETUSER", "app", "&*")
    ear = Listener(pubsub, SECONDS)
    await heard_again(ear, "t", b"allowed")
    await ear.stop()
    await pubsub.close()


async def test_one_master_of_a_cluster_dies() -> None:
    with RedisCluster() as cluster:
        topics = [f"t{n}" for n in range(30)]
        async with hearing(f"{cluster.url}?timeout=0.5", *topics) as ear:
            lost = cluster.servers[1]
            gone = [t for t in topics if cluster.owner(CHANNEL + t) is lost]
            left = [t for t in topics if t not in gone]
            lost.kill()
            for topic in left:
                await heard_all_the_same(ear, topic)
            with pytest.raises(PubSubUnavailable):
                await ear.pubsub.publish(gone[0], b"lost")
            await asyncio.to_thread(lost.start)
            await asyncio.to_thread(cluster.until_whole)
            for topic in gone:
                if topic == gone[0]:
                    await heard_again(ear, topic, b"again")
                await heard_all_the_same(ear, topic)


async def test_a_slot_moves_to_another_master() -> None:
    with RedisCluster() as cluster:
        source, target, _ = cluster.servers
        topics = [f"t{n}" for n in range(30)]
        moving, *_ = (t for t in topics if cluster.owner(CHANNEL + t) is source)
        staying = [t for t in topics if cluster.owner(CHANNEL + t) is not source]
        async with hearing(cluster.url, moving, *staying) as ear:
            slot = source.ask("CLUSTER", "KEYSLOT", CHANNEL + moving)
            for server in (target, source, *cluster.servers):
                server.ask("CLUSTER", "SETSLOT", slot, "NODE", target.ask("CLUSTER", "MYID"))
            await heard_again(ear, moving, b"from there")
            for topic in staying:
                await heard_all_the_same(ear, topic)
