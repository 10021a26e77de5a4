"""Who may come as far as the hooks: origin, TLS, and how many from one address."""

from __future__ import annotations

import hmac
import logging
from collections import Counter
from dataclasses import dataclass, field

from ..sparing_log import SparingLog
from .origin import Origins
from .peer import Peers, is_at_home
from .request import Scope, headers_of


def _log() -> SparingLog:
    return SparingLog(logging.getLogger("collabchat_asgi.asgi"))


@dataclass(slots=True)
class Gate:
    """What is decided before anybody is asked who this is. Each no names the setting to change."""

    origins: Origins
    peers: Peers
    require_tls: bool = False
    drain_token: str | None = None
    metrics_token: str | None = None
    connected: Counter[str] = field(default_factory=Counter)
    """Open WebSockets by client address, where addresses mean people."""
    log: SparingLog = field(default_factory=_log)
    """For what every client could have us say again."""

    def refusal(self, scope: Scope) -> str | None:
        """Why this request may not come in; None: it may."""
        return self.insecure(scope) or self.origins.refusal(scope)

    def insecure(self, scope: Scope) -> str | None:
        """Why this request is not safe from eavesdroppers, where it has to be."""
        if not self.require_tls or self.peers.is_secure(scope) or self._is_operator_here(scope):
            return None
        return (
            "require_tls is on, and this is not TLS: use wss:// and https://, or name the proxy "
            "that ends TLS in trusted_proxies (COLLABCHAT_TRUSTED_PROXIES)"
        )

    def _is_operator_here(self, scope: Scope) -> bool:
        """A preStop hook or a scraper on this machine looks like a proxy that is trusted here, and
        tells of no TLS. A proxy that says nothing looks like both, so a local name is not enough:
        with the token, who came unencrypted through it has only their own secret to lose."""
        return is_at_home(scope) and (self.may_drain(scope) or self.may_scrape(scope))

    def address(self, scope: Scope) -> str | None:
        """What `connections_per_address` counts by; None: it cannot be told from a proxy's."""
        return self.peers.person(scope) if self.peers.known else None

    def person(self, scope: Scope) -> str | None:
        """Whose operations and reads are rationed beside the user's; None: it cannot be told."""
        return self.peers.person(scope)

    def may_drain(self, scope: Scope) -> bool:
        """Whoever has the token. Without one nobody: what comes from this machine may come through
        a proxy on it, from anywhere."""
        return bool(self.drain_token) and _bears(scope, self.drain_token)

    def may_scrape(self, scope: Scope) -> bool:
        """Whoever has the token for metrics."""
        return bool(self.metrics_token) and _bears(scope, self.metrics_token)

    def may_see_details(self, scope: Scope) -> bool:
        """Whether this one may know what is wrong in words that name hosts and files."""
        return self.may_drain(scope) or (is_at_home(scope) and not self.peers.known)


def _bears(scope: Scope, secret: str | None) -> bool:
    scheme, _, token = headers_of(scope).get("authorization", "").partition(" ")
    # A secret that was read from a file brings the end of its line along; no header can.
    wanted = (secret or "").strip()
    return (
        scheme.lower() == "bearer"
        and bool(wanted)
        and hmac.compare_digest(token.strip().encode(), wanted.encode())
    )
