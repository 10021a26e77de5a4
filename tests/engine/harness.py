"""Engines without sockets: several "processes" in one loop, on storages and buses that misbehave.

A `Server` is one engine, a `Client` one connection to it whose other end is the test. Everything a
client says and hears goes into a `History`, as with real sockets, so `check` judges it as well.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Self

from collabchat_asgi import Limits, Timing, Tuning, UsageReport
from collabchat_asgi.core.model import Mark, PageKey, Position
from collabchat_asgi.core.session import Session
from collabchat_asgi.engine.clock import SystemClock
from collabchat_asgi.engine.engine import Engine, Running
from collabchat_asgi.engine.pages.page import Page as EnginePage
from collabchat_asgi.engine.peers.hints import (
    CONTROL_TOPIC,
    Heartbeat,
    Hint,
    HintCodec,
    Received,
    inbox_of,
)
from collabchat_asgi.engine.people.connection import Connection
from collabchat_asgi.engine.people.identities import Admission
from collabchat_asgi.engine.services import Services
from collabchat_asgi.engine.writing.submission import Submission
from collabchat_asgi.errors import CloseCode, Closed, InvalidFrame, Refused, StorageUnavailable
from collabchat_asgi.hooks import ConnectRequest, Hooks, Identity
from collabchat_asgi.pubsub.abc import Gap
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import (
    Group,
    Loaded,
    Outcome,
    PageCopy,
    ReadBy,
    Revise,
    Rewrite,
    Storage,
    Tail,
    UsageDelta,
    UsageRow,
)
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import FakeClock, History, Page
from collabchat_asgi.testing.operations import new_id

Json = dict[str, Any]
TENANT, PAGE = "acme", "page"
KEY = PageKey(TENANT, PAGE)
DEADLINE = 10.0

PLENTY = Limits(
    comments_per_minute=1_000_000,
    operations_per_second=1_000_000,
    reads_per_second=1_000_000,
    frames_per_10_seconds=1_000_000,
)
TIMING = Timing()
HASTY = Timing(hook_seconds=0.3, send_seconds=0.3)
"""For what must be given up: everything else may take its time on a busy machine."""


class Waits:
    """A page's pace: each flush is followed by so many seconds of waiting, whatever happens."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def flushed(self, started: float, ended: float) -> None:
        pass

    def wait(self, cost: float, gap: float, now: float) -> float:
        return self.seconds


class Clock(FakeClock):
    """A time of its own; nothing happens by itself: the test ticks and heals."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


class Quiet(SystemClock):
    """The time of the machine; nothing happens by itself either."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def until(true: Callable[[], object], what: str = "") -> None:
    """Let the loop run until it is so."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while not true():
        if loop.time() > deadline:
            raise AssertionError(f"this did not come about: {what or true}")
        await asyncio.sleep(0.0005)


async def turns(count: int = 30) -> None:
    """So many turns of the loop: for what must *not* happen in them."""
    for _ in range(count):
        await asyncio.sleep(0)


class Gate:
    """Calls wait here, where a test wants them to."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = 0

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def pass_through(self) -> None:
        self.waiting += 1
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1


