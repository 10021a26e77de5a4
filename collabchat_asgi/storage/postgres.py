"""Pages in PostgreSQL: durable, for any number of processes and machines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar
from weakref import WeakSet

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ..core.model import PageKey, Position
from ..errors import ConfigError, MisuseError
from ..postgres_client.address import Address
from .abc import (
    Group,
    Loaded,
    Outcome,
    PageCopy,
    Revise,
    Storage,
    Tail,
    UsageDelta,
    UsageRow,
)
from .postgres_calls import Calls
from .postgres_sql import PostgresDialect, PostgresWriter, prepare
from .sql import Reader
from .sql_copy import Copier
from .sql_upkeep import Upkeep
from .turn import check_groups

__all__ = ["PostgresStorage"]

T = TypeVar("T")

_PATIENT_SECONDS = 30.0
"""For what nobody waits for: copying, forgetting."""
_OPENING_TIMES = 5
"""Of the bound of a call: all processes of a service start at once, and one makes the tables."""
_GOODBYE_SECONDS = 2.0


class PostgresStorage(Storage):
    """`postgresql://user:password@host/database`, or an engine of the host's.

    Options of the URL: `pool` (connections at most, 5), `timeout` (seconds for one call, 2),
    `schema` (made if it is missing), `pooler=transaction` (a PgBouncer in that mode is in
    between), and of libpq `host`, `port`, `ssl…`, `target_session_attrs`. `listen` is for the
    pub/sub. An `engine` (asyncpg) is used with a pool and a time zone of its own and never closed;
    it belongs to one event loop. `clock` gives the Unix time in milliseconds.

    A call that meets a restart, a deadlock or a cut connection is made again until its time is
    over. What is acknowledged is as durable as the server's `synchronous_commit` says.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        engine: AsyncEngine | None = None,
        schema: str | None = None,
        timeout: float = 2.0,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        if (url is None) == (engine is None):
            raise ConfigError("storage: PostgresStorage takes a URL or an engine")
        if engine is not None and (engine.dialect.name, engine.dialect.driver) != _SPOKEN:
            raise ConfigError("storage: the engine must be made for postgresql+asyncpg://")
        self._address = None if url is None else Address.parse(url, "storage")
        self._given = engine
        self._schema = self._address.schema if self._address else schema
        self._seconds = self._address.timeout if self._address else timeout
        self.timeout_seconds = self._seconds
        self._where = self._address.shown if self._address else _place_of(engine)
        dialect = PostgresDialect()
        self._reads = Reader(dialect)
        self._writes = PostgresWriter(dialect, clock)
        self._upkeep = Upkeep(dialect)
        self._copier = Copier(dialect)
        self._calls: Calls | None = None
        self._pool: _Pool | None = None

    def __repr__(self) -> str:
        return f"PostgresStorage({self._where!r})"

    @classmethod
    def from_url(cls, url: str) -> Self:
        return cls(url)

    async def open(self) -> None:
        closed = self._calls is None
        if closed:
            if self._address:
                self._pool = _Pool(self._address)
            engine = self._pool.engine if self._pool else self._given
            assert engine is not None
            self._calls = Calls(engine, self._schema, self._where, foreign=self._pool is None)
        try:
            await self._write(prepare, _OPENING_TIMES * self._seconds)
        except BaseException:
            if closed:
                await self.close()
            raise

    async def close(self) -> None:
        calls, self._calls = self._calls, None
        pool, self._pool = self._pool, None
        if calls:
            # In a task: this call may be cancelled, and the connections must go all the same.
            await asyncio.shield(asyncio.ensure_future(_closed(calls, pool)))

    async def _write(self, work: Callable[[Connection], T], seconds: float = 0) -> T:
        return await self._open_calls().write(work, seconds or self._seconds)

    async def _read(self, work: Callable[[Connection], T], seconds: float = 0) -> T:
        return await self._open_calls().read(work, seconds or self._seconds)

    def _open_calls(self) -> Calls:
        if self._calls is None:
            raise MisuseError(f"{self!r} is not open: await open() first")
        return self._calls

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
        await self._write(partial(self._writes.erase, key=page), _PATIENT_SECONDS)

    async def dump(self, page: PageKey) -> PageCopy:
        return await self._read(partial(self._copier.dump, key=page), _PATIENT_SECONDS)

    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        work = partial(self._copier.restore, key=page, copy=copy)
        return await self._write(work, _PATIENT_SECONDS)

    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        work = partial(self._upkeep.trim, before_ms=before_ms, keep_events=keep_events)
        return await self._write(work, _PATIENT_SECONDS)

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


_SPOKEN = ("postgresql", "asyncpg")


def _place_of(engine: AsyncEngine | None) -> str:
    assert engine is not None
    url = engine.url
    return f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"


class _Pool:
    """An engine of our own, and the connections that it made."""

    def __init__(self, address: Address) -> None:
        self._made: WeakSet[Any] = WeakSet()
        self._address = address
        connect: dict[str, Any] = {}
        if address.pooled:
            # The next statement may reach another session: nothing is prepared by name.
            connect = {
                "prepared_statement_cache_size": 0,
                "prepared_statement_name_func": lambda: "",
            }
        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            connect_args=connect,
            hide_parameters=True,
            max_overflow=0,
            pool_size=address.pool,
            pool_use_lifo=True,
            pool_timeout=_PATIENT_SECONDS * 2,  # each call is bounded by itself
        )

    async def _connect(self, *_: object, **__: object) -> Any:
        connection = await self._address.connect()
        self._made.add(connection)
        return connection

    async def close(self) -> None:
        """Ask each connection to end, and cut those that do not."""
        with suppress(Exception):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self.engine.dispose()
        for connection in self._made:
            if not connection.is_closed():
                connection.terminate()


async def _closed(calls: Calls, pool: _Pool | None) -> None:
    await calls.end()
    if pool:
        await pool.close()
