"""A TCP proxy that misbehaves on request, between real clients and a real server.

async with FaultProxy("127.0.0.1", port) as proxy:
    proxy.to_client.bytes_per_second = 30_000      # a slow radio
    proxy.to_server.stall()                         # a full buffer somewhere
    proxy.half_open()                               # the network is gone, and nobody was told
    proxy.reset()                                   # RST on every connection
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_CHUNK = 16 * 1024


@dataclass
class Direction:
    """One way through the proxy, of all its connections."""

    delay_seconds: float = 0.0
    bytes_per_second: float | None = None
    swallows: bool = False
    """Takes everything and passes nothing on, and no end of the connection either."""
    carried: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def stall(self) -> None:
        """Nothing is read any more: the sender's buffers fill up."""
        self._open.clear()

    def heal(self) -> None:
        self.delay_seconds, self.bytes_per_second, self.swallows = 0.0, None, False
        self._open.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, this way, in order, until its end."""
        loop = asyncio.get_running_loop()
        while True:
            await self._open.wait()
            size = _CHUNK if self.bytes_per_second is None else 1_024
            data = await reader.read(size)
            due = loop.time() + self.delay_seconds
            if not data and not self.swallows:
                break
            if not data:
                await asyncio.Event().wait()  # a half-open connection has no end
            if self.bytes_per_second:
                await asyncio.sleep(len(data) / self.bytes_per_second)
            await self._open.wait()
            if self.swallows:
                continue
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(data)
            self.carried += len(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


class FaultProxy:
    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.port = 0
        self.to_client = Direction()
        self.to_server = Direction()
        self.refusing = False
        """New connections are reset at once, as by a dead upstream."""
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    def url(self, prefix: str = "/collabchat") -> str:
        return f"http://127.0.0.1:{self.port}{prefix}"

    @property
    def connections(self) -> int:
        return len(self._pairs)

    def half_open(self) -> None:
        """Both sides go on believing in a connection that carries nothing."""
        self.to_client.swallows = self.to_server.swallows = True

    def heal(self) -> None:
        self.refusing = False
        self.to_client.heal()
        self.to_server.heal()

    def reset(self) -> None:
        """RST to both sides of every connection there is."""
        for task, writers in list(self._pairs.items()):
            for writer in writers:
                _reset(writer)
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs[task] = [writer]
        try:
            if self.refusing:
                _reset(writer)
                return
            server_reader, server_writer = await asyncio.open_connection(*self.target)
            self._pairs[task].append(server_writer)
            await asyncio.gather(
                self.to_server.carry(reader, server_writer),
                self.to_client.carry(server_reader, writer),
            )
        except OSError:
            for one in self._pairs[task]:
                _reset(one)
        except asyncio.CancelledError:
            pass  # reset() has closed both sides already
        finally:
            for one in self._pairs.pop(task):
                one.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    if sock := writer.get_extra_info("socket"):
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