class TroubledStorage(Storage):
    """A storage that can be away, slow, or fail after it has done its work.

    `before[name]` and `after[name]` are gates around each call; `away` makes every call fail, and
    `break_after` lists calls that fail once although they were done. `cancel_within` lists those
    that end once as a driver ends whose own task was cancelled.
    """

    def __init__(self, inner: Storage | None = None) -> None:
        self.inner = inner or MemoryStorage()
        self.away = False
        self.break_before: deque[str] = deque()
        self.break_after: deque[str] = deque()
        self.cancel_within: deque[str] = deque()
        self.before: dict[str, Gate] = {}
        self.after: dict[str, Gate] = {}
        self.calls: Counter[str] = Counter()

    @classmethod
    def from_url(cls, url: str) -> Self:
        raise NotImplementedError

    def hold(self, name: str, *, answer: bool = False) -> Gate:
        """Calls of `name` wait before they are made, or (`answer`) before they return."""
        gate = (self.after if answer else self.before).setdefault(name, Gate())
        gate.shut()
        return gate

    async def _call(self, name: str, *arguments: Any, **named: Any) -> Any:
        self.calls[name] += 1
        if name in self.before:
            await self.before[name].pass_through()
        if self.away or name in self.break_before:
            if not self.away:
                self.break_before.remove(name)
            raise StorageUnavailable("the storage is away, as the test wants it")
        if name in self.cancel_within:
            self.cancel_within.remove(name)
            raise asyncio.CancelledError
        answer = await getattr(self.inner, name)(*arguments, **named)
        if name in self.after:
            await self.after[name].pass_through()
        if name in self.break_after:
            self.break_after.remove(name)
            raise StorageUnavailable("the answer got lost, as the test wants it")
        return answer

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def commit(
        self, groups: Sequence[Group], revise: Revise
    ) -> Sequence[Mapping[str, Outcome]]:
        return await self._call("commit", groups, revise)  # type: ignore[no-any-return]

    async def load(self, page: PageKey) -> Loaded:
        return await self._call("load", page)  # type: ignore[no-any-return]

    async def read(self, page: PageKey, after: Position, limit: int) -> Tail | str:
        return await self._call("read", page, after, limit)  # type: ignore[no-any-return]

    async def heads(self, pages: Collection[PageKey]) -> Mapping[PageKey, Position]:
        return await self._call("heads", pages)  # type: ignore[no-any-return]

    async def renew(self, page: PageKey, seen: Position) -> Position:
        return await self._call("renew", page, seen)  # type: ignore[no-any-return]

    async def keep_read(self, read: Mapping[ReadBy, int]) -> None:
        await self._call("keep_read", read)

    async def read_up_to(self, asked: Collection[ReadBy]) -> Mapping[ReadBy, int]:
        return await self._call("read_up_to", asked)  # type: ignore[no-any-return]

    async def strays(self, marks: Mapping[PageKey, Sequence[Mark]]) -> Collection[PageKey]:
        return await self._call("strays", marks)  # type: ignore[no-any-return]

    async def renew_stray(self, page: PageKey, marks: Sequence[Mark]) -> Position:
        return await self._call("renew_stray", page, marks)  # type: ignore[no-any-return]

    async def erase(self, page: PageKey) -> None:
        await self._call("erase", page)

    async def dump(self, page: PageKey) -> PageCopy:
        return await self._call("dump", page)  # type: ignore[no-any-return]

    async def rewrite(self, page: PageKey, rewrite: Rewrite) -> bool:
        return await self._call("rewrite", page, rewrite)  # type: ignore[no-any-return]

    async def forget_read(self, tenant_id: str, user_id: str) -> int:
        return await self._call("forget_read", tenant_id, user_id)  # type: ignore[no-any-return]

    async def trim(self, *, before_ms: int, keep_events: int) -> int:
        kept = {"before_ms": before_ms, "keep_events": keep_events}
        return await self._call("trim", **kept)  # type: ignore[no-any-return]

    async def pages(
        self, tenant_id: str | None, after: PageKey | None, limit: int
    ) -> list[PageKey]:
        return await self.inner.pages(tenant_id, after, limit)

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        await self._call("add_usage", deltas)

    async def usage(self, tenant_id: str, first_day: str, last_day: str) -> list[UsageRow]:
        return await self.inner.usage(tenant_id, first_day, last_day)

    async def key(self) -> bytes:
        return await self._call("key")  # type: ignore[no-any-return]

    async def rotate_key(self) -> None:
        await self._call("rotate_key")


