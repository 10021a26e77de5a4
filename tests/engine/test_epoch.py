"""H7: an epoch is drawn with the first event, and changes whenever history was lost."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from collabchat_asgi import Limits, Timing
from collabchat_asgi.core.model import NOWHERE, Position
from collabchat_asgi.engine.erasing.retention import FIRST_SECONDS, Retention
from collabchat_asgi.engine.storage_time import StorageTime
from collabchat_asgi.storage.abc import Group, Outcome, Revise, Storage
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import FakeClock, History, check
from collabchat_asgi.testing.operations import (
    add_comment,
    add_reaction,
    create_chat,
    delete_chat,
    new_id,
    resolve_chat,
)

from .conftest import Start
from .harness import KEY, Client, Server, TroubledBus, TroubledStorage, turns, until, write_log_down


def backup(storage: TroubledStorage) -> Any:
    return copy.deepcopy(_data(storage).pages)


def restore(storage: TroubledStorage, saved: Any) -> None:
    _data(storage).pages = copy.deepcopy(saved)


def _data(storage: TroubledStorage) -> Any:
    assert isinstance(storage.inner, MemoryStorage)
    return storage.inner._data


async def test_h07a_the_first_event_brings_the_epoch(pair: tuple[Server, Server]) -> None:
    one, two = pair
    ann, bob = await one.join("ann"), await two.join("bob")
    assert (ann.page.epoch, bob.page.epoch) == ("", "")
    ack = await ann.do(create_chat())
    await bob.at(1)
    assert ann.page.epoch == bob.page.epoch == ack["epoch"] != ""
    for client in (ann, bob):
        assert client.of("subscribed") == [], "nobody was told that history was lost"


@pytest.mark.parametrize("refused", ["not-found", "nothing", "deferred"])
async def test_h07a_a_first_word_that_changes_nothing_brings_no_other_epoch(
    start: Start, refused: str
) -> None:
    """A process that has heard of no event yet learns of the first ones in a commit of its own,
    which adds none."""
    storage = TroubledStorage()
    hooks: dict[str, Any] = {"authorize": lambda access: True} if refused == "deferred" else {}
    one, two = await start(storage), await start(TroubledStorage(storage.inner), **hooks)
    ann, bob = await one.join("ann"), await two.join("bob")
    chat = (await ann.do(create_chat()))["chatId"]
    ack = await ann.do(resolve_chat(chat))
    if refused == "nothing":
        assert (await bob.do(resolve_chat(chat)))["seq"] == 2
    elif refused == "deferred":
        await bob.do(add_comment(chat))
    else:
        await bob.refused(delete_chat(new_id()), "not-found")
    await bob.at(2)
    assert bob.page.epoch == ack["epoch"]
    assert two.open_page().position.epoch == ack["epoch"]
    await ann.do(create_chat("next"))
    await two.heal()
    await bob.at(3)
    assert bob.of("subscribed") == [], "and no history was lost on the way"


async def test_h07b_an_erase_under_a_live_reader(start: Start) -> None:
    storage = TroubledStorage()
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    history = History()
    ann, bob = await one.join("ann", history=history), await two.join("bob", history=history)
    first = await ann.do(create_chat("soon forgotten"))
    await bob.server.heal()
    await bob.at(1)
    await storage.erase(KEY)
    for server, client in ((one, ann), (two, bob)):
        await server.heal()
        subscribed = await client.expect("subscribed")
        assert (subscribed["epoch"], subscribed["seq"], subscribed["recovered"]) == ("", 0, False)
        await client.expect("snapshot", last=True)
        assert client.page.chats == {}
    again = await bob.do(create_chat("anew"))
    assert again["epoch"] != first["epoch"]
    assert again["seq"] == 1
    await one.heal()
    await ann.at(1)
    history.quiet()
    await write_log_down(history, one)
    report = check(history, expect_epoch_changes=True)
    assert report.names <= {"acked-lost"}, report


async def test_h07b_a_commit_meets_an_erased_page(start: Start) -> None:
    """Whoever comes first after the erase, an operation or a sweep: the page starts anew."""
    storage = TroubledStorage()
    server = await start(storage)
    ann, bob = await server.join("ann"), await server.join("bob")
    first = await ann.do(create_chat("soon forgotten"))
    await storage.erase(KEY)
    again = await ann.do(create_chat("anew"))
    assert (again["seq"], again["epoch"] == first["epoch"]) == (1, False)
    for client in (ann, bob):
        assert (await client.expect("subscribed"))["recovered"] is False
        await until(lambda client=client: client.page.epoch == again["epoch"])
        assert list(client.bodies.values()) == [["anew"]]


async def test_h07c_a_rollback_found_by_the_sweep_draws_a_new_epoch(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    first = await ann.do(create_chat("kept"))
    saved = backup(storage)
    await ann.do(create_chat("lost"))
    await ann.at(2)
    restore(storage, saved)
    await server.heal()
    subscribed = await ann.expect("subscribed")
    assert subscribed["recovered"] is False
    assert subscribed["epoch"] != first["epoch"]
    await ann.expect("snapshot", last=True)
    assert list(ann.bodies.values()) == [["kept"]]


@pytest.mark.parametrize("lost", [1, 2, 3, 15])
@pytest.mark.parametrize("heard", [False, True])
async def test_a_rollback_that_was_written_over_draws_a_new_epoch(
    start: Start, lost: int, heard: bool
) -> None:
    """A failover to a standby that lacks the end, and somebody who had not seen it comes first:
    behind, at and past the old head. `heard`: what follows arrives before the sweep does."""
    storage = TroubledStorage()
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    ann, bob = await one.join("ann"), await two.join("bob")
    first = await ann.do(create_chat("kept"))
    await two.heal()
    await one.heal()
    saved = backup(storage)
    for _ in range(lost):
        await ann.do(create_chat("lost"))
    restore(storage, saved)
    for _ in range(2):
        await bob.do(create_chat("told"))
    if heard and lost < 3:
        one.open_page().sequencer.head_is(Position(first["epoch"], 3))
        await one.services.reader.catch_up(one.open_page())
        assert one.open_page().position.seq == 3
    await one.heal()
    subscribed = await ann.expect("subscribed")
    assert (subscribed["recovered"], subscribed["seq"]) == (False, 3)
    assert subscribed["epoch"] != first["epoch"]
    await ann.expect("snapshot", last=True)
    assert sorted(body for [body] in ann.bodies.values()) == ["kept", "told", "told"]
    await two.heal()
    assert (await bob.expect("subscribed"))["epoch"] == subscribed["epoch"]


@dataclass
class Lost:
    """Ann's process has seen an event that a failover has lost, before Bob's and Eve's were told
    of it."""

    storages: Sequence[TroubledStorage]
    """As each of them has it."""
    hers: TroubledBus
    his: TroubledBus
    two: Server
    ann: Client
    bob: Client
    eve: Client
    epoch: str

    @classmethod
    async def come_about(cls, start: Start, *, late: bool = False) -> Lost:
        """`late`: the hint of it arrives when `hear_late` lets it."""
        bus, inner = new_id(), MemoryStorage()
        storages = [TroubledStorage(inner) for _ in range(3)]
        hers, his, third = [TroubledBus(bus) for _ in storages]
        pairs = zip(storages, (hers, his, third), strict=True)
        servers = [await start(storage, own) for storage, own in pairs]
        names = zip(servers, ("ann", "bob", "eve"), strict=True)
        ann, bob, eve = [await server.join(name) for server, name in names]
        first = await ann.do(create_chat("kept"))
        await bob.at(1)
        await eve.at(1)
        saved = backup(storages[0])
        hers.deaf, hers.delay = not late, float(late)
        await ann.do(create_chat("lost"))
        hers.deaf = False
        restore(storages[0], saved)
        return cls(storages, hers, his, servers[1], ann, bob, eve, first["epoch"])

    async def hear_late(self) -> None:
        """The hint of what was lost arrives."""
        self.hers.delay = 0.0
        await self.hers.release()
        await turns()

    async def tell(self, unheard: int = 0, heard: int = 1) -> None:
        """Bob goes on; the first hints of it are lost."""
        for number in range(unheard + heard):
            self.his.deaf = number < unheard
            await self.bob.do(create_chat("told"))
            await turns()

    async def is_over(self, told: int) -> None:
        """Ann's page has begun anew with what stayed, and nobody waited for the sweep."""
        subscribed = await self.ann.expect("subscribed")
        assert (subscribed["recovered"], subscribed["epoch"] == self.epoch) == (False, False)
        await until(lambda: self.ann.page.seq == 1 + told)
        assert [body for [body] in self.ann.bodies.values()] == ["kept", *["told"] * told]
        await self.two.heal()
        await until(lambda: self.bob.page.epoch == self.ann.page.epoch)


