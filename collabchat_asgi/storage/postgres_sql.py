"""What PostgreSQL is asked otherwise: rows travel as arrays, and a commit writes in one statement.

A round trip to a server 2 ms away takes longer than all of its work, and the page's lock is held
meanwhile: between the lock and its release are two round trips, also where the head had moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    FromClause,
    LargeBinary,
    Table,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    inspect,
    null,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeEngine

from ..errors import StorageError
from ..postgres_client.faults import code_of, text_of
from .schema import entry, migrate, page, record
from .sql import Dialect, as_events, log_events
from .sql_write import Place, Rows, Tails, Writer, recall, remember

__all__ = ["PostgresDialect", "PostgresWriter", "prepare"]

Columns = Mapping[str, TypeEngine[Any]]

_REFUSED = ("22", "54")
"""Data exceptions, as a NUL in a text; limits of the program, as a name too long for an index."""
_OPENING = int.from_bytes(b"collab", "big")
"""The advisory lock of those who open."""


class PostgresDialect(Dialect):
    def insert(self, table: Table) -> Any:
        return insert(table)

    def given(self, columns: Mapping[str, type[TypeEngine[Any]]]) -> FromClause:
        return _unnested("given", {name: kind() for name, kind in columns.items()})

    def give(self, rows: Sequence[Sequence[object]]) -> Mapping[str, object]:
        columns = zip(*rows, strict=True)
        return {f"given_{place}": list(values) for place, values in enumerate(columns)}

    def refuses(self, error: BaseException) -> bool:
        return code_of(error).startswith(_REFUSED)

    def told(self, error: Exception) -> Exception:
        return StorageError(f"PostgreSQL refuses it: {text_of(error)}")


class PostgresWriter(Writer):
    """Everything that a commit changes, in one statement."""

    def __init__(self, dialect: Dialect, clock: Callable[[], int]) -> None:
        super().__init__(dialect, clock)
        key: Columns = {"of_page": BigInteger(), "of_key": Text()}
        head: Columns = {"page_id": BigInteger(), "new_epoch": Text(), "new_seq": BigInteger()}
        heads, gone = _unnested("heads", head), _unnested("deletes", key)
        added, changed = _unnested("entries", _types(entry)), _unnested("puts", _types(record))
        move = (
            update(page)
            .where(page.c.id == heads.c.page_id)
            .values(epoch=heads.c.new_epoch, seq=heads.c.new_seq)
        )
        put = insert(record).from_select(list(_types(record)), select(changed))
        put = put.on_conflict_do_update(
            index_elements=[record.c.page_id, record.c.key],
            set_={name: put.excluded[name] for name in ("value", "body", "body_seq")},
        )
        drop = delete(record).where(
            record.c.page_id == gone.c.of_page, record.c.key == gone.c.of_key
        )
        self._everything = (
            insert(entry)
            .from_select(list(_types(entry)), select(added))
            .add_cte(move.cte("moved"), put.cte("put"), drop.cte("dropped"))
        )
        ids = _unnested("ids", {"page_id": BigInteger(), "broadcast_id": Text()})
        tails = _unnested("tails", {"page_id": BigInteger(), "after": BigInteger()})
        events = log_events(tails.c.after).join(tails, entry.c.page_id == tails.c.page_id)
        page_id, seq, event, body, broadcast_id = events.selected_columns
        nothing = (cast(null(), Text), event, cast(null(), LargeBinary))
        events = events.with_only_columns(page_id, broadcast_id, seq, body, *nothing)
        self._past = union_all(recall(ids), events.order_by(None))
        self._names = {
            "heads": list(head),
            "entries": list(_types(entry)),
            "puts": list(_types(record)),
            "deletes": list(key),
        }

    def _learn(self, connection: Connection, places: Sequence[Place]) -> Tails:
        """Also the tails of pages whose head has moved; of the others they are empty."""
        asked = [(p.page_id, broadcast_id) for p in places for broadcast_id in p.turn.unasked]
        if not asked:
            return {}
        moved = [
            (p.page_id, p.turn.expected.seq)
            for p in places
            if p.turn.has_moved and not p.turn.head.why_no_tail(p.turn.expected)
        ]
        given = {
            f"{name}_{place}": [row[place] for row in rows]
            for name, rows in (("ids", asked), ("tails", moved))
            for place in range(2)
        }
        rows = connection.execute(self._past, given).all()
        # Who did it is told of what is known, and not of the log.
        known = [row for row in rows if row.user_id is not None]
        events = [row for row in rows if row.user_id is None]
        remember(places, known)
        events.sort(key=lambda row: row.seq)
        return as_events((row[0], row[2], row[5], row[3], row[1]) for row in events)

    def _store(
        self, connection: Connection, heads: Rows, entries: Rows, puts: Rows, deletes: Rows
    ) -> None:
        rows = {"heads": heads, "entries": entries, "puts": puts, "deletes": deletes}
        given = {
            f"{what}_{place}": [row[name] for row in rows[what]]
            for what, names in self._names.items()
            for place, name in enumerate(names)
        }
        connection.execute(self._everything, given)


def prepare(connection: Connection) -> None:
    """Create or migrate the tables, one process at a time: `IF NOT EXISTS` alone is a race."""
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _OPENING})
        schema = connection.schema_for_object(page)
        if schema and not inspect(connection).has_schema(schema):
            connection.execute(CreateSchema(schema))
        migrate(connection)


def _types(table: Table) -> Columns:
    return {one.name: one.type for one in table.columns}


def _unnested(name: str, columns: Columns) -> FromClause:
    """Rows out of one array per column; the parameters are `name_0`, `name_1` …"""
    arrays = (
        bindparam(f"{name}_{place}", type_=ARRAY(kind))
        for place, kind in enumerate(columns.values())
    )
    names = (column(one, kind) for one, kind in columns.items())
    return func.unnest(*arrays).table_valued(*names, name=name).render_derived()
