"""PROTOCOL section 7: every frame is counted once, and nothing else is."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collabchat_asgi.testing import SocketClient
from collabchat_asgi.testing import operations as op

from .conftest import Site, eventually

Counts = dict[str, int]
COUNTED = ("events", "presence", "typing")


@pytest.fixture
def site(site: Site) -> Site:
    """A tenant of one's own: its bill is this test's."""
    site.tenant = f"tenant-{uuid.uuid4()}"
    return site


async def usage(site: Site) -> Counts:
    """What has been flushed about the tenant, all days and pages together."""
    today = datetime.now(UTC).date()
    days = {"from": str(today - timedelta(days=1)), "to": str(today)}
    http = site.http("boss", "admin")
    response = await http.get("v1/usage", headers=None, tenantId=site.tenant, **days)
    total: Counter[str] = Counter()
    for row in response.json()["rows"]:
        assert row["tenantId"] == site.tenant
        total.update({k: v for k, v in row.items() if isinstance(v, int)})
    return dict(total)


async def billed(site: Site, **expected: int) -> None:
    """The flush is the server's own timer; whatever it has flushed never exceeds the truth."""
    seen: Counts = {}

    async def settled() -> bool:
        seen.update(await usage(site))
        wrong = {k: (seen.get(k, 0), v) for k, v in expected.items() if seen.get(k, 0) > v}
        assert wrong == {}, "counted more than was sent"
        return all(seen.get(k, 0) == v for k, v in expected.items())

    try:
        await eventually(settled)
    except TimeoutError:
        raise AssertionError(f"expected {expected}, counted {seen}") from None


async def leave(*clients: SocketClient) -> None:
    for client in clients:
        await client.close()


def frames(*clients: SocketClient) -> int:
    return sum(client.received[kind] for client in clients for kind in COUNTED)


def weight(*clients: SocketClient) -> int:
    return sum(client.received_bytes[kind] for client in clients for kind in COUNTED)


async def test_messages_and_bytes_are_what_clients_counted(site: Site) -> None:
    ann, create = await site.join(), op.create_chat()
    await ann.do(create)
    await ann.do(op.add_comment(create["chat"]["id"]))
    await ann.expect_event(seq=2)
    await leave(ann)
    operations = ann.sent_bytes["create-chat"] + ann.sent_bytes["add-comment"]
    await billed(
        site,
        pubSubMessageCount=frames(ann) + 2,
        pubSubBandwidth=weight(ann) + operations,
        operationCount=2,
        chatCreateCount=1,
        commentCreateCount=2,
        eventDeliveryCount=2,
    )


async def test_every_viewer_of_a_frame_is_one_delivery(site: Site) -> None:
    ann, bob, eve = [await site.join(name) for name in ("ann", "bob", "eve")]
    await ann.do(op.create_chat())
    for client in (ann, bob, eve):
        await client.expect_event(seq=1)
    await leave(eve, bob, ann)
    await billed(site, eventDeliveryCount=3, operationCount=1)


async def test_a_replay_counts_its_numbers(site: Site) -> None:
    ann = await site.connect()
    for _ in range(4):
        await ann.do(op.create_chat(), site.page)
    bob = await site.join("bob", since={"epoch": "", "seq": 0})
    await bob.until_position(site.page, 4)
    await leave(ann, bob)
    await billed(site, eventDeliveryCount=4, operationCount=4)


async def test_a_retry_is_free(site: Site) -> None:
    ann, create = await site.connect(), op.create_chat()
    for _ in range(3):
        await ann.do(create, site.page)
    await leave(ann)
    await billed(
        site,
        operationCount=1,
        chatCreateCount=1,
        pubSubMessageCount=1,
        pubSubBandwidth=ann.sent_bytes["create-chat"] // 3,
    )


async def test_what_is_refused_is_free_and_what_changes_nothing_is_not(site: Site) -> None:
    ann, create = await site.connect(), op.create_chat()
    await ann.do(create, site.page)
    await ann.refused(op.resolve_chat(op.new_id()), site.page)
    await ann.do(op.reopen_chat(create["chat"]["id"]), site.page)
    await leave(ann)
    await billed(site, operationCount=2, pubSubMessageCount=2)


async def test_an_operation_over_http_counts_as_received(site: Site) -> None:
    await site.http().operate(site.page, op.create_chat())
    await billed(site, operationCount=1, chatCreateCount=1, pubSubMessageCount=1)


async def test_snapshots_acks_and_pings_are_free(site: Site) -> None:
    ann = await site.connect()
    await ann.do(op.create_chat(), site.page)
    await ann.ping()
    await ann.send({"type": "subscribe", "urlId": site.page})
    await ann.expect("snapshot")
    await ann.expect("presence")  # by the server's timer: under way when she leaves, it would count
    await leave(ann)
    await billed(site, pubSubMessageCount=frames(ann) + 1, eventDeliveryCount=0)


async def test_connected_time_is_counted(site: Site) -> None:
    ann = await site.connect()
    await ann.ping()

    async def counted() -> bool:
        return (await usage(site)).get("connectionSeconds", 0) >= 1

    await eventually(counted)


# GET v1/usage


@pytest.mark.parametrize("role", ["reader", "commenter", "moderator"])
async def test_usage_is_for_admins(site: Site, role: str) -> None:
    day = str(datetime.now(UTC).date())
    http = site.http("ann", role)
    response = await http.get(
        "v1/usage", headers=None, tenantId=site.tenant, **{"from": day, "to": day}
    )
    assert (response.status, response.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("days", [{"from": "yesterday"}, {"from": "2025-02-30"}])
async def test_a_day_that_is_none_is_400(site: Site, days: dict[str, Any]) -> None:
    query = {"to": "2025-03-01", **days}
    http = site.http("boss", "admin")
    response = await http.get("v1/usage", headers=None, tenantId=site.tenant, **query)
    assert (response.status, response.json()["field"]) == (400, "from")


async def test_the_days_of_others_are_not_shown(site: Site) -> None:
    days = {"from": "2001-01-01", "to": "2001-01-02"}
    http = site.http("boss", "admin")
    response = await http.get("v1/usage", headers=None, tenantId=site.tenant, **days)
    assert response.json() == {"rows": []}
