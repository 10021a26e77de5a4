"""Which events share a frame."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from .model import (
    DeletedTextChat,
    Event,
    EventComment,
    NewTextChat,
    UnknownEvent,
    UpdatedTextChat,
)
from .pace import Pacing

MAX_EVENTS = 256
MAX_BYTES = 32 * 1024
"""A batch is full with so many events, or with about so many bytes of text."""


class Batch:
    """Events that wait for the next flush of one page, and how fast they come. Time is in seconds
    of a monotonic clock; how long they wait is a `Pacing`'s to say."""

    __slots__ = ("_cost", "_flushed_at", "_gap", "_last_at", "began_at", "events", "size")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.size = 0
        self._cost = 0.0
        self._gap = 1.0
        self._last_at = float("-inf")
        self.began_at = 0.0
        """When the first of these events came."""
        self._flushed_at = float("-inf")

    def add(self, events: list[Event], now: float) -> None:
        if not events:
            return
        if not self.events:
            self.began_at = now
        self.events += events
        for event in events:
            self.size += weight(event)
        gap = min(1.0, max(0.0, now - self._last_at)) / len(events)
        self._gap += (gap - self._gap) * 0.2
        self._last_at = now

    def due(self, now: float, pace: Pacing) -> float:
        """When the batch should go out: `now` or earlier means at once."""
        if len(self.events) >= MAX_EVENTS or self.size >= MAX_BYTES:
            return now
        return self._flushed_at + pace.wait(self._cost, self._gap, now)

    def take(self) -> list[Event]:
        events, self.events, self.size = self.events, [], 0
        return events

    def flushed(self, started: float, ended: float) -> None:
        """Tell how long a flush took."""
        self._flushed_at = ended
        self._cost += (ended - started - self._cost) * 0.3


def weight(event: Event) -> int:
    carried = event.carried
    own = 600 if isinstance(event, NewTextChat) else 250
    return own if carried is None else own + len(carried.body)


def merge(events: list[Event]) -> list[Event]:
    """The fewest events that leave every client in exactly the state that all of them would.

    Only neighbours are merged: parts between which no event names the same chat. A merged event
    keeps `seq` and `broadcastId` of its last part, a merged creation `user` and `ts` of its first.
    """
    if len(events) == 1 and not isinstance(events[0], UnknownEvent):
        return events
    slots: list[Event | None] = []
    stacks: dict[str, list[int]] = {}
    for event in events:
        if isinstance(event, UnknownEvent):
            # Nothing is told of it, and nobody knows which chats it names.
            stacks.clear()
            continue
        stack = stacks.setdefault(event.chat_id, [])
        left: Event | None = event
        while stack and left is not None:
            merged = _merged(slots[stack[-1]], left)
            if merged is None:
                break
            slots[stack.pop()] = None
            left = merged[0] if merged else None
        if left is not None:
            stack.append(len(slots))
            slots.append(left)
    return [event for event in slots if event is not None]


Merged = tuple[()] | tuple[Event] | None
"""Nothing is left of two events, one event is, or they stay two (None)."""


def _merged(first: Event | None, second: Event) -> Merged:
    if isinstance(second, DeletedTextChat):
        # What happened to a chat that is gone is seen by nobody; gone from birth, neither is it.
        return () if isinstance(first, NewTextChat) else (second,)
    if not isinstance(second, UpdatedTextChat):
        return None
    if isinstance(first, NewTextChat):
        return _edited_creation(first, second)
    if not isinstance(first, UpdatedTextChat):
        return None
    match first.change, second.change:
        case "comment-added", "comment-edited":
            return _edited_comment(first, second)
        case "comment-edited", "comment-edited" if _comment_id(first) == _comment_id(second):
            return (second,)
        case "comment-edited", "comment-deleted" if _comment_id(first) == second.comment_id:
            return (second,)
        case (("resolved" | "reopened"), ("resolved" | "reopened")):
            return (second,)
        case "anchor-moved", "anchor-moved":
            return (second,)
        case "reaction-added", "reaction-removed" if (
            first.user.id == second.user.id
            and first.comment_id == second.comment_id
            and first.emoji == second.emoji
        ):
            return ()
    return None


def _comment_id(event: UpdatedTextChat) -> str | None:
    return event.comment.id if event.comment is not UNSET else None


def _edited_at(event: UpdatedTextChat) -> int:
    comment = event.comment
    return event.ts if comment is UNSET or comment.edited_at is UNSET else comment.edited_at


def _edited_creation(first: NewTextChat, second: UpdatedTextChat) -> Merged:
    edit = second.comment
    if second.change != "comment-edited" or edit is UNSET or edit.id != first.chat.comment.id:
        return None
    comment = EventComment(edit.id, edit.body, _edited_at(second))
    created = msgspec.structs.replace(
        first,
        seq=second.seq,
        broadcast_id=second.broadcast_id,
        chat=msgspec.structs.replace(first.chat, comment=comment),
    )
    return (created,)


def _edited_comment(first: UpdatedTextChat, second: UpdatedTextChat) -> Merged:
    edit = second.comment
    if edit is UNSET or _comment_id(first) != edit.id:
        return None
    comment = EventComment(edit.id, edit.body, _edited_at(second))
    added = msgspec.structs.replace(
        first, seq=second.seq, broadcast_id=second.broadcast_id, comment=comment
    )
    return (added,)
