"""Start after the wrapped app and stop before it, whether or not it knows what a lifespan is."""

from __future__ import annotations

import logging
from typing import Any

from .start import Ear, Service, Stopped, start_or_stop

logger = logging.getLogger("collabchat_asgi.asgi")


async def lifespan(service: Service, app: Any, scope: Any, receive: Any, send: Any) -> None:
    """The lifespan of `app` (None: of a mount by itself) with ours inside of it.

    Hooks use what the app opens: its database is there before the first of them is called, and
    still there when the last usage is handed over.

    Django and asgiref's `WsgiToAsgi` raise on a lifespan scope; servers would take that as "no
    lifespan here" and never start us. So the answer is ours where the app gives none. The same
    `scope["state"]` is passed on: an inner lifespan may put its own things there.
    """
    inner = _Inner(service, receive, send)
    try:
        if app is not None:
            try:
                await app(scope, inner.receive, inner.send)
            except Exception as error:
                if inner.started:
                    raise
                if inner.broke_off:
                    logger.warning(
                        "the wrapped app failed in its start, and is served all the same, as ASGI "
                        "wants it: %r",
                        error,
                        exc_info=True,
                    )
                else:
                    logger.debug("the wrapped app has no lifespan: %r", error)
        await inner.rest()
    finally:
        inner.ear.close()
        await service.close()


class _Inner:
    """The app's view of the lifespan, and what is left to say when the app has ended."""

    def __init__(self, service: Service, receive: Any, send: Any) -> None:
        self._service = service
        self._receive = receive
        self._send = send
        self._asked = False
        self._stopping = False
        self._failure: str | None = None
        self._over = False
        self.started = False
        self.ear = Ear()

    @property
    def broke_off(self) -> bool:
        """Whether the app, which has raised, knows of a lifespan, and has not said how its own
        start went."""
        return self._asked and not self._over and self._failure is None

    async def receive(self) -> Any:
        if self._failure is not None:
            # We could not start: the app takes down what it has set up.
            return {"type": "lifespan.shutdown"}
        message = await self._receive()
        self._asked = True
        if message["type"] == "lifespan.shutdown":
            self._stopping = True
            await self._stop()
        return message

    async def send(self, message: Any) -> None:
        if self._failure is not None:
            return
        match message["type"]:
            case "lifespan.startup.complete":
                await self._start()
                if self._failure is not None:
                    return
                self.started = True
            case "lifespan.startup.failed" | "lifespan.shutdown.failed":
                self._over = True
                await self._stop()
            case "lifespan.shutdown.complete":
                self._over = True
        await self._send(message)

    async def rest(self) -> None:
        """What the app has not said, because it knows no lifespan or has ended early."""
        if self._over:
            return
        if not self._asked:
            await self._receive()
        if not self.started and self._failure is None:
            await self._start()
            if self._failure is None:
                await self._send({"type": "lifespan.startup.complete"})
        if self._failure is not None:
            message = f"collabchat: {self._failure}"
            await self._send({"type": "lifespan.startup.failed", "message": message})
            return
        if not self._stopping:
            await self._receive()
            await self._stop()
        await self._send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        try:
            await start_or_stop(self._service, self.ear)
        except Stopped as stopped:
            logger.info("collabchat has not started: %s", stopped)
            self._failure = str(stopped)
        except Exception as error:
            # A raised exception is swallowed by several servers, which would then serve without us.
            logger.critical("collabchat failed to start: %s", error)
            self._failure = str(error)
        finally:
            self.ear.close()

    async def _stop(self) -> None:
        """The app goes on to its own end whatever comes of ours."""
        try:
            await self._service.close()
        except Exception:
            logger.exception("collabchat failed to close")
