"""Usage of many tenants and of long outages: bounded parts, nothing lost, nothing twice, and nobody
who fails holds up anybody else."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

import pytest

from collabchat_asgi import UsageReport
from collabchat_asgi.core.usage import add
from collabchat_asgi.engine.measuring import backlog, meter
from collabchat_asgi.engine.measuring.backlog import Backlog, Key
from collabchat_asgi.errors import StorageUnavailable
from collabchat_asgi.storage.abc import UsageDelta
from collabchat_asgi.testing.operations import create_chat

from .conftest import Start
from .harness import Billing, TroubledStorage, turns, until

DAY = "2026-11-28"
ALL = ("0000-00-00", "9999-99-99")
Row = tuple[int, Key, dict[str, int]]


def make(serial: int, key: Key, counters: dict[str, int]) -> Row:
    return serial, key, counters


class Taker:
    """Knows numbers, so that what comes twice counts once."""

    def __init__(self) -> None:
        self.parts: list[int] = []
        self.taken: dict[int, Row] = {}
        self.most = 10**9
        """Rows that it can take in its time."""
        self.away = False
        self.bad: set[str] = set()
        """Tenants that it never takes."""
        self.loses_answers = 0

    async def __call__(self, rows: list[Row]) -> None:
        self.parts.append(len(rows))
        if self.away or len(rows) > self.most or any(row[1].tenant_id in self.bad for row in rows):
            raise StorageUnavailable("as the test wants it")
        for row in rows:
            assert self.taken.setdefault(row[0], row) == row, "another row with the same number"
        if self.loses_answers:
            self.loses_answers -= 1
            raise StorageUnavailable("taken, and the answer got lost")

    @property
    def sums(self) -> dict[Key, int]:
        sums: Counter[Key] = Counter()
        for _, key, counters in self.taken.values():
            sums[key] += counters["operationCount"]
        return dict(sums)


def waiting(taker: Taker, tenants: int, part: int = 100) -> Backlog[Row]:
    waits = Backlog(make, taker, part)
    for number in range(tenants):
        waits.add(Key(f"t{number}", "", DAY), {"operationCount": 1})
    return waits


async def flush(waits: Backlog[Row], times: int = 1) -> None:
    for _ in range(times):
        try:
            await waits.flush()
        except StorageUnavailable:
            continue


def once_each(tenants: int, but: int = 0) -> dict[Key, int]:
    return {Key(f"t{number}", "", DAY): 1 for number in range(but, tenants)}


async def test_parts_are_bounded() -> None:
    taker = Taker()
    waits = waiting(taker, 1_050)
    await waits.flush()
    assert max(taker.parts) == 100
    assert taker.sums == once_each(1_050)
    assert len(waits) == 0


async def test_a_taker_that_is_slow_gets_as_much_as_it_takes() -> None:
    """A database far away: 500 rows do not end in its time, 30 do."""
    taker = Taker()
    taker.most = 30
    waits = waiting(taker, 2_000, part=500)
    await flush(waits)
    assert taker.sums == once_each(2_000)
    for number in range(40):
        waits.add(Key("later", f"page-{number}", DAY), {"operationCount": 1})
    await flush(waits)
    assert len(taker.sums) == 2_040


async def test_one_bad_row_holds_up_nobody() -> None:
    taker = Taker()
    taker.bad = {"t0", "t1", "t2"}
    waits = waiting(taker, 1_000)
    await flush(waits, 2)
    assert taker.sums == once_each(1_000, but=3)
    assert len(waits) == 3
    waits.add(Key("new", "", DAY), {"operationCount": 1})
    await flush(waits, 2)
    assert Key("new", "", DAY) in taker.sums
    taker.bad = set()
    await flush(waits)
    assert len(taker.sums) == 1_001


async def test_a_lost_answer_counts_once() -> None:
    taker = Taker()
    waits = waiting(taker, 250)
    for _ in range(5):
        taker.loses_answers = 2
        await flush(waits)
        waits.add(Key("t0", "", DAY), {"operationCount": 1})
    await flush(waits, 3)
    assert taker.sums == once_each(250) | {Key("t0", "", DAY): 6}


async def test_an_outage_of_hours_is_a_row_for_each_tenant_and_day() -> None:
    taker = Taker()
    taker.away = True
    waits = waiting(taker, 60)
    for _ in range(360):
        for number in range(60):
            waits.add(Key(f"t{number}", "", DAY), {"operationCount": 1})
        await flush(waits)
    assert len(waits) <= 60 + backlog.MAX_NUMBERED + 100
    assert len(taker.parts) <= backlog.FAILURES_IN_A_ROW * 360, (
        "so many failures in a row end a flush"
    )
    taker.away = False
    await flush(waits, 3)
    assert len(waits) == 0
    assert taker.sums == dict.fromkeys(once_each(60), 361)


async def test_what_is_numbered_is_bounded() -> None:
    """Only what was handed over keeps its number; the rest is added up meanwhile."""
    taker = Taker()
    taker.away = True
    waits = waiting(taker, 10_000, part=500)
    await flush(waits, 100)
    assert waits._kept < backlog.MAX_NUMBERED + 500
    assert len(waits) == 10_000


async def test_pages_beyond_the_limit_count_for_their_tenant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "MAX_PAGE_ROWS", 10)
    taker = Taker()
    waits = Backlog(make, taker, 100)
    for _ in range(2):
        for number in range(30):
            waits.add(Key("acme", f"page-{number}", DAY), {"operationCount": 1})
    await waits.flush()
    assert len(taker.sums) == 11
    assert taker.sums[Key("acme", "", DAY)] == 40
    assert sum(taker.sums.values()) == 60


async def test_a_flush_that_is_cancelled_loses_nothing() -> None:
    taker = Taker()
    waits = waiting(taker, 250)
    hangs, take = asyncio.Event(), waits._take

    async def hang(rows: list[Row]) -> None:
        await take(rows)
        await hangs.wait()

    waits._take = hang
    task = asyncio.create_task(waits.flush())
    await until(lambda: taker.parts)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(waits) == 250
    waits._take = take
    await waits.flush()
    assert taker.sums == once_each(250)


# in a process


class SlowStorage(TroubledStorage):
    """Takes so many deltas in its time."""

    most = 100

    async def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        if len(deltas) > self.most:
            raise StorageUnavailable("too many at once")
        await super().add_usage(deltas)


def count(server_meter: meter.Meter, tenants: int) -> None:
    for number in range(tenants):
        server_meter._add(Key(f"t{number}", "", DAY), {"operationCount": 1})


async def test_a_hanging_bill_does_not_hold_up_the_storage(start: Start) -> None:
    storage, hangs = TroubledStorage(), asyncio.Event()

    async def bill(reports: Sequence[UsageReport]) -> None:
        await hangs.wait()

    server = await start(storage, on_usage=bill)
    count(server.services.meter, 3)
    report = asyncio.create_task(server.services.meter.report())
    await turns()
    await server.services.meter.store()
    assert server.services.meter.waiting() == {"unstored": 0, "unreported": 3}
    count(server.services.meter, 3)
    await server.services.meter.store()
    [row] = await storage.usage("t0", *ALL)
    assert row.counters == {"operationCount": 2}
    hangs.set()
    await report


async def test_the_backlog_is_seen(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """In `health` and in the log, with its count; and its end is said too."""
    billing = Billing()
    server = await start(on_usage=billing)
    count(server.services.meter, 7)
    billing.fails = backlog.FAILURES_IN_A_ROW
    await server.services.meter.report()
    healthy, report = server.running.numbers.health()
    assert healthy
    assert report["usage"] == {"unstored": 7, "unreported": 7}
    assert "usage: on_usage does not take it" in str(report["reasons"])
    assert "failed to be reported to on_usage, 7 rows are kept" in caplog.text
    await server.services.meter.report()
    assert "usage is reported to on_usage again" in caplog.text
    assert "usage: on_usage" not in str(server.running.numbers.health()[1]["reasons"])
    assert billing.total["operationCount"] == 7


async def test_each_report_is_given_the_whole_time_with_a_hundred(start: Start) -> None:
    billing, sizes = Billing(), list[int]()

    async def bill(reports: Sequence[UsageReport]) -> None:
        sizes.append(len(reports))
        await billing(reports)

    server = await start(on_usage=bill)
    count(server.services.meter, 1_000)
    await server.services.meter.report()
    assert max(sizes) == meter.REPORTS_PER_CALL
    assert billing.total["operationCount"] == 1_000


async def test_thousands_of_tenants_are_stored(start: Start) -> None:
    storage = SlowStorage()
    server = await start(storage)
    count(server.services.meter, 5_000)
    await server.services.meter.store()
    assert server.services.meter.waiting()["unstored"] == 0
    rows = [await storage.usage(f"t{number}", *ALL) for number in range(0, 5_000, 97)]
    assert all(row.counters == {"operationCount": 1} for [row] in rows)


async def test_a_stop_stores_what_was_under_way(start: Start) -> None:
    """An operation that is being committed when the process is told to stop is counted too."""
    storage, billing = TroubledStorage(), Billing()
    server = await start(storage, on_usage=billing)
    ann = await server.join("ann")
    gate = storage.hold("commit")
    ann.operate(create_chat())
    await until(lambda: gate.waiting)
    stop = asyncio.create_task(server.stop())
    await turns()
    gate.open()
    await stop
    server.dead = True
    [row] = await storage.usage("acme", *ALL)
    assert row.counters["operationCount"] == 1
    assert +billing.total == row.counters


async def test_a_stop_says_what_is_lost_and_ends(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(meter, "LAST_FLUSH_SECONDS", 0.05)
    storage, billing = TroubledStorage(), Billing()
    billing.fails = 1_000
    server = await start(storage, on_usage=billing)
    count(server.services.meter, 3)
    gate = storage.hold("add_usage")
    with caplog.at_level(logging.ERROR, "collabchat_asgi.usage"):
        await server.stop()
    server.dead = True
    assert "usage failed to be stored before the end, and is lost: 3 counts" in caplog.text
    assert "3 reports are lost" in caplog.text
    gate.open()


def test_rows_add_up() -> None:
    into = {"operationCount": 1}
    add(into, {"operationCount": 2, "chatCreateCount": 1})
    assert into == {"operationCount": 3, "chatCreateCount": 1}
