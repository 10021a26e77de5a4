"""The words of PROTOCOL sections 1 and 3.3 as typed values.

Structs are what travels: field names become camelCase, optional fields are left out, never null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType


class PageKey(NamedTuple):
    """One annotated piece of content. Sorts by tenant, then page."""

    tenant_id: str
    url_id: str


class Position(NamedTuple):
    """Where a reader stands in a page's log. `seq` 0 is good in every epoch."""

    epoch: str
    seq: int

    def continues(self, other: Position) -> bool:
        """Whether this position is `other`'s history carried on (or the same place in it)."""
        return other.seq == 0 or (self.epoch == other.epoch and self.seq >= other.seq)


class Mark(NamedTuple):
    """What somebody has seen at a place in a page's log."""

    position: Position
    broadcast_id: str


NOWHERE = Position("", 0)
"""A page without events."""


@dataclass(slots=True, unsafe_hash=True)
class Record:
    """One current fact about a page, stored under `key` (ASCII, at most 64 bytes).

    `value` is opaque. `body` is the text, if any, that the log's event number `body_seq` carries.
    It is kept here only, and `read` puts it back into that event: so a text that was replaced or
    deleted is gone from the log in the same instant. Nobody changes one; `frozen` would only make
    the making dearer, and each operation makes some.
    """

    key: str
    value: bytes
    body: str = ""
    body_seq: int = 0


