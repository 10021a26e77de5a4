"""Text in, typed frames out; typed frames in, text out (PROTOCOL section 3).

What is valid is decoded in one step. Anything else is looked at again in two: the first reads the
type and nothing else, so that an unknown type (`unsupported`), a bad field (`invalid`) and what is
no frame at all (close 4400) are told apart by structure and not by the text of an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ..errors import CloseCode, Closed, InvalidFrame, Refused, RefusedFrame
from .model import (
    OPERATIONS,
    BaseOperation,
    Chat,
    Event,
    Operation,
    Position,
    User,
    Wire,
)
from .text import MAX_INTEGER, has_control, is_tenant_id
from .validation import check_integer, check_operation, check_text, check_url_id

LONGEST_NAME = 512
"""Code points of an id that an error is answered about; of a page's, where longer ones are allowed,
so many."""

SUBPROTOCOL = "collabchat.v1"
BEARER_SUBPROTOCOL = "collabchat.bearer."


class Since(Wire, frozen=True):
    epoch: str
    seq: int


class Hello(Wire, frozen=True, tag_field="type", tag="hello"):
    tenant_id: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    visitor_id: str | UnsetType = UNSET
    client: str | UnsetType = UNSET


class Subscribe(Wire, frozen=True, tag_field="type", tag="subscribe"):
    url_id: str
    since: Since | UnsetType = UNSET


class Unsubscribe(Wire, frozen=True, tag_field="type", tag="unsubscribe"):
    url_id: str


class Typing(Wire, frozen=True, tag_field="type", tag="typing"):
    url_id: str
    chat_id: str


class Read(Wire, frozen=True, tag_field="type", tag="read"):
    url_id: str
    seq: int


class Refresh(Wire, frozen=True, tag_field="type", tag="refresh"):
    token: str


class Ping(Wire, frozen=True, tag_field="type", tag="ping"):
    n: int | UnsetType = UNSET


class Pong(Wire, frozen=True, tag_field="type", tag="pong"):
    n: int


ClientFrame = Subscribe | Unsubscribe | Operation | Read | Typing | Refresh | Ping | Pong


_R = TypeVar("_R", bound=RefusedFrame)


class _Head(msgspec.Struct):
    type: str


class _Named(msgspec.Struct, rename="camel"):
    """What an error is answered about. Raw: the rest of a bad frame is not looked into."""

    broadcast_id: msgspec.Raw = msgspec.Raw()
    url_id: msgspec.Raw = msgspec.Raw()


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


_head = msgspec.json.Decoder(_Head)
_named = msgspec.json.Decoder(_Named)
_string = msgspec.json.Decoder(str)
_hello = msgspec.json.Decoder(Hello)
_frame = msgspec.json.Decoder(ClientFrame)
_operations = {_tag(kind): msgspec.json.Decoder(kind) for kind in OPERATIONS}
_decoders: dict[str, msgspec.json.Decoder[Any]] = _operations | {
    _tag(kind): msgspec.json.Decoder(kind)
    for kind in (Subscribe, Unsubscribe, Read, Typing, Refresh, Ping, Pong)
}


def decode(text: str, *, body_chars: int, anchor_bytes: int, url_id_chars: int) -> ClientFrame:
    """One frame after `hello`.

    Raises `Closed` (4400) for what is no frame, `RefusedFrame` (`unsupported`) for an unknown
    type, `InvalidFrame` (`invalid`, `too-long`) for a bad field.
    """
    try:
        frame: ClientFrame = _frame.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        frame = _decode_by_type(text, url_id_chars)
    try:
        if isinstance(frame, BaseOperation):
            if frame.broadcast_id is UNSET:
                raise Refused("invalid", "broadcastId is missing", field="broadcastId")
            return check_operation(
                frame,
                body_chars=body_chars,
                anchor_bytes=anchor_bytes,
                url_id_chars=url_id_chars,
            )
        _check(frame, url_id_chars)
        return frame
    except Refused as error:
        raise _invalid_frame(text, error, _tag(type(frame)), url_id_chars) from None


def _decode_by_type(text: str, url_id_chars: int) -> ClientFrame:
    """What is wrong with a frame, found out in two steps; raises as `decode` does."""
    kind = _type_of(text)
    decoder = _decoders.get(kind)
    if decoder is None:
        if kind == "hello":
            raise Closed(CloseCode.MALFORMED, "a second hello")
        unknown = RefusedFrame("unsupported", f"unknown frame type {kind[:40]!r}")
        raise _named_in(text, unknown, url_id_chars)
    try:
        return decoder.decode(text)  # type: ignore[no-any-return]  # the table has ClientFrame only
    except msgspec.ValidationError as error:
        raise _invalid_frame(text, error, kind, url_id_chars) from None


def decode_hello(text: str) -> Hello:
    """The first frame. Raises `Closed` (4400) for anything but a valid `hello`."""
    if _type_of(text) != "hello":
        raise Closed(CloseCode.MALFORMED, "the first frame must be hello")
    try:
        hello = _hello.decode(text)
    except msgspec.ValidationError:
        raise Closed(CloseCode.MALFORMED, "hello has a bad field") from None
    if hello.tenant_id is not UNSET and not is_tenant_id(hello.tenant_id):
        raise Closed(CloseCode.MALFORMED, "hello.tenantId is not valid")
    visitor = hello.visitor_id
    if visitor is not UNSET and not (0 < len(visitor) <= 64 and not has_control(visitor)):
        raise Closed(CloseCode.MALFORMED, "hello.visitorId is not valid")
    if any(value is not UNSET and "\0" in value for value in (hello.token, hello.client)):
        raise Closed(CloseCode.MALFORMED, "hello has a bad field")
    return hello


def decode_operation(
    data: bytes | Mapping[str, object], *, body_chars: int, anchor_bytes: int, url_id_chars: int
) -> Operation:
    """An operation from an HTTP body or from the host's own program.

    Raises `Refused`: `invalid` where it is no JSON object or has a bad field, `unsupported`, …
    """
    try:
        encoded = data if isinstance(data, bytes) else msgspec.json.encode(data)
        text = encoded.decode()
        kind = _type_of(text)
    except (Closed, ValueError, TypeError, RecursionError, msgspec.MsgspecError):
        raise Refused("invalid", "the operation must be one JSON object with a type") from None
    decoder = _operations.get(kind)
    if decoder is None:
        raise Refused("unsupported", f"unknown operation {kind[:40]!r}", field="type")
    try:
        return check_operation(
            decoder.decode(text),
            body_chars=body_chars,
            anchor_bytes=anchor_bytes,
            url_id_chars=url_id_chars,
        )
    except (msgspec.ValidationError, Refused) as error:
        raise _invalid(text, error, url_id_chars) from None


def _type_of(text: str) -> str:
    try:
        return _head.decode(text).type
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        # The text of these errors depends on the library: what the client is told does not.
        raise Closed(CloseCode.MALFORMED, "not one JSON object with a type") from None


def _check(frame: ClientFrame, url_id_chars: int) -> None:
    match frame:
        case Subscribe(since=since):
            check_url_id(frame.url_id, url_id_chars)
            if since is not UNSET:
                check_text(since.epoch, "since.epoch", 64)
                check_integer(since.seq, "since.seq", minimum=0)
        case Unsubscribe():
            check_url_id(frame.url_id, url_id_chars)
        case Read(seq=seq):
            check_url_id(frame.url_id, url_id_chars)
            check_integer(seq, "seq", minimum=0)
        case Typing():
            check_url_id(frame.url_id, url_id_chars)
            check_text(frame.chat_id, "chatId", 64)
        case Refresh():
            check_text(frame.token, "token", MAX_INTEGER)
        case Ping(n=n) | Pong(n=n):
            if n is not UNSET:
                check_integer(n, "n", minimum=-MAX_INTEGER)


def _invalid_frame(text: str, error: Exception, kind: str, url_id_chars: int) -> InvalidFrame:
    invalid = _invalid(text, error, url_id_chars)
    invalid.kind = kind
    return invalid


_MISSING = re.compile(r"Object missing required field `([^`]*)`")


def _invalid(text: str, error: Exception, url_id_chars: int) -> InvalidFrame:
    if isinstance(error, Refused):
        invalid = InvalidFrame(error.code, error.message, field=error.field)
    else:
        # msgspec has no structured path; where its wording changes, only `field` is poorer.
        # The path stands last: before it the client's own text may be quoted.
        _, found, path = str(error).rpartition(" - at `$")
        missing = _MISSING.match(str(error))
        parts = [path[:-1].lstrip(".") if found else "", missing.group(1) if missing else ""]
        field = ".".join(part for part in parts if part) or None
        what = "is missing" if missing else "has the wrong type"
        invalid = InvalidFrame("invalid", f"{field or 'a field'} {what}", field=field)
    return _named_in(text, invalid, url_id_chars)


def _named_in(text: str, refused: _R, url_id_chars: int) -> _R:
    """Add what the frame names, where that can be read."""
    try:
        named = _named.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return refused
    refused.broadcast_id = _name(named.broadcast_id)
    refused.url_id = _name(named.url_id, max(LONGEST_NAME, url_id_chars))
    return refused


def _name(raw: msgspec.Raw, longest: int = LONGEST_NAME) -> str | None:
    try:
        value = _string.decode(raw)
    except msgspec.MsgspecError:
        return None
    return value if 0 < len(value) <= longest and not has_control(value) else None


_encode = msgspec.json.Encoder().encode


def encode(frame: object) -> str:
    """Any frame that is made of dicts, lists and `Wire` structs, as text."""
    return _encode(frame).decode()


@lru_cache(1_000)
def _where(url_id: str, epoch: str) -> str:
    """What all frames about a page begin with."""
    return f'"urlId":{encode(url_id)},"epoch":{encode(epoch)}'


encode_event: Callable[[Event], bytes] = _encode
"""An event as it stands in an `events` frame."""


def encode_events(url_id: str, epoch: str, first: int, last: int, events: Iterable[Event]) -> bytes:
    """An `events` frame, as UTF-8."""
    return events_frame(url_id, epoch, first, last, map(_encode, events))


def events_frame(url_id: str, epoch: str, first: int, last: int, encoded: Iterable[bytes]) -> bytes:
    """The same, of events that are encoded."""
    body = b",".join(encoded)
    where = _where(url_id, epoch)
    head = f'{{"type":"events",{where},"first":{first},"last":{last},"events":['
    return head.encode() + body + b"]}"


def encode_ack(
    broadcast_id: str,
    url_id: str,
    position: Position,
    ts: int,
    chat_id: str | None,
    comment_id: str | None,
) -> str:
    """An `ack`. Written out, for there is one for each operation; ids are UUIDs, with nothing in
    them that JSON would write in another way."""
    epoch, seq = position
    chat = "" if chat_id is None else f',"chatId":"{chat_id}"'
    comment = "" if comment_id is None else f',"commentId":"{comment_id}"'
    where = _where(url_id, epoch)
    head = f'{{"type":"ack","broadcastId":"{broadcast_id}",{where}'
    return f'{head},"seq":{seq},"ts":{ts}{chat}{comment}}}'


def encode_snapshot(
    url_id: str, position: Position, chats: Iterable[Chat], frame_bytes: int
) -> list[bytes]:
    """`snapshot` frames of about `frame_bytes` each, as UTF-8; the last one says so."""
    frames: list[bytes] = []
    head = b'{"type":"snapshot","urlId":%b,"epoch":%b,"seq":%d,"chats":[' % (
        _encode(url_id),
        _encode(position.epoch),
        position.seq,
    )
    part: list[bytes] = []
    size = 0
    for chat in chats:
        encoded = _encode(chat)
        if part and size + len(encoded) > frame_bytes:
            frames.append(head + b",".join(part) + b'],"last":false}')
            part, size = [], 0
        part.append(encoded)
        size += len(encoded)
    frames.append(head + b",".join(part) + b'],"last":true}')
    return frames


def encode_page(position: Position, chats: Sequence[Chat]) -> bytes:
    """The answer to `GET v1/chats`."""
    return _encode({"epoch": position.epoch, "seq": position.seq, "chats": chats})


def error_frame(
    refusal: Refused, *, broadcast_id: str | None = None, url_id: str | None = None
) -> dict[str, object]:
    frame: dict[str, object] = {"type": "error", **error_fields(refusal)}
    if broadcast_id is not None:
        frame["broadcastId"] = broadcast_id
    if url_id is not None:
        frame["urlId"] = url_id
    return frame


def error_fields(refusal: Refused) -> dict[str, object]:
    """The error object that frames and HTTP answers share."""
    fields: dict[str, object] = {
        "code": refusal.code,
        "message": refusal.message,
        "retry": refusal.retry,
    }
    if refusal.retry_after_ms is not None:
        fields["retryAfterMs"] = refusal.retry_after_ms
    if refusal.field is not None:
        fields["field"] = refusal.field
    return fields


def presence_frame(
    url_id: str,
    users: int,
    connections: int,
    joined: Sequence[User] = (),
    left: Sequence[str] = (),
) -> str:
    frame: dict[str, object] = {
        "type": "presence",
        "urlId": url_id,
        "users": users,
        "connections": connections,
    }
    if joined:
        frame["joined"] = joined
    if left:
        frame["left"] = left
    return encode(frame)
