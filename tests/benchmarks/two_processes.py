"""What one page costs that is open in two processes, with Redis between them.

Beside what is usually written for that: one plain reader a process, that relays what comes out of
Redis to each of its members, and keeps nothing. Ours write to one SQLite file and answer with an
ack. What is compared is the CPU time of both server processes, kernel included; that of Redis is
shown beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from collabchat_asgi.testing.services_redis import RedisServer
from tests.benchmarks.crowd import Course, CrowdProcess
from tests.benchmarks.report import Row, median, progress
from tests.benchmarks.serving import cpu_of, server

VIEWERS = 400
"""Half of them in each process, the writer in the first."""

WORKS = {
    "50 op/s": Course(150, rate=50),
    "32 in flight": Course(640, in_flight=32),
}
GOAL = 0.25


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=directory))
            redis = stack.enter_context(RedisServer(appendonly="no"))
            kinds = {
                "plain": ("plain_reader", {"BENCH_REDIS": redis.url}),
                "ours": (
                    "ours",
                    {
                        "COLLABCHAT_STORAGE": f"sqlite:///{folder}/two.db",
                        "COLLABCHAT_PUBSUB": redis.url,
                    },
                ),
            }
            servers = {
                name: [stack.enter_context(server(app, **env)) for _ in range(2)]
                for name, (app, env) in kinds.items()
            }
            crowds = {
                name: stack.enter_context(
                    CrowdProcess([one.port for one in both], 1, VIEWERS, ours=name == "ours")
                )
                for name, both in servers.items()
            }

            def spent(name: str) -> float:
                return sum(cpu_of(one.pid) for one in servers[name])

            for what, course in WORKS.items():
                found: dict[str, list[tuple[float, float, dict[str, float]]]] = {}
                for number in range(rounds + 1):
                    progress(f"two processes, {what}, round {number} of {rounds}")
                    for name, crowd in crowds.items():
                        before, broker = spent(name), cpu_of(redis.process.pid)
                        told = crowd.run(course)
                        if number:  # the first one warms up
                            cost = spent(name) - before, cpu_of(redis.process.pid) - broker, told
                            found.setdefault(name, []).append(cost)
                yield _row(what, found["plain"], found["ours"], rounds)

    return rows


Found = list[tuple[float, float, dict[str, float]]]


def _row(what: str, plain: Found, ours: Found, rounds: int) -> Row:
    ratio = median(one[0] / other[0] for one, other in zip(ours, plain, strict=True))
    deliveries = plain[0][2]["deliveries"]
    told = [
        f"{median(each[0] for each in those) / deliveries * 1e6:.1f} µs a delivery, Redis "
        f"{median(each[1] for each in those):.2f} s, "
        f"p50 {median(each[2]['p50'] for each in those):.1f}, "
        f"p99 {median(each[2]['p99'] for each in those):.1f} ms"
        for those in (ours, plain)
    ]
    return Row(
        f"two processes through Redis, 1 page × {VIEWERS} viewers, {what}",
        f"{ratio:.2f} × the CPU of one plain reader a process ({told[0]}; plain {told[1]})",
        f"≤ {GOAL}",
        ratio <= GOAL,
        f"{deliveries:,.0f} deliveries × {rounds}",
    )
