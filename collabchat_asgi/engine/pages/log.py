"""Bring pages up to the log: the one act that heals a lost hint, a late join and a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ...config import Timing, Tuning
from ...core.batch import weight
from ...core.model import NOWHERE, Event, Mark, PageKey, Position, UnknownEvent
from ...core.records import restore
from ...errors import StorageError, StorageUnavailable
from ...sparing_log import SparingLog
from ...storage.abc import Reason, Storage, Tail
from ..backend import bound_of, bounded
from ..delivery.viewer import Viewer
from ..storage_time import StorageTime
from ..supervisor import Supervisor
from .decoding import decode_log
from .page import REPLAY_BYTES, Page

logger = logging.getLogger("collabchat_asgi.engine")

CHUNK = 500
"""Numbers per read."""


AWAY_AFTER = 3
"""Pages in a row that cannot be read: then it is the storage that is away, not a page that is
broken."""


class Unreadable(StorageError):
    """A page's records are not what this release understands. The page's fault alone."""


def _up_to(size: int, events: Iterable[Event]) -> Iterator[Event]:
    """So many bytes of them, and at least one."""
    for event in events:
        yield event
        size -= weight(event)
        if size <= 0:
            return


class LogReader:
    """All reads of the storage that keep pages current. What several want at once is read once.

    `reads` counts calls to the storage by kind.
    """

    def __init__(
        self,
        storage: Storage,
        supervisor: Supervisor,
        time: StorageTime,
        tuning: Tuning,
        timing: Timing,
    ) -> None:
        self._storage = storage
        self._supervisor = supervisor
        self._time = time
        self._tuning = tuning
        self._seconds = bound_of(storage, timing)
        self._dedupe_ms = int(timing.dedupe_days * 86_400_000)
        self._asked: dict[PageKey, list[asyncio.Future[Position]]] = {}
        self._asking = False
        self._once_more: set[Page] = set()
        self._failing: set[Page] = set()
        self._log = SparingLog(logger)
        self.reads = {"load": 0, "read": 0, "heads": 0}

    async def current(self, page: Page) -> None:
        """Return when the page has everything that was committed before this call.

        Raises `StorageError`.
        """
        before = page.position
        head = await self._head(page.key)
        page.sequencer.head_is(head)
        if head.seq < before.seq or page.sequencer.behind:
            # Smaller than a position that was known before: the page was erased or rolled back.
            await self.catch_up(page)
            # That read may have begun earlier, for somebody else, and have ended before the head.
            page.sequencer.head_is(head)
        while page.sequencer.behind:
            await self.catch_up(page)

    @property
    def failing(self) -> int:
        """Open pages that could not be brought up to the log when that was last tried."""
        return len(self._failing)

    async def load(self, page: Page, led_by: Sequence[Event] = ()) -> None:
        """Read the page whole. Raises `StorageError`.

        `led_by` are the events after the page's position, some of them unknown. Where they show
        what the storage has, viewers are told them; otherwise everyone starts over.
        """
        self.reads["load"] += 1
        before, seen = page.position, page.sequencer.marks
        loaded = await bounded(self._storage.load(page.key), self._seconds)
        if loaded.position.epoch == before.epoch and loaded.position.seq < before.seq:
            logger.error(
                "the storage of %s was rolled back behind %d: a new epoch is drawn",
                page.topic,
                before.seq,
            )
            await bounded(self._storage.renew(page.key, before), self._seconds)
            loaded = await bounded(self._storage.load(page.key), self._seconds)
        agreed = loaded.position.seq
        if loaded.position.epoch != before.epoch and seen and page.is_read_to(seen[0]):
            agreed = await self._agreed(page, seen, loaded.position.epoch)
        if loaded.position.epoch == page.position.epoch and loaded.position.seq < page.position.seq:
            return  # the page has moved on meanwhile
        if page.position.epoch not in (before.epoch, loaded.position.epoch):
            # Another history came meanwhile: which of the two is the later one, only the storage
            # can say.
            await self.load(page)
            return
        now_ms = self._time.now_ms()
        try:
            state = restore(loaded.position, loaded.records, now_ms - self._dedupe_ms)
        except (msgspec.MsgspecError, ValueError, KeyError) as error:
            raise Unreadable(f"a record of {page.topic} cannot be read: {error}") from error
        page.expired_keys = [
            record.key
            for record in loaded.records
            if record.key.startswith("x:") and record.key[2:] not in state.deleted
        ]
        if not (led_by and page.lead_to(state, led_by)):
            page.restore(state, loaded.last, agreed)

    async def _agreed(self, page: Page, seen: Sequence[Mark], epoch: str) -> int:
        """Up to which number the log of a new epoch has the events that were seen, as far as can be
        told: what a failover has lost was read, and what stands in its place was not."""
        agreed = seen[0].position.seq - 1
        tail = await self.read(page.key, Position(epoch, agreed), CHUNK)
        names = {} if isinstance(tail, str) else {e.seq: e.broadcast_id for e in tail.events}
        for mark in seen:
            if names.get(mark.position.seq) != mark.broadcast_id:
                break
            agreed = mark.position.seq
        return agreed

    async def _compare(self, pages: Sequence[Page]) -> dict[Page, list[Mark]]:
        """Notice a storage that went back and was written on past what these pages had: its heads
        look as if nothing had happened. Gives the marks of all others, which it did not contradict.
        Raises `StorageError`."""
        marks = {page: page.sequencer.marks for page in pages}
        asked = {page.key: seen for page, seen in marks.items() if seen}
        strays = await bounded(self._storage.strays(asked), self._seconds) if asked else ()
        for page in [page for page in marks if page.key in strays]:
            seen = marks.pop(page)
            try:
                await self._renew_stray(page, seen)
                await self.load(page)
            except StorageError as error:
                logger.warning("%s is compared again: it failed to be read: %s", page.topic, error)
        return marks

    async def _renew_stray(self, page: Page, seen: Sequence[Mark]) -> None:
        logger.error(
            "the storage of %s went back, and was written on by who had not seen %d: a new epoch "
            "is drawn",
            page.topic,
            page.position.seq,
        )
        await bounded(self._storage.renew_stray(page.key, seen), self._seconds)

    async def start_over(self, page: Page) -> None:
        """Read the page whole, which a commit has found to be of another history. Raises
        `StorageError`."""
        seen = page.sequencer.marks
        strays = await bounded(self._storage.strays({page.key: seen}), self._seconds)
        if strays:
            await self._renew_stray(page, seen)
        await self.load(page)

    async def catch_up(self, page: Page) -> None:
        """Read the log after what the page has, once for all who ask meanwhile.

        Raises `StorageError`.
        """
        await self._supervisor.flight(("catch up", page), lambda: self._read_to_the_end(page))

    def catch_up_soon(self, page: Page) -> None:
        """The same, without waiting; a failure is left to the next sweep."""
        if self._supervisor.is_flying(("catch up", page)):
            # What is asked for now may be newer than what that read will find.
            self._once_more.add(page)
        else:
            self._supervisor.once("catch up", self._quietly(page))

    async def _read_to_the_end(self, page: Page) -> None:
        try:
            await self._catch_up(page)
        finally:
            if page in self._once_more:
                self._once_more.discard(page)
                # It begins when this flight has ended.
                self._supervisor.once("catch up", self._quietly(page))

    async def sweep(self, pages: Sequence[Page]) -> None:
        """Compare these pages with the storage and heal what is behind; a page that cannot be read
        keeps no other from it. Raises `StorageError` where it is the storage that is away."""
        self._failing.intersection_update(pages)
        marks = await self._compare(pages)
        before = {page: page.position for page in pages}
        heads = await self._heads([page.key for page in pages])
        behind = []
        for page, position in before.items():
            head = heads.get(page.key, NOWHERE)
            page.sequencer.head_is(head)
            if head.epoch == position.epoch and head.seq >= position.seq:
                page.sequencer.confirmed(marks.get(page, ()))
            if page.sequencer.behind or head.seq < position.seq:
                behind.append(page)
            else:
                self._failing.discard(page)
        in_a_row = 0
        # Those that failed before come last: they may take their time.
        for page in sorted(behind, key=self._failing.__contains__):
            try:
                await self.catch_up(page)
                in_a_row = 0
            except Exception as error:
                self._fails(page, error)
                in_a_row += 1
                if in_a_row == AWAY_AFTER and isinstance(error, StorageUnavailable):
                    raise

    async def backfill(self, page: Page, since: int) -> None:
        """Have the ring reach back to `since` if it can hold so much. Raises `StorageError`."""
        after = page.sent - self._tuning.ring_frames
        if since < max(after, 0):
            return
        await self._supervisor.flight(
            ("backfill", page), lambda: self._backfill(page, max(after, 0))
        )

    async def read(self, key: PageKey, after: Position, limit: int) -> Tail | str:
        """A stretch of the log. Raises `StorageError`."""
        self.reads["read"] += 1
        return await bounded(self._storage.read(key, after, limit), self._seconds)

    def replay(self, viewer: Viewer[Page]) -> None:
        """Serve a viewer whose place is not in the ring: from the log, a chunk at a time."""
        self._supervisor.once("replay", self._replay(viewer))

    async def _replay(self, viewer: Viewer[Page]) -> None:
        page = viewer.page
        if viewer not in page.viewers or not viewer.waiting:
            return
        position = Position(page.position.epoch, viewer.position)
        if page.reaches(position.seq):
            viewer.waiting = False
            viewer.replay_from(position.seq)
            return
        try:
            tail = await self.read(page.key, position, CHUNK)
        except Exception:
            # Whoever cannot be served in order comes back and resumes.
            self._log.warning("serving", "serving a viewer of %s from the log failed", page.topic)
            viewer.outbox.out_of_order()
            return
        if viewer not in page.viewers or not viewer.waiting:
            return
        viewer.waiting = False
        if isinstance(tail, str) or page.position.epoch != position.epoch or not tail.events:
            viewer.start_over()
            page.begin(viewer, can=None)
            return
        # The log may be ahead of the page: what is beyond it comes when the page has it.
        told = decode_log(tail.events)
        if has_unknown(told):
            # Nobody can say what it has changed for whoever comes from before it.
            viewer.start_over()
            page.begin(viewer, can=None)
            return
        known = (event for event in told if event.seq <= page.sent)
        events = list(_up_to(REPLAY_BYTES, known))
        viewer.owe(page.replayed(events), events[-1].seq if events else viewer.position)

    async def _backfill(self, page: Page, after: int) -> None:
        epoch = page.position.epoch
        tail = await self.read(page.key, Position(epoch, after), self._tuning.ring_frames)
        if isinstance(tail, Tail) and page.position.epoch == epoch:
            page.backfill(_after_the_unknown(decode_log(tail.events)))

    async def _catch_up(self, page: Page) -> None:
        while True:
            position = page.position
            waiting = page.sequencer.waiting()
            tail = await self._from_the_end_of(page)
            if isinstance(tail, Tail):
                events = decode_log(tail.events)
                same = page.position.epoch == tail.position.epoch
                if same and page.sequencer.contradicts(events):
                    # It went back and was written on, by who had not seen what is known here.
                    await self.start_over(page)
                    return
                events = [event for event in events if event.seq > position.seq]
                if has_unknown(events):
                    await self.load(page, led_by=events)
                else:
                    page.accept(tail.position.epoch, events)
                    self._failing.discard(page)
                if page.position.seq >= tail.position.seq or not events:
                    page.sequencer.caught_up(waiting)
                    return
            if page.position == position:
                # There is no tail, or none that this page takes: it is read whole.
                await self.load(page)
                return

    async def _from_the_end_of(self, page: Page) -> Tail | str:
        """The log after what the page has; and the event that it ends with, where its name is
        known, so that what comes is not put on top of another one."""
        epoch, seq = page.position
        if page.sequencer.last:
            tail = await self.read(page.key, Position(epoch, seq - 1), CHUNK)
            if isinstance(tail, Tail):
                if tail.position.epoch != epoch:
                    return Reason.EPOCH
                return tail if tail.events else Reason.AHEAD
            if tail != Reason.TRUNCATED:
                return tail
        return await self.read(page.key, Position(epoch, seq), CHUNK)

    async def _quietly(self, page: Page) -> None:
        try:
            await self.catch_up(page)
        except Exception as error:
            self._fails(page, error)

    def _fails(self, page: Page, error: Exception) -> None:
        """Said once, until it succeeds."""
        level = logging.DEBUG if page in self._failing else logging.WARNING
        logger.log(level, "bringing %s up to its log failed: %s", page.topic, error)
        self._failing.add(page)

    async def _head(self, key: PageKey) -> Position:
        waiter: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append(waiter)
        if not self._asking:
            self._asking = True
            self._supervisor.once("heads", self._answer_heads())
        return await waiter

    async def _answer_heads(self) -> None:
        """Each read of heads serves all who asked before it began, and no others."""
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    heads = await self._heads(list(asked))
                except Exception as error:
                    for waiter in (waiter for some in asked.values() for waiter in some):
                        if not waiter.done():
                            waiter.set_exception(error)
                    continue
                for key, waiters in asked.items():
                    for waiter in waiters:
                        if not waiter.done():
                            waiter.set_result(heads.get(key, NOWHERE))
        finally:
            self._asking = False

    async def _heads(self, keys: list[PageKey]) -> dict[PageKey, Position]:
        heads: dict[PageKey, Position] = {}
        for start in range(0, len(keys), 1_000):
            self.reads["heads"] += 1
            chunk = keys[start : start + 1_000]
            heads.update(await bounded(self._storage.heads(chunk), self._seconds))
        return heads


def has_unknown(events: Iterable[Event]) -> bool:
    return any(isinstance(event, UnknownEvent) for event in events)


def _after_the_unknown(events: list[Event]) -> list[Event]:
    """What can be told to whoever missed it: nobody can say what an unknown event has changed."""
    for index in range(len(events) - 1, -1, -1):
        if isinstance(events[index], UnknownEvent):
            return events[index + 1 :]
    return events
