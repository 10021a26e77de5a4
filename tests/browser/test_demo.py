"""`collabchat demo` as somebody would try it: two workers, two browsers, three tabs, on every pair
of storage and pub/sub that workers can share."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Page, expect

from collabchat_asgi.testing.services_postgres import PostgresServer
from collabchat_asgi.testing.services_redis import RedisCluster, RedisServer

from .conftest import DEADLINE, WATCH, Reader

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOON = "Look at the moon"


PAIRS: dict[str, tuple[type[PostgresServer] | type[RedisServer] | type[RedisCluster], ...]] = {
    "SQLite": (),
    "PostgreSQL": (PostgresServer,),
    "Redis": (RedisServer,),
    "PostgreSQL + Redis": (PostgresServer, RedisServer),
    "PostgreSQL + Redis Cluster": (PostgresServer, RedisCluster),
}
"""Storage, then pub/sub; where one is named, the pub/sub is what fits it."""
NORMAL = ("SQLite",)
LONG = bool(os.environ.get("TESTS_LONG"))


@pytest.fixture(scope="module", params=PAIRS if LONG else NORMAL)
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("demo")
    with ExitStack() as stack:
        servers: list[Any] = [stack.enter_context(make()) for make in PAIRS[request.param]]
        urls = [server.url for server in servers]
        with_urls = dict(zip(("COLLABCHAT_STORAGE", "COLLABCHAT_PUBSUB"), urls, strict=False))
        yield from served(folder, with_urls)


def served(folder: Path, with_urls: dict[str, str]) -> Iterator[tuple[str, Path]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: it for name, it in os.environ.items() if "COLLABCHAT_" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "collabchat_asgi", "demo", "--port", str(port), "--workers", "2"],
        cwd=folder,
        env={**environment, **with_urls, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    told = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                lines.append(line)
                if "Ctrl+C" in line:
                    told.set()
        told.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert told.wait(30), lines
    said = "".join(lines)
    address = re.search(r"Open (http://localhost:\d+/)", said)
    assert address, said
    assert (str(folder / "collabchat-demo.db") in said) == (not with_urls)
    yield address[1], folder
    process.terminate()
    process.wait(20)
    reader.join(10)


@pytest_asyncio.fixture(loop_scope="session")
async def people(browser: Browser, demo: tuple[str, Path]) -> AsyncIterator[tuple[Reader, Reader]]:
    """Ada and Ben, each in a browser of their own, with the name they picked."""
    contexts = [await browser.new_context(viewport={"width": 1200, "height": 760}) for _ in "ab"]
    readers = []
    for context, name in zip(contexts, ("Ada <b>", "Ben"), strict=True):
        await context.add_init_script(WATCH)
        page = await context.new_page()
        await arrive(page, demo[0])
        await page.get_by_label("Your name").fill(name)
        await page.get_by_text("Join").click()
        reader = Reader(name, page)
        await reader.live()
        readers.append(reader)
    yield readers[0], readers[1]
    for context in contexts:
        await context.close()


async def arrive(page: Page, address: str) -> None:
    """Ours may be there a moment before the workers are."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            await page.goto(address)
            return
        except Error:
            if time.monotonic() > deadline:
                raise
        await page.wait_for_timeout(50)


async def test_two_browsers_three_tabs_two_workers(
    people: tuple[Reader, Reader], demo: tuple[str, Path]
) -> None:
    ada, ben = people
    # Two discussions are there already, so that one sees what it is about.
    await ada.threads(2)
    await ada.highlighted("A review has had time to be fair.", "for the better part of a winter")
    tab = Reader("Ada's second tab", await ada.page.context.new_page())
    await arrive(tab.page, demo[0])
    await tab.live()
    for reader in (ada, ben, tab):
        await expect(reader[".bar .people"]).to_have_text("2", timeout=20_000)
    await ada.js("document.querySelector('main ul').scrollIntoView({ block: 'center' })")
    await ada.discuss("never a sentence", "Nor a comma.")
    for reader in (ben, tab):
        await reader.threads(3)
    await ben.js(
        "(chat => chat.open(chat.threads().at(-1).id))(document.querySelector('collab-chat'))"
    )
    await ben.reply("Nor that.")
    await expect(ada.bodies).to_have_text(["Nor a comma.", "Nor that."])
    await expect(ben[".card .byline bdi"]).to_have_text(["Ada <b>", "Ben"])
    for reader in (ada, ben):
        assert await reader.js("window.violations") == []
        assert reader.faults == []


@pytest.mark.parametrize("demo", ["SQLite"], indirect=True)
async def test_without_a_name_one_reads(browser: Browser, demo: tuple[str, Path]) -> None:
    context = await browser.new_context()
    visitor = Reader("Somebody", await context.new_page())
    await arrive(visitor.page, demo[0])
    await visitor.live()
    await visitor.js(
        "chat => document.querySelector('collab-chat').open("
        "document.querySelector('collab-chat').threads()[0].id)"
    )
    await expect(visitor.bodies).not_to_have_count(0)
    await expect(visitor[".card .composer"]).to_have_count(0)
    await context.close()
