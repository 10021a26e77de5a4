"""What single servers need, without them."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from typing import Any

import pytest

from collabchat_asgi.asgi.quirks import as_coroutine_function


class Bare:
    """What granian's `send` gives: it can be awaited, and has no `send` to be stepped with."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def __await__(self) -> Generator[Any, Any, str]:
        if self.fails:
            raise RuntimeError("the peer has left")
        yield
        return "sent"


async def test_a_send_that_gives_a_bare_awaitable_can_be_stepped() -> None:
    send = as_coroutine_function(lambda message: Bare(fails=message == "late"), Bare(fails=False))
    coroutine = send("a frame")
    assert coroutine.send(None) is None
    with pytest.raises(StopIteration):
        coroutine.send(None)
    with pytest.raises(RuntimeError):
        await send("late")


async def test_a_send_that_gives_coroutines_is_left_alone() -> None:
    async def send(message: Any) -> None:
        pass

    first = send({})
    assert as_coroutine_function(send, first) is send
    assert inspect.iscoroutine(first)
    await first
