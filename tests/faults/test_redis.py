"""Redis dies, is cut off, stands still and fails over under load: as the storage, and as pub/sub
beside SQLite. Two server processes; every promise is held against the history."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from collabchat_asgi.testing import ServerProcess
from collabchat_asgi.testing.services_redis import RedisCluster, RedisSentinel, RedisServer

from .load import LONG, ROOT
from .scene import scene

ROUNDS = 12 if LONG else 3
BETWEEN = 300 if LONG else 60
"""Acked operations between two faults."""
FROZEN_SECONDS = 15.0 if LONG else 5.0


def serve(storage: str, pubsub: str) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": storage, "COLLABCHAT_PUBSUB": pubsub}
    return ServerProcess("tests.faults.app:app", env=env, directory=ROOT)


def two(storage: str, pubsub: str) -> list[ServerProcess]:
    return [serve(storage, pubsub) for _ in range(2)]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["redis", "sqlite + redis"] if LONG else ["sqlite + redis"])
def storage(request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path) -> str:
    """With a pub/sub over Redis in both cases."""
    return redis.url if request.param == "redis" else f"sqlite:///{tmp_path}/collabchat.db"


def named(storage: str) -> str:
    return "Redis" if storage.startswith("redis") else "SQLite + Redis"


async def test_killed_and_started_again(storage: str, redis: RedisServer) -> None:
    async def restart() -> None:
        await asyncio.to_thread(redis.kill)
        await asyncio.to_thread(redis.start)

    async with scene(two(storage, redis.url), BETWEEN) as act:
        for _ in range(ROUNDS):
            await act.fault("SIGKILL of Redis", restart)
        await act.judge(f"{named(storage)}, kill -9 and restart")


@pytest.mark.long
async def test_every_connection_cut(storage: str, redis: RedisServer) -> None:
    async def cut() -> None:
        for kind in ("normal", "pubsub"):
            await asyncio.to_thread(redis.ask, "CLIENT", "KILL", "TYPE", kind)

    async with scene(two(storage, redis.url), BETWEEN) as act:
        for _ in range(2 * ROUNDS):
            await act.fault("CLIENT KILL", cut)
        await act.judge(f"{named(storage)}, CLIENT KILL")


@pytest.mark.long
async def test_standing_still(storage: str, redis: RedisServer) -> None:
    async def freeze() -> None:
        redis.freeze()
        await asyncio.sleep(FROZEN_SECONDS)
        redis.thaw()

    async with scene(two(storage, redis.url), BETWEEN) as act:
        await act.fault(f"SIGSTOP for {FROZEN_SECONDS:g} s", freeze)
        await act.judge(f"{named(storage)}, SIGSTOP for {FROZEN_SECONDS:g} s")


@pytest.mark.long
async def test_sqlite_beside_a_failover(tmp_path: Path) -> None:
    with RedisSentinel() as sentinel:

        async def fail_over() -> None:
            old = sentinel.master
            await asyncio.to_thread(old.kill)
            await asyncio.to_thread(sentinel.until_promoted, old)

        async with scene(two(f"sqlite:///{tmp_path}/collabchat.db", sentinel.url), BETWEEN) as act:
            await act.fault("the master of the Sentinels", fail_over)
            await act.judge("SQLite + Redis Sentinel, failover")


@pytest.mark.long
async def test_sqlite_beside_a_cluster_that_loses_a_master(tmp_path: Path) -> None:
    with RedisCluster() as cluster:

        async def lose(server: RedisServer) -> None:
            await asyncio.to_thread(server.kill)
            await act.crowd.more(BETWEEN)
            await asyncio.to_thread(server.start)

        async with scene(two(f"sqlite:///{tmp_path}/collabchat.db", cluster.url), BETWEEN) as act:
            for server in cluster.servers:
                await act.fault("a master of the cluster", partial(lose, server))
            await act.judge("SQLite + Redis Cluster, loss of each master")


@pytest.mark.long
async def test_a_cluster_loses_a_master_with_its_pages() -> None:
    with RedisCluster() as cluster:

        async def lose(server: RedisServer) -> None:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(cluster.until_whole)

        async with scene(two(cluster.url, cluster.url), BETWEEN) as act:
            for server in cluster.servers:
                await act.fault("a master of the cluster", partial(lose, server))
            await act.judge("Redis Cluster, loss and return of each master")
