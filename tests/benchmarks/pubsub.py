"""How long a hint takes from one process to another over `local://`, beside a bare datagram.

    python -m tests.benchmarks.pubsub [--uvloop]

One way, by the machine's monotonic clock; median of 5 interleaved rounds of N messages each.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from collabchat_asgi.pubsub.abc import Message
from collabchat_asgi.pubsub.local import SETTLED_NS, LocalPubSub

ROUNDS = 5
N = 2_000
FAST = 50_000
END = b"end"
PAYLOAD = bytes(200)

Send = Callable[[bytes], Awaitable[None]]


def stamped() -> bytes:
    return time.monotonic_ns().to_bytes(8, "big") + PAYLOAD


class Arrivals:
    """What the receiving process measures, in nanoseconds: each one's way, and all the time."""

    def __init__(self) -> None:
        self.ways: list[int] = []
        self.first = self.last = 0

    def add(self, payload: bytes) -> None:
        self.last = time.monotonic_ns()
        self.first = self.first or self.last
        self.ways.append(self.last - int.from_bytes(payload[:8], "big"))

    def report(self) -> None:
        print(json.dumps([self.ways, self.last - self.first]), flush=True)


async def receive_local(path: str) -> None:
    pubsub = LocalPubSub(path)
    await pubsub.open()
    await pubsub.subscribe(["t"])
    print("ready", flush=True)
    arrivals = Arrivals()
    async for item in pubsub.listen():
        if isinstance(item, Message) and item.payload == END:
            break
        if isinstance(item, Message):
            arrivals.add(item.payload)
    await pubsub.close()
    arrivals.report()


async def receive_bare(path: str) -> None:
    ended = asyncio.Event()
    arrivals = Arrivals()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bare:
        bare.setblocking(False)
        bare.bind(path)

        def read() -> None:
            payload = bare.recv(65536)
            if payload == END:
                ended.set()
            else:
                arrivals.add(payload)

        loop = asyncio.get_running_loop()
        loop.add_reader(bare.fileno(), read)
        print("ready", flush=True)
        await ended.wait()
        loop.remove_reader(bare.fileno())
    arrivals.report()


async def one_by_one(send: Send) -> None:
    for _ in range(N):
        await send(stamped())
        await asyncio.sleep(0.001)


async def in_tens(send: Send) -> None:
    """A committer that publishes for ten pages at once."""
    for _ in range(N // 10):
        for _ in range(10):
            await send(stamped())
        await asyncio.sleep(0.01)


async def as_fast_as_it_goes(send: Send) -> None:
    for number in range(FAST):
        await send(stamped())
        if number % 50 == 0:
            await asyncio.sleep(0)


async def over_local(
    directory: str, pattern: Callable[[Send], Awaitable[None]]
) -> tuple[list[int], int]:
    path = os.path.join(directory, "db")
    pubsub = LocalPubSub(path)
    await pubsub.open()
    with start("local", path) as receiver:
        await asyncio.sleep(SETTLED_NS / 1e9 + 0.1)  # workers come and go seldom: that is no part
        await pattern(lambda payload: pubsub.publish("t", payload))
        await pubsub.publish("t", END)
        result = await asyncio.to_thread(ended, receiver)
    await pubsub.close()
    return result


async def over_bare(
    directory: str, pattern: Callable[[Send], Awaitable[None]]
) -> tuple[list[int], int]:
    path = os.path.join(directory, "bare")
    with start("bare", path) as receiver:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bare:
            bare.connect(path)

            async def send(payload: bytes) -> None:
                bare.send(payload)

            await pattern(send)
            bare.send(END)
        result = await asyncio.to_thread(ended, receiver)
    os.unlink(path)
    return result


def start(what: str, path: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.benchmarks.pubsub", *sys.argv[1:], what, path]
    root = Path(__file__).parents[2]
    receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert receiver.stdout
    assert receiver.stdout.readline() == "ready\n"
    return receiver


def ended(receiver: subprocess.Popen[str]) -> tuple[list[int], int]:
    assert receiver.stdout
    ways, taken = json.loads(receiver.stdout.readline())
    return ways, taken


def percentiles(ways: list[int]) -> tuple[float, float, float]:
    """p50, p99 and the largest, in microseconds."""
    cuts = statistics.quantiles(ways, n=100)
    return cuts[49] / 1e3, cuts[98] / 1e3, max(ways) / 1e3


async def compare(directory: str) -> None:
    for pattern, name in ((one_by_one, "one per ms"), (in_tens, "ten per 10 ms")):
        measured: dict[str, list[tuple[float, float, float]]] = {"bare": [], "local": []}
        for _ in range(ROUNDS):
            for what, way in (("bare", over_bare), ("local", over_local)):
                ways, _ = await way(directory, pattern)
                assert len(ways) == N, f"{N - len(ways)} lost"
                measured[what].append(percentiles(ways))
        for what, rounds in measured.items():
            p50, p99, top = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"{name:15} {what:6} p50 {p50:7.0f} µs   p99 {p99:7.0f} µs   max {top:7.0f} µs")
    rates, lost = [], 0
    for _ in range(ROUNDS):
        ways, taken = await over_local(directory, as_fast_as_it_goes)
        rates.append(len(ways) / taken * 1e9)
        lost += FAST - len(ways)
    rate, sent = statistics.median(rates), ROUNDS * FAST
    print(f"{'flat out':15} local  {rate:,.0f}/s; {lost:,} of {sent:,} became a Gap")


def main() -> None:
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    if "--uvloop" in sys.argv:
        import uvloop

        run = uvloop.run
    match sys.argv[-2:]:
        case ["local", path]:
            run(receive_local(path))
        case ["bare", path]:
            run(receive_bare(path))
        case _:
            loop = "uvloop" if "--uvloop" in sys.argv else "asyncio"
            print(f"{loop}, Python {platform.python_version()}, {os.cpu_count()} cores, N={N}")
            with tempfile.TemporaryDirectory() as directory:
                run(compare(directory))


if __name__ == "__main__":
    main()
