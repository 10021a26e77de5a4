"""Machines and networks that stand still and do not say so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from collabchat_asgi.testing import FaultProxy, History, HttpClient, SocketClient
from collabchat_asgi.testing import operations as op

from .load import Crowd, serve, until

QUICK = {
    "ping_seconds": 0.5,
    "silence_seconds": 1.5,
    "presence_seconds": 0.1,
    "presence_grace_seconds": 0.1,
    "heartbeat_seconds": 0.5,
    "expiry_seconds": 2.0,
    "sweep_seconds": 0.5,
}
SEED = 33


@pytest.fixture
async def crowds() -> AsyncIterator[list[Crowd]]:
    crowds: list[Crowd] = []
    yield crowds
    for crowd in crowds:
        await crowd.stop()


@pytest.mark.long
async def test_a_frozen_worker(tmp_path: Path, crowds: list[Crowd]) -> None:
    """SIGSTOP of one of three, in the middle of its work: the others go on as far as the database
    lets them, its clients come back to it or elsewhere, and nothing acked is lost."""
    history = History()
    storage = f"sqlite:///{tmp_path}/collabchat.db?timeout=1"
    async with AsyncExitStack() as stack:
        servers = [stack.enter_context(serve(storage, **QUICK)) for _ in range(3)]
        crowds.append(crowd := Crowd([server.url for server in servers], history, seed=SEED))
        crowd.begin()
        await crowd.more(150)
        busy = max(servers, key=lambda server: crowd.in_flight_at(server.url))
        before = sum(client.connections for client in crowd.clients)
        history.fault(f"SIGSTOP of {busy.pid}")
        busy.freeze()
        stuck = [c for c in crowd.clients if c.socket and c.socket.dial.url == busy.url]
        await until(
            lambda: all(c.socket and c.socket.dial.url != busy.url for c in stuck),
            "its clients are elsewhere",
        )
        history.fault(f"SIGCONT of {busy.pid}")
        busy.thaw()
        await crowd.more(150)
        report = await crowd.settle(servers[0].url)
        after = sum(client.connections for client in crowd.clients)
    print(
        f"\nfrozen worker, seed {SEED}: {len(stuck)} clients, {after - before} came back: {report}"
    )
    assert stuck
    report.assert_kept()
    assert report.acked >= 300


async def test_a_black_holed_client(tmp_path: Path) -> None:
    """Nobody resets the connection: the server finds out by itself and lets the others know."""
    storage = f"sqlite:///{tmp_path}/collabchat.db"
    with serve(storage, **QUICK) as server:
        async with FaultProxy("127.0.0.1", server.port) as proxy:
            ann = await SocketClient.join(server.url, "page", token="ann@acme:commenter")
            bob = await SocketClient.join(proxy.url(), "page", token="bob@acme:commenter")
            await ann.expect("presence", users=2)
            ann.inbox = [frame for frame in ann.inbox if frame["type"] != "presence"]
            proxy.half_open()
            for number in range(50):
                await ann.do(op.create_chat(f"{number} " + "x" * 1_500))
            await ann.expect("presence", users=1, connections=1)
            health = await HttpClient(url=server.url).get("health")
            assert health.json()["connections"] == 1
            assert (await ann.ping())["n"] == 1
            proxy.heal()
            proxy.reset()
            back = await bob.resume(url=server.url)
            await back.until_position("page", 50)
            assert back.pages["page"].outline() == ann.pages["page"].outline()
            await back.close()
            await ann.close()
