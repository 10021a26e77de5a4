"""One WebSocket client on a blocking socket, for what is measured one message at a time."""

from __future__ import annotations

import socket
from typing import Self

from tests.benchmarks.material import as_text
from tests.benchmarks.swarm import greeting, masked, upgrade

DEADLINE_SECONDS = 120.0


class Peer:
    """`page`: subscribed to it; `name`: None on a server that knows no `hello`."""

    def __init__(self, port: int, path: str, name: str | None = None, page: str = "") -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(upgrade(port, path))
        self._rest = b""
        self.wait_for(b"\r\n\r\n")
        if name is not None:
            self.sock.sendall(greeting(name, page))
            self.wait_for(b'"last":true}' if page else b'"type":"welcome"')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, frame: dict[str, object]) -> None:
        self.sock.sendall(masked(as_text(frame)))

    def send_masked(self, frames: bytes) -> None:
        self.sock.sendall(frames)

    def wait_for(self, mark: bytes, times: int = 1) -> None:
        """Read until `mark` has come so often, and no further than the read that brought it."""
        text = self._rest
        while text.count(mark) < times:
            more = self.sock.recv(1 << 18)
            if not more:
                raise AssertionError(f"closed before {mark!r} came: …{text[-300:]!r}")
            text += more
        self._rest = text[text.rfind(mark) + len(mark) :]
