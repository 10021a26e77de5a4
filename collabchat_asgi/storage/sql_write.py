"""What changes a page in an SQL database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..core.model import NOWHERE, Mark, PageKey, Position
from .abc import Entry, Failed, Group, LogEvent, Outcome, Record, Revise, Tail, new_epoch
from .sql import Act, Changes, Dialect, Procedure, Row, Statement, Transaction, one_act
from .sql_read import KEYS, Reader, as_events, mark_rows
from .turn import Head, Known, Turn, last_changes

__all__ = ["Writer", "record_row"]

Tails = Mapping[int, Sequence[LogEvent]]
"""By page."""

_NO_ROW = (0, Head())
"""A page without a row, which nothing is written to: no row has the id 0."""
_IDS = {"page_id": "bigint", "broadcast_id": "text"}
_AFTER = {"page_id": "bigint", "after": "bigint"}
_SEEN = {"page_id": "bigint", "broadcast_id": "text", "seq": "bigint"}


class PageTurn(NamedTuple):
    """A turn, and the row of its page."""

    page_id: int
    turn: Turn


class Writer:
    """The transactions must keep other writers off a page from the moment its row is selected
    here: SQLite's `BEGIN IMMEDIATE`, elsewhere `FOR UPDATE`.

    A round trip to a server 2 ms away takes longer than all of its work, and the page's lock is
    held meanwhile: between the lock and its release are two round trips, also where the head had
    moved.
    """

    def __init__(self, dialect: Dialect, reader: Reader) -> None:
        self._dialect = dialect
        self._reader = reader
        spell = dialect.spell
        given = dialect.rows("given", KEYS)
        # Rows are locked in key order, so that two commits never wait for each other.
        self._lock_pages = spell(
            f"""SELECT page.id, page.tenant_id, page.url_id, page.epoch, page.seq, page.trimmed
            FROM {given} JOIN {{page}} AS page
            ON page.tenant_id = given.tenant_id AND page.url_id = given.url_id
            ORDER BY page.tenant_id, page.url_id {dialect.lock}"""
        )
        self._create_pages = spell(
            f"""INSERT INTO {{page}} (tenant_id, url_id, epoch, seq, trimmed)
            SELECT tenant_id, url_id, '', 0, 0 FROM {given} WHERE true
            ON CONFLICT (tenant_id, url_id) DO NOTHING"""
        )
        ids = dialect.rows("ids", _IDS)
        first = 1 + dialect.width(len(_IDS))
        tails = dialect.rows("tails", _AFTER, first)
        seen = dialect.rows("seen", _SEEN, first + dialect.width(len(_AFTER)))
        astray = f"""
            UNION ALL
            SELECT seen.page_id, '', 0, '', NULL, NULL, NULL
            FROM {seen} LEFT JOIN {{entry}} AS entry
            ON entry.page_id = seen.page_id AND entry.broadcast_id = seen.broadcast_id
                AND entry.event IS NOT NULL
            WHERE entry.seq IS NULL OR entry.seq <> seen.seq"""
        self._past = spell(
            f"""SELECT entry.page_id, entry.broadcast_id, entry.seq, entry.epoch, entry.user_id,
                entry.fingerprint, entry.receipt
            FROM {ids} JOIN {{entry}} AS entry
            ON entry.page_id = ids.page_id AND entry.broadcast_id = ids.broadcast_id
            UNION ALL
            SELECT entry.page_id, entry.broadcast_id, entry.seq, coalesce(record.body, ''), NULL,
                entry.event, NULL
            FROM {tails} JOIN {{entry}} AS entry
            ON entry.page_id = tails.page_id AND entry.seq > tails.after
            LEFT JOIN {{record}} AS record
            ON record.page_id = entry.page_id AND record.key = entry.body_key
                AND record.body_seq = entry.seq
            WHERE entry.event IS NOT NULL"""
            + (astray if dialect.may_lose else "")
        )
        self._move_head = spell("UPDATE {page} SET epoch = $1, seq = $2 WHERE id = $3")
        self._erase = [
            spell(f"DELETE FROM {{{table}}} WHERE {column} = $1")
            for table, column in (
                ("entry", "page_id"),
                ("record", "page_id"),
                ("read", "page_id"),
                ("page", "id"),
            )
        ]

    def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Act[Sequence[Mapping[str, Outcome]]]:
        if len(groups) > 1:
            try:
                together: Sequence[Mapping[str, Outcome]] = yield Transaction(
                    self._commit(groups, revise, {})
                )
                return together
            except Exception as error:
                if not self._dialect.refuses(error):
                    raise
        # One at a time: a group that the database refuses must not take the others with it.
        outcomes: list[Mapping[str, Outcome]] = []
        for group in groups:
            outcomes += [(yield from self._commit_alone(group, revise))]
        return outcomes

    def _commit_alone(self, group: Group, revise: Revise) -> Act[Mapping[str, Outcome]]:
        offered = group.entries

        def remembering(key: PageKey, tail: Tail) -> Sequence[Entry]:
            nonlocal offered
            offered = revise(key, tail)
            return offered

        failed: dict[str, Failed] = {}
        while True:
            try:
                outcomes: list[Mapping[str, Outcome]] = yield Transaction(
                    self._commit([group], remembering, failed)
                )
                return outcomes[0]
            except Exception as error:
                if not self._dialect.refuses(error):
                    raise
                refused = error
            suspects = [e for e in offered if e.broadcast_id not in failed]
            guilty = yield from self._refused(group.page, suspects)
            if not guilty:
                failure = Failed(self._dialect.told(refused))
                return {e.broadcast_id: failure for e in (*group.entries, *offered)}
            failed |= guilty

    def _refused(self, key: PageKey, entries: Sequence[Entry]) -> Act[dict[str, Failed]]:
        """Which entries cannot be written even alone. Tried and rolled back."""
        failed = {}
        for suspect in entries:
            try:
                yield Transaction(self._rehearse(key, suspect), kept=False)
            except Exception as error:
                if not self._dialect.refuses(error):
                    raise
                failed[suspect.broadcast_id] = Failed(self._dialect.told(error))
        return failed

    def _rehearse(self, key: PageKey, suspect: Entry) -> Procedure[None]:
        pages = yield from self._pages([Group(key, NOWHERE, [suspect])])
        page_id, head = pages[key]
        turn = Turn(Group(key, head.position, [suspect]), head, {})
        turns = [PageTurn(page_id, turn)]
        yield from self._learn(turns)
        if not turn.wants_tail:
            yield from self._write(turns)

    def _commit(
        self, groups: Sequence[Group], revise: Revise, failed: Mapping[str, Failed]
    ) -> Procedure[Sequence[Mapping[str, Outcome]]]:
        pages = yield from self._pages(groups)
        turns = []
        for group in groups:
            page_id, head = pages[group.page]
            last = group.last if self._dialect.may_lose else ""
            turns.append(PageTurn(page_id, Turn(group, head, failed, last)))
        waiting = turns
        while waiting:
            tails = yield from self._learn(waiting)
            waiting = [p for p in waiting if p.turn.wants_tail and not p.turn.is_lost()]
            for one in waiting:
                one.turn.revise(revise, tails.get(one.page_id, []))
        yield from self._write(turns)
        return [one.turn.outcomes for one in turns]

    def _pages(self, groups: Sequence[Group]) -> Procedure[Mapping[PageKey, tuple[int, Head]]]:
        """Rows of the groups' pages, locked; created where something is to be written."""
        pages = yield from self._locked([group.page for group in groups])
        missing = [group for group in groups if group.page not in pages]
        created = sorted(g.page for g in missing if not all(e.lookup for e in g.entries))
        pages |= {group.page: _NO_ROW for group in missing if group.page not in created}
        # Somebody may erase a page between the two statements; then it has to be created again.
        while created:
            yield Statement(self._create_pages, self._dialect.give(created, len(KEYS)))
            pages |= yield from self._locked(created)
            created = [key for key in created if key not in pages]
        return pages

    def _locked(self, keys: Sequence[PageKey]) -> Procedure[dict[PageKey, tuple[int, Head]]]:
        rows = yield Statement(self._lock_pages, self._dialect.give(keys, len(KEYS)))
        return {
            PageKey(tenant_id, url_id): (page_id, Head(Position(epoch, seq), trimmed))
            for page_id, tenant_id, url_id, epoch, seq, trimmed in rows
        }

    def _learn(self, turns: Sequence[PageTurn]) -> Procedure[Tails]:
        """Look up what nobody has asked for yet, and the tails of pages whose head has moved; of
        the others they are empty."""
        asked = [(p.page_id, broadcast_id) for p in turns for broadcast_id in p.turn.unasked]
        moved = [
            (p.page_id, p.turn.expected.seq)
            for p in turns
            if p.turn.has_moved and not p.turn.head.why_no_tail(p.turn.expected)
        ]
        if not asked:
            return {}
        give = self._dialect.give
        given = [*give(asked, len(_IDS)), *give(moved, len(_AFTER))]
        if self._dialect.may_lose:
            seen = [(p.page_id, last, p.turn.expected.seq) for p in turns if (last := p.turn.last)]
            given += give(seen, len(_SEEN))
        rows = yield Statement(self._past, given)
        found: dict[int, dict[str, Known]] = {}
        astray = set()
        events = []
        for page_id, broadcast_id, seq, text, user_id, content, receipt in rows:
            # Who did it is told of what is known, and not of the log; nothing is told of a page
            # whose log does not have what its group builds on.
            if content is None:
                astray.add(page_id)
            elif user_id is None:
                events.append((page_id, seq, content, text, broadcast_id))
            else:
                known = Known(user_id, content, Position(text, seq), receipt)
                found.setdefault(page_id, {})[broadcast_id] = known
        for one in turns:
            one.turn.learn(found.get(one.page_id, {}))
            if one.page_id in astray:
                one.turn.astray()
        events.sort(key=lambda row: row[1])
        return as_events(events)

    def _write(self, turns: Sequence[PageTurn]) -> Procedure[None]:
        changes = Changes([], [], [], [])
        for page_id, turn in turns:
            before = turn.head.position
            placed = turn.place()
            position = turn.head.position
            if position.seq != before.seq:
                changes.heads.append((*position, page_id))
            changes.entries.extend(_entry_row(page_id, *one) for one in placed)
            changed, gone = last_changes(one for one, _ in placed)
            changes.puts.extend(record_row(page_id, one) for one in changed)
            changes.deletes.extend((page_id, key) for key in gone)
        if changes.entries:
            for statement in self._dialect.write(changes):
                _ = yield statement

    @one_act
    def renew(self, key: PageKey, seen: Position) -> Procedure[Position]:
        pages = yield from self._locked([key])
        page_id, head = pages.get(key, _NO_ROW)
        epoch, seq = head.position
        if not seq or epoch != seen.epoch or seq >= seen.seq:
            return head.position
        return (yield from self._renewed(page_id, seq))

    @one_act
    def renew_stray(self, key: PageKey, marks: Sequence[Mark]) -> Procedure[Position]:
        pages = yield from self._locked([key])
        page_id, head = pages.get(key, _NO_ROW)
        if not (yield from self._reader.some_strays(mark_rows({key: marks}))):
            return head.position
        return (yield from self._renewed(page_id, head.position.seq))

    def _renewed(self, page_id: int, seq: int) -> Procedure[Position]:
        renewed = Position(new_epoch(), seq)
        yield Statement(self._move_head, (*renewed, page_id))
        return renewed

    @one_act
    def erase(self, key: PageKey) -> Procedure[None]:
        pages = yield from self._locked([key])
        page_id, _ = pages.get(key, _NO_ROW)
        for text in self._erase:
            yield Statement(text, (page_id,))


def _entry_row(page_id: int, one: Entry, position: Position) -> Row:
    return (
        page_id,
        one.broadcast_id,
        position.seq,
        position.epoch,
        one.event,
        one.body_key,
        one.user_id,
        one.fingerprint,
        one.receipt,
    )


def record_row(page_id: int, one: Record) -> Row:
    return (page_id, one.key, one.value, one.body, one.body_seq)
