"""Each storage on this machine, waiting for its disk: durable operations per second and how long
an ack takes; on PostgreSQL also beside three other processes, one of them far away. And the way of
a hint from one process to another, on each pub/sub.

    python -m tests.benchmarks.back_ends [--rounds N]

The servers are its own, in temporary directories; set TMPDIR to choose the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collabchat_asgi import CollabChat
from collabchat_asgi.core.model import NOWHERE, PageKey, Position
from collabchat_asgi.pubsub.abc import Message
from collabchat_asgi.registry import make_pubsub, make_storage
from collabchat_asgi.storage.abc import Committed, Entry, Group, Record, Storage, Tail
from collabchat_asgi.testing.proxy import FaultProxy
from collabchat_asgi.testing.services_postgres import PostgresServer
from collabchat_asgi.testing.services_redis import RedisServer
from tests.benchmarks.durable import in_the_engine
from tests.benchmarks.material import ROOMY, UNLIMITED, authenticate
from tests.benchmarks.report import Row, machine, median, percentile, print_rows, progress, spread

EVENT, VALUE, BODY = b"e" * 300, b"v" * 200, "Is this still true after the last edit? " * 2
SECONDS = 3.0
WARM_SECONDS = 1.0
WRITERS_EACH = 16
AWAY_SECONDS = 0.002
"""Each way."""
HINTS = 1_000


class Process:
    """What one process does: writers that wait for their acks, and a committer that takes all
    that has gathered while the last commit was under way."""

    def __init__(self, storage: Storage, run: str, pages: int) -> None:
        self._storage = storage
        self._name = secrets.token_hex(4)
        self._heads = {PageKey("bench", f"{run}/{n}"): NOWHERE for n in range(pages)}
        self._numbers = itertools.count()
        self._waiting: dict[PageKey, list[tuple[Entry, asyncio.Future[None]]]] = {}
        self._wake = asyncio.Event()
        self.acks: list[tuple[float, float]] = []
        """(when, after how many seconds)"""

    async def run(self, writers: int, seconds: float) -> None:
        tasks = [asyncio.create_task(self._commit_for_ever())]
        pages = itertools.cycle(self._heads)
        tasks += [asyncio.create_task(self._write(next(pages))) for _ in range(writers)]
        ended, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()  # it is not meant to end
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, page: PageKey) -> None:
        while True:
            name = f"{self._name}-{next(self._numbers):08}-0123456789abcdef01234567"
            record = Record(f"c/{name}", VALUE, BODY, 1)
            entry = Entry(name, "user", b"f" * 16, b"r" * 40, EVENT, record.key, puts=[record])
            acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            started = time.perf_counter()
            self._waiting.setdefault(page, []).append((entry, acked))
            self._wake.set()
            await acked
            now = time.perf_counter()
            self.acks.append((now, now - started))

    async def _commit_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._waiting = self._waiting, {}
            groups = [
                Group(page, self._heads[page], [entry for entry, _ in waiting])
                for page, waiting in taken.items()
            ]
            given = {group.page: group.entries for group in groups}

            def revise(
                page: PageKey, tail: Tail, given: dict[PageKey, Sequence[Entry]] = given
            ) -> Sequence[Entry]:
                return [entry for entry in given[page] if entry.broadcast_id not in tail.known]

            for group, outcomes in zip(
                groups, await self._storage.commit(groups, revise), strict=True
            ):
                for entry, acked in taken[group.page]:
                    outcome = outcomes[entry.broadcast_id]
                    assert isinstance(outcome, Committed), outcome
                    self._heads[group.page] = _later(self._heads[group.page], outcome.position)
                    acked.set_result(None)


def _later(one: Position, other: Position) -> Position:
    return max(one, other, key=lambda position: position.seq)


async def write(url: str, run: str, writers: int, pages: int, start: float) -> None:
    """In a process of its own: prints operations per second and the p99 of an ack in ms."""
    storage = make_storage(url)
    await storage.open()
    process = Process(storage, run, pages)
    await asyncio.sleep(max(0.0, start - time.time()))
    began = time.perf_counter()
    await process.run(writers, WARM_SECONDS + SECONDS)
    await storage.close()
    counted = [took for at, took in process.acks if at - began >= WARM_SECONDS]
    print(json.dumps([len(counted) / SECONDS, percentile(counted, 99) * 1000]), flush=True)


async def hear(url: str) -> None:
    """In a process of its own: prints how long each hint took, in microseconds."""
    pubsub = make_pubsub(url)
    await pubsub.open()
    await pubsub.subscribe(["t"])
    print("ready", flush=True)
    took: list[float] = []
    async for item in pubsub.listen():
        if isinstance(item, Message) and item.payload == b"end":
            break
        if isinstance(item, Message):
            took.append((time.monotonic_ns() - int.from_bytes(item.payload[:8], "big")) / 1_000)
    await pubsub.close()
    print(json.dumps(took), flush=True)


def spawn(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.back_ends", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


async def told_by(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    assert line, "it ended and told nothing"
    return json.loads(line)


def new_run() -> str:
    """Pages that nobody has written on."""
    return secrets.token_hex(4)


async def alone(url: str, writers: int, pages: int) -> tuple[float, float]:
    with spawn("--write", url, new_run(), writers, pages, 0) as process:
        rate, p99 = await told_by(process)
    return rate, p99


async def together(url: str) -> list[tuple[float, float]]:
    """Four processes on one page; the last one is far away."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    async with FaultProxy(parts.hostname, parts.port) as proxy:
        proxy.to_server.delay_seconds = proxy.to_client.delay_seconds = AWAY_SECONDS
        far = url.replace(f":{parts.port}/", f":{proxy.port}/")
        run, start = new_run(), time.time() + 4.0
        with ExitStack() as stack:
            processes = [
                stack.enter_context(spawn("--write", where, run, WRITERS_EACH, 1, start))
                for where in (url, url, url, far)
            ]
            answers = await asyncio.gather(*map(told_by, processes))
        return [(rate, p99) for rate, p99 in answers]


