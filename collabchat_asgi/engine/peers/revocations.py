"""Permissions that were withdrawn: commits on a reserved page, carried by log, hint and sweep."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from ...core.model import NOWHERE, PageKey, Position
from ...core.text import uuid7
from ...errors import StorageError
from ...storage.abc import Committed, Entry, Group, PageCopy, Reason, Reset, Storage, Tail
from ..backend import bounded
from ..clock import Clock
from .hints import CONTROL_TOPIC, ControlMoved
from .publisher import Publisher

logger = logging.getLogger("collabchat_asgi.engine")

CONTROL_PAGE = PageKey("", "control")
"""No tenant id is empty, so no client can name it."""


REMEMBERED = 10_000
"""Revocations, at least, that the answer of a hook is held against: no hook takes that long."""


RECALLED = 1_000
"""Ids of the last ones are remembered. A fail-over may lose the end of the log, and gives it a new
epoch in any case: then it is read again from before them, and only what is new is acted on. Who was
closed and has come back since is not closed twice."""


class Revocation(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Whom it concerns; every field that is given must fit."""

    user_id: str | None = None
    tenant_id: str | None = None
    connection_id: str | None = None

    def concerns(self, user_id: str, tenant_id: str, connection_id: str) -> bool:
        return (
            self.user_id in (None, user_id)
            and self.tenant_id in (None, tenant_id)
            and self.connection_id in (None, connection_id)
        )


NOBODY = msgspec.json.encode(Revocation(connection_id=""))
"""What stands in the place of one whose names are forgotten."""


def without_names(page: PageCopy, before_ms: int) -> PageCopy | None:
    """The control page without the names of revocations older than that; None where it has none.
    It keeps its epoch and its numbers: who reads on misses nothing."""
    old = [
        one
        for one in page.kept
        if one.event is not None and one.event != NOBODY and one.created_ms < before_ms
    ]
    if not old:
        return None
    named = {one.broadcast_id for one in old}
    kept = [replace(one, event=NOBODY) if one.broadcast_id in named else one for one in page.kept]
    return replace(page, kept=kept)


class Revocations:
    """`serial` grows with every revocation, so that the answer of a hook that began before one can
    be told from one that began after it."""

    def __init__(
        self,
        storage: Storage,
        publisher: Publisher,
        clock: Clock,
        seconds: float,
        on_revoked: Callable[[Revocation], None],
    ) -> None:
        self._storage = storage
        self._publisher = publisher
        self._clock = clock
        self._seconds = seconds
        self._on_revoked = on_revoked
        self._position: Position = NOWHERE
        self._last: str | None = None
        """The id of the one at the position: with another one there, the log went back, and was
        written on."""
        self._acted: dict[str, int] = {}
        """Ids, and their numbers, of those that were acted on, or stood there before this process
        began."""
        self._acted_after = 0
        """All behind this number are among them."""
        self._recent: list[Revocation] = []
        self._forgotten = 0

    @property
    def serial(self) -> int:
        return self._forgotten + len(self._recent)

    def since(self, serial: int, user_id: str, tenant_id: str, connection_id: str) -> bool:
        """Whether this person was revoked after `serial`."""
        recent = self._recent[max(0, serial - self._forgotten) :]
        return bool(recent) and any(
            revocation.concerns(user_id, tenant_id, connection_id) for revocation in recent
        )

    async def open(self) -> None:
        """What was revoked before this process began concerns nobody here."""
        epoch, seq = self._position = await self._head()
        first = await self._first_kept(epoch, max(0, seq - RECALLED), seq)
        tail = await self._read(Position(epoch, first), RECALLED)
        events = tail.events if isinstance(tail, Tail) else ()
        self._acted = {entry.broadcast_id: entry.seq for entry in events if entry.seq <= seq}
        self._last = next(reversed(self._acted), None)
        self._acted_after = first if self._acted else seq

    async def revoke(self, revocation: Revocation) -> None:
        """Returns when it is committed: every process will act on it. Raises `StorageError`."""
        entry = Entry(
            uuid7(self._clock.now_ms()),
            "",
            b"\0" * 16,
            event=msgspec.json.encode(revocation),
        )

        def again(_: PageKey, tail: Tail) -> Sequence[Entry]:
            return [] if entry.broadcast_id in tail.known else [entry]

        expected = self._position
        while True:
            group = Group(CONTROL_PAGE, expected, [entry])
            [outcomes] = await bounded(self._storage.commit([group], again), self._seconds)
            outcome = outcomes[entry.broadcast_id]
            if not isinstance(outcome, Reset):
                break
            expected = outcome.position
        if not isinstance(outcome, Committed):
            raise StorageError(f"the revocation was not stored: {outcome!r}")
        self._publisher.tell(CONTROL_TOPIC, ControlMoved())
        await self.sweep()

    def _act_on(self, revocation: Revocation) -> None:
        self._recent.append(revocation)
        if len(self._recent) > 2 * REMEMBERED:
            del self._recent[:REMEMBERED]
            self._forgotten += REMEMBERED
        self._on_revoked(revocation)

    async def sweep(self) -> None:
        """Read and act on what is new. Raises `StorageError`."""
        began_again = False
        while True:
            position, last = self._position, self._last
            after = Position(position.epoch, position.seq - 1) if last else position
            tail = await self._read(after, 100)
            if last and tail == Reason.TRUNCATED:
                self._last = None  # it was dropped as too old: there is nothing to compare
                continue
            events = () if isinstance(tail, str) else tail.events
            went_back = last is not None and [e.broadcast_id for e in events[:1]] != [last]
            if isinstance(tail, str) or went_back:
                if began_again:
                    return  # head and log do not agree yet, as on a replica: the next sweep goes on
                began_again = True
                await self._begin_again(position)
                continue
            events = events[1:] if last else events
            if self._position != position:
                continue  # another sweep has been quicker
            for entry in events:
                self._position = Position(tail.position.epoch, entry.seq)
                self._last = entry.broadcast_id
                if entry.broadcast_id in self._acted:
                    continue
                self._remember(entry.broadcast_id, entry.seq)
                try:
                    self._act_on(msgspec.json.decode(entry.event, type=Revocation))
                except Exception:
                    # The next one concerns somebody else.
                    logger.exception("acting on revocation %d failed", entry.seq)
            if not events:
                return

    async def _begin_again(self, position: Position) -> None:
        """The log has no tail after `position`, or is of another history: it is read from before
        what was acted on, or from the first that was not dropped as too old."""
        epoch, last = await self._head()
        first = await self._first_kept(epoch, min(self._acted_after, last), last)
        if self._position == position:
            self._position, self._last = Position(epoch, first), None

    async def _first_kept(self, epoch: str, first: int, last: int) -> int:
        """The lowest number from `first` to `last`, the head, whose tail was not dropped."""
        after = first
        while first < last:
            tail = await self._read(Position(epoch, after), 1)
            if tail == Reason.TRUNCATED:
                first = after + 1
            else:
                last = after
            after = (first + last) // 2
        return first

    async def _read(self, after: Position, limit: int) -> Tail | str:
        return await bounded(self._storage.read(CONTROL_PAGE, after, limit), self._seconds)

    async def _head(self) -> Position:
        heads = await bounded(self._storage.heads([CONTROL_PAGE]), self._seconds)
        return heads[CONTROL_PAGE]

    def _remember(self, broadcast_id: str, seq: int) -> None:
        self._acted[broadcast_id] = seq
        if len(self._acted) > RECALLED:
            oldest = next(iter(self._acted))
            self._acted_after = self._acted.pop(oldest)
