"""A thread with a connection to an SQLite file, which carries out acts."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from ..errors import StorageError, StorageUnavailable
from .sql import Act, Row, Statement, Transaction

__all__ = ["Lane"]

T = TypeVar("T")


class Lane:
    """A caller may go away, its transaction still ends: the thread is not to be cancelled. After
    any error the connection is thrown away, so the next call begins with nothing left over. So is
    one to a file that has been removed: SQLite would go on writing where nobody reads. Another file
    in its place is refused: the write-ahead log beside it is of the one that was there before, and
    both histories would become one.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        begin: str,
        connect: Callable[[], sqlite3.Connection],
        explain: Callable[[Exception], StorageError],
    ) -> None:
        self._path = path
        self._begin = begin
        self._file: tuple[int, int] | None = None
        self._connect = connect
        self._explain = explain
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"collabchat-sqlite-{name}")

    async def run(self, act: Callable[[], Act[T]]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, act)

    async def ask(self, *texts: str) -> list[Sequence[Row]]:
        """Statements that no transaction may hold, one after the other, and the rows of each."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._asked, texts)

    def _asked(self, texts: Sequence[str]) -> list[Sequence[Row]]:
        try:
            connection = self._connected()
            return [connection.execute(text).fetchall() for text in texts]
        except (sqlite3.Error, MemoryError) as error:
            self._disconnect()
            raise self._explain(error) from error

    def _run(self, act: Callable[[], Act[T]]) -> T:
        try:
            return _perform(self._connected(), self._begin, act())
        except (sqlite3.Error, MemoryError, UnicodeError, OverflowError) as error:
            self._disconnect()
            raise self._explain(error) from error
        except BaseException:
            self._disconnect()
            raise

    def _connected(self) -> sqlite3.Connection:
        seen = self._seen()
        if self._file is not None and self._file != seen:
            self._disconnect()
            if seen is None:
                # Connecting would make an empty file in its place.
                raise StorageUnavailable(
                    f"{self._path}: the file is gone: put it back, or restart to begin anew"
                )
            raise StorageUnavailable(
                f"{self._path}: another file was put in its place: stop every process that uses "
                f"it, remove {self._path.name}-wal and {self._path.name}-shm, which belong to the "
                "file that was there before, and start again"
            )
        if self._connection is None:
            self._connection = self._connect()
            self._file = self._seen()
        return self._connection

    def _seen(self) -> tuple[int, int] | None:
        """Which file is there now."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self, behind: Future[None] | None = None) -> Future[None]:
        """Done when the thread has ended what it was doing and has let go of the file, and not
        before `behind`."""

        def disconnect() -> None:
            if behind is not None:
                wait((behind,))
            self._disconnect()

        closed = self._thread.submit(disconnect)
        self._thread.shutdown(wait=False)
        return closed


def _perform(connection: sqlite3.Connection, begin: str, act: Act[T]) -> T:
    try:
        transaction = next(act)
        while True:
            try:
                result = _transact(connection, begin, transaction)
            except Exception as error:
                transaction = act.throw(error)
            else:
                transaction = act.send(result)
    except StopIteration as end:
        value: T = end.value
        return value


def _transact(connection: sqlite3.Connection, begin: str, transaction: Transaction) -> object:
    procedure = transaction.procedure
    connection.execute(begin)
    try:
        try:
            statement = next(procedure)
            while True:
                statement = procedure.send(_ask(connection, statement))
        except StopIteration as end:
            connection.execute("COMMIT" if transaction.kept else "ROLLBACK")
            return end.value
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _ask(connection: sqlite3.Connection, statement: Statement) -> Sequence[Row]:
    if statement.each:
        connection.executemany(statement.text, statement.given)
        return ()
    return connection.execute(statement.text, statement.given).fetchall()
