"""H11, H13, H14, H17: presence, hooks, revocations and usage."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from collabchat_asgi import ConnectRequest, Denied, Identity, Tuning
from collabchat_asgi.core.model import PageKey, Position
from collabchat_asgi.engine.pages import gossip
from collabchat_asgi.engine.peers.hints import CONTROL_TOPIC, inbox_of
from collabchat_asgi.engine.peers.revocations import CONTROL_PAGE, Revocation
from collabchat_asgi.errors import Closed, StorageUnavailable
from collabchat_asgi.storage.abc import Reason, Storage, Tail
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import add_comment, create_chat, new_id, resolve_chat

from .conftest import Start
from .harness import (
    HASTY,
    KEY,
    TIMING,
    Billing,
    Client,
    Clock,
    Gate,
    Server,
    TroubledBus,
    TroubledStorage,
    turns,
    until,
)

# presence


async def two(start: Start, clock: Clock, **how: Any) -> tuple[Server, Server]:
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, TroubledBus(bus), clock=clock, **how)
    other = await start(TroubledStorage(storage.inner), TroubledBus(bus), clock=clock, **how)
    return one, other


def counts(server: Server) -> tuple[int, int]:
    return server.open_page().presence.counts()


async def agree(servers: tuple[Server, ...], clock: Clock, wanted: tuple[int, int]) -> None:
    for _ in range(4):
        clock.advance(1.1)
        for server in servers:
            server.tick()
        await turns(60)
    assert [counts(server) for server in servers] == [wanted] * len(servers)


async def test_h11_distinct_people_over_processes(start: Start) -> None:
    clock = Clock()
    one, other = await two(start, clock)
    for name, server in (("ann", one), ("ann", other), ("bob", one), ("bob", one), ("eve", other)):
        await server.join(name)
    await agree((one, other), clock, (3, 5))
    presence = [frame for client in one.clients for frame in client.of("presence")]
    assert presence[-1]["users"] == 3


async def test_h11_a_reload_is_not_seen_and_a_leave_is(start: Start) -> None:
    clock = Clock()
    one, other = await two(start, clock)
    ann, bob = await one.join("ann"), await other.join("bob")
    await agree((one, other), clock, (2, 2))
    ann.leave()
    clock.advance(2)
    again = await one.join("ann")
    await agree((one, other), clock, (2, 2))
    users = [frame["users"] for frame in bob.of("presence")]
    assert 1 not in users[users.index(2) :], "nobody saw her go"
    again.leave()
    clock.advance(6)
    await agree((one, other), clock, (1, 1))


async def test_h11_a_dead_process_expires(start: Start) -> None:
    clock = Clock()
    one, other = await two(start, clock)
    await one.join("ann")
    await other.join("bob")
    await agree((one, other), clock, (2, 2))
    await other.die()
    clock.advance(30)
    one.tick()
    await turns(50)
    assert counts(one) == (2, 2), "it may only be slow"
    clock.advance(15)
    await agree((one,), clock, (1, 1))


async def test_h11_a_frozen_process_that_comes_back_is_counted_again(start: Start) -> None:
    clock = Clock()
    one, other = await two(start, clock)
    await one.join("ann")
    await other.join("bob")
    await agree((one, other), clock, (2, 2))
    other.bus.deaf = True  # type: ignore[attr-defined]
    for _ in range(12):
        clock.advance(10)
        one.tick()
        other.tick()
        await turns(40)
    assert counts(one) == (1, 1)
    other.bus.deaf = False  # type: ignore[attr-defined]
    for _ in range(4):
        clock.advance(15)
        one.tick()
        other.tick()
        await turns(60)
    assert counts(one) == counts(other) == (2, 2)


@pytest.mark.parametrize("told", [True, False])
async def test_h11_a_page_that_was_forgotten_and_is_open_again_is_believed_at_once(
    start: Start, told: bool
) -> None:
    clock = Clock()
    one, other = await two(start, clock, tuning=Tuning(idle_pages=0))
    await one.join("ann")
    for number in range(3):
        bob = await other.join(f"bob{number}")
        await agree((one, other), clock, (2, 2))
        bob.leave()
        clock.advance(6)
        if told:
            await agree((one, other), clock, (1, 1))
        other.open_page().presence.expire(clock.monotonic())
        await other.services.pages.evict()
        assert other.services.pages.get(KEY) is None
    await other.join("eve")
    other.tick()
    await turns(60)
    assert counts(one) == (2, 2), "her number is above those of the page that was forgotten"


@pytest.mark.parametrize("seed", range(6))
async def test_h11_lost_deltas_are_healed(start: Start, seed: int) -> None:
    clock, rng = Clock(), random.Random(seed)
    one, other = await two(start, clock)
    for server in (one, other):
        bus: Any = server.bus
        bus.rng, bus.loss, bus.repeat, bus.delay = random.Random(seed), 0.3, 0.2, 0.2
    clients: list[Client] = []
    for number in range(30):
        if clients and rng.random() < 0.4:
            clients.pop(rng.randrange(len(clients))).leave()
        else:
            clients.append(await rng.choice([one, other]).join(f"user{number % 9}"))
        clock.advance(rng.random())
        one.tick()
        other.tick()
        await turns(10)
    for server in (one, other):
        bus = server.bus
        bus.loss = bus.repeat = bus.delay = 0.0
        await bus.release()
    for _ in range(20):
        clock.advance(5)
        one.tick()
        other.tick()
        await turns(40)
    assert [client.closed for client in clients if client.closed] == []
    wanted = (len({client.name for client in clients}), len(clients))
    await agree((one, other), clock, wanted)


# hooks


def outcomes() -> list[tuple[str, Callable[..., Any], bool]]:
    """(what, hook, whether it is a no and not a failure)."""

    async def hangs(_: Any) -> Any:
        await asyncio.Event().wait()

    async def cancels(_: Any) -> Any:
        raise asyncio.CancelledError

    async def closes(_: Any) -> Any:
        raise GeneratorExit

    async def async_raises(_: Any) -> Any:
        raise RuntimeError("broken")

    async def async_denies(_: Any) -> Any:
        raise Denied("no")

    async def async_none(_: Any) -> Any:
        return None

    def raises(_: Any) -> Any:
        raise RuntimeError("broken")

    def denies(_: Any) -> Any:
        raise Denied("no")

    def sync_hangs(_: Any) -> Any:
        time.sleep(0.6)

    return [
        ("async no", async_denies, True),
        ("sync no", denies, True),
        ("async raise", async_raises, False),
        ("sync raise", raises, False),
        ("async hang", hangs, False),
        ("sync hang", sync_hangs, False),
        ("cancelled", cancels, False),
        ("closed", closes, False),
        ("async None", async_none, False),
        ("sync None", lambda _: None, False),
        ("nonsense", lambda _: 1, False),
        ("text", lambda _: "yes", False),
    ]


CASES = pytest.mark.parametrize(
    ("hook", "no"), [pytest.param(hook, no, id=what) for what, hook, no in outcomes()]
)
REQUEST = ConnectRequest(None, None, None, {}, {}, {}, None, {})


@CASES
async def test_h13_authenticate(start: Start, hook: Any, no: bool) -> None:
    server = await start(authenticate=hook, timing=HASTY)
    with pytest.raises(Closed) as closed:
        await server.services.identities.admit(REQUEST)
    assert closed.value.code == (4401 if no else 4503)


@CASES
async def test_h13_authorize(
    start: Start, hook: Any, no: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start(authorize=hook, timing=HASTY)
    ann = server.connect("ann")
    ann.ask_for_page()
    error = await ann.expect("error")
    assert (error["code"], error["retry"]) == (
        ("forbidden", False) if no else ("unavailable", True)
    )
    answer = await ann.ask(create_chat())
    assert answer["code"] == error["code"]
    assert ann.closed is None
    if not no:
        assert any("hook authorize" in record.message for record in caplog.records)
    if hook.__name__ == "async_none":
        assert "did you forget to return True" in caplog.text


@CASES
async def test_h13_before_commit(
    start: Start, hook: Any, no: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start(before_commit=hook, timing=HASTY)
    ann = await server.join("ann")
    answer = await ann.ask(create_chat())
    assert answer["code"] == ("forbidden" if no else "unavailable")
    assert (await server.page()).position.seq == 0
    if not no:
        assert any("before_commit" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "delete-chat"},
        {"urlId": "other"},
        {"broadcastId": new_id()},
        {"chatId": new_id()},
        {"comment": {"id": new_id(), "body": "x"}},
        {"comment": {"body": ""}},
    ],
)
async def test_h15_before_commit_may_change_texts_only(
    start: Start, change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    armed = False

    async def rewrite(access: Any) -> Any:
        return {**access.operation, **change} if armed else access.operation

    server = await start(before_commit=rewrite)
    ann = await server.join("ann")
    chat = (await ann.do(create_chat()))["chatId"]
    armed = True
    answer = await ann.ask(add_comment(chat, "mine"))
    assert (answer["code"], answer["retry"]) == ("unavailable", True)
    assert any("before_commit" in record.message for record in caplog.records), "say it in the log"


async def test_before_commit_changes_the_text(start: Start) -> None:
    def shout(access: Any) -> Any:
        operation = access.operation
        operation["chat"]["comment"]["body"] = operation["chat"]["comment"]["body"].upper()
        return operation

    server = await start(before_commit=shout)
    ann = await server.join("ann")
    operation = create_chat("hello")
    ack = await ann.do(operation)
    await ann.at(1)
    assert list(ann.bodies.values()) == [["HELLO"]]
    assert await ann.do(operation) == ack, "the fingerprint is of what was sent"


@CASES
async def test_on_event_and_on_usage_hurt_nobody(start: Start, hook: Any, no: bool) -> None:
    server = await start(on_event=hook, on_usage=hook, timing=replace(HASTY, hook_seconds=0.05))
    ann = await server.join("ann")
    for number in range(3):
        await ann.do(create_chat(f"{number}"))
    await ann.at(3)
    assert server.services.supervisor.restarts == {}


async def test_on_event_is_told_in_order_and_once(start: Start) -> None:
    told: list[int] = []

    async def watch(event: Any) -> None:
        await asyncio.sleep(0)
        told.append(event["seq"])

    server = await start(on_event=watch)
    ann = await server.join("ann")
    operations = [create_chat(f"{number}") for number in range(20)]
    for operation in operations + operations:
        ann.operate(operation)
    await until(lambda: len(told) == 20)
    await turns(50)
    assert told == list(range(1, 21))


# revocations


async def test_h14_revoked_on_every_process(start: Start) -> None:
    one, other = await two(start, Clock())
    ann, bob = await one.join("ann"), await other.join("bob")
    again = await other.join("ann")
    await one.services.revocations.revoke(Revocation(user_id="ann"))
    await ann.expect_close(4403)
    await again.expect_close(4403)
    assert bob.closed is None


async def test_h14_a_lost_hint_is_caught_by_the_sweep(start: Start) -> None:
    one, other = await two(start, Clock())
    one.bus.deaf = True  # type: ignore[attr-defined]
    ann = await other.join("ann")
    await one.services.revocations.revoke(Revocation(user_id="ann"))
    await turns(50)
    assert ann.closed is None
    await other.heal()
    await ann.expect_close(4403)


async def alike(start: Start, storage: Storage, clock: Clock, processes: int) -> list[Server]:
    """Processes that share a storage and a bus without troubles."""
    bus = new_id()
    return [await start(storage, TroubledBus(bus), clock=clock) for _ in range(processes)]


async def two_were_revoked(start: Start, storage: Storage) -> tuple[Server, Server, Client]:
    """Two processes that have acted on it both, and Bob on the second."""
    one, other = await alike(start, storage, Clock(), 2)
    bob = await other.join("bob")
    for name in ("ann", "eve"):
        await one.services.revocations.revoke(Revocation(user_id=name))
    await until(lambda: other.services.revocations.serial == 2)
    return one, other, bob


async def fail_over(storage: Storage) -> None:
    """As with Redis: the control page has another epoch, whether or not it has lost something."""
    head = (await storage.heads([CONTROL_PAGE]))[CONTROL_PAGE]
    await storage.renew(CONTROL_PAGE, Position(head.epoch, head.seq + 1))


async def test_h14_the_first_revocation_after_a_fail_over_is_heard_everywhere(
    start: Start,
) -> None:
    storage, clock = MemoryStorage(), Clock()
    one, other, third = await alike(start, storage, clock, 3)
    ann, bob, eve = [await other.join(name) for name in ("ann", "bob", "eve")]
    await one.services.revocations.revoke(Revocation(user_id="ann"))
    await ann.expect_close(4403)
    back = await other.join("ann")
    await fail_over(storage)
    await one.services.revocations.revoke(Revocation(user_id="bob"))
    await bob.expect_close(4403)
    # Nor is it overheard by who revokes somebody else before it has looked.
    late = await start(storage, TroubledBus(new_id()), clock=clock)
    bob_there, eve_there = await late.join("bob"), await late.join("eve")
    await fail_over(storage)
    await third.services.revocations.revoke(Revocation(user_id="eve"))
    await late.services.revocations.revoke(Revocation(user_id="dan"))
    await eve.expect_close(4403)
    await eve_there.expect_close(4403)
    await turns(50)
    assert back.closed is None, "who has come back since was closed again"
    assert bob_there.closed is None, "what was revoked before a process began concerns nobody there"


@pytest.mark.parametrize("new_epoch", [True, False], ids=["as Redis", "as PostgreSQL"])
@pytest.mark.parametrize("lost", [1, 2])
async def test_h14_a_number_that_a_fail_over_gave_out_again_is_acted_on(
    start: Start, lost: int, new_epoch: bool
) -> None:
    storage = MemoryStorage()
    one, other = await alike(start, storage, Clock(), 2)
    bob = await other.join("bob")
    await one.services.revocations.revoke(Revocation(user_id="ann"))
    kept = await storage.dump(CONTROL_PAGE)
    for _ in range(lost):
        await one.services.revocations.revoke(Revocation(user_id="eve"))
    await until(lambda: other.services.revocations.serial == 1 + lost)
    await storage.erase(CONTROL_PAGE)
    await storage.restore(CONTROL_PAGE, kept)
    if new_epoch:
        await fail_over(storage)
    await one.services.revocations.revoke(Revocation(user_id="bob"))
    await bob.expect_close(4403)
    assert other.services.revocations.serial == 2 + lost
    await one.services.revocations.revoke(Revocation(user_id="eve"))
    await until(lambda: other.services.revocations.serial == 3 + lost)
    assert one.services.revocations.serial == 3 + lost


@pytest.mark.parametrize("new_epoch", [True, False], ids=["as Redis", "as PostgreSQL"])
async def test_h14_so_it_is_by_a_process_that_began_after_old_ones_were_dropped(
    start: Start, new_epoch: bool
) -> None:
    storage, bus, clock = MemoryStorage(), new_id(), Clock()
    one = await start(storage, TroubledBus(bus), clock=clock)
    for name in ("ann", "eve", "dan"):
        await one.services.revocations.revoke(Revocation(user_id=name))
    kept = await storage.dump(CONTROL_PAGE)
    await one.services.revocations.revoke(Revocation(user_id="lost"))
    await storage.trim(before_ms=2**53, keep_events=2)
    other = await start(storage, TroubledBus(bus), clock=clock)
    dan, bob = await other.join("dan"), await other.join("bob")
    await storage.erase(CONTROL_PAGE)
    await storage.restore(CONTROL_PAGE, kept)
    await storage.trim(before_ms=2**53, keep_events=1)
    if new_epoch:
        await fail_over(storage)
    await one.services.revocations.revoke(Revocation(user_id="bob"))
    await bob.expect_close(4403)
    await turns(50)
    assert dan.closed is None, "what was revoked before a process began concerns nobody there"


@pytest.mark.parametrize("new_epoch", [True, False], ids=["after a fail-over", "as always"])
async def test_h14_a_revocation_right_after_old_ones_were_dropped_is_heard(
    start: Start, new_epoch: bool
) -> None:
    storage = MemoryStorage()
    one, other, bob = await two_were_revoked(start, storage)
    await storage.trim(before_ms=2**53, keep_events=0)
    if new_epoch:
        await fail_over(storage)
    await one.services.revocations.revoke(Revocation(user_id="bob"))
    await bob.expect_close(4403)
    assert other.services.revocations.serial == 3


class Lagging(MemoryStorage):
    """Of somebody's own: it reads from a replica, which is behind."""

    lags = False

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        await asyncio.sleep(0)
        if self.lags and page == CONTROL_PAGE and after.seq > 0:
            return Reason.AHEAD
        return await super().read(page, after, limit)


