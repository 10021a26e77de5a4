"""PROTOCOL sections 3.1 and 3.2: who is here, and who is typing."""

from __future__ import annotations

from typing import Any

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing.operations import create_chat, new_id

from .conftest import Site


async def present(client: SocketClient, page: str, users: int, connections: int) -> None:
    """Counts arrive in steps; what they end in is what counts."""
    await client.expect("presence", urlId=page, users=users, connections=connections)


async def test_tabs_are_connections_and_people_are_users(site: Site) -> None:
    ann = await site.join("ann")
    await site.join("ann")
    await present(ann, site.page, 1, 2)
    await site.join("bob")
    await present(ann, site.page, 2, 3)


async def test_the_tabs_of_one_visitor_are_one_person(site: Site) -> None:
    ann = await site.join("ann")
    for _ in range(2):
        await site.join(token=None, visitor_id=f"a-secret-of-this-browser-{site.mark}")
    await present(ann, site.page, 2, 3)


async def test_who_leaves_is_counted_out(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await present(ann, site.page, 2, 2)
    await bob.close()
    await present(ann, site.page, 1, 1)


async def test_who_vanishes_is_counted_out(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await present(ann, site.page, 2, 2)
    bob.abort()
    await present(ann, site.page, 1, 1)


async def test_who_unsubscribes_is_counted_out(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await present(ann, site.page, 2, 2)
    await bob.unsubscribe(site.page)
    await present(ann, site.page, 1, 1)


async def test_two_processes_count_together(site: Site, peer: str) -> None:
    ann = await site.join("ann")
    await site.join("ann", url=peer)
    await present(ann, site.page, 1, 2)
    await site.join("bob", url=peer)
    await present(ann, site.page, 2, 3)


async def test_lists_of_people_are_off_by_default(site: Site) -> None:
    ann = await site.join("ann")
    await site.join("bob")
    presence = await ann.expect("presence", users=2)
    assert presence.keys() == {"type", "urlId", "users", "connections"}


async def test_presence_stays_on_its_page(site: Site) -> None:
    ann = await site.join("ann")
    await site.join("bob", page=site.page + "-other")
    await site.join("eve", page=site.page)
    await present(ann, site.page, 2, 2)
    assert {frame["urlId"] for frame in ann.of("presence")} <= {site.page}


# Typing


async def chat(client: SocketClient) -> str:
    create = create_chat()
    await client.do(create)
    await client.expect_event("new-text-chat")
    return str(create["chat"]["id"])


def typing(site: Site, chat_id: str) -> dict[str, Any]:
    return {"type": "typing", "urlId": site.page, "chatId": chat_id}


async def test_others_see_who_is_typing_and_the_typist_does_not(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    chat_id = await chat(ann)
    await ann.send(typing(site, chat_id))
    await bob.expect("typing", urlId=site.page, chatId=chat_id, user=ann.welcome["user"])
    await ann.do(create_chat())
    await ann.expect_event("new-text-chat")
    assert ann.of("typing") == []


async def test_typing_reaches_another_process(site: Site, peer: str) -> None:
    ann, bob = await site.join("ann"), await site.join("bob", url=peer)
    chat_id = await chat(ann)
    await bob.expect_event("new-text-chat")
    await ann.send(typing(site, chat_id))
    await bob.expect("typing", chatId=chat_id)


async def unseen(site: Site, typist: SocketClient, witness: SocketClient, chat_id: str) -> None:
    """Typing that nobody may see: what was sent behind it has arrived, and it has not."""
    await typist.send(typing(site, chat_id))
    await typist.ping()
    other = await site.connect("other")
    ack = await other.do(create_chat("a fence"), site.page)
    await witness.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
    assert witness.of("typing") == []


async def test_typing_in_an_unknown_chat_is_dropped(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    await unseen(site, ann, bob, new_id())


async def test_typing_needs_a_subscription(site: Site) -> None:
    ann, bob = await site.connect("ann"), await site.join("bob")
    chat_id = await chat(bob)
    await unseen(site, ann, bob, chat_id)


async def test_typing_needs_the_right_to_comment(site: Site) -> None:
    ann, bob = await site.join("ann", "reader"), await site.join("bob")
    chat_id = await chat(bob)
    await unseen(site, ann, bob, chat_id)


async def test_typing_is_told_once_in_three_seconds(site: Site) -> None:
    ann, bob = await site.join("ann"), await site.join("bob")
    chat_id = await chat(ann)
    await ann.send(typing(site, chat_id))
    await bob.expect("typing")
    for _ in range(3):
        await unseen(site, ann, bob, chat_id)
