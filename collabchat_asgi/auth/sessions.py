"""The session that the host's own login has made."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from asgiref.sync import sync_to_async

from ..core.rules import Role
from ..errors import ConfigError, Denied
from ..hooks import ConnectRequest, Identity

logger = logging.getLogger("collabchat_asgi.auth")

Authenticate = Callable[[ConnectRequest], Awaitable[Identity]]
Identify = Callable[[Mapping[str, Any]], Identity | None]


def starlette_session(identify: Identify) -> Authenticate:
    """An `authenticate` hook for the `scope["session"]` of Starlette's and FastAPI's
    `SessionMiddleware`, and of Litestar's where `CollabChat` is mounted behind it.

    `identify` makes an identity of the session, or None where nobody is signed in. The session
    exists only inside its middleware, so ours is added first: the last one added is outermost.
    """

    async def authenticate(request: ConnectRequest) -> Identity:
        session = request.scope.get("session")
        if session is None:
            raise ConfigError(
                "there is no session yet: add CollabChatMiddleware before SessionMiddleware "
                "(the middleware that is added last runs first)"
            )
        return signed_in(identify(session))

    return authenticate


def flask_session(app: Any, identify: Identify) -> Authenticate:
    """An `authenticate` hook for Flask's and Quart's signed session cookie.

    `identify` makes an identity of the session, or None where nobody is signed in.
    """

    async def authenticate(request: ConnectRequest) -> Identity:
        interface = app.session_interface
        serializer = interface.get_signing_serializer(app)
        if serializer is None:
            raise ConfigError("the app has no secret key: set app.secret_key")
        cookie = request.cookies.get(app.config["SESSION_COOKIE_NAME"], "")
        lifetime = int(app.permanent_session_lifetime.total_seconds())
        try:
            session = serializer.loads(cookie, max_age=lifetime)
        except Exception as error:
            # itsdangerous raises BadSignature; a cookie of garbage raises whatever it likes.
            raise Denied("sign in first") from error
        return signed_in(identify(session))

    return authenticate


def django_user(
    tenant: str = "default", identify: Callable[[Any], Identity | None] | None = None
) -> Authenticate:
    """An `authenticate` hook for Django's session and user.

    `identify` makes an identity of the user, or None; by default everyone who is signed in
    comments, staff moderates, and superusers are admins. The ORM runs in Django's own thread, whose
    database connections are given back as after a request.
    """

    def find(request: ConnectRequest) -> Identity | None:
        from django.conf import settings
        from django.contrib.auth import get_user

        engine = import_module(settings.SESSION_ENGINE)
        cookie = request.cookies.get(settings.SESSION_COOKIE_NAME)
        user = get_user(SimpleNamespace(session=engine.SessionStore(cookie)))
        if not user.is_authenticated or not user.is_active:
            return None
        return identify(user) if identify else _django_identity(user, tenant)

    def load(request: ConnectRequest) -> Identity | None:
        from django.db import close_old_connections

        close_old_connections()
        try:
            return find(request)
        finally:
            close_old_connections()

    in_django = sync_to_async(load, thread_sensitive=True)

    async def authenticate(request: ConnectRequest) -> Identity:
        return signed_in(await in_django(request))

    return authenticate


def _django_identity(user: Any, tenant: str) -> Identity:
    role: Role = "admin" if user.is_superuser else "moderator" if user.is_staff else "commenter"
    name = user.get_full_name() or user.get_username()
    return Identity(str(user.pk), tenants={tenant: role}, name=name)


def signed_in(identity: Identity | None) -> Identity:
    if identity is None:
        raise Denied("sign in first")
    return identity