@pytest.mark.parametrize("told", [1, 2])
async def test_a_hint_of_another_event_in_a_known_place_draws_a_new_epoch(
    start: Start, told: int
) -> None:
    lost = await Lost.come_about(start)
    await lost.tell(heard=told)
    await lost.is_over(told)


@pytest.mark.parametrize("unheard", [1, 2])
async def test_a_hint_of_what_follows_another_event_draws_a_new_epoch(
    start: Start, unheard: int
) -> None:
    """The hint of what stands in the known place is lost itself: the next one names what it
    follows, and one that leaves a gap has the log read, which has that name too."""
    lost = await Lost.come_about(start)
    await lost.tell(unheard)
    await lost.is_over(unheard + 1)
    assert lost.ann.numbers == [(1, 1), (2, 2)], "nothing was told on top of what was lost"


async def test_a_log_that_has_another_event_than_was_heard_draws_a_new_epoch(start: Start) -> None:
    """A hint of what was lost comes late, while the log is read for what came in its place."""
    lost = await Lost.come_about(start, late=True)
    eve = lost.eve
    gate = lost.storages[2].hold("read", answer=True)
    await lost.tell(unheard=1)
    await until(lambda: gate.waiting)
    await lost.hear_late()
    assert eve.page.seq == 3, "what was lost, and what follows another event"
    gate.open()
    await until(lambda: eve.page.epoch != lost.epoch)
    await until(lambda: eve.page.seq == 3)
    assert [body for [body] in eve.bodies.values()] == ["kept", "told", "told"]


