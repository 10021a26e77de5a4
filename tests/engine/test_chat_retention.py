"""Old chats are deleted by whichever process comes first."""

from __future__ import annotations

import asyncio

from collabchat_asgi.engine.erasing.chat_retention import ChatRetention
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import create_chat

from .conftest import Start
from .harness import Clock, Server

DAY_MS = 86_400_000


def retention(server: Server) -> ChatRetention:
    services = server.services
    return ChatRetention(server.storage, services.pages, services.committer, lambda _: 1.0, 5.0)


async def test_processes_that_look_through_the_same_pages_delete_each_chat_once(
    start: Start,
) -> None:
    clock, storage = Clock(), MemoryStorage()
    servers = [await start(storage, clock=clock) for _ in range(3)]
    ann = await servers[0].join("ann")
    for _ in range(4):
        await ann.do(create_chat())
    now_ms = clock.now_ms() + 2 * DAY_MS
    deleted = await asyncio.gather(*(retention(server).round(now_ms) for server in servers))
    assert sum(deleted) == 4
    assert not (await servers[1].page()).state.chats
