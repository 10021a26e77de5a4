"""Which hints of another process are of now, and new: no clock is trusted but one's own.

Whoever listens to a broker can send again what it heard there, today or next year. So each process
numbers its hints, and each hint says how long its process has run. A number counts once. An age
needs a common time, which two machines need not have; so two processes that meet let each other
echo their own running time: an echo that is younger than `ECHO_MS` by the clock that it came from
was said just now, and tells how the other's running time compares with one's own.

Machines whose clocks differ, by days if need be, are told apart from nobody. A clock that stands
still while its machine sleeps, or runs away slowly, makes hints seem older or younger than they
are: they are doubted until the two have met again, which the first doubt brings about.
"""

from __future__ import annotations

from enum import Enum, auto

WINDOW = 1024
"""Numbers behind the highest one that may still come, each once: hints overtake each other."""

ECHO_MS = 10_000
"""An echo of one's own running time that is older than this proves nothing."""


class Verdict(Enum):
    FRESH = auto()
    """Said lately, by a process that lives, and not heard before."""
    REPEATED = auto()
    """It has been taken already."""
    DOUBTFUL = auto()
    """Said by somebody who has the key, and nobody knows when."""


class _Peer:
    __slots__ = ("ahead_ms", "highest", "seen")

    def __init__(self, number: int) -> None:
        self.ahead_ms = 0
        """Our running time minus the peer's."""
        self.highest = number - 1
        self.seen = (1 << WINDOW) - 1
        """Bit n: the number `highest - n` has been taken. What was said before the two met counts
        as taken."""

    def take(self, number: int) -> Verdict:
        behind = self.highest - number
        if behind < 0:
            self.highest = number
            # Beyond a window's length, nothing that was seen is left of it.
            self.seen = ((self.seen << min(-behind, WINDOW)) | 1) & ((1 << WINDOW) - 1)
            return Verdict.FRESH
        if behind >= WINDOW:
            return Verdict.DOUBTFUL
        if self.seen >> behind & 1:
            return Verdict.REPEATED
        self.seen |= 1 << behind
        return Verdict.FRESH


class Peers:
    """The processes that one has met. Times are milliseconds since a process began."""

    def __init__(self, oldest_ms: int) -> None:
        self._oldest_ms = oldest_ms
        self._met: dict[str, _Peer] = {}

    def met(self, run: str, number: int, said_ms: int, echo_ms: int, now_ms: int) -> bool:
        """`run` has echoed our `echo_ms` in its hint `number`. Whether it is new here."""
        if not 0 <= now_ms - echo_ms <= ECHO_MS:
            return False
        new = run not in self._met
        peer = self._met.setdefault(run, _Peer(number))
        peer.ahead_ms = now_ms - said_ms
        return new

    def judge(self, run: str, number: int, said_ms: int, now_ms: int) -> Verdict:
        """To be asked once of every hint."""
        peer = self._met.get(run)
        if peer is None or not -ECHO_MS <= self.age_ms(run, said_ms, now_ms) <= self._oldest_ms:
            return Verdict.DOUBTFUL
        return peer.take(number)

    def age_ms(self, run: str, said_ms: int, now_ms: int) -> int:
        """How long ago a peer that was met said something, to within `ECHO_MS`."""
        return now_ms - said_ms - self._met[run].ahead_ms

    def knows(self, run: str) -> bool:
        return run in self._met

    def forget(self, run: str) -> None:
        """It is gone: what it said once means nothing until the two meet again."""
        self._met.pop(run, None)
