"""What the frames' tests do not reach: the checks themselves. See test_frames for every field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from collabchat_asgi.core.model import (
    AddComment,
    AddReaction,
    Anchor,
    ChatDraft,
    CreateChat,
    DeleteChat,
    DeleteComment,
    Draft,
    EditComment,
    EditedDraft,
    MoveAnchor,
    Operation,
    RangeSelector,
    RemoveReaction,
    ReopenChat,
    ResolveChat,
    Selector,
    TextPositionSelector,
    TextQuoteSelector,
)
from collabchat_asgi.core.validation import (
    MAX_SELECTORS,
    check_body,
    check_id,
    check_integer,
    check_operation,
    check_text,
    check_url_id,
    most_bytes,
)

from .histories import URL, refusal, uid

LIMITS = {"body_chars": 10, "anchor_bytes": 400, "url_id_chars": 20}


def create(*selectors: Selector, scope: str | None = None, body: str = "x") -> CreateChat:
    anchor = Anchor(selectors, 10, UNSET if scope is None else scope)
    return CreateChat(url_id=URL, chat=ChatDraft(anchor, Draft(body)))


def refused(operation: Operation) -> tuple[str, str | None]:
    return refusal(lambda: check_operation(operation, **LIMITS))


QUOTE = TextQuoteSelector("fox")


def test_texts() -> None:
    check_text("x" * 5, "f", 5)
    assert refusal(lambda: check_text("x" * 6, "f", 5)) == ("too-long", "f")
    assert refusal(lambda: check_text("\0", "f", 5)) == ("invalid", "f")


@pytest.mark.parametrize(
    ("value", "good"), [(0, True), (2**53, True), (-1, False), (2**53 + 1, False)]
)
def test_integers(value: int, good: bool) -> None:
    if good:
        check_integer(value, "f", minimum=0)
    else:
        assert refusal(lambda: check_integer(value, "f", minimum=0)) == ("invalid", "f")


def test_pages() -> None:
    check_url_id("https://example.org/ж?a=b c#d", 512)
    check_url_id("👋" * 512, 512)
    for bad in ("", "\t", "a\x7f", "\x9f"):
        assert refusal(lambda bad=bad: check_url_id(bad, 9)) == ("invalid", "urlId")  # type: ignore[misc]
    assert refusal(lambda: check_url_id("a" * 10, 9)) == ("too-long", "urlId")


def test_ids_and_bodies() -> None:
    check_id(uid(1), "f")
    assert refusal(lambda: check_id("1", "f")) == ("invalid", "f")
    assert check_body("\u3000 a\tb\n", "f", 3) == "a\tb"
    assert refusal(lambda: check_body(" ", "f", 3)) == ("invalid", "f")
    assert refusal(lambda: check_body("aaaa", "f", 3)) == ("too-long", "f")


def test_what_is_good_is_left_as_it_is_but_for_its_margins() -> None:
    good = create(QUOTE, TextPositionSelector(0, 0))
    assert check_operation(good, **LIMITS) == good
    trimmed = check_operation(create(QUOTE, body="  x "), **LIMITS)
    assert trimmed == create(QUOTE)
    for operation in (
        AddComment(url_id=URL, chat_id=uid(1), comment=Draft(" y ")),
        EditComment(url_id=URL, chat_id=uid(1), comment=EditedDraft(uid(2), " y ")),
    ):
        checked = check_operation(operation, **LIMITS)
        assert isinstance(checked, AddComment | EditComment)
        assert checked.comment.body == "y"


def test_limits_are_the_callers() -> None:
    assert refused(create(QUOTE, body="x" * 11)) == ("too-long", "chat.comment.body")
    assert refused(create(TextQuoteSelector("f" * 400))) == ("too-long", "chat.anchor")
    assert refused(AddComment(url_id="u" * 21, chat_id=uid(1), comment=Draft("x")))[1] == "urlId"


some_text = st.text(st.sampled_from('a\x1f\x7f"\\\\€😀'), max_size=8)
some_quote = st.builds(
    TextQuoteSelector, some_text, some_text | st.just(UNSET), some_text | st.just(UNSET)
)
some_place = st.integers(0, 2**53)
some_selector = (
    some_quote
    | st.builds(TextPositionSelector, some_place, some_place)
    | st.builds(RangeSelector, some_quote, some_quote)
)


@given(st.builds(Anchor, st.lists(some_selector, max_size=9).map(tuple), some_place, some_text))
def test_an_anchor_is_never_larger_than_it_is_taken_for(anchor: Anchor) -> None:
    assert len(msgspec.json.encode(anchor)) <= most_bytes(anchor)


def test_selectors() -> None:
    at = "chat.anchor.selector"
    many = [TextPositionSelector(0, 1)] * (MAX_SELECTORS + 1)
    # The page as a whole.
    assert check_operation(create(), **LIMITS) == create()
    moved = MoveAnchor(url_id=URL, chat_id=uid(1), anchor=Anchor((), 0))
    assert check_operation(moved, **LIMITS) == moved
    assert refused(create(*many)) == ("invalid", at)
    assert refused(create(TextPositionSelector(5, 4))) == ("invalid", f"{at}[0].end")
    assert refused(create(QUOTE, TextQuoteSelector(""))) == ("invalid", f"{at}[1].exact")
    assert refused(create(RangeSelector(QUOTE, TextQuoteSelector("a", prefix="\0")))) == (
        "invalid",
        f"{at}[0].endSelector.prefix",
    )
    assert refused(create(QUOTE, scope="\0")) == ("invalid", "chat.anchor.scope")


CHAT, COMMENT = {"url_id": URL, "chat_id": uid(1)}, {"comment_id": uid(2)}
OTHERS: list[Operation] = [
    ResolveChat(**CHAT),
    ReopenChat(**CHAT),
    DeleteChat(**CHAT),
    DeleteComment(**CHAT, **COMMENT),
    AddReaction(**CHAT, **COMMENT, emoji="👍"),
    RemoveReaction(**CHAT, **COMMENT, emoji="👍"),
    AddComment(**CHAT, comment=Draft("y", uid(3))),
]


@pytest.mark.parametrize("operation", OTHERS, ids=lambda each: type(each).__name__)
def test_what_is_named_is_an_id(operation: Operation) -> None:
    assert check_operation(operation, **LIMITS) == operation
    sent = msgspec.structs.replace(operation, broadcast_id=uid(4))
    assert check_operation(sent, **LIMITS) == sent
    for field, name in (("broadcast_id", "broadcastId"), ("chat_id", "chatId")):
        bad = msgspec.structs.replace(operation, **{field: "1"})
        assert refused(bad) == ("invalid", name)
    if isinstance(operation, DeleteComment | AddReaction | RemoveReaction):
        assert refused(msgspec.structs.replace(operation, comment_id="")) == (
            "invalid",
            "commentId",
        )


def test_ids_of_drafts_and_emoji() -> None:
    chat = ChatDraft(Anchor((), 0), Draft("x"), "1")
    assert refused(CreateChat(url_id=URL, chat=chat)) == ("invalid", "chat.id")
    assert refused(AddComment(**CHAT, comment=Draft("x", "1"))) == ("invalid", "comment.id")
    assert refused(AddReaction(**CHAT, **COMMENT, emoji="no")) == ("invalid", "emoji")
