"""People who write without waiting, and come back whatever happens to their server."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from collabchat_asgi.testing import (
    History,
    HttpClient,
    ReconnectingClient,
    Report,
    ServerProcess,
    check,
)
from collabchat_asgi.testing import operations as op

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
LONG = bool(os.environ.get("TESTS_LONG"))
DEADLINE = 60.0
OUTSTANDING = 4
"""Operations that one person has under way."""
MOST_CHATS = 1_500
"""Of one page. The server takes 2,000: beyond them every answer would be a refusal."""


def serve(storage: str, *arguments: str, **timing: float) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": storage, "FAULTS_TIMING": json.dumps(timing)}
    return ServerProcess("tests.faults.app:app", env=env, directory=ROOT, arguments=arguments)


def soon(attempt: int) -> float:
    return min(0.4, 0.04 * attempt)


async def until(true: Callable[[], object], what: str) -> None:
    """What other processes do has no event to wait for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while not true():
        if loop.time() > deadline:
            raise AssertionError(f"this did not come about in {DEADLINE:g} s: {what}")
        await asyncio.sleep(0.005)


class Writer:
    """One person: chats of their own, comments in everybody's, and second thoughts."""

    def __init__(self, client: ReconnectingClient, rng: random.Random, shared: list[str]) -> None:
        self.client = client
        self.rng = rng
        self.acked = 0
        self.refused: list[Json] = []
        self._shared = shared
        self._mine: list[tuple[str, str]] = []
        """(chat, comment) that this person has made."""
        self._created: set[tuple[str, str]] = set()
        """First comments. The checker cannot know whether deleting one deleted its chat."""

    async def write(self) -> None:
        """For ever, at most so many at once."""
        waiting: set[asyncio.Future[Json]] = set()
        while True:
            while len(waiting) < OUTSTANDING:
                answer = self.client.submit(self._next())
                answer.add_done_callback(self._answered)
                waiting.add(answer)
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    def _answered(self, answer: asyncio.Future[Json]) -> None:
        if answer.cancelled():
            return
        if answer.result()["type"] == "ack":
            self.acked += 1
        else:
            self.refused.append(answer.result())

    def _next(self) -> Json:
        rng = self.rng
        full = len(self._shared) >= MOST_CHATS
        if not self._shared or (rng.random() < 0.12 and not full):
            operation = op.create_chat(f"chat {rng.random()}")
            chat, comment = operation["chat"]["id"], operation["chat"]["comment"]["id"]
            self._mine.append((chat, comment))
            self._created.add((chat, comment))
            self._shared.append(chat)
            return operation
        chat = rng.choice(self._shared if full else self._shared[-6:])
        draw = rng.random()
        if draw < 0.5 or not self._mine:
            operation = op.add_comment(chat, f"comment {rng.random()}")
            self._mine.append((chat, operation["comment"]["id"]))
            return operation
        chat, comment = rng.choice(self._mine[-8:])
        if draw < 0.65:
            return op.edit_comment(chat, comment, f"edited {rng.random()}")
        if draw < 0.75:
            return rng.choice([op.add_reaction, op.remove_reaction])(chat, comment)
        if draw < 0.85 and (chat, comment) not in self._created:
            self._mine.remove((chat, comment))
            return op.delete_comment(chat, comment)
        return rng.choice([op.resolve_chat, op.reopen_chat])(chat)


class Crowd:
    """Writers and viewers on a few pages, wherever `urls` lead them."""

    def __init__(
        self,
        urls: Sequence[str],
        history: History,
        *,
        seed: int,
        pages: Sequence[str] = ("one", "two"),
        writers: int = 3,
        viewers: int = 1,
    ) -> None:
        self.history = history
        self.pages = pages
        self.clients: list[ReconnectingClient] = []
        self.writers: list[Writer] = []
        self._tasks: list[asyncio.Task[None]] = []
        rng = random.Random(seed)
        for page in pages:
            shared: list[str] = []
            for number in range(writers + viewers):
                name = f"{page}{number}"
                turn = rng.randrange(len(urls))
                client = ReconnectingClient.start(
                    [*urls[turn:], *urls[:turn]],
                    page,
                    backoff=soon,
                    token=f"{name}@acme:commenter",
                    tenant="acme",
                    name=name,
                    history=history,
                )
                self.clients.append(client)
                if number < writers:
                    self.writers.append(Writer(client, random.Random(rng.random()), shared))

    @property
    def acked(self) -> int:
        return sum(writer.acked for writer in self.writers)

    @property
    def in_flight(self) -> int:
        return sum(client.in_flight for client in self.clients)

    def in_flight_at(self, url: str) -> int:
        """On connections to this server."""
        there = (c for c in self.clients if c.socket and c.socket.dial.url == url)
        return sum(client.in_flight for client in there)

    def begin(self) -> None:
        self._tasks = [asyncio.create_task(writer.write()) for writer in self.writers]

    async def more(self, count: int) -> None:
        """Until so many more are acked."""
        aim = self.acked + count
        await until(lambda: self.acked >= aim, f"{aim} acked operations, are {self.acked}")

    async def settle(self, url: str) -> Report:
        """No more writing; all is answered, everyone has heard all of it; then the log is read."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self.clients:
            await client.settled(deadline=DEADLINE)
        for page in self.pages:
            http = HttpClient(
                url=url,
                token="judge@acme:reader",
                tenant="acme",
                history=self.history,
                deadline=20.0,
            )
            log = await http.log(page)
            for client in self.clients:
                if client.url_id == page and log:
                    head = log[-1]
                    await client.reached(head["epoch"], head["seq"], deadline=DEADLINE)
        self.history.quiet()
        for page in self.pages:
            await http.chats(page, final=True)
        for client in self.clients:
            client.write_down()
        return check(self.history)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(client.stop() for client in self.clients))
