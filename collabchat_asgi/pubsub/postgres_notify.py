"""What NOTIFY carries, and the connection that sends it.

All topics travel on one channel. A channel per topic would spare nothing on the server, where each
NOTIFY wakes every listening session of the database anyway and is compared with each channel it
listens to, one by one; and it would cost a round trip per subscription and thousands at every
reconnection. So subscribing costs nothing, and everybody drops what is not theirs.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode, b64encode
from collections import deque
from contextlib import suppress

import asyncpg

from ..errors import PubSubUnavailable
from ..postgres_client.address import Address
from ..postgres_client.faults import DRIVER, text_of
from ..postgres_client.pool import let_go
from .abc import Message

__all__ = ["MAX_PAYLOAD", "Notifier", "channel_of", "decode", "encode"]

AT_ONCE = 64
"""Messages in one transaction. Its commit takes a lock that the whole server shares."""
NOTIFY_BYTES = 7_999
TOPIC_BYTES = 48
MAX_PAYLOAD = (NOTIFY_BYTES - len(f"{AT_ONCE - 1}:") - TOPIC_BYTES - 1) // 4 * 3
SEND = "SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message"


def channel_of(schema: str | None) -> str:
    """One per schema. At most 63 bytes: a longer name is cut off without a word."""
    if schema is None:
        return "collabchat"
    return f"collabchat_{hashlib.blake2b(schema.encode(), digest_size=12).hexdigest()}"


def encode(topic: str, payload: bytes, place: int) -> str:
    """`place` is its own in its transaction, because of two that are the same only one is sent."""
    return f"{place}:{topic}:{b64encode(payload).decode()}"


def decode(text: str) -> Message | None:
    """None for what nobody of us has sent."""
    _, _, rest = text.partition(":")
    topic, colon, payload = rest.partition(":")
    try:
        return Message(topic, b64decode(payload, validate=True)) if colon else None
    except ValueError:
        return None


class Notifier:
    """Sends what has gathered while the last NOTIFY was under way, in order, on one connection."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._channel = channel_of(address.schema)
        self._waiting: deque[tuple[str, bytes, asyncio.Future[None]]] = deque()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    async def publish(self, topic: str, payload: bytes) -> None:
        """Returns once the server has it. Raises `PubSubUnavailable`."""
        if self._closed:
            raise PubSubUnavailable("this pub/sub is closed")
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((topic, payload, sent))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        await sent

    async def close(self) -> None:
        self._closed = True
        if self._sending:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._fail(list(self._waiting), "this pub/sub was closed")
        await self._disconnect()

    def abandon(self) -> None:
        """Instead of `close`, where the event loop has ended without it."""
        self._closed = True
        if self._connection:
            let_go(self._connection)

    async def _send_all(self) -> None:
        """A task of its own, so that no publisher can cut off another one's message."""
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            batch = [one for one in taken if not one[2].done()]
            try:
                async with asyncio.timeout(self._address.timeout):
                    await self._send(batch)
            except DRIVER as error:
                # Who waits meanwhile would wait as long, for the same.
                self._fail([*batch, *self._waiting], text_of(error))
                await self._disconnect()
            except BaseException:
                self._fail([*batch, *self._waiting], "this pub/sub was closed")
                raise
            for _, _, sent in batch:
                if not sent.done():
                    sent.set_result(None)

    async def _send(self, batch: list[tuple[str, bytes, asyncio.Future[None]]]) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._address.connect()
        texts = [encode(topic, payload, n) for n, (topic, payload, _) in enumerate(batch)]
        await self._connection.execute(SEND, self._channel, texts)

    def _fail(self, batch: list[tuple[str, bytes, asyncio.Future[None]]], why: str) -> None:
        self._waiting.clear()
        for _, _, sent in batch:
            if not sent.done():
                sent.set_exception(PubSubUnavailable(f"{self._address.shown}: {why}"))

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await end(connection)


async def end(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Say goodbye, briefly."""
    with suppress(*DRIVER):
        await connection.close(timeout=1)
    connection.terminate()
