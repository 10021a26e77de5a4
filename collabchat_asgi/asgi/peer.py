"""Who is at the other end of the wire, as far as proxies that we were told to trust say so."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ..errors import ConfigError
from .addresses import Address, Network, forwarded, listed, network, parse
from .request import Scope, header_values

_PROXIES_SAY = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip", b"via")
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Peers:
    """`trusted_proxies` are addresses or networks. Without any, forwarding headers are not read:
    anybody can send them.

    A trusted proxy has to set or extend `X-Forwarded-For` (or, where there is none, `Forwarded`),
    and not to pass on what a browser sent under these names.
    """

    def __init__(self, trusted_proxies: Sequence[str] = ()) -> None:
        self._trusted: list[Network] = []
        for proxy in trusted_proxies:
            try:
                self._trusted.append(network(proxy))
            except ValueError as error:
                raise ConfigError(
                    f"trusted_proxies: {proxy!r} is no address or network, such as 10.0.0.0/8"
                ) from error

    @property
    def known(self) -> bool:
        """Whether addresses mean people and not proxies."""
        return bool(self._trusted)

    def person(self, scope: Scope) -> str | None:
        """The client's address, where it means a person and not a proxy.

        As `address` where `trusted_proxies` are set. Without them, only a public address whose
        request shows no trace of a proxy: a loopback or private one may be a proxy that says
        nothing, and all of its visitors would share one ration. Of IPv6 the /64, which is what one
        visitor has."""
        if self.known:
            shown = self.address(scope)
            address = None if shown is None else parse(shown)
        else:
            address = client_of(scope)
            if address is None or not address.is_global or _proxied(scope):
                return None
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, 64), strict=False))
        return _shown(address)

    def address(self, scope: Scope) -> str | None:
        """The client's address: the last one in `X-Forwarded-For` that is no trusted proxy.

        One spelling per address, whatever the server and the proxies write. None: there is none,
        as on a Unix socket whose proxy tells nothing."""
        address = client_of(scope)
        if not self._is_proxy(scope, address):
            return _shown(address)
        for hop in reversed(_hops(scope)):
            parsed = parse(hop)
            if parsed is None:
                break
            address = parsed
            if not self._trusts(parsed):
                break
        return _shown(address)

    def is_secure(self, scope: Scope) -> bool:
        """Whether the browser's part of the way is TLS, or the whole way is inside this machine."""
        if scope.get("scheme") in ("wss", "https"):
            return True
        if self._is_proxy(scope, client_of(scope)):
            return _protocol(scope) in ("https", "wss")
        return is_loopback(scope)

    def _is_proxy(self, scope: Scope, address: Address | None) -> bool:
        if address is not None:
            return self._trusts(address)
        # A Unix socket has no address: only a proxy on this machine can be behind it.
        client = scope.get("client")
        return not (client and client[0]) and self.known

    def _trusts(self, address: Address) -> bool:
        return any(address in one for one in self._trusted)


def client_of(scope: Scope) -> Address | None:
    """Who is connected to the server; None where that is no address."""
    client = scope.get("client")
    return parse(str(client[0])) if client else None


def is_loopback(scope: Scope) -> bool:
    """Whether the client is on this machine itself, and not behind a proxy that is and says so."""
    address = client_of(scope)
    if address is None or not address.is_loopback:
        return False
    return not _proxied(scope)


def _proxied(scope: Scope) -> bool:
    return any(name.lower() in _PROXIES_SAY for name, _ in scope.get("headers", ()))


def is_at_home(scope: Scope) -> bool:
    """Whether this machine itself asks itself, by the name it has for itself: behind a proxy that
    says nothing, strangers ask for a name of the web."""
    hosts = header_values(scope, "host")
    name = hosts[0].lower() if len(hosts) == 1 else ""
    return is_loopback(scope) and any(
        name == local or name.startswith(f"{local}:") for local in _LOCAL_HOSTS
    )


def _hops(scope: Scope) -> list[str]:
    found = listed(header_values(scope, "x-forwarded-for"))
    return found or [hop.get("for", "") for hop in forwarded(header_values(scope, "forwarded"))]


def _protocol(scope: Scope) -> str:
    """What the last proxy says of the way before it."""
    told = listed(header_values(scope, "x-forwarded-proto"))
    if not told:
        hops = forwarded(header_values(scope, "forwarded"))
        told = [hop.get("proto", "") for hop in hops]
    return told[-1].strip('"').lower() if told else ""


def _shown(address: Address | None) -> str | None:
    return None if address is None else str(address)
