"""What is served to everyone: the browser's modules, health, and why a WebSocket did not come."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.frames import encode
from ..errors import Refused
from .exchange import Answer, Exchange
from .static import StaticFile


def resource(exchange: Exchange, static: Mapping[str, StaticFile], path: str) -> Answer:
    """Answer a path that is not below `v1/`. Raises `Refused`."""
    match path:
        case "ws":
            return _upgrade_hint(exchange)
        case "health":
            if exchange.method not in ("GET", "HEAD"):
                return Answer.only("GET", "HEAD")
            healthy, report = exchange.engine.health()
            body = encode(report).encode()
            return Answer(200 if healthy else 503, {"cache-control": "no-store"}, body)
        case "drain":
            return _drain(exchange)
        case "usage":
            path = "usage.html"
    file = static.get(path)
    if file is None:
        raise Refused("not-found", "there is nothing here")
    return _file(exchange, file)


def _file(exchange: Exchange, file: StaticFile) -> Answer:
    if exchange.method not in ("GET", "HEAD"):
        return Answer.only("GET", "HEAD")
    headers = {
        "etag": file.etag,
        # A module script from another origin is fetched with CORS; there is nothing secret in it.
        "access-control-allow-origin": "*",
        "cache-control": "public, no-cache",
        "vary": "Accept-Encoding",
        "content-type": file.content_type,
        "x-content-type-options": "nosniff",
    }
    if exchange.has(file.etag):
        return Answer(304, headers)
    for coding, body in file.encoded.items():
        if exchange.accepts(coding):
            return Answer(200, headers | {"content-encoding": coding}, body)
    return Answer(200, headers, file.body)


def _drain(exchange: Exchange) -> Answer:
    """For a preStop hook: this process sends its clients away."""
    if exchange.method != "POST":
        return Answer.only("POST")
    exchange.check_json()
    if not exchange.gate.may_drain(exchange.scope):
        raise Refused("forbidden", "only from this machine, or with drain_token")
    engine = exchange.engine
    seconds = engine.timing.drain_seconds
    if not engine.draining:
        engine.supervisor.once("drain", engine.drain(seconds))
    answer = {"connections": len(engine.connections), "seconds": seconds}
    return Answer(202, {"cache-control": "no-store"}, encode(answer).encode())


def _upgrade_hint(exchange: Exchange) -> Answer:
    """Why a WebSocket did not come about, for whoever fetches its address (section 8)."""
    if exchange.method != "GET":
        return Answer.only("GET")
    refusal = exchange.gate.refusal(exchange.scope)
    if refusal is not None:
        hint = refusal
    elif "websocket" in exchange.headers.get("upgrade", "").lower():
        hint = (
            "this server has no WebSocket library: pip install 'uvicorn[standard]', "
            "or start the app with an ASGI server that has one"
        )
    else:
        hint = (
            "this is a WebSocket address. If a browser's WebSocket ends up here, a proxy has "
            "dropped the Upgrade header (nginx: proxy_http_version 1.1, proxy_set_header "
            "Upgrade $http_upgrade, proxy_set_header Connection upgrade)"
        )
    headers = {
        "upgrade": "websocket",
        "access-control-allow-origin": "*",
        "cache-control": "no-store",
    }
    error = {"code": "unsupported", "message": hint, "retry": False}
    return Answer(426, headers, encode(error).encode())
