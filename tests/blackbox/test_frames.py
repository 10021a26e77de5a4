"""PROTOCOL section 3: what is a frame, what is a bad one, and what is none at all."""

from __future__ import annotations

import contextlib
import json
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing.operations import add_reaction, anchor, create_chat, new_id

from .conftest import Site
from .servers import shown

pytestmark = pytest.mark.usefixtures("neighbour")

NO_FRAMES = {
    "binary": b'{"type":"ping"}',
    "no JSON": "ping",
    "empty": "",
    "an array": "[]",
    "a number": "1",
    "null": "null",
    "no type": "{}",
    "a type that is no string": '{"type":5}',
    "two objects": '{"type":"ping"}{"type":"ping"}',
    "a lone surrogate": '{"type":"unsubscribe","urlId":"\\ud83d"}',
    "absurd nesting": '{"type":"ping","x":' + "[" * 20_000 + "]" * 20_000 + "}",
}


@pytest.mark.parametrize("frame", NO_FRAMES.values(), ids=NO_FRAMES)
async def test_what_is_no_frame_closes(site: Site, frame: str | bytes) -> None:
    client = await site.join()
    await client.send_raw(frame)
    reason = await client.expect_close(4400)
    assert len(reason.encode("ascii")) <= 60


async def test_a_bye_agrees_with_the_close_behind_it(site: Site) -> None:
    """Whether breaking the protocol is a "planned" end is the server's to say."""
    client = await site.join()
    await client.send_raw("{}")
    reason = await client.expect_close(4400)
    for bye in client.of("bye"):
        assert (bye["code"], bye["reason"] if shown.reasons else "") == (4400, reason)


async def test_an_unknown_type_is_unsupported(site: Site) -> None:
    client = await site.join()
    await client.send({"type": "dance"})
    error = await client.expect("error", code="unsupported")
    assert error["retry"] is False
    await client.ping()


async def test_unknown_keys_are_neither_stored_nor_relayed(site: Site) -> None:
    client = await site.join()
    create = create_chat()
    create["chat"]["comment"]["sneaky"] = create["chat"]["sneaky"] = create["sneaky"] = "sneaky"
    create["chat"]["anchor"]["sneaky"] = "sneaky"
    await client.do(create)
    event = await client.expect_event("new-text-chat")
    page = await site.http().chats(site.page)
    assert "sneaky" not in json.dumps([event, page])


def operation(**changes: Any) -> dict[str, Any]:
    return {"urlId": "p", **create_chat(), **changes}


def comment(body: Any) -> dict[str, Any]:
    return {
        "type": "add-comment",
        "urlId": "p",
        "broadcastId": new_id(),
        "chatId": new_id(),
        "comment": {"id": new_id(), "body": body},
    }


def without(frame: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in frame.items() if key != name}


def chat(**changes: Any) -> dict[str, Any]:
    return operation(chat={**create_chat()["chat"], **changes})


BAD_FIELDS = {
    "no urlId": ({"type": "subscribe"}, "urlId"),
    "urlId of a wrong type": ({"type": "subscribe", "urlId": 5}, "urlId"),
    "urlId null": ({"type": "subscribe", "urlId": None}, "urlId"),
    "urlId empty": ({"type": "subscribe", "urlId": ""}, "urlId"),
    "urlId with a NUL": ({"type": "unsubscribe", "urlId": "a\0b"}, "urlId"),
    "urlId with a C1 control": ({"type": "subscribe", "urlId": "a\x85b"}, "urlId"),
    "since of a wrong type": ({"type": "subscribe", "urlId": "p", "since": 4}, "since"),
    "since.seq negative": (
        {"type": "subscribe", "urlId": "p", "since": {"epoch": "", "seq": -1}},
        "seq",
    ),
    "since.seq beyond 2^53": (
        {"type": "subscribe", "urlId": "p", "since": {"epoch": "", "seq": 2**53 + 1}},
        "seq",
    ),
    "since.seq beyond 2^63": (
        {"type": "subscribe", "urlId": "p", "since": {"epoch": "", "seq": 2**63}},
        "seq",
    ),
    "since.seq a fraction": (
        {"type": "subscribe", "urlId": "p", "since": {"epoch": "", "seq": 1.5}},
        "seq",
    ),
    "pong without n": ({"type": "pong"}, "n"),
    "refresh without a token": ({"type": "refresh"}, "token"),
    "typing without a chat": ({"type": "typing", "urlId": "p"}, "chatId"),
    "no broadcastId": (without(operation(), "broadcastId"), "broadcastId"),
    "a broadcastId that is no UUID": (operation(broadcastId="1"), "broadcastId"),
    "a chat id that is no UUID": (chat(id="x"), "id"),
    "no chat": (without(operation(), "chat"), "chat"),
    "an empty body": (comment(""), "body"),
    "a blank body": (comment(" \u2003\u00a0\n"), "body"),
    "a body with a NUL": (comment("a\0b"), "body"),
    "a body of a wrong type": (comment(["x"]), "body"),
    "an anchor of a wrong type": (chat(anchor=[]), "anchor"),
    "an anchor with a strange length": (chat(anchor=anchor() | {"length": "long"}), "length"),
    "an emoji that is text": (
        {"urlId": "p", **add_reaction(new_id(), new_id(), "ok")},
        "emoji",
    ),
    "two emoji": ({"urlId": "p", **add_reaction(new_id(), new_id(), "👍👍")}, "emoji"),
}


