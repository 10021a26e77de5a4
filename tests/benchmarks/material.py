"""What the benchmarks send: events and operations of an ordinary size."""

from __future__ import annotations

import json
import uuid
from typing import Any

from collabchat_asgi import ConnectRequest, Identity, Limits, Tuning
from collabchat_asgi.core.model import (
    Anchor,
    EventChat,
    EventComment,
    NewTextChat,
    TextPositionSelector,
    TextQuoteSelector,
    User,
)

TENANT = "bench"
EPOCH = "benchbenchbench1"

UNLIMITED = Limits(
    comments_per_minute=10**9,
    operations_per_second=10**9,
    frames_per_10_seconds=10**9,
    connections_per_user=10**6,
    pages_per_connection=10**6,
    chats_per_page=10**6,
    comments_per_chat=10**6,
    bytes_per_page=10**10,
)
"""What guards a page from one person would only be measured itself."""

ROOMY = Tuning(queued_operations=10**6)

_ANCHOR = Anchor(
    (
        TextQuoteSelector("the quick brown fox jumps over the lazy ", "x" * 24, "y" * 24),
        TextPositionSelector(1000, 1040),
    ),
    20_000,
)
_USER = User("user-1234", "Ann Example", "https://example.org/avatars/ann.png")
_BODY = "Is this still true after the last edit? " * 2


async def authenticate(request: ConnectRequest) -> Identity:
    return identity(request.visitor_id or "nobody")


def identity(user_id: str) -> Identity:
    return Identity(user_id, name="Ann Example", tenants={TENANT: "moderator"})


def event(seq: int, *, broadcast_id: str | None = None, body: str = _BODY) -> NewTextChat:
    """A new chat with a quote of 40 characters and a comment of 80."""
    chat_id, comment_id = f"{seq:032x}", f"{seq + 2**64:032x}"
    chat = EventChat(chat_id, _ANCHOR, EventComment(comment_id, body))
    return NewTextChat(seq, broadcast_id or f"{seq:036x}", 1_760_000_000_000, _USER, chat)


def create_chat(url_id: str, chat_id: str) -> dict[str, Any]:
    return {
        "type": "create-chat",
        "urlId": url_id,
        "broadcastId": new_id(),
        "chat": {
            "id": chat_id,
            "anchor": {
                "selector": [
                    {
                        "type": "TextQuoteSelector",
                        "exact": "the quick brown fox jumps over the lazy",
                    }
                ],
                "length": 20_000,
            },
            "comment": {"id": new_id(), "body": _BODY},
        },
    }


def add_comment(url_id: str, chat_id: str) -> dict[str, Any]:
    return {
        "type": "add-comment",
        "urlId": url_id,
        "broadcastId": new_id(),
        "chatId": chat_id,
        "comment": {"id": new_id(), "body": _BODY},
    }


def new_id() -> str:
    return str(uuid.uuid4())


def stamped_id(time_ns: int) -> str:
    """A `broadcastId` that says when it was sent."""
    return str(uuid.UUID(int=time_ns))


def stamp_of(broadcast_id: bytes) -> int:
    return int(broadcast_id.replace(b"-", b""), 16)


def as_text(frame: dict[str, Any]) -> str:
    return json.dumps(frame, separators=(",", ":"))
