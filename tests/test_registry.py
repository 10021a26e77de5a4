"""A URL becomes a back end, or an error that names the cure and shows no password."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabchat_asgi import CollabChat, registry
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import ConfigError
from collabchat_asgi.pubsub.local import LocalPubSub
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.registry import (
    default_pubsub,
    make_pubsub,
    make_storage,
    masked,
    register_pubsub,
    register_storage,
)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = dict(registry.storages.registered), dict(registry.pubsubs.registered)
    yield
    registry.storages.registered, registry.pubsubs.registered = before


class Nats(MemoryPubSub):
    pass


def offer(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [p for p in points if p.group == group and name in (None, p.name)]

    monkeypatch.setattr(registry, "entry_points", entry_points)


NATS = EntryPoint("nats.tls", f"{__name__}:Nats", "collabchat_asgi.pubsub")


# Making.


def test_built_in() -> None:
    assert isinstance(make_pubsub("memory://"), MemoryPubSub)
    assert isinstance(make_pubsub("LOCAL:///app/chat.db"), LocalPubSub)


def test_registered_comes_before_built_in() -> None:
    register_pubsub("memory", lambda url: Nats("mine"))
    register_pubsub("Nats+TLS", Nats.from_url)
    assert isinstance(make_pubsub("memory://"), Nats)
    assert isinstance(make_pubsub("nats+tls://broker"), Nats)
    made: Any = object()
    register_storage("things", lambda url: made)
    assert make_storage("things://here") is made


@pytest.mark.parametrize("scheme", ["", "two words", "1st", "nats://"])
def test_what_is_no_scheme_is_not_registered(scheme: str) -> None:
    with pytest.raises(ConfigError):
        register_pubsub(scheme, MemoryPubSub.from_url)


def test_entry_points_write_a_dot_for_a_plus(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, NATS)
    assert isinstance(make_pubsub("nats+tls://broker"), Nats)
    with pytest.raises(ConfigError, match=r"known: .*nats\+tls"):
        make_pubsub("zmq://broker")


def test_built_in_comes_before_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, EntryPoint("memory", f"{__name__}:Nats", "collabchat_asgi.pubsub"))
    assert not isinstance(make_pubsub("memory://"), Nats)


def test_an_entry_point_of_an_uninstalled_module(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, EntryPoint("nats", "absent_driver.pubsub:Nats", "collabchat_asgi.pubsub"))
    with pytest.raises(ConfigError, match="pip install absent_driver"):
        make_pubsub("nats://broker")


def test_nothing_is_imported_before_it_is_used() -> None:
    program = (
        "import sys, collabchat_asgi.registry as r; r.make_pubsub('memory://');"
        "r.default_pubsub('redis://broker');"
        "print([m for m in ('redis', 'asyncpg') if m in sys.modules])"
    )
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# Errors.


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        make_storage("postgresq://user:hunter2@db/app")
    assert "did you mean postgresql://?" in str(error.value)
    assert "sqlite" in str(error.value)
    assert "hunter2" not in str(error.value)
    with pytest.raises(ConfigError, match="did you mean sqlite://"):
        CollabChat(authenticate=anonymous(), storage="sqllite:///x.db")


def test_what_is_no_url_is_shown_what_one_looks_like() -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///collabchat\.db"):
        make_storage("collabchat.db")
    with pytest.raises(ConfigError) as error:
        make_pubsub("user:hunter2@broker")
    assert "hunter2" not in str(error.value)


def test_a_missing_driver_names_the_extra() -> None:
    def without_driver(url: str) -> Any:
        raise ModuleNotFoundError("No module named 'asyncpg'", name="asyncpg")

    register_storage("postgresql", without_driver)
    with pytest.raises(ConfigError, match=r"pip install 'collabchat-asgi\[postgres\]'"):
        make_storage("postgresql://user:hunter2@db/app")


def test_a_row_whose_module_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.storages.built_in, "soon", "storage.soon:SoonStorage")
    with pytest.raises(ConfigError, match="this version has no soon://"):
        make_storage("soon://")


# Passwords.


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://broker:6379/0", "redis://broker:6379/0"),
        ("redis://:hunter2@broker/0", "redis://***@broker/0"),
        ("postgresql://user:hunter2@db/app?sslmode=require", "postgresql://***@db/app?sslmode=require"),
        ("postgresql://u:hun@ter2@db/app", "postgresql://***@db/app"),
        ("redis://:hunter2/with#odd?signs@broker/0", "redis://***@broker/0"),
        ("redis://broker?password=hunter2&db=1", "redis://broker?password=***&db=1"),
        ("redis+sentinel://a,b/m?sentinel_password=hunter2", "redis+sentinel://a,b/m?sentinel_password=***"),
        ("user:hunter2@broker", "***@broker"),
        ("sqlite:///collabchat.db", "sqlite:///collabchat.db"),
    ],
)  # fmt: skip
def test_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


@given(st.text(min_size=1), st.sampled_from(["redis://", "postgresql+asyncpg://u", "", "x:"]))
def test_no_password_survives(password: str, start: str) -> None:
    secret = f"<<{password}>>"
    assert secret not in masked(f"{start}:{secret}@host/0?a=b")


# The pub/sub that fits a storage.


@pytest.mark.parametrize(
    ("storage", "path"),
    [
        ("sqlite:////var/lib/app/chat.db", "/var/lib/app/chat.db"),
        ("sqlite+pysqlite:////var/lib/app/chat.db?timeout=5", "/var/lib/app/chat.db"),
        ("sqlite:////var/lib/a b#c.db", "/var/lib/a b#c.db"),
    ],
)
def test_a_sqlite_file_has_sockets_beside_it(storage: str, path: str) -> None:
    assert repr(make_pubsub(default_pubsub(storage))) == repr(LocalPubSub(path))


def test_a_relative_file_is_found_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = default_pubsub("sqlite:///chat.db")
    monkeypatch.chdir("/")
    assert repr(make_pubsub(url)) == repr(LocalPubSub(tmp_path.resolve() / "chat.db"))


@pytest.mark.parametrize("storage", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_has_its_own_process_only(storage: str) -> None:
    assert default_pubsub(storage) == "memory://"


@pytest.mark.parametrize(
    "url",
    ["memory://", "memory://name/of/it", "postgresql+asyncpg://u:p@db/app", "redis+cluster://a,b"],
)
def test_a_server_does_both(url: str) -> None:
    assert default_pubsub(url) == url


def test_a_storage_without_pubsub_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="set pubsub= as well"):
        default_pubsub("things://user:hunter2@here")
