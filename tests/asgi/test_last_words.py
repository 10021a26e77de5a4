"""What is said before a close, on a server whose `send` waits (granian, hypercorn)."""

from __future__ import annotations

import asyncio

import pytest

from collabchat_asgi.config import Timing

from .driver import AsgiMessage, Call, make, scope, until


class Slow(Call):
    """A server that takes a message only when `open` is set."""

    open: asyncio.Event

    async def _send(self, message: AsgiMessage) -> None:
        await self.open.wait()
        await super()._send(message)


async def held(**how: object) -> Slow:
    """Welcome, and from then on nothing is taken."""
    collab = make(**how)
    Slow.open = asyncio.Event()
    Slow.open.set()
    call = Slow(collab, scope("websocket", "/ws"))
    call.put("websocket.connect")
    await call.until_sent("websocket.accept")
    call.say({"type": "hello", "token": "ann"})
    await call.frame("welcome")
    call.open.clear()
    return call


@pytest.mark.parametrize("frames", [20, 25])
async def test_every_bad_frame_has_its_error_before_the_close(frames: int) -> None:
    call = await held()
    for _ in range(frames):
        call.say({"type": "subscribe"})
    await until(lambda: call.received >= 2 + 20, "connect, hello and twenty frames are read")
    assert call.closes == []
    call.open.set()
    await call.until_sent("websocket.close")
    assert [frame["type"] for frame in call.frames[1:]] == [*["error"] * 20, "bye"]
    assert call.closes == [4400]
    call.put("websocket.disconnect", code=4400)
    await call.done()


async def test_who_takes_nothing_is_closed_all_the_same() -> None:
    call = await held(timing=Timing(send_seconds=0.1))
    for _ in range(20):
        call.say({"type": "subscribe"})
    await call.done()
    assert call.closes == []
    assert call.kinds.count("websocket.send") == 1
