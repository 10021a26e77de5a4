"""Each trouble is found, named with the setting that cures it, and counted in the exit code."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread

import pytest

from collabchat_asgi import registry
from collabchat_asgi.commands import check_pubsub, check_servers, check_storage
from collabchat_asgi.commands.finding import Checkup
from collabchat_asgi.errors import PubSubUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import Loaded, PageKey
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.testing import ServerProcess
from collabchat_asgi.testing.servers import free_port
from collabchat_asgi.testing.services_nats import NatsServer
from collabchat_asgi.testing.services_postgres import PASSWORD, PostgresServer
from collabchat_asgi.testing.services_redis import RedisServer

from .conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _not_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the tests run."""
    for module in (check_storage, check_pubsub):
        monkeypatch.setattr(module, "looks_alone", lambda: None)


class Told:
    """The lines that doctor printed, by level."""

    def __init__(self, answer: tuple[int, str, str]) -> None:
        self.code, self.out, self.err = answer
        lines = [line.split(None, 2) for line in self.out.splitlines()]
        assert all(level in ("ok", "warning", "problem") for level, *_ in lines), self.out
        self.by_level = {
            level: [text for found, _, text in lines if found == level]
            for level in ("ok", "warning", "problem")
        }
        assert self.code == (1 if self.by_level["problem"] else 0)

    def has(self, level: str, pattern: str) -> bool:
        found = any(re.search(pattern, text) for text in self.by_level[level])
        assert found, f"no {level} like {pattern!r} in:\n{self.out}{self.err}"
        return found

    @property
    def healthy(self) -> bool:
        assert not self.by_level["warning"] + self.by_level["problem"], self.out
        return True


# storage and pub/sub


def test_all_is_well(url: str, collabchat: Run) -> None:
    told = Told(collabchat("doctor", "--storage", url))
    assert told.healthy
    for pattern in (
        "Python 3",
        "SQLite 3",
        "is made",
        "may write, read, roll back and erase",
        r"a commit \d",
        "local://",
        "hears itself within",
    ):
        assert told.has("ok", pattern)
    assert told.err == ""


def test_it_leaves_nothing_behind(url: str, collabchat: Run) -> None:
    collabchat("doctor", "--storage", url)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("DELETE FROM collabchat_facts")
        rows = [line for line in database.iterdump() if line.startswith("INSERT")]
        assert rows == []
    database.close()