async def test_a_late_hint_of_what_was_lost_is_not_believed(start: Start) -> None:
    """Who has the history that stayed reads the log, and finds nothing wrong."""
    lost = await Lost.come_about(start, late=True)
    await lost.tell()
    await lost.hear_late()
    await lost.is_over(told=1)
    assert [body for [body] in lost.bob.bodies.values()] == ["kept", "told"]


class LooksAtNumbersAlone(MemoryStorage):
    """As one of somebody's own that was written before `Group.last`."""

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        return await super().commit([replace(group, last="") for group in groups], revise)


@pytest.mark.parametrize("done", [add_reaction, add_comment, resolve_chat])
@pytest.mark.parametrize("told", [1, 2])
async def test_nothing_is_done_to_a_chat_that_a_failover_lost(
    start: Start, done: Any, told: int
) -> None:
    """Its number has another event now, and perhaps somebody has gone on: who had seen the lost one
    is not let build on it, and whoever read it starts over with the commit."""
    storage = TroubledStorage()
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    ann, eve = await one.join("ann"), await one.join("eve")
    first = await ann.do(create_chat("kept"))
    saved = backup(storage)
    lost = await ann.do(create_chat("lost"))
    await eve.at(2)
    restore(storage, saved)
    bob = await two.join("bob")
    for _ in range(told):
        await bob.do(create_chat("told"))
    ids = (lost["chatId"], lost["commentId"]) if done is add_reaction else (lost["chatId"],)
    assert (await ann.ask(done(*ids)))["code"] == "not-found"
    for client in (ann, eve):
        subscribed = await client.expect("subscribed")
        assert (subscribed["recovered"], subscribed["seq"]) == (False, 1 + told)
        assert subscribed["epoch"] != first["epoch"]
        await client.expect("snapshot", last=True)
        assert [body for [body] in client.bodies.values()] == ["kept", *["told"] * told]
    await two.heal()
    assert (await bob.expect("subscribed"))["epoch"] == subscribed["epoch"]
    assert (await ann.do(create_chat("and on")))["seq"] == 2 + told


@pytest.mark.parametrize("done", [add_reaction, add_comment, resolve_chat])
async def test_what_is_done_to_a_chat_that_a_failover_lost_keeps_nobody_from_the_page(
    start: Start, done: Any
) -> None:
    """Who had seen the chat goes on with it before the sweep: its records are not whole."""
    storage = TroubledStorage(LooksAtNumbersAlone())
    one, two = await start(storage), await start(TroubledStorage(storage.inner))
    ann = await one.join("ann")
    await ann.do(create_chat("kept"))
    saved = backup(storage)
    lost = await ann.do(create_chat("lost"))
    restore(storage, saved)
    bob = await two.join("bob")
    await bob.do(create_chat("told"))
    ids = (lost["chatId"], lost["commentId"]) if done is add_reaction else (lost["chatId"],)
    assert (await ann.do(done(*ids)))["seq"] == 3
    await one.heal()
    assert (await ann.expect("subscribed"))["recovered"] is False
    await ann.expect("snapshot", last=True)
    said = [body for bodies in ann.bodies.values() for body in bodies]
    assert said[:2] == ["kept", "told"]
    assert all(ann.bodies.values()), "a chat without a comment"
    await two.heal()
    third = await start(TroubledStorage(storage.inner))
    assert (await third.join("eve")).bodies == ann.bodies
    await bob.do(create_chat("and on"))


