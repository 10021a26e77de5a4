"""The pages that are open in this process."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ...core.model import PageKey
from ...pubsub.abc import PubSub
from ...sparing_log import SparingLog
from ..peers.hints import topic_of
from ..peers.subscribing import subscribe_bounded, unsubscribe_bounded
from ..supervisor import Supervisor
from .log import LogReader
from .page import Page

logger = logging.getLogger("collabchat_asgi.engine")


class Pages:
    """Opens a page once for all who want it, and keeps the last ones that nobody views."""

    def __init__(
        self,
        make: Callable[[PageKey, str], Page],
        reader: LogReader,
        supervisor: Supervisor,
        pubsub: PubSub,
        seconds: float,
        idle_pages: int,
        idle_bytes: int,
        opened: Callable[[Page], None],
        closed: Callable[[PageKey], None],
    ) -> None:
        self._make = make
        self._reader = reader
        self._supervisor = supervisor
        self._pubsub = pubsub
        self._seconds = seconds
        self._idle_pages = idle_pages
        self._idle_bytes = idle_bytes
        self._opened = opened
        self._closed = closed
        self._log = SparingLog(logger)
        self._pages: OrderedDict[PageKey, Page] = OrderedDict()
        self._topics: dict[str, Page] = {}
        self._wanted: Counter[PageKey] = Counter()
        """How many wait for a page, which may be open already and not yet be used."""

    def __len__(self) -> int:
        return len(self._pages)

    def all(self) -> list[Page]:
        return list(self._pages.values())

    def get(self, key: PageKey) -> Page | None:
        """The page, if it is open."""
        return self._pages.get(key)

    def of_topic(self, topic: str) -> Page | None:
        return self._topics.get(topic)

    @asynccontextmanager
    async def using(self, key: PageKey) -> AsyncIterator[Page]:
        """The page, which stays in memory meanwhile. Raises `StorageError`.

        It has been loaded after its topic was subscribed: what is committed elsewhere from now on
        is heard, or found by the sweep.
        """
        self._wanted[key] += 1
        try:
            page = await self.open(key)
            page.users += 1
        finally:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key]
        try:
            yield page
        finally:
            page.users -= 1

    async def open(self, key: PageKey) -> Page:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
            return page
        return await self._supervisor.flight(("open", key), lambda: self._open(key))

    async def evict(self) -> None:
        """Forget the pages that nobody has needed for longest, beyond `Tuning.idle_pages` and
        `Tuning.idle_bytes`; what the others have encoded goes too."""
        pages = self._pages.values()
        idle = [page for page in pages if page.idle and page.key not in self._wanted]
        topics = []
        weight = sum(page.state.size for page in idle)
        for left, page in zip(range(len(idle), 0, -1), idle, strict=True):
            if left <= self._idle_pages and weight <= self._idle_bytes:
                page.forget_encoded()
                continue
            weight -= page.state.size
            del self._pages[page.key]
            del self._topics[page.topic]
            self._closed(page.key)
            topics.append(page.topic)
        if topics:
            await unsubscribe_bounded(self._pubsub, topics, self._seconds, self._log)
        again = [topic for topic in topics if topic in self._topics]
        if again:
            # Opened anew meanwhile, and perhaps subscribed before it was unsubscribed.
            await subscribe_bounded(self._pubsub, again, self._seconds, self._log)
            for topic in again:
                self._reader.catch_up_soon(self._topics[topic])

    async def _open(self, key: PageKey) -> Page:
        topic = topic_of(key)
        await subscribe_bounded(self._pubsub, [topic], self._seconds, self._log)
        page = self._make(key, topic)
        try:
            await self._reader.load(page)
        except BaseException:
            self._closed(key)
            raise
        self._pages[key] = page
        self._topics[topic] = page
        self._opened(page)
        return page
