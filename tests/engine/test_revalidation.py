"""Who lost a permission loses it while connected (SCHEDULES H14)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collabchat_asgi import (
    AccessRequest,
    CollabChat,
    ConnectRequest,
    Denied,
    Identity,
    default_policy,
)
from collabchat_asgi.engine.people.revalidation import AT_ONCE, Revalidation
from collabchat_asgi.errors import CloseCode
from collabchat_asgi.testing import FakeClock, TestClient
from collabchat_asgi.testing.operations import create_chat, delete_chat

from .harness import PAGE, TENANT, TIMING, Client, Clock, Server, until

SOON = replace(TIMING, revalidate_seconds=1.0)


class Host:
    """What the host knows, and how often it was asked."""

    def __init__(self) -> None:
        self.role = "commenter"
        self.signed_in = True
        self.broken = False
        self.may_read = True
        self.asked = 0

    def authenticate(self, request: ConnectRequest) -> Identity:
        self.asked += 1
        if self.broken:
            raise RuntimeError("the session store is away")
        if not self.signed_in:
            raise Denied("signed out")
        return Identity("ann", tenants={TENANT: self.role})  # type: ignore[dict-item]

    def authorize(self, access: AccessRequest) -> bool:
        return default_policy(access) and (access.action != "read" or self.may_read)


async def serve(host: Host, clock: Clock) -> tuple[Server, Revalidation]:
    server = await Server.start(
        timing=SOON, clock=clock, authenticate=host.authenticate, authorize=host.authorize
    )
    return server, server.services.door.revalidation


async def ask(revalidation: Revalidation, clock: Clock) -> None:
    """Let the time pass after which everyone is asked about, and ask."""
    clock.advance(2.0)
    await revalidation.ask_due()


async def test_everyone_is_asked_about_once_a_period() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    for _ in range(5):
        await server.join()
    await revalidation.ask_due()
    assert host.asked == 0
    await ask(revalidation, clock)
    assert host.asked == 5
    await ask(revalidation, clock)
    assert host.asked == 10
    await server.stop()


async def test_who_has_gone_is_not_asked_about_and_not_kept() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    for _ in range(50):
        (await server.join()).leave()
    await ask(revalidation, clock)
    assert (host.asked, len(revalidation)) == (0, 0)
    await server.stop()


async def test_sixteen_at_a_time_and_one_that_hangs_holds_up_nobody() -> None:
    clock, gate = Clock(), asyncio.Event()
    asked: list[str] = []
    now = most = 0

    async def authenticate(request: ConnectRequest) -> Identity:
        nonlocal now, most
        asked.append(request.token or "")
        now += 1
        most = max(most, now)
        await (gate.wait() if request.token == "0" else asyncio.sleep(0))
        now -= 1
        return Identity("ann", tenants={TENANT: "reader"})

    server = await Server.start(timing=SOON, clock=clock, authenticate=authenticate)
    for number in range(50):
        server.connect(token=str(number))
    clock.advance(2.0)
    asking = asyncio.create_task(server.services.door.revalidation.ask_due())
    await until(lambda: len(asked) == 50, "all are asked about")
    assert most == AT_ONCE
    gate.set()
    await asking
    await server.stop()


async def test_who_signed_out_is_closed() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    clients = [await server.join() for _ in range(2)]
    host.signed_in = False
    await ask(revalidation, clock)
    assert [client.closed and client.closed[0] for client in clients] == [4401, 4401]
    await server.stop()


async def test_who_may_not_read_any_more_is_unsubscribed() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    client = await server.join()
    host.may_read = False
    await ask(revalidation, clock)
    await client.expect("unsubscribed", urlId=PAGE, reason="forbidden")
    assert not server.open_page().viewers
    await server.stop()


async def test_a_lesser_role_holds_from_then_on() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    client = await server.join()
    host.role = "reader"
    await ask(revalidation, clock)
    assert next(iter(server.open_page().viewers)).can == ()
    assert client.connection.identity.tenants == {TENANT: "reader"}
    await server.stop()


async def test_a_hook_that_fails_closes_nobody() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    client = await server.join()
    host.broken = True
    await ask(revalidation, clock)
    assert client.closed is None
    host.broken, host.signed_in = False, False
    await ask(revalidation, clock)
    await until(lambda: client.closed is not None)
    await server.stop()


@pytest.mark.parametrize("by", ["token", "header", "cookie", "query", "client", "visitor", "scope"])
async def test_an_answer_is_given_to_no_other_connection(by: str) -> None:
    """Whatever says who somebody is: a person with a key for reading and a moderator's has two
    roles, and each ends when it ends."""
    clock = Clock()
    ends = {"link": datetime.fromtimestamp(clock.now_ms() / 1000 + 30, UTC), "desk": None}
    roles = {"link": "reader", "desk": "moderator"}

    def presented(request: ConnectRequest) -> str:
        ways = {
            "token": request.token,
            "header": request.headers.get("x-api-key"),
            "cookie": request.cookies.get("sid"),
            "query": request.query.get("key"),
            "client": request.client and request.client[0],
            "visitor": request.visitor_id,
            "scope": request.scope.get("certificate"),
        }
        return ways[by] or ""

    def authenticate(request: ConnectRequest) -> Identity:
        key = presented(request)
        tenants: Any = {TENANT: roles[key]}
        return Identity("ann", tenants=tenants, expires_at=ends[key])

    def request(key: str) -> ConnectRequest:
        return ConnectRequest(
            TENANT,
            token=key if by == "token" else None,
            headers={"x-api-key": key} if by == "header" else {},
            cookies={"sid": key} if by == "cookie" else {},
            query={"key": key} if by == "query" else {},
            client=(key, 1) if by == "client" else None,
            visitor_id=key if by == "visitor" else None,
            scope={"certificate": key} if by == "scope" else {},
        )

    server = await Server.start(timing=SOON, clock=clock, authenticate=authenticate)
    bob = await server.join("bob", role="moderator", token="desk")
    clients: dict[str, Client] = {}
    for key in ("link", "desk", "link", "desk"):
        identity = authenticate(request(key))
        client = clients[key] = server.connect("ann", identity=identity)
        client.connection.request = request(key)
        await client.subscribe()
    bob.leave()
    await ask(server.services.door.revalidation, clock)
    for key, client in clients.items():
        assert client.connection.identity.tenants == {TENANT: roles[key]}
        assert client.connection.identity.expires_at == ends[key]
    chat = (await clients["desk"].do(create_chat("a")))["chatId"]
    await clients["link"].refused(delete_chat(chat), "forbidden")
    await server.stop()


async def test_an_answer_about_an_older_token_is_not_taken() -> None:
    """The client has refreshed while the hook was asked about the token before."""
    clock, gate = Clock(), asyncio.Event()

    async def authenticate(request: ConnectRequest) -> Identity:
        if request.token == "old":
            await gate.wait()
            raise Denied("expired")
        return Identity("ann", tenants={TENANT: "commenter"})

    server = await Server.start(timing=SOON, clock=clock, authenticate=authenticate)
    client = await server.join("ann", token="old")
    clock.advance(2.0)
    asking = asyncio.create_task(server.services.door.revalidation.ask_due())
    client.say({"type": "refresh", "token": "new"})
    await client.expect("refreshed")
    gate.set()
    await asking
    assert client.closed is None
    await server.stop()


async def test_an_end_is_seen_within_a_second_where_the_wall_clock_was_set() -> None:
    clock = FakeClock()
    end = clock.utc() + timedelta(minutes=10)

    async def authenticate(request: ConnectRequest) -> Identity:
        return Identity("ann", tenants={TENANT: "commenter"}, expires_at=end)

    collab = CollabChat(
        authenticate=authenticate, storage="memory://", pubsub="memory://", clock=clock
    )
    async with TestClient(collab) as client:
        ann = await client.connect(token="ann")
        clock.skew(11 * 60_000)
        clock.advance(1.0)
        await ann.expect_close(CloseCode.UNAUTHENTICATED)
