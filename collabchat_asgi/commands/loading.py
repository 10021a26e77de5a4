"""People made of thin air: who looks, who writes, who comes back all at once; and what they saw."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..testing.operations import create_chat, edit_comment, new_id
from ..testing.socket_client import Dial, NotReceived, SocketClient
from .process_cost import Cost

Json = dict[str, Any]

CONNECTING_AT_ONCE = 50
SETTLE_SECONDS = 10.0
"""What everything that was acknowledged may take to reach every viewer at the end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much. `rate` is operations a second of all writers together."""

    viewers: int
    writers: int
    pages: int
    rate: float
    seconds: float
    storms: int


@dataclass(slots=True)
class Seen:
    """Times in seconds. An operation counts as delivered once for each viewer of its page."""

    joins: list[float] = field(default_factory=list)
    acks: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    resumes: list[float] = field(default_factory=list)
    sent: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    expected: int = 0
    lost: int = 0
    gaps: int = 0
    """Frames that did not follow what was known."""
    gone: int = 0
    """Connections that ended without having been asked to."""


def percentile(times: Iterable[float], share: float) -> float | None:
    """The nearest rank; None of nothing."""
    ordered = sorted(times)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Viewer(SocketClient):
    """Keeps when it reached each position, and folds nothing: it costs little beside a server."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.reached: list[tuple[int, float]] = []
        """Positions of its page and when, ascending."""

    async def _heard(self, frame: Json) -> None:
        match frame["type"]:
            case "events":
                page = self.pages[frame["urlId"]]
                self.reached.append((frame["last"], time.perf_counter()))
                if frame["first"] > page.seq + 1 or frame["epoch"] != (
                    page.epoch or frame["epoch"]
                ):
                    self.lost.add(frame["urlId"])
                page.epoch, page.seq = frame["epoch"], max(page.seq, frame["last"])
            case "presence":
                """Nobody looks at the numbers."""
            case _:
                await super()._heard(frame)


class Load:
    """One run against the server of `dial`."""

    def __init__(
        self, dial: Dial, wanted: Wanted, measure: Callable[[], Cost] | None = None
    ) -> None:
        """`measure` is asked while everybody is still there; `cost` is what it says."""
        self.cost: Cost | None = None
        self._measure = measure
        self.seen = Seen()
        self._dial = dial
        self._wanted = wanted
        self._pages = [f"/load/{new_id()}" for _ in range(wanted.pages)]
        self._viewers: list[tuple[str, Viewer]] = []
        self._acked: dict[str, dict[int, float]] = {page: {} for page in self._pages}
        """By page: when the operation of a number was sent."""
        self._clients: list[SocketClient] = []
        self._limit = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def run(self) -> Seen:
        """Raises what the first connection raised, where not even that comes about."""
        try:
            return await self._run()
        finally:
            await self._all(client.close() for client in self._clients)

    async def _run(self) -> Seen:
        wanted = self._wanted
        pages = [self._pages[n % wanted.pages] for n in range(wanted.viewers)]
        self._viewers = list(zip(pages, await self._all(self._join(p) for p in pages), strict=True))
        writing = asyncio.create_task(self._write())
        for _ in range(wanted.storms):
            await asyncio.sleep(wanted.seconds / (wanted.storms + 1))
            await self._storm()
        await writing
        await self._settle()
        self.cost = self._measure() if self._measure else None
        return self.seen

    async def _all(self, jobs: Iterable[Awaitable[Any]]) -> list[Any]:
        return await asyncio.gather(*jobs)

    async def _connect(self, kind: type[SocketClient]) -> Any:
        fields = {**self._dial.__dict__, "visitor_id": new_id()}
        client = await kind.connect(fields.pop("url"), **fields)
        self._clients.append(client)
        return client

    async def _join(self, page: str) -> Viewer:
        async with self._limit:
            began = time.perf_counter()
            viewer: Viewer = await self._connect(Viewer)
            await viewer.subscribe(page)
            self.seen.joins.append(time.perf_counter() - began)
            return viewer

    async def _write(self) -> None:
        count = self._wanted.writers
        if count:
            pause = count / self._wanted.rate
            await self._all(self._writer(n, pause) for n in range(count))

    async def _writer(self, number: int, pause: float) -> None:
        """One chat, whose first comment is edited again and again: a user may do 20 operations a
        second and write 20 comments a minute."""
        page = self._pages[number % len(self._pages)]
        client: SocketClient = await self._connect(SocketClient)
        await client.subscribe(page)
        first = create_chat("begun")
        chat, comment = first["chat"]["id"], first["chat"]["comment"]["id"]
        await self._send(client, page, first)
        loop = asyncio.get_running_loop()
        began, ends = loop.time() + pause * number / self._wanted.writers, self._wanted.seconds
        turn = 0
        while pause * turn < ends:
            await asyncio.sleep(max(0.0, began + pause * turn - loop.time()))
            turn += 1
            await self._send(client, page, edit_comment(chat, comment, f"edited {turn} times"))
            client.inbox.clear()
        await client.close()

    async def _send(self, client: SocketClient, page: str, operation: Json) -> None:
        self.seen.sent += 1
        began = time.perf_counter()
        try:
            answer = await client.ask(operation, page)
        except NotReceived:
            self.seen.unanswered += 1
            return
        if answer["type"] == "error":
            self.seen.refused[answer["code"]] += 1
            return
        self.seen.acks.append(time.perf_counter() - began)
        self._acked[page][answer["seq"]] = began

    async def _storm(self) -> None:
        """Every viewer loses its connection at once, and comes back at once."""
        for _, viewer in self._viewers:
            viewer.abort()
        began = time.perf_counter()

        async def back(page: str, viewer: Viewer) -> tuple[str, Viewer]:
            async with self._limit:
                again = await viewer.resume()
                assert isinstance(again, Viewer)
                self._clients.append(again)
                now = time.perf_counter()
                again.reached = [*viewer.reached, *again.reached, (again.pages[page].seq, now)]
                self.seen.resumes.append(time.perf_counter() - began)
                return page, again

        self._viewers = await self._all(back(*one) for one in self._viewers)

    async def _settle(self) -> None:
        """Count what every viewer was told of what was acknowledged on its page."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + SETTLE_SECONDS
        for page, viewer in self._viewers:
            sent = self._acked[page]
            head = max(sent, default=0)
            while viewer.pages[page].seq < head and viewer.close_code is None:
                if loop.time() > ends:
                    break
                await asyncio.sleep(0.01)
            self.seen.expected += len(sent)
            self.seen.lost += sum(1 for seq in sent if seq > viewer.pages[page].seq)
            self.seen.gaps += len(viewer.lost)
            self.seen.gone += viewer.close_code is not None
            self.seen.deliveries += delays(sent, viewer.reached)


def delays(sent: dict[int, float], reached: list[tuple[int, float]]) -> list[float]:
    """From the sending of each number to when a viewer stood at it or beyond."""
    found: list[float] = []
    place = 0
    for seq in sorted(sent):
        while place < len(reached) and reached[place][0] < seq:
            place += 1
        if place == len(reached):
            break
        found.append(max(0.0, reached[place][1] - sent[seq]))
    return found
