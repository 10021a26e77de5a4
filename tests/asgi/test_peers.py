"""Who is at the other end, and what is decided before anybody is asked who this is."""

from __future__ import annotations

from typing import Any

import pytest

from collabchat_asgi import ConfigError
from collabchat_asgi.asgi.gate import Gate
from collabchat_asgi.asgi.origin import Origins
from collabchat_asgi.asgi.peer import Peers, is_at_home, is_loopback

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


def test_draining_is_for_who_has_the_token() -> None:
    """A proxy on this machine that adds no header looks like this machine itself."""
    assert not Gate(Origins(), Peers()).may_drain(scope("127.0.0.1", host="127.0.0.1:8000"))
    assert not Gate(Origins(), Peers(), drain_token="").may_drain(
        scope("127.0.0.1", authorization="Bearer ")
    )
    assert not Gate(Origins(), Peers(), drain_token=" ").may_drain(
        scope("127.0.0.1", authorization="Bearer ")
    )
    locked = Gate(Origins(), Peers(), drain_token="s3cret\n")  # as files end
    assert locked.may_drain(scope(BROWSER, authorization="Bearer s3cret"))
    assert locked.may_drain(scope(BROWSER, authorization="bearer  s3cret"))
    assert not locked.may_drain(scope("127.0.0.1", authorization="Bearer wrong"))
    assert not locked.may_drain(scope("127.0.0.1", authorization="Basic s3cret"))
    assert not locked.may_drain(scope("127.0.0.1", host="localhost"))


def test_an_operator_on_the_machine_of_a_trusted_proxy_needs_no_tls() -> None:
    """As the preStop hook of a pod whose proxy is beside it."""
    gate = Gate(
        Origins(),
        Peers(["127.0.0.1", "::1"]),
        require_tls=True,
        drain_token="s3cret",
        metrics_token="t0ken",
    )
    for token in ("s3cret", "t0ken"):
        bearer = {"authorization": f"Bearer {token}"}
        assert gate.refusal(scope("127.0.0.1", host="127.0.0.1:8000", **bearer)) is None
        assert gate.refusal(scope("::1", host="localhost:8000", **bearer)) is None
        assert gate.refusal(scope(BROWSER, host="localhost:8000", **bearer)) is not None
        assert gate.refusal(scope("127.0.0.1", host="app.example.com", **bearer)) is not None
        told = scope("127.0.0.1", host="localhost", x_forwarded_for=BROWSER, **bearer)
        assert gate.refusal(told) is not None
    wrong = scope("127.0.0.1", host="localhost", authorization="Bearer wrong")
    assert gate.refusal(wrong) is not None
    assert gate.refusal(scope("127.0.0.1", host="localhost")) is not None


def test_details_are_for_this_machine_or_the_token() -> None:
    gate = Gate(Origins(), Peers(), drain_token="s3cret")
    assert gate.may_see_details(scope("127.0.0.1", host="127.0.0.1:8000"))
    assert gate.may_see_details(scope("::ffff:127.0.0.1", host="localhost"))
    assert gate.may_see_details(scope("::1", host="[::1]:8000"))
    assert gate.may_see_details(scope(BROWSER, authorization="Bearer s3cret"))
    assert not gate.may_see_details(scope(BROWSER, host="localhost"))
    assert not gate.may_see_details(scope("127.0.0.1", host="app.example.com"))
    assert not gate.may_see_details(scope("127.0.0.1", host="localhost.evil.example"))
    assert not gate.may_see_details(scope("127.0.0.1"))
    for header in ("x_forwarded_for", "forwarded", "x_real_ip", "via", "x_forwarded_proto"):
        told = scope("127.0.0.1", host="localhost", **{header: "x"})
        assert not gate.may_see_details(told), header
        assert not is_at_home(told)
    assert not Gate(Origins(), Peers(["::1"])).may_see_details(scope("::1", host="localhost"))


@pytest.mark.parametrize(
    "spelling",
    [
        "203.0.113.9",
        "203.0.113.9:5678",
        "::ffff:203.0.113.9",
        "::FFFF:cb00:7109",
        "[::ffff:203.0.113.9]:80",
        "[::ffff:203.0.113.9]",
        ' "203.0.113.9:1" ',
    ],
)
def test_an_address_has_one_spelling(spelling: str) -> None:
    peers = Peers(["10.0.0.0/8"])
    assert peers.address(scope(PROXY, x_forwarded_for=spelling)) == BROWSER
    assert peers.address(scope(f"::ffff:{PROXY}", x_forwarded_for=spelling)) == BROWSER
    assert Peers().address(scope(spelling)) == BROWSER


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8:0:0::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_of_ipv6(spelling: str, address: str) -> None:
    assert Peers(["10.0.0.0/8"]).address(scope(PROXY, x_forwarded_for=spelling)) == address


