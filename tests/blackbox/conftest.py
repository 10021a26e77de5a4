"""Real server processes, and a site to visit on them: every test has a page and people of its own.

`BLACKBOX_SERVER=daphne` serves with another server, `BLACKBOX_APP=module:app` in another host,
`BLACKBOX_TLS=a.pem` over TLS with this certificate and key; tests/servers runs them all.
`BLACKBOX_URL=http://host:port/collabchat` points the suite at a server that runs already (any
implementation, with the hooks of app.py); tests that need a second process are then skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi.testing import History, HttpClient, ServerProcess, SocketClient
from collabchat_asgi.testing.operations import create_chat
from collabchat_asgi.testing.servers import Tls

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
FRIEND = "https://friend.example"
"""The one foreign origin that is allowed."""

BRISK = {"usage_flush_seconds": 0.2, "presence_seconds": 0.1, "presence_grace_seconds": 0.2}
HASTY = {"hello_seconds": 0.5, "ping_seconds": 0.5, "silence_seconds": 2.0}


def serve(storage: str, timing: Json, **limits: int) -> ServerProcess:
    env = {
        "COLLABCHAT_STORAGE": storage,
        "COLLABCHAT_ALLOWED_ORIGINS": FRIEND,
        "BLACKBOX_TIMING": json.dumps(timing),
        "BLACKBOX_LIMITS": json.dumps(limits),
    }
    return ServerProcess(
        os.environ.get("BLACKBOX_APP", "tests.blackbox.app:app"),
        server=os.environ.get("BLACKBOX_SERVER", "uvicorn"),
        tls=Tls(Path(pem), Path(pem)) if (pem := os.environ.get("BLACKBOX_TLS")) else None,
        env=env,
        directory=ROOT,
    )


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    embedded = f"sqlite:///{tmp_path_factory.mktemp('storage')}/collabchat.db"
    return os.environ.get("COLLABCHAT_STORAGE", embedded)


@pytest.fixture(scope="session")
def server(storage: str) -> Iterator[str]:
    if url := os.environ.get("BLACKBOX_URL"):
        yield url
        return
    with serve(storage, BRISK) as process:
        yield process.url


@pytest.fixture(scope="session")
def peer(server: str, storage: str) -> Iterator[str]:
    """A second process on the same storage."""
    if "BLACKBOX_URL" in os.environ or storage.startswith("memory:"):
        pytest.skip("needs two processes on one storage")
    with serve(storage, BRISK) as process:
        yield process.url


@pytest.fixture(scope="session")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A process that waits half a second where others wait ten."""
    with serve("memory://", HASTY) as process:
        yield process.url


@dataclass
class Site:
    """`ann` in one test is somebody else than `ann` in another, so no limit adds up."""

    url: str
    page: str
    tenant: str = "acme"
    history: History | None = None
    clients: list[SocketClient] = field(default_factory=list)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def user(self, name: str) -> str:
        return f"{name}-{self.mark}"

    def token(self, name: str = "ann", role: str = "commenter", tenant: str = "") -> str:
        return f"{self.user(name)}@{tenant or self.tenant}:{role}"

    async def open(self, **dial: Any) -> SocketClient:
        """Connected, and nothing said yet."""
        client = await SocketClient.open(dial.pop("url", self.url), **dial)
        self.clients.append(client)
        return client

    async def connect(
        self, name: str = "ann", role: str = "commenter", tenant: str = "", **dial: Any
    ) -> SocketClient:
        who = {"token": self.token(name, role, tenant), "tenant": tenant or None}
        dial = who | {"history": self.history} | dial
        client = await self.open(name=name, **dial)
        await client.hello()
        return client

    async def join(
        self,
        name: str = "ann",
        role: str = "commenter",
        tenant: str = "",
        *,
        page: str = "",
        since: Json | None = None,
        **dial: Any,
    ) -> SocketClient:
        client = await self.connect(name, role, tenant, **dial)
        await client.subscribe(page or self.page, since)
        return client

    def http(
        self, name: str = "ann", role: str = "commenter", tenant: str = "", **call: Any
    ) -> HttpClient:
        who = {"tenant": tenant or self.tenant, "user": self.user(name), "url": self.url}
        return HttpClient(
            **who | {"token": self.token(name, role, tenant), "history": self.history} | call
        )


@pytest.fixture
async def site(server: str) -> AsyncIterator[Site]:
    site = Site(server, page=f"page-{uuid.uuid4()}")
    yield site
    await asyncio.gather(*(client.close() for client in site.clients))


@pytest.fixture
async def neighbour(site: Site) -> AsyncIterator[SocketClient]:
    """Somebody else on the same page. Whatever the test does, the next event must reach them."""
    bob = await site.join("neighbour")
    yield bob
    carol = await site.connect("passer-by")
    ack = await carol.do(create_chat("is this still on?"), site.page)
    await bob.expect_event("new-text-chat", broadcastId=ack["broadcastId"])


async def eventually(true: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """For what the server does by its own timer. Everything else is awaited as a frame."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110  # another process has no event to wait for
            await asyncio.sleep(0.05)
