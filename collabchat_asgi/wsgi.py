"""Flask and other WSGI apps under ASGI, a thread for each request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from asgiref.sync import sync_to_async

from .asgi.wsgi_environ import environ_of
from .asgi.wsgi_response import Handover, Left, Response

IN_MEMORY = 64 * 1024
"""Bytes of a request's body; what is longer is kept in a temporary file."""


class adapt:
    """`asgi_app = CollabChatMiddleware(adapt(flask_app), collab=collab)`.

    Start the result with an ASGI server: `uvicorn module:asgi_app`. `flask run` and other WSGI
    servers serve the app without it: `/collabchat/…` is 404 there, and nothing is live.

    Requests run side by side, at most `threads` of them; what comes beyond waits for a thread. A
    response is passed on as it is made, and its iterable closed at its end, also where the client
    has left.

    asgiref's own `WsgiToAsgi` does not serve here. It calls the server's `send` in a task that
    belongs to the thread of this request; uvicorn starts the next request of a kept-alive
    connection inside of `send`, so that one inherits a thread that is gone by then
    ("CurrentThreadExecutor already quit or is broken"). Its iterables are never closed, either.
    Here everything is sent by the request's own task.
    """

    def __init__(self, app: Any, *, threads: int = 1_000) -> None:
        self.app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="wsgi")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            # A WSGI app has none: refused before it is accepted, which servers answer with 403.
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        if scope["type"] != "http":
            raise ValueError(f"a WSGI app knows nothing of {scope['type']}")
        body = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # the thread closes it
        size = await _read(receive, body)
        if size is None:
            body.close()
            return
        handover = Handover(scope["method"] == "HEAD")
        # `sync_to_async` also lets async views of the app run in this loop.
        call = sync_to_async(_run, thread_sensitive=False, executor=self._threads)
        environ = environ_of(scope, body, size)
        running = asyncio.ensure_future(call(self.app, environ, body, handover))
        running.add_done_callback(handover.end)
        try:
            await handover.pass_on(receive, send)
            with contextlib.suppress(Left):
                await running
        finally:
            handover.leave()
            running.cancel()


async def _read(receive: Any, body: IO[bytes]) -> int | None:
    """The whole body, and how long it is; None: the client left before its end."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body.write(message.get("body", b""))
        if not message.get("more_body", False):
            size = body.tell()
            body.seek(0)
            return size


def _run(app: Any, environ: dict[str, Any], body: IO[bytes], handover: Handover) -> None:
    """One request, in a thread of its own."""
    response = Response(handover)
    try:
        parts: Iterable[bytes] = app(environ, response.start)
        try:
            for part in parts:
                response.write(part)
                if response.complete:
                    break
            response.finish()
        finally:
            if (close := getattr(parts, "close", None)) is not None:
                close()
    finally:
        body.close()
