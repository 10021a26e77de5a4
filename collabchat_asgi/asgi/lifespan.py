"""Start before the wrapped app and stop after it, whether or not it knows what a lifespan is."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from ..errors import StorageUnavailable

logger = logging.getLogger("collabchat_asgi.asgi")

PATIENT_SECONDS = 30.0
"""A start waits so long for a storage that is away. uvicorn 0.54 stops all workers where one fails
to start: one that is replaced while a database stands still must not take the others with it."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class Service(Protocol):
    """What is started before the app and closed after it."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


async def lifespan(service: Service, app: Any, scope: Any, receive: Any, send: Any) -> None:
    """The lifespan of `app` (None: of a mount by itself) with ours around it.

    Django and asgiref's `WsgiToAsgi` raise on a lifespan scope; servers would take that as "no
    lifespan here" and never start us. So the answer is ours where the app gives none. The same
    `scope["state"]` is passed on: an inner lifespan may put its own things there.
    """
    message = await receive()
    try:
        await _start(service)
    except Exception as error:
        # A raised exception is swallowed by several servers, which would then serve without us.
        logger.critical("collabchat cannot start: %s", error)
        await send({"type": "lifespan.startup.failed", "message": f"collabchat: {error}"})
        return
    inner = _Inner(service, message, receive, send)
    if app is not None:
        try:
            await app(scope, inner.receive, inner.send)
        except BaseException as error:
            if inner.started:
                await service.close()
                raise
            if not isinstance(error, Exception):
                raise
            logger.debug("the wrapped app has no lifespan: %r", error)
    if inner.failed or inner.ended:
        return
    if not inner.started:
        await send({"type": "lifespan.startup.complete"})
    if not inner.stopping:
        await receive()
    await service.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _start(service: Service) -> None:
    """Raises at once what waiting does not cure, and what is still so after `PATIENT_SECONDS`."""
    loop = asyncio.get_running_loop()
    ends, pause = loop.time() + PATIENT_SECONDS, FIRST_PAUSE
    while True:
        try:
            return await service.start()
        except StorageUnavailable as error:
            left = ends - loop.time()
            if left <= 0:
                raise
            logger.warning("collabchat waits for its storage, %.0f s more: %s", left, error)
            await asyncio.sleep(min(pause, left))
            pause = min(LONGEST_PAUSE, 2 * pause)


class _Inner:
    """The app's view of the lifespan."""

    def __init__(self, service: Service, startup: Any, receive: Any, send: Any) -> None:
        self._service = service
        self._startup = startup
        self._receive = receive
        self._send = send
        self.started = False
        self.failed = False
        self.stopping = False
        self.ended = False

    async def receive(self) -> Any:
        if self._startup is not None:
            startup, self._startup = self._startup, None
            return startup
        message = await self._receive()
        self.stopping = message["type"] == "lifespan.shutdown"
        return message

    async def send(self, message: Any) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self.started = True
            case "lifespan.startup.failed":
                self.failed = True
                await self._service.close()
            case "lifespan.shutdown.complete" | "lifespan.shutdown.failed":
                self.ended = True
                await self._service.close()
        await self._send(message)
