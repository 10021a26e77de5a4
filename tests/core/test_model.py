from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from collabchat_asgi.core.model import (
    NOWHERE,
    AddComment,
    AddReaction,
    Anchor,
    ChatDraft,
    CreateChat,
    DeletedTextChat,
    Draft,
    EditComment,
    EditedDraft,
    Event,
    EventChat,
    EventComment,
    NewTextChat,
    Operation,
    PageKey,
    Position,
    ResolveChat,
    UnknownEvent,
    UpdatedTextChat,
    User,
)


@pytest.mark.parametrize(
    ("position", "other", "continues"),
    [
        (Position("e", 5), Position("e", 5), True),
        (Position("e", 5), Position("e", 4), True),
        (Position("e", 5), Position("e", 6), False),
        (Position("e", 5), Position("f", 4), False),
        (Position("e", 5), NOWHERE, True),
        (Position("e", 5), Position("f", 0), True),
        (NOWHERE, NOWHERE, True),
        (NOWHERE, Position("e", 1), False),
    ],
)
def test_a_position_continues_its_own_history(
    position: Position, other: Position, continues: bool
) -> None:
    assert position.continues(other) is continues


def test_pages_sort_by_tenant_then_page() -> None:
    keys = [PageKey("b", "/a"), PageKey("a", "/b"), PageKey("a", "/a")]
    assert sorted(keys) == keys[::-1]


SAID = EventComment("comment", "text")
ANN = User("ann", "Ann")


def updated(change: str, **fields: Any) -> UpdatedTextChat:
    return UpdatedTextChat(1, "id", 0, ANN, "chat", change, **fields)


@pytest.mark.parametrize(
    ("event", "carried", "ended"),
    [
        (
            NewTextChat(1, "id", 0, ANN, EventChat("chat", Anchor((), 0), SAID)),
            SAID,
            None,
        ),
        (updated("comment-added", comment=SAID), SAID, None),
        (updated("comment-edited", comment=SAID), SAID, None),
        (updated("comment-deleted", comment_id="comment"), None, "comment"),
        (updated("reaction-added", comment_id="comment", emoji="+"), None, None),
        (updated("resolved"), None, None),
        (DeletedTextChat(1, "id", 0, ANN, "chat"), None, "chat"),
        (UnknownEvent(1, "id"), None, None),
    ],
)
def test_what_an_event_carries_and_ends(
    event: Event, carried: EventComment | None, ended: str | None
) -> None:
    assert (event.carried, event.ended) == (carried, ended)
    assert event.chat_id == ("" if isinstance(event, UnknownEvent) else "chat")


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        (CreateChat(url_id="p", chat=ChatDraft(Anchor((), 0), Draft("x", "m"), "c")), ("c", "m")),
        (CreateChat(url_id="p", chat=ChatDraft(Anchor((), 0), Draft("x", UNSET))), (None, None)),
        (AddComment(url_id="p", chat_id="c", comment=Draft("x")), ("c", None)),
        (AddComment(url_id="p", chat_id="c", comment=Draft("x", "m")), ("c", "m")),
        (EditComment(url_id="p", chat_id="c", comment=EditedDraft("m", "x")), ("c", "m")),
        (AddReaction(url_id="p", chat_id="c", comment_id="m", emoji="+"), ("c", "m")),
        (ResolveChat(url_id="p", chat_id="c"), ("c", None)),
    ],
)
def test_what_an_operation_names(
    operation: Operation, named: tuple[str | None, str | None]
) -> None:
    assert operation.named == named
