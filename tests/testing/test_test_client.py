"""Hooks are tried in-process: the client, and the test clients that frameworks bring themselves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from litestar.testing import TestClient as LitestarClient
from quart import Quart
from starlette.testclient import TestClient as StarletteClient

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Denied, Identity
from collabchat_asgi.testing import HandshakeRefused, NotReceived, TestClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.test_client import NotStarted

ROOT = Path(__file__).parents[2]
HELLO = {"type": "hello", "token": "ann"}


def authenticate(request: ConnectRequest) -> Identity:
    user = request.token or request.cookies.get("sid") or request.headers.get("x-user")
    if not user:
        raise Denied("sign in first")
    return Identity(user, tenants={"acme": "commenter"})


def a_collab(**settings: Any) -> CollabChat:
    return CollabChat(authenticate=authenticate, storage="memory://", **settings)


def an_app(**settings: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CollabChatMiddleware, collab=a_collab(**settings))

    @app.get("/login")
    async def login() -> Any:
        from fastapi import Response

        answer = Response("welcome")
        answer.set_cookie("sid", "ann")
        return answer

    return app


async def test_a_login_at_the_host_is_one_everywhere() -> None:
    async with TestClient(an_app()) as client:
        assert (await client.http.get("v1/chats", urlId="page")).status == 401
        assert (await client.host.get("login")).body == b"welcome"
        ann = await client.connect()
        assert ann.welcome["user"]["id"] == "ann"
        assert (await client.http.get("v1/chats", urlId="page")).json()["chats"] == []


@pytest.mark.parametrize(
    "dial", [{"token": "ann"}, {"cookies": {"sid": "ann"}}, {"headers": {"X-User": "ann"}}]
)
async def test_who_asks_can_be_said_in_three_ways(dial: dict[str, Any]) -> None:
    async with TestClient(an_app()) as client:
        ann = await client.connect(**dial)
        assert ann.welcome["user"]["id"] == "ann"
        assert ann.socket.subprotocol == "collabchat.v1"


async def test_what_is_sent_over_http_is_heard_on_a_socket() -> None:
    async with TestClient(an_app(), token="ann") as client:
        ann = await client.connect()
        await ann.subscribe("page")
        answer = await client.http.post("v1/ops", {"urlId": "page", **create_chat("hello")})
        await ann.expect_event("new-text-chat", seq=answer.json()["seq"])


async def test_a_denied_hello_is_a_close_code() -> None:
    async with TestClient(an_app()) as client:
        nobody = await client.open()
        await nobody.send(nobody.dial.hello)
        assert await nobody.expect_close(4401) == "sign in first"


async def test_a_foreign_origin_is_refused_before_accept() -> None:
    async with TestClient(an_app()) as client:
        with pytest.raises(HandshakeRefused) as refused:
            await client.connect(token="ann", origin="https://evil.example")
        assert refused.value.status == 403
        assert b"allowed_origins" in refused.value.body


async def test_what_does_not_come_is_missed_in_time() -> None:
    async with TestClient(an_app(), token="ann", deadline=0.1) as client:
        ann = await client.connect()
        with pytest.raises(NotReceived):
            await ann.expect("subscribed")


async def test_a_collabchat_alone_is_an_app() -> None:
    async with TestClient(a_collab(), token="ann") as client:
        await client.connect()
        assert (await client.http.get("health")).status == 200


async def test_a_lost_client_is_gone() -> None:
    collab = a_collab()
    async with TestClient(collab, token="ann") as client:
        ann, bob = await client.connect(), await client.connect(token="bob")
        await ann.subscribe("page")
        ann.abort()
        await ann.ended()
        assert ann.close_code == 1006
        await bob.ping()


async def test_a_start_that_fails_tells_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = CollabChat(authenticate=authenticate, storage=f"sqlite:///{tmp_path}/file/below.db")
    with pytest.raises(NotStarted, match=r"lifespan\.startup: collabchat"):
        async with TestClient(app):
            pass


@pytest.mark.parametrize("host", ["flask", "django"])
async def test_a_host_without_a_lifespan(host: str) -> None:
    bare = import_module(f"tests.hosts.{host}_app").bare
    async with TestClient(CollabChatMiddleware(bare, collab=a_collab()), token="ann") as client:
        await client.connect()
        assert (await client.host.get("")).json() == {"host": "still here"}


# inside the test client that the host's framework brings


def test_inside_starlettes() -> None:
    app = an_app()
    for _ in range(2):  # each time in another event loop
        with StarletteClient(app) as client, client.websocket_connect("/collabchat/ws") as socket:
            socket.send_json(HELLO)
            assert socket.receive_json()["type"] == "welcome"


def test_inside_litestars() -> None:
    collab = a_collab()

    @asgi("/collabchat", is_mount=True, copy_scope=True)
    async def annotations(scope: Any, receive: Any, send: Any) -> None:
        await collab(scope, receive, send)

    app = Litestar([annotations], on_startup=[collab.start], on_shutdown=[collab.close])
    with LitestarClient(app) as client, client.websocket_connect("/collabchat/ws") as socket:
        socket.send_json(HELLO)
        assert socket.receive_json()["type"] == "welcome"


async def test_inside_quarts() -> None:
    app = Quart(__name__)
    app.asgi_app = CollabChatMiddleware(app.asgi_app, collab=a_collab())  # type: ignore[method-assign]
    client = app.test_client()
    async with (
        app.test_app(),
        asyncio.timeout(5),
        client.websocket("/collabchat/ws", subprotocols=["collabchat.v1"]) as socket,
    ):
        await socket.send(json.dumps(HELLO))
        assert json.loads(await socket.receive())["type"] == "welcome"


def test_the_example() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    env = os.environ | {"COLLABCHAT_STORAGE": "memory://"}
    done = subprocess.run(
        [*command, "examples/test_hooks.py"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_it_needs_no_package_of_tests() -> None:
    """A hook's author has neither websockets nor pytest in the way, only this package."""
    program = """
import asyncio, sys
for name in ("websockets", "pytest", "pytest_asyncio", "hypothesis"):
    sys.modules[name] = None
from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.testing import FakeClock, TestClient, operations

async def main():
    collab = CollabChat(authenticate=anonymous(), storage="memory://", clock=FakeClock())
    async with TestClient(collab) as client:
        ann = await client.connect(visitor_id="v" * 32)
        await ann.subscribe("page")
        await ann.do(operations.create_chat("hello"))
        await collab.revoke(user_id=ann.welcome["user"]["id"])
        await ann.expect_close(4403)

asyncio.run(main())
print("it runs")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "it runs\n", done.stderr
