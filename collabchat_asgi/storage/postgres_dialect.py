"""How PostgreSQL says it: rows travel as arrays, and a commit writes in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import StorageError
from ..postgres_client.faults import code_of, text_of
from .schema import TABLES, migrate
from .sql import Changes, Dialect, Procedure, Row, Statement, one_act

__all__ = ["PostgresDialect", "prepare"]

_REFUSED = ("22", "54")
"""Data exceptions, as a NUL in a text; limits of the program, as a name too long for an index."""
_OPENING = int.from_bytes(b"collab", "big")
"""The advisory lock of those who open."""

_UNSAMPLED = {
    "entry": ["user_id", "fingerprint", "receipt", "event"],
    "record": ["value", "body"],
    "read": ["user_id"],
}
"""Nothing is looked up by them, and the planner's statistics would keep what people wrote in a
table that is not ours, whatever becomes of the row."""

_HEADS = {"epoch": "text", "seq": "bigint", "id": "bigint"}
_ENTRIES = {
    "page_id": "bigint",
    "broadcast_id": "text",
    "seq": "bigint",
    "epoch": "text",
    "event": "bytea",
    "body_key": "text",
    "user_id": "text",
    "fingerprint": "bytea",
    "receipt": "bytea",
}
_PUTS = {"page_id": "bigint", "key": "text", "value": "bytea", "body": "text", "body_seq": "bigint"}
_DELETES = {"page_id": "bigint", "key": "text"}


class PostgresDialect(Dialect):
    """`schema`: where the tables are; None for the first of the search path."""

    now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    lock = "FOR UPDATE OF page"
    may_lose = True

    def __init__(self, schema: str | None) -> None:
        self.schema = schema
        self._front = f'"{schema}".' if schema else ""
        types = {"text": 'TEXT COLLATE "C"', "bytes": "BYTEA", "id": "BIGSERIAL", "no_rowid": ""}
        tables = {name: self._front + table for name, table in TABLES.items()}
        self._words = {**tables, **types, "now": self.now}
        places, froms = 1, []
        for name, columns in (
            ("heads", _HEADS),
            ("entries", _ENTRIES),
            ("puts", _PUTS),
            ("deletes", _DELETES),
        ):
            froms.append(self.rows(name, columns, places))
            places += len(columns)
        heads, entries, puts, deletes = froms
        self._everything = self.spell(
            f"""WITH moved AS (
                UPDATE {{page}} AS page SET epoch = heads.epoch, seq = heads.seq
                FROM {heads} WHERE page.id = heads.id
            ), put AS (
                INSERT INTO {{record}} ({", ".join(_PUTS)}) SELECT * FROM {puts}
                ON CONFLICT (page_id, key) DO UPDATE
                SET value = excluded.value, body = excluded.body, body_seq = excluded.body_seq
            ), dropped AS (
                DELETE FROM {{record}} AS record USING {deletes}
                WHERE record.page_id = deletes.page_id AND record.key = deletes.key
            )
            INSERT INTO {{entry}} ({", ".join(_ENTRIES)}, created_ms)
            SELECT entries.*, {{now}} FROM {entries}"""
        )

    def spell(self, text: str) -> str:
        return text.format_map(self._words)

    def rows(self, name: str, columns: Mapping[str, str], first: int = 1) -> str:
        arrays = ", ".join(
            f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), first)
        )
        return f"unnest({arrays}) AS {name} ({', '.join(columns)})"

    def give(self, rows: Sequence[Row], width: int) -> Sequence[object]:
        return [[row[place] for row in rows] for place in range(width)]

    def width(self, columns: int) -> int:
        return columns

    def write(self, changes: Changes) -> Sequence[Statement]:
        given = [
            *self.give(changes.heads, len(_HEADS)),
            *self.give(changes.entries, len(_ENTRIES)),
            *self.give(changes.puts, len(_PUTS)),
            *self.give(changes.deletes, len(_DELETES)),
        ]
        return [Statement(self._everything, given)]

    def has(self, name: str) -> Statement:
        text = "SELECT 1 WHERE to_regclass($1) IS NOT NULL"
        return Statement(text, (self._front + name,))

    def owns(self, name: str) -> Statement:
        text = """SELECT 1 FROM pg_class
            WHERE oid = to_regclass($1) AND pg_has_role(relowner, 'USAGE')"""
        return Statement(text, (self._front + name,))

    def refuses(self, error: BaseException) -> bool:
        return code_of(error).startswith(_REFUSED)

    def told(self, error: Exception) -> Exception:
        return StorageError(f"PostgreSQL refuses it: {text_of(error)}")


@one_act
def prepare(dialect: PostgresDialect) -> Procedure[None]:
    """Create or migrate the tables, one process at a time: `IF NOT EXISTS` alone is a race."""
    [(encoding, database)] = yield Statement(
        "SELECT current_setting('server_encoding'), current_database()"
    )
    if encoding != "UTF8":
        raise StorageError(
            f"database {database} is encoded in {encoding}, which cannot hold all that people "
            f"write: make another, CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    yield Statement("SELECT pg_advisory_xact_lock($1)", (_OPENING,))
    if dialect.schema:
        known = yield Statement("SELECT 1 FROM pg_namespace WHERE nspname = $1", (dialect.schema,))
        if not known:
            yield Statement(f'CREATE SCHEMA "{dialect.schema}"')
    yield from migrate(dialect)
    yield from _sample_no_texts(dialect)


def _sample_no_texts(dialect: PostgresDialect) -> Procedure[None]:
    for name, columns in _UNSAMPLED.items():
        table = dialect.spell(f"{{{name}}}")
        sampled = yield Statement(
            """SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1)
                AND attname = ANY($2::text[]) AND attstattarget IS DISTINCT FROM 0""",
            (table, columns),
        )
        if sampled and (yield dialect.owns(TABLES[name])):
            changes = ", ".join(f"ALTER COLUMN {column} SET STATISTICS 0" for [column] in sampled)
            yield Statement(f"ALTER TABLE {table} {changes}")