async def test_h14_a_log_that_is_behind_its_head_is_read_with_the_next_sweep(
    start: Start,
) -> None:
    storage = Lagging()
    one, other, bob = await two_were_revoked(start, storage)
    storage.lags = True
    async with asyncio.timeout(5):
        await other.services.revocations.sweep()
    storage.lags = False
    await one.services.revocations.revoke(Revocation(user_id="bob"))
    await bob.expect_close(4403)
    assert other.services.revocations.serial == 3


async def test_h14_what_was_dropped_as_too_old_keeps_nobody_waiting(start: Start) -> None:
    storage = MemoryStorage()
    one, other, bob = await two_were_revoked(start, storage)
    await storage.trim(before_ms=2**53, keep_events=0)
    for _ in range(2):
        await other.services.revocations.sweep()
    await one.services.revocations.revoke(Revocation(user_id="bob"))
    await bob.expect_close(4403)


async def test_h14_revoked_while_authenticate_runs(start: Start) -> None:
    gate = Gate()
    gate.shut()

    async def slow(request: Any) -> Identity:
        await gate.pass_through()
        return Identity("ann", tenants={"acme": "commenter"})

    server = await start(authenticate=slow)
    task = asyncio.create_task(server.services.identities.admit(REQUEST))
    await until(lambda: gate.waiting)
    await server.services.revocations.revoke(Revocation(user_id="ann"))
    gate.open()
    with pytest.raises(Closed) as closed:
        await task
    assert closed.value.code == 4401
    assert (await server.services.identities.admit(REQUEST)).tenant_id == "acme", (
        "who signs in afterwards may"
    )


