"""How each ASGI server is started, and the line of its log that tells the port it listens on."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

_BELOW_EPHEMERAL = range(20_000, 30_000)
"""The kernel gives none of these to an outgoing connection while a server is down for a moment."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a certificate and its key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Server:
    """`options(port, tls)` is what follows `python -m module app`; port 0 is a free one."""

    module: str
    options: Callable[[int, Tls | None], list[str]]
    listening: str
    """Found in its log; the first group is the port."""
    serving: str = ""
    """Found in its log where it has loaded the app; many listen only then."""

    def command(self, app: str, port: int, tls: Tls | None) -> list[str]:
        return [sys.executable, "-m", self.module, app, *self.options(port, tls)]


def free_port() -> int:
    """A loopback port on which nobody listens, and which no outgoing connection will be given."""
    for port in SystemRandom().sample(_BELOW_EPHEMERAL, 1_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no loopback port is free")


def _uvicorn(port: int, tls: Tls | None) -> list[str]:
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--no-access-log"),
        *("--ws-per-message-deflate", "false", "--timeout-graceful-shutdown", "5"),
        *(("--ssl-certfile", f"{tls.certificate}", "--ssl-keyfile", f"{tls.key}") if tls else ()),
    ]


def _wsproto(port: int, tls: Tls | None) -> list[str]:
    return [*_uvicorn(port, tls), "--ws", "wsproto"]


def _hypercorn(port: int, tls: Tls | None) -> list[str]:
    secure = ["--certfile", f"{tls.certificate}", "--keyfile", f"{tls.key}"] if tls else []
    return ["--bind", f"127.0.0.1:{port}", *secure]


def _daphne(port: int, tls: Tls | None) -> list[str]:
    if tls is None:
        return ["-b", "127.0.0.1", "-p", str(port), "--access-log", "/dev/null"]
    files = f"privateKey={tls.key}:certKey={tls.certificate}"
    return ["-e", f"ssl:{port}:interface=127.0.0.1:{files}", "--access-log", "/dev/null"]


def _granian(port: int, tls: Tls | None) -> list[str]:
    secure = (
        ["--ssl-certificate", f"{tls.certificate}", "--ssl-keyfile", f"{tls.key}"] if tls else []
    )
    return [
        *("--interface", "asgi", "--host", "127.0.0.1", "--port", str(port or free_port())),
        *secure,
    ]


def _gunicorn(port: int, tls: Tls | None) -> list[str]:
    return [
        *("-k", "uvicorn_worker.UvicornWorker", "-b", f"127.0.0.1:{port}"),
        *("--graceful-timeout", "5", "--no-control-socket"),
        *(("--certfile", f"{tls.certificate}", "--keyfile", f"{tls.key}") if tls else ()),
    ]


SERVERS = {
    "uvicorn": Server("uvicorn", _uvicorn, r"Uvicorn running on https?://[\d.]+:(\d+)"),
    "uvicorn-wsproto": Server("uvicorn", _wsproto, r"Uvicorn running on https?://[\d.]+:(\d+)"),
    "hypercorn": Server("hypercorn", _hypercorn, r"Running on https?://[\d.]+:(\d+)"),
    "daphne": Server("daphne", _daphne, r"Listening on TCP address [\d.]+:(\d+)"),
    "granian": Server(
        "granian", _granian, r"Listening at: https?://[\d.]+:(\d+)", r"Started worker-1"
    ),
    "gunicorn": Server(
        "gunicorn",
        _gunicorn,
        r"Listening at: https?://[\d.]+:(\d+)",
        r"Application startup complete",
    ),
}
