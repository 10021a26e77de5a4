"""A host for the client in Node: the token is the name, and `/stumble/…` is a page whose first
operation meets a host that is away."""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Denied,
    Identity,
    Timing,
    Tuning,
    default_policy,
)

stumbled: set[str] = set()


def authenticate(request: ConnectRequest) -> Identity:
    if not request.token:
        raise Denied("sign in first")
    return Identity(request.token, name=request.token.title(), tenants={"acme": "commenter"})


async def authorize(access: AccessRequest) -> bool:
    page = access.url_id
    if page.startswith("/stumble/") and access.operation is not None and page not in stumbled:
        stumbled.add(page)
        raise RuntimeError("the access control of this host is away")
    return default_policy(access)


collab = CollabChat(
    authenticate=authenticate,
    authorize=authorize,
    tuning=Tuning(snapshot_bytes=int(os.environ.get("SNAPSHOT_BYTES", "262144"))),
    timing=Timing(presence_seconds=0.1, presence_grace_seconds=0.2),
)
app = Starlette(middleware=[Middleware(CollabChatMiddleware, collab=collab)])
