"""pip install . pytest pytest-asyncio; apt-get install nats-server; pytest -o asyncio_mode=auto"""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from collabchat_nats import NatsPubSub

from collabchat_asgi import registry
from collabchat_asgi.errors import ConfigError, PubSubUnavailable
from collabchat_asgi.testing import PubSubContract
from collabchat_asgi.testing.servers import free_port


class NatsServer:
    """A broker of these tests' own, which comes back on its port."""

    def __init__(self) -> None:
        self.command = ["nats-server", "--addr", "127.0.0.1", "--port", str(free_port())]
        self.url = f"nats://127.0.0.1:{self.command[-1]}"

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        log = self.process.stderr
        assert any("Server is ready" in line for line in log), f"failed: {self.command}"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    server = NatsServer()
    server.start()
    yield server
    server.kill()


class TestNats(PubSubContract):
    url = "nats://ann:hunter2@127.0.0.1:4222"

    @pytest.fixture(autouse=True)
    def _own_server(self, server: NatsServer) -> None:
        self.server = server

    async def make(self) -> NatsPubSub:
        return NatsPubSub.from_url(self.server.url)

    @asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        self.server.kill()
        yield
        self.server.start()


def test_the_entry_point_is_found(server: NatsServer) -> None:
    assert isinstance(registry.make_pubsub(server.url), NatsPubSub)


@pytest.mark.parametrize("url", ["nats://", "nats://host/path", "nats://host#part"])
def test_a_url_that_cannot_work_says_so(url: str) -> None:
    with pytest.raises(ConfigError, match="nats://host:4222"):
        NatsPubSub.from_url(url)


async def test_nobody_there() -> None:
    pubsub = NatsPubSub.from_url("nats://127.0.0.1:9")
    with pytest.raises(PubSubUnavailable, match=r"127\.0\.0\.1:9"):
        await pubsub.open()
    await pubsub.close()
