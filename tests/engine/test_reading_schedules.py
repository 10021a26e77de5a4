"""How far people have read, in random orders of what changes a page's history."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest

from collabchat_asgi.core.model import Position
from collabchat_asgi.storage.abc import ReadBy
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing.operations import create_chat, new_id

from .conftest import Start
from .harness import KEY, PAGE, Client, Server, TroubledBus, TroubledStorage, turns

STEPS = 80


class Said:
    """How far Ann has said that she has read, by life of the page: an erasure ends one, a failover
    only draws another epoch."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._life = 0
        self._life_of: dict[str, int] = {}
        self._most: Counter[int] = Counter()

    async def head(self) -> Position:
        head = (await self._storage.heads([KEY]))[KEY]
        if head.epoch:
            self._life_of.setdefault(head.epoch, self._life)
        return head

    async def erase(self, server: Server) -> None:
        await server.engine.erase(KEY)
        self._life += 1

    def now(self, ann: Client, seq: int) -> None:
        epoch, head = ann.connection.viewers[PAGE].page.position
        if epoch:
            life = self._life_of[epoch]
            self._most[life] = max(self._most[life], min(seq, head))
        ann.say({"type": "read", "urlId": PAGE, "seq": seq})

    def most(self, epoch: str) -> int:
        return self._most[self._life_of[epoch]] if epoch else 0

    def wrong(self, ann: Client) -> list[Any]:
        """What she was told to have read, and has not."""
        epoch, wrong = "", []
        for frame in map(json.loads, ann.texts):
            epoch = frame.get("epoch", epoch)
            told = {"subscribed": frame.get("read", 0), "read": frame.get("seq")}
            if told.get(frame["type"], 0) > self.most(epoch):
                wrong.append((frame, self.most(epoch)))
        return wrong


@pytest.mark.parametrize("seed", range(15))
async def test_nobody_is_told_to_have_read_what_has_come_since(start: Start, seed: int) -> None:
    """Three processes with two of Ann's tabs each; each of them may fail to write down what it was
    told, and hears late of what others have done to the page."""
    rng, inner, bus = random.Random(seed), MemoryStorage(), new_id()
    said, hits = Said(inner), Counter[str]()
    storages = [TroubledStorage(inner) for _ in range(3)]
    servers = [await start(storage, TroubledBus(bus)) for storage in storages]
    writer = await servers[0].join("writer")
    tabs = [await server.join("ann") for server in servers for _ in range(2)]
    former: list[Client] = []
    for step in range(STEPS):
        place = rng.randrange(len(tabs))
        ann, server = tabs[place], servers[place // 2]
        what = rng.choices(
            ["write", "read", "erase", "renew", "fail", "store", "heal", "come"],
            [35, 35, 6, 4, 4, 8, 3, 5],
        )[0]
        hits[what] += 1
        if what == "write":
            await writer.do(create_chat(f"{step}"))
        elif what == "read":
            at = ann.page.seq
            said.now(ann, rng.choice([at, at + 3, max(0, at - 2)]))
        elif what == "erase":
            await said.erase(rng.choice(servers))
        elif what == "renew":
            epoch, seq = await said.head()
            await inner.renew(KEY, Position(epoch, seq + 1))
        elif what == "fail":
            rng.choice(storages).break_before.append("keep_read")
        elif what == "store":
            for one in servers:
                await one.services.reading.store()
        elif what == "heal":
            await server.heal()
        else:
            ann.leave()
            former.append(ann)
            tabs[place] = await server.join("ann")
        await said.head()
        await turns(rng.choice([0, 3, 30]))
    for storage in storages:
        storage.break_before.clear()
    for server in servers:
        await server.heal()
        await turns(50)
        await server.services.reading.store()
    assert [wrong for ann in [*tabs, *former] for wrong in said.wrong(ann)] == []
    kept = (await inner.read_up_to([ReadBy(KEY, "ann")])).get(ReadBy(KEY, "ann"), 0)
    assert kept <= said.most((await said.head()).epoch)
    assert hits["erase"] + hits["renew"] > 0
