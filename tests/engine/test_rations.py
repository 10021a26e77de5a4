"""What one user, one address and one tenant may do, over four processes."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

import pytest

from collabchat_asgi import Limits
from collabchat_asgi.engine.writing.users import ADDRESS, TENANT
from collabchat_asgi.errors import Closed, Refused
from collabchat_asgi.testing.operations import create_chat, delete_comment, new_id

from .conftest import Start
from .harness import TENANT as ACME
from .harness import Client, Clock, Server, TroubledBus, TroubledStorage, settle, turns, until

FEW = Limits(comments_per_minute=20, connections_per_user=50, frames_per_10_seconds=1_000_000)


async def four(start: Start, clock: Clock, limits: Limits = FEW) -> list[Server]:
    """Processes that know each other."""
    bus, storage = new_id(), TroubledStorage()
    servers = [
        await start(TroubledStorage(storage.inner), TroubledBus(bus), clock=clock, limits=limits)
        for _ in range(4)
    ]
    for _ in range(5):
        clock.advance(1.1)
        for server in servers:
            server.tick()
        await turns(60)
    assert all(len(server.services.gossip.peers) >= 3 for server in servers)
    return servers


async def told(servers: list[Server]) -> None:
    """Until everybody knows what was spent."""
    await until(lambda: not any(server.services.users._untold for server in servers))
    await turns(60)


async def comments(
    servers: list[Server], tries: int, *names: str, address: str | None = None
) -> int:
    """How many of so many chats are taken, one after the other and everywhere in turn."""
    taken = 0
    for server, name in islice(zip(cycle(servers), cycle(names), strict=False), tries):
        try:
            await settle(server, create_chat(), name, address=address)
            taken += 1
        except Refused as refused:
            assert refused.code == "rate-limited", refused  # noqa: PT017
        await told(servers)
    return taken


async def test_a_user_has_one_allowance_everywhere(start: Start) -> None:
    clock = Clock()
    servers = await four(start, clock)
    assert await comments(servers, 60, "ann") == 20
    assert await comments(servers, 3, "bob") == 3
    clock.advance(6)
    assert await comments(servers, 12, "ann") == 2, "at the rate of one process"


async def test_a_burst_everywhere_at_once_is_paid_back(start: Start) -> None:
    """Nobody has heard of the others' share yet; afterwards nobody may go on."""
    clock = Clock()
    servers = await four(start, clock)
    clients = [await server.join("ann") for server in servers]
    sent = [(client, client.operate(create_chat())) for client in clients for _ in range(20)]
    for client, id in sent:
        assert (await client.answer(id))["type"] == "ack"
    await told(servers)
    for seconds, taken in ((60, 0), (60, 0), (60, 0), (6.1, 2)):
        clock.advance(seconds)
        assert await comments(servers, 8, "ann") == taken


async def test_retries_are_free_everywhere(start: Start) -> None:
    servers = await four(start, Clock())
    clients = [await server.join("ann") for server in servers]
    operation = {**create_chat(), "broadcastId": new_id()}
    for client in clients * 15:
        await client.do(operation)
        await told(servers)
    assert await comments(servers, 40, "ann") == 19


async def test_what_is_refused_costs_as_much(start: Start) -> None:
    servers = await four(start, Clock(), Limits(operations_per_second=5))
    codes = []
    for server in servers * 2:
        with pytest.raises(Refused) as refused:
            await settle(server, delete_comment(new_id(), new_id()))
        codes.append(refused.value.code)
        await told(servers)
    assert codes == ["not-found"] * 5 + ["rate-limited"] * 3


async def test_connections_of_a_user_are_counted_everywhere(start: Start) -> None:
    clock = Clock()
    servers = await four(start, clock)
    clients: list[Client] = []
    for server in islice(cycle(servers), 80):
        try:
            clients.append(server.connect("ann"))
        except Closed as closed:
            assert closed.code == 4529  # noqa: PT017
        await told(servers)
    assert len(clients) == 50
    for client in clients[:8]:
        client.leave()
    await told(servers)
    assert servers[0].connect("ann")
    await servers[1].die()
    clock.advance(41)
    for server in (servers[0], *servers[2:]):
        server.tick()
    now = clock.monotonic()
    here = servers[0].services.users.of(ACME, "ann")
    assert here.all_connections(now - 40) == here.connections, "the dead hold nothing for ever"


async def test_lost_hints_of_connections_are_told_again(start: Start) -> None:
    clock = Clock()
    servers = await four(start, clock)
    bus: Any = servers[0].bus
    bus.deaf = True
    for _ in range(30):
        servers[0].connect("ann")
    await told(servers)
    bus.deaf = False
    there = servers[1].services.users.of(ACME, "ann")
    assert there.all_connections(0) == 0
    clock.advance(16)
    servers[0].tick()
    await told(servers)
    assert there.all_connections(0) == 30


async def test_strangers_from_one_address_share(start: Start) -> None:
    """A new visitor id is a new user, and costs nothing."""
    servers = await four(start, Clock())
    strangers = [f"visitor-{number}" for number in range(61)]
    assert await comments(servers, 240, *strangers, address="203.0.113.7") == 200
    assert await comments(servers, 3, "visitor-x", address="203.0.113.8") == 3
    with pytest.raises(Refused, match="too many operations from this address"):
        await settle(servers[0], create_chat(), "visitor-y", address="203.0.113.7")


async def test_a_tenant_shares(start: Start) -> None:
    limits = Limits(comments_per_minute=20, comments_per_minute_per_tenant=30)
    servers = await four(start, Clock(), limits)
    assert await comments(servers, 60, "ann", "bob", "eve", "joe") == 30
    other = await servers[0].join("ann", tenant="globex")
    await other.do(create_chat())


async def test_reads_are_counted(start: Start) -> None:
    limits = Limits(reads_per_second=1)
    servers = await four(start, Clock(), limits)
    clients = [server.connect("ann") for server in servers]
    answers = []
    for client in islice(cycle(clients), 14):
        client.ask_for_page()
        answer = await client.take(lambda frame: frame["type"] in ("subscribed", "error"), "it")
        answers.append(answer.get("code", "subscribed"))
        await told(servers)
    assert answers == ["subscribed"] * 10 + ["rate-limited"] * 4


async def test_who_is_idle_is_forgotten(start: Start) -> None:
    clock = Clock()
    servers = await four(start, clock)
    await comments(servers[:1], 3, "ann", address="203.0.113.7")
    kinds = {one.kind for one in servers[1].services.users._users.values()}
    assert {TENANT, ADDRESS} <= kinds
    clock.advance(120)
    for server in servers:
        server.services.users.forget()
        assert server.services.users._users == {}
