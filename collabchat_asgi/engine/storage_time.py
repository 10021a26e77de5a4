"""What time it is where the log is kept: what is forgotten by age goes by that clock."""

from __future__ import annotations

from ..storage.abc import Storage
from .clock import Clock

__all__ = ["StorageTime"]


class StorageTime:
    """The storage's clock as last asked, and how long ago that was. A process that is ten days
    ahead of the others, or becomes so while it runs, would forget what they have promised to know
    for seven."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._there: tuple[int, float] | None = None
        """What it said, and the steady time at which it did; None: it has no clock of its own."""

    def now_ms(self) -> int:
        if self._there is None:
            return self._clock.now_ms()
        said_ms, at = self._there
        return said_ms + int((self._clock.monotonic() - at) * 1_000)

    async def ask(self) -> None:
        """Raises `StorageError`."""
        said_ms = await self._storage.now_ms()
        self._there = None if said_ms is None else (said_ms, self._clock.monotonic())
