"""Notices that the storage's key has been changed."""

from __future__ import annotations

import logging

from ...errors import StorageError
from ...storage.abc import Storage
from ..backend import bounded
from ..clock import Clock
from ..supervisor import Supervisor
from .hints import HintCodec

logger = logging.getLogger("collabchat_asgi.engine")

STRANGE_SECONDS = 5.0
"""Between two looks because of hints that cannot be opened."""

AT_LEAST_SECONDS = 60.0
"""So the first process notices a change, and its hints are strange to the others."""


class KeyWatch:
    def __init__(
        self,
        storage: Storage,
        codec: HintCodec,
        supervisor: Supervisor,
        clock: Clock,
        seconds: float,
    ) -> None:
        self._storage = storage
        self._codec = codec
        self._supervisor = supervisor
        self._clock = clock
        self._seconds = seconds
        self._looked_at = clock.monotonic()

    def strange(self) -> None:
        """A hint could not be opened."""
        self._look(STRANGE_SECONDS)

    def tick(self) -> None:
        """Called about once a second."""
        self._look(AT_LEAST_SECONDS)

    def _look(self, pause: float) -> None:
        now = self._clock.monotonic()
        if now - self._looked_at >= pause:
            self._looked_at = now
            self._supervisor.once("key", self._read())

    async def _read(self) -> None:
        try:
            key = await bounded(self._storage.key(), self._seconds)
        except StorageError as error:
            logger.warning("reading the key of the hints failed, it is read again later: %s", error)
            return
        if self._codec.use(key):
            logger.info("the key of the hints was changed; the new one is used")
