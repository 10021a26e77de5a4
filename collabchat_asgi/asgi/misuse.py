"""What was put together wrongly says so when the server starts."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import ConfigError

logger = logging.getLogger("collabchat_asgi.asgi")


class Misused:
    """An app that fails its start with one sentence.

    Starlette and FastAPI make middleware with the first scope that comes, which is the lifespan. An
    exception there is taken for an app without one: the server starts, and every page is a 500.
    """

    def __init__(self, fault: str) -> None:
        self.fault = fault
        logger.critical("%s", fault)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            raise ConfigError(self.fault)
        await receive()
        await send({"type": "lifespan.startup.failed", "message": self.fault})
