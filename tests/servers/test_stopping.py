"""A process whose start waits for its storage ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from collabchat_asgi.testing.servers import SERVERS, free_port

from .matrix import LONG

ROOT = Path(__file__).parents[2]
APP = "tests.servers.waiting_app:app"
TOLD = "tests.servers.told_app:app"
WITH_LIFESPAN = [name for name in SERVERS if name != "daphne"]
"""daphne starts us with the first request."""
ENDS = (signal.SIGTERM, signal.SIGINT)
SEVERAL = {"uvicorn": ["--workers", "2"], "gunicorn": ["--workers", "2"]}
RUNS = [
    ("granian", signal.SIGTERM, []),
    ("uvicorn", signal.SIGTERM, SEVERAL["uvicorn"]),
]
if LONG:
    RUNS = [(name, number, []) for name in WITH_LIFESPAN for number in ENDS]
    RUNS += [(name, signal.SIGTERM, more) for name, more in SEVERAL.items()]


@pytest.mark.parametrize(("server", "number", "more"), RUNS)
def test_it_ends(server: str, number: signal.Signals, more: list[str]) -> None:
    """It would wait for eleven days."""
    with running([*SERVERS[server].command(APP, free_port(), None), *more]) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if "waits for its storage" in line:
                break
        else:
            raise AssertionError("".join(lines))
        process.send_signal(number)
        process.communicate(timeout=100)


@pytest.mark.parametrize("server", WITH_LIFESPAN if LONG else ["granian"])
def test_it_ends_where_it_was_told_to_while_it_imported_its_app(server: str) -> None:
    """A worker of granian has its master's handlers until then."""
    with running(SERVERS[server].command(TOLD, free_port(), None)) as process:
        process.communicate(timeout=100)


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
