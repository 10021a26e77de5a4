"""What the engine forgets in the background, and what it promises to keep (PROTOCOL section 2):
the log for its limits, whichever is more; what was committed for `dedupeMs`, and as long as it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collabchat_asgi import CollabChat, Limits, Timing
from collabchat_asgi.auth import anonymous
from collabchat_asgi.core.model import PageKey
from collabchat_asgi.core.text import anonymous_id
from collabchat_asgi.engine.erasing import retention
from collabchat_asgi.errors import ConfigError, Refused, StorageUnavailable
from collabchat_asgi.pubsub.memory import MemoryPubSub
from collabchat_asgi.storage.abc import ReadBy
from collabchat_asgi.storage.sqlite import SqliteStorage
from collabchat_asgi.testing import FakeClock
from collabchat_asgi.testing.operations import add_comment, create_chat, resolve_chat

from .conftest import ANN, PAGES, Json

PAGE = PAGES[0]
DAY = 86_400.0
ROUND = retention.PAUSE_SECONDS
"""Seconds between two rounds of housekeeping."""
KEPT = 3


class Clock(FakeClock):
    """Tells when the housekeeping sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.rests = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds in (retention.FIRST_SECONDS, ROUND):
            self.rests.set()
        await super().sleep(seconds)


class Host:
    """An app whose time is the test's."""

    def __init__(self, path: Path, chat_days: Any = None, **timing: float) -> None:
        self.clock = clock = Clock()
        self.storage = SqliteStorage(path, clock=clock.now_ms, steady=clock.monotonic)
        self.app = CollabChat(
            authenticate=anonymous(),
            storage=self.storage,
            pubsub=MemoryPubSub(),
            limits=Limits(log_events=KEPT),
            timing=Timing(**timing),
            clock=clock,
            chat_days=chat_days,
        )

    async def do(self, *operations: Json, page: PageKey = PAGE) -> list[Json]:
        return [await self.app.submit(*page, one, identity=ANN) for one in operations]

    async def tidy(self) -> None:
        """A round of the background task that began after this call, from sleep to sleep: the first
        of the two may have begun when the clock was moved before."""
        async with asyncio.timeout(10):
            for _ in range(2):
                await self.clock.rests.wait()
                self.clock.rests.clear()
                self.clock.advance(ROUND)
                await self.clock.rests.wait()

    async def goes_on(self) -> None:
        """Somebody writes elsewhere: nothing is old by a clock that no commit has seen."""
        await self.do(create_chat(), page=PAGES[2])

    async def first_kept(self) -> int:
        """The first number that the log still has."""
        copy = await self.storage.dump(PAGE)
        return copy.trimmed + 1


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "collabchat.db", log_days=7, dedupe_days=7)
    await host.app.start()
    yield host
    await host.app.close()


async def test_what_is_young_stays(host: Host) -> None:
    await host.do(*(create_chat() for _ in range(10)))
    host.clock.advance(6.9 * DAY)
    await host.tidy()
    assert await host.first_kept() == 1


async def test_what_is_old_goes_but_for_the_newest(host: Host) -> None:
    acks = await host.do(*(create_chat() for _ in range(10)))
    host.clock.advance(7.1 * DAY)
    await host.do(create_chat(), page=PAGES[1])
    await host.tidy()
    assert await host.first_kept() == 10 - KEPT + 1
    assert (await host.storage.dump(PAGES[1])).trimmed == 0
    with pytest.raises(Refused, match="truncated"):
        await host.app.events(*PAGE, epoch=acks[0]["epoch"], after=1)
    told = await host.app.events(*PAGE, epoch=acks[0]["epoch"], after=10 - KEPT)
    assert [event["seq"] for event in told["events"]] == [8, 9, 10]
    assert len((await host.app.snapshot(*PAGE))["chats"]) == 10


async def test_the_young_end_of_an_old_page_stays_whole(host: Host) -> None:
    await host.do(*(create_chat() for _ in range(5)))
    host.clock.advance(7.1 * DAY)
    await host.do(*(create_chat() for _ in range(5)))
    await host.tidy()
    assert await host.first_kept() == 6


