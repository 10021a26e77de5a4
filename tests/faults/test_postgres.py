"""PostgreSQL crashes, throws everybody out and stands still under load: as the storage and as its
own pub/sub, under four workers and (TESTS_LONG=1) under two processes. The history is the judge."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from urllib.parse import quote

import pytest

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing import operations as op
from collabchat_asgi.testing.services_postgres import PgBouncer, PostgresServer

from .load import LONG, serve, until
from .scene import scene

ROUNDS = 12 if LONG else 3
BETWEEN = 300 if LONG else 100
"""Acked operations between two faults."""
FROZEN_SECONDS = 15.0 if LONG else 5.0
CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'collabchat'"""
BRISK = {"presence_seconds": 0.1, "presence_grace_seconds": 0.2, "heartbeat_seconds": 1.0}


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["4 workers", "2 processes"] if LONG else ["4 workers"])
def crew(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def crewed(crew: str, storage: str, **timing: float) -> list[ServerProcess]:
    if crew == "4 workers":
        return [serve(storage, "--workers", "4", **timing)]
    return [serve(storage, **timing) for _ in range(2)]


async def test_crashed_and_started_again(postgres: PostgresServer, crew: str) -> None:
    async with scene(crewed(crew, postgres.url), BETWEEN) as act:
        for _ in range(ROUNDS):
            await act.fault("restart -m immediate", lambda: asyncio.to_thread(postgres.crash))
        await act.judge(f"{crew}, restart -m immediate")


@pytest.mark.long
async def test_every_session_terminated(postgres: PostgresServer, crew: str) -> None:
    async with scene(crewed(crew, postgres.url), BETWEEN) as act:
        for _ in range(3 * ROUNDS):
            await act.fault(
                "pg_terminate_backend of all", lambda: asyncio.to_thread(postgres.execute, CUT)
            )
        await act.judge(f"{crew}, pg_terminate_backend of all")


@pytest.mark.long
async def test_standing_still(postgres: PostgresServer, crew: str) -> None:
    async def freeze() -> None:
        postgres.freeze()
        try:
            await asyncio.sleep(FROZEN_SECONDS)
        finally:
            postgres.thaw()

    async with scene(crewed(crew, postgres.url), BETWEEN) as act:
        await act.fault(f"SIGSTOP for {FROZEN_SECONDS:g} s", freeze)
        await act.judge(f"{crew}, SIGSTOP for {FROZEN_SECONDS:g} s")


@pytest.mark.long
async def test_who_starts_meanwhile_waits(postgres: PostgresServer) -> None:
    """A worker that is replaced: where it failed, uvicorn would stop all of them."""
    url = f"{postgres.url}?timeout=0.5"
    with serve(url):
        pass  # the tables are there
    late = serve(url)
    postgres.freeze()
    try:
        starting = asyncio.ensure_future(asyncio.to_thread(late.start))
        await until(lambda: "waits for its storage" in late.log, "it is waited for")
    finally:
        postgres.thaw()
    try:
        await starting
        await until(lambda: "startup complete" in late.log, "it serves")
        ann = await SocketClient.join(
            late.url, "page", token="ann@acme:commenter", tenant="acme", deadline=30.0
        )
        await ann.do(op.create_chat("late"))
        await ann.close()
    finally:
        late.stop()


@pytest.mark.long
async def test_the_pooler_is_killed(postgres: PostgresServer) -> None:
    """Commits go through PgBouncer, hints past it: either may be cut while the other lives."""
    with PgBouncer(postgres) as bouncer:

        async def restart() -> None:
            await asyncio.to_thread(bouncer.kill)
            await asyncio.to_thread(bouncer.start)

        options = f"?pooler=transaction&listen={quote(postgres.url, safe='')}"
        servers = crewed("2 processes", bouncer.url_of("postgres") + options)
        async with scene(servers, BETWEEN) as act:
            for _ in range(ROUNDS):
                await act.fault("SIGKILL of PgBouncer", restart)
                await act.fault(
                    "pg_terminate_backend of all", lambda: asyncio.to_thread(postgres.execute, CUT)
                )
            await act.judge("2 processes, PgBouncer killed, sessions cut")


@pytest.mark.long
async def test_people_are_counted_exactly(postgres: PostgresServer, crew: str) -> None:
    """Twelve tabs of six people wherever they land; then all hints are cut, and some leave."""
    async with AsyncExitStack() as stack:
        servers = [stack.enter_context(server) for server in crewed(crew, postgres.url, **BRISK)]
        tabs: list[SocketClient] = []
        for number in range(12):
            tab = await SocketClient.join(
                servers[number % len(servers)].url,
                "page",
                token=f"person-{number % 6}@acme:commenter",
                tenant="acme",
                deadline=30.0,
            )
            tabs.append(tab)
            stack.push_async_callback(tab.close)
        for tab in tabs:
            await tab.expect("presence", urlId="page", users=6, connections=12)
        await asyncio.to_thread(postgres.execute, CUT)
        for tab in tabs[:4]:
            await tab.close()
        for tab in tabs[4:]:
            await tab.expect("presence", urlId="page", users=6, connections=8)
        await tabs[4].do(op.create_chat("and everyone hears this"))
        for tab in tabs[5:]:
            await tab.expect_event("new-text-chat")