class TroubledBus(MemoryPubSub):
    """Hints that get lost, come twice, come late, or are held until the test lets them go."""

    def __init__(self, name: str, rng: random.Random | None = None) -> None:
        super().__init__(name)
        self.rng = rng or random.Random(0)
        self.loss = self.repeat = self.delay = 0.0
        self.deaf = False
        """Nothing that is published here leaves."""
        self.hits: Counter[str] = Counter()
        self.sent: list[tuple[str, bytes]] = []
        self._held: list[tuple[str, bytes]] = []

    async def publish(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))
        if self.deaf or self.rng.random() < self.loss:
            self.hits["dropped"] += 1
            return
        if self.rng.random() < self.delay:
            self.hits["reordered"] += 1
            self._held.append((topic, payload))
            return
        if self.rng.random() < self.repeat:
            self.hits["repeated"] += 1
            await super().publish(topic, payload)
        await super().publish(topic, payload)
        await self.release(0.5)

    async def release(self, share: float = 1.0) -> None:
        """Let held hints go, in any order."""
        self.rng.shuffle(self._held)
        while self._held and self.rng.random() < share:
            await super().publish(*self._held.pop())


class Voice:
    """A process that has the key and does nothing by itself but introduce itself."""

    def __init__(self, bus: MemoryPubSub, key: bytes) -> None:
        self.bus = bus
        self.run = secrets.token_hex(16)
        self.codec = HintCodec(key, self.run, SystemClock())
        self.heard: list[tuple[str, Received]] = []

    @classmethod
    async def meet(cls, bus: str, key: bytes) -> Self:
        """On this bus, when all others there know it."""
        voice = cls(MemoryPubSub(bus), key)
        await voice.bus.open()
        await voice.bus.subscribe([CONTROL_TOPIC, inbox_of(voice.run)])
        listening = asyncio.create_task(voice._listen())
        await voice.say(CONTROL_TOPIC, Heartbeat(ask=True))
        await until(lambda: voice.heard, "an answer to a voice")
        await turns()
        listening.cancel()
        return voice

    async def _listen(self) -> None:
        async for message in self.bus.listen():
            if isinstance(message, Gap) or self.codec.is_own(message.payload):
                continue
            heard = self.codec.open(message.topic, message.payload)
            assert heard is not None
            self.heard.append((message.topic, heard))
            if isinstance(heard.hint, Heartbeat) and heard.hint.ask:
                await self.say(inbox_of(heard.run), Heartbeat(echo_ms=heard.said_ms))

    async def say(self, topic: str, hint: Hint) -> bytes:
        payload = self.codec.seal(topic, hint)
        await self.bus.publish(topic, payload)
        return payload

    async def close(self) -> None:
        await self.bus.close()


def somebody(request: ConnectRequest) -> Identity:
    raise AssertionError("nobody is asked here: identities are given")


class Server:
    """One process."""

    def __init__(self, engine: Engine, storage: Storage, bus: MemoryPubSub) -> None:
        self.engine = engine
        self.storage = storage
        self.bus = bus
        self.clients: list[Client] = []
        self.dead = False

    @classmethod
    async def start(
        cls,
        storage: Storage | None = None,
        bus: MemoryPubSub | None = None,
        *,
        limits: Limits | None = None,
        timing: Timing = TIMING,
        tuning: Tuning | None = None,
        clock: Any = None,
        usage_per_page: bool = False,
        **hooks: Any,
    ) -> Server:
        storage = storage or MemoryStorage()
        bus = bus or MemoryPubSub()
        given: dict[str, Any] = {"authenticate": somebody, "seconds": timing.hook_seconds, **hooks}
        engine = Engine(
            storage,
            bus,
            Hooks(**given),
            limits or PLENTY,
            timing,
            tuning or Tuning(),
            lambda text: text,
            usage_per_page=usage_per_page,
            clock=clock or Quiet(),
        )
        await engine.start()
        return cls(engine, storage, bus)

    @property
    def running(self) -> Running:
        return self.engine.running

    @property
    def services(self) -> Services:
        return self.engine.services

    def tick(self) -> None:
        """What the ticker does once a second."""
        now = self.services.clock.monotonic()
        for connection in list(self.services.door.connections.values()):
            connection.tick(now)
        self.running.ticker.tick(now)

    async def heal(self) -> None:
        """What the sweeper does every few seconds."""
        await self.running.healing.heal()

    async def page(self, key: PageKey = KEY) -> EnginePage:
        return await self.engine.page(key)

    def open_page(self, key: PageKey = KEY) -> EnginePage:
        page = self.services.pages.get(key)
        assert page is not None, f"{key} is not open here"
        return page

    def connect(self, name: str = "ann", **who: Any) -> Client:
        return Client(self, name, **who)

    async def join(self, name: str = "ann", since: Json | None = None, **who: Any) -> Client:
        client = self.connect(name, **who)
        await client.subscribe(since)
        return client

    async def die(self) -> None:
        """As kill -9 does it: nothing is flushed, nobody is told, commits in flight stay open."""
        self.dead = True
        for client in self.clients:
            client.cut()
        # A dead process revives nothing.
        await self.services.supervisor.stop()
        await self.bus.close()
        self.services.door.connections.clear()

    async def stop(self) -> None:
        if not self.dead:
            await self.engine.stop()
        else:
            await self.storage.close()


