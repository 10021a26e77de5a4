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


def test_without_an_origin_nothing_is_known() -> None:
    assert [access(url_id).path_on() for url_id in ("/a", "https://docs.example/a")] == [None, None]