class Wire(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", gc=False):
    """What travels as JSON. Being frozen it cannot be part of a cycle, so the collector need not
    visit it: a page of 10,000 comments would be 50,000 visits a round."""


class User(Wire, frozen=True):
    id: str
    name: str
    avatar: str | UnsetType = UNSET


FORGOTTEN = User("collabchat:forgotten", "")
"""Who stands where somebody stood who was forgotten. No `Identity` may have this id."""


class TextQuoteSelector(Wire, frozen=True, tag_field="type", tag="TextQuoteSelector"):
    """W3C Web Annotation 4.2.4."""

    exact: str
    prefix: str | UnsetType = UNSET
    suffix: str | UnsetType = UNSET


class TextPositionSelector(Wire, frozen=True, tag_field="type", tag="TextPositionSelector"):
    """W3C Web Annotation 4.2.5. Code points over the normalised text, end exclusive."""

    start: int
    end: int


class RangeSelector(Wire, frozen=True, tag_field="type", tag="RangeSelector"):
    """W3C Web Annotation 4.2.8, for quotes that are too long to carry whole."""

    start_selector: TextQuoteSelector
    end_selector: TextQuoteSelector


Selector = TextQuoteSelector | TextPositionSelector | RangeSelector


class Anchor(Wire, frozen=True):
    """Where in the page's text a chat belongs. Checked in type and size, never interpreted.

    An empty `selector` means the page as a whole (W3C: a target without a selector)."""

    selector: tuple[Selector, ...]
    length: int
    scope: str | UnsetType = UNSET


class Comment(Wire, frozen=True):
    id: str
    body: str
    author: User
    created_at: int
    edited_at: int | UnsetType = UNSET
    reactions: dict[str, tuple[str, ...]] | UnsetType = UNSET


class Resolved(Wire, frozen=True):
    by: User
    at: int


class Chat(Wire, frozen=True):
    """An annotation as snapshots carry it: with its newest comments, oldest first."""

    id: str
    anchor: Anchor
    created_by: User
    created_at: int
    updated_at: int
    comment_count: int
    comments: tuple[Comment, ...]
    resolved: Resolved | UnsetType = UNSET


# Events: what happened, after it was committed. `carried` is the comment whose text one carries,
# `ended` the id of the chat or comment that it deletes.


class EventComment(Wire, frozen=True):
    """A comment inside an event; author and times are the event's `user` and `ts`."""

    id: str
    body: str
    edited_at: int | UnsetType = UNSET


class EventChat(Wire, frozen=True):
    id: str
    anchor: Anchor
    comment: EventComment


class NewTextChat(Wire, frozen=True, tag_field="type", tag="new-text-chat"):
    seq: int
    broadcast_id: str
    ts: int
    user: User
    chat: EventChat
    ended: ClassVar[None] = None

    @property
    def chat_id(self) -> str:
        return self.chat.id

    @property
    def carried(self) -> EventComment:
        return self.chat.comment


class UpdatedTextChat(Wire, frozen=True, tag_field="type", tag="updated-text-chat"):
    """`change` says which of the optional fields are there (PROTOCOL section 3.3)."""

    seq: int
    broadcast_id: str
    ts: int
    user: User
    chat_id: str
    change: str
    comment: EventComment | UnsetType = UNSET
    comment_id: str | UnsetType = UNSET
    anchor: Anchor | UnsetType = UNSET
    emoji: str | UnsetType = UNSET

    @property
    def carried(self) -> EventComment | None:
        return None if self.comment is UNSET else self.comment

    @property
    def ended(self) -> str | None:
        if self.change != "comment-deleted" or self.comment_id is UNSET:
            return None
        return self.comment_id


class DeletedTextChat(Wire, frozen=True, tag_field="type", tag="deleted-text-chat"):
    seq: int
    broadcast_id: str
    ts: int
    user: User
    chat_id: str
    carried: ClassVar[None] = None

    @property
    def ended(self) -> str:
        return self.chat_id


class UnknownEvent(Wire, frozen=True, tag_field="type", tag="unknown"):
    """What this release cannot read: a newer one has written it. It takes its number and tells
    nothing; what it did to the page is in the page's records."""

    seq: int
    broadcast_id: str
    ts: int = 0
    user: User = User("", "")
    chat_id: str = ""
    carried: ClassVar[None] = None
    ended: ClassVar[None] = None


Event = NewTextChat | UpdatedTextChat | DeletedTextChat | UnknownEvent

CHANGES = frozenset(
    {
        "comment-added",
        "comment-edited",
        "comment-deleted",
        "resolved",
        "reopened",
        "anchor-moved",
        "reaction-added",
        "reaction-removed",
    }
)
"""What an `UpdatedTextChat` may say that it does."""


# Operations: what a client asks for (PROTOCOL section 4).

Named = tuple[str | None, str | None]
"""Chat id and comment id that an operation names, as far as it does."""


class Draft(Wire, frozen=True):
    """A comment as its author sends it. The id is made by the server where none is given."""

    body: str
    id: str | UnsetType = UNSET


class ChatDraft(Wire, frozen=True):
    anchor: Anchor
    comment: Draft
    id: str | UnsetType = UNSET


class BaseOperation(Wire, frozen=True, tag_field="type", kw_only=True):
    url_id: str
    broadcast_id: str | UnsetType = UNSET


class CreateChat(BaseOperation, frozen=True, tag="create-chat", kw_only=True):
    chat: ChatDraft

    @property
    def named(self) -> Named:
        return _known(self.chat.id), _known(self.chat.comment.id)


class OnChat(BaseOperation, frozen=True, kw_only=True):
    """What is done to a chat that is there."""

    chat_id: str

    @property
    def named(self) -> Named:
        return self.chat_id, None


class AddComment(OnChat, frozen=True, tag="add-comment", kw_only=True):
    comment: Draft

    @property
    def named(self) -> Named:
        return self.chat_id, _known(self.comment.id)


class EditedDraft(Wire, frozen=True):
    id: str
    body: str


class EditComment(OnChat, frozen=True, tag="edit-comment", kw_only=True):
    comment: EditedDraft

    @property
    def named(self) -> Named:
        return self.chat_id, self.comment.id


class OnComment(OnChat, frozen=True, kw_only=True):
    """What is done to a comment that is there."""

    comment_id: str

    @property
    def named(self) -> Named:
        return self.chat_id, self.comment_id


class DeleteComment(OnComment, frozen=True, tag="delete-comment", kw_only=True):
    pass


class ResolveChat(OnChat, frozen=True, tag="resolve-chat", kw_only=True):
    pass


class ReopenChat(OnChat, frozen=True, tag="reopen-chat", kw_only=True):
    pass


class MoveAnchor(OnChat, frozen=True, tag="move-anchor", kw_only=True):
    anchor: Anchor


class DeleteChat(OnChat, frozen=True, tag="delete-chat", kw_only=True):
    pass


class AddReaction(OnComment, frozen=True, tag="add-reaction", kw_only=True):
    emoji: str


class RemoveReaction(OnComment, frozen=True, tag="remove-reaction", kw_only=True):
    emoji: str


def _known(id: str | UnsetType) -> str | None:
    return None if id is UNSET else id


Operation = (
    CreateChat
    | AddComment
    | EditComment
    | DeleteComment
    | ResolveChat
    | ReopenChat
    | MoveAnchor
    | DeleteChat
    | AddReaction
    | RemoveReaction
)

OPERATIONS: tuple[type[BaseOperation], ...] = (
    CreateChat,
    AddComment,
    EditComment,
    DeleteComment,
    ResolveChat,
    ReopenChat,
    MoveAnchor,
    DeleteChat,
    AddReaction,
    RemoveReaction,
)
