"""The page as it stands: one fold for the server, for replays and for tests.

The JavaScript client folds in the same way (`static/client/confirmed.js`); both run
tests/vectors/fold.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec
from msgspec import UNSET, UnsetType

from .layered import Layered
from .model import (
    NOWHERE,
    Anchor,
    Chat,
    Comment,
    DeletedTextChat,
    Event,
    NewTextChat,
    Position,
    Resolved,
    UpdatedTextChat,
    User,
)

CHAT_BYTES = 1_500
COMMENT_BYTES = 300
REACTION_BYTES = 40
"""What a chat with its anchor, a comment without its text and one person's reaction count for.
An estimate that every process makes alike; it guards memory, not money."""


def weight_of_comment(body: str, author: User) -> int:
    avatar = 0 if author.avatar is UNSET else len(author.avatar)
    text = len(body) if body.isascii() else len(body.encode())
    name = len(author.name) if author.name.isascii() else len(author.name.encode())
    return COMMENT_BYTES + text + name + avatar


MANY_COMMENTS = 64
"""A chat with more is copied in layers: its next comment must not cost what all of them weigh."""


class ChatState(msgspec.Struct, eq=False, gc=False):
    """One chat with all of its comments, in the order of their creation.

    Structs outside of the garbage collector: nothing in a state refers back to what holds it, and
    a process that holds many pages must not walk them all time and again.
    """

    id: str
    anchor: Anchor
    created_by: User
    created_at: int
    created_seq: int
    updated_at: int
    resolved: Resolved | UnsetType = UNSET
    comments: dict[str, CommentState] | Layered[CommentState] = msgspec.field(default_factory=dict)

    def copy(self) -> ChatState:
        return ChatState(
            self.id,
            self.anchor,
            self.created_by,
            self.created_at,
            self.created_seq,
            self.updated_at,
            self.resolved,
            _copied(self.comments),
        )

    def as_chat(self, newest: int | None = 5) -> Chat:
        """The chat as it travels, with its `newest` comments (None: all), oldest first."""
        known = self.comments
        shown = [known[id].comment for id in islice(reversed(known), newest)]
        shown.reverse()
        return Chat(
            id=self.id,
            anchor=self.anchor,
            created_by=self.created_by,
            created_at=self.created_at,
            updated_at=self.updated_at,
            comment_count=len(known),
            comments=tuple(shown),
            resolved=self.resolved,
        )


class CommentState(msgspec.Struct, eq=False, gc=False):
    """A comment, the number of the event that made it, and of the one that carries its text."""

    comment: Comment
    created_seq: int
    body_seq: int


class State:
    """All chats of a page as of `position`, and the ids that may not come again.

    `fork` costs what was changed lately and not what is there. Both sides copy a chat before they
    change it, so that a fork may be folded further in another thread.
    """

    __slots__ = ("_owned", "chats", "comment_chats", "deleted", "position", "size")

    def __init__(self, position: Position = NOWHERE) -> None:
        self.position = position
        self.chats: Layered[ChatState] = Layered()
        self.comment_chats: Layered[str] = Layered()
        """From comment id to chat id: an id is unique in its page."""
        self.deleted: Layered[int] = Layered()
        """From id to the time of its deletion, in milliseconds, earliest first."""
        self.size = 0
        """Bytes that the page counts for (`Limits.bytes_per_page`)."""
        self._owned: set[str] = set()

    def shows_the_same(self, other: State) -> bool:
        """Whether no reader could tell the two apart."""
        mine, theirs = (
            [chat.as_chat(newest=None) for chat in state.chats.values()] for state in (self, other)
        )
        return mine == theirs

    def fork(self) -> State:
        fork = State.__new__(State)  # its parts need not be made to be replaced
        fork.position = self.position
        fork.chats = self.chats.fork()
        fork.comment_chats = self.comment_chats.fork()
        fork.deleted = self.deleted.fork()
        fork.size = self.size
        fork._owned = set()
        self._owned.clear()
        return fork

    def chat(self, chat_id: str) -> ChatState | None:
        return self.chats.get(chat_id)

    def comment(self, chat_id: str, comment_id: str) -> Comment | None:
        chat = self.chats.get(chat_id)
        state = chat.comments.get(comment_id) if chat else None
        return state.comment if state else None

    def taken(self, id: str) -> bool:
        """Whether a chat or comment has this id, or had it and it is not forgotten yet."""
        return id in self.chats or id in self.comment_chats or id in self.deleted

    def remembers(self, before_ms: int) -> bool:
        """Whether an id is remembered that was deleted before then."""
        return next(iter(self.deleted.values()), before_ms) < before_ms

    def forget(self, before_ms: int) -> list[str]:
        """Let the ids come again that were deleted before then. Which these are."""
        old = []
        for id, at in self.deleted.items():
            if at >= before_ms:
                break
            old.append(id)
        for id in old:
            del self.deleted[id]
        return old

    def snapshot(self) -> Iterator[Chat]:
        """Chats as they travel, in the order of their creation."""
        return (chat.as_chat() for chat in self.chats.values())

    def add(self, chat: ChatState) -> None:
        """Put a stored chat in, whole."""
        self.chats[chat.id] = chat
        self._owned.add(chat.id)
        self.size += CHAT_BYTES
        for id, state in chat.comments.items():
            self.comment_chats[id] = chat.id
            self.size += _size(state.comment)

    def fold_all(self, epoch: str, events: Iterable[Event]) -> None:
        for event in events:
            self.fold(epoch, event)

    def fold(self, epoch: str, event: Event) -> None:
        """Apply the next event. What it names and the page does not have changes nothing."""
        match event:
            case UpdatedTextChat():
                self._update(event)
            case NewTextChat():
                self._create(event)
            case DeletedTextChat():
                self._delete_chat(event)
        self.position = Position(epoch, event.seq)

    def _own(self, chat_id: str) -> ChatState | None:
        chat = self.chats.get(chat_id)
        if chat is not None and chat_id not in self._owned:
            chat = self.chats[chat_id] = chat.copy()
            self._owned.add(chat_id)
        return chat

    def _create(self, event: NewTextChat) -> None:
        made = event.chat
        draft = made.comment
        comment = Comment(draft.id, draft.body, event.user, event.ts, draft.edited_at)
        edited = draft.edited_at
        chat = ChatState(
            id=made.id,
            anchor=made.anchor,
            created_by=event.user,
            created_at=event.ts,
            created_seq=event.seq,
            updated_at=event.ts if edited is UNSET else edited,
            comments={draft.id: CommentState(comment, event.seq, event.seq)},
        )
        self.add(chat)

    def _delete_chat(self, event: DeletedTextChat) -> None:
        chat = self.chats.pop(event.chat_id, None)
        if chat is None:
            return
        self._owned.discard(event.chat_id)
        self.deleted[event.chat_id] = event.ts
        self.size -= CHAT_BYTES
        for id, state in chat.comments.items():
            del self.comment_chats[id]
            self.deleted[id] = event.ts
            self.size -= _size(state.comment)

    def _update(self, event: UpdatedTextChat) -> None:
        chat = self._own(event.chat_id)
        if chat is None:
            return
        at = event.ts
        match event.change:
            case "comment-added" if event.comment is not UNSET:
                draft = event.comment
                comment = Comment(draft.id, draft.body, event.user, event.ts, draft.edited_at)
                chat.comments[draft.id] = CommentState(comment, event.seq, event.seq)
                self.comment_chats[draft.id] = chat.id
                self.size += _size(comment)
                at = event.ts if draft.edited_at is UNSET else draft.edited_at
            case "comment-edited" if event.comment is not UNSET:
                at = event.ts if event.comment.edited_at is UNSET else event.comment.edited_at
                known = chat.comments.get(event.comment.id)
                if known is not None:
                    old = known.comment
                    comment = Comment(
                        old.id, event.comment.body, old.author, old.created_at, at, old.reactions
                    )
                    self._replace(chat, known, comment, event.seq)
            case "comment-deleted" if event.comment_id is not UNSET:
                gone = chat.comments.pop(event.comment_id, None)
                if gone is not None:
                    del self.comment_chats[event.comment_id]
                    self.deleted[event.comment_id] = event.ts
                    self.size -= _size(gone.comment)
            case "resolved":
                chat.resolved = Resolved(event.user, event.ts)
            case "reopened":
                chat.resolved = UNSET
            case "anchor-moved" if event.anchor is not UNSET:
                chat.anchor = event.anchor
            case "reaction-added" | "reaction-removed":
                self._react(chat, event)
                return
        chat.updated_at = at

    def _react(self, chat: ChatState, event: UpdatedTextChat) -> None:
        if event.comment_id is UNSET or event.emoji is UNSET:
            return
        known = chat.comments.get(event.comment_id)
        if known is None:
            return
        old = known.comment
        reactions = {} if old.reactions is UNSET else dict(old.reactions)
        people = [id for id in reactions.get(event.emoji, ()) if id != event.user.id]
        if event.change == "reaction-added":
            people.append(event.user.id)
        if people:
            reactions[event.emoji] = tuple(people)
        else:
            reactions.pop(event.emoji, None)
        comment = Comment(
            old.id, old.body, old.author, old.created_at, old.edited_at, reactions or UNSET
        )
        self._replace(chat, known, comment, known.body_seq)

    def _replace(
        self, chat: ChatState, known: CommentState, comment: Comment, body_seq: int
    ) -> None:
        self.size += _size(comment) - _size(known.comment)
        chat.comments[comment.id] = CommentState(comment, known.created_seq, body_seq)


def _copied(
    comments: dict[str, CommentState] | Layered[CommentState],
) -> dict[str, CommentState] | Layered[CommentState]:
    if isinstance(comments, Layered):
        return comments.fork()
    return dict(comments) if len(comments) < MANY_COMMENTS else Layered.of(comments)


def _size(comment: Comment) -> int:
    reactions = 0
    if comment.reactions is not UNSET:
        reactions = sum(map(len, comment.reactions.values())) * REACTION_BYTES
    return weight_of_comment(comment.body, comment.author) + reactions
