"""What is served to everyone: the browser's modules, health, and why a WebSocket did not come."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ..core.frames import encode
from ..errors import Refused
from .exchange import Exchange
from .response import Response
from .static import StaticFile

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The Content-Security-Policy of the usage page."""


def resource(exchange: Exchange, static: Mapping[str, StaticFile], path: str) -> Response:
    """Answer a path that is not below `v1/`. Raises `Refused`."""
    match path:
        case "ws":
            return _upgrade_hint(exchange)
        case "health":
            if exchange.method not in ("GET", "HEAD"):
                return Response.only("GET", "HEAD")
            healthy, report = exchange.engine.running.numbers.health()
            if not exchange.gate.may_see_details(exchange.scope):
                report = _without_details(report)
            body = encode(report).encode()
            return Response(200 if healthy else 503, {"cache-control": "no-store"}, body)
        case "drain":
            return _drain(exchange)
        case "usage":
            path = "usage.html"
    file = static.get(path)
    if file is None:
        raise Refused("not-found", "there is nothing here")
    return _file(exchange, file)


def _file(exchange: Exchange, file: StaticFile) -> Response:
    if exchange.method not in ("GET", "HEAD"):
        return Response.only("GET", "HEAD")
    headers = {
        "etag": file.etag,
        # A module script from another origin is fetched with CORS; there is nothing secret in it.
        "access-control-allow-origin": "*",
        "cache-control": "public, no-cache",
        "vary": "Accept-Encoding",
        "content-type": file.content_type,
        "x-content-type-options": "nosniff",
    }
    if file.content_type.startswith("text/html"):
        headers["content-security-policy"] = PAGE
    if exchange.has(file.etag):
        return Response(304, headers)
    for coding, body in file.encoded.items():
        if exchange.accepts(coding):
            return Response(200, headers | {"content-encoding": coding}, body)
    return Response(200, headers, file.body)


def _drain(exchange: Exchange) -> Response:
    """For a preStop hook: this process sends its clients away."""
    if exchange.method != "POST":
        return Response.only("POST")
    exchange.check_json()
    if not exchange.gate.may_drain(exchange.scope):
        raise Refused(
            "forbidden",
            "set drain_token (COLLABCHAT_DRAIN_TOKEN), and send it as Authorization: Bearer",
        )
    services, door = exchange.services, exchange.services.door
    seconds = services.timing.drain_seconds
    if not door.draining:
        services.supervisor.once("drain", door.drain(seconds))
    answer = {"connections": len(door.connections), "seconds": seconds}
    return Response(202, {"cache-control": "no-store"}, encode(answer).encode())


def _upgrade_hint(exchange: Exchange) -> Response:
    """Why a WebSocket did not come about, for whoever fetches its address (section 8)."""
    if exchange.method not in ("GET", "HEAD"):
        return Response.only("GET", "HEAD")
    refusal = exchange.gate.refusal(exchange.scope) or _host_lost(exchange)
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
    return Response(426, headers, encode(error).encode())


def _host_lost(exchange: Exchange) -> str | None:
    """A page that fetches from its own site sends no Origin; its Referer names it. Where `Host`
    names another, a WebSocket of this page would be refused for its Origin, whatever `Upgrade` is.
    """
    if "origin" in exchange.headers or exchange.headers.get("sec-fetch-site") == "cross-site":
        return None
    page = urlsplit(exchange.headers.get("referer", ""))
    if page.scheme not in ("http", "https") or not page.netloc:
        return None
    return exchange.gate.origins.refusal_of(f"{page.scheme}://{page.netloc}", exchange.scope)


def _without_details(report: Mapping[str, object]) -> dict[str, object]:
    """Each reason by its first word: `storage`, `pubsub`, `draining`."""
    reasons = report["reasons"]
    assert isinstance(reasons, list)
    return {**report, "reasons": [str(reason).partition(":")[0] for reason in reasons]}
