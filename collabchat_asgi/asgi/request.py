"""What a scope says about who is there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Literal
from urllib.parse import parse_qsl

from ..core.frames import BEARER_SUBPROTOCOL, SUBPROTOCOL
from ..hooks import ConnectRequest
from .addresses import parse

Scope = Mapping[str, Any]

LISTS = {
    "cookie": "; ",
    "accept-encoding": ", ",
    "connection": ", ",
    "forwarded": ", ",
    "if-none-match": ", ",
    "upgrade": ", ",
    "x-forwarded-for": ", ",
}
"""Headers that may be one list over several lines, and what stands between its items."""


def headers_of(scope: Scope) -> dict[str, str]:
    """Lower-case names; of a name that comes twice, the first value, unless it is a list.

    In one pass, however many there are: servers bound their size and not their number."""
    found: dict[str, list[str]] = {}
    for raw_name, raw_value in scope.get("headers", ()):
        found.setdefault(raw_name.decode("latin-1").lower(), []).append(raw_value.decode("latin-1"))
    return {
        name: LISTS[name].join(values) if name in LISTS else values[0]
        for name, values in found.items()
    }


def header_bytes(scope: Scope) -> int:
    return sum(len(name) + len(value) for name, value in scope.get("headers", ()))


def header_values(scope: Scope, name: str) -> list[str]:
    """Every value of a header, in order."""
    wanted = name.encode("latin-1")
    return [
        value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == wanted
    ]


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for part in headers.get("cookie", "").split(";"):
        name, separator, value = part.strip().partition("=")
        if not separator:
            continue
        if value.startswith('"'):
            try:
                parsed = SimpleCookie(f"x={value}")
                value = parsed["x"].value if "x" in parsed else value
            except CookieError:
                continue
        cookies.setdefault(name, value)
    return cookies


def query_of(scope: Scope, errors: Literal["replace", "strict"] = "replace") -> dict[str, str]:
    """The first value of each name. Raises `UnicodeDecodeError` where it is not UTF-8, with
    `strict`."""
    text = scope.get("query_string", b"").decode("utf-8", errors)
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors=errors):
        query.setdefault(name, value)
    return query


def subprotocols_of(scope: Scope) -> list[str]:
    """Split by comma here, since some servers hand over the header as it came."""
    offered = [part for item in scope.get("subprotocols", ()) for part in item.split(",")]
    return [part.strip() for part in offered if part.strip()]


def bearer_subprotocol(offered: list[str]) -> str | None:
    """The token that travels as a subprotocol (PROTOCOL section 3), if it is one."""
    for name in offered:
        if name.startswith(BEARER_SUBPROTOCOL):
            encoded = name.removeprefix(BEARER_SUBPROTOCOL)
            try:
                padded = encoded + "=" * (-len(encoded) % 4)
                return base64.urlsafe_b64decode(padded).decode()
            except (binascii.Error, ValueError):
                return None
    return None


def speaks(offered: list[str]) -> bool:
    """Whether a client that offers these has a protocol version in common with us."""
    versions = [name for name in offered if name.startswith("collabchat.v")]
    return not versions or SUBPROTOCOL in versions


def connect_request(
    scope: Scope,
    *,
    address: str | None,
    tenant_id: str | None,
    token: str | None,
    visitor_id: str | None,
) -> ConnectRequest:
    """`address` is the client's, as far as trusted proxies tell."""
    headers = headers_of(scope)
    return ConnectRequest(
        tenant_id=tenant_id,
        token=token,
        visitor_id=visitor_id,
        cookies=cookies_of(headers),
        headers=headers,
        query=query_of(scope),
        client=_client(scope, address),
        scope=scope,
    )


def _client(scope: Scope, address: str | None) -> tuple[str, int] | None:
    """With the port where no proxy is in between, and otherwise 0."""
    host, port = scope.get("client") or ("", 0)
    if address is None:
        return (str(host), int(port)) if host else None
    return address, int(port) if str(parse(str(host))) == address else 0


def path_of(scope: Scope) -> str:
    """The path below `root_path`, which is stripped only where it is a true prefix: some
    frameworks set one that the path does not begin with (Starlette #2599)."""
    path: str = scope.get("path", "")
    root: str = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(root + "/"):
        return path[len(root) :]
    return path
