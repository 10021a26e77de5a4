"""A logout ends sockets: what the host's own session says now counts, not what it said at first."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import flask
import litestar
import pytest
from asgiref.sync import sync_to_async
from itsdangerous import TimestampSigner
from litestar.handlers import asgi
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.stores.memory import MemoryStore
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from collabchat_asgi import CollabChat, CollabChatMiddleware, Identity, wsgi
from collabchat_asgi.auth import django_user, flask_session, starlette_session
from collabchat_asgi.testing import FakeClock, NotReceived, SocketClient, TestClient
from tests.hosts import django_app

assert django_app, "it has set Django up"

DAY = 86_400


def identify(session: Mapping[str, Any]) -> Identity | None:
    user = session.get("user")
    return Identity(user, tenants={"default": "commenter"}) if user else None


async def minutes_pass(clock: FakeClock, *clients: SocketClient) -> None:
    """Two minutes, in which everyone is asked about and answers pings."""
    for _ in range(8):
        clock.advance(15)
        for client in clients:
            if client.close_code is None:
                try:
                    await client.ping()
                except NotReceived:
                    assert client.close_code is not None


ROUNDS = 200
"""Of two minutes each, and some sixteen turns of the loop: enough for a hook's thread."""


async def until_turned_away(clock: FakeClock, gone: SocketClient, *others: SocketClient) -> None:
    """As often as the hook, which answers in a thread of its own, has not been heard yet."""
    for _ in range(ROUNDS):
        if gone.close_code is not None:
            break
        await minutes_pass(clock, gone, *others)
    assert gone.close_code == 4401
    assert [other.close_code for other in others] == [None] * len(others)


class StoredSessions:
    """Sessions on the server, a random id in the cookie: as starsessions and others have them."""

    store: dict[str, dict[str, Any]]

    def __init__(self, app: Any, store: dict[str, dict[str, Any]]) -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        cookie = dict(scope["headers"]).get(b"cookie", b"").decode()
        sid = cookie.partition("sid=")[2] or secrets.token_hex()
        scope["session"] = dict(self.store.get(sid, {}))

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.store[sid] = scope["session"]
                message["headers"] = [*message["headers"], (b"set-cookie", f"sid={sid}".encode())]
            await send(message)

        await self.app(scope, receive, answer)


async def login(request: Request) -> Response:
    request.session["user"] = request.query_params["who"]
    return PlainTextResponse("welcome")


def starlette_app(session: Middleware, clock: FakeClock, *, mounted: bool) -> Starlette:
    collab = CollabChat(authenticate=starlette_session(identify), storage="memory://", clock=clock)
    routes: list[Any] = [Route("/login", login)]
    if mounted:
        routes.append(Mount("/collabchat", collab))
        return Starlette(routes=routes, middleware=[session])
    ours = Middleware(CollabChatMiddleware, collab=collab)
    return Starlette(routes=routes, middleware=[session, ours])


async def sign_in(client: TestClient, who: str) -> SocketClient:
    client.cookies.clear()
    await client.host.get("login", who=who)
    return await client.connect()


@pytest.mark.parametrize("mounted", [True, False])
async def test_starlette_with_sessions_on_the_server(mounted: bool) -> None:
    clock, store = FakeClock(), dict[str, dict[str, Any]]()
    app = starlette_app(Middleware(StoredSessions, store=store), clock, mounted=mounted)
    async with TestClient(app) as client:
        ann, bob = await sign_in(client, "ann"), await sign_in(client, "bob")
        await minutes_pass(clock, ann, bob)
        assert (ann.close_code, bob.close_code) == (None, None)
        next(session for session in store.values() if session["user"] == "ann").clear()
        await until_turned_away(clock, ann, bob)


