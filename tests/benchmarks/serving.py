"""The servers that are compared: one uvicorn process each, told what to do over HTTP."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from collabchat_asgi.testing.processes import ServerProcess

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
    )


def ask(process: ServerProcess, path: str, **query: float) -> dict[str, float]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    url = f"http://127.0.0.1:{process.port}{path}?{asked}"
    with urllib.request.urlopen(url, timeout=120) as response:
        answer: dict[str, float] = json.load(response)
        return answer
