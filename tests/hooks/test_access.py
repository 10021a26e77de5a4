"""What a hook is told of a page: a foreign address is no page of this site."""

from __future__ import annotations

import pytest

from collabchat_asgi import AccessRequest, Identity


def access(url_id: str) -> AccessRequest:
    return AccessRequest(Identity("ann", tenants={}), "read", "acme", url_id)


@pytest.mark.parametrize(
    ("url_id", "path"),
    [
        ("/articles/1", "/articles/1"),
        ("/articles/1?x#y", "/articles/1"),
        ("https://evil.example/articles/1", None),
        ("https://docs.example/articles/1", None),
        ("//evil.example/articles/1", None),
        ("/x/../articles/1", None),
        ("handbook", None),
        ("", None),
    ],
)
def test_a_path_is_one_of_this_site(url_id: str, path: str | None) -> None:
    assert access(url_id).path == path


@pytest.mark.parametrize(
    ("url_id", "path"),
    [
        ("https://docs.example/a/1", "/a/1"),
        ("HTTPS://Docs.Example/a/1?x", "/a/1"),
        ("https://help.example:8443/a/1", "/a/1"),
        ("https://docs.example", "/"),
        ("/a/1", None),
        ("handbook", None),
        ("", None),
        ("http://docs.example/a/1", None),
        ("https://docs.example:8443/a/1", None),
        ("https://docs.example.evil.example/a/1", None),
        ("https://ann@docs.example/a/1", None),
        ("https://docs.example@evil.example/a/1", None),
        ("https://docs.example//a/1", None),
        ("https://docs.example/x/../a/1", None),
    ],
)
def test_a_path_is_one_of_a_known_origin(url_id: str, path: str | None) -> None:
    assert access(url_id).path_on("https://docs.example/", "https://Help.example:8443") == path


@pytest.mark.parametrize("origin", ["https://docs.example:443", "HTTPS://Docs.Example/"])
def test_an_origin_may_be_written_at_length(origin: str) -> None:
    assert access("https://docs.example/a/1").path_on(origin) == "/a/1"
    assert access("http://docs.example/a/1").path_on(origin) is None


@pytest.mark.parametrize("port", ["80", "8443"])
def test_another_port_is_another_origin(port: str) -> None:
    assert access("https://docs.example/a/1").path_on(f"https://docs.example:{port}") is None
    address = f"https://docs.example:{port}/a/1"
    assert access(address).path_on(f"https://docs.example:{port}") == "/a/1"


def test_an_origin_may_be_an_address_or_an_app() -> None:
    assert access("http://[::1]:8000/a").path_on("http://[::1]:8000") == "/a"
    assert access("capacitor://localhost/a").path_on("capacitor://localhost") == "/a"


@pytest.mark.parametrize(
    "origin",
    ["docs.example", "https://docs.example/base", "https://*.example", "*", "", "https://", "null"],
)
@pytest.mark.parametrize("url_id", ["/a/1", "https://docs.example/a/1"])
def test_what_no_page_is_on_is_a_fault_and_not_a_no(origin: str, url_id: str) -> None:
    with pytest.raises(ValueError, match=r"is no origin; write it as https://docs\.example"):
        access(url_id).path_on(origin)


def test_a_list_of_origins_is_spread() -> None:
    with pytest.raises(ValueError, match="no origin"):
        access("/a").path_on(["https://docs.example"])  # type: ignore[arg-type]


def test_without_an_origin_nothing_is_known() -> None:
    assert [access(url_id).path_on() for url_id in ("/a", "https://docs.example/a")] == [None, None]
