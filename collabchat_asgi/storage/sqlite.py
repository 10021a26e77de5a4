"""Pages in an SQLite file: durable, embedded, for every process of one machine."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from sqlalchemy import (
    Connection,
    FromClause,
    NullPool,
    Table,
    UpdateBase,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from ..core.model import PageKey, Position
from ..errors import ConfigError, MisuseError, StorageError, StorageUnavailable
from .abc import Group, Loaded, Outcome, PageCopy, Revise, Storage, Tail, UsageDelta, UsageRow
from .schema import migrate
from .sql import Dialect, Reader
from .sql_copy import Copier
from .sql_upkeep import Upkeep
from .sql_write import Writer
from .turn import check_groups

__all__ = ["SqliteStorage"]

T = TypeVar("T")

_BUSY_SECONDS = 5.0


class SqliteDialect(Dialect):
    def __init__(self) -> None:
        self._texts: dict[UpdateBase, tuple[str, Callable[[Any], Any]]] = {}

    def execute_many(
        self, connection: Connection, statement: UpdateBase, rows: Sequence[dict[str, object]]
    ) -> None:
        """Past what SQLAlchemy does with each value of each row: that is a third of the time of a
        commit, and the driver takes these values as they are."""
        if statement not in self._texts:
            compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
            assert isinstance(compiled, SQLCompiler)
            assert compiled.positiontup
            self._texts[statement] = str(compiled), itemgetter(*compiled.positiontup)
        text, in_order = self._texts[statement]
        connection.exec_driver_sql(text, [in_order(row) for row in rows])

    def insert(self, table: Table) -> Any:
        return insert(table)

    def given(self, columns: Mapping[str, type[TypeEngine[Any]]]) -> FromClause:
        rows = func.json_each(bindparam("given")).table_valued("value")
        return select(
            *(
                func.json_extract(rows.c.value, f"$[{place}]", type_=kind).label(name)
                for place, (name, kind) in enumerate(columns.items())
            )
        ).subquery()

    def give(self, rows: Sequence[Sequence[object]]) -> Mapping[str, object]:
        given = json.dumps(rows, ensure_ascii=False)
        # SQLite's JSON ends a text at a NUL: another name would be found than was asked for.
        if "\\u0000" in given and any("\0" in name for row in rows for name in _texts(row)):
            raise UnicodeError("a name with a NUL")
        return {"given": given}

    def refuses(self, error: BaseException) -> bool:
        driver = getattr(error, "orig", error)
        if isinstance(driver, sqlite3.OperationalError):
            return False
        return isinstance(driver, sqlite3.Error | UnicodeError | OverflowError)


class SqliteStorage(Storage):
    """`sqlite:///relative.db`, `sqlite:////absolute.db`.

    One thread writes, so commits of this process never wait for each other in SQLite, and one
    reads, so a page can be loaded while a commit waits for the disk. `synchronous=FULL`: what is
    acknowledged survives a power cut. A call waits at most `timeout` seconds (option
    `?timeout=`, 5 by default) for other processes. `clock` gives the Unix time in milliseconds.
    """

    one_machine: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = _BUSY_SECONDS,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.path = Path(os.path.abspath(path))
        self._timeout = timeout
        self.timeout_seconds = timeout
        dialect = SqliteDialect()
        self._reads = Reader(dialect)
        self._writes = Writer(dialect, clock)
        self._upkeep = Upkeep(dialect)
        self._copier = Copier(dialect)
        self._lanes: tuple[_Lane, _Lane] | None = None

    def __repr__(self) -> str:
        return f"SqliteStorage({str(self.path)!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        try:
            parts = make_url(url)
        except ArgumentError as error:
            raise ConfigError(f"storage: not a URL like sqlite:///file.db ({error})") from None
        if parts.host or not parts.database or parts.database == ":memory:":
            raise ConfigError(
                "storage: sqlite needs a file: sqlite:///relative.db or sqlite:////absolute.db "
                "(in memory: memory://)"
            )
        if unknown := sorted(set(parts.query) - {"timeout"}):
            raise ConfigError(f"storage: sqlite has no option {', '.join(unknown)}; known: timeout")
        return cls(parts.database, timeout=_seconds(parts.query.get("timeout", _BUSY_SECONDS)))

    async def open(self) -> None:
        closed = self._lanes is None
        if closed:
            self._lanes = (
                self._lane_of("write", _connect_writer),
                self._lane_of("read", _connect_reader),
            )
        try:
            await self._write(_migrate)
        except BaseException:
            if closed:
                await self.close()
            raise

    def _lane_of(self, name: str, connect: Callable[[Path, float], Connection]) -> _Lane:
        return _Lane(name, self.path, partial(connect, self.path, self._timeout), self._explain)

    async def close(self) -> None:
        lanes, self._lanes = self._lanes, None
        # All are told before the first is waited for: this call may be cancelled too.
        closing = [lane.close() for lane in lanes or ()]
        for closed in closing:
            await asyncio.shield(asyncio.wrap_future(closed))

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await self._lane(0).run(work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._lane(1).run(work)

    def _lane(self, number: int) -> _Lane:
        if self._lanes is None:
            raise MisuseError(f"{self!r} is not open: await open() first")
        return self._lanes[number]

    def _explain(self, error: Exception) -> StorageError:
        return explain(error, self.path, self._timeout)

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        check_groups(groups)
        return await self._write(partial(self._writes.commit, groups=groups, revise=revise))

    async def load(self, page: PageKey) -> Loaded:
        return await self._read(partial(self._reads.load, key=page))

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        return await self._read(partial(self._reads.read, key=page, after=after, limit=limit))

    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        return await self._read(partial(self._reads.heads, keys=pages))

    async def renew(self, page: PageKey, seen: Position) -> Position:
        return await self._write(partial(self._writes.renew, key=page, seen=seen))

    async def erase(self, page: PageKey) -> None:
        await self._write(partial(self._writes.erase, key=page))

    async def dump(self, page: PageKey) -> PageCopy:
        return await self._read(partial(self._copier.dump, key=page))

    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        return await self._write(partial(self._copier.restore, key=page, copy=copy))

    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        work = partial(self._upkeep.trim, before_ms=before_ms, keep_events=keep_events)
        return await self._write(work)

    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        work = partial(self._reads.pages, tenant_id=tenant_id, after=after, limit=limit)
        return await self._read(work)

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        await self._write(partial(self._upkeep.add_usage, deltas=deltas))

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        work = partial(
            self._reads.usage, tenant_id=tenant_id, first_day=first_day, last_day=last_day
        )
        return await self._read(work)

    async def key(self) -> bytes:
        return await self._read(self._reads.key)


class _Lane:
    """A thread, and the connection that never leaves it.

    A caller may go away, its transaction still ends: the thread is not to be cancelled. After any
    error the connection is thrown away, so the next call begins with nothing left over. So is one
    to a file that has been removed or replaced: SQLite would go on writing where nobody reads.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        connect: Callable[[], Connection],
        explain: Callable[[Exception], StorageError],
    ) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._connect = connect
        self._explain = explain
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"collabchat-sqlite-{name}")

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._file is not None and self._file != self._seen():
                self._disconnect()
            if self._connection is None:
                if self._file is not None and self._seen() is None:
                    # Connecting would make an empty file in its place.
                    raise StorageUnavailable(
                        f"{self._path}: the file is gone: put it back, or restart to begin anew"
                    )
                self._connection = self._connect()
                self._file = self._seen()
            return work(self._connection)
        except (SQLAlchemyError, sqlite3.Error, UnicodeError, OverflowError) as error:
            self._disconnect()
            raise self._explain(error) from error
        except BaseException:
            self._disconnect()
            raise

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
            # Closing is all that is left to try: what broke may break this too.
            try:
                connection.close()
            except (SQLAlchemyError, sqlite3.Error):
                connection.invalidate()

    def close(self) -> Future[None]:
        """Done when the thread has ended what it was doing and has let go of the file."""
        closed = self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=False)
        return closed


