"""What an operation costs where pages are small and many: 64 pages with one person on each.

Beside a bare loop that parses a text and relays it, and keeps nothing. What is compared is the CPU
time of the server's process, kernel included.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.report import Row, median, progress
from tests.benchmarks.serving import cpu_of, server
from tests.benchmarks.swarm import LonersProcess

PAGES = 64
OPERATIONS = 6_400
IN_FLIGHT = 4


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=directory))
            sqlite = {"COLLABCHAT_STORAGE": f"sqlite:///{folder}/writing.db"}
            servers = {
                "bare": stack.enter_context(server("bare", BENCH_PARSES="1")),
                "memory": stack.enter_context(server("ours")),
                "SQLite": stack.enter_context(server("ours", **sqlite)),
            }
            loners = {
                name: stack.enter_context(
                    LonersProcess(process.port, PAGES, OPERATIONS, IN_FLIGHT, name != "bare")
                )
                for name, process in servers.items()
            }
            micros: dict[str, list[float]] = {name: [] for name in servers}
            for number in range(rounds + 1):
                progress(f"operations on {PAGES} pages of one, round {number} of {rounds}")
                for name, process in servers.items():
                    before = cpu_of(process.pid)
                    loners[name].run()
                    if number:  # the first one warms up
                        spent = cpu_of(process.pid) - before
                        micros[name].append(spent / OPERATIONS * 1e6)
            for name, goal in (("memory", 2.5), ("SQLite", 3.5)):
                ratio = median(
                    ours / bare for ours, bare in zip(micros[name], micros["bare"], strict=True)
                )
                yield Row(
                    f"operation, {PAGES} pages of one, {IN_FLIGHT} in flight, {name}",
                    f"{ratio:.1f} × the CPU of the bare loop "
                    f"({median(micros[name]):.0f} µs, bare {median(micros['bare']):.0f})",
                    f"≤ {goal}",
                    ratio <= goal,
                    f"{OPERATIONS:,} operations × {rounds}",
                )

    return rows
