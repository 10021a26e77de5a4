"""H26: sync hooks have threads of their own; those of the host's endpoints stay free."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from collabchat_asgi import CollabChat, CollabChatMiddleware, ConnectRequest, Identity, Timing

from .driver import DEADLINE, Call, connect, get, make, scope, until

HANGING = 40
THREADS = 16


class HangingHook:
    """Holds everybody until it is released."""

    def __init__(self) -> None:
        self.asked = 0
        self.released = threading.Event()

    def __call__(self, request: ConnectRequest) -> Identity:
        self.asked += 1
        assert self.released.wait(DEADLINE)
        return Identity("ann", tenants={"acme": "commenter"})


@pytest.fixture
async def hook() -> AsyncIterator[HangingHook]:
    hook = HangingHook()
    yield hook
    hook.released.set()


def endpoint(request: Request) -> PlainTextResponse:
    """Plain `def`: it runs in a thread of anyio's default limiter, of which there are 40."""
    return PlainTextResponse("here")


async def besieged(
    hook: HangingHook, collab: CollabChat
) -> tuple[CollabChatMiddleware, list[Call]]:
    app = CollabChatMiddleware(Starlette(routes=[Route("/", endpoint)]), collab=collab)
    calls = [Call(app, scope("websocket", "/collabchat/ws")) for _ in range(HANGING)]
    for call in calls:
        call.put("websocket.connect")
        call.say({"type": "hello"})
    await until(lambda: hook.asked >= THREADS, "the first hooks hang")
    for _ in range(HANGING):
        await asyncio.sleep(0)
    return app, calls


async def test_h26_the_host_answers_beside_forty_hanging_hooks(hook: HangingHook) -> None:
    collab = make(authenticate=hook)
    app, calls = await besieged(hook, collab)
    status, _, body = await get(app, "/")
    assert (status, body) == (200, b"here")
    assert hook.asked == THREADS
    hook.released.set()
    for call in calls:
        await call.frame("welcome")
    await collab.close()


async def test_h26_a_thread_that_was_given_up_still_counts(hook: HangingHook) -> None:
    # Long enough for sixteen threads to start on a busy machine: a hook not begun is not asked.
    collab = make(authenticate=hook, timing=Timing(hook_seconds=1.0))
    app, calls = await besieged(hook, collab)
    for call in calls:
        await call.until_sent("websocket.close")
        assert call.closes == [4503]
    assert hook.asked == THREADS
    status, _, _ = await get(app, "/")
    assert status == 200
    hook.released.set()
    back = await connect(app)
    assert await back.frame("welcome")
    assert hook.asked == THREADS + 1, "nobody asks for those who have left"
    await collab.close()
