"""Who is on a page, over all processes, without a store of its own.

Every process owns the truth about its own viewers and tells the others in numbered changes. People
travel as 64-bit hashes: what is counted is distinct people, so counts alone would not do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from .agenda import Agenda
from .model import User


def person(user_id: str) -> int:
    """The 64-bit hash under which a person travels between processes."""
    return int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed in one process between `version - 1` and `version`."""

    version: int
    connections: int
    joined: list[int]
    left: list[int]
    names: list[User] = field(default_factory=list)
    """Of those who joined or are called otherwise, where pages tell who is here."""
    renamed: list[int] = field(default_factory=list)
    """Who is called otherwise than the others were told."""


class _Remote:
    """What another process has told about this page."""

    __slots__ = ("connections", "names", "parts", "people", "version")

    def __init__(self) -> None:
        self.version = -1
        self.connections = 0
        self.people: set[int] = set()
        self.names: dict[int, User] = {}
        self.parts: tuple[int, dict[int, list[int]]] = (-1, {})

    def name(self, names: Iterable[User]) -> None:
        """Learn names, and forget those of who has left."""
        known = self.names | {person(name.id): name for name in names}
        self.names = {who: name for who, name in known.items() if who in self.people}


class PagePresence:
    """The people of one page. Time is in seconds of a monotonic clock.

    A person whose last connection is gone stays for `grace` seconds, so that a reload is not seen:
    until then that connection counts too, and there are never fewer connections than people, in no
    process and at no time.
    """

    __slots__ = (
        "_began_at",
        "_elsewhere",
        "_joined",
        "_leaving",
        "_left",
        "_local",
        "_names",
        "_open",
        "_remote",
        "_renamed",
        "_shared",
        "version",
    )

    def __init__(self) -> None:
        self._open = 0
        self._began_at = 0
        self.version = 0
        """Of what this process has told the others."""
        self._local: dict[int, int] = {}
        self._leaving: Agenda[int] = Agenda()
        """Until their grace is over. Thousands may leave a page in one instant."""
        self._joined: set[int] = set()
        self._left: set[int] = set()
        self._renamed: set[int] = set()
        self._remote: dict[str, _Remote] = {}
        self._elsewhere: dict[int, int] = {}
        """In how many other processes somebody is."""
        self._shared = 0
        """People who are here and elsewhere."""
        self._names: dict[int, User] = {}

    def number_above(self, version: int) -> None:
        """Before anything is told: this process may have told of the page before, with numbers up
        to this one, and others take no number twice."""
        self._began_at = self.version = version

    @property
    def has_told(self) -> bool:
        """Whether the others have heard anything since this page is open here."""
        return self.version > self._began_at

    @property
    def connections(self) -> int:
        """Of this process, the last one of whoever is in grace included."""
        return self._open + len(self._leaving)

    def join(self, who: int, name: User | None = None) -> None:
        """`name`: where pages tell who is here."""
        self._open += 1
        if name is not None:
            self.name(who, name)
        self._leaving.drop(who)
        count = self._local.get(who)
        if count is None:
            self._joined.add(who)
            self._left.discard(who)
            self._shared += who in self._elsewhere
        self._local[who] = (count or 0) + 1

    def name(self, who: int, name: User) -> None:
        """What somebody is called here from now on."""
        if who in self._local and self._names.get(who) != name:
            self._renamed.add(who)
        self._names[who] = name

    def leave(self, who: int, now: float, grace: float) -> None:
        self._open -= 1
        self._local[who] -= 1
        if self._local[who] == 0:
            self._leaving.put(who, now + grace)

    def expire(self, now: float) -> bool:
        """Let those go whose grace is over. Whether anyone went."""
        gone = list(self._leaving.due(now))
        for who in gone:
            del self._local[who]
            self._shared -= who in self._elsewhere
            self._names.pop(who, None)
            self._left.add(who)
            self._joined.discard(who)
            self._renamed.discard(who)
        return bool(gone)

    @property
    def grace_ends(self) -> float | None:
        """When `expire` lets somebody go next; None: nobody is leaving."""
        return self._leaving.next_at

    @property
    def empty(self) -> bool:
        """Whether this process has nobody to speak of."""
        return not self._local

    def counts(self) -> tuple[int, int]:
        """Distinct people and connections, over all processes. Asked whenever somebody comes, so
        people are counted where they come and go."""
        people = len(self._local) + len(self._elsewhere) - self._shared
        return people, self.connections + sum(one.connections for one in self._remote.values())

    def listed(self, most: int) -> dict[str, User] | None:
        """Everybody by id, where they are at most so many and everyone's name is known."""
        if most == 0 or self.counts()[0] > most:
            return None
        people, names = set(self._local), dict(self._names)
        for remote in self._remote.values():
            people |= remote.people
            names |= remote.names
        if not people <= names.keys():
            return None
        return {names[who].id: names[who] for who in sorted(people)}

    def has_changed(self, told_connections: int) -> bool:
        """Whether there is anything that the others have not been told yet."""
        return (
            bool(self._joined or self._left or self._renamed)
            or told_connections != self.connections
        )

    def delta(self, told_connections: int) -> Delta | None:
        """What the others have not been told yet, once."""
        if not self.has_changed(told_connections):
            return None
        self.version += 1
        joined, left, renamed = map(sorted, (self._joined, self._left, self._renamed))
        delta = Delta(self.version, self.connections, joined, left, renamed=renamed)
        self._joined.clear()
        self._left.clear()
        self._renamed.clear()
        return delta

    @property
    def here(self) -> int:
        """People of this process."""
        return len(self._local)

    def names(self, people: Iterable[int]) -> list[User]:
        """Of those who are here and whose name is known."""
        return [self._names[who] for who in people if who in self._names]

    def people(self) -> list[int]:
        """Everyone of this process as of `version`."""
        return sorted(set(self._local) - self._joined | self._left)

    def heard(self, run: str, delta: Delta) -> bool:
        """Take another process's change. False: something was missed, ask for all."""
        remote = self._remote.get(run)
        known = remote.version if remote else 0
        if delta.version <= known:
            return True
        if delta.version != known + 1:
            return False
        if remote is None:
            remote = self._remote[run] = _Remote()
        remote.version = delta.version
        remote.connections = delta.connections
        left = set(delta.left)
        self._move(remote, set(delta.joined) - left - remote.people, left & remote.people)
        remote.name(delta.names)
        return True

    def heard_all(
        self,
        run: str,
        version: int,
        connections: int,
        part: int,
        parts: int,
        people: list[int],
        names: Iterable[User] = (),
    ) -> bool:
        """Take one part of another process's whole list. Whether the list is complete now."""
        remote = self._remote.setdefault(run, _Remote())
        if version < max(remote.version, remote.parts[0]):
            return False
        if remote.parts[0] != version:
            remote.parts = (version, {})
        remote.parts[1][part] = people
        remote.names |= {person(name.id): name for name in names}
        if len(remote.parts[1]) < parts:
            return False
        remote.version = version
        remote.connections = connections
        now = {who for some in remote.parts[1].values() for who in some}
        self._move(remote, now - remote.people, remote.people - now)
        remote.parts = (-1, {})
        remote.name(())
        return True

    def is_at(self, run: str, version: int) -> bool:
        """Whether nothing is missing of what this process has told up to `version`."""
        remote = self._remote.get(run)
        return (remote.version if remote else 0) >= version

    def forget(self, runs: Iterable[str]) -> bool:
        """Processes that are gone. Whether that changed anything."""
        known = [run for run in runs if run in self._remote]
        for run in known:
            remote = self._remote.pop(run)
            self._move(remote, (), tuple(remote.people))
        return bool(known)

    def _move(self, remote: _Remote, came: Iterable[int], went: Iterable[int]) -> None:
        """`came` were not there before, `went` were."""
        remote.people.update(came)
        remote.people.difference_update(went)
        elsewhere = self._elsewhere
        for who in came:
            before = elsewhere.get(who, 0)
            elsewhere[who] = before + 1
            self._shared += not before and who in self._local
        for who in went:
            elsewhere[who] -= 1
            if not elsewhere[who]:
                del elsewhere[who]
                self._shared -= who in self._local

    @property
    def others(self) -> int:
        """Processes that have told of people here."""
        return len(self._remote)

    def runs(self) -> list[str]:
        return list(self._remote)
