"""Whom the readers of a page have been told of, and so who came and who left since."""

from __future__ import annotations

from collections.abc import Sequence

from .model import User


class People:
    """Lists of at most `most` people, by their ids. None in place of one: only counts are sent,
    and what readers knew is of no use any more; the next list is told whole."""

    __slots__ = ("_left", "_otherwise", "_shown", "most", "sent")

    def __init__(self, most: int) -> None:
        self.most = most
        self.sent: dict[str, User] | None = None
        self._shown: set[str] = set()
        """To those who have come since."""
        self._otherwise: set[str] = set()
        """Shown to them in another way, or not at all: should it be again as it was sent, they do
        not know."""
        self._left: dict[str, None] = {}
        """Lately, the last one last."""

    @property
    def owing(self) -> bool:
        """Whether somebody was shown what the others were not, also where that has passed."""
        return bool(self._otherwise or self._shown - (self.sent or {}).keys())

    def show(self, people: dict[str, User] | None, *, alone: bool) -> None:
        """Somebody new was given the list, or none; `alone`: nobody else reads the page here."""
        shown, sent = people or {}, self.sent or {}
        self._shown |= shown.keys()
        self._otherwise |= {id for id, user in sent.items() if shown.get(id) != user}
        if alone:
            self.sent, self._shown, self._otherwise = people, set(), set()

    def move(self, people: dict[str, User] | None) -> tuple[Sequence[User], Sequence[str]]:
        """What to tell everybody: who came, or is called otherwise, and who left."""
        sent, shown, otherwise = self.sent or {}, self._shown, self._otherwise
        self.sent, self._shown, self._otherwise = people, set(), set()
        if people is None:
            self._left.clear()
            return (), ()
        joined = [user for id, user in people.items() if id in otherwise or sent.get(id) != user]
        left = sorted((sent.keys() | shown) - people.keys())
        self._left |= dict.fromkeys(left)
        for id in people.keys() & self._left.keys():
            del self._left[id]
        while len(self._left) > self.most:
            del self._left[next(iter(self._left))]
        return joined, left

    def whole(self, people: dict[str, User] | None) -> tuple[Sequence[User], Sequence[str]]:
        """What to tell whoever may have missed some of it."""
        self.show(people, alone=False)
        return ((), ()) if people is None else (list(people.values()), list(self._left))
