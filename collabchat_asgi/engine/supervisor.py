"""No task may die unseen: what runs for ever is started again, what runs once is awaited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, TypeVar

from ..cancellation import is_cancelled
from ..errors import StorageUnavailable

T = TypeVar("T")

logger = logging.getLogger("collabchat_asgi.engine")

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Supervisor:
    """All tasks of one engine. `restarts` counts, by name, what had to be revived."""

    def __init__(self, restarts: dict[str, int] | None = None) -> None:
        """`restarts`: where to go on counting."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        self.stopping = False
        """Everything is being cancelled."""
        self._fallen: dict[str, Callable[[], Awaitable[None]]] = {}
        """What runs for ever and was cancelled just now."""
        self.ending = False
        """The end has begun: a loop that is told twice to end sweeps everything away while the
        last things are still being done, and that is nothing to complain of."""
        self.restarts = {} if restarts is None else restarts

    def forever(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run it again whenever it ends or raises, after a pause of 0.1 to 5 s."""
        task = self._start(self._again(name, run), name)
        task.add_done_callback(lambda task: self._revive(task, name, run))

    def once(
        self, name: str, coroutine: Coroutine[Any, Any, None], context: Context | None = None
    ) -> asyncio.Task[None]:
        """Run it to its end, in the context variables of `context`; an exception is logged."""
        task = self._start(self._logged(name, coroutine), name, context)
        # One that was cancelled before its first step has never begun to await this.
        task.add_done_callback(lambda _: coroutine.close())
        return task

    async def flight(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make` comes to, made once for all who want `key` meanwhile; an exception is
        theirs. Whoever gives up waiting does not end it for the others.

        Raises `StorageUnavailable` where the engine has stopped meanwhile.
        """
        task: asyncio.Task[T] | None = self._flights.get(key)
        if task is None:
            task = self._start(self._fly(key, make), str(key), Context())
            self._flights[key] = task
            task.add_done_callback(lambda task: self._landed(key, task))
        return await joined(task)

    def is_flying(self, key: Hashable) -> bool:
        return key in self._flights

    async def _fly(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await make()
        finally:
            del self._flights[key]

    def _landed(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._flights.get(key) is task:
            del self._flights[key]  # it was cancelled before its first step
        if not task.cancelled():
            task.exception()  # whoever waited has it, and nobody need have waited

    async def stop(self) -> None:
        """Cancel everything and wait for it. What is begun later ends before its first step."""
        self.stopping = True
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(
        self, coroutine: Coroutine[Any, Any, T], name: str, context: Context | None = None
    ) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(
            coroutine, name=f"collabchat {name}", context=context
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.stopping:
            task.cancel()
        return task

    def _revive(
        self, task: asyncio.Task[None], name: str, run: Callable[[], Awaitable[None]]
    ) -> None:
        """After somebody's time limit has ended this task instead of a call inside of it: a `send`
        that we drive by hand runs in the task that fans out.

        Anew, and a little later: a loop that cancels everything because it ends must come to its
        end, and fires no timers any more.
        """
        if self.stopping or not task.cancelled():
            return
        if not self._fallen:
            task.get_loop().call_later(FIRST_PAUSE, self._get_up)
        self._fallen[name] = run

    def _get_up(self) -> None:
        fallen, self._fallen = self._fallen, {}
        if self.stopping:
            return
        level = logging.DEBUG if self.ending else logging.WARNING
        logger.log(level, "cancelled by a stranger, and started again: %s", ", ".join(fallen))
        for name, run in fallen.items():
            self.restarts[name] = self.restarts.get(name, 0) + 1
            self.forever(name, run)

    async def _again(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await run()
                logger.warning("%s ended; it is started again", name)
            except Exception:
                if loop.is_closed():
                    return  # with its loop: what failed is what it tidied up
                logger.exception("%s failed; it is started again", name)
            self.restarts[name] = self.restarts.get(name, 0) + 1
            pause = FIRST_PAUSE if loop.time() - started > LONGEST_PAUSE else pause
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _logged(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:
            logger.exception("%s failed", name)


async def joined(task: asyncio.Task[T]) -> T:
    """What a task comes to that several wait for. Whoever gives up leaves it to the others.

    Raises `StorageUnavailable` where the engine has stopped meanwhile.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as error:
        if is_cancelled() or not task.cancelled():
            raise
        raise StorageUnavailable("this process is stopping") from error
