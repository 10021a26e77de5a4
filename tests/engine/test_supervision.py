"""What breaks is revived, what is away is waited for, and nothing acked is lost meanwhile."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from collabchat_asgi import Tuning
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.engine.supervisor import Supervisor
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.testing.operations import create_chat, new_id

from .conftest import Start
from .harness import KEY, TIMING, Gate, TroubledBus, TroubledStorage, settle, turns, until


async def test_what_ends_or_raises_is_started_again() -> None:
    supervisor = Supervisor()
    runs: list[int] = []

    async def fragile() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise RuntimeError("broken")
        if len(runs) > 2:
            await asyncio.Event().wait()

    supervisor.forever("fragile", fragile)
    await until(lambda: len(runs) == 3)
    assert supervisor.restarts == {"fragile": 2}
    await supervisor.stop()


async def test_what_a_stranger_cancels_is_started_again() -> None:
    """A time limit inside a `send` that is driven by hand belongs to whoever fans out."""
    supervisor = Supervisor()
    runs: list[asyncio.Task[Any] | None] = []

    async def hit() -> None:
        runs.append(asyncio.current_task())
        await asyncio.Event().wait()

    supervisor.forever("hit", hit)
    await until(lambda: runs)
    assert runs[0] is not None
    runs[0].cancel()
    await until(lambda: len(runs) == 2)
    assert supervisor.restarts == {"hit": 1}
    await supervisor.stop()
    assert runs[1] is not None
    assert runs[1].done()


@pytest.mark.parametrize("ending", [False, True])
async def test_what_is_swept_away_together_is_one_line(
    ending: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl+C twice. At the end of a process nobody has to hear of it."""
    supervisor = Supervisor()
    runs: Counter[str] = Counter()
    tasks: list[asyncio.Task[Any] | None] = []

    def one(name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            runs[name] += 1
            tasks.append(asyncio.current_task())
            await asyncio.Event().wait()

        return run

    names = ["committer", "listener", "ticker"]
    for name in names:
        supervisor.forever(name, one(name))
    await until(lambda: len(tasks) == 3)
    supervisor.ending = ending
    for task in tasks[:]:
        assert task is not None
        task.cancel()
    await until(lambda: len(tasks) == 6)
    assert runs == dict.fromkeys(names, 2)
    told = [r.getMessage() for r in caplog.records if r.levelno >= logging.INFO]
    line = "cancelled by a stranger, and started again: committer, listener, ticker"
    assert told == ([] if ending else [line])
    await supervisor.stop()


def test_what_runs_for_ever_ends_with_a_loop_that_nobody_tidied_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A test client's loop that ended without a lifespan: what is left of it is swept away."""
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    loop = asyncio.new_event_loop()

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            loop.call_soon(print)

    async def begin() -> None:
        Supervisor().forever("run", run)
        await turns(2)

    loop.run_until_complete(begin())
    loop.set_exception_handler(lambda loop, context: None)
    loop.close()
    gc.collect()
    assert [str(one.exc_value) for one in complaints] == []


async def test_a_committer_that_died_is_revived(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    committer: Any = server.services.committer
    take, committer._take = committer._take, lambda: 1 / 0
    ann.operate(create_chat("1"))
    await until(lambda: server.services.supervisor.restarts.get("committer"))
    committer._take = take
    await ann.at(1)
    assert (await ann.do(create_chat("2")))["seq"] == 2


async def test_a_listener_that_died_is_revived(start: Start) -> None:
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, MemoryPubSub(bus))
    two = await start(TroubledStorage(storage.inner), MemoryPubSub(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    assert two.bus._ear is not None
    two.bus._ear.inbox.close(RuntimeError("the broker is mad"))
    await until(lambda: two.services.supervisor.restarts.get("listener"))
    two.services.ears.heard_self_at = float("-inf")
    await two.running.ticker.listen_again()
    await ann.do(create_chat("1"))
    await bob.at(1)
    await until(lambda: two.services.supervisor.restarts["listener"] >= 1)
    await ann.do(create_chat("2"))
    await bob.at(2)


async def test_a_deaf_process_is_healed_by_the_sweep(start: Start) -> None:
    storage = TroubledStorage()
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    ann, bob = await one.join("ann"), await two.join("bob")
    for number in range(5):
        await ann.do(create_chat(f"{number}"))
    assert bob.page.seq == 0
    await two.heal()
    await bob.at(5)
    assert bob.page.outline() == ann.page.outline()


async def test_storage_away_for_a_while(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    acked = [await ann.do(create_chat(f"{number}")) for number in range(3)]
    storage.away = True
    waiting = [create_chat(f"{number}") for number in range(3, 6)]
    for operation in waiting:
        answer = await ann.ask(operation)
        assert (answer["code"], answer["retry"]) == ("unavailable", True)
    bob = server.connect("bob")
    bob.ask_for_page()
    error = await bob.expect("error", urlId="page")
    assert (error["code"], error["retry"]) == ("unavailable", True)
    with pytest.raises(StorageUnavailable):
        await server.page()
    await server.heal()
    healthy, report = server.running.numbers.health()
    assert not healthy
    assert "storage" in str(report["reasons"])
    assert ann.closed is None
    storage.away = False
    await server.heal()
    assert server.running.numbers.health()[0]
    acked += [await ann.do(operation) for operation in waiting]
    await bob.subscribe()
    assert [ack["seq"] for ack in acked] == [1, 2, 3, 4, 5, 6]
    assert bob.page.outline() == ann.page.outline()
    assert server.services.supervisor.restarts == {}


async def test_a_storage_that_hangs_is_bounded(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage, timing=replace(TIMING, backend_seconds=0.1))
    ann = await server.join("ann")
    gate = storage.hold("commit")
    answer = await ann.ask(operation := create_chat())
    assert (answer["code"], answer["retry"]) == ("unavailable", True)
    gate.open()
    assert (await ann.do(operation))["seq"] == 1


async def test_a_driver_that_cancels_itself_is_away_for_once(start: Start) -> None:
    """A future of the driver's that was cancelled raises `CancelledError` in whoever waits for
    it. Taken for our own end, it would leave everybody without an answer for ever."""
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    storage.cancel_within.append("commit")
    answer = await ann.ask(operation := create_chat())
    assert (answer["code"], answer["retry"]) == ("unavailable", True)
    assert (await ann.do(operation))["seq"] == 1
    storage.cancel_within.append("heads")
    bob = server.connect("bob")
    bob.ask_for_page()
    error = await bob.expect("error", urlId="page")
    assert (error["code"], error["retry"]) == ("unavailable", True)
    await bob.subscribe()
    assert server.services.supervisor.restarts == {}


async def test_what_a_cancelled_committer_had_taken_is_answered(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    gate = storage.hold("commit")
    ann.operate(operation := create_chat())
    await until(lambda: gate.waiting)
    [committer] = [t for t in asyncio.all_tasks() if t.get_name() == "collabchat committer"]
    committer.cancel()
    error = await ann.expect("error", broadcastId=operation["broadcastId"])
    assert (error["code"], error["retry"]) == ("unavailable", True)
    gate.open()
    assert (await ann.do(operation))["seq"] == 1
    assert server.services.supervisor.restarts == {"committer": 1}


async def test_whose_worker_a_stranger_cancels_is_sent_away_to_resume(start: Start) -> None:
    """Its frame is lost, and nobody would ever answer it."""
    storage = TroubledStorage()
    server = await start(storage)
    ann = server.connect("ann")
    gate = storage.hold("heads")
    ann.ask_for_page()
    await until(lambda: gate.waiting)
    [worker] = [
        task
        for task in server.services.supervisor._tasks
        if task.get_name() == "collabchat connection"
    ]
    worker.cancel()
    await ann.expect_close(4510)
    gate.open()
    await (await ann.come_back(server)).expect("subscribed")


async def test_a_committer_that_is_cancelled_while_it_loads_a_page_answers_all(
    start: Start,
) -> None:
    storage = TroubledStorage()
    server, other = await start(storage), await start(storage.inner)
    erased = await server.join("ann")
    beside = await server.join("bob", url_id="beside")
    for client in (erased, beside):
        await client.do(create_chat())
    await storage.inner.erase(KEY)
    await (await other.join("eve")).do(create_chat())
    committing, loading = storage.hold("commit"), storage.hold("load")
    first = beside.operate(create_chat())
    await until(lambda: committing.waiting)
    # These two are one commit, of which the first page has to be loaded.
    waits, committed = create_chat(), create_chat()
    erased.operate(waits)
    beside.operate(committed)
    committing.open()
    await until(lambda: loading.waiting)
    [committer] = [
        task
        for task in server.services.supervisor._tasks
        if task.get_name() == "collabchat committer"
    ]
    committer.cancel()
    error = await erased.answer(waits["broadcastId"])
    assert (error["code"], error["retry"]) == ("unavailable", True)
    assert (await beside.answer(first))["type"] == "ack"
    assert (await beside.answer(committed["broadcastId"]))["type"] == "ack"
    loading.open()
    assert (await erased.do(waits))["seq"] == 2


async def test_what_cannot_be_told_is_asked_for_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours is broken between the commit and the second of two answers."""
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    settled = server.services.committer._settled
    broken = create_chat("broken")

    def breaks(plan: Any, submission: Any, outcome: Any) -> Any:
        if submission.broadcast_id == broken["broadcastId"]:
            monkeypatch.undo()
            raise RuntimeError("a defect")
        return settled(plan, submission, outcome)

    monkeypatch.setattr(server.services.committer, "_settled", breaks)
    gate = storage.hold("commit")
    ann.operate(first := create_chat("first"))
    await until(lambda: gate.waiting)
    operations = [create_chat("well"), broken, create_chat("behind it")]
    for operation in operations:
        ann.operate(operation)
    gate.open()
    for operation in (first, operations[0]):
        await ann.expect("ack", broadcastId=operation["broadcastId"])
    for operation in operations[1:]:
        error = await ann.expect("error", broadcastId=operation["broadcastId"])
        assert (error["code"], error["retry"]) == ("unavailable", True)
    assert [(await ann.do(operation))["seq"] for operation in operations[1:]] == [3, 4]
    await ann.at(4)


async def test_a_commit_of_unknown_outcome_is_told_to_everyone(start: Start) -> None:
    """Committed, and the answer got lost: viewers here and elsewhere hear of it at the latest
    when it is sent again."""
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, TroubledBus(bus))
    two = await start(TroubledStorage(storage.inner), TroubledBus(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    storage.break_after.append("commit")
    operation = create_chat()
    assert (await ann.ask(operation))["retry"]
    await ann.do(operation)
    await ann.at(1)
    await two.heal()
    await bob.at(1)
    assert ann.numbers == bob.numbers == [(1, 1)]


NONE_IDLE = Tuning(idle_pages=0)


async def test_idle_pages_leave_and_used_ones_stay(start: Start) -> None:
    server = await start(tuning=NONE_IDLE)
    ann = await server.join("ann")
    for number in range(5):
        await server.page(PageKey("acme", f"{number}"))
    assert len(server.services.pages) == 6
    await server.services.pages.evict()
    assert [page.key for page in server.services.pages.all()] == [KEY]
    await ann.do(create_chat())
    await ann.at(1)


async def test_eviction_does_not_take_a_page_from_whoever_just_opened_it(start: Start) -> None:
    server = await start(tuning=NONE_IDLE)
    evicting = True

    async def evict() -> None:
        while evicting:
            await server.services.pages.evict()
            await asyncio.sleep(0)

    task = asyncio.create_task(evict())
    for round in range(20):
        ann, bob = await server.join("ann"), await server.join("bob")
        ack = await ann.do(create_chat(f"{round}"))
        await bob.at(ack["seq"])
        await settle(server, create_chat("by http"))
        await ann.at(ack["seq"] + 1)
        ann.leave()
        bob.leave()
        server.open_page().presence.expire(float("inf"))
        await settle(server, create_chat("nobody is there"))
    evicting = False
    await task
    assert (await server.page()).position.seq == 60


async def test_eviction_while_a_commit_is_under_way(start: Start) -> None:
    """Whoever opens the page meanwhile hears of that commit without a sweep."""
    storage = TroubledStorage()
    server = await start(storage, tuning=NONE_IDLE)
    gate = storage.hold("commit", answer=True)
    task = asyncio.create_task(settle(server, create_chat()))
    await until(lambda: gate.waiting)
    await server.services.pages.evict()
    bob = server.connect("bob")
    bob.ask_for_page()
    await bob.expect("subscribed")
    gate.open()
    await task
    await bob.at(1)


async def test_a_page_opened_again_while_its_topic_is_given_up_is_heard(start: Start) -> None:
    class SlowBus(MemoryPubSub):
        gate = Gate()

        async def unsubscribe(self, topics: Any) -> None:
            await self.gate.pass_through()
            await super().unsubscribe(topics)

    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, MemoryPubSub(bus))
    two = await start(TroubledStorage(storage.inner), slow := SlowBus(bus), tuning=NONE_IDLE)
    ann = await one.join("ann")
    await two.page()
    slow.gate.shut()
    evicting = asyncio.create_task(two.services.pages.evict())
    await until(lambda: slow.gate.waiting)
    bob = await two.join("bob")
    slow.gate.open()
    await evicting
    await turns()
    await ann.do(create_chat())
    await bob.at(1)
