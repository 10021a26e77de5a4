"""Calls of back ends are timed, and their failures counted, whichever they are."""

from __future__ import annotations

import asyncio

import pytest

from collabchat_asgi.core.model import PageKey
from collabchat_asgi.engine.measuring.counts import Calls
from collabchat_asgi.engine.measuring.watched import PUBSUB_CALLS, STORAGE_CALLS, watched
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.testing import FakeClock
from tests.engine.harness import TroubledStorage, until

PAGE = PageKey("acme", "page")


def test_all_that_the_contracts_have_is_counted() -> None:
    assert {"commit", "load", "heads", "add_usage", "rewrite", "key"} <= set(STORAGE_CALLS)
    assert set(PUBSUB_CALLS) == {"publish", "subscribe", "unsubscribe"}
    assert not {"open", "close", "from_url", "listen"} & {*STORAGE_CALLS, *PUBSUB_CALLS}


async def test_what_is_called_is_timed_and_what_is_given_up_is_late() -> None:
    inner, calls, clock = TroubledStorage(), Calls(), FakeClock()
    storage = watched(inner, STORAGE_CALLS, calls, clock)
    gate = inner.hold("load")
    loading = asyncio.create_task(storage.load(PAGE))
    await until(lambda: gate.waiting, "a call")
    clock.advance(0.3)
    gate.open()
    assert (await loading).position.seq == 0
    assert (calls.seconds["load"].sum, calls.failures) == (pytest.approx(0.3), {})

    inner.away = True
    with pytest.raises(StorageUnavailable):
        await storage.load(PAGE)
    inner.away = False
    gate.shut()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await storage.load(PAGE)
    assert calls.failures == {("load", "failed"): 1, ("load", "late"): 1}
    assert sum(calls.seconds["load"].counts) == 3


async def test_it_is_otherwise_itself() -> None:
    inner = TroubledStorage()
    storage = watched(inner, STORAGE_CALLS, Calls(), FakeClock())
    assert storage.timeout_seconds == inner.timeout_seconds
    assert storage.shared == inner.shared
    assert repr(storage) == repr(inner)
