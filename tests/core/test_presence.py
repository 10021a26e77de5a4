from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given

from collabchat_asgi.core.model import User
from collabchat_asgi.core.presence import Delta, PagePresence, person

from .histories import Tape, catches, many, tapes

GRACE = 5.0


def check_presence(make: type[PagePresence], data: bytes) -> None:
    """Processes that lose, repeat and reorder what they tell each other count alike in the end."""
    tape = Tape(data)
    runs = ("a", "b", "c")
    pages = {run: make() for run in runs}
    connected: dict[str, list[int]] = {run: [] for run in runs}
    told = dict.fromkeys(runs, 0)
    on_the_way: list[tuple[str, str, Delta]] = []
    now = 0.0

    def tell(run: str) -> None:
        delta = pages[run].delta(told[run])
        if delta:
            told[run] = delta.connections
            on_the_way.extend((run, to, delta) for to in runs if to != run)

    def ask(run: str, to: str) -> None:
        people = pages[run].people()
        parts = [people[at : at + 2] for at in range(0, len(people), 2)] or [[]]
        for n, part in enumerate(parts):
            complete = pages[to].heard_all(run, pages[run].version, told[run], n, len(parts), part)
            assert complete == (n == len(parts) - 1)

    while tape:
        run = tape.one(runs)
        now += tape.below(3)
        match tape.below(6):
            case 0 | 1:
                who = person(f"user {tape.below(5)}")
                connected[run].append(who)
                pages[run].join(who)
            case 2 if connected[run]:
                who = connected[run].pop(tape.below(len(connected[run])))
                pages[run].leave(who, now, GRACE)
            case 3:
                pages[run].expire(now)
                tell(run)
            case _ if on_the_way:
                at = tape.below(len(on_the_way))
                source, to, delta = on_the_way[at]
                if tape.below(3):
                    del on_the_way[at]
                if not pages[to].heard(source, delta) and tape.below(2):
                    ask(source, to)
        for page in pages.values():
            people, connections = page.counts()
            assert people <= connections
    for run in runs:
        pages[run].expire(now + GRACE)
        tell(run)
        assert pages[run].delta(told[run]) is None
    for source in runs:
        for to in runs:
            if source != to and not pages[to].is_at(source, pages[source].version):
                ask(source, to)
    everyone = {who for people in connected.values() for who in people}
    total = sum(map(len, connected.values()))
    for page in pages.values():
        assert page.counts() == (len(everyone), total)


@many
@given(tapes)
def test_all_processes_count_alike(data: bytes) -> None:
    check_presence(PagePresence, data)


class TakesAnyDelta(PagePresence):
    def heard(self, run: str, delta: Delta) -> bool:
        known = self._remote.get(run)
        if known and known.version >= delta.version:
            return True
        super().heard(run, Delta((known.version if known else 0) + 1, *_rest(delta)))
        self._remote[run].version = delta.version
        return True


class CountsTwice(PagePresence):
    def counts(self) -> tuple[int, int]:
        people = len(self._local) + sum(len(each.people) for each in self._remote.values())
        return people, super().counts()[1]


class DropsConnectionsInGrace(PagePresence):
    connections = property(lambda self: self._open)


def _rest(delta: Delta) -> tuple[int, list[int], list[int]]:
    return delta.connections, delta.joined, delta.left


@pytest.mark.parametrize("mutant", [TakesAnyDelta, CountsTwice, DropsConnectionsInGrace])
def test_a_wrong_presence_is_noticed(mutant: type[PagePresence]) -> None:
    assert catches(lambda data: check_presence(mutant, data))


def test_a_reload_is_not_seen() -> None:
    page = PagePresence()
    page.join(1)
    page.delta(0)
    page.leave(1, 10.0, GRACE)
    assert page.counts() == (1, 1), "who is in grace counts in both"
    assert not page.expire(14.9)
    page.join(1)
    assert not page.expire(20.0)
    assert page.delta(1) is None
    assert page.counts() == (1, 1)


def test_tabs_of_one_person_are_one_person() -> None:
    page = PagePresence()
    page.join(1)
    page.join(1)
    page.leave(1, 0.0, GRACE)
    page.expire(100.0)
    assert page.counts() == (1, 1)
    page.leave(1, 100.0, GRACE)
    assert page.expire(105.0)
    assert page.empty


def test_processes_that_are_gone_are_forgotten() -> None:
    page = PagePresence()
    page.heard("b", Delta(1, 3, [7], []))
    assert page.counts() == (1, 3)
    assert page.runs() == ["b"]
    assert page.forget(["b", "x"])
    assert not page.forget(["b"])
    assert page.counts() == (0, 0)


def named(*names: str) -> list[User]:
    return [User(name, name.title()) for name in names]


def test_people_are_listed_where_everybodys_name_is_known() -> None:
    page = PagePresence()
    ann, bob, eve = named("ann", "bob", "eve")
    page.join(person("ann"), ann)
    assert page.here == 1
    assert page.listed(9) == {"ann": ann}
    assert page.listed(0) is None, "lists are turned off"
    page.heard("b", Delta(1, 1, [person("bob")], [], [bob]))
    assert page.others == 1
    assert page.listed(9) == {"ann": ann, "bob": bob}
    assert page.listed(1) is None, "there are more"
    page.heard("b", Delta(2, 2, [person("eve")], []))
    assert page.listed(9) is None, "one of them has no name here"
    everybody = [person("bob"), person("eve")]
    assert page.heard_all("b", 2, 2, 0, 1, everybody, [bob, eve])
    assert page.listed(9) == {"ann": ann, "bob": bob, "eve": eve}
    assert not page.heard_all("b", 1, 0, 0, 1, []), "older than what is known"
    page.heard("b", Delta(3, 1, [], [person("bob")]))
    assert page.listed(9) == {"ann": ann, "eve": eve}


