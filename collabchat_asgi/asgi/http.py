"""One HTTP request below the prefix, from its path to its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.backend import unavailable
from ..engine.engine import Engine
from ..errors import Refused, StorageError
from .calls import PRIVATE, call
from .exchange import Exchange
from .gate import Gate
from .metrics import metrics
from .request import Scope
from .resources import resource
from .response import Response
from .static import StaticFile


async def serve_http(
    engine: Engine,
    gate: Gate,
    static: Mapping[str, StaticFile],
    path: str,
    scope: Scope,
    receive: Any,
    send: Any,
) -> None:
    """`path` begins below the prefix, without a slash."""
    exchange = Exchange(engine, gate, scope, receive, send)
    extra = _cors(exchange) if path.startswith("v1/") else {}
    try:
        if exchange.method == "POST":
            exchange.check_origin()
        if path == "metrics":
            answer = await metrics(exchange)
        elif not path.startswith("v1/"):
            answer = resource(exchange, static, path)
        elif exchange.method == "OPTIONS":
            if "access-control-allow-origin" not in extra:
                exchange.check_origin()
            answer = Response(204)
        else:
            exchange.check_query()
            answer = await call(exchange, path)
    except Refused as refusal:
        answer = Response.refused(refusal)
    except StorageError as error:
        gate.log.warning("answering", "answering %s failed: %s", path, error)
        answer = Response.refused(unavailable())
    answer.headers = extra | answer.headers
    await exchange.answer(answer)


def _cors(exchange: Exchange) -> dict[str, str]:
    headers = dict(PRIVATE)
    allowed = exchange.gate.origins.cors(exchange.scope)
    if allowed is not None:
        headers["access-control-allow-origin"], with_cookies = allowed
        if with_cookies:
            headers["access-control-allow-credentials"] = "true"
        headers["access-control-expose-headers"] = "ETag, Retry-After"
        if exchange.method == "OPTIONS":
            headers["access-control-allow-methods"] = "GET, POST"
            headers["access-control-allow-headers"] = (
                "authorization, content-type, if-none-match, x-collabchat-visitor"
            )
            headers["access-control-max-age"] = "600"
    return headers