def test_the_environment_is_read(
    url: str, collabchat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABCHAT_STORAGE", url)
    monkeypatch.setenv("COLLABCHAT_PUBSUB", "memory://")
    told = Told(collabchat("doctor"))
    assert told.has("ok", "pages|collabchat.db")
    assert told.has("warning", "this one process only: with several workers set COLLABCHAT_PUBSUB")


def test_memory_is_for_tests(collabchat: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(collabchat("doctor", "--storage", "memory://"))
    assert told.has("warning", "one process, for tests.*COLLABCHAT_STORAGE=")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert Told(collabchat("doctor", "--storage", "memory://")).has("problem", "WEB_CONCURRENCY=4")


def test_a_file_where_machines_are_many(
    url: str, collabchat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (check_storage, check_pubsub):
        monkeypatch.setattr(module, "looks_alone", lambda: "this is a Kubernetes pod")
    told = Told(collabchat("doctor", "--storage", url))
    assert told.has("warning", "Kubernetes pod, and a file .* COLLABCHAT_STORAGE=postgresql")
    assert told.has("warning", "Kubernetes pod, and local:// .* COLLABCHAT_PUBSUB=redis")


@pytest.mark.parametrize(
    ("storage", "pubsub", "says"),
    [
        ("sqllite:///x.db", None, "did you mean sqlite"),
        ("sqlite:///missing/x.db", None, "missing does not exist: create it"),
        ("sqlite:///x.db?timout=1", None, "no option timout"),
        ("memory://", "nonsense", "pubsub='nonsense' is not a URL"),
        ("memory://", "redis://127.0.0.1:9?nonsense=1", "no option nonsense"),
    ],
)
def test_a_wrong_url(
    storage: str,
    pubsub: str | None,
    says: str,
    collabchat: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    more = () if pubsub is None else ("--pubsub", pubsub)
    assert Told(collabchat("doctor", "--storage", storage, *more)).has("problem", says)


def test_no_password_is_shown(collabchat: Run) -> None:
    port = free_port()
    for given in (
        ("--storage", f"postgresql://ann:hunter2@127.0.0.1:{port}/app?timeout=0.2"),
        ("--storage", f"redis://:hunter2@127.0.0.1:{port}/0?timeout=0.2"),
        ("--storage", "memory://", "--pubsub", f"redis://:hunter2@127.0.0.1:{port}/0?timeout=0.2"),
        ("--storage", "bogus://ann:hunter2@host/?password=hunter2"),
    ):
        told = Told(collabchat("doctor", *given))
        assert told.code == 1
        assert "hunter2" not in told.out + told.err


class Broken(MemoryStorage):
    async def load(self, page: PageKey) -> Loaded:
        return replace(await super().load(page), records=[])


class Deaf(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        pass


class Dying(MemoryPubSub):
    async def publish(self, topic: str, payload: bytes) -> None:
        raise PubSubUnavailable("the broker is away")


def test_a_back_end_that_breaks_its_promises(
    collabchat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.storages, "registered", {"broken": Broken.from_url})
    monkeypatch.setattr(
        registry.pubsubs, "registered", {"deaf": Deaf.from_url, "dying": Dying.from_url}
    )
    monkeypatch.setattr(check_pubsub, "_SECONDS", 0.05)
    told = Told(collabchat("doctor", "--storage", "broken://", "--pubsub", "deaf://"))
    assert told.has("problem", "does not keep a promise: it reads what it wrote")
    assert told.has("problem", "not heard within 0.05 s: may this user publish")
    told = Told(collabchat("doctor", "--storage", "memory://", "--pubsub", "dying://"))
    assert told.has("problem", "the broker is away")


# the servers behind them


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer(fsync="on") as server:
        yield server


def test_redis(redis: RedisServer, collabchat: Run) -> None:
    told = Told(collabchat("doctor", "--storage", redis.url))
    assert told.healthy
    for pattern in ("Redis [67]", "noeviction", "appendfsync always", "clocks agree", "hears"):
        assert told.has("ok", pattern)


@pytest.mark.parametrize(
    ("name", "value", "level", "says"),
    [
        ("maxmemory-policy", "allkeys-lru", "problem", "allkeys-lru.*set maxmemory-policy noevic"),
        ("appendonly", "no", "problem", "set appendonly yes"),
        ("appendfsync", "everysec", "warning", "last second .* set appendfsync always"),
    ],
)
def test_a_redis_that_forgets(
    redis: RedisServer, name: str, value: str, level: str, says: str, collabchat: Run
) -> None:
    before = _setting(redis, name)
    redis.ask("CONFIG", "SET", name, value)
    try:
        assert Told(collabchat("doctor", "--storage", redis.url)).has(level, says)
    finally:
        redis.ask("CONFIG", "SET", name, before)


def _setting(redis: RedisServer, name: str) -> str:
    flat = redis.ask("CONFIG", "GET", name)
    values: Sequence[bytes | str] = list(flat.values()) if isinstance(flat, dict) else flat[1::2]
    [value] = values
    return value.decode() if isinstance(value, bytes) else value


def test_durability_none_is_a_wish(redis: RedisServer, collabchat: Run) -> None:
    redis.ask("CONFIG", "SET", "appendonly", "no")
    try:
        told = Told(collabchat("doctor", "--storage", f"{redis.url}?durability=none"))
        assert told.has("warning", "loses pages, as wished")
    finally:
        redis.ask("CONFIG", "SET", "appendonly", "yes")


def test_postgres(postgres: PostgresServer, collabchat: Run) -> None:
    told = Told(collabchat("doctor", "--storage", postgres.url))
    assert told.healthy
    for pattern in ("PostgreSQL 1", "ack survives", "may create", "clocks agree", "hears itself"):
        assert told.has("ok", pattern)
    assert PASSWORD not in told.out


def test_a_postgres_that_lets_nobody(postgres: PostgresServer, collabchat: Run) -> None:
    url = postgres.new_database("locked")
    for statement in (
        f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'",
        "ALTER ROLE guest SET synchronous_commit = off",
    ):
        postgres.execute(statement, "locked")
    guest = url.replace("//postgres:", "//guest:")
    told = Told(collabchat("doctor", "--storage", guest, "--pubsub", "memory://"))
    assert told.has("warning", "synchronous_commit off: .* set it to on")
    assert told.has(
        "problem", "guest may not create the tables.* GRANT USAGE, CREATE ON SCHEMA public"
    )
    assert told.has("problem", "cannot be opened")


def test_nats(installed_nats: None, collabchat: Run) -> None:
    with NatsServer() as nats:
        told = Told(collabchat("doctor", "--storage", "memory://", "--pubsub", nats.url))
        assert told.has("ok", "nats://127.*262,144 bytes")
        assert told.has("ok", "hears itself within")


@pytest.fixture
def installed_nats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "own_backend"))
    made = import_module("collabchat_nats").NatsPubSub.from_url
    monkeypatch.setattr(registry.pubsubs, "registered", {"nats": made})


@pytest.mark.parametrize(("off", "level"), [(0.5, "ok"), (-61.0, "warning"), (60.0, "warning")])
def test_clocks(off: float, level: str) -> None:
    finding = check_servers.clock_of(Checkup("x"), 1_000.0 + off, 999.9, 1_000.1)
    assert finding.level == level
    if level == "warning":
        assert ("ahead" if off > 0 else "behind") in finding.text
        assert "NTP" in finding.text


# a server that runs


def serving(tmp_path: Path, *arguments: str, **environ: str) -> ServerProcess:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/served.db"}
    app = "examples.fastapi_app:app"
    return ServerProcess(app, env=env | environ, directory=ROOT, arguments=arguments)


def asked(collabchat: Run, server: str) -> Told:
    return Told(collabchat("doctor", "--storage", "memory://", "--url", server))


def test_a_server_as_it_should_be(tmp_path: Path, collabchat: Run) -> None:
    with serving(tmp_path) as server:
        told = asked(collabchat, server.url)
    for pattern in ("health: ok", "told 426", "speaks collabchat.v1", "deflate is off", "foreign"):
        assert told.has("ok", pattern)
    assert told.has("ok", "clocks agree")
    assert told.code == 0


def test_deflate_and_a_wrong_prefix(tmp_path: Path, collabchat: Run) -> None:
    with serving(tmp_path, "--ws-per-message-deflate", "true") as server:
        told = asked(collabchat, server.url)
        assert told.has("warning", "permessage-deflate is on.*--ws-per-message-deflate false")
        told = asked(collabchat, f"http://127.0.0.1:{server.port}/chat")
        assert told.has("problem", "/chat/health answers 404.*is the prefix right")
        assert told.has("problem", "/ws is answered 404 and not 426")


def test_every_site_may_connect(tmp_path: Path, collabchat: Run) -> None:
    with serving(tmp_path, COLLABCHAT_ALLOWED_ORIGINS="*") as server:
        told = asked(collabchat, server.url)
    assert told.has("problem", "any other site may connect .*'\\*' in COLLABCHAT_ALLOWED_ORIGINS")


def test_nobody_there(collabchat: Run) -> None:
    told = asked(collabchat, f"http://127.0.0.1:{free_port()}/collabchat")
    assert told.has("problem", "cannot be reached.*is the port right")
    for no_url in ("localhost:8000", "http://[x", "http://127.0.0.1:abc/x"):
        assert asked(collabchat, no_url).has("problem", "has to be http")


class Proxy(BaseHTTPRequestHandler):
    """One that knows nothing of WebSockets, and lets every Origin through."""

    def do_GET(self) -> None:
        body = b'{"status":"unavailable","reasons":["storage: away"]}'
        self.send_response(503 if self.path.endswith("health") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/collabchat"
        server.shutdown()
        thread.join()


def test_a_proxy_in_between(proxy: str, collabchat: Run) -> None:
    told = asked(collabchat, proxy)
    assert told.has("problem", "health: unavailable: storage: away")
    assert told.has("problem", "answered 200 and not 426: does the proxy send")
    assert told.has("problem", "no WebSocket .status 200.: does the proxy pass Upgrade")
    assert "any other site" not in told.out, "where nobody can connect"
