"""The servers behind an address, and commands to them: pipelined, bounded, tried again."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.exceptions import AskError, MovedError, NoScriptError

from ..errors import BackendError
from .address import Address, Endpoint
from .clients import client_of, close_client, ear_at
from .faults import AWAY, explain, is_away, may_pass
from .routes import Routes, routes_to

__all__ = ["Command", "Script", "Servers"]

T = TypeVar("T")

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.2


@dataclass(frozen=True)
class Script:
    """Lua, sent as its digest; whole to a server that does not know it yet."""

    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


@dataclass(frozen=True, slots=True)
class Command:
    """`key` says which server of a cluster it is for; a `script` gets `args` after its name."""

    key: str
    args: Sequence[str | bytes | int]
    script: Script | None = None

    @property
    def words(self) -> Sequence[str | bytes | int]:
        return self.args if self.script is None else ("EVALSHA", self.script.digest, *self.args)

    @property
    def in_full(self) -> Sequence[str | bytes | int]:
        assert self.script is not None
        return ("EVAL", self.script.source, *self.args)


SENDS_AT_ONCE = 16
"""Each takes a connection of its own: a hundred new ones, each of which first asks the Sentinels
for the master, take longer than a hundred commands in turn."""


class Servers:
    """Every instance belongs to one event loop, from `__init__` to `close`.

    No call outlasts `address.timeout` seconds, or else it raises `away`. What is under way runs in
    tasks that no caller cancels: a connection is never left with an answer that nobody has read,
    and what was begun (a turn, a group) is ended.
    """

    def __init__(
        self, address: Address, away: type[BackendError], broken: type[BackendError]
    ) -> None:
        self.address = address
        self._away = away
        self._broken = broken
        self._clients: dict[Endpoint, Redis] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._routes: Routes = routes_to(address, self.client)
        self._sending = asyncio.Semaphore(SENDS_AT_ONCE)
        self.loop = asyncio.get_running_loop()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for client in self._clients.values():
            # What is broken already cannot be closed in good order.
            with suppress(*AWAY):
                await close_client(client)

    async def whole(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """The result of `work`, which goes on even where the caller is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        bound = self.address.timeout if seconds is None else seconds
        done, _ = await asyncio.wait({task}, timeout=bound)
        if not done:
            raise self._away(f"{self.address} did not answer within {bound:g} s")
        if task.cancelled():
            raise self._away(f"{self.address}: closed meanwhile")
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have left

    async def run(self, commands: Sequence[Command], *, again: bool = True) -> list[Any]:
        """The answers, in order; one round trip per server. Raises if any of them failed.

        `again`: a command of unknown outcome is given once more, until the time is over.
        """
        end = self.loop.time() + self.address.timeout
        answers: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        pause = FIRST_PAUSE
        while True:
            seen = self._routes.version
            faults = await self._once([commands[index] for index in left], left, answers)
            if not faults:
                return answers
            for error in faults.values():
                late = self.loop.time() + pause > end
                if late or not is_away(error) or not may_pass(error, again=again):
                    raise self._explained(error) from error
            left = sorted(faults)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._find(seen)

    async def endpoint_of(self, key: str) -> Endpoint:
        """The server that has `key`. Raises `away`."""
        try:
            return await self._routes.endpoint_of(key)
        except AWAY as error:
            raise self._explained(error) from error

    async def find_again(self) -> None:
        """Somebody was not where they were sought."""
        await self._find(self._routes.version)

    async def masters(self) -> list[Redis]:
        """A client of every server that holds data. Raises `away`."""
        try:
            return [self.client(endpoint) for endpoint in await self._routes.masters()]
        except AWAY as error:
            raise self._explained(error) from error

    async def checked(self, question: Awaitable[T]) -> T:
        """What a question to a `client` comes to; raises as all else here does."""
        try:
            return await question
        except AWAY as error:
            raise self._explained(error) from error

    def client(self, endpoint: Endpoint) -> Redis:
        """The one for that server; it connects when it is used."""
        if endpoint not in self._clients:
            self._clients[endpoint] = client_of(self.address, endpoint)
        return self._clients[endpoint]

    def connection(self, endpoint: Endpoint) -> Connection:
        """A new connection, not yet connected, that waits for ever for what the server says."""
        return ear_at(self.client(endpoint))

    def _explained(self, error: BaseException) -> BackendError:
        kind = self._away if is_away(error) else self._broken
        return kind(f"{self.address}: {explain(error)}")

    async def _find(self, seen: int) -> None:
        with suppress(*AWAY):
            await self._routes.refresh(seen)

    async def _once(
        self, commands: Sequence[Command], indexes: Sequence[int], answers: list[Any]
    ) -> dict[int, BaseException]:
        """One attempt; what failed, by index."""
        try:
            endpoints = [await self._routes.endpoint_of(command.key) for command in commands]
        except AWAY as error:
            return dict.fromkeys(indexes, error)
        shares: defaultdict[Endpoint, list[tuple[int, Command]]] = defaultdict(list)
        for endpoint, index, command in zip(endpoints, indexes, commands, strict=True):
            shares[endpoint].append((index, command))
        faults: dict[int, BaseException] = {}
        work = [
            self._pipe(endpoint, [command for _, command in s]) for endpoint, s in shares.items()
        ]
        answered = [await work[0]] if len(work) == 1 else await asyncio.gather(*work)
        for share, replies in zip(shares.values(), answered, strict=True):
            for (index, _), reply in zip(share, replies, strict=True):
                if isinstance(reply, BaseException):
                    faults[index] = reply
                else:
                    answers[index] = reply
        return faults

    async def _pipe(self, endpoint: Endpoint, commands: Sequence[Command]) -> list[Any]:
        replies = await self._send(endpoint, [command.words for command in commands])
        for index, (command, reply) in enumerate(zip(commands, replies, strict=True)):
            if isinstance(reply, NoScriptError):
                [replies[index]] = await self._send(endpoint, [command.in_full])
            elif isinstance(reply, AskError) and not isinstance(reply, MovedError):
                there = Endpoint(reply.host, int(reply.port))
                words = command.words if command.script is None else command.in_full
                _, replies[index] = await self._send(there, [("ASKING",), words])
        return replies

    async def _send(
        self, endpoint: Endpoint, commands: Sequence[Sequence[str | bytes | int]]
    ) -> list[Any]:
        """What the server answers, errors among it."""
        pipe = self.client(endpoint).pipeline(transaction=False)
        for words in commands:
            pipe.execute_command(*words)
        try:
            async with self._sending:
                return await pipe.execute(raise_on_error=False)
        except (*AWAY, UnicodeError) as error:
            return [error] * len(commands)
