"""What is not ours reaches the host as if we were not there: random scopes through each host, bare
and wrapped, must give the same messages and the same exceptions."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest

from collabchat_asgi import CollabChat, CollabChatMiddleware
from collabchat_asgi.auth import anonymous

HOSTS = ("fastapi", "starlette", "quart", "flask", "django", "litestar")
SCOPES = 1_000 if os.environ.get("TESTS_LONG") else 300
PATHS = (
    *("/", "/echo", "/state", "/ws") * 4,
    *("/nothing", "", "/%2e%2e/", "/ünïcode", "/collabchat"),
    *("/collabchatty/ws", "//collabchat/ws", "/x/collabchat/ws", "/Collabchat/ws", "/collab"),
)
SOCKET_PATHS = (*PATHS, "/collabchat/", "/collabchat/ws/", "/collabchat/wss", "/collabchat/v1/ops")
HEADERS = (
    (b"host", b"example.com"),
    (b"host", b"example.com/collabchat/ws?"),
    (b"origin", b"https://evil.example"),
    (b"content-type", b"application/json"),
    (b"cookie", b"session=x; sid=y"),
    (b"accept-encoding", b"gzip"),
    (b"x-odd", bytes(range(128, 256))),
)

Json = dict[str, Any]


def a_scope(random: random.Random) -> tuple[Json, list[Json]]:
    """A scope, and what its client says before it leaves."""
    kind = random.choice(("http", "http", "websocket"))
    path = random.choice(PATHS if kind == "http" else SOCKET_PATHS)
    scope: Json = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": random.choice(("", "", "", "", "", "/proxy", "/coll")),
        "query_string": random.choice((b"", b"a=1&a=2", b"%ff=%00", b"token=x")),
        "headers": random.sample(HEADERS, random.randrange(len(HEADERS))),
        "client": random.choice((("127.0.0.1", 5), None)),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }
    if kind == "websocket":
        scope["subprotocols"] = random.choice(([], ["collabchat.v1"]))
        texts = [f"text {number}" for number in range(random.randrange(4))]
        frames = [{"type": "websocket.receive", "text": text} for text in texts]
        left = {"type": "websocket.disconnect", "code": 1001}
        return scope, [{"type": "websocket.connect"}, *frames, left]
    scope["method"] = random.choice(("GET", "POST", "HEAD", "OPTIONS", "PUT", "BREW"))
    parts = [random.randbytes(random.randrange(100)) for _ in range(random.randrange(1, 4))]
    body = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    body[-1]["more_body"] = False
    return scope, body


async def talk(app: Any, scope: Json, said: list[Json]) -> list[Any]:
    """All that the app sends, and what it raises."""
    heard: list[Any] = []
    waiting = iter(said)

    async def receive() -> Json:
        message = next(waiting, None)
        if message is None:
            await asyncio.get_running_loop().create_future()  # nothing comes any more
        assert message is not None
        return message

    async def send(message: Json) -> None:
        heard.append(message)

    try:
        async with asyncio.timeout(5):
            await app(scope, receive, send)
    except TimeoutError:
        heard.append("does not end")
    except Exception as error:
        heard.append((type(error), str(error)))
    return heard


@asynccontextmanager
async def living(app: Any) -> AsyncIterator[Json]:
    """The app between its startup and its shutdown; the state that it has made."""
    said: asyncio.Queue[Json] = asyncio.Queue()
    heard: asyncio.Queue[Json] = asyncio.Queue()
    state: Json = {}
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    task = asyncio.ensure_future(app(scope, said.get, heard.put))
    said.put_nowait({"type": "lifespan.startup"})
    async with asyncio.timeout(5):
        assert (await heard.get())["type"] == "lifespan.startup.complete"
    yield state
    said.put_nowait({"type": "lifespan.shutdown"})
    async with asyncio.timeout(5):
        assert (await heard.get())["type"] == "lifespan.shutdown.complete"
        await task


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of asgiref's spooled bodies
@pytest.mark.parametrize("host", HOSTS)
async def test_random_scopes(host: str) -> None:
    bare = import_module(f"tests.hosts.{host}_app").bare
    collab = CollabChat(authenticate=anonymous(), storage="memory://")
    wrapped = CollabChatMiddleware(bare, collab=collab)
    tape = random.Random(host)
    different = []
    async with living(wrapped) as state:
        for _ in range(SCOPES):
            scope, said = a_scope(tape)
            alone = await talk(bare, {**scope, "state": state.copy()}, said)
            with_us = await talk(wrapped, {**scope, "state": state.copy()}, said)
            if alone != with_us:
                different.append((scope, said, alone, with_us))
    assert not different, f"{len(different)} of {SCOPES}, such as {different[0]}"


@pytest.mark.parametrize("host", ["fastapi", "starlette", "quart", "litestar"])
async def test_the_state_of_the_lifespan_reaches_requests(host: str) -> None:
    bare = import_module(f"tests.hosts.{host}_app").bare
    collab = CollabChat(authenticate=anonymous(), storage="memory://")
    wrapped = CollabChatMiddleware(bare, collab=collab)
    scope, said = a_scope(random.Random(0))
    about = {"type": "http", "method": "GET", "path": "/state", "root_path": "", "headers": []}
    async with living(wrapped) as state:
        heard = await talk(wrapped, {**scope, **about, "state": state.copy()}, said)
    assert heard[0]["status"] == 200
    assert b"42" in heard[1]["body"]
