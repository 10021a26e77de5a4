"""One connection that hears what a Redis server says on some topics, made anew whenever it ends.

After each reconnection nothing is heard before all topics are subscribed again, and then a `Gap`
comes first: whoever reads the log upon it reads what was missed, with nothing in between.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from ..redis_client.address import Endpoint
from ..redis_client.faults import AWAY, explain
from .memory import Inbox

__all__ = ["Ear"]

logger = logging.getLogger("collabchat_asgi.pubsub")

BATCH = 512
"""Topics in one command."""
PING_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
LARGEST = 1024 * 1024
"""Nobody of ours publishes more; whoever does gets its message heard, but not its bytes."""


class _Request(NamedTuple):
    word: bytes
    topic: str
    confirmed: asyncio.Future[bool]


class Words(NamedTuple):
    """What this server calls it."""

    subscribe: bytes
    unsubscribe: bytes
    message: bytes
    at_once: int
    """Topics that may be in one command; sharded ones are of different slots."""


CLASSIC = Words(b"subscribe", b"unsubscribe", b"message", BATCH)
SHARDED = Words(b"ssubscribe", b"sunsubscribe", b"smessage", 1)


class Ear:
    """`endpoint` is None while nobody knows where its topics live. `move` is called after each
    loss; it takes away the topics that live elsewhere now, and says whether any are left."""

    def __init__(
        self,
        endpoint: Endpoint | None,
        words: Words,
        prefix: bytes,
        inbox: Inbox,
        connect: Callable[[Endpoint], Connection],
        move: Callable[[Ear], Awaitable[bool]],
        timeout: float,
    ) -> None:
        self.endpoint = endpoint
        self.topics: dict[str, asyncio.Future[bool]] = {}
        """With the broker's confirmation of the latest subscription: False where it was lost."""
        self._words = words
        self._prefix = prefix
        self._inbox = inbox
        self._connect = connect
        self._move = move
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[_Request] = deque()
        self._asked: deque[_Request] = deque()
        """Sent; a server confirms in the order in which it was asked."""
        self._owed: set[str] = set()
        """Where something may have been missed; the `Gap` comes once all of them are confirmed."""
        self._deaf = False
        self._wake = asyncio.Event()
        self._heard_at = 0.0
        self._pause = FIRST_PAUSE

    def subscribe(self, topic: str, *, missed: bool = False) -> asyncio.Future[bool]:
        if missed:
            self._owed.add(topic)
        if topic not in self.topics:
            self.topics[topic] = self._ask(self._words.subscribe, topic)
        return self.topics[topic]

    def unsubscribe(self, topic: str) -> asyncio.Future[bool]:
        self.forget(topic)
        return self._ask(self._words.unsubscribe, topic)

    def forget(self, topic: str) -> None:
        """It is no topic of this ear any more; nothing is sent."""
        confirmed = self.topics.pop(topic)
        if not confirmed.done():
            confirmed.set_result(False)
        self._owed.discard(topic)

    def owe(self, topic: str) -> None:
        """Who subscribed was told that it failed, and may have missed something."""
        if self.topics[topic].done():
            self._inbox.gap()
        else:
            self._owed.add(topic)

    def _ask(self, word: bytes, topic: str) -> asyncio.Future[bool]:
        request = _Request(word, topic, self._loop.create_future())
        self._outbox.append(request)
        self._wake.set()
        return request.confirmed

    async def run(self) -> None:
        """Until there is nothing left to hear here."""
        while True:
            try:
                # In a task of its own: one whose TaskGroup failed stays marked as cancelled, and
                # in Debian's CPython (3.11.2) no timeout of asyncio ends it with TimeoutError then.
                await self._loop.create_task(self._converse())
            except* AWAY as errors:
                level = logging.WARNING if self._pause == FIRST_PAUSE else logging.DEBUG
                told = explain(errors.exceptions[0])
                logger.log(level, "pubsub: %s is not heard now: %s", self.endpoint, told)
            self._lost()
            if not await self._move(self):
                return
            await asyncio.sleep(self._pause * random.uniform(0.5, 1))
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _lost(self) -> None:
        for request in (*self._asked, *self._outbox):
            if not request.confirmed.done():
                request.confirmed.set_result(False)
        self._asked.clear()
        self._outbox.clear()
        self._owed = set(self.topics)
        self._deaf = bool(self._owed)
        self.topics = {t: self._ask(self._words.subscribe, t) for t in self.topics}

    async def _converse(self) -> None:
        """One connection, from its beginning to its end, which is always an error."""
        if self.endpoint is None:
            raise ConnectionError("nobody knows who has these topics")
        connection = self._connect(self.endpoint)
        try:
            async with asyncio.timeout(self._timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
            self._heard_at = self._loop.time()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(connection))
                tasks.create_task(self._speak(connection))
                tasks.create_task(self._watch(connection))
        finally:
            with suppress(*AWAY):
                await connection.disconnect(nowait=True)

    async def _watch(self, connection: Connection) -> None:
        """A server that stands still, and a network that is gone, send nothing: not even this."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if self._loop.time() - self._heard_at > PING_SECONDS + self._timeout:
                raise TimeoutError("it answers no ping")
            await self._send(connection, [(b"PING",)])

    async def _speak(self, connection: Connection) -> None:
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                commands = []
                for _ in range(BATCH // self._words.at_once):
                    if batch := self._batch():
                        channels = (self._prefix + r.topic.encode() for r in batch)
                        commands.append((batch[0].word, *channels))
                if commands:
                    await self._send(connection, commands)

    def _batch(self) -> Sequence[_Request]:
        """The next ones that fit into one command."""
        batch: list[_Request] = []
        while self._outbox and len(batch) < self._words.at_once:
            word, topic, confirmed = self._outbox[0]
            if word == self._words.subscribe and self.topics.get(topic) is not confirmed:
                self._outbox.popleft()  # it was forgotten meanwhile
            elif batch and word != batch[0].word:
                break
            else:
                batch.append(self._outbox.popleft())
        self._asked.extend(batch)
        return batch

    async def _send(self, connection: Connection, commands: Sequence[Sequence[bytes]]) -> None:
        async with asyncio.timeout(self._timeout):
            await connection.send_packed_command(connection.pack_commands(commands))

    async def _hear(self, connection: Connection) -> None:
        while True:
            try:
                heard: Any = await connection.read_response()
            except ResponseError as error:
                # Only a server that has no such topic, or forbids it, answers so.
                raise ConnectionError(explain(error)) from error
            self._heard_at = self._loop.time()
            if isinstance(heard, list) and len(heard) == 3:
                self._take(*heard)

    def _take(self, kind: bytes, channel: bytes | None, rest: Any) -> None:
        if kind == self._words.message:
            topic = (channel or b"").removeprefix(self._prefix).decode("ascii", "replace")
            if not self._deaf:
                self._inbox.put(topic, rest if len(rest) <= LARGEST else b"")
        elif not self._asked or kind != self._asked[0].word:
            # The slot has moved to another server, which nobody had asked for.
            raise ConnectionError(f"an unexpected {kind!r}")
        else:
            self._confirmed(self._asked.popleft())

    def _confirmed(self, request: _Request) -> None:
        if not request.confirmed.done():
            request.confirmed.set_result(True)
        self._pause = FIRST_PAUSE
        if request.word == self._words.subscribe and request.topic in self._owed:
            self._owed.discard(request.topic)
            if not self._owed:
                self._deaf = False
                self._inbox.gap()
