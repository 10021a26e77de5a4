"""`retry: true`: what was sent behind an operation that has to come again cannot overtake it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from collabchat_asgi import AccessRequest, Limits, Tuning
from collabchat_asgi.testing.operations import (
    add_comment,
    add_reaction,
    create_chat,
    new_id,
    reopen_chat,
    resolve_chat,
)

from .conftest import Start
from .harness import Client, Gate, Server, TroubledBus, TroubledStorage, turns, until

Json = dict[str, Any]


class Doorman:
    """An `authorize` that stumbles over bodies it is told to, or waits at a gate for them."""

    def __init__(self) -> None:
        self.stumbles: set[str] = set()
        self.gates: dict[str, Gate] = {}
        self.asked: list[str] = []

    async def __call__(self, access: AccessRequest) -> bool:
        if access.operation is None:
            return True
        body = _body(access.operation)
        self.asked.append(body)
        if body in self.gates:
            await self.gates[body].pass_through()
        if body in self.stumbles:
            self.stumbles.discard(body)
            raise RuntimeError("the access control is away")
        return True


def _body(operation: Any) -> str:
    comment = operation.get("chat", {}).get("comment") or operation.get("comment") or {}
    return str(comment.get("body", operation["type"]))


async def send_again(client: Client) -> list[Json]:
    """As a client does after `retry: true`: everything unanswered, in order, until all is done."""
    answers: dict[str, Json] = {}
    while client.pending:
        ids = list(client.pending)
        client.send_pending()
        for broadcast_id in ids:
            answers[broadcast_id] = await client.answer(broadcast_id)
    return list(answers.values())


async def test_a_storage_that_is_away_keeps_the_order(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    creation = create_chat("create")
    chat = creation["chat"]["id"]
    storage.break_before.append("commit")
    first = [ann.operate(creation), ann.operate(add_comment(chat, "1"))]
    for broadcast_id in first:
        assert (await ann.answer(broadcast_id))["retry"] is True
    overtaking = ann.operate(add_comment(chat, "2"))
    held = await ann.answer(overtaking)
    assert (held["code"], held["retry"]) == ("unavailable", True), "held back in the same way"
    await send_again(ann)
    await ann.at(3)
    assert ann.bodies == {chat: ["create", "1", "2"]}


@pytest.mark.parametrize("slow", [False, True])
async def test_a_hook_that_stumbles_is_not_overtaken(start: Start, slow: bool) -> None:
    """The hook fails for the first operation and answers for the second, which is right behind."""
    doorman = Doorman()
    server = await start(authorize=doorman)
    ann = await server.join("ann")
    chat = (await ann.do(create_chat("create")))["chatId"]
    doorman.stumbles.add("1")
    if slow:
        doorman.gates["1"] = Gate()
        doorman.gates["1"].shut()
    ids = [ann.operate(add_comment(chat, body)) for body in ("1", "2", "3")]
    if slow:
        await until(lambda: "1" in doorman.asked)
        doorman.gates["1"].open()
    for broadcast_id in ids:
        answer = await ann.answer(broadcast_id)
        assert (answer["type"], answer.get("retry")) == ("error", True), answer
    await send_again(ann)
    await ann.at(4)
    assert ann.bodies == {chat: ["create", "1", "2", "3"]}


async def test_a_rate_limit_is_not_overtaken(start: Start) -> None:
    """The bucket of comments is empty, that of operations is not."""
    server = await start(limits=Limits(comments_per_minute=2))
    ann = await server.join("ann")
    creation = create_chat("create")
    chat, comment = creation["chat"]["id"], creation["chat"]["comment"]["id"]
    operations = [creation, add_comment(chat, "1"), add_comment(chat, "2"), resolve_chat(chat)]
    operations += [add_reaction(chat, comment)]
    answers = [await ann.answer(id) for id in [ann.operate(o) for o in operations]]
    assert [a.get("code", "ack") for a in answers] == ["ack", "ack"] + ["rate-limited"] * 3
    assert "resolved" not in ann.page.chats[chat]


async def test_other_connections_and_pages_are_not_held_back(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann, tab = await server.join("ann"), await server.join("ann")
    bob = await server.join("bob")
    storage.break_before.append("commit")
    assert (await ann.ask(create_chat("1")))["retry"]
    elsewhere = {**create_chat("2"), "urlId": "other"}
    await ann.do(elsewhere)
    await tab.do(create_chat("3"))
    await bob.do(create_chat("4"))
    assert (await ann.ask(create_chat("5")))["retry"]


async def test_a_full_queue_keeps_the_order(start: Start) -> None:
    """Where the committer has no room, what is refused first must not be what was sent later."""
    storage = TroubledStorage()
    limits = Limits(comments_per_minute=100_000, operations_per_second=100_000)
    server = await start(storage, limits=limits, tuning=Tuning(queued_operations=4))
    ann = await server.join("ann")
    chat = (await ann.do(create_chat("create")))["chatId"]
    gate = storage.hold("commit")
    ann.operate(add_comment(chat, "1"))
    await until(lambda: gate.waiting)
    for number in range(2, 9):
        ann.operate(add_comment(chat, f"{number}"))
    await turns()
    gate.open()
    await until(lambda: len(ann.of("ack")) + len(ann.of("error")) >= 8)
    ann.inbox = [frame for frame in ann.inbox if frame["type"] not in ("ack", "error")]
    await send_again(ann)
    await ann.at(9)
    assert ann.bodies == {chat: ["create", *map(str, range(1, 9))][-5:]} or ann.bodies == {
        chat: ["create", *map(str, range(1, 9))]
    }


async def asked_again(start: Start) -> tuple[Server, Server, Doorman, TroubledStorage, Client]:
    """Two processes that cannot hear each other: every commit of the second meets a tail."""
    doorman = Doorman()
    storage = TroubledStorage()
    one = await start(storage, TroubledBus(new_id()))
    two = await start(
        other := TroubledStorage(storage.inner), TroubledBus(new_id()), authorize=doorman
    )
    ann = await two.join("ann")
    return one, two, doorman, other, ann


async def test_h15_asked_again_where_the_tail_touched_the_chat(start: Start) -> None:
    one, _, doorman, _, ann = await asked_again(start)
    bob = await one.join("bob")
    chat = (await bob.do(create_chat("create")))["chatId"]
    other = (await bob.do(create_chat("other")))["chatId"]
    await ann.server.heal()
    await bob.do(resolve_chat(chat))
    await ann.do(add_comment(other, "elsewhere"))
    assert doorman.asked.count("elsewhere") == 1
    await bob.do(reopen_chat(chat))
    await ann.do(add_comment(chat, "here"))
    assert doorman.asked.count("here") == 2
    await ann.at(6)


async def test_h15_a_no_at_the_second_asking_is_a_no(start: Start) -> None:
    asked: list[bool] = []

    async def only_open(access: AccessRequest) -> bool:
        if access.operation is None:
            return True
        assert access.chat is not None
        asked.append(bool(access.chat.resolved))
        return not access.chat.resolved

    storage = TroubledStorage()
    one = await start(storage)
    two = await start(TroubledStorage(storage.inner), authorize=only_open)
    bob, ann = await one.join("bob"), await two.join("ann")
    chat = (await bob.do(create_chat("create")))["chatId"]
    await two.heal()
    await bob.do(resolve_chat(chat))
    await ann.refused(add_comment(chat, "too late"), "forbidden")
    assert asked == [False, True]


async def test_asked_again_is_not_overtaken(start: Start) -> None:
    """While permission is asked again, what was sent behind waits, whatever page part it names."""
    one, _, doorman, storage, ann = await asked_again(start)
    bob = await one.join("bob")
    chat = (await bob.do(create_chat("create")))["chatId"]
    other = (await bob.do(create_chat("other")))["chatId"]
    await ann.server.heal()
    await bob.do(resolve_chat(chat))
    commit = storage.hold("commit")
    first = ann.operate(add_comment(chat, "1"))
    await until(lambda: commit.waiting)
    slow = doorman.gates["1"] = Gate()
    slow.shut()
    commit.open()
    second = ann.operate(add_comment(other, "2"))
    await until(lambda: slow.waiting)
    third = ann.operate(add_comment(other, "3"))
    await turns(50)
    slow.open()
    seqs = [(await ann.answer(id))["seq"] for id in (first, second, third)]
    assert seqs == sorted(seqs), "in the order they were sent"
    assert doorman.asked.count("1") == 2


async def test_asked_again_twice_is_not_overtaken(start: Start) -> None:
    """The tail touches the chat once more while the second asking is under way: what had been
    asked again behind it is in the queue already."""
    one, _, doorman, storage, ann = await asked_again(start)
    bob = await one.join("bob")
    chat = (await bob.do(create_chat("create")))["chatId"]
    other = (await bob.do(create_chat("other")))["chatId"]
    await ann.server.heal()
    await bob.do(resolve_chat(chat))
    commit = storage.hold("commit")
    first = ann.operate(add_comment(chat, "1"))
    second = ann.operate(add_comment(other, "2"))
    await until(lambda: commit.waiting)
    slow = doorman.gates["2"] = Gate()
    slow.shut()
    commit.open()
    # Both were deferred; "1" has been asked again and waits at the commit, "2" is being asked.
    commit.shut()
    await until(lambda: commit.waiting and slow.waiting and doorman.asked.count("1") == 2)
    await bob.do(reopen_chat(chat))
    slow.open()
    await until(lambda: ann.server.services.committer.count or commit.waiting > 1)
    doorman.gates["1"] = Gate()
    doorman.gates["1"].shut()
    commit.open()
    await until(lambda: doorman.gates["1"].waiting or ann.of("ack"))
    await turns(100)
    doorman.gates["1"].open()
    seqs = [(await ann.answer(id))["seq"] for id in (first, second)]
    assert seqs == sorted(seqs), "in the order they were sent"


@pytest.mark.parametrize("seed", range(40))
async def test_nothing_overtakes_in_random_schedules(start: Start, seed: int) -> None:
    """Two connections count up, each in a chat of its own and a shared one; hooks stumble, the
    storage fails before and after, another process writes between. Numbers never go down."""
    rng = random.Random(seed)
    storage = TroubledStorage()

    async def moody(access: AccessRequest) -> bool:
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        if access.operation is not None and rng.random() < 0.15:
            raise RuntimeError("away")
        return True

    one = await start(storage, TroubledBus(bus := new_id(), rng))
    two = await start(
        trouble := TroubledStorage(storage.inner), TroubledBus(bus, rng), authorize=moody
    )
    bob = await one.join("bob")
    chat = (await bob.do(create_chat("create")))["chatId"]
    await two.heal()
    clients = [two.connect("user0"), two.connect("user1")]
    sent: dict[Client, set[str]] = {client: set() for client in clients}
    for number in range(25):
        client = rng.choice(clients)
        sent[client].add(client.operate(add_comment(chat, f"{client.name} {number}")))
        if rng.random() < 0.3:
            await bob.do(rng.choice([resolve_chat, reopen_chat])(chat))
        if rng.random() < 0.15:
            rng.choice([trouble.break_before, trouble.break_after]).append("commit")
        await turns(rng.randrange(6))
    for client, asked in sent.items():
        await until(lambda c=client, asked=asked: _answered(c) >= asked)
    trouble.break_before.clear()
    trouble.break_after.clear()
    await asyncio.gather(*(_until_all_is_acked(client) for client in clients))
    page = await one.page()
    comments = [s.comment for s in page.state.chats[chat].comments.values()]
    for client in clients:
        mine = [int(c.body.split()[1]) for c in comments if c.author.id == client.name]
        assert mine == sorted(mine)
        assert len(mine) == len(set(mine))
    assert sum(c.author.id != "bob" for c in comments) == 25


async def _until_all_is_acked(client: Client) -> None:
    """The queue of a client: it halts at the first answer with `retry` and sends all again."""
    while client.pending:
        asked = list(client.pending)
        client.inbox.clear()
        client.send_pending()
        await until(lambda asked=asked: _answered(client) >= set(asked), f"answers to {asked}")


def _answered(client: Client) -> set[str]:
    answers = client.of("ack") + client.of("error")
    return {answer["broadcastId"] for answer in answers}
