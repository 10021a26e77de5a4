"""Send clients away before the server's own SIGTERM handler closes them all at once.

A lifespan comes too late for that: uvicorn closes its sockets about 100 ms before it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType

logger = logging.getLogger("collabchat_asgi.asgi")


class DrainOnSigterm:
    """Wraps the handler that the server has installed with `signal.signal` (uvicorn does).

    The first SIGTERM drains and is then handed on; a second one is handed on at once. Servers that
    use `loop.add_signal_handler` (hypercorn, gunicorn's workers) see the signal first whatever we
    do: call `POST {prefix}/drain` from a preStop hook there.
    """

    def __init__(self, drain: Callable[[], Awaitable[None]]) -> None:
        self._drain = drain
        self._loop: asyncio.AbstractEventLoop | None = None
        self._previous: Callable[[int, FrameType | None], object] | None = None
        self._draining: asyncio.Task[None] | None = None

    def install(self) -> None:
        """In the main thread, once the server has installed its own handler."""
        if threading.current_thread() is not threading.main_thread():
            logger.warning("drain_on_sigterm needs the main thread: SIGTERM is not watched")
            return
        previous = signal.getsignal(signal.SIGTERM)
        if not callable(previous):
            logger.warning("drain_on_sigterm: this server handles SIGTERM out of our sight")
            return
        self._loop = asyncio.get_running_loop()
        self._previous = previous
        signal.signal(signal.SIGTERM, self._handle)

    def remove(self) -> None:
        """Give the signal back, unless somebody else has taken it meanwhile."""
        if self._previous is not None and signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, self._previous)
        self._previous = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._draining is not None or self._loop is None:
            self._hand_on(number, frame)
        else:
            self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._run(number))

    async def _run(self, number: int) -> None:
        try:
            await self._drain()
        except Exception:
            logger.exception("the drain failed")
        self._hand_on(number, None)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        if self._previous is not None:
            self._previous(number, frame)
