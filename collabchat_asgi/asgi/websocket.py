"""`{prefix}/ws`: the handshake, one reader, and exactly one close."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from msgspec import UNSET, UnsetType

from ..core.frames import SUBPROTOCOL, encode
from ..core.session import Session
from ..engine.people.connection import Connection
from ..engine.services import Services
from ..errors import CloseCode, Closed, RefusedFrame
from .gate import Gate
from .quirks import (
    abort_transport,
    as_coroutine_function,
    first_again,
    receive_blocks_close,
)
from .request import (
    Scope,
    bearer_subprotocol,
    connect_request,
    header_bytes,
    speaks,
    subprotocols_of,
)
from .wire import wire_below

logger = logging.getLogger("collabchat_asgi.asgi")

LINGER_SECONDS = 2.0
"""After a close what the client still sends is read and dropped: a socket that is closed with
unread bytes is reset, and the close code with it."""


class WebSocket:
    """One socket from its `websocket.connect` to its end.

    `receive` is awaited by one task and never cancelled while its message may matter: granian
    2.8 loses the message of a cancelled `receive`.
    """

    def __init__(
        self,
        services: Services,
        gate: Gate,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        self._services = services
        self._gate = gate
        self._scope = scope
        self._receive: Any = receive
        self._send: Any = send
        self._session = Session(services.limits, services.tuning)
        self._connection: Connection | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._ended = False
        self._reads_until_close = True
        self._reader: asyncio.Task[Any] | None = None

    async def serve(self) -> None:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            return
        if message["type"] != "websocket.connect":
            self._receive = first_again(message, self._receive)
        refusal = self._gate.refusal(self._scope)
        if refusal is not None:
            self._gate.log.warning("origin", "a WebSocket is refused: %s", refusal)
            await self._deny(403, {"code": "forbidden", "message": refusal, "retry": False})
            return
        most_bytes = self._services.tuning.header_bytes
        if header_bytes(self._scope) > most_bytes:
            message = f"the header lines are larger than {most_bytes} bytes"
            line = "a WebSocket is refused: tuning.header_bytes is %d"
            self._gate.log.warning("headers", line, most_bytes)
            await self._deny(431, {"code": "too-large", "message": message, "retry": False})
            return
        address = self._gate.address(self._scope)
        most = self._services.limits.connections_per_address
        if address is None or most is None:
            await self._accept()
        elif self._gate.connected[address] >= most:
            line = "a WebSocket is refused: limits.connections_per_address is %d"
            self._gate.log.warning("address", line, most)
            message = "too many connections from this address"
            await self._deny(429, {"code": "rate-limited", "message": message, "retry": True})
        else:
            self._gate.connected[address] += 1
            try:
                await self._accept()
            finally:
                self._gate.connected[address] -= 1
                if not self._gate.connected[address]:
                    del self._gate.connected[address]

    async def _accept(self) -> None:
        offered = subprotocols_of(self._scope)
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        accepting = self._send({"type": "websocket.accept", "subprotocol": chosen, "headers": []})
        self._send = as_coroutine_function(self._send, accepting)
        self._reads_until_close = not receive_blocks_close(accepting)
        await accepting
        self._reader = asyncio.current_task()
        try:
            if speaks(offered):
                await self._greet(bearer_subprotocol(offered))
            else:
                self.finish(CloseCode.VERSION, "this server speaks collabchat.v1", abort=False)
            await self._read()
        except asyncio.CancelledError:
            if not self._ended or self._finishing is None:
                raise
            await self._finishing
        finally:
            self._ended = True
            if self._connection is not None:
                self._connection.leave()

    def finish(self, code: CloseCode, reason: str, *, abort: bool) -> None:
        """Close once; later calls change nothing."""
        if self._finishing is None and not self._ended:
            rest = self._finish(code, reason, abort)
            self._finishing = asyncio.get_running_loop().create_task(rest)

    async def _greet(self, token: str | None) -> None:
        """Wait for `hello`. Nothing behind it is read before it has succeeded."""
        services = self._services
        loop = asyncio.get_running_loop()
        late = loop.call_later(services.timing.hello_seconds, self._late)
        try:
            message = await self._receive()
        finally:
            late.cancel()
        if message["type"] != "websocket.receive":
            self._ended = True
            return
        if self._finishing is not None:
            return
        try:
            hello = self._session.hello(message.get("text"))
            request = connect_request(
                self._scope,
                address=self._gate.peers.address(self._scope),
                tenant_id=_given(hello.tenant_id),
                token=token if token is not None else _given(hello.token),
                visitor_id=_given(hello.visitor_id),
            )
            admission = await services.identities.admit(request)
            wire = wire_below(self._send)
            self._connection = services.door.connect(
                admission, request, self._send, self, wire, self._gate.person(self._scope)
            )
        except Closed as closed:
            if closed.retry_after_ms is not None:
                await self._send({"type": "websocket.send", "text": _bye(closed)})
            self.finish(closed.code, closed.reason, abort=False)

    def _late(self) -> None:
        self.finish(CloseCode.TIMEOUT, "no hello in time", abort=False)

    async def _read(self) -> None:
        clock = self._services.clock
        while not self._ended:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            connection = self._connection
            if connection is None or connection.closed:
                continue
            now = clock.monotonic()
            connection.outbox.window.heard_at = now
            text = message.get("text")
            try:
                frame = self._session.frame(text, now)
            except Closed as closed:
                connection.give_up(closed.code, closed.reason)
            except RefusedFrame as refused:
                connection.receive_refused(refused)
                too_many = self._session.refused(refused, now)
                if too_many is not None:
                    connection.give_up(too_many.code, too_many.reason)
            else:
                size = len(text) if text.isascii() else len(text.encode())
                if connection.receive(frame, size):
                    self._session.expected(frame)

    async def _finish(self, code: CloseCode, reason: str, abort: bool) -> None:
        logger.info("a WebSocket is closed: %d %s", code, reason)
        sent = False
        if not self._reads_until_close:
            self._stop_reading()
            await asyncio.sleep(0)
        if not abort:
            try:
                async with asyncio.timeout(self._services.timing.send_seconds):
                    if self._connection is not None:
                        await self._connection.outbox.flush()
                    await self._send(
                        {"type": "websocket.close", "code": int(code), "reason": reason}
                    )
                sent = True
            except Exception as error:
                logger.debug("sending the close of a WebSocket failed: %r", error)
        if not sent:
            abort_transport(self._send)
        if not self._ended:
            await asyncio.sleep(LINGER_SECONDS)
            if code is CloseCode.TOO_SLOW and not self._ended:
                # It does not even read: what was written for it must not wait for it.
                abort_transport(self._send)
            self._stop_reading()

    def _stop_reading(self) -> None:
        if not self._ended and self._reader is not None:
            self._ended = True
            self._reader.cancel()

    async def _deny(self, status: int, error: dict[str, object]) -> None:
        """Refuse the handshake, with a body where the server can send one."""
        if "websocket.http.response" not in self._scope.get("extensions", {}):
            await self._send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if status == 429:
            headers.append((b"retry-after", b"5"))
        await self._send(
            {"type": "websocket.http.response.start", "status": status, "headers": headers}
        )
        body = encode(error).encode()
        await self._send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def _bye(closed: Closed) -> str:
    code, reason = int(closed.code), closed.reason
    return encode(
        {"type": "bye", "code": code, "reason": reason, "retryAfterMs": closed.retry_after_ms}
    )


def _given(value: str | UnsetType) -> str | None:
    return None if value is UNSET else value
