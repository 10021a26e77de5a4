"""What a request costs that is not ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from collabchat_asgi import CollabChat, CollabChatMiddleware
from tests.benchmarks.material import authenticate
from tests.benchmarks.report import Row, median, progress

CALLS = 200_000

HTTP = {
    "type": "http",
    "method": "GET",
    "path": "/articles/2026/how-it-works",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"host", b"example.org"), (b"accept", b"*/*")],
}
SCOPES = {
    "HTTP": HTTP,
    "HTTP, root_path set": HTTP | {"root_path": "/app", "path": "/app/articles"},
    "WebSocket": HTTP | {"type": "websocket", "path": "/chat/ws"},
}


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """The host's app, as short as can be."""


async def seconds(app: Any, scope: Any) -> float:
    started = time.process_time()
    for _ in range(CALLS):
        await app(scope, None, None)
    return time.process_time() - started


def rows(rounds: int) -> Iterator[Row]:
    collab = CollabChat(authenticate=authenticate, storage="memory://")
    wrapped = CollabChatMiddleware(inner, collab=collab)
    for name, scope in SCOPES.items():
        progress(f"pass-through: {name}")
        added, bare = [], []
        for _ in range(rounds):
            without = asyncio.run(seconds(inner, scope))
            added.append((asyncio.run(seconds(wrapped, scope)) - without) / CALLS * 1e6)
            bare.append(without / CALLS * 1e6)
        micros = median(added)
        yield Row(
            f"not ours, {name}",
            f"+{micros:.2f} µs a call (bare call {median(bare):.2f})",
            "≤ 0.5 µs",
            micros <= 0.5,
            f"{CALLS:,} calls × {rounds}",
        )
