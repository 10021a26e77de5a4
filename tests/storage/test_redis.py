"""Redis keeps the contract alone, behind Sentinels and as a cluster, and through its own faults."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from collabchat_asgi.core.model import Mark, Position
from collabchat_asgi.errors import ConfigError, MisuseError, StorageError, StorageUnavailable
from collabchat_asgi.redis_client.servers import Command
from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.redis import RedisStorage
from collabchat_asgi.storage.redis_page import Keys
from collabchat_asgi.testing.servers import free_port
from collabchat_asgi.testing.services import find_binary
from collabchat_asgi.testing.services_redis import RedisCluster, RedisSentinel, RedisServer
from collabchat_asgi.testing.storage_acts import PAGE, grow, log_of
from collabchat_asgi.testing.storage_contract import StorageContract

_prefixes = (f"t{n}" for n in count())


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def sentinel() -> Iterator[RedisSentinel]:
    # Nothing fails over here, however busy the machine is.
    with RedisSentinel(down_after_ms=60_000) as sentinel:
        yield sentinel


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    with RedisCluster() as cluster:
        yield cluster


class OnRedis(StorageContract):
    """On data of its own for every test: a prefix that no other has. A machine that is busy with
    something else breaks no promise here: how long a call may take is a promise of its own."""

    tells_strays = True
    url: str

    async def make(self) -> Storage:
        return RedisStorage.from_url(self.url)


class TestRedis(OnRedis):
    @pytest.fixture(autouse=True)
    def _own_data(self, server: RedisServer) -> None:
        self.url = f"{server.url}?timeout=30&prefix={next(_prefixes)}"

    async def test_pages_that_stand_where_they_were_seen_cost_no_script(
        self, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every open page is looked at with every sweep."""
        head = await grow(storage, 3)
        names = [event.broadcast_id for event in (await log_of(storage)).events]
        seen = [Mark(Position(head.epoch, seq), name) for seq, name in enumerate(names, 1)]
        called: list[str] = []
        call = Keys.call

        def watched(self: Keys, name: str, *args: str | bytes | int) -> Command:
            called.append(name)
            return call(self, name, *args)

        monkeypatch.setattr(Keys, "call", watched)
        assert not await storage.strays({PAGE: seen})
        assert not called
        lost = Mark(seen[1].position, "lost")
        assert set(await storage.strays({PAGE: [seen[0], lost]})) == {PAGE}
        assert called == ["strays"]


@pytest.mark.long
class TestSentinel(OnRedis):
    @pytest.fixture(autouse=True)
    def _own_data(self, sentinel: RedisSentinel) -> None:
        self.url = f"{sentinel.url}?timeout=30&prefix={next(_prefixes)}"


@pytest.mark.long
class TestCluster(OnRedis):
    @pytest.fixture(autouse=True)
    def _own_data(self, cluster: RedisCluster) -> None:
        self.url = f"{cluster.url}?timeout=30&prefix={next(_prefixes)}"


# Opening, and what is refused.


async def opening(url: str) -> RedisStorage:
    storage = RedisStorage.from_url(url)
    await storage.open()
    await storage.close()
    return storage


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"maxmemory-policy": "allkeys-lru"}, "set maxmemory-policy noeviction"),
        ({"maxmemory-policy": "volatile-ttl"}, "set maxmemory-policy noeviction"),
        ({"appendonly": "no"}, r"set appendonly yes .* \?durability=none"),
    ],
)
async def test_a_server_that_forgets_is_refused(options: dict[str, str], cure: str) -> None:
    with RedisServer(**options) as server:
        with pytest.raises(ConfigError, match=cure):
            await opening(server.url)
        if "appendonly" in options:
            await opening(f"{server.url}?durability=none")


