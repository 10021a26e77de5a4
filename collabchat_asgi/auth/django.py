"""Django's session and user."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from asgiref.sync import sync_to_async

from ..core.rules import Role
from ..hooks import ConnectRequest, Identity
from .session import Authenticate, signed_in


def django_user(
    tenant: str = "default", identify: Callable[[Any], Identity | None] | None = None
) -> Authenticate:
    """An `authenticate` hook for Django's session and user.

    `identify` makes an identity of the user, or None; by default everyone who is signed in
    comments, staff moderates, and superusers are admins. The ORM runs in Django's own thread, whose
    database connections are given back as after a request.

    The session is read anew every `Timing.revalidate_seconds` for who is connected: a logout, a
    changed password, an expired session or a user made inactive ends the socket.
    """

    def find(request: ConnectRequest) -> Identity | None:
        from django.conf import settings
        from django.contrib.auth import get_user

        engine = import_module(settings.SESSION_ENGINE)
        cookie = request.cookies.get(settings.SESSION_COOKIE_NAME)
        session = _Session(engine.SessionStore(cookie).items())
        user = get_user(SimpleNamespace(session=session))
        if not user.is_authenticated or not user.is_active:
            return None
        return identify(user) if identify else _identity_of(user, tenant)

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


class _Session(dict[str, Any]):
    """A session that is only looked at. Django would give one that was signed with a key of
    `SECRET_KEY_FALLBACKS` another id, of which no cookie of ours tells the browser."""

    def cycle_key(self) -> None:
        """The next response of the host does."""

    def flush(self) -> None:
        """The same."""


def _identity_of(user: Any, tenant: str) -> Identity:
    role: Role = "admin" if user.is_superuser else "moderator" if user.is_staff else "commenter"
    name = user.get_full_name() or user.get_username()
    return Identity(str(user.pk), tenants={tenant: role}, name=name)
