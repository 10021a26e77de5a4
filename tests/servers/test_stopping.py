"""A process whose start waits for its storage ends when it is told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from collabchat_asgi.testing.servers import SERVERS, free_port

from .matrix import LONG

ROOT = Path(__file__).parents[2]
APP = "tests.servers.waiting_app:app"
HELD = "tests.servers.held_app:app"
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


def test_it_ends_quietly_where_it_is_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C, and once more where a request never ends: everything is swept away."""
    monkeypatch.setenv("COLLABCHAT_STORAGE", f"sqlite:///{tmp_path}/collabchat.db")
    command = [*(sys.executable, "-m", "uvicorn", HELD), *("--host", "127.0.0.1", "--port", "0")]
    with running(command) as process, ExitStack() as stack:
        assert process.stdout is not None
        said: list[str] = []

        def until(words: str) -> str:
            for line in process.stdout or ():
                said.append(line)
                if words in line:
                    return line
            raise AssertionError("".join(said))

        port = re.search(r"127\.0\.0\.1:(\d+)", until("running on"))
        assert port is not None
        held = stack.enter_context(socket.create_connection(("127.0.0.1", int(port[1]))))
        held.sendall(b"GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until("held")
        process.send_signal(signal.SIGINT)
        until("CTRL+C to force quit")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=100)
        assert "billed" in rest, "the last usage is handed over all the same"
        assert "stranger" not in rest
        ours = [line for line in rest.splitlines() if "collabchat" in line and line[0] != " "]
        assert ours == [], rest


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
