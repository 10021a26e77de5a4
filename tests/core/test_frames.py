from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from collabchat_asgi.core.frames import (
    ClientFrame,
    Hello,
    Ping,
    Pong,
    Read,
    Refresh,
    Since,
    Subscribe,
    Typing,
    Unsubscribe,
    decode,
    decode_hello,
    decode_operation,
    encode,
    encode_ack,
    encode_events,
    encode_page,
    encode_snapshot,
    error_fields,
    error_frame,
    presence_frame,
)
from collabchat_asgi.core.model import (
    Anchor,
    Chat,
    CreateChat,
    Event,
    EventChat,
    EventComment,
    NewTextChat,
    Position,
    ResolveChat,
    TextPositionSelector,
    TextQuoteSelector,
    User,
)
from collabchat_asgi.errors import CloseCode, Closed, InvalidFrame, Refused

from .histories import ANN, EPOCH, Page, Tape, catches, many, tapes, uid

LIMITS = {"body_chars": 2_000, "anchor_bytes": 900, "url_id_chars": 512}
CODES = {"invalid", "too-long", "unsupported"}

Json = dict[str, Any]

ANCHOR: Json = {
    "selector": [
        {"type": "TextQuoteSelector", "exact": "fox", "prefix": "quick ", "suffix": " jumps"},
        {"type": "TextPositionSelector", "start": 3, "end": 6},
    ],
    "length": 100,
    "scope": "#article",
}
RANGED: Json = {
    "selector": [
        {
            "type": "RangeSelector",
            "startSelector": {"type": "TextQuoteSelector", "exact": "a"},
            "endSelector": {"type": "TextQuoteSelector", "exact": "b"},
        }
    ],
    "length": 100,
}


def op(type: str, **fields: object) -> Json:
    return {"type": type, "urlId": "/a", "broadcastId": uid(1), **fields}


CHAT, COMMENT = {"chatId": uid(2)}, {"commentId": uid(3)}
OPERATIONS: list[Json] = [
    op(
        "create-chat", chat={"id": uid(2), "anchor": ANCHOR, "comment": {"id": uid(3), "body": "x"}}
    ),
    op("create-chat", chat={"anchor": RANGED, "comment": {"body": "x"}}),
    op("add-comment", **CHAT, comment={"id": uid(3), "body": "x"}),
    op("edit-comment", **CHAT, comment={"id": uid(3), "body": "x"}),
    op("delete-comment", **CHAT, **COMMENT),
    op("resolve-chat", **CHAT),
    op("reopen-chat", **CHAT),
    op("move-anchor", **CHAT, anchor=ANCHOR),
    op("delete-chat", **CHAT),
    op("add-reaction", **CHAT, **COMMENT, emoji="👍"),
    op("remove-reaction", **CHAT, **COMMENT, emoji="👍"),
]
VALID: list[Json] = [
    *OPERATIONS,
    {"type": "subscribe", "urlId": "/a", "since": {"epoch": "e", "seq": 5}},
    {"type": "unsubscribe", "urlId": "/a"},
    {"type": "typing", "urlId": "/a", "chatId": uid(2)},
    {"type": "read", "urlId": "/a", "seq": 0},
    {"type": "refresh", "token": "t"},
    {"type": "ping", "n": 5},
    {"type": "pong", "n": 5},
]


def read(frame: Json | str) -> ClientFrame:
    text = frame if isinstance(frame, str) else json.dumps(frame, ensure_ascii=False)
    return decode(text, **LIMITS)


def invalid(frame: Json | str) -> InvalidFrame:
    try:
        read(frame)
    except InvalidFrame as error:
        return error
    raise AssertionError("not refused")


def closes(text: str) -> None:
    with pytest.raises(Closed) as caught:
        read(text)
    check_closed(caught.value)


def check_closed(error: Closed) -> None:
    assert error.code == CloseCode.MALFORMED == 4400
    assert len(error.reason) <= 60
    assert error.reason.isascii()


# What is taken.


@pytest.mark.parametrize("frame", VALID, ids=lambda frame: frame["type"])
def test_every_frame_of_the_protocol_is_taken_and_comes_back(frame: Json) -> None:
    assert json.loads(encode(read(frame))) == frame


