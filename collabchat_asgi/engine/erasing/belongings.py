"""What of a page is one person's, for them to take away. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from ...core.records import restore
from ...storage.abc import PageCopy
from .forgetting import names

__all__ = ["theirs"]


def theirs(copy: PageCopy, user_id: str) -> dict[str, Any] | None:
    """What of the page is theirs, as JSON; None where nothing is."""
    if not names(copy, user_id) and user_id not in copy.read:
        return None
    state = restore(copy.position, copy.records, forget_before_ms=0)
    found: dict[str, Any] = {
        name: [] for name in ("chats", "comments", "reactions", "resolved", "operations")
    }
    for chat in state.chats.values():
        if chat.created_by.id == user_id:
            began = {"chatId": chat.id, "anchor": chat.anchor, "createdAt": chat.created_at}
            found["chats"].append({**began, "createdBy": chat.created_by})
        if chat.resolved is not UNSET and chat.resolved.by.id == user_id:
            found["resolved"].append({"chatId": chat.id, "at": chat.resolved.at})
        for known in chat.comments.values():
            comment = known.comment
            if comment.author.id == user_id:
                found["comments"].append({"chatId": chat.id, "comment": comment})
            reactions = {} if comment.reactions is UNSET else comment.reactions
            found["reactions"] += (
                {"chatId": chat.id, "commentId": comment.id, "emoji": emoji}
                for emoji, people in reactions.items()
                if user_id in people
            )
    for one in sorted(copy.kept, key=lambda one: one.position.seq):
        if one.user_id == user_id:
            facts = {"broadcastId": one.broadcast_id, "seq": one.position.seq}
            found["operations"].append({**facts, "at": one.created_ms})
    if user_id in copy.read:
        found["read"] = copy.read[user_id]
    builtins: dict[str, Any] = msgspec.to_builtins(found)
    return builtins
