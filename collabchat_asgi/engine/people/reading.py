"""How far people have read: told at once to their other connections, written down in parts.

A position is a small thing that many people send after each event, so nothing waits for it: what
gathers within `PAUSE_SECONDS` is one call to the storage and one hint a page, however many moved.
A crash loses that much of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from ...core.model import PageKey
from ...storage.abc import ReadBy, Storage
from ..backend import bounded
from ..clock import Clock
from ..delivery.viewer import Viewer
from ..pages.gossip import Gossip
from ..pages.page import Page
from ..pages.pages import Pages
from ..peers.hints import HaveRead
from ..peers.publisher import Publisher
from ..supervisor import Supervisor

logger = logging.getLogger("collabchat_asgi.engine")

PAUSE_SECONDS = 0.25
"""Between two calls to the storage."""
MOST_WAITING = 100_000
"""Positions that are not written yet, while the storage is away; more are not remembered."""
BYTES_PER_HINT = 5_000
"""Of user ids and numbers: within the smallest `max_payload` (PostgreSQL: 5,958)."""


class Reading:
    """Positions never go back, and never beyond the head that this process knows."""

    def __init__(
        self,
        storage: Storage,
        publisher: Publisher,
        gossip: Gossip,
        pages: Pages,
        supervisor: Supervisor,
        clock: Clock,
        seconds: float,
    ) -> None:
        self._storage = storage
        self._publisher = publisher
        self._gossip = gossip
        self._pages = pages
        self._supervisor = supervisor
        self._clock = clock
        self._seconds = seconds
        self._viewers: dict[ReadBy, list[Viewer[Page]]] = {}
        self._new: dict[ReadBy, int] = {}
        """Not written yet."""
        self._writing: dict[ReadBy, int] = {}
        self._written: dict[ReadBy, int] = {}
        """While the storage was being asked: its answer may be older."""
        self._asked: dict[ReadBy, asyncio.Future[int | None]] = {}
        self._asking = False
        self._wake = asyncio.Event()
        self._storing = asyncio.Lock()
        self._failed = False

    # who is here

    def ask(self, by: ReadBy) -> asyncio.Future[int | None]:
        """The number up to which somebody has read, as the storage knows it; None: never, or it
        cannot be told now. All who ask in one turn are one call. To be awaited shielded."""
        future = self._asked.get(by)
        if future is None:
            future = self._asked[by] = asyncio.get_running_loop().create_future()
            if not self._asking:
                self._asking = True
                self._supervisor.once("read positions", self._ask())
        return future

    def add(self, viewer: Viewer[Page], known: int | None) -> None:
        """From now on this viewer hears how far its person reads elsewhere. `known` is what `ask`
        gave."""
        by = _by(viewer)
        viewers = self._viewers.setdefault(by, [])
        seen = (known, self._unwritten(by), *(other.read for other in viewers))
        viewer.read = max((seq for seq in seen if seq is not None), default=None)
        viewers.append(viewer)

    def remove(self, viewer: Viewer[Page]) -> None:
        by = _by(viewer)
        self._take_back(by)
        viewers = self._viewers.get(by, [])
        if viewer in viewers:
            viewers.remove(viewer)
        if not viewers:
            self._viewers.pop(by, None)
        if viewer.read == 0 and viewer.page.position.seq > 0:
            # Of a page without events nothing is kept; now it has some, all of them unread.
            self._keep(by, 0)

    # what they read

    def read(self, viewer: Viewer[Page], seq: int) -> None:
        """Somebody has read so far, at this viewer."""
        seq = min(seq, viewer.page.position.seq)
        if viewer.read is not None and seq <= viewer.read:
            return
        by = _by(viewer)
        self._take_back(by)
        viewer.read = seq
        self._move(by, seq)
        self._keep(by, seq)

    def hear(self, page: Page, hint: HaveRead) -> bool:
        """At other processes. False: of another history than the page has here, and not taken."""
        if hint.epoch not in ("", page.position.epoch):
            return False
        for user_id, seq in hint.rows:
            self._move(ReadBy(page.key, user_id), seq)
        return True

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.store()
            await self._clock.sleep(PAUSE_SECONDS)

    async def store(self) -> None:
        """Write what waits, behind what is being written. What the storage does not take waits
        on."""
        async with self._storing:
            if self._new:
                await self._store()

    async def _store(self) -> None:
        for by in self._new:
            self._take_back(by)
        moved = self._writing = self._new
        self._new = {}
        self._tell(moved)
        try:
            await bounded(self._storage.keep_read(moved), self._seconds)
            self._failed = False
            if self._asking:
                self._written |= moved
        except BaseException as error:
            self._new = moved | self._new
            self._wake.set()
            if not isinstance(error, Exception):
                raise
            self._complain("writing down how far people have read failed", error)
        finally:
            self._writing = {}

    def _keep(self, by: ReadBy, seq: int) -> None:
        if by in self._new or len(self._new) < MOST_WAITING:
            self._new[by] = max(seq, self._new.get(by, 0))
            self._wake.set()

    def _take_back(self, by: ReadBy) -> None:
        """A page that began anew has taken its viewers back: what has not been written of them was
        of what is gone."""
        viewers, waits = self._viewers.get(by), self._new.get(by)
        if viewers and waits is not None:
            self._new[by] = min(waits, max(viewer.read or 0 for viewer in viewers))

    def _move(self, by: ReadBy, seq: int) -> None:
        for viewer in self._viewers.get(by, ()):
            if viewer.read is None or viewer.read < seq:
                viewer.page.tell_read(viewer, seq)

    def _tell(self, moved: Mapping[ReadBy, int]) -> None:
        if not self._gossip.peers:
            return
        of_page: dict[PageKey, list[tuple[str, int]]] = {}
        for (key, user_id), seq in moved.items():
            of_page.setdefault(key, []).append((user_id, seq))
        for key, rows in of_page.items():
            page = self._pages.get(key)
            if page is not None:
                for part in _parts(rows):
                    self._publisher.tell(page.topic, HaveRead(part, page.position.epoch))

    async def _ask(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                found: Mapping[ReadBy, int] = {}
                try:
                    found = await bounded(self._storage.read_up_to(asked), self._seconds)
                    self._failed = False
                except Exception as error:
                    # Whatever it is: those who wait want a page, which is there.
                    self._complain("reading how far people have read failed", error)
                finally:
                    for by, future in asked.items():
                        known = (found.get(by), self._unwritten(by), self._written.get(by))
                        if not future.done():
                            told = max((s for s in known if s is not None), default=None)
                            future.set_result(told)
        finally:
            self._asking = False
            self._written = {}

    def _unwritten(self, by: ReadBy) -> int | None:
        self._take_back(by)
        return self._new.get(by, self._writing.get(by))

    def _complain(self, what: str, error: Exception) -> None:
        if not self._failed:
            logger.warning("%s: %s", what, str(error) or repr(error))
        self._failed = True


def _by(viewer: Viewer[Page]) -> ReadBy:
    return ReadBy(viewer.page.key, viewer.identity.user_id)


def _parts(rows: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    parts: list[list[tuple[str, int]]] = [[]]
    size = 0
    for row in rows:
        weight = len(row[0].encode()) + 16
        if parts[-1] and size + weight > BYTES_PER_HINT:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += weight
    return parts
