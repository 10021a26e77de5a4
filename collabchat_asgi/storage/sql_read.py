"""Questions to an SQL database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from ..core.model import NOWHERE, Mark, PageKey, Position
from .abc import Loaded, LogEvent, Record, Tail, UsageRow
from .sql import Act, Dialect, Procedure, Row, Statement, Transaction, one_act
from .turn import Head

__all__ = ["KEYS", "Reader", "as_events", "mark_rows"]

_CHUNK = 1_000
KEYS = {"tenant_id": "text", "url_id": "text"}
MARKS = {**KEYS, "epoch": "text", "seq": "bigint", "broadcast_id": "text"}


class Reader:
    """The transactions must be snapshots (SQLite's are; elsewhere REPEATABLE READ), so that a head
    and what is read with it belong together."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        spell = dialect.spell
        self._heads = spell(
            f"""SELECT page.tenant_id, page.url_id, page.epoch, page.seq
            FROM {dialect.rows("given", KEYS)} JOIN {{page}} AS page
            ON page.tenant_id = given.tenant_id AND page.url_id = given.url_id"""
        )
        self._head = spell(
            "SELECT id, epoch, seq, trimmed FROM {page} WHERE tenant_id = $1 AND url_id = $2"
        )
        self._last = spell(
            """SELECT broadcast_id FROM {entry}
            WHERE page_id = $1 AND seq = $2 AND event IS NOT NULL"""
        )
        self._strays = spell(
            f"""SELECT DISTINCT page.tenant_id, page.url_id
            FROM {dialect.rows("given", MARKS)} JOIN {{page}} AS page
            ON page.tenant_id = given.tenant_id AND page.url_id = given.url_id
                AND page.epoch = given.epoch
            JOIN {{entry}} AS entry ON entry.page_id = page.id AND entry.seq = given.seq
            WHERE entry.event IS NOT NULL AND entry.broadcast_id <> given.broadcast_id"""
        )
        self._records = spell("SELECT key, value, body, body_seq FROM {record} WHERE page_id = $1")
        self._events = spell(
            """SELECT entry.page_id, entry.seq, entry.event, coalesce(record.body, ''),
                entry.broadcast_id
            FROM {entry} AS entry LEFT JOIN {record} AS record
            ON record.page_id = entry.page_id AND record.key = entry.body_key
                AND record.body_seq = entry.seq
            WHERE entry.page_id = $1 AND entry.seq > $2 AND entry.event IS NOT NULL
            ORDER BY entry.seq LIMIT $3"""
        )
        self._pages = {
            (of_tenant, later): spell(
                "SELECT tenant_id, url_id FROM {page} WHERE (tenant_id, url_id) > ($1, $2) "
                + ("AND tenant_id = $4 " if of_tenant else "")
                + "ORDER BY tenant_id, url_id LIMIT $3"
                if later
                else "SELECT tenant_id, url_id FROM {page} "
                + ("WHERE tenant_id = $2 " if of_tenant else "")
                + "ORDER BY tenant_id, url_id LIMIT $1"
            )
            for of_tenant in (False, True)
            for later in (False, True)
        }
        self._usage = spell(
            """SELECT day, url_id, counter, amount FROM {usage}
            WHERE tenant_id = $1 AND day >= $2 AND day <= $3 ORDER BY day, url_id"""
        )
        self._key = spell("SELECT key FROM {facts}")

    def _find(self, key: PageKey) -> Procedure[tuple[int, Head]]:
        for page_id, epoch, seq, trimmed in (yield Statement(self._head, key)):
            return page_id, Head(Position(epoch, seq), trimmed)
        return 0, Head()

    @one_act
    def load(self, key: PageKey) -> Procedure[Loaded]:
        page_id, head = yield from self._find(key)
        rows = yield Statement(self._records, (page_id,))
        last = yield Statement(self._last, (page_id, head.position.seq))
        records = [Record(*row) for row in rows]
        return Loaded(head.position, records, last[0][0] if last else "")

    def strays(self, marks: Mapping[PageKey, Sequence[Mark]]) -> Act[set[PageKey]]:
        rows = mark_rows(marks)
        found: set[PageKey] = set()
        for start in range(0, len(rows), _CHUNK):
            found |= yield Transaction(self.some_strays(rows[start : start + _CHUNK]))
        return found

    def some_strays(self, rows: Sequence[Row]) -> Procedure[set[PageKey]]:
        """Rows are of `mark_rows`."""
        told = yield Statement(self._strays, self._dialect.give(rows, len(MARKS)))
        return {PageKey(*row) for row in told}

    @one_act
    def read(self, key: PageKey, after: Position, limit: int) -> Procedure[Tail | str]:
        page_id, head = yield from self._find(key)
        if reason := head.why_no_tail(after):
            return reason
        rows = yield Statement(self._events, (page_id, after.seq, limit))
        return Tail(head.position, as_events(rows).get(page_id, []))

    def heads(self, keys: Collection[PageKey]) -> Act[Mapping[PageKey, Position]]:
        heads = dict.fromkeys(keys, NOWHERE)
        ordered = list(heads)
        for start in range(0, len(ordered), _CHUNK):
            heads |= yield Transaction(self._some_heads(ordered[start : start + _CHUNK]))
        return heads

    def _some_heads(self, keys: list[PageKey]) -> Procedure[dict[PageKey, Position]]:
        rows = yield Statement(self._heads, self._dialect.give(keys, len(KEYS)))
        return {
            PageKey(tenant_id, url_id): Position(epoch, seq)
            for tenant_id, url_id, epoch, seq in rows
        }

    @one_act
    def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> Procedure[list[PageKey]]:
        text = self._pages[tenant_id is not None, after is not None]
        of_tenant = () if tenant_id is None else (tenant_id,)
        rows = yield Statement(text, (*(after or ()), limit, *of_tenant))
        return [PageKey(*row) for row in rows]

    @one_act
    def usage(self, tenant_id: str, first_day: str, last_day: str) -> Procedure[list[UsageRow]]:
        rows = yield Statement(self._usage, (tenant_id, first_day, last_day))
        return [
            UsageRow(tenant_id, url_id, day, {counter: amount for _, _, counter, amount in some})
            for (day, url_id), some in groupby(rows, itemgetter(0, 1))
        ]

    @one_act
    def key(self) -> Procedure[bytes]:
        [[key]] = yield Statement(self._key)
        return bytes(key)


def mark_rows(marks: Mapping[PageKey, Sequence[Mark]]) -> list[Row]:
    return [(*key, *mark.position, mark.broadcast_id) for key in marks for mark in marks[key]]


def as_events(rows: Iterable[Row]) -> dict[int, list[LogEvent]]:
    """Rows of page, number, event, text and broadcast id, by page."""
    events: dict[int, list[LogEvent]] = {}
    for page_id, seq, event, body, broadcast_id in rows:
        events.setdefault(page_id, []).append(LogEvent(seq, event, body, broadcast_id))
    return events
