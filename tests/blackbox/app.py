"""A host for the black-box suite. The token says it all: `ann@acme:commenter,beta:reader`.

`…~2` runs out after two seconds, `nobody` is denied, `broken` makes the hook raise. The urlId says
what `authorize` does: `secret…` is refused, `broken…` raises, `stumble…` raises once per page.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Denied,
    Identity,
    Limits,
    Timing,
    anonymous_id,
    default_policy,
)

stumbled: set[str] = set()


def authenticate(request: ConnectRequest) -> Identity:
    token = request.token or request.cookies.get("sid") or request.headers.get("x-sid")
    if not token and request.visitor_id:
        visitor = anonymous_id("acme", request.visitor_id)
        return Identity(visitor, name="someone", tenants={"acme": "commenter"})
    if not token or token == "nobody":
        raise Denied("sign in first")
    who, _, lifetime = token.partition("~")
    user_id, tenants = who.split("@")
    roles: Any = dict(tenant.split(":") for tenant in tenants.split(","))
    ends = datetime.now(UTC) + timedelta(seconds=float(lifetime)) if lifetime else None
    return Identity(user_id, name=user_id.title(), tenants=roles, expires_at=ends)


def authorize(access: AccessRequest) -> bool:
    page = access.url_id
    once = page.startswith("stumble") and access.operation is not None and page not in stumbled
    if once or page.startswith("broken"):
        stumbled.add(page)
        raise RuntimeError("the access control of this host is away")
    return default_policy(access) and not page.startswith("secret")


collab = CollabChat(
    authenticate=authenticate,
    authorize=authorize,
    limits=Limits(**json.loads(os.environ.get("BLACKBOX_LIMITS", "{}"))),
    timing=Timing(**json.loads(os.environ.get("BLACKBOX_TIMING", "{}"))),
)


async def home(request: Request) -> Response:
    return JSONResponse({"host": "still here"})


app = Starlette(
    routes=[Route("/", home)], middleware=[Middleware(CollabChatMiddleware, collab=collab)]
)
