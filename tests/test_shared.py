"""What workers or machines cannot share is told in one line, or nothing starts."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from collabchat_asgi import CollabChat
from collabchat_asgi.auth import anonymous
from collabchat_asgi.errors import ConfigError
from collabchat_asgi.storage.sqlite import SqliteStorage


class Ours(SqliteStorage):
    """Somebody's own kind of SQLite is SQLite all the same."""


@pytest.fixture
def pod(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("COLLABCHAT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")


PG, FILE = "postgresql://app@db.invalid/app", "sqlite:///x.db"
ALONE = [
    ("memory://", None, "COLLABCHAT_STORAGE"),
    (FILE, None, "COLLABCHAT_STORAGE"),
    (Ours("x.db"), None, "COLLABCHAT_STORAGE"),
    (PG, "memory://", "COLLABCHAT_PUBSUB"),
    (PG, "local:///tmp/x.db", "COLLABCHAT_PUBSUB"),
    (FILE, "memory://", "COLLABCHAT_PUBSUB"),
]


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize(("storage", "pubsub", "cure"), ALONE)
def test_it_is_told_and_refused_where_that_is_wished(
    storage: str | SqliteStorage, pubsub: str | None, cure: str, caplog: pytest.LogCaptureFixture
) -> None:
    CollabChat(authenticate=anonymous(), storage=storage, pubsub=pubsub)._check_shared()
    assert any(cure in record.getMessage() for record in caplog.records), caplog.text
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    strict = CollabChat(
        authenticate=anonymous(), storage=storage, pubsub=pubsub, require_shared=True
    )
    with pytest.raises(ConfigError, match="require_shared is on"):
        strict._check_shared()


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("pubsub", [None, "redis://broker.invalid/0"])
def test_what_is_shared_starts_without_a_word(
    pubsub: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    CollabChat(
        authenticate=anonymous(), storage=PG, pubsub=pubsub, require_shared=True
    )._check_shared()
    assert not caplog.records


async def test_require_shared_refuses_to_start(tmp_path: Path) -> None:
    collab = CollabChat(authenticate=anonymous(), storage="memory://", require_shared=True)
    with pytest.raises(ConfigError, match="keeps everything in this one process"):
        await collab.start()
