"""Random schedules: two processes, one storage, a bus that lies, and clients that come back."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from collabchat_asgi.core.model import PageKey
from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.testing import History, Report, check
from collabchat_asgi.testing import operations as op
from collabchat_asgi.testing.operations import new_id

from .harness import (
    TENANT,
    Client,
    Server,
    TroubledBus,
    TroubledStorage,
    turns,
    until,
    write_log_down,
)

STEPS = 40


@dataclass
class World:
    """`make` gives one more instance of the shared storage, as a new process has it."""

    make: Callable[[], Storage]
    seed: int
    faults: bool = True
    history: History = field(default_factory=History)
    hits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.bus = f"world-{new_id()}"
        self.page = f"page-{self.seed}-{new_id()}"
        self.servers: list[Server] = []
        self.clients: list[Client] = []
        self.chats: list[tuple[str, str]] = []
        self.created: set[tuple[str, str]] = set()
        """First comments. The checker cannot know whether deleting one deleted its chat."""

    async def run(self) -> Report:
        try:
            self.servers = [await self._serve(), await self._serve()]
            for number in range(4):
                client = self.servers[number % 2].connect(
                    f"user{number}", url_id=self.page, history=self.history
                )
                client.ask_for_page()
                self.clients.append(client)
            for _ in range(STEPS):
                await self._step()
                await turns(self.rng.randrange(12))
            await self._settle()
        finally:
            for server in self.servers:
                self.hits.update(self._bus(server).hits)
                await server.stop()
        return check(self.history)

    async def _serve(self) -> Server:
        bus = TroubledBus(self.bus, random.Random(self.rng.random()))
        if self.faults:
            bus.loss, bus.repeat, bus.delay = (self.rng.random() * 0.4 for _ in range(3))
        return await Server.start(TroubledStorage(self.make()), bus)

    async def _step(self) -> None:
        draw = self.rng.random()
        if draw < 0.72 or not self.faults:
            self.rng.choice(self.clients).operate(self._operation())
        elif draw < 0.78:
            self._storage_fails()
        elif draw < 0.84:
            await self._comes_back(self.rng.randrange(len(self.clients)))
        elif draw < 0.88:
            await self._dies(self.rng.randrange(2))
        elif draw < 0.94:
            client = self.rng.choice(self.clients)
            if not client.unanswered:
                client.send_pending()
        else:
            await self.rng.choice(self.servers).heal()

    def _storage_fails(self) -> None:
        storage: Any = self.rng.choice(self.servers).storage
        self.hits["storage failed"] += 1
        ways = [storage.break_before, storage.break_after, storage.cancel_within]
        self.rng.choice(ways).append("commit")

    async def _comes_back(self, place: int) -> None:
        """A connection breaks, and the client is back at once, perhaps elsewhere."""
        self.hits["came back"] += 1
        client = self.clients[place]
        client.leave()
        self.clients[place] = await client.come_back(self.rng.choice(self.servers))

    async def _dies(self, place: int) -> None:
        """A process is killed, another one takes its place."""
        self.hits["killed"] += 1
        self.history.fault(f"process {place} dies")
        dead = self.servers[place]
        self.hits.update(self._bus(dead).hits)
        self._bus(dead).hits.clear()
        await dead.die()
        await dead.stop()
        self.servers[place] = await self._serve()
        for number, client in enumerate(self.clients):
            if client.server is dead:
                self.clients[number] = await client.come_back(self.rng.choice(self.servers))

    def _operation(self) -> dict[str, Any]:
        rng, draw = self.rng, self.rng.random()
        if len(self.chats) < 2 or draw < 0.15:
            operation = op.create_chat(f"chat {rng.random()}")
            self.chats.append((operation["chat"]["id"], operation["chat"]["comment"]["id"]))
            self.created.add(self.chats[-1])
            return operation
        chat, comment = rng.choice(self.chats)
        if draw < 0.35:
            operation = op.add_comment(chat, f"comment {rng.random()}")
            self.chats.append((chat, operation["comment"]["id"]))
            return operation
        if draw < 0.55:
            return op.edit_comment(chat, comment, f"edited {rng.random()}")
        if draw < 0.75:
            return rng.choice([op.resolve_chat, op.reopen_chat])(chat)
        if draw < 0.85:
            return rng.choice([op.add_reaction, op.remove_reaction])(chat, comment)
        if draw < 0.93 and (chat, comment) not in self.created:
            return op.delete_comment(chat, comment)
        if draw < 0.96:
            return op.delete_chat(chat)
        return op.move_anchor(chat, op.anchor(start=rng.randrange(900)))

    async def _settle(self) -> None:
        """No more faults: every operation gets its answer, and everyone hears everything."""
        for server in self.servers:
            storage: Any = server.storage
            storage.break_before.clear()
            storage.break_after.clear()
            storage.cancel_within.clear()
            self._bus(server).loss = self._bus(server).delay = self._bus(server).repeat = 0.0
        for client in self.clients:
            await self._all_answered(client)
        for server in self.servers:
            await self._bus(server).release()
            await server.heal()
        key = PageKey(TENANT, self.page)
        head = (await self.servers[0].page(key)).position
        for client in self.clients:
            await until(
                lambda client=client: (
                    (client.page.epoch, client.page.seq) == head and not client.waits_for_page
                ),
                f"{client.name} at {head}",
            )
        self.history.quiet()
        await write_log_down(self.history, self.servers[0], key)
        for client in self.clients:
            client.write_down()
            same = client.page.outline() == self.clients[0].page.outline()
            assert same, f"{client.name} and {self.clients[0].name} see different pages"

    async def _all_answered(self, client: Client) -> None:
        await until(lambda: not client.unanswered, f"answers to {client.unanswered}")
        while client.pending:
            client.send_pending()
            await until(lambda: not client.unanswered, f"answers to {client.unanswered}")

    def _bus(self, server: Server) -> TroubledBus:
        assert isinstance(server.bus, TroubledBus)
        return server.bus
