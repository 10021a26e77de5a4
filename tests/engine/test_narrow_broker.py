"""What processes tell each other fits through the narrowest broker, PostgreSQL's NOTIFY."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collabchat_asgi import Limits
from collabchat_asgi.core.measures import Row
from collabchat_asgi.core.model import User
from collabchat_asgi.core.presence import person
from collabchat_asgi.engine.pages.page import Page
from collabchat_asgi.errors import PubSubError
from collabchat_asgi.pubsub.postgres_notify import MAX_PAYLOAD
from collabchat_asgi.testing.operations import new_id

from .conftest import Start
from .harness import PLENTY, Clock, Server, TroubledBus, TroubledStorage, turns, until


class Narrow(TroubledBus):
    max_payload = MAX_PAYLOAD

    async def publish(self, topic: str, payload: bytes) -> None:
        if len(payload) > MAX_PAYLOAD:
            raise PubSubError(f"a payload of {len(payload)} bytes")
        await super().publish(topic, payload)


async def pair_of(start: Start, limits: Limits, clock: Clock) -> tuple[Server, Server]:
    bus, storage = new_id(), TroubledStorage()
    one = await start(storage, Narrow(bus), clock=clock, limits=limits)
    two = await start(TroubledStorage(storage.inner), Narrow(bus), clock=clock, limits=limits)
    for server in (one, two):
        server.services.gossip.greet()
    await until(lambda: one.services.gossip.peers and two.services.gossip.peers, "peers")
    return one, two


def come(page: Page, first: int, last: int) -> None:
    for number in range(first, last):
        id = f"somebody-{number}"
        page.presence.join(person(id), User(id, f"The {number}th of {last}"))


@pytest.mark.parametrize(
    ("limits", "first", "then"),
    [
        (PLENTY, 1_500, 1_501),
        (PLENTY, 1, 651),
        (PLENTY, 1, 2_000),
        (replace(PLENTY, people_listed=500), 400, 401),
        (replace(PLENTY, people_listed=500), 1, 130),
    ],
)
async def test_many_who_come_in_one_instant_are_counted_elsewhere(
    start: Start, limits: Limits, first: int, then: int
) -> None:
    clock = Clock()
    one, two = await pair_of(start, limits, clock)
    await one.join("ann")
    await two.join("ann")
    await turns(60)
    pages = one.open_page(), two.open_page()
    for already, now in ((0, first), (first, then)):
        clock.advance(1.1)
        come(pages[0], already, now)
        one.services.gossip.changed(pages[0])
        await turns(100)
        assert pages[1].presence.counts()[0] == now + 1
    if limits.people_listed:
        assert len(pages[1].presence.listed(500) or ()) == then + 1
    assert one.services.counts.hints["failed"] == 0


async def test_numbers_of_any_length_are_answered(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await pair_of(start, PLENTY, Clock())
    rows: list[Row] = [("operations", [f"{number}", "x" * 40], [number]) for number in range(500)]
    monkeypatch.setattr(two.services.census, "_rows", lambda busiest: rows)
    told = await one.services.census.take(lambda: one.services.gossip.peers)
    assert told[two.services.run] == rows
