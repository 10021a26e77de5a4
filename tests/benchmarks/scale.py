"""What processes tell each other where they are 10, 100 and 1,000 with 1,000,000 viewers.

The engines are real: presence, hints, rations, sweeps, with real sealing. Their loop is not: its
time jumps to what is due next, so a minute takes as long as its work. Between them lies a broker
that hands on and counts.

The people: one page with 1,000 viewers, and pages of 10, each with its viewers on whichever
processes a load balancer chose. Somebody stays for two hours, so 139 come in a second and as many
leave. Who only looks on says nothing to other processes: so all come and go here, and of the pages
of 10 there are 300, which have the arrivals of all. The heads of the sweep are reckoned for all
pages. The processes have met before: that costs a few hints for each pair of them, once.

CPU is that of the simulation, divided by the engines in it: with what the broker costs, without the
sockets, and without the search for cycles of garbage, which would go through all engines at once.
Deliveries and their bytes are what grows with the square where anything does.

Two simulations at a time: less than 2 minutes on 2 idle processors, and 4 GiB.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor

from collabchat_asgi import Timing
from collabchat_asgi.core.frames import Subscribe
from collabchat_asgi.engine.engine import Engine
from collabchat_asgi.engine.peers.hints import CONTROL_TOPIC
from collabchat_asgi.engine.people.connection import Connection
from collabchat_asgi.engine.people.identities import Admission
from collabchat_asgi.errors import CloseCode
from collabchat_asgi.hooks import ConnectRequest, Hooks
from collabchat_asgi.pubsub.abc import Gap, Message, PubSub
from collabchat_asgi.pubsub.memory import Inbox, silence
from collabchat_asgi.storage.memory import MemoryStorage
from tests.benchmarks.material import ROOMY, TENANT, UNLIMITED, authenticate, identity
from tests.benchmarks.report import Row, progress

VIEWERS = 1_000_000
STAY_SECONDS = 7_200.0
HOT_VIEWERS = 1_000
PAGES, PAGE_VIEWERS = 300, 10
PROCESSES = (10, 100, 1_000)
SETTLING_SECONDS = 5
SECONDS = 5

QUIET = Timing(ping_seconds=3_600, revalidate_seconds=86_400)
"""Idle connections are a row of their own."""


class Jumping(asyncio.SelectorEventLoop):
    """Where nothing is ready, the time of the next timer comes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        waiting = self._scheduled  # type: ignore[attr-defined]
        if waiting and not self._ready:  # type: ignore[attr-defined]
            self.now = max(self.now, waiting[0]._when)
        super()._run_once()  # type: ignore[misc]


class LoopClock:
    """The loop's time, for an engine."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now_ms(self) -> int:
        return 1_750_000_000_000 + int(self.monotonic() * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Broker:
    def __init__(self) -> None:
        self.carries = False
        self.subscribers: dict[str, dict[Inbox, None]] = {}
        self.counts: Counter[str] = Counter()

    def publish(self, topic: str, payload: bytes) -> None:
        heard_by = self.subscribers.get(topic, {}) if self.carries else {}
        self.counts["published"] += 1
        self.counts["delivered"] += len(heard_by)
        self.counts["of control"] += len(heard_by) * (topic == CONTROL_TOPIC)
        self.counts["bytes"] += len(heard_by) * len(payload)
        for inbox in heard_by:
            inbox.put(topic, payload)


class Wire(PubSub):
    """One process's connection to the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._inbox: Inbox | None = None

    @classmethod
    def from_url(cls, url: str) -> Wire:
        raise NotImplementedError

    async def open(self) -> None:
        self._inbox = Inbox()

    async def close(self) -> None:
        if self._inbox is not None:
            self._inbox.close()

    async def publish(self, topic: str, payload: bytes) -> None:
        self._broker.publish(topic, payload)

    async def subscribe(self, topics: Collection[str]) -> None:
        assert self._inbox is not None
        self._inbox.topics.update(topics)
        for topic in topics:
            self._broker.subscribers.setdefault(topic, {})[self._inbox] = None

    async def unsubscribe(self, topics: Collection[str]) -> None:
        assert self._inbox is not None
        self._inbox.topics.difference_update(topics)
        for topic in topics:
            self._broker.subscribers.get(topic, {}).pop(self._inbox, None)

    def listen(self) -> AsyncIterator[Message | Gap]:
        return silence() if self._inbox is None else self._inbox.listen()


class Viewer:
    """A socket that takes everything and keeps nothing."""

    def __init__(self, engine: Engine, name: str, page: str) -> None:
        request = ConnectRequest(TENANT, None, name, {}, {}, {}, None, {})
        admission = Admission(identity(name), TENANT)
        self.connection: Connection = engine.services.door.connect(
            admission, request, self.send, self
        )
        self.connection.receive(Subscribe(page), 60)

    async def send(self, message: object) -> None:
        pass

    def finish(self, code: CloseCode, reason: str, *, abort: bool) -> None:
        assert code is CloseCode.GOING_AWAY, reason


