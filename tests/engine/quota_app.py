"""A host whose quotas stand in `QUOTAS`, a table by tenant; the token is a name and a tenant."""

import json
import os
from typing import Any

from collabchat_asgi import (
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Identity,
    Limits,
    Quota,
    Timing,
)


async def authenticate(request: ConnectRequest) -> Identity:
    name, _, tenant = (request.token or "nobody@acme").partition("@")
    return Identity(name, tenants={tenant: "admin"})


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """There is no other page."""


app = CollabChatMiddleware(
    nothing,
    collab=CollabChat(
        authenticate=authenticate,
        quota={name: Quota(**quota) for name, quota in json.loads(os.environ["QUOTAS"]).items()},
        limits=Limits(comments_per_minute=1_000_000, operations_per_second=1_000_000),
        timing=Timing(usage_flush_seconds=0.5, hook_seconds=60.0),
    ),
)
