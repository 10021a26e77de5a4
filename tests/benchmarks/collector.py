"""What Python's collector of cycles costs a busy process, and how long it stops everybody.

Two servers under the same work, that of `delivering`'s 100 pages and then `connecting`'s crowd: one
as Python is, the other with `gc.set_threshold(20_000, 20, 20)`, as the operators' README says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.apps import PAGE
from tests.benchmarks.connecting import CONNECTIONS, connecting
from tests.benchmarks.crowd import Course, CrowdProcess
from tests.benchmarks.report import Row, median, progress
from tests.benchmarks.serving import cpu_of, server

PAGES, VIEWERS = 100, 10
COURSE = Course(60, rate=10)
RARELY = "20000 20 20"


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=directory))
            servers = {
                name: stack.enter_context(
                    server("ours", COLLABCHAT_STORAGE=f"sqlite:///{folder}/{name}.db", BENCH_GC=gc)
                )
                for name, gc in (("usual", ""), ("rare", RARELY))
            }
            crowds = {
                name: stack.enter_context(CrowdProcess([one.port], PAGES, VIEWERS, ours=True))
                for name, one in servers.items()
            }
            found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in servers}
            for number in range(rounds + 1):
                for name, one in servers.items():
                    progress(f"the collector, {name}, round {number} of {rounds}")
                    before = cpu_of(one.pid)
                    told = crowds[name].run(COURSE)
                    if number:  # the first one warms up
                        cpu = cpu_of(one.pid) - before
                        found[name].append((cpu, told["p50"], told["p99"]))
            came: dict[str, list[float]] = {name: [] for name in servers}
            for number in range(rounds + 1):
                for name, one in servers.items():
                    progress(f"the collector, {CONNECTIONS:,} come, {name}, {number} of {rounds}")
                    spent = connecting(one, "/collabchat/ws", PAGE)
                    if number:
                        came[name].append(spent)
        ratio = median(
            rare[0] / usual[0] for rare, usual in zip(found["rare"], found["usual"], strict=True)
        )
        told_of = {
            name: "p50 {:.1f} ms, p99 {:.1f} ms".format(
                *(median(each[n] for each in those) for n in (1, 2))
            )
            for name, those in found.items()
        }
        yield Row(
            f"cycles looked for rarely, {PAGES} pages × {VIEWERS} viewers, 10 op/s each, SQLite",
            f"{ratio:.2f} × the CPU of Python as it is; {told_of['rare']} ({told_of['usual']})",
            n=f"{COURSE.operations * PAGES * VIEWERS:,} deliveries × {rounds}",
        )
        cost = median(a / b for a, b in zip(came["rare"], came["usual"], strict=True))
        yield Row(
            "cycles looked for rarely, connect + hello + subscribe",
            f"{cost:.2f} × the CPU of Python as it is",
            n=f"{CONNECTIONS:,} × {rounds}",
        )

    return rows
