"""How far people have read, in an SQL database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..core.model import PageKey
from .abc import ReadBy
from .schema import STRANGER
from .sql import TODAY, Act, Dialect, Procedure, Row, Statement, Transaction, one_act
from .sql_read import KEYS

__all__ = ["DROPPED_AT_ONCE", "ReadPositions"]

DROPPED_AT_ONCE = 1_000
"""Positions in one transaction: commits wait for one of these, not for all."""
_DAY_MS = 86_400_000

_CHUNK = 1_000
_ASKED = {**KEYS, "user_id": "text"}
_KEPT = {**_ASKED, "seq": "bigint"}


class ReadPositions:
    """`keep` and `forget` are for connections like those of `Writer`, `up_to` for those of
    `Reader`."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        spell = dialect.spell
        # In order, so that two who move the same rows never wait for each other.
        self._keep = spell(
            f"""INSERT INTO {{read}} AS known (page_id, user_id, seq, moved_day)
            SELECT page.id, given.user_id,
                CASE WHEN given.seq > page.seq THEN page.seq ELSE given.seq END, {TODAY}
            FROM {dialect.rows("given", _KEPT)} JOIN {{page}} AS page
            ON page.tenant_id = given.tenant_id AND page.url_id = given.url_id
            WHERE true ORDER BY page.id, given.user_id
            ON CONFLICT (page_id, user_id)
            DO UPDATE SET seq = excluded.seq, moved_day = excluded.moved_day
            WHERE excluded.seq > known.seq"""
        )
        self._up_to = spell(
            f"""SELECT given.tenant_id, given.url_id, given.user_id, known.seq
            FROM {dialect.rows("given", _ASKED)} JOIN {{page}} AS page
            ON page.tenant_id = given.tenant_id AND page.url_id = given.url_id
            JOIN {{read}} AS known ON known.page_id = page.id AND known.user_id = given.user_id"""
        )
        of_tenant = "user_id = $1 AND page_id IN (SELECT id FROM {page} WHERE tenant_id = $2)"
        self._count = spell(f"SELECT count(*) FROM {{read}} WHERE {of_tenant}")
        self._forget = spell(f"DELETE FROM {{read}} WHERE {of_tenant}")
        self._old = spell(
            f"SELECT page_id, user_id FROM {{read}} WHERE moved_day < $1 AND {STRANGER} LIMIT $2"
        )
        self._drop = spell(
            "DELETE FROM {read} WHERE page_id = $1 AND user_id = $2 AND moved_day < $3"
        )

    def keep(self, read: Mapping[ReadBy, int]) -> Act[None]:
        rows = sorted((*page, user_id, seq) for (page, user_id), seq in read.items())
        for some in _chunks(rows):
            yield Transaction(self._keep_some(some))

    def _keep_some(self, rows: Sequence[Row]) -> Procedure[None]:
        yield Statement(self._keep, self._dialect.give(rows, len(_KEPT)))

    @one_act
    def up_to(self, asked: Collection[ReadBy]) -> Procedure[dict[ReadBy, int]]:
        found: dict[ReadBy, int] = {}
        for some in _chunks([(*page, user_id) for page, user_id in asked]):
            rows = yield Statement(self._up_to, self._dialect.give(some, len(_ASKED)))
            for tenant_id, url_id, user_id, seq in rows:
                found[ReadBy(PageKey(tenant_id, url_id), user_id)] = seq
        return found

    @one_act
    def forget(self, tenant_id: str, user_id: str) -> Procedure[int]:
        [[count]] = yield Statement(self._count, (user_id, tenant_id))
        yield Statement(self._forget, (user_id, tenant_id))
        return int(count)

    @one_act
    def old(self, before_ms: int) -> Procedure[list[tuple[int, str]]]:
        """Positions of anonymous visitors that have not moved since that day, the first few."""
        rows = yield Statement(self._old, (before_ms // _DAY_MS, DROPPED_AT_ONCE))
        # In order, so that two who drop the same rows never wait for each other.
        return sorted((page_id, user_id) for page_id, user_id in rows)

    @one_act
    def drop(self, positions: Sequence[tuple[int, str]], before_ms: int) -> Procedure[None]:
        """But those that moved meanwhile."""
        day = before_ms // _DAY_MS
        yield Statement(self._drop, [(*position, day) for position in positions], each=True)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
