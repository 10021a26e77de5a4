"""What changes a page in an SQL database. Each method is one transaction, or a few."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    select,
    update,
)

from ..core.model import NOWHERE, PageKey, Position
from .abc import Entry, Failed, Group, LogEvent, Outcome, Record, Revise, Tail, new_epoch
from .schema import entry, page, record
from .sql import Dialect, as_events, log_events, same_page
from .turn import Head, Known, Turn, last_changes

__all__ = ["Writer", "record_row"]

Rows = list[dict[str, object]]
Tails = Mapping[int, Sequence[LogEvent]]
"""By page."""

_NO_ROW = (0, Head())
"""A page without a row, which nothing is written to: no row has the id 0."""


class Place(NamedTuple):
    """A turn, and the row of its page."""

    page_id: int
    turn: Turn


class Writer:
    """Changes. The connection's transactions must keep other writers off a page from the moment
    its row is selected here: SQLite's `BEGIN IMMEDIATE`, elsewhere `FOR UPDATE`."""

    def __init__(self, dialect: Dialect, clock: Callable[[], int]) -> None:
        self._dialect = dialect
        self._clock = clock
        keys = dialect.given({"tenant_id": Text, "url_id": Text})
        # Rows are locked in key order, so that two commits never wait for each other.
        self._lock_pages = (
            select(page)
            .join_from(keys, page, same_page(keys))
            .order_by(page.c.tenant_id, page.c.url_id)
            .with_for_update(of=page)
        )
        self._create_page = dialect.insert(page).on_conflict_do_nothing()
        ids = dialect.given({"page_id": BigInteger, "broadcast_id": Text})
        self._recall = recall(ids)
        tails = dialect.given({"page_id": BigInteger, "after": BigInteger})
        self._tails = log_events(tails.c.after).join(tails, entry.c.page_id == tails.c.page_id)
        self._move_head = (
            update(page)
            .where(page.c.id == bindparam("page_id"))
            .values(epoch=bindparam("new_epoch"), seq=bindparam("new_seq"))
        )
        self._add_entry = dialect.insert(entry)
        put = dialect.insert(record)
        self._put_record = put.on_conflict_do_update(
            index_elements=[record.c.page_id, record.c.key],
            set_={name: put.excluded[name] for name in ("value", "body", "body_seq")},
        )
        self._delete_record = delete(record).where(
            record.c.page_id == bindparam("of_page"), record.c.key == bindparam("of_key")
        )

    def commit(
        self, connection: Connection, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        if len(groups) > 1:
            try:
                return self._commit(connection, groups, revise, {})
            except Exception as error:
                if not self._dialect.refuses(error):
                    raise
        # One at a time: a group that the database refuses must not take the others with it.
        return [self._commit_alone(connection, group, revise) for group in groups]

    def _commit_alone(
        self, connection: Connection, group: Group, revise: Revise
    ) -> Mapping[str, Outcome]:
        offered = group.entries

        def remembering(key: PageKey, tail: Tail) -> Sequence[Entry]:
            nonlocal offered
            offered = revise(key, tail)
            return offered

        failed: dict[str, Failed] = {}
        while True:
            try:
                return self._commit(connection, [group], remembering, failed)[0]
            except Exception as error:
                if not self._dialect.refuses(error):
                    raise
                suspects = [e for e in offered if e.broadcast_id not in failed]
                guilty = self._refused(connection, group.page, suspects)
                if not guilty:
                    failure = Failed(self._dialect.told(error))
                    return {e.broadcast_id: failure for e in (*group.entries, *offered)}
                failed |= guilty

    def _refused(
        self, connection: Connection, key: PageKey, entries: Sequence[Entry]
    ) -> dict[str, Failed]:
        """Which entries cannot be written even alone. Tried and rolled back."""
        failed = {}
        for suspect in entries:
            with connection.begin() as transaction:
                try:
                    self._rehearse(connection, key, suspect)
                except Exception as error:
                    if not self._dialect.refuses(error):
                        raise
                    failed[suspect.broadcast_id] = Failed(self._dialect.told(error))
                finally:
                    transaction.rollback()
        return failed

    def _rehearse(self, connection: Connection, key: PageKey, suspect: Entry) -> None:
        page_id, head = self._pages(connection, [Group(key, NOWHERE, [suspect])])[key]
        turn = Turn(Group(key, head.position, [suspect]), head, {})
        places = [Place(page_id, turn)]
        self._learn(connection, places)
        if not turn.wants_tail:
            self._write(connection, places)

    def _commit(
        self,
        connection: Connection,
        groups: Sequence[Group],
        revise: Revise,
        failed: Mapping[str, Failed],
    ) -> Sequence[Mapping[str, Outcome]]:
        with connection.begin():
            pages = self._pages(connection, groups)
            places = []
            for group in groups:
                page_id, head = pages[group.page]
                places.append(Place(page_id, Turn(group, head, failed)))
            waiting = places
            while waiting:
                tails = self._learn(connection, waiting)
                waiting = [p for p in waiting if p.turn.wants_tail and not p.turn.is_lost()]
                if tails is None and waiting:
                    tails = self._read_tails(connection, waiting)
                for place in waiting:
                    place.turn.revise(revise, (tails or {}).get(place.page_id, []))
            self._write(connection, places)
        return [place.turn.outcomes for place in places]

    def _pages(
        self, connection: Connection, groups: Sequence[Group]
    ) -> Mapping[PageKey, tuple[int, Head]]:
        """Rows of the groups' pages, locked; created where something is to be written."""
        pages = self._locked(connection, [group.page for group in groups])
        missing = [group for group in groups if group.page not in pages]
        created = sorted(g.page for g in missing if not all(e.lookup for e in g.entries))
        pages |= {group.page: _NO_ROW for group in missing if group.page not in created}
        # Somebody may erase a page between the two statements; then it has to be created again.
        while created:
            rows = [{**key._asdict(), "epoch": "", "seq": 0, "trimmed": 0} for key in created]
            connection.execute(self._create_page, rows)
            pages |= self._locked(connection, created)
            created = [key for key in created if key not in pages]
        return pages

    def _locked(
        self, connection: Connection, keys: Sequence[PageKey]
    ) -> dict[PageKey, tuple[int, Head]]:
        rows = connection.execute(self._lock_pages, self._dialect.give(keys))
        return {
            PageKey(tenant_id, url_id): (page_id, Head(Position(epoch, seq), trimmed))
            for page_id, tenant_id, url_id, epoch, seq, trimmed in rows
        }

    def _learn(self, connection: Connection, places: Sequence[Place]) -> Tails | None:
        """Look up what nobody has asked for yet; gives the tails too if they cost nothing more."""
        asked = [(p.page_id, broadcast_id) for p in places for broadcast_id in p.turn.unasked]
        if asked:
            remember(places, connection.execute(self._recall, self._dialect.give(asked)))
        return None

    def _read_tails(self, connection: Connection, places: Sequence[Place]) -> Tails:
        asked = [(p.page_id, p.turn.expected.seq) for p in places]
        return as_events(connection.execute(self._tails, self._dialect.give(asked)))

    def _write(self, connection: Connection, places: Sequence[Place]) -> None:
        now_ms = self._clock()
        heads: Rows = []
        entries: Rows = []
        puts: Rows = []
        deletes: Rows = []
        for page_id, turn in places:
            before = turn.head.position
            placed = turn.place()
            epoch, seq = turn.head.position
            if seq != before.seq:
                heads.append({"page_id": page_id, "new_epoch": epoch, "new_seq": seq})
            entries += (_entry_row(page_id, *one, now_ms) for one in placed)
            changed, gone = last_changes(one for one, _ in placed)
            puts += (record_row(page_id, one) for one in changed)
            deletes += ({"of_page": page_id, "of_key": key} for key in gone)
        if entries:
            self._store(connection, heads, entries, puts, deletes)

    def _store(
        self, connection: Connection, heads: Rows, entries: Rows, puts: Rows, deletes: Rows
    ) -> None:
        for statement, rows in (
            (self._move_head, heads),
            (self._add_entry, entries),
            (self._put_record, puts),
            (self._delete_record, deletes),
        ):
            if rows:
                self._dialect.execute_many(connection, statement, rows)

    def renew(self, connection: Connection, key: PageKey, seen: Position) -> Position:
        with connection.begin():
            page_id, head = self._locked(connection, [key]).get(key, _NO_ROW)
            epoch, seq = head.position
            if not seq or epoch != seen.epoch or seq >= seen.seq:
                return head.position
            renewed = Position(new_epoch(), seq)
            row = {"page_id": page_id, "new_epoch": renewed.epoch, "new_seq": seq}
            connection.execute(self._move_head, row)
            return renewed

    def erase(self, connection: Connection, key: PageKey) -> None:
        with connection.begin():
            page_id, _ = self._locked(connection, [key]).get(key, _NO_ROW)
            for column in (entry.c.page_id, record.c.page_id, page.c.id):
                connection.execute(delete(column.table).where(column == page_id))


def recall(ids: FromClause) -> Select[Any]:
    """What is remembered of `page_id`, `broadcast_id`."""
    same = and_(entry.c.page_id == ids.c.page_id, entry.c.broadcast_id == ids.c.broadcast_id)
    known = (entry.c.epoch, entry.c.user_id, entry.c.fingerprint, entry.c.receipt)
    return select(entry.c.page_id, entry.c.broadcast_id, entry.c.seq, *known).join_from(
        ids, entry, same
    )


def remember(places: Sequence[Place], rows: Iterable[Any]) -> None:
    """Tell each turn what `recall` has found."""
    found: dict[int, dict[str, Known]] = {}
    for page_id, broadcast_id, seq, epoch, user_id, fingerprint, receipt in rows:
        known = Known(user_id, fingerprint, Position(epoch, seq), receipt)
        found.setdefault(page_id, {})[broadcast_id] = known
    for place in places:
        place.turn.learn(found.get(place.page_id, {}))


def _entry_row(page_id: int, one: Entry, position: Position, now_ms: int) -> dict[str, object]:
    return {
        "page_id": page_id,
        "seq": position.seq,
        "broadcast_id": one.broadcast_id,
        "epoch": position.epoch,
        "event": one.event,
        "body_key": one.body_key,
        "user_id": one.user_id,
        "fingerprint": one.fingerprint,
        "receipt": one.receipt,
        "created_ms": now_ms,
    }


def record_row(page_id: int, one: Record) -> dict[str, object]:
    return {
        "page_id": page_id,
        "key": one.key,
        "value": one.value,
        "body": one.body,
        "body_seq": one.body_seq,
    }
