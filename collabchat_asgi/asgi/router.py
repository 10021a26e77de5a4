"""Is this request ours, and what is it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.engine import Engine
from .gate import Gate
from .http import serve_http
from .request import Scope
from .static import StaticFile
from .websocket import WebSocket


def below(prefix: str, path: str) -> str | None:
    """What follows the prefix and a slash; None where the path is not below the prefix."""
    return path[len(prefix) + 1 :] if path.startswith(prefix + "/") else None


def is_ours(scope: Scope, path: str | None) -> bool:
    """A WebSocket is ours at `ws` alone; every HTTP path below the prefix is."""
    if path is None:
        return False
    return scope["type"] == "http" or (scope["type"] == "websocket" and path == "ws")


async def route(
    engine: Engine,
    gate: Gate,
    static: Mapping[str, StaticFile],
    path: str,
    scope: Any,
    receive: Any,
    send: Any,
) -> None:
    if scope["type"] == "websocket":
        await WebSocket(engine.services, gate, scope, receive, send).serve()
    else:
        await serve_http(engine, gate, static, path, scope, receive, send)
