"""A hook and the whole protocol in this process, without a server. Nothing waits for ever.

It is async, unlike the client of that name that Starlette brings; it needs no further package.

async with TestClient(app, token="t0ken") as client:
    bob = await client.connect()
    await bob.subscribe("/articles/1")
    await bob.do(create_chat("hello"))
    page = await client.http.get("v1/chats", urlId="/articles/1")
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from ..collab import CollabChat
from .http_client import HttpClient, Response
from .socket import Close, SocketEnded
from .socket_client import DEADLINE, Dial, SocketClient

Scope = dict[str, Any]
AsgiMessage = dict[str, Any]


class NotStarted(AssertionError):
    """The lifespan of the app failed, or said nothing in time."""


class HandshakeRefused(AssertionError):
    """The app did not accept the WebSocket."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"the handshake was refused: {status} {body!r}")
        self.status = status
        self.body = body


class TestClient:
    """One browser at an app: your host with `CollabChatMiddleware` around it, or a `CollabChat`.

    As a context manager it runs the app's lifespan. `token`, `cookies`, `headers` and `visitor_id`
    (at most 64 characters) are for everything that it sends; cookies that the app sets are kept,
    and taken away where it ends them, so a login through `host` is one, and a logout too.
    `browser(…)` is another browser, with cookies of its own.
    """

    __test__ = False  # for pytest: this is no test

    def __init__(
        self,
        app: Any,
        *,
        prefix: str = "/collabchat",
        token: str | None = None,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        visitor_id: str | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self.app = app
        self.cookies = dict(cookies or {})
        self.token = token
        self.visitor_id = visitor_id
        self.headers = dict(headers or {})
        self.deadline = deadline
        self.url = "http://testserver" + ("" if isinstance(app, CollabChat) else prefix)
        self._sockets: list[SocketClient] = []
        self._said: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._heard: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._state: dict[str, Any] = {}
        self._life: asyncio.Task[None] | None = None

    @property
    def http(self) -> HttpClient:
        """The calls below the prefix: `await client.http.get("v1/chats", urlId="page")`."""
        visitor = {} if self.visitor_id is None else {"X-Collabchat-Visitor": self.visitor_id}
        headers = {**visitor, **self.headers}
        return InProcessHttp(url=self.url, token=self.token, headers=headers, browser=self)

    @property
    def host(self) -> HttpClient:
        """The host's own pages: `await client.host.post("login/ann")`."""
        return InProcessHttp(url="http://testserver", headers=self.headers, browser=self)

    def browser(
        self,
        *,
        token: str | None = None,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        visitor_id: str | None = None,
    ) -> TestClient:
        """Another browser at the same running app: nothing of this one's is sent by it. Its sockets
        are closed when this one ends; it is no context manager itself."""
        other = TestClient(
            self.app,
            token=token,
            cookies=cookies,
            headers=headers,
            visitor_id=visitor_id,
            deadline=self.deadline,
        )
        other.url, other._state, other._sockets = self.url, self._state, self._sockets
        return other

    async def open(
        self,
        *,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **dial: Any,
    ) -> SocketClient:
        """A socket on which nothing is said yet. Raises `HandshakeRefused`."""
        own = {"token": self.token, "visitor_id": self.visitor_id, "deadline": self.deadline}
        dial = {**own, "url": self.url, **dial}
        every = Dial(**dial, headers={**self.headers, **(headers or {})})
        scope = self._websocket(every, {**self.cookies, **(cookies or {})})
        socket = InProcessSocket(self.app, scope, every.deadline)
        await socket.handshake()
        client = SocketClient(socket, every, SocketEnded)
        self._sockets.append(client)
        return client

    async def connect(self, **dial: Any) -> SocketClient:
        """A socket that is welcome. Takes `token`, `cookies`, `headers`, `tenant`, `visitor_id`,
        `origin` and the other fields of `Dial`."""
        client = await self.open(**dial)
        await client.hello()
        return client

    async def __aenter__(self) -> Self:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        self._life = asyncio.ensure_future(self.app(scope, self._said.get, self._heard.put))
        await self._lifespan("startup")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(client.close() for client in self._sockets))
        await self._lifespan("shutdown")

    async def _lifespan(self, what: str) -> None:
        """An app that raises has no lifespan, which is no fault."""
        assert self._life is not None
        self._said.put_nowait({"type": f"lifespan.{what}"})
        answer = asyncio.ensure_future(self._heard.get())
        await asyncio.wait(
            [answer, self._life], timeout=self.deadline, return_when=asyncio.FIRST_COMPLETED
        )
        if answer.done() and answer.result()["type"] == f"lifespan.{what}.complete":
            return
        answer.cancel()
        if answer.done() or not self._life.done():
            told = answer.result().get("message", "") if answer.done() else "nothing in time"
            self._life.cancel()
            raise NotStarted(f"lifespan.{what}: {told}")
        self._life.exception()

    def scope(self, url: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Scope:
        """What HTTP requests and WebSockets have in common."""
        parts = urlsplit(url)
        every = {"host": "testserver", **headers}
        if cookies:
            every["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return {
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "root_path": "",
            "query_string": parts.query.encode(),
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in every.items()
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("testserver", 80),
            "state": self._state.copy(),
        }

    def _websocket(self, dial: Dial, cookies: Mapping[str, str]) -> Scope:
        origin = {"origin": dial.origin} if dial.origin is not None else {}
        return {
            **self.scope(f"{dial.url}/ws", {**dial.headers, **origin}, cookies),
            "type": "websocket",
            "scheme": "ws",
            "subprotocols": list(dial.subprotocols),
            "extensions": {"websocket.http.response": {}},
        }


class InProcessSocket:
    """A `Socket` with the app at its other end."""

    def __init__(self, app: Any, scope: Scope, deadline: float) -> None:
        self.subprotocol: str | None = None
        self._deadline = deadline
        self._said: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._heard: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._closed: Close | None = None
        self._app = asyncio.ensure_future(self._run(app, scope))

    @property
    def transport(self) -> Self:
        return self

    async def handshake(self) -> None:
        self._said.put_nowait({"type": "websocket.connect"})
        async with asyncio.timeout(self._deadline):
            message = await self._heard.get()
            if message["type"] == "websocket.accept":
                self.subprotocol = message.get("subprotocol")
                return
            status, body = 403, b""
            if message["type"] == "websocket.http.response.start":
                status, body = message["status"], (await self._heard.get()).get("body", b"")
            self._leave(1006, "")
            await self._app
        raise HandshakeRefused(status, body)

    async def send(self, data: str | bytes) -> None:
        if self._closed:
            raise SocketEnded(self._closed)
        kind = "text" if isinstance(data, str) else "bytes"
        self._said.put_nowait({"type": "websocket.receive", kind: data})

    async def recv(self, decode: bool | None = None) -> str:
        if self._closed is None:
            message = await self._heard.get()
            if message["type"] == "websocket.send":
                return str(message["text"])
            self._leave(message["code"], message.get("reason") or "")
        assert self._closed is not None
        raise SocketEnded(self._closed)

    async def close(self) -> None:
        self.abort(1000)
        async with asyncio.timeout(self._deadline):
            await self._app

    def abort(self, code: int = 1006) -> None:
        if self._closed is None:
            self._heard.put_nowait({"type": "websocket.close", "code": code})
            self._leave(code, "")

    def _leave(self, code: int, reason: str) -> None:
        self._closed = Close(code, reason)
        self._said.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def _run(self, app: Any, scope: Scope) -> None:
        try:
            await app(scope, self._said.get, self._send)
        finally:  # a server closes what its app leaves open
            self._heard.put_nowait({"type": "websocket.close", "code": 1006})

    async def _send(self, message: AsgiMessage) -> None:
        if self._closed is not None:
            raise OSError("the client has left")
        self._heard.put_nowait(message)


@dataclass(frozen=True, kw_only=True)
class InProcessHttp(HttpClient):
    """`HttpClient` with the app at its other end."""

    browser: TestClient = field(repr=False)

    async def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        scope = {
            **self.browser.scope(target, headers, self.browser.cookies),
            "type": "http",
            "scheme": "http",
            "method": method,
        }
        messages: list[AsgiMessage] = []
        request = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> AsgiMessage:
            with contextlib.suppress(StopIteration):
                return next(request)
            gone: asyncio.Future[AsgiMessage] = asyncio.get_running_loop().create_future()
            return await gone  # the browser waits for its answer

        async def send(message: AsgiMessage) -> None:
            messages.append(message)

        async with asyncio.timeout(self.deadline):
            await self.browser.app(scope, receive, send)
        return self._answered(messages)

    def _answered(self, messages: list[AsgiMessage]) -> Response:
        start, *parts = messages
        names: dict[str, str] = {}
        for raw_name, raw_value in start.get("headers", ()):
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            names[name] = f"{names[name]}, {value}" if name in names else value
            if name == "set-cookie":
                for cookie in SimpleCookie(value).values():
                    if _has_ended(cookie):
                        self.browser.cookies.pop(cookie.key, None)
                    else:
                        self.browser.cookies[cookie.key] = cookie.coded_value
        return Response(start["status"], names, b"".join(part.get("body", b"") for part in parts))


def _has_ended(cookie: Morsel[str]) -> bool:
    """Whether the app takes the cookie away, as at a logout: `Max-Age` goes before `Expires`."""
    with contextlib.suppress(ValueError, TypeError):
        if cookie["max-age"]:
            return int(cookie["max-age"]) <= 0
        return bool(cookie["expires"]) and (
            parsedate_to_datetime(cookie["expires"]).timestamp() <= time.time()
        )
    return False
