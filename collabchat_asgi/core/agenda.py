"""What is due when, so that nobody has to be asked who has nothing to do."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Agenda(Generic[T]):
    """Items, each with the moment at which it is looked at next: what costs is what is due, and
    not what is there. Time is in seconds of any clock."""

    __slots__ = ("_at", "_count", "_heap")

    def __init__(self) -> None:
        self._at: dict[T, float] = {}
        self._heap: list[tuple[float, int, T]] = []
        self._count = 0
        """Tells apart what is due at the same moment: items need no order."""

    def __len__(self) -> int:
        return len(self._at)

    def put(self, item: T, at: float) -> None:
        """Look at it then, or earlier where it was put earlier: who looks puts it anew."""
        known = self._at.get(item)
        if known is not None and known <= at:
            return
        self._at[item] = at
        self._count += 1
        heappush(self._heap, (at, self._count, item))

    @property
    def next_at(self) -> float | None:
        """When something is due next; None: never."""
        heap = self._heap
        while heap and self._at.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def drop(self, item: T) -> None:
        """It is not looked at any more. What was never put is no error."""
        self._at.pop(item, None)
        if len(self._heap) > 2 * len(self._at) + 16:
            # What was dropped or put earlier leaves the heap only at its time.
            self._heap = [entry for entry in self._heap if self._at.get(entry[2]) == entry[0]]
            self._heap.sort()

    def due(self, now: float) -> Iterator[T]:
        """Everything that is due, once and for good; what is put meanwhile may come again."""
        while self._heap and self._heap[0][0] <= now:
            at, _, item = heappop(self._heap)
            if self._at.get(item) == at:
                del self._at[item]
                yield item
