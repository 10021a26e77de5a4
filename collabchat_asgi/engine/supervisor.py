"""No task may die unseen: what runs for ever is started again, what runs once is awaited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

logger = logging.getLogger("collabchat_asgi.engine")

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Supervisor:
    """All tasks of one engine. `restarts` counts, by name, what had to be revived."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.restarts: dict[str, int] = {}

    def forever(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run it again whenever it ends or raises, after a pause of 0.1 to 5 s."""
        self._start(self._again(name, run), name)

    def once(self, name: str, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it to its end; an exception is logged."""
        task = self._start(self._logged(name, coroutine), name)
        # One that was cancelled before its first step has never begun to await this.
        task.add_done_callback(lambda _: coroutine.close())
        return task

    async def stop(self) -> None:
        """Cancel everything and wait for it."""
        self._stopping = True
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine, name=f"collabchat {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _again(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await run()
                logger.warning("%s ended; it is started again", name)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self._stopping or task is None:
                    raise
                # Somebody's time limit ended this task instead of a call inside of it: a `send`
                # that we drive by hand runs in the task that fans out.
                task.uncancel()
                logger.warning("%s was cancelled by a stranger; it is started again", name)
            except Exception:
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
