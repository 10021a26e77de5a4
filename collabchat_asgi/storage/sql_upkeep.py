"""What an SQL database is told now and then: to forget, to count usage, to change its key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .abc import UsageDelta
from .schema import LONG
from .sql import Act, Dialect, Procedure, Statement, Transaction, one_act

__all__ = ["FORGOTTEN_AT_ONCE", "FORGOTTEN_PER_CALL", "Upkeep"]

_PAGES_AT_ONCE = 10
_EVENTS_AT_ONCE = 1_000
"""Of one page. One call drops at most both multiplied."""
FORGOTTEN_AT_ONCE = 1_000
"""Rows in one transaction: commits wait for one of these, not for all."""
FORGOTTEN_PER_CALL = 2 * _PAGES_AT_ONCE * _EVENTS_AT_ONCE
"""Events and notes: more than one call can set free, so that nothing piles up."""
_DELTAS_AT_ONCE = 1_000
_APPLIED = {"run_id": "text", "serial": "bigint"}
_USED = {
    "tenant_id": "text",
    "day": "text",
    "url_id": "text",
    "counter": "text",
    "amount": "bigint",
}


class Upkeep:
    """`aged` and `left_over` only ask, on connections like those of `Reader`; what they find is
    looked at again under the page's lock."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        spell = dialect.spell
        aged = """SELECT page.id FROM {page} AS page JOIN {entry} AS first
            ON first.page_id = page.id AND first.seq = page.trimmed + 1
            WHERE page.seq - page.trimmed > $1
                AND first.event IS NOT NULL AND first.created_ms < $2"""
        self._aged = spell(f"{aged} LIMIT $3")
        # The index of long pages serves only who says that no others are meant.
        self._long_and_aged = spell(f"{aged} AND page.seq - page.trimmed > {LONG} LIMIT $3")
        self._locked = spell(
            f"SELECT page.seq, page.trimmed FROM {{page}} AS page WHERE id = $1 {dialect.lock}"
        )
        # Clocks go back, and only the beginning of a log may be dropped.
        self._young = spell(
            """SELECT min(seq) FROM {entry} WHERE page_id = $1 AND seq > $2 AND seq <= $3
                AND event IS NOT NULL AND created_ms >= $4"""
        )
        self._rotate_key = spell("UPDATE {facts} SET key = $1")
        self._move_trimmed = spell("UPDATE {page} SET trimmed = $1 WHERE id = $2")
        self._left_over = spell(
            """SELECT page.id FROM {page} AS page WHERE page.trimmed > 0 AND EXISTS (
                SELECT 1 FROM {entry} AS entry WHERE entry.page_id = page.id
                    AND entry.seq <= page.trimmed AND entry.created_ms < $1
            ) LIMIT $2"""
        )
        self._forgettable = spell(
            """SELECT page_id, broadcast_id FROM {entry}
            WHERE page_id = $1 AND seq <= $2 AND created_ms < $3 LIMIT $4"""
        )
        self._forget = spell("DELETE FROM {entry} WHERE page_id = $1 AND broadcast_id = $2")
        self._forget_usage = spell("DELETE FROM {usage} WHERE tenant_id = $1 AND day < $2")
        self._known = spell(
            f"""SELECT applied.run_id, applied.serial FROM {dialect.rows("given", _APPLIED)}
            JOIN {{applied}} AS applied
            ON applied.run_id = given.run_id AND applied.serial = given.serial"""
        )
        self._apply = spell(
            f"""INSERT INTO {{applied}} (run_id, serial)
            SELECT run_id, serial FROM {dialect.rows("given", _APPLIED)}"""
        )
        self._add = spell(
            f"""INSERT INTO {{usage}} AS usage (tenant_id, day, url_id, counter, amount)
            SELECT tenant_id, day, url_id, counter, amount FROM {dialect.rows("given", _USED)}
            WHERE true ON CONFLICT (tenant_id, day, url_id, counter)
            DO UPDATE SET amount = usage.amount + excluded.amount"""
        )

    @one_act
    def aged(self, before_ms: int, keep_events: int) -> Procedure[list[int]]:
        """Pages whose first number is old and to spare."""
        text = self._long_and_aged if keep_events >= LONG else self._aged
        rows = yield Statement(text, (keep_events, before_ms, _PAGES_AT_ONCE))
        return [page_id for (page_id,) in rows]

    @one_act
    def trim(self, page_id: int, before_ms: int, keep_events: int) -> Procedure[int]:
        """Drop the first numbers of a page; gives how many. Nobody reads their rows any more."""
        for seq, trimmed in (yield Statement(self._locked, (page_id,))):
            most = min(seq - keep_events, trimmed + _EVENTS_AT_ONCE)
            asked = (page_id, trimmed, most, before_ms)
            [[young]] = yield Statement(self._young, asked)
            last = most if young is None else young - 1
            if last > trimmed:
                yield Statement(self._move_trimmed, (last, page_id))
                return int(last - trimmed)
        return 0

    @one_act
    def rotate_key(self, key: bytes) -> Procedure[None]:
        yield Statement(self._rotate_key, (key,))

    @one_act
    def left_over(self, before_ms: int) -> Procedure[list[int]]:
        """Pages that remember what their log no longer holds: dropped events, and notes once they
        are old too."""
        rows = yield Statement(self._left_over, (before_ms, 2 * _PAGES_AT_ONCE))
        return [page_id for (page_id,) in rows]

    @one_act
    def forget(self, page_id: int, before_ms: int) -> Procedure[int]:
        """Gives how many rows have gone."""
        for _, trimmed in (yield Statement(self._locked, (page_id,))):
            asked = (page_id, trimmed, before_ms, FORGOTTEN_AT_ONCE)
            rows = yield Statement(self._forgettable, asked)
            yield Statement(self._forget, [tuple(row) for row in rows], each=True)
            return len(rows)
        return 0

    @one_act
    def forget_usage(self, tenant_id: str, before_day: str) -> Procedure[None]:
        yield Statement(self._forget_usage, (tenant_id, before_day))

    def add_usage(self, deltas: Sequence[UsageDelta]) -> Act[None]:
        by_name = {(delta.run_id, delta.serial): delta for delta in deltas}
        names = sorted(by_name)
        for start in range(0, len(names), _DELTAS_AT_ONCE):
            some = [by_name[name] for name in names[start : start + _DELTAS_AT_ONCE]]
            yield Transaction(self._add_some(some))

    def _add_some(self, deltas: Sequence[UsageDelta]) -> Procedure[None]:
        names = [(delta.run_id, delta.serial) for delta in deltas]
        rows = yield Statement(self._known, self._dialect.give(names, len(_APPLIED)))
        known = {tuple(row) for row in rows}
        # Who adds the same at the same moment fails here, and finds it known when asked again.
        new = [name for name in names if name not in known]
        yield Statement(self._apply, self._dialect.give(new, len(_APPLIED)))
        amounts = _summed(d for d in deltas if (d.run_id, d.serial) not in known)
        # In order, so that two who add to the same rows never wait for each other.
        yield Statement(self._add, self._dialect.give(sorted(amounts), len(_USED)))


def _summed(deltas: Iterable[UsageDelta]) -> list[tuple[str, str, str, str, int]]:
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for delta in deltas:
        for name, amount in delta.counters.items():
            sums[delta.tenant_id, delta.day, delta.url_id, name] += amount
    return [(*row, amount) for row, amount in sums.items()]
