"""When a page waits for company, and when it sends at once: by how busy the process is."""

from __future__ import annotations

from math import exp
from typing import Protocol

MEMORY_SECONDS = 0.2
"""How far back it is remembered what flushes took."""

EASY = 0.5
"""While flushes take less of the process's time than this, nobody waits."""

HARD = 0.8
"""From here on a page waits as long as it ever does."""

REST = 0.5
"""Then, and after a flush, for half as long as that flush took."""

COMPANY = 1.5
"""Events that have to be expected meanwhile, or there is no wait."""


class Pacing(Protocol):
    """What decides. Time is in seconds of a monotonic clock."""

    def flushed(self, started: float, ended: float) -> None:
        """One page of the process has sent a frame to its viewers."""
        ...

    def wait(self, cost: float, gap: float, now: float) -> float:
        """How long after its last flush a page should flush again, whose flushes take `cost` and
        whose events come `gap` apart. 0: at once."""
        ...


class Pace:
    """One per process, for all of its pages.

    What the process can save by waiting are flushes, so their share of its time is what counts;
    it is measured by the wall, and so grows where other processes take the processor away.

    - As long as the process keeps up (`EASY`), an event leaves in the turn it was committed in,
      whatever the number of viewers.
    - Above that the wait grows smoothly, and frames with it. A flush that takes 10 ms is never
      followed by more than 5 ms of waiting, at most `longest`: one page alone leaves a third of the
      time to everything else, and an event is at most two flushes late. More is not needed: what
      comes while a flush goes on is read, committed and sent together anyhow.
    - Who sends the next event when all have the last never waits: its events are at least a flush
      apart, so none would be gathered in half of that.
    """

    __slots__ = ("_at", "_busy", "longest")

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self._at = float("-inf")
        self._busy = 0.0

    def flushed(self, started: float, ended: float) -> None:
        self._busy = self._busy * exp((self._at - ended) / MEMORY_SECONDS) + (ended - started)
        self._at = ended

    def share(self, now: float) -> float:
        """Of the last moments, how much was spent on flushes. About 1: all."""
        return self._busy * exp(min(0.0, self._at - now) / MEMORY_SECONDS) / MEMORY_SECONDS

    def wait(self, cost: float, gap: float, now: float) -> float:
        longest = min(self.longest, cost * REST)
        if longest < COMPANY * gap:
            return 0.0
        pressure = (self.share(now) - EASY) / (HARD - EASY)
        wait = longest * min(1.0, pressure)
        return wait if wait >= COMPANY * gap else 0.0
