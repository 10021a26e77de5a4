"""How far people have read, in an SQL database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..core.model import PageKey
from .abc import ReadBy
from .sql import Act, Dialect, Procedure, Row, Statement, Transaction, one_act
from .sql_read import KEYS

__all__ = ["ReadPositions"]

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
            f"""INSERT INTO {{read}} AS known (page_id, user_id, seq)
            SELECT page.id, given.user_id, given.seq
            FROM {dialect.rows("given", _KEPT)} JOIN {{page}} AS page
            ON page.tenant_id = given.tenant_id AND page.url_id = given.url_id
            WHERE true ORDER BY page.id, given.user_id
            ON CONFLICT (page_id, user_id)
            DO UPDATE SET seq = excluded.seq WHERE excluded.seq > known.seq"""
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


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
