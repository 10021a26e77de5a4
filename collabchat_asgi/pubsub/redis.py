"""Pub/sub over Redis: one server, the master that Sentinels name, or a cluster's shards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Any, ClassVar, Self

from ..core.patience import patience
from ..errors import PubSubError, PubSubUnavailable
from ..redis_client.address import Address, Endpoint
from ..redis_client.servers import Command, Servers
from .abc import Gap, Message, PubSub
from .memory import Inbox, silence
from .redis_ear import CLASSIC, SHARDED, Ear, Words

__all__ = ["RedisPubSub"]

MAX_PAYLOAD = 256 * 1024


class _Station:
    """One open instance: its inbox, and an ear at every server that has topics of ours."""

    def __init__(self, address: Address) -> None:
        self.inbox = Inbox()
        self.servers = Servers(address, PubSubUnavailable, PubSubError)
        self._address = address
        self._prefix = f"{address.prefix}:{address.db}:"
        self._words = None if address.kind == "cluster" else CLASSIC
        self._ears: dict[Endpoint | None, Ear] = {}
        self._homes: dict[str, Ear] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        self.inbox.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.servers.close()

    async def look(self) -> None:
        """See who is there, and what they understand. Raises `PubSubUnavailable`."""
        master, *_ = await self.servers.masters()
        # `PING` is needed all the time, `INFO` is not given to everyone.
        await self.servers.checked(master.ping())
        if self._words is not None:
            return
        try:
            info: dict[str, Any] = await self.servers.checked(master.info("server"))
        except PubSubUnavailable:
            raise
        except PubSubError:
            info = {}
        major = int(str(info.get("redis_version", "7")).partition(".")[0])
        self._words = self._words or (SHARDED if major >= 7 else CLASSIC)

    async def publish(self, topic: str, payload: bytes) -> None:
        sharded = await self._language() is SHARDED
        channel = self._prefix + topic
        words = (b"SPUBLISH" if sharded else b"PUBLISH", channel, payload)
        await self.servers.run([Command(channel, words)])

    async def subscribe(self, topics: Collection[str]) -> None:
        for topic in topics:
            if topic not in self._homes:
                ear = await self._ear_for(topic)
                if topic not in self._homes:
                    self._settle(topic, ear)
        confirmed = {self._homes[t].topics[t] for t in topics if t in self._homes}
        if confirmed:
            await asyncio.wait(confirmed)
        if not all(one.result() for one in confirmed):
            raise PubSubUnavailable(f"{self._address} went away before it had confirmed")

    def owe(self, topics: Collection[str]) -> None:
        """Who subscribed left without an answer: a `Gap` follows the broker's."""
        for topic in topics:
            if topic not in self._homes:
                self._settle(topic, self._ear(None))
            self._homes[topic].owe(topic)

    async def unsubscribe(self, topics: Collection[str]) -> None:
        self.inbox.topics.difference_update(topics)
        ears = [(topic, self._homes.pop(topic)) for topic in topics if topic in self._homes]
        if confirmed := [ear.unsubscribe(topic) for topic, ear in ears]:
            await asyncio.wait(confirmed, timeout=self._address.timeout)

    def _settle(self, topic: str, ear: Ear, *, missed: bool = False) -> None:
        self.inbox.topics.add(topic)
        self._homes[topic] = ear
        ear.subscribe(topic, missed=missed)

    async def _language(self) -> Words:
        if self._words is None:
            await self.look()
        return self._words or SHARDED

    async def _ear_for(self, topic: str) -> Ear:
        """At the server that has the topic; nowhere, while nobody can say which that is."""
        try:
            await self._language()
            return self._ear(await self.servers.endpoint_of(self._prefix + topic))
        except PubSubUnavailable:
            return self._ear(None)

    def _ear(self, endpoint: Endpoint | None) -> Ear:
        if endpoint not in self._ears:
            ear = self._ears[endpoint] = Ear(
                endpoint,
                self._words or SHARDED,
                self._prefix.encode(),
                self.inbox,
                self.servers.connection,
                self._move,
                self._address.timeout,
            )
            task = asyncio.get_running_loop().create_task(ear.run())
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        return self._ears[endpoint]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.inbox.close(error if isinstance(error, Exception) else None)

    async def _move(self, ear: Ear) -> bool:
        await self.servers.find_again()
        for topic in list(ear.topics):
            home = await self._ear_for(topic)
            if home is not ear and home.endpoint is not None and topic in ear.topics:
                ear.forget(topic)
                self._settle(topic, home, missed=True)
        if not ear.topics:
            del self._ears[ear.endpoint]
        return bool(ear.topics)


class RedisPubSub(PubSub):
    """`redis://host:6379/0`, `rediss://…`, `redis+cluster://a:6379,b:6379`,
    `redis+sentinel://a:26379,b:26379/service/0`. Options as those of `RedisStorage`.

    Nothing is kept: a hint that is published while the server restarts, fails over or stands still
    is lost, and so is what is sent to a cut connection. A `Gap` tells of it, within `timeout` + 1
    seconds also where the server just says nothing. `open` raises `PubSubUnavailable` where nobody
    answers, and the instance is open all the same: it reconnects by itself.

    On a cluster topics are sharded from Redis 7 on (`SSUBSCRIBE`): a hint goes to one server, and
    each server has one reader here. Names of channels begin with the URL's `prefix` and database.
    """

    max_payload: ClassVar[int | None] = MAX_PAYLOAD

    def __init__(self, address: Address) -> None:
        self._address = address
        self._station: _Station | None = None

    def __repr__(self) -> str:
        return f"RedisPubSub({str(self._address)!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(Address.read(url, "pubsub"))

    async def open(self) -> None:
        if self._station and self._station.servers.loop is asyncio.get_running_loop():
            return
        self._station = station = _Station(self._address)
        await station.servers.whole(station.look())

    async def close(self) -> None:
        station, self._station = self._station, None
        if station and station.servers.loop is asyncio.get_running_loop():
            # Also where this call is cancelled: nobody could do it later.
            await asyncio.shield(station.close())

    async def publish(self, topic: str, payload: bytes) -> None:
        if len(payload) > MAX_PAYLOAD:
            raise PubSubError(f"a payload of {len(payload)} bytes; at most {MAX_PAYLOAD} fit")
        station = self._now_open()
        await station.servers.whole(station.publish(topic, payload))

    async def subscribe(self, topics: Collection[str]) -> None:
        station, wanted = self._now_open(), frozenset(topics)
        try:
            seconds = patience(self._address.timeout, len(wanted))
            await station.servers.whole(station.subscribe(wanted), seconds)
        except BaseException:
            if self._station is station:
                station.owe(wanted)
            raise

    async def unsubscribe(self, topics: Collection[str]) -> None:
        if station := self._station:
            # Whoever does not hear of it now hears too much for a while.
            with suppress(PubSubUnavailable):
                await station.servers.whole(station.unsubscribe(frozenset(topics)))

    def listen(self) -> AsyncIterator[Message | Gap]:
        return self._station.inbox.listen() if self._station else silence()

    def _now_open(self) -> _Station:
        if self._station is None:
            raise PubSubUnavailable("this pub/sub is not open")
        return self._station
