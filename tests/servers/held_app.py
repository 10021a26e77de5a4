"""An app with a request that never ends, which servers wait for until they are told twice."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from collabchat_asgi import CollabChat, CollabChatMiddleware, Identity, UsageReport
from collabchat_asgi.auth import anonymous
from collabchat_asgi.testing.operations import create_chat


async def hold(request: Request) -> Response:
    await collab.submit("acme", "page", create_chat(), identity=Identity("ann", tenants={}))
    print("held", flush=True)
    await asyncio.Event().wait()
    return Response()


async def bill(reports: Sequence[UsageReport]) -> None:
    """Long enough for all that was swept away to be noticed."""
    await asyncio.sleep(0.5)
    print("billed", flush=True)


collab = CollabChat(authenticate=anonymous(), on_usage=bill)
app: Any = Starlette(routes=[Route("/hold", hold)])
app.add_middleware(CollabChatMiddleware, collab=collab)