def test_frames_mean_what_they_say() -> None:
    assert read(VALID[-7]) == Subscribe("/a", Since("e", 5))
    assert read({"type": "subscribe", "urlId": "/a"}) == Subscribe("/a")
    assert read(VALID[-6]) == Unsubscribe("/a")
    assert read(VALID[-5]) == Typing("/a", uid(2))
    assert read(VALID[-4]) == Read("/a", 0)
    assert read(VALID[-3]) == Refresh("t")
    assert read({"type": "ping"}) == Ping()
    assert read(VALID[-1]) == Pong(5)
    expected = ResolveChat(url_id="/a", broadcast_id=uid(1), chat_id=uid(2))
    assert read(op("resolve-chat", **CHAT)) == expected


@pytest.mark.parametrize("n", [0, -1, 2**53 - 1, 2**53, -(2**53)])
def test_integers_as_far_as_javascript_counts(n: int) -> None:
    assert read({"type": "pong", "n": n}) == Pong(n)


def test_bodies_are_trimmed_and_count_code_points() -> None:
    taken = read(op("add-comment", **CHAT, comment={"body": " \u2003" + "👋" * 2_000 + "\n"}))
    assert taken.comment.body == "👋" * 2_000  # type: ignore[union-attr]


def test_unknown_keys_are_dropped_everywhere() -> None:
    for frame in VALID:
        more = with_unknown_keys(frame)
        assert read(more) == read(frame)
        assert "zz" not in encode(read(more))


def with_unknown_keys(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: with_unknown_keys(each) for key, each in value.items()}
        return {"zz": {"zz": [1]}, **inner, "__proto__": {"zz": 1}, "constructor": None}
    return [with_unknown_keys(each) for each in value] if isinstance(value, list) else value


# What is refused, and by which name.

LONG = "x" * 3_000
REFUSED: list[tuple[Json, str, str]] = [
    ({"type": "subscribe"}, "invalid", "urlId"),
    ({"type": "subscribe", "urlId": 5}, "invalid", "urlId"),
    ({"type": "subscribe", "urlId": ""}, "invalid", "urlId"),
    ({"type": "subscribe", "urlId": "a\0b"}, "invalid", "urlId"),
    ({"type": "subscribe", "urlId": "a\u0085b"}, "invalid", "urlId"),
    ({"type": "subscribe", "urlId": "x" * 513}, "too-long", "urlId"),
    ({"type": "subscribe", "urlId": "a", "since": None}, "invalid", "since"),
    ({"type": "subscribe", "urlId": "a", "since": {"epoch": "e"}}, "invalid", "since.seq"),
    (
        {"type": "subscribe", "urlId": "a", "since": {"epoch": 1, "seq": 1}},
        "invalid",
        "since.epoch",
    ),
    (
        {"type": "subscribe", "urlId": "a", "since": {"epoch": "e", "seq": -1}},
        "invalid",
        "since.seq",
    ),
    (
        {"type": "subscribe", "urlId": "a", "since": {"epoch": "e", "seq": 2**53 + 1}},
        "invalid",
        "since.seq",
    ),
    (
        {"type": "subscribe", "urlId": "a", "since": {"epoch": "e", "seq": 1.5}},
        "invalid",
        "since.seq",
    ),
    (
        {"type": "subscribe", "urlId": "a", "since": {"epoch": LONG, "seq": 1}},
        "too-long",
        "since.epoch",
    ),
    ({"type": "unsubscribe"}, "invalid", "urlId"),
    ({"type": "read", "urlId": "a"}, "invalid", "seq"),
    ({"type": "read", "urlId": "a", "seq": -1}, "invalid", "seq"),
    ({"type": "read", "urlId": "a", "seq": 1.5}, "invalid", "seq"),
    ({"type": "read", "urlId": "a", "seq": 2**53 + 1}, "invalid", "seq"),
    ({"type": "read", "seq": 1}, "invalid", "urlId"),
    ({"type": "typing", "urlId": "a"}, "invalid", "chatId"),
    ({"type": "typing", "urlId": "a", "chatId": "\0"}, "invalid", "chatId"),
    ({"type": "typing", "urlId": "a", "chatId": LONG}, "too-long", "chatId"),
    ({"type": "refresh"}, "invalid", "token"),
    ({"type": "refresh", "token": "a\0"}, "invalid", "token"),
    ({"type": "ping", "n": "1"}, "invalid", "n"),
    ({"type": "ping", "n": None}, "invalid", "n"),
    ({"type": "ping", "n": True}, "invalid", "n"),
    ({"type": "ping", "n": 1.5}, "invalid", "n"),
    ({"type": "ping", "n": 2**53 + 1}, "invalid", "n"),
    ({"type": "ping", "n": -(2**53) - 1}, "invalid", "n"),
    ({"type": "ping", "n": 2**64}, "invalid", "n"),
    ({"type": "pong"}, "invalid", "n"),
]


