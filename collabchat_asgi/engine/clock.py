"""The one clock of the engine: what is measured, what people read, and what happens by itself."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Everything that the engine does again and again by itself (heartbeats, pings, sweeps, the
    flush of usage, retention, the asking of identities anew) sleeps by `sleep` and measures by
    `monotonic`, so a clock that stands still until a test moves it drives all of it.

    Bounds of single calls (of a hook, a back end, a `send`) and the 0 to 100 ms that events wait
    for company are the event loop's: a call hangs in the loop's time, not in the test's.
    """

    def monotonic(self) -> float:
        """Seconds, for everything that is measured. Never goes back."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, for everything that people read. May jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `monotonic` has moved on by so many seconds; never in this same turn."""
        ...


class SystemClock:
    monotonic = staticmethod(time.monotonic)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
