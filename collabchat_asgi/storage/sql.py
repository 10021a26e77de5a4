"""What every SQL database is asked: written once, sync, for one `Connection` at a time.

What differs between databases is a `Dialect`; `sql_write` holds the statements that change
something. Each method begins and ends its own transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Select,
    Table,
    Text,
    UpdateBase,
    and_,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from ..core.model import NOWHERE, PageKey, Position
from .abc import Loaded, LogEvent, Record, Tail, UsageRow
from .schema import entry, facts, page, record, usage
from .turn import Head

__all__ = ["Dialect", "Reader"]

_CHUNK = 1_000


class Dialect(ABC):
    """What one database says differently from another."""

    @abstractmethod
    def insert(self, table: Table) -> Any:
        """`INSERT` that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""

    @abstractmethod
    def given(self, columns: Mapping[str, type[TypeEngine[Any]]]) -> FromClause:
        """Any number of rows as something to join: one statement, one plan, however many rows."""

    @abstractmethod
    def give(self, rows: Sequence[Sequence[object]]) -> Mapping[str, object]:
        """The parameters for `given`. Rows have the columns in the order they were declared."""

    @abstractmethod
    def refuses(self, error: BaseException) -> bool:
        """Whether `error` is the fault of what was to be stored, not of the storage."""

    def execute_many(
        self, connection: Connection, statement: UpdateBase, rows: Sequence[dict[str, object]]
    ) -> None:
        """A statement that gives nothing back, once for each row."""
        connection.execute(statement, rows)

    def told(self, error: Exception) -> Exception:
        """The same for a log, where nothing that was to be stored may be told."""
        return error


def log_events(after: Any) -> Select[Any]:
    """Events with a number above `after`, each with its text where the record still has it."""
    text_of_event = and_(
        record.c.page_id == entry.c.page_id,
        record.c.key == entry.c.body_key,
        record.c.body_seq == entry.c.seq,
    )
    body = func.coalesce(record.c.body, "")
    return (
        select(entry.c.page_id, entry.c.seq, entry.c.event, body, entry.c.broadcast_id)
        .select_from(entry.outerjoin(record, text_of_event))
        .where(entry.c.seq > after, entry.c.event.is_not(None))
        .order_by(entry.c.page_id, entry.c.seq)
    )


def same_page(other: FromClause) -> Any:
    """Joins `page` to rows of `tenant_id` and `url_id`."""
    return and_(page.c.tenant_id == other.c.tenant_id, page.c.url_id == other.c.url_id)


class Reader:
    """Questions. The connection's transactions must be snapshots (SQLite's are; elsewhere
    REPEATABLE READ), so that a head and what is read with it belong together."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        keys = dialect.given({"tenant_id": Text, "url_id": Text})
        self._heads = select(page.c.tenant_id, page.c.url_id, page.c.epoch, page.c.seq).join_from(
            keys, page, same_page(keys)
        )
        self._head = select(page.c.id, page.c.epoch, page.c.seq, page.c.trimmed).where(
            page.c.tenant_id == bindparam("tenant_id"), page.c.url_id == bindparam("url_id")
        )
        self._records = select(
            record.c.key, record.c.value, record.c.body, record.c.body_seq
        ).where(record.c.page_id == bindparam("id"))
        self._events = (
            log_events(bindparam("after", type_=BigInteger))
            .where(entry.c.page_id == bindparam("id"))
            .limit(bindparam("most", type_=BigInteger))
        )
        self._usage = (
            select(usage.c.day, usage.c.url_id, usage.c.counter, usage.c.amount)
            .where(
                usage.c.tenant_id == bindparam("tenant_id"),
                usage.c.day >= bindparam("first"),
                usage.c.day <= bindparam("last"),
            )
            .order_by(usage.c.day, usage.c.url_id)
        )

    def _find(self, connection: Connection, key: PageKey) -> tuple[int, Head]:
        found = connection.execute(self._head, key._asdict()).one_or_none()
        if found is None:
            return 0, Head()
        return found[0], Head(Position(found[1], found[2]), found[3])

    def load(self, connection: Connection, key: PageKey) -> Loaded:
        with connection.begin():
            page_id, head = self._find(connection, key)
            rows = connection.execute(self._records, {"id": page_id})
            return Loaded(head.position, [Record(*row) for row in rows])

    def read(self, connection: Connection, key: PageKey, after: Position, limit: int) -> Tail | str:
        with connection.begin():
            page_id, head = self._find(connection, key)
            if reason := head.why_no_tail(after):
                return reason
            asked = {"id": page_id, "after": after.seq, "most": limit}
            events = as_events(connection.execute(self._events, asked))
            return Tail(head.position, events.get(page_id, []))

    def heads(
        self, connection: Connection, keys: Collection[PageKey]
    ) -> Mapping[PageKey, Position]:
        heads = dict.fromkeys(keys, NOWHERE)
        ordered = list(heads)
        for start in range(0, len(ordered), _CHUNK):
            given = self._dialect.give(ordered[start : start + _CHUNK])
            with connection.begin():
                for tenant_id, url_id, epoch, seq in connection.execute(self._heads, given):
                    heads[PageKey(tenant_id, url_id)] = Position(epoch, seq)
        return heads

    def pages(
        self, connection: Connection, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        wanted = select(page.c.tenant_id, page.c.url_id)
        if tenant_id is not None:
            wanted = wanted.where(page.c.tenant_id == tenant_id)
        if after is not None:
            wanted = wanted.where(tuple_(page.c.tenant_id, page.c.url_id) > tuple_(*after))
        wanted = wanted.order_by(page.c.tenant_id, page.c.url_id).limit(limit)
        with connection.begin():
            return [PageKey(*row) for row in connection.execute(wanted)]

    def usage(
        self, connection: Connection, tenant_id: str, first_day: str, last_day: str
    ) -> list[UsageRow]:
        asked = {"tenant_id": tenant_id, "first": first_day, "last": last_day}
        with connection.begin():
            rows = connection.execute(self._usage, asked).all()
        return [
            UsageRow(tenant_id, url_id, day, {row.counter: row.amount for row in counters})
            for (day, url_id), counters in groupby(rows, lambda row: (row.day, row.url_id))
        ]

    def key(self, connection: Connection) -> bytes:
        with connection.begin():
            return bytes(connection.execute(select(facts.c.key)).scalar_one())


def as_events(rows: Iterable[Any]) -> dict[int, list[LogEvent]]:
    """The rows of `log_events`, by page."""
    events: dict[int, list[LogEvent]] = {}
    for page_id, seq, event, body, broadcast_id in rows:
        events.setdefault(page_id, []).append(LogEvent(seq, event, body, broadcast_id))
    return events
