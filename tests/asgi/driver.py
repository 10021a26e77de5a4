"""The server's side of ASGI, in this process: scopes, messages, and what the app sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from collabchat_asgi import CollabChat, ConnectRequest, Identity

AsgiMessage = dict[str, Any]
DEADLINE = 10.0


def authenticate(request: ConnectRequest) -> Identity:
    return Identity(request.token or "ann", name="Ann", tenants={"acme": "commenter"})


def make(**how: Any) -> CollabChat:
    given: dict[str, Any] = {"authenticate": authenticate, "storage": "memory://", **how}
    return CollabChat(**given)


def scope(kind: str, path: str, **more: Any) -> AsgiMessage:
    base = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"example.com")],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 80),
    }
    if kind == "http":
        return {**base, "method": "GET", "scheme": "http", **more}
    return {**base, "scheme": "ws", "subprotocols": [], **more}


async def until(true: Callable[[], object], what: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while not true():
        if loop.time() > deadline:
            raise AssertionError(f"this did not come about: {what}")
        await asyncio.sleep(0.001)


class Call:
    """One run of an app. What it receives is put here, what it sends is kept here."""

    def __init__(self, app: Any, scope: AsgiMessage) -> None:
        self.sent: list[AsgiMessage] = []
        self.received = 0
        self._to_app: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> AsgiMessage:
        message = await self._to_app.get()
        self.received += 1
        return message

    async def _send(self, message: AsgiMessage) -> None:
        self.sent.append(message)

    def put(self, kind: str, **fields: Any) -> None:
        self._to_app.put_nowait({"type": kind, **fields})

    def say(self, frame: AsgiMessage) -> None:
        self.put("websocket.receive", text=json.dumps(frame))

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.sent]

    @property
    def frames(self) -> list[AsgiMessage]:
        texts = [m["text"] for m in self.sent if m["type"] == "websocket.send"]
        return [json.loads(text) for text in texts]

    @property
    def closes(self) -> list[int]:
        return [m["code"] for m in self.sent if m["type"] == "websocket.close"]

    async def until_sent(self, kind: str) -> AsgiMessage:
        await until(lambda: kind in self.kinds or self.task.done(), f"{kind}, sent {self.sent}")
        if self.task.done():
            self.task.result()
        return next(message for message in self.sent if message["type"] == kind)

    async def frame(self, kind: str) -> AsgiMessage:
        def there() -> bool:
            return any(frame["type"] == kind for frame in self.frames)

        await until(lambda: there() or self.task.done(), f"{kind}, sent {self.sent}")
        return next(frame for frame in self.frames if frame["type"] == kind)

    async def done(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.task


async def get(app: Any, path: str, **more: Any) -> tuple[int, AsgiMessage, bytes]:
    """One HTTP call: status, headers, body."""
    call = Call(app, scope("http", path, **more))
    call.put("http.request", body=b"", more_body=False)
    await call.done()
    start = call.sent[0]
    headers = {key.decode(): value.decode("latin-1") for key, value in start["headers"]}
    return start["status"], headers, b"".join(m.get("body", b"") for m in call.sent[1:])


async def connect(app: Any, path: str = "/collabchat/ws", **more: Any) -> Call:
    """A socket that is welcome."""
    call = Call(app, scope("websocket", path, **more))
    call.put("websocket.connect")
    await call.until_sent("websocket.accept")
    call.say({"type": "hello", "token": "ann"})
    await call.frame("welcome")
    return call


class Lifespan(Call):
    def __init__(self, app: Any, state: AsgiMessage | None = None) -> None:
        super().__init__(
            app, {"type": "lifespan", "asgi": {}, "state": {} if state is None else state}
        )

    async def start(self) -> AsgiMessage:
        self.put("lifespan.startup")
        await until(lambda: self.sent or self.task.done(), "an answer to startup")
        return self.sent[0]

    async def stop(self) -> AsgiMessage:
        self.put("lifespan.shutdown")
        await self.done()
        return self.sent[-1]