@pytest.mark.parametrize("mounted", [True, False])
@pytest.mark.parametrize("above", ["/site", "/eu/site"])
async def test_starlette_mounted_in_another_app(above: str, mounted: bool) -> None:
    clock, store = FakeClock(), dict[str, dict[str, Any]]()
    app: Any = starlette_app(Middleware(StoredSessions, store=store), clock, mounted=mounted)
    for name in reversed(above.strip("/").split("/")):
        app = Starlette(routes=[Mount(f"/{name}", app)])
    client = TestClient(app, prefix=f"{above}/collabchat")
    async with client:  # a mounted app gets no lifespan: the first request starts ours
        await client.host.get(f"{above}/login", who="ann")
        ann = await client.connect()
        await minutes_pass(clock, ann)
        assert ann.close_code is None
        next(iter(store.values())).clear()
        await until_turned_away(clock, ann)


async def test_starlette_below_the_root_path_of_its_server() -> None:
    clock, store = FakeClock(), dict[str, dict[str, Any]]()
    app = starlette_app(Middleware(StoredSessions, store=store), clock, mounted=False)

    async def below_a_path(scope: Any, receive: Any, send: Any) -> None:
        """As `uvicorn --root-path /app` has it."""
        await app({**scope, "root_path": "/app"}, receive, send)

    async with TestClient(below_a_path, prefix="/app/collabchat") as client:
        await client.host.get("app/login", who="ann")
        ann = await client.connect()
        await minutes_pass(clock, ann)
        next(iter(store.values())).clear()
        await until_turned_away(clock, ann)


async def test_starlettes_signed_cookie_ends_with_its_max_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    session = Middleware(SessionMiddleware, secret_key=secrets.token_hex(), max_age=DAY)
    async with TestClient(starlette_app(session, clock, mounted=False)) as client:
        ann = await sign_in(client, "ann")
        await minutes_pass(clock, ann)
        assert ann.close_code is None
        later = int(time.time()) + DAY + 1
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: later)
        await until_turned_away(clock, ann)


class TurnsAway:
    """A host that lets nobody in who is not signed in."""

    def __init__(self, app: Any, status: Callable[[], int]) -> None:
        self.app = app
        self.status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = self.status()
        if scope["type"] != "http" or status == 200 or scope["path"] == "/login":
            return await self.app(scope, receive, send)
        answer = RedirectResponse("/login") if status == 307 else PlainTextResponse("", status)
        await answer(scope, receive, send)


@pytest.mark.parametrize(("status", "closed"), [(307, 4401), (401, 4401), (500, None)])
async def test_who_is_turned_away_by_the_app_is_signed_out(status: int, closed: int | None) -> None:
    """A fault of the app is none of the person's: they stay, and are asked about again later."""
    clock, answers = FakeClock(), [200]
    app = starlette_app(
        Middleware(SessionMiddleware, secret_key=secrets.token_hex()), clock, mounted=False
    )
    app.add_middleware(TurnsAway, status=lambda: answers[-1])  # type: ignore[arg-type]
    async with TestClient(app) as client:
        ann = await sign_in(client, "ann")
        answers.append(status)
        await minutes_pass(clock, ann)
        assert ann.close_code == closed


async def test_a_session_middleware_around_the_app_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    collab = CollabChat(authenticate=starlette_session(identify), storage="memory://", clock=clock)
    inner = Starlette(
        routes=[Route("/login", login)],
        middleware=[Middleware(CollabChatMiddleware, collab=collab)],
    )
    app = SessionMiddleware(inner, secret_key=secrets.token_hex())
    async with TestClient(app) as client:
        ann = await sign_in(client, "ann")
        await minutes_pass(clock, ann)
        assert ann.close_code is None
    assert "a session cannot be read again" in caplog.text


