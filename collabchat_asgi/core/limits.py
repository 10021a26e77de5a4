"""How fast somebody may go. Time is an argument, in seconds of any monotonic clock."""

from __future__ import annotations

from collections.abc import Sequence


class TokenBucket:
    """`rate` tokens a second, at most `burst` of them saved up."""

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, tokens: float = 1.0) -> float:
        """Take tokens and return 0, or take nothing and return the seconds to wait."""
        self._fill(now)
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0.0
        return (tokens - self._tokens) / self.rate

    def wait(self, now: float, tokens: float = 1.0) -> float:
        """Seconds until so many could be taken; nothing is taken."""
        self._fill(now)
        missing = tokens - self._tokens
        return missing / self.rate if missing > 0 and tokens > 0 else 0.0

    def spend(self, tokens: float, now: float) -> None:
        """They were taken elsewhere: there may be fewer than none left. Fewer than 0 are given
        back."""
        self._fill(now)
        left = self._tokens - tokens
        self._tokens = left if left < self.burst else self.burst

    def _fill(self, now: float) -> None:
        # Comparisons, not `min`: this runs a dozen times for each operation.
        tokens = self._tokens + (now - self._at) * self.rate
        self._tokens = tokens if tokens < self.burst else self.burst
        self._at = now

    def give_back(self, tokens: float = 1.0) -> None:
        self._tokens = min(self.burst, self._tokens + tokens)

    def full(self, now: float) -> bool:
        """Whether forgetting this bucket would change nothing."""
        return self._tokens + (now - self._at) * self.rate >= self.burst


def take_of_each(buckets: Sequence[TokenBucket], now: float) -> bool:
    """Take a token from every one of them, or none from any. Whether they were taken."""
    for bucket in buckets:
        # As `_fill`, written out: this runs half a dozen times for each operation.
        tokens = bucket._tokens + (now - bucket._at) * bucket.rate
        bucket._tokens = tokens = tokens if tokens < bucket.burst else bucket.burst
        bucket._at = now
        if tokens < 1.0:
            return False
    for bucket in buckets:
        bucket._tokens -= 1.0
    return True


class Counter:
    """At most `limit` in each window of `seconds`."""

    __slots__ = ("_count", "_since", "limit", "seconds")

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._count = 0
        self._since = 0.0

    def add(self, now: float) -> int:
        """Count one more; returns how many are still allowed in this window, or less than 0."""
        if self._count == 0 or now - self._since >= self.seconds:
            self._since = now
            self._count = 0
        self._count += 1
        return self.limit - self._count

    def give_back(self) -> None:
        """The last one does not count after all."""
        self._count -= 1
