"""Who is at the other end of the wire, as far as proxies that we were told to trust say so."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ..errors import ConfigError
from .request import Scope, header_values

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Peers:
    """`trusted_proxies` are addresses or networks. Without any, forwarding headers are not read:
    anybody can send them."""

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        self._trusted: list[Network] = []
        for proxy in trusted_proxies:
            try:
                self._trusted.append(ipaddress.ip_network(proxy, strict=False))
            except ValueError as error:
                raise ConfigError(
                    f"trusted_proxies: {proxy!r} is no address or network, such as 10.0.0.0/8"
                ) from error

    @property
    def known(self) -> bool:
        """Whether addresses mean people and not proxies."""
        return bool(self._trusted)

    def address(self, scope: Scope) -> str | None:
        """The client's address: the last one in `X-Forwarded-For` that is no trusted proxy."""
        client = scope.get("client")
        address = str(client[0]) if client else None
        if not self._is_proxy(address):
            return address
        hops = ",".join(header_values(scope, "x-forwarded-for")).split(",")
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            if not _is_address(hop):
                break
            address = hop
            if not self._is_proxy(hop):
                break
        return address

    def is_secure(self, scope: Scope) -> bool:
        """Whether the browser's part of the way is TLS, or the whole way is inside this machine."""
        if scope.get("scheme") in ("wss", "https"):
            return True
        client = scope.get("client")
        if self._is_proxy(str(client[0]) if client else None):
            return header_values(scope, "x-forwarded-proto")[-1:] in (["https"], ["wss"])
        return is_loopback(scope)

    def _is_proxy(self, address: str | None) -> bool:
        if address is None or not _is_address(address):
            # A Unix socket has no address: only a proxy on this machine can be behind it.
            return address is None and bool(self._trusted)
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._trusted)


def is_loopback(scope: Scope) -> bool:
    """Whether the client is on this machine itself, and not behind a proxy that is."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    if header_values(scope, "x-forwarded-for") or header_values(scope, "forwarded"):
        return False
    return _is_address(address) and ipaddress.ip_address(address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
