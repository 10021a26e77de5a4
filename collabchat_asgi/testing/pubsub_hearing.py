"""The promises of a pub/sub while nothing fails."""

from __future__ import annotations

import asyncio
import string

from ..pubsub.abc import Message
from .pubsub_bench import PubSubBench, new_topic

__all__ = ["PubSubHearing"]

LONG = "A-Z_a-z.0-9_" * 4


class PubSubHearing(PubSubBench):
    """Who is subscribed hears, and hears nothing else."""

    async def test_own_messages_are_heard(self) -> None:
        topic = new_topic()
        async with self.listening() as ear:
            await self.within(ear.pubsub.subscribe([topic]))
            await self.publish(ear.pubsub, topic, [b"mine"])
            assert await ear.messages(1) == [Message(topic, b"mine")]

    async def test_every_instance_hears_every_other(self) -> None:
        topic = new_topic()
        async with self.listening() as a, self.listening() as b, self.listening() as c:
            ears = (a, b, c)
            for ear in ears:
                await self.within(ear.pubsub.subscribe([topic]))
            for number, ear in enumerate(ears):
                await self.publish(ear.pubsub, topic, [b"%d" % number])
            for ear in ears:
                heard = {message.payload for message in await ear.messages(3)}
                assert heard == {b"0", b"1", b"2"}

    async def test_nobody_needs_to_hear(self) -> None:
        async with self.opened() as pubsub:
            await self.publish(pubsub, new_topic(), [b"into the void"] * 3)

    async def test_order_of_one_publisher(self) -> None:
        topic = new_topic()
        sent = [b"%d" % number for number in range(500)]
        async with self.listening() as ear, self.opened() as other:
            await self.within(ear.pubsub.subscribe([topic]))
            await self.publish(other, topic, sent)
            assert [message.payload for message in await ear.messages(500)] == sent

    async def test_concurrent_publishers(self) -> None:
        topic = new_topic()
        sent = {b"%d" % number for number in range(200)}
        async with self.listening() as ear, self.opened() as other:
            await self.within(ear.pubsub.subscribe([topic]))
            publishers = (ear.pubsub, other)
            calls = (publishers[number % 2].publish(topic, b"%d" % number) for number in range(200))
            await self.within(asyncio.gather(*calls))
            assert {message.payload for message in await ear.messages(200)} == sent

    # Subscribing.

    async def test_subscribed_means_heard(self) -> None:
        async with self.listening() as ear, self.opened() as other:
            for _ in range(50):
                topic = new_topic()
                await self.within(ear.pubsub.subscribe([topic]))
                await self.publish(other, topic, [b"at once"])
                assert await ear.messages(1) == [Message(topic, b"at once")]

    async def test_newly_opened_means_heard(self) -> None:
        topic = new_topic()
        async with self.opened() as other:
            for _ in range(5):
                async with self.listening() as ear:
                    await self.within(ear.pubsub.subscribe([topic]))
                    await self.publish(other, topic, [b"at once"])
                    assert await ear.messages(1) == [Message(topic, b"at once")]

    async def test_concurrent_first_subscribers_both_hear(self) -> None:
        async with self.listening() as ear, self.opened() as other:
            for _ in range(20):
                topic = new_topic()

                async def subscriber(name: bytes, topic: str = topic) -> None:
                    await ear.pubsub.subscribe([topic])
                    await other.publish(topic, name)

                await self.within(asyncio.gather(*map(subscriber, (b"1", b"2", b"3"))))
                heard = {message.payload for message in await ear.messages(3)}
                assert heard == {b"1", b"2", b"3"}

    async def test_unsubscribed_is_silent(self) -> None:
        gone, kept = new_topic(), new_topic()
        async with self.listening() as ear:
            await self.within(ear.pubsub.subscribe([gone, kept]))
            await self.within(ear.pubsub.unsubscribe([gone]))
            await self.publish(ear.pubsub, gone, [b"not heard"])
            await self.publish(ear.pubsub, kept, [b"heard"])
            assert await ear.messages(1) == [Message(kept, b"heard")]
            await self.within(ear.pubsub.subscribe([gone]))
            await self.publish(ear.pubsub, gone, [b"again"])
            assert await ear.messages(1) == [Message(gone, b"again")]

    async def test_subscribing_twice_is_one_subscription(self) -> None:
        twice, other = new_topic(), new_topic()
        async with self.listening() as ear:
            for topics in ([twice], [twice, other], [twice]):
                await self.within(ear.pubsub.subscribe(topics))
            await self.publish(ear.pubsub, twice, [b"1", b"2"])
            heard = [message.payload for message in await ear.messages(2)]
            assert heard == [b"1", b"2"]
            await self.within(ear.pubsub.unsubscribe([twice]))
            await self.publish(ear.pubsub, twice, [b"3"])
            await self.publish(ear.pubsub, other, [b"4"])
            assert await ear.messages(1) == [Message(other, b"4")]

    async def test_unknown_topics_and_none_at_all(self) -> None:
        topic = new_topic()
        async with self.listening() as ear:
            await self.within(ear.pubsub.unsubscribe([new_topic()]))
            await self.within(ear.pubsub.subscribe([]))
            await self.within(ear.pubsub.unsubscribe([]))
            await self.within(ear.pubsub.subscribe({topic}))
            await self.publish(ear.pubsub, topic, [b"fine"])
            assert await ear.messages(1) == [Message(topic, b"fine")]

    async def test_listening_before_the_first_subscription(self) -> None:
        topic = new_topic()
        async with self.listening() as ear, self.opened() as other:
            await self.publish(other, topic, [b"early"])
            await self.within(ear.pubsub.subscribe([topic]))
            await self.publish(other, topic, [b"in time"])
            (first,) = await ear.messages(1)
            if first.payload == b"early":  # still under way, and hearing it is no harm
                (first,) = await ear.messages(1)
            assert first == Message(topic, b"in time")

    # Topics and payloads.

    async def test_topics_are_exact(self) -> None:
        stem = LONG[:47]
        topics = ["a", "A", "a.b", "a_b", "a-b", "a.", ".a", "-", "0", "ab", stem, *map(
            stem.__add__, "aAbB.-_0"
        )]  # fmt: skip
        for heard in ("a", "A", "a.b", "-", stem + "a", stem + "B", stem):
            async with self.listening() as ear:
                await self.within(ear.pubsub.subscribe([heard]))
                for topic in [*topics, heard]:
                    await self.publish(ear.pubsub, topic, [topic.encode()])
                expected = Message(heard, heard.encode())
                assert await ear.messages(2) == [expected, expected], "misrouted"

    async def test_every_character_of_a_topic(self) -> None:
        alphabet = string.ascii_letters + string.digits + "._-"
        topics = [(character * 48) for character in alphabet]
        async with self.listening() as ear:
            await self.within(ear.pubsub.subscribe(topics))
            for topic in topics:
                await self.publish(ear.pubsub, topic, [b""])
                assert await ear.messages(1) == [Message(topic, b"")]

    async def test_a_thousand_topics(self) -> None:
        topics = [new_topic() for _ in range(1_000)]
        last = new_topic()
        async with self.listening() as ear, self.opened() as other:
            await self.within(ear.pubsub.subscribe([*topics, last]))
            for topic in topics:
                await self.publish(other, topic, [topic.encode()])
            heard = await ear.messages(1_000)
            assert {message.topic for message in heard} == set(topics)
            assert all(message.payload == message.topic.encode() for message in heard)
            await self.within(ear.pubsub.unsubscribe(topics))
            await self.publish(other, topics[500], [b"not heard"])
            await self.publish(other, last, [b"heard"])
            assert await ear.messages(1) == [Message(last, b"heard")]

    async def test_every_byte(self) -> None:
        topic = new_topic()
        payloads = [b"", b"\0", b"\r\n", b"'\"\\", bytes(range(256)), bytes(range(255, -1, -1)) * 4]
        async with self.listening() as ear, self.opened() as other:
            await self.within(ear.pubsub.subscribe([topic]))
            await self.publish(other, topic, payloads)
            heard = [message.payload for message in await ear.messages(len(payloads))]
            assert heard == payloads
            assert all(type(payload) is bytes for payload in heard)

    async def test_largest_payload(self) -> None:
        async with self.listening() as ear, self.opened() as other:
            size = other.max_payload or 256 * 1024
            payload = (bytes(range(256)) * (size // 256 + 1))[:size]
            await self.within(ear.pubsub.subscribe([LONG]))
            await self.publish(other, LONG, [payload] * 20)
            assert {message.payload for message in await ear.messages(20)} == {payload}
