"""Operations as a client would write them, with ids of their own: `create_chat("hello")`."""

from __future__ import annotations

import uuid
from typing import Any

Json = dict[str, Any]


def new_id() -> str:
    return str(uuid.uuid4())


def anchor(exact: str = "a quote", *, start: int = 0, length: int = 1_000) -> Json:
    return {
        "selector": [
            {"type": "TextQuoteSelector", "exact": exact, "prefix": "before ", "suffix": " after"},
            {"type": "TextPositionSelector", "start": start, "end": start + len(exact)},
        ],
        "length": length,
    }


def create_chat(body: str = "hello", **chat: Any) -> Json:
    comment = {"id": new_id(), "body": body}
    return _operation(
        "create-chat", chat={"id": new_id(), "anchor": anchor(), "comment": comment, **chat}
    )


def add_comment(chat_id: str, body: str = "and so", **comment: Any) -> Json:
    return _operation(
        "add-comment", chatId=chat_id, comment={"id": new_id(), "body": body, **comment}
    )


def edit_comment(chat_id: str, comment_id: str, body: str) -> Json:
    return _operation("edit-comment", chatId=chat_id, comment={"id": comment_id, "body": body})


def delete_comment(chat_id: str, comment_id: str) -> Json:
    return _operation("delete-comment", chatId=chat_id, commentId=comment_id)


def resolve_chat(chat_id: str) -> Json:
    return _operation("resolve-chat", chatId=chat_id)


def reopen_chat(chat_id: str) -> Json:
    return _operation("reopen-chat", chatId=chat_id)


def move_anchor(chat_id: str, to: Json) -> Json:
    return _operation("move-anchor", chatId=chat_id, anchor=to)


def delete_chat(chat_id: str) -> Json:
    return _operation("delete-chat", chatId=chat_id)


def add_reaction(chat_id: str, comment_id: str, emoji: str = "👍") -> Json:
    return _operation("add-reaction", chatId=chat_id, commentId=comment_id, emoji=emoji)


def remove_reaction(chat_id: str, comment_id: str, emoji: str = "👍") -> Json:
    return _operation("remove-reaction", chatId=chat_id, commentId=comment_id, emoji=emoji)


def _operation(kind: str, **fields: Any) -> Json:
    return {"type": kind, "broadcastId": new_id(), **fields}
