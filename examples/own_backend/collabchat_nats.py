"""A pub/sub of one's own: CollabChat's hints over NATS (core subjects, at most once)."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from collabchat_asgi.errors import ConfigError, PubSubUnavailable
from collabchat_asgi.pubsub.abc import Gap, Message, PubSub
from collabchat_asgi.pubsub.memory import Inbox, silence
from collabchat_asgi.registry import masked

logger = logging.getLogger("collabchat_nats")

SECONDS = 2.0
PREFIX = "collabchat."
AWAY = (nats.errors.Error, OSError, TimeoutError)


class Link:
    """One open connection, what it hears, and the loop it lives in."""

    def __init__(self) -> None:
        self.client = Client()
        self.inbox = Inbox()
        self.loop = asyncio.get_running_loop()
        self.subscriptions: dict[str, Subscription] = {}
        self.subscribing = asyncio.Lock()
        self.whole = True
        self._echo = f"{PREFIX}echo.{secrets.token_hex(8)}"
        self._echoes: dict[bytes, asyncio.Future[None]] = {}

    async def connect(self, **options: Any) -> None:
        await self.client.connect(
            **options,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            ping_interval=5,
            disconnected_cb=self._lost,
            reconnected_cb=self._found,
            error_cb=self._failed,
        )
        await self.client.subscribe(self._echo, cb=self._echoed)

    async def confirmed(self) -> None:
        """Wait until the server has done what it was told before."""
        # `Client.flush` does the same, but the answer to a cancelled one ends nats-py's reading.
        mark = secrets.token_bytes(8)
        echo = self._echoes[mark] = self.loop.create_future()
        try:
            await self.client.publish(self._echo, mark)
            await echo
        finally:
            del self._echoes[mark]

    async def _echoed(self, message: Msg) -> None:
        echo = self._echoes.get(message.data)
        if echo and not echo.done():
            echo.set_result(None)

    async def _lost(self) -> None:
        self.whole = False

    async def _found(self) -> None:
        # What comes between the first and the last renewed subscription could be taken for all
        # there was. So nothing is heard until all are confirmed, and the gap tells of it.
        self.inbox.gap()
        self.whole = True

    async def _failed(self, error: Exception) -> None:
        if isinstance(error, nats.errors.SlowConsumerError):
            self.inbox.gap()
        logger.debug("NATS: %r", error)

    async def hear(self, message: Msg) -> None:
        if self.whole:
            self.inbox.put(message.subject.removeprefix(PREFIX).replace("~", "."), message.data)


class NatsPubSub(PubSub):
    """`nats://[user:password@ or token@]host[:port][,host…]`"""

    max_payload: ClassVar[int | None] = 256 * 1024

    def __init__(self, servers: list[str], **credentials: str) -> None:
        self._servers = servers
        self._credentials = credentials
        self._link: Link | None = None

    def __repr__(self) -> str:
        return f"NatsPubSub({', '.join(self._servers)})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        parts = urlsplit(url)
        login, _, places = parts.netloc.rpartition("@")
        if not places or parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigError(f"pubsub={masked(url)!r} has to be nats://host:4222, with no options")
        user, colon, password = login.partition(":")
        credentials = {"user": unquote(user), "password": unquote(password)}
        if not colon:
            credentials = {"token": unquote(user)} if user else {}
        return cls([f"nats://{place}" for place in places.split(",")], **credentials)

    async def open(self) -> None:
        if self._link and self._link.loop is asyncio.get_running_loop():
            return
        link = Link()
        try:
            async with asyncio.timeout(SECONDS):
                await link.connect(servers=self._servers, **self._credentials)
        except BaseException as error:
            with suppress(Exception):
                # A client that was never connected does not like to be closed.
                await link.client.close()
            if isinstance(error, AWAY):
                raise PubSubUnavailable(f"{self!r} cannot be reached: {error!r}") from error
            raise
        self._link = link

    async def close(self) -> None:
        link, self._link = self._link, None
        if link and link.loop is asyncio.get_running_loop():
            link.inbox.close()
            await link.client.close()

    async def publish(self, topic: str, payload: bytes) -> None:
        link = self._open_link()
        try:
            async with asyncio.timeout(SECONDS):
                await link.client.publish(subject(topic), payload)
        except AWAY as error:
            raise PubSubUnavailable(f"{self!r} did not take it: {error!r}") from error
        self._check(link)

    async def subscribe(self, topics: Collection[str]) -> None:
        link = self._open_link()
        link.inbox.topics.update(topics)
        try:
            async with asyncio.timeout(SECONDS), link.subscribing:
                for topic in topics:
                    if topic not in link.subscriptions:
                        subscribe = link.client.subscribe(subject(topic), cb=link.hear)
                        link.subscriptions[topic] = await subscribe
                self._check(link)
                await link.confirmed()
        except AWAY as error:
            raise PubSubUnavailable(f"{self!r} did not confirm: {error!r}") from error

    async def unsubscribe(self, topics: Collection[str]) -> None:
        link = self._link
        if link is None:
            return
        link.inbox.topics.difference_update(topics)
        try:
            async with asyncio.timeout(SECONDS), link.subscribing:
                for topic in topics:
                    if subscription := link.subscriptions.pop(topic, None):
                        await subscription.unsubscribe()
        except AWAY as error:
            logger.debug("NATS goes on sending what is dropped here: %r", error)

    def listen(self) -> AsyncIterator[Message | Gap]:
        return self._link.inbox.listen() if self._link else silence()

    def _open_link(self) -> Link:
        if self._link is None:
            raise PubSubUnavailable(f"{self!r} is not open")
        return self._link

    def _check(self, link: Link) -> None:
        if not link.client.is_connected:
            raise PubSubUnavailable(f"{self!r} is away")


def subject(topic: str) -> str:
    """A topic may begin or end with a dot, or have two in a row; a subject may not."""
    return PREFIX + topic.replace(".", "~")
