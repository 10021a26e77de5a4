"""Everybody at once: 1,000 who join a page, and 5,000 who come back to several."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from collabchat_asgi import CollabChat
from collabchat_asgi.core.frames import Since
from collabchat_asgi.core.model import PageKey
from tests.benchmarks.in_process import Viewer, all_live, closed_page, filled_page
from tests.benchmarks.material import ROOMY, TENANT, UNLIMITED, authenticate, new_id
from tests.benchmarks.report import Row, median, progress, spread

JOINING = 1_000
RESUMING = 5_000
PAGES = 10
CHATS = 100
COLD, WARM = "page not in memory", "page in memory"


async def joined(collab: CollabChat, *, cold: bool) -> tuple[float, dict[str, int]]:
    """Seconds until all are live on a page of 100 chats, and what was read meanwhile."""
    engine, page = collab._engine, f"page-{new_id()}"
    await filled_page(collab, page, CHATS)
    if cold:
        closed_page(collab, page)
    before = dict(engine.services.reader.reads)
    started = time.perf_counter()
    viewers = [Viewer(collab, f"visitor-{n}") for n in range(JOINING)]
    for viewer in viewers:
        viewer.subscribe(page)
    await all_live([(viewer, page) for viewer in viewers])
    taken = time.perf_counter() - started
    assert all(viewer.frames["snapshot"] == viewers[0].frames["snapshot"] for viewer in viewers)
    return taken, leave(collab, viewers, before)


async def resumed(collab: CollabChat) -> tuple[float, dict[str, int]]:
    """The same for 5,000 who return to 10 pages that this process does not know, each from
    another place in the last 100 events: a restarted server."""
    engine, names = collab._engine, [f"page-{new_id()}" for _ in range(PAGES)]
    epochs = {}
    for name in names:
        await filled_page(collab, name, CHATS)
        page = engine.services.pages.get(PageKey(TENANT, name))
        assert page is not None
        epochs[name] = page.position.epoch
        closed_page(collab, name)
    before = dict(engine.services.reader.reads)
    started = time.perf_counter()
    returning = []
    for n in range(RESUMING):
        name = names[n % PAGES]
        viewer = Viewer(collab, f"visitor-{n}")
        viewer.subscribe(name, Since(epochs[name], random.randrange(CHATS)))
        returning.append((viewer, name))
    await all_live(returning)
    taken = time.perf_counter() - started
    viewers = [viewer for viewer, _ in returning]
    assert all(viewer.frames["recovered"] == 1 for viewer in viewers)
    return taken, leave(collab, viewers, before)


def leave(collab: CollabChat, viewers: list[Viewer], before: dict[str, int]) -> dict[str, int]:
    for viewer in viewers:
        viewer.connection.leave()
    return {
        kind: count - before[kind] for kind, count in collab._engine.services.reader.reads.items()
    }


async def measure(directory: Path, rounds: int) -> dict[str, list[tuple[float, dict[str, int]]]]:
    measured: dict[str, list[tuple[float, dict[str, int]]]] = {}
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        collab = CollabChat(
            authenticate=authenticate,
            storage=f"sqlite:///{folder}/joining.db",
            pubsub="memory://",
            limits=UNLIMITED,
            tuning=ROOMY,
        )
        await collab.start()
        for n in range(rounds):
            progress(f"joining, round {n + 1}")
            measured.setdefault(COLD, []).append(await joined(collab, cold=True))
            measured.setdefault(WARM, []).append(await joined(collab, cold=False))
            measured.setdefault("resume", []).append(await resumed(collab))
        await collab.close()
    return measured


def rows_on(directory: Path) -> Callable[[int], Iterator[Row]]:
    def rows(rounds: int) -> Iterator[Row]:
        measured = asyncio.run(measure(directory, rounds))
        for name in (COLD, WARM):
            seconds = [taken for taken, _ in measured[name]]
            yield Row(
                f"{JOINING:,} join at once, {CHATS} chats, {name}: all live",
                f"{spread(seconds, '.2f')} s; {_most(measured[name])}",
                n=f"{JOINING:,} × {rounds}",
            )
        seconds = [taken for taken, _ in measured["resume"]]
        logs = max(reads["read"] for _, reads in measured["resume"]) / PAGES
        yield Row(
            f"{RESUMING:,} resume at once on {PAGES} pages after a restart: all live",
            f"{spread(seconds, '.2f')} s; {_most(measured['resume'])}",
            "≤ 1 log read a page, 10 s",
            logs <= 1 and median(seconds) <= 10,
            f"{RESUMING:,} × {rounds}",
        )

    return rows


def _most(results: list[tuple[float, dict[str, int]]]) -> str:
    """The most reads of each kind in any round."""
    kinds = {kind: max(reads[kind] for _, reads in results) for kind in results[0][1]}
    return "reads " + ", ".join(f"{kind} {count}" for kind, count in kinds.items())
