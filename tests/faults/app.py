"""The host of the fault tests: ten lines and a token that says it all, `ann@acme:commenter`."""

import json
import os
from typing import Any

from collabchat_asgi import (
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Identity,
    Limits,
    Timing,
)

PLENTY = {
    "comments_per_minute": 1_000_000,
    "operations_per_second": 1_000_000,
    "frames_per_10_seconds": 1_000_000,
}


def authenticate(request: ConnectRequest) -> Identity:
    user, _, tenants = (request.token or "nobody@acme:reader").partition("@")
    tenant, _, role = tenants.partition(":")
    roles: dict[str, Any] = {tenant: role}
    return Identity(user, name=user.title(), tenants=roles)


async def host(scope: Any, receive: Any, send: Any) -> None:
    """Says which process it is."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


app = CollabChatMiddleware(
    host,
    collab=CollabChat(
        authenticate=authenticate,
        limits=Limits(**{**PLENTY, **json.loads(os.environ.get("FAULTS_LIMITS", "{}"))}),
        timing=Timing(**json.loads(os.environ.get("FAULTS_TIMING", "{}"))),
    ),
)
