from __future__ import annotations

import base64
import hashlib
import sys
import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabchat_asgi.core.text import (
    WHITE_SPACE,
    anonymous_id,
    has_control,
    is_emoji,
    is_tenant_id,
    is_text,
    is_uuid,
    presentable,
    shortened,
    trim,
    uuid7,
)

from .histories import many


def test_trimming_takes_unicode_white_space_and_no_more() -> None:
    # PropList-15.0: White_Space has 25 code points. str.strip also takes U+001C to U+001F.
    assert len(WHITE_SPACE) == 25
    spaces = {c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] == "Z"}
    assert set(WHITE_SPACE) == spaces | set("\t\n\v\f\r\x85")
    assert trim(f"{WHITE_SPACE}a b{WHITE_SPACE}") == "a b"
    for kept in "\x1c\x1f\u200b\ufeff\u180e":
        assert trim(kept) == kept


def test_control_characters_are_c0_del_and_c1() -> None:
    found = {c for c in map(chr, range(0x3000)) if has_control(c)}
    assert found == {c for c in map(chr, range(0x3000)) if unicodedata.category(c) == "Cc"}
    assert has_control("a\nb")
    assert not has_control("Привет 👋")


@pytest.mark.parametrize(
    "text",
    ["👍", "❤️", "❤", "👩‍👩‍👧‍👦", "👋🏽", "🇩🇪", "1️⃣", "#⃣", "*️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "©"],
)
def test_one_emoji(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1",
        "#",
        "👍👍",
        "👍 ",
        " 👍",
        "👍a",
        "🇩",
        "🇩🇪🇫🇷",
        "é",
        "\n",
        "👍\n",
        "1️",
        "⃣",
        "👩‍" * 9 + "👩",
    ],
)
def test_not_one_emoji(text: str) -> None:
    assert not is_emoji(text)


def test_an_emoji_is_at_most_32_bytes() -> None:
    longest = "👍" + "\u0301" * 14
    assert len(longest.encode()) == 32
    assert is_emoji(longest)
    assert not is_emoji(longest + "\u0301")


@many
@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    trimmed = trim(text)
    assert trim(trimmed) == trimmed
    assert trimmed in text
    if is_emoji(text):
        assert not text.isascii()
        assert not has_control(text)
        assert len(text.encode()) <= 32


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("0190163d-8694-739b-aea5-966c26f8ad91", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("0190163D-8694-739B-AEA5-966C26F8AD91", False),
        ("{0190163d-8694-739b-aea5-966c26f8ad91}", False),
        ("0190163d8694739baea5966c26f8ad91", False),
        ("0190163d-8694-739b-aea5-966c26f8ad91\n", False),
        ("urn:uuid:0190163d-8694-739b-aea5-966c26f8ad91", False),
        ("٠190163d-8694-739b-aea5-966c26f8ad91", False),
        ("", False),
    ],
)
def test_canonical_uuids(text: str, valid: bool) -> None:
    assert is_uuid(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a", True),
        ("Az09_.:-", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("a/b", False),
        ("a\n", False),
        ("ä", False),
        ("١", False),
    ],
)
def test_tenant_ids(text: str, valid: bool) -> None:
    assert is_tenant_id(text) is valid


def test_made_ids_are_uuid7_and_sort_by_time() -> None:
    times = [0, 1, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1]
    made = [uuid7(time) for time in times]
    assert made == sorted(made)
    assert len({uuid7(5) for _ in range(1_000)}) == 1_000
    for time, text in zip(times, made, strict=True):
        parsed = uuid.UUID(text)
        assert is_uuid(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert parsed.int >> 80 == time


def test_an_anonymous_id_hides_its_secret_and_depends_on_the_tenant() -> None:
    made = anonymous_id("acme", "secret")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"acme\0secret").digest()).decode()
    assert made == "anon:" + digest[:22]
    assert made == anonymous_id("acme", "secret")
    assert len({anonymous_id(t, v) for t in ("acme", "ac") for v in ("secret", "mesecret")}) == 4


@many
@given(st.text(st.characters() | st.characters(categories=["Cs", "Cc"]), max_size=20))
def test_what_is_presented_can_be_written_and_shown(text: str) -> None:
    shown = presentable(text)
    assert is_text(shown)
    assert not has_control(shown)
    assert (shown == text) == (is_text(text) and not has_control(text))


@many
@given(st.text(max_size=20), st.integers(1, 25))
def test_what_is_shortened_says_so(text: str, most: int) -> None:
    shown = shortened(text, most)
    assert len(shown) <= most
    assert shown == text or (shown[-1] == "…" and text.startswith(shown[:-1]))
