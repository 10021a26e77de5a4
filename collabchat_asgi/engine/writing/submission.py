"""An operation on its way into the log, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ...core import rules
from ...core.model import Operation, Position, User
from ...errors import Refused
from ..measuring.traces import Span


class Lane:
    """The operations of one connection on one page: what was sent behind a failed one may not
    overtake it (PROTOCOL section 4). `order` is the place of an operation among them."""

    __slots__ = ("_count", "_halted", "_order", "_refusal", "asking", "newest", "waiting")

    def __init__(self) -> None:
        self.asking: set[int] = set()
        """Places of those whose permission is being asked for again."""
        self.newest = 0
        """The last place that has been queued."""
        self.waiting = 0
        """Operations that have no answer yet."""
        self._count = 0
        self._halted: str | None = None
        self._order = 0
        self._refusal: Refused | None = None

    @property
    def active(self) -> bool:
        return self._halted is not None or bool(self.asking) or self.waiting > 0

    def next(self) -> int:
        """The place of an operation that has just come."""
        self._count += 1
        return self._count

    def halt(self, broadcast_id: str, order: int, refusal: Refused) -> None:
        """This operation was answered with `retry: true`: it must come again before any other."""
        if refusal.retry and (self._halted is None or order < self._order):
            self._halted, self._order, self._refusal = broadcast_id, order, refusal

    def held_back(self, broadcast_id: str, order: int) -> Refused | None:
        """How to refuse what would overtake the operation that has to come again."""
        if self._halted == broadcast_id:
            self._halted = self._refusal = None
        return self._refusal if order > self._order else None

    def waits(self, order: int) -> bool:
        """Whether permission is being asked again for something that was sent before this."""
        return any(earlier < order for earlier in self.asking)


@dataclass(slots=True)
class Submission:
    """An operation on its way into the log."""

    operation: Operation
    """With all ids filled in, after `before_commit`."""
    broadcast_id: str
    fingerprint: bytes
    user: User
    ts: int
    action: rules.Action
    """The permission that was asked for; another one needs another answer."""
    answer: Callable[[Answer], None]
    lane: Lane | None = None
    refusal: Refused | None = None
    """Decided already. It is given only if the storage does not know the operation."""
    ask_again: bool = False
    """The host's own hook decides: it is asked again where the tail touched the same chat."""
    order: int = 0
    """Its place in the lane, also when permission has been asked for again."""
    answered: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was committed, as every retry is told it again."""

    position: Position
    ts: int
    chat_id: str | None
    comment_id: str | None
    again: bool = False

    def as_ack(self, broadcast_id: str, url_id: str) -> dict[str, Any]:
        ack: dict[str, Any] = {
            "type": "ack",
            "broadcastId": broadcast_id,
            "urlId": url_id,
            "epoch": self.position.epoch,
            "seq": self.position.seq,
            "ts": self.ts,
        }
        if self.chat_id is not None:
            ack["chatId"] = self.chat_id
        if self.comment_id is not None:
            ack["commentId"] = self.comment_id
        return ack


Answer = Receipt | Refused | Literal["ask again"]
