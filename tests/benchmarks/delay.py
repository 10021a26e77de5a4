"""How long it takes until the others see it, while the server has little to do.

Client and servers share the machine's cores, so every way has the same two wake-ups in it; the
bare relay of texts tells how much they are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from collabchat_asgi.testing.processes import ServerProcess
from tests.benchmarks.apps import PAGE
from tests.benchmarks.material import add_comment, create_chat, new_id, stamped_id
from tests.benchmarks.peer import Peer
from tests.benchmarks.report import Row, disk_of, median, percentile, progress
from tests.benchmarks.serving import ask, server
from tests.benchmarks.swarm import SwarmProcess

QUIET_EVENTS = 8
QUIET_CLIENTS = 10
PAGES = 10
PAUSE = 0.1
"""Ten pages in turn every 0.1 s: one event a second on each."""
ROUND = 40
PATH = "/collabchat/ws"


class Way:
    """From one client's `send` to another's socket, over and over."""

    def __init__(self, sender: Peer, receiver: Peer, page: str, *, bare: bool = False) -> None:
        self._sender = sender
        self._receiver = receiver
        self._page = page
        self._bare = bare
        self._chat_id = new_id()
        if not bare:
            sender.send(create_chat(page, self._chat_id))
            receiver.wait_for(self._chat_id.encode())
            sender.wait_for(b'"type":"ack"')

    def __call__(self) -> float:
        """Milliseconds."""
        frame = add_comment(self._page, self._chat_id)
        mark = frame["broadcastId"] = stamped_id(time.monotonic_ns())
        started = time.perf_counter()
        self._sender.send(frame)
        self._receiver.wait_for(mark.encode())
        taken = time.perf_counter() - started
        self._sender.wait_for(mark.encode(), 1 if self._bare else 2)
        if not self._bare:
            # Who says nothing for long is taken for dead.
            self._receiver.send({"type": "ping"})
        return taken * 1000


def ways(
    stack: ExitStack, name: str, sending: ServerProcess, receiving: ServerProcess, pages: int
) -> list[Callable[[], float]]:
    """One sender and one receiver on each of so many pages."""
    made: list[Callable[[], float]] = []
    for n in range(pages):
        page = f"{name}-{n}"
        sender = stack.enter_context(Peer(sending.port, PATH, f"sender-{n}", page))
        receiver = stack.enter_context(Peer(receiving.port, PATH, f"receiver-{n}", page))
        made.append(Way(sender, receiver, page))
    return made


def bare_ways(stack: ExitStack, relay: ServerProcess, pages: int) -> list[Callable[[], float]]:
    made: list[Callable[[], float]] = []
    for n in range(pages):
        sender = stack.enter_context(Peer(relay.port, f"/{n}"))
        receiver = stack.enter_context(Peer(relay.port, f"/{n}"))
        made.append(Way(sender, receiver, "", bare=True))
    return made


def quiet(rounds: int) -> Iterator[Row]:
    """One event a second to ten clients: what batching, ring and accounting add to the sends."""
    with ExitStack() as stack:
        swarms = []
        for app, path, page in (("bare", "/", ""), ("ours", PATH, PAGE)):
            process = stack.enter_context(server(app))
            swarm = SwarmProcess(
                process.port, path, QUIET_CLIENTS, page=page, greet=bool(page), watch=True
            )
            swarms.append((process, stack.enter_context(swarm)))
        threads = stack.enter_context(ThreadPoolExecutor(len(swarms)))
        added, floor = [], []
        for n in range(rounds):
            progress(f"delay: one event a second, round {n + 1}")
            query = {"events": QUIET_EVENTS, "pause": 1.0, "body": 80}
            running = [threads.submit(ask, one, "/run", **query) for one, _ in swarms]
            for each in running:
                each.result()
            bare, ours = (median(swarm.count()[2]) / 1e6 for _, swarm in swarms)
            added.append(ours - bare)
            floor.append(bare)
        yield Row(
            "delay added at 1 event/s: event → client's socket, above a bare loop",
            f"{median(added):+.2f} ms (bare loop {median(floor):.2f})",
            "≤ 0.3 ms",
            median(added) <= 0.3,
            f"{QUIET_EVENTS * QUIET_CLIENTS} × {rounds}",
        )


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        yield from quiet(rounds)
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=directory))
            storage = {
                "COLLABCHAT_STORAGE": f"sqlite:///{folder}/delay.db",
                "COLLABCHAT_PUBSUB": f"local://{folder}/delay.db",
                "BENCH_SWEEP_SECONDS": "5",
            }
            relay = stack.enter_context(server("bare"))
            memory = stack.enter_context(server("ours"))
            first = stack.enter_context(server("ours", **storage))
            second = stack.enter_context(server("ours", **storage))
            measured: dict[str, list[list[float]]] = {}
            contestants = {
                "bare": bare_ways(stack, relay, PAGES),
                "memory": ways(stack, "memory", memory, memory, PAGES),
                "sqlite": ways(stack, "same", first, first, PAGES),
                "other": ways(stack, "other", first, second, PAGES),
            }
            for number in range(rounds):
                for name, its_ways in contestants.items():
                    progress(f"delay: {name}, round {number + 1}")
                    delays = []
                    for turn in range(ROUND):
                        time.sleep(PAUSE)
                        delays.append(its_ways[turn % PAGES]())
                    measured.setdefault(name, []).append(delays)
            yield from _rows(measured, rounds, disk_of(directory))

    return rows


def _rows(measured: dict[str, list[list[float]]], rounds: int, disk: str) -> Iterator[Row]:
    n = f"{ROUND} × {rounds}, {PAGES} pages at 1 event/s"
    middle = {name: [median(delays) for delays in each] for name, each in measured.items()}
    added = median(ours - bare for ours, bare in zip(middle["memory"], middle["bare"], strict=True))
    yield Row(
        "operation sent → other viewer, memory://, above a bare relay",
        f"{added:+.2f} ms (bare relay {median(middle['bare']):.2f})",
        n=n,
    )
    tops = {}
    for name, what, goal in (
        ("sqlite", f"sent → other viewer, SQLite on {disk}", 15.0),
        ("other", "the same, viewer on another process, local://", 20.0),
    ):
        every = [delay for delays in measured[name] for delay in delays]
        tops[name] = percentile(every, 99)
        yield Row(
            what,
            f"p50 {median(every):.1f} ms, p99 {tops[name]:.1f} ms",
            f"p99 ≤ {goal:.0f} ms",
            tops[name] <= goal,
            n,
        )
    between = median(
        other - same for other, same in zip(middle["other"], middle["sqlite"], strict=True)
    )
    yield Row(
        "from one process to another, added at p50",
        f"+{between:.2f} ms",
        "≤ 5 ms",
        between <= 5,
        n,
    )