def _connect_writer(path: Path, timeout: float) -> Connection:
    connection = _connect(path, timeout, "BEGIN IMMEDIATE")
    driver = connection.connection
    cursor = driver.cursor()
    _switch_to_wal(cursor, path, time.monotonic() + timeout)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA journal_size_limit=67108864")
    cursor.close()
    return connection


def _connect_reader(path: Path, timeout: float) -> Connection:
    connection = _connect(path, timeout, "BEGIN")
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()
    return connection


def _connect(path: Path, timeout: float, begin: str) -> Connection:
    # The driver's own transactions are off: it would begin them late, and deferred.
    connect = partial(sqlite3.connect, path, timeout=timeout, isolation_level=None)
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine.connect()


def _switch_to_wal(cursor: Any, path: Path, deadline: float) -> None:
    """SQLite does not wait for others here: whoever comes second is told "locked" at once."""
    while True:
        try:
            [mode] = cursor.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))
            continue
        if mode != "wal":
            raise StorageError(
                f"SQLite cannot keep a write-ahead log beside {path}: "
                "put the file on a local disk, network file systems cannot do it"
            )
        return


def _migrate(connection: Connection) -> None:
    with connection.begin():
        migrate(connection)


def _texts(row: Sequence[object]) -> Iterable[str]:
    return (value for value in row if isinstance(value, str))


def _seconds(text: object) -> float:
    try:
        seconds = float(str(text))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise ConfigError(f"storage: sqlite timeout={text}: give seconds, above 0")
    return seconds


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: Exception, path: Path, timeout: float) -> StorageError:
    """The same in words that say which file and what to do."""
    driver = getattr(error, "orig", None) or error
    code = _code(driver)
    if code in _AWAY:
        return StorageUnavailable(f"{path}: {_AWAY[code].format(timeout=timeout)} ({driver})")
    if code == sqlite3.SQLITE_CANTOPEN and not path.parent.is_dir():
        return StorageError(f"{path}: the directory {path.parent} does not exist: create it")
    hint = _BROKEN.get(code, "SQLite refused")
    return StorageError(f"{path}: {hint} ({driver})")


_AWAY = {
    sqlite3.SQLITE_BUSY: "locked by another process for over {timeout:g} s: look for a long "
    "transaction, a backup or an SQLite shell",
    sqlite3.SQLITE_LOCKED: "locked by another connection: try again",
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_IOERR: "the disk could not be read or written: is it full, or failing?",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_PROTOCOL: "locked by other processes: try again",
}

_BROKEN = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: may this process write the file and its directory?",
    sqlite3.SQLITE_READONLY: "is read-only: let this process write the file and its directory",
    sqlite3.SQLITE_PERM: "access denied: let this process write the file and its directory",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database: give another path, or move the file away",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
}
