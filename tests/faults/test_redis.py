"""Redis dies, is cut off, stands still and fails over under load: as the storage, and as pub/sub
beside SQLite. Two server processes; every promise is held against the history."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from collabchat_asgi.testing import History, Report, ServerProcess
from collabchat_asgi.testing.services_redis import RedisCluster, RedisSentinel, RedisServer

from .load import LONG, ROOT, Crowd, under_way, until

ROUNDS = 12 if LONG else 3
BETWEEN = 300 if LONG else 60
"""Acked operations between two faults."""
FROZEN_SECONDS = 15.0 if LONG else 5.0
SEED = int(os.environ.get("COLLABCHAT_SEED", "20"))


def serve(storage: str, pubsub: str) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": storage, "COLLABCHAT_PUBSUB": pubsub}
    return ServerProcess("tests.faults.app:app", env=env, directory=ROOT)


@dataclass
class Scene:
    """Two processes, a crowd on both, and what was in flight at each fault."""

    servers: list[ServerProcess]
    crowd: Crowd
    history: History
    in_flight: list[int] = field(default_factory=list)

    async def fault(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """Once there is load that it can hit."""
        await self.crowd.more(BETWEEN)
        await until(lambda: under_way(self.history) >= 4, "operations under way")
        self.in_flight.append(under_way(self.history))
        self.history.fault(name)
        await act()

    async def judge(self, what: str) -> Report:
        await self.crowd.more(BETWEEN)
        report = await self.crowd.settle(self.servers[0].url)
        print(f"\n{what} (seed {SEED}), in flight at each fault {self.in_flight}: {report}")
        report.assert_kept()
        assert report.unanswered == 0
        assert report.acked >= BETWEEN * (len(self.in_flight) + 1)
        assert report.faults == len(self.in_flight)
        assert report.faults_in_flight == report.faults, "a fault that hit nothing proves nothing"
        for server in self.servers:
            assert "Traceback" not in server.log, server.log
        return report


@asynccontextmanager
async def scene(storage: str, pubsub: str) -> AsyncIterator[Scene]:
    history = History()
    async with AsyncExitStack() as stack:
        servers = [stack.enter_context(serve(storage, pubsub)) for _ in range(2)]
        crowd = Crowd([server.url for server in servers], history, seed=SEED)
        stack.push_async_callback(crowd.stop)
        crowd.begin()
        await crowd.more(50)
        yield Scene(servers, crowd, history)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["redis", "sqlite + redis"])
def storage(request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path) -> str:
    """With a pub/sub over Redis in both cases."""
    return redis.url if request.param == "redis" else f"sqlite:///{tmp_path}/collabchat.db"


def named(storage: str) -> str:
    return "Redis" if storage.startswith("redis") else "SQLite + Redis"


async def test_killed_and_started_again(storage: str, redis: RedisServer) -> None:
    async def restart() -> None:
        await asyncio.to_thread(redis.kill)
        await asyncio.to_thread(redis.start)

    async with scene(storage, redis.url) as act:
        for _ in range(ROUNDS):
            await act.fault("SIGKILL of Redis", restart)
        await act.judge(f"{named(storage)}, kill -9 and restart")


async def test_every_connection_cut(storage: str, redis: RedisServer) -> None:
    async def cut() -> None:
        for kind in ("normal", "pubsub"):
            await asyncio.to_thread(redis.ask, "CLIENT", "KILL", "TYPE", kind)

    async with scene(storage, redis.url) as act:
        for _ in range(2 * ROUNDS):
            await act.fault("CLIENT KILL", cut)
        await act.judge(f"{named(storage)}, CLIENT KILL")


async def test_standing_still(storage: str, redis: RedisServer) -> None:
    async def freeze() -> None:
        redis.freeze()
        await asyncio.sleep(FROZEN_SECONDS)
        redis.thaw()

    async with scene(storage, redis.url) as act:
        await act.fault(f"SIGSTOP for {FROZEN_SECONDS:g} s", freeze)
        await act.judge(f"{named(storage)}, SIGSTOP for {FROZEN_SECONDS:g} s")


async def test_sqlite_beside_a_failover(tmp_path: Path) -> None:
    with RedisSentinel() as sentinel:

        async def fail_over() -> None:
            old = sentinel.master
            await asyncio.to_thread(old.kill)
            await asyncio.to_thread(sentinel.until_promoted, old)

        async with scene(f"sqlite:///{tmp_path}/collabchat.db", sentinel.url) as act:
            await act.fault("the master of the Sentinels", fail_over)
            await act.judge("SQLite + Redis Sentinel, failover")


async def test_sqlite_beside_a_cluster_that_loses_a_master(tmp_path: Path) -> None:
    with RedisCluster() as cluster:

        async def lose(server: RedisServer) -> None:
            await asyncio.to_thread(server.kill)
            await act.crowd.more(BETWEEN)
            await asyncio.to_thread(server.start)

        async with scene(f"sqlite:///{tmp_path}/collabchat.db", cluster.url) as act:
            for server in cluster.servers:
                await act.fault("a master of the cluster", partial(lose, server))
            await act.judge("SQLite + Redis Cluster, loss of each master")


async def test_a_cluster_loses_a_master_with_its_pages() -> None:
    with RedisCluster() as cluster:

        async def lose(server: RedisServer) -> None:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(cluster.until_whole)

        async with scene(cluster.url, cluster.url) as act:
            for server in cluster.servers:
                await act.fault("a master of the cluster", partial(lose, server))
            await act.judge("Redis Cluster, loss and return of each master")
