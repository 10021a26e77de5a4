"""What is played to a server to find out whether it keeps its promises. A story returns the
violations that the checker found, or raises where it notices by itself."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from collabchat_asgi import Quota, Tuning
from collabchat_asgi.commands import copy as copying
from collabchat_asgi.hooks.quota import as_hook
from collabchat_asgi.storage.abc import ReadBy
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import History, check
from collabchat_asgi.testing import operations as op
from collabchat_asgi.testing.operations import new_id

from ..engine.harness import (
    KEY,
    Client,
    Clock,
    Gate,
    Server,
    TroubledBus,
    TroubledStorage,
    Waits,
    turns,
    until,
    write_log_down,
)
from ..engine.schedules import World

Story = Callable[[], Awaitable[set[str]]]


class Stage:
    """Two processes on one storage and one bus, and a history of all that is said."""

    def __init__(self, **how: Any) -> None:
        self.how = how
        self.history = History()
        self.storage = TroubledStorage()
        self.bus = new_id()
        self.servers: list[Server] = []

    async def __aenter__(self) -> Stage:
        for _ in range(2):
            storage = self.storage if not self.servers else TroubledStorage(self.storage.inner)
            self.servers.append(await Server.start(storage, TroubledBus(self.bus), **self.how))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self.servers:
            await server.stop()

    async def join(self, name: str, server: int = 0, **who: Any) -> Client:
        return await self.servers[server].join(name, history=self.history, **who)

    async def end(self, *clients: Client, log: bool = True, judge: int = 0) -> set[str]:
        """Everything settles, the server `judge` reads the log; the names of what is wrong."""
        await turns(200)
        for server in self.servers[judge:]:
            await server.heal()
        await turns(200)
        self.history.quiet()
        if log:
            await write_log_down(self.history, self.servers[judge])
        for client in clients:
            client.write_down()
        return check(self.history).names


async def storm() -> set[str]:
    names: set[str] = set()
    for seed in range(3):
        memory = MemoryStorage()
        names |= (await World(lambda memory=memory: memory, seed, faults=False).run()).names  # type: ignore[misc]
    return names


async def storage_fails() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob")
        await ann.do(op.create_chat("0"))
        stage.storage.break_before.append("commit")
        await ann.answer(ann.operate(op.create_chat("lost")))
        return await stage.end(ann, bob, judge=1)


async def refusals() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        for number in range(12):
            await ann.ask(op.create_chat(f"{number}"))
        return await stage.end(ann, bob)


async def resume() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        for number in range(6):
            await ann.do(op.create_chat(f"{number}"))
        await bob.at(6)
        bob.leave()
        await ann.do(op.create_chat("while away"))
        back = await bob.come_back(stage.servers[0])
        await back.expect("subscribed")
        return await stage.end(ann, back)


async def trimmed() -> set[str]:
    async with Stage() as stage:
        ann = await stage.join("ann")
        bob = await stage.join("bob")
        await ann.do(op.create_chat("0"))
        await bob.at(1)
        bob.leave()
        for number in range(6):
            await ann.do(op.create_chat(f"{number}"))
        await stage.storage.trim(before_ms=2**50, keep_events=2)
        back = await bob.come_back(stage.servers[1])
        await back.expect("subscribed")
        await ann.do(op.create_chat("later"))
        return await stage.end(ann, back, log=False)


async def pending_batch() -> set[str]:
    async with Stage() as stage:
        ann = await stage.join("ann")
        await ann.do(op.create_chat("sent"))
        page = stage.servers[0].open_page()
        page.pace = Waits(30.0)
        await ann.do(op.create_chat("waits"))
        await ann.do(op.create_chat("waits too"))
        bob = await stage.join("bob")
        page.flush()
        return await stage.end(ann, bob)


async def across() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        for number in range(5):
            await ann.do(op.create_chat(f"{number}"))
        return await stage.end(ann, bob)


async def echo() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob")
        for number in range(5):
            await ann.do(op.create_chat(f"{number}"))
        return await stage.end(ann, bob)


async def rollback() -> set[str]:
    async with Stage() as stage:
        ann = await stage.join("ann")
        first = await ann.do(op.create_chat("kept"))
        inner: Any = stage.storage.inner
        saved = copy.deepcopy(inner._data.pages)
        await ann.do(op.create_chat("lost"))
        inner._data.pages = saved
        other = await ann.do(op.create_chat("other"))
        return {"epoch-kept"} if other["epoch"] == first["epoch"] else set()


async def retries() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        creation = op.create_chat("once")
        ack = await ann.do(creation)
        comment = op.add_comment(ack["chatId"])
        del comment["comment"]["id"]
        await ann.do(comment)
        ann.leave()
        back = await ann.come_back(stage.servers[1])
        for operation in (creation, comment, comment):
            await back.ask(operation)
        return await stage.end(back, bob)


async def conflicts() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        creation = op.create_chat("mine")
        await ann.do(creation)
        await bob.at(1)
        names = set()
        for operation in (creation, {**op.create_chat(), "broadcastId": creation["broadcastId"]}):
            answer = await bob.ask(operation)
            names |= {"conflict-not-told"} if answer.get("code") != "conflict" else set()
        return names | await stage.end(ann, bob)


async def nothings() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        chat = (await ann.do(op.create_chat()))["chatId"]
        await ann.do(op.resolve_chat(chat))
        nothing = op.resolve_chat(chat)
        await ann.do(nothing)
        await bob.at(2)
        await bob.do(op.reopen_chat(chat))
        await ann.at(3)
        await ann.do(nothing)
        return await stage.end(ann, bob)


async def stale() -> set[str]:
    async with Stage() as stage:
        bob = await stage.join("bob", 1)
        for server in stage.servers:
            bus: Any = server.bus
            bus.deaf = True
        ann = await stage.join("ann")
        for number in range(3):
            await ann.do(op.create_chat(f"{number}"))
        await ann.at(3)
        ann.leave()
        back = await ann.come_back(stage.servers[1])
        await back.expect("subscribed")
        return await stage.end(back, bob)


async def tenants() -> set[str]:
    async with Stage() as stage:
        ann = await stage.join("ann")
        mallory = await stage.join("mallory", tenant="rival")
        ack = await ann.do(op.create_chat("secret"))
        await turns(100)
        assert mallory.page.seq == 0, "another tenant's page is seen"
        stranger = await stage.join("stranger", 1, tenant="rival")
        assert stranger.page.chats == {}, "another tenant's page is seen"
        await mallory.refused(op.resolve_chat(ack["chatId"]), "not-found")
        return await stage.end(ann)


async def slow_reader() -> set[str]:
    small = Tuning(ping_bytes=4 * 1024, window_bytes=32 * 1024, ring_frames=8)
    async with Stage(tuning=small, clock=Clock()) as stage:
        ann, mute = await stage.join("ann"), await stage.join("mute")
        mute.answers_pings = False
        for number in range(60):
            await ann.do(op.create_chat(f"{number} " + "x" * 1_000))
        await ann.at(60)
        sent = sum(map(len, mute.texts))
        assert sent <= small.window_bytes, f"{sent} bytes to a reader that confirms nothing"
        [viewer] = mute.connection.viewers.values()
        assert len(viewer._owed) < 10, f"{len(viewer._owed)} frames wait for one reader"
        return set()


async def deletions() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob")
        chat = (await ann.do(op.create_chat("kept")))["chatId"]
        await bob.at(1)
        bob.leave()
        secret = await ann.do(op.add_comment(chat, "my password"))
        await ann.do(op.edit_comment(chat, secret["commentId"], "oh"))
        back = await bob.come_back(stage.servers[0])
        await back.at(3)
        return await stage.end(ann, back)


async def deletions_in_the_log() -> set[str]:
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob")
        chat = (await ann.do(op.create_chat("kept")))["chatId"]
        await bob.at(1)
        bob.leave()
        secret = await ann.do(op.add_comment(chat, "my password"))
        await ann.do(op.delete_comment(chat, secret["commentId"]))
        back = await bob.come_back(stage.servers[1])
        await back.at(3)
        return await stage.end(ann, back)


async def usage() -> set[str]:
    async with Stage() as stage:
        server = stage.servers[0]
        ann = await stage.join("ann")
        for number in range(5):
            await ann.do(op.create_chat(f"{number}"))
        server.services.meter.gather()
        stage.storage.break_after.append("add_usage")
        for _ in range(3):
            try:
                await server.services.meter.flush()
            except Exception:
                continue
        rows = await stage.storage.usage("acme", "0000-00-00", "9999-99-99")
        counted = sum(row.counters.get("operationCount", 0) for row in rows)
        assert counted == 5, f"5 operations were counted as {counted}"
        return set()


async def presence() -> set[str]:
    async with Stage() as stage:
        await stage.join("ann")
        await stage.join("ann")
        await stage.join("bob", 1)
        await turns(200)
        counts = stage.servers[0].open_page().presence.counts()
        assert counts == (2, 3), f"2 people on 3 connections are told as {counts}"
        return set()


async def lanes() -> set[str]:
    async with Stage() as stage:
        ann = await stage.join("ann")
        stage.storage.break_before.append("commit")
        assert (await ann.ask(op.create_chat("first")))["retry"]
        behind = await ann.ask(op.create_chat("second"))
        assert behind["type"] == "error", "the second has overtaken the first"
        return set()


async def eviction() -> set[str]:
    async with Stage(tuning=Tuning(idle_pages=0)) as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        await stage.servers[1].services.pages.evict()
        await ann.do(op.create_chat())
        return await stage.end(ann, bob)


async def over_quota() -> set[str]:
    """Two processes let through what one tenant has, and no more."""
    async with Stage(quota=as_hook(Quota(operations=6))) as stage:
        here, there = (server.services.flush_quotas for server in stage.servers)
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        for _ in range(3):
            await bob.refused(op.resolve_chat(new_id()), "not-found")
        for _ in range(2):
            await ann.do(op.create_chat())
        stage.storage.break_after.append("add_usage")
        for flush in (here, here, there, there):
            await flush()
        said = [bob.operate(op.create_chat()) for _ in range(8)]
        answers = [await bob.answer(id) for id in said]
        told = Counter(answer.get("code", "ack") for answer in answers)
        assert told == {"ack": 4, "quota": 4}, f"6 less 2 were let through as {dict(told)}"
        for flush in (there, here):
            await flush()
        await ann.refused(op.create_chat(), "quota")
        return await stage.end(ann, bob)


async def forgotten() -> set[str]:
    """Somebody's words go from the storage and from the screen of who looks on."""
    async with Stage() as stage:
        engine = stage.servers[0].engine
        gone = await stage.join("rumpelstiltskin", role="moderator")
        bob = await stage.join("bob", 1, role="moderator")
        words = "words of rumpelstiltskin"
        chat = (await gone.do(op.create_chat(words)))["chatId"]
        await gone.do(op.create_chat(words))
        await bob.at(2)
        answer = await bob.do(op.add_comment(chat, "an answer"))
        await gone.at(3)
        await gone.do(op.add_reaction(chat, answer["commentId"]))
        await gone.do(op.resolve_chat(chat))
        await bob.at(5)
        elsewhere = await stage.join("bob", url_id="elsewhere")
        await elsewhere.do(op.create_chat())
        only_read = ReadBy(elsewhere.connection.viewers["elsewhere"].page.key, gone.name)
        await stage.storage.keep_read({only_read: 1})
        gone.leave()
        before = bob.page.epoch
        await engine.forget(gone.name, "acme")
        await stage.servers[1].heal()
        left = repr(await stage.storage.dump(KEY))
        assert gone.name not in left, "they stand in the storage"
        assert "an answer" in left
        assert not await stage.storage.read_up_to([only_read]), "how far they have read is known"
        await turns(300)
        assert bob.page.epoch != before, "who looks on is told nothing"
        assert gone.name not in repr(bob.page.chats), "they stand on a screen"
        assert bob.bodies[chat][-1:] == ["an answer"]
        assert not (await engine.forget(gone.name, "acme")).gone.pages, "they were still there"
        return set()


