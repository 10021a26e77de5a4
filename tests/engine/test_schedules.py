"""Hundreds of random schedules: all viewers end with the same page, and the checker is content.

COLLABCHAT_SCHEDULES asks for more of them per block, COLLABCHAT_SEED for others.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from collabchat_asgi.storage.abc import Storage
from collabchat_asgi.storage.memory import MemoryStorage
from collabchat_asgi.storage.sqlite import SqliteStorage

from .schedules import World

SCHEDULES = int(os.environ.get("COLLABCHAT_SCHEDULES", "20"))
SEED = int(os.environ.get("COLLABCHAT_SEED", "1000"))
SQLITE, MEMORY = (5, 11) if os.environ.get("TESTS_LONG") else (2, 2)
"""Blocks on each storage: 80 schedules, 320 in the long form."""


@pytest.mark.parametrize("block", range(SQLITE))
async def test_random_schedules_on_sqlite(block: int, tmp_path: Path) -> None:
    await run(lambda: SqliteStorage(tmp_path / "collabchat.db"), SEED + block * SCHEDULES)


@pytest.mark.parametrize("block", range(MEMORY))
async def test_random_schedules_in_memory(block: int) -> None:
    memory = MemoryStorage()
    await run(lambda: memory, SEED + (SQLITE + block) * SCHEDULES)


async def run(make: Callable[[], Storage], first: int) -> None:
    hits: Counter[str] = Counter()
    acked = 0
    for seed in range(first, first + SCHEDULES):
        world = World(make, seed)
        report = await world.run()
        assert not report.violations, f"seed {seed}: {report}"
        assert report.unanswered == 0, f"seed {seed}: {report}"
        acked += report.acked
        hits += world.hits
    print(f"seeds {first} to {first + SCHEDULES - 1}: acked {acked}, faults {dict(hits)}")
    for fault in ("dropped", "repeated", "reordered", "storage failed", "killed", "came back"):
        assert hits[fault], f"no {fault} in {SCHEDULES} schedules"
