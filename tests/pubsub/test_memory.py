"""`memory://` keeps the contract, and its buses are told apart."""

import asyncio
import threading
from uuid import uuid4

import pytest

from collabchat_asgi.errors import ConfigError
from collabchat_asgi.pubsub.abc import Gap, Message, PubSub
from collabchat_asgi.pubsub.memory import Inbox, MemoryPubSub
from collabchat_asgi.testing.pubsub_bench import Listener
from collabchat_asgi.testing.pubsub_contract import PubSubContract


class TestMemoryPubSub(PubSubContract):
    url = "memory://bus"
    test_a_broken_broker_is_survived = None  # type: ignore[assignment]  # there is no broker

    @pytest.fixture(autouse=True)
    def _bus(self) -> None:
        self.name = uuid4().hex

    async def make(self) -> PubSub:
        return MemoryPubSub.from_url(f"memory://{self.name}")


async def test_without_a_name_each_is_alone() -> None:
    one, other = MemoryPubSub.from_url("memory://"), MemoryPubSub.from_url("memory://")
    for pubsub in (one, other):
        await pubsub.open()
        await pubsub.subscribe(["t"])
    await other.publish("t", b"elsewhere")
    await one.publish("t", b"here")
    assert await anext(one.listen()) == Message("t", b"here")
    await one.close()
    await other.close()


async def test_a_bus_spans_threads() -> None:
    here, there = MemoryPubSub("threads"), MemoryPubSub("threads")
    await here.open()
    await here.subscribe(["t"])
    ear = Listener(here, 5)

    async def publish() -> None:
        await there.open()
        await there.publish("t", b"from a thread")

    thread = threading.Thread(target=asyncio.run, args=(publish(),))
    thread.start()
    assert await ear.messages(1) == [Message("t", b"from a thread")]
    await asyncio.to_thread(thread.join)
    await here.publish("t", b"though its loop ended unclosed")
    await here.close()
    await ear.ended()


async def test_gaps_in_a_row_are_one() -> None:
    inbox = Inbox()
    inbox.topics.add("t")
    inbox.gap()
    inbox.gap()
    inbox.put("t", b"1")
    listen = inbox.listen()
    assert [await anext(listen), await anext(listen)] == [Gap(), Message("t", b"1")]


def test_it_takes_no_options() -> None:
    for url in ("memory://a?b=c", "memory://a#b"):
        with pytest.raises(ConfigError):
            MemoryPubSub.from_url(url)


async def test_it_is_alone_while_no_other_instance_of_its_bus_is_open() -> None:
    first, second = MemoryPubSub("alone"), MemoryPubSub("alone")
    assert not first.alone, "who is not open knows nothing"
    await first.open()
    assert first.alone
    await second.open()
    assert not first.alone
    assert not second.alone
    await second.close()
    assert first.alone
    await first.close()
