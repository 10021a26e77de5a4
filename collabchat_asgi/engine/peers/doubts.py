"""What a strange hint means: read the log. However many of them come."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

from ...core.limits import TokenBucket
from ..clock import Clock
from ..supervisor import Supervisor

logger = logging.getLogger("collabchat_asgi.engine")

READS_PER_SECOND = 1.0
AT_ONCE = 10.0
"""Saved up while nothing is doubted."""

LONGEST_TOPICS = 10_000


class Doubts:
    """Topics whose hints could not be believed gather and are read together: `READS_PER_SECOND`
    for all of them, after `AT_ONCE` that need not wait. Garbage costs the storage that much and no
    more; a page that has changed is read when its turn comes, a second later at worst."""

    def __init__(
        self,
        supervisor: Supervisor,
        clock: Clock,
        read: Callable[[Collection[str]], Awaitable[None]],
    ) -> None:
        self._supervisor = supervisor
        self._clock = clock
        self._read = read
        self._topics: set[str] = set()
        self._reads = TokenBucket(READS_PER_SECOND, AT_ONCE, clock.monotonic())
        self._reading = False

    def doubt(self, topic: str) -> None:
        if len(self._topics) < LONGEST_TOPICS:
            self._topics.add(topic)
        self.tick()

    def tick(self) -> None:
        """Read what is doubted, if it may be read now; called about once a second."""
        if self._topics and not self._reading and not self._reads.take(self._clock.monotonic()):
            self._reading = True
            self._supervisor.once("doubts", self._settle())

    async def _settle(self) -> None:
        topics, self._topics = self._topics, set()
        try:
            await self._read(topics)
        finally:
            self._reading = False
