"""Sync hooks in threads, as the host's framework would run a request."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
from asgiref.sync import sync_to_async

from .daemons import DaemonThreads

T = TypeVar("T")


class Threads:
    """At most `budget` threads for one hook, which no other hook can take.

    asgiref runs them: the caller's context variables are there, and `async_to_sync` works inside.
    Where Django is in use, its database connections are given up before and after as around a
    request. A caller that gives up leaves a task behind, which holds the thread's place: a budget
    that let go of it would let hanging threads grow without end (schedule H26).
    """

    def __init__(self, name: str, budget: int) -> None:
        self.budget = budget
        self.abandoned = 0
        """Threads that somebody waited for in vain, and that have not come back."""
        self._name = name
        self._limiter: anyio.CapacityLimiter | None = None
        self._executor: DaemonThreads | None = None

    async def run(self, hook: Callable[[T], Any], argument: T) -> Any:
        """What the hook returns or raises. Cancelled, it leaves a hook that has begun to itself,
        and one that has not begun is not asked any more."""
        wanted, begun = True, False

        def call() -> Any:
            nonlocal begun
            begun = True
            return _as_a_request(hook, argument) if wanted else None

        task = asyncio.ensure_future(self._place(call))
        try:
            return await asyncio.shield(task)
        finally:
            wanted = False
            if not task.done():
                if begun:
                    self.abandoned += 1
                    task.add_done_callback(self._came_back)
                else:
                    task.cancel()

    async def _place(self, call: Callable[[], Any]) -> Any:
        if self._limiter is None or self._executor is None:
            self._limiter = anyio.CapacityLimiter(self.budget)
            self._executor = DaemonThreads(self.budget, f"collabchat {self._name}")
        executor: Any = self._executor  # asgiref means any executor
        async with self._limiter:
            return await sync_to_async(call, thread_sensitive=False, executor=executor)()

    def _came_back(self, task: asyncio.Task[Any]) -> None:
        self.abandoned -= 1
        if not task.cancelled():
            task.exception()  # nobody waits for it any more

    def forget_loop(self) -> None:
        """The event loop is about to end; the next one gets threads of its own."""
        if self._executor is not None:
            self._executor.shutdown()
        self._limiter = self._executor = None


def _as_a_request(hook: Callable[[T], Any], argument: T) -> Any:
    """Django gives up database connections that are dead or too old around each request; outside
    of one nobody does, and a thread keeps a dead connection for ever."""
    django_db = sys.modules.get("django.db")
    if django_db is None or not _is_set_up():
        return _told(hook, argument)
    django_db.reset_queries()
    django_db.close_old_connections()
    try:
        return _told(hook, argument)
    finally:
        django_db.close_old_connections()


def _is_set_up() -> bool:
    conf = sys.modules.get("django.conf")
    return conf is not None and bool(conf.settings.configured)


def _told(hook: Callable[[T], Any], argument: T) -> Any:
    try:
        return hook(argument)
    except (StopIteration, SystemExit) as error:
        # No future can carry the one, and the other would end the loop that waits for it.
        raise RuntimeError(f"the hook raised {error!r}") from error