class Client:
    """One connection; its other end is the test. `page` is what its reader would see."""

    def __init__(
        self,
        server: Server,
        name: str,
        *,
        url_id: str = PAGE,
        tenant: str = TENANT,
        role: str = "commenter",
        history: History | None = None,
        page: Page | None = None,
        before_send: Callable[[Client, str], Awaitable[None]] | None = None,
        identity: Identity | None = None,
        token: str | None = None,
    ) -> None:
        self.server = server
        self.name = name
        self.url_id = url_id
        self.page = page or Page()
        self.known = page is not None
        self.inbox: list[Json] = []
        self.texts: list[str] = []
        self.closed: tuple[int, str, bool] | None = None
        self.answers_pings = True
        self.before_send = before_send
        self.pending: dict[str, Json] = {}
        """Sent, and not answered for good."""
        self.unanswered: set[str] = set()
        """Sent on this connection, and not answered at all."""
        self.lost = False
        """The last `events` frame did not follow."""
        self._asked = 0
        self._session = Session(server.services.limits, server.services.tuning)
        self.history = history
        self.tape = history.tape(name, tenant=tenant, user=name) if history else None
        roles: dict[str, Any] = {tenant: role}
        self.identity = identity or Identity(name, name=name.title(), tenants=roles)
        request = ConnectRequest(tenant, token, None, {}, {}, {}, None, {})
        self.connection: Connection = server.services.door.connect(
            Admission(self.identity, tenant), request, self.send, self
        )
        server.clients.append(self)

    # the engine's side of it

    async def send(self, text: str) -> None:
        if self.before_send is not None:
            await self.before_send(self, text)
        if self.closed is None:
            self._heard(text)

    def finish(self, code: CloseCode, reason: str, *, abort: bool) -> None:
        assert self.closed is None, "closed twice"
        self.closed = (int(code), reason, abort)
        if self.tape:
            self.tape.closed(int(code))

    def cut(self) -> None:
        """The connection is no more; neither side says so."""
        if self.closed is None:
            self.closed = (1006, "", True)
            if self.tape:
                self.tape.closed(1006)

    @property
    def waits_for_page(self) -> bool:
        """A `subscribe` of it has not been answered."""
        return self._asked > 0

    def leave(self) -> None:
        """The client goes."""
        self.cut()
        self.connection.leave()

    # what the client says

    def say(self, frame: Json) -> None:
        """Handled as the edge does it."""
        if self.closed:
            return
        if self.tape:
            self.tape.sent(frame)
        text = json.dumps(frame, ensure_ascii=False)
        if frame["type"] == "subscribe":
            self._asked += 1
        self.unanswered |= {frame["broadcastId"]} if "broadcastId" in frame else set()
        connection = self.connection
        connection.outbox.window.heard_at = self.server.services.clock.monotonic()
        try:
            decoded = self._session.frame(text, self.server.services.clock.monotonic())
        except Closed as closed:
            connection.give_up(closed.code, closed.reason)
        except InvalidFrame as invalid:
            connection.refuse(invalid, broadcast_id=invalid.broadcast_id, url_id=invalid.url_id)
        except Refused as refused:
            connection.refuse(refused)
        else:
            if connection.receive(decoded, len(text.encode())):
                self._session.expected(decoded)

    def operate(self, operation: Json) -> str:
        """Say it; the `broadcastId`."""
        frame = {"urlId": self.url_id, "broadcastId": new_id(), **operation}
        self.pending[frame["broadcastId"]] = frame
        self.say(frame)
        return str(frame["broadcastId"])

    async def ask(self, operation: Json) -> Json:
        """The `ack` or `error`."""
        return await self.answer(self.operate(operation))

    async def answer(self, broadcast_id: str) -> Json:
        def answers(frame: Json) -> bool:
            return frame.get("broadcastId") == broadcast_id and frame["type"] in ("ack", "error")

        return await self.take(answers, f"an answer to {broadcast_id}")

    async def do(self, operation: Json) -> Json:
        answer = await self.ask(operation)
        assert answer["type"] == "ack", answer
        return answer

    async def refused(self, operation: Json, code: str) -> Json:
        answer = await self.ask(operation)
        assert answer["type"] == "error", answer
        assert answer["code"] == code, answer
        return answer

    def ask_for_page(self, since: Json | None = None) -> None:
        frame: Json = {"type": "subscribe", "urlId": self.url_id}
        self.say(frame | ({"since": since} if since else {}))

    async def subscribe(self, since: Json | None = None) -> Json:
        """The `subscribed` frame; where it was not recovered, the page is complete."""
        if since is None and self.known:
            since = self.page.since
        self.ask_for_page(since)
        subscribed = await self.expect("subscribed", urlId=self.url_id)
        if not subscribed["recovered"] and not subscribed.get("load"):
            await self.expect("snapshot", urlId=self.url_id, last=True)
        return subscribed

    def stand_at(self, epoch: str, seq: int) -> Json:
        """Pretend to know the page up to here; the `since` for it."""
        self.page.epoch, self.page.seq, self.known = epoch, seq, True
        return self.page.since

    async def come_back(self, server: Server, **how: Any) -> Client:
        """On a new connection, with the page as it is, and what was never answered sent again."""
        again = Client(
            server,
            self.name,
            url_id=self.url_id,
            tenant=self.connection.tenant_id,
            history=self.history,
            page=self.page,
            identity=self.identity,
            **how,
        )
        self.page.forget_parts()
        again.known = self.known
        again.ask_for_page(self.page.since if self.known else None)
        again.pending = self.pending
        again.send_pending()
        return again

    def send_pending(self) -> None:
        for frame in list(self.pending.values()):
            self.say(frame)

    # what it hears

    def _heard(self, text: str) -> None:
        frame = json.loads(text)
        self.texts.append(text)
        if self.tape:
            self.tape.received(frame)
        self._fold(frame)
        self.inbox.append(json.loads(text))
        if frame["type"] == "ping" and self.answers_pings:
            pong = {"type": "pong", "n": frame["n"]}
            asyncio.get_running_loop().call_soon(self.say, pong)

    def _fold(self, frame: Json) -> None:
        self.unanswered.discard(frame.get("broadcastId", ""))
        match frame["type"]:
            case "subscribed":
                self._asked = max(0, self._asked - 1)
                self.lost = False
                self.known = True
                self.page.forget_parts()
            case "snapshot" if not self._asked:
                self.page.snapshot(frame)
            case "events" if not self._asked:
                self.lost = not self.page.events(frame) or self.lost
            case "error" if "broadcastId" not in frame:
                self._asked = max(0, self._asked - 1)
            case "ack":
                self.pending.pop(frame["broadcastId"], None)
            case "error" if not frame["retry"]:
                self.pending.pop(frame.get("broadcastId", ""), None)

    def of(self, kind: str, **match: Any) -> list[Json]:
        wanted = {"type": kind, **match}
        return [frame for frame in self.inbox if wanted.items() <= frame.items()]

    async def expect(self, kind: str, **match: Any) -> Json:
        wanted = {"type": kind, **match}
        return await self.take(lambda frame: wanted.items() <= frame.items(), str(wanted))

    async def take(self, fits: Callable[[Json], bool], what: str) -> Json:
        await until(lambda: any(map(fits, self.inbox)) or self.closed, what)
        for frame in self.inbox:
            if fits(frame):
                self.inbox.remove(frame)
                return frame
        raise AssertionError(f"{what} did not come: closed {self.closed}, heard {self.inbox[-3:]}")

    async def at(self, seq: int) -> None:
        """Until its page stands there."""
        await until(lambda: self.page.seq >= seq, f"{self.name} at {seq}, is at {self.page.seq}")

    async def expect_close(self, code: int) -> None:
        await until(lambda: self.closed, f"close {code}")
        assert self.closed is not None
        assert self.closed[0] == code, self.closed

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """What each `events` frame told, in the order they came."""
        frames = [json.loads(text) for text in self.texts]
        return [(f["first"], f["last"]) for f in frames if f["type"] == "events"]

    @property
    def bodies(self) -> dict[str, list[str]]:
        return {
            id: [comment["body"] for comment in chat["comments"]]
            for id, chat in self.page.chats.items()
        }

    def write_down(self) -> None:
        """The page for the checker to compare with everyone else's."""
        if self.tape:
            position = {"urlId": self.url_id, "epoch": self.page.epoch, "seq": self.page.seq}
            self.tape.final({"type": "page", **position, "outline": self.page.outline()})


