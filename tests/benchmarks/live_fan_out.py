"""What a delivery costs on real uvicorn with real sockets, beside a bare loop of sends.

Both servers stay up, each with its own clients; they take turns, and what is compared is the CPU
time of the server's process, kernel included.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from collabchat_asgi.testing.processes import ServerProcess
from tests.benchmarks.apps import PAGE
from tests.benchmarks.report import Row, median, progress
from tests.benchmarks.serving import ask, server
from tests.benchmarks.swarm import SwarmProcess

SOCKETS = 1_000
FEWER_SOCKETS = 200
PACED_EVENTS = 60
BURST_EVENTS = 200
EVENTS_A_FRAME = 20
LONGER = 5

Result = dict[str, float]


class Contest:
    """The same commands to both servers, in turns."""

    def __init__(self, stack: ExitStack, sockets: int) -> None:
        self.sockets = sockets
        self._bare = stack.enter_context(server("bare"))
        self._ours = stack.enter_context(server("ours", BENCH_BATCH_SECONDS="0"))
        self._swarms = {
            self._bare: stack.enter_context(
                SwarmProcess(self._bare.port, "/", sockets, greet=False)
            ),
            self._ours: stack.enter_context(
                SwarmProcess(self._ours.port, "/collabchat/ws", sockets, page=PAGE)
            ),
        }

    def rounds(self, count: int, longer: int = 1, **query: float) -> list[tuple[Result, Result]]:
        """What the bare loop and ours measured, round by round, after one to warm up; ours with
        `longer` times the events, where it is so much faster that it would hardly be seen."""
        more = query | {"events": query["events"] * longer}
        done = [
            (self._run(self._bare, query), self._run(self._ours, more)) for _ in range(count + 1)
        ]
        return done[1:]

    def _run(self, process: ServerProcess, query: dict[str, float]) -> Result:
        swarm = self._swarms[process]
        swarm.count()
        result = ask(process, "/run", **query)
        read, closed, _ = swarm.count()
        assert closed == 0, f"{closed} clients were closed"
        # The last bytes may still be in the kernel when the clients are asked.
        assert read >= 0.9 * result["deliveries"] * 400, f"{read} bytes are too few"
        return result


def rows(rounds: int) -> Iterator[Row]:
    for sockets in (SOCKETS, FEWER_SOCKETS):
        with ExitStack() as stack:
            contest = Contest(stack, sockets)
            progress(f"fan-out on uvicorn, {sockets} sockets")
            # About as many deliveries with fewer sockets, at about the same load.
            more = SOCKETS // sockets
            pairs = contest.rounds(rounds, events=PACED_EVENTS * more, batch=1, pause=0.03 / more)
            ratio = median(ours["cpu"] / bare["cpu"] for bare, ours in pairs)
            floor = median(bare["cpu"] / bare["deliveries"] for bare, _ in pairs) * 1e6
            yield Row(
                f"delivery, uvicorn, {sockets:,} sockets, one event a frame",
                f"{ratio:.2f} × the CPU of the bare loop ({floor:.1f} µs)",
                "≤ 0.5",
                ratio <= 0.5,
                f"{PACED_EVENTS * SOCKETS:,} deliveries × {rounds}",
            )
            if sockets == SOCKETS:
                yield from burst(contest, rounds)


def burst(contest: Contest, rounds: int) -> Iterator[Row]:
    progress(f"fan-out on uvicorn, {EVENTS_A_FRAME} events a frame")
    pairs = contest.rounds(rounds, LONGER, events=BURST_EVENTS, batch=EVENTS_A_FRAME)
    frames = median(ours["frames"] for _, ours in pairs)
    assert frames == LONGER * BURST_EVENTS / EVENTS_A_FRAME, frames
    speed = median(bare["wall"] / ours["wall"] * LONGER for bare, ours in pairs)
    cpu = median(ours["cpu"] / bare["cpu"] / LONGER for bare, ours in pairs)
    rate = median(ours["deliveries"] / ours["wall"] for _, ours in pairs)
    n = f"{BURST_EVENTS * contest.sockets:,} and {LONGER} times as many × {rounds}"
    name = f"uvicorn, {contest.sockets:,} sockets, {EVENTS_A_FRAME} events a frame"
    yield Row(
        f"{name}: speed",
        f"{speed:.1f} × the events/s of the bare loop ({rate:,.0f} deliveries/s)",
        "≥ 9",
        speed >= 9,
        n,
    )
    yield Row(f"{name}: CPU", f"{cpu:.3f} × the CPU of the bare loop", "≤ 0.12", cpu <= 0.12, n)
