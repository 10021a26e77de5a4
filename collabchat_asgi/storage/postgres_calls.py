"""Calls to a database: bounded, tried again where that may help, never cut off by their caller."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ..cancellation import is_cancelled
from ..errors import StorageError, StorageUnavailable
from ..postgres_client.faults import READ_ONLY, code_of, is_away, may_pass, text_of

__all__ = ["Calls"]

T = TypeVar("T")

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
_DRIVER = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, EOFError)


class Calls:
    """Every call is a task of its own. Whoever waits for it may go away, the transaction still
    ends; a connection whose answer is overdue is thrown away, never handed to somebody else."""

    def __init__(
        self, engine: AsyncEngine, schema: str | None, where: str, *, foreign: bool
    ) -> None:
        """`foreign`: sessions are set up by somebody else."""
        tables = {"schema_translate_map": {None: schema}} if schema else {}
        self._writing = engine.execution_options(isolation_level="READ COMMITTED", **tables)
        self._reading = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True, **tables
        )
        if foreign:
            for view in (self._writing, self._reading):
                event.listen(view.sync_engine, "begin", _plan_anew)
        self._where = where
        self._tasks: set[asyncio.Task[object]] = set()

    async def write(self, work: Callable[[Connection], T], seconds: float) -> T:
        """Each statement of `work` sees what was committed before it, so a lock comes first.

        Raises `StorageUnavailable` after so many seconds at the latest."""
        return await self._run(self._writing, work, seconds)

    async def read(self, work: Callable[[Connection], T], seconds: float) -> T:
        """All statements of a transaction of `work` see the same moment. Raises as `write`."""
        return await self._run(self._reading, work, seconds)

    async def end(self) -> None:
        """Wait until all that was begun has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, engine: AsyncEngine, work: Callable[[Connection], T], seconds: float) -> T:
        troubles: list[Exception] = []
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._bounded(engine, work, seconds, troubles))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():  # it is still being cleaned up
            raise self._late(seconds, troubles)
        return task.result()

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear it

    async def _bounded(
        self,
        engine: AsyncEngine,
        work: Callable[[Connection], T],
        seconds: float,
        troubles: list[Exception],
    ) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await self._until_it_works(engine, work, troubles)
        except TimeoutError:
            raise self._late(seconds, troubles) from None

    def _late(self, seconds: float, troubles: list[Exception]) -> StorageUnavailable:
        why = text_of(troubles[-1]) if troubles else "no answer"
        return StorageUnavailable(f"{self._where}: {why} (within {seconds:g} s)")

    async def _until_it_works(
        self, engine: AsyncEngine, work: Callable[[Connection], T], troubles: list[Exception]
    ) -> T:
        """Whatever `work` is, it may be done twice: known ids are not written again."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await _once(engine, work)
            except _DRIVER as error:
                if not may_pass(error):
                    kind = StorageUnavailable if is_away(error) else StorageError
                    raise kind(f"{self._where}: {text_of(error)}") from None
                troubles[:] = [error]
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                # A future below us was cancelled by somebody else: its connection is given up.
                troubles[:] = [ConnectionError("the driver has cancelled this call")]
            await asyncio.sleep(random.uniform(0, pause))
            pause = min(_LONGEST_PAUSE, 2 * pause)


def _plan_anew(connection: Connection) -> None:
    """A plan that is kept is of the time when the tables were empty: it reads them whole."""
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")


async def _once(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    async with engine.connect() as connection:
        try:
            return await connection.run_sync(work)
        except SQLAlchemyError as error:
            if code_of(error) == READ_ONLY:
                await connection.invalidate()  # the next one may find the new primary
            raise
