"""Which pages of the web may talk to us (PROTOCOL section 3). Parsed by hand: any doubt is a no."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import ConfigError
from .request import Scope, header_values

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?", re.IGNORECASE)
_PORTS = {"http": "80", "https": "443"}


class Origins:
    """Same host and port as `Host`, or on the list. `*` on the list allows every origin."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._any = "*" in allowed
        self._null = "null" in allowed
        self._allowed = {self._listed(origin) for origin in allowed if origin not in ("*", "null")}

    @staticmethod
    def _listed(origin: str) -> tuple[str, str, str]:
        parsed = _parse(origin.rstrip("/"))
        if parsed is None:
            raise ConfigError(
                f"allowed_origins: {origin!r} is no origin; write it as https://app.example.com"
            )
        return parsed

    def refusal(self, scope: Scope) -> str | None:
        """Why this request may not come in, naming the setting to change; None: it may."""
        origins = header_values(scope, "origin")
        if not origins:
            return None
        if len(origins) > 1:
            return "there are two Origin headers"
        [origin] = origins
        if origin == "null":
            return None if self._null else "Origin null is not allowed (allowed_origins)"
        parsed = _parse(origin)
        if parsed is None:
            return "the Origin header is malformed"
        if self._any or parsed in self._allowed:
            return None
        hosts = header_values(scope, "host")
        shown = ascii(hosts[0][:100]) if hosts else "missing"
        if len(hosts) == 1 and _same_host(parsed, hosts[0]):
            return None
        return (
            f"Origin {origin[:100]!r} is not the Host {shown}: add it to allowed_origins "
            "(COLLABCHAT_ALLOWED_ORIGINS), or have the proxy pass the Host header on"
        )

    def is_foreign(self, scope: Scope) -> str | None:
        """The Origin, where it is allowed and CORS headers are due."""
        origins = header_values(scope, "origin")
        return origins[0] if origins and self.refusal(scope) is None else None


def _parse(origin: str) -> tuple[str, str, str] | None:
    match = _ORIGIN.fullmatch(origin) if len(origin) <= 300 else None
    if match is None or int(match[3] or 0) > 65_535:
        return None
    scheme = match[1].lower()
    return scheme, match[2].lower(), match[3] or _PORTS[scheme]


def _same_host(origin: tuple[str, str, str], host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    scheme, name, port = origin
    # The scheme of `Host` is unknown behind a proxy, so a missing port is the origin's default.
    return name == match[1].lower() and port == (match[2] or _PORTS[scheme])
