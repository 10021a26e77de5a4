"""Lets connections in, knows who is here, and sends them away."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable

from ...core.agenda import Agenda
from ...core.frames import encode
from ...errors import CloseCode, Closed
from ...hooks import ConnectRequest
from ...version import __version__
from ..delivery.outbox import Outbox, Send, Sendable, Wire
from ..measuring.meter import Meter
from ..peers.revocations import Revocation
from .connection import Connection, Socket
from .identities import Admission
from .means import Means
from .revalidation import Revalidation


class Door:
    """Every connection of this process, from its `welcome` to its end."""

    def __init__(self, means: Means, meter: Meter, as_message: Callable[[str], Sendable]) -> None:
        self.connections: dict[str, Connection] = {}
        self.draining = False
        self.revalidation = Revalidation(self.connections, means)
        self._means = means
        self._meter = meter
        self._as_message = as_message
        self._agenda: Agenda[str] = Agenda()
        """When each connection has something to do next."""

    # who comes in

    def connect(
        self,
        admission: Admission,
        request: ConnectRequest,
        send: Send,
        socket: Socket,
        wire: Wire | None = None,
        address: str | None = None,
    ) -> Connection:
        """A new connection, greeted with `welcome`. Raises `Closed` (4512, 4529).

        `address` is whose allowance is charged beside the user's; None: it may be a proxy's."""
        means = self._means
        identity, tenant_id = admission.identity, admission.tenant_id
        if self.draining:
            raise Closed(
                CloseCode.GOING_AWAY,
                "the server is going away",
                retry_after_ms=_come_back(means.timing.drain_seconds),
            )
        id = secrets.token_urlsafe(12)
        connection = Connection(means, self, id, tenant_id, identity, request, socket)
        connection.address = address
        connection.outbox = Outbox(
            send, self._as_message, connection, means.clock, means.tuning, means.timing, wire
        )
        welcome = encode(self._welcome(connection))
        if not means.users.connected(tenant_id, identity.user_id):
            raise Closed(CloseCode.TOO_MANY, "too many connections of this user")
        means.counts.opened += 1
        self._meter.connected(tenant_id, 1)
        if means.quotas is not None:
            means.quotas.connected(tenant_id, identity.user_id)
        self.connections[id] = connection
        self.look_at(connection)
        self.revalidation.watch(connection)
        connection.outbox.answer(welcome)
        return connection

    def _welcome(self, connection: Connection) -> dict[str, object]:
        limits, timing, clock = self._means.limits, self._means.timing, self._means.clock
        welcome: dict[str, object] = {
            "type": "welcome",
            "connectionId": connection.id,
            "tenantId": connection.tenant_id,
            "user": connection.identity.user,
            "now": clock.now_ms(),
            "pingIntervalMs": int(timing.ping_seconds * 1000),
            "limits": {
                "frameBytes": limits.frame_bytes,
                "bodyChars": limits.body_chars,
                "anchorBytes": limits.anchor_bytes,
                "dedupeMs": int(timing.dedupe_days * 86_400_000),
                "pages": limits.pages_per_connection,
            },
            "server": f"collabchat-asgi/{__version__}",
        }
        left = connection.identity.seconds_left(clock.now_ms())
        if left is not None:
            welcome["expiresInMs"] = max(0, int(left * 1000))
        return welcome

    # who is here

    def look_at(self, connection: Connection) -> None:
        """With the next tick: something about it may be due earlier than was thought."""
        self._agenda.put(connection.id, self._means.clock.monotonic())

    def look_at_all(self) -> None:
        """The wall clock was set: identities end by it."""
        for connection in self.connections.values():
            self.look_at(connection)

    def stood_still(self, seconds: float) -> None:
        """What clients said meanwhile has not been read yet."""
        for connection in self.connections.values():
            connection.outbox.window.heard_at += seconds

    def tick(self, now: float) -> None:
        """What is due; called about once a second."""
        for id in list(self._agenda.due(now)):
            due = self.connections.get(id)
            if due is not None:
                again = due.tick(now)
                if not due.closed:
                    self._agenda.put(id, again)

    # how it ends

    def disconnected(self, connection: Connection) -> None:
        if self.connections.pop(connection.id, None) is not None:
            self._agenda.drop(connection.id)
            self._means.users.disconnected(connection.tenant_id, connection.identity.user_id)
            self._meter.connected(connection.tenant_id, -1)

    def revoked(self, revocation: Revocation) -> None:
        """Close all whom it concerns."""
        for connection in list(self.connections.values()):
            identity = connection.identity
            if revocation.concerns(identity.user_id, connection.tenant_id, connection.id):
                connection.give_up(CloseCode.FORBIDDEN, "revoked")

    async def drain(self, seconds: float) -> None:
        """Close all connections in waves; each client is told when to come back."""
        self.draining = True
        waves = max(1, int(seconds * 10))
        connections = list(self.connections.values())
        size = -(-len(connections) // waves)
        for start in range(0, len(connections), max(1, size)):
            for connection in connections[start : start + size]:
                _send_away(connection, seconds)
            await asyncio.sleep(seconds / waves)

    def close(self) -> None:
        """The same, all at once."""
        for connection in list(self.connections.values()):
            _send_away(connection, self._means.timing.drain_seconds)


def _send_away(connection: Connection, seconds: float) -> None:
    connection.give_up(
        CloseCode.GOING_AWAY,
        "the server is going away",
        retry_after_ms=_come_back(seconds),
    )


def _come_back(seconds: float) -> int:
    """In so many milliseconds: clients that are sent away must not come back at once."""
    return int(random.random() * seconds * 1000)
