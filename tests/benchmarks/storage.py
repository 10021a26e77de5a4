"""Entries per second that a storage commits, without an engine, and what one fdatasync costs.

    python tests/benchmarks/storage.py [url] [rounds]

The default is an SQLite file in a temporary directory; set TMPDIR to choose the disk.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence

from collabchat_asgi.core.model import PageKey, Position
from collabchat_asgi.storage.abc import (
    NOWHERE,
    Committed,
    Entry,
    Group,
    Record,
    Storage,
    Tail,
)
from collabchat_asgi.storage.sqlite import SqliteStorage

EVENT = b"e" * 300
VALUE = b"v" * 200
BODY = "Is this still true after the last edit? " * 2


def fdatasync_ms(directory: str, size: int = 32 * 1024) -> float:
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(200):
            os.write(file.fileno(), b"x" * size)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - start)
    return statistics.median(took) * 1000


def no_revise(page: PageKey, tail: Tail) -> Sequence[Entry]:
    raise AssertionError(f"nobody else writes here: {page}")


async def rate(storage: Storage, pages: int, entries: int, commits: int, run: str) -> float:
    """Entries per second of `commits` commits of `pages` groups with `entries` entries each."""
    heads = {PageKey("bench", f"{run}/{n}"): NOWHERE for n in range(pages)}

    def group(page: PageKey, head: Position, commit: int) -> Group:
        made = []
        for n in range(entries):
            name = f"{run}-{commit}-{n:02}-0123456789abcdef0123456789abcdef"
            record = Record(f"c/{name}"[:64], VALUE, BODY, head.seq + n + 1)
            made.append(Entry(name, "user", b"f" * 16, b"r" * 40, EVENT, record.key, puts=[record]))
        return Group(page, head, made)

    async def once(commit: int) -> None:
        groups = [group(page, head, commit) for page, head in heads.items()]
        for page, outcomes in zip(heads, await storage.commit(groups, no_revise), strict=True):
            last = list(outcomes.values())[-1]
            assert isinstance(last, Committed), last
            heads[page] = last.position

    await once(0)
    start = time.perf_counter()
    for commit in range(1, commits + 1):
        await once(commit)
    return pages * entries * commits / (time.perf_counter() - start)


async def main(url: str | None, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage.from_url(url or f"sqlite:///{directory}/bench.db")
        await storage.open()
        one_page, many_pages, syncs = [], [], []
        for n in range(rounds):
            syncs.append(fdatasync_ms(directory))
            one_page.append(await rate(storage, 1, 64, 100, f"one{n}"))
            many_pages.append(await rate(storage, 64, 1, 100, f"many{n}"))
        await storage.close()
    print(f"fdatasync of 32 KiB   {statistics.median(syncs):8.2f} ms")
    for name, rates in (("1 page x 64 entries", one_page), ("64 pages x 1 entry", many_pages)):
        low, high = min(rates), max(rates)
        print(f"{name:20} {statistics.median(rates):9,.0f} entries/s  ({low:,.0f} to {high:,.0f})")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(arguments[0] if arguments else None, int((arguments[1:] or ["5"])[0])))