def changed(frame: Json, path: str, value: object) -> Json:
    """A copy with another value at a path like `chat.anchor.selector[0].exact`; ... deletes."""
    copy = deepcopy(frame)
    steps: list[Any] = [
        int(step) if step.isdigit() else step
        for step in path.replace("[", ".").replace("]", "").split(".")
    ]
    place: Any = copy
    for step in steps[:-1]:
        place = place[step]
    if value is ...:
        del place[steps[-1]]
    else:
        place[steps[-1]] = value
    return copy


def one_of_each(kind: str) -> Json:
    return next(frame for frame in VALID if frame["type"] == kind)


BAD: list[tuple[str, str, object, str]] = [
    ("resolve-chat", "broadcastId", ..., "invalid"),
    ("resolve-chat", "broadcastId", "no-uuid", "invalid"),
    ("resolve-chat", "broadcastId", uid(0xABC).upper(), "invalid"),
    ("resolve-chat", "broadcastId", 7, "invalid"),
    ("resolve-chat", "urlId", ..., "invalid"),
    ("resolve-chat", "urlId", "a\nb", "invalid"),
    ("resolve-chat", "urlId", "x" * 513, "too-long"),
    ("resolve-chat", "chatId", ..., "invalid"),
    ("resolve-chat", "chatId", "", "invalid"),
    ("reopen-chat", "chatId", "\0", "invalid"),
    ("delete-chat", "chatId", [], "invalid"),
    ("delete-comment", "commentId", ..., "invalid"),
    ("delete-comment", "commentId", "x", "invalid"),
    ("create-chat", "chat", ..., "invalid"),
    ("create-chat", "chat", [], "invalid"),
    ("create-chat", "chat.id", "x", "invalid"),
    ("create-chat", "chat.id", None, "invalid"),
    ("create-chat", "chat.comment", ..., "invalid"),
    ("create-chat", "chat.comment.id", "x", "invalid"),
    ("create-chat", "chat.comment.body", ..., "invalid"),
    ("create-chat", "chat.comment.body", "", "invalid"),
    ("create-chat", "chat.comment.body", " \u3000\n", "invalid"),
    ("create-chat", "chat.comment.body", "a\0b", "invalid"),
    ("create-chat", "chat.comment.body", "x" * 2_001, "too-long"),
    ("create-chat", "chat.anchor", ..., "invalid"),
    ("create-chat", "chat.anchor.length", ..., "invalid"),
    ("create-chat", "chat.anchor.length", -1, "invalid"),
    ("create-chat", "chat.anchor.length", 2**53 + 1, "invalid"),
    ("create-chat", "chat.anchor.length", 2**64, "invalid"),
    ("create-chat", "chat.anchor.length", 1.5, "invalid"),
    ("create-chat", "chat.anchor.scope", "a\0", "invalid"),
    ("create-chat", "chat.anchor.selector", ANCHOR["selector"] * 5, "invalid"),
    ("create-chat", "chat.anchor.selector[0].exact", "", "invalid"),
    ("create-chat", "chat.anchor.selector[0].exact", "a\0", "invalid"),
    ("create-chat", "chat.anchor.selector[0].prefix", 5, "invalid"),
    ("create-chat", "chat.anchor.selector[0].suffix", "\0", "invalid"),
    ("create-chat", "chat.anchor.selector[0].type", "XPathSelector", "invalid"),
    ("create-chat", "chat.anchor.selector[0].type", ..., "invalid"),
    ("create-chat", "chat.anchor.selector[1].start", -1, "invalid"),
    ("create-chat", "chat.anchor.selector[1].end", 2, "invalid"),
    ("create-chat", "chat.anchor.selector[1].end", 2**53 + 1, "invalid"),
    ("move-anchor", "anchor", ..., "invalid"),
    ("move-anchor", "anchor.length", "1", "invalid"),
    ("move-anchor", "anchor.selector[1].start", "3", "invalid"),
    ("add-comment", "comment", "x", "invalid"),
    ("add-comment", "comment.body", "x" * 2_001, "too-long"),
    ("add-comment", "comment.id", 5, "invalid"),
    ("edit-comment", "comment.id", ..., "invalid"),
    ("edit-comment", "comment.id", "x", "invalid"),
    ("edit-comment", "comment.body", "", "invalid"),
    ("add-reaction", "emoji", ..., "invalid"),
    ("add-reaction", "emoji", "a", "invalid"),
    ("add-reaction", "emoji", "👍👍", "invalid"),
    ("remove-reaction", "emoji", "", "invalid"),
    ("remove-reaction", "commentId", "x", "invalid"),
]
REFUSED += [(changed(one_of_each(kind), path, bad), code, path) for kind, path, bad, code in BAD]


