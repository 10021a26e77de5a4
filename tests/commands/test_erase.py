"""An operator forgets a page: nothing of it is left, and whoever looks at it is told."""

from __future__ import annotations

import asyncio

from collabchat_asgi import Timing
from collabchat_asgi.storage.sqlite import SqliteStorage

from .conftest import PAGES, Run, collab


async def chats(url: str) -> list[int]:
    app = collab(url)
    try:
        return [len((await app.snapshot(*key))["chats"]) for key in PAGES]
    finally:
        await app.close()


def test_without_yes_nothing_goes(filled: str, collabchat: Run) -> None:
    before = asyncio.run(chats(filled))
    code, out, _ = collabchat("erase", "--storage", filled, "--tenant", "acme", "--all-pages")
    assert (code, "2 pages" in out, "--yes" in out) == (0, True, True)
    assert asyncio.run(chats(filled)) == before


def test_one_page(filled: str, collabchat: Run) -> None:
    before = asyncio.run(chats(filled))
    given = ("--storage", filled, "--tenant", "acme", "--page", PAGES[0].url_id, "--yes")
    assert collabchat("erase", *given)[0] == 0
    assert asyncio.run(chats(filled)) == [0, *before[1:]]
    code, _, err = collabchat("erase", *given)
    assert (code, "nothing to erase" in err) == (1, True)


def test_a_tenant_and_no_other(filled: str, collabchat: Run) -> None:
    before = asyncio.run(chats(filled))
    collabchat("erase", "--storage", filled, "--tenant", "acme", "--all-pages", "--yes")
    assert asyncio.run(chats(filled)) == [0, 0, before[2]]


async def test_a_server_that_runs_notices(filled: str) -> None:
    app = collab(filled, timing=Timing(sweep_seconds=0.1))
    before = await app.snapshot(*PAGES[0])
    storage = SqliteStorage.from_url(filled)
    await storage.open()
    await storage.erase(PAGES[0])
    await storage.close()
    after = await app.snapshot(*PAGES[0])
    await app.close()
    assert before["chats"]
    assert (after["seq"], after["chats"]) == (0, [])
