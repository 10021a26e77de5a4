"""Nobody makes a process hold much by asking for little."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from collabchat_asgi.testing.operations import create_chat, delete_chat

from .conftest import Start
from .harness import KEY, Clock

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
