"""Getting to know the other processes: who asks for an echo, and who is owed one.

Everyone is asked by all and answered by each alone: a process that starts among n others costs a
few times n deliveries, where answers to all would cost the square of n.
"""

from __future__ import annotations

from ...core.peers import Peers, Verdict
from .hints import Heartbeat, HintCodec, Received

ASK_AGAIN_MS = 1_000

MOST_ASKED = 1_000
"""Strangers at once; more wait until the first ones are forgotten."""


class Introductions:
    """What `core.peers` needs to be told: judges every hint, and gathers whom to ask and whom to
    answer next."""

    def __init__(self, codec: HintCodec, oldest_seconds: float) -> None:
        self._codec = codec
        self._peers = Peers(int(oldest_seconds * 1000))
        self._asked: dict[str, int] = {}
        self._to_ask: set[str] = set()
        self._to_echo: dict[str, int] = {}

    @property
    def due(self) -> bool:
        """Whether somebody waits for a word of ours."""
        return bool(self._to_ask or self._to_echo)

    def ask(self, run: str) -> None:
        """Have that process say how long ago its hints were said; once a second at most."""
        now = self._codec.now_ms
        if now - self._asked.get(run, -ASK_AGAIN_MS) < ASK_AGAIN_MS:
            return
        if len(self._asked) >= MOST_ASKED:
            self._asked = {one: at for one, at in self._asked.items() if now - at < ASK_AGAIN_MS}
        if len(self._asked) < MOST_ASKED:
            self._asked[run] = now
            self._to_ask.add(run)

    def judge(self, heard: Received) -> tuple[Verdict, bool]:
        """Whether it may be believed, and whether its process is new here."""
        now = self._codec.now_ms
        new = False
        if isinstance(heard.hint, Heartbeat) and heard.hint.echo_ms is not None:
            new = self._peers.met(heard.run, heard.number, heard.said_ms, heard.hint.echo_ms, now)
        verdict = self._peers.judge(heard.run, heard.number, heard.said_ms, now)
        if verdict is Verdict.DOUBTFUL:
            self.ask(heard.run)
        if verdict is not Verdict.REPEATED and self._asks_us(heard):
            self._to_echo[heard.run] = heard.said_ms
        return verdict, new

    def _asks_us(self, heard: Received) -> bool:
        return (
            isinstance(heard.hint, Heartbeat) and heard.hint.ask and len(self._to_echo) < MOST_ASKED
        )

    def age_seconds(self, heard: Received) -> float:
        """How long ago somebody who is believed said this, to within ten seconds."""
        return self._peers.age_ms(heard.run, heard.said_ms, self._codec.now_ms) / 1000

    def take(self) -> dict[str, Heartbeat]:
        """What to say to whom."""
        concerned = sorted(self._to_ask | self._to_echo.keys())
        taken = {run: Heartbeat(run in self._to_ask, self._to_echo.get(run)) for run in concerned}
        self._to_ask, self._to_echo = set(), {}
        return taken

    def forget(self, run: str) -> None:
        self._peers.forget(run)
