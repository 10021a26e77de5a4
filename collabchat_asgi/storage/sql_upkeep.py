"""What an SQL database is told once in a while: to forget what is old, and what was used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)

from .abc import UsageDelta
from .schema import applied, entry, page, usage
from .sql import Dialect

__all__ = ["Upkeep"]

_PAGES_AT_ONCE = 10
_EVENTS_AT_ONCE = 1_000
"""Of one page. One call drops at most both multiplied, so that commits need not wait for long."""
_ROWS_AT_ONCE = 2 * _PAGES_AT_ONCE * _EVENTS_AT_ONCE
"""Events and notes: more than one call can set free, so that nothing piles up."""


class Upkeep:
    """Changes that nobody waits for, on connections like those of `Writer`."""

    def __init__(self, dialect: Dialect) -> None:
        self._trimmable = _trimmable().with_for_update(of=page)
        self._move_trimmed = (
            update(page).where(page.c.id == bindparam("page_id")).values(trimmed=bindparam("last"))
        )
        self._forgettable = _forgettable()
        self._forget = delete(entry).where(
            entry.c.page_id == bindparam("of_page"),
            entry.c.broadcast_id == bindparam("of_id"),
        )
        self._apply = dialect.insert(applied).on_conflict_do_nothing()
        add = dialect.insert(usage)
        self._add_usage = add.on_conflict_do_update(
            index_elements=list(usage.primary_key),
            set_={"amount": usage.c.amount + add.excluded.amount},
        )

    def trim(self, connection: Connection, *, before_ms: int, keep_events: int) -> int:
        dropped = 0
        with connection.begin():
            for page_id, seq, trimmed, young in connection.execute(
                self._trimmable, {"before_ms": before_ms, "keep_events": keep_events}
            ).all():
                last = min(seq - keep_events, trimmed + _EVENTS_AT_ONCE, (young or seq + 1) - 1)
                connection.execute(self._move_trimmed, {"page_id": page_id, "last": last})
                dropped += last - trimmed
        # On its own: commits need not wait for the rows to go, nobody reads them any more.
        with connection.begin():
            if old := connection.execute(self._forgettable, {"before_ms": before_ms}).all():
                names = ("of_page", "of_id")
                connection.execute(
                    self._forget, [dict(zip(names, row, strict=True)) for row in old]
                )
        return dropped

    def add_usage(self, connection: Connection, deltas: Sequence[UsageDelta]) -> None:
        with connection.begin():
            for delta in deltas:
                name = {"run_id": delta.run_id, "serial": delta.serial}
                if connection.execute(self._apply, name).rowcount and delta.counters:
                    connection.execute(self._add_usage, _usage_rows(delta))


def _trimmable() -> Select[Any]:
    """Pages whose first number is old and to spare, with the first one that is too young to go:
    clocks go back, and only the beginning of a log may be dropped."""
    first = entry.alias()
    later = entry.alias()
    young = (
        select(func.min(later.c.seq))
        .where(
            later.c.page_id == page.c.id,
            later.c.seq > page.c.trimmed,
            later.c.seq <= page.c.trimmed + _EVENTS_AT_ONCE,
            later.c.event.is_not(None),
            later.c.created_ms >= bindparam("before_ms"),
        )
        .scalar_subquery()
    )
    return (
        select(page.c.id, page.c.seq, page.c.trimmed, young)
        .join(first, and_(first.c.page_id == page.c.id, first.c.seq == page.c.trimmed + 1))
        .where(
            page.c.seq - page.c.trimmed > bindparam("keep_events"),
            first.c.event.is_not(None),
            first.c.created_ms < bindparam("before_ms"),
        )
        .order_by(page.c.tenant_id, page.c.url_id)
        .limit(_PAGES_AT_ONCE)
    )


def _forgettable() -> Select[Any]:
    """What the log no longer holds: dropped events, and notes once they are old too."""
    # The sum keeps planners from walking all entries to find each one's page.
    return (
        select(entry.c.page_id, entry.c.broadcast_id)
        .join(page, entry.c.page_id == page.c.id + 0)
        .where(entry.c.seq <= page.c.trimmed, entry.c.created_ms < bindparam("before_ms"))
        .limit(_ROWS_AT_ONCE)
    )


def _usage_rows(delta: UsageDelta) -> list[dict[str, object]]:
    row = {"tenant_id": delta.tenant_id, "day": delta.day, "url_id": delta.url_id}
    return [{**row, "counter": name, "amount": n} for name, n in delta.counters.items()]