class Crowd:
    """Who comes and goes: each page is left by one and joined by another in its turn."""

    def __init__(self, engines: list[Engine]) -> None:
        self.engines = engines
        self.chance = random.Random(len(engines))
        self.names = itertools.count()
        self.changes = itertools.count()
        self.turns = itertools.cycle(f"page-{n}" for n in range(PAGES))
        self.pages = {f"page-{n}": PAGE_VIEWERS for n in range(PAGES)} | {"hot": HOT_VIEWERS}
        self.here: dict[str, list[Viewer]] = {page: [] for page in self.pages}

    async def gather(self) -> None:
        for page, count in self.pages.items():
            for n in range(count):
                self.come(page)
                if n % 10 == 0:
                    await asyncio.sleep(0.001)

    def come(self, page: str) -> None:
        engine = self.chance.choice(self.engines)
        self.here[page].append(Viewer(engine, f"visitor-{next(self.names)}", page))

    async def change(self, seconds: float) -> None:
        """For so long, as many as of a million."""
        ends = asyncio.get_running_loop().time() + seconds
        pause = STAY_SECONDS / VIEWERS
        hot_each = VIEWERS // HOT_VIEWERS
        while asyncio.get_running_loop().time() < ends:
            page = "hot" if next(self.changes) % hot_each == 0 else next(self.turns)
            self.here[page].pop(0).connection.leave()
            self.come(page)
            await asyncio.sleep(pause)


def simulated(processes: int) -> dict[str, float]:
    """In a process of its own."""
    gc.disable()
    loop = Jumping()
    try:
        return loop.run_until_complete(simulate(processes))
    finally:
        loop.close()


async def simulate(processes: int) -> dict[str, float]:
    def tell(what: str) -> None:
        progress(f"{VIEWERS:,} viewers on {processes:,} processes: {what}")

    tell("they start, and meet")
    broker, storage = Broker(), MemoryStorage()
    engines = []
    for _ in range(processes):
        hooks = Hooks(authenticate)
        clock = LoopClock()
        engine = Engine(storage, Wire(broker), hooks, UNLIMITED, QUIET, ROOMY, str, clock=clock)
        await engine.start()
        engines.append(engine)
        await asyncio.sleep(QUIET.heartbeat_seconds / processes)  # not all in one step
    introduce(engines)
    broker.carries = True
    crowd = Crowd(engines)
    tell("the first people come")
    await crowd.gather()
    for engine in engines:
        forget_spending(engine)
    for second in range(SETTLING_SECONDS):
        tell(f"second {second + 1} of {SETTLING_SECONDS} that is not counted")
        await crowd.change(1)
    cpu = 0.0
    broker.counts.clear()
    for second in range(SECONDS):
        tell(f"second {second + 1} of {SECONDS}")
        started = time.process_time()
        await crowd.change(1)
        cpu += time.process_time() - started
    open_here = sum(len(engine.services.pages) for engine in engines)
    told = broker.counts
    # A page of 10 is open on about as many processes as it has viewers, one of a thousand on most.
    all_open = open_here * (VIEWERS - HOT_VIEWERS) / (PAGES * PAGE_VIEWERS)
    assert not any(engine.services.counts.gaps for engine in engines), "more than can be heard"
    for engine in engines:
        await engine.services.supervisor.stop()
    return {name: count / SECONDS for name, count in told.items()} | {
        "cpu": cpu / SECONDS / processes,
        "heads": all_open / QUIET.sweep_seconds,
        "calls": max(processes, all_open / 1_000) / QUIET.sweep_seconds,
    }


def forget_spending(engine: Engine) -> None:
    """Who has been here for long has spent nothing lately."""
    untold = engine.services.users._untold
    for one in untold.values():
        one.spent = [0, 0, 0]
    untold.clear()


def introduce(engines: list[Engine]) -> None:
    """All know each other, as if each had echoed what each had said."""
    everyone = [engine.services for engine in engines]
    for one in everyone:
        now_ms, gossip = one.codec.now_ms, one.gossip
        for other in everyone:
            if other is not one:
                told = other.codec._number + 1
                said_ms = other.codec.now_ms
                gossip._introductions._peers.met(other.run, told, said_ms, now_ms, now_ms)
                gossip._alive[other.run] = one.clock.monotonic()
                gossip._patience[other.run] = QUIET.expiry_seconds * len(engines)


def rows(rounds: int) -> Iterator[Row]:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        # The longest first, so that the others end beside it.
        under_way = {n: pool.submit(simulated, n) for n in reversed(PROCESSES)}
        results = {n: under_way[n].result() for n in PROCESSES}
    before: dict[str, float] = {}
    last = 0
    for processes, told in results.items():
        each = {name: count / processes for name, count in told.items()}
        name = f"{VIEWERS:,} viewers on {processes:,} processes"
        growth = told["delivered"] / before["delivered"] if before else 0.0
        linear = processes / last if last else 0.0
        yield Row(
            f"{name}: the broker",
            f"{told['published']:,.0f} hints/s in, {told['delivered']:,.0f}/s out "
            f"({told['of control']:,.0f} to all), {told['bytes'] / 1e6:.2f} MB/s"
            + (f"; {growth:.1f} × for {linear:.0f} × the processes" if before else ""),
            "no square" if before else "",
            growth <= 1.5 * linear if before else None,
            f"{SECONDS} s",
        )
        yield Row(
            f"{name}: each process",
            f"{each['published']:,.1f} hints/s out, {each['delivered']:,.0f}/s in, "
            f"{each['bytes'] / 1e3:,.1f} kB/s in; CPU {told['cpu'] * 100:.2f} % of a core",
        )
        yield Row(
            f"{name}: the storage",
            f"{told['heads']:,.0f} heads/s in {told['calls']:,.0f} reads",
        )
        before, last = told, processes


if __name__ == "__main__":
    from tests.benchmarks.report import print_rows

    print_rows(list(rows(1)))
