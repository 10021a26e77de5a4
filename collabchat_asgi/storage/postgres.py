"""Pages in PostgreSQL: durable, for any number of processes and machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar

from ..errors import ConfigError, MisuseError, StorageError
from ..postgres_client.address import Address
from ..postgres_client.faults import text_of
from ..postgres_client.pool import Pool
from .postgres_calls import Calls, Connections
from .postgres_dialect import PostgresDialect, prepare
from .schema import TABLES
from .sql import Act, Procedure, Statement, one_act
from .sql_storage import SqlStorage

__all__ = ["PostgresStorage"]

T = TypeVar("T")

_PATIENT_SECONDS = 30.0
"""For what nobody waits for: copying, forgetting."""
_PURGE_SECONDS = 3600.0
_OPENING_TIMES = 5
"""Of the bound of a call: all processes of a service start at once, and one makes the tables."""


class PostgresStorage(SqlStorage):
    """`postgresql://user:password@host/database`, or a pool of the host's.

    Options of the URL: `pool` (connections at most, 5), `timeout` (seconds for one call, 2),
    `schema` (made if it is missing), `pooler=transaction` (a PgBouncer in that mode is in
    between), and of libpq `host`, `port`, `ssl…`, `target_session_attrs`. `listen` is for the
    pub/sub. A `pool` (asyncpg's, or what has its `acquire`) is used and never closed; it belongs
    to one event loop.

    A call that meets a restart, a deadlock or a cut connection is made again until its time is
    over. What is acknowledged is as durable as the server's `synchronous_commit` says. Times are
    the server's.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        pool: Connections | None = None,
        schema: str | None = None,
        timeout: float = 2.0,
    ) -> None:
        if (url is None) == (pool is None):
            raise ConfigError("storage: PostgresStorage takes a URL or a pool")
        self._address = None if url is None else Address.parse(url, "storage")
        self._given = pool
        schema = self._address.schema if self._address else schema
        self._seconds = self._address.timeout if self._address else timeout
        self.timeout_seconds = self._seconds
        self._where = self._address.shown if self._address else "a pool of the host's"
        self._dialect = PostgresDialect(schema)
        self._calls: Calls | None = None
        self._pool: Pool | None = None
        super().__init__(self._dialect)

    def __repr__(self) -> str:
        return f"PostgresStorage({self._where!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(url)

    async def open(self) -> None:
        self._leave_dead_loop()
        closed = self._calls is None
        if closed:
            self._pool = Pool(self._address) if self._address else None
            connections = self._pool or self._given
            assert connections is not None
            our_sessions = self._address is not None and not self._address.pooled
            self._calls = Calls(
                connections,
                self._where,
                foreign=self._pool is None,
                idle_seconds=None if our_sessions else 2 * self._seconds,
                text_of=self._explain,
            )
        try:
            seconds = _OPENING_TIMES * self._seconds
            await self._open_calls().write(partial(prepare, self._dialect), seconds)
        except BaseException:
            if closed:
                await self.close()
            raise

    def _leave_dead_loop(self) -> None:
        """A loop may end without `close`, as `asyncio.run` of a task does."""
        if self._calls and self._calls.loop is not asyncio.get_running_loop():
            self._calls = None
            pool, self._pool = self._pool, None
            if pool:
                pool.abandon()

    async def now_ms(self) -> int:
        """The server's."""
        return await self._read(partial(_now, self._dialect))

    async def purge(self) -> None:
        """Write the tables anew: as long as copying them takes, for which all else waits. What the
        server's own write-ahead log and its standbys hold is the server's to recycle."""
        if self._address is None or self._address.pooled:
            raise StorageError(
                f"{self._where}: purging needs a session of its own: give the URL of the server "
                "itself, as collabchat purge --storage postgresql://…"
            )
        if not await self._read(partial(_is_ours, self._dialect)):
            raise StorageError(f"{self._where}: only the owner of the tables can purge them")
        tables = [self._dialect.spell(f"VACUUM (FULL) {{{name}}}") for name in TABLES]
        # A dump that runs would keep this waiting, and all commits behind it.
        texts = ("SET lock_timeout = '2s'", *tables, "RESET lock_timeout")
        await self._open_calls().alone(texts, _PURGE_SECONDS)

    async def close(self) -> None:
        self._leave_dead_loop()
        calls, self._calls = self._calls, None
        pool, self._pool = self._pool, None
        if calls:
            # In a task: this call may be cancelled, and the connections must go all the same.
            await asyncio.shield(asyncio.ensure_future(_closed(calls, pool)))

    async def _write(self, act: Callable[[], Act[T]], *, patient: bool = False) -> T:
        return await self._open_calls().write(act, self._bound(patient))

    async def _read(self, act: Callable[[], Act[T]], *, patient: bool = False) -> T:
        return await self._open_calls().read(act, self._bound(patient))

    def _explain(self, error: Exception) -> str:
        user = self._address.target.get("user") if self._address else None
        return text_of(error, user or "the user of the URL", self._dialect.schema or "public")

    def _bound(self, patient: bool) -> float:
        return _PATIENT_SECONDS if patient else self._seconds

    def _open_calls(self) -> Calls:
        if self._calls is None:
            raise MisuseError(f"{self!r} is not open: await open() first")
        return self._calls


@one_act
def _is_ours(dialect: PostgresDialect) -> Procedure[bool]:
    return bool((yield dialect.owns(TABLES["entry"])))


@one_act
def _now(dialect: PostgresDialect) -> Procedure[int]:
    [[now_ms]] = yield Statement(f"SELECT {dialect.now}")
    return int(now_ms)


async def _closed(calls: Calls, pool: Pool | None) -> None:
    await calls.end()
    if pool:
        await pool.close()
