"""A page whole, out of an SQL database and into one."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from ..core.model import NOWHERE, PageKey, Position
from .abc import Kept, PageCopy, Record
from .schema import entry, page, record
from .sql import Dialect
from .sql_write import record_row

__all__ = ["Copier"]


class Copier:
    """`dump` is for connections like those of `Reader`, `restore` for those of `Writer`."""

    def __init__(self, dialect: Dialect) -> None:
        self._page = select(page).where(
            page.c.tenant_id == bindparam("tenant_id"), page.c.url_id == bindparam("url_id")
        )
        self._create_page = dialect.insert(page).on_conflict_do_nothing()

    def dump(self, connection: Connection, key: PageKey) -> PageCopy:
        with connection.begin():
            found = connection.execute(self._page, key._asdict()).one_or_none()
            if found is None:
                return PageCopy(NOWHERE, 0, (), ())
            of_page = entry.c.page_id == found.id
            kept = connection.execute(select(entry).where(of_page)).all()
            records = connection.execute(
                select(record.c.key, record.c.value, record.c.body, record.c.body_seq).where(
                    record.c.page_id == found.id
                )
            ).all()
        return PageCopy(
            Position(found.epoch, found.seq),
            found.trimmed,
            [Record(*row) for row in records],
            [
                Kept(
                    Position(row.epoch, row.seq),
                    row.broadcast_id,
                    row.user_id,
                    row.fingerprint,
                    row.receipt,
                    # Rows of trimmed events are deleted later than their numbers are.
                    row.event if row.seq > found.trimmed else None,
                    row.body_key if row.seq > found.trimmed else None,
                    row.created_ms,
                )
                for row in kept
            ],
        )

    def restore(self, connection: Connection, key: PageKey, copy: PageCopy) -> bool:
        with connection.begin():
            connection.execute(
                self._create_page, {**key._asdict(), "epoch": "", "seq": 0, "trimmed": 0}
            )
            found = connection.execute(self._page.with_for_update(), key._asdict()).one()
            if not copy.position.continues(Position(found.epoch, found.seq)):
                return False
            for column in (entry.c.page_id, record.c.page_id):
                connection.execute(delete(column.table).where(column == found.id))
            epoch, seq = copy.position
            connection.execute(
                update(page)
                .where(page.c.id == found.id)
                .values(epoch=epoch, seq=seq, trimmed=copy.trimmed)
            )
            for table, rows in (
                (entry, [_entry_row(found.id, one) for one in copy.kept]),
                (record, [record_row(found.id, one) for one in copy.records]),
            ):
                if rows:
                    connection.execute(insert(table), rows)
            return True


def _entry_row(page_id: int, one: Kept) -> dict[str, object]:
    return {
        "page_id": page_id,
        "seq": one.position.seq,
        "epoch": one.position.epoch,
        "broadcast_id": one.broadcast_id,
        "user_id": one.user_id,
        "fingerprint": one.fingerprint,
        "receipt": one.receipt,
        "event": one.event,
        "body_key": one.body_key,
        "created_ms": one.created_ms,
    }
