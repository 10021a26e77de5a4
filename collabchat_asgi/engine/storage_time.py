"""What time it is where the log is kept: what is forgotten by age goes by that clock."""

from __future__ import annotations

from ..storage.abc import Storage
from .clock import Clock

__all__ = ["StorageTime"]


class StorageTime:
    """The process's clock, set by the storage's. A process that is ten days ahead of the others
    would forget what they have promised to know for seven."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._ahead_ms = 0

    def now_ms(self) -> int:
        """As of the last `ask`."""
        return self._clock.now_ms() - self._ahead_ms

    async def ask(self) -> None:
        """Raises `StorageError`."""
        there = await self._storage.now_ms()
        self._ahead_ms = 0 if there is None else self._clock.now_ms() - there
