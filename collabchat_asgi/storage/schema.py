"""The tables of the SQL storages, their version, and how they come to be."""

from __future__ import annotations

import time
from secrets import token_bytes

from ..core.text import ANONYMOUS
from ..errors import StorageError
from .sql import Dialect, Procedure, Statement

__all__ = ["LONG", "TABLES", "VERSION", "migrate"]

VERSION = 1
"""Of the tables below. A greater one in the database was written by a newer release."""

TABLES = {
    "facts": "collabchat_facts",
    "page": "collabchat_page",
    "entry": "collabchat_entry",
    "record": "collabchat_record",
    "read": "collabchat_read",
    "usage": "collabchat_usage",
    "applied": "collabchat_usage_applied",
}

# `{text}` is text in code point order, which is how `PageKey` sorts. `{no_rowid}` is for tables of
# small rows. Not for entries and records: rows of that size, sorted into the middle of an index,
# dirty almost three times as many pages per commit (340, not 118, with an entry on each of 64
# pages).
_CREATE_READ = """CREATE TABLE {read} (
        page_id BIGINT NOT NULL,
        user_id TEXT NOT NULL,
        seq BIGINT NOT NULL,
        moved_day INTEGER NOT NULL,
        PRIMARY KEY (page_id, user_id)
    ){no_rowid}"""
"""The numbers up to which people have read, and the day since 1970 on which they moved last: by the
day, so that an index of it is written once a day. Younger than the other tables of version 1."""

STRANGER = f"substr(user_id, 1, {len(ANONYMOUS)}) = '{ANONYMOUS}'"
"""In the very words of the index below: a planner takes no others for it."""

_CREATE_READ_MOVED = f"CREATE INDEX collabchat_read_moved ON {{read}} (moved_day) WHERE {STRANGER}"

_CREATE = (
    # One row: the schema's version, and the key that signs hints.
    """CREATE TABLE {facts} (
        version INTEGER NOT NULL,
        key {bytes} NOT NULL,
        created_ms BIGINT NOT NULL
    )""",
    # Heads. `trimmed` is the last number that the log no longer holds.
    """CREATE TABLE {page} (
        id {id} NOT NULL,
        tenant_id {text} NOT NULL,
        url_id {text} NOT NULL,
        epoch TEXT NOT NULL,
        seq BIGINT NOT NULL,
        trimmed BIGINT NOT NULL,
        PRIMARY KEY (id)
    )""",
    "CREATE UNIQUE INDEX collabchat_page_key ON {page} (tenant_id, url_id)",
    # The log and the memory of known ids in one: a note is a row without an event.
    """CREATE TABLE {entry} (
        page_id BIGINT NOT NULL,
        broadcast_id TEXT NOT NULL,
        seq BIGINT NOT NULL,
        epoch TEXT NOT NULL,
        event {bytes},
        body_key TEXT,
        user_id TEXT NOT NULL,
        fingerprint {bytes} NOT NULL,
        receipt {bytes} NOT NULL,
        created_ms BIGINT NOT NULL,
        PRIMARY KEY (page_id, broadcast_id)
    )""",
    "CREATE INDEX collabchat_entry_seq ON {entry} (page_id, seq)",
    # Current facts about pages, with the texts that the log carries.
    """CREATE TABLE {record} (
        page_id BIGINT NOT NULL,
        key TEXT NOT NULL,
        value {bytes} NOT NULL,
        body TEXT NOT NULL,
        body_seq BIGINT NOT NULL,
        PRIMARY KEY (page_id, key)
    )""",
    """CREATE TABLE {usage} (
        tenant_id {text} NOT NULL,
        day {text} NOT NULL,
        url_id {text} NOT NULL,
        counter TEXT NOT NULL,
        amount BIGINT NOT NULL,
        PRIMARY KEY (tenant_id, day, url_id, counter)
    ){no_rowid}""",
    # Deltas that are in `usage` already.
    """CREATE TABLE {applied} (
        run_id TEXT NOT NULL,
        serial BIGINT NOT NULL,
        PRIMARY KEY (run_id, serial)
    ){no_rowid}""",
    _CREATE_READ,
    _CREATE_READ_MOVED,
)

LONG = 64
"""Numbers in the log of a page that is found by its length. The pages of a site are many, and most
of them stay shorter; their commits have no second index to keep."""

_FOR_RETENTION = {
    "collabchat_page_long": "CREATE INDEX collabchat_page_long ON {page} ((seq - trimmed)) "
    f"WHERE seq - trimmed > {LONG}",
    "collabchat_page_trimmed": "CREATE INDEX collabchat_page_trimmed ON {page} (trimmed) "
    "WHERE trimmed > 0",
}
"""Since version 1: what they are for works without them, in the time that reading all pages takes.
So where the tables belong to somebody else they may be missing."""


def _today() -> int:
    return time.time_ns() // 86_400_000_000_000


def migrate(dialect: Dialect) -> Procedure[None]:
    """Create the tables, or bring them to `VERSION`. The transaction must hold a lock against
    everybody else who opens. Raises `StorageError` on tables of a newer release."""
    if not (yield dialect.has(TABLES["facts"])):
        for text in _CREATE:
            yield Statement(dialect.spell(text))
        now_ms = time.time_ns() // 1_000_000
        insert = "INSERT INTO {facts} (version, key, created_ms) VALUES ($1, $2, $3)"
        yield Statement(dialect.spell(insert), (VERSION, token_bytes(32), now_ms))
    rows = yield Statement(dialect.spell("SELECT version FROM {facts}"))
    if not rows:
        raise StorageError(f"table {TABLES['facts']} is empty: restore it from a backup")
    version = rows[0][0]
    if version > VERSION:
        raise StorageError(
            f"the database has tables of version {version}, this release knows {VERSION}: "
            "upgrade collabchat-asgi"
        )
    if not (yield dialect.has("collabchat_read_moved")):
        has_table = yield dialect.has(TABLES["read"])
        if not (yield dialect.owns(TABLES["page"])):
            raise StorageError(
                f"table {TABLES['read']} is missing or of an older release, and only the owner of "
                "the tables can make it: start this release once with the owner's URL, such as "
                "collabchat doctor --storage"
            )
        add = f"ALTER TABLE {{read}} ADD moved_day INTEGER NOT NULL DEFAULT {_today()}"
        yield Statement(dialect.spell(add if has_table else _CREATE_READ))
        yield Statement(dialect.spell(_CREATE_READ_MOVED))
    for name, text in _FOR_RETENTION.items():
        if not (yield dialect.has(name)) and (yield dialect.owns(TABLES["page"])):
            yield Statement(dialect.spell(text))
