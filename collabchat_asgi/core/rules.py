"""What an operation does to a page, or why it may not (PROTOCOL section 4).

The rules are pure, so the storage may have them applied again on the tail of the log, under the
page's lock: with any number of processes they hold exactly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import UNSET

from ..errors import Refused
from .model import (
    AddComment,
    AddReaction,
    Comment,
    CreateChat,
    DeleteChat,
    DeleteComment,
    DeletedTextChat,
    EditComment,
    Event,
    EventChat,
    EventComment,
    MoveAnchor,
    NewTextChat,
    Operation,
    RemoveReaction,
    ReopenChat,
    ResolveChat,
    UpdatedTextChat,
    User,
)
from .state import CHAT_BYTES, REACTION_BYTES, ChatState, State, weight_of_comment
from .text import uuid7

Action = Literal["read", "comment", "moderate", "view-usage", "inspect"]
"""What `authorize` is asked about. `view-usage` and `inspect` (numbers for operators) are about no
page."""
Role = Literal["reader", "commenter", "moderator", "admin"]

ROLE_ACTIONS: dict[str, frozenset[str]] = {
    "reader": frozenset({"read"}),
    "commenter": frozenset({"read", "comment"}),
    "moderator": frozenset({"read", "comment", "moderate"}),
    "admin": frozenset({"read", "comment", "moderate", "view-usage", "inspect"}),
}


@dataclass(frozen=True, slots=True)
class PageLimits:
    """The part of `Limits` that the rules need."""

    chats: int
    bytes: int
    reactions: int
    users_per_reaction: int
    comments: int
    """In one chat."""
    deleted: int
    """Ids of what was deleted, which may not come again yet."""


def fingerprint(operation: Operation) -> bytes:
    """16 bytes that tell this content from any other: a hash, so that no text outlives its
    deletion in it. Taken before ids are filled in and before `before_commit`."""
    return hashlib.blake2b(msgspec.json.encode(operation), digest_size=16).digest()


def with_ids(operation: Operation, now_ms: int) -> Operation:
    """The operation with the ids that its sender left to the server."""
    if isinstance(operation, AddComment):
        if operation.comment.id is not UNSET:
            return operation
        comment = msgspec.structs.replace(operation.comment, id=uuid7(now_ms))
        return msgspec.structs.replace(operation, comment=comment)
    if isinstance(operation, CreateChat):
        chat, comment = operation.chat, operation.chat.comment
        if chat.id is not UNSET and comment.id is not UNSET:
            return operation
        if comment.id is UNSET:
            comment = msgspec.structs.replace(comment, id=uuid7(now_ms))
        chat_id = uuid7(now_ms) if chat.id is UNSET else chat.id
        chat = msgspec.structs.replace(chat, id=chat_id, comment=comment)
        return msgspec.structs.replace(operation, chat=chat)
    return operation


def action_for(state: State, operation: Operation, user_id: str) -> Action:
    """The permission that the operation needs on the page as it stands."""
    owner: str | None = None
    if isinstance(operation, AddComment):
        return "comment"  # asked for most, and twice for each
    if isinstance(operation, DeleteComment):
        comment = state.comment(operation.chat_id, operation.comment_id)
        owner = comment.author.id if comment else None
    elif isinstance(operation, (MoveAnchor, DeleteChat)):
        chat = state.chat(operation.chat_id)
        owner = chat.created_by.id if chat else None
    return "comment" if owner is None or owner == user_id else "moderate"


def decide(
    state: State,
    operation: Operation,
    *,
    user: User,
    ts: int,
    broadcast_id: str,
    limits: PageLimits,
) -> Event | None:
    """The event that the operation makes as the next of the page, or None: it changes nothing.

    Ids are filled in (`with_ids`); permission has been asked for (`action_for`). Raises `Refused`.
    """
    seq = state.position.seq + 1
    match operation:
        case AddComment():
            comment_draft = operation.comment
            chat = _chat(state, operation.chat_id)
            comment_id = _new_id(comment_draft.id)
            _require_memory(state, limits)
            if len(chat.comments) >= limits.comments:
                raise Refused(
                    "too-many", f"the chat has {limits.comments} comments, the most it may"
                )
            _require_free(state, comment_id, "comment.id")
            _require_room(state, weight_of_comment(comment_draft.body, user), limits)
            added = EventComment(comment_id, comment_draft.body)
            return UpdatedTextChat(
                seq, broadcast_id, ts, user, chat.id, "comment-added", comment=added
            )
        case CreateChat():
            draft = operation.chat
            chat_id, comment_id = _new_id(draft.id), _new_id(draft.comment.id)
            if chat_id == comment_id:
                raise Refused("conflict", "chat and comment have one id", field="chat.id")
            _require_memory(state, limits)
            _require_free(state, chat_id, "chat.id")
            _require_free(state, comment_id, "chat.comment.id")
            _require_room(state, CHAT_BYTES + weight_of_comment(draft.comment.body, user), limits)
            if len(state.chats) >= limits.chats:
                raise Refused("too-many", f"the page has {limits.chats} chats, the most it may")
            made = EventChat(chat_id, draft.anchor, EventComment(comment_id, draft.comment.body))
            return NewTextChat(seq, broadcast_id, ts, user, made)
        case EditComment():
            edit = operation.comment
            chat = _chat(state, operation.chat_id)
            comment = _comment(chat, edit.id, "comment.id")
            if comment.author.id != user.id:
                raise Refused("forbidden", "only its author may edit a comment")
            if comment.body == edit.body:
                return None
            more = len(edit.body.encode()) - len(comment.body.encode())
            _require_room(state, more, limits)
            edited = EventComment(edit.id, edit.body, ts)
            return UpdatedTextChat(
                seq, broadcast_id, ts, user, chat.id, "comment-edited", comment=edited
            )
        case DeleteComment():
            chat = _chat(state, operation.chat_id)
            _comment(chat, operation.comment_id)
            if len(chat.comments) == 1:
                return DeletedTextChat(seq, broadcast_id, ts, user, chat.id)
            return UpdatedTextChat(
                seq,
                broadcast_id,
                ts,
                user,
                chat.id,
                "comment-deleted",
                comment_id=operation.comment_id,
            )
        case ResolveChat():
            chat = _chat(state, operation.chat_id)
            if chat.resolved is not UNSET:
                return None
            return UpdatedTextChat(seq, broadcast_id, ts, user, chat.id, "resolved")
        case ReopenChat():
            chat = _chat(state, operation.chat_id)
            if chat.resolved is UNSET:
                return None
            return UpdatedTextChat(seq, broadcast_id, ts, user, chat.id, "reopened")
        case MoveAnchor():
            chat = _chat(state, operation.chat_id)
            if chat.anchor == operation.anchor:
                return None
            return UpdatedTextChat(
                seq, broadcast_id, ts, user, chat.id, "anchor-moved", anchor=operation.anchor
            )
        case DeleteChat():
            chat = _chat(state, operation.chat_id)
            return DeletedTextChat(seq, broadcast_id, ts, user, chat.id)
        case AddReaction() | RemoveReaction():
            return _react(state, operation, seq, user, ts, broadcast_id, limits)


def _react(
    state: State,
    operation: AddReaction | RemoveReaction,
    seq: int,
    user: User,
    ts: int,
    broadcast_id: str,
    limits: PageLimits,
) -> Event | None:
    chat = _chat(state, operation.chat_id)
    comment = _comment(chat, operation.comment_id)
    reactions = {} if comment.reactions is UNSET else comment.reactions
    people = reactions.get(operation.emoji, ())
    adding = isinstance(operation, AddReaction)
    if adding == (user.id in people):
        return None
    if adding and not people and len(reactions) >= limits.reactions:
        raise Refused("too-many", f"a comment has at most {limits.reactions} different reactions")
    if adding and len(people) >= limits.users_per_reaction:
        raise Refused("too-many", f"at most {limits.users_per_reaction} people may react alike")
    if adding:
        _require_room(state, REACTION_BYTES, limits)
    return UpdatedTextChat(
        seq,
        broadcast_id,
        ts,
        user,
        chat.id,
        "reaction-added" if adding else "reaction-removed",
        comment_id=comment.id,
        emoji=operation.emoji,
    )


def _new_id(id: str | msgspec.UnsetType) -> str:
    if id is UNSET:
        raise ValueError("ids are filled in before the rules are asked")
    return id


def _chat(state: State, chat_id: str) -> ChatState:
    chat = state.chat(chat_id)
    if chat is None:
        raise Refused("not-found", "there is no such chat on this page", field="chatId")
    return chat


def _comment(chat: ChatState, comment_id: str, field: str = "commentId") -> Comment:
    known = chat.comments.get(comment_id)
    if known is None:
        raise Refused("not-found", "there is no such comment in this chat", field=field)
    return known.comment


def _require_free(state: State, id: str, field: str) -> None:
    if state.taken(id):
        raise Refused("conflict", "this id is or was in use on this page", field=field)


def _require_room(state: State, more: int, limits: PageLimits) -> None:
    if more > 0 and state.size + more > limits.bytes:
        raise Refused("quota", "the page is full: delete a chat first")


def _require_memory(state: State, limits: PageLimits) -> None:
    """Each deleted id is remembered by everyone who opens the page."""
    if len(state.deleted) >= limits.deleted:
        raise Refused(
            "too-many",
            f"{limits.deleted} comments were deleted here lately: come back in some days",
        )
