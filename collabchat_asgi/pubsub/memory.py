"""Pub/sub inside one process: for tests, and for a server with a single worker."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Collection
from typing import ClassVar, Self
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet, WeakValueDictionary

from ..errors import ConfigError, PubSubUnavailable
from .abc import Gap, Message, PubSub

__all__ = ["Inbox", "MemoryPubSub", "silence"]


class Inbox:
    """The hearing end of one open instance: its topics, and what was heard but not yet taken.

    At most 10,000 messages and 8 MiB wait. One more, and all that wait are dropped for a `Gap`:
    the consumer will read the log anyway, and what it reads there is newer than any of them.
    """

    MESSAGES = 10_000
    BYTES = 8 * 1024 * 1024

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self._waiting: deque[Message | Gap] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None

    def put(self, topic: str, payload: bytes) -> None:
        """Keep the message for the consumer if the topic is subscribed."""
        if topic not in self.topics or self._closed:
            return
        self._bytes += len(payload)
        if len(self._waiting) >= self.MESSAGES or self._bytes > self.BYTES:
            self._waiting.clear()
            self._waiting.append(Gap())
            self._bytes = len(payload)
        self._waiting.append(Message(topic, payload))
        self._wake.set()

    def gap(self) -> None:
        """Tell the consumer that something was lost. Gaps in a row are one."""
        if not (self._waiting and isinstance(self._waiting[-1], Gap)):
            self._waiting.append(Gap())
        self._wake.set()

    def close(self, error: Exception | None = None) -> None:
        """End `listen`, with the error if there is one."""
        self._closed = True
        self._error = error
        self._wake.set()

    async def listen(self) -> AsyncIterator[Message | Gap]:
        """Everything that was put, in order, until `close`."""
        while not self._closed:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            item = self._waiting.popleft()
            if isinstance(item, Message):
                self._bytes -= len(item.payload)
            yield item
        if self._error:
            raise self._error


async def silence() -> AsyncIterator[Message | Gap]:
    """What is heard where nothing is open: it ends at once."""
    ended = Inbox()
    ended.close()
    async for item in ended.listen():
        yield item


class _Ear:
    """An inbox together with the loop it belongs to: a bus may span loops in several threads."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.loop = asyncio.get_running_loop()

    def hear(self, topic: str, payload: bytes) -> None:
        if self.loop is asyncio.get_running_loop():
            self.inbox.put(topic, payload)
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.inbox.put, topic, payload)


class _Bus:
    def __init__(self) -> None:
        self._ears: WeakSet[_Ear] = WeakSet()
        self._lock = threading.Lock()

    def join(self, ear: _Ear) -> None:
        with self._lock:
            self._ears.add(ear)

    def leave(self, ear: _Ear) -> None:
        with self._lock:
            self._ears.discard(ear)

    @property
    def ears(self) -> int:
        return len(self._ears)

    def publish(self, topic: str, payload: bytes) -> None:
        with self._lock:
            ears = list(self._ears)
        for ear in ears:
            # A loop of another thread may end between the question and the call.
            try:
                ear.hear(topic, payload)
            except RuntimeError:
                self.leave(ear)


_named: WeakValueDictionary[str, _Bus] = WeakValueDictionary()


class MemoryPubSub(PubSub):
    """`memory://` is a bus of its own; `memory://name` is shared by this process's instances.

    Nothing is lost before a consumer is 10,000 messages or 8 MiB behind. Instances of one bus may
    live in different event loops and threads.
    """

    max_payload: ClassVar[int | None] = None
    shared: ClassVar[bool] = False

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._bus = _named.setdefault(name, _Bus()) if name else _Bus()
        self._ear: _Ear | None = None

    def __repr__(self) -> str:
        return f"MemoryPubSub({self._name!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        """`memory://` or `memory://name`; there are no options."""
        parts = urlsplit(url)
        if parts.query or parts.fragment or "@" in parts.netloc:
            # Their names only: a value may be a password that belongs to another URL.
            options = ", ".join(dict(parse_qsl(parts.query, keep_blank_values=True)))
            raise ConfigError(f"pubsub: memory://name has no options, and no {options or 'user'}")
        return cls(parts.netloc + parts.path)

    async def open(self) -> None:
        if self._ear and self._ear.loop is asyncio.get_running_loop():
            return
        await self.close()
        self._ear = _Ear()
        self._bus.join(self._ear)

    async def close(self) -> None:
        ear, self._ear = self._ear, None
        if ear:
            self._bus.leave(ear)
            ear.inbox.close()

    @property
    def alone(self) -> bool:
        return self._ear is not None and self._bus.ears == 1

    async def publish(self, topic: str, payload: bytes) -> None:
        self._open_ear()
        self._bus.publish(topic, payload)

    async def subscribe(self, topics: Collection[str]) -> None:
        self._open_ear().inbox.topics.update(topics)

    async def unsubscribe(self, topics: Collection[str]) -> None:
        if self._ear:
            self._ear.inbox.topics.difference_update(topics)

    def listen(self) -> AsyncIterator[Message | Gap]:
        return self._ear.inbox.listen() if self._ear else silence()

    def _open_ear(self) -> _Ear:
        if self._ear is None:
            raise PubSubUnavailable("this pub/sub is not open")
        return self._ear
