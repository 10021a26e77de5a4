"""H5: one `broadcastId`, one commit, one answer; whoever asks, wherever, however late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collabchat_asgi.core.model import PageKey
from collabchat_asgi.errors import Refused
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import (
    add_comment,
    create_chat,
    delete_chat,
    delete_comment,
    reopen_chat,
    resolve_chat,
)

from .conftest import Start
from .harness import KEY, PLENTY, Clock, Server, TroubledStorage, settle, until


async def test_h05a_another_users_id_is_a_conflict(pair: tuple[Server, Server]) -> None:
    one, two = pair
    ann, bob = await one.join("ann"), await two.join("bob")
    mine = create_chat("mine")
    ack = await ann.do(mine)
    await bob.at(1)
    await bob.refused(mine, "conflict")
    await bob.refused({**create_chat("other"), "broadcastId": mine["broadcastId"]}, "conflict")
    await ann.refused({**create_chat("other"), "broadcastId": mine["broadcastId"]}, "conflict")
    assert (await one.page()).position.seq == ack["seq"] == 1


async def test_h05a_a_foreign_page_does_not_know_the_id(start: Start) -> None:
    server = await start()
    here, there = await server.join("ann"), await server.join("bob", tenant="beta")
    operation = create_chat()
    await here.do(operation)
    ack = await there.do(operation)
    assert ack["seq"] == 1
    assert ack["epoch"] != here.page.epoch


async def test_h05b_a_deletion_is_acked_again_where_it_was_folded(
    pair: tuple[Server, Server],
) -> None:
    one, two = pair
    ann = await one.join("ann")
    created = await ann.do(create_chat())
    added = await ann.do(add_comment(created["chatId"]))
    deletion = delete_comment(created["chatId"], added["commentId"])
    first = await ann.do(deletion)
    again = await two.join("ann")
    assert again.page.seq == 3
    assert await again.do(deletion) == first
    assert await ann.do(deletion) == first
    end = delete_chat(created["chatId"])
    assert await ann.do(end) == await again.do(end)


async def test_h05b_a_creation_is_acked_again_where_it_was_folded(
    pair: tuple[Server, Server],
) -> None:
    one, two = pair
    creation = create_chat()
    first = await (await one.join("ann")).do(creation)
    again = await two.join("ann")
    assert await again.do(creation) == first
    assert len(again.page.chats) == 1


async def test_h05c_what_changed_nothing_is_remembered(pair: tuple[Server, Server]) -> None:
    one, two = pair
    ann, bob = await one.join("ann"), await two.join("bob")
    chat = (await ann.do(create_chat()))["chatId"]
    await ann.do(resolve_chat(chat))
    nothing = resolve_chat(chat)
    first = await ann.do(nothing)
    assert first["seq"] == 2
    await bob.at(2)
    await bob.do(reopen_chat(chat))
    await ann.at(3)
    assert await ann.do(nothing) == first
    assert await (await two.join("ann")).do(nothing) == first
    assert "resolved" not in ann.page.chats[chat]
    assert (await one.page()).position.seq == 3


async def test_h05d_a_group_whose_answer_got_lost_is_committed_once(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    storage.break_after.append("commit")
    operations = [create_chat(f"{number}") for number in range(64)]
    ids = [ann.operate(operation) for operation in operations]
    for broadcast_id in ids:
        answer = await ann.answer(broadcast_id)
        assert (answer["code"], answer["retry"]) == ("unavailable", True)
    acks = [await ann.do(operation) for operation in operations]
    assert [ack["seq"] for ack in acks] == list(range(1, 65))
    await ann.at(64)
    assert len(ann.page.chats) == 64


async def test_h05d_a_chain_whose_answer_got_lost_is_committed_once(start: Start) -> None:
    """The retry meets its own entries in the tail, and refuses none of them."""
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    creation = create_chat()
    chat = creation["chat"]["id"]
    chain = [creation, add_comment(chat), resolve_chat(chat), reopen_chat(chat), delete_chat(chat)]
    storage.break_after.append("commit")
    for broadcast_id in [ann.operate(operation) for operation in chain]:
        assert (await ann.answer(broadcast_id))["retry"]
    acks = [await ann.answer(id) for id in [ann.operate(operation) for operation in chain]]
    assert [ack["seq"] for ack in acks] == [1, 2, 3, 4, 5]
    await ann.at(5)
    assert ann.page.chats == {}


async def test_h05e_kept_as_long_as_the_log(start: Start) -> None:
    clock = Clock()
    storage = MemoryStorage(clock=clock.epoch_ms)
    server = await start(storage, clock=clock)
    ann = await server.join("ann")
    creation = create_chat()
    first = await ann.do(creation)
    clock.advance(30 * 86_400)
    before_ms = clock.epoch_ms() - 7 * 86_400_000
    assert await storage.trim(before_ms=before_ms, keep_events=10_000) == 0
    assert await ann.do(creation) == first
    await ann.do(create_chat())
    assert await storage.trim(before_ms=before_ms, keep_events=1) == 1
    again = await ann.refused(creation, "conflict")
    assert again["retry"] is False, "after that the ids say that it is there already"


async def test_the_same_id_twice_at_once_is_one_commit(start: Start) -> None:
    server = await start()
    ann, tab = await server.join("ann"), await server.join("ann")
    operation = create_chat()
    for client in (ann, tab, ann, tab):
        client.operate(operation)
    acks = [await client.answer(operation["broadcastId"]) for client in (ann, tab, ann, tab)]
    assert all(ack == acks[0] for ack in acks)
    assert (await server.page()).position.seq == 1


async def test_socket_and_http_share_the_id(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    operation = create_chat()
    ack = await ann.do(operation)
    identical = {"urlId": "page", **operation}
    assert await settle(server, identical) == {k: v for k, v in ack.items() if k != "type"}


async def test_a_refusal_waits_for_the_storage(start: Start) -> None:
    """No refusal is answered before the storage has said that the id is unknown."""
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann", role="reader")
    gate = storage.hold("commit")
    broadcast_id = ann.operate(create_chat())
    await until(lambda: gate.waiting)
    assert ann.of("error") == []
    gate.open()
    assert (await ann.answer(broadcast_id))["code"] == "forbidden"


async def test_a_refused_id_is_not_used_up(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    operation = resolve_chat("0190a000-0000-7000-8000-000000000000")
    await ann.refused(operation, "not-found")
    ack = await ann.do({**create_chat(), "broadcastId": operation["broadcastId"]})
    assert ack["seq"] == 1


async def test_h28_ids_live_in_their_page(start: Start) -> None:
    server = await start()
    creation = create_chat()
    ann = await server.join("ann")
    await ann.do(creation)
    other = await server.join("ann", url_id="other")
    assert (await other.do({**creation, "urlId": "other"}))["seq"] == 1
    await ann.do(delete_chat(creation["chat"]["id"]))
    again = {**creation, "broadcastId": "0190a000-0000-7000-8000-000000000001"}
    await ann.refused(again, "conflict")
    assert server.services.pages.get(PageKey("acme", "other")) is not server.open_page(KEY)
    with pytest.raises(Refused) as refused:
        await settle(server, again)
    assert refused.value.code == "conflict"


async def test_what_was_refused_for_its_rate_gives_nothing_back(start: Start) -> None:
    """Known retries are free, and no more than free: nobody refills an allowance with them."""
    clock = Clock()
    server = await start(limits=replace(PLENTY, comments_per_minute=3), clock=clock)
    ann, again = await server.join("ann"), await server.join("ann")
    first = create_chat()
    await ann.do(first)
    for _ in range(2):
        await ann.do(create_chat())
    await ann.refused(create_chat(), "rate-limited")
    for _ in range(4):
        assert (await again.do(first))["type"] == "ack"
    await (await server.join("ann")).refused(create_chat(), "rate-limited")
