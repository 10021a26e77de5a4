"""Sections D and E of the list: what a socket may carry, and how much of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from pathlib import Path

import psutil
import pytest

from collabchat_asgi.testing import ServerProcess
from collabchat_asgi.testing import operations as op
from collabchat_asgi.testing.socket_client import NotReceived
from tests.blackbox.conftest import Site

from .raw import dial, greet

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("neighbour")


async def test_row_31_seventeen_mib_are_not_parsed(site: Site) -> None:
    raw = await greet(site)
    with contextlib.suppress(ConnectionError):  # closed while this is still being sent
        await raw.send(b"x" * (17 << 20))
    assert await raw.closed_with() in (1009, 4413, None)
    await raw.close()


async def test_row_32_a_deflate_bomb_is_closed(tmp_path: Path) -> None:
    env = {"COLLABCHAT_STORAGE": f"sqlite:///{tmp_path}/collabchat.db"}
    deflate = ["--ws-per-message-deflate", "true"]
    app = "tests.blackbox.app:app"
    with ServerProcess(app, env=env, directory=ROOT, arguments=deflate) as server:
        site = Site(server.url, page="bomb")
        raw = await greet(site, deflate=True)
        assert "permessage-deflate" in raw.headers
        packer = zlib.compressobj(wbits=-15)
        bomb = packer.compress(b'{"type":"ping","x":"' + b"a" * (20 << 20) + b'"}')
        bomb += packer.flush(zlib.Z_SYNC_FLUSH)
        assert len(bomb) < 64_000
        before = psutil.Process(server.pid).memory_info().rss
        await raw.send(bomb[:-4], first_byte=0xC1)
        assert await raw.closed_with() in (1009, 4413, None)
        assert psutil.Process(server.pid).memory_info().rss - before < 32 << 20
        await raw.close()


@pytest.mark.parametrize(
    "payload",
    [b"\xff\xfe", b'{"type":"\xc3\x28"}', b"\xed\xa0\x80"],
    ids=["bom", "bad", "surrogate"],
)
async def test_row_35_bad_utf_8(site: Site, payload: bytes) -> None:
    raw = await greet(site)
    await raw.send(payload)
    assert await raw.closed_with() in (1007, 4400, None)
    await raw.close()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000,
        '{"type":' * 6_000,
        '{"type":"ping","n":' + "9" * 5_000 + "}",
        '{"type":"ping","n":1e400}',
        '{"type":"ping","n":NaN}',
        '{"a":' * 1_000 + "1" + "}" * 1_000,
    ],
    ids=["brackets", "objects", "digits", "1e400", "nan", "deep"],
)
async def test_row_36_absurd_json_is_answered(site: Site, text: str) -> None:
    client = await site.connect("mallory")
    await client.send_raw(text)
    try:
        assert (await client.expect("error"))["code"] == "invalid"
    except NotReceived:
        assert client.close_code == 4400


async def test_row_43_only_hello_comes_before_hello(site: Site) -> None:
    raw = await dial(site.url)
    create = {"urlId": site.page, "broadcastId": op.new_id(), **op.create_chat()}
    await raw.send(json.dumps(create).encode())
    await raw.send(json.dumps({"type": "hello", "token": site.token("mallory")}).encode())
    assert await raw.closed_with() == 4400
    await raw.close()
    assert (await site.http().chats(site.page))["chats"] == []


@pytest.mark.parametrize("kind", ["ping", "pong"])
async def test_row_44_a_flood_of_pings_and_pongs_is_cut(site: Site, kind: str) -> None:
    raw = await greet(site)
    frame = json.dumps({"type": kind, "n": 1}).encode()

    async def flood() -> None:
        for _ in range(100_000):
            await raw.send(frame)

    task = asyncio.create_task(flood())
    assert await raw.closed_with() in (4529, 4509, None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await raw.close()


async def test_row_47_the_51st_connection_of_a_user_is_one_too_many(site: Site) -> None:
    for _ in range(50):
        await site.connect("many")
    client = await site.open()
    await client.send({"type": "hello", "token": site.token("many")})
    await client.expect_close(4529)


async def test_row_51_the_129th_page_is_one_too_many(site: Site) -> None:
    client = await site.connect("reader")
    for number in range(128):
        await client.subscribe(f"{site.page}-{number}")
    await client.send({"type": "subscribe", "urlId": f"{site.page}-128"})
    assert (await client.expect("error"))["code"] == "too-many"
    await client.send({"type": "unsubscribe", "urlId": f"{site.page}-0"})
    await client.expect("unsubscribed")
    await client.subscribe(f"{site.page}-128")
