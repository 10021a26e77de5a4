"""Who is at the other end, and what is decided before anybody is asked who this is."""

from __future__ import annotations

from typing import Any

import pytest

from collabchat_asgi import ConfigError
from collabchat_asgi.asgi.gate import Gate
from collabchat_asgi.asgi.origin import Origins
from collabchat_asgi.asgi.peer import Peers, is_loopback

PROXY, BROWSER = "10.0.0.7", "203.0.113.9"


def scope(client: str | None, scheme: str = "ws", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"client": (client, 1) if client else None, "scheme": scheme, "headers": raw}


def test_without_trusted_proxies_forwarding_headers_are_not_read() -> None:
    peers = Peers()
    assert peers.address(scope(BROWSER, x_forwarded_for="1.2.3.4")) == BROWSER
    assert not peers.is_secure(scope(BROWSER, x_forwarded_proto="https"))


@pytest.mark.parametrize(
    ("hops", "address"),
    [
        (BROWSER, BROWSER),
        (f"{BROWSER}, 10.0.0.8", BROWSER),
        (f"6.6.6.6, {BROWSER}", BROWSER),  # the first is what the browser itself has claimed
        ("", PROXY),
        ("garbage", PROXY),
        (f"{BROWSER}, garbage, 10.0.0.8", "10.0.0.8"),
    ],
)
def test_the_last_hop_that_is_no_proxy_is_the_client(hops: str, address: str) -> None:
    assert Peers(["10.0.0.0/8"]).address(scope(PROXY, x_forwarded_for=hops)) == address


def test_a_proxy_says_whether_the_browser_uses_tls() -> None:
    peers = Peers(["10.0.0.0/8"])
    assert peers.is_secure(scope(PROXY, x_forwarded_proto="https"))
    assert not peers.is_secure(scope(PROXY, x_forwarded_proto="http"))
    assert not peers.is_secure(scope(PROXY))
    assert not peers.is_secure(scope(BROWSER, x_forwarded_proto="https"))


def test_a_unix_socket_belongs_to_a_proxy_of_this_machine() -> None:
    peers = Peers(["10.0.0.0/8"])
    assert peers.address(scope(None, x_forwarded_for=BROWSER)) == BROWSER


def test_tls_is_required_except_on_loopback() -> None:
    gate = Gate(Origins(), Peers(), require_tls=True)
    assert gate.refusal(scope("127.0.0.1")) is None
    assert gate.refusal(scope("::1")) is None
    assert gate.refusal(scope(BROWSER, scheme="wss")) is None
    assert "trusted_proxies" in str(gate.refusal(scope(BROWSER)))


def test_a_proxy_on_loopback_is_not_the_browser() -> None:
    """Whoever forgot to name the proxy is told, and not let through unprotected."""
    gate = Gate(Origins(), Peers(), require_tls=True)
    assert gate.refusal(scope("127.0.0.1", x_forwarded_for=BROWSER)) is not None
    assert not is_loopback(scope("127.0.0.1", x_forwarded_for=BROWSER))


def test_draining_is_for_this_machine_or_the_token() -> None:
    open_gate = Gate(Origins(), Peers())
    assert open_gate.may_drain(scope("127.0.0.1"))
    assert not open_gate.may_drain(scope(BROWSER))
    assert not open_gate.may_drain(scope("127.0.0.1", x_forwarded_for=BROWSER))
    locked = Gate(Origins(), Peers(), drain_token="s3cret")
    assert locked.may_drain(scope(BROWSER, authorization="Bearer s3cret"))
    assert not locked.may_drain(scope("127.0.0.1", authorization="Bearer wrong"))
    assert not locked.may_drain(scope("127.0.0.1"))


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies: 'nginx'"):
        Peers(["nginx"])
