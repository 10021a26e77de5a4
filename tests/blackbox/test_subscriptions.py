"""PROTOCOL section 3.2: one order, no gap, no repeat, or the whole page instead."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collabchat_asgi.testing import History, SocketClient, check
from collabchat_asgi.testing.operations import add_comment, create_chat

from .conftest import Site

NOWHERE = {"epoch": "", "seq": 0}


async def chats(client: SocketClient, count: int) -> list[dict[str, Any]]:
    """`count` new chats, acked."""
    return [await client.do(create_chat(f"number {number}")) for number in range(1, count + 1)]


# The first subscription


async def test_a_page_without_events_has_no_epoch(site: Site) -> None:
    client = await site.connect()
    await client.send({"type": "subscribe", "urlId": site.page})
    subscribed = await client.expect("subscribed")
    assert subscribed.items() >= {"urlId": site.page, **NOWHERE, "recovered": False}.items()
    snapshot = await client.expect("snapshot")
    assert snapshot.items() >= {"urlId": site.page, **NOWHERE, "chats": [], "last": True}.items()


async def test_the_first_event_brings_the_epoch(site: Site) -> None:
    ann = await site.join()
    ack = await ann.do(create_chat())
    frame = await ann.expect("events", urlId=site.page, first=1, last=1)
    assert ack["seq"] == 1
    assert ack["epoch"] == frame["epoch"] != ""


CAN = {"reader": [], "commenter": ["comment"], "moderator": ["comment", "moderate"]}


@pytest.mark.parametrize(("role", "can"), [*CAN.items(), ("admin", CAN["moderator"])])
async def test_subscribed_says_what_one_may_do(site: Site, role: str, can: list[str]) -> None:
    client = await site.connect(role=role)
    subscribed = await client.subscribe(site.page)
    assert sorted(set(subscribed["can"]) - {"read", "view-usage", "inspect"}) == can


async def test_a_snapshot_shows_whole_chats(site: Site) -> None:
    ann = await site.join()
    create = create_chat("first")
    ack = await ann.do(create)
    bob = await site.connect("bob")
    await bob.send({"type": "subscribe", "urlId": site.page})
    snapshot = await bob.expect("snapshot", epoch=ack["epoch"], seq=1, last=True)
    me = ann.welcome["user"]
    comment = create["chat"]["comment"] | {"author": me, "createdAt": ack["ts"]}
    times = {"createdAt": ack["ts"], "updatedAt": ack["ts"]}
    chat = {"id": create["chat"]["id"], "anchor": create["chat"]["anchor"], "createdBy": me}
    assert snapshot["chats"] == [{**chat, **times, "commentCount": 1, "comments": [comment]}]


async def test_a_snapshot_shows_the_newest_five_comments_oldest_first(site: Site) -> None:
    ann = await site.join()
    create = create_chat("0")
    await ann.do(create)
    for number in range(1, 7):
        await ann.do(add_comment(create["chat"]["id"], str(number)))
    bob = await site.join("bob")
    chat = bob.pages[site.page].chats[create["chat"]["id"]]
    assert [comment["body"] for comment in chat["comments"]] == ["2", "3", "4", "5", "6"]
    assert chat["commentCount"] == 7


# Live


async def test_everyone_hears_everything_the_sender_too(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    acks = await chats(ann, 3)
    for client in (ann, bob):
        for ack in acks:
            event = await client.expect_event(seq=ack["seq"])
            assert event["broadcastId"] == ack["broadcastId"]
    assert [ack["seq"] for ack in acks] == [1, 2, 3]


async def test_an_event_says_who_and_when(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    create = create_chat("hello")
    ack = await ann.do(create)
    event = await bob.expect_event("new-text-chat")
    head = {name: ack[name] for name in ("seq", "broadcastId", "ts")}
    assert event == {
        "type": "new-text-chat",
        **head,
        "user": ann.welcome["user"],
        "chat": create["chat"],
    }


async def test_operations_need_no_subscription(site: Site) -> None:
    ann, bob = await site.connect("ann"), await site.join("bob")
    ack = await ann.do(create_chat(), site.page)
    await bob.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
    assert ann.of("events") == []


async def test_many_writers_make_one_order(site: Site) -> None:
    site.history = History()
    clients = [await site.join(name) for name in ("ann", "bob", "eve")]
    for _ in range(10):
        await asyncio.gather(*(client.say(create_chat()) for client in clients))
    for client in clients:
        for _ in range(10):
            await client.expect("ack")
        await client.expect_event(seq=30)
    site.history.quiet()
    await site.http("reader").log(site.page)
    check(site.history).assert_kept()


# Coming back


async def test_nothing_missed_is_nothing_said(site: Site) -> None:
    ann = await site.join()
    ack = (await chats(ann, 2))[-1]
    since = {"epoch": ack["epoch"], "seq": 2}
    bob = await site.join("bob", since=since)
    await ann.do(create_chat("three"))
    frame = await bob.expect("events")
    assert (frame["first"], frame["last"]) == (3, 3)
    assert bob.of("snapshot") == []


@pytest.mark.parametrize("seen", [0, 1, 3])
async def test_what_was_missed_is_said_in_order(site: Site, seen: int) -> None:
    ann = await site.join()
    acks = await chats(ann, 4)
    bob = await site.connect("bob")
    subscribed = await bob.subscribe(site.page, {"epoch": acks[0]["epoch"], "seq": seen})
    assert (subscribed["recovered"], subscribed["seq"]) == (True, 4)
    for ack in acks[seen:]:
        await bob.expect_event(seq=ack["seq"], broadcastId=ack["broadcastId"])
    assert bob.of("snapshot") == []


async def test_number_zero_is_good_in_every_epoch(site: Site) -> None:
    ann = await site.join()
    await chats(ann, 2)
    bob = await site.connect("bob")
    assert (await bob.subscribe(site.page, NOWHERE))["recovered"] is True
    await bob.expect_event(seq=1)
    await bob.expect_event(seq=2)


@pytest.mark.parametrize("lie", [{"epoch": "another", "seq": 1}, {"seq": 99}])
async def test_a_position_from_elsewhere_gets_the_page(site: Site, lie: dict[str, Any]) -> None:
    ann = await site.join()
    ack = (await chats(ann, 2))[-1]
    bob = await site.connect("bob")
    subscribed = await bob.subscribe(site.page, {"epoch": ack["epoch"], **lie})
    assert (subscribed["recovered"], subscribed["seq"]) == (False, 2)
    assert subscribed["epoch"] == ack["epoch"]
    assert len(bob.pages[site.page].chats) == 2
    assert (await ann.do(create_chat()))["seq"] == 3


async def test_a_connection_that_broke_resumes(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await chats(ann, 1)
    await bob.expect_event(seq=1)
    bob.abort()
    await chats(ann, 2)
    again = await bob.resume()
    site.clients.append(again)
    for seq in (2, 3):
        await again.expect_event(seq=seq)
    assert again.of("snapshot") == []


async def test_another_process_knows_the_same_page(site: Site, peer: str) -> None:
    ann, bob = await site.join("ann"), await site.join("bob", url=peer)
    ack = (await chats(ann, 1))[0]
    await bob.expect_event(seq=1, broadcastId=ack["broadcastId"])
    back = await bob.do(create_chat("and back"))
    await ann.expect_event(seq=2, broadcastId=back["broadcastId"])
    assert back["epoch"] == ack["epoch"]


# A second subscription, and the end of one


async def test_a_second_subscription_starts_anew(site: Site) -> None:
    ann = await site.join()
    await chats(ann, 2)
    assert (await ann.subscribe(site.page))["seq"] == 2
    assert len(ann.pages[site.page].chats) == 2
    await ann.do(create_chat("three"))
    await ann.expect("events", first=3, last=3)
    assert len(ann.of("events", first=3)) == 0


async def test_two_pages_on_one_connection(site: Site) -> None:
    ann = await site.join()
    other = site.page + "-other"
    await ann.subscribe(other)
    await ann.do(create_chat(), other)
    assert (await ann.expect("events"))["urlId"] == other
    assert (await ann.do(create_chat(), site.page))["seq"] == 1
    assert (await ann.expect("events"))["urlId"] == site.page


async def test_unsubscribed_hears_no_more(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await bob.unsubscribe(site.page)
    await ann.do(create_chat())
    await ann.expect_event(seq=1)
    await bob.subscribe(site.page + "-other")
    assert bob.of("events") == []


async def test_unsubscribe_from_an_unknown_page_is_answered(site: Site) -> None:
    await (await site.connect()).unsubscribe("nobody has ever been here")


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize(("page", "code"), [("secret", "forbidden"), ("broken", "unavailable")])
async def test_a_refused_subscription_is_an_error(site: Site, page: str, code: str) -> None:
    client = await site.connect()
    await client.send({"type": "subscribe", "urlId": page})
    error = await client.expect("error", urlId=page)
    assert (error["code"], error["retry"]) == (code, code == "unavailable")
    await client.ping()


@pytest.mark.usefixtures("neighbour")
async def test_more_than_128_pages_are_too_many(site: Site) -> None:
    client = await site.connect()
    for number in range(128):
        await client.subscribe(f"{site.page}-{number}")
    await client.send({"type": "subscribe", "urlId": site.page})
    await client.expect("error", code="too-many", urlId=site.page)
    await client.unsubscribe(f"{site.page}-0")
    await client.subscribe(site.page)


# Large pages


async def test_a_large_page_is_fetched_over_http(site: Site) -> None:
    for name in ("ann", "bob", "eve"):
        writer = await site.connect(name)
        for _ in range(15):
            await writer.do(create_chat("😀" * 2_000), site.page)
    reader = await site.connect("reader")
    await reader.send({"type": "subscribe", "urlId": site.page})
    subscribed = await reader.expect("subscribed", load=True)
    assert subscribed["recovered"] is False
    page = await site.http("reader").chats(site.page)
    since = {"epoch": page["epoch"], "seq": page["seq"]}
    assert (await reader.subscribe(site.page, since))["recovered"] is True
    assert (len(page["chats"]), reader.of("snapshot"), reader.of("events")) == (45, [], [])


async def test_a_snapshot_comes_in_frames_of_about_64_kib(site: Site) -> None:
    ann = await site.join()
    for number in range(15):
        await ann.do(create_chat("ж" * 2_000), site.page)
        await ann.expect_event(seq=number + 1)
    for name in ("bob", "eve"):
        for _ in range(10):
            await (await site.connect(name)).do(create_chat("ж" * 2_000), site.page)
    reader = await site.join("reader")
    assert reader.received["snapshot"] >= 2
    assert reader.received_bytes["snapshot"] / reader.received["snapshot"] < 80_000
    assert len(reader.pages[site.page].chats) == 35


# Pages do not leak into each other


async def test_no_frame_of_a_page_comes_unasked(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob", page=site.page + "-other")
    await chats(ann, 2)
    await ann.expect_event(seq=2)
    await bob.ping()
    assert [f for f in bob.inbox if f.get("urlId") == site.page] == []


async def test_a_second_subscribe_that_is_no_good_ends_the_first(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await bob.send({"type": "subscribe", "urlId": site.page, "since": "junk"})
    error = await bob.expect("error", code="invalid")
    assert error["urlId"] == site.page
    ack = await ann.do(create_chat())
    await bob.subscribe(site.page)
    assert bob.pages[site.page].seq == ack["seq"]
    assert bob.received["events"] == 0
