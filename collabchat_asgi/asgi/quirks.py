"""What single servers need, each with its reason."""

from __future__ import annotations

import asyncio
from typing import Any


def as_message(text: str) -> dict[str, str]:
    """A text frame as ASGI's `send` takes it; one dict serves all viewers."""
    return {"type": "websocket.send", "text": text}


def abort_transport(send: Any) -> bool:
    """Cut the connection where the server lets us. Whether it did.

    uvicorn (0.52 to 0.54, all three WebSocket back ends): with a reader that has stopped, `send`,
    `close` and the keepalive's close all wait for ever, and so does the process at SIGTERM. Its
    `send` is a bound method of the protocol, which holds the transport.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
        return True
    return False
