"""The two times that the engine knows."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds, for everything that is measured."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, for everything that people read."""
        ...


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
