"""Hooks are tried in-process: the client, and the test clients that frameworks bring themselves."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from litestar import Litestar, asgi
from litestar.testing import TestClient as LitestarClient
from quart import Quart
from starlette.testclient import TestClient as StarletteClient

from collabchat_asgi import (
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Denied,
    Identity,
    UsageReport,
)
from collabchat_asgi.core.usage import COUNTERS
from collabchat_asgi.errors import HookFailed
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

    @app.get("/logout")
    async def logout(how: str) -> Any:
        from fastapi import Response

        answer = Response("goodbye")
        if how == "age":
            answer.delete_cookie("sid")
        else:
            answer.set_cookie("sid", "nobody", expires="Thu, 01 Jan 1970 00:00:00 GMT")
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


@pytest.mark.parametrize("how", ["age", "date"])
async def test_a_logout_at_the_host_is_one_everywhere(how: str) -> None:
    async with TestClient(an_app(), cookies={"theme": "dark"}) as client:
        await client.host.get("login")
        assert (await client.host.get("logout", how=how)).body == b"goodbye"
        assert client.cookies == {"theme": "dark"}
        assert (await client.http.get("v1/chats", urlId="page")).status == 401


async def test_two_people_with_cookies_are_two_browsers() -> None:
    async with TestClient(an_app(), cookies={"sid": "ann"}) as client:
        await client.host.get("login")
        bob = client.browser(cookies={"sid": "bob"})
        sockets = [await browser.connect() for browser in (client, bob)]
        assert [socket.welcome["user"]["id"] for socket in sockets] == ["ann", "bob"]
        nobody = client.browser()
        assert (await nobody.http.get("v1/chats", urlId="page")).status == 401
        assert (await nobody.host.get("login")).status == 200
        assert (await nobody.connect()).welcome["user"]["id"] == "ann"
        assert bob.cookies == {"sid": "bob"}
    assert all(socket.close_code for socket in sockets), "closed with the client"


async def test_a_browser_has_its_secret_everywhere() -> None:
    seen: list[str | None] = []

    def visitor(request: ConnectRequest) -> Identity:
        seen.append(request.visitor_id)
        return Identity("ann", tenants={"acme": "commenter"})

    collab = CollabChat(authenticate=visitor, storage="memory://")
    async with TestClient(collab, visitor_id="a" * 32) as client:
        other = client.browser(visitor_id="b" * 32)
        for browser in (client, other, client.browser()):
            await browser.connect()
            await browser.http.get("v1/chats", urlId="page")
        await client.connect(visitor_id="c" * 32)
    assert seen == ["a" * 32] * 2 + ["b" * 32] * 2 + [None] * 2 + ["c" * 32]


async def test_a_post_needs_no_body() -> None:
    app = an_app()

    @app.post("/login/{name}")
    async def login(name: str, request: Request) -> Any:
        return [name, len(await request.body()), request.headers.get("content-type")]

    async with TestClient(app) as client:
        assert (await client.host.post("login/ann")).json() == ["ann", 0, None]
        assert (await client.host.post("login/ann", {})).json() == ["ann", 2, "application/json"]


async def test_usage_is_told_when_the_test_says_so() -> None:
    told: list[UsageReport] = []
    collab = a_collab(on_usage=told.extend)
    async with TestClient(collab, token="ann") as client:
        ann = await client.connect()
        await ann.do(create_chat(), "page")
        assert told == []
        await collab.flush_usage()
        [report] = told
        assert report.counters["operationCount"] == 1
        assert report.counters["eventDeliveryCount"] == 0, "she has not subscribed"
        assert set(report.counters) == set(COUNTERS)
        assert (await collab.usage("acme", report.day, report.day))[0]["operationCount"] == 1
        await collab.flush_usage()
        assert len(told) == 1


async def test_a_failing_on_usage_is_seen(caplog: pytest.LogCaptureFixture) -> None:
    bill: list[UsageReport] = []
    broken = True

    def on_usage(reports: Sequence[UsageReport]) -> None:
        if broken:
            raise KeyError("pubSubBandwith")
        bill.extend(reports)

    collab = a_collab(on_usage=on_usage)
    async with TestClient(collab, token="ann") as client:
        ann = await client.connect()
        await ann.do(create_chat(), "page")
        with pytest.raises(HookFailed, match="on_usage failed") as failed:
            await collab.flush_usage()
        assert isinstance(failed.value.__cause__, KeyError)
        assert "hook on_usage failed: KeyError: 'pubSubBandwith'" in caplog.text
        health = (await client.http.get("health")).json()
        assert health["status"] == "degraded"
        assert "hook on_usage" in str(health["reasons"])
        broken = False
        await collab.flush_usage()
        assert [report.counters["operationCount"] for report in bill] == [1]


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


async def test_an_operation_needs_a_page() -> None:
    async with TestClient(an_app()) as client:
        ann = await client.connect(token="ann")
        with pytest.raises(AssertionError, match="name the page, or subscribe"):
            await ann.refused(create_chat())


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
