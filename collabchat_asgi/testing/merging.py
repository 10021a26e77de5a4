"""Which numbers may be missing from a frame that claims to hold them all (PROTOCOL section 3.2).

Merging is allowed only where every client ends in exactly the same state, so a hole must be
explained by a later event of the same chat, with no other event of that chat between the two.
"""

from __future__ import annotations

from .evidence import Fact, Range, chat_of
from .history import Json


def unexplained(frame: Range, facts: dict[int, Fact]) -> list[int]:
    visible = {event["seq"]: event for event in frame.events}
    return [
        seq
        for seq in range(frame.first, frame.last + 1)
        if seq not in visible
        and (seq not in facts or not _explained(facts[seq], frame, visible, facts))
    ]


def _explained(hole: Fact, frame: Range, visible: dict[int, Json], facts: dict[int, Fact]) -> bool:
    if _vanishes(hole, frame, facts):
        return True
    for seq in range(hole.seq + 1, frame.last + 1):
        if event := visible.get(seq):
            if chat_of(event) == hole.chat:
                return _carries(event, hole)
        elif (
            (later := facts.get(seq))
            and later.chat == hole.chat
            and _undoes(later, hole)
            and _vanishes(later, frame, facts)
        ):
            return True
    return False


def _vanishes(fact: Fact, frame: Range, facts: dict[int, Fact]) -> bool:
    """Made and unmade within one frame: only the range moves on."""
    return any(
        (earlier := facts.get(seq)) is not None and _unmakes(fact, earlier)
        for seq in range(frame.first, fact.seq)
    )


_MAKES = {
    "deleted": "created",
    "comment-deleted": "comment-added",
    "reaction-removed": "reaction-added",
    "reaction-added": "reaction-removed",
}


def _unmakes(later: Fact, earlier: Fact) -> bool:
    if (later.change, earlier.change) == ("comment-deleted", "created"):
        # Its first comment was its last one: with both out of sight, the chat was deleted with it.
        return later.comment == earlier.comment
    return (
        later.chat == earlier.chat
        and _MAKES.get(later.change) == earlier.change
        and (later.change == "deleted" or later.comment == earlier.comment)
        and later.emoji == earlier.emoji
        and (not later.emoji or later.user == earlier.user)
    )


def _undoes(later: Fact, earlier: Fact) -> bool:
    """`later` leaves nothing of `earlier`."""
    if later.change == "deleted":
        return True
    if later.change == "comment-deleted":
        return earlier.comment == later.comment and earlier.change != "created"
    return _unmakes(later, earlier)


def _carries(event: Json, hole: Fact) -> bool:
    """The visible `event` says all that is left of `hole`."""
    if event["type"] == "deleted-text-chat":
        return True
    if event["type"] == "new-text-chat":
        first = event["chat"]["comment"]["id"]
        return hole.change in ("created", "anchor-moved") or (
            hole.change == "comment-edited" and hole.comment == first
        )
    match event["change"]:
        case "comment-added":
            same = hole.comment == event["comment"]["id"]
            return same and hole.change in ("comment-added", "comment-edited")
        case "comment-edited":
            return hole.comment == event["comment"]["id"] and hole.change == "comment-edited"
        case "comment-deleted":
            return hole.comment == event["commentId"] and hole.change != "created"
        case "anchor-moved":
            return hole.change == "anchor-moved"
        case "resolved" | "reopened":
            return hole.change in ("resolved", "reopened")
        case _:
            return (hole.comment, hole.emoji, hole.user) == (
                event["commentId"],
                event["emoji"],
                event["user"]["id"],
            )
