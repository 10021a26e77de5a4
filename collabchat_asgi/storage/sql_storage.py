"""A storage in an SQL database, whichever: what `Storage` asks, handed to the right procedures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from secrets import token_bytes
from typing import TypeVar

from ..core.model import Mark, PageKey, Position
from .abc import (
    Group,
    Loaded,
    Outcome,
    PageCopy,
    ReadBy,
    Revise,
    Rewrite,
    Storage,
    Tail,
    UsageDelta,
    UsageRow,
)
from .sql import Act, Dialect
from .sql_copy import Copier
from .sql_read import Reader
from .sql_reading import ReadPositions
from .sql_upkeep import FORGOTTEN_AT_ONCE, FORGOTTEN_PER_CALL, Upkeep
from .sql_write import Writer
from .turn import check_groups

__all__ = ["SqlStorage"]

T = TypeVar("T")


class SqlStorage(Storage):
    """Each call is made of acts; a driver may carry an act out more than once."""

    def __init__(self, dialect: Dialect) -> None:
        self._reads = Reader(dialect)
        self._writes = Writer(dialect, self._reads)
        self._upkeep = Upkeep(dialect)
        self._copier = Copier(dialect)
        self._positions = ReadPositions(dialect)

    @abstractmethod
    async def _write(self, act: Callable[[], Act[T]], *, patient: bool = False) -> T:
        """Each statement sees what was committed before it, so a lock comes first. `patient`: it
        may take long, nobody waits for it."""

    @abstractmethod
    async def _read(self, act: Callable[[], Act[T]], *, patient: bool = False) -> T:
        """All statements of a transaction see the same moment."""

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        check_groups(groups)
        return await self._write(partial(self._writes.commit, groups, revise))

    async def load(self, page: PageKey) -> Loaded:
        return await self._read(partial(self._reads.load, page))

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        return await self._read(partial(self._reads.read, page, after, limit))

    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        return await self._read(partial(self._reads.heads, pages))

    async def renew(self, page: PageKey, seen: Position) -> Position:
        return await self._write(partial(self._writes.renew, page, seen))

    async def renew_stray(self, page: PageKey, marks: Sequence[Mark]) -> Position:
        return await self._write(partial(self._writes.renew_stray, page, marks))

    async def strays(self, marks: Mapping[PageKey, Sequence[Mark]]) -> Collection[PageKey]:
        return await self._read(partial(self._reads.strays, marks))

    async def erase(self, page: PageKey) -> None:
        await self._write(partial(self._writes.erase, page), patient=True)

    async def dump(self, page: PageKey) -> PageCopy:
        return await self._read(partial(self._copier.dump, page), patient=True)

    async def restore(self, page: PageKey, copy: PageCopy) -> bool:
        return await self._write(partial(self._copier.restore, page, copy), patient=True)

    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        again = partial(self._copier.rewrite, page, rewrite, set())
        return await self._write(again, patient=True)

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        await self._write(partial(self._positions.keep, read))

    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        return await self._read(partial(self._positions.up_to, asked))

    async def forget_read(self, tenant_id: str, user_id: str) -> int:
        forget = partial(self._positions.forget, tenant_id, user_id)
        return await self._write(forget, patient=True)

    async def trim_read(self, *, before_ms: int) -> int:
        """What is old is looked for without a lock."""
        old = await self._read(partial(self._positions.old, before_ms), patient=True)
        if old:
            await self._write(partial(self._positions.drop, old, before_ms), patient=True)
        return len(old)

    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        """Commits wait for one short transaction of it at most: what is old is looked for without
        a lock, and goes in parts."""
        dropped = 0
        aged = partial(self._upkeep.aged, before_ms, keep_events)
        for page_id in await self._read(aged, patient=True):
            trim = partial(self._upkeep.trim, page_id, before_ms, keep_events)
            dropped += await self._write(trim, patient=True)
        room = FORGOTTEN_PER_CALL
        for page_id in await self._read(partial(self._upkeep.left_over, before_ms), patient=True):
            forget = partial(self._upkeep.forget, page_id, before_ms)
            gone = FORGOTTEN_AT_ONCE
            while room > 0 and gone == FORGOTTEN_AT_ONCE:
                gone = await self._write(forget, patient=True)
                room -= gone
        return dropped

    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        return await self._read(partial(self._reads.pages, tenant_id, after, limit))

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        await self._write(partial(self._upkeep.add_usage, deltas), patient=True)

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        return await self._read(partial(self._reads.usage, tenant_id, first_day, last_day))

    async def forget_usage(self, tenant_id: str, before_day: str) -> None:
        await self._write(partial(self._upkeep.forget_usage, tenant_id, before_day), patient=True)

    async def key(self) -> bytes:
        return await self._read(self._reads.key)

    async def rotate_key(self) -> None:
        await self._write(partial(self._upkeep.rotate_key, token_bytes(32)))