@pytest.mark.parametrize(("frame", "code", "field"), REFUSED)
def test_a_bad_field_is_named(frame: Json, code: str, field: str) -> None:
    error = invalid(frame)
    assert (error.code, error.field, error.retry) == (code, field, False)


def test_an_anchor_is_at_most_900_bytes_of_json() -> None:
    quote = "chat.anchor.selector[0].exact"
    frame = one_of_each("create-chat")
    size = len(encode(read(frame).chat.anchor).encode())  # type: ignore[union-attr]
    room = 900 - size
    read(changed(frame, quote, "fox" + "x" * room))
    error = invalid(changed(frame, quote, "fox" + "x" * (room + 1)))
    assert (error.code, error.field) == ("too-long", "chat.anchor")
    assert invalid(changed(frame, quote, "fox" + "Я" * room)).code == "too-long"


def test_an_anchors_range_is_looked_into() -> None:
    frame = changed(one_of_each("move-anchor"), "anchor", RANGED)
    path = "anchor.selector[0].endSelector.exact"
    error = invalid(changed(frame, path, ""))
    assert error.field == path


def test_an_unknown_type_is_unsupported() -> None:
    for kind in ("", "nope", "welcome", "create_chat", "x" * 60_000, "\0", "__proto__"):
        with pytest.raises(Refused) as caught:
            read({"type": kind})
        assert caught.value.code == "unsupported"
        assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[]",
        "null",
        '"ping"',
        "{}",
        '{"n":1}',
        '{"type":null}',
        '{"type":5}',
        '{"type":["ping"]}',
        '{"type":"hello"}',
        '{"type":"ping"}{"type":"ping"}',
        '{"type":"ping"} x',
        '{"type":"ping",}',
        "{'type':'ping'}",
        '{"type":"ping","n":NaN}',
        '{"type":"ping","n":Infinity}',
        '{"type":"ping","n":01}',
        '{"type":"ping","x":"\n"}',
        '\ufeff{"type":"ping"}',
        '{"type":"ping","x":"\\ud800"}',
        '{"type":"ping","n":"bad","x":"\\udfff"}',
        '{"type":"refresh","token":"\\ud83d"}',
        '{"type":"refresh","token":"\\ude00\\ud83d"}',
        '{"type":"\ud800"}',
        '{"type":"ping","x":' + "[" * 100_000,
        '{"type":"ping","x":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"type":"ping","n":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
        "[" * 100_000,
    ],
)
def test_what_is_no_frame_closes(text: str) -> None:
    closes(text)


def test_a_surrogate_pair_is_a_character() -> None:
    assert read('{"type":"refresh","token":"\\ud83d\\ude00"}') == Refresh("😀")


def test_numbers_that_python_cannot_read_are_bad_fields() -> None:
    for number in ("1e400", "9" * 5_000, "-" + "9" * 60_000, "1e999999999"):
        error = invalid(f'{{"type":"ping","n":"bad","x":{number}}}')
        assert error.field == "n"
        assert invalid(f'{{"type":"pong","n":{number}}}').field == "n"
    assert read('{"type":"ping","x":%s}' % ("9" * 5_000)) == Ping()


def test_nesting_is_answered_at_every_depth() -> None:
    """There is no depth at which one step of decoding can and the next one cannot."""
    for depth in range(700, 1_010):
        for broken in ('"n":5', '"n":"bad"'):
            nested = "[" * depth + "]" * depth
            check_any_text(f'{{"type":"ping",{broken},"x":{nested}}}')
            check_any_text(f'{{"type":"resolve-chat","urlId":{nested}}}')


def test_of_a_repeated_key_the_last_counts_and_a_type_is_never_two() -> None:
    assert read('{"type":"ping","n":1,"n":2}') == Ping(2)
    assert invalid('{"type":"ping","type":"pong","n":1}').field == "type"


