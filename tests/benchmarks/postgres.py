"""PostgreSQL on this machine, waiting for its disk: durable operations per second and how long an
ack takes, alone and beside three other processes, one of them far away; and the way of a hint.

    python -m tests.benchmarks.postgres [--rounds N] [url]

Without a URL it starts a server of its own in a temporary directory; set TMPDIR to choose the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from collabchat_asgi import CollabChat
from collabchat_asgi.core.model import NOWHERE, PageKey, Position
from collabchat_asgi.pubsub.abc import Message
from collabchat_asgi.pubsub.postgres import PostgresPubSub
from collabchat_asgi.storage.abc import Committed, Entry, Group, Record, Tail
from collabchat_asgi.storage.postgres import PostgresStorage
from collabchat_asgi.testing.proxy import FaultProxy
from collabchat_asgi.testing.services_postgres import PostgresServer
from tests.benchmarks.durable import in_the_engine
from tests.benchmarks.material import UNLIMITED, authenticate
from tests.benchmarks.report import Row, machine, median, percentile, print_rows, progress, spread

EVENT, VALUE, BODY = b"e" * 300, b"v" * 200, "Is this still true after the last edit? " * 2
SECONDS = 4.0
WARM_SECONDS = 1.0
WRITERS_EACH = 16
AWAY_SECONDS = 0.002
"""Each way."""
HINTS = 1_000


class Process:
    """What one process does: writers that wait for their acks, and a committer that takes all
    that has gathered while the last commit was under way."""

    def __init__(self, storage: PostgresStorage, run: str, pages: int) -> None:
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
    storage = PostgresStorage(url)
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
    pubsub = PostgresPubSub(url)
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
        [sys.executable, "-m", "tests.benchmarks.postgres", *map(str, arguments)],
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
    pubsub = PostgresPubSub(url)
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
        authenticate=authenticate, storage=url, pubsub="memory://", limits=UNLIMITED
    )
    await collab.start()
    try:
        return await in_the_engine(collab, pages, in_flight)
    finally:
        await collab.close()


SIZES = [(1, 1), (16, 1), (64, 1), (64, 64), (256, 1)]


async def measured(url: str, rounds: int) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for n in range(rounds):
        progress(f"PostgreSQL, round {n + 1}")
        for writers, pages in SIZES:
            found.setdefault(f"{writers} on {pages}", []).append(await alone(url, writers, pages))
        found.setdefault("engine, one page", []).append(await engine(url, 1, 8))
        found.setdefault("engine, 64 pages", []).append(await engine(url, 64, 8))
        found.setdefault("together", []).append(await together(url))
        found.setdefault("hints", []).append(await hints(url))
    return found


def rows(rounds: int, url: str | None = None) -> Iterator[Row]:
    with ExitStack() as stack:
        where = url or stack.enter_context(PostgresServer(fsync="on")).url
        found = asyncio.run(measured(where, rounds))
    n = f"{SECONDS:g} s × {rounds}"
    for writers, pages in SIZES:
        answers = found[f"{writers} on {pages}"]
        rates, p99s = [rate for rate, _ in answers], [p99 for _, p99 in answers]
        page = "1 page" if pages == 1 else f"{pages} pages"
        what = f"PostgreSQL, {writers} writers on {page}"
        goal = ("≥ 10,000", median(rates) >= 10_000) if (writers, pages) == (256, 1) else ("", None)
        yield Row(f"{what}, operations/s", spread(rates, ",.0f"), *goal, n=n)
        yield Row(f"{what}, p99 of an ack", spread(p99s, ".1f") + " ms", n=n)
    for name in ("engine, one page", "engine, 64 pages"):
        goal = ("≥ 10,000", median(found[name]) >= 10_000) if "one" in name else ("", None)
        what = f"PostgreSQL, in the {name}, 64 writers with 8 in flight each, operations/s"
        yield Row(what, spread(found[name], ",.0f"), *goal, n=f"8,000 × {rounds}")
    slowest = [min(answers) for answers in found["together"]]
    rates, p99s = [rate for rate, _ in slowest], [p99 for _, p99 in slowest]
    far = f"4 processes × {WRITERS_EACH} writers on 1 page, one {AWAY_SECONDS * 1000:g} ms away"
    near = [median(rate for rate, _ in answers[:3]) for answers in found["together"]]
    yield Row(f"{far}: a near one, operations/s", spread(near, ",.0f"), n=n)
    yield Row(
        f"{far}: the slowest, operations/s",
        spread(rates, ",.0f"),
        "≥ 300",
        median(rates) >= 300,
        n,
    )
    yield Row(
        f"{far}: p99 of its acks",
        spread(p99s, ".1f") + " ms",
        "≤ 100 ms",
        median(p99s) <= 100,
        n,
    )
    for place, name in enumerate(("p50", "p99")):
        ways = [answer[place] for answer in found["hints"]]
        yield Row(
            f"LISTEN/NOTIFY, process to process, {name}",
            spread(ways, ".2f") + " ms",
            n=f"{HINTS:,} × {rounds}",
        )


def main() -> None:
    match sys.argv[1:]:
        case ["--write", url, run, writers, pages, start]:
            asyncio.run(write(url, run, int(writers), int(pages), float(start)))
        case ["--hear", url]:
            asyncio.run(hear(url))
        case _:
            parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
            parser.add_argument("--rounds", type=int, default=5)
            parser.add_argument("url", nargs="?")
            arguments = parser.parse_args()
            before = machine()
            found = list(rows(arguments.rounds, arguments.url))
            print(before)
            print_rows(found)


if __name__ == "__main__":
    main()
