"""A crowd on some server processes, faults that hit it, and the history that is the judge."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from collabchat_asgi.testing import History, Report, ServerProcess

from .load import Crowd, until

SEED = int(os.environ.get("COLLABCHAT_SEED", "20"))


def under_way(history: History) -> int:
    """Operations that a server has and has not answered. A client also counts those that it was
    told to send again later; no fault can hit them meanwhile."""
    waiting: set[tuple[str, str]] = set()
    for record in history:
        call = (record.connection, record.frame.get("broadcastId", ""))
        if record.kind == "sent" and call[1]:
            waiting.add(call)
        elif record.kind == "received" and record.frame["type"] in ("ack", "error"):
            waiting.discard(call)
        elif record.kind == "closed":
            waiting = {one for one in waiting if one[0] != record.connection}
    return len(waiting)


@dataclass
class Scene:
    """A crowd on all processes, and what was in flight at each fault."""

    servers: list[ServerProcess]
    crowd: Crowd
    history: History
    between: int
    """Acked operations between two faults."""
    in_flight: list[int] = field(default_factory=list)

    async def fault(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """Once there is load that it can hit."""
        await self.crowd.more(self.between)
        await until(lambda: under_way(self.history) >= 4, "operations under way")
        self.in_flight.append(under_way(self.history))
        self.history.fault(name)
        await act()

    async def judge(self, what: str) -> Report:
        await self.crowd.more(self.between)
        report = await self.crowd.settle(self.servers[0].url)
        print(f"\n{what} (seed {SEED}), in flight at each fault {self.in_flight}: {report}")
        report.assert_kept()
        assert report.unanswered == 0
        assert report.acked >= self.between * (len(self.in_flight) + 1)
        assert report.faults == len(self.in_flight)
        assert report.faults_in_flight == report.faults, "a fault that hit nothing proves nothing"
        for server in self.servers:
            assert "Traceback" not in server.log, server.log
        return report


@asynccontextmanager
async def scene(servers: Sequence[ServerProcess], between: int) -> AsyncIterator[Scene]:
    history = History()
    async with AsyncExitStack() as stack:
        running = [stack.enter_context(server) for server in servers]
        for server in running:
            # The first worker to be there would take everybody.
            await until(partial(_all_there, server), f"all workers of {server.url}")
        crowd = Crowd([server.url for server in running], history, seed=SEED)
        stack.push_async_callback(crowd.stop)
        crowd.begin()
        try:
            await crowd.more(50)
            yield Scene(running, crowd, history, between)
        except BaseException:
            print(state_of(running, crowd, history))
            raise


def _all_there(server: ServerProcess) -> bool:
    workers = int(server.arguments[1]) if server.arguments[:1] == ["--workers"] else 1
    return server.log.count("Application startup complete") >= workers


def state_of(servers: Sequence[ServerProcess], crowd: Crowd, history: History) -> str:
    """For whoever reads of a failure: who waits for what, what came last, what servers said."""
    lines = [
        f"{client.dial.name}: connection {client.connections}, at {client.page.epoch}:"
        f"{client.page.seq}, {client.in_flight} in flight, stopped with {client.stopped_with}"
        for client in crowd.clients
    ]
    lines += [
        f"{record.at:.3f} {record.kind} {record.client} {record.connection} {record.frame}"[:400]
        for record in list(history)[-200:]
    ]
    for server in servers:
        lines += [f"{server.url} said last:", *server.log.splitlines()[-100:]]
    return "\n".join(lines)
