"""Calls to a database: bounded, tried again where that may help, never cut off by their caller."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from ..cancellation import is_cancelled
from ..errors import StorageError, StorageUnavailable
from ..postgres_client.faults import DRIVER, READ_ONLY, code_of, is_away, may_pass
from .sql import Act, Row, Statement, Transaction

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["Calls", "Connections"]

T = TypeVar("T")

Work: TypeAlias = "Callable[[Connection], Awaitable[T]]"
"""May be done twice, where the first attempt failed."""

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PLAN_ANEW = "; SET LOCAL plan_cache_mode = force_custom_plan"
"""A plan that is kept is of the time when the tables were empty: it reads them whole."""


class Connections(Protocol):
    """A pool: of ours, or of the host's."""

    def acquire(self) -> AbstractAsyncContextManager[Any, bool | None]:
        """A connection that is nobody else's meanwhile."""


class Calls:
    """Every call is a task of its own. Whoever waits for it may go away, the transaction still
    ends; a connection whose answer is overdue is thrown away, never handed to somebody else."""

    def __init__(
        self,
        connections: Connections,
        where: str,
        *,
        foreign: bool,
        idle_seconds: float | None,
        text_of: Callable[..., str],
    ) -> None:
        """`foreign`: sessions are set up by somebody else, or there are none to set up.
        `idle_seconds`: how long a transaction may be silent, where the session does not say.
        `text_of` says what an error means."""
        self._text_of = text_of
        self._connections = connections
        setting = _PLAN_ANEW if foreign else ""
        if idle_seconds is not None:
            # Whoever stops in mid-transaction, as a frozen machine does, holds a page's lock.
            idle_ms = f"{1_000 * idle_seconds:.0f}"
            setting += f"; SET LOCAL idle_in_transaction_session_timeout = {idle_ms}"
        self._begin_write, self._begin_read = _WRITE + setting, _READ + setting
        self._where = where
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()

    async def write(self, act: Callable[[], Act[T]], seconds: float) -> T:
        """Each statement sees what was committed before it, so a lock comes first.

        Raises `StorageUnavailable` after so many seconds at the latest."""
        return await self._run(lambda held: _perform(held, self._begin_write, act()), seconds)

    async def read(self, act: Callable[[], Act[T]], seconds: float) -> T:
        """All statements of a transaction see the same moment. Raises as `write`."""
        return await self._run(lambda held: _perform(held, self._begin_read, act()), seconds)

    async def alone(self, texts: Sequence[str], seconds: float) -> None:
        """Statements on one connection that no transaction may hold. Raises as `write`."""
        await self._run(lambda held: _say(held, texts), seconds)

    async def end(self) -> None:
        """Wait until all that was begun has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, work: Work[T], seconds: float) -> T:
        troubles: list[Exception] = []
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._bounded(work, seconds, troubles))
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

    async def _bounded(self, work: Work[T], seconds: float, troubles: list[Exception]) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await self._until_it_works(work, troubles)
        except TimeoutError:
            raise self._late(seconds, troubles) from None

    def _late(self, seconds: float, troubles: list[Exception]) -> StorageUnavailable:
        why = self._text_of(troubles[-1]) if troubles else "no answer"
        return StorageUnavailable(f"{self._where}: {why} (within {seconds:g} s)")

    async def _until_it_works(self, work: Work[T], troubles: list[Exception]) -> T:
        """Whatever `work` is, it may be done twice: known ids are not written again."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._once(work)
            except DRIVER as error:
                if not may_pass(error):
                    kind = StorageUnavailable if is_away(error) else StorageError
                    raise kind(f"{self._where}: {self._text_of(error)}") from None
                troubles[:] = [error]
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                # A future below us was cancelled by somebody else: its connection is given up.
                troubles[:] = [ConnectionError("the driver has cancelled this call")]
            await asyncio.sleep(random.uniform(0, pause))
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _once(self, work: Work[T]) -> T:
        async with self._connections.acquire() as connection:
            try:
                return await work(connection)
            except BaseException as error:
                # What was cut off is of unknown state, and another server may have become the
                # primary: the next call gets a new connection.
                cut_off = not isinstance(error, Exception) or connection.is_in_transaction()
                if cut_off or code_of(error) == READ_ONLY:
                    connection.terminate()
                raise


async def _say(connection: Connection, texts: Sequence[str]) -> None:
    for text in texts:
        await connection.execute(text)


async def _perform(connection: Connection, begin: str, act: Act[T]) -> T:
    try:
        transaction = next(act)
        while True:
            try:
                result = await _transact(connection, begin, transaction)
            except Exception as error:
                transaction = act.throw(error)
            else:
                transaction = act.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


async def _transact(connection: Connection, begin: str, transaction: Transaction) -> object:
    procedure = transaction.procedure
    await connection.execute(begin)
    try:
        try:
            statement = next(procedure)
            while True:
                statement = procedure.send(await _ask(connection, statement))
        except StopIteration as end:
            await connection.execute("COMMIT" if transaction.kept else "ROLLBACK")
            return end.value
    except Exception:
        if connection.is_in_transaction():
            with suppress(*DRIVER):
                await connection.execute("ROLLBACK")
        raise


async def _ask(connection: Connection, statement: Statement) -> Sequence[Row]:
    if not statement.each:
        rows: Sequence[Any] = await connection.fetch(statement.text, *statement.given)
        return rows
    if statement.given:
        await connection.executemany(statement.text, statement.given)
    return ()
