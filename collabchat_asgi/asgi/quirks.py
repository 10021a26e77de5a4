"""What single servers need, each with its reason.

What one of them needs and does the others no harm is done for all, where it belongs:

- daphne and mounts send no lifespan: `CollabChat.serve` starts with the first request.
- daphne sends no close code of an app but 1000 and 4xxx, and has no denial response.
- daphne buffers without end: PROTOCOL's pings bound what is sent and not yet read.
- granian loses the message of a cancelled `receive`: one reader, cancelled only to close.
- hypercorn says nothing at SIGTERM and cancels, granian and daphne cut: an ack follows its commit.
- Each says in an exception of its own, or in none, that a client has left: all of them count.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any


def first_again(message: Any, receive: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    """A `receive` that gives this message first.

    Quart's test client (0.22) never says `websocket.connect`.
    """
    waiting = [message]

    async def received() -> Any:
        return waiting.pop() if waiting else await receive()

    return received


def as_coroutine_function(send: Any, first: object) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """A `send` whose calls can be driven a step at a time; `first` is what one call gave.

    granian (2.8): `send` gives an awaitable of its own, which is no coroutine.
    """
    if isinstance(first, Coroutine):
        return send  # type: ignore[no-any-return]

    async def stepped(message: Any) -> None:
        await send(message)

    return stepped


def receive_blocks_close(first: object) -> bool:
    """Whether a close waits until `receive` returns; `first` is what one call of `send` gave.

    granian (2.8): both take the same lock, so a close is sent when the client says something next,
    or never. A `receive` that is cancelled gives the lock back, and loses what would come next.
    """
    return not isinstance(first, Coroutine)


def abort_transport(send: Any) -> bool:
    """Cut the connection where the server lets us. Whether it did.

    uvicorn (0.52 to 0.54, all three WebSocket back ends): with a reader that has stopped, `send`,
    `close` and the keepalive's close all wait for ever, and so does the process at SIGTERM. Its
    `send` is a bound method of the protocol, which holds the transport.
    """
    transport = transport_below(send)
    if transport is None:
        return False
    transport.abort()
    return True


def transport_below(send: Any) -> asyncio.WriteTransport | None:
    """What the protocol whose method `send` is writes to. uvloop's are no asyncio classes."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    known = all(
        callable(getattr(transport, name, None)) for name in ("abort", "is_closing", "write")
    )
    return transport if known else None


def shutdown_trigger() -> Callable[[], Coroutine[Any, Any, object]] | None:
    """What returns when the process is to end, for a server that tells it by no signal.

    hypercorn (0.18): a worker asks for its master's word, in a shared event, only once it has
    started. The function that asks is a local of `worker_serve`, which waits for us meanwhile.
    """
    for task in asyncio.all_tasks():
        coroutine: Any = task.get_coro()
        while (frame := getattr(coroutine, "cr_frame", None)) is not None:
            if frame.f_code.co_name == "worker_serve":
                found = frame.f_locals.get("shutdown_trigger")
                return found if callable(found) else None
            coroutine = coroutine.cr_await
    return None


def told_to_end(handler: object) -> bool:
    """Whether the server that this signal handler belongs to was told to end before we looked.

    uvicorn (0.54, and gunicorn's worker of it) notes a signal in `Server.should_exit` and reads
    that when the start is over, however long it takes.
    """
    return getattr(getattr(handler, "__self__", None), "should_exit", False) is True


def told_before_the_fork_was_a_worker() -> bool:
    """Whether a signal to end came between the fork of this process and its own handlers.

    granian (2.8): a worker has its master's handlers until it has imported the app. What they hear
    is noted in its copy of the master, where nobody looks. The methods of that copy lie beneath us:
    they wait for the loop that runs us.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name in ("_spawn_workers", "_respawn_workers"):
            return getattr(frame.f_locals.get("self"), "interrupt_signal", False) is True
        frame = frame.f_back
    return False
