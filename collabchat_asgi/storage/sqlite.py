"""Pages in an SQLite file: durable, embedded, for every process of one machine."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ClassVar, Self, TypeVar

from ..errors import ConfigError, MisuseError, StorageError, StorageUnavailable
from .schema import migrate
from .sql import Act, Procedure, Statement, one_act
from .sql_storage import SqlStorage
from .sqlite_dialect import SqliteDialect
from .sqlite_lane import Lane
from .sqlite_url import SqliteUrl

__all__ = ["SqliteStorage"]

T = TypeVar("T")

_BUSY_SECONDS = 5.0


class SqliteStorage(SqlStorage):
    """`sqlite:///relative.db`, `sqlite:////absolute.db`.

    One thread writes, so commits of this process never wait for each other in SQLite, and one
    reads, so a page can be loaded while a commit waits for the disk. `synchronous=FULL`: what is
    acknowledged survives a power cut. `clock` gives the Unix time in milliseconds.

    A call waits at most `timeout` seconds (option `?timeout=`, 5 by default) for other processes.
    One that is stopped in mid-commit, as a debugger or SIGSTOP does, keeps all others from writing
    until it goes on or ends; reading goes on.
    """

    one_machine: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float = _BUSY_SECONDS,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = Path(os.path.abspath(path))
        self._timeout = timeout
        self.timeout_seconds = timeout
        self._clock = clock
        self._steady = steady
        self._made_ms, self._made_at = clock(), steady()
        self._dialect = SqliteDialect()
        self._lanes: tuple[Lane, Lane] | None = None
        super().__init__(self._dialect)

    def __repr__(self) -> str:
        return f"SqliteStorage({str(self.path)!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        parts = SqliteUrl.parse(url)
        if parts.host or not parts.path:
            raise ConfigError(
                "storage: sqlite needs a file: sqlite:///relative.db or sqlite:////absolute.db "
                "(in memory: memory://)"
            )
        if unknown := sorted(set(parts.options) - {"timeout"}):
            raise ConfigError(f"storage: sqlite has no option {', '.join(unknown)}; known: timeout")
        return cls(parts.path, timeout=_seconds(parts.options.get("timeout", _BUSY_SECONDS)))

    async def open(self) -> None:
        closed = self._lanes is None
        if closed:
            write = partial(_connect_writer, self.path, self._timeout, self._clock)
            read = partial(_connect_reader, self.path, self._timeout)
            self._lanes = (
                Lane("write", self.path, "BEGIN IMMEDIATE", write, self._explain),
                Lane("read", self.path, "BEGIN", read, self._explain),
            )
        try:
            await self._write(partial(_prepare, self._dialect))
        except BaseException:
            if closed:
                await self.close()
            raise

    async def now_ms(self) -> int:
        """The machine's clock, and no later than its steady one says since this instance was made,
        nor than the newest entry: a clock that jumps ahead makes nothing old by itself, and what is
        within the time to keep of the newest commit stays. Only a clock that is wrong from the
        start, and committed with, makes things old before their time."""
        newest = await self._read(partial(_newest, self._dialect))
        steady = self._made_ms + int((self._steady() - self._made_at) * 1_000)
        return min(self._clock(), steady, newest)

    async def purge(self) -> None:
        """Write the file anew, and empty the log beside it: as long as copying the file takes, for
        which commits wait."""
        _, [[busy, *_]] = await self._lane(0).ask("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise StorageUnavailable(
                f"{self.path}: somebody reads on in {self.path.name}-wal, where old texts may "
                "stand: end other programs' long reads, and purge again"
            )

    async def close(self) -> None:
        lanes, self._lanes = self._lanes, None
        # All are told before the first is waited for: this call may be cancelled too.
        closed = None
        for lane in reversed(lanes or ()):
            # One behind the other, who writes last: SQLite leaves its write-ahead log behind where
            # two connections let go of a file at the same moment, each as if it were not the last.
            closed = lane.close(behind=closed)
        if closed is not None:
            await asyncio.shield(asyncio.wrap_future(closed))

    async def _write(self, act: Callable[[], Act[T]], *, patient: bool = False) -> T:
        return await self._lane(0).run(act)

    async def _read(self, act: Callable[[], Act[T]], *, patient: bool = False) -> T:
        return await self._lane(1).run(act)

    def _lane(self, number: int) -> Lane:
        if self._lanes is None:
            raise MisuseError(f"{self!r} is not open: await open() first")
        return self._lanes[number]

    def _explain(self, error: Exception) -> StorageError:
        return explain(error, self.path, self._timeout)


_prepare = one_act(migrate)


@one_act
def _newest(dialect: SqliteDialect) -> Procedure[int]:
    """When the last entry was written; 0 before the first."""
    text = "SELECT created_ms FROM {entry} ORDER BY rowid DESC LIMIT 1"
    rows = yield Statement(dialect.spell(text))
    return int(rows[0][0]) if rows else 0


def _connect_writer(path: Path, timeout: float, clock: Callable[[], int]) -> sqlite3.Connection:
    if path.parent.is_dir() and not path.exists():
        # Bodies and the key of the hints are in it; SQLite gives its -wal and -shm the same mode.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = _connect(path, timeout)
    _switch_to_wal(connection, path, time.monotonic() + timeout)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA journal_size_limit=67108864")
    connection.create_function("collabchat_now", 0, clock)
    return connection


def _connect_reader(path: Path, timeout: float) -> sqlite3.Connection:
    connection = _connect(path, timeout)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _connect(path: Path, timeout: float) -> sqlite3.Connection:
    # The driver's own transactions are off: it would begin them late, and deferred.
    return sqlite3.connect(path, timeout=timeout, isolation_level=None)


def _switch_to_wal(connection: sqlite3.Connection, path: Path, deadline: float) -> None:
    """SQLite does not wait for others here: whoever comes second is told "locked" at once."""
    while True:
        try:
            [mode] = connection.execute("PRAGMA journal_mode=WAL").fetchone()
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
    if isinstance(error, MemoryError):  # which Python makes of SQLite's own
        return sqlite3.SQLITE_NOMEM
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(error: Exception, path: Path, timeout: float) -> StorageError:
    """The same in words that say which file and what to do."""
    code = _code(error)
    if isinstance(error, MemoryError):  # it says nothing more
        return StorageUnavailable(f"{path}: {_AWAY[code]}")
    if code in _AWAY:
        return StorageUnavailable(f"{path}: {_AWAY[code].format(timeout=timeout)} ({error})")
    if code == sqlite3.SQLITE_CANTOPEN and not path.parent.is_dir():
        return StorageError(f"{path}: the directory {path.parent} does not exist: create it")
    hint = _BROKEN.get(code, "SQLite refused")
    return StorageError(f"{path}: {hint} ({error})")


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
