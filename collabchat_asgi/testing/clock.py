"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime


class FakeClock:
    """Give it to `CollabChat(clock=…)`: whatever happens by itself then waits for `advance`.

    `monotonic` is seconds, `now_ms` the wall clock in milliseconds; `advance` moves both. `skew`
    moves the wall clock alone, as a correction by NTP or an operator does. `now` and `epoch_ms` are
    other names of the two. `utc` is the wall clock as a `datetime`: for the host's own code, which
    must read the same clock where it makes an `Identity.expires_at` or asks what day it is.
    """

    def __init__(self, *, now: float = 1_000.0, epoch_ms: int = 1_750_000_000_000) -> None:
        self._now = now
        self._wall_offset_ms = epoch_ms - now * 1000
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def now_ms(self) -> int:
        return int(self._wall_offset_ms + self._now * 1000)

    def utc(self) -> datetime:
        """Now, in UTC, as `datetime.now(UTC)` tells it."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    now = monotonic
    epoch_ms = now_ms

    def advance(self, seconds: float) -> None:
        """Moves time on and wakes those whose sleep is over, earliest first."""
        if seconds < 0:
            raise ValueError("monotonic time does not go back; use skew() for the wall clock")
        self._now += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)

    def skew(self, milliseconds: int) -> None:
        self._wall_offset_ms += milliseconds

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep` by this clock. Nothing and less than that is one turn of the loop."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future
