"""Everyone may come in, each browser as somebody of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..core.rules import Role
from ..core.text import anonymous_id
from ..errors import Denied
from ..hooks import ConnectRequest, Identity


def anonymous(
    tenant: str = "default", *, role: Role = "commenter", name: str = "Anonymous"
) -> Callable[[ConnectRequest], Awaitable[Identity]]:
    """An `authenticate` hook that knows people by their browser's secret `visitorId` alone.

    Whoever clears the browser's storage is somebody else; nobody can pose as another.
    """

    async def authenticate(request: ConnectRequest) -> Identity:
        if not request.visitor_id:
            raise Denied("this page needs a visitorId: the client sends one by itself")
        return Identity(anonymous_id(tenant, request.visitor_id), tenants={tenant: role}, name=name)

    return authenticate
