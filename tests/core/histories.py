"""Random but valid histories of a page, grown from a tape of bytes.

A tape shrinks well and costs hypothesis one draw. Every text is unique and stands between « and »,
so that a text which should be gone can be searched for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from msgspec import UNSET

from collabchat_asgi.core.model import (
    AddComment,
    AddReaction,
    Anchor,
    Chat,
    ChatDraft,
    CreateChat,
    DeleteChat,
    DeleteComment,
    DeletedTextChat,
    Draft,
    EditComment,
    EditedDraft,
    Event,
    MoveAnchor,
    Operation,
    RemoveReaction,
    ReopenChat,
    ResolveChat,
    TextPositionSelector,
    TextQuoteSelector,
    UpdatedTextChat,
    User,
)
from collabchat_asgi.core.rules import PageLimits, decide
from collabchat_asgi.core.state import State
from collabchat_asgi.errors import Refused

T = TypeVar("T")

many = settings.get_profile("core")
"""For the named properties: the full count of examples."""


def dice(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(400)[:length]


tapes = st.builds(
    dice, st.integers(0, 2**32), st.sampled_from((5, 10, 20, 50, 100, 200, 200, 300, 300, 400))
)
"""Left alone, hypothesis makes few tapes that last. These shrink from their end."""

URL = "/article"
EPOCH = "epoch-1"
ANN = User("ann", "Ann", "https://example.org/ann.png")
BORIS = User("boris", "Борис")
EVE = User("eve", 'E"v\\e\u2028</script>')
USERS = (ANN, BORIS, EVE)
EMOJI = ("👍", "❤️")
LIMITS = PageLimits(
    chats=50,
    bytes=1_000_000,
    reactions=20,
    users_per_reaction=200,
    comments=1_000,
    deleted=10_000,
)


class Tape:
    """Choices, one byte each; 0 for ever after the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def below(self, n: int) -> int:
        self._at += 1
        return self._data[self._at - 1] % n if self._at <= len(self._data) else 0

    def one(self, choices: Iterable[T]) -> T:
        pool = list(choices)
        return pool[self.below(len(pool))]


def uid(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012x}"


def anchor(start: int = 0) -> Anchor:
    quote = TextQuoteSelector("brown fox", prefix="quick ", suffix=" jumps")
    return Anchor((quote, TextPositionSelector(start, start + 9)), 1000)


def refusal(call: Callable[[], object]) -> tuple[str, str | None]:
    """The code and the field of the refusal that the call must end in."""
    try:
        call()
    except Refused as error:
        return error.code, error.field
    raise AssertionError("not refused")


class Page:
    """A page that random operations are done to."""

    def __init__(self, limits: PageLimits = LIMITS) -> None:
        self.limits = limits
        self.state = State()
        self.events: list[Event] = []
        self.gone: dict[str, int] = {}
        """From text to the number of the event that took it away."""
        self._texts: dict[str, str] = {}
        self._serial = 0

    def fresh(self) -> str:
        self._serial += 1
        return uid(self._serial)

    def text(self) -> str:
        return f"«{self._serial}» Привет 👋"

    def operation(self, tape: Tape) -> Operation:
        """Something to do, most often possible."""
        chats = list(self.state.chats.values())
        kind = tape.below(24)
        url, id = URL, self.fresh()
        if not chats or kind < 3:
            chat_draft = ChatDraft(anchor(tape.below(3)), Draft(self.text(), self.fresh()), id)
            return CreateChat(url_id=url, chat=chat_draft)
        chat = tape.one(chats[-4:])
        comment_id = tape.one(list(chat.comments)[-4:])
        if kind < 8:
            draft = EditedDraft(comment_id, self.text())
            return EditComment(url_id=url, chat_id=chat.id, comment=draft)
        if kind < 11:
            return AddComment(url_id=url, chat_id=chat.id, comment=Draft(self.text(), id))
        if kind < 13:
            return DeleteComment(url_id=url, chat_id=chat.id, comment_id=comment_id)
        if kind < 17:
            return AddReaction(
                url_id=url, chat_id=chat.id, comment_id=comment_id, emoji=tape.one(EMOJI)
            )
        if kind < 20:
            return RemoveReaction(
                url_id=url, chat_id=chat.id, comment_id=comment_id, emoji=tape.one(EMOJI)
            )
        if kind < 21:
            return MoveAnchor(url_id=url, chat_id=chat.id, anchor=anchor(tape.below(3)))
        if kind < 22:
            return ResolveChat(url_id=url, chat_id=chat.id)
        if kind < 23:
            return ReopenChat(url_id=url, chat_id=chat.id)
        return DeleteChat(url_id=url, chat_id=chat.id)

    def step(self, tape: Tape) -> Event | None:
        """Do one operation; the event, unless it was refused or changed nothing."""
        operation = self.operation(tape)
        user = USERS[tape.below(2)]
        if isinstance(operation, EditComment):
            known = self.state.comment(operation.chat_id, operation.comment.id)
            assert known is not None
            user = known.author
        return self.do(operation, user, 1_000_000 + self._serial * 10 - tape.below(40))

    def do(self, operation: Operation, user: User = ANN, ts: int = 1_000_000) -> Event | None:
        made = decide(
            self.state, operation, user=user, ts=ts, broadcast_id=self.fresh(), limits=self.limits
        )
        if made is not None:
            self.state.fold(EPOCH, made)
            self.events.append(made)
            self._note(made)
        return made

    def play(self, data: bytes) -> Page:
        tape = Tape(data)
        while tape:
            self.step(tape)
        return self

    def _note(self, event: Event) -> None:
        carried = event.carried
        lost: list[str] = []
        if carried:
            lost = [carried.id]
        elif isinstance(event, UpdatedTextChat) and event.change == "comment-deleted":
            assert event.comment_id is not UNSET
            lost = [event.comment_id]
        elif isinstance(event, DeletedTextChat):
            lost = [id for id in self._texts if id not in self.state.comment_chats]
        for id in lost:
            if id in self._texts:
                self.gone[self._texts.pop(id)] = event.seq
        if carried:
            self._texts[carried.id] = carried.body


def chats(state: State) -> dict[str, Chat]:
    """All that a reader can know of the page."""
    return {id: chat.as_chat(None) for id, chat in state.chats.items()}


def everything(state: State) -> object:
    """All that a state holds, order included, in values that do not change with it."""
    return (
        state.position,
        state.size,
        dict(state.deleted),
        dict(state.comment_chats),
        [
            (
                chat.as_chat(None),
                chat.created_seq,
                [(known.created_seq, known.body_seq) for known in chat.comments.values()],
            )
            for chat in state.chats.values()
        ],
    )


def cut(events: list[Event], tape: Tape, longest: int = 12) -> list[list[Event]]:
    """The events in batches of random sizes."""
    batches: list[list[Event]] = []
    at = 0
    while at < len(events):
        size = 1 + tape.below(longest)
        batches.append(events[at : at + size])
        at += size
    return batches


def catches(check: Callable[[bytes], None], tries: int = 2_000) -> bool:
    """Whether a property notices that something is wrong with what it is given."""
    for seed in range(tries):
        try:
            check(dice(seed, 1 + seed % 240))
        except (AssertionError, KeyError):
            return True
    return False