def test_an_error_carries_what_it_belongs_to() -> None:
    error = invalid(op("resolve-chat", chatId=5))
    assert (error.broadcast_id, error.url_id) == (uid(1), "/a")
    frame = error_frame(error, broadcast_id=error.broadcast_id, url_id=error.url_id)
    assert frame == {
        "type": "error",
        "code": "invalid",
        "message": "chatId has the wrong type",
        "retry": False,
        "field": "chatId",
        "broadcastId": uid(1),
        "urlId": "/a",
    }


def test_an_error_carries_the_longest_page_id_that_is_allowed() -> None:
    """Or else nobody knew which page a bad `subscribe` unsubscribes."""
    longest = "x" * 1_000
    frame = json.dumps({"type": "subscribe", "urlId": longest, "since": 5})
    with pytest.raises(InvalidFrame) as told:
        decode(frame, **LIMITS | {"url_id_chars": 1_000})
    assert told.value.url_id == longest


@pytest.mark.parametrize("bad", [5, None, [], {}, "", "a\0b", "x" * 513, "\x85"])
def test_an_error_carries_nothing_unreadable(bad: object) -> None:
    error = invalid({"type": "resolve-chat", "broadcastId": bad, "urlId": bad, "chatId": 5})
    assert (error.broadcast_id, error.url_id) == (None, None)


def test_a_clients_words_are_not_taken_for_a_path() -> None:
    kind = "X' - at `$.evil`"
    path = "chat.anchor.selector[0].type"
    assert invalid(changed(one_of_each("create-chat"), path, kind)).field == path
    kind = "Object missing required field `evil`"
    assert invalid(changed(one_of_each("create-chat"), path, kind)).field == path


HEAVY = [
    json.dumps(changed(one_of_each("create-chat"), "chat.anchor.selector[0].type", text))
    for text in (" - at `$" * 7_500 + "\n", "missing required field `" * 2_500, "\n" * 30_000)
] + [
    json.dumps(op("add-comment", **CHAT, comment={"body": " " * 60_000})),
    json.dumps(op("add-reaction", **CHAT, **COMMENT, emoji="👍" + "\u200d" * 10_000)),
    json.dumps({"type": "ping", "n": ["\\" * 30_000]}),
    '{"type":"ping",' + '"n":1,' * 9_000 + '"n":1}',
]


@pytest.mark.parametrize("text", HEAVY)
def test_no_frame_costs_much(text: str) -> None:
    """Each takes under a millisecond; a search that is not linear takes seconds."""
    began = time.process_time()
    check_any_text(text)
    assert time.process_time() - began < 0.5


# Anything at all.


def known_keys() -> set[str]:
    keys: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            keys.update(value)
            list(map(walk, value.values()))
        elif isinstance(value, list):
            list(map(walk, value))

    walk(VALID)
    return keys


KNOWN = known_keys()


def check_any_text(text: str, decode: Callable[..., Any] = decode) -> None:
    """A frame, a refusal or a close; and what is taken says nothing but the protocol's words."""
    frame = attempt(text, decode)
    if isinstance(frame, Closed):
        check_closed(frame)
        return
    if isinstance(frame, Refused):
        assert frame.code in CODES
        assert frame.field is None or (frame.field.isascii() and len(frame.field) < 100)
        assert isinstance(json.loads(encode(error_frame(frame))), dict)
        return
    told = json.loads(encode(frame))
    assert all_keys(told) <= KNOWN
    assert decode(encode(frame), **LIMITS) == frame


def attempt(text: str, decode: Callable[..., Any]) -> Any:
    try:
        return decode(text, **LIMITS)
    except (Refused, Closed) as error:
        return error


def all_keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(all_keys, value.values()))
    return set().union(*map(all_keys, value)) if isinstance(value, list) else set()


@many
@given(st.text() | st.text(alphabet='{}[]":,\\u0 dtypeing1.-\ud800'))
def test_any_text(text: str) -> None:
    check_any_text(text)


HOSTILE: tuple[object, ...] = (
    None, True, 0, -1, 1.0, 1.5, 1e300, 2**53, 2**53 + 1, 2**64, "", "\0", " ", LONG, uid(9),
    "\ud800", "\ufeff", [], {}, [[]], {"type": "ping"}, [[[[[[1]]]]]], "__proto__", ...,
)  # fmt: skip


