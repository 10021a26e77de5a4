"""Getting to know the other processes: who asks for an echo, and who is owed one."""

from __future__ import annotations

from ...core.peers import Peers, Verdict
from .hints import Heard, Heartbeat, HintCodec

EVERYONE = ""

ASK_AGAIN_MS = 1_000

MOST_ASKED = 1_000
"""Strangers at once; more wait until the first ones are forgotten."""


class Introductions:
    """What `core.peers` needs to be told: judges every hint, and gathers for the next heartbeat
    whom to ask and whom to answer."""

    def __init__(self, run: str, codec: HintCodec, oldest_seconds: float) -> None:
        self._run = run
        self._codec = codec
        self._peers = Peers(int(oldest_seconds * 1000))
        self._asked: dict[str, int] = {}
        self._to_ask: set[str] = set()
        self._to_echo: dict[str, int] = {}

    @property
    def due(self) -> bool:
        """Whether somebody waits for our next heartbeat."""
        return bool(self._to_ask or self._to_echo)

    def ask(self, run: str = EVERYONE) -> None:
        """Have that process say how long ago its hints were said; once a second at most."""
        now = self._codec.now_ms
        if run != EVERYONE and now - self._asked.get(run, -ASK_AGAIN_MS) < ASK_AGAIN_MS:
            return
        if len(self._asked) >= MOST_ASKED:
            self._asked = {one: at for one, at in self._asked.items() if now - at < ASK_AGAIN_MS}
        if len(self._asked) < MOST_ASKED:
            self._asked[run] = now
            self._to_ask.add(run)

    def judge(self, heard: Heard) -> tuple[Verdict, bool]:
        """Whether it may be believed, and whether its process is new here."""
        now = self._codec.now_ms
        new = False
        if isinstance(heard.hint, Heartbeat):
            for run, echo_ms in heard.hint.echo:
                if run == self._run:
                    known = self._peers.met(heard.run, heard.number, heard.said_ms, echo_ms, now)
                    new = new or known
        verdict = self._peers.judge(heard.run, heard.number, heard.said_ms, now)
        if verdict is Verdict.DOUBTFUL:
            self.ask(heard.run)
        if verdict is not Verdict.REPEATED and self._asks_us(heard):
            self._to_echo[heard.run] = heard.said_ms
        return verdict, new

    def _asks_us(self, heard: Heard) -> bool:
        if not isinstance(heard.hint, Heartbeat) or len(self._to_echo) >= MOST_ASKED:
            return False
        return self._run in heard.hint.ask or EVERYONE in heard.hint.ask

    def age_seconds(self, heard: Heard) -> float:
        """How long ago somebody who is believed said this, to within ten seconds."""
        return self._peers.age_ms(heard.run, heard.said_ms, self._codec.now_ms) / 1000

    def take(self) -> tuple[list[str], list[tuple[str, int]]]:
        """For a heartbeat: whom to ask, and whom to answer."""
        taken = sorted(self._to_ask), sorted(self._to_echo.items())
        self._to_ask, self._to_echo = set(), {}
        return taken

    def forget(self, run: str) -> None:
        self._peers.forget(run)
