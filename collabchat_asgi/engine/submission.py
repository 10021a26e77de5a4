"""An operation on its way into the log, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..core import rules
from ..core.model import Operation, Position, User
from ..errors import Refused


class Lane:
    """The operations of one connection on one page: what was sent behind a failed one may not
    overtake it (PROTOCOL section 4)."""

    __slots__ = ("_halted", "_refusal", "asking")

    def __init__(self) -> None:
        self.asking = 0
        """Operations whose permission is being asked for again."""
        self._halted: str | None = None
        self._refusal: Refused | None = None

    @property
    def active(self) -> bool:
        return self._halted is not None or self.asking > 0

    def halt(self, broadcast_id: str, refusal: Refused) -> None:
        """This operation was answered with `retry: true`: it must come again before any other."""
        if self._halted is None and refusal.retry:
            self._halted, self._refusal = broadcast_id, refusal

    def held_back(self, broadcast_id: str) -> Refused | None:
        """How to refuse what would overtake the operation that has to come again."""
        if self._halted == broadcast_id:
            self._halted = self._refusal = None
        return self._refusal


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
    asked: bool = False
    """Permission has been asked for again: it goes before what was sent behind it."""


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
