"""What is counted per tenant and day (PROTOCOL section 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

COUNTERS = (
    "pubSubMessageCount",
    "pubSubBandwidth",
    "eventDeliveryCount",
    "operationCount",
    "chatCreateCount",
    "commentCreateCount",
    "connectionSeconds",
)


class Tally:
    """Counters of one (tenant, page) since they were last taken."""

    __slots__ = (
        "_begins",
        "bandwidth",
        "chats",
        "comments",
        "deliveries",
        "messages",
        "operations",
    )

    def __init__(self, begins: Callable[[], object] = lambda: None) -> None:
        """`begins` is called when there is something to take, and may be more often."""
        self._begins = begins
        self.messages = 0
        self.bandwidth = 0
        self.deliveries = 0
        self.operations = 0
        self.chats = 0
        self.comments = 0

    def delivered(self, frames: int, size: int, events: int) -> None:
        """`frames` viewers were each handed a frame of `size` bytes that tells `events` numbers."""
        if not self.messages:
            self._begins()
        self.messages += frames
        self.bandwidth += frames * size
        self.deliveries += frames * events

    def operated(self, size: int, chats: int, comments: int) -> None:
        """An operation of `size` bytes was accepted for the first time."""
        if not self.messages:
            self._begins()
        self.messages += 1
        self.bandwidth += size
        self.operations += 1
        self.chats += chats
        self.comments += comments

    def take(self) -> dict[str, int]:
        """What was counted, leaving zeros; counters that did not move are left out."""
        if not self.messages:
            return {}  # whatever moves any of them moves this one
        counted = {
            "pubSubMessageCount": self.messages,
            "pubSubBandwidth": self.bandwidth,
            "eventDeliveryCount": self.deliveries,
            "operationCount": self.operations,
            "chatCreateCount": self.chats,
            "commentCreateCount": self.comments,
        }
        self.messages = self.bandwidth = self.deliveries = 0
        self.operations = self.chats = self.comments = 0
        return {name: count for name, count in counted.items() if count}


class ConnectionTime:
    """Seconds that connections of one tenant were open, in whole seconds as they are taken."""

    __slots__ = ("_at", "_seconds", "open")

    def __init__(self, now: float) -> None:
        self.open = 0
        self._at = now
        self._seconds = 0.0

    def change(self, by: int, now: float) -> None:
        self._advance(now)
        self.open += by

    def take(self, now: float) -> int:
        self._advance(now)
        whole = int(self._seconds)
        self._seconds -= whole
        return whole

    def _advance(self, now: float) -> None:
        self._seconds += self.open * (now - self._at)
        self._at = now


def add(into: dict[str, int], counters: Mapping[str, int]) -> None:
    for name, count in counters.items():
        into[name] = into.get(name, 0) + count
