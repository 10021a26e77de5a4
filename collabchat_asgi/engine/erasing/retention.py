"""What is too old is dropped, a part at a time, for nobody waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from ...config import Limits, Timing
from ...errors import StorageError
from ...storage.abc import Storage
from ..backend import bounded
from ..clock import Clock
from ..storage_time import StorageTime
from .chat_retention import ChatRetention
from .erasure import forget_revocations

logger = logging.getLogger("collabchat_asgi.engine")

FIRST_SECONDS = 60
"""Soon, for processes that are restarted often."""

PAUSE_SECONDS = 600
"""Between two rounds."""

CALL_SECONDS = 60.0
"""Of one part of a round."""

DAY_MS = 86_400_000


class Retention:
    """One round after the other: the log, how far visitors have read, old chats, and the names in
    revocations. What fails goes on in the next round."""

    def __init__(
        self,
        storage: Storage,
        storage_time: StorageTime,
        clock: Clock,
        limits: Limits,
        timing: Timing,
        chats: ChatRetention | None,
        seconds: float,
    ) -> None:
        """`chats`: None where they are kept for ever. `seconds` bound a call that asks the time."""
        self._storage = storage
        self._storage_time = storage_time
        self._clock = clock
        self._limits = limits
        self._timing = timing
        self._chats = chats
        self._seconds = seconds

    async def run(self) -> None:
        """For ever."""
        pause = FIRST_SECONDS
        while True:
            await self._clock.sleep(pause)
            pause = PAUSE_SECONDS
            await self._trim_log()
            await self._trim_read()
            await self._delete_old_chats()
            # A storage of somebody's own may not know them, and serves all the same.
            with suppress(StorageError):
                await forget_revocations(self._storage, self._storage_time.now_ms())

    async def _trim_log(self) -> None:
        days = max(self._timing.log_days, self._timing.dedupe_days)
        # By its last event a page that is opened later tells a storage that went back.
        keep = max(self._limits.log_events, 1)
        try:
            await bounded(self._storage_time.ask(), self._seconds)
            oldest = self._days_ago(days)
            await _in_parts(lambda: self._storage.trim(before_ms=oldest, keep_events=keep))
        except StorageError as error:
            logger.warning("trimming the log failed, it goes on later: %s", error)

    async def _trim_read(self) -> None:
        """Browsers that never come again would be kept for ever."""
        oldest = self._days_ago(self._timing.anonymous_read_days)
        try:
            await _in_parts(lambda: self._storage.trim_read(before_ms=oldest))
        except StorageError as error:
            logger.warning(
                "dropping how far visitors have read failed, it goes on later: %s", error
            )

    async def _delete_old_chats(self) -> None:
        if self._chats is None:
            return
        try:
            deleted = await self._chats.round(self._storage_time.now_ms())
        except StorageError as error:
            logger.warning("deleting old chats failed, it goes on later: %s", error)
        else:
            if deleted:
                logger.info("%d chats were older than chat_days, and were deleted", deleted)

    def _days_ago(self, days: float) -> int:
        return self._storage_time.now_ms() - int(days * DAY_MS)


async def _in_parts(drop: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Until nothing more is dropped. Raises `StorageError`."""
    while await bounded(drop(), CALL_SECONDS):
        pass
