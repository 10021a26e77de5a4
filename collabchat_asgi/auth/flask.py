"""The session of Flask and Quart."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import sync_to_async

from ..errors import ConfigError, Denied
from ..hooks import ConnectRequest
from .session import Authenticate, Identify, signed_in


def flask_session(app: Any, identify: Identify) -> Authenticate:
    """An `authenticate` hook for Flask's and Quart's session: the signed cookie that they have by
    themselves, or whatever `app.session_interface` keeps on the server.

    `identify` makes an identity of the session, or None where nobody is signed in. It is read anew
    every `Timing.revalidate_seconds` for who is connected: a session that was cleared on the server
    or is past `app.permanent_session_lifetime` ends the socket. A signed cookie that the host keeps
    no record of stays good until then: call `await collab.revoke(user_id=…)` at logout.
    """

    async def authenticate(request: ConnectRequest) -> Any:
        interface = app.session_interface
        if hasattr(interface, "get_signing_serializer"):
            session = _signed(app, request)
        elif iscoroutinefunction(interface.open_session):
            session = await _opened_by_quart(app, request)
        else:
            session = await sync_to_async(_opened_by_flask, thread_sensitive=False)(app, request)
        return signed_in(identify(session))

    return authenticate


def _signed(app: Any, request: ConnectRequest) -> Mapping[str, Any]:
    serializer = app.session_interface.get_signing_serializer(app)
    if serializer is None:
        raise ConfigError("the app has no secret key: set app.secret_key")
    cookie = request.cookies.get(app.config["SESSION_COOKIE_NAME"], "")
    lifetime = int(app.permanent_session_lifetime.total_seconds())
    try:
        session: Mapping[str, Any] = serializer.loads(cookie, max_age=lifetime)
    except Exception as error:
        # itsdangerous raises BadSignature; a cookie of garbage raises whatever it likes.
        raise Denied("sign in first") from error
    return session


def _cookie(request: ConnectRequest) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in request.cookies.items())}


def _opened_by_flask(app: Any, request: ConnectRequest) -> Mapping[str, Any]:
    environ = app.test_request_context("/", headers=_cookie(request))
    session = app.session_interface.open_session(app, environ.request)
    return _known(session)


async def _opened_by_quart(app: Any, request: ConnectRequest) -> Mapping[str, Any]:
    environ = app.test_request_context("/", headers=_cookie(request))
    return _known(await app.session_interface.open_session(app, environ.request))


def _known(session: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if session is None:
        raise ConfigError("the app has no session: set what its session_interface needs")
    return session
