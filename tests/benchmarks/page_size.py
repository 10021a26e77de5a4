"""What an operation costs on a large page, against a small one: it should not know the difference.

Through the whole process but its socket: hooks, rules, storage, fold and one viewer's frame. The
pages are fed in turn, so what else the machine does meets all alike.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from collabchat_asgi import CollabChat
from collabchat_asgi.core.frames import Since
from collabchat_asgi.core.model import PageKey
from tests.benchmarks.in_process import Viewer, all_live, filled_page
from tests.benchmarks.material import (
    ROOMY,
    TENANT,
    UNLIMITED,
    add_comment,
    authenticate,
    create_chat,
    identity,
    new_id,
)
from tests.benchmarks.report import Row, median, progress

SMALL, LARGE = 200, 8_000
OPERATIONS = 200
COMMENTS, CHATS = "comments in its chat", "chats on its page"


class Page:
    """A page of so many chats, or with a chat of so many comments, and a viewer."""

    def __init__(self, collab: CollabChat, what: str, size: int) -> None:
        self.collab, self.what, self.size = collab, what, size
        self.name, self.chat = f"{what} {size}", new_id()

    async def fill(self) -> None:
        await self.submit(create_chat(self.name, self.chat))
        if self.what == CHATS:
            await filled_page(self.collab, self.name, self.size)
        else:
            await self.write(self.size)
        viewer = Viewer(self.collab, "reader")
        position = (await self.collab._engine.page(PageKey(TENANT, self.name))).position
        viewer.subscribe(self.name, Since(position.epoch, position.seq))
        await all_live([(viewer, self.name)])

    async def write(self, count: int) -> float:
        """Microseconds of CPU of one comment, one after the other."""
        made = [add_comment(self.name, self.chat) for _ in range(count)]
        started = time.process_time()
        for one in made:
            await self.submit(one)
        return (time.process_time() - started) / count * 1e6

    async def submit(self, operation: dict[str, object]) -> None:
        await self.collab.submit(TENANT, self.name, operation, identity=identity("writer"))


async def measure(storage: str, rounds: int) -> dict[str, list[float]]:
    async with AsyncExitStack() as stack:
        collab = CollabChat(
            authenticate=authenticate,
            storage=storage,
            pubsub="memory://",
            limits=replace(UNLIMITED, comments_per_chat=10**6),
            tuning=replace(ROOMY, window_bytes=2**30),  # the viewer confirms nothing
        )
        await collab.start()
        stack.push_async_callback(collab.close)
        pages = [Page(collab, what, size) for what in (COMMENTS, CHATS) for size in (SMALL, LARGE)]
        for page in pages:
            progress(f"  {page.size:,} {page.what}")
            await page.fill()
        ratios: dict[str, list[float]] = {COMMENTS: [], CHATS: []}
        for number in range(rounds + 1):
            micros = [await page.write(OPERATIONS) for page in pages]
            if number:  # the first one warms up
                ratios[COMMENTS].append(micros[1] / micros[0])
                ratios[CHATS].append(micros[3] / micros[2])
        return ratios


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            for name, url in (
                ("memory", "memory://"),
                ("SQLite", f"sqlite:///{folder}/page-size.db"),
            ):
                progress(f"operations on small and large pages, {name}")
                for what, ratios in asyncio.run(measure(url, rounds)).items():
                    yield Row(
                        f"operation at {LARGE:,} {what} against {SMALL}, {name}",
                        f"{median(ratios):.2f} × the CPU",
                        "≤ 1.2",
                        median(ratios) <= 1.2,
                        f"{OPERATIONS} operations × {rounds}",
                    )

    return rows
