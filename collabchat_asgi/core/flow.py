"""Flow control of one socket by confirmed bytes (PROTOCOL section 3.2).

TCP tells a server nothing about what a page has consumed, and some servers buffer without bound.
So pings travel inside the stream, and a pong confirms everything that was sent before its ping.
"""

from __future__ import annotations

MAX_OPEN_PINGS = 1_000
"""Pings that are remembered. Whoever never answers is not asked about the oldest any more."""


class Window:
    """Bytes and seconds are counted by the caller; `n` must be unpredictable, or a client could
    confirm what it never read."""

    __slots__ = ("_confirmed", "_pings", "heard_at", "ping_at", "ping_due", "sent", "stalled_at")

    def __init__(self, now: float, ping_bytes: int) -> None:
        self.sent = 0
        self.ping_due = ping_bytes
        """A ping follows as soon as `sent` has reached this."""
        self.ping_at = now
        """When the last ping was sent."""
        self.heard_at = now
        self._confirmed = 0
        self._pings: list[tuple[int, int]] = []
        self.stalled_at: float | None = None
        """Since when sending waits without one answered ping."""

    def pinged(self, n: int, now: float, ping_bytes: int) -> None:
        self._pings.append((n, self.sent))
        if len(self._pings) > MAX_OPEN_PINGS:
            del self._pings[0]
        self.ping_due = self.sent + ping_bytes
        self.ping_at = now

    def ponged(self, n: int) -> bool:
        """Whether `n` answers a ping that is still open: then all before that ping is confirmed."""
        for index, (asked, sent) in enumerate(self._pings):
            if asked == n:
                del self._pings[: index + 1]
                self._confirmed = sent
                self.stalled_at = None
                return True
        return False

    def open(self, window_bytes: int) -> bool:
        return self.sent - self._confirmed < window_bytes

    def stall(self, now: float) -> None:
        """Sending begins to wait, or still does."""
        if self.stalled_at is None:
            self.stalled_at = now
