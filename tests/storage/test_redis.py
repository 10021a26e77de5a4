"""Redis keeps the contract alone, behind Sentinels and as a cluster, and through its own faults."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.redis import RedisStorage
from collabchat_asgi.testing.services_redis import RedisCluster, RedisSentinel, RedisServer
from collabchat_asgi.testing.storage_contract import StorageContract

_prefixes = (f"t{n}" for n in count())


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


class OnRedis(StorageContract):
    """On data of its own for every test: a prefix that no other has."""

    url: str

    async def make(self) -> Storage:
        return RedisStorage.from_url(self.url)


class TestRedis(OnRedis):
    @pytest.fixture(autouse=True)
    def _own_data(self, server: RedisServer) -> None:
        self.url = f"{server.url}?prefix={next(_prefixes)}"


class TestSentinel(OnRedis):
    @pytest.fixture(autouse=True)
    def _own_data(self, sentinel: RedisSentinel) -> None:
        self.url = f"{sentinel.url}?prefix={next(_prefixes)}"


class TestCluster(OnRedis):
    @pytest.fixture(autouse=True)
    def _own_data(self, cluster: RedisCluster) -> None:
        self.url = f"{cluster.url}?prefix={next(_prefixes)}"