async def test_retries_are_known_for_as_long_as_was_promised(host: Host) -> None:
    operations = [create_chat() for _ in range(6)]
    note = resolve_chat(operations[0]["chat"]["id"])
    acks = await host.do(*operations, note, again := resolve_chat(note["chatId"]))
    for days in (1, 5.9):
        host.clock.advance(days * DAY)
        await host.tidy()
        assert await host.do(*operations, note, again) == acks
    host.clock.advance(0.2 * DAY)
    await host.goes_on()
    await host.tidy()
    last = len(operations) + 1
    known = {one.broadcast_id for one in (await host.storage.dump(PAGE)).kept}
    made = [*operations, note]
    assert known == {one["broadcastId"] for one in [*made[last - KEPT :], again]}
    assert await host.do(*made[last - KEPT :], again) == acks[last - KEPT :]


async def test_the_longer_promise_wins(tmp_path: Path) -> None:
    """Ids are kept for `dedupe_days` even where the log need not be kept for so long."""
    host = Host(tmp_path / "collabchat.db", log_days=1, dedupe_days=30)
    operations = [create_chat() for _ in range(10)]
    acks = await host.do(*operations)
    host.clock.advance(29 * DAY)
    await host.tidy()
    assert await host.do(*operations) == acks
    host.clock.advance(1.1 * DAY)
    await host.goes_on()
    await host.tidy()
    assert await host.first_kept() == 10 - KEPT + 1
    await host.app.close()


async def test_it_goes_on_after_a_failure(host: Host) -> None:
    """A storage that is away for a moment does not end the housekeeping."""
    await host.do(*(create_chat() for _ in range(5)))

    async def away(**_: int) -> int:
        raise StorageUnavailable("away, as the test wants it")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(host.storage, "trim", away)
        host.clock.advance(8 * DAY)
        await host.goes_on()
        await host.tidy()
    assert await host.first_kept() == 1
    await host.tidy()
    assert await host.first_kept() == 5 - KEPT + 1


async def test_chats_that_nobody_touches_go_after_their_days(tmp_path: Path) -> None:
    host = Host(tmp_path / "chats.db", chat_days={"acme": 30})
    await host.app.start()
    old, answered = create_chat("old"), create_chat("answered")
    await host.do(old, answered)
    await host.do(create_chat("of another tenant"), page=PAGES[2])
    host.clock.advance(29 * DAY)
    await host.do(add_comment(answered["chat"]["id"], "an answer"))
    await host.tidy()
    before = await host.app.snapshot(*PAGE)
    assert len(before["chats"]) == 2
    host.clock.advance(1.1 * DAY)
    await host.goes_on()
    await host.tidy()
    after = await host.app.snapshot(*PAGE)
    assert [chat["id"] for chat in after["chats"]] == [answered["chat"]["id"]]
    assert after["epoch"] == before["epoch"]
    told = await host.app.events(*PAGE, epoch=after["epoch"], after=before["seq"])
    assert [(one["type"], one["chatId"]) for one in told["events"]] == [  # type: ignore[typeddict-item]
        ("deleted-text-chat", old["chat"]["id"])
    ]
    assert len((await host.app.snapshot(*PAGES[2]))["chats"]) == 2
    await host.app.close()


@pytest.mark.parametrize("wrong", [0, -1, "soon", {"acme": 0}])
def test_days_that_are_none_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="chat_days"):
        CollabChat(authenticate=anonymous(), storage="memory://", chat_days=wrong)


async def test_visitors_who_never_come_again_leave_no_position(tmp_path: Path) -> None:
    host = Host(tmp_path / "collabchat.db", anonymous_read_days=30)
    names = ["ann", *(anonymous_id("acme", f"browser {n}") for n in range(3))]
    ann, gone, reads_on, late = (ReadBy(PAGE, name) for name in names)
    await host.app.start()
    await host.do(*(create_chat() for _ in range(2)))
    await host.storage.keep_read({ann: 1, gone: 1, reads_on: 1})
    host.clock.advance(20 * DAY)
    await host.do(create_chat())
    await host.storage.keep_read({reads_on: 2, late: 1})
    await host.tidy()
    assert len(await host.storage.read_up_to([ann, gone, reads_on, late])) == 4
    host.clock.advance(12 * DAY)
    await host.do(create_chat())
    await host.tidy()
    left = await host.storage.read_up_to([ann, gone, reads_on, late])
    assert left == {ann: 1, reads_on: 2, late: 1}
    await host.app.close()
