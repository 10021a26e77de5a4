"""A start that waits for a storage that is away, until it is there, or nobody wants it any more."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Protocol

from ..errors import StorageUnavailable
from ..sparing_log import SparingLog
from .quirks import shutdown_trigger, told_before_the_fork_was_a_worker, told_to_end

logger = logging.getLogger("collabchat_asgi.asgi")

PATIENT_SECONDS = 30.0
"""A start waits so long for a storage that is away. uvicorn 0.54 stops all workers where one fails
to start: one that is replaced while a database stands still must not take the others with it."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class Service(Protocol):
    """What is started before the first request and closed after the last."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


class Stopped(Exception):  # nothing failed
    """The process was told to end before it had started."""


async def start_patiently(service: Service) -> None:
    """Raises at once what waiting does not cure, and what is still so after `PATIENT_SECONDS`."""
    loop = asyncio.get_running_loop()
    ends, pause = loop.time() + PATIENT_SECONDS, FIRST_PAUSE
    log = SparingLog(logger)
    while True:
        try:
            return await service.start()
        except StorageUnavailable as error:
            left = ends - loop.time()
            if left <= 0:
                raise
            line = "opening failed: collabchat waits for its storage, %.0f s more: %s"
            log.warning("waits", line, left, error)
            await asyncio.sleep(min(pause, left))
            pause = min(LONGEST_PAUSE, 2 * pause)


class Ear:
    """Hears, from the moment it is made until `close`, that this process is to end, and hands the
    signals on to whom they are for: a server's own handlers are there already.

    Servers look at those signals only when the start has come to an end, that of the app included.
    """

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._before: dict[int, Callable[[int, FrameType | None], object]] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        ends = (signal.SIGTERM, signal.SIGINT)
        handlers = {one: signal.getsignal(one) for one in ends}
        # Where nobody handles a signal it ends the process by itself.
        self._before = {one: handler for one, handler in handlers.items() if callable(handler)}
        for one in self._before:
            signal.signal(one, self._handle)
        if any(map(told_to_end, handlers.values())) or told_before_the_fork_was_a_worker():
            self.told.set()

    @property
    def should_exit(self) -> bool:
        """By uvicorn's name: another ear, of an inner middleware, asks whose handler it found."""
        return self.told.is_set()

    def close(self) -> None:
        """Idempotent."""
        for one, handler in self._before.items():
            if signal.getsignal(one) == self._handle:
                signal.signal(one, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.told.set)
        self._before[number](number, frame)


async def start_or_stop(service: Service, ear: Ear) -> None:
    """The same, ended at once by SIGTERM or SIGINT: raises `Stopped`, with the service closed."""
    starting = asyncio.ensure_future(start_patiently(service))
    waits: list[Callable[[], Coroutine[Any, Any, object]]] = [ear.told.wait]
    if (trigger := shutdown_trigger()) is not None:
        waits.append(trigger)
    words = [asyncio.ensure_future(wait()) for wait in waits]
    for word in words:
        word.add_done_callback(lambda told: told.cancelled() or starting.cancel())
    try:
        await starting
    except asyncio.CancelledError as error:
        starting.cancel()
        await service.close()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Stopped("the process was told to end before it had started") from error
    finally:
        for word in words:
            word.cancel()
