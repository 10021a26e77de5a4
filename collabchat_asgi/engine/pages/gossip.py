"""Tells the other processes who is here, and keeps what they have told.

What is meant for one process goes to that one's own topic. What all have to hear, or all who have
a page open, is said the less often the more they are (`CROWD`): otherwise a broker would carry the
square of their number, where now the hints that one process takes in a second stay bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ...config import Timing
from ...core.agenda import Agenda
from ...core.limits import TokenBucket
from ...core.model import User
from ...core.peers import Verdict
from ...core.presence import Delta
from ..clock import Clock
from ..peers.hints import (
    CONTROL_TOPIC,
    Heartbeat,
    HintCodec,
    PeopleAll,
    PeopleAt,
    PeopleChanged,
    Received,
    WhoIsHere,
    inbox_of,
)
from ..peers.introductions import Introductions
from ..peers.publisher import Publisher
from .page import TYPING_IS_SHOWN_SECONDS, Page
from .pages import Pages

BYTES_PER_HINT = 5_000
"""Of people and their names, within the smallest `max_payload` (PostgreSQL: 5,958); one person
alone may take more."""

PERSON_BYTES = 9
"""Without a name."""

CROWD = 100
"""Other processes. Among so many, heartbeats and changes of a page have their ordinary pause; among
ten times as many it is ten times as long, and so is the time after which a silent one is gone."""

CHANGES_PER_HINT = 100
"""Within the smallest `max_payload` too."""

QUESTIONS_PER_TICK = 100
"""Of processes that are not known, answered; of more, the next time that they ask."""

ANSWERS_PER_SECOND = 10.0
ANSWERS_AT_ONCE = 20.0
"""Rounds of introductions because of what others say; more are gathered for the next second."""


class Gossip:
    """One heartbeat per process, numbered changes per page, and whole lists when asked for."""

    def __init__(
        self,
        run: str,
        publisher: Publisher,
        pages: Pages,
        codec: HintCodec,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._run = run
        self._introductions = Introductions(codec, timing.expiry_seconds)
        self._answers = TokenBucket(ANSWERS_PER_SECOND, ANSWERS_AT_ONCE, clock.monotonic())
        self._asked_by_strangers: dict[tuple[str, str], None] = {}
        """Topics, and who asked about them; they are told with the next tick."""
        self._publisher = publisher
        self._pages = pages
        self._clock = clock
        self._timing = timing
        self._alive: dict[str, float] = {}
        """Processes, and when each was heard last."""
        self._patience: dict[str, float] = {}
        """Seconds of silence after which each of them is gone."""
        self._agenda: Agenda[Page] = Agenda()
        """When somebody's grace on a page ends, or what waits for a pause may be told: a page where
        nothing changes is not looked at."""
        self._changed: dict[str, tuple[int, float]] = {}
        self._reserved = 0
        """No change of any page has a higher number, nor will the next one of a page that was
        forgotten before it was told. One that is opened again begins above it: who has kept it open
        knows the numbers that it once had."""
        self._beat_at = self._pulse_at = float("-inf")

    @property
    def peers(self) -> list[str]:
        """Processes that were heard lately."""
        return list(self._alive)

    def opened(self, page: Page) -> None:
        """Ask who else has people on a page that is new here."""
        page.presence.number_above(self._reserved)
        self._reserved += 1
        self._publisher.tell(page.topic, WhoIsHere())

    def ask_all(self) -> None:
        """After a gap: nothing that was heard before can be trusted to be complete."""
        self.greet()
        for page in self._pages.all():
            if page.viewers:
                self._publisher.tell(page.topic, WhoIsHere())

    def greet(self) -> None:
        """Make oneself known to everyone, and everyone to oneself."""
        self.beat(ask=True)

    @property
    def crowd(self) -> float:
        """By how much rarer than among few everyone is told something."""
        return max(1.0, len(self._alive) / CROWD)

    def beat(self, *, ask: bool = False) -> None:
        """A sign of life for everyone; and for who may have lost a change of a page, how many there
        were. `ask` everyone to answer."""
        now = self._clock.monotonic()
        self._beat_at = self._pulse_at = now
        expiry = self._timing.expiry_seconds * self.crowd
        self._publisher.tell(CONTROL_TOPIC, Heartbeat(ask, None, expiry))
        for topic, (version, told_at) in list(self._changed.items()):
            if now - told_at >= expiry:
                del self._changed[topic]
            else:
                self._publisher.tell(topic, PeopleAt([("", version)]))

    def tick(self) -> None:
        """What is due now; called about once a second."""
        now = self._clock.monotonic()
        if now - self._beat_at >= self._timing.heartbeat_seconds * self.crowd:
            self.beat()
        elif now - self._pulse_at >= self._timing.heartbeat_seconds:
            # Whether this process still hears itself concerns nobody else.
            self._pulse_at = now
            self._publisher.tell(inbox_of(self._run), Heartbeat())
        self._introduce()
        self._expire(now)
        asked, self._asked_by_strangers = self._asked_by_strangers, {}
        for topic, run in asked:
            asked_page = self._pages.of_topic(topic)
            if asked_page is not None and asked_page.presence.has_told:
                self._tell_all(asked_page, run)
        for page in list(self._agenda.due(now)):
            page.presence.expire(now)
            self.changed(page)

    def changed(self, page: Page) -> None:
        """Somebody came or went: tell it now, or with what else changes meanwhile."""
        now = self._clock.monotonic()
        pause = self._timing.presence_seconds * max(1.0, page.presence.others / CROWD)
        if now - page.others_told_at >= pause:
            self._tell(page, now)
        elif page.presence.has_changed(page.others_told):
            self._agenda.put(page, page.others_told_at + pause)
        pause = max(self._timing.presence_seconds, len(page.viewers) / 500)
        if now - page.presence_sent_at >= pause:
            page.tell_presence(now)
        else:
            self._agenda.put(page, page.presence_sent_at + pause)
        ends = page.presence.grace_ends
        if ends is not None:
            self._agenda.put(page, ends)

    def believes(self, topic: str, heard: Received) -> Verdict:
        """To be asked first, and once, of everything that another process says. A question that
        comes out of the past is answered all the same, a statement counts only while it is new."""
        verdict, new = self._introductions.judge(heard)
        if self._introductions.due and not self._answers.take(self._clock.monotonic()):
            self._introduce()
        hint = heard.hint
        if verdict is Verdict.FRESH:
            self._alive[heard.run] = self._clock.monotonic()
            if isinstance(hint, Heartbeat) and hint.expiry_seconds:
                self._patience[heard.run] = hint.expiry_seconds
        elif isinstance(hint, WhoIsHere) and len(self._asked_by_strangers) < QUESTIONS_PER_TICK:
            self._asked_by_strangers[hint.topic or topic, heard.run] = None
        if new and heard.said_ms >= self._timing.expiry_seconds * 1000:
            # A younger one tells again all that ever changed there.
            for page in self._pages.all():
                if page.viewers:
                    self._ask(heard.run, page.topic)
        return verdict

    def _ask(self, run: str, topic: str) -> None:
        self._publisher.tell(inbox_of(run), WhoIsHere(topic))

    def _introduce(self) -> None:
        for run, words in self._introductions.take().items():
            self._publisher.tell(inbox_of(run), words)
            if words.echo_ms is not None:
                # What was said before it knew us has not counted there.
                rows = [(topic, version) for topic, (version, _) in self._changed.items()]
                for start in range(0, len(rows), CHANGES_PER_HINT):
                    part = rows[start : start + CHANGES_PER_HINT]
                    self._publisher.tell(inbox_of(run), PeopleAt(part))

    def is_still_typed(self, heard: Received) -> bool:
        return self._introductions.age_seconds(heard) <= TYPING_IS_SHOWN_SECONDS

    def hear(self, topic: str, heard: Received) -> None:
        """Anything about people that another process says, and that is believed."""
        run, hint = heard.run, heard.hint
        if isinstance(hint, PeopleAll | WhoIsHere) and hint.topic:
            topic = hint.topic
        if isinstance(hint, PeopleAt):
            for of, version in hint.rows:
                page = self._pages.of_topic(of or topic)
                if page is not None and not page.presence.is_at(run, version):
                    self._ask(run, of or topic)
            return
        page = self._pages.of_topic(topic)
        if page is None:
            return
        match hint:
            case PeopleChanged(version=version, connections=connections):
                delta = Delta(version, connections, hint.joined, hint.left, hint.names)
                if not page.presence.heard(run, delta):
                    self._ask(run, topic)
            case PeopleAll():
                page.presence.heard_all(
                    run,
                    hint.version,
                    hint.connections,
                    hint.part,
                    hint.parts,
                    hint.people,
                    hint.names,
                )
            case WhoIsHere() if page.presence.has_told:
                self._tell_all(page, run)
        self.changed(page)

    def _tell(self, page: Page, now: float) -> None:
        first = not page.presence.has_told
        delta = page.presence.delta(page.others_told)
        if delta is None:
            return
        self._reserved = max(self._reserved, delta.version + 1)
        page.others_told, page.others_told_at = delta.connections, now
        self._changed[page.topic] = (delta.version, now)
        names = self._names(page, (*delta.joined, *delta.renamed))
        named_again = page.unnamed and page.presence.here <= page.people.most
        people = len(delta.joined) + len(delta.left)
        too_long = PERSON_BYTES * people + _weight(names) > BYTES_PER_HINT
        # The first one stands on nothing that was told before, so it is the whole list.
        if first or too_long or named_again:
            self._tell_all(page)
            return
        if page.presence.here > page.people.most > 0:
            page.unnamed = True
        self._publisher.tell(
            page.topic,
            PeopleChanged(delta.version, delta.connections, delta.joined, delta.left, names),
        )

    def _names(self, page: Page, people: Iterable[int]) -> list[User]:
        """Names are for pages whose people are few: more are told to nobody anyway."""
        return page.presence.names(people) if page.presence.here <= page.people.most else []

    def _tell_all(self, page: Page, run: str | None = None) -> None:
        """The whole list, to the process that asked, or to all."""
        presence = page.presence
        to, topic = (page.topic, "") if run is None else (inbox_of(run), page.topic)
        if run is None:
            page.unnamed = presence.here > page.people.most > 0
        parts: list[tuple[list[int], list[User]]] = [([], [])]
        size = 0
        for who in presence.people():
            name = self._names(page, [who])
            weight = PERSON_BYTES + _weight(name)
            if size and size + weight > BYTES_PER_HINT:
                parts.append(([], []))
                size = 0
            parts[-1][0].append(who)
            parts[-1][1].extend(name)
            size += weight
        for part, (people, names) in enumerate(parts):
            self._publisher.tell(
                to,
                PeopleAll(
                    presence.version,
                    page.others_told,
                    part,
                    len(parts),
                    people,
                    names,
                    topic,
                ),
            )

    def _expire(self, now: float) -> None:
        patience = self._timing.expiry_seconds
        dead = [
            run
            for run, heard_at in self._alive.items()
            if now - heard_at > self._patience.get(run, patience)
        ]
        if dead:
            self._forget(dead)

    def _forget(self, runs: Iterable[str]) -> None:
        for run in runs:
            del self._alive[run]
            self._patience.pop(run, None)
            self._introductions.forget(run)
        for page in self._pages.all():
            if page.presence.forget(runs):
                self.changed(page)


def _weight(names: Sequence[User]) -> int:
    """Bytes of a hint."""
    return sum(len(msgspec.msgpack.encode(name)) for name in names)
