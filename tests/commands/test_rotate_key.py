"""Another key, for an application that goes on."""

from __future__ import annotations

import asyncio

from collabchat_asgi.registry import make_storage

from .conftest import PAGES, Run, collab


async def key_of(url: str) -> bytes:
    storage = make_storage(url)
    await storage.open()
    try:
        return await storage.key()
    finally:
        await storage.close()


def test_the_key_is_another_and_the_pages_are_as_they_were(filled: str, collabchat: Run) -> None:
    async def snapshots() -> list[object]:
        app = collab(filled)
        try:
            return [await app.snapshot(*key) for key in PAGES]
        finally:
            await app.close()

    key, pages = asyncio.run(key_of(filled)), asyncio.run(snapshots())
    code, out, err = collabchat("rotate-key", "--storage", filled)
    assert (code, err) == (0, "")
    assert "changed" in out
    assert asyncio.run(key_of(filled)) != key
    assert asyncio.run(snapshots()) == pages


def test_a_file_that_is_not_there_is_not_made(tmp_path: object, collabchat: Run) -> None:
    code, _, err = collabchat("rotate-key", "--storage", f"sqlite:///{tmp_path}/none.db")
    assert code == 1
    assert "there is no such file" in err
