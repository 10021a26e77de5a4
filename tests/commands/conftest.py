"""A storage with a history, and the commands as an operator gives them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi import CollabChat, Identity
from collabchat_asgi.auth import anonymous
from collabchat_asgi.cli import main
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.storage.abc import UsageDelta
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.operations import (
    add_comment,
    add_reaction,
    create_chat,
    delete_comment,
    edit_comment,
    resolve_chat,
)

Json = dict[str, Any]

PAGES = [
    PageKey("acme", "/drafts/1"),
    PageKey("acme", "https://acme.example/docs?q=ä b"),
    PageKey("other:tenant", "page"),
]
ANN = Identity("ann", name="Ann", tenants={key.tenant_id: "admin" for key in PAGES})
BOB = Identity("bob/2", name="Bob 🎈", tenants={key.tenant_id: "commenter" for key in PAGES})


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/collabchat.db"


@pytest.fixture
def other(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/other.db"


def collab(url: str, **given: Any) -> CollabChat:
    return CollabChat(authenticate=anonymous(), storage=url, pubsub="memory://", **given)


async def settle_all(url: str, operations: list[tuple[PageKey, Json, Identity]]) -> list[Json]:
    """The acks."""
    app = collab(url)
    try:
        return [
            await app.submit(*key, operation, identity=identity)
            for key, operation, identity in operations
        ]
    finally:
        await app.close()


def history(key: PageKey) -> list[tuple[PageKey, Json, Identity]]:
    """One of everything: a chat that is resolved, with comments edited, deleted and liked."""
    first, second = create_chat("first"), create_chat("to be deleted")
    chat, comment = first["chat"]["id"], first["chat"]["comment"]["id"]
    reply = add_comment(second["chat"]["id"], "outlives the first 🎉")
    answer = add_comment(chat, "an answer")
    return [
        (key, first, ANN),
        (key, second, BOB),
        (key, reply, ANN),
        (key, answer, BOB),
        (key, edit_comment(chat, comment, "first, edited"), ANN),
        (key, add_reaction(chat, comment, "👍"), BOB),
        (key, add_reaction(chat, answer["comment"]["id"], "🎈"), ANN),
        (key, delete_comment(second["chat"]["id"], second["chat"]["comment"]["id"]), BOB),
        (key, resolve_chat(chat), ANN),
        (key, resolve_chat(chat), BOB),
    ]


@pytest.fixture
def filled(url: str) -> str:
    for key in PAGES:
        asyncio.run(settle_all(url, history(key)))
    return url


def add_usage(url: str, *deltas: UsageDelta) -> None:
    async def add() -> None:
        storage = SqliteStorage.from_url(url)
        await storage.open()
        await storage.add_usage(deltas)
        await storage.close()

    asyncio.run(add())


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def collabchat(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Exit code, stdout and stderr of `collabchat …`."""
    monkeypatch.delenv("COLLABCHAT_STORAGE", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run
