"""How long many topics may take that are subscribed with one call."""

from __future__ import annotations

TOPICS = 250
"""A server confirms topic after topic, and a busy process reads that slowly."""

MOST = 5
"""A server that is frozen must not hold up for minutes what heals a process with 10,000 pages."""


def patience(seconds: float, topics: int) -> float:
    """Seconds for a call with so many topics, where `seconds` are enough for a few: once for every
    `TOPICS` of them, at most `MOST` times."""
    return seconds * min(MOST, max(1, -(-topics // TOPICS)))
