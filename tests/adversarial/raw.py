"""A WebSocket by hand: for what no library would send."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from tests.blackbox.conftest import Site

Header = tuple[str, str]


@dataclass
class Raw:
    """A handshake that was answered, and what may follow it."""

    status: int
    headers: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Without a word, whatever happened."""
        self.writer.transport.abort()

    async def send(self, payload: bytes, opcode: int = 1, *, first_byte: int | None = None) -> None:
        """One masked frame."""
        head = bytes([0x80 | opcode if first_byte is None else first_byte])
        size = len(payload)
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65_536:
            head += bytes([0x80 | 126]) + struct.pack("!H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack("!Q", size)
        mask = os.urandom(4)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
            size, "big"
        )
        self.writer.write(head + mask + masked)
        await self.writer.drain()

    async def say(self, frame: dict[str, object]) -> None:
        await self.send(json.dumps(frame).encode())

    async def frame(self) -> tuple[int, bytes]:
        """The opcode and payload of the next frame. Raises where the connection just ends."""
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", await self.reader.readexactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", await self.reader.readexactly(8))[0]
        return first & 0x0F, await self.reader.readexactly(size)

    async def text(self) -> str:
        """The next text frame."""
        async with asyncio.timeout(10):
            while True:
                opcode, payload = await self.frame()
                if opcode == 1:
                    return payload.decode()

    async def closed_with(self) -> int | None:
        """The close code; None where the connection just ended."""
        async with asyncio.timeout(10):
            while True:
                try:
                    opcode, payload = await self.frame()
                except (asyncio.IncompleteReadError, ConnectionError):
                    return None
                if opcode == 8:
                    return int(struct.unpack("!H", payload[:2])[0]) if payload else None

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


async def dial(
    url: str,
    headers: Sequence[Header] = (),
    *,
    path: str | None = None,
    host: str | None = None,
    upgrade: bool = True,
) -> Raw:
    """Open `{url}/ws` (or `path`) and read the answer to the handshake."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = [f"GET {path or parts.path + '/ws'} HTTP/1.1", f"Host: {host or parts.netloc}"]
    if upgrade:
        key = base64.b64encode(os.urandom(16)).decode()
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Key: {key}"]
    lines += [f"{name}: {value}" for name, value in headers]
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await writer.drain()
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except BaseException:
        writer.transport.abort()
        raise
    return Raw(int(head.split()[1]), head, reader, writer)


async def greet(site: Site, name: str = "mallory", *, deflate: bool = False) -> Raw:
    """A socket that has said `hello`; nothing it was answered has been read."""
    extension = [("Sec-WebSocket-Extensions", "permessage-deflate")] if deflate else []
    raw = await dial(site.url, extension)
    try:
        await raw.say({"type": "hello", "token": site.token(name)})
    except BaseException:
        raw.writer.transport.abort()
        raise
    return raw
