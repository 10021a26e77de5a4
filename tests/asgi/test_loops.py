"""One CollabChat in several event loops: one after the other it works, at the same time it is
refused, and two of them on one storage work side by side."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

from collabchat_asgi import CollabChat, Identity
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import MisuseError
from collabchat_asgi.testing import TestClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.services_postgres import PostgresServer
from collabchat_asgi.testing.services_redis import RedisServer

pytestmark = [
    # Loops that end without `close`, as `asyncio.run` of a task does, leave their sockets to it.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PAGE = ("acme", "page")
ANN = Identity("ann", tenants={"acme": "commenter"})
VISITOR = "v" * 32
SECONDS = 60


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "redis"])
def fresh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """URLs of storages that nobody has used."""
    made = iter(range(100))

    def file() -> str:
        folder: Path = tmp_path_factory.mktemp("loops")
        return f"sqlite:///{folder}/collabchat.db"

    if request.param == "sqlite":
        yield file
    elif request.param == "postgresql":
        with PostgresServer() as postgres:
            yield lambda: f"{postgres.url}?schema=loops{next(made)}&timeout=20"
    else:
        with RedisServer() as redis:
            yield lambda: f"{redis.url.removesuffix('0')}{next(made)}?timeout=20"


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What a loop has left is let go of here, where it is no complaint."""
    yield
    gc.collect()


def make(url: str) -> CollabChat:
    return CollabChat(authenticate=anonymous(tenant="acme"), storage=url)


async def said(collab: CollabChat) -> int:
    """The number of one operation of the host's."""
    return (await collab.submit(*PAGE, create_chat(), identity=ANN))["seq"]


async def said_last(collab: CollabChat) -> int:
    seq = await said(collab)
    await collab.close()
    return seq


def test_a_loop_per_task_and_nobody_closes(fresh: Callable[[], str]) -> None:
    collab = make(fresh())
    assert [asyncio.run(said(collab)) for _ in range(4)] == [1, 2, 3, 4]
    assert asyncio.run(said_last(collab)) == 5


def test_a_loop_per_test(fresh: Callable[[], str]) -> None:
    collab = make(fresh())

    async def visit() -> tuple[int, bool]:
        async with TestClient(collab) as client:
            ann = await client.connect(visitor_id=VISITOR)
            told = await ann.subscribe("page")
            ack = await ann.do(create_chat())
            await ann.expect("events", last=ack["seq"])
            return ack["seq"], told["seq"] == ack["seq"] - 1

    assert [asyncio.run(visit()) for _ in range(3)] == [(1, True), (2, True), (3, True)]


def test_two_at_once_are_refused_with_a_sentence(fresh: Callable[[], str]) -> None:
    """And whoever was first does not notice."""
    collab = make(fresh())
    runs, leave = Event(), Event()

    async def first() -> list[int]:
        seqs = [await said(collab)]
        runs.set()
        await asyncio.to_thread(leave.wait, SECONDS)
        return [*seqs, await said_last(collab)]

    with ThreadPoolExecutor(1) as thread:
        one = thread.submit(asyncio.run, first())
        try:
            assert runs.wait(SECONDS)
            for _ in range(2):
                with pytest.raises(MisuseError, match="give each loop a CollabChat of its own"):
                    asyncio.run(said(collab))
        finally:
            leave.set()
        assert one.result(SECONDS) == [1, 2]
    assert asyncio.run(said_last(collab)) == 3


def test_two_that_begin_together_are_one_and_a_refusal(fresh: Callable[[], str]) -> None:
    collab = make(fresh())
    together, done = Barrier(2), Barrier(2)

    async def begin() -> int:
        together.wait(SECONDS)
        try:
            return await said(collab)
        finally:
            # The loop of the one that was let in runs until the other has its answer.
            await asyncio.to_thread(done.wait, SECONDS)
            await collab.close()

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(asyncio.run, begin()) for _ in range(2)]
        ends: list[Any] = [one.exception(SECONDS) or one.result() for one in both]
    assert {type(end) for end in ends} == {int, MisuseError}, ends


def test_one_each_on_one_storage_hear_each_other(fresh: Callable[[], str]) -> None:
    url = fresh()
    together = Barrier(2)

    async def visit(name: str) -> list[int]:
        """Two in two threads begin a chat each, and see what the other has begun."""
        async with TestClient(make(url)) as client:
            ann = await client.connect(visitor_id=name * 32)
            await ann.subscribe("page")
            await asyncio.to_thread(together.wait, SECONDS)
            ack = await ann.do(create_chat())
            last = 0
            while last < 2:
                last = (await ann.expect("events"))["last"]
            await asyncio.to_thread(together.wait, SECONDS)
            return [ack["seq"], last]

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(asyncio.run, visit(name)) for name in "ab"]
        told = [one.result(SECONDS) for one in both]
    assert sorted(told) == [[1, 2], [2, 2]]
