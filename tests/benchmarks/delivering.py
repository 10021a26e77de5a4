"""What the whole way costs, from one client's operation to all viewers' sockets.

Beside a bare loop that parses a text and relays it, and keeps nothing. All servers stay up, each
with its own crowd, and take turns; what is compared is the CPU time of the server's process,
kernel included, and how long it takes from the writer's `send` to a viewer's socket. What the
kernel takes is a floor: no code of ours makes a write to each viewer's socket cheaper.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.crowd import Course, CrowdProcess
from tests.benchmarks.report import Row, median, progress
from tests.benchmarks.serving import cpu_split, server


@dataclass(frozen=True)
class Work:
    """`goals`: of CPU against the bare loop, in memory and on SQLite."""

    name: str
    pages: int
    viewers: int
    course: Course
    goals: tuple[float, float]


WORKS = {
    "pages": Work("100 pages × 10 viewers, 10 op/s each", 100, 10, Course(20, rate=10), (1.0, 1.2)),
    "hundred": Work("1 page × 100 viewers, in turns", 1, 100, Course(400), (0.6, 0.8)),
    "thousand": Work("1 page × 1,000 viewers, in turns", 1, 1_000, Course(60), (0.5, 0.55)),
    "lively": Work("1 page × 200 viewers, 50 op/s", 1, 200, Course(150, rate=50), (0.6, 0.7)),
    "burst": Work(
        "1 page × 1,000 viewers, 32 in flight", 1, 1_000, Course(640, in_flight=32), (0.06, 0.06)
    ),
}

Round = dict[str, float]


def rows_on(directory: Path, works: dict[str, Work] = WORKS) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        for work in works.values():
            yield from _rows(work, measure(work, rounds, directory), rounds)

    return rows


def measure(work: Work, rounds: int, directory: Path) -> dict[str, list[Round]]:
    """Of each server, round by round, after one to warm up."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=directory))
        sqlite = {"COLLABCHAT_STORAGE": f"sqlite:///{folder}/delivering.db"}
        servers = {
            "bare": stack.enter_context(server("bare", BENCH_PARSES="1")),
            "memory": stack.enter_context(server("ours")),
            "SQLite": stack.enter_context(server("ours", **sqlite)),
        }
        crowds = {
            name: stack.enter_context(
                CrowdProcess([process.port], work.pages, work.viewers, ours=name != "bare")
            )
            for name, process in servers.items()
        }
        measured: dict[str, list[Round]] = {name: [] for name in servers}
        for number in range(rounds + 1):
            progress(f"{work.name}, round {number} of {rounds}")
            for name, process in servers.items():
                before = cpu_split(process.pid)
                told = crowds[name].run(work.course)
                spent = cpu_split(process.pid).since(before)
                told |= {"cpu": spent.total, "kernel": spent.kernel}
                measured[name].append(told)
        return {name: each[1:] for name, each in measured.items()}


def _rows(work: Work, measured: dict[str, list[Round]], rounds: int) -> Iterator[Row]:
    bare = measured["bare"]
    for name, goal in zip(("memory", "SQLite"), work.goals, strict=True):
        ours = measured[name]
        ratio = median(one["cpu"] / other["cpu"] for one, other in zip(ours, bare, strict=True))
        kernel = sum(one["kernel"] for one in ours) / sum(other["cpu"] for other in bare)
        micros, floor = (
            median(each["cpu"] / each["deliveries"] for each in rounds_of) * 1e6
            for rounds_of in (ours, bare)
        )
        yield Row(
            f"{work.name}, {name}",
            f"{ratio:.2f} × the CPU of the bare loop, {kernel:.2f} of it in the kernel "
            f"({micros:.1f} µs a delivery, bare {floor:.1f}); {_times(ours)} (bare {_times(bare)})",
            f"≤ {goal}",
            ratio <= goal,
            f"{bare[0]['deliveries']:,.0f} deliveries × {rounds}",
        )


def _times(rounds_of: list[Round]) -> str:
    p50, p99, rate = (
        median(values)
        for values in (
            [each["p50"] for each in rounds_of],
            [each["p99"] for each in rounds_of],
            [each["deliveries"] / each["seconds"] for each in rounds_of],
        )
    )
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {rate:,.0f}/s"