async def moved() -> set[str]:
    """A page goes to another storage in two runs; its people go on there."""
    async with Stage() as stage:
        source, target = stage.storage.inner, MemoryStorage()
        ann = await stage.join("ann", role="moderator")
        creation = op.create_chat("before")
        nothing = op.resolve_chat((await ann.do(creation))["chatId"])
        await copying.copy_page(source, target, KEY)
        await ann.do(nothing)
        again = op.resolve_chat(nothing["chatId"])
        await ann.do(again)
        await ann.do(op.create_chat("between"))
        await ann.at(3)
        ann.leave()
        await stage.servers[0].services.meter.last_flush()
        await copying.copy_page(source, target, KEY)
        for _ in range(2):
            await copying.copy_usage(source, target, ["acme"])
        usage = [await one.usage("acme", "0000", "9999") for one in (source, target)]
        assert usage[0] == usage[1] != [], "what was used is another amount there"
        new = await Server.start(target, TroubledBus(new_id()))
        stage.servers.append(new)
        back = await ann.come_back(new)
        for operation in (creation, nothing, again):
            await back.ask(operation)
        await back.do(op.create_chat("after"))
        return await stage.end(back, judge=2)


async def counted() -> set[str]:
    """What operators are told is what was said and heard."""
    async with Stage() as stage:
        ann, bob = await stage.join("ann"), await stage.join("bob", 1)
        first = op.create_chat()
        for operation in (first, first, op.create_chat()):
            await ann.do(operation)
        await bob.do(op.create_chat())
        for _ in range(2):
            await bob.refused(op.resolve_chat(new_id()), "not-found")
        for client in (ann, bob):
            await client.at(3)
        for server in stage.servers:
            server.services.gossip.greet()
        await until(lambda: all(server.services.gossip.peers for server in stage.servers))
        rows = [
            row
            for rows in (await stage.servers[0].running.numbers.everywhere()).values()
            for row in rows
        ]

        outcomes: Counter[str] = Counter()
        for name, labels, [number, *_] in rows:
            if name == "operations":
                outcomes[labels[1]] += int(number)
        assert outcomes == {"accepted": 3, "repeated": 1, "not-found": 2}, dict(outcomes)
        heard = sum(last - first + 1 for one in (ann, bob) for first, last in one.numbers)
        delivered = sum(row[2][0] for row in rows if row[0] == "events_delivered")
        assert delivered == heard, f"{heard} events were heard, {delivered:g} are told"
        joins = sum(row[2][0] for row in rows if row[0] == "joins")
        assert joins == 2, f"2 joins are told as {joins:g}"
        return await stage.end(ann, bob)


