"""Who somebody is, as the host says it: before they connect, and whenever it is asked again."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.text import presentable
from ...errors import CloseCode, Closed, Denied
from ...hooks import ConnectRequest, HookFailed, Hooks, Identity
from ..clock import Clock
from ..peers.revocations import Revocations


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who may connect."""

    identity: Identity
    tenant_id: str


class Identities:
    """Asks `authenticate`, and holds its answer against what was revoked meanwhile."""

    def __init__(self, hooks: Hooks, revocations: Revocations, clock: Clock) -> None:
        self._hooks = hooks
        self._revocations = revocations
        self._clock = clock

    async def identify(self, request: ConnectRequest, connection_id: str = "") -> Identity:
        """Raises `Denied`, or `HookFailed`.

        An answer that began before a revocation of that person is not taken."""
        serial = self._revocations.serial
        identity = await self._hooks.authenticate(request)
        for tenant_id in identity.tenants:
            if self._revocations.since(serial, identity.user_id, tenant_id, connection_id):
                raise Denied("revoked")
        left = identity.seconds_left(self._clock.now_ms())
        if left is not None and left <= 0:
            raise Denied("expired")
        return identity

    async def admit(self, request: ConnectRequest) -> Admission:
        """Who this is and to which tenant it wants. Raises `Closed`."""
        try:
            identity = await self.identify(request)
        except Denied as error:
            raise Closed(CloseCode.UNAUTHENTICATED, _reason(error.message)) from error
        except HookFailed as error:
            raise Closed(CloseCode.UNAVAILABLE, _reason(f"hook {error}")) from error
        tenant_id = request.tenant_id
        if tenant_id is None:
            if len(identity.tenants) > 1:
                raise Closed(CloseCode.MALFORMED, "tenantId is needed: there are several")
            tenant_id = next(iter(identity.tenants), None)
        if tenant_id is None or tenant_id not in identity.tenants:
            raise Closed(CloseCode.FORBIDDEN, "not in this tenant")
        return Admission(identity, tenant_id)


def _reason(text: str) -> str:
    """At most 60 bytes of ASCII on one line, as every server can send them in a close frame and
    every log can show them."""
    return presentable(text).encode("ascii", "replace").decode()[:60]
