"""The numbers of all processes, asked for by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collabchat_asgi.core.measures import Row
from collabchat_asgi.engine.clock import SystemClock
from collabchat_asgi.engine.peers.census import Census
from collabchat_asgi.engine.peers.hints import CONTROL_TOPIC, CountsWanted, ProcessCounts, Received
from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.testing.operations import create_chat

from .conftest import Start
from .harness import Server, TroubledBus, Voice, turns, until


def number(rows: list[Row], name: str, *labels: str) -> float:
    return sum(row[2][0] for row in rows if row[0] == name and row[1] == list(labels))


async def know_each_other(one: Server, two: Server) -> None:
    for server in (one, two):
        server.services.gossip.greet()
    await until(lambda: one.services.gossip.peers and two.services.gossip.peers, "peers")


async def test_each_process_answers_with_its_own(pair: tuple[Server, Server]) -> None:
    one, two = pair
    await know_each_other(one, two)
    ann, bob = await one.join("ann"), await two.join("bob")
    for _ in range(3):
        await ann.do(create_chat())
    await bob.do(create_chat())
    told = await one.running.numbers.everywhere()
    assert list(told) == [one.services.run, two.services.run]
    accepted = [number(rows, "operations", "create-chat", "accepted") for rows in told.values()]
    assert accepted == [3, 1]
    assert [number(rows, "viewers") for rows in told.values()] == [1, 1]
    # What was delivered a moment ago is in it: nobody waits for the ticker.
    assert number(told[two.services.run], "events_delivered") >= 1
    assert number(told[two.services.run], "hints", "heard") >= 3


async def test_who_does_not_answer_is_missing_and_the_others_are_told(
    start: Start, storages: Callable[[], Storage]
) -> None:
    bus = TroubledBus("census-deaf")
    one = await start(storages(), TroubledBus("census-deaf"))
    two = await start(storages(), bus)
    await know_each_other(one, two)
    bus.deaf = True
    # What it said before is still on its way for a while, and is a sign of life.
    while not one.services.census._silent:
        told = await one.services.census.take(lambda: one.services.gossip.peers, seconds=0.05)
        assert list(told) == [one.services.run]
    # It is waited for once; the next who asks has the others' numbers at once.
    async with asyncio.timeout(10):
        told = await one.services.census.take(lambda: one.services.gossip.peers, seconds=60)
    assert list(told) == [one.services.run]
    bus.deaf = False
    await know_each_other(one, two)
    await until(lambda: not one.services.census._silent, "a sign of life")
    assert len(await one.running.numbers.everywhere()) == 2


async def test_who_answers_is_waited_for_whoever_else_does_not() -> None:
    """Where answers are all that is heard, as `collabchat top` does."""
    asked: list[CountsWanted] = []

    class Told:
        def tell(self, topic: str, hint: CountsWanted) -> None:
            asked.append(hint)

    census = Census("me", Told(), SystemClock(), lambda busiest: [])  # type: ignore[arg-type]
    for seconds in (0.05, 60, 60):
        taking = asyncio.ensure_future(census.take(lambda: {"ann", "gone"}, seconds=seconds))
        await turns()
        assert not taking.done()
        census.hear(Received("ann", 0, 0, ProcessCounts(asked[-1].id, 0, 1, [])))
        async with asyncio.timeout(10):
            assert set(await taking) == {"me", "ann"}


async def test_an_answer_in_parts_counts_when_it_is_whole(start: Start) -> None:
    server = await start(bus=TroubledBus("census-parts"))
    voice = await Voice.meet("census-parts", await server.storage.key())
    census = server.services.census
    expected = {voice.run, server.services.run}

    async def answer(*parts: int) -> int:
        await until(lambda: census._questions, "a question")
        id = next(iter(census._questions))
        for part in parts:
            await voice.say(CONTROL_TOPIC, ProcessCounts(id, part, 2, [("pages", [], [part])]))
        return id

    late = asyncio.ensure_future(answer(1))
    told = await census.take(lambda: expected, seconds=0.1)
    assert list(told) == [server.services.run]
    await late
    whole = asyncio.ensure_future(answer(1, 0))
    told = await census.take(lambda: {voice.run})
    assert told[voice.run] == [("pages", [], [0]), ("pages", [], [1])]
    id = await whole
    # An answer to what nobody asks any more is of no use.
    await voice.say(CONTROL_TOPIC, ProcessCounts(id, 0, 1, []))
    await turns()
    assert not census._questions
    await voice.close()


async def test_whoever_has_the_key_may_ask_and_a_repeated_question_costs_little(
    start: Start,
) -> None:
    server = await start(bus=TroubledBus("census-ask"))
    voice = Voice(TroubledBus("census-ask"), await server.storage.key())
    await voice.bus.open()
    question = voice.codec.seal(CONTROL_TOPIC, CountsWanted(7, False))
    for _ in range(200):
        await voice.bus.publish(CONTROL_TOPIC, question)
    await until(lambda: server.services.counts.hints["heard"] >= 200, "200 questions")
    await turns(100)
    parts = len(server.bus.sent)  # type: ignore[attr-defined]
    assert 20 <= parts <= 80, "each of 20 answers has at most three parts"
    await voice.close()


async def test_a_process_that_ended_takes_nothing_from_the_sum_of_the_others(
    pair: tuple[Server, Server],
) -> None:
    one, two = pair
    await know_each_other(one, two)
    ann = await one.join("ann")
    await ann.do(create_chat())
    await two.die()
    told = await one.services.census.take(lambda: one.services.gossip.peers, seconds=0.05)
    assert number(told[one.services.run], "operations", "create-chat", "accepted") == 1
