"""A client of the socket for tests. Nothing it does waits for ever.

async with await SocketClient.join(url, "page-1", token="ann@acme:commenter") as ann:
    ack = await ann.do(create_chat("hello"))
    event = await ann.expect_event("new-text-chat", broadcastId=ack["broadcastId"])
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from .history import History, Json, Tape
from .operations import new_id
from .page import Page
from .socket import Socket

PROTOCOL = "collabchat.v1"
DEADLINE = 5.0


class NotReceived(AssertionError):
    """What was expected did not come. The text lists what came instead."""


@dataclass(frozen=True, kw_only=True)
class Dial:
    """How to reach the server, and as whom. `url` is its `http://host:port/prefix`."""

    url: str
    tenant: str | None = None
    token: str | None = None
    visitor_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: str | None = None
    subprotocols: Sequence[str] = (PROTOCOL,)
    name: str = "client"
    deadline: float = DEADLINE
    history: History | None = None

    @property
    def hello(self) -> Json:
        fields = {"tenantId": self.tenant, "token": self.token, "visitorId": self.visitor_id}
        given = {key: value for key, value in fields.items() if value is not None}
        return {"type": "hello", "client": "collabchat-testing/1", **given}


def bearer(token: str) -> str:
    """The subprotocol that carries a token."""
    coded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return f"collabchat.bearer.{coded}"


class SocketClient:
    """One connection. The reader in the background answers pings and fills `inbox`."""

    def __init__(self, socket: Socket, dial: Dial, ended: type[Exception]) -> None:
        """`ended` is what `socket` raises once it has ended."""
        self.socket = socket
        self.dial = dial
        self.inbox: list[Json] = []
        """What came and no `expect` has taken yet."""
        self.pages: dict[str, Page] = {}
        """Every page ever subscribed, folded: `resume` starts from their positions."""
        self.lost: set[str] = set()
        """Pages whose last `events` did not follow: a client subscribes again from its position."""
        self.received: Counter[str] = Counter()
        self.received_bytes: Counter[str] = Counter()
        self.sent_bytes: Counter[str] = Counter()
        """By frame type, as PROTOCOL section 7 counts: UTF-8 before compression and framing."""
        self.welcome: Json = {}
        self.answers_pings = True
        self.close_code: int | None = None
        self.close_reason = ""
        self.tape: Tape | None = None
        if dial.history is not None:
            self.tape = dial.history.tape(dial.name, tenant=dial.tenant or "")
        self._ended = ended
        self._asked: Counter[str] = Counter()
        self._came = asyncio.Condition()
        self._reading = asyncio.Event()
        self._reading.set()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, **dial: Any) -> Self:
        """Connects and says nothing. `dial` are the fields of `Dial`. Needs websockets (extra
        `testing`)."""
        return await cls.dialled(Dial(url=url, **dial))

    @classmethod
    async def dialled(cls, dial: Dial) -> Self:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed
        from websockets.typing import Origin, Subprotocol

        socket = await connect(
            dial.url.replace("http", "ws", 1) + "/ws",
            origin=Origin(dial.origin) if dial.origin is not None else None,
            subprotocols=[Subprotocol(name) for name in dial.subprotocols] or None,
            additional_headers=dict(dial.headers),
            compression=None,
            ping_interval=None,
            proxy=None,
            max_size=None,
            open_timeout=dial.deadline,
            close_timeout=1,
        )
        return cls(socket, dial, ConnectionClosed)

    @classmethod
    async def connect(cls, url: str, **dial: Any) -> Self:
        """Connects, and is welcome."""
        client = await cls.open(url, **dial)
        await client.hello()
        return client

    @classmethod
    async def join(cls, url: str, url_id: str, *, since: Json | None = None, **dial: Any) -> Self:
        """Connects, and is subscribed to one page."""
        client = await cls.connect(url, **dial)
        await client.subscribe(url_id, since)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # What a client says.

    async def send(self, frame: Json) -> None:
        if self.tape:
            self.tape.sent(frame)
        if frame.get("type") == "subscribe":
            self._asked[str(frame.get("urlId"))] += 1
        text = json.dumps(frame, ensure_ascii=False)
        self.sent_bytes[str(frame.get("type"))] += len(text.encode())
        await self.send_raw(text)

    async def send_raw(self, data: str | bytes) -> None:
        # Not wait_for: Python 3.11's loses a cancellation that comes as the send completes.
        async with asyncio.timeout(self.dial.deadline):
            await self.socket.send(data)

    async def hello(self, **fields: Any) -> Json:
        await self.send({**self.dial.hello, **fields})
        self.welcome = await self.expect("welcome")
        return self.welcome

    async def subscribe(self, url_id: str, since: Json | None = None) -> Json:
        """The `subscribed` frame. With `recovered: false`, the page is complete when it returns."""
        await self.send(_subscribe(url_id, since))
        subscribed = await self.expect("subscribed", urlId=url_id)
        if not subscribed["recovered"] and not subscribed.get("load"):
            await self.expect("snapshot", urlId=url_id, last=True)
        return subscribed

    async def unsubscribe(self, url_id: str) -> Json:
        await self.send({"type": "unsubscribe", "urlId": url_id})
        return await self.expect("unsubscribed", urlId=url_id)

    async def say(self, operation: Json, url_id: str | None = None) -> str:
        """Sends an operation and does not wait. The page is the first one subscribed to."""
        frame = {"urlId": url_id or self._page(), "broadcastId": new_id(), **operation}
        await self.send(frame)
        return str(frame["broadcastId"])

    async def do(self, operation: Json, url_id: str | None = None) -> Json:
        """Sends an operation; its `ack`. A refusal is a failure of the test."""
        answer = await self.ask(operation, url_id)
        if answer["type"] != "ack":
            raise NotReceived(f"expected an ack, got {answer}")
        return answer

    async def refused(self, operation: Json, url_id: str | None = None) -> Json:
        """Sends an operation; the `error` it must get."""
        answer = await self.ask(operation, url_id)
        if answer["type"] != "error":
            raise NotReceived(f"expected an error, got {answer}")
        return answer

    async def ask(self, operation: Json, url_id: str | None = None) -> Json:
        """Sends an operation; its `ack` or `error`."""
        broadcast_id = await self.say(operation, url_id)
        return await self._take(
            lambda frame: (
                frame["type"] in ("ack", "error") and frame.get("broadcastId") == broadcast_id
            ),
            f"an answer to {operation['type']} {broadcast_id}",
        )

    async def ping(self, n: int = 1) -> Json:
        await self.send({"type": "ping", "n": n})
        return await self.expect("pong", n=n)

    # What it hears.

    async def expect(self, kind: str, **match: Any) -> Json:
        """The first frame of this type with these fields that nobody has taken yet."""
        wanted = {"type": kind, **match}
        return await self._take(lambda frame: wanted.items() <= frame.items(), str(wanted))

    async def expect_event(self, kind: str | None = None, **match: Any) -> Json:
        """The first untaken event with these fields, wherever in an `events` frame it is."""
        wanted = {**match, **({"type": kind} if kind else {})}

        def find() -> Json | None:
            for frame in self.of("events"):
                for event in frame["events"]:
                    if wanted.items() <= event.items():
                        frame["events"].remove(event)
                        return dict(event)
            return None

        return await self._until(find, f"an event with {wanted}")

    async def until_position(self, url_id: str, seq: int) -> None:
        """Until the page, as folded here, stands at `seq` or beyond. Takes nothing."""

        def find() -> Json | None:
            page = self.pages.get(url_id)
            return {} if page and page.seq >= seq else None

        await self._until(find, f"{url_id} at {seq}")

    async def expect_close(self, code: int) -> str:
        """The reason. What came before the close stays in the inbox."""
        await self.ended()
        if self.close_code != code:
            raise NotReceived(f"closed {self.close_code} {self.close_reason!r}, not {code}")
        return self.close_reason

    async def ended(self) -> None:
        """Until the other side, or the network, has ended the connection."""
        try:
            async with asyncio.timeout(self.dial.deadline):
                await asyncio.shield(self._reader)
        except TimeoutError:
            raise NotReceived(f"not closed; {self._told()}") from None

    async def next_frame(self, deadline: float) -> Json | None:
        """Whatever comes next; None once the connection has ended and everything is taken."""
        async with asyncio.timeout(deadline), self._came:
            await self._came.wait_for(lambda: self.inbox or self.close_code is not None)
            return self.inbox.pop(0) if self.inbox else None

    def of(self, kind: str, **match: Any) -> list[Json]:
        """Those that came and were not taken."""
        wanted = {"type": kind, **match}
        return [frame for frame in self.inbox if wanted.items() <= frame.items()]

    def stop_reading(self) -> None:
        """From here on the socket fills up, as behind a dead radio."""
        self._reading.clear()

    def read_on(self) -> None:
        self._reading.set()

    # How it goes.

    async def resume(self, **dial: Any) -> SocketClient:
        """A new connection with the same identity, subscribed again from every position."""
        await self.close()
        fields = {**self.dial.__dict__, **dial}
        again = await type(self).connect(fields.pop("url"), **fields)
        again.pages = self.pages
        for url_id, page in self.pages.items():
            await again.subscribe(url_id, page.since)
        return again

    async def close(self) -> None:
        self.read_on()
        await self.socket.close()
        await self._reader

    def abort(self) -> None:
        """Gone without a word: what a lost network or a killed browser looks like to the server."""
        self.socket.transport.abort()

    def _page(self) -> str:
        assert self.pages, (
            "name the page, or subscribe to one before: say(operation, '/articles/1')"
        )
        return next(iter(self.pages))

    async def _take(self, matches: Callable[[Json], bool], wanted: str) -> Json:
        def find() -> Json | None:
            index = next((i for i, frame in enumerate(self.inbox) if matches(frame)), None)
            return None if index is None else self.inbox.pop(index)

        return await self._until(find, wanted)

    async def _until(self, find: Callable[[], Json | None], wanted: str) -> Json:
        try:
            async with asyncio.timeout(self.dial.deadline), self._came:
                while (found := find()) is None:
                    if self.close_code is not None:
                        break
                    await self._came.wait()
                else:
                    return found
        except TimeoutError:
            pass
        raise NotReceived(f"{wanted} did not come; {self._told()}")

    def _told(self) -> str:
        closed = f"closed {self.close_code} {self.close_reason!r}; " if self.close_code else ""
        return closed + f"instead: {self.inbox}"

    async def _read(self) -> None:
        try:
            while True:
                text = str(await self.socket.recv(decode=True))
                await self._reading.wait()
                frame = json.loads(text)
                self.received[frame["type"]] += 1
                self.received_bytes[frame["type"]] += len(text.encode())
                await self._heard(frame)
        except self._ended as ended:
            close = getattr(ended, "rcvd", None)
            self.close_code = close.code if close else 1006
            self.close_reason = close.reason if close else ""
        finally:
            self.close_code = self.close_code or 1006
            if self.tape:
                self.tape.closed(self.close_code)
            async with self._came:
                self._came.notify_all()

    async def _heard(self, frame: Json) -> None:
        if self.tape:
            self.tape.received(frame)
        self._fold(frame)
        if frame["type"] == "ping" and self.answers_pings:
            with contextlib.suppress(self._ended):
                await self.socket.send(json.dumps({"type": "pong", "n": frame["n"]}))
        async with self._came:
            self.inbox.append(json.loads(json.dumps(frame)) if frame["type"] == "events" else frame)
            self._came.notify_all()

    def _fold(self, frame: Json) -> None:
        url_id = frame.get("urlId", "")
        page = self.pages.get(url_id)
        match frame["type"]:
            case "subscribed":
                self._asked[url_id] = max(0, self._asked[url_id] - 1)
                self.lost.discard(url_id)
                self.pages.setdefault(url_id, Page()).forget_parts()
            case "error" if "broadcastId" not in frame:
                self._asked[url_id] = max(0, self._asked[url_id] - 1)
            case "snapshot" if page and not self._asked[url_id]:
                page.snapshot(frame)
            case "events" if page and not self._asked[url_id] and not page.events(frame):
                self.lost.add(url_id)


def _subscribe(url_id: str, since: Json | None) -> Json:
    return {"type": "subscribe", "urlId": url_id, **({"since": since} if since else {})}
