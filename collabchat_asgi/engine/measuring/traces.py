"""What the engine tells whoever traces it. Where nobody does, there is no tracer and no span."""

from __future__ import annotations

from typing import Protocol

MOST_IN_A_HINT = 16
"""Operations of one hint that other processes can be linked to."""


class Span(Protocol):
    """One operation, from its arrival until the page's readers here were sent what it did."""

    @property
    def parent(self) -> str:
        """What another process continues from, as W3C's `traceparent`; "" where it is not kept."""
        ...

    def committing(self, operations: int) -> None:
        """It goes into a commit of so many."""
        ...

    def committed(self) -> None:
        """The storage has answered, or failed to."""
        ...

    def ended(self, outcome: str) -> None:
        """accepted, repeated, or the code of the refusal."""
        ...


class Tracer(Protocol):
    def operation(self, kind: str) -> Span:
        """An operation of this `type` begins."""
        ...

    def heard(self, parent: str) -> Span:
        """A hint tells of the operation of another process, and its event is sent here."""
        ...
