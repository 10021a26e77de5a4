"""A host under the strictest policy that a page can have, with a switch for every refusal.

Who somebody is stands in the cookie `name`; a name that begins with "Mod" may moderate, and
"Passer-by" is somebody unknown, who may only read.
"""

from __future__ import annotations

import html
import os
from collections import Counter
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    CollabChatMiddleware,
    ConnectRequest,
    Denied,
    Identity,
    Limits,
    Quota,
    anonymous_id,
    default_policy,
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
STORY = [
    "The ferry leaves at seven, and nobody on the quay believes the timetable.",
    "By noon the fog has gone, and the gulls have taken over the ticket office.",
    "A short line.",
    "The harbour master writes everything down twice, once for the town and once for himself.",
    "On the last page of the second book stands a single word, and it is not a kind one.",
]
locked: set[str] = set()
written: dict[str, str] = {}
"""Pages of tests' own, under no policy, by their names."""


def authenticate(request: ConnectRequest) -> Identity:
    name = request.cookies.get("name")
    if not name:
        raise Denied("sign in first")
    if name == "Broken":
        raise RuntimeError("the session store is away")
    if name == "Passer-by":
        return Identity(anonymous_id("acme", request.visitor_id or ""), tenants={"acme": "reader"})
    role = "moderator" if name.startswith("Mod") else "commenter"
    shown = {"Hostile": "\u202e<b onclick=alert(1)>Eve</b>"}.get(name, name)
    picture = {"Pictured": "/picture.svg", "Torn": "/torn-picture.svg"}.get(name)
    return Identity(name, name=shown, tenants={"acme": role}, avatar=picture)  # type: ignore[dict-item]


def authorize(access: AccessRequest) -> bool:
    if access.action != "read" and access.identity.user_id + " writes" in locked:
        return False
    return access.identity.user_id not in locked and default_policy(access)


def before_commit(access: AccessRequest) -> dict[str, Any]:
    operation: Any = access.operation or {}
    comment = operation.get("comment") or operation.get("chat", {}).get("comment") or {}
    if "swearword" in comment.get("body", ""):
        raise Denied("mind your language")
    return dict(operation)


collab = CollabChat(
    authenticate=authenticate,
    authorize=authorize,
    before_commit=before_commit,
    # The same few people write in every test.
    limits=Limits(
        comments_per_minute=10_000,
        operations_per_second=1_000,
        body_chars=int(os.environ.get("BODY_CHARS", "2000")),
        people_listed=int(os.environ.get("PEOPLE_LISTED", "0")),
    ),
    quota=Quota(operations=0, over="refuse") if os.environ.get("USED_UP") else None,
)


async def page(request: Request) -> Response:
    """`?without=2` is the page after somebody deleted its second paragraph."""
    name = request.path_params["name"]
    if name in written:
        return Response(written[name], media_type="text/html")
    without = request.query_params.get("without")
    theme = request.query_params.get("theme", "auto")
    story = STORY if without is None else [*STORY[: int(without) - 1], *STORY[int(without) :]]
    many = int(request.query_params.get("paragraphs", "0"))
    story = story + [f"Paragraph {n} of a longer story about ferries." for n in range(many)]
    text = "".join(f"<p>{html.escape(line)}</p>" for line in story)
    body = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(name)}</title><link rel=stylesheet href=/site.css>"
        "<script type=module src=/collabchat/widget.js></script>"
        f"<collab-chat root=main theme={html.escape(theme, quote=True)}></collab-chat>"
        f"<main><h1>Harbour</h1>{text}</main>"
    )
    return Response(body, media_type="text/html", headers={"content-security-policy": POLICY})


async def write(request: Request) -> Response:
    written[request.path_params["name"]] = (await request.body()).decode()
    return Response()


async def picture(request: Request) -> Response:
    disc = "<circle cx='5' cy='5' r='5' fill='teal'/>"
    drawn = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 10 10'>{disc}</svg>"
    return Response(drawn, media_type="image/svg+xml")


async def style(request: Request) -> Response:
    css = "body{font:18px/1.6 serif;margin:0}main{max-width:36rem;margin:4rem 2rem 60vh}"
    return Response(css, media_type="text/css")


async def lock(request: Request) -> Response:
    """`authorize` says no from here on; without `now=false`, also to what is open already."""
    user = request.query_params["user"]
    locked.add(user)
    if request.query_params.get("now") != "false":
        await collab.revoke(user_id=user)
    return Response()


async def unlock(request: Request) -> Response:
    locked.discard(request.query_params["user"])
    return Response()


async def forget(request: Request) -> Response:
    return JSONResponse(dict(await collab.forget(request.query_params["user"])))


async def purge(request: Request) -> Response:
    await collab.purge()
    return Response()


class WithoutCard:
    """Who has the cookie `without` gets no `talk.js`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["path"].endswith("/talk.js")
        if asked and "without" in Request(scope).cookies:
            return await Response(status_code=503)(scope, receive, send)
        await self.app(scope, receive, send)


class Faltering:
    """Who has the cookie `falters` gets nothing that the widget loads later when it is asked for
    the first time, and the second: each by its path, and anew with another value."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked: Counter[tuple[str, str]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/collabchat/"):
            path, value = scope["path"], Request(scope).cookies.get("falters", "")
            later = path.endswith(".js") and not path.endswith(("/widget.js", "/client.js"))
            self.asked[value, path] += 1
            if later and value and self.asked[value, path] <= 2:
                return await Response(status_code=503)(scope, receive, send)
        await self.app(scope, receive, send)


app = Starlette(
    routes=[
        Route("/p/{name}", page),
        Route("/p/{name}", write, methods=["PUT"]),
        Route("/picture.svg", picture),
        Route("/site.css", style),
        Route("/lock", lock, methods=["POST"]),
        Route("/unlock", unlock, methods=["POST"]),
        Route("/forget", forget, methods=["POST"]),
        Route("/purge", purge, methods=["POST"]),
    ],
    middleware=[
        Middleware(WithoutCard),
        Middleware(Faltering),
        Middleware(CollabChatMiddleware, collab=collab),
    ],
)
