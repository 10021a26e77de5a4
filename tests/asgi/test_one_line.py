"""Trouble that comes with every call is one line in the log, and one answer each time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from collabchat_asgi import CollabChat, ConnectRequest, Denied, Identity, Timing, Tuning
from collabchat_asgi.asgi import start
from collabchat_asgi.errors import PubSubUnavailable, StorageUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import UsageRow
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat
from tests.engine.harness import TroubledStorage

from .driver import Call, get, make, scope, until

TIMES = 10
USAGE = {"query_string": b"from=2026-01-01&to=2026-01-31"}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What an operator is bothered with."""
    told = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    return [line for line in told if "memory://" not in line]


def known(request: ConnectRequest) -> Identity:
    if request.token != "boss":
        raise Denied("sign in first")
    return Identity("boss", tenants={"acme": "admin"})


async def asked(collab: CollabChat, path: str, token: str, **more: Any) -> set[int]:
    """The answers to so many calls, one after the other."""
    headers = [(b"host", b"example.com"), (b"authorization", f"Bearer {token}".encode())]
    answers = [await get(collab, path, headers=headers, **more) for _ in range(TIMES)]
    return {status for status, _, _ in answers}


@pytest.mark.parametrize(("path", "most"), [("/metrics", 1), ("/v1/usage", 0)])
async def test_a_wrong_token(path: str, most: int, caplog: pytest.LogCaptureFixture) -> None:
    async with TestClient(collab := make(authenticate=known, metrics_token="s3cret")):
        assert await asked(collab, path, "wr0ng", **USAGE) == {401}
        told = lines(caplog)
        assert len(told) == most
        assert "wr0ng" not in caplog.text
        assert all("metrics_token" in line for line in told)
        assert await asked(collab, path, "boss", **USAGE) == {200}


class Away(TroubledStorage):
    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        if self.away:
            raise StorageUnavailable("db.internal:5432: no answer")
        return await super().usage(tenant_id, first_day, last_day)


async def test_the_storage_is_away(caplog: pytest.LogCaptureFixture) -> None:
    storage = Away()
    collab = make(authenticate=known, metrics_token="s3cret", storage=storage)
    async with TestClient(collab) as client:
        boss = await client.connect(token="boss")
        await boss.subscribe("page")
        storage.away = True
        assert await asked(collab, "/metrics", "s3cret") == {200}
        assert await asked(collab, "/metrics", "boss") == {200}
        assert lines(caplog) == []
        assert await asked(collab, "/v1/usage", "boss", **USAGE) == {503}
        assert await asked(collab, "/v1/chats", "boss", query_string=b"urlId=page") == {503}
        asked_again = create_chat()
        for _ in range(TIMES):
            assert (await boss.ask(asked_again))["code"] == "unavailable"
        for _ in range(TIMES):
            await collab._engine.meter.store()
            await collab._engine.running.healing.heal()
        words = ["a commit of", "answering v1/usage", "reading the", "usage failed"]
        told = sorted(lines(caplog))
        assert all(line.startswith(word) for line, word in zip(told, words, strict=True)), told
        storage.away = False
        await boss.do(asked_again)


@pytest.mark.parametrize("how", ["raises", "hangs", "nonsense"])
async def test_a_hook_is_in_trouble(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is connected notices nothing."""
    broken = False

    async def hook(request: ConnectRequest) -> Any:
        if broken and how == "raises":
            raise RuntimeError("no table")
        if broken and how == "hangs":
            await asyncio.Event().wait()
        return None if broken else known(request)

    collab = make(authenticate=hook, metrics_token="s3cret", timing=Timing(hook_seconds=0.3))
    async with TestClient(collab) as client:
        boss = await client.connect(token="boss")
        other = await client.connect(token="boss")
        await other.subscribe("page")
        broken = True
        calls = [asked(collab, "/v1/usage", "boss", **USAGE), asked(collab, "/metrics", "wr0ng")]
        answers = asyncio.gather(*calls)
        for _ in range(TIMES):
            ack = await boss.do(create_chat(), "page")
            await other.expect("events", last=ack["seq"])
        assert await answers == [{503}, {503}]
        assert [line.partition(" ")[0] for line in lines(caplog)] == ["hook"]
        assert await asked(collab, "/metrics", "s3cret") == {200}


async def test_strangers_at_the_door(caplog: pytest.LogCaptureFixture) -> None:
    collab = make()
    for number in range(TIMES):
        headers = [(b"host", b"example.com"), (b"origin", b"https://evil%d.example" % number)]
        call = Call(collab, scope("websocket", "/ws", headers=headers))
        call.put("websocket.connect")
        await call.done()
        assert call.kinds == ["websocket.close"]
    assert len(lines(caplog)) == 1
    await collab.close()


class Missing(MemoryStorage):
    """Is there when somebody lets it."""

    there = False
    tried = 0

    async def open(self) -> None:
        self.tried += 1
        if not self.there:
            raise StorageUnavailable("db.internal:5432: no answer")
        await super().open()


async def test_requests_before_a_start_wait_for_the_same_one(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server sends no lifespan (daphne)."""
    monkeypatch.setattr(start, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(start, "LONGEST_PAUSE", 0.001)
    storage = Missing()
    collab = make(storage=storage)
    calls = [asyncio.ensure_future(get(collab, "/health")) for _ in range(TIMES)]
    await until(lambda: storage.tried >= 20, "so many attempts")
    assert len(lines(caplog)) == 1
    storage.there = True
    assert {status for status, _, _ in await asyncio.gather(*calls)} == {200}
    assert len(lines(caplog)) == 1
    await collab.close()


async def test_a_start_that_failed_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "PATIENT_SECONDS", 0.0)
    storage = Missing()
    collab = make(storage=storage)
    assert await asked(collab, "/metrics", "any") == {503}
    assert len(lines(caplog)) == 1
    storage.there = True
    assert await asked(collab, "/health", "any") == {200}
    await collab.close()


async def test_a_request_that_leaves_does_not_end_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start, "FIRST_PAUSE", 0.001)
    storage = Missing()
    collab = make(storage=storage)
    first, second = (asyncio.ensure_future(get(collab, "/health")) for _ in range(2))
    await until(lambda: storage.tried, "an attempt")
    first.cancel()
    storage.there = True
    assert (await second)[0] == 200
    await collab.close()
    await collab.close()


class NoBus(MemoryPubSub):
    """Loses its broker."""

    away = False

    async def subscribe(self, topics: Any) -> None:
        if self.away:
            raise PubSubUnavailable("broker:6379: refused")
        await super().subscribe(topics)

    async def unsubscribe(self, topics: Any) -> None:
        if self.away:
            raise PubSubUnavailable("broker:6379: refused")
        await super().unsubscribe(topics)


async def test_pages_come_and_go_without_a_broker(caplog: pytest.LogCaptureFixture) -> None:
    bus = NoBus()
    collab = make(authenticate=known, pubsub=bus, tuning=Tuning(idle_pages=0))
    async with TestClient(collab):
        bus.away = True
        for number in range(TIMES):
            query = b"urlId=page-%d" % number
            assert await asked(collab, "/v1/chats", "boss", query_string=query) == {200}
            await collab._engine.services.pages.evict()
            assert len(collab._engine.services.pages) == 0
        assert [line.partition(" ")[0] for line in lines(caplog)] == [
            "subscribing",
            "unsubscribing",
        ]
