"""A person is forgotten while two others look: their words leave both screens, and every place
where an operator or a stranger could find them afterwards."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
from playwright.async_api import expect

from collabchat_asgi.pubsub.postgres_notify import channel_of
from collabchat_asgi.testing import ServerProcess
from collabchat_asgi.testing.services_postgres import PostgresServer
from collabchat_asgi.testing.services_redis import RedisServer

from ..storage.test_forgotten_bytes import found
from .conftest import BOOK, DEADLINE, FOG, ROOT, Reader, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

GONE = "Rumpelstiltskin"
WORDS = (GONE, "sesquipedalian")
AROUND = re.compile(f".{{0,80}}(?:{'|'.join(WORDS)}).{{0,20}}", re.DOTALL)
KEPT = "marginalia"

HELD = """async () => {
  const told = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]
  for (const { name } of await indexedDB.databases()) told.push('database ' + name)
  for (const name of await caches.keys()) told.push('cache ' + name)
  return told.join('\\n')
}"""
"""What the browser keeps: nothing of ours lies in a database or a cache."""

SHOWN = """() => {
  const told = [JSON.stringify(document.querySelector('collab-chat').threads())]
  const look = root => {
    told.push(root.innerHTML)
    for (const one of root.querySelectorAll('*')) {
      if (typeof one.value === 'string') told.push(one.value)
      if (one.shadowRoot) look(one.shadowRoot)
    }
  }
  look(document.documentElement)
  return told.join('\\n')
}"""
"""Everything that is on the page, in shadow roots and fields too, and what its scripts are told."""


@dataclass
class Place:
    """Where the pages lie."""

    url: str
    files: Path
    written: Callable[[], Awaitable[object]]
    """Has a server write what it holds in memory."""
    heard: list[bytes] = field(default_factory=list)
    """What a stranger on the pub/sub has heard."""
    is_heard: bool = True


async def nothing() -> None:
    """Everything is in the files already."""


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Place]:
    # Its processes are told over sockets of their own, which nobody else can listen to.
    yield Place(f"sqlite:///{folder}/collabchat.db", folder, nothing, is_heard=False)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[Place]:
    with PostgresServer() as server:
        connection = await asyncpg.connect(server.url)

        async def checkpoint() -> None:
            await connection.execute("CHECKPOINT")

        place = Place(f"{server.url}?timeout=30", server.folder / "data" / "base", checkpoint)

        def hear(_: object, pid: int, channel: str, payload: object) -> None:
            place.heard.append(str(payload).encode())

        await connection.add_listener(channel_of(None), hear)
        yield place
        await connection.close()


@asynccontextmanager
async def redis_server(folder: Path) -> AsyncIterator[Place]:
    with RedisServer(save="3600 1", rdbcompression="no") as server:
        place = Place(f"{server.url}?timeout=30", server.folder, nothing)
        async with redis.asyncio.Redis(port=server.port) as client, client.pubsub() as listener:
            await listener.psubscribe("*")

            async def hear() -> None:
                async for message in listener.listen():
                    place.heard.append(repr(message).encode())

            hearing = asyncio.create_task(hear())
            yield place
            hearing.cancel()


async def silent(reader: Reader) -> None:
    """None of the words is on the screen, without a reload."""
    end = time.monotonic() + 3 * DEADLINE
    while found := AROUND.findall(await reader.js(SHOWN)):
        assert time.monotonic() < end, f"{reader.name} still has {found}"
    assert await reader.js("window.stayed"), "it is the page that was there before"


@pytest.mark.long
@pytest.mark.parametrize("kind", [sqlite, postgres, redis_server], ids=lambda kind: kind.__name__)
async def test_the_words_leave_both_screens_and_every_file(
    kind: Callable[[Path], AbstractAsyncContextManager[Place]],
    visit: Visit,
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(kind(tmp_path))
        env = {"COLLABCHAT_STORAGE": place.url}
        app = "tests.browser.app:app"
        servers = [
            stack.enter_context(ServerProcess(app, env=env, directory=ROOT, deadline=90))
            for _ in range(2)
        ]
        # The watchers are on different processes.
        gone = await visit(GONE, server=servers[0])
        ben, cem = await visit("Ben", server=servers[0]), await visit("Cem", server=servers[1])
        await gone.discuss(FOG, "sesquipedalian, and answered")
        await gone.discuss(BOOK, "sesquipedalian, and alone")
        await gone.settled()
        for watcher in (ben, cem):
            await watcher.threads(2)
            await watcher.open(FOG)
            await expect(watcher.bodies.first).to_have_text("sesquipedalian, and answered")
            await watcher.js("window.stayed = true")
        await ben.reply(f"{KEPT} by Ben")
        await expect(cem.bodies.last).to_have_text(f"{KEPT} by Ben")
        await gone.open(FOG)
        await gone.reply("sesquipedalian once more")
        await expect(cem.bodies.last).to_have_text("sesquipedalian once more")
        await cem.composer.fill("Half a thought of Cem's")
        await gone.settled()
        await gone.page.close()
        await place.written()
        assert {word for word in (*WORDS, KEPT) if found(word.encode(), place.files)} == {
            *WORDS,
            KEPT,
        }

        origin = f"http://127.0.0.1:{servers[0].port}"
        answer = await ben.page.context.request.post(f"{origin}/forget?user={GONE}")
        receipt = await answer.json()
        assert (receipt["pages"], receipt["comments"], receipt["failed"]) == (1, 3, [])
        for watcher in (ben, cem):
            await silent(watcher)
            held = await watcher.js(HELD)
            assert not [word for word in (*WORDS, "database", "cache") if word in held], held
            await watcher.threads(1)
            await expect(watcher.bodies.last).to_have_text(f"{KEPT} by Ben")
        # Who looked on writes on, with the words that were begun.
        await expect(cem.composer).to_have_value("Half a thought of Cem's")
        await cem.composer.press("Enter")
        await expect(ben.bodies.last).to_have_text("Half a thought of Cem's")

        assert (await ben.page.context.request.post(f"{origin}/purge")).ok
        await place.written()
        left = {word: found(word.encode(), place.files) for word in WORDS}
        assert not any(left.values()), left
        assert found(KEPT.encode(), place.files)
        assert bool(place.heard) is place.is_heard
        for words in place.heard:
            assert not [word for word in (*WORDS, KEPT) if word.encode() in words]
        for server in servers:
            assert not [word for word in WORDS if word in server.log], server.log
        print(f"\n{kind.__name__}: {receipt}, {len(place.heard)} messages heard between processes")
