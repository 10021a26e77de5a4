"""Pub/sub over LISTEN and NOTIFY: no server beside the database."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import ClassVar, Self

import asyncpg

from ..errors import ConfigError, PubSubError, PubSubUnavailable
from ..postgres_client.address import Address
from ..postgres_client.faults import DRIVER, is_away, text_of
from ..postgres_client.pool import let_go
from .abc import Gap, Message, PubSub
from .memory import Inbox, silence
from .postgres_notify import MAX_PAYLOAD, Notifier, channel_of, decode, end

__all__ = ["PostgresPubSub"]

logger = logging.getLogger("collabchat_asgi.pubsub")

PROBE_SECONDS = 5.0
"""How often the server is asked whether it still lives: a frozen one closes no connection."""
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0
DEAF = (
    "LISTEN hears nothing: a pooler is in between. Add ?pooler=transaction and the server's own "
    "URL as listen=postgresql://…, or choose another pubsub="
)


class _Station:
    """One open instance: the connection that listens, and the one that notifies."""

    def __init__(self, address: Address) -> None:
        self.loop = asyncio.get_running_loop()
        self.inbox = Inbox()
        self.hears = False
        self.notifier = Notifier(address)
        self._direct = address.listen or address
        self._channel = channel_of(address.schema)
        self._own_name = f"~{secrets.token_hex(8)}"
        self._heard_itself = asyncio.Event()
        self._was_open = asyncio.Event()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises `PubSubError`. Where the server is away, or nobody waits any more, it goes on
        trying; otherwise nothing is left behind."""
        try:
            await self._connect()
        except (PubSubUnavailable, asyncio.CancelledError):
            self._watch = asyncio.create_task(self._for_ever())
            raise
        except BaseException:
            await self.close()
            raise
        self._watch = asyncio.create_task(self._for_ever())

    async def opened(self) -> None:
        """Return when it has been connected once. Raises `PubSubUnavailable`."""
        try:
            async with asyncio.timeout(2 * self._direct.timeout):
                await self._was_open.wait()
        except TimeoutError:
            raise PubSubUnavailable(f"{self._direct.shown}: not yet connected") from None

    async def close(self) -> None:
        self.hears = False
        self.inbox.close()
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self.notifier.close()
        await self._disconnect()

    def abandon(self) -> None:
        """Instead of `close`, where the event loop has ended without it."""
        self.hears = False
        self.notifier.abandon()
        if self._connection:
            let_go(self._connection)

    async def _connect(self) -> None:
        """Listen, and hear what was sent on the other connection. Raises `PubSubError`."""
        self._heard_itself.clear()
        try:
            async with asyncio.timeout(2 * self._direct.timeout):
                self._connection = await self._direct.connect()
                await self._connection.add_listener(self._channel, self._hear)
                await self.notifier.publish(self._own_name, b"")
        except DRIVER as error:
            kind = PubSubUnavailable if is_away(error) else PubSubError
            raise kind(f"{self._direct.shown}: {text_of(error)}") from None
        try:
            async with asyncio.timeout(self._direct.timeout):
                await self._heard_itself.wait()
        except TimeoutError:
            raise PubSubError(f"{self._direct.shown}: {DEAF}") from None
        self.hears = True
        self._was_open.set()

    def _hear(self, connection: object, pid: int, channel: str, payload: object) -> None:
        message = decode(str(payload))
        if message is None:
            return
        if message.topic == self._own_name:
            self._heard_itself.set()
        elif self.hears:  # what comes before the Gap is missed: the Gap speaks for it
            self.inbox.put(message.topic, message.payload)

    async def _for_ever(self) -> None:
        while True:
            if self.hears:
                why = await self._trouble()
                self.hears = False
                logger.warning(
                    "the listener on %s failed, it is opened again: %s", self._direct.shown, why
                )
            await self._reconnect()
            self.inbox.gap()
            logger.info("the listener on %s is back", self._direct.shown)

    async def _trouble(self) -> str:
        """Returns when the connection is of no use any more, and says why."""
        connection = self._connection
        assert connection is not None
        cut = asyncio.Event()
        connection.add_termination_listener(lambda _: cut.set())
        while not connection.is_closed():
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await cut.wait()
                break
            try:
                async with asyncio.timeout(self._direct.timeout):
                    await connection.execute("SELECT 1")
            except DRIVER as error:
                return text_of(error)
        return "the connection was closed"

    async def _reconnect(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._disconnect()
            try:
                return await self._connect()
            except PubSubError as error:
                logger.debug("not yet: %s", error)
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await end(connection)


class PostgresPubSub(PubSub):
    """`postgresql://user:password@host/database`: the same URL as the storage's.

    `open` raises `PubSubUnavailable` where nobody answers, and the instance is open all the same:
    it reconnects by itself. Two connections per process. Every process hears the hints of all pages
    of its `schema` and drops those that it has no viewers for. NOTIFY suits some hundreds of
    commits per second; above that choose Redis. Options as `PostgresStorage`; with
    `pooler=transaction`, LISTEN cannot work and `listen=postgresql://…` names the server itself.
    """

    max_payload: ClassVar[int | None] = MAX_PAYLOAD

    def __init__(self, url: str) -> None:
        self._address = Address.parse(url, "pubsub")
        if self._address.pooled and not self._address.listen:
            raise ConfigError(
                "pubsub: LISTEN cannot work behind pooler=transaction: add the server's own URL "
                "as listen=postgresql://… (percent-encoded), or set pubsub= to a broker"
            )
        self._station: _Station | None = None

    def __repr__(self) -> str:
        return f"PostgresPubSub({self._address.shown!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(url)

    async def open(self) -> None:
        if self._station and self._station.loop is asyncio.get_running_loop():
            await self._station.opened()
            return
        await self.close()
        self._station = station = _Station(self._address)
        try:
            await station.open()
        except (PubSubUnavailable, asyncio.CancelledError):
            raise
        except BaseException:
            self._station = None
            raise

    async def close(self) -> None:
        station, self._station = self._station, None
        if station and station.loop is not asyncio.get_running_loop():
            station.abandon()
        elif station:
            # In a task: this call may be cancelled, and the connections must go all the same.
            await asyncio.shield(asyncio.ensure_future(station.close()))

    async def publish(self, topic: str, payload: bytes) -> None:
        if len(payload) > MAX_PAYLOAD:
            raise PubSubError(f"a payload of {len(payload)} bytes; at most {MAX_PAYLOAD} fit")
        await self._open_station().notifier.publish(topic, payload)

    async def subscribe(self, topics: Collection[str]) -> None:
        station = self._open_station()
        station.inbox.topics.update(topics)
        if not station.hears:
            raise PubSubUnavailable(f"{self._address.shown}: not connected, and trying to be")

    async def unsubscribe(self, topics: Collection[str]) -> None:
        if self._station:
            self._station.inbox.topics.difference_update(topics)

    def listen(self) -> AsyncIterator[Message | Gap]:
        return self._station.inbox.listen() if self._station else silence()

    def _open_station(self) -> _Station:
        if self._station is None:
            raise PubSubUnavailable("this pub/sub is not open")
        return self._station
