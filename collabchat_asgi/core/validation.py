"""What the fields of a frame may hold. Everything refused names its field."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import UNSET

from ..errors import Refused
from .model import (
    AddComment,
    AddReaction,
    Anchor,
    BaseOperation,
    CreateChat,
    Draft,
    EditComment,
    MoveAnchor,
    OnChat,
    OnComment,
    Operation,
    RangeSelector,
    RemoveReaction,
    Selector,
    TextPositionSelector,
    TextQuoteSelector,
)
from .text import LINE, MAX_INTEGER, UUID, is_emoji, trim

MAX_SELECTORS = 8

ANCHOR_FRAME_BYTES = 80
SELECTOR_FRAME_BYTES = 120
"""At least what JSON puts around the texts of an anchor and of a selector. A character of theirs is
at most six bytes: `\\u001f`."""


def check_text(value: str, field: str, maximum: int) -> None:
    if "\0" in value:
        raise Refused("invalid", f"{field} contains NUL", field=field)
    if len(value) > maximum:
        raise Refused("too-long", f"{field} is longer than {maximum} characters", field=field)


def check_integer(value: int, field: str, *, minimum: int) -> None:
    if not minimum <= value <= MAX_INTEGER:
        raise Refused("invalid", f"{field} is out of range", field=field)


def check_url_id(value: str, maximum: int) -> None:
    if LINE.fullmatch(value) is None:
        wrong = "urlId is empty, or has a control character or half of a surrogate pair"
        raise Refused("invalid", wrong, field="urlId")
    if len(value) > maximum:
        check_text(value, "urlId", maximum)


def check_id(value: str, field: str) -> None:
    if UUID.fullmatch(value) is None:
        raise Refused("invalid", f"{field} is not a UUID in canonical form", field=field)


def check_body(value: str, field: str, maximum: int) -> str:
    """The body, trimmed."""
    body = trim(value)
    check_text(body, field, maximum)
    if not body:
        raise Refused("invalid", f"{field} is empty", field=field)
    return body


def check_operation(
    operation: BaseOperation, *, body_chars: int, anchor_bytes: int, url_id_chars: int
) -> Operation:
    """The operation with its body trimmed. Raises `Refused` (`invalid`, `too-long`)."""
    check_url_id(operation.url_id, url_id_chars)
    if operation.broadcast_id is not UNSET:
        check_id(operation.broadcast_id, "broadcastId")
    if isinstance(operation, OnChat):
        check_id(operation.chat_id, "chatId")
    match operation:
        case AddComment():
            comment = _check_draft(operation.comment, "comment", body_chars)
            if comment is not operation.comment:
                operation = msgspec.structs.replace(operation, comment=comment)
        case CreateChat():
            chat = operation.chat
            if chat.id is not UNSET:
                check_id(chat.id, "chat.id")
            check_anchor(chat.anchor, "chat.anchor", anchor_bytes)
            comment = _check_draft(chat.comment, "chat.comment", body_chars)
            if comment is not chat.comment:
                chat = msgspec.structs.replace(chat, comment=comment)
                operation = msgspec.structs.replace(operation, chat=chat)
        case EditComment():
            edited = operation.comment
            check_id(edited.id, "comment.id")
            body = check_body(edited.body, "comment.body", body_chars)
            edited = msgspec.structs.replace(edited, body=body)
            operation = msgspec.structs.replace(operation, comment=edited)
        case MoveAnchor():
            check_anchor(operation.anchor, "anchor", anchor_bytes)
        case OnComment():
            check_id(operation.comment_id, "commentId")
            if isinstance(operation, (AddReaction, RemoveReaction)) and not is_emoji(
                operation.emoji
            ):
                raise Refused("invalid", "emoji is not one emoji", field="emoji")
    return cast("Operation", operation)


def _check_draft(draft: Draft, field: str, body_chars: int) -> Draft:
    if draft.id is not UNSET:
        check_id(draft.id, f"{field}.id")
    body = check_body(draft.body, f"{field}.body", body_chars)
    return draft if body == draft.body else msgspec.structs.replace(draft, body=body)


def check_anchor(anchor: Anchor, field: str, maximum: int) -> None:
    """`maximum` is in bytes of JSON. Raises `Refused` (`invalid`, `too-long`)."""
    if len(anchor.selector) > MAX_SELECTORS:
        where = f"{field}.selector"
        raise Refused("invalid", f"{where} holds more than {MAX_SELECTORS} selectors", field=where)
    if most_bytes(anchor) > maximum and len(msgspec.json.encode(anchor)) > maximum:
        raise Refused("too-long", f"{field} is longer than {maximum} bytes of JSON", field=field)
    check_integer(anchor.length, f"{field}.length", minimum=0)
    if anchor.scope is not UNSET:
        check_text(anchor.scope, f"{field}.scope", maximum)
    for index, selector in enumerate(anchor.selector):
        _check_selector(selector, f"{field}.selector[{index}]", maximum)


def most_bytes(anchor: Anchor) -> int:
    """As JSON, at most: most anchors are small, and need not be encoded to see it."""
    characters = 0 if anchor.scope is UNSET else len(anchor.scope)
    quotes = 0
    for selector in anchor.selector:
        if isinstance(selector, TextPositionSelector):
            continue
        for quote in (
            (selector.start_selector, selector.end_selector)
            if isinstance(selector, RangeSelector)
            else (selector,)
        ):
            quotes += 1
            characters += len(quote.exact)
            characters += 0 if quote.prefix is UNSET else len(quote.prefix)
            characters += 0 if quote.suffix is UNSET else len(quote.suffix)
    return (
        ANCHOR_FRAME_BYTES + SELECTOR_FRAME_BYTES * (len(anchor.selector) + quotes) + 6 * characters
    )


def _check_selector(selector: Selector, field: str, maximum: int) -> None:
    match selector:
        case TextQuoteSelector(exact=exact, prefix=prefix, suffix=suffix):
            if not exact:
                raise Refused("invalid", f"{field}.exact is empty", field=f"{field}.exact")
            for name, value in (("exact", exact), ("prefix", prefix), ("suffix", suffix)):
                if value is not UNSET and ("\0" in value or len(value) > maximum):
                    check_text(value, f"{field}.{name}", maximum)
        case TextPositionSelector(start=start, end=end):
            check_integer(start, f"{field}.start", minimum=0)
            check_integer(end, f"{field}.end", minimum=start)
        case RangeSelector(start_selector=start_selector, end_selector=end_selector):
            _check_selector(start_selector, f"{field}.startSelector", maximum)
            _check_selector(end_selector, f"{field}.endSelector", maximum)
