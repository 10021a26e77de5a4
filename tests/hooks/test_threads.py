"""Sync hooks: threads of their own, nobody else's; the request's own context; Django's clean-up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from collabchat_asgi import AccessRequest, CollabChat, ConnectRequest, Identity, Timing
from collabchat_asgi.hooks import Hooks
from collabchat_asgi.testing import FakeClock, TestClient
from collabchat_asgi.testing.operations import create_chat
from tests.asgi.driver import until
from tests.hosts import django_app

assert django_app, "it has set Django up"

DEADLINE = 10.0
who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def known(request: ConnectRequest) -> Identity:
    return Identity(request.token or "ann", tenants={"acme": "commenter"})


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_a_hanging_on_event_takes_no_thread_of_authenticate(
    released: threading.Event,
) -> None:
    hanging: list[str] = []

    def on_event(event: dict[str, Any]) -> None:
        hanging.append(event["broadcastId"])
        assert released.wait(DEADLINE)

    collab = CollabChat(
        authenticate=known,
        on_event=on_event,
        storage="memory://",
        timing=Timing(hook_seconds=0.4),  # or a busy machine fails authenticate
    )
    async with TestClient(collab, token="ann") as client:
        ann = await client.connect()
        for _ in range(12):
            await ann.do(create_chat(), "page")
        await until(lambda: len(hanging) == 4, "its own threads are taken")
        own = collab._engine.hooks._on_event.threads
        await until(lambda: own.abandoned == 4, "and given up")
        assert await client.connect(token="bob"), "others come in"
        health = (await client.http.get("health")).json()
        assert health["status"] == "degraded"
        assert "hook on_event" in health["reasons"], "without details, for strangers"
        assert "hook authenticate" not in health["reasons"]
        _, whole = collab._engine.running.numbers.health()
        assert "hook on_event: 4 of its 4 threads hang" in str(whole["reasons"])
        released.set()


async def test_threads_that_come_back_are_counted_out(released: threading.Event) -> None:
    late: Any = lambda request: released.wait(DEADLINE) and known(request)  # noqa: E731
    hooks = Hooks(late, seconds=0.05)
    with pytest.raises(Exception, match="did not answer in time"):
        await hooks.authenticate(ConnectRequest())
    assert any("1 of its 16 threads hang" in fault for fault in hooks.faults())
    released.set()
    await until(lambda: not any("hang" in fault for fault in hooks.faults()), "it has come back")
    hooks.forget_loop()


async def test_async_to_sync_works_in_a_sync_hook() -> None:
    loop = asyncio.get_running_loop()

    def authenticate(request: ConnectRequest) -> Identity:
        async def ask() -> str:
            assert asyncio.get_running_loop() is loop
            return "ann"

        return Identity(async_to_sync(ask)(), tenants={"acme": "reader"})

    hooks = Hooks(authenticate)
    assert (await hooks.authenticate(ConnectRequest())).user_id == "ann"
    hooks.forget_loop()


async def test_django_gives_up_its_connections_around_each_hook() -> None:
    """A connection that the database has ended fails every hook from then on, otherwise."""
    from django.db import connections

    used: list[Any] = []

    def authenticate(request: ConnectRequest) -> Identity:
        own = connections["default"]  # of this thread
        own.ensure_connection()
        assert own.connection is not None
        own.close_at = 0  # as `CONN_MAX_AGE = 0` has it
        used.append(own)
        return known(request)

    hooks = Hooks(authenticate)
    await hooks.authenticate(ConnectRequest())
    assert used[0].connection is None
    hooks.forget_loop()


class SetsContext:
    """An outer middleware that keeps who asks in a context variable, as tracers and loggers do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            cookie = dict(scope["headers"]).get(b"cookie", b"").decode()
            who.set(cookie.partition("=")[2] or "nobody")
        await self.app(scope, receive, send)


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("has_lifespan", [True, False])
async def test_hooks_see_the_context_of_the_request_they_are_called_for(
    sync: bool, has_lifespan: bool
) -> None:
    seen: list[tuple[str, str, str]] = []

    def authenticate(request: ConnectRequest) -> Identity:
        me = request.cookies["me"]
        seen.append(("authenticate", me, who.get()))
        return Identity(me, tenants={"acme": "commenter"})

    def authorize(access: AccessRequest) -> bool:
        seen.append((access.action, access.identity.user_id, who.get()))
        return True

    def on_event(event: dict[str, Any]) -> None:
        seen.append(("on_event", "nobody", who.get()))

    def on_usage(reports: Any) -> None:
        seen.append(("on_usage", "nobody", who.get()))

    hooks: dict[str, Any] = {
        hook.__name__: hook if sync else as_async(hook)
        for hook in (authenticate, authorize, on_event, on_usage)
    }
    clock = FakeClock()
    collab = CollabChat(**hooks, storage="memory://", clock=clock)
    client = TestClient(SetsContext(collab))
    client.url = "http://testserver"
    if has_lifespan:
        await client.__aenter__()
    ann = await client.connect(cookies={"me": "ann"})
    bob = await client.connect(cookies={"me": "bob"})
    for person in (bob, ann):
        await person.subscribe("page")
        await asyncio.gather(*(person.do(create_chat(), "page") for _ in range(5)))
    await until(lambda: ("on_event", "nobody", "nobody") in seen, "events are told")
    asked = len(seen)
    clock.advance(100.0)  # revalidation and usage
    await until(lambda: len(seen) > asked, "background work goes on")
    about_nobody = [line for line in seen[asked:] if line[0] == "authenticate"]
    wrong = [line for line in seen[:asked] if line[1] != line[2]]
    assert wrong == []
    assert {line[2] for line in about_nobody} <= {"nobody"}
    if has_lifespan:
        await client.__aexit__(None, None, None)
    else:
        await ann.close()
        await bob.close()
        await collab.close()


def as_async(hook: Any) -> Any:
    async def call(argument: Any) -> Any:
        return hook(argument)

    return call