async def test_a_server_that_syncs_later_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(appendfsync="everysec") as server:
        await opening(server.url)
        [record] = [r for r in caplog.records if r.levelno == logging.WARNING]
        assert "set appendfsync always" in record.getMessage()


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("redis://h/0?nonsense=1", "has no option nonsense; known: .*durability"),
        ("redis://h/0?durability=maybe", "durability=maybe: log .* or none"),
        ("redis://h/0?timeout=soon", "timeout=soon: give seconds"),
        ("redis://h/0?timeout=0", "timeout=0: give seconds"),
        ("redis://h/0?prefix=a:b", "prefix=a:b"),
        ("redis://h/zero", "/zero, where the number of a database belongs"),
        ("redis://h/0?service=main", "takes no service"),
        ("redis+cluster://a,b/3", "only database 0"),
        ("redis+sentinel://a,b", "needs the master's name"),
        ("redis://a,b/0", "is one server: several are redis.cluster"),
        ("rediss://h/0?ssl_ca_certs=/nope", "ssl_ca_certs=/nope: there is no such file"),
        ("redis+sentinel://a,b/main/x", "number of a database"),
        ("redis://:hunter2@h:port/0", "not a URL like"),
        ("redis://user:hunter2/slash@h/0", "."),
    ],
)
def test_a_wrong_url_names_its_cure(url: str, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong) as error:
        RedisStorage.from_url(url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h", "redis://h:6379"),
        ("redis://u:hunter2@[::1]:1/2?timeout=3", "redis://[::1]:1/2"),
        ("rediss+cluster://:hunter2@a:1,b", "rediss+cluster://a:1,b:6379"),
        ("redis+sentinel://a,b:1/main/2?sentinel_password=hunter2",
         "redis+sentinel://a:26379,b:1/main/2"),
        ("redis+sentinel://a/?service=main", "redis+sentinel://a:26379/main"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_passwords(url: str, shown: str) -> None:
    storage = RedisStorage.from_url(url)
    assert repr(storage) == f"RedisStorage({shown!r})"
    assert "hunter2" not in repr(vars(storage))


async def test_a_password_is_asked_for_and_never_told(server: RedisServer) -> None:
    server.ask("ACL", "SETUSER", "app", "on", ">hunter2", "~*", "&*", "+@all")
    await opening(server.url.replace("redis://", "redis://app:hunter2@"))
    with pytest.raises(StorageError, match="refuses user or password") as error:
        await opening(server.url.replace("redis://", "redis://app:hunter3@"))
    assert not isinstance(error.value, StorageUnavailable)
    server.ask("ACL", "SETUSER", "app", "-info")
    with pytest.raises(StorageError, match=r"ACL SETUSER <user> \+info") as error:
        await opening(server.url.replace("redis://", "redis://app:hunter2@"))
    assert "hunter" not in str(error.value)


async def test_nobody_there_and_somebody_else_there() -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        await opening(f"redis://127.0.0.1:{free_port()}?timeout=0.2")
    other = await asyncio.start_server(chatter, "127.0.0.1", 0)
    async with other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(StorageError):
            await opening(f"redis://127.0.0.1:{port}?timeout=0.2")


async def test_a_newer_schema_is_left_alone(server: RedisServer) -> None:
    server.ask("SET", "newer:schema", "2")
    with pytest.raises(StorageError, match="newer collabchat-asgi"):
        await opening(f"{server.url}?prefix=newer")


async def test_many_open_at_once_and_agree(server: RedisServer) -> None:
    storages = [RedisStorage.from_url(f"{server.url}?prefix=agree") for _ in range(8)]
    await asyncio.gather(*(storage.open() for storage in storages))
    assert len({await storage.key() for storage in storages}) == 1
    await asyncio.gather(*(storage.close() for storage in storages))


async def test_before_open_there_is_no_answer() -> None:
    with pytest.raises(MisuseError, match="open"):
        await RedisStorage.from_url("redis://h").load(PAGE)


async def test_tls(tmp_path: Path) -> None:
    pair = {"keyout": tmp_path / "key.pem", "out": tmp_path / "cert.pem"}
    make = [find_binary("openssl", "openssl"), *["req", "-x509", "-newkey", "rsa:2048", "-nodes"]]
    make += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    make += [word for name, path in pair.items() for word in (f"-{name}", str(path))]
    await asyncio.to_thread(subprocess.run, make, check=True, capture_output=True)
    server = RedisServer(port="0")
    server.options |= {"tls-port": str(server.port), "tls-auth-clients": "no"}
    server.options |= {"tls-cert-file": str(pair["out"]), "tls-key-file": str(pair["keyout"])}
    with server:
        url = f"rediss://127.0.0.1:{server.port}/0"
        await opening(f"{url}?ssl_ca_certs={pair['out']}")
        with pytest.raises(StorageError, match=r"(?i)certificate"):
            await opening(f"{url}?timeout=0.5")
