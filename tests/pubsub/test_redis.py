"""Redis keeps the contract alone, behind Sentinels and as a cluster, and is heard again after all
that can happen to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from collabchat_asgi.pubsub.abc import PubSub
from collabchat_asgi.pubsub.redis import RedisPubSub
from collabchat_asgi.testing.pubsub_contract import PubSubContract
from collabchat_asgi.testing.services import until
from collabchat_asgi.testing.services_redis import RedisCluster, RedisSentinel, RedisServer


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def sentinel() -> Iterator[RedisSentinel]:
    with RedisSentinel() as sentinel:
        yield sentinel


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with RedisCluster() as cluster:
        yield cluster


def heard(servers: Iterable[RedisServer]) -> int:
    """How many channels of ours somebody listens to."""
    asks = [("PUBSUB", kind, "collabchat*") for kind in ("CHANNELS", "SHARDCHANNELS")]
    return sum(len(server.ask(*ask)) for server in servers for ask in asks)


@asynccontextmanager
async def away(*servers: RedisServer) -> AsyncIterator[None]:
    """Killed, and then started again on the same ports."""
    for server in servers:
        await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        for server in servers:
            await asyncio.to_thread(server.start)


class OnRedis(PubSubContract):
    flood = 6_000

    @pytest.mark.long
    async def test_a_slow_consumer_gets_a_gap_first(self) -> None:
        await super().test_a_slow_consumer_gets_a_gap_first()


class TestRedis(OnRedis):
    url = "redis://:hunter2@localhost:6379/0?durability=none"

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.server = server

    async def make(self) -> PubSub:
        return RedisPubSub.from_url(self.server.url)

    def broken(self) -> AbstractAsyncContextManager[object]:
        return away(self.server)


@pytest.mark.long
class TestSentinel(OnRedis):
    url = "redis+sentinel://:hunter2@a,b:26380/main?sentinel_password=hunter2"
    seconds = 20

    @pytest.fixture(autouse=True)
    def _servers(self, sentinel: RedisSentinel) -> None:
        self.servers = sentinel

    async def make(self) -> PubSub:
        return RedisPubSub.from_url(self.servers.url)

    @asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """The master dies; another one is found. Ends when that one is listened to."""
        await asyncio.to_thread(self.servers.until_whole)
        master = self.servers.master
        before = heard([master])
        async with away(master):
            yield
            await asyncio.to_thread(self.servers.until_promoted, master)
        await asyncio.to_thread(until, lambda: heard([self.servers.master]) > before)


class TestCluster(OnRedis):
    url = "redis+cluster://user:hunter2@a:7000,b:7001"

    @pytest.fixture(autouse=True)
    def _servers(self, cluster: RedisCluster) -> None:
        self.cluster = cluster

    async def make(self) -> PubSub:
        return RedisPubSub.from_url(self.cluster.url)

    @asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """Ends when all servers are listened to: each of them tells of its own gap."""
        before = heard(self.cluster.servers)
        async with away(*self.cluster.servers):
            yield
        await asyncio.to_thread(until, lambda: heard(self.cluster.servers) > before)