def any_value(tape: Tape, depth: int = 0) -> Any:
    match tape.below(8 if depth < 4 else 5):
        case 0 | 1 | 2:
            value = deepcopy(tape.one(HOSTILE))
            return value if value is not ... else "TextQuoteSelector"
        case 3:
            return tape.one(ANY_KEY)
        case 4:
            return tape.below(256) - 128
        case 5:
            return [any_value(tape, depth + 1) for _ in range(tape.below(3))]
    return {tape.one(ANY_KEY): any_value(tape, depth + 1) for _ in range(tape.below(5))}


ANY_KEY = [*sorted(KNOWN), "__proto__", "zz", ""]


@many
@given(tapes)
def test_any_json_of_a_known_type(data: bytes) -> None:
    tape = Tape(data)
    while tape:
        frame = tape.one(VALID)
        fields = {key: any_value(tape) for key in frame if tape.below(3)}
        check_any_text(json.dumps({**fields, "type": frame["type"]}))


def mutated(tape: Tape) -> str:
    """A valid frame with a few things wrong with it, as text."""
    frame = deepcopy(tape.one(VALID))
    for _ in range(1 + tape.below(3)):
        place: Any = frame
        while True:
            steps = list(place) if isinstance(place, dict) else list(range(len(place)))
            step = tape.one(steps) if steps else None
            inner = place[step] if step is not None else None
            if isinstance(inner, dict | list) and inner and tape.below(4):
                place = inner
                continue
            break
        value = deepcopy(tape.one(HOSTILE))
        if step is None:
            continue
        if value is ...:
            del place[step]
        elif isinstance(place, dict) and tape.below(4) == 0:
            place[tape.one(["zz", "__proto__", "type", "seq"])] = value
        else:
            place[step] = value
    text = json.dumps(frame, ensure_ascii=bool(tape.below(2)))
    at = tape.below(256) * len(text) // 256
    match tape.below(10):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + tape.one('{}[]",:\\\0é\ud8009') + text[at:]
        case 2:
            return text[:at] + text[at + 1 :]
        case 3:
            return text + text
        case 4:
            return text[:-1] + "," + text[1:]
    return text


@settings(many, max_examples=2 * many.max_examples)
@given(tapes)
def test_any_frame_gone_wrong(data: bytes) -> None:
    tape = Tape(data)
    for _ in range(4):
        check_any_text(mutated(tape))


def relays_everything(text: str, **limits: int) -> Any:
    decode(text, **limits)
    return json.loads(text)


def names_the_whole_error(text: str, **limits: int) -> Any:
    try:
        return decode(text, **limits)
    except Refused:
        raise Refused("invalid", text, field=text) from None


def closes_strangely(text: str, **limits: int) -> Any:
    try:
        return decode(text, **limits)
    except Closed as error:
        raise Closed(CloseCode.INTERNAL, text) from error


@pytest.mark.parametrize("mutant", [relays_everything, names_the_whole_error, closes_strangely])
def test_a_wrong_decoder_is_noticed(mutant: Callable[..., Any]) -> None:
    assert catches(lambda data: check_any_text(mutated(Tape(data)), mutant))


def test_mutations_reach_every_outcome() -> None:
    outcomes = set()
    for seed in range(3_000):
        try:
            read(mutated(Tape(seed.to_bytes(2, "big") + bytes(range(seed % 200, 250)))))
            outcomes.add("taken")
        except Refused as error:
            outcomes.add(error.code)
        except Closed:
            outcomes.add("closed")
    assert outcomes >= {"taken", "invalid", "closed"}


# hello


def test_hello() -> None:
    text = '{"type":"hello","tenantId":"acme","token":"t","visitorId":"v","client":"js/1","zz":1}'
    assert decode_hello(text) == Hello("acme", "t", "v", "js/1")
    assert decode_hello('{"type":"hello"}') == Hello()
    assert decode_hello('{"type":"hello","visitorId":"%s"}' % ("v" * 64)).visitor_id == "v" * 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"type":"ping"}',
        '{"type":"hello","tenantId":5}',
        '{"type":"hello","tenantId":""}',
        '{"type":"hello","tenantId":"a b"}',
        '{"type":"hello","tenantId":null}',
        '{"type":"hello","visitorId":""}',
        '{"type":"hello","visitorId":"%s"}' % ("v" * 65),
        '{"type":"hello","visitorId":"a\\u0000"}',
        '{"type":"hello","token":"a\\u0000"}',
        '{"type":"hello","client":"a\\u0000"}',
        '{"type":"hello","client":5,"x":"\\ud800"}',
        '{"type":"hello","token":"\\ud800"}',
        '{"type":"hello","token":1e400}',
        '{"type":"hello","x":' + "[" * 100_000,
    ],
)
def test_a_bad_hello_closes(text: str) -> None:
    with pytest.raises(Closed) as caught:
        decode_hello(text)
    check_closed(caught.value)