async def hints(url: str) -> tuple[float, float]:
    """p50 and p99 of the way from process to process, in ms, one hint every 2 ms."""
    pubsub = make_pubsub(url)
    await pubsub.open()
    with spawn("--hear", url) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        for _ in range(HINTS):
            await pubsub.publish("t", time.monotonic_ns().to_bytes(8, "big") + bytes(200))
            await asyncio.sleep(0.002)
        await pubsub.publish("t", b"end")
        took = await told_by(process)
    await pubsub.close()
    assert len(took) == HINTS, f"{HINTS - len(took)} hints were lost"
    return percentile(took, 50) / 1_000, percentile(took, 99) / 1_000


async def engine(url: str, pages: int, in_flight: int) -> float:
    collab = CollabChat(
        authenticate=authenticate, storage=url, pubsub="memory://", limits=UNLIMITED, tuning=ROOMY
    )
    await collab.start()
    try:
        return await in_the_engine(collab, pages, in_flight)
    finally:
        await collab.close()


SIZES = [(1, 1), (16, 1), (64, 1), (64, 64)]
MANY = (256, 1)
"""On PostgreSQL only: what four busy processes of 64 writers would be in one."""

Found = dict[str, list[Any]]


@contextmanager
def services() -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """URLs of storages, and of pub/subs, by name."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        postgres = stack.enter_context(PostgresServer(fsync="on")).url
        redis = stack.enter_context(RedisServer()).url
        storages = {"SQLite": f"sqlite:///{folder}/bench.db", "PostgreSQL": postgres}
        pubsubs = {"local": f"local:///{folder}/bus", "PostgreSQL": postgres, "Redis": redis}
        yield {**storages, "Redis": redis}, pubsubs


async def measured(storages: dict[str, str], pubsubs: dict[str, str], rounds: int) -> Found:
    found: Found = {}

    async def add(name: str, measuring: Awaitable[Any]) -> None:
        found.setdefault(name, []).append(await measuring)

    postgres = storages["PostgreSQL"]
    for n in range(rounds):
        progress(f"back ends, round {n + 1}")
        for writers, pages in SIZES:
            for name, url in storages.items():
                await add(_size(name, writers, pages), alone(url, writers, pages))
        await add(_size("PostgreSQL", *MANY), alone(postgres, *MANY))
        await add("one page", engine(postgres, 1, 8))
        await add("64 pages", engine(postgres, 64, 8))
        await add("together", together(postgres))
        for name, url in pubsubs.items():
            await add(f"hints {name}", hints(url))
    return found


def _size(storage: str, writers: int, pages: int) -> str:
    return f"{storage}, {writers} writers on {pages} page{'s' if pages > 1 else ''}"


def rows(rounds: int) -> Iterator[Row]:
    with services() as (storages, pubsubs):
        found = asyncio.run(measured(storages, pubsubs, rounds))
    n = f"{SECONDS:g} s × {rounds}"
    most = _size("PostgreSQL", *MANY)
    for what in [*(_size(name, *size) for name in storages for size in SIZES), most]:
        rates, p99s = zip(*found[what], strict=True)
        goal = ("≥ 10,000", median(rates) >= 10_000) if what == most else ("", None)
        told = f"{spread(rates, ',.0f')}; p99 of an ack {median(p99s):.1f} ms"
        yield Row(f"{what}, operations/s", told, *goal, n=n)
    for pages in ("one page", "64 pages"):
        what = f"PostgreSQL, in the engine, {pages}, 64 writers with 8 in flight each, operations/s"
        goal = ("≥ 10,000", median(found[pages]) >= 10_000) if pages == "one page" else ("", None)
        yield Row(what, spread(found[pages], ",.0f"), *goal, n=f"8,000 × {rounds}")
    yield from far_away(found["together"], n)
    for name in pubsubs:
        p50s, p99s = zip(*found[f"hints {name}"], strict=True)
        told = f"p50 {median(p50s):.2f} ms, p99 {median(p99s):.2f} ms"
        yield Row(f"a hint from process to process, {name}", told, n=f"{HINTS:,} × {rounds}")


def far_away(found: list[list[tuple[float, float]]], n: str) -> Iterator[Row]:
    rates, p99s = zip(*(min(answers) for answers in found), strict=True)
    near = [median(rate for rate, _ in answers[:3]) for answers in found]
    what = (
        f"PostgreSQL, 4 processes × {WRITERS_EACH} writers on 1 page, "
        f"one {AWAY_SECONDS * 1000:g} ms away"
    )
    slowest = median(rates)
    yield Row(f"{what}: a near one, operations/s", spread(near, ",.0f"), n=n)
    yield Row(
        f"{what}: the slowest, operations/s", spread(rates, ",.0f"), "≥ 300", slowest >= 300, n
    )
    told = spread(p99s, ".1f") + " ms"
    yield Row(f"{what}: p99 of its acks", told, "≤ 100 ms", median(p99s) <= 100, n)


def main() -> None:
    match sys.argv[1:]:
        case ["--write", url, run, writers, pages, start]:
            asyncio.run(write(url, run, int(writers), int(pages), float(start)))
        case ["--hear", url]:
            asyncio.run(hear(url))
        case _:
            parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
            parser.add_argument("--rounds", type=int, default=5)
            arguments = parser.parse_args()
            before = machine()
            found = list(rows(arguments.rounds))
            print(before)
            print_rows(found)


if __name__ == "__main__":
    main()
