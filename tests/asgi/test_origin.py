"""Which pages may talk to us, and which of them with cookies."""

from __future__ import annotations

from typing import Any

import pytest

from collabchat_asgi import ConfigError
from collabchat_asgi.asgi.origin import Origins

from .driver import get, make


def scope(origin: str | None, host: str = "app.example.com") -> dict[str, Any]:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return {"headers": headers}


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/", "HTTPS://A.example:443"),
        ("http://a.example:8080", "http://a.example:8080"),
        ("https://*.example.org", "https://a.example.org"),
        ("https://*.example.org", "https://b.a.EXAMPLE.org"),
        ("https://*.example.org:8443", "https://a.example.org:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("moz-extension://0d1c-2f", "moz-extension://0d1c-2f"),
        ("app://-", "app://-"),
        ("null", "null"),
        ("*", "https://anything.example"),
    ],
)
def test_what_is_listed_comes_in(listed: str, origin: str) -> None:
    assert Origins([listed]).refusal(scope(origin)) is None


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://a.example", "http://a.example"),
        ("https://a.example", "https://a.example:444"),
        ("https://*.example.org", "https://example.org"),
        ("https://*.example.org", "https://.example.org"),
        ("https://*.example.org", "https://evilexample.org"),
        ("https://*.example.org", "https://a.example.org.evil.example"),
        ("https://*.example.org", "http://a.example.org"),
        ("https://*.example.org", "https://a.example.org:8443"),
        ("https://*.example.org", "https://*.example.org"),
        ("capacitor://localhost", "capacitor://elsewhere"),
        ("capacitor://localhost", "http://localhost"),
        ("chrome-extension://abc", "chrome-extension://abcd"),
        ("*", "null"),
        ("*", "no origin at all"),
    ],
)
def test_what_is_not_stays_out(listed: str, origin: str) -> None:
    assert Origins([listed]).refusal(scope(origin)) is not None


def test_an_app_is_no_page_of_the_same_host() -> None:
    assert Origins().refusal(scope("capacitor://app.example.com")) is not None
    assert Origins().refusal(scope("https://app.example.com")) is None


@pytest.mark.parametrize("listed", ["example.com", "https://", "https://a.*.example", "*.a", "a b"])
def test_what_is_no_origin_is_named(listed: str) -> None:
    with pytest.raises(ConfigError, match="allowed_origins"):
        Origins([listed])


async def cors(allowed: str, origin: str, method: str = "OPTIONS") -> tuple[str | None, str | None]:
    collab = make(allowed_origins=allowed)
    headers = [(b"host", b"example.com"), (b"origin", origin.encode())]
    _, told, _ = await get(collab, "/v1/chats", method=method, headers=headers)
    await collab.close()
    return told.get("access-control-allow-origin"), told.get("access-control-allow-credentials")


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
async def test_cookies_go_along_only_where_somebody_has_named_the_origin(method: str) -> None:
    friend = "https://friend.example"
    assert await cors(friend, friend, method) == (friend, "true")
    assert await cors("*", friend, method) == ("*", None)
    assert await cors(f"*, {friend}", friend, method) == (friend, "true")
    assert await cors("*", "https://example.com", method) == ("https://example.com", "true")
    assert await cors("", friend, method) == (None, None)
