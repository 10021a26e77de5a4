"""The one line: wrap any ASGI app."""

from __future__ import annotations

from typing import Any

from .asgi.lifespan import lifespan
from .asgi.request import path_of
from .asgi.router import below, is_ours
from .collab import CollabChat


class CollabChatMiddleware:
    """Serves what is below `collab.prefix` and hands everything else to `app`, untouched.

    `__call__` must stay `async def`: uvicorn takes a plain function for an ASGI 2 app.
    """

    def __init__(self, app: Any, collab: CollabChat) -> None:
        self.app = app
        self.collab = collab
        self._inside = collab.prefix + "/"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(self.collab, self.app, scope, receive, send)
            return
        # Nearly every request is not ours: one look tells, whatever its `root_path` is.
        if self._inside in scope.get("path", ""):
            path = below(self.collab.prefix, path_of(scope))
            if path is not None and is_ours(scope, path):
                await self.collab.serve(path, scope, receive, send)
                return
        await self.app(scope, receive, send)