def test_a_part_that_was_overtaken_does_not_spoil_a_newer_list() -> None:
    page = PagePresence()
    assert not page.heard_all("b", 5, 2, 0, 2, [1])
    assert not page.heard_all("b", 6, 3, 0, 2, [1, 3])
    assert not page.heard_all("b", 5, 2, 1, 2, [2]), "of the list before"
    assert page.heard_all("b", 6, 3, 1, 2, [2])
    assert page.counts() == (3, 3)
    assert page.is_at("b", 6)


def test_a_name_is_kept_as_long_as_its_person() -> None:
    page = PagePresence()
    [ann] = named("ann")
    page.join(person("ann"), ann)
    assert page.names([person("ann"), person("bob")]) == [ann]
    assert page.grace_ends is None
    page.leave(person("ann"), 1.0, GRACE)
    assert page.grace_ends == 1.0 + GRACE
    assert page.names([person("ann")]) == [ann]
    page.expire(1.0 + GRACE)
    assert page.names([person("ann")]) == []


def test_who_opens_a_page_again_numbers_above_what_was_told() -> None:
    page = PagePresence()
    page.number_above(41)
    assert not page.has_told
    page.join(1)
    delta = page.delta(0)
    assert delta
    assert delta.version == 42
    assert page.has_told


class Compared(float):
    """A time that counts how often it is compared with another."""

    times = 0

    def __add__(self, seconds: float) -> Compared:
        return Compared(float(self) + seconds)

    def __lt__(self, other: float) -> bool:
        Compared.times += 1
        return float(self) < float(other)

    def __le__(self, other: float) -> bool:
        Compared.times += 1
        return float(self) <= float(other)

    def __gt__(self, other: float) -> bool:
        Compared.times += 1
        return float(self) > float(other)


@pytest.mark.parametrize("back", [False, True])
def test_when_thousands_leave_each_costs_no_more_than_the_first(back: bool) -> None:
    page, crowd = PagePresence(), range(4_000)
    for who in crowd:
        page.join(who)
    Compared.times = 0
    for at, who in enumerate(crowd):
        page.leave(who, Compared(at), GRACE)
        assert page.grace_ends == GRACE
    if back:
        for who in crowd[:-1]:
            page.join(who)
        assert page.grace_ends == len(crowd) - 1 + GRACE
        assert page.connections == len(crowd)
    page.expire(len(crowd) + GRACE)
    assert (page.grace_ends, page.here) == (None, len(crowd) - 1 if back else 0)
    assert Compared.times < 40 * len(crowd)


def check_counts(make: type[PagePresence], data: bytes) -> None:
    """Whoever hears everything counts each person once, at every moment."""
    tape, runs, now = Tape(data), ("a", "b", "c"), 0.0
    pages = {run: make() for run in runs}
    connected: dict[str, list[int]] = {run: [] for run in runs}
    leaving: dict[tuple[str, int], float] = {}
    told = dict.fromkeys(runs, 0)
    while tape:
        run = tape.one(runs)
        page, here = pages[run], connected[run]
        now += tape.below(3)
        match tape.below(4):
            case 0 | 1:
                who = tape.below(5)
                page.join(who)
                here.append(who)
                leaving.pop((run, who), None)
            case 2 if here:
                who = here.pop(tape.below(len(here)))
                page.leave(who, now, GRACE)
                if who not in here:
                    leaving[run, who] = now + GRACE
            case 3:
                for other in runs:
                    if other != run:
                        pages[other].forget([run])
                        pages[other].heard_all(run, page.version, told[run], 0, 1, page.people())
        for one, presence in pages.items():
            presence.expire(now)
            delta = presence.delta(told[one])
            if delta is not None:
                told[one] = delta.connections
                for other in runs:
                    assert other == one or pages[other].heard(one, delta)
        leaving = {key: at for key, at in leaving.items() if at > now}
        people = {who for those in connected.values() for who in those}
        connections = sum(map(len, connected.values())) + len(leaving)
        expected = len(people | {who for _, who in leaving}), connections
        assert [page.counts() for page in pages.values()] == [expected] * len(runs)


@many
@given(tapes)
def test_each_person_is_counted_once_at_every_moment(data: bytes) -> None:
    check_counts(PagePresence, data)


class CountsTheSharedTwice(PagePresence):
    """Whoever is in two processes is two people."""

    def counts(self) -> tuple[int, int]:
        people, connections = super().counts()
        return people + self._shared, connections


class KeepsTheShared(PagePresence):
    """Whoever leaves here and stays elsewhere is still counted for both."""

    def expire(self, now: float) -> bool:
        shared = self._shared
        gone = super().expire(now)
        self._shared = shared
        return gone


class KeepsTheGone(PagePresence):
    """Does not count anew when a process is gone."""

    def forget(self, runs: Iterable[str]) -> bool:
        elsewhere = dict(self._elsewhere)
        changed = super().forget(runs)
        self._elsewhere = elsewhere
        return changed


@pytest.mark.parametrize("mutant", [CountsTheSharedTwice, KeepsTheShared, KeepsTheGone])
def test_a_wrong_count_is_noticed(mutant: type[PagePresence]) -> None:
    assert catches(lambda data: check_counts(mutant, data))
