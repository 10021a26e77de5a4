"""The fault proxy does to a connection what networks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from collabchat_asgi.testing import FaultProxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, FaultProxy("127.0.0.1", port) as proxy:
        yield proxy


async def call(proxy: FaultProxy, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(text)
    return reader, writer


async def hear(reader: asyncio.StreamReader, count: int) -> bytes:
    return await asyncio.wait_for(reader.readexactly(count), 5)


async def test_it_passes_everything_on(proxy: FaultProxy) -> None:
    reader, writer = await call(proxy, b"hello")
    assert await hear(reader, 5) == b"hello"
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_stalled_direction_goes_on_where_it_stopped(proxy: FaultProxy) -> None:
    proxy.to_client.stall()
    reader, writer = await call(proxy, b"hello")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    proxy.heal()
    assert await hear(reader, 5) == b"hello"
    writer.close()


async def test_half_open_loses_everything_and_ends_nothing(proxy: FaultProxy) -> None:
    reader, writer = await call(proxy, b"hello")
    assert await hear(reader, 5) == b"hello"
    proxy.half_open()
    writer.write(b"lost")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    assert proxy.connections == 1
    writer.close()


async def test_reset_is_seen_by_both_sides(proxy: FaultProxy) -> None:
    reader, writer = await call(proxy, b"hello")
    assert await hear(reader, 5) == b"hello"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await hear(reader, 1)
    writer.close()


async def test_a_delay_delays(proxy: FaultProxy) -> None:
    proxy.to_client.delay_seconds = 0.1
    began = asyncio.get_running_loop().time()
    reader, writer = await call(proxy, b"hello")
    assert await hear(reader, 5) == b"hello"
    assert asyncio.get_running_loop().time() - began >= 0.1
    writer.close()


async def test_a_byte_rate_is_a_ceiling(proxy: FaultProxy) -> None:
    proxy.to_client.bytes_per_second = 20_000
    began = asyncio.get_running_loop().time()
    reader, writer = await call(proxy, b"x" * 4_000)
    await hear(reader, 4_000)
    assert asyncio.get_running_loop().time() - began >= 0.15
    writer.close()
