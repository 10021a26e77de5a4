"""pip install . pytest pytest-asyncio; apt-get install nats-server; pytest -o asyncio_mode=auto"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from collabchat_nats import NatsPubSub

from collabchat_asgi import registry
from collabchat_asgi.errors import ConfigError, PubSubUnavailable
from collabchat_asgi.testing import PubSubContract
from collabchat_asgi.testing.services_nats import NatsServer


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


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
