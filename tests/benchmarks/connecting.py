"""Connect, `hello` and `subscribe` a second, against the connects of a bare loop."""

from __future__ import annotations

from collections.abc import Iterator

from collabchat_asgi.testing.processes import ServerProcess
from tests.benchmarks.apps import PAGE
from tests.benchmarks.idle import cpu_ns
from tests.benchmarks.report import Row, median, progress, spread
from tests.benchmarks.serving import server
from tests.benchmarks.swarm import SwarmProcess

CONNECTIONS = 1_000


def rows(rounds: int) -> Iterator[Row]:
    with server("bare") as bare, server("ours") as ours:
        ratios: list[float] = []
        for number in range(rounds + 1):
            progress(f"{CONNECTIONS:,} connect, round {number} of {rounds}")
            floor, spent = connecting(bare, "/", ""), connecting(ours, "/collabchat/ws", PAGE)
            if number:  # the first one warms up
                ratios.append(floor / spent)
        yield Row(
            "connect + hello + subscribe for a second of CPU, of the bare loop's connects",
            spread(ratios, ".2f"),
            "≥ 0.75",
            median(ratios) >= 0.75,
            f"{CONNECTIONS:,} × {rounds}",
        )


def connecting(process: ServerProcess, path: str, page: str) -> float:
    """Nanoseconds that the server works for all; subscribed where there is a page."""
    before = cpu_ns(process.pid)
    with SwarmProcess(process.port, path, CONNECTIONS, page=page, greet=bool(page)):
        return cpu_ns(process.pid) - before
