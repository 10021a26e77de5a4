"""Opens the pub/sub, and opens it anew where this process has become deaf."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ...config import Timing
from ...errors import PubSubError, PubSubUnavailable
from ...pubsub.abc import PubSub
from ...sparing_log import SparingLog
from ..backend import within
from ..clock import Clock
from ..measuring.counts import Counts
from .hints import CONTROL_TOPIC, inbox_of
from .subscribing import subscribe_bounded

logger = logging.getLogger("collabchat_asgi.engine")

DEAF_AFTER_BEATS = 2.0
"""Heartbeats of its own that a process may miss before it opens its pub/sub anew."""


class Ears:
    """`heard_self_at` is when this process last heard itself over the pub/sub."""

    def __init__(
        self, pubsub: PubSub, run: str, clock: Clock, timing: Timing, counts: Counts
    ) -> None:
        self._pubsub = pubsub
        self._run = run
        self._clock = clock
        self._timing = timing
        self._counts = counts
        self._log = SparingLog(logger, clock.monotonic)
        self.heard_self_at = clock.monotonic()

    def heard_self(self) -> None:
        """Whoever listens says so."""
        self.heard_self_at = self._clock.monotonic()

    @property
    def deaf_seconds(self) -> float:
        """Since this process has heard itself: up to a heartbeat where all is well."""
        return self._clock.monotonic() - self.heard_self_at

    async def open(self, *, first: bool = False) -> None:
        """Open it, or go on without: it comes back by itself. Raises `PubSubError` at the `first`
        time, where it would refuse again: a wrong password is a setting, and no outage."""
        try:
            async with within(self._timing.backend_seconds):
                await self._pubsub.open()
        except (PubSubError, TimeoutError) as error:
            refused = isinstance(error, PubSubError) and not isinstance(error, PubSubUnavailable)
            if first and refused:
                raise
            logger.warning("opening the pub/sub failed, pages are healed by sweeps: %s", error)
        await self._subscribe([CONTROL_TOPIC, inbox_of(self._run)])

    async def reopen_if_deaf(self, topics: Callable[[], list[str]]) -> bool:
        """Whether it had to be opened anew: then anything may have been missed."""
        if self.deaf_seconds < self._timing.heartbeat_seconds * DEAF_AFTER_BEATS:
            return False
        logger.warning("the pub/sub failed: nothing is heard from it, and it is opened anew")
        self._counts.reopened += 1
        self.heard_self()
        wanted = topics()
        try:
            async with within(self._timing.backend_seconds):
                await self._pubsub.close()
        except (PubSubError, TimeoutError) as error:
            logger.warning("closing the pub/sub failed: %s", error)
        await self.open()
        await self._subscribe(wanted)
        return True

    async def _subscribe(self, topics: list[str]) -> None:
        await subscribe_bounded(self._pubsub, topics, self._timing.backend_seconds, self._log)
