"""Frames that are made once and written below uvicorn's `send`, on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Identity, Limits
from collabchat_asgi.asgi.quirks import abort_transport
from collabchat_asgi.asgi.wire import text_frame, wire_below
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.testing.operations import create_chat

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
KNOWN = ["websockets-sansio", "wsproto"]
PAGE = "page"
ANN = Identity("ann", tenants={"acme": "commenter"})
EVENTS = 60
CLOSES = 20 if os.environ.get("TESTS_LONG") else 5


@given(st.integers(0, 70_000))
@example(125)
@example(126)
@example(65_535)
@example(65_536)
def test_a_frame_is_what_a_library_would_make(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def authenticate(request: ConnectRequest) -> Identity:
    return Identity(request.token or "ann", tenants={"acme": "commenter"})


class Scene:
    """A server in this loop, so that a test sees both ends."""

    def __init__(self, collab: CollabChat, port: int) -> None:
        self.collab = collab
        self.port = port

    async def join(self, **options: Any) -> ClientConnection:
        client = await connect(f"ws://127.0.0.1:{self.port}/collabchat/ws", **options)
        await client.send(json.dumps({"type": "hello"}))
        await client.send(json.dumps({"type": "subscribe", "urlId": PAGE}))
        while json.loads(await client.recv())["type"] != "snapshot":
            pass
        return client

    async def submit(self, body: str) -> None:
        await self.collab.submit("acme", PAGE, create_chat(body), identity=ANN)

    @property
    def outboxes(self) -> list[Any]:
        return [each.outbox for each in self.collab._engine.services.door.connections.values()]

    @property
    def page(self) -> Any:
        return self.collab._engine.services.pages.get(PageKey("acme", PAGE))


@asynccontextmanager
async def serving(ws: str, *, deflate: bool = False, **limits: Any) -> AsyncIterator[Scene]:
    collab = CollabChat(
        authenticate=authenticate,
        storage="memory://",
        limits=Limits(comments_per_minute=10**6, operations_per_second=10**6, **limits),
    )

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("only what is ours is asked for")

    app = CollabChatMiddleware(nothing, collab=collab)
    config = uvicorn.Config(
        app, port=0, ws=ws, lifespan="off", log_level="error", ws_per_message_deflate=deflate
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # it does not tell
    try:
        yield Scene(collab, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await serving
        await collab.close()


def run(loop: str, test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(bounded())


async def events(client: ClientConnection, count: int) -> list[str]:
    """The bodies of the next `count` events, of which none is missing or out of order."""
    bodies: list[str] = []
    last = 0
    while len(bodies) < count:
        frame = json.loads(await client.recv())
        if frame["type"] == "ping":
            await client.send(json.dumps({"type": "pong", "n": frame["n"]}))
        if frame["type"] == "events":
            assert frame["first"] == (last or frame["first"] - 1) + 1
            last = frame["last"]
            bodies += [event["chat"]["comment"]["body"] for event in frame["events"]]
    return bodies


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("ws", KNOWN)
@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
def test_everybody_gets_everything_in_order(loop: str, ws: str, deflate: bool) -> None:
    async def test() -> None:
        bodies = [f"{n} " + "äß€😀"[n % 4] * (n * 37 % 1900) + "." for n in range(EVENTS)]
        async with serving(ws, deflate=deflate) as scene:
            clients = [await scene.join() for _ in range(3)]
            clients.append(await scene.join(compression=None))
            assert all(box.write is not None for box in scene.outboxes)
            # wsproto does not tell what the last one asked for.
            last = deflate and ws == "wsproto"
            assert [box.compresses for box in scene.outboxes] == [deflate] * 3 + [last]
            hearing = [asyncio.create_task(events(client, EVENTS)) for client in clients]
            for body in bodies:
                await scene.submit(body)
            assert await asyncio.gather(*hearing) == [bodies] * len(clients)
            for client in clients:
                await client.close()

    run(loop, test)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("ws", KNOWN)
def test_nothing_is_written_behind_a_close_frame(loop: str, ws: str) -> None:
    async def test() -> None:
        async with serving(ws) as scene:
            other = await scene.join()
            for _ in range(CLOSES):
                behind, flooded = await closed_in_a_flood(scene)
                assert flooded > 0
                assert behind == b""
            # It has read nothing of the flood, and would wait for its own close behind it.
            other.transport.abort()

    run(loop, test)


async def closed_in_a_flood(scene: Scene) -> tuple[bytes, int]:
    """What came behind the server's close frame, and how many frames before it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
    writer.write(
        b"GET /collabchat/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    for frame in ({"type": "hello"}, {"type": "subscribe", "urlId": PAGE}):
        writer.write(masked(0x81, json.dumps(frame).encode()))
    while b'"last":true' not in await reader.readuntil(b"}"):
        pass
    flooding = True

    async def flood() -> None:
        while flooding:
            scene.page._say('{"type":"flood"}', 16, scene.page.viewers)
            await asyncio.sleep(0)

    told = asyncio.create_task(flood())
    await asyncio.sleep(0)
    writer.write(masked(0x88, struct.pack("!H", 1000)))
    received = await reader.read()
    flooding = False
    await told
    writer.close()
    frames = 0
    while received:
        opcode, size = received[0] & 0x0F, received[1]
        head = 2 if size < 126 else 4
        length = size if size < 126 else int.from_bytes(received[2:4])
        received = received[head + length :]
        if opcode == 8:
            return received, frames
        frames += 1
    raise AssertionError("there was no close frame")


def masked(first: int, payload: bytes) -> bytes:
    mask = os.urandom(4)
    size = bytes([0x80 | len(payload)])
    return bytes([first]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("ws", KNOWN)
def test_a_reader_that_stops_is_not_buffered_for(loop: str, ws: str) -> None:
    async def test() -> None:
        async with serving(ws) as scene:
            client = await scene.join(compression=None, max_queue=1)
            [box] = scene.outboxes
            transport = box.send.__self__.transport
            most = 0
            for n in range(4_000):
                await scene.submit(f"{n} " + "x" * 1_900)
                most = max(most, transport.get_write_buffer_size())
                if not box.ready:
                    break
            assert not box.ready, "it was never made to wait"
            # uvicorn's own mark, what goes between two pings, and the frame that was one too many.
            assert most <= 64 * 1024 + 64 * 1024 + 4 * 1024
            client.transport.abort()

    run(loop, test)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("ws", KNOWN)
def test_a_connection_can_be_cut(loop: str, ws: str) -> None:
    async def test() -> None:
        async with serving(ws) as scene:
            client = await scene.join()
            [box] = scene.outboxes
            assert abort_transport(box.send)
            with pytest.raises(ConnectionClosedError):
                await events(client, 1)

    run(loop, test)


def test_a_send_that_somebody_has_wrapped_is_all_there_is() -> None:
    class Protocol:
        transport = object()

        async def send(self, message: Any) -> None: ...

    async def wrapped(message: Any) -> None: ...

    assert wire_below(wrapped) is None
    assert wire_below(Protocol().send) is None
    assert not abort_transport(wrapped)
    assert not abort_transport(Protocol().send)