# Operations that come by HTTP or from the host.


@pytest.mark.parametrize("frame", OPERATIONS, ids=lambda frame: frame["type"])
def test_an_operation_is_the_same_by_every_way(frame: Json) -> None:
    by_socket = read(frame)
    assert decode_operation(frame, **LIMITS) == by_socket
    assert decode_operation(json.dumps(frame).encode(), **LIMITS) == by_socket


def test_a_broadcast_id_is_needed_on_the_socket_only() -> None:
    frame = changed(one_of_each("resolve-chat"), "broadcastId", ...)
    taken = decode_operation(frame, **LIMITS)
    assert isinstance(taken, ResolveChat)
    assert taken.broadcast_id is UNSET
    assert invalid(frame).field == "broadcastId"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid"),
        (b"[]", "invalid"),
        (b"\xff", "invalid"),
        (b"{}", "invalid"),
        (b'{"type":"resolve-chat","urlId":"\\ud800"}', "invalid"),
        (b'{"type":"resolve-chat"}', "invalid"),
        (b'{"type":"resolve-chat","x":' + b"[" * 100_000, "invalid"),
        (b'{"type":"subscribe","urlId":"a"}', "unsupported"),
        (b'{"type":"hello"}', "unsupported"),
        ({"type": "nope"}, "unsupported"),
        ({}, "invalid"),
        ({1: 2}, "invalid"),
        ({"type": "resolve-chat", "urlId": object()}, "invalid"),
        ({"type": "resolve-chat", "urlId": "\ud800"}, "invalid"),
        ({"type": "resolve-chat", "urlId": float("nan")}, "invalid"),
        ({"type": "resolve-chat", "urlId": 10**400}, "invalid"),
    ],
)
def test_a_bad_operation_is_refused_and_closes_nothing(data: Any, code: str) -> None:
    with pytest.raises(Refused) as caught:
        decode_operation(data, **LIMITS)
    assert caught.value.code == code


def test_an_operation_that_holds_itself_is_refused() -> None:
    loop: Json = {"type": "resolve-chat"}
    loop["loop"] = loop
    with pytest.raises(Refused):
        decode_operation(loop, **LIMITS)


# What goes out.

names = st.text(max_size=30) | st.sampled_from(
    ['"', "\\", "</script>", "\u2028", "\0\n", '"],"x":[']
)


@many
@given(names, names, names, st.integers(0, 2**53))
def test_spliced_frames_are_json_whatever_the_names(
    url: str, epoch: str, name: str, seq: int
) -> None:
    event = new_chat(User(name, name, name), name, seq=seq)
    chat = Chat(name, event.chat.anchor, event.user, 1, 2, 0, ())
    frame = json.loads(encode_events(url, epoch, seq, seq + 1, [event, event]))
    assert (frame["type"], frame["urlId"], frame["epoch"]) == ("events", url, epoch)
    assert (frame["first"], frame["last"], len(frame["events"])) == (seq, seq + 1, 2)
    assert msgspec.json.decode(json.dumps(frame["events"][0]), type=Event) == event
    position = Position(epoch, seq)
    (snapshot,) = map(json.loads, encode_snapshot(url, position, [chat], 1 << 20))
    assert (snapshot["urlId"], snapshot["epoch"], snapshot["last"]) == (url, epoch, True)
    assert snapshot["chats"] == [json.loads(encode(chat))]
    chat_id, comment_id = uid(seq % 1_000), uid(seq % 7)
    ack: Json = {"type": "ack", "broadcastId": uid(3), "urlId": url, "epoch": epoch, "seq": seq}
    ack |= {"ts": 9}
    assert encode_ack(uid(3), url, position, 9, None, None) == encode(ack)
    ack |= {"chatId": chat_id}
    assert encode_ack(uid(3), url, position, 9, chat_id, None) == encode(ack)
    ack |= {"commentId": comment_id}
    assert encode_ack(uid(3), url, position, 9, chat_id, comment_id) == encode(ack)


