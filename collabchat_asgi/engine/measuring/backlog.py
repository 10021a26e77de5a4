"""Counts that wait to be handed over, in parts that neither grow nor get lost while nobody takes
them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from ...core.usage import add

MAX_PAGE_ROWS = 100_000
"""Rows that wait. Beyond it a page that has none yet is counted in its tenant's own row: the sum
stays right, the page's share is lost."""

MAX_NUMBERED = 500
"""Rows that have been handed over and not been taken, and so cannot be added to any more."""

FAILURES_IN_A_ROW = 6
"""End a flush: whoever takes them is away, and neither a row nor the size of a part is guilty."""

SMALLER = 4
"""A part that was not taken is cut into so many."""


class Key(NamedTuple):
    """Whose count it is. `url_id` is "" where pages are not told apart, `day` a UTC day."""

    tenant_id: str
    url_id: str
    day: str


Row = TypeVar("Row")


class Backlog(Generic[Row]):
    """Rows of counters by `Key`, for one taker.

    What waits is added up, so a long outage costs one row for each tenant (page) and day and not
    one for each flush. A row gets its number (`make(serial, key, counters)`) when it is handed over
    for the first time, is the same in each later attempt, and is kept until it was taken: at least
    once, and exactly once where the taker knows numbers.

    A part that is not taken is cut, down to single rows, so that one that is too large, or holds
    one bad row, holds up nobody. The next parts are as small as what was taken, and grow again.
    """

    def __init__(
        self,
        make: Callable[[int, Key, dict[str, int]], Row],
        take: Callable[[list[Row]], Awaitable[None]],
        part: int,
    ) -> None:
        self.failing = False
        """Whether the last flush has left something that was not taken."""
        self._make = make
        self._take = take
        self._part = self._most = part
        self._gathered: dict[Key, dict[str, int]] = {}
        self._numbered: deque[Row] = deque()
        """Handed over once, in a part that was not taken."""
        self._bad: deque[Row] = deque()
        """Not taken even alone."""
        self._in_hand: deque[list[Row]] = deque()
        self._serial = 0
        self._flushing = asyncio.Lock()

    def __len__(self) -> int:
        """Rows that wait."""
        return len(self._gathered) + self._kept + sum(map(len, self._in_hand))

    @property
    def _kept(self) -> int:
        return len(self._numbered) + len(self._bad)

    def add(self, key: Key, counters: Mapping[str, int]) -> None:
        if key.url_id and key not in self._gathered and len(self._gathered) >= MAX_PAGE_ROWS:
            key = key._replace(url_id="")
        add(self._gathered.setdefault(key, {}), counters)

    async def flush(self) -> None:
        """Hand everything over that waits now, part by part. Raises what the first part that was
        not taken had raised, when all others have been tried."""
        async with self._flushing:
            part, attempt = self._part, _Attempt()
            for rows in self._parts():
                await self._hand_over(rows, attempt)
                if attempt.failures >= FAILURES_IN_A_ROW:
                    break
            if not attempt.taken:
                # Nothing at all was taken, which says nothing about single rows and sizes.
                self._part = part
                self._numbered += self._bad
                self._bad.clear()
            self.failing = attempt.error is not None
            if attempt.error is not None:
                raise attempt.error

    def _parts(self) -> Iterator[list[Row]]:
        """What is new, then what was tried before; each once."""
        new, numbered, bad = len(self._gathered), len(self._numbered), len(self._bad)
        while new > 0 and self._kept < MAX_NUMBERED:
            rows = self._number(min(new, self._part))
            new -= len(rows)
            yield rows
        while numbered > 0:
            rows = [self._numbered.popleft() for _ in range(min(numbered, self._part))]
            numbered -= len(rows)
            yield rows
        for _ in range(bad):
            yield [self._bad.popleft()]

    def _number(self, count: int) -> list[Row]:
        rows = []
        for key in list(islice(self._gathered, count)):
            self._serial += 1
            rows.append(self._make(self._serial, key, self._gathered.pop(key)))
        return rows

    async def _hand_over(self, rows: list[Row], attempt: _Attempt) -> None:
        parts = self._in_hand
        parts.append(rows)
        try:
            while parts and attempt.failures < FAILURES_IN_A_ROW:
                part = parts[0]
                try:
                    await self._take(part)
                except Exception as error:
                    attempt.failed(error)
                    parts.popleft()
                    self._cut(part)
                else:
                    attempt.succeeded()
                    parts.popleft()
                    if len(part) >= self._part:
                        self._part = min(self._most, len(part) + len(part) // 4 + 1)
        finally:
            # Where this was cancelled, nobody knows whether the first one was taken.
            for part in parts:
                self._numbered += part
            parts.clear()

    def _cut(self, part: list[Row]) -> None:
        if len(part) == 1:
            self._bad += part
            return
        size = max(1, len(part) // SMALLER)
        self._part = min(self._part, size)
        smaller = [part[start : start + size] for start in range(0, len(part), size)]
        self._in_hand.extendleft(reversed(smaller))


class _Attempt:
    """How one flush goes."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        """The first one."""
        self.failures = 0
        """In a row."""
        self.taken = 0

    def failed(self, error: Exception) -> None:
        self.error = self.error or error
        self.failures += 1

    def succeeded(self) -> None:
        self.failures = 0
        self.taken += 1
