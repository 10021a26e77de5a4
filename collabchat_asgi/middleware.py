"""The one line: wrap any ASGI app."""

from __future__ import annotations

import logging
from typing import Any

from .asgi.lifespan import lifespan
from .asgi.misuse import Misused
from .asgi.request import path_of
from .asgi.router import below, is_ours
from .collab import CollabChat

logger = logging.getLogger("collabchat_asgi")

_PREFIXES = "collabchat.prefixes"
"""Where a middleware leaves its prefix in the scope of the lifespan, for those inside of it."""


class CollabChatMiddleware:
    """Serves what is below `collab.prefix` and hands everything else to `app`, untouched.

    `__call__` must stay `async def`: uvicorn takes a plain function for an ASGI 2 app.

    Arguments that are wrong fail the start of the server, with one sentence.
    """

    def __init__(
        self, app: Any = None, collab: CollabChat | None = None, *rest: Any, **unknown: Any
    ) -> None:
        self.app = app
        fault = _fault(app, collab, rest, unknown)
        self._misused = None if fault is None else Misused(fault)
        self.collab: CollabChat = collab  # type: ignore[assignment]  # not used where it is none
        self._inside = collab.prefix + "/" if isinstance(collab, CollabChat) else ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._misused is not None:
            await self._misused(scope, receive, send)
            return
        if scope["type"] == "lifespan":
            self._look_for_another(scope)
            await lifespan(self.collab, self.app, scope, receive, send)
            return
        # Nearly every request is not ours: one look tells, whatever its `root_path` is.
        if self._inside in scope.get("path", ""):
            path = below(self.collab.prefix, path_of(scope))
            if path is not None and is_ours(scope, path):
                await self.collab.serve(path, scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _look_for_another(self, scope: Any) -> None:
        outer = scope.setdefault(_PREFIXES, [])
        if self.collab.prefix in outer:
            logger.warning(
                "two CollabChatMiddleware serve %s: the inner one never gets a request; add it "
                "once, or give each CollabChat a prefix of its own",
                self.collab.prefix,
            )
        outer.append(self.collab.prefix)


def _fault(app: Any, collab: object, rest: tuple[Any, ...], unknown: dict[str, Any]) -> str | None:
    """What is wrong with the arguments, in one sentence that names the cure."""
    line = "app.add_middleware(CollabChatMiddleware, collab=CollabChat(authenticate=…))"
    if isinstance(collab, type) and issubclass(collab, CollabChat):
        return f"CollabChatMiddleware: collab= is the class CollabChat; give an instance: {line}"
    if isinstance(app, CollabChat):
        return f"CollabChatMiddleware wraps your app, and was given a CollabChat for it: {line}"
    if unknown or rest:
        names = ", ".join(f"{name}=" for name in unknown) or "a third argument"
        return f"CollabChatMiddleware takes collab=, and not {names}: {line}"
    if not isinstance(collab, CollabChat):
        given = "is missing" if collab is None else f"is a {type(collab).__name__}"
        return f"CollabChatMiddleware: collab= {given}; {line}"
    if not callable(app):
        return "CollabChatMiddleware wraps an ASGI app: CollabChatMiddleware(app, collab=collab)"
    return None
