"""Redis as it stands in other people's houses: behind a certificate, a socket, an ACL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import BackendError, PubSubError, PubSubUnavailable, StorageError
from collabchat_asgi.pubsub.abc import Message
from collabchat_asgi.pubsub.redis import RedisPubSub
from collabchat_asgi.storage.redis import RedisStorage
from collabchat_asgi.testing.servers import free_port
from collabchat_asgi.testing.services_redis import RedisServer

from ..certificates import make_certificates

STORAGE = "+get +set +hmget +evalsha +eval +script +info +unlink +scan +zrange +zrangebylex"
PUBSUB = "+publish +subscribe +unsubscribe +ping"


async def hears_itself(url: str) -> None:
    pubsub = RedisPubSub.from_url(url)
    await pubsub.open()
    try:
        await pubsub.subscribe(["t"])
        await pubsub.publish("t", b"heard")
        async for heard in pubsub.listen():
            if isinstance(heard, Message):
                assert heard.payload == b"heard"
                return
    finally:
        await pubsub.close()


async def keeps(url: str) -> None:
    storage = RedisStorage.from_url(url)
    await storage.open()
    try:
        assert len(await storage.key()) == 32
    finally:
        await storage.close()


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    made = make_certificates(tmp_path)
    port = free_port()
    options = {
        "tls_port": str(port),
        "tls_cert_file": str(made.server),
        "tls_key_file": str(made.server),
        "tls_auth_clients": "no",
        "requirepass": "pw",
    }
    with RedisServer(**options):
        yield f"rediss://:pw@127.0.0.1:{port}/0", made.authority


async def test_a_certificate_that_nobody_vouches_for(tls: tuple[str, Path]) -> None:
    url, authority = tls
    for work in (keeps, hears_itself):
        with pytest.raises(BackendError) as raised:
            await work(url)
        assert "ssl_ca_certs" in str(raised.value)
        assert "ssl_cert_reqs=none" in str(raised.value)
        assert not isinstance(raised.value, PubSubUnavailable), "it is no outage"
        await work(f"{url}?ssl_cert_reqs=none")
        await work(f"{url}?ssl_ca_certs={authority}")
        await work(f"{url}?ssl_ca_certs={authority}&ssl_check_hostname=false")


async def test_a_certificate_of_another_host(tls: tuple[str, Path]) -> None:
    url, authority = tls
    other = url.replace("127.0.0.1", "127.0.0.2") + f"?ssl_ca_certs={authority}"
    # The server listens at one address; the name is what counts, and it does not fit.
    with pytest.raises(BackendError):
        await keeps(other)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(unixsocket=str(tmp_path / "redis.sock"), unixsocketperm="700") as server:
        yield server


async def test_a_unix_socket(server: RedisServer) -> None:
    path = server.options["unixsocket"]
    await keeps(f"unix://{path}?db=2")
    await hears_itself(f"redis+socket://{path}")
    assert "db2" in server.told("INFO", "keyspace")


async def test_what_is_optional_is_not_demanded(server: RedisServer) -> None:
    rules = f"on >pw ~collabchat* &collabchat:* -@all {PUBSUB}".split()
    server.ask("ACL", "SETUSER", "ear", *rules)
    await hears_itself(f"redis://ear:pw@127.0.0.1:{server.port}/0")
    rules = f"on >pw ~collabchat* -@all {STORAGE}".split()
    server.ask("ACL", "SETUSER", "keeper", *rules)
    await keeps(f"redis://keeper:pw@127.0.0.1:{server.port}/0")


@pytest.mark.parametrize("missing", ["+publish", "+ping", "&collabchat:*"])
async def test_what_a_pubsub_lacks_is_named(server: RedisServer, missing: str) -> None:
    rules = f"on >pw ~collabchat* &collabchat:* resetchannels &collabchat:* -@all {PUBSUB}".split()
    rules = [rule for rule in rules if rule != missing]
    server.ask("ACL", "SETUSER", "ear", *rules)
    pubsub = RedisPubSub.from_url(f"redis://ear:pw@127.0.0.1:{server.port}/0")

    async def use() -> None:
        await pubsub.open()
        await pubsub.publish("t", b"x")

    with pytest.raises(PubSubError) as raised:
        await use()
    await pubsub.close()
    right = "&<prefix>:*" if missing.startswith("&") else missing
    assert f"ACL SETUSER <user> {right}" in str(raised.value)


async def test_who_may_not_subscribe_is_told_so(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    rules = ["on", ">pw", "&collabchat:*", "-@all", "+publish", "+ping"]
    server.ask("ACL", "SETUSER", "ear", *rules)
    pubsub = RedisPubSub.from_url(f"redis://ear:pw@127.0.0.1:{server.port}/0?timeout=1")
    await pubsub.open()
    with pytest.raises(PubSubUnavailable):
        await pubsub.subscribe(["t"])
    await pubsub.close()
    assert "ACL SETUSER <user> +subscribe" in caplog.text


@pytest.mark.parametrize("missing", ["+info", "+set", "~collabchat*"])
async def test_what_a_storage_lacks_is_named(server: RedisServer, missing: str) -> None:
    rules = [r for r in f"on >pw ~collabchat* -@all {STORAGE}".split() if r != missing]
    server.ask("ACL", "SETUSER", "keeper", *rules)
    with pytest.raises(StorageError) as raised:
        await keeps(f"redis://keeper:pw@127.0.0.1:{server.port}/0")
    right = "~<prefix>*" if missing.startswith("~") else missing
    assert f"ACL SETUSER <user> {right}" in str(raised.value)


async def test_a_wrong_password_of_the_pubsub_ends_the_start(server: RedisServer) -> None:
    """A setting that is wrong is told, and not waited for."""
    collab = CollabChat(
        authenticate=anonymous(),
        storage="memory://",
        pubsub=f"redis://:wrong@127.0.0.1:{server.port}/0",
    )
    with pytest.raises(PubSubError, match="refuses user or password"):
        await collab.start()
    await collab.close()


async def test_a_broker_that_is_away_is_waited_for() -> None:
    collab = CollabChat(
        authenticate=anonymous(),
        storage="memory://",
        pubsub=f"redis://127.0.0.1:{free_port()}/0?timeout=0.5",
    )
    await collab.start()
    await collab.close()
