"""The page as the storage keeps it: one record per chat, per comment and per deleted id.

Events are stored without their text, which lives in the comment's record alone. So a text that is
edited or deleted is gone from the log at once (PROTOCOL section 2, promise 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from .frames import encode_event
from .model import (
    CHANGES,
    Anchor,
    Comment,
    DeletedTextChat,
    Event,
    NewTextChat,
    Position,
    Record,
    Resolved,
    UnknownEvent,
    UpdatedTextChat,
    User,
    Wire,
)
from .state import ChatState, CommentState, State

CHAT, COMMENT, DELETED = "c:", "m:", "x:"


class ChatRecord(Wire, frozen=True):
    anchor: Anchor
    created_by: User
    created_at: int
    created_seq: int
    updated_at: int
    resolved: Resolved | UnsetType = UNSET


class CommentRecord(Wire, frozen=True):
    chat_id: str
    author: User
    created_at: int
    created_seq: int
    edited_at: int | UnsetType = UNSET
    reactions: dict[str, tuple[str, ...]] | UnsetType = UNSET


class Change(NamedTuple):
    """What one event does to the stored page."""

    event: bytes
    body_key: str | None
    puts: Sequence[Record]
    deletes: Sequence[str]
    told: bytes
    """The event as it travels, text included."""


_encode = msgspec.json.Encoder().encode
_chat_record = msgspec.json.Decoder(ChatRecord)
_comment_record = msgspec.json.Decoder(CommentRecord)
_event = msgspec.json.Decoder(Event)


def change(before: ChatState | None, after: State, event: Event) -> Change:
    """What to write for `event`, which led to `after`; `before` is the chat as it was."""
    puts: list[Record] = []
    deletes: list[str] = []
    carried, ended, chat_id = event.carried, event.ended, event.chat_id
    if isinstance(event, DeletedTextChat):
        comments = before.comments if before else {}
        deletes += [CHAT + chat_id, *(COMMENT + id for id in comments)]
        puts += [Record(DELETED + id, b"%d" % event.ts) for id in (chat_id, *comments)]
    elif carried is not None:
        puts += (_chat(after, chat_id), _comment(after, chat_id, carried.id))
    elif ended is not None:
        deletes.append(COMMENT + ended)
        puts += (Record(DELETED + ended, b"%d" % event.ts), _chat(after, chat_id))
    elif isinstance(event, UpdatedTextChat):
        of_comment = event.comment_id
        puts.append(
            _chat(after, chat_id) if of_comment is UNSET else _comment(after, chat_id, of_comment)
        )
    told = encode_event(event)
    if carried is None:
        return Change(told, None, puts, deletes, told)
    return Change(_without_text(told, carried.body), COMMENT + carried.id, puts, deletes, told)


def _without_text(told: bytes, body: str) -> bytes:
    """An event's JSON as the log keeps it. Quotes that people write are escaped in it, so nothing
    but the event's own text follows a `"body":`."""
    before, mark, rest = told.rpartition(b'"body":')
    return b'%b%b""%b' % (before, mark, rest[len(_encode(body)) :])


def _chat(state: State, chat_id: str) -> Record:
    chat = state.chats[chat_id]
    record = ChatRecord(
        chat.anchor,
        chat.created_by,
        chat.created_at,
        chat.created_seq,
        chat.updated_at,
        chat.resolved,
    )
    return Record(CHAT + chat_id, _encode(record))


def _comment(state: State, chat_id: str, comment_id: str) -> Record:
    known = state.chats[chat_id].comments[comment_id]
    comment = known.comment
    record = CommentRecord(
        chat_id,
        comment.author,
        comment.created_at,
        known.created_seq,
        comment.edited_at,
        comment.reactions,
    )
    return Record(COMMENT + comment_id, _encode(record), comment.body, known.body_seq)


def restore(position: Position, records: Iterable[Record], forget_before_ms: int) -> State:
    """The page from what `change` wrote. Ids deleted before `forget_before_ms` may come again.

    A database that has lost its end may hold a part of a chat: what was done to it by who had seen
    it whole. Without the chat, or without any comment, that part is left out."""
    chats: list[tuple[str, ChatRecord]] = []
    comments: list[tuple[str, CommentRecord, Record]] = []
    users: dict[User, User] = {}
    """Each person once: most records of a page are by the same few."""
    deleted: list[tuple[int, str]] = []
    state = State(position)
    for put in records:
        kind, id = put.key[:2], put.key[2:]
        if kind == CHAT:
            chats.append((id, _chat_record.decode(put.value)))
        elif kind == COMMENT:
            comments.append((id, _comment_record.decode(put.value), put))
        elif kind == DELETED and int(put.value) >= forget_before_ms:
            deleted.append((int(put.value), id))
    for at, id in sorted(deleted):
        state.deleted[id] = at
    chats.sort(key=lambda item: item[1].created_seq)
    comments.sort(key=lambda item: item[1].created_seq)
    grown: dict[str, dict[str, CommentState]] = {id: {} for id, _ in chats}
    for id, record, put in comments:
        if record.chat_id not in grown:
            continue
        author = users.setdefault(record.author, record.author)
        comment = Comment(
            id, put.body, author, record.created_at, record.edited_at, record.reactions
        )
        grown[record.chat_id][id] = CommentState(comment, record.created_seq, put.body_seq)
    for id, chat in chats:
        if not grown[id]:
            continue
        state.add(
            ChatState(
                id,
                chat.anchor,
                users.setdefault(chat.created_by, chat.created_by),
                chat.created_at,
                chat.created_seq,
                chat.updated_at,
                chat.resolved,
                grown[id],
            )
        )
    return state


def with_body(event: Event, body: str) -> Event:
    """The event with another text, where it carries one."""
    carried = event.carried
    if carried is None or carried.body == body:
        return event
    comment = msgspec.structs.replace(carried, body=body)
    if isinstance(event, NewTextChat):
        chat = msgspec.structs.replace(event.chat, comment=comment)
        return msgspec.structs.replace(event, chat=chat)
    return msgspec.structs.replace(event, comment=comment)


def decode_event(data: bytes, body: str) -> Event:
    """A stored event with its text put back."""
    return with_body(_event.decode(data), body)


def read_event(seq: int, broadcast_id: str, data: bytes, body: str) -> Event:
    """The same, or an `UnknownEvent` where this release cannot read it."""
    try:
        event = decode_event(data, body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return UnknownEvent(seq, broadcast_id)
    if isinstance(event, UpdatedTextChat) and event.change not in CHANGES:
        return UnknownEvent(seq, broadcast_id)
    return event
