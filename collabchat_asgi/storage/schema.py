"""The tables of the SQL storages, their version, and how they come to be."""

from __future__ import annotations

import time
from secrets import token_bytes

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from ..errors import StorageError

__all__ = ["VERSION", "applied", "entry", "facts", "metadata", "page", "record", "usage"]

VERSION = 1
"""Of the tables below. A greater one in the database was written by a newer release."""

metadata = MetaData()

_id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is INTEGER to the letter."""

_text = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in code point order, which is how `PageKey` sorts."""

facts = Table(
    "collabchat_facts",
    metadata,
    Column("version", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
"""One row: the schema's version, and the key that signs hints."""

page = Table(
    "collabchat_page",
    metadata,
    Column("id", _id, primary_key=True),
    Column("tenant_id", _text, nullable=False),
    Column("url_id", _text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("trimmed", BigInteger, nullable=False),
    Index("collabchat_page_key", "tenant_id", "url_id", unique=True),
)
"""Heads. `trimmed` is the last number that the log no longer holds."""

# No `WITHOUT ROWID` for these two: rows of this size, sorted into the middle of an index, dirty
# almost three times as many pages per commit (340, not 118, with an entry on each of 64 pages).

entry = Table(
    "collabchat_entry",
    metadata,
    Column("page_id", BigInteger, primary_key=True, autoincrement=False),
    Column("broadcast_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("event", LargeBinary),
    Column("body_key", Text),
    Column("user_id", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("receipt", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("collabchat_entry_seq", "page_id", "seq"),
)
"""The log and the memory of known ids in one: a note is a row without an event."""

record = Table(
    "collabchat_record",
    metadata,
    Column("page_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    Column("body_seq", BigInteger, nullable=False),
)
"""Current facts about pages, with the texts that the log carries."""

usage = Table(
    "collabchat_usage",
    metadata,
    Column("tenant_id", _text, primary_key=True),
    Column("day", _text, primary_key=True),
    Column("url_id", _text, primary_key=True),
    Column("counter", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

applied = Table(
    "collabchat_usage_applied",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""Deltas that are in `usage` already."""


def migrate(connection: Connection) -> None:
    """Create the tables, or bring them to `VERSION`. Call it in a transaction that holds a lock
    against everybody else who opens. Raises `StorageError` on tables of a newer release."""
    if not inspect(connection).has_table(facts.name, connection.schema_for_object(facts)):
        metadata.create_all(connection)
        now_ms = time.time_ns() // 1_000_000
        connection.execute(
            insert(facts).values(version=VERSION, key=token_bytes(32), created_ms=now_ms)
        )
    version = connection.scalar(select(facts.c.version))
    if version is None:
        raise StorageError(f"table {facts.name} is empty: restore it from a backup")
    if version > VERSION:
        raise StorageError(
            f"the database has tables of version {version}, this release knows {VERSION}: "
            "upgrade collabchat-asgi"
        )
