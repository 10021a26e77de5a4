"""A client that keeps its promises through every fault (PROTOCOL section 8, the essentials).

It holds one page, sends unacked operations again with their old `broadcastId`s after each
reconnection, subscribes from its position, and folds what it hears into `page`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from .history import Json
from .http_client import HttpClient
from .operations import new_id
from .page import Page
from .socket_client import Dial, SocketClient


def full_jitter(attempt: int) -> float:
    return random.uniform(0, min(20.0, 0.5 * 2.0**attempt))


@dataclass(slots=True)
class _Queued:
    frame: Json
    answer: asyncio.Future[Json]
    sent_on: int = 0
    """Number of the connection that carried it last."""

    @property
    def makes(self) -> set[str]:
        if self.frame["type"] == "create-chat":
            return _given(self.frame["chat"], "id") | _given(self.frame["chat"]["comment"], "id")
        if self.frame["type"] == "add-comment":
            return _given(self.frame["comment"], "id")
        return set()

    @property
    def names(self) -> set[str]:
        edits = self.frame["type"] == "edit-comment"
        edited = _given(self.frame["comment"], "id") if edits else set()
        return _given(self.frame, "chatId", "commentId") | edited


def _given(fields: Json, *names: str) -> set[str]:
    return {fields[name] for name in names if name in fields}


@dataclass
class ReconnectingClient:
    """`urls`: where to try, in turn; several processes are several urls."""

    urls: Sequence[str]
    url_id: str
    dial: Dial
    backoff: Callable[[int], float] = full_jitter
    page: Page = field(default_factory=Page)
    connections: int = 0
    stopped_with: int | None = None
    """The 44xx that said not to come back."""
    socket: SocketClient | None = None

    def __post_init__(self) -> None:
        self._queue: dict[str, _Queued] = {}
        self._changed = asyncio.Condition()
        self._welcome = False
        self._halted = False
        self._known = False
        """The page has been told once, so there is a position to come back to."""
        self._errands: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._running = asyncio.create_task(self._run())

    @classmethod
    def start(
        cls,
        urls: Sequence[str],
        url_id: str,
        *,
        backoff: Callable[[int], float] = full_jitter,
        **dial: Any,
    ) -> ReconnectingClient:
        return cls(urls, url_id, Dial(url=urls[0], **dial), backoff)

    @property
    def in_flight(self) -> int:
        """Operations that this connection has carried and nobody has answered."""
        return sum(queued.sent_on == self.connections for queued in self._queue.values())

    def submit(self, operation: Json) -> asyncio.Future[Json]:
        """Queued at once, answered some day: with the ack, or with the error that is final."""
        frame = {"urlId": self.url_id, "broadcastId": new_id(), **operation}
        queued = _Queued(frame, asyncio.get_running_loop().create_future())
        self._queue[frame["broadcastId"]] = queued
        self._errand(self._send_queue())
        return queued.answer

    async def reached(self, epoch: str, seq: int, *, deadline: float = 30.0) -> None:
        """Until the page stands at this position or beyond."""
        await self.until(lambda: self.page.epoch == epoch and self.page.seq >= seq, deadline)

    async def settled(self, *, deadline: float = 30.0) -> None:
        """Until every operation has its answer."""
        await self.until(lambda: not self._queue, deadline)

    async def until(self, true: Callable[[], bool], deadline: float = 30.0) -> None:
        async with asyncio.timeout(deadline), self._changed:
            await self._changed.wait_for(true)

    def write_down(self) -> None:
        """The page as it stands, for the checker to compare with everyone else's."""
        if self.socket and self.socket.tape:
            position = {"urlId": self.url_id, "epoch": self.page.epoch, "seq": self.page.seq}
            self.socket.tape.final({"type": "page", **position, "outline": self.page.outline()})

    async def stop(self) -> None:
        for task in (self._running, *self._errands):
            task.cancel()
        await asyncio.gather(self._running, *self._errands, return_exceptions=True)
        if self.socket:
            await self.socket.close()

    async def _run(self) -> None:
        attempt = 0
        for url in itertools.cycle(self.urls):
            before = self.page.seq
            pause = await self._converse(url)
            if self.stopped_with is not None:
                await self._notify()
                return
            attempt = 0 if self.page.seq > before else attempt + 1
            await asyncio.sleep(self.backoff(attempt) if pause is None else pause)

    async def _converse(self, url: str) -> float | None:
        """One connection from its first frame to its last; the pause that `bye` asked for."""
        try:
            socket = await SocketClient.dialled(replace(self.dial, url=url))
        except (OSError, EOFError, TimeoutError, InvalidHandshake):
            return None
        self.socket, self.connections = socket, self.connections + 1
        self._welcome = self._halted = False
        socket.pages[self.url_id] = self.page
        self.page.forget_parts()
        pause: float | None = None
        try:
            await socket.send(self.dial.hello)
            await self._subscribe(socket)
            while frame := await socket.next_frame(self._patience(socket)):
                if frame["type"] == "bye" and "retryAfterMs" in frame:
                    pause = frame["retryAfterMs"] / 1000
                await self._heard(socket, frame)
                await self._notify()
            if socket.close_code is not None and 4400 <= socket.close_code < 4500:
                self.stopped_with = socket.close_code
        except (ConnectionClosed, TimeoutError):
            socket.abort()
        finally:
            self._welcome = False
            await socket.close()
        return pause

    def _patience(self, socket: SocketClient) -> float:
        return float(socket.welcome.get("pingIntervalMs", 25_000)) / 1000 + 10

    async def _heard(self, socket: SocketClient, frame: Json) -> None:
        kind, broadcast_id = frame["type"], frame.get("broadcastId")
        if kind == "welcome":
            socket.welcome = frame
            self._welcome = True
            await self._send_queue()
        elif kind == "subscribed":
            self._known = True
            if frame.get("load"):
                await self._load(socket)
        elif kind == "events" and self.url_id in socket.lost:
            socket.lost.discard(self.url_id)
            await self._subscribe(socket)
        elif kind == "error" and broadcast_id is None and frame.get("retry"):
            self._errand(self._subscribe_later(socket, frame.get("retryAfterMs", 200) / 1000))
        elif kind == "error" and broadcast_id in self._queue and frame.get("retry"):
            if not self._halted:
                self._halted = True
                self._errand(self._send_again(frame.get("retryAfterMs", 200) / 1000))
        elif kind in ("ack", "error") and (queued := self._queue.pop(broadcast_id or "", None)):
            queued.answer.set_result(frame)
            await self._send_queue()

    async def _subscribe(self, socket: SocketClient) -> None:
        since = {"since": self.page.since} if self._known else {}
        await socket.send({"type": "subscribe", "urlId": self.url_id, **since})

    async def _subscribe_later(self, socket: SocketClient, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._subscribe(socket)

    async def _load(self, socket: SocketClient) -> None:
        """A large page comes over HTTP; its position is where the socket goes on."""
        http = HttpClient(
            url=socket.dial.url,
            token=self.dial.token,
            tenant=socket.welcome["tenantId"],
            user=socket.welcome["user"]["id"],
            headers=self.dial.headers,
            name=self.dial.name,
            history=self.dial.history,
        )
        page = await http.chats(self.url_id)
        self.page.replace(page["epoch"], page["seq"], page["chats"])
        await self._subscribe(socket)

    async def _send_again(self, seconds: float) -> None:
        """`retry: true` halts the queue at that operation, and everything behind it."""
        await asyncio.sleep(seconds)
        self._halted = False
        for queued in self._queue.values():
            queued.sent_on = 0
        await self._send_queue()

    async def _send_queue(self) -> None:
        """What this connection has not carried yet, in order. Whatever names an id that is still
        being made waits for its ack."""
        async with self._sending:
            unmade: set[str] = set()
            for queued in list(self._queue.values()):
                if not self._welcome or self._halted or self.socket is None:
                    return
                if queued.sent_on != self.connections and not queued.names & unmade:
                    queued.sent_on = self.connections
                    with contextlib.suppress(ConnectionClosed, TimeoutError):
                        await self.socket.send(queued.frame)
                unmade |= queued.makes
        await self._notify()

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled():
            task.exception()  # a connection that ended meanwhile: the next one does it all again

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
