"""The demo as an ASGI app: `uvicorn collabchat_asgi.demo.app:app` serves it too."""

from __future__ import annotations

from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from .. import CollabChat, CollabChatMiddleware, ConnectRequest, Denied, Identity, anonymous_id

TENANT = "demo"
SITE = files("collabchat_asgi") / "demo" / "site"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; img-src data:"
)
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/demo.css": ("demo.css", "text/css; charset=utf-8"),
    "/demo.js": ("demo.js", "text/javascript; charset=utf-8"),
}


def authenticate(request: ConnectRequest) -> Identity:
    """For a demo only: the name is whatever the browser says, in a token that nobody signed.

    The id is not: it is made of the browser's secret, so nobody can pose as another's browser.
    """
    if not request.visitor_id:
        raise Denied("this page needs a visitorId: the client sends one by itself")
    user_id = anonymous_id(TENANT, request.visitor_id)
    if not (request.token or "").startswith("demo."):
        return Identity(user_id, name="Somebody", tenants={TENANT: "reader"})
    name = " ".join(unquote(str(request.token)[5:])[:60].split())
    return Identity(user_id, name=name or "Somebody", tenants={TENANT: "commenter"})


async def page(scope: Any, receive: Any, send: Any) -> None:
    """What an application has anyway: a page, its style and its script."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000, "reason": ""})
        return
    name, kind = FILES.get(scope["path"], ("", "text/plain; charset=utf-8"))
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-cache")]
    headers += [
        (b"content-security-policy", POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    body = (SITE / name).read_bytes() if name else b"There is nothing here: the demo is at /"
    await send({"type": "http.response.start", "status": 200 if name else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})


collab = CollabChat(authenticate=authenticate)
app = CollabChatMiddleware(page, collab=collab)