@pytest.mark.parametrize(
    "network", ["10.0.0.7", "10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.7"]
)
def test_a_network_of_proxies_is_what_it_is_in_either_family(network: str) -> None:
    for client in (PROXY, f"::ffff:{PROXY}"):
        assert Peers([network]).address(scope(client, x_forwarded_for=BROWSER)) == BROWSER
    assert Peers([network]).address(scope("11.0.0.7", x_forwarded_for=BROWSER)) == "11.0.0.7"


def test_a_list_may_stand_in_several_lines() -> None:
    told = scope(PROXY)
    told["headers"] = [
        (b"X-Forwarded-For", b"6.6.6.6"),
        (b"x-forwarded-for", BROWSER.encode()),
        (b"x-forwarded-for", b"10.0.0.8, 10.0.0.9"),
        (b"X-Forwarded-Proto", b"http"),
        (b"x-forwarded-proto", b"HTTPS"),
    ]
    assert Peers(["10.0.0.0/8"]).address(told) == BROWSER
    assert Peers(["10.0.0.0/8"]).is_secure(told)


@pytest.mark.parametrize(
    ("header", "address", "secure"),
    [
        (f"for={BROWSER};proto=https", BROWSER, True),
        (f'For="{BROWSER}:4711"; Proto=HTTPS;by=10.0.0.1', BROWSER, True),
        ('for="[2001:db8::1]:4711"', "2001:db8::1", False),
        (f"for=6.6.6.6;proto=https, for={BROWSER};proto=http", BROWSER, False),
        (f"for={BROWSER}, for=10.0.0.8;proto=https", BROWSER, True),
        ("for=unknown;proto=https", PROXY, True),
        ("for=_hidden", PROXY, False),
        (';;=,,"', PROXY, False),
        (f"for=6.6.6.6;proto=https ?, for={BROWSER};proto=http", BROWSER, False),
        (f'for=6.6.6.6;proto=https;x="y, for={BROWSER};proto=http', BROWSER, False),
        (f'for="6.6.6.6, for="{BROWSER}:4711";proto=http', BROWSER, False),
        (f'for=6.6.6.6;x="\\", for={BROWSER}', BROWSER, False),
        ('for="[2001:db8::1]:4711";x="a, b"', "2001:db8::1", False),
    ],
)
def test_the_standard_header(header: str, address: str, secure: bool) -> None:
    peers = Peers(["10.0.0.0/8"])
    assert peers.address(scope(PROXY, forwarded=header)) == address
    assert peers.is_secure(scope(PROXY, forwarded=header)) is secure


def test_the_header_that_everybody_sets_goes_before_the_standard_one() -> None:
    told = scope(PROXY, x_forwarded_for=BROWSER, forwarded="for=6.6.6.6;proto=https")
    told["headers"].append((b"x-forwarded-proto", b"http"))
    assert Peers(["10.0.0.0/8"]).address(told) == BROWSER
    assert not Peers(["10.0.0.0/8"]).is_secure(told)


@pytest.mark.parametrize("proto", ["https", "HTTPS", "Wss", "http, https", '"https"'])
def test_tls_in_any_letter_case(proto: str) -> None:
    assert Peers(["10.0.0.0/8"]).is_secure(scope(PROXY, x_forwarded_proto=proto))


def test_a_server_that_has_read_the_headers_itself_is_believed() -> None:
    """uvicorn's proxy_headers put the browser's address into the scope, with port 0."""
    told = scope(BROWSER, scheme="wss", x_forwarded_for=f"6.6.6.6, {BROWSER}")
    told["client"] = (BROWSER, 0)
    assert Peers(["127.0.0.1"]).address(told) == BROWSER
    assert Peers(["127.0.0.1"]).is_secure(told)


@pytest.mark.parametrize("client", [None, ("", 0)])
def test_a_unix_socket_that_tells_nothing_has_no_address(client: Any) -> None:
    told = {**scope(None), "client": client}
    assert Peers(["10.0.0.0/8"]).address(told) is None
    assert Peers().address(told) is None
    assert not is_loopback(told)


def test_a_proxy_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies: 'nginx'"):
        Peers(["nginx"])
