"""A storage and a bus as they are on a bad day, and a host whose hooks refuse and rewrite."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Self

from collabchat_asgi import AccessRequest, ConnectRequest, Denied, Identity, default_policy
from collabchat_asgi.core.model import PageKey, Position
from collabchat_asgi.core.pace import Pace
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.pubsub.abc import Gap, Message, PubSub
from collabchat_asgi.pubsub.memory import Inbox, silence
from collabchat_asgi.storage.abc import Group, Loaded, Outcome, Revise, Tail
from collabchat_asgi.storage.memory import MemoryStorage

TENANT = "acme"


class TroubledStorage(MemoryStorage):
    """Slow, away for a while, or committed and yet not answered. What it ever held is written
    down, so that an ack can be held against it when history was erased or trimmed since."""

    def __init__(self, rng: random.Random, hits: Counter[str], clock: Any) -> None:
        super().__init__(clock=clock)
        self._rng = rng
        self._hits = hits
        self.away = False
        self.loses_answers = 0.0
        self.slow = 0.0
        """The longest that a call takes, in seconds."""
        self.events: defaultdict[str, dict[int, str]] = defaultdict(dict)
        """By epoch: which operation each number is."""
        self.known: dict[tuple[str, str], int] = {}
        """(epoch, broadcastId) to the number it was acked with."""

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        if self.slow:
            await asyncio.sleep(self._rng.random() * self.slow)
        if self.away:
            self._hits["storage away"] += 1
            raise StorageUnavailable("the storage is away, as the schedule wants it")
        answer = await call()
        if self.slow:
            await asyncio.sleep(self._rng.random() * self.slow)
        return answer

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        def counted(page: PageKey, tail: Tail) -> Any:
            self._hits["commits revised"] += 1
            return revise(page, tail)

        answer = await self._call(partial(super().commit, groups, counted))
        if self._rng.random() < self.loses_answers:
            self._hits["commits whose answer was lost"] += 1
            raise StorageUnavailable("the answer got lost, as the schedule wants it")
        return answer  # type: ignore[no-any-return]

    async def load(self, page: PageKey) -> Loaded:
        return await self._call(partial(super().load, page))  # type: ignore[no-any-return]

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        return await self._call(partial(super().read, page, after, limit))  # type: ignore[no-any-return]

    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        return await self._call(partial(super().heads, pages))  # type: ignore[no-any-return]

    def write_down(self) -> None:
        for page in self._data.pages.values():
            epoch = page.head.position.epoch
            self.events[epoch].update((seq, each.broadcast_id) for seq, each in page.log.items())
            self.known.update(
                ((each.known.position.epoch, id), each.known.position.seq)
                for id, each in page.remembered.items()
            )

    async def lose_history(self, key: PageKey) -> None:
        """Everything of a page is gone: the next event begins another epoch."""
        self.write_down()
        if key in self._data.pages:
            self._hits["erased"] += 1
        await super().erase(key)

    async def forget_log(self, key: PageKey, keep: int) -> None:
        """The log's beginning is gone, as after a week; what it remembers of operations is not, for
        that is kept longer than anyone here is away."""
        page = self._data.pages.get(key)
        if page is None:
            return
        self.write_down()
        remembered = dict(page.remembered)
        if await super().trim(before_ms=2**60, keep_events=keep):
            self._hits["trimmed"] += 1
        page.remembered.update(remembered)


class Wire:
    """What joins the processes: each hears the others late, twice, in another order or never."""

    def __init__(self, rng: random.Random, hits: Counter[str]) -> None:
        self._rng = rng
        self._hits = hits
        self.loss = self.repeat = self.delay = 0.0
        self.ears: list[WirePubSub] = []

    def publish(self, sender: WirePubSub, topic: str, payload: bytes) -> None:
        loop = asyncio.get_running_loop()
        for ear in self.ears:
            if ear is sender:
                # Nobody loses what it tells itself; a process that is deaf opens its bus anew.
                ear.inbox.put(topic, payload)
                continue
            if self._rng.random() < self.loss:
                self._hits["hints dropped"] += 1
                continue
            times = 2 if self._rng.random() < self.repeat else 1
            self._hits["hints repeated"] += times - 1
            for _ in range(times):
                late = self._rng.random() ** 3 * self.delay
                self._hits["hints delayed"] += late > 0.1
                loop.call_later(late, ear.inbox.put, topic, payload)


class WirePubSub(PubSub):
    """One process's end of the wire."""

    shared = False

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.inbox = Inbox()
        self._open = False

    @classmethod
    def from_url(cls, url: str) -> Self:
        raise NotImplementedError

    async def open(self) -> None:
        if not self._open:
            self._open = True
            self.inbox = Inbox()
            self._wire.ears.append(self)

    async def close(self) -> None:
        if self._open:
            self._open = False
            self._wire.ears.remove(self)
            self.inbox.close()

    async def publish(self, topic: str, payload: bytes) -> None:
        self._wire.publish(self, topic, payload)

    async def subscribe(self, topics: Collection[str]) -> None:
        self.inbox.topics.update(topics)

    async def unsubscribe(self, topics: Collection[str]) -> None:
        self.inbox.topics.difference_update(topics)

    def listen(self) -> AsyncIterator[Message | Gap]:
        return self.inbox.listen() if self._open else silence()


class Host:
    """The application around it. A token is `name:role`; texts say what is thought of them."""

    def __init__(self, rng: random.Random, hits: Counter[str]) -> None:
        self._rng = rng
        self._hits = hits
        self.fails = 0.0
        """How often a hook raises."""
        self.slow = 0.0
        """The longest that a hook takes, in seconds."""

    async def _think(self) -> None:
        if self.slow:
            await asyncio.sleep(self._rng.random() * self.slow)
        if self._rng.random() < self.fails:
            self._hits["hooks failed"] += 1
            raise RuntimeError("the hook fails, as the schedule wants it")

    async def authenticate(self, request: ConnectRequest) -> Identity:
        await self._think()
        if not request.token:
            raise Denied("a token is needed")
        name, role = request.token.split(":")
        return Identity(name, name=name.title(), tenants={TENANT: role})  # type: ignore[dict-item]

    async def authorize(self, access: AccessRequest) -> bool:
        await self._think()
        return default_policy(access) and "forbidden" not in _words(access)

    async def before_commit(self, access: AccessRequest) -> dict[str, Any]:
        await self._think()
        operation: Any = access.operation or {}
        if "rude" in _words(access):
            self._hits["rewrites"] += 1
            comment = operation.get("comment") or operation["chat"]["comment"]
            comment["body"] = comment["body"].replace("rude", "****")
        return operation


def _words(access: AccessRequest) -> str:
    operation: Any = access.operation or {}
    comment = operation.get("comment") or operation.get("chat", {}).get("comment") or {}
    return str(comment.get("body", ""))


class BusyPace(Pace):
    """The pace of a process where every flush is expensive: in virtual time none would be."""

    __slots__ = ()
    seconds = 0.0

    def wait(self, cost: float, gap: float, now: float) -> float:
        return min(self.longest, BusyPace.seconds)
