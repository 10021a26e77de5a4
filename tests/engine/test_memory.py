"""Nobody makes a process hold much by asking for little."""

from __future__ import annotations

import asyncio
import gc
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi import Tuning
from collabchat_asgi.core.model import DeletedTextChat, User
from collabchat_asgi.testing.operations import create_chat, delete_chat, new_id

from .conftest import Start
from .harness import KEY, PLENTY, Clock, TroubledStorage, turns

KIB = 1024


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    """Bytes that Python holds now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_resuming_everywhere_is_not_remembered(start: Start, traced: None) -> None:
    """Each `since` has a replay of its own, and a small frame asks for it."""
    server = await start()
    ann = await server.join("ann")
    for number in range(120):
        ack = await ann.do(create_chat(f"{number}" + "x" * 1_500))
    bob = server.connect("bob")
    before = held()
    for since in range(ack["seq"]):
        bob.ask_for_page(bob.stand_at(ack["epoch"], since))
        assert (await bob.expect("subscribed"))["recovered"] is True
        await bob.at(ack["seq"])
        bob.page.chats.clear()
        bob.texts.clear()
        bob.inbox.clear()
    assert held() - before < 700 * KIB
    await ann.do(create_chat("and on"))
    await bob.at(ack["seq"] + 1)
    assert held() - before < 300 * KIB, "what is encoded for one position goes with it"


async def test_ids_that_may_come_again_are_forgotten_everywhere(start: Start) -> None:
    """Also by a page that stays open for longer than they are remembered."""
    clock = Clock()
    server = await start(clock=clock)
    ann = await server.join("ann")
    operation = create_chat()
    ann.operate(operation)
    await ann.do(delete_chat(operation["chat"]["id"]))
    page = server.open_page()
    assert len(page.state.deleted) == 2
    page.forget_deleted(clock.now_ms() - 1)
    assert len(page.state.deleted) == 2
    page.forget_deleted(clock.now_ms() + 1)
    assert len(page.state.deleted) == 0
    await ann.do(create_chat("and on"))
    assert page.expired_keys == []
    loaded = await server.storage.load(KEY)
    assert not [record for record in loaded.records if record.key.startswith("x:")]


async def test_idle_pages_are_bounded_by_weight(start: Start) -> None:
    server = await start(tuning=Tuning(idle_bytes=20_000))
    for number in range(5):
        writer = await server.join("ann", url_id=f"page-{number}")
        for _ in range(4):
            await writer.do(create_chat("x" * 100))
        writer.leave()
        await turns()
    for page in server.services.pages.all():
        page.presence.expire(float("inf"))
        page.encoded(compressed=True)
    await server.services.pages.evict()
    left = server.services.pages.all()
    assert [page.key.url_id for page in left] == ["page-3", "page-4"], "the last used ones stay"
    assert sum(page.state.size for page in left) <= 20_000
    assert all(page._encoded is None and page._snapshot is None for page in left)


async def test_pages_that_wait_for_a_retry_are_bounded(start: Start) -> None:
    """Each holds back what comes after it, and so must be remembered while the client is here."""
    storage = TroubledStorage()
    server = await start(storage, limits=replace(PLENTY, pages_per_connection=3))
    ann = server.connect("ann")
    storage.away = True
    for number in range(6):
        ann.url_id = f"page-{number}"
        await ann.refused(create_chat(), "unavailable")
    assert ann.closed is None
    ann.url_id = "one more"
    ann.operate(create_chat())
    await ann.expect_close(4510)


async def test_a_hanging_on_event_holds_so_many(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    hangs = asyncio.Event()

    async def on_event(event: Any) -> None:
        await hangs.wait()

    server = await start(on_event=on_event)
    event = DeletedTextChat(1, new_id(), 1, User("ann", "Ann"), new_id())
    for _ in range(10_005):
        server.services.telling.watch(KEY, "epoch", event)
    assert server.services.telling.waiting == 10_000
    assert "telling an event failed: on_event is too slow" in caplog.text


def test_each_test_that_the_table_names_is_there() -> None:
    """`engine/STATE.md`: whoever renames a test, or drops one, changes its row."""
    root = Path(__file__).parents[2]
    table = (root / "collabchat_asgi" / "engine" / "STATE.md").read_text()
    lines = (line for line in table.splitlines() if line.startswith("| "))
    rows = [line.split("|")[5] for line in lines if not line.startswith("| what")]
    named = [
        (path, re.findall(r"`(\w+)`", names))
        for row in rows
        for path, names in re.findall(r"(tests/\S+\.py)([^;]*)", row)
    ]
    assert len(rows) > 30
    for path, names in named:
        text = (root / path).read_text()
        assert [name for name in names if name not in text] == [], path
