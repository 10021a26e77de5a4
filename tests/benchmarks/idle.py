"""What 1,000 connections cost that say nothing, beside a bare loop with as many.

Both servers are idle at the same time, so what else the machine does meets both alike. The server's
own pings are off; ours (`Timing.ping_seconds`) are answered, and the sweeps and revalidations of a
process in use go on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.apps import PAGE
from tests.benchmarks.report import Row, median, progress, spread
from tests.benchmarks.serving import server
from tests.benchmarks.swarm import SwarmProcess

CONNECTIONS = 1_000
SECONDS = 25.0
"""Of one round: everyone is pinged about once."""

OURS = {"no page": "", "all on one page": PAGE, "each on a page of its own": "page-{n}"}


def cpu_ns(pid: int) -> int:
    """Nanoseconds that a process has worked, all its threads, kernel included."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def rows(rounds: int) -> Iterator[Row]:
    with ExitStack() as stack:
        pids = {}
        for name, page in {"bare": "", **OURS}.items():
            app = "bare" if name == "bare" else "ours"
            process = stack.enter_context(server(app, BENCH_SWEEP_SECONDS="5"))
            pids[name] = process.pid
            path = "/" if app == "bare" else "/collabchat/ws"
            greet = app == "ours"
            swarm = SwarmProcess(process.port, path, CONNECTIONS, page=page, greet=greet)
            stack.enter_context(swarm)
        time.sleep(SECONDS)  # what joining has left behind
        percent: dict[str, list[float]] = {name: [] for name in pids}
        for number in range(rounds):
            progress(f"{CONNECTIONS:,} idle connections, round {number + 1} of {rounds}")
            before = {name: cpu_ns(pid) for name, pid in pids.items()}
            time.sleep(SECONDS)
            for name, pid in pids.items():
                percent[name].append((cpu_ns(pid) - before[name]) / SECONDS / 1e7)
    for name in OURS:
        yield Row(
            f"{CONNECTIONS:,} idle connections, {name}",
            f"{spread(percent[name], '.2f')} % of a core (bare {median(percent['bare']):.2f})",
            "≤ 0.2 %",
            median(percent[name]) <= 0.2,
            f"{SECONDS:.0f} s × {rounds}",
        )