async def typing() -> set[str]:
    """Somebody types while others are being sent something: one in time, one too late."""
    clock, gate = Clock(), Gate()

    async def before(client: Client, text: str) -> None:
        await gate.pass_through()

    server = await Server.start(clock=clock)
    ann, bob = await server.join("ann"), await server.join("bob", before_send=before)
    chat = (await ann.do(op.create_chat("1")))["chatId"]
    for number, late in ((2, False), (3, True)):
        await bob.at(number - 1)
        gate.shut()
        await ann.do(op.add_comment(chat, f"{number}"))
        await until(lambda: gate.waiting)
        ann.say({"type": "typing", "urlId": ann.url_id, "chatId": chat})
        await turns()
        clock.advance(5.1 if late else 0.1)
        gate.open()
        await turns(50)
        assert len(bob.of("typing")) == 1, "late" if late else "in time"
        clock.advance(5.0)
    await server.stop()
    return set()


STORIES: dict[str, Story] = {
    story.__name__: story
    for story in (
        storm,
        storage_fails,
        refusals,
        resume,
        trimmed,
        pending_batch,
        across,
        echo,
        rollback,
        retries,
        conflicts,
        nothings,
        stale,
        tenants,
        slow_reader,
        deletions,
        deletions_in_the_log,
        usage,
        presence,
        lanes,
        eviction,
        over_quota,
        forgotten,
        moved,
        counted,
        typing,
    )
}