async def settle(server: Server, operation: Json, name: str = "ann", **how: Any) -> Json:
    """As HTTP does it. Raises `Refused`."""
    from collabchat_asgi.core.frames import decode_operation

    limits = server.services.limits
    decoded = decode_operation(
        {"urlId": PAGE, **operation},
        body_chars=limits.body_chars,
        anchor_bytes=limits.anchor_bytes,
        url_id_chars=limits.url_id_chars,
    )
    identity = Identity(name, name=name, tenants={TENANT: "commenter"})
    serial = server.services.revocations.serial
    submission = Submission(identity.user, TENANT, decoded, 100, identity, serial=serial, **how)
    return await server.engine.settle(submission)


async def write_log_down(history: History, server: Server, key: PageKey = KEY) -> None:
    """The log, unmerged, and the page as they are now: the truth that a history is held against."""
    import msgspec

    from collabchat_asgi.engine.pages.decoding import decode_log

    tape = history.tape("final", tenant=key.tenant_id)
    page = await server.engine.page(key)
    tape.final({"type": "chats", "urlId": key.url_id, **json.loads(page.encoded(compressed=False))})
    after = Position(page.position.epoch, 0)
    while after.seq < page.position.seq:
        tail = await server.services.reader.read(key, after, 1_000)
        assert isinstance(tail, Tail), tail
        events = decode_log(tail.events)
        tape.final(
            {
                "type": "log",
                "urlId": key.url_id,
                "epoch": tail.position.epoch,
                "seq": tail.position.seq,
                "first": after.seq + 1,
                "last": events[-1].seq,
                "events": msgspec.to_builtins(events),
            }
        )
        after = Position(tail.position.epoch, events[-1].seq)


class Billing:
    """A host that adds what it is told, each report once."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.calls = 0
        self.total: Counter[str] = Counter()
        self.days: Counter[str] = Counter()
        self.fails = 0

    async def __call__(self, reports: Sequence[UsageReport]) -> None:
        self.calls += 1
        for report in reports:
            if report.report_id not in self.seen:
                self.seen.add(report.report_id)
                self.total.update(report.counters)
                self.days.update({report.day: 1})
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the bill could not be written")
