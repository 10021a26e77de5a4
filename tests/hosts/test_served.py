"""Behind a real server, with us around it, each host still does all that it did before."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from collabchat_asgi.testing import HttpClient, ServerProcess, SocketClient

from .test_untouched import HOSTS

ROOT = Path(__file__).parents[2]
WITHOUT_SOCKETS = ("flask", "django")
"""They know none, and say so in their own way."""


@pytest.mark.parametrize("host", HOSTS)
async def test_host(host: str) -> None:
    env = {"COLLABCHAT_STORAGE": "memory://"}
    app = f"tests.hosts.{host}_app:app"
    with ServerProcess(app, env=env, directory=ROOT, prefix="") as server:
        http = HttpClient(url=server.url)
        assert (await http.get("")).json() == {"host": "still here"}
        assert (await http.post("echo", b"\0\xff" * 50_000)).body == b"\0\xff" * 50_000
        assert (await http.get("state")).json() == {"answer": 42}
        async with asyncio.timeout(5):
            if host in WITHOUT_SOCKETS:
                with pytest.raises(InvalidStatus):
                    await connect(server.url.replace("http", "ws") + "/ws", proxy=None)
            else:
                url = server.url.replace("http", "ws") + "/ws"
                async with connect(url, proxy=None) as socket:
                    await socket.send("hello")
                    assert await socket.recv() == "hello"
        token = "ann@acme:commenter"
        ann = await SocketClient.join(server.url + "/collabchat", "page", token=token)
        await ann.close()
