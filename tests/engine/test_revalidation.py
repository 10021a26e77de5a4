"""Who lost a permission loses it while connected (research: H14)."""

from __future__ import annotations

from dataclasses import replace

from collabchat_asgi import AccessRequest, ConnectRequest, Denied, Identity, default_policy
from collabchat_asgi.engine.revalidation import Revalidation

from .harness import PAGE, TENANT, TIMING, Clock, Server, until

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
    return server, Revalidation(server.engine)


async def ask(revalidation: Revalidation, clock: Clock) -> None:
    """Let the time pass after which everyone is asked about, and ask."""
    revalidation._take_due(1.0)
    clock.advance(2.0)
    for people in revalidation._take_due(1.0):
        await revalidation._check(people)


async def test_one_question_serves_all_connections_of_a_person() -> None:
    host, clock = Host(), Clock()
    server, revalidation = await serve(host, clock)
    for _ in range(5):
        await server.join()
    await ask(revalidation, clock)
    assert host.asked == 1
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


async def test_each_connection_keeps_the_role_and_the_end_of_its_own_token() -> None:
    """A person with two tokens is asked about twice, and neither lends the other anything."""
    clock = Clock()
    roles = {"link": "commenter", "desk": "moderator"}

    def authenticate(request: ConnectRequest) -> Identity:
        role = roles[request.token or ""]
        return Identity("ann", tenants={TENANT: role})  # type: ignore[dict-item]

    server = await Server.start(timing=SOON, clock=clock, authenticate=authenticate)
    clients = {t: await server.join(token=t, role=role) for t, role in roles.items()}
    await ask(Revalidation(server.engine), clock)
    connections = server.engine.connections.values()
    found = {c.request.token: c.identity.tenants[TENANT] for c in connections}
    assert found == roles
    assert not any(client.closed for client in clients.values())
    await server.stop()
