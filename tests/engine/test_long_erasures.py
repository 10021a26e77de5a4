"""What takes long, a chat at its limit or a person on many pages, is done in parts: everybody's
acks go on meanwhile, and none is `unavailable`. How long they wait is printed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi import CollabChat, Identity, Limits
from collabchat_asgi.auth import anonymous
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.storage.abc import PageCopy
from collabchat_asgi.testing.operations import add_comment, create_chat, delete_chat

pytestmark = pytest.mark.long

GONE = Identity("gone", name="Rumpelstiltskin", tenants={"acme": "commenter"})
STAYS = Identity("stays", name="Ann", tenants={"acme": "commenter"})
FULL = Limits().comments_per_chat
PAGES = 110
ELSEWHERE = ("acme", "elsewhere")


def make(storage: str, **given: Any) -> CollabChat:
    return CollabChat(authenticate=anonymous(), storage=storage, pubsub="memory://", **given)


async def a_full_page() -> PageCopy:
    """A chat at its limit: somebody else has begun it, and all the rest is theirs who is to go."""
    collab = make("memory://")
    made = create_chat("as it began")
    await collab.submit("acme", "full", made, identity=STAYS)
    for number in range(FULL - 1):
        said = add_comment(made["chat"]["id"], f"comment {number} " + "of some length " * 5)
        await collab.submit("acme", "full", said, identity=GONE)
    copy = await collab.storage.dump(PageKey("acme", "full"))
    await collab.close()
    return copy


class Meanwhile:
    """Somebody who writes on a page, one operation after the other."""

    def __init__(self, collab: CollabChat, page: tuple[str, str]) -> None:
        self._collab = collab
        self._page = page
        self.seconds: list[float] = []

    async def write(self) -> None:
        """For ever. Raises what an operation is refused with."""
        while True:
            began = time.perf_counter()
            await self._collab.submit(*self._page, create_chat(), identity=STAYS)
            self.seconds.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)

    async def during(self, act: Callable[[], Awaitable[Any]]) -> Any:
        writing = asyncio.ensure_future(self.write())
        done = await act()
        assert not writing.done(), writing.exception()
        writing.cancel()
        return done

    def __str__(self) -> str:
        ordered = sorted(self.seconds)
        part = {n: 1000 * ordered[min(len(ordered) - 1, len(ordered) * n // 100)] for n in (50, 99)}
        most = 1000 * ordered[-1]
        return f"N={len(ordered)}, p50 {part[50]:.0f} ms, p99 {part[99]:.0f} ms, most {most:.0f} ms"


@pytest.mark.parametrize("outside", [False, True], ids=["by a server", "by the command"])
async def test_a_person_on_many_pages_is_forgotten(outside: bool, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/collabchat.db"
    collab = make(url, limits=Limits(chats_per_page=100_000))
    await collab.start()
    copy = await a_full_page()
    for number in range(PAGES):
        assert await collab.storage.restore(PageKey("acme", f"page-{number}"), copy)

    async def by_command() -> Any:
        words = ["forget", "--storage", url, "--user", GONE.user_id, "--tenant", "acme", "--yes"]
        command = [sys.executable, "-m", "collabchat_asgi", *words, "--no-purge"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        return json.loads(out)

    async def by_server() -> Any:
        return await collab.forget(GONE.user_id, tenant_id="acme")

    others = Meanwhile(collab, ELSEWHERE)
    began = time.perf_counter()
    receipt = await others.during(by_command if outside else by_server)
    took = time.perf_counter() - began
    assert (receipt["pages"], receipt["comments"]) == (PAGES, PAGES * (FULL - 1))
    left = await collab.storage.dump(PageKey("acme", "page-7"))
    assert GONE.name not in str(left)
    await collab.close()
    print(f"{receipt['comments']:,} comments of one person forgotten in {took:.1f} s: {others}")


@pytest.mark.parametrize("here", [False, True], ids=["elsewhere", "on its page"])
async def test_a_chat_at_its_limit_is_deleted(here: bool, tmp_path: Path) -> None:
    collab = make(f"sqlite:///{tmp_path}/collabchat.db", limits=Limits(chats_per_page=100_000))
    await collab.start()
    copy = await a_full_page()
    pages = [("acme", f"page-{number}") for number in range(20)]
    for page in pages:
        assert await collab.storage.restore(PageKey(*page), copy)
    [chat] = (await collab.snapshot(*pages[0]))["chats"]
    assert chat["commentCount"] == FULL
    others = Meanwhile(collab, pages[0] if here else ELSEWHERE)

    async def delete() -> None:
        for page in pages:
            await collab.submit(*page, delete_chat(chat["id"]), identity=STAYS)

    await others.during(delete)
    ids = [one["id"] for one in (await collab.snapshot(*pages[0]))["chats"]]
    assert chat["id"] not in ids
    await collab.close()
    print(f"{len(pages)} chats of {FULL:,} comments deleted: {others}")
