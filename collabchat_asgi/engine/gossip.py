"""Tells the other processes who is here, and keeps what they have told (DESIGN section 4)."""

from __future__ import annotations

from collections.abc import Iterable

from ..config import Timing
from ..core.presence import Delta
from .clock import Clock
from .hints import CONTROL_TOPIC, Heartbeat, Hint, PeopleAll, PeopleChanged, WhoIsHere
from .page import Page
from .pages import Pages
from .publisher import Publisher

PEOPLE_PER_HINT = 700
"""At 9 bytes each, within the smallest `max_payload` (PostgreSQL: 7,999)."""

CHANGES_PER_BEAT = 100

_NEVER = (0, float("-inf"))


class Gossip:
    """One heartbeat per process, numbered changes per page, and whole lists when asked for."""

    def __init__(
        self, run: str, publisher: Publisher, pages: Pages, clock: Clock, timing: Timing
    ) -> None:
        self._run = run
        self._publisher = publisher
        self._pages = pages
        self._clock = clock
        self._timing = timing
        self._alive: dict[str, float] = {}
        self._gone: set[str] = set()
        """Processes that were heard once and then no more."""
        self._told: dict[Page, tuple[int, float]] = {}
        """Per page: the connections that the others know of, and when they were told."""
        self._changed: dict[str, tuple[int, float]] = {}
        self._beat_at = float("-inf")

    @property
    def peers(self) -> list[str]:
        """Processes that were heard lately."""
        return list(self._alive)

    def opened(self, page: Page) -> None:
        """Ask who else has people on a page that is new here."""
        self._publisher.tell(page.topic, WhoIsHere(self._run, ""))

    def ask_all(self) -> None:
        """After a gap: nothing that was heard before can be trusted to be complete."""
        self.beat(answer=True)
        for page in self._pages.all():
            if page.viewers:
                self._publisher.tell(page.topic, WhoIsHere(self._run, ""))

    def beat(self, *, answer: bool = False) -> None:
        now = self._clock.monotonic()
        self._beat_at = now
        fresh = {
            topic: told
            for topic, told in self._changed.items()
            if now - told[1] < self._timing.expiry_seconds
        }
        self._changed = fresh
        changed = [(topic, version) for topic, (version, _) in fresh.items()]
        for start in range(0, max(1, len(changed)), CHANGES_PER_BEAT):
            part = changed[start : start + CHANGES_PER_BEAT]
            self._publisher.tell(CONTROL_TOPIC, Heartbeat(self._run, answer, part))

    def tick(self) -> None:
        """What is due now; called about once a second."""
        now = self._clock.monotonic()
        if now - self._beat_at >= self._timing.heartbeat_seconds:
            self.beat()
        self._expire(now)
        for page in self._pages.all():
            page.presence.expire(now)
            self.changed(page)

    def changed(self, page: Page) -> None:
        """Somebody came or went: tell it now, or with what else changes meanwhile."""
        now = self._clock.monotonic()
        pause = self._timing.presence_seconds
        if now - self._told.get(page, _NEVER)[1] >= pause:
            self._tell(page, now)
        if now - page.presence_told_at >= max(pause, len(page.viewers) / 500):
            page.tell_presence(now)

    def hear(self, topic: str, hint: Hint) -> None:
        """Anything about people that another process tells."""
        new = hint.run not in self._alive
        self._alive[hint.run] = self._clock.monotonic()
        if hint.run in self._gone:
            # It was taken for dead, and its people were forgotten.
            self._gone.discard(hint.run)
            for known in self._pages.all():
                if known.viewers:
                    self._publisher.tell(known.topic, WhoIsHere(self._run, hint.run))
        if isinstance(hint, Heartbeat):
            if hint.answer or new:
                self.beat()
            for changed, version in hint.changed:
                page = self._pages.of_topic(changed)
                if page and not page.presence.is_at(hint.run, version):
                    self._publisher.tell(changed, WhoIsHere(self._run, hint.run))
            return
        page = self._pages.of_topic(topic)
        if page is None:
            return
        match hint:
            case PeopleChanged(version=version, connections=connections):
                delta = Delta(version, connections, hint.joined, hint.left)
                if not page.presence.heard(hint.run, delta):
                    self._publisher.tell(topic, WhoIsHere(self._run, hint.run))
            case PeopleAll():
                page.presence.heard_all(
                    hint.run,
                    hint.version,
                    hint.connections,
                    hint.part,
                    hint.parts,
                    hint.people,
                )
            case WhoIsHere(of=of) if of in ("", self._run) and page.presence.version > 0:
                self._tell_all(page)
        self.changed(page)

    def _tell(self, page: Page, now: float) -> None:
        delta = page.presence.delta(self._told.get(page, _NEVER)[0])
        if delta is None:
            return
        self._told[page] = (delta.connections, now)
        self._changed[page.topic] = (delta.version, now)
        if len(delta.joined) + len(delta.left) > PEOPLE_PER_HINT:
            self._tell_all(page)
            return
        self._publisher.tell(
            page.topic,
            PeopleChanged(self._run, delta.version, delta.connections, delta.joined, delta.left),
        )

    def _tell_all(self, page: Page) -> None:
        presence = page.presence
        people = presence.people()
        parts = max(1, -(-len(people) // PEOPLE_PER_HINT))
        for part in range(parts):
            some = people[part * PEOPLE_PER_HINT : (part + 1) * PEOPLE_PER_HINT]
            self._publisher.tell(
                page.topic,
                PeopleAll(
                    self._run,
                    presence.version,
                    self._told.get(page, _NEVER)[0],
                    part,
                    parts,
                    some,
                ),
            )

    def _expire(self, now: float) -> None:
        limit = now - self._timing.expiry_seconds
        dead = [run for run, heard in self._alive.items() if heard < limit]
        self._forget(dead)
        self._gone.update(dead)
        for page in list(self._told):
            if page.presence.empty and self._pages.get(page.key) is not page:
                del self._told[page]

    def _forget(self, runs: Iterable[str]) -> None:
        for run in runs:
            del self._alive[run]
        for page in self._pages.all():
            page.presence.forget(runs)
