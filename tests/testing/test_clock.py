"""Time stands still until it is moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from collabchat_asgi import CollabChat, ConnectRequest, Identity, Timing
from collabchat_asgi.auth import anonymous
from collabchat_asgi.testing import FakeClock, TestClient


def test_both_times_move_together() -> None:
    clock = FakeClock(now=10.0, epoch_ms=5_000)
    clock.advance(1.5)
    assert (clock.now(), clock.epoch_ms()) == (11.5, 6_500)


def test_only_the_wall_clock_can_go_back() -> None:
    clock = FakeClock(now=10.0, epoch_ms=5_000)
    clock.skew(-3_000)
    assert (clock.now(), clock.epoch_ms()) == (10.0, 2_000)
    with pytest.raises(ValueError, match="monotonic"):
        clock.advance(-1)


def test_the_host_reads_the_same_wall_clock() -> None:
    clock = FakeClock(epoch_ms=1_750_031_990_000)
    assert clock.utc() == datetime(2025, 6, 15, 23, 59, 50, tzinfo=UTC)
    clock.advance(10)
    assert clock.utc().isoformat() == "2025-06-16T00:00:00+00:00"
    clock.skew(-1_000)
    assert clock.utc().second == 59


async def test_it_ends_what_the_host_let_end_by_it() -> None:
    clock = FakeClock()
    ends = clock.utc() + timedelta(minutes=15)

    def authenticate(request: ConnectRequest) -> Identity:
        return Identity("ann", tenants={"acme": "commenter"}, expires_at=ends)

    collab = CollabChat(authenticate=authenticate, storage="memory://", clock=clock)
    async with TestClient(collab) as client:
        ann = await client.connect()
        assert ann.welcome["expiresInMs"] == 900_000
        clock.advance(901)
        await ann.expect_close(4401)


async def test_sleepers_wake_in_the_order_of_their_alarms() -> None:
    clock, woken = FakeClock(), list[int]()

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2)]
    await asyncio.sleep(0)
    clock.advance(2)
    await asyncio.gather(tasks[1], tasks[2])
    assert woken == [1, 2]
    clock.advance(1)
    await tasks[0]
    assert woken == [1, 2, 3]


async def test_it_is_the_clock_of_an_application() -> None:
    """What an application does by itself waits until the test says so."""
    clock = FakeClock()
    collab = CollabChat(authenticate=anonymous(), storage="memory://", clock=clock)
    async with TestClient(collab) as client:
        ann = await client.connect(visitor_id="v" * 32)
        await ann.ping()
        assert not ann.of("ping")
        clock.advance(Timing().ping_seconds)
        await ann.expect("ping")
