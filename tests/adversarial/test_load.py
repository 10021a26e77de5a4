"""Section E of the list: much of everything, on a server of its own that tells what it holds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from collabchat_asgi.testing import ServerProcess, SocketClient
from collabchat_asgi.testing import operations as op
from tests.blackbox.conftest import BRISK, ROOT, Site, eventually

from .raw import dial, greet

pytestmark = pytest.mark.usefixtures("neighbour")

LONG = bool(os.environ.get("TESTS_LONG"))
VISITS = 10_000 if LONG and "BLACKBOX_SERVER" not in os.environ else 1_000
"""Ten times as many where the list stands; another server has a thousand of them."""
HALF_OPEN = 5_000 if LONG else 1_000
CROWD = 100
EVENTS = 60
PATIENT = 30.0
"""The deadline of the honest: all of this runs on one busy machine."""

Held = dict[str, int]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    env = {
        "COLLABCHAT_STORAGE": f"sqlite:///{tmp_path_factory.mktemp('load')}/collabchat.db",
        "BLACKBOX_TIMING": json.dumps({**BRISK, "sweep_seconds": 0.5, "slow_seconds": 5.0}),
        "BLACKBOX_LIMITS": json.dumps({"comments_per_minute": 1_000}),
    }
    with ServerProcess("tests.adversarial.app:app", env=env, directory=ROOT) as process:
        yield process.url


async def held(site: Site) -> Held:
    """What the process holds. The host answers this, so it also shows that the host answers."""
    told: Held = (await site.http(url=site.url.removesuffix("/collabchat")).get("held")).json()
    return told


async def until_held(site: Site, before: Held) -> None:
    """Timers of the server let go of people who left; nothing may stay beyond that."""
    now: Held = {}

    async def back() -> bool:
        now.update(await held(site))
        return all(now[what] <= before[what] for what in before)

    try:
        await eventually(back, PATIENT)
    except TimeoutError:
        raise AssertionError(f"held before {before}, and still {now}") from None


async def talks(site: Site, events: int) -> list[float]:
    """Somebody comments, a comment after the other; returns how long each took to all `CROWD`."""
    loop = asyncio.get_running_loop()
    writers = [await site.join(f"writer-{n}", deadline=PATIENT) for n in range(5)]
    readers = await asyncio.gather(
        *(site.join(f"reader-{n % 20}", deadline=PATIENT) for n in range(CROWD))
    )
    create = op.create_chat()
    await writers[0].do(create)
    said: list[float] = []

    async def reads(reader: SocketClient) -> list[float]:
        delays = []
        for number in range(events):
            event = await reader.expect_event("updated-text-chat")
            assert event["comment"]["body"] == str(number)
            delays.append(loop.time() - said[number])
        return delays

    reading = asyncio.gather(*map(reads, readers))
    for number in range(events):
        said.append(loop.time())
        await writers[number % 5].do(op.add_comment(create["chat"]["id"], str(number)))
    delays = [delay for one in await reading for delay in one]
    assert len(delays) == CROWD * events
    await asyncio.gather(*(client.close() for client in [*readers, *writers]))
    return delays


def p99(delays: list[float]) -> str:
    return f"{sorted(delays)[int(len(delays) * 0.99)] * 1000:.0f} ms"


# Those who mean harm. Each goes on until it is cancelled.


async def never_reads(site: Site) -> None:
    async with await greet(site, f"deaf-{random.randrange(10)}") as raw:
        raw.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await raw.say({"type": "subscribe", "urlId": site.page})
        await asyncio.Event().wait()


async def says_nothing(site: Site) -> None:
    async with await dial(site.url) as raw:
        await raw.closed_with()


async def lies(site: Site) -> None:
    async with await dial(site.url) as raw:
        await raw.say({"type": "hello", "token": "nobody"})
        await raw.closed_with()


async def babbles(site: Site) -> None:
    async with await greet(site, f"babbler-{random.randrange(10)}") as raw:
        for _ in range(30):
            await raw.send(random.randbytes(500), opcode=random.choice([1, 2]))
        await raw.closed_with()


async def floods(site: Site) -> None:
    async with await greet(site, f"flooder-{random.randrange(10)}") as raw:
        for number in range(300):
            page = f"{site.page}-{number % 9}"
            frames = {"type": "ping"}, {"type": "subscribe", "urlId": page}, op.create_chat()
            await raw.say({"urlId": page, **frames[number % 3]})
        await raw.closed_with()


HOSTILE: list[Callable[[Site], Awaitable[None]]] = [
    never_reads, says_nothing, lies, babbles, floods,
]  # fmt: skip


async def for_ever(what: Callable[[Site], Awaitable[None]], site: Site) -> None:
    """Each comes back twice a second: the pause is the rate of the attack, nothing waits for it."""
    while True:
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            await what(site)
        await asyncio.sleep(0.5)


async def test_row_46_two_hundred_frames_a_second_are_cut(site: Site) -> None:
    """Faster than that, in fact. `rate-limited` is heard first, then it is the end."""
    bob, carol = await site.join("bob"), await site.join("carol")
    create = op.create_chat()
    await carol.do(create)
    mallory = await site.connect("mallory")

    async def flood() -> None:
        def spam() -> Json:
            return op.add_comment(create["chat"]["id"], "spam")

        for _ in range(100):
            answer = await mallory.ask(spam(), site.page)
            if answer["type"] == "error":
                break
        refused.set_result(answer["code"])
        for _ in range(400):
            await mallory.say(spam(), site.page)

    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    flooding = asyncio.create_task(flood())
    for number in range(10):
        await carol.do(op.add_comment(create["chat"]["id"], f"honest {number}"))
    with contextlib.suppress(ConnectionClosed):
        await flooding
    await mallory.expect_close(4529)
    assert await refused == "rate-limited"
    honest = [f"honest {number}" for number in range(10)]
    heard: list[str] = []
    while len(heard) < len(honest):
        event = await bob.expect_event("updated-text-chat")
        if event["user"]["id"] == site.user("carol"):
            heard.append(event["comment"]["body"])
    assert heard == honest


async def test_row_48_half_open_handshakes_do_not_slow_the_host(site: Site) -> None:
    """uvicorn has no deadline for them (the README says: put a proxy in front)."""
    before = await held(site)
    port = int(site.url.split(":")[2].split("/")[0])
    half = b"GET /collabchat/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(HALF_OPEN)]
    for _, writer in opened:
        writer.write(half)
    loop = asyncio.get_running_loop()
    delays = []
    for _ in range(50):
        asked = loop.time()
        assert (await site.http().get("health")).status == 200
        delays.append(loop.time() - asked)
    print(f"\n{HALF_OPEN} half-open handshakes: health answers in {p99(delays)} (p99)")
    # None of them has a task; what the server does by itself now and then may have one.
    await until_held(site, {"tasks": before["tasks"]})
    for _, writer in opened:
        writer.close()
    await until_held(site, before)


@pytest.mark.long
async def test_row_50_a_hundred_hostile_and_a_hundred_honest(site: Site) -> None:
    alone = await talks(site, EVENTS)
    attacks = [
        asyncio.create_task(for_ever(what, site)) for what in HOSTILE for _ in range(CROWD // 5)
    ]
    beside = await talks(site, EVENTS)
    assert not any(attack.done() for attack in attacks), [a for a in attacks if a.done()]
    for attack in attacks:
        attack.cancel()
    await asyncio.gather(*attacks, return_exceptions=True)
    print(f"\n{CROWD} honest alone: p99 {p99(alone)}; beside {CROWD} hostile: p99 {p99(beside)}")


@pytest.mark.long
async def test_row_52_a_thousand_visits_leave_nothing(site: Site) -> None:
    async def visits(number: int) -> None:
        for visit in range(VISITS // 20):
            who = f"visitor-{number}-{visit % 10}"
            client = await SocketClient.connect(
                site.url, token=site.token(who), tenant="acme", deadline=PATIENT
            )
            await client.subscribe(site.page)
            if visit % 3 == 0:
                client.abort()
            elif visit % 3 == 1:
                await client.send({"type": "unsubscribe", "urlId": site.page})
            await client.close()

    before = await held(site)
    await asyncio.gather(*(visits(number) for number in range(20)))
    await until_held(site, before)
