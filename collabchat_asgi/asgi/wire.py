"""A frame made once for all who get the same text, where the server lets us near its transport.

ASGI's `send` makes the same WebSocket frame anew for each client, which is half of what a delivery
costs. uvicorn gives the outermost app a bound method of its protocol as `send`, and the protocol
holds the transport: there the bytes of a frame are made once, and written. On every other server,
and wherever somebody has wrapped `send`, all goes by `send`.

What is written is what the server would have written: one unmasked, unfragmented text frame (RFC
6455, section 5.2). A frame that is not compressed is allowed on a connection that has negotiated
compression (RFC 7692, section 6).
"""

from __future__ import annotations

from typing import Any

from ..engine.delivery.outbox import Wire
from .quirks import transport_below

KNOWN = {
    ("uvicorn.protocols.websockets.websockets_sansio_impl", "WebSocketsSansIOProtocol"),
    ("uvicorn.protocols.websockets.wsproto_impl", "WSProtocol"),
}
"""What we have read (uvicorn 0.52 to 0.54): whatever they send is written at once, so it stays in
order with what we write; and wherever they send a close frame that is not ours, they close the
transport in the same turn, so a transport that is not closing is one that may still be written to.
"""


class TextMessage(dict[str, str]):
    """A text frame as ASGI's `send` takes it; one serves all viewers."""

    __slots__ = ("_frame",)

    def __init__(self, text: str) -> None:
        super().__init__(type="websocket.send", text=text)
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """Its bytes on the wire, made when somebody needs them."""
        if self._frame is None:
            self._frame = text_frame(self["text"].encode())
        return self._frame


def text_frame(payload: bytes) -> bytes:
    """One whole text frame of a server (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2) + payload
    return b"\x81\x7f" + length.to_bytes(8) + payload


def wire_below(send: Any) -> Wire | None:
    """Below a `send` whose `websocket.accept` is through. None: there is nothing but `send`."""
    protocol = getattr(send, "__self__", None)
    kind = type(protocol)
    transport = transport_below(send)
    if protocol is None or transport is None or (kind.__module__, kind.__name__) not in KNOWN:
        return None
    # Every browser offers compression; proxies and programs may not. wsproto does not tell.
    agreed = getattr(protocol.conn, "extensions", True)
    return Wire(transport, protocol.config.ws_per_message_deflate and bool(agreed))
