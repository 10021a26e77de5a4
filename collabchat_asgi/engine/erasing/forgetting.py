"""One person taken out of one page. Pure.

Their comments and reactions go as if they had been deleted: by events at the end of the log, so
that whoever reads it from the beginning ends with the same page. Where others have answered, chats
stay, begun or resolved by `FORGOTTEN`. Everything that names them becomes `FORGOTTEN`, or goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec
from msgspec import UNSET

from ...core.model import FORGOTTEN, DeletedTextChat, Event, Position, Record, UpdatedTextChat
from ...core.records import change, restore
from ...core.state import ChatState, State
from ...core.text import uuid7
from ...storage.abc import Kept, PageCopy

_NO_ANCHOR = {"selector": [], "length": 0}
_decode = msgspec.json.decode
_encode = msgspec.json.encode


@dataclass(slots=True)
class Gone:
    """What went, of one page or of many."""

    pages: int = 0
    chats: int = 0
    comments: int = 0
    reactions: int = 0
    names: int = 0
    """Chats of others' answers that they had begun, and chats that they had resolved."""
    events: int = 0
    """Of the log, that named them."""
    operations: int = 0
    """Known ids that were theirs, of operations that the log does not hold."""
    readings: int = 0
    """Pages of which it was known how far they had read."""

    def add(self, other: Gone) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def names(copy: PageCopy, user_id: str) -> bool:
    """Whether anything of the page is theirs or names them, but for how far they have read."""
    needle = _encode(user_id)
    return any(needle in record.value for record in copy.records) or any(
        one.user_id == user_id or needle in (one.event or b"") for one in copy.kept
    )


def forgotten(
    copy: PageCopy, user_id: str, *, epoch: str, now_ms: int
) -> tuple[PageCopy, Gone] | None:
    """The page without them, in a new epoch; None where it does not know them.

    Raises `ValueError` or `msgspec.MsgspecError` on records that this release cannot read.
    """
    if not names(copy, user_id):
        return None
    gone = Gone(pages=1)
    state = restore(copy.position, copy.records, forget_before_ms=0)
    records = {record.key: record for record in copy.records}
    gone.names = sum(
        (chat.created_by.id == user_id) + (_resolver(chat) == user_id)
        for chat in state.chats.values()
        if not _is_theirs(chat, user_id)
    )
    made: list[Kept] = []
    for event in _deletions(state, user_id, now_ms, gone):
        before = state.chats.get(event.chat_id)
        state.fold(epoch, event)
        written = change(before, state, event)
        for key in written.deletes:
            records.pop(key, None)
        records.update((record.key, record) for record in written.puts)
        receipt = _encode((now_ms, event.chat_id, None))
        position = Position(epoch, event.seq)
        told = _encode(_without(_decode(written.event), user_id))
        facts = event.broadcast_id, FORGOTTEN.id, bytes(16), receipt, told, None, now_ms
        made.append(Kept(position, *facts))
    needle = _encode(user_id)
    for key, record in records.items():
        if needle in record.value:
            records[key] = _renamed(record, user_id)
    kept = [left for one in copy.kept if (left := _remembered(one, user_id, state, gone))]
    position = Position(epoch, copy.position.seq + len(made))
    read = {id: seq for id, seq in copy.read.items() if id != user_id}
    gone.readings += user_id in copy.read
    page = PageCopy(position, copy.trimmed, list(records.values()), [*kept, *made], read)
    return page, gone


def _resolver(chat: ChatState) -> str:
    return "" if chat.resolved is UNSET else chat.resolved.by.id


def _is_theirs(chat: ChatState, user_id: str) -> bool:
    return all(known.comment.author.id == user_id for known in chat.comments.values())


def _deletions(state: State, user_id: str, now_ms: int, gone: Gone) -> Iterator[Event]:
    """Each is made on the state that the one before has led to."""
    for chat_id, chat in list(state.chats.items()):
        if _is_theirs(chat, user_id):
            gone.chats += 1
            gone.comments += len(chat.comments)
            yield DeletedTextChat(*_head(state, now_ms), chat_id)
            continue
        for comment_id, known in list(chat.comments.items()):
            if known.comment.author.id == user_id:
                gone.comments += 1
                head = _head(state, now_ms)
                yield UpdatedTextChat(*head, chat_id, "comment-deleted", comment_id=comment_id)
                continue
            reactions = {} if known.comment.reactions is UNSET else known.comment.reactions
            for emoji, people in reactions.items():
                if user_id in people:
                    gone.reactions += 1
                    yield from _unreacted(state, chat_id, comment_id, emoji, user_id, now_ms)


def _unreacted(
    state: State, chat_id: str, comment_id: str, emoji: str, user_id: str, now_ms: int
) -> Iterator[Event]:
    """Folded in their name; in the log it is nobody's, as the reaction itself."""
    seq, broadcast_id, ts, nobody = _head(state, now_ms)
    theirs = msgspec.structs.replace(nobody, id=user_id)
    yield UpdatedTextChat(
        seq,
        broadcast_id,
        ts,
        theirs,
        chat_id,
        "reaction-removed",
        comment_id=comment_id,
        emoji=emoji,
    )


def _head(state: State, now_ms: int) -> tuple[int, str, int, Any]:
    return state.position.seq + 1, uuid7(now_ms), now_ms, FORGOTTEN


def _renamed(record: Record, user_id: str) -> Record:
    return replace(record, value=_encode(_without(_decode(record.value), user_id)))


def _remembered(one: Kept, user_id: str, state: State, gone: Gone) -> Kept | None:
    """The operation without them; None where nothing is left of it."""
    theirs = one.user_id == user_id
    if one.event is None:
        gone.operations += theirs
        return None if theirs else one
    if not theirs and _encode(user_id) not in one.event:
        return one
    gone.events += 1
    event = _without(_decode(one.event), user_id)
    if theirs:
        _blank_anchor(event, state)
        one = replace(one, user_id=FORGOTTEN.id, fingerprint=bytes(16))
    return replace(one, event=_encode(event))


def _blank_anchor(event: Any, state: State) -> None:
    """The passage that they had chosen goes with the chat, and stays for who answered there."""
    made = event.get("chat")
    if isinstance(made, dict) and made.get("id") not in state.chats:
        made["anchor"] = _NO_ANCHOR
    if "anchor" in event and event.get("chatId") not in state.chats:
        event["anchor"] = _NO_ANCHOR


def _without(value: Any, user_id: str) -> Any:
    """With `FORGOTTEN` in each place where they stand as a person."""
    if isinstance(value, dict):
        if value.get("id") == user_id and "name" in value:
            return msgspec.to_builtins(FORGOTTEN)
        return {key: _without(inner, user_id) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, user_id) for inner in value]
    return value
