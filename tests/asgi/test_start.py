"""What a start has opened is closed where it fails, and nothing works on behind a close."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from collabchat_asgi import CollabChatMiddleware
from collabchat_asgi.errors import StorageError, StorageUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.memory import MemoryStorage

from .driver import Call, Lifespan, get, make, scope, until


class Storage(MemoryStorage):
    """It keeps account of itself, and can be told to fail or to hang."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = False
        self.calls: list[str] = []
        self.away = 0
        """So many starts find it away behind the opened pub/sub."""
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def open(self) -> None:
        await super().open()
        self.is_open = True

    async def close(self) -> None:
        await super().close()
        self.is_open = False

    async def load(self, page: Any) -> Any:
        self.calls.append("load")
        await self.hangs.wait()
        assert self.is_open, "a closed storage is asked"
        return await super().load(page)

    async def heads(self, pages: Any) -> Any:
        if self.away:
            self.away -= 1
            raise StorageUnavailable("db.internal: no answer")
        return await super().heads(pages)

    async def read(self, page: Any, after: Any, limit: int) -> Any:
        if self.away:
            self.away -= 1
            raise StorageUnavailable("db.internal: no answer")
        return await super().read(page, after, limit)


class PubSub(MemoryPubSub):
    opens = 0
    is_open = False

    async def open(self) -> None:
        await super().open()
        self.opens += 1
        self.is_open = True

    async def close(self) -> None:
        await super().close()
        self.is_open = False


async def returns(scope: Any, receive: Any, send: Any) -> None:
    return


async def test_a_start_that_fails_behind_an_opened_pubsub_closes_both_and_is_tried_again() -> None:
    storage, pubsub = Storage(), PubSub()
    storage.away = 1
    collab = make(storage=storage, pubsub=pubsub)
    with pytest.raises(StorageUnavailable):
        await collab.start()
    assert pubsub.opens == 1
    assert not pubsub.is_open
    assert not storage.is_open
    await collab.start()
    assert storage.is_open
    assert pubsub.is_open
    assert (await collab.snapshot("acme", "page"))["seq"] == 0
    await collab.close()
    assert not storage.is_open
    assert not pubsub.is_open


async def test_nothing_works_on_behind_a_close() -> None:
    storage = Storage()
    collab = make(storage=storage)
    await collab.start()
    before = asyncio.all_tasks()
    storage.hangs.clear()
    asking = asyncio.ensure_future(collab.snapshot("acme", "page"))
    await until(lambda: storage.calls, "the page is being opened")
    await collab.close()
    with pytest.raises(StorageError, match="stopping"):
        await asking
    storage.hangs.set()
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert not {task for task in left if task.get_name().startswith("collabchat")}
    assert storage.calls == ["load"]


async def test_a_first_request_without_a_lifespan_waits_as_a_start_does() -> None:
    storage = Storage()
    storage.away = 2
    app = CollabChatMiddleware(returns, collab=make(storage=storage))
    answers = await asyncio.gather(*(get(app, "/collabchat/health") for _ in range(5)))
    assert [status for status, _, _ in answers] == [200] * 5
    assert storage.away == 0
    await app.collab.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_start_that_waits_ends_at_a_signal_and_the_server_hears_it_too(
    number: signal.Signals,
) -> None:
    heard: list[int] = []
    servers = signal.signal(number, lambda number, frame: heard.append(number))
    try:
        storage, pubsub = Storage(), PubSub()
        storage.away = 10**6
        taken_down: list[str] = []

        async def inner(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            taken_down.append("database")
            await send({"type": "lifespan.shutdown.complete"})

        app = CollabChatMiddleware(inner, collab=make(storage=storage, pubsub=pubsub))
        lifespan = Lifespan(app)
        lifespan.put("lifespan.startup")
        await until(lambda: pubsub.opens, "it waits for its storage")
        os.kill(os.getpid(), number)
        await lifespan.done()
        assert heard == [number]
        assert lifespan.kinds == ["lifespan.startup.failed"]
        assert "told to end" in lifespan.sent[0]["message"]
        assert taken_down == ["database"]
        assert not pubsub.is_open
        assert not storage.is_open
        handler = signal.getsignal(number)
        assert callable(handler)
        handler(number, None)
        assert len(heard) == 2, "the signal is the server's again"
    finally:
        signal.signal(number, servers)


async def test_the_host_shuts_down_after_us_and_hooks_still_find_what_they_need() -> None:
    database = {"open": False}
    billed: list[str] = []

    async def count(reports: Any) -> None:
        assert database["open"]
        billed.extend(report.tenant_id for report in reports)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        database["open"] = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        database["open"] = False
        await send({"type": "lifespan.shutdown.complete"})

    app = CollabChatMiddleware(inner, collab=make(on_usage=count))
    lifespan = Lifespan(app)
    await lifespan.start()
    socket = Call(app, scope("websocket", "/collabchat/ws"))
    socket.put("websocket.connect")
    socket.say({"type": "hello"})
    await socket.frame("welcome")
    socket.say({"type": "subscribe", "urlId": "page"})
    await socket.frame("snapshot")
    assert (await lifespan.stop())["type"] == "lifespan.shutdown.complete"
    assert billed == ["acme"]
    socket.put("websocket.disconnect", code=4512)
    await socket.done()


async def test_an_app_that_could_not_shut_down_is_told_of_as_before() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "a file is locked"})

    lifespan = Lifespan(CollabChatMiddleware(inner, collab=make()))
    await lifespan.start()
    assert (await lifespan.stop())["message"] == "a file is locked"


async def test_a_lifespan_that_is_cancelled_closes() -> None:
    """hypercorn says nothing at SIGTERM and cancels."""
    collab = make()
    lifespan = Lifespan(CollabChatMiddleware(returns, collab=collab))
    await lifespan.start()
    lifespan.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lifespan.done()
    assert collab._starting is None


async def test_a_start_ends_where_the_server_was_told_to_before_it_began() -> None:
    """A worker that still imports the app: uvicorn notes the signal, and starts all the same."""

    class Server:
        should_exit = False

        def handle_exit(self, number: int, frame: object) -> None:
            self.should_exit = True

    server, storage = Server(), Storage()
    storage.away = 10**6
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        lifespan = Lifespan(CollabChatMiddleware(returns, collab=make(storage=storage)))
        lifespan.put("lifespan.startup")
        await lifespan.done()
        assert lifespan.kinds == ["lifespan.startup.failed"]
        assert not storage.is_open
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_signal_during_the_apps_own_start_is_heard_by_ours() -> None:
    """granian hands a signal to its own thread, which looks at it when all have started."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    storages = [Storage(), Storage()]
    try:

        async def inner(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            await send({"type": "lifespan.startup.complete"})
            await receive()

        app: Any = inner
        for at, storage in enumerate(storages):
            storage.away = 10**6
            app = CollabChatMiddleware(app, collab=make(storage=storage, prefix=f"/{at}"))
        lifespan = Lifespan(app)
        lifespan.put("lifespan.startup")
        await lifespan.done()
        assert lifespan.kinds == ["lifespan.startup.failed"]
        assert heard == [signal.SIGTERM]
        assert not any(storage.is_open for storage in storages)
    finally:
        signal.signal(signal.SIGTERM, before)
