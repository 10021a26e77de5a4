"""PROTOCOL sections 2 and 8 together: clients that keep their part see every promise kept,
whatever happens to connections and processes. The history is the judge."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from collabchat_asgi.testing import (
    FaultProxy,
    History,
    HttpClient,
    ReconnectingClient,
    ServerProcess,
    check,
)
from collabchat_asgi.testing import operations as op

from .conftest import BRISK, serve

PAGE = "page"
PEOPLE = ("ann", "bob", "eve", "zoe")
FAST = {"comments_per_minute": 10_000, "operations_per_second": 10_000}


def token(name: str) -> str:
    return f"{name}@acme:commenter"


def soon(attempt: int) -> float:
    return 0.05 * attempt


@dataclass
class Crowd:
    """Four people on two processes of one storage, each behind the fault proxies."""

    servers: list[ServerProcess]
    proxies: list[FaultProxy]
    clients: list[ReconnectingClient]
    history: History

    async def write(self, count: int) -> None:
        """Everyone writes, and nobody waits for an answer."""
        for number in range(count):
            for client in self.clients:
                client.submit(op.create_chat(f"number {number}"))
                await asyncio.sleep(0)

    async def write_unanswered(self, count: int) -> None:
        """Everyone has operations under way, and their acks are held back until `heal`."""
        for client in self.clients:
            await client.settled()
            await client.until(lambda client=client: client.page.epoch)
        for proxy in self.proxies:
            proxy.to_client.stall()
        await self.write(count)
        for client in self.clients:
            await client.until(lambda client=client: client.in_flight >= count)

    async def settle(self) -> None:
        """All is answered, everyone has heard all of it; then the log and the pages are read."""
        for client in self.clients:
            await client.settled()
        http = HttpClient(
            url=self.servers[0].url, token=token("ann"), tenant="acme", history=self.history
        )
        log = await http.log(PAGE)
        for client in self.clients:
            await client.reached(log[-1]["epoch"], log[-1]["seq"])
        self.history.quiet()
        await http.chats(PAGE, final=True)
        for client in self.clients:
            client.write_down()


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Crowd]:
    storage, history = f"sqlite:///{tmp_path}/collabchat.db", History()
    async with AsyncExitStack() as stack:
        servers = [stack.enter_context(serve(storage, BRISK, **FAST)) for _ in range(2)]
        proxies = [
            await stack.enter_async_context(FaultProxy("127.0.0.1", server.port))
            for server in servers
        ]
        urls = [proxy.url() for proxy in proxies]
        clients = [
            ReconnectingClient.start(
                urls[number % 2 :] + urls[: number % 2],
                PAGE,
                token=token(name),
                name=name,
                history=history,
                backoff=soon,
            )
            for number, name in enumerate(PEOPLE)
        ]
        yield Crowd(servers, proxies, clients, history)
        for client in clients:
            await client.stop()


async def killed(crowd: Crowd) -> None:
    await asyncio.to_thread(crowd.servers[0].restart, how=signal.SIGKILL)


async def restarted(crowd: Crowd) -> None:
    await asyncio.to_thread(crowd.servers[1].restart)


async def reset(crowd: Crowd) -> None:
    for proxy in crowd.proxies:
        proxy.reset()


async def frozen(crowd: Crowd) -> None:
    crowd.servers[0].freeze()
    await asyncio.sleep(0.5)
    crowd.servers[0].thaw()


async def half_open(crowd: Crowd) -> None:
    """Heard by nobody for a while; then the dead connections are cut, as a router would."""
    crowd.proxies[0].half_open()
    await asyncio.sleep(0.5)
    crowd.proxies[0].heal()
    crowd.proxies[0].reset()


OTHERS = (restarted, reset, frozen, half_open)


@pytest.mark.parametrize(
    "fault", [killed, *(pytest.param(fault, marks=pytest.mark.long) for fault in OTHERS)]
)
async def test_every_promise_is_kept_through(
    crowd: Crowd, fault: Callable[[Crowd], Awaitable[None]]
) -> None:
    await crowd.clients[0].submit(op.create_chat("the first"))
    for _ in range(2):
        await crowd.write_unanswered(10)
        crowd.history.fault(fault.__name__)
        for proxy in crowd.proxies:
            proxy.heal()
        await asyncio.gather(fault(crowd), crowd.write(10))
    await crowd.settle()
    report = check(crowd.history)
    report.assert_kept()
    assert report.acked == 1 + 2 * 20 * len(PEOPLE)
    assert report.faults_in_flight == 2, report
