"""What text may be: trimming, control characters, ids, one emoji (PROTOCOL section 1 and 4)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

import regex

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
WHITE_SPACE += "\u2028\u2029\u202f\u205f\u3000"
"""Unicode White_Space. `str.strip()` alone would take U+001C to U+001F as well."""

MAX_INTEGER = 2**53
"""What JavaScript can count."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
"""Something, without control characters, that can be written as UTF-8."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""In canonical text form (RFC 9562 section 4: lower case)."""
_TENANT = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_EMOJI = regex.compile(
    r"(?=.*(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3))\X",
    regex.DOTALL,
)


def trim(text: str) -> str:
    return text.strip(WHITE_SPACE)


def has_control(text: str) -> bool:
    """Whether there is a C0, DEL or C1 character."""
    return _CONTROL.search(text) is not None


def is_text(text: str) -> bool:
    """Whether this can be written as UTF-8: a lone surrogate cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def presentable(text: str) -> str:
    """The same without control characters, and with U+FFFD for each lone surrogate."""
    text = _CONTROL.sub("", text)
    return (
        text
        if is_text(text)
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def shortened(text: str, most: int) -> str:
    """At most so many code points, the last of them "…" where something was cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def is_uuid(text: str) -> bool:
    """Whether this is a UUID in canonical text form (RFC 9562 section 4: lower case)."""
    return UUID.fullmatch(text) is not None


def is_tenant_id(text: str) -> bool:
    return _TENANT.fullmatch(text) is not None


def is_emoji(text: str) -> bool:
    """One grapheme cluster that is a picture, a flag or a keycap, in at most 32 bytes of UTF-8."""
    return len(text) <= 32 and len(text.encode()) <= 32 and _EMOJI.fullmatch(text) is not None


def uuid7(now_ms: int) -> str:
    """A UUIDv7 (RFC 9562 section 5.7): sorts by time, 74 random bits."""
    value = (now_ms & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


ANONYMOUS = "anon:"
"""How the ids begin of people who are known by their browser alone."""


def anonymous_id(tenant_id: str, visitor_id: str) -> str:
    """The public id of a browser's secret: tabs count once, and nobody can pose as another."""
    digest = hashlib.sha256(f"{tenant_id}\0{visitor_id}".encode()).digest()
    return ANONYMOUS + base64.urlsafe_b64encode(digest).decode()[:22]
