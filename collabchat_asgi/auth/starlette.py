"""The session that a middleware of Starlette, FastAPI or Litestar has put into the scope."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from ..errors import ConfigError, Denied
from ..hooks import ConnectRequest
from ..sparing_log import SparingLog
from .session import Authenticate, Identify, signed_in

logger = logging.getLogger("collabchat_asgi.auth")

AGAIN = "collabchat.session_again"
"""In the scope of a request that was made to read a session anew: a list for what was found."""

TURNED_AWAY = (301, 302, 303, 307, 308, 401, 403)
"""How a host answers a request of somebody whom it does not know."""


def starlette_session(identify: Identify) -> Authenticate:
    """An `authenticate` hook for the `scope["session"]` of Starlette's and FastAPI's
    `SessionMiddleware`, of server-side sessions, and of Litestar's where `CollabChat` is mounted
    behind it.

    `identify` makes an identity of the session, or None where nobody is signed in. The session
    exists only inside its middleware, so ours is added first: the last one added is outermost.

    Who is connected is asked about anew every `Timing.revalidate_seconds`. The host's own
    middleware then reads the session again, from a GET of the socket's own path with its headers:
    a session that was cleared on the server or is past its `max_age` ends the socket. A signed
    cookie that the host keeps no record of stays good until its `max_age`: call
    `await collab.revoke(user_id=…)` at logout.
    """

    log = SparingLog(logger)

    async def authenticate(request: ConnectRequest) -> Any:
        session = request.scope.get("session")
        if session is None:
            raise ConfigError(
                "there is no session yet: add CollabChatMiddleware before SessionMiddleware "
                "(the middleware that is added last runs first)"
            )
        if request.again and "app" in request.scope:
            session = await _read_again(request.scope, session, log)
        return signed_in(identify(session))

    return authenticate


def session_found(scope: MutableMapping[str, Any]) -> bool:
    """Whether this request was made to read its session. It has been noted then."""
    found = scope.get(AGAIN)
    if not isinstance(found, list):
        return False
    found.append(scope.get("session"))
    return True


async def _read_again(scope: Mapping[str, Any], before: Any, log: SparingLog) -> Any:
    """The session as the app's own middleware reads it now. Raises `Denied` where the app turns
    away who asks."""
    found: list[Any] = []
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    for root_path in _root_paths(scope):
        await scope["app"](_as_get(scope, root_path, found), receive, send)
        if found:
            break
    else:
        if any(status in TURNED_AWAY for status in statuses):
            raise Denied("sign in first")
        raise RuntimeError(f"the session could not be read again: the app answered {statuses}")
    if found[0] is None:
        # The session's middleware lies around the app, where no request of ours comes by.
        log.warning(
            "again",
            "a session cannot be read again, since its middleware lies outside of the app: a "
            "logout does not end sockets; add the middleware to the app, or call collab.revoke()",
        )
        return before
    return found[0]


def _root_paths(scope: Mapping[str, Any]) -> Iterator[str]:
    """Where `scope["app"]` may begin. It is the innermost app around us; which part of `root_path`
    leads to it, and which from it to us, nobody has written down."""
    outermost: str = scope.get("app_root_path", "")
    yield outermost
    whole: str = scope.get("root_path", "").rstrip("/")
    if whole.startswith(f"{outermost}/"):
        for name in whole.removeprefix(f"{outermost}/").split("/"):
            outermost = f"{outermost}/{name}"
            yield outermost


def _as_get(scope: Mapping[str, Any], root_path: str, found: list[Any]) -> dict[str, Any]:
    """The handshake as the plain request that it was before frameworks routed it."""
    raw = scope.get("raw_path") or scope["path"].encode()
    upgrade = (b"upgrade", b"connection")
    return {
        "type": "http",
        "asgi": scope.get("asgi", {"version": "3.0"}),
        "http_version": "1.1",
        "method": "GET",
        "scheme": {"ws": "http", "wss": "https"}.get(scope.get("scheme", "ws"), "http"),
        "path": unquote(raw.decode("latin-1")),
        "raw_path": raw,
        "root_path": root_path,
        "query_string": b"",
        "headers": [
            (name, value)
            for name, value in scope.get("headers", ())
            if name.lower() not in upgrade and not name.lower().startswith(b"sec-websocket-")
        ],
        "client": scope.get("client"),
        "server": scope.get("server"),
        "state": {},
        AGAIN: found,
    }
