"""What the tests of storages do and say, in short words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from ..core.model import NOWHERE, PageKey, Position
from ..storage.abc import (
    Committed,
    Entry,
    Group,
    Outcome,
    Revise,
    Storage,
    Tail,
)

PAGE = PageKey("acme", "https://acme.example/docs")
OTHER = PageKey("acme", "https://acme.example/other")
LONG_AGO = 0
FAR_AHEAD = 2**50

_numbers = count(1)


def an_event(name: str = "", **fields: Any) -> Entry:
    """An event of its own name, by ann."""
    name = name or f"event-{next(_numbers)}"
    given: dict[str, Any] = {
        "user_id": "ann",
        "fingerprint": b"f" * 16,
        "receipt": b"receipt of " + name.encode(errors="replace"),
        "event": b"event " + name.encode(errors="replace"),
    }
    return Entry(name, **(given | fields))


def a_note(name: str = "", **fields: Any) -> Entry:
    """Something that changed nothing."""
    return an_event(name, event=None, **fields)


def a_lookup(name: str, **fields: Any) -> Entry:
    return an_event(name, event=None, lookup=True, **fields)


class Again:
    """A `revise` that gives back what is not known, and remembers what it was told."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries
        self.tails: list[Tail] = []

    def __call__(self, page: PageKey, tail: Tail) -> Sequence[Entry]:
        self.tails.append(tail)
        return [e for e in self.entries if e.broadcast_id not in tail.known]


def never(page: PageKey, tail: Tail) -> Sequence[Entry]:
    raise AssertionError("revise was called, and nothing was in the way")


async def put(
    storage: Storage,
    expected: Position,
    *entries: Entry,
    page: PageKey = PAGE,
    revise: Revise | None = None,
) -> Mapping[str, Outcome]:
    """Commit one group. Without a `revise`, entries that are not known come again as they are."""
    group = Group(page, expected, entries)
    [outcomes] = await storage.commit([group], revise or Again(*entries))
    return outcomes


async def grow(storage: Storage, n: int, page: PageKey = PAGE) -> Position:
    """Append `n` events; the head after them."""
    [head] = (await storage.heads([page])).values()
    entries = [an_event() for _ in range(n)]
    outcomes = await put(storage, head, *entries, page=page, revise=never)
    return committed(outcomes[entries[-1].broadcast_id]).position


async def log_of(storage: Storage, page: PageKey = PAGE, after: Position = NOWHERE) -> Tail:
    tail = await storage.read(page, after, 10**6)
    assert isinstance(tail, Tail), tail
    return tail


def committed(outcome: Outcome) -> Committed:
    assert isinstance(outcome, Committed), outcome
    return outcome


def later_ms() -> int:
    """Wait for the next millisecond, so that what follows is younger than what was."""
    before = time.time_ns() // 1_000_000
    while (now := time.time_ns() // 1_000_000) == before:
        pass
    return now
