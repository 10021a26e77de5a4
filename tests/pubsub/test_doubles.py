"""The contract is worth what it catches: each broken double fails the test that names its fault."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Collection
from uuid import uuid4

import pytest

from collabchat_asgi.pubsub.abc import Gap, Message
from collabchat_asgi.pubsub.memory import Inbox, MemoryPubSub
from collabchat_asgi.testing.pubsub_contract import PubSubContract


class DeafAfterTheFirst(MemoryPubSub):
    async def listen(self) -> AsyncIterator[Message | Gap]:
        yield await anext(super().listen())
        await asyncio.Event().wait()


class DeafAfterAGap(MemoryPubSub):
    deaf = False

    async def listen(self) -> AsyncIterator[Message | Gap]:
        async for item in super().listen():
            if not self.deaf:
                yield item
            self.deaf = self.deaf or isinstance(item, Gap)


class UnsubscribesEverything(MemoryPubSub):
    mine: frozenset[str] | set[str] = frozenset()

    async def unsubscribe(self, topics: Collection[str]) -> None:
        await super().unsubscribe([*topics, *self.mine])

    async def subscribe(self, topics: Collection[str]) -> None:
        await super().subscribe(topics)
        self.mine = {*self.mine, *topics}


class SilentlyDropping(MemoryPubSub):
    async def listen(self) -> AsyncIterator[Message | Gap]:
        async for item in super().listen():
            if not isinstance(item, Gap):
                yield item


class Hoarding(MemoryPubSub):
    async def open(self) -> None:
        await super().open()
        inbox: Inbox = self._open_ear().inbox
        inbox.MESSAGES = inbox.BYTES = 1 << 60


class Misrouting(MemoryPubSub):
    """As a broker that folds case, or cuts names off."""

    async def subscribe(self, topics: Collection[str]) -> None:
        await super().subscribe([topic.lower() for topic in topics])

    async def publish(self, topic: str, payload: bytes) -> None:
        await super().publish(topic.lower(), payload)


class CuttingNames(MemoryPubSub):
    async def subscribe(self, topics: Collection[str]) -> None:
        await super().subscribe([topic[:47] for topic in topics])

    async def publish(self, topic: str, payload: bytes) -> None:
        await super().publish(topic[:47], payload)


class DyingOnClose(MemoryPubSub):
    async def listen(self) -> AsyncIterator[Message | Gap]:
        async for item in super().listen():
            yield item
        raise ConnectionResetError("the driver's own")


class WaitingForEver(MemoryPubSub):
    async def listen(self) -> AsyncIterator[Message | Gap]:
        async for item in super().listen():
            yield item
        await asyncio.Event().wait()


class HearingOnlyOthers(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        ear, own = self._open_ear(), set(self._open_ear().inbox.topics)
        ear.inbox.topics.clear()
        await super().publish(topic, payload)
        ear.inbox.topics |= own


class ConfirmingTooSoon(MemoryPubSub):
    async def subscribe(self, topics: Collection[str]) -> None:
        asyncio.get_running_loop().call_later(0.001, self._open_ear().inbox.topics.update, topics)


class ConfirmingTheSecondTooSoon(MemoryPubSub):
    """The second subscriber of a topic sees it in the table while the first still waits."""

    async def subscribe(self, topics: Collection[str]) -> None:
        asked = self.__dict__.setdefault("asked", set())
        if not asked.issuperset(topics):
            asked |= set(topics)
            await asyncio.sleep(0.001)
            await super().subscribe(topics)


class CountingSubscriptions(MemoryPubSub):
    async def subscribe(self, topics: Collection[str]) -> None:
        self.__dict__.setdefault("counted", []).extend(topics)
        await super().subscribe(topics)

    async def unsubscribe(self, topics: Collection[str]) -> None:
        for topic in topics:
            self.__dict__["counted"].remove(topic)
            if topic not in self.__dict__["counted"]:
                await super().unsubscribe([topic])


class StrictAboutTheUnknown(MemoryPubSub):
    async def unsubscribe(self, topics: Collection[str]) -> None:
        for topic in topics:
            self._open_ear().inbox.topics.remove(topic)


class ForgettingToUnsubscribe(MemoryPubSub):
    async def unsubscribe(self, topics: Collection[str]) -> None:
        pass


class SpeakingText(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        await super().publish(topic, payload.decode(errors="replace").encode())


class TooSmall(MemoryPubSub):
    max_payload = 8_000

    async def publish(self, topic: str, payload: bytes) -> None:
        if len(payload) < 8_000:
            await super().publish(topic, payload)


class Reordering(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        held = self.__dict__.pop("held", None)
        if held is None and payload == b"7":
            self.__dict__["held"] = payload
            return
        await super().publish(topic, payload)
        if held is not None:
            await super().publish(topic, held)


class OpeningTwice(MemoryPubSub):
    async def open(self) -> None:
        await self.close()
        await super().open()


class StuckAfterCancellation(MemoryPubSub):
    """Holds a lock that a cancelled call never gives back."""

    async def publish(self, topic: str, payload: bytes) -> None:
        lock = self.__dict__.setdefault("lock", asyncio.Semaphore(1))
        await lock.acquire()
        await asyncio.sleep(0)
        await super().publish(topic, payload)
        lock.release()


class OneConsumerEver(MemoryPubSub):
    async def listen(self) -> AsyncIterator[Message | Gap]:
        if self.__dict__.setdefault("taken", self._ear) is not self._ear or "again" in vars(self):
            await asyncio.Event().wait()
        self.__dict__["again"] = True
        async for item in super().listen():
            yield item


class BoundToOneLoop(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        loop = self.__dict__.setdefault("loop", asyncio.get_running_loop())
        assert loop is asyncio.get_running_loop()
        await super().publish(topic, payload)


class LeakingItsDriver(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        if self._ear is None:
            raise ConnectionResetError("the driver's own")
        await super().publish(topic, payload)


class Talkative(MemoryPubSub):
    def __repr__(self) -> str:
        return "MemoryPubSub('redis://:hunter2@broker')"


class Lenient(MemoryPubSub):
    @classmethod
    def from_url(cls, url: str) -> "Lenient":
        return cls(url)


FAULTS = {
    DeafAfterTheFirst: "test_order_of_one_publisher",
    DeafAfterAGap: "test_a_slow_consumer_gets_a_gap_first",
    UnsubscribesEverything: "test_unsubscribing_a_stranger_changes_nothing",
    SilentlyDropping: "test_a_slow_consumer_gets_a_gap_first",
    Hoarding: "test_a_slow_consumer_gets_a_gap_first",
    Misrouting: "test_topics_are_exact",
    CuttingNames: "test_topics_are_exact",
    DyingOnClose: "test_close_ends_a_waiting_listen",
    WaitingForEver: "test_close_ends_a_waiting_listen",
    HearingOnlyOthers: "test_own_messages_are_heard",
    ConfirmingTooSoon: "test_subscribed_means_heard",
    ConfirmingTheSecondTooSoon: "test_concurrent_first_subscribers_both_hear",
    CountingSubscriptions: "test_subscribing_twice_is_one_subscription",
    StrictAboutTheUnknown: "test_unknown_topics_and_none_at_all",
    ForgettingToUnsubscribe: "test_unsubscribed_is_silent",
    SpeakingText: "test_every_byte",
    TooSmall: "test_largest_payload",
    Reordering: "test_order_of_one_publisher",
    OpeningTwice: "test_open_and_close_are_idempotent",
    StuckAfterCancellation: "test_cancelled_calls_leave_it_usable",
    OneConsumerEver: "test_a_cancelled_consumer_may_come_back",
    BoundToOneLoop: "test_reopened_in_another_loop",
    LeakingItsDriver: "test_close_amid_calls",
    Talkative: "test_no_password_is_shown",
    Lenient: "test_an_unknown_option_is_an_error",
}


@pytest.mark.parametrize(("double", "test"), FAULTS.items())
async def test_each_fault_is_caught(double: type[MemoryPubSub], test: str) -> None:
    contract = on_memory(double, seconds=0.2)
    assert inspect.iscoroutinefunction(getattr(contract, test))
    with pytest.raises((Exception, pytest.fail.Exception)):  # a test fails in whatever way it likes
        await getattr(contract, test)()


@pytest.mark.parametrize("test", sorted(set(FAULTS.values())))
async def test_the_sound_one_passes(test: str) -> None:
    await getattr(on_memory(MemoryPubSub, seconds=5), test)()


def on_memory(kind: type[MemoryPubSub], seconds: float) -> PubSubContract:
    name, deadline = uuid4().hex, seconds

    class Contract(PubSubContract):
        seconds = deadline
        url = "memory://bus"

        async def make(self) -> MemoryPubSub:
            return kind(name)

    return Contract()
