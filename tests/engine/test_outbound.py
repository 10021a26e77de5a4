"""H4 and fan-out: sends that suspend, raise, hang, are cancelled; readers that are slow or lie."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import pytest

from collabchat_asgi import Timing, Tuning
from collabchat_asgi.core.frames import Pong
from collabchat_asgi.testing.operations import add_comment, create_chat

from .conftest import Start
from .harness import (
    HASTY,
    TIMING,
    Client,
    Clock,
    Gate,
    Server,
    TroubledStorage,
    turns,
    until,
)

SMALL = Tuning(ping_bytes=4 * 1024, window_bytes=32 * 1024, ring_frames=8)


async def suspends(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.mark.parametrize("times", [1, 2, 7])
async def test_a_send_that_suspends_loses_nothing(start: Start, times: int) -> None:
    server = await start()
    ann = await server.join("ann")

    async def before(client: Client, text: str) -> None:
        await suspends(times)

    slow = await server.join("slow", before_send=before)
    quick = await server.join("quick")
    for number in range(50):
        ann.operate(create_chat(f"{number}"))
        await turns(number % 3)
    for client in (slow, quick, ann):
        await client.at(50)
        assert not client.lost
    assert told(slow) == list(range(1, 51))


async def test_sends_that_suspend_at_random_lose_nothing(start: Start) -> None:
    rng = random.Random(5)
    server = await start()

    async def before(client: Client, text: str) -> None:
        if rng.random() < 0.5:
            await suspends(rng.randrange(1, 9))

    clients = [await server.join(f"user{n}", before_send=before) for n in range(8)]
    for number in range(200):
        rng.choice(clients).operate(create_chat(f"{number}"))
        await turns(rng.randrange(4))
    for client in clients:
        await client.at(200)
        assert not client.lost
        assert told(client) == list(range(1, 201))
    assert all(client.page.outline() == clients[0].page.outline() for client in clients)


@pytest.mark.parametrize("error", [OSError, RuntimeError, asyncio.CancelledError])
@pytest.mark.parametrize("suspended", [False, True])
async def test_a_send_that_raises_ends_that_connection_alone(
    start: Start, error: type[BaseException], suspended: bool
) -> None:
    """Some servers raise what they like, a cancelled wait among it."""
    server = await start()
    ann = await server.join("ann")
    broken = False

    async def before(client: Client, text: str) -> None:
        if broken:
            if suspended:
                await asyncio.sleep(0)
            raise error("gone")

    mallory = await server.join("mallory", before_send=before)
    bob = await server.join("bob")
    broken = True
    for number in range(3):
        await ann.do(create_chat(f"{number}"))
    await bob.at(3)
    await ann.at(3)
    await until(lambda: mallory.closed, "the broken connection is given up")
    await until(lambda: len(server.open_page().viewers) == 2)
    assert server.services.supervisor.restarts == {}


async def test_a_send_that_never_returns_is_dead(start: Start) -> None:
    server = await start(timing=HASTY)
    ann = await server.join("ann")
    hangs = False
    cancelled = []

    async def before(client: Client, text: str) -> None:
        if hangs:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(text)
                raise

    frozen = await server.join("frozen", before_send=before)
    hangs = True
    ack = await ann.do(create_chat())
    await ann.at(1)
    await frozen.expect_close(4509)
    assert frozen.closed is not None
    assert frozen.closed[2] is True, "the transport is cut: its close would hang as well"
    assert len(cancelled) == 1
    assert ack["seq"] == 1


async def test_a_slow_reader_is_served_from_the_ring_and_then_from_the_log(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage, tuning=SMALL)
    ann = await server.join("ann")
    gate = Gate()

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    slow = await server.join("slow", before_send=before)
    gate.shut()
    reads = server.services.reader.reads["read"]
    for number in range(5):
        await ann.do(create_chat(f"{number}"))
    gate.open()
    await slow.at(5)
    assert server.services.reader.reads["read"] == reads, "all of it was in the ring"
    gate.shut()
    for number in range(60):
        await ann.do(create_chat(f"{number}"))
    gate.open()
    await slow.at(65)
    assert server.services.reader.reads["read"] > reads
    assert told(slow) == list(range(1, 66))
    assert not slow.lost
    assert slow.page.outline() == ann.page.outline()


async def test_a_slow_reader_costs_no_queue(start: Start) -> None:
    """What waits for it is a number, however much there is to say."""
    server = await start(tuning=SMALL, timing=replace(TIMING, send_seconds=60))
    ann = await server.join("ann")
    gate = Gate()

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    slow = await server.join("slow", before_send=before)
    gate.shut()
    for number in range(300):
        await ann.do(create_chat(f"{number} " + "x" * 500))
    assert len(slow.connection.outbox._answers) == 0
    [viewer] = slow.connection.viewers.values()
    assert len(viewer._owed) == 0
    page = server.open_page()
    assert page._ring is not None
    assert len(page._ring._frames) <= SMALL.ring_frames
    gate.open()


async def test_a_slow_reader_whose_log_is_away_comes_back(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage, tuning=SMALL)
    ann = await server.join("ann")
    gate = Gate()

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    slow = await server.join("slow", before_send=before)
    gate.shut()
    for number in range(60):
        await ann.do(create_chat(f"{number}"))
    storage.break_before.append("read")
    gate.open()
    await slow.expect_close(4510)
    back = await slow.come_back(server)
    await back.at(60)
    assert back.page.outline() == ann.page.outline()


async def test_too_many_unread_answers(start: Start) -> None:
    server = await start()
    gate = Gate()

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    ann = server.connect("ann", before_send=before)
    await ann.expect("welcome")
    gate.shut()
    for number in range(100):
        ann.say({"type": "ping", "n": number})
    await ann.expect_close(4509)


async def pour(server: Server, ann: Client, count: int) -> None:
    for number in range(count):
        await ann.do(create_chat(f"{number} " + "x" * 1_000))


async def test_h04_a_window_without_answers_stops_sending(start: Start) -> None:
    clock = Clock()
    server = await start(tuning=SMALL, clock=clock)
    ann, mute = await server.join("ann"), await server.join("mute")
    mute.answers_pings = False
    await pour(server, ann, 60)
    await ann.at(60)
    received = sum(map(len, mute.texts))
    assert received <= SMALL.window_bytes
    assert mute.page.seq < 60
    server.tick()
    clock.advance(29)
    server.tick()
    assert mute.closed is None
    clock.advance(2)
    server.tick()
    await mute.expect_close(4509)


async def test_h04_forged_pongs_open_nothing(start: Start) -> None:
    clock = Clock()
    server = await start(tuning=SMALL, clock=clock)
    ann, liar = await server.join("ann"), await server.join("liar")
    liar.answers_pings = False
    rng = random.Random(6)
    for number in range(60):
        await ann.do(create_chat(f"{number} " + "x" * 1_000))
        for n in (number, number + 1, rng.getrandbits(48)):
            liar.connection.receive(_pong(n), 20)
    await ann.at(60)
    assert sum(map(len, liar.texts)) <= SMALL.window_bytes
    server.tick()
    clock.advance(31)
    server.tick()
    await liar.expect_close(4509)


def _pong(n: int) -> Pong:
    return Pong(n)


async def test_h04_a_late_answer_opens_the_window(start: Start) -> None:
    clock = Clock()
    server = await start(tuning=SMALL, clock=clock)
    ann, late = await server.join("ann"), await server.join("late")
    late.answers_pings = False
    await pour(server, ann, 60)
    await ann.at(60)
    while late.page.seq < 60:
        clock.advance(5)
        server.tick()
        pings = late.of("ping")
        late.inbox = [frame for frame in late.inbox if frame["type"] != "ping"]
        for ping in pings:
            late.say({"type": "pong", "n": ping["n"]})
        await turns()
    assert late.closed is None
    assert told(late) == list(range(1, 61))


async def test_h04_a_busy_page_never_closes_an_honest_reader(start: Start) -> None:
    """By bytes and not by time: 4 MiB go to a reader that answers, in one second of its clock."""
    server = await start(tuning=SMALL, clock=Clock())
    ann, bob = await server.join("ann"), await server.join("bob")
    await pour(server, ann, 400)
    await bob.at(400)
    assert bob.closed is None
    pings = [json.loads(text)["n"] for text in bob.texts if '"type":"ping"' in text]
    assert len(pings) == len(set(pings)) > 50


async def test_h04_pongs_are_heard_while_a_hook_hangs(start: Start) -> None:
    gate = Gate()
    gate.shut()

    async def slow(access: object) -> bool:
        await gate.pass_through()
        return True

    timing = Timing(hook_seconds=60)
    server = await start(tuning=SMALL, authorize=slow, timing=timing, clock=(clock := Clock()))
    bob = server.connect("bob")
    bob.ask_for_page()
    await until(lambda: gate.waiting)
    for _ in range(16):
        clock.advance(10)
        server.tick()
        await turns()
    assert bob.closed is None
    assert len([text for text in bob.texts if '"ping"' in text]) >= 5
    gate.open()
    await bob.expect("subscribed")


async def test_silence_is_death(start: Start) -> None:
    clock = Clock()
    server = await start(clock=clock)
    bob = await server.join("bob")
    bob.answers_pings = False
    clock.advance(34.9)
    server.tick()
    assert bob.closed is None
    clock.advance(0.2)
    server.tick()
    await bob.expect_close(4508)


def told(client: Client) -> list[int]:
    return [n for first, last in client.numbers for n in range(first, last + 1)]


async def test_who_was_being_sent_something_is_told_of_typing_behind_it(start: Start) -> None:
    """Where every `send` waits a moment, a reader is busy whenever something has just happened."""
    server, gate = await start(clock=Clock()), Gate()

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    ann, bob = await server.join("ann"), await server.join("bob", before_send=before)
    chat = (await ann.do(create_chat("1")))["chatId"]
    await bob.at(1)
    typing = {"type": "typing", "urlId": ann.url_id, "chatId": chat}
    gate.shut()
    await ann.do(add_comment(chat, "2"))
    await until(lambda: gate.waiting)
    ann.say(typing)
    await turns()
    gate.open()
    await bob.expect("typing", chatId=chat)
    kinds = [json.loads(text)["type"] for text in bob.texts]
    assert kinds[-2:] == ["events", "typing"]


async def test_nobody_is_told_later_that_somebody_was_typing(start: Start) -> None:
    clock, gate = Clock(), Gate()
    server = await start(clock=clock)

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    ann, bob = await server.join("ann"), await server.join("bob", before_send=before)
    chat = (await ann.do(create_chat("1")))["chatId"]
    await bob.at(1)
    gate.shut()
    await ann.do(add_comment(chat, "2"))
    await until(lambda: gate.waiting)
    ann.say({"type": "typing", "urlId": ann.url_id, "chatId": chat})
    await turns()
    clock.advance(5.1)
    gate.open()
    await ann.do(add_comment(chat, "3"))
    await bob.at(3)
    await turns()
    assert bob.of("typing") == []
