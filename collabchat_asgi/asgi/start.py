"""A start that waits for a storage that is away, until it is there, or nobody wants it any more."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from ..errors import StorageUnavailable
from .quirks import shutdown_trigger, told_to_end

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
    while True:
        try:
            return await service.start()
        except StorageUnavailable as error:
            left = ends - loop.time()
            if left <= 0:
                raise
            logger.warning(
                "opening failed: collabchat waits for its storage, %.0f s more: %s", left, error
            )
            await asyncio.sleep(min(pause, left))
            pause = min(LONGEST_PAUSE, 2 * pause)


async def start_or_stop(service: Service) -> None:
    """The same, ended at once by SIGTERM or SIGINT: raises `Stopped`, with the service closed.

    Servers hear those signals and look at them only when the start has come to an end.
    """
    starting = asyncio.ensure_future(start_patiently(service))
    trigger = shutdown_trigger()
    told = asyncio.ensure_future(trigger()) if trigger is not None else None
    if told is not None:
        told.add_done_callback(lambda told: told.cancelled() or starting.cancel())
    try:
        with _signals(starting.cancel):
            await starting
    except asyncio.CancelledError as error:
        starting.cancel()
        await service.close()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Stopped("the process was told to end before it had started") from error
    finally:
        if told is not None:
            told.cancel()


@contextmanager
def _signals(stop: Callable[[], object]) -> Iterator[None]:
    """Calls `stop` in this loop at the first signal that ends a process, and hands all of them on
    to whom they were for: a server's own handlers are there already."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    previous = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    # Where nobody handles a signal it ends the process by itself.
    taken = [one for one, handler in previous.items() if callable(handler)]
    for one in taken:
        signal.signal(one, handle)
    if any(told_to_end(handler) for handler in previous.values()):
        loop.call_soon(stop)
    try:
        yield
    finally:
        for one in taken:
            if signal.getsignal(one) is handle:
                signal.signal(one, previous[one])
