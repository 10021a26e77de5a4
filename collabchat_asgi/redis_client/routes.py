"""Which server has a key: always the same one, or the master of its slot."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ConnectionError

from .address import Address, Endpoint
from .faults import AWAY

__all__ = ["Routes", "routes_to"]


class Routes(ABC):
    """`version` moves with every look at where the servers are."""

    def __init__(self) -> None:
        self.version = 0
        self._lock = asyncio.Lock()

    async def endpoint_of(self, key: str) -> Endpoint:
        if not self.version:
            await self.refresh(0)
        return self._endpoint_of(key)

    async def masters(self) -> list[Endpoint]:
        if not self.version:
            await self.refresh(0)
        return self._masters()

    async def refresh(self, seen: int) -> None:
        """Look again, once for all who saw version `seen` fail."""
        async with self._lock:
            if self.version == seen:
                await self._look()
                self.version += 1

    @abstractmethod
    async def _look(self) -> None: ...

    @abstractmethod
    def _endpoint_of(self, key: str) -> Endpoint: ...

    @abstractmethod
    def _masters(self) -> list[Endpoint]: ...


class _One(Routes):
    """Also for Sentinels: there the client's connections find the master themselves."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self.endpoint = endpoint

    async def _look(self) -> None:
        pass

    def _endpoint_of(self, key: str) -> Endpoint:
        return self.endpoint

    def _masters(self) -> list[Endpoint]:
        return [self.endpoint]


class _Cluster(Routes):
    """The master of each range of slots."""

    def __init__(self, seeds: Iterable[Endpoint], client: Callable[[Endpoint], Any]) -> None:
        super().__init__()
        self._seeds = list(seeds)
        self._client = client
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._endpoints: list[Endpoint] = []

    async def _look(self) -> None:
        failed: list[str] = []
        endpoints = list(dict.fromkeys([*self._endpoints, *self._seeds]))
        # In any order: one that stands still must not be the first whom everybody asks.
        for endpoint in random.sample(endpoints, len(endpoints)):
            try:
                told = await self._client(endpoint).execute_command("CLUSTER", "SLOTS")
            except AWAY as error:
                failed.append(f"{endpoint}: {error}")
                continue
            if told:
                self._learn(endpoint, told)
                return
        raise ConnectionError(f"no server tells of the cluster: {'; '.join(failed) or 'no slots'}")

    def _learn(self, asked: Endpoint, told: Iterable[Any]) -> None:
        ranges = sorted((int(first), int(last), master) for first, last, master, *_ in told)
        self._firsts = [first for first, _, _ in ranges]
        self._lasts = [last for _, last, _ in ranges]
        self._endpoints = [
            Endpoint(master[0].decode() if master[0] else asked.host, int(master[1]))
            for _, _, master in ranges
        ]

    def _endpoint_of(self, key: str) -> Endpoint:
        slot = key_slot(key.encode())
        index = bisect_right(self._firsts, slot) - 1
        if index < 0 or slot > self._lasts[index]:
            raise ConnectionError("nobody serves this slot of the cluster")
        return self._endpoints[index]

    def _masters(self) -> list[Endpoint]:
        return list(dict.fromkeys(self._endpoints))


def routes_to(address: Address, client: Callable[[Endpoint], Redis]) -> Routes:
    if address.kind == "cluster":
        return _Cluster(address.endpoints, client)
    return _One(address.endpoints[0])
