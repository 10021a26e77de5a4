"""Which pages of the web may talk to us (PROTOCOL section 3). Parsed by hand: any doubt is a no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import ConfigError
from .request import Scope, header_values

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?", re.IGNORECASE)
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]{0,40})://(\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9_.-]+)(?::(\d{1,5}))?",
    re.IGNORECASE,
)
_PORTS = {"http": "80", "https": "443"}


class Origin(NamedTuple):
    scheme: str
    host: str
    port: str
    """Empty where the scheme is none of the web's and names none."""


class Origins:
    """Same host and port as `Host`, or on the list.

    On the list may stand `https://app.example.com`, `https://*.example.com` (what is below it, and
    not itself), apps that are no web pages (`capacitor://localhost`, `chrome-extension://id`),
    `null`, and `*` for every origin: the browser is then told to send no cookies along.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._any = "*" in allowed
        self._null = "null" in allowed
        listed = [_listed(origin) for origin in allowed if origin not in ("*", "null")]
        self._allowed = {origin for origin in listed if not origin.host.startswith("*")}
        self._below = [origin for origin in listed if origin.host.startswith("*")]

    def refusal(self, scope: Scope) -> str | None:
        """Why this request may not come in, naming the setting to change; None: it may."""
        origins = header_values(scope, "origin")
        if not origins:
            return None
        if len(origins) > 1:
            return "there are two Origin headers"
        return self.refusal_of(origins[0], scope)

    def refusal_of(self, origin: str, scope: Scope) -> str | None:
        """The same, of a page of this origin."""
        if origin == "null":
            return None if self._null else "Origin null is not allowed (allowed_origins)"
        parsed = _parse(origin)
        if parsed is None or parsed.host.startswith("*"):
            return "the Origin header is malformed"
        if self._any or self._knows(parsed, scope):
            return None
        hosts = header_values(scope, "host")
        shown = ascii(hosts[0][:100]) if hosts else "missing"
        return (
            f"Origin {origin[:100]!r} is not the Host {shown}: add it to allowed_origins "
            "(COLLABCHAT_ALLOWED_ORIGINS), or have the proxy pass the Host header on "
            "(nginx: proxy_set_header Host $http_host)"
        )

    def cors(self, scope: Scope) -> tuple[str, bool] | None:
        """What `Access-Control-Allow-Origin` says, and whether cookies may come along.

        None: there is no Origin, or it may not read the answer. An origin that only `*` lets in is
        never one whose cookies count: any site could then act for whoever is signed in.
        """
        origins = header_values(scope, "origin")
        if not origins or self.refusal(scope) is not None:
            return None
        parsed = _parse(origins[0])
        known = self._null if parsed is None else self._knows(parsed, scope)
        return (origins[0], True) if known else ("*", False)

    def _knows(self, origin: Origin, scope: Scope) -> bool:
        if origin in self._allowed:
            return True
        if any(
            (origin.scheme, origin.port) == (one.scheme, one.port)
            and origin.host.endswith(one.host[1:])
            and len(origin.host) > len(one.host) - 1
            for one in self._below
        ):
            return True
        hosts = header_values(scope, "host")
        return len(hosts) == 1 and _same_host(origin, hosts[0])


def _listed(origin: str) -> Origin:
    parsed = _parse(origin.rstrip("/"))
    if parsed is None:
        raise ConfigError(
            f"allowed_origins: {origin!r} is no origin; write it as https://app.example.com, "
            "https://*.example.com or capacitor://localhost"
        )
    return parsed


def _parse(origin: str) -> Origin | None:
    match = _ORIGIN.fullmatch(origin) if len(origin) <= 300 else None
    if match is None or int(match[3] or 0) > 65_535:
        return None
    scheme = match[1].lower()
    return Origin(scheme, match[2].lower(), match[3] or _PORTS.get(scheme, ""))


def _same_host(origin: Origin, host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None or origin.scheme not in _PORTS:
        return False
    # The scheme of `Host` is unknown behind a proxy, so a missing port is the origin's default.
    return origin.host == match[1].lower() and origin.port == (match[2] or _PORTS[origin.scheme])
