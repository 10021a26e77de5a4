"""A page whole, out of an SQL database and into one."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.model import NOWHERE, PageKey, Position
from .abc import Kept, PageCopy, Record, Rewrite
from .sql import TODAY, Dialect, Procedure, Row, Statement, one_act
from .sql_write import record_row

__all__ = ["Copier"]


class Copier:
    """`dump` is for connections like those of `Reader`, `restore` and `rewrite` for those of
    `Writer`."""

    def __init__(self, dialect: Dialect) -> None:
        spell = dialect.spell
        page = """SELECT id, epoch, seq, trimmed FROM {page} AS page
            WHERE tenant_id = $1 AND url_id = $2"""
        self._page = spell(page)
        self._locked_page = spell(f"{page} {dialect.lock}")
        self._records = spell("SELECT key, value, body, body_seq FROM {record} WHERE page_id = $1")
        self._entries = spell(
            """SELECT epoch, seq, broadcast_id, user_id, fingerprint, receipt, event, body_key,
                created_ms
            FROM {entry} WHERE page_id = $1"""
        )
        self._create_page = spell(
            """INSERT INTO {page} (tenant_id, url_id, epoch, seq, trimmed)
            VALUES ($1, $2, '', 0, 0) ON CONFLICT (tenant_id, url_id) DO NOTHING"""
        )
        self._forget_entries = spell("DELETE FROM {entry} WHERE page_id = $1")
        self._forget_records = spell("DELETE FROM {record} WHERE page_id = $1")
        self._forget_read = spell("DELETE FROM {read} WHERE page_id = $1")
        self._forget_reader = spell("DELETE FROM {read} WHERE page_id = $1 AND user_id = $2")
        self._read = spell("SELECT user_id, seq FROM {read} WHERE page_id = $1")
        self._add_read = spell(
            f"""INSERT INTO {{read}} (page_id, user_id, seq, moved_day)
            VALUES ($1, $2, $3, {TODAY})"""
        )
        self._move_head = spell(
            "UPDATE {page} SET epoch = $1, seq = $2, trimmed = $3 WHERE id = $4"
        )
        self._add_entry = spell(
            """INSERT INTO {entry} (page_id, seq, epoch, broadcast_id, user_id, fingerprint,
                receipt, event, body_key, created_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
        )
        self._add_record = spell(
            """INSERT INTO {record} (page_id, key, value, body, body_seq)
            VALUES ($1, $2, $3, $4, $5)"""
        )

    @one_act
    def dump(self, key: PageKey) -> Procedure[PageCopy]:
        found = yield Statement(self._page, key)
        return (yield from self._whole(found[0])) if found else PageCopy(NOWHERE, 0, (), ())

    def _whole(self, page: Row) -> Procedure[PageCopy]:
        page_id, epoch, seq, trimmed = page
        entries = yield Statement(self._entries, (page_id,))
        records = yield Statement(self._records, (page_id,))
        read = yield Statement(self._read, (page_id,))
        return PageCopy(
            Position(epoch, seq),
            trimmed,
            [Record(*row) for row in records],
            [_kept(row, trimmed) for row in entries],
            {str(user_id): int(seq) for user_id, seq in read},
        )

    @one_act
    def restore(self, key: PageKey, copy: PageCopy) -> Procedure[bool]:
        yield Statement(self._create_page, key)
        [(page_id, epoch, seq, _)] = yield Statement(self._locked_page, key)
        if not copy.position.continues(Position(epoch, seq)):
            return False
        yield from self._replace(page_id, copy)
        yield Statement(self._forget_read, (page_id,))
        yield from self._add_readers(page_id, copy.read)
        return True

    @one_act
    def rewrite(self, key: PageKey, rewrite: Rewrite, drawn: set[str]) -> Procedure[bool]:
        """`drawn` are the epochs of former attempts, of which nobody knows whether they were
        committed: this one knows, and adds its own."""
        found = yield Statement(self._locked_page, key)
        if not found:
            return False
        page_id, epoch, *_ = found[0]
        if epoch in drawn:
            return True
        whole = yield from self._whole(found[0])
        made = rewrite(whole)
        if made is None:
            return False
        if made.position.epoch != epoch:
            drawn.add(made.position.epoch)
        yield from self._replace(page_id, made)
        # The page's lock keeps nobody from reading on: what stays as it was is not touched.
        moved = dict(made.read.items() - whole.read.items())
        gone = [
            (page_id, user_id) for user_id in whole.read.keys() - made.read.keys() | moved.keys()
        ]
        yield Statement(self._forget_reader, sorted(gone), each=True)
        yield from self._add_readers(page_id, moved)
        return True

    def _replace(self, page_id: int, copy: PageCopy) -> Procedure[None]:
        yield Statement(self._forget_entries, (page_id,))
        yield Statement(self._forget_records, (page_id,))
        yield Statement(self._move_head, (*copy.position, copy.trimmed, page_id))
        entries = [_entry_row(page_id, one) for one in copy.kept]
        yield Statement(self._add_entry, entries, each=True)
        records = [record_row(page_id, one) for one in copy.records]
        yield Statement(self._add_record, records, each=True)

    def _add_readers(self, page_id: int, read: Mapping[str, int]) -> Procedure[None]:
        rows = [(page_id, user_id, seq) for user_id, seq in sorted(read.items())]
        yield Statement(self._add_read, rows, each=True)


def _kept(row: Row, trimmed: int) -> Kept:
    epoch, seq, broadcast_id, user_id, fingerprint, receipt, event, body_key, created_ms = row
    if seq <= trimmed:
        # Rows of trimmed events are deleted later than their numbers are.
        event = body_key = None
    position = Position(epoch, seq)
    return Kept(position, broadcast_id, user_id, fingerprint, receipt, event, body_key, created_ms)


def _entry_row(page_id: int, one: Kept) -> Row:
    return (
        page_id,
        one.position.seq,
        one.position.epoch,
        one.broadcast_id,
        one.user_id,
        one.fingerprint,
        one.receipt,
        one.event,
        one.body_key,
        one.created_ms,
    )