def new_chat(
    user: User, body: str, anchor: Anchor | None = None, seq: int = 1, ts: int = 1_763_800_000_000
) -> NewTextChat:
    anchor = anchor or Anchor((TextPositionSelector(0, 1),), 1)
    return NewTextChat(
        seq, uid(seq), ts, user, EventChat(uid(2), anchor, EventComment(uid(3), body))
    )


def client_anchor(quote: str, around: str) -> Anchor:
    """As clients make it, on a page of 76,543 characters: prefix and suffix shrink from 64 to 24
    until it is at most 360 bytes."""
    for length in range(64, 23, -1):
        context = (around * 64)[:length]
        anchor = Anchor(
            (
                TextQuoteSelector(quote, context, context),
                TextPositionSelector(12_345, 12_385),
            ),
            76_543,
        )
        if len(encode(anchor).encode()) <= 360:
            return anchor
    return anchor


@pytest.mark.parametrize(
    ("letter", "url", "avatar"),
    [("x", 100, "https://cdn.example.org/".ljust(80, "a")), ("Я", 40, None)],
)
def test_a_new_annotation_is_under_1000_bytes(letter: str, url: int, avatar: str | None) -> None:
    user = User("user-1234567", letter * 20, avatar if avatar else UNSET)
    anchor = client_anchor(letter * 40, letter)
    event = new_chat(user, letter * 80, anchor, seq=12_345)
    frame = encode_events("/" + "u" * (url - 1), "A" * 16, event.seq, event.seq, [event])
    assert len(frame) < 1_000
    asked = {"id": uid(2), "anchor": anchor, "comment": {"id": uid(3), "body": letter * 80}}
    operation = decode_operation(
        {
            "type": "create-chat",
            "urlId": "/" + "u" * (url - 1),
            "broadcastId": uid(1),
            "chat": json.loads(encode(asked)),
        },
        **LIMITS,
    )
    assert isinstance(operation, CreateChat)
    assert len(encode(operation).encode()) < 1_000


def test_events_may_be_none() -> None:
    frame = json.loads(encode_events("/a", "e", 3, 5, []))
    assert frame == {
        "type": "events", "urlId": "/a", "epoch": "e", "first": 3, "last": 5, "events": [],
    }  # fmt: skip


def test_optional_fields_are_left_out() -> None:
    event = json.loads(encode(new_chat(ANN, "x")))
    assert "editedAt" not in event["chat"]["comment"]
    assert "scope" not in event["chat"]["anchor"]
    assert event["type"] == "new-text-chat"
    assert "null" not in encode(new_chat(User("a", "b"), "x"))


@pytest.mark.parametrize("size", [1, 2_000, 10_000, 1 << 20])
def test_a_snapshot_comes_in_frames_of_about_that_size(size: int) -> None:
    state = Page().play(bytes(range(256)) * 2).state
    texts = encode_snapshot("/a", state.position, state.snapshot(), size)
    frames = [json.loads(text) for text in texts]
    told = [chat for frame in frames for chat in frame["chats"]]
    assert told == [json.loads(encode(chat)) for chat in state.snapshot()]
    assert [frame["last"] for frame in frames] == [False] * (len(frames) - 1) + [True]
    for text, frame in zip(texts, frames, strict=True):
        assert (frame["epoch"], frame["seq"]) == (EPOCH, state.position.seq)
        assert len(frame["chats"]) == 1 or len(text) <= size + 200 + len(frame["chats"])


def test_an_empty_page_is_one_frame() -> None:
    (frame,) = map(json.loads, encode_snapshot("/a", Position("", 0), [], 10))
    assert (frame["chats"], frame["last"]) == ([], True)
    assert json.loads(encode_page(Position("", 0), [])) == {"epoch": "", "seq": 0, "chats": []}


def test_error_fields() -> None:
    refusal = Refused("rate-limited", "later", retry=True, retry_after_ms=50)
    assert error_fields(refusal) == {
        "code": "rate-limited", "message": "later", "retry": True, "retryAfterMs": 50,
    }  # fmt: skip


def test_presence_names_people_only_where_asked() -> None:
    assert json.loads(presence_frame("/a", 2, 3)) == {
        "type": "presence", "urlId": "/a", "users": 2, "connections": 3,
    }  # fmt: skip
    frame = json.loads(presence_frame("/a", 2, 3, [ANN], ["boris"]))
    assert [user["id"] for user in frame["joined"]] == ["ann"]
    assert frame["left"] == ["boris"]
