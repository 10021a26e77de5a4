"""LISTEN and NOTIFY keep the contract: alone, and beside a PgBouncer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from urllib.parse import quote

import pytest

from collabchat_asgi.errors import ConfigError, PubSubError, PubSubUnavailable
from collabchat_asgi.pubsub import postgres
from collabchat_asgi.pubsub.abc import Gap, Message, PubSub
from collabchat_asgi.pubsub.postgres import PostgresPubSub
from collabchat_asgi.pubsub.postgres_notify import channel_of, decode
from collabchat_asgi.registry import default_pubsub
from collabchat_asgi.testing.pubsub_bench import Listener
from collabchat_asgi.testing.pubsub_contract import PubSubContract
from collabchat_asgi.testing.services_postgres import PgBouncer, PostgresServer

_names = count()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def bouncer(server: PostgresServer) -> Iterator[PgBouncer]:
    with PgBouncer(server) as bouncer:
        yield bouncer


@pytest.fixture
def schema() -> str:
    """A test's bus is its own."""
    return f"test_{next(_names)}"


@asynccontextmanager
async def away(server: PostgresServer) -> AsyncIterator[None]:
    """Crashed, and started again at the end."""
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


class TestPostgres(PubSubContract):
    url = "postgresql://chat:hunter2@db.example/app?sslmode=require"
    flood = 4_500  # a round trip each; 4,096 are 8 MiB

    @pytest.fixture(autouse=True)
    def _bus(self, server: PostgresServer, schema: str) -> None:
        self._server = server
        self._url = f"{server.url}?schema={schema}"

    async def make(self) -> PubSub:
        return PostgresPubSub.from_url(self._url)

    def broken(self) -> AbstractAsyncContextManager[object]:
        return away(self._server)


@pytest.mark.long
class TestBesidePgBouncer(TestPostgres):
    @pytest.fixture(autouse=True)
    def _bus(self, server: PostgresServer, schema: str, bouncer: PgBouncer) -> None:
        self._server = server
        options = f"pooler=transaction&schema={schema}&listen={quote(server.url, safe='')}"
        self._url = f"{bouncer.url_of('postgres')}?{options}"


@pytest.fixture
async def pubsub(server: PostgresServer, schema: str) -> AsyncIterator[PostgresPubSub]:
    pubsub = PostgresPubSub(f"{server.url}?schema={schema}&timeout=0.5")
    await pubsub.open()
    yield pubsub
    await pubsub.close()


@pytest.fixture
async def ear(pubsub: PostgresPubSub) -> AsyncIterator[Listener]:
    await pubsub.subscribe(["page"])
    ear = Listener(pubsub, 15)
    yield ear
    await ear.stop()


async def hears_again(ear: Listener) -> None:
    """A Gap comes first, and then what was published after it."""
    assert await ear.next() == Gap()
    await ear.pubsub.publish("page", b"after")
    assert await ear.messages(1) == [Message("page", b"after")]


async def test_its_listener_is_terminated(ear: Listener, server: PostgresServer) -> None:
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
    )
    killed = await asyncio.to_thread(server.execute, kill)
    assert len(killed) == 1
    await hears_again(ear)


async def test_its_server_restarts(ear: Listener, server: PostgresServer) -> None:
    await asyncio.to_thread(server.crash)
    await hears_again(ear)


async def test_opened_while_its_server_is_away_it_comes_back_by_itself(
    server: PostgresServer, schema: str
) -> None:
    """As an engine that hears nothing opens it anew, in the middle of an outage."""
    pubsub = PostgresPubSub(f"{server.url}?schema={schema}&timeout=0.5")
    async with away(server):
        with pytest.raises(PubSubUnavailable):
            await pubsub.open()
        with pytest.raises(PubSubUnavailable):
            await pubsub.subscribe(["page"])
    ear = Listener(pubsub, 15)
    try:
        await hears_again(ear)
    finally:
        await ear.stop()
        await pubsub.close()


async def test_an_open_that_is_given_up_goes_on_by_itself(
    server: PostgresServer, schema: str
) -> None:
    pubsub = PostgresPubSub(f"{server.url}?schema={schema}&timeout=2")
    server.freeze()
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await pubsub.open()
        with pytest.raises(PubSubUnavailable):
            await pubsub.subscribe(["page"])
    finally:
        server.thaw()
    ear = Listener(pubsub, 15)
    try:
        await hears_again(ear)
    finally:
        await ear.stop()
        await pubsub.close()


