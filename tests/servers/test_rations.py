"""One user's allowance over the workers of a real server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat, new_id
from collabchat_asgi.testing.socket_client import NotReceived

ROOT = Path(__file__).parents[2]
WORKERS = 4
CROWD = 24
"""Enough that each worker has some of them."""
AT_ONCE = 4
UNHEARD = 8
"""What may be taken in the 20 ms and the hop in which the other workers do not know it yet."""


@pytest.mark.long
async def test_four_workers_are_as_strict_as_one(tmp_path: Path) -> None:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db"}
    arguments = ["--workers", f"{WORKERS}"]
    app = "tests.blackbox.app:app"
    with ServerProcess(app, env=env, arguments=arguments, directory=ROOT, deadline=90) as server:
        page, url = new_id(), server.url

        async def connect(name: str) -> SocketClient | None:
            try:
                return await SocketClient.connect(url, token=f"{name}@acme:commenter")
            except (ConnectionClosed, NotReceived):
                return None

        crowd = [await connect(f"user-{number}") for number in range(CROWD)]
        for client in crowd:
            assert client is not None
            await client.subscribe(page)
        assert crowd[0] is not None
        await crowd[0].expect("presence", users=CROWD)  # the workers know each other

        tabs: list[SocketClient] = []
        for _ in range(100 // AT_ONCE):
            some = await asyncio.gather(*(connect("ann") for _ in range(AT_ONCE)))
            tabs += [client for client in some if client is not None]
        assert 50 <= len(tabs) <= 50 + UNHEARD

        began, taken = time.monotonic(), 0
        for client in tabs:
            answer = await client.ask(create_chat(), page)
            taken += answer["type"] == "ack"
        refilled = (time.monotonic() - began) * 20 / 60
        assert 20 <= taken <= 20 + UNHEARD + refilled
        print(f"\n{WORKERS} workers: {len(tabs)} connections for 50, {taken} comments for 20")