async def test_a_page_whose_log_is_too_old_still_tells_that_its_storage_went_back(
    start: Start,
) -> None:
    """`log_events=0`, and nobody has written for longer than `log_days`: who opens the page then,
    before a backup is restored and written on to the same number, knows its end by name."""
    clock = FakeClock()
    storage = TroubledStorage(MemoryStorage(clock=clock.now_ms))
    ann = await (await start(storage)).join("ann")
    first = await ann.do(create_chat("kept"))
    saved = backup(storage)
    await ann.do(create_chat("lost"))
    clock.advance(8 * 86_400)
    await housekeeping(storage, clock, Limits(log_events=0))
    two = await start(TroubledStorage(storage.inner))
    bob = await two.join("bob")
    restore(storage, saved)
    eve = await (await start(TroubledStorage(storage.inner))).join("eve")
    assert (await eve.do(create_chat("told")))["seq"] == bob.page.seq == 2
    await two.heal()
    subscribed = await bob.expect("subscribed")
    assert (subscribed["recovered"], subscribed["epoch"] == first["epoch"]) == (False, False)
    await bob.expect("snapshot", last=True)
    assert [body for [body] in bob.bodies.values()] == ["kept", "told"]


async def housekeeping(storage: Storage, clock: FakeClock, limits: Limits) -> None:
    """A round of what the engine drops in the background."""
    time = StorageTime(storage, clock)
    rounds = Retention(storage, time, clock, limits, Timing(), None, seconds=5.0)
    running = asyncio.create_task(rounds.run())
    await turns()
    clock.advance(FIRST_SECONDS)
    await turns()
    running.cancel()


async def test_h07c_a_rollback_found_by_a_commit_draws_a_new_epoch(start: Start) -> None:
    """Numbers may not be given to other events in the old epoch: readers of it are still about."""
    storage = TroubledStorage()
    server = await start(storage)
    ann, bob = await server.join("ann"), await server.join("bob")
    first = await ann.do(create_chat("kept"))
    saved = backup(storage)
    await ann.do(create_chat("lost"))
    await bob.at(2)
    away = bob.page.since
    bob.leave()
    restore(storage, saved)
    other = await ann.do(create_chat("other"))
    assert other["epoch"] != first["epoch"]
    assert other["seq"] == 2
    back = server.connect("bob")
    back.ask_for_page(away)
    assert (await back.expect("subscribed"))["recovered"] is False


async def test_h07c_a_rollback_found_by_a_join_draws_a_new_epoch(start: Start) -> None:
    storage = TroubledStorage()
    server = await start(storage)
    ann = await server.join("ann")
    first = await ann.do(create_chat("kept"))
    saved = backup(storage)
    await ann.do(create_chat("lost"))
    await ann.at(2)
    restore(storage, saved)
    bob = await server.join("bob")
    assert bob.page.epoch == ann.page.epoch != first["epoch"]
    assert list(bob.bodies.values()) == [["kept"]]


async def test_h07c_two_processes_agree_on_the_new_epoch(start: Start) -> None:
    storage, bus = TroubledStorage(), new_id()
    one = await start(storage, TroubledBus(bus))
    two = await start(TroubledStorage(storage.inner), TroubledBus(bus))
    ann, bob = await one.join("ann"), await two.join("bob")
    await ann.do(create_chat("kept"))
    saved = backup(storage)
    await ann.do(create_chat("lost"))
    await bob.at(2)
    restore(storage, saved)
    await one.heal()
    await two.heal()
    await until(lambda: ann.page.seq == bob.page.seq == 1)
    assert ann.page.epoch == bob.page.epoch == one.open_page().position.epoch
    await bob.do(create_chat("on"))
    await ann.at(2)
    assert ann.page.outline() == bob.page.outline()


async def test_a_late_load_does_not_turn_time_back(start: Start) -> None:
    """A page is loaded because its log was trimmed; while the answer is under way another load
    serves a commit, and its event is out."""
    storage = TroubledStorage()
    one, two = await start(storage), await start(other := TroubledStorage(storage.inner))
    ann, bob = await one.join("ann"), await two.join("bob")
    for number in range(6):
        await ann.do(create_chat(f"{number}"))
    assert await storage.trim(before_ms=2**50, keep_events=2) == 4
    gate = other.hold("load", answer=True)
    two.services.reader.catch_up_soon(two.open_page())
    await until(lambda: gate.waiting)
    del other.after["load"]
    assert (await bob.do(create_chat("6")))["seq"] == 7
    await bob.at(7)
    gate.open()
    await turns(50)
    assert bob.page.seq == 7
    assert two.open_page().position.seq == 7
    assert [frame["seq"] for frame in bob.of("subscribed")] == [6]


async def test_an_unknown_page_has_no_epoch_and_costs_nothing(start: Start) -> None:
    server = await start()
    ann = await server.join("ann")
    assert server.open_page().position == NOWHERE
    assert ann.page.chats == {}
    assert await server.storage.pages(None, None, 10) == []
