"""The bench on which a pub/sub is tested: how to make it, to listen to it, to break it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import count
from typing import ClassVar, TypeVar

import pytest

from ..pubsub.abc import Gap, Message, PubSub

__all__ = ["Listener", "PubSubBench"]

T = TypeVar("T")
_numbers = count()


def new_topic() -> str:
    """One that no other test of this process uses."""
    return f"t.{next(_numbers)}"


class Listener:
    """Takes what a pub/sub says into a queue, from which a test reads with a deadline."""

    def __init__(self, pubsub: PubSub, seconds: float) -> None:
        self.pubsub = pubsub
        self._seconds = seconds
        self._heard: asyncio.Queue[Message | Gap] = asyncio.Queue()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for item in self.pubsub.listen():
            self._heard.put_nowait(item)

    async def next(self) -> Message | Gap:
        """What comes next. Fails if nothing does, or if `listen` raised or ended."""
        get = asyncio.ensure_future(self._heard.get())
        try:
            await asyncio.wait(
                {get, self._task}, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if get.done():
                return get.result()
            if self._task.done():
                await self._task
                raise AssertionError("listen ended by itself")
            raise AssertionError(f"nothing was heard for {self._seconds} s")
        finally:
            get.cancel()

    async def messages(self, number: int) -> list[Message]:
        """The next messages; a gap in between fails."""
        heard = [await self.next() for _ in range(number)]
        assert Gap() not in heard, "a Gap although nothing failed"
        return [item for item in heard if isinstance(item, Message)]

    async def ended(self) -> None:
        """Wait until `listen` has ended; fails if it raised or goes on."""
        async with asyncio.timeout(self._seconds):
            await self._task

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class PubSubBench:
    """What the tests of the contract stand on. Every wait has a deadline."""

    pytestmark = pytest.mark.asyncio

    seconds: ClassVar[float] = 5.0
    """How long any call and any message may take."""
    flood: ClassVar[int] = 14_000
    """Messages of 2 KiB that are published to a consumer that does not listen."""
    flood_kept: ClassVar[int] = 24 * 1024 * 1024
    """Bytes that may be held for it in this process, publisher included."""
    url: ClassVar[str | None] = None
    """One that `from_url` takes, with the password `hunter2` if it can have one."""

    async def make(self) -> PubSub:
        raise NotImplementedError

    def broken(self) -> AbstractAsyncContextManager[object] | None:
        """A context in which the broker is away and its connections are cut; None: not testable."""
        return None

    # What the tests are written with.

    async def within(self, call: Awaitable[T]) -> T:
        async with asyncio.timeout(self.seconds):
            return await call

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[PubSub]:
        pubsub = await self.make()
        await self.within(pubsub.open())
        try:
            yield pubsub
        finally:
            await self.within(pubsub.close())

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        async with self.opened() as pubsub:
            listener = Listener(pubsub, self.seconds)
            try:
                yield listener
            finally:
                await listener.stop()

    async def publish(self, pubsub: PubSub, topic: str, payloads: Iterable[bytes]) -> None:
        for payload in payloads:
            await self.within(pubsub.publish(topic, payload))
