"""PROTOCOL section 2, promise 3: the same operation is one commit and the same ack, everywhere."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing import operations as op

from .conftest import Site

Json = dict[str, Any]


def bare(ack: Json) -> Json:
    return {name: value for name, value in ack.items() if name != "type"}


async def head(site: Site) -> int:
    return int((await site.http("reader").chats(site.page))["seq"])


@pytest.mark.parametrize("door", ["same connection", "another", "HTTP", "another process"])
async def test_the_same_operation_is_the_same_ack(
    site: Site, request: pytest.FixtureRequest, door: str
) -> None:
    ann, create = await site.join(), op.create_chat()
    first = await ann.do(create)
    if door == "HTTP":
        again = await site.http().operate(site.page, create)
    else:
        url = request.getfixturevalue("peer") if door == "another process" else site.url
        other = ann if door == "same connection" else await site.connect(url=url)
        again = await other.do(create, site.page)
    assert bare(again) == bare(first)
    assert await head(site) == 1


async def test_sent_twice_at_once_is_one(site: Site) -> None:
    ann, tab, create = await site.join(), await site.join(), op.create_chat()
    for client in (ann, tab, ann):
        await client.say(create)
    acks = [await client.expect("ack") for client in (ann, tab, ann)]
    assert acks[0] == acks[1] == acks[2]
    assert await head(site) == 1


CHANGES = {
    "another body": lambda c: c["chat"]["comment"].update(body="something else"),
    "another chat": lambda c: c["chat"].update(id=op.new_id()),
    "another anchor": lambda c: c["chat"].update(anchor=op.anchor("elsewhere")),
}


@pytest.mark.usefixtures("neighbour")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_same_id_with_other_content_is_a_conflict(site: Site, change: Any) -> None:
    ann, create = await site.join(), op.create_chat("as it was")
    await ann.do(create)
    other = deepcopy(create)
    change(other)
    error = await ann.refused(other)
    assert (error["code"], error["retry"]) == ("conflict", False)
    page = await site.http().chats(site.page)
    assert [chat["comments"][0]["body"] for chat in page["chats"]] == ["as it was"]


@pytest.mark.usefixtures("neighbour")
async def test_the_same_id_with_another_type_is_a_conflict(site: Site) -> None:
    ann, create = await site.join(), op.create_chat()
    await ann.do(create)
    resolve = op.resolve_chat(create["chat"]["id"]) | {"broadcastId": create["broadcastId"]}
    assert (await ann.refused(resolve))["code"] == "conflict"


@pytest.mark.usefixtures("neighbour")
async def test_the_same_id_from_another_user_is_a_conflict(site: Site) -> None:
    ann, bob, create = await site.join("ann"), await site.join("bob"), op.create_chat()
    await ann.do(create)
    assert (await bob.refused(create))["code"] == "conflict"
    assert await head(site) == 1


async def test_an_id_is_bound_to_its_page(site: Site) -> None:
    ann, create = await site.join(), op.create_chat()
    await ann.do(create)
    assert (await ann.do(create, site.page + "-other"))["seq"] == 1


async def test_a_delete_sent_again_is_acked_again(site: Site) -> None:
    ann, create = await site.join(), op.create_chat()
    await ann.do(create)
    delete = op.delete_chat(create["chat"]["id"])
    assert await ann.do(delete) == await ann.do(delete)


async def test_a_creation_sent_again_after_its_deletion_is_acked_again(site: Site) -> None:
    ann, create = await site.join(), op.create_chat()
    first = await ann.do(create)
    await ann.do(op.delete_chat(create["chat"]["id"]))
    assert await ann.do(create) == first
    assert (await site.http().chats(site.page))["chats"] == []


async def test_what_changed_nothing_is_remembered_too(site: Site) -> None:
    ann, bob, create = await site.join("ann"), await site.join("bob"), op.create_chat()
    chat_id = create["chat"]["id"]
    await ann.do(create)
    await bob.do(op.resolve_chat(chat_id))
    nothing = op.resolve_chat(chat_id)
    first = await ann.do(nothing)
    await bob.do(op.reopen_chat(chat_id))
    assert await ann.do(nothing) == first
    chats = (await site.http().chats(site.page))["chats"]
    assert "resolved" not in chats[0]


async def refused(client: SocketClient, operation: Json) -> Json:
    error = await client.refused(operation)
    assert error["retry"] is False
    return error


@pytest.mark.parametrize("what", ["alive", "deleted"])
async def test_a_chat_id_is_used_once(site: Site, what: str) -> None:
    ann, create = await site.join(), op.create_chat()
    await ann.do(create)
    if what == "deleted":
        await ann.do(op.delete_chat(create["chat"]["id"]))
    seq = await head(site)
    await refused(ann, {**create, "broadcastId": op.new_id()})
    assert await head(site) == seq


@pytest.mark.parametrize("what", ["alive", "deleted"])
async def test_a_comment_id_is_used_once(site: Site, what: str) -> None:
    ann, create = await site.join(), op.create_chat()
    chat_id = create["chat"]["id"]
    add = op.add_comment(chat_id)
    await ann.do(create)
    await ann.do(add)
    if what == "deleted":
        await ann.do(op.delete_comment(chat_id, add["comment"]["id"]))
    await refused(ann, {**add, "broadcastId": op.new_id()})


async def test_a_refusal_is_not_remembered(site: Site) -> None:
    ann, create = await site.join(), op.create_chat()
    add = op.add_comment(create["chat"]["id"])
    assert (await ann.refused(add))["code"] == "not-found"
    await ann.do(create)
    await ann.do(add)
