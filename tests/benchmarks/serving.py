"""The servers that are compared: one uvicorn process each, told what to do over HTTP."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import NamedTuple

from collabchat_asgi.testing.processes import ServerProcess

TICKS = os.sysconf("SC_CLK_TCK")

OPTIONS = (
    *("--ws", "websockets-sansio", "--loop", "uvloop", "--http", "httptools"),
    *("--ws-ping-interval", "3600", "--log-level", "info"),
)


def server(app: str, **env: str) -> ServerProcess:
    """`bare` or `ours` of `apps.py` under uvicorn with uvloop, frames not compressed."""
    return ServerProcess(
        f"tests.benchmarks.apps:{app}",
        env={"COLLABCHAT_STORAGE": "memory://", "COLLABCHAT_PUBSUB": "memory://", **env},
        arguments=OPTIONS,
        directory=Path(__file__).parents[2],
        deadline=120.0,
    )


class Cpu(NamedTuple):
    """Seconds that a process has worked, all its threads."""

    user: float
    kernel: float

    @property
    def total(self) -> float:
        return self.user + self.kernel

    def since(self, before: Cpu) -> Cpu:
        return Cpu(self.user - before.user, self.kernel - before.kernel)


def cpu_split(pid: int) -> Cpu:
    """By the clock's ticks, so only of much work the two halves say something."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Cpu(int(fields[11]) / TICKS, int(fields[12]) / TICKS)


def cpu_of(pid: int) -> float:
    """Seconds that a process has worked, all its threads, kernel included."""
    return cpu_split(pid).total


def ask(process: ServerProcess, path: str, **query: float) -> dict[str, float]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    url = f"http://127.0.0.1:{process.port}{path}?{asked}"
    with urllib.request.urlopen(url, timeout=120) as response:
        answer: dict[str, float] = json.load(response)
        return answer
