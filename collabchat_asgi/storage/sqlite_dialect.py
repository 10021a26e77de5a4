"""How SQLite says it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import orjson

from .schema import TABLES
from .sql import Changes, Dialect, Row, Statement

__all__ = ["SqliteDialect"]


class SqliteDialect(Dialect):
    """Rows are given as one JSON text; `collabchat_now()` is a function of each connection's."""

    now = "collabchat_now()"
    lock = ""
    may_lose = False

    def __init__(self) -> None:
        names = {"text": "TEXT", "bytes": "BLOB", "id": "INTEGER", "no_rowid": " WITHOUT ROWID"}
        self._words = {**TABLES, **names, "now": self.now}
        self._move_head = self.spell("UPDATE {page} SET epoch = $1, seq = $2 WHERE id = $3")
        self._add_entry = self.spell(
            """INSERT INTO {entry} (page_id, broadcast_id, seq, epoch, event, body_key, user_id,
                fingerprint, receipt, created_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now})"""
        )
        self._put_record = self.spell(
            """INSERT INTO {record} (page_id, key, value, body, body_seq)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (page_id, key) DO UPDATE
            SET value = excluded.value, body = excluded.body, body_seq = excluded.body_seq"""
        )
        self._delete_record = self.spell("DELETE FROM {record} WHERE page_id = $1 AND key = $2")

    def spell(self, text: str) -> str:
        return re.sub(r"\$(\d+)", r"?\1", text.format_map(self._words))

    def rows(self, name: str, columns: Mapping[str, str], first: int = 1) -> str:
        values = ", ".join(
            f"json_extract(value, '$[{place}]') AS {column}" for place, column in enumerate(columns)
        )
        return f"(SELECT {values} FROM json_each(${first})) AS {name}"

    def give(self, rows: Sequence[Row], width: int) -> Sequence[object]:
        try:
            given = orjson.dumps(rows, default=tuple).decode()
        except orjson.JSONEncodeError as error:
            raise UnicodeError(f"a name that is no text: {error}") from error
        # SQLite's JSON ends a text at a NUL: another name would be found than was asked for.
        if "\\u0000" in given and any("\0" in name for row in rows for name in _texts(row)):
            raise UnicodeError("a name with a NUL")
        return (given,)

    def width(self, columns: int) -> int:
        return 1

    def write(self, changes: Changes) -> Sequence[Statement]:
        return [
            Statement(text, rows, each=True)
            for text, rows in (
                (self._move_head, changes.heads),
                (self._add_entry, changes.entries),
                (self._put_record, changes.puts),
                (self._delete_record, changes.deletes),
            )
            if rows
        ]

    def has(self, name: str) -> Statement:
        return Statement("SELECT 1 FROM sqlite_master WHERE name = ?1", (name,))

    def owns(self, name: str) -> Statement:
        return Statement("SELECT 1")

    def refuses(self, error: BaseException) -> bool:
        if isinstance(error, sqlite3.OperationalError) or _is_damage(error):
            return False
        return isinstance(error, sqlite3.Error | UnicodeError | OverflowError)


def _is_damage(error: BaseException) -> bool:
    """Python gives it the class of a refusal."""
    code = int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _texts(row: Row) -> Iterable[str]:
    return (value for value in row if isinstance(value, str))