async def test_a_frozen_server_is_noticed(
    ear: Listener, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PROBE_SECONDS", 0.1)
    # The connection that watches began to wait with the longer interval.
    await asyncio.to_thread(server.crash)
    await hears_again(ear)
    server.freeze()
    try:
        with pytest.raises(PubSubUnavailable, match=r"127\.0\.0\.1"):
            await ear.pubsub.publish("page", b"into the ice")
        async with asyncio.timeout(15):
            while ear.pubsub._station.hears:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(PubSubUnavailable):
            await ear.pubsub.subscribe(["another"])
    finally:
        server.thaw()
    assert await ear.next() == Gap()
    await ear.pubsub.publish("another", b"remembered")
    assert await ear.messages(1) == [Message("another", b"remembered")]


async def test_what_is_the_same_is_told_each_time(ear: Listener) -> None:
    await asyncio.gather(*(ear.pubsub.publish("page", b"same") for _ in range(200)))
    assert await ear.messages(200) == [Message("page", b"same")] * 200


async def test_strangers_on_the_channel_change_nothing(
    ear: Listener, server: PostgresServer, schema: str
) -> None:
    for garbage in ("", "0", "0:page", "0:page:%%%", "x:page:a", "{}", "é" * 100):
        notify = f"SELECT pg_notify('{channel_of(schema)}', '{garbage}')"
        await asyncio.to_thread(server.execute, notify)
    await ear.pubsub.publish("page", b"ours")
    assert await ear.messages(1) == [Message("page", b"ours")]


async def test_one_schema_does_not_hear_another(ear: Listener, server: PostgresServer) -> None:
    other = PostgresPubSub(f"{server.url}?schema=other")
    await other.open()
    await other.publish("page", b"of another installation")
    await other.close()
    await ear.pubsub.publish("page", b"ours")
    assert await ear.messages(1) == [Message("page", b"ours")]


async def test_a_pooler_that_nobody_mentioned_is_found_out(bouncer: PgBouncer) -> None:
    pubsub = PostgresPubSub(f"{bouncer.url_of('postgres')}?timeout=0.5")
    with pytest.raises(PubSubError, match=r"add \?pooler=transaction") as caught:
        await pubsub.open()
    assert not isinstance(caught.value, PubSubUnavailable)


async def test_a_pooler_that_hides_is_found_out(server: PostgresServer) -> None:
    names = "idle_in_transaction_session_timeout, plan_cache_mode"
    with PgBouncer(server, options=f"ignore_startup_parameters = {names}") as hidden:
        pubsub = PostgresPubSub(f"{hidden.url_of('postgres')}?timeout=0.5")
        with pytest.raises(PubSubError, match=r"hears nothing.*pooler=transaction.*listen="):
            await pubsub.open()


async def test_no_server_at_all(server: PostgresServer) -> None:
    pubsub = PostgresPubSub("postgresql://chat:hunter2@127.0.0.1:1/app?timeout=0.5")
    with pytest.raises(PubSubUnavailable) as caught:
        await pubsub.open()
    assert "hunter2" not in str(caught.value)
    await pubsub.close()
    wrong = PostgresPubSub(server.url.replace("hunter2", "hunter3"))
    with pytest.raises(PubSubError, match="check user and password") as refused:
        await wrong.open()
    assert not isinstance(refused.value, PubSubUnavailable)
    assert "hunter3" not in str(refused.value)


def test_behind_a_pooler_it_asks_for_the_server() -> None:
    url = "postgresql://chat:hunter2@pool.example/app?pooler=transaction"
    with pytest.raises(ConfigError, match="listen=postgresql://"):
        PostgresPubSub(url)
    direct = quote("postgresql://chat:hunter2@db.example/app", safe="")
    assert repr(PostgresPubSub(f"{url}&listen={direct}")) == "PostgresPubSub('pool.example/app')"


def test_it_takes_the_url_of_the_storage() -> None:
    url = (
        "postgresql+asyncpg://chat:hunter2@db.example/app?pool=9&schema=chat&timeout=3&ssl=require"
    )
    assert repr(PostgresPubSub(default_pubsub(url))) == "PostgresPubSub('db.example/app')"


def test_channels_are_short() -> None:
    assert channel_of(None) == "collabchat"
    assert len(channel_of("x" * 63)) <= 63
    assert decode("0:page:aGk=") == Message("page", b"hi")
