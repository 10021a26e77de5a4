"""What the hooks for hosts' sessions have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..errors import Denied
from ..hooks import ConnectRequest, Identity

Authenticate = Callable[[ConnectRequest], Awaitable[Identity]]
Identify = Callable[[Mapping[str, Any]], Identity | None]


def signed_in(identity: Identity | None) -> Identity:
    """Raises `Denied` where nobody is."""
    if identity is None:
        raise Denied("sign in first")
    return identity
