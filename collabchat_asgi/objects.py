"""The JSON objects of PROTOCOL sections 3.3 and 4 as types: what hooks and calls give and take.

They are plain dicts with the wire's camelCase names. What is given as an object with attributes
(`access.chat`, `access.comment`) is a struct of `core.model` with the same fields in snake_case.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class UserObject(TypedDict):
    id: str
    name: str
    avatar: NotRequired[str]


class AnchorObject(TypedDict):
    """`selector` holds W3C Web Annotation selectors; an empty list means the page as a whole."""

    selector: list[dict[str, object]]
    length: int
    scope: NotRequired[str]


class CommentObject(TypedDict):
    """A comment in a snapshot. Times are milliseconds since the Unix epoch."""

    id: str
    body: str
    author: UserObject
    createdAt: int
    editedAt: NotRequired[int]
    reactions: NotRequired[dict[str, list[str]]]


class ResolvedObject(TypedDict):
    by: UserObject
    at: int


class ChatObject(TypedDict):
    """An annotation in a snapshot, with its newest comments, oldest first."""

    id: str
    anchor: AnchorObject
    createdBy: UserObject
    createdAt: int
    updatedAt: int
    commentCount: int
    comments: list[CommentObject]
    resolved: NotRequired[ResolvedObject]


class Snapshot(TypedDict):
    """A page as of a position."""

    epoch: str
    seq: int
    chats: list[ChatObject]


# Operations: what somebody asks for. `urlId` and `broadcastId` are there in hooks; `submit` takes
# the page as an argument and makes the ids that are not given.


class DraftObject(TypedDict):
    id: NotRequired[str]
    body: str


class ChatDraftObject(TypedDict):
    id: NotRequired[str]
    anchor: AnchorObject
    comment: DraftObject


class _Operation(TypedDict):
    urlId: NotRequired[str]
    broadcastId: NotRequired[str]


class CreateChatOperation(_Operation):
    type: Literal["create-chat"]
    chat: ChatDraftObject


class AddCommentOperation(_Operation):
    type: Literal["add-comment"]
    chatId: str
    comment: DraftObject


class EditCommentOperation(_Operation):
    type: Literal["edit-comment"]
    chatId: str
    comment: DraftObject


class DeleteCommentOperation(_Operation):
    type: Literal["delete-comment"]
    chatId: str
    commentId: str


class ChatOperation(_Operation):
    type: Literal["resolve-chat", "reopen-chat", "delete-chat"]
    chatId: str


class MoveAnchorOperation(_Operation):
    type: Literal["move-anchor"]
    chatId: str
    anchor: AnchorObject


class ReactionOperation(_Operation):
    type: Literal["add-reaction", "remove-reaction"]
    chatId: str
    commentId: str
    emoji: str


Operation = (
    CreateChatOperation
    | AddCommentOperation
    | EditCommentOperation
    | DeleteCommentOperation
    | ChatOperation
    | MoveAnchorOperation
    | ReactionOperation
)
"""Told apart by `operation["type"]`."""


class Ack(TypedDict):
    """Committed: `seq` is in every later read. `ts` is milliseconds since the Unix epoch."""

    broadcastId: str
    urlId: str
    epoch: str
    seq: int
    ts: int
    chatId: NotRequired[str]
    commentId: NotRequired[str]


# Events: what happened, after it was committed.


class EventCommentObject(TypedDict):
    id: str
    body: str
    editedAt: NotRequired[int]


class EventChatObject(TypedDict):
    id: str
    anchor: AnchorObject
    comment: EventCommentObject


class _Event(TypedDict):
    seq: int
    broadcastId: str
    ts: int
    user: UserObject
    tenantId: NotRequired[str]
    """`tenantId`, `urlId` and `epoch` are there in `on_event`, which sees the events of all."""
    urlId: NotRequired[str]
    epoch: NotRequired[str]


class NewTextChatEvent(_Event):
    type: Literal["new-text-chat"]
    chat: EventChatObject


class UpdatedTextChatEvent(_Event):
    """`change` says which of the optional fields are there."""

    type: Literal["updated-text-chat"]
    chatId: str
    change: Literal[
        "comment-added",
        "comment-edited",
        "comment-deleted",
        "resolved",
        "reopened",
        "anchor-moved",
        "reaction-added",
        "reaction-removed",
    ]
    comment: NotRequired[EventCommentObject]
    commentId: NotRequired[str]
    anchor: NotRequired[AnchorObject]
    emoji: NotRequired[str]


class DeletedTextChatEvent(_Event):
    type: Literal["deleted-text-chat"]
    chatId: str


Event = NewTextChatEvent | UpdatedTextChatEvent | DeletedTextChatEvent
"""Told apart by `event["type"]`."""


class Events(TypedDict):
    """Everything that happened in `first`…`last`, ascending; merging may leave fewer events."""

    epoch: str
    seq: int
    first: int
    last: int
    events: list[Event]


class Presence(TypedDict):
    """Distinct people on a page, and their connections."""

    users: int
    connections: int


class UsageRow(TypedDict):
    """What a tenant used on one UTC day (`YYYY-MM-DD`), of one page where pages are counted."""

    tenantId: str
    urlId: NotRequired[str]
    day: str
    pubSubMessageCount: int
    pubSubBandwidth: int
    eventDeliveryCount: int
    operationCount: int
    chatCreateCount: int
    commentCreateCount: int
    connectionSeconds: int


class PageObject(TypedDict):
    tenantId: str
    urlId: str


class Receipt(TypedDict):
    """What went when a person was forgotten. It names nobody."""

    pages: int
    """That were changed."""
    chats: int
    """That nobody else wrote in."""
    comments: int
    """Those of such chats included."""
    reactions: int
    names: int
    """Chats that stay, and that they had begun or resolved."""
    events: int
    """Of logs, that named them."""
    operations: int
    """Ids that were remembered of what the log does not hold."""
    readings: int
    """Pages of which it was known how far they had read."""
    pagesSeen: int
    """That were looked through."""
    failed: list[PageObject]
    """Pages that cannot be read by this release, and still know them: the log says why."""


class UserBelongings(TypedDict):
    """What of one page is one person's."""

    tenantId: str
    urlId: str
    chats: list[dict[str, object]]
    """That they began: `chatId`, `anchor`, `createdAt`, `createdBy`."""
    comments: list[dict[str, object]]
    """`chatId` and the `comment`, as in a snapshot."""
    reactions: list[dict[str, object]]
    """`chatId`, `commentId`, `emoji`."""
    resolved: list[dict[str, object]]
    """`chatId`, `at`."""
    operations: list[dict[str, object]]
    """`broadcastId`, `seq`, `at` of what is still remembered."""
    read: NotRequired[int]
    """The `seq` up to which they have read."""
