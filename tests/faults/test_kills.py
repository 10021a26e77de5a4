"""kill -9 under load, again and again: nothing acked is lost, doubled, out of order or unheard."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from collabchat_asgi.testing import History, Report, ServerProcess

from .load import LONG, Crowd, serve, until

KILLS = 60 if LONG else 22
ACKED = 10_000 if LONG else 2_000
BETWEEN = ACKED // KILLS
RESTARTS = 24 if LONG else 3
SEED = int(os.environ.get("COLLABCHAT_SEED", "20"))


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/collabchat.db"


@pytest.fixture
async def crowds() -> AsyncIterator[list[Crowd]]:
    crowds: list[Crowd] = []
    yield crowds
    for crowd in crowds:
        await crowd.stop()


def judge(report: Report, what: str, *, kills: int, acked: int, strict: int | None = None) -> None:
    hit = report.faults_in_flight if strict is None else strict
    print(f"\n{what} (seed {SEED}): {kills} kills, {hit} with operations in flight: {report}")
    report.assert_kept()
    assert report.unanswered == 0
    assert report.acked >= acked
    assert report.faults == kills
    assert hit >= kills * 3 // 4


async def test_one_server_is_killed_and_comes_back(storage: str, crowds: list[Crowd]) -> None:
    history = History()
    with serve(storage) as server:
        crowds.append(crowd := Crowd([server.url], history, seed=SEED))
        crowd.begin()
        await crowd.more(50)
        for _ in range(RESTARTS):
            await crowd.more(BETWEEN)
            await until(lambda: crowd.in_flight >= 4, "operations under way")
            history.fault("SIGKILL of the only server")
            server.kill()
            await asyncio.to_thread(server.start)
        await crowd.more(BETWEEN)
        report = await crowd.settle(server.url)
    judge(report, "one server", kills=RESTARTS, acked=RESTARTS * BETWEEN)


@pytest.mark.long
async def test_one_of_three_servers_is_killed(storage: str, crowds: list[Crowd]) -> None:
    """Three processes on three ports, so that it is known whose operations were in flight."""
    history, rng, strict = History(), random.Random(SEED), 0
    async with AsyncExitStack() as stack:
        servers = [stack.enter_context(serve(storage)) for _ in range(3)]
        crowds.append(crowd := Crowd([server.url for server in servers], history, seed=SEED))
        crowd.begin()
        await crowd.more(50)
        starting: dict[ServerProcess, asyncio.Task[None]] = {}

        def busy() -> list[ServerProcess]:
            up = [server for server in servers if server not in starting or starting[server].done()]
            return [server for server in up if len(up) > 1 and crowd.in_flight_at(server.url)]

        for _ in range(KILLS):
            await crowd.more(BETWEEN)
            await until(busy, "operations under way on a server that may be killed")
            victim = rng.choice(busy())
            strict += crowd.in_flight_at(victim.url) > 0
            history.fault(f"SIGKILL of {victim.pid}")
            victim.kill()
            starting[victim] = asyncio.create_task(asyncio.to_thread(victim.start))
        await asyncio.gather(*starting.values())
        await crowd.more(BETWEEN)
        report = await crowd.settle(servers[0].url)
    judge(report, "three servers", kills=KILLS, acked=ACKED, strict=strict)


@pytest.mark.long
async def test_one_of_three_workers_is_killed(storage: str, crowds: list[Crowd]) -> None:
    """`uvicorn --workers 3`: one port, and a supervisor that starts what has died anew."""
    history, rng = History(), random.Random(SEED)
    with serve(storage, "--workers", "3") as server:
        await until(lambda: len(workers(server)) == 3, "three workers")
        crowds.append(crowd := Crowd([server.url], history, seed=SEED))
        crowd.begin()
        await crowd.more(50)
        killed: set[int] = set()
        for _ in range(KILLS):
            await crowd.more(BETWEEN)
            await until(lambda: len(workers(server)) > 1, "another worker")
            victim = rng.choice(workers(server))
            await until(lambda: crowd.in_flight >= 4, "operations under way")
            history.fault(f"SIGKILL of worker {victim}")
            os.kill(victim, signal.SIGKILL)
            killed.add(victim)
        await crowd.more(BETWEEN)
        report = await crowd.settle(server.url)
        assert len(killed) == KILLS
    judge(report, "--workers 3", kills=KILLS, acked=ACKED)


def workers(server: ServerProcess) -> list[int]:
    """Pids of the workers, in order: children of a process that this test has started."""
    return sorted(_spawned(psutil.Process(server.pid)))


def _spawned(parent: psutil.Process) -> Iterator[int]:
    for child in parent.children():
        try:
            running = child.status() != psutil.STATUS_ZOMBIE
            if running and any("spawn_main" in part for part in child.cmdline()):
                yield child.pid
        except psutil.NoSuchProcess:
            continue
