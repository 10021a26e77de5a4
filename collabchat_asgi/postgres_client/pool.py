"""Connections to one PostgreSQL, kept for the next who needs one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import SHUT_RDWR
from typing import TYPE_CHECKING

from .address import Address
from .faults import DRIVER

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["Pool", "let_go"]

_GOODBYE_SECONDS = 2.0


class Pool:
    """At most `address.pool` connections, made when they are needed; the one that was used last is
    used next. It belongs to the event loop that it is first used in.

    Unlike asyncpg's own it sends nothing of its own between two uses: nobody here leaves anything
    behind in a session.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free = asyncio.Semaphore(address.pool)
        self._idle: list[Connection] = []
        self.made: set[Connection] = set()
        """Those that are open."""

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Waits for one as long as it takes. One that is closed is not kept."""
        async with self._free:
            connection = await self._connected()
            try:
                yield connection
            finally:
                if connection.is_closed():
                    self.made.discard(connection)
                else:
                    self._idle.append(connection)

    async def _connected(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self.made.discard(connection)
        connection = await self._address.connect()
        self.made.add(connection)
        return connection

    def abandon(self) -> None:
        """Instead of `close`, where the event loop has ended without it."""
        connections, self.made = self.made, set()
        self._idle.clear()
        for connection in connections:
            let_go(connection)

    async def close(self) -> None:
        """Ask each connection to end, and cut those that do not."""
        connections, self.made = self.made, set()
        self._idle.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await asyncio.gather(*map(_ended, connections))
        for connection in connections:
            connection.terminate()


def let_go(connection: Connection) -> None:
    """Give up a connection whose event loop has ended: nobody is left to say goodbye with."""
    transport = getattr(connection, "_transport", None)
    try:
        connection.terminate()
    except RuntimeError:
        # It wants its loop. The socket tells the server; the rest goes with the last reference.
        socket = transport.get_extra_info("socket") if transport else None
        with suppress(OSError):
            if socket is not None:
                socket.shutdown(SHUT_RDWR)


async def _ended(connection: Connection) -> None:
    with suppress(*DRIVER):
        await connection.close()
