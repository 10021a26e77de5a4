"""The host's own routes, on connections that are kept alive, while people discuss beside them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.servers import SERVERS

from .kept_alive import Connection
from .matrix import HOSTS, LONG

ROOT = Path(__file__).parents[2]
CONNECTIONS, ROUNDS, TALKS = 6, 40, 10
NORMAL = [("uvicorn", "flask"), ("hypercorn", "django")]
EVERY = [(server, host) for server in SERVERS for host in HOSTS]
HOME = {"host": "still here"}


async def visit(port: int, pipelined: bool) -> Connection:
    connection = await Connection.open(port)
    for number in range(ROUNDS):
        posted = b"%d " % number * 500
        connection.ask("/")
        if not pipelined:
            await connection.answer()
        connection.ask("/echo", posted)
        if pipelined:
            await connection.answer()
        await connection.answer()
        home, echoed = connection.bodies[-2:]
        assert connection.statuses[-2:] == [200, 200], (number, home, echoed)
        assert (json.loads(home), echoed) == (HOME, posted)
    connection.close()
    return connection


async def talk(url: str) -> int:
    """Two people who see each other's words, all the while."""
    ann = await SocketClient.join(url, "page", token="ann@acme:commenter")
    bob = await SocketClient.join(url, "page", token="bob@acme:commenter")
    seen = 0
    for _ in range(TALKS):
        await ann.do(create_chat())
        seen += len((await bob.expect("events"))["events"])
    await ann.close()
    await bob.close()
    return seen


@pytest.mark.parametrize(("server", "host"), EVERY if LONG else NORMAL)
async def test_every_request_of_a_kept_alive_connection(server: str, host: str) -> None:
    env = {"COLLABCHAT_STORAGE": "memory://"}
    app = f"tests.hosts.{host}_app:app"
    with ServerProcess(app, server=server, env=env, directory=ROOT) as process:
        async with asyncio.timeout(120):
            visits = (
                visit(process.port, pipelined=number % 2 == 1) for number in range(CONNECTIONS)
            )
            seen, connections = await asyncio.gather(talk(process.url), asyncio.gather(*visits))
    assert seen == TALKS
    served = sum(len(connection.statuses) for connection in connections)
    assert served == CONNECTIONS * ROUNDS * 2
    print(f"{server:16} × {host:10} {served} of {served} requests of the host's own, kept alive")
