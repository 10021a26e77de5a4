"""Servers that end with their test, on both embedded storages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.operations import new_id

from .harness import Server, TroubledBus

Start = Callable[..., Awaitable[Server]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Servers of this test alone; without a storage or a bus of their own they share nothing."""
    servers: list[Server] = []

    async def start(*args: Any, **kwargs: Any) -> Server:
        servers.append(await Server.start(*args, **kwargs))
        return servers[-1]

    yield start
    await asyncio.gather(*(server.stop() for server in servers))


@pytest.fixture(params=["memory", "sqlite"])
def storages(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Each call gives one more instance of the same storage, as another process has it."""
    memory = MemoryStorage()
    if request.param == "memory":
        return lambda: memory
    return lambda: SqliteStorage(tmp_path / "collabchat.db")


@pytest.fixture
async def pair(start: Start, storages: Callable[[], Storage]) -> tuple[Server, Server]:
    """Two processes on one storage and one bus."""
    bus = f"pair-{new_id()}"
    one = await start(storages(), TroubledBus(bus))
    two = await start(storages(), TroubledBus(bus))
    return one, two
