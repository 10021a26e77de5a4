"""What a page's id says about where the page is.

The widget names a page of the host's own origin by its path (`/drafts/1`) and a page elsewhere by
its whole address. Other clients may name anything.
"""

from __future__ import annotations

import codecs
import re

from .text import has_control

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]+)([^?#]*)(?:[?#].*)?", re.DOTALL)
_ORIGIN = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(\[[0-9A-Fa-f:.]+\]|[^/?#\\@*:\s]+)(?::([0-9]+))?/*"
)
_PORTS = {"http": "80", "https": "443"}
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_LONGEST = 512
"""Characters of an id, at which the widget cuts an address, wherever that is in an escape."""
_CUT = re.compile(r"(.*?)(?:%[0-9A-Fa-f]?)?(~[0-9a-f]{16})", re.DOTALL)


def page_path(url_id: str) -> str | None:
    """The path that a page's id names, percent-decoded: `/drafts/1` for `/drafts/1`, for
    `/d%72afts/1?page=2` and for `https://example.com/drafts/1#top`. Whose path it is says
    `page_origin`: clients may name any origin. Of an address that the widget has cut, what it kept
    of it in whole characters, and the `~` and 16 digits that stand for the rest.

    None where the id names no path (`page="handbook"`), and where it is not in normal form: dot
    segments, empty segments, backslashes, escaped slashes, twice-escaped or broken escapes, control
    characters. No browser sends such an id for a page that a rule can name, ids are compared
    exactly, so it is the id of another page that holds nothing of this one; refuse it.
    """
    if url_id.startswith("/"):
        path = re.split(r"[?#]", url_id, maxsplit=1)[0]
    elif match := _ADDRESS.fullmatch(url_id):
        path = match[3] or "/"
    else:
        return None
    if re.search(r"%2f|%5c|%00", path, re.IGNORECASE) or "\\" in path:
        return None
    cut = _CUT.fullmatch(path) if len(url_id) == _LONGEST else None
    decoded = _decoded(path) if cut is None else _cut_short(cut[1], cut[2])
    if decoded is None or has_control(decoded) or "\\" in decoded or _ESCAPE.search(decoded):
        return None
    segments = decoded.split("/")[1:]
    if any(segment in (".", "..") for segment in segments) or "" in segments[:-1]:
        return None
    return decoded


def page_origin(url_id: str) -> str | None:
    """`https://example.com`, in lower case, where the id is a whole address; else None: the page is
    the host's own, or has an id that is no address."""
    match = _ADDRESS.fullmatch(url_id)
    return f"{match[1]}://{match[2]}".lower() if match else None


def known_origin(origin: str) -> str:
    """As `page_origin` tells it: in lower case, without a slash at its end and a scheme's own port.
    Raises `ValueError` where it is no origin, which no page would ever be on."""
    match = _ORIGIN.fullmatch(origin) if isinstance(origin, str) else None
    if match is None:
        raise ValueError(f"{origin!r} is no origin; write it as https://docs.example")
    scheme, host, port = match[1].lower(), match[2].lower(), match[3]
    return (
        f"{scheme}://{host}" if port in (None, _PORTS.get(scheme)) else f"{scheme}://{host}:{port}"
    )


def _cut_short(path: str, rest: str) -> str | None:
    """Decoded as far as the characters at its end are whole."""
    decoded = _decoded(path, whole=False)
    return None if decoded is None else decoded + rest


def _decoded(path: str, *, whole: bool = True) -> str | None:
    """Percent-decoded once; None where an escape is broken or the bytes are no UTF-8. Where the
    path is not `whole`, a character that has only begun at its end is left out."""
    if "%" not in path:
        return path
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return None
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        return None
    plain = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), raw)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(plain, final=whole)
    except UnicodeDecodeError:
        return None
