"""A mapping whose copies cost what was changed since, and not what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from math import isqrt
from typing import Any, TypeVar, overload

T = TypeVar("T")
D = TypeVar("D")

_GONE = object()
_NOWHERE = object()
_LEAST = 64


class Layered(MutableMapping[str, T]):
    """A dict in its order, that can be forked.

    A base that is never changed again is shared by all forks, and may be read in other threads;
    each has its own changes over it. When there are many (64, and the root of what is in it) the
    next fork puts them into a base of its own, so a fork costs about the root of the size. Whoever
    reads meanwhile in another thread looks at the changes first: what they do not have any more is
    in the base by then.
    """

    __slots__ = ("_base", "_changes", "_size")

    def __init__(self) -> None:
        self._base: dict[str, T] = {}
        self._changes: dict[str, Any] = {}
        self._size = 0

    @classmethod
    def of(cls, mapping: Mapping[str, T]) -> Layered[T]:
        """A copy of it."""
        copied = cls()
        copied._base = dict(mapping)
        copied._size = len(copied._base)
        return copied

    def fork(self) -> Layered[T]:
        if len(self._changes) > _LEAST + isqrt(len(self._base)):
            self._settle()
        fork: Layered[T] = Layered.__new__(Layered)  # its parts need not be made to be replaced
        fork._base = self._base
        fork._changes = self._changes.copy()
        fork._size = self._size
        return fork

    def __getitem__(self, key: str) -> T:
        changes = self._changes
        value: T = changes[key] if key in changes else self._base[key]
        if value is _GONE:
            raise KeyError(key)
        return value

    @overload
    def get(self, key: str, default: None = None, /) -> T | None: ...

    @overload
    def get(self, key: str, default: D, /) -> T | D: ...

    def get(self, key: str, default: object = None, /) -> object:
        value: object = self._changes.get(key, _NOWHERE)
        if value is _NOWHERE:
            return self._base.get(key, default)
        return default if value is _GONE else value

    def __contains__(self, key: object) -> bool:
        changes = self._changes
        return changes[key] is not _GONE if key in changes else key in self._base

    def __setitem__(self, key: str, value: T) -> None:
        if self._changes.get(key) is _GONE and key in self._base:
            self._settle()  # what comes again comes last
        if key not in self:
            self._size += 1
        self._changes[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._size -= 1
        if key in self._base:
            self._changes[key] = _GONE
        else:
            del self._changes[key]

    def __iter__(self) -> Iterator[str]:
        changes, base = self._changes, self._base
        for key in base:
            if changes.get(key) is not _GONE:
                yield key
        for key in changes:
            if key not in base:
                yield key

    def __reversed__(self) -> Iterator[str]:
        changes, base = self._changes, self._base
        for key in reversed(changes):
            if key not in base:
                yield key
        for key in reversed(base):
            if changes.get(key) is not _GONE:
                yield key

    def __len__(self) -> int:
        return self._size

    def _settle(self) -> None:
        base = dict(self._base)
        for key, value in self._changes.items():
            if value is _GONE:
                del base[key]
            else:
                base[key] = value
        self._base, self._changes = base, {}
