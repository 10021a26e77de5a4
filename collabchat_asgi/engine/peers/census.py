"""The numbers of all processes, gathered by whoever is asked for them: everyone is asked over the
control topic, and answers the one who asks."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection

import msgspec

from ...core.limits import TokenBucket
from ...core.measures import Row
from ..backend import within
from ..clock import Clock
from .hints import CONTROL_TOPIC, CountsWanted, ProcessCounts, Received, inbox_of
from .publisher import Publisher

ANSWER_SECONDS = 1.0
"""What a process may take for its numbers; then the others' are told without."""

ANSWERS_PER_SECOND = 5.0
ANSWERS_AT_ONCE = 20.0
"""A question that a broker repeats costs no more than so many answers."""

ROWS_BYTES = 5_500
"""In one hint: within the smallest `max_payload` (PostgreSQL: 5,958)."""

_encode = msgspec.msgpack.Encoder().encode


class Census:
    """Asks, answers, and adds nothing up: every process stands for itself, so that one which ends
    takes nothing away from the others' sums.

    Whoever has the storage's key may ask, also one that is no peer. An answer counts only for the
    question whose number it bears, and this was drawn by chance a moment ago.
    """

    def __init__(
        self,
        run: str,
        publisher: Publisher,
        clock: Clock,
        rows: Callable[[bool], list[Row]],
    ) -> None:
        """`rows(busiest)` are this process's own; `busiest`: its busiest pages and tenants too."""
        self._run = run
        self._publisher = publisher
        self._clock = clock
        self._rows = rows
        self._questions: dict[int, _Question] = {}
        self._silent: set[str] = set()
        """Of whom nothing was heard while the last question waited, nor since: processes that ended
        without a word are waited for once, not until their heartbeats are missed."""
        self._answers = TokenBucket(ANSWERS_PER_SECOND, ANSWERS_AT_ONCE, clock.monotonic())

    async def take(
        self,
        expected: Callable[[], Collection[str]],
        *,
        busiest: bool = False,
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, list[Row]]:
        """Rows by process, this one's first. Returns when all that are `expected` have answered,
        or after `seconds`: who is missing then has not."""
        question = _Question(lambda: set(expected()) - self._silent)
        question.unheard |= self._silent
        id = secrets.randbits(63)
        self._questions[id] = question
        self._publisher.tell(CONTROL_TOPIC, CountsWanted(id, busiest))
        try:
            async with within(seconds):
                await question.wait()
        except TimeoutError:
            self._silent = question.unheard & set(expected())
        finally:
            del self._questions[id]
        return {self._run: self._rows(busiest)} | question.whole()

    def noticed(self, run: str) -> None:
        """Something else was heard of that process."""
        self._silent.discard(run)
        for question in self._questions.values():
            question.unheard.discard(run)

    def hear(self, heard: Received) -> None:
        """A question or an answer of another process."""
        self.noticed(heard.run)
        match heard.hint:
            case CountsWanted(id=id, busiest=busiest):
                if not self._answers.take(self._clock.monotonic()):
                    self._answer(heard.run, id, self._rows(busiest))
            case ProcessCounts(id=id) as numbers:
                question = self._questions.get(id)
                if question is not None:
                    question.heard(heard.run, numbers)

    def _answer(self, run: str, id: int, rows: list[Row]) -> None:
        parts: list[list[Row]] = [[]]
        room = ROWS_BYTES
        for row in rows:
            size = len(_encode(row))
            if size > room:
                parts.append([])
                room = ROWS_BYTES
            parts[-1].append(row)
            room -= size
        for part, some in enumerate(parts):
            self._publisher.tell(inbox_of(run), ProcessCounts(id, part, len(parts), some))


class _Question:
    """Who has answered it, and how far."""

    def __init__(self, expected: Callable[[], Collection[str]]) -> None:
        self._expected = expected
        self.unheard = set(expected())
        """Of whom nothing at all was heard since it was asked."""
        self._parts: dict[str, dict[int, ProcessCounts]] = {}
        self._moved = asyncio.Event()

    def heard(self, run: str, numbers: ProcessCounts) -> None:
        self._parts.setdefault(run, {})[numbers.part] = numbers
        self._moved.set()

    async def wait(self) -> None:
        while not set(self._expected()) <= self.whole().keys():
            self._moved.clear()
            await self._moved.wait()

    def whole(self) -> dict[str, list[Row]]:
        """Rows of the processes of which every part is here."""
        return {
            run: [row for part in sorted(parts) for row in parts[part].rows]
            for run, parts in self._parts.items()
            if len(parts) == next(iter(parts.values())).parts
        }
