"""Sections C and F of the list: names, texts, logs, and other people's tenants."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing import operations as op
from tests.blackbox.conftest import Site
from tests.blackbox.test_usage import billed

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]

HOSTILE_NAMES = [
    "a:b", "*", "[a-z]", "{x}", "page' OR 1=1 --", '"; DROP TABLE collabchat_page; --', "%",
    "..", "/etc/passwd", "page\\x", "ﬁ", "fi", "PAGE", "page ", " page", "😀" * 128, "\u202epage",
    "\u2028", "__proto__", "constructor",
]  # fmt: skip


async def test_row_27_hostile_names_never_meet(site: Site) -> None:
    """Each name is a page of its own, whatever it means to a broker, a shell or a database."""
    ann = await site.connect()
    for number, name in enumerate(HOSTILE_NAMES):
        await ann.subscribe(name + site.mark)
        if number < 15:
            await ann.do(op.create_chat(f"on {number}"), name + site.mark)
    for number, name in enumerate(HOSTILE_NAMES):
        chats = (await site.http().chats(name + site.mark))["chats"]
        bodies = [chat["comments"][0]["body"] for chat in chats]
        assert bodies == ([f"on {number}"] if number < 15 else [])


@pytest.mark.parametrize("url_id", ["", "a\nb", "a\x00b", "a\x7f", "x" * 513, "\x85"])
async def test_row_27_names_that_are_none(site: Site, url_id: str, neighbour: SocketClient) -> None:
    ann = await site.connect()
    await ann.send({"type": "subscribe", "urlId": url_id, "n": 1})
    error = await ann.expect("error")
    assert (error["code"], error["field"]) in [("invalid", "urlId"), ("too-long", "urlId")]


async def test_row_25_a_position_of_another_tenant_recovers_nothing(site: Site) -> None:
    ann = await site.join()
    for _ in range(3):
        await ann.do(op.create_chat())
    there = ann.pages[site.page]
    eve = await site.connect("eve", tenant="beta")
    await eve.send(
        {
            "type": "subscribe",
            "urlId": site.page,
            "since": {"epoch": there.epoch, "seq": there.seq},
        }
    )
    subscribed = await eve.expect("subscribed")
    assert (subscribed["recovered"], subscribed["seq"]) == (False, 0)
    assert (await eve.expect("snapshot"))["chats"] == []


async def test_row_26_what_a_client_claims_is_not_believed(site: Site) -> None:
    ann = await site.join()
    create = op.create_chat() | {
        "author": "eve",
        "tenantId": "beta",
        "user": {"id": "eve"},
        "ts": 1,
    }
    await ann.do(create)
    event = await ann.expect_event("new-text-chat")
    assert event["user"]["id"] == site.user("ann")
    assert event["ts"] > 1


async def test_row_30_a_bill_has_nothing_of_another_tenant(
    site: Site, neighbour: SocketClient
) -> None:
    mine, theirs = f"mine-{site.mark}", f"theirs-{site.mark}"
    ann, eve = await site.join(tenant=mine), await site.join("eve", tenant=theirs)
    for _ in range(4):
        await eve.do(op.create_chat())
    await ann.do(op.create_chat())
    await ann.expect_event(seq=1)
    await asyncio.gather(ann.close(), eve.close())
    await billed(
        replace(site, tenant=mine), operationCount=1, chatCreateCount=1, eventDeliveryCount=1
    )
    await billed(replace(site, tenant=theirs), operationCount=4, chatCreateCount=4)


async def test_row_40_a_hundred_times_at_once_is_once(
    site: Site, peer: str, neighbour: SocketClient
) -> None:
    """Over two processes. Who is told to slow down tries again, as clients do."""
    create = op.create_chat()
    tabs = [await site.join(url=(site.url, peer)[n % 2], deadline=20.0) for n in range(10)]

    async def ten_times(tab: SocketClient) -> list[Json]:
        acks: list[Json] = []
        while len(acks) < 10:
            answer = await tab.ask(create)
            if answer["type"] == "ack":
                acks.append(answer)
            else:
                assert answer["retry"], answer
                await asyncio.sleep(answer["retryAfterMs"] / 1000)  # as the server asks
        return acks

    acks = [ack for some in await asyncio.gather(*map(ten_times, tabs)) for ack in some]
    assert len(acks) == 100
    assert all(ack == acks[0] for ack in acks)
    chats = (await site.http().chats(site.page))["chats"]
    assert [chat["id"] for chat in chats] == [create["chat"]["id"]]


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE collabchat_entry; --",
        '" OR ""="',
        "${jndi:ldap://x}",
        "{{7*7}}",
        "\r\nPUBLISH x y",
        "<script>alert(1)</script>",
        "a" + "\u0301" * 1_900,
        "\u202eevil\u2066",
        "😀" * 2_000,
    ],
    ids=range(9),
)
async def test_row_59_every_text_is_stored_as_it_is(site: Site, text: str) -> None:
    ann = await site.join()
    ack = await ann.do(op.create_chat(text))
    chats = (await site.http().chats(site.page))["chats"]
    assert chats[0]["comments"][0]["body"] == text.strip()
    assert ack["seq"] == 1


async def test_rows_56_and_57_logs_hold_no_secret_and_one_line_per_event(tmp_path: Path) -> None:
    """Planted in every place that a client can reach, and looked for in everything written."""
    planted = {
        name: f"{name}-{number}-planted"
        for number, name in enumerate(["token", "cookie", "header", "body", "query", "quote"])
    }
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db"}
    with ServerProcess("tests.blackbox.app:app", env=env, directory=ROOT) as server:
        headers = {"Cookie": f"x={planted['cookie']}", "X-Secret": planted["header"]}
        ann = await SocketClient.join(
            server.url, "page\u2028\u202e", token="ann@acme:commenter", headers=headers
        )
        await ann.do(op.create_chat(planted["body"]))
        await ann.send_raw(json.dumps({"type": "comment", "body": planted["quote"]}))
        await ann.expect("error", code="unsupported")
        await ann.send_raw('{"type":"subscribe","urlId":"\\r\\n' + planted["query"] + '"}')
        await ann.expect("error", code="invalid")
        denied = await SocketClient.open(server.url)
        await denied.send({"type": "hello", "token": planted["token"]})
        await denied.ended()
        await asyncio.gather(ann.close(), denied.close())
        log = server.log
    for name, secret in planted.items():
        assert secret not in log, f"{name} stands in the log"
    assert all(ord(char) >= 32 or char == "\n" for char in log)
