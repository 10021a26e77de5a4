"""Memory of an idle connection and of an open page, above what the server itself needs."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from collabchat_asgi import CollabChat
from collabchat_asgi.core.model import PageKey
from tests.benchmarks.apps import PAGE, rss
from tests.benchmarks.in_process import closed_page, filled_page
from tests.benchmarks.material import ROOMY, TENANT, UNLIMITED, authenticate
from tests.benchmarks.report import Row, median, progress
from tests.benchmarks.serving import ask, server
from tests.benchmarks.swarm import SwarmProcess

CONNECTIONS = 1_000
PAGES = 1_000
WARM_UP = 50


def connection_bytes(app: str, path: str, *, greet: bool, page: str = "") -> float:
    """What the server's process grows by for each of 1,000 connections, after the first 50."""
    with server(app) as process:

        def swarm(count: int) -> SwarmProcess:
            return SwarmProcess(process.port, path, count, greet=greet, page=page)

        with swarm(WARM_UP):
            before = ask(process, "/rss")["rss"]
            with swarm(CONNECTIONS):
                return (ask(process, "/rss")["rss"] - before) / CONNECTIONS


def page_bytes(chats: int, how: str) -> tuple[float, float]:
    """What a process grows by for each of 1,000 open pages, and the bytes of a page's records."""
    command = [sys.executable, "-m", "tests.benchmarks.footprint", str(chats), how]
    root = Path(__file__).parents[2]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    page, records = json.loads(told)
    return page, records


async def open_pages(chats: int, how: str) -> tuple[float, float]:
    collab = CollabChat(
        authenticate=authenticate,
        storage="memory://",
        pubsub="memory://",
        limits=UNLIMITED,
        tuning=ROOMY,
    )
    await collab.start()
    engine = collab._engine
    names = [f"https://example.org/articles/{n:06}" for n in range(PAGES)]
    warm_up = [f"{name}/first" for name in names[:WARM_UP]]
    for name in (*warm_up, *names) if chats else ():
        await filled_page(collab, name, chats)
        closed_page(collab, name)
    for name in warm_up:
        await engine.page(PageKey(TENANT, name))
    await asyncio.sleep(0.1)
    gc.collect()
    if how == "tracemalloc":
        tracemalloc.start()
    before = rss()
    for name in names:
        await engine.page(PageKey(TENANT, name))
    await asyncio.sleep(0.1)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] if how == "tracemalloc" else rss() - before
    loaded = await collab.storage.load(PageKey(TENANT, names[0]))
    records = sum(len(r.key) + len(r.value) + len(r.body.encode()) for r in loaded.records)
    assert len(engine.services.pages) == PAGES + WARM_UP
    await collab.close()
    return grown / PAGES, records


def rows(rounds: int) -> Iterator[Row]:
    ours = {"idle connection, no page": "", "idle connection, on one page": PAGE}
    grown: dict[str, list[float]] = {}
    for n in range(rounds):
        progress(f"memory of connections, round {n + 1}")
        floor = connection_bytes("bare", "/", greet=False)
        for name, page in ours.items():
            mine = connection_bytes("ours", "/collabchat/ws", greet=True, page=page)
            grown.setdefault(name, []).append(mine - floor)
            grown.setdefault("bare", []).append(floor)
    for name in ours:
        kib = median(grown[name]) / 1024
        yield Row(
            name,
            f"+{kib:.1f} KiB (bare {median(grown['bare']) / 1024:.1f})",
            "≤ 8 KiB added",
            kib <= 8,
            f"{CONNECTIONS:,} × {rounds}",
        )
    for chats in (0, 10):
        progress(f"memory of pages with {chats} chats")
        measured = [page_bytes(chats, "rss") for _ in range(rounds)]
        kib = median(page for page, _ in measured) / 1024
        records = measured[0][1] / 1024
        traced = page_bytes(chats, "tracemalloc")[0] / 1024
        yield Row(
            f"open page, {chats} chats",
            f"{kib:.1f} KiB (tracemalloc {traced:.1f}), its records {records:.1f}",
            "≤ 4 KiB + records",
            kib <= 4 + records,
            f"{PAGES:,} × {rounds}",
        )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(open_pages(int(sys.argv[1]), sys.argv[2]))))
