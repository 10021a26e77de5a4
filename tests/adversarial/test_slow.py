"""Who sends or reads slowly on purpose, on a server of their own with short deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from collabchat_asgi.testing import ServerProcess
from collabchat_asgi.testing import operations as op
from tests.blackbox.conftest import HASTY, Site, eventually, serve
from tests.blackbox.servers import shown

from .raw import Raw, dial, greet

pytestmark = pytest.mark.usefixtures("neighbour")

SHORT = {**HASTY, "hello_seconds": 2.0, "send_seconds": 2.0, "slow_seconds": 2.0}
READERS = 10
BODY = "界" * 1_900
RING = 300
"""Events of 6 kB that fill the megabyte which a page keeps."""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    storage = f"sqlite:///{tmp_path_factory.mktemp('slow')}/collabchat.db"
    quick = {
        "frames_per_10_seconds": 100_000,
        "comments_per_minute": 100_000,
        "operations_per_second": 10_000,
    }
    with serve(storage, SHORT, **quick) as process:
        yield process


@pytest.fixture(scope="module")
def server(process: ServerProcess) -> str:
    return process.url


async def trickle(raw: Raw, kind: str) -> None:
    """A byte a second, for ever. Here slowness is the attack: nothing waits for these pauses."""
    frame = b'{"type":"ping","n":' + b" " * 60_000 + b"1}"
    head = bytes([0x81, 0x80 | 126]) + len(frame).to_bytes(2, "big") + bytes(4)
    with contextlib.suppress(ConnectionError):
        if kind == "one frame":
            raw.writer.write(head)
        for number, byte in enumerate(frame):
            if kind == "one frame":
                raw.writer.write(bytes([byte]))
                await raw.writer.drain()
            else:
                await raw.send(bytes([byte]), first_byte=0x00 if number else 0x01)
            await asyncio.sleep(1)


@pytest.mark.parametrize("kind", ["one frame", "fragments"])
@pytest.mark.parametrize("said", ["nothing", "hello"])
async def test_row_33_a_byte_a_second_is_silence(site: Site, kind: str, said: str) -> None:
    raw = await (greet(site) if said == "hello" else dial(site.url))
    slow = asyncio.create_task(trickle(raw, kind))
    assert await raw.closed_with() == 4508
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await raw.close()


@pytest.mark.long
async def test_row_49_who_never_reads_is_evicted_and_costs_little(
    site: Site, process: ServerProcess
) -> None:
    """They talk all the time, so it is not silence that ends them."""
    server = psutil.Process(process.pid)
    ann, create = await site.join(), op.create_chat()
    chat, comments = create["chat"]["id"], [create["chat"]["comment"]["id"], op.new_id()]
    await ann.do(create)
    await ann.do(op.add_comment(chat, id=comments[1]))

    async def ten_events() -> None:
        """In turns: what lies between them keeps edits of one comment from merging."""
        for number in range(10):
            await ann.do(op.edit_comment(chat, comments[number % 2], f"{op.new_id()} {BODY}"))

    for _ in range(RING // 10):
        await ten_events()
    memory, files, connections = server.memory_info().rss, server.num_fds(), await open_in(site)

    deaf = [await never_reads(site, f"deaf-{number}") for number in range(READERS)]
    assert await open_in(site) == connections + READERS
    grown = 0

    async def evicted() -> bool:
        nonlocal grown
        for raw in deaf:
            with contextlib.suppress(ConnectionError):
                await raw.say({"type": "pong", "n": 1})
        await ten_events()
        grown = max(grown, server.memory_info().rss - memory)
        freed = server.num_fds() <= files or not shown.cuts
        return await open_in(site) == connections and freed

    await eventually(evicted, 30)
    print(f"\n{READERS} that never read: {grown / 2**20:.1f} MiB at most")
    assert grown < READERS * 2 << 20
    for raw in deaf:
        raw.writer.transport.abort()


async def test_who_reads_and_never_confirms_is_told_so(site: Site) -> None:
    """4509 says to come back and resume; a cut (1006) says nothing."""
    ann, mute, create = await site.join(), await site.join(), op.create_chat()
    mute.answers_pings = False
    comments = [create["chat"]["comment"]["id"], op.new_id()]
    await ann.do(create)
    await ann.do(op.add_comment(create["chat"]["id"], id=comments[1]))

    async def closed() -> bool:
        """It talks, so it is not silence that ends it."""
        if mute.close_code is None:
            with contextlib.suppress(ConnectionClosed):
                await mute.send({"type": "pong", "n": 1})
        return mute.close_code is not None

    for number in range(RING):
        body = f"{op.new_id()} {BODY}"
        await ann.do(op.edit_comment(create["chat"]["id"], comments[number % 2], body))
        await closed()

    await eventually(closed, 30)
    reason = await mute.expect_close(4509)
    assert reason == ("too slow a reader" if shown.reasons else "")


async def never_reads(site: Site, name: str) -> Raw:
    raw = await greet(site, name)
    raw.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert '"welcome"' in await raw.text()
    raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await raw.say({"type": "subscribe", "urlId": site.page})
    return raw


async def open_in(site: Site) -> int:
    return int((await site.http().get("health")).json()["connections"])
