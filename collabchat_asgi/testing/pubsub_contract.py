"""What every pub/sub must keep: subclass `PubSubContract`, give `make`, let pytest run it."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from ..errors import ConfigError, PubSubUnavailable
from ..pubsub.abc import Gap, Message, PubSub
from .pubsub_bench import Listener, new_topic
from .pubsub_hearing import PubSubHearing

__all__ = ["PubSubContract"]


class PubSubContract(PubSubHearing):
    """The promises of `PubSub`, one test each; every wait in them has a deadline.

    `make` returns a new instance, not yet open, on the same bus each time. `broken`, `url` and the
    numbers are optional (`PubSubBench`).
    """

    # Opening and closing.

    async def test_close_ends_a_waiting_listen(self) -> None:
        pubsub = await self.make()
        await self.within(pubsub.open())
        await self.within(pubsub.subscribe([new_topic()]))
        ear = Listener(pubsub, self.seconds)
        await asyncio.sleep(0)
        await self.within(pubsub.close())
        await ear.ended()
        too_late = Listener(pubsub, self.seconds)
        await too_late.ended()

    async def test_open_and_close_are_idempotent(self) -> None:
        topic = new_topic()
        pubsub = await self.make()
        await self.within(pubsub.close())
        await self.within(pubsub.open())
        await self.within(pubsub.subscribe([topic]))
        await self.within(pubsub.open())
        ear = Listener(pubsub, self.seconds)
        await self.publish(pubsub, topic, [b"once"])
        assert await ear.messages(1) == [Message(topic, b"once")]
        await self.within(pubsub.close())
        await self.within(pubsub.close())
        await ear.ended()

    async def test_reopened_in_the_same_loop(self) -> None:
        pubsub = await self.make()
        for _ in range(3):
            await self.within(pubsub.open())
            await self._works(pubsub)
            await self.within(pubsub.close())

    async def test_reopened_in_another_loop(self) -> None:
        pubsub = await self.make()
        await self.within(pubsub.open())
        await self._works(pubsub)
        await self.within(pubsub.close())

        async def elsewhere() -> None:
            await self.within(pubsub.open())
            await self._works(pubsub)
            await self.within(pubsub.close())

        await asyncio.to_thread(asyncio.run, elsewhere())

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.filterwarnings("ignore::ResourceWarning")  # it is left unclosed on purpose
    async def test_opened_after_a_loop_that_nobody_closed_it_in(self) -> None:
        """As `asyncio.run` of one task after another, or a test in a loop of its own."""
        pubsub = await self.make()

        async def elsewhere() -> None:
            await self.within(pubsub.open())
            await self._works(pubsub)

        for _ in range(3):
            await asyncio.to_thread(asyncio.run, elsewhere())
        await self.within(pubsub.open())
        await self._works(pubsub)
        await self.within(pubsub.close())
        gc.collect()

    async def test_close_amid_calls(self) -> None:
        topic = new_topic()
        pubsub = await self.make()
        await self.within(pubsub.open())

        async def call() -> None:
            with suppress(PubSubUnavailable):
                await pubsub.subscribe([topic])
                for _ in range(10):
                    await pubsub.publish(topic, b"still there?")
                    await asyncio.sleep(0)

        calls = [asyncio.create_task(call()) for _ in range(10)]
        await asyncio.sleep(0)
        await self.within(pubsub.close())
        await self.within(asyncio.gather(*calls))

    async def _works(self, pubsub: PubSub) -> None:
        topic = new_topic()
        ear = Listener(pubsub, self.seconds)
        try:
            await self.within(pubsub.subscribe([topic]))
            await self.publish(pubsub, topic, [b"alive"])
            while (heard := await ear.next()) != Message(topic, b"alive"):
                assert not isinstance(heard, Message) or heard.topic != topic
        finally:
            await ear.stop()

    # Trouble.

    async def test_a_slow_consumer_gets_a_gap_first(self) -> None:
        topic = new_topic()
        async with self.opened() as slow, self.opened() as other:
            await self.within(slow.subscribe([topic]))
            listen = slow.listen()
            await self.publish(other, topic, [b"0 "])
            assert await self.within(anext(listen)) == Message(topic, b"0 ")
            tracemalloc.start()
            try:
                for first in range(1, self.flood + 1, 100):
                    await self.within(self._flood(other, topic, first))
                kept = tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()
            assert kept < self.flood_kept, f"{kept} bytes are kept for who does not listen"
            last, gap = 0, False
            while last < self.flood:
                try:
                    item = await self.within(anext(listen))
                except TimeoutError:
                    assert gap, f"{last + 1} … {self.flood} lost without a Gap"
                    break
                if isinstance(item, Gap):
                    gap = True
                    continue
                number = int(item.payload.split()[0])
                assert gap or number == last + 1, f"{last + 1} … {number - 1} lost without a Gap"
                last, gap = number, False
            await listen.aclose()  # type: ignore[attr-defined]  # an async generator, as a rule
            ear = Listener(slow, self.seconds)
            await self._heard_again(ear, other, topic)
            await ear.stop()

    async def test_unsubscribing_a_stranger_changes_nothing(self) -> None:
        topic = new_topic()
        async with self.listening() as ear, self.opened() as other:
            await self.within(ear.pubsub.subscribe([topic]))
            await self.within(ear.pubsub.unsubscribe([new_topic()]))
            await self.publish(other, topic, [b"still here"])
            assert await ear.messages(1) == [Message(topic, b"still here")]

    async def test_cancelled_calls_leave_it_usable(self) -> None:
        topic = new_topic()
        pubsub = await self.make()
        calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
            pubsub.open,
            lambda: pubsub.subscribe([topic]),
            lambda: pubsub.publish(topic, b"perhaps"),
            lambda: pubsub.unsubscribe([topic]),
            pubsub.close,
        ]
        for call in calls:
            for turns in range(4):
                if call != pubsub.open:
                    await self.within(pubsub.open())
                task = asyncio.create_task(call())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await self.within(task)
                await self.within(pubsub.open())
                await self._works(pubsub)
                await self.within(pubsub.close())

    async def test_a_cancelled_consumer_may_come_back(self) -> None:
        topic = new_topic()
        async with self.opened() as pubsub:
            await self.within(pubsub.subscribe([topic]))
            first = Listener(pubsub, self.seconds)
            await asyncio.sleep(0)
            await first.stop()
            await self._works(pubsub)

    async def test_a_broken_broker_is_survived(self) -> None:
        broken = self.broken()
        if broken is None:
            pytest.skip("no way to break this broker")
        before, during = new_topic(), new_topic()
        async with self.listening() as ear, self.opened() as other:
            await self.within(ear.pubsub.subscribe([before]))
            async with broken:
                for _ in range(3):
                    with suppress(PubSubUnavailable):
                        await self.within(ear.pubsub.publish(before, b"lost or not"))
                with suppress(PubSubUnavailable):
                    await self.within(ear.pubsub.subscribe([during]))
                with suppress(PubSubUnavailable):
                    await self.within(other.publish(before, b"lost or not"))
                await self.within(ear.pubsub.unsubscribe([new_topic()]))
            gap = False
            while not gap:
                gap = await ear.next() == Gap()
            for topic in (before, during):
                await self._heard_again(ear, other, topic)
                await self._heard_again(ear, ear.pubsub, topic)

    async def _flood(self, publisher: PubSub, topic: str, first: int) -> None:
        """A hundred of the flood's messages."""
        for number in range(first, min(first + 100, self.flood + 1)):
            await publisher.publish(topic, b"%d " % number + bytes(2048))
        await asyncio.sleep(0)

    async def _heard_again(self, ear: Listener, publisher: PubSub, topic: str) -> None:
        """Publish until it works: the publisher's own connection may need a moment longer."""
        async with asyncio.timeout(self.seconds):
            while True:
                try:
                    await publisher.publish(topic, b"after")
                    break
                except PubSubUnavailable:
                    await asyncio.sleep(0.01)
        while await ear.next() != Message(topic, b"after"):
            pass

    # Configuration.

    async def test_no_password_is_shown(self) -> None:
        if self.url is None:
            pytest.skip("no URL given")
        pubsub = type(await self.make()).from_url(self.url)
        for text in (repr(pubsub), str(pubsub)):
            assert "hunter2" not in text

    async def test_an_unknown_option_is_an_error(self) -> None:
        if self.url is None:
            pytest.skip("no URL given")
        mark = "&" if "?" in self.url else "?"
        with pytest.raises(ConfigError, match="nonsense") as error:
            type(await self.make()).from_url(f"{self.url}{mark}nonsense=1")
        assert "hunter2" not in str(error.value)