async def test_litestar_with_sessions_on_the_server() -> None:
    clock, store = FakeClock(), MemoryStore()
    collab = CollabChat(authenticate=starlette_session(identify), storage="memory://", clock=clock)

    @litestar.get("/login")
    async def login(request: litestar.Request[Any, Any, Any]) -> str:
        request.set_session({"user": request.query_params["who"]})
        return "welcome"

    @asgi("/collabchat", is_mount=True, copy_scope=False)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await collab(scope, receive, send)

    app = litestar.Litestar(
        [login, mounted],
        middleware=[ServerSideSessionConfig().middleware],
        stores={"sessions": store},
        on_startup=[collab.start],
        on_shutdown=[collab.close],
    )
    async with TestClient(app) as client:
        ann, bob = await sign_in(client, "ann"), await sign_in(client, "bob")
        await minutes_pass(clock, ann, bob)
        assert (ann.close_code, bob.close_code) == (None, None)
        client.cookies.clear()
        await store.delete_all()
        await minutes_pass(clock, ann, bob)
        assert (ann.close_code, bob.close_code) == (4401, 4401)


class StoredFlaskSessions(flask.sessions.SessionInterface):
    """Sessions on the server, as Flask-Session has them."""

    def __init__(self) -> None:
        self.store: dict[str, dict[str, Any]] = {}

    def open_session(self, app: Any, request: Any) -> Any:
        sid = request.cookies.get("session") or secrets.token_hex()
        session = flask.sessions.SecureCookieSession(self.store.get(sid, {}))
        session.sid = sid  # type: ignore[attr-defined]
        return session

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        self.store[session.sid] = dict(session)
        response.set_cookie("session", session.sid)


def flask_app(clock: FakeClock) -> tuple[flask.Flask, Any]:
    app = flask.Flask(__name__)
    app.secret_key = secrets.token_hex()

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = flask.request.args["who"]
        flask.session.permanent = True
        return "welcome"

    collab = CollabChat(authenticate=flask_session(app, identify), storage="memory://", clock=clock)
    return app, CollabChatMiddleware(wsgi.adapt(app), collab=collab)


async def test_flask_with_sessions_on_the_server() -> None:
    clock = FakeClock()
    app, ours = flask_app(clock)
    app.session_interface = sessions = StoredFlaskSessions()
    async with TestClient(ours) as client:
        ann, bob = await sign_in(client, "ann"), await sign_in(client, "bob")
        await minutes_pass(clock, ann, bob)
        assert (ann.close_code, bob.close_code) == (None, None)
        next(s for s in sessions.store.values() if s.get("user") == "ann").clear()
        await until_turned_away(clock, ann, bob)


async def test_flasks_signed_cookie_ends_with_its_lifetime(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock()
    app, ours = flask_app(clock)
    async with TestClient(ours) as client:
        ann = await sign_in(client, "ann")
        await minutes_pass(clock, ann)
        assert ann.close_code is None
        later = int(time.time() + app.permanent_session_lifetime.total_seconds()) + 1
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: later)
        await until_turned_away(clock, ann)


@pytest.fixture
async def cookies(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The session cookies of ann and bob."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections
    from django.test import Client

    def people() -> dict[str, str]:
        connections.close_all()
        connections["default"].settings_dict["NAME"] = str(tmp_path / "django.db")
        call_command("migrate", verbosity=0)
        signed: dict[str, str] = {}
        for name in ("ann", "bob"):
            client = Client()
            client.force_login(User.objects.create_user(name))
            signed[name] = client.cookies["sessionid"].value
        return signed

    yield await sync_to_async(people)()
    await sync_to_async(connections.close_all)()


async def test_django(cookies: dict[str, str]) -> None:
    from django.test import Client

    def log_out() -> None:
        client = Client()
        client.cookies["sessionid"] = cookies["ann"]
        client.logout()

    clock = FakeClock()
    collab = CollabChat(authenticate=django_user(), storage="memory://", clock=clock)
    async with TestClient(collab) as client:
        ann = await client.connect(cookies={"sessionid": cookies["ann"]})
        bob = await client.connect(cookies={"sessionid": cookies["bob"]})
        await minutes_pass(clock, ann, bob)
        assert (ann.close_code, bob.close_code) == (None, None)
        await sync_to_async(log_out)()
        await until_turned_away(clock, ann, bob)
