"""A rule on a page's path cannot be walked around."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabchat_asgi.core.page_id import known_origin, page_origin, page_path


@pytest.mark.parametrize(
    ("url_id", "path"),
    [
        ("/", "/"),
        ("/drafts/1", "/drafts/1"),
        ("/drafts/", "/drafts/"),
        ("/drafts/1?page=2#top", "/drafts/1"),
        ("/d%72afts/1", "/drafts/1"),
        ("/caf%C3%A9", "/café"),
        ("/café", "/café"),
        ("/a%20b", "/a b"),
        ("/100%25", "/100%"),
        ("/a/.well-known/..b", "/a/.well-known/..b"),
        ("https://example.com/drafts/1", "/drafts/1"),
        ("HTTPS://Example.COM:8000/drafts/1?x#y", "/drafts/1"),
        ("https://example.com", "/"),
        ("https://example.com?x", "/"),
        ("capacitor://localhost/drafts/1", "/drafts/1"),
    ],
)
def test_the_path_is_told_whichever_form_came(url_id: str, path: str) -> None:
    assert page_path(url_id) == path


@pytest.mark.parametrize(
    "url_id",
    [
        "/drafts/../drafts/1",
        "/x/../drafts/1",
        "/x/..",
        "/./drafts/1",
        "/%2e%2e/drafts/1",
        "/x/%2E./drafts/1",
        "//drafts/1",
        "/x//drafts/1",
        "/x//",
        "/%2Fdrafts/1",
        "/drafts%2f1",
        "/\\drafts/1",
        "/drafts%5C1",
        "/%2572afts/1",
        "/%zz",
        "/%",
        "/%ff",
        "/%00",
        "/%0a",
        "/\ud800%20",
        "https://example.com//drafts/1",
        "https://example.com/x/../drafts/1",
        "https:///drafts/1",
        "https:drafts/1",
        "https://example.com\\drafts/1",
        "drafts/1",
        "handbook",
        " /drafts/1",
        "",
    ],
)
def test_what_is_not_in_normal_form_has_no_path(url_id: str) -> None:
    assert page_path(url_id) is None


REST = "~0123456789abcdef"


@pytest.mark.parametrize("before", range(9))
def test_a_long_address_is_under_its_rule_wherever_it_was_cut(before: int) -> None:
    address = "/articles/" + "x" * before + "%E4%B8%AD" * 60
    path = page_path(address[: 512 - len(REST)] + REST)
    assert path is not None
    assert path.startswith("/articles/" + "x" * before + "中中")
    assert path.removesuffix(REST).strip("中").strip("x") == "/articles/"


@pytest.mark.parametrize(
    "address",
    [
        "/articles/%E4" + REST,  # nothing that long: nothing was cut
        "/articles/%" + REST,
        *(
            f"/{filling:x<{511 - len(odd) - len(REST)}}{odd}{REST}"
            for filling in ("", "%ff", "%zz", "../", "a/../", "a//", "%2f", "%2561")
            for odd in ("", "%", "%E4%B8")
            if filling
        ),
        f"/{'x' * 491}%zz{REST}",
        f"/{'x' * 488}%E4%B8x{REST}",
        f"/{'x' * 491}%ff{REST}",
    ],
)
def test_an_address_that_was_cut_is_in_normal_form_else(address: str) -> None:
    assert page_path(address) is None


@given(st.text(alphabet="/.%2eEfF5cC\\ad?#:", max_size=24))
def test_a_path_is_in_normal_form_and_stays_as_it_is(url_id: str) -> None:
    path = page_path("/" + url_id)
    if path is None:
        return
    segments = path.split("/")[1:]
    assert path.startswith("/")
    assert not {".", ".."} & set(segments)
    assert "" not in segments[:-1]
    assert "\\" not in path


@pytest.mark.parametrize(
    ("url_id", "origin"),
    [
        ("https://Example.COM:8000/x", "https://example.com:8000"),
        ("/x", None),
        ("//example.com/x", None),
        ("handbook", None),
    ],
)
def test_the_origin_is_told_of_a_whole_address(url_id: str, origin: str | None) -> None:
    assert page_origin(url_id) == origin


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ("HTTPS://Docs.Example/", "https://docs.example"),
        ("https://docs.example:443", "https://docs.example"),
        ("http://docs.example:443", "http://docs.example:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_known_in_one_form(origin: str, known: str) -> None:
    assert known_origin(origin) == known


@pytest.mark.parametrize("origin", ["", "*", "docs.example", "https://x/base", "https://a b"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin; write it as"):
        known_origin(origin)
