"""What `SocketClient` needs of a connection: one of websockets has it, and an app in process."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Close(NamedTuple):
    """A close frame."""

    code: int
    reason: str


class SocketEnded(Exception):
    """`send` or `recv` on a connection in process that has ended; `rcvd` is how, as websockets'
    `ConnectionClosed` has it."""

    def __init__(self, rcvd: Close) -> None:
        super().__init__(f"{rcvd.code} {rcvd.reason}")
        self.rcvd = rcvd


class Transport(Protocol):
    def abort(self) -> None:
        """Gone without a word."""


class Socket(Protocol):
    """Both calls raise the connection's own exception once it has ended, with `rcvd`."""

    @property
    def subprotocol(self) -> str | None: ...

    @property
    def transport(self) -> Transport: ...

    async def send(self, message: str | bytes, /) -> None: ...

    async def recv(self, decode: bool | None = None) -> str | bytes: ...

    async def close(self) -> None: ...
