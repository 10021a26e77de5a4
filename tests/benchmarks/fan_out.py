"""What a delivery costs besides the server's `send`, on a transport that does nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from collabchat_asgi import Timing, Tuning
from collabchat_asgi.asgi.wire import TextMessage
from collabchat_asgi.core.frames import encode_events
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.core.pace import Pace
from collabchat_asgi.core.usage import Tally
from collabchat_asgi.engine.clock import SystemClock
from collabchat_asgi.engine.delivery.outbox import Outbox
from collabchat_asgi.engine.delivery.viewer import Viewer
from collabchat_asgi.engine.measuring.counts import Counts
from collabchat_asgi.engine.pages.page import Page
from tests.benchmarks.material import EPOCH, TENANT, event, identity
from tests.benchmarks.report import Row, median, progress

SOCKETS = 1_000
EVENTS = 200
CONFIRM_EVERY = 50
"""Events between two pongs of each client: less than 64 KiB, as a browser's would come."""


class NullSocket:
    """A `send` as servers have it: a bound coroutine method that does not wait."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, message: Any) -> None:
        self.sent += 1

    def give_up(self, *_: Any, **__: Any) -> None:
        raise AssertionError("nobody is to be closed here")


def a_page() -> Page:
    def replay(viewer: Viewer) -> None:
        raise AssertionError("nobody falls behind here")

    clock, tuning, timing = SystemClock(), Tuning(), Timing()
    page = Page(
        PageKey(TENANT, "page"),
        "t",
        Tally(),
        clock,
        tuning,
        Pace(0.0),
        TextMessage,
        replay,
        Counts(),
    )
    for n in range(SOCKETS):
        socket = NullSocket()
        outbox = Outbox(socket.send, TextMessage, socket, clock, tuning, timing)
        viewer = Viewer(page, outbox, identity(f"user-{n}"), n)
        page.add(viewer)
        page.begin(viewer, can=[])
    assert len(page._live) == SOCKETS
    return page


async def bare_loop() -> float:
    members = [NullSocket().send for _ in range(SOCKETS)]
    texts = [encode_events("page", EPOCH, n, n, [event(n)]).decode() for n in range(1, EVENTS + 1)]
    started = time.process_time()
    for text in texts:
        message = {"type": "websocket.send", "text": text}
        for send in members:
            await send(message)
    return time.process_time() - started


async def ours() -> float:
    """Encoding, ring, accounting and the clients' pongs included."""
    page = a_page()
    made = [event(n) for n in range(1, EVENTS + 1)]
    started = time.process_time()
    for one in made:
        page.accept(EPOCH, [one])
        if one.seq % CONFIRM_EVERY == 0:
            for viewer in page.viewers:
                pings = viewer.outbox.window._pings
                if pings:
                    viewer.outbox.ponged(pings[-1][0])
    spent = time.process_time() - started
    assert page.tally.deliveries == EVENTS * SOCKETS
    assert len(page._live) == SOCKETS
    return spent


def rows(rounds: int) -> Iterator[Row]:
    progress("fan-out on a null transport")
    added, bare = [], []
    for _ in range(rounds):
        floor = asyncio.run(bare_loop())
        added.append((asyncio.run(ours()) - floor) / EVENTS / SOCKETS * 1e6)
        bare.append(floor / EVENTS / SOCKETS * 1e6)
    micros = median(added)
    yield Row(
        f"delivery, null transport, {SOCKETS:,} sockets, one event a frame",
        f"+{micros:.2f} µs (bare loop {median(bare):.2f})",
        "≤ 0.5 µs added",
        micros <= 0.5,
        f"{EVENTS * SOCKETS:,} deliveries × {rounds}",
    )
