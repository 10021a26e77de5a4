"""Whom readers have been told of: whatever they missed, they end with everybody who is here."""

from __future__ import annotations

import pytest
from hypothesis import given

from collabchat_asgi.core.model import User
from collabchat_asgi.core.people import People
from collabchat_asgi.core.presence import Delta, PagePresence, person

from .histories import Tape, tapes

ANN, BOB, EVE = (User(name.lower(), name) for name in ("Ann", "Bob", "Eve"))


def by_id(*users: User) -> dict[str, User]:
    return {user.id: user for user in users}


@given(tapes)
def test_every_reader_ends_with_everybody(data: bytes) -> None:
    """Readers come, miss frames and catch up; each folds `joined` and `left` as they come."""
    tape = Tape(data)
    people, here = People(4), by_id(ANN)
    readers: list[dict[str, User]] = []
    behind: list[dict[str, User]] = []

    def fold(known: dict[str, User], joined: object, left: object) -> None:
        for id in left:  # type: ignore[attr-defined]
            known.pop(id, None)
        known |= {user.id: user for user in joined}  # type: ignore[attr-defined]

    while tape:
        match tape.below(5):
            case 0:
                user = User(f"u{tape.below(4)}", f"name {tape.below(2)}")
                here = here | by_id(user)
            case 1 if len(here) > 1:
                here = {id: user for id, user in here.items() if id != sorted(here)[0]}
            case 2:
                people.show(here, alone=not readers and not behind)
                readers.append(dict(here))
            case 3 if readers:
                behind.append(readers.pop())
            case _:
                told = people.move(here)
                for known in readers:
                    fold(known, *told)
                if len(people.whole(here)[1]) < 4:
                    for known in behind:
                        fold(known, *people.whole(here))
                        assert known.keys() >= here.keys()
                    readers += behind
                    behind = []
    told = people.move(here)
    for known in readers:
        fold(known, *told)
        assert known.keys() >= here.keys()


def test_only_what_changed_is_told() -> None:
    people = People(9)
    people.show(by_id(ANN), alone=True)
    assert people.move(by_id(ANN)) == ([], [])
    assert people.move(by_id(ANN, BOB)) == ([BOB], [])
    assert people.move(by_id(BOB, EVE)) == ([EVE], ["ann"])
    called = User("bob", "Bobby")
    assert people.move(by_id(called, EVE)) == ([called], [])


def test_who_was_only_shown_is_told_to_have_left() -> None:
    people = People(9)
    people.show(by_id(ANN), alone=True)
    people.show(by_id(ANN, BOB, EVE), alone=False)
    assert people.move(by_id(ANN, EVE)) == ([EVE], ["bob"])


def test_who_was_only_told_to_a_late_reader_is_told_to_have_left() -> None:
    people = People(9)
    people.show(by_id(ANN), alone=True)
    assert people.whole(by_id(ANN, EVE)) == ([ANN, EVE], [])
    assert people.owing
    assert people.move(by_id(ANN)) == ([], ["eve"])
    assert not people.owing


def test_whoever_was_given_no_list_is_told_everybody() -> None:
    """The page was too full when they came, and is not any more before anybody was told so."""
    for late in (False, True):
        people = People(2)
        people.show(by_id(ANN, BOB), alone=True)
        if late:
            people.whole(None)
        else:
            people.show(None, alone=False)
        joined, left = people.move(by_id(ANN, EVE))
        assert (joined, left) == ([ANN, EVE], ["bob"])


def test_after_counts_alone_everybody_is_told() -> None:
    people = People(9)
    people.move(by_id(ANN, BOB))
    assert people.move(None) == ((), ())
    assert people.move(by_id(ANN, BOB)) == ([ANN, BOB], [])


def listed(page: PagePresence, most: int = 9) -> set[str] | None:
    people = page.listed(most)
    return people if people is None else set(people)


def join(page: PagePresence, *users: User) -> None:
    for user in users:
        page.join(person(user.id), user)


def test_a_page_is_listed_while_it_is_small_and_every_name_is_known() -> None:
    page = PagePresence()
    join(page, ANN, BOB, ANN)
    assert listed(page) == {"ann", "bob"}
    assert listed(page, 0) is None
    assert listed(page, 1) is None
    assert page.heard("other", Delta(1, 1, [person("eve")], [], [EVE]))
    assert listed(page) == {"ann", "bob", "eve"}
    assert page.heard("other", Delta(2, 2, [person("zoe")], []))
    assert listed(page) is None
    assert page.heard("other", Delta(3, 1, [], [person("zoe")]))
    assert listed(page) == {"ann", "bob", "eve"}
    page.heard_all("other", 4, 1, 0, 1, [person("eve")])
    assert listed(page) == {"ann", "bob", "eve"}, "a name that was heard stays"
    page.forget(["other"])
    assert listed(page) == {"ann", "bob"}


def test_whoever_has_left_is_not_listed() -> None:
    page = PagePresence()
    join(page, ANN, BOB)
    page.leave(person("bob"), 0.0, 5.0)
    assert listed(page) == {"ann", "bob"}
    page.expire(5.0)
    assert listed(page) == {"ann"}


@pytest.mark.parametrize("most", [0, 3])
def test_a_list_is_never_longer_than_it_may_be(most: int) -> None:
    page = PagePresence()
    join(page, *(User(f"u{n}", "x") for n in range(4)))
    assert page.listed(most) is None


def test_who_goes_and_comes_back_is_told_to_who_came_meanwhile() -> None:
    people = People(4)
    people.move(by_id(ANN, BOB))
    people.show(by_id(ANN), alone=False)
    assert people.move(by_id(ANN, BOB)) == ([BOB], [])
    assert people.move(by_id(ANN, BOB)) == ([], [])
