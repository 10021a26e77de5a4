"""Flask and other WSGI apps under ASGI, a thread for each request."""

from __future__ import annotations

from typing import Any

from asgiref.sync import ThreadSensitiveContext
from asgiref.wsgi import WsgiToAsgi


class adapt:
    """`asgi_app = CollabChatMiddleware(adapt(flask_app), collab=collab)`.

    asgiref's `WsgiToAsgi` alone runs all requests of the process in one thread, one after another
    (asgiref #347); a thread-sensitive context per request gives each its own. Start the result
    with an ASGI server: `uvicorn module:asgi_app`. `flask run` cannot serve WebSockets.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self._adapted: Any = WsgiToAsgi(app)  # type: ignore[no-untyped-call]  # asgiref leaves it untyped

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            # A WSGI app has none: refused before it is accepted, which servers answer with 403.
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        async with ThreadSensitiveContext():
            await self._adapted(scope, receive, send)
