"""One HTTP/1.1 connection that is used again and again, as browsers and proxies do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def ask(self, path: str, body: bytes | None = None) -> None:
        """Nothing is awaited: what is asked before an answer came is pipelined."""
        method = "GET" if body is None else "POST"
        length = "" if body is None else f"Content-Length: {len(body)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n"
        self.writer.write(head.encode() + (body or b""))

    async def answer(self) -> None:
        """Returns with the last byte that the answer was said to have, and not a moment later."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        self.statuses.append(int(head.split()[1]))
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        if "content-length" in fields:
            self.bodies.append(await self.reader.readexactly(int(fields["content-length"])))
            return
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        self.bodies.append(body)

    def close(self) -> None:
        self.writer.close()
