"""After a backup was restored: nobody goes on from what is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from collabchat_asgi import Timing
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.testing.operations import create_chat

from .conftest import ANN, PAGES, Run, collab, settle_all


async def epochs(url: str) -> dict[PageKey, str]:
    app = collab(url)
    try:
        return {key: (await app.snapshot(*key))["epoch"] for key in PAGES}
    finally:
        await app.close()


def changed(before: dict[PageKey, str], after: dict[PageKey, str]) -> list[PageKey]:
    return [key for key in PAGES if before[key] != after[key]]


def test_all_pages(filled: str, collabchat: Run) -> None:
    before = asyncio.run(epochs(filled))
    code, out, _ = collabchat("new-epoch", "--storage", filled)
    assert (code, out.startswith("3 pages have a new epoch")) == (0, True)
    assert changed(before, asyncio.run(epochs(filled))) == PAGES


def test_one_tenant_and_one_page(filled: str, collabchat: Run) -> None:
    start = asyncio.run(epochs(filled))
    collabchat("new-epoch", "--storage", filled, "--tenant", "acme")
    tenant = asyncio.run(epochs(filled))
    assert changed(start, tenant) == PAGES[:2]
    collabchat("new-epoch", "--storage", filled, "--tenant", "acme", "--page", PAGES[1].url_id)
    assert changed(tenant, asyncio.run(epochs(filled))) == [PAGES[1]]


def test_retries_are_known_all_the_same(url: str, collabchat: Run) -> None:
    operation = [(PAGES[0], create_chat(), ANN)]
    [ack] = asyncio.run(settle_all(url, operation))
    collabchat("new-epoch", "--storage", url)
    assert asyncio.run(settle_all(url, operation)) == [ack]


def test_a_restored_backup_and_a_reader_who_knew_more(
    url: str, tmp_path: Path, collabchat: Run
) -> None:
    """The recipe of examples/deploy/RESTORE.md, with SQLite's own backup."""
    asyncio.run(settle_all(url, [(PAGES[0], create_chat("saved"), ANN)]))
    path, backup = url.removeprefix("sqlite:///"), tmp_path / "backup.db"
    with sqlite3.connect(path) as live, sqlite3.connect(backup) as saved:
        live.backup(saved)
    live.close()
    saved.close()
    [lost] = asyncio.run(settle_all(url, [(PAGES[0], create_chat("lost"), ANN)]))

    for name in ("", "-wal", "-shm"):
        Path(path + name).unlink(missing_ok=True)
    backup.rename(path)
    collabchat("new-epoch", "--storage", url)
    asyncio.run(settle_all(url, [(PAGES[0], create_chat("after"), ANN)]))

    async def resumed() -> tuple[Any, Any]:
        app = collab(url)
        try:
            page = await app.snapshot(*PAGES[0])
            await app.events(*PAGES[0], epoch=lost["epoch"], after=lost["seq"])
        except Exception as error:
            return page, error
        finally:
            await app.close()
        raise AssertionError("the reader went on as if nothing had been lost")

    page, error = asyncio.run(resumed())
    assert error.code == "reset"
    assert page["seq"] == lost["seq"]
    bodies = [chat["comments"][0]["body"] for chat in page["chats"]]
    assert bodies == ["saved", "after"]


async def test_a_server_that_runs_notices(filled: str) -> None:
    """Its own sweep tells it; who reads there gets the page anew."""
    from collabchat_asgi.commands.new_epoch import renew
    from collabchat_asgi.storage.sqlite import SqliteStorage

    app = collab(filled, timing=Timing(sweep_seconds=0.01))
    before = await app.snapshot(*PAGES[0])
    storage = SqliteStorage.from_url(filled)
    await storage.open()
    assert await renew(storage, PAGES[0])
    assert not await renew(storage, PageKey("acme", "nothing here"))
    await storage.close()
    after = await app.snapshot(*PAGES[0])
    await app.close()
    assert (after["epoch"] == before["epoch"], after["chats"]) == (False, before["chats"])
