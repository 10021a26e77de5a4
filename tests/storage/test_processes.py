"""One SQLite file and real processes: all start at once, one is killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.storage_acts import log_of

GROUP = 8

OPEN = """
import asyncio, sys
from collabchat_asgi.storage.sqlite import SqliteStorage

async def main():
    storage = SqliteStorage(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    await storage.open()
    print((await storage.key()).hex(), flush=True)
    await storage.close()

asyncio.run(main())
"""

WRITE = """
import asyncio, itertools, sys
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing.storage_acts import PAGE, an_event, put

async def main():
    storage = SqliteStorage(sys.argv[1])
    await storage.open()
    [head] = (await storage.heads([PAGE])).values()
    for n in itertools.count():
        entries = [an_event(f"{sys.argv[2]}-{n}-{k}") for k in range(int(sys.argv[3]))]
        outcomes = await put(storage, head, *entries)
        for name, outcome in outcomes.items():
            head = outcome.position
            print(name, head.seq, flush=True)

asyncio.run(main())
"""


@contextmanager
def processes(*commands: Sequence[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Python programs with their arguments; killed with -9 at the end."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for command in commands
    ]
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_eight_processes_open_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "pages.db")
    with processes(*[(OPEN, path)] * 8) as children:
        assert {line(child) for child in children} == {"ready"}
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        [key] = {line(child) for child in children}
        assert len(bytes.fromhex(key)) == 32


@pytest.mark.parametrize("writers", [1, 2])
async def test_nothing_acked_is_lost_to_kill_9(tmp_path: Path, writers: int) -> None:
    path = tmp_path / "pages.db"
    acked: dict[str, int] = {}
    for life in range(3):
        lives = [(WRITE, str(path), f"{life}.{writer}", str(GROUP)) for writer in range(writers)]
        with processes(*lives) as children:
            for _ in range(40 + 13 * life):
                for child in children:
                    name, seq = line(child).split()
                    acked[name] = int(seq)
    storage = SqliteStorage(path)
    await storage.open()
    events = (await log_of(storage)).events
    await storage.close()
    seqs = {e.broadcast_id: e.seq for e in events}
    assert [e.seq for e in events] == list(range(1, len(seqs) + 1))
    assert len(events) % GROUP == 0
    assert {name: seqs.get(name) for name in acked} == acked
