"""What uvicorn runs here: a bare loop of sends, and CollabChat, both under the same commands.

`GET /run` feeds events to whoever is connected and tells what that cost this process; `GET /rss`
tells how large it is. Environment: `BENCH_BATCH_SECONDS` (`Timing.batch_seconds`), `BENCH_PARSES`
(the bare loop parses what it relays), `BENCH_REDIS` (the URL of the plain reader's Redis),
`BENCH_GC` (what `gc.set_threshold` is given).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from redis.asyncio import Redis

from collabchat_asgi import CollabChat, CollabChatMiddleware, Timing
from collabchat_asgi.core.frames import encode_events
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.engine.pages.page import Page
from tests.benchmarks.material import (
    EPOCH,
    ROOMY,
    TENANT,
    UNLIMITED,
    authenticate,
    event,
    stamped_id,
)

PAGE = "https://example.org/articles/2026/how-it-works"


class Bare:
    """`for send in members: await send(message)`: the floor of whatever only uses ASGI's `send`.

    A text that somebody sends goes to all on the same path; parsed first where `parses`.
    """

    def __init__(self, parses: bool) -> None:
        self.parses = parses
        self.rooms: dict[str, dict[Any, None]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self.member(scope["path"], receive, send)
        elif scope["type"] == "http":
            await command(scope, send, self.run)

    async def member(self, path: str, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.rooms.setdefault(path, {})[send] = None
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                del self.rooms[path][send]
                return
            if self.parses:
                json.loads(message["text"])
            await self.said(path, message["text"])

    async def said(self, path: str, text: str) -> None:
        relayed = {"type": "websocket.send", "text": text}
        for other in self.rooms[path]:
            await other(relayed)

    async def run(self, events: int, batch: int, pause: float, body: int) -> dict[str, float]:
        members = [send for room in self.rooms.values() for send in room]
        texts = [as_text(event(seq)) for seq in range(1, events + 1)]
        meter = Meter()
        for start in range(0, events, batch):
            for text in texts[start : start + batch]:
                told = as_text(stamped(start, body)) if body else text
                message = {"type": "websocket.send", "text": told}
                for send in members:
                    await send(message)
            await asyncio.sleep(pause)
        await drained(members)
        return meter.read(events, len(members))


class PlainReader(Bare):
    """The same for several processes: what somebody sends goes into Redis, and one reader in each
    process brings it to its members."""

    def __init__(self, url: str) -> None:
        super().__init__(parses=True)
        self.redis: Redis = Redis.from_url(url)
        self.pubsub = self.redis.pubsub()
        self.reading: asyncio.Task[None] | None = None

    async def member(self, path: str, receive: Any, send: Any) -> None:
        if path not in self.rooms:
            self.rooms[path] = {}
            await self.pubsub.subscribe(path)
        if self.reading is None:
            self.reading = asyncio.create_task(self.read())
        await super().member(path, receive, send)

    async def said(self, path: str, text: str) -> None:
        await self.redis.publish(path, text)

    async def read(self) -> None:
        async for message in self.pubsub.listen():
            if message["type"] == "message":
                await super().said(message["channel"].decode(), message["data"].decode())


class Ours:
    """The page of `PAGE`, fed with events as if they had been committed."""

    def __init__(self, collab: CollabChat) -> None:
        self.engine = collab._engine

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await command(scope, send, self.run)

    async def run(self, events: int, batch: int, pause: float, body: int) -> dict[str, float]:
        page = self.engine.services.pages.get(PageKey(TENANT, PAGE))
        assert page is not None
        assert len(page.viewers) == len(self.engine.services.door.connections)
        first = page.position.seq + 1
        made = [] if body else [event(seq) for seq in range(first, first + events)]
        meter = Meter()
        for start in range(0, events, batch):
            if body:
                page.accept(EPOCH, [stamped(first + start + n, body) for n in range(batch)])
            else:
                page.accept(EPOCH, made[start : start + batch])
            await asyncio.sleep(pause)
            while not body and len(page._live) < len(page.viewers):  # noqa: ASYNC110
                await asyncio.sleep(0.001)  # the page does not tell
        if not body:
            await drained(viewer.outbox.send for viewer in page.viewers)
        told = {"frames": float(frames_of(page, first)), "live": float(len(page._live))}
        return meter.read(events, len(page.viewers)) | told


class Meter:
    """CPU and time of this process from now on."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.monotonic()

    def read(self, events: int, members: int) -> dict[str, float]:
        return {
            "cpu": time.process_time() - self.cpu,
            "wall": time.monotonic() - self.wall,
            "events": events,
            "deliveries": events * members,
        }


def stamped(seq: int, body: int) -> Any:
    """An event of `body` characters of three bytes that says when it was made."""
    return event(seq, broadcast_id=stamped_id(time.monotonic_ns()), body="€" * body)


def as_text(one: Any) -> str:
    return encode_events(PAGE, EPOCH, one.seq, one.seq, [one]).decode()


def frames_of(page: Page, first: int) -> int:
    """Frames since number `first`, as far as the ring goes back."""
    return sum(frame.last >= first for frame in page._ring._frames) if page._ring else 0


async def drained(members: Iterable[Any]) -> None:
    """Return when the servers' buffers are empty: everything is in the kernel."""
    transports = [send.__self__.transport for send in members]
    while any(transport.get_write_buffer_size() for transport in transports):  # noqa: ASYNC110
        await asyncio.sleep(0.002)  # servers do not tell


async def command(scope: Any, send: Any, run: Callable[..., Any]) -> None:
    query = dict(parse_qsl(scope["query_string"].decode()))
    if scope["path"] == "/run":
        answer = await run(
            int(query["events"]),
            int(query.get("batch", 1)),
            float(query.get("pause", 0)),
            int(query.get("body", 0)),
        )
    else:
        answer = {"rss": rss(), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def rss() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def make_ours() -> CollabChatMiddleware:
    collab = CollabChat(
        authenticate=authenticate,
        limits=UNLIMITED,
        tuning=ROOMY,
        timing=Timing(
            batch_seconds=float(os.environ.get("BENCH_BATCH_SECONDS", "0.1")),
            # What `Ours.run` feeds is in no storage: a sweep would take it for a rollback.
            sweep_seconds=float(os.environ.get("BENCH_SWEEP_SECONDS", "3600")),
        ),
    )
    return CollabChatMiddleware(Ours(collab), collab=collab)


if rarely := os.environ.get("BENCH_GC"):
    gc.set_threshold(*map(int, rarely.split()))
bare = Bare(bool(os.environ.get("BENCH_PARSES")))
plain_reader = PlainReader(os.environ.get("BENCH_REDIS", "redis://127.0.0.1"))
ours = make_ours()