async def test_h14_revoked_while_authorize_runs(start: Start) -> None:
    gate = Gate()

    async def slow(access: Any) -> bool:
        await gate.pass_through()
        return True

    server = await start(authorize=slow)
    watcher = await server.join("bob")
    ann = await server.join("ann")
    gate.shut()
    ann.operate(create_chat("too late"))
    eve = server.connect("ann")
    eve.ask_for_page()
    await until(lambda: gate.waiting == 2)
    await server.services.revocations.revoke(Revocation(user_id="ann"))
    gate.open()
    await ann.expect_close(4403)
    await turns(100)
    assert (await server.page()).position.seq == 0
    assert eve.of("subscribed") == []
    assert watcher.page.seq == 0


async def test_a_revocation_is_carried_out_once(start: Start) -> None:
    """A sweep whose answer is old must not make the process forget what it has acted on."""
    storage = TroubledStorage()
    server = await start(storage)
    gate = storage.hold("read", answer=True)
    late = asyncio.create_task(server.services.revocations.sweep())
    await until(lambda: gate.waiting)
    del storage.after["read"]
    await server.services.revocations.revoke(Revocation(user_id="ann"))
    ann = await server.join("ann")
    gate.open()
    await late
    await server.heal()
    await turns(50)
    assert ann.closed is None, "she signed in after it"


