"""A client that does not read, and one that also claims it had read: what they cost the others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

from tests.benchmarks.apps import PAGE
from tests.benchmarks.peer import Peer
from tests.benchmarks.report import Row, median, percentile, progress
from tests.benchmarks.serving import ask, server
from tests.benchmarks.swarm import SwarmProcess, masked

NEIGHBOURS = 20
EVENTS = 1_000
BODY = 5_000
"""Characters of three bytes: 15 MB pass by in all."""
PAUSE = 0.004
FORGED_AT_ONCE = 50

NOBODY, SILENT, FORGING = "nobody", "a client that does not read", "one that also forges pongs"


def non_reading(port: int) -> Peer:
    """Subscribes, and never reads again. Its kernel takes little on its behalf."""
    peer = Peer(port, "/collabchat/ws", "hostile", PAGE)
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return peer


class Forger:
    """Sends pongs for pings it has not seen: small numbers, as a counter would give them."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        n = 0
        while not self._stop.wait(0.1):
            forged = range(n, n + FORGED_AT_ONCE)
            n += FORGED_AT_ONCE
            frames = b"".join(masked(f'{{"type":"pong","n":{one}}}') for one in forged)
            try:
                self._peer.send_masked(frames)
            except OSError:
                return  # the server has had enough of it


def run(kind: str) -> tuple[float, float, float]:
    """p50 and p99 of the neighbours in ms, and what the server's process grew by at its peak."""
    with ExitStack() as stack:
        process = stack.enter_context(server("ours", BENCH_BATCH_SECONDS="0"))
        swarm = stack.enter_context(
            SwarmProcess(process.port, "/collabchat/ws", NEIGHBOURS, page=PAGE, watch=True)
        )
        # All join before the first event: what `run` feeds is in no storage to join by.
        forger = None
        if kind != NOBODY:
            hostile = stack.enter_context(non_reading(process.port))
            forger = Forger(hostile) if kind == FORGING else None
        swarm.count()
        before = ask(process, "/rss")["peak"]
        told = ask(process, "/run", events=EVENTS, pause=PAUSE, body=BODY)
        # A neighbour may be behind for a moment; the hostile one must be.
        assert told["live"] <= NEIGHBOURS, "somebody who does not read is sent to"
        grown = ask(process, "/rss")["peak"] - before
        if forger:
            forger.stop()
        delays: list[int] = []
        given_up = time.monotonic() + 10
        while len(delays) < 0.98 * EVENTS * NEIGHBOURS:
            _, closed, more = swarm.count()
            assert closed == 0, "a neighbour was closed"
            assert time.monotonic() < given_up, f"only {len(delays)} deliveries seen"
            delays += more
            time.sleep(0.05)
        return percentile(delays, 50) / 1e6, percentile(delays, 99) / 1e6, grown / 2**20


def rows(rounds: int) -> Iterator[Row]:
    measured: dict[str, list[tuple[float, float, float]]] = {}
    for n in range(rounds):
        for kind in (NOBODY, SILENT, FORGING):
            progress(f"hostile clients: {kind}, round {n + 1}")
            measured.setdefault(kind, []).append(run(kind))
    usual = measured[NOBODY]
    for kind in (SILENT, FORGING):
        its = measured[kind]
        grown = median(a[2] - b[2] for a, b in zip(its, usual, strict=True))
        ratio = median(a[1] / b[1] for a, b in zip(its, usual, strict=True))
        p99 = median(one[1] for one in its)
        yield Row(
            f"{kind}: server's memory",
            f"{grown:+.1f} MiB",
            "≤ 4 MiB",
            grown <= 4,
            f"{EVENTS:,} events of {BODY * 3 // 1000} kB × {rounds}",
        )
        yield Row(
            f"  its {NEIGHBOURS} neighbours' p99",
            f"{ratio:.2f} × that without it ({p99:.1f} ms)",
            "unchanged (≤ 1.2)",
            ratio <= 1.2,
            f"{EVENTS * NEIGHBOURS:,} deliveries × {rounds}",
        )
