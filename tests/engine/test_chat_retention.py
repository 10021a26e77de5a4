"""Old chats are deleted by whichever process comes first."""

from __future__ import annotations

import asyncio

from collabchat_asgi.engine.erasing.chat_retention import ChatRetention
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import add_comment, create_chat

from .conftest import Start
from .harness import Clock, Server, TroubledStorage, until

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


async def test_a_chat_that_is_answered_elsewhere_at_that_moment_stays(start: Start) -> None:
    clock, storage = Clock(), TroubledStorage()
    one, two = await start(storage.inner, clock=clock), await start(storage, clock=clock)
    ann = await one.join("ann")
    answered, other = await ann.do(create_chat()), await ann.do(create_chat())
    clock.advance(2 * DAY_MS / 1_000)
    gate = storage.hold("commit")
    round = asyncio.create_task(retention(two).round(clock.now_ms()))
    await until(lambda: gate.waiting)
    await ann.do(add_comment(answered["chatId"]))
    gate.open()
    assert await round == 1
    await one.heal()
    chats = (await one.page()).state.chats
    assert answered["chatId"] in chats
    assert other["chatId"] not in chats