@pytest.mark.parametrize(("frame", "name"), BAD_FIELDS.values(), ids=BAD_FIELDS)
async def test_a_bad_field_is_named(site: Site, frame: dict[str, Any], name: str) -> None:
    client = await site.join()
    await client.send(frame)
    error = await client.expect("error", code="invalid")
    assert error["field"].split(".")[-1] == name
    assert error["retry"] is False
    if frame.get("broadcastId"):
        assert error["broadcastId"] == frame["broadcastId"]
    await client.ping()


TOO_LONG = {
    "urlId": ({"type": "subscribe", "urlId": "u" * 513}, "urlId"),
    "body": (comment("b" * 2_001), "body"),
    "body beyond the BMP": (comment("😀" * 2_001), "body"),
    "anchor": (chat(anchor=anchor("e" * 1_000)), "anchor"),
}


@pytest.mark.parametrize(("frame", "name"), TOO_LONG.values(), ids=TOO_LONG)
async def test_too_long_is_its_own_answer(site: Site, frame: dict[str, Any], name: str) -> None:
    client = await site.join()
    await client.send(frame)
    error = await client.expect("error", code="too-long")
    assert error["field"].split(".")[-1] == name
    await client.ping()


@pytest.mark.parametrize(
    "body",
    ["b" * 2_000, "😀" * 2_000, "  trimmed \u2003", "\u200b", "line\nline", "שלום"],
    ids=["2,000", "2,000 beyond the BMP", "trimmed", "zero width", "lines", "Hebrew"],
)
async def test_every_honest_body_arrives_trimmed(site: Site, body: str) -> None:
    client = await site.join()
    await client.do(create_chat(body))
    event = await client.expect_event("new-text-chat")
    assert event["chat"]["comment"]["body"] == body.strip()


async def test_a_urlid_of_512_characters_is_a_page(site: Site) -> None:
    client = await site.connect()
    page = site.mark + "ü" * 504
    assert (await client.subscribe(page))["seq"] == 0


async def test_twenty_bad_frames_are_borne_and_not_one_more(site: Site) -> None:
    client = await site.join()
    for _ in range(20):
        await client.send({"type": "subscribe"})
        await client.expect("error", code="invalid")
    with contextlib.suppress(ConnectionClosed):
        await client.send({"type": "subscribe"})
    await client.expect_close(4400)


async def test_a_frame_of_64_kib_is_read(site: Site) -> None:
    client = await site.join()
    frame = json.dumps({"type": "ping", "n": 7, "x": ""})
    await client.send_raw(frame[:-2] + "x" * (65_536 - len(frame)) + frame[-2:])
    await client.expect("pong", n=7)


async def test_a_larger_frame_closes(site: Site) -> None:
    client = await site.join()
    await client.send({"type": "ping", "n": 7, "x": "x" * 65_536})
    await client.expect_close(4413)


async def test_bytes_are_counted_and_not_characters(site: Site) -> None:
    client = await site.join()
    await client.send({"type": "ping", "n": 7, "x": "ж" * 33_000})
    await client.expect_close(4413)


async def test_two_hundred_frames_in_ten_seconds_are_too_many(site: Site) -> None:
    client = await site.join()
    with contextlib.suppress(ConnectionClosed):
        for number in range(250):
            await client.send({"type": "unsubscribe", "urlId": f"p{number}"})
    await client.expect_close(4529)
    assert client.received["unsubscribed"] <= 200


# ping and pong


@pytest.mark.parametrize("n", [0, 1, 2**53])
async def test_a_ping_is_answered_with_its_number(site: Site, n: int) -> None:
    assert (await (await site.join()).ping(n))["n"] == n


async def test_a_ping_without_a_number_is_answered(site: Site) -> None:
    client = await site.join()
    await client.send({"type": "ping"})
    await client.expect("pong")


async def test_a_pong_that_nobody_asked_for_is_ignored(site: Site) -> None:
    client = await site.join()
    await client.send({"type": "pong", "n": 12_345})
    await client.ping()


async def test_quiet_is_broken_by_unpredictable_pings(hasty: str) -> None:
    client = await SocketClient.connect(hasty, token="ann@acme:commenter")
    numbers = [(await client.expect("ping"))["n"] for _ in range(3)]
    steps = {after - before for before, after in pairwise(numbers)}
    assert len(steps) == 2, numbers
    await client.close()


async def test_who_says_nothing_for_too_long_is_closed(hasty: str) -> None:
    client = await SocketClient.connect(hasty, token="ann@acme:commenter")
    client.answers_pings = False
    await client.expect_close(4508)


async def test_a_pong_keeps_alive(hasty: str) -> None:
    client = await SocketClient.connect(hasty, token="ann@acme:commenter")
    for _ in range(4):
        await client.expect("ping")
    assert client.close_code is None
    await client.close()