async def test_h11_among_many_a_sign_of_life_is_rarer_and_waited_for_longer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One other counts as four times as many as have the ordinary pause."""
    monkeypatch.setattr(gossip, "CROWD", 0.25)
    clock = Clock()
    one, other = await two(start, clock)
    await one.join("ann")
    await other.join("bob")
    await agree((one, other), clock, (2, 2))
    await until(lambda: one.services.users._telling is None, "what joining took is told to all")
    for server in (one, other):
        server.services.gossip.beat()
    await turns(60)
    sent: Any = one.bus.sent  # type: ignore[attr-defined]
    sent.clear()
    for _ in range(4):
        clock.advance(TIMING.heartbeat_seconds)
        one.tick()
        await turns(40)
        assert one.services.ears.deaf_seconds < TIMING.heartbeat_seconds, (
            "it hears itself all the same"
        )
    assert [topic for topic, _ in sent].count(CONTROL_TOPIC) == 1
    other.bus.deaf = True  # type: ignore[attr-defined]
    clock.advance(TIMING.expiry_seconds * 2)
    one.tick()
    assert counts(one) == (2, 2), "it said that it may be silent for so long"
    clock.advance(TIMING.expiry_seconds * 2 + 1)
    one.tick()
    assert counts(one) == (1, 1)


async def test_h11_an_answer_goes_to_who_asked(start: Start) -> None:
    clock = Clock()
    one, other = await two(start, clock)
    await one.join("ann")
    await until(lambda: one.services.users._telling is None, "what joining took is told to all")
    await turns(60)
    sent: Any = one.bus.sent  # type: ignore[attr-defined]
    sent.clear()
    await other.join("bob")
    await until(lambda: counts(other) == (2, 2), "one has answered")
    assert {topic for topic, _ in sent} == {inbox_of(other.services.run)}


async def test_a_tick_looks_at_what_is_due_and_walks_no_pages(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    server = await start(clock=clock)
    ann, bob = await server.join("ann"), await server.join("bob")

    def walked() -> None:
        raise AssertionError("all pages were walked")

    monkeypatch.setattr(server.services.pages, "all", walked)
    clock.advance(TIMING.presence_seconds)
    server.tick()
    assert ann.of("presence")[-1]["users"] == 2
    bob.leave()
    await turns()
    clock.advance(TIMING.presence_grace_seconds - 0.1)
    server.tick()
    assert ann.of("presence")[-1]["users"] == 2, "in grace"
    clock.advance(0.1)
    server.tick()
    assert ann.of("presence")[-1]["users"] == 1
    for _ in range(3):
        clock.advance(1)
        server.tick()
    monkeypatch.setattr(server.services.gossip, "changed", lambda page: walked())
    clock.advance(60)
    server.services.gossip.tick()


# usage


async def test_h17_never_twice_when_the_answer_is_lost(start: Start) -> None:
    billing, storage, clock = Billing(), TroubledStorage(), Clock()
    server = await start(storage, on_usage=billing, clock=clock)
    ann, bob = await server.join("ann"), await server.join("bob")
    billing.fails = 2
    for number in range(4):
        await ann.do(create_chat(f"{number}"))
        await bob.at(number + 1)
        server.tick()
        storage.break_after.append("add_usage")
        with pytest.raises(StorageUnavailable):
            await server.services.meter.flush()
        storage.break_after.clear()
    for _ in range(4):
        try:
            await server.services.meter.flush()
        except Exception:  # the host's bill is away
            continue
    [row] = await storage.usage("acme", "2000-01-01", "2100-01-01")
    assert row.counters["operationCount"] == row.counters["chatCreateCount"] == 4
    assert row.counters["eventDeliveryCount"] == 8
    assert +billing.total == row.counters


async def test_h17_two_flushes_at_once(start: Start) -> None:
    """The last one at the end of the process meets the one that is under way."""
    storage, billing = TroubledStorage(), Billing()
    server = await start(storage, on_usage=billing)
    ann = await server.join("ann")
    await ann.do(create_chat("1"))
    server.tick()
    gate = storage.hold("add_usage")
    first = asyncio.create_task(server.services.meter.flush())
    await until(lambda: gate.waiting == 1)
    await ann.do(create_chat("2"))
    server.tick()
    second = asyncio.create_task(server.services.meter.flush())
    await turns()
    gate.open()
    await asyncio.gather(first, second)
    await server.services.meter.flush()
    [row] = await storage.usage("acme", "2000-01-01", "2100-01-01")
    assert row.counters["operationCount"] == billing.total["operationCount"] == 2


async def test_h17_the_day_on_which_it_was_counted(start: Start) -> None:
    clock = Clock(epoch_ms=1_750_031_990_000)  # ten seconds before midnight, UTC
    server = await start(clock=clock)
    ann = await server.join("ann")
    await ann.do(create_chat("today"))
    clock.advance(10)
    server.tick()
    await ann.do(create_chat("tomorrow"))
    clock.advance(5)
    server.tick()
    await server.services.meter.flush()
    rows = await server.storage.usage("acme", "2000-01-01", "2100-01-01")
    assert [row.counters["operationCount"] for row in rows] == [1, 1]
    assert [row.counters["connectionSeconds"] for row in rows] == [10, 5]


async def test_h17_what_is_not_counted(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    operation = create_chat()
    ack = await ann.do(operation)
    await ann.do(operation)
    await ann.refused(resolve_chat(new_id()), "not-found")
    await ann.at(1)
    ann.say({"type": "ping"})
    await ann.do(resolve_chat(ack["chatId"]))
    nothing = await ann.do(resolve_chat(ack["chatId"]))
    assert nothing["seq"] == 2
    await ann.at(2)
    server.tick()
    await server.services.meter.flush()
    [row] = await server.storage.usage("acme", "2000-01-01", "2100-01-01")
    presence = len(ann.of("presence"))
    assert row.counters["operationCount"] == 3, "those that change nothing included"
    assert row.counters["eventDeliveryCount"] == 2
    assert row.counters["pubSubMessageCount"] == 3 + 2 + presence
