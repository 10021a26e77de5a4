"""An event loop whose time passes only when its driver says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

Idle = Callable[[float, float | None], float]
"""Called when nothing can run: (now, when the next timer is due) -> what time it is then."""


MOST_TURNS = 200_000
"""Turns of the loop in which no time passes; honest ones need a hundredth of it."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop is its own selector: where others would sleep, it asks `idle` what happens next.

    What is scheduled at the same time runs in the order it was scheduled in, as in any loop, so
    everything that runs in it is the same every time.
    """

    def __init__(self, idle: Idle) -> None:
        super().__init__()
        self._selector = self
        self._idle = idle
        self._virtual = 1_000.0
        self._turns = 0

    def time(self) -> float:
        return self._virtual

    def pass_to(self, time: float) -> None:
        self._virtual = max(self._virtual, time)

    def select(self, timeout: float | None) -> list[Any]:
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise RuntimeError("the servers go round in a circle")
        if timeout is None or timeout > 0:
            self._turns = 0
            due = None if timeout is None else self._virtual + timeout
            self.pass_to(self._idle(self._virtual, due))
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no files here."""

    def _write_to_self(self) -> None:
        """There is nobody to wake: the loop never sleeps."""


class VirtualClock:
    """The engine's clock, by that loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    def now_ms(self) -> int:
        return 1_750_000_000_000 + int(self._loop.time() * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
