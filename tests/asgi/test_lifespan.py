"""Started after the wrapped app and stopped before it, whatever that app makes of a lifespan."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import MisuseError, StorageUnavailable

from .driver import Call, Lifespan, connect, get, make, scope, until


def wrapped(app: Any, collab: CollabChat | None = None) -> tuple[CollabChatMiddleware, CollabChat]:
    collab = collab or make()
    return CollabChatMiddleware(app, collab=collab), collab


async def test_around_an_app_that_completes() -> None:
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        seen.append(f"started {collab._starting is not None}")
        scope["state"]["pool"] = "mine"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        seen.append(f"stopping {collab._starting is not None}")
        await send({"type": "lifespan.shutdown.complete"})

    app, collab = wrapped(inner)
    state: dict[str, Any] = {}
    lifespan = Lifespan(app, state)
    assert (await lifespan.start())["type"] == "lifespan.startup.complete"
    assert state == {"pool": "mine"}
    assert (await lifespan.stop())["type"] == "lifespan.shutdown.complete"
    assert lifespan.kinds == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert seen == ["started False", "stopping False"]
    assert collab._starting is None


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("I know no lifespan")


async def raises_later(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise AssertionError("I know no lifespan either")


async def returns(scope: Any, receive: Any, send: Any) -> None:
    return


@pytest.mark.parametrize("inner", [raises, raises_later, returns, None])
async def test_around_an_app_without_a_lifespan(inner: Any) -> None:
    collab = make()
    app = collab if inner is None else CollabChatMiddleware(inner, collab=collab)
    lifespan = Lifespan(app)
    assert (await lifespan.start())["type"] == "lifespan.startup.complete"
    assert (await lifespan.stop())["type"] == "lifespan.shutdown.complete"
    assert len(lifespan.sent) == 2
    assert collab._starting is None


@pytest.mark.parametrize(("inner", "told"), [(raises, False), (raises_later, True)])
async def test_a_start_that_breaks_off_is_told(
    inner: Any, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be known by its consequences alone: with us, the server hears that all is well."""
    lifespan = Lifespan(wrapped(inner)[0])
    await lifespan.start()
    await lifespan.stop()
    assert ("I know no lifespan either" in caplog.text) is told


async def test_around_an_app_that_fails() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    app, collab = wrapped(inner)
    lifespan = Lifespan(app)
    assert await lifespan.start() == {"type": "lifespan.startup.failed", "message": "no database"}
    await lifespan.done()
    assert lifespan.kinds == ["lifespan.startup.failed"]
    assert collab._starting is None


async def test_around_an_app_that_raises_when_it_runs() -> None:
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise RuntimeError("cannot stop")

    app, collab = wrapped(inner)
    lifespan = Lifespan(app)
    await lifespan.start()
    lifespan.put("lifespan.shutdown")
    with pytest.raises(RuntimeError, match="cannot stop"):
        await lifespan.done()
    assert collab._starting is None


class Late(CollabChat):
    """Its storage is away for the first two starts."""

    starts = 0

    async def start(self) -> None:
        self.starts += 1
        if self.starts < 3:
            raise StorageUnavailable("db.internal:5432: no answer (within 2 s)")
        await super().start()


async def test_a_storage_that_is_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn stops every worker where one fails to start."""
    collab = Late(authenticate=anonymous(), storage="memory://")
    app, _ = wrapped(returns, collab)
    lifespan = Lifespan(app)
    assert (await lifespan.start())["type"] == "lifespan.startup.complete"
    assert collab.starts == 3
    assert "waits for its storage, 30 s more: db.internal:5432" in caplog.text
    assert (await get(app, "/collabchat/health"))[0] == 200
    await lifespan.stop()


async def test_it_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collabchat_asgi.asgi.start.PATIENT_SECONDS", 0.0)
    app, _ = wrapped(returns, Late(authenticate=anonymous(), storage="memory://"))
    told = await Lifespan(app).start()
    assert told["type"] == "lifespan.startup.failed"
    assert "db.internal:5432" in told["message"]


async def test_a_storage_that_cannot_be_opened_fails_the_start(tmp_path: Any) -> None:
    missing = tmp_path / "missing" / "collabchat.db"
    app, _ = wrapped(returns, make(storage=f"sqlite:///{missing}"))
    lifespan = Lifespan(app)
    told = await lifespan.start()
    assert told["type"] == "lifespan.startup.failed"
    assert str(missing) in told["message"]
    assert (await get(app, "/collabchat/health"))[0] == 503
    socket = Call(app, scope("websocket", "/collabchat/ws"))
    socket.put("websocket.connect")
    await socket.done()
    assert socket.closes == [4503]


async def test_started_by_the_first_request() -> None:
    app, collab = wrapped(returns)
    status, _, body = await get(app, "/collabchat/health")
    assert status == 200, body
    await asyncio.gather(*(collab.start() for _ in range(10)))
    await collab.close()
    await collab.close()


def test_a_second_test_client_works() -> None:
    """Each `with TestClient(app)` is a loop of its own; so is each client without `with`."""
    host = FastAPI()
    collab = make()
    host.add_middleware(CollabChatMiddleware, collab=collab)
    for number in range(3):
        with TestClient(host) as client:
            assert client.get("/collabchat/health").status_code == 200
            with client.websocket_connect("/collabchat/ws") as socket:
                socket.send_json({"type": "hello", "token": "ann"})
                assert socket.receive_json()["type"] == "welcome"
                socket.send_json({"type": "subscribe", "urlId": "page"})
                frame = socket.receive_json()
                while frame["type"] != "snapshot":
                    frame = socket.receive_json()
                assert len(frame["chats"]) == number
                socket.send_json(
                    {
                        "type": "create-chat",
                        "urlId": "page",
                        "broadcastId": f"0190a000-0000-7000-8000-00000000000{number}",
                        "chat": {
                            "anchor": {
                                "selector": [{"type": "TextQuoteSelector", "exact": "x"}],
                                "length": 9,
                            },
                            "comment": {"body": "hello"},
                        },
                    }
                )
                while frame["type"] != "ack":
                    frame = socket.receive_json()


def test_started_lazily_in_one_loop_and_again_in_another() -> None:
    """Nobody stopped the first one: its loop has just ended."""
    calls: list[str] = []

    def hook(request: Any) -> Any:
        from .driver import authenticate

        calls.append("asked")
        return authenticate(request)

    app, collab = wrapped(returns, make(authenticate=hook))

    async def visit() -> int:
        socket = await connect(app)
        assert socket.closes == []
        return len(collab._engine.services.door.connections)

    assert [asyncio.run(visit()) for _ in range(3)] == [1, 1, 1]
    assert len(calls) == 3


async def test_another_running_loop_is_refused_with_a_reason() -> None:
    collab = make()
    await collab.start()

    def elsewhere() -> None:
        asyncio.run(collab.start())

    with pytest.raises(MisuseError, match="another event loop"):
        await asyncio.to_thread(elsewhere)
    await collab.close()
    await asyncio.to_thread(lambda: asyncio.run(start_and_close(collab)))


async def start_and_close(collab: CollabChat) -> None:
    await collab.start()
    await collab.close()


async def test_closed_and_started_again_keeps_what_is_stored() -> None:
    app, collab = wrapped(returns)
    for _ in range(3):
        await collab.start()
        socket = await connect(app)
        await collab.close()
        await until(lambda socket=socket: socket.closes, "a close")
        assert socket.closes == [4512]
        assert socket.frames[-1]["type"] == "bye"
        socket.put("websocket.disconnect", code=4512)
        await socket.done()


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(TypeError, match="storrage"):
        make(storrage="memory://")
